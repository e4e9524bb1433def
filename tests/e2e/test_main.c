/* The main job, end to end: alerts in, cards in Slack, what was announced stays silent, and pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

#define FALCO_SHELL "terminal-shell-in-container.json" /* critical: pages */
#define FALCO_EXEC "k8saudit-attach-exec.json"         /* low, by kubernetes-admin */

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static int64_t number(const cJSON *json, const char *name)
{
	int64_t value = -1;

	assert_true(json_int(json, name, &value));
	return value;
}

/* The card of an alert, once it is in CHANNEL. */
static cJSON *card(struct world *w, const char *channel, const char *id)
{
	world_until(w, world_find(w, channel, id) != NULL);
	return world_find(w, channel, id);
}

static void falco_alert__sent_by_curl__is_one_card_of_at_most_six_blocks(void **state)
{
	struct world *w = *state;
	const char *id = world_send_one(w, "falco", FALCO_SHELL);
	cJSON *message = card(w, "#security-urgent", id);
	cJSON *blocks = cJSON_GetObjectItemCaseSensitive(message, "blocks");

	assert_in_range(cJSON_GetArraySize(blocks), 1, 6);
	assert_non_null(strstr(text(message, "text"), "CRITICAL"));
	assert_non_null(strstr(text(message, "text"), "Terminal shell in container"));
	assert_true(world_has_button(message, "alert_ack"));
	assert_true(world_has_button(message, "alert_resolve"));
	assert_int_equal(world_count(w, "#security-urgent", "Terminal shell"), 1);

	cJSON *alert = world_alert(w, id);
	assert_string_equal(text(alert, "status"), "open");
	assert_string_equal(text(alert, "actor"), "root");
	assert_string_equal(text(json_get(alert, "slack"), "ts"), world_ts(message));
}

static void same_alert__three_times__is_one_card_with_a_count(void **state)
{
	struct world *w = *state;
	const char *id = NULL;

	for (int i = 0; i < 3; i++)
		id = world_send_one(w, "falco", FALCO_SHELL);

	assert_string_equal(id, "A1");
	world_until(w, strstr(world_words(w, card(w, "#security-urgent", "A1")), "3 times") != NULL);
	assert_int_equal(number(world_alert(w, "A1"), "count"), 3);
	assert_int_equal(world_count(w, "#security-urgent", "A1 "), 1);
}

static void announcement__by_slash_command__keeps_the_channel_silent(void **state)
{
	struct world *w = *state;
	const char *said =
	    world_says(w, "alice", "#security-alerts", "expect rule=\"Attach/Exec Pod\" actor=kubernetes-admin for 30m because debugging");

	assert_non_null(strstr(said, "H1"));
	assert_string_equal(world_send_one(w, "falco", FALCO_EXEC), "A1");
	cJSON *alert = world_alert(w, "A1");
	assert_string_equal(text(alert, "status"), "expected");
	assert_string_equal(text(alert, "announcement"), "H1");
	/* Its line stands in the announcement's thread, and nothing else does. */
	cJSON *message = card(w, "#security-alerts", "H1");
	world_until(w, world_find_reply(w, "#security-alerts", world_ts(message), "A1") != NULL);
	world_until(w, strstr(world_words(w, card(w, "#security-alerts", "H1")), "seen 1 of") != NULL);
	assert_null(world_find(w, "#security-alerts", "A1 "));
	assert_int_equal(cJSON_GetArraySize(json_get(world_pagerduty(w), "incidents")), 0);
}

/* Sends one of headsup's own and gives its status. */
static const char *sent(struct world *w, const char *host, const char *actor)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"title\":\"sshd started\",\"rule\":\"sshd\",\"severity\":\"medium\",\"host\":\"%s\",\"actor\":\"%s\"}", host,
	    actor);
	return world_status(w, world_send_one(w, NULL, body));
}

static void alert__that_differs_from_what_was_announced__fires(void **state)
{
	struct world *w = *state;

	world_says(w, "alice", "#security-alerts", "expect rule=sshd host=web-* for 30m max 2 because deploy");
	assert_string_equal(sent(w, "web-1", "alice"), "expected");
	assert_string_equal(sent(w, "db-1", "alice"), "open");
	assert_string_equal(sent(w, "web-1", "mallory"), "open");
	assert_string_equal(text(world_alert(w, "A3"), "severity"), "high");
	world_until(w, world_find(w, "#security-alerts", "alice announced this, mallory did it") != NULL);
	assert_string_equal(sent(w, "web-2", "aliced"), "expected");
	assert_string_equal(sent(w, "web-3", "alice"), "open");
	world_until(w, world_find(w, "#security-alerts", "more than announced") != NULL);
}

static void alert__outside_the_window__fires(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	world_says(w, "alice", "#security-alerts", "expect rule=sshd host=web-* for 10m because deploy");
	assert_string_equal(sent(w, "web-1", "alice"), "expected");
	world_clock_advance(w, 601);
	assert_string_equal(sent(w, "web-2", "alice"), "open");
	/* The window's end is told by itself. */
	world_until(w, strcmp(text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json, "status"), "ended") == 0);
}

static void announcement__for_later__begins_when_it_was_said(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	struct world_answer *made;
	char body[256], from[32];
	time_t at = time(NULL) + 3600;
	struct tm tm;

	*state = w;
	gmtime_r(&at, &tm);
	strftime(from, sizeof(from), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(body, sizeof(body), "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"from\":\"%s\",\"for\":\"30m\",\"because\":\"night\"}", from);
	made = world_http(w, "POST", "/v1/announcements", WORLD_CI, body, NULL);
	assert_int_equal(made->status, 201);
	assert_string_equal(text(made->json, "status"), "scheduled");
	assert_string_equal(sent(w, "web-1", "deploy"), "open");
	world_clock_advance(w, 3700);
	assert_string_equal(sent(w, "web-2", "deploy"), "expected");
}

static void critical_alert__pages_once__however_often_it_fires(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		world_send_one(w, "falco", FALCO_SHELL);
	world_until(w, world_incident(w, "headsup-A1") != NULL);
	world_until(w, strcmp(text(json_get(world_alert(w, "A1"), "pagerduty"), "status"), "triggered") == 0);

	cJSON *incident = world_incident(w, "headsup-A1");
	assert_string_equal(text(incident, "status"), "triggered");
	assert_int_equal(cJSON_GetArraySize(json_get(incident, "events")), 1);
}

static void threatstack_and_guardduty__every_sample__has_a_card(void **state)
{
	static const struct {
		const char *source, *file, *title;
	} samples[] = {
	    {"threatstack", "webhook-host-alert.json", "openbl"},
	    {"threatstack", "webhook-batch-composed.json", "Netcat"},
	    {"guardduty", "eventbridge-ec2-c2-dns.json", "Command and Control"},
	    {"guardduty", "raw-iam-privesc-high.json", "AssumedRole"},
	    {"guardduty", "raw-attack-sequence-critical.json", "john_doe"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct world_answer *answer = world_send(w, samples[i].source, samples[i].file);

		assert_int_equal(answer->status, 202);
		world_until(w, world_find(w, "#security-alerts", samples[i].title) != NULL ||
				       world_find(w, "#security-urgent", samples[i].title) != NULL);
	}
	/* The same finding inside SNS is the same alert. */
	assert_string_equal(world_send_one(w, "guardduty", "sns-wrapped-eventbridge-composed.json"), "A3");
}

static void hostile_alert__in_slack__mentions_links_and_formats_nothing(void **state)
{
	struct world *w = *state;

	world_send_one(w, NULL,
	    "{\"title\":\"<!channel> <@U0BOB> *bold* `code` <https://evil.example|login> \\u202Etxt.exe\\nResolved by alice & co\","
	    "\"host\":\"`<!here>`\",\"actor\":\"https://evil.example\",\"severity\":\"high\",\"process\":\"sh -c '```'\"}");
	world_until(w, world_find(w, "#security-alerts", "A1") != NULL);

	char *message = cJSON_PrintUnformatted(world_find(w, "#security-alerts", "A1"));
	const char *top = text(world_find(w, "#security-alerts", "A1"), "text");
	assert_null(strstr(top, "<!channel>"));
	assert_null(strstr(top, "<@U0BOB>"));
	assert_null(strstr(top, "<https://evil"));
	assert_null(strstr(top, "\n"));
	assert_null(strstr(message, "\xE2\x80\xAE"));
	free(message);
	/* What was posted asked for no unfurling and no linking of names. */
	cJSON *calls = world_calls(w, "chat.postMessage"), *call;
	cJSON_ArrayForEach(call, calls)
	{
		char *body = cJSON_PrintUnformatted(call);

		assert_null(strstr(body, "link_names"));
		assert_non_null(strstr(body, "unfurl_links"));
		free(body);
	}
}

static void commands__by_mention_and_direct_message__answer_like_the_slash_command(void **state)
{
	struct world *w = *state;

	world_send_one(w, "falco", FALCO_EXEC);
	cJSON *message = card(w, "#security-alerts", "A1");
	/* In the alert's thread no id is needed, once headsup knows where its card stands. */
	world_until(w, json_text(json_get(world_alert(w, "A1"), "slack"), "ts") != NULL);
	world_mention(w, "bob", "#security-alerts", world_ts(message), "show");
	world_until(w, world_find_reply(w, "#security-alerts", world_ts(message), "kubernetes-admin") != NULL);
	world_dm(w, "alice", "alerts open");
	world_until(w, world_count(w, "D0ALICE", "A1") > 0);
	assert_non_null(strstr(world_says(w, "alice", "#general", "why A1"), "route"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "list"), "announce"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "ak A1"), "ack"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "help expect"), "because"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "expect host=web-1 for 30 because x"), "30m"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "expect host=web-1 for 30m"), "because"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "expect host=web-1 for 9h because x"), "at most 4h"));
	assert_non_null(strstr(world_says(w, "alice", "#general", "ack A99"), "A99"));
}

static void announcement__with_what_slack_rewrites__is_understood(void **state)
{
	struct world *w = *state;
	const char *said = world_says(w, "alice", "#security-alerts",
	    "expect host=<http://web-3|web-3> rule=\xE2\x80\x9CSSH login\xE2\x80\x9D <@U0BOB> for 20m max 3 because it&amp;ops \xE2\x80\x93 test");

	assert_non_null(strstr(said, "H1"));
	cJSON *announcement = world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json;
	char *match = cJSON_PrintUnformatted(json_get(announcement, "match"));
	assert_non_null(strstr(match, "host=web-3"));
	assert_non_null(strstr(match, "SSH login"));
	assert_non_null(strstr(match, "bob"));
	assert_non_null(strstr(text(announcement, "because"), "it&ops"));
	assert_int_equal(number(announcement, "max"), 3);
	free(match);
}

static void window__by_the_clock__is_in_the_askers_own_zone(void **state)
{
	struct world *w = *state;

	/* Her profile is asked for first; the answer comes a little later. */
	world_slash(w, "alice", "#security-alerts", "expect host=web-3 from tomorrow 10:00 for 30m because maintenance");
	world_until(w, world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->status == 200);
	const char *starts = text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json, "starts_at");
	/* Paris is one or two hours ahead of UTC. */
	assert_true(strstr(starts, "T09:00:00Z") != NULL || strstr(starts, "T08:00:00Z") != NULL);
}

static void metrics_and_health__while_it_runs__say_so(void **state)
{
	struct world *w = *state;

	world_send_one(w, "falco", FALCO_EXEC);
	assert_int_equal(world_http(w, "GET", "/healthz", NULL, NULL, NULL)->status, 200);
	assert_int_equal(world_http(w, "GET", "/readyz", NULL, NULL, NULL)->status, 200);
	assert_non_null(strstr(world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body, "headsup_"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define OWN(test) cmocka_unit_test_teardown(test, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(falco_alert__sent_by_curl__is_one_card_of_at_most_six_blocks),
	    T(same_alert__three_times__is_one_card_with_a_count),
	    T(announcement__by_slash_command__keeps_the_channel_silent),
	    T(alert__that_differs_from_what_was_announced__fires),
	    OWN(alert__outside_the_window__fires),
	    OWN(announcement__for_later__begins_when_it_was_said),
	    T(critical_alert__pages_once__however_often_it_fires),
	    T(threatstack_and_guardduty__every_sample__has_a_card),
	    T(hostile_alert__in_slack__mentions_links_and_formats_nothing),
	    T(commands__by_mention_and_direct_message__answer_like_the_slash_command),
	    T(announcement__with_what_slack_rewrites__is_understood),
	    T(window__by_the_clock__is_in_the_askers_own_zone),
	    T(metrics_and_health__while_it_runs__say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
