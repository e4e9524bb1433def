/* format - a format's YAML, compiled once. */
#include "config/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/embedded.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/check.h"
#include "config/formats.h"

static const char *const severity_words[] = {"info", "low", "medium", "high", "critical", NULL};
static const char *const status_words[] = {"firing", "resolved", NULL};
/* What tools write where they know nothing. */
static const char *const absent_words[] = {"null", "-", "N/A", "<NA>", "none", "unknown", NULL};
static const char *const absent_prose_words[] = {"null", "-", "N/A", "<NA>", NULL};

#define NAMES_MAX 64 /* formats that are built in, and fields of an alert */

static void push(char ***list, size_t *count, char *text)
{
	*list = xreallocarray(*list, *count + 2, sizeof(char *));
	(*list)[(*count)++] = text;
	(*list)[*count] = NULL;
}

static void read_texts(struct check *check, const struct yaml_node *node, const char *what,
    char ***list, size_t *count)
{
	size_t n = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *one = node->kind == YAML_LIST ? node->items[i] : node;
		char *text =
		    one->kind == YAML_TEXT ? xstrdup(one->text) : read_plain_text(check, one, what);

		if (text != NULL)
			push(list, count, text);
	}
}

/* ---- unwrap, ignore, known ------------------------------------------------------------------------------ */

static void read_layer_at(struct check *check, const struct yaml_node *node, struct layer *layer)
{
	size_t n = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < n; i++) {
		layer->at = xreallocarray(layer->at, layer->count + 1, sizeof(*layer->at));
		memset(&layer->at[layer->count], 0, sizeof(*layer->at));
		read_pointer(check, node->kind == YAML_LIST ? node->items[i] : node,
		    &layer->at[layer->count++]);
	}
}

static void read_layer_into(struct check *check, const struct yaml_node *node, void *into)
{
	read_layer_at(check, node, into);
}

static void read_layer_each(struct check *check, const struct yaml_node *node, void *into)
{
	((struct layer *)into)->kind = LAYER_EACH;
	read_layer_at(check, node, into);
}

static void read_layer_json(struct check *check, const struct yaml_node *node, void *into)
{
	((struct layer *)into)->kind = LAYER_JSON;
	read_layer_at(check, node, into);
}

static void read_layer_as(struct check *check, const struct yaml_node *node, void *into)
{
	((struct layer *)into)->as = read_plain_text(check, node, "as");
}

static void read_layer_when(struct check *check, const struct yaml_node *node, void *into)
{
	read_conditions(check, node, &((struct layer *)into)->when);
}

static void read_layer(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"into", KEY_NODE, .read = read_layer_into},
	    {"each", KEY_NODE, .read = read_layer_each},
	    {"json", KEY_NODE, .read = read_layer_json},
	    {"as", KEY_NODE, .read = read_layer_as},
	    {"base64", KEY_FLAG, .offset = offsetof(struct layer, is_base64)},
	    {"when", KEY_NODE, .read = read_layer_when},
	    {0},
	};
	struct format *format = into;
	struct layer *layer;

	if (format->layer_count >= FORMAT_LAYERS_MAX) {
		yaml_mistake(
		    check->yaml, node, "at most %d layers are unwrapped", FORMAT_LAYERS_MAX);
		return;
	}
	format->layers =
	    xreallocarray(format->layers, format->layer_count + 1, sizeof(*format->layers));
	layer = &format->layers[format->layer_count++];
	*layer = (struct layer){0};
	if (!check_section(check, node, "a layer", keys, layer))
		return;
	if ((yaml_get(node, "into") != NULL) + (yaml_get(node, "each") != NULL) +
		(yaml_get(node, "json") != NULL) !=
	    1)
		yaml_mistake(check->yaml, node,
		    "a layer is {into: POINTER}, {each: POINTERS} or {json: POINTER}");
	else if ((layer->as != NULL || layer->is_base64) && layer->kind != LAYER_JSON)
		yaml_mistake(check->yaml, node, "as and base64 belong to {json: POINTER}");
}

static void read_unwrap(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "unwrap", read_layer, into);
}

static void read_alternative(
    struct check *check, const struct yaml_node *node, struct conditions **list, size_t *count)
{
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	memset(&(*list)[*count], 0, sizeof(**list));
	read_conditions(check, node, &(*list)[(*count)++]);
}

static void read_ignore_one(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;

	read_alternative(check, node, &format->ignore, &format->ignore_count);
}

static void read_ignore(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "ignore", read_ignore_one, into);
}

static void read_known_one(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;

	read_alternative(check, node, &format->known, &format->known_count);
}

static void read_known(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "known", read_known_one, into);
}

static size_t count_texts(char *const *list)
{
	size_t count = 0;

	while (list != NULL && list[count] != NULL)
		count++;
	return count;
}

static void read_absent(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;
	size_t count = count_texts(format->absent.words);
	size_t prose = count_texts(format->absent_prose.words);

	read_texts(check, node, "absent", &format->absent.words, &count);
	read_texts(check, node, "absent", &format->absent_prose.words, &prose);
}

static void read_absent_like(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;

	format->absent_like = format_regex_new(check, node);
	format->absent.like = format->absent_prose.like = format->absent_like;
}

/* ---- wrap, secrets, read_as ----------------------------------------------------------------------------- */

static void read_wrap_as(struct check *check, const struct yaml_node *node, void *into)
{
	((struct wrap *)into)->as = read_plain_text(check, node, "as");
}

static void read_wrap_headers(struct check *check, const struct yaml_node *node, void *into)
{
	((struct wrap *)into)->headers = read_plain_text(check, node, "headers");
}

static void read_wrap_when(struct check *check, const struct yaml_node *node, void *into)
{
	read_conditions(check, node, &((struct wrap *)into)->when);
}

static void read_wrap(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"as", KEY_NODE, .read = read_wrap_as, .is_required = true},
	    {"headers", KEY_NODE, .read = read_wrap_headers},
	    {"when", KEY_NODE, .read = read_wrap_when, .is_required = true},
	    {0},
	};

	check_section(check, node, "wrap", keys, &((struct format *)into)->wrap);
}

static void read_secret(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;
	struct pointer *secret;

	format->secrets =
	    xreallocarray(format->secrets, format->secret_count + 1, sizeof(*format->secrets));
	secret = &format->secrets[format->secret_count++];
	*secret = (struct pointer){0};
	read_pointer(check, node, secret);
	/* Nor does it become a label of the rest. */
	if (secret->count == 1 && secret->steps[0].kind == STEP_NAME)
		push(&format->used, &format->used_count, xstrdup(secret->steps[0].name));
}

static void read_secrets(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "secrets", read_secret, into);
}

static struct format *format_open_builtin(
    const char *name, unsigned depth, bool *is_there, struct error *err);

struct opening {
	struct other *other;
	unsigned depth;
};

static void read_other_format(struct check *check, const struct yaml_node *node, void *into)
{
	struct opening *opening = into;
	char *name = read_plain_text(check, node, "format");
	bool is_there = false;

	if (name == NULL)
		return;
	if (opening->depth >= FORMAT_OTHERS_DEPTH_MAX)
		yaml_mistake(check->yaml, node, "formats read for one another at most %d deep",
		    FORMAT_OTHERS_DEPTH_MAX);
	else
		opening->other->format =
		    format_open_builtin(name, opening->depth + 1, &is_there, NULL);
	if (opening->depth < FORMAT_OTHERS_DEPTH_MAX && opening->other->format == NULL)
		yaml_mistake(check->yaml, node,
		    is_there ? "the format %.64s has mistakes" : "no format %.64s is built in",
		    name);
	free(name);
}

static void read_other_into(struct check *check, const struct yaml_node *node, void *into)
{
	struct opening *opening = into;

	opening->other->has_into = true;
	read_pointer(check, node, &opening->other->into);
}

static void read_other_when(struct check *check, const struct yaml_node *node, void *into)
{
	read_conditions(check, node, &((struct opening *)into)->other->when);
}

static void read_other(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"format", KEY_NODE, .read = read_other_format, .is_required = true},
	    {"into", KEY_NODE, .read = read_other_into},
	    {"when", KEY_NODE, .read = read_other_when, .is_required = true},
	    {0},
	};
	struct format *format = into;
	struct opening opening = {.depth = format->depth};

	format->others =
	    xreallocarray(format->others, format->other_count + 1, sizeof(*format->others));
	opening.other = &format->others[format->other_count++];
	*opening.other = (struct other){0};
	check_section(check, node, "another format", keys, &opening);
}

static void read_others(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "read_as", read_other, into);
}

/* ---- labels --------------------------------------------------------------------------------------------- */

static void read_label_name(struct check *check, const struct yaml_node *node, void *into)
{
	((struct label_rule *)into)->name = read_plain_text(check, node, "name");
}

static void read_label_value(struct check *check, const struct yaml_node *node, void *into)
{
	struct label_rule *rule = into;

	/* In {pairs: …} it names a member, in {name: …} it is a value. */
	if (rule->kind == LABEL_PAIRS)
		rule->value_member = read_plain_text(check, node, "value");
	else
		read_value_spec(check, node, NULL, &rule->value);
}

static void read_label_members(struct check *check, const struct yaml_node *node, void *into)
{
	struct label_rule *rule = into;

	rule->kind = LABEL_MEMBERS;
	read_pointer(check, node, &rule->at);
}

static void read_label_pairs(struct check *check, const struct yaml_node *node, void *into)
{
	read_pointer(check, node, &((struct label_rule *)into)->at);
}

static void read_label_key(struct check *check, const struct yaml_node *node, void *into)
{
	((struct label_rule *)into)->key_member = read_plain_text(check, node, "key");
}

static void read_label_prefix(struct check *check, const struct yaml_node *node, void *into)
{
	((struct label_rule *)into)->prefix = read_plain_text(check, node, "prefix");
}

static void read_label_decode(struct check *check, const struct yaml_node *node, void *into)
{
	((struct label_rule *)into)->decoding = read_decoding(check, node);
}

static void read_label_rest(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"true", NULL};

	((struct label_rule *)into)->kind = LABEL_REST;
	check_word(check, node, "rest", words);
}

static void read_label_except(struct check *check, const struct yaml_node *node, void *into)
{
	struct label_rule *rule = into;

	read_texts(check, node, "except", &rule->except, &rule->except_count);
}

static void read_label(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"name", KEY_NODE, .read = read_label_name},
	    {"value", KEY_NODE, .read = read_label_value},
	    {"members", KEY_NODE, .read = read_label_members},
	    {"pairs", KEY_NODE, .read = read_label_pairs},
	    {"key", KEY_NODE, .read = read_label_key},
	    {"rest", KEY_NODE, .read = read_label_rest},
	    {"prefix", KEY_NODE, .read = read_label_prefix},
	    {"nested", KEY_FLAG, .offset = offsetof(struct label_rule, is_nested)},
	    {"except", KEY_NODE, .read = read_label_except},
	    {"decode", KEY_NODE, .read = read_label_decode},
	    {0},
	};
	static const char *const kinds[] = {"name", "members", "pairs", "rest"};
	struct format *format = into;
	struct label_rule *rule;
	int said = 0;

	format->labels =
	    xreallocarray(format->labels, format->label_count + 1, sizeof(*format->labels));
	rule = &format->labels[format->label_count++];
	*rule = (struct label_rule){.kind = yaml_get(node, "pairs") ? LABEL_PAIRS : LABEL_ONE};
	if (!check_section(check, node, "a label", keys, rule))
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		said += yaml_get(node, kinds[i]) != NULL;
	if (said != 1)
		yaml_mistake(check->yaml, node,
		    "labels are {name:, value:}, {members: POINTER}, {pairs: POINTER} or {rest: "
		    "true}");
	else if (rule->kind == LABEL_ONE && yaml_get(node, "value") == NULL)
		yaml_mistake(check->yaml, node, "a label with a name lacks its value");
}

static void read_labels(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "labels", read_label, into);
}

/* ---- fields, dedup -------------------------------------------------------------------------------------- */

static void tell_unknown_field(struct check *check, const struct yaml_node *key)
{
	const char *names[NAMES_MAX], *nearest;
	size_t count = 0;

	for (size_t i = 0; i < alert_field_count && count < NAMES_MAX; i++)
		if (alert_fields[i].is_settable)
			names[count++] = alert_fields[i].name;
	nearest = nearest_name(key->text, names, count);
	yaml_mistake(check->yaml, key, "an alert has no field \"%.64s\" that a format sets%s%s%s",
	    key->text, nearest ? "; did you mean " : "", nearest ? nearest : "",
	    nearest ? "?" : "");
}

static void note_used(void *ctx, const char *name)
{
	struct format *format = ctx;

	push(&format->used, &format->used_count, xstrdup(name));
}

static int field_order(const void *a, const void *b)
{
	const struct field_rule *x = a, *y = b;
	bool x_title = strcmp(x->field->name, "title") == 0,
	     y_title = strcmp(y->field->name, "title") == 0;

	/* Templates name other fields: the title, which most often does, comes last. */
	if (x_title != y_title)
		return x_title ? 1 : -1;
	return (x->field > y->field) - (x->field < y->field);
}

static void read_fields(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;

	if (node->kind != YAML_MAP) {
		yaml_mistake(check->yaml, node,
		    "fields is a map: a field of an alert, and where it is found");
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		const struct field *field = field_find(node->keys[i]->text);
		const char *const *words = NULL;
		struct field_rule *rule;

		if (field == NULL || !(field->is_settable || field->kind == FIELD_STATUS)) {
			tell_unknown_field(check, node->keys[i]);
			continue;
		}
		if (field->kind == FIELD_SEVERITY || field->kind == FIELD_STATUS)
			words = field->kind == FIELD_SEVERITY ? severity_words : status_words;
		format->fields =
		    xreallocarray(format->fields, format->field_count + 1, sizeof(*format->fields));
		rule = &format->fields[format->field_count++];
		*rule = (struct field_rule){.field = field};
		read_value_spec(check, node->items[i], words, &rule->value);
		value_each_member(&rule->value, note_used, format);
	}
	if (format->field_count > 0)
		qsort(format->fields, format->field_count, sizeof(*format->fields), field_order);
}

static void read_part(struct check *check, const struct yaml_node *node, void *into)
{
	struct format *format = into;

	format->dedup =
	    xreallocarray(format->dedup, format->dedup_count + 1, sizeof(*format->dedup));
	format->dedup[format->dedup_count] = (struct value){0};
	read_value_spec(check, node, NULL, &format->dedup[format->dedup_count++]);
}

static void read_dedup(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "dedup", read_part, into);
}

static void read_about(struct check *check, const struct yaml_node *node, void *into)
{
	(void)into;
	free(read_plain_text(check, node, "about"));
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static const struct key format_keys[] = {
    {"about", KEY_NODE, .read = read_about},
    {"lines", KEY_FLAG, .offset = offsetof(struct format, is_lines)},
    {"form", KEY_FLAG, .offset = offsetof(struct format, is_form)},
    {"wrap", KEY_NODE, .read = read_wrap},
    {"strict", KEY_FLAG, .offset = offsetof(struct format, is_strict)},
    {"unwrap", KEY_NODE, .read = read_unwrap},
    {"ignore", KEY_NODE, .read = read_ignore},
    {"read_as", KEY_NODE, .read = read_others},
    {"known", KEY_NODE, .read = read_known},
    {"absent", KEY_NODE, .read = read_absent},
    {"absent_matches", KEY_NODE, .read = read_absent_like},
    {"secrets", KEY_NODE, .read = read_secrets},
    {"labels", KEY_NODE, .read = read_labels},
    {"fields", KEY_NODE, .read = read_fields, .is_required = true},
    {"dedup", KEY_NODE, .read = read_dedup},
    {0},
};

static struct format *format_compile(const char *name, const char *path, const char *text,
    size_t len, unsigned depth, struct error *err)
{
	struct format *format = xcalloc(1, sizeof(*format));
	struct check check = {.yaml = yaml_parse(path, text, len), .directory = ""};
	const struct yaml_node *strict = yaml_get(yaml_root(check.yaml), "strict");
	size_t mistakes, count = 0, prose = 0;

	format->name = xstrdup(name);
	format->depth = depth;
	if (strict == NULL || strict->kind != YAML_TEXT || strcmp(strict->text, "true") != 0) {
		for (size_t i = 0; absent_words[i] != NULL; i++)
			push(&format->absent.words, &count, xstrdup(absent_words[i]));
		for (size_t i = 0; absent_prose_words[i] != NULL; i++)
			push(&format->absent_prose.words, &prose, xstrdup(absent_prose_words[i]));
	}
	if (yaml_root(check.yaml) != NULL)
		check_section(&check, yaml_root(check.yaml), "a format", format_keys, format);
	yaml_report(check.yaml, stderr);
	mistakes = yaml_mistakes(check.yaml);
	yaml_free(check.yaml);
	if (mistakes == 0)
		return format;
	format_free(format);
	error_set(err, ERROR_USAGE, "the format %s has %zu %s", path, mistakes,
	    mistakes == 1 ? "mistake" : "mistakes");
	return NULL;
}

static struct format *format_open_file(const char *name, const char *directory, struct error *err)
{
	char *path = path_under(directory, name), *base;
	const char *slash = strrchr(name, '/');
	struct format *format = NULL;
	size_t len;
	char *text = read_file(path, FORMAT_FILE_MAX, &len, err);

	if (text != NULL) {
		base = xstrdup(slash ? slash + 1 : name);
		if (strlen(base) > 5 && strcmp(base + strlen(base) - 5, ".yaml") == 0)
			base[strlen(base) - 5] = '\0';
		format = format_compile(base, path, text, len, 0, err);
		free(base);
	}
	free(text);
	free(path);
	return format;
}

static bool names_a_file(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') != NULL || (len > 5 && strcmp(name + len - 5, ".yaml") == 0);
}

static struct format *format_open_builtin(
    const char *name, unsigned depth, bool *is_there, struct error *err)
{
	for (const struct embedded *e = embedded_formats; e->name != NULL; e++) {
		*is_there = strcmp(e->name, name) == 0;
		if (*is_there)
			return format_compile(name, name, e->text, strlen(e->text), depth, err);
	}
	return NULL;
}

struct format *format_open(const char *name, const char *directory, struct error *err)
{
	size_t count = count_texts((char *const *)format_names());
	const char *nearest;
	struct format *format;
	bool is_there = false;

	if (names_a_file(name))
		return format_open_file(name, directory, err);
	format = format_open_builtin(name, 0, &is_there, err);
	if (is_there)
		return format;
	nearest = nearest_name(name, format_names(), count < NAMES_MAX ? count : NAMES_MAX);
	if (nearest != NULL)
		error_set(err, ERROR_NOT_FOUND,
		    "there is no format \"%.64s\"; did you mean %s? One of your own is a path: "
		    "./NAME.yaml",
		    name, nearest);
	else
		error_set(err, ERROR_NOT_FOUND,
		    "there is no format \"%.64s\"; one of your own is a path: ./NAME.yaml", name);
	return NULL;
}

const char *const *format_names(void)
{
	static const char *names[NAMES_MAX + 1];
	size_t count = 0;

	for (const struct embedded *e = embedded_formats; e->name != NULL && count < NAMES_MAX; e++)
		names[count++] = e->name;
	names[count] = NULL;
	return names;
}

const char *format_name(const struct format *format)
{
	return format->name;
}

static void texts_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static void label_fini(struct label_rule *rule)
{
	free(rule->name);
	value_fini(&rule->value);
	pointer_fini(&rule->at);
	free(rule->prefix);
	free(rule->key_member);
	free(rule->value_member);
	texts_free(rule->except);
}

void format_free(struct format *format)
{
	if (format == NULL)
		return;
	free(format->name);
	for (size_t i = 0; i < format->layer_count; i++) {
		for (size_t k = 0; k < format->layers[i].count; k++)
			pointer_fini(&format->layers[i].at[k]);
		free(format->layers[i].at);
		free(format->layers[i].as);
		conditions_fini(&format->layers[i].when);
	}
	free(format->layers);
	for (size_t i = 0; i < format->ignore_count; i++)
		conditions_fini(&format->ignore[i]);
	free(format->ignore);
	for (size_t i = 0; i < format->known_count; i++)
		conditions_fini(&format->known[i]);
	free(format->known);
	texts_free(format->absent.words);
	texts_free(format->absent_prose.words);
	format_regex_free(format->absent_like);
	free(format->wrap.as);
	free(format->wrap.headers);
	conditions_fini(&format->wrap.when);
	for (size_t i = 0; i < format->other_count; i++) {
		format_free(format->others[i].format);
		pointer_fini(&format->others[i].into);
		conditions_fini(&format->others[i].when);
	}
	free(format->others);
	for (size_t i = 0; i < format->secret_count; i++)
		pointer_fini(&format->secrets[i]);
	free(format->secrets);
	for (size_t i = 0; i < format->label_count; i++)
		label_fini(&format->labels[i]);
	free(format->labels);
	for (size_t i = 0; i < format->field_count; i++)
		value_fini(&format->fields[i].value);
	free(format->fields);
	for (size_t i = 0; i < format->dedup_count; i++)
		value_fini(&format->dedup[i]);
	free(format->dedup);
	texts_free(format->used);
	free(format);
}
