/* Any body, in each format that comes with headsup: an alert has a title and a key, or there is a mistake with words. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FORMATS_MAX 64

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = open_formats();

	for (size_t i = 0; i < count; i++) {
		struct format_result result;
		struct error err = {0};

		if (!format_read(formats[i], (const char *)data, size, "fuzz", true, 1700000000,
			&result, &err)) {
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
	return 0;
}
