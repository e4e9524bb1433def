/*
 * pd_control - /sim/pd/: the people who work in PagerDuty's own pages, and its knobs.
 *
 * POST act: {user, incident | dedup_key, action, note, to, level, into | into_dedup_key, duration,
 * timer}. POST hook: {event_type, incident | dedup_key, user, data}.
 * GET state, deliveries, incident?id= | ?dedup_key=. POST config: webhook {url, secrets,
 * events, service} or null; users [{id, name, email}]; policies [{id, name, levels, delay_minutes,
 * num_loops}]; services [{id, name, routing_key, policy, ack_timeout_s, auto_resolve_s, disabled,
 * grouping, no_alerts, low_urgency}]; oncall {schedule: user or null}; abilities; token;
 * timer_scale; and the knobs of set_knob().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

static void refuse(struct sim_request *request, int status, const char *what)
{
	cJSON *json = cJSON_CreateObject();

	sim_put_bool(json, "ok", false);
	sim_put(json, "error", what);
	sim_reply_json(request, status, json);
}

/* An incident with all that belongs to it, and what PagerDuty itself does not tell. */
static cJSON *incident_full(struct pd *pd, const struct pd_incident *incident)
{
	cJSON *json = pd_incident_json(incident), *alerts, *log;
	const cJSON *entry;
	size_t i;

	sim_put_int(json, "escalation_level", (int64_t)incident->level);
	sim_set(json, "notes", cJSON_Duplicate(incident->notes, true));
	alerts = cJSON_AddArrayToObject(json, "alerts");
	for (i = 0; i < pd->alert_count; i++) {
		if (pd->alerts[i]->incident == incident)
			cJSON_AddItemToArray(alerts, pd_alert_json(pd->alerts[i]));
	}
	log = cJSON_AddArrayToObject(json, "log_entries");
	cJSON_ArrayForEach(entry, pd->log)
	{
		if (text_equal(sim_text(entry, "_incident"), incident->id))
			cJSON_AddItemToArray(log, cJSON_Duplicate(entry, true));
	}
	return json;
}

static cJSON *subscriptions_json(struct pd *pd)
{
	cJSON *list = cJSON_CreateArray();
	size_t i, j;

	for (i = 0; i < pd->subscription_count; i++) {
		const struct pd_subscription *subscription = pd->subscriptions[i];
		cJSON *one = cJSON_CreateObject(), *secrets;

		sim_put(one, "id", subscription->id);
		sim_put(one, "url", subscription->url);
		secrets = cJSON_AddArrayToObject(one, "secrets");
		for (j = 0; j < subscription->secret_count; j++)
			cJSON_AddItemToArray(secrets, cJSON_CreateString(subscription->secrets[j]));
		sim_put_bool(one, "active", subscription->is_active);
		sim_put_bool(one, "disabled", subscription->is_disabled);
		sim_put_int(one, "drops", subscription->drops);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

static void see_state(struct sim_request *request)
{
	struct pd *pd = request->sim->pd;
	cJSON *json = cJSON_CreateObject(), *list;
	size_t i;

	list = cJSON_AddArrayToObject(json, "users");
	for (i = 0; i < pd->user_count; i++)
		cJSON_AddItemToArray(list, pd_user_json(pd->users[i]));
	list = cJSON_AddArrayToObject(json, "services");
	for (i = 0; i < pd->service_count; i++)
		cJSON_AddItemToArray(list, pd_service_json(pd, pd->services[i]));
	list = cJSON_AddArrayToObject(json, "escalation_policies");
	for (i = 0; i < pd->policy_count; i++)
		cJSON_AddItemToArray(list, pd_policy_json(pd, pd->policies[i]));
	list = cJSON_AddArrayToObject(json, "incidents");
	for (i = 0; i < pd->incident_count; i++)
		cJSON_AddItemToArray(list, incident_full(pd, pd->incidents[i]));
	sim_set(json, "webhook_subscriptions", subscriptions_json(pd));
	sim_set(json, "deliveries", pd_deliveries_json(pd));
	sim_reply_json(request, 200, json);
}

static struct pd_incident *incident_named(
    struct pd *pd, const char *incident, const char *dedup_key)
{
	return incident != NULL ? pd_incident(pd, incident) : pd_incident_keyed(pd, dedup_key);
}

bool pd_control_see(struct sim_request *request, const char *what)
{
	struct pd *pd = request->sim->pd;
	const struct pd_incident *incident;
	cJSON *json;

	if (strcmp(what, "pd/state") == 0) {
		see_state(request);
	} else if (strcmp(what, "pd/deliveries") == 0) {
		json = cJSON_CreateObject();
		sim_set(json, "deliveries", pd_deliveries_json(pd));
		sim_reply_json(request, 200, json);
	} else if (strcmp(what, "pd/incident") == 0) {
		incident =
		    incident_named(pd, sim_query(request, "id"), sim_query(request, "dedup_key"));
		json = cJSON_CreateObject();
		sim_set(json, "incident",
		    incident != NULL ? incident_full(pd, incident) : cJSON_CreateNull());
		sim_reply_json(request, 200, json);
	} else {
		return false;
	}
	return true;
}

/* ---- what a person does ---------------------------------------------------------------------- */

static cJSON *one_text(const char *text)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_CreateString(text));
	return list;
}

static const char *do_merge(
    struct pd *pd, struct pd_incident *incident, const cJSON *body, const cJSON *agent)
{
	struct pd_incident *into =
	    incident_named(pd, sim_text(body, "into"), sim_text(body, "into_dedup_key"));

	if (into == NULL || into == incident || into->status == PD_RESOLVED)
		return "merge: into (an incident) or into_dedup_key is wanted, and an open one";
	pd_merge(into, incident, agent, "website");
	return NULL;
}

static const char *do_escalate(struct pd_incident *incident, const cJSON *body, const cJSON *agent)
{
	int64_t level = sim_int(body, "level", (int64_t)incident->level + 1);
	int code;

	if (!pd_can_escalate(incident, level, &code))
		return "cannot escalate to that level";
	pd_escalate(incident, (size_t)level, agent, "website");
	return NULL;
}

static const char *do_reassign(
    struct pd *pd, struct pd_incident *incident, const cJSON *body, const cJSON *agent)
{
	const char *to = sim_text(body, "to");
	const struct pd_user *user = pd_user(pd, to);
	cJSON *ids;

	if (incident->status == PD_RESOLVED)
		return "it is resolved";
	if (pd_policy(pd, to) != NULL) {
		pd_delegate(incident, to, agent, "website");
		return NULL;
	}
	if (user == NULL)
		return "reassign: to (a user or a policy) is wanted";
	ids = one_text(user->id);
	pd_assign(incident, ids, agent, "website");
	cJSON_Delete(ids);
	return NULL;
}

static const char *do_respond(
    struct pd *pd, struct pd_incident *incident, const cJSON *body, const cJSON *agent)
{
	const char *to = sim_text(body, "to");
	const struct pd_user *user = pd_user(pd, to);
	cJSON *targets, *outer, *inner;

	if (user == NULL && pd_policy(pd, to) == NULL)
		return "respond: to (a user or a policy) is wanted";
	targets = cJSON_CreateArray();
	outer = cJSON_CreateObject();
	inner = cJSON_AddObjectToObject(outer, "responder_request_target");
	sim_put(inner, "id", user != NULL ? user->id : to);
	cJSON_AddItemToArray(targets, outer);
	pd_respond(incident, agent,
	    sim_text(body, "note") != NULL ? sim_text(body, "note") : "Please help", targets);
	cJSON_Delete(targets);
	return NULL;
}

/* The timer named by BODY, or the one that runs in this state. */
static const char *do_timeout(struct pd_incident *incident, const cJSON *body)
{
	static const char *const names[] = {"ack", "resolve", "ladder", "snooze"};
	const char *timer = sim_text(body, "timer");
	size_t i;

	for (i = 0; timer != NULL && i < PD_DUE_COUNT; i++) {
		if (strcmp(names[i], timer) == 0)
			return pd_timeout(incident, (enum pd_due)i) ? NULL
								    : "that timer does not run";
	}
	if (timer != NULL)
		return "timer: one of ack resolve ladder snooze";
	if (pd_timeout(incident, PD_DUE_SNOOZE) || pd_timeout(incident, PD_DUE_ACK) ||
	    pd_timeout(incident, PD_DUE_LADDER))
		return NULL;
	return "no timer runs";
}

/* NULL, or what is wrong. */
static const char *do_action(struct pd *pd, struct pd_incident *incident, const char *action,
    const cJSON *body, const cJSON *agent)
{
	const char *note = sim_text(body, "note");
	bool is_resolved = incident->status == PD_RESOLVED;

	if (strcmp(action, "ack") == 0) {
		if (is_resolved)
			return "it is resolved";
		pd_set_status(incident, PD_ACKNOWLEDGED, agent, "website", NULL);
	} else if (strcmp(action, "resolve") == 0) {
		char *said;

		if (is_resolved)
			return "it is resolved";
		pd_set_status(incident, PD_RESOLVED, agent, "website", NULL);
		/* What is typed with it is a note of its own. */
		if (note != NULL) {
			said = xasprintf("Resolution Note: %s", note);
			pd_note(incident, said, agent, "website");
			free(said);
		}
	} else if (strcmp(action, "unack") == 0) {
		if (incident->status != PD_ACKNOWLEDGED)
			return "it is not acknowledged";
		pd_set_status(incident, PD_TRIGGERED, agent, "website", NULL);
	} else if (strcmp(action, "reopen") == 0) {
		if (!is_resolved)
			return "it is not resolved";
		pd_set_status(incident, PD_TRIGGERED, agent, "website", NULL);
	} else if (strcmp(action, "escalate") == 0) {
		return do_escalate(incident, body, agent);
	} else if (strcmp(action, "reassign") == 0) {
		return do_reassign(pd, incident, body, agent);
	} else if (strcmp(action, "note") == 0) {
		if (text_is_empty(note))
			return "a note is wanted";
		pd_note(incident, note, agent, "website");
	} else if (strcmp(action, "merge") == 0) {
		return do_merge(pd, incident, body, agent);
	} else if (strcmp(action, "snooze") == 0) {
		if (incident->status != PD_ACKNOWLEDGED)
			pd_set_status(incident, PD_ACKNOWLEDGED, agent, "website", NULL);
		pd_snooze(incident, sim_int(body, "duration", 3600), agent, "website");
	} else if (strcmp(action, "respond") == 0) {
		return do_respond(pd, incident, body, agent);
	} else if (strcmp(action, "priority") == 0) {
		pd_set_priority(incident, pd_priority_ref(sim_text(body, "to")), agent);
	} else if (strcmp(action, "urgency") == 0) {
		pd_set_urgency(incident, text_equal(sim_text(body, "to"), "low"), agent, "website");
	} else if (strcmp(action, "title") == 0) {
		if (text_is_empty(sim_text(body, "to")))
			return "title: to is wanted";
		pd_set_title(incident, sim_text(body, "to"));
	} else {
		return "action: one of ack resolve unack reopen escalate reassign note merge "
		       "snooze respond priority urgency title timeout";
	}
	return NULL;
}

static void do_act(struct sim_request *request, const cJSON *body)
{
	struct pd *pd = request->sim->pd;
	const char *action = sim_text(body, "action"), *problem;
	const struct pd_user *user = pd_user(pd, sim_text(body, "user"));
	struct pd_incident *incident =
	    incident_named(pd, sim_text(body, "incident"), sim_text(body, "dedup_key"));
	cJSON *agent, *json;

	if (action == NULL || incident == NULL) {
		refuse(request, incident == NULL ? 404 : 400,
		    incident == NULL ? "no such incident" : "an action is wanted");
		return;
	}
	if (strcmp(action, "timeout") == 0) {
		problem = do_timeout(incident, body);
	} else if (user == NULL) {
		problem = "no such user";
	} else {
		agent = pd_user_ref(user);
		problem = do_action(pd, incident, action, body, agent);
		cJSON_Delete(agent);
	}
	if (problem != NULL) {
		refuse(request, 400, problem);
		return;
	}
	json = cJSON_CreateObject();
	sim_put_bool(json, "ok", true);
	sim_set(json, "incident", incident_full(pd, incident));
	sim_reply_json(request, 200, json);
}

/* ---- knobs ----------------------------------------------------------------------------------- */

#define WEBHOOK_ID "PSIMHOOK"

/* The one subscription of a test: {url, secrets, events, service}, null to end it. Its queue stays
 * when only the URL changes. */
static const char *set_webhook(struct pd *pd, const cJSON *json)
{
	struct pd_subscription *subscription = pd_subscription(pd, WEBHOOK_ID);
	const cJSON *secret, *secrets = sim_get(json, "secrets");
	size_t i;

	if (cJSON_IsNull(json)) {
		if (subscription != NULL)
			pd_subscription_remove(pd, subscription);
		return NULL;
	}
	if (subscription == NULL) {
		if (sim_text(json, "url") == NULL)
			return "webhook: a url is wanted";
		subscription = pd_subscription_add(pd, WEBHOOK_ID, sim_text(json, "url"));
	}
	if (sim_text(json, "url") != NULL)
		replace_text(&subscription->url, sim_text(json, "url"));
	if (sim_text(json, "service") != NULL) {
		replace_text(&subscription->filter_type, "service_reference");
		replace_text(&subscription->filter_id, sim_text(json, "service"));
	}
	if (cJSON_IsArray(sim_get(json, "events"))) {
		cJSON_Delete(subscription->events);
		subscription->events = cJSON_Duplicate(sim_get(json, "events"), true);
	}
	if (secrets == NULL)
		return NULL;
	for (i = 0; i < subscription->secret_count; i++)
		free(subscription->secrets[i]);
	subscription->secret_count = 0;
	cJSON_ArrayForEach(secret, secrets)
	{
		if (cJSON_IsString(secret) && subscription->secret_count < PD_SECRETS_MAX)
			subscription->secrets[subscription->secret_count++] =
			    xstrdup(secret->valuestring);
	}
	return NULL;
}

static const char *set_service(struct pd *pd, const cJSON *json)
{
	const char *id = sim_text(json, "id"), *name = sim_text(json, "name"),
		   *key = sim_text(json, "routing_key"), *policy = sim_text(json, "policy");
	struct pd_service *service = pd_service(pd, id);

	if (id == NULL || (service == NULL && (name == NULL || key == NULL)))
		return "services: id, name, routing_key are wanted";
	if (service == NULL)
		service = pd_service_add(pd, id, name, key, policy != NULL ? policy : "PDEF123");
	if (name != NULL)
		replace_text(&service->name, name);
	if (key != NULL)
		replace_text(&service->routing_key, key);
	if (policy != NULL)
		snprintf(service->policy, sizeof(service->policy), "%s", policy);
	if (sim_has(json, "ack_timeout_s"))
		service->ack_timeout_s = sim_int(json, "ack_timeout_s", 0);
	if (sim_has(json, "auto_resolve_s"))
		service->resolve_timeout_s = sim_int(json, "auto_resolve_s", 0);
	if (sim_has(json, "disabled"))
		service->is_disabled = sim_true(json, "disabled");
	if (sim_has(json, "grouping"))
		service->is_grouping = sim_true(json, "grouping");
	if (sim_has(json, "no_alerts"))
		service->has_no_alerts = sim_true(json, "no_alerts");
	if (sim_has(json, "low_urgency"))
		service->is_low = sim_true(json, "low_urgency");
	return NULL;
}

static const char *set_list(struct pd *pd, const char *name, const cJSON *list)
{
	const char *problem = NULL;
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const char *id = sim_text(item, "id");

		if (strcmp(name, "services") == 0) {
			problem = set_service(pd, item);
		} else if (id == NULL || sim_text(item, "name") == NULL) {
			problem = "an id and a name are wanted";
		} else if (strcmp(name, "users") == 0) {
			if (sim_text(item, "email") == NULL)
				return "users: an email is wanted";
			pd_user_add(pd, id, sim_text(item, "name"), sim_text(item, "email"));
		} else {
			pd_policy_add(pd, id, sim_text(item, "name"), sim_get(item, "levels"),
			    sim_int(item, "delay_minutes", 30), sim_int(item, "num_loops", 0));
		}
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

static const char *set_oncall(struct pd *pd, const cJSON *json)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json)
	{
		struct pd_schedule *schedule = pd_schedule(pd, item->string);
		const struct pd_user *user = pd_user(pd, cJSON_GetStringValue(item));

		if (schedule == NULL)
			return "oncall: no such schedule";
		snprintf(
		    schedule->user, sizeof(schedule->user), "%s", user != NULL ? user->id : "");
	}
	return NULL;
}

static const char *set_knob(struct pd *pd, const cJSON *item)
{
	const struct {
		const char *name;
		int64_t *value;
	} numbers[] = {
	    {"incident_delay_ms", &pd->incident_delay_ms},
	    {"incident_never", &pd->incident_never},
	    {"search_lag_ms", &pd->search_lag_ms},
	    {"rest_per_minute", &pd->rest_per_minute},
	    {"webhook_timeout_ms", &pd->webhook_timeout_ms},
	    {"webhook_retry_ms", &pd->webhook_retry_ms},
	    {"webhook_retry_max_ms", &pd->webhook_retry_max_ms},
	    {"webhook_disable_ms", &pd->webhook_disable_ms},
	};
	const struct {
		const char *name;
		bool *value;
	} switches[] = {
	    {"ack_resolved_fails", &pd->ack_resolved_fails},
	    {"ack_acked_fails", &pd->ack_acked_fails},
	    {"resolve_resolved_fails", &pd->resolve_resolved_fails},
	    {"escalate_keeps_ack", &pd->escalate_keeps_ack},
	    {"reopen_keeps_alerts", &pd->reopen_keeps_alerts},
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].name, item->string) == 0 && cJSON_IsNumber(item)) {
			*numbers[i].value = (int64_t)item->valuedouble;
			return NULL;
		}
	}
	for (i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (strcmp(switches[i].name, item->string) == 0 && cJSON_IsBool(item)) {
			*switches[i].value = cJSON_IsTrue(item);
			return NULL;
		}
	}
	return "unknown knob, or not of its kind";
}

static void do_config(struct sim_request *request, const cJSON *body)
{
	struct pd *pd = request->sim->pd;
	const char *problem = NULL;
	const cJSON *item;
	cJSON *json;

	cJSON_ArrayForEach(item, body)
	{
		const char *name = item->string;

		if (strcmp(name, "webhook") == 0) {
			problem = set_webhook(pd, item);
		} else if (strcmp(name, "users") == 0 || strcmp(name, "services") == 0 ||
			   strcmp(name, "policies") == 0) {
			problem = set_list(pd, name, item);
		} else if (strcmp(name, "oncall") == 0) {
			problem = set_oncall(pd, item);
		} else if (strcmp(name, "abilities") == 0) {
			cJSON_Delete(pd->abilities);
			pd->abilities = cJSON_Duplicate(item, true);
		} else if (strcmp(name, "token") == 0) {
			replace_text(&pd->token, cJSON_GetStringValue(item));
		} else if (strcmp(name, "timer_scale") == 0) {
			pd->timer_scale = item->valuedouble;
		} else {
			problem = set_knob(pd, item);
		}
		if (problem != NULL) {
			refuse(request, 400, problem);
			return;
		}
	}
	json = cJSON_CreateObject();
	sim_put_bool(json, "ok", true);
	sim_reply_json(request, 200, json);
}

/* A webhook of any type, about INCIDENT or nothing: what PagerDuty may send some day. DATA is as
 * given, else a reference to the incident. */
static void do_hook(struct sim_request *request, const cJSON *body)
{
	struct pd *pd = request->sim->pd;
	const char *type = sim_text(body, "event_type");
	const struct pd_incident *incident =
	    incident_named(pd, sim_text(body, "incident"), sim_text(body, "dedup_key"));
	const struct pd_user *user = pd_user(pd, sim_text(body, "user"));
	cJSON *data, *agent, *json;

	if (type == NULL) {
		refuse(request, 400, "an event_type is wanted");
		return;
	}
	if (sim_get(body, "data") != NULL) {
		data = cJSON_Duplicate(sim_get(body, "data"), true);
	} else {
		data = cJSON_CreateObject();
		sim_put(data, "type", "something_new");
		if (incident != NULL)
			sim_set(data, "incident", pd_incident_ref(incident, true));
	}
	agent = user != NULL ? pd_user_ref(user) : NULL;
	pd_hook(pd, type, agent, NULL, incident, data);
	cJSON_Delete(agent);
	json = cJSON_CreateObject();
	sim_put_bool(json, "ok", true);
	sim_reply_json(request, 200, json);
}

bool pd_control_do(struct sim_request *request, const char *what, const cJSON *body)
{
	if (strcmp(what, "pd/act") == 0)
		do_act(request, body);
	else if (strcmp(what, "pd/config") == 0)
		do_config(request, body);
	else if (strcmp(what, "pd/hook") == 0)
		do_hook(request, body);
	else
		return false;
	return true;
}
