#include "config/alert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define ALERT_NOTE_MAX 512   /* bytes of one note */
#define ALERT_NOTES_MAX 4096 /* bytes of all notes of an alert */
#define LABELS_STEP 16       /* by which the room for labels grows */

#define AT(member) offsetof(struct alert, member)

/* clang-format off */
const struct field alert_fields[] = {
	/* name          kind            where            settable  bytes kept */
	{ "source",      FIELD_TEXT,     AT(source),      true,  ALERT_FIELD_MAX },
	{ "rule",        FIELD_TEXT,     AT(rule),        true,  ALERT_FIELD_MAX },
	{ "title",       FIELD_TEXT,     AT(title),       true,  ALERT_TITLE_MAX },
	{ "description", FIELD_TEXT,     AT(description), true,  ALERT_DESCRIPTION_MAX },
	{ "severity",    FIELD_SEVERITY, AT(severity),    true,  0 },
	{ "status",      FIELD_STATUS,   AT(status),      false, 0 },
	{ "actor",       FIELD_TEXT,     AT(actor),       true,  ALERT_FIELD_MAX },
	{ "host",        FIELD_HOST,     AT(host),        true,  ALERT_FIELD_MAX },
	{ "ip",          FIELD_IP,       AT(ip),          true,  ALERT_FIELD_MAX },
	{ "process",     FIELD_TEXT,     AT(process),     true,  ALERT_FIELD_MAX },
	{ "service",     FIELD_TEXT,     AT(service),     true,  ALERT_FIELD_MAX },
	{ "env",         FIELD_TEXT,     AT(env),         true,  ALERT_FIELD_MAX },
	{ "account",     FIELD_TEXT,     AT(account),     true,  ALERT_FIELD_MAX },
	{ "region",      FIELD_TEXT,     AT(region),      true,  ALERT_FIELD_MAX },
	{ "url",         FIELD_TEXT,     AT(url),         true,  ALERT_FIELD_MAX },
	{ "dedup_key",   FIELD_TEXT,     AT(dedup_key),   true,  ALERT_FIELD_MAX },
	{ "occurred_at", FIELD_TIME,     AT(occurred_at), true,  0 },
	{ "received_at", FIELD_TIME,     AT(received_at), false, 0 },
	{ "last_seen",   FIELD_TIME,     AT(last_seen),   false, 0 },
	{ "count",       FIELD_NUMBER,   AT(count),       false, 0 },
};
const size_t alert_field_count = sizeof(alert_fields) / sizeof(alert_fields[0]);

/* As Alertmanager's users name them. */
static const struct {
	const char *other, *name;
} other_names[] = {
	{ "alertname", "rule" },
	{ "instance",  "host" },
};

static const char *const severities[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_LOW] = "low",
	[SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high",
	[SEVERITY_CRITICAL] = "critical",
};
static const char *const statuses[] = {
	[ALERT_OPEN] = "open",
	[ALERT_ACKED] = "acked",
	[ALERT_RESOLVED] = "resolved",
	[ALERT_EXPECTED] = "expected",
	[ALERT_CLAIMED] = "claimed",
};
/* clang-format on */

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(other_names); i++) {
		if (strcmp(name, other_names[i].other) == 0) {
			name = other_names[i].name;
			break;
		}
	}
	for (size_t i = 0; i < alert_field_count; i++) {
		if (strcmp(name, alert_fields[i].name) == 0)
			return &alert_fields[i];
	}
	return NULL;
}

static bool is_textual(const struct field *field)
{
	return field->kind == FIELD_TEXT || field->kind == FIELD_HOST || field->kind == FIELD_IP;
}

const char *alert_text(const struct alert *alert, const struct field *field)
{
	if (!is_textual(field))
		return NULL;
	return *(char *const *)(const void *)((const char *)alert + field->offset);
}

const char *alert_label(const struct alert *alert, const char *name)
{
	for (size_t i = 0; i < alert->label_count; i++) {
		if (strcmp(alert->labels[i].name, name) == 0)
			return alert->labels[i].value;
	}
	return NULL;
}

const char *alert_value(const struct alert *alert, const char *name, char space[32])
{
	const struct field *field = field_find(name);
	const void *at;

	if (field == NULL)
		return alert_label(alert, name);
	at = (const char *)alert + field->offset;
	switch (field->kind) {
	case FIELD_SEVERITY:
		return severity_name(*(const enum severity *)at);
	case FIELD_STATUS:
		return alert_status_name(*(const enum alert_status *)at);
	case FIELD_TIME:
		if (*(const int64_t *)at == TIME_NONE)
			return NULL;
		time_write_rfc3339(*(const int64_t *)at, space);
		return space;
	case FIELD_NUMBER:
		snprintf(space, 32, "%" PRId64, *(const int64_t *)at);
		return space;
	case FIELD_TEXT:
	case FIELD_HOST:
	case FIELD_IP:
		break;
	}
	return alert_text(alert, field);
}

/* TEXT as UTF-8, what is broken as U+FFFD, at most MAX bytes, ending with a whole character. The
 * caller frees. */
static char *mend(const char *text, size_t max, bool *cut)
{
	size_t len, clean = 0, at, size;
	struct buf out;

	/* ASCII and short, as nearly all is: nothing to mend. */
	for (at = 0; at < max && text[at] != '\0' && (unsigned char)text[at] < 0x80; at++)
		continue;
	*cut = false;
	if (text[at] == '\0')
		return xstrndup(text, at);
	len = strlen(text);
	buf_init(&out, max);
	buf_reserve(&out, len < max ? len : max);
	for (at = 0; at < len && out.len + (at - clean) < max; at += size) {
		size = 1;
		if ((unsigned char)text[at] < 0x80)
			continue;
		if (utf8_decode(text + at, len - at, &size) == CODEPOINT_REPLACEMENT && size == 1) {
			buf_put(&out, text + clean, at - clean);
			buf_put_utf8(&out, CODEPOINT_REPLACEMENT);
			clean = at + 1;
		} else if (out.len + (at - clean) + size > max) {
			break;
		}
	}
	buf_put(&out, text + clean, at - clean);
	*cut = at < len || !buf_ok(&out);
	return buf_take(&out);
}

void alert_set_text(struct alert *alert, const struct field *field, const char *text)
{
	char **slot = (char **)(void *)((char *)alert + field->offset);
	char *mended = NULL, hash[65];
	bool cut = false;

	if (!is_textual(field))
		return;
	if (!text_is_empty(text))
		mended = mend(text, field->max, &cut);
	if (cut && slot == &alert->dedup_key) {
		/* Cut, two keys might become one, and an alert would pass for the repeat of
		 * another. */
		sha256_hex(text, strlen(text), hash);
		free(mended);
		mended = xasprintf("sha256:%s", hash);
		alert_note(alert, "dedup_key was longer than %zu bytes and is kept as its hash",
		    field->max);
	} else if (cut) {
		alert_note(
		    alert, "%s was longer than %zu bytes and is cut", field->name, field->max);
	}
	free(*slot);
	*slot = mended;
}

void alert_add_label(struct alert *alert, const char *name, const char *value)
{
	char *mended_name, *mended_value;
	bool cut_name, cut_value;

	if (text_is_empty(name) || text_is_empty(value))
		return;
	mended_name = mend(name, ALERT_LABEL_NAME_MAX, &cut_name);
	if (alert_label(alert, mended_name) != NULL) {
		free(mended_name);
		return;
	}
	if (alert->label_count == ALERT_LABELS_MAX) {
		alert_note(alert, "more than %d labels: the rest is dropped", ALERT_LABELS_MAX);
		free(mended_name);
		return;
	}
	mended_value = mend(value, ALERT_FIELD_MAX, &cut_value);
	if (cut_name)
		alert_note(alert, "the name of label %.32s... was longer than %d bytes and is cut",
		    mended_name, ALERT_LABEL_NAME_MAX);
	if (cut_value)
		alert_note(alert, "label %s was longer than %d bytes and is cut", mended_name,
		    ALERT_FIELD_MAX);
	if (alert->label_count % LABELS_STEP == 0)
		alert->labels = xreallocarray(
		    alert->labels, alert->label_count + LABELS_STEP, sizeof(alert->labels[0]));
	alert->labels[alert->label_count++] = (struct label){mended_name, mended_value};
}

/* Is LINE one of the lines of NOTES? */
static bool noted(const char *notes, const char *line)
{
	size_t len = strlen(line);

	while (notes != NULL && *notes != '\0') {
		size_t end = strcspn(notes, "\n");

		if (end == len && memcmp(notes, line, len) == 0)
			return true;
		notes += end + (notes[end] != '\0');
	}
	return false;
}

void alert_note(struct alert *alert, const char *format, ...)
{
	char line[ALERT_NOTE_MAX], *mended;
	va_list args;
	size_t len;
	bool cut;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *at = line; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ')
			*at = ' ';
	}
	mended = mend(
	    line, ALERT_NOTE_MAX, &cut); /* words of the alert in it may have been cut in two */
	len = alert->notes != NULL ? strlen(alert->notes) : 0;
	if (!noted(alert->notes, mended) && len + strlen(mended) + 1 <= ALERT_NOTES_MAX) {
		char *notes = alert->notes != NULL ? xasprintf("%s\n%s", alert->notes, mended)
						   : xstrdup(mended);

		free(alert->notes);
		alert->notes = notes;
	}
	free(mended);
}

void alert_init(struct alert *alert)
{
	*alert = (struct alert){
	    .severity = SEVERITY_MEDIUM,
	    .status = ALERT_OPEN,
	    .count = 1,
	    .occurred_at = TIME_NONE,
	    .received_at = TIME_NONE,
	    .last_seen = TIME_NONE,
	    .paged_at = TIME_NONE,
	    .changed_at = TIME_NONE,
	    .ends_at = TIME_NONE,
	};
}

void alert_fini(struct alert *alert)
{
	char **const owned[] = {&alert->body, &alert->notes, &alert->mark, &alert->nearest_why,
	    &alert->channel, &alert->page_key, &alert->page_status, &alert->assignee,
	    &alert->changed_by, &alert->changed_via};

	for (size_t i = 0; i < alert_field_count; i++) {
		if (is_textual(&alert_fields[i]))
			alert_set_text(alert, &alert_fields[i], NULL);
	}
	for (size_t i = 0; i < COUNT_OF(owned); i++)
		replace_text(owned[i], NULL);
	for (size_t i = 0; i < alert->label_count; i++) {
		free(alert->labels[i].name);
		free(alert->labels[i].value);
	}
	free(alert->labels);
	alert->labels = NULL;
	alert->label_count = 0;
}

struct alert *alert_new(void)
{
	struct alert *alert = xcalloc(1, sizeof(*alert));

	alert_init(alert);
	return alert;
}

void alert_free(struct alert *alert)
{
	if (alert == NULL)
		return;
	alert_fini(alert);
	free(alert);
}

/* The index of WORD in any case; -1 when it is none of them. */
static int word_index(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; word != NULL && i < count; i++) {
		if (strcasecmp(words[i], word) == 0)
			return (int)i;
	}
	return -1;
}

const char *severity_name(enum severity severity)
{
	return severities[severity];
}

bool severity_parse(const char *name, enum severity *severity)
{
	int index = word_index(severities, COUNT_OF(severities), name);

	if (index >= 0)
		*severity = (enum severity)index;
	return index >= 0;
}

const char *alert_status_name(enum alert_status status)
{
	return statuses[status];
}

bool alert_status_parse(const char *name, enum alert_status *status)
{
	int index = word_index(statuses, COUNT_OF(statuses), name);

	if (index >= 0)
		*status = (enum alert_status)index;
	return index >= 0;
}

/* "5:web-3"; "-" for what is absent, which no text of any length is. */
static void put_part(struct buf *buf, const char *part)
{
	if (part == NULL)
		buf_putc(buf, '-');
	else
		buf_printf(buf, "%zu:%s", strlen(part), part);
}

void alert_derive_dedup_key(struct alert *alert)
{
	struct buf parts;
	char hash[65], *host;
	size_t len;

	if (!text_is_empty(alert->dedup_key))
		return;
	buf_init(&parts, 8 * ALERT_FIELD_MAX);
	put_part(&parts, alert->source);
	/* Without a rule only the title tells two alerts apart; merged, the second would be lost in
	 * a count. */
	if (alert->rule != NULL) {
		put_part(&parts, alert->rule);
	} else {
		buf_putc(&parts, 't');
		put_part(&parts, alert->title);
	}
	put_part(&parts, alert->actor);
	host = text_lower(alert->host); /* as matchers compare it */
	len = host != NULL ? strlen(host) : 0;
	if (len > 1 && host[len - 1] == '.' && host[len - 2] != '.')
		host[len - 1] = '\0';
	put_part(&parts, host);
	free(host);
	sha256_hex(buf_text(&parts), parts.len, hash);
	buf_fini(&parts);
	free(alert->dedup_key);
	alert->dedup_key = xasprintf("derived:%s", hash);
}

void key_fingerprint(const char *key, char out[13])
{
	char hash[65];

	sha256_hex(key, strlen(key), hash);
	memcpy(out, hash, 12);
	out[12] = '\0';
}
