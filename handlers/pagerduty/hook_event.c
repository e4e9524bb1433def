/* hook_event - what an event of a webhook tells: developer.pagerduty.com/docs/webhooks-overview */
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/pagerduty/hook_internal.h"

#define KEPT_DEPTH_MAX 8

/* data.id is one of a note, a service … elsewhere. */
const cJSON *hook_incident(const cJSON *event)
{
	const cJSON *data = json_get(event, "data");
	const char *type = json_text(data, "type");

	if (type != NULL && (strcmp(type, "incident") == 0 || strcmp(type, "incident_reference") == 0))
		return data;
	return json_get(data, "incident");
}

static const char *some_text(const cJSON *object, const char *name)
{
	const char *text = json_text(object, name);

	return text_is_empty(text) ? NULL : text;
}

static void read_reference(const cJSON *object, const char *name, struct change *change)
{
	change->to_id = rest_ref(object, name);
	change->to_name = some_text(json_get(object, name), "summary");
}

/* Everybody it is given to now. */
static void read_assignees(const cJSON *data, struct change *change, struct buf *space)
{
	const cJSON *list = json_get(data, "assignees"), *one;
	size_t count = 0, begin = space->len;
	const char *first = NULL;

	if (!cJSON_IsArray(list))
		return;
	cJSON_ArrayForEach(one, list)
	{
		const char *id = json_text(one, "id"), *name = some_text(one, "summary");

		if (change->to_id == NULL && rest_is_id(id))
			change->to_id = id;
		name = name != NULL ? name : some_text(one, "id");
		if (name == NULL)
			continue;
		if (first == NULL)
			first = name;
		if (++count <= NAMES_MAX)
			buf_printf(space, "%s%s", count > 1 ? ", " : "", name);
	}
	if (count > NAMES_MAX)
		buf_printf(space, " and %zu more", count - NAMES_MAX);
	if (count > 0)
		change->to_name = buf_ok(space) ? buf_text(space) + begin : first;
}

static void read_policy(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	read_reference(data, "escalation_policy", change);
}

static void read_responder(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	read_reference(data, "user", change);
	if (change->to_id == NULL && change->to_name == NULL)
		read_reference(data, "escalation_policy", change);
	if (change->to_id == NULL && change->to_name == NULL)
		change->did = DID_OTHER;
}

static void read_note(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	change->note = some_text(data, "content");
	if (change->note == NULL)
		change->did = DID_OTHER;
}

/* "[#1234] title" */
static int64_t number_in(const char *summary)
{
	size_t digits = summary != NULL && text_prefix(summary, "[#") ? strspn(summary + 2, "0123456789") : 0;

	return digits > 0 && digits < 18 && summary[2 + digits] == ']' ? strtoll(summary + 2, NULL, 10) : 0;
}

/* Of a merge PagerDuty tells that the source was resolved, by whoever merged. */
static void read_resolution(const cJSON *data, struct change *change, struct buf *space)
{
	const cJSON *reason = json_get(data, "resolve_reason"), *into = json_get(reason, "incident");
	const char *type = cJSON_IsString(reason) ? reason->valuestring : json_text(reason, "type");

	(void)space;
	if (type == NULL || (strcmp(type, "merge_resolve_reason") != 0 && strcmp(type, "merged") != 0))
		return;
	change->into = rest_ref(reason, "incident");
	/* Into what is not told: the incident is read when it is polled next. */
	change->did = change->into != NULL ? DID_MERGE : DID_OTHER;
	if (!json_int(into, "number", &change->into_number) && !json_int(into, "incident_number", &change->into_number))
		change->into_number = number_in(json_text(into, "summary"));
	if (change->into_number < 0)
		change->into_number = 0;
}

/* developer.pagerduty.com/docs/webhooks-overview: the types that change something here; of all others about incidents, the status. */
static const struct type {
	const char *name;
	enum did did;
	const char *status; /* where the event does not tell it */
	void (*read)(const cJSON *data, struct change *change, struct buf *space);
} types[] = {
    {"incident.triggered", DID_TRIGGER, "triggered", NULL},
    {"incident.acknowledged", DID_ACK, "acknowledged", NULL},
    {"incident.unacknowledged", DID_UNACK, "triggered", NULL},
    {"incident.resolved", DID_RESOLVE, "resolved", read_resolution},
    {"incident.reopened", DID_REOPEN, "triggered", NULL},
    {"incident.escalated", DID_ESCALATE, NULL, read_assignees},
    {"incident.delegated", DID_DELEGATE, NULL, read_policy},
    {"incident.reassigned", DID_REASSIGN, NULL, read_assignees},
    {"incident.annotated", DID_NOTE, NULL, read_note},
    {"incident.responder.added", DID_RESPONDER, NULL, read_responder},
    {"incident.", DID_OTHER, NULL, NULL},
};

static const struct type *type_find(const char *name)
{
	const size_t last = sizeof(types) / sizeof(types[0]) - 1;

	for (size_t i = 0; name != NULL && i < last; i++) {
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return name != NULL && text_prefix(name, types[last].name) ? &types[last] : NULL;
}

static const char *status_of(const cJSON *incident)
{
	static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};
	const char *status = json_text(incident, "status");

	for (size_t i = 0; status != NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(statuses[i], status) == 0)
			return statuses[i];
	}
	return NULL;
}

/* Timers are nobody, or the service whose timer it is. */
static void read_agent(const cJSON *agent, struct change *change)
{
	const char *type = json_text(agent, "type"), *id = json_text(agent, "id");

	change->agent_id = rest_is_id(id) ? id : NULL;
	change->agent_name = some_text(agent, "summary");
	if (type != NULL && (strcmp(type, "user_reference") == 0 || strcmp(type, "user") == 0))
		change->agent = AGENT_PERSON;
	else if (!cJSON_IsObject(agent) || (type != NULL && (strcmp(type, "service_reference") == 0 || strcmp(type, "service") == 0)))
		change->agent = AGENT_NOBODY;
	else
		change->agent = AGENT_INTEGRATION;
}

bool hook_read(const cJSON *event, struct change *change, struct buf *space)
{
	const cJSON *incident = hook_incident(event), *data = json_get(event, "data");
	const struct type *type = type_find(json_text(event, "event_type"));
	const char *id = json_text(incident, "id");

	*change = (struct change){.did = DID_OTHER, .at = TIME_NONE, .until = TIME_NONE};
	if (type == NULL || !rest_is_id(id))
		return false;
	change->incident = id;
	change->did = type->did;
	change->at = rest_time(json_text(event, "occurred_at"));
	read_agent(json_get(event, "agent"), change);
	change->status = incident == data ? status_of(incident) : NULL;
	if (change->status == NULL)
		change->status = type->status;
	if (type->read != NULL)
		type->read(data, change, space);
	return true;
}

static cJSON *compact(const cJSON *node, const char *name, size_t depth)
{
	static const char *const kept[] = {"id", "event_type", "occurred_at", "agent", "client", "name", "data", "type", "summary",
	    "html_url", "number", "incident_number", "status", "incident_key", "created_at", "title", "service", "escalation_policy",
	    "assignees", "resolve_reason", "incident", "content", "user"};
	const cJSON *child;
	cJSON *copy;

	if (cJSON_IsString(node)) {
		const char *text = node->valuestring;
		const size_t units = name != NULL && strcmp(name, "content") == 0 ? NOTE_UNITS : KEPT_UNITS;
		struct buf cut;

		buf_init(&cut, units * 4);
		buf_put(&cut, text, utf16_prefix(text, strlen(text), units));
		copy = cJSON_CreateString(buf_text(&cut));
		buf_fini(&cut);
		return copy;
	}
	if (cJSON_IsNumber(node))
		return cJSON_Duplicate(node, false);
	if (depth > KEPT_DEPTH_MAX || (!cJSON_IsObject(node) && !cJSON_IsArray(node)))
		return NULL;
	copy = cJSON_IsArray(node) ? cJSON_CreateArray() : cJSON_CreateObject();
	cJSON_ArrayForEach(child, node)
	{
		cJSON *small;
		bool is_kept = false;

		if (cJSON_IsArray(node)) {
			if (cJSON_GetArraySize(copy) >= KEPT_ROWS_MAX)
				break;
			small = compact(child, NULL, depth + 1);
			if (small != NULL)
				cJSON_AddItemToArray(copy, small);
			continue;
		}
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !is_kept; i++)
			is_kept = strcmp(kept[i], child->string) == 0;
		if (!is_kept || json_get(copy, child->string) != NULL)
			continue;
		small = compact(child, child->string, depth + 1);
		if (small != NULL)
			cJSON_AddItemToObject(copy, child->string, small);
	}
	return copy;
}

cJSON *hook_compact(const cJSON *event)
{
	return compact(event, NULL, 0);
}
