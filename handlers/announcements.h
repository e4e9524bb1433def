/*
 * announcements - which of them cover an alert, found through an index that is flat in their number.
 *
 * Each announcement is filed under its rarest indexable predicates, so that an alert that fits all of it, or all but one of its
 * matches, meets it; see index.c. The cache holds those that stand (begun or not); it is derived from storage.
 */
#ifndef HANDLERS_ANNOUNCEMENTS_H
#define HANDLERS_ANNOUNCEMENTS_H

#include "handlers/desk.h"

struct announcements;
struct preview_wish;
struct announcements *announcements_new(void);
void announcements_free(struct announcements *announcements);
#define ANNOUNCEMENTS_STANDING_MAX 200000 /* that may stand at one time; announce() refuses more */

/* Reads all that stand anew, and what broke its budget while its window still runs. */
bool announcements_load(struct desk *desk, struct error *err);
size_t announcements_count(const struct announcements *announcements);

/*
 * Puts ANNOUNCEMENT (copied) into the index, or takes its place there; out of it when it no longer stands. One that broke its budget
 * stays until its window is over, covering nothing: what comes then is marked "more than announced (H17)".
 */
bool announcements_put(struct desk *desk, const struct announcement *announcement, struct error *err);

enum verdict_kind { VERDICT_UNEXPECTED, VERDICT_EXPECTED, VERDICT_NEAR_MISS, VERDICT_OTHER_ACTOR, VERDICT_NEVER };
struct verdict {
	enum verdict_kind kind;
	int64_t announcement; /* that covers it, or the nearest */
	char why[512];        /* what kept the nearest from matching, or what the alert's mark says */
	int64_t used_up; /* that stands, fits wholly and has no budget left: announcement_break() it; 0 for none */
	int64_t near[32];     /* all that it missed by one, at most these */
	size_t near_count;
};
/* Judges ALERT at desk->now. Pure: nothing is counted. An announcement whose budget is used up covers nothing. */
void announcements_judge(const struct desk *desk, const struct alert *alert, struct verdict *verdict);
/* Every announcement that stands or was considered when ALERT was last seen, nearest first, one line each in mrkdwn, for `why`. At
 * most ANNOUNCEMENTS_EXPLAINED lines. */
#define ANNOUNCEMENTS_EXPLAINED 8
void announcements_explain(const struct desk *desk, const struct alert *alert, struct buf *out);

/* One that stands, by id; NULL when it does not. Borrowed until the next change. */
const struct announcement *announcements_find(const struct desk *desk, int64_t id);
/*
 * Is it bound to its author's own logins, because it names no actor (a positive match on actor that is not * alone)? *PERSON (may be
 * NULL) is the author where the configuration knows them; one without logins covers only alerts that have no actor.
 */
bool announcement_is_bound(const struct desk *desk, const struct announcement *announcement, const struct person_config **person);
/* Somebody else than its author approved it. */
bool announcement_is_approved(const struct announcement *announcement);
/* The same, and that holds at NOW: it was approved by then, and not extended past what was approved. */
bool announcement_is_approved_at(const struct announcement *announcement, int64_t now);
/* Nothing of it counts at NOW, since nobody approved it. */
bool announcement_is_pending(const struct announcement *announcement, int64_t now);
/* Of which nothing counts unless it is approved: until when that may be; TIME_NONE for all others. */
int64_t announcement_asked_until(const struct announcement *announcement);
#define APPROVAL_WAIT_S (4 * 3600) /* after this nobody approves it any more: it is over */
#define OVER_NEVER_APPROVED "never approved"
#define OVER_NOT_ME "not me"
/* When it ends: its window's end, or its lease's where that is earlier. */
int64_t announcement_ends_at(const struct announcement *announcement);
struct announcement *announcement_copy(const struct announcement *announcement); /* the caller frees */
/* "active scheduled pending ended cancelled" at NOW. */
const char *announcement_status(const struct announcement *announcement, int64_t now);
/* Why it is over at NOW ("done", "lease", "time"), told already or not; NULL while it stands. */
const char *announcement_over_why(const struct announcement *announcement, int64_t now);
/* The earliest begin, end or lease among those that stand; TIME_NONE for none. */
int64_t announcements_due_at(const struct announcements *announcements);
/* Calls EACH for those whose begin, end or lease is at or before NOW (they may be changed by it). */
bool announcements_each_due(struct desk *desk, bool (*each)(struct desk *desk, int64_t id, struct error *err), struct error *err);

/* Begins and ends what is due at desk->now, and says so. */
bool announcements_tick(struct desk *desk, struct error *err);

/* ---- what people and tools do with them (announce.c) ---------------------------------------------------- */

#define ANNOUNCE_DEFAULT_S (30 * 60)      /* how long, unless told otherwise */
#define ANNOUNCE_AHEAD_MAX_S (30 * 86400) /* how far ahead it may begin */
#define ANNOUNCE_BUDGET_MAX 10000         /* the largest `max` */
#define ANNOUNCE_REASON_MAX 1000          /* bytes of a reason */
#define ANNOUNCE_KEY_MAX 255              /* bytes of an idempotency key */
#define LEASE_MIN_S 5                     /* the shortest lease */
#define LEASE_MAX_S 300                   /* and the longest: how long a job that died may go on suppressing */

/* What of a request was refused: where a form shows the mistake. */
enum announce_part { ANNOUNCE_MATCH, ANNOUNCE_WINDOW, ANNOUNCE_BUDGET, ANNOUNCE_REASON };
struct announce_request {
	char **match; /* MATCH as typed, one each */
	size_t match_count;
	int64_t from, until; /* TIME_NONE: now; from + for */
	int64_t for_s;       /* 0: not said */
	int64_t lease_s;     /* it ends when nobody renews it for so long; 0: a window, no lease. Without for_s: at the latest after max_duration */
	int64_t max;         /* 0: the policy's */
	const char *because;
	const char *author;  /* Slack id or token name */
	const char *channel; /* where its message goes; NULL: the channel of the route that its matches would take */
	const char *idempotency_key;
	bool is_dry;
	bool asks_approval; /* nothing of it counts until somebody else approved, whatever policy asks for */
	enum announce_part *wrong; /* gets what was refused; NULL: nobody asks */
	const struct preview_wish *preview; /* what is done when it is known what it would have covered: handlers/preview.h; NULL: nobody waits */
};
/*
 * Announces; policy and grammar refusals come back in ERR, in words for whoever asked; what policy refused is in the audit log. The
 * caller frees *MADE, which is NULL on failure and has no id after a dry run. IS_AGAIN: the idempotency key was known. A token that
 * may not announce for others is the author itself, whomever the request names. Of what was made, or would be, it is then counted what it would
 * have covered; the request's wish is freed in any case.
 */
bool announce(struct desk *desk, const struct actor *actor, const struct announce_request *request, struct announcement **made,
    bool *is_again, struct error *err);
/* What ACTOR made with REQUEST's idempotency key before; NULL: nothing. The caller frees. */
struct announcement *announcement_made_before(const struct desk *desk, const struct actor *actor, const struct announce_request *request);
/* May ACTOR announce at all? ERROR_FORBIDDEN, or ERROR_WAIT as above. */
bool announcement_allowed(struct desk *desk, const struct actor *actor, struct error *err);
/* Extends by BY_S; the whole window, from its begin, may be as long as policy.max_duration. Announcers may, and tokens for what they announced. *NOW as above. */
bool announcement_extend(struct desk *desk, const struct actor *actor, int64_t id, int64_t by_s, struct announcement **now, struct error *err);
/* WHY is kept as over_why ("done"). ERROR_CONFLICT for what has not begun (cancel takes that back) or is over. */
bool announcement_end(struct desk *desk, const struct actor *actor, int64_t id, const char *why, struct announcement **now, struct error *err);
/* Takes back what has not begun. */
bool announcement_cancel(struct desk *desk, const struct actor *actor, int64_t id, struct announcement **now, struct error *err);
/*
 * Prolongs a lease to LEASE_S from now, never past the announcement's end. For the token that announced it (where a token announced
 * for a person: for any that may do so). ERROR_CONFLICT for what is over or has no lease. A renewal is no change that people are
 * shown, and leaves no line in the audit log: the window that it can fill was written down when it was announced.
 */
bool announcement_renew(struct desk *desk, const struct actor *actor, int64_t id, int64_t lease_s, struct announcement **now, struct error *err);
/*
 * Replaces the matches of ACTOR's own announcement, through the same guard rails; what was approved is to be approved again.
 */
bool announcement_edit(struct desk *desk, const struct actor *actor, int64_t id, char **match, size_t match_count,
    struct announcement **now, struct error *err);

/* ---- approvals (approval.c) ------------------------------------------------------------------------------ */

/*
 * The second pair of eyes: never the author, nor another account of theirs, a guest, a bot or a token; who policy.approvers says. It holds for
 * the announcement as it is. EDITION is what the approver saw (0: what is now); when it was changed since, ERROR_CONFLICT. ERROR_WAIT: Slack is to
 * say first who desk->wanted_profile is.
 */
bool announcement_approve(struct desk *desk, const struct actor *actor, int64_t id, int64_t edition, struct announcement **now,
    struct error *err);
/*
 * The same people say no: what is pending is over, of what counts for the rest the critical part still fires, and an approval that was given
 * is taken back. WHY may be NULL.
 */
bool announcement_deny(struct desk *desk, const struct actor *actor, int64_t id, const char *why, struct announcement **now,
    struct error *err);

/* ---- life (life.c) --------------------------------------------------------------------------------------- */

#define REMIND_BEFORE_S 300 /* the author is reminded so long before the end */
#define REMIND_FROM_S 600   /* of what lasts so long at least */
#define STILL_FIRING_S 300  /* what repeated so shortly before the end still fires */
#define RETELL_BATCH 100    /* alerts that are told anew at a time */

/* "Not me": anybody who says so ends it at once (or takes it back, where it has not begun), and all that it covered is told anew. */
bool announcement_not_me(struct desk *desk, const struct actor *actor, int64_t id, struct announcement **now, struct error *err);
/*
 * "This one is real": the alert, which H<id> covers, is open: posted, and paged; what comes of its key while H<id> stands fires too.
 * *ALERT_NOW is the alert after (or as it is, on ERROR_CONFLICT); the caller frees.
 */
bool announcement_real(struct desk *desk, const struct actor *actor, int64_t id, int64_t alert, struct alert **alert_now,
    struct error *err);
/* Goes on telling what those that are over covered and still fires; called about once a second. */
bool announcements_retell(struct desk *desk, struct error *err);
/* One alert was covered (IS_MATCH) or missed by one match: counts, and shows it. */
bool announcement_count(struct desk *desk, int64_t id, const struct alert *alert, bool is_match, struct error *err);
/* ALERT is one more than was announced: it ends, which is told aloud, and what comes now fires as more than announced. */
bool announcement_break(struct desk *desk, int64_t id, const struct alert *alert, struct error *err);
/* One MATCH as it is typed in a command: quoted where it has blanks. */
void buf_put_typed_match(struct buf *buf, const char *match);
/* "@alice: host=web-* for 30m, until 14:30 CET, because deploy, seen 2 of 50" in mrkdwn, for lists. */
void announcement_line(const struct desk *desk, const struct announcement *announcement, const char *zone, struct buf *out);

#endif
