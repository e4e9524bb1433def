/*
 * bench_server - what an alert costs the whole server, and how soon it is in Slack.
 *
 * Two servers stand side by side, one without announcements and one with 10 000 of them; rounds of the one and the other take turns, so
 * that whatever else the machine does meets both. Slack is configured and refuses connections: what is to be said is written into the
 * outbox, and nothing is delivered. CPU is the process's own, user and system, from /proc/PID/stat. A third server has the simulator.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/e2e/harness.h"

#define ROUNDS 5
#define ALERTS 20000 /* a round */
#define WARM_UP 2000
#define CONNECTIONS 16
#define ANNOUNCEMENTS 10000
#define PEOPLE 2000
#define PACED 1000 /* alerts a round of the latency's, one each PACE_US */
#define PACE_US 10000
#define SAMPLE "tests/data/alerts/falco/terminal-shell-in-container.json"
#define SAMPLE_MAX 65536
#define CONFIG_MAX (1 << 20)
#define PATIENCE_MS 5000 /* without a single answer */

/* ---- figures -------------------------------------------------------------------------------------------- */

struct series {
	double values[ROUNDS];
	size_t count;
};

static void series_add(struct series *series, double value)
{
	series->values[series->count++] = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_head(const char *title)
{
	printf("\n%-58s %9s %9s %9s\n", title, "median", "min", "max");
}

static void print_row(const char *name, const struct series *series, int digits, const char *target)
{
	struct series sorted = *series;

	qsort(sorted.values, sorted.count, sizeof(double), by_value);
	printf("  %-56s %9.*f %9.*f %9.*f   %s\n", name, digits, sorted.values[sorted.count / 2],
	    digits, sorted.values[0], digits, sorted.values[sorted.count - 1], target);
	fflush(stdout);
}

static int64_t now_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* User and system time of PID in seconds: fields 14 and 15, counted from the name's closing parenthesis. */
static double cpu_s(pid_t pid)
{
	char path[64], text[1024], *at;
	unsigned long long user, system;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	at = strrchr(text, ')');
	if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			      &user, &system) != 2)
		fail_msg("%s cannot be read", path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- load: raw sockets, kept open; one request under way on each ------------------------------------------ */

struct shot {
	char *text; /* the request, whole */
	size_t len;
	int64_t sent_us; /* CLOCK_REALTIME, which is the simulator's */
};
struct load {
	struct world *world;
	struct shot *shots;
	size_t count;
	int status;      /* that each answer is to have */
	int64_t pace_us; /* from shot to shot; 0: as fast as answers come */
	size_t fired, answered;
	int epoll;
};
struct wire {
	int fd;
	bool is_busy;
	char in[4096];
	size_t in_len;
};

static void wire_open(struct wire *wire, struct load *load)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
	const char *port = strrchr(load->world->url, ':');

	address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail_msg("cannot connect to %s: %s", load->world->url, strerror(errno));
	setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, wire->fd, &event) != 0)
		fail_msg("epoll: %s", strerror(errno));
}

static void fire(struct wire *wire, struct load *load)
{
	struct shot *shot = &load->shots[load->fired++];

	shot->sent_us = now_us(CLOCK_REALTIME);
	wire->in_len = 0;
	wire->is_busy = true;
	/* The socket blocks; a request is far smaller than its buffer. */
	if (send(wire->fd, shot->text, shot->len, MSG_NOSIGNAL) != (ssize_t)shot->len)
		fail_msg("cannot send: %s", strerror(errno));
}

/* True when the answer is in, headers and body; it is looked at then. */
static bool is_answered(struct wire *wire, const struct load *load)
{
	const char *end, *length;
	ssize_t got = recv(
	    wire->fd, wire->in + wire->in_len, sizeof(wire->in) - 1 - wire->in_len, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0 || !wire->is_busy)
		fail_msg("the server closed a connection, or its answer is too long");
	wire->in_len += (size_t)got;
	wire->in[wire->in_len] = '\0';
	end = strstr(wire->in, "\r\n\r\n");
	if (end == NULL)
		return false;
	length = strcasestr(wire->in, "\r\nContent-Length:");
	if (length == NULL || length > end)
		fail_msg("an answer without a length: %s", wire->in);
	if (wire->in_len < (size_t)(end + 4 - wire->in) + strtoul(length + 17, NULL, 10))
		return false;
	if (strncmp(wire->in, "HTTP/1.1 ", 9) != 0 || strtol(wire->in + 9, NULL, 10) != load->status)
		fail_msg("wanted %d, the answer is: %s", load->status, wire->in);
	return true;
}

/* When the next shot is due, in ms from now; -1: when an answer comes. */
static int next_in_ms(const struct load *load, int64_t begin_us)
{
	int64_t left = begin_us + (int64_t)load->fired * load->pace_us - now_us(CLOCK_MONOTONIC);

	if (load->pace_us == 0 || load->fired == load->count)
		return PATIENCE_MS;
	return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

static void fire_due(struct load *load, struct wire *wires, int64_t begin_us)
{
	for (size_t i = 0; i < CONNECTIONS && load->fired < load->count; i++) {
		if (load->pace_us > 0 &&
		    begin_us + (int64_t)load->fired * load->pace_us > now_us(CLOCK_MONOTONIC))
			return;
		if (!wires[i].is_busy)
			fire(&wires[i], load);
	}
}

/* Fires all shots, wants STATUS of each; returns the seconds that it took. */
static double load_run(struct load *load)
{
	static struct wire wires[CONNECTIONS];
	struct epoll_event events[CONNECTIONS];
	int64_t begin_us, took_us;

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < CONNECTIONS; i++)
		wire_open(&wires[i], load);
	begin_us = now_us(CLOCK_MONOTONIC);
	while (load->answered < load->count) {
		int wait_ms, ready;

		fire_due(load, wires, begin_us);
		wait_ms = next_in_ms(load, begin_us);
		ready = epoll_wait(load->epoll, events, CONNECTIONS, wait_ms);
		if (ready == 0 && wait_ms == PATIENCE_MS)
			fail_msg("no answer for %d ms", PATIENCE_MS);
		for (int i = 0; i < ready; i++) {
			struct wire *wire = events[i].data.ptr;

			if (!is_answered(wire, load))
				continue;
			wire->is_busy = false;
			load->answered++;
		}
	}
	took_us = now_us(CLOCK_MONOTONIC) - begin_us;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		close(wires[i].fd);
		wires[i] = (struct wire){0};
	}
	close(load->epoll);
	return (double)took_us / 1e6;
}

/* A POST of BODY (taken). */
static struct shot shot_new(const char *path, const char *token, char *body)
{
	struct shot shot = {0};

	shot.text = xasprintf("POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
			      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    path, token, strlen(body), body);
	shot.len = strlen(shot.text);
	free(body);
	return shot;
}

static void shots_free(struct shot *shots, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(shots[i].text);
	free(shots);
}

/* ---- what is sent ----------------------------------------------------------------------------------------- */

static cJSON *read_sample(void)
{
	FILE *file = fopen(SAMPLE, "r");
	char text[SAMPLE_MAX];
	cJSON *json;
	size_t len;

	if (file == NULL)
		fail_msg("%s: %s (make bench is run from the root)", SAMPLE, strerror(errno));
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	json = json_parse(text, len, NULL);
	if (json == NULL)
		fail_msg("%s is no JSON", SAMPLE);
	return json;
}

/* Member NAME of JSON (taken), or nothing when VALUE (taken) is NULL. */
static void replace(cJSON *json, const char *name, char *value)
{
	if (value != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(json, name, cJSON_CreateString(value));
	else
		cJSON_DeleteItemFromObjectCaseSensitive(json, name);
	free(value);
}

/*
 * The sample, from another container (so that it is a new alert), another host, for every second one of another person, and of a RULE
 * (taken; NULL: the sample's).
 */
static char *falco_body(const cJSON *sample, size_t n, char *host, char *rule)
{
	cJSON *json = cJSON_Duplicate(sample, true);
	cJSON *fields = cJSON_GetObjectItemCaseSensitive(json, "output_fields");
	char *text;

	replace(json, "hostname", host);
	if (rule != NULL)
		replace(json, "rule", rule);
	replace(json, "priority",
	    xstrdup("Notice")); /* Falco's own for this rule: no page, no reminder */
	replace(fields, "container.id", xasprintf("%012zx", n));
	replace(
	    fields, "user.name", n % 2 == 0 ? xasprintf("user-%zu", n * 13 % (PEOPLE * 2)) : NULL);
	text = json_write(json);
	cJSON_Delete(json);
	return text;
}

/* Rules of so few alerts that each alert has a card of its own: slack.storm_after is 10. */
static char *rule_of(size_t n)
{
	return xasprintf("Terminal shell in container %zu", n / 8);
}

/* Alerts FIRST and on, on hosts beside those that are announced; with IS_STORM all of one rule. */
static struct shot *alert_shots(const cJSON *sample, size_t first, size_t count, bool is_storm)
{
	struct shot *shots = xcalloc(count, sizeof(*shots));

	for (size_t i = 0; i < count; i++) {
		size_t n = first + i;
		char *host = xasprintf("c%zu-web-%zu", n % 1000, 50 + n % 7);

		shots[i] = shot_new("/v1/alerts/falco", "falco-token-0123456789abcdef",
		    falco_body(sample, n, host, is_storm ? NULL : rule_of(n)));
	}
	return shots;
}

/* 80 in 100 with an equality, 20 with globs only, each bound to its author's logins. */
static char *announcement_body(size_t n)
{
	char *match, *body;
	size_t cluster = n / 10;

	switch (n % 10) {
	case 0:
		match = xasprintf("\"host=c%zu-batch-*\"", cluster);
		break;
	case 1:
		match = xasprintf("\"host=c%zu-cron-*\", \"rule=ssh-*\"", cluster);
		break;
	case 2:
	case 3:
	case 4:
		match =
		    xasprintf("\"host=c%zu-db-%zu\", \"rule=rule-%zu\"", cluster, n % 7, n % 300);
		break;
	case 5:
		match = xasprintf("\"service=s-%zu\", \"rule=rule-*\"", cluster);
		break;
	default:
		match = xasprintf("\"host=c%zu-web-%zu\"", cluster, n % 9);
	}
	body = xasprintf("{\"match\":[%s],\"author\":\"user-%zu\",\"for\":\"4h\",\"max\":50,"
			 "\"because\":\"deploy\"}",
	    match, n * 7919 % PEOPLE);
	free(match);
	return body;
}

static void announce_all(struct world *world)
{
	struct load load = {.world = world, .count = ANNOUNCEMENTS, .status = 201};
	double took_s;

	load.shots = xcalloc(ANNOUNCEMENTS, sizeof(*load.shots));
	for (size_t i = 0; i < ANNOUNCEMENTS; i++)
		load.shots[i] = shot_new("/v1/announcements", WORLD_OPS, announcement_body(i));
	took_s = load_run(&load);
	shots_free(load.shots, ANNOUNCEMENTS);
	printf("\n%d announcements made over HTTP in %.1f s\n", ANNOUNCEMENTS, took_s);
	fflush(stdout);
}

/* ---- servers ---------------------------------------------------------------------------------------------- */

/* API "" is Slack out of reach: nothing listens on port 1. */
static struct world *server(const char *api)
{
	struct world_options options = {.no_slack_wait = api[0] == '\0'};
	struct world *world;
	struct buf config;

	buf_init(&config, CONFIG_MAX);
	buf_printf(&config,
	    "listen: 127.0.0.1:@PORT@\n"
	    "store: sqlite://@DIR@/headsup.db\n"
	    "slack: {app_token: \"${SLACK_APP_TOKEN}\", bot_token: \"${SLACK_BOT_TOKEN}\", "
	    "api_url: \"%s\", posts_per_second: 1000}\n"
	    "sources: [{name: falco, format: falco, token: falco-token-0123456789abcdef}]\n"
	    "tokens: [{name: ops, token: \"${HEADSUP_OPS_TOKEN}\", may: [send, read, act, "
	    "announce, announce_for]}]\n"
	    "routes: [{channel: \"#security-alerts\"}]\n"
	    "people:\n",
	    api[0] != '\0' ? api : "http://127.0.0.1:1/api/");
	for (size_t i = 0; i < PEOPLE; i++)
		buf_printf(&config, "  - {slack: U%07zu, logins: [user-%zu]}\n", i, i);
	options.config = buf_text(&config);
	world = world_start(&options);
	buf_fini(&config);
	return world;
}

/* The value of the metric that begins with NAME. */
static double metric(struct world *world, const char *name)
{
	struct world_answer *answer = world_http(world, "GET", "/metrics", NULL, NULL, NULL);
	char *line = xasprintf("\n%s", name), *at = strstr(answer->body, line);
	double value = 0;

	if (at == NULL)
		fail_msg("/metrics has no %s", name);
	else
		value = strtod(at + strlen(line), NULL);
	free(line);
	return value;
}

/* ---- CPU --------------------------------------------------------------------------------------------------- */

struct side {
	struct world *world;
	struct series cpu, rate;
};

static void side_run(struct side *side, struct shot *shots, size_t count, bool is_counted)
{
	struct load load = {.world = side->world, .shots = shots, .count = count, .status = 202};
	double before = cpu_s(side->world->headsup), took_s = load_run(&load);
	double used = cpu_s(side->world->headsup) - before;

	if (!is_counted)
		return;
	series_add(&side->cpu, used * 1000 / (double)count);
	series_add(&side->rate, (double)count / took_s);
}

/* Every alert is one of its own and still there, and so are CARDS in the outbox. */
static void side_check(const struct side *side, size_t alerts, size_t cards)
{
	double open = metric(side->world, "headsup_alerts{status=\"open\"} ");
	double waiting = metric(side->world, "headsup_outbox_words{state=\"waiting\"} ") +
			 metric(side->world, "headsup_outbox_words{state=\"sending\"} ");

	if (open < (double)alerts || waiting < (double)cards)
		fail_msg("of %zu alerts %.0f are open and %.0f wait in the outbox", alerts, open,
		    waiting);
}

/* One round of each: SIDES take turns in another order each time. */
static void round_run(
    struct side *const sides[3], const cJSON *sample, size_t round, size_t sent, size_t count)
{
	struct shot *shots = alert_shots(sample, sent, count, false);
	struct shot *storm = alert_shots(sample, sent, count, true);

	for (size_t i = 0; i < 3; i++) {
		size_t turn = (round + i) % 3;

		side_run(sides[turn], turn == 2 ? storm : shots, count, round > 0);
	}
	shots_free(shots, count);
	shots_free(storm, count);
}

static void bench_cpu(void)
{
	struct side none = {.world = server("")}, many = {.world = server("")};
	struct side storm = {.world = server("")};
	struct side *const sides[3] = {&none, &many, &storm};
	struct series ratio = {.count = 0};
	cJSON *sample = read_sample();
	size_t sent = 0;

	announce_all(many.world);
	for (size_t round = 0; round <= ROUNDS; round++) { /* the first one warms up */
		size_t count = round == 0 ? WARM_UP : ALERTS;

		round_run(sides, sample, round, sent, count);
		sent += count;
	}
	side_check(&none, sent, sent);
	side_check(&many, sent, sent);
	side_check(&storm, sent, 1);
	for (size_t i = 0; i < ROUNDS; i++)
		series_add(&ratio, many.cpu.values[i] / none.cpu.values[i]);
	print_head("A Falco alert a POST, 16 connections, 5 rounds of 20 000");
	print_row("CPU s per 1 000 alerts", &none.cpu, 4, "at most 0.09");
	print_row("alerts a second", &none.rate, 0, "");
	print_row("CPU s per 1 000 alerts, 10 000 announcements stand", &many.cpu, 4, "");
	print_row("alerts a second, 10 000 announcements stand", &many.rate, 0, "");
	print_row("CPU with 10 000 announcements / without", &ratio, 3, "at most 1.2");
	print_row("CPU s per 1 000 alerts of one rule: a storm", &storm.cpu, 4, "");
	print_row("alerts of one rule a second", &storm.rate, 0, "");
	printf("  (%.0f near misses and %.0f suppressed of %zu)\n",
	    metric(many.world, "headsup_alerts_near_misses_total "),
	    metric(many.world, "headsup_alerts_suppressed_total "), sent);
	cJSON_Delete(sample);
	world_stop(none.world);
	world_stop(many.world);
	world_stop(storm.world);
}

/* ---- latency ----------------------------------------------------------------------------------------------- */

static bool has_posts(struct world *world, size_t count)
{
	cJSON *calls = world_calls(world, "chat.postMessage");

	return (size_t)cJSON_GetArraySize(calls) >= count;
}

/* For each call of the simulator's the time since its alert was sent, in ms; DELAYS has one for each alert. */
static void read_delays(
    struct world *world, const struct shot *shots, size_t first, size_t count, double *delays)
{
	const cJSON *call;
	size_t found = 0;

	cJSON_ArrayForEach(call, world_calls(world, "chat.postMessage"))
	{
		const char *at = strstr(json_text(call, "body"), "bench-");
		size_t n = at != NULL ? strtoul(at + 6, NULL, 10) : SIZE_MAX;
		int64_t at_ms;

		if (n < first || n >= first + count || !json_int(call, "at_ms", &at_ms))
			continue;
		/* The simulator cuts its clock to milliseconds: on average half of one is lost. */
		delays[n - first] = (double)(at_ms * 1000 + 500 - shots[n - first].sent_us) / 1000;
		found++;
	}
	if (found != count)
		fail_msg("%zu posts for %zu alerts", found, count);
}

static void bench_latency(void)
{
	struct world *world = server("@API@");
	struct series p50 = {.count = 0}, p99 = {.count = 0}, rate = {.count = 0};
	cJSON *sample = read_sample();

	for (size_t round = 0; round < ROUNDS; round++) {
		struct load load = {
		    .world = world, .count = PACED, .status = 202, .pace_us = PACE_US};
		double delays[PACED];
		size_t mark = world_mark(world), first = round * PACED;

		load.shots = xcalloc(PACED, sizeof(*load.shots));
		for (size_t i = 0; i < PACED; i++)
			load.shots[i] = shot_new("/v1/alerts/falco", "falco-token-0123456789abcdef",
			    falco_body(sample, first + i, xasprintf("bench-%06zu", first + i),
				rule_of(first + i)));
		series_add(&rate, PACED / load_run(&load));
		world_until(world, has_posts(world, first + PACED));
		read_delays(world, load.shots, first, PACED, delays);
		qsort(delays, PACED, sizeof(double), by_value);
		series_add(&p50, delays[PACED / 2]);
		series_add(&p99, delays[PACED * 99 / 100]);
		shots_free(load.shots, PACED);
		world_release(world, mark);
	}
	print_head("From the POST of an alert to chat.postMessage, 100 a second");
	print_row("alerts a second", &rate, 1, "5 rounds of 10 s");
	print_row("ms, p50", &p50, 1, "");
	print_row("ms, p99", &p99, 1, "");
	cJSON_Delete(sample);
	world_stop(world);
}

int main(void)
{
	bench_cpu();
	bench_latency();
	return 0;
}
