/* Whatever a person does in one system, in whatever state: what the other one shows then. Also when
 * it is told twice, late, or in the wrong order; and nothing reopens by accident, nothing loops. */
#include "tests/e2e/pagerduty.h"

enum before { OPEN, ACKED, RESOLVED, BEFORE_COUNT };
static const char *const ours[] = {"open", "acked", "resolved"};
static const char *const theirs[] = {"triggered", "acknowledged", "resolved"};

/* The status there that goes with STATUS here. */
static const char *other(const char *status)
{
	size_t i = 0;

	while (i < BEFORE_COUNT - 1 && strcmp(ours[i], status) != 0)
		i++;
	return theirs[i];
}

/* An alert that stands as BEFORE says on both sides: Alice saw to it, in Slack. */
static const char *standing(struct world *w, const char *title, enum before before)
{
	const char *id = raised_and_linked(w, title);

	if (before == ACKED)
		types(w, "alice", id, "ack A#");
	else if (before == RESOLVED)
		types(w, "alice", id, "resolve A#");
	return id;
}

static void until_stands(struct world *w, const char *id, enum before before)
{
	world_until_ms(w, both(w, id, ours[before], theirs[before]), 60000);
}

/* Fails the test, and shows what both sides say of ID. */
static void differs(struct world *w, const char *name, const char *id, const char *what)
{
	fprintf(stderr, "%s (%s): %s; here %s, there %s\n", name, id, what, world_status(w, id),
	    world_pd_status(w, key_of(w, id)));
	show(w, id);
	fail_msg("%s: %s", name, what);
}

/* WHAT became so of the case NAME, or the test fails. */
#define holds(w, name, id, condition)                                          \
	do {                                                                   \
		int64_t until_ = world_ms() + WORLD_PATIENCE_MS;               \
		for (;;) {                                                     \
			size_t mark_ = world_mark(w);                          \
			if (condition)                                         \
				break;                                         \
			world_release(w, mark_);                               \
			if (world_ms() > until_)                               \
				differs(w, name, id, "never so: " #condition); \
			world_pause();                                         \
		}                                                              \
	} while (0)

/* ---- in Slack -------------------------------------------------------------------------------- */

/* Bob types it; what Alice had done before stands. */
static const struct deed {
	const char *name, *command;
	const char *after[BEFORE_COUNT]; /* the alert's status; NULL: it is refused and stays */
	const char *entry;               /* of PagerDuty's log, by Bob */
	const char *line;                /* in the thread */
} deeds[] = {
    {"ack", "ack A#", {"acked", NULL, NULL}, "acknowledge", "Acked by <@U0BOB>"},
    {"unack", "unack A#", {NULL, "open", NULL}, "unacknowledge", "Un-acked by <@U0BOB>"},
    {"resolve", "resolve A# because it was me", {"resolved", "resolved", NULL}, "resolve",
	"Resolved by <@U0BOB>"},
    {"reopen", "reopen A#", {NULL, NULL, "open"}, "trigger", "Reopened by <@U0BOB>"},
    {"escalate", "escalate A#", {"open", "open", NULL}, "escalate", "Escalated by <@U0BOB>"},
    {"assign to me", "assign A#", {"open", "acked", NULL}, "assign",
	"Assigned to <@U0BOB> by <@U0BOB>"},
    {"assign", "assign A# <@U0CAROL>", {"open", "open", NULL}, "assign", "Assigned to <@U0CAROL>"},
    {"note", "note A# seen before", {"open", "acked", "resolved"}, "annotate",
	"Note by <@U0BOB>: seen before"},
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static void deed_check(
    struct world *w, const char *name, const char *id, const struct deed *deed, enum before before)
{
	const char *after = deed->after[before];

	if (after == NULL) {
		holds(w, name, id, both(w, id, ours[before], theirs[before]));
		if (entries(w, id, deed->entry, "Bob Example") != 0 ||
		    lines(w, id, deed->line) != 0)
			differs(w, name, id, "it was refused, and done all the same");
		return;
	}
	holds(w, name, id, entries(w, id, deed->entry, "Bob Example") == 1);
	holds(w, name, id, both(w, id, after, other(after)));
	holds(w, name, id, lines(w, id, deed->line) == 1);
	if (incidents(w, id) != 1)
		differs(w, name, id, "another incident was made");
}

static void deed__of_each_kind_in_each_state__is_done_in_pagerduty_as_who_did_it(void **state)
{
	struct world *w = *state;
	const char *ids[DEEDS][BEFORE_COUNT];
	char names[DEEDS][BEFORE_COUNT][48];
	int done = 0, before_writes, before_lines;
	size_t i, j;

	for (i = 0; i < DEEDS; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			snprintf(names[i][j], sizeof(names[i][j]), "%s while %s", deeds[i].name,
			    ours[j]);
			ids[i][j] = standing(w, names[i][j], (enum before)j);
		}
	}
	for (i = 0; i < DEEDS; i++) {
		for (j = 0; j < BEFORE_COUNT; j++)
			until_stands(w, ids[i][j], (enum before)j);
	}
	world_until(w, is_quiet(w));
	before_writes = writes(w);
	for (i = 0; i < DEEDS; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			types(w, "bob", ids[i][j], deeds[i].command);
			done += deeds[i].after[j] != NULL;
		}
	}
	for (i = 0; i < DEEDS; i++) {
		for (j = 0; j < BEFORE_COUNT; j++)
			deed_check(w, names[i][j], ids[i][j], &deeds[i], (enum before)j);
	}
	world_until(w, is_quiet(w));
	/* A write each, and a note or a second ack at the most. */
	assert_in_range(writes(w) - before_writes, done, 2 * done);
	/* No line of it comes back from PagerDuty. */
	for (i = 0; i < DEEDS; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			before_lines = (j != OPEN) + (deeds[i].after[j] != NULL);
			/* Whom PagerDuty calls next is told besides. */
			before_lines += lines(w, ids[i][j], "Escalated to level 2 in PagerDuty") +
					lines(w, ids[i][j], "PagerDuty calls <@U0CAROL>");
			if (lines(w, ids[i][j], NULL) != before_lines ||
			    lines(w, ids[i][j], "> in PagerDuty") != 0)
				differs(w, names[i][j], ids[i][j], "something was told twice");
		}
	}
}

/* ---- in PagerDuty ---------------------------------------------------------------------------- */

/* Somebody does it in PagerDuty's own pages. */
static const struct change {
	const char *name, *user, *action, *more;
	const char *after[BEFORE_COUNT]; /* the alert's status; NULL: cannot be done there */
	const char *line[BEFORE_COUNT];  /* in the thread; NULL: none */
	int more_lines;                  /* besides */
} changes[] = {
    {"ack", "Bob", "ack", NULL, {"acked", "acked", NULL},
	{"Acked by <@U0BOB> in PagerDuty", NULL, NULL}, 0},
    {"unack", "Bob", "unack", NULL, {NULL, "open", NULL},
	{NULL, "Un-acked by <@U0BOB> in PagerDuty", NULL}, 0},
    {"resolve", "Bob", "resolve", NULL, {"resolved", "resolved", NULL},
	{"Resolved by <@U0BOB> in PagerDuty", "Resolved by <@U0BOB> in PagerDuty", NULL}, 0},
    {"resolve saying why", "Bob", "resolve", "\"note\":\"was a drill\"",
	{"resolved", "resolved", NULL}, {"was a drill", "was a drill", NULL}, 1},
    {"reopen", "Bob", "reopen", NULL, {NULL, NULL, "open"},
	{NULL, NULL, "Reopened by <@U0BOB> in PagerDuty"}, 0},
    {"escalate", "Dave", "escalate", NULL, {"open", "open", NULL},
	{"Escalated to <@U0BOB> by Dave Example in PagerDuty",
	    "Escalated to <@U0BOB> by Dave Example in PagerDuty", NULL},
	0},
    {"reassign", "Bob", "reassign", "\"to\":\"Dave\"", {"open", "open", NULL},
	{"Reassigned to Dave Example by <@U0BOB> in PagerDuty",
	    "Reassigned to Dave Example by <@U0BOB> in PagerDuty", NULL},
	0},
    {"policy", "Bob", "reassign", "\"to\":\"PPAY123\"", {"open", "open", NULL},
	{"Payments", "Payments", NULL}, 0},
    {"note", "Bob", "note", "\"note\":\"seen it\"", {"open", "acked", "resolved"},
	{"Note by <@U0BOB> in PagerDuty: seen it", "Note by <@U0BOB> in PagerDuty: seen it",
	    "Note by <@U0BOB> in PagerDuty: seen it"},
	0},
    {"respond", "Bob", "respond", "\"to\":\"Dave\"", {"open", "acked", NULL},
	{"Dave Example", "Dave Example", NULL}, 0},
    {"snooze", "Bob", "snooze", "\"duration\":7200", {"acked", "acked", NULL}, {NULL, NULL, NULL},
	2},
    {"ladder", NULL, "timeout", "\"timer\":\"ladder\"", {"open", NULL, NULL},
	{"PagerDuty called the next: <@U0BOB>", NULL, NULL}, 0},
    {"ack timeout", NULL, "timeout", "\"timer\":\"ack\"", {NULL, "open", NULL},
	{NULL, "The acknowledgement ran out in PagerDuty", NULL}, 0},
    {"auto-resolve", NULL, "timeout", "\"timer\":\"resolve\"", {"resolved", "resolved", NULL},
	{"PagerDuty resolved it by itself", "PagerDuty resolved it by itself", NULL}, 0},
    {"title", "Bob", "title", "\"to\":\"Another title\"", {"open", "acked", NULL},
	{NULL, NULL, NULL}, 0},
    {"priority", "Bob", "priority", "\"to\":\"P1\"", {"open", "acked", "resolved"},
	{NULL, NULL, NULL}, 0},
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* Told by webhook alone, and not by the log. */
static bool is_heard(const struct change *change, bool is_polled)
{
	return !is_polled || strcmp(change->name, "respond") != 0;
}

static void change_check(struct world *w, const char *name, const char *id,
    const struct change *change, enum before before, bool is_polled)
{
	const char *line = is_heard(change, is_polled) ? change->line[before] : NULL;

	holds(w, name, id, both(w, id, change->after[before], other(change->after[before])));
	if (line != NULL)
		holds(w, name, id, lines(w, id, line) >= 1);
}

/* Exactly once, and nothing else but what is expected. */
static void change_check_lines(struct world *w, const char *name, const char *id,
    const struct change *change, enum before before, bool is_polled)
{
	const char *line = is_heard(change, is_polled) ? change->line[before] : NULL;
	int count = (before != OPEN) + (line != NULL);

	if (line != NULL && lines(w, id, line) != 1)
		differs(w, name, id, "it was told twice");
	if (lines(w, id, NULL) < count || lines(w, id, NULL) > count + change->more_lines)
		differs(w, name, id, "lines too many or too few");
	if (incidents(w, id) != 1)
		differs(w, name, id, "another incident was made");
}

static void changes_hold(struct world *w, bool is_polled)
{
	const char *ids[CHANGES][BEFORE_COUNT] = {{NULL}};
	char names[CHANGES][BEFORE_COUNT][48];
	int before;
	size_t i, j;

	for (i = 0; i < CHANGES; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			if (changes[i].after[j] == NULL)
				continue;
			snprintf(names[i][j], sizeof(names[i][j]), "%s while %s", changes[i].name,
			    ours[j]);
			ids[i][j] = standing(w, names[i][j], (enum before)j);
		}
	}
	for (i = 0; i < CHANGES; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			if (ids[i][j] != NULL)
				until_stands(w, ids[i][j], (enum before)j);
		}
	}
	world_until(w, is_quiet(w));
	before = writes(w);
	for (i = 0; i < CHANGES; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			if (ids[i][j] != NULL)
				world_pd_act(w, changes[i].user, key_of(w, ids[i][j]),
				    changes[i].action, changes[i].more);
		}
	}
	for (i = 0; i < CHANGES; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			if (ids[i][j] != NULL)
				change_check(w, names[i][j], ids[i][j], &changes[i], (enum before)j,
				    is_polled);
		}
	}
	if (is_polled) {
		int polls = rest_calls(w, "get.log_entries");

		world_until(w, rest_calls(w, "get.log_entries") >= polls + 2);
	}
	world_until(w, is_quiet(w));
	for (i = 0; i < CHANGES; i++) {
		for (j = 0; j < BEFORE_COUNT; j++) {
			if (ids[i][j] != NULL)
				change_check_lines(w, names[i][j], ids[i][j], &changes[i],
				    (enum before)j, is_polled);
		}
	}
	/* What was done there goes no way back. */
	assert_int_equal(writes(w), before);
	if (is_polled) {
		int polls = rest_calls(w, "get.log_entries"),
		    reads = rest_calls(w, "get.incidents");

		/* What the log tells again costs nothing more. */
		world_until(w, rest_calls(w, "get.log_entries") >= polls + 3);
		world_until(w, is_quiet(w));
		assert_in_range(rest_calls(w, "get.incidents") - reads, 0, 2);
	}
}

static void change__of_each_kind_in_each_state__shows_in_slack(void **state)
{
	changes_hold(*state, false);
}

static void change__told_twice__shows_once(void **state)
{
	world_fault(*state, "{\"webhook\":\"double\",\"times\":-1}");
	changes_hold(*state, false);
}

static void change__without_webhooks__shows_at_the_next_poll(void **state)
{
	struct world *w = world_start(&(struct world_options){POLLED});

	*state = w;
	changes_hold(w, true);
}

/* ---- late ------------------------------------------------------------------------------------ */

/* Bob does FIRST in PagerDuty, which is told late; then, not knowing, Alice types SECOND. */
static const struct late {
	const char *name;
	enum before before;
	const char *first, *more, *second;
	const char *after;
} lates[] = {
    {"ack, resolve", OPEN, "ack", NULL, "resolve A#", "resolved"},
    {"ack, ack", OPEN, "ack", NULL, "ack A#", "acked"},
    {"ack, note", OPEN, "ack", NULL, "note A# later", "acked"},
    {"resolve, ack", OPEN, "resolve", NULL, "ack A#", "resolved"},
    {"resolve, resolve", OPEN, "resolve", NULL, "resolve A#", "resolved"},
    {"resolve, note", OPEN, "resolve", NULL, "note A# later", "resolved"},
    {"resolve, escalate", OPEN, "resolve", NULL, "escalate A#", "resolved"},
    {"resolve, assign", OPEN, "resolve", NULL, "assign A#", "resolved"},
    {"escalate, ack", OPEN, "escalate", NULL, "ack A#", "acked"},
    {"reassign, ack", OPEN, "reassign", "\"to\":\"Dave\"", "ack A#", "acked"},
    {"note, ack", OPEN, "note", "\"note\":\"earlier\"", "ack A#", "acked"},
    {"unack, resolve", ACKED, "unack", NULL, "resolve A#", "resolved"},
    {"unack, unack", ACKED, "unack", NULL, "unack A#", "open"},
    {"resolve, unack", ACKED, "resolve", NULL, "unack A#", "resolved"},
    {"escalate, resolve", ACKED, "escalate", NULL, "resolve A#", "resolved"},
    {"reopen, reopen", RESOLVED, "reopen", NULL, "reopen A#", "open"},
    {"reopen, note", RESOLVED, "reopen", NULL, "note A# later", "open"},
};
#define LATES (sizeof(lates) / sizeof(lates[0]))

static void change__told_after_something_newer__undoes_nothing(void **state)
{
	struct world *w = *state;
	const char *ids[LATES];
	int before_writes, before_posts;
	time_t second;
	size_t i;

	for (i = 0; i < LATES; i++)
		ids[i] = standing(w, lates[i].name, lates[i].before);
	for (i = 0; i < LATES; i++)
		until_stands(w, ids[i], lates[i].before);
	/* What Alice did is in the past, to the second, when Bob does his. */
	second = time(NULL);
	world_until(w, is_quiet(w) && is_after(second));
	before_writes = writes(w);
	before_posts = posts(w);
	world_fault(w, "{\"webhook\":\"delay\",\"delay_ms\":8000,\"times\":-1}");
	for (i = 0; i < LATES; i++)
		world_pd_act(w, "Bob", key_of(w, ids[i]), lates[i].first, lates[i].more);
	world_fault(w, "{\"clear\":true}");
	second = time(NULL);
	world_until(w, is_after(second));
	for (i = 0; i < LATES; i++)
		types(w, "alice", ids[i], lates[i].second);
	assert_int_equal(world_pd_hooks(w, "incident.acknowledged", "waiting") > 0, true);
	for (i = 0; i < LATES; i++)
		holds(w, lates[i].name, ids[i],
		    both(w, ids[i], lates[i].after, other(lates[i].after)));
	world_until(w, is_quiet(w));
	for (i = 0; i < LATES; i++) {
		holds(w, lates[i].name, ids[i],
		    both(w, ids[i], lates[i].after, other(lates[i].after)));
		if (incidents(w, ids[i]) != 1)
			differs(w, lates[i].name, ids[i], "another incident was made");
		if (strcmp(lates[i].after, "resolved") == 0 &&
		    entries(w, ids[i], "trigger", NULL) != 1)
			differs(w, lates[i].name, ids[i], "it was reopened");
	}
	/* Nothing goes to and fro. */
	assert_in_range(writes(w) - before_writes, 0, 3 * LATES);
	assert_in_range(posts(w) - before_posts, LATES, 4 * LATES);
}

/* ---- in the wrong order ---------------------------------------------------------------------- */

/* Bob does FIRST, then SECOND, and the second is told before the first. */
static const struct swap {
	const char *name;
	enum before before;
	const char *first, *first_more, *second, *second_more;
	const char *after;
} swaps[] = {
    {"ack, resolve", OPEN, "ack", NULL, "resolve", NULL, "resolved"},
    {"ack, unack", OPEN, "ack", NULL, "unack", NULL, "open"},
    {"resolve, reopen", OPEN, "resolve", NULL, "reopen", NULL, "open"},
    {"escalate, ack", OPEN, "escalate", NULL, "ack", NULL, "acked"},
    {"escalate, resolve", OPEN, "escalate", NULL, "resolve", NULL, "resolved"},
    {"note, note", OPEN, "note", "\"note\":\"one\"", "note", "\"note\":\"two\"", "open"},
    {"note, resolve", OPEN, "note", "\"note\":\"one\"", "resolve", NULL, "resolved"},
    {"reassign, reassign", OPEN, "reassign", "\"to\":\"Bob\"", "reassign", "\"to\":\"Alice\"",
	"open"},
    {"unack, ack", ACKED, "unack", NULL, "ack", NULL, "acked"},
    {"unack, resolve", ACKED, "unack", NULL, "resolve", NULL, "resolved"},
    {"resolve, reopen acked", ACKED, "resolve", NULL, "reopen", NULL, "open"},
    {"escalate, ack acked", ACKED, "escalate", NULL, "ack", NULL, "acked"},
    {"reopen, resolve", RESOLVED, "reopen", NULL, "resolve", NULL, "resolved"},
    {"reopen, ack", RESOLVED, "reopen", NULL, "ack", NULL, "acked"},
};
#define SWAPS (sizeof(swaps) / sizeof(swaps[0]))

/* The two acts of each within one second when IS_CLOSE. */
static void swaps_hold(struct world *w, bool is_close)
{
	const char *ids[SWAPS];
	time_t second;
	int before;
	size_t i;

	for (i = 0; i < SWAPS; i++)
		ids[i] = standing(w, swaps[i].name, swaps[i].before);
	for (i = 0; i < SWAPS; i++)
		until_stands(w, ids[i], swaps[i].before);
	second = time(NULL);
	world_until(w, is_quiet(w) && is_after(second));
	before = writes(w);
	for (i = 0; i < SWAPS; i++) {
		world_fault(w, "{\"webhook\":\"reorder\"}");
		world_pd_act(w, "Bob", key_of(w, ids[i]), swaps[i].first, swaps[i].first_more);
		if (is_close)
			world_pd_act(
			    w, "Bob", key_of(w, ids[i]), swaps[i].second, swaps[i].second_more);
	}
	second = time(NULL);
	world_until(w, is_after(second));
	for (i = 0; i < SWAPS && !is_close; i++)
		world_pd_act(w, "Bob", key_of(w, ids[i]), swaps[i].second, swaps[i].second_more);
	world_until(w, is_quiet(w));
	if (is_close) /* what cannot be told apart is put right by the next look */
		world_clock_advance(w, 60);
	for (i = 0; i < SWAPS; i++)
		holds(w, swaps[i].name, ids[i],
		    both(w, ids[i], swaps[i].after, other(swaps[i].after)));
	world_until(w, is_quiet(w));
	for (i = 0; i < SWAPS; i++)
		holds(w, swaps[i].name, ids[i],
		    both(w, ids[i], swaps[i].after, other(swaps[i].after)));
	/* It was all done there: nothing goes back. */
	assert_int_equal(writes(w), before);
	assert_int_equal(lines(w, ids[5], "one"), 1);
	assert_int_equal(lines(w, ids[5], "two"), 1);
	assert_int_equal(lines(w, ids[6], "one"), 1);
	if (!is_close)
		assert_string_equal(assignee(w, ids[7]), "alice");
}

static void changes__told_in_the_wrong_order__end_as_pagerduty_stands(void **state)
{
	swaps_hold(*state, false);
}

static void changes__of_one_second_in_the_wrong_order__end_as_pagerduty_stands(void **state)
{
	struct world *w = world_start(&(struct world_options){BOTH_WAYS, .clock = true});

	*state = w;
	swaps_hold(w, true);
}

/* ---- both at once ---------------------------------------------------------------------------- */

static void acts__on_both_sides_at_once__end_alike(void **state)
{
	static const char *const here_[] = {"ack A#", "resolve A#", "escalate A#", "note A# so"};
	static const char *const there_[] = {"ack", "resolve", "escalate", "reassign"};
	struct world *w = *state;
	const char *ids[16];
	char title[48];
	int before;
	size_t i;

	for (i = 0; i < 16; i++) {
		snprintf(title, sizeof(title), "%s with %s", here_[i / 4], there_[i % 4]);
		ids[i] = raised_and_linked(w, title);
	}
	world_until(w, is_quiet(w));
	before = writes(w);
	for (i = 0; i < 16; i++) {
		world_pd_act(w, "Bob", key_of(w, ids[i]), there_[i % 4], "\"to\":\"Dave\"");
		types(w, "alice", ids[i], here_[i / 4]);
	}
	world_until(w, is_quiet(w));
	for (i = 0; i < 16; i++) {
		snprintf(title, sizeof(title), "%s with %s", here_[i / 4], there_[i % 4]);
		holds(w, title, ids[i], there(w, ids[i], other(world_status(w, ids[i]))));
		/* A resolve on either side is the end of it. */
		if (i / 4 == 1 || i % 4 == 1)
			holds(w, title, ids[i], both(w, ids[i], "resolved", "resolved"));
	}
	assert_in_range(writes(w) - before, 0, 3 * 16);
}

/* ---- merged ---------------------------------------------------------------------------------- */

static void merges_hold(struct world *w)
{
	const char *ids[2][2][2]; /* from, into, which */
	char title[64], more[64];
	size_t i, j;

	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			snprintf(title, sizeof(title), "%s into %s, from", ours[i], ours[j]);
			ids[i][j][0] = standing(w, title, (enum before)i);
			snprintf(title, sizeof(title), "%s into %s, into", ours[i], ours[j]);
			ids[i][j][1] = standing(w, title, (enum before)j);
		}
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			until_stands(w, ids[i][j][0], (enum before)i);
			until_stands(w, ids[i][j][1], (enum before)j);
		}
	}
	world_until(w, is_quiet(w));
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			snprintf(
			    more, sizeof(more), "\"into_dedup_key\":\"headsup-%s\"", ids[i][j][1]);
			world_pd_act(w, "Bob", key_of(w, ids[i][j][0]), "merge", more);
		}
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			const char *from = ids[i][j][0], *into = ids[i][j][1];

			snprintf(title, sizeof(title), "merged, %s into %s", ours[i], ours[j]);
			holds(w, title, from, lines(w, from, "Merged into") == 1);
			holds(w, title, from, is_linked(w, from));
			/* Both stand as the one incident does, which is not resolved by it. */
			holds(w, title, from,
			    there(w, from, other(world_status(w, from))) &&
				here(w, into, world_status(w, from)));
			assert_false(there(w, into, "resolved"));
			assert_int_equal(lines(w, from, "Resolved"), 0);
		}
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++)
			world_pd_act(w, "Dave", key_of(w, ids[i][j][0]), "resolve", NULL);
	}
	for (i = 0; i < 8; i++) {
		const char *id = ids[i / 4][i / 2 % 2][i % 2];

		holds(w, "merged, then resolved", id, both(w, id, "resolved", "resolved"));
		holds(w, "merged, then resolved", id,
		    lines(w, id, "Resolved by Dave Example in PagerDuty") == 1);
	}
	world_until(w, is_quiet(w));
}

static void merge__in_each_state__gives_both_one_fate(void **state)
{
	merges_hold(*state);
}

static void merge__without_webhooks__gives_both_one_fate(void **state)
{
	struct world *w = world_start(&(struct world_options){POLLED});

	*state = w;
	merges_hold(w);
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
	    T(deed__of_each_kind_in_each_state__is_done_in_pagerduty_as_who_did_it),
	    T(change__of_each_kind_in_each_state__shows_in_slack),
	    T(change__told_twice__shows_once),
	    OWN(change__without_webhooks__shows_at_the_next_poll),
	    T(change__told_after_something_newer__undoes_nothing),
	    T(changes__told_in_the_wrong_order__end_as_pagerduty_stands),
	    OWN(changes__of_one_second_in_the_wrong_order__end_as_pagerduty_stands),
	    T(acts__on_both_sides_at_once__end_alike),
	    T(merge__in_each_state__gives_both_one_fate),
	    OWN(merge__without_webhooks__gives_both_one_fate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
