#include "tests/unit/bot_world.h"

#include "bot/metrics.h"
#include "config/base/buf.h"

static int setup(void **state)
{
	*state = bot_world_new();
	return 0;
}

static int teardown(void **state)
{
	bot_world_free(*state);
	return 0;
}

static void label__of_any_text__cannot_leave_its_quotes(void **state)
{
	static const struct {
		const char *text, *label;
	} cases[] = {
	    {"web-1", "\"web-1\""},
	    {"", "\"\""},
	    {NULL, "\"\""},
	    {"a\"b", "\"a\\\"b\""},
	    {"a\\b", "\"a\\\\b\""},
	    {"a\nb", "\"a\\nb\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, 256);
		metrics_label(&out, cases[i].text);

		assert_string_equal(buf_text(&out), cases[i].label);
		buf_fini(&out);
	}
}

static void value__whole_or_not__is_written_exactly(void **state)
{
	static const struct {
		double value;
		const char *line;
	} cases[] = {
	    {0, "\nx 0\n"},
	    {1772452800, "\nx 1772452800\n"},
	    {-1, "\nx -1\n"},
	    {0.25, "\nx 0.25\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, 256);
		metrics_value(&out, "x", "gauge", "What x is.", cases[i].value);

		assert_int_equal(strncmp(buf_text(&out), "# HELP x What x is.\n# TYPE x gauge\n", 35), 0);
		assert_non_null(strstr(buf_text(&out), cases[i].line));
		buf_fini(&out);
	}
}

/* Each sample stands under the TYPE of its own name, and ends in one number: what a scraper insists on. */
static void metrics__of_a_desk__are_well_formed(void **state)
{
	struct bot_world *world = *state;
	const struct metrics metrics = {.loop = &world->loop, .started_at = 1772452800};
	struct buf out;
	char *rest, *line, type[128] = "", *end;
	size_t samples = 0;

	buf_init(&out, 1 << 20);
	metrics_write(&metrics, &out);
	rest = out.data;
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		const char *value = strrchr(line, ' ');

		if (strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (sscanf(line, "# TYPE %127s", type) == 1)
			continue;
		samples++;
		assert_int_equal(strncmp(line, type, strlen(type)), 0);
		assert_true(line[strlen(type)] == ' ' || line[strlen(type)] == '{');
		assert_non_null(value);
		strtod(value + 1, &end);
		assert_true(end > value + 1 && *end == '\0');
	}

	assert_true(samples > 20);
	buf_fini(&out);
}

static void metrics__after_commits__count_them(void **state)
{
	struct bot_world *world = *state;
	const struct metrics metrics = {.loop = &world->loop};
	struct error err = {0};
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_true(loop_event(&world->loop, &err));
	assert_true(loop_event_end(&world->loop, true, &err));
	uv_run(&world->uv, UV_RUN_NOWAIT);
	metrics_write(&metrics, &out);

	assert_non_null(strstr(buf_text(&out), "\nheadsup_commits_total 1\n"));
	assert_non_null(strstr(buf_text(&out), "\nheadsup_storage_failing 0\n"));
	assert_non_null(strstr(buf_text(&out), "\nheadsup_alerts{status=\"open\"} 0\n"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(label__of_any_text__cannot_leave_its_quotes),
	    cmocka_unit_test(value__whole_or_not__is_written_exactly),
	    cmocka_unit_test_setup_teardown(metrics__of_a_desk__are_well_formed, setup, teardown),
	    cmocka_unit_test_setup_teardown(metrics__after_commits__count_them, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
