/*
 * slack_text - the one door through which foreign text enters Slack, and comes out of it.
 *
 * reference: docs.slack.dev/messaging/formatting-message-text. What is put in can mention nobody, link nowhere, format nothing and
 * start no new line; it is cut to UNITS UTF-16 units before escaping, on a character boundary, with … where it was cut.
 */
#ifndef HANDLERS_SLACK_TEXT_H
#define HANDLERS_SLACK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"
#include "handlers/desk.h"

/* Foreign TEXT into mrkdwn: & < > escaped, formatting characters and bare links made inert, control and bidi characters gone, line ends to blanks. */
void buf_put_mrkdwn(struct buf *buf, const char *text, size_t units);
/* The same as a code span, its two backticks included; backticks in TEXT are replaced. Nothing for a text without a visible character. */
void buf_put_code(struct buf *buf, const char *text, size_t units);
/* For plain_text objects and for tools that are not Slack: controls stripped, :emoji: made inert, nothing escaped. */
void buf_put_plain(struct buf *buf, const char *text, size_t units);
/* For top-level text that goes out with "mrkdwn": false and "parse": "none": & < > escaped, and as buf_put_plain() otherwise. */
void buf_put_escaped(struct buf *buf, const char *text, size_t units);
/* `<@U1>` for a Slack user's id, else the name, escaped; "somebody" for NULL. */
void buf_put_person(struct buf *buf, const struct config *config, const char *who);
/* A link of our own, `<url|label>`: only http(s), percent-encoded; otherwise the label alone. */
void buf_put_link(struct buf *buf, const char *url, const char *label);
/* AT as each reader's own clock shows it (`<!date^…>`), with UTC for those who see no dates. */
void buf_put_when(struct buf *buf, int64_t at);

/* U or W and then upper-case letters and digits: what may stand in <@…>. */
bool slack_is_user(const char *id);
/* S and then the same: a user group. */
bool slack_is_group(const char *id);
/* C, G or D and then upper-case letters and digits: an id of a channel or direct message, not a #name. */
bool slack_is_channel_id(const char *id);

/*
 * What Slack made of typed text, made plain again: <@U1|x> stays <@U1>, <mailto:a@b|a@b> is a@b, <http://web-3|web-3> is web-3,
 * <https://x> is https://x, <#C1|general> stays <#C1>, curly quotes are straight, en and em dashes before a word are - or --,
 * no-break spaces are blanks, &amp; &lt; &gt; are & < >. At most MAX bytes. The caller frees.
 */
char *slack_plain(const char *text, size_t max);

#endif
