#include "tests/unit/bot_world.h"

#include <inttypes.h>

#include "bot/courier_internal.h"
#include "config/base/json.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/words.h"
#include "tests/unit/fake_peer.h"

#define TURNS 20000 /* of the loop, each at most 2 ms */
#define ROUTING_KEY "0123456789abcdef0123456789abcdef"

/* What the peer does with the calls of one method (and channel); the first that fits and is not
 * used up. */
struct rule {
	const char *method, *channel; /* CHANNEL NULL: any */
	int times;                    /* -1: always */
	struct fake_answer answer;
};

struct world {
	struct bot_world *bot;
	struct web *web;
	struct courier *courier;
	struct fake_peer peer;
	struct rule rules[8];
	size_t rule_count;
	char answer[256];
	int posts;
};

static bool call_is(const struct fake_call *call, const char *method)
{
	size_t len = strlen(call->path), method_len = strlen(method);

	return len >= method_len && strcmp(call->path + len - method_len, method) == 0;
}

static char *call_text(const struct fake_call *call, const char *name)
{
	cJSON *json = json_parse(call->body, strlen(call->body), NULL);
	char *text = xstrdup(json_text(json, name));

	cJSON_Delete(json);
	return text;
}

static struct fake_answer on_call(void *ctx, const struct fake_call *call)
{
	struct world *world = ctx;
	char *channel = call_text(call, "channel");

	for (size_t i = 0; i < world->rule_count; i++) {
		struct rule *rule = &world->rules[i];

		if (rule->times == 0 || !call_is(call, rule->method) ||
		    (rule->channel != NULL && !text_equal(rule->channel, channel)))
			continue;
		if (rule->times > 0)
			rule->times--;
		free(channel);
		return rule->answer;
	}
	snprintf(world->answer, sizeof(world->answer),
	    "{\"ok\":true,\"channel\":\"C0%s\",\"ts\":\"1700000000.%06d\"}",
	    channel != NULL && channel[0] == '#' ? channel + 1 : "X", ++world->posts);
	free(channel);
	if (call_is(call, "/v2/enqueue"))
		return (struct fake_answer){.status = 202, .body = "{\"status\":\"success\"}"};
	return (struct fake_answer){.body = world->answer};
}

static void rule(struct world *world, const char *method, const char *channel, int times,
    struct fake_answer answer)
{
	world->rules[world->rule_count++] =
	    (struct rule){.method = method, .channel = channel, .times = times, .answer = answer};
}

static void start_courier(struct world *world)
{
	struct error err = {0};

	world->courier = courier_new(&world->bot->loop, world->web, world->bot->config, &err);
	assert_non_null(world->courier);
}

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct config *config;
	struct error err = {0};
	char url[64];

	world->bot = bot_world_new();
	config = world->bot->config;
	world->peer.answer = on_call;
	world->peer.ctx = world;
	fake_start(&world->peer, &world->bot->uv);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/", world->peer.port);
	replace_text(&config->slack.api_url, url);
	config->slack.posts_per_second = 1000;
	config->pagerduty.is_enabled = true;
	url[strlen(url) - strlen("/api/")] = '\0';
	replace_text(&config->pagerduty.events_url, url);
	replace_text(&config->pagerduty.routing_key, ROUTING_KEY);
	world->web = web_new(&world->bot->loop, config, &err);
	assert_non_null(world->web);
	log_setup(LOG_ERROR, false);
	start_courier(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	bot_world_disk_fails(false);
	courier_free(world->courier);
	web_free(world->web);
	fake_stop(&world->peer);
	bot_world_free(world->bot);
	fake_fini(&world->peer);
	free(world);
	return 0;
}

/* ---- given ----------------------------------------------------------------------------------- */

static void begin(struct world *world)
{
	assert_true(loop_event(&world->bot->loop, NULL));
}

static void end(struct world *world)
{
	assert_true(loop_event_end(&world->bot->loop, true, NULL));
}

/* A reply to CHANNEL about SUBJECT ("": nothing): chat.postMessage. */
static int64_t leave_text(
    struct world *world, const char *channel, const char *subject, const char *text)
{
	char lane[64], body[256];
	struct word word = {
	    .lane = lane,
	    .kind = (char *)WORD_REPLY,
	    .subject = (char *)subject,
	    .body = body,
	    .not_before = TIME_NONE,
	    .deadline = TIME_NONE,
	    .created_at = clock_now(),
	};

	snprintf(lane, sizeof(lane), "slack:%s", channel);
	snprintf(body, sizeof(body), "{\"channel\":\"%s\",\"text\":\"%s\"}", channel, text);
	assert_true(storage_add_word(world->bot->storage, &word, NULL));
	return word.id;
}

static int64_t say(struct world *world, const char *channel, const char *subject, const char *text)
{
	int64_t id;

	begin(world);
	id = leave_text(world, channel, subject, text);
	end(world);
	return id;
}

static void send_alert(struct world *world, const char *title, const char *page_key)
{
	struct alert *alert = alert_new();

	begin(world);
	alert->title = xstrdup(title);
	alert->source = xstrdup("test");
	alert->dedup_key = xstrdup(title);
	alert->received_at = alert->occurred_at = alert->last_seen = clock_now();
	assert_true(intake(world->bot->desk, alert, NULL));
	if (page_key != NULL) {
		replace_text(&alert->page_key, page_key);
		assert_true(storage_put_alert(world->bot->storage, alert, NULL));
		assert_true(say_page(world->bot->desk, alert, "trigger", NULL));
	}
	end(world);
	alert_free(alert);
}

/* ---- then ------------------------------------------------------------------------------------ */

static size_t calls_of(const struct world *world, const char *method)
{
	size_t count = 0;

	for (size_t i = 0; i < world->peer.call_count; i++)
		count += call_is(&world->peer.calls[i], method);
	return count;
}

static void wait_calls(struct world *world, const char *method, size_t count)
{
	for (int i = 0; i < TURNS && calls_of(world, method) < count; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(calls_of(world, method), count);
}

static int64_t words_in(const struct world *world, enum word_state state)
{
	int64_t counts[4];

	assert_true(storage_count_words(world->bot->storage, counts, NULL, NULL));
	return counts[state];
}

static int64_t words_left(const struct world *world)
{
	return words_in(world, WORD_WAITING) + words_in(world, WORD_SENDING) +
	       words_in(world, WORD_STUCK) + words_in(world, WORD_DEAD);
}

static void wait_words(struct world *world, enum word_state state, int64_t count)
{
	for (int i = 0; i < TURNS && words_in(world, state) != count; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(words_in(world, state), count);
}

static void wait_silence(struct world *world)
{
	for (int i = 0; i < TURNS && words_left(world) > 0; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(words_left(world), 0);
}

static void assert_said(const struct world *world, size_t at, const char *text)
{
	char *said = call_text(&world->peer.calls[at], "text");

	assert_non_null(said);
	if (strstr(said, text) == NULL)
		fail_msg("call %zu says %s", at, said);
	free(said);
}

/* As after a crash or a night: what was left is picked up by a courier that knows nothing. */
static void restart(struct world *world)
{
	courier_free(world->courier);
	uv_run(&world->bot->uv, UV_RUN_NOWAIT);
	start_courier(world);
}

/* What was put off is due. */
static void pass_time(struct world *world)
{
	struct word *word;

	begin(world);
	for (int64_t id = 1; id < 50; id++) {
		word = storage_word(world->bot->storage, id);
		if (word != NULL && word->state == WORD_WAITING) {
			word->not_before = TIME_NONE;
			assert_true(storage_put_word(world->bot->storage, word, NULL));
		}
		word_free(word);
	}
	end(world);
}

/* ---- order ----------------------------------------------------------------------------------- */

static void word__left__is_sent_after_the_commit_and_leaves_the_outbox(void **state)
{
	struct world *world = *state;
	const struct fake_call *call = &world->peer.calls[0];

	say(world, "C1", "", "hello");
	assert_int_equal(world->peer.call_count, 0);
	wait_silence(world);

	assert_int_equal(world->peer.call_count, 1);
	assert_string_equal(call->path, "/api/chat.postMessage");
	assert_non_null(strstr(call->head, "Content-Type: application/json; charset=utf-8\r\n"));
	assert_non_null(strstr(call->head, "Authorization: Bearer xoxb-test-000000\r\n"));
	assert_non_null(strstr(call->body, "\"event_payload\":{\"word\":1}"));
	assert_said(world, 0, "hello");
}

static void words__of_one_subject__go_one_after_the_other(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	begin(world);
	leave_text(world, "C1", "A1", "first");
	leave_text(world, "C1", "A1", "second");
	leave_text(world, "C1", "A2", "other");
	end(world);
	wait_calls(world, "chat.postMessage", 2);
	wait_words(world, WORD_SENDING, 1);

	assert_said(world, 0, "first");
	assert_said(world, 1, "other");
	assert_int_equal(words_in(world, WORD_WAITING), 1);
}

static void words__of_one_subject__keep_their_order(void **state)
{
	struct world *world = *state;
	char text[8];

	begin(world);
	for (int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "no %d", i);
		leave_text(world, "C1", "A1", text);
	}
	end(world);
	wait_silence(world);

	for (size_t i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "no %zu", i);
		assert_said(world, i, text);
	}
}

static void card__changed_while_its_post_is_on_the_way__is_edited_once_and_after_it(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct alert *alert;
	const struct actor alice = {.who = "U1", .via = "slack"};

	send_alert(world, "sshd started", NULL);
	wait_calls(world, "chat.postMessage", 1);
	begin(world);
	assert_true(alert_act(world->bot->desk, &alice, 1, "ack", NULL, NULL, &alert, &err));
	alert_free(alert);
	alert = NULL;
	assert_true(alert_act(world->bot->desk, &alice, 1, "resolve", NULL, NULL, &alert, &err));
	alert_free(alert);
	end(world);
	wait_silence(world);

	assert_true(call_is(&world->peer.calls[0], "chat.postMessage"));
	assert_int_equal(calls_of(world, "chat.update"), 1);
	assert_non_null(strstr(world->peer.calls[1].body, "1700000000.000001"));
}

static void lanes__one_hangs__the_others_go_on(void **state)
{
	struct world *world = *state;
	char subject[8], fingerprint[13];

	key_fingerprint(ROUTING_KEY, fingerprint);
	rule(world, "chat.postMessage", "C1", -1, (struct fake_answer){.act = FAKE_HANG});
	begin(world);
	for (int i = 0; i < 100; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_text(world, "C1", subject, "stuck");
	}
	leave_text(world, "C2", "A1", "goes");
	end(world);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);
	wait_calls(world, "chat.postMessage", COURIER_LANE_IN_FLIGHT_MAX + 2);
	wait_words(world, WORD_SENDING, COURIER_LANE_IN_FLIGHT_MAX);

	assert_int_equal(calls_of(world, "chat.postMessage"), COURIER_LANE_IN_FLIGHT_MAX + 2);
}

static void calls__many_lanes_hang__leave_room_for_pages(void **state)
{
	struct world *world = *state;
	char channel[8], subject[8], fingerprint[13];

	key_fingerprint(ROUTING_KEY, fingerprint);
	rule(world, "chat.postMessage", NULL, -1, (struct fake_answer){.act = FAKE_HANG});
	begin(world);
	for (int i = 0; i < 200; i++) {
		snprintf(channel, sizeof(channel), "C%d", i % 50);
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_text(world, channel, subject, "stuck");
	}
	end(world);
	for (int i = 0; i < 50; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_true(words_in(world, WORD_SENDING) < COURIER_IN_FLIGHT_MAX);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);

	assert_true(words_in(world, WORD_SENDING) <= COURIER_IN_FLIGHT_MAX);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void channel__more_than_its_burst__waits_for_its_rate(void **state)
{
	struct world *world = *state;
	char subject[8];

	world->bot->config->slack.posts_per_second = 1;
	begin(world);
	for (int i = 0; i < 9; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_text(world, "C1", subject, "x");
	}
	leave_text(world, "C2", "A1", "another channel");
	end(world);
	for (int i = 0; i < 100; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);

	assert_int_equal(calls_of(world, "chat.postMessage"), 6);
	assert_int_equal(words_in(world, WORD_WAITING), 4);
}

static void channel__over_slacks_limit__waits_as_long_as_slack_says(void **state)
{
	struct world *world = *state;
	int64_t id;
	struct word *word;

	rule(world, "chat.postMessage", "C1", 1,
	    (struct fake_answer){.status = 429,
		.headers = "Retry-After: 30\r\n",
		.body = "{\"ok\":false,\"error\":\"ratelimited\"}"});
	id = say(world, "C1", "A1", "limited");
	wait_calls(world, "chat.postMessage", 1);
	wait_words(world, WORD_WAITING, 1);
	say(world, "C1", "A2", "the same channel");
	say(world, "C2", "A3", "another");
	wait_calls(world, "chat.postMessage", 2);

	assert_said(world, 1, "another");
	word = storage_word(world->bot->storage, id);
	assert_in_range(word->not_before, clock_now() + 28, clock_now() + 30);
	assert_false(word->is_unsure);
	assert_string_equal(word->problem, "ratelimited");
	word_free(word);
}

/* ---- what comes back ------------------------------------------------------------------------- */

static void form__refused__goes_plainly_at_once(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"invalid_blocks\"}"});
	send_alert(world, "sshd started", NULL);
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 2);
	assert_non_null(strstr(world->peer.calls[0].body, "\"blocks\""));
	assert_said(world, 1, "sshd started");
	assert_true(strlen(world->peer.calls[1].body) < strlen(world->peer.calls[0].body));
}

static void form__refused_plainly_too__waits_for_a_person(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, -1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"msg_too_long\"}"});
	say(world, "C1", "A1", "x");
	wait_words(world, WORD_STUCK, 1);

	assert_int_equal(calls_of(world, "chat.postMessage"), 2);
}

static void channel__that_refuses_us__keeps_its_words_until_one_gets_through(void **state)
{
	struct world *world = *state;
	cJSON *list = cJSON_CreateArray();

	rule(world, "chat.postMessage", "C1", 2,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"not_in_channel\"}"});
	say(world, "C1", "A1", "one");
	say(world, "C1", "A2", "two");
	wait_words(world, WORD_STUCK, 2);
	courier_degraded(world->courier, list);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	assert_string_equal(cJSON_GetArrayItem(list, 0)->valuestring,
	    "slack:C1 waits for a person: not_in_channel (2 words)");
	cJSON_Delete(list);

	say(world, "C1", "A3", "three");
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 2 + 3);
}

static void stuck_words__after_a_restart__are_tried_again(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", "C1", 1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"is_archived\"}"});
	say(world, "C1", "A1", "one");
	wait_words(world, WORD_STUCK, 1);
	restart(world);
	wait_silence(world);
}

static void token__refused__pauses_slack_and_keeps_every_word(void **state)
{
	struct world *world = *state;
	cJSON *list = cJSON_CreateArray();
	char fingerprint[13];

	key_fingerprint(ROUTING_KEY, fingerprint);
	rule(world, "chat.postMessage", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"invalid_auth\"}"});
	say(world, "C1", "A1", "one");
	wait_calls(world, "chat.postMessage", 1);
	wait_words(world, WORD_WAITING, 1);
	say(world, "C2", "A2", "two");
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
	assert_int_equal(words_in(world, WORD_STUCK), 0);
	courier_degraded(world->courier, list);
	assert_string_equal(
	    cJSON_GetArrayItem(list, 0)->valuestring, "slack refuses the bot token: invalid_auth");
	cJSON_Delete(list);

	courier_reload(world->courier, world->bot->config);
	wait_silence(world);
}

static void peer__away__is_tried_one_at_a_time_and_less_and_less(void **state)
{
	struct world *world = *state;
	char subject[8];

	rule(world, "chat.postMessage", NULL, 1,
	    (struct fake_answer){.status = 503, .body = "away"});
	say(world, "C1", "A0", "first");
	wait_calls(world, "chat.postMessage", 1);
	wait_words(world, WORD_WAITING, 1);
	begin(world);
	for (int i = 1; i < 10; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_text(world, "C1", subject, "x");
	}
	end(world);
	for (int i = 0; i < 50; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
	assert_int_equal(words_in(world, WORD_WAITING), 10);
}

static void page__refused_for_good__is_dead_and_kept(void **state)
{
	struct world *world = *state;
	char fingerprint[13];

	key_fingerprint(ROUTING_KEY, fingerprint);
	rule(world, "/v2/enqueue", NULL, 1,
	    (struct fake_answer){.status = 400, .body = "{\"errors\":[\"no\"]}"});
	send_alert(world, "paged", fingerprint);
	wait_words(world, WORD_DEAD, 1);
	wait_words(world, WORD_WAITING, 0);

	assert_int_equal(calls_of(world, "/v2/enqueue"), 1);
}

static void word__past_its_deadline__is_dropped_unsaid(void **state)
{
	struct world *world = *state;
	struct word word = {.lane = (char *)"slack:C1",
	    .kind = (char *)WORD_REPLY,
	    .subject = (char *)"",
	    .body = (char *)"{\"channel\":\"C1\",\"text\":\"late\"}",
	    .not_before = TIME_NONE,
	    .deadline = clock_now() - 1,
	    .created_at = clock_now()};

	begin(world);
	assert_true(storage_add_word(world->bot->storage, &word, NULL));
	end(world);
	wait_silence(world);

	assert_int_equal(world->peer.call_count, 0);
}

static void word__that_cannot_be_rendered__waits_for_a_person(void **state)
{
	struct world *world = *state;
	struct word word = {.lane = (char *)"slack:C1",
	    .kind = (char *)"unheard-of",
	    .subject = (char *)"",
	    .not_before = TIME_NONE,
	    .deadline = TIME_NONE,
	    .created_at = clock_now()};

	begin(world);
	assert_true(storage_add_word(world->bot->storage, &word, NULL));
	end(world);
	wait_words(world, WORD_STUCK, 1);

	assert_int_equal(world->peer.call_count, 0);
}

/* ---- said or not? ---------------------------------------------------------------------------- */

static void answer__lost__is_looked_for_and_not_said_twice(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_CUT});
	rule(world, "conversations.history", NULL, 1,
	    (struct fake_answer){
		.body = "{\"ok\":true,\"messages\":[{\"ts\":\"1.5\"},{\"ts\":\"1700000000.000009\","
			"\"metadata\":"
			"{\"event_type\":\"headsup_word\",\"event_payload\":{\"word\":1}}}]}"});
	say(world, "C1", "A1", "once");
	wait_calls(world, "chat.postMessage", 1);
	wait_words(world, WORD_WAITING, 1);
	courier_reload(world->courier, world->bot->config); /* ends the pause */
	pass_time(world);
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
	assert_non_null(strstr(world->peer.calls[1].body, "channel=C1&oldest="));
	assert_non_null(strstr(world->peer.calls[1].body, "include_all_metadata=true"));
}

static void word__under_way_at_a_crash__is_looked_for_before_it_is_said_again(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "conversations.history", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":true,\"messages\":[],\"response_metadata\":{"
					 "\"next_cursor\":\"a=b\"}}"});
	rule(world, "conversations.history", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":true,\"messages\":[]}"});
	say(world, "C1", "A1", "again");
	wait_calls(world, "chat.postMessage", 1);
	restart(world);
	wait_silence(world);

	assert_int_equal(calls_of(world, "conversations.history"), 2);
	assert_non_null(strstr(world->peer.calls[2].body, "cursor=a%3Db"));
	assert_int_equal(calls_of(world, "chat.postMessage"), 2);
}

static void words__of_one_channel__are_looked_for_at_once(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 3, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "conversations.history", NULL, -1,
	    (struct fake_answer){.body = "{\"ok\":true,\"messages\":[{\"ts\":\"1.5\",\"metadata\":{"
					 "\"event_type\":\"headsup_word\","
					 "\"event_payload\":{\"word\":2}}}]}"});
	begin(world);
	leave_text(world, "C1", "A1", "one");
	leave_text(world, "C1", "A2", "two");
	leave_text(world, "C1", "A3", "three");
	end(world);
	wait_calls(world, "chat.postMessage", 3);
	restart(world);
	wait_silence(world);

	assert_int_equal(calls_of(world, "conversations.history"), 1);
	assert_int_equal(calls_of(world, "chat.postMessage"), 3 + 2);
}

static void channel__known_by_name_only__is_found_in_slacks_list(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "conversations.list", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":true,\"channels\":[{\"id\":\"D1\"},{\"id\":"
					 "\"C9\",\"name\":\"security-alerts\"}]}"});
	rule(world, "conversations.history", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":true,\"messages\":[{\"ts\":\"1.5\",\"metadata\":{"
					 "\"event_type\":\"headsup_word\","
					 "\"event_payload\":{\"word\":1}}}]}"});
	send_alert(world, "sshd started", NULL);
	wait_calls(world, "chat.postMessage", 1);
	restart(world);
	wait_calls(world, "conversations.history", 1);
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
	assert_non_null(strstr(world->peer.calls[2].body, "channel=C9"));
}

static void look__refused__says_it_again(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "conversations.history", NULL, -1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"missing_scope\"}"});
	say(world, "C1", "A1", "twice is better than never");
	wait_calls(world, "chat.postMessage", 1);
	restart(world);
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 2);
}

static void look__over_a_limit__waits_and_says_nothing(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "conversations.history", NULL, -1,
	    (struct fake_answer){.status = 429,
		.headers = "Retry-After: 30\r\n",
		.body = "{\"ok\":false,\"error\":\"ratelimited\"}"});
	say(world, "C1", "A1", "x");
	wait_calls(world, "chat.postMessage", 1);
	restart(world);
	wait_calls(world, "conversations.history", 1);
	wait_words(world, WORD_WAITING, 1);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
}

/* ---- the disk -------------------------------------------------------------------------------- */

static void disk__fails__nothing_is_sent_until_it_works(void **state)
{
	struct world *world = *state;

	say(world, "C1", "A1", "before");
	wait_silence(world);
	begin(world);
	leave_text(world, "C1", "A2", "not stored");
	bot_world_disk_fails(true);
	loop_event_end(&world->bot->loop, true, NULL);
	for (int i = 0; i < 20; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(world->peer.call_count, 1);

	bot_world_disk_fails(false);
	say(world, "C1", "A3", "after");
	wait_silence(world);

	assert_int_equal(world->peer.call_count, 2);
	assert_said(world, 1, "after");
}

static void disk__fails_while_an_answer_comes__the_word_is_settled_later_and_said_once(void **state)
{
	struct world *world = *state;

	say(world, "C1", "A1", "once");
	wait_calls(world, "chat.postMessage", 1);
	bot_world_disk_fails(true);
	for (int i = 0; i < 20; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	bot_world_disk_fails(false);
	assert_int_equal(words_left(world), 1);
	wait_silence(world);

	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
}

/* ---- conversations with PagerDuty's REST API --------------------------------------------------
 * A word of kind "talk" is a conversation of this test's own; its body says the call
 * ({"verb","path","from","send"}), the second before which there is none ("waits_until"), and the
 * step that follows ("next").
 */

#define TALK "talk"
#define REFUSED "{\"error\":{\"message\":\"No\",\"code\":2100}}"

static struct talks {
	int renders, heard, ok, failed, final;
	int status;    /* of the last that was heard */
	bool has_body; /* had its reply one? */
	char error[128];
} talks;

static bool is_talk(const struct word *word)
{
	return strcmp(word->kind, TALK) == 0;
}

static bool render(
    struct desk *desk, const struct word *word, struct spoken *spoken, struct error *err)
{
	cJSON *body;

	if (!is_talk(word))
		return word_render(desk, word, spoken, err);
	body = json_parse(word->body, strlen(word->body), NULL);
	*spoken = (struct spoken){.peer = PEER_PAGERDUTY_API, .verb = "GET"};
	if (text_equal(json_text(body, "verb"), "PUT"))
		spoken->verb = "PUT";
	spoken->method = xstrdup(json_text(body, "path"));
	spoken->from = xstrdup(json_text(body, "from"));
	spoken->body = cJSON_Duplicate(json_get(body, "send"), true);
	if (!json_int(body, "waits_until", &spoken->waits_until))
		spoken->waits_until = 0;
	talks.renders++;
	cJSON_Delete(body);
	return true;
}

static bool delivered(struct desk *desk, const struct word *word, const struct reply *reply,
    struct word_next *next, struct error *err)
{
	cJSON *body;

	if (!is_talk(word))
		return word_delivered(desk, word, reply, next, err);
	body = json_parse(word->body, strlen(word->body), NULL);
	*next = (struct word_next){.body = cJSON_Duplicate(json_get(body, "next"), true),
	    .not_before = TIME_NONE};
	talks.heard++;
	talks.ok += reply->ok;
	talks.status = reply->status;
	talks.has_body = reply->body != NULL;
	snprintf(
	    talks.error, sizeof(talks.error), "%s", reply->error != NULL ? reply->error : "");
	cJSON_Delete(body);
	return true;
}

static bool failed(struct desk *desk, const struct word *word, const struct reply *reply,
    bool is_final, struct error *err)
{
	if (!is_talk(word))
		return word_failed(desk, word, reply, is_final, err);
	talks.failed++;
	talks.final += is_final;
	snprintf(talks.error, sizeof(talks.error), "%s", reply->error);
	return true;
}

static void talk_here(struct world *world)
{
	world->courier->words =
	    (struct courier_words){.render = render, .delivered = delivered, .failed = failed};
}

static int setup_talks(void **state)
{
	struct world *world;
	struct config *config;
	char url[64];

	setup(state);
	world = *state;
	config = world->bot->config;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", world->peer.port);
	replace_text(&config->pagerduty.api_url, url);
	replace_text(&config->pagerduty.api_token, "pagerduty-secret-token");
	talks = (struct talks){0};
	talk_here(world);
	return 0;
}

static int64_t leave_talk(
    struct world *world, const char *lane, const char *subject, const char *body)
{
	struct word word = {
	    .lane = (char *)lane,
	    .kind = (char *)TALK,
	    .subject = (char *)subject,
	    .body = (char *)body,
	    .not_before = TIME_NONE,
	    .deadline = TIME_NONE,
	    .created_at = clock_now(),
	};

	assert_true(storage_add_word(world->bot->storage, &word, NULL));
	return word.id;
}

static int64_t talk(struct world *world, const char *subject, const char *body)
{
	int64_t id;

	begin(world);
	id = leave_talk(world, PAGERDUTY_LANE, subject, body);
	end(world);
	return id;
}

static void turn(struct world *world, int turns)
{
	for (int i = 0; i < turns; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
}

static void conversation__of_two_steps__is_told_each_answer_and_is_over(void **state)
{
	struct world *world = *state;
	const char *head;

	talk(world, "A1",
	    "{\"path\":\"/incidents/Q1?a=b\",\"next\":{\"verb\":\"PUT\",\"path\":\"/incidents/Q1\","
	    "\"from\":\"alice@example.com\",\"send\":{\"incident\":{}}}}");
	wait_silence(world);

	assert_int_equal(world->peer.call_count, 2);
	head = world->peer.calls[0].head;
	assert_int_equal(strncmp(head, "GET /incidents/Q1?a=b ", 22), 0);
	assert_non_null(strstr(head, "\r\nAuthorization: Token token=pagerduty-secret-token\r\n"));
	assert_non_null(strstr(head, "\r\nAccept: application/vnd.pagerduty+json;version=2\r\n"));
	assert_null(strstr(head, "\r\nFrom:"));
	assert_null(strstr(head, "\r\nContent-"));
	assert_string_equal(world->peer.calls[0].body, "");
	head = world->peer.calls[1].head;
	assert_int_equal(strncmp(head, "PUT /incidents/Q1 ", 18), 0);
	assert_non_null(strstr(head, "\r\nFrom: alice@example.com\r\n"));
	assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
	assert_string_equal(world->peer.calls[1].body, "{\"incident\":{}}");
	assert_int_equal(talks.ok, 2);
	assert_int_equal(talks.status, 200);
	assert_true(talks.has_body);
}

static void conversation__refused_for_good__hears_of_it(void **state)
{
	static const struct {
		int status;
		const char *body;
		bool has_body;
	} cases[] = {
	    {400, REFUSED, true},
	    {402, REFUSED, true},
	    {403, "{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}", true},
	    {404, "<html>nothing here</html>", false},
	    {409, "", false},
	    {413, "", false},
	    {422, REFUSED, true},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->rule_count = 0;
		rule(world, "/incidents/Q1", NULL, 1,
		    (struct fake_answer){.status = cases[i].status, .body = cases[i].body});
		talk(world, "A1", "{\"path\":\"/incidents/Q1\"}");
		wait_silence(world);
		assert_int_equal(talks.heard, i + 1);
		assert_int_equal(talks.ok, 0);
		assert_int_equal(talks.status, cases[i].status);
		assert_int_equal(talks.has_body, cases[i].has_body);
		assert_null(strstr(talks.error, "Access Denied"));
	}
	assert_int_equal(world->peer.call_count, sizeof(cases) / sizeof(cases[0]));
	assert_int_equal(talks.failed, 0);
}

static void conversation__that_cannot_be_sent__hears_a_refusal(void **state)
{
	struct world *world = *state;

	talk(world, "A1",
	    "{\"verb\":\"PUT\",\"path\":\"/incidents/Q1\","
	    "\"from\":\"a@example.com\\r\\nX-Evil: 1\"}");
	wait_silence(world);

	assert_int_equal(world->peer.call_count, 0);
	assert_int_equal(talks.heard, 1);
	assert_int_equal(talks.ok, 0);
	assert_int_equal(talks.status, 400);
	assert_non_null(strstr(talks.error, "control characters"));
}

static void conversation__that_has_nothing_to_say_yet__waits_and_costs_nothing(void **state)
{
	struct world *world = *state;
	const int64_t at = clock_now() + 1000;
	struct word *word;
	char body[64];
	int64_t id;

	snprintf(body, sizeof(body), "{\"path\":\"/wait\",\"waits_until\":%" PRId64 "}", at);
	begin(world);
	id = leave_talk(world, PAGERDUTY_LANE, "A1", body);
	leave_talk(world, PAGERDUTY_LANE, "A1", "{\"path\":\"/behind\"}");
	leave_talk(world, PAGERDUTY_LANE, "A2", "{\"path\":\"/other\"}");
	end(world);
	wait_calls(world, "/other", 1);
	turn(world, 100);

	assert_int_equal(world->peer.call_count, 1);
	assert_int_equal(talks.renders, 2);
	word = storage_word(world->bot->storage, id);
	assert_int_equal(word->state, WORD_WAITING);
	assert_int_equal(word->not_before, at);
	assert_int_equal(word->attempts, 0);
	word_free(word);
	assert_int_equal(words_in(world, WORD_WAITING), 2);
}

static void conversation__that_waited__goes_when_its_time_has_come(void **state)
{
	struct world *world = *state;
	char body[96];

	snprintf(body, sizeof(body),
	    "{\"path\":\"/first\",\"next\":{\"path\":\"/wait\",\"waits_until\":%" PRId64 "}}",
	    clock_now() - 5);
	talk(world, "A1", body);
	wait_calls(world, "/first", 1);
	turn(world, 50);

	/* A time that has passed already is no reason to ask again at once. */
	assert_int_equal(world->peer.call_count, 1);
	assert_true(talks.renders <= 3);
	assert_int_equal(words_in(world, WORD_WAITING), 1);
}

static void conversation__that_waits_for_its_page__goes_when_it_was_taken(void **state)
{
	struct world *world = *state;
	char fingerprint[13];
	int64_t ids[3];
	struct word *word;

	key_fingerprint(ROUTING_KEY, fingerprint);
	begin(world);
	for (size_t i = 0; i < 3; i++) {
		ids[i] = leave_talk(world, PAGERDUTY_LANE, i == 1 ? "A2" : "A1",
		    i == 2 ? "{\"path\":\"/behind\"}" : "{\"path\":\"/waited\"}");
		if (i == 2)
			continue;
		word = storage_word(world->bot->storage, ids[i]);
		word->not_before = clock_now() + 1000;
		assert_true(storage_put_word(world->bot->storage, word, NULL));
		word_free(word);
	}
	end(world);
	turn(world, 10);
	assert_int_equal(world->peer.call_count, 0);
	send_alert(world, "paged", fingerprint); /* A1 */
	wait_calls(world, "/behind", 1);

	assert_int_equal(calls_of(world, "/waited"), 1);
	word = storage_word(world->bot->storage, ids[1]);
	assert_true(word->not_before > clock_now() + 900);
	word_free(word);
}

static void conversation__that_waits_past_its_deadline__is_dropped_then(void **state)
{
	struct world *world = *state;
	const int64_t deadline = clock_now() + 60;
	struct word left = {.lane = (char *)PAGERDUTY_LANE,
	    .kind = (char *)TALK,
	    .subject = (char *)"",
	    .body = (char *)"{\"path\":\"/wait\",\"waits_until\":4102444800}",
	    .not_before = TIME_NONE,
	    .deadline = deadline,
	    .created_at = clock_now()};
	struct word *word;

	begin(world);
	assert_true(storage_add_word(world->bot->storage, &left, NULL));
	end(world);
	turn(world, 20);

	word = storage_word(world->bot->storage, left.id);
	assert_int_equal(word->not_before, deadline + 1);
	word_free(word);
}

static void api_token__refused__holds_neither_slack_nor_pages(void **state)
{
	struct world *world = *state;
	cJSON *list = cJSON_CreateArray();
	char fingerprint[13];

	key_fingerprint(ROUTING_KEY, fingerprint);
	rule(world, "/refused", NULL, -1, (struct fake_answer){.status = 401, .body = REFUSED});
	talk(world, "A1", "{\"path\":\"/refused\"}");
	wait_calls(world, "/refused", 1);
	wait_words(world, WORD_WAITING, 1);
	talk(world, "A2", "{\"path\":\"/held\"}");
	say(world, "C1", "A1", "goes");
	wait_calls(world, "chat.postMessage", 1);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);

	assert_int_equal(calls_of(world, "/held"), 0);
	assert_int_equal(words_in(world, WORD_STUCK), 0);
	assert_int_equal(talks.failed, 1);
	assert_int_equal(talks.final, 0);
	assert_false(courier_slack_is_away(world->courier));
	courier_degraded(world->courier, list);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	assert_string_equal(cJSON_GetArrayItem(list, 0)->valuestring,
	    "pagerduty: refuses api_token: status 401");
	cJSON_Delete(list);
}

static void api_token__refused_again__is_told_once_and_mended_by_a_reload(void **state)
{
	struct world *world = *state;
	cJSON *list = cJSON_CreateArray();

	rule(world, "/refused", NULL, 2, (struct fake_answer){.status = 401, .body = REFUSED});
	talk(world, "A1", "{\"path\":\"/refused\"}");
	wait_calls(world, "/refused", 1);
	wait_words(world, WORD_WAITING, 1);
	courier_reload(world->courier, world->bot->config);
	wait_calls(world, "/refused", 2);
	wait_words(world, WORD_WAITING, 1);
	assert_int_equal(talks.failed, 1);

	courier_reload(world->courier, world->bot->config);
	wait_silence(world);

	assert_int_equal(talks.ok, 1);
	courier_degraded(world->courier, list);
	assert_int_equal(cJSON_GetArraySize(list), 0);
	cJSON_Delete(list);
}

static void api_token__refused__is_tried_again_by_itself(void **state)
{
	struct world *world = *state;
	cJSON *list = cJSON_CreateArray();

	rule(world, "/refused", NULL, 1, (struct fake_answer){.status = 401, .body = REFUSED});
	talk(world, "A1", "{\"path\":\"/refused\"}");
	wait_calls(world, "/refused", 1);
	wait_words(world, WORD_WAITING, 1);
	turn(world, 20);
	assert_int_equal(calls_of(world, "/refused"), 1);

	world->courier->rest_token.paused_until = 1; /* the pause is over */
	talk(world, "A2", "{\"path\":\"/other\"}");
	wait_silence(world);

	assert_int_equal(talks.ok, 2);
	courier_degraded(world->courier, list);
	assert_int_equal(cJSON_GetArraySize(list), 0);
	cJSON_Delete(list);
}

static void slacks_token__refused__does_not_hold_conversations(void **state)
{
	struct world *world = *state;

	rule(world, "chat.postMessage", NULL, 1,
	    (struct fake_answer){.body = "{\"ok\":false,\"error\":\"invalid_auth\"}"});
	say(world, "C1", "A1", "one");
	wait_calls(world, "chat.postMessage", 1);
	wait_words(world, WORD_WAITING, 1);
	talk(world, "A1", "{\"path\":\"/incidents/Q1\"}");
	wait_calls(world, "/incidents/Q1", 1);
	wait_words(world, WORD_WAITING, 1);

	/* What PagerDuty takes says nothing about Slack's token. */
	assert_true(courier_slack_is_away(world->courier));
	assert_int_equal(calls_of(world, "chat.postMessage"), 1);
}

static void slack__not_configured__conversations_go_all_the_same(void **state)
{
	struct world *world = *state;

	world->bot->config->slack.is_enabled = false;
	talk(world, "A1", "{\"path\":\"/incidents/Q1\"}");
	wait_silence(world);

	assert_int_equal(talks.ok, 1);
}

static void conversations__many__go_a_few_at_a_time(void **state)
{
	struct world *world = *state;
	char subject[8];

	rule(world, "/hangs", NULL, -1, (struct fake_answer){.act = FAKE_HANG});
	begin(world);
	for (int i = 0; i < 20; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_talk(world, PAGERDUTY_LANE, subject, "{\"path\":\"/hangs\"}");
	}
	end(world);
	wait_calls(world, "/hangs", COURIER_REST_IN_FLIGHT_MAX);
	turn(world, 50);

	assert_int_equal(calls_of(world, "/hangs"), COURIER_REST_IN_FLIGHT_MAX);
}

static void conversations__while_slack_hangs__have_room(void **state)
{
	struct world *world = *state;
	char channel[8], subject[8];

	rule(world, "chat.postMessage", NULL, -1, (struct fake_answer){.act = FAKE_HANG});
	rule(world, "/hangs", NULL, -1, (struct fake_answer){.act = FAKE_HANG});
	begin(world);
	for (int i = 0; i < 200; i++) {
		snprintf(channel, sizeof(channel), "C%d", i % 50);
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_text(world, channel, subject, "stuck");
	}
	end(world);
	turn(world, 50);
	begin(world);
	for (int i = 0; i < 10; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_talk(world, PAGERDUTY_LANE, subject, "{\"path\":\"/hangs\"}");
	}
	end(world);
	wait_calls(world, "/hangs", COURIER_REST_IN_FLIGHT_MAX);
	wait_words(world, WORD_SENDING, world->courier->in_flight);

	assert_int_equal(world->courier->rest_in_flight, COURIER_REST_IN_FLIGHT_MAX);
	assert_true(world->courier->in_flight <= COURIER_IN_FLIGHT_MAX);
}

static void conversations__more_than_the_limit__wait_for_it(void **state)
{
	struct world *world = *state;
	char subject[8];

	begin(world);
	for (int i = 0; i < 200; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_talk(world, PAGERDUTY_LANE, subject, "{\"path\":\"/x\"}");
	}
	end(world);
	for (int i = 0; i < TURNS && calls_of(world, "/x") < 96; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	turn(world, 20);

	/* A fifth of 480 at once, and a few more while it took its time. */
	assert_in_range(calls_of(world, "/x"), 96, 140);
	assert_true(words_in(world, WORD_WAITING) > 0);
}

static void rest_api__over_its_limit__waits_until_it_resets(void **state)
{
	struct world *world = *state;
	struct word *word;
	int64_t id;

	rule(world, "/limited", NULL, 1,
	    (struct fake_answer){
		.status = 429, .headers = "ratelimit-reset: 30\r\n", .body = "{}"});
	id = talk(world, "A1", "{\"path\":\"/limited\"}");
	wait_calls(world, "/limited", 1);
	wait_words(world, WORD_WAITING, 1);
	talk(world, "A2", "{\"path\":\"/other\"}");
	say(world, "C1", "A1", "goes");
	wait_calls(world, "chat.postMessage", 1);
	turn(world, 20);

	assert_int_equal(calls_of(world, "/other"), 0);
	word = storage_word(world->bot->storage, id);
	assert_in_range(word->not_before, clock_now() + 28, clock_now() + 30);
	assert_false(word->is_unsure);
	word_free(word);
}

static void rest_api__away__is_asked_one_at_a_time(void **state)
{
	struct world *world = *state;
	char subject[8];

	rule(world, "/away", NULL, 1, (struct fake_answer){.status = 503, .body = "away"});
	talk(world, "A0", "{\"path\":\"/away\"}");
	wait_calls(world, "/away", 1);
	wait_words(world, WORD_WAITING, 1);
	begin(world);
	for (int i = 1; i < 10; i++) {
		snprintf(subject, sizeof(subject), "A%d", i);
		leave_talk(world, PAGERDUTY_LANE, subject, "{\"path\":\"/other\"}");
	}
	leave_text(world, "C1", "A1", "goes");
	end(world);
	wait_calls(world, "chat.postMessage", 1);
	turn(world, 20);

	assert_int_equal(calls_of(world, "/other"), 0);
	assert_int_equal(words_in(world, WORD_WAITING), 10);
	assert_int_equal(talks.heard, 0);
}

static void rest_api__back__what_was_put_off_goes_at_once(void **state)
{
	struct world *world = *state;
	int64_t put_off[3];
	struct word *word;

	world->courier->peer_failures[PEER_PAGERDUTY_API] = COURIER_AWAY_FAILURES;
	begin(world);
	put_off[0] = leave_talk(world, PAGERDUTY_LANE, "A1", "{\"path\":\"/first\"}");
	put_off[1] = leave_text(world, "C1", "A1", "Slack's");
	put_off[2] = leave_talk(world, "pagerduty:0123", "A1", "{\"path\":\"/looked\"}");
	for (size_t i = 0; i < 3; i++) {
		word = storage_word(world->bot->storage, put_off[i]);
		word->attempts = 1;
		word->not_before = clock_now() + 1000;
		assert_true(storage_put_word(world->bot->storage, word, NULL));
		word_free(word);
	}
	leave_talk(world, PAGERDUTY_LANE, "A2", "{\"path\":\"/second\"}");
	end(world);
	wait_calls(world, "/second", 1);
	wait_calls(world, "/first", 1);
	turn(world, 20);

	assert_int_equal(world->courier->peer_failures[PEER_PAGERDUTY_API], 0);
	assert_int_equal(calls_of(world, "chat.postMessage"), 0);
	assert_int_equal(calls_of(world, "/looked"), 0);
}

static void conversation__under_way_at_a_crash__makes_its_step_again(void **state)
{
	struct world *world = *state;

	rule(world, "/incidents/Q1", NULL, 1, (struct fake_answer){.act = FAKE_HANG});
	talk(world, "A1", "{\"verb\":\"PUT\",\"path\":\"/incidents/Q1\",\"send\":{}}");
	wait_calls(world, "/incidents/Q1", 1);
	restart(world);
	talk_here(world);
	wait_silence(world);

	assert_int_equal(calls_of(world, "/incidents/Q1"), 2);
	assert_int_equal(world->peer.call_count, 2); /* nothing was looked for */
	assert_int_equal(talks.ok, 1);
}

/* A page that may have been sent is looked for in its own lane. */
static void page_look__rest_api_away__pauses_no_pages(void **state)
{
	struct world *world = *state;
	char fingerprint[13], lane[32];
	struct word *word;
	int64_t id;

	key_fingerprint(ROUTING_KEY, fingerprint);
	snprintf(lane, sizeof(lane), "pagerduty:%s", fingerprint);
	rule(world, "/look", NULL, -1, (struct fake_answer){.status = 503, .body = "away"});
	begin(world);
	id = leave_talk(world, lane, "A100", "{\"path\":\"/look\"}");
	end(world);
	wait_calls(world, "/look", 1);
	wait_words(world, WORD_WAITING, 1);
	word = storage_word(world->bot->storage, id);
	assert_in_range(word->not_before, clock_now(), clock_now() + 1);
	assert_int_equal(word->attempts, 1);
	word_free(word);
	begin(world);
	leave_talk(world, PAGERDUTY_LANE, "A1", "{\"path\":\"/other\"}");
	end(world);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);
	wait_calls(world, "/other", 1);

	assert_true(world->courier->peer_failures[PEER_PAGERDUTY_API] <= 1);
}

static void page_look__rest_api_over_its_limit__waits_for_no_reset(void **state)
{
	struct world *world = *state;
	char fingerprint[13], lane[32];
	struct word *word;
	int64_t id;

	key_fingerprint(ROUTING_KEY, fingerprint);
	snprintf(lane, sizeof(lane), "pagerduty:%s", fingerprint);
	rule(world, "/limited", NULL, -1,
	    (struct fake_answer){.status = 429, .headers = "Retry-After: 600\r\n"});
	talk(world, "A1", "{\"path\":\"/limited\"}");
	wait_calls(world, "/limited", 1);
	wait_words(world, WORD_WAITING, 1);
	begin(world);
	leave_talk(world, lane, "A100", "{\"path\":\"/look\"}");
	id = leave_talk(world, lane, "A101", "{\"path\":\"/limited\"}");
	end(world);
	wait_calls(world, "/look", 1); /* though other conversations wait */
	wait_calls(world, "/limited", 2);
	turn(world, 10);
	word = storage_word(world->bot->storage, id);
	assert_non_null(word);
	assert_in_range(word->not_before, clock_now(), clock_now() + 1);
	word_free(word);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);
}

static void page_look__token_refused__is_over_soon_and_holds_no_page(void **state)
{
	struct world *world = *state;
	char fingerprint[13], lane[32];
	struct word *word;
	int64_t id;

	key_fingerprint(ROUTING_KEY, fingerprint);
	snprintf(lane, sizeof(lane), "pagerduty:%s", fingerprint);
	rule(world, "/look", NULL, -1, (struct fake_answer){.status = 401, .body = REFUSED});
	begin(world);
	id = leave_talk(world, lane, "A100", "{\"path\":\"/look\"}");
	end(world);
	wait_calls(world, "/look", 1);
	wait_words(world, WORD_WAITING, 1);
	word = storage_word(world->bot->storage, id);
	assert_in_range(word->not_before, clock_now(), clock_now() + 1);
	word_free(word);
	assert_int_equal(talks.failed, 0);
	send_alert(world, "paged", fingerprint);
	wait_calls(world, "/v2/enqueue", 1);
}

static void metrics__count_what_each_peer_was_told(void **state)
{
	struct world *world = *state;
	struct buf out;

	talk(world, "A1", "{\"path\":\"/a\",\"next\":{\"path\":\"/b\"}}");
	say(world, "C1", "A1", "hello");
	wait_silence(world);
	buf_init(&out, 100000);
	courier_metrics(world->courier, &out);

	assert_non_null(strstr(
	    buf_text(&out), "headsup_outbox_sent_total{peer=\"pagerduty_api\"} 2\n"));
	assert_non_null(strstr(buf_text(&out), "headsup_outbox_sent_total{peer=\"slack\"} 1\n"));
	assert_non_null(
	    strstr(buf_text(&out), "headsup_outbox_sent_total{peer=\"pagerduty\"} 0\n"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		word__left__is_sent_after_the_commit_and_leaves_the_outbox, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		words__of_one_subject__go_one_after_the_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		words__of_one_subject__keep_their_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		card__changed_while_its_post_is_on_the_way__is_edited_once_and_after_it, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(lanes__one_hangs__the_others_go_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		calls__many_lanes_hang__leave_room_for_pages, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		channel__more_than_its_burst__waits_for_its_rate, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		channel__over_slacks_limit__waits_as_long_as_slack_says, setup, teardown),
	    cmocka_unit_test_setup_teardown(form__refused__goes_plainly_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		form__refused_plainly_too__waits_for_a_person, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		channel__that_refuses_us__keeps_its_words_until_one_gets_through, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		stuck_words__after_a_restart__are_tried_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		token__refused__pauses_slack_and_keeps_every_word, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		peer__away__is_tried_one_at_a_time_and_less_and_less, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		page__refused_for_good__is_dead_and_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		word__past_its_deadline__is_dropped_unsaid, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		word__that_cannot_be_rendered__waits_for_a_person, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		answer__lost__is_looked_for_and_not_said_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		word__under_way_at_a_crash__is_looked_for_before_it_is_said_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		words__of_one_channel__are_looked_for_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		channel__known_by_name_only__is_found_in_slacks_list, setup, teardown),
	    cmocka_unit_test_setup_teardown(look__refused__says_it_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		look__over_a_limit__waits_and_says_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		disk__fails__nothing_is_sent_until_it_works, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		disk__fails_while_an_answer_comes__the_word_is_settled_later_and_said_once, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__of_two_steps__is_told_each_answer_and_is_over,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__refused_for_good__hears_of_it,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__that_cannot_be_sent__hears_a_refusal,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__that_has_nothing_to_say_yet__waits_and_costs_nothing,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__that_waited__goes_when_its_time_has_come,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__that_waits_for_its_page__goes_when_it_was_taken,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__that_waits_past_its_deadline__is_dropped_then,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		api_token__refused__holds_neither_slack_nor_pages,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		api_token__refused_again__is_told_once_and_mended_by_a_reload,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		api_token__refused__is_tried_again_by_itself,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		slacks_token__refused__does_not_hold_conversations,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		slack__not_configured__conversations_go_all_the_same,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversations__many__go_a_few_at_a_time,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversations__while_slack_hangs__have_room,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversations__more_than_the_limit__wait_for_it,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		rest_api__over_its_limit__waits_until_it_resets,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		rest_api__away__is_asked_one_at_a_time,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		rest_api__back__what_was_put_off_goes_at_once,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		conversation__under_way_at_a_crash__makes_its_step_again,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		page_look__rest_api_away__pauses_no_pages,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		page_look__rest_api_over_its_limit__waits_for_no_reset,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		page_look__token_refused__is_over_soon_and_holds_no_page,
		setup_talks, teardown),
	    cmocka_unit_test_setup_teardown(
		metrics__count_what_each_peer_was_told,
		setup_talks, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
