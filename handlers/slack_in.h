/*
 * slack_in - what Slack tells us: envelopes' payloads, whatever the transport.
 */
#ifndef HANDLERS_SLACK_IN_H
#define HANDLERS_SLACK_IN_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

/* Who we are there: from auth.test. */
struct slack_self {
	char user_id[32], bot_id[32], team_id[32];
	char url[128]; /* of the workspace, "https://example.slack.com/"; "": not known */
};

/*
 * An envelope's TYPE (events_api, slash_commands, interactive; anything else is ignored) and PAYLOAD. *ANSWER, when set, goes into
 * the acknowledgement (owned by the caller). Unknown shapes are no error: a bare ack. What was seen before does nothing. Where desk->later is set
 * (handlers/later.h) a better answer comes: a text for slack_in_ephemeral(), or an object that is the whole answer.
 * False: nothing was stored (ERR says why).
 */
bool slack_in(struct desk *desk, const struct slack_self *self, const char *type, const cJSON *payload, cJSON **answer,
    struct error *err);
/* TEXT (mrkdwn) as an answer to a slash command, for who typed it alone. */
cJSON *slack_in_ephemeral(const char *text);
/* What a command or a press is told when the disk failed after all; NULL for types that are repeated by Slack. The caller frees. */
cJSON *slack_in_unstored(const char *type, const cJSON *payload);

#endif
