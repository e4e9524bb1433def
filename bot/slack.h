/*
 * slack - the connection to Slack: a state machine as a table, Socket Mode under it.
 *
 * Slack wants an answer within 3 s: an envelope is handed to handlers, and acknowledged when the
 * transaction is on disk.
 */
#ifndef BOT_SLACK_H
#define BOT_SLACK_H

#include "bot/loop.h"
#include "bot/web.h"
#include "handlers/slack_in.h"

struct slack; /* opaque */
/* NULL with ERROR_USAGE (mode: rtm is not served) or ERROR_IO. */
struct slack *slack_new(
    struct loop *loop, struct web *web, const struct config *config, struct error *err);
void slack_start(struct slack *slack);
/* Closes politely without waiting: SIGTERM. */
void slack_stop(struct slack *slack);
/* The loop has to be run once more, to let go of its handles. */
void slack_free(struct slack *slack);
/* "connected", "connecting", "waiting", "refused" (a person must act: the token, the scopes),
 * "off". */
const char *slack_status(const struct slack *slack);
const char *slack_problem(const struct slack *slack); /* NULL: none */
const struct slack_self *slack_self(const struct slack *slack);
/* Seconds since it was last reachable (0 while connected). */
int64_t slack_away_s(const struct slack *slack);
/* While the old configuration is still there: a connection is made anew only where tokens,
 * address or trust changed. */
void slack_reload(struct slack *slack, const struct config *config);
void slack_metrics(const struct slack *slack, struct buf *out);

#endif
