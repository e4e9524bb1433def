/*
 * Any body, in each format that comes with headsup, with headers and without: an alert has a title and a key, or there is a mistake with
 * words. Headers are taken from the body's first lines: "> Name: value".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FORMATS_MAX 64
#define HEADERS_FUZZED 8

static struct format *formats[FORMATS_MAX];

/* Compiled once, as in the daemon. */
static size_t open_formats(void)
{
	static size_t count;

	for (const char *const *name = format_names(); count < FORMATS_MAX && name[count] != NULL;
	     count++) {
		formats[count] = format_open(name[count], "", NULL);
		if (formats[count] == NULL)
			abort();
	}
	return count;
}

/* Cuts headers off TEXT (INPUT's body from there on), in place. */
static void cut_headers(
    char *text, size_t size, struct format_header *headers, struct format_input *input)
{
	size_t at = 0;

	while (size - at > 2 && memcmp(text + at, "> ", 2) == 0 &&
	       input->header_count < HEADERS_FUZZED) {
		char *end = memchr(text + at, '\n', size - at);
		char *colon =
		    end != NULL ? memchr(text + at, ':', (size_t)(end - text) - at) : NULL;

		if (colon == NULL)
			break;
		*colon = *end = '\0';
		headers[input->header_count++] = (struct format_header){text + at + 2, colon + 1};
		at = (size_t)(end + 1 - text);
	}
	input->body = text + at;
	input->len = size - at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct format_header headers[HEADERS_FUZZED];
	struct format_input input = {
	    .source = "fuzz", .may_name_source = true, .now = 1700000000, .headers = headers};
	size_t count = open_formats();
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	cut_headers(text, size, headers, &input);
	for (size_t i = 0; i < count; i++) {
		struct format_result result;
		struct error err = {0};

		if (!format_read_input(formats[i], &input, &result, &err)) {
			if (err.kind == ERROR_NONE || err.text[0] == '\0')
				abort();
			continue;
		}
		if (result.count > FORMAT_ALERTS_MAX)
			abort();
		for (size_t k = 0; k < result.count; k++) {
			const struct alert *alert = result.items[k].alert;

			if (alert != NULL ? alert->title == NULL || alert->dedup_key == NULL ||
						alert->body == NULL
					  : result.items[k].error.text[0] == '\0')
				abort();
		}
		format_result_fini(&result);
	}
	free(text);
	return 0;
}
