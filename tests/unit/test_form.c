#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/commands_internal.h"
#include "handlers/form.h"
#include "handlers/home.h"
#include "handlers/jobs.h"
#include "handlers/later.h"
#include "handlers/slack_in.h"
#include "handlers/words.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define BLOCKS_MAX 100 /* docs.slack.dev/reference/block-kit/blocks: of a modal, and of a home */
#define TEXT_MAX 3000
#define VIEW_BYTES_MAX 250000

static const struct slack_self self = {.user_id = "U0BOT", .bot_id = "B0BOT", .team_id = "T0TEAM", .url = "https://example.slack.com/"};

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	desk_world_knows(*state, "U0ALICE", "alice@example.com", "Europe/Paris", false);
	desk_world_knows(*state, "U0BOB", "bob@example.com", NULL, false);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

static int64_t fires(struct desk_world *world, const char *title, const char *rule, const char *host, const char *actor)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert_set_text(alert, field_find("title"), title);
	alert_set_text(alert, field_find("rule"), rule);
	alert_set_text(alert, field_find("host"), host);
	alert_set_text(alert, field_find("actor"), actor);
	desk_world_begin(world);
	if (!intake(world->desk, alert, &err))
		fail_msg("%s", err.text);
	desk_world_end(world, true);
	id = alert->id;
	alert_free(alert);
	return id;
}

/* ---- what Slack would refuse ------------------------------------------------------------------------------- */

static void check_texts(const cJSON *node)
{
	const cJSON *child;
	const char *type = json_text(node, "type"), *text = json_text(node, "text");

	if (type != NULL && (strcmp(type, "mrkdwn") == 0 || strcmp(type, "plain_text") == 0)) {
		assert_non_null(text);
		assert_in_range(utf16_length(text, strlen(text)), 1, TEXT_MAX);
		assert_false(strstr(text, "<!channel>") != NULL);
	}
	if (json_text(node, "initial_value") != NULL) {
		int64_t max = 0;

		assert_true(json_int(node, "max_length", &max));
		assert_in_range(utf16_length(json_text(node, "initial_value"), strlen(json_text(node, "initial_value"))), 1, max);
	}
	if (json_text(node, "value") != NULL)
		assert_true(strlen(json_text(node, "value")) <= 75);
	if (json_text(node, "private_metadata") != NULL)
		assert_true(utf16_length(json_text(node, "private_metadata"), strlen(json_text(node, "private_metadata"))) <= 3000);
	cJSON_ArrayForEach(child, node) check_texts(child);
}

static void check_view(const cJSON *view)
{
	const char *title = json_text(json_get(view, "title"), "text");
	char *text = json_write(view);

	assert_true(strlen(text) < VIEW_BYTES_MAX);
	assert_in_range(cJSON_GetArraySize(json_get(view, "blocks")), 1, BLOCKS_MAX);
	assert_true(title == NULL || utf16_length(title, strlen(title)) <= 24);
	check_texts(view);
	free(text);
}

/* ---- its matches -------------------------------------------------------------------------------------------- */

static cJSON *opened_for(int64_t alert)
{
	cJSON *opened = cJSON_CreateObject();

	json_put(opened, "key", KEY);
	json_put(opened, "user", "U0ALICE");
	json_put_int(opened, "alert", alert);
	return opened;
}

static const cJSON *field(const cJSON *view, const char *id)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, json_get(view, "blocks"))
	{
		if (text_equal(json_text(block, "block_id"), id))
			return json_get(block, "element");
	}
	fail_msg("no field %s", id);
	return NULL;
}

static void form_view__of_hostile_alerts__suggests_what_fits_exactly_them(void **state)
{
	static const struct {
		const char *rule, *host, *actor, *suggests; /* NULL: whatever it is, it fits */
	} cases[] = {
	    {"ssh-login", "web-3", "alice", "rule=ssh-login host=web-3 actor=alice"},
	    {"SSH login", "web-3", NULL, "rule=\"SSH login\" host=web-3"},
	    {"*", "web-?", "alice", "actor=alice"},
	    {"a,b", "web-3", "alice", "rule=\"a,b\" host=web-3 actor=alice"},
	    {"say \"hi\" \\", "web-3", "CORP\\alice", NULL},
	    {"x\\\\\"", "web-3", "\\", NULL},
	    {"it's", "web-3", "'", NULL},
	    {"a because b", "web-3", "=x", NULL},
	    {"for 30m", "=", "~x", NULL},
	    {"<!channel> & <@U1>", "web-3", "a@b", NULL},
	    {"r\xe2\x80\x8bule", "web-3", "alice", "host=web-3 actor=alice"},
	};
	struct desk_world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int64_t id = fires(world, "title", cases[i].rule, cases[i].host, cases[i].actor);
		struct alert *alert = storage_alert(world->storage, id, NULL);
		cJSON *opened = opened_for(id), *view = form_view(world->desk, opened, false);
		const char *suggested = json_text(field(view, FORM_MATCH), "initial_value");
		char *match[MATCH_MAX];
		size_t count = 0;
		struct words words;
		struct error err = {0};

		check_view(view);
		if (cases[i].suggests != NULL)
			assert_string_equal(suggested, cases[i].suggests);
		assert_true(words_split(suggested != NULL ? suggested : "", &words, &err));
		assert_true(words_closed(&words, &err));
		while (words_peek(&words) != NULL) {
			struct match *one;

			if (!command_read_match(world->desk, &words, match, &count, &err))
				fail_msg("%s: %s", suggested, err.text);
			one = match_parse(match[count - 1], &err);
			if (one == NULL || !match_holds(one, alert, NULL) || one->op != MATCH_EQUAL || one->value_count != 1 ||
			    one->values[0].is_glob)
				fail_msg("%s in %s", match[count - 1], suggested);
			match_free(one);
		}
		for (size_t j = 0; j < count; j++)
			free(match[j]);
		words_fini(&words);
		alert_free(alert);
		cJSON_Delete(opened);
		cJSON_Delete(view);
	}
}

static void form_view__of_the_longest_alert__keeps_within_limits(void **state)
{
	struct desk_world *world = *state;
	char wide[1025];
	cJSON *opened, *view;
	int64_t id;

	memset(wide, '&', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	id = fires(world, wide, wide, wide, wide);
	opened = opened_for(id);
	view = form_view(world->desk, opened, false);
	check_view(view);
	cJSON_Delete(view);
	view = form_view(world->desk, opened, true);
	check_view(view);
	assert_int_equal(cJSON_GetArraySize(json_get(view, "blocks")), 4);
	cJSON_Delete(view);
	cJSON_Delete(opened);
}

static void form_view__under_a_shorter_policy__offers_no_more(void **state)
{
	static const char config[] = "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
				     "routes:\n  - {channel: \"#security-alerts\"}\n"
				     "policy: {max_duration: 20m}\n";
	struct desk_world *world = desk_world_new(config);
	cJSON *opened = opened_for(0), *view = form_view(world->desk, opened, false);
	const cJSON *select = field(view, FORM_FOR);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(json_get(select, "options")), 2);
	assert_string_equal(json_text(json_at(select, "/options/1"), "value"), "20m");
	assert_string_equal(json_text(json_get(select, "initial_option"), "value"), "20m");
	cJSON_Delete(view);
	cJSON_Delete(opened);
	desk_world_free(world);
}

/* ---- what comes back ---------------------------------------------------------------------------------------- */

static void put_state(cJSON *values, const char *id, const char *text)
{
	cJSON *state;

	if (text == NULL)
		return;
	state = cJSON_AddObjectToObject(cJSON_AddObjectToObject(values, id), id);
	if (strcmp(id, FORM_FOR) == 0)
		json_put(cJSON_AddObjectToObject(state, "selected_option"), "value", text);
	else
		json_put(state, "value", text);
}

static cJSON *view_of(const char *callback, const char *metadata, const char *match, const char *lasts, const char *max, const char *because)
{
	cJSON *view = cJSON_CreateObject(), *values;

	json_put(view, "type", "modal");
	json_put(view, "callback_id", callback);
	json_put(view, "private_metadata", metadata);
	values = cJSON_AddObjectToObject(cJSON_AddObjectToObject(view, "state"), "values");
	put_state(values, FORM_MATCH, match);
	put_state(values, FORM_FOR, lasts);
	put_state(values, FORM_MAX, max);
	put_state(values, FORM_BECAUSE, because);
	return view;
}

/* VIEW (taken) is sent; the answer. What gets better later stays in desk->later. */
static cJSON *sends(struct desk_world *world, const char *who, cJSON *view)
{
	cJSON *payload = cJSON_CreateObject(), *answer = NULL;
	struct error err = {0};

	json_put(payload, "type", "view_submission");
	json_put(cJSON_AddObjectToObject(payload, "user"), "id", who);
	json_put(payload, "trigger_id", "11.22.abc");
	cJSON_AddItemToObject(payload, "view", view);
	desk_world_begin(world);
	if (!slack_in(world->desk, &self, "interactive", payload, &answer, &err))
		fail_msg("%s", err.text);
	desk_world_end(world, true);
	cJSON_Delete(payload);
	return answer;
}

static const char *action_of(const cJSON *answer)
{
	const char *action = json_text(answer, "response_action");

	return action != NULL ? action : "";
}

static void submission__of_any_shape__is_taken_or_told(void **state)
{
	static const struct {
		const char *callback, *metadata, *match, *lasts, *max, *because, *action, *field;
	} cases[] = {
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", "4", "deploy", "push", NULL},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", NULL, "deploy", "push", NULL},
	    {"announce", "{\"key\":\"" KEY "\"}", "rule=\xe2\x80\x9cSSH login\xe2\x80\x9d", "30m", " 4 ", "deploy", "push", NULL},
	    {"announce", "{\"key\":\"" KEY "\",\"channel\":\"<!channel>\",\"alert\":-1}", "host=web-1", "30m", "4", "deploy", "push", NULL},
	    {"announce", "{\"key\":\"" KEY "\",\"alert\":999}", "host=web-1", "30m", "4", "deploy", "errors", FORM_MATCH},
	    {"announce", "{\"key\":\"" KEY "\"}", NULL, NULL, NULL, NULL, "errors", FORM_BECAUSE},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "0s", "4", "deploy", "errors", FORM_FOR},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "9d", "4", "deploy", "errors", FORM_FOR},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30", "4", "deploy", "errors", FORM_FOR},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", "0", "deploy", "errors", FORM_MAX},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", "-4", "deploy", "errors", FORM_MAX},
	    {"announce", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", "9999999999999999999999", "deploy", "errors", FORM_MAX},
	    {"announce", "{\"key\":\"" KEY "\"}", "host!=web-1", "30m", "4", "deploy", "errors", FORM_MATCH},
	    {"announce", "{\"key\":\"" KEY "\"}", "because=x", "30m", "4", "deploy", "errors", FORM_MATCH},
	    {"announce", "", "host=web-1", "30m", "4", "deploy", "update", NULL},
	    {"announce", "{\"key\":\"../../etc/passwd\"}", "host=web-1", "30m", "4", "deploy", "update", NULL},
	    {"announce", "[[[[[[", "host=web-1", "30m", "4", "deploy", "update", NULL},
	    {"announce_confirm", "{\"key\":\"" KEY "\"}", NULL, NULL, NULL, NULL, "update", NULL},
	    {"announce_confirm", "{\"key\":\"" KEY "\",\"match\":\"host=*\",\"for\":\"30m\",\"because\":\"x\"}", NULL, NULL, NULL, NULL, "update", NULL},
	    {"announce_confirm", "{\"key\":\"" KEY "\",\"match\":\"host=web-1\",\"for\":\"9d\",\"because\":\"x\"}", NULL, NULL, NULL, NULL, "update", NULL},
	    {"announce_confirm", "{\"key\":\"" KEY "\",\"match\":[1],\"for\":{},\"because\":7}", NULL, NULL, NULL, NULL, "update", NULL},
	    {"somebody_elses", "{\"key\":\"" KEY "\"}", "host=web-1", "30m", "4", "deploy", "", NULL},
	};
	struct desk_world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *answer = sends(world, "U0ALICE",
		    view_of(cases[i].callback, cases[i].metadata, cases[i].match, cases[i].lasts, cases[i].max, cases[i].because));
		char *text = json_write(answer);

		if (strcmp(action_of(answer), cases[i].action) != 0 ||
		    (cases[i].field != NULL && json_text(json_get(answer, "errors"), cases[i].field) == NULL))
			fail_msg("case %zu: %s", i, text);
		if (json_get(answer, "view") != NULL)
			check_view(json_get(answer, "view"));
		free(text);
		cJSON_Delete(answer);
	}
	assert_int_equal(announcements_count(world->desk->announcements), 0);
}

/* VALUE as long as LEN bytes of C. */
static char *many(char c, size_t len)
{
	char *text = xcalloc(len + 1, 1);

	memset(text, c, len);
	return text;
}

static void submission__too_long_to_carry__is_refused_at_its_field(void **state)
{
	static const size_t lengths[] = {1200, 1500, 3000, 9000, 100000};
	struct desk_world *world = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char *quotes = many('"', lengths[i]), *match = xasprintf("host=web-1 rule~'%s'", quotes);
		cJSON *answer = sends(world, "U0ALICE", view_of("announce", "{\"key\":\"" KEY "\"}", match, "30m", "4", quotes));

		/* Whatever of it is taken has to fit in. */
		if (strcmp(action_of(answer), "push") == 0)
			check_view(json_get(answer, "view"));
		else
			assert_string_equal(action_of(answer), "errors");
		cJSON_Delete(answer);
		free(quotes);
		free(match);
	}
}

static void confirmed__what_was_shown__is_what_is_announced_once(void **state)
{
	struct desk_world *world = *state;
	cJSON *shown = sends(world, "U0ALICE",
	    view_of("announce", "{\"key\":\"" KEY "\",\"channel\":\"C0SEC\"}", "host=web-* rule=\"SSH \\\"login\\\"\"", "1h", "4", "\"deploy\" & <b>"));
	const cJSON *view = json_get(shown, "view");
	const struct announcement *made;
	cJSON *answer;

	assert_string_equal(action_of(shown), "push");
	assert_string_equal(json_text(view, "callback_id"), FORM_CONFIRM);
	assert_int_equal(announcements_count(world->desk->announcements), 0);
	for (int i = 0; i < 2; i++) {
		answer = sends(world, "U0ALICE", cJSON_Duplicate(view, true));
		assert_string_equal(action_of(answer), "clear");
		cJSON_Delete(answer);
	}
	assert_int_equal(announcements_count(world->desk->announcements), 1);
	made = announcements_find(world->desk, 1);
	assert_string_equal(made->because, "\"deploy\" & <b>");
	assert_string_equal(made->channel, "C0SEC");
	assert_int_equal(made->ends_at - made->starts_at, 3600);
	assert_int_equal(made->max, 4);
	assert_int_equal(made->match_count, 2);
	/* Another person's Confirm of it is another announcement: the key is theirs alone. */
	answer = sends(world, "U0BOB", cJSON_Duplicate(view, true));
	assert_string_equal(action_of(answer), "clear");
	assert_int_equal(announcements_count(world->desk->announcements), 2);
	cJSON_Delete(answer);
	cJSON_Delete(shown);
}

static void unstored__is_told_in_the_form(void **state)
{
	cJSON *payload = cJSON_CreateObject(), *answer;

	(void)state;
	json_put(payload, "type", "view_submission");
	cJSON_AddItemToObject(payload, "view", view_of("announce", "{}", NULL, NULL, NULL, NULL));
	answer = slack_in_unstored("interactive", payload);
	assert_string_equal(action_of(answer), "errors");
	assert_non_null(json_text(json_get(answer, "errors"), FORM_MATCH));
	cJSON_Delete(answer);
	cJSON_ReplaceItemInObjectCaseSensitive(payload, "view", view_of(FORM_CONFIRM, "{}", NULL, NULL, NULL, NULL));
	answer = slack_in_unstored("interactive", payload);
	assert_string_equal(action_of(answer), "update");
	check_view(json_get(answer, "view"));
	cJSON_Delete(answer);
	cJSON_Delete(payload);
}

/* ---- what it would have covered, later ----------------------------------------------------------------------- */

static bool hold_job(void *ctx, struct job *job)
{
	*(struct job **)ctx = job;
	return true;
}

struct search {
	const char *kind;
	size_t count;
	char *lane, *body;
	int64_t deadline;
};

static bool search_word(void *ctx, const struct word *word)
{
	struct search *search = ctx;

	if (strcmp(word->kind, search->kind) != 0)
		return true;
	search->count++;
	replace_text(&search->lane, word->lane);
	replace_text(&search->body, word->body);
	search->deadline = word->deadline;
	return true;
}

static struct search words_of(struct desk_world *world, const char *kind)
{
	struct search search = {.kind = kind};

	assert_true(storage_each_word(world->storage, -1, 0, 1000, search_word, &search, NULL));
	return search;
}

static void search_fini(struct search *search)
{
	free(search->lane);
	free(search->body);
}

static void run_job(struct desk_world *world, struct job *job)
{
	struct error err = {0};

	job->is_read = job->read(job, world->storage, &job->why);
	desk_world_begin(world);
	assert_true(job->done(world->desk, job, &err));
	desk_world_end(world, true);
	job->free(job);
}

static cJSON *sends_while_counting(struct desk_world *world, struct job **job)
{
	world->desk->run_job = hold_job;
	world->desk->jobs = job;
	return sends(world, "U0ALICE", view_of("announce", "{\"key\":\"" KEY "\"}", "host=web-*", "1h", "4", "deploy"));
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void preview__known_before_the_answer_is_said__is_in_it(void **state)
{
	struct desk_world *world = *state;
	struct job *job = NULL;
	struct search search;
	struct later *later;
	cJSON *answer;

	fires(world, "title", "ssh-login", "web-3", "alice");
	answer = sends_while_counting(world, &job);
	later = desk_take_later(world->desk);
	assert_non_null(later);
	later->over = nothing; /* somebody waits */
	run_job(world, job);
	assert_true(later->is_over);
	assert_string_equal(action_of(later->answer), "push");
	check_view(json_get(later->answer, "view"));
	assert_non_null(strstr(json_text(json_get(json_at(later->answer, "/view/blocks/1"), "text"), "text"), "*1 alert*"));
	search = words_of(world, WORD_VIEW);
	assert_int_equal(search.count, 0);
	search_fini(&search);
	later_drop(later);
	cJSON_Delete(answer);
}

static void preview__known_after_it__draws_the_view_anew(void **state)
{
	struct desk_world *world = *state;
	struct job *job = NULL;
	struct search search;
	struct later *later;
	cJSON *answer, *body;

	fires(world, "title", "ssh-login", "web-3", "alice");
	answer = sends_while_counting(world, &job);
	assert_string_equal(action_of(answer), "push");
	assert_non_null(strstr(json_text(json_get(json_at(answer, "/view/blocks/1"), "text"), "text"), "being counted"));
	later = desk_take_later(world->desk);
	later_leave(later, true);
	later_drop(later);
	run_job(world, job);
	search = words_of(world, WORD_VIEW);
	assert_int_equal(search.count, 1);
	body = cJSON_Parse(search.body);
	assert_string_equal(json_text(body, "external_id"), json_text(json_get(answer, "view"), "external_id"));
	assert_string_equal(
	    json_text(json_get(body, "view"), "private_metadata"), json_text(json_get(answer, "view"), "private_metadata"));
	check_view(json_get(body, "view"));
	assert_non_null(strstr(json_text(json_get(json_at(body, "/view/blocks/1"), "text"), "text"), "*1 alert*"));
	cJSON_Delete(body);
	search_fini(&search);
	cJSON_Delete(answer);
}

/* ---- opening it ---------------------------------------------------------------------------------------------- */

static cJSON *types_nothing(struct desk_world *world, const char *who, const char *trigger)
{
	char *json = xasprintf("{\"command\":\"/headsup\",\"text\":\"  \",\"user_id\":\"%s\",\"channel_id\":\"C0SEC\",\"trigger_id\":\"%s\","
			       "\"response_url\":\"https://hooks.slack.com/x\"}",
	    who, trigger);
	cJSON *payload = cJSON_Parse(json), *answer = NULL;
	struct error err = {0};

	desk_world_begin(world);
	assert_true(slack_in(world->desk, &self, "slash_commands", payload, &answer, &err));
	desk_world_end(world, true);
	cJSON_Delete(payload);
	free(json);
	return answer;
}

static void open__leaves_a_word_that_goes_at_once_or_never(void **state)
{
	struct desk_world *world = *state;
	struct search search;

	assert_null(types_nothing(world, "U0ALICE", "1.2.abc"));
	search = words_of(world, WORD_FORM);
	assert_int_equal(search.count, 1);
	assert_string_equal(search.lane, "views:U0ALICE");
	assert_in_range(search.deadline - NOON, 1, 3);
	search_fini(&search);
	/* The same press comes twice. */
	assert_null(types_nothing(world, "U0ALICE", "1.2.abc"));
	search = words_of(world, WORD_FORM);
	assert_int_equal(search.count, 1);
	search_fini(&search);
}

static void open__by_a_guest__is_a_sentence(void **state)
{
	struct desk_world *world = *state;
	cJSON *answer;
	struct search search;

	desk_world_knows(world, "U0GUEST", NULL, NULL, true);
	answer = types_nothing(world, "U0GUEST", "1.2.abc");
	assert_non_null(strstr(json_text(answer, "text"), "guests may not announce"));
	cJSON_Delete(answer);
	search = words_of(world, WORD_FORM);
	assert_int_equal(search.count, 0);
	search_fini(&search);
}

static void open__without_a_trigger__is_a_sentence(void **state)
{
	cJSON *answer = types_nothing(*state, "U0ALICE", "<!channel>");

	assert_non_null(strstr(json_text(answer, "text"), "/headsup expect"));
	cJSON_Delete(answer);
}

/* ---- home ------------------------------------------------------------------------------------------------------ */

static void home__with_more_than_fits__keeps_within_limits(void **state)
{
	struct desk_world *world = *state;
	char wide[1025], host[32];
	struct error err = {0};
	cJSON *view;

	memset(wide, '<', sizeof(wide) - 1);
	memcpy(wide, "<!channel>", 10);
	wide[sizeof(wide) - 1] = '\0';
	for (int i = 0; i < 40; i++) {
		char *match = xasprintf("rule=\"%.600s\"", wide);
		struct announce_request request = {.match = &match,
		    .match_count = 1,
		    .from = TIME_NONE,
		    .until = TIME_NONE,
		    .for_s = 240,
		    .because = wide,
		    .author = i % 2 == 0 ? "U0ALICE" : "U0BOB",
		    .asks_approval = true};
		const struct actor actor = {.who = request.author, .via = "slack"};
		struct announcement *made;
		bool is_again;

		request.because = "deploy";
		snprintf(host, sizeof(host), "web-%d", i);
		fires(world, wide, wide, host, wide);
		desk_world_begin(world);
		if (!announce(world->desk, &actor, &request, &made, &is_again, &err))
			fail_msg("%s", err.text);
		desk_world_end(world, true);
		announcement_free(made);
		free(match);
	}
	view = home_view(world->desk, "U0ALICE", "D0ALICE", "https://example.slack.com/", false);
	check_view(view);
	assert_string_equal(json_text(view, "type"), "home");
	cJSON_Delete(view);
	view = home_view(world->desk, "U0ALICE", "D0ALICE", NULL, true);
	check_view(view);
	cJSON_Delete(view);
}

static void home__opened__is_drawn_once_an_event(void **state)
{
	static const char *const events[] = {
	    "{\"event_id\":\"E1\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"U0ALICE\",\"channel\":\"D0ALICE\",\"tab\":\"home\"}}",
	    "{\"event_id\":\"E1\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"U0ALICE\",\"channel\":\"D0ALICE\",\"tab\":\"home\"}}",
	    "{\"event_id\":\"E2\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"U0ALICE\",\"channel\":\"D0ALICE\",\"tab\":\"messages\"}}",
	    "{\"event_id\":\"E3\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"../x\",\"tab\":\"home\"}}",
	};
	struct desk_world *world = *state;
	struct search search;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		cJSON *payload = cJSON_Parse(events[i]), *answer = NULL;
		struct error err = {0};

		desk_world_begin(world);
		assert_true(slack_in(world->desk, &self, "events_api", payload, &answer, &err));
		desk_world_end(world, true);
		cJSON_Delete(payload);
	}
	search = words_of(world, WORD_HOME);
	assert_int_equal(search.count, 1);
	assert_string_equal(search.lane, "home:U0ALICE");
	search_fini(&search);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(form_view__of_hostile_alerts__suggests_what_fits_exactly_them),
	    TEST(form_view__of_the_longest_alert__keeps_within_limits),
	    TEST(form_view__under_a_shorter_policy__offers_no_more),
	    TEST(submission__of_any_shape__is_taken_or_told),
	    TEST(submission__too_long_to_carry__is_refused_at_its_field),
	    TEST(confirmed__what_was_shown__is_what_is_announced_once),
	    TEST(unstored__is_told_in_the_form),
	    TEST(preview__known_before_the_answer_is_said__is_in_it),
	    TEST(preview__known_after_it__draws_the_view_anew),
	    TEST(open__leaves_a_word_that_goes_at_once_or_never),
	    TEST(open__by_a_guest__is_a_sentence),
	    TEST(open__without_a_trigger__is_a_sentence),
	    TEST(home__with_more_than_fits__keeps_within_limits),
	    TEST(home__opened__is_drawn_once_an_event),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
