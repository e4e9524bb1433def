/*
 * bench_preview - how soon an announcement knows what it would have covered, over 1 000 000 stored alerts and 10 000 announcements,
 * and what its counting does to those who send alerts and type commands meanwhile.
 *
 * The alerts are put into the database in one go, past the door; all else is the real server, the simulator and real sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define ALERTS 1000000
#define ANNOUNCEMENTS 10000
#define PEOPLE 2000
#define ROUNDS 7
#define CONFIG_MAX (1 << 20)
#define PHASE_MS 10000 /* of the load beside counting, and of the same without */
#define PACE_US 10000  /* an alert each */
#define COMMAND_PAUSE_US 100000
#define SAMPLES_MAX 4096
#define COUNTERS 2 /* who announce without pause */

/* ---- figures -------------------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct samples {
	double ms[SAMPLES_MAX];
	size_t count;
};

static void samples_add(struct samples *samples, int64_t since_us)
{
	if (samples->count < SAMPLES_MAX)
		samples->ms[samples->count++] = (double)(now_us() - since_us) / 1000;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_spread(const char *name, struct samples *samples, const char *target)
{
	qsort(samples->ms, samples->count, sizeof(double), by_value);
	printf("  %-58s %8.0f %8.0f %8.0f   %s\n", name, samples->ms[samples->count / 2],
	    samples->ms[0], samples->ms[samples->count - 1], target);
	fflush(stdout);
}

static void print_tail(const char *name, struct samples *samples)
{
	size_t count = samples->count;

	if (count == 0)
		fail_msg("%s: nothing was measured", name);
	qsort(samples->ms, count, sizeof(double), by_value);
	printf("  %-58s %8.1f %8.1f %8.1f   (%zu)\n", name, samples->ms[count / 2],
	    samples->ms[count * 99 / 100], samples->ms[count - 1], count);
	fflush(stdout);
}

/* ---- a million alerts -------------------------------------------------------------------------------------- */

/* One alert each 2.5 s over 29 days; 900 bytes of fields and labels each, as Falco's are. */
static const char alerts_sql[] =
    "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN;"
    "INSERT INTO alerts (source, rule, title, description, actor, host, ip, process, service, env, "
    "region, dedup_key, key_hash, "
    "occurred_at, received_at, labels, severity, status, last_seen, count, announcement, previous, "
    "nearest, route, channel, page_key, "
    "page_status, paged_at, changed_by, changed_via, changed_at, version) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
    "SELECT 'falco', 'Rule number ' || (i * 7919 %% 300), 'Terminal shell in container on c' || (i "
    "* 104729 %% 1000), "
    "printf('A shell was used as the entrypoint/exec point into a container with an attached "
    "terminal (user=user-%%d uid=0 "
    "k8s.ns=ns%%d shell=bash parent=runc cmdline=bash -c %%d)', i %% 2000, i %% 50, i), "
    "CASE WHEN i %% 2 THEN 'user-' || (i * 31 %% 4000) END, 'c' || (i * 104729 %% 1000) || '-web-' "
    "|| (i * 13 %% 9), "
    "'10.' || (i %% 200) || '.' || (i * 7 %% 250) || '.' || (i * 11 %% 250), 'bash', 'svc-' || (i "
    "* 17 %% 100), "
    "CASE i %% 3 WHEN 0 THEN 'prod' WHEN 1 THEN 'staging' ELSE 'dev' END, 'eu-west-1', 'falco-' || "
    "printf('%%032x', i * 7919), "
    "abs(i * 2654435761 %% 281474976710656), t, t, "
    "printf('{\"container.id\":\"%%012x\",\"container.name\":\"k8s_web_web-%%d\",\"k8s.ns.name\":"
    "\"ns%%d\",\"k8s.pod.name\":"
    "\"web-%%d-abcde\",\"proc.cmdline\":\"bash -c "
    "%%d\",\"proc.pname\":\"runc\",\"evt.type\":\"execve\",\"container.image\":"
    "\"docker.io/library/web:%%d\",\"proc.tty\":\"34816\"}', i * 7919, i %% 900, i %% 50, i %% "
    "700, i, i %% 40), "
    "i %% 5, 2, t, 1, 0, 0, 0, 1, '#security-alerts', CASE WHEN i %% 20 = 0 THEN 'abcdef012345' "
    "END, "
    "CASE WHEN i %% 20 = 0 THEN 'resolved' END, CASE WHEN i %% 20 = 0 THEN t END, 'U0ALICE', "
    "'slack', t, 3 "
    "FROM (SELECT i, unixepoch() - 29 * 86400 + i * 29 * 86400 / %d AS t FROM n);"
    "INSERT INTO alert_runs (first, hour) SELECT min(id), received_at / 3600 FROM alerts GROUP BY "
    "received_at / 3600;"
    /* 80 in 100 with an equality, 20 with globs only, each of a person's. */
    "INSERT INTO announcements (author, via, match, created_at, starts_at, ends_at, state, "
    "needs_approval, because, max, matched, "
    "near_misses, channel, version) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
    "SELECT printf('U%%07d', i * 7919 %% %d), 'api', CASE i %% 10 WHEN 0 THEN "
    "printf('[\"host=k%%d-batch-*\"]', i / 10) "
    "WHEN 1 THEN printf('[\"host=k%%d-cron-*\",\"rule=ssh-*\"]', i / 10) ELSE "
    "printf('[\"host=k%%d-web-%%d\"]', i / 10, i %% 9) END, "
    "unixepoch(), unixepoch(), unixepoch() + 14400, 0, 0, 'deploy', 50, 0, 0, '#security-alerts', "
    "1 FROM n;"
    "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);";

static void fill(const struct world *world)
{
	char *path = xasprintf("%s/headsup.db", world->dir), *why = NULL, *sql;
	int64_t begun_us = now_us();
	sqlite3 *db = NULL;

	sql = xasprintf(alerts_sql, ALERTS, ALERTS, ANNOUNCEMENTS, PEOPLE);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", path, why != NULL ? why : sqlite3_errmsg(db));
	sqlite3_close(db);
	free(sql);
	free(path);
	printf("\n%d alerts and %d announcements stored in %.1f s\n", ALERTS, ANNOUNCEMENTS,
	    (double)(now_us() - begun_us) / 1e6);
	fflush(stdout);
}

static struct world *server(void)
{
	struct world_options options = {.posts_per_second = "1000"};
	struct world *world;
	struct buf config;

	buf_init(&config, CONFIG_MAX);
	buf_puts(&config, "listen: 127.0.0.1:@PORT@\n"
			  "store: sqlite://@DIR@/headsup.db\n"
			  "slack: {app_token: \"${SLACK_APP_TOKEN}\", bot_token: "
			  "\"${SLACK_BOT_TOKEN}\", api_url: \"@API@\", posts_per_second: 1000}\n"
			  "tokens: [{name: ops, token: \"${HEADSUP_OPS_TOKEN}\", may: [send, read, "
			  "act, announce, announce_for]}]\n"
			  "routes: [{channel: \"#security-alerts\"}]\n"
			  "people:\n");
	for (size_t i = 0; i < PEOPLE; i++)
		buf_printf(&config, "  - {slack: U%07zu, logins: [user-%zu]}\n", i, i);
	options.config = buf_text(&config);
	world = world_start(&options);
	buf_fini(&config);
	world_term(world);
	fill(world);
	world_boot(world);
	return world;
}

/* ---- a connection of one's own: the harness is for one thread ------------------------------------------------ */

struct wire {
	int fd;
	char in[65536];
};

static void wire_open(struct wire *wire, const struct world *world)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct timeval patience = {.tv_sec = 30};

	address.sin_port = htons((uint16_t)strtoul(strrchr(world->url, ':') + 1, NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail_msg("cannot connect to %s: %s", world->url, strerror(errno));
	setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* The whole answer's status; its body is in wire->in. */
static long post(struct wire *wire, const char *path, const char *body)
{
	char head[512];
	size_t len = 0;
	int head_len = snprintf(head, sizeof(head),
	    "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " WORLD_OPS
	    "\r\nContent-Length: %zu\r\n\r\n",
	    path, strlen(body));

	if (send(wire->fd, head, (size_t)head_len, MSG_NOSIGNAL | MSG_MORE) != head_len ||
	    send(wire->fd, body, strlen(body), MSG_NOSIGNAL) != (ssize_t)strlen(body))
		fail_msg("cannot send: %s", strerror(errno));
	for (;;) {
		ssize_t got = recv(wire->fd, wire->in + len, sizeof(wire->in) - 1 - len, 0);
		const char *end, *length;

		if (got <= 0)
			fail_msg("no answer to %s", path);
		len += (size_t)got;
		wire->in[len] = '\0';
		end = strstr(wire->in, "\r\n\r\n");
		length = strcasestr(wire->in, "\r\nContent-Length:");
		if (end != NULL && length != NULL &&
		    len >= (size_t)(end + 4 - wire->in) + strtoul(length + 17, NULL, 10))
			return strtol(wire->in + 9, NULL, 10);
	}
}

/* ---- how soon ------------------------------------------------------------------------------------------------ */

static const struct kind {
	const char *name, *matches, *target;
} kinds[] = {
    {"host=c18-web-3, an equality", "\"host=c18-web-3\"", "at most 1000"},
    {"rule=\"Rule number 18\", an equality of 3 300", "\"rule=Rule number 18\"", "at most 1000"},
    {"env=prod and actor=user-*, an equality of a third", "\"env=prod\",\"actor=user-*\"",
	"at most 1000"},
    {"k8s.ns.name=ns17, an equality over a label", "\"k8s.ns.name=ns17\",\"actor=user-*\"",
	"at most 1000"},
    {"host=c18-*, a prefix", "\"host=c18-*\"", "at most 3000"},
    {"host=*-web-3, a glob without one", "\"host=*-web-3\"", "at most 3000"},
    {"rule~Rule number .*8, a regular expression", "\"rule~Rule number .*8\"", "at most 3000"},
    {"container.image~.*web:1., over a label", "\"container.image~.*web:1.\"", "at most 3000"},
    {"description~.*cmdline=bash -c 4.*, over a text", "\"description~.*cmdline=bash -c 4.*\"",
	"at most 3000"},
    {"rule=*number*, all of them", "\"rule=*number*\",\"severity!=x*\"", "at most 3000"},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* Announces; false: without a preview. It begins in a day, so that it covers nothing of the load. */
static bool announce(struct wire *wire, const char *matches)
{
	time_t from = time(NULL) + 86400;
	char at[32], *body;
	struct tm utc;
	long status;

	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&from, &utc));
	body = xasprintf("{\"match\":[%s],\"author\":\"user-7\",\"from\":\"%s\",\"for\":\"1h\","
			 "\"because\":\"bench\"}",
	    matches, at);
	status = post(wire, "/v1/announcements", body);
	free(body);
	if (status != 201)
		fail_msg("%s: %s", matches, wire->in);
	return strstr(wire->in, "\"preview\":{") != NULL;
}

static void bench_latency(struct world *world)
{
	struct wire wire;

	wire_open(&wire, world);
	printf("\n%-60s %8s %8s %8s\n", "ms from POST to 201 with its preview, 7 rounds", "median",
	    "min", "max");
	for (size_t k = 0; k < KIND_COUNT; k++) {
		struct samples samples = {.count = 0};
		const char *counted = NULL;

		for (int round = 0; round < ROUNDS; round++) {
			int64_t begun_us = now_us();

			if (!announce(&wire, kinds[k].matches))
				fail_msg("%s: no preview", kinds[k].name);
			samples_add(&samples, begun_us);
		}
		counted = strstr(wire.in, "\"alerts\":");
		print_spread(kinds[k].name, &samples, kinds[k].target);
		printf("    %.*s\n", (int)strcspn(counted, "}"), counted);
	}
	close(wire.fd);
}

/* ---- what it does to others ------------------------------------------------------------------------------------ */

static atomic_bool is_over;
static atomic_int previews, without;

struct load {
	struct world *world;
	struct samples samples;
	int phase;
};

static void *send_alerts(void *ctx)
{
	struct load *load = ctx;
	int64_t begun_us = now_us();
	struct wire wire;
	char body[256];

	wire_open(&wire, load->world);
	for (int i = 0; !is_over; i++) {
		int64_t due_us = begun_us + (int64_t)i * PACE_US, sent_us;

		while (now_us() < due_us)
			usleep(500);
		snprintf(body, sizeof(body),
		    "{\"title\":\"it "
		    "happened\",\"rule\":\"bench\",\"host\":\"bench-%d-%d\",\"severity\":\"low\"}",
		    load->phase, i);
		sent_us = now_us();
		if (post(&wire, "/v1/alerts", body) != 202)
			fail_msg("%s", wire.in);
		samples_add(&load->samples, sent_us);
	}
	close(wire.fd);
	return NULL;
}

static void *announce_on(void *ctx)
{
	struct world *world = ctx;
	struct wire wire;

	wire_open(&wire, world);
	for (size_t i = 0; !is_over; i++) {
		if (announce(&wire, kinds[i % KIND_COUNT].matches))
			previews++;
		else
			without++;
	}
	close(wire.fd);
	return NULL;
}

static void type_commands(struct world *world, struct samples *acks)
{
	int64_t end_us = now_us() + PHASE_MS * INT64_C(1000);

	while (now_us() < end_us) {
		size_t mark = world_mark(world);
		int64_t begun_us = now_us();
		cJSON *asked = world_slash(world, "alice", "#security-alerts", "show A1");

		if (!cJSON_IsTrue(json_get(asked, "acked")))
			fail_msg("a command was not acknowledged");
		samples_add(acks, begun_us);
		world_release(world, mark);
		usleep(COMMAND_PAUSE_US);
	}
}

static void run_phase(struct world *world, int phase)
{
	static struct load load;
	static struct samples acks;
	pthread_t sender, counters[COUNTERS];
	int count = phase > 0 ? COUNTERS : 0;

	load = (struct load){.world = world, .phase = phase};
	acks.count = 0;
	is_over = false;
	previews = without = 0;
	assert_int_equal(pthread_create(&sender, NULL, send_alerts, &load), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&counters[i], NULL, announce_on, world), 0);
	type_commands(world, &acks);
	is_over = true;
	pthread_join(sender, NULL);
	for (int i = 0; i < count; i++)
		pthread_join(counters[i], NULL);
	print_tail(phase > 0 ? "an alert's 202, while previews are counted"
			     : "an alert's 202, 100 a second",
	    &load.samples);
	print_tail(phase > 0 ? "a command's acknowledgement, while previews are counted"
			     : "a command's acknowledgement",
	    &acks);
	if (count > 0)
		printf("  %d previews were counted meanwhile, %d announcements went without\n",
		    (int)previews, (int)without);
}

int main(void)
{
	struct world *world = server();

	bench_latency(world);
	printf("\n%-60s %8s %8s %8s\n", "ms, 10 s each", "p50", "p99", "max");
	run_phase(world, 0);
	run_phase(world, 1);
	world_stop(world);
	return 0;
}
