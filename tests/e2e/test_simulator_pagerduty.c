/* The simulator keeps PagerDuty's promises: REST API v2, webhooks v3, timers, and the traps in
 * which its clients fall. Tried here without headsup. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define GET(object, name) cJSON_GetObjectItemCaseSensitive(object, name)
#define TEXT(object, name) cJSON_GetStringValue(GET(object, name))
#define ALICE "alice@example.com"
#define STATUS(status) "{\"incident\":{\"type\":\"incident_reference\",\"status\":\"" status "\"}}"
#define SET(members) "{\"incident\":{\"type\":\"incident\"," members "}}"

/* ---- a client -------------------------------------------------------------------------------- */

/* FROM may be NULL. */
static struct world_answer *rest(
    struct world *w, const char *method, const char *path, const char *from, const char *body)
{
	char *url = xasprintf("%s%s", w->pagerduty, path), *who = xasprintf("From: %s", from);
	const char *headers[] = {"Authorization: Token token=" WORLD_PD_TOKEN,
	    "Accept: application/vnd.pagerduty+json;version=2", from != NULL ? who : NULL, NULL};
	struct world_answer *answer = world_http(w, method, url, NULL, body, headers);

	free(url);
	free(who);
	return answer;
}

static cJSON *get(struct world *w, const char *path)
{
	struct world_answer *answer = rest(w, "GET", path, NULL, NULL);

	if (answer->status != 200)
		world_fail(w, answer->body, __FILE__, __LINE__);
	return answer->json;
}

static int code_of(const struct world_answer *answer)
{
	const cJSON *code = GET(GET(answer->json, "error"), "code");

	return code != NULL ? code->valueint : 0;
}

static int size_of(const cJSON *json, const char *name)
{
	return cJSON_GetArraySize(GET(json, name));
}

static void event(struct world *w, const char *action, const char *key, const char *dedup_key)
{
	char *url = xasprintf("%s/v2/enqueue", w->pagerduty);
	char *body =
	    xasprintf("{\"routing_key\":\"%s\",\"event_action\":\"%s\",\"dedup_key\":\"%s\","
		      "\"client\":\"headsup\",\"client_url\":\"https://example.com/a\","
		      "\"payload\":{\"summary\":\"shell in web-3\",\"source\":\"web-3\","
		      "\"severity\":\"critical\",\"custom_details\":{\"a\":1}}}",
		key, action, dedup_key);

	assert_int_equal(world_http(w, "POST", url, NULL, body, NULL)->status, 202);
	free(url);
	free(body);
}

static const char *opened(struct world *w, const char *dedup_key)
{
	event(w, "trigger", WORLD_KEY, dedup_key);
	return TEXT(world_pd_incident(w, dedup_key), "id");
}

/* PUT /incidents/ID */
static struct world_answer *put(struct world *w, const char *id, const char *from, const char *body)
{
	char path[128];

	snprintf(path, sizeof(path), "/incidents/%s", id);
	return rest(w, "PUT", path, from, body);
}

static struct world_answer *below(
    struct world *w, const char *method, const char *id, const char *what, const char *body)
{
	char path[160];

	snprintf(path, sizeof(path), "/incidents/%s/%s", id, what);
	return rest(w, method, path, body != NULL ? ALICE : NULL, body);
}

static cJSON *sample(struct world *w, const char *name)
{
	char *path = xasprintf("tests/data/pagerduty/%s.json", name), text[65536];
	FILE *file = fopen(path, "r");
	cJSON *json;
	size_t len;

	(void)w;
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	free(path);
	json = cJSON_ParseWithLength(text, len);
	assert_non_null(json);
	return json;
}

/* ---- a receiver ------------------------------------------------------------------------------ */

#define GOT_MAX 256

struct got {
	char *body, *signature, *id, *subscription, *agent;
	int64_t at_ms;
};
static struct receiver {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	struct got got[GOT_MAX];
	size_t count;
	int status;   /* what is answered */
	int refusals; /* so many times; then 202; -1: for ever */
	int delay_ms; /* before the answers that are refusals */
	int port;
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *header_of(struct MHD_Connection *connection, const char *name)
{
	return xstrdup(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static enum MHD_Result on_hook(void *ctx, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct buf *body = *slot;
	struct MHD_Response *response;
	enum MHD_Result result;
	int status = 202, delay = 0;

	(void)ctx;
	(void)url;
	(void)method;
	(void)version;
	if (body == NULL) {
		body = xcalloc(1, sizeof(*body));
		buf_init(body, 1 << 20);
		*slot = body;
		return MHD_YES;
	}
	if (*len > 0) {
		buf_put(body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	pthread_mutex_lock(&receiver.lock);
	if (receiver.refusals != 0) {
		receiver.refusals -= receiver.refusals > 0;
		status = receiver.status;
		delay = receiver.delay_ms;
	}
	if (receiver.count < GOT_MAX) {
		struct got *got = &receiver.got[receiver.count++];

		got->body = xstrdup(buf_text(body));
		got->signature = header_of(connection, "x-pagerduty-signature");
		got->id = header_of(connection, "x-webhook-id");
		got->subscription = header_of(connection, "x-webhook-subscription");
		got->agent = header_of(connection, "user-agent");
		got->at_ms = world_ms();
	}
	pthread_mutex_unlock(&receiver.lock);
	if (delay > 0)
		poll(NULL, 0, delay);
	response = MHD_create_response_from_buffer(0, (char[]){""}, MHD_RESPMEM_MUST_COPY);
	result = MHD_queue_response(connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return result;
}

static void on_hook_over(
    void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)connection;
	(void)why;
	if (*slot != NULL)
		buf_fini(*slot);
	free(*slot);
	*slot = NULL;
}

static void receiver_start(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	receiver.daemon = MHD_start_daemon(
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, on_hook,
	    NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED,
	    on_hook_over, NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
	assert_non_null(receiver.daemon);
	receiver.port = MHD_get_daemon_info(receiver.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void receiver_stop(void)
{
	if (receiver.daemon != NULL)
		MHD_stop_daemon(receiver.daemon);
	receiver.daemon = NULL;
}

static void receiver_clear(void)
{
	pthread_mutex_lock(&receiver.lock);
	while (receiver.count > 0) {
		struct got *got = &receiver.got[--receiver.count];

		free(got->body);
		free(got->signature);
		free(got->id);
		free(got->subscription);
		free(got->agent);
	}
	memset(receiver.got, 0, sizeof(receiver.got));
	receiver.refusals = receiver.delay_ms = 0;
	pthread_mutex_unlock(&receiver.lock);
}

static void receiver_refuses(int status, int times, int delay_ms)
{
	pthread_mutex_lock(&receiver.lock);
	receiver.status = status;
	receiver.refusals = times;
	receiver.delay_ms = delay_ms;
	pthread_mutex_unlock(&receiver.lock);
}

static size_t received(void)
{
	size_t count;

	pthread_mutex_lock(&receiver.lock);
	count = receiver.count;
	pthread_mutex_unlock(&receiver.lock);
	return count;
}

/* The event of delivery number AT; the caller deletes. */
static cJSON *hook(size_t at)
{
	cJSON *json = cJSON_Parse(receiver.got[at].body), *inner;

	assert_non_null(json);
	inner = cJSON_DetachItemFromObjectCaseSensitive(json, "event");
	cJSON_Delete(json);
	assert_non_null(inner);
	return inner;
}

static void assert_hook(size_t at, const char *event_type, const char *status)
{
	cJSON *json = hook(at);

	assert_string_equal(TEXT(json, "event_type"), event_type);
	if (status != NULL)
		assert_string_equal(TEXT(GET(json, "data"), "status"), status);
	cJSON_Delete(json);
}

static char *signed_by(const char *secret, const char *body)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0, i;
	char *out = xcalloc(1, 68);

	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body, strlen(body),
	    digest, &len);
	snprintf(out, 4, "v1=");
	for (i = 0; i < len; i++)
		snprintf(out + 3 + 2 * i, 3, "%02x", digest[i]);
	return out;
}

static void subscribe(struct world *w, const char *secrets)
{
	char *config =
	    xasprintf("{\"webhook\":{\"url\":\"http://127.0.0.1:%d/hook\",\"secrets\":%s},"
		      "\"webhook_retry_ms\":20,\"webhook_retry_max_ms\":40}",
		receiver.port, secrets);

	world_pd_config(w, config);
	free(config);
}

#define SECRETS "[\"" WORLD_PD_SECRET "\"]"

/* ---- the way in ------------------------------------------------------------------------------ */

static void call__without_the_right_token__is_refused(void **state)
{
	static const struct {
		const char *header;
		int status;
	} cases[] = {
	    {"Authorization: Token token=" WORLD_PD_TOKEN, 200},
	    {"Authorization: Bearer " WORLD_PD_TOKEN, 200},
	    {"Authorization: Token token=other", 401},
	    {"Authorization: Token " WORLD_PD_TOKEN, 401},
	    {"Authorization: Token token=", 401},
	    {"X-Nothing: x", 401},
	};
	struct world *w = *state;
	char *url = xasprintf("%s/abilities", w->pagerduty);
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *headers[] = {cases[i].header, NULL};
		struct world_answer *answer = world_http(w, "GET", url, NULL, NULL, headers);

		assert_int_equal(answer->status, cases[i].status);
		assert_int_equal(code_of(answer), answer->status == 401 ? 2006 : 0);
	}
	free(url);
}

static void write__without_a_person_or_a_body__is_refused(void **state)
{
	static const struct {
		const char *from, *body;
		int status, code;
	} cases[] = {
	    {NULL, STATUS("acknowledged"), 400, 2016},
	    {"", STATUS("acknowledged"), 400, 2016},
	    {"nobody@example.com", STATUS("acknowledged"), 400, 1008},
	    {ALICE, "{\"status\":\"acknowledged\"}", 400, 2001},
	    {ALICE, "[]", 400, 2001},
	    {ALICE, "{", 400, 2001},
	    {ALICE, "{\"incident\":{\"status\":\"acknowledged\"}}", 400, 2001},
	    {ALICE, STATUS("closed"), 400, 1003},
	    {"ALICE@Example.COM", STATUS("acknowledged"), 200, 0},
	};
	struct world *w = *state;
	const char *id = opened(w, "d");
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_answer *answer = put(w, id, cases[i].from, cases[i].body);

		assert_int_equal(answer->status, cases[i].status);
		assert_int_equal(code_of(answer), cases[i].code);
		assert_string_equal(
		    world_pd_status(w, "d"), cases[i].status == 200 ? "acknowledged" : "triggered");
	}
	assert_int_equal(put(w, "QNONE", ALICE, STATUS("resolved"))->status, 404);
	assert_int_equal(code_of(rest(w, "GET", "/incidents/QNONE", NULL, NULL)), 2100);
}

static void rate_limit__reached__answers_429_and_says_when(void **state)
{
	struct world *w = *state;
	struct world_answer *answer;

	assert_string_equal(
	    world_header(w, rest(w, "GET", "/abilities", NULL, NULL), "ratelimit-limit"), "960");
	world_pd_config(w, "{\"rest_per_minute\":2}");
	assert_int_equal(rest(w, "GET", "/abilities", NULL, NULL)->status, 200);
	answer = rest(w, "GET", "/abilities", NULL, NULL);
	assert_int_equal(answer->status, 429);
	assert_int_equal(code_of(answer), 2020);
	assert_string_equal(world_header(w, answer, "ratelimit-remaining"), "0");
	assert_in_range(atoll(world_header(w, answer, "ratelimit-reset")), 1, 60);

	world_pd_config(w, "{\"rest_per_minute\":960}");
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"status\":429,\"bare\":true,"
		       "\"body\":\"slow down\"}");
	answer = rest(w, "GET", "/abilities", NULL, NULL);
	assert_int_equal(answer->status, 429);
	assert_null(world_header(w, answer, "ratelimit-limit"));
	assert_string_equal(answer->body, "slow down");
}

static void fault__on_a_call__hits_that_call_only(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");

	world_fault(w, "{\"method\":\"pagerduty.rest.put.incidents.id\",\"status\":500}");
	assert_int_equal(rest(w, "GET", "/abilities", NULL, NULL)->status, 200);
	assert_int_equal(put(w, id, ALICE, STATUS("resolved"))->status, 500);
	assert_string_equal(world_pd_status(w, "d"), "triggered");
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"cut\":true}");
	assert_int_equal(put(w, id, ALICE, STATUS("resolved"))->status, 0);
	assert_string_equal(world_pd_status(w, "d"), "resolved");
	world_fault(w, "{\"method\":\"pagerduty\",\"status\":503,\"times\":2}");
	assert_int_equal(rest(w, "GET", "/abilities", NULL, NULL)->status, 503);
	assert_int_equal(rest(w, "GET", "/abilities", NULL, NULL)->status, 503);
	assert_int_equal(rest(w, "GET", "/abilities", NULL, NULL)->status, 200);
	assert_string_equal(
	    TEXT(cJSON_GetArrayItem(world_calls(w, "pagerduty.rest.put.incidents.id"), 0), "from"),
	    ALICE);
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "pagerduty.rest")), 6);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void search__by_key__finds_alerts_keys_and_an_empty_one_all(void **state)
{
	static const struct {
		const char *query;
		int count;
	} cases[] = {
	    {"?incident_key=a", 1},
	    {"?incident_key=unknown", 0},
	    {"?incident_key=", 3},
	    {"", 3},
	    {"?incident_key=a&statuses%5B%5D=resolved", 0},
	    {"?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged", 2},
	    {"?statuses[]=resolved", 1},
	    {"?service_ids[]=PSVCPAY", 1},
	    {"?user_ids[]=PALICE1", 1},
	    {"?urgencies[]=low", 0},
	    {"?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z", 0},
	    {"?date_range=all&until=2020-02-01T00:00:00Z", 3},
	};
	struct world *w = *state;
	cJSON *found;
	size_t i;

	opened(w, "a");
	opened(w, "b");
	event(w, "trigger", WORLD_KEY_PAY, "c");
	event(w, "resolve", WORLD_KEY, "b");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = xasprintf("/incidents%s", cases[i].query);

		assert_int_equal(size_of(get(w, path), "incidents"), cases[i].count);
		free(path);
	}
	found = cJSON_GetArrayItem(GET(get(w, "/incidents?incident_key=a"), "incidents"), 0);
	assert_true(cJSON_IsNull(GET(found, "incident_key")));
	assert_int_equal(
	    code_of(rest(w, "GET", "/incidents?statuses=triggered", NULL, NULL)), 2001);
	assert_int_equal(code_of(rest(w, "GET", "/incidents?statuses[]=open", NULL, NULL)), 2001);
	found = get(w, "/incidents?sort_by=created_at:desc&limit=1");
	assert_string_equal(
	    TEXT(GET(cJSON_GetArrayItem(GET(found, "incidents"), 0), "service"), "id"), "PSVCPAY");
}

static void search__before_the_index_has_it__finds_nothing_yet(void **state)
{
	struct world *w = *state;

	world_pd_config(w, "{\"search_lag_ms\":1500}");
	opened(w, "late");
	assert_int_equal(size_of(get(w, "/incidents?incident_key=late"), "incidents"), 0);
	assert_int_equal(size_of(get(w, "/incidents"), "incidents"), 1);
	world_until(w, size_of(get(w, "/incidents?incident_key=late"), "incidents") == 1);
}

static void list__longer_than_a_page__comes_in_pages(void **state)
{
	struct world *w = *state;
	cJSON *page;
	char key[16];
	int i;

	for (i = 0; i < 30; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		opened(w, key);
	}
	page = get(w, "/incidents");
	assert_int_equal(size_of(page, "incidents"), 25);
	assert_true(cJSON_IsTrue(GET(page, "more")));
	assert_true(cJSON_IsNull(GET(page, "total")));
	page = get(w, "/incidents?offset=25&limit=10&total=true");
	assert_int_equal(size_of(page, "incidents"), 5);
	assert_true(cJSON_IsFalse(GET(page, "more")));
	assert_int_equal(GET(page, "total")->valueint, 30);
	assert_int_equal(GET(page, "offset")->valueint, 25);
	assert_int_equal(
	    rest(w, "GET", "/incidents?offset=9990&limit=11", NULL, NULL)->status, 400);
	assert_int_equal(rest(w, "GET", "/incidents?offset=x", NULL, NULL)->status, 400);
	assert_int_equal(GET(get(w, "/incidents?limit=1000"), "limit")->valueint, 100);
}

static bool shows(const cJSON *json, const char *text)
{
	char *all = cJSON_PrintUnformatted(json);
	bool found = strstr(all, text) != NULL;

	free(all);
	return found;
}

/* Every member that the published example has, ours has (but for what is named). */
static void assert_has_members(const cJSON *ours, const cJSON *theirs, const char *without)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, theirs)
	{
		if (strstr(without, member->string) == NULL && GET(ours, member->string) == NULL)
			fail_msg("\"%s\" is missing", member->string);
	}
}

static void answers__beside_the_published_ones__have_the_same_members(void **state)
{
	static const struct {
		const char *file, *name, *path, *without;
	} cases[] = {
	    {"rest-incident-get-response", "incident", "/incidents/1", "custom_fields"},
	    {"rest-incidents-list-response", "incidents", "/incidents", "custom_fields"},
	    {"rest-incident-alerts-response", "alerts", "/incidents/1/alerts", ""},
	    {"rest-notes-list-response", "notes", "/incidents/1/notes", ""},
	    {"rest-log-entries-response", "log_entries", "/log_entries", ""},
	    {"rest-oncalls-response", "oncalls", "/oncalls", ""},
	    {"rest-users-query-response", "users", "/users?query=alice",
		"avatar_url created_via_sso contact_methods notification_rules"},
	    {"rest-escalation-policy-response", "escalation_policy", "/escalation_policies/PSEC123",
		"on_call_handoff_notifications"},
	    {"rest-services-list-response", "services", "/services",
		"alert_grouping_parameters incident_urgency_rule support_hours scheduled_actions "
		"auto_pause_notifications_parameters"},
	    {"rest-priorities-response", "priorities", "/priorities", ""},
	};
	struct world *w = *state;
	size_t i;

	below(w, "POST", opened(w, "d"), "notes", "{\"note\":{\"content\":\"x\"}}");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *published = sample(w, cases[i].file);
		const cJSON *theirs = GET(published, cases[i].name),
			    *ours = GET(get(w, cases[i].path), cases[i].name);

		if (cJSON_IsArray(theirs)) {
			theirs = cJSON_GetArrayItem(theirs, 0);
			assert_true(cJSON_IsArray(ours));
			ours = cJSON_GetArrayItem(ours, 0);
		}
		assert_non_null(ours);
		assert_has_members(ours, theirs, cases[i].without);
		cJSON_Delete(published);
	}
}

static void account__asked_for__is_told(void **state)
{
	struct world *w = *state;
	cJSON *list, *service;
	char *path;

	/* A substring search: the right one is not the first. */
	list = GET(get(w, "/users?query=alice%40example.com"), "users");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(TEXT(cJSON_GetArrayItem(list, 0), "email"), "malice@example.com");
	assert_string_equal(TEXT(cJSON_GetArrayItem(list, 1), "email"), ALICE);
	assert_int_equal(rest(w, "GET", "/users/me", NULL, NULL)->status, 400);
	assert_string_equal(TEXT(GET(get(w, "/users/PBOB123"), "user"), "name"), "Bob Example");
	list = GET(get(w, "/oncalls?escalation_policy_ids[]=PSEC123"), "oncalls");
	assert_int_equal(cJSON_GetArraySize(list), 3);
	assert_string_equal(TEXT(GET(cJSON_GetArrayItem(list, 0), "user"), "id"), "PALICE1");
	assert_string_equal(TEXT(GET(cJSON_GetArrayItem(list, 0), "schedule"), "id"), "PSCHSEC");
	assert_int_equal(GET(cJSON_GetArrayItem(list, 2), "escalation_level")->valueint, 3);
	world_pd_config(w, "{\"oncall\":{\"PSCHSEC\":\"Dave\"}}");
	list = GET(get(w, "/oncalls?escalation_policy_ids[]=PSEC123&include[]=users"), "oncalls");
	assert_string_equal(
	    TEXT(GET(cJSON_GetArrayItem(list, 0), "user"), "email"), "dave@example.com");
	service = GET(get(w, "/services/PSVCSEC"), "service");
	assert_string_equal(TEXT(GET(service, "escalation_policy"), "id"), "PSEC123");
	path = xasprintf("/services/PSVCSEC/integrations/%s",
	    TEXT(cJSON_GetArrayItem(GET(service, "integrations"), 0), "id"));
	assert_string_equal(TEXT(GET(get(w, path), "integration"), "integration_key"), WORLD_KEY);
	free(path);
	assert_int_equal(size_of(get(w, "/services?query=pay"), "services"), 1);
	assert_int_equal(size_of(get(w, "/abilities"), "abilities"), 4);
	assert_int_equal(size_of(get(w, "/priorities"), "priorities"), 5);
}

static void change_event__sent__is_on_its_service(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");
	char *url = xasprintf("%s/v2/change/enqueue", w->pagerduty);

	world_http(w, "POST", url, NULL,
	    "{\"routing_key\":\"" WORLD_KEY "\",\"payload\":{\"summary\":\"deploy\","
	    "\"timestamp\":\"2026-03-02T18:45:22Z\"}}",
	    NULL);
	free(url);
	assert_int_equal(size_of(get(w, "/change_events"), "change_events"), 1);
	assert_int_equal(size_of(get(w, "/services/PSVCSEC/change_events"), "change_events"), 1);
	assert_int_equal(size_of(get(w, "/services/PSVCPAY/change_events"), "change_events"), 0);
	assert_int_equal(
	    size_of(below(w, "GET", id, "related_change_events", NULL)->json, "change_events"), 1);
	assert_int_equal(
	    rest(w, "GET", "/change_events?since=2026-01-01T00:00:00%2B01:00", NULL, NULL)->status,
	    400);
}

/* ---- changing -------------------------------------------------------------------------------- */

static void status__written__becomes_what_pagerduty_makes_of_it(void **state)
{
	static const struct {
		const char *knobs, *before, *written;
		int status, code;
		const char *after;
	} cases[] = {
	    {"{}", "triggered", STATUS("acknowledged"), 200, 0, "acknowledged"},
	    {"{}", "triggered", STATUS("resolved"), 200, 0, "resolved"},
	    {"{}", "triggered", STATUS("triggered"), 200, 0, "triggered"},
	    {"{}", "acknowledged", STATUS("acknowledged"), 200, 0, "acknowledged"},
	    {"{\"ack_acked_fails\":true}", "acknowledged", STATUS("acknowledged"), 400, 1002,
		"acknowledged"},
	    {"{}", "acknowledged", STATUS("triggered"), 200, 0, "triggered"},
	    {"{}", "acknowledged", STATUS("resolved"), 200, 0, "resolved"},
	    {"{}", "resolved", STATUS("acknowledged"), 200, 0, "acknowledged"}, /* reopened */
	    {"{}", "resolved", STATUS("triggered"), 200, 0, "triggered"},
	    {"{\"ack_resolved_fails\":true}", "resolved", STATUS("acknowledged"), 400, 1001,
		"resolved"},
	    {"{}", "resolved", STATUS("resolved"), 400, 1001, "resolved"},
	    {"{\"resolve_resolved_fails\":false}", "resolved", STATUS("resolved"), 200, 0,
		"resolved"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = *state;
		struct world_answer *answer;
		const char *id;

		world_sim(w, "reset", "{}");
		world_pd_config(w, cases[i].knobs);
		id = opened(w, "d");
		if (strcmp(cases[i].before, "triggered") != 0)
			world_pd_act(w, "Bob", id,
			    strcmp(cases[i].before, "resolved") == 0 ? "resolve" : "ack", NULL);
		answer = put(w, id, ALICE, cases[i].written);
		assert_int_equal(answer->status, cases[i].status);
		assert_int_equal(code_of(answer), cases[i].code);
		assert_string_equal(world_pd_status(w, id), cases[i].after);
		/* What the Events API's view tells is the same. */
		assert_string_equal(TEXT(world_incident(w, "d"), "status"), cases[i].after);
	}
}

static void acknowledge__as_a_person__names_them(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");
	cJSON *incident = GET(put(w, id, ALICE, STATUS("acknowledged"))->json, "incident");

	assert_string_equal(TEXT(GET(incident, "last_status_change_by"), "id"), "PALICE1");
	assert_string_equal(
	    TEXT(GET(cJSON_GetArrayItem(GET(incident, "acknowledgements"), 0), "acknowledger"),
		"id"),
	    "PALICE1");
	assert_string_equal(
	    TEXT(cJSON_GetArrayItem(GET(incident, "pending_actions"), 0), "type"), "unacknowledge");
	/* One more, not instead; the same person once. */
	put(w, id, "bob@example.com", STATUS("acknowledged"));
	incident = GET(put(w, id, ALICE, STATUS("acknowledged"))->json, "incident");
	assert_int_equal(size_of(incident, "acknowledgements"), 2);
	incident = GET(put(w, id, ALICE, STATUS("resolved"))->json, "incident");
	assert_int_equal(size_of(incident, "assignments"), 0);
	assert_int_equal(size_of(incident, "pending_actions"), 0);
}

static void reopened__acknowledged_by_a_person__is_theirs(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");
	cJSON *incident;

	put(w, id, ALICE, STATUS("resolved"));
	incident = GET(put(w, id, "carol@example.com", STATUS("acknowledged"))->json, "incident");
	assert_string_equal(TEXT(incident, "assigned_via"), "direct_assignment");
	assert_string_equal(
	    TEXT(GET(cJSON_GetArrayItem(GET(incident, "assignments"), 0), "assignee"), "id"),
	    "PCAROL1");
}

static void bulk__with_one_that_is_wrong__changes_nothing(void **state)
{
	struct world *w = *state;
	char *a = xstrdup(opened(w, "a")), *b = xstrdup(opened(w, "b"));
	char *bad = xasprintf("{\"incidents\":[{\"id\":\"%s\",\"type\":\"incident_reference\","
			      "\"status\":\"resolved\"},{\"id\":\"QNONE\",\"type\":\"incident\","
			      "\"status\":\"resolved\"}]}",
	    a);
	char *good = xasprintf("{\"incidents\":[{\"id\":\"%s\",\"type\":\"incident_reference\","
			       "\"status\":\"resolved\"},{\"id\":\"%s\",\"type\":\"incident\","
			       "\"status\":\"acknowledged\"}]}",
	    a, b);
	struct buf many;
	int i;

	assert_int_equal(code_of(rest(w, "PUT", "/incidents", ALICE, bad)), 1004);
	assert_string_equal(world_pd_status(w, "a"), "triggered");
	assert_int_equal(size_of(rest(w, "PUT", "/incidents", ALICE, good)->json, "incidents"), 2);
	assert_string_equal(world_pd_status(w, "a"), "resolved");
	assert_string_equal(world_pd_status(w, "b"), "acknowledged");
	buf_init(&many, 1 << 20);
	buf_puts(&many, "{\"incidents\":[{}");
	for (i = 0; i < 250; i++)
		buf_puts(&many, ",{}");
	buf_puts(&many, "]}");
	assert_int_equal(rest(w, "PUT", "/incidents", ALICE, buf_text(&many))->status, 413);
	buf_fini(&many);
	free(a);
	free(b);
	free(bad);
	free(good);
}

static void escalation__by_each_way__calls_the_right_people(void **state)
{
	static const struct {
		const char *change;
		int status, code, level;
		const char *assignee, *policy;
	} cases[] = {
	    {SET("\"escalation_level\":2"), 200, 0, 2, "PBOB123", "PSEC123"},
	    {SET("\"escalation_level\":3"), 200, 0, 3, "PCAROL1", "PSEC123"},
	    {SET("\"escalation_level\":4"), 400, 1006, 3, "PCAROL1", "PSEC123"},
	    {SET("\"escalation_level\":0"), 400, 1006, 3, "PCAROL1", "PSEC123"},
	    {SET("\"assignments\":[{\"assignee\":{\"id\":\"PDAVE12\",\"type\":\"user_reference\"}}"
		 "]"),
		200, 0, 0, "PDAVE12", "PSEC123"},
	    {SET("\"assignments\":[{\"assignee\":{\"id\":\"PNONE\"}}]"), 400, 1007, 0, "PDAVE12",
		"PSEC123"},
	    {SET("\"escalation_policy\":{\"id\":\"PPAY123\",\"type\":\"escalation_policy_"
		 "reference\"}"),
		200, 0, 1, "PBOB123", "PPAY123"},
	    {SET("\"escalation_policy\":{\"id\":\"PNONE\"}"), 400, 1014, 1, "PBOB123", "PPAY123"},
	    /* Both: the policy wins. */
	    {SET("\"escalation_policy\":{\"id\":\"PSEC123\"},\"assignments\":[{\"assignee\":{"
		 "\"id\":"
		 "\"PDAVE12\"}}]"),
		200, 0, 1, "PALICE1", "PSEC123"},
	    {SET("\"urgency\":\"low\""), 200, 0, 1, "PALICE1", "PSEC123"},
	    {SET("\"escalation_level\":2"), 400, 1006, 1, "PALICE1", "PSEC123"},
	};
	struct world *w = *state;
	const char *id = opened(w, "d");
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_answer *answer = put(w, id, ALICE, cases[i].change);
		cJSON *incident = world_pd_incident(w, id);

		assert_int_equal(answer->status, cases[i].status);
		assert_int_equal(code_of(answer), cases[i].code);
		assert_int_equal(GET(incident, "escalation_level")->valueint, cases[i].level);
		assert_string_equal(
		    TEXT(
			GET(cJSON_GetArrayItem(GET(incident, "assignments"), 0), "assignee"), "id"),
		    cases[i].assignee);
		assert_string_equal(
		    TEXT(GET(incident, "escalation_policy"), "id"), cases[i].policy);
	}
	world_pd_config(w, "{\"oncall\":{\"PSCHSEC\":null}}");
	put(w, id, ALICE, SET("\"urgency\":\"high\""));
	assert_int_equal(code_of(put(w, id, ALICE, SET("\"escalation_level\":1"))), 1015);
}

static void escalation__of_what_is_acknowledged__pages_again_or_not(void **state)
{
	static const char *const knobs[][2] = {{"{\"escalate_keeps_ack\":false}", "triggered"},
	    {"{\"escalate_keeps_ack\":true}", "acknowledged"}};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < 2; i++) {
		char key[8];
		const char *id;

		snprintf(key, sizeof(key), "k%zu", i);
		id = opened(w, key);
		world_pd_config(w, knobs[i][0]);
		put(w, id, ALICE, STATUS("acknowledged"));
		put(w, id, ALICE, SET("\"escalation_level\":2"));
		assert_string_equal(world_pd_status(w, id), knobs[i][1]);
	}
}

static void merge__of_two__moves_alerts_and_resolves_the_source(void **state)
{
	struct world *w = *state;
	char *a = xstrdup(opened(w, "a")), *b = xstrdup(opened(w, "b"));
	char *body = xasprintf(
	    "{\"source_incidents\":[{\"id\":\"%s\",\"type\":\"incident_reference\"}]}", b);
	cJSON *source;

	assert_string_equal(TEXT(GET(below(w, "PUT", a, "merge", body)->json, "incident"), "type"),
	    "incident_reference");
	source = world_pd_incident(w, b);
	assert_string_equal(TEXT(source, "status"), "resolved");
	assert_string_equal(TEXT(GET(source, "resolve_reason"), "type"), "merge_resolve_reason");
	assert_string_equal(TEXT(GET(GET(source, "resolve_reason"), "incident"), "id"), a);
	assert_int_equal(size_of(source, "alerts"), 0);
	assert_int_equal(size_of(below(w, "GET", a, "alerts", NULL)->json, "alerts"), 2);
	assert_int_equal(
	    size_of(below(w, "GET", a, "alerts?alert_key=b", NULL)->json, "alerts"), 1);
	assert_string_equal(TEXT(world_pd_incident(w, "b"), "id"), a);
	assert_string_equal(TEXT(world_incident(w, "b"), "status"), "triggered");
	assert_int_equal(code_of(below(w, "PUT", a, "merge", body)), 1019);
	/* The incident ends with its last alert. */
	event(w, "resolve", WORLD_KEY, "a");
	assert_string_equal(world_pd_status(w, a), "triggered");
	event(w, "resolve", WORLD_KEY, "b");
	assert_string_equal(world_pd_status(w, a), "resolved");
	assert_int_equal(code_of(below(w, "PUT", a, "merge", body)), 1001);
	free(a);
	free(b);
	free(body);
}

static void incident__given_notes_and_help__keeps_them(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");
	struct world_answer *answer =
	    below(w, "POST", id, "notes", "{\"note\":{\"content\":\"hi\"}}");
	const char *asked = "{\"requester_id\":\"PALICE1\",\"message\":\"help\","
			    "\"responder_request_targets\":[{\"responder_request_target\":"
			    "{\"id\":\"PCAROL1\",\"type\":\"user_reference\"}}]}";

	assert_int_equal(answer->status, 200);
	assert_string_equal(TEXT(GET(GET(answer->json, "note"), "user"), "id"), "PALICE1");
	assert_int_equal(code_of(below(w, "POST", id, "notes", "{\"content\":\"hi\"}")), 2001);
	assert_int_equal(size_of(below(w, "GET", id, "notes", NULL)->json, "notes"), 1);
	assert_int_equal(below(w, "POST", id, "responder_requests", asked)->status, 200);
	assert_int_equal(size_of(world_pd_incident(w, id), "incidents_responders"), 1);
	world_pd_config(w, "{\"abilities\":[\"teams\"]}");
	assert_int_equal(below(w, "POST", id, "responder_requests", asked)->status, 402);
	assert_int_equal(
	    below(w, "POST", id, "status_updates", "{\"message\":\"on it\"}")->status, 200);
	assert_int_equal(
	    put(w, id, ALICE, SET("\"priority\":\"P1\",\"title\":\"other\""))->status, 200);
	assert_string_equal(TEXT(GET(world_pd_incident(w, id), "priority"), "summary"), "P1");
	assert_int_equal(code_of(put(w, id, ALICE, SET("\"priority\":{\"id\":\"PNONE\"}"))), 1020);
	assert_int_equal(
	    rest(w, "POST", "/incidents", ALICE,
		"{\"incident\":{\"type\":\"incident\",\"title\":\"by hand\",\"incident_key\":\"k\","
		"\"service\":{\"id\":\"PSVCSEC\",\"type\":\"service_reference\"}}}")
		->status,
	    201);
	assert_int_equal(
	    rest(w, "POST", "/incidents", ALICE,
		"{\"incident\":{\"type\":\"incident\",\"title\":\"by hand\",\"incident_key\":\"k\","
		"\"service\":{\"id\":\"PSVCSEC\",\"type\":\"service_reference\"}}}")
		->status,
	    400);
}

static void snooze__of_what_is_acknowledged__ends_in_triggered(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");

	assert_int_equal(code_of(below(w, "POST", id, "snooze", "{\"duration\":60}")), 1012);
	put(w, id, ALICE, STATUS("acknowledged"));
	assert_int_equal(code_of(below(w, "POST", id, "snooze", "{\"duration\":0}")), 1013);
	assert_int_equal(code_of(below(w, "POST", id, "snooze", "{\"duration\":604801}")), 1013);
	world_pd_config(w, "{\"timer_scale\":0.001}");
	assert_int_equal(below(w, "POST", id, "snooze", "{\"duration\":50}")->status, 201);
	world_until(w, strcmp(world_pd_status(w, id), "triggered") == 0);
}

static void log__asked_for__tells_who_did_what(void **state)
{
	struct world *w = *state;
	const char *id = opened(w, "d");
	cJSON *list, *entry;
	int all;

	put(w, id, ALICE, STATUS("acknowledged"));
	world_pd_act(w, NULL, id, "timeout", "\"timer\":\"ack\"");
	list = GET(get(w, "/log_entries?is_overview=true&include[]=channels&include[]=incidents"),
	    "log_entries");
	assert_int_equal(cJSON_GetArraySize(list), 3);
	entry = cJSON_GetArrayItem(list, 0);
	assert_string_equal(TEXT(entry, "type"), "unacknowledge_log_entry");
	assert_string_equal(TEXT(GET(entry, "channel"), "type"), "timeout");
	assert_string_equal(TEXT(GET(entry, "agent"), "type"), "service_reference");
	assert_string_equal(TEXT(GET(entry, "incident"), "status"), "triggered");
	entry = cJSON_GetArrayItem(list, 1);
	assert_string_equal(TEXT(entry, "type"), "acknowledge_log_entry");
	assert_string_equal(TEXT(GET(entry, "agent"), "id"), "PALICE1");
	entry = cJSON_GetArrayItem(list, 2);
	assert_string_equal(TEXT(GET(entry, "channel"), "incident_key"), "d");
	/* Without channels, their contents are not told; without an overview, who was called is. */
	list = GET(get(w, "/log_entries"), "log_entries");
	all = cJSON_GetArraySize(list);
	assert_int_equal(all, 5);
	assert_null(GET(GET(cJSON_GetArrayItem(list, all - 1), "channel"), "incident_key"));
	assert_int_equal(
	    size_of(get(w, "/log_entries?since=2099-01-01T00:00:00Z"), "log_entries"), 0);
	assert_int_equal(
	    size_of(below(w, "GET", id, "log_entries", NULL)->json, "log_entries"), all);
}

/* ---- what happens by itself ------------------------------------------------------------------ */

static void timers__scaled__do_what_their_service_says(void **state)
{
	struct world *w = *state;
	const char *id;

	/* 30 minutes of a level are 180 ms. */
	world_pd_config(w, "{\"timer_scale\":0.0001}");
	id = opened(w, "ladder");
	world_until(w, GET(world_pd_incident(w, id), "escalation_level")->valueint == 3);
	/* Twice round, then no further. */
	world_until(w, shows(world_pd_incident(w, id), "repeat_escalation_path"));
	world_until(w, GET(world_pd_incident(w, id), "escalation_level")->valueint == 3);

	id = opened(w, "ack");
	put(w, id, ALICE, STATUS("acknowledged"));
	world_until(w, strcmp(world_pd_status(w, id), "triggered") == 0);
	/* Four hours are 1.4 s. */
	world_until(w, strcmp(world_pd_status(w, id), "resolved") == 0);
	assert_string_equal(TEXT(GET(world_pd_incident(w, id), "last_status_change_by"), "type"),
	    "service_reference");
}

static void event__delayed_or_lost__answers_202_all_the_same(void **state)
{
	struct world *w = *state;

	world_pd_config(w, "{\"incident_delay_ms\":1000}");
	event(w, "trigger", WORLD_KEY, "slow");
	event(w, "acknowledge", WORLD_KEY, "slow");
	assert_null(world_pd_incident(w, "slow"));
	world_until(w, strcmp(world_pd_status(w, "slow"), "acknowledged") == 0);
	world_pd_config(w, "{\"incident_delay_ms\":0,\"incident_never\":1}");
	event(w, "trigger", WORLD_KEY, "never");
	assert_null(world_pd_incident(w, "never"));
	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCPAY\",\"disabled\":true}]}");
	event(w, "trigger", WORLD_KEY_PAY, "off");
	assert_null(world_pd_incident(w, "off"));
	event(w, "trigger", WORLD_KEY, "never");
	assert_string_equal(world_pd_status(w, "never"), "triggered");
}

static void service__that_groups_or_has_no_alerts__does_so(void **state)
{
	struct world *w = *state;
	const char *id;

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"grouping\":true},"
			   "{\"id\":\"PSVCPAY\",\"no_alerts\":true}]}");
	id = opened(w, "a");
	event(w, "trigger", WORLD_KEY, "b");
	assert_string_equal(TEXT(world_pd_incident(w, "b"), "id"), id);
	/* An ack of one is an ack of all; a resolve of one is not. */
	event(w, "acknowledge", WORLD_KEY, "b");
	assert_string_equal(TEXT(world_incident(w, "a"), "status"), "acknowledged");
	event(w, "resolve", WORLD_KEY, "b");
	assert_string_equal(world_pd_status(w, id), "acknowledged");
	event(w, "trigger", WORLD_KEY_PAY, "c");
	id = TEXT(world_pd_incident(w, "c"), "id");
	assert_string_equal(TEXT(world_pd_incident(w, "c"), "incident_key"), "c");
	assert_int_equal(size_of(below(w, "GET", id, "alerts", NULL)->json, "alerts"), 0);
}

/* ---- webhooks -------------------------------------------------------------------------------- */

static void signature__of_the_published_samples__is_what_we_compute(void **state)
{
	static const char *const files[] = {
	    "signature-01-ping", "signature-02-acknowledged", "signature-03-tampered"};
	size_t i;

	for (i = 0; i < 3; i++) {
		cJSON *json = sample(*state, files[i]);
		char *ours = signed_by(TEXT(json, "secret"), TEXT(json, "body"));

		assert_int_equal(strcmp(ours, TEXT(json, "x_pagerduty_signature")) == 0,
		    cJSON_IsTrue(GET(json, "valid")));
		free(ours);
		cJSON_Delete(json);
	}
}

static void webhook__of_each_deed__is_told_signed_and_in_order(void **state)
{
	static const struct {
		const char *user, *action, *more, *event, *status;
	} deeds[] = {
	    {"Alice", "ack", NULL, "incident.acknowledged", "acknowledged"},
	    {NULL, "timeout", NULL, "incident.unacknowledged", "triggered"},
	    {"alice@example.com", "ack", NULL, "incident.acknowledged", "acknowledged"},
	    {"PBOB123", "unack", NULL, "incident.unacknowledged", "triggered"},
	    {"Bob", "escalate", NULL, "incident.escalated", "triggered"},
	    {"Bob", "reassign", "\"to\":\"Dave\"", "incident.reassigned", "triggered"},
	    {"Bob", "reassign", "\"to\":\"PPAY123\"", "incident.delegated", "triggered"},
	    {"Bob", "note", "\"note\":\"seen\"", "incident.annotated", NULL},
	    {"Bob", "priority", "\"to\":\"P2\"", "incident.priority_updated", "triggered"},
	    {"Bob", "respond", "\"to\":\"Carol\"", "incident.responder.added", NULL},
	    {"Bob", "resolve", NULL, "incident.resolved", "resolved"},
	    {"Bob", "reopen", NULL, "incident.reopened", "triggered"},
	    {"Bob", "resolve", "\"note\":\"done\"", "incident.resolved", "resolved"},
	};
	struct world *w = *state;
	size_t count = sizeof(deeds) / sizeof(deeds[0]), i;
	const char *id;
	cJSON *json;

	subscribe(w, SECRETS);
	id = opened(w, "d");
	for (i = 0; i < count; i++)
		world_pd_act(w, deeds[i].user, id, deeds[i].action, deeds[i].more);
	world_until(w, received() == count + 2);
	assert_hook(0, "incident.triggered", "triggered");
	for (i = 0; i < count; i++)
		assert_hook(i + 1, deeds[i].event, deeds[i].status);
	assert_hook(count + 1, "incident.annotated", NULL);
	for (i = 0; i < count + 2; i++) {
		char *ours = signed_by(WORLD_PD_SECRET, receiver.got[i].body);

		assert_string_equal(receiver.got[i].signature, ours);
		free(ours);
		assert_int_equal(strlen(receiver.got[i].id), 36);
		assert_string_equal(receiver.got[i].agent, "PagerDuty-Webhook/V3.0");
	}
	json = hook(0);
	assert_string_equal(TEXT(GET(json, "agent"), "type"), "inbound_integration_reference");
	assert_string_equal(TEXT(GET(json, "client"), "name"), "headsup");
	assert_true(cJSON_IsNull(GET(GET(json, "data"), "incident_key")));
	cJSON_Delete(json);
	json = hook(1);
	assert_string_equal(TEXT(GET(json, "agent"), "id"), "PALICE1");
	cJSON_Delete(json);
	json = hook(2);
	assert_true(cJSON_IsNull(GET(json, "agent")));
	cJSON_Delete(json);
	json = hook(8);
	assert_string_equal(TEXT(GET(GET(json, "data"), "incident"), "id"), id);
	cJSON_Delete(json);
}

static void webhook__beside_the_published_ones__has_the_same_members(void **state)
{
	static const char *const files[] = {"webhook-incident-triggered-by-event",
	    "webhook-incident-acknowledged", "webhook-incident-annotated",
	    "webhook-incident-responder-added"};
	struct world *w = *state;
	const char *id;
	size_t i;

	subscribe(w, SECRETS);
	id = opened(w, "d");
	world_pd_act(w, "Alice", id, "ack", NULL);
	world_pd_act(w, "Alice", id, "note", "\"note\":\"x\"");
	world_pd_act(w, "Alice", id, "respond", "\"to\":\"Carol\"");
	world_until(w, received() == 4);
	for (i = 0; i < 4; i++) {
		cJSON *published = sample(w, files[i]), *ours = hook(i);
		const cJSON *theirs = GET(published, "event");

		assert_has_members(ours, theirs, "");
		assert_has_members(GET(ours, "data"), GET(theirs, "data"), "");
		if (cJSON_IsObject(GET(theirs, "agent")))
			assert_has_members(GET(ours, "agent"), GET(theirs, "agent"), "");
		cJSON_Delete(published);
		cJSON_Delete(ours);
	}
}

static void webhook__with_two_secrets__has_two_signatures(void **state)
{
	struct world *w = *state;
	char *first, *second, *both;

	subscribe(w, "[\"old secret\",\"new secret\"]");
	opened(w, "d");
	world_until(w, received() == 1);
	first = signed_by("old secret", receiver.got[0].body);
	second = signed_by("new secret", receiver.got[0].body);
	both = xasprintf("%s,%s", first, second);
	assert_string_equal(receiver.got[0].signature, both);
	free(first);
	free(second);
	free(both);
}

static void webhook__not_taken__comes_again_and_holds_what_is_behind_it(void **state)
{
	static const int statuses[] = {500, 503, 429};
	struct world *w = *state;
	size_t i;

	subscribe(w, SECRETS);
	for (i = 0; i < 3; i++) {
		char key[8];
		const char *id;

		snprintf(key, sizeof(key), "k%zu", i);
		receiver_clear();
		receiver_refuses(statuses[i], 2, 0);
		id = opened(w, key);
		world_pd_act(w, "Alice", id, "ack", NULL);
		world_until(w, received() == 4);
		assert_hook(0, "incident.triggered", NULL);
		assert_hook(1, "incident.triggered", NULL);
		assert_hook(2, "incident.triggered", NULL);
		assert_hook(3, "incident.acknowledged", NULL);
		assert_string_equal(receiver.got[0].id, receiver.got[2].id);
		assert_string_not_equal(receiver.got[0].id, receiver.got[3].id);
	}
}

static void webhook__answered_too_late__comes_again(void **state)
{
	struct world *w = *state;

	world_pd_config(w, "{\"webhook_timeout_ms\":300}");
	subscribe(w, SECRETS);
	receiver_refuses(202, 1, 900);
	opened(w, "d");
	world_until(w, received() >= 2);
	assert_string_equal(receiver.got[0].id, receiver.got[1].id);
	world_until(w, world_pd_hooks(w, NULL, "delivered") == 1);
}

static void webhook__receiver_away__comes_when_it_is_back(void **state)
{
	struct world *w = *state;
	int port = receiver.port;
	const char *id;

	subscribe(w, SECRETS);
	receiver_stop();
	id = opened(w, "d");
	world_pd_act(w, "Alice", id, "ack", NULL);
	world_until(w, shows(world_pd_state(w), "\"attempts\":2"));
	receiver_start(port);
	world_until(w, received() == 2);
	assert_hook(0, "incident.triggered", NULL);
	assert_hook(1, "incident.acknowledged", NULL);
}

static void webhook__refused_three_times__disables_the_subscription(void **state)
{
	struct world *w = *state;
	cJSON *subscription;
	int i;

	subscribe(w, SECRETS);
	receiver_refuses(403, -1, 0);
	for (i = 0; i < 3; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%d", i);
		opened(w, key);
		world_until(w, world_pd_hooks(w, NULL, "dropped") == i + 1);
	}
	assert_int_equal(received(), 3);
	receiver_refuses(202, 0, 0);
	opened(w, "lost");
	subscription =
	    cJSON_GetArrayItem(GET(get(w, "/webhook_subscriptions"), "webhook_subscriptions"), 0);
	assert_true(
	    cJSON_IsTrue(GET(GET(subscription, "delivery_method"), "temporarily_disabled")));
	assert_int_equal(
	    rest(w, "POST", "/webhook_subscriptions/PSIMHOOK/enable", NULL, NULL)->status, 200);
	opened(w, "heard");
	world_until(w, received() == 4);
}

static void subscription__made_by_rest__tells_its_secret_once(void **state)
{
	struct world *w = *state;
	char *body = xasprintf(
	    "{\"webhook_subscription\":{\"type\":\"webhook_subscription\",\"delivery_method\":{"
	    "\"type\":\"http_delivery_method\",\"url\":\"http://127.0.0.1:%d/"
	    "x\",\"custom_headers\":"
	    "[{\"name\":\"X-Mine\",\"value\":\"v\"}]},\"description\":\"d\",\"events\":["
	    "\"incident.acknowledged\",\"pagey.ping\"],\"filter\":{\"type\":\"service_reference\","
	    "\"id\":\"PSVCSEC\"}}}",
	    receiver.port);
	cJSON *made = GET(
	    rest(w, "POST", "/webhook_subscriptions", NULL, body)->json, "webhook_subscription");
	const char *secret = TEXT(GET(made, "delivery_method"), "secret");
	char *path = xasprintf("/webhook_subscriptions/%s", TEXT(made, "id")),
	     *ping = xasprintf("%s/ping", path), *ours;
	cJSON *seen, *json;

	free(body);
	assert_int_equal(strlen(secret), 64);
	seen = GET(get(w, path), "webhook_subscription");
	assert_true(cJSON_IsNull(GET(GET(seen, "delivery_method"), "secret")));
	assert_int_equal(rest(w, "POST", ping, NULL, NULL)->status, 202);
	world_until(w, received() == 1);
	json = hook(0);
	assert_string_equal(TEXT(GET(json, "data"), "message"), "Hello from your friend Pagey!");
	cJSON_Delete(json);
	ours = signed_by(secret, receiver.got[0].body);
	assert_string_equal(receiver.got[0].signature, ours);
	free(ours);
	/* Only its service, only its events. */
	world_pd_act(w, "Alice", opened(w, "a"), "ack", NULL);
	event(w, "trigger", WORLD_KEY_PAY, "b");
	world_pd_act(w, "Alice", "b", "ack", NULL);
	world_until(w, received() == 2);
	assert_hook(1, "incident.acknowledged", NULL);
	assert_int_equal(rest(w, "DELETE", path, NULL, NULL)->status, 204);
	assert_int_equal(rest(w, "GET", path, NULL, NULL)->status, 404);
	free(path);
	free(ping);
}

static void webhook__with_a_fault__is_lost_doubled_late_or_forged(void **state)
{
	struct world *w = *state;
	const char *id;
	char *ours;

	subscribe(w, SECRETS);
	world_fault(w, "{\"webhook\":\"lose\",\"event\":\"incident.triggered\",\"times\":-1}");
	id = opened(w, "d");
	world_pd_act(w, "Alice", id, "ack", NULL);
	world_until(w, received() == 1);
	assert_hook(0, "incident.acknowledged", NULL);
	assert_int_equal(world_pd_hooks(w, "incident.triggered", "lost"), 1);

	receiver_clear();
	world_fault(w, "{\"clear\":true}");
	world_fault(w, "{\"webhook\":\"double\"}");
	world_pd_act(w, "Alice", id, "note", "\"note\":\"x\"");
	world_until(w, received() == 2);
	assert_string_equal(receiver.got[0].id, receiver.got[1].id);
	assert_string_equal(receiver.got[0].body, receiver.got[1].body);

	receiver_clear();
	world_fault(w, "{\"webhook\":\"reorder\"}");
	world_pd_act(w, "Alice", id, "unack", NULL);
	world_pd_act(w, "Alice", id, "ack", NULL);
	world_until(w, received() == 2);
	assert_hook(0, "incident.acknowledged", NULL);
	assert_hook(1, "incident.unacknowledged", NULL);

	receiver_clear();
	world_fault(w, "{\"webhook\":\"delay\",\"delay_ms\":150}");
	{
		int64_t before = world_ms();

		world_pd_act(w, "Alice", id, "unack", NULL);
		world_pd_act(w, "Alice", id, "ack", NULL);
		world_until(w, received() == 2);
		assert_hook(0, "incident.unacknowledged", NULL);
		assert_true(receiver.got[0].at_ms - before >= 140);
	}
	receiver_clear();
	world_fault(w, "{\"webhook\":\"bad_signature\"}");
	world_pd_act(w, "Alice", id, "unack", NULL);
	world_until(w, received() == 1);
	ours = signed_by(WORLD_PD_SECRET, receiver.got[0].body);
	assert_string_not_equal(receiver.got[0].signature, ours);
	free(ours);
	world_fault(w, "{\"webhook\":\"no_signature\"}");
	world_pd_act(w, "Alice", id, "ack", NULL);
	world_until(w, received() == 2);
	assert_null(receiver.got[1].signature);
	world_fault(w, "{\"webhook\":\"tamper\"}");
	world_pd_act(w, "Alice", id, "resolve", NULL);
	world_until(w, received() == 3);
	ours = signed_by(WORLD_PD_SECRET, receiver.got[2].body);
	assert_string_not_equal(receiver.got[2].signature, ours);
	free(ours);
}

static void webhook__of_any_type__can_be_sent(void **state)
{
	struct world *w = *state;
	cJSON *json;

	subscribe(w, SECRETS);
	world_sim(w, "pd/hook", "{\"event_type\":\"service.updated\",\"data\":{\"id\":\"PX\"}}");
	world_until(w, received() == 1);
	json = hook(0);
	assert_string_equal(TEXT(json, "resource_type"), "service");
	assert_string_equal(TEXT(GET(json, "data"), "id"), "PX");
	cJSON_Delete(json);
}

static void merge__by_a_person__is_told_as_resolved_with_a_reason(void **state)
{
	struct world *w = *state;
	cJSON *json;

	subscribe(w, SECRETS);
	opened(w, "a");
	opened(w, "b");
	world_pd_act(w, "Carol", "b", "merge", "\"into_dedup_key\":\"a\"");
	world_until(w, received() == 3);
	json = hook(2);
	assert_string_equal(TEXT(json, "event_type"), "incident.resolved");
	assert_string_equal(TEXT(GET(json, "agent"), "id"), "PCAROL1");
	assert_string_equal(
	    TEXT(GET(GET(json, "data"), "resolve_reason"), "type"), "merge_resolve_reason");
	cJSON_Delete(json);
}

/* Whatever headsup makes of it: it was reached, and again where it listens after a restart. */
static void harness__with_webhooks__delivers_to_headsup(void **state)
{
	static const bool tls[] = {false, true};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		const struct world_options options = {
		    .tls = tls[i], .pd_api = true, .pd_webhooks = true};
		struct world *w = world_start(&options);
		const cJSON *delivery;

		opened(w, "d");
		world_until(w, world_pd_hooks(w, NULL, "waiting") == 0 &&
				   world_pd_hooks(w, NULL, "sending") == 0);
		delivery = cJSON_GetArrayItem(GET(world_pd_state(w), "deliveries"), 0);
		assert_int_equal(GET(delivery, "attempts")->valueint, 1);
		assert_int_not_equal(GET(delivery, "status")->valueint, 0);
		world_restart(w);
		assert_true(shows(GET(world_pd_state(w), "webhook_subscriptions"), w->url));
		world_stop(w);
	}
}

static int setup(void **state)
{
	const struct world_options options = {.no_start = true};

	*state = world_start(&options);
	receiver_start(0);
	return 0;
}

static int teardown(void **state)
{
	receiver_stop();
	receiver_clear();
	return world_teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(call__without_the_right_token__is_refused),
	    T(write__without_a_person_or_a_body__is_refused),
	    T(rate_limit__reached__answers_429_and_says_when),
	    T(fault__on_a_call__hits_that_call_only),
	    T(search__by_key__finds_alerts_keys_and_an_empty_one_all),
	    T(search__before_the_index_has_it__finds_nothing_yet),
	    T(list__longer_than_a_page__comes_in_pages),
	    T(answers__beside_the_published_ones__have_the_same_members),
	    T(account__asked_for__is_told),
	    T(change_event__sent__is_on_its_service),
	    T(status__written__becomes_what_pagerduty_makes_of_it),
	    T(acknowledge__as_a_person__names_them),
	    T(reopened__acknowledged_by_a_person__is_theirs),
	    T(bulk__with_one_that_is_wrong__changes_nothing),
	    T(escalation__by_each_way__calls_the_right_people),
	    T(escalation__of_what_is_acknowledged__pages_again_or_not),
	    T(merge__of_two__moves_alerts_and_resolves_the_source),
	    T(incident__given_notes_and_help__keeps_them),
	    T(snooze__of_what_is_acknowledged__ends_in_triggered),
	    T(log__asked_for__tells_who_did_what),
	    T(timers__scaled__do_what_their_service_says),
	    T(event__delayed_or_lost__answers_202_all_the_same),
	    T(service__that_groups_or_has_no_alerts__does_so),
	    T(signature__of_the_published_samples__is_what_we_compute),
	    T(webhook__of_each_deed__is_told_signed_and_in_order),
	    T(webhook__beside_the_published_ones__has_the_same_members),
	    T(webhook__with_two_secrets__has_two_signatures),
	    T(webhook__not_taken__comes_again_and_holds_what_is_behind_it),
	    T(webhook__answered_too_late__comes_again),
	    T(webhook__receiver_away__comes_when_it_is_back),
	    T(webhook__refused_three_times__disables_the_subscription),
	    T(subscription__made_by_rest__tells_its_secret_once),
	    T(webhook__with_a_fault__is_lost_doubled_late_or_forged),
	    T(webhook__of_any_type__can_be_sent),
	    T(merge__by_a_person__is_told_as_resolved_with_a_reason),
	    cmocka_unit_test(harness__with_webhooks__delivers_to_headsup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
