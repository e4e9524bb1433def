#include <inttypes.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"

static bool extend_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now;
	int64_t id, by_s;

	if (!command_announcement(words, &extend_command, &id, err))
		return false;
	if (!words_take(words, "by"))
		words_take(words, "for");
	if (!command_duration(words, &extend_command, &by_s, err) ||
	    !command_is_over(words, &extend_command, err) ||
	    !announcement_extend(desk, &asked->actor, id, by_s, &now, err))
		return false;
	buf_printf(answer, "*H%" PRId64 "* now lasts", id);
	command_put_time(desk, " until ", now->ends_at, command_zone(asked), answer);
	buf_puts(answer, ".");
	if (now->needs_approval && now->approval_from > desk->now && !announcement_is_approved(now))
		command_put_time(desk, " It counts for nothing unless somebody else approves it, from ",
		    now->approval_from, command_zone(asked), answer);
	else if (announcement_is_approved(now) && now->approved_until != 0)
		command_put_time(desk, " The approval holds for what was approved, until ",
		    now->approved_until, command_zone(asked), answer);
	announcement_free(now);
	return true;
}

const struct command extend_command = {
    .name = "extend",
    .usage = "extend H17 30m",
    .help = "makes an announcement last longer",
    .example = "extend H17 30m",
    .needs = ROLE_ANNOUNCER,
    .run = extend_run,
};
