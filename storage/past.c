/*
 * past - which of the alerts that came would have fitted: a million of them looked through within a second.
 *
 * What is named most is in alerts_past, an index in the order of receipt: its scan touches a tenth of the pages that the alerts take.
 * SQL leaves out what an equality or a prefix rules out for certain; whether the rest fits match_holds() alone decides, over an alert
 * of which only the named fields are filled in. So the answer is exactly what intake would have said.
 */
#include "storage/internal.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define TEXT_MAX_BYTES \
	(256 << 10)     /* of the statement: 32 matches with 256 values each are far less */
#define PREFIXES_MAX 16 /* globs of one match, or values of a label's, that SQL looks at */

/* A value that SQL compares with. */
struct param {
	const char *text; /* NULL: NUMBER */
	int64_t number;
};

struct scan {
	const struct past_query *query;
	struct buf text;
	struct param *params;
	size_t param_count, param_room;
	char **owned; /* texts that were made for params */
	size_t owned_count;
	const struct field *fields[MATCH_MAX + 1]; /* that are read, in the order of columns */
	size_t field_count;
	struct label
	    labels[MATCH_MAX]; /* those that are looked for, each with room for its value */
	size_t label_count;
	struct label found[MATCH_MAX]; /* those that the alert at hand has */
	int64_t *paged;                /* ids of those that paged, in order */
	size_t paged_count, paged_room;
	struct alert alert; /* at hand: its texts are the row's */
};

/* ---- which columns -------------------------------------------------------------------------------------- */

static void want_field(struct scan *scan, const struct field *field)
{
	for (size_t i = 0; i < scan->field_count; i++) {
		if (scan->fields[i] == field)
			return;
	}
	scan->fields[scan->field_count++] = field;
}

static void want_label(struct scan *scan, char *name)
{
	for (size_t i = 0; i < scan->label_count; i++) {
		if (strcmp(scan->labels[i].name, name) == 0)
			return;
	}
	scan->labels[scan->label_count++] =
	    (struct label){.name = name, .value = xcalloc(ALERT_FIELD_MAX + 1, 1)};
}

static void want_all(struct scan *scan)
{
	const struct matches *matches = scan->query->matches;

	for (size_t i = 0; i < matches->count; i++) {
		if (matches->list[i]->field != NULL)
			want_field(scan, matches->list[i]->field);
		else
			want_label(scan, matches->list[i]->name);
	}
	if (scan->query->is_bound)
		want_field(scan, field_find("actor"));
}

/* ---- what SQL leaves out -------------------------------------------------------------------------------- */

static void add_param(struct scan *scan, const char *text, int64_t number)
{
	if (scan->param_count == scan->param_room) {
		scan->param_room = scan->param_room == 0 ? 16 : scan->param_room * 2;
		scan->params = xreallocarray(scan->params, scan->param_room, sizeof(*scan->params));
	}
	scan->params[scan->param_count++] = (struct param){.text = text, .number = number};
	buf_putc(&scan->text, '?');
}

/* TEXT is the scan's from here on. */
static void add_made(struct scan *scan, char *text)
{
	scan->owned = xreallocarray(scan->owned, scan->owned_count + 1, sizeof(*scan->owned));
	scan->owned[scan->owned_count++] = text;
	add_param(scan, text, 0);
}

/* LIKE ignores the case of ASCII, which at the worst lets more through. */
static void add_prefix(
    struct scan *scan, const struct field *field, const struct match_value *value)
{
	struct buf pattern;

	buf_init(&pattern, 2 * MATCH_TEXT_MAX + 2);
	for (size_t i = 0; i < value->prefix_len; i++) {
		if (strchr("%_\\", value->text[i]) != NULL)
			buf_putc(&pattern, '\\');
		buf_putc(&pattern, value->text[i]);
	}
	buf_putc(&pattern, '%');
	buf_printf(&scan->text, " OR %s LIKE ", field->name);
	add_made(scan, buf_take(&pattern));
	buf_puts(&scan->text, " ESCAPE '\\'");
}

static void add_value(struct scan *scan, const struct field *field, const struct match_value *value)
{
	enum severity severity;

	if (field->kind == FIELD_SEVERITY) {
		add_param(
		    scan, NULL, severity_parse(value->text, &severity) ? (int64_t)severity : -1);
		return;
	}
	add_param(scan, value->text, 0);
	if (field->kind == FIELD_HOST) { /* what ends in a dot is compared without it */
		buf_putc(&scan->text, ',');
		add_made(scan, xasprintf("%s.", value->text));
	}
}

/* Can SQL tell of what does not fit MATCH that it does not? An address has more than one spelling. */
static bool is_askable(const struct match *match)
{
	const struct field *field = match->field;
	size_t globs = 0;

	if (field == NULL)
		return match_is_positive(match);
	if (match->op != MATCH_EQUAL || (field->kind != FIELD_TEXT && field->kind != FIELD_HOST &&
					    field->kind != FIELD_SEVERITY))
		return false;
	for (size_t i = 0; i < match->value_count; i++) {
		globs += match->values[i].is_glob ? 1 : 0;
		if (match->values[i].is_glob &&
		    (match->values[i].prefix_len == 0 || field->kind == FIELD_SEVERITY))
			return false;
	}
	return globs <= PREFIXES_MAX;
}

/* holds(TEXT, PART): what instr() finds, without its copy of the text and its walk byte by byte. */
static void holds(sqlite3_context *context, int count, sqlite3_value **values)
{
	const void *text = sqlite3_value_blob(values[0]), *part = sqlite3_value_blob(values[1]);

	(void)count;
	sqlite3_result_int(context, text != NULL && part != NULL &&
					memmem(text, (size_t)sqlite3_value_bytes(values[0]), part,
					    (size_t)sqlite3_value_bytes(values[1])) != NULL);
}

bool past_setup(struct storage *storage)
{
	return sqlite3_create_function_v2(storage->db, "holds", 2,
		   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, holds, NULL, NULL,
		   NULL) == SQLITE_OK;
}

/* Labels hold NAME with a value that begins with LEN bytes of VALUE, or is those (IS_WHOLE): as alerts.c writes them. */
static void add_label(
    struct scan *scan, const char *name, const char *value, size_t len, bool is_whole)
{
	cJSON *object = cJSON_CreateObject();
	char *begin = xstrndup(value, len), *text;

	json_put(object, name, begin);
	text = json_write(object);
	text[strlen(text) - (is_whole ? 1 : 2)] = '\0'; /* {"name":"value"} without its end */
	buf_puts(&scan->text, "holds(labels, ");
	add_made(scan, xstrdup(text + 1));
	buf_putc(&scan->text, ')');
	free(text);
	free(begin);
	cJSON_Delete(object);
}

static void add_label_match(struct scan *scan, const struct match *match)
{
	if (match->op != MATCH_EQUAL || match->value_count > PREFIXES_MAX) {
		add_label(scan, match->name, "", 0, false);
		return;
	}
	for (size_t i = 0; i < match->value_count; i++) {
		const struct match_value *value = &match->values[i];

		buf_puts(&scan->text, i > 0 ? " OR " : "");
		add_label(scan, match->name, value->text, value->prefix_len, !value->is_glob);
	}
}

static void add_match(struct scan *scan, const struct match *match)
{
	const char *comma = "";

	buf_printf(&scan->text, "%s%s IN (", match->field->name,
	    match->field->kind == FIELD_HOST ? " COLLATE NOCASE" : "");
	for (size_t i = 0; i < match->value_count; i++) {
		if (match->values[i].is_glob)
			continue;
		buf_puts(&scan->text, comma);
		add_value(scan, match->field, &match->values[i]);
		comma = ",";
	}
	buf_putc(&scan->text, ')');
	for (size_t i = 0; i < match->value_count; i++) {
		if (match->values[i].is_glob)
			add_prefix(scan, match->field, &match->values[i]);
	}
}

static void write_statement(struct scan *scan)
{
	const struct past_query *query = scan->query;

	buf_puts(&scan->text, "SELECT rule, host, id");
	for (size_t i = 0; i < scan->field_count; i++)
		buf_printf(&scan->text, ", %s", scan->fields[i]->name);
	if (scan->label_count > 0)
		buf_puts(&scan->text, ", labels");
	buf_puts(&scan->text, " FROM alerts INDEXED BY alerts_past WHERE received_at >= ");
	add_param(scan, NULL, query->since);
	for (size_t i = 0; i < query->matches->count; i++) {
		if (!is_askable(query->matches->list[i]))
			continue;
		buf_puts(&scan->text, " AND (");
		if (query->matches->list[i]->field == NULL)
			add_label_match(scan, query->matches->list[i]);
		else
			add_match(scan, query->matches->list[i]);
		buf_putc(&scan->text, ')');
	}
	if (query->is_bound) {
		buf_puts(&scan->text, " AND (actor IS NULL OR actor = ''");
		if (query->actor != NULL) {
			buf_puts(&scan->text, " OR ");
			add_match(scan, query->actor);
		}
		buf_putc(&scan->text, ')');
	}
}

/* ---- labels, as alerts.c writes them -------------------------------------------------------------------- */

/* What stands for the escape at AT (behind the backslash), *LEN bytes of it; 0: none. cJSON writes control characters as \u00XX. */
static char unescape(const char *at, size_t *len)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter = *at != '\0' ? strchr(letters, *at) : NULL;
	unsigned long code;
	char digits[5] = "";

	*len = 1;
	if (letter != NULL)
		return meant[letter - letters];
	if (*at != 'u' || strnlen(at, 5) < 5)
		return '\0';
	memcpy(digits, at + 1, 4);
	code = strtoul(digits, NULL, 16);
	*len = 5;
	return code < 0x80 ? (char)code : '\0';
}

/*
 * Reads the text whose opening quote is at AT, into OUT (SIZE bytes; "" when it has no room there). What stands after its closing quote;
 * NULL when it is broken.
 */
static const char *read_text(const char *at, char *out, size_t size)
{
	bool fits = true;
	size_t len = 0;

	for (at++; *at != '"';) {
		size_t run = strcspn(at, "\"\\");

		fits = fits && len + run + 1 < size;
		if (fits) {
			memcpy(out + len, at, run);
			len += run;
		}
		at += run;
		if (*at == '\\') {
			char c = unescape(at + 1, &run);

			if (c == '\0')
				return NULL;
			at += 1 + run;
			if (fits)
				out[len++] = c;
		} else if (*at == '\0') {
			return NULL;
		}
	}
	out[fits ? len : 0] = '\0';
	return at + 1;
}

static struct label *label_find(struct scan *scan, const char *name)
{
	for (size_t i = 0; i < scan->label_count; i++) {
		if (strcmp(scan->labels[i].name, name) == 0)
			return &scan->labels[i];
	}
	return NULL;
}

/* cJSON would do, but it keeps where it failed in one place for all threads. */
static void take_labels(struct scan *scan, const char *json)
{
	char name[ALERT_LABEL_NAME_MAX + 2], unwanted[1];
	struct label *label;

	scan->alert.label_count = 0;
	if (json == NULL || *json != '{')
		return;
	do {
		json++;
		if (*json != '"' || (json = read_text(json, name, sizeof(name))) == NULL ||
		    *json++ != ':' || *json != '"')
			return;
		label = label_find(scan, name);
		json = read_text(json, label != NULL ? label->value : unwanted,
		    label != NULL ? ALERT_FIELD_MAX + 1 : 1);
		if (json == NULL)
			return;
		if (label != NULL && scan->alert.label_count < scan->label_count)
			scan->found[scan->alert.label_count++] = *label;
	} while (*json == ',');
}

/* ---- row by row ----------------------------------------------------------------------------------------- */

static void take_field(struct sql *sql, struct alert *alert, const struct field *field)
{
	void *at = (char *)alert + field->offset;

	switch (field->kind) {
	case FIELD_SEVERITY:
		*(enum severity *)at = sql_get_enum(sql, SEVERITY_CRITICAL);
		return;
	case FIELD_STATUS:
		*(enum alert_status *)at = sql_get_enum(sql, ALERT_CLAIMED);
		return;
	case FIELD_TIME:
		*(int64_t *)at = sql_get_time(sql);
		return;
	case FIELD_NUMBER:
		*(int64_t *)at = sql_get_int(sql);
		return;
	case FIELD_TEXT:
	case FIELD_HOST:
	case FIELD_IP:
		break;
	}
	*(const char **)at = sql_peek_text(sql);
}

static bool is_dear(const struct match *match)
{
	return match->op == MATCH_REGEX || match->op == MATCH_NOT_REGEX;
}

static bool fits(const struct scan *scan)
{
	const struct past_query *query = scan->query;
	const struct alert *alert = &scan->alert;

	if (query->is_bound && !text_is_empty(alert->actor) &&
	    (query->actor == NULL || !match_holds(query->actor, alert, NULL)))
		return false;
	for (int dear = 0; dear < 2; dear++) {
		for (size_t i = 0; i < query->matches->count; i++) {
			const struct match *match = query->matches->list[i];

			if (is_dear(match) == (dear == 1) && !match_holds(match, alert, NULL))
				return false;
		}
	}
	return true;
}

/* Which alerts paged is asked once: they are few, and what is asked of each row is asked a million times. */
static bool find_paged(struct scan *scan, struct storage *storage, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT id FROM alerts INDEXED BY alerts_paged WHERE page_status IS NOT NULL AND "
	    "received_at >= ? ORDER BY id",
	    err);
	sql_put_int(&sql, scan->query->since);
	while (sql_row(&sql)) {
		if (scan->paged_count == scan->paged_room) {
			scan->paged_room = scan->paged_room == 0 ? 1024 : scan->paged_room * 2;
			scan->paged =
			    xreallocarray(scan->paged, scan->paged_room, sizeof(*scan->paged));
		}
		scan->paged[scan->paged_count++] = sql_get_int(&sql);
	}
	return sql_close(&sql);
}

static int by_id(const void *a, const void *b)
{
	const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static bool has_paged(const struct scan *scan, int64_t id)
{
	return scan->paged_count > 0 &&
	       bsearch(&id, scan->paged, scan->paged_count, sizeof(id), by_id) != NULL;
}

static bool walk(struct scan *scan, struct storage *storage,
    bool (*each)(void *ctx, const struct past_alert *past), void *ctx, struct error *err)
{
	struct past_alert past;
	bool goes_on = true;
	struct sql sql;
	int64_t id;

	sql_open_made(&sql, storage, buf_text(&scan->text), err);
	for (size_t i = 0; i < scan->param_count; i++) {
		if (scan->params[i].text != NULL)
			sql_put_text(&sql, scan->params[i].text);
		else
			sql_put_int(&sql, scan->params[i].number);
	}
	while (goes_on && sql_row(&sql)) {
		past.rule = sql_peek_text(&sql);
		past.host = sql_peek_text(&sql);
		id = sql_get_int(&sql);
		for (size_t i = 0; i < scan->field_count; i++)
			take_field(&sql, &scan->alert, scan->fields[i]);
		if (scan->label_count > 0)
			take_labels(scan, sql_peek_text(&sql));
		if (!fits(scan))
			continue;
		past.is_escalated = has_paged(scan, id);
		goes_on = each(ctx, &past);
	}
	return sql_close(&sql);
}

bool storage_each_past_alert(struct storage *storage, const struct past_query *query,
    bool (*each)(void *ctx, const struct past_alert *past), void *ctx, struct error *err)
{
	struct scan *scan = xcalloc(1, sizeof(*scan));
	bool ok;

	scan->query = query;
	alert_init(&scan->alert);
	scan->alert.labels = scan->found;
	buf_init(&scan->text, TEXT_MAX_BYTES);
	want_all(scan);
	write_statement(scan);
	ok = buf_ok(&scan->text)
		 ? find_paged(scan, storage, err) && walk(scan, storage, each, ctx, err)
		 : error_set(err, ERROR_TOO_LONG, "the matches are too long to look back with");
	buf_fini(&scan->text);
	for (size_t i = 0; i < scan->owned_count; i++)
		free(scan->owned[i]);
	for (size_t i = 0; i < scan->label_count; i++)
		free(scan->labels[i].value);
	free(scan->owned);
	free(scan->params);
	free(scan->paged);
	free(scan);
	return ok;
}

static int look(void *ctx)
{
	const atomic_bool *stop = ctx;

	return atomic_load_explicit(stop, memory_order_relaxed) ? 1 : 0;
}

void storage_stop_when(struct storage *storage, const atomic_bool *stop)
{
	sqlite3_progress_handler(storage->db, stop != NULL ? STOP_LOOK_OPS : 0,
	    stop != NULL ? look : NULL, (void *)stop);
}
