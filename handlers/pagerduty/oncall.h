/*
 * oncall - who is on call now, per escalation policy, as PagerDuty says.
 */
#ifndef HANDLERS_PAGERDUTY_ONCALL_H
#define HANDLERS_PAGERDUTY_ONCALL_H

#include "handlers/commands.h"
#include "handlers/pagerduty/rest.h"

#define ONCALL_ASK_S 120   /* how often it is asked for while working hours make a difference */
#define ONCALL_FRESH_S 600 /* what is older decides nothing */
#define ONCALL_ROWS_MAX 2000

/* Asks, and answers ASKED when PagerDuty has: TEAM is the name of a policy, or a part of it; NULL: all. */
bool oncall_tell(struct desk *desk, const struct asked *asked, const char *team, struct error *err);
/*
 * Is WHO (a Slack id) called first by some policy, as PagerDuty said not long ago? False also when nobody knows: outside working hours that
 * means that an approval is needed.
 */
bool oncall_has(struct desk *desk, const char *who);
/* Asks when it is due; only where working hours make a difference. */
bool oncall_tick(struct desk *desk, struct error *err);

extern const struct conversation oncall_conversation;

#endif
