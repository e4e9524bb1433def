#include "handlers/pagerduty/rules.h"

const struct did_facts did_facts[] = {
    [DID_TRIGGER] = {"trigger", "triggered it", "triggered", true},
    [DID_ACK] = {"ack", "acked it", "acknowledged", true},
    [DID_UNACK] = {"unack", "un-acked it", "triggered", true},
    [DID_RESOLVE] = {"resolve", "resolved it", "resolved", true},
    [DID_REOPEN] = {"reopen", "reopened it", NULL, true},
    [DID_ESCALATE] = {"escalate", "escalated it", NULL, false},
    [DID_DELEGATE] = {"delegate", "gave it to another policy", NULL, false},
    [DID_REASSIGN] = {"reassign", "reassigned it", NULL, false},
    [DID_NOTE] = {"note", "wrote a note", NULL, false},
    [DID_SNOOZE] = {"snooze", "snoozed it", NULL, false},
    [DID_MERGE] = {"merge", "merged it", "resolved", true},
    [DID_RESPONDER] = {"responder", "asked for help", NULL, false},
    [DID_OTHER] = {"other", "changed it", NULL, false},
};

#define OPEN (1u << ALERT_OPEN)
#define ACKED (1u << ALERT_ACKED)
#define RESOLVED (1u << ALERT_RESOLVED)
#define EXPECTED (1u << ALERT_EXPECTED)
#define CLAIMED (1u << ALERT_CLAIMED)
#define LIVE (OPEN | ACKED)
#define ANY (OPEN | ACKED | RESOLVED | EXPECTED | CLAIMED)
#define PERSON (1u << AGENT_PERSON)
#define MACHINE (1u << AGENT_INTEGRATION)
#define NOBODY (1u << AGENT_NOBODY)
#define WHOEVER (PERSON | MACHINE | NOBODY)
#define KNOWN_ANY (KNOWN_LIVE | KNOWN_OVER | KNOWN_ALONE)

/* The first row that fits holds. */
static const struct rule rules[] = {
    /* Who acks has it. */
    {DID_ACK, OPEN, KNOWN_ANY, PERSON, ACKS, THEIRS, "acked", "Acked by %w in PagerDuty", 0},
    {DID_ACK, OPEN, KNOWN_ANY, MACHINE, ACKS, SAME, "acked", "Acked in PagerDuty by an integration", 0},
    {DID_ACK, OPEN, KNOWN_ANY, NOBODY, ACKS, SAME, "acked", "Acked in PagerDuty", 0},
    /* One more who has it: who was first still has. */
    {DID_ACK, ACKED, KNOWN_ANY, PERSON, STAYS, SAME, "acked", NULL, RULE_OTHERS},
    /* Acking what is resolved there reopens it: they saw that it was, and chose to. */
    {DID_ACK, RESOLVED, KNOWN_OVER, PERSON, ACKS, THEIRS, "reopened", "Reopened and acked by %w in PagerDuty", RULE_AFTER},
    /* The incident goes on for other alerts, and ours is not among them any more, as far as we know. */
    {DID_ACK, RESOLVED | CLAIMED, KNOWN_ALONE, PERSON, STAYS, SAME, NULL, NULL, RULE_LOOK},
    /* They could not see that it was resolved, which was still on its way: taking it in hand does not undo that. */
    {DID_ACK, RESOLVED, KNOWN_LIVE, PERSON, STAYS, SAME, "acked", "%w acked it in PagerDuty meanwhile; it stays resolved",
	RULE_AGAIN | RULE_ONCE},
    {DID_ACK, CLAIMED, KNOWN_LIVE, PERSON, STAYS, SAME, "acked", "%w acked it in PagerDuty meanwhile; it stays claimed",
	RULE_AGAIN | RULE_ONCE},
    /* Whose it was has been said, perhaps approved: that is taken back here or not at all. */
    {DID_ACK, CLAIMED, KNOWN_OVER, PERSON, STAYS, SAME, "acked",
	"%w acked it in PagerDuty, which reopens it there; here it stays claimed; try: `reopen %a`", RULE_AFTER | RULE_ONCE},
    {DID_ACK, EXPECTED, KNOWN_ANY, PERSON, STAYS, SAME, "acked", NULL, 0},
    /* PagerDuty drops an event's acknowledgement of what is resolved: something was missed. */
    {DID_ACK, RESOLVED | CLAIMED, KNOWN_OVER, MACHINE | NOBODY, STAYS, SAME, NULL, NULL, RULE_LOOK},

    {DID_UNACK, ACKED, KNOWN_ANY, PERSON, OPENS, NOBODYS, "unacked", "Un-acked by %w in PagerDuty", 0},
    {DID_UNACK, ACKED, KNOWN_ANY, MACHINE, OPENS, NOBODYS, "unacked", "Un-acked in PagerDuty by an integration", 0},
    /* Whoever had it does not see to it any more, or so PagerDuty takes it. */
    {DID_UNACK, ACKED, KNOWN_ANY, NOBODY, OPENS, NOBODYS, "unacked",
	"The acknowledgement ran out in PagerDuty: people are paged again", RULE_LOUD},
    {DID_UNACK, RESOLVED | CLAIMED, KNOWN_OVER, WHOEVER, STAYS, SAME, NULL, NULL, RULE_LOOK},

    /* An ack, an un-ack, an escalation that came later did not know of it, and does not undo it. */
    {DID_RESOLVE, LIVE, KNOWN_ANY, PERSON, RESOLVES, SAME, "resolved", "Resolved by %w in PagerDuty%n", RULE_LATE},
    {DID_RESOLVE, LIVE, KNOWN_ANY, MACHINE, RESOLVES, SAME, "resolved", "Resolved in PagerDuty by an integration%n", RULE_LATE},
    {DID_RESOLVE, LIVE, KNOWN_ANY, NOBODY, RESOLVES, SAME, "resolved", "PagerDuty resolved it by itself (auto-resolve)%n", RULE_LATE},
    /* Nobody was disturbed by what was expected, nor are they by its end. */
    {DID_RESOLVE, EXPECTED, KNOWN_ANY, WHOEVER, RESOLVES, SAME, "resolved", NULL, RULE_LATE},

    {DID_REOPEN, RESOLVED, KNOWN_ANY, PERSON, AS_TOLD, IF_ACKED, "reopened", "Reopened by %w in PagerDuty", 0},
    {DID_REOPEN, RESOLVED, KNOWN_ANY, MACHINE, AS_TOLD, NOBODYS, "reopened", "Reopened in PagerDuty by an integration", 0},
    {DID_REOPEN, RESOLVED, KNOWN_ANY, NOBODY, AS_TOLD, NOBODYS, "reopened", "Reopened in PagerDuty", 0},
    {DID_REOPEN, CLAIMED, KNOWN_ANY, PERSON, STAYS, SAME, "reopened",
	"%w reopened it in PagerDuty; here it stays claimed; try: `reopen %a`", RULE_ONCE},
    {DID_REOPEN, CLAIMED, KNOWN_ANY, MACHINE | NOBODY, STAYS, SAME, NULL,
	"Reopened in PagerDuty; here it stays claimed; try: `reopen %a`", RULE_ONCE},
    /* That it was resolved there was missed, or was not to hold here: what counts is how it is since. */
    {DID_REOPEN, LIVE, KNOWN_ANY, PERSON, AS_TOLD, IF_ACKED, "reopened", "Reopened by %w in PagerDuty", RULE_CHANGES},
    {DID_REOPEN, LIVE, KNOWN_ANY, MACHINE | NOBODY, AS_TOLD, NOBODYS, "reopened", "Reopened in PagerDuty", RULE_CHANGES},

    /* Calling others takes it out of the hands of who had acked it. */
    {DID_ESCALATE, LIVE, KNOWN_ANY, PERSON, IF_TRIGGERED, NOBODYS, "escalated", "Escalated to %t by %w in PagerDuty", RULE_LOUD},
    {DID_ESCALATE, LIVE, KNOWN_ANY, MACHINE, IF_TRIGGERED, NOBODYS, "escalated", "Escalated to %t in PagerDuty by an integration", 0},
    {DID_ESCALATE, LIVE, KNOWN_ANY, NOBODY, IF_TRIGGERED, NOBODYS, "escalated", "PagerDuty called the next: %t", 0},
    {DID_DELEGATE, LIVE, KNOWN_ANY, PERSON, IF_TRIGGERED, NOBODYS, "escalated", "Given to the policy %t by %w in PagerDuty", 0},
    {DID_DELEGATE, LIVE, KNOWN_ANY, MACHINE | NOBODY, IF_TRIGGERED, NOBODYS, "escalated", "Given to the policy %t in PagerDuty", 0},
    {DID_REASSIGN, LIVE, KNOWN_ANY, PERSON, IF_TRIGGERED, GIVEN, "assigned", "Reassigned to %t by %w in PagerDuty", 0},
    {DID_REASSIGN, LIVE, KNOWN_ANY, MACHINE | NOBODY, IF_TRIGGERED, GIVEN, "assigned", "Reassigned to %t in PagerDuty", 0},
    /* None of these can be done to what is resolved: it is not any more. */
    {DID_ESCALATE, RESOLVED | CLAIMED, KNOWN_OVER, WHOEVER, STAYS, SAME, NULL, NULL, RULE_LOOK},
    {DID_DELEGATE, RESOLVED | CLAIMED, KNOWN_OVER, WHOEVER, STAYS, SAME, NULL, NULL, RULE_LOOK},
    {DID_REASSIGN, RESOLVED | CLAIMED, KNOWN_OVER, WHOEVER, STAYS, SAME, NULL, NULL, RULE_LOOK},

    /* What people write is never lost. */
    {DID_NOTE, ANY, KNOWN_ANY, PERSON, STAYS, SAME, "noted", "Note by %w in PagerDuty%n", 0},
    {DID_NOTE, ANY, KNOWN_ANY, MACHINE, STAYS, SAME, "noted", "Note in PagerDuty by an integration%n", 0},
    {DID_NOTE, ANY, KNOWN_ANY, NOBODY, STAYS, SAME, "noted", "Note in PagerDuty%n", 0},
    {DID_SNOOZE, LIVE, KNOWN_ANY, PERSON, STAYS, SAME, NULL, "Snoozed by %w in PagerDuty%u", 0},
    {DID_SNOOZE, LIVE, KNOWN_ANY, MACHINE | NOBODY, STAYS, SAME, NULL, "Snoozed in PagerDuty%u", 0},
    {DID_RESPONDER, LIVE, KNOWN_ANY, PERSON, STAYS, SAME, NULL, "%w asked %t to help, in PagerDuty", 0},
    {DID_RESPONDER, LIVE, KNOWN_ANY, MACHINE | NOBODY, STAYS, SAME, NULL, "PagerDuty asked %t to help", 0},
    {DID_MERGE, ANY, KNOWN_ANY, PERSON, STAYS, SAME, "noted", "Merged into %i by %w in PagerDuty", 0},
    {DID_MERGE, ANY, KNOWN_ANY, MACHINE | NOBODY, STAYS, SAME, "noted", "Merged into %i in PagerDuty", 0},
};

const struct rule *rule_of(enum did did, enum alert_status here, enum known known, enum agent agent)
{
	static const struct rule none = {.becomes = STAYS, .whose = SAME};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].did == did && (rules[i].here & 1u << here) != 0 && (rules[i].known & known) != 0 &&
		    (rules[i].agents & 1u << agent) != 0)
			return &rules[i];
	}
	return &none;
}
