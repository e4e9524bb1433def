/* What goes wrong between Slack and PagerDuty: an outage, webhooks that are lost, a daemon that was
 * down, answers that never came. Nothing is lost or done twice, and both sides agree in the end. */
#include <signal.h>

#include "tests/e2e/pagerduty.h"

#define AGREES_MS 60000 /* what is promised: within a minute */

static int enqueued(struct world *w)
{
	return cJSON_GetArraySize(world_calls(w, "pagerduty.enqueue"));
}

/* Calls to METHOD that were answered STATUS. */
static int answered(struct world *w, const char *method, int status)
{
	const cJSON *call;
	int count = 0;

	cJSON_ArrayForEach(call, world_calls(w, method))
	{
		count += json_get(call, "status")->valueint == status;
	}
	return count;
}

/* ---- an outage ------------------------------------------------------------------------------- */

#define STREAM 12

/* What was done with the alert I of the stream; all of it, in this order. */
static const char *const acts[4][3] = {
    {"ack A#", "note A# working on it", "resolve A# because fixed"},
    {"ack A#", "unack A#", "ack A#"},
    {"resolve A#", "reopen A#", NULL},
    {"note A# only a note", NULL, NULL},
};

static void stream_check(struct world *w, const char *id, size_t kind)
{
	switch (kind) {
	case 0:
		passing(w, both(w, id, "resolved", "resolved"));
		passing(w, notes(w, id, "working on it", "Alice Example") == 1);
		passing(w, notes(w, id, "fixed", "Alice Example") == 1);
		assert_int_equal(entries(w, id, "resolve", "Alice Example"), 1);
		assert_int_equal(entries(w, id, "trigger", NULL), 1);
		break;
	case 1:
		passing(w, both(w, id, "acked", "acknowledged"));
		assert_in_range(entries(w, id, "acknowledge", "Alice Example"), 1, 2);
		assert_int_equal(entries(w, id, "trigger", NULL), 1);
		break;
	case 2:
		passing(w, both(w, id, "open", "triggered"));
		break;
	default:
		passing(w, both(w, id, "open", "triggered"));
		passing(w, notes(w, id, "only a note", "Alice Example") == 1);
		assert_int_equal(entries(w, id, "trigger", NULL), 1);
		break;
	}
	assert_int_equal(incidents(w, id), 1);
}

/* The record of an incident goes on as things were done: it was triggered before it was acked, and
 * that before it was resolved. */
static void order_check(struct world *w, const char *id)
{
	static const char *const order[] = {
	    "trigger_log_entry", "acknowledge_log_entry", "resolve_log_entry"};
	const cJSON *entry, *list = json_get(incident_of(w, id), "log_entries");
	size_t at = 0, i;

	assert_string_equal(text(cJSON_GetArrayItem(list, 0), "type"), "trigger_log_entry");
	cJSON_ArrayForEach(entry, list)
	{
		for (i = 0; i < 3; i++) {
			if (strcmp(text(entry, "type"), order[i]) == 0 && i > at)
				at = i;
			else if (strcmp(text(entry, "type"), order[i]) == 0 && i < at)
				fail_msg("%s: %s came too late", id, order[i]);
		}
	}
}

static void outage__of_ten_minutes__loses_nothing_and_keeps_the_order(void **state)
{
	struct world *w = world_start(
	    &(struct world_options){BOTH_WAYS, .clock = true, .events_per_minute = "120"});
	const char *ids[STREAM], *early;
	char title[48], body[160];
	size_t i, j;

	*state = w;
	world_knob(w, "{\"pagerduty_per_minute\":120}");
	early = raised_and_linked(w, "before it all");
	world_until(w, is_quiet(w));
	world_fault(w, "{\"method\":\"pagerduty\",\"status\":503,\"times\":-1}");
	types(w, "alice", early, "ack A#");
	for (i = 0; i < STREAM; i++) {
		snprintf(title, sizeof(title), "outage %zu", i);
		snprintf(body, sizeof(body),
		    "{\"title\":\"%s\",\"dedup_key\":\"%s\",\"severity\":\"critical\"}", title,
		    title);
		ids[i] = world_send_one(w, NULL, body);
		for (j = 0; j < 3 && acts[i % 4][j] != NULL; j++)
			types(w, "alice", ids[i], acts[i % 4][j]);
		world_clock_advance(w, 600 / STREAM);
	}
	world_until(w, thread_of(w, ids[STREAM - 1]) != NULL);
	assert_null(incident_of(w, ids[0]));
	assert_true(there(w, early, "triggered"));
	world_fault(w, "{\"clear\":true}");
	/* It is tried again within a minute or so of any outage. */
	passing(w, there(w, early, "acknowledged") && incident_of(w, ids[STREAM - 1]) != NULL);
	for (i = 0; i < STREAM; i++) {
		passing(w, incident_of(w, ids[i]) != NULL);
		stream_check(w, ids[i], i % 4);
		if (i % 4 != 2)
			order_check(w, ids[i]);
	}
	world_until(w, is_quiet(w));
	for (i = 0; i < STREAM; i++)
		assert_int_equal(lines(w, ids[i], "in PagerDuty"), 0);
	assert_int_equal(entries(w, early, "acknowledge", "Alice Example"), 1);
	assert_int_equal(answered(w, "pagerduty.enqueue", 429), 0);
}

static void limit__of_one_key__is_kept_and_holds_up_no_other(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .events_per_minute = "5"});
	const char *last = NULL;
	char body[160];
	int i, sent = 0;
	const cJSON *call;

	*state = w;
	world_knob(w, "{\"pagerduty_per_minute\":5}");
	for (i = 0; i < 8; i++) {
		snprintf(body, sizeof(body),
		    "{\"title\":\"many %d\",\"dedup_key\":\"many %d\",\"severity\":\"critical\"}",
		    i, i);
		last = world_send_one(w, NULL, body);
	}
	world_until(w, enqueued(w) >= 5);
	last = world_send_one(
	    w, NULL, "{\"title\":\"pay\",\"service\":\"payments\",\"severity\":\"high\"}");
	world_until(w, incident_of(w, last) != NULL);
	types(w, "alice", last, "ack A#");
	world_until(w, entries(w, last, "acknowledge", "Alice Example") == 1);
	cJSON_ArrayForEach(call, world_calls(w, "pagerduty.enqueue"))
	{
		sent += strstr(text(call, "body"), WORLD_KEY) != NULL;
	}
	assert_int_equal(sent, 5);
	assert_int_equal(answered(w, "pagerduty.enqueue", 429), 0);
}

static void outage__of_rest_alone__pages_all_the_same_and_acts_later_as_who_did_it(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	const char *id, *other;

	*state = w;
	other = raised_and_linked(w, "before");
	world_until(w, is_quiet(w));
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"hang\":true,\"times\":-1}");
	id = raised(w, "meanwhile");
	types(w, "alice", id, "ack A#");
	types(w, "bob", other, "ack A#");
	types(w, "bob", other, "resolve A#");
	world_until(w, here(w, id, "acked") && here(w, other, "resolved"));
	world_clock_advance(w, 600);
	world_fault(w, "{\"clear\":true}");
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"status\":429,\"bare\":true,\"times\":2}");
	passing(w, entries(w, other, "resolve", "Bob Example") == 1);
	passing(w, there(w, id, "acknowledged"));
	world_until(w, entries(w, other, "acknowledge", "Bob Example") <= 1);
	assert_true(both(w, other, "resolved", "resolved"));
	assert_true(here(w, id, "acked"));
	assert_int_equal(entries(w, id, "acknowledge", NULL), 1);
	order_check(w, other);
}

/* Over the limit: PagerDuty says for how long. */
static void rest__over_its_limit__waits_as_told(void **state)
{
	struct world *w = *state;
	static const char *const titles[] = {"1st", "2nd", "3rd", "4th", "5th"};
	const char *id = raised_and_linked(w, "limited");
	int before;
	size_t i;

	world_until(w, is_quiet(w));
	/* It tells that the minute has most of its seconds left. */
	world_fault(w, "{\"method\":\"pagerduty.rest\",\"status\":429,\"times\":-1}");
	before = rest_calls(w, "");
	types(w, "alice", id, "ack A#");
	world_until(w, rest_calls(w, "") == before + 1);
	types(w, "bob", id, "note A# asked too much");
	for (i = 0; i < 5; i++) {
		raised(w, titles[i]);
		types(w, "bob", id, "note A# again");
	}
	/* Webhooks and pages go on meanwhile. */
	world_pd_act(w, "Bob", key_of(w, id), "resolve", NULL);
	world_until(w, here(w, id, "resolved"));
	assert_int_equal(rest_calls(w, ""), before + 1);
}

/* ---- answers that never came ----------------------------------------------------------------- */

static void answer__that_was_cut__does_nothing_twice(void **state)
{
	static const struct {
		const char *method, *command, *entry;
	} cases[] = {
	    {"pagerduty.rest.put.incidents.id", "ack A#", "acknowledge"},
	    {"pagerduty.rest.put.incidents.id", "resolve A#", "resolve"},
	    {"pagerduty.rest.put.incidents.id", "escalate A#", "escalate"},
	    {"pagerduty.rest.post.incidents.id.notes", "note A# once only", "annotate"},
	};
	struct world *w = *state;
	char fault[128];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *id = raised_and_linked(w, cases[i].command);

		world_until(w, is_quiet(w));
		snprintf(fault, sizeof(fault), "{\"method\":\"%s\",\"cut\":true}", cases[i].method);
		world_fault(w, fault);
		types(w, "alice", id, cases[i].command);
		world_until(w, entries(w, id, cases[i].entry, "Alice Example") >= 1);
		world_until_ms(w, is_quiet(w), 60000);
		assert_int_equal(lines(w, id, "> in PagerDuty"), 0);
		assert_int_equal(lines(w, id, "by <@U0ALICE>"), 1);
		/* An ack may be given twice; nobody is called twice, and nothing is written twice. */
		if (i > 0 && entries(w, id, cases[i].entry, NULL) != 1) {
			show(w, id);
			fail_msg("%s was done twice", cases[i].command);
		}
	}
}

static void page__whose_answer_was_cut__is_one_incident(void **state)
{
	struct world *w = *state;
	const char *id;

	world_fault(w, "{\"method\":\"pagerduty.enqueue\",\"cut\":true}");
	id = world_send_one(w, NULL, "{\"title\":\"cut\",\"severity\":\"critical\"}");
	world_until(w, there(w, id, "triggered"));
	types(w, "alice", id, "ack A#");
	world_until_ms(w, entries(w, id, "acknowledge", "Alice Example") == 1, 60000);
	assert_int_equal(incidents(w, id), 1);
}

static void token__that_is_revoked__is_told_and_pages_go_on(void **state)
{
	struct world *w = *state;
	const char *id = raised_and_linked(w, "revoked");

	world_until(w, is_quiet(w));
	world_pd_config(w, "{\"token\":\"another\"}");
	types(w, "alice", id, "ack A#");
	world_until(w, is_degraded(w, "agerDuty") || is_degraded(w, "pagerduty"));
	assert_null(strstr(world_log(w), WORLD_PD_TOKEN));
	id = raised(w, "pages go on");
	assert_true(here(w, id, "open"));
}

/* ---- webhooks that are lost, and a daemon that was down -------------------------------------- */

/* Bob at work in PagerDuty, on six alerts; all of it is to be seen. */
struct shift {
	const char *acked, *resolved, *noted, *escalated, *reassigned, *reopened, *unacked;
};

static struct shift shift_begin(struct world *w)
{
	struct shift shift = {
	    .acked = raised_and_linked(w, "to be acked"),
	    .resolved = raised_and_linked(w, "to be resolved"),
	    .noted = raised_and_linked(w, "to be noted"),
	    .escalated = raised_and_linked(w, "to be escalated"),
	    .reassigned = raised_and_linked(w, "to be reassigned"),
	    .reopened = raised_and_linked(w, "to be reopened"),
	    .unacked = raised_and_linked(w, "to be unacked"),
	};

	types(w, "alice", shift.reopened, "resolve A#");
	types(w, "alice", shift.unacked, "ack A#");
	world_until(
	    w, there(w, shift.reopened, "resolved") && there(w, shift.unacked, "acknowledged"));
	world_until(w, is_quiet(w));
	return shift;
}

static void shift_work(struct world *w, const struct shift *shift)
{
	world_pd_act(w, "Bob", key_of(w, shift->acked), "ack", NULL);
	world_pd_act(w, "Bob", key_of(w, shift->resolved), "ack", NULL);
	world_pd_act(w, "Bob", key_of(w, shift->resolved), "resolve", NULL);
	world_pd_act(w, "Bob", key_of(w, shift->noted), "note", "\"note\":\"at night\"");
	world_pd_act(w, "Dave", key_of(w, shift->escalated), "escalate", NULL);
	world_pd_act(w, "Bob", key_of(w, shift->reassigned), "reassign", "\"to\":\"Alice\"");
	world_pd_act(w, "Bob", key_of(w, shift->reopened), "reopen", NULL);
	world_pd_act(w, "Bob", key_of(w, shift->unacked), "unack", NULL);
}

static bool shift_is_seen(struct world *w, const struct shift *shift)
{
	return here(w, shift->acked, "acked") && here(w, shift->resolved, "resolved") &&
	       lines(w, shift->noted, "Note by <@U0BOB> in PagerDuty: at night") == 1 &&
	       lines(w, shift->escalated, "Escalated to <@U0BOB> by Dave Example") == 1 &&
	       strcmp(assignee(w, shift->reassigned), "alice") == 0 &&
	       here(w, shift->reopened, "open") && here(w, shift->unacked, "open") &&
	       lines(w, shift->acked, "Acked by <@U0BOB> in PagerDuty") == 1 &&
	       lines(w, shift->resolved, "Resolved by <@U0BOB> in PagerDuty") == 1 &&
	       lines(w, shift->reopened, "Reopened by <@U0BOB> in PagerDuty") == 1;
}

static void shift_check(struct world *w, const struct shift *shift, int before)
{
	world_until(w, is_quiet(w));
	assert_true(shift_is_seen(w, shift));
	assert_true(both(w, shift->acked, "acked", "acknowledged"));
	assert_true(both(w, shift->resolved, "resolved", "resolved"));
	assert_true(both(w, shift->reopened, "open", "triggered"));
	assert_true(both(w, shift->unacked, "open", "triggered"));
	/* What was done there is not done there again. */
	assert_int_equal(writes(w), before);
}

static void webhooks__lost_for_an_hour__both_sides_agree_within_a_minute(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	struct shift shift;
	int64_t since;
	int before, passed = 0;

	*state = w;
	shift = shift_begin(w);
	before = writes(w);
	world_fault(w, "{\"webhook\":\"lose\",\"times\":-1}");
	shift_work(w, &shift);
	/* A minute by the clock of headsup is enough without any webhook at all. */
	since = world_ms();
	while (!shift_is_seen(w, &shift) && passed < 60) {
		world_clock_advance(w, 5);
		passed += 5;
		for (int i = 0; i < 20; i++)
			world_pause();
	}
	world_until_ms(w, shift_is_seen(w, &shift), 5000);
	assert_in_range(world_ms() - since, 0, AGREES_MS);
	shift_check(w, &shift, before);
}

static void webhooks__back_after_an_hour__tell_nothing_twice(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	struct shift shift;
	int before;

	*state = w;
	shift = shift_begin(w);
	before = writes(w);
	/* Held back by PagerDuty, and all delivered when everything was seen by polling. */
	world_fault(w, "{\"webhook\":\"delay\",\"delay_ms\":6000,\"times\":-1}");
	shift_work(w, &shift);
	world_clock_advance(w, 3600);
	world_until_ms(w, shift_is_seen(w, &shift), AGREES_MS);
	shift_check(w, &shift, before);
	assert_int_equal(world_pd_hooks(w, NULL, "lost"), 0);
}

static void daemon__down_while_people_act__agrees_when_it_is_back(void **state)
{
	static const struct {
		struct world_options options;
		bool is_killed, is_lost;
	} cases[] = {
	    {{BOTH_WAYS}, true, true},
	    /* PagerDuty tries again until it is back. */
	    {{BOTH_WAYS}, false, false},
	    {{POLLED}, true, false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_start(&cases[i].options);
		struct shift shift;
		int64_t since;
		int before;

		*state = w;
		shift = shift_begin(w);
		before = writes(w);
		if (cases[i].is_killed)
			world_kill9(w);
		else
			assert_int_equal(world_term(w), 0);
		if (cases[i].is_lost)
			world_fault(w, "{\"webhook\":\"lose\",\"times\":-1}");
		shift_work(w, &shift);
		world_boot(w);
		since = world_ms();
		world_until_ms(w, shift_is_seen(w, &shift), AGREES_MS);
		assert_in_range(world_ms() - since, 0, AGREES_MS);
		shift_check(w, &shift, before);
		world_stop(w);
		*state = NULL;
	}
}

/* PagerDuty is out of reach, and people go on on both sides: what was done last stands. */
static void acts__on_both_sides_of_an_outage__end_with_the_last(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
	const char *ack_resolve, *resolve_ack, *resolve_note, *unack_resolve;
	time_t second;

	*state = w;
	ack_resolve = raised_and_linked(w, "acked here, resolved there");
	resolve_ack = raised_and_linked(w, "resolved here, acked there");
	resolve_note = raised_and_linked(w, "resolved here, noted there");
	unack_resolve = raised_and_linked(w, "unacked here, resolved there");
	types(w, "alice", unack_resolve, "ack A#");
	world_until(w, there(w, unack_resolve, "acknowledged") && is_quiet(w));
	world_fault(w, "{\"method\":\"pagerduty\",\"status\":503,\"times\":-1}");
	world_fault(w, "{\"webhook\":\"lose\",\"times\":-1}");
	types(w, "alice", ack_resolve, "ack A#");
	types(w, "alice", resolve_ack, "resolve A#");
	types(w, "alice", resolve_note, "resolve A#");
	types(w, "alice", unack_resolve, "unack A#");
	second = time(NULL);
	world_until(w, is_after(second));
	world_pd_act(w, "Bob", key_of(w, ack_resolve), "resolve", NULL);
	world_pd_act(w, "Bob", key_of(w, resolve_ack), "ack", NULL);
	world_pd_act(w, "Bob", key_of(w, resolve_note), "note", "\"note\":\"me too\"");
	world_pd_act(w, "Bob", key_of(w, unack_resolve), "resolve", NULL);
	world_kill9(w);
	world_boot(w);
	world_fault(w, "{\"clear\":true}");
	/* In its own time: a clock that runs ahead of what is tried again would have events say it first. */
	world_until(w, is_quiet(w));
	passing(w, both(w, ack_resolve, "resolved", "resolved"));
	/* Resolved is not undone by somebody who only took it in hand. */
	passing(w, both(w, resolve_ack, "resolved", "resolved"));
	passing(w, both(w, resolve_note, "resolved", "resolved"));
	passing(w, both(w, unack_resolve, "resolved", "resolved"));
	world_until(w, is_quiet(w));
	assert_int_equal(entries(w, ack_resolve, "trigger", NULL), 1);
	assert_int_equal(entries(w, resolve_ack, "trigger", NULL), 1);
	assert_int_equal(entries(w, unack_resolve, "trigger", NULL), 1);
	assert_int_equal(lines(w, resolve_note, "me too"), 1);
	/* Who acted in vain is told so where both are. */
	assert_int_equal(
	    lines(w, resolve_ack, "<@U0BOB> acked it in PagerDuty meanwhile; it stays resolved"),
	    1);
}

/* Killed at any point of a conversation: it goes on from there. */
static void daemon__killed_while_it_speaks_with_pagerduty__goes_on(void **state)
{
	static const char *const hangs[] = {"pagerduty.rest.get.incidents.id",
	    "pagerduty.rest.put.incidents.id", "pagerduty.rest.post.incidents.id.notes",
	    "pagerduty.rest.get.incidents"};
	struct world *w = *state;
	char fault[128];
	size_t i;

	for (i = 0; i < 4; i++) {
		const char *id;

		snprintf(fault, sizeof(fault), "{\"method\":\"%s\",\"hang\":true,\"times\":-1}",
		    hangs[i]);
		if (i == 3)
			world_fault(w, fault);
		id = i == 3 ? raised(w, hangs[i]) : raised_and_linked(w, hangs[i]);
		if (i != 3)
			world_until(w, is_quiet(w));
		world_fault(w, fault);
		types(w, "alice", id, "ack A# on it");
		world_until(w, cJSON_GetArraySize(world_calls(w, hangs[i])) > 0);
		world_kill9(w);
		world_fault(w, "{\"clear\":true}");
		world_boot(w);
		world_until_ms(w, entries(w, id, "acknowledge", "Alice Example") >= 1, 60000);
		world_until_ms(w, notes(w, id, "on it", "Alice Example") >= 1, 60000);
		world_until_ms(w, is_quiet(w), 60000);
		assert_true(both(w, id, "acked", "acknowledged"));
		assert_int_equal(notes(w, id, "on it", NULL), 1);
		assert_int_equal(lines(w, id, NULL), 1);
	}
}

/* ---- whatever people do, and whatever becomes of the webhooks --------------------------------- */

#define CROWD 8
#define CROWD_ACTS 120

/* The same numbers each time: what went wrong can be seen again. */
static unsigned drawn(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % below;
}

static void crowd_acts(struct world *w, const char *const *ids, unsigned *seed)
{
	static const char *const typed[] = {"ack A#", "unack A#", "resolve A#", "reopen A#",
	    "escalate A#", "assign A#", "note A# so it is", "ack A# on it"};
	static const char *const acted[] = {
	    "ack", "unack", "resolve", "reopen", "escalate", "reassign", "note", "snooze"};
	static const char *const users[] = {"alice", "bob", "carol"};
	static const char *const faults[] = {"{\"webhook\":\"double\"}",
	    "{\"webhook\":\"reorder\"}", "{\"webhook\":\"lose\"}",
	    "{\"webhook\":\"delay\",\"delay_ms\":300}",
	    "{\"method\":\"pagerduty.rest\",\"cut\":true}",
	    "{\"method\":\"pagerduty.rest\",\"status\":500}"};
	const char *id = ids[drawn(seed, CROWD)], *user = users[drawn(seed, 3)];
	char body[200];

	switch (drawn(seed, 5)) {
	case 0:
	case 1:
		types(w, user, id, typed[drawn(seed, 8)]);
		break;
	case 2:
	case 3:
		/* What does not apply there just then is refused. */
		snprintf(body, sizeof(body),
		    "{\"user\":\"%s\",\"dedup_key\":\"%s\",\"action\":\"%s\",\"to\":\"Dave\","
		    "\"note\":\"there\"}",
		    user, key_of(w, id), acted[drawn(seed, 8)]);
		world_sim(w, "pd/act", body);
		break;
	default:
		world_fault(w, faults[drawn(seed, 6)]);
		break;
	}
}

static bool crowd_agrees(struct world *w, const char *const *ids)
{
	static const char *const ours[] = {"open", "acked", "resolved"};
	static const char *const theirs[] = {"triggered", "acknowledged", "resolved"};
	size_t i, j;

	for (i = 0; i < CROWD; i++) {
		for (j = 0; j < 3; j++) {
			if (both(w, ids[i], ours[j], theirs[j]))
				break;
		}
		if (j == 3)
			return false;
	}
	return true;
}

static void people__on_both_sides_at_random__agree_in_the_end(void **state)
{
	const char *wanted = getenv("CROWD_SEED");
	unsigned seed, first = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : 1, run;

	for (run = first; run < first + 2; run++) {
		struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
		const char *ids[CROWD];
		char title[32];
		int before;
		size_t i;

		*state = w;
		seed = run;
		for (i = 0; i < CROWD; i++) {
			snprintf(title, sizeof(title), "crowd %zu", i);
			ids[i] = raised_and_linked(w, title);
		}
		world_until(w, is_quiet(w));
		before = writes(w);
		for (i = 0; i < CROWD_ACTS; i++)
			crowd_acts(w, ids, &seed);
		world_fault(w, "{\"clear\":true}");
		for (i = 0; i < 30 && !(is_quiet(w) && crowd_agrees(w, ids)); i++) {
			world_clock_advance(w, 2);
			for (int j = 0; j < 20; j++)
				world_pause();
		}
		if (!crowd_agrees(w, ids)) {
			fprintf(stderr, "with seed %u\n", run);
			for (i = 0; i < CROWD; i++) {
				fprintf(stderr, "%s: %s here, %s there\n", ids[i],
				    world_status(w, ids[i]), world_pd_status(w, key_of(w, ids[i])));
			}
			fail_msg("they do not agree");
		}
		/* An act is a write and a note, or one time more after a fault. */
		assert_in_range(writes(w) - before, 0, 2 * CROWD_ACTS);
		world_stop(w);
		*state = NULL;
	}
}

/* Two machines' clocks differ: in what order people acted is not for ours to say. */
static void clocks__that_differ__do_not_decide_who_was_last(void **state)
{
	static const int64_t skews[] = {30, -30};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});
		const char *unacked, *reopened, *acked, *resolved;

		*state = w;
		world_clock_advance(w, skews[i]);
		unacked = raised_and_linked(w, "acked here, unacked there");
		reopened = raised_and_linked(w, "resolved here, reopened there");
		acked = raised_and_linked(w, "unacked here, acked there");
		resolved = raised_and_linked(w, "reopened here, resolved there");
		types(w, "alice", unacked, "ack A#");
		types(w, "alice", reopened, "resolve A#");
		types(w, "alice", acked, "ack A#");
		types(w, "alice", acked, "unack A#");
		types(w, "alice", resolved, "resolve A#");
		types(w, "alice", resolved, "reopen A#");
		world_until(w, there(w, unacked, "acknowledged") && there(w, reopened, "resolved"));
		world_until(w, is_quiet(w));
		assert_true(there(w, acked, "triggered") && there(w, resolved, "triggered"));
		world_pd_act(w, "Bob", key_of(w, unacked), "unack", NULL);
		world_pd_act(w, "Bob", key_of(w, reopened), "reopen", NULL);
		world_pd_act(w, "Bob", key_of(w, acked), "ack", NULL);
		world_pd_act(w, "Bob", key_of(w, resolved), "resolve", NULL);
		world_until(w, both(w, unacked, "open", "triggered"));
		world_until(w, both(w, reopened, "open", "triggered"));
		world_until(w, both(w, acked, "acked", "acknowledged"));
		world_until(w, both(w, resolved, "resolved", "resolved"));
		world_until(w, is_quiet(w));
		assert_true(both(w, unacked, "open", "triggered"));
		assert_true(both(w, reopened, "open", "triggered"));
		assert_true(both(w, acked, "acked", "acknowledged"));
		assert_true(both(w, resolved, "resolved", "resolved"));
		world_stop(w);
		*state = NULL;
	}
}

static void clocks__that_differ__lose_nothing_of_the_log(void **state)
{
	static const int64_t skews[] = {300, -300};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct world *w = world_start(&(struct world_options){POLLED, .clock = true});
		struct shift shift;
		int before;

		*state = w;
		world_clock_advance(w, skews[i]);
		shift = shift_begin(w);
		before = writes(w);
		shift_work(w, &shift);
		world_until(w, shift_is_seen(w, &shift));
		shift_check(w, &shift, before);
		world_stop(w);
		*state = NULL;
	}
}

/* A flood of what is not ours costs PagerDuty's API no more than it must. */
static void incidents__of_others__are_nobodys_and_cost_little(void **state)
{
	struct world *w = *state;
	char body[400], url[128];
	int i, before;

	world_until(w, is_quiet(w));
	snprintf(url, sizeof(url), "%s/v2/enqueue", w->pagerduty);
	before = rest_calls(w, "");
	for (i = 0; i < 10; i++) {
		snprintf(body, sizeof(body),
		    "{\"routing_key\":\"" WORLD_KEY_PAY "\",\"event_action\":\"trigger\","
		    "\"dedup_key\":\"other-%d\",\"payload\":{\"summary\":\"not ours\","
		    "\"source\":\"x\",\"severity\":\"critical\"}}",
		    i);
		assert_int_equal(world_http(w, "POST", url, NULL, body, NULL)->status, 202);
		snprintf(body, sizeof(body), "other-%d", i);
		world_pd_act(w, "Bob", body, "ack", NULL);
		world_pd_act(w, "Bob", body, "note", "\"note\":\"x\"");
		world_pd_act(w, "Bob", body, "resolve", NULL);
	}
	world_until(w, is_quiet(w));
	assert_int_equal(world_pd_hooks(w, NULL, "delivered"), 40);
	assert_in_range(rest_calls(w, "") - before, 0, 25);
	assert_int_equal(rest_calls(w, ".put.") + rest_calls(w, ".post."), 0);
	assert_int_equal(world_count(w, URGENT, "not ours"), 0);
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
	    OWN(outage__of_ten_minutes__loses_nothing_and_keeps_the_order),
	    OWN(limit__of_one_key__is_kept_and_holds_up_no_other),
	    OWN(outage__of_rest_alone__pages_all_the_same_and_acts_later_as_who_did_it),
	    T(rest__over_its_limit__waits_as_told),
	    T(answer__that_was_cut__does_nothing_twice),
	    T(page__whose_answer_was_cut__is_one_incident),
	    T(token__that_is_revoked__is_told_and_pages_go_on),
	    OWN(webhooks__lost_for_an_hour__both_sides_agree_within_a_minute),
	    OWN(webhooks__back_after_an_hour__tell_nothing_twice),
	    OWN(daemon__down_while_people_act__agrees_when_it_is_back),
	    OWN(acts__on_both_sides_of_an_outage__end_with_the_last),
	    T(daemon__killed_while_it_speaks_with_pagerduty__goes_on),
	    OWN(people__on_both_sides_at_random__agree_in_the_end),
	    OWN(clocks__that_differ__do_not_decide_who_was_last),
	    OWN(clocks__that_differ__lose_nothing_of_the_log),
	    T(incidents__of_others__are_nobodys_and_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
