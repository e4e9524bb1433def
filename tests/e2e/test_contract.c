/* Corners of the contract, seen from outside: what scrapers, clients and people with quick fingers meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"
#define FAMILIES_MAX 256

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

/* How often the alert's timeline says WHAT. */
static int told(struct world *w, const char *id, const char *what)
{
	const cJSON *event;
	int count = 0;

	cJSON_ArrayForEach(event, json_get(world_alert(w, id), "timeline"))
		count += strcmp(text(event, "what"), what) == 0;
	return count;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

/* A scraper refuses a page on which one family stands twice. */
static void metrics__of_a_whole_daemon__have_each_family_once(void **state)
{
	struct world *w = *state;
	struct world_answer *answer = world_http(w, "GET", "/metrics", NULL, NULL, NULL);
	char *families[FAMILIES_MAX], *rest = answer->body, *line;
	size_t count = 0;

	assert_int_equal(answer->status, 200);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "# TYPE ", 7) != 0)
			continue;
		line += 7;
		line[strcspn(line, " ")] = '\0';
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(families[i], line);
		assert_true(count < FAMILIES_MAX);
		families[count++] = line;
	}
	assert_true(count > 30);
}

static void method__that_a_path_does_not_take__is_told_which_it_does(void **state)
{
	static const struct {
		const char *method, *path, *allow;
	} cases[] = {
	    {"DELETE", "/v1/alerts", "GET, HEAD, POST"},
	    {"PUT", "/v1/alerts/A1/ack", "POST"},
	    {"POST", "/v1/audit", "GET, HEAD"},
	    {"POST", "/healthz", "GET, HEAD"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_answer *answer = world_http(w, cases[i].method, cases[i].path, WORLD_OPS, "{}", NULL);

		assert_int_equal(answer->status, 405);
		assert_string_equal(world_header(w, answer, "allow"), cases[i].allow);
	}
	assert_int_equal(world_http(w, "POST", "/v1/alerts/A1/explode", WORLD_OPS, "{}", NULL)->status, 404);
}

/* ---- an alert's life ------------------------------------------------------------------------------------- */

static void repeat__the_first__is_in_the_timeline_and_not_in_the_thread(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\"}");
	world_until(w, world_find(w, ALERTS, "A1") != NULL);
	assert_int_equal(told(w, "A1", "repeated"), 1);
	assert_int_equal(world_count(w, ALERTS, "has fired"), 0);
}

static void other_actor__than_announced__is_raised_in_the_timeline(void **state)
{
	struct world *w = *state;

	world_says(w, "alice", ALERTS, "expect host=web-1 because deploy");
	world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\",\"actor\":\"mallory\",\"severity\":\"medium\"}");
	assert_string_equal(text(world_alert(w, "A1"), "severity"), "high");
	assert_int_equal(told(w, "A1", "raised"), 1);
}

/* PagerDuty and Slack show one state: what somebody has in hand is paged when it gets worse, and acked there too. */
static void acked_alert__that_is_raised_to_what_pages__is_paged_then_acked(void **state)
{
	struct world *w = *state;

	world_send_one(w, NULL, "{\"title\":\"t\",\"dedup_key\":\"k\",\"severity\":\"low\"}");
	assert_int_equal(world_act(w, "A1", "ack", NULL)->status, 200);
	world_send_one(w, NULL, "{\"title\":\"t\",\"dedup_key\":\"k\",\"severity\":\"critical\"}");
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "acknowledged") == 0);
	assert_string_equal(world_status(w, "A1"), "acked");
	assert_string_equal(text(world_alert(w, "A1"), "severity"), "critical");
}

/* ---- people ---------------------------------------------------------------------------------------------- */

static void command__with_the_ends_of_sentences__is_understood(void **state)
{
	struct world *w = *state;

	world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\"}");
	world_until(w, json_text(json_get(world_alert(w, "A1"), "slack"), "ts") != NULL);
	const char *ts = world_ts(world_find(w, ALERTS, "A1"));
	world_mention(w, "alice", ALERTS, ts, "ack!");
	world_until(w, strcmp(world_status(w, "A1"), "acked") == 0);
	world_mention(w, "alice", ALERTS, NULL, "/headsup resolve A1.");
	world_until(w, strcmp(world_status(w, "A1"), "resolved") == 0);
}

static void note__of_many_words_and_an_open_quote__is_kept_whole(void **state)
{
	struct world *w = *state;
	char note[2 * 1500 + 64];
	size_t len = (size_t)snprintf(note, sizeof(note), "note A1 \"oh, he said ");

	world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\"}");
	for (int i = 0; i < 1500; i++)
		len += (size_t)snprintf(note + len, sizeof(note) - len, "w ");
	assert_non_null(strstr(world_says(w, "alice", ALERTS, note), "Noted on A1"));
	assert_int_equal(told(w, "A1", "noted"), 1);
}

static void actor__named_as_a_person__is_any_of_their_logins(void **state)
{
	static const char *const said[] = {"@bob", "<@U0BOB>", "actor=@bob", "actor=<@U0BOB>", "ACTOR=<@U0BOB|bob>"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char command[128];

		snprintf(command, sizeof(command), "expect %s because deploy", said[i]);
		assert_non_null(strstr(world_says(w, "alice", ALERTS, command), "`actor=bob`"));
	}
	world_send_one(w, NULL, "{\"title\":\"t\",\"actor\":\"bob\"}");
	assert_string_equal(world_status(w, "A1"), "expected");
	assert_non_null(strstr(world_says(w, "alice", ALERTS, "alerts @bob"), "A1"));
}

/* ---- Slack ----------------------------------------------------------------------------------------------- */

static void slack__that_does_not_say_who_we_are__is_connected_all_the_same(void **state)
{
	const struct world_options options = {.no_start = true};
	struct world *w = world_start(&options);

	(void)state;
	world_fault(w, "{\"method\":\"auth.test\",\"error\":\"internal_error\",\"times\":100}");
	world_boot(w);
	world_until(w, world_slack_is(w, "connected"));
	world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\"}");
	world_until(w, json_text(json_get(world_alert(w, "A1"), "slack"), "ts") != NULL);
	world_mention(w, "alice", ALERTS, world_ts(world_find(w, ALERTS, "A1")), "ack");
	world_until(w, strcmp(world_status(w, "A1"), "acked") == 0);
	world_stop(w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(metrics__of_a_whole_daemon__have_each_family_once),
	    T(method__that_a_path_does_not_take__is_told_which_it_does),
	    T(repeat__the_first__is_in_the_timeline_and_not_in_the_thread),
	    T(other_actor__than_announced__is_raised_in_the_timeline),
	    T(acked_alert__that_is_raised_to_what_pages__is_paged_then_acked),
	    T(command__with_the_ends_of_sentences__is_understood),
	    T(note__of_many_words_and_an_open_quote__is_kept_whole),
	    T(actor__named_as_a_person__is_any_of_their_logins),
	    cmocka_unit_test(slack__that_does_not_say_who_we_are__is_connected_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
