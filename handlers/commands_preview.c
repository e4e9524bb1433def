/* commands_preview - answers that say what an announcement would have covered: expect, expect … dry, edit. */
#include <inttypes.h>
#include <stdlib.h>

#include "config/base/memory.h"
#include "handlers/commands_internal.h"
#include "handlers/later.h"
#include "handlers/preview.h"

#define ANSWER_MAX (64 << 10) /* bytes */

/* Who is to be told what. The texts of ASKED are its own. */
struct telling {
	struct asked asked;
	command_put put;
	struct later *later;
	bool is_in_call; /* the command still runs: it takes the answer itself */
};

static void telling_free(void *ctx)
{
	struct telling *telling = ctx;

	later_end(telling->later, NULL);
	later_drop(telling->later);
	free((char *)telling->asked.actor.who);
	free((char *)telling->asked.actor.via);
	free((char *)telling->asked.actor.from);
	free((char *)telling->asked.channel);
	free((char *)telling->asked.thread_ts);
	free((char *)telling->asked.response_url);
	free((char *)telling->asked.zone);
	free(telling);
}

/* What was told is not told again. */
static void put_rest(
    const struct announcement *announcement, const struct preview *preview, struct buf *text)
{
	if (announcement->id != 0)
		buf_printf(text, "*H%" PRId64 "*: ", announcement->id);
	preview_put(preview, text);
}

static void put_whole(const struct desk *desk, const struct telling *telling,
    const struct announcement *announcement, const struct preview *preview, struct buf *text)
{
	telling->put(desk, &telling->asked, announcement, text);
	buf_putc(text, '\n');
	preview_put(preview, text);
}

static bool tell(struct desk *desk, void *ctx, const struct announcement *announcement,
    const struct preview *preview, struct error *err)
{
	struct telling *telling = ctx;
	struct buf text;
	bool ok = true;

	buf_init(&text, ANSWER_MAX);
	if (telling->later->was_told)
		put_rest(announcement, preview, &text);
	else
		put_whole(desk, telling, announcement, preview, &text);
	if (telling->is_in_call || later_is_awaited(telling->later))
		later_end(telling->later, cJSON_CreateString(buf_text(&text)));
	else
		ok = command_deliver(desk, &telling->asked, buf_text(&text), err);
	buf_fini(&text);
	return ok;
}

struct later *command_wish(const struct asked *asked, command_put put, struct preview_wish *wish)
{
	struct telling *telling = xcalloc(1, sizeof(*telling));
	struct later *later = later_new();

	telling->asked = *asked;
	telling->asked.actor.who = xstrdup(asked->actor.who);
	telling->asked.actor.via = xstrdup(asked->actor.via);
	telling->asked.actor.from = xstrdup(asked->actor.from);
	telling->asked.channel = xstrdup(asked->channel);
	telling->asked.thread_ts = xstrdup(asked->thread_ts);
	telling->asked.response_url = xstrdup(asked->response_url);
	telling->asked.zone = xstrdup(asked->zone);
	telling->put = put;
	telling->later = later_hold(later);
	telling->is_in_call = true;
	*wish = (struct preview_wish){.done = tell, .free = telling_free, .ctx = telling};
	return later;
}

void command_answer(struct desk *desk, const struct asked *asked, command_put put,
    const struct announcement *announcement, const struct preview_wish *wish, struct later *later,
    struct buf *answer)
{
	if (later->is_over) { /* and WISH's context is freed */
		if (later->answer != NULL)
			buf_puts(answer, later->answer->valuestring);
		else
			put(desk, asked, announcement, answer);
		later_drop(later);
		return;
	}
	((struct telling *)wish->ctx)->is_in_call = false;
	put(desk, asked, announcement, answer);
	later_drop(desk_take_later(desk));
	desk->later = later;
}
