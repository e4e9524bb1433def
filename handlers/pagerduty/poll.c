#include "handlers/pagerduty/poll.h"

bool poll_tick(struct desk *desk, struct error *err)
{
	(void)desk;
	(void)err;
	return true;
}

bool poll_read(const cJSON *entry, struct change *change, struct buf *space)
{
	(void)entry;
	(void)change;
	(void)space;
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

const struct conversation poll_conversation = {.kind = WORD_POLL, .render = render, .heard = heard};
