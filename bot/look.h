/*
 * look - was it said already? A message carries its word's number as metadata, so that reading a
 * channel (or a thread) tells.
 *
 * One reading answers for all words of a channel that ask within a few seconds, as long as nothing
 * else became unsure since it began.
 */
#ifndef BOT_LOOK_H
#define BOT_LOOK_H

#include <stdint.h>

#include "bot/loop.h"
#include "bot/web.h"
#include "config/config.h"

#define LOOK_PAGES_MAX 10 /* of LOOK_PAGE messages or channels */
#define LOOK_PAGE 200
#define LOOK_MARGIN_S 60   /* Slack's clock and ours may differ by this much */
#define LOOK_KEEP_MS 10000 /* what was read answers for this long */

enum look_result {
	LOOK_FOUND,
	LOOK_NOT_FOUND,
	LOOK_REFUSED, /* Slack does not let us look: saying it twice is better than never */
	LOOK_FAILED,  /* no answer, or over a limit: look again later */
};
struct look_answer {
	enum look_result result;
	const char *channel;   /* LOOK_FOUND: its id */
	const char *ts;        /* LOOK_FOUND */
	const char *problem;   /* LOOK_REFUSED and LOOK_FAILED */
	int64_t retry_after_s; /* -1: none given */
};
typedef void (*look_done)(void *ctx, const struct look_answer *answer);

struct looks; /* opaque */
struct look_wait;

struct looks *looks_new(struct loop *loop, struct web *web, const struct config *config);
void looks_free(struct looks *looks); /* nobody is told */
void looks_reload(struct looks *looks, const struct config *config);
/* Looks for WORD (left at CREATED_AT) in CHANNEL (id or #name), in THREAD when not NULL. DONE
 * runs once, later. */
struct look_wait *look_begin(struct looks *looks, const char *channel, const char *thread,
    int64_t created_at, int64_t word, look_done done, void *ctx);
void look_cancel(struct look_wait *wait);
/* Something else may have been said since: what was read before does not tell. */
void looks_spoil(struct looks *looks);

#endif
