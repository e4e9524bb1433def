/*
 * fake_peer - an HTTP server on the test's own loop: it writes down what it is asked and answers as
 * the test says.
 */
#ifndef TESTS_UNIT_FAKE_PEER_H
#define TESTS_UNIT_FAKE_PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uv.h>

#include "config/base/buf.h"
#include "config/base/memory.h"

#define FAKE_CALLS_MAX 512
#define FAKE_REQUEST_MAX (1 << 20)

enum fake_act { FAKE_ANSWER, FAKE_HANG, FAKE_CUT };
struct fake_answer {
	enum fake_act act;
	int status;          /* 0: 200 */
	const char *headers; /* whole lines, each with its line end; NULL: none */
	const char *body;    /* NULL: empty */
};
struct fake_call {
	char *head; /* request line and headers */
	char *path;
	char *body;
	unsigned connection;
};
struct fake_peer {
	uv_tcp_t listener;
	uv_timer_t ticker; /* UV_RUN_ONCE runs a due timer, then waits for this */
	uv_loop_t *uv;
	int port;
	struct fake_call calls[FAKE_CALLS_MAX];
	size_t call_count;
	unsigned connections;
	struct fake_connection *first;
	/* What is answered to CALL; NULL: {"ok":true}. */
	struct fake_answer (*answer)(void *ctx, const struct fake_call *call);
	void *ctx;
};
struct fake_connection {
	uv_tcp_t tcp;
	struct fake_peer *peer;
	struct fake_connection *next;
	unsigned number;
	struct buf in;
	char space[65536];
	bool is_closed;
};

static inline void fake_on_gone(uv_handle_t *handle)
{
	struct fake_connection *connection = handle->data, **at = &connection->peer->first;

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	buf_fini(&connection->in);
	free(connection);
}

static inline void fake_close(struct fake_connection *connection)
{
	if (connection->is_closed)
		return;
	connection->is_closed = true;
	uv_close((uv_handle_t *)&connection->tcp, fake_on_gone);
}

static inline void fake_on_written(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

static inline void fake_reply(struct fake_connection *connection, const struct fake_answer *answer)
{
	const char *body = answer->body != NULL ? answer->body : "";
	char *text = xasprintf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s",
	    answer->status != 0 ? answer->status : 200, strlen(body),
	    answer->headers != NULL ? answer->headers : "", body);
	uv_write_t *write = xcalloc(1, sizeof(*write));
	uv_buf_t piece = uv_buf_init(text, (unsigned)strlen(text));

	write->data = text;
	uv_write(write, (uv_stream_t *)&connection->tcp, &piece, 1, fake_on_written);
}

/* One whole request at the front of what came in: taken out and answered. False: there is none. */
static inline bool fake_take(struct fake_connection *connection)
{
	struct fake_peer *peer = connection->peer;
	const char *text = buf_text(&connection->in), *end = strstr(text, "\r\n\r\n"), *at;
	struct fake_answer answer = {.body = "{\"ok\":true}"};
	struct fake_call *call;
	size_t head_len, body_len = 0, total;
	char *rest;

	if (end == NULL)
		return false;
	head_len = (size_t)(end - text) + 4;
	at = strcasestr(text, "\r\nContent-Length:");
	if (at != NULL && at < end)
		body_len = strtoul(at + strlen("\r\nContent-Length:"), NULL, 10);
	total = head_len + body_len;
	if (connection->in.len < total || peer->call_count == FAKE_CALLS_MAX)
		return false;
	call = &peer->calls[peer->call_count++];
	call->head = xstrndup(text, head_len);
	call->body = xstrndup(text + head_len, body_len);
	at = strchr(call->head, ' ') + 1;
	call->path = xstrndup(at, strcspn(at, " "));
	call->connection = connection->number;
	rest = xstrndup(text + total, connection->in.len - total);
	buf_reset(&connection->in);
	buf_puts(&connection->in, rest);
	free(rest);
	if (peer->answer != NULL)
		answer = peer->answer(peer->ctx, call);
	if (answer.act == FAKE_CUT)
		fake_close(connection);
	else if (answer.act == FAKE_ANSWER)
		fake_reply(connection, &answer);
	return !connection->is_closed;
}

static inline void fake_on_space(uv_handle_t *handle, size_t wanted, uv_buf_t *space)
{
	struct fake_connection *connection = handle->data;

	(void)wanted;
	*space = uv_buf_init(connection->space, sizeof(connection->space));
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *data)
{
	struct fake_connection *connection = stream->data;

	if (len < 0) {
		fake_close(connection);
		return;
	}
	buf_put(&connection->in, data->base, (size_t)len);
	while (fake_take(connection))
		continue;
}

static inline void fake_on_connection(uv_stream_t *listener, int status)
{
	struct fake_peer *peer = listener->data;
	struct fake_connection *connection = xcalloc(1, sizeof(*connection));

	(void)status;
	connection->peer = peer;
	connection->number = ++peer->connections;
	connection->next = peer->first;
	peer->first = connection;
	buf_init(&connection->in, FAKE_REQUEST_MAX);
	uv_tcp_init(peer->uv, &connection->tcp);
	connection->tcp.data = connection;
	uv_accept(listener, (uv_stream_t *)&connection->tcp);
	uv_read_start((uv_stream_t *)&connection->tcp, fake_on_space, fake_on_read);
}

static inline void fake_on_tick(uv_timer_t *ticker)
{
	(void)ticker;
}

static inline void fake_start(struct fake_peer *peer, uv_loop_t *uv)
{
	struct sockaddr_in address;
	int len = sizeof(address);

	peer->uv = uv;
	uv_timer_init(uv, &peer->ticker);
	uv_timer_start(&peer->ticker, fake_on_tick, 2, 2);
	uv_tcp_init(uv, &peer->listener);
	peer->listener.data = peer;
	uv_ip4_addr("127.0.0.1", 0, &address);
	assert_int_equal(uv_tcp_bind(&peer->listener, (struct sockaddr *)&address, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&peer->listener, 16, fake_on_connection), 0);
	uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&address, &len);
	peer->port = ntohs(address.sin_port);
}

/* Its handles close in the next turns of the loop; then fake_fini(). */
static inline void fake_stop(struct fake_peer *peer)
{
	for (struct fake_connection *connection = peer->first; connection != NULL;
	     connection = connection->next)
		fake_close(connection);
	if (uv_is_closing((uv_handle_t *)&peer->listener))
		return;
	uv_close((uv_handle_t *)&peer->listener, NULL);
	uv_close((uv_handle_t *)&peer->ticker, NULL);
}

static inline void fake_fini(struct fake_peer *peer)
{
	for (size_t i = 0; i < peer->call_count; i++) {
		free(peer->calls[i].head);
		free(peer->calls[i].path);
		free(peer->calls[i].body);
	}
}

#endif
