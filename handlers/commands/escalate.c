#include <strings.h>

#include "config/base/text.h"
#include "handlers/commands_internal.h"

#define TARGET_MAX 200 /* bytes of a team's or a person's name */

static bool read_target(struct words *words, struct buf *target, struct error *err)
{
	const char *word;

	if (!words_take(words, "to"))
		return true;
	while ((word = words_peek(words)) != NULL && strcasecmp(word, "because") != 0) {
		if (target->len > 0)
			buf_putc(target, ' ');
		buf_puts(target, words_next(words));
	}
	if (target->len == 0)
		return error_set(err, ERROR_USAGE, "to whom? try: %s", escalate_command.example);
	return buf_ok(target) || error_set(err, ERROR_USAGE, "that name is too long; try: %s",
				     escalate_command.example);
}

static bool escalate_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};
	struct buf target;
	bool ok;

	if (!command_ids(asked, words, &escalate_command, &ids, err))
		return false;
	buf_init(&target, TARGET_MAX);
	ok = read_target(words, &target, err) &&
	     command_act(desk, asked, &ids, "escalate", "Escalated", command_reason(words),
		 target.len > 0 ? buf_text(&target) : NULL, answer, err);
	buf_fini(&target);
	return ok;
}

const struct command escalate_command = {
    .name = "escalate",
    .usage = "escalate A1042 [to TEAM|@person] [because REASON]",
    .help = "pages whoever is on call for it, and after that the next level; `to` gives it to another "
	    "escalation policy, or asks a person to help",
    .example = "escalate A1042 because the key is not ours",
    .needs = ROLE_RESPONDER,
    .run = escalate_run,
};
