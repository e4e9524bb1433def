/*
 * serve - the daemon: puts the parts on one loop, listens to signals and the clock, and takes everything down again.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "bot/cmd.h"
#include "bot/courier.h"
#include "bot/fetch.h"
#include "bot/http.h"
#include "bot/jobs.h"
#include "bot/loop.h"
#include "bot/metrics.h"
#include "bot/slack.h"
#include "bot/web.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/config.h"
#include "handlers/desk.h"
#include "handlers/unseen.h"
#include "storage/storage.h"

#define TICK_MS 1000
#define SWEEP_ROWS 100       /* alerts removed in one step of retention */
#define SWEEP_STEP_MS 50     /* while there is more to remove */
#define SWEEP_REST_MS 600000 /* when there is not */
#define SWEEP_FIRST_MS 5000
#define PROBE_MS 1000        /* /readyz writes to the disk at most this often */
#define RETIRE_MS 60000      /* an old configuration is kept so long: calls under way hold parts of it */
#define GRACE_MS 1000        /* requests under way at SIGTERM get this long */
#define GRACE_STEP_MS 20
#define END_LIMIT_S 4        /* the end takes no longer, whatever hangs */
#define CLOSE_TURNS 200      /* turns of the loop in which handles may close */
#define OPEN_FILES_MAX 65536
#define COMPLAIN_EVERY 60    /* ticks between complaints of the same trouble */
#define HEAD_EVERY_S 86400   /* between log lines with the head of the audit log */

/* A configuration that SIGHUP replaced. */
struct retired {
	struct config *config;
	uint64_t until;
	STAILQ_ENTRY(retired) link;
};

struct bot {
	uv_loop_t uv;
	bool has_uv, has_loop, has_handles;
	struct loop loop;
	struct config *config;
	STAILQ_HEAD(, retired) retired;
	struct storage *storage;
	struct desk *desk;
	struct web *web;
	struct slack *slack;
	struct fetcher *fetcher;
	struct courier *courier;
	struct http *http;
	struct jobs *jobs;
	uv_signal_t term, interrupt, hangup;
	uv_timer_t tick, sweep, watchdog, grace;
	uint64_t end_at; /* uv_now() at SIGTERM; 0: it has not come */
	uint64_t probed_at;
	bool is_stored; /* what the last probe said */
	int64_t tick_failures;
	int64_t head_said_at; /* when the log was last told the head of the audit log; TIME_NONE: not yet */
	struct metrics counts;
};

/* ---- what systemd is told -------------------------------------------------------------------------- */

static void tell_manager(const char *state)
{
#ifdef HAVE_SYSTEMD
	sd_notify(0, state);
#else
	(void)state;
#endif
}

static void tell_reloading(void)
{
	struct timespec now;
	char state[96];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell_manager(state);
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	tell_manager("WATCHDOG=1");
}

static void start_watchdog(struct bot *bot)
{
#ifdef HAVE_SYSTEMD
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) > 0 && usec > 0)
		uv_timer_start(&bot->watchdog, on_watchdog, 0, usec / 3000 > 0 ? usec / 3000 : 1);
#else
	(void)bot;
	(void)on_watchdog;
#endif
}

/* ---- /metrics, /healthz, /readyz --------------------------------------------------------------------- */

static void answer_metrics(struct bot *bot, struct api_answer *answer)
{
	answer->content_type = METRICS_CONTENT_TYPE;
	metrics_write(&bot->counts, &answer->body);
}

static void answer_healthz(struct bot *bot, struct api_answer *answer)
{
	(void)bot;
	answer->content_type = "text/plain; charset=utf-8";
	buf_puts(&answer->body, "ok\n");
}

/* Can alerts be stored? Asked of the disk, at most once a second. */
static bool can_store(struct bot *bot)
{
	uint64_t now = uv_now(&bot->uv);
	struct error err = {0};

	if (bot->probed_at != 0 && now - bot->probed_at < PROBE_MS)
		return bot->is_stored && !bot->loop.is_failing;
	bot->probed_at = now != 0 ? now : 1;
	bot->is_stored = storage_probe(bot->storage, &err);
	if (!bot->is_stored)
		log_debug("storage probe failed why=%s", err.text);
	return bot->is_stored;
}

static void list_add(cJSON *list, const char *text)
{
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static void answer_readyz(struct bot *bot, struct api_answer *answer)
{
	cJSON *json = cJSON_CreateObject(), *degraded = cJSON_CreateArray();
	bool ready = can_store(bot);
	const char *problem = slack_problem(bot->slack);
	char *text;

	if (!ready)
		list_add(degraded, "storage: alerts cannot be stored");
	if (problem != NULL) {
		char *sentence = xasprintf("slack: %s", problem);

		list_add(degraded, sentence);
		free(sentence);
	}
	courier_degraded(bot->courier, degraded);
	if (unseen_unpaged(bot->desk) > 0) {
		char *sentence = xasprintf("slack is out of reach, and no PagerDuty key pages %zu alerts of severity high or critical; set "
					   "pagerduty.routing_key", unseen_unpaged(bot->desk));

		list_add(degraded, sentence);
		free(sentence);
	}
	cJSON_AddBoolToObject(json, "ready", ready);
	json_put(json, "slack", slack_status(bot->slack));
	cJSON_AddItemToObject(json, "degraded", degraded);
	text = json_write(json);
	answer->status = ready ? 200 : 503;
	buf_puts(&answer->body, text);
	buf_putc(&answer->body, '\n');
	free(text);
	cJSON_Delete(json);
}

/* As Alertmanager's: 200 when it takes alerts. */
static void answer_ready(struct bot *bot, struct api_answer *answer)
{
	answer->content_type = "text/plain; charset=utf-8";
	answer->status = can_store(bot) ? 200 : 503;
	buf_puts(&answer->body, answer->status == 200 ? "OK\n" : "alerts cannot be stored\n");
}

static const struct {
	const char *path;
	void (*answer)(struct bot *bot, struct api_answer *answer);
} endpoints[] = {
    {"/metrics", answer_metrics},
    {"/healthz", answer_healthz},
    {"/readyz", answer_readyz},
    {"/-/healthy", answer_healthz},
    {"/-/ready", answer_ready},
};

static bool own(void *ctx, const struct api_request *request, struct api_answer *answer)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		if (strcmp(request->path, endpoints[i].path) != 0)
			continue;
		if (strcmp(request->method, "GET") == 0) {
			endpoints[i].answer(ctx, answer);
		} else {
			api_problem(answer, 405, "only GET is answered here");
			answer->allow = "GET, HEAD";
		}
		return true;
	}
	return false;
}

/* ---- the clock ---------------------------------------------------------------------------------------- */

/* Runs WORK as an event of its own; what it wrote is undone when it fails. */
static bool as_event(struct bot *bot, bool (*work)(struct bot *bot, struct error *err), struct error *err)
{
	bool worked;

	if (!loop_event(&bot->loop, err))
		return false;
	worked = work(bot, err);
	return loop_event_end(&bot->loop, worked, worked ? err : NULL) && worked;
}

/* Since when Slack has been out of reach: neither does it reach us, nor we it. What got through meanwhile shows that we did. */
static void note_reach(struct bot *bot)
{
	const int64_t away_s = slack_away_s(bot->slack), said_at = courier_slack_said_at(bot->courier);
	int64_t *since = &bot->desk->slack_away_since;

	if (away_s <= 0 && !courier_slack_is_away(bot->courier)) {
		*since = TIME_NONE;
		return;
	}
	if (*since == TIME_NONE)
		*since = bot->desk->now - away_s;
	if (said_at != TIME_NONE && said_at > *since)
		*since = said_at;
	if (*since > bot->desk->now) /* the clock was set back */
		*since = bot->desk->now;
}

static void note_rest(struct bot *bot)
{
	int64_t *since = &bot->desk->rest_away_since;

	if (!courier_rest_is_away(bot->courier))
		*since = TIME_NONE;
	else if (*since == TIME_NONE || *since > bot->desk->now) /* or the clock was set back */
		*since = bot->desk->now;
}

static bool tick(struct bot *bot, struct error *err)
{
	note_reach(bot);
	note_rest(bot);
	return desk_tick(bot->desk, err);
}

static void free_retired(struct bot *bot, bool all)
{
	struct retired *oldest;

	while ((oldest = STAILQ_FIRST(&bot->retired)) != NULL) {
		if (!all && oldest->until > uv_now(&bot->uv))
			return;
		STAILQ_REMOVE_HEAD(&bot->retired, link);
		config_free(oldest->config);
		free(oldest);
	}
}

/* After a commit: what could still be undone proves nothing. */
static void say_head(void *ctx, bool stored)
{
	struct bot *bot = ctx;
	int64_t count = 0;
	char head[65] = "";

	if (!stored || !storage_audit_head(bot->storage, &count, head))
		return; /* the next tick tries again */
	log_info("audit head seq=%" PRId64 " hash=%s", count, head);
	bot->head_said_at = clock_now();
}

/* Once a day, and at the start: logs are kept elsewhere, so a line there proves that rows were cut off here. */
static void say_head_when_due(struct bot *bot)
{
	int64_t now = clock_now();

	if (bot->head_said_at != TIME_NONE && now >= bot->head_said_at && now - bot->head_said_at < HEAD_EVERY_S)
		return;
	loop_after_commit(&bot->loop, say_head, bot);
}

static void on_tick(uv_timer_t *timer)
{
	struct bot *bot = timer->data;
	struct error err = {0};

	if (as_event(bot, tick, &err)) {
		bot->tick_failures = 0;
	} else {
		if (bot->tick_failures % COMPLAIN_EVERY == 0)
			log_warn("what is due could not be done, it will be tried again why=%s", err.text);
		bot->tick_failures++;
	}
	fetcher_tick(bot->fetcher);
	free_retired(bot, false);
	say_head_when_due(bot);
}

static void on_sweep(uv_timer_t *timer)
{
	struct bot *bot = timer->data;
	struct error err = {0};
	size_t removed = 0;
	bool worked;

	if (loop_event(&bot->loop, &err)) {
		int64_t now = bot->desk->now;

		worked = storage_sweep(bot->storage, now - bot->config->retention_s, now, SWEEP_ROWS, &removed, &err);
		worked = loop_event_end(&bot->loop, worked, worked ? &err : NULL) && worked;
		if (!worked) {
			removed = 0;
			log_warn("old alerts could not be removed, it will be tried again why=%s", err.text);
		}
	}
	uv_timer_start(&bot->sweep, on_sweep, removed > 0 ? SWEEP_STEP_MS : SWEEP_REST_MS, 0);
}

/* ---- SIGHUP --------------------------------------------------------------------------------------------- */

/* What cannot be changed while it runs. */
static void say_what_waits(const struct config *old, const struct config *now)
{
	if (!text_equal(old->listen_host, now->listen_host) || old->listen_port != now->listen_port)
		log_warn("config listen changed; it needs a restart");
	if (!text_equal(old->store, now->store))
		log_warn("config store changed; it needs a restart");
	if ((old->tls_cert_file == NULL) != (now->tls_cert_file == NULL))
		log_warn("config tls was %s; it needs a restart", now->tls_cert_file != NULL ? "added" : "removed");
}

static bool note_reload(struct bot *bot, struct error *err)
{
	const struct actor actor = {.who = "headsup", .via = "headsup"};

	return desk_audit(bot->desk, &actor, "reloaded", "", bot->config->path, err);
}

static bool swap_desk(struct bot *bot, struct error *err)
{
	return desk_reload(bot->desk, bot->config, err) && note_reload(bot, err);
}

static bool restore_desk(struct bot *bot, struct error *err)
{
	return desk_reload(bot->desk, bot->config, err);
}

static void retire(struct bot *bot, struct config *config)
{
	struct retired *retired = xcalloc(1, sizeof(*retired));

	retired->config = config;
	retired->until = uv_now(&bot->uv) + RETIRE_MS;
	STAILQ_INSERT_TAIL(&bot->retired, retired, link);
}

/* NOW takes the place of the old configuration everywhere, or, when the desk cannot, nowhere. It is the bot's from here on. */
static bool put_config(struct bot *bot, struct config *now, struct error *err)
{
	struct config *old = bot->config;

	bot->config = now;
	if (!as_event(bot, swap_desk, err)) {
		bot->config = old;
		(void)as_event(bot, restore_desk, NULL); /* should that fail too, the desk reads anew what was lost */
		retire(bot, now);
		return false;
	}
	log_setup(now->log_level, now->log_json);
	web_reload(bot->web, now);
	slack_reload(bot->slack, now);
	courier_reload(bot->courier, now);
	say_what_waits(old, now);
	retire(bot, old);
	return true;
}

static void reload(struct bot *bot)
{
	struct error err = {0};
	struct config *now = config_load(bot->config->path, NULL, &err);

	if (now == NULL || !put_config(bot, now, &err)) {
		bot->counts.reload_failures++;
		log_error("config not reloaded, the old one stays why=%s", err.text);
		return;
	}
	bot->counts.reloads++;
	log_info("config reloaded path=%s", now->path);
	if (!http_reload(bot->http, now, &err))
		log_error("tls certificate not renewed, the old one stays why=%s", err.text);
}

static void on_hangup(uv_signal_t *signal, int number)
{
	struct bot *bot = signal->data;

	(void)number;
	if (bot->end_at != 0)
		return;
	tell_reloading();
	reload(bot);
	tell_manager("READY=1");
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

static void on_grace(uv_timer_t *timer)
{
	struct bot *bot = timer->data;

	if (http_under_way(bot->http) == 0 || uv_now(&bot->uv) - bot->end_at >= GRACE_MS)
		uv_stop(&bot->uv);
}

/* What was answered is on disk: there is nothing to lose, and nobody to wait for. */
static void on_alarm(int number)
{
	static const char text[] = "headsup: the end took too long, leaving at once\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static void on_end(uv_signal_t *signal_handle, int number)
{
	struct bot *bot = signal_handle->data;

	if (bot->end_at != 0) { /* asked twice: at once */
		uv_stop(&bot->uv);
		return;
	}
	log_info("stopping signal=%s", number == SIGINT ? "INT" : "TERM");
	tell_manager("STOPPING=1");
	signal(SIGALRM, on_alarm);
	alarm(END_LIMIT_S);
	bot->end_at = uv_now(&bot->uv) != 0 ? uv_now(&bot->uv) : 1;
	http_quiesce(bot->http);
	slack_stop(bot->slack);
	uv_timer_stop(&bot->tick);
	uv_timer_stop(&bot->sweep);
	uv_timer_start(&bot->grace, on_grace, GRACE_STEP_MS, GRACE_STEP_MS);
}

/* Turns until the last transaction is on disk and its answers are out. */
static void settle(struct bot *bot)
{
	for (int i = 0; i < CLOSE_TURNS && (bot->loop.has_work || bot->loop.release_count > 0); i++)
		uv_run(&bot->uv, UV_RUN_NOWAIT);
	uv_run(&bot->uv, UV_RUN_NOWAIT); /* what was released is written to its socket */
}

static void close_handles(struct bot *bot)
{
	uv_handle_t *const handles[] = {
	    (uv_handle_t *)&bot->term, (uv_handle_t *)&bot->interrupt, (uv_handle_t *)&bot->hangup,
	    (uv_handle_t *)&bot->tick, (uv_handle_t *)&bot->sweep, (uv_handle_t *)&bot->watchdog,
	    (uv_handle_t *)&bot->grace,
	};

	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
}

/* Takes down what was put up, in the other order; things half built are fine. */
static void bot_fini(struct bot *bot)
{
	if (bot->has_loop)
		settle(bot);
	jobs_stop(bot->jobs);
	http_stop(bot->http);
	courier_free(bot->courier);
	slack_free(bot->slack);
	fetcher_free(bot->fetcher);
	web_free(bot->web);
	jobs_free(bot->jobs);
	if (bot->has_handles)
		close_handles(bot);
	if (bot->has_loop)
		loop_fini(&bot->loop);
	for (int i = 0; bot->has_uv && i < CLOSE_TURNS && uv_loop_alive(&bot->uv); i++)
		uv_run(&bot->uv, UV_RUN_NOWAIT);
	if (bot->has_uv && uv_loop_close(&bot->uv) != 0)
		log_debug("loop still has open handles at the end");
	desk_free(bot->desk);
	storage_close(bot->storage);
	free_retired(bot, true);
	config_free(bot->config);
}

/* ---- the start ---------------------------------------------------------------------------------------------- */

/* Each connection is a descriptor; the soft limit is 1024 for programs that still use select(). */
static void raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > OPEN_FILES_MAX ? OPEN_FILES_MAX : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_debug("the limit of open files stays as it is");
}

static void watch_signal(struct bot *bot, uv_signal_t *handle, uv_signal_cb run, int number)
{
	uv_signal_init(&bot->uv, handle);
	handle->data = bot;
	uv_signal_start(handle, run, number);
}

static void start_handles(struct bot *bot)
{
	uv_timer_t *const timers[] = {&bot->tick, &bot->sweep, &bot->watchdog, &bot->grace};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(&bot->uv, timers[i]);
		timers[i]->data = bot;
	}
	watch_signal(bot, &bot->term, on_end, SIGTERM);
	watch_signal(bot, &bot->interrupt, on_end, SIGINT);
	watch_signal(bot, &bot->hangup, on_hangup, SIGHUP);
	uv_timer_start(&bot->tick, on_tick, 0, TICK_MS);
	uv_timer_start(&bot->sweep, on_sweep, SWEEP_FIRST_MS, 0);
	bot->has_handles = true;
}

static bool open_desk(struct bot *bot, struct error *err)
{
	bool is_kept;

	bot->storage = storage_open(bot->config->store, err);
	if (bot->storage == NULL || !storage_begin(bot->storage, err))
		return false;
	bot->desk = desk_new(bot->config, bot->storage, clock_now(), err);
	is_kept = storage_end(bot->storage, bot->desk != NULL, bot->desk != NULL ? err : NULL);
	return bot->desk != NULL && is_kept && storage_commit(bot->storage, err);
}

/* From a file to a daemon that listens. What fails says so in one sentence. */
static bool bot_init(struct bot *bot, const char *path, struct error *err)
{
	STAILQ_INIT(&bot->retired);
	bot->head_said_at = TIME_NONE;
	bot->config = config_load(path, NULL, err);
	if (bot->config == NULL)
		return false;
	log_setup(bot->config->log_level, bot->config->log_json);
	if (!open_desk(bot, err))
		return false;
	if (uv_loop_init(&bot->uv) != 0)
		return error_set(err, ERROR_IO, "the event loop does not start");
	bot->has_uv = true;
	loop_init(&bot->loop, &bot->uv, bot->desk);
	bot->has_loop = true;
	bot->jobs = jobs_new(&bot->loop, bot->config->store);
	bot->web = web_new(&bot->loop, bot->config, err);
	if (bot->web == NULL)
		return false;
	bot->fetcher = fetcher_new(&bot->loop, bot->web);
	bot->courier = courier_new(&bot->loop, bot->web, bot->config, err);
	if (bot->courier == NULL)
		return false;
	bot->slack = slack_new(&bot->loop, bot->web, bot->config, err);
	if (bot->slack == NULL)
		return false;
	bot->http = http_start(&bot->loop, bot->config, own, bot, err);
	if (bot->http == NULL)
		return false;
	bot->counts = (struct metrics){.loop = &bot->loop, .http = bot->http, .slack = bot->slack,
	    .courier = bot->courier, .jobs = bot->jobs, .started_at = clock_now()};
	start_handles(bot);
	return true;
}

static int usage(FILE *out, int status)
{
	fputs("usage: headsup serve [--config FILE]\n"
	      "\n"
	      "Runs the daemon in the foreground and logs to standard error. FILE is else HEADSUP_CONFIG, else\n"
	      "/etc/headsup/headsup.yaml. SIGHUP reads it again; SIGTERM ends the daemon within 5 s.\n",
	    out);
	return status;
}

static int run(struct bot *bot)
{
	slack_start(bot->slack);
	start_watchdog(bot);
	tell_manager("READY=1");
	uv_run(&bot->uv, UV_RUN_DEFAULT);
	return bot->end_at != 0 ? 0 : 1;
}

int cmd_serve(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct bot bot = {0};
	struct error err = {0};
	const char *path = NULL;
	int option, status = 1;

	optind = 1;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option != 'c')
			return usage(stderr, 2);
		path = optarg;
	}
	if (optind < argc) {
		fprintf(stderr, "headsup serve: \"%s\" is one word too many\n", argv[optind]);
		return usage(stderr, 2);
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, not the end */
	raise_open_files();
	if (bot_init(&bot, config_path(path), &err))
		status = run(&bot);
	else
		log_error("%s", err.text);
	bot_fini(&bot);
	if (status == 0)
		log_info("stopped");
	return status;
}
