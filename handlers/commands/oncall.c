#include "handlers/pagerduty/oncall.h"

#include "config/base/text.h"
#include "handlers/commands_internal.h"

static bool oncall_run(struct desk *desk, const struct asked *asked, struct words *words, struct buf *answer, struct error *err)
{
	const char *team = command_reason(words);

	(void)answer; /* PagerDuty is asked, and answers for itself */
	return oncall_tell(desk, asked, text_is_empty(team) ? NULL : team, err);
}

const struct command oncall_command = {
    .name = "oncall",
    .usage = "oncall [TEAM]",
    .help = "who is on call now, per escalation policy, as PagerDuty says",
    .example = "oncall security",
    .needs = ROLE_ANYONE,
    .is_later = true,
    .run = oncall_run,
};
