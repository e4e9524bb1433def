#include "config/match.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/match_eval.h"

#define SHOWN_MAX 60      /* UTF-16 units of what was typed that an error repeats */
#define GLOB_PIECE_MAX 64 /* characters beside a ? between two *: tried at every place */
#define OPERATORS "=!~"
#define QUOTES "\"'"

/* One MATCH while it is read. */
struct reader {
	const char *typed; /* the whole, for errors */
	const char *at;
	struct error *err;
};

/* How much of TEXT an error repeats: for "%.*s". */
static int shown(const char *text)
{
	return (int)utf16_prefix(text, strlen(text), SHOWN_MAX);
}

static void skip_blanks(struct reader *r)
{
	r->at += strspn(r->at, " ");
}

/* A value that shows how NAME is matched. */
static const char *example(const char *name)
{
	static const struct {
		const char *name, *value;
	} examples[] = {
	    {"host", "web-1"},
	    {"rule", "ssh-*"},
	    {"severity", "high"},
	    {"status", "open"},
	    {"actor", "alice"},
	    {"ip", "10.0.0.1"},
	    {"env", "prod"},
	    {"process", "\"chef-client *\""},
	    {"count", "1"},
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		if (strcmp(examples[i].name, name) == 0)
			return examples[i].value;
	}
	return "VALUE";
}

/* ---- quotes ------------------------------------------------------------ */

/*
 * Reads a quoted text; r->at is at its quote. A backslash stands for itself (C:\Windows, \d) unless
 * it comes before the quote: then it escapes the quote, and of several before it each two are one.
 * So put_quoted() can write every text.
 */
static bool take_quoted(struct reader *r, struct buf *out)
{
	char quote = *r->at++;

	while (*r->at != '\0') {
		size_t slashes = strspn(r->at, "\\"), i;

		r->at += slashes;
		for (i = *r->at == quote ? slashes / 2 : slashes; i > 0; i--)
			buf_putc(out, '\\');
		if (*r->at == '\0')
			break;
		if (*r->at == quote && slashes % 2 == 0) {
			r->at++;
			return true;
		}
		buf_putc(out, *r->at++);
	}
	return error_set(r->err, ERROR_USAGE,
	    "\"%.*s\" has a quote that is not closed; try rule=\"SSH login\"", shown(r->typed),
	    r->typed);
}

static void put_quoted(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	while (*text != '\0') {
		size_t slashes = strspn(text, "\\"), i;

		text += slashes;
		for (i = *text == '"' || *text == '\0' ? 2 * slashes : slashes; i > 0; i--)
			buf_putc(out, '\\');
		if (*text == '"')
			buf_putc(out, '\\');
		if (*text != '\0')
			buf_putc(out, *text++);
	}
	buf_putc(out, '"');
}

static void put_quoted_where(struct buf *out, const char *text, const char *special)
{
	size_t len = strlen(text);

	if (len == 0 || strpbrk(text, special) != NULL || strchr(OPERATORS, text[0]) != NULL ||
	    text[len - 1] == '\\')
		put_quoted(out, text);
	else
		buf_puts(out, text);
}

/* ---- the name and the operator ------------------------------------------------------------ */

/* A word alone: what it looks like tells what may have been meant. */
static bool refuse_bare(struct reader *r)
{
	const char *word = r->typed, *rest = word;
	enum severity severity;
	enum alert_status status;
	const char *name = "host";
	size_t len;

	if (*word == '\0')
		return error_set(r->err, ERROR_USAGE, "an empty match; try host=web-1");
	len = strcspn(word, ":<>");
	if (len > 0 && word[len] != '\0' && word[len + 1] != '\0') {
		char field[32];

		snprintf(field, sizeof(field), "%.*s", len < sizeof(field) ? (int)len : 0, word);
		if (field_find(field) != NULL && word[len] == ':')
			return error_set(r->err, ERROR_USAGE, "\"%.*s\" is no match; try %s=%.*s",
			    shown(word), word, field, shown(word + len + 1), word + len + 1);
		if (field_find(field) != NULL)
			return error_set(r->err, ERROR_USAGE,
			    "\"%.*s\" is no match; try severity=high,critical", shown(word), word);
	}
	if (*word == '@' && word[1] != '\0') {
		name = "actor";
		rest = word + 1;
	} else if (severity_parse(word, &severity)) {
		name = "severity";
	} else if (alert_status_parse(word, &status)) {
		name = "status";
	} else if (strspn(word, "0123456789.*") == strlen(word) && strchr(word, '.') != NULL) {
		name = "ip";
	} else if (strpbrk(word, " " QUOTES) != NULL) {
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\" is no match; try rule=\"SSH login\" or title=\"*login*\"",
		    shown(word), word);
	}
	return error_set(r->err, ERROR_USAGE, "\"%.*s\" is no match; try %s=%.*s", shown(word),
	    word, name, shown(rest), rest);
}

static bool check_name(struct reader *r, const char *name, bool is_quoted)
{
	if (*name == '\0')
		return error_set(r->err, ERROR_USAGE, "\"%.*s\" names no field; try host=web-1",
		    shown(r->typed), r->typed);
	if (strlen(name) > ALERT_LABEL_NAME_MAX)
		return error_set(r->err, ERROR_USAGE,
		    "a label's name has at most %d bytes; try host=web-1", ALERT_LABEL_NAME_MAX);
	if (is_quoted)
		return true;
	if (strpbrk(name, "<>") != NULL)
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\": there is no < or >; try severity=high,critical", shown(r->typed),
		    r->typed);
	if (strpbrk(name, " ," QUOTES) != NULL)
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\" is no field's or label's name; try host=web-1 or rule=\"SSH login\"",
		    shown(name), name);
	return true;
}

static bool take_name(struct reader *r, struct match *match)
{
	bool is_quoted = strchr(QUOTES, *r->at) != NULL && *r->at != '\0';
	struct buf name;
	bool ok = true;
	size_t len;

	buf_init(&name, MATCH_TEXT_MAX);
	if (is_quoted) {
		ok = take_quoted(r, &name);
	} else {
		len = strcspn(r->at, OPERATORS);
		if (r->at[len] == '\0') {
			ok = refuse_bare(r);
		} else {
			buf_put(&name, r->at, len);
			r->at += len;
			while (name.len > 0 && name.data[name.len - 1] == ' ')
				name.data[--name.len] = '\0';
		}
	}
	ok = ok && check_name(r, buf_text(&name), is_quoted);
	skip_blanks(r);
	if (ok) {
		match->field = field_find(buf_text(&name));
		match->name = xstrdup(match->field != NULL ? match->field->name : buf_text(&name));
	}
	buf_fini(&name);
	return ok;
}

static bool take_operator(struct reader *r, struct match *match)
{
	/* The longer ones first; those with a RIGHT are what people type for it. */
	static const struct {
		const char *typed, *right;
		enum match_op op;
	} operators[] = {
	    {"=~", NULL, MATCH_REGEX},
	    {"==", "=", MATCH_EQUAL},
	    {"=!", "!=", MATCH_NOT_EQUAL},
	    {"!==", "!=", MATCH_NOT_EQUAL},
	    {"!=~", "!~", MATCH_NOT_REGEX},
	    {"!=", NULL, MATCH_NOT_EQUAL},
	    {"!~", NULL, MATCH_NOT_REGEX},
	    {"~=", "~", MATCH_REGEX},
	    {"~", NULL, MATCH_REGEX},
	    {"=", NULL, MATCH_EQUAL},
	};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (!text_prefix(r->at, operators[i].typed))
			continue;
		r->at += strlen(operators[i].typed);
		if (operators[i].right != NULL)
			return error_set(r->err, ERROR_USAGE,
			    "\"%.*s\": there is no %s; try %s%s%.*s", shown(r->typed), r->typed,
			    operators[i].typed, match->name, operators[i].right, shown(r->at),
			    r->at);
		match->op = operators[i].op;
		skip_blanks(r);
		return true;
	}
	return error_set(r->err, ERROR_USAGE,
	    "\"%.*s\" has no operator after %s; try %s=%s or %s!=%s", shown(r->typed), r->typed,
	    match->name, match->name, example(match->name), match->name, example(match->name));
}

/* ---- values ------------------------------------------------------------ */

/* The word of a small set that is nearest to TEXT, FALLBACK when none is near. */
static const char *nearest_word(const char *text, const char *(*name)(int), const char *fallback)
{
	const char *best = fallback;
	size_t least = 3, distance; /* two slips of the finger */

	for (int i = 0; i < 5; i++) {
		distance = text_distance(text, name(i));
		if (distance < least) {
			least = distance;
			best = name(i);
		}
	}
	return best;
}

static const char *severity_word(int i)
{
	return severity_name((enum severity)i);
}

static const char *status_word(int i)
{
	return alert_status_name((enum alert_status)i);
}

/* 10.0.0.0/8 is what ip=10.* says, and such. */
static bool refuse_ip(const char *text, struct error *err)
{
	unsigned octet[4], bits;

	if (sscanf(text, "%3u.%3u.%3u.%3u/%2u", &octet[0], &octet[1], &octet[2], &octet[3],
		&bits) != 5)
		return error_set(err, ERROR_USAGE,
		    "\"%.*s\" is no address; try ip=10.0.0.1 or ip=10.0.*", shown(text), text);
	if (bits < 16)
		return error_set(err, ERROR_USAGE, "\"%.*s\" is no address; try ip=%u.*",
		    shown(text), text, octet[0]);
	if (bits < 24)
		return error_set(err, ERROR_USAGE, "\"%.*s\" is no address; try ip=%u.%u.*",
		    shown(text), text, octet[0], octet[1]);
	return error_set(err, ERROR_USAGE, "\"%.*s\" is no address; try ip=%u.%u.%u.*", shown(text),
	    text, octet[0], octet[1], octet[2]);
}

/* Is TEXT, normalised and without wildcards, something that a value of FIELD can be? */
static bool check_literal(const struct field *field, const char *text, struct error *err)
{
	enum severity severity;
	enum alert_status status;
	unsigned char address[16];
	int64_t at;

	switch (field != NULL ? field->kind : FIELD_TEXT) {
	case FIELD_SEVERITY:
		return severity_parse(text, &severity) ||
		       error_set(err, ERROR_USAGE,
			   "\"%.*s\" is no severity (critical high medium low info); try "
			   "severity=%s",
			   shown(text), text, nearest_word(text, severity_word, "high"));
	case FIELD_STATUS:
		return alert_status_parse(text, &status) ||
		       error_set(err, ERROR_USAGE,
			   "\"%.*s\" is no status (open acked resolved expected claimed); try "
			   "status=%s",
			   shown(text), text, nearest_word(text, status_word, "open"));
	case FIELD_IP:
		/* "AWS Internal" is what some sources write; but what is made of an address'
		 * characters should be one. */
		if (strspn(text, "0123456789abcdef.:/") < strlen(text) ||
		    strpbrk(text, ".:/") == NULL)
			return true;
		return inet_pton(AF_INET, text, address) == 1 ||
		       inet_pton(AF_INET6, text, address) == 1 || refuse_ip(text, err);
	case FIELD_NUMBER:
		return strspn(text, "0123456789") == strlen(text) ||
		       error_set(err, ERROR_USAGE, "\"%.*s\" is no number; try %s=1", shown(text),
			   text, field->name);
	case FIELD_TIME:
		return time_parse_rfc3339(text, &at) ||
		       error_set(err, ERROR_USAGE,
			   "\"%.*s\" is no time; try %s=2026-03-02T14:00:00Z or %s=2026-03-02T*",
			   shown(text), text, field->name, field->name);
	case FIELD_TEXT:
	case FIELD_HOST:
		break;
	}
	return true;
}

/* A piece between two * that holds a ? is tried at each place of the text, so it must not be long.
 */
static bool check_glob(const char *text, struct error *err)
{
	size_t len;

	for (; *text != '\0'; text += len) {
		text += strspn(text, "*");
		len = strcspn(text, "*");
		if (len > GLOB_PIECE_MAX && memchr(text, '?', len) != NULL)
			return error_set(err, ERROR_USAGE,
			    "more than %d characters beside a ? without a * between them; try "
			    "fewer of them",
			    GLOB_PIECE_MAX);
	}
	return true;
}

/* Puts TEXT, as typed, into VALUE in the form in which it is compared. */
static bool read_value(
    struct reader *r, const struct match *match, const char *text, struct match_value *value)
{
	char form[MATCH_TEXT_MAX + 1], written[32];
	int64_t at;

	value->is_glob = strpbrk(text, "*?") != NULL;
	if (!match_normalise(match->field, text, form, sizeof(form)))
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\" cannot be compared; try to type it anew", shown(text), text);
	if (value->is_glob ? !check_glob(form, r->err) : !check_literal(match->field, form, r->err))
		return false;
	value->text = xstrdup(form);
	if (!value->is_glob && match->field != NULL && match->field->kind == FIELD_TIME &&
	    time_parse_rfc3339(text, &at)) {
		time_write_rfc3339(at, written);
		replace_text(&value->text, written);
	}
	value->prefix_len = strcspn(value->text, value->is_glob ? "*?" : "");
	return true;
}

/* One value of a list, up to its comma or the end; a backslash lets an unquoted one hold a comma or
 * a quote. */
static bool take_value(struct reader *r, struct buf *out)
{
	if (*r->at != '\0' && strchr(QUOTES, *r->at) != NULL) {
		if (!take_quoted(r, out))
			return false;
		skip_blanks(r);
		if (*r->at != ',' && *r->at != '\0')
			return error_set(r->err, ERROR_USAGE,
			    "\"%.*s\" goes on after a closing quote; try a comma between values: "
			    "host=web-1,web-2",
			    shown(r->typed), r->typed);
		return true;
	}
	for (; *r->at != '\0' && *r->at != ','; r->at++) {
		if (*r->at == '\\' && r->at[1] != '\0' && strchr("," QUOTES, r->at[1]) != NULL)
			r->at++;
		buf_putc(out, *r->at);
	}
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	return true;
}

static bool refuse_empty(struct reader *r, const struct match *match)
{
	const char *op = match_is_positive(match) ? "=" : "!=";

	if (match->value_count > 0)
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\" has an empty value beside a comma; try %s%s%s,...", shown(r->typed),
		    r->typed, match->name, op, match->values[0].text);
	return error_set(r->err, ERROR_USAGE, "\"%.*s\" has no value; try %s%s%s", shown(r->typed),
	    r->typed, match->name, op, example(match->name));
}

static bool take_values(struct reader *r, struct match *match)
{
	struct buf text;
	bool ok = true;

	buf_init(&text, MATCH_TEXT_MAX);
	while (ok) {
		bool is_quoted = *r->at != '\0' && strchr(QUOTES, *r->at) != NULL;

		buf_reset(&text);
		skip_blanks(r);
		ok = take_value(r, &text);
		/* service!="" says that there is one; the empty text is no value otherwise */
		if (ok && text.len == 0 && !(is_quoted && match->op == MATCH_NOT_EQUAL))
			ok = refuse_empty(r, match);
		if (ok && match->value_count == MATCH_VALUES_MAX)
			ok = error_set(r->err, ERROR_USAGE,
			    "more than %d values in one list; try a glob: %s=web-*",
			    MATCH_VALUES_MAX, match->name);
		if (!ok)
			break;
		match->values =
		    xreallocarray(match->values, match->value_count + 1, sizeof(match->values[0]));
		match->values[match->value_count] = (struct match_value){0};
		ok = read_value(r, match, buf_text(&text), &match->values[match->value_count++]);
		if (*r->at == '\0')
			break;
		r->at++; /* the comma */
		skip_blanks(r);
	}
	buf_fini(&text);
	return ok;
}

static bool take_regex(struct reader *r, struct match *match, struct buf *pattern)
{
	char why[160];

	if (*r->at != '\0' && strchr(QUOTES, *r->at) != NULL) {
		if (!take_quoted(r, pattern))
			return false;
		skip_blanks(r);
		if (*r->at != '\0')
			return error_set(r->err, ERROR_USAGE,
			    "\"%.*s\" goes on after the closing quote; try %s~\"ssh.*\"",
			    shown(r->typed), r->typed, match->name);
	} else {
		buf_puts(pattern, r->at);
	}
	if (pattern->len == 0)
		return error_set(r->err, ERROR_USAGE, "\"%.*s\" has no value; try %s~ssh.*",
		    shown(r->typed), r->typed, match->name);
	match->regex =
	    regex_new(buf_text(pattern), field_is_caseless(match->field), why, sizeof(why));
	if (match->regex != NULL)
		return true;
	if (pattern->data[0] == '*' || pattern->data[0] == '?')
		return error_set(r->err, ERROR_USAGE,
		    "\"%.*s\" is no regular expression; try %s%s=%.*s", shown(r->typed), r->typed,
		    match->name, match_is_positive(match) ? "" : "!", shown(pattern->data),
		    pattern->data);
	return error_set(r->err, ERROR_USAGE, "\"%.*s\" is no regular expression: %s; try %s~ssh.*",
	    shown(r->typed), r->typed, why, match->name);
}

/* The canonical text: what is read again as the same match. */
static char *write_source(const struct match *match, const char *pattern)
{
	static const char *const operators[] = {[MATCH_EQUAL] = "=",
	    [MATCH_NOT_EQUAL] = "!=",
	    [MATCH_REGEX] = "~",
	    [MATCH_NOT_REGEX] = "!~"};
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	put_quoted_where(&out, match->name, " ,<>" OPERATORS QUOTES);
	buf_puts(&out, operators[match->op]);
	if (pattern != NULL)
		put_quoted_where(&out, pattern, " " QUOTES);
	for (size_t i = 0; i < match->value_count; i++) {
		if (i > 0)
			buf_putc(&out, ',');
		put_quoted_where(&out, match->values[i].text, " ," QUOTES);
	}
	return buf_take(&out);
}

static bool read_match(struct reader *r, struct match *match)
{
	struct buf pattern;
	bool ok;

	if (!take_name(r, match) || !take_operator(r, match))
		return false;
	if (match->op == MATCH_EQUAL || match->op == MATCH_NOT_EQUAL) {
		if (!take_values(r, match))
			return false;
		match->source = write_source(match, NULL);
		return true;
	}
	buf_init(&pattern, MATCH_TEXT_MAX);
	ok = take_regex(r, match, &pattern);
	if (ok) {
		match->source = write_source(match, buf_text(&pattern));
		match->pattern = xstrdup(buf_text(&pattern));
	}
	buf_fini(&pattern);
	return ok;
}

/* TEXT without the blanks around it and, where it is quoted as a whole, without those quotes; NULL
 * when a quote is open. */
static char *unwrap(const char *text, struct error *err)
{
	struct reader r = {.typed = text, .at = text, .err = err};
	struct buf inner;
	char *whole;
	size_t len;

	skip_blanks(&r);
	len = strlen(r.at);
	while (len > 0 && r.at[len - 1] == ' ')
		len--;
	whole = xstrndup(r.at, len);
	if (whole[0] == '\0' || strchr(QUOTES, whole[0]) == NULL)
		return whole;
	r.at = whole;
	buf_init(&inner, MATCH_TEXT_MAX);
	if (!take_quoted(&r, &inner)) {
		free(whole);
		whole = NULL;
	} else if (*r.at == '\0') {
		free(whole);
		whole = buf_take(&inner);
	}
	buf_fini(&inner);
	return whole; /* with its quotes when only the name is quoted: "label name"=value */
}

struct match *match_parse(const char *text, struct error *err)
{
	struct match *match;
	struct reader r;
	char *whole;

	if (strlen(text) > MATCH_TEXT_MAX) {
		error_set(err, ERROR_USAGE, "a match has at most %d bytes; try a glob: host=web-*",
		    MATCH_TEXT_MAX);
		return NULL;
	}
	if (!text_is_comparable(text)) {
		error_set(err, ERROR_USAGE,
		    "the match holds characters that cannot be seen; try to type it instead of "
		    "pasting it");
		return NULL;
	}
	whole = unwrap(text, err);
	if (whole == NULL)
		return NULL;
	r = (struct reader){.typed = whole, .at = whole, .err = err};
	match = xcalloc(1, sizeof(*match));
	if (!read_match(&r, match)) {
		match_free(match);
		match = NULL;
	}
	free(whole);
	return match;
}

struct match *match_actor(char *const *logins, size_t count)
{
	struct match *match = xcalloc(1, sizeof(*match));

	match->name = xstrdup("actor");
	match->field = field_find("actor");
	match->op = MATCH_EQUAL;
	match->values = xcalloc(count, sizeof(match->values[0]));
	match->value_count = count;
	for (size_t i = 0; i < count; i++)
		match->values[i] = (struct match_value){
		    .text = xstrdup(logins[i]), .prefix_len = strlen(logins[i])};
	match->source = write_source(match, NULL);
	return match;
}

void match_free(struct match *match)
{
	if (match == NULL)
		return;
	for (size_t i = 0; i < match->value_count; i++)
		free(match->values[i].text);
	free(match->values);
	free(match->name);
	free(match->source);
	regex_free(match->regex);
	free(match->pattern);
	free(match);
}

bool matches_parse(char *const *texts, size_t count, struct matches *matches, struct error *err)
{
	*matches = (struct matches){0};
	if (count > MATCH_MAX)
		return error_set(err, ERROR_USAGE,
		    "at most %d matches; try a list: host=web-1,web-2", MATCH_MAX);
	matches->list = xcalloc(count, sizeof(matches->list[0]));
	for (size_t i = 0; i < count; i++) {
		matches->list[i] = match_parse(texts[i], err);
		if (matches->list[i] == NULL) {
			matches_fini(matches);
			return false;
		}
		matches->count++;
	}
	return true;
}

void matches_fini(struct matches *matches)
{
	for (size_t i = 0; i < matches->count; i++)
		match_free(matches->list[i]);
	free(matches->list);
	*matches = (struct matches){0};
}
