/* What nobody has: paged while Slack is out of reach, told again when it was left lying. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/unseen.h"
#include "handlers/words.h"

static const char routes[] = "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
			     "sources:\n"
			     "  - {name: homegrown, format: headsup, token: homegrown-secret-0}\n"
			     "%s"
			     "routes:\n"
			     "  - {match: [\"service=payments\"], channel: \"#payments\", page: "
			     "{routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", "
			     "from_severity: critical}}\n"
			     "  - {channel: \"#security-alerts\"}\n";
#define DEFAULT_KEY "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\"}\n"

static struct desk_world *world_with(const char *pagerduty)
{
	char *config = xasprintf(routes, pagerduty);
	struct desk_world *w = desk_world_new(config);

	free(config);
	return w;
}

static int setup(void **state)
{
	*state = world_with(DEFAULT_KEY);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

static int64_t fires(
    struct desk_world *w, const char *title, const char *service, enum severity severity)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->source = xstrdup("homegrown");
	alert->title = xstrdup(title);
	alert->service = xstrdup(service);
	alert->severity = severity;
	alert->body = xstrdup("{}");
	desk_world_begin(w);
	assert_true(intake(w->desk, alert, &err));
	desk_world_end(w, true);
	id = alert->id;
	alert_free(alert);
	return id;
}

static void ticks(struct desk_world *w, int64_t at)
{
	struct error err = {0};

	w->desk->now = at;
	desk_world_begin(w);
	assert_true(unseen_tick(w->desk, &err));
	desk_world_end(w, true);
}

static void acts(struct desk_world *w, int64_t id, const char *verb)
{
	const struct actor actor = {.who = "U0ALICE", .via = "slack"};
	struct alert *now = NULL;
	struct error err = {0};

	desk_world_begin(w);
	assert_true(alert_act(w->desk, &actor, id, verb, NULL, NULL, &now, &err));
	desk_world_end(w, true);
	alert_free(now);
}

static void stands(struct desk_world *w, const char *subject)
{
	const struct post post = {.subject = (char *)subject,
	    .channel = (char *)"#security-alerts",
	    .channel_id = (char *)"C0SEC",
	    .ts = (char *)"1.1"};
	struct error err = {0};

	desk_world_begin(w);
	assert_true(storage_add_post(w->storage, &post, &err));
	desk_world_end(w, true);
}

struct search {
	struct desk_world *w;
	const char *kind, *subject, *part;
	int count;
};

static bool search_one(void *ctx, const struct word *word)
{
	struct search *search = ctx;
	struct word *copy;

	if (strcmp(word->kind, search->kind) != 0 || strcmp(word->subject, search->subject) != 0)
		return true;
	copy = storage_word(search->w->storage, word->id);
	search->count += search->part == NULL || strstr(copy->body, search->part) != NULL;
	word_free(copy);
	return true;
}

static int said(struct desk_world *w, const char *kind, const char *subject, const char *part)
{
	struct search search = {w, kind, subject, part, 0};

	assert_true(
	    storage_each_word(w->storage, WORD_WAITING, 0, 10000, search_one, &search, NULL));
	return search.count;
}

struct seen {
	const char *what;
	int count;
};

static bool see(void *ctx, const struct event *event)
{
	struct seen *seen = ctx;

	seen->count += strcmp(event->what, seen->what) == 0;
	return true;
}

static int told(struct desk_world *w, int64_t id, const char *what)
{
	struct seen seen = {what, 0};

	assert_true(storage_each_event(w->storage, id, see, &seen, NULL));
	return seen.count;
}

/* ---- while Slack is out of reach --------------------------------------------------------------------------- */

static void slack__away_for_long__pages_what_is_urgent_and_unposted_once(void **state)
{
	struct desk_world *w = *state;

	fires(w, "high", NULL, SEVERITY_HIGH);
	fires(w, "medium", NULL, SEVERITY_MEDIUM);
	fires(w, "posted", NULL, SEVERITY_HIGH);
	fires(w, "in hand", NULL, SEVERITY_CRITICAL);
	fires(w, "of a route", "payments", SEVERITY_HIGH);
	fires(w, "paged by its route", "payments", SEVERITY_CRITICAL);
	stands(w, "A3");
	acts(w, 4, "ack");
	assert_int_equal(said(w, "page", "A6", NULL), 1);

	w->desk->slack_away_since = NOON;
	ticks(w, NOON + 59);
	assert_int_equal(said(w, "page", "A1", NULL), 0);
	for (int i = 0; i < 3; i++)
		ticks(w, NOON + 60 + i);
	assert_int_equal(said(w, "page", "A1", "\"unseen\":true"), 1);
	assert_int_equal(said(w, "page", "A2", NULL), 0);
	assert_int_equal(said(w, "page", "A3", NULL), 0);
	assert_int_equal(said(w, "page", "A4", NULL), 0);
	assert_int_equal(said(w, "page", "A5", "\"unseen\":true"), 1);
	assert_int_equal(said(w, "page", "A6", NULL), 1);
	assert_int_equal(said(w, "thread", "A1",
			     "Slack was out of reach when this came: paged through PagerDuty"),
	    1);
	assert_int_equal(told(w, 1, "noted"), 1);
	assert_int_equal(unseen_unpaged(w->desk), 0);

	/* Its route's key where that has one, whatever severity it pages from. */
	struct alert *a1 = storage_alert(w->storage, 1, NULL),
		     *a5 = storage_alert(w->storage, 5, NULL);
	assert_string_equal(
	    config_routing_key(w->config, a1->page_key), "dddddddddddddddddddddddddddddddd");
	assert_string_equal(
	    config_routing_key(w->config, a5->page_key), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	alert_free(a1);
	alert_free(a5);

	/* What comes later is given a moment to be posted. */
	fires(w, "later", NULL, SEVERITY_CRITICAL);
	ticks(w, NOON + 65);
	assert_int_equal(said(w, "page", "A7", NULL), 0);
	ticks(w, NOON + 62 + UNSEEN_GRACE_S);
	assert_int_equal(said(w, "page", "A7", NULL), 1);
}

static void slack__back_in_time__pages_nothing(void **state)
{
	struct desk_world *w = *state;

	fires(w, "high", NULL, SEVERITY_HIGH);
	w->desk->slack_away_since = NOON;
	ticks(w, NOON + 50);
	w->desk->slack_away_since = TIME_NONE;
	ticks(w, NOON + 70);
	w->desk->slack_away_since = NOON + 80;
	ticks(w, NOON + 130);
	assert_int_equal(said(w, "page", "A1", NULL), 0);
}

static void slack__away_and_no_key__is_told(void **state)
{
	struct desk_world *w = world_with("");

	(void)state;
	fires(w, "high", NULL, SEVERITY_HIGH);
	fires(w, "high too", NULL, SEVERITY_HIGH);
	w->desk->slack_away_since = NOON;
	for (int i = 0; i < 3; i++) {
		ticks(w, NOON + 60 + i);
		assert_int_equal(unseen_unpaged(w->desk), 2);
	}
	assert_int_equal(said(w, "page", "A1", NULL), 0);
	acts(w, 1, "resolve");
	ticks(w, NOON + 64);
	ticks(w, NOON + 65);
	assert_int_equal(unseen_unpaged(w->desk), 1);
	w->desk->slack_away_since = TIME_NONE;
	ticks(w, NOON + 66);
	assert_int_equal(unseen_unpaged(w->desk), 0);
	desk_world_free(w);
}

static void slack__away_under_very_many__pages_them_all_in_steps(void **state)
{
	struct desk_world *w = *state;
	const int count = UNSEEN_PAGES_MAX * 2 + 7;
	int paged = 0;

	for (int i = 0; i < count; i++) {
		char title[32];

		snprintf(title, sizeof(title), "alert %d", i);
		fires(w, title, NULL, SEVERITY_CRITICAL);
	}
	w->desk->slack_away_since = NOON;
	ticks(w, NOON + 60);
	for (int i = 1; i <= count; i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "A%d", i);
		paged += said(w, "page", subject, NULL);
	}
	assert_int_equal(paged, UNSEEN_PAGES_MAX);
	for (int i = 0; i < 4; i++)
		ticks(w, NOON + 61 + i);
	for (int i = 1; i <= count; i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "A%d", i);
		assert_int_equal(said(w, "page", subject, NULL), 1);
	}
}

static void page__in_the_place_of_slack__has_the_text_of_the_card(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	struct spoken spoken = {0};
	struct search search = {w, "page", "A1", NULL, 0};
	struct word word = {.kind = (char *)"page",
	    .subject = (char *)"A1",
	    .lane = (char *)"pagerduty:x",
	    .body = (char *)"{\"action\":\"trigger\",\"unseen\":true}"};
	const cJSON *details;

	fires(w, "root <shell> & *more*", NULL, SEVERITY_CRITICAL);
	w->desk->slack_away_since = NOON;
	ticks(w, NOON + 60);
	assert_true(storage_each_word(w->storage, WORD_WAITING, 0, 100, search_one, &search, NULL));
	assert_int_equal(search.count, 1);
	desk_world_begin(w);
	assert_true(word_render(w->desk, &word, &spoken, &err));
	desk_world_end(w, true);
	details = json_get(json_get(spoken.body, "payload"), "custom_details");
	assert_string_equal(json_text(details, "why_paged"), "Slack is out of reach");
	assert_non_null(strstr(json_text(details, "slack"), "CRITICAL · root <shell> &"));
	assert_non_null(strstr(json_text(details, "slack"), "A1 · route security-alerts"));
	assert_null(strstr(json_text(details, "slack"), "!date"));
	assert_null(strstr(json_text(details, "slack"), "&amp;"));
	spoken_fini(&spoken);
}

/* ---- what was left lying ------------------------------------------------------------------------------------ */

static void alert__that_nobody_acks__is_told_again_once(void **state)
{
	struct desk_world *w = *state;

	fires(w, "high", NULL, SEVERITY_HIGH);
	fires(w, "medium", NULL, SEVERITY_MEDIUM);
	fires(w, "in hand", NULL, SEVERITY_CRITICAL);
	fires(w, "of a route", "payments", SEVERITY_HIGH);
	fires(w, "paged by its route", "payments", SEVERITY_CRITICAL);
	acts(w, 3, "ack");
	ticks(w, NOON + 599);
	assert_int_equal(said(w, "thread", "A1", "Nobody has acked"), 0);
	for (int i = 0; i < 3; i++)
		ticks(w, NOON + 600 + i);
	assert_int_equal(said(w, "thread", "A1", "Nobody has acked this for 10m"), 1);
	assert_int_equal(said(w, "thread", "A1", "\"broadcast\":true"), 1);
	assert_int_equal(told(w, 1, "reminded"), 1);
	assert_int_equal(said(w, "page", "A1", NULL), 0); /* its route pages nobody */
	assert_int_equal(told(w, 2, "reminded"), 0);
	assert_int_equal(told(w, 3, "reminded"), 0);
	assert_int_equal(
	    said(w, "page", "A4", NULL), 1); /* its route pages from critical on: now this too */
	assert_int_equal(said(w, "thread", "A4", "it is paged now"), 1);
	assert_int_equal(said(w, "page", "A5", NULL), 1);
	assert_int_equal(told(w, 5, "reminded"), 1);

	/* Taken back, it has its time again; told is told. */
	acts(w, 3, "unack");
	ticks(w, NOON + 602 + 599);
	assert_int_equal(told(w, 3, "reminded"), 0);
	ticks(w, NOON + 602 + 600);
	assert_int_equal(told(w, 3, "reminded"), 1);
	acts(w, 1, "ack");
	acts(w, 1, "unack");
	ticks(w, NOON + 86400);
	assert_int_equal(told(w, 1, "reminded"), 1);
}

static void reminders__of_very_many__come_in_steps(void **state)
{
	struct desk_world *w = *state;
	int count = 0;

	for (int i = 0; i < REMINDERS_MAX * 2; i++) {
		char title[32];

		snprintf(title, sizeof(title), "alert %d", i);
		fires(w, title, NULL, SEVERITY_CRITICAL);
	}
	ticks(w, NOON + 600);
	for (int i = 1; i <= REMINDERS_MAX * 2; i++)
		count += told(w, i, "reminded");
	assert_int_equal(count, REMINDERS_MAX);
	ticks(w, NOON + 601);
	for (int i = 1; i <= REMINDERS_MAX * 2; i++)
		assert_int_equal(told(w, i, "reminded"), 1);
}

/* ---- storms ---------------------------------------------------------------------------------- */

/* More of one rule than have cards of their own. */
static void storm(struct desk_world *w, int count)
{
	for (int i = 0; i < count; i++) {
		struct alert *alert = alert_new();
		struct error err = {0};

		alert->source = xstrdup("homegrown");
		alert->title = xasprintf("port scan %d", i);
		alert->rule = xstrdup("port-scan");
		alert->host = xasprintf("web-%d", i);
		alert->severity = SEVERITY_HIGH;
		alert->body = xstrdup("{}");
		desk_world_begin(w);
		assert_true(intake(w->desk, alert, &err));
		desk_world_end(w, true);
		alert_free(alert);
	}
}

static void storm__left_lying__is_told_again_once_for_all(void **state)
{
	struct desk_world *w = *state;

	storm(w, 15);
	ticks(w, NOON + 600);
	assert_int_equal(said(w, "thread", "S1", "Nobody has acked this for 10m"), 1);
	assert_int_equal(said(w, "thread", "A1", NULL), 0);
	for (int i = 1; i <= 15; i++)
		assert_int_equal(told(w, i, "reminded"), 1);
}

static void storm__that_stands_in_slack__is_not_paged(void **state)
{
	struct desk_world *w = *state;

	storm(w, 15);
	w->desk->slack_away_since = NOON;
	stands(w, "S1");
	ticks(w, NOON + 60);
	for (int i = 1; i <= 15; i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "A%d", i);
		assert_int_equal(said(w, "page", subject, NULL), 0);
	}
}

static void storm__while_slack_is_away__is_paged_and_says_so_once(void **state)
{
	struct desk_world *w = *state;

	storm(w, 15);
	w->desk->slack_away_since = NOON;
	ticks(w, NOON + 60);
	assert_int_equal(said(w, "page", "A1", "unseen"), 1);
	assert_int_equal(said(w, "page", "A15", "unseen"), 1);
	assert_int_equal(said(w, "thread", "S1", "Slack was out of reach"), 1);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(slack__away_for_long__pages_what_is_urgent_and_unposted_once),
	    T(slack__back_in_time__pages_nothing),
	    T(slack__away_and_no_key__is_told),
	    T(slack__away_under_very_many__pages_them_all_in_steps),
	    T(page__in_the_place_of_slack__has_the_text_of_the_card),
	    T(alert__that_nobody_acks__is_told_again_once),
	    T(reminders__of_very_many__come_in_steps),
	    T(storm__left_lying__is_told_again_once_for_all),
	    T(storm__that_stands_in_slack__is_not_paged),
	    T(storm__while_slack_is_away__is_paged_and_says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
