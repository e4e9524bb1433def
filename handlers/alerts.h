/*
 * alerts - an alert's life: intake, ack, resolve, escalate, notes; the same from Slack, the API and PagerDuty.
 */
#ifndef HANDLERS_ALERTS_H
#define HANDLERS_ALERTS_H

#include "handlers/desk.h"

/*
 * An alert has come in: decides whether it was announced, keeps it or counts it onto the unresolved one of its key, and leaves the
 * words. ALERT is filled with what it became (id, status, count). False: it could not be stored.
 */
bool intake(struct desk *desk, struct alert *alert, struct error *err);

/* Ends the alerts that their sources stopped reporting (alert->ends_at); called about once a second. */
bool alerts_tick(struct desk *desk, struct error *err);

/* A change of state by a person or a tool. ALERT is read, changed, stored, and told; *NOW is the alert after (or as it is, on
 * ERROR_CONFLICT); the caller frees. NOTE and TO may be NULL. VERB: ack resolve escalate note unack reopen assign. */
bool alert_act(struct desk *desk, const struct actor *actor, int64_t id, const char *verb, const char *note, const char *to,
    struct alert **now, struct error *err);

/*
 * ACTOR says that ALERT, which is live, was them: it is closed as claimed under ANNOUNCEMENT, late and visibly, and counted there. APPROVED_BY NULL:
 * nobody had to. Whether they may is claim.h's.
 */
bool alert_close_claimed(struct desk *desk, const struct actor *actor, struct alert *alert, int64_t announcement, const char *approved_by,
    struct error *err);
/*
 * What PagerDuty says of ALERT, which is read, changed and stored here: who did WHAT there. The caller has decided that it holds.
 */
struct alert_turn {
	struct actor by;         /* via "pagerduty"; who: a Slack id, a name, or "PagerDuty" */
	const char *what;        /* of the timeline: acked unacked resolved reopened escalated assigned noted; NULL: nothing there */
	int status;              /* enum alert_status; -1: as it is */
	const char *assignee;    /* NULL: as it is; "": nobody */
	const char *page_status; /* as alert->page_status is from now on; NULL: as it is */
	const char *note;        /* of the timeline, plain text; NULL: none */
	const char *line;        /* mrkdwn for the thread; NULL: none */
	bool is_loud;            /* the line shows in the channel too */
	int64_t at;              /* when they did it: the alert's changed_at, where STATUS changes; TIME_NONE: now */
};
bool alert_follow(struct desk *desk, struct alert *alert, const struct alert_turn *turn, struct error *err);
bool alert_is_over(const struct alert *alert); /* resolved or claimed */
/* MARK says why ALERT stands out; shown on its card. */
void alert_set_mark(struct alert *alert, const char *mark);
/* "already acked by @alice 2 min ago" in mrkdwn: why VERB no longer applies. */
void alert_state_sentence(const struct desk *desk, const struct alert *alert, struct buf *out);

/*
 * Gives ALERT (initialised) what the positive ones of MATCHES ask for, in the place of what it has: an alert such as they describe. What
 * a regular expression wants cannot be guessed.
 */
void alert_imagine(const struct matches *matches, struct alert *alert);
/* Which routes take it; fills alert->route, channel, page_key. */
void alert_route(const struct desk *desk, struct alert *alert);
/*
 * The same, where it is to be paged though its route would not at its severity: page_key is that of the first of its routes that has one, else
 * with IS_DEFAULT the configuration's own; NULL: there is none.
 */
void alert_route_anyway(const struct desk *desk, struct alert *alert, bool is_default);
/* Does a page leave for it by its route, at its severity? */
bool alert_pages(const struct desk *desk, const struct alert *alert);

/* True when ALERT fitted an announcement but for one match, or but for who did it: not what was covered, broken or never suppressed. */
bool alert_is_near_miss(const struct alert *alert);

#endif
