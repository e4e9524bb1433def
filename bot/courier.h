/*
 * courier - carries the outbox out: lanes, order within a subject, rate limits, retries, and a look
 * before saying it again.
 */
#ifndef BOT_COURIER_H
#define BOT_COURIER_H

#include "bot/loop.h"
#include "bot/slack.h"
#include "bot/web.h"

#define COURIER_IN_FLIGHT_MAX 64      /* calls at once, over all lanes */
#define COURIER_LANE_IN_FLIGHT_MAX 16 /* of one lane */
#define COURIER_REST_IN_FLIGHT_MAX 4  /* of PAGERDUTY_LANE, which Slack's never take */

struct courier; /* opaque */
/* Recovers what a crash left (marked unsure) and registers itself with LOOP. */
struct courier *courier_new(
    struct loop *loop, struct web *web, const struct config *config, struct error *err);
void courier_free(struct courier *courier);
void courier_reload(struct courier *courier, const struct config *config);
/* Does nothing get through to Slack: calls fail in a row by network or 5xx, or our token is refused? */
bool courier_slack_is_away(const struct courier *courier);
/* When something last got through to it, in seconds since 1970; TIME_NONE: nothing did since the start. */
int64_t courier_slack_said_at(const struct courier *courier);
/* Does PagerDuty's REST API give no answer, or refuse our token? */
bool courier_rest_is_away(const struct courier *courier);
/* Lanes that wait for a person, as sentences, for /readyz. */
void courier_degraded(const struct courier *courier, cJSON *list);
void courier_metrics(const struct courier *courier, struct buf *out);

#endif
