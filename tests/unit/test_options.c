/* What is typed after a client command, and the addresses and tokens that a client takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bot/client.h"
#include "bot/options.h"
#include "config/base/memory.h"

#define ALLOWED (OPTION(FOR) | OPTION(BECAUSE) | OPTION(MAX) | OPTION(MATCH) | OPTION(JSON))
#define ARGS_MAX 8

/* "words; for because max json; matches" of what was read, or "!" and the beginning of the refusal. */
static const struct {
	const char *args[ARGS_MAX], *read;
} cases[] = {
    {{NULL}, "|-|-|-|-|"},
    {{"host=web-*"}, "host=web-* |-|-|-|-|"},
    {{"a=1", "--for", "30m", "b=2", "--because=deploy 7"}, "a=1 b=2 |30m|deploy 7|-|-|"},
    {{"--json", "a=1"}, "a=1 |-|-|-||"},
    {{"--match", "a=1", "--match=b=2", "c=3"}, "c=3 |-|-|-|-|a=1 b=2 "},
    {{"--because", ""}, "|-||-|-|"},
    {{"--because="}, "|-||-|-|"},
    {{"--because=--for"}, "|-|--for|-|-|"},
    {{"--because", "-"}, "|-|-|-|-|"},
    {{"--because", "-x"}, "|-|-x|-|-|"},
    {{"-"}, "- |-|-|-|-|"},
    {{""}, " |-|-|-|-|"},
    {{"--", "--for", "-x"}, "--for -x |-|-|-|-|"},
    {{"--for", "30m", "--", "--"}, "-- |30m|-|-|-|"},
    {{"--for"}, "!--for needs a value"},
    {{"--because", "--for", "30m"}, "!--because needs a value"},
    {{"--for", "1m", "--for", "2m"}, "!--for is given twice"},
    {{"--json=1"}, "!--json takes no value"},
    {{"--json", "--json"}, "!--json is given twice"},
    {{"--author", "alice"}, "!there is no option --author here"},
    {{"--becuase", "x"}, "!there is no option --becuase; did you mean --because?"},
    {{"--fo", "x"}, "!there is no option --fo; did you mean --for?"},
    {{"--=x"}, "!there is no option --"},
    {{"-f"}, "!there is no option -f"},
    {{"-json"}, "!there is no option -json"},
    {{"---for", "x"}, "!there is no option ---for"},
};

static char *written(const struct options *options)
{
	static const enum option shown[] = {OPTION_FOR, OPTION_BECAUSE, OPTION_MAX, OPTION_JSON};
	struct buf text;

	buf_init(&text, 4096);
	for (size_t i = 0; i < options->word_count; i++)
		buf_printf(&text, "%s ", options->word[i]);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		buf_printf(
		    &text, "|%s", options_has(options, shown[i]) ? options->value[shown[i]] : "-");
	buf_puts(&text, "|");
	for (size_t i = 0; i < options->match_count; i++)
		buf_printf(&text, "%s ", options->match[i]);
	return buf_take(&text);
}

static void options__as_typed__are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *argv[ARGS_MAX + 2] = {(char *)"expect"};
		struct options *options = xcalloc(1, sizeof(*options));
		struct error err = {0};
		int argc = 1;
		char *text;

		for (size_t j = 0; j < ARGS_MAX && cases[i].args[j] != NULL; j++)
			argv[argc++] = (char *)(uintptr_t)cases[i].args[j];
		if (cases[i].read[0] == '!') {
			assert_false(options_read(argc, argv, ALLOWED, options, &err));
			assert_int_equal(err.kind, ERROR_USAGE);
			if (strncmp(err.text, cases[i].read + 1, strlen(cases[i].read + 1)) != 0)
				fail_msg("%s is not %s", err.text, cases[i].read + 1);
		} else {
			assert_true(options_read(argc, argv, ALLOWED, options, &err));
			text = written(options);
			assert_string_equal(text, cases[i].read);
			free(text);
		}
		free(options);
	}
}

static void options__more_than_there_is_room_for__are_refused(void **state)
{
	const size_t count = OPTIONS_WORDS_MAX + 2;
	struct options *options = xcalloc(1, sizeof(*options));
	char **argv = xcalloc(count, sizeof(*argv));
	struct error err;

	(void)state;
	for (size_t i = 0; i < count; i++)
		argv[i] = (char *)"a=1";
	assert_true(options_read((int)count - 1, argv, ALLOWED, options, &err));
	assert_false(options_read((int)count, argv, ALLOWED, options, &err));
	for (size_t i = 0; i < count; i++)
		argv[i] = (char *)"--match=a=1";
	assert_true(options_read(OPTIONS_MATCH_MAX + 1, argv, ALLOWED, options, &err));
	assert_false(options_read(OPTIONS_MATCH_MAX + 2, argv, ALLOWED, options, &err));
	free(argv);
	free(options);
}

static void client__of_an_address_or_token__is_made_or_refused(void **state)
{
	static const struct {
		const char *url, *token, *address; /* NULL: refused */
	} given[] = {
	    {NULL, NULL, "http://127.0.0.1:8080"},
	    {"", "", "http://127.0.0.1:8080"},
	    {"https://headsup.example.com/", "t", "https://headsup.example.com"},
	    {"https://example.com/headsup//", "t", "https://example.com/headsup"},
	    {"http://localhost:8080", "t", "http://localhost:8080"},
	    {"http://[::1]:8080", "t", "http://[::1]:8080"},
	    {"http://127.0.0.1", "t", "http://127.0.0.1"},
	    {"http://example.com", "t", NULL},
	    {"http://localhost.example.com", "t", NULL},
	    {"http://127.0.0.1.example.com", "t", NULL},
	    {"http://127.0.0.1@example.com", "t", NULL},
	    {"https://user@example.com", "t", NULL},
	    {"https://example.com?token=x", "t", NULL},
	    {"https://example.com#x", "t", NULL},
	    {"ftp://example.com", "t", NULL},
	    {"file:///etc/passwd", "t", NULL},
	    {"example.com", "t", NULL},
	    {"https://example.com/\n", "t", NULL},
	    {"https://example.com", "a\nHost: b", NULL},
	    {"https://example.com", "a\r", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		struct error err = {0};
		struct client *client;

		unsetenv("HEADSUP_URL");
		unsetenv("HEADSUP_TOKEN");
		if (given[i].url != NULL)
			setenv("HEADSUP_URL", given[i].url, 1);
		if (given[i].token != NULL)
			setenv("HEADSUP_TOKEN", given[i].token, 1);
		client = client_new(NULL, &err);
		if ((client != NULL) != (given[i].address != NULL))
			fail_msg("%s: %s", given[i].url, err.text);
		if (client != NULL)
			assert_string_equal(client_url(client), given[i].address);
		else
			assert_int_equal(err.kind, ERROR_USAGE);
		client_free(client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options__as_typed__are_read_or_refused),
	    cmocka_unit_test(options__more_than_there_is_room_for__are_refused),
	    cmocka_unit_test(client__of_an_address_or_token__is_made_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
