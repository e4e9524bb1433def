/* One MATCH: how it is typed, what it holds for, what it does not fall for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "config/match.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static struct match *parsed(const char *text)
{
	struct error err = {0};
	struct match *match = match_parse(text, &err);

	if (match == NULL)
		fail_msg("%s: %s", text, err.text);
	return match;
}

/* Does TEXT hold for an alert whose field or label NAME is VALUE (NULL: absent)? */
static bool holds(const char *text, const char *name, const char *value)
{
	struct match *match = parsed(text);
	struct alert alert;
	bool result;

	alert_init(&alert);
	if (field_find(name) != NULL)
		alert_set_text(&alert, field_find(name), value);
	else
		alert_add_label(&alert, name, value);
	result = match_holds(match, &alert, NULL);
	alert_fini(&alert);
	match_free(match);
	return result;
}

/* ---- grammar ------------------------------------------------------------ */

static void match__in_any_form_people_type__has_one_canonical_text(void **state)
{
	static const struct {
		const char *typed, *canonical;
	} cases[] = {
	    {"host=web-1", "host=web-1"},
	    {" host = web-1 ", "host=web-1"},
	    {"host=WEB-1.Example.COM.", "host=web-1.example.com"},
	    {"host=web-1..", "host=web-1.."},
	    {"instance=web-1", "host=web-1"},
	    {"alertname=Foo", "rule=Foo"},
	    {"host!=web-1", "host!=web-1"},
	    {"rule~ssh.*", "rule~ssh.*"},
	    {"rule=~ssh.*", "rule~ssh.*"},
	    {"rule =~ \"ssh.*\"", "rule~ssh.*"},
	    {"rule!~ssh.*", "rule!~ssh.*"},
	    {"host=web-1,web-2", "host=web-1,web-2"},
	    {"host= web-1 , web-2", "host=web-1,web-2"},
	    {"host=\"web-1\",'web-2'", "host=web-1,web-2"},
	    {"rule=\"SSH login\"", "rule=\"SSH login\""},
	    {"rule='SSH login'", "rule=\"SSH login\""},
	    {"rule=SSH login", "rule=\"SSH login\""},
	    {"\"rule=SSH login\"", "rule=\"SSH login\""},
	    {"'rule=\"SSH login\"'", "rule=\"SSH login\""},
	    {"rule=\"a,b\",c", "rule=\"a,b\",c"},
	    {"rule=a\\,b", "rule=\"a,b\""},
	    {"rule=\"say \\\"hi\\\"\"", "rule=\"say \\\"hi\\\"\""},
	    {"rule=5\\\" disk", "rule=\"5\\\" disk\""},
	    {"rule=O'Brien", "rule=\"O'Brien\""},
	    {"process=C:\\Windows\\cmd.exe", "process=C:\\Windows\\cmd.exe"},
	    {"process=\\\\srv\\share", "process=\\\\srv\\share"},
	    {"process=\"C:\\Program Files\\\\\"", "process=\"C:\\Program Files\\\\\""},
	    {"rule=\"=x\"", "rule=\"=x\""},
	    {"rule=a=b", "rule=a=b"},
	    {"service!=\"\"", "service!=\"\""},
	    {"severity=HIGH,Critical", "severity=high,critical"},
	    {"status=Open", "status=open"},
	    {"ip=::FFFF:10.0.0.1", "ip=10.0.0.1"},
	    {"ip=2001:DB8:0:0::1", "ip=2001:db8::1"},
	    {"ip=10.0.*", "ip=10.0.*"},
	    {"ip=\"AWS Internal\"", "ip=\"aws internal\""},
	    {"occurred_at=2026-03-02T19:45:22+01:00", "occurred_at=2026-03-02T18:45:22Z"},
	    {"count=5", "count=5"},
	    {"k8s.ns.name=prod", "k8s.ns.name=prod"},
	    {"ka.uri.param[command]=sh", "ka.uri.param[command]=sh"},
	    {"\"label name\"=x", "\"label name\"=x"},
	    {"Host=x", "Host=x"}, /* a label: names mind their case */
	    {"rule~\"a|b c\"", "rule~\"a|b c\""},
	    {"rule~say \"hi\"", "rule~\"say \\\"hi\\\"\""},
	    {"rule~^ssh$", "rule~^ssh$"},
	    {"rule~\\d+\\\\", "rule~\"\\d+\\\\\\\\\""},
	    {"host=*", "host=*"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct match *match = parsed(cases[i].typed), *again;

		if (strcmp(match->source, cases[i].canonical) != 0)
			fail_msg("%s: %s", cases[i].typed, match->source);
		again = parsed(match->source);
		assert_string_equal(again->source, match->source);
		assert_int_equal(again->value_count, match->value_count);
		match_free(again);
		match_free(match);
	}
}

static void match__that_is_none__is_refused_with_the_nearest_form(void **state)
{
	static const struct {
		const char *typed, *says;
	} cases[] = {
	    {"web-1", "\"web-1\" is no match; try host=web-1"},
	    {"", "try host=web-1"},
	    {"   ", "try host=web-1"},
	    {"@alice", "try actor=alice"},
	    {"critical", "try severity=critical"},
	    {"acked", "try status=acked"},
	    {"10.0.0.1", "try ip=10.0.0.1"},
	    {"host:web-1", "try host=web-1"},
	    {"severity>high", "try severity=high,critical"},
	    {"severity>=high", "try severity=high,critical"},
	    {"SSH login", "try rule=\"SSH login\""},
	    {"host=", "\"host=\" has no value; try host=web-1"},
	    {"rule~", "has no value; try rule~ssh.*"},
	    {"host=\"\"", "has no value"},
	    {"=web-1", "names no field"},
	    {"host==web-1", "there is no ==; try host=web-1"},
	    {"host=!web-1", "try host!=web-1"},
	    {"host!==web-1", "try host!=web-1"},
	    {"host!=~web.*", "try host!~web.*"},
	    {"rule~=ssh.*", "try rule~ssh.*"},
	    {"host!web", "try host=web-1 or host!=web-1"},
	    {"host=web-1,", "empty value beside a comma; try host=web-1,"},
	    {"host=web-1,,web-2", "empty value"},
	    {"host=,web-1", "has no value"},
	    {"rule=\"SSH login", "a quote that is not closed"},
	    {"\"rule=SSH", "a quote that is not closed"},
	    {"rule~\"SSH", "a quote that is not closed"},
	    {"rule=\"a\" b", "goes on after a closing quote"},
	    {"rule~\"a\" b", "goes on after the closing quote"},
	    {"two words=x", "is no field's or label's name"},
	    {"severity=urgent", "(critical high medium low info); try severity="},
	    {"severity=hihg", "try severity=high"},
	    {"severity=high,urgent", "(critical high medium low info)"},
	    {"status=firing", "(open acked resolved expected claimed); try status="},
	    {"ip=10.0.0.0/8", "try ip=10.*"},
	    {"ip=10.1.0.0/16", "try ip=10.1.*"},
	    {"ip=10.1.2.0/24", "try ip=10.1.2.*"},
	    {"ip=10.0.0", "try ip=10.0.0.1 or ip=10.0.*"},
	    {"ip=010.0.0.1", "is no address"},
	    {"ip=1.2.3.4:80", "is no address"},
	    {"count=many", "try count=1"},
	    {"last_seen=yesterday", "try last_seen=2026-03-02T14:00:00Z"},
	    {"rule~ssh(", "is no regular expression: missing closing parenthesis"},
	    {"rule~*ssh*", "try rule=*ssh*"},
	    {"rule!~*ssh*", "try rule!=*ssh*"},
	    {"rule~\\C", "is no regular expression"},
	    {"rule~((((a{1,200}){1,200}){1,20}){1,20})", "is no regular expression"},
	    {"host=web\xE2\x80\x8B-1", "cannot be seen"},
	    {"host=web-1\n", "cannot be seen"},
	    {"host=\xff", "cannot be seen"},
	    {"host=web\xEF\xBF\xBD", "cannot be seen"},
	    {"host=a*bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb?*",
		"more than 64 characters"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err = {0};

		if (match_parse(cases[i].typed, &err) != NULL)
			fail_msg("\"%s\" was taken", cases[i].typed);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("\"%s\": %s", cases[i].typed, err.text);
		assert_null(match_parse(cases[i].typed, NULL));
	}
}

static void match__beyond_its_bounds__is_refused(void **state)
{
	char *text = xcalloc(MATCH_TEXT_MAX + 2, 1), *texts[MATCH_MAX + 1];
	char good[] = "host=web-1", bad[] = "web-1";
	struct error err = {0};
	struct matches matches;
	struct match *match;

	(void)state;
	memset(text, 'a', MATCH_TEXT_MAX + 1);
	memcpy(text, "host=", 5);
	assert_null(match_parse(text, &err));
	assert_non_null(strstr(err.text, "at most 2048 bytes"));
	text[MATCH_TEXT_MAX] = '\0';
	match_free(parsed(text));

	for (size_t i = 5; i < 5 + 2 * MATCH_VALUES_MAX - 1; i++)
		text[i] = i % 2 == 1 ? 'a' : ',';
	text[5 + 2 * MATCH_VALUES_MAX - 1] = '\0';
	match = parsed(text);
	assert_int_equal(match->value_count, MATCH_VALUES_MAX);
	match_free(match);
	memcpy(text + 5 + 2 * MATCH_VALUES_MAX - 1, ",a", 3);
	assert_null(match_parse(text, &err));
	assert_non_null(strstr(err.text, "more than 256 values"));

	memset(text, 'n', ALERT_LABEL_NAME_MAX + 1);
	memcpy(text + ALERT_LABEL_NAME_MAX + 1, "=x", 3);
	assert_null(match_parse(text, &err));
	free(text);

	for (size_t i = 0; i <= MATCH_MAX; i++)
		texts[i] = good;
	assert_true(matches_parse(texts, MATCH_MAX, &matches, &err));
	assert_int_equal(matches.count, MATCH_MAX);
	matches_fini(&matches);
	assert_false(matches_parse(texts, MATCH_MAX + 1, &matches, &err));
	texts[3] = bad;
	assert_false(matches_parse(texts, 5, &matches, &err));
	assert_int_equal(matches.count, 0);
	assert_null(matches.list);
}

/* ---- what holds ------------------------------------------------------------ */

static void match__against_a_value__holds_or_not(void **state)
{
	static const struct {
		const char *match, *name, *value;
		bool holds;
	} cases[] = {
	    {"host=web-3", "host", "web-3", true},
	    {"host=web-3", "host", "WEB-3", true},
	    {"host=Web-3.", "host", "web-3", true},
	    {"host=web-3", "host", "web-3.", true},
	    {"host=web-3", "host", "web-3..", false},
	    {"host=web-3", "host", "web-3b", false},
	    {"host=web-3", "host", "web-", false},
	    {"host=web-3", "host", NULL, false},
	    {"instance=web-3", "host", "web-3", true},
	    {"host=web-1,web-2", "host", "web-2", true},
	    {"host=web-1,web-2", "host", "web-1,web-2", false},
	    {"host!=web-1,web-2", "host", "web-2", false},
	    {"host!=web-1,web-2", "host", "web-3", true},
	    {"host!=web-1", "host", NULL, true}, /* absent is the empty text */
	    {"host!=\"\"", "host", NULL, false},
	    {"host!=\"\"", "host", "x", true},
	    {"host!=*", "host", NULL, false},
	    {"host=*", "host", "x", true},
	    {"host=*", "host", NULL, false},
	    {"host=web-*", "host", "web-", true},
	    {"host=web-*", "host", "web-33", true},
	    {"host=web-*", "host", "xweb-33", false},
	    {"host=web-?", "host", "web-3", true},
	    {"host=web-?", "host", "web-33", false},
	    {"host=web-?", "host", "web-\xC3\xA9", true}, /* one character, two bytes */
	    {"host=db-*,web-*", "host", "web-1", true},
	    {"rule=SSH*", "rule", "SSH login", true},
	    {"rule=ssh*", "rule", "SSH login",
		false}, /* only hosts and addresses are compared in any case */
	    {"actor=alice", "actor", "Alice", false},
	    {"ip=10.0.0.1", "ip", "::ffff:10.0.0.1", true},
	    {"ip=2001:db8::1", "ip", "2001:0DB8:0:0:0:0:0:1", true},
	    {"ip=10.0.*", "ip", "10.0.3.4", true},
	    {"ip=10.0.*", "ip", "10.10.3.4", false},
	    {"ip=10.0.0.1", "ip", "10.0.0.1:443", false},
	    {"ip=\"AWS Internal\"", "ip", "AWS Internal", true},
	    {"ip~2001:DB8:.*", "ip", "2001:db8::1", true},
	    {"severity=medium", "host", NULL, true},
	    {"severity=high,critical", "host", NULL, false},
	    {"severity!=low", "host", NULL, true},
	    {"severity=m*", "host", NULL, true},
	    {"severity~MED.*", "host", NULL, true},
	    {"status=open", "host", NULL, true},
	    {"count=1", "host", NULL, true},
	    {"count=1?", "host", NULL, false},
	    {"occurred_at=*", "host", NULL, false},
	    {"team=payments", "team", "payments", true},
	    {"team=payments", "Team", "payments", false},
	    {"team!=payments", "other", "x", true},
	    {"rule~ssh.*", "rule", "sshd", true},
	    {"rule~ssh", "rule", "sshd", false},   /* anchored behind, */
	    {"rule~shd", "rule", "sshd", false},   /* and before; */
	    {"rule~a|sshd", "rule", "sshd", true}, /* alternatives too */
	    {"rule~ssh|d", "rule", "sshd", false},
	    {"rule~^sshd$", "rule", "sshd", true},
	    {"rule~ssh.*", "rule", NULL, false},
	    {"rule~.*", "rule", NULL, false},
	    {"rule!~ssh.*", "rule", NULL, true},
	    {"rule!~.*", "rule", NULL, false},
	    {"rule!~ssh.*", "rule", "sshd", false},
	    {"rule!~ssh.*", "rule", "cron", true},
	    {"rule~\"SSH login.*\"", "rule", "SSH login failed", true},
	    {"rule~(?i)ssh.*", "rule", "SSHD", true},
	    {"host~WEB-\\d+", "host", "web-3", true},
	    {"host~web-\\S+", "host", "web-3", true},
	    {"rule~\\w+", "rule", "caf\xC3\xA9", false}, /* \w is ASCII */
	    {"rule~caf.", "rule", "caf\xC3\xA9", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (holds(cases[i].match, cases[i].name, cases[i].value) != cases[i].holds)
			fail_msg("%s against %s=%s", cases[i].match, cases[i].name,
			    cases[i].value != NULL ? cases[i].value : "(absent)");
	}
}

static void value__that_looks_like_another__is_not_it(void **state)
{
	static const struct {
		const char *match, *value;
	} cases[] = {
	    {"rule=alice", "\xD0\xB0lice"},      /* Cyrillic а */
	    {"rule=alice", "\xEF\xBD\x81lice"},  /* fullwidth a */
	    {"rule=cafe", "cafe\xCC\x81"},       /* a combining accent */
	    {"rule=alice", "alice\xE2\x80\x8B"}, /* zero-width space */
	    {"rule=alice", "\xE2\x80\xAE"
			   "alice"},             /* right-to-left override */
	    {"rule=alice", "alice\xEF\xBF\xBD"}, /* was NUL, or broken UTF-8 */
	    {"rule=alice*", "alice\xEF\xBF\xBDmallory"},
	    {"rule=*", "ali\xC2\xAD"
		       "ce"}, /* soft hyphen */
	    {"rule~.*", "ali\xE2\x80\x8D"
			"ce"},
	    {"rule!=bob", "ali\xE2\x80\x8B"
			  "ce"}, /* nor does the negative hold */
	    {"rule!~bob", "ali\xE2\x80\x8B"
			  "ce"},
	    {"rule!=bob", "alice\n"},
	    {"rule!=bob", "\x1b[31malice"},
	    {"rule~(?i)kim", "\xE2\x84\xAAim"}, /* the Kelvin sign folds to k */
	    {"rule!~(?i)bob", "\xE2\x84\xAAim"},
	    {"host~s.*", "\xC5\xBFrv"}, /* the long s folds to s; no ASCII host anyway */
	    {"host=srv", "\xC5\xBFrv"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *name = strncmp(cases[i].match, "host", 4) == 0 ? "host" : "rule";

		if (holds(cases[i].match, name, cases[i].value))
			fail_msg("%s holds for %s", cases[i].match, cases[i].value);
	}
	assert_false(holds("label!=x", "label", "y\xE2\x80\x8B"));
}

static void matches__in_doubt__do_not_hold_but_may(void **state)
{
	static const struct {
		const char *rule;
		bool hold, may;
	} cases[] = {
	    {"canary-1", true, true},
	    {"canary-\xE2\x80\x8B"
	     "1",
		false, true},
	    {"other", false, false},
	    {NULL, false, false},
	};
	char *texts[] = {(char[]){"rule=canary-*"}, (char[]){"env=prod"}};
	struct matches matches, none = {0};
	struct alert alert;

	(void)state;
	assert_true(matches_parse(texts, 2, &matches, NULL));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		alert_init(&alert);
		alert_set_text(&alert, field_find("rule"), cases[i].rule);
		alert_set_text(&alert, field_find("env"), "prod");
		assert_int_equal(matches_hold(&matches, &alert), cases[i].hold);
		assert_int_equal(matches_may_hold(&matches, &alert), cases[i].may);
		alert_set_text(&alert, field_find("env"), "test");
		assert_false(matches_hold(&matches, &alert));
		assert_false(matches_may_hold(&matches, &alert));
		assert_true(matches_hold(&none, &alert));
		alert_fini(&alert);
	}
	matches_fini(&matches);
}

static void actor__of_logins__is_any_of_them_literally(void **state)
{
	char *logins[] = {(char[]){"alice"}, (char[]){"a*"}};
	struct match *match = match_actor(logins, 2), *nobody = match_actor(NULL, 0);
	struct alert alert;

	(void)state;
	alert_init(&alert);
	assert_false(match_holds(match, &alert, NULL));
	alert_set_text(&alert, field_find("actor"), "alice");
	assert_true(match_holds(match, &alert, NULL));
	assert_false(match_holds(nobody, &alert, NULL));
	alert_set_text(&alert, field_find("actor"), "albert");
	assert_false(match_holds(match, &alert, NULL));
	assert_true(match_is_specific(match));
	alert_fini(&alert);
	match_free(match);
	match_free(nobody);
	match_free(NULL);
}

static void match__that_fits_everything__is_not_specific(void **state)
{
	static const char *const vague[] = {"host=*", "host=**", "host=?*", "host=*?*", "host=???*",
	    "host=web-1,*", "host~.*", "host~.+", "host~(.*)", "host~^.*$", "host~[^,]*",
	    "host~.{1,}", "host~(?s).*", "host~x|.*", "host~[a-z0-9-]+", "rule~(?!ssh).*",
	    "rule~\\w+", "ip~[0-9.]+", "ip=*.*", "severity=critical,high,medium,low,info",
	    "severity=*", "severity~.*i.*|.*l.*|high|medium",
	    "status=open,acked,resolved,expected,claimed", "count=*", "count~\\d+", "occurred_at=*",
	    "team=*", "team~.+", "host!=web-1", "host!~web.*", "severity!=low", "host=????????"};
	static const char *const specific[] = {"host=web-*", "host=*web*", "host=web-1",
	    "rule~ssh.*", "actor=alice,bob", "severity=critical", "severity=critical,high",
	    "status=open", "ip=10.*", "ip~10\\..*", "count=1", "occurred_at=2026-*",
	    "team=payments", "host=*-1", "rule~(ssh|cron).*", "host~web-[0-9]+"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(vague); i++) {
		struct match *match = parsed(vague[i]);

		if (match_is_specific(match))
			fail_msg("%s passes for specific", vague[i]);
		match_free(match);
	}
	for (size_t i = 0; i < COUNT_OF(specific); i++) {
		struct match *match = parsed(specific[i]);

		if (!match_is_specific(match))
			fail_msg("%s does not pass for specific", specific[i]);
		match_free(match);
	}
}

/* ---- explained ------------------------------------------------------------ */

static void match__that_does_not_hold__says_why(void **state)
{
	static const struct {
		const char *match, *value, *why;
	} cases[] = {
	    {"host=web-3", "web-3b", "host: web-3b is not web-3"},
	    {"host=web-3", NULL, "host: the alert has none"},
	    {"host=web-1,web-2", "web-3", "host: web-3 is none of web-1, web-2"},
	    {"host=web-*", "db-1", "host: db-1 does not fit web-*"},
	    {"host~web.*", "db-1", "host: db-1 does not fit host~web.*"},
	    {"host!=web-3", "WEB-3", "host: WEB-3 is left out by host!=web-3"},
	    {"host=web-3", "web-3", "host: web-3 fits host=web-3"},
	    {"host!=web-3", NULL, "host: the alert has none, as host!=web-3 wants"},
	    {"host=web-3", "web\xE2\x80\x8B-3",
		"host: the value holds characters that cannot be seen or read"},
	};
	char out[256], small[12];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct match *match = parsed(cases[i].match);
		struct alert alert;

		alert_init(&alert);
		alert_set_text(&alert, field_find("host"), cases[i].value);
		match_explain(match, &alert, out, sizeof(out));
		assert_string_equal(out, cases[i].why);
		match_explain(match, &alert, small, sizeof(small));
		assert_int_equal(strncmp(small, out, strlen(small)), 0);
		alert_set_text(&alert, field_find("host"), "a\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC");
		match_explain(match, &alert, small,
		    sizeof(small)); /* cut between characters: "host: a€" has 10 bytes */
		if (strncmp(small, "host: a\xE2", 8) == 0)
			assert_string_equal(small, "host: a\xE2\x82\xAC");
		alert_fini(&alert);
		match_free(match);
	}
}

/* ---- hostile ------------------------------------------------------------ */

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void regex__that_would_run_for_ever__is_stopped_and_does_not_hold(void **state)
{
	static const char *const patterns[] = {"description~(a+)+", "description~(a|a)*",
	    "description~(a|aa)+", "description~(.*.*)*a", "description~((a*)*)*[bc]",
	    "description!~(a+)+"};
	struct alert alert;
	char text[4001];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 2] = '!';
	text[sizeof(text) - 1] = '\0';
	alert_init(&alert);
	alert_set_text(&alert, field_find("description"), text);
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		struct match *match = parsed(patterns[i]);
		bool broken = false;
		double begin = cpu_ms();
		char why[200];

		if (match_holds(match, &alert, &broken))
			fail_msg("%s holds", patterns[i]);
		if (!broken)
			fail_msg("%s came to an end", patterns[i]);
		if (cpu_ms() - begin > 200) /* unbounded it takes longer than the universe is old */
			fail_msg("%s took %.0f ms", patterns[i], cpu_ms() - begin);
		match_explain(match, &alert, why, sizeof(why));
		assert_non_null(strstr(why, "takes too long"));
		match_free(match);
	}
	alert_fini(&alert);
}

static void regex__of_a_usual_kind__is_not_stopped_on_a_long_text(void **state)
{
	static const char *const patterns[] = {"description~.*root.*",
	    "description~.*(ssh|cron).*root.*", "description~[^!]*!", "description~ssh (a|b)*root!",
	    "description~\\w+ a+root!"};
	struct alert alert;
	char *text = xcalloc(8001, 1);

	(void)state;
	memset(text, 'a', 8000);
	memcpy(text, "ssh ", 4);
	memcpy(text + 8000 - 5, "root!", 5);
	alert_init(&alert);
	alert_set_text(&alert, field_find("description"), text);
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		struct match *match = parsed(patterns[i]);
		bool broken = false;

		if (!match_holds(match, &alert, &broken) || broken)
			fail_msg("%s does not hold", patterns[i]);
		match_free(match);
	}
	alert_fini(&alert);
	free(text);
}

static void glob__of_every_shape__fits_as_a_shell_would(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"*", "", true},
	    {"*", "abc", true},
	    {"**", "abc", true},
	    {"?", "", false},
	    {"?", "a", true},
	    {"?", "ab", false},
	    {"?*", "", false},
	    {"?*", "a", true},
	    {"*?", "ab", true},
	    {"a*", "a", true},
	    {"a*", "b", false},
	    {"*a", "ba", true},
	    {"*a", "ab", false},
	    {"a*b", "ab", true},
	    {"a*b", "aXb", true},
	    {"a*b", "aXbc", false},
	    {"a*a", "a", false},
	    {"a*a", "aa", true},
	    {"*ab*", "aab", true},
	    {"*a?c*", "xxabc", true},
	    {"*a?c*", "xxac", false},
	    {"*a?c", "abcabc", true},
	    {"a*b*c", "abbc", true},
	    {"a*b*c", "acb", false},
	    {"*abc*abc*", "abcabc", true},
	    {"*abc*abc*", "abcab", false},
	    {"*aab", "aaab", true},
	    {"*?b", "b", false},
	    {"*?b", "ab", true},
	    {"?\xC3\xA9", "a\xC3\xA9", true},
	    {"?", "\xC3\xA9", true},
	    {"??", "\xC3\xA9", false},
	    {"*?", "\xF0\x9F\x98\x80", true},
	    {"*??", "\xF0\x9F\x98\x80", false},
	    {"a?c",
		"a\xE2\x82\xAC"
		"c",
		true},
	    {"*\xA9", "\xC3\xA9", false},
	    {"[a]", "a", false},
	    {"[a]", "[a]", true},
	    {"\\*", "\\x", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (glob_matches(cases[i].pattern, cases[i].text) != cases[i].fits)
			fail_msg("%s against %s", cases[i].pattern, cases[i].text);
	}
}

/* The definition itself, for patterns short enough. */
static bool slow_glob(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return slow_glob(pattern + 1, text) ||
		       (*text != '\0' && slow_glob(pattern, text + 1));
	return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
	       slow_glob(pattern + 1, text + 1);
}

static void glob__of_every_short_pattern__agrees_with_its_definition(void **state)
{
	static const char letters[] = "ab*?";
	char pattern[6], text[6];

	(void)state;
	for (unsigned p = 0; p < 1024 * 4; p++) {
		for (unsigned t = 0; t < 64; t++) {
			size_t plen = p % 6, tlen = t % 6;

			for (size_t i = 0; i < plen; i++)
				pattern[i] = letters[p >> 2 * i & 3];
			for (size_t i = 0; i < tlen; i++)
				text[i] = letters[t >> i & 1];
			pattern[plen] = text[tlen] = '\0';
			if (glob_matches(pattern, text) != slow_glob(pattern, text))
				fail_msg("%s against %s", pattern, text);
		}
	}
}

static void glob__with_many_stars__takes_linear_time(void **state)
{
	char pattern[MATCH_TEXT_MAX + 1], *text = xcalloc(ALERT_DESCRIPTION_MAX + 1, 1);
	double begin;

	(void)state;
	memset(text, 'a', ALERT_DESCRIPTION_MAX);
	for (size_t i = 0; i < MATCH_TEXT_MAX; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[MATCH_TEXT_MAX - 1] = 'b';
	pattern[MATCH_TEXT_MAX] = '\0';
	begin = cpu_ms();
	for (int i = 0; i < 20; i++)
		assert_false(glob_matches(pattern, text));
	memset(pattern, 'a', MATCH_TEXT_MAX); /* one long piece, again and again nearly there */
	pattern[0] = '*';
	pattern[MATCH_TEXT_MAX - 2] = 'b';
	pattern[MATCH_TEXT_MAX - 1] = '*';
	for (int i = 0; i < 20; i++)
		assert_false(glob_matches(pattern, text));
	assert_false(glob_matches(
	    "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?b*", text));
	if (cpu_ms() - begin > 500) /* exponential: never; quadratic: seconds */
		fail_msg("took %.0f ms", cpu_ms() - begin);
	free(text);
}

static void value__normalised_for_the_index__is_as_matchers_compare_it(void **state)
{
	static const struct {
		const char *field, *value, *form; /* NULL: not comparable */
	} cases[] = {
	    {"host", "WEB-3.", "web-3"},
	    {"host", ".", "."},
	    {"rule", "SSH", "SSH"},
	    {"ip", "::ffff:1.2.3.4", "1.2.3.4"},
	    {"ip", "FE80::1", "fe80::1"},
	    {"severity", "HIGH", "high"},
	    {"team", "X.", "X."},
	    {"rule", "a\xE2\x80\x8B", NULL},
	    {"rule", "a\xff", NULL},
	    {"host", "0123456789012345", NULL},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		bool ok =
		    match_normalise(field_find(cases[i].field), cases[i].value, out, sizeof(out));

		if (ok != (cases[i].form != NULL) || (ok && strcmp(out, cases[i].form) != 0))
			fail_msg("%s %s", cases[i].field, cases[i].value);
	}
}

static void glob__has_the_prefix_that_the_index_files_it_under(void **state)
{
	struct match *match = parsed("host=WEB-1,db-*,*x,a?c");

	(void)state;
	assert_int_equal(match->values[0].prefix_len, 5);
	assert_false(match->values[0].is_glob);
	assert_int_equal(match->values[1].prefix_len, 3);
	assert_true(match->values[1].is_glob);
	assert_int_equal(match->values[2].prefix_len, 0);
	assert_int_equal(match->values[3].prefix_len, 1);
	match_free(match);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(match__in_any_form_people_type__has_one_canonical_text),
	    cmocka_unit_test(match__that_is_none__is_refused_with_the_nearest_form),
	    cmocka_unit_test(match__beyond_its_bounds__is_refused),
	    cmocka_unit_test(match__against_a_value__holds_or_not),
	    cmocka_unit_test(value__that_looks_like_another__is_not_it),
	    cmocka_unit_test(matches__in_doubt__do_not_hold_but_may),
	    cmocka_unit_test(actor__of_logins__is_any_of_them_literally),
	    cmocka_unit_test(match__that_fits_everything__is_not_specific),
	    cmocka_unit_test(match__that_does_not_hold__says_why),
	    cmocka_unit_test(regex__that_would_run_for_ever__is_stopped_and_does_not_hold),
	    cmocka_unit_test(regex__of_a_usual_kind__is_not_stopped_on_a_long_text),
	    cmocka_unit_test(glob__of_every_shape__fits_as_a_shell_would),
	    cmocka_unit_test(glob__of_every_short_pattern__agrees_with_its_definition),
	    cmocka_unit_test(glob__with_many_stars__takes_linear_time),
	    cmocka_unit_test(value__normalised_for_the_index__is_as_matchers_compare_it),
	    cmocka_unit_test(glob__has_the_prefix_that_the_index_files_it_under),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
