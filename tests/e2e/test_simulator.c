/* The simulator keeps Slack's and PagerDuty's promises: what other tests lean on is tried here
 * without headsup. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define GET(object, name) cJSON_GetObjectItemCaseSensitive(object, name)
#define TEXT(object, name) cJSON_GetStringValue(GET(object, name))

/* ---- a WebSocket client of few words --------------------------------------------------------- */

struct ws {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	struct buf in; /* read, not yet taken */
	int close_code;
};

static ssize_t ws_read(struct ws *ws, void *into, size_t len)
{
	return ws->ssl != NULL ? SSL_read(ws->ssl, into, (int)len) : read(ws->fd, into, len);
}

static bool ws_write(struct ws *ws, const void *from, size_t len)
{
	return ws->ssl != NULL ? SSL_write(ws->ssl, from, (int)len) == (int)len
			       : write(ws->fd, from, len) == (ssize_t)len;
}

/* Reads more; false at the end, or when nothing comes for MS. */
static bool ws_more(struct ws *ws, int ms)
{
	struct pollfd ready = {.fd = ws->fd, .events = POLLIN};
	char part[65536];
	ssize_t got;

	if ((ws->ssl == NULL || SSL_pending(ws->ssl) == 0) && poll(&ready, 1, ms) <= 0)
		return false;
	got = ws_read(ws, part, sizeof(part));
	if (got <= 0)
		return false;
	buf_put(&ws->in, part, (size_t)got);
	return true;
}

static void ws_take(struct ws *ws, size_t len)
{
	memmove(ws->in.data, ws->in.data + len, ws->in.len - len + 1);
	ws->in.len -= len;
}

static void ws_close(struct ws *ws)
{
	if (ws == NULL)
		return;
	if (ws->ssl != NULL)
		SSL_free(ws->ssl);
	if (ws->context != NULL)
		SSL_CTX_free(ws->context);
	if (ws->fd >= 0)
		close(ws->fd);
	buf_fini(&ws->in);
	free(ws);
}

/* Connects to URL; NULL when the upgrade is refused. */
static struct ws *ws_open(struct world *w, const char *url)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *port = strrchr(url, ':'), *path = strchr(port, '/');
	char *request;

	buf_init(&ws->in, 64u << 20);
	address.sin_port = htons((uint16_t)strtol(port + 1, NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ws->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (strncmp(url, "wss:", 4) == 0) {
		ws->context = SSL_CTX_new(TLS_client_method());
		assert_int_equal(SSL_CTX_load_verify_locations(ws->context, w->ca, NULL), 1);
		SSL_CTX_set_verify(ws->context, SSL_VERIFY_PEER, NULL);
		ws->ssl = SSL_new(ws->context);
		SSL_set_fd(ws->ssl, ws->fd);
		assert_int_equal(SSL_connect(ws->ssl), 1);
	}
	request = xasprintf(
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	    path);
	assert_true(ws_write(ws, request, strlen(request)));
	free(request);
	while (strstr(buf_text(&ws->in), "\r\n\r\n") == NULL) {
		if (!ws_more(ws, WORLD_PATIENCE_MS))
			break;
	}
	if (strncmp(buf_text(&ws->in), "HTTP/1.1 101", 12) != 0) {
		ws_close(ws);
		return NULL;
	}
	ws_take(ws, (size_t)(strstr(ws->in.data, "\r\n\r\n") + 4 - ws->in.data));
	return ws;
}

static void ws_send(struct ws *ws, int opcode, const char *text)
{
	size_t len = strlen(text), head = len < 126 ? 6 : 8, i;
	unsigned char *frame = xcalloc(1, len + head);
	static const unsigned char mask[4] = {1, 2, 3, 4};

	assert_true(len < 65536);
	frame[0] = (unsigned char)(0x80 | opcode);
	frame[1] = (unsigned char)(0x80 | (len < 126 ? len : 126));
	if (len >= 126) {
		frame[2] = (unsigned char)(len >> 8);
		frame[3] = (unsigned char)len;
	}
	memcpy(frame + head - 4, mask, 4);
	for (i = 0; i < len; i++)
		frame[head + i] = (unsigned char)text[i] ^ mask[i % 4];
	assert_true(ws_write(ws, frame, len + head));
	free(frame);
}

/* One frame: its opcode, -1 when none comes within MS. Its text is appended to OUT. */
static int ws_frame(struct ws *ws, struct buf *out, bool *is_final, int ms)
{
	for (;;) {
		const unsigned char *at = (const unsigned char *)ws->in.data;
		size_t head = 2, len;
		int opcode;

		if (ws->in.len >= 10 || (ws->in.len >= 2 && (at[1] & 127) < 126) ||
		    (ws->in.len >= 4 && (at[1] & 127) == 126)) {
			len = at[1] & 127;
			if (len == 126) {
				len = (size_t)at[2] << 8 | at[3];
				head = 4;
			} else if (len == 127) {
				len = (size_t)at[6] << 24 | (size_t)at[7] << 16 |
				      (size_t)at[8] << 8 | at[9];
				head = 10;
			}
			if (ws->in.len >= head + len) {
				opcode = at[0] & 15;
				*is_final = (at[0] & 128) != 0;
				buf_put(out, ws->in.data + head, len);
				if (opcode == 8)
					ws->close_code =
					    len >= 2 ? at[head] << 8 | at[head + 1] : 0;
				ws_take(ws, head + len);
				return opcode;
			}
		}
		if (!ws_more(ws, ms))
			return -1;
	}
}

/* The next text message as JSON, pings answered and passed over; NULL at the end or when none
 * comes. The caller frees. */
static cJSON *ws_json(struct ws *ws, int ms)
{
	struct buf text;
	bool is_final = false;
	cJSON *json = NULL;
	int opcode;

	buf_init(&text, 64u << 20);
	for (;;) {
		struct buf one;

		buf_init(&one, 64u << 20);
		opcode = ws_frame(ws, &one, &is_final, ms);
		if (opcode < 0 || opcode == 8) {
			buf_fini(&one);
			break;
		}
		if (opcode == 9)
			ws_send(ws, 10, buf_text(&one));
		else if (opcode != 10)
			buf_put(&text, buf_text(&one), one.len);
		buf_fini(&one);
		if (opcode <= 1 && is_final) {
			json = cJSON_ParseWithLength(buf_text(&text), text.len);
			break;
		}
	}
	buf_fini(&text);
	return json;
}

/* Reads to the end; false when it does not come. */
static bool ws_ends(struct ws *ws)
{
	int64_t end = world_ms() + WORLD_PATIENCE_MS;
	struct pollfd ready = {.fd = ws->fd, .events = POLLIN};

	while (world_ms() < end) {
		cJSON *json = ws_json(ws, 100);
		char byte;

		if (json == NULL && poll(&ready, 1, 100) > 0 &&
		    recv(ws->fd, &byte, 1, MSG_PEEK) <= 0)
			return true;
		cJSON_Delete(json);
		if (json == NULL && ws->close_code != 0)
			return true;
	}
	return false;
}

static void ws_ack(struct ws *ws, const cJSON *envelope, const char *payload)
{
	char *text = payload != NULL
			 ? xasprintf("{\"envelope_id\":\"%s\",\"payload\":%s}",
			       TEXT(envelope, "envelope_id"), payload)
			 : xasprintf("{\"envelope_id\":\"%s\"}", TEXT(envelope, "envelope_id"));

	ws_send(ws, 1, text);
	free(text);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static struct world_answer *call_as(
    struct world *w, const char *token, const char *type, const char *method, const char *body)
{
	char *url = xasprintf("%s%s", w->api, method),
	     *header = xasprintf("Content-Type:%s%s", *type != '\0' ? " " : "", type);
	const char *headers[] = {header, NULL};
	struct world_answer *answer = world_http(w, "POST", url, token, body, headers);

	free(url);
	free(header);
	return answer;
}

static cJSON *api(struct world *w, const char *method, const char *json)
{
	struct world_answer *answer =
	    call_as(w, WORLD_BOT_TOKEN, "application/json; charset=utf-8", method, json);

	assert_non_null(answer->json);
	return answer->json;
}

static cJSON *form(struct world *w, const char *method, const char *body)
{
	return call_as(w, WORLD_BOT_TOKEN, "application/x-www-form-urlencoded", method, body)->json;
}

static bool is_ok(const cJSON *answer)
{
	return cJSON_IsTrue(GET(answer, "ok"));
}

static void assert_error(const cJSON *answer, const char *error)
{
	assert_non_null(TEXT(answer, "error"));
	assert_string_equal(TEXT(answer, "error"), error);
	assert_false(is_ok(answer));
}

static const char *post(struct world *w, const char *json)
{
	cJSON *answer = api(w, "chat.postMessage", json);

	if (!is_ok(answer))
		print_error("%s\n", cJSON_PrintUnformatted(answer));
	assert_true(is_ok(answer));
	return TEXT(answer, "ts");
}

/*
 * A control call that is answered only after we have acknowledged: written now, read later, on a
 * connection of its own.
 */
static int begin(struct world *w, const char *what, const char *body)
{
	const char *port = strrchr(w->pagerduty, ':') + 1;
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *request = xasprintf("POST /sim/%s HTTP/1.1\r\nHost: x\r\nConnection: "
				  "close\r\nContent-Length: %zu\r\n\r\n%s",
	    what, strlen(body), body);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	free(request);
	return fd;
}

static cJSON *finish(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	struct buf text;
	char part[4096];
	const char *at;
	cJSON *json;

	buf_init(&text, 1 << 20);
	while (poll(&ready, 1, WORLD_PATIENCE_MS) > 0) {
		ssize_t got = read(fd, part, sizeof(part));

		if (got <= 0)
			break;
		buf_put(&text, part, (size_t)got);
	}
	close(fd);
	at = strstr(buf_text(&text), "\r\n\r\n");
	json = at != NULL ? cJSON_Parse(at + 4) : NULL;
	buf_fini(&text);
	assert_non_null(json);
	return json;
}

static const char *socket_url(struct world *w)
{
	struct world_answer *answer = call_as(w, WORLD_APP_TOKEN, "", "apps.connections.open", "");

	assert_true(is_ok(answer->json));
	return TEXT(answer->json, "url");
}

static struct ws *connected(struct world *w)
{
	struct ws *ws = ws_open(w, socket_url(w));
	cJSON *hello;

	assert_non_null(ws);
	hello = ws_json(ws, WORLD_PATIENCE_MS);
	assert_string_equal(TEXT(hello, "type"), "hello");
	cJSON_Delete(hello);
	return ws;
}

static const cJSON *event_of(const cJSON *envelope)
{
	return GET(GET(envelope, "payload"), "event");
}

static cJSON *sim_get(struct world *w, const char *what)
{
	return world_sim(w, what, NULL);
}

/* ---- tokens and bodies ----------------------------------------------------------------------- */

static void token__of_the_wrong_kind__is_refused(void **state)
{
	static const struct {
		const char *method, *token, *error;
	} cases[] = {
	    {"auth.test", NULL, "not_authed"},
	    {"auth.test", "xoxb-wrong", "invalid_auth"},
	    {"auth.test", WORLD_APP_TOKEN, "not_allowed_token_type"},
	    {"apps.connections.open", WORLD_BOT_TOKEN, "not_allowed_token_type"},
	    {"apps.connections.open", "xapp-wrong", "invalid_auth"},
	    {"no.such.method", WORLD_BOT_TOKEN, "unknown_method"},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_answer *answer = call_as(w, cases[i].token, "", cases[i].method, "");

		assert_int_equal(answer->status, 200);
		assert_error(answer->json, cases[i].error);
	}
}

static void auth_test__with_the_bot_token__says_who_we_are(void **state)
{
	struct world *w = *state;
	cJSON *by_header = api(w, "auth.test", ""),
	      *by_form = call_as(w, NULL, "application/x-www-form-urlencoded", "auth.test",
		  "token=" WORLD_BOT_TOKEN)
			     ->json;

	assert_string_equal(TEXT(by_header, "user_id"), "U0BOT");
	assert_string_equal(TEXT(by_header, "bot_id"), "B0BOT");
	assert_string_equal(TEXT(by_form, "team_id"), "T0SIM");
}

static void body__of_each_kind__is_read_or_refused(void **state)
{
	static const struct {
		const char *type, *body, *error, *warning;
	} cases[] = {
	    {"application/json; charset=utf-8", "{\"channel\":\"C0ALERTS\",\"text\":\"x\"}", NULL,
		NULL},
	    {"application/json", "{\"channel\":\"C0ALERTS\",\"text\":\"x\"}", NULL,
		"missing_charset"},
	    {"application/x-www-form-urlencoded", "channel=%23security-alerts&text=a+b%26c", NULL,
		NULL},
	    {"application/x-www-form-urlencoded; charset=utf-8", "channel=C0ALERTS&text=x", NULL,
		"superfluous_charset"},
	    {"multipart/form-data; boundary=B",
		"--B\r\nContent-Disposition: form-data; name=\"channel\"\r\n\r\nC0ALERTS\r\n"
		"--B\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nx\r\n--B--\r\n",
		NULL, NULL},
	    {"application/json; charset=utf-8", "{\"channel\":\"C0ALERTS\",\"text\":\"x\"",
		"invalid_json", NULL},
	    {"application/json; charset=utf-8", "{\"channel\":\"C0ALERTS\",\"text\":\"\xff\"}",
		"invalid_json", NULL},
	    {"application/json; charset=utf-8", "[]", "invalid_json", NULL},
	    {"text/plain", "channel=C0ALERTS&text=x", "invalid_post_type", NULL},
	    {"", "channel=C0ALERTS&text=x", "missing_post_type", NULL},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *answer =
		    call_as(w, WORLD_BOT_TOKEN, cases[i].type, "chat.postMessage", cases[i].body)
			->json;

		if (cases[i].error != NULL) {
			assert_error(answer, cases[i].error);
			continue;
		}
		assert_true(is_ok(answer));
		if (cases[i].warning != NULL)
			assert_string_equal(TEXT(answer, "warning"), cases[i].warning);
		else
			assert_null(GET(answer, "warning"));
	}
	assert_non_null(world_find(w, "C0ALERTS", "a b&c"));
}

static void reading_method__asked_in_json__does_not_see_the_arguments(void **state)
{
	struct world *w = *state;

	assert_error(api(w, "users.info", "{\"user\":\"U0ALICE\"}"), "invalid_arguments");
	assert_string_equal(
	    TEXT(GET(form(w, "users.info", "user=U0ALICE"), "user"), "tz"), "Europe/Paris");
}

static void people__asked_for__are_told(void **state)
{
	struct world *w = *state;

	assert_error(form(w, "users.info", "user=U0NOBODY"), "user_not_found");
	assert_error(form(w, "users.lookupByEmail", "email=x@example.com"), "users_not_found");
	assert_string_equal(
	    TEXT(GET(form(w, "users.lookupByEmail", "email=bob@example.com"), "user"), "id"),
	    "U0BOB");
	assert_int_equal(cJSON_GetArraySize(
			     GET(form(w, "usergroups.users.list", "usergroup=S0ONCALL"), "users")),
	    2);
	assert_string_equal(
	    TEXT(GET(api(w, "conversations.open", "{\"users\":\"U0ALICE\"}"), "channel"), "id"),
	    "D0ALICE");
	assert_true(cJSON_GetArraySize(
			GET(form(w, "conversations.members", "channel=C0URGENT"), "members")) >= 4);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void channel__that_cannot_be_posted_to__is_refused(void **state)
{
	static const struct {
		const char *make, *channel, *error;
	} cases[] = {
	    {NULL, "#nowhere", "channel_not_found"},
	    {NULL, "C0NOWHERE", "channel_not_found"},
	    {"{\"name\":\"outside\",\"member\":false}", "#outside", "not_in_channel"},
	    {"{\"name\":\"secret\",\"member\":false,\"private\":true}", "#secret",
		"channel_not_found"},
	    {"{\"name\":\"old\",\"archived\":true}", "#old", "is_archived"},
	    {"{\"name\":\"fresh\"}", "#fresh", NULL},
	};
	struct world *w = *state;
	char body[128];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *answer;

		if (cases[i].make != NULL)
			world_sim(w, "channel", cases[i].make);
		snprintf(
		    body, sizeof(body), "{\"channel\":\"%s\",\"text\":\"x\"}", cases[i].channel);
		answer = api(w, "chat.postMessage", body);
		if (cases[i].error != NULL)
			assert_error(answer, cases[i].error);
		else
			assert_true(is_ok(answer));
	}
}

static void channel__joined__can_be_posted_to(void **state)
{
	struct world *w = *state;
	const char *id =
	    TEXT(world_sim(w, "channel", "{\"name\":\"joinable\",\"member\":false}"), "id");
	char body[96];

	snprintf(body, sizeof(body), "{\"channel\":\"%s\"}", id);
	assert_true(is_ok(api(w, "conversations.join", body)));
	assert_true(
	    is_ok(api(w, "chat.postMessage", "{\"channel\":\"#joinable\",\"text\":\"x\"}")));
}

static void ts__of_many_posts__are_unique_and_rising(void **state)
{
	struct world *w = *state;
	const cJSON *message;
	const char *last = "";
	int i;

	for (i = 0; i < 100; i++)
		post(w, "{\"channel\":\"C0ALERTS\",\"text\":\"x\"}");

	cJSON_ArrayForEach(message, world_messages(w, "C0ALERTS"))
	{
		assert_true(strcmp(world_ts(message), last) > 0);
		assert_int_equal(strlen(world_ts(message)), 17);
		last = world_ts(message);
	}
}

static void content__that_slack_refuses__is_refused_with_a_pointer(void **state)
{
	static const struct {
		const char *blocks, *error, *message;
	} cases[] = {
	    {"[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"\"}}]",
		"invalid_blocks",
		"must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
	    {"[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\",\"emoji\":true}}"
	     "]",
		"invalid_blocks",
		"invalid additional property: emoji [json-pointer:/blocks/0/text]"},
	    {"[{\"type\":\"section\",\"text\":{\"type\":\"plain_text\",\"text\":\"x\",\"verbatim\":"
	     "true}}]",
		"invalid_blocks",
		"invalid additional property: verbatim [json-pointer:/blocks/0/text]"},
	    {"[{\"type\":\"section\"}]", "invalid_blocks",
		"missing required field: text [json-pointer:/blocks/0]"},
	    {"[{\"type\":\"section\",\"colour\":1,\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]",
		"invalid_blocks", "invalid additional property: colour [json-pointer:/blocks/0]"},
	    {"[{\"type\":\"header\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]",
		"invalid_blocks", "must be a valid enum value [json-pointer:/blocks/0/text/type]"},
	    {"[{\"type\":\"unheard\"}]", "invalid_blocks",
		"unsupported type: unheard [json-pointer:/blocks/0]"},
	    {"[{\"type\":\"actions\",\"elements\":[]}]", "invalid_blocks",
		"no less than 1 items allowed [json-pointer:/blocks/0/elements]"},
	    {"[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"style\":\"loud\","
	     "\"text\":{\"type\":\"plain_text\",\"text\":\"x\"}}]}]",
		"invalid_blocks",
		"must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"},
	    {"[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"action_id\":\"a\","
	     "\"text\":{\"type\":\"plain_text\",\"text\":\"x\"}},"
	     "{\"type\":\"button\",\"action_id\":\"a\",\"text\":{\"type\":\"plain_text\",\"text\":"
	     "\"y\"}}]}]",
		"invalid_blocks",
		"action_id `a` already exists for block [json-pointer:/blocks/0]"},
	    {"[{\"type\":\"divider\",\"block_id\":\"b\"},{\"type\":\"divider\",\"block_id\":\"b\"}"
	     "]",
		"invalid_blocks", "block_id `b` already exists [json-pointer:/blocks/1]"},
	    {"[{\"type\":\"context\",\"elements\":[{\"type\":\"button\"}]}]", "invalid_blocks",
		"must be a valid enum value [json-pointer:/blocks/0/elements/0/type]"},
	    {"[{\"type\":\"image\",\"image_url\":\"ftp://x/y\",\"alt_text\":\"x\"}]",
		"invalid_blocks", "must be a valid URL [json-pointer:/blocks/0/image_url]"},
	    {"\"[nonsense\"", "invalid_blocks_format", NULL},
	    {"{}", "invalid_blocks_format", NULL},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *body = xasprintf(
		    "{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":%s}", cases[i].blocks);
		cJSON *answer = api(w, "chat.postMessage", body);

		free(body);
		assert_error(answer, cases[i].error);
		if (cases[i].message != NULL)
			assert_string_equal(
			    cJSON_GetStringValue(cJSON_GetArrayItem(GET(answer, "errors"), 0)),
			    cases[i].message);
	}
	assert_int_equal(cJSON_GetArraySize(world_messages(w, "C0ALERTS")), 0);
}

/* COUNT times UNIT, between HEAD and TAIL; the world frees it. */
static char *repeated(const char *head, const char *unit, size_t count, const char *tail)
{
	struct buf text;
	size_t i;

	buf_init(&text, 8u << 20);
	buf_puts(&text, head);
	for (i = 0; i < count; i++)
		buf_puts(&text, unit);
	buf_puts(&text, tail);
	return buf_take(&text);
}

static void content__at_a_limit__is_taken_and_one_more_is_refused(void **state)
{
#define SECTION_HEAD                                                                            \
	"{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":[{\"type\":\"section\",\"text\":{" \
	"\"type\":\"mrkdwn\",\"text\":\""
#define DIVIDERS_HEAD "{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":[{\"type\":\"divider\"}"
#define FIELDS_HEAD                                                                                \
	"{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":[{\"type\":\"section\",\"fields\":[{" \
	"\"type\":\"mrkdwn\",\"text\":\"x\"}"
#define LABEL_HEAD                                                                                 \
	"{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":[{\"type\":\"actions\",\"elements\":" \
	"[{\"type\":\"button\",\"text\":{\"type\":"                                                \
	"\"plain_text\",\"text\":\""
	static const struct {
		const char *head, *unit, *tail, *error;
		size_t most;
	} cases[] = {
	    {SECTION_HEAD, "x", "\"}}]}", "invalid_blocks", 3000},
	    {SECTION_HEAD, "\xf0\x9f\x94\xb4", "\"}}]}", "invalid_blocks",
		1500}, /* two UTF-16 units each */
	    {DIVIDERS_HEAD, ",{\"type\":\"divider\"}", "]}", "invalid_blocks", 49},
	    {FIELDS_HEAD, ",{\"type\":\"mrkdwn\",\"text\":\"x\"}", "]}]}", "invalid_blocks", 9},
	    {LABEL_HEAD, "x", "\"}}]}]}", "invalid_blocks", 75},
	    {"{\"channel\":\"C0ALERTS\",\"text\":\"", "x", "\"}", "msg_too_long", 40000},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *fits = repeated(cases[i].head, cases[i].unit, cases[i].most, cases[i].tail);
		char *over =
		    repeated(cases[i].head, cases[i].unit, cases[i].most + 1, cases[i].tail);

		assert_true(is_ok(api(w, "chat.postMessage", fits)));
		assert_error(api(w, "chat.postMessage", over), cases[i].error);
		free(fits);
		free(over);
	}
	{
		char *much = repeated(
		    "{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"blocks\":[{\"type\":\"divider\"}",
		    ",{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":"
		    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}",
		    45, "]}");

		assert_error(api(w, "chat.postMessage", much), "msg_blocks_too_long");
		free(much);
	}
}

static void message__without_content__is_refused(void **state)
{
	struct world *w = *state;

	assert_error(api(w, "chat.postMessage", "{\"channel\":\"C0ALERTS\"}"), "no_text");
	assert_error(
	    api(w, "chat.postMessage", "{\"channel\":\"C0ALERTS\",\"text\":\"\",\"blocks\":[]}"),
	    "no_text");
	assert_error(
	    api(w, "chat.postMessage",
		"{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"metadata\":{\"event_type\":\"a b\"}}"),
	    "invalid_metadata_format");
	assert_error(api(w, "chat.postMessage",
			 "{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"thread_ts\":\"1.000001\"}"),
	    "cannot_reply_to_message");
	assert_error(
	    api(w, "chat.postMessage",
		"{\"channel\":\"C0ALERTS\",\"text\":\"x\",\"thread_ts\":1700000000.000001}"),
	    "invalid_arguments");
}

static void update__leaves_and_takes_what_slack_does(void **state)
{
	struct world *w = *state;
	const char *ts = post(w,
	    "{\"channel\":\"C0ALERTS\",\"text\":\"old\",\"blocks\":[{\"type\":\"divider\"}],"
	    "\"attachments\":[{\"color\":\"good\",\"blocks\":[{\"type\":\"divider\"}]}],"
	    "\"metadata\":{\"event_type\":\"headsup_word\",\"event_payload\":{\"word\":7}}}");
	char *body = xasprintf("{\"channel\":\"C0ALERTS\",\"ts\":\"%s\",\"text\":\"new\"}", ts);
	char *bare = xasprintf("{\"channel\":\"C0ALERTS\",\"ts\":\"%s\",\"text\":\"newer\","
			       "\"attachments\":[],\"metadata\":{}}",
	    ts);
	char *longer = repeated("", "x", 4001, "");
	char *too_long =
	    xasprintf("{\"channel\":\"C0ALERTS\",\"ts\":\"%s\",\"text\":\"%s\"}", ts, longer);
	const cJSON *message;

	assert_true(is_ok(api(w, "chat.update", body)));
	message = world_find(w, "C0ALERTS", "new");
	assert_null(GET(message, "blocks"));
	assert_non_null(GET(message, "attachments"));
	assert_non_null(GET(message, "metadata"));
	assert_int_equal(GET(message, "edits")->valueint, 1);

	assert_true(is_ok(api(w, "chat.update", bare)));
	message = world_find(w, "C0ALERTS", "newer");
	assert_null(GET(message, "attachments"));
	assert_null(GET(message, "metadata"));

	assert_error(api(w, "chat.update", too_long), "msg_too_long");
	assert_error(
	    api(w, "chat.update", "{\"channel\":\"C0ALERTS\",\"ts\":\"1.000001\",\"text\":\"x\"}"),
	    "message_not_found");
	assert_error(api(w, "chat.update",
			 "{\"channel\":\"#security-alerts\",\"ts\":\"1.000001\",\"text\":\"x\"}"),
	    "channel_not_found");
	free(body);
	free(bare);
	free(longer);
	free(too_long);
}

static void history__with_and_without_metadata__pages_newest_first(void **state)
{
	struct world *w = *state;
	const char *root = post(w, "{\"channel\":\"C0PAYSEC\",\"text\":\"m0\",\"metadata\":{"
				   "\"event_type\":\"t\",\"event_payload\":{\"n\":1}}}");
	char *reply =
	    xasprintf("{\"channel\":\"C0PAYSEC\",\"text\":\"reply\",\"thread_ts\":\"%s\"}", root);
	char *shout = xasprintf("{\"channel\":\"C0PAYSEC\",\"text\":\"shout\",\"thread_ts\":\"%s\","
				"\"reply_broadcast\":true}",
	    root);
	char *thread = xasprintf("channel=C0PAYSEC&ts=%s", root);
	char *cursor, *more, *since;
	cJSON *page;

	post(w, reply);
	post(w, shout);
	post(w, "{\"channel\":\"C0PAYSEC\",\"text\":\"m1\"}");

	page = form(w, "conversations.history", "channel=C0PAYSEC&limit=2");
	assert_string_equal(TEXT(cJSON_GetArrayItem(GET(page, "messages"), 0), "text"), "m1");
	assert_string_equal(TEXT(cJSON_GetArrayItem(GET(page, "messages"), 1), "text"), "shout");
	assert_string_equal(
	    TEXT(cJSON_GetArrayItem(GET(page, "messages"), 1), "subtype"), "thread_broadcast");
	assert_true(cJSON_IsTrue(GET(page, "has_more")));
	cursor = xstrdup(TEXT(GET(page, "response_metadata"), "next_cursor"));
	more =
	    xasprintf("channel=C0PAYSEC&limit=2&cursor=%.*s%%3D", (int)strlen(cursor) - 1, cursor);
	page = form(w, "conversations.history", more);
	assert_int_equal(cJSON_GetArraySize(GET(page, "messages")), 1);
	assert_null(GET(cJSON_GetArrayItem(GET(page, "messages"), 0), "metadata"));
	assert_int_equal(
	    GET(cJSON_GetArrayItem(GET(page, "messages"), 0), "reply_count")->valueint, 2);
	assert_string_equal(TEXT(GET(page, "response_metadata"), "next_cursor"), "");

	page = form(w, "conversations.history", "channel=C0PAYSEC&include_all_metadata=true");
	assert_non_null(GET(cJSON_GetArrayItem(GET(page, "messages"), 2), "metadata"));
	page = form(w, "conversations.replies", thread);
	assert_int_equal(cJSON_GetArraySize(GET(page, "messages")), 3);
	assert_string_equal(TEXT(cJSON_GetArrayItem(GET(page, "messages"), 0), "text"), "m0");
	assert_string_equal(TEXT(cJSON_GetArrayItem(GET(page, "messages"), 1), "text"), "reply");

	since = xasprintf("channel=C0PAYSEC&oldest=%s", root);
	assert_int_equal(
	    cJSON_GetArraySize(GET(form(w, "conversations.history", since), "messages")), 2);
	assert_error(
	    form(w, "conversations.history", "channel=C0PAYSEC&cursor=nonsense"), "invalid_cursor");
	free(reply);
	free(shout);
	free(thread);
	free(cursor);
	free(more);
	free(since);
}

static void permalink_reaction_delete__of_a_message__do_what_they_say(void **state)
{
	struct world *w = *state;
	const char *ts = post(w, "{\"channel\":\"C0ALERTS\",\"text\":\"gone soon\"}");
	char *link = xasprintf("channel=C0ALERTS&message_ts=%s", ts);
	char *react =
	    xasprintf("{\"channel\":\"C0ALERTS\",\"timestamp\":\"%s\",\"name\":\"eyes\"}", ts);
	char *gone = xasprintf("{\"channel\":\"C0ALERTS\",\"ts\":\"%s\"}", ts);

	assert_non_null(
	    strstr(TEXT(form(w, "chat.getPermalink", link), "permalink"), "/archives/C0ALERTS/p"));
	assert_true(is_ok(api(w, "reactions.add", react)));
	assert_error(api(w, "reactions.add", react), "already_reacted");
	assert_true(is_ok(api(w, "chat.delete", gone)));
	assert_error(api(w, "chat.delete", gone), "message_not_found");
	assert_null(world_find(w, "C0ALERTS", "gone soon"));
	free(link);
	free(react);
	free(gone);
}

static void post_limit__when_it_is_on__answers_429(void **state)
{
	struct world *w = *state;
	const char *const form_type = "application/x-www-form-urlencoded";
	struct world_answer *answer;

	world_knob(w, "{\"posts_per_second\":1}");

	assert_int_equal(
	    call_as(w, WORLD_BOT_TOKEN, form_type, "chat.postMessage", "channel=C0ALERTS&text=1")
		->status,
	    200);
	answer =
	    call_as(w, WORLD_BOT_TOKEN, form_type, "chat.postMessage", "channel=C0ALERTS&text=2");
	assert_int_equal(answer->status, 429);
	assert_string_equal(world_header(w, answer, "retry-after"), "1");
	assert_int_equal(
	    call_as(w, WORLD_BOT_TOKEN, form_type, "chat.postMessage", "channel=C0URGENT&text=3")
		->status,
	    200);
}

/* ---- the socket ------------------------------------------------------------------------------ */

static void ticket__used_or_old_or_made_up__opens_nothing(void **state)
{
	struct world *w = *state;
	const char *url = socket_url(w);
	struct ws *ws = ws_open(w, url);
	char *made_up = xasprintf("%s/link/?ticket=00000000&app_id=A0SIM", w->ws);

	assert_non_null(ws);
	ws_close(ws);
	assert_null(ws_open(w, url));
	assert_null(ws_open(w, made_up));
	world_knob(w, "{\"ticket_life_ms\":-1}");
	assert_null(ws_open(w, socket_url(w)));
	free(made_up);
}

static void slash__acknowledged_with_a_text__is_shown_to_the_asker(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	int call =
	    begin(w, "slash", "{\"user\":\"alice\",\"channel\":\"#general\",\"text\":\"ack A1\"}");
	cJSON *envelope = ws_json(ws, WORLD_PATIENCE_MS), *answer;
	const cJSON *payload = GET(envelope, "payload");

	assert_string_equal(TEXT(envelope, "type"), "slash_commands");
	assert_true(cJSON_IsTrue(GET(envelope, "accepts_response_payload")));
	assert_string_equal(TEXT(payload, "command"), "/headsup");
	assert_string_equal(TEXT(payload, "text"), "ack A1");
	assert_string_equal(TEXT(payload, "user_id"), "U0ALICE");
	assert_string_equal(TEXT(payload, "channel_name"), "general");
	assert_string_equal(TEXT(payload, "is_enterprise_install"), "false");
	ws_ack(ws, envelope, "{\"text\":\"done\"}");
	answer = finish(call);

	assert_true(cJSON_IsTrue(GET(answer, "acked")));
	assert_string_equal(TEXT(GET(answer, "payload"), "text"), "done");
	assert_string_equal(TEXT(answer, "trigger_id"), TEXT(payload, "trigger_id"));
	assert_non_null(world_find_ephemeral(w, "U0ALICE", "done"));
	assert_int_equal(cJSON_GetArraySize(GET(sim_get(w, "acks"), "acks")), 1);
	cJSON_Delete(envelope);
	cJSON_Delete(answer);
	ws_close(ws);
}

static void slash__nobody_answers__fails_and_is_not_repeated(void **state)
{
	struct world *w = *state;
	cJSON *answer = world_slash(w, "alice", "#general", "help"), *envelope;
	struct ws *ws;

	assert_string_equal(TEXT(answer, "error"), "dispatch_failed");
	world_knob(w, "{\"ack_timeout_ms\":100}");
	ws = connected(w);
	answer = world_slash(w, "alice", "#general", "help");
	assert_false(cJSON_IsTrue(GET(answer, "acked")));
	assert_string_equal(TEXT(answer, "error"), "timeout");

	envelope = ws_json(ws, WORLD_PATIENCE_MS);
	assert_non_null(envelope);
	cJSON_Delete(envelope);
	assert_null(ws_json(ws, 300));
	ws_close(ws);
}

static void event__not_acknowledged__comes_again_as_itself(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	cJSON *first, *second;

	world_knob(w, "{\"ack_timeout_ms\":100,\"retry_scale\":0.01}");
	world_sim(w, "dm", "{\"user\":\"alice\",\"text\":\"hello\",\"wait\":false}");

	first = ws_json(ws, WORLD_PATIENCE_MS);
	second = ws_json(ws, WORLD_PATIENCE_MS);
	assert_int_equal(GET(first, "retry_attempt")->valueint, 0);
	assert_int_equal(GET(second, "retry_attempt")->valueint, 1);
	assert_string_equal(TEXT(second, "retry_reason"), "timeout");
	assert_string_equal(
	    TEXT(GET(first, "payload"), "event_id"), TEXT(GET(second, "payload"), "event_id"));
	assert_string_not_equal(TEXT(first, "envelope_id"), TEXT(second, "envelope_id"));
	ws_ack(ws, second, NULL);
	world_until(w, cJSON_GetArraySize(GET(sim_get(w, "acks"), "acks")) == 1);
	assert_null(ws_json(ws, 800));
	cJSON_Delete(first);
	cJSON_Delete(second);
	ws_close(ws);
}

static void event__while_nobody_listens__comes_when_somebody_does(void **state)
{
	struct world *w = *state;
	struct ws *ws;
	cJSON *envelope;

	world_sim(w, "dm", "{\"user\":\"alice\",\"text\":\"hello\",\"wait\":false}");
	ws = connected(w);

	envelope = ws_json(ws, WORLD_PATIENCE_MS);
	assert_true(GET(envelope, "retry_attempt")->valueint > 0);
	assert_string_equal(TEXT(event_of(envelope), "channel_type"), "im");
	assert_string_equal(TEXT(event_of(envelope), "channel"), "D0ALICE");
	ws_ack(ws, envelope, NULL);
	cJSON_Delete(envelope);
	ws_close(ws);
}

static void mention__in_a_channel__is_told_twice(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	int call =
	    begin(w, "mention", "{\"user\":\"bob\",\"channel\":\"C0URGENT\",\"text\":\"list\"}");
	cJSON *one = ws_json(ws, WORLD_PATIENCE_MS), *other = ws_json(ws, WORLD_PATIENCE_MS),
	      *answer;
	bool in_order = strcmp(TEXT(event_of(one), "type"), "app_mention") == 0;
	const cJSON *mention = event_of(in_order ? one : other),
		    *twin = event_of(in_order ? other : one);

	ws_ack(ws, one, NULL);
	ws_ack(ws, other, NULL);
	answer = finish(call);

	assert_true(cJSON_IsTrue(GET(answer, "acked")));
	assert_string_equal(TEXT(mention, "type"), "app_mention");
	assert_string_equal(TEXT(mention, "text"), "<@U0BOT> list");
	assert_string_equal(TEXT(twin, "type"), "message");
	assert_string_equal(TEXT(mention, "ts"), TEXT(twin, "ts"));
	assert_string_not_equal(
	    TEXT(GET(one, "payload"), "event_id"), TEXT(GET(other, "payload"), "event_id"));
	assert_non_null(world_find(w, "C0URGENT", "list"));
	cJSON_Delete(one);
	cJSON_Delete(other);
	cJSON_Delete(answer);
	ws_close(ws);
}

static void ping__sent__is_answered_with_its_own_text(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	struct buf pong;
	bool is_final;

	ws_send(ws, 9, "session:12345");
	buf_init(&pong, 1024);
	assert_int_equal(ws_frame(ws, &pong, &is_final, WORLD_PATIENCE_MS), 10);
	assert_string_equal(buf_text(&pong), "session:12345");

	world_fault(w, "{\"ws\":\"silent\"}");
	ws_send(ws, 9, "again");
	assert_int_equal(ws_frame(ws, &pong, &is_final, 300), -1);
	buf_fini(&pong);
	ws_close(ws);
}

static void disconnect__asked_for__is_told_and_done(void **state)
{
	static const char *const reasons[] = {"warning", "refresh_requested", "link_disabled"};
	struct world *w = *state;
	size_t i;

	world_knob(w, "{\"retry_scale\":0.01}");
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct ws *ws = connected(w);
		char *fault = xasprintf("{\"ws\":\"disconnect\",\"reason\":\"%s\"}", reasons[i]);
		cJSON *frame;

		world_fault(w, fault);
		free(fault);
		frame = ws_json(ws, WORLD_PATIENCE_MS);
		assert_string_equal(TEXT(frame, "type"), "disconnect");
		assert_string_equal(TEXT(frame, "reason"), reasons[i]);
		cJSON_Delete(frame);
		assert_true(ws_ends(ws));
		assert_int_equal(ws->close_code, 1000);
		ws_close(ws);
	}
}

static void drop__ends_without_a_close_frame(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);

	world_fault(w, "{\"ws\":\"drop\"}");

	assert_true(ws_ends(ws));
	assert_int_equal(ws->close_code, 0);
	ws_close(ws);
}

static void connection__the_eleventh__is_one_too_many(void **state)
{
	struct world *w = *state;
	struct ws *ws[10], *more;
	cJSON *frame;
	size_t i;

	for (i = 0; i < 10; i++)
		ws[i] = connected(w);
	more = ws_open(w, socket_url(w));
	frame = ws_json(more, WORLD_PATIENCE_MS);
	assert_string_equal(TEXT(frame, "reason"), "too_many_websockets");
	cJSON_Delete(frame);
	assert_true(ws_ends(more));
	ws_close(more);
	for (i = 0; i < 10; i++)
		ws_close(ws[i]);
	world_until(w, cJSON_GetArraySize(GET(sim_get(w, "connections"), "connections")) == 0);
}

static void hello__kept_back_or_refused__is_as_asked(void **state)
{
	struct world *w = *state;
	struct ws *ws;

	world_fault(w, "{\"ws\":\"refuse\"}");
	assert_null(ws_open(w, socket_url(w)));
	world_fault(w, "{\"ws\":\"no_hello\"}");
	ws = ws_open(w, socket_url(w));
	assert_null(ws_json(ws, 200));
	ws_close(ws);
	ws_close(connected(w));
}

static void envelope__doubled_lost_padded__is_as_asked(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	cJSON *one, *other;

	world_knob(w, "{\"ack_timeout_ms\":100,\"retry_scale\":0.01}");
	world_fault(w, "{\"ws\":\"duplicate\"}");
	world_sim(w, "dm", "{\"user\":\"alice\",\"text\":\"one\",\"wait\":false}");
	one = ws_json(ws, WORLD_PATIENCE_MS);
	other = ws_json(ws, WORLD_PATIENCE_MS);
	assert_string_equal(
	    TEXT(GET(one, "payload"), "event_id"), TEXT(GET(other, "payload"), "event_id"));
	assert_string_not_equal(TEXT(one, "envelope_id"), TEXT(other, "envelope_id"));
	ws_ack(ws, other, NULL);
	cJSON_Delete(one);
	cJSON_Delete(other);

	world_fault(w, "{\"ws\":\"lose\"}");
	world_sim(w, "dm", "{\"user\":\"alice\",\"text\":\"two\",\"wait\":false}");
	one = ws_json(ws, WORLD_PATIENCE_MS);
	assert_int_equal(GET(one, "retry_attempt")->valueint, 1);
	ws_ack(ws, one, NULL);
	cJSON_Delete(one);

	world_fault(w, "{\"ws\":\"fragment\"}");
	world_fault(w, "{\"ws\":\"pad\",\"bytes\":100000}");
	world_sim(w, "dm", "{\"user\":\"alice\",\"text\":\"three\",\"wait\":false}");
	one = ws_json(ws, WORLD_PATIENCE_MS);
	assert_int_equal(strlen(TEXT(one, "padding")), 100000);
	assert_string_equal(TEXT(event_of(one), "text"), "three");
	ws_ack(ws, one, NULL);
	cJSON_Delete(one);
	ws_close(ws);
}

static void raw_frame__of_any_kind__arrives_as_it_is(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	cJSON *frame;

	world_sim(w, "envelope", "{\"raw\":{\"type\":\"news\",\"envelope_id\":\"e1\"}}");
	frame = ws_json(ws, WORLD_PATIENCE_MS);
	assert_string_equal(TEXT(frame, "type"), "news");
	cJSON_Delete(frame);
	ws_close(ws);
}

/* ---- presses, modals, response URLs ---------------------------------------------------------- */

#define CARD                                                                                      \
	"{\"channel\":\"C0URGENT\",\"text\":\"card\",\"metadata\":{\"event_type\":\"t\",\"event_" \
	"payload\":{\"n\":1}},\"attachments\":["                                                  \
	"{\"color\":\"#d00000\",\"blocks\":[{\"type\":\"actions\",\"block_id\":\"b\","            \
	"\"elements\":["                                                                          \
	"{\"type\":\"button\",\"action_id\":\"ack\",\"value\":\"A1:1\",\"text\":{\"type\":"       \
	"\"plain_text\",\"text\":\"Ack\"}},"                                                      \
	"{\"type\":\"overflow\",\"action_id\":\"more\",\"options\":[{\"text\":{\"type\":\"plain_" \
	"text\",\"text\":\"Why?\"},\"value\":"                                                    \
	"\"A1:1:why\"},{\"text\":{\"type\":\"plain_text\",\"text\":\"Note\"},\"value\":\"A1:1:"   \
	"note\"}]}]}]}]}"

static void press__of_what_is_there__brings_the_real_message(void **state)
{
	static const struct {
		const char *action, *label, *type, *value;
	} cases[] = {
	    {"ack", NULL, "button", "A1:1"},
	    {"Ack", NULL, "button", "A1:1"},
	    {NULL, "Why?", "overflow", "A1:1:why"},
	    {"Note", NULL, "overflow", "A1:1:note"},
	};
	struct world *w = *state;
	struct ws *ws = connected(w);
	const char *ts = post(w, CARD);
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *body = xasprintf(
		    "{\"user\":\"bob\",\"channel\":\"C0URGENT\",\"ts\":\"%s\",\"%s\":\"%s\"}", ts,
		    cases[i].action != NULL ? "action_id" : "label",
		    cases[i].action != NULL ? cases[i].action : cases[i].label);
		int call = begin(w, "press", body);
		cJSON *envelope = ws_json(ws, WORLD_PATIENCE_MS), *answer;
		const cJSON *payload = GET(envelope, "payload"),
			    *action = cJSON_GetArrayItem(GET(payload, "actions"), 0);
		const cJSON *option = GET(action, "selected_option");

		free(body);
		ws_ack(ws, envelope, NULL);
		answer = finish(call);
		assert_true(cJSON_IsTrue(GET(answer, "acked")));
		assert_string_equal(TEXT(payload, "type"), "block_actions");
		assert_string_equal(TEXT(GET(payload, "container"), "type"), "message_attachment");
		assert_string_equal(TEXT(GET(payload, "user"), "id"), "U0BOB");
		assert_string_equal(TEXT(GET(payload, "message"), "ts"), ts);
		assert_non_null(GET(GET(payload, "message"), "metadata"));
		assert_string_equal(TEXT(action, "type"), cases[i].type);
		assert_string_equal(
		    TEXT(option != NULL ? option : action, "value"), cases[i].value);
		assert_string_equal(TEXT(action, "block_id"), "b");
		cJSON_Delete(envelope);
		cJSON_Delete(answer);
	}
	ws_close(ws);
}

static void press__of_what_is_not_there__is_an_error_unless_forced(void **state)
{
	struct world *w = *state;
	struct ws *ws = connected(w);
	const char *ts = post(w, CARD);
	char *wrong = xasprintf(
	    "{\"user\":\"bob\",\"channel\":\"C0URGENT\",\"ts\":\"%s\",\"action_id\":\"resolve\"}",
	    ts);
	char *value = xasprintf("{\"user\":\"bob\",\"channel\":\"C0URGENT\",\"ts\":\"%s\",\"action_"
				"id\":\"ack\",\"value\":\"A2:1\"}",
	    ts);
	char *forced = xasprintf("{\"user\":\"bob\",\"channel\":\"C0URGENT\",\"ts\":\"%s\","
				 "\"action_id\":\"resolve\",\"value\":\"A1:1\",\"force\":true}",
	    ts);
	cJSON *envelope, *answer;
	int call;

	assert_string_equal(TEXT(world_sim(w, "press", wrong), "error"), "no such button");
	assert_non_null(strstr(TEXT(world_sim(w, "press", value), "error"), "another value"));
	call = begin(w, "press", forced);
	envelope = ws_json(ws, WORLD_PATIENCE_MS);
	ws_ack(ws, envelope, NULL);
	answer = finish(call);
	assert_string_equal(
	    TEXT(cJSON_GetArrayItem(GET(GET(envelope, "payload"), "actions"), 0), "value"), "A1:1");
	cJSON_Delete(envelope);
	cJSON_Delete(answer);
	free(wrong);
	free(value);
	free(forced);
	ws_close(ws);
}

static void response_url__five_times__and_no_more(void **state)
{
	struct world *w = *state;
	cJSON *answer = world_slash(w, "alice", "C0GENERAL", "x");
	const char *url = TEXT(answer, "response_url");
	int i;

	assert_int_equal(world_http(w, "POST", url, NULL, "[]", NULL)->status, 400);
	for (i = 0; i < 5; i++)
		assert_int_equal(world_http(w, "POST", url, NULL,
				     i == 0 ? "{\"text\":\"all\",\"response_type\":\"in_channel\"}"
					    : "{\"text\":\"me\"}",
				     NULL)
				     ->status,
		    200);
	assert_int_equal(world_http(w, "POST", url, NULL, "{\"text\":\"me\"}", NULL)->status, 404);
	assert_non_null(world_find(w, "C0GENERAL", "all"));
	assert_null(TEXT(world_find(w, "C0GENERAL", "all"), "user"));
	assert_int_equal(cJSON_GetArraySize(world_ephemerals(w, "U0ALICE")), 4);
	assert_int_equal(cJSON_GetArraySize(GET(sim_get(w, "responses"), "responses")), 7);
}

static void ephemeral__to_someone_outside__is_refused(void **state)
{
	struct world *w = *state;

	assert_true(is_ok(api(w, "chat.postEphemeral",
	    "{\"channel\":\"C0GENERAL\",\"user\":\"U0BOB\",\"text\":\"psst\"}")));
	assert_error(api(w, "chat.postEphemeral",
			 "{\"channel\":\"C0GENERAL\",\"user\":\"U0NOBODY\",\"text\":\"psst\"}"),
	    "user_not_in_channel");
	assert_non_null(world_find_ephemeral(w, "U0BOB", "psst"));
	assert_null(world_find(w, "C0GENERAL", "psst"));
}

#define MODAL                                                                                      \
	"{\"type\":\"modal\",\"callback_id\":\"announce\",\"notify_on_close\":false,\"title\":{"   \
	"\"type\":\"plain_text\",\"text\":\"T\"},"                                                 \
	"\"submit\":{\"type\":\"plain_text\",\"text\":\"Go\"},\"blocks\":["                        \
	"{\"type\":\"input\",\"block_id\":\"why\",\"label\":{\"type\":\"plain_text\",\"text\":"    \
	"\"Why\"},\"element\":"                                                                    \
	"{\"type\":\"plain_text_input\",\"action_id\":\"text\",\"max_length\":5}},"                \
	"{\"type\":\"input\",\"block_id\":\"long\",\"optional\":true,\"label\":{\"type\":\"plain_" \
	"text\",\"text\":\"Long\"},\"element\":"                                                   \
	"{\"type\":\"static_select\",\"action_id\":\"pick\",\"options\":[{\"text\":{\"type\":"     \
	"\"plain_text\",\"text\":\"30 min\"},"                                                     \
	"\"value\":\"30m\"}]}}]}"

static void modal__opened_with_a_trigger__once_and_in_time(void **state)
{
	struct world *w = *state;
	const char *trigger = TEXT(world_slash(w, "alice", "C0GENERAL", ""), "trigger_id");
	char *body = xasprintf("{\"trigger_id\":\"%s\",\"view\":" MODAL "}", trigger);
	cJSON *answer = api(w, "views.open", body);

	assert_true(is_ok(answer));
	assert_string_equal(TEXT(GET(answer, "view"), "callback_id"), "announce");
	assert_error(api(w, "views.open", body), "exchanged_trigger_id");
	world_knob(w, "{\"trigger_life_ms\":-1}");
	trigger = TEXT(world_slash(w, "alice", "C0GENERAL", ""), "trigger_id");
	free(body);
	body = xasprintf("{\"trigger_id\":\"%s\",\"view\":" MODAL "}", trigger);
	assert_error(api(w, "views.open", body), "expired_trigger_id");
	assert_error(api(w, "views.open", "{\"trigger_id\":\"1.2.3\",\"view\":" MODAL "}"),
	    "invalid_trigger_id");
	assert_error(api(w, "views.open",
			 "{\"trigger_id\":\"1.2.3\",\"view\":{\"type\":\"modal\",\"blocks\":[]}}"),
	    "invalid_arguments");
	free(body);
}

static void modal__submitted__carries_its_state_and_follows_the_answer(void **state)
{
	struct world *w = *state;
	char *body = xasprintf("{\"trigger_id\":\"%s\",\"view\":" MODAL "}",
	    TEXT(world_slash(w, "alice", "C0GENERAL", ""), "trigger_id"));
	struct ws *ws = connected(w);
	cJSON *envelope, *answer;
	const cJSON *values;
	int call;

	assert_true(is_ok(api(w, "views.open", body)));
	free(body);
	assert_non_null(strstr(TEXT(world_submit(w, "alice", "{}"), "error"), "wanted"));
	assert_non_null(
	    strstr(TEXT(world_submit(w, "alice", "{\"why\":\"123456\"}"), "error"), "too long"));

	call = begin(
	    w, "submit", "{\"user\":\"alice\",\"values\":{\"why\":\"chef\",\"pick\":\"30 min\"}}");
	envelope = ws_json(ws, WORLD_PATIENCE_MS);
	values = GET(GET(GET(GET(envelope, "payload"), "view"), "state"), "values");
	assert_string_equal(TEXT(GET(GET(values, "why"), "text"), "value"), "chef");
	assert_string_equal(
	    TEXT(GET(GET(GET(values, "long"), "pick"), "selected_option"), "value"), "30m");
	ws_ack(ws, envelope,
	    "{\"response_action\":\"errors\",\"errors\":{\"why\":\"no\",\"nowhere\":\"x\"}}");
	answer = finish(call);
	assert_non_null(TEXT(answer, "problem"));
	cJSON_Delete(envelope);
	cJSON_Delete(answer);

	call = begin(w, "submit", "{\"user\":\"alice\",\"values\":{\"why\":\"chef\"}}");
	envelope = ws_json(ws, WORLD_PATIENCE_MS);
	ws_ack(ws, envelope, "{}");
	answer = finish(call);
	assert_null(TEXT(answer, "problem"));
	assert_false(
	    cJSON_IsTrue(GET(cJSON_GetArrayItem(GET(sim_get(w, "views"), "views"), 0), "open")));
	cJSON_Delete(envelope);
	cJSON_Delete(answer);
	ws_close(ws);
}

static void home__published__keeps_one_view_and_minds_the_hash(void **state)
{
	struct world *w = *state;
	cJSON *first = api(w, "views.publish",
	    "{\"user_id\":\"U0ALICE\",\"view\":{\"type\":\"home\",\"blocks\":[{\"type\":"
	    "\"divider\"}]}}");
	cJSON *second = api(w, "views.publish",
	    "{\"user_id\":\"U0ALICE\",\"view\":{\"type\":\"home\",\"blocks\":[]}}");

	assert_true(is_ok(first));
	assert_string_equal(TEXT(GET(first, "view"), "id"), TEXT(GET(second, "view"), "id"));
	assert_error(api(w, "views.publish",
			 "{\"user_id\":\"U0ALICE\",\"hash\":\"old\",\"view\":{\"type\":\"home\","
			 "\"blocks\":[]}}"),
	    "hash_conflict");
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void fault__on_a_method__happens_so_many_times(void **state)
{
	struct world *w = *state;
	const char *type = "application/json; charset=utf-8",
		   *body = "{\"channel\":\"C0ALERTS\",\"text\":\"f\"}";
	struct world_answer *answer;

	world_fault(
	    w, "{\"method\":\"chat.postMessage\",\"times\":2,\"status\":429,\"retry_after\":7}");
	answer = call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage", body);
	assert_int_equal(answer->status, 429);
	assert_string_equal(world_header(w, answer, "Retry-After"), "7");
	assert_error(answer->json, "ratelimited");
	assert_true(is_ok(api(w, "auth.test", "")));
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage", body)->status, 429);
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage", body)->status, 200);
	assert_int_equal(world_count(w, "C0ALERTS", "f"), 1);

	world_fault(w, "{\"method\":\"chat.postMessage\",\"error\":\"invalid_blocks\",\"channel\":"
		       "\"#security-alerts\"}");
	assert_true(is_ok(api(w, "chat.postMessage", "{\"channel\":\"C0URGENT\",\"text\":\"u\"}")));
	assert_error(api(w, "chat.postMessage", body), "invalid_blocks");
	world_fault(w, "{\"method\":\"*\",\"status\":503,\"times\":-1}");
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage", body)->status, 503);
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "auth.test", "")->status, 503);
	world_fault(w, "{\"clear\":true}");
	assert_true(is_ok(api(w, "auth.test", "")));
}

static void fault__that_cuts__applies_the_call_and_answers_nothing(void **state)
{
	struct world *w = *state;
	const char *type = "application/json; charset=utf-8";

	world_fault(w, "{\"method\":\"chat.postMessage\",\"cut\":true}");
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage",
			     "{\"channel\":\"C0ALERTS\",\"text\":\"cut\"}")
			     ->status,
	    0);
	assert_int_equal(world_count(w, "C0ALERTS", "cut"), 1);
	world_fault(w, "{\"method\":\"chat.postMessage\",\"cut\":true,\"apply\":false}");
	assert_int_equal(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage",
			     "{\"channel\":\"C0ALERTS\",\"text\":\"lost\"}")
			     ->status,
	    0);
	assert_int_equal(world_count(w, "C0ALERTS", "lost"), 0);
	world_fault(w, "{\"method\":\"chat.postMessage\",\"truncate\":true}");
	assert_null(call_as(w, WORLD_BOT_TOKEN, type, "chat.postMessage",
	    "{\"channel\":\"C0ALERTS\",\"text\":\"half\"}")
			->json);
	assert_int_equal(world_count(w, "C0ALERTS", "half"), 1);
}

static void fault__that_delays__answers_late(void **state)
{
	struct world *w = *state;
	int64_t began = world_ms();

	world_fault(w, "{\"method\":\"auth.test\",\"delay_ms\":150}");
	assert_true(is_ok(api(w, "auth.test", "")));
	assert_true(world_ms() - began >= 150);
}

static void fault__that_hangs__ends_when_it_is_cleared(void **state)
{
	struct world *w = *state;
	const char *port = strrchr(w->pagerduty, ':') + 1;
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char request[] =
	    "POST /api/auth.test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world_fault(w, "{\"method\":\"auth.test\",\"hang\":true}");
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	assert_int_equal(poll(&ready, 1, 200), 0);
	world_fault(w, "{\"clear\":true}");
	assert_int_equal(poll(&ready, 1, WORLD_PATIENCE_MS), 1);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

static void calls__made__are_kept_as_they_were(void **state)
{
	struct world *w = *state;
	const cJSON *call;

	post(w, "{\"channel\":\"C0ALERTS\",\"text\":\"a & b\",  \"unfurl_links\":false}");

	call = cJSON_GetArrayItem(world_calls(w, "chat.postMessage"), 0);
	assert_string_equal(TEXT(call, "body"),
	    "{\"channel\":\"C0ALERTS\",\"text\":\"a & b\",  \"unfurl_links\":false}");
	assert_string_equal(TEXT(call, "token"), "bot");
	assert_int_equal(GET(call, "status")->valueint, 200);
	assert_true(cJSON_IsTrue(GET(call, "applied")));
}

/* ---- PagerDuty ------------------------------------------------------------------------------- */

static struct world_answer *enqueue(struct world *w, const char *path, const char *body)
{
	char *url = xasprintf("%s%s", w->pagerduty, path);
	struct world_answer *answer = world_http(w, "POST", url, NULL, body, NULL);

	free(url);
	return answer;
}

#define EVENT(action, key, dedup) \
	"{\"routing_key\":\"" key "\",\"event_action\":\"" action "\",\"dedup_key\":\"" dedup "\""
#define PAYLOAD ",\"payload\":{\"summary\":\"s\",\"source\":\"web-3\",\"severity\":\"critical\"}}"

static void event__of_each_kind__is_taken_or_refused(void **state)
{
	static const struct {
		const char *path, *body;
		int status;
	} cases[] = {
	    {"/v2/enqueue", EVENT("trigger", WORLD_KEY, "d") PAYLOAD, 202},
	    {"/v2/enqueue", EVENT("acknowledge", WORLD_KEY, "d") "}", 202},
	    {"/v2/enqueue", EVENT("resolve", WORLD_KEY, "unknown") "}", 202},
	    {"/v2/enqueue", EVENT("trigger", "short", "d") PAYLOAD, 400},
	    {"/v2/enqueue", EVENT("explode", WORLD_KEY, "d") PAYLOAD, 400},
	    {"/v2/enqueue", EVENT("trigger", WORLD_KEY, "d") "}", 400},
	    {"/v2/enqueue", EVENT("acknowledge", WORLD_KEY, "") "}", 400},
	    {"/v2/enqueue",
		EVENT("trigger", WORLD_KEY,
		    "d") ",\"payload\":{\"summary\":\"s\",\"source\":\"x\",\"severity\":\"high\"}}",
		400},
	    {"/v2/enqueue",
		EVENT("trigger", WORLD_KEY,
		    "d") ",\"payload\":{\"summary\":\"\",\"source\":\"x\",\"severity\":\"info\"}}",
		400},
	    {"/v2/enqueue", "{", 400},
	    {"/v2/change/enqueue",
		"{\"routing_key\":\"" WORLD_KEY
		"\",\"payload\":{\"summary\":\"deploy\",\"timestamp\":\"2026-03-02T18:45:22Z\"}}",
		202},
	    {"/v2/change/enqueue",
		"{\"routing_key\":\"R123456789abcdef0123456789abcdef\",\"payload\":{\"summary\":"
		"\"deploy\"}}",
		400},
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(enqueue(w, cases[i].path, cases[i].body)->status, cases[i].status);
	assert_int_equal(cJSON_GetArraySize(GET(world_pagerduty(w), "incidents")), 1);
	assert_int_equal(cJSON_GetArraySize(GET(world_pagerduty(w), "changes")), 1);
	assert_string_equal(TEXT(world_incident(w, "d"), "status"), "acknowledged");
}

static void incident__resolved_and_triggered_again__is_a_new_one(void **state)
{
	struct world *w = *state;

	enqueue(w, "/v2/enqueue", EVENT("trigger", WORLD_KEY, "x") PAYLOAD);
	enqueue(w, "/v2/enqueue", EVENT("trigger", WORLD_KEY, "x") PAYLOAD);
	enqueue(w, "/v2/enqueue",
	    EVENT("resolve", WORLD_KEY_PAY, "x") "}"); /* another key's: nothing happens */
	assert_string_equal(TEXT(world_incident(w, "x"), "status"), "triggered");
	assert_int_equal(GET(world_incident(w, "x"), "triggers")->valueint, 2);
	enqueue(w, "/v2/enqueue", EVENT("resolve", WORLD_KEY, "x") "}");
	assert_string_equal(TEXT(world_incident(w, "x"), "status"), "resolved");
	enqueue(w, "/v2/enqueue", EVENT("acknowledge", WORLD_KEY, "x") "}");
	assert_string_equal(TEXT(world_incident(w, "x"), "status"), "resolved");
	enqueue(w, "/v2/enqueue", EVENT("trigger", WORLD_KEY, "x") PAYLOAD);
	assert_int_equal(GET(world_incident(w, "x"), "number")->valueint, 2);
}

static void pagerduty__out_of_order_or_throttled__answers_so(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"pagerduty\",\"status\":500}");
	assert_int_equal(
	    enqueue(w, "/v2/enqueue", EVENT("trigger", WORLD_KEY, "y") PAYLOAD)->status, 500);
	world_fault(w, "{\"method\":\"pagerduty\",\"cut\":true}");
	assert_int_equal(
	    enqueue(w, "/v2/enqueue", EVENT("trigger", WORLD_KEY, "y") PAYLOAD)->status, 0);
	assert_int_equal(GET(world_incident(w, "y"), "triggers")->valueint, 1);
	world_knob(w, "{\"pagerduty_per_minute\":1}");
	assert_int_equal(
	    enqueue(w, "/v2/enqueue", EVENT("resolve", WORLD_KEY, "y") "}")->status, 202);
	assert_int_equal(
	    enqueue(w, "/v2/enqueue", EVENT("resolve", WORLD_KEY, "y") "}")->status, 429);
	assert_int_equal(
	    enqueue(w, "/v2/enqueue", EVENT("resolve", WORLD_KEY_PAY, "y") "}")->status, 202);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void render__of_a_channel__shows_what_people_see(void **state)
{
	struct world *w = *state;
	const char *text;

	post(w, CARD);
	post(w, "{\"channel\":\"C0URGENT\",\"text\":\"<@U0ALICE> a &amp; b :red_circle: "
		"\\u001b[31m<https://x.example|there>\"}");
	text = world_render(w, "#security-urgent");

	assert_non_null(strstr(text, "[ Ack ]"));
	assert_non_null(strstr(text, "Why?"));
	assert_non_null(strstr(text, "@alice a & b 🔴 "));
	assert_non_null(strstr(text, "there"));
	assert_null(strchr(text, '\033'));
}

static void reset__forgets_all(void **state)
{
	struct world *w = *state;

	post(w, "{\"channel\":\"C0URGENT\",\"text\":\"x\"}");
	world_knob(w, "{\"posts_per_second\":1}");
	world_sim(w, "reset", "{}");

	assert_int_equal(cJSON_GetArraySize(world_messages(w, "C0URGENT")), 0);
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "chat.postMessage")), 0);
	post(w, "{\"channel\":\"C0URGENT\",\"text\":\"x\"}");
	post(w, "{\"channel\":\"C0URGENT\",\"text\":\"y\"}");
}

static void tls__with_our_authority__serves_both_ports(void **state)
{
	const struct world_options options = {.tls = true, .no_start = true};
	struct world *w = world_start(&options);
	struct ws *ws;

	(void)state;
	assert_true(strncmp(w->api, "https://", 8) == 0);
	assert_true(is_ok(api(w, "auth.test", "")));
	ws = connected(w);
	ws_close(ws);
	world_stop(w);
}

static void clock__moved__moves_a_process_and_nothing_else(void **state)
{
	const struct world_options options = {.clock = true, .no_start = true};
	struct world *w = world_start(&options);
	char *command = xasprintf(
	    "LD_PRELOAD=%s/test-clock.so HEADSUP_TEST_CLOCK=%s/clock date +%%s", w->build, w->dir);
	static const int steps[] = {0, 86400, -2 * 86400};
	int64_t expected = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct timespec now;
		long long said = 0;
		FILE *pipe;

		expected += steps[i];
		world_clock_advance(w, steps[i]);
		pipe = popen(command, "r");
		assert_int_equal(fscanf(pipe, "%lld", &said), 1);
		pclose(pipe);
		clock_gettime(CLOCK_REALTIME, &now);
		assert_true(llabs(said - (now.tv_sec + expected)) <= 5);
	}
	free(command);
	world_stop(w);
}

static int setup(void **state)
{
	const struct world_options options = {.no_start = true};

	*state = world_start(&options);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(token__of_the_wrong_kind__is_refused),
	    T(auth_test__with_the_bot_token__says_who_we_are),
	    T(body__of_each_kind__is_read_or_refused),
	    T(reading_method__asked_in_json__does_not_see_the_arguments),
	    T(people__asked_for__are_told),
	    T(channel__that_cannot_be_posted_to__is_refused),
	    T(channel__joined__can_be_posted_to),
	    T(ts__of_many_posts__are_unique_and_rising),
	    T(content__that_slack_refuses__is_refused_with_a_pointer),
	    T(content__at_a_limit__is_taken_and_one_more_is_refused),
	    T(message__without_content__is_refused),
	    T(update__leaves_and_takes_what_slack_does),
	    T(history__with_and_without_metadata__pages_newest_first),
	    T(permalink_reaction_delete__of_a_message__do_what_they_say),
	    T(post_limit__when_it_is_on__answers_429),
	    T(ticket__used_or_old_or_made_up__opens_nothing),
	    T(slash__acknowledged_with_a_text__is_shown_to_the_asker),
	    T(slash__nobody_answers__fails_and_is_not_repeated),
	    T(event__not_acknowledged__comes_again_as_itself),
	    T(event__while_nobody_listens__comes_when_somebody_does),
	    T(mention__in_a_channel__is_told_twice),
	    T(ping__sent__is_answered_with_its_own_text),
	    T(disconnect__asked_for__is_told_and_done),
	    T(drop__ends_without_a_close_frame),
	    T(connection__the_eleventh__is_one_too_many),
	    T(hello__kept_back_or_refused__is_as_asked),
	    T(envelope__doubled_lost_padded__is_as_asked),
	    T(raw_frame__of_any_kind__arrives_as_it_is),
	    T(press__of_what_is_there__brings_the_real_message),
	    T(press__of_what_is_not_there__is_an_error_unless_forced),
	    T(response_url__five_times__and_no_more),
	    T(ephemeral__to_someone_outside__is_refused),
	    T(modal__opened_with_a_trigger__once_and_in_time),
	    T(modal__submitted__carries_its_state_and_follows_the_answer),
	    T(home__published__keeps_one_view_and_minds_the_hash),
	    T(fault__on_a_method__happens_so_many_times),
	    T(fault__that_cuts__applies_the_call_and_answers_nothing),
	    T(fault__that_delays__answers_late),
	    T(fault__that_hangs__ends_when_it_is_cleared),
	    T(calls__made__are_kept_as_they_were),
	    T(event__of_each_kind__is_taken_or_refused),
	    T(incident__resolved_and_triggered_again__is_a_new_one),
	    T(pagerduty__out_of_order_or_throttled__answers_so),
	    T(render__of_a_channel__shows_what_people_see),
	    T(reset__forgets_all),
	    cmocka_unit_test(tls__with_our_authority__serves_both_ports),
	    cmocka_unit_test(clock__moved__moves_a_process_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
