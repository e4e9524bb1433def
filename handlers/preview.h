/*
 * preview - what an announcement would have covered in the last 30 days, and how many of these were escalated: shown before it counts.
 *
 * Counted are alerts (not their repeats) as they stand now, by exactly the matches and the binding that the announcement has. It is a
 * job: a million alerts are looked through in a thread of their own.
 */
#ifndef HANDLERS_PREVIEW_H
#define HANDLERS_PREVIEW_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define PREVIEW_DAYS 30
#define PREVIEW_TOP 3              /* rules and hosts that are named */
#define PREVIEW_DISTINCT_MAX 10000 /* different rules or hosts that are told apart; those past it count as one more */
/* Broader than one of these is warned of. */
#define PREVIEW_BROAD_ALERTS 500
#define PREVIEW_BROAD_HOSTS 50
#define PREVIEW_BROAD_RULES 20

struct preview_top {
	char *name;
	int64_t alerts;
};
struct preview {
	bool is_known; /* false: it could not be counted, or not in time */
	struct preview_counts counts;
	struct preview_top rules[PREVIEW_TOP], hosts[PREVIEW_TOP]; /* most alerts first; NAME NULL: no more */
};

/*
 * What somebody wants to do with it. DONE is called on the loop, inside an event; ANNOUNCEMENT is what was counted for, with the counts;
 * both are borrowed; false: storage failed. FREE is called once, at last, DONE or not.
 */
struct preview_wish {
	bool (*done)(struct desk *desk, void *ctx, const struct announcement *announcement, const struct preview *preview,
	    struct error *err);
	void (*free)(void *ctx);
	void *ctx;
};
/*
 * Begins to count for ANNOUNCEMENT, whose matches and author are read now; without an id (a form, a dry run) it need not be stored.
 * With one, what comes of it is kept there, unless its matches are others by then, and its public message shows it. WISH (copied; NULL:
 * nobody waits) is fulfilled later or at once; where the running event is not stored, or storage is out of order, it is only freed.
 * False: storage failed; WISH is freed all the same. announce() does this for what it makes.
 */
bool preview_start(struct desk *desk, const struct announcement *announcement, const struct preview_wish *wish, struct error *err);
void preview_wish_free(const struct preview_wish *wish); /* of which nothing comes; NULL is nothing */

/* Sentences in mrkdwn: how many, which rules and hosts, and a warning where that is broad. */
void preview_put(const struct preview *preview, struct buf *out);
/* "41 alerts on 7 hosts, 2 escalated" of what was kept; for a card's field. */
void preview_put_short(const struct preview_counts *counts, struct buf *out);
bool preview_is_broad(const struct preview_counts *counts);
/* What to be careful of, in plain sentences, one a line: that it is broad, that some were escalated. Nothing where there is nothing. */
void preview_put_warning(const struct preview_counts *counts, struct buf *out);
/* {"days":30,"alerts":41,"escalated":2,"rules":3,"hosts":7,"is_broad":false}; null where COUNTS is NULL. */
cJSON *preview_json(const struct preview_counts *counts);

#endif
