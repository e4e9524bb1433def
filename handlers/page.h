/*
 * page - what PagerDuty is told of an alert: events of its Events API v2 (developer.pagerduty.com/docs/events-api-v2).
 */
#ifndef HANDLERS_PAGE_H
#define HANDLERS_PAGE_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

/*
 * The body of ACTION (trigger acknowledge resolve) about ALERT, at most WORD_PAGE_MAX bytes when written. It holds the routing key, which
 * is a secret. NULL with ERROR_NOT_FOUND when the configuration has that key no more. The caller frees.
 */
cJSON *page_event(const struct desk *desk, const struct alert *alert, const char *action, struct error *err);
/* The dedup key of ALERT's page ("headsup-A1042"), by which its incidents are found. */
#define PAGE_KEY_MAX 255
void page_dedup_key(const struct desk *desk, int64_t alert, char out[PAGE_KEY_MAX + 1]);
/* The alert whose page has the dedup key TEXT; false: it is none of ours. */
bool page_key_alert(const struct desk *desk, const char *text, int64_t *alert);
/* What Slack should have shown of ALERT, as text, goes into the details of EVENT, a trigger. */
void page_put_unseen(const struct desk *desk, const struct alert *alert, cJSON *event);

#endif
