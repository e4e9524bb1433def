#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bot/form.h"
#include "bot/outcome.h"
#include "bot/slack_error.h"
#include "config/base/json.h"

static struct outcome judged(const struct spoken *spoken, int status, const char *body)
{
	const struct web_answer answer = {.status = status,
	    .body = body,
	    .body_len = strlen(body),
	    .retry_after_s = -1,
	    .problem = status == 0 ? "no answer" : NULL,
	    .may_have_arrived = status == 0};
	struct outcome outcome;

	outcome_init(&outcome, spoken, &answer);
	return outcome;
}

static struct outcome outcome_of(
    enum word_peer peer, const char *method, int status, const char *body)
{
	const struct spoken spoken = {.peer = peer, .method = (char *)method};

	return judged(&spoken, status, body);
}

static void answer__of_each_kind__decides_the_words_fate(void **state)
{
	static const struct {
		enum word_peer peer;
		const char *method;
		int status;
		const char *body;
		enum fate fate;
		bool is_unsure, is_outage, is_limited;
		const char *problem;
	} cases[] = {
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":true,\"ts\":\"1.2\"}", FATE_SAID, false,
		false, false, ""},
	    {PEER_SLACK, "chat.postMessage", 0, "", FATE_AGAIN, true, true, false, "no answer"},
	    {PEER_SLACK, "chat.postMessage", 429, "{\"ok\":false,\"error\":\"ratelimited\"}",
		FATE_AGAIN, false, false, true, "ratelimited"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"rate_limited\"}",
		FATE_AGAIN, false, false, true, "rate_limited"},
	    {PEER_SLACK, "chat.postMessage", 500, "oops", FATE_AGAIN, true, true, false,
		"status 500"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"internal_error\"}",
		FATE_AGAIN, true, false, false, "internal_error"},
	    {PEER_SLACK, "chat.postMessage", 200, "<html>captive portal", FATE_AGAIN, true, true,
		false, "status 200 without an answer that can be read"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":tr", FATE_AGAIN, true, true, false,
		"status 200 without an answer that can be read"},
	    {PEER_SLACK, "chat.postMessage", 200, "[]", FATE_AGAIN, true, true, false,
		"status 200 without an answer that can be read"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":\"true\"}", FATE_AGAIN, true, true,
		false, "status 200 without an answer that can be read"},
	    {PEER_SLACK, "chat.postMessage", 404, "", FATE_AGAIN, false, true, false,
		"status 404 without an answer that can be read"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"invalid_blocks\"}",
		FATE_PLAINER, false, false, false, "invalid_blocks"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"invalid_auth\"}",
		FATE_TOKEN, false, false, false, "invalid_auth"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"not_in_channel\"}",
		FATE_PERSON, false, false, false, "not_in_channel"},
	    {PEER_SLACK, "chat.postMessage", 200, "{\"ok\":false,\"error\":\"brand_new_error\"}",
		FATE_PERSON, false, false, false, "brand_new_error"},
	    {PEER_SLACK, "chat.update", 200, "{\"ok\":false,\"error\":\"message_not_found\"}",
		FATE_DEAD, false, false, false, "message_not_found"},
	    {PEER_SLACK, "reactions.add", 200, "{\"ok\":false,\"error\":\"already_reacted\"}",
		FATE_SAID, false, false, false, ""},
	    {PEER_RESPONSE_URL, "https://hooks.slack.com/x", 200, "ok", FATE_SAID, false, false,
		false, ""},
	    {PEER_RESPONSE_URL, "https://hooks.slack.com/x", 404, "", FATE_DEAD, false, false,
		false, "the response_url is gone (status 404)"},
	    {PEER_RESPONSE_URL, "https://hooks.slack.com/x", 410, "", FATE_DEAD, false, false,
		false, "the response_url is gone (status 410)"},
	    {PEER_RESPONSE_URL, "https://hooks.slack.com/x", 503, "", FATE_AGAIN, true, true, false,
		"status 503"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 202, "{\"status\":\"success\"}", FATE_SAID,
		false, false, false, ""},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 400, "{\"errors\":[\"bad summary\"]}", FATE_DEAD,
		false, false, false, "PagerDuty refused it (status 400): bad summary"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 403, "", FATE_DEAD, false, false, false,
		"PagerDuty refused it (status 403)"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 413, "", FATE_DEAD, false, false, false,
		"PagerDuty refused it (status 413)"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 404, "", FATE_PERSON, false, false, false,
		"PagerDuty refused it (status 404)"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 429, "{}", FATE_AGAIN, false, false, true,
		"ratelimited"},
	    {PEER_PAGERDUTY_EVENTS, "/v2/enqueue", 502, "", FATE_AGAIN, true, true, false,
		"status 502"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome =
		    outcome_of(cases[i].peer, cases[i].method, cases[i].status, cases[i].body);

		if (outcome.fate != cases[i].fate || outcome.is_unsure != cases[i].is_unsure ||
		    outcome.is_outage != cases[i].is_outage ||
		    outcome.is_limited != cases[i].is_limited ||
		    strcmp(outcome.problem, cases[i].problem) != 0)
			fail_msg("case %zu: fate %d unsure %d outage %d limited %d problem %s", i,
			    outcome.fate, outcome.is_unsure, outcome.is_outage, outcome.is_limited,
			    outcome.problem);
		outcome_fini(&outcome);
	}
}

static void answer__of_the_rest_api__is_heard_unless_it_says_nothing(void **state)
{
	static const char refusal[] = "{\"error\":{\"message\":\"secret\",\"code\":2010}}";
	static const struct {
		const char *verb;
		int status;
		const char *body;
		enum fate fate;
		bool is_refused, is_unsure, is_outage, is_limited;
		const char *problem;
	} cases[] = {
	    {"GET", 200, "{}", FATE_SAID, false, false, false, false, ""},
	    {"PUT", 200, "{\"incident\":{}}", FATE_SAID, false, false, false, false, ""},
	    {"POST", 201, "{\"note\":{}}", FATE_SAID, false, false, false, false, ""},
	    {"PUT", 204, "", FATE_SAID, false, false, false, false, ""},
	    {"GET", 200, "<html>captive portal", FATE_AGAIN, false, true, true, false,
		"status 200 without an answer that can be read"},
	    {"GET", 200, "[]", FATE_AGAIN, false, true, true, false,
		"status 200 without an answer that can be read"},
	    {"GET", 204, "", FATE_AGAIN, false, true, true, false,
		"status 204 without an answer that can be read"},
	    {"GET", 302, "", FATE_AGAIN, false, true, true, false, "status 302"},
	    {"PUT", 400, "{\"error\":{\"code\":1002}}", FATE_SAID, true, false, false, false,
		"status 400, code 1002"},
	    {"PUT", 400, "{\"error\":\"odd\"}", FATE_SAID, true, false, false, false,
		"status 400"},
	    {"PUT", 402, "{}", FATE_SAID, true, false, false, false, "status 402"},
	    {"GET", 403, refusal, FATE_SAID, true, false, false, false, "status 403, code 2010"},
	    {"GET", 403, "{\"error\":{\"code\":2006}}", FATE_SAID, true, false, false, false,
		"status 403, code 2006"},
	    {"GET", 404, "<html>", FATE_SAID, true, false, false, false, "status 404"},
	    {"PUT", 409, "", FATE_SAID, true, false, false, false, "status 409"},
	    {"PUT", 413, "", FATE_SAID, true, false, false, false, "status 413"},
	    {"PUT", 422, "", FATE_SAID, true, false, false, false, "status 422"},
	    {"GET", 401, refusal, FATE_TOKEN, false, false, false, false, "status 401"},
	    {"PUT", 408, "", FATE_AGAIN, false, true, true, false, "status 408"},
	    {"PUT", 429, "{\"error\":{\"code\":2020}}", FATE_AGAIN, false, false, false, true,
		"ratelimited"},
	    {"PUT", 500, "{}", FATE_AGAIN, false, true, true, false, "status 500"},
	    {"PUT", 503, "", FATE_AGAIN, false, true, true, false, "status 503"},
	    {"PUT", 0, "", FATE_AGAIN, false, true, true, false, "no answer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spoken spoken = {.peer = PEER_PAGERDUTY_API,
		    .verb = cases[i].verb,
		    .method = (char *)"/incidents/Q1"};
		struct outcome outcome = judged(&spoken, cases[i].status, cases[i].body);

		if (outcome.fate != cases[i].fate || outcome.is_refused != cases[i].is_refused ||
		    outcome.is_unsure != cases[i].is_unsure ||
		    outcome.is_outage != cases[i].is_outage ||
		    outcome.is_limited != cases[i].is_limited ||
		    outcome.status != cases[i].status ||
		    strcmp(outcome.problem, cases[i].problem) != 0)
			fail_msg("case %zu: fate %d refused %d unsure %d outage %d limited %d "
				 "problem %s",
			    i, outcome.fate, outcome.is_refused, outcome.is_unsure,
			    outcome.is_outage, outcome.is_limited, outcome.problem);
		outcome_fini(&outcome);
	}
}

static void request__that_cannot_be_made__is_a_refusal_in_a_conversation_alone(void **state)
{
	static const enum word_peer peers[] = {
	    PEER_SLACK, PEER_RESPONSE_URL, PEER_PAGERDUTY_EVENTS, PEER_PAGERDUTY_API};
	const struct web_answer answer = {
	    .problem = "no such header", .is_unfit = true, .body = "", .retry_after_s = -1};

	(void)state;
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		const bool is_rest = peers[i] == PEER_PAGERDUTY_API;
		struct spoken spoken = {.peer = peers[i], .verb = "GET"};
		struct outcome outcome;

		outcome_init(&outcome, &spoken, &answer);
		assert_int_equal(outcome.fate, is_rest ? FATE_SAID : FATE_AGAIN);
		assert_int_equal(outcome.is_refused, is_rest);
		assert_int_equal(outcome.is_unfit, is_rest);
		assert_int_equal(outcome.status, is_rest ? 400 : 0);
		assert_string_equal(outcome.problem, "no such header");
		outcome_fini(&outcome);
	}
}

static void answer__that_repeats_the_routing_key__is_not_kept(void **state)
{
	static const char key[] = "0123456789abcdef0123456789abcdef";
	static const char body[] =
	    "{\"errors\":[\"no such key 0123456789abcdef0123456789abcdef\"]}";
	struct spoken spoken = {.peer = PEER_PAGERDUTY_EVENTS, .body = cJSON_CreateObject()};
	const struct web_answer answer = {
	    .status = 400, .body = body, .body_len = sizeof(body) - 1, .retry_after_s = -1};
	struct outcome outcome;

	(void)state;
	json_put(spoken.body, "routing_key", key);
	outcome_init(&outcome, &spoken, &answer);

	assert_null(strstr(outcome.problem, key));
	assert_int_equal(outcome.fate, FATE_DEAD);
	outcome_fini(&outcome);
	cJSON_Delete(spoken.body);
}

static void error__known_to_slack__has_its_cure(void **state)
{
	static const struct {
		const char *method, *error;
		enum slack_cure cure;
	} cases[] = {
	    {NULL, "invalid_auth", CURE_TOKEN},
	    {"chat.postMessage", "account_inactive", CURE_TOKEN},
	    {"chat.postMessage", "missing_scope", CURE_PERSON},
	    {"apps.connections.open", "missing_scope", CURE_TOKEN},
	    {"auth.test", "not_allowed_token_type", CURE_TOKEN},
	    {"chat.postMessage", "channel_not_found", CURE_TARGET},
	    {"chat.postEphemeral", "channel_not_found", CURE_DEAD},
	    {"chat.postEphemeral", "user_not_in_channel", CURE_DEAD},
	    {"chat.postMessage", "restricted_action_read_only_channel", CURE_TARGET},
	    {"chat.postMessage", "msg_too_long", CURE_PLAINER},
	    {"chat.postMessage", "invalid_blocks_format", CURE_PLAINER},
	    {"chat.postMessage", "metadata_too_large", CURE_PLAINER},
	    {"users.info", "user_not_found", CURE_DEAD},
	    {"chat.postMessage", "user_not_found", CURE_TARGET},
	    {"views.open", "expired_trigger_id", CURE_DEAD},
	    {"views.open", "trigger_expired", CURE_DEAD},
	    {"views.open", "unheard_of", CURE_DEAD},
	    {"users.info", "missing_scope", CURE_DEAD},
	    {"users.info", "invalid_auth", CURE_TOKEN},
	    {"usergroups.users.list", "no_such_subteam", CURE_DEAD},
	    {"chat.postMessage", "fatal_error", CURE_RETRY},
	    {"chat.postMessage", "ratelimited", CURE_WAIT},
	    {"chat.postMessage", "", CURE_RETRY},
	    {"chat.postMessage", NULL, CURE_RETRY},
	    {"chat.postMessage", "unheard_of", CURE_PERSON},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (slack_cure(cases[i].method, cases[i].error) != cases[i].cure)
			fail_msg("%s: %s", cases[i].method, cases[i].error);
	}
}

static void form__of_an_object__encodes_what_needs_it(void **state)
{
	cJSON *object = cJSON_Parse(
	    "{\"user\":\"U1\",\"text\":\"a b&c=d/\\u00e9%\",\"flag\":true,\"n\":200,\"none\":null,"
	    "\"view\":{\"a\":[1]}}");
	struct buf form;

	(void)state;
	buf_init(&form, 1000);
	form_put_object(&form, object);

	assert_string_equal(buf_text(&form),
	    "user=U1&text=a%20b%26c%3Dd%2F%C3%A9%25&flag=true&n=200&view=%7B%22a%22%3A%5B1%5D%7D");
	buf_fini(&form);
	cJSON_Delete(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answer__of_each_kind__decides_the_words_fate),
	    cmocka_unit_test(answer__of_the_rest_api__is_heard_unless_it_says_nothing),
	    cmocka_unit_test(request__that_cannot_be_made__is_a_refusal_in_a_conversation_alone),
	    cmocka_unit_test(answer__that_repeats_the_routing_key__is_not_kept),
	    cmocka_unit_test(error__known_to_slack__has_its_cure),
	    cmocka_unit_test(form__of_an_object__encodes_what_needs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
