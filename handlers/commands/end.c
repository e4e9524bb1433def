#include <inttypes.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"

static bool end_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now;
	int64_t id, other;

	if (!command_announcement(words, &end_command, &id, err))
		return false;
	if (id_parse(words_peek(words), 'H', &other))
		return error_set(
		    err, ERROR_USAGE, "one announcement at a time; try: end H%" PRId64, id);
	if (!announcement_end(desk, &asked->actor, id, command_reason(words), &now, err))
		return false;
	buf_printf(answer,
	    "*H%" PRId64 "* is over: matched %" PRId64 " of %" PRId64 ", %" PRId64 " near miss%s.",
	    id, now->matched, now->max, now->near_misses, now->near_misses == 1 ? "" : "es");
	announcement_free(now);
	return true;
}

const struct command end_command = {
    .name = "end",
    .alias = "done",
    .usage = "end H17 [because REASON]",
    .help = "ends an announcement when the work is done",
    .example = "end H17",
    .needs = ROLE_ANYONE, /* its author, announcers and responders: announcement_end() */
    .run = end_run,
};
