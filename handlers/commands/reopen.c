#include "handlers/commands_internal.h"

static bool reopen_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};

	return command_ids(asked, words, &reopen_command, &ids, err) &&
	       command_act(desk, asked, &ids, "reopen", "Reopened", command_reason(words), NULL,
		   answer, err);
}

const struct command reopen_command = {
    .name = "reopen",
    .usage = "reopen A1042… [because REASON]",
    .help = "takes a resolve back; what was paged is paged again",
    .example = "reopen A1042 because still there",
    .needs = ROLE_RESPONDER,
    .run = reopen_run,
};
