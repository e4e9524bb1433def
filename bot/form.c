#include "bot/form.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"

static void put_encoded(struct buf *form, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c) != NULL) {
			buf_putc(form, (char)c);
			continue;
		}
		buf_putc(form, '%');
		buf_putc(form, hex[c >> 4]);
		buf_putc(form, hex[c & 15]);
	}
}

void form_put(struct buf *form, const char *name, const char *value)
{
	if (form->len > 0)
		buf_putc(form, '&');
	put_encoded(form, name);
	buf_putc(form, '=');
	put_encoded(form, value);
}

void form_put_object(struct buf *form, const cJSON *object)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return;
	cJSON_ArrayForEach(member, object)
	{
		char *value;

		if (cJSON_IsNull(member))
			continue;
		value = cJSON_IsObject(member) || cJSON_IsArray(member) ? json_write(member)
									: json_scalar(member);
		if (value != NULL)
			form_put(form, member->string, value);
		free(value);
	}
}
