/*
 * json - cJSON, made safe for bodies from outside.
 *
 * A pre-pass bounds depth, members and size, turns \u0000, lone surrogates and broken UTF-8 into U+FFFD and
 * keeps numbers that a double would change as text. Of duplicate members the first wins. Names are
 * compared with their case.
 */
#ifndef CONFIG_BASE_JSON_H
#define CONFIG_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"
#include "config/base/error.h"

#define JSON_DEPTH_MAX 64
#define JSON_NODES_MAX 200000
#define JSON_BYTES_MAX (8 << 20)

/* Parses LEN bytes; NULL with ERROR_USAGE that says where (ERROR_TOO_LONG past JSON_BYTES_MAX). Trailing blanks are
 * allowed, trailing data is not. */
cJSON *json_parse(const char *text, size_t len, struct error *err);
/* The member NAME of an object, NULL when OBJECT is no object or has none. Borrowed. */
const cJSON *json_get(const cJSON *object, const char *name);
/* The text of a string member, else NULL. Borrowed. */
const char *json_text(const cJSON *object, const char *name);
/* A member that is a whole number (or its text); false otherwise. */
bool json_int(const cJSON *object, const char *name, int64_t *value);
bool json_true(const cJSON *object, const char *name); /* true, "true", 1 */
/* RFC 6901; "" is ROOT. Borrowed; NULL when there is none. */
const cJSON *json_at(const cJSON *root, const char *pointer);
/* A scalar as text (numbers exactly as short as they can be); NULL for null, objects, arrays. The caller frees. */
char *json_scalar(const cJSON *node);
/* Compact text; the caller frees. */
char *json_write(const cJSON *node);
/* TEXT as JSON, in quotes and escaped as json_write() does; for what is written too often to be made of nodes first. */
void buf_put_json(struct buf *buf, const char *text);
/* Adds NAME: TEXT, or null when TEXT is NULL. */
void json_put(cJSON *object, const char *name, const char *text);
void json_put_int(cJSON *object, const char *name, int64_t value); /* exact beyond 2^53 */
void json_put_time(cJSON *object, const char *name, int64_t at);   /* RFC 3339; null for TIME_NONE */

#endif
