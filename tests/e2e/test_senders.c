/* Senders as they come: their own signatures, Alertmanager's API with amtool itself, PagerDuty's Events API, Slack's webhooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"
#define OUTPUT_MAX 65536

static const struct world_options options = {
    .clock = true,
    .posts_per_second = "1000",
    .sources = "  - {name: prom, format: alertmanager, token: prom-token-0123456789abcdef}\n"
	       "  - {name: pd, format: pagerduty, token: pd-token-0123456789abcdef0123456}\n"
	       "  - {name: hook, format: slack-webhook, token: hook-token-0123456789abcdef}\n"
	       "  - {name: github, format: github, secret: \"It's a Secret to Everybody\"}\n"
	       "  - {name: signed, format: headsup, secret: \"It's a Secret to Everybody\"}\n"
	       "  - {name: okta, format: okta, token: okta-token-0123456789abcdef}\n"
	       "  - {name: events, format: cloudevents, token: events-token-0123456789abcdef}\n"
	       "  - {name: slow, format: headsup, token: slow-token-0123456789abcdef, rate: 0.01, "
	       "burst: 3}\n"
	       "  - {name: free, format: headsup, token: free-token-0123456789abcdef}\n",
};

static int setup(void **state)
{
	*state = world_start(&options);
	return 0;
}

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static const char *state_of(const cJSON *json)
{
	return text(json_get(json, "status"), "state");
}

/* How often the alert's timeline says WHAT. */
static int told(struct world *w, const char *id, const char *what)
{
	const cJSON *event;
	int count = 0;

	cJSON_ArrayForEach(event, json_get(world_alert(w, id), "timeline")) count +=
	    strcmp(text(event, "what"), what) == 0;
	return count;
}

/* ---- proofs ------------------------------------------------------------------------------------------------ */

static void signature__over_the_wire__lets_in_what_was_signed_and_nothing_else(void **state)
{
	/* HMAC-SHA256 of {"title":"t"}, and GitHub's own example, whose body is no JSON: proven, then a 400. */
	static const char *const right[] = {
	    "X-Hub-Signature-256: "
	    "sha256=3af34551d68dc9349987517eb711bae8bc0cf147bb47c8012e17fdf7422d2185",
	    NULL};
	static const char *const published[] = {
	    "X-Hub-Signature-256: "
	    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
	    NULL};
	struct world *w = *state;

	assert_int_equal(
	    world_http(w, "POST", "/v1/alerts/signed", NULL, "{\"title\":\"t\"}", right)->status,
	    202);
	assert_int_equal(
	    world_http(w, "POST", "/v1/alerts/signed", NULL, "{\"title\":\"T\"}", right)->status,
	    403);
	assert_int_equal(
	    world_http(w, "POST", "/v1/alerts/signed", NULL, "{\"title\":\"t\"}", NULL)->status,
	    403);
	assert_int_equal(
	    world_http(w, "POST", "/v1/alerts/github", NULL, "Hello, World!", published)->status,
	    400);
	assert_int_equal(
	    world_http(w, "POST", "/v1/alerts/github", NULL, "Hello, World?", published)->status,
	    403);
	assert_null(strstr(world_log(w), "757107ea"));
}

static void okta__over_the_wire__is_answered(void **state)
{
	static const char *const asks[] = {"Authorization: okta-token-0123456789abcdef",
	    "x-okta-verification-challenge: once", NULL};
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "GET", "/v1/alerts/okta", NULL, NULL, asks);

	assert_int_equal(answer->status, 200);
	assert_string_equal(text(answer->json, "verification"), "once");
}

static void source__past_its_rate__is_429_and_others_are_not_held_up(void **state)
{
	struct world *w = *state;
	struct world_answer *answer;

	for (int i = 0; i < 3; i++)
		assert_int_equal(world_send(w, "slow", "{\"title\":\"t\"}")->status, 202);
	answer = world_send(w, "slow", "{\"title\":\"t\"}");
	assert_int_equal(answer->status, 429);
	assert_non_null(world_header(w, answer, "retry-after"));
	assert_true(atoll(world_header(w, answer, "retry-after")) > 0);
	assert_int_equal(world_send(w, "free", "{\"title\":\"t\"}")->status, 202);
}

static void token__in_the_address__is_in_no_log(void **state)
{
	struct world *w = *state;

	assert_int_equal(world_http(w, "POST", "/v1/alerts/hook?token=hook-token-0123456789abcdef",
			     NULL, "{\"text\":\"x\"}", NULL)
			     ->status,
	    200);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/hook?token=hook-tokem-0123456789abcdef",
			     NULL, "{\"text\":\"x\"}", NULL)
			     ->status,
	    401);
	assert_null(strstr(world_log(w), "hook-toke"));
}

static void body__that_is_compressed__is_refused_clearly(void **state)
{
	static const char *const gzip[] = {"Content-Encoding: gzip", NULL}, *const plain[] = {"Content-Encoding: identity", NULL};
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "POST", "/v1/alerts/free", "free-token-0123456789abcdef", "{\"title\":\"t\"}", gzip);

	assert_int_equal(answer->status, 415);
	assert_non_null(strstr(text(answer->json, "detail"), "compressed"));
	assert_int_equal(world_http(w, "POST", "/v1/alerts/free", NULL, "{\"title\":\"t\"}", gzip)->status, 401);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/free", "free-token-0123456789abcdef", "{\"title\":\"t\"}", plain)->status, 202);
}

static void handshakes__of_those_who_ask_before_they_send__are_answered(void **state)
{
	static const char *const origin[] = {"WebHook-Request-Origin: events.example.com", NULL};
	static const char event[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}";
	struct world *w = *state;
	struct world_answer *answer =
	    world_http(w, "OPTIONS", "/v1/alerts/events?access_token=events-token-0123456789abcdef", NULL, NULL, origin);

	assert_int_equal(answer->status, 200);
	assert_string_equal(world_header(w, answer, "webhook-allowed-origin"), "events.example.com");
	assert_int_equal(world_http(w, "OPTIONS", "/v1/alerts/events", NULL, NULL, origin)->status, 401);
	answer = world_http(w, "POST", "/v1/alerts/events?access_token=events-token-0123456789abcdef", NULL, event, NULL);
	assert_int_equal(answer->status, 202);
	answer = world_http(
	    w, "POST", "/v1/alerts/events?token=events-token-0123456789abcdef&validationToken=a%2Bb%20%3Cc%3E", NULL, "", NULL);
	assert_int_equal(answer->status, 200);
	assert_string_equal(answer->body, "a+b <c>");
	assert_non_null(strstr(world_header(w, answer, "content-type"), "text/plain"));
	assert_int_equal(world_http(w, "POST", "/v1/alerts/events?validationToken=a", NULL, "", NULL)->status, 401);
	assert_null(strstr(world_log(w), "events-token"));
}

/* ---- Slack's webhooks -------------------------------------------------------------------------------------- */

static void slack_webhook__posted_as_to_slack__is_answered_as_slack_does(void **state)
{
	static const char *const form[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
	static const struct {
		const char *body, *answer;
		bool is_form;
		int status;
	} cases[] = {
	    {"{\"text\":\"disk full\"}", "ok", false, 200},
	    {"payload=%7B%22text%22%3A%22disk+full%22%7D", "ok", true, 200},
	    {"{\"attachments\":[{\"color\":\"danger\",\"title\":\"t\",\"text\":\"x\"}]}", "ok",
		false, 200},
	    {"{}", "no_text", false, 400},
	    {"{\"text\":\"\"}", "no_text", false, 400},
	    {"nonsense", "invalid_payload", false, 400},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_answer *answer =
		    world_http(w, "POST", "/v1/alerts/hook?token=hook-token-0123456789abcdef", NULL,
			cases[i].body, cases[i].is_form ? form : NULL);

		assert_string_equal(answer->body, cases[i].answer);
		assert_int_equal(answer->status, cases[i].status);
	}
	world_until(w, world_find(w, ALERTS, "disk full") != NULL);
}

/* ---- PagerDuty's Events API --------------------------------------------------------------------------------- */

#define KEY "\"routing_key\":\"pd-token-0123456789abcdef0123456\""

static void events__triggered_acknowledged_resolved__are_one_alert_in_each_state(void **state)
{
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "POST", "/v2/enqueue", NULL,
	    "{" KEY
	    ",\"event_action\":\"trigger\",\"dedup_key\":\"db/1\",\"payload\":{\"summary\":\"db "
	    "down\",\"source\":\"db-1\",\"severity\":\"error\"}}",
	    NULL);

	assert_int_equal(answer->status, 202);
	assert_string_equal(text(answer->json, "status"), "success");
	assert_string_equal(text(answer->json, "message"), "Event processed");
	assert_string_equal(text(answer->json, "dedup_key"), "db/1");
	assert_string_equal(text(world_alert(w, "A1"), "title"), "db down");
	assert_string_equal(text(world_alert(w, "A1"), "severity"), "high");
	assert_string_equal(text(world_alert(w, "A1"), "source"), "pd");
	for (int i = 0; i < 2; i++) /* an acknowledge too many is dropped silently */
		assert_int_equal(
		    world_http(w, "POST", "/v2/enqueue", NULL,
			"{" KEY ",\"event_action\":\"acknowledge\",\"dedup_key\":\"db/1\"}", NULL)
			->status,
		    202);
	assert_string_equal(world_status(w, "A1"), "acked");
	assert_int_equal(world_http(w, "POST", "/v2/enqueue", NULL,
			     "{" KEY ",\"event_action\":\"resolve\",\"dedup_key\":\"db/1\"}", NULL)
			     ->status,
	    202);
	assert_string_equal(world_status(w, "A1"), "resolved");
	assert_int_equal(world_http(w, "POST", "/v2/enqueue", NULL,
			     "{" KEY ",\"event_action\":\"resolve\",\"dedup_key\":\"no\"}", NULL)
			     ->status,
	    202);
	assert_int_equal(world_http(w, "POST", "/v2/change/enqueue", NULL,
			     "{" KEY ",\"payload\":{\"summary\":\"deploy\"}}", NULL)
			     ->status,
	    202);
	assert_int_equal(
	    cJSON_GetArraySize(json_get(
		world_http(w, "GET", "/v1/alerts", WORLD_OPS, NULL, NULL)->json, "alerts")),
	    1);
	assert_null(strstr(world_log(w), "pd-token"));
}

static void event__without_a_key_of_its_own__is_given_one_that_resolves_it(void **state)
{
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "POST", "/v2/enqueue", NULL,
	    "{" KEY ",\"event_action\":\"trigger\",\"payload\":{\"summary\":\"db "
		    "down\",\"source\":\"db-1\",\"severity\":\"info\"}}",
	    NULL);
	char *body;

	assert_int_equal(answer->status, 202);
	assert_true(strlen(text(answer->json, "dedup_key")) > 0);
	body = xasprintf("{" KEY ",\"event_action\":\"resolve\",\"dedup_key\":\"%s\"}",
	    text(answer->json, "dedup_key"));
	assert_int_equal(world_http(w, "POST", "/v2/enqueue", NULL, body, NULL)->status, 202);
	assert_string_equal(world_status(w, "A1"), "resolved");
	free(body);
}

static void event__that_is_none__is_told_why(void **state)
{
	static const char *const bodies[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"routing_key\":\"wrong\",\"event_action\":\"trigger\",\"payload\":{\"summary\":"
	    "\"x\"}}",
	    "{\"routing_key\":\"\",\"event_action\":\"trigger\",\"payload\":{\"summary\":\"x\"}}",
	    "{\"routing_key\":null,\"event_action\":\"trigger\",\"payload\":{\"summary\":\"x\"}}",
	    "{" KEY "}",
	    "{" KEY ",\"event_action\":\"explode\"}",
	    "{" KEY ",\"event_action\":\"trigger\"}",
	    "{" KEY ",\"event_action\":\"trigger\",\"payload\":{\"summary\":\"\"}}",
	    "{" KEY ",\"event_action\":\"resolve\"}",
	    "{" KEY ",\"event_action\":\"acknowledge\",\"dedup_key\":7}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct world_answer *answer =
		    world_http(w, "POST", "/v2/enqueue", NULL, bodies[i], NULL);

		assert_int_equal(answer->status, 400);
		assert_string_equal(text(answer->json, "status"), "invalid event");
		assert_int_equal(cJSON_GetArraySize(json_get(answer->json, "errors")), 1);
		assert_null(strstr(answer->body, "wrong"));
	}
}

/* ---- as an Alertmanager -------------------------------------------------------------------------------------- */

static void write_time(struct world *w, int64_t from_now_s, char out[32])
{
	time_write_rfc3339(w->clock_s + (int64_t)time(NULL) + from_now_s, out);
}

/* What Prometheus posts while DiskFull fires on web-1: begun STARTED_S ago, holding for another HOLDS_S. */
static struct world_answer *prometheus(
    struct world *w, int64_t started_at, int64_t holds_s, const char *more)
{
	char starts[32], ends[32], body[1024];

	time_write_rfc3339(started_at, starts);
	write_time(w, holds_s, ends);
	snprintf(body, sizeof(body),
	    "[{\"labels\":{\"alertname\":\"DiskFull\",\"instance\":\"web-1\",\"severity\":"
	    "\"warning\"%s},\"annotations\":{\"summary\":\"disk is full\"},"
	    "\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"generatorURL\":\"http://prom/graph\"}]",
	    more, starts, ends);
	return world_http(w, "POST", "/api/v2/alerts", "prom-token-0123456789abcdef", body, NULL);
}

static void prometheus__that_stops_sending__has_its_alert_resolved_by_its_end(void **state)
{
	struct world *w = *state;
	int64_t began = time(NULL) - 60;
	struct world_answer *answer;

	world_clock_advance(w, 400); /* what just started waits for its senders first */
	answer = prometheus(w, began, 240, "");
	assert_int_equal(answer->status, 200);
	assert_int_equal(answer->len, 0);
	assert_int_equal(prometheus(w, began, 240, ",\"dev\":\"sda\"")->status,
	    200); /* another label, another alert */
	for (int i = 0; i < 3; i++) {
		world_clock_advance(w, 60);
		assert_int_equal(prometheus(w, began, 240, "")->status, 200);
	}
	assert_string_equal(world_status(w, "A1"), "open");
	assert_string_equal(text(world_alert(w, "A1"), "rule"), "DiskFull");
	assert_int_equal(
	    told(w, "A1", "repeated"), 0); /* it is one occurrence, told again and again */
	world_clock_advance(w, 100);
	world_until(w, strcmp(world_status(w, "A2"), "resolved") == 0);
	assert_string_equal(world_status(w, "A1"), "open");
	world_clock_advance(w, 200);
	world_until(w, strcmp(world_status(w, "A1"), "resolved") == 0);
	assert_int_equal(told(w, "A1", "resolved"), 1);
	/* It fires anew: another alert, which links to it; and is over by an end that is past. */
	assert_int_equal(prometheus(w, began + 1000, 240, "")->status, 200);
	assert_string_equal(text(world_alert(w, "A3"), "previous"), "A1");
	assert_int_equal(prometheus(w, began + 1000, -1, "")->status, 200);
	assert_string_equal(world_status(w, "A3"), "resolved");
}

static void prometheus__under_an_announcement__does_not_use_up_its_budget(void **state)
{
	struct world *w = *state;
	int64_t began = time(NULL) - 60;

	world_says(w, "alice", ALERTS, "expect host=web-1 max 2 because deploy");
	for (int i = 0; i < 5; i++)
		assert_int_equal(prometheus(w, began, 240, "")->status, 200);
	assert_string_equal(world_status(w, "A1"), "expected");
	assert_int_equal(
	    cJSON_GetArraySize(
		world_http(w, "GET", "/api/v2/alerts?active=false", WORLD_OPS, NULL, NULL)->json),
	    1);
	assert_int_equal(
	    cJSON_GetArraySize(
		world_http(w, "GET", "/api/v2/alerts?silenced=false", WORLD_OPS, NULL, NULL)->json),
	    0);
}

static void alerts__wrong_in_part__are_told_in_a_string_and_the_good_are_kept(void **state)
{
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "POST", "/api/v2/alerts", WORLD_OPS,
	    "[{\"labels\":{\"alertname\":\"a\"}},{\"nolabels\":1}]", NULL);

	assert_int_equal(answer->status, 400);
	assert_true(cJSON_IsString(answer->json));
	assert_string_equal(text(world_alert(w, "A1"), "rule"), "a");
	assert_int_equal(
	    world_http(w, "POST", "/api/v2/alerts", WORLD_OPS, "nonsense", NULL)->status, 400);
	assert_int_equal(
	    world_http(w, "POST", "/api/v2/alerts", WORLD_CI, "[]", NULL)->status, 403);
	assert_int_equal(world_http(w, "POST", "/api/v2/alerts", NULL, "[]", NULL)->status, 401);
	assert_int_equal(world_http(w, "GET", "/api/v2/alerts", WORLD_CI, NULL, NULL)->status, 403);
	assert_int_equal(
	    world_http(w, "POST", "/api/v2/alerts", WORLD_OPS, "[]", NULL)->status, 200);
}

static void alerts__asked_for__have_alertmanagers_shape(void **state)
{
	static const struct {
		const char *query;
		int count;
	} cases[] = {
	    {"", 2},
	    {"?filter=alertname%3D%22DiskFull%22", 1},
	    {"?filter=alertname%3DDiskFull", 1},
	    {"?filter=alertname%3D~%22Disk.%2A%22", 1},
	    {"?filter=alertname%21%3DDiskFull", 1},
	    {"?filter=instance%3D%22web-1%22&filter=alertname%3DDiskFull", 1},
	    {"?filter=alertname%3D%22Disk%2A%22", 0}, /* no glob there */
	    {"?active=false", 0},
	    {"?receiver=security-alerts", 2},
	    {"?receiver=other", 0},
	};
	struct world *w = *state;
	const cJSON *alert;

	assert_int_equal(prometheus(w, time(NULL) - 60, 240, "")->status, 200);
	assert_int_equal(
	    world_send(w, NULL, "{\"title\":\"other\",\"host\":\"web-2\"}")->status, 202);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = xasprintf("/api/v2/alerts%s", cases[i].query);
		struct world_answer *answer = world_http(w, "GET", path, WORLD_OPS, NULL, NULL);

		assert_int_equal(answer->status, 200);
		if (cJSON_GetArraySize(answer->json) != cases[i].count)
			fail_msg("%s: %s", path, answer->body);
		free(path);
	}
	alert =
	    cJSON_GetArrayItem(world_http(w, "GET", "/api/v2/alerts?filter=alertname%3DDiskFull",
				   WORLD_OPS, NULL, NULL)
				   ->json,
		0);
	assert_string_equal(text(json_get(alert, "labels"), "instance"), "web-1");
	assert_string_equal(text(json_get(alert, "annotations"), "summary"), "disk is full");
	assert_string_equal(state_of(alert), "active");
	assert_int_equal(strlen(text(alert, "fingerprint")), 16);
	assert_string_equal(
	    text(cJSON_GetArrayItem(json_get(alert, "receivers"), 0), "name"), "security-alerts");
	assert_non_null(json_text(alert, "startsAt"));
	assert_non_null(json_text(alert, "endsAt"));
	assert_non_null(json_text(alert, "updatedAt"));
	assert_int_equal(
	    world_http(w, "GET", "/api/v2/alerts?filter=%3D%3D", WORLD_OPS, NULL, NULL)->status,
	    400);
	assert_int_equal(world_http(w, "GET", "/-/ready", NULL, NULL, NULL)->status, 200);
	assert_int_equal(world_http(w, "GET", "/-/healthy", NULL, NULL, NULL)->status, 200);
	assert_string_equal(
	    text(json_get(world_http(w, "GET", "/api/v2/status", WORLD_OPS, NULL, NULL)->json,
		     "cluster"),
		"status"),
	    "disabled");
}

static struct world_answer *silence(
    struct world *w, const char *token, const char *matchers, int64_t lasts_s, const char *more)
{
	char starts[32], ends[32], body[1024];

	write_time(w, 0, starts);
	write_time(w, lasts_s, ends);
	snprintf(body, sizeof(body),
	    "{\"matchers\":%s,\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"createdBy\":\"alice\","
	    "\"comment\":\"deploy\"%s}",
	    matchers, starts, ends, more);
	return world_http(w, "POST", "/api/v2/silences", token, body, NULL);
}

static void silence__is_an_announcement__with_its_guard_rails(void **state)
{
	static const char web[] =
	    "[{\"name\":\"instance\",\"value\":\"web-1\",\"isRegex\":false,\"isEqual\":true}]";
	struct world *w = *state;
	struct world_answer *answer = silence(w, WORLD_OPS, web, 3600, "");
	const cJSON *shown;
	char *path, *id;

	assert_int_equal(answer->status, 200);
	id = xstrdup(text(answer->json, "silenceID"));
	assert_int_equal(strlen(id), 36);
	answer = world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL);
	assert_string_equal(text(answer->json, "author"), "alice");
	assert_string_equal(text(answer->json, "because"), "deploy");
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetArrayItem(json_get(answer->json, "match"), 0)),
	    "host=web-1");
	assert_int_equal(prometheus(w, time(NULL) - 60, 240, "")->status, 200);
	assert_string_equal(world_status(w, "A1"), "expected");
	shown = cJSON_GetArrayItem(
	    world_http(w, "GET", "/api/v2/alerts", WORLD_OPS, NULL, NULL)->json, 0);
	assert_string_equal(state_of(shown), "suppressed");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(
				json_get(json_get(shown, "status"), "silencedBy"), 0)),
	    id);
	/* It is read back as it was written. */
	path = xasprintf("/api/v2/silence/%s", id);
	answer = world_http(w, "GET", path, WORLD_OPS, NULL, NULL);
	assert_string_equal(text(answer->json, "id"), id);
	assert_string_equal(state_of(answer->json), "active");
	assert_string_equal(text(answer->json, "createdBy"), "alice");
	shown = cJSON_GetArrayItem(json_get(answer->json, "matchers"), 0);
	assert_string_equal(text(shown, "name"), "instance");
	assert_string_equal(text(shown, "value"), "web-1");
	assert_true(cJSON_IsFalse(json_get(shown, "isRegex")));
	assert_true(cJSON_IsTrue(json_get(shown, "isEqual")));
	/* What a guard rail refuses says so. */
	answer = silence(w, WORLD_OPS, web, 86400, "");
	assert_int_equal(answer->status, 400);
	assert_non_null(strstr(cJSON_GetStringValue(answer->json), "at most 4h"));
	assert_int_equal(silence(w, WORLD_OPS,
			     "[{\"name\":\"instance\",\"value\":\".*\",\"isRegex\":true}]", 600, "")
			     ->status,
	    400);
	assert_int_equal(silence(w, WORLD_OPS, "[]", 600, "")->status, 400);
	assert_int_equal(silence(w, "prom-token-0123456789abcdef", web, 600, "")->status, 403);
	/* A token that may not announce for others is the author itself. */
	assert_int_equal(silence(w, WORLD_CI, web, 600, "")->status, 200);
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->json,
		"author"),
	    "ci");
	/* Over. */
	assert_int_equal(world_http(w, "DELETE", path, WORLD_OPS, NULL, NULL)->status, 200);
	assert_string_equal(
	    state_of(world_http(w, "GET", path, WORLD_OPS, NULL, NULL)->json), "expired");
	assert_int_equal(world_http(w, "DELETE", path, WORLD_OPS, NULL, NULL)->status, 400);
	assert_int_equal(
	    world_http(w, "DELETE", "/api/v2/silence/00000000-0000-4000-8000-0000000000ff",
		WORLD_OPS, NULL, NULL)
		->status,
	    404);
	assert_int_equal(
	    world_http(w, "GET", "/api/v2/silence/nonsense", WORLD_OPS, NULL, NULL)->status, 404);
	free(path);
	free(id);
}

static void matchers__of_silences__mean_what_they_do_there(void **state)
{
	static const struct {
		const char *matcher, *match;
	} cases[] = {
	    {"{\"name\":\"alertname\",\"value\":\"DiskFull\",\"isRegex\":false}", "rule=DiskFull"},
	    {"{\"name\":\"alertname\",\"value\":\"Disk full, 90%\",\"isRegex\":false}",
		"rule=\"Disk full, 90%\""},
	    {"{\"name\":\"instance\",\"value\":\"web-.+\",\"isRegex\":true}", "host~web-.+"},
	    {"{\"name\":\"job\",\"value\":\"a*b\",\"isRegex\":false}", "job~a\\*b"},
	    {"{\"name\":\"path\",\"value\":\"C:\\\\x\\\"y\",\"isRegex\":false}",
		"path=\"C:\\x\\\"y\""},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *list = xasprintf("[%s]", cases[i].matcher),
		     *path = xasprintf("/v1/announcements/H%zu", i + 1);
		struct world_answer *answer = silence(w, WORLD_OPS, list, 600, "");

		assert_int_equal(answer->status, 200);
		answer = world_http(w, "GET", path, WORLD_OPS, NULL, NULL);
		assert_string_equal(
		    cJSON_GetStringValue(cJSON_GetArrayItem(json_get(answer->json, "match"), 0)),
		    cases[i].match);
		free(list);
		free(path);
	}
}

/* ---- amtool --------------------------------------------------------------------------------------------------- */

/* Debian's, on the path or where deploy/deps.sh puts it; NULL: not here. */
static const char *amtool(const struct world *w)
{
	static char path[512];
	const char *const places[] = {"/usr/bin", w->build, NULL};

	for (size_t i = 0; places[i] != NULL; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", places[i], i == 0 ? "amtool" : "tools/amtool");
		if (access(path, X_OK) == 0)
			return path;
		snprintf(path, sizeof(path), "%s/../tools/amtool", places[i]);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

/* Runs amtool with ARGS (shell words); what it printed, without the last line end; the caller frees. */
static char *runs(struct world *w, const char *args, int *status)
{
	char *url = xasprintf("http://ops:" WORLD_OPS "@%s", strstr(w->url, "://") + 3);
	char *line =
	    xasprintf("HOME=%s %s --alertmanager.url=%s %s 2>&1", w->dir, amtool(w), url, args);
	char *out = xcalloc(OUTPUT_MAX + 1, 1);
	FILE *pipe = popen(line, "r");
	size_t len;

	assert_non_null(pipe);
	len = fread(out, 1, OUTPUT_MAX, pipe);
	*status = WEXITSTATUS(pclose(pipe));
	while (len > 0 && out[len - 1] == '\n')
		out[--len] = '\0';
	free(line);
	free(url);
	return out;
}

static char *wants(struct world *w, const char *args)
{
	int status;
	char *out = runs(w, args, &status);

	if (status != 0)
		fail_msg("amtool %s: %d: %s", args, status, out);
	return out;
}

static void amtool__as_it_comes_from_debian__works(void **state)
{
	struct world *w = *state;
	char *id, *out, *args;
	int status;

	if (amtool(w) == NULL) {
		skip();
		return;
	}
	free(wants(w, "alert add alertname=DiskFull instance=web-1 severity=warning "
		      "--annotation=summary='disk is full'"));
	out = wants(w, "alert query -o json");
	assert_non_null(strstr(out, "\"alertname\":\"DiskFull\""));
	free(out);
	out = wants(w, "alert query DiskFull");
	assert_non_null(strstr(out, "disk is full"));
	free(out);
	out = wants(w, "alert query alertname=~Nothing.*");
	assert_null(strstr(out, "DiskFull"));
	free(out);
	assert_string_equal(world_status(w, "A1"), "open");

	id = wants(w, "silence add alertname=DiskFull instance=~web-.+ --duration=30m "
		      "--comment='deploy 1.2' --author=alice");
	assert_int_equal(strlen(id), 36);
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json,
		"status"),
	    "active");
	out = wants(w, "silence query");
	assert_non_null(strstr(out, id));
	assert_non_null(strstr(out, "deploy 1.2"));
	assert_non_null(strstr(out, "alice"));
	free(out);
	out = wants(w, "silence query alertname=Other -q");
	assert_string_equal(out, "");
	free(out);
	free(wants(w, "alert add alertname=DiskFull instance=web-2"));
	assert_string_equal(world_status(w, "A2"), "expected");

	args = xasprintf("silence update --duration=1h %s", id);
	out = wants(w, args);
	assert_non_null(strstr(out, id));
	free(out);
	free(args);
	args = xasprintf("silence update --comment=longer %s", id);
	free(wants(w, args));
	out = wants(w, "silence query -q");
	assert_int_equal(strlen(out), 36);
	assert_string_not_equal(
	    out, id); /* what it says is another: it takes the place of the first */
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json,
		"status"),
	    "ended");
	free(args);
	args = xasprintf("silence expire %s", out);
	free(wants(w, args));
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->json,
		"status"),
	    "ended");
	free(args);
	free(out);
	out = wants(w, "silence query");
	assert_null(strstr(out, id));
	free(out);
	out = wants(w, "silence query --expired");
	assert_non_null(strstr(out, id));
	free(out);
	/* A guard rail that refuses is read in the terminal. */
	out =
	    runs(w, "silence add alertname=DiskFull --duration=48h --comment=deploy --author=alice",
		&status);
	assert_int_not_equal(status, 0);
	assert_non_null(strstr(out, "at most 4h at a time"));
	free(out);
	/* Whoever it runs as is nobody here: the token is the author, and covers nobody's logins. */
	free(wants(
	    w, "silence add alertname=DiskFull --duration=30m --comment=deploy --author=daemon"));
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H3", WORLD_OPS, NULL, NULL)->json,
		"author"),
	    "ops");
	out = wants(w, "config show");
	assert_non_null(strstr(out, "headsup"));
	free(out);
	free(id);
}

/* ---- what comes and goes ---------------------------------------------------------------------------------------- */

static void alert__that_comes_and_goes__is_one_card_with_a_count(void **state)
{
	static const char fires[] = "{\"title\":\"link down\",\"dedup_key\":\"link\"}";
	static const char over[] =
	    "{\"title\":\"link down\",\"dedup_key\":\"link\",\"status\":\"resolved\"}";
	struct world *w = *state;

	for (int i = 0; i < 6; i++) {
		world_send_one(w, NULL, fires);
		world_send_one(w, NULL, over);
	}
	world_send_one(w, NULL, fires);
	assert_string_equal(text(world_alert(w, "A2"), "previous"), "A1");
	assert_string_equal(world_status(w, "A2"), "open");
	assert_int_equal(told(w, "A2", "reopened"), 5);
	assert_int_equal(world_http(w, "GET", "/v1/alerts/A3", WORLD_OPS, NULL, NULL)->status, 404);
	world_until(w, world_find(w, ALERTS, "comes and goes") != NULL);
	assert_int_equal(world_count(w, ALERTS, "link down"), 2);
	/* Quiet for long enough, it is news again. */
	world_send_one(w, NULL, over);
	world_clock_advance(w, 700);
	world_send_one(w, NULL, fires);
	assert_string_equal(text(world_alert(w, "A3"), "previous"), "A2");
}

static void alert__that_a_person_resolved__does_not_come_and_go(void **state)
{
	static const char fires[] = "{\"title\":\"link down\",\"dedup_key\":\"link\"}";
	struct world *w = *state;

	for (int i = 1; i <= 4; i++) {
		char id[16];

		world_send_one(w, NULL, fires);
		snprintf(id, sizeof(id), "A%d", i);
		assert_int_equal(world_act(w, id, "resolve", NULL)->status, 200);
	}
	assert_string_equal(text(world_alert(w, "A4"), "previous"), "A3");
}

static void page__of_what_comes_and_goes__follows(void **state)
{
	static const char fires[] =
	    "{\"title\":\"link down\",\"dedup_key\":\"link\",\"severity\":\"critical\"}";
	static const char over[] =
	    "{\"title\":\"link "
	    "down\",\"dedup_key\":\"link\",\"severity\":\"critical\",\"status\":\"resolved\"}";
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		world_send_one(w, NULL, fires);
		world_send_one(w, NULL, over);
	}
	world_until(w, strcmp(text(world_incident(w, "headsup-A2"), "status"), "resolved") == 0);
	world_send_one(w, NULL, fires);
	world_until(w, strcmp(text(world_incident(w, "headsup-A2"), "status"), "triggered") == 0);
}

/* ---- storms ------------------------------------------------------------------------------------------------------ */

/* COUNT alerts of RULE in one request. */
static void storms(struct world *w, const char *rule, int count)
{
	cJSON *list = cJSON_CreateArray();
	char host[32], *body;

	for (int i = 0; i < count; i++) {
		cJSON *alert = cJSON_CreateObject();

		snprintf(host, sizeof(host), "web-%d", i);
		json_put(alert, "title", "port scanned");
		json_put(alert, "rule", rule);
		json_put(alert, "host", host);
		cJSON_AddItemToArray(list, alert);
	}
	body = json_write(list);
	assert_int_equal(world_send(w, NULL, body)->status, 202);
	free(body);
	cJSON_Delete(list);
}

static void storm__of_one_rule__is_one_card_and_holds_up_nobody(void **state)
{
	struct world *w = *state;
	cJSON *card;

	storms(w, "port-scan", 500);
	world_send_one(w, NULL, "{\"title\":\"something else\",\"rule\":\"other\"}");
	world_until(w, world_find(w, ALERTS, "500 alerts of port-scan") != NULL);
	world_until(w, world_find(w, ALERTS, "something else") != NULL);
	assert_int_equal(world_count(w, ALERTS, "port scanned"), 0);
	storms(w, "port-scan", 20); /* the same hosts again: repeats of the same alerts */
	for (int i = 0; i < 5; i++) {
		char body[128];

		snprintf(body, sizeof(body),
		    "{\"title\":\"port scanned\",\"rule\":\"port-scan\",\"host\":\"db-%d\"}", i);
		world_send_one(w, NULL, body);
	}
	world_until(w, world_find(w, ALERTS, "505 alerts of port-scan") != NULL);
	card = world_find(w, ALERTS, "alerts of port-scan");
	assert_true(world_has_button(card, "Ack all"));
	world_press(w, "alice", ALERTS, world_ts(card), "Ack all", NULL);
	world_until(w, strcmp(world_status(w, "A500"), "acked") == 0);
	assert_string_equal(world_status(w, "A1"), "acked");
	assert_string_equal(world_status(w, "A501"), "open");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "alerts of port-scan")),
			   "505 acked") != NULL);
	world_press(w, "alice", ALERTS, world_ts(card), "Resolve all", NULL);
	world_until(w, strcmp(world_status(w, "A500"), "resolved") == 0);
	world_until(
	    w, !world_has_button(world_find(w, ALERTS, "alerts of port-scan"), "Resolve all"));
	assert_int_equal(world_count(w, ALERTS, "alerts of port-scan"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(signature__over_the_wire__lets_in_what_was_signed_and_nothing_else),
	    TEST(okta__over_the_wire__is_answered),
	    TEST(source__past_its_rate__is_429_and_others_are_not_held_up),
	    TEST(token__in_the_address__is_in_no_log),
	    TEST(body__that_is_compressed__is_refused_clearly),
	    TEST(handshakes__of_those_who_ask_before_they_send__are_answered),
	    TEST(slack_webhook__posted_as_to_slack__is_answered_as_slack_does),
	    TEST(events__triggered_acknowledged_resolved__are_one_alert_in_each_state),
	    TEST(event__without_a_key_of_its_own__is_given_one_that_resolves_it),
	    TEST(event__that_is_none__is_told_why),
	    TEST(prometheus__that_stops_sending__has_its_alert_resolved_by_its_end),
	    TEST(prometheus__under_an_announcement__does_not_use_up_its_budget),
	    TEST(alerts__wrong_in_part__are_told_in_a_string_and_the_good_are_kept),
	    TEST(alerts__asked_for__have_alertmanagers_shape),
	    TEST(silence__is_an_announcement__with_its_guard_rails),
	    TEST(matchers__of_silences__mean_what_they_do_there),
	    TEST(amtool__as_it_comes_from_debian__works),
	    TEST(alert__that_comes_and_goes__is_one_card_with_a_count),
	    TEST(alert__that_a_person_resolved__does_not_come_and_go),
	    TEST(page__of_what_comes_and_goes__follows),
	    TEST(storm__of_one_rule__is_one_card_and_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
