#include <inttypes.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"

static bool cancel_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now;
	int64_t id;

	if (!command_announcement(words, &cancel_command, &id, err) ||
	    !command_is_over(words, &cancel_command, err) ||
	    !announcement_cancel(desk, &asked->actor, id, &now, err))
		return false;
	buf_printf(answer, "*H%" PRId64 "* is cancelled; it had not begun.", id);
	announcement_free(now);
	return true;
}

const struct command cancel_command = {
    .name = "cancel",
    .usage = "cancel H17",
    .help = "takes back an announcement that has not begun",
    .example = "cancel H17",
    .needs = ROLE_ANYONE, /* its author, announcers and responders: announcement_cancel() */
    .run = cancel_run,
};
