#include <strings.h>

#include "handlers/commands_internal.h"

static bool assign_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};
	const char *to = NULL, *word;

	if (!command_ids(asked, words, &assign_command, &ids, err))
		return false;
	words_take(words, "to");
	word = words_peek(words);
	if (word != NULL && strcasecmp(word, "because") != 0)
		to = words_next(words);
	return command_act(
	    desk, asked, &ids, "assign", "Assigned", command_reason(words), to, answer, err);
}

const struct command assign_command = {
    .name = "assign",
    .usage = "assign A1042… [@person] [because REASON]",
    .help = "says who has it; alone: you",
    .example = "assign A1042 @bob because you know that host",
    .needs = ROLE_RESPONDER,
    .run = assign_run,
};
