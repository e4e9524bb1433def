/*
 * format - what a source's own JSON means, as data.
 *
 * A format is a YAML file: unwrap, ignore, for each field a list of JSON Pointers of which the first with a value
 * wins, value maps and scales, a title template, firing or resolved, the dedup key's parts.
 * deploy/man/headsup-formats.5 has the language.
 */
#ifndef CONFIG_FORMAT_H
#define CONFIG_FORMAT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/alert.h"
#include "config/base/error.h"
#include "config/headers.h"

#define FORMAT_ALERTS_MAX 1000 /* alerts in one body */

struct format; /* opaque */

/*
 * Reads the format NAME: one that comes with headsup (built into the binary from config/formats/), or, with a slash or
 * a final .yaml, a file, relative to DIRECTORY. Mistakes are reported to stderr as file:line:col with the excerpt; then NULL.
 */
struct format *format_open(const char *name, const char *directory, struct error *err);
void format_free(struct format *format);
const char *format_name(const struct format *format);

/* What came of one item of a body. */
struct format_item {
	struct alert *alert; /* NULL: bad, see ERROR */
	struct error error;
};
struct format_result {
	struct format_item *items; /* in the order of the body */
	size_t count;
	size_t ignored; /* pings, confirmations, health: no alert, and no mistake */
	bool is_many;   /* the body was an array, or held one: an item's mistake does not spoil the others */
};

/*
 * Makes alerts of BODY (LEN bytes). False with ERROR_USAGE when the body is no JSON or of a shape that the format does
 * not know, ERROR_TOO_LONG past FORMAT_ALERTS_MAX. SOURCE becomes each alert's source (a normalised alert's own
 * "source" wins where MAY_NAME_SOURCE). NOW is the receipt. Each alert keeps its own part of the body.
 */
bool format_read(const struct format *format, const char *body, size_t len, const char *source, bool may_name_source,
    int64_t now, struct format_result *result, struct error *err);
/* The same of a request: formats read what its headers say, but no credentials (config/headers.h). */
struct format_input {
	const char *body;
	size_t len;
	const char *source;
	bool may_name_source;
	int64_t now;
	const struct format_header *headers;
	size_t header_count;
};
bool format_read_input(
    const struct format *format, const struct format_input *input, struct format_result *result, struct error *err);
void format_result_fini(struct format_result *result);

/* The names of the formats that are built in; NULL ends the list. */
const char *const *format_names(void);

#endif
