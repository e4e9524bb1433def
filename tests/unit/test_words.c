#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/json.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/words.h"

#define WORDS_MAX 64

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000, api_url: \"https://slack.com/api/\"}\n"
    "public_url: https://headsup.example.com\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\"}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#security-urgent\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},\n"
    "     continue: true}\n"
    "  - {match: [\"service=payments\"], channel: \"#payments-sec\"}\n"
    "  - {channel: \"#security-alerts\"}\n";

static const char with_rest[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\", api_token: pd-test-token-000000, from: a@example.com}\n"
    "routes:\n"
    "  - {channel: \"#security-urgent\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n";

/* A world, and the words that stand in its outbox when they were last looked at. */
struct outbox {
	struct desk_world *world;
	struct word *words[WORDS_MAX];
	size_t count;
};

static int setup(void **state)
{
	struct outbox *box = xcalloc(1, sizeof(*box));

	box->world = desk_world_new(config_text);
	desk_world_begin(box->world);
	*state = box;
	return 0;
}

static void forget(struct outbox *box)
{
	for (size_t i = 0; i < box->count; i++)
		word_free(box->words[i]);
	box->count = 0;
}

static int teardown(void **state)
{
	struct outbox *box = *state;

	forget(box);
	desk_world_end(box->world, true);
	desk_world_free(box->world);
	free(box);
	return 0;
}

static bool note_word(void *ctx, const struct word *word)
{
	struct outbox *box = ctx;
	struct word *copy = storage_word(box->world->storage, word->id);

	assert_non_null(copy);
	assert_true(box->count < WORDS_MAX);
	box->words[box->count++] = copy;
	return true;
}

/* Reads the outbox, oldest first. */
static size_t look(struct outbox *box)
{
	struct error err = {0};

	forget(box);
	assert_true(storage_each_word(box->world->storage, -1, 0, WORDS_MAX, note_word, box, &err));
	return box->count;
}

static struct word *only_word(struct outbox *box)
{
	assert_int_equal(look(box), 1);
	return box->words[0];
}

static struct spoken render(struct outbox *box, const struct word *word)
{
	struct spoken spoken;
	struct error err = {0};

	if (!word_render(box->world->desk, word, &spoken, &err))
		fail_msg("%s", err.text);
	return spoken;
}

/* The word was said: it leaves the outbox as the courier would take it out. */
static void said(struct outbox *box, const struct word *word, const char *channel, const char *ts, const char *body)
{
	struct error err = {0};
	cJSON *answer = body != NULL ? json_parse(body, strlen(body), &err) : NULL;
	const struct reply reply = {.ok = true, .channel = channel, .ts = ts, .body = answer};
	struct word_next next;

	if (!word_delivered(box->world->desk, word, &reply, &next, &err))
		fail_msg("%s", err.text);
	word_next_fini(&next);
	assert_true(storage_remove_word(box->world->storage, word->id, &err));
	cJSON_Delete(answer);
}

static void refused(struct outbox *box, const struct word *word, const char *why, bool is_final)
{
	struct error err = {0};
	const struct reply reply = {.ok = false, .error = why};

	if (!word_failed(box->world->desk, word, &reply, is_final, &err))
		fail_msg("%s", err.text);
	if (is_final)
		assert_true(storage_remove_word(box->world->storage, word->id, &err));
}

/* A stored alert, critical and so of the first route. */
static struct alert *new_alert(struct outbox *box, const char *service)
{
	struct alert *alert = alert_new();
	struct error err = {0};

	alert->severity = SEVERITY_CRITICAL;
	alert->title = xstrdup("sshd: key added");
	alert->host = xstrdup("web-3");
	alert->service = xstrdup(service);
	alert->source = xstrdup("falco");
	alert->dedup_key = xstrdup("k");
	alert->occurred_at = alert->received_at = alert->last_seen = NOON;
	alert_route(box->world->desk, alert);
	assert_true(storage_add_alert(box->world->storage, alert, &err));
	return alert;
}

static void says_card(struct outbox *box, const struct alert *alert)
{
	struct error err = {0};

	assert_true(say_card(box->world->desk, alert, &err));
}

static const char *at(const cJSON *body, const char *pointer)
{
	const cJSON *node = json_at(body, pointer);

	return cJSON_IsString(node) ? node->valuestring : NULL;
}

struct seen_event {
	const char *what;
	size_t count;
};

static bool count_event(void *ctx, const struct event *event)
{
	struct seen_event *seen = ctx;

	seen->count += strcmp(event->what, seen->what) == 0;
	return true;
}

static size_t events(struct outbox *box, int64_t alert, const char *what)
{
	struct seen_event seen = {.what = what};

	assert_true(storage_each_event(box->world->storage, alert, count_event, &seen, NULL));
	return seen.count;
}

/* ---- cards ------------------------------------------------------------------------------------------------- */

static void card__not_posted_yet__is_posted_and_then_edited(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "shop");
	struct spoken spoken;
	struct post post;

	says_card(box, alert);
	assert_int_equal(look(box), 2); /* continue: true goes on to the last route */
	assert_string_equal(box->words[0]->lane, "slack:#security-urgent");
	assert_string_equal(box->words[0]->subject, "A1");
	assert_string_equal(box->words[1]->lane, "slack:#security-alerts");

	spoken = render(box, box->words[0]);
	assert_int_equal(spoken.peer, PEER_SLACK);
	assert_string_equal(spoken.method, "chat.postMessage");
	assert_string_equal(at(spoken.body, "/channel"), "#security-urgent");
	assert_string_equal(at(spoken.body, "/text"), ":red_circle: CRITICAL · sshd: key added · web-3");
	assert_true(cJSON_IsFalse(json_get(spoken.body, "unfurl_links")));
	assert_true(cJSON_IsFalse(json_get(spoken.body, "unfurl_media")));
	assert_true(cJSON_IsFalse(json_get(spoken.body, "mrkdwn")));
	assert_null(json_get(spoken.body, "link_names"));
	assert_string_equal(at(spoken.body, "/metadata/event_type"), "headsup_word");
	assert_int_equal(json_at(spoken.body, "/metadata/event_payload/word")->valueint, box->words[0]->id);
	assert_null(spoken.look_channel); /* its id is not known yet */
	spoken_fini(&spoken);

	said(box, box->words[0], "C0URGENT", "1700000000.000100", NULL);
	assert_true(storage_post(box->world->storage, "A1", "#security-urgent", &post));
	assert_string_equal(post.channel_id, "C0URGENT");
	assert_int_equal(post.copy, 0);
	post_fini(&post);
	said(box, box->words[1], "C0ALERTS", "1700000000.000200", NULL);
	assert_int_equal(events(box, 1, "posted"), 2);

	says_card(box, alert);
	assert_int_equal(look(box), 2);
	spoken = render(box, box->words[0]);
	assert_string_equal(spoken.method, "chat.update");
	assert_string_equal(at(spoken.body, "/channel"), "C0URGENT");
	assert_string_equal(at(spoken.body, "/ts"), "1700000000.000100");
	assert_null(json_get(spoken.body, "metadata"));
	assert_null(spoken.channel);
	assert_null(spoken.look_channel);
	spoken_fini(&spoken);
	said(box, box->words[0], "C0URGENT", "1700000000.000100", NULL);
	assert_int_equal(events(box, 1, "posted"), 2);
	alert_free(alert);
}

static void card__said_many_times_while_it_waits__is_one_word(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");

	for (int i = 0; i < 5; i++)
		says_card(box, alert);
	assert_int_equal(look(box), 2);
	assert_string_equal(box->words[1]->lane, "slack:#payments-sec"); /* which does not go on */
	alert_free(alert);
}

static void card__of_what_is_not_open__goes_nowhere_new(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "shop");

	says_card(box, alert);
	look(box);
	said(box, box->words[0], "C0URGENT", "1.1", NULL);
	said(box, box->words[1], "C0ALERTS", "1.2", NULL);
	alert->status = ALERT_ACKED;
	replace_text(&alert->channel, "#elsewhere"); /* as after a reload with other routes */
	says_card(box, alert);
	assert_int_equal(look(box), 2);
	assert_string_equal(box->words[0]->lane, "slack:#security-urgent");
	assert_string_equal(box->words[1]->lane, "slack:#security-alerts");
	alert_free(alert);
}

static void card__of_what_was_expected__is_not_posted(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct error err = {0};
	struct spoken spoken;

	says_card(box, alert);
	alert->status = ALERT_EXPECTED;
	assert_true(storage_put_alert(box->world->storage, alert, &err));
	look(box);
	spoken = render(box, box->words[0]);
	assert_true(spoken.is_nothing);
	spoken_fini(&spoken);
	alert_free(alert);
}

static void card__refused_for_its_form__is_said_plainly(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct spoken spoken;

	says_card(box, alert);
	look(box);
	box->words[0]->is_plain = true;
	spoken = render(box, box->words[0]);
	assert_null(json_get(spoken.body, "blocks"));
	assert_non_null(strstr(at(spoken.body, "/text"), "A1 · "));
	spoken_fini(&spoken);
	alert_free(alert);
}

static void card__whose_message_is_gone__is_posted_anew(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct spoken spoken;
	struct post post;

	says_card(box, alert);
	look(box);
	said(box, box->words[1], "C0PAY", "1.1", NULL);
	refused(box, box->words[0], "internal_error", true);
	says_card(box, alert);
	look(box);
	for (size_t i = 0; i < box->count; i++) {
		if (strcmp(box->words[i]->lane, "slack:#payments-sec") == 0)
			refused(box, box->words[i], "message_not_found", true);
	}
	look(box);
	spoken = render(box, box->words[box->count - 1]);
	assert_string_equal(spoken.method, "chat.postMessage");
	assert_string_equal(spoken.look_channel, "C0PAY");
	spoken_fini(&spoken);
	said(box, box->words[box->count - 1], "C0PAY", "2.2", NULL);
	assert_true(storage_post(box->world->storage, "A1", "#payments-sec", &post));
	assert_string_equal(post.ts, "2.2");
	assert_int_equal(post.copy, 1);
	post_fini(&post);
	alert_free(alert);
}

static void card__that_is_stuck__is_told_once_in_the_fallback_channel(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct spoken spoken;

	says_card(box, alert);
	look(box);
	refused(box, box->words[0], "channel_not_found", false);
	refused(box, box->words[0], "channel_not_found", false);
	assert_int_equal(look(box), 3);
	assert_string_equal(box->words[2]->lane, "slack:#security-alerts");
	spoken = render(box, box->words[2]);
	assert_string_equal(spoken.method, "chat.postMessage");
	assert_string_equal(at(spoken.body, "/text"),
	    ":warning: A1 could not be said in `#security-urgent`: `channel_not_found`. It waits for a person, and so does what "
	    "follows it there: see `headsup outbox`.");
	spoken_fini(&spoken);

	refused(box, box->words[2], "channel_not_found", false); /* and that is never told of itself */
	refused(box, box->words[0], "invalid_auth", false);      /* nothing can be said in Slack then */
	assert_int_equal(look(box), 3);
	refused(box, box->words[0], "is_archived", false); /* another reason is told */
	assert_int_equal(look(box), 4);
	alert_free(alert);
}

/* ---- threads and answers ----------------------------------------------------------------------------------- */

static void thread__of_a_card__hangs_on_it(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct error err = {0};
	struct spoken spoken;

	assert_true(say_in_thread(box->world->desk, "A1", "#security-urgent", "Acked by <@U0ALICE>", false, &err));
	spoken = render(box, only_word(box));
	assert_true(spoken.is_nothing); /* no card, no thread */
	spoken_fini(&spoken);
	assert_true(storage_remove_word(box->world->storage, box->words[0]->id, &err));

	says_card(box, alert);
	look(box);
	said(box, box->words[0], "C0URGENT", "1.1", NULL);
	said(box, box->words[1], "C0PAY", "1.2", NULL);
	assert_true(say_in_thread(box->world->desk, "A1", NULL, "Escalated by <@U0ALICE>", true, &err));
	spoken = render(box, only_word(box));
	assert_string_equal(box->words[0]->lane, "slack:#security-urgent");
	assert_string_equal(spoken.method, "chat.postMessage");
	assert_string_equal(at(spoken.body, "/channel"), "C0URGENT");
	assert_string_equal(at(spoken.body, "/thread_ts"), "1.1");
	assert_string_equal(at(spoken.body, "/text"), "Escalated by <@U0ALICE>");
	assert_true(cJSON_IsTrue(json_get(spoken.body, "reply_broadcast")));
	assert_string_equal(spoken.look_channel, "C0URGENT");
	assert_string_equal(spoken.look_thread, "1.1");
	spoken_fini(&spoken);
	alert_free(alert);
}

static void reply__in_a_thread__goes_there(void **state)
{
	struct outbox *box = *state;
	struct error err = {0};
	struct spoken spoken;

	assert_true(say_reply(box->world->desk, "C0SEC", "5.5", "acked A1", &err));
	spoken = render(box, only_word(box));
	assert_string_equal(box->words[0]->lane, "answer:C0SEC");
	assert_string_equal(spoken.method, "chat.postMessage");
	assert_string_equal(at(spoken.body, "/thread_ts"), "5.5");
	assert_string_equal(spoken.look_channel, "C0SEC");
	assert_string_equal(spoken.look_thread, "5.5");
	spoken_fini(&spoken);
}

static void answer__with_a_response_url__uses_it_only_where_it_is_slacks(void **state)
{
	static const struct {
		const char *api_url, *response_url;
		bool is_ours;
	} cases[] = {
	    {"https://slack.com/api/", "https://hooks.slack.com/commands/T1/1/x", true},
	    {"https://slack.com/api/", "https://HOOKS.slack.com/x", true},
	    {"https://slack.com/api/", "https://slack.com/x", false},
	    {"http://127.0.0.1:9000/api/", "https://hooks.slack.com/commands/T1/1/x", false},
	    {"https://slack.com/api/", "http://hooks.slack.com/x", false},
	    {"https://slack.com/api/", "https://hooks.slack.com.evil.example/x", false},
	    {"https://slack.com/api/", "https://hooks.slack.com@evil.example/x", false},
	    {"https://slack.com/api/", "https://evil.example/hooks.slack.com", false},
	    {"https://slack.com/api/", "https://hooks.slack.com:8443/x", false},
	    {"https://slack.com/api/", "https://evil.example\\hooks.slack.com/", false},
	    {"https://slack.com/api/", "https://hooks.slack.com/\nx", false},
	    {"https://slack.com/api/", "http://127.0.0.1:80/x", false},
	    {"https://slack.com/api/", "file:///etc/passwd", false},
	    {"https://slack.com/api/", "", false},
	    {"http://127.0.0.1:9000/api/", "http://127.0.0.1:9000/response/1", true},
	    {"http://127.0.0.1:9000/api/", "http://localhost:9001/response/1", true},
	    {"http://127.0.0.1:9000/api/", "http://[::1]:9001/response/1", true},
	    {"http://127.0.0.1:9000/api/", "http://127.0.0.1.evil.example/", false},
	    {"http://127.0.0.1:9000/api/", "http://10.0.0.1/", false},
	    {"https://slack.test:8443/api/", "https://slack.test:8443/r", true},
	    {"https://slack.test:8443/api/", "http://slack.test:8443/r", false},
	    {"https://slack.test:8443/api/", "https://slack.test/r", false},
	};
	struct outbox *box = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		struct spoken spoken;

		replace_text(&box->world->config->slack.api_url, cases[i].api_url);
		assert_true(say_to_person(
		    box->world->desk, cases[i].response_url, "C0SEC", "U0ALICE", NULL, "already acked", &err));
		spoken = render(box, only_word(box));
		assert_string_equal(box->words[0]->lane, "answer:U0ALICE");
		assert_int_equal(box->words[0]->deadline, NOON + WORD_ANSWER_S);
		if ((spoken.peer == PEER_RESPONSE_URL) != cases[i].is_ours)
			fail_msg("%s with %s", cases[i].response_url, cases[i].api_url);
		if (cases[i].is_ours) {
			assert_int_equal(spoken.peer, PEER_RESPONSE_URL);
			assert_string_equal(spoken.method, cases[i].response_url);
			assert_string_equal(at(spoken.body, "/response_type"), "ephemeral");
			assert_true(cJSON_IsFalse(json_get(spoken.body, "replace_original")));
		} else {
			assert_int_equal(spoken.peer, PEER_SLACK);
			assert_string_equal(spoken.method, "chat.postEphemeral");
			assert_string_equal(at(spoken.body, "/user"), "U0ALICE");
		}
		assert_string_equal(at(spoken.body, "/text"), "already acked");
		spoken_fini(&spoken);
		assert_true(storage_remove_word(box->world->storage, box->words[0]->id, &err));
	}
}

static void answer__whose_url_is_gone__takes_another_way_once(void **state)
{
	struct outbox *box = *state;
	struct error err = {0};
	struct spoken spoken;

	assert_true(say_to_person(
	    box->world->desk, "https://hooks.slack.com/x", "C0SEC", "U0ALICE", "5.5", "already acked", &err));
	refused(box, only_word(box), "HTTP 404", true);
	spoken = render(box, only_word(box));
	assert_string_equal(spoken.method, "chat.postEphemeral");
	assert_string_equal(at(spoken.body, "/channel"), "C0SEC");
	assert_string_equal(at(spoken.body, "/thread_ts"), "5.5");
	spoken_fini(&spoken);
	refused(box, box->words[0], "user_not_in_channel", true);
	assert_int_equal(look(box), 0);
}

/* ---- pages ------------------------------------------------------------------------------------------------- */

static void page__of_an_alert__triggers_once_and_is_noted(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments"), *now;
	struct error err = {0};
	struct spoken spoken;

	alert_add_label(alert, "team", "core");
	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	assert_true(say_page(box->world->desk, alert, "acknowledge", &err));
	assert_int_equal(look(box), 2);
	assert_true(text_prefix(box->words[0]->lane, "pagerduty:"));
	assert_string_equal(box->words[0]->lane, box->words[1]->lane);
	assert_null(strstr(box->words[0]->body, "aaaa")); /* the key is in no word */

	spoken = render(box, box->words[0]);
	assert_int_equal(spoken.peer, PEER_PAGERDUTY_EVENTS);
	assert_string_equal(spoken.method, "/v2/enqueue");
	assert_string_equal(at(spoken.body, "/routing_key"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(at(spoken.body, "/event_action"), "trigger");
	assert_string_equal(at(spoken.body, "/dedup_key"), "headsup-A1");
	assert_string_equal(at(spoken.body, "/payload/summary"), "CRITICAL · sshd: key added · web-3 (A1)");
	assert_string_equal(at(spoken.body, "/payload/source"), "web-3");
	assert_string_equal(at(spoken.body, "/payload/severity"), "critical");
	assert_string_equal(at(spoken.body, "/payload/timestamp"), "2026-03-02T12:00:00Z");
	assert_string_equal(at(spoken.body, "/client"), "headsup");
	assert_string_equal(at(spoken.body, "/links/0/href"), "https://headsup.example.com/v1/alerts/A1");
	spoken_fini(&spoken);
	said(box, box->words[0], NULL, NULL, NULL);

	now = storage_alert(box->world->storage, 1, &err);
	assert_string_equal(now->page_status, "triggered");
	assert_int_equal(now->paged_at, NOON);
	assert_int_equal(events(box, 1, "paged"), 1);
	alert_free(now);

	spoken = render(box, box->words[1]);
	assert_string_equal(at(spoken.body, "/event_action"), "acknowledge");
	assert_null(json_get(spoken.body, "payload"));
	spoken_fini(&spoken);
	said(box, box->words[1], NULL, NULL, NULL);
	now = storage_alert(box->world->storage, 1, &err);
	assert_string_equal(now->page_status, "acknowledged");
	alert_free(now);
	alert_free(alert);
}

static void page__answered_late__takes_nothing_back(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments"), *now;
	struct error err = {0};

	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	replace_text(&alert->page_status, "resolved");
	assert_true(storage_put_alert(box->world->storage, alert, &err));
	said(box, only_word(box), NULL, NULL, NULL);
	now = storage_alert(box->world->storage, 1, &err);
	assert_string_equal(now->page_status, "resolved");
	alert_free(now);
	alert_free(alert);
}

/* Opened again while PagerDuty was away: its first incident comes and goes, and the second is not taken for the first. */
static void page__of_what_is_opened_again__triggers_anew(void **state)
{
	static const char *const wanted[] = {"triggered", "resolved", "triggered"};
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments"), *now;
	struct error err = {0};
	struct spoken spoken;

	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	assert_true(say_page(box->world->desk, alert, "resolve", &err));
	alert->version++;
	replace_text(&alert->page_status, "waiting");
	assert_true(storage_put_alert(box->world->storage, alert, &err));
	assert_true(say_page(box->world->desk, alert, "reopen", &err));
	assert_int_equal(look(box), 3);
	for (size_t i = 0; i < 3; i++) {
		box->world->desk->now = NOON + (int64_t)i;
		spoken = render(box, box->words[i]);
		assert_string_equal(at(spoken.body, "/event_action"), i == 1 ? "resolve" : "trigger");
		assert_string_equal(at(spoken.body, "/dedup_key"), "headsup-A1");
		spoken_fini(&spoken);
		said(box, box->words[i], NULL, NULL, NULL);
		now = storage_alert(box->world->storage, 1, &err);
		assert_string_equal(now->page_status, wanted[i]);
		assert_int_equal(now->paged_at, i == 2 ? NOON + 2 : NOON);
		alert_free(now);
	}
	assert_int_equal(events(box, 1, "paged"), 2);
	alert_free(alert);
}

/* It was asked whether the page was taken; before the answer came the configuration lost its token. */
static void page_look__answered_when_the_token_is_gone__is_no_answer_to_the_page(void **state)
{
	static const struct {
		const char *says;
		int status;
		const char *page_status; /* NULL: the page goes on */
	} table[] = {
	    {"{\"incidents\":[],\"more\":false}", 200, NULL},
	    {"{\"incidents\":[{\"id\":\"Q1\",\"created_at\":\"2026-03-02T12:00:00Z\"}]}", 200, "triggered"},
	    {"{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}", 403, NULL},
	};
	struct outbox *box = *state;
	struct desk_world *other = desk_world_new(with_rest);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct alert *alert = new_alert(box, NULL), *now;
		cJSON *body = json_parse(table[i].says, strlen(table[i].says), NULL);
		const struct reply reply = {.ok = table[i].status == 200, .status = table[i].status, .body = body};
		struct word_next next;
		struct spoken spoken;
		struct error err = {0};
		struct word *word;

		assert_true(say_page(box->world->desk, alert, "trigger", &err));
		word = only_word(box);
		word->is_unsure = true;
		box->world->desk->config = other->config;
		spoken = render(box, word);
		assert_int_equal(spoken.peer, PEER_PAGERDUTY_API);
		spoken_fini(&spoken);
		word->attempts = 1;
		box->world->desk->config = box->world->config;

		assert_true(word_delivered(box->world->desk, word, &reply, &next, &err));

		assert_int_equal(next.body == NULL, table[i].page_status != NULL);
		now = storage_alert(box->world->storage, alert->id, &err);
		assert_true(text_equal(now->page_status, table[i].page_status));
		assert_true(storage_remove_word(box->world->storage, word->id, &err));
		word_next_fini(&next);
		cJSON_Delete(body);
		alert_free(now);
		alert_free(alert);
		while (look(box) > 0)
			assert_true(storage_remove_word(box->world->storage, box->words[0]->id, &err));
	}
	desk_world_free(other);
}

/* With the REST API what people do goes another way than events, and may be there first. */
static void page__taken_back_before_it_left__is_not_said(void **state)
{
	static const struct {
		const char *action;
		enum alert_status stands;
		int64_t flaps; /* since it was left */
		bool has_rest, is_said;
	} table[] = {
	    {"resolve", ALERT_OPEN, 0, true, false},
	    {"resolve", ALERT_ACKED, 0, true, false},
	    {"resolve", ALERT_RESOLVED, 0, true, true},
	    {"resolve", ALERT_CLAIMED, 0, true, true},
	    {"resolve", ALERT_OPEN, 1, true, true},
	    {"resolve", ALERT_OPEN, 0, false, true},
	    {"acknowledge", ALERT_OPEN, 0, true, false},
	    {"acknowledge", ALERT_ACKED, 0, true, true},
	    {"acknowledge", ALERT_RESOLVED, 0, true, true},
	    {"acknowledge", ALERT_OPEN, 0, false, true},
	    {"trigger", ALERT_RESOLVED, 0, true, true},
	};
	struct outbox *box = *state;
	struct desk_world *other = desk_world_new(with_rest);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct alert *alert = new_alert(box, NULL);
		struct error err = {0};
		struct spoken spoken;

		assert_true(say_page(box->world->desk, alert, table[i].action, &err));
		alert->status = table[i].stands;
		alert->flaps += table[i].flaps;
		assert_true(storage_put_alert(box->world->storage, alert, &err));
		box->world->desk->config = table[i].has_rest ? other->config : box->world->config;

		spoken = render(box, only_word(box));
		if (spoken.is_nothing == table[i].is_said)
			fail_msg("%s of what is %s", table[i].action, alert_status_name(table[i].stands));
		spoken_fini(&spoken);
		assert_true(storage_remove_word(box->world->storage, box->words[0]->id, &err));
		alert_free(alert);
	}
	box->world->desk->config = box->world->config;
	desk_world_free(other);
}

static void page__of_each_severity__is_one_that_pagerduty_knows(void **state)
{
	static const char *const want[] = {"info", "info", "warning", "error", "critical"};
	struct outbox *box = *state;

	for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
		struct alert *alert = new_alert(box, "payments");
		struct error err = {0};
		struct spoken spoken;

		alert->severity = (enum severity)severity;
		assert_true(storage_put_alert(box->world->storage, alert, &err));
		assert_true(say_page(box->world->desk, alert, "trigger", &err));
		spoken = render(box, only_word(box));
		assert_string_equal(at(spoken.body, "/payload/severity"), want[severity]);
		spoken_fini(&spoken);
		assert_true(storage_remove_word(box->world->storage, box->words[0]->id, &err));
		alert_free(alert);
	}
}

static void page__of_the_longest_alert__is_one_that_pagerduty_takes(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = alert_new();
	char *text = xcalloc(1, 20001), name[32], *written;
	struct error err = {0};
	struct spoken spoken;

	memset(text, '"', 20000);
	alert->severity = SEVERITY_CRITICAL;
	for (size_t i = 0; i < alert_field_count; i++) {
		if (alert_fields[i].kind == FIELD_TEXT || alert_fields[i].kind == FIELD_HOST || alert_fields[i].kind == FIELD_IP)
			alert_set_text(alert, &alert_fields[i], text);
	}
	for (size_t i = 0; i < ALERT_LABELS_MAX; i++) {
		snprintf(name, sizeof(name), "label%zu", i);
		alert_add_label(alert, name, text);
	}
	alert->occurred_at = alert->received_at = alert->last_seen = NOON;
	alert_route(box->world->desk, alert);
	assert_true(storage_add_alert(box->world->storage, alert, &err));
	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	spoken = render(box, only_word(box));
	written = json_write(spoken.body);
	assert_in_range(strlen(written), 10000, WORD_PAGE_MAX);
	assert_in_range(utf16_length(at(spoken.body, "/payload/summary"), strlen(at(spoken.body, "/payload/summary"))), 1, 1024);
	free(written);
	spoken_fini(&spoken);
	alert_free(alert);
	free(text);
}

static void page__whose_key_is_gone__waits_for_a_person(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct error err = {0};
	struct spoken spoken;

	replace_text(&alert->page_key, "0123456789ab");
	assert_true(storage_put_alert(box->world->storage, alert, &err));
	assert_true(say_page(box->world->desk, alert, "trigger", &err));
	assert_false(word_render(box->world->desk, only_word(box), &spoken, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	refused(box, box->words[0], "refused", false);
	assert_int_equal(look(box), 2);
	spoken = render(box, box->words[1]);
	assert_non_null(strstr(at(spoken.body, "/text"), "A1 did not reach PagerDuty (routing key `0123456789ab`)"));
	spoken_fini(&spoken);
	alert_free(alert);
}

/* ---- profiles ---------------------------------------------------------------------------------------------- */

static void profile__that_came__is_kept(void **state)
{
	static const struct {
		const char *answer, *name, *zone, *email;
		bool is_guest;
	} cases[] = {
	    {"{\"ok\":true,\"user\":{\"id\":\"U0ALICE\",\"name\":\"al\",\"real_name\":\"Alice A\",\"tz\":\"Europe/Paris\","
	     "\"profile\":{\"display_name\":\"alice\",\"email\":\"alice@example.com\"}}}",
		"alice", "Europe/Paris", "alice@example.com", false},
	    {"{\"ok\":true,\"user\":{\"name\":\"al\",\"tz\":\"Mars/Olympus\",\"is_restricted\":true,\"profile\":{\"display_name\":\"\"}}}",
		"al", NULL, NULL, true},
	    {"{\"ok\":true,\"user\":{\"tz\":null,\"profile\":null}}", "U0ALICE", NULL, NULL, false},
	};
	struct outbox *box = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		struct profile profile;
		struct spoken spoken;

		assert_true(say_ask_profile(box->world->desk, "U0ALICE", NULL, &err));
		assert_true(say_ask_profile(box->world->desk, "U0ALICE", NULL, &err));
		spoken = render(box, only_word(box));
		assert_string_equal(spoken.method, "users.info");
		assert_true(spoken.is_form);
		assert_string_equal(at(spoken.body, "/user"), "U0ALICE");
		spoken_fini(&spoken);
		said(box, box->words[0], NULL, NULL, cases[i].answer);
		assert_true(storage_profile(box->world->storage, "U0ALICE", &profile));
		assert_string_equal(profile.name, cases[i].name);
		assert_true(text_equal(profile.timezone, cases[i].zone));
		assert_true(text_equal(profile.email, cases[i].email));
		assert_int_equal(profile.is_guest, cases[i].is_guest);
		profile_fini(&profile);
	}
}

static void profile__of_nobody__is_not_asked_for(void **state)
{
	struct outbox *box = *state;
	struct error err = {0};

	assert_true(say_ask_profile(box->world->desk, "ci", NULL, &err));
	assert_int_equal(look(box), 0);
}

/* ---- whatever stands in the outbox ------------------------------------------------------------------------- */

static void word__that_makes_no_sense__is_refused(void **state)
{
	static const struct word cases[] = {
	    {.id = 1, .lane = "slack:x", .kind = "no such kind", .subject = "A1"},
	    {.id = 2, .lane = "slack:x", .subject = "A1"},
	    {.id = 3, .lane = "slack:x", .kind = WORD_CARD, .subject = "nobody", .body = "{\"channel\":\"x\"}"},
	    {.id = 4, .lane = "slack:x", .kind = WORD_CARD, .subject = "A1", .body = "not json"},
	    {.id = 5, .lane = "slack:x", .kind = WORD_ANNOUNCEMENT, .subject = "A1"},
	    {.id = 6, .lane = "slack:x", .kind = WORD_THREAD, .subject = "A1", .body = "[]"},
	    {.id = 7, .lane = "slack:x", .kind = WORD_REPLY, .subject = "", .body = "{}"},
	    {.id = 8, .lane = "slack:x", .kind = WORD_EPHEMERAL, .subject = ""},
	    {.id = 9, .lane = "slack:x", .kind = WORD_PAGE, .subject = "A1", .body = "{\"action\":7}"},
	    {.id = 10, .lane = "slack:x", .kind = WORD_PROFILE, .subject = "", .body = "{\"user\":\"../x\"}"},
	};
	struct outbox *box = *state;

	alert_free(new_alert(box, "payments"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		struct spoken spoken;

		assert_false(word_render(box->world->desk, &cases[i], &spoken, &err));
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_null(spoken.body);
	}
}

static void words__without_slack__are_not_left(void **state)
{
	struct outbox *box = *state;
	struct alert *alert = new_alert(box, "payments");
	struct error err = {0};

	box->world->config->slack.is_enabled = false;
	says_card(box, alert);
	assert_true(say_in_thread(box->world->desk, "A1", NULL, "x", false, &err));
	assert_true(say_reply(box->world->desk, "C1", NULL, "x", &err));
	assert_true(say_to_person(box->world->desk, NULL, "C1", "U0ALICE", NULL, "x", &err));
	assert_int_equal(look(box), 0);
	box->world->config->slack.is_enabled = true;
	alert_free(alert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(card__not_posted_yet__is_posted_and_then_edited, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__said_many_times_while_it_waits__is_one_word, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__of_what_is_not_open__goes_nowhere_new, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__of_what_was_expected__is_not_posted, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__refused_for_its_form__is_said_plainly, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__whose_message_is_gone__is_posted_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(card__that_is_stuck__is_told_once_in_the_fallback_channel, setup, teardown),
	    cmocka_unit_test_setup_teardown(thread__of_a_card__hangs_on_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(reply__in_a_thread__goes_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(answer__with_a_response_url__uses_it_only_where_it_is_slacks, setup, teardown),
	    cmocka_unit_test_setup_teardown(answer__whose_url_is_gone__takes_another_way_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__of_an_alert__triggers_once_and_is_noted, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__answered_late__takes_nothing_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__of_what_is_opened_again__triggers_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(page_look__answered_when_the_token_is_gone__is_no_answer_to_the_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__taken_back_before_it_left__is_not_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__of_each_severity__is_one_that_pagerduty_knows, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__of_the_longest_alert__is_one_that_pagerduty_takes, setup, teardown),
	    cmocka_unit_test_setup_teardown(page__whose_key_is_gone__waits_for_a_person, setup, teardown),
	    cmocka_unit_test_setup_teardown(profile__that_came__is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(profile__of_nobody__is_not_asked_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(word__that_makes_no_sense__is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(words__without_slack__are_not_left, setup, teardown),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
