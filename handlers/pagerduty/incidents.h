/*
 * incidents - what became of our pages in PagerDuty, and what follows here from what happens there.
 *
 * Webhooks and the log that is polled tell the same things in two ways; both become a struct change and come through the same door, so
 * that what is told twice, late, or in another order does no harm. What a person did last wins; a conflict is told in the thread; our own
 * doing coming back is not told again. Nothing here waits for PagerDuty.
 */
#ifndef HANDLERS_PAGERDUTY_INCIDENTS_H
#define HANDLERS_PAGERDUTY_INCIDENTS_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define INCIDENT_ALERTS_MAX 1000 /* of one incident, PagerDuty's most */
#define INTENT_KEEP_S 900        /* what we do there ourselves is done there within this */
#define CHANGE_KEEP_S (3 * 86400) /* what was told is recognised for so long: PagerDuty tries again for 48 h */
#define CHANGE_SLACK_S 2         /* webhook and log may tell the same moment this far apart */

enum did {
	DID_TRIGGER, DID_ACK, DID_UNACK, DID_RESOLVE, DID_REOPEN, DID_ESCALATE, DID_DELEGATE, DID_REASSIGN, DID_NOTE, DID_SNOOZE,
	DID_MERGE,     /* resolved, because it was merged into another */
	DID_RESPONDER, /* somebody was asked to help */
	DID_OTHER,     /* nothing that changes anything here */
};
enum agent {
	AGENT_PERSON,
	AGENT_INTEGRATION, /* an event, a machine */
	AGENT_NOBODY,      /* a timer of PagerDuty's: the acknowledgement ran out, auto-resolve, the ladder went on */
};
/* What happened to one incident. Texts are borrowed; NULL: not told. */
struct change {
	const char *incident; /* id, rest_is_id() */
	enum did did;
	int64_t at;           /* by PagerDuty's clock; TIME_NONE: not told */
	enum agent agent;
	const char *agent_id, *agent_name;
	const char *status;   /* triggered acknowledged resolved, as it was right after */
	const char *to_id;    /* the first it was given to (reassign, escalate, responder); a policy for DID_DELEGATE */
	const char *to_name;  /* of all it was given to: "Alice, Bob" */
	const char *note;     /* DID_NOTE; DID_RESOLVE with a reason */
	const char *into;     /* DID_MERGE: the id of the other */
	int64_t into_number;  /* 0: not told */
	int64_t until;        /* DID_SNOOZE */
	int64_t level;        /* DID_ESCALATE; 0: not told */
};
/* "ack", "note:<16 hex digits>" …: what an intent of ours is called that comes back as DID (NOTE's text with DID_NOTE). */
void change_name(enum did did, const char *note, char out[32]);

/*
 * CHANGE happened. All alerts whose incident it is follow; an incident that is nobody's is no error. Told before (also by another way),
 * or our own doing: nothing happens.
 */
bool incident_changed(struct desk *desk, const struct change *change, struct error *err);
/*
 * PagerDuty told how an incident stands: OBJECT is an incident of its REST API. What it is (number, url, service, policy) is kept; where its
 * state and an alert's differ, and nothing that was done here is still on its way there, what a person did last wins: the alert follows,
 * or PagerDuty is told again (deed_again()).
 */
bool incident_read(struct desk *desk, const cJSON *object, struct error *err);
/* ALERT's incident is the one that OBJECT (of the REST API, or the data of a webhook) describes: from now on they belong together. */
bool incident_link(struct desk *desk, int64_t alert, const cJSON *object, struct error *err);
/* "https://…" to show people, or NULL: the alert's newest incident. The caller frees. */
char *incident_url(const struct desk *desk, int64_t alert);

#endif
