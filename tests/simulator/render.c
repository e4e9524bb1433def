/* render - a channel as it would look, for a terminal: UTF-8, colours on request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define CODE "\033[36m"
#define LINK "\033[34m"
#define BUTTON "\033[7m"
#define PLAIN "\033[0m"

struct paint {
	struct sim *sim;
	struct buf *out;
	const char *indent; /* before every line */
	bool color;
};

static const struct {
	const char *name, *glyph;
} emoji[] = {
    {"large_red_square", "🟥"},
    {"large_yellow_square", "🟨"},
    {"large_green_square", "🟩"},
    {"white_large_square", "⬜"},
    {"large_purple_square", "🟪"},
    {"red_circle", "🔴"},
    {"large_orange_circle", "🟠"},
    {"orange_circle", "🟠"},
    {"large_yellow_circle", "🟡"},
    {"yellow_circle", "🟡"},
    {"large_blue_circle", "🔵"},
    {"blue_circle", "🔵"},
    {"large_green_circle", "🟢"},
    {"white_circle", "⚪"},
    {"black_circle", "⚫"},
    {"white_check_mark", "✅"},
    {"heavy_check_mark", "✔"},
    {"eyes", "👀"},
    {"rotating_light", "🚨"},
    {"warning", "⚠"},
    {"mega", "📣"},
    {"loudspeaker", "📢"},
    {"speaking_head_in_silhouette", "🗣"},
    {"hourglass", "⌛"},
    {"hourglass_flowing_sand", "⏳"},
    {"no_entry", "⛔"},
    {"no_entry_sign", "🚫"},
    {"shield", "🛡"},
    {"bell", "🔔"},
    {"no_bell", "🔕"},
    {"pager", "📟"},
    {"alarm_clock", "⏰"},
    {"information_source", "ℹ"},
    {"x", "❌"},
    {"checkered_flag", "🏁"},
    {"broken_heart", "💔"},
    {"raising_hand", "🙋"},
    {"memo", "📝"},
    {"clock1", "🕐"},
    {"lock", "🔒"},
    {"key", "🔑"},
    {"fire", "🔥"},
    {"boom", "💥"},
    {"zap", "⚡"},
    {"mag", "🔍"},
    {"wave", "👋"},
};

static void style(struct paint *paint, const char *code)
{
	if (paint->color)
		buf_puts(paint->out, code);
}

static void line_end(struct paint *paint)
{
	buf_putc(paint->out, '\n');
	buf_puts(paint->out, paint->indent);
}

/* What stands between < and >: a person, a channel, a link, a date. */
static void put_control(struct paint *paint, const char *text, size_t len)
{
	char *inner = xstrndup(text, len), *label = strchr(inner, '|');
	const struct sim_user *user;
	const struct sim_channel *channel;

	if (label != NULL)
		*label++ = '\0';
	style(paint, LINK);
	if (inner[0] == '@') {
		user = sim_user(paint->sim, inner + 1);
		buf_printf(paint->out, "@%s", user != NULL ? user->name : inner + 1);
	} else if (inner[0] == '#') {
		channel = sim_channel(paint->sim, inner + 1);
		buf_printf(paint->out, "#%s",
		    channel != NULL && channel->name != NULL ? channel->name : inner + 1);
	} else if (inner[0] == '!') {
		buf_puts(paint->out, label != NULL ? label : inner);
	} else {
		buf_puts(paint->out, label != NULL ? label : inner);
	}
	style(paint, PLAIN);
	free(inner);
}

static size_t put_entity(struct paint *paint, const char *at)
{
	static const char *const entities[][2] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
	size_t i;

	for (i = 0; i < 3; i++) {
		if (text_prefix(at, entities[i][0])) {
			buf_puts(paint->out, entities[i][1]);
			return strlen(entities[i][0]);
		}
	}
	return 0;
}

static size_t put_emoji(struct paint *paint, const char *at)
{
	size_t i, len;

	for (i = 0; i < sizeof(emoji) / sizeof(emoji[0]); i++) {
		len = strlen(emoji[i].name);
		if (strncmp(at + 1, emoji[i].name, len) == 0 && at[len + 1] == ':') {
			buf_puts(paint->out, emoji[i].glyph);
			return len + 2;
		}
	}
	return 0;
}

/* Is the mark at AT the begin or the end of a span? As Slack has it: at a word's edge. */
static bool is_mark(const char *text, const char *at, bool is_open)
{
	char before = at > text ? at[-1] : ' ', after = at[1];

	if (is_open)
		return strchr(" \t\n.,;:()_~*>", after) != NULL || after == '\0';
	return after != ' ' && after != '\0' && after != '\n' &&
	       strchr(" \t\n.,;:()_~*>", before) != NULL && strchr(at + 1, *at) != NULL;
}

static void put_text(struct paint *paint, const char *text, bool is_mrkdwn)
{
	bool bold = false, code = false;
	const char *at = text, *end;
	size_t used;

	while (at != NULL && *at != '\0') {
		if (*at == '\n') {
			line_end(paint);
			at++;
		} else if ((unsigned char)*at < 0x20 || (unsigned char)*at == 0x7f) {
			buf_puts(paint->out, "�"); /* a terminal must not obey an alert */
			at++;
		} else if (is_mrkdwn && *at == '<' && (end = strchr(at, '>')) != NULL && !code) {
			put_control(paint, at + 1, (size_t)(end - at - 1));
			at = end + 1;
		} else if (is_mrkdwn && *at == '&' && (used = put_entity(paint, at)) > 0) {
			at += used;
		} else if (*at == ':' && !code && (used = put_emoji(paint, at)) > 0) {
			at += used;
		} else if (is_mrkdwn && *at == '*' && !code && is_mark(text, at, bold)) {
			bold = !bold;
			style(paint, bold ? BOLD : PLAIN);
			at++;
		} else if (is_mrkdwn && *at == '`') {
			code = !code;
			style(paint, code ? CODE : PLAIN);
			at++;
		} else {
			buf_putc(paint->out, *at++);
		}
	}
	style(paint, PLAIN);
}

static void put_text_object(struct paint *paint, const cJSON *object)
{
	put_text(paint, sim_text(object, "text"), text_equal(sim_text(object, "type"), "mrkdwn"));
}

static void put_element(struct paint *paint, const cJSON *element)
{
	const char *type = sim_text(element, "type");
	const cJSON *option;

	if (text_equal(type, "button")) {
		style(paint, BUTTON);
		buf_puts(paint->out, "[ ");
		buf_puts(paint->out, sim_text(sim_get(element, "text"), "text"));
		buf_puts(paint->out, " ]");
		style(paint, PLAIN);
		buf_putc(paint->out, ' ');
	} else if (text_equal(type, "overflow")) {
		buf_puts(paint->out, "[ … ");
		cJSON_ArrayForEach(option, sim_get(element, "options"))
		{
			buf_puts(paint->out, sim_text(sim_get(option, "text"), "text"));
			if (option->next != NULL)
				buf_puts(paint->out, " · ");
		}
		buf_puts(paint->out, " ]");
	} else if (type != NULL) {
		buf_printf(paint->out, "[ %s ▾ ] ", type);
	}
}

static void put_rich(struct paint *paint, const cJSON *element)
{
	const cJSON *item, *leaf;

	cJSON_ArrayForEach(item, sim_get(element, "elements"))
	{
		const char *type = sim_text(item, "type");

		if (type != NULL && strncmp(type, "rich_text", 9) == 0) {
			if (item->prev->next != NULL && item != item->prev)
				line_end(paint);
			buf_puts(paint->out, strcmp(type, "rich_text_section") == 0 ? "" : "  ");
			cJSON_ArrayForEach(leaf, sim_get(item, "elements"))
			{
				if (sim_get(leaf, "elements") != NULL)
					buf_puts(paint->out, "• ");
				put_text(paint,
				    sim_text(leaf, "text") != NULL ? sim_text(leaf, "text")
								   : sim_text(leaf, "url"),
				    false);
			}
		}
	}
}

/* "*Host*\nweb-3" is one fact: on one line. */
static void put_field(struct paint *paint, const cJSON *field)
{
	const char *text = sim_text(field, "text"), *end = text != NULL ? strchr(text, '\n') : NULL;
	bool is_mrkdwn = text_equal(sim_text(field, "type"), "mrkdwn");
	char *name;

	if (end == NULL) {
		put_text(paint, text, is_mrkdwn);
		return;
	}
	name = xstrndup(text, (size_t)(end - text));
	put_text(paint, name, is_mrkdwn);
	buf_puts(paint->out, "  ");
	put_text(paint, end + 1, is_mrkdwn);
	free(name);
}

static void put_block(struct paint *paint, const cJSON *block)
{
	const char *type = sim_text(block, "type");
	const cJSON *item;

	if (text_equal(type, "header")) {
		style(paint, BOLD);
		put_text_object(paint, sim_get(block, "text"));
	} else if (text_equal(type, "section")) {
		if (sim_get(block, "text") != NULL)
			put_text_object(paint, sim_get(block, "text"));
		cJSON_ArrayForEach(item, sim_get(block, "fields"))
		{
			if (item != sim_get(block, "fields")->child ||
			    sim_get(block, "text") != NULL)
				line_end(paint);
			put_field(paint, item);
		}
		if (sim_get(block, "accessory") != NULL) {
			buf_putc(paint->out, ' ');
			put_element(paint, sim_get(block, "accessory"));
		}
	} else if (text_equal(type, "context")) {
		cJSON_ArrayForEach(item, sim_get(block, "elements"))
		{
			style(paint, DIM);
			put_text_object(paint, item);
			buf_putc(paint->out, ' ');
		}
	} else if (text_equal(type, "actions")) {
		cJSON_ArrayForEach(item, sim_get(block, "elements")) put_element(paint, item);
	} else if (text_equal(type, "divider")) {
		buf_puts(paint->out, "────────");
	} else if (text_equal(type, "rich_text")) {
		put_rich(paint, block);
	} else if (text_equal(type, "markdown")) {
		put_text(paint, sim_text(block, "text"), true);
	} else {
		buf_printf(paint->out, "(%s)", type != NULL ? type : "?");
	}
	style(paint, PLAIN);
}

static void put_blocks(struct paint *paint, const cJSON *blocks)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, blocks)
	{
		line_end(paint);
		put_block(paint, block);
	}
}

static const char *bar_color(const char *color)
{
	unsigned value;

	if (color == NULL)
		return PLAIN;
	if (strcmp(color, "good") == 0)
		return "\033[32m";
	if (strcmp(color, "warning") == 0)
		return "\033[33m";
	if (strcmp(color, "danger") == 0)
		return "\033[31m";
	if (sscanf(color, "#%6x", &value) != 1)
		return PLAIN;
	if ((value >> 16 & 255) > 180)
		return (value >> 8 & 255) > 120 ? "\033[33m" : "\033[31m";
	return (value >> 8 & 255) > (value & 255) ? "\033[32m" : "\033[34m";
}

static void put_attachments(struct paint *paint, const cJSON *message)
{
	const cJSON *attachment;

	cJSON_ArrayForEach(attachment, sim_get(message, "attachments"))
	{
		struct paint inner = *paint;
		char *indent;

		indent = paint->color ? xasprintf("%s%s┃%s ", paint->indent,
					    bar_color(sim_text(attachment, "color")), PLAIN)
				      : xasprintf("%s┃ ", paint->indent);
		inner.indent = indent;
		if (sim_get(attachment, "blocks") != NULL) {
			put_blocks(&inner, sim_get(attachment, "blocks"));
		} else {
			line_end(&inner);
			put_text(&inner, sim_text(attachment, "text"), true);
		}
		free(indent);
	}
}

static void put_when(struct paint *paint, const char *ts)
{
	time_t at = (time_t)strtoll(ts, NULL, 10);
	struct tm broken;

	localtime_r(&at, &broken);
	buf_printf(paint->out, "%02d:%02d:%02d", broken.tm_hour, broken.tm_min, broken.tm_sec);
}

static void put_message(struct paint *paint, const cJSON *message, const char *ts, const char *note)
{
	const struct sim_user *user = sim_user(paint->sim, sim_text(message, "user"));
	bool has_blocks = cJSON_GetArraySize(sim_get(message, "blocks")) > 0;

	line_end(paint);
	style(paint, BOLD);
	buf_puts(paint->out, user != NULL ? user->name : SIM_BOT_NAME);
	style(paint, PLAIN);
	style(paint, DIM);
	if (sim_text(message, "bot_id") != NULL)
		buf_puts(paint->out, " APP");
	buf_puts(paint->out, "  ");
	put_when(paint, ts);
	if (note != NULL)
		buf_printf(paint->out, "  (%s)", note);
	style(paint, PLAIN);
	if (has_blocks) {
		put_blocks(paint, sim_get(message, "blocks"));
	} else {
		line_end(paint);
		put_text(paint, sim_text(message, "text"), true);
	}
	put_attachments(paint, message);
}

static void put_channel(struct paint *paint, const struct sim_channel *channel)
{
	struct paint inner = *paint;
	size_t i, j;

	style(paint, BOLD);
	buf_printf(paint->out, "━━ %s%s ━━", channel->name != NULL ? "#" : "@",
	    channel->name != NULL ? channel->name : channel->user);
	style(paint, PLAIN);
	for (i = 0; i < channel->message_count; i++) {
		const struct sim_message *message = channel->messages[i];

		if (message->is_deleted ||
		    (message->thread_ts[0] != '\0' && !message->is_broadcast))
			continue;
		put_message(paint, message->json, message->ts,
		    message->is_broadcast ? "replied to a thread"
		    : message->edits > 0  ? "edited"
					  : NULL);
		inner.indent = "    ↳ ";
		for (j = i + 1; message->replies > 0 && j < channel->message_count; j++) {
			const struct sim_message *reply = channel->messages[j];

			if (!reply->is_deleted && strcmp(reply->thread_ts, message->ts) == 0)
				put_message(&inner, reply->json, reply->ts, NULL);
		}
		buf_putc(paint->out, '\n');
	}
	for (i = 0; i < paint->sim->ephemeral_count; i++) {
		const struct sim_ephemeral *ephemeral = paint->sim->ephemerals[i];
		const struct sim_user *user = sim_user(paint->sim, ephemeral->user);
		char note[128];

		if (ephemeral->is_deleted || !text_equal(ephemeral->channel, channel->id))
			continue;
		snprintf(note, sizeof(note), "only visible to %s",
		    user != NULL ? user->name : ephemeral->user);
		put_message(paint, ephemeral->json, ephemeral->ts, note);
		buf_putc(paint->out, '\n');
	}
	buf_putc(paint->out, '\n');
}

/* What people did with an incident, as its log names them; under the first of its alerts. */
static void put_record(struct paint *paint, size_t at)
{
	const struct pd *pd = paint->sim->pd;
	const struct pd_incident *incident = pd->alerts[at]->incident;
	const cJSON *entry;
	size_t i;

	for (i = 0; i < at; i++) {
		if (pd->alerts[i]->incident == incident)
			return;
	}
	cJSON_ArrayForEach(entry, pd->log)
	{
		if (!text_equal(sim_text(entry, "_incident"), incident->id) ||
		    !text_equal(sim_text(sim_get(entry, "agent"), "type"), "user_reference"))
			continue;
		line_end(paint);
		buf_puts(paint->out, "   ");
		put_text(paint, sim_text(entry, "summary"), false);
	}
}

static void put_pagerduty(struct paint *paint)
{
	const struct sim *sim = paint->sim;
	const cJSON *change;
	size_t i;

	style(paint, BOLD);
	buf_puts(paint->out, "━━ PagerDuty ━━");
	style(paint, PLAIN);
	for (i = 0; i < sim->pd->alert_count; i++) {
		const struct sim_alert *alert = sim->pd->alerts[i];
		const char *status = alert->is_resolved ? "resolved"
							: pd_status_name(alert->incident->status);

		line_end(paint);
		style(paint, strcmp(status, "triggered") == 0  ? "\033[31m"
			     : strcmp(status, "resolved") == 0 ? "\033[32m"
							       : "\033[33m");
		buf_printf(paint->out, "#%lld %-12s", (long long)alert->incident->number,
		    status);
		style(paint, PLAIN);
		buf_printf(paint->out, " %-8s ", alert->severity);
		put_text(paint, alert->summary, false);
		style(paint, DIM);
		buf_printf(paint->out, "  %s", alert->dedup_key);
		style(paint, PLAIN);
		put_record(paint, i);
	}
	cJSON_ArrayForEach(change, sim->pagerduty_changes)
	{
		line_end(paint);
		buf_puts(paint->out, "change: ");
		put_text(
		    paint, sim_text(sim_get(sim_get(change, "body"), "payload"), "summary"), false);
	}
	buf_puts(paint->out, "\n");
}

void sim_render(struct sim *sim, const char *name, bool color, bool pagerduty, struct buf *out)
{
	struct paint paint = {.sim = sim, .out = out, .indent = "", .color = color};
	const struct sim_channel *channel = sim_channel_named(sim, name);
	size_t i;

	if (channel != NULL) {
		put_channel(&paint, channel);
	} else if (name == NULL) {
		for (i = 0; i < sim->channel_count; i++) {
			if (sim->channels[i]->message_count > 0)
				put_channel(&paint, sim->channels[i]);
		}
	}
	if (pagerduty)
		put_pagerduty(&paint);
}
