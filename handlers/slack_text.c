#include "handlers/slack_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define UNITS_MAX 20000     /* of one piece of foreign text, whatever the caller asks for */
#define EMOJI_NAME_MAX 100  /* characters between the colons */
#define ARN_COLONS 5        /* arn:partition:service:region:account: */
#define ARN_HEAD_MAX 100    /* characters of these */
#define LINK_URL_MAX 2000   /* bytes of a URL, encoded */
#define LINK_LABEL_MAX 200  /* UTF-16 units */
#define ID_MAX 32           /* bytes of a Slack id */
#define DATE_MAX 253402300799LL /* the end of the year 9999 */

/* Look-alikes that mean nothing to Slack. */
#define COLON_INERT 0xA789u     /* modifier letter colon */
#define STAR_INERT 0x2217u      /* asterisk operator */
#define TILDE_INERT 0x223Cu     /* tilde operator */
#define UNDERSCORE_INERT 0x02CDu /* modifier letter low macron */
#define BACKTICK_INERT 0x02CBu  /* modifier letter grave accent */
#define QUOTE_INERT 0x203Au     /* single right-pointing angle quotation mark */
#define AT_INERT 0xFF20u        /* fullwidth commercial at */
#define ELLIPSIS 0x2026u

static const char *const loud_names[] = {"channel", "here", "everyone", "group"};

/* Foreign text, decoded: no controls, no line ends, cut. */
struct clean {
	uint32_t *at;
	size_t count;
};

static bool is_line_end(uint32_t code)
{
	return (code >= '\t' && code <= '\r') || code == 0x85 || code == 0x2028 || code == 0x2029;
}

static size_t units_of(uint32_t code)
{
	return code > 0xFFFF ? 2 : 1;
}

/* Makes room for the … by taking back what stands in its place. */
static void clean_cut(struct clean *clean, size_t units, size_t used)
{
	while (clean->count > 0 && used + 1 > units)
		used -= units_of(clean->at[--clean->count]);
	if (used < units)
		clean->at[clean->count++] = ELLIPSIS;
}

static void clean_init(struct clean *clean, const char *text, size_t units)
{
	size_t len = text != NULL ? strlen(text) : 0, used = 0, size;
	size_t most = units < UNITS_MAX ? units : UNITS_MAX;
	bool is_after_line_end = false;

	*clean = (struct clean){.at = xcalloc((most < len ? most : len) + 1, sizeof(*clean->at))};
	for (size_t i = 0; i < len; i += size) {
		uint32_t code = utf8_decode(text + i, len - i, &size);

		if (is_line_end(code)) {
			if (is_after_line_end)
				continue;
			is_after_line_end = true;
			code = ' ';
		} else if (codepoint_is_invisible(code)) {
			continue;
		} else {
			is_after_line_end = false;
		}
		if (used + units_of(code) > most) {
			clean_cut(clean, most, used);
			return;
		}
		clean->at[clean->count++] = code;
		used += units_of(code);
	}
}

static void clean_fini(struct clean *clean)
{
	free(clean->at);
}

static uint32_t code_at(const struct clean *clean, size_t i)
{
	return i < clean->count ? clean->at[i] : ' ';
}

static bool is_ascii_alnum(uint32_t code)
{
	return code < 0x80 && isalnum((int)code);
}

/* Letters of any script: formatting marks between two of them are only characters. */
static bool is_word(uint32_t code)
{
	return is_ascii_alnum(code) || (code >= 0xC0 && code != CODEPOINT_REPLACEMENT);
}

static bool is_emoji_char(uint32_t code)
{
	return is_ascii_alnum(code) || code == '_' || code == '-' || code == '+' || code == '\'' ||
	       (code > 0xBF && code != COLON_INERT);
}

static bool clean_says(const struct clean *clean, size_t from, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < len; i++) {
		uint32_t code = code_at(clean, from + i);

		if (from + i >= clean->count || code >= 0x80 || tolower((int)code) != word[i])
			return false;
	}
	return true;
}

/* The five colons of `arn:aws:iam::123:` end no emoji: the names of Amazon's resources are to be read as they are. */
static bool is_arn(const struct clean *clean, size_t close)
{
	static const char *const heads[] = {"arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"};
	size_t from = close, colons = 0;

	while (from > 0 && close - from < ARN_HEAD_MAX && (clean->at[from - 1] == ':' || is_emoji_char(clean->at[from - 1])))
		colons += clean->at[--from] == ':';
	for (size_t i = 0; colons < ARN_COLONS && i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (clean_says(clean, from, heads[i]))
			return true;
	}
	return false;
}

/* 12:30:45 is a time; of all numbers these two are emoji. */
static bool is_number(const struct clean *clean, size_t open, size_t close)
{
	for (size_t i = open; i < close; i++) {
		if (clean->at[i] < '0' || clean->at[i] > '9')
			return false;
	}
	return !(close - open == 3 && clean_says(clean, open, "100")) && !(close - open == 4 && clean_says(clean, open, "1234"));
}

/* Is the colon at CLOSE the end of what Slack would draw as an emoji? */
static bool closes_emoji(const struct clean *clean, size_t close)
{
	size_t open = close;

	if (clean->at[close] != ':')
		return false;
	while (open > 0 && close - open < EMOJI_NAME_MAX && is_emoji_char(clean->at[open - 1]))
		open--;
	if (open == close || open == 0 || clean->at[open - 1] != ':')
		return false;
	return !is_number(clean, open, close) && !is_arn(clean, close);
}

static void clean_emoji(struct clean *clean)
{
	for (size_t i = 0; i < clean->count; i++) {
		if (closes_emoji(clean, i))
			clean->at[i] = COLON_INERT;
	}
}

static void put_code_escaped(struct buf *buf, uint32_t code)
{
	if (code == '&')
		buf_puts(buf, "&amp;");
	else if (code == '<')
		buf_puts(buf, "&lt;");
	else if (code == '>')
		buf_puts(buf, "&gt;");
	else
		buf_put_utf8(buf, code);
}

/* Could the mark at I begin or end formatting? Alone between blanks, or inside a word, it cannot. */
static bool formats(const struct clean *clean, size_t i)
{
	uint32_t before = i > 0 ? clean->at[i - 1] : ' ', after = code_at(clean, i + 1);

	if (before == ' ' && after == ' ')
		return false;
	return !(is_word(before) && is_word(after));
}

static bool is_loud_mention(const struct clean *clean, size_t i)
{
	for (size_t n = 0; n < sizeof(loud_names) / sizeof(loud_names[0]); n++) {
		if (clean_says(clean, i + 1, loud_names[n]))
			return true;
	}
	return false;
}

/* The colon of `https://` and of `mailto:`. */
static bool begins_link(const struct clean *clean, size_t i)
{
	if (i == 0 || !is_ascii_alnum(clean->at[i - 1]))
		return false;
	if (code_at(clean, i + 1) == '/' && code_at(clean, i + 2) == '/')
		return true;
	return i >= 6 && clean_says(clean, i - 6, "mailto");
}

static bool ends_host(uint32_t code)
{
	return code == ' ' || code == '/' || code == '?' || code == '#' || code == '<' || code == '>';
}

void buf_put_mrkdwn(struct buf *buf, const char *text, size_t units)
{
	struct clean clean;
	bool in_host = false;

	clean_init(&clean, text, units);
	clean_emoji(&clean);
	for (size_t i = 0; i < clean.count; i++) {
		uint32_t code = clean.at[i];
		bool at_line_start = buf->len == 0 || buf->data[buf->len - 1] == '\n';

		if (in_host && ends_host(code))
			in_host = false;
		if (code == ':' && begins_link(&clean, i)) {
			/* As people who share indicators of compromise write them: hxxp is guessed at, this is not. */
			bool has_slashes = clean.at[i + 1] == '/' && code_at(&clean, i + 2) == '/';

			buf_puts(buf, has_slashes ? "[:]//" : "[:]");
			i += has_slashes ? 2 : 0;
			in_host = true;
		} else if (code == '.' && in_host && !ends_host(code_at(&clean, i + 1))) {
			buf_puts(buf, "[.]");
		} else if (code == '`') {
			buf_put_utf8(buf, BACKTICK_INERT);
		} else if (code == '*' && formats(&clean, i)) {
			buf_put_utf8(buf, STAR_INERT);
		} else if (code == '~' && formats(&clean, i)) {
			buf_put_utf8(buf, TILDE_INERT);
		} else if (code == '_' && formats(&clean, i)) {
			buf_put_utf8(buf, UNDERSCORE_INERT);
		} else if (code == '@' && is_loud_mention(&clean, i)) {
			buf_put_utf8(buf, AT_INERT);
		} else if (code == '>' && at_line_start) {
			buf_put_utf8(buf, QUOTE_INERT);
		} else {
			put_code_escaped(buf, code);
		}
	}
	clean_fini(&clean);
}

void buf_put_code(struct buf *buf, const char *text, size_t units)
{
	struct clean clean;
	bool is_seen = false;

	clean_init(&clean, text, units);
	for (size_t i = 0; i < clean.count; i++)
		is_seen = is_seen || clean.at[i] != ' ';
	if (is_seen) {
		buf_putc(buf, '`');
		for (size_t i = 0; i < clean.count; i++)
			put_code_escaped(buf, clean.at[i] == '`' ? BACKTICK_INERT : clean.at[i]);
		buf_putc(buf, '`');
	}
	clean_fini(&clean);
}

void buf_put_plain(struct buf *buf, const char *text, size_t units)
{
	struct clean clean;

	clean_init(&clean, text, units);
	clean_emoji(&clean);
	for (size_t i = 0; i < clean.count; i++)
		buf_put_utf8(buf, clean.at[i]);
	clean_fini(&clean);
}

void buf_put_escaped(struct buf *buf, const char *text, size_t units)
{
	struct clean clean;

	clean_init(&clean, text, units);
	clean_emoji(&clean);
	for (size_t i = 0; i < clean.count; i++)
		put_code_escaped(buf, clean.at[i]);
	clean_fini(&clean);
}

static bool is_id(const char *id, const char *letters)
{
	size_t len = id != NULL ? strnlen(id, ID_MAX + 1) : 0;

	if (len < 2 || len > ID_MAX || strchr(letters, id[0]) == NULL)
		return false;
	return strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

bool slack_is_user(const char *id)
{
	return is_id(id, "UW");
}

bool slack_is_group(const char *id)
{
	return is_id(id, "S");
}

bool slack_is_channel_id(const char *id)
{
	return is_id(id, "CGD");
}

void buf_put_person(struct buf *buf, const struct config *config, const char *who)
{
	char space[64];

	if (text_is_empty(who)) {
		buf_puts(buf, "somebody");
		return;
	}
	if (slack_is_user(who)) {
		buf_printf(buf, "<@%s>", who);
		return;
	}
	buf_put_mrkdwn(buf, config != NULL ? config_person_name(config, who, space) : who, 100);
}

/* URL with everything that could end it, or start something else, percent-encoded; false when it is too long. */
static bool encode_url(const char *url, struct buf *out)
{
	for (const unsigned char *at = (const unsigned char *)url; *at != '\0'; at++) {
		if (*at == '&')
			buf_puts(out, "&amp;");
		else if (*at <= 0x20 || *at >= 0x7F || strchr("<>|\"'`\\^{}", *at) != NULL)
			buf_printf(out, "%%%02X", *at);
		else
			buf_putc(out, (char)*at);
	}
	return buf_ok(out);
}

static bool is_web_url(const char *url)
{
	size_t scheme;

	if (url == NULL)
		return false;
	if (strncasecmp(url, "https://", 8) == 0)
		scheme = 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		scheme = 7;
	else
		return false;
	return is_ascii_alnum((unsigned char)url[scheme]) || url[scheme] == '[';
}

void buf_put_link(struct buf *buf, const char *url, const char *label)
{
	struct buf encoded, shown;

	buf_init(&encoded, LINK_URL_MAX);
	buf_init(&shown, LINK_LABEL_MAX * 5 + 64);
	buf_putc(&shown, 'x'); /* a label never stands at the start of a line: `>` is escaped, not replaced */
	buf_put_mrkdwn(&shown, label, LINK_LABEL_MAX);
	for (size_t i = 1; i < shown.len; i++) {
		if (shown.data[i] == '|')
			shown.data[i] = '/';
	}
	if (is_web_url(url) && shown.len > 1 && encode_url(url, &encoded))
		buf_printf(buf, "<%s|%s>", buf_text(&encoded), buf_text(&shown) + 1);
	else
		buf_puts(buf, buf_text(&shown) + 1);
	buf_fini(&encoded);
	buf_fini(&shown);
}

void buf_put_when(struct buf *buf, int64_t at)
{
	char utc[32];

	if (at == TIME_NONE) {
		buf_puts(buf, "at an unknown time");
		return;
	}
	if (at <= 0 || at > DATE_MAX) {
		buf_printf(buf, "%" PRId64, at);
		return;
	}
	time_write_rfc3339(at, utc);
	buf_printf(buf, "<!date^%" PRId64 "^{date_short_pretty} {time_secs}|%s>", at, utc);
}

/* ---- what Slack made of typed text ------------------------------------------------------------------------ */

/* The &amp; &lt; &gt; at TEXT: its length, and what it means in *CODE; 0 when it is none of them. */
static size_t entity(const char *text, size_t len, uint32_t *code)
{
	static const struct {
		const char *name;
		uint32_t code;
	} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}};

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		size_t size = strlen(entities[i].name);

		if (len >= size && memcmp(text, entities[i].name, size) == 0) {
			*code = entities[i].code;
			return size;
		}
	}
	return 0;
}

static bool is_blank_code(uint32_t code)
{
	return code == ' ' || is_line_end(code) || code == 0xA0 || code == 0x2007 || code == 0x202F;
}

/* One character as it was meant on the keyboard. REST follows it. */
static void put_meant(struct buf *out, uint32_t code, const char *rest, size_t len)
{
	size_t size;
	bool before_word = len > 0 && !is_blank_code(utf8_decode(rest, len, &size));

	if (code == 0xA0 || code == 0x2007 || code == 0x202F)
		buf_putc(out, ' ');
	else if (code >= 0x2018 && code <= 0x201B)
		buf_putc(out, '\'');
	else if (code >= 0x201C && code <= 0x201F)
		buf_putc(out, '"');
	else if (code == 0x2010 || code == 0x2011 || code == 0x2212 || (code == 0x2013 && before_word))
		buf_putc(out, '-');
	else if (code == 0x2014 && before_word)
		buf_puts(out, "--");
	else
		buf_put_utf8(out, code);
}

/* Text without <…>: entities and typography undone. */
static void put_typed(struct buf *out, const char *text, size_t len)
{
	size_t size;

	for (size_t i = 0; i < len; i += size) {
		uint32_t code;

		if (text[i] == '&' && (size = entity(text + i, len - i, &code)) > 0) {
			buf_put_utf8(out, code);
			continue;
		}
		code = utf8_decode(text + i, len - i, &size);
		put_meant(out, code, text + i + size, len - i - size);
	}
}

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* What stands between < and >, LEN bytes at TEXT. */
static void put_control(struct buf *out, const char *text, size_t len)
{
	const char *bar = memchr(text, '|', len);
	size_t head = bar != NULL ? (size_t)(bar - text) : len;
	const char *label = bar != NULL ? bar + 1 : NULL;
	size_t label_len = bar != NULL ? len - head - 1 : 0;

	if (begins(text, head, "@") || begins(text, head, "#") || begins(text, head, "!subteam^")) {
		buf_putc(out, '<');
		put_typed(out, text, head);
		buf_putc(out, '>');
	} else if (begins(text, head, "!")) {
		/* <!here>, or a date: what its writer saw */
		if (label_len > 0) {
			put_typed(out, label, label_len);
		} else {
			buf_putc(out, '@');
			put_typed(out, text + 1, head - 1);
		}
	} else if (label_len > 0) {
		put_typed(out, label, label_len);
	} else {
		size_t scheme = begins(text, head, "mailto:") ? 7 : begins(text, head, "tel:") ? 4 : 0;

		put_typed(out, text + scheme, head - scheme);
	}
}

/* The length of `<…>` at TEXT with its brackets; 0 when it is only a sign. */
static size_t control_length(const char *text, size_t len)
{
	if (len < 2 || strchr(" \t=", text[1]) != NULL)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '>')
			return i > 1 ? i + 1 : 0;
		if (text[i] == '<' || text[i] == '\n')
			return 0;
	}
	return 0;
}

char *slack_plain(const char *text, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0, done = 0;
	struct buf out;
	char *plain;

	buf_init(&out, len * 3 + 1); /* what is broken becomes U+FFFD, three bytes for one */
	while (done < len && out.len <= max) {
		const char *at = text + done;
		size_t left = len - done, size = 0;

		if (*at == '<')
			size = control_length(at, left);
		if (size > 0) {
			put_control(&out, at + 1, size - 2);
		} else {
			/* up to the next <, which may begin something */
			const char *next = left > 1 ? memchr(at + 1, '<', left - 1) : NULL;

			size = next != NULL ? (size_t)(next - at) : left;
			put_typed(&out, at, size);
		}
		done += size;
	}
	plain = xstrndup(buf_text(&out), out.len);
	if (out.len > max) {
		while (max > 0 && ((unsigned char)plain[max] & 0xC0) == 0x80)
			max--;
		plain[max] = '\0';
	}
	buf_fini(&out);
	return plain;
}
