/*
 * card - how an alert and an announcement look in Slack: the one place where their messages are made.
 *
 * A card is at most CARD_BLOCKS_MAX blocks: what, facts, why it is here, who did what, buttons. It is made anew from the facts each
 * time it is said, within the limits of docs.slack.dev/reference/block-kit, and its foreign text is made inert (handlers/slack_text.h).
 */
#ifndef HANDLERS_CARD_H
#define HANDLERS_CARD_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define CARD_BLOCKS_MAX 6
#define CARD_TEXT_MAX 3900   /* UTF-16 units of a message's top-level text: chat.update takes 4,000 */
#define CARD_PLAIN_MAX 700   /* of the plain form, which is sent when Slack refused the other */
#define CARD_ANSWER_MAX 9000 /* of one answer, over all its blocks */

/* The actions that buttons carry; their values are `A1042:7` (`A1042:7:why` under …), id and version, or `H17:3`. */
#define ACTION_ACK "alert_ack"
#define ACTION_RESOLVE "alert_resolve"
#define ACTION_ESCALATE "alert_escalate"
#define ACTION_CLAIM "alert_claim" /* "That was me" */
#define ACTION_MORE "alert_more"
#define ACTION_END "announcement_end"
#define ACTION_EXTEND "announcement_extend"
#define ACTION_NOT_ME "announcement_not_me"
#define ACTION_APPROVE "announcement_approve" /* H17:3:2, the third is the edition that was drawn */
#define ACTION_DENY "announcement_deny"
#define ACTION_REAL "alert_real" /* A1042:7:H17 */

/*
 * Puts "text" and "blocks" of the alert's message into BODY; with IS_PLAIN only a short "text". BODY is to be sent with
 * "mrkdwn": false where the method takes it, and "parse": "none". A BODY with a "ts" edits a message: it calls nobody by the route's mention.
 */
void card_put_alert(const struct desk *desk, const struct alert *alert, bool is_plain, cJSON *body);
/* The same of the announcement's message. */
void card_put_announcement(const struct desk *desk, const struct announcement *announcement, bool is_plain, cJSON *body);
/*
 * Puts an answer or a line of a thread (TEXT is mrkdwn, already escaped) into BODY: as "text", and where that is too long for one text,
 * as "blocks" cut at line ends as well; what does not fit is said to be left out.
 */
void card_put_answer(const char *text, bool is_plain, cJSON *body);
/* Puts BUTTONS ({"action","label","value","style"}, at most CARD_BUTTONS_MAX) under such an answer; NULL: none. */
#define CARD_BUTTONS_MAX 5
void card_put_buttons(const char *text, const cJSON *buttons, cJSON *body);
/* ":red_circle: CRITICAL · sshd: key added for root · web-3", within UNITS; nothing escaped. */
void card_title(const struct alert *alert, bool has_emoji, size_t units, struct buf *out);
/* The same as mrkdwn, with its emoji. */
void card_put_title(const struct alert *alert, size_t units, struct buf *out);

#endif
