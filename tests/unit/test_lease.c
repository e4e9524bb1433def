/* Leases: an announcement that lives as long as its job renews it, and covers nothing a second longer. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/api.h"

#define OPS "ops-secret-0000000"
#define CI "ci-secret-00000000"

#define HOURS(n) ((n)*3600)

static const char lease_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "tokens:\n"
    "  - {name: ci, token: ci-secret-00000000, may: [announce]}\n"
    "  - {name: other, token: other-secret-000000, may: [announce]}\n"
    "  - {name: ops, token: ops-secret-0000000, may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com}\n"
    "policy: {max_duration: 2h, default_budget: 2}\n";

static int setup(void **state)
{
	*state = desk_world_new(lease_config);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* POST PATH as TOKEN; the answer's JSON, which the caller deletes. */
static cJSON *posts(
    struct desk_world *w, const char *path, const char *token, const char *body, int status)
{
	char authorization[64];
	const struct api_param header = {"authorization", authorization};
	const struct api_request request = {.method = "POST",
	    .path = path,
	    .headers = &header,
	    .header_count = 1,
	    .body = body,
	    .body_len = strlen(body),
	    .remote = "127.0.0.1"};
	struct api_answer answer;
	cJSON *json;
	bool keep;

	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	api_answer_init(&answer);
	desk_world_begin(w);
	keep = api_handle(w->desk, &request, &answer);
	desk_world_end(w, keep);
	json = cJSON_Parse(buf_text(&answer.body));
	if (answer.status != status)
		fail_msg("%s %s: %d is not %d: %s", path, body, answer.status, status,
		    buf_text(&answer.body));
	api_answer_fini(&answer);
	return json;
}

static void posted(
    struct desk_world *w, const char *path, const char *token, const char *body, int status)
{
	cJSON_Delete(posts(w, path, token, body, status));
}

/* POST, and what the member NAME of the answer says. */
static void says(struct desk_world *w, const char *path, const char *token, const char *body,
    int status, const char *name, const char *value)
{
	cJSON *json = posts(w, path, token, body, status);

	assert_non_null(json_text(json, name));
	assert_string_equal(json_text(json, name), value);
	cJSON_Delete(json);
}

static void begins(struct desk_world *w)
{
	posted(w, "/v1/announcements", CI,
	    "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"because\":\"deploy "
	    "7\",\"lease\":\"20s\"}",
	    201);
}

static void ticks(struct desk_world *w)
{
	struct error err;

	desk_world_begin(w);
	assert_true(announcements_tick(w->desk, &err));
	desk_world_end(w, true);
}

/* An alert of HOST comes in; what became of it. */
static enum alert_status comes(struct desk_world *w, const char *host)
{
	struct alert alert;
	enum alert_status status;
	struct error err;

	alert_init(&alert);
	alert.title = xstrdup("sshd started");
	alert.host = xstrdup(host);
	alert.actor = xstrdup("deploy");
	desk_world_begin(w);
	assert_true(intake(w->desk, &alert, &err));
	desk_world_end(w, true);
	status = alert.status;
	alert_fini(&alert);
	return status;
}

static struct announcement *kept(struct desk_world *w)
{
	struct announcement *announcement = storage_announcement(w->storage, 1, NULL);

	assert_non_null(announcement);
	return announcement;
}

static void lease__while_it_is_renewed__covers(void **state)
{
	struct desk_world *w = *state;

	begins(w);
	assert_int_equal(comes(w, "web-1"), ALERT_EXPECTED);
	for (int i = 0; i < 10; i++) {
		w->desk->now += 19;
		ticks(w);
		posted(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 200);
	}
	assert_int_equal(comes(w, "web-2"), ALERT_EXPECTED);
}

static void lease__that_ran_out__covers_nothing_even_before_the_tick(void **state)
{
	struct desk_world *w = *state;

	begins(w);
	w->desk->now += 19;
	assert_int_equal(comes(w, "web-1"), ALERT_EXPECTED);
	w->desk->now += 1;

	assert_int_equal(comes(w, "web-2"), ALERT_OPEN);
	says(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 409, "reason", "conflict");
	assert_int_equal(comes(w, "web-3"), ALERT_OPEN);
	posted(w, "/v1/announcements/H1/extend", CI, "{\"for\":\"30m\"}", 409);
	posted(w, "/v1/announcements/H1/end", CI, "{}", 409);
}

static void lease__that_ran_out__ends_at_the_tick_and_says_so(void **state)
{
	struct desk_world *w = *state;
	struct announcement *announcement;
	cJSON *refused;

	begins(w);
	w->desk->now += 20;
	ticks(w);
	announcement = kept(w);
	assert_int_equal(announcement->state, ANNOUNCEMENT_ENDED);
	assert_string_equal(announcement->over_why, "lease");
	assert_int_equal(announcement->over_at, NOON + 20);
	announcement_free(announcement);
	assert_null(announcements_find(w->desk, 1));

	refused = posts(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 409);
	assert_string_equal(json_text(json_get(refused, "announcement"), "over_why"), "lease");
	assert_string_equal(json_text(json_get(refused, "announcement"), "status"), "ended");
	cJSON_Delete(refused);
}

static void lease__after_a_restart__still_runs_out(void **state)
{
	struct desk_world *w = *state;
	struct error err;

	begins(w);
	desk_free(w->desk);
	w->desk = desk_new(w->config, w->storage, NOON + 3600, &err);
	assert_non_null(w->desk);
	assert_int_equal(comes(w, "web-1"), ALERT_OPEN);
	ticks(w);
	assert_null(announcements_find(w->desk, 1));
}

static void lease__however_often_renewed__ends_with_max_duration(void **state)
{
	struct desk_world *w = *state;
	struct announcement *announcement;

	begins(w);
	announcement = kept(w);
	assert_int_equal(announcement->ends_at, NOON + HOURS(2));
	announcement_free(announcement);
	posted(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"5m\"}", 200);
	while (w->desk->now < NOON + HOURS(2) - 100) {
		w->desk->now += 100;
		posted(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"5m\"}", 200);
	}
	assert_int_equal(comes(w, "web-1"), ALERT_EXPECTED);
	w->desk->now = NOON + HOURS(2);
	assert_int_equal(comes(w, "web-2"), ALERT_OPEN);
	ticks(w);
	announcement = kept(w);
	assert_string_equal(announcement->over_why, "time");
	announcement_free(announcement);
}

static void lease__past_its_budget__is_broken_like_any_other(void **state)
{
	struct desk_world *w = *state;
	cJSON *refused;

	begins(w);
	assert_int_equal(comes(w, "web-1"), ALERT_EXPECTED);
	assert_int_equal(comes(w, "web-2"), ALERT_EXPECTED);
	assert_int_equal(comes(w, "web-3"), ALERT_OPEN);
	refused = posts(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 409);
	assert_string_equal(json_text(json_get(refused, "announcement"), "over_why"), "budget");
	cJSON_Delete(refused);
	assert_int_equal(comes(w, "web-4"), ALERT_OPEN);
}

static void renewal__by_another_token__is_refused(void **state)
{
	struct desk_world *w = *state;

	begins(w);
	posted(w, "/v1/announcements/H1/renew", "other-secret-000000", "{\"lease\":\"20s\"}", 403);
	posted(w, "/v1/announcements/H1/renew", OPS, "{\"lease\":\"20s\"}", 403);
	w->desk->now += 20;
	assert_int_equal(comes(w, "web-1"), ALERT_OPEN);
}

static void lease__announced_for_a_person__is_renewed_by_who_may_announce_for_them(void **state)
{
	struct desk_world *w = *state;

	says(w, "/v1/announcements", OPS,
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"lease\":\"20s\",\"author\":\"alice\"}",
	    201, "author", "alice");
	w->desk->now += 10;
	posted(w, "/v1/announcements/H1/renew", OPS, "{\"lease\":\"20s\"}", 200);
	posted(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 403);
}

static void renewal__is_no_change__that_people_or_buttons_see(void **state)
{
	struct desk_world *w = *state;
	struct announcement *before, *after;

	begins(w);
	before = kept(w);
	w->desk->now += 5;
	posted(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 200);
	after = kept(w);
	assert_int_equal(after->version, before->version);
	assert_int_equal(after->lease_until, NOON + 25);
	assert_int_equal(after->ends_at, before->ends_at);
	announcement_free(before);
	announcement_free(after);
}

static void lease__outside_of_its_bounds__is_refused(void **state)
{
	static const struct {
		const char *lease;
		int status;
	} cases[] = {
	    {"\"5s\"", 201},
	    {"\"20s\"", 201},
	    {"\"5m\"", 201},
	    {"null", 201},
	    {"\"4s\"", 400},
	    {"\"0s\"", 400},
	    {"\"5m1s\"", 400},
	    {"\"1d\"", 400},
	    {"\"20\"", 400},
	    {"\"\"", 400},
	    {"20", 400},
	    {"true", 400},
	    {"[\"20s\"]", 400},
	};
	struct desk_world *w = *state;

	begins(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[128];

		snprintf(body, sizeof(body),
		    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"lease\":%s}", cases[i].lease);
		posted(w, "/v1/announcements", CI, body, cases[i].status);
		if (strcmp(cases[i].lease, "null") == 0)
			continue;
		snprintf(body, sizeof(body), "{\"lease\":%s}", cases[i].lease);
		posted(
		    w, "/v1/announcements/H1/renew", CI, body, cases[i].status == 201 ? 200 : 400);
	}
	posted(w, "/v1/announcements/H1/renew", CI, "{}", 400);
	posted(w, "/v1/announcements/H99/renew", CI, "{\"lease\":\"20s\"}", 404);
	posted(w, "/v1/announcements", CI,
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"lease\":\"20s\",\"from\":\"2026-03-"
	    "02T13:00:00Z\"}",
	    400);
}

static void window__without_a_lease__cannot_be_renewed(void **state)
{
	struct desk_world *w = *state;

	posted(w, "/v1/announcements", CI, "{\"match\":[\"host=web-*\"],\"because\":\"x\"}", 201);
	says(w, "/v1/announcements/H1/renew", CI, "{\"lease\":\"20s\"}", 409, "reason", "conflict");
}

static void refusal__by_policy__says_that_it_is_policy(void **state)
{
	static const char *const cases[] = {
	    "{\"match\":[\"host=web-*\"]}",
	    "{\"match\":[\"host=*\"],\"because\":\"x\"}",
	    "{\"match\":[],\"because\":\"x\"}",
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"for\":\"3h\"}",
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"for\":\"3h\",\"lease\":\"20s\"}",
	    "{\"match\":[\"host=web-*\"],\"because\":\"x\",\"max\":1000000,\"lease\":\"20s\"}",
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		says(w, "/v1/announcements", CI, cases[i], 409, "reason", "policy");
}

static void match__that_is_a_person__is_written_out(void **state)
{
	struct desk_world *w = *state;
	cJSON *made = posts(w, "/v1/announcements", CI,
	    "{\"match\":[\"host=web-*\",\"@alice\"],\"because\":\"x\"}", 201);

	assert_string_equal(
	    cJSON_GetArrayItem(json_get(made, "match"), 1)->valuestring, "actor=alice,aliced");
	cJSON_Delete(made);
	posted(w, "/v1/announcements", CI,
	    "{\"match\":[\"host=web-*\",\"@nobody\"],\"because\":\"x\"}", 400);
	posted(w, "/v1/announcements", CI,
	    "{\"match\":[\"host=web-*\",\"@bob@example.com\"],\"because\":\"x\"}", 400);
	posted(w, "/v1/announcements", CI, "{\"match\":\"@\",\"because\":\"x\"}", 400);
	posted(w, "/v1/announcements", CI, "{\"match\":\"@alice\",\"because\":\"x\"}", 201);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lease__while_it_is_renewed__covers),
	    TEST(lease__that_ran_out__covers_nothing_even_before_the_tick),
	    TEST(lease__that_ran_out__ends_at_the_tick_and_says_so),
	    TEST(lease__after_a_restart__still_runs_out),
	    TEST(lease__however_often_renewed__ends_with_max_duration),
	    TEST(lease__past_its_budget__is_broken_like_any_other),
	    TEST(renewal__by_another_token__is_refused),
	    TEST(lease__announced_for_a_person__is_renewed_by_who_may_announce_for_them),
	    TEST(renewal__is_no_change__that_people_or_buttons_see),
	    TEST(lease__outside_of_its_bounds__is_refused),
	    TEST(window__without_a_lease__cannot_be_renewed),
	    TEST(refusal__by_policy__says_that_it_is_policy),
	    TEST(match__that_is_a_person__is_written_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
