#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/commands_internal.h"

struct listing {
	const struct desk *desk;
	const struct asked *asked;
	struct buf *lines;
	struct matches matches;
	struct alert_query query;
	size_t seen, found, shown;
	size_t by_status[ALERT_CLAIMED + 1];
};

static bool list_one(void *ctx, const struct alert *alert)
{
	struct listing *listing = ctx;

	listing->seen++;
	if (!matches_hold(&listing->matches, alert))
		return true;
	listing->found++;
	listing->by_status[alert->status]++;
	if (listing->shown == COMMAND_ROWS_MAX)
		return true;
	listing->shown++;
	command_put_alert(listing->desk, alert, command_zone(listing->asked), listing->lines);
	buf_putc(listing->lines, '\n');
	return true;
}

static bool read_last(struct listing *listing, struct words *words, struct error *err)
{
	int64_t seconds;

	if (!command_duration(words, &alerts_command, &seconds, err))
		return false;
	listing->query.since = listing->desk->now - seconds;
	return true;
}

/* Reads what filters; MATCH gets texts that the caller frees. */
static bool read_filters(
    struct listing *listing, struct words *words, char **match, size_t *count, struct error *err)
{
	enum alert_status status;
	const char *word;

	while ((word = words_peek(words)) != NULL) {
		if (words_take(words, "mine")) {
			listing->query.assignee = listing->asked->actor.who;
		} else if (words_take(words, "last")) {
			if (!read_last(listing, words, err))
				return false;
		} else if (alert_status_parse(word, &status)) {
			listing->query.status = (int)status;
			words_next(words);
		} else if (!command_is_match(word)) {
			return error_set(err, ERROR_USAGE,
			    "alerts takes a status, mine, matches and last 24h; try: %s",
			    alerts_command.example);
		} else if (*count == MATCH_MAX) {
			return error_set(err, ERROR_USAGE, "at most %d matches", MATCH_MAX);
		} else {
			match[*count] = command_match(listing->desk, words, words->at, err);
			if (match[*count] == NULL)
				return false;
			++*count;
			words_next(words);
		}
	}
	return true;
}

static void put_summary(const struct listing *listing, struct buf *answer)
{
	const char *separator = "";

	if (listing->found == 0) {
		buf_puts(answer, "No such alert.");
	} else {
		buf_printf(answer, "%zu alert%s: ", listing->found, listing->found == 1 ? "" : "s");
		for (size_t i = 0; i <= ALERT_CLAIMED; i++) {
			if (listing->by_status[i] == 0)
				continue;
			buf_printf(answer, "%s%zu %s", separator, listing->by_status[i],
			    alert_status_name((enum alert_status)i));
			separator = ", ";
		}
	}
	if (listing->seen == COMMAND_SCAN_MAX)
		buf_printf(answer, " (among the newest %d; narrow it with a status or `last 24h`)",
		    COMMAND_SCAN_MAX);
	buf_putc(answer, '\n');
}

static bool list_alerts(
    struct desk *desk, struct listing *listing, struct buf *answer, struct error *err)
{
	if (!storage_each_alert(desk->storage, &listing->query, list_one, listing, err))
		return false;
	put_summary(listing, answer);
	buf_puts(answer, buf_text(listing->lines));
	if (listing->found > listing->shown)
		buf_printf(answer, "… and %zu older ones.", listing->found - listing->shown);
	return true;
}

static bool alerts_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct listing listing = {
	    .desk = desk,
	    .asked = asked,
	    .query = {.status = -1,
		.since = TIME_NONE,
		.until = TIME_NONE,
		.limit = COMMAND_SCAN_MAX},
	};
	char *match[MATCH_MAX];
	struct buf lines;
	size_t count = 0;
	bool ok;

	buf_init(&lines, answer->max);
	listing.lines = &lines;
	ok = words_closed(words, err) && read_filters(&listing, words, match, &count, err) &&
	     matches_parse(match, count, &listing.matches, err) &&
	     list_alerts(desk, &listing, answer, err);
	matches_fini(&listing.matches);
	for (size_t i = 0; i < count; i++)
		free(match[i]);
	buf_fini(&lines);
	return ok;
}

const struct command alerts_command = {
    .name = "alerts",
    .usage = "alerts [open|acked|resolved|expected] [mine] [MATCH…] [last 24h]",
    .help = "lists alerts, newest first",
    .example = "alerts open host=web-* last 24h",
    .needs = ROLE_ANYONE,
    .run = alerts_run,
};
