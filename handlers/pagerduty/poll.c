#include "handlers/pagerduty/poll.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/page.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/entry.h"
#include "handlers/pagerduty/users.h"

#define BESIDE_HOOKS_MAX_S 60      /* however rarely the configuration wants it */
#define ENTRIES_MAX 2000           /* of the log, kept at once */
#define ENTRY_BYTES_MAX (512 << 10) /* what they take together */
#define USERS_MAX 20               /* asked for in one poll */
#define OFFSET_MAX 10000           /* PagerDuty refuses offset + limit beyond: developer.pagerduty.com/docs/pagination */
#define LISTED_MAX 2000            /* live incidents of ours that a poll remembers to have read */
#define EACH_MAX 200               /* incidents asked for one by one, in one poll */
#define LIVE_ROWS 500              /* read at once */
#define UNLINKED_MAX 100           /* alerts looked for in one poll */
#define GONE_MAX 200               /* incidents remembered that cannot be read */
#define GONE_S 3600                /* so long they are not asked for again */
#define FIRST_BACK_S 3600          /* how far the first log is read back */
#define AHEAD_S 60                 /* PagerDuty's clock may be ahead so far */
#define PAGE_BACK_S 300            /* and an incident that much older than the page of which it came */

#define MARK_LOG "pagerduty.log"     /* the newest created_at that was read */
#define MARK_ALL "pagerduty.all"     /* when everything was read */
#define MARK_HEARD "pagerduty.heard" /* when a log was read to its end */
#define MARK_GAP "pagerduty.gap"     /* everything is to be read */
#define MARK_EACH "pagerduty.each"   /* the alert up to which incidents were asked for, when a round was not enough */
#define MARK_UNLINKED "pagerduty.unlinked" /* the alert up to which incidents were looked for */
#define MARK_GONE "pagerduty.gone"   /* {"Q1": until}: incidents that cannot be read */

/* ---- marks, and what is known ----------------------------------------------------------------------------------- */

static int64_t mark_time(struct desk *desk, const char *name)
{
	char *text = storage_mark(desk->storage, name), *end = NULL;
	long long at = text != NULL ? strtoll(text, &end, 10) : 0;
	bool ok = text != NULL && end != text && *end == '\0' && at >= 0;

	free(text);
	return ok ? at : TIME_NONE;
}

static bool put_mark_time(struct desk *desk, const char *name, int64_t at, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, at);
	return storage_put_mark(desk->storage, name, text, err);
}

static bool has_mark(struct desk *desk, const char *name)
{
	char *text = storage_mark(desk->storage, name);
	bool has = text != NULL;

	free(text);
	return has;
}

static int64_t number(const cJSON *body, const char *name)
{
	int64_t value;

	return json_int(body, name, &value) && value > 0 ? value : 0;
}

static void set_number(cJSON *body, const char *name, int64_t value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	json_put_int(body, name, value);
}

static void set_text(cJSON *body, const char *name, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	json_put(body, name, text);
}

static void set_true(cJSON *body, const char *name)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	cJSON_AddTrueToObject(body, name);
}

/* The list NAME of BODY, made when it is not there. */
static cJSON *list_of(cJSON *body, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(body, name);

	if (cJSON_IsArray(list))
		return list;
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	return cJSON_AddArrayToObject(body, name);
}

static bool holds(const cJSON *list, const char *text)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, list)
	{
		if (text_equal(cJSON_GetStringValue(one), text))
			return true;
	}
	return false;
}

static void add(cJSON *list, const char *text, size_t max)
{
	if (text != NULL && (size_t)cJSON_GetArraySize(list) < max && !holds(list, text))
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static bool is_ours(struct desk *desk, const char *incident)
{
	int64_t alert;

	return storage_incident_alerts(desk->storage, incident, false, &alert, 1) > 0;
}

static int64_t interval(const struct desk *desk)
{
	int64_t every = desk->config->pagerduty.poll_interval_s;

	if (desk->config->pagerduty.webhook_secrets == NULL || desk->config->pagerduty.webhook_secrets[0] == NULL)
		return every > 1 ? every : 1;
	if (every < POLL_BESIDE_HOOKS_S)
		return POLL_BESIDE_HOOKS_S;
	return every < BESIDE_HOOKS_MAX_S ? every : BESIDE_HOOKS_MAX_S;
}

/* ---- when ------------------------------------------------------------------------------------------------------- */

static bool any_incident(void *ctx, const struct incident *incident)
{
	(void)incident;
	*(bool *)ctx = true;
	return false;
}

/* Once there was an incident its log is always read, for what is resolved may be reopened there. */
static bool is_worth_it(struct desk *desk, bool *is, struct error *err)
{
	int64_t alert;

	*is = has_mark(desk, MARK_LOG);
	if (*is)
		return true;
	if (!storage_each_live_incident(desk->storage, 0, 1, any_incident, is, err))
		return false;
	*is = *is || storage_unlinked_alerts(desk->storage, 0, &alert, 1) > 0;
	return true;
}

static cJSON *beginning(struct desk *desk)
{
	int64_t cursor = mark_time(desk, MARK_LOG), since;
	cJSON *body = cJSON_CreateObject();

	/* Until PagerDuty has told a time of its own, ours may be ahead of it: what is read twice is recognised. */
	if (cursor == TIME_NONE)
		cursor = desk->now - FIRST_BACK_S;
	if (cursor > desk->now)
		cursor = desk->now;
	since = cursor - POLL_OVERLAP_S;
	if (since < desk->now - POLL_BACK_MAX_S)
		since = desk->now - POLL_BACK_MAX_S;
	json_put(body, "step", "log");
	json_put_int(body, "since", since);
	return body;
}

static void tell_silence(struct desk *desk)
{
	if (desk->poll.waits_since > desk->now)
		desk->poll.waits_since = desk->now; /* the clock was set back */
	if (desk->poll.waits_since == 0 || desk->poll.is_silent || desk->now - desk->poll.waits_since <= POLL_GAP_S)
		return;
	desk->poll.is_silent = true;
	log_warn("nothing was heard of PagerDuty for %" PRId64 " s: what happens to incidents there is not seen here",
	    desk->now - desk->poll.waits_since);
}

static void tell_heard(struct desk *desk)
{
	if (desk->poll.is_silent)
		log_info("PagerDuty is heard of again after %" PRId64 " s", desk->now - desk->poll.waits_since);
	desk->poll.waits_since = 0;
	desk->poll.is_silent = false;
}

bool poll_tick(struct desk *desk, struct error *err)
{
	const int64_t every = interval(desk);
	bool is;

	if (!rest_is_on(desk)) {
		desk->poll.due_at = desk->poll.waits_since = 0;
		desk->poll.is_silent = desk->poll.is_log_refused = desk->poll.is_list_refused = false;
		return true;
	}
	tell_silence(desk);
	/* Further off than an interval: the clock was set back, or the configuration has another. */
	if (desk->poll.due_at > desk->now && desk->poll.due_at - desk->now <= every)
		return true;
	desk->poll.due_at = desk->now + every;
	if (!is_worth_it(desk, &is, err))
		return false;
	if (!is)
		return true;
	if (desk->poll.waits_since == 0)
		desk->poll.waits_since = desk->now;
	/* One that waits because PagerDuty asked for patience is not to go any earlier. */
	if (storage_has_word(desk->storage, PAGERDUTY_LANE, WORD_POLL, "poll"))
		return true;
	return rest_leave(desk, WORD_POLL, "poll", "poll", beginning(desk), REST_FIRST_POLL, 0, err);
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

/* The list NAME of an answer; NULL when that is none, which is logged once: IS_REFUSED is of that list. */
static const cJSON *answer_list(const struct reply *reply, const char *name, bool *is_refused)
{
	const cJSON *list = reply->ok ? json_get(reply->body, name) : NULL;
	char *why;

	if (cJSON_IsArray(list)) {
		if (*is_refused)
			log_info("PagerDuty's %s can be read again", name);
		*is_refused = false;
		return list;
	}
	why = reply->ok ? xstrdup("the answer is not understood") : rest_refusal(reply);
	if (!*is_refused)
		log_warn("PagerDuty's %s cannot be read why=%s", name, why);
	*is_refused = true;
	free(why);
	return NULL;
}

/* Reads on at the next page? An empty page is the last, whatever it says. */
static bool next_page(struct talk *talk, const struct reply *reply, const cJSON *list, bool *has_more)
{
	cJSON *body = talk->body;
	const int64_t offset = number(body, "offset") + cJSON_GetArraySize(list), pages = number(body, "pages") + 1,
		      rows = rest_rows(talk);

	*has_more = json_true(reply->body, "more") && cJSON_GetArraySize(list) > 0;
	if (!*has_more || pages * rows >= POLL_PAGES_MAX * REST_PAGE || offset + REST_PAGE > OFFSET_MAX)
		return false;
	set_number(body, "offset", offset);
	set_number(body, "pages", pages);
	rest_keep_rows(talk, rows);
	return true;
}

static void first_page(cJSON *body)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, "offset");
	cJSON_DeleteItemFromObjectCaseSensitive(body, "pages");
}

static void put_page(struct buf *path, const struct talk *talk)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, rest_rows(talk));
	rest_put_query(path, "limit", text);
	snprintf(text, sizeof(text), "%" PRId64, number(talk->body, "offset"));
	rest_put_query(path, "offset", text);
}

/*
 * What an answer says about one incident could not be done. Only a database out of order stops the poll, which is then undone and tried again: a
 * refusal would come back each time, and keep all other incidents from being heard of.
 */
static bool goes_on_after(bool ok, const char *incident, struct error *why, struct error *err)
{
	if (ok)
		return true;
	if (why->kind == ERROR_IO)
		return error_set(err, ERROR_IO, "%s", why->text);
	log_error("what PagerDuty says of incident %s is passed over why=%s", incident, why->text);
	return true;
}

static bool read_incident(struct desk *desk, const char *id, const cJSON *incident, struct error *err)
{
	struct error why = {0};

	return goes_on_after(incident_read(desk, incident, &why), id, &why, err);
}

/* ---- steps: everything ------------------------------------------------------------------------------------------ */

/* What was to be read is not: the next poll reads it. */
static bool give_up(struct talk *talk, struct error *err)
{
	return storage_put_mark(talk->desk->storage, MARK_GAP, "1", err);
}

static bool ask_all(struct talk *talk, struct error *err)
{
	struct buf path;
	bool ok;

	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/incidents");
	rest_put_query(&path, "statuses[]", "triggered");
	rest_put_query(&path, "statuses[]", "acknowledged");
	rest_put_query(&path, "date_range", "all"); /* without it a month */
	rest_put_query(&path, "sort_by", "created_at:desc");
	put_page(&path, talk);
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* Incidents that could not be read a while ago count as read. */
static void skip_gone(struct desk *desk, cJSON *listed)
{
	char *text = storage_mark(desk->storage, MARK_GONE);
	cJSON *gone = text != NULL ? json_parse(text, strlen(text), NULL) : NULL;
	const cJSON *one;

	cJSON_ArrayForEach(one, gone)
	{
		int64_t until;

		if (one->string != NULL && json_int(gone, one->string, &until) && until > desk->now && until <= desk->now + GONE_S)
			add(listed, one->string, LISTED_MAX);
	}
	cJSON_Delete(gone);
	free(text);
}

static bool put_gone(struct desk *desk, const char *incident, struct error *err)
{
	char *text = storage_mark(desk->storage, MARK_GONE), *written;
	cJSON *old = text != NULL ? json_parse(text, strlen(text), NULL) : NULL, *gone = cJSON_CreateObject();
	const cJSON *one;
	int count = 1;
	bool ok;

	json_put_int(gone, incident, desk->now + GONE_S);
	cJSON_ArrayForEach(one, old)
	{
		int64_t until;

		if (count < GONE_MAX && one->string != NULL && strcmp(one->string, incident) != 0 &&
		    json_int(old, one->string, &until) && until > desk->now && until <= desk->now + GONE_S) {
			json_put_int(gone, one->string, until);
			count++;
		}
	}
	written = json_write(gone);
	ok = storage_put_mark(desk->storage, MARK_GONE, written, err);
	free(written);
	free(text);
	cJSON_Delete(old);
	cJSON_Delete(gone);
	return ok;
}

struct unlisted {
	const cJSON *listed;
	int64_t after, alert; /* rows were read up to AFTER; ALERT: of the one that was found */
	size_t rows;
	char id[REST_ID_MAX + 1];
};

static bool find_unlisted(void *ctx, const struct incident *incident)
{
	struct unlisted *unlisted = ctx;

	unlisted->rows++;
	unlisted->after = incident->alert;
	if (!rest_is_id(incident->id) || holds(unlisted->listed, incident->id))
		return true;
	unlisted->alert = incident->alert;
	snprintf(unlisted->id, sizeof(unlisted->id), "%s", incident->id);
	return false;
}

static bool all_is_read(struct talk *talk, struct error *err)
{
	struct desk *desk = talk->desk;

	log_debug("all incidents of PagerDuty were read asked=%" PRId64, number(talk->body, "asked"));
	return storage_put_mark(desk->storage, MARK_EACH, NULL, err) && put_mark_time(desk, MARK_ALL, desk->now, err) &&
	       put_mark_time(desk, MARK_HEARD, desk->now, err);
}

/* A round asks for so many. The next poll goes on with the others, unless it would never come to an end. */
static bool round_is_over(struct talk *talk, int64_t after, struct error *err)
{
	struct desk *desk = talk->desk;

	log_info("more than %d incidents are to be asked for: the others follow", EACH_MAX);
	if (!all_is_read(talk, err) || !put_mark_time(desk, MARK_EACH, after, err))
		return false;
	return json_true(talk->body, "cut") || storage_put_mark(desk->storage, MARK_GAP, "1", err);
}

/* Live incidents of ours that PagerDuty did not list are not live there any more, or merged away: they are asked for one by one. */
static bool next_each(struct talk *talk, struct error *err)
{
	cJSON *body = talk->body;
	struct unlisted unlisted = {.listed = list_of(body, "listed"), .after = number(body, "after")};

	do {
		unlisted.rows = 0;
		if (!storage_each_live_incident(talk->desk->storage, unlisted.after, LIVE_ROWS, find_unlisted, &unlisted, err))
			return false;
	} while (unlisted.alert == 0 && unlisted.rows == LIVE_ROWS);
	if (unlisted.alert == 0)
		return all_is_read(talk, err);
	if (number(body, "asked") >= EACH_MAX)
		return round_is_over(talk, number(body, "after"), err);
	set_text(body, "step", "each");
	set_text(body, "incident", unlisted.id);
	set_number(body, "after", unlisted.alert);
	set_number(body, "asked", number(body, "asked") + 1);
	return rest_go_on(talk);
}

static bool hear_all(struct talk *talk, const struct reply *reply, struct error *err)
{
	const cJSON *list = answer_list(reply, "incidents", &talk->desk->poll.is_list_refused), *incident;
	cJSON *listed = list_of(talk->body, "listed");
	int64_t after;
	bool has_more;

	if (list == NULL)
		return give_up(talk, err);
	cJSON_ArrayForEach(incident, list)
	{
		const char *id = json_text(incident, "id");

		if (!rest_is_id(id) || !is_ours(talk->desk, id))
			continue;
		if (!read_incident(talk->desk, id, incident, err))
			return false;
		add(listed, id, LISTED_MAX);
	}
	if (next_page(talk, reply, list, &has_more))
		return rest_go_on(talk);
	if (has_more)
		set_true(talk->body, "cut");
	skip_gone(talk->desk, listed);
	after = mark_time(talk->desk, MARK_EACH);
	set_number(talk->body, "after", after != TIME_NONE ? after : 0);
	return next_each(talk, err);
}

static bool ask_each(struct talk *talk, struct error *err)
{
	const char *id = json_text(talk->body, "incident");
	struct buf path;
	bool ok;

	if (!rest_is_id(id))
		return rest_nothing(talk);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s", id);
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

static bool hear_each(struct talk *talk, const struct reply *reply, struct error *err)
{
	const char *id = json_text(talk->body, "incident");
	const cJSON *incident = reply->ok ? json_get(reply->body, "incident") : NULL;

	if (!rest_is_id(id))
		return true;
	if (text_equal(json_text(incident, "id"), id)) {
		if (!read_incident(talk->desk, id, incident, err))
			return false;
	} else {
		/* It may be hidden, or gone: what became of it is not known, so nothing here becomes of it. */
		char *why = reply->ok ? xstrdup("the answer tells of another") : rest_refusal(reply);

		log_warn("PagerDuty's incident %s cannot be read why=%s", id, why);
		free(why);
		if (!put_gone(talk->desk, id, err))
			return false;
	}
	/* Several alerts may share it. */
	add(list_of(talk->body, "listed"), id, LISTED_MAX);
	return next_each(talk, err);
}

/* Paged, and nobody knows as what: looked for once more, so many each time. */
static bool look_for_unlinked(struct desk *desk, struct error *err)
{
	int64_t alerts[UNLINKED_MAX], after = mark_time(desk, MARK_UNLINKED);
	size_t count = storage_unlinked_alerts(desk->storage, after != TIME_NONE ? after : 0, alerts, UNLINKED_MAX);

	for (size_t i = 0; i < count; i++) {
		if (!deed_find_incident(desk, alerts[i], err))
			return false;
	}
	if (count == UNLINKED_MAX)
		return put_mark_time(desk, MARK_UNLINKED, alerts[count - 1], err);
	return after == TIME_NONE || storage_put_mark(desk->storage, MARK_UNLINKED, NULL, err);
}

static bool begin_all(struct talk *talk, struct error *err)
{
	struct desk *desk = talk->desk;

	if (!look_for_unlinked(desk, err))
		return false;
	first_page(talk->body);
	set_text(talk->body, "step", "all");
	/* What asks for it from now on asks for one more. */
	return storage_put_mark(desk->storage, MARK_GAP, NULL, err) && rest_go_on(talk);
}

/* ---- steps: the log --------------------------------------------------------------------------------------------- */

/*
 * Without is_overview: it shows "the most important changes" alone, and nobody says that people's notes are among them
 * (developer.pagerduty.com/api-reference, list log entries). What nobody wants to know, such as who was notified by what, is passed over.
 */
static bool ask_log(struct talk *talk, struct error *err)
{
	int64_t since = number(talk->body, "since");
	struct buf path;
	char text[32];
	bool ok;

	time_write_rfc3339(since, text);
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/log_entries");
	rest_put_query(&path, "since", text);
	rest_put_query(&path, "include[]", "incidents");
	rest_put_query(&path, "include[]", "channels"); /* notes are in there, and the keys of events */
	put_page(&path, talk);
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* An alert's newest incident stays the newest: one of which an older entry tells takes its place only if that one is over. */
static bool is_newer(struct desk *desk, int64_t alert, const char *incident, int64_t at)
{
	struct incident have;
	bool is;

	if (storage_incident_by_id(desk->storage, alert, incident, &have)) {
		incident_fini(&have);
		return false;
	}
	if (!storage_incident(desk->storage, alert, &have))
		return true;
	is = text_equal(have.status, "resolved") && (have.status_at == TIME_NONE || at > have.status_at);
	incident_fini(&have);
	return is;
}

/* The event that opened an incident comes with its key: that links it to its alert, if nothing did so far. */
static bool link_entry(struct talk *talk, const cJSON *entry, bool *is_linked, struct error *err)
{
	struct desk *desk = talk->desk;
	const char *key = json_text(json_get(entry, "channel"), "incident_key");
	int64_t id, at = rest_time(json_text(entry, "created_at"));
	const char *incident = rest_ref(entry, "incident");
	struct error why = {0};
	struct alert *alert;
	enum did did;
	bool is_its;

	if (!page_key_alert(desk, key, &id) || incident == NULL || at == TIME_NONE || !entry_did(entry, &did) || did != DID_TRIGGER)
		return true;
	alert = storage_alert(desk->storage, id, &why);
	if (alert == NULL && why.kind != ERROR_NOT_FOUND)
		return error_set(err, why.kind, "%s", why.text);
	/* Another headsup may count its alerts under the same keys; those that it paged before ours are not meant. */
	is_its = alert != NULL && alert->paged_at != TIME_NONE && at >= alert->paged_at - PAGE_BACK_S;
	alert_free(alert);
	if (!is_its || !is_newer(desk, id, incident, at))
		return true;
	*is_linked = true;
	log_info("A%" PRId64 " is PagerDuty's incident %s, as its log says", id, incident);
	why = (struct error){0};
	return goes_on_after(incident_link(desk, id, json_get(entry, "incident"), &why), incident, &why, err);
}

static bool has_entry(const cJSON *entries, const char *id)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, entries)
	{
		if (text_equal(json_text(one, "id"), id))
			return true;
	}
	return false;
}

static void keep_newest(struct talk *talk, const cJSON *entry)
{
	int64_t at = rest_time(json_text(entry, "created_at"));

	if (at != TIME_NONE && at <= talk->desk->now + AHEAD_S && at > number(talk->body, "newest"))
		set_number(talk->body, "newest", at);
}

/* False: no more can be kept. */
static bool keep_entry(struct talk *talk, const cJSON *entry)
{
	cJSON *entries = list_of(talk->body, "entries"), *kept;
	const char *id = json_text(entry, "id"), *incident = rest_ref(entry, "incident");
	enum did did;
	int64_t bytes;
	char *text;

	if (!entry_did(entry, &did) || incident == NULL || id == NULL || !is_ours(talk->desk, incident) ||
	    has_entry(entries, id))
		return true; /* entries move on between two pages: the same is met again */
	kept = entry_compact(entry);
	text = json_write(kept);
	bytes = number(talk->body, "bytes") + (int64_t)strlen(text);
	free(text);
	if (cJSON_GetArraySize(entries) >= ENTRIES_MAX || bytes > ENTRY_BYTES_MAX) {
		cJSON_Delete(kept);
		return false;
	}
	cJSON_AddItemToArray(entries, kept);
	set_number(talk->body, "bytes", bytes);
	return true;
}

static bool log_is_read(struct talk *talk, struct error *err);

/* Entries were passed over that came before the one that showed whose they are: once, they are read again. */
static bool read_again(struct talk *talk)
{
	set_true(talk->body, "again");
	first_page(talk->body);
	return rest_go_on(talk);
}

static bool hear_log(struct talk *talk, const struct reply *reply, struct error *err)
{
	const cJSON *list = answer_list(reply, "log_entries", &talk->desk->poll.is_log_refused), *entry;
	bool is_linked = false, fits = true, has_more, goes_on;

	if (list == NULL) {
		set_true(talk->body, "blind");
		return log_is_read(talk, err);
	}
	cJSON_ArrayForEach(entry, list)
	{
		if (!link_entry(talk, entry, &is_linked, err))
			return false;
	}
	cJSON_ArrayForEach(entry, list)
	{
		keep_newest(talk, entry);
		fits = fits && keep_entry(talk, entry);
	}
	if (is_linked && number(talk->body, "pages") > 0 && !json_true(talk->body, "again"))
		return read_again(talk);
	goes_on = next_page(talk, reply, list, &has_more);
	if (goes_on && fits)
		return rest_go_on(talk);
	if (has_more || !fits) {
		log_warn("the log of PagerDuty is too long to be read at once: all incidents are read, notes may be missed");
		set_true(talk->body, "all");
	}
	return log_is_read(talk, err);
}

/* ---- what the log says ------------------------------------------------------------------------------------------ */

struct told {
	const cJSON *entry;
	int64_t at;
	size_t index; /* as it was read: a greater one is older */
};

static int oldest_first(const void *a, const void *b)
{
	const struct told *one = a, *other = b;

	if (one->at != other->at)
		return one->at < other->at ? -1 : 1;
	return one->index > other->index ? -1 : one->index < other->index;
}

static bool sets_status(enum did did)
{
	return did == DID_TRIGGER || did == DID_ACK || did == DID_UNACK || did == DID_RESOLVE || did == DID_REOPEN || did == DID_MERGE ||
	       did == DID_ESCALATE || did == DID_DELEGATE || did == DID_REASSIGN;
}

/* Entries come with their incident as it is now. That is how it was after the last of them alone. */
static bool is_last(const struct told *told, size_t count, const char *incident, bool delegates)
{
	for (size_t i = 1; i < count; i++) {
		enum did did;

		if (entry_did(told[i].entry, &did) && (delegates ? did == DID_DELEGATE : sets_status(did)) &&
		    text_equal(rest_ref(told[i].entry, "incident"), incident))
			return false;
	}
	return true;
}

/* Events never reopen an incident: any trigger of one that is resolved, but its first, is told of a reopening. */
static bool is_reopening(struct desk *desk, const struct change *change)
{
	int64_t alert;
	struct incident incident;
	bool is;

	if (change->did != DID_TRIGGER || change->status != NULL || change->at == TIME_NONE ||
	    storage_incident_alerts(desk->storage, change->incident, false, &alert, 1) == 0 ||
	    !storage_incident_by_id(desk->storage, alert, change->incident, &incident))
		return false;
	is = text_equal(incident.status, "resolved") && incident.merged_into == NULL && incident.status_at != TIME_NONE &&
	     change->at > incident.status_at;
	incident_fini(&incident);
	return is;
}

static bool apply_one(struct desk *desk, const struct told *told, size_t count, struct buf *space, struct error *err)
{
	struct change change;
	struct error why = {0};

	if (!poll_read(told->entry, &change, space))
		return true;
	if (change.did == DID_ESCALATE || change.did == DID_DELEGATE || change.did == DID_REASSIGN) {
		if (!is_last(told, count, change.incident, false))
			change.status = NULL;
		if (change.did == DID_DELEGATE && !is_last(told, count, change.incident, true))
			change.to_id = change.to_name = NULL;
	}
	if (is_reopening(desk, &change)) {
		change.did = DID_REOPEN;
		change.status = "triggered";
	}
	if (change.at != TIME_NONE && change.at > desk->now + AHEAD_S)
		change.at = desk->now; /* what came after it would never be newer */
	return goes_on_after(incident_changed(desk, &change, &why), change.incident, &why, err);
}

static bool apply(struct talk *talk, struct error *err)
{
	const cJSON *entries = list_of(talk->body, "entries"), *entry;
	size_t count = (size_t)cJSON_GetArraySize(entries), i = 0;
	struct told *told = xcalloc(count + 1, sizeof(*told));
	int64_t before = INT64_MAX;
	struct buf space;
	bool ok = true;

	cJSON_ArrayForEach(entry, entries)
	{
		int64_t at = rest_time(json_text(entry, "created_at"));

		told[i] = (struct told){.entry = entry, .at = at != TIME_NONE ? at : before, .index = i};
		before = told[i++].at;
	}
	qsort(told, count, sizeof(*told), oldest_first);
	buf_init(&space, ENTRY_SPACE_MAX);
	for (i = 0; i < count && ok; i++)
		ok = apply_one(talk->desk, &told[i], count - i, &space, err);
	buf_fini(&space);
	free(told);
	return ok;
}

static bool put_cursor(struct talk *talk, struct error *err)
{
	struct desk *desk = talk->desk;
	int64_t cursor = mark_time(desk, MARK_LOG), newest = number(talk->body, "newest"),
		begin = number(talk->body, "since") + POLL_OVERLAP_S;

	if (cursor == TIME_NONE)
		cursor = begin;
	if (newest > cursor)
		cursor = newest;
	if (cursor > desk->now)
		cursor = desk->now;
	return put_mark_time(desk, MARK_LOG, cursor, err);
}

static bool is_due(struct desk *desk, const char *name, int64_t every)
{
	int64_t at = mark_time(desk, name);

	return at == TIME_NONE || at > desk->now || desk->now - at > every;
}

static bool is_all_due(struct talk *talk)
{
	struct desk *desk = talk->desk;
	int64_t all_at = mark_time(desk, MARK_ALL), every = interval(desk);
	bool is_blind = json_true(talk->body, "blind");

	return json_true(talk->body, "all") || has_mark(desk, MARK_GAP) || all_at == TIME_NONE || all_at < desk->started_at ||
	       is_due(desk, MARK_ALL, is_blind ? POLL_GAP_S : POLL_ALL_S) ||
	       is_due(desk, MARK_HEARD, every * 2 > POLL_GAP_S ? every * 2 : POLL_GAP_S);
}

/* All that is to be known beforehand is: what the log says happens here, and then, when it is time, all the rest. */
static bool tell(struct talk *talk, struct error *err)
{
	struct desk *desk = talk->desk;
	bool is_blind = json_true(talk->body, "blind"), all;

	if (!apply(talk, err))
		return false;
	/* Asked after it: a merge may have made a gap. */
	all = is_all_due(talk);
	if (!is_blind && (!put_cursor(talk, err) || !put_mark_time(desk, MARK_HEARD, desk->now, err)))
		return false;
	cJSON_DeleteItemFromObjectCaseSensitive(talk->body, "entries");
	return !all || begin_all(talk, err);
}

/* ---- step: who they are ----------------------------------------------------------------------------------------- */

static void add_user(struct talk *talk, cJSON *users, const char *id)
{
	if (id != NULL && !holds(users, id) && (size_t)cJSON_GetArraySize(users) < USERS_MAX && !user_is_known(talk->desk, id))
		add(users, id, USERS_MAX);
}

static bool log_is_read(struct talk *talk, struct error *err)
{
	cJSON *users = list_of(talk->body, "users");
	const cJSON *entry;
	struct buf space;

	buf_init(&space, ENTRY_SPACE_MAX);
	cJSON_ArrayForEach(entry, list_of(talk->body, "entries"))
	{
		struct change change;

		if (!poll_read(entry, &change, &space))
			continue;
		if (change.agent == AGENT_PERSON)
			add_user(talk, users, change.agent_id);
		if (change.did == DID_REASSIGN)
			add_user(talk, users, change.to_id);
	}
	buf_fini(&space);
	if (cJSON_GetArraySize(users) == 0)
		return tell(talk, err);
	set_text(talk->body, "step", "users");
	return rest_go_on(talk);
}

static struct user_found asked_user(const struct talk *talk)
{
	struct user_found found = {.answer = USER_ASK};
	const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(json_get(talk->body, "users"), 0));

	snprintf(found.id, sizeof(found.id), "%s", rest_is_id(id) ? id : "");
	return found;
}

static bool ask_user(struct talk *talk, struct error *err)
{
	const struct user_found found = asked_user(talk);

	return found.id[0] != '\0' ? users_ask(talk, &found, err) : rest_nothing(talk);
}

static bool hear_user(struct talk *talk, const struct reply *reply, struct error *err)
{
	const struct user_found found = asked_user(talk);
	cJSON *users = list_of(talk->body, "users");

	if (found.id[0] != '\0' && !users_heard(talk, &found, reply, err))
		return false;
	cJSON_DeleteItemFromArray(users, 0);
	return cJSON_GetArraySize(users) > 0 ? rest_go_on(talk) : tell(talk, err);
}

/* ---- the conversation ------------------------------------------------------------------------------------------- */

static const struct step {
	const char *name;
	bool (*ask)(struct talk *talk, struct error *err);
	bool (*hear)(struct talk *talk, const struct reply *reply, struct error *err);
} steps[] = {
    {"log", ask_log, hear_log},
    {"users", ask_user, hear_user},
    {"all", ask_all, hear_all},
    {"each", ask_each, hear_each},
};

static const struct step *step_of(const struct talk *talk)
{
	const char *name = json_text(talk->body, "step");

	for (size_t i = 0; name != NULL && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].name, name) == 0)
			return &steps[i];
	}
	return NULL;
}

static bool render(struct talk *talk, struct error *err)
{
	const struct step *step = step_of(talk);

	return step != NULL ? step->ask(talk, err) : rest_nothing(talk);
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	const struct step *step = step_of(talk);

	if (reply->ok)
		tell_heard(talk->desk);
	return step == NULL || step->hear(talk, reply, err);
}

static bool failed(struct talk *talk, const struct reply *reply, bool is_final, struct error *err)
{
	(void)reply;
	return !is_final || give_up(talk, err);
}

const struct conversation poll_conversation = {.kind = WORD_POLL, .render = render, .heard = heard, .failed = failed};
