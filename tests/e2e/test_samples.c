/*
 * Every sample of tests/data/alerts, posted to its source as its tool posts it, and read back: each alert has each field and each
 * label that tests/data/alerts/expected.txt says, and no others. Samples of one source may be of one alert; so each world is sent
 * one of each source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/yaml.h"
#include "tests/e2e/harness.h"

#define SAMPLES "tests/data/alerts/"
#define EXPECTED_MAX (4 << 20)
#define SOURCES_MAX (64 << 10)
#define SAMPLES_MIN 98 /* as many came with the project: none gets lost */

/* What a format gives an alert; the others are headsup's own. */
static const char *const fields[] = {"rule", "title", "description", "severity", "status", "actor",
    "host", "ip", "process", "service", "env", "account", "region", "url", "dedup_key",
    "occurred_at"};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

struct sample {
	char *name, *expected; /* "falco/x.json"; the lines below it */
};
static struct {
	struct sample *list;
	size_t count;
	char *text;
} samples;

static void samples_read(void)
{
	size_t len;
	char *at;

	samples.text = at = read_file(SAMPLES "expected.txt", EXPECTED_MAX, &len, NULL);
	assert_non_null(at);
	while (at != NULL && *at != '\0') {
		struct sample *sample;
		char *line_end = strchr(at, '\n');

		assert_int_equal(strncmp(at, "== ", 3), 0);
		assert_non_null(line_end);
		samples.list =
		    xreallocarray(samples.list, samples.count + 1, sizeof(*samples.list));
		sample = &samples.list[samples.count++];
		sample->name = at + 3;
		*line_end = '\0';
		sample->expected = line_end + 1;
		at = strstr(line_end + 1, "\n== ");
		if (at != NULL)
			*at++ = '\0';
	}
}

/* How many samples of the same source come before it. */
static size_t place_in_source(size_t sample)
{
	size_t place = 0, folder = strcspn(samples.list[sample].name, "/") + 1;

	while (place < sample && strncmp(samples.list[sample - place - 1].name,
				     samples.list[sample].name, folder) == 0)
		place++;
	return place;
}

static int setup(void **state)
{
	(void)state;
	samples_read();
	return 0;
}

static struct world *world_of_all_sources(void)
{
	struct world_options options = {.posts_per_second = "1000"};
	struct world *world;
	struct buf sources;

	buf_init(&sources, SOURCES_MAX);
	for (size_t i = 0; i < samples.count; i++) {
		const char *name = samples.list[i].name, *format;
		char *source = xstrndup(name, strcspn(name, "/"));
		bool is_default = strcmp(source, "falco") == 0 ||
				  strcmp(source, "threatstack") == 0 ||
				  strcmp(source, "guardduty") == 0;

		format = strcmp(source, "pagerduty-v2") == 0 ? "pagerduty" : source;
		if (place_in_source(i) == 0 && !is_default)
			buf_printf(&sources,
			    "  - {name: %s, format: %s, token: %s-token-0123456789abcdef}\n",
			    source, format, source);
		free(source);
	}
	options.sources = buf_text(&sources);
	world = world_start(&options);
	buf_fini(&sources);
	return world;
}

static int teardown(void **state)
{
	free(samples.list);
	free(samples.text);
	return world_teardown(state);
}

/* TEXT in one line, as expected.txt has it; the caller frees. */
static char *in_a_line(const char *text)
{
	struct buf out;

	buf_init(&out, EXPECTED_MAX);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			buf_puts(&out, "\\n");
		else
			buf_putc(&out, *text);
	}
	return buf_take(&out);
}

/* VALUE of expected.txt, or what the API says instead. */
static const char *as_the_api_has_it(const char *name, const char *value, const cJSON *alert)
{
	if (strcmp(name, "status") == 0 && strcmp(value, "firing") == 0)
		return "open";
	if (strcmp(name, "occurred_at") == 0 && strcmp(value, "the receipt") == 0)
		return json_text(alert, "received_at");
	return value;
}

static void check_value(
    const struct sample *sample, const char *name, const cJSON *is, const char *wanted)
{
	char *text = cJSON_IsString(is) ? in_a_line(is->valuestring) : NULL;

	if (text == NULL || strcmp(text, wanted) != 0)
		fail_msg("%s: %s\nis:     %s\nwanted: %s", sample->name, name,
		    text ? text : "(none)", wanted);
	free(text);
}

/* One alert against the lines from AT on, which are indented; after them. */
static const char *check_alert(
    struct world *w, const struct sample *sample, const char *at, const char *id)
{
	const cJSON *alert = world_alert(w, id), *labels = json_get(alert, "labels");
	const char *notes = json_text(alert, "notes");
	bool is_there[FIELD_COUNT] = {false};
	int label_count = 0, note_count = 0;

	while (strncmp(at, "  ", 2) == 0) {
		const char *equals = strstr(at, " = "), *next = strchr(at, '\n');
		char *name, *value;

		assert_non_null(equals);
		name = xstrndup(at + 2, (size_t)(equals - at) - 2);
		value = xstrndup(equals + 3, strcspn(equals + 3, "\n"));
		if (strncmp(name, "label ", 6) == 0) {
			check_value(sample, name, json_get(labels, name + 6), value);
			label_count++;
		} else if (strcmp(name, "note") == 0) {
			if (notes == NULL || strstr(notes, value) == NULL)
				fail_msg("%s: %s is not noted in %s", sample->name, value,
				    notes ? notes : "(nothing)");
			note_count++;
		} else {
			check_value(sample, name, json_get(alert, name),
			    as_the_api_has_it(name, value, alert));
			for (size_t i = 0; i < FIELD_COUNT; i++)
				is_there[i] |= strcmp(name, fields[i]) == 0;
		}
		free(name);
		free(value);
		at = next != NULL ? next + 1 : equals + strlen(equals);
	}
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!is_there[i] && json_text(alert, fields[i]) != NULL)
			fail_msg("%s: %s should be absent, and is %s", sample->name, fields[i],
			    json_text(alert, fields[i]));
	if (cJSON_GetArraySize(labels) != label_count)
		fail_msg("%s: %d labels, wanted %d", sample->name, cJSON_GetArraySize(labels),
		    label_count);
	if (note_count == 0 && notes != NULL)
		fail_msg("%s: noted is %s", sample->name, notes);
	return at;
}

/* Posts SAMPLE; the alerts that it became, as an array of objects with an id, in the order of the sample. */
static const cJSON *posts(struct world *w, const struct sample *sample)
{
	char *source = xstrndup(sample->name, strcspn(sample->name, "/")),
	     *path = xasprintf("/v1/alerts/%s", source);
	char *token = xasprintf("%s-token-0123456789abcdef", source),
	     *file = xasprintf(SAMPLES "%s", sample->name);
	size_t len;
	char *body = read_file(file, EXPECTED_MAX, &len, NULL);
	struct world_answer *answer;

	assert_non_null(body);
	answer = world_http(w, "POST", path, token, body, NULL);
	if (strncmp(sample->name, "slack-webhook/", 14) ==
	    0) { /* answered as Slack does, which names no alerts */
		assert_string_equal(answer->body, "ok");
		assert_int_equal(answer->status, 200);
		answer = world_http(
		    w, "GET", "/v1/alerts?match=source%3Dslack-webhook", WORLD_OPS, NULL, NULL);
		assert_true(cJSON_GetArraySize(json_get(answer->json, "alerts")) <= 1);
	} else if (answer->status != 202 ||
		   cJSON_GetArraySize(json_get(answer->json, "errors")) != 0) {
		fail_msg("%s: %d %s", sample->name, answer->status, answer->body);
	}
	free(path);
	free(token);
	free(file);
	free(source);
	free(body);
	return json_get(answer->json, "alerts");
}

static void check_sample(struct world *w, const struct sample *sample)
{
	const cJSON *alerts = posts(w, sample);
	const char *at = sample->expected;
	int count = 0;

	while (strncmp(at, "alert ", 6) == 0) {
		const char *id = json_text(cJSON_GetArrayItem(alerts, count), "id");

		if (id == NULL)
			fail_msg("%s: %d alerts, wanted more", sample->name, count);
		at = check_alert(w, sample, at + strcspn(at, "\n") + 1, id);
		count++;
	}
	if (cJSON_GetArraySize(alerts) != count)
		fail_msg(
		    "%s: %d alerts, wanted %d", sample->name, cJSON_GetArraySize(alerts), count);
	if (count == 0 && strncmp(at, "ignored ", 8) != 0)
		fail_msg("%s: nothing is expected of it", sample->name);
}

static void samples__posted_by_http__are_read_back_field_by_field(void **state)
{
	size_t sent = 0;

	assert_true(samples.count >= SAMPLES_MIN);
	for (size_t place = 0; sent < samples.count; place++) {
		struct world *w = *state = world_of_all_sources();

		for (size_t i = 0; i < samples.count; i++) {
			if (place_in_source(i) == place) {
				check_sample(w, &samples.list[i]);
				sent++;
			}
		}
		*state = NULL;
		world_stop(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		samples__posted_by_http__are_read_back_field_by_field, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
