#include "config/base/text.h"
#include "handlers/commands_internal.h"

static bool note_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};
	const char *note;

	if (!command_ids(asked, words, &note_command, &ids, err))
		return false;
	note = words_rest(words);
	if (text_is_empty(note))
		return error_set(
		    err, ERROR_USAGE, "a note needs words; try: %s", note_command.example);
	return command_act(desk, asked, &ids, "note", "Noted on", note, NULL, answer, err);
}

const struct command note_command = {
    .name = "note",
    .usage = "note A1042 TEXT",
    .help = "adds words to its timeline and its thread",
    .example = "note A1042 seen the same on web-4",
    .needs = ROLE_RESPONDER,
    .run = note_run,
};
