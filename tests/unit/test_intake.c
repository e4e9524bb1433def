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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
