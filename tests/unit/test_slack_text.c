#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/slack_text.h"

struct put_case {
	const char *text, *want;
};

static void check(void (*put)(struct buf *buf, const char *text, size_t units), const struct put_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf buf;

		buf_init(&buf, 8192);
		put(&buf, cases[i].text, 200);
		assert_string_equal(buf_text(&buf), cases[i].want);
		assert_true(buf_ok(&buf));
		buf_fini(&buf);
	}
}

#define CHECK(put, cases) check(put, cases, sizeof(cases) / sizeof((cases)[0]))

static void mrkdwn__hostile_text__is_only_text(void **state)
{
	static const struct put_case cases[] = {
	    {"sshd: key added for root", "sshd: key added for root"},
	    {NULL, ""},
	    {"", ""},
	    /* mentions and control sequences */
	    {"<!channel>", "&lt;!channel&gt;"},
	    {"a <!here> b", "a &lt;!here&gt; b"},
	    {"x <@U012ABCDEF>", "x &lt;@U012ABCDEF&gt;"},
	    {"<!subteam^S123>", "&lt;!subteam^S123&gt;"},
	    {"<#C123|general>", "&lt;#C123|general&gt;"},
	    {"@channel look", "＠channel look"},
	    {"@HERE", "＠HERE"},
	    {"mail @everyone", "mail ＠everyone"},
	    {"@alice", "@alice"},
	    /* entities: exactly three, once */
	    {"a & b", "a &amp; b"},
	    {"&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"},
	    {"\"quoted\" 'too'", "\"quoted\" 'too'"},
	    /* links */
	    {"<https://evil.example|https://intranet.example>",
		"&lt;https[:]//evil[.]example|https[:]//intranet[.]example&gt;"},
	    {"see https://evil.example/a.b?c=d.e now", "see https[:]//evil[.]example/a.b?c=d.e now"},
	    {"mailto:a@b.example", "mailto[:]a@b[.]example"},
	    {"ends https://evil.", "ends https[:]//evil."},
	    {"10.1.2.3 web-3.example.com", "10.1.2.3 web-3.example.com"},
	    /* formatting */
	    {"*bold*", "∗bold∗"},
	    {"_it_ snake_case _", "ˍitˍ snake_case _"},
	    {"~s~ a~b ~", "∼s∼ a~b ~"},
	    {"`code` ```block```", "ˋcodeˋ ˋˋˋblockˋˋˋ"},
	    {"web-*", "web-∗"},
	    {"2 * 3", "2 * 3"},
	    {"> quote", "› quote"},
	    {"a > b", "a &gt; b"},
	    /* emoji; Amazon's names are none */
	    {":skull: hi", ":skull꞉ hi"},
	    {"a:b c:d", "a:b c:d"},
	    {"arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/x"},
	    {"arn:aws:ec2:us-east-1:123456789012:instance:skull:", "arn:aws:ec2:us-east-1:123456789012:instance꞉skull:"},
	    {"arnold:aws:", "arnold:aws꞉"},
	    {"at 12:30:45", "at 12:30:45"},
	    {"fe80::1:100:", "fe80::1:100꞉"},
	    {":1234::ab:", ":1234꞉:ab꞉"},
	    {"::::", "::::"},
	    {":white_check_mark: RESOLVED", ":white_check_mark꞉ RESOLVED"},
	    /* lines, controls, what is not seen */
	    {"a\nb\r\nc\td", "a b c d"},
	    {"a\xe2\x80\xa8" "b\xe2\x80\xa9" "c", "a b c"},
	    {"exe\xe2\x80\xaetxt", "exetxt"},
	    {"a\xe2\x81\xa6" "b\xe2\x81\xa9", "ab"},
	    {"z\xe2\x80\x8bw\xef\xbb\xbf", "zw"},
	    {"\x01\x1b[31mred\x7f", "[31mred"},
	    {"bad \xff\xc0\x80 utf-8", "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd utf-8"},
	    {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
	    {"日本 \xf0\x9f\x94\xa5", "日本 \xf0\x9f\x94\xa5"},
	};

	(void)state;
	CHECK(buf_put_mrkdwn, cases);
}

static void code__hostile_text__cannot_leave_its_span(void **state)
{
	static const struct put_case cases[] = {
	    {"web-*", "`web-*`"},
	    {"a`b", "`aˋb`"},
	    {"` <!channel> `", "`ˋ &lt;!channel&gt; ˋ`"},
	    {"https://evil.example", "`https://evil.example`"},
	    {":skull:", "`:skull:`"},
	    {"a\n```\nb", "`a ˋˋˋ b`"},
	    {"", ""},
	    {NULL, ""},
	    {" \n\xe2\x80\x8b", ""},
	};

	(void)state;
	CHECK(buf_put_code, cases);
}

static void plain__hostile_text__keeps_all_that_is_seen(void **state)
{
	static const struct put_case cases[] = {
	    {"<!channel> & *bold* `x` https://a.example", "<!channel> & *bold* `x` https://a.example"},
	    {"a\nb\xe2\x80\xae", "a b"},
	    {"CRITICAL :red_circle: x", "CRITICAL :red_circle꞉ x"},
	    {"\xff", "\xef\xbf\xbd"},
	};

	(void)state;
	CHECK(buf_put_plain, cases);
}

static void escaped__hostile_text__keeps_its_marks_but_no_controls(void **state)
{
	static const struct put_case cases[] = {
	    {"*bold* <!channel> & `x`", "*bold* &lt;!channel&gt; &amp; `x`"},
	    {"a\nb", "a b"},
	    {":skull:", ":skull꞉"},
	};

	(void)state;
	CHECK(buf_put_escaped, cases);
}

static void text__too_long__is_cut_before_it_is_escaped(void **state)
{
	static const struct {
		const char *text;
		size_t units;
		const char *want;
	} cases[] = {
	    {"abcdef", 6, "abcdef"},
	    {"abcdefg", 6, "abcde…"},
	    {"<<<<<<<", 3, "&lt;&lt;…"},
	    {"ab\xf0\x9f\x94\xa5" "cd", 4, "ab…"},          /* the pair of units is not cut */
	    {"ab\xf0\x9f\x94\xa5", 4, "ab\xf0\x9f\x94\xa5"},
	    {"\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5", 3, "\xf0\x9f\x94\xa5…"},
	    {"ab", 1, "…"},
	    {"ab", 0, ""},
	    {"日本語", 2, "日…"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf buf;

		buf_init(&buf, 256);
		buf_put_mrkdwn(&buf, cases[i].text, cases[i].units);
		assert_string_equal(buf_text(&buf), cases[i].want);
		buf_fini(&buf);
	}
}

static void mrkdwn__of_any_bytes__stays_utf8_without_controls(void **state)
{
	char text[4096], seed = 7;

	(void)state;
	for (int round = 0; round < 64; round++) {
		struct buf buf;

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			seed = (char)(seed * 37 + 11 + round + (int)i);
			text[i] = seed != 0 ? seed : '<';
		}
		text[sizeof(text) - 1] = '\0';
		buf_init(&buf, 1 << 16);
		buf_put_mrkdwn(&buf, text, 3000);
		assert_true(buf_ok(&buf));
		assert_false(text_has_invisible(buf_text(&buf)));
		assert_null(strpbrk(buf_text(&buf), "<>`\n"));
		buf_fini(&buf);
	}
}

static void person__by_id_or_name__is_mentioned_or_named(void **state)
{
	static const struct put_case cases[] = {
	    {"U0ALICE", "<@U0ALICE>"},
	    {"W012", "<@W012>"},
	    {"ci", "ci"},
	    {"U0ALICE><!channel", "U0ALICE&gt;&lt;!channel"},
	    {"U0alice", "U0alice"},
	    {"<!here>", "&lt;!here&gt;"},
	    {"", "somebody"},
	    {NULL, "somebody"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf buf;

		buf_init(&buf, 512);
		buf_put_person(&buf, NULL, cases[i].text);
		assert_string_equal(buf_text(&buf), cases[i].want);
		buf_fini(&buf);
	}
}

static void link__of_our_own__cannot_be_broken_out_of(void **state)
{
	static const struct {
		const char *url, *label, *want;
	} cases[] = {
	    {"https://headsup.example/v1/A1?x=1&y=2", "A1", "<https://headsup.example/v1/A1?x=1&amp;y=2|A1>"},
	    {"https://a.example/|evil>x<y z\"", "a|b", "<https://a.example/%7Cevil%3Ex%3Cy%20z%22|a/b>"},
	    {"javascript:alert(1)", "label", "label"},
	    {"https://", "label", "label"},
	    {"ftp://a.example", "<!channel>", "&lt;!channel&gt;"},
	    {NULL, "label", "label"},
	    {"https://a.example", "", ""},
	    {"https://a.example/\xc3\xa9", "x", "<https://a.example/%C3%A9|x>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf buf;

		buf_init(&buf, 4096);
		buf_put_link(&buf, cases[i].url, cases[i].label);
		assert_string_equal(buf_text(&buf), cases[i].want);
		buf_fini(&buf);
	}
}

static void when__of_any_time__is_a_date_or_says_so(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 256);
	buf_put_when(&buf, 1772477122);
	assert_string_equal(
	    buf_text(&buf), "<!date^1772477122^{date_short_pretty} {time_secs}|2026-03-02T18:45:22Z>");
	buf_reset(&buf);
	buf_put_when(&buf, TIME_NONE);
	assert_string_equal(buf_text(&buf), "at an unknown time");
	buf_reset(&buf);
	buf_put_when(&buf, -5);
	assert_string_equal(buf_text(&buf), "-5");
	buf_fini(&buf);
}

static void id__of_each_kind__is_told_from_a_name(void **state)
{
	(void)state;
	assert_true(slack_is_user("U012ABCDEF"));
	assert_false(slack_is_user("C012ABCDEF"));
	assert_false(slack_is_user("U"));
	assert_false(slack_is_user("U01 2"));
	assert_false(slack_is_user(NULL));
	assert_true(slack_is_channel_id("C012"));
	assert_true(slack_is_channel_id("D012"));
	assert_false(slack_is_channel_id("#security"));
	assert_false(slack_is_channel_id("Security"));
	assert_false(slack_is_channel_id("CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

static void typed_text__as_slack_sends_it__is_plain_again(void **state)
{
	static const struct put_case cases[] = {
	    {"ack A1042", "ack A1042"},
	    {NULL, ""},
	    {"<@U1|worf> <@U2>", "<@U1> <@U2>"},
	    {"<#C1|general> <#C2|> <#C3>", "<#C1> <#C2> <#C3>"},
	    {"<!subteam^S1|@team>", "<!subteam^S1>"},
	    {"<!here> <!channel|@channel>", "@here @channel"},
	    {"<!date^1392734382^{date}|2014-02-18>", "2014-02-18"},
	    {"<mailto:a@b.example|a@b.example>", "a@b.example"},
	    {"<mailto:a@b.example>", "a@b.example"},
	    {"<tel:+123|+123>", "+123"},
	    {"host=<http://web-3|web-3>", "host=web-3"},
	    {"host=<http://web-3.example.com|web-3.example.com>,web-4", "host=web-3.example.com,web-4"},
	    {"<https://x.example/a>", "https://x.example/a"},
	    {"<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2"},
	    {"rule=“SSH login” ‘x’", "rule=\"SSH login\" 'x'"},
	    {"rule=„SSH‟", "rule=\"SSH\""},
	    {"–for web–3", "-for web-3"},
	    {"—dry run — planned", "--dry run — planned"},
	    {"ends –", "ends –"},
	    {"a\xc2\xa0" "b\xe2\x80\xaf" "c", "a b c"},
	    {"a &amp; b &lt;c&gt; &amp;lt;", "a & b <c> &lt;"},
	    {"&quot; &nbsp;", "&quot; &nbsp;"},
	    {"1 < 2 > 0", "1 < 2 > 0"},
	    {"<", "<"},
	    {"<>", "<>"},
	    {"<<@U1>", "<<@U1>"},
	    {"<@U1", "<@U1"},
	    {"bad \xff", "bad \xef\xbf\xbd"},
	    {"line\ntwo", "line\ntwo"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plain = slack_plain(cases[i].text, 8192);

		assert_string_equal(plain, cases[i].want);
		free(plain);
	}
}

static void typed_text__too_long__ends_on_a_character(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *want;
	} cases[] = {{"abcdef", 3, "abc"}, {"ab\xe6\x97\xa5", 4, "ab"}, {"ab\xe6\x97\xa5", 5, "ab\xe6\x97\xa5"}, {"abc", 0, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plain = slack_plain(cases[i].text, cases[i].max);

		assert_string_equal(plain, cases[i].want);
		free(plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mrkdwn__hostile_text__is_only_text),
	    cmocka_unit_test(code__hostile_text__cannot_leave_its_span),
	    cmocka_unit_test(plain__hostile_text__keeps_all_that_is_seen),
	    cmocka_unit_test(escaped__hostile_text__keeps_its_marks_but_no_controls),
	    cmocka_unit_test(text__too_long__is_cut_before_it_is_escaped),
	    cmocka_unit_test(mrkdwn__of_any_bytes__stays_utf8_without_controls),
	    cmocka_unit_test(person__by_id_or_name__is_mentioned_or_named),
	    cmocka_unit_test(link__of_our_own__cannot_be_broken_out_of),
	    cmocka_unit_test(when__of_any_time__is_a_date_or_says_so),
	    cmocka_unit_test(id__of_each_kind__is_told_from_a_name),
	    cmocka_unit_test(typed_text__as_slack_sends_it__is_plain_again),
	    cmocka_unit_test(typed_text__too_long__ends_on_a_character),
	};

	return cmocka_run_group_tests_name("slack_text", tests, NULL, NULL);
}
