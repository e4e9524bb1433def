/*
 * entry - one entry of PagerDuty's log: what is read of it is in poll.h (poll_read()), what is kept of it is here.
 *
 * developer.pagerduty.com/api-reference, list log entries
 */
#ifndef HANDLERS_PAGERDUTY_ENTRY_H
#define HANDLERS_PAGERDUTY_ENTRY_H

#include "handlers/pagerduty/incidents.h"

#define ENTRY_PEOPLE_MAX 20     /* that one entry names */
#define ENTRY_NAME_MAX 512      /* bytes kept of a name, a time, a link */
#define ENTRY_SPACE_MAX (ENTRY_PEOPLE_MAX * (ENTRY_NAME_MAX + 2)) /* bytes that poll_read()'s space needs */

/* Which of what can happen it tells of, by its type alone; false: of nothing that concerns an alert. */
bool entry_did(const cJSON *entry, enum did *did);
/* All that poll_read() looks at, and no more: an entry comes with its whole incident, and with the event that was sent. The caller frees. */
cJSON *entry_compact(const cJSON *entry);

#endif
