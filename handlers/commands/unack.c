#include "handlers/commands_internal.h"

static bool unack_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};

	return command_ids(asked, words, &unack_command, &ids, err) &&
	       command_act(desk, asked, &ids, "unack", "Un-acked", command_reason(words), NULL,
		   answer, err);
}

const struct command unack_command = {
    .name = "unack",
    .usage = "unack A1042… [because REASON]",
    .help = "takes an ack back: nobody has it",
    .example = "unack A1042 because wrong one",
    .needs = ROLE_RESPONDER,
    .run = unack_run,
};
