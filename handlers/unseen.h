/*
 * unseen - what is critical or high, and nobody has: paged while Slack is out of reach, and told again when it was left lying.
 */
#ifndef HANDLERS_UNSEEN_H
#define HANDLERS_UNSEEN_H

#include "handlers/desk.h"

#define UNSEEN_GRACE_S 10    /* what came this shortly ago may still be on its way to Slack */
#define UNSEEN_ROWS_MAX 2000 /* alerts that one tick looks at */
#define UNSEEN_PAGES_MAX 50  /* and pages */
#define REMINDERS_MAX 20     /* that one tick says */
#define REMINDER_LASTS_S 1800

/*
 * Pages what is open, critical or high, and stands nowhere in Slack, when Slack has been out of reach for slack.fallback_after
 * (desk->slack_away_since): by its route's key, else by pagerduty.routing_key; once an alert. Says once in an alert's thread, and in the channel,
 * that nobody has acked it for remind_after, and pages it where its route does. Called about once a second.
 */
bool unseen_tick(struct desk *desk, struct error *err);
/* How many alerts could be paged by no key while Slack is out of reach; 0: none, or it is not. */
size_t unseen_unpaged(const struct desk *desk);

#endif
