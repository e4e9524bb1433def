#include "handlers/card.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/blocks.h"
#include "handlers/pagerduty/incidents.h"
#include "handlers/preview.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"

/* docs.slack.dev/reference/block-kit: limits are counted on escaped text, in UTF-16 units to be safe. */
#define HEADER_MAX 150
#define TEXT_OBJECT_MAX 3000
#define FIELD_OBJECT_MAX 2000
#define FIELDS_MAX 6

/* UTF-16 units of foreign text before it is escaped, which makes five of one at the most: all blocks together stay under 10,000,
 * above which Slack refuses with msg_blocks_too_long. */
#define TITLE_UNITS 1024
#define FALLBACK_UNITS 600
#define TARGET_UNITS 100
#define VALUE_UNITS 150
#define MARK_UNITS 120
#define NOTES_UNITS 120
#define NAME_UNITS 40
#define REASON_UNITS 300
#define MATCHES_SHOWN 12
#define MATCH_UNITS 100

static const char *const severity_emoji[] = {
    [SEVERITY_INFO] = ":white_circle:",
    [SEVERITY_LOW] = ":large_blue_circle:",
    [SEVERITY_MEDIUM] = ":large_yellow_circle:",
    [SEVERITY_HIGH] = ":large_orange_circle:",
    [SEVERITY_CRITICAL] = ":red_circle:",
};
static const char *const severity_word[] = {
    [SEVERITY_INFO] = "INFO",
    [SEVERITY_LOW] = "LOW",
    [SEVERITY_MEDIUM] = "MEDIUM",
    [SEVERITY_HIGH] = "HIGH",
    [SEVERITY_CRITICAL] = "CRITICAL",
};
/* Colour by state, and its word with it. */
static const struct {
	const char *emoji, *word;
} states[] = {
    [ALERT_OPEN] = {":large_red_square:", "Open"},
    [ALERT_ACKED] = {":large_yellow_square:", "Acked"},
    [ALERT_RESOLVED] = {":large_green_square:", "Resolved"},
    [ALERT_EXPECTED] = {":white_large_square:", "Expected"},
    [ALERT_CLAIMED] = {":large_purple_square:", "Claimed (late)"},
};

/* ---- blocks ------------------------------------------------------------------------------------------------ */

/* The first line, where what the alert says of itself stands in plain_text: nothing in it can be formatting. */
static void add_headline(cJSON *blocks, const char *id, const char *plain)
{
	bool is_short = utf16_length(plain, strlen(plain)) <= HEADER_MAX;

	cJSON_AddItemToObject(blocks_add(blocks, is_short ? "header" : "section", id), "text", blocks_plain(plain));
}

struct fields {
	cJSON *list; /* NULL until the first */
	size_t count;
};

static void add_field(struct fields *fields, const char *name, const struct buf *value)
{
	struct buf text;

	if (value->len == 0 || !buf_ok(value) || fields->count == FIELDS_MAX)
		return;
	buf_init(&text, FIELD_OBJECT_MAX);
	buf_printf(&text, "*%s*\n%s", name, buf_text(value));
	if (buf_ok(&text)) {
		if (fields->list == NULL)
			fields->list = cJSON_CreateArray();
		cJSON_AddItemToArray(fields->list, blocks_mrkdwn(buf_text(&text)));
		fields->count++;
	}
	buf_fini(&text);
}

static void add_fields(cJSON *blocks, const char *id, struct fields *fields)
{
	if (fields->list != NULL)
		cJSON_AddItemToObject(blocks_add(blocks, "section", id), "fields", fields->list);
	fields->list = NULL;
}

/* ---- an alert ---------------------------------------------------------------------------------------------- */

static bool is_severity(int severity)
{
	return severity >= SEVERITY_INFO && severity <= SEVERITY_CRITICAL;
}

static const char *alert_target(const struct alert *alert)
{
	const char *const candidates[] = {alert->host, alert->service, alert->account, alert->ip, alert->env};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if (!text_is_empty(candidates[i]))
			return candidates[i];
	}
	return NULL;
}

static void put_title(const struct alert *alert, bool has_emoji, size_t units, struct buf *out,
    void (*put)(struct buf *buf, const char *text, size_t units))
{
	int severity = is_severity((int)alert->severity) ? (int)alert->severity : SEVERITY_MEDIUM;
	const char *target = alert_target(alert);

	if (has_emoji)
		buf_printf(out, "%s ", severity_emoji[severity]);
	buf_printf(out, "%s · ", severity_word[severity]);
	put(out, text_is_empty(alert->title) ? "(no title)" : alert->title, units);
	if (target != NULL) {
		buf_puts(out, " · ");
		put(out, target, TARGET_UNITS);
	}
}

void card_title(const struct alert *alert, bool has_emoji, size_t units, struct buf *out)
{
	put_title(alert, has_emoji, units, out, buf_put_plain);
}

void card_put_title(const struct alert *alert, size_t units, struct buf *out)
{
	put_title(alert, true, units, out, buf_put_mrkdwn);
}

/* Puts what there is of TEXTS, as code, with blanks between. */
static void put_codes(struct buf *out, const char *const *texts, size_t count, size_t units)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = out->len;

		if (text_is_empty(texts[i]))
			continue;
		if (before > 0)
			buf_putc(out, ' ');
		buf_put_code(out, texts[i], units);
	}
}

static void add_codes(struct fields *fields, const char *name, const char *const *texts, size_t count)
{
	struct buf value;

	buf_init(&value, FIELD_OBJECT_MAX);
	/* More than one shares what one may have. */
	put_codes(&value, texts, count, VALUE_UNITS * 2 / (count + 1));
	add_field(fields, name, &value);
	buf_fini(&value);
}

static void add_times(struct fields *fields, const struct alert *alert)
{
	struct buf value;

	buf_init(&value, FIELD_OBJECT_MAX);
	buf_put_when(&value, alert->occurred_at != TIME_NONE ? alert->occurred_at : alert->received_at);
	if (alert->count > 1) {
		buf_printf(&value, "\n%" PRId64 " times since ", alert->count);
		buf_put_when(&value, alert->received_at);
		buf_puts(&value, ", last ");
		buf_put_when(&value, alert->last_seen);
	}
	add_field(fields, "When", &value);
	buf_fini(&value);
}

static void add_alert_fields(cJSON *blocks, const struct alert *alert)
{
	const char *where[] = {alert->host, alert->ip, alert->env, alert->account, alert->region};
	const char *owner[] = {alert->service, alert_label(alert, "owner"), alert_label(alert, "team")};
	struct fields fields = {0};
	size_t where_count = 0;

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		if (!text_is_empty(where[i]))
			where[where_count++] = where[i];
	}
	add_codes(&fields, "Rule", (const char *const *)&alert->rule, 1);
	add_codes(&fields, "Who", (const char *const *)&alert->actor, 1);
	add_codes(&fields, "Where", where, where_count);
	add_codes(&fields, "What ran", (const char *const *)&alert->process, 1);
	add_times(&fields, alert);
	add_codes(&fields, "Owner", owner, sizeof(owner) / sizeof(owner[0]));
	add_fields(blocks, "facts", &fields);
}

/* "more than announced (H17)" says already which it is. */
static bool mark_names_nearest(const struct alert *alert)
{
	char id[32];
	const char *at = alert->mark;
	size_t len = (size_t)snprintf(id, sizeof(id), "H%" PRId64, alert->nearest);

	while (at != NULL && (at = strstr(at, id)) != NULL) {
		if (at[len] < '0' || at[len] > '9')
			return true;
		at += len;
	}
	return false;
}

/* "nearest announcement H17 differs in host (web-3b is not web-3)" of "host: web-3b is not web-3". */
static void put_nearest(struct buf *line, const struct alert *alert)
{
	const char *why = alert->nearest_why;
	const char *colon = why != NULL ? strstr(why, ": ") : NULL;

	buf_printf(line, " · nearest announcement H%" PRId64, alert->nearest);
	if (colon != NULL && colon - why <= ALERT_LABEL_NAME_MAX) {
		char *name = xstrndup(why, (size_t)(colon - why));

		buf_puts(line, " differs in ");
		buf_put_mrkdwn(line, name, NAME_UNITS);
		buf_puts(line, " (");
		buf_put_mrkdwn(line, colon + 2, MARK_UNITS);
		buf_putc(line, ')');
		free(name);
	} else if (!text_is_empty(why)) {
		buf_puts(line, ": ");
		buf_put_mrkdwn(line, why, MARK_UNITS);
	}
}

/* Of who did it, where their zone is known: night is where they are. */
static bool is_odd_hour(const struct desk *desk, const struct alert *alert)
{
	int64_t at = alert->occurred_at != TIME_NONE ? alert->occurred_at : alert->received_at;
	char *zone;
	bool is_working;

	if (!desk->config->hours.is_set || at == TIME_NONE)
		return false;
	zone = person_zone_of_login(desk, alert->actor);
	is_working = config_working_hour_in(desk->config, zone != NULL ? zone : desk->config->hours.timezone, at);
	free(zone);
	if (is_working)
		return false;
	return alert->mark == NULL || strstr(alert->mark, "odd hour") == NULL;
}

static const char *page_word(const char *status)
{
	if (strcmp(status, "waiting") == 0)
		return "paging";
	if (strcmp(status, "triggered") == 0)
		return "paged";
	return status;
}

static void add_why(cJSON *blocks, const struct desk *desk, const struct alert *alert)
{
	const struct config *config = desk->config;
	struct buf line;

	buf_init(&line, TEXT_OBJECT_MAX);
	buf_printf(&line, "A%" PRId64, alert->id);
	if (alert->route > 0 && (size_t)alert->route <= config->route_count) {
		buf_puts(&line, " · route ");
		buf_put_mrkdwn(&line, config->routes[alert->route - 1].name, 80);
	}
	if (!text_is_empty(alert->source)) {
		buf_puts(&line, " · from ");
		buf_put_mrkdwn(&line, alert->source, 60);
	}
	if (!text_is_empty(alert->mark)) {
		buf_puts(&line, " · *");
		buf_put_mrkdwn(&line, alert->mark, MARK_UNITS);
		buf_putc(&line, '*');
	}
	/* An alert by another actor than announced has the same said by its mark. */
	if (alert->nearest > 0 && !text_equal(alert->mark, alert->nearest_why) && !mark_names_nearest(alert))
		put_nearest(&line, alert);
	if (is_odd_hour(desk, alert))
		buf_puts(&line, " · odd hour");
	if (alert->previous > 0)
		buf_printf(&line, " · follows A%" PRId64, alert->previous);
	if (alert->page_status != NULL) {
		char *url = incident_url(desk, alert->id);

		buf_puts(&line, " · ");
		buf_put_link(&line, url, url != NULL ? "PagerDuty ↗" : "PagerDuty");
		buf_puts(&line, ": ");
		free(url);
		buf_put_mrkdwn(&line, page_word(alert->page_status), 40);
	}
	if (!text_is_empty(alert->notes)) {
		buf_puts(&line, " · ");
		buf_put_mrkdwn(&line, alert->notes, NOTES_UNITS);
	}
	blocks_add_context(blocks, "why", buf_text(&line));
	buf_fini(&line);
}

static void put_span(struct buf *out, int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		buf_printf(out, "%" PRId64 " s", seconds);
	else if (seconds < 2 * 3600)
		buf_printf(out, "%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		buf_printf(out, "%" PRId64 " h", seconds / 3600);
	else
		buf_printf(out, "%" PRId64 " days", seconds / 86400);
}

static const char *via_words(const char *via)
{
	static const struct {
		const char *via, *words;
	} ways[] = {{"slack", " in Slack"}, {"pagerduty", " in PagerDuty"}, {"api", " by API"}};

	for (size_t i = 0; via != NULL && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(via, ways[i].via) == 0)
			return ways[i].words;
	}
	return "";
}

struct last_change {
	int64_t at;
	const char *word; /* static */
};

static bool see_event(void *ctx, const struct event *event)
{
	static const struct {
		const char *what, *word;
	} words[] = {
	    {"escalated", "Escalated"}, {"unacked", "Un-acked"}, {"reopened", "Reopened"}, {"fired", "Open again"}};
	struct last_change *last = ctx;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (event->at == last->at && event->what != NULL && strcmp(event->what, words[i].what) == 0)
			last->word = words[i].word;
	}
	return true;
}

/* An open alert that was changed: by what, its timeline knows. */
static const char *open_word(const struct desk *desk, const struct alert *alert)
{
	struct last_change last = {.at = alert->changed_at, .word = "Open again"};

	if (!storage_each_event(desk->storage, alert->id, see_event, &last, NULL))
		return "Open again";
	return last.word;
}

/* "Acked by @alice in Slack, 2 min after it fired" */
static void put_change(struct buf *line, const struct desk *desk, const struct alert *alert)
{
	const char *word = alert->status == ALERT_OPEN ? open_word(desk, alert) : states[alert->status].word;

	buf_printf(line, "%s by ", word);
	buf_put_person(line, desk->config, alert->changed_by);
	buf_puts(line, via_words(alert->changed_via));
	if (alert->changed_at != TIME_NONE && alert->received_at != TIME_NONE) {
		buf_puts(line, ", ");
		put_span(line, alert->changed_at - alert->received_at);
		buf_puts(line, " after it fired");
	}
}

/* Who is to be told of what is critical or high: an id as Slack wants it, or the name as it stands in the configuration. */
static void put_mention(struct buf *line, const char *mention)
{
	size_t len = strlen(mention);

	if (slack_is_user(mention))
		buf_printf(line, "<@%s>", mention);
	else if (mention[0] == 'S' && len > 5 && strspn(mention, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len)
		buf_printf(line, "<!subteam^%s>", mention);
	else if (strcmp(mention, "@here") == 0 || strcmp(mention, "@channel") == 0)
		buf_printf(line, "<!%s>", mention + 1);
	else if (mention[0] == '<' && mention[len - 1] == '>' && strspn(mention + 1, "@!^ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "abcdefghijklmnopqrstuvwxyz") == len - 2)
		buf_puts(line, mention);
	else
		buf_put_mrkdwn(line, mention, 80);
}

static const char *alert_mention(const struct desk *desk, const struct alert *alert)
{
	const struct config *config = desk->config;
	const char *mention;

	if (alert->status != ALERT_OPEN || alert->severity < SEVERITY_HIGH || alert->route <= 0 ||
	    (size_t)alert->route > config->route_count)
		return NULL;
	mention = config->routes[alert->route - 1].mention;
	return text_is_empty(mention) ? NULL : mention;
}

/* Somebody says that it was them, and nobody else has approved that yet. */
static void put_claim(struct buf *line, const struct desk *desk, const struct alert *alert)
{
	struct claim claim;

	if ((alert->status != ALERT_OPEN && alert->status != ALERT_ACKED) ||
	    !storage_claim(desk->storage, alert->id, &claim))
		return;
	buf_puts(line, " · :hourglass_flowing_sand: claimed by ");
	buf_put_person(line, desk->config, claim.who);
	buf_printf(line, ", waits for somebody else to approve H%" PRId64, claim.announcement);
	claim_fini(&claim);
}

static void put_status(struct buf *line, const struct desk *desk, const struct alert *alert, const char *mention)
{
	buf_printf(line, "%s ", states[alert->status].emoji);
	if (alert->changed_by != NULL)
		put_change(line, desk, alert);
	else if (alert->status == ALERT_OPEN)
		buf_puts(line, alert->assignee != NULL ? "Open" : "Open: nobody has it yet");
	else
		buf_puts(line, states[alert->status].word);
	if (alert->announcement > 0)
		buf_printf(line, " · under H%" PRId64, alert->announcement);
	if (alert->assignee != NULL && (alert->status != ALERT_ACKED || !text_equal(alert->assignee, alert->changed_by))) {
		buf_puts(line, " · has it: ");
		buf_put_person(line, desk->config, alert->assignee);
	}
	put_claim(line, desk, alert);
	/* Whoever was called when it came is not called again by each change of it. */
	if (mention != NULL) {
		buf_puts(line, " · ");
		put_mention(line, mention);
	}
}

static void add_status(cJSON *blocks, const struct desk *desk, const struct alert *alert, const char *mention)
{
	struct buf line;

	buf_init(&line, TEXT_OBJECT_MAX);
	put_status(&line, desk, alert, mention);
	blocks_add_section(blocks, "status", buf_text(&line));
	buf_fini(&line);
}

static void add_option(cJSON *options, const char *label, const char *value, const char *what)
{
	cJSON *option = cJSON_CreateObject();
	char full[75];

	snprintf(full, sizeof(full), "%s:%s", value, what);
	cJSON_AddItemToObject(option, "text", blocks_plain(label));
	cJSON_AddStringToObject(option, "value", full);
	cJSON_AddItemToArray(options, option);
}

/* What still applies; a button that could only be refused is not shown. */
static void add_actions(cJSON *blocks, const struct alert *alert)
{
	cJSON *elements = cJSON_AddArrayToObject(blocks_add(blocks, "actions", "actions"), "elements");
	bool is_live = alert->status == ALERT_OPEN || alert->status == ALERT_ACKED;
	cJSON *more = cJSON_CreateObject(), *options;
	char value[64];

	snprintf(value, sizeof(value), "A%" PRId64 ":%" PRId64, alert->id, alert->version);
	if (alert->status == ALERT_OPEN)
		blocks_add_button(elements, ACTION_ACK, "Ack", value, "primary");
	if (is_live)
		blocks_add_button(elements, ACTION_RESOLVE, "Resolve", value, NULL);
	if (is_live)
		blocks_add_button(elements, ACTION_CLAIM, "That was me", value, NULL);
	if (is_live)
		blocks_add_button(elements, ACTION_ESCALATE, "Escalate", value, "danger");
	cJSON_AddStringToObject(more, "type", "overflow");
	cJSON_AddStringToObject(more, "action_id", ACTION_MORE);
	options = cJSON_AddArrayToObject(more, "options");
	if (is_live)
		add_option(options, "Assign to me", value, "assign");
	if (alert->status == ALERT_ACKED)
		add_option(options, "Un-ack", value, "unack");
	if (alert_is_over(alert))
		add_option(options, "Reopen", value, "reopen");
	add_option(options, "Why?", value, "why");
	cJSON_AddItemToArray(elements, more);
}

void card_put_alert(const struct desk *desk, const struct alert *alert, bool is_plain, cJSON *body)
{
	const bool is_edit = json_get(body, "ts") != NULL;
	const char *mention = is_edit ? NULL : alert_mention(desk, alert);
	cJSON *blocks;
	struct buf text;

	buf_init(&text, 3 * CARD_TEXT_MAX);
	put_title(alert, true, is_plain ? 100 : FALLBACK_UNITS, &text, buf_put_escaped);
	if (is_plain) {
		buf_printf(&text, "\nA%" PRId64 " · ", alert->id);
		put_status(&text, desk, alert, mention);
	} else if (mention != NULL) {
		buf_puts(&text, " · ");
		put_mention(&text, mention);
	}
	cJSON_AddStringToObject(body, "text", buf_text(&text));
	if (!is_plain) {
		buf_reset(&text);
		card_title(alert, true, TITLE_UNITS, &text);
		blocks = cJSON_AddArrayToObject(body, "blocks");
		add_headline(blocks, "title", buf_text(&text));
		add_alert_fields(blocks, alert);
		add_why(blocks, desk, alert);
		add_status(blocks, desk, alert, mention);
		add_actions(blocks, alert);
	}
	buf_fini(&text);
}

/* ---- an announcement --------------------------------------------------------------------------------------- */

static bool is_over(const char *status)
{
	return strcmp(status, "ended") == 0 || strcmp(status, "cancelled") == 0;
}

/* Absolute, with its zone: the author's, where it is known. */
static void put_until(struct buf *out, const struct desk *desk, const struct announcement *announcement, int64_t at)
{
	struct profile profile;
	bool is_known = announcement->author != NULL && storage_profile(desk->storage, announcement->author, &profile);
	char local[64];

	time_write_local(at, is_known && profile.timezone != NULL ? profile.timezone : "UTC", desk->now, local, sizeof(local));
	buf_puts(out, local);
	if (is_known)
		profile_fini(&profile);
}

static void put_matches(struct buf *out, const struct announcement *announcement)
{
	for (size_t i = 0; i < announcement->match_count && i < MATCHES_SHOWN; i++) {
		if (out->len > 0)
			buf_putc(out, ' ');
		buf_put_code(out, announcement->match[i], MATCH_UNITS);
		if (out->len > FIELD_OBJECT_MAX - MATCH_UNITS * 5 - 100 && i + 1 < announcement->match_count) {
			buf_puts(out, " …");
			return;
		}
	}
	if (announcement->match_count > MATCHES_SHOWN)
		buf_printf(out, " and %zu more", announcement->match_count - MATCHES_SHOWN);
}

static void put_window(struct buf *out, const struct desk *desk, const struct announcement *announcement)
{
	if (announcement->starts_at > desk->now) {
		buf_puts(out, "from ");
		put_until(out, desk, announcement, announcement->starts_at);
		buf_putc(out, ' ');
	}
	if (announcement->lease_until != TIME_NONE)
		buf_puts(out, "while its job runs, at most "); /* the lease itself moves every few seconds */
	buf_puts(out, "until ");
	put_until(out, desk, announcement, announcement->ends_at);
}

static void put_count(struct buf *out, const struct announcement *announcement)
{
	buf_printf(out, "seen %" PRId64 " of %" PRId64, announcement->matched, announcement->max);
	if (announcement->near_misses > 0)
		buf_printf(out, " · %" PRId64 " near miss%s", announcement->near_misses, announcement->near_misses == 1 ? "" : "es");
}

static void put_announcement_status(struct buf *line, const struct desk *desk, const struct announcement *announcement,
    const char *status)
{
	if (is_over(status)) {
		bool never = announcement->matched == 0 && strcmp(status, "ended") == 0;

		buf_printf(line, ":white_large_square: %s", strcmp(status, "ended") == 0 ? "Ended" : "Cancelled");
		if (announcement->over_by != NULL) {
			buf_puts(line, " by ");
			buf_put_person(line, desk->config, announcement->over_by);
		}
		if (!text_is_empty(announcement->over_why)) {
			buf_puts(line, " (");
			buf_put_mrkdwn(line, announcement->over_why, 80);
			buf_putc(line, ')');
		}
		if (never)
			buf_puts(line, " · announced, never seen");
		return;
	}
	if (strcmp(status, "pending") == 0)
		buf_puts(line, ":large_yellow_square: Pending: nothing of it counts until somebody else has approved it");
	else if (strcmp(status, "scheduled") == 0)
		buf_puts(line, ":large_blue_square: Scheduled");
	else
		buf_puts(line, ":large_green_square: Active");
	if (announcement->approved_by != NULL) {
		buf_puts(line, " · approved by ");
		buf_put_person(line, desk->config, announcement->approved_by);
		if (announcement->approved_until != 0) {
			buf_puts(line, " until ");
			put_until(line, desk, announcement, announcement->approved_until);
		}
	} else if (announcement->denied_by != NULL) {
		buf_printf(line, " · %s still fires: denied by ", severity_name(desk->config->policy.approval_from));
		buf_put_person(line, desk->config, announcement->denied_by);
	}
	if (announcement->needs_approval && announcement->approval_from > desk->now) {
		buf_puts(line, " · needs an approval from ");
		put_until(line, desk, announcement, announcement->approval_from);
		buf_puts(line, " on");
	}
}

static void add_announcement_fields(cJSON *blocks, const struct desk *desk, const struct announcement *announcement)
{
	struct fields fields = {0};
	struct buf value;

	buf_init(&value, FIELD_OBJECT_MAX);
	buf_put_person(&value, desk->config, announcement->author);
	add_field(&fields, "Who", &value);
	buf_reset(&value);
	put_matches(&value, announcement);
	add_field(&fields, "What", &value);
	buf_reset(&value);
	put_window(&value, desk, announcement);
	buf_puts(&value, " (");
	buf_put_when(&value, announcement->ends_at);
	buf_puts(&value, " your time)");
	add_field(&fields, "Until when", &value);
	buf_reset(&value);
	buf_put_mrkdwn(&value, announcement->because, REASON_UNITS);
	add_field(&fields, "Why", &value);
	buf_reset(&value);
	put_count(&value, announcement);
	add_field(&fields, "So far", &value);
	if (announcement->has_preview) {
		char label[32];

		snprintf(label, sizeof(label), "Last %d days", PREVIEW_DAYS);
		buf_reset(&value);
		preview_put_short(&announcement->preview, &value);
		add_field(&fields, label, &value);
	}
	buf_fini(&value);
	add_fields(blocks, "facts", &fields);
}

/* Where something waits for a second pair of eyes. The edition is in the value: what was drawn is what is approved. */
static void add_approval(cJSON *elements, const struct desk *desk, const struct announcement *announcement)
{
	const bool is_whole = announcement->needs_approval && !announcement_is_approved(announcement);
	char value[80], label[64];

	if (announcement->denied_by != NULL ||
	    (announcement_is_approved(announcement) && announcement->approved_until == 0))
		return;
	snprintf(value, sizeof(value), "H%" PRId64 ":%" PRId64 ":%" PRId64, announcement->id, announcement->version,
	    announcement->edition);
	snprintf(label, sizeof(label), "Approve for %s%s", severity_name(desk->config->policy.approval_from),
	    desk->config->policy.approval_from < SEVERITY_CRITICAL ? " and above" : "");
	blocks_add_button(elements, ACTION_APPROVE, is_whole ? "Approve" : label, value, NULL);
	blocks_add_button(elements, ACTION_DENY, "Deny", value, NULL);
}

static void add_announcement_actions(cJSON *blocks, const struct desk *desk, const struct announcement *announcement)
{
	cJSON *elements = cJSON_AddArrayToObject(blocks_add(blocks, "actions", "actions"), "elements");
	char value[64];

	snprintf(value, sizeof(value), "H%" PRId64 ":%" PRId64, announcement->id, announcement->version);
	blocks_add_button(elements, ACTION_END, announcement->starts_at > desk->now ? "Cancel" : "Done", value, "primary");
	blocks_add_button(elements, ACTION_EXTEND, "+30 min", value, NULL);
	blocks_add_button(elements, ACTION_NOT_ME, "Not me", value, "danger");
	add_approval(elements, desk, announcement);
}

/* "H17 · alice announces host=web-* until 14:30 CET because deploy 7 · seen 2 of 50": also what a phone shows. */
static void put_announcement_line(struct buf *text, const struct desk *desk, const struct announcement *announcement)
{
	buf_printf(text, ":mega: H%" PRId64 " · ", announcement->id);
	buf_put_person(text, desk->config, announcement->author);
	buf_puts(text, " announced");
	for (size_t i = 0; i < announcement->match_count && i < MATCHES_SHOWN; i++) {
		buf_putc(text, ' ');
		buf_put_escaped(text, announcement->match[i], 40);
	}
	buf_putc(text, ' ');
	put_window(text, desk, announcement);
	buf_puts(text, " because ");
	buf_put_escaped(text, announcement->because, 100);
	buf_puts(text, " · ");
	put_count(text, announcement);
}

void card_put_announcement(const struct desk *desk, const struct announcement *announcement, bool is_plain, cJSON *body)
{
	const char *status = announcement_status(announcement, desk->now);
	cJSON *blocks;
	struct buf text;

	buf_init(&text, 3 * CARD_TEXT_MAX);
	put_announcement_line(&text, desk, announcement);
	if (is_plain) {
		buf_putc(&text, '\n');
		put_announcement_status(&text, desk, announcement, status);
	}
	cJSON_AddStringToObject(body, "text", buf_text(&text));
	if (!is_plain) {
		blocks = cJSON_AddArrayToObject(body, "blocks");
		buf_reset(&text);
		buf_printf(&text, ":mega: H%" PRId64 " · heads-up: ", announcement->id);
		buf_put_plain(&text, announcement->because, 100);
		add_headline(blocks, "title", buf_text(&text));
		add_announcement_fields(blocks, desk, announcement);
		buf_reset(&text);
		put_announcement_status(&text, desk, announcement, status);
		blocks_add_section(blocks, "status", buf_text(&text));
		if (!is_over(status))
			add_announcement_actions(blocks, desk, announcement);
	}
	buf_fini(&text);
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

/* A place of at most UNITS where escaped TEXT may be cut: after a line, else a blank, else between characters, and never inside
 * `<…>` or `&…;`. */
static size_t cut_at(const char *text, size_t len, size_t units)
{
	size_t end = utf16_prefix(text, len, units), line = 0, blank = 0, safe = 0;
	bool in_control = false, in_entity = false;

	if (end == len)
		return len;
	for (size_t i = 0; i < end; i++) {
		if (!in_control && !in_entity && ((unsigned char)text[i] & 0xC0) != 0x80)
			safe = i;
		if (text[i] == '<')
			in_control = true;
		else if (text[i] == '>')
			in_control = false;
		else if (text[i] == '&')
			in_entity = true;
		else if (text[i] == ';')
			in_entity = false;
		else if (text[i] == '\n' && !in_control)
			line = i + 1;
		else if (text[i] == ' ' && !in_control)
			blank = i + 1;
	}
	if (line > 0)
		return line;
	if (blank > 0)
		return blank;
	return safe > 0 ? safe : end;
}

static bool is_blank_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \n\t\r", text[i]) == NULL)
			return false;
	}
	return true;
}

static void add_text(cJSON *blocks, const char *text, size_t len)
{
	char *piece;

	if (is_blank_text(text, len))
		return;
	piece = xstrndup(text, len);
	blocks_add_section(blocks, NULL, piece);
	free(piece);
}

void card_put_answer(const char *text, bool is_plain, cJSON *body)
{
	size_t len = strlen(text), first = cut_at(text, len, is_plain ? CARD_PLAIN_MAX : TEXT_OBJECT_MAX);
	size_t left = CARD_ANSWER_MAX, done = 0;
	cJSON *blocks;
	char *head;

	head = first == len ? xstrdup(len > 0 ? text : "…") : xasprintf("%.*s…", (int)first, text);
	cJSON_AddStringToObject(body, "text", head);
	free(head);
	if (is_plain || first == len)
		return;
	blocks = cJSON_AddArrayToObject(body, "blocks");
	while (done < len && left > 0) {
		size_t size = cut_at(text + done, len - done, left < TEXT_OBJECT_MAX ? left : TEXT_OBJECT_MAX);

		add_text(blocks, text + done, size);
		left -= utf16_length(text + done, size);
		done += size;
		if (left < TEXT_OBJECT_MAX / 10)
			break;
	}
	if (done < len)
		blocks_add_context(blocks, NULL, "… and more, left out here; ask for less at a time");
}

void card_put_buttons(const char *text, const cJSON *buttons, cJSON *body)
{
	cJSON *blocks = cJSON_GetObjectItemCaseSensitive(body, "blocks"), *elements;
	const cJSON *button;
	size_t count = 0;

	if (!cJSON_IsArray(buttons) || cJSON_GetArraySize(buttons) == 0)
		return;
	if (blocks == NULL) {
		blocks = cJSON_AddArrayToObject(body, "blocks");
		add_text(blocks, text, strlen(text));
	}
	elements = cJSON_AddArrayToObject(blocks_add(blocks, "actions", "actions"), "elements");
	cJSON_ArrayForEach(button, buttons)
	{
		const char *action = json_text(button, "action"), *label = json_text(button, "label");
		const char *value = json_text(button, "value");

		if (action != NULL && label != NULL && value != NULL && count++ < CARD_BUTTONS_MAX)
			blocks_add_button(elements, action, label, value, json_text(button, "style"));
	}
}
