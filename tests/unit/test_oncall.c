/* Who is on call: asked for, told to who asked, and what it lets through at odd hours. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/commands.h"
#include "handlers/pagerduty/oncall.h"
#include "handlers/pagerduty/users.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))
#define URL "https://hooks.slack.com/commands/T/1/x"

static const char own_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {api_token: pd-token-0000000000, from: headsup@example.com}\n"
    "routes:\n"
    "  - {channel: \"#alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "working_hours: {days: mon-fri, from: \"08:00\", to: \"19:00\", timezone: UTC}\n";
static const char hourless_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {api_token: pd-token-0000000000, from: headsup@example.com}\n"
    "routes:\n"
    "  - {channel: \"#alerts\"}\n";

/* Who PagerDuty's users are. */
static void knows_user(struct desk_world *w, const char *id, const char *email, const char *name)
{
	const struct pagerduty_user user = {
	    .id = (char *)id, .email = (char *)email, .name = (char *)name, .fetched_at = w->desk->now};
	struct error err = {0};

	desk_world_begin(w);
	assert_true(storage_put_pagerduty_user(w->storage, &user, &err));
	desk_world_end(w, true);
}

static int setup(void **state)
{
	struct desk_world *w = desk_world_new(own_config);

	desk_world_knows(w, "U0ALICE", "alice@example.com", "Europe/Paris", false);
	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	knows_user(w, "PALICE", "Alice@Example.com", "Alice Example");
	knows_user(w, "PBOB", "bob@example.com", "Bob Example");
	knows_user(w, "PCAROL", "carol@elsewhere.example", "Carol *Doe*");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- given and when ------------------------------------------------------------------------------------- */

struct from {
	const char *response_url, *thread_ts;
};
static const struct from slash = {.response_url = URL}, mention = {.thread_ts = "17.1"};

/* TEXT is typed; what is answered at once, which the caller frees. */
static char *types(struct desk_world *w, struct from from, const char *text, bool *is_later)
{
	const struct asked asked = {
	    .actor = {.who = "U0ALICE", .via = "slack", .from = "C1"},
	    .channel = "C1",
	    .thread_ts = from.thread_ts,
	    .response_url = from.response_url,
	    .zone = "Europe/Paris",
	};
	struct error err = {0};
	struct buf answer;

	buf_init(&answer, 60000);
	desk_world_begin(w);
	assert_true(commands_run(w->desk, &asked, text, &answer, is_later, &err));
	desk_world_end(w, true);
	return buf_take(&answer);
}

static void asks(struct desk_world *w, struct from from, const char *text)
{
	bool is_later;
	char *answer = types(w, from, text, &is_later);

	assert_true(is_later);
	free(answer);
}

struct finding {
	const char *lane, *kind;
	int64_t ids[64];
	size_t count;
};

static bool find_word(void *ctx, const struct word *word)
{
	struct finding *finding = ctx;

	if (strcmp(word->kind, finding->kind) == 0 && (finding->lane == NULL || strcmp(word->lane, finding->lane) == 0) &&
	    finding->count < LENGTH(finding->ids))
		finding->ids[finding->count++] = word->id;
	return true;
}

static struct finding words(struct desk_world *w, const char *lane, const char *kind)
{
	struct finding finding = {.lane = lane, .kind = kind};
	struct error err = {0};

	assert_true(storage_each_word(w->storage, -1, 0, 10000, find_word, &finding, &err));
	return finding;
}

/* The word's turn comes: its path, NULL when it had nothing to say (and is gone). The caller frees. */
static char *turn(struct desk_world *w, int64_t id)
{
	struct word *word = storage_word(w->storage, id);
	struct spoken spoken;
	struct error err = {0};
	char *path = NULL;

	assert_non_null(word);
	desk_world_begin(w);
	if (!word_render(w->desk, word, &spoken, &err))
		fail_msg("%s", err.text);
	if (spoken.is_nothing) {
		assert_true(storage_remove_word(w->storage, id, &err));
	} else {
		assert_int_equal(spoken.peer, PEER_PAGERDUTY_API);
		assert_string_equal(spoken.verb, "GET");
		path = xstrdup(spoken.method);
	}
	desk_world_end(w, true);
	spoken_fini(&spoken);
	word_free(word);
	return path;
}

/* PagerDuty answers STATUS and BODY. */
static void answers(struct desk_world *w, int64_t id, int status, const char *text)
{
	struct word *word = storage_word(w->storage, id);
	cJSON *body = json_parse(text, strlen(text), NULL);
	const struct reply reply = {.ok = status == 200, .status = status, .body = body};
	struct word_next next;
	struct error err = {0};
	char *going;

	assert_non_null(word);
	desk_world_begin(w);
	if (!word_delivered(w->desk, word, &reply, &next, &err))
		fail_msg("%s", err.text);
	if (next.body != NULL) {
		going = json_write(next.body);
		assert_true(storage_go_on_word(w->storage, id, going, next.not_before, &err));
		free(going);
	} else {
		assert_true(storage_remove_word(w->storage, id, &err));
	}
	desk_world_end(w, true);
	word_next_fini(&next);
	word_free(word);
	cJSON_Delete(body);
}

static void fails(struct desk_world *w, int64_t id, int status)
{
	struct word *word = storage_word(w->storage, id);
	const struct reply reply = {.status = status, .error = "its time has passed"};
	struct error err = {0};

	desk_world_begin(w);
	assert_true(word_failed(w->desk, word, &reply, true, &err));
	assert_true(storage_remove_word(w->storage, id, &err));
	desk_world_end(w, true);
	word_free(word);
}

/* The one that asks. */
static int64_t asking(struct desk_world *w)
{
	const struct finding finding = words(w, PAGERDUTY_LANE, WORD_ONCALL);

	assert_int_equal(finding.count, 1);
	return finding.ids[0];
}

static void turns(struct desk_world *w, int64_t id, const char *wanted)
{
	char *path = turn(w, id);

	if (!text_equal(path, wanted))
		fail_msg("%s is not %s", path, wanted);
	free(path);
}

#define FIRST_PAGE "/oncalls?limit=100&offset=0&earliest=true"
#define ROW(policy, name, level, user, who, end)                                                                       \
	"{\"escalation_policy\":{\"id\":\"" policy "\",\"summary\":\"" name "\"},\"escalation_level\":" level              \
	",\"user\":{\"id\":\"" user "\",\"summary\":\"" who "\"},\"schedule\":null,\"start\":null,\"end\":" end "}"
#define UNTIL_18 "\"2026-03-02T18:00:00+01:00\"" /* 17:00 UTC */
static const char security[] =
    "{\"oncalls\":[" ROW("PSEC", "Security", "2", "PBOB", "Bob Example", "null") ","
    ROW("PSEC", "Security", "1", "PALICE", "Alice Example", UNTIL_18) ","
    ROW("PSEC", "Security", "2", "PCAROL", "Carol *Doe*", "null") ","
    ROW("PPAY", "Payments & co", "1", "PCAROL", "Carol *Doe*", "\"2026-03-03T08:00:00Z\"") "],\"more\":false}";

/* All of it was asked and heard. */
static void hears(struct desk_world *w, const char *body)
{
	asks(w, slash, "oncall");
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, body);
}

/* ---- then ------------------------------------------------------------------------------------------------ */

/* The text of the newest answer of KIND; which the caller frees. */
static char *told(struct desk_world *w, const char *kind)
{
	const struct finding finding = words(w, NULL, kind);
	struct word *word;
	cJSON *body;
	char *text;

	if (finding.count == 0)
		fail_msg("nothing was told");
	word = storage_word(w->storage, finding.ids[finding.count - 1]);
	body = json_parse(word->body, strlen(word->body), NULL);
	text = xstrdup(json_text(body, "text"));
	cJSON_Delete(body);
	word_free(word);
	return text;
}

static void assert_told(struct desk_world *w, const char *kind, const char *wanted)
{
	char *text = told(w, kind);

	if (strcmp(text, wanted) != 0)
		fail_msg("\n got: %s\n not: %s", text, wanted);
	free(text);
}

static void assert_told_part(struct desk_world *w, const char *kind, const char *part)
{
	char *text = told(w, kind);

	if (strstr(text, part) == NULL)
		fail_msg("\n got: %s\n has not: %s", text, part);
	free(text);
}

static size_t told_count(struct desk_world *w)
{
	return words(w, NULL, WORD_EPHEMERAL).count + words(w, NULL, WORD_REPLY).count;
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static void oncall__by_a_slash_command__is_told_to_who_asked(void **state)
{
	struct desk_world *w = *state;
	bool is_later;
	char *answer = types(w, slash, "oncall", &is_later);

	assert_true(is_later);
	assert_string_equal(answer, "");
	assert_int_equal(told_count(w), 0);
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, security);

	assert_told(w, WORD_EPHEMERAL,
	    "*Payments &amp; co* 1: Carol ∗Doe∗ until Tue 3 Mar 09:00 CET\n"
	    "*Security* 1: <@U0ALICE> until 18:00 CET · 2: <@U0BOB>, Carol ∗Doe∗\n");
	assert_int_equal(told_count(w), 1);
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0); /* and nobody is told of silence */
	free(answer);
}

static void oncall__of_many_policies__tells_those_of_the_routes_first(void **state)
{
	struct desk_world *w = *state;

	w->config->routes[0].escalation_policy = xstrdup("PSEC");
	asks(w, slash, "oncall");
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, security);

	assert_told(w, WORD_EPHEMERAL,
	    "*Security* 1: <@U0ALICE> until 18:00 CET · 2: <@U0BOB>, Carol ∗Doe∗\n"
	    "*Payments &amp; co* 1: Carol ∗Doe∗ until Tue 3 Mar 09:00 CET\n");
}

static void oncall__in_a_channel__names_people_and_mentions_nobody(void **state)
{
	struct desk_world *w = *state;

	asks(w, mention, "oncall security");
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, security);

	assert_told(w, WORD_REPLY, "*Security* 1: @alice until 18:00 CET · 2: @bob, Carol ∗Doe∗\n");
}

static void team__of_any_spelling__is_found_or_the_nearest_are_named(void **state)
{
	static const struct {
		const char *text, *part;
		size_t lines;
	} cases[] = {
	    {"oncall SECURITY", "*Security* 1", 1},
	    {"oncall secur", "*Security* 1", 1},
	    {"oncall Payments & co", "*Payments &amp; co* 1", 1},
	    {"oncall psec", "*Security* 1", 1},
	    {"oncall y", "*Security* 1", 2},
	    {"oncall Securty", "is called `Securty`. There are `Security`, `Payments &amp; co`.", 0},
	    {"oncall <!channel>", "is called `@channel`. There are", 0},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *text;
		size_t lines = 0;

		asks(w, slash, cases[i].text);
		w->desk->now += 1;
		turns(w, asking(w), FIRST_PAGE);
		answers(w, asking(w), 200, security);
		text = told(w, WORD_EPHEMERAL);
		for (const char *c = text; *c != '\0'; c++)
			lines += *c == '\n' ? 1 : 0;
		if (strstr(text, cases[i].part) == NULL)
			fail_msg("%s: %s", cases[i].text, text);
		assert_int_equal(lines, cases[i].lines);
		free(text);
		w->desk->now += 1;
	}
}

static void oncall__without_rest__says_what_to_set(void **state)
{
	struct desk_world *w = desk_world_new(NULL);
	bool is_later;
	char *answer = types(w, slash, "oncall", &is_later);

	(void)state;
	assert_false(is_later);
	assert_non_null(strstr(answer, "who is on call is told by PagerDuty's REST API: set pagerduty.api"));
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
	free(answer);
	desk_world_free(w);
}

static bool count_row(void *ctx, const struct oncall *oncall)
{
	(void)oncall;
	(*(size_t *)ctx)++;
	return true;
}

static size_t known(struct desk_world *w)
{
	struct error err = {0};
	size_t count = 0;

	assert_true(storage_each_oncall(w->storage, count_row, &count, &err));
	return count;
}

static void pages__of_a_long_answer__are_kept_together_at_the_end(void **state)
{
	struct desk_world *w = *state;

	hears(w, security);
	assert_int_equal(known(w), 4);
	w->desk->now += 60;
	asks(w, slash, "oncall");
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, "{\"oncalls\":[" ROW("P1", "One", "1", "PALICE", "A", "null") "],\"more\":true}");
	assert_int_equal(known(w), 4);
	turns(w, asking(w), "/oncalls?limit=100&offset=100&earliest=true");
	answers(w, asking(w), 200, "{\"oncalls\":[" ROW("P2", "Two", "1", "PBOB", "B", "null") "],\"more\":false}");

	assert_int_equal(known(w), 2);
	assert_told(w, WORD_EPHEMERAL, "*One* 1: <@U0ALICE>\n*Two* 1: <@U0BOB>\n");
}

static void pages__without_end__are_read_up_to_a_bound(void **state)
{
	struct desk_world *w = *state;
	char path[80];

	asks(w, slash, "oncall");
	for (int i = 0; i < ONCALL_ROWS_MAX / REST_PAGE; i++) {
		snprintf(path, sizeof(path), "/oncalls?limit=100&offset=%d&earliest=true", i * REST_PAGE);
		turns(w, asking(w), path);
		answers(w, asking(w), 200, "{\"oncalls\":[" ROW("P1", "One", "1", "PALICE", "A", "null") "],\"more\":true}");
	}

	assert_int_equal(words(w, PAGERDUTY_LANE, WORD_ONCALL).count, 0);
	assert_told_part(w, WORD_EPHEMERAL, "PagerDuty has more than the 2000 that are read here");
}

static void rows__that_cannot_be_read__are_nobody(void **state)
{
	static const char *const rows[] = {
	    "null",
	    "[]",
	    "{}",
	    ROW("../P1", "One", "1", "PALICE", "A", "null"),
	    ROW("P1", "One", "1", "P?x", "A", "null"),
	    ROW("P1", "One", "0", "PALICE", "A", "null"),
	    ROW("P1", "One", "-1", "PALICE", "A", "null"),
	    ROW("P1", "One", "1e300", "PALICE", "A", "null"),
	    ROW("P1", "One", "1.5", "PALICE", "A", "null"),
	    ROW("P1", "One", "1", "PALICE", "A", "\"soon\""),
	    ROW("P1", "One", "1", "PALICE", "A", "\"2026-03-02T11:59:59Z\""),
	    "{\"escalation_policy\":{\"id\":\"P1\"},\"escalation_level\":1,\"user\":{\"id\":\"PALICE\"},\"start\":\"2026-03-02T13:00:00Z\",\"end\":null}",
	    "{\"escalation_policy\":{\"id\":\"P1\"},\"escalation_level\":1,\"user\":null}",
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		char *body = xasprintf("{\"oncalls\":[%s]}", rows[i]);

		hears(w, body);
		if (known(w) != 0)
			fail_msg("%s", rows[i]);
		assert_told(w, WORD_EPHEMERAL, "Nobody is on call in PagerDuty.\n");
		assert_false(oncall_has(w->desk, "U0ALICE"));
		w->desk->now++;
		free(body);
	}
}

static void names__of_an_attacker__do_nothing(void **state)
{
	struct desk_world *w = *state;
	char *text;

	knows_user(w, "PY", "mallory@example.org", "U0BOB");
	hears(w, "{\"oncalls\":[" ROW("P1", "<!here> *x*\\n_y_", "1", "PX", "<@U0BOB> <https://evil.example|click>\\u202e", "null") ","
		 ROW("P2", "", "1", "PY", "U0BOB", "null") "]}");

	text = told(w, WORD_EPHEMERAL);
	assert_null(strstr(text, "<"));
	assert_non_null(strstr(text, "&lt;!here&gt;"));
	assert_non_null(strstr(text, "*P2* 1: U0BOB"));
	assert_false(oncall_has(w->desk, "U0BOB"));
	free(text);
}

static void answer__of_very_many__is_bounded_and_says_so(void **state)
{
	struct desk_world *w = *state;
	struct buf body;
	char *text;

	asks(w, slash, "oncall");
	for (int page = 0; page < 10; page++) {
		buf_init(&body, 1 << 20);
		buf_puts(&body, "{\"oncalls\":[");
		for (int i = 0; i < REST_PAGE; i++)
			buf_printf(&body,
			    "%s{\"escalation_policy\":{\"id\":\"P%d\",\"summary\":\"Policy %02d\"},\"escalation_level\":%d,"
			    "\"user\":{\"id\":\"U%dx%d\",\"summary\":\"User %d\"}}",
			    i > 0 ? "," : "", i % 50, i % 50, page + 1, page, i, i);
		buf_printf(&body, "],\"more\":%s}", page < 9 ? "true" : "false");
		free(turn(w, asking(w)));
		answers(w, asking(w), 200, buf_text(&body));
		buf_fini(&body);
	}

	text = told(w, WORD_EPHEMERAL);
	assert_int_equal(known(w), 1000);
	assert_non_null(strstr(text, "… and 20 more; name one: `oncall TEAM`"));
	assert_non_null(strstr(text, "*Policy 29*"));
	assert_null(strstr(text, "*Policy 30*"));
	free(text);
}

/* ---- when PagerDuty is away -------------------------------------------------------------------------------- */

static void silence__of_pagerduty__is_told_with_what_was_known(void **state)
{
	struct desk_world *w = *state;
	struct finding silence;
	struct error err = {0};
	struct word *word;

	hears(w, security);
	w->desk->now += 12 * 60;
	asks(w, slash, "oncall security");
	silence = words(w, "oncall-silence", WORD_ONCALL);
	assert_int_equal(silence.count, 1);
	word = storage_word(w->storage, silence.ids[0]);
	assert_int_equal(word->not_before, w->desk->now + 10);
	word_free(word);
	w->desk->now += 10;
	turns(w, silence.ids[0], NULL);

	assert_told(w, WORD_EPHEMERAL,
	    "PagerDuty tells nothing just now, and is asked on. As it was at 13:00 CET, 12m10s ago:\n"
	    "*Security* 1: <@U0ALICE> until 18:00 CET · 2: <@U0BOB>, Carol ∗Doe∗\n");
	assert_int_equal(told_count(w), 2);
	/* In the end it answers, or never will: told once. */
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, "{\"oncalls\":[" ROW("PSEC", "Security", "1", "PBOB", "B", "null") "]}");
	assert_told(w, WORD_EPHEMERAL, "*Security* 1: <@U0BOB>\n");
	assert_int_equal(told_count(w), 3);
	assert_true(storage_each_word(w->storage, -1, 0, 100, find_word, &silence, &err));
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
}

static void failure__after_the_silence_was_told__says_no_more(void **state)
{
	struct desk_world *w = *state;

	asks(w, slash, "oncall");
	w->desk->now += 10;
	turns(w, words(w, "oncall-silence", WORD_ONCALL).ids[0], NULL);
	assert_told(w, WORD_EPHEMERAL,
	    "PagerDuty tells nothing just now, and is asked on. Who is on call was not told before either.");
	w->desk->now += 600;
	fails(w, asking(w), 0);

	assert_int_equal(told_count(w), 1);
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
}

static void failure__before_anything_was_told__says_so(void **state)
{
	struct desk_world *w = *state;

	asks(w, mention, "oncall");
	fails(w, asking(w), 401);

	assert_told_part(w, WORD_REPLY, "PagerDuty refused it (status 401). Who is on call was not told before");
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
}

static void refusal__by_pagerduty__is_told_and_what_was_known_stays(void **state)
{
	static const struct {
		int status;
		const char *body, *says;
	} cases[] = {
	    {403, "{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}", "PagerDuty says: Access Denied. As it was at 13:00 CET, 1m ago:\n*Pay"},
	    {200, "{\"oncalls\":{}}", "PagerDuty's answer cannot be read. As it was"},
	    {200, "[]", "PagerDuty's answer cannot be read. As it was"},
	    {200, "", "PagerDuty's answer cannot be read. As it was"},
	};
	struct desk_world *w = *state;

	hears(w, security);
	w->desk->now += 60;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		asks(w, slash, "oncall");
		turns(w, asking(w), FIRST_PAGE);
		answers(w, asking(w), cases[i].status, cases[i].body);
		assert_told_part(w, WORD_EPHEMERAL, cases[i].says);
		assert_int_equal(known(w), 4);
		assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
	}
}

static void questions__of_many_at_once__are_one_question(void **state)
{
	struct desk_world *w = *state;
	struct finding waiting;

	asks(w, slash, "oncall security");
	asks(w, slash, "oncall payments");
	waiting = words(w, PAGERDUTY_LANE, WORD_ONCALL);
	assert_int_equal(waiting.count, 2);
	turns(w, waiting.ids[0], FIRST_PAGE);
	answers(w, waiting.ids[0], 200, security);
	turns(w, waiting.ids[1], NULL);

	assert_told_part(w, WORD_EPHEMERAL, "*Payments &amp; co*");
	assert_int_equal(told_count(w), 2);
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
	/* Who asks later gets what is then. */
	w->desk->now++;
	asks(w, slash, "oncall");
	turns(w, asking(w), FIRST_PAGE);
}

/* ---- working hours ------------------------------------------------------------------------------------------ */

static void tick__where_working_hours_matter__asks_now_and_then(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	for (int i = 0; i < 10; i++) {
		desk_world_begin(w);
		assert_true(oncall_tick(w->desk, &err));
		desk_world_end(w, true);
		w->desk->now++;
	}
	turns(w, asking(w), FIRST_PAGE);
	answers(w, asking(w), 200, security);
	assert_int_equal(told_count(w), 0);
	assert_true(oncall_has(w->desk, "U0ALICE"));
	w->desk->now = NOON + ONCALL_ASK_S - 1;
	desk_world_begin(w);
	assert_true(oncall_tick(w->desk, &err));
	desk_world_end(w, true);
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
	w->desk->now = NOON + ONCALL_ASK_S;
	desk_world_begin(w);
	assert_true(oncall_tick(w->desk, &err));
	desk_world_end(w, true);
	fails(w, asking(w), 500);
	assert_int_equal(told_count(w), 0);
	/* A clock that was set back stops nothing. */
	w->desk->now = NOON - 86400;
	desk_world_begin(w);
	assert_true(oncall_tick(w->desk, &err));
	desk_world_end(w, true);
	assert_int_equal(words(w, NULL, WORD_ONCALL).count, 1);
}

static void tick__where_they_do_not__asks_nothing(void **state)
{
	static const char *const configs[] = {hourless_config, NULL};

	(void)state;
	for (size_t i = 0; i < LENGTH(configs); i++) {
		struct desk_world *w = desk_world_new(configs[i]);
		struct error err = {0};

		desk_world_begin(w);
		assert_true(oncall_tick(w->desk, &err));
		desk_world_end(w, true);
		assert_int_equal(words(w, NULL, WORD_ONCALL).count, 0);
		desk_world_free(w);
	}
}

static void on_call__in_doubt__is_nobody(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};

	assert_false(oncall_has(w->desk, "U0ALICE")); /* never heard */
	hears(w, security);
	assert_true(oncall_has(w->desk, "U0ALICE"));
	assert_false(oncall_has(w->desk, "U0BOB")); /* level 2 */
	assert_false(oncall_has(w->desk, "U0CAROL"));
	assert_false(oncall_has(w->desk, "somebody"));
	assert_false(oncall_has(w->desk, "alice"));
	assert_false(oncall_has(w->desk, ""));
	assert_false(oncall_has(w->desk, NULL));
	w->desk->now = NOON + ONCALL_FRESH_S;
	assert_true(oncall_has(w->desk, "U0ALICE"));
	w->desk->now = NOON + ONCALL_FRESH_S + 1;
	assert_false(oncall_has(w->desk, "U0ALICE")); /* heard too long ago */
	w->desk->now = NOON - 1;
	assert_false(oncall_has(w->desk, "U0ALICE")); /* by a clock that is wrong */
	w->desk->now = NOON + 5 * 3600;
	desk_world_begin(w);
	assert_true(storage_put_mark(w->storage, "pagerduty.oncalls", "1772470800", &err));
	desk_world_end(w, true);
	assert_false(oncall_has(w->desk, "U0ALICE")); /* the shift is over */
	w->desk->now--;
	desk_world_begin(w);
	assert_true(storage_put_mark(w->storage, "pagerduty.oncalls", "soon", &err));
	desk_world_end(w, true);
	assert_false(oncall_has(w->desk, "U0ALICE"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(oncall__by_a_slash_command__is_told_to_who_asked),
	    TEST(oncall__of_many_policies__tells_those_of_the_routes_first),
	    TEST(oncall__in_a_channel__names_people_and_mentions_nobody),
	    TEST(team__of_any_spelling__is_found_or_the_nearest_are_named),
	    TEST(oncall__without_rest__says_what_to_set),
	    TEST(pages__of_a_long_answer__are_kept_together_at_the_end),
	    TEST(pages__without_end__are_read_up_to_a_bound),
	    TEST(rows__that_cannot_be_read__are_nobody),
	    TEST(names__of_an_attacker__do_nothing),
	    TEST(answer__of_very_many__is_bounded_and_says_so),
	    TEST(silence__of_pagerduty__is_told_with_what_was_known),
	    TEST(failure__after_the_silence_was_told__says_no_more),
	    TEST(failure__before_anything_was_told__says_so),
	    TEST(refusal__by_pagerduty__is_told_and_what_was_known_stays),
	    TEST(questions__of_many_at_once__are_one_question),
	    TEST(tick__where_working_hours_matter__asks_now_and_then),
	    TEST(tick__where_they_do_not__asks_nothing),
	    TEST(on_call__in_doubt__is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
