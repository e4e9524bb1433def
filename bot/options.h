/*
 * options - what was typed after a client command: --name VALUE, --name=VALUE, --name, and words.
 *
 * In any order, as people type; after -- all are words. An option is given once, but --match. A value that begins with -- is taken for
 * a slip (a forgotten value) unless it stands after the =.
 */
#ifndef BOT_OPTIONS_H
#define BOT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/base/error.h"

#define OPTIONS_WORDS_MAX 1024 /* words of one command line */
#define OPTIONS_MATCH_MAX 32   /* times --match */

enum option {
	OPTION_ANYWAY, OPTION_AUTHOR, OPTION_BECAUSE, OPTION_CA_FILE, OPTION_DRY, OPTION_FOR, OPTION_FROM, OPTION_JSON, OPTION_KEY,
	OPTION_LIMIT, OPTION_MATCH, OPTION_MAX, OPTION_SINCE, OPTION_SOURCE, OPTION_STATUS, OPTION_STRICT, OPTION_TEST, OPTION_TO,
	OPTION_UNTIL, OPTION_WAIT, OPTION_COUNT
};
#define OPTION(name) (1u << OPTION_##name)

struct options {
	const char *value[OPTION_COUNT]; /* NULL: not given; "" for one without a value */
	const char *match[OPTIONS_MATCH_MAX];
	size_t match_count;
	const char *word[OPTIONS_WORDS_MAX];
	size_t word_count;
};

/* Reads ARGV[1…] (borrowed); ALLOWED are those that the command takes, or-ed OPTION(…). ERROR_USAGE. */
bool options_read(int argc, char **argv, unsigned allowed, struct options *options, struct error *err);
bool options_has(const struct options *options, enum option option);

#endif
