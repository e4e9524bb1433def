/*
 * index - which announcements an alert may fit wholly, or all but one of their matches, without looking at the others.
 *
 * An announcement is a list of predicates: what it says, and, where it is bound to its author, that the actor is one of the author's
 * logins. It is filed under its rarest indexable predicate, where what fits wholly is found, and under the second rarest, where what
 * fails the rarest is found. Indexable are equalities (each value of a list is a key), the literal prefix of a glob, and logins.
 * Alerts with and without an actor are two classes: for the latter the implied actor counts for nothing. What has no indexable
 * predicate stands in a short list, which is walked whole. The exact set is tested against a full scan.
 */
#ifndef HANDLERS_INDEX_H
#define HANDLERS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/match.h"

#define INDEX_NEAR_MAX 1000 /* candidates that might only be near misses, for one alert */

/* One announcement as the index sees it. The caller owns it and keeps it in place while it is filed. */
struct indexed {
	struct matches said; /* owned; ordered cheapest first by indexed_order() */
	bool is_bound;       /* covers its author's own logins only */
	struct match *actor; /* owned; of those logins; NULL while bound: the author has none */
	void *owner;         /* the caller's */

	struct filing *filings; /* the rest is the index's */
	size_t filing_count;
	uint64_t stamp;
};
/* Puts what is dear to evaluate (regular expressions) last. */
void indexed_order(struct indexed *item);
void indexed_fini(struct indexed *item);

/* How ALERT fits. */
struct fit {
	size_t failed; /* matches that do not hold; counting ends at the limit that was given */
	const struct match *missed; /* the first of them, NULL: none */
	bool actor_holds; /* not bound, or the alert has no actor, or it is one of the author's */
};
void indexed_fit(
    const struct indexed *item, const struct alert *alert, size_t limit, struct fit *fit);
bool alert_has_actor(const struct alert *alert);

struct index;
struct index *index_new(void);
void index_free(struct index *index); /* items are not touched */
void index_add(struct index *index, struct indexed *item);
void index_remove(struct index *index, struct indexed *item);

/*
 * Calls EACH once for every item that ALERT may fit wholly (IS_NEAR false; all of them, whatever their number), then for those that
 * may fail in just one predicate (IS_NEAR true; at most INDEX_NEAR_MAX), until EACH says false. Items may fail in more: EACH asks
 * indexed_fit(). Nothing may be added or removed meanwhile.
 */
void index_walk(struct index *index, const struct alert *alert,
    bool (*each)(void *ctx, struct indexed *item, bool is_near), void *ctx);

#endif
