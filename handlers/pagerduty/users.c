#include "handlers/pagerduty/users.h"

#include "config/base/memory.h"
#include "config/base/text.h"

void user_found_fini(struct user_found *found)
{
	(void)found;
}

bool user_find(struct desk *desk, const char *who, struct user_found *found, struct error *err)
{
	(void)desk;
	(void)who;
	(void)err;
	*found = (struct user_found){.answer = USER_STRANGER};
	return true;
}

bool users_ask(struct talk *talk, const struct user_found *found, struct error *err)
{
	(void)found;
	(void)err;
	return rest_nothing(talk);
}

bool users_heard(struct talk *talk, const struct user_found *found, const struct reply *reply, struct error *err)
{
	(void)talk;
	(void)found;
	(void)reply;
	(void)err;
	return true;
}

char *user_here(struct desk *desk, const char *id, const char *name)
{
	(void)desk;
	(void)id;
	return xstrdup(text_is_empty(name) ? "somebody" : name);
}

bool user_is_known(struct desk *desk, const char *id)
{
	(void)desk;
	(void)id;
	return true;
}

bool user_learn(struct desk *desk, const char *id, struct error *err)
{
	(void)desk;
	(void)id;
	(void)err;
	return true;
}

bool users_tick(struct desk *desk, struct error *err)
{
	(void)desk;
	(void)err;
	return true;
}

static bool render(struct talk *talk, struct error *err)
{
	(void)err;
	return rest_nothing(talk);
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	(void)talk;
	(void)reply;
	(void)err;
	return true;
}

const struct conversation user_conversation = {.kind = WORD_USER, .render = render, .heard = heard};
