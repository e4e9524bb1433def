#include "handlers/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/card.h"
#include "handlers/grammar.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define SUMMARY_MAX 1024     /* characters, PagerDuty's own limit */
#define SUMMARY_TITLE_UNITS 850
#define DETAIL_UNITS 1024
#define DESCRIPTION_UNITS 8000
#define URL_MAX 2000
#define UNSEEN_UNITS 3000      /* of a card's text: fits beside WORD_PAGE_MAX */
#define UNSEEN_BYTES_MAX 65536

/* PagerDuty knows four severities and takes no other word. */
static const char *page_severity(enum severity severity)
{
	switch (severity) {
	case SEVERITY_CRITICAL:
		return "critical";
	case SEVERITY_HIGH:
		return "error";
	case SEVERITY_MEDIUM:
		return "warning";
	case SEVERITY_LOW:
	case SEVERITY_INFO:
		break;
	}
	return "info";
}

static void put_plain(cJSON *object, const char *name, const char *text, size_t units)
{
	struct buf plain;

	if (text_is_empty(text))
		return;
	buf_init(&plain, units * 4 + 4);
	buf_put_plain(&plain, text, units);
	cJSON_AddStringToObject(object, name, buf_text(&plain));
	buf_fini(&plain);
}

static void put_summary(cJSON *payload, const struct alert *alert)
{
	struct buf text;

	buf_init(&text, SUMMARY_MAX * 4);
	card_title(alert, false, SUMMARY_TITLE_UNITS, &text);
	buf_printf(&text, " (A%" PRId64 ")", alert->id);
	put_plain(payload, "summary", buf_text(&text), SUMMARY_MAX);
	buf_fini(&text);
}

static void put_labels(cJSON *details, const struct alert *alert)
{
	cJSON *labels;

	if (alert->label_count == 0)
		return;
	labels = cJSON_AddObjectToObject(details, "labels");
	for (size_t i = 0; i < alert->label_count; i++) {
		struct buf name;

		buf_init(&name, ALERT_LABEL_NAME_MAX * 4);
		buf_put_plain(&name, alert->labels[i].name, ALERT_LABEL_NAME_MAX);
		put_plain(labels, buf_text(&name), alert->labels[i].value, DETAIL_UNITS);
		buf_fini(&name);
	}
}

static cJSON *details(const struct alert *alert)
{
	cJSON *all = cJSON_CreateObject();
	char id[24];

	snprintf(id, sizeof(id), "A%" PRId64, alert->id);
	cJSON_AddStringToObject(all, "id", id);
	cJSON_AddStringToObject(all, "severity", severity_name(alert->severity));
	put_plain(all, "source", alert->source, DETAIL_UNITS);
	put_plain(all, "rule", alert->rule, DETAIL_UNITS);
	put_plain(all, "title", alert->title, DETAIL_UNITS);
	put_plain(all, "description", alert->description, DESCRIPTION_UNITS);
	put_plain(all, "actor", alert->actor, DETAIL_UNITS);
	put_plain(all, "host", alert->host, DETAIL_UNITS);
	put_plain(all, "ip", alert->ip, DETAIL_UNITS);
	put_plain(all, "process", alert->process, DETAIL_UNITS);
	put_plain(all, "service", alert->service, DETAIL_UNITS);
	put_plain(all, "env", alert->env, DETAIL_UNITS);
	put_plain(all, "account", alert->account, DETAIL_UNITS);
	put_plain(all, "region", alert->region, DETAIL_UNITS);
	put_plain(all, "url", alert->url, DETAIL_UNITS);
	put_plain(all, "why", alert->mark, DETAIL_UNITS);
	put_plain(all, "notes", alert->notes, DETAIL_UNITS);
	json_put_int(all, "count", alert->count);
	put_labels(all, alert);
	return all;
}

static cJSON *payload(const struct alert *alert)
{
	cJSON *object = cJSON_CreateObject();
	int64_t at = alert->occurred_at != TIME_NONE ? alert->occurred_at : alert->received_at;

	put_summary(object, alert);
	if (!text_is_empty(alert->host))
		put_plain(object, "source", alert->host, DETAIL_UNITS);
	else
		put_plain(object, "source", alert->source, DETAIL_UNITS);
	/* required, and not empty: a name of nothing but invisible characters is none */
	if (text_is_empty(json_text(object, "source"))) {
		cJSON_DeleteItemFromObjectCaseSensitive(object, "source");
		cJSON_AddStringToObject(object, "source", "headsup");
	}
	cJSON_AddStringToObject(object, "severity", page_severity(alert->severity));
	if (at != TIME_NONE && at > 0)
		json_put_time(object, "timestamp", at);
	put_plain(object, "component", alert->service, DETAIL_UNITS);
	put_plain(object, "group", text_is_empty(alert->env) ? alert->account : alert->env, DETAIL_UNITS);
	put_plain(object, "class", alert->rule, DETAIL_UNITS);
	cJSON_AddItemToObject(object, "custom_details", details(alert));
	return object;
}

static void put_link(cJSON *links, const char *href, const char *text)
{
	cJSON *link = cJSON_CreateObject();

	cJSON_AddStringToObject(link, "href", href);
	cJSON_AddStringToObject(link, "text", text);
	cJSON_AddItemToArray(links, link);
}

static bool is_web_url(const char *url)
{
	size_t len = url != NULL ? strnlen(url, URL_MAX + 1) : 0;

	if (len == 0 || len > URL_MAX || text_has_invisible(url) || strpbrk(url, " \"<>\\") != NULL)
		return false;
	return text_prefix(url, "https://") || text_prefix(url, "http://");
}

/* Back to us, and to what the alert's source says of it. */
static void put_links(cJSON *event, const struct desk *desk, const struct alert *alert)
{
	const char *public_url = desk->config->public_url;
	cJSON *links = cJSON_CreateArray();
	struct buf url;

	if (!text_is_empty(public_url)) {
		buf_init(&url, URL_MAX);
		buf_printf(&url, "%s/v1/alerts/A%" PRId64, public_url, alert->id);
		put_link(links, buf_text(&url), "the alert in headsup");
		buf_fini(&url);
		cJSON_AddStringToObject(event, "client_url", public_url);
	}
	if (is_web_url(alert->url))
		put_link(links, alert->url, "as its source shows it");
	if (cJSON_GetArraySize(links) > 0)
		cJSON_AddItemToObject(event, "links", links);
	else
		cJSON_Delete(links);
}

/* PagerDuty refuses bodies above 512 KB: what is least needed goes first. */
static void fit(cJSON *event)
{
	static const char *const least[] = {"labels", "description", NULL};

	for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++) {
		cJSON *object = cJSON_GetObjectItemCaseSensitive(event, "payload");
		char *text = json_write(event);
		size_t len = text != NULL ? strlen(text) : 0;

		free(text);
		if (len <= WORD_PAGE_MAX)
			return;
		if (least[i] == NULL)
			cJSON_DeleteItemFromObjectCaseSensitive(object, "custom_details");
		else
			cJSON_DeleteItemFromObjectCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(object, "custom_details"), least[i]);
	}
}

static const char *key_prefix(const struct desk *desk)
{
	const char *prefix = desk->config->pagerduty.dedup_prefix;

	return text_is_empty(prefix) ? "headsup" : prefix;
}

void page_dedup_key(const struct desk *desk, int64_t alert, char out[PAGE_KEY_MAX + 1])
{
	snprintf(out, PAGE_KEY_MAX + 1, "%.200s-A%" PRId64, key_prefix(desk), alert);
}

bool page_key_alert(const struct desk *desk, const char *text, int64_t *alert)
{
	const char *prefix = key_prefix(desk);
	const size_t len = strnlen(prefix, 200);

	return text != NULL && strncmp(text, prefix, len) == 0 && text[len] == '-' && id_parse(text + len + 1, 'A', alert);
}

cJSON *page_event(const struct desk *desk, const struct alert *alert, const char *action, struct error *err)
{
	const char *key = alert->page_key != NULL ? config_routing_key(desk->config, alert->page_key) : NULL;
	char dedup_key[PAGE_KEY_MAX + 1];
	cJSON *event;

	if (key == NULL) {
		error_set(err, ERROR_NOT_FOUND, "A%" PRId64 " pages through a routing key that the configuration has no more (%s)",
		    alert->id, alert->page_key != NULL ? alert->page_key : "none");
		return NULL;
	}
	page_dedup_key(desk, alert->id, dedup_key);
	event = cJSON_CreateObject();
	cJSON_AddStringToObject(event, "routing_key", key);
	cJSON_AddStringToObject(event, "event_action", action);
	cJSON_AddStringToObject(event, "dedup_key", dedup_key);
	if (strcmp(action, "trigger") == 0) {
		cJSON_AddStringToObject(event, "client", "headsup");
		put_links(event, desk, alert);
		cJSON_AddItemToObject(event, "payload", payload(alert));
		fit(event);
	}
	return event;
}

/* ---- in the place of Slack ---------------------------------------------------------------------------------- */

/* A time as "<!date^…|2026-03-02 18:45 UTC>" is what it falls back to. */
static void put_undated(struct buf *out, const char *mrkdwn)
{
	const char *at = mrkdwn, *date;

	while ((date = strstr(at, "<!date^")) != NULL) {
		const char *bar = strchr(date, '|'), *end = strchr(date, '>');

		if (bar == NULL || end == NULL || bar > end)
			break;
		buf_put(out, at, (size_t)(date - at));
		buf_put(out, bar + 1, (size_t)(end - bar - 1));
		at = end + 1;
	}
	buf_puts(out, at);
}

static void put_text_of(struct buf *out, const cJSON *object)
{
	const char *text = json_text(object, "text");

	struct buf undated;
	char *plain;

	if (text_is_empty(text))
		return;
	if (out->len > 0)
		buf_puts(out, " | ");
	if (strcmp(json_text(object, "type"), "plain_text") == 0) {
		buf_puts(out, text);
		return;
	}
	buf_init(&undated, UNSEEN_BYTES_MAX);
	put_undated(&undated, text);
	plain = slack_plain(buf_text(&undated), UNSEEN_BYTES_MAX);
	buf_puts(out, plain);
	free(plain);
	buf_fini(&undated);
}

/* The texts of a card's blocks; its buttons say nothing of the alert. */
static void put_blocks(struct buf *out, const cJSON *blocks)
{
	const cJSON *block, *one;

	cJSON_ArrayForEach(block, blocks) {
		if (json_get(block, "text") != NULL)
			put_text_of(out, json_get(block, "text"));
		cJSON_ArrayForEach(one, json_get(block, "fields"))
			put_text_of(out, one);
		if (strcmp(json_text(block, "type"), "context") != 0)
			continue;
		cJSON_ArrayForEach(one, json_get(block, "elements"))
			put_text_of(out, one);
	}
}

void page_put_unseen(const struct desk *desk, const struct alert *alert, cJSON *event)
{
	cJSON *all = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event, "payload"), "custom_details");
	cJSON *card = cJSON_CreateObject();
	struct buf text;

	if (all != NULL) {
		card_put_alert(desk, alert, false, card);
		buf_init(&text, UNSEEN_BYTES_MAX);
		put_blocks(&text, json_get(card, "blocks"));
		cJSON_AddStringToObject(all, "why_paged", "Slack is out of reach");
		put_plain(all, "slack", buf_text(&text), UNSEEN_UNITS);
		buf_fini(&text);
	}
	cJSON_Delete(card);
}
