#include "handlers/blocks.h"

#include <stdbool.h>

static cJSON *text_object(const char *type, const char *text)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "type", type);
	cJSON_AddStringToObject(object, "text", text);
	return object;
}

cJSON *blocks_plain(const char *text)
{
	cJSON *object = text_object("plain_text", text);

	cJSON_AddBoolToObject(object, "emoji", true);
	return object;
}

/* verbatim: Slack shall look for no links and names in it of its own. docs.slack.dev/reference/block-kit/composition-objects */
cJSON *blocks_mrkdwn(const char *text)
{
	cJSON *object = text_object("mrkdwn", text);

	cJSON_AddBoolToObject(object, "verbatim", true);
	return object;
}

cJSON *blocks_add(cJSON *blocks, const char *type, const char *id)
{
	cJSON *block = cJSON_CreateObject();

	cJSON_AddStringToObject(block, "type", type);
	if (id != NULL)
		cJSON_AddStringToObject(block, "block_id", id);
	cJSON_AddItemToArray(blocks, block);
	return block;
}

void blocks_add_section(cJSON *blocks, const char *id, const char *mrkdwn)
{
	cJSON_AddItemToObject(blocks_add(blocks, "section", id), "text", blocks_mrkdwn(mrkdwn));
}

void blocks_add_context(cJSON *blocks, const char *id, const char *mrkdwn)
{
	cJSON *elements = cJSON_AddArrayToObject(blocks_add(blocks, "context", id), "elements");

	cJSON_AddItemToArray(elements, blocks_mrkdwn(mrkdwn));
}

void blocks_add_button(cJSON *elements, const char *action, const char *label, const char *value, const char *style)
{
	cJSON *button = cJSON_CreateObject();

	cJSON_AddStringToObject(button, "type", "button");
	cJSON_AddStringToObject(button, "action_id", action);
	cJSON_AddItemToObject(button, "text", blocks_plain(label));
	cJSON_AddStringToObject(button, "value", value);
	if (style != NULL)
		cJSON_AddStringToObject(button, "style", style);
	cJSON_AddItemToArray(elements, button);
}
