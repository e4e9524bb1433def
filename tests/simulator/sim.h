/*
 * sim - a Slack and a PagerDuty in one small process, for tests and for the demo.
 *
 * Slack: the Web API over HTTP(S), Socket Mode over ws(s) on a second port, response URLs.
 * PagerDuty: the Events API v2, the REST API v2, webhooks v3 (pd.h). The rules are those of docs.slack.dev and developer.pagerduty.com
 * as far as a bot can feel them: tokens, content types, Block Kit's limits, single-use tickets and
 * triggers, redelivery of what was not acknowledged. Under /sim/ lies what neither has: people who
 * type and press, everything that was said so far, and faults on request.
 * One thread, one libuv loop. Nothing is kept on disk; memory grows with what is said (bounds
 * below).
 */
#ifndef TESTS_SIMULATOR_SIM_H
#define TESTS_SIMULATOR_SIM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "config/base/buf.h"

#define SIM_TEAM "T0SIM"
#define SIM_DOMAIN "sim"
#define SIM_APP "A0SIM"
#define SIM_BOT_USER "U0BOT"
#define SIM_BOT "B0BOT"
#define SIM_BOT_NAME "headsup"

#define SIM_BODY_MAX (8u << 20)  /* bytes of one request */
#define SIM_FRAME_MAX (4u << 20) /* bytes of one WebSocket message from a client */
#define SIM_CALLS_MAX 200000u    /* recorded calls; the oldest go */
#define SIM_CALLS_BYTES_MAX (256u << 20)
#define SIM_CONNECTIONS_MAX 10u   /* Slack's own limit */
#define SIM_ENVELOPES_MAX 100000u /* remembered, done ones go first */
#define SIM_ID_MAX 64
#define SIM_TS_MAX 24
#define SIM_RETRIES_MAX 3
#define SIM_RESPONSE_USES_MAX 5
#define SIM_RESPONSE_LIFE_MS (30 * 60 * 1000)

struct sim;
struct sim_request;
struct MHD_Connection;
struct MHD_Daemon;
struct lws_context;

/* ---- time ------------------------------------------------------------------------------------ */

int64_t sim_now_ms(void);  /* since 1970 */
int64_t sim_mono_ms(void); /* a steady clock */

typedef void (*sim_due)(void *ctx);
struct sim_timer;
/* Calls DUE once after MS, from the loop. The handle is good until then. */
struct sim_timer *sim_after(struct sim *sim, int64_t ms, sim_due due, void *ctx);
void sim_cancel(struct sim *sim, struct sim_timer *timer); /* NULL is nothing */
void sim_timers_init(struct sim *sim);
void sim_timers_fini(struct sim *sim);

/* ---- JSON, by hand: the simulator must not share the bot's mistakes -------------------------- */

/* NULL for what is not exactly one JSON value in proper UTF-8. */
cJSON *sim_parse(const char *text, size_t len);
const cJSON *sim_get(const cJSON *object, const char *name); /* with its case; NULL when absent */
const char *sim_text(const cJSON *object, const char *name); /* NULL when absent or no string */
bool sim_true(const cJSON *object, const char *name);        /* true, "true", "1", 1 */
bool sim_has(const cJSON *object, const char *name);         /* there, and not null */
int64_t sim_int(
    const cJSON *object, const char *name, int64_t otherwise); /* a number, or digits in a string */
void sim_put(cJSON *object, const char *name, const char *text); /* null when TEXT is NULL */
void sim_put_int(cJSON *object, const char *name, int64_t value);
void sim_put_bool(cJSON *object, const char *name, bool value);
/* Replaces or adds; ITEM is taken. */
void sim_set(cJSON *object, const char *name, cJSON *item);
char *sim_write(const cJSON *json);         /* compact; the caller frees */
char *sim_write_slashed(const cJSON *json); /* as Slack writes: "/" as "\/" */

/* ---- the world: people, channels, messages --------------------------------------------------- */

struct sim_user {
	char id[SIM_ID_MAX];
	char *name, *real_name, *email, *tz;
	int tz_offset;
	bool is_bot, is_guest, is_deleted;
};
struct sim_message {
	char ts[SIM_TS_MAX];
	char thread_ts[SIM_TS_MAX]; /* "" outside a thread */
	char user[SIM_ID_MAX];
	bool is_broadcast, is_deleted;
	unsigned edits;
	int64_t replies;
	char latest_reply[SIM_TS_MAX];
	cJSON *json; /* as Slack tells it, metadata included */
};
struct sim_channel {
	char id[SIM_ID_MAX];
	char *name;            /* NULL for a direct message */
	char user[SIM_ID_MAX]; /* of a direct message */
	bool is_im, is_private, is_archived;
	bool is_member; /* the bot */
	char **members;
	size_t member_count;
	struct sim_message **messages; /* by ts */
	size_t message_count, message_cap;
	double tokens; /* for the post limit */
	int64_t tokens_ms;
};
struct sim_group {
	char id[SIM_ID_MAX];
	char *handle;
	char **users;
	size_t user_count;
};
struct sim_ephemeral {
	char ts[SIM_TS_MAX];
	char *channel, *user, *thread_ts;
	const char *source; /* chat.postEphemeral, ack, response_url */
	bool is_deleted;
	unsigned edits;
	cJSON *json;
};
struct sim_view {
	char id[SIM_ID_MAX];
	char user[SIM_ID_MAX];
	char root[SIM_ID_MAX], previous[SIM_ID_MAX];
	bool is_home, is_open;
	unsigned updates;
	cJSON *json;
};
struct sim_trigger {
	char id[96];
	char user[SIM_ID_MAX];
	char view[SIM_ID_MAX]; /* the modal it was pressed in, "" for none */
	int64_t issued_ms;
	bool is_used;
};
struct sim_response_url {
	char path[160]; /* "/commands/T0SIM/1/secret" */
	char channel[SIM_ID_MAX], user[SIM_ID_MAX], ts[SIM_TS_MAX];
	bool is_ephemeral; /* the message it came from */
	unsigned uses;
	int64_t issued_ms;
};

/* ---- what goes wrong on request -------------------------------------------------------------- */

struct sim_fault {
	struct sim_fault *next;
	char *method;  /* "chat.postMessage", "*", "pagerduty", "response_url", … */
	char *channel; /* only calls for this channel; NULL: any */
	char *key;     /* PagerDuty: only this routing key; NULL: any */
	int64_t after; /* let so many pass first */
	int64_t times; /* -1: until cleared */
	int64_t status, retry_after, delay_ms;
	char *error, *body;
	cJSON *extra; /* members added to the answer */
	bool hang, cut, truncate;
	bool bare; /* PagerDuty: without the headers of its rate limit */
	int apply; /* -1: as the kind of fault would have it */
};
struct sim_ws_faults {
	int64_t no_hello, refuse, duplicate, lose, late; /* how many times yet; -1 for ever */
	int64_t late_ms, hello_delay_ms, pad_bytes;
	bool same_id;  /* duplicates carry the same envelope_id */
	bool fragment; /* envelopes go out in small fragments */
};

/* ---- PagerDuty ------------------------------------------------------------------------------- */

struct pd; /* pd.h */

/* ---- Socket Mode ----------------------------------------------------------------------------- */

struct sim_connection;
struct sim_envelope;
/* ACKED false: nobody answered in time (PAYLOAD NULL), WHY says "timeout" or "dispatch_failed". */
typedef void (*sim_acked)(void *ctx, bool acked, const cJSON *payload, int64_t ms, const char *why);

struct sim_call {
	struct sim_call *next;
	char *method, *body, *content_type, *error;
	char *query, *from; /* PagerDuty's REST API: "a=b&…", the From header; else NULL */
	const char *token; /* "bot", "app", "none", … */
	size_t size;
	int64_t at_ms, took_ms;
	int status; /* 0: never answered */
	bool is_applied;
	uint64_t number;
};

struct sim {
	uv_loop_t loop;
	/* options */
	int port, ws_port;
	char *cert_file, *key_file;
	const char *app_token, *bot_token; /* NULL: any xapp-… and xoxb-… */
	const char *pd_token;              /* of PagerDuty's REST API; NULL: any */
	bool is_quiet;
	char base[96]; /* "http://127.0.0.1:4711" */
	char ws_base[96];

	/* timers */
	uv_timer_t clock;
	struct sim_timer *timers;

	/* HTTP */
	struct MHD_Daemon *daemon;
	uv_poll_t http_poll;
	uv_timer_t http_timer;
	bool http_woken; /* a suspended connection was resumed since the last round */
	struct sim_request *requests;
	struct sim_call *calls, **calls_end;
	size_t call_count, call_bytes;
	uint64_t call_number;

	/* Socket Mode */
	struct lws_context *lws;
	struct sim_connection *connections;
	unsigned connection_number;
	struct sim_envelope *envelopes, **envelopes_end;
	size_t envelope_count;
	cJSON *acks;
	struct {
		char text[48];
		int64_t until_ms;
	} tickets[64];
	size_t ticket_next;

	/* the world */
	struct sim_user *users;
	size_t user_count;
	struct sim_channel **channels;
	size_t channel_count;
	struct sim_group *groups;
	size_t group_count;
	struct sim_ephemeral **ephemerals;
	size_t ephemeral_count;
	struct sim_view **views;
	size_t view_count;
	struct sim_trigger *triggers;
	size_t trigger_count;
	struct sim_response_url *response_urls;
	size_t response_url_count;
	cJSON *responses;
	int64_t last_ts_us;
	uint64_t serial;

	/* PagerDuty */
	struct pd *pd;
	cJSON *pagerduty_events, *pagerduty_changes;
	int64_t *pagerduty_times; /* of the last minute's events */
	size_t pagerduty_time_count;

	struct sim_fault *faults;
	struct sim_ws_faults ws_faults;
	/* knobs: POST /sim/config */
	double retry_scale;      /* Slack's pauses between redeliveries times this */
	int64_t ack_timeout_ms;  /* 3 000 */
	int64_t trigger_life_ms; /* 3 000 */
	int64_t ticket_life_ms;  /* 30 000 */
	int64_t ping_ms;         /* between our pings, 10 000; 0: none */
	double posts_per_second; /* per channel; 0: no limit */
	int64_t post_burst;
	int64_t pagerduty_per_minute; /* per routing key; 0: no limit */
	int64_t text_total_max;       /* characters in all blocks of a message */
};

/* world.c */
void sim_world_init(struct sim *sim); /* the preset */
void sim_world_fini(struct sim *sim);
void sim_random(char *out, size_t size, const char *alphabet); /* SIZE counts the NUL */
struct sim_user *sim_user(struct sim *sim, const char *id);    /* by id, name or e-mail */
struct sim_user *sim_user_add(struct sim *sim, const char *id, const char *name,
    const char *real_name, const char *email, const char *tz, int tz_offset);
struct sim_channel *sim_channel(struct sim *sim, const char *id); /* by id only */
struct sim_channel *sim_channel_named(
    struct sim *sim, const char *name); /* id, #name, name, or a user: their direct message */
struct sim_channel *sim_channel_add(struct sim *sim, const char *id, const char *name);
struct sim_channel *sim_im(struct sim *sim, const char *user); /* opens it */
void sim_channel_join(struct sim_channel *channel, const char *user);
bool sim_channel_has(const struct sim_channel *channel, const char *user);
struct sim_group *sim_group_add(
    struct sim *sim, const char *id, const char *handle, const cJSON *users);
void sim_next_ts(struct sim *sim, char out[SIM_TS_MAX]);
struct sim_message *sim_message(struct sim_channel *channel, const char *ts); /* deleted ones too */
/* Takes JSON, which must have "ts" not yet; sets ts, thread_ts. */
struct sim_message *sim_message_add(struct sim *sim, struct sim_channel *channel, const char *user,
    const char *thread_ts, bool broadcast, cJSON *json);
/* The message as conversations.history tells it; reply counts included. The caller frees. */
cJSON *sim_message_view(const struct sim_message *message, bool with_metadata);
void sim_message_delete(struct sim_channel *channel, struct sim_message *message);
struct sim_ephemeral *sim_ephemeral_add(struct sim *sim, const char *channel, const char *user,
    const char *thread_ts, const char *source, cJSON *json);
struct sim_ephemeral *sim_ephemeral(struct sim *sim, const char *ts);
struct sim_view *sim_view(struct sim *sim, const char *id, const char *external_id);
struct sim_view *sim_view_add(
    struct sim *sim, const char *user, const struct sim_view *below, const cJSON *json);
void sim_view_put(
    struct sim *sim, struct sim_view *view, const cJSON *json); /* new content, new hash */
struct sim_trigger *sim_trigger_new(
    struct sim *sim, const char *user, const char *view); /* borrowed until the next */
struct sim_response_url *sim_response_url_new(struct sim *sim, const char *kind,
    const char *channel, const char *user, const char *ts, bool is_ephemeral);
cJSON *sim_user_json(const struct sim_user *user, bool with_email);
cJSON *sim_channel_json(const struct sim_channel *channel);

/* http.c */
struct sim_request {
	struct sim_request *next;
	struct sim *sim;
	struct MHD_Connection *connection;
	char *method, *path, *content_type, *authorization;
	struct buf body;
	bool is_handled, is_done, is_dropped, is_suspended;
	int status;
	char *answer;
	size_t answer_len;
	const char *answer_type;
	int64_t retry_after; /* -1: none */
	bool is_slack;       /* Slack's headers */
	bool is_rest;        /* PagerDuty's headers of its rate limit */
	int64_t rate[3];     /* limit, remaining, seconds until reset */
	int64_t begun_ms;
	struct sim_call *call;
	struct sim_timer *timer;
	void *waiting; /* what a control call waits for */
	void (*forget)(struct sim_request
		*request); /* the request ends before what it waits for; may be NULL */
};
bool sim_http_start(struct sim *sim);
void sim_http_stop(struct sim *sim);
const char *sim_query(const struct sim_request *request, const char *name); /* NULL when absent */
const char *sim_header(const struct sim_request *request, const char *name); /* NULL: absent */
/* Every value of NAME, an array of texts. */
cJSON *sim_query_all(const struct sim_request *request, const char *name);
void sim_query_each(const struct sim_request *request, cJSON *into);
/* Answers, now or later; TEXT is taken. */
void sim_reply(struct sim_request *request, int status, const char *type, char *text, size_t len);
void sim_reply_json(struct sim_request *request, int status, cJSON *json); /* takes JSON */
void sim_reply_drop(struct sim_request *request); /* closes the connection without a word */
struct sim_call *sim_call_record(struct sim_request *request, const char *method);
void sim_calls_clear(struct sim *sim);

/* fault.c */
/* The fault that hits this call, counted; NULL: none. Borrowed until the next change of faults. */
struct sim_fault *sim_fault_hit(
    struct sim *sim, const char *method, const char *channel, const char *key);
bool sim_fault_applies(const struct sim_fault *fault); /* does the call take effect all the same? */
/* POST /sim/fault; false with a sentence in PROBLEM (static). */
bool sim_fault_add(struct sim *sim, const cJSON *json, const char **problem);
void sim_faults_clear(struct sim *sim);
/* Sends ANSWER (taken) as FAULT (may be NULL) would have it. */
void sim_fault_reply(struct sim_request *request, const struct sim_fault *fault, int status,
    const char *type, char *answer);

/* api.c */
void sim_api(struct sim_request *request, const char *method);
void sim_response_url_post(struct sim_request *request);
/* A message's content from ARGS (postMessage, update, responses): NULL and *ERROR, *MESSAGES when
 * Slack would refuse. KEEP: what stands already. */
bool sim_content(struct sim *sim, const cJSON *args, size_t text_max, cJSON *message,
    const char **error, cJSON **messages);
/* Replaces the content of a message; counts the edit. */
bool sim_content_update(
    struct sim *sim, const cJSON *args, cJSON *message, const char **error, cJSON **messages);

/* blocks.c */
enum sim_surface { SIM_MESSAGE = 1, SIM_MODAL = 2, SIM_HOME = 4 };
/* Adds a sentence with its json-pointer to PROBLEMS for each fault; *CHARACTERS counts all text. */
void sim_blocks_check(const cJSON *blocks, enum sim_surface surface, const char *pointer,
    cJSON *problems, size_t *characters);
void sim_view_check(const cJSON *view, bool is_home, cJSON *problems);
/* Adds the block_id, action_id, verbatim and emoji that Slack adds. */
void sim_blocks_fill(cJSON *blocks);

/* socket.c */
bool sim_socket_start(struct sim *sim);
void sim_socket_stop(struct sim *sim);
void sim_ticket_new(struct sim *sim, char out[48]);
/* Sends an envelope of TYPE with PAYLOAD (taken). ACKED (may be NULL) is called once. Returns a
 * handle for sim_envelope_forget(). */
struct sim_envelope *sim_envelope_send(
    struct sim *sim, const char *type, cJSON *payload, sim_acked acked, void *ctx);
void sim_envelope_forget(struct sim_envelope *envelope); /* its ACKED is not called any more */
void sim_frame_send(
    struct sim *sim, const char *text, size_t len); /* a raw frame to one connection */
bool sim_socket_disconnect(struct sim *sim, const char *reason);
void sim_socket_drop(struct sim *sim);
void sim_socket_silence(struct sim *sim, bool on);
cJSON *sim_connections_json(struct sim *sim);
void sim_socket_reset(struct sim *sim);

/* pagerduty.c */
void sim_pagerduty(struct sim_request *request);
cJSON *sim_pagerduty_json(struct sim *sim, const char *dedup_key);
void sim_pagerduty_clear(struct sim *sim); /* as at the beginning */
void sim_pagerduty_fini(struct sim *sim);

/* control.c */
void sim_control(struct sim_request *request);

/* render.c */
void sim_render(struct sim *sim, const char *channel, bool color, bool pagerduty, struct buf *out);

#endif
