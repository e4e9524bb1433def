/*
 * pd - PagerDuty beyond the Events API: the account (people, policies, services), its incidents,
 * REST API v2 and webhooks v3, as developer.pagerduty.com describes them.
 *
 * Where the documents leave a choice, or two accounts behave differently, a knob of
 * POST /sim/pd/config chooses. Timers (acknowledgement, auto-resolve, ladder, snooze) run by the
 * wall clock, their length times timer_scale.
 */
#ifndef TESTS_SIMULATOR_PD_H
#define TESTS_SIMULATOR_PD_H

#include "tests/simulator/sim.h"

#define PD_LEVELS_MAX 10
#define PD_TARGETS_MAX 8
#define PD_SECRETS_MAX 4
#define PD_API "https://api.pagerduty.com" /* links in bodies always name the real hosts */
#define PD_WEB "https://sim.pagerduty.com"
#define PD_LOG_MAX 100000u       /* log entries; the oldest go */
#define PD_DELIVERIES_MAX 50000u /* remembered deliveries; the oldest that are done go */

struct pd_user {
	char id[SIM_ID_MAX];
	char *name, *email;
};
struct pd_schedule {
	char id[SIM_ID_MAX];
	char *name;
	char user[SIM_ID_MAX]; /* who is on call, "" for nobody */
};
struct pd_level {
	char id[SIM_ID_MAX];
	int64_t delay_minutes;
	char targets[PD_TARGETS_MAX][SIM_ID_MAX]; /* users and schedules */
	size_t target_count;
};
struct pd_policy {
	char id[SIM_ID_MAX];
	char *name;
	int64_t loops;
	struct pd_level levels[PD_LEVELS_MAX];
	size_t level_count;
};
struct pd_service {
	char id[SIM_ID_MAX], integration[SIM_ID_MAX], policy[SIM_ID_MAX];
	char *name, *routing_key;
	int64_t ack_timeout_s, resolve_timeout_s; /* 0: off */
	bool is_disabled;                         /* its events vanish */
	bool is_grouping;                         /* all alerts into one open incident */
	bool has_no_alerts; /* create_incidents: incident_key is the dedup key */
	bool is_low;
};

enum pd_status { PD_TRIGGERED, PD_ACKNOWLEDGED, PD_RESOLVED };
enum pd_due { PD_DUE_ACK, PD_DUE_RESOLVE, PD_DUE_LADDER, PD_DUE_SNOOZE, PD_DUE_COUNT };

struct pd_incident {
	struct sim *sim;
	char id[SIM_ID_MAX], service[SIM_ID_MAX], policy[SIM_ID_MAX];
	char trigger_entry[SIM_ID_MAX]; /* of the log */
	int64_t number;
	char *title, *incident_key; /* the key may be NULL */
	enum pd_status status;
	bool is_low;
	size_t level;  /* 1-based; 0: assigned directly */
	int64_t loops; /* rounds of the ladder done */
	int64_t created_ms, updated_ms, changed_ms, resolved_ms, reopened_ms;
	cJSON *assignments, *acknowledgements, *notes, *responders, *requests;
	cJSON *priority, *resolve_reason, *changed_by, *client; /* each may be NULL */
	int64_t due_ms[PD_DUE_COUNT];                           /* since 1970; 0: none */
	struct sim_timer *timer;
};
/* What an event opened; one open alert for a routing key and a dedup key. */
struct sim_alert {
	char id[SIM_ID_MAX];
	char *routing_key, *dedup_key, *summary, *severity, *source;
	bool is_resolved;
	int64_t triggers, created_ms;
	cJSON *events; /* array: action, at_ms, body */
	cJSON *body;   /* of the newest trigger */
	struct pd_service *service;
	struct pd_incident *incident;
};

struct pd_delivery;
struct pd_subscription {
	char id[SIM_ID_MAX], method_id[SIM_ID_MAX];
	char *url, *description, *filter_type, *filter_id;
	char *secrets[PD_SECRETS_MAX];
	size_t secret_count;
	cJSON *events;  /* array of event types; empty: all */
	cJSON *headers; /* custom: [{name, value}] or NULL */
	bool is_active, is_disabled;
	int drops; /* in a row */
	struct sim_timer *enable;
	struct sim *sim;
};

struct pd {
	struct sim *sim;
	struct pd_user **users;
	size_t user_count;
	struct pd_schedule **schedules;
	size_t schedule_count;
	struct pd_policy **policies;
	size_t policy_count;
	struct pd_service **services;
	size_t service_count;
	struct pd_incident **incidents;
	size_t incident_count;
	struct sim_alert **alerts;
	size_t alert_count;
	cJSON *log; /* array, oldest first; "_ms", "_incident" are ours */
	size_t log_count;
	cJSON *abilities;
	struct pd_subscription **subscriptions;
	size_t subscription_count;
	struct pd_delivery *deliveries, **deliveries_end;
	struct pd_delivery *first_open; /* those before it are done */
	size_t delivery_count;
	void *multi; /* CURLM */
	struct sim_timer *pump;
	int running;
	cJSON *hook_faults; /* array */
	cJSON *pending;     /* events that wait: array of {at_ms, body, dedup_key} */
	struct sim_timer *pending_timer;
	int64_t minute_ms, minute_count; /* REST calls in the minute that began then */

	/* knobs */
	char *token; /* NULL: any */
	double timer_scale;
	int64_t incident_delay_ms; /* between 202 and the incident */
	int64_t incident_never;    /* so many triggers come to nothing; -1 for ever */
	int64_t search_lag_ms;     /* until incident_key finds an incident */
	int64_t rest_per_minute;   /* 960 */
	int64_t webhook_timeout_ms, webhook_retry_ms, webhook_retry_max_ms, webhook_disable_ms;
	bool ack_resolved_fails; /* 1001 instead of reopening */
	bool ack_acked_fails;    /* 1002 instead of one acknowledger more */
	bool resolve_resolved_fails;
	bool escalate_keeps_ack;  /* else: back to triggered */
	bool reopen_keeps_alerts; /* the alerts of a reopened incident stay resolved */
};

/* pd.c: the account and its incidents */
void pd_start(struct sim *sim);
void pd_stop(struct sim *sim);
struct pd_user *pd_user(struct pd *pd, const char *id); /* by id, name or exact e-mail */
struct pd_user *pd_user_mailed(struct pd *pd, const char *email);
struct pd_user *pd_user_add(struct pd *pd, const char *id, const char *name, const char *email);
struct pd_schedule *pd_schedule(struct pd *pd, const char *id);
struct pd_policy *pd_policy(struct pd *pd, const char *id);
/* LEVELS: [["user or schedule", …], …]; an old one of that id is replaced. */
struct pd_policy *pd_policy_add(struct pd *pd, const char *id, const char *name,
    const cJSON *levels, int64_t delay_minutes, int64_t loops);
struct pd_service *pd_service(struct pd *pd, const char *id);
struct pd_service *pd_service_keyed(struct pd *pd, const char *routing_key); /* makes one */
struct pd_service *pd_service_add(
    struct pd *pd, const char *id, const char *name, const char *routing_key, const char *policy);
struct pd_incident *pd_incident(struct pd *pd, const char *id); /* or number */
/* The newest incident whose alerts have that key. */
struct pd_incident *pd_incident_keyed(struct pd *pd, const char *dedup_key);
const char *pd_status_name(enum pd_status status);
void pd_random_id(char out[SIM_ID_MAX], char first, size_t len);
void pd_time(int64_t ms, bool with_ms, char out[40]);
bool pd_time_parse(const char *text, int64_t *ms);
/* Users who are called on LEVEL now: an array of ids. */
cJSON *pd_level_users(struct pd *pd, const struct pd_policy *policy, size_t level);

cJSON *pd_ref(const char *type, const char *id, const char *summary, const char *folder);
cJSON *pd_user_ref(const struct pd_user *user);
cJSON *pd_user_ref_by(struct pd *pd, const char *id);
cJSON *pd_service_ref(const struct pd_service *service);
cJSON *pd_integration_ref(const struct pd_service *service, bool is_agent);
cJSON *pd_policy_ref(const struct pd_policy *policy);
cJSON *pd_incident_ref(const struct pd_incident *incident, bool is_titled_only);
cJSON *pd_user_json(const struct pd_user *user);
cJSON *pd_service_json(struct pd *pd, const struct pd_service *service);
cJSON *pd_integration_json(const struct pd_service *service);
cJSON *pd_policy_json(struct pd *pd, const struct pd_policy *policy);
cJSON *pd_incident_json(const struct pd_incident *incident);
cJSON *pd_alert_json(const struct sim_alert *alert);
cJSON *pd_priorities(void);
cJSON *pd_priority_ref(const char *id_or_name); /* NULL: there is none */

/* What is done to an incident. AGENT is a reference, NULL for nobody; VIA the channel's type
 * ("website", "api", "timeout", "auto"). */
struct pd_incident *pd_open(struct pd *pd, struct pd_service *service, const char *title,
    const char *incident_key, const cJSON *agent, const char *via, const cJSON *client,
    const cJSON *channel);
void pd_set_status(struct pd_incident *incident, enum pd_status status, const cJSON *agent,
    const char *via, const char *resolution);
bool pd_can_escalate(struct pd_incident *incident, int64_t level, int *code); /* 1006, 1015 */
void pd_escalate(struct pd_incident *incident, size_t level, const cJSON *agent, const char *via);
void pd_delegate(
    struct pd_incident *incident, const char *policy, const cJSON *agent, const char *via);
void pd_assign(
    struct pd_incident *incident, const cJSON *user_ids, const cJSON *agent, const char *via);
cJSON *pd_note(struct pd_incident *incident, const char *content, const cJSON *agent,
    const char *via);                                                               /* borrowed */
void pd_set_priority(struct pd_incident *incident, cJSON *ref, const cJSON *agent); /* takes REF */
void pd_set_urgency(struct pd_incident *incident, bool is_low, const cJSON *agent, const char *via);
void pd_set_title(struct pd_incident *incident, const char *title);
void pd_merge(
    struct pd_incident *target, struct pd_incident *source, const cJSON *agent, const char *via);
void pd_snooze(struct pd_incident *incident, int64_t seconds, const cJSON *agent, const char *via);
/* The request as the REST API tells it; borrowed. */
cJSON *pd_respond(struct pd_incident *incident, const cJSON *requester, const char *message,
    const cJSON *targets);
cJSON *pd_status_update(struct pd_incident *incident, const cJSON *body, const cJSON *agent);
bool pd_timeout(struct pd_incident *incident, enum pd_due due); /* false: it does not run */
void pd_alert_resolve(struct sim_alert *alert, const cJSON *agent, const char *via);
void pd_event(struct pd *pd, const cJSON *body, const char *dedup_key); /* now or later */

/* pd_rest.c */
bool pd_rest_owns(const char *path);
void pd_rest(struct sim_request *request);

/* pd_hooks.c */
void pd_hooks_start(struct pd *pd);
void pd_hooks_stop(struct pd *pd);
/* DATA is taken. INCIDENT is what the order is kept within, NULL for a ping. */
void pd_hook(struct pd *pd, const char *event_type, const cJSON *agent, const cJSON *client,
    const struct pd_incident *incident, cJSON *data);
void pd_hook_incident(
    struct pd_incident *incident, const char *event_type, const cJSON *agent, const cJSON *client);
void pd_hook_ping(struct pd *pd, struct pd_subscription *subscription);
struct pd_subscription *pd_subscription(struct pd *pd, const char *id);
struct pd_subscription *pd_subscription_add(struct pd *pd, const char *id, const char *url);
void pd_subscription_remove(struct pd *pd, struct pd_subscription *subscription);
void pd_subscription_enable(struct pd_subscription *subscription);
bool pd_hook_fault_add(struct sim *sim, const cJSON *json, const char **problem);
void pd_hook_faults_clear(struct sim *sim);
cJSON *pd_deliveries_json(struct pd *pd);

/* pd_control.c: /sim/pd/…; false: no such thing */
bool pd_control_see(struct sim_request *request, const char *what);
bool pd_control_do(struct sim_request *request, const char *what, const cJSON *body);

#endif
