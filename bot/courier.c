#include "bot/courier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/courier_internal.h"
#include "bot/metrics.h"
#include "bot/slack_error.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define LANES_NEW_MAX 1000 /* words looked at in one turn to find the lanes they are in */
#define LOOK_AHEAD 32      /* words of one lane looked at in one turn */
#define PAGES_RESERVED 16  /* calls that only pages may take: a hung Slack holds up no page */
#define URGENT_RESERVED 8  /* before these, only for what is urgent: a form opens in a storm */
#define LANE_SHARE 2       /* calls that a lane always may take; more only while there is room */
#define SCAN_EVERY_MS 1000 /* all lanes, also those in which only a person changed something */
#define BLOCKED_MS 250     /* a lane at its limit is looked at again, for what is more urgent */
#define CHANNEL_BURST 5    /* posts to one channel at once, before slack.posts_per_second holds */
#define CLOCK_BACK_S 5     /* a wall clock that went back by this was set */
#define MEND_MAX 10000     /* words put right at a time */
#define RELEASE_MAX 1000   /* words that go at once when their peer is back */
#define DEGRADED_MAX 20    /* lanes named in /readyz */
#define PAGES_PREFIX "pagerduty:" /* of the lanes that pages are in, one a key */
#define DEAD_KEEP_S (7 * 86400) /* dead words are kept for people to see */

/* Calls a minute that a method may be called: docs.slack.dev/apis/web-api/rate-limits */
static const struct {
	const char *method;
	double per_minute;
} tiers[] = {
    {"chat.postMessage",
	300}, /* "several hundred" a workspace; the channel's own limit is the one that counts */
    {"chat.postEphemeral", 100},
    {"chat.update", 50},
    {"views.open", 100},
    {"views.push", 100},
    {"views.update", 100},
    {"views.publish", 100},
    {"users.info", 100},
    {"usergroups.users.list", 20},
    {"conversations.open", 50},
    {"conversations.list", 20},
    {"usergroups.users.list", 20},
};
#define TIER_DEFAULT 50
/*
 * Calls a minute to PagerDuty's REST API. An account key has 960, which others who use the account
 * may need too; PUT /incidents has 500: developer.pagerduty.com/docs/rest-api-rate-limits
 */
#define REST_PER_MINUTE 480

/* ---- lanes ----------------------------------------------------------------------------------- */

static size_t chain_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash % COURIER_CHAINS;
}

static struct lane *lane_get(struct courier *courier, const char *name)
{
	struct lane **chain = &courier->chains[chain_of(name)], *lane;

	for (lane = *chain; lane != NULL; lane = lane->chain) {
		if (strcmp(lane->name, name) == 0)
			return lane;
	}
	lane = xcalloc(1, sizeof(*lane));
	lane->name = xstrdup(name);
	lane->is_page = text_prefix(name, PAGES_PREFIX);
	lane->is_rest = strcmp(name, PAGERDUTY_LANE) == 0;
	lane->is_urgent = text_prefix(name, "views:");
	lane->chain = *chain;
	*chain = lane;
	lane->next = courier->lanes;
	lane->link = &courier->lanes;
	if (lane->next != NULL)
		lane->next->link = &lane->next;
	courier->lanes = lane;
	return lane;
}

static void lane_free(struct courier *courier, struct lane *lane)
{
	struct lane **chain = &courier->chains[chain_of(lane->name)];

	while (*chain != lane)
		chain = &(*chain)->chain;
	*chain = lane->chain;
	*lane->link = lane->next;
	if (lane->next != NULL)
		lane->next->link = lane->link;
	free(lane->name);
	free(lane);
}

void lane_wake(struct lane *lane)
{
	lane->wake_at = 0;
	lane->is_blocked = lane->is_starved = false;
}

void courier_count_flight(struct courier *courier, struct lane *lane, int change)
{
	lane->in_flight += change;
	courier->in_flight += change;
	if (lane->is_rest)
		courier->rest_in_flight += change;
}

void courier_wake_starved(struct courier *courier)
{
	for (struct lane *lane = courier->lanes; lane != NULL; lane = lane->next) {
		if (lane->is_starved)
			lane_wake(lane);
	}
}

/* How many more calls LANE may have under way. */
static int lane_room(const struct courier *courier, const struct lane *lane)
{
	int reserved = lane->is_page     ? 0
		       : lane->is_urgent ? PAGES_RESERVED
					 : PAGES_RESERVED + URGENT_RESERVED;
	int in_flight = courier->in_flight - courier->rest_in_flight;
	int free_calls =
	    COURIER_IN_FLIGHT_MAX - COURIER_REST_IN_FLIGHT_MAX - in_flight - reserved;
	int most = lane->is_rest ? COURIER_REST_IN_FLIGHT_MAX : COURIER_LANE_IN_FLIGHT_MAX;
	int room = most - lane->in_flight;

	if (lane->failures > 0)
		room = 1 - lane->in_flight; /* one finds out whether the peer is back */
	if (lane->is_rest)
		return room;
	if (lane->failures == 0 && !lane->is_page && in_flight >= COURIER_IN_FLIGHT_MAX / 2)
		room = LANE_SHARE - lane->in_flight;
	return room < free_calls ? room : free_calls;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static double tier_of(const char *method)
{
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		if (strcmp(tiers[i].method, method) == 0)
			return tiers[i].per_minute;
	}
	return TIER_DEFAULT;
}

/* At most PER_MINUTE in any minute, a fifth of them at once. */
static struct bucket *minute_bucket(struct courier *courier, const char *key, double per_minute)
{
	double burst = per_minute / 5 > 1 ? per_minute / 5 : 1;
	double steady = per_minute - burst > 0 ? per_minute - burst : per_minute;

	return limits_bucket(courier->limits, key, steady, burst, uv_now(courier->loop->uv));
}

/* Which limits SPOKEN counts against. */
static void find_buckets(struct courier *courier, const struct lane *lane,
    const struct spoken *spoken, struct need *need)
{
	const struct slack_config *slack = &courier->config->slack;
	uint64_t now = uv_now(courier->loop->uv);
	double scale = slack->posts_per_second > 1 ? slack->posts_per_second : 1;
	char *key;

	need->channel = NULL;
	if (spoken->peer == PEER_PAGERDUTY_EVENTS) {
		need->method = limits_window(
		    courier->limits, lane->name, courier->config->pagerduty.events_per_minute, now);
		return;
	}
	if (spoken->peer == PEER_PAGERDUTY_API) {
		need->method = minute_bucket(courier, PAGERDUTY_LANE, REST_PER_MINUTE);
		return;
	}
	/* Whoever may post more to a channel (an arrangement with Slack, a test) may do more of
	 * the rest as well. */
	if (spoken->peer == PEER_RESPONSE_URL)
		need->method = minute_bucket(courier, "response_url", 300 * scale);
	else
		need->method =
		    minute_bucket(courier, spoken->method, tier_of(spoken->method) * scale);
	if (spoken->channel == NULL)
		return;
	key = xasprintf("channel:%s", spoken->channel);
	need->channel = limits_bucket(courier->limits, key, slack->posts_per_second * 60,
	    slack->posts_per_second > CHANNEL_BURST ? slack->posts_per_second : CHANNEL_BURST, now);
	free(key);
}

static uint64_t need_ready_at(const struct need *need, uint64_t now)
{
	uint64_t at = bucket_ready_at(need->method, now), channel_at;

	if (need->channel == NULL)
		return at;
	channel_at = bucket_ready_at(need->channel, now);
	return at > channel_at ? at : channel_at;
}

static const struct need *need_known(const struct lane *lane, int64_t word)
{
	for (size_t i = 0; i < COURIER_NEEDS_MAX; i++) {
		if (lane->needs[i].word == word)
			return &lane->needs[i];
	}
	return NULL;
}

static void need_remember(struct lane *lane, int64_t word, const struct need *need)
{
	struct need *slot = (struct need *)need_known(lane, word);

	if (slot == NULL) {
		slot = &lane->needs[lane->need_at];
		lane->need_at = (lane->need_at + 1) % COURIER_NEEDS_MAX;
	}
	*slot = *need;
	slot->word = word;
}

/* ---- one word's turn ------------------------------------------------------------------------- */

/* One the courier owns; borrowed words of storage end with their row. */
static struct word *word_copy(const struct word *from)
{
	struct word *word = xcalloc(1, sizeof(*word));

	*word = *from;
	word->lane = xstrdup(from->lane);
	word->kind = xstrdup(from->kind);
	word->subject = xstrdup(from->subject);
	word->coalesce = xstrdup(from->coalesce);
	word->body = xstrdup(from->body);
	word->problem = xstrdup(from->problem);
	return word;
}

enum turn {
	TURN_PLANNED, /* it goes after the commit */
	TURN_OVER,    /* there was nothing to send: done, dropped, or it waits for a person */
	TURN_WAITS,   /* there is nothing to send yet */
	TURN_BLOCKED, /* a limit */
	TURN_TROUBLE, /* storage is out of order: no more in this turn */
};

/* Runs STEP in an event of its own. */
static bool as_event(struct courier *courier,
    bool (*step)(struct courier *, const struct word *, struct error *), const struct word *word)
{
	struct loop *loop = courier->loop;
	struct error err = {0};
	bool ok;

	if (!loop_event(loop, &err))
		return false;
	ok = step(courier, word, &err);
	ok = loop_event_end(loop, ok, &err) && ok;
	if (!ok)
		log_error("word %" PRId64 " cannot be put away why=%s", word->id, err.text);
	return ok;
}

/* It cannot be put into words: WORD->problem says why. */
static bool stick(struct courier *courier, const struct word *word, struct error *err)
{
	const struct reply reply = {.error = word->problem};
	struct word stuck = *word;

	stuck.state = WORD_STUCK;
	stuck.not_before = TIME_NONE;
	courier->counts.stuck++;
	log_error("word %" PRId64 " waits for a person lane=%s kind=%s subject=%s why=%s", word->id,
	    word->lane, word->kind, word->subject, word->problem);
	return storage_put_word(courier->loop->storage, &stuck, err) &&
	       word_tell_failed(courier, word, &reply, false, err);
}

static enum turn cannot_render(struct courier *courier, struct word *word, const struct error *why)
{
	if (why->kind == ERROR_IO || storage_is_broken(courier->loop->storage))
		return TURN_TROUBLE;
	replace_text(&word->problem, why->text);
	return as_event(courier, stick, word) ? TURN_OVER : TURN_TROUBLE;
}

static void plan_delivery(struct courier *courier, struct lane *lane, struct word *word,
    struct spoken *spoken, const struct need *need)
{
	struct delivery *delivery = xcalloc(1, sizeof(*delivery));
	uint64_t now = uv_now(courier->loop->uv);

	delivery->courier = courier;
	delivery->lane = lane;
	delivery->word = word;
	delivery->spoken = *spoken;
	delivery->method = need->method;
	delivery->channel = need->channel;
	delivery->outcome.retry_after_s = -1;
	bucket_take(need->method, now);
	if (need->channel != NULL)
		bucket_take(need->channel, now);
	lane->refs++;
	courier_count_flight(courier, lane, 1);
	delivery_move(delivery, &courier->planned);
}

/* Word ID, which was rendered and may have been changed by that, has nothing to say before AT: it
 * counts as no attempt. Inside an event. */
static bool put_off(struct courier *courier, int64_t id, int64_t at, struct error *err)
{
	const int64_t soonest = clock_now() + 1;
	struct word *word = storage_word(courier->loop->storage, id);
	bool ok;

	if (word == NULL)
		return true;
	word->state = WORD_WAITING;
	word->not_before = at > soonest ? at : soonest;
	/* Nobody waits for it any longer than that. */
	if (word->deadline != TIME_NONE && word->not_before > word->deadline)
		word->not_before = word->deadline + 1;
	ok = storage_put_word(courier->loop->storage, word, err);
	word_free(word);
	return ok;
}

/* A page that may have been sent is looked for by the REST API: it does not wait for a limit that
 * is there for everything else, and leaves PagerDuty's own far away. */
static bool waits_for_limits(const struct lane *lane, const struct spoken *spoken)
{
	return !lane->is_page || spoken->peer != PEER_PAGERDUTY_API;
}

/* Renders WORD and marks it as being sent, in the transaction that is about to be committed.
 * WORD is taken. */
static enum turn take_turn(
    struct courier *courier, struct lane *lane, struct word *word, uint64_t *ready_at)
{
	struct loop *loop = courier->loop;
	uint64_t now = uv_now(loop->uv);
	const struct need *known = need_known(lane, word->id);
	struct need need = {0};
	struct spoken spoken = {0};
	struct error err = {0};
	enum turn turn = TURN_TROUBLE;

	if (word->deadline != TIME_NONE && word->deadline < clock_now()) {
		turn = as_event(courier, word_expire, word) ? TURN_OVER : TURN_TROUBLE;
		goto out;
	}
	if (known != NULL && (*ready_at = need_ready_at(known, now)) > now) {
		turn = TURN_BLOCKED;
		goto out;
	}
	if (!loop_event(loop, &err))
		goto out;
	if (!courier->words.render(loop->desk, word, &spoken, &err)) {
		loop_event_end(loop, false, NULL);
		turn = cannot_render(courier, word, &err);
		goto out;
	}
	if (spoken.is_nothing) {
		bool ok = storage_remove_word(loop->storage, word->id, &err);

		turn = loop_event_end(loop, ok, &err) && ok ? TURN_OVER : TURN_TROUBLE;
		goto out;
	}
	if (spoken.waits_until > 0) {
		bool ok = put_off(courier, word->id, spoken.waits_until, &err);

		turn = loop_event_end(loop, ok, &err) && ok ? TURN_WAITS : TURN_TROUBLE;
		goto out;
	}
	find_buckets(courier, lane, &spoken, &need);
	*ready_at = need_ready_at(&need, now);
	if (*ready_at > now && waits_for_limits(lane, &spoken)) {
		need_remember(lane, word->id, &need);
		loop_event_end(loop, false, NULL);
		turn = TURN_BLOCKED;
		goto out;
	}
	word->state = WORD_SENDING;
	word->attempts++;
	if (!storage_put_word(loop->storage, word, &err)) {
		loop_event_end(loop, false, NULL);
		goto out;
	}
	if (!loop_event_end(loop, true, &err))
		goto out;
	plan_delivery(courier, lane, word, &spoken, &need);
	return TURN_PLANNED;
out:
	spoken_fini(&spoken);
	word_free(word);
	return turn;
}

/* ---- one lane's turn ------------------------------------------------------------------------- */

struct due {
	struct word *words[LOOK_AHEAD];
	size_t count;
};

static bool add_due(void *ctx, const struct word *word)
{
	struct due *due = ctx;

	due->words[due->count++] = word_copy(word);
	return due->count < LOOK_AHEAD;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When something of LANE that is put off comes due; what is due, and had no turn, a while from
 * NOW. */
static uint64_t lane_due_at(struct courier *courier, const struct lane *lane, uint64_t now)
{
	int64_t due_at = storage_lane_due_at(courier->loop->storage, lane->name), wait_s;

	if (due_at == TIME_NONE)
		return COURIER_NEVER;
	wait_s = due_at - clock_now();
	if (wait_s <= 0)
		return now + SCAN_EVERY_MS;
	return now + (uint64_t)(wait_s < 60 ? wait_s : 60) * 1000;
}

/* Is the lane held as a whole? UNTIL says for how long. */
static bool lane_is_held(
    const struct courier *courier, const struct lane *lane, uint64_t now, uint64_t *until)
{
	const struct token *token = lane->is_page   ? NULL
				    : lane->is_rest ? &courier->rest_token
						    : &courier->slack_token;

	*until = lane->paused_until;
	if (token != NULL && token->paused_until > *until)
		*until = token->paused_until;
	return *until > now;
}

/* False: storage is out of order. */
static bool lane_turn(struct courier *courier, struct lane *lane)
{
	uint64_t now = uv_now(courier->loop->uv), until, ready_at, blocked_until = COURIER_NEVER;
	int room = lane_room(courier, lane);
	struct due due = {.count = 0};
	size_t at = 0;
	enum turn turn = TURN_OVER;
	bool has_more = false;

	if (!lane->is_page && !lane->is_rest && !courier->config->slack.is_enabled) {
		lane->wake_at = COURIER_NEVER; /* a reload will tell */
		return true;
	}
	if (lane_is_held(courier, lane, now, &until)) {
		lane->wake_at = until;
		return true;
	}
	lane->wake_at = COURIER_NEVER;
	lane->is_blocked = false;
	lane->is_starved = room <= 0; /* until something that is under way has its answer */
	if (room <= 0)
		return true;
	if (!storage_each_due_word(
		courier->loop->storage, lane->name, clock_now(), LOOK_AHEAD, add_due, &due, NULL))
		return false;
	while (at < due.count && room > 0 && turn != TURN_TROUBLE) {
		turn = take_turn(courier, lane, due.words[at++], &ready_at);
		if (turn == TURN_PLANNED)
			room--;
		else if (turn == TURN_BLOCKED)
			blocked_until = earlier(blocked_until, ready_at);
		else if (turn == TURN_OVER)
			has_more = true; /* what stood behind it may go now */
	}
	lane->is_starved = room <= 0;
	lane->is_blocked = room > 0 && blocked_until != COURIER_NEVER;
	if (lane->is_blocked)
		lane->wake_at = earlier(blocked_until, now + BLOCKED_MS);
	else if (room > 0 && (has_more || due.count == LOOK_AHEAD))
		lane->wake_at = now;
	else if (room > 0)
		lane->wake_at = lane_due_at(courier, lane, now);
	while (at < due.count)
		word_free(due.words[at++]);
	return turn != TURN_TROUBLE;
}

/* ---- all lanes' turn ------------------------------------------------------------------------- */

static bool wake_lane_named(void *ctx, const char *name)
{
	struct lane *lane = lane_get(ctx, name);

	/* One at its limit is looked at soon enough: not for each word that is added to it. */
	if (!lane->is_blocked)
		lane_wake(lane);
	return true;
}

struct newer {
	struct courier *courier;
	size_t count;
};

static bool wake_lane_of(void *ctx, const struct word *word)
{
	struct newer *newer = ctx;

	newer->count++;
	newer->courier->last_id = word->id;
	return wake_lane_named(newer->courier, word->lane);
}

/* Which lanes have something new: by the words added since the last turn, and now and then by
 * asking for all lanes. */
static bool find_work(struct courier *courier)
{
	struct storage *storage = courier->loop->storage;
	uint64_t now = uv_now(courier->loop->uv);
	struct newer newer = {.courier = courier};

	if (!storage_each_word(
		storage, WORD_WAITING, courier->last_id, LANES_NEW_MAX, wake_lane_of, &newer, NULL))
		return false;
	if (newer.count == LANES_NEW_MAX)
		courier_wake(courier, 0); /* there are more */
	if (now - courier->scanned_at < SCAN_EVERY_MS && courier->scanned_at != 0) {
		courier->scan_wanted = true;
		return true;
	}
	courier->scanned_at = now != 0 ? now : 1;
	courier->scan_wanted = false;
	return storage_each_lane(storage, wake_lane_named, courier, NULL);
}

struct picked {
	int64_t ids[MEND_MAX];
	size_t count;
	const struct lane *lane;
	const char *subject;
	enum word_peer peer;
	int64_t now;
	bool only_target;
};

static bool pick_put_off(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	if (word->attempts > 0 && word->not_before != TIME_NONE && word->not_before > picked->now)
		picked->ids[picked->count++] = word->id;
	return picked->count < MEND_MAX;
}

/* The same, and what a conversation waits for by itself: it finds out whether it is too early. */
static bool pick_misdated(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	if (strcmp(word->lane, PAGERDUTY_LANE) != 0)
		return pick_put_off(ctx, word);
	if (word->not_before != TIME_NONE && word->not_before > picked->now)
		picked->ids[picked->count++] = word->id;
	return picked->count < MEND_MAX;
}

/* Puts each picked word into the queue again, as STATE it was picked for. */
static bool requeue(struct courier *courier, const struct picked *picked, struct error *err)
{
	struct storage *storage = courier->loop->storage;

	for (size_t i = 0; i < picked->count; i++) {
		struct word *word = storage_word(storage, picked->ids[i]);
		bool ok = true;

		if (word != NULL) {
			word->state = WORD_WAITING;
			word->not_before = TIME_NONE;
			ok = storage_put_word(storage, word, err);
			if (ok)
				lane_wake(lane_get(courier, word->lane));
		}
		word_free(word);
		if (!ok)
			return false;
	}
	return true;
}

/* The wall clock was set back: what was put off by it would wait for that much longer. */
static void mend_clock(struct courier *courier)
{
	uint64_t now_ms = uv_now(courier->loop->uv);
	int64_t now = clock_now(),
		expected = courier->wall_at + (int64_t)((now_ms - courier->wall_ms) / 1000);
	struct picked *picked;
	struct error err = {0};
	bool ok;

	courier->wall_at = now;
	courier->wall_ms = now_ms;
	if (now >= expected - CLOCK_BACK_S)
		return;
	log_warn(
	    "the clock went back by_s=%" PRId64 ", what was put off is tried now", expected - now);
	if (!loop_event(courier->loop, &err))
		return;
	picked = xcalloc(1, sizeof(*picked));
	picked->now = now;
	ok = storage_each_word(
		 courier->loop->storage, WORD_WAITING, 0, INT32_MAX, pick_misdated, picked, &err) &&
	     requeue(courier, picked, &err);
	if (!loop_event_end(courier->loop, ok, &err) || !ok)
		log_warn("what was put off stays put off why=%s", err.text);
	free(picked);
}

static bool is_page(const struct lane *lane)
{
	return lane->is_page;
}

static bool is_urgent(const struct lane *lane)
{
	return lane->is_urgent;
}

static bool is_usual(const struct lane *lane)
{
	return !lane->is_page && !lane->is_urgent;
}

/* Those of one sort; what is empty is forgotten. */
static void give_turns(struct courier *courier, bool (*is_theirs)(const struct lane *lane))
{
	uint64_t now = uv_now(courier->loop->uv);

	for (struct lane *lane = courier->lanes, *next; lane != NULL; lane = next) {
		next = lane->next;
		if (!is_theirs(lane))
			continue;
		if (lane->wake_at <= now && !lane_turn(courier, lane)) {
			courier_wake(courier, SCAN_EVERY_MS);
			return;
		}
		if (lane->wake_at == COURIER_NEVER && lane->refs == 0 &&
		    lane->paused_until <= now && !lane->has_stuck &&
		    storage_lane_due_at(courier->loop->storage, lane->name) == TIME_NONE)
			lane_free(courier, lane);
	}
}

static void on_timer(uv_timer_t *timer);

void courier_wake(struct courier *courier, uint64_t ms)
{
	uv_timer_t *timer = &courier->timer;

	if (uv_is_active((uv_handle_t *)timer) && uv_timer_get_due_in(timer) <= ms)
		return;
	uv_timer_start(timer, on_timer, ms, 0);
}

/* The next moment at which there may be something to do without anything coming in. */
static void set_timer(struct courier *courier)
{
	uint64_t now = uv_now(courier->loop->uv), at = COURIER_NEVER;

	for (const struct lane *lane = courier->lanes; lane != NULL; lane = lane->next)
		at = earlier(at, lane->wake_at);
	if (courier->scan_wanted)
		at = earlier(at, courier->scanned_at + SCAN_EVERY_MS);
	if (at != COURIER_NEVER)
		courier_wake(courier, at > now ? at - now : 0);
}

/* Makes the loop turn: its end plans and sends. */
static void on_timer(uv_timer_t *timer)
{
	struct courier *courier = timer->data;
	struct delivery *waiting = NULL;

	while (courier->unsettled != NULL)
		delivery_move(courier->unsettled, &waiting);
	while (waiting != NULL)
		delivery_settle(waiting); /* moves it on, or back to the unsettled */
	if (loop_event(courier->loop, NULL))
		loop_event_end(courier->loop, true, NULL);
}

static void plan(void *ctx)
{
	struct courier *courier = ctx;

	/* What cannot be noted as being sent is not sent. The timer turns the loop until commits
	 * work again. */
	if (courier->loop->is_failing || storage_is_broken(courier->loop->storage)) {
		courier_wake(courier, SCAN_EVERY_MS);
		return;
	}
	mend_clock(courier);
	if (!find_work(courier)) {
		courier_wake(courier, SCAN_EVERY_MS);
		return;
	}
	give_turns(courier, is_page);
	give_turns(courier, is_urgent);
	give_turns(courier, is_usual);
	set_timer(courier);
}

static void drop_planned(struct courier *courier)
{
	struct delivery *delivery;

	while ((delivery = courier->planned) != NULL) {
		courier_count_flight(courier, delivery->lane, -1);
		lane_wake(delivery->lane);
		delivery_free(delivery);
	}
}

static void go(void *ctx, bool stored)
{
	struct courier *courier = ctx;
	struct delivery *in_order = NULL;

	if (!stored) {
		/* Numbers of words that were not stored are given again. */
		courier->last_id = courier->last_stored_id;
		courier->scanned_at = 0;
		drop_planned(courier);
		courier_wake(courier, SCAN_EVERY_MS);
		return;
	}
	courier->last_stored_id = courier->last_id;
	/* The list has the last one first. */
	while (courier->planned != NULL)
		delivery_move(courier->planned, &in_order);
	while (in_order != NULL)
		delivery_begin(in_order);
}

/* ---- mending --------------------------------------------------------------------------------- */

static bool pick_stuck(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	if (picked->lane != NULL && strcmp(picked->lane->name, word->lane) != 0)
		return true;
	if (picked->only_target &&
	    (word->problem == NULL || slack_cure(NULL, word->problem) != CURE_TARGET))
		return true;
	picked->ids[picked->count++] = word->id;
	return picked->count < MEND_MAX;
}

bool courier_heal(struct courier *courier, struct lane *lane, bool only_target, struct error *err)
{
	struct picked *picked = xcalloc(1, sizeof(*picked));
	bool ok;

	picked->lane = lane;
	picked->only_target = only_target;
	ok = storage_each_word(
		 courier->loop->storage, WORD_STUCK, 0, INT32_MAX, pick_stuck, picked, err) &&
	     requeue(courier, picked, err);
	if (ok && picked->count > 0)
		log_info("words that waited for a person are tried again count=%zu lane=%s",
		    picked->count, lane != NULL ? lane->name : "all");
	/* More than fit are left to the next one that gets through. */
	if (ok && lane != NULL && picked->count < MEND_MAX)
		lane->has_stuck = false;
	free(picked);
	return ok;
}

/* Is LANE where words to PEER are? Answers by response_url are in Slack's. */
static bool lane_is_of(const char *lane, enum word_peer peer)
{
	switch (peer) {
	case PEER_PAGERDUTY_EVENTS:
		return text_prefix(lane, PAGES_PREFIX);
	case PEER_PAGERDUTY_API:
		return strcmp(lane, PAGERDUTY_LANE) == 0;
	case PEER_SLACK:
	case PEER_RESPONSE_URL:
		break;
	}
	return !text_prefix(lane, PAGES_PREFIX) && strcmp(lane, PAGERDUTY_LANE) != 0;
}

static bool pick_peer(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	if (lane_is_of(word->lane, picked->peer))
		pick_put_off(ctx, word);
	return picked->count < RELEASE_MAX;
}

bool courier_release(struct courier *courier, enum word_peer peer, struct error *err)
{
	struct picked *picked = xcalloc(1, sizeof(*picked));
	bool ok;

	picked->now = clock_now();
	picked->peer = peer;
	ok = storage_each_word(
		 courier->loop->storage, WORD_WAITING, 0, LANES_NEW_MAX, pick_peer, picked, err) &&
	     requeue(courier, picked, err);
	free(picked);
	for (struct lane *lane = courier->lanes; lane != NULL; lane = lane->next) {
		if (!lane_is_of(lane->name, peer))
			continue;
		lane->paused_until = 0;
		lane->failures = 0;
		lane_wake(lane);
	}
	return ok;
}

static bool pick_expectant(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	/* What was tried, and put off, waits for something else. */
	if (word->attempts == 0 && word->not_before != TIME_NONE &&
	    strcmp(word->subject, picked->subject) == 0)
		picked->ids[picked->count++] = word->id;
	return picked->count < RELEASE_MAX;
}

bool courier_go_on(struct courier *courier, const char *subject, struct error *err)
{
	struct storage *storage = courier->loop->storage;
	struct picked *picked;
	bool ok;

	if (!storage_has_word(storage, PAGERDUTY_LANE, NULL, subject))
		return true;
	picked = xcalloc(1, sizeof(*picked));
	picked->subject = subject;
	ok = storage_each_due_word(
		 storage, PAGERDUTY_LANE, INT64_MAX, RELEASE_MAX, pick_expectant, picked, err) &&
	     requeue(courier, picked, err);
	free(picked);
	return ok;
}

static bool pick_old(void *ctx, const struct word *word)
{
	struct picked *picked = ctx;

	if (word->created_at != TIME_NONE && word->created_at < picked->now - DEAD_KEEP_S)
		picked->ids[picked->count++] = word->id;
	return picked->count < RELEASE_MAX;
}

/* Dead words that nobody came for. */
static bool bury(struct courier *courier, struct error *err)
{
	struct picked *picked = xcalloc(1, sizeof(*picked));
	bool ok;

	picked->now = clock_now();
	ok = storage_each_word(
	    courier->loop->storage, WORD_DEAD, 0, INT32_MAX, pick_old, picked, err);
	for (size_t i = 0; ok && i < picked->count; i++)
		ok = storage_remove_word(courier->loop->storage, picked->ids[i], err);
	free(picked);
	return ok;
}

/* Whatever made words wait for a person may have been mended: the start and a reload are a
 * person's doing. */
static bool begin_anew(struct courier *courier, bool is_start, struct error *err)
{
	struct loop *loop = courier->loop;
	size_t count = 0;
	bool ok;

	if (!loop_event(loop, err))
		return false;
	ok = !is_start || storage_recover_words(loop->storage, &count, err);
	ok = ok && courier_heal(courier, NULL, false, err) && bury(courier, err);
	if (!loop_event_end(loop, ok, err) || !ok)
		return false;
	if (count > 0)
		log_info("words were under way when headsup ended, they are looked for count=%zu",
		    count);
	return true;
}

/* ---- the door -------------------------------------------------------------------------------- */

struct courier *courier_new(
    struct loop *loop, struct web *web, const struct config *config, struct error *err)
{
	struct courier *courier = xcalloc(1, sizeof(*courier));

	courier->slack_said_at = TIME_NONE;
	courier->loop = loop;
	courier->web = web;
	courier->config = config;
	courier->words = (struct courier_words){
	    .render = word_render, .delivered = word_delivered, .failed = word_failed};
	courier->limits = limits_new();
	courier->looks = looks_new(loop, web, config);
	courier->wall_at = clock_now();
	courier->wall_ms = uv_now(loop->uv);
	uv_timer_init(loop->uv, &courier->timer);
	courier->timer.data = courier;
	loop->plan = plan;
	loop->go = go;
	loop->courier = courier;
	if (begin_anew(courier, true, err))
		return courier;
	courier_free(courier);
	return NULL;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void courier_free(struct courier *courier)
{
	struct delivery **lists[4];

	if (courier == NULL)
		return;
	lists[0] = &courier->planned;
	lists[1] = &courier->flying;
	lists[2] = &courier->unsettled;
	lists[3] = &courier->settling;
	for (size_t i = 0; i < 4; i++) {
		while (*lists[i] != NULL) {
			loop_forget(courier->loop, *lists[i]);
			delivery_free(*lists[i]);
		}
	}
	if (courier->loop->courier == courier) {
		courier->loop->plan = NULL;
		courier->loop->go = NULL;
		courier->loop->courier = NULL;
	}
	while (courier->lanes != NULL)
		lane_free(courier, courier->lanes);
	looks_free(courier->looks);
	limits_free(courier->limits);
	uv_close((uv_handle_t *)&courier->timer, on_closed);
}

void courier_reload(struct courier *courier, const struct config *config)
{
	struct error err = {0};

	courier->config = config;
	looks_reload(courier->looks, config);
	courier->slack_token.paused_until = 0;
	/* There may be another, or none any more. */
	courier->rest_token = (struct token){0};
	for (struct lane *lane = courier->lanes; lane != NULL; lane = lane->next) {
		lane->paused_until = 0;
		lane_wake(lane);
	}
	if (!begin_anew(courier, false, &err))
		log_warn("words that wait for a person are not tried again why=%s", err.text);
}

bool courier_slack_is_away(const struct courier *courier)
{
	return courier->slack_token.problem[0] != '\0' ||
	       courier->peer_failures[PEER_SLACK] >= COURIER_AWAY_FAILURES;
}

int64_t courier_slack_said_at(const struct courier *courier)
{
	return courier->slack_said_at;
}

struct sentences {
	cJSON *list;
	struct {
		char *lane, *problem;
		int64_t count;
	} lanes[DEGRADED_MAX];
	size_t count;
};

static bool add_stuck_lane(void *ctx, const struct word *word)
{
	struct sentences *sentences = ctx;

	for (size_t i = 0; i < sentences->count; i++) {
		if (strcmp(sentences->lanes[i].lane, word->lane) != 0)
			continue;
		sentences->lanes[i].count++;
		return true;
	}
	if (sentences->count == DEGRADED_MAX)
		return true;
	sentences->lanes[sentences->count].lane = xstrdup(word->lane);
	sentences->lanes[sentences->count].problem =
	    xstrdup(word->problem != NULL ? word->problem : "unknown");
	sentences->lanes[sentences->count++].count = 1;
	return true;
}

bool courier_rest_is_away(const struct courier *courier)
{
	return courier->rest_token.problem[0] != '\0' || courier->peer_failures[PEER_PAGERDUTY_API] > 0;
}

void courier_degraded(const struct courier *courier, cJSON *list)
{
	struct sentences sentences = {.list = list};
	char *text;

	if (courier->slack_token.problem[0] != '\0') {
		text = xasprintf("slack refuses the bot token: %s", courier->slack_token.problem);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
		free(text);
	}
	if (courier->rest_token.problem[0] != '\0') {
		text = xasprintf("pagerduty: refuses api_token: %s", courier->rest_token.problem);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
		free(text);
	} else if (courier->peer_failures[PEER_PAGERDUTY_API] >= COURIER_AWAY_FAILURES) {
		cJSON_AddItemToArray(
		    list, cJSON_CreateString("pagerduty: its REST API gives no answer"));
	}
	storage_each_word(
	    courier->loop->storage, WORD_STUCK, 0, MEND_MAX, add_stuck_lane, &sentences, NULL);
	for (size_t i = 0; i < sentences.count; i++) {
		text = xasprintf("%s waits for a person: %s (%" PRId64 " %s)",
		    sentences.lanes[i].lane, sentences.lanes[i].problem, sentences.lanes[i].count,
		    sentences.lanes[i].count == 1 ? "word" : "words");
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
		free(text);
		free(sentences.lanes[i].lane);
		free(sentences.lanes[i].problem);
	}
}

void courier_metrics(const struct courier *courier, struct buf *out)
{
	static const char *const peers[WORD_PEERS] = {[PEER_SLACK] = "slack",
	    [PEER_RESPONSE_URL] = "response_url",
	    [PEER_PAGERDUTY_EVENTS] = "pagerduty",
	    [PEER_PAGERDUTY_API] = "pagerduty_api"};
	const struct {
		const char *name, *help;
		uint64_t value;
	} counts[] = {
	    {"headsup_outbox_retries_total", "Words put off to be tried again.",
		courier->counts.again},
	    {"headsup_outbox_rate_limited_total", "Answers that asked for patience.",
		courier->counts.limited},
	    {"headsup_outbox_plainer_total", "Words refused for their form and said plainly.",
		courier->counts.plainer},
	    {"headsup_outbox_stuck_total", "Words that had to wait for a person.",
		courier->counts.stuck},
	    {"headsup_outbox_dead_total", "Words that will never be said.", courier->counts.dead},
	    {"headsup_outbox_expired_total", "Words dropped because their time had passed.",
		courier->counts.expired},
	    {"headsup_outbox_looks_total", "Words that were looked for before saying them again.",
		courier->counts.looks},
	    {"headsup_outbox_found_total", "Words that had been said already.",
		courier->counts.found},
	};

	metrics_value(
	    out, "headsup_outbox_in_flight", "gauge", "Calls under way.", courier->in_flight);
	metrics_head(out, "headsup_outbox_sent_total", "counter", "Words said, by peer.");
	for (size_t i = 0; i < WORD_PEERS; i++)
		buf_printf(out, "headsup_outbox_sent_total{peer=\"%s\"} %" PRIu64 "\n", peers[i],
		    courier->counts.sent[i]);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		metrics_value(
		    out, counts[i].name, "counter", counts[i].help, (double)counts[i].value);
}
