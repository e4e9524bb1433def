/*
 * api_events - POST /v2/enqueue and /v2/change/enqueue, as PagerDuty's Events API v2: the routing key in the body is a source's token.
 * developer.pagerduty.com/docs/events-api-v2-overview
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/api_internal.h"

#define DEDUP_KEY_MAX 255 /* bytes */
#define SUMMARY_MAX 1024

static void answer_error(
    struct call *call, int status, const char *kind, const char *message, const char *why)
{
	cJSON *json = cJSON_CreateObject(), *list;

	json_put(json, "status", kind);
	json_put(json, "message", message);
	list = cJSON_AddArrayToObject(json, "errors");
	cJSON_AddItemToArray(list, cJSON_CreateString(why));
	api_json(call->answer, status, json);
	call->answer->content_type = "application/json";
}

static void answer_invalid(struct call *call, const char *why)
{
	answer_error(call, 400, "invalid event", "Event object is invalid", why);
}

static void answer_done(struct call *call, const char *message, const char *dedup_key)
{
	cJSON *json = cJSON_CreateObject();

	json_put(json, "status", "success");
	json_put(json, "message", message);
	if (dedup_key != NULL)
		json_put(json, "dedup_key", dedup_key);
	api_json(call->answer, 202, json);
}

/* The event of a source whose key it brings; NULL: answered. The caller frees. */
static cJSON *read_event(struct call *call, const struct source_config **source)
{
	struct error err;
	cJSON *json = json_parse(call->request->body, call->request->body_len, &err);

	if (!cJSON_IsObject(json)) {
		answer_invalid(call, json == NULL ? err.text : "the event must be a JSON object");
		goto refuse;
	}
	*source = api_source_of(call->desk, json_text(json, "routing_key"));
	if (*source == NULL) {
		call->desk->counts.refused++;
		answer_invalid(call, "'routing_key' is missing or is not the token of a source");
		goto refuse;
	}
	if (!api_source_may(call->desk, *source, &call->answer->retry_after_s)) {
		answer_error(call, 429, "throttle exceeded",
		    "Requests for this service are arriving too quickly.  Please retry later.",
		    "this source sends more than its rate");
		goto refuse;
	}
	call->caller.source = *source;
	call->caller.actor.who = (*source)->name;
	call->caller.actor.may = MAY_SEND | MAY_ACT;
	return json;
refuse:
	cJSON_Delete(json);
	return NULL;
}

/* What its own source sent, and is not over, of that key; NULL: nothing. The caller frees. */
static struct alert *find_own(const struct call *call, const char *dedup_key)
{
	struct alert *alert = storage_alert_by_key(call->desk->storage, dedup_key, true);

	if (alert != NULL && text_equal(alert->source, call->caller.source->name))
		return alert;
	alert_free(alert);
	return NULL;
}

/* What is not there, or was acked already, is no mistake: PagerDuty drops it silently. */
static bool acknowledge(struct call *call, const char *dedup_key, struct error *err)
{
	struct alert *alert = find_own(call, dedup_key), *now = NULL;
	bool ok = true;

	if (alert != NULL && alert->status == ALERT_OPEN)
		ok = alert_act(
		    call->desk, &call->caller.actor, alert->id, "ack", NULL, NULL, &now, err);
	alert_free(alert);
	alert_free(now);
	return ok;
}

static bool resolve(struct call *call, const char *dedup_key, struct error *err)
{
	struct alert *alert = find_own(call, dedup_key), *report;
	bool ok;

	if (alert == NULL)
		return true;
	report = alert_new();
	report->is_resolve = true;
	report->source = xstrdup(alert->source);
	report->title = xstrdup(alert->title);
	report->dedup_key = xstrdup(dedup_key);
	ok = intake(call->desk, report, err);
	alert_free(report);
	alert_free(alert);
	return ok;
}

/* By the event's own key, or one that is made of what it says; the sender is told it, to resolve by. */
static void trigger(struct call *call, const cJSON *event)
{
	const char *dedup_key = json_text(event, "dedup_key");
	struct alert *alert;
	struct taken taken;
	enum take outcome;
	const cJSON *entry;
	int64_t id = 0;

	if (text_is_empty(json_text(json_get(event, "payload"), "summary"))) {
		answer_invalid(call, "'payload.summary' is missing or blank");
		return;
	}
	outcome = api_take(call, call->desk->pagerduty, call->caller.source->name, false, &taken);
	if (outcome == TAKE_NOT_STORED) {
		api_refuse(call, &taken.error);
	} else if (outcome == TAKE_BAD || taken.count == 0) {
		answer_invalid(call, taken.error.kind != ERROR_NONE
					 ? taken.error.text
					 : "the event is not understood");
	} else {
		entry = cJSON_GetArrayItem(taken.accepted, 0);
		if (text_is_empty(dedup_key) && json_text(entry, "id") != NULL)
			id = strtoll(json_text(entry, "id") + 1, NULL, 10);
		alert = id != 0 ? storage_alert(call->desk->storage, id, NULL) : NULL;
		answer_done(call, "Event processed", alert != NULL ? alert->dedup_key : dedup_key);
		alert_free(alert);
	}
	taken_fini(&taken);
}

static void act(struct call *call, const char *dedup_key,
    bool (*does)(struct call *call, const char *dedup_key, struct error *err))
{
	struct error err;

	if (text_is_empty(dedup_key)) {
		answer_invalid(call, "'dedup_key' is missing or blank");
		return;
	}
	if (does(call, dedup_key, &err))
		answer_done(call, "Event processed", dedup_key);
	else
		api_refuse(call, &err);
}

void api_events_enqueue(struct call *call)
{
	const struct source_config *source;
	const char *action, *dedup_key;
	cJSON *event = read_event(call, &source);

	if (event == NULL)
		return;
	action = json_text(event, "event_action");
	dedup_key = json_text(event, "dedup_key");
	if (dedup_key != NULL && strlen(dedup_key) > DEDUP_KEY_MAX)
		answer_invalid(call, "'dedup_key' is longer than 255 characters");
	else if (text_equal(action, "trigger"))
		trigger(call, event);
	else if (text_equal(action, "acknowledge"))
		act(call, dedup_key, acknowledge);
	else if (text_equal(action, "resolve"))
		act(call, dedup_key, resolve);
	else
		answer_invalid(call, "'event_action' is missing or invalid (must be one of "
				     "'trigger', 'acknowledge' or 'resolve')");
	cJSON_Delete(event);
}

/* A change is no alert; that it was told is kept in the audit log. */
void api_events_change(struct call *call)
{
	const struct source_config *source;
	const char *summary;
	struct error err;
	cJSON *event = read_event(call, &source);

	if (event == NULL)
		return;
	summary = json_text(json_get(event, "payload"), "summary");
	if (text_is_empty(summary)) {
		answer_invalid(call, "'payload.summary' is missing or blank");
	} else {
		char *detail =
		    xstrndup(summary, utf16_prefix(summary, strlen(summary), SUMMARY_MAX));

		if (desk_audit(call->desk, &call->caller.actor, "changed", "", detail, &err))
			answer_done(call, "Change event processed", NULL);
		else
			api_refuse(call, &err);
		free(detail);
	}
	cJSON_Delete(event);
}
