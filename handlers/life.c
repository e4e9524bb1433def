/* life - an announcement's way to its end: the reminder, "not me", "this one is real", and what is told anew afterwards. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/announcements_internal.h"
#include "handlers/card.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define LINE_BYTES_MAX 2000
#define MARK_BYTES_MAX 200

static const struct actor headsup = {.who = "headsup", .via = "headsup"};

/* ---- the reminder ------------------------------------------------------------------------------------------ */

int64_t announcement_remind_at(const struct announcement *announcement)
{
	if (announcement->state != ANNOUNCEMENT_STANDS || announcement->lease_until != TIME_NONE ||
	    announcement->ends_at - announcement->starts_at < REMIND_FROM_S ||
	    announcement->reminded_for == announcement->ends_at)
		return TIME_NONE;
	return announcement->ends_at - REMIND_BEFORE_S;
}

static void add_button(
    cJSON *buttons, const char *action, const char *label, const char *value, const char *style)
{
	cJSON *button = cJSON_CreateObject();

	json_put(button, "action", action);
	json_put(button, "label", label);
	json_put(button, "value", value);
	if (style != NULL)
		json_put(button, "style", style);
	cJSON_AddItemToArray(buttons, button);
}

/* Where the author is somebody who can be told: a person in Slack. */
static const char *author_in_slack(const struct desk *desk, const struct announcement *announcement)
{
	const struct person_config *person;

	if (slack_is_user(announcement->author))
		return announcement->author;
	announcement_is_bound(desk, announcement, &person);
	return person != NULL && slack_is_user(person->slack) ? person->slack : NULL;
}

static bool say_reminder(struct desk *desk, const struct announcement *announcement,
    const char *author, struct error *err)
{
	const int64_t left = announcement->ends_at - desk->now;
	cJSON *buttons = cJSON_CreateArray();
	char subject[24], value[64];
	struct buf line;
	bool ok;

	announcement_subject(announcement->id, subject);
	snprintf(value, sizeof(value), "%s:%" PRId64, subject, announcement->version);
	add_button(buttons, ACTION_EXTEND, "+30 min", value, NULL);
	add_button(buttons, ACTION_END, "Done", value, NULL);
	buf_init(&line, LINE_BYTES_MAX);
	buf_put_person(&line, desk->config, author);
	buf_printf(&line, " %s ends in %" PRId64 " min, at ", subject, (left + 59) / 60);
	buf_put_when(&line, announcement->ends_at);
	buf_puts(&line, ": what comes after that fires. Still at it?");
	ok = say_in_thread_with(desk, subject, announcement->channel, buf_text(&line), false, buttons,
	    left > 0 ? left : 1, err);
	buf_fini(&line);
	return ok;
}

bool announcement_remind(struct desk *desk, struct announcement *announcement, struct error *err)
{
	const char *author = author_in_slack(desk, announcement);

	announcement->reminded_for = announcement->ends_at;
	if (!announcement_write(desk, announcement, err))
		return false;
	return author == NULL || announcement_is_pending(announcement, desk->now) ||
	       say_reminder(desk, announcement, author, err);
}

/* ---- telling anew ------------------------------------------------------------------------------------------ */

/* ALERT, which was expected or claimed, is open from now on: seen, and paged where its route pages. MARK says why. */
static bool fire(struct desk *desk, const struct actor *actor, struct alert *alert, const char *what,
    const char *mark, struct error *err)
{
	const struct event event = {
	    .at = desk->now, .who = actor->who, .via = actor->via, .what = what, .note = mark};
	/* What was claimed was resolved in PagerDuty too: it is paged anew. */
	const bool was_claimed = alert->status == ALERT_CLAIMED;
	bool pages;

	alert->nearest = alert->announcement;
	alert->announcement = 0;
	alert->status = ALERT_OPEN;
	replace_text(&alert->mark, mark);
	replace_text(&alert->nearest_why, NULL); /* no near miss: it was covered */
	replace_text(&alert->changed_by, actor->who);
	replace_text(&alert->changed_via, actor->via);
	alert->changed_at = desk->now;
	alert->version++;
	alert_route(desk, alert);
	pages = alert_pages(desk, alert) && (alert->page_status == NULL || was_claimed);
	if (pages)
		replace_text(&alert->page_status, "waiting");
	return storage_add_event(desk->storage, alert->id, &event, err) &&
	       (!pages || say_page(desk, alert, was_claimed ? "reopen" : "trigger", err)) &&
	       storage_put_alert(desk->storage, alert, err) && say_card(desk, alert, err);
}

void announcement_begin_retelling(struct announcement *announcement)
{
	announcement->retell_before = INT64_MAX;
	announcement->retold = 0;
	announcement->retell = RETELL_FIRING;
	if (announcement->state == ANNOUNCEMENT_CANCELLED || announcement->matched == 0)
		announcement->retell = RETELL_NONE;
	else if (text_equal(announcement->over_why, OVER_NOT_ME))
		announcement->retell = RETELL_ALL;
}

/*
 * Does it still fire? Of a single event nobody can tell, and it is only counted. What counts is the window's own end: that may
 * have been noticed late, when headsup was away.
 */
static bool still_fires(
    struct desk *desk, const struct announcement *announcement, const struct alert *alert)
{
	const int64_t ends_at = announcement_ends_at(announcement);
	const int64_t end = announcement->over_at < ends_at ? announcement->over_at : ends_at;

	if (alert->count > 1 && alert->last_seen >= end - STILL_FIRING_S)
		return true;
	return storage_resolves(desk->storage, alert->source);
}

/* ALERT was covered and is resolved by now: it stays so, and pages nobody, but people see it with MARK. */
static bool show(struct desk *desk, struct alert *alert, const char *mark, struct error *err)
{
	const struct event event = {.at = desk->now,
	    .who = headsup.who,
	    .via = headsup.via,
	    .what = "noted",
	    .note = mark};

	alert->nearest = alert->announcement;
	alert->announcement = 0;
	replace_text(&alert->mark, mark);
	replace_text(&alert->nearest_why, NULL);
	alert->version++;
	alert_route(desk, alert);
	return storage_add_event(desk->storage, alert->id, &event, err) &&
	       storage_put_alert(desk->storage, alert, err) && say_card(desk, alert, err);
}

struct covered {
	int64_t list[RETELL_BATCH];
	size_t count;
	size_t seen;       /* rows looked at, those which were not taken included */
	int64_t last;      /* and the last of them */
	bool has_resolved; /* those are taken too */
};

static bool take_covered(void *ctx, const struct alert *alert)
{
	struct covered *covered = ctx;

	covered->seen++;
	covered->last = alert->id;
	if (!covered->has_resolved || alert->status == ALERT_EXPECTED || alert->status == ALERT_RESOLVED)
		covered->list[covered->count++] = alert->id;
	return covered->seen < RETELL_BATCH;
}

static bool tell_one(struct desk *desk, struct announcement *announcement, int64_t id,
    struct buf *told, struct error *err)
{
	struct alert *alert = storage_alert(desk->storage, id, err);
	char mark[MARK_BYTES_MAX];
	bool ok = true;

	if (alert == NULL)
		return false;
	if (announcement->retell == RETELL_ALL || still_fires(desk, announcement, alert)) {
		snprintf(mark, sizeof(mark),
		    announcement->retell == RETELL_ALL
			? "H%" PRId64 " covered it, and somebody said: not me"
			: "H%" PRId64 " covered it and is over: it still fires",
		    announcement->id);
		ok = alert->status == ALERT_RESOLVED
			 ? show(desk, alert, mark, err)
			 : fire(desk, &headsup, alert, "fired", mark, err);
		announcement->retold++;
		buf_printf(told, " A%" PRId64, id);
	}
	alert_free(alert);
	return ok;
}

/* Which they are, in its thread; the receipt says how many. */
static bool say_told(struct desk *desk, const struct announcement *announcement,
    const struct buf *told, struct error *err)
{
	char subject[24], *line;
	bool ok;

	if (told->len == 0)
		return true;
	announcement_subject(announcement->id, subject);
	line = xasprintf("%s%s",
	    announcement->retell == RETELL_ALL ? "Told anew:" : "Still firing, told anew:",
	    buf_text(told));
	ok = say_in_thread(desk, subject, announcement->channel, line, false, err);
	free(line);
	return ok;
}

/* Looks at the next of what ANNOUNCEMENT covered. */
static bool tell_some(struct desk *desk, struct announcement *announcement, struct error *err)
{
	/* Who was not the author hid what is resolved by now as well. */
	const bool all = announcement->retell == RETELL_ALL;
	const struct alert_query query = {.status = all ? -1 : ALERT_EXPECTED,
	    .since = TIME_NONE,
	    .until = TIME_NONE,
	    .before_id = announcement->retell_before,
	    .announcement = announcement->id,
	    .limit = RETELL_BATCH};
	struct covered covered = {.has_resolved = all};
	struct buf told;
	bool ok = storage_each_alert(desk->storage, &query, take_covered, &covered, err);

	buf_init(&told, RETELL_BATCH * 24);
	for (size_t i = 0; ok && i < covered.count; i++)
		ok = tell_one(desk, announcement, covered.list[i], &told, err);
	if (covered.seen > 0)
		announcement->retell_before = covered.last;
	ok = ok && say_told(desk, announcement, &told, err);
	buf_fini(&told);
	if (!ok)
		return false;
	if (covered.seen < RETELL_BATCH)
		announcement->retell = RETELL_NONE;
	return storage_put_announcement(desk->storage, announcement, err);
}

bool announcement_retell(struct desk *desk, struct announcement *announcement, struct error *err)
{
	if (announcement->retell != RETELL_NONE && !tell_some(desk, announcement, err))
		return false;
	if (announcement->retell == RETELL_NONE)
		return announcement_say_receipt(desk, announcement, err);
	desk->has_retelling = true;
	return true;
}

bool announcements_retell(struct desk *desk, struct error *err)
{
	struct announcement *announcement;
	int64_t id;
	bool ok;

	if (!desk->has_retelling)
		return true;
	if (!storage_next_retelling(desk->storage, &id, err))
		return false;
	if (id == 0) {
		desk->has_retelling = false;
		return true;
	}
	announcement = storage_announcement(desk->storage, id, err);
	ok = announcement != NULL && announcement_retell(desk, announcement, err);
	announcement_free(announcement);
	return ok;
}

void announcement_put_retold(const struct announcement *announcement, struct buf *out)
{
	if (announcement->retold == 0)
		return;
	buf_printf(out, " Told anew: %" PRId64 " alert%s%s.", announcement->retold,
	    announcement->retold == 1 ? "" : "s",
	    text_equal(announcement->over_why, OVER_NOT_ME)
		? ""
		: announcement->retold == 1 ? " that still fires" : " that still fire");
}

/* Whoever claimed an alert in its author's name closed it: it is open again. */
static bool fire_claimed(struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, struct error *err)
{
	const struct alert_query query = {.status = ALERT_CLAIMED,
	    .since = TIME_NONE,
	    .until = TIME_NONE,
	    .announcement = announcement->id,
	    .limit = RETELL_BATCH};
	struct covered covered = {.count = 0};
	char mark[MARK_BYTES_MAX];
	bool ok = storage_each_alert(desk->storage, &query, take_covered, &covered, err);

	snprintf(mark, sizeof(mark), "claimed under H%" PRId64 ", and somebody said: not me",
	    announcement->id);
	for (size_t i = 0; ok && i < covered.count; i++) {
		struct alert *alert = storage_alert(desk->storage, covered.list[i], err);

		ok = alert != NULL && fire(desk, actor, alert, "reopened", mark, err);
		alert_free(alert);
	}
	return ok;
}

/* ---- not me ------------------------------------------------------------------------------------------------ */

bool announcement_not_me(struct desk *desk, const struct actor *actor, int64_t id,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement;
	char subject[24];

	*now = NULL;
	if (actor->is_token)
		return error_set(err, ERROR_FORBIDDEN,
		    "a token is nobody who could say \"not me\"; try: end H%" PRId64, id);
	announcement = announcement_standing(desk, id, false, err);
	if (announcement == NULL)
		return false;
	announcement_subject(id, subject);
	return announcement_give(announcement,
	    desk_audit(desk, actor, "not_me", subject, announcement->author, err) &&
		announcement_over(desk, actor, announcement,
		    announcement->starts_at > desk->now ? ANNOUNCEMENT_CANCELLED
							: ANNOUNCEMENT_ENDED,
		    OVER_NOT_ME, err) &&
		fire_claimed(desk, actor, announcement, err),
	    now);
}

/* ---- this one is real -------------------------------------------------------------------------------------- */

static bool is_covered(const struct desk *desk, const struct alert *alert, int64_t id, struct error *err)
{
	struct buf text;

	if (alert->status == ALERT_EXPECTED && alert->announcement == id)
		return true;
	buf_init(&text, 512);
	if (alert->status == ALERT_EXPECTED)
		buf_printf(&text, "under H%" PRId64 " now", alert->announcement);
	else
		alert_state_sentence(desk, alert, &text);
	error_set(err, ERROR_CONFLICT, "A%" PRId64 " is %s", alert->id, buf_text(&text));
	buf_fini(&text);
	return false;
}

static bool say_real(struct desk *desk, const struct actor *actor, int64_t id,
    const struct alert *alert, struct error *err)
{
	char subject[24];
	struct buf line;
	bool ok;

	announcement_subject(id, subject);
	buf_init(&line, LINE_BYTES_MAX);
	buf_printf(&line, "A%" PRId64 " is real, says ", alert->id);
	buf_put_person(&line, desk->config, actor->who);
	buf_puts(&line, ": it fires, and so does what comes of it from now on");
	ok = say_in_thread(desk, subject, NULL, buf_text(&line), false, err);
	buf_fini(&line);
	return ok;
}

bool announcement_real(struct desk *desk, const struct actor *actor, int64_t id, int64_t alert_id,
    struct alert **alert_now, struct error *err)
{
	struct alert *alert = storage_alert(desk->storage, alert_id, err);
	char subject[24], mark[MARK_BYTES_MAX], under[24], space[64];
	bool ok;

	*alert_now = alert;
	if (alert == NULL || !is_covered(desk, alert, id, err))
		return false;
	snprintf(subject, sizeof(subject), "A%" PRId64, alert_id);
	announcement_subject(id, under);
	snprintf(mark, sizeof(mark), "announced (%s), but %.60s says: this one is real", under,
	    config_person_name(desk->config, actor->who, space));
	ok = (announcements_find(desk, id) == NULL ||
		 storage_add_real(desk->storage, alert->dedup_key, id, err)) &&
	     desk_audit(desk, actor, "real", subject, under, err) &&
	     fire(desk, actor, alert, "raised", mark, err) &&
	     say_real(desk, actor, id, alert, err);
	if (ok)
		log_info("%s taken out of %s by=%s via=%s", subject, under, actor->who, actor->via);
	return ok;
}
