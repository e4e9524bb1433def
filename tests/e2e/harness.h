/*
 * harness - the real headsup, real sockets, and the simulator: what end-to-end tests stand on.
 *
 * A world is a simulator and a headsup on free ports in a directory of its own. What a call returns
 * (answers, JSON, text) belongs to the world and is good until world_stop(), unless said otherwise.
 * A call that cannot do what it promises fails the test and shows headsup's log. Nothing sleeps for
 * a fixed time: world_until() looks again every 10 ms until what it waits for is so.
 *
 * HEADSUP_BUILD names the folder of the programs (default: build). HEADSUP_TEST_KEEP=1 keeps the
 * directory.
 */
#ifndef TESTS_E2E_HARNESS_H
#define TESTS_E2E_HARNESS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORLD_PATIENCE_MS \
	20000 /* for what should take milliseconds: generous, since machines are shared */

/* What the default configuration is made of. */
#define WORLD_APP_TOKEN "xapp-1-A0SIM-1-0123456789abcdef0123456789abcdef"
#define WORLD_BOT_TOKEN "xoxb-100-200-abcdefghijklmnopqrstuvwx"
#define WORLD_CI "ci-token-0123456789abcdef"   /* may: [announce] */
#define WORLD_OPS "ops-token-0123456789abcdef" /* may: [send, read, act, announce, announce_for] \
						*/
#define WORLD_KEY "0123456789abcdef0123456789abcdef"     /* of the route for critical */
#define WORLD_KEY_PAY "fedcba9876543210fedcba9876543210" /* of the route for payments, from high \
							  */
#define WORLD_KEY_DEFAULT "00000000000000000000000000000001" /* pagerduty.routing_key */
#define WORLD_PD_TOKEN "pd-token-0123456789abcdef" /* of PagerDuty's REST API */
#define WORLD_PD_SECRET \
	"c2FtcGxlLXNpZ25pbmctc2VjcmV0LWZvci10ZXN0cy1vbmx5LWRvLW5vdC11c2Uh" /* of its webhooks */
/* A source's token is its name and "-token-0123456789abcdef". */

struct world_options {
	bool tls;           /* simulator and headsup speak TLS, with a CA of their own */
	bool clock;         /* headsup's wall clock can be moved */
	bool no_slack_wait; /* do not wait until Slack is connected */
	bool no_start;      /* headsup is not started: world_boot() does */
	bool pd_api;        /* pagerduty: has api_url, api_token (WORLD_PD_TOKEN) and from */
	bool pd_webhooks;   /* PagerDuty delivers to headsup, wherever it listens just then */
	const char *config; /* the whole configuration instead of the default; marks as below */
	/* Or parts of the default one. Each is YAML; the first two are indented by two blanks. */
	const char *slack;             /* more keys of slack: */
	const char *pagerduty;         /* more keys of pagerduty: */
	const char *routes;            /* items of routes: instead of the default ones */
	const char *sources;           /* more items of sources: */
	const char *policy;            /* a policy: or working_hours: section, and such */
	const char *extra;             /* more top-level keys */
	const char *posts_per_second;  /* "1000" */
	const char *events_per_minute; /* "60000" */
	const char *const
	    *wrap; /* words before the program's name ("valgrind", …, NULL); NULL: none */
};
/*
 * Marks: @API@ (https://…/api/), @PAGERDUTY@, @DIR@ (the world's directory), @CA@, @CERT@, @KEY@
 * (files; with tls), @PORT@ (0).
 */

struct world {
	char dir[64];
	char *build;
	struct world_options options;
	pid_t sim, headsup;                   /* 0: not running */
	char *api, *pagerduty, *control, *ws; /* of the simulator */
	char *url;                            /* of headsup, without a slash at the end */
	char *ca;                             /* file, NULL without tls */
	size_t log_at;                        /* where the log of the running headsup begins */
	int64_t clock_s;
	void *curl;
	struct world_thing *things; /* what is freed at the end */
	size_t thing_count;
};

/* One world; OPTIONS may be NULL. Fails the test when it does not come up. */
struct world *world_start(const struct world_options *options);
/* Ends headsup with SIGTERM, wants exit 0 of it, and clears up. NULL is nothing. */
void world_stop(struct world *world);
/* For cmocka's setup and teardown: the default world in *STATE. */
int world_setup(void **state);
int world_teardown(void **state);

/* ---- waiting --------------------------------------------------------------------------------- */

int64_t world_ms(void); /* a steady clock */
bool world_wait(struct world *world, bool (*until)(struct world *world, void *ctx), void *ctx,
    int64_t deadline_ms);
/* Waits until CONDITION (any expression over the world) is so; fails the test when it takes too
 * long. */
#define world_until(world, condition) world_until_ms(world, condition, WORLD_PATIENCE_MS)
#define world_until_ms(world, condition, ms)                                                    \
	do {                                                                                    \
		int64_t until_ = world_ms() + (ms);                                             \
		for (;;) {                                                                      \
			size_t mark_ = world_mark(world);                                       \
			if (condition)                                                          \
				break;                                                          \
			world_release(world, mark_);                                            \
			if (world_ms() > until_)                                                \
				world_fail(                                                     \
				    world, "never became so: " #condition, __FILE__, __LINE__); \
			world_pause();                                                          \
		}                                                                               \
	} while (0)
size_t world_mark(const struct world *world);
void world_release(struct world *world, size_t mark); /* frees what was returned since MARK */
void world_pause(void);                               /* 10 ms */
/* Shows headsup's log and fails the test. */
void world_fail(struct world *world, const char *what, const char *file, int line)
    __attribute__((noreturn));

/* ---- HTTP to headsup ------------------------------------------------------------------------- */

struct world_answer {
	int status; /* 0: no answer */
	char *body;
	size_t len;
	char *headers; /* as received, lines */
	cJSON *json;   /* NULL: the body is none */
};
/* PATH begins with a slash, or is a whole URL. TOKEN is sent as Bearer; NULL: none. HEADERS:
 * NULL-ended list of "Name: value", or NULL. */
struct world_answer *world_http(struct world *world, const char *method, const char *path,
    const char *token, const char *body, const char *const *headers);
/* The value of a header of the answer ("retry-after", any case), NULL: none. */
const char *world_header(struct world *world, const struct world_answer *answer, const char *name);
/*
 * Sends to SOURCE with its own token: a body ({… or […), or a file of tests/data/alerts/SOURCE/.
 * SOURCE NULL: normalised, with WORLD_OPS.
 */
struct world_answer *world_send(struct world *world, const char *source, const char *what);
/* The same, wants 202 and one alert, and gives its id ("A1"). */
const char *world_send_one(struct world *world, const char *source, const char *what);
/* GET /v1/alerts/ID, wants 200. */
cJSON *world_alert(struct world *world, const char *id);
/* "open", "acked", … of an alert. */
const char *world_status(struct world *world, const char *id);
/* POST /v1/alerts/ID/VERB with BODY ("{}" when NULL), as WORLD_OPS. */
struct world_answer *world_act(
    struct world *world, const char *id, const char *verb, const char *body);
cJSON *world_ready(struct world *world); /* /readyz; NULL when there is no answer */
bool world_slack_is(struct world *world, const char *status); /* /readyz says "slack": STATUS */

/* ---- people in Slack ------------------------------------------------------------------------- */

/* GET or POST under /sim/ of the simulator; BODY NULL: GET. The answer's JSON; fails the test when
 * there is none. */
cJSON *world_sim(struct world *world, const char *path, const char *body);
/* USER is a name or an id, CHANNEL an id or #name. Each waits for headsup's acknowledgement and
 * returns the simulator's answer: acked, payload, ms, trigger_id, response_url, ts. */
cJSON *world_slash(struct world *world, const char *user, const char *channel, const char *text);
/* The same, and the text that the person saw as the answer ("" for none); wants an acknowledgement.
 */
const char *world_says(
    struct world *world, const char *user, const char *channel, const char *text);
cJSON *world_mention(struct world *world, const char *user, const char *channel,
    const char *thread_ts, const char *text);
cJSON *world_dm(struct world *world, const char *user, const char *text);
/* ACTION is an action_id or a label; VALUE may be NULL. */
cJSON *world_press(struct world *world, const char *user, const char *channel, const char *ts,
    const char *action, const char *value);
/* A press of a button that is not there any more, or never was. */
cJSON *world_press_forced(struct world *world, const char *user, const char *channel,
    const char *ts, const char *action, const char *value);
/* Fills in and submits the topmost modal of USER; VALUES is JSON: {"block_id or action_id":
 * "text"}. */
cJSON *world_submit(struct world *world, const char *user, const char *values);

/* ---- what can be seen ------------------------------------------------------------------------ */

cJSON *world_messages(
    struct world *world, const char *channel); /* array: all of it, replies too, oldest first */
cJSON *world_thread(
    struct world *world, const char *channel, const char *ts); /* array: the parent first */
/* The first message outside threads of CHANNEL which holds TEXT anywhere (text, blocks); NULL:
 * none. */
cJSON *world_find(struct world *world, const char *channel, const char *text);
/* The same among the replies to TS. */
cJSON *world_find_reply(struct world *world, const char *channel, const char *ts, const char *text);
/* How many messages of CHANNEL, replies included, hold TEXT. */
int world_count(struct world *world, const char *channel, const char *text);
const char *world_ts(const cJSON *message);
/* All words that a message shows, text and blocks, in one line; as Slack stores it (escaped). */
const char *world_words(struct world *world, const cJSON *message);
bool world_has_button(const cJSON *message, const char *action_or_label);
cJSON *world_ephemerals(struct world *world, const char *user); /* array; USER an id, NULL: all */
/* The newest ephemeral message to USER (an id) that holds TEXT; NULL: none. */
cJSON *world_find_ephemeral(struct world *world, const char *user, const char *text);
cJSON *world_calls(struct world *world, const char *method); /* array */
cJSON *world_pagerduty(struct world *world);                 /* incidents, events, changes */
/* The newest incident with that dedup key; NULL: none. */
cJSON *world_incident(struct world *world, const char *dedup_key);
/*
 * A person in PagerDuty's own pages (USER: a name, an e-mail or an id; NULL for "timeout") does
 * ACTION (ack resolve unack reopen escalate reassign note merge snooze respond priority urgency
 * title timeout) to INCIDENT, which is an id or a dedup key. MORE: members of a JSON object without
 * its braces ("\"note\":\"x\"", "\"to\":\"Bob\"", "\"into_dedup_key\":…", "\"level\":2",
 * "\"timer\":\"ack\""), or NULL. Gives the incident afterwards; fails the test when it is refused.
 */
cJSON *world_pd_act(struct world *world, const char *user, const char *incident,
    const char *action, const char *more);
/*
 * The incident as the REST API tells it, and with escalation_level, notes, alerts, log_entries; by
 * id or by the dedup key of one of its alerts (the newest). NULL: none.
 */
cJSON *world_pd_incident(struct world *world, const char *incident);
const char *world_pd_status(struct world *world, const char *incident); /* "" for none */
/* Users, services, policies, incidents, webhook_subscriptions, deliveries. */
cJSON *world_pd_state(struct world *world);
void world_pd_config(struct world *world, const char *json); /* POST /sim/pd/config */
/* How many webhooks are in STATE (waiting sending delivered dropped lost); EVENT_TYPE may be NULL.
 */
int world_pd_hooks(struct world *world, const char *event_type, const char *state);
const char *world_render(struct world *world, const char *channel);

/* ---- what goes wrong ------------------------------------------------------------------------- */

void world_fault(struct world *world, const char *json); /* POST /sim/fault */
void world_knob(struct world *world, const char *json);  /* POST /sim/config */

/* ---- the process ----------------------------------------------------------------------------- */

void world_boot(struct world *world); /* starts headsup on the same directory, and waits until it
					 listens (and is connected) */
void world_kill9(struct world *world);
int world_term(struct world *world);     /* exit status; 128 + signal */
void world_restart(struct world *world); /* SIGTERM when it runs, then world_boot() */
void world_hup(struct world *world);     /* SIGHUP */
void world_config(
    struct world *world, const struct world_options *options); /* writes the configuration anew */
bool world_is_running(struct world *world);
/* Moves headsup's wall clock (options.clock); SECONDS may be negative. */
void world_clock_advance(struct world *world, int64_t seconds);
/* stderr of the headsup that runs now (or ran last). */
const char *world_log(struct world *world);
const char *world_log_all(struct world *world); /* of all of them */

struct world_output {
	int status; /* exit status; 128 + signal; -1: it took too long and was killed */
	char *out, *err;
};
/* Runs `headsup ARGS…` (NULL-ended) with HEADSUP_URL, HEADSUP_TOKEN (ops; TOKEN when not NULL) and
 * HEADSUP_CONFIG set. */
struct world_output *world_run(struct world *world, const char *token, const char *const *args);
char *world_path(struct world *world, const char *name); /* a file in the world's directory */
void world_write(struct world *world, const char *name, const char *text);

#endif
