/* What goes wrong: with Slack's connection, with its answers, with PagerDuty, with what is sent to us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static const char *send_titled(struct world *w, const char *title)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"title\":\"%s\"}", title);
	return world_send_one(w, NULL, body);
}

static int connections_made(struct world *w)
{
	return cJSON_GetArraySize(world_calls(w, "apps.connections.open"));
}

/* Was the envelope with this id acknowledged? */
static bool is_acked(struct world *w, const char *id)
{
	char *acks = cJSON_PrintUnformatted(world_sim(w, "acks", NULL));
	bool found = strstr(acks, id) != NULL;

	free(acks);
	return found;
}

/* ---- the connection ------------------------------------------------------------------------------------ */

static void socket__asked_to_refresh__opens_the_new_one_before_it_leaves_the_old(void **state)
{
	static const char *const reasons[] = {"warning", "refresh_requested"};
	struct world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		int before = connections_made(w);
		char fault[96];

		snprintf(fault, sizeof(fault), "{\"ws\":\"disconnect\",\"reason\":\"%s\"}", reasons[i]);
		world_fault(w, fault);
		/* All the while somebody types. */
		world_until(w, strstr(world_says(w, "alice", ALERTS, "list"), "announce") != NULL && connections_made(w) > before);
		assert_non_null(strstr(world_says(w, "alice", ALERTS, "list"), "announce"));
	}
	assert_true(world_slack_is(w, "connected"));
}

static void socket__dropped__is_opened_anew_and_commands_work(void **state)
{
	struct world *w = *state;
	int before = connections_made(w);

	world_fault(w, "{\"ws\":\"drop\"}");
	world_until(w, connections_made(w) > before && world_slack_is(w, "connected"));
	assert_non_null(strstr(world_says(w, "alice", ALERTS, "list"), "announce"));
}

static void socket__that_falls_silent__is_a_dead_link(void **state)
{
	struct world *w = *state;
	int before = connections_made(w);

	world_fault(w, "{\"ws\":\"silent\"}");
	world_until_ms(w, connections_made(w) > before, 40000);
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, world_slack_is(w, "connected"), 40000);
	assert_non_null(strstr(world_says(w, "alice", ALERTS, "list"), "announce"));
}

static void socket__refused_with_a_tier_1_limit__waits_as_told(void **state)
{
	struct world *w = *state;
	int before = connections_made(w);

	world_fault(w, "{\"method\":\"apps.connections.open\",\"status\":429,\"retry_after\":2,\"times\":1}");
	world_fault(w, "{\"ws\":\"drop\"}");
	world_until(w, connections_made(w) == before + 1);
	int64_t refused = world_ms();
	world_until(w, connections_made(w) > before + 1);
	assert_true(world_ms() - refused >= 1500);
	world_until(w, world_slack_is(w, "connected"));
}

static void token__that_is_revoked__is_told_and_alerts_are_kept(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"apps.connections.open\",\"error\":\"invalid_auth\",\"times\":-1}");
	world_fault(w, "{\"ws\":\"drop\"}");
	world_until(w, world_slack_is(w, "refused"));
	assert_non_null(strstr(world_log(w), "invalid_auth"));
	assert_int_equal(world_http(w, "GET", "/readyz", NULL, NULL, NULL)->status, 200);
	send_titled(w, "still taken");
	world_until(w, world_count(w, ALERTS, "still taken") == 1);
}

static void envelopes__of_shapes_never_seen__are_acknowledged_and_ignored(void **state)
{
	static const char *const frames[] = {
	    "{\"raw\":{\"envelope_id\":\"odd-1\",\"type\":\"something_new\",\"payload\":{}}}",
	    "{\"raw\":{\"envelope_id\":\"odd-2\",\"type\":\"events_api\"}}",
	    "{\"raw\":{\"envelope_id\":\"odd-3\",\"type\":\"events_api\",\"payload\":null}}",
	    "{\"raw\":{\"envelope_id\":\"odd-4\",\"type\":\"interactive\",\"payload\":{\"type\":\"block_actions\",\"actions\":[]}}}",
	    "{\"raw\":{\"envelope_id\":\"odd-5\",\"type\":\"interactive\",\"payload\":{\"type\":\"view_submission\",\"user\":null}}}",
	    "{\"raw\":{\"envelope_id\":\"odd-6\",\"type\":\"slash_commands\",\"payload\":[1,2]}}",
	    "{\"raw\":{\"envelope_id\":\"odd-7\",\"type\":\"events_api\",\"payload\":{\"event\":{\"type\":\"app_mention\",\"text\":7}}}}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		world_sim(w, "envelope", frames[i]);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		char id[16];

		snprintf(id, sizeof(id), "\"odd-%zu\"", i + 1);
		world_until(w, is_acked(w, id));
	}
	assert_non_null(strstr(world_says(w, "alice", ALERTS, "list"), "announce"));
	assert_true(world_is_running(w));
}

#define AGAIN_FRAME                                                                                                          \
	"{\"raw\":{\"envelope_id\":\"again-%d\",\"type\":\"events_api\",\"retry_attempt\":%d,\"payload\":{\"type\":\"event_callback\"," \
	"\"team_id\":\"T0SIM\",\"event_id\":\"Ev0AGAIN\",\"event\":{\"type\":\"app_mention\",\"user\":\"U0ALICE\",\"channel\":\"C0ALERTS\"," \
	"\"ts\":\"1700000000.000100\",\"text\":\"<@U0BOT> expect host=web-1 for 10m because once\"}}}}"

static void mention__delivered_again_after_a_restart__is_not_obeyed_twice(void **state)
{
	struct world *w = *state;
	char body[640];

	snprintf(body, sizeof(body), AGAIN_FRAME, 1, 0);
	world_sim(w, "envelope", body);
	world_until(w, world_http(w, "GET", "/v1/announcements/H1", WORLD_OPS, NULL, NULL)->status == 200);
	world_restart(w);
	snprintf(body, sizeof(body), AGAIN_FRAME, 2, 1);
	world_sim(w, "envelope", body);
	world_until(w, is_acked(w, "again-2"));
	assert_int_equal(world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->status, 404);
}

/* ---- the courier --------------------------------------------------------------------------------------- */

static void post__over_the_limit__comes_when_slack_says(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"chat.postMessage\",\"status\":429,\"retry_after\":1,\"times\":2}");
	send_titled(w, "after a while");
	world_until(w, world_count(w, ALERTS, "after a while") == 1);
}

static void post__whose_form_is_refused__is_said_plainly(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"chat.postMessage\",\"error\":\"invalid_blocks\",\"times\":1}");
	send_titled(w, "plain words");
	world_until(w, world_count(w, ALERTS, "plain words") == 1);
	cJSON *message = world_find(w, ALERTS, "plain words");
	assert_true(cJSON_GetArraySize(json_get(message, "blocks")) == 0);
}

static void channel__that_does_not_exist__waits_for_a_person_and_holds_nobody_up(void **state)
{
	struct world *w = world_start(&(struct world_options){
	    .routes = "  - {match: [\"service=lost\"], channel: \"#no-such-channel\"}\n  - {channel: \"#security-alerts\"}\n"});

	*state = w;
	world_send_one(w, NULL, "{\"title\":\"goes nowhere\",\"service\":\"lost\"}");
	send_titled(w, "goes on");
	world_until(w, world_count(w, ALERTS, "goes on") == 1);
	/* It is told in the last route's channel, in /readyz, and waits in the outbox. */
	world_until(w, world_find(w, ALERTS, "no-such-channel") != NULL);
	world_until(w, cJSON_GetArraySize(json_get(world_ready(w), "degraded")) > 0);
	cJSON *words = json_get(world_http(w, "GET", "/v1/outbox", WORLD_OPS, NULL, NULL)->json, "words") != NULL ?
			   cJSON_GetObjectItemCaseSensitive(world_http(w, "GET", "/v1/outbox", WORLD_OPS, NULL, NULL)->json, "words") :
			   NULL;
	assert_int_equal(cJSON_GetArraySize(words), 1);
	char path[64];
	int64_t id;
	assert_true(json_int(cJSON_GetArrayItem(words, 0), "id", &id));
	world_sim(w, "channel", "{\"name\":\"no-such-channel\",\"id\":\"C0FOUND\"}");
	snprintf(path, sizeof(path), "/v1/outbox/%ld/retry", (long)id);
	assert_int_equal(world_http(w, "POST", path, WORLD_OPS, "", NULL)->status, 200);
	world_until(w, world_count(w, "C0FOUND", "goes nowhere") == 1);
}

static void channel__that_hangs__does_not_hold_up_a_page_or_another_channel(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"chat.postMessage\",\"channel\":\"#security-alerts\",\"hang\":true,\"times\":-1}");
	send_titled(w, "hangs");
	world_send_one(w, "falco", "terminal-shell-in-container.json");
	world_until(w, world_incident(w, "headsup-A2") != NULL);
	world_until(w, world_find(w, "#security-urgent", "A2") != NULL);
	assert_null(world_find(w, ALERTS, "hangs"));
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, world_count(w, ALERTS, "hangs") == 1, 60000);
}

static void edits__while_slack_is_slow__are_coalesced(void **state)
{
	struct world *w = *state;

	send_titled(w, "often");
	world_until(w, world_find(w, ALERTS, "often") != NULL);
	world_fault(w, "{\"method\":\"chat.update\",\"status\":503,\"times\":1}");
	for (int i = 0; i < 30; i++)
		send_titled(w, "often");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "often")), "31 times") != NULL);
	assert_in_range(cJSON_GetArraySize(world_calls(w, "chat.update")), 1, 15);
}

static void pagerduty__away_for_a_while__gets_everything_in_order(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"pagerduty\",\"status\":500,\"times\":2}");
	world_fault(w, "{\"method\":\"pagerduty\",\"status\":429,\"times\":1}");
	world_send_one(w, "falco", "terminal-shell-in-container.json");
	world_act(w, "A1", "ack", NULL);
	world_act(w, "A1", "resolve", NULL);
	world_until_ms(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "resolved") == 0, 60000);
	assert_int_equal(cJSON_GetArraySize(json_get(world_incident(w, "headsup-A1"), "events")), 3);
}

/* ---- what is sent to us -------------------------------------------------------------------------------- */

static int dial(struct world *w)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(strrchr(w->url, ':') + 1, NULL, 10))};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(s, (struct sockaddr *)&address, sizeof(address)), 0);
	return s;
}

/* Reads until WANTED stands COUNT times in what came. */
static bool reads(int s, const char *wanted, int count)
{
	static char got[1 << 20];
	size_t len = 0;

	while (len < sizeof(got) - 1) {
		struct pollfd pfd = {.fd = s, .events = POLLIN};
		ssize_t n;
		int found = 0;

		for (const char *at = got; len > 0 && (at = strstr(at, wanted)) != NULL; at++)
			found++;
		if (found >= count)
			return true;
		if (poll(&pfd, 1, WORLD_PATIENCE_MS) != 1)
			return false;
		n = recv(s, got + len, sizeof(got) - 1 - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		got[len] = '\0';
	}
	return false;
}

static void requests__pipelined_in_one_packet__are_all_answered(void **state)
{
	struct world *w = *state;
	static char packet[65536];
	int s = dial(w);

	packet[0] = '\0';
	for (int i = 0; i < 50; i++) {
		char one[400], body[64];

		snprintf(body, sizeof(body), "{\"title\":\"piped %d.\"}", i);
		snprintf(one, sizeof(one), "POST /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s", WORLD_OPS,
		    strlen(body), body);
		memcpy(packet + strlen(packet), one, strlen(one) + 1);
	}
	assert_int_equal(send(s, packet, strlen(packet), 0), strlen(packet));
	assert_true(reads(s, "202 Accepted", 50));
	close(s);
	assert_int_equal(world_http(w, "GET", "/v1/alerts/A50", WORLD_OPS, NULL, NULL)->status, 200);
}

static void request__sent_by_half__holds_nobody_up(void **state)
{
	struct world *w = *state;
	int s = dial(w);
	const char *half = "POST /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " WORLD_OPS "\r\nContent-Length: 1000\r\n\r\n{\"tit";

	assert_int_equal(send(s, half, strlen(half), 0), strlen(half));
	assert_string_equal(send_titled(w, "others go on"), "A1");
	close(s);
	assert_string_equal(send_titled(w, "and on"), "A2");
}

static void body__that_is_too_large_or_hostile__is_refused_and_the_next_is_served(void **state)
{
	struct world *w = *state;
	size_t size = 5 << 20;
	char *huge = xcalloc(1, size + 1), *deep = xcalloc(1, 20002);

	memset(huge, ' ', size);
	assert_int_equal(world_http(w, "POST", "/v1/alerts", WORLD_OPS, huge, NULL)->status, 413);
	memset(deep, '[', 20000);
	assert_int_equal(world_http(w, "POST", "/v1/alerts", WORLD_OPS, deep, NULL)->status, 400);
	assert_int_equal(world_http(w, "POST", "/v1/alerts", WORLD_OPS, "{\"title\":", NULL)->status, 400);
	assert_int_equal(world_http(w, "POST", "/v1/alerts", WORLD_OPS, "{\"title\":\"\xFF\xFE ok\"}", NULL)->status, 202);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/falco", "falco-token-0123456789abcdef", "[]", NULL)->status / 100, 2);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/falco", "falco-token-0123456789abcdef", "{\"odd\":1}", NULL)->status, 400);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/falco", "wrong", "{}", NULL)->status, 401);
	assert_int_equal(world_http(w, "POST", "/v1/alerts/unknown", WORLD_OPS, "{}", NULL)->status, 404);
	assert_null(strstr(world_log(w), WORLD_OPS));
	assert_string_equal(text(world_http(w, "GET", "/v1/alerts/A1", WORLD_OPS, NULL, NULL)->json, "title"), "\xEF\xBF\xBD\xEF\xBF\xBD ok");
	free(huge);
	free(deep);
}

static void reload__with_a_mistake__keeps_the_old_configuration(void **state)
{
	struct world *w = *state;

	world_config(w, &(struct world_options){.extra = "unknown_key: 1\n"});
	world_hup(w);
	world_until(w, strstr(world_log(w), "unknown_key") != NULL);
	send_titled(w, "goes on as before");
	world_until(w, world_count(w, ALERTS, "goes on as before") == 1);
	world_config(w, &(struct world_options){.routes = "  - {channel: \"#general\"}\n"});
	world_hup(w);
	/* Each is an alert of its own: one that came too early stands where it was routed then. */
	for (int i = 0; world_count(w, "#general", "goes elsewhere") == 0; i++) {
		char title[64];

		assert_true(i < 2000);
		snprintf(title, sizeof(title), "goes elsewhere %d", i);
		send_titled(w, title);
		world_pause();
	}
}

static void everything__over_tls__works_the_same(void **state)
{
	struct world *w = world_start(&(struct world_options){.tls = true});

	*state = w;
	assert_non_null(strstr(w->url, "https://"));
	world_send_one(w, "falco", "terminal-shell-in-container.json");
	world_until(w, world_find(w, "#security-urgent", "A1") != NULL);
	world_press(w, "bob", "#security-urgent", world_ts(world_find(w, "#security-urgent", "A1")), "alert_ack", NULL);
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "acknowledged") == 0);
	assert_non_null(strstr(world_says(w, "alice", ALERTS, "expect host=web-1 for 10m because tls"), "H1"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define OWN(test) cmocka_unit_test_teardown(test, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(socket__asked_to_refresh__opens_the_new_one_before_it_leaves_the_old),
	    T(socket__dropped__is_opened_anew_and_commands_work),
	    T(socket__that_falls_silent__is_a_dead_link),
	    T(socket__refused_with_a_tier_1_limit__waits_as_told),
	    T(token__that_is_revoked__is_told_and_alerts_are_kept),
	    T(envelopes__of_shapes_never_seen__are_acknowledged_and_ignored),
	    T(mention__delivered_again_after_a_restart__is_not_obeyed_twice),
	    T(post__over_the_limit__comes_when_slack_says),
	    T(post__whose_form_is_refused__is_said_plainly),
	    OWN(channel__that_does_not_exist__waits_for_a_person_and_holds_nobody_up),
	    T(channel__that_hangs__does_not_hold_up_a_page_or_another_channel),
	    T(edits__while_slack_is_slow__are_coalesced),
	    T(pagerduty__away_for_a_while__gets_everything_in_order),
	    T(requests__pipelined_in_one_packet__are_all_answered),
	    T(request__sent_by_half__holds_nobody_up),
	    T(body__that_is_too_large_or_hostile__is_refused_and_the_next_is_served),
	    T(reload__with_a_mistake__keeps_the_old_configuration),
	    OWN(everything__over_tls__works_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
