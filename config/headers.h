/*
 * headers - what a format may see of a request's headers: those that say what is sent, none that proves who sends it.
 */
#ifndef CONFIG_HEADERS_H
#define CONFIG_HEADERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define HEADERS_MAX 100       /* that are looked at */
#define HEADER_VALUE_MAX 8192 /* bytes of one; a longer one is not seen */

struct format_header {
	const char *name, *value; /* the name in any case */
};
/* Read when the first is asked for: most formats never do. */
struct headers {
	const struct format_header *list; /* borrowed */
	size_t count;
	cJSON *json; /* NULL: not asked for yet */
};

/* Credentials and signatures (Authorization, Cookie, X-…-Token, X-Hub-Signature): no format sees them. */
bool header_is_secret(const char *name);
/* An object: names in lower case, values as text, mended (UTF-8). Borrowed, until headers_fini(). */
const cJSON *headers_json(struct headers *headers);
void headers_fini(struct headers *headers);
/*
 * Adds each header whose name begins with PREFIX to OBJECT, under the rest of its name, %XX undone: as CloudEvents' attributes
 * travel.
 */
void headers_add(struct headers *headers, const char *prefix, cJSON *object);

#endif
