/*
 * decode - texts that senders wrapped once more: percent signs, base64, HTML entities, Slack's markup, forms.
 *
 * All give text: UTF-8 without NUL, what is broken as U+FFFD. The caller frees.
 */
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define FORM_FIELDS_MAX 64

/* LEN bytes as text. */
char *text_mend(const char *text, size_t len);
bool text_is_utf8(const char *text, size_t len); /* and has no NUL */
/* %XX undone, and + where IS_FORM; a % that begins no such thing stays. */
char *decode_percent(const char *text, size_t len, bool is_form);
/* Base64, the URL alphabet too, with or without its =; NULL when it is none. *LEN (may be NULL) gets the bytes. */
char *decode_base64(const char *text, size_t *len);
/* &quot; &#39; &#x2F; and the like, in place: as Mustache and Go's templates write them. */
void decode_html(char *text);
/* <https://a|b> is b, <https://a> is https://a, <!here> is @here, <@U1> is @U1, &lt; is <; in place. docs.slack.dev/messaging/formatting-message-text */
void decode_slack(char *text);
/* a=1&b=2 as an object of texts; NULL when it is no such thing. */
cJSON *decode_form(const char *text, size_t len);

#endif
