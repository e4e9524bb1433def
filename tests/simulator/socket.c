/*
 * socket - Socket Mode's side of Slack: docs.slack.dev/apis/events-api/using-socket-mode. Tickets,
 * at most ten connections, envelopes to one of them at random, acknowledgements, redelivery of
 * events.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

#define FRAGMENT_BYTES 700
#define DISCONNECT_GRACE_MS \
	10000        /* "warning" comes about so long before the end; times retry_scale */
#define CLOSE_MS 500 /* for the closing handshake */
#define PING_TEXT "Ping from headsup-sim"

static const int64_t retry_pauses_ms[SIM_RETRIES_MAX] = {1000, 60000, 300000};

struct frame {
	struct frame *next;
	size_t len, at;
	unsigned char data[]; /* LWS_PRE bytes of room first */
};
struct sim_connection {
	struct sim_connection *next;
	struct sim *sim;
	struct lws *wsi;
	unsigned number;
	bool has_hello, is_silent, is_leaving, wants_ping, wants_close, has_closed, wants_drop;
	struct frame *frames, **frames_end;
	struct buf rx;
	struct sim_timer *timer;
	int64_t opened_ms, pong_ms;
	uint64_t sent, received;
};
struct sim_envelope {
	struct sim_envelope *next;
	struct sim *sim;
	char ids[SIM_RETRIES_MAX + 3][40]; /* one a delivery, and one for a duplicate */
	size_t id_count;
	char *type;
	cJSON *payload;
	bool is_event, is_done;
	int attempt;
	struct sim_connection *connection;
	int64_t sent_ms;
	struct sim_timer *timer;
	sim_acked acked;
	void *ctx;
};
struct late_frame {
	struct sim *sim;
	char *text;
};

static void envelope_deliver(struct sim_envelope *envelope);

/* ---- frames ---------------------------------------------------------------------------------- */

static void frame_put(struct sim_connection *connection, const char *text, size_t len)
{
	struct frame *frame = xcalloc(1, sizeof(*frame) + LWS_PRE + len + 1);

	memcpy(frame->data + LWS_PRE, text, len);
	frame->len = len;
	if (connection->frames == NULL)
		connection->frames_end = &connection->frames;
	*connection->frames_end = frame;
	connection->frames_end = &frame->next;
	lws_callback_on_writable(connection->wsi);
}

static void frame_json(struct sim_connection *connection, cJSON *json)
{
	char *text = sim_write_slashed(json);

	frame_put(connection, text, strlen(text));
	free(text);
	cJSON_Delete(json);
}

static int frame_write(struct sim_connection *connection)
{
	struct frame *frame = connection->frames;
	int flags = frame->at == 0 ? LWS_WRITE_TEXT : LWS_WRITE_CONTINUATION;
	size_t len = frame->len - frame->at;
	int written;

	if (connection->sim->ws_faults.fragment && len > FRAGMENT_BYTES) {
		len = FRAGMENT_BYTES;
		flags |= LWS_WRITE_NO_FIN;
	}
	written = lws_write(connection->wsi, frame->data + LWS_PRE + frame->at, len,
	    (enum lws_write_protocol)flags);
	if (written < (int)len)
		return -1;
	frame->at += len;
	if (frame->at == frame->len) {
		connection->frames = frame->next;
		connection->sent++;
		free(frame);
	}
	return 0;
}

static void drop(void *ctx)
{
	struct sim_connection *connection = ctx;

	connection->timer = NULL;
	connection->wants_drop = true;
	/* The peer sees the end at once; libwebsockets, at the next writable. */
	shutdown(lws_get_socket_fd(connection->wsi), SHUT_RDWR);
	lws_callback_on_writable(connection->wsi);
}

/* By hand: on a libuv loop libwebsockets 4.1 ends the connection before lws_close_reason()'s frame
 * has left. */
static int close_write(struct sim_connection *connection)
{
	static const unsigned char close[] = {
	    0x88, 2, LWS_CLOSE_STATUS_NORMAL >> 8, LWS_CLOSE_STATUS_NORMAL & 255};
	unsigned char frame[LWS_PRE + sizeof(close)];

	memcpy(frame + LWS_PRE, close, sizeof(close));
	connection->has_closed = true;
	if (lws_write(connection->wsi, frame + LWS_PRE, sizeof(close), LWS_WRITE_RAW) < 0)
		return -1;
	sim_cancel(connection->sim, connection->timer);
	connection->timer = sim_after(connection->sim, CLOSE_MS, drop, connection);
	return 0;
}

static int on_writable(struct sim_connection *connection)
{
	if (connection->wants_drop)
		return -1;
	/* A control frame may stand between fragments, so it goes first. */
	if (connection->wants_ping) {
		unsigned char ping[LWS_PRE + sizeof(PING_TEXT)];

		memcpy(ping + LWS_PRE, PING_TEXT, sizeof(PING_TEXT));
		connection->wants_ping = false;
		if (lws_write(
			connection->wsi, ping + LWS_PRE, sizeof(PING_TEXT) - 1, LWS_WRITE_PING) < 0)
			return -1;
	} else if (connection->frames != NULL) {
		if (frame_write(connection) < 0)
			return -1;
	} else if (connection->wants_close && !connection->has_closed) {
		return close_write(connection);
	}
	if (connection->frames != NULL || (connection->wants_close && !connection->has_closed))
		lws_callback_on_writable(connection->wsi);
	return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static unsigned connections_count(const struct sim *sim)
{
	const struct sim_connection *connection;
	unsigned count = 0;

	for (connection = sim->connections; connection != NULL; connection = connection->next)
		count += !connection->is_leaving;
	return count;
}

static void say_hello(void *ctx)
{
	struct sim_connection *connection = ctx;
	cJSON *hello = cJSON_CreateObject(), *part;

	connection->timer = NULL;
	connection->has_hello = true;
	sim_put(hello, "type", "hello");
	sim_put_int(hello, "num_connections", connections_count(connection->sim));
	part = cJSON_AddObjectToObject(hello, "debug_info");
	sim_put(part, "host", "applink-sim");
	sim_put_int(part, "build_number", 10);
	sim_put_int(part, "approximate_connection_time", 18060);
	sim_put(cJSON_AddObjectToObject(hello, "connection_info"), "app_id", SIM_APP);
	frame_json(connection, hello);
}

static void leave(void *ctx)
{
	struct sim_connection *connection = ctx;

	connection->timer = NULL;
	connection->wants_close = true;
	lws_callback_on_writable(connection->wsi);
}

static void say_disconnect(struct sim_connection *connection, const char *reason, int64_t grace_ms)
{
	cJSON *json = cJSON_CreateObject();

	sim_put(json, "type", "disconnect");
	sim_put(json, "reason", reason);
	if (strcmp(reason, "too_many_websockets") == 0) {
		sim_put_int(json, "num_connections", SIM_CONNECTIONS_MAX);
		sim_put(cJSON_AddObjectToObject(json, "connection_info"), "app_id", SIM_APP);
	}
	sim_put(cJSON_AddObjectToObject(json, "debug_info"), "host", "applink-sim");
	connection->is_leaving = true;
	frame_json(connection, json);
	sim_cancel(connection->sim, connection->timer);
	connection->timer = sim_after(connection->sim, grace_ms, leave, connection);
}

static struct sim_connection *on_established(struct sim *sim, struct lws *wsi)
{
	struct sim_connection *connection = xcalloc(1, sizeof(*connection));
	struct sim_ws_faults *faults = &sim->ws_faults;

	connection->sim = sim;
	connection->wsi = wsi;
	connection->number = ++sim->connection_number;
	connection->opened_ms = sim_mono_ms();
	buf_init(&connection->rx, SIM_FRAME_MAX);
	connection->next = sim->connections;
	sim->connections = connection;
	if (connections_count(sim) > SIM_CONNECTIONS_MAX) {
		say_disconnect(connection, "too_many_websockets", 0);
	} else if (faults->no_hello != 0) {
		if (faults->no_hello > 0)
			faults->no_hello--;
	} else if (faults->hello_delay_ms > 0) {
		connection->timer = sim_after(sim, faults->hello_delay_ms, say_hello, connection);
	} else {
		say_hello(connection);
	}
	return connection;
}

static void on_closed(struct sim_connection *connection)
{
	struct sim *sim = connection->sim;
	struct sim_connection **at;
	struct sim_envelope *envelope;

	for (at = &sim->connections; *at != NULL; at = &(*at)->next) {
		if (*at == connection) {
			*at = connection->next;
			break;
		}
	}
	sim_cancel(sim, connection->timer);
	while (connection->frames != NULL) {
		struct frame *frame = connection->frames;

		connection->frames = frame->next;
		free(frame);
	}
	for (envelope = sim->envelopes; envelope != NULL; envelope = envelope->next) {
		if (envelope->connection == connection)
			envelope->connection = NULL;
	}
	buf_fini(&connection->rx);
	free(connection);
}

/* A ticket is good for one connection. */
static bool ticket_take(struct sim *sim, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(sim->tickets) / sizeof(sim->tickets[0]); i++) {
		if (sim->tickets[i].text[0] != '\0' && strcmp(sim->tickets[i].text, text) == 0) {
			sim->tickets[i].text[0] = '\0';
			return sim_mono_ms() <= sim->tickets[i].until_ms;
		}
	}
	return false;
}

void sim_ticket_new(struct sim *sim, char out[48])
{
	size_t i = sim->ticket_next++ % (sizeof(sim->tickets) / sizeof(sim->tickets[0]));

	sim_random(sim->tickets[i].text, 37, "0123456789abcdef-");
	sim->tickets[i].until_ms = sim_mono_ms() + sim->ticket_life_ms;
	memcpy(out, sim->tickets[i].text, 48);
}

static bool may_connect(struct sim *sim, struct lws *wsi)
{
	char path[64] = "", arg[128];
	int i;

	if (sim->ws_faults.refuse != 0) {
		if (sim->ws_faults.refuse > 0)
			sim->ws_faults.refuse--;
		return false;
	}
	if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0 ||
	    strncmp(path, "/link", 5) != 0)
		return false;
	for (i = 0; lws_hdr_copy_fragment(wsi, arg, sizeof(arg), WSI_TOKEN_HTTP_URI_ARGS, i) > 0;
	     i++) {
		if (strncmp(arg, "ticket=", 7) == 0)
			return ticket_take(sim, arg + 7);
	}
	return false;
}

/* ---- acknowledgements ------------------------------------------------------------------------ */

static struct sim_envelope *envelope_find(struct sim *sim, const char *id)
{
	struct sim_envelope *envelope;
	size_t i;

	for (envelope = sim->envelopes; id != NULL && envelope != NULL; envelope = envelope->next) {
		for (i = 0; i < envelope->id_count; i++) {
			if (strcmp(envelope->ids[i], id) == 0)
				return envelope;
		}
	}
	return NULL;
}

static void envelope_tell(
    struct sim_envelope *envelope, bool acked, const cJSON *payload, const char *why)
{
	sim_acked tell = envelope->acked;

	envelope->acked = NULL;
	if (tell != NULL)
		tell(envelope->ctx, acked, payload, sim_mono_ms() - envelope->sent_ms, why);
}

static void on_ack(struct sim_connection *connection, const cJSON *ack)
{
	struct sim *sim = connection->sim;
	const char *id = sim_text(ack, "envelope_id");
	struct sim_envelope *envelope = envelope_find(sim, id);
	const cJSON *payload = sim_get(ack, "payload");
	cJSON *record = cJSON_CreateObject();
	int64_t ms;

	sim_put(record, "envelope_id", id);
	sim_put_int(record, "connection", connection->number);
	sim_put_bool(record, "unknown", envelope == NULL);
	sim_set(record, "payload",
	    payload != NULL ? cJSON_Duplicate(payload, true) : cJSON_CreateNull());
	cJSON_AddItemToArray(sim->acks, record);
	if (envelope == NULL)
		return;
	ms = sim_mono_ms() - envelope->sent_ms;
	sim_put(record, "type", envelope->type);
	sim_put(record, "event", sim_text(sim_get(envelope->payload, "event"), "type"));
	sim_put_int(record, "attempt", envelope->attempt);
	sim_put_int(record, "ms", ms);
	sim_put_bool(record, "again", envelope->is_done && envelope->acked == NULL);
	sim_put_bool(record, "late", ms > sim->ack_timeout_ms);
	if (envelope->is_done)
		return;
	envelope->is_done = true;
	sim_cancel(sim, envelope->timer);
	envelope->timer = NULL;
	envelope_tell(envelope, true, payload, NULL);
}

static void on_message(struct sim_connection *connection)
{
	cJSON *json = buf_ok(&connection->rx)
			  ? sim_parse(buf_text(&connection->rx), connection->rx.len)
			  : NULL;

	connection->received++;
	if (json != NULL && sim_text(json, "envelope_id") != NULL) {
		on_ack(connection, json);
	} else {
		cJSON *record = cJSON_CreateObject();

		sim_put(record, "envelope_id", NULL);
		sim_put_bool(record, "unknown", true);
		sim_put(record, "raw", buf_text(&connection->rx));
		cJSON_AddItemToArray(connection->sim->acks, record);
	}
	cJSON_Delete(json);
	buf_reset(&connection->rx);
}

static int on_lws(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct sim *sim = lws_context_user(lws_get_context(wsi));
	struct sim_connection **slot = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL);
		return -1;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return may_connect(sim, wsi) ? 0 : -1;
	case LWS_CALLBACK_ESTABLISHED:
		*slot = on_established(sim, wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return *slot != NULL ? on_writable(*slot) : -1;
	case LWS_CALLBACK_RECEIVE:
		if (*slot == NULL)
			return -1;
		buf_put(&(*slot)->rx, in, len);
		if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
			on_message(*slot);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (*slot != NULL)
			(*slot)->pong_ms = sim_mono_ms();
		return 0;
	case LWS_CALLBACK_CLOSED:
		if (*slot != NULL)
			on_closed(*slot);
		*slot = NULL;
		return 0;
	default:
		return 0;
	}
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static struct sim_connection *connection_choose(struct sim *sim)
{
	struct sim_connection *connection, *chosen = NULL;
	unsigned seen = 0;
	int pass;

	/* One that is known to be leaving or dead is the last resort. */
	for (pass = 0; pass < 2 && chosen == NULL; pass++) {
		for (connection = sim->connections; connection != NULL;
		     connection = connection->next) {
			if (!connection->has_hello || connection->wants_close ||
			    connection->wants_drop)
				continue;
			if (pass == 0 && (connection->is_leaving || connection->is_silent))
				continue;
			if ((unsigned)rand() % ++seen == 0)
				chosen = connection;
		}
	}
	return chosen;
}

/* A UUID to look at. */
static const char *envelope_id_new(struct sim_envelope *envelope)
{
	char *id;

	if (envelope->id_count == sizeof(envelope->ids) / sizeof(envelope->ids[0]))
		return envelope->ids[envelope->id_count - 1];
	id = envelope->ids[envelope->id_count++];
	sim_random(id, 37, "0123456789abcdef");
	id[8] = id[13] = id[18] = id[23] = '-';
	return id;
}

static bool accepts_payload(const struct sim_envelope *envelope)
{
	const char *type = sim_text(envelope->payload, "type");

	if (strcmp(envelope->type, "slash_commands") == 0)
		return true;
	return strcmp(envelope->type, "interactive") == 0 &&
	       (text_equal(type, "view_submission") || text_equal(type, "block_suggestion"));
}

static char *envelope_write(struct sim_envelope *envelope, const char *id)
{
	cJSON *json = cJSON_CreateObject();
	int64_t pad = envelope->sim->ws_faults.pad_bytes;
	char *text;

	sim_put(json, "envelope_id", id);
	cJSON_AddItemReferenceToObject(json, "payload", envelope->payload);
	sim_put(json, "type", envelope->type);
	sim_put_bool(json, "accepts_response_payload", accepts_payload(envelope));
	if (envelope->is_event) {
		sim_put_int(json, "retry_attempt", envelope->attempt);
		sim_put(json, "retry_reason", envelope->attempt > 0 ? "timeout" : "");
	}
	if (pad > 0) {
		char *filling = xcalloc(1, (size_t)pad + 1);

		memset(filling, 'x', (size_t)pad);
		sim_put(json, "padding", filling);
		free(filling);
	}
	text = sim_write_slashed(json);
	cJSON_Delete(json);
	return text;
}

static void on_late_frame(void *ctx)
{
	struct late_frame *late = ctx;

	sim_frame_send(late->sim, late->text, strlen(late->text));
	free(late->text);
	free(late);
}

static void envelope_failed(struct sim_envelope *envelope, const char *why);

static void on_ack_timeout(void *ctx)
{
	struct sim_envelope *envelope = ctx;

	envelope->timer = NULL;
	envelope_failed(envelope, "timeout");
}

static void on_retry(void *ctx)
{
	struct sim_envelope *envelope = ctx;

	envelope->timer = NULL;
	envelope->attempt++;
	envelope_deliver(envelope);
}

/* Events are delivered up to three times more; what people do is not. */
static void envelope_failed(struct sim_envelope *envelope, const char *why)
{
	struct sim *sim = envelope->sim;

	if (envelope->is_event && envelope->attempt < SIM_RETRIES_MAX) {
		int64_t pause =
		    (int64_t)((double)retry_pauses_ms[envelope->attempt] * sim->retry_scale);

		envelope->timer = sim_after(sim, pause, on_retry, envelope);
		return;
	}
	envelope->is_done = true;
	envelope_tell(envelope, false, NULL, why);
}

static bool take_one(int64_t *times)
{
	if (*times == 0)
		return false;
	if (*times > 0)
		--*times;
	return true;
}

static void envelope_deliver(struct sim_envelope *envelope)
{
	struct sim *sim = envelope->sim;
	struct sim_connection *connection = connection_choose(sim);
	struct sim_ws_faults *faults = &sim->ws_faults;
	char *text;

	envelope->sent_ms = sim_mono_ms();
	if (connection == NULL) {
		envelope_failed(envelope, "dispatch_failed");
		return;
	}
	envelope->connection = connection;
	text = envelope_write(envelope, envelope_id_new(envelope));
	envelope->timer = sim_after(sim, sim->ack_timeout_ms, on_ack_timeout, envelope);
	if (take_one(&faults->lose)) {
		free(text);
		return;
	}
	if (take_one(&faults->late)) {
		struct late_frame *late = xcalloc(1, sizeof(*late));

		late->sim = sim;
		late->text = text;
		sim_after(sim, faults->late_ms, on_late_frame, late);
		return;
	}
	frame_put(connection, text, strlen(text));
	if (take_one(&faults->duplicate)) {
		if (!faults->same_id) {
			free(text);
			text = envelope_write(envelope, envelope_id_new(envelope));
		}
		frame_put(connection_choose(sim), text, strlen(text));
	}
	free(text);
}

static void envelope_free(struct sim_envelope *envelope)
{
	sim_cancel(envelope->sim, envelope->timer);
	cJSON_Delete(envelope->payload);
	free(envelope->type);
	free(envelope);
}

static void envelopes_trim(struct sim *sim)
{
	while (sim->envelope_count > SIM_ENVELOPES_MAX && sim->envelopes->is_done &&
	       sim->envelopes->acked == NULL) {
		struct sim_envelope *envelope = sim->envelopes;

		sim->envelopes = envelope->next;
		sim->envelope_count--;
		envelope_free(envelope);
	}
}

struct sim_envelope *sim_envelope_send(
    struct sim *sim, const char *type, cJSON *payload, sim_acked acked, void *ctx)
{
	struct sim_envelope *envelope = xcalloc(1, sizeof(*envelope));

	envelope->sim = sim;
	envelope->type = xstrdup(type);
	envelope->payload = payload;
	envelope->is_event = strcmp(type, "events_api") == 0;
	envelope->acked = acked;
	envelope->ctx = ctx;
	if (sim->envelopes == NULL)
		sim->envelopes_end = &sim->envelopes;
	*sim->envelopes_end = envelope;
	sim->envelopes_end = &envelope->next;
	sim->envelope_count++;
	envelopes_trim(sim);
	envelope_deliver(envelope);
	return envelope;
}

void sim_envelope_forget(struct sim_envelope *envelope)
{
	envelope->acked = NULL;
}

void sim_frame_send(struct sim *sim, const char *text, size_t len)
{
	struct sim_connection *connection = connection_choose(sim);

	if (connection != NULL)
		frame_put(connection, text, len);
}

/* ---- on request ------------------------------------------------------------------------------ */

bool sim_socket_disconnect(struct sim *sim, const char *reason)
{
	struct sim_connection *connection;
	bool is_soft = strcmp(reason, "warning") == 0 || strcmp(reason, "refresh_requested") == 0;
	int64_t grace = is_soft ? (int64_t)(DISCONNECT_GRACE_MS * sim->retry_scale) : 0;

	for (connection = sim->connections; connection != NULL; connection = connection->next) {
		if (!connection->is_leaving)
			say_disconnect(connection, reason, grace);
	}
	return sim->connections != NULL;
}

void sim_socket_drop(struct sim *sim)
{
	struct sim_connection *connection;

	for (connection = sim->connections; connection != NULL; connection = connection->next) {
		sim_cancel(sim, connection->timer);
		drop(connection);
	}
}

void sim_socket_silence(struct sim *sim, bool on)
{
	struct sim_connection *connection;

	/* Nothing is read any more, so that no ping is answered either. What was silent once is
	 * never used again. */
	for (connection = sim->connections; connection != NULL; connection = connection->next) {
		if (on && !connection->is_silent) {
			connection->is_silent = true;
			lws_rx_flow_control(connection->wsi, 0);
		} else if (!on && connection->is_silent) {
			connection->is_silent = false;
			lws_rx_flow_control(connection->wsi, 1);
		}
	}
}

cJSON *sim_connections_json(struct sim *sim)
{
	cJSON *list = cJSON_CreateArray(), *one;
	const struct sim_connection *connection;

	for (connection = sim->connections; connection != NULL; connection = connection->next) {
		one = cJSON_CreateObject();
		sim_put_int(one, "number", connection->number);
		sim_put_int(one, "age_ms", sim_mono_ms() - connection->opened_ms);
		sim_put_bool(one, "hello", connection->has_hello);
		sim_put_bool(one, "silent", connection->is_silent);
		sim_put_bool(one, "leaving", connection->is_leaving);
		sim_put_bool(one, "ponged", connection->pong_ms != 0);
		sim_put_int(one, "sent", (int64_t)connection->sent);
		sim_put_int(one, "received", (int64_t)connection->received);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

void sim_socket_reset(struct sim *sim)
{
	while (sim->envelopes != NULL) {
		struct sim_envelope *envelope = sim->envelopes;

		sim->envelopes = envelope->next;
		envelope_tell(envelope, false, NULL, "reset");
		envelope_free(envelope);
	}
	sim->envelope_count = 0;
	cJSON_Delete(sim->acks);
	sim->acks = cJSON_CreateArray();
}

static void on_ping(void *ctx)
{
	struct sim *sim = ctx;
	struct sim_connection *connection;

	for (connection = sim->connections; connection != NULL; connection = connection->next) {
		if (connection->is_silent || sim->ping_ms <= 0)
			continue;
		connection->wants_ping = true;
		lws_callback_on_writable(connection->wsi);
	}
	sim_after(sim, sim->ping_ms > 0 ? sim->ping_ms : 1000, on_ping, sim);
}

bool sim_socket_start(struct sim *sim)
{
	static const struct lws_protocols protocols[] = {
	    {"slack", on_lws, sizeof(struct sim_connection *), 0, 0, NULL, 0},
	    {NULL, NULL, 0, 0, 0, NULL, 0},
	};
	struct lws_context_creation_info info;
	void *loops[1] = {&sim->loop};

	lws_set_log_level(sim->is_quiet ? 0 : LLL_ERR, NULL);
	memset(&info, 0, sizeof(info));
	info.port = sim->ws_port;
	info.iface = "127.0.0.1";
	info.protocols = protocols;
	info.foreign_loops = loops;
	info.user = sim;
	info.pt_serv_buf_size = 32768;
	info.options = LWS_SERVER_OPTION_LIBUV;
	if (sim->cert_file != NULL) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = sim->cert_file;
		info.ssl_private_key_filepath = sim->key_file;
	}
	sim->acks = cJSON_CreateArray();
	sim->lws = lws_create_context(&info);
	if (sim->lws == NULL) {
		fprintf(stderr, "headsup-sim: cannot listen on 127.0.0.1:%d for WebSockets\n",
		    sim->ws_port);
		return false;
	}
	sim->ws_port = lws_get_vhost_listen_port(lws_get_vhost_by_name(sim->lws, "default"));
	snprintf(sim->ws_base, sizeof(sim->ws_base), "%s://127.0.0.1:%d",
	    sim->cert_file != NULL ? "wss" : "ws", sim->ws_port);
	sim_after(sim, sim->ping_ms, on_ping, sim);
	return true;
}

void sim_socket_stop(struct sim *sim)
{
	sim_socket_reset(sim);
	cJSON_Delete(sim->acks);
	sim->acks = NULL;
	lws_context_destroy(sim->lws);
}
