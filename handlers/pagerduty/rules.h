/*
 * rules - what follows here from what happened in PagerDuty: one table, did x the alert's state x what PagerDuty was known to show.
 *
 * A rule says what becomes of the alert and how it is told. When it holds (newer than what was done here, not told before, not our own
 * doing) is incidents.c's.
 */
#ifndef HANDLERS_PAGERDUTY_RULES_H
#define HANDLERS_PAGERDUTY_RULES_H

#include "handlers/pagerduty/incidents.h"

/* What PagerDuty was known to show of the alert's incident before. */
enum known {
	KNOWN_LIVE = 1,  /* triggered or acknowledged */
	KNOWN_OVER = 2,  /* resolved */
	KNOWN_ALONE = 4, /* of the incident, our alert is resolved; with others it goes on */
};
/* What becomes of the alert. */
enum becomes { STAYS, OPENS, ACKS, RESOLVES,
	AS_TOLD,      /* acked where the change says so, else open */
	IF_TRIGGERED, /* acked becomes open where the change says that it is triggered; else it stays */
};
/* Who has it then. */
enum whose { SAME,
	NOBODYS,
	THEIRS,  /* who did it */
	GIVEN,   /* to whom it was given */
	IF_ACKED /* who did it where it is acked then, else nobody */
};
#define RULE_LOUD 1     /* its line shows in the channel too */
#define RULE_LATE 2     /* holds also against what was done here after it, but for a reopening: nothing reopens by accident */
#define RULE_AFTER 4    /* only when it came after what was known, to the second; else nobody can tell, and PagerDuty is asked */
#define RULE_AGAIN 8    /* PagerDuty is told again how the alert stands */
#define RULE_LOOK 16    /* PagerDuty knows something that we missed: it is asked how the incident stands */
#define RULE_ONCE 32    /* nothing changes by it, so it may come up again and again: told once */
#define RULE_CHANGES 64 /* told only where the state changes by it */
#define RULE_OTHERS 128 /* told only where somebody else has the alert */

struct rule {
	enum did did;
	unsigned here, known, agents; /* bits: 1 << enum alert_status, enum known, 1 << enum agent */
	enum becomes becomes;
	enum whose whose;
	const char *what; /* of the timeline; NULL: nothing there */
	/* Of the thread; NULL: none. %w who, %t to whom, %n ": note", %u " until …", %i into which, %s how the alert stands, %a A1042. */
	const char *line;
	unsigned flags;
};
/* Never NULL: what is in no row of the table changes nothing and is not told. */
const struct rule *rule_of(enum did did, enum alert_status here, enum known known, enum agent agent);

/* How what is done is called, and how it leaves the incident. */
struct did_facts {
	const char *name;   /* in keys and of intents: "ack" */
	const char *past;   /* "acked it" */
	const char *status; /* NULL: as the change tells, or as it was */
	bool is_state;      /* it is about the incident's state alone: later than something newer, it is past */
};
extern const struct did_facts did_facts[];

#endif
