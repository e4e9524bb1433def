#include "handlers/pagerduty/deeds.h"

bool deed_leave(struct desk *desk, const struct actor *actor, const struct alert *alert, const char *verb, const char *note, const char *to,
    struct error *err)
{
	(void)desk;
	(void)actor;
	(void)alert;
	(void)verb;
	(void)note;
	(void)to;
	(void)err;
	return true;
}

bool deed_find_incident(struct desk *desk, int64_t alert, struct error *err)
{
	(void)desk;
	(void)alert;
	(void)err;
	return true;
}

bool deed_again(struct desk *desk, const struct alert *alert, struct error *err)
{
	(void)desk;
	(void)alert;
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

const struct conversation deed_conversation = {.kind = WORD_DEED, .render = render, .heard = heard};
