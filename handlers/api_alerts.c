/* api_alerts - POST and GET /v1/alerts…: alerts in, alerts out, and what is done with them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/api_internal.h"
#include "handlers/grammar.h"

/* ---- in ------------------------------------------------------------------------------------------------- */

static void put_id(cJSON *json, const char *name, char letter, int64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%c%" PRId64, letter, id);
	json_put(json, name, id != 0 ? text : NULL);
}

static void add_accepted(cJSON *list, const struct alert *alert)
{
	cJSON *entry = cJSON_CreateObject();

	put_id(entry, "id", 'A', alert->id);
	json_put(entry, "status", alert_status_name(alert->status));
	cJSON_AddItemToArray(list, entry);
}

static void add_bad(cJSON *list, size_t index, const char *detail)
{
	cJSON *entry = cJSON_CreateObject();

	json_put_int(entry, "index", (int64_t)index);
	json_put(entry, "detail", detail);
	cJSON_AddItemToArray(list, entry);
}

/* Each of several items is inside a savepoint of its own: one that fails undoes only itself. False: it could not be stored. */
static bool take_item(struct call *call, struct format_item *item, bool is_alone)
{
	struct desk *desk = call->desk;
	bool ok;

	if (item->alert == NULL)
		return true;
	if (is_alone)
		return intake(desk, item->alert, &item->error); /* the request's own savepoint is its */
	if (!storage_begin(desk->storage, &item->error))
		return false;
	ok = intake(desk, item->alert, &item->error);
	if (!ok)
		desk_undone(desk);
	return storage_end(desk->storage, ok, ok ? &item->error : NULL) && ok;
}

static void take_alerts(struct call *call, const struct format *format, const char *source, bool may_name_source)
{
	const struct api_request *request = call->request;
	struct format_header headers[HEADERS_MAX];
	struct format_input input = {.body = request->body, .len = request->body_len, .source = source,
	    .may_name_source = may_name_source, .now = call->desk->now, .headers = headers};
	struct format_result result;
	struct error err;
	cJSON *json, *accepted, *bad;
	size_t taken = 0;

	for (; input.header_count < request->header_count && input.header_count < HEADERS_MAX; input.header_count++) {
		const struct api_param *header = &request->headers[input.header_count];

		headers[input.header_count] = (struct format_header){header->name, header->value};
	}
	if (!format_read_input(format, &input, &result, &err)) {
		api_refuse(call, &err);
		return;
	}
	json = cJSON_CreateObject();
	accepted = cJSON_CreateArray();
	bad = cJSON_CreateArray();
	for (size_t i = 0; i < result.count; i++) {
		if (!take_item(call, &result.items[i], result.count == 1)) {
			/* Nothing of this request may be answered 2xx when a part of it did not reach the disk. */
			cJSON_Delete(json);
			cJSON_Delete(accepted);
			cJSON_Delete(bad);
			result.items[i].error.kind = ERROR_IO;
			api_refuse(call, &result.items[i].error);
			goto out;
		}
		if (result.items[i].alert == NULL) {
			add_bad(bad, i, result.items[i].error.text);
			continue;
		}
		add_accepted(accepted, result.items[i].alert);
		taken++;
	}
	if (taken == 0 && result.count > 0) {
		struct error first = {.kind = ERROR_USAGE};

		memcpy(first.text, result.items[0].error.text, sizeof(first.text));
		cJSON_Delete(json);
		cJSON_Delete(accepted);
		api_refuse_with(call, &first, "errors", bad);
		goto out;
	}
	json_put_int(json, "accepted", (int64_t)taken);
	cJSON_AddItemToObject(json, "alerts", accepted);
	cJSON_AddItemToObject(json, "errors", bad);
	api_json(call->answer, 202, json);
out:
	format_result_fini(&result);
}

void api_alerts_post(struct call *call)
{
	take_alerts(call, call->desk->native, call->caller.actor.who, true);
}

void api_alerts_post_source(struct call *call)
{
	const struct config *config = call->desk->config;

	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].name, call->part) != 0)
			continue;
		take_alerts(call, config->sources[i].format, config->sources[i].name, false);
		return;
	}
	api_problem(call->answer, 404, "no source of that name is configured");
}

/* ---- out ------------------------------------------------------------------------------------------------ */

static void put_field(cJSON *json, const struct alert *alert, const struct field *field)
{
	char space[32];
	int64_t at = 0, number = 0;

	switch (field->kind) {
	case FIELD_TIME:
		memcpy(&at, (const char *)alert + field->offset, sizeof(at));
		json_put_time(json, field->name, at);
		break;
	case FIELD_NUMBER:
		memcpy(&number, (const char *)alert + field->offset, sizeof(number));
		json_put_int(json, field->name, number);
		break;
	default:
		json_put(json, field->name, alert_value(alert, field->name, space));
	}
}

static bool add_post(void *ctx, const struct post *post)
{
	cJSON *json = ctx, *copies = cJSON_GetObjectItemCaseSensitive(json, "slack_copies");
	cJSON *entry = cJSON_CreateObject();

	json_put(entry, "channel", post->channel_id);
	json_put(entry, "ts", post->ts);
	if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "slack")))
		cJSON_ReplaceItemInObjectCaseSensitive(json, "slack", entry);
	else
		cJSON_AddItemToArray(copies, entry);
	return true;
}

struct timeline {
	const struct desk *desk;
	cJSON *list;
};

static bool add_event(void *ctx, const struct event *event)
{
	struct timeline *timeline = ctx;
	cJSON *entry = cJSON_CreateObject();
	char space[64];

	json_put_time(entry, "at", event->at);
	json_put(entry, "who", config_person_name(timeline->desk->config, event->who, space));
	json_put(entry, "who_id", event->who);
	json_put(entry, "via", event->via);
	json_put(entry, "what", event->what);
	json_put(entry, "note", event->note);
	cJSON_AddItemToArray(timeline->list, entry);
	return true;
}

/* What PagerDuty was last told; null before it has it. */
static cJSON *pagerduty_json(const struct desk *desk, const struct alert *alert)
{
	char key[300];
	cJSON *json;

	if (alert->page_status == NULL || strcmp(alert->page_status, "waiting") == 0)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	snprintf(key, sizeof(key), "%s-A%" PRId64, desk->config->pagerduty.dedup_prefix, alert->id);
	json_put(json, "incident_id", NULL); /* the Events API does not tell it */
	json_put(json, "status", alert->page_status);
	json_put(json, "url", NULL);
	json_put(json, "dedup_key", key);
	return json;
}

cJSON *api_alert_json(const struct desk *desk, const struct alert *alert, bool is_whole)
{
	cJSON *json = cJSON_CreateObject(), *labels;
	struct timeline timeline = {.desk = desk};
	char subject[24], space[64];

	put_id(json, "id", 'A', alert->id);
	for (size_t i = 0; i < alert_field_count; i++)
		put_field(json, alert, &alert_fields[i]);
	labels = cJSON_AddObjectToObject(json, "labels");
	for (size_t i = 0; i < alert->label_count; i++)
		json_put(labels, alert->labels[i].name, alert->labels[i].value);
	put_id(json, "announcement", 'H', alert->announcement);
	put_id(json, "previous", 'A', alert->previous);
	put_id(json, "nearest", 'H', alert->nearest);
	json_put(json, "nearest_why", alert->nearest_why);
	json_put(json, "mark", alert->mark);
	json_put(json, "notes", alert->notes);
	json_put(json, "channel", alert->channel);
	json_put(json, "assignee", alert->assignee != NULL ? config_person_name(desk->config, alert->assignee, space) : NULL);
	cJSON_AddItemToObject(json, "pagerduty", pagerduty_json(desk, alert));
	if (!is_whole)
		return json;
	cJSON_AddNullToObject(json, "slack");
	cJSON_AddArrayToObject(json, "slack_copies");
	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	storage_each_post(desk->storage, subject, add_post, json, NULL);
	timeline.list = cJSON_AddArrayToObject(json, "timeline");
	storage_each_event(desk->storage, alert->id, add_event, &timeline, NULL);
	return json;
}

struct listing {
	struct call *call;
	struct matches matches;
	cJSON *list;
	size_t limit, scanned;
	int64_t last_id;
};

static bool add_listed(void *ctx, const struct alert *alert)
{
	struct listing *listing = ctx;

	listing->scanned++;
	listing->last_id = alert->id;
	if (matches_hold(&listing->matches, alert))
		cJSON_AddItemToArray(listing->list, api_alert_json(listing->call->desk, alert, false));
	return (size_t)cJSON_GetArraySize(listing->list) < listing->limit;
}

/* `match=` may be given several times: joined by and. */
static bool query_matches(struct call *call, struct matches *matches, struct error *err)
{
	char *texts[MATCH_MAX];
	size_t count = 0;

	for (size_t i = 0; i < call->request->query_count; i++) {
		if (strcmp(call->request->query[i].name, "match") != 0)
			continue;
		if (count == MATCH_MAX)
			return error_set(err, ERROR_USAGE, "at most %d times match=", MATCH_MAX);
		texts[count++] = (char *)(uintptr_t)call->request->query[i].value;
	}
	return matches_parse(texts, count, matches, err);
}

static bool query_times(struct call *call, struct alert_query *query, struct error *err)
{
	const char *since = api_query(call->request, "since"), *until = api_query(call->request, "until");

	if (since != NULL && !time_parse_since(since, call->desk->now, &query->since, err))
		return false;
	return until == NULL || time_parse_since(until, call->desk->now, &query->until, err);
}

static bool query_status(struct call *call, struct alert_query *query, struct error *err)
{
	const char *text = api_query(call->request, "status");
	enum alert_status status;

	if (text == NULL)
		return true;
	if (!alert_status_parse(text, &status))
		return error_set(err, ERROR_USAGE, "status is open, acked, resolved, expected or claimed");
	query->status = (int)status;
	return true;
}

void api_alerts_list(struct call *call)
{
	struct alert_query query = {.status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = API_SCAN_MAX};
	struct listing listing = {.call = call};
	struct error err;
	cJSON *json;
	bool is_more;

	listing.limit = api_limit(call);
	if (listing.limit == 0 || !api_cursor(call, &query.before_id))
		return;
	if (!query_status(call, &query, &err) || !query_times(call, &query, &err) ||
	    !query_matches(call, &listing.matches, &err)) {
		api_refuse(call, &err);
		return;
	}
	listing.list = cJSON_CreateArray();
	if (!storage_each_alert(call->desk->storage, &query, add_listed, &listing, &err)) {
		cJSON_Delete(listing.list);
		api_refuse(call, &err);
		goto out;
	}
	is_more = (size_t)cJSON_GetArraySize(listing.list) == listing.limit || listing.scanned == API_SCAN_MAX;
	json = cJSON_CreateObject();
	cJSON_AddItemToObject(json, "alerts", listing.list);
	if (is_more) {
		char cursor[24];

		snprintf(cursor, sizeof(cursor), "%" PRId64, listing.last_id);
		json_put(json, "next_cursor", cursor);
	} else {
		json_put(json, "next_cursor", NULL);
	}
	api_json(call->answer, 200, json);
out:
	matches_fini(&listing.matches);
}

static bool alert_id(struct call *call, int64_t *id)
{
	if (id_parse(call->part, 'A', id))
		return true;
	api_problem(call->answer, 404, "that is no alert's id; it looks like A1042");
	return false;
}

void api_alerts_get(struct call *call)
{
	struct alert *alert;
	struct error err;
	int64_t id;

	if (!alert_id(call, &id))
		return;
	alert = storage_alert(call->desk->storage, id, &err);
	if (alert == NULL) {
		api_refuse(call, &err);
		return;
	}
	api_json(call->answer, 200, api_alert_json(call->desk, alert, true));
	alert_free(alert);
}

/* A member that may be absent or a string; anything else is a mistake. */
static bool optional_text(const cJSON *json, const char *name, const char **text, struct error *err)
{
	const cJSON *item = json_get(json, name);

	*text = cJSON_IsString(item) ? item->valuestring : NULL;
	if (item == NULL || cJSON_IsString(item) || cJSON_IsNull(item))
		return true;
	return error_set(err, ERROR_USAGE, "\"%s\" must be a string", name);
}

void api_alerts_act(struct call *call)
{
	struct alert *alert = NULL;
	struct error err;
	const char *note, *to;
	int64_t id;
	cJSON *json;

	if (!alert_id(call, &id))
		return;
	json = api_object(call);
	if (json == NULL)
		return;
	if (!optional_text(json, "note", &note, &err) || !optional_text(json, "to", &to, &err)) {
		api_refuse(call, &err);
	} else if (alert_act(call->desk, &call->caller.actor, id, call->verb, note, to, &alert, &err)) {
		api_json(call->answer, 200, api_alert_json(call->desk, alert, true));
	} else if (alert == NULL) {
		api_refuse(call, &err);
		call->is_stored = false;
	} else {
		/* What was written before the refusal goes; the alert is shown as it is. */
		api_refuse_with(call, &err, "alert", api_alert_json(call->desk, alert, true));
		call->is_stored = false;
	}
	alert_free(alert);
	cJSON_Delete(json);
}
