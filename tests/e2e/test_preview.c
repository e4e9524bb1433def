/* What an announcement would have covered, end to end: in the answer, the API and the public message; and a slow count holds up nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "storage/storage.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"
/* Takes PCRE2 to its limit on each of these titles: how an attacker, or a slip, makes a count slow. */
#define SLOW_TITLE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc"
#define SLOW_MATCH "title~(a|aa)+c"
#define SLOW_ALERTS 40000
#define PROMPT_MS \
	1000 /* what nothing may hold up is done in this time, on a machine that others use too */
#define SLACK_WAITS_MS 3000

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static int64_t number(const cJSON *json, const char *name)
{
	int64_t value = -1;

	(void)json_int(json, name, &value);
	return value;
}

static void some_come(struct world *w)
{
	world_send_one(w, NULL,
	    "{\"title\":\"key "
	    "added\",\"rule\":\"ssh\",\"host\":\"web-1\",\"severity\":\"critical\"}");
	world_send_one(w, NULL, "{\"title\":\"key added\",\"rule\":\"ssh\",\"host\":\"web-2\"}");
	world_send_one(w, NULL, "{\"title\":\"cron ran\",\"rule\":\"cron\",\"host\":\"WEB-2.\"}");
	world_send_one(w, NULL,
	    "{\"title\":\"key added\",\"rule\":\"ssh\",\"host\":\"web-2\",\"actor\":\"mallory\"}");
	world_send_one(w, NULL, "{\"title\":\"key added\",\"rule\":\"ssh\",\"host\":\"db-1\"}");
}

static void assert_preview(const cJSON *json, int64_t alerts, int64_t escalated)
{
	const cJSON *preview = json_get(json, "preview");

	assert_int_equal(number(preview, "days"), 30);
	assert_int_equal(number(preview, "alerts"), alerts);
	assert_int_equal(number(preview, "escalated"), escalated);
}

/* ---- what it says ---------------------------------------------------------------------------------------- */

static void slash_command__that_announces__is_answered_with_the_preview(void **state)
{
	struct world *w = *state;
	const char *said;
	cJSON *message;

	some_come(w);
	said = world_says(w, "alice", ALERTS, "expect host=web-* for 30m because deploy");
	assert_non_null(strstr(said, "*H1* is active"));
	assert_non_null(strstr(said, "In the last 30 days it would have covered *3 alerts*, 1 of "
				     "them escalated: `ssh` (2) and `cron` "
				     "(1); on `web-2` (2) and `web-1` (1)."));
	assert_non_null(strstr(said, "1 of these was escalated"));
	world_until(w, (message = world_find(w, ALERTS, "H1 ")) != NULL &&
			   strstr(world_words(w, message), "Last 30 days") != NULL);
	assert_non_null(strstr(world_words(w, message), "3 alerts on 2 hosts, 1 escalated"));
}

static void slash_command__dry__says_what_it_would_do_and_does_nothing(void **state)
{
	struct world *w = *state;
	const char *said;
	struct world_answer *list;

	some_come(w);
	said = world_says(w, "alice", ALERTS, "expect host=db-1 for 30m dry because deploy");
	list = world_http(w, "GET", "/v1/announcements", WORLD_OPS, NULL, NULL);

	assert_non_null(
	    strstr(said, "Dry run, nothing is announced. It would be active: `host=db-1`"));
	assert_non_null(strstr(said, "covered *1 alert*, 0 of them escalated"));
	assert_int_equal(cJSON_GetArraySize(json_get(list->json, "announcements")), 0);
	world_send_one(w, NULL, "{\"title\":\"another\",\"host\":\"db-1\"}");
	world_until(w, world_find(w, ALERTS, "another") != NULL);
	assert_null(world_find(w, ALERTS, "H1 "));
}

static void mention__that_announces__is_answered_once_with_the_preview(void **state)
{
	struct world *w = *state;
	const cJSON *asked;

	some_come(w);
	asked = world_mention(w, "alice", ALERTS, NULL, "expect host=web-* for 30m because deploy");
	world_until(w, world_find_reply(
			   w, ALERTS, text(asked, "ts"), "would have covered *3 alerts*") != NULL);
	assert_non_null(strstr(
	    world_words(w, world_find_reply(w, ALERTS, text(asked, "ts"), "would have covered")),
	    "is active"));
	assert_int_equal(world_count(w, ALERTS, "is active:"), 1);
}

static void api__announcement__has_the_preview_in_201_and_when_read(void **state)
{
	static const char body[] = "{\"match\":[\"host=web-*\",\"actor=mallory\"],\"for\":\"30m\","
				   "\"because\":\"deploy 7\"}";
	static const char dry[] =
	    "{\"match\":[\"rule=ssh\",\"actor=mal*\"],\"because\":\"deploy 7\",\"dry\":true}";
	struct world *w = *state;
	struct world_answer *answer;

	some_come(w);
	answer = world_http(w, "POST", "/v1/announcements", WORLD_CI, body, NULL);
	assert_int_equal(answer->status, 201);
	assert_preview(answer->json, 1, 0);
	answer = world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL);
	assert_preview(answer->json, 1, 0);
	answer = world_http(w, "POST", "/v1/announcements", WORLD_CI, dry, NULL);
	assert_int_equal(answer->status, 200);
	assert_true(cJSON_IsNull(json_get(answer->json, "id")));
	assert_preview(answer->json, 1, 0);

	world_restart(w);
	answer = world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL);
	assert_preview(answer->json, 1, 0);
}

static void edit__of_an_announcement__counts_anew(void **state)
{
	struct world *w = *state;
	struct world_answer *answer;
	const char *said;

	some_come(w);
	world_says(w, "alice", ALERTS, "expect host=web-* for 30m because deploy");
	said = world_says(w, "alice", ALERTS, "edit H1 host=db-1");
	assert_non_null(strstr(said, "covered *1 alert*, 0 of them escalated"));
	answer = world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL);
	assert_preview(answer->json, 1, 0);
}

/* ---- while it is slow ------------------------------------------------------------------------------------ */

/* Puts SLOW_ALERTS into the database of a headsup that does not run. */
static void many_came(struct world *w)
{
	char *url = xasprintf("sqlite://%s/headsup.db", w->dir);
	struct error err = {0};
	struct storage *storage = storage_open(url, &err);

	if (storage == NULL || !storage_begin(storage, &err))
		fail_msg("%s", err.text);
	for (int i = 0; i < SLOW_ALERTS; i++) {
		struct alert *alert = alert_new();

		alert->title = xstrdup(SLOW_TITLE);
		alert->status = ALERT_RESOLVED;
		alert->received_at = alert->last_seen = time(NULL) - 86400 + i;
		if (!storage_add_alert(storage, alert, &err))
			fail_msg("%s", err.text);
		alert_free(alert);
	}
	if (!storage_end(storage, true, &err) || !storage_commit(storage, &err))
		fail_msg("%s", err.text);
	storage_close(storage);
	free(url);
}

static double metric(struct world *w, const char *name)
{
	const char *at = strstr(world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body, name);

	return at != NULL ? strtod(at + strlen(name), NULL) : -1;
}

static void slow_count__while_it_runs__holds_up_neither_acks_nor_intake(void **state)
{
	struct world *w = *state;
	int64_t asked_at, begun_at, worst_ms = 0;
	cJSON *asked;
	int sent = 0;

	world_term(w);
	many_came(w);
	world_boot(w);
	asked_at = world_ms();
	asked =
	    world_slash(w, "alice", ALERTS, "expect " SLOW_MATCH " host!=x for 30m because deploy");
	assert_true(world_ms() - asked_at < SLACK_WAITS_MS);
	assert_true(cJSON_IsTrue(json_get(asked, "acked")));
	assert_non_null(strstr(text(json_get(asked, "payload"), "text"), "*H1* is active"));
	assert_true(metric(w, "\nheadsup_reads_running ") == 1);
	while (metric(w, "\nheadsup_reads_running ") == 1) {
		begun_at = world_ms();
		world_send_one(w, NULL, "{\"title\":\"meanwhile\"}");
		if (world_ms() - begun_at > worst_ms)
			worst_ms = world_ms() - begun_at;
		sent++;
	}
	assert_true(sent > 10);
	assert_true(worst_ms < PROMPT_MS);
	world_until(w, world_find_ephemeral(w, "U0ALICE", "*H1*: ") != NULL);
}

static void slow_count__at_the_end__is_not_waited_for(void **state)
{
	struct world *w = *state;
	int64_t asked_at;

	world_term(w);
	many_came(w);
	world_boot(w);
	world_slash(w, "alice", ALERTS, "expect " SLOW_MATCH " host!=x for 30m because deploy");
	assert_true(metric(w, "\nheadsup_reads_running ") == 1);
	asked_at = world_ms();

	assert_int_equal(world_term(w), 0);
	assert_true(world_ms() - asked_at < 5000);
	world_boot(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(slash_command__that_announces__is_answered_with_the_preview),
	    TEST(slash_command__dry__says_what_it_would_do_and_does_nothing),
	    TEST(mention__that_announces__is_answered_once_with_the_preview),
	    TEST(api__announcement__has_the_preview_in_201_and_when_read),
	    TEST(edit__of_an_announcement__counts_anew),
	    TEST(slow_count__while_it_runs__holds_up_neither_acks_nor_intake),
	    TEST(slow_count__at_the_end__is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
