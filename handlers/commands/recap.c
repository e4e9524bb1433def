#include <inttypes.h>
#include <string.h>

#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/alerts.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define RECAP_DEFAULT_S 3600
#define RECAP_SCAN_MAX 5000 /* alerts that are looked at */
#define RECAP_OPEN_MAX 2000 /* open ones, of any age */
#define RECAP_ROWS_MAX 10   /* of each list */

struct recap {
	const struct desk *desk;
	const char *zone;
	int64_t since;
	size_t seen, by_status[ALERT_CLAIMED + 1], near_misses;
	size_t open, open_by_severity[SEVERITY_CRITICAL + 1], urgent;
	size_t active, ended;
	struct buf urgent_lines, active_lines, ended_lines;
};

static bool count_one(void *ctx, const struct alert *alert)
{
	struct recap *recap = ctx;

	recap->seen++;
	recap->by_status[alert->status]++;
	recap->near_misses += alert_is_near_miss(alert) ? 1 : 0;
	return true;
}

/* Nobody has it yet. */
static bool open_one(void *ctx, const struct alert *alert)
{
	struct recap *recap = ctx;

	recap->open++;
	recap->open_by_severity[alert->severity]++;
	if (alert->severity < SEVERITY_HIGH)
		return true;
	if (recap->urgent++ < RECAP_ROWS_MAX) {
		command_put_alert(recap->desk, alert, recap->zone, &recap->urgent_lines);
		buf_putc(&recap->urgent_lines, '\n');
	}
	return true;
}

static void put_announcement(
    const struct recap *recap, const struct announcement *announcement, struct buf *out)
{
	buf_printf(out, "*H%" PRId64 "* %s · ", announcement->id,
	    announcement_status(announcement, recap->desk->now));
	announcement_line(recap->desk, announcement, recap->zone, out);
	if (announcement->near_misses > 0)
		buf_printf(out, ", %" PRId64 " near", announcement->near_misses);
	buf_putc(out, '\n');
}

static bool announcement_one(void *ctx, const struct announcement *announcement)
{
	struct recap *recap = ctx;

	if (announcement->state == ANNOUNCEMENT_STANDS) {
		if (recap->active++ < RECAP_ROWS_MAX)
			put_announcement(recap, announcement, &recap->active_lines);
	} else if (announcement->over_at >= recap->since) {
		if (recap->ended++ < RECAP_ROWS_MAX)
			put_announcement(recap, announcement, &recap->ended_lines);
	}
	return true;
}

static void put_counts(const struct recap *recap, struct buf *answer)
{
	const char *separator = ": ";

	buf_printf(answer, "%zu%s alert%s", recap->seen,
	    recap->seen == RECAP_SCAN_MAX ? " or more" : "", recap->seen == 1 ? "" : "s");
	for (size_t i = 0; i <= ALERT_CLAIMED; i++) {
		if (recap->by_status[i] == 0)
			continue;
		buf_printf(answer, "%s%zu %s", separator, recap->by_status[i],
		    alert_status_name((enum alert_status)i));
		separator = ", ";
	}
	buf_printf(answer, "; %zu near miss%s.\n", recap->near_misses,
	    recap->near_misses == 1 ? "" : "es");
}

static void put_open(const struct recap *recap, struct buf *answer)
{
	const char *separator = ": ";

	buf_printf(answer, "Still open%s", recap->open == 0 ? ": nothing" : "");
	for (int i = SEVERITY_CRITICAL; i >= SEVERITY_INFO; i--) {
		if (recap->open_by_severity[i] == 0)
			continue;
		buf_printf(answer, "%s%zu %s", separator, recap->open_by_severity[i],
		    severity_name((enum severity)i));
		separator = ", ";
	}
	buf_puts(answer, ".\n");
}

static void put_list(const char *title, size_t count, const struct buf *lines, struct buf *answer)
{
	if (count == 0)
		return;
	buf_printf(answer, "*%s* (%zu)\n%s", title, count, buf_text(lines));
	if (count > RECAP_ROWS_MAX)
		buf_printf(answer, "… and %zu more\n", count - RECAP_ROWS_MAX);
}

static bool gather(struct desk *desk, struct recap *recap, struct error *err)
{
	const struct alert_query recent = {.status = -1,
	    .since = recap->since,
	    .until = TIME_NONE,
	    .limit = RECAP_SCAN_MAX};
	const struct alert_query open = {.status = ALERT_OPEN,
	    .since = TIME_NONE,
	    .until = TIME_NONE,
	    .limit = RECAP_OPEN_MAX};
	const struct announcement_query announcements = {.state = -1, .limit = COMMAND_SCAN_MAX};

	return storage_each_alert(desk->storage, &recent, count_one, recap, err) &&
	       storage_each_alert(desk->storage, &open, open_one, recap, err) &&
	       storage_each_announcement(
		   desk->storage, &announcements, announcement_one, recap, err);
}

static bool recap_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct recap recap = {.desk = desk, .zone = command_zone(asked)};
	int64_t seconds = RECAP_DEFAULT_S;
	char span[32];
	bool ok;

	words_take(words, "last");
	if (words_peek(words) != NULL && !command_duration(words, &recap_command, &seconds, err))
		return false;
	if (!command_is_over(words, &recap_command, err))
		return false;
	recap.since = desk->now - seconds;
	duration_write(seconds, span, sizeof(span));
	buf_init(&recap.urgent_lines, answer->max);
	buf_init(&recap.active_lines, answer->max);
	buf_init(&recap.ended_lines, answer->max);
	ok = gather(desk, &recap, err);
	if (ok) {
		buf_printf(answer, "*The last %s*: ", span);
		put_counts(&recap, answer);
		put_open(&recap, answer);
		put_list("Critical and high that nobody has", recap.urgent, &recap.urgent_lines, answer);
		put_list("Announcements that stand", recap.active, &recap.active_lines, answer);
		put_list("Announcements that ended", recap.ended, &recap.ended_lines, answer);
	}
	buf_fini(&recap.urgent_lines);
	buf_fini(&recap.active_lines);
	buf_fini(&recap.ended_lines);
	return ok;
}

const struct command recap_command = {
    .name = "recap",
    .usage = "recap [1h]",
    .help = "what happened: for a handover, or on waking up",
    .example = "recap 8h",
    .needs = ROLE_ANYONE,
    .run = recap_run,
};
