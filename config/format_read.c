/* format_read - what a compiled format makes of a body. */
#include "config/format.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/decode.h"
#include "config/formats.h"

#define QUOTED_MAX 64 /* bytes of a strange value that a note repeats */

/* A document that may become an alert. */
struct item {
	struct doc *doc;
	const char *raw; /* its own bytes in the body: a line; NULL: its part is written anew */
	size_t raw_len;
	struct error error; /* a line that is no JSON; then doc is NULL */
};
/* All that lives while one body is read. */
struct body {
	const struct format *format;
	struct format_result *result;
	struct item *items;
	size_t count;
	struct doc **docs; /* owned, with their parts */
	size_t doc_count;
	cJSON **parsed; /* owned */
	size_t parsed_count;
	const struct format_input *input;
	struct headers *headers;
	size_t *work;     /* what may still be looked at of the alert that is being read */
	size_t work_each; /* what it begins with */
};

/* ---- documents ------------------------------------------------------------------------------------------ */

static struct doc *new_doc(
    struct body *body, const cJSON *node, const struct doc *up, const char *from)
{
	struct doc *doc = xcalloc(1, sizeof(*doc));

	doc->node = node;
	doc->up = up;
	doc->from = from;
	doc->headers = body->headers;
	doc->work = body->work;
	body->docs = xreallocarray(body->docs, body->doc_count + 1, sizeof(struct doc *));
	body->docs[body->doc_count++] = doc;
	return doc;
}

static cJSON *keep_parsed(struct body *body, cJSON *json)
{
	body->parsed = xreallocarray(body->parsed, body->parsed_count + 1, sizeof(cJSON *));
	body->parsed[body->parsed_count++] = json;
	return json;
}

static bool add_item(struct item **items, size_t *count, const struct item *item, struct error *err)
{
	if (*count >= FORMAT_ALERTS_MAX)
		return error_set(
		    err, ERROR_TOO_LONG, "at most %d alerts in one body", FORMAT_ALERTS_MAX);
	*items = xreallocarray(*items, *count + 1, sizeof(**items));
	(*items)[(*count)++] = *item;
	return true;
}

static struct scope scope_of(const struct body *body, const struct doc *doc)
{
	return (struct scope){.doc = doc, .absent = &body->format->absent, .now = body->input->now};
}

/*
 * NODE, found inside OUTER's document (NULL: it is the body) in its member FROM, becomes an item; a list becomes one for each
 * element.
 */
static bool add_nodes(struct body *body, struct item **items, size_t *count,
    const struct item *outer, const cJSON *node, const char *from, struct error *err)
{
	const struct doc *up = outer != NULL ? outer->doc : NULL;
	const cJSON *child;
	struct item item = {0};

	if (outer != NULL) {
		item.raw = outer->raw;
		item.raw_len = outer->raw_len;
	}
	if (!cJSON_IsArray(node)) {
		item.doc = new_doc(body, node, up, from);
		return add_item(items, count, &item, err);
	}
	body->result->is_many = true;
	item.raw = NULL;
	cJSON_ArrayForEach(child, node)
	{
		item.doc = new_doc(body, child, up, from);
		if (!add_item(items, count, &item, err))
			return false;
	}
	return true;
}

/* What a text holds, when that is JSON. */
static cJSON *parse_inner(struct body *body, const struct layer *layer, const cJSON *text)
{
	size_t len = strlen(text->valuestring);
	char *bytes = layer->is_base64 ? decode_base64(text->valuestring, &len) : NULL;
	cJSON *inner = NULL;

	if (bytes != NULL || !layer->is_base64)
		inner = json_parse(bytes ? bytes : text->valuestring, len, NULL);
	free(bytes);
	return inner != NULL ? keep_parsed(body, inner) : NULL;
}

/* The member's name, as conditions know it (from:). */
static const char *found_in(const struct pointer *at)
{
	return at->count > 0 ? at->steps[at->count - 1].name : NULL;
}

/* What a layer of texts that hold JSON finds; NULL for nothing. */
static cJSON *find_json(struct body *body, const struct layer *layer, const struct doc *doc)
{
	for (size_t i = 0; i < layer->count; i++) {
		const cJSON *node = pointer_find(&layer->at[i], doc);
		cJSON *inner = cJSON_IsString(node) ? parse_inner(body, layer, node) : NULL;

		if (inner != NULL &&
		    (layer->as != NULL || cJSON_IsObject(inner) || cJSON_IsArray(inner)))
			return inner;
	}
	return NULL;
}

static bool unwrap_json(struct body *body, const struct layer *layer, struct item *item,
    struct item **items, size_t *count, struct error *err)
{
	cJSON *inner = find_json(body, layer, item->doc);

	if (inner == NULL)
		return add_item(items, count, item, err);
	if (layer->as == NULL)
		return add_nodes(body, items, count, item, inner, found_in(&layer->at[0]), err);
	if (item->doc->parts == NULL)
		item->doc->parts = cJSON_CreateObject();
	cJSON_AddItemReferenceToObject(item->doc->parts, layer->as, inner);
	return add_item(items, count, item, err);
}

static bool unwrap_into(struct body *body, const struct layer *layer, const struct item *item,
    struct item **items, size_t *count, struct error *err)
{
	bool found = false;

	for (size_t i = 0; i < layer->count; i++) {
		const cJSON *node = pointer_find(&layer->at[i], item->doc);

		if (!cJSON_IsObject(node) && !cJSON_IsArray(node))
			continue;
		found = true;
		if (!add_nodes(body, items, count, item, node, found_in(&layer->at[i]), err))
			return false;
		if (layer->kind == LAYER_INTO)
			break;
	}
	return found || add_item(items, count, item, err);
}

/* Takes one layer off each item where it is there. */
static bool unwrap(struct body *body, const struct layer *layer, struct error *err)
{
	struct item *items = NULL;
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < body->count && ok; i++) {
		struct item *item = &body->items[i];
		struct scope scope = scope_of(body, item->doc);
		size_t before = count;

		if (item->doc == NULL || !conditions_hold(&layer->when, &scope))
			ok = add_item(&items, &count, item, err);
		else if (layer->kind == LAYER_JSON)
			ok = unwrap_json(body, layer, item, &items, &count, err);
		else
			ok = unwrap_into(body, layer, item, &items, &count, err);
		body->result->ignored += count == before; /* a list of nothing */
	}
	free(body->items);
	body->items = items;
	body->count = count;
	return ok;
}

/* One JSON document a line, as log shippers send; false when not even the first one is. */
static bool read_lines(struct body *body, const char *text, size_t len, struct error *err)
{
	size_t good = 0;
	struct error first = {0};

	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		struct item item = {.raw = text + at, .raw_len = n};
		size_t blank = 0;
		cJSON *json;

		while (blank < n && strchr(" \t\r", text[at + blank]) && text[at + blank] != '\0')
			blank++;
		if (blank < n) {
			json = json_parse(text + at, n, &item.error);
			if (json != NULL) {
				item.doc = new_doc(body, keep_parsed(body, json), NULL, NULL);
				good++;
			} else if (first.kind == ERROR_NONE) {
				first = item.error;
			}
			if (good == 0)
				break;
			if (!add_item(&body->items, &body->count, &item, err))
				return false;
		}
		at += n + 1;
	}
	if (body->count == 0)
		return error_set(err, ERROR_USAGE, "%s",
		    first.kind != ERROR_NONE ? first.text : "there is nothing in it");
	body->result->is_many = body->result->is_many || body->count > 1;
	return true;
}

/* The headers say that the body is only a part: {"id": …, "data": BODY}, or BODY as a text when it is no JSON. */
static cJSON *wrap_body(struct body *body, const char *text, size_t len)
{
	const struct wrap *wrap = &body->format->wrap;
	const struct doc nothing = {.headers = body->headers};
	struct scope scope = scope_of(body, &nothing);
	cJSON *outer, *inner;

	if (wrap->as == NULL || !conditions_hold(&wrap->when, &scope))
		return NULL;
	outer = cJSON_CreateObject();
	if (wrap->headers != NULL)
		headers_add(body->headers, wrap->headers, outer);
	inner = json_parse(text, len, NULL);
	if (inner == NULL && text_is_utf8(text, len)) {
		char *copy = xstrndup(text, len);

		inner = cJSON_CreateString(copy);
		free(copy);
	}
	if (inner != NULL)
		cJSON_AddItemToObject(outer, wrap->as, inner);
	return outer;
}

static bool read_documents(struct body *body, const char *text, size_t len, struct error *err)
{
	struct error why = {0};
	cJSON *json = wrap_body(body, text, len);
	bool is_form = false, ok;

	if (json == NULL)
		json = json_parse(text, len, &why);
	if (json == NULL && body->format->is_form) {
		json = decode_form(text, len);
		is_form = json != NULL;
	}
	if (json != NULL) {
		ok = add_nodes(
		    body, &body->items, &body->count, NULL, keep_parsed(body, json), NULL, err);
		body->result->ignored += body->count == 0;
		/* A form's bytes are kept as JSON: only there can secrets be found in them. */
		if (ok && body->count == 1 && !body->result->is_many && !is_form) {
			body->items[0].raw = text;
			body->items[0].raw_len = len;
		}
		return ok;
	}
	if (body->format->is_lines && memchr(text, '\n', len) != NULL)
		return read_lines(body, text, len, err);
	return error_set(err, why.kind != ERROR_NONE ? why.kind : ERROR_USAGE, "%s", why.text);
}

/* ---- an alert ------------------------------------------------------------------------------------------- */

/* A strange value as a note repeats it: one short line. */
static const char *quoted(const char *text, char space[QUOTED_MAX + 8])
{
	size_t len = strlen(text), size, to = 0;

	for (size_t at = 0; at < len; at += size) {
		uint32_t c = utf8_decode(text + at, len - at, &size);

		if (to + size > QUOTED_MAX) {
			memcpy(space + to, "…", 3);
			to += 3;
			break;
		}
		if (codepoint_is_invisible(c) || (c == CODEPOINT_REPLACEMENT && size == 1)) {
			space[to++] = ' ';
		} else {
			memcpy(space + to, text + at, size);
			to += size;
		}
	}
	space[to] = '\0';
	return space;
}

/* Says that what was there for a field could not be read, and what was done instead. */
static void note_odd(struct alert *alert, const char *name, const char *odd, const char *instead)
{
	char space[QUOTED_MAX + 8];

	if (odd == NULL)
		return;
	if (odd[0] == '\0')
		alert_note(alert, "%s cannot be read%s", name, instead);
	else
		alert_note(alert, "%s cannot be read: \"%s\"%s", name, quoted(odd, space), instead);
}

struct taking {
	struct alert *alert;
	const struct field *field;
	bool is_strict;
	char *odd; /* the first that was no such thing */
};

static bool ip_is_good(const char *text)
{
	unsigned char space[16];

	return inet_pton(AF_INET, text, space) == 1 || inet_pton(AF_INET6, text, space) == 1;
}

static bool take_is(struct taking *taking, bool good, const char *text)
{
	if (!good && taking->odd == NULL)
		taking->odd = xstrdup(text);
	return good;
}

static bool take_text(void *ctx, const char *text)
{
	struct taking *taking = ctx;
	bool is_url = strcmp(taking->field->name, "url") == 0;

	if (taking->field->kind == FIELD_IP && !take_is(taking, ip_is_good(text), text))
		return false;
	if (is_url &&
	    !take_is(taking,
		strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0,
		text))
		return false;
	if (strcmp(taking->field->name, "dedup_key") == 0 && strlen(text) > taking->field->max) {
		/* Cut, two long keys could become one. */
		char hex[65];

		sha256_hex(text, strlen(text), hex);
		alert_set_text(taking->alert, taking->field, hex);
		return true;
	}
	alert_set_text(taking->alert, taking->field, text);
	return true;
}

static bool take_severity(void *ctx, const char *text)
{
	struct taking *taking = ctx;

	return take_is(taking, severity_parse(text, &taking->alert->severity), text);
}

static bool take_status(void *ctx, const char *text)
{
	struct taking *taking = ctx;

	if (!take_is(
		taking, strcasecmp(text, "firing") == 0 || strcasecmp(text, "resolved") == 0, text))
		return false;
	taking->alert->is_resolve = strcasecmp(text, "resolved") == 0;
	return true;
}

static bool take_time(void *ctx, const char *text)
{
	struct taking *taking = ctx;
	int64_t at;

	if (!take_is(taking,
		taking->is_strict ? time_parse_rfc3339(text, &at) : time_parse_loose(text, &at),
		text))
		return false;
	taking->alert->occurred_at = at;
	return true;
}

static bool is_prose(const struct field *field)
{
	return field->kind != FIELD_HOST && field->kind != FIELD_IP &&
	       (field->kind != FIELD_TEXT || strcmp(field->name, "title") == 0 ||
		   strcmp(field->name, "rule") == 0 || strcmp(field->name, "description") == 0);
}

static void read_field(const struct format *format, const struct field_rule *rule,
    struct scope *scope, struct alert *alert)
{
	struct taking taking = {alert, rule->field, format->is_strict, NULL};
	char *odd = NULL;
	const char *strange;
	bool found;

	scope->absent = is_prose(rule->field) ? &format->absent_prose : &format->absent;
	switch (rule->field->kind) {
	case FIELD_SEVERITY:
		found = value_each(&rule->value, scope, take_severity, &taking, &odd);
		strange = taking.odd ? taking.odd : odd;
		if (!found && strange == NULL)
			alert_note(alert, "severity is not given: taken as medium");
		else if (!found)
			note_odd(alert, "severity", strange, ": taken as medium");
		break;
	case FIELD_STATUS:
		found = value_each(&rule->value, scope, take_status, &taking, &odd);
		strange = taking.odd ? taking.odd : odd;
		if (!found)
			note_odd(alert, "status", strange, ": taken as firing");
		break;
	case FIELD_TIME:
		found = value_each(&rule->value, scope, take_time, &taking, &odd);
		strange = taking.odd ? taking.odd : odd;
		if (!found)
			note_odd(
			    alert, rule->field->name, strange, ": taken as the time of receipt");
		break;
	default:
		found = value_each(&rule->value, scope, take_text, &taking, &odd);
		strange = taking.odd ? taking.odd : odd;
		if (!found)
			note_odd(alert, rule->field->name, strange, "");
	}
	free(odd);
	free(taking.odd);
}

/* ---- labels --------------------------------------------------------------------------------------------- */

/* VALUE is decoded in place. */
static void add_label(const struct format *format, const struct label_rule *rule,
    struct alert *alert, const char *name, char *value)
{
	char *whole;

	decode_text(rule->decoding, value);
	if (text_is_empty(name) || text_is_absent(value, &format->absent_prose))
		return;
	if (rule->prefix == NULL) {
		alert_add_label(alert, name, value);
		return;
	}
	whole = xasprintf("%s%s", rule->prefix, name);
	alert_add_label(alert, whole, value);
	free(whole);
}

static bool is_named(char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static void add_members(const struct format *format, const struct label_rule *rule,
    const struct doc *doc, const cJSON *object, struct alert *alert)
{
	const cJSON *child;

	cJSON_ArrayForEach(child, object)
	{
		char *text;

		if (!doc_spend(doc, FORMAT_WORK_LABEL))
			return;
		if (child->string == NULL ||
		    is_named(rule->except, rule->except_count, child->string))
			continue;
		if (rule->kind == LABEL_REST &&
		    is_named(format->used, format->used_count, child->string))
			continue;
		text = json_scalar(child);
		if (text == NULL && rule->is_nested && !cJSON_IsNull(child))
			text = json_write(child);
		add_label(format, rule, alert, child->string, text);
		free(text);
	}
}

/* "env:prod" or "env=prod" in LEN bytes; a word alone is true. */
static void add_pair(const struct format *format, const struct label_rule *rule, const char *text,
    size_t len, struct alert *alert)
{
	char *name, *value;
	size_t cut;

	while (len > 0 && text[0] == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	name = xstrndup(text, len);
	cut = strcspn(name, ":=");
	value = name[cut] != '\0' ? xstrdup(name + cut + 1) : xstrdup("true");
	name[cut] = '\0';
	if (!is_named(rule->except, rule->except_count, name))
		add_label(format, rule, alert, name, value);
	free(name);
	free(value);
}

static void add_pairs(const struct format *format, const struct label_rule *rule,
    const struct doc *doc, const cJSON *node, struct alert *alert)
{
	const cJSON *child;

	if (cJSON_IsString(node)) {
		for (const char *at = node->valuestring;;) {
			size_t len = strcspn(at, ",");

			if (!doc_spend(doc, FORMAT_WORK_LABEL))
				return;
			if (len > 0)
				add_pair(format, rule, at, len, alert);
			if (at[len] == '\0')
				return;
			at += len + 1;
		}
	}
	if (!cJSON_IsArray(node))
		return;
	cJSON_ArrayForEach(child, node)
	{
		char *name, *value;

		if (!doc_spend(doc, FORMAT_WORK_LABEL))
			return;
		if (cJSON_IsString(child)) {
			add_pair(
			    format, rule, child->valuestring, strlen(child->valuestring), alert);
			continue;
		}
		name = json_scalar(json_get(child, rule->key_member ? rule->key_member : "key"));
		value =
		    json_scalar(json_get(child, rule->value_member ? rule->value_member : "value"));
		if (name != NULL && !is_named(rule->except, rule->except_count, name))
			add_label(format, rule, alert, name, value);
		free(name);
		free(value);
	}
}

/* What a person would call the place: the last step's name. */
static const char *pointer_name(const struct pointer *pointer)
{
	const char *name = pointer->count > 0 ? pointer->steps[pointer->count - 1].name : NULL;

	return name ? name : "labels";
}

static void read_label(const struct format *format, const struct label_rule *rule,
    const struct scope *scope, struct alert *alert)
{
	const cJSON *node =
	    rule->kind == LABEL_REST ? scope->doc->node : pointer_find(&rule->at, scope->doc);
	char *text;

	switch (rule->kind) {
	case LABEL_ONE:
		text = value_text(&rule->value, scope, NULL);
		add_label(format, rule, alert, rule->name, text);
		free(text);
		break;
	case LABEL_MEMBERS:
		/* Where senders are free to choose, they often choose a text. */
		if (node != NULL && !cJSON_IsNull(node) && !cJSON_IsObject(node) &&
		    (format->is_strict || cJSON_IsArray(node)))
			alert_note(alert, "%s cannot be read", pointer_name(&rule->at));
		else
			add_members(format, rule, scope->doc, node, alert);
		break;
	case LABEL_REST:
		add_members(format, rule, scope->doc, node, alert);
		break;
	case LABEL_PAIRS:
		add_pairs(format, rule, scope->doc, node, alert);
		break;
	}
}

/* ---- dedup ---------------------------------------------------------------------------------------------- */

/* The part's text: an object or a list as a whole (a set of labels), else the first value. */
static char *part_text(const struct value *part, const struct scope *scope)
{
	char *odd = NULL, *text = value_text(part, scope, &odd);
	const cJSON *node;

	if (text == NULL && odd != NULL && odd[0] == '\0' &&
	    (node = value_node(part, scope)) != NULL)
		text = canonical_text(node);
	free(odd);
	return text;
}

/* Each part with its length before it, so that a|b + c is not a + b|c; hashed, since parts are long and an attacker's. */
static void set_dedup_key(
    const struct format *format, const struct scope *scope, struct alert *alert)
{
	struct buf parts;
	char hex[65], *key;
	bool any = false;

	if (alert->dedup_key != NULL)
		return;
	buf_init(&parts, 64 << 20);
	for (size_t i = 0; i < format->dedup_count; i++) {
		char *text = part_text(&format->dedup[i], scope);

		any = any || text != NULL;
		if (text != NULL)
			buf_printf(&parts, "%zu:", strlen(text));
		else
			buf_putc(&parts, '-');
		buf_puts(&parts, text);
		free(text);
	}
	if (any && buf_ok(&parts)) {
		sha256_hex(buf_text(&parts), parts.len, hex);
		key = xasprintf("%.200s/%s", alert->source ? alert->source : "", hex);
		alert_set_text(alert, field_find("dedup_key"), key);
		free(key);
	} else {
		alert_derive_dedup_key(alert);
	}
	buf_fini(&parts);
}

/* ---- items ---------------------------------------------------------------------------------------------- */

static bool is_ignored(const struct format *format, const struct scope *scope)
{
	for (size_t i = 0; i < format->ignore_count; i++)
		if (conditions_hold(&format->ignore[i], scope))
			return true;
	return false;
}

static bool is_known(const struct format *format, const struct scope *scope)
{
	for (size_t i = 0; i < format->known_count; i++)
		if (conditions_hold(&format->known[i], scope))
			return true;
	return format->known_count == 0;
}

/* Every alert has a title: a rule's name says more than nothing. */
static void complete_title(const struct format *format, struct alert *alert)
{
	char *made;

	if (alert->title != NULL)
		return;
	made = xasprintf("%s alert", format->name);
	alert_set_text(alert, field_find("title"), alert->rule ? alert->rule : made);
	free(made);
	alert_note(alert, "title is not given");
}

static bool read_title_strictly(const cJSON *node, struct error *err)
{
	const cJSON *title = json_get(node, "title");

	if (title == NULL || cJSON_IsNull(title))
		return error_set(err, ERROR_USAGE, "title is missing");
	if (!cJSON_IsString(title))
		return error_set(err, ERROR_USAGE, "title is no string");
	if (title->valuestring[strspn(title->valuestring, " \t\r\n")] == '\0')
		return error_set(err, ERROR_USAGE, "title is empty");
	return true;
}

/* The text that is kept of ITEM: its own bytes, or, when there are secrets in it, what is left without them. */
static char *kept_body(const struct format *format, const struct item *item)
{
	const struct doc *doc = item->doc;
	bool has_secret = false;
	cJSON *copy;
	char *text;

	while (item->raw != NULL && doc->up != NULL)
		doc = doc->up;
	for (size_t i = 0; i < format->secret_count && !has_secret; i++)
		has_secret = pointer_find(&format->secrets[i], doc) != NULL;
	if (!has_secret)
		return item->raw != NULL ? xstrndup(item->raw, item->raw_len)
					 : json_write(doc->node);
	copy = cJSON_Duplicate(doc->node, true);
	for (size_t i = 0; i < format->secret_count; i++)
		pointer_remove(&format->secrets[i], copy);
	text = json_write(copy);
	cJSON_Delete(copy);
	return text;
}

/* The alert of ITEM, which is an object; NULL with ERR when there is none to be made. */
static struct alert *read_item(const struct body *body, const struct item *item, struct error *err)
{
	const struct format *format = body->format;
	struct scope scope = scope_of(body, item->doc);
	const struct field *source_field = field_find("source");
	struct alert *alert;
	bool has_severity = false;

	if (format->is_strict && !read_title_strictly(item->doc->node, err))
		return NULL;
	if (!is_known(format, &scope)) {
		error_set(err, ERROR_USAGE, "this is no alert in the format %s", format->name);
		return NULL;
	}
	alert = alert_new();
	scope.alert = alert;
	alert->received_at = alert->last_seen = alert->occurred_at = body->input->now;
	alert_set_text(alert, source_field, body->input->source);
	scope.absent = &format->absent_prose;
	for (size_t i = 0; i < format->label_count; i++)
		read_label(format, &format->labels[i], &scope, alert);
	scope.is_strict = format->is_strict;
	for (size_t i = 0; i < format->field_count; i++) {
		has_severity = has_severity || format->fields[i].field->kind == FIELD_SEVERITY;
		if (format->fields[i].field != source_field || body->input->may_name_source)
			read_field(format, &format->fields[i], &scope, alert);
	}
	if (!has_severity)
		alert_note(alert, "severity is not given: taken as medium");
	if (!doc_spend(item->doc, 0))
		alert_note(alert, "the body is too large: not all of it was looked at");
	complete_title(format, alert);
	scope.is_strict = false;
	scope.absent = &format->absent;
	set_dedup_key(format, &scope, alert);
	alert->body = kept_body(format, item);
	return alert;
}

static bool read_items(struct body *body, struct error *err);

static void body_fini(struct body *body)
{
	free(body->items);
	for (size_t i = 0; i < body->doc_count; i++) {
		cJSON_Delete(body->docs[i]->parts);
		free(body->docs[i]);
	}
	free(body->docs);
	for (size_t i = 0; i < body->parsed_count; i++)
		cJSON_Delete(body->parsed[i]);
	free(body->parsed);
}

/* ITEM through the layers and the eyes of another format. *IS_OURS: it has nothing there for the other to read. */
static bool read_by_other(struct body *body, const struct other *other, const struct item *item,
    bool *is_ours, struct error *err)
{
	struct body sub = {.format = other->format,
	    .result = body->result,
	    .input = body->input,
	    .headers = body->headers,
	    .work = body->work,
	    .work_each = body->work_each};
	const cJSON *node =
	    other->has_into ? pointer_find(&other->into, item->doc) : item->doc->node;
	bool ok;

	*is_ours = !cJSON_IsObject(node) && !cJSON_IsArray(node);
	if (*is_ours)
		return true;
	if (other->has_into)
		ok = add_nodes(
		    &sub, &sub.items, &sub.count, item, node, found_in(&other->into), err);
	else
		ok = add_item(&sub.items, &sub.count, item, err);
	body->result->ignored += ok && sub.count == 0;
	for (size_t i = 0; i < sub.format->layer_count && ok; i++)
		ok = unwrap(&sub, &sub.format->layers[i], err);
	ok = ok && read_items(&sub, err);
	body_fini(&sub);
	return ok;
}

/* Its alert, or its mistake, at the end of what came of the body. */
static bool add_result(struct body *body, const struct item *item, struct error *err)
{
	struct format_result *result = body->result;
	struct format_item *out;

	if (result->count >= FORMAT_ALERTS_MAX)
		return error_set(
		    err, ERROR_TOO_LONG, "at most %d alerts in one body", FORMAT_ALERTS_MAX);
	result->items = xreallocarray(result->items, result->count + 1, sizeof(*result->items));
	out = &result->items[result->count++];
	*out = (struct format_item){0};
	if (item->doc == NULL)
		out->error = item->error;
	else if (!cJSON_IsObject(item->doc->node))
		error_set(&out->error, ERROR_USAGE, "an alert is a JSON object");
	else
		out->alert = read_item(body, item, &out->error);
	return true;
}

static bool read_one_item(struct body *body, const struct item *item, struct error *err)
{
	const struct format *format = body->format;
	struct scope scope = scope_of(body, item->doc);
	bool is_object = item->doc != NULL && cJSON_IsObject(item->doc->node);

	*body->work = body->work_each;
	scope.is_strict = format->is_strict;
	if (is_object && is_ignored(format, &scope)) {
		body->result->ignored++;
		return true;
	}
	for (size_t i = 0; is_object && i < format->other_count; i++) {
		const struct other *other = &format->others[i];
		bool is_ours, ok;

		if (!conditions_hold(&other->when, &scope))
			continue;
		ok = read_by_other(body, other, item, &is_ours, err);
		if (!ok || !is_ours)
			return ok;
	}
	return add_result(body, item, err);
}

static bool read_items(struct body *body, struct error *err)
{
	for (size_t i = 0; i < body->count; i++)
		if (!read_one_item(body, &body->items[i], err))
			return false;
	return true;
}

bool format_read_input(const struct format *format, const struct format_input *input,
    struct format_result *result, struct error *err)
{
	struct headers headers = {.list = input->headers, .count = input->header_count};
	size_t work = FORMAT_WORK_MAX;
	struct body body = {
	    .format = format, .result = result, .input = input, .headers = &headers, .work = &work};
	bool ok;

	*result = (struct format_result){0};
	ok = read_documents(&body, input->body, input->len, err);
	for (size_t i = 0; i < format->layer_count && ok; i++)
		ok = unwrap(&body, &format->layers[i], err);
	body.work_each = FORMAT_WORK_EACH + FORMAT_WORK_MAX / (body.count + 1);
	ok = ok && read_items(&body, err);
	body_fini(&body);
	headers_fini(&headers);
	/* A body that is one alert, and a bad one, is a bad body. */
	if (ok && !result->is_many && result->count == 1 && result->items[0].alert == NULL)
		ok = error_set(err, result->items[0].error.kind, "%s", result->items[0].error.text);
	if (!ok)
		format_result_fini(result);
	return ok;
}

bool format_read(const struct format *format, const char *body, size_t len, const char *source,
    bool may_name_source, int64_t now, struct format_result *result, struct error *err)
{
	const struct format_input input = {.body = body,
	    .len = len,
	    .source = source,
	    .may_name_source = may_name_source,
	    .now = now};

	return format_read_input(format, &input, result, err);
}

void format_result_fini(struct format_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		alert_free(result->items[i].alert);
	free(result->items);
	*result = (struct format_result){0};
}
