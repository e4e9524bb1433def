#include "bot/slack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/metrics.h"
#include "bot/slack_error.h"
#include "bot/slack_machine.h"
#include "bot/wire.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/later.h"

#define HELLO_MS 20000 /* from the address to hello: name, TCP, TLS, upgrade */
#define BACK_OFF_MIN_MS 1000
#define BACK_OFF_MAX_MS 60000
#define REFUSED_MS 60000 /* a refusal is tried again this often: a person may have mended it */
#define CROWDED_MS 15000 /* too_many_websockets: Slack forgets dead ones meanwhile */
#define RETRY_AFTER_MAX_S 3600
#define STEADY_MS 10000   /* a connection that lasted this long was a good one */
#define SHORT_LIVES_MAX 2 /* in a row, until those that do not last count as failures */
#define RENEW_MIN_S 30    /* a shorter "approximate connection time" is not believed */
#define LATER_MS 1000 /* an acknowledgement waits so long for a better answer: Slack gives it 3 s */
#define DRAIN_MS 3000 /* the old connection is read for this long beside the new one */
#define PROOF_TRIES 2 /* of auth.test, until the connection is opened without it */
#define PROBLEM_MAX 512
#define ENVELOPE_ID_MAX 256

/* One WebSocket to Slack, from dialling to goodbye. */
struct link {
	struct slack *slack;
	struct wire *wire; /* NULL once it is gone */
	struct ack *acks;  /* that wait for the disk */
	bool said_hello;
};

struct ack {
	struct link *link;
	struct ack *next, **at;
	char *envelope_id;
	struct later *later;  /* makes the answer better; NULL: nothing does */
	uint64_t waits_since; /* for it, uv_now(); 0: not yet, the disk comes first */
	char *stored;         /* the frame when the event is on disk */
	char *unstored;       /* and when it is not; NULL: none, Slack repeats it */
};

/*
 * How events come. Socket Mode is the one there is: another transport has another method to ask for
 * an address, another token, and reads its frames its own way.
 */
struct transport {
	const char *method;
	bool by_app_token;
	void (*take)(struct link *link, const cJSON *frame);
};

struct slack {
	struct loop *loop;
	struct web *web;
	struct wires *wires;
	const struct config *config;
	const struct transport *transport;
	enum slack_state state;
	struct web_call *call;
	struct link *link; /* the newest */
	struct link *old;  /* the one before, read until it is let go */
	uv_timer_t timer, renew_timer, drain_timer, later_timer;
	int open_handles;
	char *url; /* a ticket: used once */
	struct slack_self self;
	bool is_proved;
	int failures;                  /* in a row */
	int proof_failures;            /* of auth.test, in a row */
	int short_lives;               /* connections in a row that did not last */
	int64_t retry_after_s;         /* that Slack asked for; -1: none */
	uint64_t ready_at, away_since; /* ms, as uv_now */
	bool is_away;
	char problem[PROBLEM_MAX];      /* "": none */
	char told_problem[PROBLEM_MAX]; /* the refusal that was logged */
	uint64_t connections, failures_total, renewals;
	uint64_t events, commands, presses, others, ignored, acks, unstored;
};

static const char *const state_names[] = {
    "idle", "proving", "asking", "dialling", "ready", "waiting", "refused", "stopped"};
static const char *const event_names[] = {"start", "proved", "got-url", "hello", "renew", "closed",
    "failed", "denied", "crowded", "due", "late", "reload", "stop"};

static void slack_on(struct slack *slack, enum slack_event event);
static void on_later_due(uv_timer_t *timer);

/* ---- links ----------------------------------------------------------------------------------- */

static void ack_free(struct ack *ack)
{
	*ack->at = ack->next;
	if (ack->next != NULL)
		ack->next->at = ack->at;
	if (ack->later != NULL)
		later_leave(ack->later, false);
	later_drop(ack->later);
	free(ack->envelope_id);
	free(ack->stored);
	free(ack->unstored);
	free(ack);
}

/* Says goodbye to *SLOT and empties it. What it still had to acknowledge is repeated by Slack. */
static void drop_link(struct link **slot)
{
	struct link *link = *slot;

	if (link == NULL)
		return;
	*slot = NULL;
	while (link->acks != NULL) {
		loop_forget(link->slack->loop, link->acks);
		ack_free(link->acks);
	}
	wire_close(link->wire);
	free(link);
}

static bool link_is_good(const struct link *link)
{
	return link != NULL && link->wire != NULL && link->said_hello;
}

static bool is_connected(const struct slack *slack)
{
	return link_is_good(slack->link) || link_is_good(slack->old);
}

/* Called when that may have changed. */
static void note_reach(struct slack *slack)
{
	bool is_away = !is_connected(slack);

	if (is_away && !slack->is_away)
		slack->away_since = uv_now(slack->loop->uv);
	slack->is_away = is_away;
}

static void set_problem(struct slack *slack, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_problem(struct slack *slack, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(slack->problem, sizeof(slack->problem), format, args);
	va_end(args);
}

static void on_opened(void *ctx)
{
	(void)ctx; /* usable only after hello */
}

static void on_frame(void *ctx, const char *text, size_t len)
{
	struct link *link = ctx;
	cJSON *frame = json_parse(text, len, NULL);

	if (!cJSON_IsObject(frame)) {
		link->slack->ignored++;
		log_warn("slack frame ignored bytes=%zu why=not a JSON object", len);
	} else {
		link->slack->transport->take(link, frame);
	}
	cJSON_Delete(frame);
}

static void count_life(struct slack *slack)
{
	if (uv_now(slack->loop->uv) - slack->ready_at >= STEADY_MS)
		slack->short_lives = 0;
	else
		slack->short_lives++;
	if (slack->short_lives > SHORT_LIVES_MAX)
		slack->failures = slack->short_lives - SHORT_LIVES_MAX - 1;
}

static void on_closed(void *ctx, const char *why)
{
	struct link *link = ctx;
	struct slack *slack = link->slack;
	bool was_ready = slack->state == SLACK_READY;

	link->wire = NULL;
	if (link == slack->old) {
		drop_link(&slack->old);
		note_reach(slack);
		log_debug("slack old connection closed why=%s", why);
		return;
	}
	drop_link(&slack->link);
	note_reach(slack);
	set_problem(slack, "the connection was lost: %s", why);
	log_warn("slack connection lost why=%s", why);
	if (was_ready)
		count_life(slack);
	/* It is made again at once, but not for ever when it never lasts. */
	slack_on(slack, slack->short_lives > SHORT_LIVES_MAX ? SLACK_FAILED : SLACK_CLOSED);
}

static const struct wire_events link_events = {
    .opened = on_opened, .frame = on_frame, .closed = on_closed};

/* ---- Socket Mode: docs.slack.dev/apis/events-api/using-socket-mode --------------------------- */

static void on_renew_due(uv_timer_t *timer)
{
	slack_on(timer->data, SLACK_RENEW);
}

static void take_hello(struct link *link, const cJSON *frame)
{
	struct slack *slack = link->slack;
	int64_t lasts_s;

	if (link->said_hello || link != slack->link)
		return;
	link->said_hello = true;
	slack_on(slack, SLACK_HELLO);
	if (slack->state == SLACK_READY &&
	    json_int(json_get(frame, "debug_info"), "approximate_connection_time", &lasts_s) &&
	    lasts_s >= RENEW_MIN_S && lasts_s <= 7 * 86400)
		uv_timer_start(&slack->renew_timer, on_renew_due, (uint64_t)lasts_s * 1000, 0);
}

static void take_disconnect(struct link *link, const cJSON *frame)
{
	struct slack *slack = link->slack;
	const char *reason = json_text(frame, "reason");

	log_info("slack asks to disconnect reason=%s is_old=%d", reason != NULL ? reason : "none",
	    link == slack->old);
	if (link != slack->link)
		return; /* we are leaving it already */
	if (text_equal(reason, "link_disabled")) {
		set_problem(slack, "link_disabled: Socket Mode is switched off for this app");
		slack_on(slack, SLACK_DENIED);
	} else if (text_equal(reason, "too_many_websockets")) {
		set_problem(slack, "too_many_websockets: other copies of this app hold all of "
				   "Slack's connections");
		slack_on(slack, SLACK_CROWDED);
	} else if (slack->state == SLACK_DIALLING) {
		set_problem(slack, "Slack turned the connection away: %.100s",
		    reason != NULL ? reason : "no reason");
		slack_on(slack, SLACK_FAILED);
	} else {
		slack_on(slack, SLACK_RENEW);
	}
}

static char *ack_frame(const char *envelope_id, const cJSON *payload)
{
	cJSON *frame = cJSON_CreateObject();
	char *text;

	json_put(frame, "envelope_id", envelope_id);
	if (payload != NULL)
		cJSON_AddItemReferenceToObject(frame, "payload", (cJSON *)payload);
	text = json_write(frame);
	cJSON_Delete(frame);
	return text;
}

static void send_ack(struct link *link, const char *frame, bool stored)
{
	struct slack *slack = link->slack;

	if (!stored)
		slack->unstored++;
	if (frame == NULL || link->wire == NULL)
		return;
	slack->acks++;
	wire_send(link->wire, frame);
}

/* Puts the better answer in the place of the first one. */
static void take_later(struct ack *ack)
{
	cJSON *payload;

	if (ack->later->answer != NULL) {
		payload = cJSON_IsString(ack->later->answer)
			      ? slack_in_ephemeral(ack->later->answer->valuestring)
			      : cJSON_Duplicate(ack->later->answer, true);
		free(ack->stored);
		ack->stored = ack_frame(ack->envelope_id, payload);
		cJSON_Delete(payload);
	}
	later_leave(ack->later, ack->link->wire != NULL);
	later_drop(ack->later);
	ack->later = NULL;
}

/* Acknowledges what is on disk. */
static void acknowledge(struct ack *ack)
{
	if (ack->later != NULL)
		take_later(ack);
	send_ack(ack->link, ack->stored, true);
	ack_free(ack);
}

static void on_later(void *ctx)
{
	acknowledge(ctx);
}

static void on_disk(void *ctx, bool stored)
{
	struct ack *ack = ctx;
	struct slack *slack = ack->link->slack;

	if (stored && ack->later != NULL && !ack->later->is_over) {
		ack->later->over = on_later;
		ack->later->ctx = ack;
		ack->waits_since = uv_now(slack->loop->uv);
		if (!uv_is_active((uv_handle_t *)&slack->later_timer))
			uv_timer_start(&slack->later_timer, on_later_due, LATER_MS, 0);
	} else if (stored) {
		acknowledge(ack);
	} else {
		send_ack(ack->link, ack->unstored, false);
		ack_free(ack);
	}
}

/* Acknowledges what has waited long enough; what comes then is said apart. *NEXT_AT: when the
 * next one has. */
static void end_waits(struct link *link, uint64_t now, uint64_t *next_at)
{
	struct ack *next;

	for (struct ack *ack = link != NULL ? link->acks : NULL; ack != NULL; ack = next) {
		uint64_t due_at = ack->waits_since + LATER_MS;

		next = ack->next;
		if (ack->waits_since == 0)
			continue;
		if (due_at <= now)
			acknowledge(ack);
		else if (due_at < *next_at)
			*next_at = due_at;
	}
}

static void on_later_due(uv_timer_t *timer)
{
	struct slack *slack = timer->data;
	uint64_t now = uv_now(slack->loop->uv), next_at = UINT64_MAX;

	end_waits(slack->link, now, &next_at);
	end_waits(slack->old, now, &next_at);
	if (next_at != UINT64_MAX)
		uv_timer_start(timer, on_later_due, next_at - now, 0);
}

static void count_envelope(struct slack *slack, const char *type)
{
	if (text_equal(type, "events_api"))
		slack->events++;
	else if (text_equal(type, "slash_commands"))
		slack->commands++;
	else if (text_equal(type, "interactive"))
		slack->presses++;
	else
		slack->others++;
}

/* Hands the envelope to the handlers. *LATER makes the answer better. False: nothing of it is
 * kept. */
static bool handle(struct slack *slack, const char *type, const cJSON *payload, cJSON **answer,
    struct later **later)
{
	struct loop *loop = slack->loop;
	struct error err = {0};
	bool ok;

	if (!loop_event(loop, &err)) {
		log_error("slack %s not handled why=%s", type, err.text);
		return false;
	}
	ok = slack_in(loop->desk, &slack->self, type, payload, answer, &err);
	*later = desk_take_later(loop->desk);
	ok = loop_event_end(loop, ok, &err) && ok;
	if (!ok)
		log_error("slack %s not handled why=%s", type, err.text);
	return ok;
}

/* First the disk, then the acknowledgement: what Slack need not repeat is kept. */
static void take_envelope(
    struct link *link, const cJSON *frame, const char *type, const char *envelope_id)
{
	struct slack *slack = link->slack;
	const cJSON *payload = json_get(frame, "payload");
	cJSON *nothing = cJSON_CreateObject(), *answer = NULL, *sorry;
	struct ack *ack = xcalloc(1, sizeof(*ack));

	if (!cJSON_IsObject(payload))
		payload = nothing;
	count_envelope(slack, type);
	ack->link = link;
	ack->next = link->acks;
	ack->at = &link->acks;
	if (ack->next != NULL)
		ack->next->at = &ack->next;
	link->acks = ack;
	sorry = slack_in_unstored(type, payload);
	if (sorry != NULL)
		ack->unstored = ack_frame(envelope_id, sorry);
	cJSON_Delete(sorry);
	if (handle(slack, type, payload, &answer, &ack->later)) {
		/* Where it may carry none, a payload would be an error. */
		bool may_answer = !cJSON_IsFalse(json_get(frame, "accepts_response_payload"));

		ack->envelope_id = xstrdup(envelope_id);
		ack->stored = ack_frame(envelope_id, may_answer ? answer : NULL);
		if (!may_answer) {
			later_drop(ack->later);
			ack->later = NULL;
		}
		loop_after_commit(slack->loop, on_disk, ack);
	} else {
		send_ack(link, ack->unstored, false);
		ack_free(ack);
	}
	cJSON_Delete(answer);
	cJSON_Delete(nothing);
}

static void socket_mode_take(struct link *link, const cJSON *frame)
{
	const char *type = json_text(frame, "type"), *envelope_id = json_text(frame, "envelope_id");

	if (text_equal(type, "hello"))
		take_hello(link, frame);
	else if (text_equal(type, "disconnect"))
		take_disconnect(link, frame);
	else if (envelope_id != NULL && *envelope_id != '\0' &&
		 strlen(envelope_id) <= ENVELOPE_ID_MAX)
		take_envelope(link, frame, type != NULL ? type : "", envelope_id);
	else {
		link->slack->ignored++;
		log_debug("slack frame ignored why=no envelope");
	}
}

static const struct transport socket_mode = {
    .method = "apps.connections.open",
    .by_app_token = true,
    .take = socket_mode_take,
};

/* ---- calls ----------------------------------------------------------------------------------- */

static void call(struct slack *slack, const char *method, const char *token, web_done done)
{
	char *url = xasprintf("%s%s", slack->config->slack.api_url, method);
	const struct web_request request = {
	    .method = "POST",
	    .url = url,
	    .bearer = token,
	    .content_type = "application/x-www-form-urlencoded",
	};

	web_cancel(slack->call);
	slack->call = web_begin(slack->web, &request, done, slack);
	free(url);
}

/* The answer's JSON when it is good. Otherwise NULL, the problem is set, and *EVENT says what
 * that means. */
static cJSON *read_answer(struct slack *slack, const char *method, const struct web_answer *answer,
    enum slack_event *event)
{
	cJSON *json;
	const char *error;

	*event = SLACK_FAILED;
	if (answer->retry_after_s > 0)
		slack->retry_after_s = answer->retry_after_s < RETRY_AFTER_MAX_S
					   ? answer->retry_after_s
					   : RETRY_AFTER_MAX_S;
	if (answer->status == 0) {
		set_problem(slack, "%s: %s", method, answer->problem);
		return NULL;
	}
	json = json_parse(answer->body, answer->body_len, NULL);
	if (answer->status == 200 && cJSON_IsTrue(json_get(json, "ok")))
		return json;
	error = json_text(json, "error");
	if (answer->status < 500 && answer->status != 429 && error != NULL &&
	    slack_cure(method, error) == CURE_TOKEN)
		*event = SLACK_DENIED;
	if (error == NULL)
		set_problem(slack, "%s: status %d without an answer that can be read", method,
		    answer->status);
	else if (json_text(json, "needed") != NULL)
		set_problem(slack, "%s: %.64s (the token needs the scope %.64s)", method, error,
		    json_text(json, "needed"));
	else
		set_problem(slack, "%s: %.64s", method, error);
	cJSON_Delete(json);
	return NULL;
}

/* For links into it. */
static void put_workspace(struct slack *slack, const char *url)
{
	const size_t size = sizeof(slack->self.url);

	if (url == NULL || strnlen(url, size) == size)
		url = "";
	snprintf(slack->self.url, size, "%s", url);
}

static void on_proved(void *ctx, const struct web_answer *answer)
{
	struct slack *slack = ctx;
	enum slack_event event;
	cJSON *json;
	const char *user, *bot, *team;

	slack->call = NULL;
	json = read_answer(slack, "auth.test", answer, &event);
	if (json == NULL && event == SLACK_FAILED && answer->status != 0 && answer->status != 429 &&
	    ++slack->proof_failures >= PROOF_TRIES) {
		/* People can be heard without it: what begins with a mention is taken as ours.
		 * The next connection asks again. */
		log_warn("slack does not say who we are, going on why=%s", slack->problem);
		event = SLACK_PROVED;
	}
	if (json == NULL) {
		slack_on(slack, event);
		return;
	}
	slack->proof_failures = 0;
	user = json_text(json, "user_id");
	bot = json_text(json, "bot_id");
	team = json_text(json, "team_id");
	snprintf(slack->self.user_id, sizeof(slack->self.user_id), "%s", user != NULL ? user : "");
	snprintf(slack->self.bot_id, sizeof(slack->self.bot_id), "%s", bot != NULL ? bot : "");
	snprintf(slack->self.team_id, sizeof(slack->self.team_id), "%s", team != NULL ? team : "");
	put_workspace(slack, json_text(json, "url"));
	cJSON_Delete(json);
	slack->is_proved = true;
	log_info("slack knows us user=%s bot=%s team=%s", slack->self.user_id, slack->self.bot_id,
	    slack->self.team_id);
	slack_on(slack, SLACK_PROVED);
}

static void on_url(void *ctx, const struct web_answer *answer)
{
	struct slack *slack = ctx;
	enum slack_event event = SLACK_FAILED;
	cJSON *json;

	slack->call = NULL;
	json = read_answer(slack, slack->transport->method, answer, &event);
	if (json != NULL && web_url_allowed(json_text(json, "url"), "wss", "ws")) {
		replace_text(&slack->url, json_text(json, "url"));
		event = SLACK_GOT_URL;
	} else if (json != NULL) {
		set_problem(slack, "%s: the address is no wss:// one", slack->transport->method);
	}
	cJSON_Delete(json);
	slack_on(slack, event);
}

/* ---- what the table's rows do ---------------------------------------------------------------- */

static void forget_call(struct slack *slack)
{
	web_cancel(slack->call);
	slack->call = NULL;
}

static void on_timer(uv_timer_t *timer)
{
	struct slack *slack = timer->data;

	slack_on(slack, slack->state == SLACK_DIALLING ? SLACK_LATE : SLACK_DUE);
}

static void on_drained(uv_timer_t *timer)
{
	struct slack *slack = timer->data;

	/* What it delivered is acknowledged on it first. */
	if (slack->old != NULL && slack->old->acks != NULL) {
		uv_timer_start(&slack->drain_timer, on_drained, 100, 0);
		return;
	}
	drop_link(&slack->old);
	note_reach(slack);
}

static void prove(struct slack *slack)
{
	if (slack->is_proved)
		slack_on(slack, SLACK_PROVED);
	else
		call(slack, "auth.test", slack->config->slack.bot_token, on_proved);
}

static void ask(struct slack *slack)
{
	const struct slack_config *config = &slack->config->slack;

	call(slack, slack->transport->method,
	    slack->transport->by_app_token ? config->app_token : config->bot_token, on_url);
}

static void dial(struct slack *slack)
{
	slack->link = xcalloc(1, sizeof(*slack->link));
	slack->link->slack = slack;
	slack->link->wire = wire_dial(slack->wires, slack->url, &link_events, slack->link);
	explicit_bzero(slack->url, strlen(slack->url));
	replace_text(&slack->url, NULL);
	uv_timer_start(&slack->timer, on_timer, HELLO_MS, 0);
}

static void settle(struct slack *slack)
{
	slack->connections++;
	slack->ready_at = uv_now(slack->loop->uv);
	slack->failures = 0;
	slack->problem[0] = slack->told_problem[0] = '\0';
	slack->retry_after_s = -1;
	note_reach(slack);
	log_info("slack connected connections=%" PRIu64, slack->connections);
	if (slack->old != NULL)
		uv_timer_start(&slack->drain_timer, on_drained, DRAIN_MS, 0);
}

/* The next connection is opened before this one is let go; both are read meanwhile. */
static void renew(struct slack *slack)
{
	slack->renewals++;
	slack->short_lives = 0;
	uv_timer_stop(&slack->drain_timer);
	drop_link(&slack->old);
	slack->old = slack->link;
	slack->link = NULL;
	ask(slack);
}

static uint64_t back_off_ms(int failures)
{
	uint64_t ms = BACK_OFF_MIN_MS;

	for (int i = 1; i < failures && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACK_OFF_MAX_MS)
		ms = BACK_OFF_MAX_MS;
	/* Between a half and the whole of it, lest all copies come back in the same second. */
	return ms / 2 + arc4random_uniform((uint32_t)(ms / 2 + 1));
}

static void wait_for(struct slack *slack, uint64_t ms)
{
	slack->failures++;
	slack->failures_total++;
	if (slack->retry_after_s > 0 && ms < (uint64_t)slack->retry_after_s * 1000)
		ms = (uint64_t)slack->retry_after_s * 1000;
	slack->retry_after_s = -1;
	forget_call(slack);
	drop_link(&slack->link);
	note_reach(slack);
	log_warn("slack is tried again in_ms=%" PRIu64 " failures=%d why=%s", ms, slack->failures,
	    slack->problem);
	uv_timer_start(&slack->timer, on_timer, ms, 0);
}

static void wait_longer(struct slack *slack)
{
	wait_for(slack, back_off_ms(slack->failures + 1));
}

static void wait_late(struct slack *slack)
{
	set_problem(slack, "no hello within %d s", HELLO_MS / 1000);
	wait_longer(slack);
}

static void wait_for_room(struct slack *slack)
{
	uint64_t ms = back_off_ms(slack->failures + 1);

	wait_for(slack, ms > CROWDED_MS ? ms : CROWDED_MS);
}

static void refuse(struct slack *slack)
{
	slack->failures_total++;
	slack->is_proved = false;
	forget_call(slack);
	drop_link(&slack->link);
	note_reach(slack);
	/* Loudly, and once: a person has to act. */
	if (strcmp(slack->told_problem, slack->problem) != 0)
		log_error("slack refuses us, a person must act why=%s", slack->problem);
	snprintf(slack->told_problem, sizeof(slack->told_problem), "%s", slack->problem);
	uv_timer_start(&slack->timer, on_timer, REFUSED_MS, 0);
}

static void let_go(struct slack *slack)
{
	forget_call(slack);
	uv_timer_stop(&slack->drain_timer);
	drop_link(&slack->link);
	drop_link(&slack->old);
	note_reach(slack);
}

static void start_over(struct slack *slack)
{
	let_go(slack);
	slack->is_proved = false;
	slack->failures = slack->short_lives = 0;
	slack->retry_after_s = -1;
	slack->problem[0] = slack->told_problem[0] = '\0';
	prove(slack);
}

static void stop(struct slack *slack)
{
	let_go(slack);
}

static void nothing(struct slack *slack)
{
	(void)slack;
}

/* clang-format off */
const struct slack_transition slack_transitions[] = {
    /* in             on             goes to         and */
    {SLACK_IDLE,     SLACK_START,   SLACK_PROVING,  prove},
    {SLACK_IDLE,     SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_IDLE,     SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_PROVING,  SLACK_PROVED,  SLACK_ASKING,   ask},
    {SLACK_PROVING,  SLACK_FAILED,  SLACK_WAITING,  wait_longer},
    {SLACK_PROVING,  SLACK_DENIED,  SLACK_REFUSED,  refuse},
    {SLACK_PROVING,  SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_PROVING,  SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_ASKING,   SLACK_GOT_URL, SLACK_DIALLING, dial},
    {SLACK_ASKING,   SLACK_FAILED,  SLACK_WAITING,  wait_longer},
    {SLACK_ASKING,   SLACK_DENIED,  SLACK_REFUSED,  refuse},
    {SLACK_ASKING,   SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_ASKING,   SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_DIALLING, SLACK_HELLO,   SLACK_READY,    settle},
    {SLACK_DIALLING, SLACK_CLOSED,  SLACK_WAITING,  wait_longer},
    {SLACK_DIALLING, SLACK_FAILED,  SLACK_WAITING,  wait_longer}, /* turned away before hello */
    {SLACK_DIALLING, SLACK_LATE,    SLACK_WAITING,  wait_late},
    {SLACK_DIALLING, SLACK_DENIED,  SLACK_REFUSED,  refuse},
    {SLACK_DIALLING, SLACK_CROWDED, SLACK_WAITING,  wait_for_room},
    {SLACK_DIALLING, SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_DIALLING, SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_READY,    SLACK_RENEW,   SLACK_ASKING,   renew},
    {SLACK_READY,    SLACK_CLOSED,  SLACK_ASKING,   ask},         /* at once */
    {SLACK_READY,    SLACK_FAILED,  SLACK_WAITING,  wait_longer}, /* it does not last */
    {SLACK_READY,    SLACK_DENIED,  SLACK_REFUSED,  refuse},      /* link_disabled */
    {SLACK_READY,    SLACK_CROWDED, SLACK_WAITING,  wait_for_room},
    {SLACK_READY,    SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_READY,    SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_WAITING,  SLACK_DUE,     SLACK_PROVING,  prove},
    {SLACK_WAITING,  SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_WAITING,  SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_REFUSED,  SLACK_DUE,     SLACK_PROVING,  prove},
    {SLACK_REFUSED,  SLACK_RELOAD,  SLACK_PROVING,  start_over},
    {SLACK_REFUSED,  SLACK_STOP,    SLACK_STOPPED,  stop},

    {SLACK_STOPPED,  SLACK_STOP,    SLACK_STOPPED,  nothing},
    {SLACK_STOPPED,  SLACK_RELOAD,  SLACK_STOPPED,  nothing},
};
/* clang-format on */
const size_t slack_transition_count = sizeof(slack_transitions) / sizeof(slack_transitions[0]);

#define ON(event) (1u << (event))
/* Calls are cancelled, timers stopped and links dropped before a state is left, so that these
 * have nobody to raise them. */
#define OF_CALLS (ON(SLACK_PROVED) | ON(SLACK_GOT_URL) | ON(SLACK_DENIED))
#define OF_LINKS (ON(SLACK_HELLO) | ON(SLACK_RENEW) | ON(SLACK_CLOSED) | ON(SLACK_CROWDED))
#define OF_TIMERS (ON(SLACK_DUE) | ON(SLACK_LATE))
/* clang-format off */
const struct slack_impossible slack_impossible[] = {
    {SLACK_IDLE,     OF_CALLS | OF_LINKS | OF_TIMERS | ON(SLACK_FAILED)},
    {SLACK_PROVING,  OF_LINKS | OF_TIMERS | ON(SLACK_START) | ON(SLACK_GOT_URL)},
    {SLACK_ASKING,   OF_LINKS | OF_TIMERS | ON(SLACK_START) | ON(SLACK_PROVED)},
    {SLACK_DIALLING, ON(SLACK_START) | ON(SLACK_PROVED) | ON(SLACK_GOT_URL) | ON(SLACK_RENEW) |
                     ON(SLACK_DUE)},
    {SLACK_READY,    ON(SLACK_START) | ON(SLACK_PROVED) | ON(SLACK_GOT_URL) | ON(SLACK_HELLO) |
                     OF_TIMERS},
    {SLACK_WAITING,  OF_CALLS | OF_LINKS | ON(SLACK_FAILED) | ON(SLACK_START) | ON(SLACK_LATE)},
    {SLACK_REFUSED,  OF_CALLS | OF_LINKS | ON(SLACK_FAILED) | ON(SLACK_START) | ON(SLACK_LATE)},
    {SLACK_STOPPED,  OF_CALLS | OF_LINKS | OF_TIMERS | ON(SLACK_FAILED) | ON(SLACK_START)},
};
/* clang-format on */
const size_t slack_impossible_count = sizeof(slack_impossible) / sizeof(slack_impossible[0]);

static void slack_on(struct slack *slack, enum slack_event event)
{
	for (size_t i = 0; i < slack_transition_count; i++) {
		const struct slack_transition *row = &slack_transitions[i];

		if (row->in != slack->state || row->on != event)
			continue;
		log_debug("slack %s -> %s on=%s", state_names[row->in], state_names[row->to],
		    event_names[event]);
		uv_timer_stop(&slack->timer);
		if (row->to != SLACK_READY)
			uv_timer_stop(&slack->renew_timer);
		slack->state = row->to;
		row->act(slack);
		return;
	}
	log_error("slack event without a row state=%s on=%s", state_names[slack->state],
	    event_names[event]);
}

/* ---- the door -------------------------------------------------------------------------------- */

static bool takes_rtm(const struct config *config, struct error *err)
{
	if (!config->slack.is_enabled || !config->slack.is_rtm)
		return true;
	return error_set(err, ERROR_USAGE,
	    "slack.mode rtm is for classic apps and is not served by this version; "
	    "use mode: socket with an app_token (xapp-…)");
}

static void init_timer(struct slack *slack, uv_timer_t *timer)
{
	uv_timer_init(slack->loop->uv, timer);
	timer->data = slack;
	slack->open_handles++;
}

/* Made when first wanted: an installation without Slack needs no libwebsockets. */
static bool has_wires(struct slack *slack, const struct config *config, struct error *err)
{
	if (slack->wires != NULL)
		return wires_reload(slack->wires, config, err);
	slack->wires = wires_new(slack->loop, config, err);
	return slack->wires != NULL;
}

struct slack *slack_new(
    struct loop *loop, struct web *web, const struct config *config, struct error *err)
{
	struct slack *slack;

	if (!takes_rtm(config, err))
		return NULL;
	slack = xcalloc(1, sizeof(*slack));
	slack->loop = loop;
	slack->web = web;
	slack->config = config;
	slack->transport = &socket_mode;
	slack->retry_after_s = -1;
	slack->is_away = true;
	slack->away_since = uv_now(loop->uv);
	init_timer(slack, &slack->timer);
	init_timer(slack, &slack->renew_timer);
	init_timer(slack, &slack->drain_timer);
	init_timer(slack, &slack->later_timer);
	if (config->slack.is_enabled && !has_wires(slack, config, err)) {
		slack_free(slack);
		return NULL;
	}
	return slack;
}

void slack_start(struct slack *slack)
{
	slack->away_since = uv_now(slack->loop->uv);
	if (slack->config->slack.is_enabled && slack->state == SLACK_IDLE)
		slack_on(slack, SLACK_START);
}

void slack_stop(struct slack *slack)
{
	slack_on(slack, SLACK_STOP);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct slack *slack = handle->data;

	if (--slack->open_handles == 0)
		free(slack);
}

void slack_free(struct slack *slack)
{
	if (slack == NULL)
		return;
	let_go(slack);
	wires_free(slack->wires);
	if (slack->url != NULL)
		explicit_bzero(slack->url, strlen(slack->url));
	free(slack->url);
	uv_close((uv_handle_t *)&slack->timer, on_handle_closed);
	uv_close((uv_handle_t *)&slack->renew_timer, on_handle_closed);
	uv_close((uv_handle_t *)&slack->drain_timer, on_handle_closed);
	uv_close((uv_handle_t *)&slack->later_timer, on_handle_closed);
}

const char *slack_status(const struct slack *slack)
{
	if (slack->state == SLACK_STOPPED || slack->state == SLACK_IDLE)
		return "off";
	if (is_connected(slack))
		return "connected";
	if (slack->state == SLACK_REFUSED)
		return "refused";
	return slack->state == SLACK_WAITING ? "waiting" : "connecting";
}

const char *slack_problem(const struct slack *slack)
{
	return slack->problem[0] != '\0' ? slack->problem : NULL;
}

const struct slack_self *slack_self(const struct slack *slack)
{
	return &slack->self;
}

int64_t slack_away_s(const struct slack *slack)
{
	if (!slack->config->slack.is_enabled || is_connected(slack))
		return 0;
	return (int64_t)((uv_now(slack->loop->uv) - slack->away_since) / 1000);
}

void slack_reload(struct slack *slack, const struct config *config)
{
	const struct slack_config *was = &slack->config->slack, *is = &config->slack;
	bool same =
	    was->is_enabled == is->is_enabled && text_equal(was->app_token, is->app_token) &&
	    text_equal(was->bot_token, is->bot_token) && text_equal(was->api_url, is->api_url) &&
	    text_equal(slack->config->ca_file, config->ca_file) &&
	    text_equal(slack->config->proxy, config->proxy);
	struct error err = {0};

	if (!takes_rtm(config, &err))
		log_error("slack keeps Socket Mode why=%s", err.text);
	if (is->is_enabled && !has_wires(slack, config, &err))
		log_error("slack keeps the old ca_file and proxy why=%s", err.text);
	slack->config = config;
	if (!is->is_enabled || slack->wires == NULL) {
		let_go(slack);
		uv_timer_stop(&slack->timer);
		uv_timer_stop(&slack->renew_timer);
		if (slack->state != SLACK_STOPPED)
			slack->state = SLACK_IDLE;
	} else if (!same || slack->state == SLACK_REFUSED || slack->state == SLACK_IDLE) {
		slack_on(slack, SLACK_RELOAD);
	}
}

void slack_metrics(const struct slack *slack, struct buf *out)
{
	const struct {
		const char *type;
		uint64_t count;
	} envelopes[] = {
	    {"events_api", slack->events},
	    {"slash_commands", slack->commands},
	    {"interactive", slack->presses},
	    {"other", slack->others},
	};

	metrics_value(out, "headsup_slack_connected", "gauge", "1 while Slack is reachable.",
	    is_connected(slack) ? 1 : 0);
	metrics_value(out, "headsup_slack_connections_total", "counter",
	    "Connections that said hello.", (double)slack->connections);
	metrics_value(out, "headsup_slack_renewals_total", "counter",
	    "Connections renewed before their end.", (double)slack->renewals);
	metrics_value(out, "headsup_slack_failures_total", "counter",
	    "Attempts to connect that came to nothing.", (double)slack->failures_total);
	metrics_head(
	    out, "headsup_slack_envelopes_total", "counter", "Envelopes received, by type.");
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++)
		buf_printf(out, "headsup_slack_envelopes_total{type=\"%s\"} %" PRIu64 "\n",
		    envelopes[i].type, envelopes[i].count);
	metrics_value(out, "headsup_slack_acks_total", "counter", "Acknowledgements sent.",
	    (double)slack->acks);
	metrics_value(out, "headsup_slack_unstored_total", "counter",
	    "Envelopes that could not be stored.", (double)slack->unstored);
	metrics_value(out, "headsup_slack_frames_ignored_total", "counter",
	    "Frames that were no envelope.", (double)slack->ignored);
}
