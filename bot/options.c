/* options - what was typed after a client command. */
#include "bot/options.h"

#include <string.h>

#include "config/base/text.h"

#define SHOWN 60 /* bytes of what was typed, in a refusal */
#define NEAR 3   /* letters apart: what may have been meant */

static const struct {
	const char *name;
	bool has_value;
} names[OPTION_COUNT] = {
    [OPTION_ANYWAY] = {"anyway", false},
    [OPTION_AUTHOR] = {"author", true},
    [OPTION_BECAUSE] = {"because", true},
    [OPTION_CA_FILE] = {"ca-file", true},
    [OPTION_DRY] = {"dry", false},
    [OPTION_FOR] = {"for", true},
    [OPTION_FROM] = {"from", true},
    [OPTION_JSON] = {"json", false},
    [OPTION_KEY] = {"key", true},
    [OPTION_LIMIT] = {"limit", true},
    [OPTION_MATCH] = {"match", true},
    [OPTION_MAX] = {"max", true},
    [OPTION_SINCE] = {"since", true},
    [OPTION_SOURCE] = {"source", true},
    [OPTION_STATUS] = {"status", true},
    [OPTION_STRICT] = {"strict", false},
    [OPTION_TEST] = {"test", false},
    [OPTION_TO] = {"to", true},
    [OPTION_UNTIL] = {"until", true},
    [OPTION_WAIT] = {"wait", true},
};

bool options_has(const struct options *options, enum option option)
{
	return options->value[option] != NULL;
}

static bool add_word(struct options *options, const char *word, struct error *err)
{
	if (options->word_count == OPTIONS_WORDS_MAX)
		return error_set(err, ERROR_USAGE, "at most %d words", OPTIONS_WORDS_MAX);
	options->word[options->word_count++] = word;
	return true;
}

static bool unknown(const char *typed, size_t len, unsigned allowed, struct error *err)
{
	const char *meant = NULL;
	size_t best = NEAR;
	char name[SHOWN];

	len = len < sizeof(name) ? len : sizeof(name) - 1;
	memcpy(name, typed, len);
	name[len] = '\0';
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const size_t distance = text_distance(name, names[i].name);

		if ((allowed & (1u << i)) == 0 || distance >= best)
			continue;
		best = distance;
		meant = names[i].name;
	}
	if (meant != NULL)
		return error_set(
		    err, ERROR_USAGE, "there is no option --%s; did you mean --%s?", name, meant);
	return error_set(err, ERROR_USAGE, "there is no option --%s here", name);
}

static bool put(struct options *options, size_t option, const char *value, struct error *err)
{
	if (option == OPTION_MATCH) {
		if (options->match_count == OPTIONS_MATCH_MAX)
			return error_set(
			    err, ERROR_USAGE, "at most %d times --match", OPTIONS_MATCH_MAX);
		options->match[options->match_count++] = value;
	} else if (options->value[option] != NULL) {
		return error_set(err, ERROR_USAGE, "--%s is given twice", names[option].name);
	}
	options->value[option] = value;
	return true;
}

/* Reads the option at ARGV[*AT], and its value where it has one; *AT is then at the last that was read. */
static bool read_option(
    int argc, char **argv, int *at, unsigned allowed, struct options *options, struct error *err)
{
	const char *typed = argv[*at] + 2;
	const size_t len = strcspn(typed, "=");
	const char *value = typed[len] == '=' ? typed + len + 1 : NULL;
	size_t i = 0;

	while (i < OPTION_COUNT &&
	       (strlen(names[i].name) != len || strncmp(names[i].name, typed, len) != 0))
		i++;
	if (i == OPTION_COUNT || (allowed & (1u << i)) == 0)
		return unknown(typed, len, allowed, err);
	if (!names[i].has_value)
		return value == NULL
			   ? put(options, i, "", err)
			   : error_set(err, ERROR_USAGE, "--%s takes no value", names[i].name);
	if (value == NULL) {
		if (*at + 1 == argc || strncmp(argv[*at + 1], "--", 2) == 0)
			return error_set(err, ERROR_USAGE, "--%s needs a value", names[i].name);
		value = argv[++*at];
	}
	return put(options, i, value, err);
}

bool options_read(
    int argc, char **argv, unsigned allowed, struct options *options, struct error *err)
{
	bool only_words = false;

	memset(options, 0, sizeof(*options));
	for (int i = 1; i < argc; i++) {
		if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
			if (!add_word(options, argv[i], err))
				return false;
		} else if (strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (argv[i][1] != '-') {
			return error_set(err, ERROR_USAGE,
			    "there is no option %.*s; options are written out, as in --because",
			    SHOWN, argv[i]);
		} else if (!read_option(argc, argv, &i, allowed, options, err)) {
			return false;
		}
	}
	return true;
}
