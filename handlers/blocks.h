/*
 * blocks - Block Kit, piece by piece: docs.slack.dev/reference/block-kit. Unknown members are refused there, so each piece has exactly these.
 *
 * Text is the caller's to make inert and to keep within Slack's limits. An empty text is refused.
 */
#ifndef HANDLERS_BLOCKS_H
#define HANDLERS_BLOCKS_H

#include <cjson/cJSON.h>

cJSON *blocks_plain(const char *text);
cJSON *blocks_mrkdwn(const char *text);
/* Adds a block of TYPE to the list; ID NULL: Slack makes one. The block is borrowed from the list. */
cJSON *blocks_add(cJSON *blocks, const char *type, const char *id);
void blocks_add_section(cJSON *blocks, const char *id, const char *mrkdwn);
void blocks_add_context(cJSON *blocks, const char *id, const char *mrkdwn);
/* STYLE: primary, danger, or NULL. */
void blocks_add_button(cJSON *elements, const char *action, const char *label, const char *value, const char *style);

#endif
