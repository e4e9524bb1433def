/* formats - what format.c compiles and format_read.c reads by; nobody else includes it. */
#ifndef CONFIG_FORMATS_H
#define CONFIG_FORMATS_H

#include "config/format.h"
#include "config/value.h"

#define FORMAT_FILE_MAX (256 << 10) /* bytes of a format's YAML */
#define FORMAT_LAYERS_MAX 16

/* One layer of wrapping: where the document (or the list of them) is. Without that, the document stays as it is. */
struct layer {
	struct pointer *at; /* the first that is there */
	size_t count;
	bool is_json; /* there is a text that holds JSON */
	struct conditions when;
};
enum label_kind { LABEL_ONE, LABEL_MEMBERS, LABEL_PAIRS, LABEL_REST };
struct label_rule {
	enum label_kind kind;
	char *name;         /* LABEL_ONE */
	struct value value; /* LABEL_ONE */
	struct pointer at;  /* LABEL_MEMBERS: an object; LABEL_PAIRS: a list or text of key:value */
	char *prefix;       /* before each name */
	char *key_member, *value_member; /* LABEL_PAIRS of objects */
	bool is_nested;                  /* objects and lists too, as JSON */
	char **except;                   /* names that become no label */
	size_t except_count;
};
struct field_rule {
	const struct field *field;
	struct value value;
};
struct format {
	char *name;
	bool is_lines;  /* one JSON document a line is understood as well */
	bool is_strict; /* a normalised alert: only strings are text, a title must be there */
	struct layer *layers;
	size_t layer_count;
	struct conditions *ignore; /* any of them: no alert */
	size_t ignore_count;
	struct conditions *known; /* any of them must hold; none: all is known */
	size_t known_count;
	char **absent;       /* NULL-terminated: mean "no value" for who, where and what */
	char **absent_prose; /* the same for titles, descriptions, severities and labels */
	struct label_rule *labels;
	size_t label_count;
	struct field_rule *fields; /* in the order of alert_fields, the title last */
	size_t field_count;
	struct value *dedup;
	size_t dedup_count;
	char **used; /* names of members that fields read: not among the rest */
	size_t used_count;
};

#endif
