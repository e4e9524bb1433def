/*
 * yaml - libfyaml's events made into a tree of our own.
 *
 * A tree of our own keeps byte positions (for excerpts that hide secrets), bounds depth and size, and refuses what can
 * expand (aliases). libfyaml ends its input silently at broken UTF-8, so that is looked for first.
 */
#include "config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define EXCERPT_MAX 160 /* characters of a line that are shown */
#define MISTAKE_TEXT 1024

struct span {
	size_t at, end;
};
struct mistake {
	size_t at;
	bool has_place, is_warning, is_syntax;
	char text[MISTAKE_TEXT];
};
struct yaml {
	char *name, *text;
	size_t len;
	struct yaml_node *root;
	size_t nodes; /* made so far */
	struct mistake *mistakes;
	size_t count, errors, warnings;
	struct span *hidden;
	size_t hidden_count;
};

/* ---- mistakes ------------------------------------------------------------------------------------------- */

/* What a mistake repeats of the file may hold escapes that were decoded: nothing of it steers a terminal. */
static void make_visible(char *text)
{
	size_t size, len = strlen(text);

	for (size_t at = 0; at < len; at += size) {
		uint32_t c = utf8_decode(text + at, len - at, &size);

		if (codepoint_is_invisible(c) || (c == CODEPOINT_REPLACEMENT && size == 1))
			memset(text + at, '?', size);
	}
}

static void __attribute__((format(printf, 3, 0)))
mistake_add(struct yaml *yaml, const struct mistake *shape, const char *format, va_list args)
{
	struct mistake *m;

	if (shape->is_warning)
		yaml->warnings++;
	else
		yaml->errors++;
	if (yaml->count >= YAML_MISTAKES_MAX)
		return;
	yaml->mistakes = xreallocarray(yaml->mistakes, yaml->count + 1, sizeof(*yaml->mistakes));
	m = &yaml->mistakes[yaml->count++];
	*m = *shape;
	vsnprintf(m->text, sizeof(m->text), format, args);
	make_visible(m->text);
}

void yaml_mistake(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
{
	struct mistake shape = {.at = node ? node->at : 0, .has_place = node != NULL};
	va_list args;

	va_start(args, format);
	mistake_add(yaml, &shape, format, args);
	va_end(args);
}

void yaml_warning(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
{
	struct mistake shape = {
	    .at = node ? node->at : 0, .has_place = node != NULL, .is_warning = true};
	va_list args;

	va_start(args, format);
	mistake_add(yaml, &shape, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
mistake_at(struct yaml *yaml, size_t at, const char *format, ...)
{
	struct mistake shape = {.at = at, .has_place = true, .is_syntax = true};
	va_list args;

	va_start(args, format);
	mistake_add(yaml, &shape, format, args);
	va_end(args);
}

void yaml_hide(struct yaml *yaml, const struct yaml_node *node)
{
	if (node == NULL || node->end <= node->at)
		return;
	yaml->hidden = xreallocarray(yaml->hidden, yaml->hidden_count + 1, sizeof(*yaml->hidden));
	yaml->hidden[yaml->hidden_count++] = (struct span){node->at, node->end};
}

size_t yaml_mistakes(const struct yaml *yaml)
{
	return yaml->errors;
}

size_t yaml_warnings(const struct yaml *yaml)
{
	return yaml->warnings;
}

/* ---- the tree ------------------------------------------------------------------------------------------- */

static void node_free(struct yaml_node *node)
{
	if (node == NULL)
		return;
	for (size_t i = 0; i < node->count; i++) {
		if (node->keys != NULL)
			node_free(node->keys[i]);
		node_free(node->items[i]);
	}
	free(node->keys);
	free(node->items);
	if (node->text != NULL)
		explicit_bzero(node->text, strlen(node->text));
	free(node->text);
	free(node);
}

static struct yaml_node *node_new(struct yaml *yaml, enum yaml_kind kind,
    const struct fy_mark *from, const struct fy_mark *to, size_t fallback)
{
	struct yaml_node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->at = from != NULL && from->input_pos <= yaml->len ? from->input_pos : fallback;
	node->end = to != NULL && to->input_pos <= yaml->len ? to->input_pos : node->at;
	yaml->nodes++;
	return node;
}

static struct yaml_node *text_node(struct yaml *yaml, struct fy_event *event, size_t fallback)
{
	struct fy_token *token = event->scalar.value;
	const struct fy_mark *from = token ? fy_token_start_mark(token) : NULL;
	struct yaml_node *node =
	    node_new(yaml, YAML_TEXT, from, token ? fy_token_end_mark(token) : NULL, fallback);
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;

	node->is_plain = token == NULL || fy_token_scalar_style(token) == FYSS_PLAIN ||
			 fy_token_scalar_style(token) == FYSS_ANY;
	/* The marks lie inside the quotes; people count from the quote. */
	if (from != NULL && !node->is_plain && node->at > 0 &&
	    strchr("\"'", yaml->text[node->at - 1])) {
		node->at--;
		if (node->end < yaml->len && strchr("\"'", yaml->text[node->end]))
			node->end++;
	}
	if (text != NULL && memchr(text, '\0', len) != NULL)
		mistake_at(yaml, node->at, "a value may not hold a NUL character");
	node->text = text ? xstrndup(text, len) : xstrdup("");
	return node;
}

static bool event_refused(struct yaml *yaml, const struct fy_event *event, size_t at)
{
	struct fy_token *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case FYET_ALIAS:
		mistake_at(yaml, at, "anchors and aliases are not taken; write it out");
		return true;
	case FYET_SCALAR:
		anchor = event->scalar.anchor, tag = event->scalar.tag;
		break;
	case FYET_SEQUENCE_START:
		anchor = event->sequence_start.anchor, tag = event->sequence_start.tag;
		break;
	case FYET_MAPPING_START:
		anchor = event->mapping_start.anchor, tag = event->mapping_start.tag;
		break;
	default:
		return false;
	}
	if (anchor != NULL)
		mistake_at(yaml, at, "anchors and aliases are not taken; write it out");
	else if (tag != NULL)
		mistake_at(yaml, at, "tags (!…) are not taken; quote a value to make it text");
	return anchor != NULL || tag != NULL;
}

static void node_push(struct yaml_node *node, struct yaml_node *key, struct yaml_node *item)
{
	node->items = xreallocarray(node->items, node->count + 1, sizeof(*node->items));
	node->items[node->count] = item;
	if (node->kind == YAML_MAP) {
		node->keys = xreallocarray(node->keys, node->count + 1, sizeof(*node->keys));
		node->keys[node->count] = key;
	}
	node->count++;
}

static struct yaml_node *read_node(struct yaml *yaml, struct fy_parser *parser,
    struct fy_event *event, int depth, size_t fallback);

/* The next node; *END is set (and NULL returned) at the end of the list or map. */
static struct yaml_node *read_next(struct yaml *yaml, struct fy_parser *parser, int depth,
    size_t fallback, bool *end, size_t *end_at)
{
	struct fy_event *event = fy_parser_parse(parser);
	struct yaml_node *node;

	*end = false;
	if (event == NULL)
		return NULL;
	if (event->type == FYET_SEQUENCE_END || event->type == FYET_MAPPING_END) {
		const struct fy_mark *mark = fy_event_end_mark(event);

		*end = true;
		if (mark != NULL && mark->input_pos <= yaml->len)
			*end_at = mark->input_pos;
		fy_parser_event_free(parser, event);
		return NULL;
	}
	node = read_node(yaml, parser, event, depth, fallback);
	fy_parser_event_free(parser, event);
	return node;
}

static void check_double(
    struct yaml *yaml, const struct yaml_node *map, const struct yaml_node *key)
{
	for (size_t i = 0; i < map->count && yaml->count < YAML_MISTAKES_MAX; i++) {
		if (strcmp(map->keys[i]->text, key->text) != 0)
			continue;
		yaml_mistake(yaml, key, "\"%.64s\" is there twice; the first is on line %zu",
		    key->text, yaml_line(yaml, map->keys[i]));
		return;
	}
}

/* Fills NODE to its end; false when the file ended or was refused before. */
static bool read_members(
    struct yaml *yaml, struct fy_parser *parser, struct yaml_node *node, int depth)
{
	struct yaml_node *key = NULL, *item;
	bool end;

	for (;;) {
		size_t at = node->count > 0 ? node->items[node->count - 1]->end : node->at;

		if (node->kind == YAML_MAP) {
			key = read_next(yaml, parser, depth, at, &end, &node->end);
			if (key == NULL)
				return end;
			if (key->kind != YAML_TEXT) {
				mistake_at(yaml, key->at, "a key must be a word");
				node_free(key);
				return false;
			}
			if (node->count >= YAML_KEYS_MAX) {
				mistake_at(yaml, key->at, "too many keys; at most %d in one place",
				    YAML_KEYS_MAX);
				node_free(key);
				return false;
			}
			check_double(yaml, node, key);
			at = key->at;
		}
		item = read_next(yaml, parser, depth, at, &end, &node->end);
		if (item == NULL) {
			node_free(key);
			return end && node->kind == YAML_LIST;
		}
		node_push(node, key, item);
		key = NULL;
	}
}

/* NULL when it was refused or broken: then nothing more is read. */
static struct yaml_node *read_node(
    struct yaml *yaml, struct fy_parser *parser, struct fy_event *event, int depth, size_t fallback)
{
	const struct fy_mark *from = fy_event_start_mark(event);
	size_t at = from != NULL && from->input_pos <= yaml->len ? from->input_pos : fallback;
	struct yaml_node *node;

	if (event_refused(yaml, event, at))
		return NULL;
	if (yaml->nodes >= YAML_NODES_MAX || depth >= YAML_DEPTH_MAX) {
		mistake_at(yaml, at, "too much here: at most %d levels and %d values",
		    YAML_DEPTH_MAX, YAML_NODES_MAX);
		return NULL;
	}
	if (event->type == FYET_SCALAR)
		return text_node(yaml, event, fallback);
	if (event->type != FYET_MAPPING_START && event->type != FYET_SEQUENCE_START)
		return NULL;
	node = node_new(
	    yaml, event->type == FYET_MAPPING_START ? YAML_MAP : YAML_LIST, from, NULL, fallback);
	if (!read_members(yaml, parser, node, depth + 1)) {
		node_free(node);
		return NULL;
	}
	if (node->end < node->at)
		node->end = node->at;
	return node;
}

static void read_document(struct yaml *yaml, struct fy_parser *parser)
{
	struct fy_event *event;
	size_t documents = 0;

	while ((event = fy_parser_parse(parser)) != NULL) {
		const struct fy_mark *from = fy_event_start_mark(event);
		enum fy_event_type type = event->type;

		if (type == FYET_DOCUMENT_START && ++documents > 1)
			mistake_at(yaml, from ? from->input_pos : 0,
			    "a second document; one file holds one");
		else if (yaml->root == NULL &&
			 (type == FYET_SCALAR || type == FYET_MAPPING_START ||
			     type == FYET_SEQUENCE_START || type == FYET_ALIAS))
			yaml->root = read_node(yaml, parser, event, 0, 0);
		fy_parser_event_free(parser, event);
		if (yaml->errors > 0 && (yaml->root == NULL || documents > 1))
			return;
	}
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag, (void)user, (void)text, (void)len;
}

static size_t place(const struct yaml *yaml, int line, int column)
{
	size_t at = 0, size;

	for (int n = 1; n < line && at < yaml->len; n++) {
		const char *end = memchr(yaml->text + at, '\n', yaml->len - at);

		at = end ? (size_t)(end - yaml->text) + 1 : yaml->len;
	}
	for (int n = 1; n < column && at < yaml->len && yaml->text[at] != '\n'; n++) {
		utf8_decode(yaml->text + at, yaml->len - at, &size);
		at += size;
	}
	return at;
}

/* libfyaml's own words for what is no YAML. */
static void take_diagnostics(struct yaml *yaml, struct fy_diag *diag)
{
	struct fy_diag_error *error;
	void *iterator = NULL;

	while ((error = fy_diag_errors_iterate(diag, &iterator)) != NULL) {
		size_t at = place(yaml, error->line, error->column);
		bool is_variable =
		    at > 0 && at < yaml->len && yaml->text[at] == '{' && yaml->text[at - 1] == '$';

		mistake_at(yaml, at, "%s%s", error->msg ? error->msg : "this is no YAML",
		    is_variable ? "; between { and } a variable is quoted: \"${NAME}\"" : "");
	}
}

/* False when TEXT is no clean text; says where. */
static bool text_is_clean(struct yaml *yaml)
{
	size_t size;

	for (size_t at = 0; at < yaml->len; at += size) {
		uint32_t c = utf8_decode(yaml->text + at, yaml->len - at, &size);

		if (c == CODEPOINT_REPLACEMENT && size == 1) {
			mistake_at(yaml, at, "this is not UTF-8");
			return false;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			mistake_at(yaml, at, "a control character (0x%02x)", c);
			return false;
		}
	}
	return true;
}

struct yaml *yaml_parse(const char *name, const char *text, size_t len)
{
	struct yaml *yaml = xcalloc(1, sizeof(*yaml));
	struct fy_diag_cfg diag_config;
	struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_JSON_NONE};
	struct fy_parser *parser;

	yaml->name = xstrdup(name);
	yaml->text = xcalloc(1, len + 1);
	memcpy(yaml->text, text, len);
	yaml->len = len;
	if (!text_is_clean(yaml))
		return yaml;

	fy_diag_cfg_default(&diag_config);
	diag_config.fp = NULL;
	diag_config.output_fn = swallow;
	diag_config.level = FYET_ERROR;
	config.diag = fy_diag_create(&diag_config);
	parser = config.diag ? fy_parser_create(&config) : NULL;
	if (parser == NULL) {
		mistake_at(yaml, 0, "the YAML parser could not be started");
		goto done;
	}
	fy_diag_set_collect_errors(config.diag, true);
	if (fy_parser_set_string(parser, yaml->text, yaml->len) != 0) {
		mistake_at(yaml, 0, "the YAML parser could not be started");
		goto done;
	}
	read_document(yaml, parser);
	take_diagnostics(yaml, config.diag);
	if (yaml->errors == 0 && fy_parser_get_stream_error(parser))
		mistake_at(yaml, yaml->len, "this is no YAML");
	if (yaml->root == NULL && yaml->errors == 0)
		mistake_at(yaml, 0, "there is nothing in it");
done:
	fy_parser_destroy(parser);
	fy_diag_destroy(config.diag);
	return yaml;
}

void yaml_free(struct yaml *yaml)
{
	if (yaml == NULL)
		return;
	node_free(yaml->root);
	explicit_bzero(yaml->text, yaml->len);
	free(yaml->text);
	free(yaml->name);
	free(yaml->mistakes);
	free(yaml->hidden);
	free(yaml);
}

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
	return yaml->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->items[i];
	return NULL;
}

const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->keys[i];
	return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node == NULL || (node->kind == YAML_TEXT && node->is_plain &&
				   (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
				       strcasecmp(node->text, "null") == 0));
}

size_t yaml_line(const struct yaml *yaml, const struct yaml_node *node)
{
	size_t line = 1;

	for (size_t i = 0; i < node->at && i < yaml->len; i++)
		line += yaml->text[i] == '\n';
	return line;
}

/* ---- telling -------------------------------------------------------------------------------------------- */

static const char *const secret_words[] = {
    "token", "secret", "routing_key", "password", "passwd", "api_key"};

/* Where YAML itself is broken there is no tree that knows the secrets: what follows a key that names one is hidden. */
static void hide_by_words(const struct yaml *yaml, size_t from, size_t to, bool *hide, bool all)
{
	const char *line = yaml->text + from;
	size_t len = to - from;

	if (all && memchr(line, ':', len) == NULL)
		for (size_t i = 0; i < len; i++)
			hide[i] = hide[i] || !strchr(" \t-[]{},\"'", line[i]);
	for (size_t w = 0; w < sizeof(secret_words) / sizeof(secret_words[0]); w++) {
		size_t n = strlen(secret_words[w]);

		for (size_t i = 0; i + n < len; i++) {
			size_t v = i + n;

			if (strncasecmp(line + i, secret_words[w], n) != 0)
				continue;
			while (v < len && strchr("\"' \t", line[v]))
				v++;
			if (v >= len || line[v] != ':')
				continue;
			for (v++; v < len; v++)
				hide[v] = hide[v] || line[v] != ' ';
		}
	}
}

/* A password in a URL, and what looks like a Slack token wherever it was put. */
static void hide_by_looks(const struct yaml *yaml, size_t from, size_t to, bool *hide)
{
	const char *line = yaml->text + from;
	size_t len = to - from;

	for (size_t i = 0; i + 3 < len; i++) {
		size_t end = i + 3;

		if (memcmp(line + i, "://", 3) == 0) {
			while (end < len && !strchr("/ \t,\"'}]", line[end]) && line[end] != '@')
				end++;
			if (end >= len || line[end] != '@')
				continue;
		} else if (memcmp(line + i, "xox", 3) == 0 ||
			   (i + 5 < len && memcmp(line + i, "xapp-", 5) == 0)) {
			while (end < len && !strchr(" \t,\"'}]", line[end]))
				end++;
		} else {
			continue;
		}
		for (size_t k = i + (line[i] == ':' ? 3 : 0); k < end; k++)
			hide[k] = true;
	}
}

static void mark_hidden(
    const struct yaml *yaml, const struct mistake *m, size_t from, size_t to, bool *hide)
{
	for (size_t i = 0; i < yaml->hidden_count; i++)
		for (size_t k = from; k < to; k++)
			if (k >= yaml->hidden[i].at && k < yaml->hidden[i].end)
				hide[k - from] = true;
	hide_by_looks(yaml, from, to, hide);
	if (yaml->root == NULL || m->is_syntax)
		hide_by_words(yaml, from, to, hide, m->is_syntax);
}

/* The line, secrets as ***, and a caret under the place. */
static void put_excerpt(const struct yaml *yaml, const struct mistake *m, size_t from, size_t to,
    size_t line, struct buf *out)
{
	bool *hide = xcalloc(to - from + 1, sizeof(*hide));
	struct buf caret;
	size_t shown = 0, size, start = from;

	mark_hidden(yaml, m, from, to, hide);
	while (m->at > start && m->at - start > EXCERPT_MAX / 2 && to - start > EXCERPT_MAX)
		start++;
	while (start > from && start < to && ((unsigned char)yaml->text[start] & 0xC0) == 0x80)
		start++;
	buf_init(&caret, 4 * EXCERPT_MAX);
	buf_printf(out, "%6zu | ", line);
	for (size_t at = start; at < to && shown < EXCERPT_MAX; at += size, shown++) {
		uint32_t c = utf8_decode(yaml->text + at, to - at, &size);
		bool before = at < m->at;

		if (hide[at - from]) {
			size = 1;
			if (at > start && hide[at - 1 - from])
				continue;
			buf_puts(out, "***");
			if (before)
				buf_puts(&caret, "   ");
			continue;
		}
		if (c == '\t')
			buf_putc(out, '\t');
		else if (codepoint_is_invisible(c) || (c == CODEPOINT_REPLACEMENT && size == 1))
			buf_putc(out, '?');
		else
			buf_put(out, yaml->text + at, size);
		if (before)
			buf_putc(&caret, c == '\t' ? '\t' : ' ');
	}
	buf_printf(out, "\n       | %s^\n", buf_text(&caret));
	buf_fini(&caret);
	free(hide);
}

static void put_mistake(const struct yaml *yaml, const struct mistake *m, struct buf *out)
{
	size_t line = 1, column = 1, from = 0, to, size;
	size_t at = m->at < yaml->len ? m->at : yaml->len;

	for (size_t i = 0; i < at; i++) {
		if (yaml->text[i] == '\n') {
			line++;
			from = i + 1;
		}
	}
	for (size_t i = from; i < at; i += size, column++)
		utf8_decode(yaml->text + i, yaml->len - i, &size);
	for (to = from; to < yaml->len && yaml->text[to] != '\n' && yaml->text[to] != '\r';)
		to++;
	buf_printf(out, "%s:%zu:%zu: %s%s\n", yaml->name, line, column,
	    m->is_warning ? "warning: " : "", m->text);
	if (m->has_place && to > from)
		put_excerpt(yaml, m, from, to, line, out);
}

static int by_place(const void *a, const void *b)
{
	const struct mistake *const *x = a, *const *y = b;

	if ((*x)->at != (*y)->at)
		return (*x)->at < (*y)->at ? -1 : 1;
	return *x < *y ? -1 : *x > *y; /* as they were found */
}

void yaml_report(struct yaml *yaml, FILE *to)
{
	const struct mistake **order = xcalloc(yaml->count + 1, sizeof(*order));
	struct buf out;

	buf_init(&out, 4 << 20);
	for (size_t i = 0; i < yaml->count; i++)
		order[i] = &yaml->mistakes[i];
	if (yaml->count > 0)
		qsort(order, yaml->count, sizeof(*order), by_place);
	for (size_t i = 0; i < yaml->count; i++)
		put_mistake(yaml, order[i], &out);
	if (yaml->errors + yaml->warnings > yaml->count)
		buf_printf(&out, "%s: and %zu more\n", yaml->name,
		    yaml->errors + yaml->warnings - yaml->count);
	fputs(buf_text(&out), to);
	fflush(to);
	buf_fini(&out);
	free(order);
}

/* ---- files and names ------------------------------------------------------------------------------------ */

const char *nearest_name(const char *name, const char *const *names, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(name) / 3 + 2; /* a third of the letters may be wrong */

	for (size_t i = 0; i < count; i++) {
		size_t distance = text_distance(name, names[i]);

		if (distance < least) {
			least = distance;
			best = names[i];
		}
	}
	return best;
}

char *read_file(const char *path, size_t max, size_t *len, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	struct buf text;
	char block[16384];
	ssize_t n = 0;

	if (fd < 0) {
		error_set(err, ERROR_IO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	buf_init(&text, max);
	buf_put(&text, "", 0);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		n = -1;
		errno = EISDIR;
	}
	while (n >= 0 && buf_ok(&text) && (n = read(fd, block, sizeof(block))) > 0)
		buf_put(&text, block, (size_t)n);
	explicit_bzero(block, sizeof(block));
	if (n < 0)
		error_set(err, ERROR_IO, "%s: %s", path, strerror(errno));
	else if (!buf_ok(&text))
		error_set(err, ERROR_TOO_LONG, "%s: larger than %zu bytes", path, max);
	close(fd);
	if (n < 0 || !buf_ok(&text)) {
		buf_fini(&text);
		return NULL;
	}
	*len = text.len;
	return text.data ? buf_take(&text) : xstrdup("");
}

char *path_under(const char *directory, const char *path)
{
	if (path[0] == '/' || text_is_empty(directory))
		return xstrdup(path);
	return xasprintf("%s/%s", directory, path);
}
