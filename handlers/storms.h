/*
 * storms - many alerts of one rule are one card: it counts them, and what is done with it is done with all of them.
 *
 * A storm begins when more than slack.storm_after alerts of a rule wait for a card in one channel; those take no card of their own any
 * more, nor does what comes of that rule there until it was quiet for STORM_QUIET_S. Critical ones always have their own.
 */
#ifndef HANDLERS_STORMS_H
#define HANDLERS_STORMS_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define STORM_QUIET_S 600 /* without a new one, the next is news again */
#define STORM_SLICE 100   /* alerts that are acked or resolved in one go, and as many a second after that */

#define ACTION_STORM_ACK "storm_ack" /* S12:7 */
#define ACTION_STORM_RESOLVE "storm_resolve"

/* Who tells of ALERT in CHANNEL, where its card does not stand yet: *STORM, or (0) a card of its own. */
bool storm_take(struct desk *desk, const struct alert *alert, const char *channel, int64_t *storm, struct error *err);
/* Does a storm tell of it there? */
bool storm_has(struct desk *desk, const struct alert *alert, const char *channel);
/* VERB (ack, resolve) for all of storm ID's that it applies to; SAID gets the answer to who pressed. ERROR_NOT_FOUND, ERROR_FORBIDDEN. */
bool storm_act(struct desk *desk, const struct actor *actor, int64_t id, const char *verb, struct buf *said, struct error *err);
/* Goes on with that; called about once a second. */
bool storms_tick(struct desk *desk, struct error *err);
/* Puts the message of storm ID into BODY, as card_put_alert() does; false when it is no more. */
bool card_put_storm(struct desk *desk, int64_t id, bool is_plain, cJSON *body, struct error *err);

#endif
