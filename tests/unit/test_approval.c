/* The second pair of eyes, and an announcement's life: who may approve, how long it holds, not me, this one is real, what is told anew. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/card.h"
#include "handlers/commands.h"
#include "handlers/people.h"
#include "handlers/words.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))
#define HOUR 3600
#define NIGHT (NOON + 14 * HOUR) /* Tuesday 02:00 UTC */

static const struct actor alice = {.who = "U0ALICE", .via = "slack", .from = "C1"};
static const struct actor bob = {.who = "U0BOB", .via = "slack", .from = "C1"};
static const struct actor ops = {
    .who = "ops", .via = "api", .is_token = true, .may = MAY_ANNOUNCE | MAY_ANNOUNCE_FOR};

static const char own_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "tokens:\n"
    "  - {name: ops, token: ops-secret-0000000, may: [announce, announce_for]}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#urgent\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n"
    "  - {channel: \"#alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "  - {slack: U0ROOT, email: root@example.com, logins: [root, alice]}\n"
    "pagerduty: {api_token: pd-token-0000000000, from: headsup@example.com}\n"
    "working_hours: {days: mon-fri, from: \"08:00\", to: \"19:00\", timezone: UTC}\n"
    "policy: {approvers: [U0ALICE, U0BOB, U0ALICE2, U0ROOT, U0GUEST, U0BOT, U0GONE, S0SEC]}\n";

static int setup(void **state)
{
	struct desk_world *w = desk_world_new(own_config);
	struct error err = {0};
	const struct profile bot = {.slack = "U0BOT", .is_bot = true, .fetched_at = NOON};
	const struct profile gone = {.slack = "U0GONE", .is_deleted = true, .fetched_at = NOON};

	desk_world_knows(w, "U0ALICE", "alice@example.com", "Europe/Paris", false);
	desk_world_knows(w, "U0BOB", "bob@example.com", "America/New_York", false);
	desk_world_knows(w, "U0ALICE2", "Alice@Example.com", NULL, false);
	desk_world_knows(w, "U0ROOT", "root@example.com", NULL, false);
	desk_world_knows(w, "U0GUEST", "guest@example.org", NULL, true);
	desk_world_knows(w, "U0CAROL", "carol@example.com", NULL, false);
	desk_world_knows(w, "U0DAVE", "dave@example.com", NULL, false);
	desk_world_begin(w);
	assert_true(storage_put_profile(w->storage, &bot, &err));
	assert_true(storage_put_profile(w->storage, &gone, &err));
	desk_world_end(w, true);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- given and when ------------------------------------------------------------------------------------- */

static struct announcement *read_one(struct desk_world *w, int64_t id)
{
	struct error err = {0};
	struct announcement *announcement = storage_announcement(w->storage, id, &err);

	assert_non_null(announcement);
	return announcement;
}

static void assert_status(struct desk_world *w, int64_t id, const char *status)
{
	struct announcement *announcement = read_one(w, id);

	assert_string_equal(announcement_status(announcement, w->desk->now), status);
	announcement_free(announcement);
}

static int64_t announces(struct desk_world *w, const struct actor *actor, const char *match, int64_t for_s)
{
	char *list[] = {(char *)match};
	struct announce_request request = {.match = list,
	    .match_count = 1,
	    .from = TIME_NONE,
	    .until = TIME_NONE,
	    .for_s = for_s,
	    .because = "deploy"};
	struct announcement *made;
	struct error err = {0};
	bool again;
	int64_t id;

	desk_world_begin(w);
	if (!announce(w->desk, actor, &request, &made, &again, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	id = made->id;
	announcement_free(made);
	return id;
}

static bool approves(struct desk_world *w, const char *who, int64_t id, int64_t edition, struct error *err)
{
	const struct actor actor = {.who = who, .via = "slack", .from = "C1"};
	struct announcement *now;
	bool ok;

	desk_world_begin(w);
	ok = announcement_approve(w->desk, &actor, id, edition, &now, err);
	desk_world_end(w, true);
	announcement_free(now);
	return ok;
}

static bool denies(struct desk_world *w, const char *who, int64_t id, struct error *err)
{
	const struct actor actor = {.who = who, .via = "slack", .from = "C1"};
	struct announcement *now;
	bool ok;

	desk_world_begin(w);
	ok = announcement_deny(w->desk, &actor, id, "not today", &now, err);
	desk_world_end(w, true);
	announcement_free(now);
	return ok;
}

static bool extends(struct desk_world *w, const struct actor *actor, int64_t id, int64_t by_s, struct error *err)
{
	struct announcement *now;
	bool ok;

	desk_world_begin(w);
	ok = announcement_extend(w->desk, actor, id, by_s, &now, err);
	desk_world_end(w, true);
	announcement_free(now);
	return ok;
}

static bool edits(struct desk_world *w, const struct actor *actor, int64_t id, const char *match, struct error *err)
{
	char *list[] = {(char *)match};
	struct announcement *now;
	bool ok;

	desk_world_begin(w);
	ok = announcement_edit(w->desk, actor, id, list, 1, &now, err);
	desk_world_end(w, true);
	announcement_free(now);
	return ok;
}

static void ticks(struct desk_world *w, int64_t at)
{
	struct error err = {0};

	w->desk->now = at;
	desk_world_begin(w);
	assert_true(desk_tick(w->desk, &err));
	desk_world_end(w, true);
}

struct firing {
	const char *host, *source, *key;
	enum severity severity;
	bool is_resolve;
};

static int64_t fires(struct desk_world *w, struct firing firing)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->title = xstrdup("sshd started");
	alert->host = xstrdup(firing.host);
	alert->source = xstrdup(firing.source != NULL ? firing.source : "falco");
	alert->dedup_key = xstrdup(firing.key);
	alert->severity = firing.severity;
	alert->is_resolve = firing.is_resolve;
	desk_world_begin(w);
	assert_true(intake(w->desk, alert, &err));
	desk_world_end(w, true);
	id = alert->id;
	alert_free(alert);
	return id;
}

static struct alert *alert_of(struct desk_world *w, int64_t id)
{
	struct error err = {0};
	struct alert *alert = storage_alert(w->storage, id, &err);

	assert_non_null(alert);
	return alert;
}

static void assert_alert(struct desk_world *w, int64_t id, enum alert_status status, const char *mark)
{
	struct alert *alert = alert_of(w, id);

	assert_int_equal(alert->status, status);
	if (mark != NULL && (alert->mark == NULL || strstr(alert->mark, mark) == NULL))
		fail_msg("A%d is marked \"%s\", not \"%s\"", (int)id, alert->mark, mark);
	alert_free(alert);
}

/* ---- then ------------------------------------------------------------------------------------------------ */

struct counting {
	const char *kind, *subject, *part;
	int count;
};

static bool count_word(void *ctx, const struct word *word)
{
	struct counting *counting = ctx;

	if (strcmp(word->kind, counting->kind) == 0 &&
	    (counting->subject == NULL || strcmp(word->subject, counting->subject) == 0) &&
	    (counting->part == NULL || (word->body != NULL && strstr(word->body, counting->part) != NULL)))
		counting->count++;
	return true;
}

static int words(struct desk_world *w, const char *kind, const char *subject, const char *part)
{
	struct counting counting = {.kind = kind, .subject = subject, .part = part};
	struct error err = {0};

	assert_true(storage_each_word(w->storage, -1, 0, 10000, count_word, &counting, &err));
	return counting.count;
}

static bool count_audit(void *ctx, const struct audit *audit)
{
	struct counting *counting = ctx;

	if (counting->part == NULL || (audit->detail != NULL && strstr(audit->detail, counting->part) != NULL))
		counting->count += strcmp(audit->what, counting->kind) == 0 ? 1 : 0;
	return true;
}

static int audited(struct desk_world *w, const char *what, const char *subject, const char *part)
{
	struct counting counting = {.kind = what, .part = part};
	const struct audit_query query = {.since = TIME_NONE, .subject = subject, .limit = 10000};
	struct error err = {0};

	assert_true(storage_each_audit_back(w->storage, &query, count_audit, &counting, &err));
	return counting.count;
}

/* ---- who may approve -------------------------------------------------------------------------------------- */

static void approval__by_whom_it_must_not_be__is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *who, *says;
		enum error_kind kind;
	} cases[] = {
	    {"U0ALICE", "you announced H1 yourself", ERROR_FORBIDDEN},
	    {"U0ALICE2", "announced by another account of yours", ERROR_FORBIDDEN}, /* the same e-mail in Slack */
	    {"U0ROOT", "announced by another account of yours", ERROR_FORBIDDEN},   /* the same login */
	    {"U0CAROL", "policy.approvers", ERROR_FORBIDDEN},
	    {"U0GUEST", "guests may not approve", ERROR_FORBIDDEN},
	    {"U0BOT", "bots may not approve", ERROR_FORBIDDEN},
	    {"U0GONE", "deactivated", ERROR_FORBIDDEN},
	};
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error err = {0};

		assert_false(approves(w, cases[i].who, id, 0, &err));
		assert_int_equal(err.kind, cases[i].kind);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].who, err.text);
		assert_false(denies(w, cases[i].who, id, &err));
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(audited(w, "refused", "H1", NULL), 2 * (int)(i + 1));
	}
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_CRITICAL}), ALERT_OPEN,
	    "critical needs an approval");
}

static void approval__by_a_token__is_refused(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);
	struct announcement *now;
	struct error err = {0};

	desk_world_begin(w);
	assert_false(announcement_approve(w->desk, &ops, id, 0, &now, &err));
	assert_int_equal(err.kind, ERROR_FORBIDDEN);
	assert_non_null(strstr(err.text, "a token is no second pair of eyes"));
	assert_false(announcement_deny(w->desk, &ops, id, NULL, &now, &err));
	assert_int_equal(err.kind, ERROR_FORBIDDEN);
	desk_world_end(w, true);
}

static void approval__by_who_is_not_known__asks_slack_first(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);
	struct error err = {0};
	char *member[] = {"U0NEW"};

	desk_world_begin(w);
	assert_true(storage_put_group(w->storage, "S0SEC", member, 1, NOON, &err));
	desk_world_end(w, true);
	assert_false(approves(w, "U0NEW", id, 0, &err));
	assert_int_equal(err.kind, ERROR_WAIT);
	assert_string_equal(w->desk->wanted_profile, "U0NEW");
	/* What was told long ago is asked anew: who was a person may be a guest by now. */
	w->desk->now = NOON + 2 * HOUR / 2 - 1;
	assert_false(approves(w, "U0NEW", id, 0, &err));
	desk_world_knows(w, "U0NEW", "new@example.com", NULL, false);
	assert_true(approves(w, "U0NEW", id, 0, &err));
}

static void approval__of_a_stale_profile__asks_anew(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	int64_t id;

	w->desk->now = NOON + PROFILE_FRESH_S + 1;
	id = announces(w, &alice, "host=web-1", HOUR);
	assert_false(approves(w, "U0BOB", id, 0, &err));
	assert_int_equal(err.kind, ERROR_WAIT);
	assert_string_equal(w->desk->wanted_profile, "U0BOB");
}

static void approval__as_a_member_of_a_group__is_as_current_as_the_group(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);
	struct error err = {0};
	char *members[] = {"U0DAVE", "U0CAROL"};

	assert_false(approves(w, "U0CAROL", id, 0, &err)); /* not known who is in it: nobody is */
	assert_int_equal(err.kind, ERROR_FORBIDDEN);
	desk_world_begin(w);
	assert_true(storage_put_group(w->storage, "S0SEC", members, 2, NOON - GROUP_STALE_S - 1, &err));
	desk_world_end(w, true);
	assert_false(approves(w, "U0CAROL", id, 0, &err)); /* told too long ago */
	desk_world_begin(w);
	assert_true(storage_put_group(w->storage, "S0SEC", members, 1, NOON, &err));
	desk_world_end(w, true);
	assert_false(approves(w, "U0CAROL", id, 0, &err)); /* no more */
	desk_world_begin(w);
	assert_true(storage_put_group(w->storage, "S0SEC", members, 2, NOON, &err));
	desk_world_end(w, true);
	assert_true(approves(w, "U0CAROL", id, 0, &err));
}

static void groups__of_the_policy__are_asked_for_now_and_then(void **state)
{
	struct desk_world *w = *state;

	ticks(w, NOON);
	assert_int_equal(words(w, "group", NULL, "S0SEC"), 1);
	ticks(w, NOON + 1);
	assert_int_equal(words(w, "group", NULL, "S0SEC"), 1);
	assert_int_equal(w->desk->people_due_at, NOON + GROUP_ASK_S);
}

static void guest__announcing_or_extending__is_refused(void **state)
{
	static const struct actor guest = {.who = "U0GUEST", .via = "slack", .from = "C1"};
	static const struct actor stranger = {.who = "U0NEW", .via = "slack", .from = "C1"};
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);
	char *match[] = {"host=web-1"};
	struct announce_request request = {
	    .match = match, .match_count = 1, .from = TIME_NONE, .until = TIME_NONE, .because = "x"};
	struct announcement *made;
	struct error err = {0};
	bool again;

	desk_world_begin(w);
	assert_false(announce(w->desk, &guest, &request, &made, &again, &err));
	assert_int_equal(err.kind, ERROR_FORBIDDEN);
	assert_non_null(strstr(err.text, "guests may not announce"));
	assert_false(announce(w->desk, &stranger, &request, &made, &again, &err));
	assert_int_equal(err.kind, ERROR_WAIT);
	desk_world_end(w, true);
	assert_false(extends(w, &guest, id, 1800, &err));
	assert_int_equal(err.kind, ERROR_FORBIDDEN);
}

/* ---- what an approval is ---------------------------------------------------------------------------------- */

static void critical__before_and_after_approval__fires_and_is_covered(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);
	struct error err = {0};

	assert_status(w, id, "active");
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_HIGH}), ALERT_EXPECTED, NULL);
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_CRITICAL}), ALERT_OPEN,
	    "announced (H1), but critical needs an approval");
	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_alert(w, fires(w, (struct firing){.host = "web-3", .severity = SEVERITY_CRITICAL}), ALERT_EXPECTED, NULL);
	assert_int_equal(audited(w, "approved", "H1", "host=web-*"), 1);
	assert_false(approves(w, "U0BOB", id, 0, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(err.text, "approved already"));
}

static void pending__until_it_is_approved__covers_nothing(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	int64_t id;

	w->desk->now = NIGHT;
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	id = announces(w, &alice, "host=web-*", HOUR);
	assert_status(w, id, "pending");
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_LOW}), ALERT_OPEN, NULL);
	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_status(w, id, "active");
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
}

static void pending__that_nobody_approves__is_over_after_a_while(void **state)
{
	struct desk_world *w = *state;
	struct announcement *over;
	struct error err = {0};
	int64_t id, soon;

	id = announces(w, &alice, "severity=critical", 4 * HOUR);
	soon = announces(w, &alice, "severity=critical", HOUR);
	assert_status(w, id, "pending");
	ticks(w, NOON + HOUR);
	assert_status(w, soon, "ended");
	ticks(w, NOON + APPROVAL_WAIT_S - 1);
	assert_status(w, id, "pending");
	w->desk->now = NOON + APPROVAL_WAIT_S;
	assert_false(approves(w, "U0BOB", id, 0, &err)); /* even before its end was told */
	assert_int_equal(err.kind, ERROR_CONFLICT);
	ticks(w, NOON + APPROVAL_WAIT_S);
	over = read_one(w, id);
	assert_int_equal(over->state, ANNOUNCEMENT_ENDED);
	assert_string_equal(over->over_why, OVER_NEVER_APPROVED);
	assert_int_equal(words(w, "thread", "H1", "never approved"), 1);
	announcement_free(over);
}

static void approval__of_what_was_changed_since__is_refused(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-1", HOUR);
	struct error err = {0};

	assert_true(edits(w, &alice, id, "host=*-prod", &err));
	assert_false(approves(w, "U0BOB", id, 1, &err)); /* the button of the card as it was */
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(err.text, "was changed since you saw it"));
	assert_true(approves(w, "U0BOB", id, 2, &err));
}

static void extension__past_what_was_approved__asks_anew(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);
	struct announcement *extended;
	struct error err = {0};

	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_true(extends(w, &alice, id, 1800, &err));
	extended = read_one(w, id);
	assert_int_equal(extended->approved_until, NOON + HOUR);
	announcement_free(extended);
	w->desk->now = NOON + HOUR - 1;
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_CRITICAL}), ALERT_EXPECTED, NULL);
	ticks(w, NOON + HOUR);
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_CRITICAL}), ALERT_OPEN, "needs an approval");
	assert_alert(w, fires(w, (struct firing){.host = "web-3", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_alert(w, fires(w, (struct firing){.host = "web-4", .severity = SEVERITY_CRITICAL}), ALERT_EXPECTED, NULL);
}

static void extension__at_an_odd_hour__is_pending_from_the_old_end_on(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	int64_t id;

	w->desk->now = NOON + 6 * HOUR + 1800; /* 18:30, within working hours */
	id = announces(w, &alice, "host=web-*", HOUR);
	assert_status(w, id, "active");
	w->desk->now = NOON + 7 * HOUR + 900; /* 19:15 */
	assert_true(extends(w, &alice, id, 1800, &err));
	assert_status(w, id, "active");
	ticks(w, NOON + 7 * HOUR + 1800);
	assert_status(w, id, "pending");
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_LOW}), ALERT_OPEN, NULL);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_status(w, id, "active");
}

/* PagerDuty said at AT that USER, whose e-mail it has, is on call. */
static void is_on_call(struct desk_world *w, const char *user, const char *email, int64_t at)
{
	const struct oncall oncall = {.policy = "PSEC", .policy_name = "Security", .level = 1, .user = (char *)user, .ends_at = TIME_NONE};
	const struct pagerduty_user known = {.id = (char *)user, .email = (char *)email, .fetched_at = at};
	struct error err = {0};
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)at);
	desk_world_begin(w);
	assert_true(storage_put_pagerduty_user(w->storage, &known, &err));
	assert_true(storage_put_oncalls(w->storage, &oncall, 1, &err));
	assert_true(storage_put_mark(w->storage, "pagerduty.oncalls", text, &err));
	desk_world_end(w, true);
}

static int64_t announces_for(struct desk_world *w, const struct actor *actor, const char *author)
{
	char *match[] = {"host=web-1"};
	struct announce_request request = {.match = match,
	    .match_count = 1,
	    .from = TIME_NONE,
	    .until = TIME_NONE,
	    .because = "deploy",
	    .author = author};
	struct announcement *made;
	struct error err = {0};
	bool again;
	int64_t id;

	desk_world_begin(w);
	assert_true(announce(w->desk, actor, &request, &made, &again, &err));
	desk_world_end(w, true);
	assert_string_equal(made->author, author);
	id = made->id;
	announcement_free(made);
	return id;
}

static void odd_hour__of_who_is_on_call__asks_for_no_approval(void **state)
{
	struct desk_world *w = *state;
	int64_t id;

	w->desk->now = NIGHT;
	assert_status(w, announces(w, &alice, "host=web-1", HOUR), "pending"); /* nobody knows */
	is_on_call(w, "PALICE", "alice@example.com", NIGHT);
	id = announces(w, &alice, "host=web-2", HOUR);
	assert_status(w, id, "active");
	assert_int_equal(audited(w, "announced", "H2", "\"author_on_call\":true"), 1);
	assert_int_equal(words(w, "thread", "H2", "<@U0ALICE> is on call"), 1);
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_HIGH}), ALERT_EXPECTED, NULL);
	/* The critical needs somebody else all the same. */
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_CRITICAL}), ALERT_OPEN,
	    "critical needs an approval");
	assert_status(w, announces(w, &alice, "severity=critical", HOUR), "pending");
	assert_int_equal(words(w, "thread", "H3", "is on call"), 0);
	/* Nor is it for who is not on call, or for a token in the name of who is. */
	assert_status(w, announces(w, &bob, "host=web-3", HOUR), "pending");
	assert_int_equal(audited(w, "announced", "H4", "on_call"), 0);
	assert_status(w, announces_for(w, &ops, "U0ALICE"), "pending");
	/* What was heard long ago decides nothing. */
	is_on_call(w, "PALICE", "alice@example.com", NIGHT - HOUR);
	assert_status(w, announces(w, &alice, "host=web-4", HOUR), "pending");
}

static void working_hour__of_who_is_on_call__is_an_hour_like_any(void **state)
{
	struct desk_world *w = *state;

	is_on_call(w, "PALICE", "alice@example.com", NOON);
	assert_status(w, announces(w, &alice, "host=web-1", HOUR), "active");
	assert_int_equal(audited(w, "announced", "H1", "on_call"), 0);
	assert_int_equal(words(w, "thread", "H1", NULL), 0);
}

static void odd_hour__of_an_edit_or_extension__is_for_who_is_on_call(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	int64_t id;

	w->desk->now = NIGHT;
	desk_world_knows(w, "U0ALICE", "alice@example.com", NULL, false);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	is_on_call(w, "PALICE", "alice@example.com", NIGHT);
	id = announces(w, &alice, "host=web-1", HOUR);
	assert_true(edits(w, &alice, id, "host=web-2", &err));
	assert_status(w, id, "active");
	assert_int_equal(audited(w, "edited", "H1", "author_on_call"), 1);
	assert_true(extends(w, &alice, id, HOUR, &err));
	assert_int_equal(audited(w, "extended", "H1", "by 1h, on call"), 1);
	/* Another than its author vouches for nothing, but may approve it. */
	assert_true(extends(w, &bob, id, HOUR, &err));
	assert_int_equal(audited(w, "extended", "H1", "by 1h"), 2);
	w->desk->now = NIGHT + 2 * HOUR - 1;
	assert_status(w, id, "active");
	w->desk->now = NIGHT + 2 * HOUR;
	assert_status(w, id, "pending");
	/* On call no more: the edit asks. */
	w->desk->now = NIGHT + 1;
	is_on_call(w, "PBOB", "bob@example.com", NIGHT + 1);
	assert_true(edits(w, &alice, id, "host=web-3", &err));
	assert_status(w, id, "pending");
}

static void denial__of_what_is_pending_and_of_the_critical_part(void **state)
{
	struct desk_world *w = *state;
	const int64_t part = announces(w, &alice, "host=web-*", HOUR);
	const int64_t whole = announces(w, &alice, "severity=critical", HOUR);
	struct error err = {0};

	assert_true(denies(w, "U0BOB", whole, &err));
	assert_status(w, whole, "ended");
	assert_true(denies(w, "U0BOB", part, &err));
	assert_status(w, part, "active");
	assert_int_equal(audited(w, "denied", NULL, "not today"), 2);
	/* Nobody else is asked until it is another announcement. */
	desk_world_knows(w, "U0DAVE", NULL, NULL, false);
	char *members[] = {"U0DAVE"};
	desk_world_begin(w);
	assert_true(storage_put_group(w->storage, "S0SEC", members, 1, NOON, &err));
	desk_world_end(w, true);
	assert_false(approves(w, "U0DAVE", part, 0, &err));
	assert_non_null(strstr(err.text, "has denied H1"));
	assert_true(approves(w, "U0BOB", part, 0, &err)); /* who denied may change their mind */
	assert_true(denies(w, "U0BOB", part, &err));      /* and back */
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_CRITICAL}), ALERT_OPEN, "needs an approval");
}

/* ---- editing ----------------------------------------------------------------------------------------------- */

static void edit__of_ones_own__covers_what_it_says_now(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);
	struct error err = {0};

	assert_true(approves(w, "U0BOB", id, 0, &err));
	assert_true(edits(w, &alice, id, "host=db-*", &err));
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_LOW}), ALERT_OPEN, NULL);
	assert_alert(w, fires(w, (struct firing){.host = "db-1", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
	assert_alert(w, fires(w, (struct firing){.host = "db-2", .severity = SEVERITY_CRITICAL}), ALERT_OPEN, "needs an approval");
	assert_int_equal(audited(w, "edited", "H1", "\"before\":{\"match\":[\"host=web-*\"]"), 1);
	assert_int_equal(audited(w, "edited", "H1", "\"after\":{\"match\":[\"host=db-*\"]"), 1);
	/* And after a restart. */
	desk_world_begin(w);
	assert_true(announcements_load(w->desk, &err));
	desk_world_end(w, true);
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_LOW}), ALERT_OPEN, NULL);
	assert_alert(w, fires(w, (struct firing){.host = "db-3", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
}

static void edit__against_the_guard_rails__is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const struct actor *actor;
		const char *match, *says;
	} cases[] = {
	    {&bob, "host=db-1", "somebody else's"},
	    {&alice, "host=*", "at least one match"},
	    {&alice, "host!=web-1", "at least one match"},
	    {&alice, "host~(", ""},
	};
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error err = {0};

		assert_false(edits(w, cases[i].actor, id, cases[i].match, &err));
		assert_non_null(strstr(err.text, cases[i].says));
	}
	assert_alert(w, fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
}

static void edit__to_what_needs_approval__is_pending(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", 2 * HOUR);
	int64_t other = announces(w, &alice, "host=db-*", 4 * HOUR);
	struct error err = {0};

	assert_true(edits(w, &alice, id, "severity=critical", &err));
	assert_status(w, id, "pending");
	/* Made by day, and changed at night into something else. */
	w->desk->now = NOON + 7 * HOUR + 60;
	assert_false(edits(w, &alice, other, "host=web-1", &err)); /* over by then */
	w->desk->now = NOON + 6 * HOUR;
	other = announces(w, &alice, "host=db-*", 3 * HOUR);
	assert_status(w, other, "active");
	w->desk->now = NOON + 7 * HOUR + 60;
	assert_true(edits(w, &alice, other, "host=web-1", &err));
	assert_status(w, other, "pending");
}

/* ---- not me, this one is real ------------------------------------------------------------------------------ */

static void not_me__by_anybody__ends_it_and_tells_all_anew(void **state)
{
	static const struct actor anybody = {.who = "U0CAROL", .via = "slack", .from = "C1"};
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);
	struct announcement *now;
	struct error err = {0};
	int64_t single, critical, resolved;

	assert_true(approves(w, "U0BOB", id, 0, &err));
	resolved = fires(w, (struct firing){.host = "web-9", .key = "over", .severity = SEVERITY_LOW});
	fires(w, (struct firing){.host = "web-9", .key = "over", .severity = SEVERITY_LOW, .is_resolve = true});
	single = fires(w, (struct firing){.host = "web-1", .severity = SEVERITY_LOW});
	critical = fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_CRITICAL});
	assert_int_equal(words(w, "page", NULL, "trigger"), 0);
	desk_world_begin(w);
	assert_true(announcement_not_me(w->desk, &anybody, id, &now, &err));
	desk_world_end(w, true);
	announcement_free(now);

	assert_status(w, id, "ended");
	assert_alert(w, single, ALERT_OPEN, "H1 covered it, and somebody said: not me");
	assert_alert(w, critical, ALERT_OPEN, "not me");
	/* What is over by now was hidden as well: it is shown, as what it is. */
	assert_alert(w, resolved, ALERT_RESOLVED, "H1 covered it, and somebody said: not me");
	assert_int_equal(words(w, "card", "A1", NULL), 1);
	assert_int_equal(words(w, "page", "A1", NULL), 0);
	assert_int_equal(words(w, "page", "A3", "trigger"), 1);
	assert_int_equal(words(w, "card", "A2", NULL), 1);
	assert_int_equal(audited(w, "not_me", "H1", NULL), 1);
	assert_int_equal(words(w, "thread", "H1", "*Not me*, says <@U0CAROL>"), 1);
	assert_int_equal(words(w, "thread", "H1", "Told anew: 3 alerts"), 1);
	assert_int_equal(words(w, "thread", "H1", "\"broadcast\":true"), 1);
	assert_alert(w, fires(w, (struct firing){.host = "web-3", .severity = SEVERITY_LOW}), ALERT_OPEN, NULL);
}

static void not_me__of_very_many__is_told_in_parts(void **state)
{
	struct desk_world *w = *state;
	struct announcement *now;
	struct error err = {0};
	int64_t counts[5];
	char host[32];
	char *match[] = {"host=web-*"};
	struct announce_request request = {.match = match, .match_count = 1, .from = TIME_NONE, .until = TIME_NONE,
	    .max = 1000, .because = "x"};
	bool again;

	desk_world_begin(w);
	assert_true(announce(w->desk, &alice, &request, &now, &again, &err));
	desk_world_end(w, true);
	announcement_free(now);
	for (int i = 0; i < 2 * RETELL_BATCH + 50; i++) {
		snprintf(host, sizeof(host), "web-%d", i);
		fires(w, (struct firing){.host = host, .severity = SEVERITY_LOW});
	}
	desk_world_begin(w);
	assert_true(announcement_not_me(w->desk, &bob, 1, &now, &err));
	desk_world_end(w, true);
	announcement_free(now);
	assert_true(storage_count_alerts(w->storage, counts, &err));
	assert_int_equal(counts[ALERT_OPEN], RETELL_BATCH);
	assert_int_equal(words(w, "thread", "H1", "*Not me*"), 0);
	for (int i = 1; i <= 3; i++)
		ticks(w, NOON + i);
	assert_true(storage_count_alerts(w->storage, counts, &err));
	assert_int_equal(counts[ALERT_OPEN], 2 * RETELL_BATCH + 50);
	assert_int_equal(counts[ALERT_EXPECTED], 0);
	assert_int_equal(words(w, "thread", "H1", "Told anew: 250 alerts"), 1);
	assert_false(w->desk->has_retelling);
}

static void real__of_a_suppressed_alert__fires_it_and_what_follows(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, &alice, "host=web-*", HOUR);
	const struct firing web_1 = {.host = "web-1", .severity = SEVERITY_LOW, .key = "k1"};
	struct alert *now;
	struct error err = {0};
	int64_t alert = fires(w, web_1), again;

	assert_alert(w, alert, ALERT_EXPECTED, NULL);
	desk_world_begin(w);
	assert_true(announcement_real(w->desk, &bob, id, alert, &now, &err));
	desk_world_end(w, true);
	alert_free(now);
	assert_alert(w, alert, ALERT_OPEN, "this one is real");
	assert_int_equal(words(w, "card", "A1", NULL), 1);
	assert_int_equal(audited(w, "real", "A1", "H1"), 1);
	desk_world_begin(w);
	assert_false(announcement_real(w->desk, &bob, id, alert, &now, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	alert_free(now);
	assert_true(alert_act(w->desk, &bob, alert, "resolve", NULL, NULL, &now, &err));
	desk_world_end(w, true);
	alert_free(now);
	again = fires(w, web_1);
	assert_int_not_equal(again, alert);
	assert_alert(w, again, ALERT_OPEN, "announced (H1), but this one is real");
	/* Others are covered as before; and after its end nothing is remembered. */
	assert_alert(w, fires(w, (struct firing){.host = "web-2", .severity = SEVERITY_LOW}), ALERT_EXPECTED, NULL);
	ticks(w, NOON + HOUR);
	assert_int_equal(storage_reals(w->storage, "k1", (int64_t[4]){0}, 4), 0);
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static void end__of_what_still_fires__tells_it_anew(void **state)
{
	struct desk_world *w = *state;
	int64_t single, repeated, early, resolving, resolved;

	fires(w, (struct firing){.host = "x", .source = "prometheus", .key = "old", .severity = SEVERITY_LOW, .is_resolve = true});
	announces(w, &alice, "host=web-*", HOUR);
	single = fires(w, (struct firing){.host = "web-1", .key = "single", .severity = SEVERITY_LOW});
	early = fires(w, (struct firing){.host = "web-2", .key = "early", .severity = SEVERITY_LOW});
	fires(w, (struct firing){.host = "web-2", .key = "early", .severity = SEVERITY_LOW});
	repeated = fires(w, (struct firing){.host = "web-3", .key = "repeated", .severity = SEVERITY_LOW});
	resolving = fires(w, (struct firing){.host = "web-4", .source = "prometheus", .key = "r1", .severity = SEVERITY_LOW});
	resolved = fires(w, (struct firing){.host = "web-5", .source = "prometheus", .key = "r2", .severity = SEVERITY_LOW});
	fires(w, (struct firing){.host = "web-5", .source = "prometheus", .key = "r2", .is_resolve = true});
	w->desk->now = NOON + HOUR - STILL_FIRING_S + 1;
	fires(w, (struct firing){.host = "web-3", .key = "repeated", .severity = SEVERITY_LOW});
	ticks(w, NOON + HOUR);

	assert_alert(w, single, ALERT_EXPECTED, NULL);
	assert_alert(w, early, ALERT_EXPECTED, NULL);
	assert_alert(w, repeated, ALERT_OPEN, "H1 covered it and is over: it still fires");
	assert_alert(w, resolving, ALERT_OPEN, "it still fires");
	assert_alert(w, resolved, ALERT_RESOLVED, NULL);
	assert_int_equal(words(w, "thread", "H1", "Told anew: 2 alerts that still fire"), 1);
	assert_int_equal(words(w, "thread", "H1", "Still firing, told anew: A5 A4"), 1);
}

static void end__noticed_late__looks_at_the_last_minutes_of_the_window(void **state)
{
	struct desk_world *w = *state;
	int64_t repeated, early;

	announces(w, &alice, "host=web-*", HOUR);
	repeated = fires(w, (struct firing){.host = "web-1", .key = "repeated", .severity = SEVERITY_LOW});
	early = fires(w, (struct firing){.host = "web-2", .key = "early", .severity = SEVERITY_LOW});
	w->desk->now = NOON + HOUR - STILL_FIRING_S - 1;
	fires(w, (struct firing){.host = "web-2", .key = "early", .severity = SEVERITY_LOW});
	w->desk->now = NOON + HOUR - STILL_FIRING_S;
	fires(w, (struct firing){.host = "web-1", .key = "repeated", .severity = SEVERITY_LOW});
	ticks(w, NOON + HOUR + 1200); /* headsup was away */

	assert_alert(w, repeated, ALERT_OPEN, "H1 covered it and is over: it still fires");
	assert_alert(w, early, ALERT_EXPECTED, NULL);
}

static void reminder__five_minutes_before_the_end__is_said_once(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	announces(w, &alice, "host=web-1", 600);
	announces(w, &alice, "host=web-2", 599);
	ticks(w, NOON + 299);
	assert_int_equal(words(w, "thread", NULL, "Still at it"), 0);
	ticks(w, NOON + 300);
	ticks(w, NOON + 301);
	assert_int_equal(words(w, "thread", "H1", "<@U0ALICE> H1 ends in 5 min"), 1);
	assert_int_equal(words(w, "thread", "H1", "announcement_extend"), 1);
	assert_int_equal(words(w, "thread", "H2", "Still at it"), 0);
	/* Extended: reminded again, of the new end; and a restart in between says nothing twice. */
	desk_world_begin(w);
	assert_true(announcements_load(w->desk, &err));
	desk_world_end(w, true);
	ticks(w, NOON + 302);
	assert_int_equal(words(w, "thread", "H1", "Still at it"), 1);
	assert_true(extends(w, &alice, 1, 1800, &err));
	ticks(w, NOON + 2100);
	assert_int_equal(words(w, "thread", "H1", "Still at it"), 2);
	ticks(w, NOON + 2400);
	assert_status(w, 1, "ended");
}

/* ---- odd hours ---------------------------------------------------------------------------------------------- */

static void odd_hour__of_an_alert__is_by_its_actors_clock(void **state)
{
	static const struct {
		const char *actor;
		int64_t at;
		bool is_odd;
	} cases[] = {
	    {"alice", NOON, false},            /* Paris: 13:00 */
	    {"bob", NOON, true},               /* New York: 07:00 */
	    {"bob", NOON + 11 * HOUR, false},  /* 18:00 */
	    {"alice", NOON + 11 * HOUR, true}, /* midnight */
	    {"mallory", NOON, false},          /* nobody knows: as the working hours say */
	    {"mallory", NIGHT, true},
	    {NULL, NIGHT, true},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		cJSON *body = cJSON_CreateObject();
		struct alert alert;
		char *message;

		alert_init(&alert);
		alert.title = xstrdup("login");
		alert.actor = xstrdup(cases[i].actor);
		alert.occurred_at = alert.received_at = cases[i].at;
		card_put_alert(w->desk, &alert, false, body);
		message = json_write(body);
		assert_int_equal(strstr(message, "odd hour") != NULL, cases[i].is_odd);
		free(message);
		cJSON_Delete(body);
		alert_fini(&alert);
	}
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

static char *types(struct desk_world *w, const char *who, const char *text, bool *is_later)
{
	const struct asked asked = {
	    .actor = {.who = who, .via = "slack", .from = "C1"}, .channel = "C1", .zone = "UTC", .response_url = NULL};
	struct error err = {0};
	struct buf answer;
	char *said;

	buf_init(&answer, 65536);
	desk_world_begin(w);
	assert_true(commands_run(w->desk, &asked, text, &answer, is_later, &err));
	desk_world_end(w, true);
	said = xstrdup(buf_text(&answer));
	buf_fini(&answer);
	return said;
}

static void commands__of_announcements__answer(void **state)
{
	static const struct {
		const char *who, *text, *part;
	} cases[] = {
	    {"U0ALICE", "approve H1", "you announced H1 yourself"},
	    {"U0BOB", "approve H1 v9", "was changed since"},
	    {"U0BOB", "approve H1", "*H1* is approved, as it is: `host=web-*`, until 13:00 UTC, at most 50 alerts."},
	    {"U0ALICE", "edit H1 host=db-1 service=pay", "*H1* now says: `host=db-1` `service=pay`"},
	    {"U0ALICE", "edit H1 for 2h", "edit takes matches alone"},
	    {"U0ALICE", "edit H1", "say what to expect"},
	    {"U0BOB", "edit H1 host=x", "somebody else"},
	    {"U0BOB", "deny H1 because no", "*H1* is not approved: what is critical fires"},
	    {"U0BOB", "approve", "which announcement?"},
	    {"U0BOB", "approve H9", "there is no H9"},
	    {"U0BOB", "audit H1", "approved H1"},
	    {"U0BOB", "audit @alice", "edited H1"},
	    {"U0BOB", "audit A7", "Nothing of that"},
	    {"U0BOB", "audit 30", "30m"},
	    {"U0BOB", "recap 1h", "Announcements that stand"},
	    {"U0BOB", "recap", "Still open: 1 critical"},
	    {"U0BOB", "recap yesterday", "yesterday"},
	    {"U0BOB", "stats 7d", "1 alert (1 with repeats)"},
	    {"U0BOB", "stats x", "x"},
	};
	struct desk_world *w = *state;
	bool is_later;

	announces(w, &alice, "host=web-*", HOUR);
	fires(w, (struct firing){.host = "mail-1", .severity = SEVERITY_CRITICAL});
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *answer = types(w, cases[i].who, cases[i].text, &is_later);

		assert_false(is_later);
		if (strstr(answer, cases[i].part) == NULL)
			fail_msg("%s\n got: %s\n has not: %s", cases[i].text, answer, cases[i].part);
		free(answer);
	}
}

/* The command waits for who it is, and in the end says no: never yes. */
static void command__of_who_is_never_known__is_refused_in_the_end(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	bool is_later;
	char *answer = types(w, "U0NEW", "expect host=web-1 because x", &is_later);
	cJSON *command = cJSON_CreateObject();

	assert_true(is_later);
	free(answer);
	assert_int_equal(words(w, "profile", NULL, "\"user\":\"U0NEW\""), 1);
	json_put(command, "who", "U0NEW");
	json_put(command, "via", "slack");
	json_put(command, "channel", "C1");
	json_put(command, "text", "expect host=web-1 because x");
	json_put_int(command, "waits", 3);
	desk_world_begin(w);
	assert_true(commands_resume(w->desk, command, &err));
	desk_world_end(w, true);
	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_int_equal(words(w, "reply", NULL, "has not said yet who U0NEW is"), 1);
	cJSON_Delete(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(approval__by_whom_it_must_not_be__is_refused_with_a_sentence),
	    TEST(approval__by_a_token__is_refused),
	    TEST(approval__by_who_is_not_known__asks_slack_first),
	    TEST(approval__of_a_stale_profile__asks_anew),
	    TEST(approval__as_a_member_of_a_group__is_as_current_as_the_group),
	    TEST(groups__of_the_policy__are_asked_for_now_and_then),
	    TEST(guest__announcing_or_extending__is_refused),
	    TEST(critical__before_and_after_approval__fires_and_is_covered),
	    TEST(pending__until_it_is_approved__covers_nothing),
	    TEST(pending__that_nobody_approves__is_over_after_a_while),
	    TEST(approval__of_what_was_changed_since__is_refused),
	    TEST(extension__past_what_was_approved__asks_anew),
	    TEST(extension__at_an_odd_hour__is_pending_from_the_old_end_on),
	    TEST(odd_hour__of_who_is_on_call__asks_for_no_approval),
	    TEST(working_hour__of_who_is_on_call__is_an_hour_like_any),
	    TEST(odd_hour__of_an_edit_or_extension__is_for_who_is_on_call),
	    TEST(denial__of_what_is_pending_and_of_the_critical_part),
	    TEST(edit__of_ones_own__covers_what_it_says_now),
	    TEST(edit__against_the_guard_rails__is_refused_and_changes_nothing),
	    TEST(edit__to_what_needs_approval__is_pending),
	    TEST(not_me__by_anybody__ends_it_and_tells_all_anew),
	    TEST(not_me__of_very_many__is_told_in_parts),
	    TEST(real__of_a_suppressed_alert__fires_it_and_what_follows),
	    TEST(end__of_what_still_fires__tells_it_anew),
	    TEST(end__noticed_late__looks_at_the_last_minutes_of_the_window),
	    TEST(reminder__five_minutes_before_the_end__is_said_once),
	    TEST(odd_hour__of_an_alert__is_by_its_actors_clock),
	    TEST(commands__of_announcements__answer),
	    TEST(command__of_who_is_never_known__is_refused_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
