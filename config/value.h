/*
 * value - how a format finds one thing in a body: pointers tried in order, what is done to the text, maps and scales.
 *
 * Compiled once from YAML; reading allocates little, compiles nothing, and is bounded by the body's own bounds
 * (config/base/json.h). config/formats/README.md has the language.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/alert.h"
#include "config/check.h"
#include "config/headers.h"

#define POINTER_STEPS_MAX 32
#define POINTER_UP_MAX 8
#define CONDITION_DEPTH_MAX 4
#define VALUE_TEXT_MAX 65536     /* bytes of one value that are looked at; an alert keeps fewer */
#define VALUE_REGEX_SUBJECT 4096 /* bytes that a regular expression of a format is tried on */
#define VALUE_JOIN_MAX 256       /* values that become one text */

/* Where reading has come to: a document and those around it. */
struct doc {
	const cJSON *node;
	const struct doc *up; /* the one it was unwrapped from; NULL: the body */
	const char *from;     /* the member it was found in; NULL: none. Borrowed from the format */
	cJSON *parts;         /* what layers put in beside the document's own members; NULL: none */
	struct headers *headers; /* of the request; NULL: none */
	size_t *
	    work; /* members and elements that may still be looked at; NULL: as many as there are */
};
struct regex; /* opaque */
enum decoding { DECODE_NONE, DECODE_HTML, DECODE_SLACK };
/* Texts that mean "no value"; "" always does. */
struct absent {
	char **words;             /* NULL-terminated, in any case; NULL: none */
	const struct regex *like; /* NULL: none */
};
struct scope {
	const struct doc *doc;
	const struct alert *alert;   /* as far as it is read: for labels and templates */
	const struct absent *absent; /* NULL: nothing but "" */
	bool is_strict;              /* only JSON strings are text */
	int64_t now;
};

enum step_kind {
	STEP_NAME,   /* a member, or an element by number */
	STEP_ANY,    /* * : each element or member */
	STEP_PREFIX, /* process_* : each member whose name begins so */
	STEP_WHERE, /* [title=host|Host] : each element of which that member has that value; [title] : has one */
};
struct step {
	enum step_kind kind;
	char *name;
	long index; /* STEP_NAME: as a number; negative from the end; LONG_MIN: none */
	char **values;
	size_t value_count;
};
struct pointer {
	size_t up;      /* how many documents out: ^/a, ^^/a */
	bool is_header; /* @/x-github-event: the request's headers */
	struct step *steps;
	size_t count;
};
struct condition; /* opaque */
struct conditions {
	struct condition *list; /* all of them must hold */
	size_t count;
};
struct take;
struct value {
	struct take *takes; /* in order; the first that gives something wins */
	size_t count;
};

/* Readers for check_section(); INTO is what they fill. What is wrong is told. */
void read_pointer(struct check *check, const struct yaml_node *node, struct pointer *into);
void read_conditions(struct check *check, const struct yaml_node *node, struct conditions *into);
/* WORDS (NULL: any): what the right side of a map, and a text, may be. */
void read_value_spec(struct check *check, const struct yaml_node *node, const char *const *words,
    struct value *into);
/* A text as it stands, nothing put in; NULL was told. The caller frees. */
char *read_plain_text(struct check *check, const struct yaml_node *node, const char *what);
/* NULL was told. */
struct regex *format_regex_new(struct check *check, const struct yaml_node *node);
void format_regex_free(struct regex *regex);

enum decoding read_decoding(struct check *check, const struct yaml_node *node);
void decode_text(enum decoding decoding, char *text); /* in place; NULL stays NULL */

void pointer_fini(struct pointer *pointer);
void conditions_fini(struct conditions *conditions);
void value_fini(struct value *value);

/* Takes COUNT off what may still be looked at; false when that was all: then nothing more is found. */
bool doc_spend(const struct doc *doc, size_t count);
/* The node that POINTER names first; NULL for none. Borrowed. */
const cJSON *pointer_find(const struct pointer *pointer, const struct doc *doc);
bool conditions_hold(const struct conditions *conditions, const struct scope *scope);
/*
 * The text that VALUE gives, or NULL. *ODD (may be NULL) gets, when there is none, what was there but could not be understood
 * (the caller frees both).
 */
char *value_text(const struct value *value, const struct scope *scope, char **odd);
/* Calls VISIT with each text that VALUE could give, in order, until it says true; true when one did. */
bool value_each(const struct value *value, const struct scope *scope,
    bool (*visit)(void *ctx, const char *text), void *ctx, char **odd);
/* The first object or list that VALUE's pointers name and that is not empty; NULL for none. Borrowed. */
const cJSON *value_node(const struct value *value, const struct scope *scope);
/* A scalar's text, or an object's or array's, members sorted: the same for the same content. NULL for null. The caller frees. */
char *canonical_text(const cJSON *node);
bool text_is_absent(const char *text, const struct absent *absent);
/* Takes what POINTER finds out of NODE, every member of a name that is there twice. */
bool pointer_remove(const struct pointer *pointer, cJSON *node);
/* Calls VISIT for the first step's name of each pointer in VALUE that begins at the document itself. */
void value_each_member(
    const struct value *value, void (*visit)(void *ctx, const char *name), void *ctx);

#endif
