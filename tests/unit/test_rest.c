/* What all conversations with PagerDuty's REST API stand on. */
#include "tests/unit/desk_world.h"

#include "handlers/page.h"
#include "handlers/pagerduty/rest.h"

static void id__of_any_shape__is_fit_for_a_path_or_not(void **state)
{
	static const struct {
		const char *id;
		bool is_one;
	} cases[] = {
	    {"PT4KHLK", true},
	    {"Q2CKYRLH85UNN4", true},
	    {"01FKZ0K8PHR5ZRC3T2ZSFNR1EX", true},
	    {"", false},
	    {NULL, false},
	    {"../users", false},
	    {"Q1?x=y", false},
	    {"Q1%2F", false},
	    {"Q1 ", false},
	    {"Q\xc3\xa9", false},
	    {"PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (rest_is_id(cases[i].id) != cases[i].is_one)
			fail_msg("%s", cases[i].id);
	}
}

static void query__of_any_text__is_encoded(void **state)
{
	struct buf path;

	(void)state;
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/incidents");
	rest_put_query(&path, "incident_key", "headsup-A1");
	rest_put_query(&path, "statuses[]", "triggered");
	rest_put_query(&path, "query", "a b&c=\xc3\xa9?/#+");

	assert_string_equal(buf_text(&path),
	    "/incidents?incident_key=headsup-A1&statuses%5B%5D=triggered&query=a%20b%26c%3D%C3%A9%3F%2F%23%2B");
	buf_fini(&path);
}

static void path__too_long__is_refused(void **state)
{
	struct spoken spoken = {0};
	struct talk talk = {.spoken = &spoken};
	struct error err = {0};
	struct buf path;

	(void)state;
	buf_init(&path, 16);
	buf_puts(&path, "/incidents/of/too/much");

	assert_false(rest_get(&talk, &path, &err));
	assert_int_equal(err.kind, ERROR_TOO_LONG);
	buf_fini(&path);
	spoken_fini(&spoken);
}

static void refusal__in_each_form__is_a_sentence(void **state)
{
	static const struct {
		const char *body;
		int code;
		const char *text;
	} cases[] = {
	    {"{\"error\":{\"message\":\"Invalid Input Provided\",\"code\":2001,\"errors\":[\"Incident Already Resolved\"]}}", 2001,
		"PagerDuty says: Invalid Input Provided: Incident Already Resolved"},
	    {"{\"error\":{\"message\":\"Not Found\",\"code\":2100}}", 2100, "PagerDuty says: Not Found"},
	    {"{\"error\":{\"message\":\"Requester User Not Found\",\"code\":1008,\"errors\":\"bare\"}}", 1008,
		"PagerDuty says: Requester User Not Found: bare"},
	    {"{\"error\":{\"message\":\"v3\",\"code\":1,\"errors\":{\"a\":1}}}", 1, "PagerDuty says: v3"},
	    {"{\"error\":\"plain\"}", 0, "PagerDuty says: plain"},
	    {"{\"error\":{\"code\":\"2001\",\"message\":7}}", 2001, "PagerDuty refused it (status 400)"},
	    {"{\"error\":{\"code\":-5}}", 0, "PagerDuty refused it (status 400)"},
	    {"[]", 0, "PagerDuty refused it (status 400)"},
	    {"", 0, "PagerDuty refused it (status 400)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *body = json_parse(cases[i].body, strlen(cases[i].body), NULL);
		const struct reply reply = {.status = 400, .body = body};
		char *text = rest_refusal(&reply);

		assert_string_equal(text, cases[i].text);
		assert_int_equal(rest_code(&reply), cases[i].code);
		free(text);
		cJSON_Delete(body);
	}
}

static void time__in_each_form__is_the_same_moment(void **state)
{
	(void)state;
	assert_int_equal(rest_time("2026-03-02T12:00:00Z"), NOON);
	assert_int_equal(rest_time("2026-03-02T12:00:00.546Z"), NOON);
	assert_int_equal(rest_time("2026-03-02T07:00:00-05:00"), NOON);
	assert_int_equal(rest_time("yesterday"), TIME_NONE);
	assert_int_equal(rest_time(NULL), TIME_NONE);
}

static void dedup_key__of_an_alert__names_it_both_ways(void **state)
{
	struct desk_world *w = desk_world_new(NULL);
	char key[PAGE_KEY_MAX + 1];
	int64_t alert = 0;

	(void)state;
	page_dedup_key(w->desk, 1042, key);

	assert_string_equal(key, "headsup-A1042");
	assert_true(page_key_alert(w->desk, key, &alert));
	assert_int_equal(alert, 1042);
	assert_false(page_key_alert(w->desk, "headsup-A", &alert));
	assert_false(page_key_alert(w->desk, "headsup-A1042x", &alert));
	assert_false(page_key_alert(w->desk, "headsupA1042", &alert));
	assert_false(page_key_alert(w->desk, "other-A1042", &alert));
	assert_false(page_key_alert(w->desk, NULL, &alert));
	desk_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(id__of_any_shape__is_fit_for_a_path_or_not),
	    cmocka_unit_test(query__of_any_text__is_encoded),
	    cmocka_unit_test(path__too_long__is_refused),
	    cmocka_unit_test(refusal__in_each_form__is_a_sentence),
	    cmocka_unit_test(time__in_each_form__is_the_same_moment),
	    cmocka_unit_test(dedup_key__of_an_alert__names_it_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
