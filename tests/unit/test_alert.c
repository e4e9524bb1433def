/* An alert's fields, what is kept of them, and the key that tells repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/alert.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define FFFD "\xEF\xBF\xBD"

static int setup(void **state)
{
	*state = alert_new();
	return 0;
}

static int teardown(void **state)
{
	alert_free(*state);
	return 0;
}

static void set(struct alert *alert, const char *name, const char *text)
{
	alert_set_text(alert, field_find(name), text);
}

static char *letters(char c, size_t count)
{
	char *text = xcalloc(count + 1, 1);

	memset(text, c, count);
	return text;
}

static void fields__of_the_contract__are_all_in_the_table(void **state)
{
	static const char *const names[] = {"source", "rule", "title", "description", "severity",
	    "status", "actor", "host", "ip", "process", "service", "env", "account", "region",
	    "url", "dedup_key", "occurred_at", "received_at", "last_seen", "count"};

	(void)state;
	assert_int_equal(alert_field_count, COUNT_OF(names));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_non_null(field_find(names[i]));
		assert_string_equal(field_find(names[i])->name, names[i]);
	}
	assert_string_equal(field_find("alertname")->name, "rule");
	assert_string_equal(field_find("instance")->name, "host");
	assert_null(field_find("Host"));
	assert_null(field_find("labels"));
	assert_null(field_find(""));
	assert_false(field_find("received_at")->is_settable);
	assert_true(field_find("title")->is_settable);
}

static void alert__that_is_new__is_open_medium_and_counts_one(void **state)
{
	struct alert *alert = *state;
	char space[32];

	assert_int_equal(alert->severity, SEVERITY_MEDIUM);
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_int_equal(alert->count, 1);
	assert_true(alert->occurred_at == TIME_NONE && alert->paged_at == TIME_NONE);
	for (size_t i = 0; i < alert_field_count; i++) {
		bool has_value = strcmp(alert_fields[i].name, "severity") == 0 ||
				 strcmp(alert_fields[i].name, "status") == 0 ||
				 strcmp(alert_fields[i].name, "count") == 0;

		assert_int_equal(
		    alert_value(alert, alert_fields[i].name, space) != NULL, has_value);
	}
}

static void value__of_every_kind__is_text(void **state)
{
	struct alert *alert = *state;
	char space[32];

	set(alert, "host", "web-3");
	alert->severity = SEVERITY_CRITICAL;
	alert->status = ALERT_CLAIMED;
	alert->occurred_at = 0;
	alert->count = INT64_MAX;
	alert_add_label(alert, "team", "payments");
	alert_add_label(alert, "host", "of the label");

	assert_string_equal(alert_value(alert, "host", space), "web-3");
	assert_string_equal(alert_value(alert, "instance", space), "web-3");
	assert_string_equal(alert_value(alert, "severity", space), "critical");
	assert_string_equal(alert_value(alert, "status", space), "claimed");
	assert_string_equal(alert_value(alert, "occurred_at", space), "1970-01-01T00:00:00Z");
	assert_string_equal(alert_value(alert, "count", space), "9223372036854775807");
	assert_string_equal(alert_value(alert, "team", space), "payments");
	assert_null(alert_value(alert, "Team", space));
	assert_string_equal(alert_label(alert, "host"), "of the label");
	assert_null(alert_text(alert, field_find("severity")));
}

static void text__broken_or_too_long__is_mended_cut_and_noted(void **state)
{
	struct alert *alert = *state;
	char *text;

	set(alert, "host", "web\xff-\xC3");
	assert_string_equal(alert->host, "web" FFFD "-" FFFD);
	assert_null(alert->notes);

	text = letters('x', ALERT_FIELD_MAX);
	set(alert, "host", text);
	assert_string_equal(alert->host, text);
	assert_null(alert->notes);
	free(text);

	text = letters('x', ALERT_FIELD_MAX + 1);
	set(alert, "host", text);
	assert_int_equal(strlen(alert->host), ALERT_FIELD_MAX);
	assert_string_equal(alert->notes, "host was longer than 1024 bytes and is cut");
	set(alert, "host", text); /* said once */
	assert_string_equal(alert->notes, "host was longer than 1024 bytes and is cut");

	memcpy(text + ALERT_FIELD_MAX - 2, "\xE2\x82\xAC", 4); /* a euro sign over the bound */
	set(alert, "host", text);
	assert_int_equal(strlen(alert->host), ALERT_FIELD_MAX - 2);
	memcpy(text + ALERT_FIELD_MAX - 2, "\xff\xff\xff",
	    4); /* three bytes that would grow to nine */
	set(alert, "host", text);
	assert_true(strlen(alert->host) <= ALERT_FIELD_MAX);
	assert_false(text_has_invisible(alert->host));
	free(text);

	set(alert, "host", "");
	assert_null(alert->host);
	set(alert, "rule", "x");
	set(alert, "rule", alert->rule); /* from its own place */
	assert_string_equal(alert->rule, "x");
	set(alert, "rule", NULL);
	assert_null(alert->rule);
	set(alert, "severity", "high"); /* no text: left alone */
	assert_int_equal(alert->severity, SEVERITY_MEDIUM);
}

static void dedup_key__that_is_too_long__is_hashed_and_not_cut(void **state)
{
	struct alert *alert = *state;
	char *text = letters('k', ALERT_FIELD_MAX + 2), first[128];

	set(alert, "dedup_key", text);
	assert_int_equal(strlen(alert->dedup_key), strlen("sha256:") + 64);
	memcpy(first, alert->dedup_key, strlen(alert->dedup_key) + 1);
	text[ALERT_FIELD_MAX + 1] = 'l';
	set(alert, "dedup_key", text);
	assert_string_not_equal(alert->dedup_key, first);
	assert_non_null(strstr(alert->notes, "dedup_key"));
	free(text);
}

static void label__twice_or_one_too_many__does_not_enter(void **state)
{
	struct alert *alert = *state;
	char *name;

	alert_add_label(alert, "team", "a");
	alert_add_label(alert, "team", "b");
	alert_add_label(alert, "empty", "");
	alert_add_label(alert, "none", NULL);
	alert_add_label(alert, "", "x");
	alert_add_label(alert, NULL, "x");
	assert_int_equal(alert->label_count, 1);
	assert_string_equal(alert_label(alert, "team"), "a");

	for (int i = 1; i < ALERT_LABELS_MAX; i++) {
		name = xasprintf("l%d", i);
		alert_add_label(alert, name, "x\xff");
		free(name);
	}
	assert_int_equal(alert->label_count, ALERT_LABELS_MAX);
	assert_string_equal(alert_label(alert, "l1"), "x" FFFD);
	assert_null(alert->notes);
	alert_add_label(alert, "more", "x");
	alert_add_label(alert, "more2", "x");
	assert_int_equal(alert->label_count, ALERT_LABELS_MAX);
	assert_string_equal(alert->notes, "more than 64 labels: the rest is dropped");
}

static void label__too_long__is_cut_and_noted(void **state)
{
	struct alert *alert = *state;
	char *name = letters('n', ALERT_LABEL_NAME_MAX + 5),
	     *value = letters('v', ALERT_FIELD_MAX + 5);

	alert_add_label(alert, name, value);
	assert_int_equal(strlen(alert->labels[0].name), ALERT_LABEL_NAME_MAX);
	assert_int_equal(strlen(alert->labels[0].value), ALERT_FIELD_MAX);
	assert_non_null(strstr(alert->notes, "the name of label nnnnnnnn"));
	assert_non_null(strstr(alert->notes, "\nlabel nnnnnnnn"));
	alert_add_label(alert, name, "again"); /* the same name once it is cut */
	assert_int_equal(alert->label_count, 1);
	free(name);
	free(value);
}

static void notes__of_a_hostile_alert__stay_lines_and_bounded(void **state)
{
	struct alert *alert = *state;

	alert_note(alert, "severity \"%s\" is unknown", "a\nb\x1b[0m\xff");
	assert_string_equal(alert->notes, "severity \"a b [0m" FFFD "\" is unknown");
	for (int i = 0; i < 1000; i++)
		alert_note(alert,
		    "note %d of many that are long enough to fill the room there is for them", i);
	assert_true(strlen(alert->notes) <= 4096);
	assert_non_null(strstr(alert->notes, "\nnote 0 of"));
}

static void severity_and_status__in_any_case__are_our_five_words(void **state)
{
	static const char *const bad[] = {"", "urgent", "crit", "critical ", "1", "warning"};
	enum severity severity;
	enum alert_status status;

	(void)state;
	assert_true(severity_parse("CRITICAL", &severity) && severity == SEVERITY_CRITICAL);
	assert_true(severity_parse("info", &severity) && severity == SEVERITY_INFO);
	assert_true(alert_status_parse("Acked", &status) && status == ALERT_ACKED);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(severity_parse(bad[i], &severity));
		assert_false(alert_status_parse(bad[i], &status));
	}
	assert_false(severity_parse(NULL, &severity));
	for (int i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++)
		assert_true(severity_parse(severity_name((enum severity)i), &severity) &&
			    (int)severity == i);
	for (int i = ALERT_OPEN; i <= ALERT_CLAIMED; i++)
		assert_true(alert_status_parse(alert_status_name((enum alert_status)i), &status) &&
			    (int)status == i);
}

/* The key that comes of these parts; the caller frees. */
static char *derived(
    const char *source, const char *rule, const char *title, const char *actor, const char *host)
{
	struct alert alert;
	char *key;

	alert_init(&alert);
	set(&alert, "source", source);
	set(&alert, "rule", rule);
	set(&alert, "title", title);
	set(&alert, "actor", actor);
	set(&alert, "host", host);
	alert_derive_dedup_key(&alert);
	key = xstrdup(alert.dedup_key);
	alert_fini(&alert);
	return key;
}

static void dedup_key__derived__tells_apart_what_differs_and_nothing_else(void **state)
{
	static const struct {
		const char *a[5], *b[5]; /* source rule title actor host */
		bool same;
	} cases[] = {
	    {{"s", "r", "t", "a", "h"}, {"s", "r", "t", "a", "h"}, true},
	    {{"s", "r", "t", "a", "h"}, {"s", "r", "another title", "a", "h"}, true},
	    {{"s", "r", "t", "a", "WEB-3"}, {"s", "r", "t", "a", "web-3."}, true},
	    {{"s", "r", "t", "a", "h"}, {"s2", "r", "t", "a", "h"}, false},
	    {{"s", "r", "t", "a", "h"}, {"s", "r2", "t", "a", "h"}, false},
	    {{"s", "r", "t", "a", "h"}, {"s", "r", "t", "a2", "h"}, false},
	    {{"s", "r", "t", "a", "h"}, {"s", "r", "t", "a", "h2"}, false},
	    {{"s", "a|b", "t", "c", "h"}, {"s", "a", "t", "b|c", "h"}, false},
	    {{"s", "ab", "t", "c", "h"}, {"s", "a", "t", "bc", "h"}, false},
	    {{"s", "r", "t", NULL, "x"}, {"s", "r", "t", "x", NULL}, false},
	    {{"s", "r", "t", "-", "h"}, {"s", "r", "t", NULL, "-h"}, false},
	    {{"s", "1:x", "t", NULL, NULL}, {"s", "x", "t", NULL, NULL}, false},
	    {{"s", NULL, "t", "a", "h"}, {"s", NULL, "t2", "a", "h"},
		false}, /* no rule: the title stands for it */
	    {{"s", NULL, "r", "a", "h"}, {"s", "r", "r", "a", "h"}, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *const *a = cases[i].a, *const *b = cases[i].b;
		char *left = derived(a[0], a[1], a[2], a[3], a[4]),
		     *right = derived(b[0], b[1], b[2], b[3], b[4]);

		if ((strcmp(left, right) == 0) != cases[i].same)
			fail_msg("case %zu: %s %s", i, left, right);
		free(left);
		free(right);
	}
}

static void dedup_key__of_a_release_before__is_still_the_same(void **state)
{
	char *key = derived("falco", "Terminal shell in container", NULL, "root", "web-3");

	(void)state;
	/* sha256 of "5:falco27:Terminal shell in container4:root5:web-3": it is on disk, and must
	 * not change */
	assert_string_equal(
	    key, "derived:2369c14e54727e35c2c877c2b60aa79b688df342d334dee08fe8774b812d126a");
	free(key);
}

static void dedup_key__that_was_sent__is_left_alone(void **state)
{
	struct alert *alert = *state;

	set(alert, "dedup_key", "mine");
	alert_derive_dedup_key(alert);
	assert_string_equal(alert->dedup_key, "mine");
}

static void fingerprint__names_a_key_without_telling_it(void **state)
{
	char print[13];

	(void)state;
	key_fingerprint("abc", print);
	assert_string_equal(print, "ba7816bf8f01");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fields__of_the_contract__are_all_in_the_table),
	    TEST(alert__that_is_new__is_open_medium_and_counts_one),
	    TEST(value__of_every_kind__is_text),
	    TEST(text__broken_or_too_long__is_mended_cut_and_noted),
	    TEST(dedup_key__that_is_too_long__is_hashed_and_not_cut),
	    TEST(label__twice_or_one_too_many__does_not_enter),
	    TEST(label__too_long__is_cut_and_noted),
	    TEST(notes__of_a_hostile_alert__stay_lines_and_bounded),
	    TEST(severity_and_status__in_any_case__are_our_five_words),
	    TEST(dedup_key__derived__tells_apart_what_differs_and_nothing_else),
	    TEST(dedup_key__of_a_release_before__is_still_the_same),
	    TEST(dedup_key__that_was_sent__is_left_alone),
	    TEST(fingerprint__names_a_key_without_telling_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
