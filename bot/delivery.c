#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/courier_internal.h"
#include "bot/form.h"
#include "bot/slack_error.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define BODY_MAX (1 << 20) /* bytes of a form */
#define BACK_OFF_MAX_S 300 /* between two tries of one word */
#define OUTAGE_MAX_S 30    /* the same while the peer gives no answer: trying is cheap then */
#define LIMITED_S 5        /* when no Retry-After came with a 429 */
#define RETRY_AFTER_MAX_S 3600
#define TOKEN_PAUSE_MS 30000
#define PAGE_LOOK_MS 5000    /* so long a page waits for the REST API to tell whether it was sent */
#define PAGE_LOOK_AGAIN_S 1  /* the look failed: the next, or the page without */
#define DEADLINE_MIN_MS 2000 /* what has a deadline is given at least this long to be answered */
#define LOOK_TRIES_MAX 5     /* looks that failed, until it is said again without */
#define AWAY_MS 5000         /* nothing said for this long, COURIER_AWAY_FAILURES in a row: it was away */
#define SETTLINGS_MAX 3      /* refusals by handlers, until the word is put away without them */

/* ---- its life -------------------------------------------------------------------------------- */

void delivery_move(struct delivery *delivery, struct delivery **list)
{
	if (delivery->link != NULL) {
		*delivery->link = delivery->next;
		if (delivery->next != NULL)
			delivery->next->link = delivery->link;
	}
	delivery->next = NULL;
	delivery->link = list;
	if (list == NULL)
		return;
	delivery->next = *list;
	if (delivery->next != NULL)
		delivery->next->link = &delivery->next;
	*list = delivery;
}

void delivery_free(struct delivery *delivery)
{
	delivery_move(delivery, NULL);
	web_cancel(delivery->call);
	look_cancel(delivery->look);
	delivery->lane->refs--;
	word_free(delivery->word);
	spoken_fini(&delivery->spoken);
	outcome_fini(&delivery->outcome);
	free(delivery->found_channel);
	free(delivery->found_ts);
	free(delivery);
}

/* It takes one of the calls that may be under way, or gives it back. */
static void count_flight(struct delivery *delivery, int change)
{
	courier_count_flight(delivery->courier, delivery->lane, change);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void on_answer(void *ctx, const struct web_answer *answer);

/* A page's word that asks the REST API whether it was sent: nothing of that API's may hold up its
 * lane, where pages go another way. */
static bool is_page_look(const struct delivery *delivery)
{
	return delivery->lane->is_page && delivery->spoken.peer == PEER_PAGERDUTY_API;
}

static int64_t timeout_of(const struct delivery *delivery)
{
	int64_t left_ms;

	if (is_page_look(delivery))
		return PAGE_LOOK_MS;
	if (delivery->word->deadline == TIME_NONE)
		return 0;
	left_ms = (delivery->word->deadline - clock_now()) * 1000;
	if (left_ms > WEB_TOTAL_S * 1000)
		return 0;
	return left_ms > DEADLINE_MIN_MS ? left_ms : DEADLINE_MIN_MS;
}

static void put_body(const struct spoken *spoken, struct buf *out)
{
	char *json;

	if (spoken->body == NULL)
		return;
	if (spoken->is_form) {
		form_put_object(out, spoken->body);
		return;
	}
	json = json_write(spoken->body);
	buf_puts(out, json);
	free(json);
}

static void send_word(struct delivery *delivery)
{
	const struct config *config = delivery->courier->config;
	const struct spoken *spoken = &delivery->spoken;
	struct web_request request = {.method = "POST", .timeout_ms = timeout_of(delivery)};
	char *url = NULL;
	struct buf body;

	switch (spoken->peer) {
	case PEER_SLACK:
		url = xasprintf("%s%s", config->slack.api_url, spoken->method);
		request.bearer = config->slack.bot_token;
		request.content_type =
		    spoken->is_form ? FORM_TYPE : "application/json; charset=utf-8";
		break;
	case PEER_RESPONSE_URL:
		url = xstrdup(spoken->method);
		request.content_type = "application/json; charset=utf-8";
		break;
	case PEER_PAGERDUTY_EVENTS:
		url = xasprintf("%s%s", config->pagerduty.events_url, spoken->method);
		request.content_type = "application/json";
		break;
	case PEER_PAGERDUTY_API:
		url = xasprintf("%s%s", config->pagerduty.api_url, spoken->method);
		request.method = spoken->verb != NULL ? spoken->verb : "POST";
		request.token = config->pagerduty.api_token;
		request.accept = "application/vnd.pagerduty+json;version=2";
		request.from = spoken->from;
		request.content_type = spoken->body != NULL ? "application/json" : NULL;
		break;
	}
	buf_init(&body, BODY_MAX);
	put_body(spoken, &body);
	request.url = url;
	request.body = buf_text(&body);
	request.body_len = body.len;
	delivery->call = web_begin(delivery->courier->web, &request, on_answer, delivery);
	buf_fini(&body);
	explicit_bzero(url, strlen(url));
	free(url);
}

/* Where a word that may have been said is looked for; NULL when saying it again does no harm. */
static const char *where_to_look(const struct spoken *spoken)
{
	if (spoken->look_channel != NULL)
		return spoken->look_channel;
	/* A channel to which nothing was ever posted: Slack's list has its id. */
	if (spoken->peer == PEER_SLACK && strcmp(spoken->method, "chat.postMessage") == 0 &&
	    spoken->channel != NULL && spoken->channel[0] == '#')
		return spoken->channel;
	return NULL;
}

static void on_looked(void *ctx, const struct look_answer *answer);

void delivery_begin(struct delivery *delivery)
{
	const char *where = where_to_look(&delivery->spoken);
	const struct word *word = delivery->word;

	delivery_move(delivery, &delivery->courier->flying);
	if (!word->is_unsure || where == NULL) {
		send_word(delivery);
		return;
	}
	delivery->courier->counts.looks++;
	delivery->look = look_begin(delivery->courier->looks, where, delivery->spoken.look_thread,
	    word->created_at, word->id, on_looked, delivery);
}

/* ---- what came back -------------------------------------------------------------------------- */

uint64_t courier_back_off_s(int64_t failures, uint64_t max_s)
{
	uint64_t s = 1;

	for (int64_t i = 1; i < failures && s < max_s; i++)
		s *= 2;
	if (s > max_s)
		s = max_s;
	/* Between a half and the whole, and never less than a second. */
	return s - arc4random_uniform((uint32_t)(s / 2 + 1));
}

static void note_token(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	const struct outcome *outcome = &delivery->outcome;
	const enum word_peer peer = delivery->spoken.peer;
	struct token *token =
	    peer == PEER_PAGERDUTY_API ? &courier->rest_token : &courier->slack_token;
	const char *name =
	    peer == PEER_PAGERDUTY_API ? "pagerduty's api_token" : "slack's bot token";

	if (outcome->fate == FATE_TOKEN) {
		if (token->problem[0] == '\0')
			log_error("%s is refused: configure one that holds, and reload (SIGHUP) why=%s",
			    name, outcome->problem);
		snprintf(token->problem, sizeof(token->problem), "%s", outcome->problem);
		token->paused_until = uv_now(courier->loop->uv) + TOKEN_PAUSE_MS;
	} else if ((peer == PEER_SLACK || peer == PEER_PAGERDUTY_API) && !outcome->is_outage &&
		   !outcome->is_limited) {
		if (token->problem[0] != '\0')
			log_info("%s is taken again", name);
		*token = (struct token){0};
	}
}

/* A limit holds for the channel where there is one (one post a second), else for the method. */
static void note_limit(struct delivery *delivery)
{
	struct outcome *outcome = &delivery->outcome;
	struct bucket *bucket = delivery->channel != NULL ? delivery->channel : delivery->method;
	int64_t wait_s = outcome->retry_after_s;

	if (!outcome->is_limited)
		return;
	if (wait_s <= 0)
		wait_s = LIMITED_S - 1 +
			 (int64_t)courier_back_off_s(delivery->word->attempts, OUTAGE_MAX_S);
	if (wait_s > RETRY_AFTER_MAX_S)
		wait_s = RETRY_AFTER_MAX_S;
	outcome->retry_after_s = wait_s;
	delivery->courier->counts.limited++;
	bucket_pause(bucket, uv_now(delivery->courier->loop->uv) + (uint64_t)wait_s * 1000);
}

/* An outage is the lane's, so that not every word of it finds out for itself: one is tried at a
 * time until one gets through. */
static void note_outage(struct delivery *delivery)
{
	struct lane *lane = delivery->lane;
	uint64_t wait_ms;

	if (is_page_look(delivery)) {
		if (delivery->outcome.is_outage)
			delivery->courier->peer_failures[PEER_PAGERDUTY_API]++;
		return;
	}
	if (!delivery->outcome.is_outage) {
		lane->failures = 0;
		lane->paused_until = 0;
		return;
	}
	lane->failures++;
	delivery->courier->peer_failures[delivery->spoken.peer]++;
	wait_ms = courier_back_off_s(lane->failures, OUTAGE_MAX_S) * 1000;
	lane->paused_until = uv_now(delivery->courier->loop->uv) + wait_ms;
}

static int64_t wait_of(const struct delivery *delivery)
{
	const struct outcome *outcome = &delivery->outcome;

	if (is_page_look(delivery))
		return PAGE_LOOK_AGAIN_S;
	if (outcome->retry_after_s > 0)
		return outcome->retry_after_s < RETRY_AFTER_MAX_S ? outcome->retry_after_s
								  : RETRY_AFTER_MAX_S;
	return (int64_t)courier_back_off_s(
	    delivery->word->attempts, outcome->is_outage ? OUTAGE_MAX_S : BACK_OFF_MAX_S);
}

/* What the answer means for lanes and limits, once; what it means for the word is settled as
 * often as it takes. */
static void answered(struct delivery *delivery)
{
	struct outcome *outcome = &delivery->outcome;

	delivery->has_outcome = true;
	if (!outcome->is_unfit) {
		note_token(delivery);
		note_limit(delivery);
		note_outage(delivery);
	}
	if (outcome->fate == FATE_AGAIN)
		delivery->again_at = clock_now() + wait_of(delivery);
	if (outcome->is_unsure && delivery->spoken.peer == PEER_SLACK)
		looks_spoil(delivery->courier->looks);
	delivery_settle(delivery);
}

static void on_answer(void *ctx, const struct web_answer *answer)
{
	struct delivery *delivery = ctx;

	delivery->call = NULL;
	outcome_init(&delivery->outcome, &delivery->spoken, answer);
	answered(delivery);
}

static void on_looked(void *ctx, const struct look_answer *answer)
{
	struct delivery *delivery = ctx;
	struct courier *courier = delivery->courier;
	const struct word *word = delivery->word;

	delivery->look = NULL;
	switch (answer->result) {
	case LOOK_FOUND:
		courier->counts.found++;
		log_info("word %" PRId64 " had been said already lane=%s", word->id, word->lane);
		delivery->found_channel = xstrdup(answer->channel);
		delivery->found_ts = xstrdup(answer->ts);
		delivery->outcome = (struct outcome){.fate = FATE_SAID, .retry_after_s = -1};
		answered(delivery);
		return;
	case LOOK_FAILED:
		if (word->attempts < LOOK_TRIES_MAX || answer->retry_after_s > 0) {
			delivery->outcome = (struct outcome){.fate = FATE_AGAIN,
			    .is_outage = answer->retry_after_s <= 0,
			    .is_unsure = true,
			    .retry_after_s = answer->retry_after_s};
			snprintf(delivery->outcome.problem, sizeof(delivery->outcome.problem),
			    "looking for it: %.300s", answer->problem);
			answered(delivery);
			return;
		}
		break;
	case LOOK_REFUSED:
		log_warn("word %" PRId64
			 " may be said twice, it cannot be looked for lane=%s why=%s",
		    word->id, word->lane, answer->problem);
		break;
	case LOOK_NOT_FOUND:
		break;
	}
	send_word(delivery);
}

/* ---- settling -------------------------------------------------------------------------------- */

static struct reply reply_of(const struct delivery *delivery)
{
	const cJSON *body = delivery->outcome.body;
	struct reply reply = {.ok = delivery->outcome.fate == FATE_SAID &&
				    !delivery->outcome.is_refused,
	    .status = delivery->outcome.status,
	    .body = body};

	reply.error = delivery->outcome.problem[0] != '\0' ? delivery->outcome.problem : NULL;
	reply.channel =
	    delivery->found_channel != NULL ? delivery->found_channel : json_text(body, "channel");
	reply.ts = delivery->found_ts != NULL ? delivery->found_ts : json_text(body, "ts");
	return reply;
}

bool word_tell_failed(struct courier *courier, const struct word *word, const struct reply *reply,
    bool is_final, struct error *err)
{
	struct error why = {0};

	if (courier->words.failed(courier->loop->desk, word, reply, is_final, &why))
		return true;
	if (why.kind == ERROR_IO || storage_is_broken(courier->loop->storage)) {
		if (err != NULL)
			*err = why;
		return false;
	}
	log_error("word %" PRId64 " nobody was told that it failed why=%s", word->id, why.text);
	return true;
}

bool word_expire(struct courier *courier, const struct word *word, struct error *err)
{
	const struct reply reply = {
	    .error = word->problem != NULL ? word->problem : "its time has passed"};

	log_warn("word %" PRId64 " dropped, its time has passed lane=%s kind=%s why=%s", word->id,
	    word->lane, word->kind, reply.error);
	courier->counts.expired++;
	return word_tell_failed(courier, word, &reply, true, err) &&
	       storage_remove_word(courier->loop->storage, word->id, err);
}

/* Nothing got through to PEER for a while, as opposed to one channel of it that hangs. */
static bool was_away(const struct courier *courier, enum word_peer peer)
{
	return courier->peer_failures[peer] >= COURIER_AWAY_FAILURES &&
	       uv_now(courier->loop->uv) - courier->peer_said_at[peer] >= AWAY_MS;
}

/* The word is over, or a conversation goes on. */
static bool put_next(struct delivery *delivery, const struct word_next *next, struct error *err)
{
	struct storage *storage = delivery->courier->loop->storage;
	char *body;
	bool ok;

	if (next->body == NULL)
		return storage_remove_word(storage, delivery->word->id, err);
	body = json_write(next->body);
	ok = storage_go_on_word(storage, delivery->word->id, body, next->not_before, err);
	free(body);
	return ok;
}

static bool settle_said(struct delivery *delivery, struct error *err)
{
	struct courier *courier = delivery->courier;
	struct lane *lane = delivery->lane;
	enum word_peer peer = delivery->spoken.peer;
	const struct reply reply = reply_of(delivery);
	struct word_next next;
	bool ok;

	if (delivery->outcome.is_refused)
		log_info("word %" PRId64 " was refused lane=%s kind=%s subject=%s why=%s",
		    delivery->word->id, lane->name, delivery->word->kind, delivery->word->subject,
		    delivery->outcome.problem);
	if (!courier->words.delivered(courier->loop->desk, delivery->word, &reply, &next, err))
		return false;
	ok = put_next(delivery, &next, err);
	word_next_fini(&next);
	if (!ok || delivery->outcome.is_unfit)
		return ok;
	if (lane->has_stuck && peer == PEER_SLACK &&
	    strcmp(delivery->spoken.method, "chat.postMessage") == 0 &&
	    !courier_heal(courier, lane, true, err))
		return false;
	if (peer == PEER_PAGERDUTY_EVENTS &&
	    !courier_go_on(courier, delivery->word->subject, err))
		return false;
	if (was_away(courier, peer) && !courier_release(courier, peer, err))
		return false;
	courier->peer_failures[peer] = 0;
	courier->peer_said_at[peer] = uv_now(courier->loop->uv);
	if (peer == PEER_SLACK)
		courier->slack_said_at = clock_now();
	courier->counts.sent[peer]++;
	return true;
}

static bool settle_again(struct delivery *delivery, struct error *err)
{
	struct word *word = delivery->word;

	word->state = WORD_WAITING;
	word->is_unsure = word->is_unsure || delivery->outcome.is_unsure;
	word->not_before = delivery->again_at;
	replace_text(&word->problem, delivery->outcome.problem);
	if (word->deadline != TIME_NONE && word->not_before > word->deadline)
		return word_expire(delivery->courier, word, err);
	delivery->courier->counts.again++;
	log_warn("word %" PRId64 " tried again lane=%s kind=%s attempts=%" PRId64 " in_s=%" PRId64
		 " why=%s",
	    word->id, word->lane, word->kind, word->attempts, word->not_before - clock_now(),
	    word->problem);
	return storage_put_word(delivery->courier->loop->storage, word, err);
}

static bool settle_dead(struct delivery *delivery, struct error *err);

/* What has a deadline is of no use to anybody once a person has come: it is told now, and
 * forgotten. */
static bool settle_person(struct delivery *delivery, struct error *err)
{
	struct courier *courier = delivery->courier;
	struct word *word = delivery->word;
	const struct reply reply = reply_of(delivery);

	if (word->deadline != TIME_NONE)
		return settle_dead(delivery, err);
	word->state = WORD_STUCK;
	word->not_before = TIME_NONE;
	replace_text(&word->problem, delivery->outcome.problem);
	if (slack_cure(NULL, word->problem) == CURE_TARGET)
		delivery->lane->has_stuck = true;
	courier->counts.stuck++;
	log_error("word %" PRId64 " waits for a person lane=%s kind=%s subject=%s why=%s", word->id,
	    word->lane, word->kind, word->subject, word->problem);
	return storage_put_word(courier->loop->storage, word, err) &&
	       word_tell_failed(courier, word, &reply, false, err);
}

/* Slack said what it dislikes: for the log, so that the form can be mended. */
static const char *dislike_of(const cJSON *body)
{
	const cJSON *messages = json_get(json_get(body, "response_metadata"), "messages");
	const char *first =
	    cJSON_IsArray(messages) ? cJSON_GetStringValue(cJSON_GetArrayItem(messages, 0)) : NULL;

	return first != NULL ? first : "";
}

static bool settle_plainer(struct delivery *delivery, struct error *err)
{
	struct word *word = delivery->word;

	if (word->is_plain)
		return settle_person(delivery, err);
	word->is_plain = true;
	word->state = WORD_WAITING;
	word->not_before = TIME_NONE;
	replace_text(&word->problem, delivery->outcome.problem);
	delivery->courier->counts.plainer++;
	log_error("word %" PRId64 " was refused for its form, a plain one is sent instead lane=%s "
				  "kind=%s subject=%s why=%s %.200s",
	    word->id, word->lane, word->kind, word->subject, word->problem,
	    dislike_of(delivery->outcome.body));
	return storage_put_word(delivery->courier->loop->storage, word, err);
}

static bool settle_token(struct delivery *delivery, struct error *err)
{
	struct courier *courier = delivery->courier;
	struct word *word = delivery->word;
	const struct reply reply = reply_of(delivery);
	const bool is_news = !text_equal(word->problem, delivery->outcome.problem);

	word->state = WORD_WAITING;
	word->not_before = is_page_look(delivery) ? clock_now() + PAGE_LOOK_AGAIN_S : TIME_NONE;
	replace_text(&word->problem, delivery->outcome.problem);
	if (!storage_put_word(courier->loop->storage, word, err))
		return false;
	/* A conversation may have another way; it hears of it once, not at every try. */
	return !delivery->lane->is_rest || !is_news ||
	       word_tell_failed(courier, word, &reply, false, err);
}

static bool settle_dead(struct delivery *delivery, struct error *err)
{
	struct courier *courier = delivery->courier;
	struct word *word = delivery->word;
	const struct reply reply = reply_of(delivery);

	word->state = WORD_DEAD;
	replace_text(&word->problem, delivery->outcome.problem);
	courier->counts.dead++;
	log_warn("word %" PRId64 " is dead lane=%s kind=%s subject=%s why=%s", word->id, word->lane,
	    word->kind, word->subject, word->problem);
	if (!word_tell_failed(courier, word, &reply, true, err))
		return false;
	/* A page that PagerDuty will not have is kept for a person; the rest has been told, or
	 * goes another way. */
	if (delivery->spoken.peer != PEER_PAGERDUTY_EVENTS)
		return storage_remove_word(courier->loop->storage, word->id, err);
	return storage_put_word(courier->loop->storage, word, err);
}

static bool settle_fate(struct delivery *delivery, struct error *err)
{
	static bool (*const settle[])(struct delivery * delivery, struct error * err) = {
	    [FATE_SAID] = settle_said,
	    [FATE_AGAIN] = settle_again,
	    [FATE_PLAINER] = settle_plainer,
	    [FATE_PERSON] = settle_person,
	    [FATE_TOKEN] = settle_token,
	    [FATE_DEAD] = settle_dead,
	};
	struct word *now = storage_word(delivery->courier->loop->storage, delivery->word->id);

	/* A person dropped it while it was under way: only that it was said is still worth
	 * knowing. */
	if (now == NULL && delivery->outcome.fate != FATE_SAID)
		return true;
	word_free(now);
	return settle[delivery->outcome.fate](delivery, err);
}

/* Handlers cannot take the result, though storage is in order: the outbox at least is put right. */
static bool put_away(struct delivery *delivery, struct error *err)
{
	struct storage *storage = delivery->courier->loop->storage;

	if (delivery->outcome.fate == FATE_SAID || delivery->outcome.fate == FATE_DEAD)
		return storage_remove_word(storage, delivery->word->id, err);
	return storage_put_word(storage, delivery->word, err);
}

static void on_settled(void *ctx, bool stored)
{
	struct delivery *delivery = ctx;

	if (stored) {
		delivery_free(delivery);
		return;
	}
	count_flight(delivery, 1);
	delivery_move(delivery, &delivery->courier->unsettled);
	courier_wake(delivery->courier, 1000);
}

static bool settle_event(struct delivery *delivery, struct error *err)
{
	struct loop *loop = delivery->courier->loop;
	bool ok;

	if (!loop_event(loop, err))
		return false;
	if (delivery->refused_settlings >= SETTLINGS_MAX)
		ok = put_away(delivery, err);
	else
		ok = settle_fate(delivery, err);
	if (!ok && !storage_is_broken(loop->storage))
		delivery->refused_settlings++;
	return loop_event_end(loop, ok, err) && ok;
}

void delivery_settle(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	struct error err = {0};

	if (!settle_event(delivery, &err)) {
		/* The loop tells loudly that commits fail, this would be told many times a
		 * second. */
		log_debug("word %" PRId64 " what came of it cannot be stored yet why=%s",
		    delivery->word->id, err.text);
		delivery_move(delivery, &courier->unsettled);
		courier_wake(courier, 1000);
		return;
	}
	delivery_move(delivery, &courier->settling);
	count_flight(delivery, -1);
	lane_wake(delivery->lane);
	courier_wake_starved(courier);
	loop_after_commit(courier->loop, on_settled, delivery);
}
