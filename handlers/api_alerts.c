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
#include "handlers/page.h"
#include "handlers/pagerduty/incidents.h"
#include "handlers/sns.h"

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

/* Alertmanager's clients say until when an alert holds; they send it again and again while it fires. */
static void read_end(const struct format *format, struct alert *alert)
{
	const char *text;
	cJSON *json;

	if (strcmp(format_name(format), "alertmanager-api") != 0 || alert->body == NULL || alert->is_resolve)
		return;
	json = json_parse(alert->body, strlen(alert->body), NULL);
	text = json_text(json, "endsAt");
	if (text != NULL && !time_parse_loose(text, &alert->ends_at))
		alert->ends_at = TIME_NONE;
	cJSON_Delete(json);
}

static void fill_input(struct format_input *input, struct format_header *headers, const struct api_request *request)
{
	for (; input->header_count < request->header_count && input->header_count < HEADERS_MAX; input->header_count++) {
		const struct api_param *header = &request->headers[input->header_count];

		headers[input->header_count] = (struct format_header){header->name, header->value};
	}
}

enum take api_take(struct call *call, const struct format *format, const char *source, bool may_name_source, struct taken *taken)
{
	const struct api_request *request = call->request;
	struct format_header headers[HEADERS_MAX];
	struct format_input input = {.body = request->body, .len = request->body_len, .source = source,
	    .may_name_source = may_name_source, .now = call->desk->now, .headers = headers};
	struct format_result result;
	enum take outcome = TAKE_DONE;

	*taken = (struct taken){.accepted = cJSON_CreateArray(), .bad = cJSON_CreateArray()};
	fill_input(&input, headers, request);
	if (!format_read_input(format, &input, &result, &taken->error))
		return TAKE_BAD;
	for (size_t i = 0; i < result.count; i++) {
		struct format_item *item = &result.items[i];

		if (item->alert != NULL)
			read_end(format, item->alert);
		if (!take_item(call, item, result.count == 1)) {
			/* Nothing of this request may be answered 2xx when a part of it did not reach the disk. */
			taken->error = item->error;
			taken->error.kind = ERROR_IO;
			format_result_fini(&result);
			return TAKE_NOT_STORED;
		}
		if (item->alert != NULL) {
			add_accepted(taken->accepted, item->alert);
			taken->count++;
			continue;
		}
		add_bad(taken->bad, i, item->error.text);
		if (taken->error.kind == ERROR_NONE) {
			taken->error = item->error;
			taken->error.kind = ERROR_USAGE;
		}
	}
	if (taken->count == 0 && result.count > 0)
		outcome = TAKE_BAD;
	format_result_fini(&result);
	return outcome;
}

void taken_fini(struct taken *taken)
{
	cJSON_Delete(taken->accepted);
	cJSON_Delete(taken->bad);
	*taken = (struct taken){0};
}

/* Moves a list of TAKEN into JSON. */
static void give(cJSON *json, const char *name, cJSON **list)
{
	cJSON_AddItemToObject(json, name, *list);
	*list = NULL;
}

static void take_alerts(struct call *call, const struct format *format, const char *source, bool may_name_source)
{
	struct taken taken;
	enum take outcome = api_take(call, format, source, may_name_source, &taken);
	cJSON *json;

	if (outcome == TAKE_DONE) {
		json = cJSON_CreateObject();
		json_put_int(json, "accepted", (int64_t)taken.count);
		give(json, "alerts", &taken.accepted);
		give(json, "errors", &taken.bad);
		api_json(call->answer, 202, json);
	} else if (outcome == TAKE_BAD && cJSON_GetArraySize(taken.bad) > 0) {
		api_refuse_with(call, &taken.error, "errors", taken.bad);
		taken.bad = NULL;
	} else {
		api_refuse(call, &taken.error);
	}
	taken_fini(&taken);
}

/* Slack answers an incoming webhook in words, and its clients compare them. docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
static void take_as_slack(struct call *call, const struct source_config *source)
{
	struct taken taken;
	enum take outcome = api_take(call, source->format, source->name, false, &taken);
	cJSON *json;

	if (outcome == TAKE_NOT_STORED || taken.error.kind == ERROR_TOO_LONG) {
		api_refuse(call, &taken.error);
		taken_fini(&taken);
		return;
	}
	buf_reset(&call->answer->body);
	call->answer->content_type = "text/plain; charset=utf-8";
	call->answer->status = outcome == TAKE_DONE ? 200 : 400;
	if (outcome == TAKE_DONE) {
		buf_puts(&call->answer->body, "ok");
	} else {
		json = json_parse(call->request->body, call->request->body_len, NULL);
		buf_puts(&call->answer->body, cJSON_IsObject(json) ? "no_text" : "invalid_payload");
		cJSON_Delete(json);
	}
	taken_fini(&taken);
}

void api_alerts_post(struct call *call)
{
	take_alerts(call, call->desk->native, call->caller.actor.who, true);
}

static const struct source_config *source_named(const struct call *call)
{
	const struct config *config = call->desk->config;

	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].name, call->part) == 0)
			return &config->sources[i];
	}
	return NULL;
}

/* Microsoft Graph asks so before it sends: learn.microsoft.com/graph/change-notifications-delivery-webhooks. */
static void take_validation(struct call *call)
{
	call->answer->content_type = "text/plain; charset=utf-8";
	buf_puts(&call->answer->body, api_query(call->request, "validationToken"));
}

void api_alerts_post_source(struct call *call)
{
	const struct source_config *source = source_named(call);
	struct error err;

	if (source == NULL)
		api_problem(call->answer, 404, "no source of that name is configured");
	else if (!api_source_may(call->desk, source, &call->answer->retry_after_s))
		api_problem(call->answer, 429, "this source sends more than its rate (rate: and burst: in the configuration)");
	else if (call->request->body_len == 0 && api_query(call->request, "validationToken") != NULL)
		take_validation(call);
	else if (sns_is_message(call->request) && !sns_confirm(call->desk, source, call->request, &err))
		api_refuse(call, &err);
	else if (strcmp(format_name(source->format), "slack-webhook") == 0)
		take_as_slack(call, source);
	else
		take_alerts(call, source->format, source->name, false);
}

/* Okta asks once whether we are who it was told. developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request */
void api_okta_challenge(struct call *call)
{
	cJSON *json = cJSON_CreateObject();

	json_put(json, "verification", api_header(call->request, API_OKTA_CHALLENGE));
	api_json(call->answer, 200, json);
}

/* CloudEvents' senders ask whether they may: github.com/cloudevents/spec http-webhook.md, 4. */
void api_cloudevents_handshake(struct call *call)
{
	call->answer->content_type = NULL;
	call->answer->allowed_origin = api_header(call->request, "WebHook-Request-Origin");
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
	char key[PAGE_KEY_MAX + 1], *url;
	struct incident incident;
	cJSON *json;

	if (alert->page_status == NULL || strcmp(alert->page_status, "waiting") == 0)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	/* The Events API does not tell the id: null until the REST API or a webhook has. */
	storage_incident(desk->storage, alert->id, &incident);
	url = incident_url(desk, alert->id);
	page_dedup_key(desk, alert->id, key);
	json_put(json, "incident_id", incident.id);
	json_put(json, "status", alert->page_status);
	json_put(json, "url", url);
	json_put(json, "dedup_key", key);
	incident_fini(&incident);
	free(url);
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
