#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define VALUE_UNITS 150
#define DESCRIPTION_UNITS 400
#define LABELS_SHOWN 8
#define EVENTS_SHOWN 15
#define NOTE_UNITS 150

struct showing {
	const struct desk *desk;
	const char *zone;
	struct buf *out;
	size_t count, skip; /* events before the last EVENTS_SHOWN are skipped */
};

static bool count_event(void *ctx, const struct event *event)
{
	(void)event;
	((struct showing *)ctx)->count++;
	return true;
}

static bool show_event(void *ctx, const struct event *event)
{
	struct showing *showing = ctx;

	if (showing->skip > 0) {
		showing->skip--;
		return true;
	}
	command_put_time(showing->desk, "• ", event->at, showing->zone, showing->out);
	buf_printf(showing->out, " %s by ", event->what);
	buf_put_person(showing->out, showing->desk->config, event->who);
	buf_printf(showing->out, " (%s)", event->via);
	if (!text_is_empty(event->note)) {
		buf_puts(showing->out, ": ");
		buf_put_mrkdwn(showing->out, event->note, NOTE_UNITS);
	}
	buf_putc(showing->out, '\n');
	return true;
}

static bool show_events(
    struct desk *desk, const struct alert *alert, struct showing *showing, struct error *err)
{
	if (!storage_each_event(desk->storage, alert->id, count_event, showing, err))
		return false;
	showing->skip = showing->count > EVENTS_SHOWN ? showing->count - EVENTS_SHOWN : 0;
	if (showing->skip > 0)
		buf_printf(showing->out, "• … %zu earlier ones\n", showing->skip);
	return storage_each_event(desk->storage, alert->id, show_event, showing, err);
}

/* The line before says it. */
static bool is_in_headline(const struct field *field)
{
	return strcmp(field->name, "title") == 0 || field->kind == FIELD_SEVERITY ||
	       field->kind == FIELD_STATUS || field->kind == FIELD_NUMBER;
}

static void show_fields(
    const struct desk *desk, const struct alert *alert, const char *zone, struct buf *out)
{
	char space[32];

	for (size_t i = 0; i < alert_field_count; i++) {
		const struct field *field = &alert_fields[i];
		const char *value = alert_value(alert, field->name, space);
		int64_t at;

		if (is_in_headline(field) || text_is_empty(value))
			continue;
		buf_printf(out, "%s: ", field->name);
		if (field->kind == FIELD_TIME && time_parse_rfc3339(value, &at))
			command_put_time(desk, "", at, zone, out);
		else
			buf_put_code(out, value,
			    strcmp(field->name, "description") == 0 ? DESCRIPTION_UNITS
								    : VALUE_UNITS);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; i < alert->label_count && i < LABELS_SHOWN; i++) {
		buf_put_code(out, alert->labels[i].name, VALUE_UNITS);
		buf_puts(out, ": ");
		buf_put_code(out, alert->labels[i].value, VALUE_UNITS);
		buf_putc(out, '\n');
	}
	if (alert->label_count > LABELS_SHOWN)
		buf_printf(out, "… and %zu more labels\n", alert->label_count - LABELS_SHOWN);
}

static bool show_post(void *ctx, const struct post *post)
{
	struct showing *showing = ctx;

	buf_puts(showing->out, showing->count++ == 0 ? "posted in " : ", ");
	if (slack_is_channel_id(post->channel_id))
		buf_printf(showing->out, "<#%s>", post->channel_id);
	else
		buf_put_mrkdwn(showing->out, post->channel, VALUE_UNITS);
	return true;
}

/* Which channel, which page, whose. */
static bool show_where(struct desk *desk, const struct alert *alert, const char *zone,
    struct buf *out, struct error *err)
{
	struct showing posts = {.desk = desk, .out = out};
	char subject[24];

	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	if (!storage_each_post(desk->storage, subject, show_post, &posts, err))
		return false;
	if (posts.count > 0)
		buf_putc(out, '\n');
	if (alert->announcement != 0)
		buf_printf(out, "covered by H%" PRId64 "\n", alert->announcement);
	if (alert->page_status != NULL) {
		buf_puts(out, "paged: ");
		buf_put_mrkdwn(out, alert->page_status, VALUE_UNITS);
		command_put_time(desk, ", ", alert->paged_at, zone, out);
		buf_putc(out, '\n');
	}
	if (alert->assignee != NULL) {
		buf_puts(out, "owner: ");
		buf_put_person(out, desk->config, alert->assignee);
		buf_putc(out, '\n');
	}
	if (alert->previous != 0)
		buf_printf(out, "follows on A%" PRId64 "\n", alert->previous);
	if (alert->mark != NULL) {
		buf_puts(out, "stands out: ");
		buf_put_mrkdwn(out, alert->mark, DESCRIPTION_UNITS);
		buf_putc(out, '\n');
	}
	if (alert->notes != NULL) {
		buf_puts(out, "not readable: ");
		buf_put_mrkdwn(out, alert->notes, DESCRIPTION_UNITS);
		buf_putc(out, '\n');
	}
	return true;
}

static bool show_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct showing showing = {.desk = desk, .zone = command_zone(asked), .out = answer};
	struct alert_ids ids = {.count = 0};
	struct alert *alert;
	bool ok;

	if (!command_ids(asked, words, &show_command, &ids, err) ||
	    !command_is_over(words, &show_command, err))
		return false;
	if (ids.count > 1)
		return error_set(
		    err, ERROR_USAGE, "one alert at a time; try: %s", show_command.example);
	alert = storage_alert(desk->storage, ids.list[0], err);
	if (alert == NULL)
		return false;
	command_put_alert(desk, alert, showing.zone, answer);
	buf_putc(answer, '\n');
	show_fields(desk, alert, showing.zone, answer);
	ok = show_where(desk, alert, showing.zone, answer, err) &&
	     show_events(desk, alert, &showing, err);
	alert_free(alert);
	return ok;
}

const struct command show_command = {
    .name = "show",
    .usage = "show A1042",
    .help = "one alert: fields, timeline, where it went",
    .example = "show A1042",
    .needs = ROLE_ANYONE,
    .run = show_run,
};
