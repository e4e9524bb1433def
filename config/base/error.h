/*
 * error - a kind for code, a line for people.
 *
 * What can fail returns bool (or a pointer) and takes `struct error *err` last; err may be NULL.
 */
#ifndef CONFIG_BASE_ERROR_H
#define CONFIG_BASE_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_NONE = 0,
	ERROR_USAGE,     /* the words cannot be understood: HTTP 400, exit 2 */
	ERROR_REFUSED,   /* policy says no: HTTP 409, exit 3 */
	ERROR_FORBIDDEN, /* this person or token may not: HTTP 403 */
	ERROR_NOT_FOUND, /* no such alert, announcement, source: HTTP 404 */
	ERROR_CONFLICT,  /* no longer applies (already acked): HTTP 409 */
	ERROR_TOO_LONG,  /* over a named bound: HTTP 413 */
	ERROR_IO,        /* disk or database out of order: HTTP 503 */
	ERROR_NEWER,     /* the database is of a later version */
	ERROR_WAIT,      /* cannot be answered yet: a profile is being asked for */
};

struct error {
	enum error_kind kind;
	char text[1024]; /* one sentence for whoever typed it: what was wrong, then the nearest right form */
};

/* Fills ERR (when not NULL) and returns false, so that a refusal is one line. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void error_clear(struct error *err);

#endif
