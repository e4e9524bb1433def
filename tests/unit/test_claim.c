#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/claim.h"

static const char config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "routes:\n  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "policy: {never_suppress: [[\"rule=canary-*\"]]}\n";

static const struct actor alice = {.who = "U0ALICE", .via = "slack"};
static const struct actor bob = {.who = "U0BOB", .via = "slack"};
static const struct actor carol = {.who = "U0CAROL", .via = "slack"};

static int setup(void **state)
{
	*state = desk_world_new(config);
	desk_world_knows(*state, "U0ALICE", "alice@example.com", NULL, false);
	desk_world_knows(*state, "U0BOB", "bob@example.com", NULL, false);
	desk_world_knows(*state, "U0CAROL", "carol@example.com", NULL, false);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

static int64_t fires(struct desk_world *world, const char *rule, const char *actor, enum severity severity)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->title = xstrdup("login");
	alert->rule = xstrdup(rule);
	alert->host = xstrdup("web-3");
	alert->actor = xstrdup(actor);
	alert->severity = severity;
	desk_world_begin(world);
	if (!intake(world->desk, alert, &err))
		fail_msg("%s", err.text);
	desk_world_end(world, true);
	id = alert->id;
	alert_free(alert);
	return id;
}

static enum alert_status status_of(struct desk_world *world, int64_t id)
{
	struct alert *alert = storage_alert(world->storage, id, NULL);
	enum alert_status status = alert->status;

	alert_free(alert);
	return status;
}

/* ACTOR claims A<id> by MATCH; the announcement's id, 0 when it was refused. */
static int64_t claims(struct desk_world *world, const struct actor *actor, int64_t id, const char *match, const char *key, struct error *err)
{
	char *list[] = {(char *)match};
	const struct announce_request request = {.match = list,
	    .match_count = 1,
	    .from = TIME_NONE,
	    .until = TIME_NONE,
	    .because = "deploy",
	    .author = actor->who,
	    .idempotency_key = key};
	struct announcement *made;
	bool is_again, ok;
	int64_t h;

	error_clear(err);
	desk_world_begin(world);
	ok = alert_claim(world->desk, actor, id, &request, &made, &is_again, err);
	desk_world_end(world, true);
	h = ok ? made->id : 0;
	announcement_free(made);
	return h;
}

static bool approves(struct desk_world *world, const struct actor *actor, int64_t h, struct error *err)
{
	struct announcement *now;
	bool ok;

	error_clear(err);
	desk_world_begin(world);
	ok = announcement_approve(world->desk, actor, h, 0, &now, err);
	desk_world_end(world, true);
	announcement_free(now);
	return ok;
}

static void claim__takes_somebody_else__by_severity_actor_and_policy(void **state)
{
	static const struct {
		const char *rule, *actor;
		enum severity severity;
		bool waits;
	} cases[] = {
	    {"login", "alice", SEVERITY_INFO, false},
	    {"login", "aliced", SEVERITY_MEDIUM, false},
	    {"login", NULL, SEVERITY_MEDIUM, false},
	    {"login", "alice", SEVERITY_HIGH, true},
	    {"login", "alice", SEVERITY_CRITICAL, true},
	    {"login", "bob", SEVERITY_LOW, true},
	    {"login", "Alice\xe2\x80\x8b", SEVERITY_LOW, true}, /* looks like her */
	    {"canary-1", "alice", SEVERITY_LOW, true},
	};
	struct desk_world *world = *state;
	struct error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert alert;

		alert_init(&alert);
		alert.rule = xstrdup(cases[i].rule);
		alert.actor = xstrdup(cases[i].actor);
		alert.severity = cases[i].severity;
		if (claim_needs_approval(world->desk, "U0ALICE", &alert) != cases[i].waits)
			fail_msg("%s by %s", cases[i].rule, cases[i].actor);
		alert_fini(&alert);
	}
	assert_int_equal(claims(world, &alice, fires(world, "login", "alice", SEVERITY_MEDIUM), "rule=login", NULL, &err), 1);
	assert_int_equal(status_of(world, 1), ALERT_CLAIMED);
	assert_int_equal(world->desk->counts.claimed, 1);
	assert_int_equal(announcements_find(world->desk, 1)->matched, 1);
}

static void claim__that_covers_something_else__is_refused_and_announces_nothing(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "bob", SEVERITY_MEDIUM);
	struct error err;

	assert_int_equal(claims(world, &alice, id, "host=db-*", NULL, &err), 0);
	assert_non_null(strstr(err.text, "does not cover A1"));
	/* Bound to her own logins, and Bob did it. */
	assert_int_equal(claims(world, &alice, id, "host=web-3", NULL, &err), 0);
	assert_non_null(strstr(err.text, "actor=bob"));
	assert_int_equal(announcements_count(world->desk->announcements), 0);
	assert_int_equal(status_of(world, id), ALERT_OPEN);
}

static void claim__made_twice__is_one(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "alice", SEVERITY_MEDIUM);
	struct error err;

	assert_int_equal(claims(world, &alice, id, "rule=login", "key-1", &err), 1);
	assert_int_equal(claims(world, &alice, id, "rule=login", "key-1", &err), 1);
	assert_int_equal(claims(world, &alice, id, "rule=login", "key-2", &err), 0);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(announcements_count(world->desk->announcements), 1);
	assert_int_equal(world->desk->counts.claimed, 1);
}

static void claim__edited_while_it_waits__waits_on_and_closes_only_what_is_covered(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "alice", SEVERITY_HIGH);
	char *other[] = {"rule=other"};
	struct announcement *now;
	struct error err;

	assert_int_equal(claims(world, &alice, id, "rule=login", NULL, &err), 1);
	assert_true(announcement_is_pending(announcements_find(world->desk, 1), NOON));
	desk_world_begin(world);
	assert_true(announcement_edit(world->desk, &alice, 1, other, 1, &now, &err));
	desk_world_end(world, true);
	announcement_free(now);
	assert_true(announcement_is_pending(announcements_find(world->desk, 1), NOON));
	assert_true(approves(world, &bob, 1, &err));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	assert_false(claim_waits_under(world->desk, 1));
}

static void claim__of_ones_own_deed__is_approved_by_neither(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "bob", SEVERITY_MEDIUM);
	struct error err;

	assert_int_equal(claims(world, &alice, id, "actor=bob", NULL, &err), 1);
	assert_false(approves(world, &alice, 1, &err));
	assert_false(approves(world, &bob, 1, &err));
	assert_non_null(strstr(err.text, "one of your own logins"));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	assert_true(approves(world, &carol, 1, &err));
	assert_int_equal(status_of(world, id), ALERT_CLAIMED);
}

static void claim__that_nobody_approves_in_time__is_dropped(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "alice", SEVERITY_HIGH);
	struct error err;

	assert_int_equal(claims(world, &alice, id, "rule=login", NULL, &err), 1);
	world->desk->now = NOON + 86400;
	desk_world_begin(world);
	assert_true(announcements_tick(world->desk, &err));
	desk_world_end(world, true);
	assert_false(claim_waits_under(world->desk, 1));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	/* And may be claimed anew. */
	assert_int_equal(claims(world, &alice, id, "rule=login", NULL, &err), 2);
}

static void claim__resolved_while_it_waits__stays_resolved(void **state)
{
	struct desk_world *world = *state;
	const int64_t id = fires(world, "login", "alice", SEVERITY_HIGH);
	struct alert *now;
	struct error err;

	assert_int_equal(claims(world, &alice, id, "rule=login", NULL, &err), 1);
	desk_world_begin(world);
	assert_true(alert_act(world->desk, &bob, id, "resolve", NULL, NULL, &now, &err));
	desk_world_end(world, true);
	alert_free(now);
	assert_true(approves(world, &bob, 1, &err));
	assert_int_equal(status_of(world, id), ALERT_RESOLVED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(claim__takes_somebody_else__by_severity_actor_and_policy),
	    TEST(claim__that_covers_something_else__is_refused_and_announces_nothing),
	    TEST(claim__made_twice__is_one),
	    TEST(claim__edited_while_it_waits__waits_on_and_closes_only_what_is_covered),
	    TEST(claim__of_ones_own_deed__is_approved_by_neither),
	    TEST(claim__that_nobody_approves_in_time__is_dropped),
	    TEST(claim__resolved_while_it_waits__stays_resolved),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
