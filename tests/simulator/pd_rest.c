/*
 * pd_rest - the REST API v2: developer.pagerduty.com/api-reference. Headers, errors, pages and
 * traps as clients meet them.
 */
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

#define SEGMENTS_MAX 6
#define PAGE 25
#define PAGE_MAX 100
#define OFFSET_MAX 10000
#define BULK_MAX 250
#define NOTES_MAX 2000
#define MONTH_MS (31LL * 24 * 3600 * 1000)
#define SNOOZE_MAX_S 604800
#define SUBSCRIPTIONS_MAX 10
#define MINUTE_MS 60000

/* One call: what it names, who makes it, what it is answered. */
struct call {
	struct sim_request *request;
	struct pd *pd;
	const char *segments[SEGMENTS_MAX];
	size_t count;
	bool is_get, is_put, is_post, is_delete;
	cJSON *body; /* NULL: none, or none that is an object */
	struct pd_user *from;
	int status;
	cJSON *answer;
};

static bool begins(const char *text, const char *with) /* NULL begins with nothing */
{
	return text != NULL && text_prefix(text, with);
}

/* A client whose URLs need a name in front of ours (pdjs): /x.com/incidents. */
static const char *stripped(const char *path)
{
	return text_prefix(path, "/x.com/") ? path + 6 : path;
}

bool pd_rest_owns(const char *path)
{
	static const char *const roots[] = {"incidents", "users", "services", "escalation_policies",
	    "oncalls", "log_entries", "priorities", "abilities", "change_events",
	    "webhook_subscriptions", "schedules"};
	size_t i, len;

	if (path[0] != '/')
		return false;
	path = stripped(path) + 1;
	len = strcspn(path, "/");
	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (strlen(roots[i]) == len && strncmp(roots[i], path, len) == 0)
			return true;
	}
	return false;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void fail(struct call *call, int status, int code, const char *message, const char *detail)
{
	cJSON *error;

	cJSON_Delete(call->answer);
	call->status = status;
	call->answer = cJSON_CreateObject();
	error = cJSON_AddObjectToObject(call->answer, "error");
	sim_put(error, "message", message);
	sim_put_int(error, "code", code);
	if (detail != NULL)
		cJSON_AddItemToArray(
		    cJSON_AddArrayToObject(error, "errors"), cJSON_CreateString(detail));
}

static void invalid(struct call *call, const char *detail)
{
	fail(call, 400, 2001, "Invalid Input Provided", detail);
}

static void not_found(struct call *call)
{
	fail(call, 404, 2100, "Not Found", NULL);
}

static void answer(struct call *call, int status, const char *name, cJSON *json)
{
	cJSON_Delete(call->answer);
	call->status = status;
	call->answer = cJSON_CreateObject();
	sim_set(call->answer, name, json);
}

static bool query_int(struct call *call, const char *name, int64_t otherwise, int64_t *value)
{
	const char *text = sim_query(call->request, name);
	char *end;

	*value = otherwise;
	if (text_is_empty(text))
		return true;
	*value = strtoll(text, &end, 10);
	return *end == '\0' && *value >= 0;
}

/* One page of LIST (taken). */
static void answer_page(struct call *call, const char *name, cJSON *list)
{
	cJSON *page = cJSON_CreateArray(), *item;
	int64_t limit, offset, at = 0;
	int total = cJSON_GetArraySize(list);

	if (!query_int(call, "limit", PAGE, &limit) || !query_int(call, "offset", 0, &offset)) {
		invalid(call, "Limit and offset must be numbers");
		cJSON_Delete(page);
		cJSON_Delete(list);
		return;
	}
	if (limit == 0)
		limit = PAGE;
	if (limit > PAGE_MAX)
		limit = PAGE_MAX;
	if (offset + limit > OFFSET_MAX) {
		invalid(call, "Offset plus limit must be at most 10000");
		cJSON_Delete(page);
		cJSON_Delete(list);
		return;
	}
	cJSON_ArrayForEach(item, list)
	{
		if (at >= offset && at < offset + limit)
			cJSON_AddItemToArray(page, cJSON_Duplicate(item, true));
		at++;
	}
	cJSON_Delete(list);
	answer(call, 200, name, page);
	sim_put_int(call->answer, "limit", limit);
	sim_put_int(call->answer, "offset", offset);
	sim_put_bool(call->answer, "more", offset + limit < total);
	if (text_equal(sim_query(call->request, "total"), "true"))
		sim_put_int(call->answer, "total", total);
	else
		sim_put(call->answer, "total", NULL);
}

static bool holds(const cJSON *values, const char *text)
{
	const cJSON *value;

	cJSON_ArrayForEach(value, values)
	{
		if (text_equal(cJSON_GetStringValue(value), text))
			return true;
	}
	return false;
}

static bool includes(struct call *call, const char *what)
{
	cJSON *values = sim_query_all(call->request, "include[]");
	bool found = holds(values, what);

	cJSON_Delete(values);
	return found;
}

/* True: the filter is absent, or has TEXT. */
static bool passes(struct call *call, const char *filter, const char *text)
{
	cJSON *values = sim_query_all(call->request, filter);
	bool fits = cJSON_GetArraySize(values) == 0 || holds(values, text);

	cJSON_Delete(values);
	return fits;
}

/* References become the things themselves where include[] wants them. */
static void expand(struct call *call, cJSON *item)
{
	const char *type = sim_text(item, "type"), *id = sim_text(item, "id");
	cJSON *child, *full = NULL;

	if (id != NULL && text_equal(type, "user_reference") &&
	    (includes(call, "users") || includes(call, "assignees") ||
		includes(call, "acknowledgers")) &&
	    pd_user(call->pd, id) != NULL)
		full = pd_user_json(pd_user(call->pd, id));
	else if (id != NULL && text_equal(type, "service_reference") &&
		 includes(call, "services") && pd_service(call->pd, id) != NULL)
		full = pd_service_json(call->pd, pd_service(call->pd, id));
	else if (id != NULL && text_equal(type, "escalation_policy_reference") &&
		 includes(call, "escalation_policies") && pd_policy(call->pd, id) != NULL)
		full = pd_policy_json(call->pd, pd_policy(call->pd, id));
	if (full != NULL) {
		cJSON *name = full->child;

		while (name != NULL) {
			cJSON *next = name->next;

			sim_set(item, name->string, cJSON_Duplicate(name, true));
			name = next;
		}
		cJSON_Delete(full);
		return;
	}
	for (child = item->child; child != NULL; child = child->next) {
		if (cJSON_IsObject(child) || cJSON_IsArray(child))
			expand(call, child);
	}
}

/* ---- incidents ------------------------------------------------------------------------------- */

static bool is_assigned(const struct pd_incident *incident, const cJSON *user_ids)
{
	const cJSON *assignment;

	cJSON_ArrayForEach(assignment, incident->assignments)
	{
		if (holds(user_ids, sim_text(sim_get(assignment, "assignee"), "id")))
			return true;
	}
	return false;
}

/* An empty key is no key: all incidents. Keys of alerts are found when the index has them. */
static bool key_fits(struct call *call, const struct pd_incident *incident)
{
	const char *key = sim_query(call->request, "incident_key");
	size_t i;

	if (text_is_empty(key) || text_equal(incident->incident_key, key))
		return true;
	for (i = 0; i < call->pd->alert_count; i++) {
		const struct sim_alert *alert = call->pd->alerts[i];

		if (alert->incident == incident && strcmp(alert->dedup_key, key) == 0 &&
		    alert->created_ms + call->pd->search_lag_ms <= sim_now_ms())
			return true;
	}
	return false;
}

static int by_created(const struct pd_incident *a, const struct pd_incident *b)
{
	return a->created_ms < b->created_ms ? -1 : a->created_ms > b->created_ms;
}

static struct {
	const char *key;
	bool is_descending;
} sort_by;

static int compare(const void *left, const void *right)
{
	const struct pd_incident *a = *(struct pd_incident *const *)left,
				 *b = *(struct pd_incident *const *)right;
	int order = 0;

	if (strcmp(sort_by.key, "created_at") == 0)
		order = by_created(a, b);
	else if (strcmp(sort_by.key, "resolved_at") == 0)
		order = a->resolved_ms < b->resolved_ms ? -1 : a->resolved_ms > b->resolved_ms;
	else if (strcmp(sort_by.key, "urgency") == 0)
		order = (int)b->is_low - (int)a->is_low;
	if (order == 0)
		order = a->number < b->number ? -1 : 1;
	return sort_by.is_descending ? -order : order;
}

static bool window(struct call *call, int64_t otherwise_ms, int64_t *since, int64_t *until)
{
	const char *from = sim_query(call->request, "since"),
		   *to = sim_query(call->request, "until");

	*since = otherwise_ms;
	*until = INT64_MAX;
	if ((from != NULL && !pd_time_parse(from, since)) ||
	    (to != NULL && !pd_time_parse(to, until))) {
		invalid(call, "Since and until must be ISO 8601");
		return false;
	}
	return true;
}

static void incidents_list(struct call *call)
{
	struct pd *pd = call->pd;
	struct pd_incident **found = xcalloc(pd->incident_count + 1, sizeof(*found));
	cJSON *statuses = sim_query_all(call->request, "statuses[]"),
	      *users = sim_query_all(call->request, "user_ids[]"),
	      *teams = sim_query_all(call->request, "team_ids[]"), *list;
	const char *sort = sim_query(call->request, "sort_by");
	const cJSON *value;
	char key[32];
	int64_t since, until;
	size_t i, count = 0;
	bool is_all = text_equal(sim_query(call->request, "date_range"), "all"), is_bad = false;

	cJSON_ArrayForEach(value, statuses)
	{
		is_bad = is_bad || (strcmp(value->valuestring, "triggered") != 0 &&
				       strcmp(value->valuestring, "acknowledged") != 0 &&
				       strcmp(value->valuestring, "resolved") != 0);
	}
	if (is_bad || sim_query(call->request, "statuses") != NULL)
		invalid(call, "Status must be a list of triggered, acknowledged, or resolved.");
	if (call->answer != NULL || !window(call, sim_now_ms() - MONTH_MS, &since, &until))
		goto done;
	for (i = 0; i < pd->incident_count; i++) {
		struct pd_incident *incident = pd->incidents[i];

		if (cJSON_GetArraySize(statuses) > 0 &&
		    !holds(statuses, pd_status_name(incident->status)))
			continue;
		if (!is_all && (incident->created_ms < since || incident->created_ms > until))
			continue;
		if (cJSON_GetArraySize(users) > 0 && !is_assigned(incident, users))
			continue;
		if (cJSON_GetArraySize(teams) > 0 ||
		    !passes(call, "service_ids[]", incident->service) ||
		    !passes(call, "urgencies[]", incident->is_low ? "low" : "high") ||
		    !key_fits(call, incident))
			continue;
		found[count++] = incident;
	}
	snprintf(key, sizeof(key), "%.*s", sort != NULL ? (int)strcspn(sort, ":,") : 15,
	    sort != NULL ? sort : "incident_number");
	sort_by.key = key;
	sort_by.is_descending = sort != NULL && text_prefix(sort + strcspn(sort, ":,"), ":desc");
	if (count > 1)
		qsort(found, count, sizeof(struct pd_incident *), compare);
	list = cJSON_CreateArray();
	for (i = 0; i < count; i++)
		cJSON_AddItemToArray(list, pd_incident_json(found[i]));
	answer_page(call, "incidents", list);
	expand(call, call->answer);
done:
	free(found);
	cJSON_Delete(statuses);
	cJSON_Delete(users);
	cJSON_Delete(teams);
}

/* What ASSIGNMENTS name, as ids; NULL: somebody is unknown. */
static cJSON *assignee_ids(struct pd *pd, const cJSON *assignments)
{
	cJSON *ids = cJSON_CreateArray();
	const cJSON *one;

	cJSON_ArrayForEach(one, assignments)
	{
		const char *id = sim_text(sim_get(one, "assignee"), "id");

		if (id == NULL || pd_user(pd, id) == NULL) {
			cJSON_Delete(ids);
			return NULL;
		}
		cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	}
	return ids;
}

static bool status_parse(const char *text, enum pd_status *status)
{
	size_t i;

	for (i = 0; text != NULL && i < 3; i++) {
		if (strcmp(pd_status_name((enum pd_status)i), text) == 0) {
			*status = (enum pd_status)i;
			return true;
		}
	}
	return false;
}

/* False: CHANGE cannot be done; the answer says why. Nothing was done. */
static bool change_check(struct call *call, struct pd_incident *incident, const cJSON *change)
{
	struct pd *pd = call->pd;
	const char *type = sim_text(change, "type"), *policy;
	enum pd_status status;
	cJSON *ids, *priority;
	int code;

	if (type == NULL || (strcmp(type, "incident") != 0 && strcmp(type, "incident_reference"))) {
		invalid(call, "Incident Type must be incident or incident_reference");
		return false;
	}
	if (sim_has(change, "status")) {
		if (!status_parse(sim_text(change, "status"), &status)) {
			fail(call, 400, 1003, "Invalid Status Provided", NULL);
			return false;
		}
		if (incident->status == PD_RESOLVED &&
		    (status == PD_RESOLVED ? pd->resolve_resolved_fails : pd->ack_resolved_fails)) {
			fail(call, 400, 1001, "Incident Already Resolved", NULL);
			return false;
		}
		if (incident->status == PD_ACKNOWLEDGED && status == PD_ACKNOWLEDGED &&
		    pd->ack_acked_fails) {
			fail(call, 400, 1002, "Incident Already Acknowledged", NULL);
			return false;
		}
	}
	if (sim_has(change, "escalation_policy")) {
		policy = sim_text(sim_get(change, "escalation_policy"), "id");
		if (pd_policy(pd, policy) == NULL) {
			fail(call, 400, 1014, "Escalation Policy Not Found", NULL);
			return false;
		}
		ids = pd_level_users(pd, pd_policy(pd, policy), 1);
		code = cJSON_GetArraySize(ids);
		cJSON_Delete(ids);
		if (code == 0) {
			fail(call, 400, 1015, "Escalation Policy Has No User On Call", NULL);
			return false;
		}
	} else if (sim_has(change, "escalation_level") &&
		   !pd_can_escalate(incident, sim_int(change, "escalation_level", 0), &code)) {
		fail(call, 400, code,
		    code == 1006 ? "Cannot Escalate" : "Escalation Policy Has No User On Call",
		    NULL);
		return false;
	}
	if (sim_has(change, "assignments")) {
		ids = assignee_ids(pd, sim_get(change, "assignments"));
		if (ids == NULL) {
			fail(call, 400, 1007, "Assignee Not Found", NULL);
			return false;
		}
		cJSON_Delete(ids);
	}
	if (sim_has(change, "priority")) {
		const cJSON *named = sim_get(change, "priority");

		priority = pd_priority_ref(
		    cJSON_IsString(named) ? named->valuestring : sim_text(named, "id"));
		if (priority == NULL) {
			fail(call, 400, 1020, "Invalid Priority", NULL);
			return false;
		}
		cJSON_Delete(priority);
	}
	if (sim_has(change, "urgency") && !text_equal(sim_text(change, "urgency"), "high") &&
	    !text_equal(sim_text(change, "urgency"), "low")) {
		invalid(call, "Urgency must be high or low");
		return false;
	}
	if (sim_has(change, "title") && text_is_empty(sim_text(change, "title"))) {
		invalid(call, "Title can't be blank");
		return false;
	}
	return true;
}

static void change_apply(struct call *call, struct pd_incident *incident, const cJSON *change)
{
	struct pd *pd = call->pd;
	cJSON *agent = pd_user_ref(call->from);
	const cJSON *priority = sim_get(change, "priority");
	enum pd_status status;

	if (sim_has(change, "title"))
		pd_set_title(incident, sim_text(change, "title"));
	if (sim_has(change, "urgency"))
		pd_set_urgency(
		    incident, text_equal(sim_text(change, "urgency"), "low"), agent, "api");
	if (sim_has(change, "priority"))
		pd_set_priority(incident,
		    pd_priority_ref(cJSON_IsString(priority) ? priority->valuestring
							     : sim_text(priority, "id")),
		    agent);
	else if (cJSON_IsNull(priority))
		pd_set_priority(incident, NULL, agent);
	if (status_parse(sim_text(change, "status"), &status))
		pd_set_status(incident, status, agent, "api", sim_text(change, "resolution"));
	if (incident->status != PD_RESOLVED) {
		/* Policy and people exclude each other: the policy wins. */
		if (sim_has(change, "escalation_policy")) {
			pd_delegate(incident, sim_text(sim_get(change, "escalation_policy"), "id"),
			    agent, "api");
		} else if (sim_has(change, "escalation_level")) {
			pd_escalate(
			    incident, (size_t)sim_int(change, "escalation_level", 1), agent, "api");
		} else if (cJSON_GetArraySize(sim_get(change, "assignments")) > 0) {
			cJSON *ids = assignee_ids(pd, sim_get(change, "assignments"));

			pd_assign(incident, ids, agent, "api");
			cJSON_Delete(ids);
		}
	}
	cJSON_Delete(agent);
}

static void incidents_update(struct call *call)
{
	const cJSON *changes = sim_get(call->body, "incidents"), *change;
	cJSON *list;

	if (!cJSON_IsArray(changes)) {
		invalid(call, "params must be a Hash");
		return;
	}
	if (cJSON_GetArraySize(changes) > BULK_MAX) {
		fail(call, 413, 2001, "Invalid Input Provided", "Too many incidents");
		return;
	}
	/* One that is wrong spoils all. */
	cJSON_ArrayForEach(change, changes)
	{
		struct pd_incident *incident = pd_incident(call->pd, sim_text(change, "id"));

		if (incident == NULL) {
			fail(call, 400, 1004, "Invalid ID Provided", NULL);
			return;
		}
		if (!change_check(call, incident, change))
			return;
	}
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(change, changes)
	{
		struct pd_incident *incident = pd_incident(call->pd, sim_text(change, "id"));

		change_apply(call, incident, change);
		cJSON_AddItemToArray(list, pd_incident_json(incident));
	}
	answer(call, 200, "incidents", list);
}

static void incidents_create(struct call *call)
{
	struct pd *pd = call->pd;
	const cJSON *wanted = sim_get(call->body, "incident");
	struct pd_service *service = pd_service(pd, sim_text(sim_get(wanted, "service"), "id"));
	const char *key = sim_text(wanted, "incident_key");
	struct pd_incident *incident;
	cJSON *agent, *channel;
	char made[33];
	size_t i;

	if (!cJSON_IsObject(wanted)) {
		invalid(call, "params must be a Hash");
		return;
	}
	if (text_is_empty(sim_text(wanted, "title")) || sim_text(wanted, "type") == NULL) {
		invalid(call, "Title can't be blank");
		return;
	}
	if (service == NULL) {
		fail(call, 400, 5002, "Service Not Found", NULL);
		return;
	}
	for (i = 0; key != NULL && i < pd->incident_count; i++) {
		if (pd->incidents[i]->status != PD_RESOLVED &&
		    strcmp(pd->incidents[i]->service, service->id) == 0 &&
		    text_equal(pd->incidents[i]->incident_key, key)) {
			invalid(call, "Open incident already exists on this service");
			return;
		}
	}
	sim_random(made, sizeof(made), "0123456789abcdef");
	agent = pd_user_ref(call->from);
	channel = cJSON_CreateObject();
	sim_put(channel, "summary", sim_text(wanted, "title"));
	incident = pd_open(pd, service, sim_text(wanted, "title"), key != NULL ? key : made, agent,
	    "website", NULL, channel);
	cJSON_Delete(channel);
	cJSON_Delete(agent);
	answer(call, 201, "incident", pd_incident_json(incident));
}

/* ---- below an incident ----------------------------------------------------------------------- */

static void alerts(struct call *call, struct pd_incident *incident)
{
	const char *key = sim_query(call->request, "alert_key");
	cJSON *list;
	size_t i;

	if (call->is_put) {
		const cJSON *change;
		cJSON *agent;

		if (!cJSON_IsArray(sim_get(call->body, "alerts"))) {
			invalid(call, "params must be a Hash");
			return;
		}
		agent = pd_user_ref(call->from);
		list = cJSON_CreateArray();
		cJSON_ArrayForEach(change, sim_get(call->body, "alerts"))
		{
			struct pd_incident *to =
			    pd_incident(call->pd, sim_text(sim_get(change, "incident"), "id"));

			for (i = 0; i < call->pd->alert_count; i++) {
				struct sim_alert *alert = call->pd->alerts[i];

				if (alert->incident != incident ||
				    !text_equal(alert->id, sim_text(change, "id")))
					continue;
				if (to != NULL && to->status != PD_RESOLVED)
					alert->incident = to;
				if (text_equal(sim_text(change, "status"), "resolved"))
					pd_alert_resolve(alert, agent, "api");
				cJSON_AddItemToArray(list, pd_alert_json(alert));
			}
		}
		cJSON_Delete(agent);
		answer(call, 200, "alerts", list);
		return;
	}
	list = cJSON_CreateArray();
	for (i = 0; i < call->pd->alert_count; i++) {
		const struct sim_alert *alert = call->pd->alerts[i];

		if (alert->incident != incident || alert->service->has_no_alerts ||
		    (!text_is_empty(key) && strcmp(key, alert->dedup_key) != 0) ||
		    !passes(call, "statuses[]", alert->is_resolved ? "resolved" : "triggered"))
			continue;
		cJSON_AddItemToArray(list, pd_alert_json(alert));
	}
	answer_page(call, "alerts", list);
}

static void notes(struct call *call, struct pd_incident *incident)
{
	const char *content = sim_text(sim_get(call->body, "note"), "content");
	cJSON *agent;

	if (call->is_get) {
		answer(call, 200, "notes", cJSON_Duplicate(incident->notes, true));
		return;
	}
	if (!cJSON_IsObject(sim_get(call->body, "note"))) {
		invalid(call, "params must be a Hash");
		return;
	}
	if (text_is_empty(content)) {
		invalid(call, "Content can't be blank");
		return;
	}
	if (cJSON_GetArraySize(incident->notes) >= NOTES_MAX) {
		invalid(call, "Too many notes");
		return;
	}
	agent = pd_user_ref(call->from);
	answer(call, 200, "note", cJSON_Duplicate(pd_note(incident, content, agent, "api"), true));
	cJSON_Delete(agent);
}

static void merge(struct call *call, struct pd_incident *target)
{
	const cJSON *sources = sim_get(call->body, "source_incidents"), *one;
	cJSON *agent;

	if (!cJSON_IsArray(sources) || cJSON_GetArraySize(sources) == 0) {
		invalid(call, "source_incidents must be a list");
		return;
	}
	if (target->status == PD_RESOLVED) {
		fail(call, 400, 1001, "Incident Already Resolved", NULL);
		return;
	}
	cJSON_ArrayForEach(one, sources)
	{
		const struct pd_incident *source = pd_incident(call->pd, sim_text(one, "id"));

		if (source == NULL || source == target) {
			fail(call, 400, 1004, "Invalid ID Provided", NULL);
			return;
		}
		if (source->resolve_reason != NULL) {
			fail(call, 400, 1019, "Incident Already Merged", NULL);
			return;
		}
	}
	agent = pd_user_ref(call->from);
	cJSON_ArrayForEach(one, sources)
	{
		pd_merge(target, pd_incident(call->pd, sim_text(one, "id")), agent, "api");
	}
	cJSON_Delete(agent);
	answer(call, 200, "incident", pd_incident_ref(target, false));
}

static void snooze(struct call *call, struct pd_incident *incident)
{
	int64_t seconds = sim_int(call->body, "duration", 0);
	cJSON *agent;

	if (incident->status != PD_ACKNOWLEDGED) {
		fail(call, 400, 1012, "Incident is not Acknowledged", NULL);
		return;
	}
	if (seconds < 1 || seconds > SNOOZE_MAX_S) {
		fail(call, 400, 1013, "Snooze Duration is Invalid", NULL);
		return;
	}
	agent = pd_user_ref(call->from);
	pd_snooze(incident, seconds, agent, "api");
	cJSON_Delete(agent);
	answer(call, 201, "incident", pd_incident_json(incident));
}

static void responder_requests(struct call *call, struct pd_incident *incident)
{
	const cJSON *targets = sim_get(call->body, "responder_request_targets"), *one;
	const struct pd_user *requester = pd_user(call->pd, sim_text(call->body, "requester_id"));
	cJSON *agent;

	if (!holds(call->pd->abilities, "coordinated_responding")) {
		fail(call, 402, 2014, "Your account is missing an ability",
		    "coordinated_responding");
		return;
	}
	if (requester == NULL) {
		fail(call, 400, 1008, "Requester User Not Found", NULL);
		return;
	}
	if (text_is_empty(sim_text(call->body, "message")) || cJSON_GetArraySize(targets) == 0) {
		invalid(call, "Message and responder_request_targets are wanted");
		return;
	}
	cJSON_ArrayForEach(one, targets)
	{
		const char *id = sim_text(sim_get(one, "responder_request_target"), "id");

		if (id == NULL ||
		    (pd_user(call->pd, id) == NULL && pd_policy(call->pd, id) == NULL)) {
			invalid(call, "Responder request target is invalid");
			return;
		}
	}
	agent = pd_user_ref(requester);
	answer(call, 200, "responder_request",
	    cJSON_Duplicate(
		pd_respond(incident, agent, sim_text(call->body, "message"), targets), true));
	cJSON_Delete(agent);
}

static void log_entries(struct call *call, const struct pd_incident *incident)
{
	bool is_overview = text_equal(sim_query(call->request, "is_overview"), "true"),
	     has_channels = includes(call, "channels"), has_incidents = includes(call, "incidents");
	cJSON *list = cJSON_CreateArray(), *copy;
	const cJSON *entry;
	int64_t since, until;

	if (!window(call, 0, &since, &until)) {
		cJSON_Delete(list);
		return;
	}
	cJSON_ArrayForEach(entry, call->pd->log)
	{
		int64_t at = sim_int(entry, "_ms", 0) / 1000 * 1000;

		if (at < since || at > until ||
		    (incident != NULL && !text_equal(sim_text(entry, "_incident"), incident->id)) ||
		    (is_overview && text_equal(sim_text(entry, "type"), "notify_log_entry")))
			continue;
		copy = cJSON_Duplicate(entry, true);
		cJSON_DeleteItemFromObjectCaseSensitive(copy, "_ms");
		cJSON_DeleteItemFromObjectCaseSensitive(copy, "_incident");
		if (!has_channels) {
			cJSON *channel = cJSON_CreateObject();

			sim_put(channel, "type", sim_text(sim_get(entry, "channel"), "type"));
			sim_set(copy, "channel", channel);
		}
		if (has_incidents) {
			const struct pd_incident *of =
			    pd_incident(call->pd, sim_text(entry, "_incident"));

			if (of != NULL)
				sim_set(copy, "incident", pd_incident_json(of));
		}
		/* Newest first. */
		cJSON_InsertItemInArray(list, 0, copy);
	}
	answer_page(call, "log_entries", list);
}

static cJSON *changes_of(struct call *call, const char *service_id)
{
	struct sim *sim = call->request->sim;
	cJSON *list = cJSON_CreateArray();
	const cJSON *record;

	cJSON_ArrayForEach(record, sim->pagerduty_changes)
	{
		const cJSON *body = sim_get(record, "body"), *payload = sim_get(body, "payload");
		const struct pd_service *service =
		    pd_service_keyed(call->pd, sim_text(body, "routing_key"));
		char id[SIM_ID_MAX];
		cJSON *one;

		if (service_id != NULL && strcmp(service->id, service_id) != 0)
			continue;
		snprintf(id, sizeof(id), "01C%lld", (long long)sim_int(record, "at_ms", 0));
		one = pd_ref("change_event", id, sim_text(payload, "summary"), "change_events");
		sim_put(one, "timestamp", sim_text(payload, "timestamp"));
		sim_put(one, "source", sim_text(payload, "source"));
		sim_put(one, "routing_key", sim_text(body, "routing_key"));
		cJSON_AddItemToArray(
		    cJSON_AddArrayToObject(one, "services"), pd_service_ref(service));
		sim_set(one, "integration", pd_integration_ref(service, false));
		sim_set(one, "custom_details",
		    sim_has(payload, "custom_details")
			? cJSON_Duplicate(sim_get(payload, "custom_details"), true)
			: cJSON_CreateObject());
		sim_set(one, "links",
		    sim_has(body, "links") ? cJSON_Duplicate(sim_get(body, "links"), true)
					   : cJSON_CreateArray());
		cJSON_InsertItemInArray(list, 0, one);
	}
	return list;
}

static void change_events(struct call *call, const char *service_id)
{
	const char *since = sim_query(call->request, "since"),
		   *until = sim_query(call->request, "until");

	if ((since != NULL && since[strlen(since) - (*since != '\0')] != 'Z') ||
	    (until != NULL && until[strlen(until) - (*until != '\0')] != 'Z')) {
		invalid(call, "Since and until must be UTC");
		return;
	}
	answer_page(call, "change_events", changes_of(call, service_id));
}

static void related_changes(struct call *call, const struct pd_incident *incident)
{
	cJSON *list = changes_of(call, incident->service), *one;
	bool is_newest = true;

	cJSON_ArrayForEach(one, list)
	{
		sim_put(cJSON_AddObjectToObject(one, "correlation_reason"), "reason",
		    is_newest ? "most_recent" : "related_service");
		is_newest = false;
	}
	answer(call, 200, "change_events", list);
}

static void incident_call(struct call *call)
{
	struct pd_incident *incident = pd_incident(call->pd, call->segments[1]);
	const char *what = call->count > 2 ? call->segments[2] : "";
	const cJSON *change = sim_get(call->body, "incident");

	if (incident == NULL) {
		fail(call, 404, 2100, "Not Found", "Incident Not Found");
	} else if (call->count == 2 && call->is_get) {
		answer(call, 200, "incident", pd_incident_json(incident));
		expand(call, call->answer);
	} else if (call->count == 2 && call->is_put) {
		if (!cJSON_IsObject(change)) {
			invalid(call, "params must be a Hash");
		} else if (change_check(call, incident, change)) {
			change_apply(call, incident, change);
			answer(call, 200, "incident", pd_incident_json(incident));
		}
	} else if (strcmp(what, "alerts") == 0 && (call->is_get || call->is_put)) {
		alerts(call, incident);
	} else if (strcmp(what, "notes") == 0 && (call->is_get || call->is_post)) {
		notes(call, incident);
	} else if (strcmp(what, "merge") == 0 && call->is_put) {
		merge(call, incident);
	} else if (strcmp(what, "snooze") == 0 && call->is_post) {
		snooze(call, incident);
	} else if (strcmp(what, "responder_requests") == 0 && call->is_post) {
		responder_requests(call, incident);
	} else if (strcmp(what, "status_updates") == 0 && call->is_post) {
		if (text_is_empty(sim_text(call->body, "message"))) {
			invalid(call, "Message can't be blank");
		} else {
			cJSON *agent = pd_user_ref(call->from);

			answer(call, 200, "status_update",
			    pd_status_update(incident, call->body, agent));
			cJSON_Delete(agent);
		}
	} else if (strcmp(what, "log_entries") == 0 && call->is_get) {
		log_entries(call, incident);
	} else if (strcmp(what, "related_change_events") == 0 && call->is_get) {
		related_changes(call, incident);
	} else {
		not_found(call);
	}
}

static void incidents(struct call *call)
{
	if (call->count > 1)
		incident_call(call);
	else if (call->is_get)
		incidents_list(call);
	else if (call->is_put)
		incidents_update(call);
	else if (call->is_post)
		incidents_create(call);
	else
		not_found(call);
}

/* ---- the account ----------------------------------------------------------------------------- */

static bool has_within(const char *text, const char *part)
{
	return text_is_empty(part) || strcasestr(text, part) != NULL;
}

static void users(struct call *call)
{
	const char *query = sim_query(call->request, "query");
	const struct pd_user *user;
	cJSON *list;
	size_t i;

	if (call->count == 2 && strcmp(call->segments[1], "me") == 0) {
		invalid(call, "This key is of an account, not of a user");
	} else if (call->count == 2) {
		user = NULL;
		for (i = 0; i < call->pd->user_count; i++) {
			if (strcmp(call->pd->users[i]->id, call->segments[1]) == 0)
				user = call->pd->users[i];
		}
		if (user == NULL)
			not_found(call);
		else
			answer(call, 200, "user", pd_user_json(user));
	} else {
		list = cJSON_CreateArray();
		for (i = 0; i < call->pd->user_count; i++) {
			user = call->pd->users[i];
			if (has_within(user->name, query) || has_within(user->email, query))
				cJSON_AddItemToArray(list, pd_user_json(user));
		}
		answer_page(call, "users", list);
	}
}

static cJSON *service_full(struct call *call, const struct pd_service *service)
{
	cJSON *json = pd_service_json(call->pd, service);

	if (includes(call, "integrations")) {
		cJSON *full = cJSON_CreateArray();

		cJSON_AddItemToArray(full, pd_integration_json(service));
		sim_set(json, "integrations", full);
	}
	if (includes(call, "escalation_policies"))
		expand(call, cJSON_GetObjectItemCaseSensitive(json, "escalation_policy"));
	return json;
}

static void services(struct call *call)
{
	const char *query = sim_query(call->request, "query"),
		   *name = sim_query(call->request, "name");
	const struct pd_service *service =
	    call->count > 1 ? pd_service(call->pd, call->segments[1]) : NULL;
	cJSON *list;
	size_t i;

	if (call->count > 1 && service == NULL) {
		not_found(call);
	} else if (call->count == 2) {
		answer(call, 200, "service", service_full(call, service));
	} else if (call->count == 4 && strcmp(call->segments[2], "integrations") == 0 &&
		   strcmp(call->segments[3], service->integration) == 0) {
		answer(call, 200, "integration", pd_integration_json(service));
	} else if (call->count == 3 && strcmp(call->segments[2], "change_events") == 0) {
		change_events(call, service->id);
	} else if (call->count > 1) {
		not_found(call);
	} else {
		list = cJSON_CreateArray();
		for (i = 0; i < call->pd->service_count; i++) {
			service = call->pd->services[i];
			if (has_within(service->name, query) &&
			    (text_is_empty(name) || strcasecmp(name, service->name) == 0))
				cJSON_AddItemToArray(list, service_full(call, service));
		}
		answer_page(call, "services", list);
	}
}

static void escalation_policies(struct call *call)
{
	const char *query = sim_query(call->request, "query");
	const struct pd_policy *policy;
	cJSON *list;
	size_t i;

	if (call->count == 2) {
		policy = pd_policy(call->pd, call->segments[1]);
		if (policy == NULL)
			not_found(call);
		else
			answer(call, 200, "escalation_policy", pd_policy_json(call->pd, policy));
		return;
	}
	list = cJSON_CreateArray();
	for (i = 0; i < call->pd->policy_count; i++) {
		policy = call->pd->policies[i];
		if (has_within(policy->name, query))
			cJSON_AddItemToArray(list, pd_policy_json(call->pd, policy));
	}
	answer_page(call, "escalation_policies", list);
}

static void oncalls(struct call *call)
{
	struct pd *pd = call->pd;
	cJSON *list = cJSON_CreateArray(), *one;
	char start[40], end[40];
	size_t i, j, k;

	pd_time(sim_now_ms() - 3600000, false, start);
	pd_time(sim_now_ms() + 3600000, false, end);
	for (i = 0; i < pd->policy_count; i++) {
		const struct pd_policy *policy = pd->policies[i];

		for (j = 0; j < policy->level_count; j++) {
			for (k = 0; k < policy->levels[j].target_count; k++) {
				const char *target = policy->levels[j].targets[k];
				const struct pd_schedule *schedule = pd_schedule(pd, target);
				const struct pd_user *user =
				    pd_user(pd, schedule != NULL ? schedule->user : target);

				if (user == NULL ||
				    !passes(call, "escalation_policy_ids[]", policy->id) ||
				    !passes(call, "user_ids[]", user->id) ||
				    !passes(call, "schedule_ids[]",
					schedule != NULL ? schedule->id : ""))
					continue;
				one = cJSON_CreateObject();
				sim_set(one, "user", pd_user_ref(user));
				sim_set(one, "schedule",
				    schedule != NULL ? pd_ref("schedule_reference", schedule->id,
							   schedule->name, "schedules")
						     : cJSON_CreateNull());
				sim_set(one, "escalation_policy", pd_policy_ref(policy));
				sim_put_int(one, "escalation_level", (int64_t)j + 1);
				sim_put(one, "start", schedule != NULL ? start : NULL);
				sim_put(one, "end", schedule != NULL ? end : NULL);
				cJSON_AddItemToArray(list, one);
			}
		}
	}
	answer_page(call, "oncalls", list);
	expand(call, call->answer);
}

static void schedules(struct call *call)
{
	const struct pd_schedule *schedule =
	    call->count > 1 ? pd_schedule(call->pd, call->segments[1]) : NULL;
	cJSON *list;
	size_t i;

	if (call->count > 1) {
		if (schedule == NULL) {
			not_found(call);
		} else if (call->count == 3 && strcmp(call->segments[2], "users") == 0) {
			list = cJSON_CreateArray();
			if (pd_user(call->pd, schedule->user) != NULL)
				cJSON_AddItemToArray(
				    list, pd_user_json(pd_user(call->pd, schedule->user)));
			answer(call, 200, "users", list);
		} else {
			answer(call, 200, "schedule",
			    pd_ref("schedule", schedule->id, schedule->name, "schedules"));
		}
		return;
	}
	list = cJSON_CreateArray();
	for (i = 0; i < call->pd->schedule_count; i++)
		cJSON_AddItemToArray(list, pd_ref("schedule", call->pd->schedules[i]->id,
					       call->pd->schedules[i]->name, "schedules"));
	answer_page(call, "schedules", list);
}

/* ---- webhook subscriptions ------------------------------------------------------------------- */

static cJSON *subscription_json(const struct pd_subscription *subscription, bool with_secret)
{
	cJSON *json = cJSON_CreateObject(), *method, *filter, *custom;
	const cJSON *item;

	sim_put(json, "id", subscription->id);
	sim_put(json, "type", "webhook_subscription");
	sim_put_bool(json, "active", subscription->is_active);
	method = cJSON_AddObjectToObject(json, "delivery_method");
	sim_put(method, "id", subscription->method_id);
	sim_put(method, "type", "http_delivery_method");
	sim_put(method, "url", subscription->url);
	sim_put(method, "secret",
	    with_secret && subscription->secret_count > 0 ? subscription->secrets[0] : NULL);
	sim_put_bool(method, "temporarily_disabled", subscription->is_disabled);
	custom = cJSON_AddArrayToObject(method, "custom_headers");
	cJSON_ArrayForEach(item, subscription->headers)
	{
		cJSON *header = cJSON_CreateObject();

		sim_put(header, "name", sim_text(item, "name"));
		sim_put(header, "value", "-- redacted --");
		cJSON_AddItemToArray(custom, header);
	}
	sim_put(json, "description", subscription->description);
	sim_set(json, "events", cJSON_Duplicate(subscription->events, true));
	filter = cJSON_AddObjectToObject(json, "filter");
	sim_put(filter, "type", subscription->filter_type);
	if (subscription->filter_id != NULL)
		sim_put(filter, "id", subscription->filter_id);
	return json;
}

static void subscription_create(struct call *call)
{
	const cJSON *wanted = sim_get(call->body, "webhook_subscription"),
		    *method = sim_get(wanted, "delivery_method"),
		    *filter = sim_get(wanted, "filter"), *events = sim_get(wanted, "events");
	const char *url = sim_text(method, "url"), *type = sim_text(filter, "type");
	struct pd_subscription *subscription;
	char secret[65];

	if (!cJSON_IsObject(wanted)) {
		invalid(call, "params must be a Hash");
		return;
	}
	if (!begins(url, "https://") && !begins(url, "http://127.0.0.1:")) {
		invalid(call, "Delivery method url must be a valid HTTPS URL");
		return;
	}
	if (cJSON_GetArraySize(events) == 0 || type == NULL ||
	    (!text_equal(type, "account_reference") && sim_text(filter, "id") == NULL)) {
		invalid(call, "Events and filter are wanted");
		return;
	}
	if (call->pd->subscription_count >= SUBSCRIPTIONS_MAX) {
		invalid(call, "Too many webhook subscriptions");
		return;
	}
	subscription = pd_subscription_add(call->pd, NULL, url);
	sim_random(secret, sizeof(secret),
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	subscription->secrets[0] = xstrdup(secret);
	subscription->secret_count = 1;
	subscription->description = xstrdup(sim_text(wanted, "description"));
	replace_text(&subscription->filter_type, type);
	subscription->filter_id = xstrdup(sim_text(filter, "id"));
	cJSON_Delete(subscription->events);
	subscription->events = cJSON_Duplicate(events, true);
	subscription->headers = cJSON_Duplicate(sim_get(method, "custom_headers"), true);
	answer(call, 200, "webhook_subscription", subscription_json(subscription, true));
}

static void webhook_subscriptions(struct call *call)
{
	struct pd_subscription *subscription =
	    call->count > 1 ? pd_subscription(call->pd, call->segments[1]) : NULL;
	const char *what = call->count > 2 ? call->segments[2] : "";
	const cJSON *change = sim_get(call->body, "webhook_subscription");
	cJSON *list;
	size_t i;

	if (call->count == 1 && call->is_post) {
		subscription_create(call);
	} else if (call->count == 1) {
		list = cJSON_CreateArray();
		for (i = 0; i < call->pd->subscription_count; i++) {
			const struct pd_subscription *one = call->pd->subscriptions[i];
			const char *type = sim_query(call->request, "filter_type"),
				   *id = sim_query(call->request, "filter_id");

			if ((type == NULL || strncmp(one->filter_type, type, strlen(type)) == 0) &&
			    (id == NULL || text_equal(one->filter_id, id)))
				cJSON_AddItemToArray(list, subscription_json(one, false));
		}
		answer_page(call, "webhook_subscriptions", list);
	} else if (subscription == NULL) {
		not_found(call);
	} else if (strcmp(what, "enable") == 0 && call->is_post) {
		pd_subscription_enable(subscription);
		answer(call, 200, "webhook_subscription", subscription_json(subscription, false));
	} else if (strcmp(what, "ping") == 0 && call->is_post) {
		pd_hook_ping(call->pd, subscription);
		call->status = 202;
		call->answer = cJSON_CreateObject();
	} else if (call->count == 2 && call->is_delete) {
		pd_subscription_remove(call->pd, subscription);
		call->status = 204;
	} else if (call->count == 2 && call->is_put) {
		if (cJSON_IsBool(sim_get(change, "active")))
			subscription->is_active = sim_true(change, "active");
		if (cJSON_GetArraySize(sim_get(change, "events")) > 0) {
			cJSON_Delete(subscription->events);
			subscription->events = cJSON_Duplicate(sim_get(change, "events"), true);
		}
		if (sim_text(change, "description") != NULL)
			replace_text(&subscription->description, sim_text(change, "description"));
		answer(call, 200, "webhook_subscription", subscription_json(subscription, false));
	} else if (call->count == 2 && call->is_get) {
		answer(call, 200, "webhook_subscription", subscription_json(subscription, false));
	} else {
		not_found(call);
	}
}

/* ---- the way in ------------------------------------------------------------------------------ */

static bool is_known(const struct call *call)
{
	const char *said = call->request->authorization, *token = NULL;

	if (begins(said, "Token token="))
		token = said + strlen("Token token=");
	else if (begins(said, "Bearer "))
		token = said + strlen("Bearer ");
	if (text_is_empty(token))
		return false;
	return call->pd->token == NULL || strcmp(call->pd->token, token) == 0;
}

/* The fixed minute of the account. */
static bool is_throttled(struct call *call)
{
	struct pd *pd = call->pd;
	int64_t now = sim_mono_ms();

	if (now >= pd->minute_ms + MINUTE_MS) {
		pd->minute_ms = now;
		pd->minute_count = 0;
	}
	pd->minute_count++;
	call->request->is_rest = true;
	call->request->rate[0] = pd->rest_per_minute;
	call->request->rate[1] =
	    pd->rest_per_minute > pd->minute_count ? pd->rest_per_minute - pd->minute_count : 0;
	call->request->rate[2] = (pd->minute_ms + MINUTE_MS - now + 999) / 1000;
	return pd->minute_count > pd->rest_per_minute;
}

/* Who acts: needed for what changes incidents. */
static bool from_check(struct call *call)
{
	const char *from = sim_header(call->request, "From");

	call->from = pd_user_mailed(call->pd, from);
	if (call->is_get || strcmp(call->segments[0], "incidents") != 0)
		return true;
	if (text_is_empty(from)) {
		fail(call, 400, 2016,
		    "You must specify a user's email address in the \"From\" header to perform "
		    "this action",
		    NULL);
		return false;
	}
	if (call->from == NULL) {
		fail(call, 400, 1008, "Requester User Not Found", NULL);
		return false;
	}
	return true;
}

static bool body_check(struct call *call)
{
	const struct sim_request *request = call->request;

	if (call->is_get || call->is_delete)
		return true;
	call->body = sim_parse(buf_text(&request->body), request->body.len);
	/* Some calls (enable, ping) have no body. */
	if (request->body.len == 0 && call->count == 3)
		return true;
	if (!begins(request->content_type, "application/json") || !cJSON_IsObject(call->body)) {
		invalid(call, "params must be a Hash");
		return false;
	}
	return true;
}

static void route(struct call *call)
{
	static const struct {
		const char *name;
		void (*handle)(struct call *call);
		bool is_read_only;
	} routes[] = {
	    {"incidents", incidents, false},
	    {"users", users, true},
	    {"services", services, true},
	    {"escalation_policies", escalation_policies, true},
	    {"oncalls", oncalls, true},
	    {"schedules", schedules, true},
	    {"webhook_subscriptions", webhook_subscriptions, false},
	};
	const char *name = call->segments[0];
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].name, name) == 0) {
			if (routes[i].is_read_only && !call->is_get)
				not_found(call);
			else
				routes[i].handle(call);
			return;
		}
	}
	if (!call->is_get)
		not_found(call);
	else if (strcmp(name, "log_entries") == 0 && call->count == 1)
		log_entries(call, NULL);
	else if (strcmp(name, "change_events") == 0 && call->count == 1)
		change_events(call, NULL);
	else if (strcmp(name, "priorities") == 0)
		answer_page(call, "priorities", pd_priorities());
	else if (strcmp(name, "abilities") == 0)
		answer(call, 200, "abilities", cJSON_Duplicate(call->pd->abilities, true));
	else
		not_found(call);
}

static void query_write(const cJSON *query, struct buf *out)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, query)
	{
		buf_printf(out, "%s%s=%s", out->len > 0 ? "&" : "", item->string,
		    cJSON_GetStringValue(item));
	}
}

/* "pagerduty.rest.put.incidents.id.notes"; the query and From beside. */
static void record(struct call *call)
{
	struct sim_request *request = call->request;
	struct buf name;
	cJSON *query = cJSON_CreateObject();
	char *method = text_lower(request->method), *text;
	size_t i;

	buf_init(&name, 65536);
	buf_printf(&name, "pagerduty.rest.%s", method);
	for (i = 0; i < call->count; i++)
		buf_printf(&name, ".%s", i % 2 == 1 ? "id" : call->segments[i]);
	free(method);
	text = buf_take(&name);
	sim_call_record(request, text);
	free(text);
	sim_query_each(request, query);
	query_write(query, &name);
	request->call->query = xstrdup(buf_text(&name));
	request->call->from = xstrdup(sim_header(request, "From"));
	buf_fini(&name);
	cJSON_Delete(query);
}

void pd_rest(struct sim_request *request)
{
	struct call call = {.request = request, .pd = request->sim->pd, .status = 404};
	char *path = xstrdup(stripped(request->path)), *at = path, *text;
	struct sim_fault *fault;
	bool applies;

	while (*at != '\0' && call.count < SEGMENTS_MAX) {
		*at++ = '\0';
		call.segments[call.count++] = at;
		at += strcspn(at, "/");
	}
	call.is_get = strcmp(request->method, "GET") == 0;
	call.is_put = strcmp(request->method, "PUT") == 0;
	call.is_post = strcmp(request->method, "POST") == 0;
	call.is_delete = strcmp(request->method, "DELETE") == 0;
	record(&call);
	fault = sim_fault_hit(request->sim, request->call->method, NULL, NULL);
	applies = sim_fault_applies(fault);
	request->call->token = is_known(&call) ? "pagerduty" : "none";
	if (!is_known(&call))
		fail(&call, 401, 2006, "Authentication failed", NULL);
	else if (is_throttled(&call) || (fault != NULL && fault->status == 429))
		fail(&call, 429, 2020, "Rate Limit Exceeded", NULL);
	else if (!applies)
		fail(&call, 500, 2000, "Internal Error", NULL);
	else if (body_check(&call) && from_check(&call))
		route(&call);
	if (fault != NULL && fault->status == 429 && !applies)
		request->rate[1] = 0;
	if (fault != NULL && fault->bare)
		request->is_rest = false;
	if (fault != NULL && (fault->error != NULL || (fault->status != 0 && fault->status != 429)))
		fail(&call, fault->status != 0 ? (int)fault->status : 400,
		    (int)sim_int(fault->extra, "code", 2001),
		    fault->error != NULL ? fault->error : "Internal Error", NULL);
	request->call->is_applied = applies && call.status < 300;
	text = call.answer != NULL ? sim_write(call.answer) : xstrdup("");
	cJSON_Delete(call.answer);
	cJSON_Delete(call.body);
	free(path);
	sim_fault_reply(request, fault, call.status, "application/json", text);
}
