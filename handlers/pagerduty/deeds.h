/*
 * deeds - what people do here with an alert is done in PagerDuty too, as them.
 *
 * With a REST token a deed is a conversation: find the incident of the alert, read it, change it as the person who pressed, add their
 * words as a note. Without one, where it is refused, or where no incident is found, what events can do (acknowledge, resolve, trigger) is
 * done by events; what they cannot is told in the thread.
 */
#ifndef HANDLERS_PAGERDUTY_DEEDS_H
#define HANDLERS_PAGERDUTY_DEEDS_H

#include "handlers/pagerduty/rest.h"

#define DEED_FIND_S 60     /* an incident is looked for so long after its page was taken: 1, 2, 4, 8 … s apart */
#define DEED_PAGE_WAIT_S 2 /* between looks at whether the page has left */

/*
 * ACTOR did VERB (ack unack resolve reopen escalate note assign) with ALERT, which is written already; NOTE and TO may be NULL. What
 * came from PagerDuty itself (ACTOR->via "pagerduty") goes no way back. Nothing where the alert has no page.
 */
bool deed_leave(struct desk *desk, const struct actor *actor, const struct alert *alert, const char *verb, const char *note, const char *to,
    struct error *err);
/* ALERT's page was taken: its incident is to be found. */
bool deed_find_incident(struct desk *desk, int64_t alert, struct error *err);
/* How ALERT's incident stands is asked, once what is on its way there was said: incident_read() hears it. */
bool deed_look(struct desk *desk, int64_t alert, struct error *err);
/* PagerDuty is to be told once more how ALERT stands (it changed here last); at most DEED_AGAIN_MAX times for each of its changes. */
#define DEED_AGAIN_MAX 3
bool deed_again(struct desk *desk, const struct alert *alert, struct error *err);

/*
 * What waits while the REST API cannot be asked (desk->rest_away_since) for DEED_LATE_S: events say what they can, so that nobody is called
 * for what is in hand, and the thread tells. The deeds go on waiting, and name the person when it can be asked again.
 */
#define DEED_LATE_S 30
bool deeds_tick(struct desk *desk, struct error *err);

extern const struct conversation deed_conversation;

#endif
