#include "tests/unit/bot_world.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bot/wire.h"
#include "config/base/buf.h"

#define TURNS 20000 /* of the loop, each at most 2 ms */
#define PATH "/link/?ticket=a%20b~c&app_id=A1"
#define PROXIED "wss-primary.slack.test"

/* What the peer does, in a process of its own. */
enum script { TALKS, ECHOES, REFUSES, CLOSES, CLOSES_AT_ONCE };
struct peer {
	enum script script;
	bool is_tls, is_proxy;
	const char *names; /* of its certificate */
	int port;
	pid_t pid;
	int report; /* what it saw is read from here when it ended */
};

struct world {
	struct bot_world *bot;
	struct wires *wires;
	struct wire *wire;
	struct peer peer;
	uv_timer_t ticker;
	char ca_path[128];
	EVP_PKEY *ca_key;
	X509 *ca;
	int opened, closed;
	char why[256];
	size_t frames, frame_len[16];
	char frame[16][64]; /* their beginnings */
};

/* ---- certificates ---------------------------------------------------------------------------- */

static X509 *certificate_new(
    EVP_PKEY *key, const char *name, const char *names, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), issuer != NULL ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
	X509V3_set_ctx(&ctx, issuer != NULL ? issuer : x, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx,
	    issuer != NULL ? NID_subject_alt_name : NID_basic_constraints,
	    issuer != NULL ? names : "critical,CA:TRUE");
	assert_non_null(extension);
	X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static void make_ca(struct world *world)
{
	FILE *file;

	world->ca_key = EVP_EC_gen("P-256");
	world->ca = certificate_new(world->ca_key, "test ca", NULL, NULL, world->ca_key);
	bot_world_path(world->bot, "ca.pem", world->ca_path, sizeof(world->ca_path));
	file = fopen(world->ca_path, "w");
	assert_non_null(file);
	PEM_write_X509(file, world->ca);
	fclose(file);
}

/* ---- the peer: blocking, in a child ---------------------------------------------------------- */

struct pipe {
	int fd;
	SSL *ssl;
};

static ssize_t pipe_read(struct pipe *pipe, void *data, size_t len)
{
	return pipe->ssl != NULL ? SSL_read(pipe->ssl, data, (int)len) : read(pipe->fd, data, len);
}

static void pipe_write(struct pipe *pipe, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t written = pipe->ssl != NULL
				      ? SSL_write(pipe->ssl, at, len > 16384 ? 16384 : (int)len)
				      : write(pipe->fd, at, len);

		if (written <= 0)
			_exit(0);
		at += written;
		len -= (size_t)written;
	}
}

static void pipe_puts(struct pipe *pipe, const char *text)
{
	pipe_write(pipe, text, strlen(text));
}

static void pipe_read_exactly(struct pipe *pipe, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t got = pipe_read(pipe, at, len);

		if (got <= 0)
			_exit(0);
		at += got;
		len -= (size_t)got;
	}
}

static void read_head(struct pipe *pipe, char *head, size_t size)
{
	size_t len = 0;

	head[0] = '\0';
	while (strstr(head, "\r\n\r\n") == NULL && len + 1 < size) {
		pipe_read_exactly(pipe, head + len, 1);
		head[++len] = '\0';
	}
}

static void frame(struct pipe *pipe, int opcode, bool is_final, const void *data, size_t len)
{
	unsigned char head[10] = {(unsigned char)((is_final ? 0x80 : 0) | opcode)};
	size_t head_len = 2;

	if (len < 126) {
		head[1] = (unsigned char)len;
	} else if (len < 65536) {
		head[1] = 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
		head_len = 4;
	} else {
		head[1] = 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)((uint64_t)len >> (8 * (7 - i)));
		head_len = 10;
	}
	pipe_write(pipe, head, head_len);
	pipe_write(pipe, data, len);
}

/* Reads a client's frame; its opcode. */
static int read_frame(struct pipe *pipe, char *data, size_t *len)
{
	unsigned char head[2], mask[4], more[2];

	pipe_read_exactly(pipe, head, 2);
	*len = head[1] & 127;
	if (*len == 126) {
		pipe_read_exactly(pipe, more, 2);
		*len = (size_t)more[0] << 8 | more[1];
	}
	pipe_read_exactly(pipe, mask, 4);
	pipe_read_exactly(pipe, data, *len);
	for (size_t i = 0; i < *len; i++)
		data[i] ^= (char)mask[i % 4];
	data[*len] = '\0';
	return head[0] & 15;
}

static void upgrade(struct pipe *pipe, const char *head)
{
	const char *key = strcasestr(head, "Sec-WebSocket-Key: ");
	unsigned char hash[SHA_DIGEST_LENGTH], accept[64];
	char text[128], answer[256];

	if (key == NULL)
		_exit(0);
	key += strlen("Sec-WebSocket-Key: ");
	snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	    (int)strcspn(key, "\r"), key);
	SHA1((unsigned char *)text, strlen(text), hash);
	EVP_EncodeBlock(accept, hash, sizeof(hash));
	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
	    "Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	pipe_puts(pipe, answer);
}

static void talk(struct pipe *pipe)
{
	static char large[WIRE_FRAME_MAX + 1];

	memset(large, 'x', sizeof(large));
	frame(pipe, 1, true, "plain", 5);
	frame(pipe, 1, false, "in ", 3);
	frame(pipe, 9, true, "are you there", 13);
	frame(pipe, 0, false, "three ", 6);
	frame(pipe, 0, true, "pieces", 6);
	frame(pipe, 2, true, "binary", 6);
	frame(pipe, 1, true, large, 300000);
	frame(pipe, 1, true, large, WIRE_FRAME_MAX);
	frame(pipe, 1, true, large, WIRE_FRAME_MAX + 1);
	frame(pipe, 1, true, "", 0);
	frame(pipe, 1, true, "last", 4);
}

static void serve(struct pipe *pipe, const struct peer *peer, int report)
{
	char head[8192], data[70000];
	size_t len;
	int opcode;

	read_head(pipe, head, sizeof(head));
	(void)!write(report, head, strlen(head));
	if (peer->script == CLOSES_AT_ONCE)
		return;
	if (peer->script == REFUSES) {
		pipe_puts(pipe, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	upgrade(pipe, head);
	if (peer->script == TALKS)
		talk(pipe);
	if (peer->script == CLOSES)
		frame(pipe, 8, true, "\x03\xE9", 2); /* 1001 */
	for (;;) {
		opcode = read_frame(pipe, data, &len);
		if (opcode == 10)
			(void)!write(report, "PONG ", 5);
		if (opcode == 10)
			(void)!write(report, data, len);
		if (opcode == 1)
			frame(pipe, 1, true, data, len);
		if (opcode == 8) {
			len = len >= 2 ? (size_t)snprintf(data, sizeof(data), "CLOSE %u",
					     (unsigned)((unsigned char)data[0] << 8 |
							(unsigned char)data[1]))
				       : 0;
			(void)!write(report, data, len);
			frame(pipe, 8, true, "\x03\xE8", 2);
			return;
		}
	}
}

static void be_peer(struct world *world, int listener, int report)
{
	struct peer *peer = &world->peer;
	struct pipe pipe = {0};
	EVP_PKEY *key;
	SSL_CTX *tls;
	char head[4096];

	signal(SIGPIPE, SIG_IGN);
	alarm(20);
	pipe.fd = accept(listener, NULL, NULL);
	if (peer->is_proxy) {
		read_head(&pipe, head, sizeof(head));
		(void)!write(report, head, strlen(head));
		pipe_puts(&pipe, "HTTP/1.0 200 OK\r\n\r\n");
	}
	if (peer->is_tls) {
		key = EVP_EC_gen("P-256");
		tls = SSL_CTX_new(TLS_server_method());
		SSL_CTX_use_certificate(
		    tls, certificate_new(key, "peer", peer->names, world->ca, world->ca_key));
		SSL_CTX_use_PrivateKey(tls, key);
		pipe.ssl = SSL_new(tls);
		SSL_set_fd(pipe.ssl, pipe.fd);
		if (SSL_accept(pipe.ssl) != 1)
			_exit(0);
	}
	serve(&pipe, peer, report);
	_exit(0);
}

static void start_peer(struct world *world)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), report[2];

	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	getsockname(listener, (struct sockaddr *)&address, &len);
	world->peer.port = ntohs(address.sin_port);
	assert_int_equal(pipe(report), 0);
	world->peer.pid = fork();
	assert_true(world->peer.pid >= 0);
	if (world->peer.pid == 0) {
		close(report[0]);
		be_peer(world, listener, report[1]);
	}
	close(listener);
	close(report[1]);
	world->peer.report = report[0];
}

/* All that the peer saw. */
static void end_peer(struct world *world, char *seen, size_t size)
{
	size_t len = 0;
	ssize_t got;

	if (world->peer.pid == 0)
		return;
	while (len + 1 < size && (got = read(world->peer.report, seen + len, size - 1 - len)) > 0)
		len += (size_t)got;
	seen[len] = '\0';
	close(world->peer.report);
	waitpid(world->peer.pid, NULL, 0);
	world->peer.pid = 0;
}

/* ---- this side ------------------------------------------------------------------------------- */

static void on_opened(void *ctx)
{
	struct world *world = ctx;

	world->opened++;
}

static void on_frame(void *ctx, const char *text, size_t len)
{
	struct world *world = ctx;

	assert_true(world->frames < 16);
	assert_int_equal(strlen(text), len);
	world->frame_len[world->frames] = len;
	snprintf(world->frame[world->frames++], sizeof(world->frame[0]), "%.40s", text);
}

static void on_closed(void *ctx, const char *why)
{
	struct world *world = ctx;

	world->closed++;
	world->wire = NULL;
	snprintf(world->why, sizeof(world->why), "%s", why);
}

static const struct wire_events events = {
    .opened = on_opened, .frame = on_frame, .closed = on_closed};

static void on_tick(uv_timer_t *ticker)
{
	(void)ticker;
}

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	world->bot = bot_world_new();
	make_ca(world);
	uv_timer_init(&world->bot->uv, &world->ticker);
	uv_timer_start(&world->ticker, on_tick, 2, 2);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	char seen[4096];

	wires_free(world->wires);
	for (int i = 0; i < 50; i++)
		uv_run(&world->bot->uv, UV_RUN_NOWAIT);
	end_peer(world, seen, sizeof(seen));
	unlink(world->ca_path);
	X509_free(world->ca);
	EVP_PKEY_free(world->ca_key);
	uv_close((uv_handle_t *)&world->ticker, NULL);
	bot_world_free(world->bot);
	free(world);
	return 0;
}

static void dial_url(struct world *world, const char *url)
{
	struct error err = {0};

	if (world->wires == NULL)
		world->wires = wires_new(&world->bot->loop, world->bot->config, &err);
	if (world->wires == NULL)
		fail_msg("%s", err.text);
	world->wire = wire_dial(world->wires, url, &events, world);
	assert_int_equal(world->opened + world->closed, 0);
}

static void dial(struct world *world, const char *host)
{
	char url[256];

	start_peer(world);
	snprintf(url, sizeof(url), "%s://%s:%d%s", world->peer.is_tls ? "wss" : "ws", host,
	    world->peer.port, PATH);
	dial_url(world, url);
}

static void wait_until(struct world *world, const int *flag)
{
	for (int i = 0; i < TURNS && *flag == 0; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(*flag, 1);
}

static void wait_frames(struct world *world, size_t count)
{
	for (int i = 0; i < TURNS && world->frames < count && world->closed == 0; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
	assert_int_equal(world->frames, count);
}

static void hang_up(struct world *world)
{
	wire_close(world->wire);
	world->wire = NULL;
	for (int i = 0; i < 200; i++)
		uv_run(&world->bot->uv, UV_RUN_ONCE);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void handshake__of_slacks_address__sends_path_and_query_unchanged_and_offers_nothing(
    void **state)
{
	struct world *world = *state;
	char seen[8192], host[64];

	world->peer.script = ECHOES;
	dial(world, "127.0.0.1");
	wait_until(world, &world->opened);
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%d\r\n", world->peer.port);
	hang_up(world);
	end_peer(world, seen, sizeof(seen));

	assert_int_equal(
	    strncmp(seen, "GET " PATH " HTTP/1.1\r\n", strlen("GET " PATH " HTTP/1.1\r\n")), 0);
	assert_non_null(strcasestr(seen, host));
	assert_null(strcasestr(seen, "Sec-WebSocket-Extensions"));
	assert_null(strcasestr(seen, "Sec-WebSocket-Protocol"));
	assert_null(strcasestr(seen, "Origin:"));
	assert_non_null(strstr(seen, "CLOSE 1000"));
	assert_int_equal(world->closed, 0);
}

static void messages__in_any_pieces__arrive_whole_and_in_order(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} wanted[] = {{"plain", 5}, {"in three pieces", 15}, {"xxxx", 300000},
	    {"xxxx", WIRE_FRAME_MAX}, {"", 0}, {"last", 4}};
	struct world *world = *state;
	char seen[8192];

	world->peer.script = TALKS;
	dial(world, "localhost");
	wait_frames(world, 6);
	hang_up(world);
	end_peer(world, seen, sizeof(seen));

	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(world->frame_len[i], wanted[i].len);
		assert_int_equal(
		    strncmp(world->frame[i], wanted[i].text, strlen(wanted[i].text)), 0);
	}
	assert_non_null(strstr(seen, "PONG are you there"));
}

static void messages__sent__arrive_and_are_written_before_goodbye(void **state)
{
	struct world *world = *state;
	char text[5001], seen[16384];

	world->peer.script = ECHOES;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	dial(world, "127.0.0.1");
	wire_send(world->wire, "too early");
	wait_until(world, &world->opened);
	wire_send(world->wire, "one");
	wire_send(world->wire, text);
	wait_frames(world, 2);
	wire_send(world->wire, "and goodbye");
	hang_up(world);
	end_peer(world, seen, sizeof(seen));

	assert_string_equal(world->frame[0], "one");
	assert_int_equal(world->frame_len[1], 5000);
	assert_non_null(strstr(seen, "CLOSE 1000"));
}

static void peer__that_ends_it__is_told_once_with_the_reason(void **state)
{
	static const struct {
		enum script script;
		int opened;
		const char *why;
	} cases[] = {
	    {REFUSES, 0, NULL},
	    {CLOSES, 1, "code=1001"},
	    {CLOSES_AT_ONCE, 0, NULL},
	};
	struct world *world = *state;
	char seen[8192];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->opened = world->closed = 0;
		world->peer.script = cases[i].script;
		dial(world, "127.0.0.1");
		wait_until(world, &world->closed);
		assert_int_equal(world->opened, cases[i].opened);
		assert_string_not_equal(world->why, "");
		assert_null(strstr(world->why, "ticket"));
		if (cases[i].why != NULL)
			assert_non_null(strstr(world->why, cases[i].why));
		end_peer(world, seen, sizeof(seen));
	}
}

static void address__where_nobody_listens_or_that_is_none__is_told_later(void **state)
{
	static const char *const urls[] = {"ws://127.0.0.1:1/", "ws://[::1]:1/x", "nonsense"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		world->closed = 0;
		dial_url(world, urls[i]);
		wait_until(world, &world->closed);
		assert_int_equal(world->opened, 0);
	}
}

static void wire__closed_before_it_stands__tells_nobody(void **state)
{
	struct world *world = *state;

	world->peer.script = ECHOES;
	dial(world, "127.0.0.1");
	hang_up(world);
	kill(world->peer.pid, SIGKILL); /* it may still wait for a connection */

	assert_int_equal(world->opened + world->closed, 0);
}

static void certificate__of_each_kind__is_taken_only_for_the_host_that_was_asked(void **state)
{
	static const struct {
		const char *names, *host;
		bool trusted, taken;
	} cases[] = {
	    {"DNS:localhost", "localhost", true, true},
	    {"IP:127.0.0.1", "127.0.0.1", true, true},
	    {"DNS:localhost", "localhost", false, false},
	    {"DNS:elsewhere.example", "localhost", true, false},
	    {"DNS:localhost", "127.0.0.1", true, false},
	    {"IP:127.0.0.2", "127.0.0.1", true, false},
	    {"DNS:127.0.0.1", "127.0.0.1", true, false},
	};
	struct world *world = *state;
	char seen[8192];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->opened = world->closed = 0;
		world->peer =
		    (struct peer){.script = ECHOES, .is_tls = true, .names = cases[i].names};
		replace_text(
		    &world->bot->config->ca_file, cases[i].trusted ? world->ca_path : NULL);
		if (world->wires != NULL)
			assert_true(wires_reload(world->wires, world->bot->config, NULL));
		dial(world, cases[i].host);
		wait_until(world, cases[i].taken ? &world->opened : &world->closed);
		if (world->opened + world->closed != 1)
			fail_msg("case %zu", i);
		hang_up(world);
		end_peer(world, seen, sizeof(seen));
		/* The ticket is not shown to whom it is not meant for. */
		assert_int_equal(strstr(seen, "ticket") != NULL, cases[i].taken);
	}
}

static void proxy__configured__is_asked_for_the_name_and_the_certificate_is_slacks(void **state)
{
	struct world *world = *state;
	char proxy[64], seen[8192];

	world->peer = (struct peer){
	    .script = ECHOES, .is_tls = true, .is_proxy = true, .names = "DNS:" PROXIED};
	start_peer(world);
	replace_text(&world->bot->config->ca_file, world->ca_path);
	snprintf(proxy, sizeof(proxy), "http://user:pa%%40ss@localhost:%d", world->peer.port);
	replace_text(&world->bot->config->proxy, proxy);
	dial_url(world, "wss://" PROXIED PATH);
	wait_until(world, &world->opened);
	hang_up(world);
	end_peer(world, seen, sizeof(seen));

	assert_int_equal(
	    strncmp(seen, "CONNECT " PROXIED ":443 ", strlen("CONNECT " PROXIED ":443 ")), 0);
	assert_non_null(strstr(seen, "GET " PATH));
	assert_non_null(strcasestr(seen, "\r\nHost: " PROXIED "\r\n"));
}

static void proxy__configured__is_not_used_on_loopback(void **state)
{
	struct world *world = *state;

	replace_text(&world->bot->config->proxy, "http://127.0.0.1:1");
	world->peer.script = ECHOES;
	dial(world, "127.0.0.1");
	wait_until(world, &world->opened);
}

static void ca_file__that_cannot_be_read__is_refused_and_the_old_one_stays(void **state)
{
	struct world *world = *state;
	struct error err = {0};

	world->wires = wires_new(&world->bot->loop, world->bot->config, &err);
	assert_non_null(world->wires);
	replace_text(&world->bot->config->ca_file, "/nonexistent/ca.pem");
	assert_false(wires_reload(world->wires, world->bot->config, &err));
	assert_int_equal(err.kind, ERROR_IO);
	world->peer.script = ECHOES;
	dial(world, "127.0.0.1");
	wait_until(world, &world->opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		handshake__of_slacks_address__sends_path_and_query_unchanged_and_offers_nothing,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(
		messages__in_any_pieces__arrive_whole_and_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		messages__sent__arrive_and_are_written_before_goodbye, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		peer__that_ends_it__is_told_once_with_the_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		address__where_nobody_listens_or_that_is_none__is_told_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		wire__closed_before_it_stands__tells_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		certificate__of_each_kind__is_taken_only_for_the_host_that_was_asked, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		proxy__configured__is_asked_for_the_name_and_the_certificate_is_slacks, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		proxy__configured__is_not_used_on_loopback, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		ca_file__that_cannot_be_read__is_refused_and_the_old_one_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
