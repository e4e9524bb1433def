/* Bodies from outside: what the pre-pass lets through, mends and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/when.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define FFFD "\xEF\xBF\xBD"

static cJSON *parsed(const char *text)
{
	struct error err = {0};
	cJSON *root = json_parse(text, strlen(text), &err);

	if (root == NULL)
		fail_msg("%s: %s", text, err.text);
	return root;
}

static void json__of_any_valid_form__is_read_as_it_is(void **state)
{
	static const struct {
		const char *text, *again;
	} cases[] = {
	    {"{}", "{}"},
	    {"[]", "[]"},
	    {" [ ] \r\n\t", "[]"},
	    {"\xEF\xBB\xBF{}", "{}"},
	    {"\"\"", "\"\""},
	    {"true", "true"},
	    {"[true,false,null]", "[true,false,null]"},
	    {"{\"a\" : [ 1 , -2.5 , 1e3, 0 ] }", "{\"a\":[1,-2.5,1000,0]}"},
	    {"{\"a\":{\"b\":[{},[],{\"c\":\"d\"}]}}", "{\"a\":{\"b\":[{},[],{\"c\":\"d\"}]}}"},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\xC3\xA9\""},
	    {"\"\\uD83D\\uDE00\"", "\"\xF0\x9F\x98\x80\""},
	    {"\"\xF0\x9F\x98\x80 \xC3\xA9\"", "\"\xF0\x9F\x98\x80 \xC3\xA9\""},
	    {"\"a\tb\"", "\"a\\tb\""}, /* not escaped, as some senders do */
	    {"{\"\":1}", "{\"\":1}"},
	    {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		cJSON *root = parsed(cases[i].text);
		char *again = json_write(root);

		assert_string_equal(again, cases[i].again);
		free(again);
		cJSON_Delete(root);
	}
}

static void json__that_is_none__is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"", "line 1, column 1"}, {" ", "an end too early at line 1, column 2"},
	    {"{", "line 1, column 2"}, {"[1,]", "line 1, column 4"},
	    {"{\"a\":1,}", "a member without a name in double quotes at line 1, column 8"},
	    {"{\"a\" 1}", "a missing colon at line 1, column 6"},
	    {"{\n  \"a\": 1\n  \"b\": 2}", "a missing comma or } at line 3, column 3"},
	    {"[1 2]", "a missing comma or ] at line 1, column 4"}, {"[1}", "a missing comma or ]"},
	    {"{\"a\":1]", "a missing comma or }"}, {"{a:1}", "a member without a name"},
	    {"{'a':1}", "a member without a name"},
	    {"[1] [2]", "more data after the end at line 1, column 5"},
	    {"{}x", "more data after the end"},
	    {"\"abc", "a text that is not closed at line 1, column 1"},
	    {"\"abc\\\"", "a text that is not closed"},
	    {"\"\\x41\"", "an unknown escape at line 1, column 2"}, {"\"\\", "an unknown escape"},
	    {"\"\\u12g4\"", "a \\u without four digits"}, {"\"\\u12", "a \\u without four digits"},
	    {"[01]", "a missing comma or ]"}, {"[.5]", "a value that is none"},
	    {"[+5]", "a value that is none"}, {"[-]", "a value that is none"},
	    {"[1.]", "without digits after its point"}, {"[1e]", "without an exponent"},
	    {"[1e+]", "without an exponent"}, {"[0x10]", "a missing comma or ]"},
	    {"nul", "a value that is none"}, {"True", "a value that is none"},
	    {"NaN", "a value that is none"}, {"nullx", "more data after the end"},
	    {"// x\n1", "a value that is none"}, {"]", "a value that is none"},
	    {"\xff{}", "a value that is none"},
	    {"[\"\xC3\xA9\" 1]", "line 1, column 6"}, /* columns are characters */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err = {0};
		char *exact = xcalloc(strlen(cases[i].text), 1); /* no NUL after it */
		cJSON *root;

		memcpy(exact, cases[i].text, strlen(cases[i].text));
		root = json_parse(exact, strlen(cases[i].text), &err);
		free(exact);
		if (root != NULL)
			fail_msg("%s was taken", cases[i].text);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void text__that_would_be_cut_or_is_no_utf8__is_mended(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *mended;
	} cases[] = {
#define CASE(text, mended) {text, sizeof(text) - 1, mended}
	    CASE("\"web-1\\u0000evil\"", "web-1" FFFD "evil"),
	    CASE("\"web-1\0evil\"", "web-1" FFFD "evil"),
	    CASE("\"\\uD800\"", FFFD),
	    CASE("\"\\uD800x\"", FFFD "x"),
	    CASE("\"\\uDC00\"", FFFD),
	    CASE("\"\\uD800\\uD800\\uDC00\"", FFFD "\xF0\x90\x80\x80"),
	    CASE("\"\\uD800\\n\"", FFFD "\n"),
	    CASE("\"\\uD83D\\u0041\"", FFFD "A"),
	    CASE("\"a\xff"
		 "b\"",
		"a" FFFD "b"),
	    CASE("\"\xC0\x80\"", FFFD FFFD),
	    CASE("\"\xED\xA0\x80\"", FFFD FFFD FFFD),
	    CASE("\"\xF4\x90\x80\x80\"", FFFD FFFD FFFD FFFD),
	    CASE("\"\xE2\x82\"", FFFD FFFD),
	    CASE("\"" FFFD "\"", FFFD),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		cJSON *root = json_parse(cases[i].text, cases[i].len, NULL);

		assert_non_null(root);
		assert_string_equal(cJSON_GetStringValue(root), cases[i].mended);
		cJSON_Delete(root);
	}
}

static void name__with_a_nul__does_not_pass_for_another(void **state)
{
	cJSON *root = parsed("{\"host\\u0000x\":\"evil\",\"host\":\"web-1\"}");

	(void)state;
	assert_string_equal(json_text(root, "host"), "web-1");
	cJSON_Delete(root);
}

static void number__that_a_double_would_change__keeps_its_text(void **state)
{
	static const struct {
		const char *text;
		bool is_text;
		const char *scalar;
	} cases[] = {
	    {"0", false, "0"},
	    {"-0", false, "0"},
	    {"1", false, "1"},
	    {"1.0", false, "1"},
	    {"0.1", false, "0.1"},
	    {"-2.50", false, "-2.5"},
	    {"1e3", false, "1000"},
	    {"1E+2", false, "100"},
	    {"1.5e300", true, "1.5e300"},
	    {"123456789012345", false, "123456789012345"},
	    {"1234567890123456", true, "1234567890123456"},
	    {"1685022245478445995", true, "1685022245478445995"},
	    {"-9223372036854775809", true, "-9223372036854775809"},
	    {"1720026926000000000", true, "1720026926000000000"},
	    {"0.30000000000000004", true, "0.30000000000000004"},
	    {"0.000000000000000000001", false, "1e-21"},
	    {"1e400", true, "1e400"},
	    {"1e-400", true, "1e-400"},
	    {"1e99999999999999999999", true, "1e99999999999999999999"},
	    {"0e99", false, "0"},
	    {"3.14159265358979", false, "3.14159265358979"},
	    {"1581543491.123", false, "1581543491.123"},
	    {"1000000000000000000000000000000000000000000000000000000000000000000000000000000000",
		true,
		"100000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		cJSON *root = parsed(cases[i].text);
		char *scalar = json_scalar(root), *written = json_write(root);
		cJSON *again;

		if ((cJSON_IsString(root) != 0) != cases[i].is_text ||
		    strcmp(scalar, cases[i].scalar) != 0)
			fail_msg("%s: %s", cases[i].text, scalar);
		again = parsed(written); /* what is written says the same */
		assert_true(cJSON_Compare(root, again, true));
		cJSON_Delete(again);
		cJSON_Delete(root);
		free(scalar);
		free(written);
	}
}

static void scalar__of_other_kinds__is_their_word_or_none(void **state)
{
	cJSON *root = parsed("[true,false,\"x\",null,{},[]]");
	static const char *const texts[] = {"true", "false", "x", NULL, NULL, NULL};

	(void)state;
	for (int i = 0; i < 6; i++) {
		char *scalar = json_scalar(cJSON_GetArrayItem(root, i));

		if (texts[i] == NULL)
			assert_null(scalar);
		else
			assert_string_equal(scalar, texts[i]);
		free(scalar);
	}
	assert_null(json_scalar(NULL));
	cJSON_Delete(root);
}

/* ---- hostile ------------------------------------------------------------ */

/* PIECE again and again, SIZE bytes. */
static char *repeat(const char *piece, size_t size)
{
	char *text = xcalloc(size + 1, 1);
	size_t len = strlen(piece);

	for (size_t i = 0; i < size; i++)
		text[i] = piece[i % len];
	return text;
}

static void json__made_to_exhaust__is_refused_at_once(void **state)
{
	static const struct {
		const char *begin, *piece, *says;
		size_t size;
		const char *end;
	} cases[] = {
	    {"", "[", "deeper than 64", 10000, ""},
	    {"", "{\"a\":", "deeper than 64", 50000, ""},
	    {"", "[", "deeper than 64", 4 << 20, ""},
	    {"{", "\"a\":1,", "more than 200000 values", 4 << 20, ""},
	    {"[", "1,", "more than 200000 values", 4 << 20, ""},
	    {"[", "[],", "more than 200000 values", 4 << 20, ""},
	    {"\"", "\xff", "not closed", 4 << 20, ""},
	    {"\"", "\\u0000", "not closed", 6 * 699050, ""},
	    {"", "9", "more data", 4 << 20, " x"},
	    {"", " ", "too early", 4 << 20, ""},
	    {"[", "1.1111111111111111,", "more than 200000 values", 4 << 20, ""},
	    {"[", "\n", "too early", 4 << 20, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *rest = repeat(cases[i].piece, cases[i].size),
		     *text = xasprintf("%s%s%s", cases[i].begin, rest, cases[i].end);
		size_t len = strlen(text);
		struct error err = {0};
		struct timespec begin, end;
		cJSON *root;
		double ms;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		root = json_parse(text, len, &err);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
		     (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
		if (root != NULL || strstr(err.text, cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, err.text);
		/* 50 ms are promised; sanitizers and a busy machine make it slower, a quadratic
		 * pass takes minutes */
		if (ms > 1000)
			fail_msg("case %zu took %.0f ms", i, ms);
		free(rest);
		free(text);
	}
}

static void json__at_its_bounds__is_taken(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 1] = {0}, *many;
	cJSON *root;
	struct error err = {0};

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	cJSON_Delete(parsed(text));
	many = repeat("1,", 2 * (JSON_NODES_MAX - 1));
	many[0] = '[';
	many[1] = '1';
	for (size_t i = 2; i < 2 * (JSON_NODES_MAX - 1); i++)
		many[i] = i % 2 == 0 ? ',' : '1';
	many = xreallocarray(many, 2 * JSON_NODES_MAX, 1);
	many[2 * (JSON_NODES_MAX - 1)] = ']';
	root = json_parse(many, 2 * (JSON_NODES_MAX - 1) + 1, &err);
	if (root == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(cJSON_GetArraySize(root), JSON_NODES_MAX - 1);
	cJSON_Delete(root);
	free(many);
	many = repeat(" ", JSON_BYTES_MAX + 1);
	assert_null(json_parse(many, JSON_BYTES_MAX + 1, &err));
	assert_int_equal(err.kind, ERROR_TOO_LONG);
	free(many);
}

/* ---- looking up ------------------------------------------------------------ */

static void member__by_name__minds_case_and_takes_the_first(void **state)
{
	cJSON *root =
	    parsed("{\"Host\":\"A\",\"host\":\"b\",\"host\":\"c\",\"n\":1,\"null\":null}");

	(void)state;
	assert_string_equal(json_text(root, "host"), "b");
	assert_string_equal(json_text(root, "Host"), "A");
	assert_null(json_get(root, "HOST"));
	assert_null(json_text(root, "n"));
	assert_non_null(json_get(root, "null"));
	assert_null(json_get(NULL, "n"));
	assert_null(json_get(json_get(root, "n"), "n"));
	assert_null(json_get(root, NULL));
	cJSON_Delete(root);
}

static void int__whole_or_as_text__is_read(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
	    {"1", true, 1},
	    {"-5", true, -5},
	    {"1.0", true, 1},
	    {"1e3", true, 1000},
	    {"\"42\"", true, 42},
	    {"\"-42\"", true, -42},
	    {"1685022245478445995", true, INT64_C(1685022245478445995)},
	    {"9223372036854775807", true, INT64_MAX},
	    {"-9223372036854775808", true, INT64_MIN},
	    {"9223372036854775808", false, 0},
	    {"1.5", false, 0},
	    {"\"\"", false, 0},
	    {"\"-\"", false, 0},
	    {"\" 1\"", false, 0},
	    {"\"1x\"", false, 0},
	    {"\"+1\"", false, 0},
	    {"true", false, 0},
	    {"null", false, 0},
	    {"[]", false, 0},
	    {"1e200", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *text = xasprintf("{\"n\":%s}", cases[i].text);
		cJSON *root = parsed(text);
		int64_t value = 0;

		if (json_int(root, "n", &value) != cases[i].ok || value != cases[i].value)
			fail_msg("%s: %lld", text, (long long)value);
		cJSON_Delete(root);
		free(text);
	}
}

static void true__in_its_three_spellings__is_true(void **state)
{
	cJSON *root = parsed(
	    "{\"a\":true,\"b\":\"true\",\"c\":1,\"d\":false,\"e\":\"yes\",\"f\":2,\"g\":null}");

	(void)state;
	assert_true(json_true(root, "a") && json_true(root, "b") && json_true(root, "c"));
	assert_false(json_true(root, "d") || json_true(root, "e") || json_true(root, "f") ||
		     json_true(root, "g") || json_true(root, "h"));
	cJSON_Delete(root);
}

static void pointer__as_rfc6901_has_it__finds_its_node(void **state)
{
	static const struct {
		const char *pointer, *found; /* NULL: none */
	} cases[] = {
	    {"/foo/0", "\"bar\""},
	    {"/foo/1", "\"baz\""},
	    {"/foo/2", NULL},
	    {"/foo/-", NULL},
	    {"/foo/00", NULL},
	    {"/foo/01", NULL},
	    {"/foo/", NULL},
	    {"/foo/0x", NULL},
	    {"/foo/99999999999999999999", NULL},
	    {"/", "0"},
	    {"/a~1b", "1"},
	    {"/c%d", "2"},
	    {"/m~0n", "8"},
	    {"/m~01n", "9"},
	    {"/m~2n", NULL},
	    {"/m~", NULL},
	    {"/ ", "7"},
	    {"/x.y", "3"},
	    {"/X.y", NULL},
	    {"/deep/er/est", "[true]"},
	    {"/deep/er/est/0", "true"},
	    {"/deep/er/est/0/0", NULL},
	    {"/deep//est", NULL},
	    {"foo", NULL},
	    {"/fo", NULL},
	    {"/foo2", NULL},
	};
	cJSON *root = parsed("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"x.y\":3,\" "
			     "\":7,\"m~n\":8,\"m~1n\":9,"
			     "\"deep\":{\"er\":{\"est\":[true]}}}");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const cJSON *node = json_at(root, cases[i].pointer);
		char *found = node != NULL ? json_write(node) : NULL;

		if ((found == NULL) != (cases[i].found == NULL) ||
		    (found != NULL && strcmp(found, cases[i].found) != 0))
			fail_msg("%s: %s", cases[i].pointer, found != NULL ? found : "none");
		free(found);
	}
	assert_ptr_equal(json_at(root, ""), root);
	assert_null(json_at(NULL, "/x"));
	cJSON_Delete(root);
}

static void put__of_texts_numbers_and_times__is_exact(void **state)
{
	cJSON *object = cJSON_CreateObject();
	int64_t value;
	char *text;

	(void)state;
	json_put(object, "a", "x\"y");
	json_put(object, "b", NULL);
	json_put_int(object, "c", 42);
	json_put_int(object, "d", INT64_MAX);
	json_put_int(object, "e", INT64_C(9007199254740991));
	json_put_int(object, "f", INT64_MIN);
	json_put_time(object, "g", 0);
	json_put_time(object, "h", TIME_NONE);
	text = json_write(object);
	assert_string_equal(text,
	    "{\"a\":\"x\\\"y\",\"b\":null,\"c\":42,\"d\":9223372036854775807,\"e\":"
	    "9007199254740991,"
	    "\"f\":-9223372036854775808,\"g\":\"1970-01-01T00:00:00Z\",\"h\":null}");
	assert_true(json_int(object, "d", &value));
	assert_int_equal(value, INT64_MAX);
	free(text);
	cJSON_Delete(object);
	text = json_write(NULL);
	assert_string_equal(text, "null");
	free(text);
}

/* Every byte, alone and between others: as the nodes would be written. */
static void json__text_put_into_a_buf__is_as_its_node_is_written(void **state)
{
	char text[8] = "a?b";

	(void)state;
	for (int c = 0; c < 256; c++) {
		cJSON *node;
		struct buf buf;
		char *written;

		text[1] = (char)c; /* 0: it ends there */
		node = cJSON_CreateString(text);
		written = json_write(node);
		buf_init(&buf, 64);
		buf_put_json(&buf, text);
		assert_true(buf_ok(&buf));
		assert_string_equal(buf_text(&buf), written);
		buf_fini(&buf);
		free(written);
		cJSON_Delete(node);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json__of_any_valid_form__is_read_as_it_is),
	    cmocka_unit_test(json__that_is_none__is_refused_with_its_place),
	    cmocka_unit_test(text__that_would_be_cut_or_is_no_utf8__is_mended),
	    cmocka_unit_test(name__with_a_nul__does_not_pass_for_another),
	    cmocka_unit_test(number__that_a_double_would_change__keeps_its_text),
	    cmocka_unit_test(scalar__of_other_kinds__is_their_word_or_none),
	    cmocka_unit_test(json__made_to_exhaust__is_refused_at_once),
	    cmocka_unit_test(json__at_its_bounds__is_taken),
	    cmocka_unit_test(member__by_name__minds_case_and_takes_the_first),
	    cmocka_unit_test(int__whole_or_as_text__is_read),
	    cmocka_unit_test(true__in_its_three_spellings__is_true),
	    cmocka_unit_test(pointer__as_rfc6901_has_it__finds_its_node),
	    cmocka_unit_test(put__of_texts_numbers_and_times__is_exact),
	    cmocka_unit_test(json__text_put_into_a_buf__is_as_its_node_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
