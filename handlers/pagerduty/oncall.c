#include "handlers/pagerduty/oncall.h"

bool oncall_tell(struct desk *desk, const struct asked *asked, const char *team, struct error *err)
{
	(void)desk;
	(void)asked;
	(void)team;
	return error_set(err, ERROR_REFUSED, "who is on call is told by PagerDuty's REST API: set pagerduty.api_token");
}

bool oncall_has(struct desk *desk, const char *who)
{
	(void)desk;
	(void)who;
	return false;
}

bool oncall_tick(struct desk *desk, struct error *err)
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

const struct conversation oncall_conversation = {.kind = WORD_ONCALL, .render = render, .heard = heard};
