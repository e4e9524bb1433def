#include "handlers/alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/card.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/rest.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define NOTE_MAX 2000          /* UTF-16 units of a note that are shown in Slack */
#define NOTE_BYTES_MAX 8192    /* bytes of a note that are kept */
#define WHO_MAX 200            /* bytes of whom an alert is assigned to */
#define MARK_MAX 600           /* bytes of the sentence that says why an alert stands out */
#define FLAP_WINDOW_S 600      /* what its source resolves and fires again so soon, comes and goes … */
#define FLAP_FIRINGS 3         /* … from so many firings within that time on: one alert then, not a series */
#define STILL_FIRING_AGAIN_S 3600 /* what a person resolved while its source still reports it is told anew after this */
#define LAPSED_MAX 100         /* alerts that end by themselves in one tick */
#define LAPSE_GRACE_S 300      /* after a start: nobody could report while we were away */

static const struct actor headsup = {.who = "headsup", .via = "headsup"};

bool alert_is_over(const struct alert *alert)
{
	return alert->status == ALERT_RESOLVED || alert->status == ALERT_CLAIMED;
}

static void subject_of(const struct alert *alert, char out[24])
{
	snprintf(out, 24, "A%" PRId64, alert->id);
}

static bool tell(struct desk *desk, const struct alert *alert, const struct actor *actor, const char *what, const char *note,
    struct error *err)
{
	const struct event event = {
	    .at = desk->now, .who = actor->who, .via = actor->via, .what = what, .note = note};

	return storage_add_event(desk->storage, alert->id, &event, err);
}

static bool audit(struct desk *desk, const struct alert *alert, const struct actor *actor, const char *what, const char *detail,
    struct error *err)
{
	char subject[24];

	subject_of(alert, subject);
	return desk_audit(desk, actor, what, subject, detail, err);
}

/* ---- where it goes -------------------------------------------------------------------------------------- */

static bool route_pages(const struct route_config *route, const struct alert *alert)
{
	return route->pages && (route->from_severity == SEVERITY_NONE || (int)alert->severity >= route->from_severity);
}

void alert_route(const struct desk *desk, struct alert *alert)
{
	const struct config *config = desk->config;
	const char *key = NULL;
	char name[13];

	alert->route = 0;
	replace_text(&alert->channel, NULL);
	for (size_t i = 0; i < config->route_count; i++) {
		const struct route_config *route = &config->routes[i];

		if (!matches_hold(&route->matches, alert))
			continue;
		if (alert->route == 0) {
			alert->route = (int64_t)i + 1;
			replace_text(&alert->channel, route->channel);
		}
		/* With `continue: true` it is shown by several routes, and pages once: by the first that pages. */
		if (key == NULL && route_pages(route, alert))
			key = route->routing_key != NULL ? route->routing_key : config->pagerduty.routing_key;
		if (!route->goes_on)
			break;
	}
	if (alert->page_status != NULL)
		return; /* its incident is open under the key that it was paged with */
	if (key != NULL)
		key_fingerprint(key, name);
	replace_text(&alert->page_key, key != NULL ? name : NULL);
}

void alert_route_anyway(const struct desk *desk, struct alert *alert, bool is_default)
{
	const struct config *config = desk->config;
	const char *key = NULL;
	char name[13];

	if (alert->page_key != NULL)
		return;
	for (size_t i = 0; key == NULL && i < config->route_count; i++) {
		const struct route_config *route = &config->routes[i];

		if (!matches_hold(&route->matches, alert))
			continue;
		if (route->pages)
			key = route->routing_key != NULL ? route->routing_key : config->pagerduty.routing_key;
		if (!route->goes_on)
			break;
	}
	if (key == NULL && is_default)
		key = config->pagerduty.routing_key;
	if (key == NULL)
		return;
	key_fingerprint(key, name);
	replace_text(&alert->page_key, name);
}

bool alert_pages(const struct desk *desk, const struct alert *alert)
{
	(void)desk;
	return alert->page_key != NULL;
}

/* A text that fits VALUE: its stars stand for nothing, its question marks for an x. The caller frees. */
static char *fitting(const struct match_value *value)
{
	struct buf text;
	char *taken;

	buf_init(&text, MATCH_TEXT_MAX);
	for (const char *c = value->text; *c != '\0'; c++) {
		if (*c != '*' || !value->is_glob)
			buf_putc(&text, *c == '?' && value->is_glob ? 'x' : *c);
	}
	taken = buf_ok(&text) ? buf_take(&text) : NULL;
	buf_fini(&text);
	return taken != NULL ? taken : xstrdup("");
}

static void set_label(struct alert *alert, const char *name, const char *value)
{
	for (size_t i = 0; i < alert->label_count; i++) {
		if (strcmp(alert->labels[i].name, name) != 0)
			continue;
		replace_text(&alert->labels[i].value, value);
		return;
	}
	alert_add_label(alert, name, value);
}

void alert_imagine(const struct matches *matches, struct alert *alert)
{
	enum severity severity;

	for (size_t i = 0; i < matches->count; i++) {
		const struct match *match = matches->list[i];
		char *text;

		if (match->op != MATCH_EQUAL || match->value_count == 0)
			continue;
		text = fitting(&match->values[0]);
		if (match->field == NULL)
			set_label(alert, match->name, text);
		else if (match->field->kind == FIELD_SEVERITY && severity_parse(text, &severity))
			alert->severity = severity;
		else if (match->field->kind == FIELD_TEXT || match->field->kind == FIELD_HOST || match->field->kind == FIELD_IP)
			alert_set_text(alert, match->field, text);
		free(text);
	}
}

/* ---- intake --------------------------------------------------------------------------------------------- */

/* Leaves the page, once an alert. PAGE_STATUS "waiting" until PagerDuty has it. */
static bool page(struct desk *desk, struct alert *alert, struct error *err)
{
	if (alert->page_key == NULL || alert->page_status != NULL)
		return true;
	replace_text(&alert->page_status, "waiting");
	return say_page(desk, alert, "trigger", err);
}

/* What PagerDuty has of it follows our state; words of one subject stay in order, so a page that waits goes first. */
static bool page_follows(struct desk *desk, const struct alert *alert, const char *action, struct error *err)
{
	return alert->page_status == NULL || say_page(desk, alert, action, err);
}

void alert_set_mark(struct alert *alert, const char *text)
{
	char mark[MARK_MAX];

	snprintf(mark, sizeof(mark), "%s", text);
	mark[utf16_prefix(mark, strlen(mark), MARK_MAX)] = '\0';
	replace_text(&alert->mark, mark);
}

static void changed(struct desk *desk, struct alert *alert, const struct actor *actor)
{
	replace_text(&alert->changed_by, actor->who);
	replace_text(&alert->changed_via, actor->via);
	alert->changed_at = desk->now;
	alert->version++;
}

/* Writes onto ALERT what the verdict says of this occurrence. */
static void stand_out(struct alert *alert, const struct verdict *verdict)
{
	alert->nearest = verdict->announcement;
	replace_text(&alert->nearest_why, NULL);
	switch (verdict->kind) {
	case VERDICT_EXPECTED:
		break;
	case VERDICT_NEAR_MISS:
		replace_text(&alert->nearest_why, verdict->why);
		break;
	case VERDICT_OTHER_ACTOR:
		replace_text(&alert->nearest_why, verdict->why);
		alert_set_mark(alert, verdict->why);
		break;
	case VERDICT_UNEXPECTED:
	case VERDICT_NEVER:
		if (verdict->why[0] != '\0')
			alert_set_mark(alert, verdict->why);
		break;
	}
}

bool alert_is_near_miss(const struct alert *alert)
{
	return alert->nearest != 0 && alert->nearest_why != NULL && alert->status != ALERT_EXPECTED;
}

static bool count_verdict(struct desk *desk, const struct alert *alert, const struct verdict *verdict, struct error *err)
{
	if (verdict->kind == VERDICT_EXPECTED) {
		desk->counts.suppressed++;
		return announcement_count(desk, verdict->announcement, alert, true, err);
	}
	if (verdict->used_up != 0 && !announcement_break(desk, verdict->used_up, alert, err))
		return false;
	if (verdict->near_count > 0)
		desk->counts.near_misses++;
	for (size_t i = 0; i < verdict->near_count; i++) {
		if (!announcement_count(desk, verdict->near[i], alert, false, err))
			return false;
	}
	return true;
}

/* Takes it out of suppression: announcement_real(). */
static cJSON *real_button(const struct alert *alert)
{
	cJSON *buttons = cJSON_CreateArray(), *button = cJSON_CreateObject();
	char value[96];

	snprintf(value, sizeof(value), "A%" PRId64 ":%" PRId64 ":H%" PRId64, alert->id, alert->version, alert->announcement);
	json_put(button, "action", ACTION_REAL);
	json_put(button, "label", "This one is real");
	json_put(button, "value", value);
	cJSON_AddItemToArray(buttons, button);
	return buttons;
}

/* One short line in the announcement's thread for an alert that it covers. */
static bool say_suppressed(struct desk *desk, const struct alert *alert, struct error *err)
{
	const struct announcement *announcement = announcements_find(desk, alert->announcement);
	char subject[24];
	struct buf line;
	bool ok;

	if (announcement == NULL)
		return true; /* it ended by an alert of the same event */
	snprintf(subject, sizeof(subject), "H%" PRId64, alert->announcement);
	buf_init(&line, 4096);
	buf_printf(&line, "A%" PRId64 " ", alert->id);
	buf_put_mrkdwn(&line, alert->title, 200);
	if (alert->host != NULL) {
		buf_puts(&line, " · ");
		buf_put_mrkdwn(&line, alert->host, 100);
	}
	if (alert->actor != NULL) {
		buf_puts(&line, " · ");
		buf_put_mrkdwn(&line, alert->actor, 100);
	}
	if (alert->count > 1)
		buf_printf(&line, " · %" PRId64 " times", alert->count);
	ok = say_in_thread_with(desk, subject, announcement->channel, buf_text(&line), false, real_button(alert), 0, err);
	buf_fini(&line);
	return ok;
}

static bool suppress(struct desk *desk, struct alert *alert, const struct verdict *verdict, struct error *err)
{
	char detail[32];

	snprintf(detail, sizeof(detail), "H%" PRId64, verdict->announcement);
	alert->announcement = verdict->announcement;
	return storage_put_alert(desk->storage, alert, err) && tell(desk, alert, &headsup, "expected", detail, err) &&
	       audit(desk, alert, &headsup, "suppressed", detail, err) && say_suppressed(desk, alert, err) &&
	       count_verdict(desk, alert, verdict, err);
}

/* It is to be seen: the card, and the page where its route pages. What somebody has in hand already is paged, then acked. */
static bool show(struct desk *desk, struct alert *alert, struct error *err)
{
	const bool is_paged_late = alert->status == ALERT_ACKED && alert->page_key != NULL && alert->page_status == NULL;
	const struct actor acker = {.who = alert->changed_by != NULL ? alert->changed_by : headsup.who,
	    .via = alert->changed_via != NULL ? alert->changed_via : headsup.via,
	    .is_token = !slack_is_user(alert->changed_by)};

	return page(desk, alert, err) && storage_put_alert(desk->storage, alert, err) &&
	       (!is_paged_late || deed_leave(desk, &acker, alert, "ack", NULL, NULL, err)) && say_card(desk, alert, err);
}

/* BEFORE: the one of its key that is over; NULL: it is the first. */
static bool intake_new(struct desk *desk, struct alert *alert, const struct alert *before, const struct verdict *verdict,
    struct error *err)
{
	const bool is_raised = verdict->kind == VERDICT_OTHER_ACTOR && alert->severity < SEVERITY_CRITICAL;

	alert->previous = before != NULL ? before->id : 0;
	alert->count = 1;
	alert->version = 1;
	if (is_raised)
		alert->severity++;
	stand_out(alert, verdict);
	alert_route(desk, alert);
	alert->status = verdict->kind == VERDICT_EXPECTED ? ALERT_EXPECTED : ALERT_OPEN;
	if (alert->status == ALERT_OPEN && alert->page_key != NULL)
		replace_text(&alert->page_status, "waiting");
	if (alert->status == ALERT_EXPECTED)
		alert->announcement = verdict->announcement;

	if (!storage_add_alert(desk->storage, alert, err) || !tell(desk, alert, &headsup, "fired", alert->mark, err) ||
	    (is_raised && !tell(desk, alert, &headsup, "raised", severity_name(alert->severity), err)))
		return false;
	if (alert->status == ALERT_EXPECTED)
		return suppress(desk, alert, verdict, err);
	if (alert->page_status != NULL && !say_page(desk, alert, "trigger", err))
		return false;
	return say_card(desk, alert, err) && count_verdict(desk, alert, verdict, err);
}

static bool is_power_of_ten(int64_t count)
{
	while (count >= 10 && count % 10 == 0)
		count /= 10;
	return count == 1;
}

static bool say_repeats(struct desk *desk, const struct alert *alert, struct error *err)
{
	char subject[24], text[96];

	if (alert->count != 2 && !is_power_of_ten(alert->count))
		return true;
	subject_of(alert, subject);
	snprintf(text, sizeof(text), "%s has fired %" PRId64 " times", subject, alert->count);
	/* The timeline has the first repeat too; the thread is for what is worth a line. */
	return tell(desk, alert, &headsup, "repeated", text, err) &&
	       (alert->count == 2 || say_in_thread(desk, subject, alert->channel, text, false, err));
}

/* It fired again while unresolved: FRESH is this occurrence, OLD the alert it counts onto. */
static bool intake_again(struct desk *desk, struct alert *old, const struct alert *fresh, const struct verdict *verdict,
    struct error *err)
{
	enum severity severity = fresh->severity;

	old->count++;
	old->last_seen = desk->now;
	old->ends_at = fresh->ends_at;
	old->version++;
	desk->counts.repeated++;
	if (verdict->kind == VERDICT_OTHER_ACTOR && severity < SEVERITY_CRITICAL)
		severity++;
	if (severity > old->severity) {
		old->severity = severity;
		alert_route(desk, old);
		if (!tell(desk, old, &headsup, "raised", severity_name(severity), err))
			return false;
	}
	if (verdict->kind == VERDICT_EXPECTED && old->status == ALERT_EXPECTED)
		return suppress(desk, old, verdict, err);
	if (verdict->kind == VERDICT_EXPECTED) {
		/* What is open stays open when an announcement begins; it counts against the budget all the same. */
		return storage_put_alert(desk->storage, old, err) && say_card(desk, old, err) &&
		       count_verdict(desk, old, verdict, err);
	}
	stand_out(old, verdict);
	if (old->status == ALERT_EXPECTED) {
		old->status = ALERT_OPEN;
		old->announcement = 0;
		alert_route(desk, old);
		changed(desk, old, &headsup);
		if (!tell(desk, old, &headsup, "fired", old->mark != NULL ? old->mark : "no longer covered by its announcement", err))
			return false;
	}
	return show(desk, old, err) && say_repeats(desk, old, err) && count_verdict(desk, old, verdict, err);
}

static bool end_by_source(struct desk *desk, struct alert *alert, const char *why, struct error *err)
{
	const struct actor source = {.who = alert->source != NULL ? alert->source : "headsup", .via = "headsup"};

	alert->status = ALERT_RESOLVED;
	changed(desk, alert, &source);
	desk->counts.resolved++;
	return tell(desk, alert, &source, "resolved", why, err) && page_follows(desk, alert, "resolve", err) &&
	       storage_put_alert(desk->storage, alert, err) && (alert->announcement != 0 || say_card(desk, alert, err));
}

/* Its source says that it is over. */
static bool intake_resolve(struct desk *desk, struct alert *alert, struct alert *old, struct error *err)
{
	const struct actor source = {.who = alert->source != NULL ? alert->source : "headsup", .via = "headsup"};

	/* A source that does so and has not, of what was announced: that still fires when its announcement ends. */
	if (!storage_put_resolving(desk->storage, alert->source, err))
		return false;
	if (old == NULL) {
		alert->status = ALERT_RESOLVED;
		alert_route(desk, alert);
		changed(desk, alert, &source);
		return storage_add_alert(desk->storage, alert, err) &&
		       tell(desk, alert, &source, "resolved", "was never open here", err);
	}
	old->last_seen = desk->now;
	if (alert_is_over(old))
		return storage_put_alert(desk->storage, old, err); /* told twice */
	return end_by_source(desk, old, "reported by its source", err);
}

/* It fires and is over, and fires and is over: A1, A2, and from the third time on A2 again. */
static bool comes_and_goes(struct desk *desk, const struct alert *old)
{
	struct alert *before;
	bool does;

	if (old->status != ALERT_RESOLVED || !text_equal(old->changed_via, headsup.via) || old->changed_at == TIME_NONE ||
	    desk->now - old->changed_at > FLAP_WINDOW_S)
		return false;
	if (old->flaps > 0)
		return true;
	before = old->previous != 0 ? storage_alert(desk->storage, old->previous, NULL) : NULL;
	does = before != NULL && text_equal(before->changed_via, headsup.via) && desk->now - before->received_at <= FLAP_WINDOW_S;
	alert_free(before);
	return does;
}

static bool intake_flap(struct desk *desk, struct alert *old, const struct alert *fresh, const struct verdict *verdict, struct error *err)
{
	const bool is_raised = verdict->kind == VERDICT_OTHER_ACTOR && fresh->severity < SEVERITY_CRITICAL;
	char note[128];

	old->flaps++;
	old->count++;
	old->version++;
	old->last_seen = desk->now;
	old->ends_at = fresh->ends_at;
	old->severity = is_raised ? fresh->severity + 1 : fresh->severity;
	old->status = verdict->kind == VERDICT_EXPECTED ? ALERT_EXPECTED : ALERT_OPEN;
	old->announcement = 0;
	desk->counts.repeated++;
	changed(desk, old, &headsup);
	/* What PagerDuty resolved is triggered anew. */
	replace_text(&old->page_status, NULL);
	old->paged_at = TIME_NONE;
	alert_route(desk, old);
	snprintf(note, sizeof(note), "comes and goes: %" PRId64 " times, each within %d min of the last", old->flaps + FLAP_FIRINGS - 1,
	    FLAP_WINDOW_S / 60);
	replace_text(&old->mark, NULL);
	alert_set_mark(old, note);
	stand_out(old, verdict);
	if (!tell(desk, old, &headsup, "reopened", note, err))
		return false;
	if (verdict->kind == VERDICT_EXPECTED)
		return suppress(desk, old, verdict, err);
	return show(desk, old, err) && count_verdict(desk, old, verdict, err);
}

/*
 * Senders that keep saying that it still fires (their alerts have an end) report a state, not events: what began before it was last reported is
 * the same occurrence. It counts, but against no budget, and disturbs nobody. False: it is news.
 */
static bool is_still(const struct desk *desk, const struct alert *old, const struct alert *fresh, const struct verdict *verdict)
{
	if (old == NULL || fresh->ends_at == TIME_NONE || fresh->occurred_at > old->last_seen || fresh->severity > old->severity)
		return false;
	if (old->status == ALERT_EXPECTED)
		return verdict->kind == VERDICT_EXPECTED;
	if (alert_is_over(old))
		return !text_equal(old->changed_via, headsup.via) && old->changed_at != TIME_NONE &&
		       desk->now - old->changed_at < STILL_FIRING_AGAIN_S;
	return true;
}

static bool intake_still(struct desk *desk, struct alert *old, const struct alert *fresh, struct error *err)
{
	old->last_seen = desk->now;
	if (alert_is_over(old))
		return storage_put_alert(desk->storage, old, err);
	old->count++;
	old->version++;
	old->ends_at = fresh->ends_at;
	desk->counts.repeated++;
	return storage_put_alert(desk->storage, old, err) && (old->status == ALERT_EXPECTED || say_card(desk, old, err));
}

bool alerts_tick(struct desk *desk, struct error *err)
{
	const int64_t after = desk->now < desk->started_at + LAPSE_GRACE_S ? desk->started_at : INT64_MIN;
	struct alert *alert;
	bool ok = true;

	for (int i = 0; ok && i < LAPSED_MAX; i++) {
		if (!storage_next_lapsed(desk->storage, after, desk->now, &alert, err))
			return false;
		if (alert == NULL)
			return true;
		ok = storage_put_resolving(desk->storage, alert->source, err) &&
		     end_by_source(desk, alert, "its source stopped reporting it", err);
		alert_free(alert);
	}
	return ok;
}

/* What the caller is told of it: the alert that it became. */
static void become(struct alert *alert, const struct alert *kept)
{
	alert->id = kept->id;
	alert->status = kept->status;
	alert->count = kept->count;
	alert->severity = kept->severity;
	alert->announcement = kept->announcement;
}

/* Each of these counts it onto OLD, but for the last: then IS_NEW. */
static bool take_in(struct desk *desk, struct alert *alert, struct alert *old, const struct verdict *verdict, bool *is_new, struct error *err)
{
	*is_new = false;
	if (is_still(desk, old, alert, verdict))
		return intake_still(desk, old, alert, err);
	if (old != NULL && !alert_is_over(old))
		return intake_again(desk, old, alert, verdict, err);
	if (old != NULL && comes_and_goes(desk, old))
		return intake_flap(desk, old, alert, verdict, err);
	*is_new = true;
	return intake_new(desk, alert, old, verdict, err);
}

bool intake(struct desk *desk, struct alert *alert, struct error *err)
{
	struct verdict verdict;
	struct alert *old;
	bool ok, is_new;

	alert->received_at = alert->last_seen = desk->now;
	if (alert->occurred_at == TIME_NONE)
		alert->occurred_at = desk->now;
	alert_derive_dedup_key(alert);
	desk->counts.accepted++;
	/* One of a key is unresolved at the most, and then it is the newest. */
	old = storage_alert_by_key(desk->storage, alert->dedup_key, false);
	is_new = old == NULL;
	if (alert->is_resolve) {
		ok = intake_resolve(desk, alert, old, err);
	} else {
		announcements_judge(desk, alert, &verdict);
		ok = take_in(desk, alert, old, &verdict, &is_new, err);
	}
	if (ok && !is_new)
		become(alert, old);
	alert_free(old);
	if (ok)
		log_debug("A%" PRId64 " %s count=%" PRId64, alert->id, alert_status_name(alert->status), alert->count);
	return ok;
}

/* ---- what people do with it ------------------------------------------------------------------------------ */

static void put_ago(struct buf *out, int64_t seconds)
{
	if (seconds < 60)
		buf_puts(out, "just now");
	else if (seconds < 2 * 3600)
		buf_printf(out, "%" PRId64 " min ago", seconds / 60);
	else if (seconds < 2 * 86400)
		buf_printf(out, "%" PRId64 " h ago", seconds / 3600);
	else
		buf_printf(out, "%" PRId64 " days ago", seconds / 86400);
}

void alert_state_sentence(const struct desk *desk, const struct alert *alert, struct buf *out)
{
	if (alert->status == ALERT_OPEN) {
		buf_puts(out, "still open");
		return;
	}
	if (alert->status == ALERT_EXPECTED) {
		buf_printf(out, "expected under H%" PRId64 ": nobody was disturbed", alert->announcement);
		return;
	}
	buf_printf(out, "already %s", alert_status_name(alert->status));
	if (alert->changed_by != NULL) {
		buf_puts(out, " by ");
		buf_put_person(out, desk->config, alert->changed_by);
	}
	if (alert->changed_at != TIME_NONE) {
		buf_putc(out, ' ');
		put_ago(out, desk->now - alert->changed_at);
	}
}

static bool no_longer(const struct desk *desk, const struct alert *alert, struct error *err)
{
	struct buf text;

	buf_init(&text, 512);
	alert_state_sentence(desk, alert, &text);
	error_set(err, ERROR_CONFLICT, "A%" PRId64 " is %s", alert->id, buf_text(&text));
	buf_fini(&text);
	return false;
}

/* "Acked by @alice: looking" as a line of the thread. */
static bool say_change(struct desk *desk, const struct alert *alert, const struct actor *actor, const char *did, const char *note,
    bool broadcast, struct error *err)
{
	char subject[24];
	struct buf line;
	bool ok;

	subject_of(alert, subject);
	buf_init(&line, 16384);
	buf_printf(&line, "%s by ", did);
	buf_put_person(&line, desk->config, actor->who);
	if (!text_is_empty(note)) {
		buf_puts(&line, ": ");
		buf_put_mrkdwn(&line, note, NOTE_MAX);
	}
	ok = say_in_thread(desk, subject, alert->channel, buf_text(&line), broadcast, err);
	buf_fini(&line);
	return ok;
}

static bool act_ack(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err)
{
	(void)to;
	if (alert->status != ALERT_OPEN)
		return no_longer(desk, alert, err);
	alert->status = ALERT_ACKED;
	if (!actor->is_token)
		replace_text(&alert->assignee, actor->who);
	changed(desk, alert, actor);
	return tell(desk, alert, actor, "acked", note, err) && audit(desk, alert, actor, "acked", note, err) &&
	       storage_put_alert(desk->storage, alert, err) && deed_leave(desk, actor, alert, "ack", note, NULL, err) &&
	       say_card(desk, alert, err) && say_change(desk, alert, actor, "Acked", note, false, err);
}

static bool act_resolve(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to,
    struct error *err)
{
	bool was_expected = alert->status == ALERT_EXPECTED;

	(void)to;
	if (alert_is_over(alert))
		return no_longer(desk, alert, err);
	alert->status = ALERT_RESOLVED;
	changed(desk, alert, actor);
	desk->counts.resolved++;
	if (!tell(desk, alert, actor, "resolved", note, err) || !audit(desk, alert, actor, "resolved", note, err) ||
	    !storage_put_alert(desk->storage, alert, err) || !deed_leave(desk, actor, alert, "resolve", note, NULL, err))
		return false;
	/* What was expected has no card: resolving it disturbs nobody either. */
	return was_expected ||
	       (say_card(desk, alert, err) && say_change(desk, alert, actor, "Resolved", note, false, err));
}

/* Nobody is called yet: it pages. */
static bool escalate_unpaged(struct desk *desk, struct alert *alert, struct error *err)
{
	char name[13];

	if (alert->page_key == NULL && desk->config->pagerduty.routing_key == NULL)
		return error_set(err, ERROR_REFUSED,
		    "A%" PRId64 " cannot page: its route has no page, and pagerduty.routing_key is not set", alert->id);
	if (alert->page_key == NULL) {
		key_fingerprint(desk->config->pagerduty.routing_key, name);
		replace_text(&alert->page_key, name);
	}
	return true;
}

static bool act_escalate(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to,
    struct error *err)
{
	const bool was_paged = alert->page_status != NULL, has_target = !text_is_empty(to);
	char ago[32], *told;
	bool ok;

	if (alert_is_over(alert))
		return no_longer(desk, alert, err);
	if (has_target && !rest_is_on(desk))
		return error_set(err, ERROR_REFUSED,
		    "to a team or person needs PagerDuty's REST API (pagerduty.api_token); try: escalate A%" PRId64, alert->id);
	if (has_target && strlen(to) > WHO_MAX)
		return error_set(err, ERROR_TOO_LONG, "nobody's name has more than %d bytes", WHO_MAX);
	if (was_paged && !rest_is_on(desk)) {
		duration_write(alert->paged_at == TIME_NONE ? 0 : desk->now - alert->paged_at, ago, sizeof(ago));
		return error_set(err, ERROR_CONFLICT, "A%" PRId64 " was paged already, %s ago; %s", alert->id, ago,
		    text_equal(alert->page_status, "acknowledged")
			? "it is acked in PagerDuty, and calling somebody else needs its REST API (pagerduty.api_token)"
			: "PagerDuty climbs its escalation policy by itself");
	}
	if (!was_paged && !escalate_unpaged(desk, alert, err))
		return false;
	/* PagerDuty shows what is escalated as triggered: so do we. */
	alert->status = ALERT_OPEN;
	alert->announcement = 0;
	changed(desk, alert, actor);
	told = !has_target ? xstrdup(note) : note != NULL ? xasprintf("to %s: %s", to, note) : xasprintf("to %s", to);
	ok = tell(desk, alert, actor, "escalated", told, err) && audit(desk, alert, actor, "escalated", told, err) &&
	     show(desk, alert, err) && say_change(desk, alert, actor, "Escalated", told, true, err) &&
	     ((!was_paged && !has_target) || deed_leave(desk, actor, alert, "escalate", note, to, err));
	free(told);
	return ok;
}

static bool act_note(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err)
{
	(void)to;
	if (text_is_empty(note))
		return error_set(err, ERROR_USAGE, "a note needs words; try: note A%" PRId64 " looked at it, harmless", alert->id);
	return tell(desk, alert, actor, "noted", note, err) && audit(desk, alert, actor, "noted", note, err) &&
	       say_change(desk, alert, actor, "Note", note, false, err) && deed_leave(desk, actor, alert, "note", note, NULL, err);
}

static bool act_unack(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err)
{
	(void)to;
	if (alert->status != ALERT_ACKED)
		return no_longer(desk, alert, err);
	alert->status = ALERT_OPEN;
	replace_text(&alert->assignee, NULL);
	changed(desk, alert, actor);
	return tell(desk, alert, actor, "unacked", note, err) && audit(desk, alert, actor, "unacked", note, err) &&
	       storage_put_alert(desk->storage, alert, err) && say_card(desk, alert, err) &&
	       say_change(desk, alert, actor, "Un-acked", note, false, err) &&
	       deed_leave(desk, actor, alert, "unack", note, NULL, err);
}

/* One of a key is unresolved at the most, and it is the newest: what came after ALERT is in its way. */
static bool is_newest(struct desk *desk, const struct alert *alert, struct error *err)
{
	struct alert *newest = storage_alert_by_key(desk->storage, alert->dedup_key, false);
	bool ok = newest == NULL || newest->id <= alert->id;

	if (!ok && alert_is_over(newest))
		error_set(err, ERROR_CONFLICT, "A%" PRId64 " came after A%" PRId64 " and is the same again; try: reopen A%" PRId64,
		    newest->id, alert->id, newest->id);
	else if (!ok)
		error_set(err, ERROR_CONFLICT, "A%" PRId64 " came after A%" PRId64 ", is the same again and is %s; try: show A%" PRId64,
		    newest->id, alert->id, alert_status_name(newest->status), newest->id);
	alert_free(newest);
	return ok;
}

static bool act_reopen(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err)
{
	const bool was_paged = alert->page_status != NULL;
	bool pages;

	(void)to;
	if (!alert_is_over(alert))
		return no_longer(desk, alert, err);
	if (!is_newest(desk, alert, err))
		return false;
	alert->status = ALERT_OPEN;
	alert->announcement = 0;
	replace_text(&alert->assignee, NULL);
	/* Its source stopped reporting it, and somebody knows better: that is no end any more. */
	if (alert->ends_at != TIME_NONE && alert->ends_at <= desk->now)
		alert->ends_at = TIME_NONE;
	changed(desk, alert, actor);
	alert_route(desk, alert);
	/* What its events resolved stays so, and gets a new incident; the REST API opens the old one again. */
	pages = alert->page_key != NULL;
	if (pages && !(was_paged && rest_is_on(desk)))
		replace_text(&alert->page_status, "waiting");
	return tell(desk, alert, actor, "reopened", note, err) && audit(desk, alert, actor, "reopened", note, err) &&
	       storage_put_alert(desk->storage, alert, err) &&
	       (!pages || (was_paged ? deed_leave(desk, actor, alert, "reopen", note, NULL, err)
				     : say_page(desk, alert, "trigger", err))) &&
	       say_card(desk, alert, err) && say_change(desk, alert, actor, "Reopened", note, false, err);
}

/* Whom TO names: <@U0BOB>, @bob, a login, an e-mail; NULL: the actor. The caller frees; NULL with an error. */
static char *assignee_of(const struct desk *desk, const struct actor *actor, const struct alert *alert, const char *to, struct error *err)
{
	const bool is_me = text_is_empty(to) || strcasecmp(to, "me") == 0;
	const size_t skip = is_me ? 0 : strspn(to, "<@");
	const struct person_config *person;
	char *name, *id = NULL;

	if (is_me && actor->is_token) {
		error_set(err, ERROR_USAGE, "a token is nobody who could have A%" PRId64 "; try: assign A%" PRId64 " @alice", alert->id, alert->id);
		return NULL;
	}
	if (is_me)
		return xstrdup(actor->who);
	if (strlen(to) > WHO_MAX) {
		error_set(err, ERROR_TOO_LONG, "nobody's name has more than %d bytes", WHO_MAX);
		return NULL;
	}
	name = xstrndup(to + skip, strcspn(to + skip, ">|"));
	person = config_person(desk->config, name);
	if (slack_is_user(name))
		id = xstrdup(name);
	else if (person != NULL && !text_is_empty(person->slack))
		id = xstrdup(person->slack);
	else if (person != NULL && !text_is_empty(person->email))
		id = xstrdup(person->email);
	else
		error_set(err, ERROR_USAGE, "nobody is known here as \"%.*s\"; try: assign A%" PRId64 " @alice",
		    (int)utf16_prefix(name, strlen(name), 60), name, alert->id);
	free(name);
	return id;
}

static bool say_assigned(struct desk *desk, const struct alert *alert, const struct actor *actor, const char *note, struct error *err)
{
	struct buf did;
	bool ok;

	buf_init(&did, 512);
	buf_puts(&did, "Assigned to ");
	buf_put_person(&did, desk->config, alert->assignee);
	ok = say_change(desk, alert, actor, buf_text(&did), note, false, err);
	buf_fini(&did);
	return ok;
}

static bool act_assign(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err)
{
	char *who, *name, *told;
	bool ok;

	if (alert->status != ALERT_OPEN && alert->status != ALERT_ACKED)
		return no_longer(desk, alert, err);
	who = assignee_of(desk, actor, alert, to, err);
	if (who == NULL)
		return false;
	name = person_name(desk, who);
	if (text_equal(alert->assignee, who)) {
		error_set(err, ERROR_CONFLICT, "%.100s has A%" PRId64 " already", name, alert->id);
		free(name);
		free(who);
		return false;
	}
	told = note != NULL ? xasprintf("%s: %s", name, note) : xstrdup(name);
	replace_text(&alert->assignee, who);
	alert->version++;
	ok = tell(desk, alert, actor, "assigned", told, err) && audit(desk, alert, actor, "assigned", told, err) &&
	     storage_put_alert(desk->storage, alert, err) && say_card(desk, alert, err) &&
	     say_assigned(desk, alert, actor, note, err) && deed_leave(desk, actor, alert, "assign", note, who, err);
	free(told);
	free(name);
	free(who);
	return ok;
}

bool alert_close_claimed(struct desk *desk, const struct actor *actor, struct alert *alert, int64_t announcement,
    const char *approved_by, struct error *err)
{
	char *name = approved_by != NULL ? person_name(desk, approved_by) : NULL;
	char *note = name != NULL ? xasprintf("H%" PRId64 ", approved by %s", announcement, name) : xasprintf("H%" PRId64, announcement);
	bool ok;

	alert->status = ALERT_CLAIMED;
	alert->announcement = announcement;
	changed(desk, alert, actor);
	desk->counts.claimed++;
	ok = tell(desk, alert, actor, "claimed", note, err) && audit(desk, alert, actor, "claimed", note, err) &&
	     storage_put_alert(desk->storage, alert, err) && deed_leave(desk, actor, alert, "resolve", note, NULL, err) &&
	     say_card(desk, alert, err) && say_change(desk, alert, actor, "Claimed (late)", note, false, err) &&
	     announcement_count(desk, announcement, alert, true, err);
	if (ok)
		log_info("A%" PRId64 " claimed by=%s via=%s under=%s", alert->id, actor->who, actor->via, note);
	free(name);
	free(note);
	return ok;
}

bool alert_follow(struct desk *desk, struct alert *alert, const struct alert_turn *turn, struct error *err)
{
	char subject[24];

	subject_of(alert, subject);
	if (turn->status >= 0 && turn->status != (int)alert->status) {
		alert->status = (enum alert_status)turn->status;
		if (alert->status == ALERT_OPEN || alert->status == ALERT_ACKED)
			alert->announcement = 0;
		if (alert->status == ALERT_RESOLVED)
			desk->counts.resolved++;
		/* Somebody knows better than the source that stopped reporting it. */
		if (alert->status == ALERT_OPEN && alert->ends_at != TIME_NONE && alert->ends_at <= desk->now)
			alert->ends_at = TIME_NONE;
		changed(desk, alert, &turn->by);
		if (turn->at != TIME_NONE && turn->at < desk->now)
			alert->changed_at = turn->at;
	}
	if (turn->assignee != NULL)
		replace_text(&alert->assignee, turn->assignee[0] != '\0' ? turn->assignee : NULL);
	if (turn->page_status != NULL)
		replace_text(&alert->page_status, turn->page_status);
	alert->version++;
	if (turn->what != NULL && (!tell(desk, alert, &turn->by, turn->what, turn->note, err) ||
				      !audit(desk, alert, &turn->by, turn->what, turn->note, err)))
		return false;
	if (!storage_put_alert(desk->storage, alert, err) || !say_card(desk, alert, err))
		return false;
	if (turn->what != NULL)
		log_info("A%" PRId64 " %s by=%s via=%s", alert->id, turn->what, turn->by.who, turn->by.via);
	return turn->line == NULL || say_in_thread(desk, subject, alert->channel, turn->line, turn->is_loud, err);
}

static const struct verb {
	const char *name;
	bool (*act)(struct desk *desk, const struct actor *actor, struct alert *alert, const char *note, const char *to, struct error *err);
} verbs[] = {
    {"ack", act_ack},
    {"resolve", act_resolve},
    {"escalate", act_escalate},
    {"note", act_note},
    {"unack", act_unack},
    {"reopen", act_reopen},
    {"assign", act_assign},
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

bool alert_act(struct desk *desk, const struct actor *actor, int64_t id, const char *verb, const char *note, const char *to,
    struct alert **now, struct error *err)
{
	const struct verb *found = verb_find(verb);
	struct alert *alert;
	bool ok;

	*now = NULL;
	if (found == NULL)
		return error_set(err, ERROR_NOT_FOUND, "\"%s\" is nothing that can be done with an alert", verb);
	if (!actor->is_token && !desk_allows(desk, desk->config->policy.responders, actor))
		return error_set(err, ERROR_FORBIDDEN, "only responders may %s alerts (policy.responders)", verb);
	if (note != NULL && strlen(note) > NOTE_BYTES_MAX)
		return error_set(err, ERROR_TOO_LONG, "a note holds at most %d bytes", NOTE_BYTES_MAX);
	alert = storage_alert(desk->storage, id, err);
	if (alert == NULL)
		return false;
	ok = found->act(desk, actor, alert, text_is_empty(note) ? NULL : note, to, err);
	if (ok)
		log_info("A%" PRId64 " %s by=%s via=%s", id, verb, actor->who, actor->via);
	*now = alert;
	return ok;
}
