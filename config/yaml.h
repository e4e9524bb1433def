/*
 * yaml - a YAML file as a small tree, and all that is wrong with it, told at once.
 *
 * Read strictly: one document, no anchors, aliases or tags, no key twice, UTF-8 throughout. Mistakes are collected and
 * printed in the order of the file as `file:line:col: what`, with the line and a caret; what is marked as
 * secret shows as ***.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/base/error.h"

#define YAML_DEPTH_MAX 32     /* levels of lists and maps */
#define YAML_NODES_MAX 100000 /* in one file */
#define YAML_KEYS_MAX 4096    /* in one map */
#define YAML_MISTAKES_MAX 200 /* kept; the rest is only counted */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	size_t at, end;           /* the bytes of the file that it spans */
	char *text;               /* YAML_TEXT */
	bool is_plain;            /* written without quotes */
	struct yaml_node **keys;  /* YAML_MAP: all YAML_TEXT */
	struct yaml_node **items; /* of a list, or the values of a map */
	size_t count;
};

struct yaml; /* opaque */

/*
 * Reads TEXT (LEN bytes, copied) of the file called NAME. Never NULL: what is wrong is among its mistakes, and then yaml_root() may
 * be NULL.
 */
struct yaml *yaml_parse(const char *name, const char *text, size_t len);
void yaml_free(struct yaml *yaml);
const struct yaml_node *yaml_root(const struct yaml *yaml);

/* The value of KEY; NULL when MAP is no map or has none. Borrowed. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key); /* the key itself */
/* Nothing, ~ or null, without quotes. NULL is null. */
bool yaml_is_null(const struct yaml_node *node);
/* The line of NODE, from 1. */
size_t yaml_line(const struct yaml *yaml, const struct yaml_node *node);

/* NODE (NULL: the file) is wrong, or doubtful. */
void yaml_mistake(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void yaml_warning(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Everything in NODE is a secret: shown as *** in every excerpt. */
void yaml_hide(struct yaml *yaml, const struct yaml_node *node);
size_t yaml_mistakes(const struct yaml *yaml);
size_t yaml_warnings(const struct yaml *yaml);
void yaml_report(struct yaml *yaml, FILE *to);

/* The nearest of NAMES (COUNT) to NAME, when it is near enough to be meant; else NULL. */
const char *nearest_name(const char *name, const char *const *names, size_t count);
/* Reads PATH, at most MAX bytes; NULL with ERROR_IO or ERROR_TOO_LONG. NUL-terminated; the caller frees. */
char *read_file(const char *path, size_t max, size_t *len, struct error *err);
/* PATH as it is when absolute, else under DIRECTORY. The caller frees. */
char *path_under(const char *directory, const char *path);

#endif
