/*
 * Every sample of tests/data/alerts becomes what tests/data/alerts/expected.txt says, field by field and label by label; and what the
 * senders' documentation describes besides the samples.
 *
 * expected.txt is read by people: it was reviewed by eye. HEADSUP_WRITE_EXPECTED=FILE writes what the formats now make of the
 * samples, to be compared and reviewed again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/format.h"
#include "config/yaml.h"

#define NOW 1700000000 /* 2023-11-14T22:13:20Z */
#define SAMPLES "tests/data/alerts/"
#define RENDERED_MAX (4 << 20)
#define HEADERS_USED_MAX 8

/* ---- what a body becomes, as text ----------------------------------------------------------------------- */

static void put_line(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "  %s = ", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *value);
	}
	buf_putc(out, '\n');
}

static void put_alert(struct buf *out, const struct alert *alert)
{
	const char *note = alert->notes;
	char space[32];

	for (size_t i = 0; i < alert_field_count; i++) {
		const struct field *field = &alert_fields[i];

		if (field->kind == FIELD_STATUS)
			put_line(out, field->name, alert->is_resolve ? "resolved" : "firing");
		else if (field->kind == FIELD_TIME && field->is_settable &&
			 alert->occurred_at == NOW)
			put_line(out, field->name, "the receipt");
		else if (field->is_settable && strcmp(field->name, "source") != 0)
			put_line(out, field->name, alert_value(alert, field->name, space));
	}
	for (size_t i = 0; i < alert->label_count; i++) {
		char *name = xasprintf("label %s", alert->labels[i].name);

		put_line(out, name, alert->labels[i].value);
		free(name);
	}
	while (note != NULL && *note != '\0') {
		size_t len = strcspn(note, "\n");
		char *line = xstrndup(note, len);

		put_line(out, "note", line);
		free(line);
		note += len + (note[len] == '\n');
	}
}

static void put_result(struct buf *out, const struct format_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		buf_printf(out, "alert %zu\n", i + 1);
		if (result->items[i].alert != NULL)
			put_alert(out, result->items[i].alert);
		else
			put_line(out, "mistake", result->items[i].error.text);
	}
	if (result->ignored > 0)
		buf_printf(out, "ignored %zu\n", result->ignored);
}

/* ---- samples -------------------------------------------------------------------------------------------- */

static const char *format_for(const char *folder)
{
	return strcmp(folder, "pagerduty-v2") == 0 ? "pagerduty" : folder;
}

static void put_sample(struct buf *out, const char *folder, const char *file)
{
	char *path = xasprintf(SAMPLES "%s/%s", folder, file);
	struct format *format = format_open(format_for(folder), "", NULL);
	struct format_result result;
	struct error err = {0};
	size_t len;
	char *text = read_file(path, 1 << 20, &len, NULL);

	if (format == NULL || text == NULL)
		fail_msg("%s", path);
	buf_printf(out, "== %s/%s\n", folder, file);
	if (format_read(format, text, len, folder, false, NOW, &result, &err)) {
		put_result(out, &result);
		format_result_fini(&result);
	} else {
		put_line(out, "refused", err.text);
	}
	buf_putc(out, '\n');
	format_free(format);
	free(text);
	free(path);
}

static int is_json(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static int is_folder(const struct dirent *entry)
{
	return strchr(entry->d_name, '.') == NULL;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls EACH for the entries of PATH, by name; how many there were. */
static size_t each_entry(const char *path, int (*is_meant)(const struct dirent *entry),
    void (*each)(struct buf *out, const char *in, const char *name), struct buf *out,
    const char *in)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_meant, by_name);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		each(out, in, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return (size_t)count;
}

static void put_folder(struct buf *out, const char *in, const char *folder)
{
	char *path = xasprintf("%s%s", in, folder);

	assert_true(each_entry(path, is_json, put_sample, out, folder) > 0);
	free(path);
}

static void write_expected(const char *path, const struct buf *out)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fwrite(buf_text(out), 1, out->len, file);
	fclose(file);
}

/* Fails at the first line that differs, and says below which sample. */
static void compare(const char *is, const char *wanted)
{
	char *sample = xstrdup("(nothing)");

	while (*is != '\0' || *wanted != '\0') {
		size_t is_len = strcspn(is, "\n"), wanted_len = strcspn(wanted, "\n");

		if (strncmp(is, "== ", 3) == 0) {
			free(sample);
			sample = xstrndup(is + 3, is_len - 3);
		}
		if (is_len != wanted_len || memcmp(is, wanted, is_len) != 0)
			fail_msg("%s\nis:     %.*s\nwanted: %.*s", sample, (int)is_len, is,
			    (int)wanted_len, wanted);
		is += is_len + (is[is_len] == '\n');
		wanted += wanted_len + (wanted[wanted_len] == '\n');
	}
	free(sample);
}

static void samples__all_of_them__become_what_was_reviewed(void **state)
{
	const char *path = getenv("HEADSUP_WRITE_EXPECTED");
	char *wanted;
	struct buf out;
	size_t len;

	(void)state;
	buf_init(&out, RENDERED_MAX);
	assert_true(each_entry(SAMPLES, is_folder, put_folder, &out, SAMPLES) >= 26);
	assert_true(buf_ok(&out));
	if (path != NULL)
		write_expected(path, &out);
	wanted = read_file(SAMPLES "expected.txt", RENDERED_MAX, &len, NULL);
	assert_non_null(wanted);
	compare(buf_text(&out), wanted);
	free(wanted);
	buf_fini(&out);
}

/* ---- what is documented besides the samples -------------------------------------------------------------- */

/*
 * A block of tests/data/formats/variants.txt:
 *
 *	== FORMAT: what is special
 *	> Header: value             any number of these
 *	the body, as many lines as it has
 *	--
 *	lines that put_result() writes, in this order, blanks before them aside; "no NAME": no alert has such a field
 *
 * Of repeats.txt: "== FORMAT same" or "== FORMAT different", then two bodies of a line each.
 */
struct block {
	char *title; /* after == */
	char *text;  /* up to the next one */
};
struct blocks {
	struct block *list;
	size_t count;
};

static void blocks_read(struct blocks *blocks, const char *path)
{
	size_t len;
	char *file = read_file(path, 1 << 20, &len, NULL);
	const char *at = file;

	*blocks = (struct blocks){0};
	if (file == NULL)
		fail_msg("%s is missing", path);
	at = strncmp(at, "== ", 3) == 0 ? at : strstr(at, "\n== ") + 1;
	while (*at != '\0') {
		const char *body = at + strcspn(at, "\n") + 1, *next = strstr(body - 1, "\n== ");
		size_t n = next ? (size_t)(next + 1 - body) : strlen(body);

		blocks->list =
		    xreallocarray(blocks->list, blocks->count + 1, sizeof(*blocks->list));
		blocks->list[blocks->count++] =
		    (struct block){xstrndup(at + 3, (size_t)(body - at) - 4), xstrndup(body, n)};
		at = body + n;
	}
	free(file);
}

static void blocks_fini(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++) {
		free(blocks->list[i].title);
		free(blocks->list[i].text);
	}
	free(blocks->list);
}

/* Cuts the headers off TEXT, in place; the rest of it. */
static char *cut_headers(char *text, struct format_header *headers, size_t *count)
{
	while (strncmp(text, "> ", 2) == 0) {
		char *colon = strstr(text, ": "), *end = strchr(text, '\n');

		assert_true(colon != NULL && end != NULL && colon < end);
		assert_true(*count < HEADERS_USED_MAX);
		*colon = *end = '\0';
		headers[(*count)++] = (struct format_header){text + 2, colon + 2};
		text = end + 1;
	}
	return text;
}

/* What the format makes of it, or the refusal, and then the body that is kept of each alert. */
static char *render(const char *format_name, const struct format_input *input)
{
	struct format *format = format_open(format_name, "", NULL);
	struct format_result result;
	struct error err = {0};
	struct buf out;

	if (format == NULL)
		fail_msg("%s", format_name);
	buf_init(&out, RENDERED_MAX);
	if (format_read_input(format, input, &result, &err)) {
		put_result(&out, &result);
		for (size_t i = 0; i < result.count; i++)
			if (result.items[i].alert != NULL)
				put_line(&out, "kept", result.items[i].alert->body);
		format_result_fini(&result);
	} else {
		put_line(&out, "refused", err.text);
	}
	format_free(format);
	return buf_take(&out);
}

/* After the next line of TEXT that is LINE; NULL for none. */
static const char *find_line(const char *text, const char *line, size_t len)
{
	while (*text != '\0') {
		size_t blanks = strspn(text, " "), n = strcspn(text, "\n");

		if (n - blanks == len && memcmp(text + blanks, line, len) == 0)
			return text + n + (text[n] == '\n');
		text += n + (text[n] == '\n');
	}
	return NULL;
}

static void check_lines(const char *title, const char *is, const char *wanted)
{
	const char *at = is;

	for (size_t len; *wanted != '\0'; wanted += len + (wanted[len] == '\n')) {
		len = strcspn(wanted, "\n");
		if (strncmp(wanted, "no ", 3) == 0) {
			char *name = xasprintf("  %.*s = ", (int)len - 3, wanted + 3);

			if (strstr(is, name) != NULL)
				fail_msg("%s: there is %s\n%s", title, name, is);
			free(name);
		} else if (len > 0 && wanted[0] != '#' &&
			   (at = find_line(at, wanted, len)) == NULL) {
			fail_msg("%s: no %.*s in\n%s", title, (int)len, wanted, is);
		}
	}
}

static void check_variant(struct block *block)
{
	struct format_header headers[HEADERS_USED_MAX];
	struct format_input input = {.source = "here", .now = NOW, .headers = headers};
	char *name = xstrndup(block->title, strcspn(block->title, ":"));
	char *body = cut_headers(block->text, headers, &input.header_count);
	char *end = strstr(body, "\n--\n"), *is;

	if (end == NULL)
		fail_msg("%s lacks its --", block->title);
	*end = '\0';
	input.body = body;
	input.len = strlen(body);
	is = render(name, &input);
	check_lines(block->title, is, end + 4);
	free(is);
	free(name);
}

static void variants__as_senders_document_them__are_understood(void **state)
{
	struct blocks blocks;

	(void)state;
	blocks_read(&blocks, "tests/data/formats/variants.txt");
	assert_true(blocks.count > 50);
	for (size_t i = 0; i < blocks.count; i++)
		check_variant(&blocks.list[i]);
	blocks_fini(&blocks);
}

/* ---- repeats -------------------------------------------------------------------------------------------- */

static char *key_of(const char *format_name, const char *body)
{
	struct format *format = format_open(format_name, "", NULL);
	struct format_result result;
	struct error err = {0};
	char *key;

	if (format == NULL ||
	    !format_read(format, body, strlen(body), "here", false, NOW, &result, &err))
		fail_msg("%s: %s", body, err.text);
	if (result.count == 0 || result.items[0].alert == NULL)
		fail_msg("%s: no alert", body);
	key = xstrdup(result.items[0].alert->dedup_key);
	format_result_fini(&result);
	format_free(format);
	return key;
}

static void check_repeat(struct block *block)
{
	char *format = xstrndup(block->title, strcspn(block->title, " "));
	bool is_same = strncmp(block->title + strlen(format), " same", 5) == 0;
	char *second = strchr(block->text, '\n'), *one, *other;

	assert_non_null(second);
	*second++ = '\0';
	second[strcspn(second, "\n")] = '\0';
	one = key_of(format, block->text);
	other = key_of(format, second);
	if ((strcmp(one, other) == 0) != is_same)
		fail_msg("%s: %s\n%s", block->title, block->text, second);
	free(one);
	free(other);
	free(format);
}

static void dedup__of_repeats_and_look_alikes__tells_them_apart(void **state)
{
	struct blocks blocks;

	(void)state;
	blocks_read(&blocks, "tests/data/formats/repeats.txt");
	assert_true(blocks.count > 20);
	for (size_t i = 0; i < blocks.count; i++)
		check_repeat(&blocks.list[i]);
	blocks_fini(&blocks);
}

/* ---- a tool that nobody knows --------------------------------------------------------------------------- */

#define GATEHOUSE "tests/data/formats/gatehouse"
#define GATEHOUSE_LINES_MAX 25

static void gatehouse__by_a_file_of_few_lines__is_onboarded(void **state)
{
	static const char wanted[] =
	    "alert 1\nrule = GH-17\n"
	    "title = forced open at door-7.plant.example.com\nseverity = critical\n"
	    "status = firing\nactor = alice\nhost = door-7.plant.example.com\n"
	    "ip = 10.9.8.7\nenv = plant-1\noccurred_at = 2026-03-02T17:45:22Z\n"
	    "label zone = north\nlabel score = 12345678901234567890\n"
	    "label firmware = 4.2.1\n"
	    "alert 2\nrule = GH-3\ntitle = left open at door-9.plant.example.com\n"
	    "severity = low\nstatus = resolved\nhost = door-9.plant.example.com\n"
	    "occurred_at = 2026-03-02T18:45:22Z\nignored 1";
	struct format_input input = {.source = "here", .now = NOW};
	char *yaml, *json, *is, *manual;
	size_t len, lines = 0;

	(void)state;
	yaml = read_file(GATEHOUSE ".yaml", 1 << 16, &len, NULL);
	json = read_file(GATEHOUSE ".json", 1 << 16, &input.len, NULL);
	manual = read_file("deploy/man/headsup-formats.5", 1 << 20, &len, NULL);
	assert_true(yaml != NULL && json != NULL && manual != NULL);
	for (const char *at = yaml; *at != '\0'; at++)
		lines += *at == '\n';
	assert_true(lines <= GATEHOUSE_LINES_MAX);
	/* The manual's worked example is this one, to the letter. */
	assert_non_null(strstr(manual, yaml));
	assert_non_null(strstr(manual, json));
	input.body = json;
	is = render(GATEHOUSE ".yaml", &input);
	check_lines("gatehouse", is, wanted);
	free(yaml);
	free(json);
	free(manual);
	free(is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples__all_of_them__become_what_was_reviewed),
	    cmocka_unit_test(variants__as_senders_document_them__are_understood),
	    cmocka_unit_test(dedup__of_repeats_and_look_alikes__tells_them_apart),
	    cmocka_unit_test(gatehouse__by_a_file_of_few_lines__is_onboarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
