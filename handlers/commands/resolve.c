#include "handlers/commands_internal.h"

static bool resolve_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	return command_act_on(desk, asked, words, &resolve_command, "Resolved", true, answer, err);
}

const struct command resolve_command = {
    .name = "resolve",
    .usage = "resolve A1042… | mine [because REASON]",
    .help = "closes it, in Slack and in PagerDuty",
    .example = "resolve A1042 because chef run, as planned",
    .needs = ROLE_RESPONDER,
    .run = resolve_run,
};
