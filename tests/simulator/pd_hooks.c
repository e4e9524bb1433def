/*
 * pd_hooks - webhooks v3: developer.pagerduty.com/docs/webhooks. In order for a subscription and an
 * incident, again while the receiver is away, dropped when it refuses.
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

#define PUMP_MS 2
#define RUNNING_MAX 32
#define DROPS_MAX 3
#define GIVE_UP_MS (48LL * 3600 * 1000)
#define HELD_MS 5000 /* a delivery that is to come too late comes then at the latest */

enum state { WAITING, SENDING, DELIVERED, DROPPED, LOST };

struct pd_delivery {
	struct pd_delivery *next;
	struct pd *pd;
	char id[37], subscription[SIM_ID_MAX], incident[SIM_ID_MAX];
	char *event_type, *body;
	enum state state;
	int64_t created_ms, not_before; /* steady clock */
	int attempts, status;           /* of the last attempt; 0: no answer */
	int again;                      /* so many times more although it was taken */
	bool is_held;                   /* until a later one of the incident was taken */
	bool has_bad_signature, has_no_signature, is_tampered;
	CURL *easy;
	struct curl_slist *headers;
};

static void pump(struct pd *pd);

static void on_pump(void *ctx)
{
	struct pd *pd = ctx;

	pd->pump = NULL;
	pump(pd);
}

static void pump_in(struct pd *pd, int64_t ms)
{
	sim_cancel(pd->sim, pd->pump);
	pd->pump = sim_after(pd->sim, ms, on_pump, pd);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

struct pd_subscription *pd_subscription(struct pd *pd, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < pd->subscription_count; i++) {
		if (strcmp(pd->subscriptions[i]->id, id) == 0)
			return pd->subscriptions[i];
	}
	return NULL;
}

struct pd_subscription *pd_subscription_add(struct pd *pd, const char *id, const char *url)
{
	struct pd_subscription *subscription = xcalloc(1, sizeof(*subscription));

	subscription->sim = pd->sim;
	if (id != NULL)
		snprintf(subscription->id, sizeof(subscription->id), "%s", id);
	else
		pd_random_id(subscription->id, 'P', 7);
	pd_random_id(subscription->method_id, 'P', 7);
	subscription->url = xstrdup(url);
	subscription->events = cJSON_CreateArray();
	subscription->filter_type = xstrdup("account_reference");
	subscription->is_active = true;
	pd->subscriptions = xreallocarray(
	    pd->subscriptions, pd->subscription_count + 1, sizeof(struct pd_subscription *));
	pd->subscriptions[pd->subscription_count++] = subscription;
	return subscription;
}

static void subscription_free(struct pd_subscription *subscription)
{
	size_t i;

	sim_cancel(subscription->sim, subscription->enable);
	for (i = 0; i < subscription->secret_count; i++)
		free(subscription->secrets[i]);
	free(subscription->url);
	free(subscription->description);
	free(subscription->filter_type);
	free(subscription->filter_id);
	cJSON_Delete(subscription->events);
	cJSON_Delete(subscription->headers);
	free(subscription);
}

/* What waits for it is thrown away. */
static void queue_drop(struct pd *pd, const struct pd_subscription *subscription, enum state state)
{
	struct pd_delivery *delivery;

	for (delivery = pd->deliveries; delivery != NULL; delivery = delivery->next) {
		if (delivery->state == WAITING &&
		    strcmp(delivery->subscription, subscription->id) == 0)
			delivery->state = state;
	}
}

void pd_subscription_remove(struct pd *pd, struct pd_subscription *subscription)
{
	size_t i;

	queue_drop(pd, subscription, LOST);
	for (i = 0; i < pd->subscription_count; i++) {
		if (pd->subscriptions[i] == subscription) {
			memmove(&pd->subscriptions[i], &pd->subscriptions[i + 1],
			    (pd->subscription_count - i - 1) * sizeof(struct pd_subscription *));
			pd->subscription_count--;
			break;
		}
	}
	subscription_free(subscription);
}

void pd_subscription_enable(struct pd_subscription *subscription)
{
	sim_cancel(subscription->sim, subscription->enable);
	subscription->enable = NULL;
	subscription->is_disabled = false;
	subscription->drops = 0;
}

static void on_enable(void *ctx)
{
	struct pd_subscription *subscription = ctx;

	subscription->enable = NULL;
	pd_subscription_enable(subscription);
}

static void dropped(struct pd *pd, struct pd_subscription *subscription)
{
	if (++subscription->drops < DROPS_MAX)
		return;
	subscription->is_disabled = true;
	queue_drop(pd, subscription, LOST);
	sim_cancel(pd->sim, subscription->enable);
	subscription->enable = sim_after(pd->sim, pd->webhook_disable_ms, on_enable, subscription);
}

static bool wants(const struct pd_subscription *subscription, const char *event_type,
    const struct pd_incident *incident)
{
	const cJSON *type;

	if (!subscription->is_active || subscription->is_disabled)
		return false;
	if (text_equal(subscription->filter_type, "service_reference") && incident != NULL &&
	    !text_equal(subscription->filter_id, incident->service))
		return false;
	if (text_equal(subscription->filter_type, "team_reference"))
		return false;
	cJSON_ArrayForEach(type, subscription->events)
	{
		if (text_equal(cJSON_GetStringValue(type), event_type))
			return true;
	}
	return cJSON_GetArraySize(subscription->events) == 0;
}

/* ---- faults ---------------------------------------------------------------------------------- */

bool pd_hook_fault_add(struct sim *sim, const cJSON *json, const char **problem)
{
	static const char *const kinds =
	    " lose double reorder delay bad_signature no_signature tamper ";
	char padded[32];

	snprintf(padded, sizeof(padded), " %s ", sim_text(json, "webhook"));
	if (strstr(kinds, padded) == NULL) {
		*problem = "webhook: one of lose double reorder delay bad_signature no_signature "
			   "tamper";
		return false;
	}
	cJSON_AddItemToArray(sim->pd->hook_faults, cJSON_Duplicate(json, true));
	return true;
}

void pd_hook_faults_clear(struct sim *sim)
{
	if (sim->pd == NULL)
		return;
	cJSON_Delete(sim->pd->hook_faults);
	sim->pd->hook_faults = cJSON_CreateArray();
}

static void apply_faults(struct pd_delivery *delivery)
{
	cJSON *fault;

	cJSON_ArrayForEach(fault, delivery->pd->hook_faults)
	{
		const char *kind = sim_text(fault, "webhook"), *event = sim_text(fault, "event");
		int64_t times = sim_int(fault, "times", 1), after = sim_int(fault, "after", 0);

		if (times == 0 || (event != NULL && !text_equal(event, delivery->event_type)))
			continue;
		if (after > 0) {
			sim_put_int(fault, "after", after - 1);
			continue;
		}
		if (times > 0)
			sim_put_int(fault, "times", times - 1);
		if (strcmp(kind, "lose") == 0)
			delivery->state = LOST;
		else if (strcmp(kind, "double") == 0)
			delivery->again = 1;
		else if (strcmp(kind, "reorder") == 0)
			delivery->is_held = true;
		else if (strcmp(kind, "delay") == 0)
			delivery->not_before = sim_mono_ms() + sim_int(fault, "delay_ms", 500);
		else if (strcmp(kind, "bad_signature") == 0)
			delivery->has_bad_signature = true;
		else if (strcmp(kind, "no_signature") == 0)
			delivery->has_no_signature = true;
		else
			delivery->is_tampered = true;
	}
}

/* ---- sending --------------------------------------------------------------------------------- */

static void sign(const char *secret, const char *body, char out[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0, i;

	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body, strlen(body),
	    digest, &len);
	for (i = 0; i < len && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static char *signature(const struct pd_delivery *delivery, const struct pd_subscription *to)
{
	struct buf text;
	char hex[65];
	size_t i;

	buf_init(&text, 4096);
	for (i = 0; i < to->secret_count; i++) {
		sign(delivery->has_bad_signature ? "not the secret" : to->secrets[i],
		    delivery->body, hex);
		buf_printf(&text, "%sv1=%s", i > 0 ? "," : "", hex);
	}
	return buf_take(&text);
}

static size_t ignore(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

static void header(struct pd_delivery *delivery, const char *name, const char *value)
{
	char *line = xasprintf("%s: %s", name, value);

	delivery->headers = curl_slist_append(delivery->headers, line);
	free(line);
}

static void send_now(struct pd_delivery *delivery, const struct pd_subscription *to)
{
	struct pd *pd = delivery->pd;
	const char *ca = getenv("SSL_CERT_FILE");
	char *signed_with = signature(delivery, to), *body = xstrdup(delivery->body);
	const cJSON *custom;

	delivery->state = SENDING;
	delivery->attempts++;
	delivery->easy = curl_easy_init();
	header(delivery, "Accept", "application/json");
	header(delivery, "Content-Type", "application/json");
	header(delivery, "User-Agent", "PagerDuty-Webhook/V3.0");
	header(delivery, "Expect", "");
	header(delivery, "X-Webhook-Id", delivery->id);
	header(delivery, "X-Webhook-Subscription", delivery->subscription);
	if (!delivery->has_no_signature && to->secret_count > 0)
		header(delivery, "X-PagerDuty-Signature", signed_with);
	free(signed_with);
	cJSON_ArrayForEach(custom, to->headers)
	{
		if (sim_text(custom, "name") != NULL && sim_text(custom, "value") != NULL)
			header(delivery, sim_text(custom, "name"), sim_text(custom, "value"));
	}
	if (delivery->is_tampered) {
		char *at = strstr(body, "\"status\":\"");

		if (at != NULL)
			at[10] = 'x';
		else
			body[strlen(body) - 1] = ' ';
	}
	curl_easy_setopt(delivery->easy, CURLOPT_URL, to->url);
	curl_easy_setopt(delivery->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(delivery->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(delivery->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(delivery->easy, CURLOPT_TIMEOUT_MS, (long)pd->webhook_timeout_ms);
	curl_easy_setopt(delivery->easy, CURLOPT_COPYPOSTFIELDS, body);
	free(body);
	curl_easy_setopt(delivery->easy, CURLOPT_HTTPHEADER, delivery->headers);
	curl_easy_setopt(delivery->easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(delivery->easy, CURLOPT_PRIVATE, delivery);
	/* What a connection that ended loses must not be said twice without us knowing. */
	curl_easy_setopt(delivery->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(delivery->easy, CURLOPT_FORBID_REUSE, 1L);
	if (ca != NULL)
		curl_easy_setopt(delivery->easy, CURLOPT_CAINFO, ca);
	curl_multi_add_handle(pd->multi, delivery->easy);
	pd->running++;
}

static void sent(struct pd_delivery *delivery, long status)
{
	struct pd *pd = delivery->pd;
	struct pd_subscription *to = pd_subscription(pd, delivery->subscription);
	int64_t pause = pd->webhook_retry_ms;
	struct pd_delivery *other;
	int i;

	curl_multi_remove_handle(pd->multi, delivery->easy);
	curl_easy_cleanup(delivery->easy);
	curl_slist_free_all(delivery->headers);
	delivery->easy = NULL;
	delivery->headers = NULL;
	pd->running--;
	delivery->status = (int)status;
	if (to == NULL) {
		delivery->state = LOST;
	} else if (status >= 200 && status < 300) {
		to->drops = 0;
		delivery->state = delivery->again-- > 0 ? WAITING : DELIVERED;
		for (other = pd->deliveries; other != delivery; other = other->next) {
			if (strcmp(other->incident, delivery->incident) == 0)
				other->is_held = false;
		}
	} else if (status != 0 && status < 500 && status != 429) {
		delivery->state = DROPPED;
		dropped(pd, to);
	} else if (to->is_disabled || sim_mono_ms() > delivery->created_ms + GIVE_UP_MS) {
		delivery->state = LOST;
	} else {
		for (i = 1; i < delivery->attempts && pause < pd->webhook_retry_max_ms; i++)
			pause *= 2;
		if (pause > pd->webhook_retry_max_ms)
			pause = pd->webhook_retry_max_ms;
		delivery->state = WAITING;
		delivery->not_before = sim_mono_ms() + pause;
	}
}

static bool is_done(const struct pd_delivery *delivery)
{
	return delivery->state != WAITING && delivery->state != SENDING;
}

/* Does an earlier one of the same subscription and incident wait or travel yet? */
static bool is_behind(const struct pd_delivery *delivery)
{
	const struct pd_delivery *other;

	for (other = delivery->pd->first_open; other != delivery; other = other->next) {
		if ((other->state == WAITING || other->state == SENDING) && !other->is_held &&
		    strcmp(other->incident, delivery->incident) == 0 &&
		    strcmp(other->subscription, delivery->subscription) == 0)
			return true;
	}
	return false;
}

static void pump(struct pd *pd)
{
	struct pd_delivery *delivery;
	int64_t now = sim_mono_ms(), next = -1;
	int still, left;
	CURLMsg *message;

	curl_multi_perform(pd->multi, &still);
	while ((message = curl_multi_info_read(pd->multi, &left)) != NULL) {
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&delivery);
		if (message->data.result == CURLE_OK)
			curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		sent(delivery, status);
	}
	while (pd->first_open != NULL && is_done(pd->first_open))
		pd->first_open = pd->first_open->next;
	for (delivery = pd->first_open; delivery != NULL && pd->running < RUNNING_MAX;
	     delivery = delivery->next) {
		const struct pd_subscription *to;

		if (delivery->state != WAITING || is_behind(delivery))
			continue;
		if (delivery->is_held && now >= delivery->created_ms + HELD_MS)
			delivery->is_held = false;
		if (delivery->is_held || delivery->not_before > now) {
			int64_t due = delivery->is_held ? delivery->created_ms + HELD_MS
							: delivery->not_before;

			next = next < 0 || due < next ? due : next;
			continue;
		}
		to = pd_subscription(pd, delivery->subscription);
		if (to == NULL)
			delivery->state = LOST;
		else
			send_now(delivery, to);
	}
	if (pd->running > 0)
		pump_in(pd, PUMP_MS);
	else if (next >= 0)
		pump_in(pd, next > now ? next - now : 0);
}

/* ---- what there is to tell ------------------------------------------------------------------- */

static void uuid(char out[37])
{
	char hex[33];

	sim_random(hex, sizeof(hex), "0123456789abcdef");
	snprintf(
	    out, 37, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18);
}

static void delivery_free(struct pd_delivery *delivery)
{
	free(delivery->event_type);
	free(delivery->body);
	free(delivery);
}

static void deliver(struct pd *pd, const struct pd_subscription *to, const char *event_type,
    const struct pd_incident *incident, const char *body)
{
	struct pd_delivery *delivery = xcalloc(1, sizeof(*delivery)), *old = pd->deliveries;

	delivery->pd = pd;
	uuid(delivery->id);
	snprintf(delivery->subscription, sizeof(delivery->subscription), "%s", to->id);
	if (incident != NULL)
		snprintf(delivery->incident, sizeof(delivery->incident), "%s", incident->id);
	delivery->event_type = xstrdup(event_type);
	delivery->body = xstrdup(body);
	delivery->created_ms = sim_mono_ms();
	apply_faults(delivery);
	*pd->deliveries_end = delivery;
	pd->deliveries_end = &delivery->next;
	if (pd->first_open == NULL)
		pd->first_open = delivery;
	if (++pd->delivery_count > PD_DELIVERIES_MAX && old != pd->first_open && is_done(old)) {
		pd->deliveries = old->next;
		pd->delivery_count--;
		delivery_free(old);
	}
	pump_in(pd, 0);
}

static cJSON *envelope(const char *event_type, const cJSON *agent, const cJSON *client, cJSON *data)
{
	cJSON *json = cJSON_CreateObject(), *event = cJSON_AddObjectToObject(json, "event");
	char id[SIM_ID_MAX] = "01", resource[32], now[40];

	sim_random(id + 2, 25, "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
	sim_put(event, "id", id);
	sim_put(event, "event_type", event_type);
	snprintf(resource, sizeof(resource), "%.*s", (int)strcspn(event_type, "."), event_type);
	sim_put(event, "resource_type", resource);
	pd_time(sim_now_ms(), true, now);
	sim_put(event, "occurred_at", now);
	sim_set(event, "agent", agent != NULL ? cJSON_Duplicate(agent, true) : cJSON_CreateNull());
	sim_set(
	    event, "client", client != NULL ? cJSON_Duplicate(client, true) : cJSON_CreateNull());
	sim_set(event, "data", data);
	return json;
}

void pd_hook(struct pd *pd, const char *event_type, const cJSON *agent, const cJSON *client,
    const struct pd_incident *incident, cJSON *data)
{
	cJSON *json = envelope(event_type, agent, client, data);
	char *body = sim_write(json);
	size_t i;

	cJSON_Delete(json);
	for (i = 0; i < pd->subscription_count; i++) {
		if (wants(pd->subscriptions[i], event_type, incident))
			deliver(pd, pd->subscriptions[i], event_type, incident, body);
	}
	free(body);
}

void pd_hook_incident(
    struct pd_incident *incident, const char *event_type, const cJSON *agent, const cJSON *client)
{
	struct pd *pd = incident->sim->pd;
	const struct pd_policy *policy = pd_policy(pd, incident->policy);
	cJSON *data, *assignees;
	const cJSON *assignment;
	char time[40];

	if (pd->subscription_count == 0)
		return;
	data = pd_ref("incident", incident->id, NULL, "incidents");
	cJSON_DeleteItemFromObjectCaseSensitive(data, "summary");
	sim_put_int(data, "number", incident->number);
	sim_put(data, "status", pd_status_name(incident->status));
	sim_put(data, "incident_key", incident->incident_key);
	pd_time(incident->created_ms, false, time);
	sim_put(data, "created_at", time);
	if (incident->reopened_ms != 0) {
		pd_time(incident->reopened_ms, false, time);
		sim_put(data, "reopened_at", time);
	}
	sim_put(data, "title", incident->title);
	sim_put(cJSON_AddObjectToObject(data, "incident_type"), "name", "incident_default");
	sim_set(data, "service", pd_service_ref(pd_service(pd, incident->service)));
	assignees = cJSON_AddArrayToObject(data, "assignees");
	cJSON_ArrayForEach(assignment, incident->assignments)
	{
		cJSON_AddItemToArray(
		    assignees, cJSON_Duplicate(sim_get(assignment, "assignee"), true));
	}
	sim_set(
	    data, "escalation_policy", policy != NULL ? pd_policy_ref(policy) : cJSON_CreateNull());
	cJSON_AddArrayToObject(data, "teams");
	sim_set(data, "priority",
	    incident->priority != NULL ? cJSON_Duplicate(incident->priority, true)
				       : cJSON_CreateNull());
	sim_put(data, "urgency", incident->is_low ? "low" : "high");
	sim_put(data, "conference_bridge", NULL);
	sim_set(data, "resolve_reason",
	    incident->resolve_reason != NULL ? cJSON_Duplicate(incident->resolve_reason, true)
					     : cJSON_CreateNull());
	pd_hook(pd, event_type, agent, client, incident, data);
}

void pd_hook_ping(struct pd *pd, struct pd_subscription *subscription)
{
	cJSON *agent = cJSON_CreateObject(), *data = cJSON_CreateObject(), *json;
	char *body;

	sim_put(agent, "id", "PALICE1");
	sim_put(agent, "type", "user_reference");
	sim_put(data, "message", "Hello from your friend Pagey!");
	sim_put(data, "type", "ping");
	json = envelope("pagey.ping", agent, NULL, data);
	body = sim_write(json);
	deliver(pd, subscription, "pagey.ping", NULL, body);
	free(body);
	cJSON_Delete(json);
	cJSON_Delete(agent);
}

cJSON *pd_deliveries_json(struct pd *pd)
{
	static const char *const states[] = {"waiting", "sending", "delivered", "dropped", "lost"};
	cJSON *list = cJSON_CreateArray();
	const struct pd_delivery *delivery;

	for (delivery = pd->deliveries; delivery != NULL; delivery = delivery->next) {
		cJSON *one = cJSON_CreateObject();

		sim_put(one, "id", delivery->id);
		sim_put(one, "subscription", delivery->subscription);
		sim_put(one, "incident", delivery->incident);
		sim_put(one, "event_type", delivery->event_type);
		sim_put(one, "state", states[delivery->state]);
		sim_put_int(one, "attempts", delivery->attempts);
		sim_put_int(one, "status", delivery->status);
		sim_put(one, "body", delivery->body);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

void pd_hooks_start(struct pd *pd)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	pd->multi = curl_multi_init();
	pd->hook_faults = cJSON_CreateArray();
	pd->deliveries_end = &pd->deliveries;
}

void pd_hooks_stop(struct pd *pd)
{
	sim_cancel(pd->sim, pd->pump);
	while (pd->deliveries != NULL) {
		struct pd_delivery *delivery = pd->deliveries;

		pd->deliveries = delivery->next;
		if (delivery->easy != NULL) {
			curl_multi_remove_handle(pd->multi, delivery->easy);
			curl_easy_cleanup(delivery->easy);
			curl_slist_free_all(delivery->headers);
		}
		delivery_free(delivery);
	}
	while (pd->subscription_count > 0)
		subscription_free(pd->subscriptions[--pd->subscription_count]);
	free(pd->subscriptions);
	pd->subscriptions = NULL;
	curl_multi_cleanup(pd->multi);
	cJSON_Delete(pd->hook_faults);
}
