#include "handlers/pagerduty/hook.h"

bool hook_proves(char *const *secrets, const char *header, const char *body, size_t len)
{
	(void)secrets;
	(void)header;
	(void)body;
	(void)len;
	return false;
}

bool hook_read(const cJSON *event, struct change *change, struct buf *space)
{
	(void)event;
	(void)change;
	(void)space;
	return false;
}

bool hook_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	(void)desk;
	(void)request;
	(void)answer;
	return false;
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

const struct conversation hook_conversation = {.kind = WORD_HOOK, .render = render, .heard = heard};
