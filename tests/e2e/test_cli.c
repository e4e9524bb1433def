/* The client commands: exit statuses, lines for people, --json, and what a hostile network or alert cannot do. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define RUN(w, token, ...) runs(w, token, (const char *const[]){__VA_ARGS__, NULL})

/* Runs headsup; whatever comes of it, it prints no token. */
static struct world_output *runs(struct world *w, const char *token, const char *const *args)
{
	struct world_output *output = world_run(w, token, args);

	assert_null(strstr(output->out, "token-0123456789"));
	assert_null(strstr(output->err, "token-0123456789"));
	return output;
}

static void wants(const struct world_output *output, int status)
{
	if (output->status != status)
		fail_msg(
		    "exit %d is not %d\n%s%s", output->status, status, output->out, output->err);
}

static cJSON *json_of(struct world *w, const struct world_output *output)
{
	cJSON *json = cJSON_Parse(output->out);

	(void)w;
	if (json == NULL)
		fail_msg("no JSON: %s", output->out);
	return json;
}

/* "status" of an announcement. */
static const char *announcement_status(struct world *w, const char *id)
{
	char path[64];
	struct world_answer *answer;

	snprintf(path, sizeof(path), "/v1/announcements/%s", id);
	answer = world_http(w, "GET", path, WORLD_OPS, NULL, NULL);
	assert_int_equal(answer->status, 200);
	return json_text(answer->json, "status");
}

/* ---- announcing -------------------------------------------------------------------------------------------- */

static void expect__from_a_pipeline__prints_the_id_and_covers(void **state)
{
	struct world *w = *state;
	struct world_output *output = RUN(w, WORLD_CI, "expect", "host=web-*", "actor=deploy",
	    "--for", "30m", "--because", "deploy 7", "--max=20");

	wants(output, 0);
	assert_string_equal(output->out, "H1\n");
	assert_non_null(strstr(output->err, "active until"));
	world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-3\",\"actor\":\"deploy\"}");
	assert_string_equal(world_status(w, "A1"), "expected");

	wants(RUN(w, WORLD_CI, "extend", "H1", "30m"), 0);
	output = RUN(w, WORLD_CI, "end", "H1", "--because", "deployed");
	wants(output, 0);
	assert_non_null(strstr(output->out, "ended"));
	assert_non_null(strstr(output->out, "seen 1 of 20"));
	world_send_one(w, NULL, "{\"title\":\"u\",\"host\":\"web-3\",\"actor\":\"deploy\"}");
	assert_string_equal(world_status(w, "A2"), "open");
	wants(RUN(w, WORLD_CI, "end", "H1"), 1);
}

static void expect__in_any_order_and_later__is_scheduled_and_can_be_cancelled(void **state)
{
	struct world *w = *state;
	struct world_output *output = RUN(w, NULL, "expect", "--because", "key rotation",
	    "rule=SSH login", "--from", "tomorrow 02:00", "@alice", "--author", "alice");

	wants(output, 0);
	assert_string_equal(output->out, "H1\n");
	assert_string_equal(announcement_status(w, "H1"), "scheduled");
	output = RUN(w, NULL, "show", "H1");
	wants(output, 0);
	assert_non_null(strstr(output->out, "actor=alice,aliced"));
	wants(RUN(w, NULL, "cancel", "H1"), 0);
	assert_string_equal(announcement_status(w, "H1"), "cancelled");
}

static void expect__that_policy_refuses__exits_3(void **state)
{
	struct world *w = *state;
	struct world_output *output =
	    RUN(w, WORLD_CI, "expect", "host=web-*", "--for", "5h", "--because", "deploy");
	cJSON *json;

	wants(output, 3);
	assert_string_equal(output->out, "");
	assert_non_null(strstr(output->err, "at most 4h at a time"));
	wants(RUN(w, WORLD_CI, "expect", "host=*", "--because", "deploy"), 3);
	wants(RUN(w, WORLD_CI, "expect", "host=web-*"), 3);

	output = RUN(
	    w, WORLD_CI, "expect", "host=web-*", "--for", "5h", "--because", "deploy", "--json");
	wants(output, 3);
	json = json_of(w, output);
	assert_string_equal(json_text(json, "reason"), "policy");
	cJSON_Delete(json);

	wants(RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "deploy"), 0);
	wants(RUN(w, WORLD_CI, "extend", "H1", "4h"), 3);
}

static void expect__that_needs_approval__exits_4(void **state)
{
	struct world *w = *state;
	struct world_output *output =
	    RUN(w, WORLD_CI, "expect", "severity=critical", "host=web-*", "--because", "drill");

	wants(output, 4);
	assert_string_equal(output->out, "H1\n");
	assert_non_null(strstr(output->err, "approval"));
	assert_string_equal(announcement_status(w, "H1"), "pending");
}

static void expect__mistyped__exits_2_and_says_what(void **state)
{
	static const struct {
		const char *args[8], *says;
	} cases[] = {
	    {{"expect", "--because", "x"}, "say what to expect"},
	    {{"expect", "web-1", "--because", "x"}, "no match"},
	    {{"expect", "host=web-1", "--for", "30", "--because", "x"}, "30"},
	    {{"expect", "host=web-1", "--for"}, "--for needs a value"},
	    {{"expect", "host=web-1", "--because", "--max"}, "--because needs a value"},
	    {{"expect", "host=web-1", "--max", "none"}, "--max"},
	    {{"expect", "host=web-1", "--max", "0"}, "--max"},
	    {{"expect", "host=web-1", "--becuase", "x"}, "--because"},
	    {{"expect", "host=web-1", "--dry=yes"}, "--dry takes no value"},
	    {{"expect", "host=web-1", "--status", "open"}, "no option --status here"},
	    {{"expect", "host=web-1", "--from", "sometime"}, "sometime"},
	    {{"expect", "@nobody", "--because", "x"}, "not known"},
	    {{"expect", "-f", "x"}, "-f"},
	    {{"end"}, "H17"},
	    {{"end", "17"}, "H17"},
	    {{"end", "H1", "H2"}, "H17"},
	    {{"extend", "H1"}, "30m"},
	    {{"extend", "H1", "30"}, "30"},
	    {{"list", "active"}, "--status"},
	    {{"list", "--status", "odd"}, "scheduled"},
	    {{"list", "--limit", "0"}, "--limit"},
	    {{"alerts", "--since", "yesterday"}, "yesterday"},
	    {{"alerts", "hostless"}, "hostless"},
	    {{"show", "17"}, "A1042"},
	    {{"ack"}, "A1042"},
	    {{"ack", "looking"}, "A1042"},
	    {{"note", "A1"}, "note"},
	    {{"send"}, "file"},
	    {{"outbox", "clear"}, "retry"},
	    {{"outbox", "retry", "x"}, "outbox"},
	    {{"during", "host=web-1", "--because", "x"}, "after --"},
	    {{"during", "host=web-1", "--because", "x", "--"}, "after --"},
	    {{"during", "--because", "x", "--", "true"}, "say what to expect"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_output *output = runs(w, NULL, cases[i].args);

		if (output->status != 2 || strstr(output->err, cases[i].says) == NULL ||
		    output->out[0] != '\0')
			fail_msg("%s %s: exit %d, %s%s", cases[i].args[0], cases[i].args[1],
			    output->status, output->out, output->err);
	}
}

static void expect__dry__announces_nothing(void **state)
{
	struct world *w = *state;
	struct world_output *output =
	    RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "x", "--dry");

	wants(output, 0);
	assert_string_equal(output->out, "");
	assert_non_null(strstr(output->err, "would be active until"));
	output = RUN(w, WORLD_CI, "list");
	wants(output, 0);
	assert_string_equal(output->out, "");
}

static void expect__by_who_may_not__exits_1(void **state)
{
	struct world *w = *state;
	struct world_output *output =
	    RUN(w, "falco-token-0123456789abcdef", "expect", "host=web-*", "--because", "x");

	wants(output, 1);
	assert_non_null(strstr(output->err, "may not"));
	output = RUN(w, "nobody-token-0123456789abcdef", "expect", "host=web-*", "--because", "x");
	wants(output, 1);
	assert_non_null(strstr(output->err, "does not know the token"));
	output = RUN(w, "", "expect", "host=web-*", "--because", "x");
	wants(output, 1);
	assert_non_null(strstr(output->err, "HEADSUP_TOKEN is not set"));
}

/* ---- a network that loses things ----------------------------------------------------------------------------- */

/* Passes connections on to headsup; of the first, the answer is lost. */
static void gate_serve(int listener, const struct sockaddr_in *headsup)
{
	for (int number = 1;; number++) {
		int in = accept(listener, NULL, NULL), out = socket(AF_INET, SOCK_STREAM, 0);
		struct pollfd ready[2] = {
		    {.fd = in, .events = POLLIN}, {.fd = out, .events = POLLIN}};
		char part[65536];

		if (in < 0 || connect(out, (const struct sockaddr *)headsup, sizeof(*headsup)) != 0)
			_exit(1);
		for (bool goes_on = true; goes_on && poll(ready, 2, -1) > 0;) {
			for (int i = 0; i < 2 && goes_on; i++) {
				ssize_t len = ready[i].revents != 0
						  ? read(ready[i].fd, part, sizeof(part))
						  : 1;

				if (ready[i].revents == 0)
					continue;
				goes_on = len > 0 && !(number == 1 && i == 1) &&
					  write(ready[1 - i].fd, part, (size_t)len) == len;
			}
		}
		close(in);
		close(out);
	}
}

/* In place of headsup's address until gate_close(). */
static pid_t gate_open(struct world *w, char **kept_url)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
			       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
			   there = here;
	socklen_t len = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t gate, parent = getpid();

	there.sin_port = htons((uint16_t)strtol(strrchr(w->url, ':') + 1, NULL, 10));
	assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &len), 0);
	gate = fork();
	if (gate == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			gate_serve(listener, &there);
		_exit(1);
	}
	close(listener);
	*kept_url = w->url;
	w->url = xasprintf("http://127.0.0.1:%d", ntohs(here.sin_port));
	return gate;
}

static void gate_close(struct world *w, pid_t gate, char *kept_url)
{
	kill(gate, SIGKILL);
	waitpid(gate, NULL, 0);
	free(w->url);
	w->url = kept_url;
}

static void expect__whose_answer_is_lost__is_asked_again_and_announced_once(void **state)
{
	struct world *w = *state;
	char *kept_url;
	pid_t gate = gate_open(w, &kept_url);
	struct world_output *output =
	    RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "deploy");

	gate_close(w, gate, kept_url);
	wants(output, 0);
	assert_string_equal(output->out, "H1\n");
	assert_int_equal(
	    world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->status, 404);
}

static void expect__with_a_key_used_before__gives_the_same_announcement(void **state)
{
	struct world *w = *state;

	wants(RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "x", "--key", "job-7"), 0);
	assert_string_equal(
	    RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "x", "--key", "job-7")->out,
	    "H1\n");
	assert_string_equal(
	    RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "x", "--key", "job-8")->out,
	    "H2\n");
	wants(RUN(w, WORLD_CI, "end", "H1"), 0);
	wants(RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "x", "--key", "job-7"), 1);
}

static void server__out_of_reach__exits_1(void **state)
{
	struct world *w = *state;
	char *kept_url = w->url;
	struct world_output *output;

	w->url = xstrdup("http://127.0.0.1:1");
	output = RUN(w, WORLD_CI, "expect", "host=web-*", "--because", "deploy");
	wants(output, 1);
	assert_non_null(strstr(output->err, "cannot be reached"));
	wants(RUN(w, NULL, "list", "--json"), 1);
	free(w->url);
	w->url = kept_url;
}

static void address__that_would_give_the_token_away__is_refused(void **state)
{
	static const char *const cases[] = {"http://headsup.example.com",
	    "https://u:secret-word@127.0.0.1", "http://127.0.0.1/?token=secret-word",
	    "https://127.0.0.1/#secret-word", "ftp://127.0.0.1", "file:///etc/passwd",
	    "127.0.0.1:8080", "nonsense", "http://localhost.evil.example"};
	struct world *w = *state;
	char *kept_url = w->url;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_output *output;

		w->url = xstrdup(cases[i]);
		output = RUN(w, WORLD_CI, "list");
		if (output->status != 2 || strstr(output->err, "secret-word") != NULL ||
		    strstr(output->err, "HEADSUP_URL") == NULL)
			fail_msg("%s: exit %d %s", cases[i], output->status, output->err);
		free(w->url);
	}
	w->url = kept_url;
}

static void tls__with_a_ca_of_our_own__is_checked(void **state)
{
	struct world *w = world_start(&(struct world_options){.tls = true});
	char *ca = w->ca;
	struct world_output *output;

	(void)state;
	wants(RUN(w, NULL, "list"), 0);
	w->ca = NULL; /* not in the environment any more */
	output = RUN(w, NULL, "list");
	wants(output, 1);
	assert_non_null(strstr(output->err, "cannot be reached"));
	wants(RUN(w, NULL, "list", "--ca-file", ca), 0);
	output = RUN(w, NULL, "list", "--ca-file", "/nowhere");
	wants(output, 1);
	assert_non_null(strstr(output->err, "/nowhere"));
	w->ca = ca;
	world_stop(w);
}

/* ---- alerts ---------------------------------------------------------------------------------------------------- */

static void alerts__acted_on_from_a_shell__are_what_slack_shows(void **state)
{
	struct world *w = *state;
	struct world_output *output;

	world_write(w, "two.json",
	    "[{\"title\":\"first\",\"host\":\"web-1\",\"severity\":\"high\"},{\"title\":\"second\","
	    "\"host\":\"web-2\",\"severity\":\"low\"}]");
	output = RUN(w, NULL, "send", world_path(w, "two.json"));
	wants(output, 0);
	assert_string_equal(output->out, "A1  open\nA2  open\n");
	wants(RUN(w, NULL, "ack", "A1", "looking", "into", "it"), 0);
	assert_string_equal(world_status(w, "A1"), "acked");
	wants(RUN(w, NULL, "ack", "A1"), 1);
	wants(RUN(w, NULL, "note", "A1", "it", "was me"), 0);
	wants(RUN(w, NULL, "resolve", "A1", "A2", "--because", "planned"), 0);
	assert_string_equal(world_status(w, "A2"), "resolved");
	wants(RUN(w, NULL, "ack", "A99"), 1);
	wants(RUN(w, WORLD_CI, "ack", "A1"), 1);

	output = RUN(w, NULL, "show", "a1");
	wants(output, 0);
	assert_non_null(strstr(output->out, "web-1"));
	assert_non_null(strstr(output->out, "it was me"));
	assert_non_null(strstr(output->out, "looking into it"));
	output = RUN(w, NULL, "alerts", "host=web-1", "--since", "1h");
	assert_non_null(strstr(output->out, "first"));
	assert_null(strstr(output->out, "second"));
	output = RUN(w, NULL, "alerts", "--status", "open");
	assert_string_equal(output->out, "");
	world_until(w, world_find(w, "#security-alerts", "first") != NULL);
}

static void lists__longer_than_a_page__are_followed_up_to_the_limit(void **state)
{
	struct world *w = *state;
	struct world_output *output;
	char *body = xcalloc(200, 64);
	size_t len = 0;
	cJSON *json;

	body[len++] = '[';
	for (int i = 0; i < 120; i++)
		len += (size_t)snprintf(body + len, 200 * 64 - len,
		    "%s{\"title\":\"t\",\"host\":\"web-%d\"}", i > 0 ? "," : "", i);
	snprintf(body + len, 200 * 64 - len, "]");
	world_write(w, "many.json", body);
	free(body);
	wants(RUN(w, NULL, "send", world_path(w, "many.json")), 0);

	output = RUN(w, NULL, "alerts", "--json");
	json = json_of(w, output);
	assert_int_equal(cJSON_GetArraySize(json_get(json, "alerts")), 100);
	assert_non_null(json_text(json, "next_cursor"));
	cJSON_Delete(json);
	output = RUN(w, NULL, "alerts", "--json", "--limit", "1000");
	json = json_of(w, output);
	assert_int_equal(cJSON_GetArraySize(json_get(json, "alerts")), 120);
	assert_null(json_text(json, "next_cursor"));
	cJSON_Delete(json);
	output = RUN(w, NULL, "alerts", "--limit", "3");
	assert_string_equal(strstr(output->err, "there are more") != NULL ? "" : output->err, "");
}

static void line__of_a_hostile_alert__does_nothing_to_the_terminal(void **state)
{
	struct world *w = *state;
	struct world_output *output;

	world_send_one(w, NULL,
	    "{\"title\":\"a\\u001b]0;owned\\u0007\\u202eb\\nA99  "
	    "resolved\",\"host\":\"web\\u009b31m\"}");
	for (int i = 0; i < 2; i++) {
		output = i == 0 ? RUN(w, NULL, "alerts") : RUN(w, NULL, "show", "A1");
		wants(output, 0);
		assert_null(strchr(output->out, '\033'));
		assert_null(strchr(output->out, '\007'));
		assert_null(strstr(output->out, "\xe2\x80\xae"));
		assert_null(strstr(output->out, "\xc2\x9b"));
		assert_null(strstr(output->out, "\nA99"));
	}
}

static void send__of_what_is_no_alert__fails_and_says_which(void **state)
{
	struct world *w = *state;
	struct world_output *output;

	world_write(w, "mixed.json", "[{\"title\":\"good\"},{\"host\":\"web-1\"}]");
	output = RUN(w, NULL, "send", world_path(w, "mixed.json"));
	wants(output, 1);
	assert_string_equal(output->out, "A1  open\n");
	assert_non_null(strstr(output->err, "item 1"));
	world_write(w, "bad.json", "{");
	wants(RUN(w, NULL, "send", world_path(w, "bad.json")), 2);
	wants(RUN(w, NULL, "send", world_path(w, "none.json")), 1);
	output = RUN(w, NULL, "send", "tests/data/alerts/falco/terminal-shell-in-container.json",
	    "--source", "falco");
	wants(output, 0);
	wants(RUN(w, NULL, "send", world_path(w, "mixed.json"), "--source", "../announcements"), 2);
	wants(RUN(w, NULL, "send", world_path(w, "mixed.json"), "--source", "nobody"), 1);
}

/* ---- a test alert ------------------------------------------------------------------------------------------------ */

static void test_alert__through_a_route__is_taken_by_it_and_marked(void **state)
{
	struct world *w = *state;
	struct world_output *output = RUN(w, NULL, "send", "--test", "payments-sec");

	wants(output, 0);
	assert_string_equal(output->out, "A1  open  payments-sec\n");
	world_until(w, world_find(w, "#payments-sec", "TEST: a test alert, sent by ops") != NULL);
	assert_string_equal(json_text(json_get(world_alert(w, "A1"), "labels"), "test"), "true");
	assert_null(world_incident(w, "headsup-A1"));

	output = RUN(w, NULL, "send", "--test", "payments-sec", "severity=high", "title=page me");
	wants(output, 0);
	assert_string_equal(output->out, "A2  open  payments-sec  pages\n");
	world_until(w, world_find(w, "#payments-sec", "TEST: page me") != NULL);
	world_until(w, world_incident(w, "headsup-A2") != NULL);

	output = RUN(w, NULL, "send", "--test");
	assert_string_equal(output->out, "A3  open  security-alerts\n");
	output = RUN(w, NULL, "send", "--test", "security-urgent");
	assert_string_equal(output->out, "A4  open  security-urgent  pages\n");
}

static void test_alert__that_cannot_come_to_the_route__is_refused_with_why(void **state)
{
	struct world *w = world_start(&(struct world_options){
	    .routes = "  - {match: [\"severity=critical\"], channel: \"#security-urgent\"}\n"
		      "  - {match: [\"host~db-[0-9]+\", \"severity!=info\"], channel: "
		      "\"#payments-sec\"}\n"
		      "  - {channel: \"#security-alerts\"}\n"});
	struct world_output *output = RUN(w, NULL, "send", "--test", "payments-sec");

	(void)state;
	wants(output, 1);
	assert_non_null(strstr(output->err, "host"));
	wants(RUN(w, NULL, "send", "--test", "payments-sec", "host=db-1"), 1);
	wants(RUN(w, NULL, "send", "--test", "payments-sec", "host=db-1", "severity=low"), 0);
	output = RUN(w, NULL, "send", "--test", "#payments-sec", "host=db-1", "severity=critical");
	wants(output, 1);
	assert_non_null(strstr(output->err, "security-urgent"));
	wants(RUN(w, NULL, "send", "--test", "nowhere"), 1);
	wants(RUN(w, NULL, "send", "--test", "payments-sec", "host=db-*"), 2);
	wants(RUN(w, NULL, "send", "--test", "payments-sec", "host~db"), 2);
	wants(RUN(w, WORLD_CI, "send", "--test"), 1);
	world_stop(w);
}

/* ---- the outbox --------------------------------------------------------------------------------------------------- */

static void outbox__with_a_stuck_word__is_listed_and_dropped(void **state)
{
	struct world *w =
	    world_start(&(struct world_options){.routes = "  - {channel: \"#no-such-channel\"}\n"});
	struct world_output *output;
	char *id;

	(void)state;
	world_send_one(w, NULL, "{\"title\":\"t\"}");
	world_until(w, RUN(w, NULL, "outbox")->out[0] != '\0');
	output = RUN(w, NULL, "outbox");
	wants(output, 0);
	assert_non_null(strstr(output->out, "A1"));
	id = xstrndup(output->out, strcspn(output->out, " "));
	wants(RUN(w, NULL, "outbox", "retry", id), 0);
	world_until(w, strstr(RUN(w, NULL, "outbox")->out, "A1") != NULL);
	wants(RUN(w, NULL, "outbox", "drop", id), 0);
	wants(RUN(w, NULL, "outbox", "drop", id), 1);
	wants(RUN(w, WORLD_CI, "outbox"), 1);
	free(id);
	world_stop(w);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(expect__from_a_pipeline__prints_the_id_and_covers),
	    T(expect__in_any_order_and_later__is_scheduled_and_can_be_cancelled),
	    T(expect__that_policy_refuses__exits_3),
	    T(expect__that_needs_approval__exits_4),
	    T(expect__mistyped__exits_2_and_says_what),
	    T(expect__dry__announces_nothing),
	    T(expect__by_who_may_not__exits_1),
	    T(expect__whose_answer_is_lost__is_asked_again_and_announced_once),
	    T(expect__with_a_key_used_before__gives_the_same_announcement),
	    T(server__out_of_reach__exits_1),
	    T(address__that_would_give_the_token_away__is_refused),
	    cmocka_unit_test(tls__with_a_ca_of_our_own__is_checked),
	    T(alerts__acted_on_from_a_shell__are_what_slack_shows),
	    T(lists__longer_than_a_page__are_followed_up_to_the_limit),
	    T(line__of_a_hostile_alert__does_nothing_to_the_terminal),
	    T(send__of_what_is_no_alert__fails_and_says_which),
	    T(test_alert__through_a_route__is_taken_by_it_and_marked),
	    cmocka_unit_test(test_alert__that_cannot_come_to_the_route__is_refused_with_why),
	    cmocka_unit_test(outbox__with_a_stuck_word__is_listed_and_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
