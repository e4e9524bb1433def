/*
 * told - whether a change in PagerDuty was told before, by whichever way, or is our own doing come back.
 *
 * Webhooks and the log have no name in common for what they tell: it is the same when it is the same thing, done to the same incident by
 * the same person, within CHANGE_SLACK_S. What was told is remembered for CHANGE_KEEP_S.
 */
#ifndef HANDLERS_PAGERDUTY_TOLD_H
#define HANDLERS_PAGERDUTY_TOLD_H

#include "handlers/pagerduty/incidents.h"

/* Was CHANGE told before? It is from now on. */
bool change_told(struct desk *desk, const struct change *change, bool *again, struct error *err);
/* Is it what we were about to do (storage_add_intent())? That is used up then. Machines' never is: we do nothing there but as somebody. */
bool change_is_ours(struct desk *desk, const struct change *change, bool *taken, struct error *err);
/* A resolving's reason comes as a note too: was that told already? It is from now on. */
bool change_note_told(struct desk *desk, const struct change *change, bool *again, struct error *err);

#endif
