/* Who people are in Slack and in PagerDuty: asked once, remembered, never taken for somebody else. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/pagerduty/users.h"

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {api_token: u+TestTestTestTest00, from: headsup@example.com, routing_key: \"dddddddddddddddddddddddddddddddd\"}\n"
    "sources:\n"
    "  - {name: falco, format: falco, token: falco-secret-0000}\n"
    "tokens:\n"
    "  - {name: ci, token: ci-secret-00000000, may: [act]}\n"
    "  - {name: eve, token: eve-secret-0000000, may: [act]}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, pagerduty: PBOB1, email: bob@example.com, logins: [bob]}\n"
    "  - {slack: U0CAROL, logins: [carol]}\n"
    "  - {slack: U0DAN, email: dan@example.com, logins: [dan]}\n"
    "  - {slack: U0EVE, email: eve@example.com, logins: [eve]}\n"
    "  - {slack: U0FAY, email: fay@example.com}\n"
    "  - {slack: U0GUS, email: gus@example.com}\n";

static int setup(void **state)
{
	struct desk_world *w = desk_world_new(config_text);

	desk_world_begin(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct desk_world *w = *state;

	desk_world_end(w, true);
	desk_world_free(w);
	return 0;
}

/* ---- what words there are --------------------------------------------------------------------------------------- */

struct looked {
	const char *kind;
	struct buf *bodies;
	size_t count;
	int64_t first;
};

static bool look(void *ctx, const struct word *word)
{
	struct looked *looked = ctx;

	if (strcmp(word->kind, looked->kind) != 0)
		return true;
	if (looked->count++ == 0)
		looked->first = word->id;
	buf_printf(looked->bodies, "%s%s", looked->count > 1 ? " " : "", word->body);
	return true;
}

/* The bodies of all words of KIND, and the first one's id. */
static size_t words(struct desk_world *w, const char *kind, struct buf *bodies, int64_t *first)
{
	struct looked looked = {.kind = kind, .bodies = bodies};
	struct error err = {0};

	buf_init(bodies, 1 << 16);
	assert_true(storage_each_word(w->storage, -1, 0, 10000, look, &looked, &err));
	if (first != NULL)
		*first = looked.first;
	return looked.count;
}

static void assert_words(struct desk_world *w, const char *kind, const char *expected)
{
	struct buf bodies;

	words(w, kind, &bodies, NULL);
	assert_string_equal(buf_text(&bodies), expected);
	buf_fini(&bodies);
}

static size_t count_words(struct desk_world *w, const char *kind)
{
	struct buf bodies;
	size_t count = words(w, kind, &bodies, NULL);

	buf_fini(&bodies);
	return count;
}

/* ---- asking, as the conversations do ----------------------------------------------------------------------------- */

static struct user_found find(struct desk_world *w, const char *who)
{
	struct user_found found;
	struct error err = {0};

	assert_true(user_find(w->desk, who, &found, &err));
	return found;
}

static void assert_found(struct desk_world *w, const char *who, enum user_answer answer, const char *id, const char *email)
{
	struct user_found found = find(w, who);

	if (found.answer != answer)
		fail_msg("%s: answer %d, not %d", who, found.answer, answer);
	assert_string_equal(found.id, id);
	if (email == NULL)
		assert_null(found.email);
	else
		assert_string_equal(found.email, email);
	user_found_fini(&found);
}

/* The path of the step that asks for FOUND. */
static char *asks(struct desk_world *w, cJSON *body, const struct user_found *found)
{
	struct spoken spoken = {0};
	struct talk talk = {.desk = w->desk, .body = body, .spoken = &spoken};
	struct error err = {0};
	char *path;

	assert_true(users_ask(&talk, found, &err));
	assert_false(spoken.is_nothing);
	assert_string_equal(spoken.verb, "GET");
	assert_int_equal(spoken.peer, PEER_PAGERDUTY_API);
	assert_null(spoken.from);
	path = xstrdup(spoken.method);
	spoken_fini(&spoken);
	return path;
}

static void assert_asks(struct desk_world *w, cJSON *body, const struct user_found *found, const char *expected)
{
	char *path = asks(w, body, found);

	assert_string_equal(path, expected);
	free(path);
}

/* True: there is one more step. */
static bool hears(struct desk_world *w, cJSON *body, const struct user_found *found, int status, const char *text)
{
	cJSON *answer = text != NULL ? json_parse(text, strlen(text), NULL) : NULL;
	const struct reply reply = {.ok = status / 100 == 2, .status = status, .body = answer};
	struct talk talk = {.desk = w->desk, .body = body, .not_before = TIME_NONE};
	struct error err = {0};

	assert_true(users_heard(&talk, found, &reply, &err));
	cJSON_Delete(answer);
	return talk.goes_on;
}

/* WHO is looked for, and PagerDuty answers. */
static bool ask_and_hear(struct desk_world *w, const char *who, int status, const char *text)
{
	struct user_found found = find(w, who);
	cJSON *body = cJSON_CreateObject();
	bool goes_on;

	assert_int_equal(found.answer, USER_ASK);
	free(asks(w, body, &found));
	goes_on = hears(w, body, &found, status, text);
	user_found_fini(&found);
	cJSON_Delete(body);
	return goes_on;
}

#define USER(id, email, name) "{\"id\":\"" id "\",\"type\":\"user\",\"email\":\"" email "\",\"name\":\"" name "\"}"
#define PAGE(users, more) "{\"users\":[" users "],\"limit\":100,\"offset\":0,\"more\":" more "}"

static void knows(struct desk_world *w, const char *id, const char *email, const char *name)
{
	const struct pagerduty_user user = {(char *)id, (char *)email, (char *)name, w->desk->now};
	struct error err = {0};

	assert_true(storage_put_pagerduty_user(w->storage, &user, &err));
}

static void slack_knows(struct desk_world *w, const char *who, const char *email, bool is_bot)
{
	const struct profile profile = {
	    .slack = (char *)who, .name = (char *)who, .email = (char *)email, .is_bot = is_bot, .fetched_at = w->desk->now};
	struct error err = {0};

	assert_true(storage_put_profile(w->storage, &profile, &err));
}

/* ---- from here to there ------------------------------------------------------------------------------------------ */

static void person__by_any_of_their_names__is_asked_for_by_what_is_surest(void **state)
{
	static const struct {
		const char *who;
		enum user_answer answer;
		const char *id, *email;
	} cases[] = {
	    {"U0ALICE", USER_ASK, "", "alice@example.com"},
	    {"aliced", USER_ASK, "", "alice@example.com"},
	    {"Alice@Example.com", USER_ASK, "", "alice@example.com"},
	    {"U0BOB", USER_ASK, "PBOB1", NULL},
	    {"bob@example.com", USER_ASK, "PBOB1", NULL},
	    {"dan", USER_ASK, "", "dan@example.com"},
	    {"someone@example.com", USER_ASK, "", "someone@example.com"},
	    {"ci", USER_STRANGER, "", NULL},
	    {"eve", USER_STRANGER, "", NULL}, /* a token, though a person's login as well */
	    {"U0EVE", USER_ASK, "", "eve@example.com"},
	    {"headsup", USER_STRANGER, "", NULL},
	    {"falco", USER_STRANGER, "", NULL},
	    {"", USER_STRANGER, "", NULL},
	    {NULL, USER_STRANGER, "", NULL},
	    {"a@b@c", USER_STRANGER, "", NULL},
	    {"@example.com", USER_STRANGER, "", NULL},
	    {"x@", USER_STRANGER, "", NULL},
	    {"x@example.com\r\nX-Evil: 1", USER_STRANGER, "", NULL},
	    {"x@ex\xc3\xa4mple.com", USER_STRANGER, "", NULL},
	    {"<x@example.com>", USER_STRANGER, "", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_found(*state, cases[i].who, cases[i].answer, cases[i].id, cases[i].email);
}

static void address__longer_than_any__is_nobodys(void **state)
{
	char who[USER_EMAIL_MAX + 2];

	memset(who, 'x', sizeof(who) - 1);
	who[sizeof(who) - 1] = '\0';
	who[3] = '@';
	assert_found(*state, who, USER_STRANGER, "", NULL);

	who[sizeof(who) - 2] = '\0';
	assert_found(*state, who, USER_ASK, "", who);
}

static void search__for_an_address__is_encoded_and_finds_the_whole_address_alone(void **state)
{
	struct desk_world *w = *state;
	struct user_found found = find(w, "U0ALICE");
	cJSON *body = cJSON_CreateObject();

	assert_asks(w, body, &found, "/users?query=alice%40example.com&limit=100");
	assert_false(hears(w, body, &found, 200,
	    PAGE(USER("P1", "malice@example.com", "Mallory") "," USER("P2", "alice@example.com.evil", "Mallory") "," USER(
		     "../x", "alice@example.com", "Mallory") "," USER("PALICE", "ALICE@example.com", "Alice"),
		"false")));

	assert_found(w, "U0ALICE", USER_KNOWN, "PALICE", "ALICE@example.com");
	assert_found(w, "aliced", USER_KNOWN, "PALICE", "ALICE@example.com");
	user_found_fini(&found);
	cJSON_Delete(body);
}

static void search__answered_as_documented__finds_its_user(void **state)
{
	struct desk_world *w = *state;
	FILE *file = fopen("tests/data/pagerduty/rest-users-query-response.json", "r");
	char text[8192];
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';

	assert_false(ask_and_hear(w, "blair@example.com", 200, text));

	assert_found(w, "blair@example.com", USER_KNOWN, "PAM4FGS", "blair@example.com");
}

static void search__of_several_pages__goes_on_where_it_was(void **state)
{
	struct desk_world *w = *state;
	struct user_found found = find(w, "U0ALICE");
	cJSON *body = cJSON_CreateObject();

	json_put(body, "step", "who");
	assert_true(hears(w, body, &found, 200, PAGE(USER("P1", "x@example.com", "X") "," USER("P2", "y@example.com", "Y"), "true")));
	assert_found(w, "U0ALICE", USER_ASK, "", "alice@example.com");
	assert_asks(w, body, &found, "/users?query=alice%40example.com&limit=100&offset=2");
	assert_string_equal(json_text(body, "step"), "who");
	assert_false(hears(w, body, &found, 200, PAGE(USER("P9", "alice@example.com", "Alice"), "true")));

	assert_found(w, "U0ALICE", USER_KNOWN, "P9", "alice@example.com");
	assert_int_equal(cJSON_GetArraySize(body), 1); /* it left nothing behind */
	user_found_fini(&found);
	cJSON_Delete(body);
}

static void search__left_in_the_middle__does_not_shift_anothers(void **state)
{
	struct desk_world *w = *state;
	struct user_found alice = find(w, "U0ALICE"), dan = find(w, "dan");
	cJSON *body = cJSON_CreateObject();

	assert_true(hears(w, body, &alice, 200, PAGE(USER("P1", "x@example.com", "X"), "true")));

	assert_asks(w, body, &dan, "/users?query=dan%40example.com&limit=100");
	assert_false(hears(w, body, &dan, 200, PAGE("", "false")));
	assert_asks(w, body, &alice, "/users?query=alice%40example.com&limit=100");
	user_found_fini(&alice);
	user_found_fini(&dan);
	cJSON_Delete(body);
}

static void search__without_end__ends_all_the_same(void **state)
{
	struct desk_world *w = *state;
	struct user_found found = find(w, "U0ALICE");
	cJSON *body = cJSON_CreateObject();
	int pages = 1;

	while (hears(w, body, &found, 200, PAGE(USER("P1", "x@example.com", "X"), "true")))
		assert_true(++pages <= 100);

	assert_int_equal(pages, USER_PAGES_MAX);
	assert_found(w, "U0ALICE", USER_STRANGER, "", NULL);
	user_found_fini(&found);
	cJSON_Delete(body);
}

static void search__that_was_meddled_with__begins_anew(void **state)
{
	static const char *const bodies[] = {
	    "{\"user_pages\":{\"email\":\"alice@example.com\",\"looked\":-1,\"rows\":5}}",
	    "{\"user_pages\":{\"email\":\"alice@example.com\",\"looked\":1,\"rows\":99999999}}",
	    "{\"user_pages\":{\"email\":\"alice@example.com\",\"looked\":1,\"rows\":-5}}",
	    "{\"user_pages\":{\"email\":\"alice@example.com\",\"looked\":\"x\"}}",
	    "{\"user_pages\":[1]}",
	};
	struct desk_world *w = *state;
	struct user_found found = find(w, "U0ALICE");

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		cJSON *body = json_parse(bodies[i], strlen(bodies[i]), NULL);

		assert_asks(w, body, &found, "/users?query=alice%40example.com&limit=100");
		cJSON_Delete(body);
	}
	user_found_fini(&found);
}

static void answer__of_any_shape__settles_who_it_is(void **state)
{
	static const struct {
		const char *who;
		int status;
		const char *text;
		enum user_answer answer;
	} cases[] = {
	    {"dan", 200, PAGE("", "false"), USER_STRANGER},
	    {"dan", 200, PAGE("", "true"), USER_STRANGER},
	    {"dan", 200, "{\"users\":7,\"more\":true}", USER_STRANGER},
	    {"dan", 200, "{\"users\":[7,null,{},[]],\"more\":false}", USER_STRANGER},
	    {"dan", 200, "{\"users\":[{\"id\":7,\"email\":\"dan@example.com\"}]}", USER_STRANGER},
	    {"dan", 200, "{\"users\":[{\"id\":\"PD\",\"email\":null}]}", USER_STRANGER},
	    {"dan", 200, NULL, USER_STRANGER},
	    {"dan", 404, "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}", USER_STRANGER},
	    {"dan", 403, "{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}", USER_STRANGER},
	    {"dan", 400, NULL, USER_STRANGER},
	    {"dan", 200, PAGE(USER("PDAN", "dan@example.com", ""), "false"), USER_KNOWN},
	    /* Bob's id is nobody's, or cannot be read: his e-mail is tried next. */
	    {"bob", 200, "{\"user\":{\"id\":\"PBOB1\",\"email\":\"robert@example.com\"}}", USER_KNOWN},
	    {"bob", 200, "{\"user\":{\"id\":\"PBOB1\",\"name\":\"Bob\"}}", USER_KNOWN},
	    {"bob", 200, "{\"user\":{\"id\":\"PBOB1\",\"name\":\"Bob\",\"email\":\"x@y\\r\\nEvil: 1\"}}", USER_KNOWN},
	    {"bob", 200, "{\"user\":{\"id\":\"POTHER\",\"email\":\"bob@example.com\"}}", USER_ASK},
	    {"bob", 200, "{\"user\":[]}", USER_ASK},
	    {"bob", 200, NULL, USER_ASK},
	    {"bob", 404, NULL, USER_ASK},
	    {"bob", 403, NULL, USER_ASK},
	};
	struct desk_world *w = *state;
	struct error err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct user_found found;

		assert_true(storage_begin(w->storage, &err));
		assert_false(ask_and_hear(w, cases[i].who, cases[i].status, cases[i].text));
		found = find(w, cases[i].who);
		if (found.answer != cases[i].answer)
			fail_msg("case %zu: %d", i, found.answer);
		if (found.answer == USER_KNOWN && strcmp(cases[i].who, "bob") == 0)
			assert_true(strcmp(found.email, "bob@example.com") == 0 || strcmp(found.email, "robert@example.com") == 0);
		if (found.answer == USER_ASK)
			assert_string_equal(found.email, "bob@example.com");
		user_found_fini(&found);
		assert_true(storage_end(w->storage, false, &err));
	}
}

static void person__whose_id_is_known__is_asked_for_by_it(void **state)
{
	struct desk_world *w = *state;
	struct user_found found = find(w, "bob");
	cJSON *body = cJSON_CreateObject();

	assert_asks(w, body, &found, "/users/PBOB1");
	assert_false(hears(w, body, &found, 200, "{\"user\":" USER("PBOB1", "robert@example.com", "Robert") "}"));

	assert_found(w, "U0BOB", USER_KNOWN, "PBOB1", "robert@example.com");
	user_found_fini(&found);
	cJSON_Delete(body);
}

static void what_was_told__is_asked_for_again_when_it_is_old(void **state)
{
	struct desk_world *w = *state;

	assert_false(ask_and_hear(w, "U0ALICE", 200, PAGE(USER("PALICE", "alice@example.com", "Alice"), "false")));
	assert_false(ask_and_hear(w, "dan", 200, PAGE("", "false")));

	w->desk->now = NOON + STRANGER_FRESH_S - 1;
	assert_found(w, "dan", USER_STRANGER, "", NULL);
	w->desk->now = NOON + STRANGER_FRESH_S;
	assert_found(w, "dan", USER_ASK, "", "dan@example.com");
	w->desk->now = NOON + USER_FRESH_S - 1;
	assert_found(w, "U0ALICE", USER_KNOWN, "PALICE", "alice@example.com");
	w->desk->now = NOON + USER_FRESH_S;
	assert_found(w, "U0ALICE", USER_ASK, "", "alice@example.com");
	w->desk->now = NOON - 1; /* the clock was set back */
	assert_found(w, "U0ALICE", USER_ASK, "", "alice@example.com");
}

static void user__of_whom_nothing_is_told_any_more__stays_known_for_a_while(void **state)
{
	struct desk_world *w = *state;

	knows(w, "PALICE", "alice@example.com", "Alice");
	w->desk->now = NOON + USER_FRESH_S;
	assert_false(ask_and_hear(w, "U0ALICE", 403, NULL));

	assert_found(w, "U0ALICE", USER_KNOWN, "PALICE", "alice@example.com");
	w->desk->now += STRANGER_FRESH_S;
	assert_found(w, "U0ALICE", USER_ASK, "", "alice@example.com");
}

static void person__without_an_address__is_asked_of_slack_once(void **state)
{
	struct desk_world *w = *state;

	assert_found(w, "U0CAROL", USER_WAIT, "", NULL);
	assert_found(w, "carol", USER_WAIT, "", NULL);
	assert_words(w, WORD_PROFILE, "{\"user\":\"U0CAROL\"}");

	slack_knows(w, "U0CAROL", "carol@example.com", false);
	assert_found(w, "U0CAROL", USER_ASK, "", "carol@example.com");
	assert_int_equal(count_words(w, WORD_PROFILE), 1);
}

static void profile__that_slack_told__decides(void **state)
{
	struct desk_world *w = *state;

	slack_knows(w, "U0NOMAIL", NULL, false);
	slack_knows(w, "U0BOT", "bot@example.com", true);
	slack_knows(w, "U0EVIL", "x@example.com\r\nX-Evil: 1", false);

	assert_found(w, "U0NOMAIL", USER_STRANGER, "", NULL);
	assert_found(w, "U0BOT", USER_STRANGER, "", NULL);
	assert_found(w, "U0EVIL", USER_STRANGER, "", NULL);
	assert_int_equal(count_words(w, WORD_PROFILE), 0);

	w->desk->now += 2 * 86400; /* they may have one by now */
	assert_found(w, "U0NOMAIL", USER_WAIT, "", NULL);
}

static void person__whose_configured_address_is_nobodys__is_looked_for_by_that_of_slack(void **state)
{
	struct desk_world *w = *state;

	assert_false(ask_and_hear(w, "U0ALICE", 200, PAGE("", "false")));
	assert_found(w, "U0ALICE", USER_STRANGER, "", NULL); /* Slack is not asked for one more */
	assert_int_equal(count_words(w, WORD_PROFILE), 0);
	slack_knows(w, "U0ALICE", "a.smith@example.com", false);
	assert_false(ask_and_hear(w, "U0ALICE", 200, PAGE(USER("PAS", "a.smith@example.com", "A"), "false")));

	assert_found(w, "U0ALICE", USER_KNOWN, "PAS", "a.smith@example.com");
}

static void users__without_a_token__are_strangers_and_nobody_is_asked(void **state)
{
	struct desk_world *w = desk_world_new(NULL);
	struct error err = {0};

	(void)state;
	desk_world_begin(w);

	assert_found(w, "U0ALICE", USER_STRANGER, "", NULL);
	assert_found(w, "U0NEW", USER_STRANGER, "", NULL);
	assert_true(user_is_known(w->desk, "PX"));
	assert_true(user_learn(w->desk, "PX", &err));
	assert_true(users_tick(w->desk, &err));
	assert_int_equal(count_words(w, WORD_USER), 0);
	assert_int_equal(count_words(w, WORD_PROFILE), 0);
	desk_world_end(w, true);
	desk_world_free(w);
}

/* ---- from there to here ------------------------------------------------------------------------------------------ */

static void user_of_pagerduty__is_named_here_by_what_is_surest(void **state)
{
	static const struct {
		const char *id, *name, *here;
	} cases[] = {
	    {"PBOB1", "Robert", "U0BOB"},              /* by the configuration's id */
	    {"PALICE", "Alice Smith", "U0ALICE"},      /* by the configuration's e-mail */
	    {"PZOE", "Zoe", "U0ZOE"},                  /* by the profile's e-mail */
	    {"PBOT", "Robot", "Robot"},                /* a bot has that address */
	    {"PNEW", "New Person", "New Person"},      /* nobody here has that address */
	    {"PNEW", NULL, "Newly Named"},             /* as PagerDuty told before */
	    {"PUNKNOWN", "Some One", "Some One"},
	    {"PUNKNOWN", NULL, "somebody"},
	    {"PUNKNOWN", "", "somebody"},
	    {"PUNKNOWN", " \t\xe2\x80\x8b", "somebody"},
	    {NULL, "Some One", "Some One"},
	    {NULL, NULL, "somebody"},
	    {"../users", "Some One", "Some One"},
	    {"PUNKNOWN", "  Line\r\none \x1b[31m\xe2\x80\xaeX  ", "Line one [31mX"},
	    {"PUNKNOWN", "\xff\xfeX", "\xef\xbf\xbd\xef\xbf\xbdX"},
	    /* Names that stand for somebody here are not believed. */
	    {"PUNKNOWN", "U0ALICE", "U0ALICE (PagerDuty)"},
	    {"PUNKNOWN", "\xe2\x80\x8bU0ALICE ", "U0ALICE (PagerDuty)"},
	    {"PUNKNOWN", "S0SECURITY", "S0SECURITY (PagerDuty)"},
	    {"PUNKNOWN", "alice", "alice (PagerDuty)"},
	    {"PUNKNOWN", "alice@example.com", "alice@example.com (PagerDuty)"},
	    {"PUNKNOWN", "ci", "ci (PagerDuty)"},
	    {"PUNKNOWN", "HeadsUp", "HeadsUp (PagerDuty)"},
	    {"PUNKNOWN", "PagerDuty", "PagerDuty (PagerDuty)"},
	};
	struct desk_world *w = *state;

	knows(w, "PALICE", "Alice@example.com", "Alice");
	knows(w, "PZOE", "zoe@example.com", "Zoe");
	knows(w, "PBOT", "bot@example.com", "Robot");
	knows(w, "PNEW", "new@example.com", "Newly Named");
	slack_knows(w, "U0ZOE", "Zoe@Example.com", false);
	slack_knows(w, "U0BOT", "bot@example.com", true);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *here = user_here(w->desk, cases[i].id, cases[i].name);

		if (strcmp(here, cases[i].here) != 0)
			fail_msg("case %zu: %s, not %s", i, here, cases[i].here);
		free(here);
	}
}

static void name__of_any_length__is_cut_between_characters(void **state)
{
	char name[600], *here;

	for (size_t i = 0; i + 3 < sizeof(name); i += 3)
		memcpy(name + i, "\xe2\x82\xac", 4);
	here = user_here(((struct desk_world *)*state)->desk, "PX", name);

	assert_int_equal(strlen(here), 80 * 3);
	assert_memory_equal(here, name, 80 * 3);
	free(here);
}

static void user__is_known__when_nothing_is_to_be_asked_first(void **state)
{
	struct desk_world *w = *state;

	assert_true(user_is_known(w->desk, "PBOB1"));
	assert_false(user_is_known(w->desk, "PALICE"));
	assert_true(user_is_known(w->desk, NULL));
	assert_true(user_is_known(w->desk, "../x"));

	knows(w, "PALICE", "alice@example.com", "Alice");
	knows(w, "PGONE", NULL, NULL);
	assert_true(user_is_known(w->desk, "PALICE"));
	assert_true(user_is_known(w->desk, "PGONE"));
	w->desk->now += 20 * 86400;
	assert_true(user_is_known(w->desk, "PALICE"));
	assert_false(user_is_known(w->desk, "PGONE"));
}

/* ---- learning ---------------------------------------------------------------------------------------------------- */

/* The first word of WORD_USER is said and answered; true: it goes on. */
static bool say_and_hear(struct desk_world *w, const char *path, int status, const char *text)
{
	cJSON *answer = text != NULL ? json_parse(text, strlen(text), NULL) : NULL;
	const struct reply reply = {.ok = status / 100 == 2, .status = status, .body = answer};
	struct word_next next;
	struct spoken spoken;
	struct error err = {0};
	struct buf bodies;
	struct word *word;
	bool goes_on;
	int64_t id;

	words(w, WORD_USER, &bodies, &id);
	buf_fini(&bodies);
	word = storage_word(w->storage, id);
	assert_non_null(word);
	assert_string_equal(word->lane, PAGERDUTY_LANE);
	assert_true(word_render(w->desk, word, &spoken, &err));
	assert_string_equal(spoken.method, path);
	spoken_fini(&spoken);
	assert_true(word_delivered(w->desk, word, &reply, &next, &err));
	goes_on = next.body != NULL;
	if (goes_on) {
		char *body = json_write(next.body);

		assert_true(storage_go_on_word(w->storage, id, body, next.not_before, &err));
		free(body);
	} else {
		assert_true(storage_remove_word(w->storage, id, &err));
	}
	word_next_fini(&next);
	word_free(word);
	cJSON_Delete(answer);
	return goes_on;
}

static void learning__an_id__is_left_once_and_told(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	char *here;

	assert_true(user_learn(w->desk, "PALICE", &err));
	assert_true(user_learn(w->desk, "PALICE", &err));
	assert_true(user_learn(w->desk, "PBOB1", &err)); /* the configuration names him */
	assert_true(user_learn(w->desk, "..", &err));
	assert_words(w, WORD_USER, "{\"id\":\"PALICE\"}");
	assert_false(say_and_hear(w, "/users/PALICE", 200, "{\"user\":" USER("PALICE", "alice@example.com", "Alice") "}"));

	assert_true(user_is_known(w->desk, "PALICE"));
	here = user_here(w->desk, "PALICE", NULL);
	assert_string_equal(here, "U0ALICE");
	free(here);
	assert_true(user_learn(w->desk, "PALICE", &err));
	assert_int_equal(count_words(w, WORD_USER), 0);
}

static void learning__an_id_that_is_nobodys__ends(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	assert_true(user_learn(w->desk, "PGONE", &err));
	assert_false(say_and_hear(w, "/users/PGONE", 404, "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}"));

	assert_true(user_is_known(w->desk, "PGONE"));
	assert_true(user_learn(w->desk, "PGONE", &err));
	assert_int_equal(count_words(w, WORD_USER), 0);
}

/* ---- who has an address in Slack --------------------------------------------------------------------------------- */

/* Slack's answer to the first word of WORD_USER, which asks for EMAIL. */
static void slack_answers(struct desk_world *w, const char *email, bool is_ok, const char *text)
{
	cJSON *answer = json_parse(text, strlen(text), NULL);
	const struct reply reply = {.ok = is_ok, .status = 200, .body = answer};
	struct word_next next;
	struct spoken spoken;
	struct error err = {0};
	struct buf bodies;
	struct word *word;
	int64_t id;

	words(w, WORD_USER, &bodies, &id);
	buf_fini(&bodies);
	word = storage_word(w->storage, id);
	assert_non_null(word);
	assert_string_equal(word->lane, "slack-users");
	assert_true(word->deadline > w->desk->now); /* what cannot be answered stays in nobody's way */
	assert_true(word_render(w->desk, word, &spoken, &err));
	assert_int_equal(spoken.peer, PEER_SLACK);
	assert_string_equal(spoken.method, "users.lookupByEmail");
	assert_true(spoken.is_form);
	assert_string_equal(json_text(spoken.body, "email"), email);
	spoken_fini(&spoken);
	if (is_ok) {
		assert_true(word_delivered(w->desk, word, &reply, &next, &err));
		assert_null(next.body);
		word_next_fini(&next);
	} else {
		assert_true(word_failed(w->desk, word, &reply, true, &err));
	}
	assert_true(storage_remove_word(w->storage, id, &err));
	word_free(word);
	cJSON_Delete(answer);
}

static void assert_here(struct desk_world *w, const char *id, const char *name, const char *expected)
{
	char *here = user_here(w->desk, id, name);

	assert_string_equal(here, expected);
	free(here);
}

static void user_of_pagerduty__whom_slack_has_not_told__is_looked_up_there(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	struct profile profile;

	assert_true(user_learn(w->desk, "PHAL", &err));
	assert_false(say_and_hear(w, "/users/PHAL", 200, "{\"user\":" USER("PHAL", "Hal@example.com", "Hal") "}"));
	assert_here(w, "PHAL", "Hal", "Hal");
	assert_words(w, WORD_USER, "{\"slack\":\"hal@example.com\"}");
	slack_answers(w, "hal@example.com", true,
	    "{\"ok\":true,\"user\":{\"id\":\"U0HAL\",\"name\":\"hal\",\"tz\":\"Europe/Berlin\",\"is_restricted\":true,"
	    "\"profile\":{\"display_name\":\"\",\"email\":\"hal@example.com\"}}}");

	assert_here(w, "PHAL", "Hal", "U0HAL");
	assert_true(storage_profile(w->storage, "U0HAL", &profile));
	assert_string_equal(profile.name, "hal");
	assert_string_equal(profile.email, "hal@example.com");
	assert_string_equal(profile.timezone, "Europe/Berlin");
	assert_true(profile.is_guest);
	profile_fini(&profile);
}

static void user_of_pagerduty__who_is_not_in_slack__is_looked_up_once_a_day(void **state)
{
	static const char *const answers[] = {"{\"ok\":false,\"error\":\"users_not_found\"}", "{\"ok\":true}",
	    "{\"ok\":true,\"user\":{\"id\":\"<!channel>\"}}", "{\"ok\":true,\"user\":[]}"};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_false(ask_and_hear(w, "ivy@example.com", 200, PAGE(USER("PIVY", "ivy@example.com", "Ivy"), "false")));
		slack_answers(w, "ivy@example.com", i > 0, answers[i]);
		assert_here(w, "PIVY", "Ivy", "Ivy");
		knows(w, "PIVY", "other@example.com", "Ivy");
		assert_false(ask_and_hear(w, "ivy@example.com", 200, PAGE(USER("PIVY", "ivy@example.com", "Ivy"), "false")));
		assert_int_equal(count_words(w, WORD_USER), 0);
		w->desk->now += 86400;
	}
}

static void user_of_pagerduty__who_became_known_meanwhile__is_not_looked_up(void **state)
{
	struct desk_world *w = *state;
	struct spoken spoken;
	struct error err = {0};
	struct buf bodies;
	struct word *word;
	int64_t id;

	assert_false(ask_and_hear(w, "U0ALICE", 200, PAGE(USER("PALICE", "alice@example.com", "Alice"), "false")));
	assert_int_equal(count_words(w, WORD_USER), 0); /* the configuration knows her */
	assert_false(ask_and_hear(w, "ivy@example.com", 200, PAGE(USER("PIVY", "ivy@example.com", "Ivy"), "false")));
	slack_knows(w, "U0IVY", "ivy@example.com", false);
	words(w, WORD_USER, &bodies, &id);
	buf_fini(&bodies);
	word = storage_word(w->storage, id);

	assert_true(word_render(w->desk, word, &spoken, &err));
	assert_true(spoken.is_nothing);
	spoken_fini(&spoken);
	word_free(word);
}

static void learning__the_configurations_people__takes_a_few_at_a_time_and_a_day(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	assert_true(users_tick(w->desk, &err));
	assert_true(users_tick(w->desk, &err));
	assert_words(w, WORD_USER,
	    "{\"email\":\"alice@example.com\"} {\"id\":\"PBOB1\"} {\"email\":\"dan@example.com\"} {\"email\":\"eve@example.com\"}");
	assert_words(w, WORD_PROFILE, "{\"user\":\"U0CAROL\"}");
	w->desk->now += 10;
	assert_true(users_tick(w->desk, &err));
	assert_int_equal(count_words(w, WORD_USER), 6);

	assert_false(say_and_hear(w, "/users?query=alice%40example.com&limit=100", 200,
	    PAGE(USER("PALICE", "alice@example.com", "Alice"), "false")));
	assert_false(say_and_hear(w, "/users/PBOB1", 200, "{\"user\":" USER("PBOB1", "bob@example.com", "Bob") "}"));
	assert_true(say_and_hear(w, "/users?query=dan%40example.com&limit=100", 200, PAGE(USER("P1", "x@example.com", "X"), "true")));
	assert_false(say_and_hear(w, "/users?query=dan%40example.com&limit=100&offset=1", 200,
	    PAGE(USER("PDAN", "dan@example.com", "Dan"), "false")));
	assert_found(w, "dan", USER_KNOWN, "PDAN", "dan@example.com");
	assert_int_equal(count_words(w, WORD_USER), 3);

	w->desk->now += 3600;
	assert_true(users_tick(w->desk, &err));
	assert_int_equal(count_words(w, WORD_USER), 3);
	w->desk->now = NOON + 86400 - 1;
	assert_true(users_tick(w->desk, &err));
	assert_int_equal(count_words(w, WORD_USER), 3);
	w->desk->now = NOON + 86400;
	assert_true(users_tick(w->desk, &err)); /* before what is known is old */
	assert_int_equal(count_words(w, WORD_USER), 6 - 1 + 1);
}

static void learning__after_a_start__asks_only_for_what_is_old(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	knows(w, "PALICE", "alice@example.com", "Alice");
	knows(w, "PBOB1", "bob@example.com", "Bob");
	knows(w, "PDAN", "dan@example.com", "Dan");
	assert_true(storage_put_mark(w->storage, "pagerduty.people", "1 7 11", &err));
	assert_true(users_tick(w->desk, &err));

	assert_words(w, WORD_USER, "{\"email\":\"eve@example.com\"}");
}

static void learning__from_a_mark_that_makes_no_sense__begins_anew(void **state)
{
	static const char *const marks[] = {"", "x", "1", "-5 -5 -5", "99999999999999999999 1 1", "9000000000000000000 0 0", "1 2 x"};
	struct desk_world *w = *state;
	struct error err = {0};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		assert_true(storage_begin(w->storage, &err));
		assert_true(storage_put_mark(w->storage, "pagerduty.people", marks[i], &err));
		assert_true(users_tick(w->desk, &err));
		if (count_words(w, WORD_USER) != 4)
			fail_msg("%s", marks[i]);
		assert_true(storage_end(w->storage, false, &err));
	}
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    test(person__by_any_of_their_names__is_asked_for_by_what_is_surest),
	    test(address__longer_than_any__is_nobodys),
	    test(search__for_an_address__is_encoded_and_finds_the_whole_address_alone),
	    test(search__answered_as_documented__finds_its_user),
	    test(search__of_several_pages__goes_on_where_it_was),
	    test(search__left_in_the_middle__does_not_shift_anothers),
	    test(search__without_end__ends_all_the_same),
	    test(search__that_was_meddled_with__begins_anew),
	    test(answer__of_any_shape__settles_who_it_is),
	    test(person__whose_id_is_known__is_asked_for_by_it),
	    test(what_was_told__is_asked_for_again_when_it_is_old),
	    test(user__of_whom_nothing_is_told_any_more__stays_known_for_a_while),
	    test(person__without_an_address__is_asked_of_slack_once),
	    test(profile__that_slack_told__decides),
	    test(person__whose_configured_address_is_nobodys__is_looked_for_by_that_of_slack),
	    cmocka_unit_test(users__without_a_token__are_strangers_and_nobody_is_asked),
	    test(user_of_pagerduty__is_named_here_by_what_is_surest),
	    test(name__of_any_length__is_cut_between_characters),
	    test(user__is_known__when_nothing_is_to_be_asked_first),
	    test(learning__an_id__is_left_once_and_told),
	    test(learning__an_id_that_is_nobodys__ends),
	    test(user_of_pagerduty__whom_slack_has_not_told__is_looked_up_there),
	    test(user_of_pagerduty__who_is_not_in_slack__is_looked_up_once_a_day),
	    test(user_of_pagerduty__who_became_known_meanwhile__is_not_looked_up),
	    test(learning__the_configurations_people__takes_a_few_at_a_time_and_a_day),
	    test(learning__after_a_start__asks_only_for_what_is_old),
	    test(learning__from_a_mark_that_makes_no_sense__begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
