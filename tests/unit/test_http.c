#include "tests/unit/bot_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "bot/http.h"
#include "config/base/buf.h"
#include "config/base/text.h"

#define PATIENCE_S 20 /* of real time, for any exchange */
#define READ_MAX (4 << 20)
#define OPS "Authorization: Bearer ops-secret-0000000\r\n"
#define ALERT "{\"title\":\"key added for root\",\"host\":\"web-3\"}"

/* ---- a clock that is moved -------------------------------------------------------------------------- */

static int64_t moved_s;

/* libuv and libmicrohttpd ask here: what the program defines goes before the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	long status = syscall(SYS_clock_gettime, clock, now);

	if (status == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
		now->tv_sec += moved_s;
	return (int)status;
}

static int64_t real_s(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- a world with a server -------------------------------------------------------------------------- */

struct web_world {
	struct bot_world *bot;
	struct http *http;
	int owned; /* requests that the process answered itself */
};

static bool own(void *ctx, const struct api_request *request, struct api_answer *answer)
{
	struct web_world *world = ctx;

	if (strcmp(request->path, "/healthz") != 0)
		return false;
	world->owned++;
	answer->content_type = "text/plain";
	buf_puts(&answer->body, "ok\n");
	return true;
}

static int setup(void **state)
{
	struct web_world *world = xcalloc(1, sizeof(*world));
	struct error err = {0};

	moved_s = 0;
	world->bot = bot_world_new();
	world->http = http_start(&world->bot->loop, world->bot->config, own, world, &err);
	assert_non_null(world->http);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct web_world *world = *state;

	bot_world_disk_fails(false);
	http_stop(world->http);
	bot_world_free(world->bot);
	free(world);
	return 0;
}

static void turn(struct web_world *world)
{
	uv_run(&world->bot->uv, UV_RUN_NOWAIT);
}

/* ---- a client ----------------------------------------------------------------------------------------- */

struct client {
	int fd;
	struct buf got;
	bool is_over; /* the server closed */
	bool is_deaf; /* it took no more */
};

static bool client_connects(struct client *client, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	*client = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
	buf_init(&client->got, READ_MAX);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(client->fd >= 0);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return false;
	assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
	return true;
}

static void client_opens(struct client *client, const struct web_world *world)
{
	assert_true(client_connects(client, http_port(world->http)));
}

static void client_closes(struct client *client)
{
	close(client->fd);
	buf_fini(&client->got);
}

static void client_reads(struct client *client)
{
	char space[65536];
	ssize_t got = recv(client->fd, space, sizeof(space), 0);

	if (got > 0)
		buf_put(&client->got, space, (size_t)got);
	else if (got == 0 || errno != EAGAIN)
		client->is_over = true;
}

/* How many whole answers are in GOT; 100 Continue counts for none. */
static size_t answer_count(const struct client *client)
{
	const char *at = buf_text(&client->got), *end, *length;
	size_t left = client->got.len, count = 0, size;

	while ((end = memmem(at, left, "\r\n\r\n", 4)) != NULL) {
		size = (size_t)(end - at) + 4;
		length = memmem(at, size, "Content-Length: ", 16);
		if (length != NULL)
			size += strtoul(length + 16, NULL, 10);
		if (size > left)
			break;
		count += strncmp(at, "HTTP/1.1 100", 12) != 0;
		at += size;
		left -= size;
	}
	return count;
}

/* Sends DATA while the loop turns, until COUNT whole answers are in or the server closed. */
static void exchange(struct web_world *world, struct client *client, const char *data, size_t len, size_t count)
{
	int64_t until = real_s() + PATIENCE_S;
	size_t at = 0;

	while (!client->is_over && (at < len || answer_count(client) < count)) {
		ssize_t sent = at < len && !client->is_deaf ? send(client->fd, data + at, len - at, MSG_NOSIGNAL) : 0;

		if (sent > 0)
			at += (size_t)sent;
		else if (sent < 0 && errno != EAGAIN)
			client->is_deaf = true;
		turn(world);
		client_reads(client);
		assert_true(real_s() < until);
	}
}

static void says(struct web_world *world, struct client *client, const char *text, size_t count)
{
	exchange(world, client, text, strlen(text), count);
}

/* Turns until the server closed the connection. */
static void until_over(struct web_world *world, struct client *client)
{
	says(world, client, "", SIZE_MAX);
}

static void assert_begins(const struct client *client, const char *text)
{
	if (strncmp(buf_text(&client->got), text, strlen(text)) != 0)
		fail_msg("expected %s, got %.300s", text, buf_text(&client->got));
}

static void assert_says(const struct client *client, const char *text)
{
	if (strstr(buf_text(&client->got), text) == NULL)
		fail_msg("expected %s in %.600s", text, buf_text(&client->got));
}

static int64_t alert_count(const struct web_world *world)
{
	int64_t counts[5] = {0};

	assert_true(storage_count_alerts(world->bot->storage, counts, NULL));
	return counts[0] + counts[1] + counts[2] + counts[3] + counts[4];
}

static char *post(const char *headers, const char *body)
{
	return xasprintf("POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body), body);
}

/* A body of LEN blanks behind HEAD. The caller frees. */
static char *huge(const char *head, size_t len, size_t *total)
{
	size_t head_len = strlen(head);
	char *text = xcalloc(head_len + len + 1, 1);

	memcpy(text, head, head_len);
	memset(text + head_len, ' ', len);
	*total = head_len + len;
	return text;
}

/* ---- what is promised ----------------------------------------------------------------------------------- */

static void post__one_alert__is_answered_when_it_is_on_disk(void **state)
{
	struct web_world *world = *state;
	struct client client;
	char *request = post("", ALERT);

	client_opens(&client, world);
	says(world, &client, request, 1);

	assert_begins(&client, "HTTP/1.1 202 ");
	assert_says(&client, "\"accepted\":1");
	assert_int_equal(alert_count(world), 1);
	assert_int_equal(world->bot->loop.commits, 1);
	turn(world);
	assert_int_equal(http_under_way(world->http), 0);
	client_closes(&client);
	free(request);
}

static void posts__pipelined_in_one_packet__are_all_answered(void **state)
{
	enum { MANY = 50 };
	struct web_world *world = *state;
	struct client client;
	struct buf requests;

	buf_init(&requests, 1 << 20);
	for (int i = 0; i < MANY; i++) {
		char *body = xasprintf("{\"title\":\"t%d\",\"dedup_key\":\"k%d\"}", i, i), *request = post("", body);

		buf_puts(&requests, request);
		free(request);
		free(body);
	}
	client_opens(&client, world);
	says(world, &client, buf_text(&requests), MANY);

	assert_int_equal(answer_count(&client), MANY);
	assert_null(strstr(buf_text(&client.got), "HTTP/1.1 4"));
	assert_int_equal(alert_count(world), MANY);
	client_closes(&client);
	buf_fini(&requests);
}

static void post__in_single_bytes__is_read_whole(void **state)
{
	struct web_world *world = *state;
	struct client client;
	char *request = post("", ALERT);

	client_opens(&client, world);
	for (const char *at = request; *at != '\0'; at++)
		exchange(world, &client, at, 1, 0);
	says(world, &client, "", 1);

	assert_begins(&client, "HTTP/1.1 202 ");
	client_closes(&client);
	free(request);
}

static void post__chunked__is_read_whole(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client,
	    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Transfer-Encoding: chunked\r\n\r\n"
	    "9\r\n{\"title\":\r\n7;ext=1\r\n\"chunk\"\r\n1\r\n}\r\n0\r\n\r\n",
	    1);

	assert_begins(&client, "HTTP/1.1 202 ");
	assert_int_equal(alert_count(world), 1);
	client_closes(&client);
}

static void post__that_expects_100__is_told_to_continue(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client, "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Expect: 100-continue\r\nContent-Length: 13\r\n\r\n", 0);
	for (int i = 0; i < TURNS_MAX && client.got.len == 0; i++) {
		turn(world);
		client_reads(&client);
	}
	assert_begins(&client, "HTTP/1.1 100 ");
	says(world, &client, "{\"title\":\"t\"}", 1);

	assert_says(&client, "HTTP/1.1 202 ");
	client_closes(&client);
}

static void post__that_expects_100_and_may_not__is_refused_at_once(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client,
	    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\nContent-Length: 4000000\r\n\r\n", 1);

	assert_begins(&client, "HTTP/1.1 401 ");
	assert_says(&client, "WWW-Authenticate: Basic");
	assert_says(&client, "application/problem+json");
	client_closes(&client);
}

static void post__refused_with_a_body__leaves_the_connection_usable(void **state)
{
	struct web_world *world = *state;
	struct client client;
	char *request = post("", ALERT);

	client_opens(&client, world);
	says(world, &client, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 1);
	assert_begins(&client, "HTTP/1.1 404 ");
	says(world, &client, request, 2);

	assert_says(&client, "HTTP/1.1 202 ");
	client_closes(&client);
	free(request);
}

/* What cannot be read as one request is refused, and the connection closed. */
static const char *const broken[] = {
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: -1\r\n\r\n",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: +5\r\n\r\nhello",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: five\r\n\r\nhello",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 0x5\r\n\r\nhello",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "POST /v1/alerts HTTP/1.0\r\nHost: x\r\n" OPS "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length : 5\r\n\r\nhello",
    "GET /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "DELETE /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
};

static void request__whose_end_is_in_doubt__is_refused_and_the_connection_closed(void **state)
{
	struct web_world *world = *state;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct client client;

		client_opens(&client, world);
		says(world, &client, broken[i], SIZE_MAX);

		assert_begins(&client, "HTTP/1.1 400 ");
		client_closes(&client);
	}
	assert_int_equal(alert_count(world), 0);
}

static const struct {
	const char *request, *answer;
} plain[] = {
    {"GET /v1/alerts HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /v1/alerts HTTP/1.0\r\n" OPS "\r\n", "HTTP/1.1 200 "},
    {"GET http://x/v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 200 "},
    {"GET /v1/alerts?token=ops-secret-0000000 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
    {"GET /v1/alerts?token=ops%2Dsecret-0000000 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
    {"GET /v1/alerts?token=wrong HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 401 "},
    {"GET /v1/alerts%00x HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 400 "},
    {"GET /v1%2Falerts HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 400 "},
    {"GET /%zz HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 400 "},
    {"GET * HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 404 "},
    {"GET /nowhere HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 404 "},
    {"PATCH /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 405 "},
    {"NOSUCHMETHODATALLANYWHERE /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "\r\n", "HTTP/1.1 405 "},
    {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
};

static void request__as_it_comes__is_answered(void **state)
{
	struct web_world *world = *state;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		struct client client;

		client_opens(&client, world);
		says(world, &client, plain[i].request, 1);

		assert_begins(&client, plain[i].answer);
		client_closes(&client);
	}
}

static void request__with_too_many_headers__is_refused(void **state)
{
	struct web_world *world = *state;
	struct client client;
	struct buf request;

	buf_init(&request, 65536);
	buf_puts(&request, "GET /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS);
	for (int i = 0; i < HTTP_HEADER_COUNT_MAX; i++)
		buf_printf(&request, "X-%d: y\r\n", i);
	buf_puts(&request, "\r\n");
	client_opens(&client, world);
	says(world, &client, buf_text(&request), 1);

	assert_begins(&client, "HTTP/1.1 431 ");
	client_closes(&client);
	buf_fini(&request);
}

static void request__with_headers_without_end__is_refused(void **state)
{
	struct web_world *world = *state;
	struct client client;
	size_t len;
	char *request = huge("GET /v1/alerts HTTP/1.1\r\nHost: x\r\nX: ", 2 * HTTP_HEADERS_MAX, &len);

	memset(request + len - HTTP_HEADERS_MAX, 'y', HTTP_HEADERS_MAX);
	client_opens(&client, world);
	exchange(world, &client, request, len, SIZE_MAX);

	assert_begins(&client, "HTTP/1.1 4");
	client_closes(&client);
	free(request);
}

static void head__of_what_can_be_read__has_its_length_and_no_body(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client, "HEAD /v1/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" OPS "\r\n", SIZE_MAX);

	assert_begins(&client, "HTTP/1.1 200 ");
	assert_says(&client, "Content-Length: ");
	assert_string_equal(buf_text(&client.got) + client.got.len - 4, "\r\n\r\n");
	client_closes(&client);
}

static void body__larger_than_is_taken__is_dropped_and_the_connection_stays(void **state)
{
	struct web_world *world = *state;
	struct client client;
	size_t len;
	char *request = huge("POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5242880\r\n\r\n", 5 << 20, &len);
	char *next = post("", ALERT);

	client_opens(&client, world);
	exchange(world, &client, request, len, 1);
	assert_begins(&client, "HTTP/1.1 413 ");
	says(world, &client, next, 2);

	assert_says(&client, "HTTP/1.1 202 ");
	client_closes(&client);
	free(request);
	free(next);
}

/* Each is sent whole as far as the server reads, and its answer is read only then: it must not be lost to a reset. */
static const struct {
	const char *head;
	size_t body;
} floods[] = {
    {"POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 9437184\r\n\r\n", 9 << 20},
    {"POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 33554432\r\n\r\n", 32 << 20},
    {"DELETE /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 33554432\r\n\r\n", 32 << 20},
    {"POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Transfer-Encoding: chunked\r\n\r\n2000000\r\n", 32 << 20},
};

static void body__far_larger_than_is_taken__is_answered_and_cut_off(void **state)
{
	struct web_world *world = *state;

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct client client;
		size_t len;
		char *request = huge(floods[i].head, floods[i].body, &len);

		client_opens(&client, world);
		exchange(world, &client, request, len, SIZE_MAX);

		assert_begins(&client, "HTTP/1.1 4");
		assert_says(&client, "Connection: close");
		client_closes(&client);
		free(request);
	}
	assert_int_equal(alert_count(world), 0);
}

static void request__half_sent_and_left__is_forgotten(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client, "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 50\r\n\r\nhalf", 0);
	for (int i = 0; i < TURNS_MAX && http_under_way(world->http) == 0; i++)
		turn(world);
	assert_int_equal(http_under_way(world->http), 1);
	client_closes(&client);
	for (int i = 0; i < TURNS_MAX && http_under_way(world->http) == 1; i++)
		turn(world);

	assert_int_equal(http_under_way(world->http), 0);
	assert_int_equal(alert_count(world), 0);
}

/* The FIN comes in one packet with the bytes before it. */
static void request__half_sent_and_shut__is_forgotten_within_a_second(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	assert_true(send(client.fd, "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 50\r\n\r\nhalf", 40, 0) > 0);
	shutdown(client.fd, SHUT_WR);
	for (int i = 0; i < TURNS_MAX; i++)
		turn(world);
	moved_s += 2;
	until_over(world, &client);

	assert_int_equal(http_under_way(world->http), 0);
	client_closes(&client);
}

static void connection__silent__is_closed(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	for (int i = 0; i < TURNS_MAX; i++)
		turn(world);
	moved_s += HTTP_IDLE_S + 2;
	until_over(world, &client);

	assert_true(client.is_over);
	client_closes(&client);
}

static const char *const trickles[] = {
    "GET /v1/al",
    "GET /v1/alerts HTTP/1.1\r\nHost: x",
    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 5000\r\n\r\n",
};

/* A byte now and then keeps the idle timer quiet; the deadline of the whole request does not mind. */
static void request__that_trickles__is_cut_at_its_deadline(void **state)
{
	struct web_world *world = *state;

	for (size_t i = 0; i < sizeof(trickles) / sizeof(trickles[0]); i++) {
		struct client client;
		int64_t passed = 0;

		client_opens(&client, world);
		says(world, &client, trickles[i], 0);
		for (; passed < 4 * HTTP_REQUEST_DEADLINE_S && !client.is_over; passed += 10) {
			for (int n = 0; n < 5; n++)
				turn(world);
			moved_s += 10;
			for (int n = 0; n < 5; n++)
				turn(world);
			(void)!send(client.fd, "a", 1, MSG_NOSIGNAL);
			for (int n = 0; n < 5; n++)
				turn(world);
			client_reads(&client);
		}

		assert_true(client.is_over);
		assert_in_range(passed, HTTP_REQUEST_DEADLINE_S - 10, HTTP_REQUEST_DEADLINE_S + 40);
		client_closes(&client);
	}
}

static void connections__of_one_address__are_bounded(void **state)
{
	enum { MANY = HTTP_CONNECTIONS_PER_ADDRESS_MAX + 10 };
	struct web_world *world = *state;
	struct client *clients = xcalloc(MANY, sizeof(*clients));
	int refused = 0;

	for (int i = 0; i < MANY; i++) {
		client_opens(&clients[i], world);
		turn(world);
	}
	for (int i = 0; i < TURNS_MAX; i++)
		turn(world);
	for (int i = 0; i < MANY; i++) {
		client_reads(&clients[i]);
		refused += clients[i].is_over;
	}

	assert_int_equal(refused, MANY - HTTP_CONNECTIONS_PER_ADDRESS_MAX);
	for (int i = 0; i < MANY; i++)
		client_closes(&clients[i]);
	free(clients);
}

static void commit__fails__every_answer_becomes_503(void **state)
{
	static const char *const requests[] = {
	    "POST /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "Content-Length: 13\r\n\r\n{\"title\":\"t\"}",
	    "GET /v1/alerts HTTP/1.1\r\nHost: x\r\n" OPS "\r\n",
	};
	struct web_world *world = *state;
	struct client clients[2];

	for (size_t i = 0; i < 2; i++) {
		client_opens(&clients[i], world);
		assert_true(send(clients[i].fd, requests[i], strlen(requests[i]), 0) > 0);
	}
	bot_world_disk_fails(true);
	for (size_t i = 0; i < 2; i++)
		says(world, &clients[i], "", 1);
	bot_world_disk_fails(false);

	assert_begins(&clients[0], "HTTP/1.1 503 ");
	assert_says(&clients[0], "application/problem+json");
	assert_says(&clients[0], "Retry-After: ");
	assert_int_equal(alert_count(world), 0);
	says(world, &clients[0], requests[0], 2);
	assert_says(&clients[0], "HTTP/1.1 202 ");
	for (size_t i = 0; i < 2; i++)
		client_closes(&clients[i]);
}

static void own__endpoint__is_answered_without_a_transaction(void **state)
{
	struct web_world *world = *state;
	struct client client;

	client_opens(&client, world);
	says(world, &client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 1);

	assert_says(&client, "\r\n\r\nok\n");
	assert_int_equal(world->owned, 1);
	assert_int_equal(world->bot->loop.commits, 0);
	client_closes(&client);
}

static void quiesce__answers_what_is_there__and_takes_nobody_new(void **state)
{
	struct web_world *world = *state;
	struct client client, late;
	char *request = post("", ALERT);

	client_opens(&client, world);
	exchange(world, &client, request, 20, 0);
	for (int i = 0; i < TURNS_MAX; i++)
		turn(world);
	http_quiesce(world->http);
	assert_false(client_connects(&late, http_port(world->http)));
	says(world, &client, request + 20, SIZE_MAX);

	assert_begins(&client, "HTTP/1.1 202 ");
	assert_says(&client, "Connection: close");
	client_closes(&client);
	client_closes(&late);
	free(request);
}

static void start__on_a_port_that_is_taken__says_so(void **state)
{
	struct web_world *world = *state;
	struct config config = *world->bot->config;
	struct error err = {0};

	config.listen_port = http_port(world->http);

	assert_null(http_start(&world->bot->loop, &config, own, world, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.text, "cannot listen on 127.0.0.1:"));
}

static void start__with_a_certificate_that_is_none__says_so(void **state)
{
	struct web_world *world = *state;
	struct config config = *world->bot->config;
	struct error err = {0};
	char path[128];

	bot_world_path(world->bot, "headsup.yaml", path, sizeof(path));
	config.tls_cert_file = config.tls_key_file = path;

	assert_null(http_start(&world->bot->loop, &config, own, world, &err));
	assert_int_equal(err.kind, ERROR_IO);
	config.tls_key_file = path;
	path[0] = '\0';
	assert_null(http_start(&world->bot->loop, &config, own, world, &err));
	assert_int_equal(err.kind, ERROR_IO);
}

static void metrics__after_answers__count_them_by_class(void **state)
{
	struct web_world *world = *state;
	struct client client;
	struct buf text;

	buf_init(&text, 65536);
	client_opens(&client, world);
	says(world, &client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 2);
	http_metrics(world->http, &text);

	assert_non_null(strstr(buf_text(&text), "headsup_http_answers_total{class=\"2xx\"} 1\n"));
	assert_non_null(strstr(buf_text(&text), "headsup_http_answers_total{class=\"4xx\"} 1\n"));
	assert_non_null(strstr(buf_text(&text), "\nheadsup_http_connections 1\n"));
	client_closes(&client);
	buf_fini(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(post__one_alert__is_answered_when_it_is_on_disk),
	    TEST(posts__pipelined_in_one_packet__are_all_answered),
	    TEST(post__in_single_bytes__is_read_whole),
	    TEST(post__chunked__is_read_whole),
	    TEST(post__that_expects_100__is_told_to_continue),
	    TEST(post__that_expects_100_and_may_not__is_refused_at_once),
	    TEST(post__refused_with_a_body__leaves_the_connection_usable),
	    TEST(request__whose_end_is_in_doubt__is_refused_and_the_connection_closed),
	    TEST(request__as_it_comes__is_answered),
	    TEST(request__with_too_many_headers__is_refused),
	    TEST(request__with_headers_without_end__is_refused),
	    TEST(head__of_what_can_be_read__has_its_length_and_no_body),
	    TEST(body__larger_than_is_taken__is_dropped_and_the_connection_stays),
	    TEST(body__far_larger_than_is_taken__is_answered_and_cut_off),
	    TEST(request__half_sent_and_left__is_forgotten),
	    TEST(request__half_sent_and_shut__is_forgotten_within_a_second),
	    TEST(connection__silent__is_closed),
	    TEST(request__that_trickles__is_cut_at_its_deadline),
	    TEST(connections__of_one_address__are_bounded),
	    TEST(commit__fails__every_answer_becomes_503),
	    TEST(own__endpoint__is_answered_without_a_transaction),
	    TEST(quiesce__answers_what_is_there__and_takes_nobody_new),
	    TEST(start__on_a_port_that_is_taken__says_so),
	    TEST(start__with_a_certificate_that_is_none__says_so),
	    TEST(metrics__after_answers__count_them_by_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
