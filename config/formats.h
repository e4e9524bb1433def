/* formats - what format.c compiles and format_read.c reads by; nobody else includes it. */
#ifndef CONFIG_FORMATS_H
#define CONFIG_FORMATS_H

#include "config/format.h"
#include "config/value.h"

#define FORMAT_FILE_MAX (256 << 10) /* bytes of a format's YAML */
#define FORMAT_LAYERS_MAX 16
#define FORMAT_OTHERS_DEPTH_MAX 3 /* formats that read for one another */
/*
 * Members and elements that are looked at while layers are taken off, and again for all alerts of a body together; and for each of them
 * besides. What people send needs a tenth.
 */
#define FORMAT_WORK_MAX 4000000
#define FORMAT_WORK_EACH 12000
#define FORMAT_WORK_LABEL 100 /* a member that becomes a label costs as much as so many that are only looked at */

/*
 * One layer of wrapping: where the document (or the list of them) is. Without that, the document stays as it is.
 */
enum layer_kind {
	LAYER_INTO, /* the first object or list that is there */
	LAYER_EACH, /* all of them */
	LAYER_JSON, /* the first text that holds JSON */
};
struct layer {
	enum layer_kind kind;
	struct pointer *at;
	size_t count;
	char *as;       /* LAYER_JSON: it stays where it is, and what it holds is a member of this name; NULL: it is the document */
	bool is_base64; /* LAYER_JSON */
	struct conditions when;
};
/* The body is not the alert but a member of it; the rest is in the headers. */
struct wrap {
	char *as;      /* NULL: never */
	char *headers; /* headers that begin so are members as well; NULL: none */
	struct conditions when;
};
/* A document that another format reads. */
struct other {
	struct format *format;
	struct pointer into;
	bool has_into;
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
	enum decoding decoding;          /* of each value */
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
	bool is_form;   /* a=1&b=2 is understood as well: an object of texts */
	bool is_strict; /* a normalised alert: only strings are text, a title must be there */
	struct wrap wrap;
	struct layer *layers;
	size_t layer_count;
	struct conditions *ignore; /* any of them: no alert */
	size_t ignore_count;
	struct conditions *known; /* any of them must hold; none: all is known */
	size_t known_count;
	struct absent absent;       /* "no value" for who, where and what */
	struct absent absent_prose; /* the same for titles, descriptions, severities and labels */
	struct regex *absent_like;  /* of both */
	struct other *others;
	size_t other_count;
	struct pointer *secrets; /* not kept */
	size_t secret_count;
	unsigned depth; /* of formats that read for one another */
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
