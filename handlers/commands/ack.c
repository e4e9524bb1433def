#include "handlers/commands_internal.h"

static bool ack_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	return command_act_on(desk, asked, words, &ack_command, "Acked", false, answer, err);
}

const struct command ack_command = {
    .name = "ack",
    .usage = "ack A1042… | mine [NOTE]",
    .help = "tells everyone that you have it, in Slack and in PagerDuty",
    .example = "ack A1042 looking",
    .needs = ROLE_RESPONDER,
    .run = ack_run,
};
