/*
 * storage - all that headsup must not forget.
 *
 * One database, one writer: the loop's thread. When a call says true, it is in the running transaction; it is on
 * disk when storage_commit() says true. Times are seconds since 1970, UTC (TIME_NONE: never). Text is UTF-8 and ends in NUL.
 * Nothing above this door may assume SQLite, a single writer process, or that reading is free.
 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/alert.h"
#include "config/base/error.h"
#include "config/match.h"

struct storage; /* opaque */

/* Opens URL (sqlite:///absolute/path, or sqlite::memory:), creating or upgrading it; NULL with ERROR_IO, or
 * ERROR_NEWER for a later version's. A second daemon on the same database is refused (ERROR_IO, says so). */
struct storage *storage_open(const char *url, struct error *err);
/* The same, for reading only (audit verify, export): no lock is taken, nothing is upgraded. */
struct storage *storage_open_reader(const char *url, struct error *err);
void storage_close(struct storage *storage);

/*
 * One transaction an iteration. storage_begin() opens an event's savepoint (and the transaction, when none runs);
 * storage_end() keeps or undoes what the event wrote. When SQLite rolled back everything (disk full, I/O), any of these
 * says false, storage_is_broken() says true, everything fails until storage_commit() has said false (which ends the iteration), and
 * nothing of the iteration is on disk. What is written outside of an event joins the iteration's transaction. An event in which a
 * read failed that had no way to say so (storage_alert_by_key and its like) cannot be kept: storage_end() says false. An event that is
 * still open at the commit is undone.
 */
bool storage_begin(struct storage *storage, struct error *err);
bool storage_end(struct storage *storage, bool keep, struct error *err);
bool storage_is_dirty(const struct storage *storage);  /* a transaction runs, or is gone and storage_commit() is to say so */
bool storage_is_broken(const struct storage *storage); /* the running transaction is gone */
bool storage_commit(struct storage *storage, struct error *err); /* true also when nothing ran */
/* Grows each time a transaction was lost: caches made since the last commit are to be read anew. */
uint64_t storage_losses(const struct storage *storage);
/* Tries whether a write reaches the disk (/readyz): commits one of its own, or, when a transaction runs, writes into it (its commit tells). */
bool storage_probe(struct storage *storage, struct error *err);

/* ---- alerts ------------------------------------------------------------------------------------------- */

/* Stores a new alert with its body; sets ALERT->id. */
bool storage_add_alert(struct storage *storage, struct alert *alert, struct error *err);
/* Writes what may change: status, severity, count, last_seen, and all that handlers set. Not the fields as reported. */
bool storage_put_alert(struct storage *storage, const struct alert *alert, struct error *err);
/* NULL (ERROR_NOT_FOUND or ERROR_IO); the caller frees. */
struct alert *storage_alert(struct storage *storage, int64_t id, struct error *err);
/* The newest alert with this dedup key; with UNRESOLVED only one that is not resolved or claimed. NULL without error when there is none. */
struct alert *storage_alert_by_key(struct storage *storage, const char *dedup_key, bool unresolved);
char *storage_alert_body(struct storage *storage, int64_t id); /* the original; the caller frees */
/* The unresolved alert with the earliest ends_at above AFTER, up to UNTIL; *ALERT is NULL for none, the caller frees. */
bool storage_next_lapsed(struct storage *storage, int64_t after, int64_t until, struct alert **alert, struct error *err);

/* The open alert of severity high or critical that is so since UNTIL or longer, and was not told again; *ALERT is NULL for none, the caller frees. */
bool storage_next_unreminded(struct storage *storage, int64_t until, struct alert **alert, struct error *err);
/*
 * Looks at ROWS of the open alerts of severity high or critical with ids above *AFTER, and calls EACH for those that were neither posted nor
 * paged until it says false. *AFTER becomes the last that was looked at; 0: there are no more.
 */
bool storage_each_unseen(struct storage *storage, int64_t *after, size_t rows, bool (*each)(void *ctx, int64_t id), void *ctx,
    struct error *err);

struct alert_query {
	int status;         /* enum alert_status, -1: any */
	int64_t since;      /* received_at >= since; TIME_NONE: any */
	int64_t until;      /* received_at < until; TIME_NONE: any */
	int64_t before_id;  /* cursor: id < before_id; 0: from the newest */
	int64_t announcement; /* 0: any */
	const char *assignee; /* NULL: any */
	size_t limit;
};
/* Newest first; calls EACH (ALERT borrowed for the call) until it says false. At most LIMIT rows are read. */
bool storage_each_alert(struct storage *storage, const struct alert_query *query,
    bool (*each)(void *ctx, const struct alert *alert), void *ctx, struct error *err);
bool storage_count_alerts(struct storage *storage, int64_t counts[5], struct error *err); /* by enum alert_status */

/* An alert's timeline. */
struct event {
	int64_t at;
	const char *who;  /* Slack id, token name, or "headsup" */
	const char *via;  /* slack pagerduty api headsup */
	const char *what; /* fired repeated raised expected claimed posted paged acked … */
	const char *note; /* may be NULL */
};
bool storage_add_event(struct storage *storage, int64_t alert, const struct event *event, struct error *err);
/* Oldest first. */
bool storage_each_event(struct storage *storage, int64_t alert, bool (*each)(void *ctx, const struct event *event),
    void *ctx, struct error *err);

/* ---- what was ------------------------------------------------------------------------------------------ */

struct past_query {
	int64_t since;                 /* received_at >= since */
	const struct matches *matches; /* all of them hold */
	bool is_bound;                 /* and the alert has no actor, or ACTOR holds */
	const struct match *actor;     /* NULL: never */
};
struct past_alert {
	const char *rule, *host; /* NULL: absent */
	bool is_escalated;       /* it paged, by its route or because somebody escalated it */
};
/*
 * Calls EACH (borrowed for the call) for every alert that fits, oldest first, until it says false. For looking through a million: matches
 * over labels, title, description, url, dedup_key, times, status and count read the alerts themselves, others a narrow index. To be
 * called on a reader, in a thread of its own.
 */
bool storage_each_past_alert(struct storage *storage, const struct past_query *query,
    bool (*each)(void *ctx, const struct past_alert *past), void *ctx, struct error *err);
/* What runs on STORAGE fails soon after *STOP became true, which another thread may do; NULL: nothing stops it. */
void storage_stop_when(struct storage *storage, const atomic_bool *stop);

/* ---- announcements ------------------------------------------------------------------------------------ */

/* What an announcement would have covered over the last days. */
struct preview_counts {
	int64_t alerts, escalated; /* that came; of these, that paged, by their route or because somebody escalated them */
	int64_t rules, hosts;      /* different ones among them */
};

enum announcement_state { ANNOUNCEMENT_STANDS, ANNOUNCEMENT_ENDED, ANNOUNCEMENT_CANCELLED };
struct announcement {
	int64_t id;
	char *author;         /* Slack id or token name */
	char *via;            /* slack api */
	char **match;         /* canonical texts, as match->source */
	size_t match_count;
	int64_t created_at, starts_at, ends_at;
	enum announcement_state state;
	int64_t over_at;      /* when it was ended or cancelled; TIME_NONE while it stands */
	char *over_why;       /* "done", "budget", "time", "cancelled", … NULL while it stands */
	char *over_by;        /* person, token or headsup */
	bool needs_approval;  /* nothing of it counts until somebody else approved */
	char *approved_by;    /* NULL: nobody */
	int64_t approved_at;
	char *because;
	int64_t max;          /* budget, in alerts */
	int64_t matched, near_misses;
	char *channel;        /* of its public message: configured name or id */
	char *idempotency_key; /* NULL: none */
	int64_t lease_until;  /* of `during`; TIME_NONE: a window, no lease */
	int64_t version;
	/* Of these 0 is none, so that what knows nothing of them makes them right. */
	int64_t approved_until; /* the approval holds until then; 0: as long as it stands */
	int64_t approval_from;  /* needs_approval holds from then on; 0: from its begin */
	int64_t asked_at;       /* when the approval was asked for; 0: created_at */
	int64_t edition;        /* grows when what one approves changes: matches, end */
	char *denied_by;        /* who would not approve it; NULL: nobody */
	int64_t reminded_for;   /* the ends_at of which its author was reminded */
	enum retell { RETELL_NONE, RETELL_FIRING, RETELL_ALL } retell; /* what it covered is being told anew: what still fires, or all */
	int64_t retell_before;  /* ids at or above it were looked at */
	int64_t retold;         /* alerts that were told anew */
	bool has_preview;       /* PREVIEW was counted; written by storage_put_preview() alone */
	struct preview_counts preview;
};
void announcement_free(struct announcement *announcement);
bool storage_add_announcement(struct storage *storage, struct announcement *announcement, struct error *err); /* sets id */
/* Writes all but author, via, created_at, idempotency_key and the preview. */
bool storage_put_announcement(struct storage *storage, const struct announcement *announcement, struct error *err);
/* PREVIEW NULL: it is not known (any more). */
bool storage_put_preview(struct storage *storage, int64_t id, const struct preview_counts *preview, struct error *err);
struct announcement *storage_announcement(struct storage *storage, int64_t id, struct error *err);
/* By the key that its maker AUTHOR (token name) sent; NULL without error when there is none. */
struct announcement *storage_announcement_by_key(struct storage *storage, const char *author, const char *key);
struct announcement_query {
	int state;         /* enum announcement_state, -1: any */
	const char *author; /* NULL: any */
	int64_t before_id; /* cursor; 0: from the newest */
	size_t limit;
};
bool storage_each_announcement(struct storage *storage, const struct announcement_query *query,
    bool (*each)(void *ctx, const struct announcement *announcement), void *ctx, struct error *err);

/* The oldest that is over and whose alerts are still being told anew; 0: none. */
bool storage_next_retelling(struct storage *storage, int64_t *id, struct error *err);

/* Alerts of this key are not covered by the announcement any more: "this one is real". */
bool storage_add_real(struct storage *storage, const char *dedup_key, int64_t announcement, struct error *err);
/* Announcements of which that was said about KEY; at most LIMIT. */
size_t storage_reals(struct storage *storage, const char *dedup_key, int64_t *announcements, size_t limit);
bool storage_remove_reals(struct storage *storage, int64_t announcement, struct error *err);

/* SOURCE has reported that an alert of its own is over; the first RESOLVING_SOURCES_MAX are remembered. */
#define RESOLVING_SOURCES_MAX 10000
bool storage_put_resolving(struct storage *storage, const char *source, struct error *err);
bool storage_resolves(struct storage *storage, const char *source);

/* "That was me", said of a live alert, waits for somebody else's approval of the announcement that was made with it. */
struct claim {
	int64_t alert, announcement;
	char *who; /* Slack id */
	int64_t at;
};
void claim_fini(struct claim *claim);
bool storage_put_claim(struct storage *storage, const struct claim *claim, struct error *err); /* one an alert, the newest */
/* False: none waits. */
bool storage_claim(struct storage *storage, int64_t alert, struct claim *claim);
bool storage_claim_under(struct storage *storage, int64_t announcement, struct claim *claim);
bool storage_remove_claim(struct storage *storage, int64_t alert, struct error *err);

/* ---- messages that stand in Slack --------------------------------------------------------------------- */

struct post {
	char *subject;    /* "A1042", "H17" */
	char *channel;    /* as configured (the lane) */
	char *channel_id; /* as Slack answered */
	char *ts;
	int64_t copy;     /* 0: the first; with continue: true the others follow */
};
void post_fini(struct post *post);
bool storage_add_post(struct storage *storage, const struct post *post, struct error *err); /* replaces (subject, channel) */
bool storage_post(struct storage *storage, const char *subject, const char *channel, struct post *post); /* false: none */
bool storage_post_by_ts(struct storage *storage, const char *channel_id, const char *ts, struct post *post);
bool storage_each_post(struct storage *storage, const char *subject, bool (*each)(void *ctx, const struct post *post),
    void *ctx, struct error *err); /* by copy */
/* The id that Slack gave for a configured channel name; false when it is not known yet. */
bool storage_channel_id(struct storage *storage, const char *channel, char *out, size_t size);

/* ---- storms: alerts of one rule that share a card --------------------------------------------------------- */

struct storm {
	int64_t id;
	char *channel, *rule; /* what its alerts have in common; RULE is the title where there is no rule */
	int64_t began_at, last_at;
	int64_t version;
	char *doing;              /* what is being done with all of them: ack, resolve; NULL: nothing */
	char *doing_by, *doing_via;
	int64_t done_to;          /* ids up to here */
};
#define STORM_NAMES_MAX 5 /* hosts and actors that are named; keep in step with the LIMIT of storms.c */
struct storm_facts {
	int64_t total, states[5]; /* by enum alert_status */
	enum severity severity;   /* the worst */
	int64_t first_at, last_at;
	char *hosts[STORM_NAMES_MAX], *actors[STORM_NAMES_MAX]; /* those that come most often; NULL after the last */
	int64_t host_count, actor_count;                        /* different ones */
};
void storm_fini(struct storm *storm);
void storm_facts_fini(struct storm_facts *facts);
/* ALERT's card is still to be posted in CHANNEL; STORM: it shares that one's (0: none). Once known, nothing changes. */
bool storage_unposted(struct storage *storage, int64_t alert, const char *channel, const char *rule, int64_t storm, struct error *err);
/* It was, or never will be. */
bool storage_posted(struct storage *storage, int64_t alert, const char *channel, struct error *err);
int64_t storage_storm_of(struct storage *storage, int64_t alert, const char *channel); /* 0: none */
/* How many of RULE wait for a card of their own in CHANNEL; at most LIMIT are counted. */
size_t storage_count_unposted(struct storage *storage, const char *channel, const char *rule, size_t limit);
/* The storm of RULE in CHANNEL that grew since SINCE; 0: none. */
int64_t storage_running_storm(struct storage *storage, const char *channel, const char *rule, int64_t since);
/* All of RULE that wait for a card in CHANNEL share one from now on. */
bool storage_begin_storm(struct storage *storage, const char *channel, const char *rule, int64_t now, int64_t *id, struct error *err);
bool storage_touch_storm(struct storage *storage, int64_t id, int64_t now, struct error *err); /* it grew at NOW */
bool storage_storm(struct storage *storage, int64_t id, struct storm *storm); /* false: none */
bool storage_storm_in_work(struct storage *storage, struct storm *storm);     /* one with DOING; false: none */
/* Writes last_at, version, doing…, done_to. */
bool storage_put_storm(struct storage *storage, const struct storm *storm, struct error *err);
bool storage_storm_facts(struct storage *storage, int64_t id, struct storm_facts *facts, struct error *err);
/* Its alerts above AFTER, by id. */
size_t storage_storm_alerts(struct storage *storage, int64_t id, int64_t after, int64_t *alerts, size_t limit);

/* ---- PagerDuty ----------------------------------------------------------------------------------------- */

/* What an alert's page became there. */
struct incident {
	int64_t alert;
	char *id;              /* PagerDuty's */
	int64_t number;        /* as people there see it; 0: not told */
	char *url;             /* for a browser; NULL: not told */
	char *service, *policy; /* ids; NULL: not told */
	char *status;          /* triggered acknowledged resolved: as PagerDuty last told */
	int64_t status_at;     /* by its clock; TIME_NONE: not told */
	int64_t level;         /* of its escalation policy, as last heard; 0: not known */
	char *merged_into;     /* the id of another; NULL: it was not merged */
	int64_t linked_at;
};
void incident_fini(struct incident *incident);
/* Adds it, as the alert's newest, or writes what may change of the one with that ALERT and ID (all but linked_at). */
bool storage_put_incident(struct storage *storage, const struct incident *incident, struct error *err);
/* The alert's newest; false: none. */
bool storage_incident(struct storage *storage, int64_t alert, struct incident *incident);
/* That one, newest or not; false: none. */
bool storage_incident_by_id(struct storage *storage, int64_t alert, const char *id, struct incident *incident);
/* Alerts of which ID is an incident, the newest or (IS_NEWEST false) any, by id; how many were written. */
size_t storage_incident_alerts(struct storage *storage, const char *id, bool is_newest, int64_t *alerts, size_t limit);
/*
 * Newest incidents of their alerts that are not resolved in PagerDuty as far as it told, or whose alert is open or acked; by alert, above
 * AFTER. At most LIMIT rows.
 */
bool storage_each_live_incident(struct storage *storage, int64_t after, size_t limit,
    bool (*each)(void *ctx, const struct incident *incident), void *ctx, struct error *err);
/* Alerts that were paged (page_status triggered, acknowledged), are open or acked, and have no incident yet; by id, above AFTER. */
size_t storage_unlinked_alerts(struct storage *storage, int64_t after, int64_t *alerts, size_t limit);
/* Is a word of KIND about SUBJECT in LANE still on its way (waiting, being sent, or stuck)? KIND NULL: of any. */
bool storage_has_word(struct storage *storage, const char *lane, const char *kind, const char *subject);
/* The word has one more step: BODY takes the place of its body, and it waits (attempts 0, sure) until NOT_BEFORE. */
bool storage_go_on_word(struct storage *storage, int64_t id, const char *body, int64_t not_before, struct error *err);

/* BODY takes the place of its body; all else stays as it is. */
bool storage_put_word_body(struct storage *storage, int64_t id, const char *body, struct error *err);

struct pagerduty_user {
	char *id;    /* NULL: nobody there has this e-mail */
	char *email; /* NULL: not told */
	char *name;
	int64_t fetched_at;
};
void pagerduty_user_fini(struct pagerduty_user *user);
/* By its id and its e-mail, whichever it has. */
bool storage_put_pagerduty_user(struct storage *storage, const struct pagerduty_user *user, struct error *err);
bool storage_pagerduty_user(struct storage *storage, const char *id, struct pagerduty_user *user);            /* false: not known */
bool storage_pagerduty_user_mailed(struct storage *storage, const char *email, struct pagerduty_user *user); /* any case */

/* We are about to do WHAT ("ack", "note:<hash>" …) to INCIDENT; BY is PagerDuty's id of who will be named, NULL when not known. */
bool storage_add_intent(struct storage *storage, const char *incident, const char *what, const char *by, int64_t now, struct error *err);
/* Takes the oldest such intent from SINCE on: by BY, or by nobody known (BY NULL: by anybody). *TAKEN false: there was none. */
bool storage_take_intent(struct storage *storage, const char *incident, const char *what, const char *by, int64_t since, bool *taken,
    struct error *err);

struct oncall {
	char *policy, *policy_name;
	int64_t level; /* 1 is called first */
	char *user, *user_name; /* PagerDuty's id */
	int64_t ends_at; /* TIME_NONE: not told, or never */
};
/* In the place of all that were known. */
bool storage_put_oncalls(struct storage *storage, const struct oncall *oncalls, size_t count, struct error *err);
/* By policy's name, then level; borrowed for the call. */
bool storage_each_oncall(struct storage *storage, bool (*each)(void *ctx, const struct oncall *oncall), void *ctx, struct error *err);

/* A small fact with a name; VALUE NULL removes it. */
bool storage_put_mark(struct storage *storage, const char *name, const char *value, struct error *err);
char *storage_mark(struct storage *storage, const char *name); /* NULL: none; the caller frees */

/* ---- the outbox: words on their way ------------------------------------------------------------------- */

enum word_state { WORD_WAITING, WORD_SENDING, WORD_STUCK, WORD_DEAD };
struct word {
	int64_t id;
	char *lane;      /* slack:#security-alerts, pagerduty:<fingerprint>, answer:<id> … */
	char *kind;      /* handlers/words.h */
	char *subject;   /* A1042, H17: order is kept within (lane, subject); "": about nothing, waits for no other word */
	char *coalesce;  /* while one with this text waits, another is not added (the one that waits goes as early as it would have); NULL: always added */
	char *body;      /* JSON, what rendering needs; NULL: nothing */
	int64_t priority; /* lower goes first within a lane */
	int64_t not_before; /* TIME_NONE: at once */
	int64_t deadline;   /* after this it is dropped, and said so; TIME_NONE: never */
	int64_t created_at;
	int64_t attempts;
	enum word_state state;
	bool is_unsure; /* it may have reached its peer (a crash, a timeout): look before sending again */
	bool is_plain;  /* its form was refused: say it plainer */
	char *problem;  /* the last error, for people */
};
void word_free(struct word *word);
bool storage_add_word(struct storage *storage, struct word *word, struct error *err); /* sets id; 0 when it coalesced */
struct word *storage_word(struct storage *storage, int64_t id); /* NULL: none */
/* Lanes in which something waits that no older word of its subject holds up, whatever its not_before. */
bool storage_each_lane(struct storage *storage, bool (*each)(void *ctx, const char *lane), void *ctx, struct error *err);
/* Up to LIMIT words of LANE that may go now, best first: waiting, not_before past, and no older word of the same subject in this lane
 * unfinished (waiting, sending or stuck). */
bool storage_each_due_word(struct storage *storage, const char *lane, int64_t now, size_t limit,
    bool (*each)(void *ctx, const struct word *word), void *ctx, struct error *err);
/* The earliest not_before of what waits in LANE and is not held up (0: at once); TIME_NONE when there is none. */
int64_t storage_lane_due_at(struct storage *storage, const char *lane);
/* Writes state, attempts, not_before, is_unsure, is_plain, problem. */
bool storage_put_word(struct storage *storage, const struct word *word, struct error *err);
bool storage_remove_word(struct storage *storage, int64_t id, struct error *err);
/* After a start: what was being sent waits again, marked unsure. */
bool storage_recover_words(struct storage *storage, size_t *count, struct error *err);
/* By state (-1: any), oldest first, id > AFTER_ID, at most LIMIT. */
bool storage_each_word(struct storage *storage, int state, int64_t after_id, size_t limit,
    bool (*each)(void *ctx, const struct word *word), void *ctx, struct error *err);
/* By state; *OLDEST_AT (may be NULL) is when the oldest that waits or is being sent was left, TIME_NONE for none. */
bool storage_count_words(struct storage *storage, int64_t counts[4], int64_t *oldest_at, struct error *err);

/* ---- what was seen, and who people are ---------------------------------------------------------------- */

/* True in *AGAIN when KEY was seen before; remembers it until NOW + KEEP_S otherwise. */
bool storage_see(struct storage *storage, const char *key, int64_t now, int64_t keep_s, bool *again, struct error *err);

struct profile {
	char *slack;    /* user id */
	char *name;     /* as Slack shows it */
	char *email;    /* NULL: unknown */
	char *timezone; /* IANA; NULL: unknown */
	bool is_guest, is_bot, is_deleted;
	int64_t fetched_at;
};
void profile_fini(struct profile *profile);
bool storage_put_profile(struct storage *storage, const struct profile *profile, struct error *err);
bool storage_profile(struct storage *storage, const char *slack, struct profile *profile); /* false: unknown */
/* The Slack profile with that e-mail, in any case; not of bots or accounts that are gone. False: none is known. */
bool storage_profile_mailed(struct storage *storage, const char *email, struct profile *profile);

/* The members of a user group, as Slack told them at FETCHED_AT, in place of those known before. */
bool storage_put_group(struct storage *storage, const char *group, char *const *users, size_t count, int64_t fetched_at,
    struct error *err);
/* False also for a group that is not known, or was last asked for before NOT_BEFORE. */
bool storage_in_group(struct storage *storage, const char *group, const char *user, int64_t not_before);

/* ---- the audit log ------------------------------------------------------------------------------------- */

struct audit {
	int64_t seq; /* 1, 2, 3 … without a gap */
	int64_t at;
	const char *who;     /* Slack id, token name, "headsup" */
	const char *via;     /* slack api pagerduty cli headsup */
	const char *from;    /* address, channel …; may be NULL */
	const char *what;    /* announced ended extended cancelled acked resolved escalated suppressed refused reloaded … */
	const char *subject; /* A1042, H17, or "" */
	const char *detail;  /* JSON or a sentence; may be NULL */
	const char *hash;    /* 64 hex digits, of this row and the one before; set by storage */
};
bool storage_add_audit(struct storage *storage, const struct audit *audit, struct error *err);
bool storage_each_audit(struct storage *storage, int64_t since, int64_t after_seq, size_t limit,
    bool (*each)(void *ctx, const struct audit *audit), void *ctx, struct error *err);
struct audit_query {
	int64_t since;       /* TIME_NONE: any */
	const char *who;     /* NULL: any */
	const char *subject; /* NULL: any */
	size_t limit;
};
/* Newest first, among the newest AUDIT_LOOK_MAX rows. */
#define AUDIT_LOOK_MAX 50000
bool storage_each_audit_back(struct storage *storage, const struct audit_query *query,
    bool (*each)(void *ctx, const struct audit *audit), void *ctx, struct error *err);
/* True when every hash holds and no number is missing; else ERR names the first row that is wrong. *COUNT rows, HEAD (65 bytes): the last hash. */
bool storage_verify_audit(struct storage *storage, int64_t *count, char head[65], struct error *err);
bool storage_audit_head(struct storage *storage, int64_t *count, char head[65]);

/* ---- housekeeping -------------------------------------------------------------------------------------- */

/* Removes at most LIMIT alerts (and what hangs on them) last seen before BEFORE and not open or acked; what was seen and is
 * past its time; dead words from before BEFORE; *REMOVED says how many of all these. Small steps, called again while it removes. */
bool storage_sweep(struct storage *storage, int64_t before, int64_t now, size_t limit, size_t *removed, struct error *err);

#endif
