/* courier_internal - what courier.c (whose turn it is) and delivery.c (one word's way out)
 * share. */
#ifndef BOT_COURIER_INTERNAL_H
#define BOT_COURIER_INTERNAL_H

#include "bot/courier.h"
#include "bot/limits.h"
#include "bot/look.h"
#include "bot/outcome.h"
#include "handlers/words.h"

#define COURIER_NEEDS_MAX \
	64 /* words of a lane whose limits are remembered, so that they are not rendered in vain */
#define COURIER_NEVER UINT64_MAX
#define COURIER_AWAY_FAILURES 3 /* in a row: the peer as a whole is away */

/* Which buckets a word that had to wait wants a token of. */
struct need {
	int64_t word;
	struct bucket *method, *channel; /* CHANNEL may be NULL */
};

struct lane {
	struct lane *next, **link; /* in courier->lanes */
	struct lane *chain;        /* of the hash table */
	char *name;
	bool is_page;
	bool is_rest;     /* PAGERDUTY_LANE: conversations with PagerDuty's REST API */
	bool is_urgent;   /* a form that opens within three seconds, or never */
	uint64_t wake_at; /* ms; when to look at it again; COURIER_NEVER: something will tell */
	uint64_t paused_until; /* ms; its peer is in trouble */
	int failures;          /* of its peer, in a row */
	int in_flight;
	size_t refs;     /* deliveries that refer to it */
	bool is_blocked; /* a limit keeps its words; WAKE_AT says until when */
	bool is_starved; /* too many calls are under way */
	bool has_stuck;  /* words of it wait for a person because of the channel */
	struct need needs[COURIER_NEEDS_MAX];
	size_t need_at;
};

/* A word under way: planned, sent, answered, and settled when what came of it is on disk. */
struct delivery {
	struct courier *courier;
	struct delivery *next, **link;
	struct lane *lane;
	struct word *word;
	struct spoken spoken;
	struct bucket *method, *channel;
	struct web_call *call;
	struct look_wait *look;
	struct outcome outcome;
	bool has_outcome;
	char *found_channel, *found_ts; /* it had been said already */
	int64_t again_at;               /* FATE_AGAIN: not before */
	int refused_settlings;          /* times that handlers could not take the result */
};

/* A token that its peer refuses, or not: what needs it waits, and tries it now and then. */
struct token {
	uint64_t paused_until; /* ms */
	char problem[512];     /* "": it is taken */
};

/* The door to handlers/words.h. */
struct courier_words {
	bool (*render)(struct desk *desk, const struct word *word, struct spoken *spoken,
	    struct error *err);
	bool (*delivered)(struct desk *desk, const struct word *word, const struct reply *reply,
	    struct word_next *next, struct error *err);
	bool (*failed)(struct desk *desk, const struct word *word, const struct reply *reply,
	    bool is_final, struct error *err);
};

#define COURIER_CHAINS 256
struct courier {
	struct loop *loop;
	struct web *web;
	const struct config *config;
	struct limits *limits;
	struct looks *looks;
	uv_timer_t timer;
	struct lane *lanes;
	struct lane *chains[COURIER_CHAINS];
	struct delivery *planned, *flying, *unsettled, *settling;
	struct courier_words words;
	int in_flight;      /* all of them */
	int rest_in_flight; /* those of PAGERDUTY_LANE */
	int64_t last_id, last_stored_id; /* words up to here are known to their lanes */
	uint64_t scanned_at;
	bool scan_wanted;
	int64_t wall_at; /* s, and the same moment in ms: to notice a clock set back */
	uint64_t wall_ms;
	struct token slack_token, rest_token;
	int peer_failures[WORD_PEERS];     /* by enum word_peer, in a row */
	uint64_t peer_said_at[WORD_PEERS]; /* ms; when something last got through */
	int64_t slack_said_at;       /* the same of Slack by the wall clock, s */
	struct {
		uint64_t sent[WORD_PEERS], again, limited, plainer, stuck, dead, expired, looks, found;
	} counts;
};

/* courier.c */
void lane_wake(struct lane *lane);
/* LANE has CHANGE more calls under way. */
void courier_count_flight(struct courier *courier, struct lane *lane, int change);
/* A call is over: those that had no room have some. */
void courier_wake_starved(struct courier *courier);
/* Has the loop turn, plan and send in MS at the latest. */
void courier_wake(struct courier *courier, uint64_t ms);
/* Stuck words (of LANE, NULL: of all; ONLY_TARGET: those stuck because of their channel) wait
 * for their turn again. Inside an event. */
bool courier_heal(struct courier *courier, struct lane *lane, bool only_target, struct error *err);
/* PEER is back: words that were put off while it was away need not wait any longer. Inside an
 * event. */
bool courier_release(struct courier *courier, enum word_peer peer, struct error *err);
/* SUBJECT's page was taken: what a conversation about it waits for may be so now. Inside an event. */
bool courier_go_on(struct courier *courier, const char *subject, struct error *err);
uint64_t courier_back_off_s(int64_t failures, uint64_t max_s);

/* delivery.c */
void delivery_move(struct delivery *delivery, struct delivery **list);
void delivery_free(struct delivery *delivery); /* whatever it waits for is cancelled */
void delivery_begin(struct delivery *delivery);
/* Writes what came of it; when that does not work it stays in courier->unsettled. */
void delivery_settle(struct delivery *delivery);
/* The word will not be said any more (its deadline has passed): tells so and removes it. Inside
 * an event. */
/* Tells handlers that WORD will not be said by itself. What they cannot make of it does not keep
 * the outbox from going on. Inside an event. */
bool word_tell_failed(struct courier *courier, const struct word *word, const struct reply *reply,
    bool is_final, struct error *err);
bool word_expire(struct courier *courier, const struct word *word, struct error *err);

#endif
