#include "handlers/pagerduty/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements_internal.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define FIRST_CHANGE 30     /* after every page */
#define CHANGE_LASTS_S 86400 /* nobody looks for what changed on the day before */
#define TOLD_KEEP_S 86400   /* besides the longest that an announcement may stand */
#define SUMMARY_MAX 1024    /* characters, PagerDuty's own limit */
#define REASON_UNITS 300    /* of the summary */
#define MATCHES_UNITS 450
#define DETAIL_UNITS 1024
#define NAME_UNITS 80
#define URL_MAX 2000
/* Changes share a key's events_per_minute with pages, and take at most a quarter of it, so many at once. */
#define SHARE 4
#define BURST 15
#define PUT_OFF_MAX_S 3600 /* what would be said later than this is not said */
#define TRIES_MAX 2000     /* matches that are tried to find the services of one announcement; past it, any may be touched */

/* ---- which services ---------------------------------------------------------------------------------------- */

/* What holds of the alerts that an announcement covers. */
enum holds { HOLDS_NEVER, HOLDS_PERHAPS, HOLDS_ALWAYS };

static bool is_same_field(const struct match *a, const struct match *b)
{
	return a->field == b->field && strcmp(a->name, b->name) == 0;
}

static bool is_literal(const struct match *match)
{
	for (size_t i = 0; match->op == MATCH_EQUAL && i < match->value_count; i++) {
		if (match->values[i].is_glob)
			return false;
	}
	return match->op == MATCH_EQUAL;
}

/* ALERT's field that MATCH is about becomes VALUE; false: it is none that can be set. */
static bool set_field(struct alert *alert, const struct match *match, const char *value)
{
	enum alert_status status;
	enum severity severity;

	if (match->field == NULL) {
		alert_add_label(alert, match->name, value);
		return true;
	}
	switch (match->field->kind) {
	case FIELD_TEXT:
	case FIELD_HOST:
	case FIELD_IP:
		alert_set_text(alert, match->field, value);
		return true;
	case FIELD_SEVERITY:
		if (!severity_parse(value, &severity))
			return false;
		alert->severity = severity;
		return true;
	case FIELD_STATUS:
		if (!alert_status_parse(value, &status))
			return false;
		alert->status = status;
		return true;
	case FIELD_TIME:
	case FIELD_NUMBER:
		break;
	}
	return false;
}

/* The matches of an announcement, and what is found out about one more. */
struct judging {
	const struct matches *all;
	size_t tries; /* of TRIES_MAX */
	bool may, always;
};

static bool may_hold(struct judging *judging, const struct match *match, const struct alert *alert)
{
	struct match *one = (struct match *)match;

	judging->tries++;
	return matches_may_hold(&(const struct matches){.list = &one, .count = 1}, alert);
}

/* May an alert whose field is VALUE be covered, and does it then fit MATCH? */
static void try_value(struct judging *judging, const struct match *match, const char *value)
{
	const struct matches *all = judging->all;
	bool is_covered = true;
	struct alert alert;

	alert_init(&alert);
	if (judging->tries >= TRIES_MAX || !set_field(&alert, match, value)) {
		judging->may = true;
		judging->always = false;
		is_covered = false;
	}
	for (size_t i = 0; is_covered && i < all->count; i++)
		is_covered = !is_same_field(all->list[i], match) || may_hold(judging, all->list[i], &alert);
	if (is_covered) {
		judging->may = judging->may || may_hold(judging, match, &alert);
		judging->always = judging->always && match_holds(match, &alert, NULL);
	}
	alert_fini(&alert);
}

/* By the values of which something is known: the five severities, those to which the announcement pins the field, or else those of MATCH. */
static enum holds match_judge(struct judging *judging, const struct match *match)
{
	const struct matches *all = judging->all;
	const struct match *pinned = NULL;

	judging->may = false;
	judging->always = true;
	for (size_t i = 0; pinned == NULL && i < all->count; i++) {
		if (is_same_field(all->list[i], match) && is_literal(all->list[i]))
			pinned = all->list[i];
	}
	if (match->field != NULL && match->field->kind == FIELD_SEVERITY) {
		for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++)
			try_value(judging, match, severity_name((enum severity)severity));
	} else if (pinned != NULL) {
		for (size_t i = 0; i < pinned->value_count; i++)
			try_value(judging, match, pinned->values[i].text);
	} else if (is_literal(match)) {
		for (size_t i = 0; !judging->may && i < match->value_count; i++)
			try_value(judging, match, match->values[i].text);
		judging->always = false; /* there are others than those */
	} else {
		return HOLDS_PERHAPS;
	}
	if (!judging->may)
		return HOLDS_NEVER;
	return judging->always ? HOLDS_ALWAYS : HOLDS_PERHAPS;
}

static enum holds route_judge(struct judging *judging, const struct route_config *route)
{
	enum holds least = HOLDS_ALWAYS, one;

	for (size_t i = 0; i < route->matches.count; i++) {
		one = match_judge(judging, route->matches.list[i]);
		least = one < least ? one : least;
	}
	return least;
}

/* May an alert that is covered be of the severity from which ROUTE pages; is each? */
static enum holds page_judge(struct judging *judging, const struct route_config *route)
{
	char text[64];
	struct match *from;
	enum holds holds;

	if (!route->pages || text_is_empty(route->routing_key))
		return HOLDS_NEVER;
	if (route->from_severity == SEVERITY_NONE || route->from_severity == SEVERITY_INFO)
		return HOLDS_ALWAYS;
	snprintf(text, sizeof(text), "severity=%s", severity_name(SEVERITY_CRITICAL));
	for (int severity = SEVERITY_CRITICAL - 1; severity >= route->from_severity; severity--)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%s", severity_name((enum severity)severity));
	from = match_parse(text, NULL);
	holds = from != NULL ? match_judge(judging, from) : HOLDS_PERHAPS;
	match_free(from);
	return holds;
}

struct services {
	char key[CHANGE_KEYS_MAX][13]; /* fingerprints */
	size_t count, left;            /* left: more than there is room for */
};

static void services_add(struct services *services, const char *routing_key)
{
	char name[13];

	if (routing_key[0] == 'R')
		return; /* of a ruleset: PagerDuty takes no change events for those */
	key_fingerprint(routing_key, name);
	for (size_t i = 0; i < services->count; i++) {
		if (strcmp(services->key[i], name) == 0)
			return;
	}
	if (services->count == CHANGE_KEYS_MAX)
		services->left++;
	else
		memcpy(services->key[services->count++], name, sizeof(name));
}

/* As alert_route() takes them: the first that matches, more with `continue: true`, and paged once. */
static void services_find(const struct config *config, const struct matches *all, struct services *services)
{
	struct judging judging = {.all = all};

	for (size_t i = 0; i < config->route_count; i++) {
		const struct route_config *route = &config->routes[i];
		const enum holds takes = route_judge(&judging, route), pages = page_judge(&judging, route);

		if (takes != HOLDS_NEVER && pages != HOLDS_NEVER)
			services_add(services, route->routing_key);
		if (takes == HOLDS_ALWAYS && (!route->goes_on || pages == HOLDS_ALWAYS))
			return;
	}
}

/* ---- telling them -------------------------------------------------------------------------------------------- */

/*
 * When a change may go to KEY: at once, or later where many came before it (*IS_LATE: too late to be said). A mark holds when the next would
 * be due if all kept their distance.
 */
static bool take_place(struct desk *desk, const char *key, int64_t *not_before, bool *is_late, struct error *err)
{
	const double apart = 60 * SHARE / desk->config->pagerduty.events_per_minute;
	const int64_t apart_s = apart > PUT_OFF_MAX_S ? PUT_OFF_MAX_S : apart > 1 ? (int64_t)apart : 1;
	char *mark = xasprintf("pagerduty.changes.%s", key), *value = storage_mark(desk->storage, mark);
	int64_t due = value != NULL ? (int64_t)strtoll(value, NULL, 10) : 0;
	bool ok = true;

	free(value);
	/* A clock that was set back holds nobody up. */
	if (due < desk->now || due > desk->now + PUT_OFF_MAX_S + (BURST + 1) * apart_s)
		due = desk->now;
	*not_before = due - BURST * apart_s > desk->now ? due - BURST * apart_s : TIME_NONE;
	*is_late = *not_before != TIME_NONE && *not_before > desk->now + PUT_OFF_MAX_S;
	if (!*is_late) {
		value = xasprintf("%" PRId64, due + apart_s);
		ok = storage_put_mark(desk->storage, mark, value, err);
		free(value);
	}
	free(mark);
	return ok;
}

static bool leave(struct desk *desk, const char *subject, const char *key, struct error *err)
{
	char *lane = xasprintf("pagerduty:%s", key), *coalesce = xasprintf("change:%s:%s", subject, key);
	cJSON *body = cJSON_CreateObject();
	struct word word = {
	    .lane = lane,
	    .kind = WORD_CHANGE,
	    .subject = (char *)subject,
	    .coalesce = coalesce,
	    .priority = FIRST_CHANGE,
	    .not_before = TIME_NONE,
	    .deadline = desk->now + CHANGE_LASTS_S,
	    .created_at = desk->now,
	    .state = WORD_WAITING,
	};
	bool is_late, ok;

	json_put(body, "key", key);
	word.body = json_write(body);
	ok = take_place(desk, key, &word.not_before, &is_late, err);
	if (ok && is_late)
		log_warn("%s is not told to PagerDuty: too many announcements key=%s", subject, key);
	else if (ok)
		ok = storage_add_word(desk->storage, &word, err);
	cJSON_Delete(body);
	free(word.body);
	free(coalesce);
	free(lane);
	return ok;
}

/* Once a service. */
static bool say_one(struct desk *desk, const struct announcement *announcement, const char *key, struct error *err)
{
	const int64_t longest = desk->config->policy.max_duration_s, left = announcement->ends_at - desk->now;
	char subject[24], *seen;
	bool again = false, ok;

	announcement_subject(announcement->id, subject);
	seen = xasprintf("change:%s:%s", subject, key);
	ok = storage_see(desk->storage, seen, desk->now, (left > longest ? left : longest) + TOLD_KEEP_S, &again, err);
	free(seen);
	return ok && (again || leave(desk, subject, key, err));
}

bool change_say(struct desk *desk, const struct announcement *announcement, struct error *err)
{
	struct services services = {.count = 0};
	struct matches all;
	bool ok = true;

	if (!desk->config->pagerduty.is_enabled || !text_equal(announcement_status(announcement, desk->now), "active"))
		return true;
	if (!matches_parse(announcement->match, announcement->match_count, &all, NULL))
		return true; /* it covers nothing */
	services_find(desk->config, &all, &services);
	matches_fini(&all);
	for (size_t i = 0; ok && i < services.count; i++)
		ok = say_one(desk, announcement, services.key[i], err);
	if (services.left > 0)
		log_info("H%" PRId64 " touches more services than the %d that PagerDuty tells of it more=%zu", announcement->id,
		    CHANGE_KEYS_MAX, services.left);
	return ok;
}

/* ---- the event ------------------------------------------------------------------------------------------------ */

static void put_plain(cJSON *object, const char *name, const char *text, size_t units)
{
	struct buf plain;

	buf_init(&plain, units * 4 + 4);
	buf_put_plain(&plain, text, units);
	cJSON_AddStringToObject(object, name, buf_text(&plain));
	buf_fini(&plain);
}

/* "host=web-* rule=ssh*" */
static char *all_matches(const struct announcement *announcement)
{
	struct buf text;
	char *taken;

	buf_init(&text, announcement->match_count * (MATCH_TEXT_MAX + 4) + 1);
	for (size_t i = 0; i < announcement->match_count; i++) {
		buf_puts(&text, i > 0 ? " " : "");
		buf_put_typed_match(&text, announcement->match[i]);
	}
	taken = buf_take(&text);
	buf_fini(&text);
	return taken != NULL ? taken : xstrdup("");
}

/* "H17 alice: deploy 1.2.3 · host=web-* · until 14:30 UTC" */
static void put_summary(const struct announcement *announcement, const char *who, int64_t at, cJSON *payload)
{
	char until[64], *matches = all_matches(announcement);
	struct buf text;

	time_write_local(announcement->ends_at, "UTC", at, until, sizeof(until));
	buf_init(&text, SUMMARY_MAX * 4);
	buf_printf(&text, "H%" PRId64 " ", announcement->id);
	buf_put_plain(&text, who, NAME_UNITS);
	buf_puts(&text, ": ");
	buf_put_plain(&text, announcement->because, REASON_UNITS);
	buf_puts(&text, " · ");
	buf_put_plain(&text, matches, MATCHES_UNITS);
	buf_printf(&text, " · until %s", until);
	put_plain(payload, "summary", buf_text(&text), SUMMARY_MAX);
	buf_fini(&text);
	free(matches);
}

static cJSON *details(const struct desk *desk, const struct announcement *announcement, const char *who)
{
	cJSON *all = cJSON_CreateObject(), *list;
	char subject[24], *approver;

	announcement_subject(announcement->id, subject);
	cJSON_AddStringToObject(all, "id", subject);
	put_plain(all, "announced_by", who, DETAIL_UNITS);
	if (announcement_is_approved(announcement)) {
		approver = person_name(desk, announcement->approved_by);
		put_plain(all, "approved_by", approver, DETAIL_UNITS);
		free(approver);
	}
	put_plain(all, "because", announcement->because, DETAIL_UNITS);
	list = cJSON_AddArrayToObject(all, "match");
	for (size_t i = 0; i < announcement->match_count; i++) {
		struct buf plain;

		buf_init(&plain, MATCH_TEXT_MAX * 4);
		buf_put_plain(&plain, announcement->match[i], MATCH_TEXT_MAX);
		cJSON_AddItemToArray(list, cJSON_CreateString(buf_text(&plain)));
		buf_fini(&plain);
	}
	json_put_time(all, "starts_at", announcement->starts_at);
	json_put_time(all, "ends_at", announcement->ends_at);
	json_put_int(all, "max", announcement->max);
	return all;
}

static void put_link(const struct desk *desk, const struct announcement *announcement, cJSON *event)
{
	cJSON *links, *link;
	struct buf url;

	if (text_is_empty(desk->config->public_url))
		return;
	buf_init(&url, URL_MAX);
	buf_printf(&url, "%s/v1/announcements/H%" PRId64, desk->config->public_url, announcement->id);
	if (buf_ok(&url)) {
		links = cJSON_AddArrayToObject(event, "links");
		link = cJSON_CreateObject();
		cJSON_AddStringToObject(link, "href", buf_text(&url));
		cJSON_AddStringToObject(link, "text", "the announcement in headsup");
		cJSON_AddItemToArray(links, link);
	}
	buf_fini(&url);
}

/* When it began to count. */
static int64_t began_at(const struct announcement *announcement)
{
	int64_t at = announcement->starts_at;

	if (announcement->needs_approval && announcement->approval_from == 0 && announcement_is_approved(announcement) &&
	    announcement->approved_at > at)
		at = announcement->approved_at;
	return at;
}

cJSON *change_event(struct desk *desk, const struct announcement *announcement, const char *key, struct error *err)
{
	const char *routing_key = config_routing_key(desk->config, key);
	cJSON *event, *payload;
	char *who;

	if (routing_key == NULL) {
		error_set(err, ERROR_NOT_FOUND, "the configuration has the routing key %.40s no more", key);
		return NULL;
	}
	event = cJSON_CreateObject();
	cJSON_AddStringToObject(event, "routing_key", routing_key);
	payload = cJSON_AddObjectToObject(event, "payload");
	who = person_name(desk, announcement->author);
	put_summary(announcement, who, began_at(announcement), payload);
	json_put_time(payload, "timestamp", began_at(announcement));
	cJSON_AddStringToObject(payload, "source", "headsup");
	cJSON_AddItemToObject(payload, "custom_details", details(desk, announcement, who));
	put_link(desk, announcement, event);
	free(who);
	return event;
}
