/* pagerduty - the Events API v2: developer.pagerduty.com/docs/events-api-v2. What an event does is
 * pd.c's. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

#define EVENT_BYTES_MAX (512u * 1024)
#define KEY_LENGTH 32
#define DEDUP_MAX 255
#define SUMMARY_MAX 1024
#define MINUTE_MS 60000

__attribute__((format(printf, 2, 3))) static void complain(cJSON *errors, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cJSON_AddItemToArray(errors, cJSON_CreateString(text));
}

static void check_payload(const cJSON *payload, bool is_change, cJSON *errors)
{
	static const char *const severities = " critical error warning info ";
	static const char *const texts[] = {"timestamp", "component", "group", "class"};
	const char *summary = sim_text(payload, "summary"),
		   *severity = sim_text(payload, "severity");
	char padded[40];
	size_t i;

	if (!cJSON_IsObject(payload)) {
		complain(errors, "'payload' is missing or blank");
		return;
	}
	if (text_is_empty(summary))
		complain(errors, "'payload.summary' is missing or blank");
	else if (utf16_length(summary, strlen(summary)) > SUMMARY_MAX)
		complain(errors,
		    "Length of 'payload.summary' is incorrect (should be at most 1024 characters)");
	if (!is_change && text_is_empty(sim_text(payload, "source")))
		complain(errors, "'payload.source' is missing or blank");
	snprintf(padded, sizeof(padded), " %s ", severity != NULL ? severity : "?");
	if (!is_change && strstr(severities, padded) == NULL)
		complain(errors, "'payload.severity' is invalid (must be one of the following: "
				 "'critical', 'warning', 'error' or 'info')");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (sim_has(payload, texts[i]) && sim_text(payload, texts[i]) == NULL)
			complain(errors, "'payload.%s' must be a string", texts[i]);
	}
	if (sim_has(payload, "custom_details") &&
	    !cJSON_IsObject(sim_get(payload, "custom_details")))
		complain(errors, "'payload.custom_details' must be an object");
}

static void check_event(const cJSON *body, bool is_change, cJSON *errors)
{
	const char *key = sim_text(body, "routing_key"), *action = sim_text(body, "event_action");
	const char *dedup_key = sim_text(body, "dedup_key");
	const cJSON *item;
	bool is_trigger = text_equal(action, "trigger");

	if (text_is_empty(key))
		complain(errors, "'routing_key' is missing or blank");
	else if (strlen(key) != KEY_LENGTH)
		complain(errors, "Length of 'routing_key' is incorrect (should be 32 characters)");
	else if (is_change && key[0] == 'R')
		complain(errors, "'routing_key' is not of a service");
	if (!is_change && !is_trigger && !text_equal(action, "acknowledge") &&
	    !text_equal(action, "resolve"))
		complain(errors, "'event_action' is invalid (must be one of the following: "
				 "'trigger', 'acknowledge' or 'resolve')");
	if (dedup_key != NULL && strlen(dedup_key) > DEDUP_MAX)
		complain(errors,
		    "Length of 'dedup_key' is incorrect (should be at most 255 characters)");
	if (!is_change && !is_trigger && text_is_empty(dedup_key))
		complain(errors, "'dedup_key' is missing or blank");
	if (is_change || is_trigger)
		check_payload(sim_get(body, "payload"), is_change, errors);
	cJSON_ArrayForEach(item, sim_get(body, "links"))
	{
		if (text_is_empty(sim_text(item, "href")))
			complain(errors, "'links.href' is missing or blank");
	}
	cJSON_ArrayForEach(item, sim_get(body, "images"))
	{
		if (!text_prefix(sim_text(item, "src"), "https://"))
			complain(errors, "'images.src' must be https");
	}
}

/* The sliding minute of one routing key, when that knob is set. */
static bool is_throttled(struct sim *sim, const char *key)
{
	int64_t now = sim_mono_ms(), count = 0;
	size_t i, kept = 0;

	if (sim->pagerduty_per_minute <= 0 || key == NULL)
		return false;
	for (i = 0; i < sim->pagerduty_time_count; i++) {
		if (sim->pagerduty_times[2 * i + 1] <= now - MINUTE_MS)
			continue;
		sim->pagerduty_times[2 * kept] = sim->pagerduty_times[2 * i];
		sim->pagerduty_times[2 * kept + 1] = sim->pagerduty_times[2 * i + 1];
		kept++;
	}
	sim->pagerduty_time_count = kept;
	{
		uint64_t hash = 1469598103934665603ULL;
		const char *at;

		for (at = key; *at != '\0'; at++)
			hash = (hash ^ (unsigned char)*at) * 1099511628211ULL;
		for (i = 0; i < kept; i++)
			count += sim->pagerduty_times[2 * i] == (int64_t)hash;
		if (count >= sim->pagerduty_per_minute)
			return true;
		sim->pagerduty_times = xreallocarray(
		    sim->pagerduty_times, kept + 1, 2 * sizeof(*sim->pagerduty_times));
		sim->pagerduty_times[2 * kept] = (int64_t)hash;
		sim->pagerduty_times[2 * kept + 1] = now;
		sim->pagerduty_time_count = kept + 1;
	}
	return false;
}

static cJSON *answer_new(const char *status, const char *message)
{
	cJSON *answer = cJSON_CreateObject();

	sim_put(answer, "status", status);
	sim_put(answer, "message", message);
	return answer;
}

/* The answer and its status; what was said is recorded, and takes effect when APPLY. */
static cJSON *event_take(
    struct sim *sim, const cJSON *body, bool is_change, bool apply, int *status)
{
	cJSON *errors = cJSON_CreateArray(), *answer, *record;
	char minted[33];
	const char *dedup_key = sim_text(body, "dedup_key");

	if (body == NULL)
		complain(errors, "Event object is not valid JSON");
	else
		check_event(body, is_change, errors);
	if (cJSON_GetArraySize(errors) > 0) {
		answer = answer_new("invalid event", "Event object is invalid");
		sim_set(answer, "errors", errors);
		*status = 400;
		return answer;
	}
	cJSON_Delete(errors);
	if (is_throttled(sim, sim_text(body, "routing_key"))) {
		answer = answer_new("throttle exceeded",
		    "Requests for this service are arriving too quickly.  Please retry later.");
		errors = cJSON_AddArrayToObject(answer, "errors");
		complain(errors, "Enhance Your Calm.");
		*status = 429;
		return answer;
	}
	*status = 202;
	answer = answer_new("success", is_change ? "Change event processed" : "Event processed");
	if (!is_change && text_is_empty(dedup_key)) {
		sim_random(minted, sizeof(minted), "0123456789abcdef");
		dedup_key = minted;
	}
	if (!is_change)
		sim_put(answer, "dedup_key", dedup_key);
	if (!apply)
		return answer;
	record = cJSON_CreateObject();
	sim_put_int(record, "at_ms", sim_now_ms());
	sim_set(record, "body", cJSON_Duplicate(body, true));
	if (is_change) {
		cJSON_AddItemToArray(sim->pagerduty_changes, record);
	} else {
		cJSON_AddItemToArray(sim->pagerduty_events, record);
		pd_event(sim->pd, body, dedup_key);
	}
	return answer;
}

void sim_pagerduty(struct sim_request *request)
{
	struct sim *sim = request->sim;
	bool is_change = strcmp(request->path, "/v2/change/enqueue") == 0;
	const char *method = is_change ? "pagerduty.change" : "pagerduty.enqueue";
	struct sim_fault *fault;
	cJSON *body, *answer;
	char *text;
	int status;

	sim_call_record(request, method);
	if (strcmp(request->method, "POST") != 0) {
		sim_reply(request, 405, "text/plain", xstrdup(""), 0);
		return;
	}
	if (request->body.len > EVENT_BYTES_MAX) {
		sim_reply_json(
		    request, 413, answer_new("invalid event", "Event object is too large"));
		return;
	}
	body = sim_parse(buf_text(&request->body), request->body.len);
	fault = sim_fault_hit(sim, method, NULL, sim_text(body, "routing_key"));
	request->call->is_applied = sim_fault_applies(fault);
	answer = event_take(sim, body, is_change, request->call->is_applied, &status);
	request->call->is_applied = request->call->is_applied && status == 202;
	if (fault != NULL && fault->status == 429) {
		cJSON_Delete(answer);
		answer = answer_new("throttle exceeded",
		    "Requests for this service are arriving too quickly.  Please retry later.");
		complain(cJSON_AddArrayToObject(answer, "errors"), "Enhance Your Calm.");
	} else if (fault != NULL && (fault->status != 0 || fault->error != NULL)) {
		cJSON_Delete(answer);
		answer = answer_new("error",
		    fault->error != NULL ? fault->error : "it went wrong because it was asked to");
		if (fault->status == 0)
			status = 400;
	}
	text = sim_write(answer);
	cJSON_Delete(answer);
	cJSON_Delete(body);
	sim_fault_reply(request, fault, status, "application/json", text);
}

cJSON *sim_pagerduty_json(struct sim *sim, const char *dedup_key)
{
	cJSON *json = cJSON_CreateObject(), *incidents = cJSON_AddArrayToObject(json, "incidents");
	size_t i;

	for (i = 0; i < sim->pd->alert_count; i++) {
		const struct sim_alert *alert = sim->pd->alerts[i];
		cJSON *one;

		if (dedup_key != NULL && !text_equal(dedup_key, alert->dedup_key))
			continue;
		one = cJSON_CreateObject();
		sim_put_int(one, "number", alert->incident->number);
		sim_put(one, "id", alert->incident->id);
		sim_put(one, "routing_key", alert->routing_key);
		sim_put(one, "dedup_key", alert->dedup_key);
		sim_put(one, "status", alert->is_resolved
					   ? "resolved"
					   : pd_status_name(alert->incident->status));
		sim_put(one, "summary", alert->summary);
		sim_put(one, "severity", alert->severity);
		sim_put(one, "source", alert->source);
		sim_put_int(one, "triggers", alert->triggers);
		sim_set(one, "events", cJSON_Duplicate(alert->events, true));
		cJSON_AddItemToArray(incidents, one);
	}
	sim_set(json, "events", cJSON_Duplicate(sim->pagerduty_events, true));
	sim_set(json, "changes", cJSON_Duplicate(sim->pagerduty_changes, true));
	return json;
}

void sim_pagerduty_fini(struct sim *sim)
{
	pd_stop(sim);
	free(sim->pagerduty_times);
	cJSON_Delete(sim->pagerduty_events);
	cJSON_Delete(sim->pagerduty_changes);
	sim->pagerduty_times = NULL;
	sim->pagerduty_time_count = 0;
	sim->pagerduty_events = NULL;
	sim->pagerduty_changes = NULL;
}

void sim_pagerduty_clear(struct sim *sim)
{
	sim_pagerduty_fini(sim);
	sim->pagerduty_events = cJSON_CreateArray();
	sim->pagerduty_changes = cJSON_CreateArray();
	pd_start(sim);
}
