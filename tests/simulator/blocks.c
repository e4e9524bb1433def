/*
 * blocks - Block Kit's rules as Slack checks them: docs.slack.dev/reference/block-kit. Lengths
 * count UTF-16 units of the escaped text, the larger of the readings. What is not in a table is
 * refused, as Slack refuses additional properties.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

#define PROBLEMS_MAX 20
#define BLOCKS_PER_MESSAGE 50
#define BLOCKS_PER_VIEW 100
#define TEXT_MAX 3000
#define NAMES_MAX 400 /* ids compared for being unique */

/* clang-format off */
enum kind {
	ANY, STRING, FREE_STRING, /* may be empty */
	BOOL, INT, WORD, URL, PLAIN, TEXT, FIELDS, OPTION, OPTIONS, GROUPS, CONFIRM,
	ELEMENT, ACCESSORY, ACTIONS, CONTEXT, INPUT, RICH
};
/* clang-format on */
struct prop {
	const char *name;
	enum kind kind;
	bool required;
	size_t max;        /* characters, or items */
	const char *words; /* WORD: " primary danger " */
};
struct shape {
	const char *type;
	unsigned where; /* enum sim_surface for blocks, enum place for elements */
	struct prop props[12];
};
enum place { IN_ACTIONS = 1, IN_SECTION = 2, IN_INPUT = 4, IN_CONTEXT = 8 };

/* clang-format off */
#define ALL (SIM_MESSAGE | SIM_MODAL | SIM_HOME)
#define BLOCK_ID {"block_id", STRING, false, 255, NULL}
#define ACTION_ID {"action_id", STRING, false, 255, NULL}
#define PLACEHOLDER {"placeholder", PLAIN, false, 150, NULL}
#define FOCUS {"focus_on_load", BOOL, false, 0, NULL}
#define ASK {"confirm", CONFIRM, false, 0, NULL}
/* clang-format on */

static const struct shape blocks[] = {
    {"section", ALL,
	{BLOCK_ID, {"text", TEXT, false, 3000, NULL}, {"fields", FIELDS, false, 10, NULL},
	    {"accessory", ACCESSORY, false, 0, NULL}, {"expand", BOOL, false, 0, NULL}}},
    {"header", ALL, {BLOCK_ID, {"text", PLAIN, true, 150, NULL}}},
    {"context", ALL, {BLOCK_ID, {"elements", CONTEXT, true, 10, NULL}}},
    {"actions", ALL, {BLOCK_ID, {"elements", ACTIONS, true, 25, NULL}}},
    {"divider", ALL, {BLOCK_ID}},
    {"image", ALL,
	{BLOCK_ID, {"image_url", URL, false, 3000, NULL}, {"slack_file", ANY, false, 0, NULL},
	    {"alt_text", STRING, true, 2000, NULL}, {"title", PLAIN, false, 2000, NULL}}},
    {"input", ALL,
	{BLOCK_ID, {"label", PLAIN, true, 2000, NULL}, {"element", INPUT, true, 0, NULL},
	    {"hint", PLAIN, false, 2000, NULL}, {"optional", BOOL, false, 0, NULL},
	    {"dispatch_action", BOOL, false, 0, NULL}}},
    {"rich_text", ALL, {BLOCK_ID, {"elements", RICH, true, 0, NULL}}},
    {"markdown", SIM_MESSAGE, {BLOCK_ID, {"text", STRING, true, 12000, NULL}}},
    {"table", SIM_MESSAGE,
	{BLOCK_ID, {"rows", ANY, true, 100, NULL}, {"column_settings", ANY, false, 0, NULL}}},
};
static const struct shape elements[] = {
    {"button", IN_ACTIONS | IN_SECTION,
	{ACTION_ID, {"text", PLAIN, true, 75, NULL}, {"value", STRING, false, 2000, NULL},
	    {"url", URL, false, 3000, NULL}, {"style", WORD, false, 0, " primary danger "}, ASK,
	    {"accessibility_label", STRING, false, 75, NULL}}},
    {"overflow", IN_ACTIONS | IN_SECTION, {ACTION_ID, {"options", OPTIONS, true, 5, NULL}, ASK}},
    {"static_select", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"options", OPTIONS, false, 100, NULL},
	    {"option_groups", GROUPS, false, 100, NULL},
	    {"initial_option", OPTION, false, 75, NULL}, ASK, FOCUS}},
    {"multi_static_select", IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"options", OPTIONS, false, 100, NULL},
	    {"option_groups", GROUPS, false, 100, NULL},
	    {"initial_options", OPTIONS, false, 100, NULL},
	    {"max_selected_items", INT, false, 0, NULL}, ASK, FOCUS}},
    {"external_select", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_option", OPTION, false, 75, NULL},
	    {"min_query_length", INT, false, 0, NULL}, ASK, FOCUS}},
    {"users_select", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_user", STRING, false, 255, NULL}, ASK, FOCUS}},
    {"multi_users_select", IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_users", ANY, false, 0, NULL},
	    {"max_selected_items", INT, false, 0, NULL}, ASK, FOCUS}},
    {"conversations_select", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_conversation", STRING, false, 255, NULL},
	    {"default_to_current_conversation", BOOL, false, 0, NULL},
	    {"response_url_enabled", BOOL, false, 0, NULL}, {"filter", ANY, false, 0, NULL}, ASK,
	    FOCUS}},
    {"channels_select", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_channel", STRING, false, 255, NULL},
	    {"response_url_enabled", BOOL, false, 0, NULL}, ASK, FOCUS}},
    {"checkboxes", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, {"options", OPTIONS, true, 10, NULL},
	    {"initial_options", OPTIONS, false, 10, NULL}, ASK, FOCUS}},
    {"radio_buttons", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, {"options", OPTIONS, true, 10, NULL},
	    {"initial_option", OPTION, false, 75, NULL}, ASK, FOCUS}},
    {"datepicker", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_date", STRING, false, 10, NULL}, ASK, FOCUS}},
    {"timepicker", IN_ACTIONS | IN_SECTION | IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_time", STRING, false, 5, NULL},
	    {"timezone", STRING, false, 100, NULL}, ASK, FOCUS}},
    {"datetimepicker", IN_ACTIONS | IN_INPUT,
	{ACTION_ID, {"initial_date_time", INT, false, 0, NULL}, ASK, FOCUS}},
    {"plain_text_input", IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_value", FREE_STRING, false, 3000, NULL},
	    {"multiline", BOOL, false, 0, NULL}, {"min_length", INT, false, 3000, NULL},
	    {"max_length", INT, false, 3000, NULL}, {"dispatch_action_config", ANY, false, 0, NULL},
	    FOCUS}},
    {"number_input", IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"is_decimal_allowed", BOOL, true, 0, NULL},
	    {"initial_value", STRING, false, 3000, NULL}, {"min_value", STRING, false, 3000, NULL},
	    {"max_value", STRING, false, 3000, NULL},
	    {"dispatch_action_config", ANY, false, 0, NULL}, FOCUS}},
    {"email_text_input", IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_value", STRING, false, 3000, NULL},
	    {"dispatch_action_config", ANY, false, 0, NULL}, FOCUS}},
    {"url_text_input", IN_INPUT,
	{ACTION_ID, PLACEHOLDER, {"initial_value", STRING, false, 3000, NULL},
	    {"dispatch_action_config", ANY, false, 0, NULL}, FOCUS}},
    {"image", IN_SECTION | IN_CONTEXT,
	{{"image_url", URL, false, 3000, NULL}, {"slack_file", ANY, false, 0, NULL},
	    {"alt_text", STRING, true, 2000, NULL}}},
};
static const struct prop option_props[] = {{"text", TEXT, true, 75, NULL},
    {"value", STRING, true, 150, NULL}, {"description", TEXT, false, 75, NULL},
    {"url", URL, false, 3000, NULL}, {NULL, ANY, false, 0, NULL}};
static const struct prop group_props[] = {{"label", PLAIN, true, 75, NULL},
    {"options", OPTIONS, true, 100, NULL}, {NULL, ANY, false, 0, NULL}};
static const struct prop confirm_props[] = {{"title", PLAIN, true, 100, NULL},
    {"text", TEXT, true, 300, NULL}, {"confirm", PLAIN, true, 30, NULL},
    {"deny", PLAIN, true, 30, NULL}, {"style", WORD, false, 0, " primary danger "},
    {NULL, ANY, false, 0, NULL}};
static const struct prop modal_props[] = {{"type", STRING, true, 24, NULL},
    {"title", PLAIN, true, 24, NULL}, {"submit", PLAIN, false, 24, NULL},
    {"close", PLAIN, false, 24, NULL}, {"blocks", ANY, true, 0, NULL},
    {"private_metadata", FREE_STRING, false, 3000, NULL},
    {"callback_id", FREE_STRING, false, 255, NULL}, {"external_id", FREE_STRING, false, 255, NULL},
    {"clear_on_close", BOOL, false, 0, NULL}, {"notify_on_close", BOOL, false, 0, NULL},
    {"submit_disabled", BOOL, false, 0, NULL}, {NULL, ANY, false, 0, NULL}};
static const struct prop home_props[] = {{"type", STRING, true, 24, NULL},
    {"blocks", ANY, true, 0, NULL}, {"private_metadata", FREE_STRING, false, 3000, NULL},
    {"callback_id", FREE_STRING, false, 255, NULL}, {"external_id", FREE_STRING, false, 255, NULL},
    {NULL, ANY, false, 0, NULL}};

struct check {
	cJSON *problems;
	struct buf at; /* where we are: "/blocks/0/text" */
	size_t characters;
	enum sim_surface surface;
	const char *names[NAMES_MAX]; /* block_ids */
	size_t name_count;
	bool has_input;
};

static size_t step(struct check *check, const char *name)
{
	size_t before = check->at.len;

	buf_printf(&check->at, "/%s", name);
	return before;
}

static size_t step_index(struct check *check, size_t index)
{
	size_t before = check->at.len;

	buf_printf(&check->at, "/%zu", index);
	return before;
}

static void step_back(struct check *check, size_t before)
{
	if (before == 0) {
		buf_reset(&check->at);
		return;
	}
	check->at.len = before;
	check->at.data[before] = '\0';
}

__attribute__((format(printf, 2, 3))) static void problem(
    struct check *check, const char *format, ...)
{
	char what[256];
	char *text;
	va_list args;

	if (cJSON_GetArraySize(check->problems) >= PROBLEMS_MAX)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	text = xasprintf("%s [json-pointer:%s]", what, buf_text(&check->at));
	cJSON_AddItemToArray(check->problems, cJSON_CreateString(text));
	free(text);
}

static void check_props(struct check *check, const cJSON *object, const struct prop *props,
    size_t count, const char *type);
static void check_element(struct check *check, const cJSON *element, unsigned place);

static void check_length(struct check *check, const char *text, size_t max, bool may_be_empty)
{
	size_t length = utf16_length(text, strlen(text));

	if (length == 0 && !may_be_empty)
		problem(check, "must be more than 0 characters");
	if (length > max)
		problem(check, "must be less than %zu characters", max + 1);
}

static void check_string(struct check *check, const cJSON *item, size_t max, bool may_be_empty)
{
	if (!cJSON_IsString(item)) {
		problem(check, "must provide a string");
		return;
	}
	check_length(check, item->valuestring, max, may_be_empty);
}

static void check_url(struct check *check, const cJSON *item, size_t max)
{
	check_string(check, item, max, false);
	if (cJSON_IsString(item) && strncmp(item->valuestring, "http://", 7) != 0 &&
	    strncmp(item->valuestring, "https://", 8) != 0)
		problem(check, "must be a valid URL");
}

/* What may stand between < and > in mrkdwn has a shape; an open control sequence is shown as it is,
 * so nothing is refused for that. */
static void check_text(struct check *check, const cJSON *object, bool plain_only, size_t max)
{
	const char *type = sim_text(object, "type");
	const cJSON *item;
	bool is_plain;
	size_t before;

	if (!cJSON_IsObject(object)) {
		problem(check, "must provide an object");
		return;
	}
	if (type == NULL) {
		problem(check, "missing required field: type");
		return;
	}
	is_plain = strcmp(type, "plain_text") == 0;
	if (!is_plain && (plain_only || strcmp(type, "mrkdwn") != 0)) {
		before = step(check, "type");
		problem(check, "must be a valid enum value");
		step_back(check, before);
	}
	cJSON_ArrayForEach(item, object)
	{
		bool known = strcmp(item->string, "type") == 0 ||
			     strcmp(item->string, "text") == 0 ||
			     strcmp(item->string, is_plain ? "emoji" : "verbatim") == 0;

		if (!known)
			problem(check, "invalid additional property: %s", item->string);
		else if (item != sim_get(object, "type") && item != sim_get(object, "text") &&
			 !cJSON_IsBool(item))
			problem(check, "must provide a boolean");
	}
	item = sim_get(object, "text");
	if (item == NULL) {
		problem(check, "missing required field: text");
		return;
	}
	before = step(check, "text");
	check_string(check, item, max, false);
	if (cJSON_IsString(item))
		check->characters += utf16_length(item->valuestring, strlen(item->valuestring));
	step_back(check, before);
}

static void check_option(struct check *check, const cJSON *option)
{
	check_props(check, option, option_props, 4, NULL);
}

/* Items 1 to MAX, each looked at by ONE. */
static void check_list(
    struct check *check, const cJSON *list, size_t max, void (*one)(struct check *, const cJSON *))
{
	const cJSON *item;
	size_t i = 0;

	if (!cJSON_IsArray(list)) {
		problem(check, "must provide an array");
		return;
	}
	if (cJSON_GetArraySize(list) < 1)
		problem(check, "no less than 1 items allowed");
	if ((size_t)cJSON_GetArraySize(list) > max)
		problem(check, "no more than %zu items allowed", max);
	cJSON_ArrayForEach(item, list)
	{
		size_t before = step_index(check, i++);

		one(check, item);
		step_back(check, before);
		if (cJSON_GetArraySize(check->problems) >= PROBLEMS_MAX)
			return;
	}
}

static void check_group(struct check *check, const cJSON *group)
{
	check_props(check, group, group_props, 2, NULL);
}

static void check_field(struct check *check, const cJSON *field)
{
	check_text(check, field, false, 2000);
}

static void check_action(struct check *check, const cJSON *element)
{
	check_element(check, element, IN_ACTIONS);
}

static void check_context(struct check *check, const cJSON *element)
{
	const char *type = sim_text(element, "type");

	if (type != NULL && strcmp(type, "image") == 0)
		check_element(check, element, IN_CONTEXT);
	else
		check_text(check, element, false, TEXT_MAX);
}

/* One inline element of rich text: text, link, emoji, user, … */
static void check_inline(struct check *check, const cJSON *element)
{
	static const char *const types =
	    " text link emoji user usergroup channel team broadcast date color ";
	const char *type = sim_text(element, "type"), *text = sim_text(element, "text");
	char padded[40];

	snprintf(padded, sizeof(padded), " %s ", type != NULL ? type : "?");
	if (!cJSON_IsObject(element) || type == NULL || strstr(types, padded) == NULL) {
		problem(check, "unsupported type: %s", type != NULL ? type : "(none)");
		return;
	}
	if (strcmp(type, "text") == 0 && text == NULL)
		problem(check, "missing required field: text");
	if (strcmp(type, "link") == 0 && sim_text(element, "url") == NULL)
		problem(check, "missing required field: url");
	if (text != NULL) {
		if (text[0] == '\0')
			problem(check, "must be more than 0 characters");
		check->characters += utf16_length(text, strlen(text));
	}
}

static void check_rich(struct check *check, const cJSON *element)
{
	const char *type = sim_text(element, "type");
	const cJSON *inner = sim_get(element, "elements"), *item;
	bool is_list = type != NULL && strcmp(type, "rich_text_list") == 0;
	size_t before, i = 0;

	if (type == NULL || (!is_list && strcmp(type, "rich_text_section") != 0 &&
				strcmp(type, "rich_text_preformatted") != 0 &&
				strcmp(type, "rich_text_quote") != 0)) {
		problem(check, "unsupported type: %s", type != NULL ? type : "(none)");
		return;
	}
	before = step(check, "elements");
	if (!cJSON_IsArray(inner))
		problem(check, "must provide an array");
	cJSON_ArrayForEach(item, inner)
	{
		size_t here = step_index(check, i++);
		const char *inner_type = sim_text(item, "type");

		/* A list holds sections, which hold no lists: two levels, no recursion over what
		 * comes from outside. */
		if (is_list && inner_type != NULL && strcmp(inner_type, "rich_text_section") == 0) {
			const cJSON *leaf;

			cJSON_ArrayForEach(leaf, sim_get(item, "elements"))
			    check_inline(check, leaf);
		} else if (is_list) {
			problem(check, "unsupported type: %s",
			    inner_type != NULL ? inner_type : "(none)");
		} else {
			check_inline(check, item);
		}
		step_back(check, here);
	}
	step_back(check, before);
}

static void check_value(struct check *check, const cJSON *item, const struct prop *prop)
{
	char padded[64];

	switch (prop->kind) {
	case ANY:
		break;
	case STRING:
		check_string(check, item, prop->max, false);
		break;
	case FREE_STRING:
		check_string(check, item, prop->max, true);
		break;
	case BOOL:
		if (!cJSON_IsBool(item))
			problem(check, "must provide a boolean");
		break;
	case INT:
		if (!cJSON_IsNumber(item))
			problem(check, "must provide an integer");
		else if (prop->max > 0 &&
			 (item->valuedouble < 0 || item->valuedouble > (double)prop->max))
			problem(check, "must be no more than %zu", prop->max);
		break;
	case WORD:
		snprintf(
		    padded, sizeof(padded), " %s ", cJSON_IsString(item) ? item->valuestring : "?");
		if (strstr(prop->words, padded) == NULL)
			problem(check, "must be a valid enum value");
		break;
	case URL:
		check_url(check, item, prop->max);
		break;
	case PLAIN:
		check_text(check, item, true, prop->max);
		break;
	case TEXT:
		check_text(check, item, false, prop->max);
		break;
	case FIELDS:
		check_list(check, item, prop->max, check_field);
		break;
	case OPTION:
		check_option(check, item);
		break;
	case OPTIONS:
		check_list(check, item, prop->max, check_option);
		break;
	case GROUPS:
		check_list(check, item, prop->max, check_group);
		break;
	case CONFIRM:
		check_props(check, item, confirm_props, 5, NULL);
		break;
	case ELEMENT:
		check_element(check, item, IN_ACTIONS | IN_SECTION | IN_INPUT);
		break;
	case ACCESSORY:
		check_element(check, item, IN_SECTION);
		break;
	case INPUT:
		check_element(check, item, IN_INPUT);
		break;
	case ACTIONS:
		check_list(check, item, prop->max, check_action);
		break;
	case CONTEXT:
		check_list(check, item, prop->max, check_context);
		break;
	case RICH:
		check_list(check, item, 100, check_rich);
		break;
	}
}

/* TYPE: what "type" must be, NULL when the object has none of its own. */
static void check_props(struct check *check, const cJSON *object, const struct prop *props,
    size_t count, const char *type)
{
	const cJSON *item;
	size_t i, before;

	if (!cJSON_IsObject(object)) {
		problem(check, "must provide an object");
		return;
	}
	cJSON_ArrayForEach(item, object)
	{
		for (i = 0; i < count && props[i].name != NULL; i++) {
			if (strcmp(props[i].name, item->string) == 0)
				break;
		}
		if (i < count && props[i].name != NULL) {
			if (cJSON_IsNull(item) && !props[i].required)
				continue;
			before = step(check, item->string);
			check_value(check, item, &props[i]);
			step_back(check, before);
		} else if (type == NULL || strcmp(item->string, "type") != 0) {
			problem(check, "invalid additional property: %.100s", item->string);
		}
	}
	for (i = 0; i < count && props[i].name != NULL; i++) {
		if (props[i].required && sim_get(object, props[i].name) == NULL)
			problem(check, "missing required field: %s", props[i].name);
	}
}

static const struct shape *shape_find(const struct shape *shapes, size_t count, const char *type)
{
	size_t i;

	for (i = 0; type != NULL && i < count; i++) {
		if (strcmp(shapes[i].type, type) == 0)
			return &shapes[i];
	}
	return NULL;
}

static void check_element(struct check *check, const cJSON *element, unsigned place)
{
	const char *type = sim_text(element, "type");
	const struct shape *shape =
	    shape_find(elements, sizeof(elements) / sizeof(elements[0]), type);

	if (!cJSON_IsObject(element)) {
		problem(check, "must provide an object");
		return;
	}
	if (type == NULL) {
		problem(check, "missing required field: type");
		return;
	}
	if (shape == NULL || (shape->where & place) == 0) {
		problem(check, "unsupported type: %.60s", type);
		return;
	}
	check_props(
	    check, element, shape->props, sizeof(shape->props) / sizeof(shape->props[0]), type);
	if (strstr(type, "static_select") != NULL && sim_get(element, "options") == NULL &&
	    sim_get(element, "option_groups") == NULL)
		problem(check, "missing required field: options");
	if (strcmp(type, "image") == 0 && sim_get(element, "image_url") == NULL &&
	    sim_get(element, "slack_file") == NULL)
		problem(check, "missing required field: image_url");
}

/* block_ids are unique in a message, action_ids in a block. */
static void check_names(struct check *check, const cJSON *block)
{
	const char *id = sim_text(block, "block_id");
	const cJSON *one, *other;
	size_t i;

	for (i = 0; id != NULL && i < check->name_count; i++) {
		if (strcmp(check->names[i], id) == 0)
			problem(check, "block_id `%.100s` already exists", id);
	}
	if (id != NULL && check->name_count < NAMES_MAX)
		check->names[check->name_count++] = id;
	cJSON_ArrayForEach(one, sim_get(block, "elements"))
	{
		const char *action = sim_text(one, "action_id");

		for (other = one->next; action != NULL && other != NULL; other = other->next) {
			if (text_equal(sim_text(other, "action_id"), action))
				problem(
				    check, "action_id `%.100s` already exists for block", action);
		}
	}
}

static void check_block(struct check *check, const cJSON *block)
{
	const char *type = sim_text(block, "type");
	const struct shape *shape = shape_find(blocks, sizeof(blocks) / sizeof(blocks[0]), type);

	if (!cJSON_IsObject(block)) {
		problem(check, "must provide an object");
		return;
	}
	if (type == NULL) {
		problem(check, "missing required field: type");
		return;
	}
	if (shape == NULL || (shape->where & check->surface) == 0) {
		problem(check, "unsupported type: %.60s", type);
		return;
	}
	check_props(
	    check, block, shape->props, sizeof(shape->props) / sizeof(shape->props[0]), type);
	check_names(check, block);
	if (strcmp(type, "section") == 0 && sim_get(block, "text") == NULL &&
	    sim_get(block, "fields") == NULL)
		problem(check, "missing required field: text");
	if (strcmp(type, "input") == 0)
		check->has_input = true;
	if (strcmp(type, "markdown") == 0 && sim_text(block, "text") != NULL)
		check->characters +=
		    utf16_length(sim_text(block, "text"), strlen(sim_text(block, "text")));
}

static void check_blocks(struct check *check, const cJSON *list)
{
	size_t max = check->surface == SIM_MESSAGE ? BLOCKS_PER_MESSAGE : BLOCKS_PER_VIEW, i = 0;
	const cJSON *block;

	if (!cJSON_IsArray(list)) {
		problem(check, "must provide an array");
		return;
	}
	if ((size_t)cJSON_GetArraySize(list) > max)
		problem(check, "no more than %zu items allowed", max);
	cJSON_ArrayForEach(block, list)
	{
		size_t before = step_index(check, i++);

		check_block(check, block);
		step_back(check, before);
		if (cJSON_GetArraySize(check->problems) >= PROBLEMS_MAX)
			return;
	}
}

static void check_init(
    struct check *check, enum sim_surface surface, const char *pointer, cJSON *problems)
{
	memset(check, 0, sizeof(*check));
	check->surface = surface;
	check->problems = problems;
	buf_init(&check->at, 65536);
	buf_puts(&check->at, pointer);
}

void sim_blocks_check(const cJSON *list, enum sim_surface surface, const char *pointer,
    cJSON *problems, size_t *characters)
{
	struct check check;

	check_init(&check, surface, pointer, problems);
	check_blocks(&check, list);
	*characters += check.characters;
	buf_fini(&check.at);
}

void sim_view_check(const cJSON *view, bool is_home, cJSON *problems)
{
	struct check check;
	size_t before;

	check_init(&check, is_home ? SIM_HOME : SIM_MODAL, "/view", problems);
	if (!text_equal(sim_text(view, "type"), is_home ? "home" : "modal"))
		problem(&check, "must be a valid view type");
	check_props(&check, view, is_home ? home_props : modal_props, is_home ? 5 : 11, NULL);
	before = step(&check, "blocks");
	check_blocks(&check, sim_get(view, "blocks"));
	step_back(&check, before);
	if (!is_home && check.has_input && sim_get(view, "submit") == NULL)
		problem(&check, "missing required field: submit");
	buf_fini(&check.at);
}

/* ---- what Slack adds ------------------------------------------------------------------------- */

static void fill_text(cJSON *text)
{
	const char *type = sim_text(text, "type");

	if (type == NULL || sim_get(text, "text") == NULL)
		return;
	if (strcmp(type, "mrkdwn") == 0 && sim_get(text, "verbatim") == NULL)
		sim_put_bool(text, "verbatim", false);
	if (strcmp(type, "plain_text") == 0 && sim_get(text, "emoji") == NULL)
		sim_put_bool(text, "emoji", true);
}

static void fill_id(cJSON *object, const char *name)
{
	char id[6];

	if (sim_get(object, name) != NULL)
		return;
	sim_random(
	    id, sizeof(id), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=+/");
	sim_put(object, name, id);
}

static void fill_element(cJSON *element)
{
	const char *type = sim_text(element, "type");
	cJSON *option;

	if (type == NULL)
		return;
	fill_text(element); /* a context's text is one itself */
	fill_text(cJSON_GetObjectItemCaseSensitive(element, "text"));
	fill_text(cJSON_GetObjectItemCaseSensitive(element, "placeholder"));
	cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(element, "options"))
	    fill_text(cJSON_GetObjectItemCaseSensitive(option, "text"));
	if (strcmp(type, "plain_text") != 0 && strcmp(type, "mrkdwn") != 0 &&
	    strcmp(type, "image") != 0 && strncmp(type, "rich_text", 9) != 0)
		fill_id(element, "action_id");
}

void sim_blocks_fill(cJSON *list)
{
	cJSON *block, *item;

	cJSON_ArrayForEach(block, list)
	{
		fill_id(block, "block_id");
		fill_text(cJSON_GetObjectItemCaseSensitive(block, "text"));
		fill_text(cJSON_GetObjectItemCaseSensitive(block, "label"));
		cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(block, "fields"))
		    fill_text(item);
		cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(block, "elements"))
		    fill_element(item);
		fill_element(cJSON_GetObjectItemCaseSensitive(block, "accessory"));
		fill_element(cJSON_GetObjectItemCaseSensitive(block, "element"));
	}
}
