#define PCRE2_CODE_UNIT_WIDTH 8
#include "config/value.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/decode.h"
#include "config/match.h"

#define CANONICAL_DEPTH_MAX (JSON_DEPTH_MAX + 1)

struct regex {
	pcre2_code *code;
	pcre2_match_data *data; /* one thread reads formats: kept with the code */
};
struct pair {
	char *from, *to;
};
struct threshold {
	double at;
	char *to;
};
/* A piece of a template: text as it stands, or a place whose value goes there. */
struct piece {
	char *literal;
	struct pointer at;
	char *name;     /* an alert's field or label, when not a pointer */
	char *fallback; /* NULL: without the value there is no text at all */
};
struct take {
	struct pointer *at;
	size_t at_count;
	char *label;
	struct piece *pieces;
	size_t piece_count;
	struct conditions when;
	struct regex match, *strips;
	size_t strip_count;
	struct pair *map;
	size_t map_count;
	char *otherwise; /* the map's "*" */
	struct threshold *steps;
	size_t step_count;
	bool is_at_most;
	char *join;
	enum decoding decoding;
	bool is_number;           /* steps were asked for */
	bool is_name;             /* of the member that is found */
	const char *const *words; /* while it is compiled */
};
struct condition {
	struct pointer at;
	bool has_at;
	char **is, **is_not;
	size_t is_count, is_not_count;
	struct regex matches;
	char **from; /* a layer found the document there */
	size_t from_count;
	double above, below; /* NAN: not asked */
	int there;           /* -1: not asked */
	bool past;
	struct conditions *any; /* each a list; one must hold */
	size_t any_count;
	int depth;
};

/* ---- compiling ------------------------------------------------------------------------------------------ */

char *read_plain_text(struct check *check, const struct yaml_node *node, const char *what)
{
	if (node->kind == YAML_TEXT && !(node->is_plain && node->text[0] == '\0'))
		return xstrdup(node->text);
	yaml_mistake(check->yaml, node, "%s is one text", what);
	return NULL;
}

static void push_text(char ***list, size_t *count, char *text)
{
	*list = xreallocarray(*list, *count + 1, sizeof(char *));
	(*list)[(*count)++] = text;
}

/* "a|b" into its parts. */
static void split_values(const char *text, char ***list, size_t *count)
{
	for (;;) {
		size_t len = strcspn(text, "|");

		push_text(list, count, xstrndup(text, len));
		if (text[len] == '\0')
			return;
		text += len + 1;
	}
}

/* TEXT[0..LEN) with ~1 and ~0 undone (RFC 6901). */
static char *unescape(const char *text, size_t len)
{
	char *out = xcalloc(len + 1, 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '~' && i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1'))
			*to++ = text[++i] == '1' ? '/' : '~';
		else
			*to++ = text[i];
	}
	return out;
}

static void make_step(struct step *step, const char *token, size_t len)
{
	char *end;

	step->index = LONG_MIN;
	if (len == 1 && token[0] == '*') {
		step->kind = STEP_ANY;
	} else if (len > 1 && token[len - 1] == '*') {
		step->kind = STEP_PREFIX;
		step->name = unescape(token, len - 1);
	} else if (len > 2 && token[0] == '[' && token[len - 1] == ']') {
		char *inside = unescape(token + 1, len - 2), *equals = strchr(inside, '=');

		step->kind = STEP_WHERE;
		step->name = xstrndup(inside, equals ? (size_t)(equals - inside) : strlen(inside));
		if (equals != NULL)
			split_values(equals + 1, &step->values, &step->value_count);
		free(inside);
	} else {
		step->kind = STEP_NAME;
		step->name = unescape(token, len);
		errno = 0;
		step->index = strtol(step->name, &end, 10);
		if (step->name[0] == '\0' || *end != '\0' || errno != 0 ||
		    strspn(step->name, "-0123456789") != strlen(step->name))
			step->index = LONG_MIN;
	}
}

/* False when TEXT is no pointer. */
static bool pointer_parse(const char *text, struct pointer *into)
{
	*into = (struct pointer){.is_header = *text == '@'};
	text += into->is_header;
	while (*text == '^' && !into->is_header && into->up < POINTER_UP_MAX) {
		into->up++;
		text++;
	}
	while (*text == '/') {
		size_t len = strcspn(text + 1, "/");

		if (into->count >= POINTER_STEPS_MAX)
			break;
		into->steps = xreallocarray(into->steps, into->count + 1, sizeof(*into->steps));
		memset(&into->steps[into->count], 0, sizeof(*into->steps));
		make_step(&into->steps[into->count++], text + 1, len);
		text += 1 + len;
	}
	for (size_t i = 0; into->is_header && i < into->count; i++) {
		char *lower = text_lower(into->steps[i].name);

		free(into->steps[i].name);
		into->steps[i].name = lower;
	}
	if (*text == '\0')
		return true;
	pointer_fini(into);
	return false;
}

void read_pointer(struct check *check, const struct yaml_node *node, struct pointer *into)
{
	if (node->kind != YAML_TEXT || (node->is_plain && node->text[0] == '\0') ||
	    !pointer_parse(node->text, into))
		yaml_mistake(check->yaml, node,
		    "this is a JSON Pointer, like /alert/severity; ^/account begins one document "
		    "further out, @/x-github-event is a header");
}

static void read_regex(struct check *check, const struct yaml_node *node, struct regex *into)
{
	char *text = read_plain_text(check, node, "a regular expression"), why[128];
	int code;
	PCRE2_SIZE at;

	if (text == NULL)
		return;
	into->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	free(text);
	if (into->code == NULL) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		yaml_mistake(check->yaml, node, "no regular expression: %s (at character %zu)", why,
		    (size_t)at + 1);
		return;
	}
	pcre2_jit_compile(into->code, PCRE2_JIT_COMPLETE); /* where it cannot, it is interpreted */
	into->data = pcre2_match_data_create_from_pattern(into->code, NULL);
}

struct regex *format_regex_new(struct check *check, const struct yaml_node *node)
{
	struct regex *regex = xcalloc(1, sizeof(*regex));

	read_regex(check, node, regex);
	if (regex->code != NULL)
		return regex;
	free(regex);
	return NULL;
}

static bool read_double(struct check *check, const struct yaml_node *node, double *into)
{
	char *end;

	if (node->kind == YAML_TEXT && node->text[0] != '\0') {
		errno = 0;
		*into = strtod(node->text, &end);
		if (*end == '\0' && errno == 0 && isfinite(*into))
			return true;
	}
	yaml_mistake(check->yaml, node, "this is a number");
	*into = NAN;
	return false;
}

static bool word_is_known(const char *const *words, const char *word)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* A text that must be one of WORDS (NULL: any); NULL was told. */
static char *read_outcome(
    struct check *check, const struct yaml_node *node, const char *const *words)
{
	char *text = read_plain_text(check, node, "what a value becomes");
	struct buf list;

	if (text == NULL || words == NULL || word_is_known(words, text))
		return text;
	buf_init(&list, 512);
	for (size_t i = 0; words[i] != NULL; i++)
		buf_printf(&list, " %s", words[i]);
	yaml_mistake(check->yaml, node, "\"%.64s\" is none of%s", text, buf_text(&list));
	buf_fini(&list);
	free(text);
	return NULL;
}

/* -- conditions -- */

static void read_words(
    struct check *check, const struct yaml_node *node, char ***list, size_t *count)
{
	size_t n = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < n; i++) {
		char *text = read_plain_text(
		    check, node->kind == YAML_LIST ? node->items[i] : node, "a value");

		if (text != NULL)
			push_text(list, count, text);
	}
}

static void read_condition_at(struct check *check, const struct yaml_node *node, void *into)
{
	struct condition *condition = into;

	condition->has_at = true;
	read_pointer(check, node, &condition->at);
}

static void read_condition_is(struct check *check, const struct yaml_node *node, void *into)
{
	struct condition *condition = into;

	read_words(check, node, &condition->is, &condition->is_count);
}

static void read_condition_is_not(struct check *check, const struct yaml_node *node, void *into)
{
	struct condition *condition = into;

	read_words(check, node, &condition->is_not, &condition->is_not_count);
}

static void read_condition_matches(struct check *check, const struct yaml_node *node, void *into)
{
	read_regex(check, node, &((struct condition *)into)->matches);
}

static void read_condition_above(struct check *check, const struct yaml_node *node, void *into)
{
	read_double(check, node, &((struct condition *)into)->above);
}

static void read_condition_below(struct check *check, const struct yaml_node *node, void *into)
{
	read_double(check, node, &((struct condition *)into)->below);
}

static void read_condition_from(struct check *check, const struct yaml_node *node, void *into)
{
	struct condition *condition = into;

	read_words(check, node, &condition->from, &condition->from_count);
}

static void read_condition_there(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"false", "true", NULL};

	((struct condition *)into)->there = check_word(check, node, "there", words);
}

static void read_conditions_at(
    struct check *check, const struct yaml_node *node, struct conditions *into, int depth);

static void read_condition_any(struct check *check, const struct yaml_node *node, void *into)
{
	struct condition *condition = into;

	if (node->kind != YAML_LIST || condition->depth >= CONDITION_DEPTH_MAX) {
		yaml_mistake(check->yaml, node, "any is a list of conditions, at most %d deep",
		    CONDITION_DEPTH_MAX);
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		condition->any = xreallocarray(
		    condition->any, condition->any_count + 1, sizeof(*condition->any));
		memset(&condition->any[condition->any_count], 0, sizeof(*condition->any));
		read_conditions_at(check, node->items[i], &condition->any[condition->any_count++],
		    condition->depth + 1);
	}
}

static void read_condition(
    struct check *check, const struct yaml_node *node, struct conditions *into, int depth)
{
	static const struct key keys[] = {
	    {"at", KEY_NODE, .read = read_condition_at},
	    {"is", KEY_NODE, .read = read_condition_is},
	    {"is_not", KEY_NODE, .read = read_condition_is_not},
	    {"matches", KEY_NODE, .read = read_condition_matches},
	    {"above", KEY_NODE, .read = read_condition_above},
	    {"below", KEY_NODE, .read = read_condition_below},
	    {"there", KEY_NODE, .read = read_condition_there},
	    {"past", KEY_FLAG, .offset = offsetof(struct condition, past)},
	    {"from", KEY_NODE, .read = read_condition_from},
	    {"any", KEY_NODE, .read = read_condition_any},
	    {0},
	};
	struct condition *condition;

	into->list = xreallocarray(into->list, into->count + 1, sizeof(*into->list));
	condition = &into->list[into->count++];
	*condition = (struct condition){.above = NAN, .below = NAN, .there = -1, .depth = depth};
	if (node->kind == YAML_TEXT) { /* a pointer alone: it is there */
		condition->has_at = true;
		condition->there = 1;
		read_pointer(check, node, &condition->at);
		return;
	}
	if (!check_section(check, node, "a condition", keys, condition))
		return;
	if (!condition->has_at && condition->any_count == 0 && condition->from_count == 0)
		yaml_mistake(
		    check->yaml, node, "a condition lacks at: the pointer to what it looks at");
	else if (condition->has_at && node->count == 1)
		condition->there = 1;
}

static void read_conditions_at(
    struct check *check, const struct yaml_node *node, struct conditions *into, int depth)
{
	if (node->kind != YAML_LIST) {
		read_condition(check, node, into, depth);
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		read_condition(check, node->items[i], into, depth);
}

void read_conditions(struct check *check, const struct yaml_node *node, struct conditions *into)
{
	read_conditions_at(check, node, into, 0);
}

/* -- templates -- */

static struct piece *new_piece(struct take *take)
{
	take->pieces = xreallocarray(take->pieces, take->piece_count + 1, sizeof(*take->pieces));
	memset(&take->pieces[take->piece_count], 0, sizeof(*take->pieces));
	return &take->pieces[take->piece_count++];
}

static bool make_place(struct take *take, const char *text, size_t len)
{
	struct piece *piece = new_piece(take);
	char *inside = xstrndup(text, len), *bar = strchr(inside, '|');
	bool ok = true;

	if (bar != NULL) {
		piece->fallback = xstrdup(bar + 1);
		*bar = '\0';
	}
	if (strchr("/^@", inside[0]) != NULL)
		ok = pointer_parse(inside, &piece->at);
	else
		piece->name = xstrdup(inside);
	ok = ok && inside[0] != '\0';
	free(inside);
	return ok;
}

/* "{/a} on {host|somewhere}"; {{ is a brace. */
static bool template_parse(struct take *take, const char *text)
{
	struct buf literal;

	buf_init(&literal, VALUE_TEXT_MAX);
	for (const char *at = text;; at++) {
		size_t len = at[0] == '{' && at[1] != '{' ? strcspn(at + 1, "}") : 0;

		if ((at[0] == '\0' || (at[0] == '{' && at[1] != '{')) && literal.len > 0) {
			new_piece(take)->literal = xstrdup(buf_text(&literal));
			buf_reset(&literal);
		}
		if (at[0] == '\0')
			break;
		if (at[0] == '{' && at[1] != '{') {
			if (at[1 + len] != '}' || !make_place(take, at + 1, len)) {
				buf_fini(&literal);
				return false;
			}
			at += 1 + len;
		} else {
			at += at[0] == '{';
			buf_putc(&literal, at[0]);
		}
	}
	buf_fini(&literal);
	return true;
}

/* -- takes -- */

static void read_take_at(struct check *check, const struct yaml_node *node, void *into)
{
	struct take *take = into;
	size_t n = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < n; i++) {
		take->at = xreallocarray(take->at, take->at_count + 1, sizeof(*take->at));
		memset(&take->at[take->at_count], 0, sizeof(*take->at));
		read_pointer(check, node->kind == YAML_LIST ? node->items[i] : node,
		    &take->at[take->at_count++]);
	}
}

static void read_take_label(struct check *check, const struct yaml_node *node, void *into)
{
	free(((struct take *)into)->label);
	((struct take *)into)->label = read_plain_text(check, node, "label");
}

static void read_take_text(struct check *check, const struct yaml_node *node, void *into)
{
	struct take *take = into;
	char *text = read_outcome(check, node, take->words);

	if (text != NULL && !template_parse(take, text))
		yaml_mistake(check->yaml, node,
		    "a text is like \"{/name} on {host|an unknown host}\"; {{ is a brace");
	free(text);
}

static void read_take_when(struct check *check, const struct yaml_node *node, void *into)
{
	read_conditions(check, node, &((struct take *)into)->when);
}

static void read_take_match(struct check *check, const struct yaml_node *node, void *into)
{
	read_regex(check, node, &((struct take *)into)->match);
}

static void read_take_name_of(struct check *check, const struct yaml_node *node, void *into)
{
	((struct take *)into)->is_name = true;
	read_take_at(check, node, into);
}

static void read_take_strip(struct check *check, const struct yaml_node *node, void *into)
{
	struct take *take = into;
	size_t n = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < n; i++) {
		take->strips =
		    xreallocarray(take->strips, take->strip_count + 1, sizeof(*take->strips));
		take->strips[take->strip_count] = (struct regex){0};
		read_regex(check, node->kind == YAML_LIST ? node->items[i] : node,
		    &take->strips[take->strip_count++]);
	}
}

/* Words that tools commonly have for how bad something is. */
static const struct {
	const char *from, *to;
} usual_words[] = {{"critical", "critical"}, {"crit", "critical"}, {"fatal", "critical"},
    {"emergency", "critical"}, {"emerg", "critical"}, {"alert", "critical"}, {"panic", "critical"},
    {"disaster", "critical"}, {"page", "critical"}, {"p1", "critical"}, {"high", "high"},
    {"error", "high"}, {"err", "high"}, {"major", "high"}, {"severe", "high"}, {"p2", "high"},
    {"medium", "medium"}, {"moderate", "medium"}, {"med", "medium"}, {"warning", "medium"},
    {"warn", "medium"}, {"p3", "medium"}, {"low", "low"}, {"minor", "low"}, {"notice", "low"},
    {"p4", "low"}, {"info", "info"}, {"informational", "info"}, {"information", "info"},
    {"debug", "info"}, {"none", "info"}, {"ok", "info"}, {"success", "info"}, {"p5", "info"},
    {"trace", "info"}, {"negligible", "info"}};

static void add_pair(struct take *take, const char *from, char *to)
{
	take->map = xreallocarray(take->map, take->map_count + 1, sizeof(*take->map));
	take->map[take->map_count++] = (struct pair){xstrdup(from), to};
}

static void read_take_map(struct check *check, const struct yaml_node *node, void *into)
{
	struct take *take = into;
	bool is_severity = take->words != NULL && word_is_known(take->words, "critical");

	if (is_severity && node->kind == YAML_TEXT && strcmp(node->text, "usual") == 0) {
		for (size_t i = 0; i < sizeof(usual_words) / sizeof(usual_words[0]); i++)
			add_pair(take, usual_words[i].from, xstrdup(usual_words[i].to));
		return;
	}
	if (node->kind != YAML_MAP) {
		yaml_mistake(check->yaml, node,
		    "map is a map: {Emergency: critical, …}; \"*\" is everything else%s",
		    is_severity ? "; or usual: the words that tools commonly have" : "");
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		char *to = read_outcome(check, node->items[i], take->words);

		if (to == NULL)
			continue;
		if (strcmp(node->keys[i]->text, "*") == 0) {
			replace_text(&take->otherwise, to);
			free(to);
			continue;
		}
		add_pair(take, node->keys[i]->text, to);
	}
}

static int threshold_order(const void *a, const void *b)
{
	const struct threshold *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void read_steps(struct check *check, const struct yaml_node *node, struct take *take)
{
	if (node->kind != YAML_MAP || take->is_number) {
		yaml_mistake(check->yaml, node,
		    "one of at_least and at_most, a map of numbers: {9: critical, 7: high}");
		return;
	}
	take->is_number = true;
	for (size_t i = 0; i < node->count; i++) {
		double at;
		char *to = read_outcome(check, node->items[i], take->words);

		if (!read_double(check, node->keys[i], &at) || to == NULL) {
			free(to);
			continue;
		}
		take->steps =
		    xreallocarray(take->steps, take->step_count + 1, sizeof(*take->steps));
		take->steps[take->step_count++] = (struct threshold){at, to};
	}
	if (take->step_count > 0)
		qsort(take->steps, take->step_count, sizeof(*take->steps), threshold_order);
}

static void read_take_at_least(struct check *check, const struct yaml_node *node, void *into)
{
	read_steps(check, node, into);
}

static void read_take_at_most(struct check *check, const struct yaml_node *node, void *into)
{
	((struct take *)into)->is_at_most = true;
	read_steps(check, node, into);
}

static void read_take_join(struct check *check, const struct yaml_node *node, void *into)
{
	free(((struct take *)into)->join);
	((struct take *)into)->join = read_plain_text(check, node, "join");
}

enum decoding read_decoding(struct check *check, const struct yaml_node *node)
{
	static const char *const words[] = {"html", "slack", NULL};
	int word = check_word(check, node, "decode", words);

	return word < 0 ? DECODE_NONE : DECODE_HTML + (unsigned)word;
}

static void read_take_decode(struct check *check, const struct yaml_node *node, void *into)
{
	((struct take *)into)->decoding = read_decoding(check, node);
}

static void read_take(
    struct check *check, const struct yaml_node *node, const char *const *words, struct value *into)
{
	static const struct key keys[] = {
	    {"at", KEY_NODE, .read = read_take_at},
	    {"name_of", KEY_NODE, .read = read_take_name_of},
	    {"label", KEY_NODE, .read = read_take_label},
	    {"text", KEY_NODE, .read = read_take_text},
	    {"when", KEY_NODE, .read = read_take_when},
	    {"match", KEY_NODE, .read = read_take_match},
	    {"strip", KEY_NODE, .read = read_take_strip},
	    {"map", KEY_NODE, .read = read_take_map},
	    {"at_least", KEY_NODE, .read = read_take_at_least},
	    {"at_most", KEY_NODE, .read = read_take_at_most},
	    {"join", KEY_NODE, .read = read_take_join},
	    {"decode", KEY_NODE, .read = read_take_decode},
	    {0},
	};
	struct take *take;

	into->takes = xreallocarray(into->takes, into->count + 1, sizeof(*into->takes));
	take = &into->takes[into->count++];
	*take = (struct take){.words = words};
	if (node->kind == YAML_TEXT) {
		read_take_at(check, node, take);
		return;
	}
	if (check_section(check, node, "a value", keys, take) &&
	    (yaml_get(node, "at") != NULL) + (yaml_get(node, "name_of") != NULL) +
		    (yaml_get(node, "label") != NULL) + (yaml_get(node, "text") != NULL) !=
		1)
		yaml_mistake(check->yaml, node,
		    "a value says where it comes from: one of at, name_of, label and text");
	take->words = NULL;
}

void read_value_spec(
    struct check *check, const struct yaml_node *node, const char *const *words, struct value *into)
{
	if (node->kind != YAML_LIST) {
		read_take(check, node, words, into);
		return;
	}
	/* Lists within lists are one list: they only group what belongs together. */
	for (size_t i = 0; i < node->count; i++)
		read_value_spec(check, node->items[i], words, into);
}

/* ---- freeing -------------------------------------------------------------------------------------------- */

static void texts_free(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void regex_fini(struct regex *regex)
{
	pcre2_code_free(regex->code);
	pcre2_match_data_free(regex->data);
}

void format_regex_free(struct regex *regex)
{
	if (regex == NULL)
		return;
	regex_fini(regex);
	free(regex);
}

void pointer_fini(struct pointer *pointer)
{
	for (size_t i = 0; i < pointer->count; i++) {
		free(pointer->steps[i].name);
		texts_free(pointer->steps[i].values, pointer->steps[i].value_count);
	}
	free(pointer->steps);
	*pointer = (struct pointer){0};
}

void conditions_fini(struct conditions *conditions)
{
	for (size_t i = 0; i < conditions->count; i++) {
		struct condition *condition = &conditions->list[i];

		pointer_fini(&condition->at);
		texts_free(condition->is, condition->is_count);
		texts_free(condition->is_not, condition->is_not_count);
		texts_free(condition->from, condition->from_count);
		regex_fini(&condition->matches);
		for (size_t k = 0; k < condition->any_count; k++)
			conditions_fini(&condition->any[k]);
		free(condition->any);
	}
	free(conditions->list);
	*conditions = (struct conditions){0};
}

static void take_fini(struct take *take)
{
	for (size_t i = 0; i < take->at_count; i++)
		pointer_fini(&take->at[i]);
	free(take->at);
	free(take->label);
	for (size_t i = 0; i < take->piece_count; i++) {
		free(take->pieces[i].literal);
		pointer_fini(&take->pieces[i].at);
		free(take->pieces[i].name);
		free(take->pieces[i].fallback);
	}
	free(take->pieces);
	conditions_fini(&take->when);
	regex_fini(&take->match);
	for (size_t i = 0; i < take->strip_count; i++)
		regex_fini(&take->strips[i]);
	free(take->strips);
	for (size_t i = 0; i < take->map_count; i++) {
		free(take->map[i].from);
		free(take->map[i].to);
	}
	free(take->map);
	free(take->otherwise);
	for (size_t i = 0; i < take->step_count; i++)
		free(take->steps[i].to);
	free(take->steps);
	free(take->join);
}

void value_fini(struct value *value)
{
	for (size_t i = 0; i < value->count; i++)
		take_fini(&value->takes[i]);
	free(value->takes);
	*value = (struct value){0};
}

/* ---- walking -------------------------------------------------------------------------------------------- */

typedef bool (*visit_node)(void *ctx, const cJSON *node);

/* What is asked, while a document is walked. */
struct walk {
	const struct pointer *pointer;
	const struct doc *doc;
	visit_node visit;
	void *ctx;
};

static bool walk(const struct walk *w, size_t i, const cJSON *node);

bool doc_spend(const struct doc *doc, size_t count)
{
	if (doc->work == NULL)
		return true;
	*doc->work -= count < *doc->work ? count : *doc->work;
	return *doc->work > 0;
}

/* The rest of NAME after CHILD's own name and a dot; NULL when it does not begin so. */
static const char *name_inside(const cJSON *child, const char *name)
{
	size_t len = strlen(child->string);

	return cJSON_IsObject(child) && strncmp(name, child->string, len) == 0 &&
		       name[len] == '.' && name[len + 1] != '\0'
		   ? name + len + 1
		   : NULL;
}

/* "host.name" is one member, or name inside host: some tools write both, by turns. */
static const cJSON *member_find(const struct doc *doc, const cJSON *object, const char *name)
{
	const cJSON *child, *found = NULL, *inner = NULL;
	bool has_dot = strchr(name, '.') != NULL;
	size_t seen = 0, most = doc->work != NULL ? *doc->work : SIZE_MAX;

	cJSON_ArrayForEach(child, object)
	{
		if (++seen > most)
			break;
		if (child->string == NULL || child->string[0] != name[0])
			continue;
		if (strcmp(child->string, name) == 0) {
			found = child;
			break;
		}
		if (has_dot && inner == NULL && name_inside(child, name) != NULL)
			inner = child;
	}
	if (!doc_spend(doc, seen))
		return NULL;
	for (; found == NULL && inner != NULL; inner = inner->next) {
		const char *rest = inner->string != NULL ? name_inside(inner, name) : NULL;

		if (rest != NULL)
			found = member_find(doc, inner, rest);
	}
	return found;
}

static bool where_holds(const struct doc *doc, const struct step *step, const cJSON *element)
{
	const cJSON *member =
	    cJSON_IsObject(element) ? member_find(doc, element, step->name) : NULL;
	char *text = member ? json_scalar(member) : NULL;
	bool holds =
	    step->value_count == 0 && (text != NULL || (member != NULL && member->child != NULL));

	for (size_t i = 0; text != NULL && i < step->value_count && !holds; i++)
		holds = strcasecmp(text, step->values[i]) == 0;
	free(text);
	return holds;
}

static bool walk_each(const struct walk *w, size_t i, const cJSON *node)
{
	const struct step *step = &w->pointer->steps[i];
	const cJSON *child;

	cJSON_ArrayForEach(child, node)
	{
		if (!doc_spend(w->doc, 1))
			return false;
		if (step->kind == STEP_PREFIX &&
		    (child->string == NULL || !text_prefix(child->string, step->name)))
			continue;
		if (step->kind == STEP_WHERE && !where_holds(w->doc, step, child))
			continue;
		if (walk(w, i + 1, child))
			return true;
	}
	return false;
}

static const cJSON *element_at(const struct doc *doc, const cJSON *array, long index)
{
	long count;

	if (index == LONG_MIN)
		return NULL;
	count = cJSON_GetArraySize(array);
	if (index < 0)
		index += count;
	return index < 0 || index >= count || !doc_spend(doc, (size_t)count)
		   ? NULL
		   : cJSON_GetArrayItem(array, (int)index);
}

/* Asks VISIT about each node that the pointer names, from its step I on; true when it said so. */
static bool walk(const struct walk *w, size_t i, const cJSON *node)
{
	const struct step *step;
	const cJSON *child;

	if (i == w->pointer->count)
		return w->visit(w->ctx, node);
	step = &w->pointer->steps[i];
	if (!cJSON_IsObject(node) && !cJSON_IsArray(node))
		return false;
	if (step->kind != STEP_NAME)
		return walk_each(w, i, node);
	child = cJSON_IsArray(node) ? element_at(w->doc, node, step->index)
				    : member_find(w->doc, node, step->name);
	return child != NULL && walk(w, i + 1, child);
}

static bool walk_from(
    const struct pointer *pointer, const struct doc *doc, visit_node visit, void *ctx)
{
	const struct walk w = {pointer, doc, visit, ctx};
	const cJSON *part;

	for (size_t up = pointer->up; up > 0 && doc != NULL; up--)
		doc = doc->up;
	if (doc == NULL || (pointer->is_header && doc->headers == NULL))
		return false;
	if (pointer->is_header)
		return walk(&w, 0, headers_json(doc->headers));
	if (doc->parts != NULL && pointer->count > 0 && pointer->steps[0].kind == STEP_NAME &&
	    (part = member_find(doc, doc->parts, pointer->steps[0].name)) != NULL)
		return walk(&w, 1, part);
	return walk(&w, 0, doc->node);
}

static bool keep_first(void *ctx, const cJSON *node)
{
	*(const cJSON **)ctx = node;
	return true;
}

const cJSON *pointer_find(const struct pointer *pointer, const struct doc *doc)
{
	const cJSON *found = NULL;

	walk_from(pointer, doc, keep_first, &found);
	return found;
}

static bool remove_from(const struct pointer *pointer, size_t i, cJSON *node)
{
	static const struct doc unbounded;
	const struct step *step = &pointer->steps[i];
	const cJSON *named = cJSON_IsArray(node) ? element_at(&unbounded, node, step->index) : NULL;
	bool any = false;

	for (cJSON *child = node->child, *next; child != NULL; child = next) {
		next = child->next;
		if (step->kind == STEP_NAME && child != named &&
		    (child->string == NULL || strcmp(child->string, step->name) != 0))
			continue;
		if (step->kind == STEP_PREFIX &&
		    (child->string == NULL || !text_prefix(child->string, step->name)))
			continue;
		if (step->kind == STEP_WHERE && !where_holds(&unbounded, step, child))
			continue;
		if (i + 1 < pointer->count) {
			any = remove_from(pointer, i + 1, child) || any;
			continue;
		}
		cJSON_Delete(cJSON_DetachItemViaPointer(node, child));
		any = true;
	}
	return any;
}

bool pointer_remove(const struct pointer *pointer, cJSON *node)
{
	return pointer->count > 0 && !pointer->is_header && remove_from(pointer, 0, node);
}

/* ---- text ----------------------------------------------------------------------------------------------- */

static bool regex_holds(const struct regex *regex, const char *text);

bool text_is_absent(const char *text, const struct absent *absent)
{
	if (text_is_empty(text))
		return true;
	if (absent == NULL)
		return false;
	for (char **word = absent->words; word != NULL && *word != NULL; word++) {
		/* Mostly the first letter tells. */
		if (((**word ^ *text) & ~('a' ^ 'A')) == 0 && strcasecmp(*word, text) == 0)
			return true;
	}
	return absent->like != NULL && regex_holds(absent->like, text);
}

static int by_name(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;

	return strcmp((*x)->string ? (*x)->string : "", (*y)->string ? (*y)->string : "");
}

static void put_canonical(struct buf *out, const cJSON *node, int depth)
{
	const cJSON *child, **order;
	size_t count = 0;
	char *text;

	if (!cJSON_IsObject(node) && !cJSON_IsArray(node)) {
		text = json_scalar(node);
		buf_printf(out, "%zu:%s", text ? strlen(text) : 0, text ? text : "");
		free(text);
		return;
	}
	if (depth >= CANONICAL_DEPTH_MAX)
		return;
	order = xcalloc((size_t)cJSON_GetArraySize(node) + 1, sizeof(*order));
	cJSON_ArrayForEach(child, node) order[count++] = child;
	if (cJSON_IsObject(node) && count > 0)
		qsort(order, count, sizeof(*order), by_name);
	buf_putc(out, cJSON_IsObject(node) ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		if (cJSON_IsObject(node))
			buf_printf(out, "%zu:%s=", order[i]->string ? strlen(order[i]->string) : 0,
			    order[i]->string ? order[i]->string : "");
		put_canonical(out, order[i], depth + 1);
	}
	buf_putc(out, cJSON_IsObject(node) ? '}' : ']');
	free(order);
}

char *canonical_text(const cJSON *node)
{
	struct buf out;

	if (node == NULL || cJSON_IsNull(node))
		return NULL;
	if (!cJSON_IsObject(node) && !cJSON_IsArray(node))
		return json_scalar(node);
	buf_init(&out, 64 << 20);
	put_canonical(&out, node, 0);
	return buf_take(&out);
}

static bool number_parse(const char *text, double *value)
{
	char *end;

	if (text[0] == '\0' || strspn(text, "+-0123456789.eE") != strlen(text))
		return false;
	*value = strtod(text, &end);
	return *end == '\0' && isfinite(*value);
}

/* How many groups matched; at most what a bounded part of the text and a bounded effort show. */
static int regex_try_from(const struct regex *regex, const char *text, size_t from)
{
	static pcre2_match_context
	    *context; /* the same limits for all; lives as long as the process */
	size_t len = strlen(text);

	if (context == NULL) {
		context = pcre2_match_context_create(NULL);
		pcre2_set_match_limit(context, MATCH_REGEX_LIMIT);
	}
	if (len > VALUE_REGEX_SUBJECT)
		len = VALUE_REGEX_SUBJECT;
	if (from > len)
		return PCRE2_ERROR_NOMATCH;
	return pcre2_match(regex->code, (PCRE2_SPTR)text, len, from, 0, regex->data, context);
}

static int regex_try(const struct regex *regex, const char *text)
{
	return regex_try_from(regex, text, 0);
}

static bool regex_holds(const struct regex *regex, const char *text)
{
	if (regex_try(regex, text) < 0)
		return false;
	return true;
}

/* What group 1, else the whole, matched; NULL when nothing did. Frees TEXT. */
static char *regex_take(const struct regex *regex, char *text)
{
	int groups = regex_try(regex, text);
	const PCRE2_SIZE *at;
	char *found;
	int group;

	if (groups < 0) {
		free(text);
		return NULL;
	}
	at = pcre2_get_ovector_pointer(regex->data);
	group = groups > 1 && at[2] != PCRE2_UNSET && at[3] >= at[2] ? 1 : 0;
	found = at[2 * group + 1] >= at[2 * group]
		    ? xstrndup(text + at[2 * group], at[2 * group + 1] - at[2 * group])
		    : NULL;
	free(text);
	return found;
}

/* Takes out each place where it matches, in place. */
static void regex_strip(const struct regex *regex, char *text)
{
	const PCRE2_SIZE *at;
	size_t len = strlen(text), done = 0, to = 0;

	while (regex_try_from(regex, text, done) >= 0) {
		at = pcre2_get_ovector_pointer(regex->data);
		if (at[1] <= at[0] || at[0] < done)
			break; /* what matches no character takes none out */
		memmove(text + to, text + done, at[0] - done);
		to += at[0] - done;
		done = at[1];
	}
	memmove(text + to, text + done, len - done + 1);
}

void decode_text(enum decoding decoding, char *text)
{
	if (text != NULL && decoding == DECODE_HTML)
		decode_html(text);
	if (text != NULL && decoding == DECODE_SLACK)
		decode_slack(text);
}

/* ---- conditions that are asked --------------------------------------------------------------------------- */

struct wanted {
	const struct condition *condition;
	const struct scope *scope;
};

static bool is_one_of(const char *text, char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(list[i], text) == 0)
			return true;
	return false;
}

static bool text_holds(const struct condition *c, const struct scope *scope, const char *text)
{
	double number;
	int64_t at;

	if (c->is_count > 0 && !is_one_of(text, c->is, c->is_count))
		return false;
	if (c->matches.code != NULL && !regex_holds(&c->matches, text))
		return false;
	if (!isnan(c->above) && (!number_parse(text, &number) || number <= c->above))
		return false;
	if (!isnan(c->below) && (!number_parse(text, &number) || number >= c->below))
		return false;
	return !c->past || (time_parse_loose(text, &at) && at <= scope->now);
}

static bool node_holds(void *ctx, const cJSON *node)
{
	const struct wanted *wanted = ctx;
	char *text = json_scalar(node);
	bool holds;

	if (text == NULL)
		return wanted->condition->is_count == 0 &&
		       wanted->condition->matches.code == NULL && isnan(wanted->condition->above) &&
		       isnan(wanted->condition->below) && !wanted->condition->past &&
		       !cJSON_IsNull(node);
	holds = text_holds(wanted->condition, wanted->scope, text);
	free(text);
	return holds;
}

static bool node_is_listed(void *ctx, const cJSON *node)
{
	const struct condition *condition = ctx;
	char *text = json_scalar(node);
	bool listed = text != NULL && is_one_of(text, condition->is_not, condition->is_not_count);

	free(text);
	return listed;
}

/* Was the document, or one around it, found there? */
static bool is_from(const struct condition *c, const struct doc *doc)
{
	for (; doc != NULL; doc = doc->up)
		if (doc->from != NULL && is_one_of(doc->from, c->from, c->from_count))
			return true;
	return false;
}

static bool condition_holds(const struct condition *c, const struct scope *scope)
{
	struct wanted wanted = {c, scope};
	bool any = c->any_count == 0;

	if (c->from_count > 0 && !is_from(c, scope->doc))
		return false;

	for (size_t i = 0; i < c->any_count && !any; i++)
		any = conditions_hold(&c->any[i], scope);
	if (!any || !c->has_at)
		return any;
	if (c->there == 0)
		return !walk_from(&c->at, scope->doc, node_holds, &wanted);
	if (c->is_not_count > 0 && walk_from(&c->at, scope->doc, node_is_listed, (void *)c))
		return false;
	/* is_not alone is also true of what is not there. */
	if (c->is_not_count > 0 && c->there < 0 && c->is_count == 0 && c->matches.code == NULL &&
	    isnan(c->above) && isnan(c->below) && !c->past)
		return true;
	return walk_from(&c->at, scope->doc, node_holds, &wanted);
}

bool conditions_hold(const struct conditions *conditions, const struct scope *scope)
{
	for (size_t i = 0; i < conditions->count; i++)
		if (!condition_holds(&conditions->list[i], scope))
			return false;
	return true;
}

/* ---- values that are read --------------------------------------------------------------------------------- */

struct reading {
	const struct take *take;
	const struct scope *scope;
	bool (*visit)(void *ctx, const char *text);
	void *ctx;
	char **odd;
};

static void keep_odd(const struct reading *r, const char *text)
{
	if (r->odd != NULL && *r->odd == NULL)
		*r->odd = xstrdup(text);
}

static const char *threshold_find(const struct take *take, double number)
{
	const char *found = NULL;

	for (size_t i = 0; i < take->step_count; i++) {
		if (take->is_at_most && number <= take->steps[i].at)
			return take->steps[i].to;
		if (!take->is_at_most && number >= take->steps[i].at)
			found = take->steps[i].to;
	}
	return found;
}

/* Maps and scales TEXT; NULL when it is not known there. Borrowed. */
static const char *take_map(const struct take *take, const char *text)
{
	double number;
	const char *found;

	for (size_t i = 0; i < take->map_count; i++)
		if (strcasecmp(take->map[i].from, text) == 0)
			return take->map[i].to;
	if (take->is_number && number_parse(text, &number) &&
	    (found = threshold_find(take, number)) != NULL)
		return found;
	if (take->otherwise != NULL)
		return take->otherwise;
	return take->map_count == 0 && !take->is_number ? text : NULL;
}

/* RAW (taken) through what the format does to it, and to the visitor. */
static bool offer(const struct reading *r, char *raw)
{
	const struct take *take = r->take;
	const char *text;
	bool done = false;

	if (text_is_absent(raw, r->scope->absent)) {
		free(raw);
		return false;
	}
	if (strlen(raw) > VALUE_TEXT_MAX) {
		size_t len = VALUE_TEXT_MAX;

		while (len > 0 && ((unsigned char)raw[len] & 0xC0) == 0x80)
			len--;
		raw[len] = '\0';
	}
	if (take->match.code != NULL && (raw = regex_take(&take->match, raw)) == NULL)
		return false;
	for (size_t i = 0; i < take->strip_count; i++)
		regex_strip(&take->strips[i], raw);
	decode_text(take->decoding, raw);
	text = take_map(take, raw);
	if (text == NULL)
		keep_odd(r, raw);
	else if (!text_is_absent(text, r->scope->absent))
		done = r->visit(r->ctx, text);
	free(raw);
	return done;
}

struct joining {
	const struct reading *r;
	struct buf out;
	char *texts[VALUE_JOIN_MAX];
	size_t count;
	bool has_other; /* an object, which is no text */
};

/* Each text once. False: there is room for no more. */
static bool join_text(struct joining *joining, const cJSON *node)
{
	char *text;

	if (!doc_spend(joining->r->scope->doc, 1 + joining->count))
		return false;
	text = json_scalar(node);
	joining->has_other = joining->has_other || (text == NULL && cJSON_GetArraySize(node) > 0);
	for (size_t i = 0; text != NULL && i < joining->count; i++) {
		if (strcmp(joining->texts[i], text) == 0) {
			free(text);
			return true;
		}
	}
	if (text_is_absent(text, joining->r->scope->absent)) {
		free(text);
		return true;
	}
	if (joining->count > 0)
		buf_puts(&joining->out, joining->r->take->join);
	buf_puts(&joining->out, text);
	joining->texts[joining->count++] = text;
	return joining->count < VALUE_JOIN_MAX && buf_ok(&joining->out);
}

static bool join_node(void *ctx, const cJSON *node)
{
	struct joining *joining = ctx;
	const cJSON *child;

	if (!cJSON_IsArray(node))
		return !join_text(joining, node);
	cJSON_ArrayForEach(child, node)
	{
		if (!join_text(joining, child))
			return true;
	}
	return false;
}

/* All that the pointer names, as one text. */
static bool offer_joined(const struct reading *r, const struct pointer *at)
{
	struct joining *joining = xcalloc(1, sizeof(*joining));
	bool done = false;

	joining->r = r;
	buf_init(&joining->out, VALUE_TEXT_MAX + VALUE_TEXT_MAX / 2);
	walk_from(at, r->scope->doc, join_node, joining);
	if (joining->count > 0)
		done = offer(r, buf_take(&joining->out));
	else if (joining->has_other)
		keep_odd(r, "");
	for (size_t i = 0; i < joining->count; i++)
		free(joining->texts[i]);
	buf_fini(&joining->out);
	free(joining);
	return done;
}

static bool offer_node(void *ctx, const cJSON *node)
{
	const struct reading *r = ctx;
	char *text;

	if (cJSON_IsNull(node))
		return false;
	if (r->take->is_name)
		return node->string != NULL && offer(r, xstrdup(node->string));
	if (r->scope->is_strict && !cJSON_IsString(node)) {
		keep_odd(r, "");
		return false;
	}
	text = json_scalar(node);
	if (text == NULL) {
		/* An empty list or map says as little as null does. */
		if (cJSON_GetArraySize(node) > 0)
			keep_odd(r, "");
		return false;
	}
	return offer(r, text);
}

struct first {
	const struct scope *scope;
	char *text;
};

static bool first_text(void *ctx, const cJSON *node)
{
	struct first *first = ctx;

	first->text = json_scalar(node);
	if (!text_is_absent(first->text, first->scope->absent))
		return true;
	free(first->text);
	first->text = NULL;
	return false;
}

/* The template's text; NULL when a place without fallback is empty. */
static char *render(const struct take *take, const struct scope *scope)
{
	struct buf out;

	buf_init(&out, VALUE_TEXT_MAX);
	for (size_t i = 0; i < take->piece_count; i++) {
		const struct piece *piece = &take->pieces[i];
		struct first first = {scope, NULL};
		const char *text = piece->literal;
		char space[32];

		if (text == NULL && piece->name != NULL) {
			text = scope->alert ? alert_value(scope->alert, piece->name, space) : NULL;
		} else if (text == NULL) {
			walk_from(&piece->at, scope->doc, first_text, &first);
			text = first.text;
		}
		if (text_is_empty(text))
			text = piece->fallback;
		if (text == NULL) {
			free(first.text);
			buf_fini(&out);
			return NULL;
		}
		buf_puts(&out, text);
		free(first.text);
	}
	if (!buf_ok(&out)) {
		buf_fini(&out);
		return NULL;
	}
	return buf_take(&out);
}

static bool read_one(const struct reading *r)
{
	const struct take *take = r->take;
	const char *label;
	char *text;

	if (!conditions_hold(&take->when, r->scope))
		return false;
	for (size_t i = 0; i < take->at_count; i++)
		if (take->join != NULL
			? offer_joined(r, &take->at[i])
			: walk_from(&take->at[i], r->scope->doc, offer_node, (void *)r))
			return true;
	if (take->label != NULL && r->scope->alert != NULL) {
		label = alert_label(r->scope->alert, take->label);
		if (label != NULL && offer(r, xstrdup(label)))
			return true;
	}
	if (take->piece_count == 0)
		return false;
	text = render(take, r->scope);
	return text != NULL && offer(r, text);
}

bool value_each(const struct value *value, const struct scope *scope,
    bool (*visit)(void *ctx, const char *text), void *ctx, char **odd)
{
	for (size_t i = 0; i < value->count; i++) {
		struct reading reading = {&value->takes[i], scope, visit, ctx, odd};

		if (read_one(&reading))
			return true;
	}
	return false;
}

static bool keep_text(void *ctx, const char *text)
{
	*(char **)ctx = xstrdup(text);
	return true;
}

char *value_text(const struct value *value, const struct scope *scope, char **odd)
{
	char *text = NULL;

	if (odd != NULL)
		*odd = NULL;
	value_each(value, scope, keep_text, &text, odd);
	if (text != NULL && odd != NULL) {
		free(*odd);
		*odd = NULL;
	}
	return text;
}

const cJSON *value_node(const struct value *value, const struct scope *scope)
{
	const cJSON *node;

	for (size_t i = 0; i < value->count; i++) {
		if (!conditions_hold(&value->takes[i].when, scope))
			continue;
		for (size_t k = 0; k < value->takes[i].at_count; k++)
			if ((node = pointer_find(&value->takes[i].at[k], scope->doc)) != NULL &&
			    cJSON_GetArraySize(node) > 0)
				return node;
	}
	return NULL;
}

void value_each_member(
    const struct value *value, void (*visit)(void *ctx, const char *name), void *ctx)
{
	for (size_t i = 0; i < value->count; i++)
		for (size_t k = 0; k < value->takes[i].at_count; k++) {
			const struct pointer *at = &value->takes[i].at[k];

			if (at->up == 0 && !at->is_header && at->count > 0 &&
			    at->steps[0].kind == STEP_NAME)
				visit(ctx, at->steps[0].name);
		}
}
