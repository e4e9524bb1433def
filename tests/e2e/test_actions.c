/* Ack, resolve and escalate: by button, slash command, mention and API; the card, the API and PagerDuty show the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

#define URGENT "#security-urgent"
#define SHELL "terminal-shell-in-container.json"

/* A critical alert that stands in its channel and at PagerDuty. */
static cJSON *paged(struct world *w)
{
	world_send_one(w, "falco", SHELL);
	world_until(w, world_find(w, URGENT, "A1") != NULL);
	world_until(w, world_incident(w, "headsup-A1") != NULL);
	world_until(w, json_text(json_get(world_alert(w, "A1"), "slack"), "ts") != NULL);
	return world_find(w, URGENT, "A1");
}

static bool incident_is(struct world *w, const char *key, const char *status)
{
	return strcmp(text(world_incident(w, key), "status"), status) == 0;
}

static bool card_says(struct world *w, const char *words)
{
	cJSON *message = world_find(w, URGENT, "A1");

	return message != NULL && strstr(world_words(w, message), words) != NULL;
}

static void ack_and_resolve__by_button__change_card_api_and_pagerduty(void **state)
{
	struct world *w = *state;
	cJSON *message = paged(w);
	const char *ts = world_ts(message);

	world_press(w, "bob", URGENT, ts, "alert_ack", NULL);
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
	world_until(w, card_says(w, "Acked"));
	assert_string_equal(world_status(w, "A1"), "acked");
	world_until(w, strcmp(text(json_get(world_alert(w, "A1"), "pagerduty"), "status"), "acknowledged") == 0);
	assert_false(world_has_button(world_find(w, URGENT, "A1"), "alert_ack"));

	world_press(w, "alice", URGENT, ts, "alert_resolve", NULL);
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
	world_until(w, card_says(w, "Resolved"));
	assert_string_equal(world_status(w, "A1"), "resolved");
	assert_false(world_has_button(world_find(w, URGENT, "A1"), "alert_resolve"));
	assert_int_equal(world_count(w, URGENT, "CRITICAL"), 1);
}

static void ack_and_resolve__by_slash_command__name_what_they_touched(void **state)
{
	struct world *w = *state;

	paged(w);
	assert_non_null(strstr(world_says(w, "alice", URGENT, "ack A1 looking"), "A1"));
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
	world_until(w, card_says(w, "Acked"));
	assert_non_null(strstr(world_says(w, "alice", URGENT, "resolve A1 because planned"), "A1"));
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
	assert_string_equal(world_status(w, "A1"), "resolved");
}

static void ack_and_resolve__by_mention_in_the_thread__need_no_id(void **state)
{
	struct world *w = *state;
	const char *ts = world_ts(paged(w));

	world_mention(w, "alice", URGENT, ts, "ack");
	world_until(w, strcmp(world_status(w, "A1"), "acked") == 0);
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
	world_mention(w, "alice", URGENT, ts, "resolve chef run, as planned");
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
	world_until(w, world_find_reply(w, URGENT, ts, "chef run, as planned") != NULL);
	assert_string_equal(world_status(w, "A1"), "resolved");
}

static void ack_and_resolve__over_http__are_seen_in_slack(void **state)
{
	struct world *w = *state;

	paged(w);
	assert_int_equal(world_act(w, "A1", "ack", NULL)->status, 200);
	world_until(w, card_says(w, "Acked"));
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
	struct world_answer *late = world_act(w, "A1", "ack", NULL);
	assert_int_equal(late->status, 409);
	assert_string_equal(text(json_get(late->json, "alert"), "status"), "acked");
	assert_int_equal(world_act(w, "A1", "resolve", "{\"note\":\"planned\"}")->status, 200);
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
}

static void late_press__of_an_old_card__is_answered_and_changes_nothing(void **state)
{
	struct world *w = *state;
	const char *ts = world_ts(paged(w));

	world_says(w, "alice", URGENT, "resolve A1");
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
	world_press_forced(w, "bob", URGENT, ts, "alert_ack", "A1:1");
	world_until(w, world_find_ephemeral(w, "U0BOB", "already resolved") != NULL);
	assert_string_equal(world_status(w, "A1"), "resolved");
	assert_true(incident_is(w, "headsup-A1", "resolved"));
}

static void escalate__what_has_no_page__pages_by_the_default_key_and_is_broadcast(void **state)
{
	struct world *w = *state;

	world_send_one(w, "falco", "k8saudit-attach-exec.json");
	world_until(w, world_find(w, "#security-alerts", "A1") != NULL);
	const char *ts = world_ts(world_find(w, "#security-alerts", "A1"));
	world_press(w, "alice", "#security-alerts", ts, "alert_escalate", NULL);
	world_until(w, incident_is(w, "headsup-A1", "triggered"));
	world_until(w, world_find_reply(w, "#security-alerts", ts, "Escalated") != NULL);
	assert_true(json_true(world_find_reply(w, "#security-alerts", ts, "Escalated"), "reply_broadcast") ||
		    strstr(text(world_find_reply(w, "#security-alerts", ts, "Escalated"), "subtype"), "broadcast") != NULL);
	world_until(w, strcmp(text(json_get(world_alert(w, "A1"), "pagerduty"), "status"), "triggered") == 0);
	/* Again: it was paged. */
	assert_int_equal(world_act(w, "A1", "escalate", NULL)->status, 409);
	world_act(w, "A1", "resolve", NULL);
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
}

static void escalate__by_slash_and_mention__does_the_same(void **state)
{
	struct world *w = *state;

	world_send_one(w, NULL, "{\"title\":\"one\",\"host\":\"a\"}");
	world_send_one(w, NULL, "{\"title\":\"two\",\"host\":\"b\"}");
	assert_non_null(strstr(world_says(w, "alice", "#security-alerts", "escalate A1 because odd"), "A1"));
	world_until(w, incident_is(w, "headsup-A1", "triggered"));
	world_until(w, world_find(w, "#security-alerts", "A2") != NULL);
	world_until(w, json_text(json_get(world_alert(w, "A2"), "slack"), "ts") != NULL);
	world_mention(w, "bob", "#security-alerts", world_ts(world_find(w, "#security-alerts", "A2")), "escalate");
	world_until(w, incident_is(w, "headsup-A2", "triggered"));
}

static void ack__before_its_page_could_leave__is_paged_then_acked(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"pagerduty\",\"status\":503,\"times\":2}");
	world_send_one(w, "falco", SHELL);
	assert_int_equal(world_act(w, "A1", "ack", NULL)->status, 200);
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
}

static void note__by_slash_command__is_in_the_thread_and_the_timeline(void **state)
{
	struct world *w = *state;
	const char *ts = world_ts(paged(w));

	assert_non_null(strstr(world_says(w, "alice", URGENT, "note A1 asked the owner <!channel>"), "A1"));
	world_until(w, world_find_reply(w, URGENT, ts, "asked the owner") != NULL);
	assert_null(world_find_reply(w, URGENT, ts, "<!channel>"));
}

static void announcement__its_buttons__end_and_extend_it(void **state)
{
	struct world *w = *state;

	world_says(w, "alice", "#security-alerts", "expect host=web-1 for 10m because deploy");
	world_until(w, world_find(w, "#security-alerts", "H1") != NULL);
	const char *ts = world_ts(world_find(w, "#security-alerts", "H1"));
	const char *before = text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json, "ends_at");
	world_press(w, "alice", "#security-alerts", ts, "announcement_extend", NULL);
	world_until(w, strcmp(before, text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json, "ends_at")) != 0);
	world_press(w, "alice", "#security-alerts", ts, "announcement_end", NULL);
	world_until(w, strcmp(text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json, "status"), "ended") == 0);
}

static void press__delivered_twice__acts_once(void **state)
{
	struct world *w = *state;
	const char *ts = world_ts(paged(w));

	world_fault(w, "{\"ws\":\"duplicate\"}");
	world_press(w, "bob", URGENT, ts, "alert_ack", NULL);
	world_until(w, strcmp(world_status(w, "A1"), "acked") == 0);
	world_says(w, "alice", URGENT, "show A1"); /* what came before it has been handled */
	assert_null(world_find_ephemeral(w, "U0BOB", "already acked"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(ack_and_resolve__by_button__change_card_api_and_pagerduty),
	    T(ack_and_resolve__by_slash_command__name_what_they_touched),
	    T(ack_and_resolve__by_mention_in_the_thread__need_no_id),
	    T(ack_and_resolve__over_http__are_seen_in_slack),
	    T(late_press__of_an_old_card__is_answered_and_changes_nothing),
	    T(escalate__what_has_no_page__pages_by_the_default_key_and_is_broadcast),
	    T(escalate__by_slash_and_mention__does_the_same),
	    T(ack__before_its_page_could_leave__is_paged_then_acked),
	    T(note__by_slash_command__is_in_the_thread_and_the_timeline),
	    T(announcement__its_buttons__end_and_extend_it),
	    T(press__delivered_twice__acts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
