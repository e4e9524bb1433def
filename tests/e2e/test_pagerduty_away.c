/* PagerDuty's REST API gives no answer for a while, and its events do: nobody is called for what is in hand, and in the end it knows who. */
#include "tests/e2e/pagerduty.h"

static const char *rings(struct world *w, const char *title)
{
	char *body = xasprintf("{\"title\":\"%s\",\"severity\":\"critical\",\"host\":\"web-3\"}", title);
	const char *id = world_send_one(w, NULL, body);

	free(body);
	world_until(w, is_linked(w, id));
	return id;
}

/* Who did WHAT in the incident's log, as "Alice Example, Events API V2". */
static bool did(struct world *w, const char *id, const char *what, const char *who)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, json_get(world_pd_incident(w, key_of(w, id)), "log_entries"))
	{
		if (strncmp(text(entry, "type"), what, strlen(what)) == 0 && strcmp(text(json_get(entry, "agent"), "summary"), who) == 0)
			return true;
	}
	return false;
}

static bool has_note(struct world *w, const char *id, const char *part)
{
	const cJSON *note;

	cJSON_ArrayForEach(note, json_get(world_pd_incident(w, key_of(w, id)), "notes"))
	{
		if (strstr(text(note, "content"), part) != NULL)
			return true;
	}
	return false;
}

static void rest__away_for_long__is_told_and_done_by_events_meanwhile(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	const char *acked = rings(w, "one"), *resolved = rings(w, "two"), *escalated = rings(w, "three");
	char ack[32], resolve[64], escalate[32];

	(void)state;
	snprintf(ack, sizeof(ack), "ack %s", acked);
	snprintf(resolve, sizeof(resolve), "resolve %s because our scanner", resolved);
	snprintf(escalate, sizeof(escalate), "escalate %s", escalated);
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"status\":503,\"times\":-1}");
	world_says(w, "alice", URGENT, ack);
	world_says(w, "bob", URGENT, resolve);
	world_says(w, "alice", URGENT, escalate);
	world_until(w, is_degraded(w, "pagerduty: its REST API gives no answer"));
	assert_true(there(w, acked, "triggered"));
	world_clock_advance(w, 40);

	world_until(w, there(w, acked, "acknowledged") && there(w, resolved, "resolved"));
	world_until(w, lines(w, acked, "Acked there in the name of the integration") == 1);
	world_until(w, lines(w, resolved, "Resolved there in the name of the integration") == 1);
	world_until(w, lines(w, escalated, "PagerDuty was not told yet (escalate)") == 1);
	assert_true(here(w, acked, "acked"));
	assert_true(here(w, resolved, "resolved"));

	world_fault(w, "{\"clear\":true}");
	world_clock_advance(w, 60);
	world_until(w, did(w, acked, "acknowledge", "Alice Example"));
	world_until(w, has_note(w, resolved, "Resolved by @bob via headsup: our scanner"));
	world_until(w, did(w, escalated, "escalate", "Alice Example"));
	world_until(w, !is_degraded(w, "pagerduty"));
	assert_true(there(w, acked, "acknowledged") && here(w, acked, "acked"));
	assert_true(there(w, resolved, "resolved") && here(w, resolved, "resolved"));
	assert_int_equal(lines(w, acked, "in the name of the integration"), 1);
	world_stop(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rest__away_for_long__is_told_and_done_by_events_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
