/* Taken back, handed on, and what nobody has: un-ack, reopen, assign; Slack out of reach; the reminder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

#define URGENT "#security-urgent"
#define ALERTS "#security-alerts"
#define HIGH                          \
	"{\"title\":\"root shell on " \
	"web-9\",\"rule\":\"shell\",\"host\":\"web-9\",\"severity\":\"high\"}"

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static const char *paged(struct world *w)
{
	world_send_one(w, "falco", "terminal-shell-in-container.json");
	world_until(w, world_find(w, URGENT, "A1") != NULL);
	world_until(w, world_incident(w, "headsup-A1") != NULL);
	return world_ts(world_find(w, URGENT, "A1"));
}

static bool incident_is(struct world *w, const char *key, const char *status)
{
	return strcmp(text(world_incident(w, key), "status"), status) == 0;
}

static int incidents(struct world *w, const char *key)
{
	const cJSON *one;
	int count = 0;

	cJSON_ArrayForEach(one, json_get(world_pagerduty(w), "incidents")) count +=
	    strcmp(text(one, "dedup_key"), key) == 0;
	return count;
}

static bool card_says(struct world *w, const char *channel, const char *words)
{
	cJSON *message = world_find(w, channel, "A1");

	return message != NULL && strstr(world_words(w, message), words) != NULL;
}

static bool has_event(struct world *w, const char *id, const char *what)
{
	const cJSON *event;

	cJSON_ArrayForEach(event, json_get(world_alert(w, id), "timeline"))
	{
		if (strcmp(text(event, "what"), what) == 0)
			return true;
	}
	return false;
}

static bool is_degraded(struct world *w, const char *part)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, json_get(world_ready(w), "degraded"))
	{
		if (strstr(cJSON_GetStringValue(one), part) != NULL)
			return true;
	}
	return false;
}

/* ---- taken back, handed on --------------------------------------------------------------------------------- */

static void unack__from_the_menu__opens_it_and_tells_what_pagerduty_keeps(void **state)
{
	struct world *w = *state;
	const char *ts = paged(w);

	world_press(w, "bob", URGENT, ts, "alert_ack", NULL);
	world_until(w, card_says(w, URGENT, "Acked by"));
	world_until(w, incident_is(w, "headsup-A1", "acknowledged"));
	world_press(w, "alice", URGENT, ts, "Un-ack", NULL);
	world_until(w, card_says(w, URGENT, "Un-acked by"));
	assert_string_equal(world_status(w, "A1"), "open");
	assert_true(has_event(w, "A1", "unacked"));
	assert_true(cJSON_IsNull(json_get(world_alert(w, "A1"), "assignee")));
	world_until(
	    w, world_find_reply(w, URGENT, ts, "PagerDuty still shows it as acknowledged") != NULL);
	assert_true(world_has_button(world_find(w, URGENT, "A1"), "alert_ack"));
	world_press(w, "bob", URGENT, ts, "alert_ack", NULL);
	world_until(w, strcmp(world_status(w, "A1"), "acked") == 0);
}

static void reopen__from_the_menu__makes_a_new_incident(void **state)
{
	struct world *w = *state;
	const char *ts = paged(w);

	world_press(w, "bob", URGENT, ts, "alert_resolve", NULL);
	world_until(w, incident_is(w, "headsup-A1", "resolved"));
	world_until(w, card_says(w, URGENT, "Resolved"));
	world_press(w, "alice", URGENT, ts, "Reopen", NULL);
	world_until(w, card_says(w, URGENT, "Reopened by"));
	world_until(
	    w, incidents(w, "headsup-A1") == 2 && incident_is(w, "headsup-A1", "triggered"));
	world_until(w,
	    strcmp(text(json_get(world_alert(w, "A1"), "pagerduty"), "status"), "triggered") == 0);
	world_until(w, world_find_reply(w, URGENT, ts, "Reopened by") != NULL);
	assert_int_equal(world_count(w, URGENT, "CRITICAL"), 1);
}

static void reopen__of_what_fired_again__is_refused_by_name(void **state)
{
	struct world *w = *state;
	struct world_answer *answer;

	paged(w);
	world_act(w, "A1", "resolve", NULL);
	world_send_one(w, "falco", "terminal-shell-in-container.json");
	answer = world_act(w, "A1", "reopen", NULL);
	assert_int_equal(answer->status, 409);
	assert_non_null(strstr(answer->body, "A2"));
	assert_non_null(strstr(world_says(w, "alice", URGENT, "reopen A1"), "A2"));
	assert_string_equal(world_status(w, "A1"), "resolved");
}

static void assign__from_everywhere__is_who_has_it(void **state)
{
	struct world *w = *state;
	const char *ts = paged(w);
	struct world_output *run;

	world_press(w, "bob", URGENT, ts, "Assign to me", NULL);
	world_until(w, card_says(w, URGENT, "has it: <@U0BOB>"));
	assert_string_equal(world_status(w, "A1"), "open");
	assert_non_null(strstr(world_says(w, "alice", URGENT, "assign A1"), "Assigned A1"));
	world_until(w, card_says(w, URGENT, "has it: <@U0ALICE>"));
	assert_non_null(strstr(world_says(w, "alice", URGENT, "alerts mine"), "A1"));
	assert_null(strstr(world_says(w, "bob", URGENT, "alerts mine"), "A1"));
	assert_int_equal(world_act(w, "A1", "assign", "{\"to\":\"bob\"}")->status, 200);
	world_until(w, card_says(w, URGENT, "has it: <@U0BOB>"));
	assert_int_equal(world_act(w, "A1", "assign", "{\"to\":\"bob\"}")->status, 409);
	assert_int_equal(world_act(w, "A1", "assign", NULL)->status, 400);
	run = world_run(
	    w, NULL, (const char *const[]){"assign", "A1", "@alice", "knows", "it", NULL});
	assert_int_equal(run->status, 0);
	world_until(
	    w, world_find_reply(w, URGENT, ts, "Assigned to <@U0ALICE> by ops: knows it") != NULL);
	assert_true(has_event(w, "A1", "assigned"));
}

static void unack_and_reopen__on_the_command_line_and_in_the_thread__work(void **state)
{
	struct world *w = *state;
	const char *ts = paged(w);

	world_act(w, "A1", "ack", NULL);
	assert_int_equal(
	    world_run(w, NULL, (const char *const[]){"unack", "A1", "--because", "slip", NULL})
		->status,
	    0);
	assert_string_equal(world_status(w, "A1"), "open");
	assert_int_equal(world_run(w, NULL, (const char *const[]){"unack", "A1", NULL})->status, 1);
	world_mention(w, "alice", URGENT, ts, "resolve chef run");
	world_until(w, strcmp(world_status(w, "A1"), "resolved") == 0);
	world_mention(w, "alice", URGENT, ts, "reopen it was not");
	world_until(w, strcmp(world_status(w, "A1"), "open") == 0);
	world_act(w, "A1", "resolve", NULL);
	assert_int_equal(
	    world_run(w, NULL, (const char *const[]){"reopen", "A1", NULL})->status, 0);
	world_until(w, incidents(w, "headsup-A1") == 3);
}

/* ---- mention ------------------------------------------------------------------------------------------------ */

static int calls_with(struct world *w, const char *method, const char *part)
{
	const cJSON *call;
	int count = 0;

	cJSON_ArrayForEach(call, world_calls(w, method))
	{
		char *whole = cJSON_PrintUnformatted(call);

		count += strstr(whole, part) != NULL;
		free(whole);
	}
	return count;
}

static void mention__of_a_route__calls_by_the_first_post_alone(void **state)
{
	struct world *w = world_start(&(struct world_options){
	    .routes = "  - {channel: \"#security-alerts\", mention: \"S0SECOPS1\"}\n"});

	(void)state;
	world_send_one(w, NULL, HIGH);
	world_send_one(w, NULL, "{\"title\":\"quiet\",\"severity\":\"medium\"}");
	world_until(w, world_find(w, ALERTS, "A2") != NULL && world_find(w, ALERTS, "A1") != NULL);
	assert_int_equal(calls_with(w, "chat.postMessage", "<!subteam^S0SECOPS1>"), 1);
	/* It fires again and is assigned: the card is edited while it is open. */
	world_send_one(w, NULL, HIGH);
	world_act(w, "A1", "assign", "{\"to\":\"bob\"}");
	world_until(w, card_says(w, ALERTS, "has it: <@U0BOB>"));
	assert_int_equal(calls_with(w, "chat.update", "subteam"), 0);
	assert_int_equal(calls_with(w, "chat.postMessage", "subteam"), 1);
	world_stop(w);
}

/* ---- Slack out of reach ------------------------------------------------------------------------------------ */

static void slack_leaves(struct world *w)
{
	world_fault(w, "{\"method\":\"*\",\"status\":503,\"times\":-1}");
	world_fault(w, "{\"ws\":\"drop\"}");
	world_until(w, !world_slack_is(w, "connected"));
}

/* Time passes, fifty times as fast, until CONDITION is so: that Slack is away is noticed by a clock that cannot be moved. */
#define passing(w, condition)                                      \
	do {                                                       \
		for (int i_ = 0; i_ < 400 && !(condition); i_++) { \
			world_clock_advance(w, 5);                 \
			for (int j_ = 0; j_ < 10; j_++)            \
				world_pause();                     \
		}                                                  \
		world_until(w, condition);                         \
	} while (0)

static const cJSON *trigger_of(struct world *w, const char *key)
{
	return cJSON_GetArrayItem(json_get(world_incident(w, key), "events"), 0);
}

static void slack__refused_for_more_than_a_minute__pages_and_catches_up_once(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	char *event;

	(void)state;
	slack_leaves(w);
	world_send_one(w, NULL, HIGH);
	world_send_one(w, NULL, "{\"title\":\"only medium\",\"severity\":\"medium\"}");
	assert_null(world_incident(w, "headsup-A1"));
	passing(w, world_incident(w, "headsup-A1") != NULL);
	assert_null(world_incident(w, "headsup-A2"));
	assert_string_equal(
	    text(world_incident(w, "headsup-A1"), "routing_key"), WORLD_KEY_DEFAULT);
	event = cJSON_PrintUnformatted(trigger_of(w, "headsup-A1"));
	assert_non_null(strstr(event, "Slack is out of reach"));
	assert_non_null(strstr(event, "HIGH · root shell on web-9"));
	free(event);
	world_until(w,
	    strcmp(text(json_get(world_alert(w, "A1"), "pagerduty"), "status"), "triggered") == 0);
	/* It stays away, and is paged no more. */
	world_clock_advance(w, 120);
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, world_slack_is(w, "connected"), 60000);
	world_until_ms(
	    w, world_find(w, ALERTS, "A1") != NULL && world_find(w, ALERTS, "A2") != NULL, 60000);
	world_until(w, world_find_reply(w, ALERTS, world_ts(world_find(w, ALERTS, "A1")),
			   "Slack was out of reach when this came") != NULL);
	world_until(w, card_says(w, ALERTS, "PagerDuty: paged"));
	assert_int_equal(world_count(w, ALERTS, "HIGH"), 1);
	assert_int_equal(world_count(w, ALERTS, "only medium"), 1);
	assert_int_equal(incidents(w, "headsup-A1"), 1);
	assert_true(json_get(world_incident(w, "headsup-A1"), "triggers")->valueint == 1);
	world_stop(w);
}

static void slack__taking_no_posts_though_connected__pages(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	(void)state;
	world_fault(w, "{\"method\":\"chat.postMessage\",\"status\":503,\"times\":-1}");
	world_send_one(w, NULL, HIGH);
	world_until(w, strstr(world_log(w), "tried again") != NULL);
	/* Three in a row, then it is away; and then for more than a minute. */
	passing(w, world_incident(w, "headsup-A1") != NULL);
	assert_true(world_slack_is(w, "connected"));
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, world_find(w, ALERTS, "A1") != NULL, 60000);
	assert_int_equal(world_count(w, ALERTS, "HIGH"), 1);
	world_stop(w);
}

static void slack__away_with_nobody_to_page__is_told_by_readyz(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true,
	    .no_slack_wait = true,
	    .config = "listen: 127.0.0.1:@PORT@\nstore: sqlite:///@DIR@/headsup.db\n"
		      "slack: {app_token: \"" WORLD_APP_TOKEN "\", bot_token: \"" WORLD_BOT_TOKEN
		      "\", api_url: \"@API@\"}\n"
		      "tokens:\n  - {name: ops, token: " WORLD_OPS ", may: [send, read, act]}\n"
		      "routes:\n  - {channel: \"#security-alerts\"}\n"});

	(void)state;
	world_until(w, world_slack_is(w, "connected"));
	slack_leaves(w);
	world_send_one(w, NULL, HIGH);
	assert_false(is_degraded(w, "no PagerDuty key"));
	passing(w, is_degraded(w, "no PagerDuty key pages 1 alert"));
	assert_non_null(strstr(world_log(w), "A1 is neither in Slack"));
	world_fault(w, "{\"clear\":true}");
	world_until_ms(
	    w, world_find(w, ALERTS, "A1") != NULL && !is_degraded(w, "no PagerDuty key"), 60000);
	world_stop(w);
}

/* ---- the reminder ------------------------------------------------------------------------------------------- */

static void alert__left_lying__is_told_again_once_and_paged_where_its_route_pages(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true,
	    .extra = "remind_after: 5m\n",
	    .routes = "  - {match: [\"service=payments\"], channel: \"#payments-sec\", page: "
		      "{routing_key: \"${PD_KEY_PAY}\", "
		      "from_severity: critical}}\n"
		      "  - {channel: \"#security-alerts\"}\n"});
	const char *ts;

	(void)state;
	world_send_one(w, NULL, HIGH);
	world_send_one(w, NULL,
	    "{\"title\":\"card data read\",\"service\":\"payments\",\"severity\":\"high\"}");
	world_send_one(w, NULL, "{\"title\":\"in hand\",\"severity\":\"critical\"}");
	world_act(w, "A3", "ack", NULL);
	world_until(
	    w, world_find(w, ALERTS, "A1") != NULL && world_find(w, "#payments-sec", "A2") != NULL);
	ts = world_ts(world_find(w, ALERTS, "A1"));
	world_clock_advance(w, 240);
	assert_null(world_find_reply(w, ALERTS, ts, "Nobody has acked"));
	world_clock_advance(w, 61);
	world_until(w, world_find_reply(w, ALERTS, ts, "Nobody has acked this for 5m") != NULL);
	assert_string_equal(text(world_find_reply(w, ALERTS, ts, "Nobody has acked"), "subtype"),
	    "thread_broadcast");
	world_until(w, incident_is(w, "headsup-A2", "triggered"));
	assert_null(world_incident(w, "headsup-A1"));
	assert_true(has_event(w, "A1", "reminded"));
	assert_true(has_event(w, "A2", "reminded"));
	assert_false(has_event(w, "A3", "reminded"));
	world_restart(w);
	world_clock_advance(w, 3600);
	world_says(w, "alice", ALERTS, "alerts");
	assert_int_equal(calls_with(w, "chat.postMessage", "Nobody has acked"), 2);
	world_stop(w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(unack__from_the_menu__opens_it_and_tells_what_pagerduty_keeps),
	    T(reopen__from_the_menu__makes_a_new_incident),
	    T(reopen__of_what_fired_again__is_refused_by_name),
	    T(assign__from_everywhere__is_who_has_it),
	    T(unack_and_reopen__on_the_command_line_and_in_the_thread__work),
	    cmocka_unit_test(mention__of_a_route__calls_by_the_first_post_alone),
	    cmocka_unit_test(slack__refused_for_more_than_a_minute__pages_and_catches_up_once),
	    cmocka_unit_test(slack__taking_no_posts_though_connected__pages),
	    cmocka_unit_test(slack__away_with_nobody_to_page__is_told_by_readyz),
	    cmocka_unit_test(alert__left_lying__is_told_again_once_and_paged_where_its_route_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
