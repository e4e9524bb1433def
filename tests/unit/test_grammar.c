#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "handlers/grammar.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

static void words__of_every_shape__are_split_at_blanks(void **state)
{
	static const struct {
		const char *text;
		const char *words[8];
	} cases[] = {
	    {"", {NULL}},
	    {" \t\n ", {NULL}},
	    {"ack A1042 looking", {"ack", "A1042", "looking"}},
	    {"  ack\tA1042\nlooking ", {"ack", "A1042", "looking"}},
	    {"expect rule=\"SSH login\" for 30m", {"expect", "rule=SSH login", "for", "30m"}},
	    {"expect 'rule=SSH login' x", {"expect", "rule=SSH login", "x"}},
	    {"expect rule='SSH login'", {"expect", "rule=SSH login"}},
	    {"a host=\"web 1\",\"web 2\" b", {"a", "host=web 1,web 2", "b"}},
	    {"a rule=\"say \\\"hi\\\"\"", {"a", "rule=say \"hi\""}},
	    {"a rule=\"C:\\\\\" b", {"a", "rule=C:\\", "b"}},
	    {"a rule=\"C:\\Windows\"", {"a", "rule=C:\\Windows"}},
	    {"note A1 don't 5\" x", {"note", "A1", "don't", "5\"", "x"}},
	    {"expect a=b because it's \"half", {"expect", "a=b", "because", "it's", "\"half"}},
	    {"expect a=b BECAUSE 'open", {"expect", "a=b", "BECAUSE", "'open"}},
	    {"a \"\" b", {"a", "", "b"}},
	    {"a \"b c\"d", {"a", "b cd"}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct words words;
		size_t count = 0;

		assert_true(words_split(cases[i].text, &words, NULL));
		while (cases[i].words[count] != NULL) {
			assert_string_equal(words_next(&words), cases[i].words[count]);
			count++;
		}
		assert_null(words_next(&words));
		assert_null(words_peek(&words));
		assert_int_equal(words.count, count);
		words_fini(&words);
	}
}

static void words__too_long__are_refused(void **state)
{
	char *longer = xcalloc(COMMAND_TEXT_MAX + 2, 1);
	struct error err;
	struct words words;

	(void)state;
	memset(longer, 'a', COMMAND_TEXT_MAX + 1);
	assert_false(words_split(longer, &words, &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_string_equal(err.text, "that is longer than 8192 bytes; try a shorter one");
	assert_int_equal(words.count, 0);
	free(longer);
}

static void words__as_many_as_there_is_room_for__are_all_read(void **state)
{
	char *many = xcalloc(COMMAND_TEXT_MAX + 1, 1);
	struct words words;

	(void)state;
	for (size_t i = 0; i < COMMAND_TEXT_MAX / 2; i++)
		memcpy(many + 2 * i, "a ", 2);
	assert_true(words_split(many, &words, NULL));
	assert_int_equal(words.count, COMMAND_TEXT_MAX / 2);
	words_fini(&words);
	free(many);
}

/* Free text may have it; what reads matches asks words_closed(). */
static void quote__opened_and_never_closed__is_told_and_taken_as_typed(void **state)
{
	static const struct {
		const char *text, *said;
		size_t read;
		const char *rest;
	} cases[] = {
	    {"expect rule=\"SSH login", "a quote is opened and never closed: rule=\"SSH login", 1,
		"rule=\"SSH login"},
	    {"expect 'rule", "a quote is opened and never closed: 'rule", 1, "'rule"},
	    {"expect rule=\"a\\\"", "a quote is opened and never closed: rule=\"a\\\"", 1,
		"rule=\"a\\\""},
	    {"note A1 he said \"hello there", "a quote is opened and never closed: \"hello there",
		2, "he said \"hello there"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error err;
		struct words words;

		assert_true(words_split(cases[i].text, &words, NULL));
		assert_false(words_closed(&words, &err));
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_string_equal(err.text, cases[i].said);
		for (size_t j = 0; j < cases[i].read; j++)
			words_next(&words);
		assert_string_equal(words_rest(&words), cases[i].rest);
		words_fini(&words);
	}
}

static void rest__of_a_line__is_as_it_was_typed(void **state)
{
	static const struct {
		const char *text;
		size_t read;
		const char *rest;
	} cases[] = {
	    {"note A1  a \"b  c\"  d  ", 2, "a \"b  c\"  d"},
	    {"note A1", 2, ""},
	    {"note", 5, ""},
	    {"expect a=b because 5\" disk, don't care \n", 3, "5\" disk, don't care"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct words words;

		assert_true(words_split(cases[i].text, &words, NULL));
		for (size_t j = 0; j < cases[i].read; j++)
			words_next(&words);
		assert_string_equal(words_rest(&words), cases[i].rest);
		assert_null(words_peek(&words));
		assert_string_equal(words_rest(&words), "");
		words_fini(&words);
	}
}

static void match__with_quotes__keeps_them_for_the_matcher(void **state)
{
	static const struct {
		const char *text, *match;
	} cases[] = {
	    {"rule=\"a, b\"", "rule=\"a, b\""},
	    {"\"rule=SSH login\"", "rule=SSH login"},
	    {"'rule=SSH login'", "rule=SSH login"},
	    {"\"my label\"=\"x y\"", "\"my label\"=\"x y\""},
	    {"host=web-1", "host=web-1"},
	    {"rule=\"a\"x", "rule=\"a\"x"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct words words;
		char *match;

		assert_true(words_split(cases[i].text, &words, NULL));
		match = words_match(&words, 0);
		assert_string_equal(match, cases[i].match);
		free(match);
		words_fini(&words);
	}
}

static void take__of_a_keyword__ignores_its_case(void **state)
{
	struct words words;

	(void)state;
	assert_true(words_split("FOR for x", &words, NULL));
	assert_false(words_take(&words, "until"));
	assert_true(words_take(&words, "for"));
	assert_true(words_take(&words, "for"));
	assert_false(words_take(&words, "for"));
	assert_string_equal(words_next(&words), "x");
	assert_false(words_take(&words, "x"));
	words_fini(&words);
}

static void id__in_either_case__is_read_and_nothing_else_is(void **state)
{
	static const struct {
		const char *word;
		char letter;
		int64_t id;
	} cases[] = {
	    {"A1042", 'A', 1042},
	    {"a1042", 'A', 1042},
	    {"H17", 'H', 17},
	    {"h17", 'h', 17},
	    {"A999999999999999999", 'A', 999999999999999999},
	    {"A1042", 'H', 0},
	    {"A", 'A', 0},
	    {"A0", 'A', 0},
	    {"A-1", 'A', 0},
	    {"A1042,", 'A', 0},
	    {"A10 ", 'A', 0},
	    {"1042", 'A', 0},
	    {"!1042", 'A', 0},
	    {"A9999999999999999999", 'A', 0},
	    {"", 'A', 0},
	    {NULL, 'A', 0},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t id = 0;

		assert_int_equal(id_parse(cases[i].word, cases[i].letter, &id), cases[i].id != 0);
		assert_int_equal(id, cases[i].id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words__of_every_shape__are_split_at_blanks),
	    cmocka_unit_test(words__too_long__are_refused),
	    cmocka_unit_test(words__as_many_as_there_is_room_for__are_all_read),
	    cmocka_unit_test(quote__opened_and_never_closed__is_told_and_taken_as_typed),
	    cmocka_unit_test(rest__of_a_line__is_as_it_was_typed),
	    cmocka_unit_test(match__with_quotes__keeps_them_for_the_matcher),
	    cmocka_unit_test(take__of_a_keyword__ignores_its_case),
	    cmocka_unit_test(id__in_either_case__is_read_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
