/*
 * changes - announcements as PagerDuty's change events, for the services whose alerts they may touch.
 * developer.pagerduty.com/docs/send-change-events
 */
#ifndef HANDLERS_PAGERDUTY_CHANGES_H
#define HANDLERS_PAGERDUTY_CHANGES_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define CHANGE_KEYS_MAX 16 /* services that one announcement is told to */

/* ANNOUNCEMENT begins to count: leaves a change event for each routing key of the routes that its matches may take. */
bool change_say(struct desk *desk, const struct announcement *announcement, struct error *err);
/* The body of one, with the routing key that KEY names; NULL with an error. The caller frees. */
cJSON *change_event(struct desk *desk, const struct announcement *announcement, const char *key, struct error *err);

#endif
