/*
 * deeds_internal - what the files of deeds share: one deed under way, its steps, its verbs, and what it writes.
 *
 * The body of a deed: {"verb","step","who","via","is_token","at","note","to","person","incident","people",…}. PEOPLE are those of whom
 * PagerDuty was asked: "actor" who did it, "from" the configuration's, "to" whom it was given to; each {"id","email"}, or {} for a stranger.
 * A "find" that begins with the step "read" looks how the incident stands, which incidents.h then makes something of.
 */
#ifndef HANDLERS_PAGERDUTY_DEEDS_INTERNAL_H
#define HANDLERS_PAGERDUTY_DEEDS_INTERNAL_H

#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/incidents.h"

#define DEED_NOTE_UNITS 4000     /* UTF-16 units of a note there */
#define DEED_TURNS_MAX 3         /* how often one deed reads the incident anew, because it changed meanwhile */
#define DEED_CANDIDATES_MAX 5    /* incidents that one search looks into */
#define DEED_NAMES_MAX 10        /* policies that are named where TEAM fits several */
#define DEED_CALLED_MAX 5        /* people who are named as called */
#define DEED_RETRY_MAX 6          /* doublings of the wait before what may have been done is looked for */
#define DEED_SKEW_S 300          /* their clock and ours */
#define DEED_LINK_SLACK_S 5      /* an incident may be linked before the answer to its page was read */
#define DEED_USER_WAIT_S 2       /* between looks at whether Slack has told an e-mail … */
#define DEED_USER_WAIT_MAX_S 10  /* … and how long in all */
#define DEED_ASKS_MAX 6          /* how often one deed asks PagerDuty who people are */
#define DEED_PAGE_WAIT_MAX_S 60  /* between looks at a page that does not leave */
#define DEED_TOLD_KEEP_S 86400   /* what people are told once is not told again for so long */
#define DEED_LINE_MAX 8192       /* bytes of a line in a thread */
#define DEED_TO_UNITS 100        /* of a team's name, as it is shown */

struct deed {
	struct talk *talk;
	struct desk *desk;
	cJSON *body;
	const struct verb *verb;
	struct alert *alert;
	char subject[24];
	bool is_rendering;
	const cJSON *last; /* the incident as this answer tells of it; NULL: it does not */
};
struct verb {
	const char *name;
	const char *done;  /* "Acked", of the note for whom PagerDuty does not know; NULL: there is no such note */
	const char *event; /* what of it events can do; NULL: nothing */
	/* INCIDENT was read: what is to be done there? */
	bool (*decide)(struct deed *deed, const cJSON *incident, struct error *err);
};
struct step {
	const char *name;
	bool (*render)(struct deed *deed, struct error *err);
	bool (*heard)(struct deed *deed, const struct reply *reply, struct error *err);
};

/* deeds.c */

/* The next step is NAME; deed_over(): there is none. Both in render() and in heard(). */
bool deed_next(struct deed *deed, const char *name, struct error *err);
bool deed_over(struct deed *deed);
/* For render(): what may have been done already is looked for first, by STEP; each time a while later. */
bool deed_look_first(struct deed *deed, const char *step, struct error *err);
/* What is left when the change itself is done: the note, and another look where it was refused. */
bool deed_finish(struct deed *deed, struct error *err);
/* The incident is read once more, and it is decided anew; not for ever. */
bool deed_decide_anew(struct deed *deed, struct error *err);
/* False: there is no such deed, or no such alert any more. DEED->alert is the caller's to free in any case. */
bool deed_init(struct deed *deed, struct talk *talk, bool is_rendering);
/* What an event can say of it: "acknowledge" …; NULL: there is none that could; "": what was done does not hold any more. */
const char *deed_event(const struct deed *deed);
bool deed_send_event(struct deed *deed, const char *event, struct error *err);
/* PagerDuty cannot be told by its REST API, because of WHY (a sentence, plain text): by events what they can do; else people are told. */
bool deed_by_events(struct deed *deed, const char *why, struct error *err);
/* It does not know the e-mail that it was told as: another one, if there is one. */
bool deed_send_as_other(struct deed *deed, struct error *err);
/* REPLY refused it: told once, and both sides are compared. */
bool deed_refused(struct deed *deed, const struct reply *reply, struct error *err);
/* Their id there (may be NULL) and e-mail: who PagerDuty names. Borrowed from the body. */
const char *deed_sender_id(const struct deed *deed);
const char *deed_sender(const struct deed *deed);
/* Is it done there as who did it here? */
bool deed_is_theirs(const struct deed *deed);
const cJSON *deed_person(const struct deed *deed, const char *role);
/* A line in the thread, and with WHAT in the timeline (NOTE is plain); ONCE: not again for DEED_TOLD_KEEP_S. */
bool deed_tell(struct deed *deed, const char *line, const char *what, const char *note, bool once, struct error *err);
void deed_set(struct deed *deed, const char *name, const char *text); /* a member of the body; NULL removes it */
void deed_set_int(struct deed *deed, const char *name, int64_t value);
void deed_set_true(struct deed *deed, const char *name);
/* "@alice", or a token's name, as PagerDuty's people read it; the caller frees. */
char *deed_actor_name(const struct deed *deed);

/* deeds_verbs.c: what is done, and how it is written */

const struct verb *deed_verb(const char *name); /* NULL: none */
/* INCIDENT was read: goes on with what was begun, or decides. */
bool deed_decide(struct deed *deed, const cJSON *incident, struct error *err);
extern const struct step deed_alerts_step, deed_policy_step, deed_levels_step, deed_teams_step, deed_team_step,
    deed_policies_step, deed_write_step;
/* Adds what comes back as DID to the intents; what was added before for the same is replaced where the step is made again. */
bool deed_intend(struct deed *deed, enum did did, const char *note, struct error *err);
bool deed_intend_not(struct deed *deed, enum did did, const char *note, struct error *err);

#endif
