#include "tests/unit/bot_world.h"

#include <inttypes.h>

#include "bot/web.h"
#include "tests/unit/fake_peer.h"

#define TURNS 20000 /* of the loop, each at most a few ms */

struct world {
	struct bot_world *bot;
	struct web *web;
	struct fake_peer peer;
	struct fake_answer answer;
	/* What the last call came to. */
	int done, status;
	bool may_have_arrived, is_unfit;
	char problem[256], body[256];
	size_t body_len;
	int64_t retry_after_s;
};

static struct fake_answer on_call(void *ctx, const struct fake_call *call)
{
	struct world *world = ctx;

	(void)call;
	return world->answer;
}

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct error err = {0};

	world->bot = bot_world_new();
	world->web = web_new(&world->bot->loop, world->bot->config, &err);
	assert_non_null(world->web);
	world->peer.answer = on_call;
	world->peer.ctx = world;
	world->answer.body = "{\"ok\":true}";
	fake_start(&world->peer, &world->bot->uv);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	web_free(world->web);
	fake_stop(&world->peer);
	bot_world_free(world->bot);
	fake_fini(&world->peer);
	free(world);
	return 0;
}

static void on_done(void *ctx, const struct web_answer *answer)
{
	struct world *world = ctx;

	world->done++;
	world->status = answer->status;
	world->may_have_arrived = answer->may_have_arrived;
	world->is_unfit = answer->is_unfit;
	world->retry_after_s = answer->retry_after_s;
	world->body_len = answer->body_len;
	snprintf(world->problem, sizeof(world->problem), "%s",
	    answer->problem != NULL ? answer->problem : "");
	snprintf(world->body, sizeof(world->body), "%s", answer->body);
}

static struct web_call *begin(struct world *world, struct web_request request)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/x?a=b", world->peer.port);
	if (request.url == NULL)
		request.url = url;
	if (request.method == NULL)
		request.method = "POST";
	return web_begin(world->web, &request, on_done, world);
}

static void wait_done(struct world *world, int count)
{
	for (int i = 0; i < TURNS && world->done < count; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(world->done, count);
}

static void ask(struct world *world, struct web_request request)
{
	int before = world->done;

	begin(world, request);
	assert_int_equal(world->done, before); /* later, never at once */
	wait_done(world, before + 1);
}

static void call__answered__tells_status_body_and_what_was_sent(void **state)
{
	struct world *world = *state;
	const struct fake_call *call = &world->peer.calls[0];

	ask(world, (struct web_request){.bearer = "xoxb-1",
		       .content_type = "application/json; charset=utf-8",
		       .body = "{\"a\":1}",
		       .body_len = 7});

	assert_int_equal(world->status, 200);
	assert_string_equal(world->body, "{\"ok\":true}");
	assert_string_equal(world->problem, "");
	assert_int_equal(world->retry_after_s, -1);
	assert_string_equal(call->path, "/api/x?a=b");
	assert_string_equal(call->body, "{\"a\":1}");
	assert_non_null(strstr(call->head, "POST /api/x"));
	assert_non_null(strstr(call->head, "\r\nAuthorization: Bearer xoxb-1\r\n"));
	assert_non_null(
	    strstr(call->head, "\r\nContent-Type: application/json; charset=utf-8\r\n"));
	assert_null(strstr(call->head, "Expect"));
}

static void call__without_body__says_so_and_sends_none(void **state)
{
	struct world *world = *state;

	ask(world, (struct web_request){0});
	ask(world, (struct web_request){.method = "GET"});
	ask(world, (struct web_request){.method = "PUT", .body = "x", .body_len = 1});

	assert_non_null(strstr(world->peer.calls[0].head, "Content-Length: 0\r\n"));
	assert_null(strstr(world->peer.calls[0].head, "Content-Type"));
	assert_int_equal(strncmp(world->peer.calls[1].head, "GET ", 4), 0);
	assert_int_equal(strncmp(world->peer.calls[2].head, "PUT ", 4), 0);
	assert_string_equal(world->peer.calls[2].body, "x");
}

static void call__line_end_in_the_token__is_not_sent_as_a_header(void **state)
{
	struct world *world = *state;

	ask(world, (struct web_request){.bearer = "a\r\nX-Evil: 1"});

	assert_null(strstr(world->peer.calls[0].head, "X-Evil"));
}

static void call__with_token_accept_and_from__has_their_headers(void **state)
{
	struct world *world = *state;
	const char *head;

	ask(world, (struct web_request){.method = "PUT",
		       .token = "u+pagerduty-token",
		       .accept = "application/vnd.pagerduty+json;version=2",
		       .from = "alice@example.com",
		       .content_type = "application/json",
		       .body = "{}",
		       .body_len = 2});
	ask(world, (struct web_request){.method = "GET", .token = "u+pagerduty-token"});

	head = world->peer.calls[0].head;
	assert_int_equal(strncmp(head, "PUT /api/x?a=b HTTP/1.1\r\n", 25), 0);
	assert_non_null(strstr(head, "\r\nAuthorization: Token token=u+pagerduty-token\r\n"));
	assert_non_null(strstr(head, "\r\nAccept: application/vnd.pagerduty+json;version=2\r\n"));
	assert_non_null(strstr(head, "\r\nFrom: alice@example.com\r\n"));
	head = world->peer.calls[1].head;
	assert_int_equal(strncmp(head, "GET /api/x?a=b HTTP/1.1\r\n", 25), 0);
	assert_null(strstr(head, "\r\nFrom:"));
	assert_null(strstr(head, "\r\nContent-"));
	assert_string_equal(world->peer.calls[1].body, "");
}

static void call__with_control_characters_in_a_header__is_not_made(void **state)
{
	static const struct web_request requests[] = {
	    {.from = "a@example.com\r\nX-Evil: 1"},
	    {.from = "a@example.com\nX-Evil: 1"},
	    {.from = "a\tb@example.com"},
	    {.from = "a@example.com\x7f"},
	    {.accept = "text/plain\rX-Evil: 1"},
	    {.token = "secret-token\r\nX-Evil: 1"},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		ask(world, requests[i]);
		assert_int_equal(world->status, 0);
		assert_true(world->is_unfit);
		assert_false(world->may_have_arrived);
		assert_non_null(strstr(world->problem, "control characters"));
		assert_null(strstr(world->problem, "secret-token"));
	}
	assert_int_equal(world->peer.call_count, 0);
}

static void answer__over_a_limit__is_tried_again_when_it_resets(void **state)
{
	static const struct {
		int status;
		const char *headers;
		int64_t retry_after_s;
	} cases[] = {
	    {429, "ratelimit-reset: 17\r\n", 17},
	    {429, "RateLimit-Reset: 17\r\nratelimit-limit: 960\r\n", 17},
	    {429, "ratelimit-reset: 0\r\n", 1},
	    {429, "Retry-After: 7\r\nratelimit-reset: 17\r\n", 7},
	    {429, "ratelimit-reset: 99999999999999999999999999\r\n", 300},
	    {429, "ratelimit-reset: 1700000000\r\n", 300},
	    {429, "ratelimit-reset: -5\r\n", -1},
	    {429, "ratelimit-reset: soon\r\n", -1},
	    {429, "ratelimit-reset:\r\n", -1},
	    {429, NULL, -1},
	    {200, "ratelimit-reset: 17\r\n", -1},
	    {503, "ratelimit-reset: 17\r\n", -1},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->answer = (struct fake_answer){
		    .status = cases[i].status, .headers = cases[i].headers, .body = "{}"};
		ask(world, (struct web_request){.method = "GET"});
		if (world->retry_after_s != cases[i].retry_after_s)
			fail_msg("case %zu: %" PRId64, i, world->retry_after_s);
	}
}

static void calls__one_after_the_other__share_a_connection(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 3; i++)
		ask(world, (struct web_request){.body = "x", .body_len = 1});

	assert_int_equal(world->peer.call_count, 3);
	assert_int_equal(world->peer.connections, 1);
}

static void answer__not_200__is_handed_over_with_its_retry_after(void **state)
{
	struct world *world = *state;

	world->answer = (struct fake_answer){
	    .status = 429, .headers = "Retry-After: 7\r\n", .body = "{\"ok\":false}"};
	ask(world, (struct web_request){0});
	assert_int_equal(world->status, 429);
	assert_int_equal(world->retry_after_s, 7);
	assert_string_equal(world->body, "{\"ok\":false}");

	world->answer =
	    (struct fake_answer){.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"};
	ask(world, (struct web_request){0});
	assert_int_equal(world->status, 302);
	assert_int_equal(world->peer.call_count, 2);
}

static void answer__larger_than_the_bound__is_no_answer(void **state)
{
	struct world *world = *state;
	char *body = xcalloc(1, WEB_ANSWER_MAX + 2);

	memset(body, 'x', WEB_ANSWER_MAX + 1);
	world->answer.body = body;
	ask(world, (struct web_request){0});

	assert_int_equal(world->status, 0);
	assert_true(world->may_have_arrived);
	assert_non_null(strstr(world->problem, "larger than"));
	free(body);
}

static void connection__refused__cannot_have_arrived(void **state)
{
	struct world *world = *state;

	ask(world, (struct web_request){.url = "http://127.0.0.1:1/", .bearer = "secret-token"});

	assert_int_equal(world->status, 0);
	assert_false(world->may_have_arrived);
	assert_false(world->is_unfit);
	assert_non_null(strstr(world->problem, "127.0.0.1"));
	assert_null(strstr(world->problem, "secret-token"));
}

/* curl would send it again by itself on a kept connection that closes: then a message would be
 * said twice. */
static void connection__cut_before_the_answer__is_sent_once_and_unsure(void **state)
{
	struct world *world = *state;

	ask(world, (struct web_request){.body = "first", .body_len = 5});
	world->answer.act = FAKE_CUT;
	ask(world, (struct web_request){.body = "second", .body_len = 6});

	assert_int_equal(world->status, 0);
	assert_true(world->may_have_arrived);
	assert_int_equal(world->peer.call_count, 2);
	assert_string_equal(world->peer.calls[1].body, "second");
	assert_int_equal(world->peer.calls[1].connection, 1);
}

static void peer__that_hangs__is_given_up_after_the_timeout_and_unsure(void **state)
{
	struct world *world = *state;

	world->answer.act = FAKE_HANG;
	ask(world, (struct web_request){.body = "x", .body_len = 1, .timeout_ms = 50});

	assert_int_equal(world->status, 0);
	assert_true(world->may_have_arrived);
}

static void call__cancelled__never_tells(void **state)
{
	struct world *world = *state;
	struct web_call *call = begin(world, (struct web_request){0});

	web_cancel(call);
	call = begin(world, (struct web_request){.url = "http://example.com/"});
	web_cancel(call);
	begin(world, (struct web_request){0});
	wait_done(world, 1);

	assert_int_equal(world->done, 1);
}

static void calls__under_way_when_it_ends__are_dropped(void **state)
{
	struct world *world = *state;
	struct error err = {0};

	world->answer.act = FAKE_HANG;
	begin(world, (struct web_request){.body = "x", .body_len = 1});
	begin(world, (struct web_request){.url = "nonsense"});
	while (world->peer.call_count == 0)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	world->done = 0;
	web_free(world->web);
	uv_run(&world->bot->uv, UV_RUN_NOWAIT);

	assert_int_equal(world->done, 0);
	world->web = web_new(&world->bot->loop, world->bot->config, &err);
	assert_non_null(world->web);
}

static void address__plain_or_odd__is_called_on_loopback_only(void **state)
{
	static const struct {
		const char *url;
		bool allowed;
	} cases[] = {
	    {"https://slack.com/api/", true},
	    {"https://127.0.0.1/", true},
	    {"http://127.0.0.1:8080/x", true},
	    {"http://127.9.9.9/", true},
	    {"http://localhost:1/", true},
	    {"http://LOCALHOST/", true},
	    {"http://[::1]:80/", true},
	    {"http://slack.com/", false},
	    {"http://localhost.evil.example/", false},
	    {"http://127.0.0.1@evil.example/", false},
	    {"http://127.0.0.1.evil.example/", false},
	    {"http://128.0.0.1/", false},
	    {"http://[::2]/", false},
	    {"http://[::ffff:10.0.0.1]/", false},
	    {"ftp://127.0.0.1/", false},
	    {"file:///etc/passwd", false},
	    {"", false},
	    {"slack.com", false},
	    {"//slack.com/", false},
	    {"https://", false},
	    {"https://exa mple/", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (web_url_allowed(cases[i].url, "https", "http") != cases[i].allowed)
			fail_msg("%s", cases[i].url);
	}
	assert_false(web_url_allowed(NULL, "https", "http"));
	assert_true(web_url_allowed("wss://wss-primary.slack.com/link/?ticket=1", "wss", "ws"));
	assert_false(web_url_allowed("ws://wss-primary.slack.com/link/?ticket=1", "wss", "ws"));
	assert_true(web_url_allowed("ws://127.0.0.1:99/link/?ticket=1", "wss", "ws"));
}

static void address__that_may_not_be_called__fails_later_and_did_not_arrive(void **state)
{
	static const char *const urls[] = {"http://example.com/", "nonsense", ""};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		ask(world, (struct web_request){.url = urls[i], .body = "x", .body_len = 1});
		assert_int_equal(world->status, 0);
		assert_false(world->may_have_arrived);
		assert_true(world->is_unfit);
		assert_string_not_equal(world->problem, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		call__answered__tells_status_body_and_what_was_sent, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		call__without_body__says_so_and_sends_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		call__line_end_in_the_token__is_not_sent_as_a_header, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		call__with_token_accept_and_from__has_their_headers, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		call__with_control_characters_in_a_header__is_not_made, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		answer__over_a_limit__is_tried_again_when_it_resets, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		calls__one_after_the_other__share_a_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		answer__not_200__is_handed_over_with_its_retry_after, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		answer__larger_than_the_bound__is_no_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		connection__refused__cannot_have_arrived, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		connection__cut_before_the_answer__is_sent_once_and_unsure, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		peer__that_hangs__is_given_up_after_the_timeout_and_unsure, setup, teardown),
	    cmocka_unit_test_setup_teardown(call__cancelled__never_tells, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		calls__under_way_when_it_ends__are_dropped, setup, teardown),
	    cmocka_unit_test(address__plain_or_odd__is_called_on_loopback_only),
	    cmocka_unit_test_setup_teardown(
		address__that_may_not_be_called__fails_later_and_did_not_arrive, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
