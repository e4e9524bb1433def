#include "bot/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/form.h"
#include "bot/slack_error.h"
#include "config/base/buf.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define CURSOR_MAX 1024
#define PROBLEM_MAX 256

struct found {
	int64_t word;
	char ts[32];
};

/* One reading of a channel or a thread. */
struct look {
	struct looks *looks;
	struct look *next, **link;
	char *name;    /* as asked for: id or #name */
	char *channel; /* id; NULL until it is known */
	char *thread;
	int64_t oldest;
	uint64_t generation, ended_at; /* ENDED_AT 0: under way */
	struct web_call *call;
	int pages;
	char *cursor;
	struct found *found;
	size_t found_count;
	enum look_result
	    result; /* of the reading as a whole: LOOK_NOT_FOUND when it was read to the end */
	char problem[PROBLEM_MAX];
	int64_t retry_after_s;
	struct look_wait *waits;
};

struct look_wait {
	struct look *look;
	struct look_wait *next, **link;
	int64_t word;
	look_done done;
	void *ctx;
};

struct looks {
	struct loop *loop;
	struct web *web;
	const struct config *config;
	struct look *first;
	uint64_t generation;
	uv_timer_t timer; /* answers what is known already: later, as a callback must */
};

static void read_page(struct look *look);

/* ---- telling --------------------------------------------------------------------------------- */

static void look_free(struct look *look)
{
	*look->link = look->next;
	if (look->next != NULL)
		look->next->link = look->link;
	while (look->waits != NULL)
		look_cancel(look->waits);
	web_cancel(look->call);
	free(look->name);
	free(look->channel);
	free(look->thread);
	free(look->cursor);
	free(look->found);
	free(look);
}

void look_cancel(struct look_wait *wait)
{
	if (wait == NULL)
		return;
	*wait->link = wait->next;
	if (wait->next != NULL)
		wait->next->link = wait->link;
	free(wait);
}

static void tell(struct look *look, struct look_wait *wait)
{
	struct look_answer answer = {
	    .result = look->result,
	    .channel = look->channel,
	    .problem = look->problem,
	    .retry_after_s = look->retry_after_s,
	};
	look_done done = wait->done;
	void *ctx = wait->ctx;

	/* What was found counts even when the rest could not be read. */
	for (size_t i = 0; i < look->found_count; i++) {
		if (look->found[i].word != wait->word)
			continue;
		answer.result = LOOK_FOUND;
		answer.ts = look->found[i].ts;
	}
	look_cancel(wait);
	done(ctx, &answer);
}

static void on_timer(uv_timer_t *timer)
{
	struct looks *looks = timer->data;
	uint64_t now = uv_now(looks->loop->uv);

	for (struct look *look = looks->first, *next; look != NULL; look = next) {
		next = look->next;
		if (look->ended_at == 0)
			continue;
		while (look->waits != NULL)
			tell(look, look->waits);
		if (look->result >= LOOK_REFUSED || look->generation != looks->generation ||
		    now - look->ended_at >= LOOK_KEEP_MS)
			look_free(look);
		else
			uv_timer_start(&looks->timer, on_timer, LOOK_KEEP_MS, 0);
	}
}

static void tell_soon(struct looks *looks)
{
	uv_timer_start(&looks->timer, on_timer, 0, 0);
}

static void end(struct look *look, enum look_result result)
{
	look->result = result;
	look->ended_at = uv_now(look->looks->loop->uv);
	if (look->ended_at == 0)
		look->ended_at = 1;
	tell_soon(look->looks);
}

/* ---- reading: docs.slack.dev/reference/methods/conversations.history ------------------------- */

static void take_messages(struct look *look, const cJSON *json)
{
	const cJSON *message;

	cJSON_ArrayForEach(message, json_get(json, "messages"))
	{
		const cJSON *metadata = json_get(message, "metadata");
		const char *ts = json_text(message, "ts");
		int64_t word;

		if (ts == NULL || !text_equal(json_text(metadata, "event_type"), "headsup_word") ||
		    !json_int(json_get(metadata, "event_payload"), "word", &word))
			continue;
		look->found =
		    xreallocarray(look->found, look->found_count + 1, sizeof(*look->found));
		look->found[look->found_count].word = word;
		snprintf(look->found[look->found_count++].ts, sizeof(look->found->ts), "%s", ts);
	}
}

static void take_channels(struct look *look, const cJSON *json)
{
	const cJSON *channel;

	cJSON_ArrayForEach(channel, json_get(json, "channels"))
	{
		const char *name = json_text(channel, "name"), *id = json_text(channel, "id");

		if (id != NULL && text_equal(name, look->name + 1) && look->channel == NULL)
			look->channel = xstrdup(id);
	}
}

/* Goes on to the next page where there is one; NULL cursor: it was the last. */
static bool take_cursor(struct look *look, const cJSON *json)
{
	const char *cursor = json_text(json_get(json, "response_metadata"), "next_cursor");

	if (text_is_empty(cursor) || strlen(cursor) > CURSOR_MAX)
		cursor = NULL;
	replace_text(&look->cursor, cursor);
	return look->cursor != NULL && look->pages < LOOK_PAGES_MAX;
}

static void take_page(struct look *look, const cJSON *json)
{
	bool was_listing = look->channel == NULL;

	if (!was_listing) {
		take_messages(look, json);
		if (take_cursor(look, json))
			read_page(look);
		else
			end(look, LOOK_NOT_FOUND);
		return;
	}
	take_channels(look, json);
	if (look->channel != NULL) {
		replace_text(&look->cursor, NULL);
		look->pages = 0;
		read_page(look);
	} else if (take_cursor(look, json)) {
		read_page(look);
	} else {
		snprintf(look->problem, sizeof(look->problem), "no such channel is listed");
		end(look, LOOK_REFUSED);
	}
}

static const char *method_of(const struct look *look)
{
	if (look->channel == NULL)
		return "conversations.list";
	return look->thread != NULL ? "conversations.replies" : "conversations.history";
}

static void on_page(void *ctx, const struct web_answer *answer)
{
	struct look *look = ctx;
	cJSON *json = NULL;
	const char *error;
	enum slack_cure cure;

	look->call = NULL;
	look->retry_after_s = answer->retry_after_s;
	if (answer->status == 200)
		json = json_parse(answer->body, answer->body_len, NULL);
	if (cJSON_IsTrue(json_get(json, "ok"))) {
		take_page(look, json);
		cJSON_Delete(json);
		return;
	}
	error = json_text(json, "error");
	cure = error != NULL ? slack_cure(method_of(look), error) : CURE_RETRY;
	if (answer->problem != NULL)
		snprintf(look->problem, sizeof(look->problem), "%s", answer->problem);
	else
		snprintf(look->problem, sizeof(look->problem), "%s: %.64s (status %d)",
		    method_of(look), error != NULL ? error : "no answer that can be read",
		    answer->status);
	cJSON_Delete(json);
	/* A token that is refused will refuse the sending too: not now. */
	end(look, cure == CURE_RETRY || cure == CURE_WAIT || cure == CURE_TOKEN ? LOOK_FAILED
										: LOOK_REFUSED);
}

static void read_page(struct look *look)
{
	const struct slack_config *config = &look->looks->config->slack;
	char *url = xasprintf("%s%s", config->api_url, method_of(look));
	struct web_request request = {
	    .method = "POST",
	    .url = url,
	    .bearer = config->bot_token,
	    .content_type = FORM_TYPE,
	};
	struct buf form;

	buf_init(&form, 16384);
	if (look->channel == NULL) {
		form_put(&form, "types", "public_channel,private_channel");
		form_put(&form, "exclude_archived", "true");
		form_put(&form, "limit", "1000");
	} else {
		char oldest[32], limit[16];

		snprintf(oldest, sizeof(oldest), "%" PRId64 ".000000", look->oldest);
		snprintf(limit, sizeof(limit), "%d", LOOK_PAGE);
		form_put(&form, "channel", look->channel);
		if (look->thread != NULL)
			form_put(&form, "ts", look->thread);
		form_put(&form, "oldest", oldest);
		form_put(&form, "inclusive", "true");
		form_put(&form, "include_all_metadata", "true");
		form_put(&form, "limit", limit);
	}
	if (look->cursor != NULL)
		form_put(&form, "cursor", look->cursor);
	request.body = buf_text(&form);
	request.body_len = form.len;
	look->pages++;
	look->call = web_begin(look->looks->web, &request, on_page, look);
	buf_fini(&form);
	free(url);
}

/* ---- the door -------------------------------------------------------------------------------- */

static struct look *find_look(
    struct looks *looks, const char *channel, const char *thread, int64_t oldest)
{
	uint64_t now = uv_now(looks->loop->uv);

	for (struct look *look = looks->first; look != NULL; look = look->next) {
		if (look->generation == looks->generation && look->oldest <= oldest &&
		    text_equal(look->name, channel) && text_equal(look->thread, thread) &&
		    (look->ended_at == 0 || now - look->ended_at < LOOK_KEEP_MS))
			return look;
	}
	return NULL;
}

static struct look *look_new(
    struct looks *looks, const char *channel, const char *thread, int64_t oldest)
{
	struct look *look = xcalloc(1, sizeof(*look));

	look->looks = looks;
	look->name = xstrdup(channel);
	if (channel[0] != '#')
		look->channel = xstrdup(channel);
	look->thread = xstrdup(thread);
	look->oldest = oldest;
	look->generation = looks->generation;
	look->retry_after_s = -1;
	look->next = looks->first;
	look->link = &looks->first;
	if (look->next != NULL)
		look->next->link = &look->next;
	looks->first = look;
	read_page(look);
	return look;
}

struct look_wait *look_begin(struct looks *looks, const char *channel, const char *thread,
    int64_t created_at, int64_t word, look_done done, void *ctx)
{
	struct look_wait *wait = xcalloc(1, sizeof(*wait));
	int64_t oldest = created_at > LOOK_MARGIN_S ? created_at - LOOK_MARGIN_S : 0;
	struct look *look = find_look(looks, channel, thread, oldest);

	if (look == NULL)
		look = look_new(looks, channel, thread, oldest);
	wait->look = look;
	wait->word = word;
	wait->done = done;
	wait->ctx = ctx;
	wait->next = look->waits;
	wait->link = &look->waits;
	if (wait->next != NULL)
		wait->next->link = &wait->next;
	look->waits = wait;
	if (look->ended_at != 0)
		tell_soon(looks);
	return wait;
}

void looks_spoil(struct looks *looks)
{
	looks->generation++;
}

void looks_reload(struct looks *looks, const struct config *config)
{
	looks->config = config;
}

struct looks *looks_new(struct loop *loop, struct web *web, const struct config *config)
{
	struct looks *looks = xcalloc(1, sizeof(*looks));

	looks->loop = loop;
	looks->web = web;
	looks->config = config;
	uv_timer_init(loop->uv, &looks->timer);
	looks->timer.data = looks;
	return looks;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void looks_free(struct looks *looks)
{
	if (looks == NULL)
		return;
	while (looks->first != NULL)
		look_free(looks->first);
	uv_close((uv_handle_t *)&looks->timer, on_closed);
}
