#include "handlers/grammar.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define ID_DIGITS_MAX 18 /* so that it fits into an int64_t */
#define WORDS_ROOM 16    /* words, to begin with */
#define EXCERPT_UNITS 60 /* of what was typed, in a refusal */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* Where a quote opens a quoted part; elsewhere it is an apostrophe or an inch. */
static bool begins_value(const char *text, size_t begin, size_t at)
{
	return at == begin || strchr("=~,", text[at - 1]) != NULL;
}

/* Reads one word of TEXT at *AT into OUT, quotes removed. False: a quote is open. */
static bool read_word(const char *text, size_t *at, bool with_quotes, struct buf *out)
{
	const size_t begin = *at;
	char quote = '\0';

	for (; text[*at] != '\0'; ++*at) {
		const char c = text[*at];

		if (quote == '\0' && is_blank(c))
			return true;
		if (quote == '\0' && with_quotes && is_quote(c) && begins_value(text, begin, *at)) {
			quote = c;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (quote != '\0' && c == '\\' &&
			   (text[*at + 1] == quote || text[*at + 1] == '\\')) {
			buf_putc(out, text[++*at]);
		} else {
			buf_putc(out, c);
		}
	}
	return quote == '\0';
}

static void add_word(struct words *words, const char *word, size_t begin, size_t end)
{
	if (words->count == words->room) {
		words->room = words->room == 0 ? WORDS_ROOM : 2 * words->room;
		words->word = xreallocarray(words->word, words->room, sizeof(*words->word));
		words->offset = xreallocarray(words->offset, words->room, sizeof(*words->offset));
		words->length = xreallocarray(words->length, words->room, sizeof(*words->length));
	}
	words->word[words->count] = xstrdup(word);
	words->offset[words->count] = begin;
	words->length[words->count] = end - begin;
	words->count++;
}

static void split(struct words *words, struct buf *word)
{
	const char *text = words->text;
	bool with_quotes = true;
	size_t at = 0, begin;

	for (;;) {
		while (is_blank(text[at]))
			at++;
		if (text[at] == '\0')
			return;
		begin = at;
		buf_reset(word);
		if (!read_word(text, &at, with_quotes, word)) {
			words->is_open = true;
			words->open_at = at = begin;
			with_quotes = false;
			continue;
		}
		add_word(words, buf_text(word), begin, at);
		if (words->count > 1 && strcasecmp(buf_text(word), "because") == 0)
			with_quotes = false;
	}
}

bool words_split(const char *plain, struct words *words, struct error *err)
{
	struct buf word;

	memset(words, 0, sizeof(*words));
	if (strlen(plain) > COMMAND_TEXT_MAX)
		return error_set(err, ERROR_USAGE,
		    "that is longer than %d bytes; try a shorter one", COMMAND_TEXT_MAX);
	words->text = xstrdup(plain);
	buf_init(&word, COMMAND_TEXT_MAX);
	split(words, &word);
	buf_fini(&word);
	return true;
}

bool words_closed(const struct words *words, struct error *err)
{
	const char *from = words->is_open ? words->text + words->open_at : NULL;

	return from == NULL || error_set(err, ERROR_USAGE, "a quote is opened and never closed: %.*s",
				   (int)utf16_prefix(from, strlen(from), EXCERPT_UNITS), from);
}

void words_fini(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->word);
	free(words->offset);
	free(words->length);
	free(words->text);
	memset(words, 0, sizeof(*words));
}

const char *words_peek(const struct words *words)
{
	return words->at < words->count ? words->word[words->at] : NULL;
}

const char *words_next(struct words *words)
{
	return words->at < words->count ? words->word[words->at++] : NULL;
}

bool words_take(struct words *words, const char *word)
{
	const char *next = words_peek(words);

	if (next == NULL || strcasecmp(next, word) != 0)
		return false;
	words->at++;
	return true;
}

const char *words_rest(struct words *words)
{
	size_t end;
	char *rest;

	if (words->at >= words->count)
		return "";
	rest = words->text + words->offset[words->at];
	end = strlen(rest);
	while (end > 0 && is_blank(rest[end - 1]))
		end--;
	rest[end] = '\0';
	words->at = words->count;
	return rest;
}

/* Is all of it one quoted part, "rule=SSH login"? */
static bool is_quoted_whole(const char *typed, size_t len)
{
	size_t i = 1;

	if (!is_quote(typed[0]))
		return false;
	while (i < len && typed[i] != typed[0])
		i += typed[i] == '\\' ? 2 : 1;
	return i == len - 1;
}

char *words_match(const struct words *words, size_t index)
{
	const char *typed = words->text + words->offset[index];
	const size_t len = words->length[index];

	return is_quoted_whole(typed, len) ? xstrdup(words->word[index]) : xstrndup(typed, len);
}

bool id_parse(const char *word, char letter, int64_t *id)
{
	const char lower = (char)(letter | 0x20);
	size_t digits;

	if (word == NULL || ((word[0] | 0x20) != lower))
		return false;
	digits = strspn(word + 1, "0123456789");
	if (digits == 0 || digits > ID_DIGITS_MAX || word[1 + digits] != '\0')
		return false;
	*id = strtoll(word + 1, NULL, 10);
	return *id > 0;
}
