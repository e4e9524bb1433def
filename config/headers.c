#include "config/headers.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/decode.h"

/* Parts of names: better one header too many unseen than one secret in a label. */
static const char *const secret_parts[] = {"authoriz", "x-auth", "cookie", "token", "secret",
    "signature", "passw", "credential", "api-key", "apikey", "access-key", "routing-key", NULL};

bool header_is_secret(const char *name)
{
	char *lower = text_lower(name);
	bool secret = false;

	for (size_t i = 0; secret_parts[i] != NULL && !secret; i++)
		secret = strstr(lower, secret_parts[i]) != NULL;
	free(lower);
	return secret;
}

const cJSON *headers_json(struct headers *headers)
{
	if (headers->json != NULL)
		return headers->json;
	headers->json = cJSON_CreateObject();
	for (size_t i = 0; i < headers->count && i < HEADERS_MAX; i++) {
		const struct format_header *header = &headers->list[i];
		char *name, *value;

		if (header->name == NULL || header->value == NULL ||
		    strlen(header->value) > HEADER_VALUE_MAX || header_is_secret(header->name))
			continue;
		name = text_lower(header->name);
		value = text_mend(header->value, strlen(header->value));
		json_put(headers->json, name, value);
		free(name);
		free(value);
	}
	return headers->json;
}

void headers_fini(struct headers *headers)
{
	cJSON_Delete(headers->json);
	headers->json = NULL;
}

void headers_add(struct headers *headers, const char *prefix, cJSON *object)
{
	const cJSON *header;

	cJSON_ArrayForEach(header, headers_json(headers))
	{
		char *value;

		if (!text_prefix(header->string, prefix) || header->string[strlen(prefix)] == '\0')
			continue;
		value = decode_percent(header->valuestring, strlen(header->valuestring), false);
		json_put(object, header->string + strlen(prefix), value);
		free(value);
	}
}
