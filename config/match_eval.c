#include "config/match_eval.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <arpa/inet.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define REPLACEMENT "\xEF\xBF\xBD"      /* U+FFFD: what a NUL or broken UTF-8 was mended to */
#define REGEX_CODE_MAX (64 << 10)       /* bytes of a compiled pattern */
#define REGEX_HEAP_KIB 1024             /* for what cannot be run by JIT */
#define REGEX_JIT_STACK_MAX (256 << 10) /* bytes; 32 KiB, which come for free, are too few */
#define EXPLAIN_VALUE_MAX 120           /* UTF-16 units of a value that an explanation repeats */
#define EXPLAIN_MAX 8192

/* ---- globs ------------------------------------------------------------ */

/* The bytes of the character at TEXT, which does not end there. */
static size_t character(const char *text)
{
	size_t size = 1;

	if ((text[0] & 0xC0) == 0xC0)
		while ((text[size] & 0xC0) == 0x80)
			size++;
	return size;
}

/* Does PATTERN (LEN bytes without a *) fit at TEXT? *USED gets the bytes that it covers there. */
static bool piece_fits(const char *pattern, size_t len, const char *text, size_t *used)
{
	const char *at = text;
	size_t i;

	for (i = 0; i < len; i++) {
		if (*at == '\0')
			return false;
		if (pattern[i] == '?')
			at += character(at);
		else if (pattern[i] == *at)
			at++;
		else
			return false;
	}
	*used = (size_t)(at - text);
	return true;
}

/* The first place in TEXT where the piece fits; NULL when it is nowhere. */
static const char *piece_find(
    const char *pattern, size_t len, const char *text, const char *end, size_t *used)
{
	if (memchr(pattern, '?', len) == NULL) {
		*used = len;
		return memmem(text, (size_t)(end - text), pattern, len);
	}
	for (; text < end; text += character(text)) {
		if (piece_fits(pattern, len, text, used))
			return text;
	}
	return NULL;
}

static size_t characters(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += (text[i] & 0xC0) != 0x80;
	return count;
}

/* The piece after the last *: it must fit where TEXT ends. */
static bool piece_ends(const char *pattern, size_t len, const char *text)
{
	size_t wanted = characters(pattern, len), had = characters(text, strlen(text)), used;

	for (; had > wanted; had--)
		text += character(text);
	return had == wanted && piece_fits(pattern, len, text, &used) && text[used] == '\0';
}

/*
 * The first piece stands at the begin, the last at the end, and those between are taken where they
 * first fit: taking one later can never help. So nothing is tried twice, however many stars there
 * are; a piece without ? is found by memmem, which is linear, and match_parse() bounds the length
 * of one with ?.
 */
bool glob_matches(const char *pattern, const char *text)
{
	size_t len = strcspn(pattern, "*"), used;
	const char *end;

	if (!piece_fits(pattern, len, text, &used))
		return false;
	pattern += len;
	text += used;
	if (*pattern == '\0')
		return *text == '\0';
	end = text + strlen(text);
	for (;;) {
		pattern += strspn(pattern, "*");
		len = strcspn(pattern, "*");
		if (pattern[len] == '\0')
			return piece_ends(pattern, len, text);
		text = piece_find(pattern, len, text, end, &used);
		if (text == NULL)
			return false;
		pattern += len;
		text += used;
	}
}

/* ---- regular expressions ------------------------------------------------------------ */

/* What PCRE2 wants while it matches; one for each thread that does, freed when the thread ends. */
struct regex_room {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static pthread_key_t regex_room_key;

static void regex_room_free(void *ctx)
{
	struct regex_room *room = ctx;

	pcre2_match_data_free(room->data);
	pcre2_match_context_free(room->context);
	pcre2_jit_stack_free(room->stack);
	free(room);
}

static void regex_room_setup(void)
{
	if (pthread_key_create(&regex_room_key, regex_room_free) != 0)
		abort();
}

static struct regex_room *regex_room(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct regex_room *room;

	pthread_once(&once, regex_room_setup);
	room = pthread_getspecific(regex_room_key);
	if (room != NULL)
		return room;
	room = xcalloc(1, sizeof(*room));
	room->data = pcre2_match_data_create(1, NULL);
	room->context = pcre2_match_context_create(NULL);
	room->stack = pcre2_jit_stack_create(32 << 10, REGEX_JIT_STACK_MAX, NULL);
	if (room->data == NULL || room->context == NULL)
		abort();
	pcre2_set_match_limit(room->context, MATCH_REGEX_LIMIT);
	pcre2_set_heap_limit(room->context, REGEX_HEAP_KIB);
	if (room->stack != NULL)
		pcre2_jit_stack_assign(room->context, NULL, room->stack);
	if (pthread_setspecific(regex_room_key, room) != 0)
		abort();
	return room;
}

void *regex_new(const char *pattern, bool any_case, char *why, size_t size)
{
	uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_NEVER_BACKSLASH_C;
	pcre2_code *code;
	PCRE2_SIZE at, code_size = 0;
	PCRE2_UCHAR text[128];
	int number;

	if (any_case)
		options |= PCRE2_CASELESS;
	code =
	    pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number, &at, NULL);
	if (code == NULL) {
		pcre2_get_error_message(number, text, sizeof(text));
		snprintf(why, size, "%s (at %zu)", (const char *)text, (size_t)at + 1);
		return NULL;
	}
	if (pcre2_pattern_info(code, PCRE2_INFO_SIZE, &code_size) != 0 ||
	    code_size > REGEX_CODE_MAX) {
		snprintf(why, size, "its repetitions are too many");
		pcre2_code_free(code);
		return NULL;
	}
	pcre2_jit_compile(
	    code, PCRE2_JIT_COMPLETE); /* without it matching is slower, not different */
	return code;
}

void regex_free(void *regex)
{
	pcre2_code_free(regex);
}

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNSURE };

/*
 * PCRE2 lets the Kelvin sign pass for k and the long s for s where case is ignored (and a pattern
 * may ask for that with (?i)). Look-alikes are not what they look like: such a text cannot be
 * judged by a regular expression.
 */
static bool folds_to_ascii(const char *text)
{
	return strstr(text, "\xE2\x84\xAA") != NULL || strstr(text, "\xC5\xBF") != NULL;
}

static enum answer regex_answer(const void *regex, const char *text)
{
	struct regex_room *room = regex_room();
	int got;

	if (folds_to_ascii(text))
		return ANSWER_UNSURE;
	got = pcre2_match(regex, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_NO_UTF_CHECK, room->data,
	    room->context);
	if (got >= 0)
		return ANSWER_YES;
	return got == PCRE2_ERROR_NOMATCH ? ANSWER_NO : ANSWER_UNSURE;
}

/* ---- values ------------------------------------------------------------ */

bool text_is_comparable(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at >= ' ' && *at < 0x7F)
		at++;
	return *at == '\0' || (!text_has_invisible(text) && strstr(text, REPLACEMENT) == NULL);
}

bool field_is_caseless(const struct field *field)
{
	return field != NULL && (field->kind == FIELD_HOST || field->kind == FIELD_IP ||
				    field->kind == FIELD_SEVERITY || field->kind == FIELD_STATUS);
}

static bool copy_lower(const char *value, char *out, size_t size)
{
	size_t i;

	for (i = 0; value[i] != '\0'; i++) {
		if (i + 1 >= size)
			return false;
		out[i] =
		    (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + ('a' - 'A') : value[i]);
	}
	out[i] = '\0';
	return true;
}

/* One spelling for each address; what is none ("AWS Internal") stays text. */
static bool normalise_ip(const char *value, char *out, size_t size)
{
	unsigned char address[16];
	static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

	if (inet_pton(AF_INET, value, address) == 1)
		return copy_lower(value, out, size); /* it takes one spelling only */
	if (inet_pton(AF_INET6, value, address) != 1)
		return copy_lower(value, out, size);
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return inet_ntop(AF_INET, address + 12, out, (socklen_t)size) != NULL;
	return inet_ntop(AF_INET6, address, out, (socklen_t)size) != NULL;
}

bool match_normalise(const struct field *field, const char *value, char *out, size_t size)
{
	size_t len;

	if (size == 0 || !text_is_comparable(value))
		return false;
	if (field != NULL && field->kind == FIELD_IP)
		return normalise_ip(value, out, size);
	if (field_is_caseless(field)) {
		if (!copy_lower(value, out, size))
			return false;
		len = strlen(out);
		/* web-3.example.com. is web-3.example.com; of two dots neither goes, so that what
		 * is normalised stays so */
		if (field->kind == FIELD_HOST && len > 1 && out[len - 1] == '.' &&
		    out[len - 2] != '.')
			out[len - 1] = '\0';
		return true;
	}
	len = strlen(value);
	if (len >= size)
		return false;
	memcpy(out, value, len + 1);
	return true;
}

/* Room for a value in the form in which it is compared. */
struct value_room {
	char number[32];
	char text[ALERT_FIELD_MAX + 1];
};

/* The value as it is compared: *ABSENT, or, when NULL comes back, not comparable. Text that needs
 * no change is not copied. */
static const char *comparable_value(
    const struct match *match, const struct alert *alert, struct value_room *room, bool *absent)
{
	const char *value = match->field == NULL ? alert_label(alert, match->name)
						 : alert_text(alert, match->field);

	if (value == NULL && match->field != NULL)
		value = alert_value(alert, match->name, room->number);
	*absent = text_is_empty(value);
	if (*absent)
		return "";
	if (match->field == NULL || match->field->kind == FIELD_TEXT)
		return text_is_comparable(value) ? value : NULL;
	if (match->field->kind != FIELD_HOST && match->field->kind != FIELD_IP)
		return value;
	return match_normalise(match->field, value, room->text, sizeof(room->text)) ? room->text
										    : NULL;
}

static enum answer text_fits(const struct match *match, const char *text)
{
	size_t i;

	if (match->op == MATCH_REGEX || match->op == MATCH_NOT_REGEX)
		return regex_answer(match->regex, text);
	for (i = 0; i < match->value_count; i++) {
		const struct match_value *value = &match->values[i];

		if (!value->is_glob) {
			if (strcmp(value->text, text) == 0)
				return ANSWER_YES;
		} else if (strncmp(value->text, text, value->prefix_len) == 0 &&
			   glob_matches(
			       value->text + value->prefix_len, text + value->prefix_len)) {
			return ANSWER_YES;
		}
	}
	return ANSWER_NO;
}

bool match_is_positive(const struct match *match)
{
	return match->op == MATCH_EQUAL || match->op == MATCH_REGEX;
}

/* ANSWER_UNSURE: the value cannot be compared, or the regular expression ran into its limit. */
static enum answer match_answer(const struct match *match, const struct alert *alert, bool *broken)
{
	struct value_room room;
	enum answer fits;
	const char *value;
	bool absent;

	value = comparable_value(match, alert, &room, &absent);
	if (absent && match_is_positive(match))
		return ANSWER_NO;
	if (value == NULL)
		return ANSWER_UNSURE;
	fits = text_fits(match, value);
	if (fits == ANSWER_UNSURE) {
		if (broken != NULL)
			*broken = true;
		return ANSWER_UNSURE;
	}
	return (fits == ANSWER_YES) == match_is_positive(match) ? ANSWER_YES : ANSWER_NO;
}

bool match_holds(const struct match *match, const struct alert *alert, bool *broken)
{
	return match_answer(match, alert, broken) == ANSWER_YES;
}

bool matches_hold(const struct matches *matches, const struct alert *alert)
{
	for (size_t i = 0; i < matches->count; i++) {
		if (match_answer(matches->list[i], alert, NULL) != ANSWER_YES)
			return false;
	}
	return true;
}

bool matches_may_hold(const struct matches *matches, const struct alert *alert)
{
	for (size_t i = 0; i < matches->count; i++) {
		if (match_answer(matches->list[i], alert, NULL) == ANSWER_NO)
			return false;
	}
	return true;
}

/* ---- what is specific ------------------------------------------------------------ */

/*
 * There are more ways to say "everything" than can be listed (.*, (a|.)+, [^,]*, .{1,}, ?*), so it
 * is tried: what fits every text of a set whose members have nothing in common but their kind or
 * length says nothing.
 */
#define PROBES_MAX 5
static const char *const text_probes[][PROBES_MAX + 1] = {
    {"qzv", "xkj", "wpf", "bmg", "yhd"},
    {"vjqmx", "zkbwt", "yfpnd", "hgclr", "usoea"},
    {"qwjzxkvb", "mfhgtdpl", "ycrunsoe", "aibktwhz", "xjdgqvml"},
    {"zvqkxwjyfbgh", "pmucldtrhnso", "eaibwzqjxkvy", "tdlcfmgpuyrs", "onhwiaekbjzq"},
    {"qjzxvkwyfbghpmucldtrnsoe", "xkvqzjwbyfghmpclutdrsneo", "hgfbyvkwjxzqoensrtdlcump",
	"wvutsrqponmlkjihgfedcbaz", "bdfhjlnprtvxzacegikmoqsu"},
};
static const char *const ip_probes[][PROBES_MAX + 1] = {
    {"203.0.113.77", "8.8.4.4", "172.31.255.9", "10.0.0.1", "192.168.56.3"},
};
static const char *const number_probes[][PROBES_MAX + 1] = {
    {"1", "2", "7", "30", "4985"},
};
static const char *const time_probes[][PROBES_MAX + 1] = {
    {"2021-01-02T03:04:05Z", "1999-12-31T23:59:59Z", "2034-07-18T16:20:37Z"},
};
static const char *const severity_probes[][PROBES_MAX + 1] = {
    {"critical", "high", "medium", "low", "info"},
};
static const char *const status_probes[][PROBES_MAX + 1] = {
    {"open", "acked", "resolved", "expected", "claimed"},
};

static bool fits_all(const struct match *match, const char *const *probes)
{
	for (; *probes != NULL; probes++) {
		if (text_fits(match, *probes) == ANSWER_NO)
			return false;
	}
	return true;
}

#define FITS_ANY_SET(match, sets) fits_any_set(match, sets, sizeof(sets) / sizeof((sets)[0]))

static bool fits_any_set(
    const struct match *match, const char *const (*sets)[PROBES_MAX + 1], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fits_all(match, sets[i]))
			return true;
	}
	return false;
}

bool match_is_specific(const struct match *match)
{
	if (!match_is_positive(match))
		return false;
	switch (match->field != NULL ? match->field->kind : FIELD_TEXT) {
	case FIELD_IP:
		return !FITS_ANY_SET(match, ip_probes);
	case FIELD_NUMBER:
		return !FITS_ANY_SET(match, number_probes);
	case FIELD_TIME:
		return !FITS_ANY_SET(match, time_probes);
	case FIELD_SEVERITY:
		return !FITS_ANY_SET(match, severity_probes);
	case FIELD_STATUS:
		return !FITS_ANY_SET(match, status_probes);
	case FIELD_TEXT:
	case FIELD_HOST:
		break;
	}
	return !FITS_ANY_SET(match, text_probes);
}

/* ---- explained ------------------------------------------------------------ */

static void put_values(struct buf *out, const struct match *match)
{
	for (size_t i = 0; i < match->value_count && buf_ok(out); i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", match->values[i].text);
}

static void put_difference(struct buf *out, const struct match *match)
{
	if (!match_is_positive(match)) {
		buf_printf(out, " is left out by %s", match->source);
	} else if (match->op == MATCH_REGEX) {
		buf_printf(out, " does not fit %s", match->source);
	} else if (match->value_count == 1) {
		buf_puts(out, match->values[0].is_glob ? " does not fit " : " is not ");
		put_values(out, match);
	} else {
		buf_puts(out, " is none of ");
		put_values(out, match);
	}
}

void match_explain(const struct match *match, const struct alert *alert, char *out, size_t size)
{
	bool broken = false;
	enum answer answer = match_answer(match, alert, &broken);
	char space[32];
	const char *value = alert_value(alert, match->name, space);
	struct buf text;
	size_t len;

	if (size == 0)
		return;
	buf_init(&text, EXPLAIN_MAX);
	buf_printf(&text, "%s: ", match->name);
	if (answer == ANSWER_UNSURE && broken) {
		buf_printf(&text, "%s takes too long to tell, or the value holds look-alikes",
		    match->source);
	} else if (answer == ANSWER_UNSURE) {
		buf_puts(&text, "the value holds characters that cannot be seen or read");
	} else if (text_is_empty(value)) {
		buf_puts(&text, "the alert has none");
		if (answer == ANSWER_YES)
			buf_printf(&text, ", as %s wants", match->source);
	} else {
		len = utf16_prefix(value, strlen(value), EXPLAIN_VALUE_MAX);
		buf_put(&text, value, len);
		if (value[len] != '\0')
			buf_puts(&text, "…");
		if (answer == ANSWER_YES)
			buf_printf(&text, " fits %s", match->source);
		else
			put_difference(&text, match);
	}
	len = text.len < size ? text.len : size - 1;
	while (len < text.len && len > 0 && (text.data[len] & 0xC0) == 0x80)
		len--;
	memcpy(out, buf_text(&text), len);
	out[len] = '\0';
	buf_fini(&text);
}
