/*
 * grammar - words of a command, quotes respected.
 *
 * `expect host=web-1,web-2 rule="SSH login" @alice for 30m until tomorrow 02:00 max 4 because deploy 7`
 */
#ifndef HANDLERS_GRAMMAR_H
#define HANDLERS_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/error.h"

#define COMMAND_TEXT_MAX 8192 /* bytes, after Slack's rewriting is undone */

struct words {
	char **word;      /* quotes removed */
	size_t *offset;   /* where it begins in TEXT: for the rest of a line (because …, a note) */
	size_t *length;   /* bytes of TEXT that it took, quotes counted */
	size_t count, at; /* at: the next to be read */
	size_t room;
	char *text;       /* the whole, plain */
	bool is_open;     /* a quote was opened and never closed: it and what follows it is taken as typed */
	size_t open_at;   /* where in TEXT */
};
/*
 * Splits at blanks. A double or single quote opens a quoted part where a word or a value begins (after = ~ or a comma), so that
 * don't and 5" need none; \" and \\ stand for themselves inside. After the word `because` quotes are only characters: reasons
 * are free text. ERROR_USAGE: too long.
 */
bool words_split(const char *plain, struct words *words, struct error *err);
void words_fini(struct words *words);
/* ERROR_USAGE: a quote was opened and never closed, so that nobody knows where a value ends. */
bool words_closed(const struct words *words, struct error *err);
const char *words_next(struct words *words); /* NULL at the end */
const char *words_peek(const struct words *words);
/* All from the next word to the end, as typed (quotes kept), trimmed; words->at moves to the end. Borrowed. */
const char *words_rest(struct words *words);
/* True when the next word is WORD in any case; then it is read. */
bool words_take(struct words *words, const char *word);
/* The word at INDEX as match_parse() wants it: as typed, since quotes keep commas and stars inside a value, but for quotes around the whole. The caller frees. */
char *words_match(const struct words *words, size_t index);
/* A1042 or H17 (either case), LETTER 'A' or 'H'. */
bool id_parse(const char *word, char letter, int64_t *id);

#endif
