/*
 * poll - what happened in PagerDuty since we last heard, and how our incidents stand.
 *
 * The log (GET /log_entries) tells who did what, in order; the incidents themselves tell how things stand now. The log is read every
 * poll_interval where no webhooks come, else every POLL_BESIDE_HOOKS_S; all live incidents are read at the start, hourly, and after a gap.
 */
#ifndef HANDLERS_PAGERDUTY_POLL_H
#define HANDLERS_PAGERDUTY_POLL_H

#include "handlers/pagerduty/incidents.h"
#include "handlers/pagerduty/rest.h"

#define POLL_BESIDE_HOOKS_S 30 /* webhooks get lost: both sides agree within a minute all the same */
#define POLL_OVERLAP_S 120     /* entries appear late; what was told is recognised */
#define POLL_GAP_S 300         /* not heard for longer than this: everything is read */
#define POLL_ALL_S 3600        /* and at least so often */
#define POLL_PAGES_MAX 20      /* of the log in one go; past it the incidents themselves are read */
#define POLL_BACK_MAX_S 86400  /* the log is not read from further back */

/* Leaves a poll when one is due. */
bool poll_tick(struct desk *desk, struct error *err);
/* One entry of the log; false: nothing that is to be told. SPACE keeps what CHANGE points to besides ENTRY. */
bool poll_read(const cJSON *entry, struct change *change, struct buf *space);

extern const struct conversation poll_conversation;

#endif
