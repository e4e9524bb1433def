#include "config/decode.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define FORM_NAME_MAX 64 /* bytes of a field's name */
#define ENTITY_MAX 10    /* bytes of an entity, & and ; included */

char *text_mend(const char *text, size_t len)
{
	struct buf out;
	size_t size;

	buf_init(&out, 3 * len + 1);
	buf_put(&out, "", 0);
	for (size_t at = 0; at < len; at += size) {
		uint32_t c = utf8_decode(text + at, len - at, &size);

		if (c == 0 || (c == CODEPOINT_REPLACEMENT && size == 1))
			buf_put_utf8(&out, CODEPOINT_REPLACEMENT);
		else
			buf_put(&out, text + at, size);
	}
	return buf_take(&out);
}

bool text_is_utf8(const char *text, size_t len)
{
	size_t size;

	for (size_t at = 0; at < len; at += size) {
		uint32_t c = utf8_decode(text + at, len - at, &size);

		if (c == 0 || (c == CODEPOINT_REPLACEMENT && size == 1))
			return false;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

char *decode_percent(const char *text, size_t len, bool is_form)
{
	char *bytes = xcalloc(len + 1, 1), *out;
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

		if (text[i] == '%' && low >= 0) {
			bytes[to++] = (char)(high * 16 + low);
			i += 2;
		} else {
			bytes[to++] = is_form && text[i] == '+' ? ' ' : text[i];
		}
	}
	out = text_mend(bytes, to);
	free(bytes);
	return out;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

char *decode_base64(const char *text, size_t *len)
{
	size_t n = strlen(text), to = 0;
	uint32_t bits = 0;
	unsigned count = 0;
	char *out;

	while (n > 0 && text[n - 1] == '=')
		n--;
	out = xcalloc(n + 1, 1);
	for (size_t i = 0; i < n; i++) {
		int digit = base64_digit(text[i]);

		if (text[i] == '\r' || text[i] == '\n')
			continue;
		if (digit < 0) {
			free(out);
			return NULL;
		}
		bits = (bits << 6 | (uint32_t)digit) & 0xFFFFFF;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[to++] = (char)(bits >> count & 0xFF);
		}
	}
	if (len != NULL)
		*len = to;
	return out;
}

/* The character that the entity at TEXT (an &) stands for, *SIZE its bytes; 0 when it is none. */
static uint32_t entity(const char *text, size_t *size)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {
	    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	uint32_t value = 0;
	size_t i = 2;
	bool is_hex;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		*size = strlen(names[k].name);
		if (strncasecmp(text, names[k].name, *size) == 0)
			return (unsigned char)names[k].c;
	}
	if (text[1] != '#')
		return 0;
	is_hex = text[2] == 'x' || text[2] == 'X';
	for (i += is_hex; i < ENTITY_MAX && text[i] != ';'; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0 || (!is_hex && digit > 9))
			return 0;
		value = value * (is_hex ? 16 : 10) + (uint32_t)digit;
	}
	*size = i + 1;
	if (text[i] != ';' || value == 0 || value > 0x10FFFF ||
	    (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	return value;
}

/* No character in UTF-8 is longer than its entity. */
void decode_html(char *text)
{
	char *to = text;
	size_t size, used;
	struct buf one;
	uint32_t c;

	for (const char *at = text; *at != '\0';) {
		c = *at == '&' ? entity(at, &size) : 0;
		if (c == 0) {
			*to++ = *at++;
			continue;
		}
		buf_init(&one, 8);
		buf_put_utf8(&one, c);
		used = one.len <= size ? one.len : 0;
		memcpy(to, buf_text(&one), used);
		buf_fini(&one);
		to += used;
		at += size;
	}
	*to = '\0';
}

/* What is inside <…>, LEN bytes at INSIDE, as people see it; moved to TO, which lies before it. */
static char *put_slack_link(char *to, const char *inside, size_t len)
{
	const char *bar = memchr(inside, '|', len);
	char sign = '\0';

	if (len > 0 && (inside[0] == '!' || inside[0] == '@') && strncmp(inside, "!date^", 6) != 0)
		sign = '@';
	else if (len > 0 && inside[0] == '#')
		sign = '#';
	if (bar != NULL && bar + 1 < inside + len) {
		len -= (size_t)(bar + 1 - inside);
		inside = bar + 1;
	} else if (sign != '\0') {
		inside++;
		len--;
	}
	/* One byte at least, the <, has gone: there is room for the sign. */
	if (sign != '\0' && !(len > 0 && inside[0] == sign))
		*to++ = sign;
	memmove(to, inside, len);
	return to + len;
}

/* Markup, and not just something between < and >, which people should have written as &lt;. */
static bool is_slack_link(const char *inside, size_t len)
{
	return len > 0 &&
	       (strchr("!@#", inside[0]) != NULL || memmem(inside, len, "://", 3) != NULL ||
		   strncmp(inside, "mailto:", 7) == 0 || strncmp(inside, "tel:", 4) == 0);
}

void decode_slack(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0';) {
		size_t len = *at == '<' ? strcspn(at + 1, "<>\n") : 0;

		if (*at == '<' && at[1 + len] == '>' && is_slack_link(at + 1, len)) {
			to = put_slack_link(to, at + 1, len);
			at += len + 2;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
	decode_html(text);
}

cJSON *decode_form(const char *text, size_t len)
{
	cJSON *form;
	size_t fields = 0;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (memchr(text, '=', len) == NULL || memchr(text, '\n', len) != NULL)
		return NULL;
	form = cJSON_CreateObject();
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '&', len - at);
		size_t n = end != NULL ? (size_t)(end - text) - at : len - at;
		const char *equals = memchr(text + at, '=', n);
		size_t name_len = equals != NULL ? (size_t)(equals - text) - at : n;
		char *name, *value;

		if (name_len == 0 || name_len > FORM_NAME_MAX || ++fields > FORM_FIELDS_MAX) {
			cJSON_Delete(form);
			return NULL;
		}
		name = decode_percent(text + at, name_len, true);
		value = equals != NULL ? decode_percent(equals + 1, n - name_len - 1, true)
				       : xstrdup("");
		json_put(form, name, value);
		free(name);
		free(value);
		at += n + 1;
	}
	return form;
}
