/* An alert's life: intake, repeats, announcements, ack, resolve, escalate. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* JSON in headsup's own form comes in; the alert that it became. */
static struct alert *sends(struct desk_world *w, const char *json)
{
	struct format_result result;
	struct error err = {0};
	struct alert *kept;

	assert_true(format_read(w->desk->native, json, strlen(json), "test", true, w->desk->now, &result, &err));
	assert_int_equal(result.count, 1);
	assert_non_null(result.items[0].alert);
	desk_world_begin(w);
	assert_true(intake(w->desk, result.items[0].alert, &err));
	desk_world_end(w, true);
	kept = storage_alert(w->storage, result.items[0].alert->id, &err);
	assert_non_null(kept);
	format_result_fini(&result);
	return kept;
}

static int64_t announces(struct desk_world *w, const char *author, int64_t max, size_t count, char **match)
{
	const struct actor actor = {.who = author, .via = "slack", .from = "C1"};
	const struct announce_request request = {.match = match, .match_count = count, .from = TIME_NONE, .until = TIME_NONE,
	    .for_s = 1800, .max = max, .because = "deploy", .author = author, .channel = "C0CHANNEL"};
	struct announcement *made = NULL;
	struct error err = {0};
	bool is_again;
	int64_t id;

	desk_world_begin(w);
	if (!announce(w->desk, &actor, &request, &made, &is_again, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	id = made->id;
	announcement_free(made);
	return id;
}

static enum error_kind acts(struct desk_world *w, int64_t id, const char *verb, struct alert **now)
{
	const struct actor actor = {.who = "U0ALICE", .via = "slack"};
	struct error err = {0};
	bool ok;

	desk_world_begin(w);
	ok = alert_act(w->desk, &actor, id, verb, "a note", NULL, now, &err);
	desk_world_end(w, ok);
	return ok ? ERROR_NONE : err.kind;
}

struct count {
	const char *kind, *subject;
	size_t found;
};

static bool count_word(void *ctx, const struct word *word)
{
	struct count *count = ctx;

	if (strcmp(word->kind, count->kind) == 0 && strcmp(word->subject, count->subject) == 0)
		count->found++;
	return true;
}

static size_t words(struct desk_world *w, const char *kind, const char *subject)
{
	struct count count = {kind, subject, 0};

	assert_true(storage_each_word(w->storage, WORD_WAITING, 0, 1000, count_word, &count, NULL));
	return count.found;
}

struct seen {
	const char *what;
	size_t count;
};

static bool see_event(void *ctx, const struct event *event)
{
	struct seen *seen = ctx;

	seen->count += strcmp(event->what, seen->what) == 0;
	return true;
}

static size_t events(struct desk_world *w, int64_t alert, const char *what)
{
	struct seen seen = {what, 0};

	assert_true(storage_each_event(w->storage, alert, see_event, &seen, NULL));
	return seen.count;
}

#define WEB_3 "{\"title\":\"sshd started\",\"rule\":\"ssh\",\"host\":\"web-3\",\"actor\":\"alice\",\"severity\":\"high\"}"

static void alert__announced_by_nobody__is_open_and_has_a_card(void **state)
{
	struct desk_world *w = *state;
	struct alert *alert = sends(w, WEB_3);

	assert_int_equal(alert->status, ALERT_OPEN);
	assert_int_equal(alert->count, 1);
	assert_int_equal(alert->received_at, NOON);
	assert_string_equal(alert->channel, "#security-alerts");
	assert_null(alert->page_key);
	assert_int_equal(words(w, "card", "A1"), 1);
	assert_int_equal(words(w, "page", "A1"), 0);
	assert_int_equal(events(w, 1, "fired"), 1);
	alert_free(alert);
}

static void alert__sent_three_times__is_one_alert_with_a_count(void **state)
{
	struct desk_world *w = *state;

	for (int i = 0; i < 3; i++)
		alert_free(sends(w, WEB_3));

	struct alert *alert = storage_alert(w->storage, 1, NULL);
	assert_int_equal(alert->count, 3);
	assert_int_equal(words(w, "card", "A1"), 1);
	assert_null(storage_alert(w->storage, 2, NULL));
	alert_free(alert);
}

static void alert__covered_by_an_announcement__disturbs_nobody(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-*"};
	int64_t id = announces(w, "U0ALICE", 0, 1, match);

	struct alert *alert = sends(w, WEB_3);
	assert_int_equal(alert->status, ALERT_EXPECTED);
	assert_int_equal(alert->announcement, id);
	assert_int_equal(words(w, "card", "A1"), 0);
	assert_int_equal(words(w, "page", "A1"), 0);
	alert_free(alert);
}

static void alert__by_another_actor__is_raised_and_says_so(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-*"};

	announces(w, "U0ALICE", 0, 1, match);

	struct alert *alert = sends(w, "{\"title\":\"sshd started\",\"host\":\"web-3\",\"actor\":\"mallory\",\"severity\":\"medium\"}");
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_int_equal(alert->severity, SEVERITY_HIGH);
	assert_non_null(alert->mark);
	assert_non_null(strstr(alert->mark, "alice announced this, mallory did it"));
	alert_free(alert);
}

static void alert__on_another_host_or_after_the_window__fires(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-3"};

	announces(w, "U0ALICE", 0, 1, match);

	struct alert *other = sends(w, "{\"title\":\"t\",\"host\":\"web-3b\",\"actor\":\"alice\"}");
	assert_int_equal(other->status, ALERT_OPEN);
	alert_free(other);
	w->desk->now = NOON + 1800;
	struct alert *late = sends(w, WEB_3);
	assert_int_equal(late->status, ALERT_OPEN);
	alert_free(late);
}

static void alert__past_the_budget__fires_and_says_more_than_announced(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-*"};
	char json[160];

	announces(w, "U0ALICE", 2, 1, match);
	for (int i = 1; i <= 3; i++) {
		snprintf(json, sizeof(json), "{\"title\":\"t\",\"host\":\"web-%d\",\"actor\":\"alice\"}", i);
		struct alert *alert = sends(w, json);

		assert_int_equal(alert->status, i <= 2 ? ALERT_EXPECTED : ALERT_OPEN);
		if (i == 3)
			assert_non_null(strstr(alert->mark, "more than announced"));
		alert_free(alert);
	}
}

static void expected_alert__fires_again_after_the_window__is_opened_and_shown(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-*"};

	announces(w, "U0ALICE", 0, 1, match);
	alert_free(sends(w, WEB_3));
	w->desk->now = NOON + 3600;

	struct alert *alert = sends(w, WEB_3);
	assert_int_equal(alert->id, 1);
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_int_equal(alert->count, 2);
	assert_int_equal(words(w, "card", "A1"), 1);
	alert_free(alert);
}

static void open_alert__announced_afterwards__stays_open(void **state)
{
	struct desk_world *w = *state;
	char *match[] = {"host=web-*"};

	alert_free(sends(w, WEB_3));
	announces(w, "U0ALICE", 0, 1, match);

	struct alert *alert = sends(w, WEB_3);
	assert_int_equal(alert->status, ALERT_OPEN);
	struct announcement *announcement = storage_announcement(w->storage, 1, NULL);
	assert_int_equal(announcement->matched, 1);
	announcement_free(announcement);
	alert_free(alert);
}

static void alert__of_higher_severity_again__is_raised_routed_and_paged_once(void **state)
{
	struct desk_world *w = *state;

	alert_free(sends(w, WEB_3));
	alert_free(sends(w, "{\"title\":\"t\",\"rule\":\"ssh\",\"host\":\"web-3\",\"actor\":\"alice\",\"severity\":\"critical\"}"));
	alert_free(sends(w, "{\"title\":\"t\",\"rule\":\"ssh\",\"host\":\"web-3\",\"actor\":\"alice\",\"severity\":\"critical\"}"));

	struct alert *alert = storage_alert(w->storage, 1, NULL);
	assert_int_equal(alert->severity, SEVERITY_CRITICAL);
	assert_string_equal(alert->channel, "#security-urgent");
	assert_int_equal(words(w, "page", "A1"), 1);
	assert_int_equal(events(w, 1, "raised"), 1);
	alert_free(alert);
}

static void alert__resolved_by_its_source__is_over_and_the_next_is_a_new_one(void **state)
{
	struct desk_world *w = *state;

	alert_free(sends(w, "{\"title\":\"t\",\"dedup_key\":\"k\"}"));
	struct alert *resolved = sends(w, "{\"title\":\"t\",\"dedup_key\":\"k\",\"status\":\"resolved\"}");
	assert_int_equal(resolved->id, 1);
	assert_int_equal(resolved->status, ALERT_RESOLVED);
	struct alert *next = sends(w, "{\"title\":\"t\",\"dedup_key\":\"k\"}");
	assert_int_equal(next->id, 2);
	assert_int_equal(next->status, ALERT_OPEN);
	assert_int_equal(next->previous, 1);
	alert_free(resolved);
	alert_free(next);
}

static void resolved_report__of_what_was_never_open__is_kept_and_not_posted(void **state)
{
	struct desk_world *w = *state;
	struct alert *alert = sends(w, "{\"title\":\"t\",\"dedup_key\":\"k\",\"status\":\"resolved\"}");

	assert_int_equal(alert->status, ALERT_RESOLVED);
	assert_int_equal(words(w, "card", "A1"), 0);
	alert_free(alert);
}

static void ack__then_ack_again__is_refused_and_changes_nothing(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, WEB_3));
	assert_int_equal(acts(w, 1, "ack", &now), ERROR_NONE);
	assert_int_equal(now->status, ALERT_ACKED);
	assert_string_equal(now->assignee, "U0ALICE");
	alert_free(now);
	assert_int_equal(acts(w, 1, "ack", &now), ERROR_CONFLICT);
	alert_free(now);
	assert_int_equal(events(w, 1, "acked"), 1);
}

static void resolve__then_a_late_ack__stays_resolved(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, WEB_3));
	assert_int_equal(acts(w, 1, "resolve", &now), ERROR_NONE);
	alert_free(now);
	assert_int_equal(acts(w, 1, "ack", &now), ERROR_CONFLICT);
	assert_int_equal(now->status, ALERT_RESOLVED);
	alert_free(now);
}

static void escalate__what_has_no_page__uses_the_default_key_once(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, WEB_3));
	assert_int_equal(acts(w, 1, "escalate", &now), ERROR_NONE);
	assert_non_null(now->page_key);
	alert_free(now);
	assert_int_equal(words(w, "page", "A1"), 1);
	assert_int_equal(acts(w, 1, "escalate", &now), ERROR_CONFLICT);
	alert_free(now);
	assert_int_equal(words(w, "page", "A1"), 1);
}

static void ack_and_resolve__of_what_was_paged__follow_in_pagerduty(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, "{\"title\":\"t\",\"severity\":\"critical\"}"));
	acts(w, 1, "ack", &now);
	alert_free(now);
	acts(w, 1, "resolve", &now);
	alert_free(now);

	assert_int_equal(words(w, "page", "A1"), 3); /* trigger, acknowledge, resolve */
}

static void act__on_an_unknown_alert__is_not_found(void **state)
{
	struct alert *now;

	assert_int_equal(acts(*state, 99, "ack", &now), ERROR_NOT_FOUND);
	assert_null(now);
}

/* ---- taken back, handed on --------------------------------------------------------------------------------- */

#define PAGED "{\"title\":\"root shell\",\"rule\":\"shell\",\"host\":\"web-9\",\"severity\":\"critical\"}"

static enum error_kind acts_to(struct desk_world *w, int64_t id, const char *verb, const char *to, bool is_token, struct alert **now,
    char *why)
{
	const struct actor actor = {.who = is_token ? "ops" : "U0ALICE", .via = is_token ? "api" : "slack", .is_token = is_token};
	struct error err = {0};
	bool ok;

	desk_world_begin(w);
	ok = alert_act(w->desk, &actor, id, verb, NULL, to, now, &err);
	desk_world_end(w, ok);
	snprintf(why, sizeof(err.text), "%s", err.text);
	return ok ? ERROR_NONE : err.kind;
}

static bool put_thread(void *ctx, const struct word *word)
{
	struct word *copy;

	if (strcmp(word->kind, "thread") != 0)
		return true;
	copy = storage_word(((struct desk_world *)((void **)ctx)[0])->storage, word->id);
	buf_puts(((void **)ctx)[1], copy->body);
	buf_putc(((void **)ctx)[1], '\n');
	word_free(copy);
	return true;
}

/* All that waits for threads, as JSON; the caller frees. */
static char *threads(struct desk_world *w)
{
	struct buf text;
	void *ctx[] = {w, &text};

	buf_init(&text, 1 << 20);
	assert_true(storage_each_word(w->storage, WORD_WAITING, 0, 1000, put_thread, ctx, NULL));
	return buf_take(&text);
}

static bool is_said(struct desk_world *w, const char *part)
{
	char *all = threads(w);
	bool found = strstr(all, part) != NULL;

	free(all);
	return found;
}

static void unack__of_what_was_acked__opens_it_and_says_what_pagerduty_keeps(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, PAGED));
	assert_int_equal(acts(w, 1, "unack", &now), ERROR_CONFLICT);
	alert_free(now);
	acts(w, 1, "ack", &now);
	alert_free(now);
	assert_int_equal(acts(w, 1, "unack", &now), ERROR_NONE);
	assert_int_equal(now->status, ALERT_OPEN);
	assert_null(now->assignee);
	alert_free(now);
	assert_int_equal(events(w, 1, "unacked"), 1);
	assert_int_equal(words(w, "page", "A1"), 2); /* trigger and acknowledge: it cannot be told */
	assert_true(is_said(w, "Un-acked by <@U0ALICE>: a note"));
	assert_true(is_said(w, "PagerDuty still shows it as acknowledged"));
	/* And once more, so that it can be acked again. */
	assert_int_equal(acts(w, 1, "ack", &now), ERROR_NONE);
	alert_free(now);
	acts(w, 1, "resolve", &now);
	alert_free(now);
	assert_int_equal(acts(w, 1, "unack", &now), ERROR_CONFLICT);
	alert_free(now);
}

static void unack__of_what_pages_nobody__says_nothing_of_pagerduty(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, WEB_3));
	acts(w, 1, "ack", &now);
	alert_free(now);
	assert_int_equal(acts(w, 1, "unack", &now), ERROR_NONE);
	alert_free(now);
	assert_false(is_said(w, "PagerDuty"));
}

static void reopen__of_what_was_resolved__is_open_and_paged_anew(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;

	alert_free(sends(w, PAGED));
	assert_int_equal(acts(w, 1, "reopen", &now), ERROR_CONFLICT);
	alert_free(now);
	acts(w, 1, "resolve", &now);
	alert_free(now);
	assert_int_equal(acts(w, 1, "reopen", &now), ERROR_NONE);
	assert_int_equal(now->status, ALERT_OPEN);
	assert_string_equal(now->page_status, "waiting");
	alert_free(now);
	assert_int_equal(events(w, 1, "reopened"), 1);
	/* trigger, resolve, and a trigger that is not taken for the first, which waits still */
	assert_int_equal(words(w, "page", "A1"), 3);
	assert_true(is_said(w, "Reopened by <@U0ALICE>: a note"));
	/* What fires again counts onto it. */
	now = sends(w, PAGED);
	assert_int_equal(now->id, 1);
	assert_int_equal(now->count, 2);
	alert_free(now);
}

static void reopen__of_what_fired_again_since__names_the_newer_one(void **state)
{
	struct desk_world *w = *state;
	struct alert *now;
	char why[sizeof(((struct error *)NULL)->text)];

	alert_free(sends(w, PAGED));
	acts(w, 1, "resolve", &now);
	alert_free(now);
	alert_free(sends(w, PAGED));
	assert_int_equal(acts_to(w, 1, "reopen", NULL, false, &now, why), ERROR_CONFLICT);
	assert_string_equal(why, "A2 came after A1, is the same again and is open; try: show A2");
	assert_int_equal(now->status, ALERT_RESOLVED);
	alert_free(now);
	acts(w, 2, "resolve", &now);
	alert_free(now);
	/* Two of one key must not be open: the next report would count onto one of them. */
	assert_int_equal(acts_to(w, 1, "reopen", NULL, false, &now, why), ERROR_CONFLICT);
	assert_non_null(strstr(why, "try: reopen A2"));
	alert_free(now);
	assert_int_equal(acts(w, 2, "reopen", &now), ERROR_NONE);
	alert_free(now);
}

/* What its source stopped reporting is not over again at once. */
static void reopen__of_what_ended_by_itself__stays_open(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	struct alert *now;

	now = sends(w, PAGED);
	now->ends_at = NOON + 60;
	desk_world_begin(w);
	assert_true(storage_put_alert(w->storage, now, &err));
	alert_free(now);
	w->desk->now = NOON + 600;
	assert_true(alerts_tick(w->desk, &err));
	desk_world_end(w, true);
	assert_int_equal(acts(w, 1, "reopen", &now), ERROR_NONE);
	alert_free(now);
	desk_world_begin(w);
	w->desk->now++;
	assert_true(alerts_tick(w->desk, &err));
	desk_world_end(w, true);
	now = storage_alert(w->storage, 1, &err);
	assert_int_equal(now->status, ALERT_OPEN);
	alert_free(now);
}

#define LONG "U0123456789012345678901234567890123456789012345678"

static void assign__to_whom__is_who_has_it(void **state)
{
	static const struct {
		const char *to, *want;
		bool is_token;
		enum error_kind kind;
	} cases[] = {
	    {NULL, "U0ALICE", false, ERROR_NONE},
	    {"me", NULL, false, ERROR_CONFLICT},
	    {"<@U0BOB>", "U0BOB", false, ERROR_NONE},
	    {"<@U0BOB|bob>", NULL, false, ERROR_CONFLICT},
	    {"@alice", "U0ALICE", false, ERROR_NONE},
	    {"bob@example.com", "U0BOB", true, ERROR_NONE},
	    {"aliced", "U0ALICE", true, ERROR_NONE},
	    {"U0STRANGER", "U0STRANGER", true, ERROR_NONE},
	    {NULL, NULL, true, ERROR_USAGE},
	    {"@nobody-here", NULL, false, ERROR_USAGE},
	    {"<!channel>", NULL, false, ERROR_USAGE},
	    {LONG LONG LONG LONG LONG, NULL, false, ERROR_TOO_LONG},
	};
	struct desk_world *w = *state;
	char why[sizeof(((struct error *)NULL)->text)];
	struct alert *now;
	size_t done = 0;

	alert_free(sends(w, WEB_3));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (acts_to(w, 1, "assign", cases[i].to, cases[i].is_token, &now, why) != cases[i].kind)
			fail_msg("%s: %s", cases[i].to, why);
		if (cases[i].want != NULL)
			assert_string_equal(now->assignee, cases[i].want);
		assert_int_equal(now->status, ALERT_OPEN);
		alert_free(now);
		done += cases[i].kind == ERROR_NONE;
	}
	assert_int_equal(events(w, 1, "assigned"), done);
	assert_true(is_said(w, "Assigned to <@U0BOB> by <@U0ALICE>"));
	acts(w, 1, "resolve", &now);
	alert_free(now);
	assert_int_equal(acts(w, 1, "assign", &now), ERROR_CONFLICT);
	alert_free(now);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(alert__announced_by_nobody__is_open_and_has_a_card),
	    T(alert__sent_three_times__is_one_alert_with_a_count),
	    T(alert__covered_by_an_announcement__disturbs_nobody),
	    T(alert__by_another_actor__is_raised_and_says_so),
	    T(alert__on_another_host_or_after_the_window__fires),
	    T(alert__past_the_budget__fires_and_says_more_than_announced),
	    T(expected_alert__fires_again_after_the_window__is_opened_and_shown),
	    T(open_alert__announced_afterwards__stays_open),
	    T(alert__of_higher_severity_again__is_raised_routed_and_paged_once),
	    T(alert__resolved_by_its_source__is_over_and_the_next_is_a_new_one),
	    T(resolved_report__of_what_was_never_open__is_kept_and_not_posted),
	    T(ack__then_ack_again__is_refused_and_changes_nothing),
	    T(resolve__then_a_late_ack__stays_resolved),
	    T(escalate__what_has_no_page__uses_the_default_key_once),
	    T(ack_and_resolve__of_what_was_paged__follow_in_pagerduty),
	    T(act__on_an_unknown_alert__is_not_found),
	    T(unack__of_what_was_acked__opens_it_and_says_what_pagerduty_keeps),
	    T(unack__of_what_pages_nobody__says_nothing_of_pagerduty),
	    T(reopen__of_what_was_resolved__is_open_and_paged_anew),
	    T(reopen__of_what_fired_again_since__names_the_newer_one),
	    T(reopen__of_what_ended_by_itself__stays_open),
	    T(assign__to_whom__is_who_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
