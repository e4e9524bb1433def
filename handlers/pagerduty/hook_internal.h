/* hook_internal - what the files of the webhooks share: handlers/pagerduty/hook*.c alone. */
#ifndef HANDLERS_PAGERDUTY_HOOK_INTERNAL_H
#define HANDLERS_PAGERDUTY_HOOK_INTERNAL_H

#include "handlers/pagerduty/hook.h"

/* Of an event, what is kept while something is asked. */
#define KEPT_UNITS 1024  /* of any text, */
#define NOTE_UNITS 32768 /* but of a note */
#define KEPT_ROWS_MAX 20 /* of any list */
#define NAMES_MAX 5      /* that are written out, of people it is given to */
#define NAMES_BYTES_MAX (KEPT_UNITS * 4 * (NAMES_MAX + 1))

/* hook_event.c */
/* The incident that EVENT is about, or a reference to it; NULL: none. Borrowed. */
const cJSON *hook_incident(const cJSON *event);
/* What is read of EVENT, by hook_read() and incident_link(), and no more of it. NULL: nothing. The caller frees. */
cJSON *hook_compact(const cJSON *event);

/* hook_ask.c */
/* CHANGE, which EVENT (compact) tells, is applied, or asked about first. */
bool hook_take(struct desk *desk, const cJSON *event, const struct change *change, struct error *err);

#endif
