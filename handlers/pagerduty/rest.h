/*
 * rest - talks with PagerDuty's REST API: words that take more than one call, each made from what the last one answered.
 *
 * A conversation is a word of the outbox whose body holds what it has learnt so far. render() makes the next call from it (or waits, or
 * has nothing to say any more), heard() reads the answer: then the word is over, or goes on with the body as it was left. The body is on
 * disk between any two calls, and the outbox does the rest: retries, limits, outages, order within a subject. After a crash a step may
 * be done twice; each has to do no harm then. developer.pagerduty.com/api-reference
 */
#ifndef HANDLERS_PAGERDUTY_REST_H
#define HANDLERS_PAGERDUTY_REST_H

#include <cjson/cJSON.h>

#include "config/base/buf.h"
#include "handlers/words.h"

#define REST_ID_MAX 64      /* bytes of one of PagerDuty's ids */
#define REST_PATH_MAX 4096  /* bytes of a path with its query */
#define REST_PAGE 100       /* rows of a page, PagerDuty's most */

struct talk {
	struct desk *desk;
	const struct word *word;
	cJSON *body;           /* what it knows; heard() changes it freely, render() only reads it. Never NULL. */
	struct spoken *spoken; /* render: what it says */
	bool goes_on;          /* heard: there is one more step */
	int64_t not_before;    /* heard: of that step; TIME_NONE: at once */
};
struct conversation {
	const char *kind;
	bool (*render)(struct talk *talk, struct error *err);
	/* REPLY->ok: 2xx. Otherwise it was refused for good: REPLY->status and rest_code() tell how. */
	bool (*heard)(struct talk *talk, const struct reply *reply, struct error *err);
	/*
	 * It will not be said by itself (IS_FINAL false: it waits for a person, as when the token is refused; true: it is over, as when
	 * the configuration has no token any more). NULL: the log has it.
	 */
	bool (*failed)(struct talk *talk, const struct reply *reply, bool is_final, struct error *err);
};
/* All there are; NULL ends it. */
extern const struct conversation *const conversations[];

/* Is there a token, so that PagerDuty's REST API can be spoken to? */
bool rest_is_on(const struct desk *desk);
/* Is ID one of PagerDuty's, fit to stand in a path? */
bool rest_is_id(const char *id);

/* Leaves a conversation: BODY is taken. SUBJECT "" for none; COALESCE may be NULL; LASTS_S 0: for ever. Lower PRIORITY goes first. */
enum { REST_FIRST_NAME = 5, REST_FIRST_DEED = 10, REST_FIRST_HOOK = 20, REST_FIRST_ASK = 30, REST_FIRST_POLL = 40 };
bool rest_leave(struct desk *desk, const char *kind, const char *subject, const char *coalesce, cJSON *body, int64_t priority,
    int64_t lasts_s, struct error *err);

/*
 * For render(): the call of this step. PATH is what was put together in a buf ("/incidents/Q1"); false with ERROR_TOO_LONG when that did
 * not fit. FROM (an e-mail) may be NULL; BODY is taken.
 */
bool rest_get(struct talk *talk, const struct buf *path, struct error *err);
bool rest_send(struct talk *talk, const char *verb, const struct buf *path, const char *from, cJSON *body, struct error *err);
/* Appends "?NAME=VALUE" or "&NAME=VALUE", both percent-encoded ("statuses[]" too). */
void rest_put_query(struct buf *path, const char *name, const char *value);
/*
 * Rows to ask for in a page. They come with the events that made them, which may hold half a megabyte each: an answer that is too large to be
 * read is no answer, and what was tried in vain is tried with fewer. Kept, it stays so for the pages that follow.
 */
int64_t rest_rows(const struct talk *talk);
void rest_keep_rows(struct talk *talk, int64_t rows);
/* For render(): nothing to say any more; nothing to say before AT. */
bool rest_nothing(struct talk *talk);
bool rest_wait(struct talk *talk, int64_t at);
/* For heard(): there is one more step. */
bool rest_go_on(struct talk *talk);
bool rest_go_on_at(struct talk *talk, int64_t at);

/* error.code of a refusal (1001, 1008, 2100 …), 0: none. */
int rest_code(const struct reply *reply);
/* "PagerDuty says: Requester User Not Found", for people; without secrets, bounded. The caller frees. */
char *rest_refusal(const struct reply *reply);
/* A reference's id ({"id","type",…}), NULL when it has none that rest_is_id(). Borrowed. */
const char *rest_ref(const cJSON *object, const char *name);
/* RFC 3339 with Z or an offset, with or without milliseconds; TIME_NONE when it cannot be read. */
int64_t rest_time(const char *text);

#endif
