#include "tests/unit/storage_world.h"

#include "config/base/text.h"

/* ---- incidents ------------------------------------------------------------------------------------------ */

static void put(struct world *w, int64_t alert, const char *id, const char *status)
{
	const struct incident incident = {.alert = alert, .id = (char *)id, .status = (char *)status, .status_at = NOON, .linked_at = NOON};
	struct error err = {0};

	assert_ok(storage_put_incident(w->storage, &incident, &err), err);
}

static void incident__put__comes_back_whole(void **state)
{
	struct world *w = *state;
	int64_t alert = world_alert(w, "k", ALERT_OPEN, NOON);
	struct incident incident = {alert, "QINC1", 1234, "https://acme.pagerduty.com/incidents/QINC1", "PSVC1", "PPOL1", "triggered",
	    NOON + 1, 2, "QINC2", NOON + 2};
	struct incident got;
	struct error err = {0};

	assert_ok(storage_put_incident(w->storage, &incident, &err), err);

	assert_true(storage_incident(w->storage, alert, &got));
	assert_int_equal(got.alert, alert);
	assert_string_equal(got.id, "QINC1");
	assert_int_equal(got.number, 1234);
	assert_string_equal(got.url, "https://acme.pagerduty.com/incidents/QINC1");
	assert_string_equal(got.service, "PSVC1");
	assert_string_equal(got.policy, "PPOL1");
	assert_string_equal(got.status, "triggered");
	assert_int_equal(got.status_at, NOON + 1);
	assert_int_equal(got.level, 2);
	assert_string_equal(got.merged_into, "QINC2");
	assert_int_equal(got.linked_at, NOON + 2);
	incident_fini(&got);
	assert_null(got.id);
}

static void incident__of_which_little_is_told__comes_back_with_none(void **state)
{
	struct world *w = *state;
	int64_t alert = world_alert(w, "k", ALERT_OPEN, NOON);
	struct incident incident = {.alert = alert, .id = "Q1", .status = "resolved", .status_at = TIME_NONE, .linked_at = NOON}, got;
	struct error err = {0};

	assert_ok(storage_put_incident(w->storage, &incident, &err), err);

	assert_true(storage_incident(w->storage, alert, &got));
	assert_null(got.url);
	assert_null(got.service);
	assert_null(got.policy);
	assert_null(got.merged_into);
	assert_int_equal(got.status_at, TIME_NONE);
	incident_fini(&got);
}

static void incident__put_again__changes_all_but_when_it_was_linked(void **state)
{
	struct world *w = *state;
	int64_t alert = world_alert(w, "k", ALERT_OPEN, NOON);
	struct incident incident = {.alert = alert,
	    .id = "Q1",
	    .number = 7,
	    .url = "https://acme/7",
	    .service = "PS",
	    .policy = "PP",
	    .status = "acknowledged",
	    .status_at = NOON + 9,
	    .level = 3,
	    .merged_into = "Q2",
	    .linked_at = NOON + 9};
	struct incident got;
	struct error err = {0};

	put(w, alert, "Q1", "triggered");
	assert_ok(storage_put_incident(w->storage, &incident, &err), err);

	assert_int_equal(world_number(w, "SELECT count(*) FROM incidents"), 1);
	assert_true(storage_incident(w->storage, alert, &got));
	assert_int_equal(got.number, 7);
	assert_string_equal(got.url, "https://acme/7");
	assert_string_equal(got.service, "PS");
	assert_string_equal(got.policy, "PP");
	assert_string_equal(got.status, "acknowledged");
	assert_int_equal(got.status_at, NOON + 9);
	assert_int_equal(got.level, 3);
	assert_string_equal(got.merged_into, "Q2");
	assert_int_equal(got.linked_at, NOON);
	incident_fini(&got);
}

static void incident__after_another_of_the_same_alert__is_the_newest(void **state)
{
	struct world *w = *state;
	int64_t alert = world_alert(w, "k", ALERT_OPEN, NOON);
	struct incident got;

	put(w, alert, "Q2", "triggered");
	put(w, alert, "Q1", "triggered");
	put(w, alert, "Q2", "resolved"); /* told about later, but linked before */

	assert_true(storage_incident(w->storage, alert, &got));
	assert_string_equal(got.id, "Q1");
	incident_fini(&got);
	assert_true(storage_incident_by_id(w->storage, alert, "Q2", &got));
	assert_string_equal(got.status, "resolved");
	incident_fini(&got);
}

static void incident__that_is_not_known__is_not_found(void **state)
{
	struct world *w = *state;
	int64_t alert = world_alert(w, "k", ALERT_OPEN, NOON), other = world_alert(w, "l", ALERT_OPEN, NOON), ids[1];
	struct incident got;

	put(w, alert, "Q1", "triggered");

	assert_false(storage_incident(w->storage, other, &got));
	assert_null(got.id);
	assert_false(storage_incident_by_id(w->storage, other, "Q1", &got));
	assert_false(storage_incident_by_id(w->storage, alert, "q1", &got));
	assert_false(storage_incident_by_id(w->storage, alert, NULL, &got));
	assert_int_equal(storage_incident_alerts(w->storage, "Q9", false, ids, 1), 0);
}

static void incident__of_an_alert_that_is_gone__cannot_be_put(void **state)
{
	struct world *w = *state;
	const struct incident incident = {.alert = 77, .id = "Q1", .status = "triggered", .linked_at = NOON};
	struct error err = {0};

	assert_false(storage_put_incident(w->storage, &incident, &err));
	assert_true(err.text[0] != '\0');
	assert_false(storage_is_broken(w->storage));
}

static void incident__of_several_alerts__names_those_whose_newest_it_is(void **state)
{
	struct world *w = *state;
	int64_t first = world_alert(w, "a", ALERT_OPEN, NOON), second = world_alert(w, "b", ALERT_OPEN, NOON);
	int64_t third = world_alert(w, "c", ALERT_OPEN, NOON), ids[3];

	put(w, third, "Q1", "triggered");
	put(w, first, "Q1", "triggered");
	put(w, second, "Q1", "resolved");
	put(w, second, "Q2", "triggered");

	assert_int_equal(storage_incident_alerts(w->storage, "Q1", true, ids, 3), 2);
	assert_int_equal(ids[0], first);
	assert_int_equal(ids[1], third);
	assert_int_equal(storage_incident_alerts(w->storage, "Q1", false, ids, 3), 3);
	assert_int_equal(ids[1], second);
	assert_int_equal(storage_incident_alerts(w->storage, "Q1", false, ids, 2), 2);
	assert_int_equal(storage_incident_alerts(w->storage, "Q1", false, ids, 0), 0);
}

/* ---- what is live --------------------------------------------------------------------------------------- */

static bool join_incident(void *ctx, const struct incident *incident)
{
	struct buf *text = ctx;

	buf_printf(text, "%s%lld:%s", text->len > 0 ? " " : "", (long long)incident->alert, incident->id);
	return true;
}

static void assert_live(struct world *w, int64_t after, size_t limit, const char *expected)
{
	struct error err = {0};
	struct buf text;

	buf_init(&text, 1000);
	assert_ok(storage_each_live_incident(w->storage, after, limit, join_incident, &text, &err), err);
	assert_string_equal(buf_text(&text), expected);
	buf_fini(&text);
}

/* An alert that was paged, with what PagerDuty has of it. */
static int64_t paged(struct world *w, enum alert_status status, const char *page_status)
{
	struct alert *alert;
	struct error err = {0};
	int64_t id = world_alert(w, "paged", status, NOON);

	alert = storage_alert(w->storage, id, &err);
	assert_non_null(alert);
	alert->page_status = page_status != NULL ? xstrdup(page_status) : NULL;
	assert_ok(storage_put_alert(w->storage, alert, &err), err);
	alert_free(alert);
	return id;
}

static void live_incidents__are_those_that_are_not_over_on_both_sides(void **state)
{
	static const struct {
		enum alert_status here;
		const char *page, *there;
		bool is_live;
	} cases[] = {
	    {ALERT_OPEN, "triggered", "triggered", true},
	    {ALERT_ACKED, "acknowledged", "acknowledged", true},
	    {ALERT_OPEN, "resolved", "resolved", true},
	    {ALERT_ACKED, "resolved", "resolved", true},
	    {ALERT_RESOLVED, "triggered", "triggered", true},
	    {ALERT_RESOLVED, "acknowledged", "acknowledged", true},
	    {ALERT_RESOLVED, "resolved", "resolved", false},
	    {ALERT_EXPECTED, "resolved", "resolved", false},
	    {ALERT_EXPECTED, "triggered", "triggered", true},
	    {ALERT_CLAIMED, "resolved", "resolved", false},
	    {ALERT_OPEN, "triggered", NULL, false},
	    {ALERT_OPEN, NULL, NULL, false},
	};
	struct world *w = *state;
	struct buf text;

	buf_init(&text, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t id = paged(w, cases[i].here, cases[i].page);

		if (cases[i].there != NULL)
			put(w, id, "Q", cases[i].there);
		if (cases[i].is_live)
			buf_printf(&text, "%s%lld:Q", text.len > 0 ? " " : "", (long long)id);
	}

	assert_live(w, 0, 100, buf_text(&text));
	assert_live(w, 0, SIZE_MAX, buf_text(&text));
	buf_fini(&text);
}

static void live_incidents__of_an_alert_with_several__are_its_newest_alone(void **state)
{
	struct world *w = *state;
	int64_t over = paged(w, ALERT_RESOLVED, "resolved"), open = paged(w, ALERT_OPEN, "triggered");

	put(w, over, "Q1", "triggered"); /* nobody told that it was resolved */
	put(w, over, "Q2", "resolved");
	put(w, open, "Q3", "resolved");
	put(w, open, "Q4", "triggered");

	assert_live(w, 0, 100, "2:Q4");
}

static void live_incidents__page_by_page__are_all_there_once(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++)
		put(w, paged(w, i % 2 ? ALERT_RESOLVED : ALERT_OPEN, "triggered"), "Q", i == 2 ? "resolved" : "triggered");

	assert_live(w, 0, 2, "1:Q 2:Q");
	assert_live(w, 2, 2, "3:Q 4:Q");
	assert_live(w, 4, 2, "5:Q");
	assert_live(w, 5, 2, "");
	assert_live(w, 0, 0, "");
}

static bool resolve_and_stop(void *ctx, const struct incident *incident)
{
	struct world *w = ctx;
	struct incident changed = *incident;
	struct error err = {0};

	changed.status = "resolved";
	assert_ok(storage_put_incident(w->storage, &changed, &err), err);
	return incident->alert < 2;
}

static void live_incidents__changed_while_they_are_told__are_told_as_they_were(void **state)
{
	struct world *w = *state;
	struct error err = {0};

	for (int i = 0; i < 3; i++)
		put(w, paged(w, ALERT_RESOLVED, "triggered"), "Q", "triggered");

	assert_ok(storage_each_live_incident(w->storage, 0, 10, resolve_and_stop, w, &err), err);

	assert_live(w, 0, 10, "3:Q");
}

static void unlinked_alerts__are_those_that_were_paged_live_and_have_no_incident(void **state)
{
	static const struct {
		enum alert_status here;
		const char *page;
		bool has_incident, is_unlinked;
	} cases[] = {
	    {ALERT_OPEN, "triggered", false, true},
	    {ALERT_ACKED, "acknowledged", false, true},
	    {ALERT_OPEN, "acknowledged", false, true},
	    {ALERT_OPEN, "triggered", true, false},
	    {ALERT_OPEN, "waiting", false, false},
	    {ALERT_OPEN, "resolved", false, false},
	    {ALERT_OPEN, NULL, false, false},
	    {ALERT_RESOLVED, "triggered", false, false},
	    {ALERT_EXPECTED, "triggered", false, false},
	    {ALERT_CLAIMED, "triggered", false, false},
	};
	struct world *w = *state;
	int64_t expected[10], ids[10];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t id = paged(w, cases[i].here, cases[i].page);

		if (cases[i].has_incident)
			put(w, id, "Q", "triggered");
		if (cases[i].is_unlinked)
			expected[count++] = id;
	}

	assert_int_equal(storage_unlinked_alerts(w->storage, 0, ids, 10), count);
	assert_memory_equal(ids, expected, count * sizeof(*ids));
	assert_int_equal(storage_unlinked_alerts(w->storage, 0, ids, 2), 2);
	assert_int_equal(storage_unlinked_alerts(w->storage, ids[1], ids, 10), count - 2);
	assert_int_equal(ids[0], expected[2]);
	assert_int_equal(storage_unlinked_alerts(w->storage, expected[count - 1], ids, 10), 0);
}

/* ---- people --------------------------------------------------------------------------------------------- */

static void put_user(struct world *w, const char *id, const char *email, const char *name, int64_t at)
{
	const struct pagerduty_user user = {(char *)id, (char *)email, (char *)name, at};
	struct error err = {0};

	assert_ok(storage_put_pagerduty_user(w->storage, &user, &err), err);
}

static void user__put__is_known_by_id_and_by_email_in_any_case(void **state)
{
	struct world *w = *state;
	struct pagerduty_user user;

	put_user(w, "PXPGF42", "Alice@Example.COM", "Alice", NOON);

	assert_true(storage_pagerduty_user(w->storage, "PXPGF42", &user));
	assert_string_equal(user.id, "PXPGF42");
	assert_string_equal(user.email, "Alice@Example.COM");
	assert_string_equal(user.name, "Alice");
	assert_int_equal(user.fetched_at, NOON);
	pagerduty_user_fini(&user);
	assert_true(storage_pagerduty_user_mailed(w->storage, "aLICE@example.com", &user));
	assert_string_equal(user.id, "PXPGF42");
	pagerduty_user_fini(&user);
}

static void user__that_was_never_put__is_not_known(void **state)
{
	struct world *w = *state;
	struct pagerduty_user user;

	put_user(w, "PXPGF42", NULL, NULL, NOON);

	assert_false(storage_pagerduty_user(w->storage, "pxpgf42", &user));
	assert_false(storage_pagerduty_user(w->storage, NULL, &user));
	assert_false(storage_pagerduty_user_mailed(w->storage, NULL, &user));
	assert_false(storage_pagerduty_user_mailed(w->storage, "PXPGF42", &user));
	assert_false(storage_pagerduty_user_mailed(w->storage, "", &user));
}

static void user__whose_email_changed__is_not_known_by_the_old_one(void **state)
{
	struct world *w = *state;
	struct pagerduty_user user;

	put_user(w, "P1", "old@example.com", "Alice", NOON);
	put_user(w, "P2", "bob@example.com", "Bob", NOON);
	put_user(w, "P1", "new@example.com", "Alice", NOON + 1);

	assert_false(storage_pagerduty_user_mailed(w->storage, "old@example.com", &user));
	assert_true(storage_pagerduty_user_mailed(w->storage, "new@example.com", &user));
	pagerduty_user_fini(&user);
	assert_true(storage_pagerduty_user_mailed(w->storage, "bob@example.com", &user));
	pagerduty_user_fini(&user);
}

static void stranger__put__is_known_to_be_nobody_until_they_are_somebody(void **state)
{
	struct world *w = *state;
	struct pagerduty_user user;

	put_user(w, NULL, "carol@example.com", NULL, NOON);

	assert_true(storage_pagerduty_user_mailed(w->storage, "CAROL@example.com", &user));
	assert_null(user.id);
	assert_int_equal(user.fetched_at, NOON);
	pagerduty_user_fini(&user);

	put_user(w, "P3", "carol@example.com", "Carol", NOON + 1);

	assert_true(storage_pagerduty_user_mailed(w->storage, "carol@example.com", &user));
	assert_string_equal(user.id, "P3");
	pagerduty_user_fini(&user);
}

static void put_profile(struct world *w, const char *slack, const char *email, bool is_bot, bool is_deleted, int64_t at)
{
	const struct profile profile = {
	    .slack = (char *)slack, .name = "x", .email = (char *)email, .is_bot = is_bot, .is_deleted = is_deleted, .fetched_at = at};
	struct error err = {0};

	assert_ok(storage_put_profile(w->storage, &profile, &err), err);
}

static void assert_mailed(struct world *w, const char *email, const char *expected)
{
	struct profile profile;
	bool found = storage_profile_mailed(w->storage, email, &profile);

	assert_int_equal(found, expected != NULL);
	if (found)
		assert_string_equal(profile.slack, expected);
	profile_fini(&profile);
}

static void profile__by_its_email__is_a_living_persons(void **state)
{
	struct world *w = *state;

	put_profile(w, "U0BOT", "alice@example.com", true, false, NOON + 5);
	put_profile(w, "U0GONE", "alice@example.com", false, true, NOON + 5);
	put_profile(w, "U0OLD", "alice@example.com", false, false, NOON);
	put_profile(w, "U0ALICE", "Alice@Example.com", false, false, NOON + 1);
	put_profile(w, "U0NOMAIL", NULL, false, false, NOON);
	put_profile(w, "U0LEFT", "left@example.com", false, true, NOON);

	assert_mailed(w, "ALICE@example.com", "U0ALICE");
	assert_mailed(w, "left@example.com", NULL);
	assert_mailed(w, "nobody@example.com", NULL);
	assert_mailed(w, NULL, NULL);
	assert_mailed(w, "", NULL);
}

/* ---- intents -------------------------------------------------------------------------------------------- */

static void add_intent(struct world *w, const char *incident, const char *what, const char *by, int64_t at)
{
	struct error err = {0};

	assert_ok(storage_add_intent(w->storage, incident, what, by, at, &err), err);
}

static bool take_intent(struct world *w, const char *incident, const char *what, const char *by, int64_t since)
{
	struct error err = {0};
	bool taken = true;

	assert_ok(storage_take_intent(w->storage, incident, what, by, since, &taken, &err), err);
	return taken;
}

static void intent__is_taken_by_what_fits_it__once(void **state)
{
	static const struct {
		const char *by, *incident, *what, *taker;
		int64_t since;
		bool taken;
	} cases[] = {
	    {"P1", "Q1", "ack", "P1", NOON - 900, true},
	    {"P1", "Q1", "ack", "P1", NOON, true},
	    {"P1", "Q1", "ack", "P1", NOON + 1, false},
	    {"P1", "Q1", "ack", "P2", NOON - 900, false},
	    {"P1", "Q1", "ack", NULL, NOON - 900, true},
	    {NULL, "Q1", "ack", "P1", NOON - 900, true},
	    {NULL, "Q1", "ack", NULL, NOON - 900, true},
	    {"P1", "Q2", "ack", "P1", NOON - 900, false},
	    {"P1", "Q1", "resolve", "P1", NOON - 900, false},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error err = {0};

		world_begins(w);
		add_intent(w, "Q1", "ack", cases[i].by, NOON);
		if (take_intent(w, cases[i].incident, cases[i].what, cases[i].taker, cases[i].since) != cases[i].taken)
			fail_msg("case %zu", i);
		assert_false(take_intent(w, cases[i].incident, cases[i].what, cases[i].taker, cases[i].since));
		assert_ok(storage_end(w->storage, false, &err), err);
	}
}

static void intent__of_several__is_taken_oldest_first(void **state)
{
	struct world *w = *state;

	add_intent(w, "Q1", "ack", "P1", NOON);
	add_intent(w, "Q1", "ack", "P2", NOON + 1);
	add_intent(w, "Q1", "ack", NULL, NOON + 2);

	assert_true(take_intent(w, "Q1", "ack", NULL, NOON - 900));
	assert_int_equal(world_number(w, "SELECT min(at) FROM intents"), NOON + 1);
	assert_true(take_intent(w, "Q1", "ack", "P1", NOON - 900)); /* by nobody known */
	assert_int_equal(world_number(w, "SELECT count(*) FROM intents WHERE by = 'P2'"), 1);
}

/* ---- on call, marks ------------------------------------------------------------------------------------- */

static bool join_oncall(void *ctx, const struct oncall *oncall)
{
	struct buf *text = ctx;

	buf_printf(text, "%s/%s/%lld/%s/%s/%lld ", oncall->policy, oncall->policy_name != NULL ? oncall->policy_name : "-",
	    (long long)oncall->level, oncall->user, oncall->user_name != NULL ? oncall->user_name : "-",
	    oncall->ends_at == TIME_NONE ? -1 : (long long)oncall->ends_at);
	return strcmp(oncall->user, "STOP") != 0;
}

static void assert_oncalls(struct world *w, const char *expected)
{
	struct error err = {0};
	struct buf text;

	buf_init(&text, 1000);
	assert_ok(storage_each_oncall(w->storage, join_oncall, &text, &err), err);
	assert_string_equal(buf_text(&text), expected);
	buf_fini(&text);
}

static void oncalls__put__take_the_place_of_all_and_come_in_order(void **state)
{
	static const struct oncall first[] = {{"P9", "zeta", 1, "PU9", "Zoe", 5}};
	static const struct oncall second[] = {
	    {"P2", "web", 2, "PU3", "Carol", 9},
	    {"P2", "web", 1, "PU2", "Bob", TIME_NONE},
	    {"P1", "Database", 1, "PU1", NULL, 7},
	    {"PX", NULL, 1, "STOP", "Dan", 7},
	    {"P2", "web", 1, "PU4", "Eve", 8},
	};
	struct world *w = *state;
	struct error err = {0};

	assert_ok(storage_put_oncalls(w->storage, first, 1, &err), err);
	assert_oncalls(w, "P9/zeta/1/PU9/Zoe/5 ");
	assert_ok(storage_put_oncalls(w->storage, second, 5, &err), err);
	assert_oncalls(w, "P1/Database/1/PU1/-/7 PX/-/1/STOP/Dan/7 ");
	assert_ok(storage_put_oncalls(w->storage, second, 3, &err), err);
	assert_oncalls(w, "P1/Database/1/PU1/-/7 P2/web/1/PU2/Bob/-1 P2/web/2/PU3/Carol/9 ");
	assert_ok(storage_put_oncalls(w->storage, NULL, 0, &err), err);
	assert_oncalls(w, "");
}

static void mark__put__stays_until_it_is_removed(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char *value;

	assert_null(storage_mark(w->storage, "pagerduty.log"));
	assert_ok(storage_put_mark(w->storage, "pagerduty.log", "1", &err), err);
	assert_ok(storage_put_mark(w->storage, "pagerduty.log", "2", &err), err);
	assert_ok(storage_put_mark(w->storage, "pagerduty.log", "2", &err), err);
	assert_ok(storage_put_mark(w->storage, "other", "", &err), err);
	world_commits(w);
	world_reopen(w);

	value = storage_mark(w->storage, "pagerduty.log");
	assert_string_equal(value, "2");
	free(value);
	value = storage_mark(w->storage, "other");
	assert_string_equal(value, "");
	free(value);
	assert_ok(storage_put_mark(w->storage, "pagerduty.log", NULL, &err), err);
	assert_ok(storage_put_mark(w->storage, "pagerduty.log", NULL, &err), err);
	assert_null(storage_mark(w->storage, "pagerduty.log"));
}

/* ---- sweeping ------------------------------------------------------------------------------------------- */

#define DAY_S 86400

static void sweep__of_an_old_alert__takes_its_incidents_with_it(void **state)
{
	struct world *w = *state;
	int64_t old = world_alert(w, "a", ALERT_RESOLVED, NOON - 90 * DAY_S), young = world_alert(w, "b", ALERT_RESOLVED, NOON);
	struct incident got;
	struct error err = {0};
	size_t removed;

	put(w, old, "Q1", "resolved");
	put(w, young, "Q1", "resolved");
	assert_ok(storage_sweep(w->storage, NOON - DAY_S, NOON, 10, &removed, &err), err);

	assert_int_equal(removed, 1);
	assert_false(storage_incident(w->storage, old, &got));
	assert_true(storage_incident(w->storage, young, &got));
	incident_fini(&got);
}

static void sweep__takes_old_intents_and_people_that_were_long_not_asked_about(void **state)
{
	struct world *w = *state;
	struct pagerduty_user user;
	struct error err = {0};
	size_t removed;

	add_intent(w, "Q1", "ack", "P1", NOON - 4 * DAY_S - 1);
	add_intent(w, "Q1", "ack", "P1", NOON - 4 * DAY_S);
	put_user(w, "P1", "a@example.com", "A", NOON - 30 * DAY_S - 1);
	put_user(w, NULL, "b@example.com", NULL, NOON - 30 * DAY_S - 1);
	put_user(w, "P3", "c@example.com", "C", NOON - 30 * DAY_S);

	assert_ok(storage_sweep(w->storage, NOON - 90 * DAY_S, NOON, 1, &removed, &err), err);
	assert_int_equal(removed, 2); /* small steps: one of each */
	assert_ok(storage_sweep(w->storage, NOON - 90 * DAY_S, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 2);
	assert_ok(storage_sweep(w->storage, NOON - 90 * DAY_S, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 0);

	assert_int_equal(world_number(w, "SELECT count(*) FROM intents"), 1);
	assert_false(storage_pagerduty_user(w->storage, "P1", &user));
	assert_false(storage_pagerduty_user_mailed(w->storage, "b@example.com", &user));
	assert_true(storage_pagerduty_user(w->storage, "P3", &user));
	pagerduty_user_fini(&user);
}

/* ---- the plans ------------------------------------------------------------------------------------------ */

static bool no_incident(void *ctx, const struct incident *incident)
{
	(void)ctx;
	return incident == NULL;
}

/* A walk of one of these is one of what is live alone. */
static bool is_short(const char *detail)
{
	return strstr(detail, "(subquery") != NULL || strstr(detail, "SCAN live") != NULL || strstr(detail, "LIST SUBQUERY") != NULL ||
	       strstr(detail, "USING INDEX incidents_open") != NULL || strstr(detail, "USING INDEX alerts_paged_live") != NULL ||
	       strstr(detail, "CONSTANT ROW") != NULL;
}

/* Of TEXT, how many steps of its plan were looked at; a walk through a whole table fails. */
static int check_plan(struct world *w, const char *text)
{
	char *explain = xasprintf("EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *stmt = NULL;
	int steps = 0;

	assert_int_equal(sqlite3_prepare_v2(w->storage->db, explain, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(stmt, 3);

		steps++;
		if (strncmp(detail, "SCAN", 4) == 0 && !is_short(detail))
			fail_msg("%s: %s", text, detail);
		/* The accounts of one address may be sorted, and two pages of what is live. */
		if (strstr(detail, "TEMP B-TREE FOR ORDER BY") != NULL && strstr(text, "profiles_email") == NULL &&
		    strstr(text, "LIMIT ?2)) AS live") == NULL)
			fail_msg("%s: %s", text, detail);
	}
	sqlite3_finalize(stmt);
	free(explain);
	return steps;
}

static void statements__of_pagerduty__read_no_more_than_they_need(void **state)
{
	struct world *w = *state;
	int64_t alert = paged(w, ALERT_OPEN, "triggered"), ids[2];
	struct pagerduty_user user;
	struct incident got;
	struct error err = {0};
	size_t removed;
	int steps = 0;

	put(w, alert, "Q1", "triggered");
	if (storage_incident(w->storage, alert, &got))
		incident_fini(&got);
	if (storage_incident_by_id(w->storage, alert, "Q1", &got))
		incident_fini(&got);
	storage_incident_alerts(w->storage, "Q1", true, ids, 2);
	storage_each_live_incident(w->storage, 0, 1, no_incident, NULL, &err);
	storage_unlinked_alerts(w->storage, 0, ids, 2);
	put_user(w, "P1", "a@example.com", NULL, NOON);
	if (storage_pagerduty_user(w->storage, "P1", &user))
		pagerduty_user_fini(&user);
	assert_mailed(w, "a@example.com", NULL);
	add_intent(w, "Q1", "ack", NULL, NOON);
	take_intent(w, "Q1", "ack", "P1", 0);
	storage_put_mark(w->storage, "m", "1", &err);
	free(storage_mark(w->storage, "m"));
	storage_put_mark(w->storage, "m", NULL, &err);
	assert_ok(storage_sweep(w->storage, 1, NOON, 1, &removed, &err), err);

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		const char *text = w->storage->statements[i].text;

		if (text != NULL && (strstr(text, "incidents") != NULL || strstr(text, "alerts_paged_live") != NULL ||
				     strstr(text, "pagerduty_users") != NULL || strstr(text, "intents") != NULL ||
				     strstr(text, "profiles_email") != NULL || strstr(text, "marks") != NULL))
			steps += check_plan(w, text);
	}
	assert_true(steps > 20);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    test(incident__put__comes_back_whole),
	    test(incident__of_which_little_is_told__comes_back_with_none),
	    test(incident__put_again__changes_all_but_when_it_was_linked),
	    test(incident__after_another_of_the_same_alert__is_the_newest),
	    test(incident__that_is_not_known__is_not_found),
	    test(incident__of_an_alert_that_is_gone__cannot_be_put),
	    test(incident__of_several_alerts__names_those_whose_newest_it_is),
	    test(live_incidents__are_those_that_are_not_over_on_both_sides),
	    test(live_incidents__of_an_alert_with_several__are_its_newest_alone),
	    test(live_incidents__page_by_page__are_all_there_once),
	    test(live_incidents__changed_while_they_are_told__are_told_as_they_were),
	    test(unlinked_alerts__are_those_that_were_paged_live_and_have_no_incident),
	    test(user__put__is_known_by_id_and_by_email_in_any_case),
	    test(user__that_was_never_put__is_not_known),
	    test(user__whose_email_changed__is_not_known_by_the_old_one),
	    test(stranger__put__is_known_to_be_nobody_until_they_are_somebody),
	    test(profile__by_its_email__is_a_living_persons),
	    test(intent__is_taken_by_what_fits_it__once),
	    test(intent__of_several__is_taken_oldest_first),
	    test(oncalls__put__take_the_place_of_all_and_come_in_order),
	    test(mark__put__stays_until_it_is_removed),
	    test(sweep__of_an_old_alert__takes_its_incidents_with_it),
	    test(sweep__takes_old_intents_and_people_that_were_long_not_asked_about),
	    test(statements__of_pagerduty__read_no_more_than_they_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
