#include "handlers/unseen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/slack_text.h"
#include "handlers/storms.h"
#include "handlers/words.h"

#define LINE_MAX 1000
#define STORM_LINE_KEEP_S 86400 /* what is said once for a storm is not said again for so long */

static bool add_event(struct desk *desk, const struct alert *alert, const char *what,
    const char *note, struct error *err)
{
	const struct event event = {
	    .at = desk->now, .who = "headsup", .via = "headsup", .what = what, .note = note};

	return storage_add_event(desk->storage, alert->id, &event, err);
}

/* In its thread, or, once for all that share it, in that of its storm; WHAT tells such lines apart. */
static bool say_line(struct desk *desk, const struct alert *alert, const char *what,
    const char *line, bool broadcast, int64_t lasts_s, struct error *err)
{
	char subject[24], once[64];
	bool again = false;
	int64_t storm = 0;

	if (alert->channel != NULL && storm_has(desk, alert, alert->channel))
		storm = storage_storm_of(desk->storage, alert->id, alert->channel);
	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	if (storm != 0) {
		snprintf(subject, sizeof(subject), "S%" PRId64, storm);
		snprintf(once, sizeof(once), "%s:%s", what, subject);
		if (!storage_see(desk->storage, once, desk->now, STORM_LINE_KEEP_S, &again, err))
			return false;
	}
	return again || say_in_thread_with(
			    desk, subject, alert->channel, line, broadcast, NULL, lasts_s, err);
}

/* ---- while Slack is out of reach --------------------------------------------------------------------------- */

static bool is_away(const struct desk *desk)
{
	return desk->config->slack.is_enabled && desk->slack_away_since != TIME_NONE &&
	       desk->now - desk->slack_away_since >= desk->config->slack.fallback_after_s;
}

struct unseen {
	int64_t list[UNSEEN_PAGES_MAX];
	size_t count;
};

static bool take(void *ctx, int64_t id)
{
	struct unseen *unseen = ctx;

	unseen->list[unseen->count++] = id;
	return unseen->count < UNSEEN_PAGES_MAX;
}

/* The line waits behind the card: whoever sees that when Slack is back sees this too. */
static bool page_unseen(struct desk *desk, struct alert *alert, struct error *err)
{
	char away[32];
	struct buf line;
	bool ok;

	duration_write(desk->now - desk->slack_away_since, away, sizeof(away));
	buf_init(&line, LINE_MAX);
	buf_printf(&line, "Slack has been out of reach for %s: paged through PagerDuty", away);
	log_warn("A%" PRId64 " is paged, Slack is out of reach for_s=%" PRId64, alert->id,
	    desk->now - desk->slack_away_since);
	replace_text(&alert->page_status, "waiting");
	alert->version++;
	ok = storage_put_alert(desk->storage, alert, err) &&
	     add_event(desk, alert, "noted", buf_text(&line), err) &&
	     say_page(desk, alert, "unseen", err);
	buf_reset(&line);
	buf_puts(&line, "Slack was out of reach when this came: paged through PagerDuty, ");
	buf_put_when(&line, desk->now);
	ok = ok && say_line(desk, alert, "away", buf_text(&line), false, 0, err);
	buf_fini(&line);
	return ok;
}

static bool look_at(struct desk *desk, int64_t id, struct error *err)
{
	struct alert *alert = storage_alert(desk->storage, id, err);
	bool ok = true;

	if (alert == NULL)
		return false;
	if (desk->now - alert->received_at >= 0 &&
	    desk->now - alert->received_at < UNSEEN_GRACE_S) {
		alert_free(alert);
		return true;
	}
	alert_route_anyway(desk, alert, true);
	if (alert->page_key != NULL) {
		ok = page_unseen(desk, alert, err);
	} else {
		desk->unseen.unpaged++;
		if (id > desk->unseen.told) {
			log_error("A%" PRId64 " is neither in Slack, which is out of reach, nor "
				  "can it be paged: its route has no "
				  "page, and pagerduty.routing_key is not set",
			    id);
			desk->unseen.told = id;
		}
	}
	alert_free(alert);
	return ok;
}

static bool page_what_is_unseen(struct desk *desk, struct error *err)
{
	struct unseen unseen = {.count = 0};
	bool ok;

	if (!is_away(desk)) {
		desk->unseen.after = 0;
		desk->unseen.unpaged = desk->unseen.unpaged_before = 0;
		return true;
	}
	if (desk->unseen.after == 0)
		desk->unseen.unpaged = 0;
	ok = storage_each_unseen(
	    desk->storage, &desk->unseen.after, UNSEEN_ROWS_MAX, take, &unseen, err);
	for (size_t i = 0; ok && i < unseen.count; i++)
		ok = look_at(desk, unseen.list[i], err);
	if (desk->unseen.after == 0)
		desk->unseen.unpaged_before = desk->unseen.unpaged;
	return ok;
}

size_t unseen_unpaged(const struct desk *desk)
{
	/* Of the last time that all were looked at, or of this one so far. */
	return desk->unseen.unpaged > desk->unseen.unpaged_before ? desk->unseen.unpaged
								  : desk->unseen.unpaged_before;
}

/* ---- what was left lying ------------------------------------------------------------------------------------ */

static bool remind(struct desk *desk, struct alert *alert, struct error *err)
{
	const int64_t since =
	    alert->changed_at != TIME_NONE ? alert->changed_at : alert->received_at;
	bool ok, pages = false;
	char lying[32];
	struct buf line;

	duration_write(desk->now - since, lying, sizeof(lying));
	alert->reminded = true;
	if (alert->page_status == NULL) {
		alert_route_anyway(desk, alert, false);
		pages = alert->page_key != NULL;
	}
	if (pages) {
		replace_text(&alert->page_status, "waiting");
		alert->version++;
	}
	buf_init(&line, LINE_MAX);
	buf_printf(&line, "Nobody has acked A%" PRId64 " for %s%s", alert->id, lying,
	    pages                        ? ": it is paged now"
	    : alert->page_status != NULL ? ", though it was paged"
					 : "");
	ok = storage_put_alert(desk->storage, alert, err) &&
	     add_event(desk, alert, "reminded", buf_text(&line), err) &&
	     (!pages || (say_page(desk, alert, "trigger", err) && say_card(desk, alert, err)));
	buf_reset(&line);
	buf_printf(&line, ":alarm_clock: *Nobody has acked this for %s*: ", lying);
	buf_printf(&line, "A%" PRId64 " ", alert->id);
	buf_put_mrkdwn(&line, alert->title, 200);
	if (pages)
		buf_puts(&line, " · it is paged now");
	ok = ok && say_line(desk, alert, "reminder", buf_text(&line), true, REMINDER_LASTS_S, err);
	buf_fini(&line);
	if (ok)
		log_info("A%" PRId64 " is told again, nobody acked it pages=%s", alert->id,
		    pages ? "yes" : "no");
	return ok;
}

static bool remind_of_what_lies(struct desk *desk, struct error *err)
{
	struct alert *alert;
	bool ok = true;

	if (desk->config->remind_after_s <= 0)
		return true;
	for (int i = 0; ok && i < REMINDERS_MAX; i++) {
		if (!storage_next_unreminded(
			desk->storage, desk->now - desk->config->remind_after_s, &alert, err))
			return false;
		if (alert == NULL)
			return true;
		ok = remind(desk, alert, err);
		alert_free(alert);
	}
	return ok;
}

bool unseen_tick(struct desk *desk, struct error *err)
{
	return page_what_is_unseen(desk, err) && remind_of_what_lies(desk, err);
}
