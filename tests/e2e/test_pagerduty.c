/* PagerDuty both ways, on an ordinary day: who is named where, escalating, who is on call, notes,
 * groups, merges, timeouts, change events, and what is taken for a webhook. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/resource.h>

#include "config/base/when.h"
#include "tests/e2e/pagerduty.h"

/* ---- who is named ---------------------------------------------------------------------------- */

static void deed__in_slack__is_theirs_in_pagerduty(void **state)
{
	struct world *w = *state;
	const char *id = raised(w, "named");
	const cJSON *slack = json_get(world_alert(w, id), "slack");

	world_press(w, "alice", text(slack, "channel"), text(slack, "ts"), "alert_ack", NULL);
	world_until(w, entries(w, id, "acknowledge", "Alice Example") == 1);
	types(w, "bob", id, "note A# a known host");
	world_until(w, notes(w, id, "a known host", "Bob Example") == 1);
	types(w, "bob", id, "resolve A# because chef run");
	world_until(w, entries(w, id, "resolve", "Bob Example") == 1);
	/* What they said with it is read there too. */
	world_until(w, notes(w, id, "chef run", "Bob Example") == 1);
	assert_int_equal(entries(w, id, "acknowledge", NULL), 1);
	assert_int_equal(entries(w, id, "resolve", NULL), 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "in PagerDuty"), 0);
	assert_int_equal(events(w, id, "acked", NULL, NULL), 1);
	assert_int_equal(events(w, id, "resolved", NULL, NULL), 1);
}

/* Carol is not among the configuration's people: Slack knows her e-mail, and so does PagerDuty. */
static void deed__of_somebody_known_by_their_profile_alone__is_theirs(void **state)
{
	struct world *w = *state;
	const char *id = raised(w, "by profile");

	types(w, "carol", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "Carol Example") == 1);
	assert_int_equal(notes(w, id, "via headsup", NULL), 0);
	world_pd_act(w, "Carol", key_of(w, id), "resolve", NULL);
	world_until(w, lines(w, id, "Resolved by <@U0CAROL> in PagerDuty") == 1);
}

static void deed__of_somebody_pagerduty_does_not_know__is_headsups_and_a_note_names_them(
    void **state)
{
	struct world *w = *state;
	const char *id = raised(w, "stranger"), *other = raised(w, "token");

	types(w, "mallory", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "headsup") == 1);
	world_until(w, notes(w, id, "mallory via headsup", "headsup") == 1);
	types(w, "mallory", id, "note A# looks odd to me");
	world_until(w, notes(w, id, "looks odd to me", "headsup") == 1);
	assert_int_equal(notes(w, id, "mallory via headsup: looks odd to me", "headsup"), 1);
	/* Malice's address holds Mallory's no more than Alice's. */
	assert_int_equal(entries(w, id, "acknowledge", NULL), 1);

	assert_int_equal(world_act(w, other, "ack", "{\"note\":\"runbook 7\"}")->status, 200);
	world_until(w, entries(w, other, "acknowledge", "headsup") == 1);
	world_until(w, notes(w, other, "ops via headsup", "headsup") == 1);
	world_until(w, notes(w, other, "runbook 7", "headsup") == 1);
	world_act(w, other, "resolve", NULL);
	world_until(w, entries(w, other, "resolve", "headsup") == 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "in PagerDuty"), 0);
	assert_int_equal(lines(w, other, "in PagerDuty"), 0);
}

static void deed__with_several_alerts__is_done_with_each(void **state)
{
	struct world *w = *state;
	const char *a = raised(w, "one"), *b = raised(w, "another"), *c = raised(w, "a third");

	world_says(w, "alice", URGENT, "ack A1 A2 A3");
	world_until(w, entries(w, a, "acknowledge", "Alice Example") == 1);
	world_until(w, entries(w, b, "acknowledge", "Alice Example") == 1);
	world_until(w, entries(w, c, "acknowledge", "Alice Example") == 1);
	world_says(w, "alice", URGENT, "resolve mine because drill");
	world_until(w, entries(w, a, "resolve", "Alice Example") == 1);
	world_until(w, entries(w, b, "resolve", "Alice Example") == 1);
	world_until(w, entries(w, c, "resolve", "Alice Example") == 1);
}

static void alert__resolved_by_its_source__is_resolved_in_pagerduty(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "over");

	world_send_one(
	    w, NULL, "{\"title\":\"over\",\"dedup_key\":\"over\",\"status\":\"resolved\"}");
	world_until(w, both(w, id, "resolved", "resolved"));
	world_until(w, is_quiet(w));
	assert_int_equal(entries(w, id, "resolve", NULL), 1);
	assert_int_equal(lines(w, id, "in PagerDuty"), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(incident_of(w, id), "notes")), 0);
	/* It fires again: another alert, and another incident. */
	id = raised_and_linked(w, "over");
	assert_string_equal(id, "A2");
	assert_true(both(w, "A1", "resolved", "resolved"));
	assert_true(both(w, id, "open", "triggered"));
}

/* Slips are taken back at once: each deed is done in turn, and the last one stands. */
static void deeds__in_quick_succession__are_done_in_turn(void **state)
{
	static const struct {
		const char *commands[4];
		const char *ours, *theirs;
	} cases[] = {
	    {{"ack A#", "unack A#"}, "open", "triggered"},
	    {{"resolve A#", "reopen A#"}, "open", "triggered"},
	    {{"ack A#", "unack A#", "ack A#"}, "acked", "acknowledged"},
	    {{"ack A#", "resolve A#", "reopen A#", "resolve A#"}, "resolved", "resolved"},
	    {{"resolve A#", "reopen A#", "ack A#"}, "acked", "acknowledged"},
	    {{"ack A#", "escalate A#", "resolve A#"}, "resolved", "resolved"},
	    {{"ack A#", "assign A# @bob", "resolve A#"}, "resolved", "resolved"},
	    {{"escalate A#", "ack A#"}, "acked", "acknowledged"},
	};
	struct world *w = *state;
	const char *ids[3][8];
	char title[32];
	size_t i, j, k;

	for (k = 0; k < 3; k++) {
		for (i = 0; i < 8; i++) {
			snprintf(title, sizeof(title), "slip %zu %zu", k, i);
			ids[k][i] = raised_and_linked(w, title);
			for (j = 0; j < 4 && cases[i].commands[j] != NULL; j++)
				types(w, "alice", ids[k][i], cases[i].commands[j]);
		}
	}
	world_until(w, is_quiet(w));
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 8; i++) {
			if (both(w, ids[k][i], cases[i].ours, cases[i].theirs) &&
			    incidents(w, ids[k][i]) == 1)
				continue;
			show(w, ids[k][i]);
			fail_msg("%s … is %s here, %s there", cases[i].commands[0],
			    world_status(w, ids[k][i]), world_pd_status(w, key_of(w, ids[k][i])));
		}
	}
}

static bool sees_a_form(struct world *w, const char *user)
{
	const cJSON *view;

	cJSON_ArrayForEach(view, json_get(world_sim(w, "views", NULL), "views"))
	{
		if (strcmp(text(view, "user"), user) == 0 && cJSON_IsTrue(json_get(view, "open")) &&
		    strcmp(text(view, "callback_id"), "announce") == 0)
			return true;
	}
	return false;
}

static void claim__of_a_paged_alert__resolves_it_as_theirs_and_not_me_reopens_it(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS,
	    .routes = "  - {channel: \"#security-alerts\", page: {routing_key: \"${PD_KEY}\"}}\n"});
	const char *id;

	*state = w;
	id = world_send_one(w, NULL,
	    "{\"title\":\"login\",\"rule\":\"ssh-login\",\"host\":\"web-3\","
	    "\"actor\":\"alice\",\"severity\":\"medium\"}");
	world_until(w, thread_of(w, id) != NULL && is_linked(w, id));
	world_press(w, "alice", ALERTS, text(json_get(world_alert(w, id), "slack"), "ts"),
	    "alert_claim", NULL);
	world_until(w, sees_a_form(w, "U0ALICE"));
	world_submit(w, "alice", "{\"because\":\"deploy 7\"}");
	world_submit(w, "alice", "{}");
	world_until(w, both(w, id, "claimed", "resolved"));
	assert_int_equal(entries(w, id, "resolve", "Alice Example"), 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "in PagerDuty"), 0);
	world_until(w, world_find(w, ALERTS, "H1 · heads-up") != NULL);
	world_press(w, "alice", ALERTS, world_ts(world_find(w, ALERTS, "H1 · heads-up")),
	    "announcement_not_me", NULL);
	world_until(w, both(w, id, "open", "triggered"));
	world_until(w, is_quiet(w));
	assert_true(both(w, id, "open", "triggered"));
}

/* PagerDuty forgot somebody since it was asked: code 1008. */
static void deed__of_somebody_who_left__is_headsups(void **state)
{
	struct world *w = *state;
	const char *id = raised(w, "left");

	world_fault(w, "{\"method\":\"pagerduty.rest.put.incidents.id\",\"status\":400,"
		       "\"error\":\"Requester User Not Found\",\"extra\":{\"code\":1008}}");
	types(w, "alice", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "headsup") == 1);
	world_until(w, notes(w, id, "via headsup", "headsup") == 1);
	assert_true(both(w, id, "acked", "acknowledged"));
}

static void deed__where_no_from_is_set__is_the_integrations_or_says_so(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_webhooks = true,
	    .pagerduty = "  api_url: @PAGERDUTY@\n  api_token: " WORLD_PD_TOKEN "\n"});
	const char *id;

	*state = w;
	id = raised_and_linked(w, "no from");
	types(w, "mallory", id, "ack A#");
	world_until(w, both(w, id, "acked", "acknowledged"));
	assert_int_equal(entries(w, id, "acknowledge", NULL), 1);
	types(w, "mallory", id, "escalate A#");
	world_until(w, lines(w, id, "pagerduty.from") == 1);
	assert_int_equal(entries(w, id, "escalate", NULL), 0);
	types(w, "alice", id, "resolve A#");
	world_until(w, entries(w, id, "resolve", "Alice Example") == 1);
}

static void change__in_pagerduty__is_theirs_in_slack(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "theirs"), *other = raised_and_linked(w, "dave's");

	world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
	world_until(w, card(w, id, "Acked by <@U0BOB> in PagerDuty"));
	world_until(w, lines(w, id, "Acked by <@U0BOB> in PagerDuty") == 1);
	assert_string_equal(assignee(w, id), "bob");
	assert_int_equal(events(w, id, "acked", "U0BOB", "pagerduty"), 1);
	assert_non_null(strstr(world_says(w, "bob", URGENT, "alerts mine"), id));
	assert_false(world_has_button(cJSON_GetArrayItem(thread_of(w, id), 0), "alert_ack"));
	/* A press that comes too late is answered with who has it. */
	world_press_forced(w, "alice", URGENT, text(json_get(world_alert(w, id), "slack"), "ts"),
	    "alert_ack", "A1:1");
	world_until(w, world_find_ephemeral(w, "U0ALICE", "already acked by <@U0BOB>") != NULL);

	world_pd_act(w, "Dave", key_of(w, other), "resolve", "\"note\":\"<!channel> *all* clear\"");
	world_until(w, card(w, other, "Resolved by Dave Example in PagerDuty"));
	world_until(w, lines(w, other, "&lt;!channel&gt;") == 1);
	assert_int_equal(world_count(w, URGENT, "<!channel>"), 0);
	assert_int_equal(events(w, other, "resolved", "Dave Example", "pagerduty"), 1);
	/* All of it is in the audit log. */
	assert_non_null(strstr(
	    world_http(w, "GET", "/v1/audit", WORLD_OPS, NULL, NULL)->body, "\"pagerduty\""));
}

/* Alice's ack from here made no sound there, Bob had it: what she does there later is hers. */
static void change__by_somebody_who_also_acts_here__is_no_echo(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "no echo");

	world_fault(w, "{\"webhook\":\"delay\",\"delay_ms\":1500}");
	world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
	types(w, "alice", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "Alice Example") == 1);
	world_until(w, is_quiet(w));
	world_pd_act(w, "Bob", key_of(w, id), "unack", NULL);
	world_until(w, both(w, id, "open", "triggered"));
	world_pd_act(w, "Alice", key_of(w, id), "ack", NULL);
	world_until(w, both(w, id, "acked", "acknowledged"));
	types(w, "alice", id, "resolve A#");
	world_until(w, both(w, id, "resolved", "resolved") && is_quiet(w));
	world_pd_act(w, "Alice", key_of(w, id), "reopen", NULL);
	world_until(w, here(w, id, "open"));
	world_pd_act(w, "Alice", key_of(w, id), "resolve", NULL);
	world_until(w, here(w, id, "resolved"));
	world_until(w, is_quiet(w));
	assert_true(both(w, id, "resolved", "resolved"));
}

/* It fired again since: that one is the alert now, and what was resolved stays so. */
static void change__to_what_fired_again__is_told_and_reopens_nothing(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "again"), *newer, *incident;

	world_pd_act(w, "Bob", key_of(w, id), "resolve", NULL);
	world_until(w, here(w, id, "resolved"));
	newer = raised_and_linked(w, "again");
	assert_string_equal(newer, "A2");
	incident = text(incident_of(w, id), "id");
	world_pd_act(w, "Bob", incident, "reopen", NULL);
	world_until(w, lines(w, id, "<@U0BOB>") == 2);
	world_until(w, is_quiet(w));
	assert_true(here(w, id, "resolved"));
	assert_true(both(w, newer, "open", "triggered"));
}

#define EVIL "<!channel> *x* `y` <https://evil.example|here> & \xE2\x80\xAE"

static void names__that_are_hostile__are_only_names(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "hostile");
	char *note = xasprintf("\"note\":\"%010000d<!here>\"", 0);

	world_pd_config(w, "{\"users\":[{\"id\":\"PEVIL01\",\"name\":\"" EVIL
			   "\",\"email\":\"evil@example.com\"}],"
			   "\"policies\":[{\"id\":\"PEVIL02\",\"name\":\"" EVIL
			   "\",\"levels\":[[\"PEVIL01\"]]}]}");
	world_pd_act(w, "PEVIL01", key_of(w, id), "ack", NULL);
	world_until(w, lines(w, id, "Acked by &lt;!channel&gt;") == 1);
	world_until(w, card(w, id, "&lt;!channel&gt;"));
	world_pd_act(w, "PEVIL01", key_of(w, id), "reassign", "\"to\":\"PEVIL02\"");
	world_until(w, here(w, id, "open"));
	world_pd_act(w, "PEVIL01", key_of(w, id), "note", note);
	world_until(w, lines(w, id, "000000") == 1);
	types(w, "alice", id, "escalate A# to nonesuch");
	world_says(w, "alice", URGENT, "oncall");
	world_until(w, is_quiet(w));
	assert_int_equal(world_count(w, URGENT, "<!channel>"), 0);
	assert_int_equal(world_count(w, URGENT, "<!here>"), 0);
	assert_int_equal(world_count(w, URGENT, "<https://evil"), 0);
	assert_null(world_find_ephemeral(w, "U0ALICE", "<!channel>"));
	assert_null(world_find_ephemeral(w, "U0ALICE", "<https://evil"));
	free(note);
}

static void card__of_a_paged_alert__links_its_incident(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "linked");
	const cJSON *pagerduty = json_get(world_alert(w, id), "pagerduty");

	assert_string_equal(text(pagerduty, "incident_id"), text(incident_of(w, id), "id"));
	assert_string_equal(text(pagerduty, "status"), "triggered");
	assert_string_equal(text(pagerduty, "url"), text(incident_of(w, id), "html_url"));
	world_until(w, card(w, id, text(incident_of(w, id), "html_url")));
}

/* ---- before PagerDuty has an incident -------------------------------------------------------- */

static void deed__before_the_incident_can_be_found__is_done_when_it_can(void **state)
{
	struct world *w = *state;
	const char *id, *other;

	world_pd_config(w, "{\"incident_delay_ms\":1500,\"search_lag_ms\":1500}");
	id = world_send_one(w, NULL, "{\"title\":\"slow\",\"severity\":\"critical\"}");
	types(w, "alice", id, "ack A#");
	other = world_send_one(w, NULL, "{\"title\":\"slower\",\"severity\":\"critical\"}");
	types(w, "alice", other, "ack A#");
	types(w, "bob", other, "resolve A#");
	world_until_ms(w, entries(w, id, "acknowledge", "Alice Example") == 1, 40000);
	world_until_ms(w, entries(w, other, "resolve", "Bob Example") == 1, 40000);
	assert_int_equal(entries(w, id, "trigger", NULL), 1);
	world_until(
	    w, both(w, id, "acked", "acknowledged") && both(w, other, "resolved", "resolved"));
	assert_int_equal(incidents(w, other), 1);
}

/* PagerDuty took the page, and no incident came of it: events say what they can. */
static void deed__without_an_incident__is_said_by_events(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	const char *id;

	*state = w;
	world_pd_config(w, "{\"incident_never\":1}");
	id = world_send_one(w, NULL, "{\"title\":\"dropped\",\"severity\":\"critical\"}");
	world_until(w, thread_of(w, id) != NULL);
	types(w, "alice", id, "ack A#");
	passing(w, cJSON_GetArraySize(world_calls(w, "pagerduty.enqueue")) >= 2);
	world_until(w, cJSON_GetArraySize(world_calls(w, "pagerduty.enqueue")) == 2);
	assert_true(here(w, id, "acked"));
}

/* ---- escalating ------------------------------------------------------------------------------ */

static void escalate__of_what_was_not_paged__pages(void **state)
{
	struct world *w = *state;
	const char *id =
	    world_send_one(w, NULL, "{\"title\":\"only medium\",\"severity\":\"medium\"}");

	world_until(w, thread_of(w, id) != NULL);
	assert_null(incident_of(w, id));
	types(w, "alice", id, "escalate A# because it is odd");
	world_until(w, both(w, id, "open", "triggered"));
	assert_string_equal(text(json_get(incident_of(w, id), "service"), "summary"), "Default");
	world_until(w, is_loud(w, id, "Escalated"));
	world_pd_act(w, "Alice", key_of(w, id), "ack", NULL);
	world_until(w, here(w, id, "acked"));
}

static void escalate__of_what_was_paged__calls_the_next_and_says_when_there_is_none(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "ladder");
	const cJSON *slack = json_get(world_alert(w, id), "slack");

	assert_int_equal(level(w, id), 1);
	world_press(w, "alice", text(slack, "channel"), text(slack, "ts"), "alert_escalate", NULL);
	world_until(w, level(w, id) == 2 && is_assigned(w, id, "Bob Example"));
	assert_int_equal(entries(w, id, "escalate", "Alice Example"), 1);
	world_until(w, is_loud(w, id, "Escalated"));
	world_until(w, is_quiet(w));
	types(w, "bob", id, "escalate A# because nobody answers");
	world_until(w, level(w, id) == 3 && is_assigned(w, id, "Carol Example"));
	world_until(w, notes(w, id, "nobody answers", "Bob Example") == 1);
	world_until(w, is_quiet(w));
	types(w, "alice", id, "escalate A#");
	/* What can be done instead is said. */
	world_until(w, lines(w, id, "to TEAM") >= 1);
	assert_int_equal(level(w, id), 3);
	assert_int_equal(entries(w, id, "escalate", NULL), 2);
	assert_true(both(w, id, "open", "triggered"));
}

static void escalate__to_a_team__gives_it_to_their_policy(void **state)
{
	static const char *const names[] = {"Payments", "payments", "PPAY123", "Paym"};
	struct world *w = *state;
	const char *id;
	char command[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(command, sizeof(command), "to %s", names[i]);
		id = raised_and_linked(w, command);
		snprintf(command, sizeof(command), "escalate A# to %s", names[i]);
		types(w, "alice", id, command);
		world_until(w, entries(w, id, "delegate", "Alice Example") == 1);
		assert_true(is_assigned(w, id, "Bob Example"));
		world_until(w, lines(w, id, "Payments") >= 1);
		assert_true(here(w, id, "open"));
	}
	id = raised_and_linked(w, "to nobody");
	types(w, "alice", id, "escalate A# to Nonesuch");
	world_until(w, lines(w, id, "Payments") == 1 && lines(w, id, "Default") == 1);
	world_pd_config(w,
	    "{\"policies\":["
	    "{\"id\":\"PWEB001\",\"name\":\"Web east\",\"levels\":[[\"PALICE1\"]]},"
	    "{\"id\":\"PWEB002\",\"name\":\"Web west\",\"levels\":[[\"PBOB123\"]]}]}");
	types(w, "alice", id, "escalate A# to web");
	world_until(w, lines(w, id, "Web east") == 1 && lines(w, id, "Web west") == 1);
	types(w, "alice", id, "escalate A# to \"Web west\"");
	world_until(w, entries(w, id, "delegate", "Alice Example") == 1);
	assert_int_equal(entries(w, id, "delegate", NULL), 1);
	assert_true(is_assigned(w, id, "Bob Example"));
}

static void escalate__to_a_person__asks_them_to_help(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "help"), *other = raised_and_linked(w, "no ability");
	const cJSON *request;

	types(w, "alice", id, "escalate A# to <@U0BOB> because you know it");
	world_until(w, cJSON_GetArraySize(json_get(incident_of(w, id), "responder_requests")) == 1);
	request = cJSON_GetArrayItem(json_get(incident_of(w, id), "responder_requests"), 0);
	assert_string_equal(text(json_get(request, "requester"), "summary"), "Alice Example");
	assert_int_equal(
	    cJSON_GetArraySize(json_get(incident_of(w, id), "incidents_responders")), 1);
	/* Nothing is taken from who has it. */
	assert_int_equal(entries(w, id, "assign", NULL), 0);
	world_until(w, lines(w, id, "<@U0BOB>") >= 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "in PagerDuty"), 0);

	world_pd_config(w, "{\"abilities\":[\"teams\"]}");
	types(w, "alice", other, "escalate A# to <@U0BOB>");
	world_until(w, entries(w, other, "assign", "Alice Example") == 1);
	assert_true(is_assigned(w, other, "Bob Example"));
	/* The policy calls nobody else for it any more, and that is said. */
	world_until(w, lines(w, other, "policy") >= 1);

	types(w, "alice", other, "escalate A# to <@U0MALLORY>");
	world_until(w, lines(w, other, "<@U0MALLORY>") >= 1);
	world_until(w, is_quiet(w));
	assert_int_equal(entries(w, other, "assign", NULL), 1);
}

static void assign__in_slack__is_done_in_pagerduty(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "assigned");

	types(w, "alice", id, "ack A#");
	world_until(w, there(w, id, "acknowledged"));
	types(w, "alice", id, "assign A# @bob");
	world_until(w, is_assigned(w, id, "Bob Example") && !is_assigned(w, id, "Alice Example"));
	assert_int_equal(entries(w, id, "assign", "Alice Example"), 1);
	world_until(w, both(w, id, "open", "triggered"));
	assert_string_equal(assignee(w, id), "bob");
	world_pd_act(w, "Bob", key_of(w, id), "reassign", "\"to\":\"Alice\"");
	world_until(w, strcmp(assignee(w, id), "alice") == 0);
	world_until(w, lines(w, id, "Reassigned to <@U0ALICE> by <@U0BOB> in PagerDuty") == 1);
}

/* ---- who is on call -------------------------------------------------------------------------- */

static void oncall__asked__tells_who_is_called_by_each_policy(void **state)
{
	struct world *w = *state;
	time_t second;

	world_says(w, "alice", ALERTS, "oncall");
	world_until(w, world_find_ephemeral(w, "U0ALICE", "Payments") != NULL);
	assert_non_null(world_find_ephemeral(w, "U0ALICE", "Security"));
	assert_non_null(world_find_ephemeral(w, "U0ALICE", "Default"));
	world_says(w, "bob", ALERTS, "oncall payments");
	world_until(w, world_find_ephemeral(w, "U0BOB", "Payments") != NULL);
	assert_null(world_find_ephemeral(w, "U0BOB", "Security"));
	assert_non_null(
	    strstr(world_words(w, world_find_ephemeral(w, "U0BOB", "Payments")), "<@U0BOB>"));
	/* Somebody else takes over, a second later. */
	second = time(NULL);
	world_until(w, is_after(second));
	world_pd_config(w, "{\"oncall\":{\"PSCHSEC\":\"PDAVE12\"}}");
	world_says(w, "carol", ALERTS, "oncall security");
	world_until(w, world_find_ephemeral(w, "U0CAROL", "Dave Example") != NULL);
	world_says(w, "carol", ALERTS, "oncall nonesuch");
	world_until(w, world_find_ephemeral(w, "U0CAROL", "nonesuch") != NULL);
	assert_non_null(
	    strstr(world_words(w, world_find_ephemeral(w, "U0CAROL", "nonesuch")), "Payments"));
}

/* Who is on call may announce at an odd hour without approval. */
static void announcement__at_an_odd_hour__of_who_is_on_call_counts_at_once(void **state)
{
	char policy[160];
	struct tm at;
	time_t later = time(NULL) + 12 * 3600;
	struct world *w;
	int hour;

	gmtime_r(&later, &at);
	hour = at.tm_hour;
	snprintf(policy, sizeof(policy),
	    "working_hours: {days: mon-sun, from: \"%02d:00\", to: \"%02d:30\", timezone: UTC}\n",
	    hour, hour);
	w = world_start(&(struct world_options){BOTH_WAYS, .policy = policy});
	*state = w;
	world_until(w, rest_calls(w, "get.oncalls") > 0 && is_quiet(w));
	world_says(w, "alice", ALERTS, "expect host=web-1 for 10m because I am on call");
	world_says(w, "carol", ALERTS, "expect host=web-2 for 10m because I am not");
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->json,
		"status"),
	    "active");
	assert_string_equal(
	    text(world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->json,
		"status"),
	    "pending");
}

/* ---- notes ----------------------------------------------------------------------------------- */

static void notes__both_ways__are_told_once_each(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "notes");

	types(w, "alice", id, "note A# from here");
	world_pd_act(w, "Bob", key_of(w, id), "note", "\"note\":\"from there\"");
	world_until(w, notes(w, id, "from here", "Alice Example") == 1);
	world_until(w, lines(w, id, "Note by <@U0BOB> in PagerDuty: from there") == 1);
	/* The same words, by somebody else: they are not ours that come back. */
	world_pd_act(w, "Bob", key_of(w, id), "note", "\"note\":\"from here\"");
	world_until(w, lines(w, id, "Note by <@U0BOB> in PagerDuty: from here") == 1);
	types(w, "alice", id, "note A# from there");
	world_until(w, notes(w, id, "from there", "Alice Example") == 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "from here"), 2);
	assert_int_equal(lines(w, id, "from there"), 2);
	assert_int_equal(cJSON_GetArraySize(json_get(incident_of(w, id), "notes")), 4);
	assert_int_equal(events(w, id, "noted", NULL, "pagerduty"), 2);
	assert_int_equal(events(w, id, "noted", NULL, NULL), 4);
}

/* ---- groups and merges ----------------------------------------------------------------------- */

static bool alert_is(struct world *w, const char *id, const char *status)
{
	return strcmp(text(world_incident(w, key_of(w, id)), "status"), status) == 0;
}

static void incident__of_three_alerts__ends_with_the_last(void **state)
{
	struct world *w = *state;
	const char *a, *b, *c;

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"grouping\":true}]}");
	a = raised_and_linked(w, "first of three");
	b = raised_and_linked(w, "second of three");
	c = raised_and_linked(w, "third of three");
	assert_string_equal(text(incident_of(w, a), "id"), text(incident_of(w, c), "id"));
	types(w, "alice", b, "resolve A#");
	world_until(w, alert_is(w, b, "resolved"));
	world_until(w, is_quiet(w));
	assert_true(alert_is(w, a, "triggered") && alert_is(w, c, "triggered"));
	assert_true(here(w, a, "open") && here(w, b, "resolved") && here(w, c, "open"));
	assert_true(there(w, a, "triggered"));
	/* An ack is the incident's, hence of all its alerts that are open. */
	types(w, "bob", a, "ack A#");
	world_until(w, there(w, a, "acknowledged"));
	world_until(w, here(w, c, "acked"));
	assert_true(here(w, b, "resolved"));
	world_pd_act(w, "Carol", key_of(w, a), "unack", NULL);
	world_until(w, here(w, a, "open") && here(w, c, "open"));
	assert_true(here(w, b, "resolved"));
	world_pd_act(w, "Alice", key_of(w, a), "ack", NULL);
	world_until(w, here(w, a, "acked") && here(w, c, "acked"));
	types(w, "alice", a, "resolve A#");
	world_until(w, alert_is(w, a, "resolved"));
	world_until(w, is_quiet(w));
	assert_true(here(w, c, "acked") && there(w, c, "acknowledged"));
	types(w, "alice", c, "resolve A#");
	world_until(w, there(w, c, "resolved"));
	world_until(w, is_quiet(w));
	assert_true(here(w, a, "resolved") && here(w, b, "resolved") && here(w, c, "resolved"));
	assert_int_equal(entries(w, a, "trigger", NULL), 3);
}

static void incident__of_three_alerts_resolved_in_pagerduty__resolves_all_three(void **state)
{
	struct world *w = *state;
	const char *ids[3];
	char title[32];
	size_t i;

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"grouping\":true}]}");
	for (i = 0; i < 3; i++) {
		snprintf(title, sizeof(title), "group %zu", i);
		ids[i] = raised_and_linked(w, title);
	}
	world_pd_act(w, "Bob", key_of(w, ids[0]), "resolve", NULL);
	for (i = 0; i < 3; i++)
		world_until(w, lines(w, ids[i], "Resolved by <@U0BOB> in PagerDuty") == 1);
	for (i = 0; i < 3; i++)
		assert_true(both(w, ids[i], "resolved", "resolved"));
}

static void merge__of_two_incidents__is_told_as_one_and_followed(void **state)
{
	struct world *w = *state;
	const char *source = raised_and_linked(w, "merged away"),
		   *target = raised_and_linked(w, "merged into");
	char line[64];

	world_pd_act(w, "Dave", key_of(w, source), "merge", "\"into_dedup_key\":\"headsup-A2\"");
	snprintf(line, sizeof(line), "#%d",
	    json_get(incident_of(w, target), "incident_number")->valueint);
	world_until(w, lines(w, source, "Merged into") == 1);
	assert_int_equal(lines(w, source, line), 1);
	assert_int_equal(lines(w, source, "Dave Example"), 1);
	assert_int_equal(lines(w, source, "Resolved"), 0);
	assert_true(here(w, source, "open") && here(w, target, "open"));
	world_until(w, is_linked(w, source));
	/* From now on they share one fate. */
	world_pd_act(w, "Bob", key_of(w, target), "ack", NULL);
	world_until(w, here(w, source, "acked") && here(w, target, "acked"));
	types(w, "alice", source, "resolve A#");
	world_until(w, alert_is(w, source, "resolved"));
	world_until(w, is_quiet(w));
	assert_true(here(w, target, "acked") && there(w, target, "acknowledged"));
	types(w, "alice", target, "resolve A#");
	world_until(w, there(w, target, "resolved"));
	assert_int_equal(incidents(w, source), 1);
}

static void foreign(struct world *w, const char *dedup_key, const char *action)
{
	char *url = xasprintf("%s/v2/enqueue", w->pagerduty);
	char *body = xasprintf("{\"routing_key\":\"" WORLD_KEY "\",\"event_action\":\"%s\","
			       "\"dedup_key\":\"%s\",\"payload\":{\"summary\":\"not ours\","
			       "\"source\":\"x\",\"severity\":\"critical\"}}",
	    action, dedup_key);

	assert_int_equal(world_http(w, "POST", url, NULL, body, NULL)->status, 202);
	free(url);
	free(body);
}

static void merge__into_an_incident_of_others__is_followed_there(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "ours");

	foreign(w, "theirs", "trigger");
	world_until(w, is_quiet(w));
	world_pd_act(w, "Bob", key_of(w, id), "merge", "\"into_dedup_key\":\"theirs\"");
	world_until(w, lines(w, id, "Merged into") == 1);
	world_until(w, is_linked(w, id));
	types(w, "alice", id, "note A# goes on there");
	world_until(w, notes(w, id, "goes on there", "Alice Example") == 1);
	/* Ours is over; theirs is not. */
	types(w, "alice", id, "resolve A#");
	world_until(w, alert_is(w, id, "resolved"));
	world_until(w, is_quiet(w));
	assert_string_equal(world_pd_status(w, "theirs"), "triggered");
	assert_true(here(w, id, "resolved"));
	world_pd_act(w, "Bob", "theirs", "ack", NULL);
	world_until(w, is_quiet(w));
	assert_true(here(w, id, "resolved"));
	world_pd_act(w, "Bob", "theirs", "resolve", NULL);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "Resolved"), 1);
}

/* Another headsup pages into the same account, under a word of its own. */
static void incident__of_another_headsup__is_not_ours(void **state)
{
	struct world *w = world_start(&(struct world_options){
	    .pd_api = true, .pd_webhooks = true, .pagerduty = "  dedup_prefix: mine\n"});
	const char *id;

	*state = w;
	id = world_send_one(w, NULL, "{\"title\":\"mine\",\"severity\":\"critical\"}");
	world_until(w, strcmp(world_pd_status(w, "mine-A1"), "triggered") == 0);
	foreign(w, "headsup-A1", "trigger");
	foreign(w, "mine-A10", "trigger");
	foreign(w, "mine-A1x", "trigger");
	world_pd_act(w, "Bob", "headsup-A1", "ack", NULL);
	world_pd_act(w, "Bob", "mine-A10", "ack", NULL);
	world_pd_act(w, "Bob", "mine-A1x", "resolve", NULL);
	world_until(w, is_quiet(w));
	assert_true(here(w, id, "open"));
	world_pd_act(w, "Bob", "mine-A1", "ack", NULL);
	world_until(w, here(w, id, "acked"));
	types(w, "alice", id, "resolve A#");
	world_until(w, strcmp(world_pd_status(w, "mine-A1"), "resolved") == 0);
	assert_string_equal(world_pd_status(w, "headsup-A1"), "acknowledged");
}

/* A service that makes incidents and no alerts: its incident has our key itself. */
static void incident__of_a_service_without_alerts__is_found(void **state)
{
	struct world *w = *state;
	const char *id;

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"no_alerts\":true}]}");
	id = raised_and_linked(w, "no alerts");
	types(w, "alice", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "Alice Example") == 1);
	world_pd_act(w, "Bob", key_of(w, id), "unack", NULL);
	world_until(w, here(w, id, "open"));
	types(w, "alice", id, "resolve A#");
	world_until(w, entries(w, id, "resolve", "Alice Example") == 1);
	assert_true(both(w, id, "resolved", "resolved"));
}

/* ---- what PagerDuty will not do -------------------------------------------------------------- */

static void deed__that_pagerduty_refuses__is_told_with_why(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "refused"), *low, *empty;

	world_fault(w, "{\"method\":\"pagerduty.rest.put.incidents.id\",\"status\":403,"
		       "\"error\":\"Access Denied\",\"extra\":{\"code\":2010}}");
	types(w, "alice", id, "ack A#");
	world_until(w, lines(w, id, "Access Denied") == 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, "Access Denied"), 1);

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"low_urgency\":true}]}");
	low = raised_and_linked(w, "low");
	types(w, "alice", low, "escalate A#");
	world_until(w, lines(w, low, "to TEAM") == 1);
	assert_int_equal(level(w, low), 1);

	world_pd_config(w, "{\"services\":[{\"id\":\"PSVCSEC\",\"low_urgency\":false,"
			   "\"policy\":\"PGAP001\"}],\"policies\":[{\"id\":\"PGAP001\","
			   "\"name\":\"Gap\",\"levels\":[[\"PALICE1\"],[\"PSCHSEC\"]]}],"
			   "\"oncall\":{\"PSCHSEC\":null}}");
	empty = raised_and_linked(w, "nobody there");
	types(w, "alice", empty, "escalate A#");
	world_until(w, lines(w, empty, "to TEAM") == 1);
	assert_int_equal(level(w, empty), 1);
	assert_true(both(w, empty, "open", "triggered"));

	types(w, "alice", empty, "assign A# <@U0MALLORY>");
	world_until(w, is_quiet(w));
	assert_true(lines(w, empty, "<@U0MALLORY>") >= 2);
	assert_true(is_assigned(w, empty, "Alice Example"));
}

/* ---- what PagerDuty does by itself ----------------------------------------------------------- */

static void acknowledgement__that_ran_out__is_told_loudly_and_can_be_given_anew(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "ran out");

	types(w, "alice", id, "ack A#");
	world_until(w, there(w, id, "acknowledged"));
	world_pd_act(w, NULL, key_of(w, id), "timeout", "\"timer\":\"ack\"");
	world_until(w, is_loud(w, id, "The acknowledgement ran out in PagerDuty"));
	assert_true(both(w, id, "open", "triggered"));
	assert_true(cJSON_IsNull(json_get(world_alert(w, id), "assignee")));
	world_until(w, world_has_button(cJSON_GetArrayItem(thread_of(w, id), 0), "alert_ack"));
	types(w, "bob", id, "ack A#");
	world_until(w, both(w, id, "acked", "acknowledged"));
	assert_int_equal(entries(w, id, "acknowledge", "Bob Example"), 1);
}

static void timers__of_pagerduty__are_told_as_its_own(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "by itself"),
		   *other = raised_and_linked(w, "snoozed");

	world_pd_act(w, NULL, key_of(w, id), "timeout", "\"timer\":\"resolve\"");
	world_until(w, lines(w, id, "PagerDuty resolved it by itself") == 1);
	assert_true(both(w, id, "resolved", "resolved"));
	assert_int_equal(events(w, id, "resolved", "PagerDuty", "pagerduty"), 1);
	world_pd_act(w, "Bob", key_of(w, other), "snooze", "\"duration\":3600");
	world_until(w, here(w, other, "acked"));
	world_pd_act(w, NULL, key_of(w, other), "timeout", "\"timer\":\"snooze\"");
	world_until(w, both(w, other, "open", "triggered"));
}

/* ---- announcements, as change events --------------------------------------------------------- */

static const cJSON *change_with(struct world *w, const char *part, const char *routing_key)
{
	const cJSON *change;

	cJSON_ArrayForEach(change, json_get(world_pagerduty(w), "changes"))
	{
		const cJSON *body = json_get(change, "body");

		if (strstr(text(json_get(body, "payload"), "summary"), part) != NULL &&
		    strcmp(text(body, "routing_key"), routing_key) == 0)
			return body;
	}
	return NULL;
}

static void announcement__that_begins__is_a_change_event_of_the_services_it_touches(void **state)
{
	struct world *w = *state;
	const cJSON *body;
	int64_t at;

	world_says(
	    w, "alice", ALERTS, "expect service=payments host=pay-* for 30m because deploy 7");
	world_until(w, change_with(w, "deploy 7", WORLD_KEY_PAY) != NULL);
	body = change_with(w, "deploy 7", WORLD_KEY_PAY);
	assert_null(json_get(body, "event_action"));
	assert_true(time_parse_rfc3339(text(json_get(body, "payload"), "timestamp"), &at));
	assert_non_null(strstr(text(json_get(body, "payload"), "summary"), "H1"));
	assert_int_equal(
	    world_http(w, "POST", "/v1/announcements", WORLD_CI,
		"{\"match\":[\"host=web-*\"],\"for\":\"30m\",\"because\":\"chef run\"}", NULL)
		->status,
	    201);
	world_until(w, change_with(w, "chef run", WORLD_KEY) != NULL);
	world_until(w, is_quiet(w));
	/* Once each, and nobody is called. */
	world_says(w, "alice", ALERTS, "extend H1 30m");
	world_until(w, is_quiet(w));
	assert_int_equal(cJSON_GetArraySize(json_get(world_pagerduty(w), "incidents")), 0);
	{
		const cJSON *change;
		int count = 0;

		cJSON_ArrayForEach(change, json_get(world_pagerduty(w), "changes"))
		{
			const cJSON *one = json_get(change, "body");

			count += strcmp(text(one, "routing_key"), WORLD_KEY_PAY) == 0 &&
				 strstr(text(json_get(one, "payload"), "summary"), "deploy 7");
		}
		assert_int_equal(count, 1);
	}
}

/* ---- webhooks -------------------------------------------------------------------------------- */

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

/* SIGNATURE NULL: no such header. */
static int delivered(struct world *w, const char *body, const char *signature)
{
	static int count;
	char *header = xasprintf("X-PagerDuty-Signature: %s", signature != NULL ? signature : ""),
	     *id = xasprintf("X-Webhook-Id: e5e16353-0000-4000-8000-%012d", ++count);
	const char *headers[] = {id, signature != NULL ? header : NULL, NULL};
	int status = world_http(w, "POST", "/webhooks/pagerduty", NULL, body, headers)->status;

	free(header);
	free(id);
	return status;
}

static int delivered_signed(struct world *w, const char *body)
{
	char *signature = signed_by(WORLD_PD_SECRET, body);
	int status = delivered(w, body, signature);

	free(signature);
	return status;
}

static cJSON *sample(const char *name)
{
	char *path = xasprintf("tests/data/pagerduty/%s", name), read[65536];
	FILE *file = fopen(path, "r");
	cJSON *json;
	size_t len;

	assert_non_null(file);
	len = fread(read, 1, sizeof(read) - 1, file);
	fclose(file);
	free(path);
	json = cJSON_ParseWithLength(read, len);
	assert_non_null(json);
	return json;
}

static void webhook__of_the_published_samples__is_taken_as_signed(void **state)
{
	static const struct {
		const char *file;
		bool is_good;
	} cases[] = {
	    {"signature-01-ping.json", true},
	    {"signature-02-acknowledged.json", true},
	    {"signature-03-tampered.json", false},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *json = sample(cases[i].file);
		const char *body = text(json, "body"),
			   *signature = text(json, "x_pagerduty_signature");
		char *both_ = xasprintf("v0=00, v1=%064d, %s", 0, signature),
		     *twice = xasprintf("%s,v1=junk", signature);

		assert_string_equal(text(json, "secret"), WORLD_PD_SECRET);
		assert_int_equal(delivered(w, body, signature), cases[i].is_good ? 202 : 403);
		assert_int_equal(delivered(w, body, both_), cases[i].is_good ? 202 : 403);
		assert_int_equal(delivered(w, body, twice), cases[i].is_good ? 202 : 403);
		free(both_);
		free(twice);
		cJSON_Delete(json);
	}
	assert_true(world_is_running(w));
}

static void webhook__of_any_type__is_answered_202(void **state)
{
	static const char *const files[] = {"incident-acknowledged", "incident-annotated",
	    "incident-conference-bridge-updated", "incident-delegated", "incident-escalated",
	    "incident-priority-updated", "incident-reassigned", "incident-resolved-by-event",
	    "incident-resolved", "incident-responder-added", "incident-responder-replied",
	    "incident-status-update-published", "incident-triggered-by-event",
	    "incident-triggered-by-person", "incident-unacknowledged", "pagey-ping"};
	static const char *const odd[] = {
	    "{\"event\":{\"id\":\"01X\",\"event_type\":\"moon.rose\",\"resource_type\":\"moon\","
	    "\"occurred_at\":\"2026-01-01T00:00:00Z\",\"agent\":null,\"data\":{\"id\":\"Q1\"}}}",
	    "{\"event\":{\"id\":\"02X\",\"event_type\":\"incident.acknowledged\",\"data\":null}}",
	    "{\"event\":{\"id\":\"03X\",\"event_type\":\"incident.acknowledged\","
	    "\"data\":{\"type\":\"incident\",\"id\":\"../../users\"}}}",
	    "{\"event\":{\"id\":\"04X\",\"event_type\":\"service.updated\","
	    "\"data\":{\"type\":\"service\",\"id\":\"PSVCSEC\"}}}",
	    "{\"event\":{\"id\":5,\"event_type\":7,\"data\":[1,2]}}",
	    "{\"event\":null}",
	    "{}",
	};
	struct world *w = *state;
	const char *id = raised_and_linked(w, "bystander");
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *name = xasprintf("webhook-%s.json", files[i]);
		cJSON *json = sample(name);
		char *body = cJSON_PrintUnformatted(json);

		assert_int_equal(delivered_signed(w, body), 202);
		free(body);
		cJSON_Delete(json);
		free(name);
	}
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(delivered_signed(w, odd[i]), 202);
	assert_in_range(delivered_signed(w, "not json"), 202, 400);
	assert_in_range(delivered_signed(w, ""), 202, 403);
	world_until(w, is_quiet(w));
	assert_true(both(w, id, "open", "triggered"));
	assert_int_equal(lines(w, id, NULL), 0);
	assert_int_equal(rest_calls(w, ".put.") + rest_calls(w, ".post."), 0);
	assert_int_equal(
	    world_http(w, "GET", "/webhooks/pagerduty", NULL, NULL, NULL)->status, 405);
}

/* Deliveries that were answered STATUS. */
static int answered(struct world *w, int status)
{
	const cJSON *one, *list = json_get(world_sim(w, "pd/deliveries", NULL), "deliveries");
	int count = 0;

	cJSON_ArrayForEach(one, list)
	{
		count += json_get(one, "status")->valueint == status;
	}
	return count;
}

static void webhook__forged_tampered_or_unsigned__changes_nothing(void **state)
{
	static const char *const kinds[] = {"bad_signature", "no_signature", "tamper"};
	struct world *w = *state;
	char fault[64];
	const char *id;
	int i;

	for (i = 0; i < 3; i++) {
		id = raised_and_linked(w, kinds[i]);
		world_until(w, is_quiet(w));
		snprintf(fault, sizeof(fault), "{\"webhook\":\"%s\"}", kinds[i]);
		world_fault(w, fault);
		world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
		world_until(w, world_pd_hooks(w, NULL, "dropped") == i + 1);
		assert_int_equal(answered(w, 403), i + 1);
		assert_true(here(w, id, "open"));
		assert_int_equal(lines(w, id, NULL), 0);
		/* A genuine one behind it is taken. */
		world_pd_act(w, "Bob", key_of(w, id), "note", "\"note\":\"genuine\"");
		world_until(w, lines(w, id, "genuine") == 1);
	}
	assert_null(strstr(world_log(w), WORLD_PD_SECRET));
}

static void webhook__where_no_secret_is_set__is_refused(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_api = true});

	*state = w;
	assert_int_equal(delivered_signed(w, "{\"event\":{}}"), 403);
	assert_int_equal(delivered(w, "{\"event\":{}}", NULL), 403);
}

/* Each subscription has a secret of its own. */
static void webhook__with_one_of_several_secrets__is_proven(void **state)
{
	static const char body[] = "{\"event\":{\"event_type\":\"pagey.ping\",\"data\":{}}}";
	struct world *w = world_start(&(struct world_options){.pd_api = true,
	    .pagerduty = "  webhook_secret: [first-secret-0123456789, second-secret-012345678]\n"});
	char *first = signed_by("first-secret-0123456789", body),
	     *second = signed_by("second-secret-012345678", body);

	*state = w;
	assert_int_equal(delivered(w, body, first), 202);
	assert_int_equal(delivered(w, body, second), 202);
	assert_int_equal(delivered_signed(w, body), 403);
	free(first);
	free(second);
}

/* PagerDuty's own API hangs: webhooks are answered all the same, and what needs nothing is done. */
static void webhook__while_rest_hangs__is_answered_and_done(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "hanging");
	int64_t before;

	world_until(w, is_quiet(w));
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"hang\":true,\"times\":-1}");
	types(w, "alice", id, "note A# this hangs");
	world_until(w, rest_calls(w, ".id") > 0);
	before = world_ms();
	world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
	world_until(w, world_pd_hooks(w, "incident.acknowledged", "delivered") == 1);
	assert_in_range(world_ms() - before, 0, 4000);
	world_until(w, lines(w, id, "Acked by <@U0BOB> in PagerDuty") == 1);
	assert_int_equal(world_pd_hooks(w, NULL, "waiting"), 0);
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, notes(w, id, "this hangs", "Alice Example") == 1, 60000);
}

static void webhook__while_the_disk_is_full__comes_again(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "disk");
	struct rlimit full = {0, RLIM_INFINITY}, before;

	world_until(w, is_quiet(w));
	assert_int_equal(prlimit(w->headsup, RLIMIT_FSIZE, NULL, &before), 0);
	full.rlim_max = before.rlim_max;
	assert_int_equal(prlimit(w->headsup, RLIMIT_FSIZE, &full, NULL), 0);
	world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
	world_until(w, answered(w, 503) == 1);
	assert_int_equal(prlimit(w->headsup, RLIMIT_FSIZE, &before, NULL), 0);
	world_until(w, lines(w, id, "Acked by <@U0BOB> in PagerDuty") == 1);
	world_until(w, is_quiet(w));
	assert_int_equal(lines(w, id, NULL), 1);
}

/* Somebody whom nobody was asked about yet, about an incident that was not found yet. */
static void webhook__that_beats_everything_else__is_understood(void **state)
{
	struct world *w = *state;
	const char *id;

	/* The search finds nothing: webhooks alone tell which incident it is. */
	world_pd_config(w, "{\"search_lag_ms\":600000}");
	id = raised(w, "early bird");
	world_pd_act(w, "Bob", key_of(w, id), "ack", NULL);
	world_until(w, lines(w, id, "Acked by <@U0BOB> in PagerDuty") == 1);
	assert_true(is_linked(w, id));
	types(w, "alice", id, "resolve A#");
	world_until(w, entries(w, id, "resolve", "Alice Example") == 1);
}

/* ---- without a token, and with TLS ----------------------------------------------------------- */

static void webhooks__without_a_token__are_followed_and_events_answer(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_webhooks = true});
	const char *id;

	*state = w;
	id = raised(w, "no token");
	world_pd_act(w, "Dave", key_of(w, id), "ack", NULL);
	world_until(w, lines(w, id, "Acked by Dave Example in PagerDuty") == 1);
	types(w, "alice", id, "resolve A#");
	world_until(w, both(w, id, "resolved", "resolved"));
	world_until(w, is_quiet(w));
	/* Our own event comes back by the integration: it is not told again. */
	assert_int_equal(lines(w, id, NULL), 2);
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "pagerduty.rest")), 0);
}

static void everything__over_tls__works_the_same(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .tls = true});
	const char *id;

	*state = w;
	id = raised_and_linked(w, "tls");
	types(w, "alice", id, "ack A#");
	world_until(w, entries(w, id, "acknowledge", "Alice Example") == 1);
	world_pd_act(w, "Bob", key_of(w, id), "resolve", NULL);
	world_until(w, lines(w, id, "Resolved by <@U0BOB> in PagerDuty") == 1);
	assert_true(both(w, id, "resolved", "resolved"));
}

static int setup(void **state)
{
	*state = world_start(&(struct world_options){BOTH_WAYS});
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, world_teardown)
#define OWN(test) cmocka_unit_test_teardown(test, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(deed__in_slack__is_theirs_in_pagerduty),
	    T(deed__of_somebody_known_by_their_profile_alone__is_theirs),
	    T(deed__of_somebody_pagerduty_does_not_know__is_headsups_and_a_note_names_them),
	    T(deeds__in_quick_succession__are_done_in_turn),
	    T(deed__with_several_alerts__is_done_with_each),
	    T(alert__resolved_by_its_source__is_resolved_in_pagerduty),
	    OWN(claim__of_a_paged_alert__resolves_it_as_theirs_and_not_me_reopens_it),
	    T(deed__of_somebody_who_left__is_headsups),
	    OWN(deed__where_no_from_is_set__is_the_integrations_or_says_so),
	    T(change__in_pagerduty__is_theirs_in_slack),
	    T(change__by_somebody_who_also_acts_here__is_no_echo),
	    T(change__to_what_fired_again__is_told_and_reopens_nothing),
	    T(names__that_are_hostile__are_only_names),
	    T(card__of_a_paged_alert__links_its_incident),
	    T(deed__before_the_incident_can_be_found__is_done_when_it_can),
	    OWN(deed__without_an_incident__is_said_by_events),
	    T(escalate__of_what_was_not_paged__pages),
	    T(escalate__of_what_was_paged__calls_the_next_and_says_when_there_is_none),
	    T(escalate__to_a_team__gives_it_to_their_policy),
	    T(escalate__to_a_person__asks_them_to_help),
	    T(assign__in_slack__is_done_in_pagerduty),
	    T(oncall__asked__tells_who_is_called_by_each_policy),
	    OWN(announcement__at_an_odd_hour__of_who_is_on_call_counts_at_once),
	    T(notes__both_ways__are_told_once_each),
	    T(incident__of_three_alerts__ends_with_the_last),
	    T(incident__of_three_alerts_resolved_in_pagerduty__resolves_all_three),
	    T(merge__of_two_incidents__is_told_as_one_and_followed),
	    T(merge__into_an_incident_of_others__is_followed_there),
	    OWN(incident__of_another_headsup__is_not_ours),
	    T(incident__of_a_service_without_alerts__is_found),
	    T(deed__that_pagerduty_refuses__is_told_with_why),
	    T(acknowledgement__that_ran_out__is_told_loudly_and_can_be_given_anew),
	    T(timers__of_pagerduty__are_told_as_its_own),
	    T(announcement__that_begins__is_a_change_event_of_the_services_it_touches),
	    T(webhook__of_the_published_samples__is_taken_as_signed),
	    T(webhook__of_any_type__is_answered_202),
	    T(webhook__forged_tampered_or_unsigned__changes_nothing),
	    OWN(webhook__where_no_secret_is_set__is_refused),
	    OWN(webhook__with_one_of_several_secrets__is_proven),
	    T(webhook__while_rest_hangs__is_answered_and_done),
	    T(webhook__while_the_disk_is_full__comes_again),
	    T(webhook__that_beats_everything_else__is_understood),
	    OWN(webhooks__without_a_token__are_followed_and_events_answer),
	    OWN(everything__over_tls__works_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
