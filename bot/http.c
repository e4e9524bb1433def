#include "bot/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bot/metrics.h"
#include "bot/target.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/later.h"

#define BACKLOG 1024
#define RUNS_MAX 3             /* of MHD in one turn of the loop */
#define SWEEP_MS 1000
#define TLS_FILE_MAX (1 << 20) /* bytes of a certificate chain or key */
#define RETRY_AFTER_S 5        /* told with each 503 of ours */
#define LINGER_READS 16        /* of 16 KiB, in one turn */
#define BODY_DRAIN_MAX (HTTP_DRAIN_MAX - (1 << 20)) /* the last of the drain is for lingering */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/* Where a connection stands; each phase has a deadline of its own. */
enum phase { PHASE_QUIET, PHASE_READING, PHASE_HELD, PHASE_WAITING, PHASE_ANSWERING };

struct connection {
	struct http *http;
	struct MHD_Connection *mhd;
	struct request *request; /* under way; NULL between requests */
	int fd;                  /* MHD's */
	enum phase phase;
	uint64_t phase_at;  /* uv_now() */
	size_t linger;      /* closed with so much of a body still to be dropped */
	char remote[INET6_ADDRSTRLEN];
	LIST_ENTRY(connection) link;
};

struct request {
	struct connection *connection;
	struct target target;
	struct error target_error; /* why the target could not be read */
	char method[16];
	struct api_param *headers; /* names and values are MHD's, until the request is over */
	size_t header_count;
	bool has_begun;   /* headers were looked at */
	bool is_answered; /* ANSWER holds what to say; what still comes of the body is dropped */
	struct buf body;
	size_t limit;   /* most bytes of BODY */
	size_t dropped; /* bytes of a refused body that were read */
	size_t held;    /* its part of http->held */
	struct api_answer answer;
	struct later *later; /* makes ANSWER better; NULL: nothing does */
};

/* One MHD daemon: there are two for a while after a certificate was renewed. */
struct server {
	struct http *http;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;   /* MHD's epoll descriptor */
	uv_timer_t timer; /* MHD's own timeouts */
	uv_idle_t again;  /* MHD wants to run once more, now */
	int handles;      /* of these, not closed yet */
	char *cert, *key;
	bool is_quiet; /* takes no new connections */
	LIST_ENTRY(server) link;
};

/* The read side of a connection that was answered before its body was in: closing at once would make the peer lose the answer. */
struct lingerer {
	struct http *http;
	uv_poll_t poll;
	int fd;
	size_t left;
	uint64_t until;
	LIST_ENTRY(lingerer) link;
};

struct http {
	struct loop *loop;
	http_own own;
	void *ctx;
	int listen_fd;
	int port;
	bool is_quiet, is_stopping;
	char said[256]; /* what MHD complained of first, since a server was started */
	LIST_HEAD(, server) servers; /* the newest first: it takes the connections */
	LIST_HEAD(, connection) connections;
	LIST_HEAD(, lingerer) lingers;
	uv_timer_t sweep;
	int open; /* servers, lingers and the sweep: the last one closed frees */
	size_t connection_count, linger_count, under_way, held;
	uint64_t accepted, overdue, handled;
	uint64_t answers[6]; /* by status / 100 */
};

/* ---- MHD on the loop --------------------------------------------------------------------------------- */

static void server_run(struct server *server);

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	server_run(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
	server_run(timer->data);
}

static void on_again(uv_idle_t *again)
{
	server_run(again->data);
}

/*
 * While requests were being handled others came: what one commit takes, and its hold on the disk, is shared by all of them.
 * Zero means at once: not doing so would leave a request lying for up to a second.
 */
static void server_run(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	uint64_t before;
	bool waits;

	for (int i = 0; i < RUNS_MAX; i++) {
		before = server->http->handled;
		MHD_run(server->daemon);
		if (server->http->handled == before)
			break;
	}
	waits = MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES;
	if (waits && wait_ms == 0)
		uv_idle_start(&server->again, on_again);
	else
		uv_idle_stop(&server->again);
	if (waits && wait_ms > 0)
		uv_timer_start(&server->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&server->timer);
}

/* MHD runs at the start of the next turn, before the loop could sleep. */
static void run_soon(struct http *http)
{
	struct server *server;

	LIST_FOREACH(server, &http->servers, link)
		uv_idle_start(&server->again, on_again);
}

/* ---- what is held of bodies and answers ------------------------------------------------------------- */

static bool has_room(const struct request *request, size_t bytes)
{
	return bytes <= HTTP_HELD_MAX && request->connection->http->held <= HTTP_HELD_MAX - bytes;
}

static bool hold(struct request *request, size_t bytes)
{
	if (!has_room(request, bytes))
		return false;
	request->connection->http->held += bytes;
	request->held += bytes;
	return true;
}

static void drop_body(struct request *request)
{
	request->connection->http->held -= request->held;
	request->held = 0;
	buf_fini(&request->body);
	buf_init(&request->body, 0);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void enter(struct connection *connection, enum phase phase)
{
	connection->phase = phase;
	connection->phase_at = uv_now(connection->http->loop->uv);
}

/* ANSWER is decided without a look at the body: its rest is dropped. */
static void refuse(struct request *request, int status, const char *detail)
{
	drop_body(request);
	api_problem(&request->answer, status, detail);
	request->answer.retry_after_s = status == 503 ? RETRY_AFTER_S : 0;
	request->is_answered = true;
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

static void add_headers(struct http *http, struct MHD_Response *response, const struct api_answer *answer)
{
	char seconds[32];

	if (answer->content_type != NULL)
		add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	if (answer->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%" PRId64, answer->retry_after_s);
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	if (answer->asks_basic)
		add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Basic realm=\"headsup\", charset=\"UTF-8\"");
	if (answer->allow != NULL)
		add_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	if (answer->allowed_origin != NULL)
		add_header(response, "WebHook-Allowed-Origin", answer->allowed_origin);
	if (http->is_quiet)
		add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static void count_answer(struct http *http, int status)
{
	if (status >= 100 && status < 600)
		http->answers[status / 100]++;
}

static enum MHD_Result send_answer(struct request *request)
{
	struct connection *connection = request->connection;
	struct api_answer *answer = &request->answer;
	struct MHD_Response *response;
	enum MHD_Result queued;
	size_t len = answer->body.len;
	char *text;

	drop_body(request);
	(void)hold(request, len); /* it exists already: what is over the bound only keeps others waiting */
	text = len > 0 ? buf_take(&answer->body) : NULL;
	response = MHD_create_response_from_buffer(len, text != NULL ? text : (char[]){""},
	    text != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_MUST_COPY);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	add_headers(connection->http, response, answer);
	queued = MHD_queue_response(connection->mhd, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	count_answer(connection->http, answer->status);
	log_debug("http method=%s path=%s status=%d bytes=%zu from=%s", request->method,
	    request->target.path != NULL ? request->target.path : "?", answer->status, len,
	    connection->remote);
	enter(connection, PHASE_ANSWERING);
	return queued;
}

/*
 * MHD takes no answer in the middle of a body. Past the drain of a chunked one the answer is put on the wire by hand (nothing
 * else of this request has been), then the connection is closed; over TLS it is just closed.
 */
static enum MHD_Result cut_off(struct request *request)
{
	struct connection *connection = request->connection;
	struct api_answer *answer = &request->answer;
	struct buf text;

	count_answer(connection->http, answer->status);
	connection->linger = HTTP_DRAIN_MAX - request->dropped;
	if (LIST_FIRST(&connection->http->servers)->cert != NULL)
		return MHD_NO;
	buf_init(&text, 4096);
	buf_printf(&text,
	    "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
	    answer->status, MHD_get_reason_phrase_for((unsigned)answer->status), answer->content_type,
	    answer->body.len);
	buf_put(&text, buf_text(&answer->body), answer->body.len);
	if (buf_ok(&text) && send(connection->fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("http cut off from=%s why=%s", connection->remote, strerror(errno));
	buf_fini(&text);
	return MHD_NO;
}

/*
 * Answers before the body is in, after which the connection must close. MHD does that for these two methods only; of others it
 * would wait for the body with the answer in hand.
 */
static enum MHD_Result answer_early(struct request *request)
{
	request->connection->linger = HTTP_DRAIN_MAX;
	if (strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0)
		return send_answer(request);
	return cut_off(request);
}

/* ---- a request, from its headers to its answer ------------------------------------------------------- */

static enum MHD_Result collect_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct request *request = ctx;

	(void)kind;
	if (request->header_count == HTTP_HEADER_COUNT_MAX)
		return MHD_NO;
	request->headers[request->header_count].name = name;
	request->headers[request->header_count++].value = value != NULL ? value : "";
	return MHD_YES;
}

static size_t count_headers(const struct request *request, const char *name, const char **value)
{
	size_t count = 0;

	*value = NULL;
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		*value = request->headers[i].value;
		count++;
	}
	return count;
}

/* `Content-Length : 5` is one header to us and another to the next: RFC 9112, 5.1 wants it refused. */
static bool headers_are_plain(const struct request *request)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < request->header_count; i++) {
		const char *name = request->headers[i].name;

		if (name[0] == '\0' || name[strspn(name, token)] != '\0')
			return false;
	}
	return true;
}

/* HTTP/1.1 wants one Host, not none and not two (RFC 9112, 3.2). */
static bool host_is_plain(const struct request *request, const char *version)
{
	const char *host;
	size_t count = count_headers(request, MHD_HTTP_HEADER_HOST, &host);

	return count == 1 || (count == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) != 0);
}

/*
 * How long the body is must be said once and plainly, or two servers in a row see different requests (RFC 9112, 6.3 and 11.2).
 * Sets *LENGTH, -1 when it is chunked.
 */
static bool body_length(struct request *request, const char *version, int64_t *length)
{
	const char *encoding, *text;
	size_t encodings = count_headers(request, MHD_HTTP_HEADER_TRANSFER_ENCODING, &encoding);
	size_t lengths = count_headers(request, MHD_HTTP_HEADER_CONTENT_LENGTH, &text);
	char *end;

	*length = 0;
	if (encodings > 0) {
		*length = -1;
		return encodings == 1 && lengths == 0 && strcasecmp(encoding, "chunked") == 0 &&
		       strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	}
	if (lengths == 0)
		return true;
	if (lengths > 1 || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	*length = strtoll(text, &end, 10);
	return errno == 0;
}

static struct api_request asked(const struct request *request)
{
	/* HEAD is GET without the body; MHD leaves that out. */
	return (struct api_request){
	    .method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method,
	    .path = request->target.path,
	    .query = request->target.query,
	    .query_count = request->target.query_count,
	    .headers = request->headers,
	    .header_count = request->header_count,
	    .body = request->body.len > 0 ? request->body.data : "",
	    .body_len = request->body.len,
	    .remote = request->connection->remote,
	};
}

/* Is the body worth reading? Sets the limit, or the answer. Nothing is read from storage or written for it: it is no event. */
static void admit(struct request *request)
{
	struct http *http = request->connection->http;
	struct api_request asks = asked(request);

	request->is_answered = (http->own != NULL && http->own(http->ctx, &asks, &request->answer)) ||
			       !api_admit(http->loop->desk, &asks, &request->limit, &request->answer);
}

static void too_large(struct request *request)
{
	char detail[128];

	snprintf(detail, sizeof(detail), "the body is larger than the %zu bytes that are taken here",
	    request->limit);
	refuse(request, 413, detail);
}

static enum MHD_Result begin(struct request *request, const char *method, const char *version)
{
	const char *expects;
	int64_t length;

	request->has_begun = true;
	snprintf(request->method, sizeof(request->method), "%s", method);
	request->headers = xcalloc(HTTP_HEADER_COUNT_MAX, sizeof(*request->headers));
	MHD_get_connection_values(request->connection->mhd, MHD_HEADER_KIND, collect_header, request);
	if (request->header_count == HTTP_HEADER_COUNT_MAX) {
		refuse(request, 431, "too many header fields");
		return answer_early(request);
	}
	if (!headers_are_plain(request)) {
		refuse(request, 400, "a header's name holds what no name may hold");
		return answer_early(request);
	}
	if (!body_length(request, version, &length)) {
		refuse(request, 400, "the length of the body is not said once and plainly");
		return answer_early(request); /* where this request ends is unknown */
	}
	if (request->target.path == NULL)
		refuse(request, request->target_error.kind == ERROR_TOO_LONG ? 414 : 400,
		    request->target_error.text);
	else if (!host_is_plain(request, version))
		refuse(request, 400, "HTTP/1.1 wants one Host header");
	else
		admit(request);
	if (!request->is_answered && length > 0 && (uint64_t)length > request->limit)
		too_large(request);
	if (!request->is_answered && !has_room(request, length > 0 ? (size_t)length : 0))
		refuse(request, 503, "too much is being sent at once; try again");
	if (!request->is_answered)
		buf_init(&request->body, request->limit);
	if (!request->is_answered || length == 0)
		return MHD_YES;
	/* Refused before a byte of the body was asked for, or with more to come than is worth dropping politely. */
	if (length > HTTP_DRAIN_MAX ||
	    count_headers(request, MHD_HTTP_HEADER_EXPECT, &expects) > 0)
		return answer_early(request);
	return MHD_YES;
}

static enum MHD_Result read_body(struct request *request, const char *data, size_t len)
{
	if (!request->is_answered && len > request->limit - request->body.len)
		too_large(request);
	if (!request->is_answered && !hold(request, len))
		refuse(request, 503, "too much is being sent at once; try again");
	if (!request->is_answered) {
		buf_put(&request->body, data, len);
		return MHD_YES;
	}
	request->dropped += len;
	return request->dropped > BODY_DRAIN_MAX ? cut_off(request) : MHD_YES;
}

/* Nothing makes the answer better any more. SAID: it goes out as it is. */
static void forget_later(struct request *request, bool said)
{
	if (request->later != NULL)
		later_leave(request->later, said);
	later_drop(request->later);
	request->later = NULL;
}

static void take_later(struct request *request)
{
	struct buf *body = &request->answer.body;
	char *text;

	if (request->later != NULL && request->later->answer != NULL) {
		text = json_write(request->later->answer);
		buf_reset(body);
		buf_puts(body, text);
		buf_putc(body, '\n');
		free(text);
	}
	forget_later(request, true);
}

static void resume(struct request *request)
{
	take_later(request);
	request->is_answered = true;
	enter(request->connection, PHASE_ANSWERING);
	MHD_resume_connection(request->connection->mhd);
	run_soon(request->connection->http);
}

static void on_later(void *ctx)
{
	resume(ctx);
}

/* The iteration is on disk, or it is not. */
static void released(void *ctx, bool stored)
{
	struct request *request = ctx;

	if (!stored) {
		forget_later(request, false);
		refuse(request, 503, "this could not be stored, nothing was done; try again");
	}
	if (request->later == NULL || request->later->is_over || request->connection->http->is_quiet) {
		resume(request);
		return;
	}
	request->later->over = on_later;
	request->later->ctx = request;
	enter(request->connection, PHASE_WAITING);
}

static enum MHD_Result handle(struct request *request)
{
	struct loop *loop = request->connection->http->loop;
	struct api_request asks = asked(request);
	struct error err = {0};
	bool keep, is_ended;

	if (!loop_event(loop, &err)) {
		refuse(request, 503, "storage is out of order; try again");
		return send_answer(request);
	}
	request->connection->http->handled++;
	keep = api_handle(loop->desk, &asks, &request->answer);
	request->later = desk_take_later(loop->desk);
	is_ended = loop_event_end(loop, keep, &err);
	if (!is_ended)
		refuse(request, 503, "this could not be stored, nothing was done; try again");
	if (!keep || !is_ended)
		forget_later(request, false);
	drop_body(request);
	enter(request->connection, PHASE_HELD);
	MHD_suspend_connection(request->connection->mhd);
	loop_after_commit(loop, released, request);
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *len, void **request_ctx)
{
	struct request *request = *request_ctx;
	size_t arrived = *len;

	(void)ctx;
	(void)mhd;
	(void)url;
	*len = 0;
	if (request == NULL)
		return MHD_NO;
	if (!request->has_begun)
		return begin(request, method, version);
	if (arrived > 0)
		return read_body(request, data, arrived);
	return request->is_answered ? send_answer(request) : handle(request);
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* The first line is in; what is returned is the request's context. MHD's own reading of the target is not used: it cuts at %00. */
static void *on_first_line(void *ctx, const char *target, struct MHD_Connection *mhd)
{
	struct connection *connection = connection_of(mhd);
	struct request *request;

	(void)ctx;
	if (connection == NULL)
		return NULL;
	request = xcalloc(1, sizeof(*request));
	request->connection = connection;
	snprintf(request->method, sizeof(request->method), "?");
	buf_init(&request->body, 0);
	api_answer_init(&request->answer);
	(void)target_parse(target, &request->target, &request->target_error);
	connection->request = request;
	connection->http->under_way++;
	enter(connection, PHASE_READING);
	return request;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request_ctx,
    enum MHD_RequestTerminationCode why)
{
	struct request *request = *request_ctx;
	struct connection *connection;

	(void)ctx;
	(void)mhd;
	if (request == NULL)
		return;
	*request_ctx = NULL;
	connection = request->connection;
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		log_debug("http request ended early from=%s code=%d", connection->remote, (int)why);
	loop_forget(connection->http->loop, request);
	forget_later(request, false);
	drop_body(request);
	buf_fini(&request->body);
	api_answer_fini(&request->answer);
	target_fini(&request->target);
	free(request->headers);
	connection->request = NULL;
	connection->http->under_way--;
	enter(connection, PHASE_QUIET);
	free(request);
}

/* ---- connections -------------------------------------------------------------------------------------- */

static void name_remote(struct connection *connection, const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const void *at = NULL;
	int family = address != NULL ? address->sa_family : AF_UNSPEC;

	if (family == AF_INET) {
		at = &v4->sin_addr;
	} else if (family == AF_INET6) {
		at = &v6->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			family = AF_INET;
			at = &v6->sin6_addr.s6_addr[12];
		}
	}
	if (at == NULL || inet_ntop(family, at, connection->remote, sizeof(connection->remote)) == NULL)
		snprintf(connection->remote, sizeof(connection->remote), "unknown");
}

static struct connection *connection_new(struct http *http, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info;
	struct connection *connection = xcalloc(1, sizeof(*connection));

	connection->http = http;
	connection->mhd = mhd;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->fd = info != NULL ? info->connect_fd : -1;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	name_remote(connection, info != NULL ? info->client_addr : NULL);
	LIST_INSERT_HEAD(&http->connections, connection, link);
	http->connection_count++;
	http->accepted++;
	enter(connection, PHASE_QUIET);
	return connection;
}

static void linger_start(const struct connection *connection);

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *http = ctx;
	struct connection *connection = *socket_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = connection_new(http, mhd);
		return;
	}
	if (connection == NULL)
		return;
	if (connection->linger > 0)
		linger_start(connection);
	LIST_REMOVE(connection, link);
	http->connection_count--;
	free(connection);
	*socket_context = NULL;
}

static uint64_t phase_limit_ms(enum phase phase)
{
	switch (phase) {
	case PHASE_QUIET: /* MHD's own timer ends what is silent; this ends what trickles */
	case PHASE_READING:
		return HTTP_REQUEST_DEADLINE_S * UINT64_C(1000);
	case PHASE_ANSWERING:
		return HTTP_ANSWER_DEADLINE_S * UINT64_C(1000);
	case PHASE_HELD:
	case PHASE_WAITING: /* ended by end_waiting() */
		break;
	}
	return UINT64_MAX;
}

static bool is_overdue(struct connection *connection)
{
	uint64_t now = uv_now(connection->http->loop->uv);

	if (now - connection->phase_at <= phase_limit_ms(connection->phase))
		return false;
	log_debug("http overdue from=%s", connection->remote);
	connection->http->overdue++;
	enter(connection, connection->phase);
	return true;
}

/*
 * The peer has closed, and nothing of it is left to be read. MHD waits for edges, and misses a FIN that came together with the last
 * bytes: the connection would count against its address until the idle timeout.
 */
static bool is_abandoned(const struct connection *connection)
{
	char byte;

	return (connection->phase == PHASE_QUIET || connection->phase == PHASE_READING) &&
	       recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* MHD sees the end of the stream and closes. */
static void end_overdue(struct http *http)
{
	struct connection *connection;

	LIST_FOREACH(connection, &http->connections, link) {
		if (is_overdue(connection) || is_abandoned(connection))
			shutdown(connection->fd, SHUT_RDWR);
	}
}

/* Those who wait for a better answer since LIMIT_MS or longer get the one that there is. */
static void end_waiting(struct http *http, uint64_t limit_ms)
{
	struct connection *connection;

	LIST_FOREACH(connection, &http->connections, link) {
		if (connection->phase != PHASE_WAITING || uv_now(http->loop->uv) - connection->phase_at < limit_ms)
			continue;
		forget_later(connection->request, true);
		resume(connection->request);
	}
}

/* ---- lingering ----------------------------------------------------------------------------------------- */

/* One of what http has on the loop is closed; the last one frees it. */
static void closed_one(struct http *http)
{
	if (--http->open == 0 && http->is_stopping)
		free(http);
}

static void on_linger_closed(uv_handle_t *handle)
{
	struct lingerer *linger = handle->data;
	struct http *http = linger->http;

	close(linger->fd);
	free(linger);
	closed_one(http);
}

static void linger_end(struct lingerer *linger)
{
	LIST_REMOVE(linger, link);
	linger->http->linger_count--;
	uv_close((uv_handle_t *)&linger->poll, on_linger_closed);
}

static void on_lingering(uv_poll_t *poll, int status, int events)
{
	struct lingerer *linger = poll->data;
	char space[16384];

	(void)events;
	for (int i = 0; i < LINGER_READS && status == 0; i++) {
		ssize_t got = recv(linger->fd, space, sizeof(space), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 || (size_t)got >= linger->left) {
			status = 1;
			break;
		}
		linger->left -= (size_t)got;
	}
	if (status != 0)
		linger_end(linger);
}

/* MHD closes its own descriptor right after this; the copy keeps the read side. */
static void linger_start(const struct connection *connection)
{
	struct http *http = connection->http;
	struct lingerer *linger;
	int fd;

	if (http->is_stopping || http->linger_count == HTTP_LINGERS_MAX)
		return;
	fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return;
	linger = xcalloc(1, sizeof(*linger));
	if (uv_poll_init(http->loop->uv, &linger->poll, fd) != 0) {
		close(fd);
		free(linger);
		return;
	}
	linger->http = http;
	linger->fd = fd;
	linger->left = connection->linger;
	linger->until = uv_now(http->loop->uv) + HTTP_LINGER_S * UINT64_C(1000);
	linger->poll.data = linger;
	LIST_INSERT_HEAD(&http->lingers, linger, link);
	http->linger_count++;
	http->open++;
	uv_poll_start(&linger->poll, UV_READABLE, on_lingering);
}

static void end_lingers(struct http *http, uint64_t now)
{
	struct lingerer *linger = LIST_FIRST(&http->lingers), *next;

	for (; linger != NULL; linger = next) {
		next = LIST_NEXT(linger, link);
		if (linger->until <= now)
			linger_end(linger);
	}
}

/* ---- servers ------------------------------------------------------------------------------------------- */

static void server_free(struct server *server)
{
	if (server == NULL)
		return;
	if (server->key != NULL)
		explicit_bzero(server->key, strlen(server->key));
	free(server->key);
	free(server->cert);
	free(server);
}

static void on_server_closed(uv_handle_t *handle)
{
	struct server *server = handle->data;
	struct http *http = server->http;

	if (--server->handles > 0)
		return;
	server_free(server);
	closed_one(http);
}

/* All connections of SERVER end here; none may be suspended. */
static void server_stop(struct server *server)
{
	uv_poll_stop(&server->poll); /* before MHD closes the descriptor */
	uv_close((uv_handle_t *)&server->poll, on_server_closed);
	uv_close((uv_handle_t *)&server->timer, on_server_closed);
	uv_close((uv_handle_t *)&server->again, on_server_closed);
	MHD_stop_daemon(server->daemon);
	server->daemon = NULL;
	LIST_REMOVE(server, link);
}

static void server_quiesce(struct server *server)
{
	MHD_socket fd;

	if (server->is_quiet)
		return;
	server->is_quiet = true;
	fd = MHD_quiesce_daemon(server->daemon);
	if (fd != MHD_INVALID_SOCKET)
		close(fd);
	server_run(server);
}

/* The first complaint is the cause; those after it only pass it on. */
static __attribute__((format(printf, 2, 0))) void on_said(void *ctx, const char *format, va_list args)
{
	struct http *http = ctx;
	char line[256];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http %s", line);
	if (http->said[0] == '\0')
		snprintf(http->said, sizeof(http->said), "%s", line);
}

static struct MHD_Daemon *start_daemon(struct http *http, const struct server *server, int fd)
{
	struct MHD_OptionItem tls[] = {
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, server->cert},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, (char[]){TLS_PRIORITIES}},
	    {MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (server->cert != NULL)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http,
	    MHD_OPTION_EXTERNAL_LOGGER, on_said, http, /* first: it hears what is wrong with the others */
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_PER_ADDRESS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADERS_MAX,
	    MHD_OPTION_STRICT_FOR_CLIENT, 0,
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_URI_LOG_CALLBACK, on_first_line, http,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
	    MHD_OPTION_ARRAY, server->cert != NULL ? tls : none,
	    MHD_OPTION_END);
}

/* A file of PEM, whole; NULL with ERROR_IO. The caller frees. */
static char *read_pem(const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t len;

	if (file == NULL) {
		error_set(err, ERROR_IO, "%s cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	text = xcalloc(TLS_FILE_MAX + 1, 1);
	len = fread(text, 1, TLS_FILE_MAX + 1, file);
	if (ferror(file) || len == 0 || len > TLS_FILE_MAX) {
		error_set(err, ERROR_IO, "%s cannot be read, is empty, or is larger than 1 MiB", path);
		explicit_bzero(text, len);
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static bool read_tls(struct server *server, const struct config *config, struct error *err)
{
	if (config->tls_cert_file == NULL)
		return true;
	server->cert = read_pem(config->tls_cert_file, err);
	if (server->cert == NULL)
		return false;
	if (config->tls_key_file == NULL)
		return error_set(err, ERROR_USAGE, "tls: cert_file is given, key_file is not");
	server->key = read_pem(config->tls_key_file, err);
	return server->key != NULL;
}

/* Starts a server on http->listen_fd; it takes over from those before it. SERVER is freed when that fails. */
static bool server_start(struct http *http, struct server *server, struct error *err)
{
	const union MHD_DaemonInfo *info;
	int fd = fcntl(http->listen_fd, F_DUPFD_CLOEXEC, 0);

	server->http = http;
	http->said[0] = '\0';
	server->daemon = fd >= 0 ? start_daemon(http, server, fd) : NULL;
	if (server->daemon == NULL) {
		error_set(err, ERROR_IO, "the HTTP server does not start: %s",
		    fd < 0 ? strerror(errno) : http->said);
		server_free(server);
		return false;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	uv_poll_init(http->loop->uv, &server->poll, info->epoll_fd);
	uv_timer_init(http->loop->uv, &server->timer);
	uv_idle_init(http->loop->uv, &server->again);
	server->poll.data = server->timer.data = server->again.data = server;
	server->handles = 3;
	http->open++;
	LIST_INSERT_HEAD(&http->servers, server, link);
	uv_poll_start(&server->poll, UV_READABLE, on_readable);
	server_run(server);
	return true;
}

/* ---- listening ------------------------------------------------------------------------------------------ */

static int listen_at(const struct addrinfo *address)
{
	int yes = 1, no = 0;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static int bound_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static bool open_listener(struct http *http, const char *host, int port, struct error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found, *at;
	char service[16];
	int code;

	snprintf(service, sizeof(service), "%d", port);
	code = getaddrinfo(text_is_empty(host) || text_equal(host, "*") ? NULL : host, service, &hints, &found);
	if (code != 0)
		return error_set(err, ERROR_USAGE, "listen: %s is no address of this machine: %s", host,
		    gai_strerror(code));
	for (at = found; at != NULL && http->listen_fd < 0; at = at->ai_next)
		http->listen_fd = listen_at(at);
	code = errno;
	freeaddrinfo(found);
	if (http->listen_fd < 0)
		return error_set(err, ERROR_IO, "cannot listen on %s:%d: %s%s", host, port, strerror(code),
		    code == EADDRINUSE ? "; is another headsup running there?" : "");
	http->port = bound_port(http->listen_fd);
	return true;
}

/* ---- what bot/ calls -------------------------------------------------------------------------------------- */

static void on_sweep(uv_timer_t *timer)
{
	struct http *http = timer->data;
	struct server *server = LIST_FIRST(&http->servers), *next;

	end_overdue(http);
	end_waiting(http, HTTP_LATER_S * UINT64_C(1000));
	end_lingers(http, uv_now(http->loop->uv));
	for (; server != NULL; server = next) {
		const union MHD_DaemonInfo *info =
		    MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

		next = LIST_NEXT(server, link);
		if (server->is_quiet && !http->is_quiet && info->num_connections == 0)
			server_stop(server);
	}
}

static void on_panic(void *ctx, const char *file, unsigned line, const char *why)
{
	(void)ctx;
	log_error("http libmicrohttpd panics at=%s:%u why=%s", file, line, why != NULL ? why : "?");
	abort();
}

static char *bare_host(const char *host)
{
	size_t len = host != NULL ? strlen(host) : 0;

	if (len > 2 && host[0] == '[' && host[len - 1] == ']')
		return xstrndup(host + 1, len - 2);
	return xstrdup(host != NULL ? host : "");
}

static void log_listening(const struct http *http, const char *host, bool is_tls)
{
	bool is_v6 = strchr(host, ':') != NULL;

	log_info("listening on %s://%s%s%s:%d", is_tls ? "https" : "http", is_v6 ? "[" : "",
	    text_is_empty(host) ? "0.0.0.0" : host, is_v6 ? "]" : "", http->port);
}

struct http *http_start(struct loop *loop, const struct config *config, http_own own, void *ctx, struct error *err)
{
	struct http *http = xcalloc(1, sizeof(*http));
	struct server *server = xcalloc(1, sizeof(*server));
	char *host = bare_host(config->listen_host);

	http->loop = loop;
	http->own = own;
	http->ctx = ctx;
	http->listen_fd = -1;
	MHD_set_panic_func(on_panic, NULL);
	if (!read_tls(server, config, err) || !open_listener(http, host, config->listen_port, err)) {
		server_free(server);
		goto fail;
	}
	if (!server_start(http, server, err))
		goto fail;
	uv_timer_init(loop->uv, &http->sweep);
	http->sweep.data = http;
	http->open++;
	uv_timer_start(&http->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	log_listening(http, host, server->cert != NULL);
	free(host);
	return http;
fail:
	if (http->listen_fd >= 0)
		close(http->listen_fd);
	free(host);
	free(http);
	return NULL;
}

int http_port(const struct http *http)
{
	return http->port;
}

bool http_reload(struct http *http, const struct config *config, struct error *err)
{
	struct server *old = LIST_FIRST(&http->servers);
	struct server *renewed = xcalloc(1, sizeof(*renewed));

	if (!read_tls(renewed, config, err)) {
		server_free(renewed);
		return false;
	}
	if (http->is_quiet || (text_equal(renewed->cert, old->cert) && text_equal(renewed->key, old->key)) ||
	    (renewed->cert == NULL) != (old->cert == NULL)) {
		server_free(renewed);
		return true;
	}
	if (!server_start(http, renewed, err))
		return false;
	server_quiesce(old);
	log_info("http certificate renewed");
	return true;
}

void http_quiesce(struct http *http)
{
	struct server *server;

	if (http->is_quiet)
		return;
	http->is_quiet = true;
	end_waiting(http, 0);
	LIST_FOREACH(server, &http->servers, link)
		server_quiesce(server);
	close(http->listen_fd);
	http->listen_fd = -1;
}

size_t http_under_way(const struct http *http)
{
	return http->under_way;
}

/* MHD must not be stopped with a connection suspended. */
static void resume_all(struct http *http)
{
	struct connection *connection;
	struct server *server;

	LIST_FOREACH(connection, &http->connections, link) {
		if (connection->phase != PHASE_HELD)
			continue;
		loop_forget(http->loop, connection->request);
		refuse(connection->request, 503, "headsup is stopping; try again");
		enter(connection, PHASE_READING);
		MHD_resume_connection(connection->mhd);
	}
	LIST_FOREACH(server, &http->servers, link)
		MHD_run(server->daemon);
}

static void on_sweep_closed(uv_handle_t *handle)
{
	closed_one(handle->data);
}

void http_stop(struct http *http)
{
	if (http == NULL)
		return;
	http->is_stopping = true;
	http_quiesce(http);
	resume_all(http);
	while (!LIST_EMPTY(&http->servers))
		server_stop(LIST_FIRST(&http->servers));
	while (!LIST_EMPTY(&http->lingers))
		linger_end(LIST_FIRST(&http->lingers));
	uv_close((uv_handle_t *)&http->sweep, on_sweep_closed);
}

void http_metrics(const struct http *http, struct buf *out)
{
	metrics_head(out, "headsup_http_answers_total", "counter", "HTTP answers by class of status.");
	for (int i = 1; i < 6; i++)
		buf_printf(out, "headsup_http_answers_total{class=\"%dxx\"} %" PRIu64 "\n", i, http->answers[i]);
	metrics_value(out, "headsup_http_connections", "gauge", "Open HTTP connections.", (double)http->connection_count);
	metrics_value(out, "headsup_http_connections_total", "counter", "HTTP connections taken since the start.",
	    (double)http->accepted);
	metrics_value(out, "headsup_http_overdue_total", "counter", "HTTP connections ended because a deadline passed.",
	    (double)http->overdue);
	metrics_value(out, "headsup_http_held_bytes", "gauge", "Bytes of bodies and answers in memory.", (double)http->held);
}
