#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bot/target.h"
#include "config/base/buf.h"
#include "config/base/memory.h"

/* "path name=value name=value" of a target, or "!" and the beginning of the refusal. */
static const struct {
	const char *raw, *read;
} cases[] = {
    {"/", "/"},
    {"/v1/alerts", "/v1/alerts"},
    {"/v1/alerts/falco?token=x", "/v1/alerts/falco [token=x]"},
    {"/a?", "/a"},
    {"/a?&&", "/a"},
    {"/a?b", "/a [b=]"},
    {"/a?b=", "/a [b=]"},
    {"/a?=b", "/a [=b]"},
    {"/a?b=c=d", "/a [b=c=d]"},
    {"/a?b=c&b=d", "/a [b=c] [b=d]"},
    {"/a?match=host%3Dweb-%2A&q=a+b%2Bc", "/a [match=host=web-*] [q=a b+c]"},
    {"/a+b%20c", "/a+b c"},
    {"/a?b=c#d", "/a [b=c]"},
    {"/a#b?c", "/a"},
    {"/caf%C3%A9", "/caf\xc3\xa9"},
    {"http://host:80/v1?x=y", "/v1 [x=y]"},
    {"HTTPS://host", "/"},
    {"http://host?x=y", "/ [x=y]"},
    {"*", "*"},
    {"", "!the path must begin with /"},
    {"v1", "!the path must begin with /"},
    {"**", "!the path must begin with /"},
    {"/%00", "!the path holds %00"},
    {"/a%00b", "!the path holds %00"},
    {"/a?b=%00", "!the query holds %00"},
    {"/a?%00=b", "!the query holds %00"},
    {"/%", "!the path has a %"},
    {"/%2", "!the path has a %"},
    {"/%zz", "!the path has a %"},
    {"/a?b=%", "!the query has a %"},
    {"/a?b=100%&c", "!the query has a %"},
    {"/v1%2Falerts", "!the path holds an encoded slash"},
    {"/v1%2falerts", "!the path holds an encoded slash"},
    {"/a%0Ab", "!the path holds characters"},
    {"/a%E2%80%AEb", "!the path holds characters"},
    {"/\xff", "!the path holds characters"},
};

static void target__as_it_comes__is_taken_apart_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target target;
		struct error err = {0};
		struct buf read;

		buf_init(&read, 4096);
		if (target_parse(cases[i].raw, &target, &err)) {
			buf_puts(&read, target.path);
			for (size_t n = 0; n < target.query_count; n++)
				buf_printf(&read, " [%s=%s]", target.query[n].name, target.query[n].value);
		} else {
			buf_printf(&read, "!%s", err.text);
			if (cases[i].read[0] == '!' && strncmp(buf_text(&read), cases[i].read, strlen(cases[i].read)) == 0) {
				buf_reset(&read);
				buf_puts(&read, cases[i].read);
			}
		}

		assert_string_equal(buf_text(&read), cases[i].read);
		target_fini(&target);
		buf_fini(&read);
	}
}

static bool parse_repeated(const char *start, const char *piece, size_t count, struct target *target, struct error *err)
{
	struct buf raw;
	bool parsed;

	buf_init(&raw, 1 << 20);
	buf_puts(&raw, start);
	for (size_t i = 0; i < count; i++)
		buf_puts(&raw, piece);
	parsed = target_parse(buf_text(&raw), target, err);
	buf_fini(&raw);
	return parsed;
}

static void target__at_its_bounds__is_taken__and_past_them_refused(void **state)
{
	struct target target;
	struct error err = {0};

	(void)state;
	assert_true(parse_repeated("/?", "a=b&", TARGET_PARAMS_MAX, &target, &err));
	assert_int_equal(target.query_count, TARGET_PARAMS_MAX);
	target_fini(&target);
	assert_false(parse_repeated("/?", "a=b&", TARGET_PARAMS_MAX + 1, &target, &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_true(parse_repeated("/", "a", TARGET_MAX - 1, &target, &err));
	target_fini(&target);
	assert_false(parse_repeated("/", "a", TARGET_MAX, &target, &err));
	assert_int_equal(err.kind, ERROR_TOO_LONG);
}

static void target__refused__does_not_quote_the_query(void **state)
{
	struct target target;
	struct error err = {0};

	(void)state;
	assert_false(target_parse("/a?token=sekret%zz", &target, &err));

	assert_null(strstr(err.text, "sekret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(target__as_it_comes__is_taken_apart_or_refused),
	    cmocka_unit_test(target__at_its_bounds__is_taken__and_past_them_refused),
	    cmocka_unit_test(target__refused__does_not_quote_the_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
