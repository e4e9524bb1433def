#include "bot/wire.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bot/web.h"
#include "config/base/buf.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define WIRE_PIECE_MAX 16384 /* bytes that libwebsockets hands over at a time */
#define WIRE_DESCRIPTORS_MAX 64
#define WIRE_WHY_MAX 256
#define FAREWELL_TURNS 8
#define WIRE_CA_FILE_MAX (4 << 20) /* bytes of it that are looked at to see whether it changed */

/* What a proxy and a set of certificates make: kept until the last wire that was dialled with it
 * is gone. */
struct surroundings {
	struct lws_vhost *direct, *proxied; /* PROXIED: NULL without a proxy */
	SSL_CTX *tls;
	char *proxy;
};

struct wires {
	struct loop *loop;
	struct lws_context *context;
	struct surroundings *
	    *all; /* the last one is used for new wires; the others stay until the end */
	size_t count;
	char mark[65]; /* of what the last one was made of */
	uv_idle_t farewell;
	int turns_left; /* of the loop, until the context is destroyed for good */
	struct wire *first;
};

enum wire_state { RESOLVING, CONNECTING, OPEN, CLOSING, GONE };

struct queued {
	struct queued *next;
	size_t len;
	unsigned char data[]; /* LWS_PRE bytes, then the text */
};

struct wire {
	struct wires *wires;
	struct wire *next, **link;
	struct surroundings *around;
	const struct wire_events *events;
	void *ctx; /* EVENTS is NULL once nobody listens */
	enum wire_state state;
	struct lws *wsi;
	uv_timer_t timer;
	uv_getaddrinfo_t lookup;
	bool is_looking, is_timer_closed, said_goodbye;
	char *host, *path; /* path with its query */
	int port;
	bool is_tls, by_proxy;
	char address[WIRE_ADDRESSES_MAX][INET6_ADDRSTRLEN];
	size_t address_count, address_at;
	struct buf frame; /* the message that is arriving */
	bool is_dropping; /* the rest of one that is too large */
	struct queued *queue, **queue_end;
	size_t queue_bytes;
	char why[WIRE_WHY_MAX];
};

static const uint32_t retry_table[] = {1000}; /* libwebsockets 4.1 does not take an empty one */
static const lws_retry_bo_t keep_alive = {
    .retry_ms_table = retry_table,
    .retry_ms_table_count = 1,
    .conceal_count = 1,
    .secs_since_valid_ping = WIRE_PING_S,
    .secs_since_valid_hangup = WIRE_DEAD_S,
};

/* ---- a wire's end ---------------------------------------------------------------------------- */

static void free_queue(struct wire *wire)
{
	struct queued *queued;

	while ((queued = wire->queue) != NULL) {
		wire->queue = queued->next;
		free(queued);
	}
}

/* When neither the timer nor a lookup refers to it any more. */
static void free_if_done(struct wire *wire)
{
	if (!wire->is_timer_closed || wire->is_looking)
		return;
	free_queue(wire);
	buf_fini(&wire->frame);
	free(wire->host);
	if (wire->path != NULL)
		explicit_bzero(wire->path, strlen(wire->path)); /* holds a ticket */
	free(wire->path);
	free(wire);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct wire *wire = handle->data;

	wire->is_timer_closed = true;
	free_if_done(wire);
}

/*
 * Has libwebsockets close the connection, and hears no more of it. Timers that are set from outside
 * of its own callbacks are not noticed on a foreign loop until something else happens to it:
 * lws_cancel_service() makes something happen.
 */
static void abandon(struct wire *wire)
{
	if (wire->wsi == NULL)
		return;
	lws_set_opaque_user_data(wire->wsi, NULL);
	lws_set_timeout(wire->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service(wire->wires->context);
	wire->wsi = NULL;
}

/* Takes WIRE out of everything. */
static void let_go(struct wire *wire)
{
	wire->state = GONE;
	abandon(wire);
	if (wire->is_looking)
		uv_cancel((uv_req_t *)&wire->lookup);
	*wire->link = wire->next;
	if (wire->next != NULL)
		wire->next->link = wire->link;
	uv_close((uv_handle_t *)&wire->timer, on_timer_closed);
}

static void lost(struct wire *wire)
{
	const struct wire_events *events = wire->events;
	void *ctx = wire->ctx;
	char why[WIRE_WHY_MAX];

	snprintf(
	    why, sizeof(why), "%s", wire->why[0] != '\0' ? wire->why : "the connection was closed");
	wire->events = NULL;
	let_go(wire);
	if (events != NULL)
		events->closed(ctx, why);
}

static void set_why(struct wire *wire, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_why(struct wire *wire, const char *format, ...)
{
	va_list args;

	if (wire->why[0] != '\0')
		return; /* the first reason is the cause, what follows are its effects */
	va_start(args, format);
	vsnprintf(wire->why, sizeof(wire->why), format, args);
	va_end(args);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer);

static void wire_wait(struct wire *wire, uint64_t ms)
{
	uv_timer_start(&wire->timer, on_timer, ms, 0);
}

/* `user:password@203.0.113.7:3128`, as libwebsockets wants its proxy: already resolved, lest it
 * block. */
static bool use_proxy(struct wire *wire, const char *address)
{
	CURLU *url = curl_url();
	char *user = NULL, *password = NULL, *port = NULL, *setting = NULL;
	bool ok = false;

	if (url == NULL ||
	    curl_url_set(url, CURLUPART_URL, wire->around->proxy, CURLU_GUESS_SCHEME) != CURLUE_OK)
		goto out;
	curl_url_get(url, CURLUPART_USER, &user, CURLU_URLDECODE);
	curl_url_get(url, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
	if (curl_url_get(url, CURLUPART_PORT, &port, 0) != CURLUE_OK)
		port = NULL;
	setting = xasprintf("%s%s%s%s%s:%s", user != NULL ? user : "", user != NULL ? ":" : "",
	    user != NULL && password != NULL ? password : "", user != NULL ? "@" : "", address,
	    port != NULL ? port : "3128");
	ok = lws_set_proxy(wire->around->proxied, setting) == 0;
out:
	if (setting != NULL)
		explicit_bzero(setting, strlen(setting));
	free(setting);
	curl_free(user);
	curl_free(password);
	curl_free(port);
	curl_url_cleanup(url);
	return ok;
}

static bool host_is_address(const char *host)
{
	struct in6_addr space;

	return inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1;
}

static void host_header(const struct wire *wire, char *out, size_t size)
{
	bool is_v6 = strchr(wire->host, ':') != NULL;

	if (wire->port == (wire->is_tls ? 443 : 80))
		snprintf(out, size, "%s%s%s", is_v6 ? "[" : "", wire->host, is_v6 ? "]" : "");
	else
		snprintf(out, size, "%s%s%s:%d", is_v6 ? "[" : "", wire->host, is_v6 ? "]" : "",
		    wire->port);
}

static void connect_next(struct wire *wire)
{
	const char *address = wire->address[wire->address_at++];
	char host[300];
	struct lws_client_connect_info info = {
	    .context = wire->wires->context,
	    .vhost = wire->around->direct,
	    .address = address,
	    .port = wire->port,
	    .path = wire->path,
	    .host = host,
	    .local_protocol_name = "wire",
	    .retry_and_idle_policy = &keep_alive,
	    .opaque_user_data = wire,
	    .pwsi = &wire->wsi,
	};

	host_header(wire, host, sizeof(host));
	if (wire->is_tls)
		info.ssl_connection = LCCSCF_USE_SSL;
	/* libwebsockets checks names only; an address in the URL is checked in on_certificate(). */
	if (wire->is_tls && host_is_address(wire->host))
		info.ssl_connection |= LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	if (wire->by_proxy) {
		if (!use_proxy(wire, address)) {
			set_why(wire, "the proxy's address cannot be used");
			lost(wire);
			return;
		}
		info.vhost = wire->around->proxied;
		info.address = wire->host; /* the proxy resolves it */
	}
	wire->state = CONNECTING;
	wire_wait(wire, WIRE_CONNECT_MS);
	/* A failure inside of this call has come through the callback already: see on_lost(). */
	lws_client_connect_via_info(&info);
	lws_cancel_service(wire->wires->context); /* see abandon() */
}

static void try_next(struct wire *wire)
{
	if (wire->address_at >= wire->address_count) {
		lost(wire);
		return;
	}
	wire->why[0] = '\0';
	connect_next(wire);
}

static void on_timer(uv_timer_t *timer)
{
	struct wire *wire = timer->data;

	switch (wire->state) {
	case RESOLVING: /* the lookup failed at once */
		lost(wire);
		return;
	case CONNECTING:
		if (wire->wsi != NULL) {
			set_why(wire, "no answer within %d s", WIRE_CONNECT_MS / 1000);
			abandon(wire);
		}
		try_next(wire);
		return;
	case OPEN:
	case CLOSING: /* the peer does not say goodbye */
		lost(wire);
		return;
	case GONE:
		return;
	}
}

static void take_addresses(struct wire *wire, const struct addrinfo *list)
{
	for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
		if (wire->address_count == WIRE_ADDRESSES_MAX)
			return;
		if (getnameinfo(info->ai_addr, info->ai_addrlen, wire->address[wire->address_count],
			INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST) == 0)
			wire->address_count++;
	}
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
	struct wire *wire = lookup->data;

	wire->is_looking = false;
	if (status == 0)
		take_addresses(wire, list);
	uv_freeaddrinfo(list);
	if (wire->state == GONE) {
		free_if_done(wire);
		return;
	}
	if (wire->address_count == 0)
		set_why(wire, "the name cannot be resolved: %s",
		    status != 0 ? uv_strerror(status) : "no address");
	try_next(wire);
}

/* Splits URL into host, port and path with query, as they are. */
static bool take_url(struct wire *wire, const char *url)
{
	CURLU *parsed = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL;
	size_t len;
	bool ok = false;

	if (parsed == NULL ||
	    curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) !=
		CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		goto out;
	curl_url_get(parsed, CURLUPART_QUERY, &query, 0);
	wire->is_tls = strcasecmp(scheme, "wss") == 0;
	wire->port = wire->is_tls ? 443 : 80;
	if (curl_url_get(parsed, CURLUPART_PORT, &port, 0) == CURLUE_OK)
		wire->port = (int)strtol(port, NULL, 10);
	len = strlen(host);
	if (len > 2 && host[0] == '[')
		wire->host = xstrndup(host + 1, len - 2);
	else
		wire->host = xstrdup(host);
	wire->path =
	    xasprintf("%s%s%s", path, query != NULL ? "?" : "", query != NULL ? query : "");
	ok = strlen(wire->host) < 256;
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_url_cleanup(parsed);
	return ok;
}

/* Whose address is to be looked up: the proxy's, when there is one. */
static char *name_to_resolve(const struct wire *wire)
{
	CURLU *url;
	char *host = NULL, *name = NULL;

	if (!wire->by_proxy)
		return xstrdup(wire->host);
	url = curl_url();
	if (url != NULL &&
	    curl_url_set(url, CURLUPART_URL, wire->around->proxy, CURLU_GUESS_SCHEME) ==
		CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		name = xstrdup(host);
	curl_free(host);
	curl_url_cleanup(url);
	return name;
}

static void resolve(struct wire *wire)
{
	char *name = name_to_resolve(wire);
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_ADDRCONFIG,
	    .ai_family = wire->by_proxy
			     ? AF_INET
			     : AF_UNSPEC, /* libwebsockets takes no IPv6 address for a proxy */
	};
	int status = UV_EINVAL;

	/* With AI_ADDRCONFIG a machine that has loopback alone would not find it. */
	if (name != NULL && (host_is_address(name) || strcasecmp(name, "localhost") == 0))
		hints.ai_flags = 0;
	wire->lookup.data = wire;
	if (name != NULL)
		status = uv_getaddrinfo(
		    wire->wires->loop->uv, &wire->lookup, on_resolved, name, NULL, &hints);
	free(name);
	wire->is_looking = status == 0;
	if (status == 0)
		return;
	set_why(wire, "the name cannot be resolved: %s", uv_strerror(status));
	wire_wait(wire, 0);
}

struct wire *wire_dial(
    struct wires *wires, const char *url, const struct wire_events *events, void *ctx)
{
	struct wire *wire = xcalloc(1, sizeof(*wire));

	wire->wires = wires;
	wire->around = wires->all[wires->count - 1];
	wire->events = events;
	wire->ctx = ctx;
	wire->queue_end = &wire->queue;
	buf_init(&wire->frame, WIRE_FRAME_MAX);
	uv_timer_init(wires->loop->uv, &wire->timer);
	wire->timer.data = wire;
	wire->next = wires->first;
	wire->link = &wires->first;
	if (wire->next != NULL)
		wire->next->link = &wire->next;
	wires->first = wire;
	if (!take_url(wire, url)) {
		set_why(wire, "the address cannot be understood");
		wire_wait(wire, 0);
		return wire;
	}
	wire->by_proxy = wire->around->proxy != NULL && !web_url_is_loopback(url);
	resolve(wire);
	return wire;
}

/* ---- talking --------------------------------------------------------------------------------- */

void wire_send(struct wire *wire, const char *text)
{
	size_t len = strlen(text);
	struct queued *queued;

	if (wire->state != OPEN)
		return;
	if (wire->queue_bytes + len > WIRE_QUEUE_MAX) {
		set_why(wire, "the peer reads nothing");
		wire_wait(wire, 0);
		return;
	}
	queued = xcalloc(1, sizeof(*queued) + LWS_PRE + len);
	memcpy(queued->data + LWS_PRE, text, len);
	queued->len = len;
	*wire->queue_end = queued;
	wire->queue_end = &queued->next;
	wire->queue_bytes += len;
	lws_callback_on_writable(wire->wsi);
}

void wire_close(struct wire *wire)
{
	if (wire == NULL)
		return;
	wire->events = NULL;
	if (wire->state != OPEN) {
		let_go(wire);
		return;
	}
	wire->state = CLOSING;
	wire_wait(wire, WIRE_CLOSE_MS);
	lws_callback_on_writable(wire->wsi);
}

/*
 * A close frame by hand: what lws_close_reason() sets does not leave libwebsockets 4.1 when a
 * connection is closed from its writable callback. The peer answers with its own, or the timer ends
 * it.
 */
static int say_goodbye(struct wire *wire)
{
	unsigned char space[LWS_PRE + 8], *frame = space + LWS_PRE;

	if (wire->said_goodbye)
		return 0;
	wire->said_goodbye = true;
	frame[0] = 0x88;     /* final, close */
	frame[1] = 0x80 | 2; /* masked, as all that a client says */
	arc4random_buf(frame + 2, 4);
	frame[6] = frame[2] ^ (LWS_CLOSE_STATUS_NORMAL >> 8);
	frame[7] = frame[3] ^ (LWS_CLOSE_STATUS_NORMAL & 0xFF);
	return lws_write(wire->wsi, frame, 8, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

/* The connection may be written to: one message, or goodbye. Non-zero: libwebsockets closes it. */
static int on_writable(struct wire *wire)
{
	struct queued *queued = wire->queue;
	int written;

	if (queued == NULL)
		return wire->state == CLOSING ? say_goodbye(wire) : 0;
	written = lws_write(wire->wsi, queued->data + LWS_PRE, queued->len, LWS_WRITE_TEXT);
	wire->queue = queued->next;
	if (wire->queue == NULL)
		wire->queue_end = &wire->queue;
	wire->queue_bytes -= queued->len;
	free(queued);
	if (written < 0) {
		set_why(wire, "it cannot be written to");
		return -1;
	}
	if (wire->queue != NULL || wire->state == CLOSING)
		lws_callback_on_writable(wire->wsi);
	return 0;
}

static void on_message(struct wire *wire)
{
	if (wire->is_dropping)
		log_warn("websocket message dropped why=larger than %d bytes", WIRE_FRAME_MAX);
	else if (wire->events != NULL)
		wire->events->frame(wire->ctx, buf_text(&wire->frame), wire->frame.len);
}

/* A message comes in pieces; it is whole when its last fragment has nothing left. */
static void on_piece(struct wire *wire, const void *data, size_t len)
{
	struct lws *wsi = wire->wsi;

	if (lws_frame_is_binary(wsi))
		return;
	if (!wire->is_dropping)
		buf_put(&wire->frame, data, len);
	if (!buf_ok(&wire->frame)) {
		wire->is_dropping = true;
		buf_reset(&wire->frame);
	}
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return;
	on_message(wire);
	wire->is_dropping = false;
	/* What one large message needed is not kept for all that follow. */
	buf_fini(&wire->frame);
	buf_init(&wire->frame, WIRE_FRAME_MAX);
}

static void on_opened(struct wire *wire)
{
	wire->state = OPEN;
	uv_timer_stop(&wire->timer);
	if (wire->events != NULL)
		wire->events->opened(wire->ctx);
}

/* The connection is no more: another address is tried if it never stood. From the loop, since
 * libwebsockets is still busy with it. */
static void on_lost(struct wire *wire)
{
	if (wire->wsi != NULL)
		lws_set_opaque_user_data(wire->wsi, NULL);
	wire->wsi = NULL;
	wire_wait(wire, 0);
}

static int on_certificate(struct wire *wire, X509_STORE_CTX *store)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (X509_STORE_CTX_get_error_depth(store) != 0 || !host_is_address(wire->host))
		return 0;
	if (certificate != NULL && X509_check_ip_asc(certificate, wire->host, 0) == 1)
		return 0;
	set_why(wire, "the certificate is not for %s", wire->host);
	X509_STORE_CTX_set_error(store, X509_V_ERR_IP_ADDRESS_MISMATCH);
	return 1;
}

static int on_lws(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct wire *wire = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;

	if (wire == NULL || (wire->wsi != NULL && wire->wsi != wsi)) {
		/* A wire that was let go: nothing of it is wanted any more. */
		bool is_traffic = reason == LWS_CALLBACK_CLIENT_ESTABLISHED ||
				  reason == LWS_CALLBACK_CLIENT_RECEIVE ||
				  reason == LWS_CALLBACK_CLIENT_WRITEABLE;
		return wsi != NULL && is_traffic ? -1 : 0;
	}
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		return on_certificate(wire, user);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		wire->wsi = wsi;
		on_opened(wire);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		on_piece(wire, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_writable(wire);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (wire->said_goodbye)
			return -1;
		if (len >= 2)
			set_why(wire, "the peer closed it code=%u",
			    (unsigned)(((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1]));
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		set_why(wire, "%.*s", in != NULL ? (int)len : 20,
		    in != NULL ? (const char *)in : "it cannot be reached");
		on_lost(wire);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		on_lost(wire);
		return 0;
	default:
		return 0;
	}
}

/* ---- what all wires share -------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
    {.name = "wire", .callback = on_lws, .rx_buffer_size = WIRE_PIECE_MAX},
    {.name = NULL},
};

static void on_lws_log(int level, const char *line)
{
	size_t len = strcspn(line, "\r\n");

	(void)level;
	log_debug("libwebsockets %.*s", (int)len, line);
}

static void surroundings_free(struct surroundings *around)
{
	if (around == NULL)
		return;
	SSL_CTX_free(around->tls);
	if (around->proxy != NULL)
		explicit_bzero(around->proxy, strlen(around->proxy));
	free(around->proxy);
	free(around);
}

/* The system's certificates, and besides them the configured ones. */
static SSL_CTX *tls_new(const char *ca_file, struct error *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL) {
		error_set(err, ERROR_IO, "OpenSSL cannot be initialised");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_verify_paths(tls);
	if (ca_file != NULL && SSL_CTX_load_verify_locations(tls, ca_file, NULL) != 1) {
		error_set(err, ERROR_IO, "ca_file %s cannot be read: %s", ca_file,
		    ERR_reason_error_string(ERR_get_error()));
		SSL_CTX_free(tls);
		return NULL;
	}
	return tls;
}

static struct lws_vhost *vhost_new(struct wires *wires, const char *name, SSL_CTX *tls)
{
	const struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN,
	    .vhost_name = name,
	    .protocols = protocols,
	    .provided_client_ssl_ctx = tls,
	    .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
	    .retry_and_idle_policy = &keep_alive,
	    /* Not NULL: then the environment's http_proxy would be used. */
	    .http_proxy_address = "",
	};

	return lws_create_vhost(wires->context, &info);
}

/* A hash of all that new surroundings would be made of; false when the ca_file cannot be read. */
static bool mark_of(const struct config *config, char mark[65], struct error *err)
{
	struct buf all;
	char piece[4096];
	size_t len;
	FILE *file;

	buf_init(&all, WIRE_CA_FILE_MAX);
	buf_puts(&all, config->proxy);
	buf_putc(&all, '\n');
	if (config->ca_file != NULL) {
		file = fopen(config->ca_file, "re");
		if (file == NULL) {
			buf_fini(&all);
			return error_set(err, ERROR_IO, "ca_file %s cannot be read: %s",
			    config->ca_file, strerror(errno));
		}
		while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
			buf_put(&all, piece, len);
		fclose(file);
	}
	sha256_hex(buf_text(&all), all.len, mark);
	buf_fini(&all);
	return true;
}

bool wires_reload(struct wires *wires, const struct config *config, struct error *err)
{
	struct surroundings *around;
	char mark[65];

	if (!mark_of(config, mark, err))
		return false;
	if (strcmp(mark, wires->mark) == 0)
		return true;
	around = xcalloc(1, sizeof(*around));
	around->tls = tls_new(config->ca_file, err);
	if (around->tls == NULL)
		goto fail;
	around->proxy = xstrdup(config->proxy);
	around->direct = vhost_new(wires, "direct", around->tls);
	if (around->proxy != NULL)
		around->proxied = vhost_new(wires, "proxied", around->tls);
	if (around->direct == NULL || (around->proxy != NULL && around->proxied == NULL)) {
		error_set(err, ERROR_IO, "libwebsockets cannot be set up");
		goto fail;
	}
	wires->all = xreallocarray(wires->all, wires->count + 1, sizeof(struct surroundings *));
	wires->all[wires->count++] = around;
	memcpy(wires->mark, mark, sizeof(mark));
	return true;
fail:
	surroundings_free(around);
	return false;
}

/* libwebsockets unloads its libuv plugin with its context, while libuv still has to call into
 * it: it is kept loaded. */
static int pin_plugin(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (info->dlpi_name == NULL || strstr(info->dlpi_name, "libwebsockets-evlib") == NULL)
		return 0;
	if (dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == NULL)
		log_warn("libwebsockets' plugin is not kept loaded: %s", dlerror());
	return 1;
}

struct wires *wires_new(struct loop *loop, const struct config *config, struct error *err)
{
	struct wires *wires = xcalloc(1, sizeof(*wires));
	void *foreign[] = {loop->uv};
	const struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN,
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
	    .foreign_loops = foreign,
	    .fd_limit_per_thread = WIRE_DESCRIPTORS_MAX,
	    .pt_serv_buf_size = WIRE_PIECE_MAX,
	    .pcontext = &wires->context, /* NULL again when it is gone */
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	wires->loop = loop;
	wires->turns_left = FAREWELL_TURNS;
	uv_idle_init(loop->uv, &wires->farewell);
	wires->farewell.data = wires;
	wires->context = lws_create_context(&info);
	if (wires->context == NULL) {
		error_set(err, ERROR_IO,
		    "libwebsockets cannot be set up: is its libuv plugin (libwebsockets-evlib-uv) "
		    "installed?");
		goto fail;
	}
	dl_iterate_phdr(pin_plugin, NULL);
	if (!wires_reload(wires, config, err))
		goto fail;
	return wires;
fail:
	wires_free(wires);
	return NULL;
}

static void on_farewell_closed(uv_handle_t *handle)
{
	struct wires *wires = handle->data;

	if (wires->context != NULL)
		lws_context_destroy(wires->context);
	for (size_t i = 0; i < wires->count; i++)
		surroundings_free(wires->all[i]);
	free(wires->all);
	free(wires);
}

/* On a foreign loop libwebsockets closes its handles over some turns, and then wants to be asked
 * again. */
static void on_farewell(uv_idle_t *idle)
{
	struct wires *wires = idle->data;

	if (wires->context != NULL && wires->turns_left-- > 0)
		return;
	uv_close((uv_handle_t *)idle, on_farewell_closed);
}

void wires_free(struct wires *wires)
{
	if (wires == NULL)
		return;
	for (struct wire *wire = wires->first, *next; wire != NULL; wire = next) {
		next = wire->next;
		wire->events = NULL;
		let_go(wire);
	}
	if (wires->context != NULL)
		lws_context_destroy(wires->context);
	uv_idle_start(&wires->farewell, on_farewell);
}
