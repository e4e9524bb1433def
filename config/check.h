/*
 * check - one section of the configuration, read by a table of its keys.
 *
 * Each reader takes a node, says what is wrong with it where it stands, and goes on: all mistakes come in one run. ${NAME} in a
 * value is the environment's; what came from there is never repeated in a mistake.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/yaml.h"

#define SECRET_MAX 4096 /* bytes of one secret */
#define SECRET_WEAK_BELOW \
	16              /* characters; shorter ones are warned of where we choose them ourselves */
#define SECRETS_MAX 32  /* of one list: each is tried on everything that is to be proven by one of them */
#define LIST_MAX 10000  /* entries of one list */
#define VALUE_MAX 65536 /* bytes of one value, after ${NAME} */

struct check {
	struct yaml *yaml;
	const char *directory;   /* of the file: relative paths begin there */
	bool has_literal_secret; /* the file itself is a secret */
};

enum key_kind {
	KEY_TEXT,       /* char * */
	KEY_SECRET,     /* char *; NAME_file is a key too */
	KEY_OWN_SECRET, /* the same, chosen by the installation: a weak one is a warning */
	KEY_SIGNING_SECRET, /* the same, never sent itself: it may hold blanks */
	KEY_SECRETS,    /* char **, NULL-terminated: one secret or a list, made by somebody else; a weak one is a warning */
	KEY_URL,        /* char *; http:// only on loopback */
	KEY_FILE,       /* char *; a path that can be read, relative to the file's folder */
	KEY_DURATION,   /* int64_t seconds, above 0 */
	KEY_COUNT,      /* int64_t from MIN to MAX */
	KEY_RATE,       /* double above 0 */
	KEY_FLAG,       /* bool */
	KEY_NODE,       /* read by READ */
};
struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
	int64_t min, max; /* KEY_COUNT */
	void (*read)(struct check *check, const struct yaml_node *node, void *into);
	bool is_required;
};

/*
 * Reads MAP into the struct INTO by KEYS, which end in a NULL name. WHAT names the section in mistakes ("a source"). Unknown and missing keys are
 * told; a field whose value is wrong keeps what it had. False when MAP is no map.
 */
bool check_section(struct check *check, const struct yaml_node *map, const char *what,
    const struct key *keys, void *into);
/* Calls EACH for the entries of a list; null is an empty list, anything else a mistake. */
void check_list(struct check *check, const struct yaml_node *node, const char *what,
    void (*each)(struct check *check, const struct yaml_node *node, void *into), void *into);

/* The text of NODE, ${NAME} put in; NULL when that is wrong, which was told. The caller frees. */
char *check_text(struct check *check, const struct yaml_node *node, const char *what);
/* One of NAMES (NULL ends them): its index; -1 when it was told. */
int check_word(
    struct check *check, const struct yaml_node *node, const char *what, const char *const *names);
/* An address with one of the SCHEMES ("https http"); false says why in WHY (may be NULL). http and ws only on loopback. */
bool url_is_taken(const char *url, const char *schemes, char *why, size_t size);
/* 127.0.0.0/8, ::1 (in brackets or not), localhost. */
bool host_is_loopback(const char *host);

#endif
