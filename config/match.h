/*
 * match - one MATCH: field=value, field!=value, field~regex, field!~regex; globs, lists, quotes.
 *
 * Evaluation is pure and bounded: globs in linear time, regular expressions by PCRE2 with a match limit, anchored at
 * both ends. An absent field is the empty text for != and !~ and matches no positive matcher.
 * A value with invisible characters, or that is not UTF-8, matches no positive matcher and no negative one either: suppression fails closed.
 */
#ifndef CONFIG_MATCH_H
#define CONFIG_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "config/alert.h"
#include "config/base/error.h"

#define MATCH_MAX 32          /* matches joined by and, in one announcement or route */
#define MATCH_VALUES_MAX 256  /* values in one list */
#define MATCH_TEXT_MAX 2048   /* bytes of one MATCH */
#define MATCH_REGEX_LIMIT 10000

enum match_op { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct match_value {
	char *text;        /* normalised as the field wants; the literal prefix alone is text[0..prefix_len) */
	size_t prefix_len; /* bytes before the first * or ?; the whole length when there is none */
	bool is_glob;
};

struct match {
	char *name;                /* canonical: "host", "rule", or a label's name */
	const struct field *field; /* NULL: a label */
	enum match_op op;
	struct match_value *values; /* MATCH_EQUAL and MATCH_NOT_EQUAL: any of these */
	size_t value_count;
	void *regex;   /* pcre2_code, for the other two */
	char *pattern; /* its text; NULL where there is none */
	char *source; /* canonical text that match_parse() reads again: host=web-1,web-2 */
};

/* Parses one MATCH as typed (quotes already seen or not: rule="SSH login" and "rule=SSH login" both). NULL with ERROR_USAGE. */
struct match *match_parse(const char *text, struct error *err);
/* `actor` is one of LOGINS. */
struct match *match_actor(char *const *logins, size_t count);
void match_free(struct match *match);
bool match_is_positive(const struct match *match);
/* Positive and not `*` alone (nor a regex that matches everything: .* and .+). */
bool match_is_specific(const struct match *match);
/* *BROKEN (may be NULL) is set when a regular expression ran into its limit: then it does not match. */
bool match_holds(const struct match *match, const struct alert *alert, bool *broken);
/* "host: web-3b is not web-3"; what kept it from matching, cut to SIZE. */
void match_explain(const struct match *match, const struct alert *alert, char *out, size_t size);

struct matches {
	struct match **list;
	size_t count;
};
bool matches_parse(char *const *texts, size_t count, struct matches *matches, struct error *err);
void matches_fini(struct matches *matches);
bool matches_hold(const struct matches *matches, const struct alert *alert); /* all of them; none: true */
/* As matches_hold(), but what cannot be judged (invisible characters, a regular expression at its limit) counts as held: for
 * never_suppress, where the doubt must fall on the side of firing. */
bool matches_may_hold(const struct matches *matches, const struct alert *alert);

/* VALUE of FIELD (NULL: a label) as matchers compare it, into OUT (SIZE bytes); false when too long or not comparable. */
bool match_normalise(const struct field *field, const char *value, char *out, size_t size);
/* Linear-time glob: * and ?; ? is one character (not byte). Both NUL-terminated. */
bool glob_matches(const char *pattern, const char *text);

#endif
