#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "config/base/text.h"
#include "handlers/announcements.h"
#include "handlers/commands_internal.h"

struct listing {
	const struct desk *desk;
	const struct asked *asked;
	struct buf *answer;
	bool only_over;
	size_t shown;
	bool has_more;
};

static bool list_one(void *ctx, const struct announcement *announcement)
{
	struct listing *listing = ctx;
	const struct desk *desk = listing->desk;
	const char *status = announcement_status(announcement, desk->now);

	if (listing->only_over && strcmp(status, "ended") != 0 && strcmp(status, "cancelled") != 0)
		return true;
	if (listing->shown == COMMAND_ROWS_MAX) {
		listing->has_more = true;
		return false;
	}
	listing->shown++;
	buf_printf(listing->answer, "*H%" PRId64 "* %s · ", announcement->id, status);
	announcement_line(desk, announcement, command_zone(listing->asked), listing->answer);
	if (announcement->near_misses > 0)
		buf_printf(listing->answer, ", %" PRId64 " near", announcement->near_misses);
	buf_putc(listing->answer, '\n');
	return true;
}

/* What may follow `list`, and what it asks for. */
static const struct kind {
	const char *name, *none;
	int state;
	bool is_mine, only_over;
} kinds[] = {
    {"",      "No announcement stands.",          ANNOUNCEMENT_STANDS, false, false},
    {"mine",  "No announcement of yours stands.", ANNOUNCEMENT_STANDS, true,  false},
    {"all",   "Nothing was announced yet.",       -1,                  false, false},
    {"ended", "No announcement is over yet.",     -1,                  false, true },
};

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcasecmp(kinds[i].name, name != NULL ? name : "") == 0)
			return &kinds[i];
	}
	return NULL;
}

static bool list_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	const char *word = words_next(words);
	const struct kind *kind = kind_find(word);
	struct listing listing = {.desk = desk, .asked = asked, .answer = answer};
	struct announcement_query query = {.state = -1};

	if (kind == NULL)
		return error_set(
		    err, ERROR_USAGE, "list shows mine, all or ended ones; try list mine");
	if (!command_is_over(words, &list_command, err))
		return false;
	listing.only_over = kind->only_over;
	query.state = kind->state;
	query.limit = kind->only_over ? COMMAND_SCAN_MAX : COMMAND_ROWS_MAX + 1;
	query.author = kind->is_mine ? asked->actor.who : NULL;
	if (!storage_each_announcement(desk->storage, &query, list_one, &listing, err))
		return false;
	if (listing.shown == 0)
		buf_puts(answer, kind->none);
	if (listing.has_more)
		buf_puts(answer, "… and older ones.");
	return true;
}

const struct command list_command = {
    .name = "list",
    .usage = "list [mine|all|ended]",
    .help = "announcements, with what each matched so far",
    .example = "list mine",
    .needs = ROLE_ANYONE,
    .run = list_run,
};
