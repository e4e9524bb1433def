#include "config/base/json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define NUMBER_MAX 40              /* bytes of a number that cJSON gets to see; it cuts at 63 */
#define DOUBLE_DIGITS 15           /* so many significant digits survive a double, and cJSON */
#define DOUBLE_EXPONENT_MAX 250 /* with NUMBER_MAX digits besides, well inside a double's range */
#define EXACT_MAX 9007199254740992.0 /* 2^53: whole numbers up to here are exact in a double */
#define WRITE_BYTES 1000 /* that a text begins with when it is written; it grows by doubling */
#define WHOLE_MAX INT64_C(999999999999999) /* DOUBLE_DIGITS nines */

#define SAY(token) #token
#define SAID(token) SAY(token)

_Static_assert(JSON_DEPTH_MAX <= 64, "the kinds of the open brackets are the bits of a uint64_t");

/*
 * The pre-pass: reads the text once, from left to right, without recursion, and writes it anew as
 * JSON that cJSON cannot misread: no NUL, no broken UTF-8, no number that it would round, no more
 * depth and members than are allowed.
 */
struct prepass {
	const unsigned char *text;
	size_t len, at;
	struct buf out;
	size_t nodes;
	uint64_t objects; /* bit N: the bracket at depth N is an object's */
	unsigned depth;
	struct error *err;
};

/* A refusal, with the place where it lies. */
static bool refuse(struct prepass *p, size_t at, const char *what)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < at && i < p->len; i++) {
		if (p->text[i] == '\n') {
			line++;
			column = 1;
		} else if ((p->text[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	return error_set(p->err, ERROR_USAGE, "the JSON cannot be read: %s at line %zu, column %zu",
	    what, line, column);
}

static int peek(const struct prepass *p)
{
	return p->at < p->len ? p->text[p->at] : -1;
}

static void skip_blanks(struct prepass *p)
{
	while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\t' ||
				     p->text[p->at] == '\n' || p->text[p->at] == '\r'))
		p->at++;
}

/* The four digits of a \u escape; -1 when there are none. */
static int32_t hex4(const struct prepass *p, size_t at)
{
	int32_t value = 0;
	size_t i;

	if (p->len - at < 4)
		return -1;
	for (i = at; i < at + 4; i++) {
		if (!isxdigit(p->text[i]))
			return -1;
		value = value * 16 +
			(isdigit(p->text[i]) ? p->text[i] - '0' : (p->text[i] | 0x20) - 'a' + 10);
	}
	return value;
}

/* Is there a \uDC00..\uDFFF at AT? */
static bool low_surrogate(const struct prepass *p, size_t at)
{
	int32_t unit;

	if (p->len - at < 6 || p->text[at] != '\\' || p->text[at + 1] != 'u')
		return false;
	unit = hex4(p, at + 2);
	return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* p->at is at a backslash. What is kept goes out as it stands; NUL and lone surrogates do not. */
static bool pass_escape(struct prepass *p)
{
	size_t start = p->at;
	int c = p->at + 1 < p->len ? p->text[p->at + 1] : -1;
	int32_t unit;

	if (c != 'u') {
		if (c <= 0 || strchr("\"\\/bfnrt", c) == NULL)
			return refuse(p, start, "an unknown escape");
		p->at += 2;
		buf_put(&p->out, p->text + start, 2);
		return true;
	}
	unit = hex4(p, start + 2);
	if (unit < 0)
		return refuse(p, start, "a \\u without four digits");
	p->at += 6;
	if (unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
		buf_put(&p->out, REPLACEMENT, 3);
		return true;
	}
	if (unit >= 0xD800 && unit <= 0xDBFF) {
		if (!low_surrogate(p, p->at)) {
			buf_put(&p->out, REPLACEMENT, 3);
			return true;
		}
		p->at += 6;
	}
	buf_put(&p->out, p->text + start, p->at - start);
	return true;
}

/* Is the byte at p->at, which is no ASCII, the begin of no character? */
static bool is_broken(const struct prepass *p)
{
	const char *at = (const char *)p->text + p->at;
	size_t size;

	return (p->text[p->at] & 0xC0) == 0x80 ||
	       (utf8_decode(at, p->len - p->at, &size) == CODEPOINT_REPLACEMENT && size == 1);
}

/* Each NUL and each byte that belongs to no character becomes U+FFFD; p->at is at the first. */
static void mend_run(struct prepass *p)
{
	char run[3 * 64];
	size_t used = 0;

	do {
		memcpy(run + used, REPLACEMENT, 3);
		used += 3;
		p->at++;
	} while (used < sizeof(run) && p->at < p->len &&
		 (p->text[p->at] == '\0' || (p->text[p->at] >= 0x80 && is_broken(p))));
	buf_put(&p->out, run, used);
}

/* p->at is at the opening quote. Bare control characters are let through: some senders do not
 * escape them. */
static bool pass_string(struct prepass *p)
{
	size_t opened = p->at++, clean = p->at, size;

	buf_putc(&p->out, '"');
	while (p->at < p->len && p->text[p->at] != '"') {
		unsigned char c = p->text[p->at];

		if (c != '\\' && c != '\0' && c < 0x80) {
			p->at++;
			continue;
		}
		if (c >= 0x80 && !is_broken(p)) {
			utf8_decode((const char *)p->text + p->at, p->len - p->at, &size);
			p->at += size;
			continue;
		}
		if (p->at > clean)
			buf_put(&p->out, p->text + clean, p->at - clean);
		if (c != '\\')
			mend_run(p);
		else if (!pass_escape(p))
			return false;
		clean = p->at;
	}
	buf_put(&p->out, p->text + clean, p->at - clean);
	if (p->at >= p->len)
		return refuse(p, opened, "a text that is not closed");
	p->at++;
	buf_putc(&p->out, '"');
	return true;
}

static size_t skip_digits(struct prepass *p)
{
	size_t start = p->at;

	while (p->at < p->len && isdigit(p->text[p->at]))
		p->at++;
	return p->at - start;
}

/* How many significant digits a number has: leading and trailing zeros do not count. */
static size_t significant_digits(const char *number, size_t len)
{
	size_t count = 0, zeros = 0, i;

	for (i = 0; i < len && number[i] != 'e' && number[i] != 'E'; i++) {
		if (number[i] == '0') {
			zeros += count > 0 ? 1 : 0;
		} else if (isdigit((unsigned char)number[i])) {
			count += zeros + 1;
			zeros = 0;
		}
	}
	return count;
}

/*
 * Would a double, or cJSON when it writes one (15 digits, and 17 only where it sees a difference
 * larger than DBL_EPSILON), say another number than these bytes do?
 */
static bool double_changes(const char *number, size_t len, bool is_integer)
{
	size_t i = 0, exponent = 0;

	if (len <= DOUBLE_DIGITS && is_integer)
		return false;
	if (len > NUMBER_MAX || is_integer || significant_digits(number, len) > DOUBLE_DIGITS)
		return true;
	while (i < len && number[i] != 'e' && number[i] != 'E')
		i++;
	for (; i < len && exponent <= DOUBLE_EXPONENT_MAX; i++)
		if (isdigit((unsigned char)number[i]))
			exponent = exponent * 10 + (size_t)(number[i] - '0');
	return exponent > DOUBLE_EXPONENT_MAX;
}

static bool pass_number(struct prepass *p)
{
	size_t start = p->at;
	bool is_integer = true, as_text;
	const char *number = (const char *)p->text + start;

	if (peek(p) == '-')
		p->at++;
	if (peek(p) == '0')
		p->at++;
	else if (skip_digits(p) == 0)
		return refuse(p, start, "a value that is none");
	if (peek(p) == '.') {
		is_integer = false;
		p->at++;
		if (skip_digits(p) == 0)
			return refuse(p, start, "a number without digits after its point");
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		is_integer = false;
		p->at++;
		if (peek(p) == '+' || peek(p) == '-')
			p->at++;
		if (skip_digits(p) == 0)
			return refuse(p, start, "a number without an exponent after its e");
	}
	as_text = double_changes(number, p->at - start, is_integer);
	if (as_text)
		buf_putc(&p->out, '"');
	buf_put(&p->out, number, p->at - start);
	if (as_text)
		buf_putc(&p->out, '"');
	return true;
}

static bool pass_word(struct prepass *p)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i]);
		if (p->len - p->at >= len && memcmp(p->text + p->at, words[i], len) == 0) {
			buf_puts(&p->out, words[i]);
			p->at += len;
			return true;
		}
	}
	return refuse(p, p->at, p->at < p->len ? "a value that is none" : "an end too early");
}

static bool in_object(const struct prepass *p)
{
	return p->depth > 0 && (p->objects >> (p->depth - 1) & 1) != 0;
}

/* "name": of a member. */
static bool pass_name(struct prepass *p)
{
	skip_blanks(p);
	if (peek(p) != '"')
		return refuse(p, p->at, "a member without a name in double quotes");
	if (!pass_string(p))
		return false;
	skip_blanks(p);
	if (peek(p) != ':')
		return refuse(p, p->at, "a missing colon");
	p->at++;
	buf_putc(&p->out, ':');
	return true;
}

/* Begins one value; of an object or array only its bracket. */
static bool pass_value(struct prepass *p, bool *opened)
{
	int c;

	*opened = false;
	skip_blanks(p);
	if (++p->nodes > JSON_NODES_MAX)
		return refuse(p, p->at, "more than " SAID(JSON_NODES_MAX) " values");
	c = peek(p);
	if (c == '"')
		return pass_string(p);
	if (c == '-' || (c >= '0' && c <= '9'))
		return pass_number(p);
	if (c != '{' && c != '[')
		return pass_word(p);
	if (p->depth == JSON_DEPTH_MAX)
		return refuse(p, p->at, "brackets deeper than " SAID(JSON_DEPTH_MAX));
	p->objects &= ~(UINT64_C(1) << p->depth);
	p->objects |= (uint64_t)(c == '{') << p->depth;
	p->depth++;
	p->at++;
	buf_putc(&p->out, (char)c);
	*opened = true;
	return true;
}

/* After a value: closes what ends here; true with *MORE when another value follows. */
static bool pass_closings(struct prepass *p, bool just_opened, bool *more)
{
	for (; p->depth > 0; just_opened = false) {
		char close = in_object(p) ? '}' : ']';

		skip_blanks(p);
		if (peek(p) == close) {
			p->at++;
			p->depth--;
			buf_putc(&p->out, close);
			continue;
		}
		if (!just_opened) {
			if (peek(p) != ',')
				return refuse(p, p->at,
				    close == '}' ? "a missing comma or }" : "a missing comma or ]");
			p->at++;
			buf_putc(&p->out, ',');
		}
		*more = true;
		return true;
	}
	*more = false;
	return true;
}

static bool prepass(struct prepass *p)
{
	bool opened, more = true;

	if (p->len >= 3 && memcmp(p->text, "\xEF\xBB\xBF", 3) == 0)
		p->at = 3; /* a byte order mark, as Windows tools write it */
	while (more) {
		if (in_object(p) && !pass_name(p))
			return false;
		if (!pass_value(p, &opened) || !pass_closings(p, opened, &more))
			return false;
	}
	skip_blanks(p);
	if (p->at < p->len)
		return refuse(p, p->at, "more data after the end");
	return true;
}

cJSON *json_parse(const char *text, size_t len, struct error *err)
{
	struct prepass p = {.text = (const unsigned char *)text, .len = len, .err = err};
	cJSON *root = NULL;

	if (len > JSON_BYTES_MAX) {
		error_set(err, ERROR_TOO_LONG, "more than %d MiB of JSON", JSON_BYTES_MAX >> 20);
		return NULL;
	}
	/* One byte grows to three at most (a broken one becomes U+FFFD); quotes round a number add
	 * less. */
	buf_init(&p.out, len * 3 + 16);
	buf_reserve(&p.out, len + 16);
	if (!prepass(&p))
		goto out;
	if (!buf_ok(&p.out)) {
		error_set(err, ERROR_TOO_LONG, "the JSON is too long");
		goto out;
	}
	root = cJSON_ParseWithLength(buf_text(&p.out), p.out.len + 1);
	if (root == NULL)
		error_set(err, ERROR_USAGE, "the JSON cannot be read");
out:
	buf_fini(&p.out);
	return root;
}

const cJSON *json_get(const cJSON *object, const char *name)
{
	const cJSON *member;

	if (!cJSON_IsObject(object) || name == NULL)
		return NULL;
	/* As cJSON does it, without a call for each member: formats ask for some thirty names of each alert. */
	cJSON_ArrayForEach(member, object)
	{
		if (member->string != NULL && member->string[0] == name[0] && strcmp(member->string, name) == 0)
			return member;
	}
	return NULL;
}

const char *json_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_get(object, name));
}

/* TEXT is a whole number and nothing else. */
static bool whole_number(const char *text, int64_t *value)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	int64_t number;

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return false;
	errno = 0;
	number = strtoll(text, NULL, 10);
	if (errno != 0)
		return false;
	*value = number;
	return true;
}

bool json_int(const cJSON *object, const char *name, int64_t *value)
{
	const cJSON *node = json_get(object, name);

	if (cJSON_IsString(node) || cJSON_IsRaw(node))
		return whole_number(node->valuestring, value);
	if (!cJSON_IsNumber(node) || node->valuedouble != floor(node->valuedouble) ||
	    fabs(node->valuedouble) > EXACT_MAX)
		return false;
	*value = (int64_t)node->valuedouble;
	return true;
}

bool json_true(const cJSON *object, const char *name)
{
	const cJSON *node = json_get(object, name);

	if (cJSON_IsNumber(node))
		return node->valuedouble == 1;
	return cJSON_IsTrue(node) ||
	       (cJSON_IsString(node) && text_equal(node->valuestring, "true"));
}

/* Does the pointer's token (up to its slash), with ~0 and ~1 undone, say NAME? */
static bool token_is(const char *token, size_t len, const char *name)
{
	size_t i;

	for (i = 0; i < len; i++, name++) {
		char c = token[i];

		if (c == '~') {
			if (++i == len || (token[i] != '0' && token[i] != '1'))
				return false;
			c = token[i] == '0' ? '~' : '/';
		}
		if (*name != c)
			return false;
	}
	return *name == '\0';
}

static const cJSON *element_at(const cJSON *array, const char *token, size_t len)
{
	const cJSON *element = array->child;
	size_t i, index = 0;

	if (len == 0 || len > 7 || (len > 1 && token[0] == '0'))
		return NULL;
	for (i = 0; i < len; i++) {
		if (token[i] < '0' || token[i] > '9')
			return NULL;
		index = index * 10 + (size_t)(token[i] - '0');
	}
	while (element != NULL && index-- > 0)
		element = element->next;
	return element;
}

const cJSON *json_at(const cJSON *root, const char *pointer)
{
	const cJSON *node = root, *member;
	size_t len;

	while (node != NULL && *pointer != '\0') {
		if (*pointer++ != '/')
			return NULL;
		len = strcspn(pointer, "/");
		if (cJSON_IsArray(node)) {
			node = element_at(node, pointer, len);
		} else if (cJSON_IsObject(node)) {
			for (member = node->child; member != NULL; member = member->next)
				if (token_is(pointer, len, member->string))
					break;
			node = member;
		} else {
			return NULL;
		}
		pointer += len;
	}
	return node;
}

/* The shortest digits that read back as VALUE; whole numbers without an exponent. */
static char *shortest(double value)
{
	char text[32];
	int digits;

	if (!isfinite(value))
		return NULL;
	if (value == floor(value) && fabs(value) <= EXACT_MAX)
		return xasprintf("%" PRId64, (int64_t)value);
	for (digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return xstrdup(text);
}

char *json_scalar(const cJSON *node)
{
	if (cJSON_IsString(node) || cJSON_IsRaw(node))
		return xstrdup(node->valuestring);
	if (cJSON_IsNumber(node))
		return shortest(node->valuedouble);
	if (cJSON_IsBool(node))
		return xstrdup(cJSON_IsTrue(node) ? "true" : "false");
	return NULL;
}

char *json_write(const cJSON *node)
{
	char *text = node != NULL ? cJSON_PrintBuffered(node, WRITE_BYTES, false) : xstrdup("null");

	if (text == NULL)
		abort(); /* only for want of memory */
	return text;
}

void buf_put_json(struct buf *buf, const char *text)
{
	static const char letters[] = "btn-fr"; /* of 8 to 13; 11 has none */
	const char *clean = text;

	buf_putc(buf, '"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		buf_put(buf, clean, (size_t)(text - clean));
		clean = text + 1;
		if (c >= ' ')
			buf_printf(buf, "\\%c", c);
		else if (c >= '\b' && c <= '\r' && c != '\v')
			buf_printf(buf, "\\%c", letters[c - '\b']);
		else
			buf_printf(buf, "\\u%04x", c);
	}
	buf_put(buf, clean, (size_t)(text - clean));
	buf_putc(buf, '"');
}

static void must(const cJSON *added)
{
	if (added == NULL)
		abort(); /* only for want of memory */
}

void json_put(cJSON *object, const char *name, const char *text)
{
	must(text != NULL ? cJSON_AddStringToObject(object, name, text)
			  : cJSON_AddNullToObject(object, name));
}

void json_put_int(cJSON *object, const char *name, int64_t value)
{
	char text[24];

	if (value <= WHOLE_MAX && value >= -WHOLE_MAX) {
		must(cJSON_AddNumberToObject(object, name, (double)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64, value);
	must(cJSON_AddRawToObject(object, name, text));
}

void json_put_time(cJSON *object, const char *name, int64_t at)
{
	char text[32];

	if (at != TIME_NONE)
		time_write_rfc3339(at, text);
	json_put(object, name, at != TIME_NONE ? text : NULL);
}
