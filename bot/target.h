/*
 * target - a request's target, taken apart: `/v1/alerts/falco?token=x` is a path and parameters, decoded.
 *
 * Pure. Refused (ERROR_USAGE): NUL and broken escapes anywhere; in the path also an encoded slash, control and other
 * invisible characters and what is not UTF-8, so that no path has two spellings.
 */
#ifndef BOT_TARGET_H
#define BOT_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "config/base/error.h"
#include "handlers/api.h"

#define TARGET_MAX 16384     /* bytes as sent */
#define TARGET_PARAMS_MAX 128

struct target {
	char *path; /* "/v1/alerts", or "*" */
	struct api_param *query;
	size_t query_count;
	char *space; /* what PATH and QUERY point into */
	size_t space_size;
};

/* RAW is what stands in the request line: origin form, absolute form, or "*". ERR never quotes the query. */
bool target_parse(const char *raw, struct target *target, struct error *err);
/* Wipes it too: a query may hold ?token=. */
void target_fini(struct target *target);

#endif
