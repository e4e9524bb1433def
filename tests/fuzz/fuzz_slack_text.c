/* Any bytes through every door of slack_text: no crash, and what comes out is inert. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/card.h"
#include "handlers/slack_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void put(void (*door)(struct buf *buf, const char *text, size_t units), const char *text, size_t units, const char *never)
{
	struct buf buf;

	buf_init(&buf, 1 << 20);
	door(&buf, text, units);
	demand(buf_ok(&buf) && !text_has_invisible(buf_text(&buf)));
	demand(never == NULL || strpbrk(buf_text(&buf), never) == NULL);
	buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t units = size > 0 ? data[0] * 16u : 0;
	char *text = xstrndup((const char *)data, size);
	char *plain = slack_plain(text, units);
	cJSON *body = cJSON_CreateObject();
	struct buf buf;

	put(buf_put_mrkdwn, text, units, "<>`\n");
	put(buf_put_escaped, text, units, "<>\n");
	put(buf_put_plain, text, units, "\n");
	put(buf_put_code, text, units, "<>\n");
	buf_init(&buf, 1 << 20);
	buf_put_link(&buf, text, text);
	buf_put_person(&buf, NULL, text);
	buf_fini(&buf);
	demand(strlen(plain) <= units);
	card_put_answer(text, false, body);
	cJSON_Delete(body);
	free(plain);
	free(text);
	return 0;
}
