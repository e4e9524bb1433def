/* The HTTP interface's meaning, without a socket. */
#include "tests/unit/desk_world.h"

#include "handlers/api.h"

struct asked {
	int status;
	cJSON *json;
	char *text;
	const char *type;
};

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* One request with TOKEN (NULL: none); PATH may have one query parameter. */
static struct asked asks(struct desk_world *w, const char *method, const char *path, const char *token, const char *body)
{
	char authorization[256], plain[256];
	struct api_param headers[1], query[1];
	struct api_request request = {.method = method, .path = plain, .headers = headers, .query = query, .remote = "127.0.0.1"};
	struct api_answer answer;
	struct asked asked;
	char *mark, *equals;
	bool keep;

	snprintf(plain, sizeof(plain), "%s", path);
	mark = strchr(plain, '?');
	if (mark != NULL) {
		*mark++ = '\0';
		equals = strchr(mark, '=');
		*equals++ = '\0';
		query[0] = (struct api_param){mark, equals};
		request.query_count = 1;
	}
	if (token != NULL) {
		snprintf(authorization, sizeof(authorization), "Bearer %s", token);
		headers[0] = (struct api_param){"authorization", authorization};
		request.header_count = 1;
	}
	request.body = body != NULL ? body : "";
	request.body_len = strlen(request.body);
	api_answer_init(&answer);
	desk_world_begin(w);
	keep = api_handle(w->desk, &request, &answer);
	desk_world_end(w, keep);
	asked.status = answer.status;
	asked.type = answer.content_type;
	asked.text = xstrdup(buf_text(&answer.body));
	asked.json = cJSON_Parse(asked.text);
	api_answer_fini(&answer);
	return asked;
}

static void forget(struct asked *asked)
{
	cJSON_Delete(asked->json);
	free(asked->text);
}

static void expect_status(struct desk_world *w, const char *method, const char *path, const char *token, const char *body, int status)
{
	struct asked asked = asks(w, method, path, token, body);

	if (asked.status != status)
		fail_msg("%s %s: %d is not %d: %s", method, path, asked.status, status, asked.text);
	if (status >= 400)
		assert_string_equal(asked.type, "application/problem+json");
	forget(&asked);
}

#define OPS "ops-secret-0000000"
#define CI "ci-secret-00000000"

static void request__by_credentials__gets_what_they_may(void **state)
{
	static const struct {
		const char *method, *path, *token, *body;
		int status;
	} cases[] = {
	    {"POST", "/v1/alerts", NULL, "{\"title\":\"t\"}", 401},
	    {"POST", "/v1/alerts", "wrong", "{\"title\":\"t\"}", 401},
	    {"POST", "/v1/alerts", "", "{\"title\":\"t\"}", 401},
	    {"POST", "/v1/alerts", CI, "{\"title\":\"t\"}", 403},
	    {"POST", "/v1/alerts", OPS, "{\"title\":\"t\"}", 202},
	    {"POST", "/v1/alerts?token=" OPS, NULL, "{\"title\":\"t\"}", 202},
	    {"POST", "/v1/alerts/homegrown", "homegrown-secret-0", "{\"title\":\"t\"}", 202},
	    {"POST", "/v1/alerts/homegrown", "falco-secret-0000", "{\"title\":\"t\"}", 403},
	    {"POST", "/v1/alerts/homegrown", OPS, "{\"title\":\"t\"}", 202},
	    {"POST", "/v1/alerts/homegrown", CI, "{\"title\":\"t\"}", 403},
	    {"POST", "/v1/alerts/nobody", OPS, "{\"title\":\"t\"}", 404},
	    {"POST", "/v1/alerts/nobody", NULL, "{\"title\":\"t\"}", 401},
	    {"GET", "/v1/alerts", "falco-secret-0000", NULL, 403},
	    {"GET", "/v1/alerts", CI, NULL, 403},
	    {"GET", "/v1/alerts", OPS, NULL, 200},
	    {"GET", "/v1/announcements", CI, NULL, 200},
	    {"GET", "/v1/audit", CI, NULL, 403},
	    {"GET", "/v1/audit", OPS, NULL, 200},
	    {"GET", "/v1/outbox", OPS, NULL, 200},
	    {"GET", "/nowhere", OPS, NULL, 404},
	    {"GET", "/v1/alerts/", OPS, NULL, 404},
	    {"DELETE", "/v1/alerts", OPS, NULL, 405},
	    {"GET", "/v1/alerts/A99", OPS, NULL, 404},
	    {"GET", "/v1/alerts/99", OPS, NULL, 404},
	    {"GET", "/v1/alerts/A99999999999999999999999", OPS, NULL, 404},
	    {"POST", "/v1/alerts/A99/ack", OPS, NULL, 404},
	    {"POST", "/v1/alerts/A99/ack", CI, NULL, 403},
	    {"GET", "/v1/alerts?limit=0", OPS, NULL, 400},
	    {"GET", "/v1/alerts?limit=x", OPS, NULL, 400},
	    {"GET", "/v1/alerts?cursor=x", OPS, NULL, 400},
	    {"GET", "/v1/alerts?status=odd", OPS, NULL, 400},
	    {"GET", "/v1/alerts?since=yesterday", OPS, NULL, 400},
	    {"GET", "/v1/alerts?since=24h", OPS, NULL, 200},
	    {"GET", "/v1/alerts?match=host", OPS, NULL, 400},
	    {"GET", "/v1/announcements?status=odd", OPS, NULL, 400},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_status(*state, cases[i].method, cases[i].path, cases[i].token, cases[i].body, cases[i].status);
}

static void alert__of_a_bad_form__is_refused_clearly(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
	    {"", 400},
	    {"{", 400},
	    {"null", 400},
	    {"3", 400},
	    {"\"text\"", 400},
	    {"{}", 400},
	    {"{\"title\":\"\"}", 400},
	    {"{\"title\":3}", 400},
	    {"{\"title\":null}", 400},
	    {"[{\"title\":3}]", 400},
	    {"[]", 202},
	    {"{\"title\":\"t\",\"host\":3,\"severity\":{},\"occurred_at\":\"never\",\"labels\":[]}", 202},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_status(*state, "POST", "/v1/alerts", OPS, cases[i].body, cases[i].status);
}

static void array__with_a_bad_item__takes_the_others(void **state)
{
	struct asked asked = asks(*state, "POST", "/v1/alerts", OPS, "[{\"title\":\"a\"},{\"title\":\"b\",\"host\":\"h\"},{},7]");
	const cJSON *alerts = json_get(asked.json, "alerts"), *errors = json_get(asked.json, "errors");
	int64_t accepted, index;

	assert_int_equal(asked.status, 202);
	assert_true(json_int(asked.json, "accepted", &accepted));
	assert_int_equal(accepted, 2);
	assert_int_equal(cJSON_GetArraySize(alerts), 2);
	assert_string_equal(json_text(cJSON_GetArrayItem(alerts, 1), "status"), "open");
	assert_int_equal(cJSON_GetArraySize(errors), 2);
	assert_true(json_int(cJSON_GetArrayItem(errors, 0), "index", &index));
	assert_int_equal(index, 2);
	forget(&asked);
}

static void alert__read_back__has_every_field_and_its_timeline(void **state)
{
	struct asked asked = asks(*state, "POST", "/v1/alerts", OPS,
	    "{\"title\":\"t \\u00e9\",\"description\":\"d\",\"severity\":\"high\",\"rule\":\"r\",\"source\":\"s\",\"actor\":\"a\",\"host\":\"h\","
	    "\"ip\":\"10.0.0.1\",\"process\":\"p\",\"service\":\"sv\",\"env\":\"prod\",\"account\":\"1\",\"region\":\"eu\","
	    "\"url\":\"https://x/\",\"dedup_key\":\"k\",\"occurred_at\":\"2026-03-02T11:59:00Z\",\"labels\":{\"team\":\"sec\"},\"odd\":\"label\"}");

	assert_int_equal(asked.status, 202);
	forget(&asked);
	asked = asks(*state, "GET", "/v1/alerts/A1", OPS, NULL);
	assert_int_equal(asked.status, 200);
	assert_string_equal(json_text(asked.json, "id"), "A1");
	assert_string_equal(json_text(asked.json, "title"), "t é");
	assert_string_equal(json_text(asked.json, "severity"), "high");
	assert_string_equal(json_text(asked.json, "source"), "s");
	assert_string_equal(json_text(asked.json, "occurred_at"), "2026-03-02T11:59:00Z");
	assert_string_equal(json_text(asked.json, "received_at"), "2026-03-02T12:00:00Z");
	assert_string_equal(json_text(json_get(asked.json, "labels"), "team"), "sec");
	assert_string_equal(json_text(json_get(asked.json, "labels"), "odd"), "label");
	assert_true(cJSON_IsNull(json_get(asked.json, "slack")));
	assert_true(cJSON_IsNull(json_get(asked.json, "pagerduty")));
	assert_true(cJSON_IsNull(json_get(asked.json, "announcement")));
	assert_string_equal(json_text(cJSON_GetArrayItem(json_get(asked.json, "timeline"), 0), "what"), "fired");
	forget(&asked);
}

static void alerts__more_than_the_limit__come_page_by_page_newest_first(void **state)
{
	char body[64], path[96];
	struct asked asked;

	for (int i = 1; i <= 5; i++) {
		snprintf(body, sizeof(body), "{\"title\":\"t\",\"host\":\"h%d\"}", i);
		expect_status(*state, "POST", "/v1/alerts", OPS, body, 202);
	}
	asked = asks(*state, "GET", "/v1/alerts?limit=3", OPS, NULL);
	assert_int_equal(cJSON_GetArraySize(json_get(asked.json, "alerts")), 3);
	assert_string_equal(json_text(cJSON_GetArrayItem(json_get(asked.json, "alerts"), 0), "id"), "A5");
	snprintf(path, sizeof(path), "/v1/alerts?cursor=%s", json_text(asked.json, "next_cursor"));
	forget(&asked);
	asked = asks(*state, "GET", path, OPS, NULL);
	assert_int_equal(cJSON_GetArraySize(json_get(asked.json, "alerts")), 2);
	assert_true(cJSON_IsNull(json_get(asked.json, "next_cursor")));
	forget(&asked);
	asked = asks(*state, "GET", "/v1/alerts?match=host=h2,h3", OPS, NULL);
	assert_int_equal(cJSON_GetArraySize(json_get(asked.json, "alerts")), 2);
	forget(&asked);
}

static void ack__twice_over_http__is_a_conflict_with_the_alerts_state(void **state)
{
	struct asked asked;

	expect_status(*state, "POST", "/v1/alerts", OPS, "{\"title\":\"t\"}", 202);
	asked = asks(*state, "POST", "/v1/alerts/A1/ack", OPS, "{\"note\":\"looking\"}");
	assert_int_equal(asked.status, 200);
	assert_string_equal(json_text(asked.json, "status"), "acked");
	forget(&asked);
	asked = asks(*state, "POST", "/v1/alerts/a1/ack", OPS, "");
	assert_int_equal(asked.status, 409);
	assert_string_equal(json_text(json_get(asked.json, "alert"), "status"), "acked");
	assert_non_null(strstr(json_text(asked.json, "detail"), "already acked by ops"));
	forget(&asked);
	expect_status(*state, "POST", "/v1/alerts/A1/explode", OPS, "", 404);
	expect_status(*state, "POST", "/v1/alerts/A1/note", OPS, "{\"note\":3}", 400);
	expect_status(*state, "POST", "/v1/alerts/A1/note", OPS, "{}", 400);
	expect_status(*state, "POST", "/v1/alerts/A1/note", OPS, "[]", 400);
	expect_status(*state, "POST", "/v1/alerts/A1/resolve", OPS, "{}", 200);
}

#define DEPLOY "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"for\":\"30m\",\"max\":20,\"because\":\"deploy 1.2.3\"}"

static void announcement__from_ci__suppresses_until_it_is_ended(void **state)
{
	struct asked asked = asks(*state, "POST", "/v1/announcements", CI, DEPLOY);

	assert_int_equal(asked.status, 201);
	assert_string_equal(json_text(asked.json, "id"), "H1");
	assert_string_equal(json_text(asked.json, "status"), "active");
	assert_string_equal(json_text(asked.json, "author"), "ci");
	assert_string_equal(json_text(asked.json, "ends_at"), "2026-03-02T12:30:00Z");
	forget(&asked);
	asked = asks(*state, "POST", "/v1/alerts", OPS, "{\"title\":\"t\",\"host\":\"web-1\",\"actor\":\"deploy\"}");
	assert_string_equal(json_text(cJSON_GetArrayItem(json_get(asked.json, "alerts"), 0), "status"), "expected");
	forget(&asked);
	asked = asks(*state, "GET", "/v1/alerts/A1", OPS, NULL);
	assert_string_equal(json_text(asked.json, "announcement"), "H1");
	forget(&asked);
	asked = asks(*state, "POST", "/v1/announcements/H1/end", CI, NULL);
	assert_int_equal(asked.status, 200);
	assert_string_equal(json_text(asked.json, "status"), "ended");
	forget(&asked);
	asked = asks(*state, "POST", "/v1/alerts", OPS, "{\"title\":\"t\",\"host\":\"web-2\",\"actor\":\"deploy\"}");
	assert_string_equal(json_text(cJSON_GetArrayItem(json_get(asked.json, "alerts"), 0), "status"), "open");
	forget(&asked);
}

static void announcement__that_policy_refuses__says_why(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *says;
	} cases[] = {
	    {"{}", 400, "match"},
	    {"{\"match\":[],\"because\":\"x\"}", 409, "at least one MATCH"},
	    {"{\"match\":[\"host=*\"],\"because\":\"x\"}", 409, "*"},
	    {"{\"match\":[\"host!=web-1\"],\"because\":\"x\"}", 409, "at least one match"},
	    {"{\"match\":[\"host=web-1\"]}", 409, "reason"},
	    {"{\"match\":[\"host=web-1\"],\"because\":\"x\",\"for\":\"9h\"}", 409, "4h"},
	    {"{\"match\":[\"host=web-1\"],\"because\":\"x\",\"for\":\"30\"}", 400, "30m"},
	    {"{\"match\":[\"host=web-1\"],\"because\":\"x\",\"max\":0}", 400, "max"},
	    {"{\"match\":[\"host=web-1\"],\"because\":\"x\",\"max\":\"many\"}", 400, "max"},
	    {"{\"match\":[\"host~(\"],\"because\":\"x\"}", 400, "host"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asked asked = asks(*state, "POST", "/v1/announcements", CI, cases[i].body);

		if (asked.status != cases[i].status)
			fail_msg("%s: %d %s", cases[i].body, asked.status, asked.text);
		if (strstr(json_text(asked.json, "detail"), cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].body, asked.text);
		forget(&asked);
	}
}

static void announcement__with_the_same_idempotency_key__is_made_once(void **state)
{
	struct desk_world *w = *state;
	struct api_param headers[] = {{"Authorization", "Bearer " CI}, {"Idempotency-Key", "job-7"}};
	struct api_request request = {.method = "POST", .path = "/v1/announcements", .headers = headers, .header_count = 2,
	    .body = DEPLOY, .body_len = strlen(DEPLOY), .remote = "127.0.0.1"};

	for (int i = 0; i < 2; i++) {
		struct api_answer answer;

		api_answer_init(&answer);
		desk_world_begin(w);
		assert_true(api_handle(w->desk, &request, &answer));
		desk_world_end(w, true);
		assert_int_equal(answer.status, 201);
		assert_non_null(strstr(buf_text(&answer.body), "\"H1\""));
		api_answer_fini(&answer);
	}
}

static void announcement__of_another_token__is_not_its_to_end(void **state)
{
	expect_status(*state, "POST", "/v1/announcements", OPS, DEPLOY, 201);
	expect_status(*state, "POST", "/v1/announcements/H1/end", CI, NULL, 403);
	expect_status(*state, "POST", "/v1/announcements/H9/end", CI, NULL, 404);
	expect_status(*state, "POST", "/v1/announcements/H1/end", OPS, NULL, 200);
	expect_status(*state, "POST", "/v1/announcements/H1/end", OPS, NULL, 409);
	expect_status(*state, "POST", "/v1/announcements/H1/dance", OPS, NULL, 404);
}

static void announcement__for_somebody_else__needs_the_right_to(void **state)
{
	struct asked asked =
	    asks(*state, "POST", "/v1/announcements", CI, "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"author\":\"alice\"}");

	assert_int_equal(asked.status, 201);
	assert_string_equal(json_text(asked.json, "author"), "ci");
	forget(&asked);
}

static void answer__about_people__names_them(void **state)
{
	struct asked asked = asks(*state, "POST", "/v1/announcements", OPS,
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"author\":\"alice@example.com\"}");

	assert_int_equal(asked.status, 201);
	assert_string_equal(json_text(asked.json, "author"), "alice");
	assert_string_equal(json_text(asked.json, "author_id"), "U0ALICE");
	forget(&asked);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(request__by_credentials__gets_what_they_may),
	    T(alert__of_a_bad_form__is_refused_clearly),
	    T(array__with_a_bad_item__takes_the_others),
	    T(alert__read_back__has_every_field_and_its_timeline),
	    T(alerts__more_than_the_limit__come_page_by_page_newest_first),
	    T(ack__twice_over_http__is_a_conflict_with_the_alerts_state),
	    T(announcement__from_ci__suppresses_until_it_is_ended),
	    T(announcement__that_policy_refuses__says_why),
	    T(announcement__with_the_same_idempotency_key__is_made_once),
	    T(announcement__of_another_token__is_not_its_to_end),
	    T(announcement__for_somebody_else__needs_the_right_to),
	    T(answer__about_people__names_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
