/* pd - PagerDuty's account and the life of its incidents: statuses, the ladder, timers, merges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

const char *pd_status_name(enum pd_status status)
{
	static const char *const names[] = {"triggered", "acknowledged", "resolved"};

	return names[status];
}

void pd_random_id(char out[SIM_ID_MAX], char first, size_t len)
{
	out[0] = first;
	sim_random(out + 1, len, upper);
}

void pd_time(int64_t ms, bool with_ms, char out[40])
{
	time_t at = (time_t)(ms / 1000);
	struct tm tm;
	size_t len;

	gmtime_r(&at, &tm);
	len = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (with_ms)
		len += (size_t)snprintf(out + len, 40 - len, ".%03d", (int)(ms % 1000));
	snprintf(out + len, 40 - len, "Z");
}

bool pd_time_parse(const char *text, int64_t *ms)
{
	struct tm tm = {0};
	int used = 0, hours, minutes;
	double fraction = 0;
	const char *rest;
	char *end;

	if (text == NULL || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
				&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	rest = text + used;
	if (*rest == '.') {
		fraction = strtod(rest, &end);
		rest = end;
	}
	*ms = (int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000);
	if (strcmp(rest, "Z") == 0)
		return true;
	if ((*rest != '+' && *rest != '-') || sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
		return false;
	*ms -= (*rest == '-' ? -1 : 1) * ((int64_t)hours * 60 + minutes) * 60000;
	return true;
}

static void put_time(cJSON *object, const char *name, int64_t ms)
{
	char text[40];

	pd_time(ms, false, text);
	sim_put(object, name, ms != 0 ? text : NULL);
}

static void copy(char out[SIM_ID_MAX], const char *text)
{
	snprintf(out, SIM_ID_MAX, "%s", text != NULL ? text : "");
}

/* ---- people, policies, services -------------------------------------------------------------- */

/* One place more at the end of an array of pointers. */
static void *grow(void *list, size_t *count, void *item)
{
	void **items = xreallocarray(list, *count + 1, sizeof(void *));

	items[(*count)++] = item;
	return items;
}

struct pd_user *pd_user(struct pd *pd, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < pd->user_count; i++) {
		if (strcmp(pd->users[i]->id, id) == 0 || strcasecmp(pd->users[i]->name, id) == 0)
			return pd->users[i];
	}
	/* A first name will do: "alice". */
	for (i = 0; id != NULL && i < pd->user_count; i++) {
		size_t len = strcspn(pd->users[i]->name, " ");

		if (strlen(id) == len && strncasecmp(pd->users[i]->name, id, len) == 0)
			return pd->users[i];
	}
	return pd_user_mailed(pd, id);
}

struct pd_user *pd_user_mailed(struct pd *pd, const char *email)
{
	size_t i;

	for (i = 0; email != NULL && i < pd->user_count; i++) {
		if (strcasecmp(pd->users[i]->email, email) == 0)
			return pd->users[i];
	}
	return NULL;
}

struct pd_user *pd_user_add(struct pd *pd, const char *id, const char *name, const char *email)
{
	struct pd_user *user = NULL;
	size_t i;

	for (i = 0; i < pd->user_count; i++) {
		if (strcmp(pd->users[i]->id, id) == 0)
			user = pd->users[i];
	}
	if (user == NULL) {
		user = xcalloc(1, sizeof(*user));
		copy(user->id, id);
		pd->users = grow(pd->users, &pd->user_count, user);
	}
	replace_text(&user->name, name);
	replace_text(&user->email, email);
	return user;
}

struct pd_schedule *pd_schedule(struct pd *pd, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < pd->schedule_count; i++) {
		if (strcmp(pd->schedules[i]->id, id) == 0)
			return pd->schedules[i];
	}
	return NULL;
}

static void schedule_add(struct pd *pd, const char *id, const char *name, const char *user)
{
	struct pd_schedule *schedule = xcalloc(1, sizeof(*schedule));

	copy(schedule->id, id);
	copy(schedule->user, user);
	schedule->name = xstrdup(name);
	pd->schedules = grow(pd->schedules, &pd->schedule_count, schedule);
}

struct pd_policy *pd_policy(struct pd *pd, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < pd->policy_count; i++) {
		if (strcmp(pd->policies[i]->id, id) == 0)
			return pd->policies[i];
	}
	return NULL;
}

struct pd_policy *pd_policy_add(struct pd *pd, const char *id, const char *name,
    const cJSON *levels, int64_t delay_minutes, int64_t loops)
{
	struct pd_policy *policy = pd_policy(pd, id);
	const cJSON *level, *target;

	if (policy == NULL) {
		policy = xcalloc(1, sizeof(*policy));
		copy(policy->id, id);
		pd->policies = grow(pd->policies, &pd->policy_count, policy);
	}
	replace_text(&policy->name, name);
	policy->loops = loops;
	policy->level_count = 0;
	cJSON_ArrayForEach(level, levels)
	{
		struct pd_level *mine = &policy->levels[policy->level_count];

		if (policy->level_count == PD_LEVELS_MAX)
			break;
		policy->level_count++;
		pd_random_id(mine->id, 'P', 7);
		mine->delay_minutes = delay_minutes;
		mine->target_count = 0;
		cJSON_ArrayForEach(target, level)
		{
			const struct pd_user *user = pd_user(pd, cJSON_GetStringValue(target));

			if (mine->target_count < PD_TARGETS_MAX)
				copy(mine->targets[mine->target_count++],
				    user != NULL ? user->id : cJSON_GetStringValue(target));
		}
	}
	return policy;
}

cJSON *pd_level_users(struct pd *pd, const struct pd_policy *policy, size_t level)
{
	cJSON *list = cJSON_CreateArray();
	size_t i;

	for (i = 0; policy != NULL && level >= 1 && level <= policy->level_count &&
		    i < policy->levels[level - 1].target_count;
	     i++) {
		const char *target = policy->levels[level - 1].targets[i];
		const struct pd_schedule *schedule = pd_schedule(pd, target);

		if (schedule != NULL)
			target = schedule->user;
		if (pd_user(pd, target) != NULL)
			cJSON_AddItemToArray(list, cJSON_CreateString(target));
	}
	return list;
}

struct pd_service *pd_service(struct pd *pd, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < pd->service_count; i++) {
		if (strcmp(pd->services[i]->id, id) == 0)
			return pd->services[i];
	}
	return NULL;
}

struct pd_service *pd_service_add(
    struct pd *pd, const char *id, const char *name, const char *routing_key, const char *policy)
{
	struct pd_service *service = pd_service(pd, id);

	if (service == NULL) {
		service = xcalloc(1, sizeof(*service));
		copy(service->id, id);
		pd_random_id(service->integration, 'P', 7);
		service->ack_timeout_s = 1800;
		service->resolve_timeout_s = 14400;
		pd->services = grow(pd->services, &pd->service_count, service);
	}
	replace_text(&service->name, name);
	replace_text(&service->routing_key, routing_key);
	copy(service->policy, policy);
	return service;
}

struct pd_service *pd_service_keyed(struct pd *pd, const char *routing_key)
{
	char id[SIM_ID_MAX], name[64];
	size_t i;

	for (i = 0; i < pd->service_count; i++) {
		if (text_equal(pd->services[i]->routing_key, routing_key))
			return pd->services[i];
	}
	pd_random_id(id, 'P', 7);
	snprintf(name, sizeof(name), "Service %zu", pd->service_count + 1);
	return pd_service_add(pd, id, name, routing_key, "PDEF123");
}

/* ---- how things are told --------------------------------------------------------------------- */

cJSON *pd_ref(const char *type, const char *id, const char *summary, const char *folder)
{
	cJSON *ref = cJSON_CreateObject();
	char link[256];

	sim_put(ref, "id", id);
	sim_put(ref, "type", type);
	sim_put(ref, "summary", summary);
	snprintf(link, sizeof(link), PD_API "/%s/%s", folder, id);
	sim_put(ref, "self", link);
	snprintf(link, sizeof(link), PD_WEB "/%s/%s", folder, id);
	sim_put(ref, "html_url", link);
	return ref;
}

cJSON *pd_user_ref(const struct pd_user *user)
{
	return pd_ref("user_reference", user->id, user->name, "users");
}

cJSON *pd_user_ref_by(struct pd *pd, const char *id)
{
	const struct pd_user *user = pd_user(pd, id);

	return user != NULL ? pd_user_ref(user) : pd_ref("user_reference", id, NULL, "users");
}

cJSON *pd_service_ref(const struct pd_service *service)
{
	return pd_ref("service_reference", service->id, service->name, "services");
}

cJSON *pd_integration_ref(const struct pd_service *service, bool is_agent)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "services/%s/integrations", service->id);
	return pd_ref(is_agent ? "inbound_integration_reference"
			       : "events_api_v2_inbound_integration_reference",
	    service->integration, "Events API V2", folder);
}

cJSON *pd_policy_ref(const struct pd_policy *policy)
{
	return pd_ref(
	    "escalation_policy_reference", policy->id, policy->name, "escalation_policies");
}

cJSON *pd_incident_ref(const struct pd_incident *incident, bool is_titled_only)
{
	char *summary = is_titled_only
			    ? xstrdup(incident->title)
			    : xasprintf("[#%lld] %s", (long long)incident->number, incident->title);
	cJSON *ref = pd_ref("incident_reference", incident->id, summary, "incidents");

	free(summary);
	return ref;
}

cJSON *pd_user_json(const struct pd_user *user)
{
	cJSON *json = pd_user_ref(user);

	sim_put(json, "type", "user");
	sim_put(json, "name", user->name);
	sim_put(json, "email", user->email);
	sim_put(json, "time_zone", "Europe/Paris");
	sim_put(json, "color", "green");
	sim_put(json, "role", "user");
	sim_put(json, "description", NULL);
	sim_put(json, "job_title", NULL);
	sim_put_bool(json, "invitation_sent", false);
	cJSON_AddArrayToObject(json, "teams");
	return json;
}

cJSON *pd_integration_json(const struct pd_service *service)
{
	cJSON *json = pd_integration_ref(service, false);

	sim_put(json, "type", "events_api_v2_inbound_integration");
	sim_put(json, "name", "Events API V2");
	sim_set(json, "service", pd_service_ref(service));
	sim_put(json, "created_at", "2026-01-01T00:00:00Z");
	sim_put(json, "vendor", NULL);
	sim_put(json, "integration_key", service->routing_key);
	return json;
}

cJSON *pd_service_json(struct pd *pd, const struct pd_service *service)
{
	cJSON *json = pd_service_ref(service);
	const struct pd_policy *policy = pd_policy(pd, service->policy);
	const char *status = "active";
	size_t i;

	for (i = 0; i < pd->incident_count; i++) {
		if (strcmp(pd->incidents[i]->service, service->id) != 0)
			continue;
		if (pd->incidents[i]->status == PD_TRIGGERED)
			status = "critical";
		else if (pd->incidents[i]->status == PD_ACKNOWLEDGED &&
			 strcmp(status, "active") == 0)
			status = "warning";
	}
	sim_put(json, "type", "service");
	sim_put(json, "name", service->name);
	sim_put_int(json, "acknowledgement_timeout", service->ack_timeout_s);
	sim_put_int(json, "auto_resolve_timeout", service->resolve_timeout_s);
	if (service->ack_timeout_s == 0)
		sim_put(json, "acknowledgement_timeout", NULL);
	if (service->resolve_timeout_s == 0)
		sim_put(json, "auto_resolve_timeout", NULL);
	sim_put(json, "created_at", "2026-01-01T00:00:00Z");
	sim_put(json, "status", service->is_disabled ? "disabled" : status);
	sim_put(json, "alert_creation",
	    service->has_no_alerts ? "create_incidents" : "create_alerts_and_incidents");
	sim_set(
	    json, "escalation_policy", policy != NULL ? pd_policy_ref(policy) : cJSON_CreateNull());
	cJSON_AddItemToArray(
	    cJSON_AddArrayToObject(json, "integrations"), pd_integration_ref(service, false));
	cJSON_AddArrayToObject(json, "teams");
	return json;
}

cJSON *pd_policy_json(struct pd *pd, const struct pd_policy *policy)
{
	cJSON *json = pd_policy_ref(policy), *rules, *services;
	size_t i, j;

	sim_put(json, "type", "escalation_policy");
	sim_put(json, "name", policy->name);
	rules = cJSON_AddArrayToObject(json, "escalation_rules");
	for (i = 0; i < policy->level_count; i++) {
		const struct pd_level *level = &policy->levels[i];
		cJSON *rule = cJSON_CreateObject(), *targets;

		sim_put(rule, "id", level->id);
		sim_put_int(rule, "escalation_delay_in_minutes", level->delay_minutes);
		targets = cJSON_AddArrayToObject(rule, "targets");
		for (j = 0; j < level->target_count; j++) {
			const struct pd_schedule *schedule = pd_schedule(pd, level->targets[j]);

			cJSON_AddItemToArray(
			    targets, schedule != NULL ? pd_ref("schedule_reference", schedule->id,
							    schedule->name, "schedules")
						      : pd_user_ref_by(pd, level->targets[j]));
		}
		cJSON_AddItemToArray(rules, rule);
	}
	sim_put_int(json, "num_loops", policy->loops);
	services = cJSON_AddArrayToObject(json, "services");
	for (i = 0; i < pd->service_count; i++) {
		if (strcmp(pd->services[i]->policy, policy->id) == 0)
			cJSON_AddItemToArray(services, pd_service_ref(pd->services[i]));
	}
	cJSON_AddArrayToObject(json, "teams");
	sim_put(json, "description", NULL);
	return json;
}

static const char *const priorities[][2] = {
    {"PPRIO01", "P1"}, {"PPRIO02", "P2"}, {"PPRIO03", "P3"}, {"PPRIO04", "P4"}, {"PPRIO05", "P5"}};

cJSON *pd_priority_ref(const char *id_or_name)
{
	size_t i;

	for (i = 0; id_or_name != NULL && i < sizeof(priorities) / sizeof(priorities[0]); i++) {
		if (strcmp(priorities[i][0], id_or_name) == 0 ||
		    strcmp(priorities[i][1], id_or_name) == 0)
			return pd_ref(
			    "priority_reference", priorities[i][0], priorities[i][1], "priorities");
	}
	return NULL;
}

cJSON *pd_priorities(void)
{
	cJSON *list = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < sizeof(priorities) / sizeof(priorities[0]); i++) {
		cJSON *json = pd_priority_ref(priorities[i][0]);

		sim_put(json, "type", "priority");
		sim_put(json, "name", priorities[i][1]);
		sim_put(json, "description", "");
		cJSON_AddItemToArray(list, json);
	}
	return list;
}

static const struct pd_service *service_of(const struct pd_incident *incident)
{
	return pd_service(incident->sim->pd, incident->service);
}

static bool is_hidden(const struct sim_alert *alert)
{
	return alert->service->has_no_alerts;
}

static cJSON *pending_actions(const struct pd_incident *incident)
{
	static const char *const names[] = {
	    "unacknowledge", "resolve", "escalate", "unacknowledge"};
	cJSON *list = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < PD_DUE_COUNT; i++) {
		cJSON *action;

		if (incident->due_ms[i] == 0)
			continue;
		action = cJSON_CreateObject();
		sim_put(action, "type", names[i]);
		put_time(action, "at", incident->due_ms[i]);
		cJSON_AddItemToArray(list, action);
	}
	return list;
}

static cJSON *or_null(const cJSON *item)
{
	return item != NULL ? cJSON_Duplicate(item, true) : cJSON_CreateNull();
}

cJSON *pd_incident_json(const struct pd_incident *incident)
{
	struct pd *pd = incident->sim->pd;
	const struct pd_policy *policy = pd_policy(pd, incident->policy);
	const struct pd_service *service = service_of(incident);
	cJSON *json = pd_incident_ref(incident, false), *counts;
	int64_t all = 0, open = 0;
	size_t i;

	sim_put(json, "type", "incident");
	sim_put_int(json, "incident_number", incident->number);
	sim_put(json, "title", incident->title);
	sim_put(json, "description", incident->title);
	put_time(json, "created_at", incident->created_ms);
	put_time(json, "updated_at", incident->updated_ms);
	sim_put(json, "status", pd_status_name(incident->status));
	sim_put(json, "incident_key", incident->incident_key);
	sim_set(json, "service", pd_service_ref(service));
	sim_set(json, "assignments", cJSON_Duplicate(incident->assignments, true));
	sim_put(
	    json, "assigned_via", incident->level == 0 ? "direct_assignment" : "escalation_policy");
	put_time(json, "last_status_change_at", incident->changed_ms);
	put_time(json, "resolved_at", incident->resolved_ms);
	sim_set(json, "first_trigger_log_entry",
	    pd_ref("trigger_log_entry_reference", incident->trigger_entry,
		"Triggered through the API", "log_entries"));
	for (i = 0; i < pd->alert_count; i++) {
		if (pd->alerts[i]->incident != incident || is_hidden(pd->alerts[i]))
			continue;
		all++;
		open += !pd->alerts[i]->is_resolved;
	}
	counts = cJSON_AddObjectToObject(json, "alert_counts");
	sim_put_int(counts, "all", all);
	sim_put_int(counts, "triggered", open);
	sim_put_int(counts, "resolved", all - open);
	sim_put_bool(
	    json, "is_mergeable", incident->status != PD_RESOLVED && !service->has_no_alerts);
	sim_put(cJSON_AddObjectToObject(json, "incident_type"), "name", "incident_default");
	sim_set(
	    json, "escalation_policy", policy != NULL ? pd_policy_ref(policy) : cJSON_CreateNull());
	cJSON_AddArrayToObject(json, "teams");
	sim_set(json, "pending_actions", pending_actions(incident));
	sim_set(json, "acknowledgements", cJSON_Duplicate(incident->acknowledgements, true));
	sim_put(json, "alert_grouping", NULL);
	sim_set(json, "last_status_change_by", or_null(incident->changed_by));
	sim_set(json, "priority", or_null(incident->priority));
	sim_set(json, "resolve_reason", or_null(incident->resolve_reason));
	sim_put(json, "conference_bridge", NULL);
	sim_set(json, "incidents_responders", cJSON_Duplicate(incident->responders, true));
	sim_set(json, "responder_requests", cJSON_Duplicate(incident->requests, true));
	sim_put(json, "urgency", incident->is_low ? "low" : "high");
	return json;
}

cJSON *pd_alert_json(const struct sim_alert *alert)
{
	cJSON *json = pd_ref("alert", alert->id, alert->summary, "alerts"), *body, *contexts;
	const cJSON *payload = sim_get(alert->body, "payload"), *link;

	put_time(json, "created_at", alert->created_ms);
	sim_put(json, "status", alert->is_resolved ? "resolved" : "triggered");
	sim_put(json, "alert_key", alert->dedup_key);
	sim_set(json, "service", pd_service_ref(alert->service));
	body = cJSON_AddObjectToObject(json, "body");
	sim_put(body, "type", "alert_body");
	contexts = cJSON_AddArrayToObject(body, "contexts");
	cJSON_ArrayForEach(link, sim_get(alert->body, "links"))
	{
		cJSON *context = cJSON_CreateObject();

		sim_put(context, "type", "link");
		sim_put(context, "href", sim_text(link, "href"));
		sim_put(context, "text", sim_text(link, "text"));
		cJSON_AddItemToArray(contexts, context);
	}
	sim_set(body, "details",
	    cJSON_IsObject(sim_get(payload, "custom_details"))
		? cJSON_Duplicate(sim_get(payload, "custom_details"), true)
		: cJSON_CreateObject());
	sim_set(json, "incident",
	    alert->incident != NULL ? pd_incident_ref(alert->incident, false) : cJSON_CreateNull());
	sim_put_bool(json, "suppressed", alert->incident == NULL);
	sim_put(json, "severity", alert->severity);
	sim_set(json, "integration", pd_integration_ref(alert->service, false));
	return json;
}

struct pd_incident *pd_incident(struct pd *pd, const char *id)
{
	char number[24];
	size_t i;

	for (i = 0; id != NULL && i < pd->incident_count; i++) {
		snprintf(number, sizeof(number), "%lld", (long long)pd->incidents[i]->number);
		if (strcmp(pd->incidents[i]->id, id) == 0 || strcmp(number, id) == 0)
			return pd->incidents[i];
	}
	return NULL;
}

struct pd_incident *pd_incident_keyed(struct pd *pd, const char *dedup_key)
{
	size_t i;

	for (i = pd->alert_count; dedup_key != NULL && i-- > 0;) {
		if (strcmp(pd->alerts[i]->dedup_key, dedup_key) == 0)
			return pd->alerts[i]->incident;
	}
	return NULL;
}

/* ---- the record ------------------------------------------------------------------------------ */

/* MORE (taken, may be NULL) is merged into the entry; its "channel" adds to the channel. */
static void log_put(struct pd_incident *incident, const char *type, const cJSON *agent,
    const char *via, const char *summary, cJSON *more)
{
	struct pd *pd = incident->sim->pd;
	cJSON *entry, *channel, *item;
	char id[SIM_ID_MAX], full_type[64];

	pd_random_id(id, 'R', 26);
	snprintf(full_type, sizeof(full_type), "%s_log_entry", type);
	entry = pd_ref(full_type, id, summary, "log_entries");
	sim_put(entry, "html_url", NULL);
	put_time(entry, "created_at", sim_now_ms());
	sim_put_int(entry, "_ms", sim_now_ms());
	sim_put(entry, "_incident", incident->id);
	if (strcmp(type, "notify") != 0)
		sim_set(entry, "agent",
		    agent != NULL ? cJSON_Duplicate(agent, true)
				  : pd_service_ref(service_of(incident)));
	channel = cJSON_CreateObject();
	sim_put(channel, "type", via);
	cJSON_ArrayForEach(item, sim_get(more, "channel"))
	{
		sim_set(channel, item->string, cJSON_Duplicate(item, true));
	}
	sim_set(entry, "channel", channel);
	sim_set(entry, "service", pd_service_ref(service_of(incident)));
	sim_set(entry, "incident", pd_incident_ref(incident, false));
	cJSON_AddArrayToObject(entry, "teams");
	cJSON_AddArrayToObject(entry, "contexts");
	cJSON_AddObjectToObject(entry, "event_details");
	cJSON_ArrayForEach(item, more)
	{
		if (strcmp(item->string, "channel") != 0)
			sim_set(entry, item->string, cJSON_Duplicate(item, true));
	}
	cJSON_Delete(more);
	if (incident->trigger_entry[0] == '\0')
		copy(incident->trigger_entry, id);
	cJSON_AddItemToArray(pd->log, entry);
	if (++pd->log_count > PD_LOG_MAX) {
		cJSON_DeleteItemFromArray(pd->log, 0);
		pd->log_count--;
	}
	incident->updated_ms = sim_now_ms();
}

static char *said(const char *what, const cJSON *agent)
{
	const char *name = sim_text(agent, "summary");

	return agent != NULL ? xasprintf("%s by %s", what, name != NULL ? name : "someone")
			     : xstrdup(what);
}

/* Everybody assigned is called. */
static void notify(struct pd_incident *incident)
{
	const cJSON *assignment;

	cJSON_ArrayForEach(assignment, incident->assignments)
	{
		const cJSON *user = sim_get(assignment, "assignee");
		cJSON *more = cJSON_CreateObject(), *channel, *notification;
		char *summary = xasprintf("Notified %s by email", sim_text(user, "summary"));

		sim_set(more, "user", cJSON_Duplicate(user, true));
		channel = cJSON_AddObjectToObject(more, "channel");
		notification = cJSON_AddObjectToObject(channel, "notification");
		sim_put(notification, "type", "email");
		sim_put(notification, "status", "success");
		log_put(incident, "notify", NULL, "auto", summary, more);
		free(summary);
	}
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void arm(struct pd_incident *incident);

static void on_due(void *ctx)
{
	struct pd_incident *incident = ctx;
	int64_t now = sim_now_ms();
	size_t i;

	incident->timer = NULL;
	for (i = 0; i < PD_DUE_COUNT; i++) {
		if (incident->due_ms[i] != 0 && incident->due_ms[i] <= now)
			pd_timeout(incident, (enum pd_due)i);
	}
	arm(incident);
}

static void arm(struct pd_incident *incident)
{
	int64_t next = 0;
	size_t i;

	sim_cancel(incident->sim, incident->timer);
	incident->timer = NULL;
	for (i = 0; i < PD_DUE_COUNT; i++) {
		if (incident->due_ms[i] != 0 && (next == 0 || incident->due_ms[i] < next))
			next = incident->due_ms[i];
	}
	if (next != 0)
		incident->timer = sim_after(incident->sim, next - sim_now_ms(), on_due, incident);
}

static int64_t due_in(const struct pd_incident *incident, int64_t seconds)
{
	double ms = (double)seconds * 1000 * incident->sim->pd->timer_scale;

	return seconds > 0 ? sim_now_ms() + (int64_t)ms : 0;
}

/* What runs in the state that the incident is in now. */
static void arm_for_status(struct pd_incident *incident)
{
	struct pd *pd = incident->sim->pd;
	const struct pd_service *service = service_of(incident);
	const struct pd_policy *policy = pd_policy(pd, incident->policy);
	int64_t *due = incident->due_ms;

	due[PD_DUE_ACK] = due[PD_DUE_LADDER] = due[PD_DUE_SNOOZE] = 0;
	due[PD_DUE_RESOLVE] =
	    incident->status == PD_RESOLVED ? 0 : due_in(incident, service->resolve_timeout_s);
	if (incident->status == PD_ACKNOWLEDGED)
		due[PD_DUE_ACK] = due_in(incident, service->ack_timeout_s);
	if (incident->status == PD_TRIGGERED && policy != NULL && !incident->is_low &&
	    incident->level >= 1 && incident->level <= policy->level_count &&
	    (incident->level < policy->level_count || incident->loops < policy->loops))
		due[PD_DUE_LADDER] =
		    due_in(incident, policy->levels[incident->level - 1].delay_minutes * 60);
	arm(incident);
}

/* ---- what is done to an incident ------------------------------------------------------------- */

static void assign(struct pd_incident *incident, const cJSON *user_ids)
{
	const cJSON *id;

	cJSON_Delete(incident->assignments);
	incident->assignments = cJSON_CreateArray();
	cJSON_ArrayForEach(id, user_ids)
	{
		cJSON *assignment = cJSON_CreateObject();

		put_time(assignment, "at", sim_now_ms());
		sim_set(assignment, "assignee",
		    pd_user_ref_by(incident->sim->pd, cJSON_GetStringValue(id)));
		cJSON_AddItemToArray(incident->assignments, assignment);
	}
}

static void assign_level(struct pd_incident *incident, size_t level)
{
	struct pd *pd = incident->sim->pd;
	cJSON *users = pd_level_users(pd, pd_policy(pd, incident->policy), level);

	incident->level = level;
	assign(incident, users);
	cJSON_Delete(users);
}

static cJSON *assignee_refs(const struct pd_incident *incident)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *assignment;

	cJSON_ArrayForEach(assignment, incident->assignments)
	{
		cJSON_AddItemToArray(list, cJSON_Duplicate(sim_get(assignment, "assignee"), true));
	}
	return list;
}

static void changed(struct pd_incident *incident, enum pd_status status, const cJSON *agent)
{
	incident->status = status;
	incident->changed_ms = sim_now_ms();
	cJSON_Delete(incident->changed_by);
	incident->changed_by =
	    agent != NULL ? cJSON_Duplicate(agent, true) : pd_service_ref(service_of(incident));
	if (status != PD_ACKNOWLEDGED) {
		cJSON_Delete(incident->acknowledgements);
		incident->acknowledgements = cJSON_CreateArray();
	}
}

struct pd_incident *pd_open(struct pd *pd, struct pd_service *service, const char *title,
    const char *incident_key, const cJSON *agent, const char *via, const cJSON *client,
    const cJSON *channel)
{
	struct pd_incident *incident = xcalloc(1, sizeof(*incident));
	cJSON *more = cJSON_CreateObject();
	char *summary;

	incident->sim = pd->sim;
	pd_random_id(incident->id, 'Q', 14);
	incident->number = (int64_t)pd->incident_count + 1;
	copy(incident->service, service->id);
	copy(incident->policy, service->policy);
	incident->title = xstrdup(title);
	incident->incident_key = xstrdup(incident_key);
	incident->is_low = service->is_low;
	incident->created_ms = sim_now_ms();
	incident->assignments = cJSON_CreateArray();
	incident->acknowledgements = cJSON_CreateArray();
	incident->notes = cJSON_CreateArray();
	incident->responders = cJSON_CreateArray();
	incident->requests = cJSON_CreateArray();
	incident->client = client != NULL ? cJSON_Duplicate(client, true) : NULL;
	pd->incidents = grow(pd->incidents, &pd->incident_count, incident);
	changed(incident, PD_TRIGGERED, agent);
	assign_level(incident, 1);
	if (channel != NULL)
		sim_set(more, "channel", cJSON_Duplicate(channel, true));
	sim_put(cJSON_AddObjectToObject(more, "event_details"), "description", title);
	summary = strcmp(via, "api") == 0 ? xstrdup("Triggered through the API")
					  : said("Triggered", agent);
	/* In the record an event is the service's; its webhook names the integration. */
	log_put(incident, "trigger", strcmp(via, "api") == 0 ? NULL : agent, via, summary, more);
	free(summary);
	notify(incident);
	arm_for_status(incident);
	pd_hook_incident(incident, "incident.triggered", agent, client);
	return incident;
}

static void acknowledge(struct pd_incident *incident, const cJSON *agent, const char *via)
{
	cJSON *ack = cJSON_CreateObject(), *more = cJSON_CreateObject();
	char *summary = said("Acknowledged", agent);
	const cJSON *acknowledgements = incident->acknowledgements;
	int count = cJSON_GetArraySize(acknowledgements), i;
	bool is_new = incident->status != PD_ACKNOWLEDGED;

	changed(incident, PD_ACKNOWLEDGED, agent);
	/* The same person once. */
	for (i = 0; agent != NULL && i < count; i++) {
		if (text_equal(
			sim_text(
			    sim_get(cJSON_GetArrayItem(acknowledgements, i), "acknowledger"), "id"),
			sim_text(agent, "id"))) {
			cJSON_DeleteItemFromArray(incident->acknowledgements, i);
			break;
		}
	}
	put_time(ack, "at", sim_now_ms());
	sim_set(ack, "acknowledger",
	    agent != NULL ? cJSON_Duplicate(agent, true) : pd_service_ref(service_of(incident)));
	cJSON_AddItemToArray(incident->acknowledgements, ack);
	sim_put_int(more, "acknowledgement_timeout", service_of(incident)->ack_timeout_s);
	log_put(incident, "acknowledge", agent, via, summary, more);
	free(summary);
	arm_for_status(incident);
	if (is_new)
		pd_hook_incident(incident, "incident.acknowledged", agent, NULL);
}

static void resolve(
    struct pd_incident *incident, const cJSON *agent, const char *via, const char *resolution)
{
	struct pd *pd = incident->sim->pd;
	cJSON *more = cJSON_CreateObject();
	char *summary = said("Resolved", agent);
	size_t i;

	changed(incident, PD_RESOLVED, agent);
	incident->resolved_ms = sim_now_ms();
	cJSON_Delete(incident->assignments);
	incident->assignments = cJSON_CreateArray();
	for (i = 0; i < pd->alert_count; i++) {
		if (pd->alerts[i]->incident == incident)
			pd->alerts[i]->is_resolved = true;
	}
	if (resolution != NULL)
		sim_put(cJSON_AddObjectToObject(more, "channel"), "summary", resolution);
	log_put(incident, "resolve", agent, via, summary, more);
	free(summary);
	arm_for_status(incident);
	pd_hook_incident(incident, "incident.resolved", agent, NULL);
}

static void reopen(
    struct pd_incident *incident, enum pd_status status, const cJSON *agent, const char *via)
{
	struct pd *pd = incident->sim->pd;
	bool is_person = text_equal(sim_text(agent, "type"), "user_reference");
	size_t i;

	changed(incident, PD_TRIGGERED, agent);
	incident->resolved_ms = 0;
	incident->reopened_ms = sim_now_ms();
	incident->loops = 0;
	cJSON_Delete(incident->resolve_reason);
	incident->resolve_reason = NULL;
	for (i = 0; i < pd->alert_count && !pd->reopen_keeps_alerts; i++) {
		if (pd->alerts[i]->incident == incident)
			pd->alerts[i]->is_resolved = false;
	}
	if (status == PD_ACKNOWLEDGED && is_person) {
		cJSON *one = cJSON_CreateArray();

		cJSON_AddItemToArray(one, cJSON_CreateString(sim_text(agent, "id")));
		incident->level = 0;
		assign(incident, one);
		cJSON_Delete(one);
	} else {
		assign_level(incident, 1);
	}
	{
		char *summary = said("Reopened", agent);

		log_put(incident, "trigger", agent, via, summary, NULL);
		free(summary);
	}
	if (status == PD_TRIGGERED)
		notify(incident);
	arm_for_status(incident);
	pd_hook_incident(incident, "incident.reopened", agent, NULL);
	if (status == PD_ACKNOWLEDGED)
		acknowledge(incident, agent, via);
}

static void unacknowledge(struct pd_incident *incident, const cJSON *agent, const char *via)
{
	char *summary = agent != NULL ? said("Unacknowledged", agent)
				      : xstrdup("Unacknowledged due to timeout");

	changed(incident, PD_TRIGGERED, agent);
	log_put(incident, "unacknowledge", agent, via, summary, NULL);
	free(summary);
	notify(incident);
	arm_for_status(incident);
	pd_hook_incident(incident, "incident.unacknowledged", agent, NULL);
}

void pd_set_status(struct pd_incident *incident, enum pd_status status, const cJSON *agent,
    const char *via, const char *resolution)
{
	if (incident->status == PD_RESOLVED) {
		if (status != PD_RESOLVED)
			reopen(incident, status, agent, via);
	} else if (status == PD_RESOLVED) {
		resolve(incident, agent, via, resolution);
	} else if (status == PD_ACKNOWLEDGED) {
		acknowledge(incident, agent, via);
	} else if (incident->status == PD_ACKNOWLEDGED) {
		unacknowledge(incident, agent, via);
	}
}

bool pd_can_escalate(struct pd_incident *incident, int64_t level, int *code)
{
	struct pd *pd = incident->sim->pd;
	const struct pd_policy *policy = pd_policy(pd, incident->policy);
	cJSON *users;
	bool is_empty;

	*code = 1006;
	if (policy == NULL || incident->status == PD_RESOLVED || incident->is_low || level < 1 ||
	    level > (int64_t)policy->level_count)
		return false;
	users = pd_level_users(pd, policy, (size_t)level);
	is_empty = cJSON_GetArraySize(users) == 0;
	cJSON_Delete(users);
	*code = 1015;
	return !is_empty;
}

/* After new people were assigned: who acknowledged before does not count for them. */
static void moved(struct pd_incident *incident, const char *type, const char *event,
    const char *summary, const cJSON *agent, const char *via)
{
	cJSON *more = cJSON_CreateObject();

	if (!incident->sim->pd->escalate_keeps_ack && incident->status == PD_ACKNOWLEDGED)
		changed(incident, PD_TRIGGERED, agent);
	sim_set(more, "assignees", assignee_refs(incident));
	log_put(incident, type, agent, via, summary, more);
	if (incident->status == PD_TRIGGERED)
		notify(incident);
	arm_for_status(incident);
	pd_hook_incident(incident, event, agent, NULL);
}

void pd_escalate(struct pd_incident *incident, size_t level, const cJSON *agent, const char *via)
{
	char *what = xasprintf("Escalated to level %zu", level), *summary = said(what, agent);

	assign_level(incident, level);
	moved(incident, "escalate", "incident.escalated", summary, agent, via);
	free(what);
	free(summary);
}

void pd_delegate(
    struct pd_incident *incident, const char *policy, const cJSON *agent, const char *via)
{
	char *summary = said("Delegated", agent);

	copy(incident->policy, policy);
	incident->loops = 0;
	assign_level(incident, 1);
	moved(incident, "delegate", "incident.delegated", summary, agent, via);
	free(summary);
}

void pd_assign(
    struct pd_incident *incident, const cJSON *user_ids, const cJSON *agent, const char *via)
{
	char *summary = said("Assigned", agent);

	incident->level = 0;
	assign(incident, user_ids);
	moved(incident, "assign", "incident.reassigned", summary, agent, via);
	free(summary);
}

cJSON *pd_note(
    struct pd_incident *incident, const char *content, const cJSON *agent, const char *via)
{
	cJSON *note = cJSON_CreateObject(), *data = cJSON_CreateObject(),
	      *more = cJSON_CreateObject();
	char id[SIM_ID_MAX], *summary = said("Note added", agent);

	pd_random_id(id, 'P', 7);
	sim_put(note, "id", id);
	sim_set(note, "user", or_null(agent));
	sim_put(
	    cJSON_AddObjectToObject(note, "channel"), "summary", "The PagerDuty website or APIs");
	sim_put(note, "content", content);
	put_time(note, "created_at", sim_now_ms());
	put_time(note, "updated_at", sim_now_ms());
	cJSON_AddItemToArray(incident->notes, note);
	sim_put(cJSON_AddObjectToObject(more, "channel"), "summary", content);
	log_put(
	    incident, "annotate", agent, strcmp(via, "website") == 0 ? "note" : via, summary, more);
	free(summary);
	sim_set(data, "incident", pd_incident_ref(incident, true));
	sim_put(data, "id", id);
	sim_put(data, "content", content);
	sim_put_bool(data, "trimmed", false);
	sim_put(data, "type", "incident_note");
	pd_hook(incident->sim->pd, "incident.annotated", agent, NULL, incident, data);
	return note;
}

void pd_set_priority(struct pd_incident *incident, cJSON *ref, const cJSON *agent)
{
	cJSON_Delete(incident->priority);
	incident->priority = ref;
	log_put(incident, "field_value_change", agent, "api", "Priority changed", NULL);
	pd_hook_incident(incident, "incident.priority_updated", agent, NULL);
}

void pd_set_urgency(struct pd_incident *incident, bool is_low, const cJSON *agent, const char *via)
{
	if (incident->is_low == is_low)
		return;
	incident->is_low = is_low;
	log_put(incident, "urgency_change", agent, via,
	    is_low ? "Urgency changed to low" : "Urgency changed to high", NULL);
	if (incident->status == PD_TRIGGERED)
		arm_for_status(incident);
}

void pd_set_title(struct pd_incident *incident, const char *title)
{
	replace_text(&incident->title, title);
	incident->updated_ms = sim_now_ms();
}

void pd_merge(
    struct pd_incident *target, struct pd_incident *source, const cJSON *agent, const char *via)
{
	struct pd *pd = target->sim->pd;
	size_t i;

	for (i = 0; i < pd->alert_count; i++) {
		if (pd->alerts[i]->incident == source)
			pd->alerts[i]->incident = target;
	}
	cJSON_Delete(source->resolve_reason);
	source->resolve_reason = cJSON_CreateObject();
	sim_put(source->resolve_reason, "type", "merge_resolve_reason");
	sim_set(source->resolve_reason, "incident", pd_incident_ref(target, true));
	if (source->status != PD_RESOLVED)
		resolve(source, agent, via, NULL);
}

void pd_snooze(struct pd_incident *incident, int64_t seconds, const cJSON *agent, const char *via)
{
	char *summary = said("Snoozed", agent);

	log_put(incident, "snooze", agent, via, summary, NULL);
	free(summary);
	incident->due_ms[PD_DUE_ACK] = 0;
	incident->due_ms[PD_DUE_SNOOZE] = due_in(incident, seconds);
	arm(incident);
}

/* One person asked to help. */
static cJSON *responder(struct pd_incident *incident, const char *user, const cJSON *requester,
    const char *message, const struct pd_policy *policy)
{
	cJSON *one = cJSON_CreateObject(), *data = cJSON_CreateObject();

	sim_put(one, "state", "pending");
	sim_set(one, "user", pd_user_ref_by(incident->sim->pd, user));
	sim_set(one, "incident", pd_incident_ref(incident, false));
	put_time(one, "updated_at", sim_now_ms());
	sim_put(one, "message", message);
	sim_set(one, "requester", or_null(requester));
	put_time(one, "requested_at", sim_now_ms());
	cJSON_AddItemToArray(incident->responders, cJSON_Duplicate(one, true));
	sim_set(data, "incident", pd_incident_ref(incident, true));
	sim_set(data, "user", pd_user_ref_by(incident->sim->pd, user));
	sim_set(
	    data, "escalation_policy", policy != NULL ? pd_policy_ref(policy) : cJSON_CreateNull());
	sim_put(data, "message", message);
	sim_put(data, "state", "pending");
	sim_put(data, "type", "incident_responder");
	pd_hook(incident->sim->pd, "incident.responder.added", requester, NULL, incident, data);
	return one;
}

cJSON *pd_respond(
    struct pd_incident *incident, const cJSON *requester, const char *message, const cJSON *targets)
{
	struct pd *pd = incident->sim->pd;
	cJSON *request = cJSON_CreateObject(), *list;
	const cJSON *wrapped;

	sim_set(request, "incident", pd_incident_ref(incident, false));
	sim_set(request, "requester", or_null(requester));
	put_time(request, "requested_at", sim_now_ms());
	sim_put(request, "message", message);
	list = cJSON_AddArrayToObject(request, "responder_request_targets");
	cJSON_ArrayForEach(wrapped, targets)
	{
		const cJSON *target = sim_get(wrapped, "responder_request_target");
		const struct pd_policy *policy = pd_policy(pd, sim_text(target, "id"));
		cJSON *outer = cJSON_CreateObject(),
		      *inner = cJSON_AddObjectToObject(outer, "responder_request_target"), *asked;

		sim_put(inner, "type", policy != NULL ? "escalation_policy" : "user");
		sim_put(inner, "id", sim_text(target, "id"));
		asked = cJSON_AddArrayToObject(inner, "incidents_responders");
		if (policy != NULL) {
			cJSON *users = pd_level_users(pd, policy, 1);
			const cJSON *user;

			cJSON_ArrayForEach(user, users)
			{
				cJSON_AddItemToArray(asked, responder(incident, user->valuestring,
								requester, message, policy));
			}
			cJSON_Delete(users);
		} else {
			cJSON_AddItemToArray(asked,
			    responder(incident, sim_text(target, "id"), requester, message, NULL));
		}
		cJSON_AddItemToArray(list, outer);
	}
	cJSON_AddItemToArray(incident->requests, request);
	incident->updated_ms = sim_now_ms();
	return request;
}

cJSON *pd_status_update(struct pd_incident *incident, const cJSON *body, const cJSON *agent)
{
	cJSON *update = cJSON_CreateObject(), *data = cJSON_CreateObject();
	char id[SIM_ID_MAX];

	pd_random_id(id, 'P', 7);
	sim_put(update, "id", id);
	sim_put(update, "message", sim_text(body, "message"));
	sim_set(update, "sender", or_null(agent));
	put_time(update, "created_at", sim_now_ms());
	sim_put(update, "html_message", sim_text(body, "html_message"));
	sim_put(update, "subject", sim_text(body, "subject"));
	sim_set(data, "incident", pd_incident_ref(incident, true));
	sim_put(data, "id", id);
	sim_put(data, "message", sim_text(body, "message"));
	sim_put_bool(data, "trimmed", false);
	sim_put(data, "type", "incident_status_update");
	pd_hook(incident->sim->pd, "incident.status_update_published", agent, NULL, incident, data);
	return update;
}

/* The ladder moves by itself: the next level, the first again, or no further. */
static void climb(struct pd_incident *incident)
{
	struct pd *pd = incident->sim->pd;
	const struct pd_policy *policy = pd_policy(pd, incident->policy);
	size_t level = incident->level + 1;
	int code;

	if (policy == NULL)
		return;
	if (level > policy->level_count) {
		if (incident->loops >= policy->loops) {
			log_put(incident, "exhaust_escalation_path", NULL, "auto",
			    "Exhausted the escalation path", NULL);
			arm(incident);
			return;
		}
		incident->loops++;
		level = 1;
		log_put(incident, "repeat_escalation_path", NULL, "auto",
		    "Repeats the escalation path", NULL);
	}
	if (pd_can_escalate(incident, (int64_t)level, &code))
		pd_escalate(incident, level, NULL, "auto");
}

bool pd_timeout(struct pd_incident *incident, enum pd_due due)
{
	if (due == PD_DUE_LADDER ? incident->status != PD_TRIGGERED || incident->level == 0
				 : incident->due_ms[due] == 0)
		return false;
	incident->due_ms[due] = 0;
	switch (due) {
	case PD_DUE_ACK:
	case PD_DUE_SNOOZE:
		unacknowledge(incident, NULL, "timeout");
		break;
	case PD_DUE_RESOLVE:
		resolve(incident, NULL, "timeout", NULL);
		break;
	case PD_DUE_LADDER:
		climb(incident);
		break;
	case PD_DUE_COUNT:
		break;
	}
	return true;
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct sim_alert *alert_open(struct pd *pd, const char *routing_key, const char *dedup_key)
{
	size_t i;

	for (i = pd->alert_count; i-- > 0;) {
		struct sim_alert *alert = pd->alerts[i];

		if (text_equal(alert->routing_key, routing_key) &&
		    text_equal(alert->dedup_key, dedup_key) && !alert->is_resolved)
			return alert;
	}
	return NULL;
}

void pd_alert_resolve(struct sim_alert *alert, const cJSON *agent, const char *via)
{
	struct pd *pd =
	    alert->service != NULL && alert->incident != NULL ? alert->incident->sim->pd : NULL;
	size_t i;

	alert->is_resolved = true;
	for (i = 0; pd != NULL && i < pd->alert_count; i++) {
		if (pd->alerts[i]->incident == alert->incident && !pd->alerts[i]->is_resolved)
			return;
	}
	if (pd != NULL && alert->incident->status != PD_RESOLVED)
		resolve(alert->incident, agent, via, NULL);
}

static struct pd_incident *group_of(struct pd *pd, const struct pd_service *service)
{
	size_t i;

	for (i = pd->incident_count; service->is_grouping && i-- > 0;) {
		if (strcmp(pd->incidents[i]->service, service->id) == 0 &&
		    pd->incidents[i]->status != PD_RESOLVED)
			return pd->incidents[i];
	}
	return NULL;
}

static struct sim_alert *alert_new(
    struct pd *pd, struct pd_service *service, const cJSON *body, const char *dedup_key)
{
	struct sim_alert *alert = xcalloc(1, sizeof(*alert));
	const cJSON *payload = sim_get(body, "payload");
	cJSON *agent = pd_integration_ref(service, true), *client = NULL,
	      *channel = cJSON_CreateObject();

	pd_random_id(alert->id, 'Q', 14);
	alert->routing_key = xstrdup(sim_text(body, "routing_key"));
	alert->dedup_key = xstrdup(dedup_key);
	alert->summary = xstrdup(sim_text(payload, "summary"));
	alert->severity = xstrdup(sim_text(payload, "severity"));
	alert->source = xstrdup(sim_text(payload, "source"));
	alert->created_ms = sim_now_ms();
	alert->events = cJSON_CreateArray();
	alert->service = service;
	pd->alerts = grow(pd->alerts, &pd->alert_count, alert);
	alert->incident = group_of(pd, service);
	if (sim_text(body, "client") != NULL) {
		client = cJSON_CreateObject();
		sim_put(client, "name", sim_text(body, "client"));
		sim_put(client, "url", sim_text(body, "client_url"));
	}
	sim_put(channel, "summary", alert->summary);
	sim_put(channel, "service_key", alert->routing_key);
	sim_put(channel, "description", alert->summary);
	sim_put(channel, "incident_key", alert->dedup_key);
	sim_set(channel, "details",
	    cJSON_IsObject(sim_get(payload, "custom_details"))
		? cJSON_Duplicate(sim_get(payload, "custom_details"), true)
		: cJSON_CreateObject());
	if (alert->incident == NULL)
		alert->incident = pd_open(pd, service, alert->summary,
		    service->has_no_alerts ? dedup_key : NULL, agent, "api", client, channel);
	else
		log_put(alert->incident, "trigger", NULL, "api", "Triggered through the API", NULL);
	cJSON_Delete(agent);
	cJSON_Delete(client);
	cJSON_Delete(channel);
	return alert;
}

/* A trigger after a resolve is a new incident; acknowledge and resolve of nothing are dropped
 * without a word, and so is what reaches nobody. */
static void event_apply(struct pd *pd, const cJSON *body, const char *dedup_key)
{
	const char *key = sim_text(body, "routing_key"), *action = sim_text(body, "event_action");
	struct pd_service *service = pd_service_keyed(pd, key);
	struct sim_alert *alert = alert_open(pd, key, dedup_key);
	cJSON *agent, *event;

	if (service->is_disabled)
		return;
	if (strcmp(action, "trigger") == 0) {
		bool is_new = alert == NULL;

		if (is_new && pd->incident_never != 0) {
			pd->incident_never -= pd->incident_never > 0;
			return;
		}
		if (is_new)
			alert = alert_new(pd, service, body, dedup_key);
		else
			log_put(alert->incident, "trigger", NULL, "api",
			    "Triggered through the API", NULL);
		alert->triggers++;
		cJSON_Delete(alert->body);
		alert->body = cJSON_Duplicate(body, true);
	}
	if (alert == NULL)
		return;
	event = cJSON_CreateObject();
	sim_put(event, "action", action);
	sim_put_int(event, "at_ms", sim_now_ms());
	sim_set(event, "body", cJSON_Duplicate(body, true));
	cJSON_AddItemToArray(alert->events, event);
	agent = pd_integration_ref(service, true);
	if (strcmp(action, "acknowledge") == 0)
		pd_set_status(alert->incident, PD_ACKNOWLEDGED, agent, "api", NULL);
	else if (strcmp(action, "resolve") == 0)
		pd_alert_resolve(alert, agent, "api");
	cJSON_Delete(agent);
}

static void pending_arm(struct pd *pd);

static void on_pending(void *ctx)
{
	struct pd *pd = ctx;
	const cJSON *first;

	pd->pending_timer = NULL;
	while ((first = cJSON_GetArrayItem(pd->pending, 0)) != NULL &&
	       sim_int(first, "at_ms", 0) <= sim_now_ms()) {
		cJSON *taken = cJSON_DetachItemFromArray(pd->pending, 0);

		event_apply(pd, sim_get(taken, "body"), sim_text(taken, "dedup_key"));
		cJSON_Delete(taken);
	}
	pending_arm(pd);
}

static void pending_arm(struct pd *pd)
{
	const cJSON *first = cJSON_GetArrayItem(pd->pending, 0);

	if (first != NULL && pd->pending_timer == NULL)
		pd->pending_timer =
		    sim_after(pd->sim, sim_int(first, "at_ms", 0) - sim_now_ms(), on_pending, pd);
}

void pd_event(struct pd *pd, const cJSON *body, const char *dedup_key)
{
	cJSON *wait;

	if (pd->incident_delay_ms <= 0 && cJSON_GetArraySize(pd->pending) == 0) {
		event_apply(pd, body, dedup_key);
		return;
	}
	wait = cJSON_CreateObject();
	sim_put_int(wait, "at_ms", sim_now_ms() + pd->incident_delay_ms);
	sim_set(wait, "body", cJSON_Duplicate(body, true));
	sim_put(wait, "dedup_key", dedup_key);
	cJSON_AddItemToArray(pd->pending, wait);
	pending_arm(pd);
}

/* ---- the preset, and its end ----------------------------------------------------------------- */

static void policy_preset(
    struct pd *pd, const char *id, const char *name, const char *levels, int64_t loops)
{
	cJSON *json = cJSON_Parse(levels);

	pd_policy_add(pd, id, name, json, 30, loops);
	cJSON_Delete(json);
}

void pd_start(struct sim *sim)
{
	/* A search for alice@example.com finds malice@example.com too, and first. */
	static const char *const users[][3] = {
	    {"PMALICE", "Malice Example", "malice@example.com"},
	    {"PALICE1", "Alice Example", "alice@example.com"},
	    {"PBOB123", "Bob Example", "Bob@Example.com"},
	    {"PCAROL1", "Carol Example", "carol@example.com"},
	    {"PDAVE12", "Dave Example", "dave@example.com"},
	    {"PHEADSU", "headsup", "headsup@example.com"},
	};
	struct pd *pd = xcalloc(1, sizeof(*pd));
	size_t i;

	sim->pd = pd;
	pd->sim = sim;
	pd->log = cJSON_CreateArray();
	pd->pending = cJSON_CreateArray();
	pd->abilities =
	    cJSON_Parse("[\"teams\",\"read_only_users\",\"urgencies\",\"coordinated_responding\"]");
	pd->token = xstrdup(sim->pd_token);
	pd->timer_scale = 1;
	pd->rest_per_minute = 960;
	pd->webhook_timeout_ms = 5000;
	pd->webhook_retry_ms = 200;
	pd->webhook_retry_max_ms = 2000;
	pd->webhook_disable_ms = 24LL * 3600 * 1000;
	pd->resolve_resolved_fails = true;
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		pd_user_add(pd, users[i][0], users[i][1], users[i][2]);
	schedule_add(pd, "PSCHSEC", "Security rotation", "PALICE1");
	policy_preset(pd, "PSEC123", "Security", "[[\"PSCHSEC\"],[\"PBOB123\"],[\"PCAROL1\"]]", 1);
	policy_preset(pd, "PPAY123", "Payments", "[[\"PBOB123\"],[\"PALICE1\"]]", 0);
	policy_preset(pd, "PDEF123", "Default", "[[\"PALICE1\"]]", 0);
	pd_service_add(pd, "PSVCSEC", "Security", "0123456789abcdef0123456789abcdef", "PSEC123");
	pd_service_add(pd, "PSVCPAY", "Payments", "fedcba9876543210fedcba9876543210", "PPAY123");
	pd_service_add(pd, "PSVCDEF", "Default", "00000000000000000000000000000001", "PDEF123");
	pd_hooks_start(pd);
}

static void incident_free(struct pd_incident *incident)
{
	sim_cancel(incident->sim, incident->timer);
	free(incident->title);
	free(incident->incident_key);
	cJSON_Delete(incident->assignments);
	cJSON_Delete(incident->acknowledgements);
	cJSON_Delete(incident->notes);
	cJSON_Delete(incident->responders);
	cJSON_Delete(incident->requests);
	cJSON_Delete(incident->priority);
	cJSON_Delete(incident->resolve_reason);
	cJSON_Delete(incident->changed_by);
	cJSON_Delete(incident->client);
	free(incident);
}

static void alert_free(struct sim_alert *alert)
{
	free(alert->routing_key);
	free(alert->dedup_key);
	free(alert->summary);
	free(alert->severity);
	free(alert->source);
	cJSON_Delete(alert->events);
	cJSON_Delete(alert->body);
	free(alert);
}

void pd_stop(struct sim *sim)
{
	struct pd *pd = sim->pd;
	size_t i;

	if (pd == NULL)
		return;
	pd_hooks_stop(pd);
	sim_cancel(sim, pd->pending_timer);
	for (i = 0; i < pd->alert_count; i++)
		alert_free(pd->alerts[i]);
	for (i = 0; i < pd->incident_count; i++)
		incident_free(pd->incidents[i]);
	for (i = 0; i < pd->service_count; i++) {
		free(pd->services[i]->name);
		free(pd->services[i]->routing_key);
		free(pd->services[i]);
	}
	for (i = 0; i < pd->policy_count; i++) {
		free(pd->policies[i]->name);
		free(pd->policies[i]);
	}
	for (i = 0; i < pd->schedule_count; i++) {
		free(pd->schedules[i]->name);
		free(pd->schedules[i]);
	}
	for (i = 0; i < pd->user_count; i++) {
		free(pd->users[i]->name);
		free(pd->users[i]->email);
		free(pd->users[i]);
	}
	free(pd->alerts);
	free(pd->incidents);
	free(pd->services);
	free(pd->policies);
	free(pd->schedules);
	free(pd->users);
	free(pd->token);
	cJSON_Delete(pd->log);
	cJSON_Delete(pd->pending);
	cJSON_Delete(pd->abilities);
	free(pd);
	sim->pd = NULL;
}
