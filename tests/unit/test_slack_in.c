#include "tests/unit/desk_world.h"

#include <dirent.h>
#include <inttypes.h>

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/slack_in.h"

#define SAMPLES "tests/data/slack"
#define WORDS_MAX 64

static const struct slack_self self = {.user_id = "U0BOT", .bot_id = "B0BOT", .team_id = "T0TEAM"};

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* PAYLOAD comes in an envelope of TYPE; the acknowledgement's payload, NULL for a bare one. */
static cJSON *comes(struct desk_world *world, const char *type, const cJSON *payload)
{
	struct error err = {0};
	cJSON *answer = NULL;

	desk_world_begin(world);
	if (!slack_in(world->desk, &self, type, payload, &answer, &err))
		fail_msg("%s", err.text);
	desk_world_end(world, true);
	return answer;
}

static cJSON *comes_text(struct desk_world *world, const char *type, const char *json)
{
	struct error err = {0};
	cJSON *payload = json_parse(json, strlen(json), &err), *answer;

	if (payload == NULL)
		fail_msg("%s", err.text);
	answer = comes(world, type, payload);
	cJSON_Delete(payload);
	return answer;
}

static cJSON *commands_text(struct desk_world *world, const char *text, const char *trigger)
{
	char *json = xasprintf("{\"command\":\"/headsup\",\"text\":\"%s\",\"user_id\":\"U0ALICE\",\"channel_id\":\"C0SEC\","
			       "\"team_id\":\"T0TEAM\",\"trigger_id\":\"%s\",\"response_url\":\"https://hooks.slack.com/x\"}",
	    text, trigger);
	cJSON *answer = comes_text(world, "slash_commands", json);

	free(json);
	return answer;
}

static void event_comes(struct desk_world *world, const char *event_id, const char *event)
{
	char *json = xasprintf(
	    "{\"type\":\"event_callback\",\"team_id\":\"T0TEAM\",\"event_id\":\"%s\",\"event\":%s}", event_id, event);
	cJSON *answer = comes_text(world, "events_api", json);

	assert_null(answer);
	free(json);
}

static void presses(struct desk_world *world, const char *user, const char *action, const char *value, const char *trigger)
{
	char *json = xasprintf("{\"type\":\"block_actions\",\"user\":{\"id\":\"%s\"},\"team\":{\"id\":\"T0TEAM\"},"
			       "\"container\":{\"type\":\"message\",\"message_ts\":\"1.1\",\"channel_id\":\"C0SEC\"},"
			       "\"channel\":{\"id\":\"C0SEC\"},\"trigger_id\":\"%s\",\"response_url\":\"https://hooks.slack.com/r\","
			       "\"actions\":[{\"type\":\"button\",\"action_id\":\"%s\",\"block_id\":\"actions\",\"value\":\"%s\"}]}",
	    user, trigger, action, value);
	cJSON *answer = comes_text(world, "interactive", json);

	assert_null(answer);
	free(json);
}

/* An open alert. */
static int64_t fires(struct desk_world *world)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->title = xstrdup("sshd: key added");
	alert->source = xstrdup("falco");
	alert->host = xstrdup("web-3");
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
	enum alert_status status;

	assert_non_null(alert);
	status = alert->status;
	alert_free(alert);
	return status;
}

/* The newest word of a kind; its body. */
struct search {
	const char *kind;
	size_t count;
	char *lane, *body;
};

static bool search_word(void *ctx, const struct word *word)
{
	struct search *search = ctx;

	if (strcmp(word->kind, search->kind) != 0)
		return true;
	search->count++;
	replace_text(&search->lane, word->lane);
	replace_text(&search->body, word->body);
	return true;
}

static size_t words(struct desk_world *world, const char *kind, char lane[64], char text[512])
{
	struct search search = {.kind = kind};
	struct error err = {0};

	assert_true(storage_each_word(world->storage, -1, 0, 1000, search_word, &search, &err));
	if (lane != NULL)
		snprintf(lane, 64, "%s", search.lane != NULL ? search.lane : "");
	if (text != NULL) {
		cJSON *body = search.body != NULL ? json_parse(search.body, strlen(search.body), &err) : NULL;
		const char *said = json_text(body, "text");

		snprintf(text, 512, "%s", said != NULL ? said : "");
		cJSON_Delete(body);
	}
	free(search.lane);
	free(search.body);
	return search.count;
}

static void assert_has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text != NULL ? text : "(nothing)");
}

/* ---- commands ---------------------------------------------------------------------------------------------- */

static void command__typed__is_run_and_answered_in_its_acknowledgement(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	cJSON *answer = commands_text(world, "ack A1 looking", "t1");

	assert_int_equal(status_of(world, id), ALERT_ACKED);
	assert_string_equal(json_text(answer, "response_type"), "ephemeral");
	assert_has(json_text(answer, "text"), "A1");
	cJSON_Delete(answer);
}

static void command__that_comes_again__is_run_once(void **state)
{
	struct desk_world *world = *state;
	cJSON *answer;

	fires(world);
	cJSON_Delete(commands_text(world, "note A1 once", "t1"));
	assert_int_equal(words(world, "thread", NULL, NULL), 1);
	answer = commands_text(world, "note A1 once", "t1");
	assert_null(answer);
	assert_int_equal(words(world, "thread", NULL, NULL), 1);
	cJSON_Delete(commands_text(world, "note A1 once", "t2"));
	assert_int_equal(words(world, "thread", NULL, NULL), 2);
}

static void command__not_ours__is_acknowledged_and_nothing_else(void **state)
{
	static const char *const payloads[] = {
	    "{\"command\":\"/other\",\"text\":\"ack A1\",\"user_id\":\"U0ALICE\",\"channel_id\":\"C1\"}",
	    "{\"command\":\"/headsup\",\"text\":\"ack A1\"}",
	    "{\"command\":\"/headsup\",\"text\":\"ack A1\",\"user_id\":7}",
	    "{\"command\":null,\"text\":\"ack A1\",\"user_id\":\"U0ALICE\"}",
	    "{\"command\":[],\"user_id\":{\"id\":\"U0ALICE\"}}",
	    "{}",
	};
	struct desk_world *world = *state;
	int64_t id = fires(world);

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		assert_null(comes_text(world, "slash_commands", payloads[i]));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
}

static void command__with_a_long_answer__is_answered_in_blocks(void **state)
{
	struct desk_world *world = *state;
	cJSON *answer = commands_text(world, "help", "t1");
	const char *text = json_text(answer, "text");

	assert_non_null(text);
	assert_in_range(utf16_length(text, strlen(text)), 10, 3001);
	cJSON_Delete(answer);
}

/* ---- mentions and direct messages -------------------------------------------------------------------------- */

static void mention__in_an_alerts_thread__knows_the_alert(void **state)
{
	const struct post post = {.subject = "A1", .channel = "#security-alerts", .channel_id = "C0SEC", .ts = "1700.0001"};
	struct desk_world *world = *state;
	int64_t id = fires(world);
	char lane[64], text[512];
	struct error err = {0};

	desk_world_begin(world);
	assert_true(storage_add_post(world->storage, &post, &err));
	desk_world_end(world, true);
	event_comes(world, "Ev1",
	    "{\"type\":\"app_mention\",\"user\":\"U0ALICE\",\"channel\":\"C0SEC\",\"ts\":\"1700.0009\",\"thread_ts\":\"1700.0001\","
	    "\"text\":\"<@U0BOT> resolve chef run, as planned\"}");

	assert_int_equal(status_of(world, id), ALERT_RESOLVED);
	assert_int_equal(words(world, "reply", lane, text), 1);
	assert_string_equal(lane, "answer:C0SEC");
	assert_has(text, "A1");
}

static void mention__that_comes_as_two_events__is_run_once(void **state)
{
	static const char *const events[] = {
	    "{\"type\":\"message\",\"channel_type\":\"channel\",\"user\":\"U0ALICE\",\"channel\":\"C0SEC\",\"ts\":\"2.1\",\"text\":\"<@U0BOT> note A1 seen\"}",
	    "{\"type\":\"app_mention\",\"user\":\"U0ALICE\",\"channel\":\"C0SEC\",\"ts\":\"2.1\",\"text\":\"<@U0BOT|headsup>: note A1 seen\"}",
	    "{\"type\":\"app_mention\",\"user\":\"U0ALICE\",\"channel\":\"C0SEC\",\"ts\":\"2.1\",\"text\":\"<@U0BOT> note A1 seen\"}",
	};
	struct desk_world *world = *state;

	fires(world);
	for (size_t i = 0; i < 3; i++) {
		char id[8];

		snprintf(id, sizeof(id), "Ev%zu", i);
		event_comes(world, id, events[i]);
		event_comes(world, id, events[i]); /* and redelivered */
	}
	assert_int_equal(words(world, "thread", NULL, NULL), 1);
	assert_int_equal(words(world, "reply", NULL, NULL), 1);
}

static void direct_message__of_a_person__is_a_command(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	char lane[64], text[512];

	event_comes(world, "Ev1",
	    "{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U0ALICE\",\"channel\":\"D0ALICE\",\"ts\":\"3.1\",\"text\":\"ack A1\"}");
	assert_int_equal(status_of(world, id), ALERT_ACKED);
	assert_int_equal(words(world, "reply", lane, text), 1);
	assert_string_equal(lane, "answer:D0ALICE");
}

static void message__not_for_us__says_nothing(void **state)
{
	static const char *const events[] = {
	    /* in a channel, without a mention; with one it comes as app_mention too */
	    "{\"type\":\"message\",\"channel_type\":\"channel\",\"user\":\"U0ALICE\",\"channel\":\"C1\",\"ts\":\"1.1\",\"text\":\"ack A1\"}",
	    "{\"type\":\"message\",\"channel_type\":\"group\",\"user\":\"U0ALICE\",\"channel\":\"C1\",\"ts\":\"1.2\",\"text\":\"<@U0BOT> ack A1\"}",
	    /* bots, ours among them */
	    "{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U0BOT\",\"channel\":\"D1\",\"ts\":\"1.3\",\"text\":\"ack A1\"}",
	    "{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U0X\",\"bot_id\":\"B1\",\"channel\":\"D1\",\"ts\":\"1.4\",\"text\":\"ack A1\"}",
	    "{\"type\":\"app_mention\",\"user\":\"U0X\",\"bot_id\":\"B1\",\"channel\":\"C1\",\"ts\":\"1.5\",\"text\":\"<@U0BOT> ack A1\"}",
	    "{\"type\":\"message\",\"subtype\":\"bot_message\",\"channel_type\":\"im\",\"channel\":\"D1\",\"ts\":\"1.6\",\"text\":\"ack A1\"}",
	    /* edits, deletions, joins */
	    "{\"type\":\"message\",\"subtype\":\"message_changed\",\"hidden\":true,\"channel_type\":\"im\",\"channel\":\"D1\",\"ts\":\"1.7\",\"message\":{\"user\":\"U0ALICE\",\"text\":\"ack A1\"}}",
	    "{\"type\":\"message\",\"subtype\":\"channel_join\",\"user\":\"U0ALICE\",\"channel_type\":\"im\",\"channel\":\"D1\",\"ts\":\"1.8\",\"text\":\"ack A1\"}",
	    "{\"type\":\"message\",\"hidden\":true,\"user\":\"U0ALICE\",\"channel_type\":\"im\",\"channel\":\"D1\",\"ts\":\"1.9\",\"text\":\"ack A1\"}",
	    /* other events, and shapes that are none */
	    "{\"type\":\"app_home_opened\",\"user\":\"U0ALICE\",\"channel\":\"D1\",\"tab\":\"home\"}",
	    "{\"type\":\"reaction_added\",\"user\":\"U0ALICE\",\"item\":{\"channel\":\"C1\"}}",
	    "{\"type\":\"channel_rename\",\"channel\":{\"id\":\"C1\"}}",
	    "{\"type\":\"message\",\"channel_type\":\"im\",\"user\":null,\"channel\":{\"id\":\"D1\"},\"text\":\"ack A1\"}",
	    "{\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U0ALICE\",\"channel\":\"D1\",\"ts\":1.5,\"text\":null}",
	    "null",
	    "[]",
	    "\"text\"",
	};
	struct desk_world *world = *state;
	int64_t id = fires(world);

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "Ev%zu", i);
		event_comes(world, name, events[i]);
	}
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	assert_int_equal(words(world, "reply", NULL, NULL), 0);
}

#define MENTION_OF(team, more, who)                                                                           \
	"{\"team_id\":\"" team "\",\"event_id\":\"Ev1\"," more "\"event\":{\"type\":\"app_mention\",\"user\":\"U0ALICE\"," who \
	"\"channel\":\"C1\",\"ts\":\"1.1\",\"text\":\"<@U0BOT> ack A1\"}}"

static void mention__of_an_outsider_in_a_shared_channel__says_nothing(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);

	assert_null(comes_text(world, "events_api", MENTION_OF("T0TEAM", "", "\"user_team\":\"T0OTHER\",")));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
}

/* In a shared channel, and where one app serves an organisation, the payload's team may be any. */
static void what_ours_do__where_the_payload_names_another_team__is_done(void **state)
{
	static const struct {
		const char *type, *payload;
	} cases[] = {
	    {"events_api", MENTION_OF("T0OTHER", "", "")},
	    {"events_api", MENTION_OF("T0OTHER", "", "\"user_team\":\"T0TEAM\",")},
	    {"events_api", MENTION_OF("T0OTHER", "\"is_enterprise_install\":true,", "\"user_team\":\"T0OTHER\",")},
	    {"slash_commands",
		"{\"command\":\"/headsup\",\"text\":\"ack A1\",\"user_id\":\"U0ALICE\",\"channel_id\":\"C1\",\"team_id\":\"T0OTHER\"}"},
	    {"interactive",
		"{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\",\"team_id\":\"T0TEAM\"},\"team\":{\"id\":\"T0OTHER\"},"
		"\"actions\":[{\"action_id\":\"alert_ack\",\"value\":\"A1:1\"}]}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct desk_world *world = desk_world_new(NULL);
		int64_t id = fires(world);

		cJSON_Delete(comes_text(world, cases[i].type, cases[i].payload));
		assert_int_equal(status_of(world, id), ALERT_ACKED);
		desk_world_free(world);
	}
}

static void press__without_a_value__is_about_the_message_that_was_pressed(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	struct post post = {.subject = "A1", .channel = "#a", .channel_id = "C1", .ts = "12.000001"};
	struct error err;

	assert_true(storage_add_post(world->storage, &post, &err));
	assert_null(comes_text(world, "interactive",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"container\":{\"channel_id\":\"C1\",\"message_ts\":\"12.000001\"},"
	    "\"actions\":[{\"action_id\":\"alert_ack\"}]}"));
	assert_int_equal(status_of(world, id), ALERT_ACKED);
}

static void mention__over_rtm__is_a_message(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);

	world->config->slack.is_rtm = true;
	assert_null(comes_text(world, "events_api",
	    "{\"type\":\"message\",\"user\":\"U0ALICE\",\"channel\":\"C1\",\"ts\":\"1.1\",\"text\":\"<@U0BOT> ack A1\"}"));
	world->config->slack.is_rtm = false;
	assert_int_equal(status_of(world, id), ALERT_ACKED);
}

/* ---- presses ----------------------------------------------------------------------------------------------- */

static void press__on_a_card__does_it_as_who_pressed(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	struct alert *alert;

	presses(world, "U0ALICE", "alert_ack", "A1:1", "t1");
	alert = storage_alert(world->storage, id, NULL);
	assert_int_equal(alert->status, ALERT_ACKED);
	assert_string_equal(alert->changed_by, "U0ALICE");
	assert_string_equal(alert->changed_via, "slack");
	alert_free(alert);
	assert_int_equal(words(world, "ephemeral", NULL, NULL), 0);

	presses(world, "U0BOB", "alert_resolve", "A1:2", "t2");
	assert_int_equal(status_of(world, id), ALERT_RESOLVED);
	assert_int_equal(world->desk->counts.presses, 2);
}

static void chooses(struct desk_world *world, const char *user, const char *value, const char *trigger)
{
	char *json = xasprintf("{\"type\":\"block_actions\",\"user\":{\"id\":\"%s\"},\"channel\":{\"id\":\"C0SEC\"},"
			       "\"response_url\":\"https://hooks.slack.com/r\",\"trigger_id\":\"%s\",\"actions\":[{\"type\":\"overflow\","
			       "\"action_id\":\"alert_more\",\"selected_option\":{\"value\":\"%s\"}}]}",
	    user, trigger, value);

	assert_null(comes_text(world, "interactive", json));
	free(json);
}

static void press__in_the_menu__assigns_unacks_and_reopens(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	char lane[64], text[512];
	struct alert *alert;

	chooses(world, "U0BOB", "A1:1:assign", "t1");
	alert = storage_alert(world->storage, id, NULL);
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_string_equal(alert->assignee, "U0BOB");
	alert_free(alert);
	presses(world, "U0ALICE", "alert_ack", "A1:2", "t2");
	chooses(world, "U0ALICE", "A1:3:unack", "t3");
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	presses(world, "U0ALICE", "alert_resolve", "A1:4", "t4");
	chooses(world, "U0ALICE", "A1:5:reopen", "t5");
	assert_int_equal(status_of(world, id), ALERT_OPEN);
	assert_int_equal(words(world, "ephemeral", NULL, NULL), 0);
	/* Late, and of another version's card. */
	presses(world, "U0ALICE", "alert_resolve", "A1:6", "t6");
	chooses(world, "U0BOB", "A1:3:unack", "t7");
	assert_int_equal(words(world, "ephemeral", lane, text), 1);
	assert_has(text, "already resolved by <@U0ALICE>");
	chooses(world, "U0BOB", "A1:3:dance", "t8");
	chooses(world, "U0BOB", "A1:3:", "t9");
	assert_int_equal(status_of(world, id), ALERT_RESOLVED);
}

static void press__too_late__is_answered_and_changes_nothing(void **state)
{
	struct desk_world *world = *state;
	int64_t id = fires(world);
	char lane[64], text[512];
	struct alert *alert;

	presses(world, "U0ALICE", "alert_ack", "A1:1", "t1");
	world->desk->now += 130;
	presses(world, "U0BOB", "alert_ack", "A1:1", "t2");
	assert_int_equal(words(world, "ephemeral", lane, text), 1);
	assert_string_equal(lane, "answer:U0BOB");
	assert_has(text, "already acked by <@U0ALICE> 2 min ago");
	alert = storage_alert(world->storage, id, NULL);
	assert_string_equal(alert->changed_by, "U0ALICE");
	alert_free(alert);

	presses(world, "U0ALICE", "alert_resolve", "A1:2", "t3");
	presses(world, "U0BOB", "alert_ack", "A1:1", "t4");
	assert_int_equal(status_of(world, id), ALERT_RESOLVED);
	assert_int_equal(words(world, "ephemeral", lane, text), 2);
	assert_has(text, "already resolved by <@U0ALICE>");
}

static void press__that_comes_again__is_done_once(void **state)
{
	struct desk_world *world = *state;

	fires(world);
	presses(world, "U0ALICE", "alert_ack", "A1:1", "t1");
	presses(world, "U0ALICE", "alert_ack", "A1:1", "t1");
	assert_int_equal(words(world, "ephemeral", NULL, NULL), 0);
}

static void press__for_the_reason_why__is_answered_to_who_pressed(void **state)
{
	struct desk_world *world = *state;
	char lane[64], text[512];

	fires(world);
	assert_null(comes_text(world, "interactive",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"channel\":{\"id\":\"C0SEC\"},\"trigger_id\":\"t1\","
	    "\"actions\":[{\"type\":\"overflow\",\"action_id\":\"alert_more\",\"selected_option\":{\"value\":\"A1:1:why\"}}]}"));
	assert_int_equal(words(world, "ephemeral", lane, text), 1);
	assert_string_equal(lane, "answer:U0ALICE");
	assert_has(text, "A1");
}

static void press__that_makes_no_sense__does_nothing(void **state)
{
	static const char *const values[] = {"", "A1", "A1:", "A1:x", "A1:1x", "H1:1", ":1", "A0:1", "A99999999999999999999999:1",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:1", "<!channel>:1"};
	static const char *const payloads[] = {
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"actions\":[{\"action_id\":\"alert_more\",\"selected_option\":null}]}",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"actions\":[{\"action_id\":\"alert_ack\",\"value\":{}}]}",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"actions\":[null,7,\"x\",[]]}",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"actions\":[]}",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\"},\"actions\":{}}",
	    "{\"type\":\"block_actions\",\"user\":null,\"actions\":[{\"action_id\":\"alert_ack\",\"value\":\"A1:1\"}]}",
	    "{\"type\":\"block_actions\",\"user\":{},\"actions\":[{\"action_id\":\"alert_ack\",\"value\":\"A1:1\"}]}",
	    "{\"type\":\"block_actions\",\"user\":{\"id\":\"U0ALICE\",\"team_id\":\"T0OTHER\"},\"actions\":[{\"action_id\":\"alert_ack\",\"value\":\"A1:1\"}]}",
	    "{\"type\":\"view_submission\",\"user\":{\"id\":\"U0ALICE\"},\"view\":{\"state\":{\"values\":{}}}}",
	    "{\"type\":\"no such type\"}",
	    "{}",
	};
	struct desk_world *world = *state;
	int64_t id = fires(world);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		presses(world, "U0ALICE", "alert_ack", values[i], "t");
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		assert_null(comes_text(world, "interactive", payloads[i]));
	assert_int_equal(status_of(world, id), ALERT_OPEN);
}

static void press__on_an_announcement__changes_it(void **state)
{
	static char *match[] = {"host=web-*"};
	const struct actor actor = {.who = "U0ALICE", .via = "slack", .from = "C0SEC"};
	const struct announce_request request = {.match = match, .match_count = 1, .from = TIME_NONE, .until = TIME_NONE,
	    .for_s = 1800, .because = "deploy", .author = "U0ALICE", .channel = "C0SEC"};
	struct desk_world *world = *state;
	struct announcement *made = NULL;
	struct error err = {0};
	bool is_again;

	desk_world_begin(world);
	if (!announce(world->desk, &actor, &request, &made, &is_again, &err))
		fail_msg("%s", err.text);
	desk_world_end(world, true);
	announcement_free(made);

	presses(world, "U0ALICE", "announcement_extend", "H1:1", "t1");
	made = storage_announcement(world->storage, 1, &err);
	assert_int_equal(made->ends_at, NOON + 3600);
	announcement_free(made);

	presses(world, "U0ALICE", "announcement_end", "H1:2", "t2");
	made = storage_announcement(world->storage, 1, &err);
	assert_int_equal(made->state, ANNOUNCEMENT_ENDED);
	announcement_free(made);

	presses(world, "U0ALICE", "announcement_end", "H1:2", "t3");
	assert_int_equal(words(world, "ephemeral", NULL, NULL), 1);
}

/* ---- whatever comes ---------------------------------------------------------------------------------------- */

static cJSON *read_json(const char *path)
{
	FILE *file = fopen(path, "rb");
	static char text[1 << 20];
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	return json_parse(text, len, NULL);
}

static void sample__of_every_kind__is_taken_in_every_envelope(void **state)
{
	static const char *const types[] = {"events_api", "slash_commands", "interactive", "hello", "something else"};
	struct desk_world *world = *state;
	struct dirent *entry;
	DIR *samples = opendir(SAMPLES);
	size_t count = 0;

	assert_non_null(samples);
	while ((entry = readdir(samples)) != NULL) {
		char path[512];
		cJSON *payload;

		snprintf(path, sizeof(path), SAMPLES "/%s", entry->d_name);
		if (entry->d_name[0] == '.' || (payload = read_json(path)) == NULL)
			continue;
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			const cJSON *inner = json_get(payload, "payload");

			/* None of these is of our command; mentions and direct messages are answered later. */
			assert_null(comes(world, types[i], payload));
			assert_null(comes(world, types[i], inner));
		}
		cJSON_Delete(payload);
		count++;
	}
	closedir(samples);
	assert_in_range(count, 100, 10000);
	assert_null(comes(world, NULL, NULL));
	assert_in_range(words(world, "reply", NULL, NULL), 1, count);
}

static void storage__out_of_order__is_told_to_who_waits(void **state)
{
	cJSON *told = slack_in_unstored("slash_commands", NULL);

	(void)state;
	assert_string_equal(json_text(told, "response_type"), "ephemeral");
	assert_has(json_text(told, "text"), "could not be stored, nothing was done, try again");
	cJSON_Delete(told);
	told = slack_in_unstored("interactive", NULL);
	assert_non_null(told);
	cJSON_Delete(told);
	assert_null(slack_in_unstored("events_api", NULL));
	assert_null(slack_in_unstored(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(command__typed__is_run_and_answered_in_its_acknowledgement, setup, teardown),
	    cmocka_unit_test_setup_teardown(command__that_comes_again__is_run_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(command__not_ours__is_acknowledged_and_nothing_else, setup, teardown),
	    cmocka_unit_test_setup_teardown(command__with_a_long_answer__is_answered_in_blocks, setup, teardown),
	    cmocka_unit_test_setup_teardown(mention__in_an_alerts_thread__knows_the_alert, setup, teardown),
	    cmocka_unit_test_setup_teardown(mention__that_comes_as_two_events__is_run_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(direct_message__of_a_person__is_a_command, setup, teardown),
	    cmocka_unit_test_setup_teardown(message__not_for_us__says_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(mention__of_an_outsider_in_a_shared_channel__says_nothing, setup, teardown),
	    cmocka_unit_test(what_ours_do__where_the_payload_names_another_team__is_done),
	    cmocka_unit_test_setup_teardown(press__without_a_value__is_about_the_message_that_was_pressed, setup, teardown),
	    cmocka_unit_test_setup_teardown(mention__over_rtm__is_a_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__on_a_card__does_it_as_who_pressed, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__too_late__is_answered_and_changes_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__in_the_menu__assigns_unacks_and_reopens, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__that_comes_again__is_done_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__for_the_reason_why__is_answered_to_who_pressed, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__that_makes_no_sense__does_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(press__on_an_announcement__changes_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(sample__of_every_kind__is_taken_in_every_envelope, setup, teardown),
	    cmocka_unit_test(storage__out_of_order__is_told_to_who_waits),
	};

	return cmocka_run_group_tests_name("slack_in", tests, NULL, NULL);
}
