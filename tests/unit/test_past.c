/* Looking back over the alerts that came: the same answer as a look at each of them, whatever the matches; and soon stopped. */
#include "tests/unit/storage_world.h"

#include "config/base/text.h"
#include "config/match.h"

#define ALERTS 3000
#define ROUNDS 400
#define SINCE (NOON - 30 * 86400)
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* ---- random alerts and matches: few values, so that they meet ------------------------------------------- */

static uint32_t seed = 20260302;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static const char *const hosts[] = {"web-1", "WEB-1", "web-1.", "web-1..", "web-10", "db-1",
    "web_1", "we%b", "w\\eb-1",
    "w\xD0\xB5"
    "b-1",
    "web\xE2\x80\x8B-1", "K-1", "\xE2\x84\xAA-1", NULL};
static const char *const rules[] = {
    "ssh login", "SSH login", "ssh", "key added", "a,b", "a\"b", "", "ssh%", NULL};
static const char *const actors[] = {"alice", "aliced", "bob", "Alice", "", NULL, NULL};
static const char *const ips[] = {
    "10.0.0.1", "::ffff:10.0.0.1", "2001:DB8::1", "2001:db8:0::1", "AWS Internal", NULL};
static const char *const envs[] = {"prod", "dev", NULL};
static const char *const titles[] = {"sshd started", "a \"quoted\" title", "x"};
static const char *const names[] = {"ns", "a b", "q\"t", ":", "back\\slash", "k8s.pod"};
static const char *const values[] = {
    "one", "o\"ne", "\\", ",", ":", "line\nbreak", "\x01", "{}", "\xC3\xA9t\xC3\xA9"};

#define PICK(list) (list)[dice(sizeof(list) / sizeof((list)[0]))]

static void set(struct alert *alert, const char *name, const char *text)
{
	alert_set_text(alert, field_find(name), text);
}

static void alerts_come(struct world *world)
{
	struct error err = {0};

	world_begins(world);
	for (int64_t i = 0; i < ALERTS; i++) {
		struct alert *alert = alert_new();

		set(alert, "title", PICK(titles));
		set(alert, "host", PICK(hosts));
		set(alert, "rule", PICK(rules));
		set(alert, "actor", PICK(actors));
		set(alert, "ip", PICK(ips));
		set(alert, "env", PICK(envs));
		set(alert, "source", dice(2) == 0 ? "falco" : "wazuh");
		for (uint32_t n = dice(4); n > 0; n--)
			alert_add_label(alert, PICK(names), PICK(values));
		alert->severity = (enum severity)dice(5);
		alert->status = (enum alert_status)dice(5);
		alert->received_at = SINCE - 100 + i; /* the first hundred are too old */
		alert->last_seen = alert->received_at;
		if (dice(4) == 0)
			alert->page_status = xstrdup("triggered");
		assert_ok(storage_add_alert(world->storage, alert, &err), err);
		alert_free(alert);
	}
	world_ends(world, true);
	world_commits(world);
}

static const char *const some_matches[] = {
    "host=web-1",
    "host=WEB-1.",
    "host=web-*",
    "host=we%*",
    "host=web_*",
    "host=w\\eb*",
    "host=*-1",
    "host=web-1,db-1,web-10",
    "host=web-1*,db-1",
    "host!=web-1",
    "host~web-.*",
    "host~\"(?i)k-1\"",
    "host!~web.*",
    "rule=ssh",
    "rule=\"ssh login\"",
    "rule=ssh*",
    "rule=ssh%*",
    "rule=\"a,b\"",
    "rule='a\"b'",
    "rule!=ssh",
    "rule~ssh.*",
    "actor=alice",
    "actor=alice,bob",
    "actor=al*",
    "actor!=alice",
    "ip=10.0.0.1",
    "ip=10.0.*",
    "ip=2001:db8::1",
    "ip=\"AWS Internal\"",
    "env=prod",
    "env!=prod",
    "env=pr*,de*",
    "source=falco",
    "severity=critical",
    "severity=high,critical",
    "severity=h*",
    "severity!=low",
    "status=open",
    "status!=resolved",
    "title=\"sshd started\"",
    "title~.*quoted.*",
    "title=sshd*",
    "title=sshd*,x",
    "ns=one,:*",
    "'q\"t'=o*",
    "k8s.pod=*e",
    "received_at~\".*\"",
    "count=1",
    "ns=one",
    "ns=*",
    "ns!=one",
    "\"a b\"=one",
    "'q\"t'='o\"ne'",
    ":=:",
    "\":\"=\",\"",
    "back\\slash=\\",
    "k8s.pod~o.*",
    "k8s.pod!~o.*",
    "k8s.pod~\"line\\nbreak\"",
    "k8s.pod=\xC3\xA9*",
    "nowhere=x",
    "nowhere!=x",
};

/* ---- the two ways of looking ---------------------------------------------------------------------------- */

struct seen {
	const struct past_query *query;
	int64_t count, escalated;
	size_t rule_bytes, host_bytes;
	int64_t limit; /* EACH says stop then; 0: never */
};

static size_t bytes(const char *text)
{
	return text != NULL ? strlen(text) : 0;
}

static bool by_look(void *ctx, const struct alert *alert)
{
	struct seen *seen = ctx;
	const struct past_query *query = seen->query;

	if (alert->received_at < query->since || !matches_hold(query->matches, alert))
		return true;
	if (query->is_bound && !text_is_empty(alert->actor) &&
	    (query->actor == NULL || !match_holds(query->actor, alert, NULL)))
		return true;
	seen->count++;
	seen->escalated += alert->page_status != NULL ? 1 : 0;
	seen->rule_bytes += bytes(alert->rule);
	seen->host_bytes += bytes(alert->host);
	return true;
}

static bool by_past(void *ctx, const struct past_alert *past)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->escalated += past->is_escalated ? 1 : 0;
	seen->rule_bytes += bytes(past->rule);
	seen->host_bytes += bytes(past->host);
	return seen->count != seen->limit;
}

static void assert_same(
    struct world *world, struct storage *reader, const struct past_query *query, int round)
{
	const struct alert_query all = {
	    .status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = SIZE_MAX};
	struct seen looked = {.query = query}, past = {.query = query};
	struct error err = {0};

	assert_ok(storage_each_alert(world->storage, &all, by_look, &looked, &err), err);
	assert_ok(storage_each_past_alert(reader, query, by_past, &past, &err), err);

	if (looked.count != past.count || looked.escalated != past.escalated ||
	    looked.rule_bytes != past.rule_bytes || looked.host_bytes != past.host_bytes)
		fail_msg("round %d, first match %s: %lld by look, %lld by past", round,
		    query->matches->count > 0 ? query->matches->list[0]->source : "none",
		    (long long)looked.count, (long long)past.count);
}

static struct storage *reader_of(struct world *world)
{
	struct error err = {0};
	struct storage *reader = storage_open_reader(world->url, &err);

	if (reader == NULL)
		fail_msg("%s", err.text);
	return reader;
}

/* ---- promises ------------------------------------------------------------------------------------------- */

static void past__each_match_alone__fits_as_intake_would_say(void **state)
{
	struct world *world = *state;
	struct storage *reader;

	alerts_come(world);
	reader = reader_of(world);
	for (size_t i = 0; i < sizeof(some_matches) / sizeof(some_matches[0]); i++) {
		char *text[] = {(char *)some_matches[i]};
		struct matches matches;
		struct past_query query = {.since = SINCE, .matches = &matches};
		struct error err = {0};

		assert_ok(matches_parse(text, 1, &matches, &err), err);

		assert_same(world, reader, &query, (int)i);
		matches_fini(&matches);
	}
	storage_close(reader);
}

static void past__random_matches_and_binding__fits_as_intake_would_say(void **state)
{
	static char *const logins[] = {(char *)"alice", (char *)"aliced"};
	struct match *actor = match_actor(logins, 2);
	struct world *world = *state;
	struct storage *reader;

	alerts_come(world);
	reader = reader_of(world);
	for (int round = 0; round < ROUNDS; round++) {
		char *texts[3];
		size_t count = 1 + dice(3);
		struct matches matches;
		struct past_query query = {.since = SINCE + dice(ALERTS), .matches = &matches};
		struct error err = {0};

		for (size_t i = 0; i < count; i++)
			texts[i] = (char *)PICK(some_matches);
		assert_ok(matches_parse(texts, count, &matches, &err), err);
		query.is_bound = dice(2) == 0;
		query.actor = dice(3) == 0 ? NULL : actor;

		assert_same(world, reader, &query, round);
		matches_fini(&matches);
	}
	storage_close(reader);
	match_free(actor);
}

static void past__each_says_stop__ends_there(void **state)
{
	struct world *world = *state;
	struct matches none = {0};
	struct past_query query = {.since = SINCE, .matches = &none};
	struct seen seen = {.limit = 7};
	struct error err = {0};

	alerts_come(world);
	assert_ok(storage_each_past_alert(world->storage, &query, by_past, &seen, &err), err);

	assert_int_equal(seen.count, 7);
}

static void past__stopped_from_outside__fails_and_works_again(void **state)
{
	struct world *world = *state;
	struct matches none = {0};
	struct past_query query = {.since = SINCE, .matches = &none};
	struct storage *reader;
	struct seen seen = {0};
	struct error err = {0};
	atomic_bool stop = true;

	alerts_come(world);
	reader = reader_of(world);
	storage_stop_when(reader, &stop);
	assert_false(storage_each_past_alert(reader, &query, by_past, &seen, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_true(seen.count < ALERTS - 100);

	stop = false;
	seen.count = 0;
	assert_ok(storage_each_past_alert(reader, &query, by_past, &seen, &err), err);
	assert_int_equal(seen.count, ALERTS - 100);
	storage_close(reader);
}

/* Nothing of an alert is written again when only what is not in the narrow index changes, and everything is when it does. */
static void past__alert_raised_and_paged_later__is_seen_as_it_is_now(void **state)
{
	struct world *world = *state;
	char *text[] = {(char *)"severity=critical"};
	struct matches matches;
	struct past_query query = {.since = SINCE, .matches = &matches};
	struct seen before = {0}, after = {0};
	struct error err = {0};
	struct alert *alert;
	int64_t id = world_alert(world, "key", ALERT_OPEN, NOON);

	assert_ok(matches_parse(text, 1, &matches, &err), err);
	assert_ok(storage_each_past_alert(world->storage, &query, by_past, &before, &err), err);
	alert = storage_alert(world->storage, id, &err);
	alert->severity = SEVERITY_CRITICAL;
	alert->page_status = xstrdup("waiting");
	assert_ok(storage_put_alert(world->storage, alert, &err), err);
	alert_free(alert);
	assert_ok(storage_each_past_alert(world->storage, &query, by_past, &after, &err), err);

	assert_int_equal(before.count, 0);
	assert_int_equal(after.count, 1);
	assert_int_equal(after.escalated, 1);
	matches_fini(&matches);
}

static void preview__stored_and_forgotten__reads_back(void **state)
{
	struct world *world = *state;
	struct announcement announcement = {.max = 1,
	    .starts_at = NOON,
	    .ends_at = NOON + 60,
	    .created_at = NOON,
	    .over_at = TIME_NONE,
	    .lease_until = TIME_NONE,
	    .approved_at = TIME_NONE};
	const struct preview_counts counts = {.alerts = 41, .escalated = 2, .rules = 3, .hosts = 7};
	struct announcement *back;
	struct error err = {0};

	assert_ok(storage_add_announcement(world->storage, &announcement, &err), err);
	back = storage_announcement(world->storage, announcement.id, &err);
	assert_false(back->has_preview);
	announcement_free(back);

	assert_ok(storage_put_preview(world->storage, announcement.id, &counts, &err), err);
	announcement.matched = 1; /* a copy that knows of no preview does not take it away */
	assert_ok(storage_put_announcement(world->storage, &announcement, &err), err);
	back = storage_announcement(world->storage, announcement.id, &err);
	assert_true(back->has_preview);
	assert_int_equal(back->preview.alerts, 41);
	assert_int_equal(back->preview.escalated, 2);
	assert_int_equal(back->preview.rules, 3);
	assert_int_equal(back->preview.hosts, 7);
	announcement_free(back);

	assert_ok(storage_put_preview(world->storage, announcement.id, NULL, &err), err);
	back = storage_announcement(world->storage, announcement.id, &err);
	assert_false(back->has_preview);
	announcement_free(back);
	assert_false(storage_put_preview(world->storage, announcement.id + 1, &counts, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(past__each_match_alone__fits_as_intake_would_say),
	    TEST(past__random_matches_and_binding__fits_as_intake_would_say),
	    TEST(past__each_says_stop__ends_there),
	    TEST(past__stopped_from_outside__fails_and_works_again),
	    TEST(past__alert_raised_and_paged_later__is_seen_as_it_is_now),
	    TEST(preview__stored_and_forgotten__reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
