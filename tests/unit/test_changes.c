/* Announcements as change events: to which services, when, and in what words. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/announcements.h"
#include "handlers/pagerduty/changes.h"
#include "handlers/words.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))
#define HOUR 3600
#define NIGHT (NOON + 14 * HOUR) /* Tuesday 02:00 UTC */

static const struct actor alice = {.who = "U0ALICE", .via = "slack", .from = "C1"};
static const struct actor bob = {.who = "U0BOB", .via = "slack", .from = "C1"};

/* Each service's key is one letter, many times. */
#define KEY_OF(letter) letter letter letter letter letter letter letter letter
static const char own_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "public_url: https://headsup.example.com\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#a\", page: {routing_key: \"" KEY_OF("aaaa") "\"}}\n"
    "  - {match: [\"service=payments\"], channel: \"#b\", page: {routing_key: \"" KEY_OF("bbbb") "\", from_severity: high}}\n"
    "  - {match: [\"host=db-*\"], channel: \"#c\", continue: true, page: {routing_key: \"" KEY_OF("cccc") "\"}}\n"
    "  - {match: [\"rule=legacy\"], channel: \"#r\", page: {routing_key: \"" KEY_OF("RRRR") "\"}}\n"
    "  - {match: [\"env=prod,staging\"], channel: \"#d\", page: {routing_key: \"" KEY_OF("dddd") "\"}}\n"
    "  - {match: [\"team=red\", \"title~.*key.*\"], channel: \"#e\", page: {routing_key: \"" KEY_OF("eeee") "\"}}\n"
    "  - {match: [\"severity=info\"], channel: \"#a\", page: {routing_key: \"" KEY_OF("aaaa") "\"}}\n"
    "  - {channel: \"#alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "working_hours: {days: mon-fri, from: \"08:00\", to: \"19:00\", timezone: UTC}\n";
static const char no_pages_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "routes:\n"
    "  - {channel: \"#alerts\"}\n";

static int setup(void **state)
{
	struct desk_world *w = desk_world_new(own_config);

	desk_world_knows(w, "U0ALICE", "alice@example.com", "Europe/Paris", false);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- given and when ------------------------------------------------------------------------------------- */

struct saying {
	const char *match[5];
	int64_t from, lease_s; /* from 0: now */
	const char *because;
};

static int64_t announces(struct desk_world *w, struct saying saying)
{
	struct announce_request request = {.match = (char **)saying.match,
	    .from = saying.from != 0 ? saying.from : TIME_NONE,
	    .until = TIME_NONE,
	    .for_s = saying.lease_s != 0 ? 0 : HOUR,
	    .lease_s = saying.lease_s,
	    .because = saying.because != NULL ? saying.because : "deploy 1.2.3"};
	struct announcement *made;
	struct error err = {0};
	bool again;
	int64_t id;

	while (request.match_count < LENGTH(saying.match) && saying.match[request.match_count] != NULL)
		request.match_count++;
	desk_world_begin(w);
	if (!announce(w->desk, &alice, &request, &made, &again, &err))
		fail_msg("%s: %s", saying.match[0], err.text);
	desk_world_end(w, true);
	id = made->id;
	announcement_free(made);
	return id;
}

static void ticks(struct desk_world *w, int64_t at)
{
	struct error err = {0};

	w->desk->now = at;
	desk_world_begin(w);
	assert_true(announcements_tick(w->desk, &err));
	desk_world_end(w, true);
}

/* ---- then ------------------------------------------------------------------------------------------------ */

struct telling {
	char subject[24];
	char letters[8]; /* of those that were told, in order */
	bool is_told[8];
	size_t count;
	int64_t last_not_before;
};

static const char letters[] = "abcdeR";

static bool find_change(void *ctx, const struct word *word)
{
	struct telling *telling = ctx;

	if (strcmp(word->kind, WORD_CHANGE) != 0 || (telling->subject[0] != '\0' && strcmp(word->subject, telling->subject) != 0))
		return true;
	telling->count++;
	telling->last_not_before = word->not_before;
	for (size_t i = 0; letters[i] != '\0'; i++) {
		char key[33], name[13], lane[64];

		memset(key, letters[i], 32);
		key[32] = '\0';
		key_fingerprint(key, name);
		snprintf(lane, sizeof(lane), "pagerduty:%s", name);
		assert_null(strstr(word->body, key));
		telling->is_told[i] = telling->is_told[i] || strcmp(lane, word->lane) == 0;
	}
	return true;
}

/* The change events about H<id> (0: about all) that wait. */
static struct telling told(struct desk_world *w, int64_t id)
{
	struct telling telling = {.count = 0};
	struct error err = {0};

	if (id != 0)
		snprintf(telling.subject, sizeof(telling.subject), "H%d", (int)id);
	assert_true(storage_each_word(w->storage, -1, 0, 10000, find_change, &telling, &err));
	for (size_t i = 0, count = 0; letters[i] != '\0'; i++) {
		if (telling.is_told[i])
			telling.letters[count++] = letters[i];
	}
	return telling;
}

static void assert_told(struct desk_world *w, int64_t id, const char *wanted)
{
	const struct telling telling = told(w, id);

	if (strcmp(telling.letters, wanted) != 0 || telling.count != strlen(wanted))
		fail_msg("H%d was told to %s (%zu), not to %s", (int)id, telling.letters, telling.count, wanted);
}

static void forgets(struct desk_world *w)
{
	struct word *word;
	struct error err = {0};

	desk_world_begin(w);
	for (int64_t id = 1; id < 200; id++) {
		word = storage_word(w->storage, id);
		if (word != NULL)
			assert_true(storage_remove_word(w->storage, id, &err));
		word_free(word);
	}
	desk_world_end(w, true);
}

/* ---- to which services ------------------------------------------------------------------------------------ */

static void services__that_the_matches_may_take__are_told(void **state)
{
	static const struct {
		const char *match[5];
		const char *wanted;
	} cases[] = {
	    {{"host=web-*"}, "abcde"},
	    {{"host=web-1"}, "abde"},
	    {{"host=db-1"}, "abc"}, /* which pages each, so that no later route does */
	    {{"host=db-1,web-1"}, "abcde"},
	    {{"host=db-*", "host!=db-1"}, "abcde"},
	    {{"service=payments"}, "ab"},
	    {{"service=web"}, "acde"},
	    {{"service=pay*"}, "abcde"},
	    {{"service=web*"}, "acde"},
	    {{"service!=payments", "host=web-1"}, "ade"},
	    {{"service=payments,web", "service!=payments"}, "acde"},
	    {{"service~pay.+"}, "abcde"},
	    {{"service~web.+"}, "acde"},
	    {{"severity=high", "host=web-1"}, "bde"},
	    {{"severity=high", "service=payments"}, "b"},
	    {{"severity=low", "service=payments"}, ""},
	    {{"severity~low|info", "host=web-1"}, "ade"},
	    {{"severity!=critical,info", "host=web-1"}, "bde"},
	    {{"severity=critical"}, ""}, /* pending: nothing of it counts */
	    {{"severity=info"}, "acde"},
	    {{"severity=info", "service=web", "host=web-1", "team=blue"}, "ad"},
	    {{"env=prod"}, "abcd"},
	    {{"env=dev"}, "abce"},
	    {{"env=prod,dev"}, "abcde"},
	    {{"env~dev.*"}, "abce"},
	    {{"team=blue"}, "abcd"},
	    {{"team=red", "env=dev"}, "abce"},
	    {{"title=\"new key\"", "team=red", "env=dev", "host=web-1"}, "abe"},
	    {{"title=\"nothing\"", "team=red", "env=dev", "host=web-1"}, "ab"},
	    {{"rule=legacy", "host=web-1"}, "ab"}, /* a ruleset's key takes no change events */
	    {{"rule=other", "host=web-1", "count=3"}, "abde"},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct saying saying = {.because = cases[i].match[0]};
		struct telling telling;
		int64_t id;

		memcpy(saying.match, cases[i].match, sizeof(saying.match));
		w->desk->now += 60; /* each has its turn */
		id = announces(w, saying);
		telling = told(w, id);
		if (strcmp(telling.letters, cases[i].wanted) != 0)
			fail_msg("%s: told to %s, not to %s", cases[i].match[0], telling.letters, cases[i].wanted);
		assert_int_equal(telling.count, strlen(cases[i].wanted));
		forgets(w);
	}
}

static void services__past_the_most__are_left_out(void **state)
{
	struct desk_world *w;
	struct buf config;

	(void)state;
	buf_init(&config, 1 << 16);
	buf_puts(&config, "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\nroutes:\n");
	for (int i = 0; i < CHANGE_KEYS_MAX + 3; i++)
		buf_printf(&config, "  - {match: [\"service=s%d\"], channel: \"#a\", page: {routing_key: \"%032d\"}}\n", i, i);
	buf_puts(&config, "  - {channel: \"#alerts\"}\n");
	w = desk_world_new(buf_text(&config));
	desk_world_knows(w, "U0ALICE", "alice@example.com", NULL, false);

	announces(w, (struct saying){.match = {"host=web-1"}});

	assert_int_equal(told(w, 0).count, CHANGE_KEYS_MAX);
	desk_world_free(w);
	buf_fini(&config);
}

static void services__of_which_none_is_paged__are_none(void **state)
{
	struct desk_world *w = desk_world_new(no_pages_config);

	(void)state;
	desk_world_knows(w, "U0ALICE", "alice@example.com", NULL, false);
	announces(w, (struct saying){.match = {"host=web-1"}});

	assert_int_equal(told(w, 0).count, 0);
	desk_world_free(w);
}

/* Finding out takes no longer than it may, whatever was announced. */
static void services__of_very_many_values__are_found_in_time(void **state)
{
	struct desk_world *w = *state;
	struct buf first;
	int64_t id;

	buf_init(&first, 4096);
	buf_puts(&first, "env=");
	for (int i = 0; i < 250; i++)
		buf_printf(&first, "%se%d", i > 0 ? "," : "", i);
	id = announces(w, (struct saying){.match = {buf_text(&first), "env~(.*)*e(.*)*", "env!~(x+)+y", "env!=e7", "host=web-1"}});

	assert_true(told(w, id).count >= 2);
	buf_fini(&first);
}

/* ---- when -------------------------------------------------------------------------------------------------- */

struct looking {
	struct word *found;
};

static bool take_change(void *ctx, const struct word *word)
{
	struct looking *looking = ctx;

	if (strcmp(word->kind, WORD_CHANGE) != 0)
		return true;
	looking->found = xcalloc(1, sizeof(*looking->found));
	looking->found->id = word->id;
	looking->found->priority = word->priority;
	looking->found->deadline = word->deadline;
	looking->found->not_before = word->not_before;
	return false;
}

static void change__of_what_begins_now__waits_behind_pages_and_not_for_ever(void **state)
{
	struct desk_world *w = *state;
	struct looking looking = {.found = NULL};
	struct error err = {0};

	announces(w, (struct saying){.match = {"severity=critical", "host=web-1"}, .lease_s = 30});
	/* Which demands an approval, and counts for nothing yet. */
	assert_told(w, 1, "");
	announces(w, (struct saying){.match = {"host=web-1"}, .lease_s = 30});
	assert_told(w, 2, "abde");
	assert_true(storage_each_word(w->storage, -1, 0, 100, take_change, &looking, &err));

	assert_non_null(looking.found);
	assert_true(looking.found->priority > 20);
	assert_int_equal(looking.found->deadline, NOON + 86400);
	assert_int_equal(looking.found->not_before, TIME_NONE);
	word_free(looking.found);
}

static void change__of_what_begins_later__is_told_when_it_begins_and_once(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	struct desk *again;
	const int64_t id = announces(w, (struct saying){.match = {"service=payments"}, .from = NOON + HOUR});

	assert_told(w, id, "");
	ticks(w, NOON + HOUR - 1);
	assert_told(w, id, "");
	ticks(w, NOON + HOUR);
	assert_told(w, id, "ab");
	forgets(w);
	/* After a restart its begin is due once more. */
	again = desk_new(w->config, w->storage, NOON + HOUR + 60, &err);
	assert_non_null(again);
	desk_free(w->desk);
	w->desk = again;
	ticks(w, NOON + HOUR + 60);
	assert_told(w, id, "");
}

static void change__of_what_is_taken_back__is_never_told(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, (struct saying){.match = {"service=payments"}, .from = NOON + HOUR});
	struct announcement *now;
	struct error err = {0};

	desk_world_begin(w);
	assert_true(announcement_cancel(w->desk, &alice, id, &now, &err));
	desk_world_end(w, true);
	announcement_free(now);
	ticks(w, NOON + HOUR);

	assert_told(w, id, "");
}

static void change__of_what_is_pending__is_told_when_it_is_approved(void **state)
{
	struct desk_world *w = *state;
	struct announcement *now;
	struct error err = {0};
	int64_t id;

	w->desk->now = NIGHT;
	desk_world_knows(w, "U0ALICE", "alice@example.com", NULL, false);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	id = announces(w, (struct saying){.match = {"service=payments"}});
	assert_told(w, id, "");
	w->desk->now += 60;
	desk_world_begin(w);
	if (!announcement_approve(w->desk, &bob, id, 0, &now, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	announcement_free(now);

	assert_told(w, id, "ab");
}

static void change__of_an_edit__is_told_to_the_services_that_are_new(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, (struct saying){.match = {"service=payments"}});
	char *match[] = {"env=prod", "host=web-1"};
	struct announcement *now;
	struct error err = {0};

	forgets(w);
	w->desk->now += 60;
	desk_world_begin(w);
	assert_true(announcement_edit(w->desk, &alice, id, match, 2, &now, &err));
	desk_world_end(w, true);
	announcement_free(now);

	assert_told(w, id, "d");
}

static void change__of_what_goes_on__is_not_told_again(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, (struct saying){.match = {"service=payments"}});
	struct announcement *now;
	struct error err = {0};

	forgets(w);
	desk_world_begin(w);
	assert_true(announcement_extend(w->desk, &alice, id, 1800, &now, &err));
	announcement_free(now);
	assert_true(announcement_end(w->desk, &alice, id, "done", &now, &err));
	announcement_free(now);
	desk_world_end(w, true);

	assert_told(w, id, "");
}

static void changes__of_very_many__leave_room_for_pages(void **state)
{
	struct desk_world *w = *state;
	int64_t last = 0;

	/* 120 events a minute, of which changes take 30; some at once. */
	for (int i = 1; i <= 40; i++) {
		const int64_t id = announces(w, (struct saying){.match = {"severity=high", "service=payments"}});
		const struct telling telling = told(w, id);

		assert_int_equal(telling.count, 1);
		if (i <= 16)
			assert_int_equal(telling.last_not_before, TIME_NONE);
		else
			assert_int_equal(telling.last_not_before, NOON + 2 * (i - 16));
		last = telling.last_not_before;
	}
	/* What was put off is made up for. */
	w->desk->now = last + 60;
	assert_int_equal(told(w, announces(w, (struct saying){.match = {"severity=high", "service=payments"}})).last_not_before,
	    TIME_NONE);
}

/* ---- in what words ------------------------------------------------------------------------------------------ */

static cJSON *event_of(struct desk_world *w, int64_t id, const char *letter)
{
	struct error err = {0};
	struct announcement *announcement = storage_announcement(w->storage, id, &err);
	char key[33], name[13];
	cJSON *event;

	memset(key, letter[0], 32);
	key[32] = '\0';
	key_fingerprint(key, name);
	event = change_event(w->desk, announcement, name, &err);
	announcement_free(announcement);
	assert_non_null(event);
	assert_string_equal(json_text(event, "routing_key"), key);
	return event;
}

static void event__of_an_announcement__says_who_what_and_until_when(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, (struct saying){.match = {"host=web-*", "rule=\"SSH login\"", "env=prod"}});
	cJSON *event = event_of(w, id, "d");
	const cJSON *payload = json_get(event, "payload"), *details = json_get(payload, "custom_details");
	const cJSON *link = cJSON_GetArrayItem(json_get(event, "links"), 0);
	int64_t max;

	assert_string_equal(json_text(payload, "summary"),
	    "H1 alice: deploy 1.2.3 · host=web-* rule=\"SSH login\" env=prod · until 13:00 UTC");
	assert_string_equal(json_text(payload, "timestamp"), "2026-03-02T12:00:00Z");
	assert_string_equal(json_text(payload, "source"), "headsup");
	assert_null(json_get(payload, "severity"));
	assert_null(json_get(event, "event_action"));
	assert_string_equal(json_text(details, "id"), "H1");
	assert_string_equal(json_text(details, "announced_by"), "alice");
	assert_string_equal(json_text(details, "because"), "deploy 1.2.3");
	assert_int_equal(cJSON_GetArraySize(json_get(details, "match")), 3);
	assert_string_equal(json_text(details, "starts_at"), "2026-03-02T12:00:00Z");
	assert_string_equal(json_text(details, "ends_at"), "2026-03-02T13:00:00Z");
	assert_true(json_int(details, "max", &max));
	assert_int_equal(max, 50);
	assert_string_equal(json_text(link, "href"), "https://headsup.example.com/v1/announcements/H1");
	cJSON_Delete(event);
}

static void event__of_hostile_and_long_text__is_plain_and_fits(void **state)
{
	struct desk_world *w = *state;
	char reason[ANNOUNCE_REASON_MAX + 1], match[1800];
	const char *summary;
	cJSON *event;
	int64_t id;

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	memcpy(reason, "a\x1b[31m\xe2\x80\xae\nb", 11);
	memset(match, 'y', sizeof(match) - 1);
	match[sizeof(match) - 1] = '\0';
	memcpy(match, "title=", 6);
	id = announces(w, (struct saying){.match = {"host=web-1", match}, .because = reason});
	event = event_of(w, id, "a");
	summary = json_text(json_get(event, "payload"), "summary");

	assert_true(utf16_length(summary, strlen(summary)) <= 1024);
	assert_null(strchr(summary, '\n'));
	assert_null(strchr(summary, '\x1b'));
	assert_null(strstr(summary, "\xe2\x80\xae"));
	assert_non_null(strstr(summary, "· host=web-1 title=yyy"));
	assert_non_null(strstr(summary, "· until 13:00 UTC"));
	cJSON_Delete(event);
}

static void event__for_a_key_that_is_gone__is_refused(void **state)
{
	struct desk_world *w = *state;
	const int64_t id = announces(w, (struct saying){.match = {"host=web-1"}});
	struct error err = {0};
	struct announcement *announcement = storage_announcement(w->storage, id, &err);

	assert_null(change_event(w->desk, announcement, "000000000000", &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	announcement_free(announcement);
}

static void word__of_a_change__goes_where_changes_are_taken(void **state)
{
	struct desk_world *w = *state;
	struct looking looking = {.found = NULL};
	struct error err = {0};
	struct spoken spoken;
	struct word *word;

	announces(w, (struct saying){.match = {"host=web-1"}});
	assert_true(storage_each_word(w->storage, -1, 0, 100, take_change, &looking, &err));
	word = storage_word(w->storage, looking.found->id);
	assert_true(word_render(w->desk, word, &spoken, &err));

	assert_int_equal(spoken.peer, PEER_PAGERDUTY_EVENTS);
	assert_string_equal(spoken.method, "/v2/change/enqueue");
	assert_string_equal(json_text(spoken.body, "routing_key"), KEY_OF("aaaa"));
	spoken_fini(&spoken);
	word_free(word);
	word_free(looking.found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(services__that_the_matches_may_take__are_told),
	    TEST(services__past_the_most__are_left_out),
	    TEST(services__of_which_none_is_paged__are_none),
	    TEST(services__of_very_many_values__are_found_in_time),
	    TEST(change__of_what_begins_now__waits_behind_pages_and_not_for_ever),
	    TEST(change__of_what_begins_later__is_told_when_it_begins_and_once),
	    TEST(change__of_what_is_taken_back__is_never_told),
	    TEST(change__of_what_is_pending__is_told_when_it_is_approved),
	    TEST(change__of_an_edit__is_told_to_the_services_that_are_new),
	    TEST(change__of_what_goes_on__is_not_told_again),
	    TEST(changes__of_very_many__leave_room_for_pages),
	    TEST(event__of_an_announcement__says_who_what_and_until_when),
	    TEST(event__of_hostile_and_long_text__is_plain_and_fits),
	    TEST(event__for_a_key_that_is_gone__is_refused),
	    TEST(word__of_a_change__goes_where_changes_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
