/* pagerduty - the Events API v2: developer.pagerduty.com/docs/events-api-v2. Incidents per routing
 * key and dedup key. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

#define EVENT_BYTES_MAX (512u * 1024)
#define KEY_LENGTH 32
#define DEDUP_MAX 255
#define SUMMARY_MAX 1024
#define MINUTE_MS 60000

static struct sim_incident *incident_open(
    struct sim *sim, const char *routing_key, const char *dedup_key)
{
	size_t i;

	for (i = sim->incident_count; i-- > 0;) {
		struct sim_incident *incident = sim->incidents[i];

		if (text_equal(incident->routing_key, routing_key) &&
		    text_equal(incident->dedup_key, dedup_key) &&
		    strcmp(incident->status, "resolved") != 0)
			return incident;
	}
	return NULL;
}

static void incident_event(struct sim_incident *incident, const char *action, const cJSON *body)
{
	cJSON *event = cJSON_CreateObject();

	sim_put(event, "action", action);
	sim_put_int(event, "at_ms", sim_now_ms());
	sim_set(event, "body", cJSON_Duplicate(body, true));
	cJSON_AddItemToArray(incident->events, event);
}

/* A trigger after a resolve is a new incident; acknowledge and resolve of nothing are dropped
 * without a word. */
static void event_apply(struct sim *sim, const cJSON *body, const char *dedup_key)
{
	const char *key = sim_text(body, "routing_key"), *action = sim_text(body, "event_action");
	const cJSON *payload = sim_get(body, "payload");
	struct sim_incident *incident = incident_open(sim, key, dedup_key);

	if (strcmp(action, "trigger") == 0) {
		if (incident == NULL) {
			incident = xcalloc(1, sizeof(*incident));
			incident->number = (int64_t)sim->incident_count + 1;
			incident->routing_key = xstrdup(key);
			incident->dedup_key = xstrdup(dedup_key);
			incident->status = xstrdup("triggered");
			incident->summary = xstrdup(sim_text(payload, "summary"));
			incident->severity = xstrdup(sim_text(payload, "severity"));
			incident->source = xstrdup(sim_text(payload, "source"));
			incident->events = cJSON_CreateArray();
			sim->incidents = xreallocarray(
			    sim->incidents, sim->incident_count + 1, sizeof(struct sim_incident *));
			sim->incidents[sim->incident_count++] = incident;
		}
		incident->triggers++;
	} else if (incident != NULL) {
		replace_text(&incident->status,
		    strcmp(action, "acknowledge") == 0 ? "acknowledged" : "resolved");
	}
	if (incident != NULL)
		incident_event(incident, action, body);
}

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
		event_apply(sim, body, dedup_key);
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

	for (i = 0; i < sim->incident_count; i++) {
		const struct sim_incident *incident = sim->incidents[i];
		cJSON *one;

		if (dedup_key != NULL && !text_equal(dedup_key, incident->dedup_key))
			continue;
		one = cJSON_CreateObject();
		sim_put_int(one, "number", incident->number);
		sim_put(one, "routing_key", incident->routing_key);
		sim_put(one, "dedup_key", incident->dedup_key);
		sim_put(one, "status", incident->status);
		sim_put(one, "summary", incident->summary);
		sim_put(one, "severity", incident->severity);
		sim_put(one, "source", incident->source);
		sim_put_int(one, "triggers", incident->triggers);
		sim_set(one, "events", cJSON_Duplicate(incident->events, true));
		cJSON_AddItemToArray(incidents, one);
	}
	sim_set(json, "events", cJSON_Duplicate(sim->pagerduty_events, true));
	sim_set(json, "changes", cJSON_Duplicate(sim->pagerduty_changes, true));
	return json;
}

void sim_pagerduty_clear(struct sim *sim)
{
	size_t i;

	for (i = 0; i < sim->incident_count; i++) {
		struct sim_incident *incident = sim->incidents[i];

		free(incident->routing_key);
		free(incident->dedup_key);
		free(incident->status);
		free(incident->summary);
		free(incident->severity);
		free(incident->source);
		cJSON_Delete(incident->events);
		free(incident);
	}
	free(sim->incidents);
	free(sim->pagerduty_times);
	cJSON_Delete(sim->pagerduty_events);
	cJSON_Delete(sim->pagerduty_changes);
	sim->incidents = NULL;
	sim->incident_count = 0;
	sim->pagerduty_times = NULL;
	sim->pagerduty_time_count = 0;
	sim->pagerduty_events = cJSON_CreateArray();
	sim->pagerduty_changes = cJSON_CreateArray();
}
