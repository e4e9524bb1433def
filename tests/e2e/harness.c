/* harness - the real headsup, real sockets, and the simulator. */
#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/tls.h"

#define FILE_MAX_BYTES (64u << 20)
#define BODY_MAX (64u << 20)
#define LOG_SHOWN 6000 /* bytes of the log's end in a failure */
#define TERM_MS 10000  /* headsup promises 5 s */
#define RUN_MS 60000
#define WORLDS_MAX 16

enum thing_kind { THING_TEXT, THING_JSON, THING_ANSWER, THING_OUTPUT };
struct world_thing {
	enum thing_kind kind;
	void *at;
};

static struct world
    *worlds[WORLDS_MAX]; /* that live, to be cleared away when a test fails in the middle */

/* ---- what the world owns --------------------------------------------------------------------- */

static void *own(struct world *world, enum thing_kind kind, void *at)
{
	if (at == NULL)
		return NULL;
	world->things =
	    xreallocarray(world->things, world->thing_count + 1, sizeof(*world->things));
	world->things[world->thing_count].kind = kind;
	world->things[world->thing_count++].at = at;
	return at;
}

static void thing_free(struct world_thing *thing)
{
	struct world_answer *answer = thing->at;
	struct world_output *output = thing->at;

	switch (thing->kind) {
	case THING_JSON:
		cJSON_Delete(thing->at);
		return;
	case THING_ANSWER:
		free(answer->body);
		free(answer->headers);
		cJSON_Delete(answer->json);
		break;
	case THING_OUTPUT:
		free(output->out);
		free(output->err);
		break;
	case THING_TEXT:
		break;
	}
	free(thing->at);
}

size_t world_mark(const struct world *world)
{
	return world->thing_count;
}

void world_release(struct world *world, size_t mark)
{
	while (world->thing_count > mark)
		thing_free(&world->things[--world->thing_count]);
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t world_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void world_pause(void)
{
	poll(NULL, 0, 10);
}

bool world_wait(struct world *world, bool (*until)(struct world *world, void *ctx), void *ctx,
    int64_t deadline_ms)
{
	int64_t end = world_ms() + deadline_ms;

	for (;;) {
		size_t mark = world_mark(world);

		if (until(world, ctx))
			return true;
		world_release(world, mark);
		if (world_ms() > end)
			return false;
		world_pause();
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

static char *file_read(const char *path, size_t from)
{
	FILE *file = fopen(path, "r");
	struct buf text;
	char part[8192];
	size_t len;

	if (file == NULL)
		return NULL;
	buf_init(&text, FILE_MAX_BYTES);
	if (fseek(file, (long)from, SEEK_SET) == 0) {
		while ((len = fread(part, 1, sizeof(part), file)) > 0)
			buf_put(&text, part, len);
	}
	fclose(file);
	return buf_take(&text);
}

char *world_path(struct world *world, const char *name)
{
	return own(world, THING_TEXT, xasprintf("%s/%s", world->dir, name));
}

void world_write(struct world *world, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", world->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
		fail_msg("cannot write %s", path);
	free(path);
}

static void dir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char *inner;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		inner = xasprintf("%s/%s", path, entry->d_name);
		if (unlink(inner) != 0)
			dir_remove(inner);
		free(inner);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* ---- failing --------------------------------------------------------------------------------- */

const char *world_log(struct world *world)
{
	char *path = xasprintf("%s/headsup.log", world->dir),
	     *text = file_read(path, world->log_at);

	free(path);
	return own(world, THING_TEXT, text != NULL ? text : xstrdup(""));
}

const char *world_log_all(struct world *world)
{
	char *path = xasprintf("%s/headsup.log", world->dir), *text = file_read(path, 0);

	free(path);
	return own(world, THING_TEXT, text != NULL ? text : xstrdup(""));
}

/* Not by cmocka's print_error(), which cuts at 1 KiB. */
static void show_log(const char *dir, const char *text)
{
	fprintf(stderr, "---- the end of headsup's log (%s) ----\n%s----\n", dir, text);
}

void world_fail(struct world *world, const char *what, const char *file, int line)
{
	const char *log = world_log_all(world);
	size_t len = strlen(log);

	show_log(world->dir, len > LOG_SHOWN ? log + len - LOG_SHOWN : log);
	fprintf(stderr, "%s\n", what);
	_fail(file, line);
	abort(); /* _fail() jumps */
}

#define FAIL(world, ...)                                     \
	do {                                                 \
		char *why_ = xasprintf(__VA_ARGS__);         \
		own(world, THING_TEXT, why_);                \
		world_fail(world, why_, __FILE__, __LINE__); \
	} while (0)

/* ---- processes ------------------------------------------------------------------------------- */

/* Starts ARGV; its stdout goes to OUT, its stderr to ERR (descriptors). It dies with us. */
static pid_t spawn(char *const *argv, char *const *env, int out, int err)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execve(argv[0], argv, env);
	_exit(127);
}

/* The exit status, 128 + signal; -1 while it runs after DEADLINE_MS. */
static int reap(pid_t pid, int64_t deadline_ms)
{
	int64_t end = world_ms() + deadline_ms;
	int status;

	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (done < 0 && errno != EINTR)
			return 127;
		if (world_ms() > end)
			return -1;
		world_pause();
	}
}

static void kill_and_reap(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	reap(*pid, TERM_MS);
	*pid = 0;
}

/* Our environment without what would change headsup's ways, and with what the configuration refers
 * to. */
static char **env_new(struct world *world, const char *token)
{
	static const char *const dropped[] = {"http_proxy=", "https_proxy=", "HTTP_PROXY=",
	    "HTTPS_PROXY=", "all_proxy=", "ALL_PROXY=", "HEADSUP_URL=", "HEADSUP_TOKEN=",
	    "HEADSUP_CA_FILE=", "SSL_CERT_FILE=", "HEADSUP_CONFIG=", "NOTIFY_SOCKET=",
	    "LD_PRELOAD=", "ASAN_OPTIONS="};
	extern char **environ;
	char **env = NULL;
	size_t count = 0, i, j;
	const char *asan = getenv("ASAN_OPTIONS");

#define ENV(...)                                                   \
	do {                                                       \
		env = xreallocarray(env, count + 2, sizeof(*env)); \
		env[count++] = xasprintf(__VA_ARGS__);             \
	} while (0)

	for (i = 0; environ[i] != NULL; i++) {
		bool keep = true;

		for (j = 0; j < sizeof(dropped) / sizeof(dropped[0]); j++)
			keep = keep && strncmp(environ[i], dropped[j], strlen(dropped[j])) != 0;
		if (keep)
			ENV("%s", environ[i]);
	}
	ENV("SLACK_APP_TOKEN=%s", WORLD_APP_TOKEN);
	ENV("SLACK_BOT_TOKEN=%s", WORLD_BOT_TOKEN);
	ENV("HEADSUP_CI_TOKEN=%s", WORLD_CI);
	ENV("HEADSUP_OPS_TOKEN=%s", WORLD_OPS);
	ENV("PD_KEY=%s", WORLD_KEY);
	ENV("PD_KEY_PAY=%s", WORLD_KEY_PAY);
	ENV("PD_DEFAULT_KEY=%s", WORLD_KEY_DEFAULT);
	ENV("HEADSUP_CONFIG=%s/headsup.yaml", world->dir);
	if (world->url != NULL)
		ENV("HEADSUP_URL=%s", world->url);
	ENV("HEADSUP_TOKEN=%s", token != NULL ? token : WORLD_OPS);
	if (world->ca != NULL)
		ENV("SSL_CERT_FILE=%s", world->ca);
	/* The sanitizer wants to be the first library; a preloaded clock is before it, which does
	 * no harm. */
	ENV("ASAN_OPTIONS=%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
	    asan != NULL ? ":" : "");
	if (world->options.clock) {
		ENV("LD_PRELOAD=%s/test-clock.so", world->build);
		ENV("HEADSUP_TEST_CLOCK=%s/clock", world->dir);
	}
	env[count] = NULL;
	return env;
#undef ENV
}

static void env_free(char **env)
{
	size_t i;

	for (i = 0; env[i] != NULL; i++)
		free(env[i]);
	free(env);
}

bool world_is_running(struct world *world)
{
	int status;

	if (world->headsup <= 0)
		return false;
	if (waitpid(world->headsup, &status, WNOHANG) == 0)
		return true;
	world->headsup = 0;
	return false;
}

/* ---- the simulator --------------------------------------------------------------------------- */

/* The word after NAME= in LINE. */
static char *word_after(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at != NULL ? xstrndup(at + strlen(name), strcspn(at + strlen(name), " \n")) : NULL;
}

static void sim_start(struct world *world)
{
	char *program = xasprintf("%s/headsup-sim", world->build),
	     *cert = xasprintf("%s/cert.pem", world->dir);
	char *key = xasprintf("%s/key.pem", world->dir), *log = xasprintf("%s/sim.log", world->dir);
	char *plain[] = {program, "--app-token", WORLD_APP_TOKEN, "--bot-token", WORLD_BOT_TOKEN,
	    "--pd-token", WORLD_PD_TOKEN, NULL};
	char *with_tls[] = {program, "--app-token", WORLD_APP_TOKEN, "--bot-token", WORLD_BOT_TOKEN,
	    "--pd-token", WORLD_PD_TOKEN, "--tls", cert, key, NULL};
	char **env = env_new(world, NULL);
	char line[512] = "";
	size_t len = 0;
	int ends[2], err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int64_t end = world_ms() + WORLD_PATIENCE_MS;
	size_t i;

	/* The shim is for headsup: Slack's clock stays where it is. */
	for (i = 0; env[i] != NULL; i++) {
		if (strncmp(env[i], "LD_PRELOAD=", 11) == 0)
			env[i][11] = '\0';
	}
	if (err < 0 || pipe2(ends, O_CLOEXEC) != 0)
		fail_msg("cannot make a pipe");
	world->sim = spawn(world->options.tls ? with_tls : plain, env, ends[1], err);
	close(ends[1]);
	close(err);
	while (strchr(line, '\n') == NULL && len + 1 < sizeof(line) && world_ms() < end) {
		struct pollfd ready = {.fd = ends[0], .events = POLLIN};
		ssize_t got;

		if (poll(&ready, 1, 100) <= 0)
			continue;
		got = read(ends[0], line + len, sizeof(line) - 1 - len);
		if (got <= 0)
			break;
		len += (size_t)got;
		line[len] = '\0';
	}
	close(ends[0]);
	world->api = word_after(line, "api=");
	world->ws = word_after(line, "ws=");
	world->pagerduty = word_after(line, "pagerduty=");
	world->control = word_after(line, "control=");
	env_free(env);
	if (world->control == NULL)
		fail_msg("%s did not come up (see %s)", program, log);
	free(program);
	free(cert);
	free(key);
	free(log);
}

/* ---- the configuration ----------------------------------------------------------------------- */

static const char default_config[] =
    "listen: 127.0.0.1:@PORT@\n"
    "store: sqlite://@DIR@/headsup.db\n"
    "log: {level: debug}\n"
    "@TLS@"
    "slack:\n"
    "  app_token: ${SLACK_APP_TOKEN}\n"
    "  bot_token: ${SLACK_BOT_TOKEN}\n"
    "  api_url: @API@\n"
    "  posts_per_second: @POSTS@\n"
    "@SLACK@"
    "pagerduty:\n"
    "  events_url: @PAGERDUTY@\n"
    "  events_per_minute: @EVENTS@\n"
    "  routing_key: ${PD_DEFAULT_KEY}\n"
    "@PD_API@"
    "@PD_HOOKS@"
    "@PD_MORE@"
    "sources:\n"
    "  - {name: falco, format: falco, token: falco-token-0123456789abcdef}\n"
    "  - {name: threatstack, format: threatstack, token: threatstack-token-0123456789abcdef}\n"
    "  - {name: guardduty, format: guardduty, token: guardduty-token-0123456789abcdef}\n"
    "@SOURCES@"
    "tokens:\n"
    "  - {name: ci, token: \"${HEADSUP_CI_TOKEN}\", may: [announce]}\n"
    "  - {name: ops, token: \"${HEADSUP_OPS_TOKEN}\", may: [send, read, act, announce, "
    "announce_for]}\n"
    "routes:\n"
    "@ROUTES@"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "@POLICY@"
    "@EXTRA@";
static const char default_routes[] =
    "  - {match: [\"severity=critical\"], channel: \"#security-urgent\", page: {routing_key: "
    "\"${PD_KEY}\"}}\n"
    "  - {match: [\"service=payments\"], channel: \"#payments-sec\", page: {routing_key: "
    "\"${PD_KEY_PAY}\", from_severity: high}}\n"
    "  - {channel: \"#security-alerts\"}\n";

static const char pd_api[] = "  api_url: @PAGERDUTY@\n"
			     "  api_token: " WORLD_PD_TOKEN "\n"
			     "  from: headsup@example.com\n";
static const char pd_hooks[] = "  webhook_secret: " WORLD_PD_SECRET "\n";

static const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

void world_config(struct world *world, const struct world_options *options)
{
	char *ca = xasprintf("%s/ca.pem", world->dir), *cert = xasprintf("%s/cert.pem", world->dir);
	char *key = xasprintf("%s/key.pem", world->dir);
	char *tls = xasprintf("tls: {cert_file: %s, key_file: %s}\nca_file: %s\n", cert, key, ca);
	/* What holds marks itself comes first. */
	const char *const marks[][2] = {{"@SLACK@", or_else(options->slack, "")},
	    {"@PD_API@", options->pd_api ? pd_api : ""},
	    {"@PD_HOOKS@", options->pd_webhooks ? pd_hooks : ""},
	    {"@PD_MORE@", or_else(options->pagerduty, "")},
	    {"@SOURCES@", or_else(options->sources, "")},
	    {"@ROUTES@", or_else(options->routes, default_routes)},
	    {"@POLICY@", or_else(options->policy, "")}, {"@EXTRA@", or_else(options->extra, "")},
	    {"@POSTS@", or_else(options->posts_per_second, "1000")},
	    {"@EVENTS@", or_else(options->events_per_minute, "60000")},
	    {"@TLS@", world->options.tls ? tls : ""}, {"@API@", world->api},
	    {"@PAGERDUTY@", world->pagerduty}, {"@DIR@", world->dir}, {"@CA@", ca},
	    {"@CERT@", cert}, {"@KEY@", key}, {"@PORT@", "0"}};
	char *text = xstrdup(or_else(options->config, default_config));
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		char *at;

		while ((at = strstr(text, marks[i][0])) != NULL) {
			char *longer = xasprintf("%.*s%s%s", (int)(at - text), text, marks[i][1],
			    at + strlen(marks[i][0]));

			free(text);
			text = longer;
		}
	}
	world_write(world, "headsup.yaml", text);
	free(text);
	free(tls);
	free(ca);
	free(cert);
	free(key);
}

/* ---- headsup --------------------------------------------------------------------------------- */

static bool finds_url(struct world *world, void *ctx)
{
	const char *at = strstr(world_log(world), "listening on http");

	(void)ctx;
	if (at == NULL || strchr(at, '\n') == NULL)
		return !world_is_running(world);
	at += strlen("listening on ");
	free(world->url);
	world->url = xstrndup(at, strcspn(at, " \n\""));
	return true;
}

void world_boot(struct world *world)
{
	char *program = xasprintf("%s/headsup", world->build),
	     *log = xasprintf("%s/headsup.log", world->dir);
	char *config = xasprintf("%s/headsup.yaml", world->dir);
	char **env = env_new(world, NULL), *argv[24];
	size_t count = 0, i;
	struct stat before;
	int err;

	if (world->headsup > 0)
		FAIL(world, "headsup runs already");
	for (i = 0; world->options.wrap != NULL && world->options.wrap[i] != NULL && count < 16;
	     i++)
		argv[count++] = (char *)world->options.wrap[i];
	argv[count++] = program;
	argv[count++] = "serve";
	argv[count++] = "--config";
	argv[count++] = config;
	argv[count] = NULL;
	err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	world->log_at = err >= 0 && fstat(err, &before) == 0 ? (size_t)before.st_size : 0;
	free(world->url);
	world->url = NULL;
	world->headsup = spawn(argv, env, err, err);
	close(err);
	env_free(env);
	free(program);
	free(log);
	free(config);
	if (!world_wait(world, finds_url, NULL, WORLD_PATIENCE_MS) || world->url == NULL)
		FAIL(world, "headsup did not come up");
	if (world->options.pd_webhooks) {
		char *hook = own(world, THING_TEXT,
		    xasprintf("{\"webhook\":{\"url\":\"%s/webhooks/pagerduty\",\"secrets\":[\""
			      WORLD_PD_SECRET "\"]}}",
			world->url));

		world_pd_config(world, hook);
	}
	if (!world->options.no_slack_wait)
		world_until(world, world_slack_is(world, "connected"));
}

void world_kill9(struct world *world)
{
	if (world->headsup <= 0)
		FAIL(world, "headsup does not run");
	kill_and_reap(&world->headsup);
}

int world_term(struct world *world)
{
	int status;

	if (world->headsup <= 0)
		FAIL(world, "headsup does not run");
	kill(world->headsup, SIGTERM);
	status = reap(world->headsup, TERM_MS);
	if (status < 0) {
		kill_and_reap(&world->headsup);
		FAIL(world, "headsup did not end within %d ms of SIGTERM", TERM_MS);
	}
	world->headsup = 0;
	return status;
}

void world_restart(struct world *world)
{
	int status;

	if (world->headsup > 0) {
		status = world_term(world);
		if (status != 0)
			FAIL(world, "headsup ended with %d", status);
	}
	world_boot(world);
}

void world_hup(struct world *world)
{
	kill(world->headsup, SIGHUP);
}

void world_clock_advance(struct world *world, int64_t seconds)
{
	char text[32];

	world->clock_s += seconds;
	/* Of one width and written at once: a reader never sees half of it. */
	snprintf(text, sizeof(text), "%+020lld\n", (long long)world->clock_s);
	world_write(world, "clock.new", text);
	{
		char *path = xasprintf("%s/clock", world->dir);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text) ||
		    close(fd) != 0)
			FAIL(world, "cannot move the clock");
		free(path);
	}
}

static void world_free(struct world *world)
{
	size_t i;

	for (i = 0; i < WORLDS_MAX; i++) {
		if (worlds[i] == world)
			worlds[i] = NULL;
	}
	kill_and_reap(&world->headsup);
	kill_and_reap(&world->sim);
	if (getenv("HEADSUP_TEST_KEEP") == NULL)
		dir_remove(world->dir);
	world_release(world, 0);
	if (world->curl != NULL)
		curl_easy_cleanup(world->curl);
	free(world->things);
	free(world->build);
	free(world->api);
	free(world->ws);
	free(world->pagerduty);
	free(world->control);
	free(world->url);
	free(world->ca);
	free(world);
}

static void clear_away(void)
{
	size_t i;

	for (i = 0; i < WORLDS_MAX; i++) {
		if (worlds[i] != NULL)
			world_free(worlds[i]);
	}
}

struct world *world_start(const struct world_options *options)
{
	static bool is_registered;
	static const struct world_options none;
	struct world *world = xcalloc(1, sizeof(*world));
	const char *build = getenv("HEADSUP_BUILD"), *tmp = getenv("TMPDIR");
	size_t i;

	if (!is_registered) {
		is_registered = true;
		curl_global_init(CURL_GLOBAL_DEFAULT);
		atexit(clear_away);
		signal(SIGPIPE, SIG_IGN);
	}
	world->options = options != NULL ? *options : none;
	world->build = realpath(build != NULL ? build : "build", NULL);
	if (world->build == NULL)
		fail_msg("no programs in %s", build != NULL ? build : "build");
	snprintf(world->dir, sizeof(world->dir), "%.40s/headsup-XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(world->dir) == NULL)
		fail_msg("cannot make %s", world->dir);
	for (i = 0; i < WORLDS_MAX && worlds[i] != NULL; i++)
		continue;
	if (i == WORLDS_MAX)
		fail_msg("too many worlds");
	worlds[i] = world;
	world->curl = curl_easy_init();
	if (world->options.tls) {
		if (!tls_make(world->dir))
			fail_msg("cannot make certificates");
		world->ca = xasprintf("%s/ca.pem", world->dir);
	}
	if (world->options.clock)
		world_clock_advance(world, 0);
	sim_start(world);
	world_config(world, &world->options);
	if (!world->options.no_start)
		world_boot(world);
	return world;
}

void world_stop(struct world *world)
{
	char log[LOG_SHOWN + 1] = "", dir[sizeof(world->dir)] = "";
	bool ran;
	int status = 0;

	if (world == NULL)
		return;
	ran = world->headsup > 0;
	if (ran) {
		kill(world->headsup, SIGTERM);
		status = reap(world->headsup, TERM_MS);
		if (status >= 0)
			world->headsup = 0;
	}
	if (status != 0) {
		const char *text = world_log_all(world);
		size_t len = strlen(text);

		snprintf(log, sizeof(log), "%s", len > LOG_SHOWN ? text + len - LOG_SHOWN : text);
		snprintf(dir, sizeof(dir), "%s", world->dir);
	}
	world_free(world);
	if (status != 0) {
		show_log(dir, log);
		fail_msg("headsup ended with %d%s", status, status < 0 ? " (not at all)" : "");
	}
}

int world_setup(void **state)
{
	*state = world_start(NULL);
	return 0;
}

int world_teardown(void **state)
{
	world_stop(*state);
	*state = NULL;
	return 0;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
	buf_put(ctx, data, size * count);
	return size * count;
}

struct world_answer *world_http(struct world *world, const char *method, const char *path,
    const char *token, const char *body, const char *const *headers)
{
	struct world_answer *answer = xcalloc(1, sizeof(*answer));
	char *url = path[0] == '/'
			? xasprintf("%s%s", or_else(world->url, "http://127.0.0.1:1"), path)
			: xstrdup(path);
	struct curl_slist *list = NULL;
	struct buf data, head;
	char *line;
	long status = 0;
	bool has_type = false;
	size_t i;

	buf_init(&data, BODY_MAX);
	buf_init(&head, 1 << 20);
	curl_easy_reset(world->curl);
	curl_easy_setopt(world->curl, CURLOPT_URL, url);
	curl_easy_setopt(world->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(world->curl, CURLOPT_NOSIGNAL, 1L);
	/* On a reused connection that ends without an answer libcurl would silently say it again.
	 */
	curl_easy_setopt(world->curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(world->curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(world->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(world->curl, CURLOPT_TIMEOUT_MS, (long)WORLD_PATIENCE_MS);
	curl_easy_setopt(world->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(world->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(world->curl, CURLOPT_WRITEDATA, &data);
	curl_easy_setopt(world->curl, CURLOPT_HEADERFUNCTION, on_data);
	curl_easy_setopt(world->curl, CURLOPT_HEADERDATA, &head);
	if (world->ca != NULL)
		curl_easy_setopt(world->curl, CURLOPT_CAINFO, world->ca);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(world->curl, CURLOPT_NOBODY, 1L);
	if (body != NULL) {
		curl_easy_setopt(
		    world->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(world->curl, CURLOPT_POSTFIELDS, body);
	}
	for (i = 0; headers != NULL && headers[i] != NULL; i++) {
		has_type = has_type || strncasecmp(headers[i], "Content-Type:", 13) == 0;
		list = curl_slist_append(list, headers[i]);
	}
	if (!has_type)
		list = curl_slist_append(list, body != NULL
						   ? "Content-Type: application/json; charset=utf-8"
						   : "Content-Type:");
	list = curl_slist_append(list, "Expect:");
	if (token != NULL) {
		line = xasprintf("Authorization: Bearer %s", token);
		list = curl_slist_append(list, line);
		free(line);
	}
	curl_easy_setopt(world->curl, CURLOPT_HTTPHEADER, list);
	if (curl_easy_perform(world->curl) == CURLE_OK)
		curl_easy_getinfo(world->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(list);
	free(url);
	answer->status = (int)status;
	answer->len = data.len;
	answer->body = buf_take(&data);
	answer->headers = buf_take(&head);
	answer->json = cJSON_ParseWithLength(answer->body, answer->len);
	return own(world, THING_ANSWER, answer);
}

const char *world_header(struct world *world, const struct world_answer *answer, const char *name)
{
	const char *at = answer->headers;
	size_t len = strlen(name);

	while (at != NULL && *at != '\0') {
		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			at += len + 1 + strspn(at + len + 1, " ");
			return own(world, THING_TEXT, xstrndup(at, strcspn(at, "\r\n")));
		}
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	return NULL;
}

struct world_answer *world_send(struct world *world, const char *source, const char *what)
{
	char *path = source != NULL ? xasprintf("/v1/alerts/%s", source) : xstrdup("/v1/alerts");
	char *token =
	    source != NULL ? xasprintf("%s-token-0123456789abcdef", source) : xstrdup(WORLD_OPS);
	char *body = NULL, *name;
	struct world_answer *answer;

	if (what[0] == '{' || what[0] == '[') {
		body = xstrdup(what);
	} else {
		name =
		    xasprintf("tests/data/alerts/%s/%s", source != NULL ? source : "headsup", what);
		body = file_read(name, 0);
		own(world, THING_TEXT, name);
		if (body == NULL)
			FAIL(world, "cannot read %s", name);
	}
	own(world, THING_TEXT, path);
	own(world, THING_TEXT, token);
	own(world, THING_TEXT, body);
	answer = world_http(world, "POST", path, token, body, NULL);
	return answer;
}

const char *world_send_one(struct world *world, const char *source, const char *what)
{
	struct world_answer *answer = world_send(world, source, what);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer->json, "alerts");
	const char *id = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, 0), "id"));

	if (answer->status != 202 || cJSON_GetArraySize(list) != 1 || id == NULL)
		FAIL(world, "an alert was not taken: %d %s", answer->status, answer->body);
	return id;
}

cJSON *world_alert(struct world *world, const char *id)
{
	char *path = own(world, THING_TEXT, xasprintf("/v1/alerts/%s", id));
	struct world_answer *answer = world_http(world, "GET", path, WORLD_OPS, NULL, NULL);

	if (answer->status != 200 || answer->json == NULL)
		FAIL(world, "no alert %s: %d %s", id, answer->status, answer->body);
	return answer->json;
}

const char *world_status(struct world *world, const char *id)
{
	return or_else(cJSON_GetStringValue(
			   cJSON_GetObjectItemCaseSensitive(world_alert(world, id), "status")),
	    "");
}

struct world_answer *world_act(
    struct world *world, const char *id, const char *verb, const char *body)
{
	char *path = own(world, THING_TEXT, xasprintf("/v1/alerts/%s/%s", id, verb));

	return world_http(world, "POST", path, WORLD_OPS, or_else(body, "{}"), NULL);
}

cJSON *world_ready(struct world *world)
{
	return world_http(world, "GET", "/readyz", NULL, NULL, NULL)->json;
}

bool world_slack_is(struct world *world, const char *status)
{
	const char *is;

	if (!world_is_running(world))
		FAIL(world, "headsup has ended");
	is = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(world_ready(world), "slack"));
	return is != NULL && strcmp(is, status) == 0;
}

/* ---- people in Slack ------------------------------------------------------------------------- */

cJSON *world_sim(struct world *world, const char *path, const char *body)
{
	char *url = own(world, THING_TEXT, xasprintf("%s%s", world->control, path));
	struct world_answer *answer =
	    world_http(world, body != NULL ? "POST" : "GET", url, NULL, body, NULL);

	if (answer->json == NULL)
		FAIL(world, "the simulator has no answer to %s: %d %s", path, answer->status,
		    answer->body);
	return answer->json;
}

/* Says PAIRS (name, text; NULL ends them, a NULL text leaves the pair out) to the simulator; wants
 * it to be understood. */
static cJSON *do_as(struct world *world, const char *what, ...)
{
	cJSON *json = cJSON_CreateObject(), *answer;
	const char *name, *value;
	va_list pairs;
	char *text;

	va_start(pairs, what);
	while ((name = va_arg(pairs, const char *)) != NULL) {
		value = va_arg(pairs, const char *);
		if (value != NULL)
			cJSON_AddStringToObject(json, name, value);
	}
	va_end(pairs);
	text = own(world, THING_TEXT, cJSON_PrintUnformatted(json));
	cJSON_Delete(json);
	answer = world_sim(world, what, text);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok")))
		FAIL(world, "%s %s: %s", what, text, cJSON_PrintUnformatted(answer));
	return answer;
}

cJSON *world_slash(struct world *world, const char *user, const char *channel, const char *text)
{
	return do_as(world, "slash", "user", user, "channel", channel, "text", text, NULL);
}

static void words_put(const cJSON *item, struct buf *out);

const char *world_says(struct world *world, const char *user, const char *channel, const char *text)
{
	cJSON *answer = world_slash(world, user, channel, text);
	const cJSON *payload = cJSON_GetObjectItemCaseSensitive(answer, "payload");
	struct buf words;

	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "acked")))
		FAIL(
		    world, "\"%s\" was not acknowledged: %s", text, cJSON_PrintUnformatted(answer));
	if (cJSON_GetObjectItemCaseSensitive(answer, "problem") != NULL)
		FAIL(world, "the answer to \"%s\" is refused: %s", text,
		    cJSON_PrintUnformatted(answer));
	buf_init(&words, BODY_MAX);
	words_put(payload, &words);
	return own(world, THING_TEXT, buf_take(&words));
}

cJSON *world_mention(struct world *world, const char *user, const char *channel,
    const char *thread_ts, const char *text)
{
	return do_as(world, "mention", "user", user, "channel", channel, "thread_ts", thread_ts,
	    "text", text, NULL);
}

cJSON *world_dm(struct world *world, const char *user, const char *text)
{
	return do_as(world, "dm", "user", user, "text", text, NULL);
}

cJSON *world_press(struct world *world, const char *user, const char *channel, const char *ts,
    const char *action, const char *value)
{
	return do_as(world, "press", "user", user, "channel", channel, "ts", ts, "action_id",
	    action, "value", value, NULL);
}

cJSON *world_press_forced(struct world *world, const char *user, const char *channel,
    const char *ts, const char *action, const char *value)
{
	return do_as(world, "press", "user", user, "channel", channel, "ts", ts, "action_id",
	    action, "value", value, "force", "true", NULL);
}

cJSON *world_submit(struct world *world, const char *user, const char *values)
{
	char *body =
	    own(world, THING_TEXT, xasprintf("{\"user\":\"%s\",\"values\":%s}", user, values));

	return world_sim(world, "submit", body);
}

/* ---- what can be seen ------------------------------------------------------------------------ */

static char *escaped(struct world *world, const char *text)
{
	char *made = curl_easy_escape(world->curl, text, 0), *mine = xstrdup(made);

	curl_free(made);
	return own(world, THING_TEXT, mine);
}

cJSON *world_messages(struct world *world, const char *channel)
{
	char *path =
	    own(world, THING_TEXT, xasprintf("messages?channel=%s", escaped(world, channel)));
	cJSON *list = cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "messages");

	if (list == NULL)
		FAIL(world, "no channel %s", channel);
	return list;
}

cJSON *world_thread(struct world *world, const char *channel, const char *ts)
{
	char *path = own(world, THING_TEXT,
	    xasprintf("messages?channel=%s&thread=%s", escaped(world, channel), ts));

	return cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "messages");
}

/* All "text" members that are strings, in order, and what is inside; fallbacks and metadata are not
 * shown, so they are left out. */
static void words_put(const cJSON *item, struct buf *out)
{
	const cJSON *inner;

	if (item != NULL && item->string != NULL && strcmp(item->string, "text") == 0 &&
	    cJSON_IsString(item)) {
		buf_puts(out, item->valuestring);
		buf_puts(out, " ");
		return;
	}
	cJSON_ArrayForEach(inner, item)
	{
		if (inner->string == NULL || (strcmp(inner->string, "metadata") != 0 &&
						 strcmp(inner->string, "bot_profile") != 0))
			words_put(inner, out);
	}
}

static bool holds(const cJSON *message, const char *text)
{
	struct buf words;
	bool found;

	buf_init(&words, BODY_MAX);
	words_put(message, &words);
	found = strstr(buf_text(&words), text) != NULL;
	buf_fini(&words);
	return found;
}

const char *world_words(struct world *world, const cJSON *message)
{
	struct buf words;

	buf_init(&words, BODY_MAX);
	words_put(message, &words);
	if (words.data == NULL)
		buf_puts(&words, "");
	return own(world, THING_TEXT, buf_take(&words));
}

cJSON *world_find(struct world *world, const char *channel, const char *text)
{
	cJSON *message;

	cJSON_ArrayForEach(message, world_messages(world, channel))
	{
		if (!cJSON_HasObjectItem(message, "thread_ts") && holds(message, text))
			return message;
	}
	return NULL;
}

cJSON *world_find_reply(struct world *world, const char *channel, const char *ts, const char *text)
{
	cJSON *message;

	cJSON_ArrayForEach(message, world_thread(world, channel, ts))
	{
		if (strcmp(world_ts(message), ts) != 0 && holds(message, text))
			return message;
	}
	return NULL;
}

int world_count(struct world *world, const char *channel, const char *text)
{
	cJSON *message;
	int count = 0;

	cJSON_ArrayForEach(message, world_messages(world, channel)) count += holds(message, text);
	return count;
}

const char *world_ts(const cJSON *message)
{
	return or_else(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "ts")), "");
}

static bool is_called(const cJSON *element, const char *name)
{
	const char *action =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(element, "action_id"));
	const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(element, "text"), "text"));
	const cJSON *option;

	if ((action != NULL && strcmp(action, name) == 0) ||
	    (label != NULL && strcmp(label, name) == 0))
		return true;
	cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(element, "options"))
	{
		if (is_called(option, name))
			return true;
	}
	return false;
}

static bool blocks_have_button(const cJSON *blocks, const char *name)
{
	const cJSON *block, *element;

	cJSON_ArrayForEach(block, blocks)
	{
		const cJSON *accessory = cJSON_GetObjectItemCaseSensitive(block, "accessory");

		if (accessory != NULL && is_called(accessory, name))
			return true;
		cJSON_ArrayForEach(element, cJSON_GetObjectItemCaseSensitive(block, "elements"))
		{
			if (is_called(element, name))
				return true;
		}
	}
	return false;
}

bool world_has_button(const cJSON *message, const char *name)
{
	const cJSON *attachment;

	if (blocks_have_button(cJSON_GetObjectItemCaseSensitive(message, "blocks"), name))
		return true;
	cJSON_ArrayForEach(attachment, cJSON_GetObjectItemCaseSensitive(message, "attachments"))
	{
		if (blocks_have_button(
			cJSON_GetObjectItemCaseSensitive(attachment, "blocks"), name))
			return true;
	}
	return false;
}

cJSON *world_ephemerals(struct world *world, const char *user)
{
	char *path = own(world, THING_TEXT,
	    xasprintf("ephemerals%s%s", user != NULL ? "?user=" : "", or_else(user, "")));

	return cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "ephemerals");
}

cJSON *world_find_ephemeral(struct world *world, const char *user, const char *text)
{
	cJSON *message, *found = NULL;

	cJSON_ArrayForEach(message, world_ephemerals(world, user))
	{
		if (holds(message, text))
			found = message;
	}
	return found;
}

cJSON *world_calls(struct world *world, const char *method)
{
	char *path = own(world, THING_TEXT, xasprintf("calls?method=%s", method));

	return cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "calls");
}

cJSON *world_pagerduty(struct world *world)
{
	return world_sim(world, "pagerduty", NULL);
}

cJSON *world_incident(struct world *world, const char *dedup_key)
{
	char *path =
	    own(world, THING_TEXT, xasprintf("pagerduty?dedup_key=%s", escaped(world, dedup_key)));
	cJSON *list = cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "incidents");

	return cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);
}

cJSON *world_pd_incident(struct world *world, const char *incident)
{
	const char *const by[] = {"id", "dedup_key"};
	cJSON *found = NULL;
	size_t i;

	for (i = 0; i < 2 && !cJSON_IsObject(found); i++) {
		char *path = own(world, THING_TEXT,
		    xasprintf("pd/incident?%s=%s", by[i], escaped(world, incident)));

		found =
		    cJSON_GetObjectItemCaseSensitive(world_sim(world, path, NULL), "incident");
	}
	return cJSON_IsObject(found) ? found : NULL;
}

const char *world_pd_status(struct world *world, const char *incident)
{
	return or_else(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
			   world_pd_incident(world, incident), "status")),
	    "");
}

cJSON *world_pd_state(struct world *world)
{
	return world_sim(world, "pd/state", NULL);
}

int world_pd_hooks(struct world *world, const char *event_type, const char *state)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(
			world_sim(world, "pd/deliveries", NULL), "deliveries"),
		    *one;
	int count = 0;

	cJSON_ArrayForEach(one, list)
	{
		const char *type = cJSON_GetStringValue(
		    cJSON_GetObjectItemCaseSensitive(one, "event_type"));
		const char *is =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "state"));

		count += (event_type == NULL || strcmp(or_else(type, ""), event_type) == 0) &&
			 strcmp(or_else(is, ""), state) == 0;
	}
	return count;
}

const char *world_render(struct world *world, const char *channel)
{
	char *url = own(world, THING_TEXT,
	    xasprintf("%srender?channel=%s", world->control, escaped(world, channel)));

	return world_http(world, "GET", url, NULL, NULL, NULL)->body;
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void tell_sim(struct world *world, const char *what, const char *json)
{
	cJSON *answer = world_sim(world, what, json);

	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok")))
		FAIL(world, "%s %s: %s", what, json, cJSON_PrintUnformatted(answer));
}

void world_fault(struct world *world, const char *json)
{
	tell_sim(world, "fault", json);
}

void world_knob(struct world *world, const char *json)
{
	tell_sim(world, "config", json);
}

void world_pd_config(struct world *world, const char *json)
{
	tell_sim(world, "pd/config", json);
}

cJSON *world_pd_act(struct world *world, const char *user, const char *incident,
    const char *action, const char *more)
{
	cJSON *body, *known = world_pd_incident(world, incident), *answer;
	char *text = xasprintf("{%s}", or_else(more, ""));

	own(world, THING_TEXT, text);
	body = cJSON_Parse(text);
	if (body == NULL || known == NULL)
		FAIL(world, "%s of %s: %s", action, incident,
		    body == NULL ? "what more is said is no JSON" : "no such incident");
	cJSON_AddStringToObject(body, "action", action);
	cJSON_AddStringToObject(body, "incident",
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(known, "id")));
	if (user != NULL)
		cJSON_AddStringToObject(body, "user", user);
	text = own(world, THING_TEXT, cJSON_PrintUnformatted(body));
	cJSON_Delete(body);
	answer = world_sim(world, "pd/act", text);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok")))
		FAIL(world, "pd/act %s: %s", text, cJSON_PrintUnformatted(answer));
	return cJSON_GetObjectItemCaseSensitive(answer, "incident");
}

/* ---- the command line ------------------------------------------------------------------------ */

struct world_output *world_run(struct world *world, const char *token, const char *const *args)
{
	struct world_output *output = xcalloc(1, sizeof(*output));
	char *program = xasprintf("%s/headsup", world->build),
	     *out_path = xasprintf("%s/run.out", world->dir);
	char *err_path = xasprintf("%s/run.err", world->dir);
	char *argv[64] = {program}, **env = env_new(world, token);
	int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err = open(err_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t i;
	pid_t pid;

	for (i = 0; args[i] != NULL && i + 2 < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i + 1] = (char *)args[i];
	pid = spawn(argv, env, out, err);
	close(out);
	close(err);
	output->status = reap(pid, RUN_MS);
	if (output->status < 0)
		kill_and_reap(&pid);
	output->out = file_read(out_path, 0);
	output->err = file_read(err_path, 0);
	env_free(env);
	free(program);
	free(out_path);
	free(err_path);
	return own(world, THING_OUTPUT, output);
}
