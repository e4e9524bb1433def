/* Announcements: what they cover, the guard rails, the budget, begin and end. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/announcements.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))
#define HOUR 3600

static const struct actor alice = {.who = "U0ALICE", .via = "slack", .from = "C1"};
static const struct actor bob = {.who = "U0BOB", .via = "slack", .from = "C1"};
static const struct actor eve = {.who = "U0EVE", .via = "slack", .from = "C1"};
static const struct actor ci = {.who = "ci", .via = "api", .is_token = true, .may = MAY_ANNOUNCE};
static const struct actor ops = {
    .who = "ops", .via = "api", .is_token = true, .may = MAY_ANNOUNCE | MAY_ANNOUNCE_FOR};
static const struct actor reader = {
    .who = "reader", .via = "api", .is_token = true, .may = MAY_READ};

static const char strict_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "routes:\n"
    "  - {match: [\"host=db-*\"], channel: \"#db\"}\n"
    "  - {match: [\"team=red\", \"severity=critical\"], channel: \"#red\"}\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob, ci]}\n"
    "working_hours: {days: mon-fri, from: \"08:00\", to: \"19:00\", timezone: UTC}\n"
    "policy: {max_duration: 2h, min_matchers: 2, default_budget: 5, approval_from: high,\n"
    "         never_suppress: [[\"rule=canary-*\"], [\"rule=iam-*\", \"env=prod\"]],\n"
    "         announcers: [U0ALICE], responders: [U0ALICE, U0BOB]}\n";

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int setup_strict(void **state)
{
	*state = desk_world_new(strict_config);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- given ---------------------------------------------------------------------------------------------- */

struct given {
	const char *match[3];
	int64_t from, until, for_s, max;
	const char *because, *author, *channel, *key;
	bool is_dry;
};

static bool try(struct desk_world *w, const struct actor *actor, const struct given *given,
    struct announcement **made, bool *again, struct error *err)
{
	struct announce_request request = {
	    .match = (char **)given->match,
	    .from = given->from != 0 ? given->from : TIME_NONE,
	    .until = given->until != 0 ? given->until : TIME_NONE,
	    .for_s = given->for_s,
	    .max = given->max,
	    .because = given->because != NULL ? given->because : "deploy",
	    .author = given->author,
	    .channel = given->channel,
	    .idempotency_key = given->key,
	    .is_dry = given->is_dry,
	};
	bool ok;

	while (
	    request.match_count < LENGTH(given->match) && given->match[request.match_count] != NULL)
		request.match_count++;
	desk_world_begin(w);
	ok = announce(w->desk, actor, &request, made, again, err);
	desk_world_end(w, true);
	assert_int_equal(ok, *made != NULL);
	return ok;
}

static struct announcement *says(
    struct desk_world *w, const struct actor *actor, struct given given)
{
	struct announcement *made;
	struct error err = {0};
	bool again;

	if (!try(w, actor, &given, &made, &again, &err))
		fail_msg("%s", err.text);
	return made;
}

static int64_t announced(struct desk_world *w, const struct actor *actor, struct given given)
{
	struct announcement *made = says(w, actor, given);
	const int64_t id = made->id;

	announcement_free(made);
	return id;
}

static void make_alert(struct alert *alert, const char *host, const char *rule, const char *actor)
{
	alert_init(alert);
	alert->id = 1042;
	alert->title = xstrdup("sshd started");
	alert->host = xstrdup(host);
	alert->rule = xstrdup(rule);
	alert->actor = xstrdup(actor);
	alert->received_at = alert->last_seen = NOON;
}

static struct verdict judged(
    const struct desk_world *w, const char *host, const char *rule, const char *actor)
{
	struct verdict verdict;
	struct alert alert;

	make_alert(&alert, host, rule, actor);
	announcements_judge(w->desk, &alert, &verdict);
	alert_fini(&alert);
	return verdict;
}

static void counted(struct desk_world *w, int64_t id, bool is_match)
{
	struct error err = {0};
	struct alert alert;

	make_alert(&alert, "web-1", "sshd", "alice");
	desk_world_begin(w);
	assert_true(announcement_count(w->desk, id, &alert, is_match, &err));
	desk_world_end(w, true);
	alert_fini(&alert);
}

/* One more than was announced comes. */
static void broken(struct desk_world *w, int64_t id)
{
	struct error err = {0};

	desk_world_begin(w);
	assert_true(announcement_break(w->desk, id, NULL, &err));
	desk_world_end(w, true);
}

static void ticks(struct desk_world *w, int64_t now)
{
	struct error err = {0};

	w->desk->now = now;
	desk_world_begin(w);
	assert_true(announcements_tick(w->desk, &err));
	desk_world_end(w, true);
}

static struct announcement *stored(struct desk_world *w, int64_t id)
{
	struct error err = {0};
	struct announcement *announcement = storage_announcement(w->storage, id, &err);

	assert_non_null(announcement);
	return announcement;
}

static void assert_status(struct desk_world *w, int64_t id, const char *status)
{
	struct announcement *announcement = stored(w, id);

	assert_string_equal(announcement_status(announcement, w->desk->now), status);
	announcement_free(announcement);
}

struct search {
	const char *first, *second;
	size_t count;
};

static bool search_audit(void *ctx, const struct audit *audit)
{
	struct search *search = ctx;

	if (strcmp(audit->what, search->first) == 0 && strcmp(audit->subject, search->second) == 0)
		search->count++;
	return true;
}

static size_t audited(struct desk_world *w, const char *what, const char *subject)
{
	struct search search = {.first = what, .second = subject};

	assert_true(
	    storage_each_audit(w->storage, TIME_NONE, 0, 1000, search_audit, &search, NULL));
	return search.count;
}

static bool search_words(void *ctx, const struct word *word)
{
	struct search *search = ctx;

	if (strcmp(word->subject, search->first) == 0 && word->body != NULL &&
	    strstr(word->body, search->second) != NULL)
		search->count++;
	return true;
}

/* How many words of SUBJECT that wait have TEXT in their body. */
static size_t said(struct desk_world *w, const char *subject, const char *text)
{
	struct search search = {.first = subject, .second = text};

	assert_true(storage_each_word(w->storage, -1, 0, 10000, search_words, &search, NULL));
	return search.count;
}

/* ---- what is covered ------------------------------------------------------------------------------------- */

static void verdict__of_each_kind__is_told_apart(void **state)
{
	static const struct {
		const char *host, *rule, *actor;
		enum verdict_kind kind;
		size_t near;
		const char *why;
	} cases[] = {
	    {"web-1", "sshd", "alice", VERDICT_EXPECTED, 0, ""},
	    {"WEB-1", "sshd", "aliced", VERDICT_EXPECTED, 0, ""},
	    {"web-1", "sshd", NULL, VERDICT_EXPECTED, 0, ""},
	    {"web-1", "sshd", "mallory", VERDICT_OTHER_ACTOR, 1,
		"alice announced this, mallory did it"},
	    {"db-1", "sshd", "alice", VERDICT_NEAR_MISS, 1, "host: db-1 does not fit web-*"},
	    {"db-1", "sshd", NULL, VERDICT_NEAR_MISS, 1, "host: db-1 does not fit web-*"},
	    {"web-1", "chef", "alice", VERDICT_NEAR_MISS, 1, "rule: chef is not sshd"},
	    {NULL, "sshd", "alice", VERDICT_NEAR_MISS, 1, "host: the alert has none"},
	    {"db-1", "chef", "alice", VERDICT_UNEXPECTED, 0, ""},
	    {"db-1", "sshd", "mallory", VERDICT_UNEXPECTED, 0, ""},
	    {"web-\xE2\x80\x8B"
	     "1",
		"sshd", "alice", VERDICT_NEAR_MISS, 1,
		"host: the value holds characters that cannot be seen or read"},
	    {"web-1", "sshd",
		"ali\xE2\x80\x8B"
		"ce",
		VERDICT_OTHER_ACTOR, 1,
		"alice announced this, ali\xE2\x80\x8B"
		"ce did it"},
	};
	struct desk_world *w = *state;
	const int64_t id =
	    announced(w, &alice, (struct given){.match = {"host=web-*", "rule=sshd"}});

	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct verdict verdict =
		    judged(w, cases[i].host, cases[i].rule, cases[i].actor);

		assert_int_equal(verdict.kind, cases[i].kind);
		assert_int_equal(verdict.near_count, cases[i].near);
		assert_int_equal(
		    verdict.announcement, cases[i].kind == VERDICT_UNEXPECTED ? 0 : id);
		assert_string_equal(verdict.why, cases[i].why);
	}
}

static void single_match__that_fails__is_no_near_miss(void **state)
{
	struct desk_world *w = *state;

	announced(w, &alice, (struct given){.match = {"host=web-*"}});

	assert_int_equal(judged(w, "db-1", "sshd", "alice").kind, VERDICT_UNEXPECTED);
	assert_int_equal(judged(w, "web-1", "sshd", "mallory").kind, VERDICT_OTHER_ACTOR);
}

static void binding__of_each_author__covers_its_own(void **state)
{
	static const struct {
		const struct actor *author;
		const char *match[3];
		const char *actor;
		enum verdict_kind kind;
	} cases[] = {
	    {&alice, {"host=web-1", "actor=deploy"}, "deploy", VERDICT_EXPECTED},
	    {&alice, {"host=web-1", "actor=deploy"}, "alice", VERDICT_NEAR_MISS},
	    {&alice, {"host=web-1", "actor=*"}, "mallory", VERDICT_OTHER_ACTOR},
	    {&alice, {"host=web-1", "actor!=bob"}, "mallory", VERDICT_OTHER_ACTOR},
	    {&alice, {"host=web-1", "actor!=bob"}, "alice", VERDICT_EXPECTED},
	    {&ci, {"host=web-1"}, "ci", VERDICT_OTHER_ACTOR},
	    {&ci, {"host=web-1"}, NULL, VERDICT_EXPECTED},
	    {&eve, {"host=web-1"}, "eve", VERDICT_OTHER_ACTOR},
	    {&eve, {"host=web-1"}, NULL, VERDICT_EXPECTED},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct desk_world *w = desk_world_new(NULL);
		struct given given = {.match = {cases[i].match[0], cases[i].match[1]}};

		desk_world_knows(w, "U0EVE", NULL, NULL, false);
		announced(w, cases[i].author, given);
		assert_int_equal(judged(w, "web-1", "sshd", cases[i].actor).kind, cases[i].kind);
		desk_world_free(w);
	}
}

/* A token may be named like somebody's login: its announcements are not that person's. */
static void token__named_like_a_login__is_not_that_person(void **state)
{
	struct desk_world *w = *state;

	announced(w, &ci, (struct given){.match = {"host=web-1", "rule=sshd"}});

	assert_int_equal(judged(w, "web-1", "sshd", "ci").kind, VERDICT_OTHER_ACTOR);
	assert_int_equal(judged(w, "web-1", "sshd", "bob").kind, VERDICT_OTHER_ACTOR);
}

static void window__before_within_and_after__covers_only_within(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(
	    w, &alice, (struct given){.match = {"host=web-1"}, .from = NOON + HOUR, .for_s = HOUR});

	assert_status(w, id, "scheduled");
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
	w->desk->now = NOON + HOUR - 1;
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
	w->desk->now = NOON + HOUR;
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_EXPECTED);
	assert_status(w, id, "active");
	w->desk->now = NOON + 2 * HOUR - 1;
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_EXPECTED);
	w->desk->now = NOON + 2 * HOUR;
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
	assert_status(w, id, "ended");
	/* A clock that jumped back to before it was said. */
	w->desk->now = NOON - 60;
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
}

static void high_severity__without_approval__fires_and_says_so(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(w, &alice, (struct given){.match = {"host=web-1"}});
	struct announcement *announcement = stored(w, id);
	struct verdict verdict;
	struct alert alert;

	make_alert(&alert, "web-1", "x", "alice");
	alert.severity = SEVERITY_CRITICAL;
	announcements_judge(w->desk, &alert, &verdict);
	assert_int_equal(verdict.kind, VERDICT_UNEXPECTED);
	assert_string_equal(verdict.why, "announced (H1), but critical needs an approval");

	/* Its own author's approval counts for nothing; somebody else's does. */
	announcement->approved_by = xstrdup("U0ALICE");
	announcements_put(w->desk, announcement, NULL);
	announcements_judge(w->desk, &alert, &verdict);
	assert_int_equal(verdict.kind, VERDICT_UNEXPECTED);
	replace_text(&announcement->approved_by, "U0BOB");
	announcements_put(w->desk, announcement, NULL);
	announcements_judge(w->desk, &alert, &verdict);
	assert_int_equal(verdict.kind, VERDICT_EXPECTED);
	announcement_free(announcement);
	alert_fini(&alert);
}

static void never_suppress__what_is_announced__fires_all_the_same(void **state)
{
	static const struct {
		const char *rule, *env;
		enum verdict_kind kind;
	} cases[] = {
	    {"sshd", NULL, VERDICT_EXPECTED},
	    {"canary-1", NULL, VERDICT_NEVER},
	    {"canary\xE2\x80\x8B-1", NULL,
		VERDICT_NEVER}, /* what cannot be compared is not let through */
	    {"iam-role", "prod", VERDICT_NEVER},
	    {"iam-role", "dev", VERDICT_EXPECTED},
	};
	struct desk_world *w = *state;

	announced(w, &alice, (struct given){.match = {"host=web-1", "actor=alice"}});
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct verdict verdict;
		struct alert alert;

		make_alert(&alert, "web-1", cases[i].rule, "alice");
		alert.env = xstrdup(cases[i].env);
		announcements_judge(w->desk, &alert, &verdict);
		assert_int_equal(verdict.kind, cases[i].kind);
		assert_string_equal(verdict.why,
		    cases[i].kind == VERDICT_NEVER ? "announced, but never suppressed" : "");
		alert_fini(&alert);
	}
	assert_int_equal(judged(w, "db-1", "canary-1", "alice").kind, VERDICT_NEAR_MISS);
}

static void near_misses__of_very_many__are_told_up_to_a_bound(void **state)
{
	struct desk_world *w = *state;
	struct verdict verdict;
	char host[32];

	for (int i = 0; i < 50; i++) {
		snprintf(host, sizeof(host), "host=h-%d", i);
		announced(w, &alice, (struct given){.match = {host, "rule=sshd"}});
	}
	verdict = judged(w, "web-1", "sshd", "alice");
	assert_int_equal(verdict.kind, VERDICT_NEAR_MISS);
	assert_int_equal(verdict.near_count, 32);
	assert_int_equal(judged(w, "h-49", "sshd", "alice").kind, VERDICT_EXPECTED);
}

/* ---- guard rails ------------------------------------------------------------------------------------------ */

static void announcing__against_the_guard_rails__is_refused_with_the_nearest_form(void **state)
{
	static char reason[ANNOUNCE_REASON_MAX + 2];
	static const struct {
		const struct actor *actor;
		struct given given;
		enum error_kind kind;
		const char *said;
	} cases[] = {
	    {&alice, {.match = {"host=web-1"}, .because = " \n"}, ERROR_REFUSED,
		"an announcement needs a reason; try: expect host=web-1 because deploy"},
	    {&alice, {.match = {"host=web-1"}, .because = reason}, ERROR_USAGE,
		"a reason has at most 1000 bytes"},
	    {&alice, {.match = {NULL}}, ERROR_REFUSED,
		"say what to expect: at least one MATCH; try: expect host=web-* because deploy"},
	    {&alice, {.match = {"host=*"}}, ERROR_REFUSED,
		"an announcement needs at least one match that says what it is about and is "
		"not * alone; try: expect host=web-* because deploy"},
	    {&alice, {.match = {"host!=web-1", "rule~.*"}}, ERROR_REFUSED,
		"an announcement needs at least one match that says what it is "
		"about and is not * alone; try: expect host=web-* because deploy"},
	    {&alice, {.match = {"host=web-1"}, .for_s = 5 * HOUR}, ERROR_REFUSED,
		"at most 4h at a time; try: expect host=web-1 for 4h because deploy"},
	    {&alice,
		{.match = {"rule=\"SSH login\""}, .for_s = 5 * HOUR, .max = 3, .because = "chef 7"},
		ERROR_REFUSED,
		"at most 4h at a time; try: expect rule=\"SSH login\" for 4h max 3 because chef 7"},
	    {&alice, {.match = {"host=web-1"}, .until = NOON + 4 * HOUR + 1}, ERROR_REFUSED,
		"at most 4h at a time; try: expect host=web-1 for 4h because deploy"},
	    {&alice, {.match = {"host=web-1"}, .max = ANNOUNCE_BUDGET_MAX + 1}, ERROR_REFUSED,
		"max is a number of alerts from 1 to 10000; try: expect host=web-1 max 10000 "
		"because deploy"},
	    {&alice, {.match = {"host=web-1"}, .max = -1}, ERROR_REFUSED,
		"max is a number of alerts from 1 to 10000; try: expect host=web-1 max 1 because "
		"deploy"},
	    {&alice, {.match = {"host=web-1"}, .until = NOON}, ERROR_USAGE,
		"that window ends before it begins, or is over already; try for 30m"},
	    {&alice, {.match = {"host=web-1"}, .from = NOON + 2 * HOUR, .until = NOON + HOUR},
		ERROR_USAGE, "that window ends before it begins, or is over already; try for 30m"},
	    {&alice, {.match = {"host=web-1"}, .from = NOON - HOUR, .for_s = HOUR}, ERROR_USAGE,
		"that window ends before it begins, or is over already; try for 30m"},
	    {&alice, {.match = {"host=web-1"}, .from = NOON + ANNOUNCE_AHEAD_MAX_S + 1},
		ERROR_REFUSED, "an announcement may begin at most 30 days ahead"},
	    {&alice, {.match = {"host=web-1"}, .until = NOON + HOUR, .for_s = 60}, ERROR_USAGE,
		"say how long or until when, not both; try for 30m"},
	    {&reader, {.match = {"host=web-1"}}, ERROR_FORBIDDEN,
		"the token reader may not announce; its may: needs announce"},
	    {&ops, {.match = {"host=web-1"}, .author = "nobody"}, ERROR_REFUSED,
		"nobody is known as nobody; name a Slack id, e-mail or login of the "
		"configuration's people"},
	};
	struct desk_world *w = *state;
	size_t refused = 0;

	memset(reason, 'x', sizeof(reason) - 1);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct announcement *made;
		struct error err = {0};
		bool again;

		assert_false(try(w, cases[i].actor, &cases[i].given, &made, &again, &err));
		assert_string_equal(err.text, cases[i].said);
		assert_int_equal(err.kind, cases[i].kind);
		refused += err.kind == ERROR_REFUSED || err.kind == ERROR_FORBIDDEN;
		assert_int_equal(audited(w, "refused", ""), refused);
	}
	assert_int_equal(announcements_count(w->desk->announcements), 0);
}

static void announcing__under_a_strict_policy__is_judged_by_it(void **state)
{
	static const struct {
		const struct actor *actor;
		struct given given;
		const char *said;
	} cases[] = {
	    {&bob, {.match = {"host=web-1", "rule=x"}},
		"only announcers may announce (policy.announcers); ask one of them"},
	    {&alice, {.match = {"host=web-1"}},
		"policy asks for at least 2 matches that say what it is about (host=…, rule=…), "
		"this has 1; "
		"try: expect host=web-* rule=sshd-* because deploy"},
	    {&alice, {.match = {"host=web-1", "rule!=x", "actor=*"}},
		"policy asks for at least 2 matches that say what it is about (host=…, rule=…), "
		"this has 1; "
		"try: expect host=web-* rule=sshd-* because deploy"},
	    {&alice, {.match = {"host=web-1", "rule=x"}, .for_s = 2 * HOUR + 60},
		"at most 2h at a time; try: expect host=web-1 rule=x for 2h because deploy"},
	};
	struct desk_world *w = *state;
	struct announcement *made;
	struct error err;
	bool again;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_false(try(w, cases[i].actor, &cases[i].given, &made, &again, &err));
		assert_string_equal(err.text, cases[i].said);
	}
	made = says(w, &alice, (struct given){.match = {"host=web-1", "rule=x"}});
	assert_int_equal(made->max, 5);
	assert_int_equal(made->ends_at, NOON + ANNOUNCE_DEFAULT_S);
	announcement_free(made);
}

static void announcing__what_is_allowed__is_kept_and_told(void **state)
{
	struct desk_world *w = *state;
	struct announcement *made = says(w, &alice,
	    (struct given){.match = {"host=Web-1", "rule=\"SSH login\""},
		.for_s = HOUR,
		.max = 4,
		.because = " deploy 7 ",
		.channel = "C0X"});
	struct announcement *kept = stored(w, made->id);

	assert_int_equal(kept->id, 1);
	assert_string_equal(kept->author, "U0ALICE");
	assert_string_equal(kept->because, "deploy 7 ");
	assert_string_equal(kept->channel, "C0X");
	assert_int_equal(kept->match_count, 2);
	assert_string_equal(kept->match[1], "rule=\"SSH login\"");
	assert_int_equal(kept->ends_at - kept->starts_at, HOUR);
	assert_int_equal(kept->max, 4);
	assert_false(kept->needs_approval);
	assert_int_equal(audited(w, "announced", "H1"), 1);
	assert_int_equal(said(w, "H1", "channel"), 1);
	assert_int_equal(announcements_count(w->desk->announcements), 1);
	announcement_free(made);
	announcement_free(kept);
}

static void dry_run__of_what_is_allowed__changes_nothing(void **state)
{
	struct desk_world *w = *state;
	struct announcement *made =
	    says(w, &alice, (struct given){.match = {"host=web-1"}, .is_dry = true});

	assert_int_equal(made->id, 0);
	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
	assert_int_equal(audited(w, "announced", "H1"), 0);
	announcement_free(made);
}

static void idempotency_key__sent_again__makes_one(void **state)
{
	const struct given given = {.match = {"host=web-1"}, .key = "build-7"};
	struct desk_world *w = *state;
	struct announcement *first, *second, *other;
	struct error err;
	bool again;

	assert_true(try(w, &ci, &given, &first, &again, &err));
	assert_false(again);
	assert_true(try(w, &ci, &given, &second, &again, &err));
	assert_true(again);
	assert_true(try(w, &ops, &given, &other, &again, &err));
	assert_false(again);

	assert_int_equal(first->id, second->id);
	assert_int_not_equal(first->id, other->id);
	announcement_free(first);
	announcement_free(second);
	announcement_free(other);
}

static void author__named_by_a_token__is_who_it_may_name(void **state)
{
	static const struct {
		const struct actor *actor;
		const char *author, *kept;
	} cases[] = {
	    {&ci, NULL, "ci"},
	    {&ci, "alice", "ci"}, /* it may not: the author is the token, which has no logins */
	    {&ops, "alice", "U0ALICE"},
	    {&ops, "Alice@example.com", "U0ALICE"},
	    {&ops, "U0BOB", "U0BOB"},
	    {&ops, "ops", "ops"},
	    {&alice, "U0BOB", "U0ALICE"},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct announcement *made = says(w, cases[i].actor,
		    (struct given){.match = {"host=web-1"}, .author = cases[i].author});

		assert_string_equal(made->author, cases[i].kept);
		announcement_free(made);
	}
}

static void channel__not_given__is_that_of_the_route_its_matches_take(void **state)
{
	static const struct {
		const char *match[3];
		const char *channel;
	} cases[] = {
	    {{"host=web-1", "rule=x"}, "#security-alerts"},
	    {{"host=db-1", "rule=x"}, "#db"},
	    {{"host=db-*", "rule=x"}, "#db"},
	    {{"team=red", "severity=critical"}, "#red"},
	    {{"host!=db-1", "rule=x", "env=y"}, "#security-alerts"},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct announcement *made = says(w, &alice,
		    (struct given){
			.match = {cases[i].match[0], cases[i].match[1], cases[i].match[2]}});

		assert_string_equal(made->channel, cases[i].channel);
		announcement_free(made);
	}
}

static void approval__is_asked_for__at_odd_hours_and_for_high_severities(void **state)
{
	static const struct {
		int64_t now, from;
		const char *second;
		bool needs;
	} cases[] = {
	    {NOON, 0, "rule=x", false},
	    {NOON + 10 * HOUR, 0, "rule=x", true},
	    {NOON + 10 * HOUR, NOON + 24 * HOUR, "rule=x",
		false},                                /* asked for at night, for the day after */
	    {NOON, NOON + 10 * HOUR, "rule=x", false}, /* asked for by day, for the night */
	    {NOON, 0, "severity=high,critical", true},
	    {NOON, 0, "severity=critical", true},
	    {NOON, 0, "severity!=low,medium,info", true},
	    {NOON, 0, "severity=medium,critical", false},
	    {NOON, 0, "severity=*", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct desk_world *w = desk_world_new(strict_config);
		struct given given = {
		    .match = {"host=web-1", "rule~x.*", cases[i].second}, .from = cases[i].from};
		struct announcement *made;

		w->desk->now = cases[i].now;
		made = says(w, &alice, given);
		assert_int_equal(made->needs_approval, cases[i].needs);
		if (cases[i].needs) {
			assert_string_equal(announcement_status(made, w->desk->now), "pending");
			assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
		}
		announcement_free(made);
		desk_world_free(w);
	}
}

/* ---- the budget ------------------------------------------------------------------------------------------- */

static void budget__used_up__ends_it_loudly(void **state)
{
	struct desk_world *w = *state;
	const int64_t id =
	    announced(w, &alice, (struct given){.match = {"host=web-1", "rule=sshd"}, .max = 2});
	struct announcement *kept;
	struct verdict verdict;

	counted(w, id, true);
	assert_int_equal(judged(w, "web-1", "sshd", "alice").kind, VERDICT_EXPECTED);
	counted(w, id, false);
	counted(w, id, true);
	/* As many as announced: that is what was expected, and it stands. */
	kept = stored(w, id);
	assert_int_equal(kept->state, ANNOUNCEMENT_STANDS);
	assert_int_equal(kept->matched, 2);
	assert_int_equal(kept->near_misses, 1);
	announcement_free(kept);
	verdict = judged(w, "web-1", "sshd", "alice");
	assert_int_equal(verdict.kind, VERDICT_UNEXPECTED);
	assert_int_equal(verdict.used_up, id);
	broken(w, id);

	kept = stored(w, id);
	assert_int_equal(kept->state, ANNOUNCEMENT_ENDED);
	assert_string_equal(kept->over_why, "budget");
	assert_int_equal(audited(w, "ended", "H1"), 1);
	assert_int_equal(said(w, "H1", "*Broken:* more came than the 2"), 1);
	assert_int_equal(said(w, "H1", "\"broadcast\":true"), 1);
	announcement_free(kept);

	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_null(announcements_find(w->desk, id));
	verdict = judged(w, "web-1", "sshd", "alice");
	assert_int_equal(verdict.kind, VERDICT_UNEXPECTED);
	assert_int_equal(verdict.announcement, id);
	assert_string_equal(verdict.why, "more than announced (H1)");
	/* It says nothing of what it would not have covered. */
	assert_string_equal(judged(w, "web-1", "sshd", "mallory").why, "");
	assert_string_equal(judged(w, "web-2", "sshd", "alice").why, "");
}

static void budget__broken__is_remembered_over_a_restart_until_the_window_ends(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(w, &alice, (struct given){.match = {"host=web-1"}, .max = 1});
	struct error err;

	counted(w, id, true);
	broken(w, id);
	assert_true(announcements_load(w->desk, &err));
	assert_string_equal(judged(w, "web-1", "x", "alice").why, "more than announced (H1)");
	w->desk->now = NOON + ANNOUNCE_DEFAULT_S;
	assert_string_equal(judged(w, "web-1", "x", "alice").why, "");
	ticks(w, w->desk->now);
	assert_int_equal(announcements_due_at(w->desk->announcements), TIME_NONE);
	assert_int_equal(audited(w, "ended", "H1"), 1);
}

static void another_announcement__beside_a_broken_one__covers(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(w, &alice, (struct given){.match = {"host=web-1"}, .max = 1});
	int64_t next;

	counted(w, id, true);
	broken(w, id);
	next = announced(w, &alice, (struct given){.match = {"host=web-1"}});

	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_EXPECTED);
	assert_int_equal(judged(w, "web-1", "x", "alice").announcement, next);
}

/* ---- begin, change and end ---------------------------------------------------------------------------------- */

static void tick__at_the_end_of_windows__ends_them_with_a_receipt(void **state)
{
	struct desk_world *w = *state;
	const int64_t seen =
	    announced(w, &alice, (struct given){.match = {"host=web-1"}, .for_s = 600});
	const int64_t unseen =
	    announced(w, &alice, (struct given){.match = {"host=web-2"}, .for_s = 600});
	const int64_t later =
	    announced(w, &alice, (struct given){.match = {"host=web-3"}, .for_s = 1200});

	counted(w, seen, true);
	counted(w, seen, false);
	/* Five minutes before, their author is reminded. */
	assert_int_equal(announcements_due_at(w->desk->announcements), NOON + 300);
	ticks(w, NOON + 599);
	assert_status(w, seen, "active");
	assert_int_equal(announcements_due_at(w->desk->announcements), NOON + 600);
	ticks(w, NOON + 600);

	assert_status(w, seen, "ended");
	assert_status(w, unseen, "ended");
	assert_status(w, later, "active");
	assert_int_equal(said(w, "H1", "Matched 1 of 50; 1 near miss."), 1);
	assert_int_equal(said(w, "H2", "Announced, never seen."), 1);
	assert_int_equal(said(w, "H2", "\"broadcast\":true"), 0);
	assert_int_equal(audited(w, "ended", "H1"), 1);
	assert_int_equal(announcements_due_at(w->desk->announcements), NOON + 900);
	ticks(w, NOON + 700);
	assert_int_equal(audited(w, "ended", "H1"), 1);
}

static void tick__at_a_begin__tells_it_once(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(
	    w, &alice, (struct given){.match = {"host=web-1"}, .from = NOON + HOUR, .for_s = HOUR});

	assert_int_equal(announcements_due_at(w->desk->announcements), NOON + HOUR);
	ticks(w, NOON + HOUR);
	assert_status(w, id, "active");
	assert_int_equal(announcements_due_at(w->desk->announcements), NOON + 2 * HOUR - 300);
	ticks(w, NOON + 2 * HOUR);
	assert_status(w, id, "ended");
	assert_int_equal(announcements_due_at(w->desk->announcements), TIME_NONE);
}

static void tick__after_a_long_sleep__begins_and_ends_what_passed(void **state)
{
	struct desk_world *w = *state;
	struct error err;
	const int64_t id = announced(
	    w, &alice, (struct given){.match = {"host=web-1"}, .from = NOON + HOUR, .for_s = HOUR});

	w->desk->now = NOON + 24 * HOUR;
	assert_true(announcements_load(w->desk, &err));
	ticks(w, NOON + 24 * HOUR);
	ticks(w, NOON + 24 * HOUR + 1);

	assert_status(w, id, "ended");
	assert_int_equal(audited(w, "ended", "H1"), 1);
	assert_int_equal(announcements_count(w->desk->announcements), 0);
}

static void tick__of_more_than_a_batch__ends_them_all_in_turn(void **state)
{
	struct desk_world *w = *state;
	char host[32];
	int rounds = 0;

	for (int i = 0; i < 1100; i++) {
		snprintf(host, sizeof(host), "host=h-%d", i);
		announced(w, &alice, (struct given){.match = {host}, .for_s = 600});
	}
	while (announcements_due_at(w->desk->announcements) != TIME_NONE && rounds < 10) {
		ticks(w, NOON + 600);
		rounds++;
	}
	assert_int_equal(rounds, 3);
	assert_int_equal(announcements_count(w->desk->announcements), 0);
}

enum change { EXTEND, END, CANCEL };

static bool change(struct desk_world *w, const struct actor *actor, enum change what, int64_t id,
    int64_t by_s, struct announcement **now, struct error *err)
{
	bool ok;

	desk_world_begin(w);
	if (what == EXTEND)
		ok = announcement_extend(w->desk, actor, id, by_s, now, err);
	else if (what == END)
		ok = announcement_end(w->desk, actor, id, NULL, now, err);
	else
		ok = announcement_cancel(w->desk, actor, id, now, err);
	desk_world_end(w, true);
	assert_int_equal(ok, *now != NULL);
	return ok;
}

static void change__of_an_announcement__is_allowed_or_refused_with_a_reason(void **state)
{
	/* H1 by alice, active; H2 by alice, scheduled; H3 by alice, over; H4 by ci, active. */
	static const struct {
		const struct actor *actor;
		enum change what;
		int64_t id, by_s;
		const char *said; /* NULL: allowed */
	} cases[] = {
	    {&alice, EXTEND, 1, 1800, NULL},
	    {&bob, EXTEND, 1, 1800,
		"only announcers may change H1 (policy.announcers); ask one of them"},
	    {&alice, EXTEND, 1, 2 * HOUR, "at most 2h at a time; try: extend H1 1h30m"},
	    {&alice, EXTEND, 1, 0, "say by how long; try: extend H1 30m"},
	    {&alice, EXTEND, 1, -60, "say by how long; try: extend H1 30m"},
	    {&alice, EXTEND, 2, 1800, NULL},
	    {&alice, EXTEND, 3, 1800,
		"H3 is over already (ended: done); announce anew with expect"},
	    {&alice, EXTEND, 99, 1800, "there is no H99; list shows those that stand"},
	    {&ci, EXTEND, 1, 600, "the token ci may change only what it announced"},
	    {&ops, EXTEND, 1, 600, NULL},
	    {&ci, EXTEND, 4, 600, NULL},
	    {&reader, EXTEND, 4, 600, "the token reader may change only what it announced"},
	    {&alice, END, 1, 0, NULL},
	    {&bob, END, 1, 0, NULL},
	    {&eve, END, 1, 0, "only announcers may change H1 (policy.announcers); ask one of them"},
	    {&alice, END, 2, 0, "H2 has not begun; try: cancel H2"},
	    {&alice, END, 3, 0, "H3 is over already (ended: done)"},
	    {&alice, CANCEL, 1, 0, "H1 has begun; try: end H1"},
	    {&alice, CANCEL, 2, 0, NULL},
	    {&alice, CANCEL, 3, 0, "H3 is over already (ended: done)"},
	};
	const struct given now = {.match = {"host=web-1", "rule=x"}};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct desk_world *w = desk_world_new(strict_config);
		struct announcement *changed;
		struct error err = {0};
		bool ok;

		announced(w, &alice, now);
		announced(w, &alice,
		    (struct given){.match = {"host=web-1", "rule=x"}, .from = NOON + HOUR});
		announced(w, &alice, now);
		assert_true(change(w, &alice, END, 3, 0, &changed, &err));
		announcement_free(changed);
		announced(w, &ci, now);

		ok = change(
		    w, cases[i].actor, cases[i].what, cases[i].id, cases[i].by_s, &changed, &err);
		if (cases[i].said == NULL && !ok)
			fail_msg("%zu: %s", i, err.text);
		if (cases[i].said != NULL)
			assert_string_equal(err.text, cases[i].said);
		assert_int_equal(ok, cases[i].said == NULL);
		announcement_free(changed);
		desk_world_free(w);
	}
}

static void extending__again_and_again__ends_with_max_duration(void **state)
{
	struct desk_world *w = desk_world_new(strict_config); /* max_duration: 2h */
	struct announcement *changed;
	struct error err = {0};
	int64_t id;

	(void)state;
	id = announced(w, &alice, (struct given){.match = {"host=web-1", "rule=x"}, .for_s = HOUR});
	w->desk->now = NOON + HOUR - 300;
	assert_true(change(w, &alice, EXTEND, id, HOUR, &changed, &err));
	announcement_free(changed);
	w->desk->now = NOON + 2 * HOUR - 300;
	assert_false(change(w, &alice, EXTEND, id, 1800, &changed, &err));
	assert_string_equal(err.text,
	    "at most 2h at a time, and H1 lasts that long already; announce anew with expect");
	desk_world_free(w);
}

static void extending__moves_the_end__in_the_cache_too(void **state)
{
	struct desk_world *w = *state;
	const int64_t id =
	    announced(w, &alice, (struct given){.match = {"host=web-1"}, .for_s = 600});
	struct announcement *now;
	struct error err;

	assert_true(change(w, &alice, EXTEND, id, 600, &now, &err));
	assert_int_equal(now->ends_at, NOON + 1200);
	announcement_free(now);
	assert_int_equal(audited(w, "extended", "H1"), 1);
	ticks(w, NOON + 600);
	assert_status(w, id, "active");
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_EXPECTED);
	ticks(w, NOON + 1200);
	assert_status(w, id, "ended");
}

static void ending__by_hand__covers_nothing_more(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(w, &alice, (struct given){.match = {"host=web-1"}});
	struct announcement *now;
	struct error err;

	assert_true(change(w, &alice, END, id, 0, &now, &err));
	assert_string_equal(now->over_why, "done");
	announcement_free(now);
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
	assert_string_equal(judged(w, "web-1", "x", "alice").why, "");
	assert_int_equal(said(w, "H1", "Over (done), says <@U0ALICE>. Announced, never seen."), 1);
	ticks(w, NOON + 24 * HOUR);
	assert_int_equal(audited(w, "ended", "H1"), 1);
}

/* Somebody may give "budget" as a reason: that does not make it broken. */
static void ending__because_of_the_budget__is_not_taken_for_broken(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announced(w, &alice, (struct given){.match = {"host=web-1"}});
	struct announcement *now;
	struct error err;

	desk_world_begin(w);
	assert_true(announcement_end(w->desk, &alice, id, "budget", &now, &err));
	desk_world_end(w, true);
	announcement_free(now);
	assert_string_equal(judged(w, "web-1", "x", "alice").why, "");
	assert_int_equal(said(w, "H1", "\"broadcast\":true"), 0);
}

static void cache__after_an_undone_event__is_as_storage_is(void **state)
{
	struct desk_world *w = *state;
	const struct announce_request request = {.match = (char *[]){"host=web-1"},
	    .match_count = 1,
	    .from = TIME_NONE,
	    .until = TIME_NONE,
	    .because = "deploy"};
	struct announcement *made;
	struct error err;
	bool again;

	desk_world_begin(w);
	assert_true(announce(w->desk, &alice, &request, &made, &again, &err));
	desk_world_end(w, false);
	announcement_free(made);
	desk_world_begin(w);
	desk_world_end(w, true);

	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_int_equal(judged(w, "web-1", "x", "alice").kind, VERDICT_UNEXPECTED);
}

/* ---- why ------------------------------------------------------------------------------------------------------ */

static void why__names_the_nearest_first__and_what_kept_it(void **state)
{
	struct desk_world *w = *state;
	struct alert alert;
	struct buf out;

	announced(w, &alice, (struct given){.match = {"host=web-3", "rule=sshd"}});
	announced(w, &alice, (struct given){.match = {"host=web-4", "rule=chef", "env=prod"}});
	announced(
	    w, &alice, (struct given){.match = {"host=web-3b", "rule=sshd"}, .from = NOON + HOUR});
	announced(w, &bob, (struct given){.match = {"host=web-3b", "rule=ssh*"}});
	make_alert(&alert, "web-3b", "sshd", "alice");
	buf_init(&out, 10000);
	announcements_explain(w->desk, &alert, &out);

	assert_string_equal(buf_text(&out),
	    "H3 matches, but had not begun\n"
	    "H4 matched all but its author: bob announced this, alice did it\n"
	    "H1 matched all but host: web-3b is not web-3\n"
	    "H2 missed 3 of 3: host: web-3b is not web-4, …\n");
	buf_fini(&out);
	alert_fini(&alert);
}

static void why__with_nothing_announced__says_so(void **state)
{
	struct desk_world *w = *state;
	struct alert alert;
	struct buf out;

	make_alert(&alert, "web-3b", "sshd", "alice");
	buf_init(&out, 10000);
	announcements_explain(w->desk, &alert, &out);
	assert_string_equal(buf_text(&out), "No announcement stood.\n");
	buf_fini(&out);
	alert_fini(&alert);
}

static void line__of_an_announcement__says_who_what_until_when_and_how_many(void **state)
{
	struct desk_world *w = *state;
	struct announcement *made = says(
	    w, &alice, (struct given){.match = {"host=web-*"}, .because = "<!channel> deploy"});
	struct buf out;

	buf_init(&out, 10000);
	announcement_line(w->desk, made, "Europe/Paris", &out);
	assert_non_null(
	    strstr(buf_text(&out), "<@U0ALICE>: `host=web-*` for 30m, until 13:30 CET, because "));
	assert_non_null(strstr(buf_text(&out), "deploy, seen 0 of 50"));
	assert_null(strstr(buf_text(&out), "<!channel>"));
	buf_fini(&out);
	announcement_free(made);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STRICT(name) cmocka_unit_test_setup_teardown(name, setup_strict, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(verdict__of_each_kind__is_told_apart),
	    TEST(single_match__that_fails__is_no_near_miss),
	    cmocka_unit_test(binding__of_each_author__covers_its_own),
	    STRICT(token__named_like_a_login__is_not_that_person),
	    TEST(window__before_within_and_after__covers_only_within),
	    TEST(high_severity__without_approval__fires_and_says_so),
	    STRICT(never_suppress__what_is_announced__fires_all_the_same),
	    TEST(near_misses__of_very_many__are_told_up_to_a_bound),
	    TEST(announcing__against_the_guard_rails__is_refused_with_the_nearest_form),
	    STRICT(announcing__under_a_strict_policy__is_judged_by_it),
	    TEST(announcing__what_is_allowed__is_kept_and_told),
	    TEST(dry_run__of_what_is_allowed__changes_nothing),
	    TEST(idempotency_key__sent_again__makes_one),
	    TEST(author__named_by_a_token__is_who_it_may_name),
	    STRICT(channel__not_given__is_that_of_the_route_its_matches_take),
	    cmocka_unit_test(approval__is_asked_for__at_odd_hours_and_for_high_severities),
	    TEST(budget__used_up__ends_it_loudly),
	    TEST(budget__broken__is_remembered_over_a_restart_until_the_window_ends),
	    TEST(another_announcement__beside_a_broken_one__covers),
	    TEST(tick__at_the_end_of_windows__ends_them_with_a_receipt),
	    TEST(tick__at_a_begin__tells_it_once),
	    TEST(tick__after_a_long_sleep__begins_and_ends_what_passed),
	    TEST(tick__of_more_than_a_batch__ends_them_all_in_turn),
	    cmocka_unit_test(change__of_an_announcement__is_allowed_or_refused_with_a_reason),
	    cmocka_unit_test(extending__again_and_again__ends_with_max_duration),
	    TEST(extending__moves_the_end__in_the_cache_too),
	    TEST(ending__by_hand__covers_nothing_more),
	    TEST(ending__because_of_the_budget__is_not_taken_for_broken),
	    TEST(cache__after_an_undone_event__is_as_storage_is),
	    TEST(why__names_the_nearest_first__and_what_kept_it),
	    TEST(why__with_nothing_announced__says_so),
	    TEST(line__of_an_announcement__says_who_what_until_when_and_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
