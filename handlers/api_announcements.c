/* api_announcements - /v1/announcements…: announced by pipelines, listed, ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/api_internal.h"
#include "handlers/grammar.h"
#include "handlers/later.h"
#include "handlers/preview.h"

/* Sentences for who announced, or null. */
static void put_warning(const struct announcement *announcement, cJSON *json)
{
	struct buf text;

	buf_init(&text, 1024);
	if (announcement->has_preview)
		preview_put_warning(&announcement->preview, &text);
	json_put(json, "warning", text.len > 0 ? buf_text(&text) : NULL);
	buf_fini(&text);
}

static cJSON *announcement_json(const struct desk *desk, const struct announcement *announcement)
{
	cJSON *json = cJSON_CreateObject(), *list;
	char id[24], space[64];

	snprintf(id, sizeof(id), "H%" PRId64, announcement->id);
	json_put(json, "id", announcement->id != 0 ? id : NULL);
	json_put(json, "status", announcement_status(announcement, desk->now));
	json_put(json, "author", config_person_name(desk->config, announcement->author, space));
	json_put(json, "author_id", announcement->author);
	list = cJSON_AddArrayToObject(json, "match");
	for (size_t i = 0; i < announcement->match_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(announcement->match[i]));
	json_put_time(json, "created_at", announcement->created_at);
	json_put_time(json, "starts_at", announcement->starts_at);
	json_put_time(json, "ends_at", announcement->ends_at);
	json_put(json, "because", announcement->because);
	json_put_int(json, "max", announcement->max);
	json_put_int(json, "matched", announcement->matched);
	json_put_int(json, "near_misses", announcement->near_misses);
	cJSON_AddBoolToObject(json, "needs_approval", announcement->needs_approval);
	json_put(json, "approved_by",
	    announcement->approved_by != NULL ? config_person_name(desk->config, announcement->approved_by, space) : NULL);
	json_put_time(json, "approved_until", announcement->approved_until != 0 ? announcement->approved_until : TIME_NONE);
	json_put(json, "denied_by",
	    announcement->denied_by != NULL ? config_person_name(desk->config, announcement->denied_by, space) : NULL);
	json_put_time(json, "lease_until", announcement->lease_until);
	json_put_time(json, "over_at", announcement->over_at);
	json_put(json, "over_why", announcement_over_why(announcement, desk->now));
	put_warning(announcement, json);
	cJSON_AddItemToObject(json, "preview", preview_json(announcement->has_preview ? &announcement->preview : NULL));
	return json;
}

/* A member of text that may be absent. */
static bool member(const cJSON *json, const char *name, const char **text, struct error *err)
{
	const cJSON *item = json_get(json, name);

	*text = cJSON_IsString(item) ? item->valuestring : NULL;
	if (item == NULL || cJSON_IsNull(item) || cJSON_IsString(item))
		return true;
	return error_set(err, ERROR_USAGE, "\"%s\" must be a string", name);
}

/* A bare @alice means that `actor` is one of Alice's logins: it is written out in ITEM. */
static bool write_out_person(const struct config *config, cJSON *item, struct error *err)
{
	const struct person_config *person;
	struct match *match;

	if (item->valuestring[0] != '@')
		return true;
	person = config_person(config, item->valuestring + 1);
	if (person == NULL || person->login_count == 0)
		return error_set(err, ERROR_USAGE, "the login names of %.100s are not known here; try actor=LOGIN", item->valuestring);
	match = match_actor(person->logins, person->login_count);
	cJSON_SetValuestring(item, match->source);
	match_free(match);
	return true;
}

/* "match": ["host=web-*", …]; the list borrows its texts from JSON. */
static bool member_match(const struct config *config, cJSON *json, char **match, size_t *count, struct error *err)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "match"), *item;

	*count = 0;
	if (cJSON_IsString(list)) {
		if (!write_out_person(config, list, err))
			return false;
		match[(*count)++] = list->valuestring;
		return true;
	}
	if (!cJSON_IsArray(list))
		return error_set(err, ERROR_USAGE, "\"match\" must be a list of matches; try [\"host=web-*\", \"actor=deploy\"]");
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_USAGE, "each match must be a string; try \"host=web-*\"");
		if (*count == MATCH_MAX)
			return error_set(err, ERROR_USAGE, "at most %d matches", MATCH_MAX);
		if (!write_out_person(config, item, err))
			return false;
		match[(*count)++] = item->valuestring;
	}
	return true;
}

static bool member_time(const cJSON *json, const char *name, int64_t *at, struct error *err)
{
	const char *text;

	*at = TIME_NONE;
	if (!member(json, name, &text, err))
		return false;
	if (text == NULL || time_parse_rfc3339(text, at))
		return true;
	return error_set(err, ERROR_USAGE, "\"%s\" must be an RFC 3339 time; try \"2026-03-02T18:45:22Z\"", name);
}

static bool member_duration(const cJSON *json, const char *name, int64_t *seconds, struct error *err)
{
	const char *text;

	*seconds = 0;
	if (!member(json, name, &text, err))
		return false;
	return text == NULL || duration_parse(text, seconds, err);
}

/* None: 0. A lease of 0s is no window without lease, and refused by its bounds: it comes back as -1. */
static bool member_lease(const cJSON *json, int64_t *seconds, struct error *err)
{
	if (!member_duration(json, "lease", seconds, err))
		return false;
	if (*seconds == 0 && json_text(json, "lease") != NULL)
		*seconds = -1;
	return true;
}

static bool member_max(const cJSON *json, int64_t *max, struct error *err)
{
	*max = 0;
	if (json_get(json, "max") == NULL || cJSON_IsNull(json_get(json, "max")))
		return true;
	if (json_int(json, "max", max) && *max > 0)
		return true;
	return error_set(err, ERROR_USAGE, "\"max\" must be a whole number of alerts from 1");
}

static bool read_request(struct call *call, cJSON *json, char **match, struct announce_request *request, struct error *err)
{
	request->match = match;
	request->author = NULL;
	if (!member_match(call->desk->config, json, match, &request->match_count, err) || !member_time(json, "from", &request->from, err) ||
	    !member_time(json, "until", &request->until, err) || !member_duration(json, "for", &request->for_s, err) ||
	    !member_lease(json, &request->lease_s, err) ||
	    !member_max(json, &request->max, err) || !member(json, "because", &request->because, err) ||
	    !member(json, "author", &request->author, err) || !member(json, "channel", &request->channel, err))
		return false;
	request->idempotency_key = api_header(call->request, "Idempotency-Key");
	request->is_dry = json_true(json, "dry");
	if (request->author == NULL)
		request->author = call->caller.actor.who;
	return true;
}

static bool on_preview(struct desk *desk, void *ctx, const struct announcement *announcement, const struct preview *preview,
    struct error *err)
{
	(void)preview;
	(void)err;
	later_end(ctx, announcement_json(desk, announcement));
	return true;
}

static void end_later(void *ctx)
{
	later_end(ctx, NULL);
	later_drop(ctx);
}

/* Answers with what was made; with its preview now, where that is known, else when it is. LATER is taken. */
static void answer_made(struct call *call, const struct announcement *made, struct later *later)
{
	cJSON *answer = later->answer;

	later->answer = NULL;
	api_json(call->answer, made->id != 0 ? 201 : 200, answer != NULL ? answer : announcement_json(call->desk, made));
	if (later->is_over)
		later_drop(later);
	else
		call->desk->later = later;
}

/* LATER ends when the preview is known, or never will be. */
static bool announce_posted(
    struct call *call, cJSON *json, struct later *later, struct announcement **made, struct error *err)
{
	struct preview_wish wish = {.done = on_preview, .free = end_later};
	struct announce_request request = {.preview = &wish};
	char *match[MATCH_MAX];
	bool is_again;

	if (!read_request(call, json, match, &request, err))
		return false;
	wish.ctx = later_hold(later);
	return announce(call->desk, &call->caller.actor, &request, made, &is_again, err);
}

void api_announcements_post(struct call *call)
{
	struct announcement *made = NULL;
	struct later *later;
	struct error err;
	cJSON *json = api_object(call);

	if (json == NULL)
		return;
	later = later_new();
	if (announce_posted(call, json, later, &made, &err)) {
		answer_made(call, made, later);
	} else {
		later_drop(later);
		api_refuse(call, &err);
		/* A refusal by policy is itself a fact of the audit log: it is kept. */
		call->is_stored = err.kind == ERROR_REFUSED || err.kind == ERROR_FORBIDDEN;
	}
	announcement_free(made);
	cJSON_Delete(json);
}

struct listing {
	struct call *call;
	const char *status;
	cJSON *list;
	size_t limit, scanned;
	int64_t last_id;
};

static bool add_listed(void *ctx, const struct announcement *announcement)
{
	struct listing *listing = ctx;
	const struct desk *desk = listing->call->desk;

	listing->scanned++;
	listing->last_id = announcement->id;
	if (listing->status == NULL || strcmp(listing->status, announcement_status(announcement, desk->now)) == 0)
		cJSON_AddItemToArray(listing->list, announcement_json(desk, announcement));
	return (size_t)cJSON_GetArraySize(listing->list) < listing->limit;
}

void api_announcements_list(struct call *call)
{
	static const char *const known[] = {"active", "scheduled", "pending", "ended", "cancelled"};
	struct announcement_query query = {.state = -1, .limit = API_SCAN_MAX};
	struct listing listing = {.call = call, .status = api_query(call->request, "status")};
	struct error err;
	char cursor[24];
	bool is_known = listing.status == NULL;
	cJSON *json;

	for (size_t i = 0; !is_known && i < sizeof(known) / sizeof(known[0]); i++)
		is_known = strcmp(known[i], listing.status) == 0;
	if (!is_known) {
		api_problem(call->answer, 400, "status is active, scheduled, pending, ended or cancelled");
		return;
	}
	listing.limit = api_limit(call);
	if (listing.limit == 0 || !api_cursor(call, &query.before_id))
		return;
	listing.list = cJSON_CreateArray();
	if (!storage_each_announcement(call->desk->storage, &query, add_listed, &listing, &err)) {
		cJSON_Delete(listing.list);
		api_refuse(call, &err);
		return;
	}
	snprintf(cursor, sizeof(cursor), "%" PRId64, listing.last_id);
	json = cJSON_CreateObject();
	json_put(json, "next_cursor",
	    (size_t)cJSON_GetArraySize(listing.list) == listing.limit || listing.scanned == API_SCAN_MAX ? cursor : NULL);
	cJSON_AddItemToObject(json, "announcements", listing.list);
	api_json(call->answer, 200, json);
}

static bool announcement_id(struct call *call, int64_t *id)
{
	if (id_parse(call->part, 'H', id))
		return true;
	api_problem(call->answer, 404, "that is no announcement's id; it looks like H17");
	return false;
}

void api_announcements_get(struct call *call)
{
	struct announcement *announcement;
	struct error err;
	int64_t id;

	if (!announcement_id(call, &id))
		return;
	announcement = storage_announcement(call->desk->storage, id, &err);
	if (announcement == NULL) {
		api_refuse(call, &err);
		return;
	}
	api_json(call->answer, 200, announcement_json(call->desk, announcement));
	announcement_free(announcement);
}

static bool act(struct call *call, int64_t id, const cJSON *json, struct announcement **now, struct error *err)
{
	const struct actor *actor = &call->caller.actor;
	const char *note;
	int64_t by_s;

	if (strcmp(call->verb, "extend") == 0) {
		if (!member_duration(json, "for", &by_s, err) || (by_s == 0 && !member_duration(json, "by", &by_s, err)))
			return false;
		if (by_s == 0)
			return error_set(err, ERROR_USAGE, "say by how much; try {\"for\":\"30m\"}");
		return announcement_extend(call->desk, actor, id, by_s, now, err);
	}
	if (strcmp(call->verb, "end") == 0)
		return member(json, "note", &note, err) &&
		       announcement_end(call->desk, actor, id, note != NULL ? note : "done", now, err);
	if (strcmp(call->verb, "cancel") == 0)
		return announcement_cancel(call->desk, actor, id, now, err);
	if (strcmp(call->verb, "renew") == 0) {
		if (!member_lease(json, &by_s, err))
			return false;
		return announcement_renew(call->desk, actor, id, by_s, now, err);
	}
	if (strcmp(call->verb, "approve") == 0)
		return announcement_approve(call->desk, actor, id, 0, now, err);
	if (strcmp(call->verb, "deny") == 0)
		return announcement_deny(call->desk, actor, id, NULL, now, err);
	return error_set(err, ERROR_NOT_FOUND,
	    "an announcement can be extended, ended, cancelled or renewed: …/extend, …/end, …/cancel, …/renew");
}

/* What no longer applies is refused with the announcement as it is. */
static void refuse_act(struct call *call, int64_t id, const struct error *err)
{
	struct announcement *announcement = NULL;

	if (err->kind == ERROR_CONFLICT)
		announcement = storage_announcement(call->desk->storage, id, NULL);
	if (announcement != NULL)
		api_refuse_with(call, err, "announcement", announcement_json(call->desk, announcement));
	else
		api_refuse(call, err);
	announcement_free(announcement);
}

void api_announcements_act(struct call *call)
{
	struct announcement *now = NULL;
	struct error err;
	int64_t id;
	cJSON *json;

	if (!announcement_id(call, &id))
		return;
	json = api_object(call);
	if (json == NULL)
		return;
	if (act(call, id, json, &now, &err)) {
		api_json(call->answer, 200, announcement_json(call->desk, now));
	} else {
		refuse_act(call, id, &err);
		/* As above. */
		call->is_stored = err.kind == ERROR_REFUSED || err.kind == ERROR_FORBIDDEN;
	}
	announcement_free(now);
	cJSON_Delete(json);
}
