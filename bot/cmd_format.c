/* headsup format - shows what a source's format makes of a body, field by field. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bot/cmd.h"
#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/format.h"

#define SAMPLE_MAX (4 << 20) /* bytes: as much as an alert's body may have */
#define NAME_WIDTH 12

static int usage(void)
{
	fputs("usage: headsup format [--header 'NAME: VALUE']... FORMAT SAMPLE\n"
	      "FORMAT is a name or a path (./mine.yaml), SAMPLE a file, - is standard input. Built "
	      "in:",
	    stderr);
	for (const char *const *name = format_names(); *name != NULL; name++)
		fprintf(stderr, " %s", *name);
	fputc('\n', stderr);
	return 2;
}

/* All of FILE; NULL when it cannot be read or is too long, which was told. The caller frees. */
static char *read_sample(const char *path, size_t *len)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct buf text;
	char block[16384];
	bool failed = file == NULL;
	size_t n;

	buf_init(&text, SAMPLE_MAX);
	buf_put(&text, "", 0);
	errno = failed ? errno : 0;
	while (!failed && buf_ok(&text) && (n = fread(block, 1, sizeof(block), file)) > 0)
		buf_put(&text, block, n);
	failed = failed || ferror(file);
	if (failed)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	else if (!buf_ok(&text))
		fprintf(stderr, "%s: larger than %d bytes\n", path, SAMPLE_MAX);
	if (file != NULL && file != stdin)
		fclose(file);
	if (failed || !buf_ok(&text)) {
		buf_fini(&text);
		return NULL;
	}
	*len = text.len;
	return buf_take(&text);
}

/* VALUE so that it cannot steer a terminal; lines after the first are indented. */
static void print_value(const char *value)
{
	size_t len = strlen(value), size;

	for (size_t at = 0; at < len; at += size) {
		uint32_t c = utf8_decode(value + at, len - at, &size);

		if (c == '\n')
			printf("\n%*s", NAME_WIDTH + 4, "");
		else if (codepoint_is_invisible(c))
			printf("\\u{%x}", (unsigned)c);
		else
			fwrite(value + at, 1, size, stdout);
	}
	putchar('\n');
}

static void print_pair(const char *name, const char *value)
{
	printf("  %-*s  ", NAME_WIDTH, name);
	if (value == NULL)
		puts("(absent)");
	else
		print_value(value);
}

static void print_notes(const struct alert *alert)
{
	const char *at = alert->notes;

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, "\n");
		char *line = xstrndup(at, len);

		print_pair("note", line);
		free(line);
		at += len + (at[len] == '\n');
	}
}

static void print_alert(const struct alert *alert)
{
	for (size_t i = 0; i < alert_field_count; i++) {
		const struct field *field = &alert_fields[i];
		char space[32];

		if (field->kind == FIELD_STATUS)
			print_pair(field->name, alert->is_resolve ? "resolved" : "firing");
		else if (field->is_settable)
			print_pair(field->name, alert_value(alert, field->name, space));
	}
	for (size_t i = 0; i < alert->label_count; i++) {
		printf("  %-*s  %s = ", NAME_WIDTH, i == 0 ? "labels" : "", alert->labels[i].name);
		print_value(alert->labels[i].value);
	}
	print_notes(alert);
}

/* True when nothing in it was bad. */
static bool print_result(
    const struct format *format, const char *path, const struct format_result *result)
{
	size_t bad = 0;

	for (size_t i = 0; i < result->count; i++)
		bad += result->items[i].alert == NULL;
	printf("%s makes %zu %s of %s", format_name(format), result->count - bad,
	    result->count - bad == 1 ? "alert" : "alerts", path);
	if (bad > 0)
		printf(", and %zu cannot be read", bad);
	if (result->ignored > 0)
		printf("; %zu ignored: no alert", result->ignored);
	putchar('\n');
	for (size_t i = 0; i < result->count; i++) {
		const struct format_item *item = &result->items[i];

		printf("\n%zu:\n", i + 1);
		if (item->alert != NULL)
			print_alert(item->alert);
		else
			print_pair("mistake", item->error.text);
	}
	return bad == 0;
}

/* 'NAME: VALUE', cut in place; false when it is none. */
static bool read_header(char *text, struct format_header *header)
{
	char *colon = strchr(text, ':');

	if (colon == NULL || colon == text)
		return false;
	*colon = '\0';
	header->name = text;
	header->value = colon + 1 + strspn(colon + 1, " \t");
	return true;
}

int cmd_format(int argc, char **argv)
{
	struct format_header headers[HEADERS_MAX];
	struct format_input input = {.headers = headers, .may_name_source = true};
	struct format_result result;
	struct format *format;
	struct error err = {0};
	char *text;
	bool good;

	while (argc > 2 && strcmp(argv[1], "--header") == 0) {
		if (input.header_count == HEADERS_MAX ||
		    !read_header(argv[2], &headers[input.header_count++]))
			return usage();
		argc -= 2;
		argv += 2;
	}
	if (argc != 3 || (argv[1][0] == '-' && argv[1][1] != '\0') || argv[1][0] == '\0')
		return usage();
	format = format_open(argv[1], "", &err);
	if (format == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return err.kind == ERROR_NOT_FOUND ? 2 : 1;
	}
	text = read_sample(argv[2], &input.len);
	if (text == NULL) {
		format_free(format);
		return 1;
	}
	input.body = text;
	input.source = format_name(format);
	input.now = (int64_t)time(NULL);
	good = format_read_input(format, &input, &result, &err);
	if (good)
		good = print_result(format, argv[2], &result);
	else
		fprintf(stderr, "%s: %s\n", argv[2], err.text);
	if (err.kind == ERROR_NONE)
		format_result_fini(&result);
	free(text);
	format_free(format);
	return good ? 0 : 1;
}
