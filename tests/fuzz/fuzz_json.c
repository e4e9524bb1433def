/* json_parse: what it takes is written as it is read, within its bounds; no byte of a text is lost
 * to a NUL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const cJSON *node, int depth)
{
	if (depth > JSON_DEPTH_MAX)
		abort();
	for (; node != NULL; node = node->next) {
		char *scalar = json_scalar(node);
		int64_t value;

		free(scalar);
		if (cJSON_IsObject(node) && node->child != NULL) {
			json_int(node, node->child->string, &value);
			json_true(node, node->child->string);
			if (json_get(node, node->child->string) == NULL)
				abort();
		}
		visit(node->child, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	cJSON *root = json_parse((const char *)data, size, &err), *again;
	char *text, *second;

	if (root == NULL) {
		if (err.kind == ERROR_NONE || err.text[0] == '\0')
			abort();
		return 0;
	}
	visit(root, 0);
	text = json_write(root);
	again = json_parse(text, strlen(text), &err);
	if (again == NULL)
		abort();
	second = json_write(again);
	if (strcmp(text, second) != 0)
		abort();
	json_at(root, text);
	free(text);
	free(second);
	cJSON_Delete(root);
	cJSON_Delete(again);
	return 0;
}
