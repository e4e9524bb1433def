#include <inttypes.h>
#include <string.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"

static bool deny_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now;
	int64_t id;

	if (!command_announcement(words, &deny_command, &id, err) ||
	    !announcement_deny(desk, &asked->actor, id, command_reason(words), &now, err))
		return false;
	if (now->state == ANNOUNCEMENT_STANDS)
		buf_printf(answer,
		    "*H%" PRId64 "* is not approved: what is %s%s fires; it stands for the rest.", id,
		    severity_name(desk->config->policy.approval_from),
		    desk->config->policy.approval_from < SEVERITY_CRITICAL ? " and above" : "");
	else
		buf_printf(answer, "*H%" PRId64 "* is denied, and over.", id);
	announcement_free(now);
	return true;
}

const struct command deny_command = {
    .name = "deny",
    .usage = "deny H17 [because REASON]",
    .help = "says no to an announcement that asks for approval, or takes one's yes back",
    .example = "deny H17 because not today",
    .needs = ROLE_ANYONE, /* as approve */
    .run = deny_run,
};
