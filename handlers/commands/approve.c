#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define MATCH_UNITS 200

/* v3: only if it is still what was seen; the button says so. */
static int64_t read_edition(struct words *words)
{
	const char *word = words_peek(words);

	if (word == NULL || word[0] != 'v' || word[1] == '\0' || strlen(word) > 18 ||
	    strspn(word + 1, "0123456789") != strlen(word + 1))
		return 0;
	words_next(words);
	return strtoll(word + 1, NULL, 10);
}

static bool approve_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now;
	int64_t id, edition;

	if (!command_announcement(words, &approve_command, &id, err))
		return false;
	edition = read_edition(words);
	if (!command_is_over(words, &approve_command, err) ||
	    !announcement_approve(desk, &asked->actor, id, edition, &now, err))
		return false;
	buf_printf(answer, "*H%" PRId64 "* is approved, as it is:", id);
	for (size_t i = 0; i < now->match_count; i++) {
		buf_putc(answer, ' ');
		buf_put_code(answer, now->match[i], MATCH_UNITS);
	}
	command_put_time(desk, ", until ", now->ends_at, command_zone(asked), answer);
	buf_printf(answer, ", at most %" PRId64 " alert%s.", now->max, now->max == 1 ? "" : "s");
	announcement_free(now);
	return true;
}

const struct command approve_command = {
    .name = "approve",
    .usage = "approve H17",
    .help = "the second pair of eyes on an announcement, where policy asks for one",
    .example = "approve H17",
    .needs = ROLE_ANYONE, /* policy.approvers, and never its author: announcement_approve() */
    .run = approve_run,
};
