/* api - Slack's Web API: docs.slack.dev/apis/web-api. A table of methods; what all of them share is
 * done once, before and after. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

#define POST_TEXT_MAX 40000     /* characters; docs.slack.dev/reference/methods/chat.postMessage */
#define UPDATE_TEXT_MAX 4000    /* …/chat.update: msg_too_long */
#define EPHEMERAL_TEXT_MAX 4000 /* bytes advised; taken as a limit */
#define ATTACHMENTS_MAX 100
#define METADATA_MAX 8000 /* bytes; Slack's own number is not told */
#define VIEW_MAX (250 * 1000)
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

struct api {
	struct sim *sim;
	struct sim_request *request;
	cJSON *args;
	cJSON *answer;     /* members besides ok */
	const char *error; /* NULL: ok */
	cJSON *messages;   /* of response_metadata, NULL: none */
	const char *warning;
	int status;
	int64_t retry_after;
};

enum token { TOKEN_NONE, TOKEN_BOT, TOKEN_APP, TOKEN_OTHER };

struct method {
	const char *name;
	bool is_read; /* arguments in a form or the query only */
	enum token token;
	void (*run)(struct api *api);
};

static void refuse(struct api *api, const char *error)
{
	if (api->error == NULL)
		api->error = error;
}

static void explain(struct api *api, const char *what)
{
	char *text = xasprintf("[ERROR] %s", what);

	if (api->messages == NULL)
		api->messages = cJSON_CreateArray();
	cJSON_AddItemToArray(api->messages, cJSON_CreateString(text));
	free(text);
}

static const char *arg(const struct api *api, const char *name)
{
	const char *text = sim_text(api->args, name);

	return text_is_empty(text) ? NULL : text;
}

static const char *arg_wanted(struct api *api, const char *name)
{
	const char *text = arg(api, name);
	char what[80];

	if (text == NULL) {
		snprintf(what, sizeof(what), "missing required field: %s", name);
		refuse(api, "invalid_arguments");
		explain(api, what);
	}
	return text;
}

/* A structured argument: an object or array in JSON, text of the same in a form. *IS_BROKEN when it
 * is neither. The caller frees. */
static cJSON *arg_json(const cJSON *args, const char *name, bool *is_broken)
{
	const cJSON *item = sim_get(args, name);
	cJSON *json;

	*is_broken = false;
	if (item == NULL || cJSON_IsNull(item))
		return NULL;
	if (!cJSON_IsString(item))
		return cJSON_Duplicate(item, true);
	if (item->valuestring[0] == '\0')
		return NULL;
	json = sim_parse(item->valuestring, strlen(item->valuestring));
	*is_broken = json == NULL;
	return json;
}

/* ---- content of messages --------------------------------------------------------------------- */

static bool metadata_value_ok(const cJSON *value, bool may_nest)
{
	const cJSON *item;

	if (cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value))
		return true;
	if (!may_nest || (!cJSON_IsObject(value) && !cJSON_IsArray(value)))
		return false;
	cJSON_ArrayForEach(item, value)
	{
		if (!metadata_value_ok(item, cJSON_IsArray(value)))
			return false;
	}
	return true;
}

static const char *metadata_check(const cJSON *metadata)
{
	const char *type = sim_text(metadata, "event_type");
	const cJSON *payload = sim_get(metadata, "event_payload"), *item;
	char *text;
	bool is_large;

	if (!cJSON_IsObject(metadata))
		return "invalid_metadata_format";
	if (metadata->child == NULL)
		return NULL; /* {}: none */
	if (text_is_empty(type) ||
	    strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
		strlen(type))
		return "invalid_metadata_format";
	if (!cJSON_IsObject(payload))
		return "invalid_metadata_format";
	cJSON_ArrayForEach(item, payload)
	{
		if (!metadata_value_ok(item, true))
			return "invalid_metadata_schema";
	}
	text = sim_write(metadata);
	is_large = strlen(text) > METADATA_MAX;
	free(text);
	return is_large ? "metadata_too_large" : NULL;
}

/* An attachment has blocks (and then nothing of the old style but colour and fallback), or is of
 * the old style. */
static void attachments_check(
    const cJSON *attachments, cJSON *problems, const char **error, size_t *characters)
{
	static const char *const beside_blocks = " blocks color fallback id callback_id ";
	const cJSON *one, *item;
	char pointer[64], padded[80];
	size_t i = 0;

	if (!cJSON_IsArray(attachments)) {
		*error = "invalid_attachments";
		return;
	}
	if (cJSON_GetArraySize(attachments) > ATTACHMENTS_MAX) {
		*error = "too_many_attachments";
		return;
	}
	cJSON_ArrayForEach(one, attachments)
	{
		const cJSON *blocks = sim_get(one, "blocks");

		snprintf(pointer, sizeof(pointer), "/attachments/%zu/blocks", i++);
		if (!cJSON_IsObject(one))
			*error = "invalid_attachments";
		if (blocks == NULL)
			continue;
		sim_blocks_check(blocks, SIM_MESSAGE, pointer, problems, characters);
		cJSON_ArrayForEach(item, one)
		{
			snprintf(padded, sizeof(padded), " %s ", item->string);
			if (strstr(beside_blocks, padded) == NULL)
				*error = "invalid_attachments";
		}
	}
}

static void attachments_fill(cJSON *attachments)
{
	cJSON *one;
	int id = 1;

	cJSON_ArrayForEach(one, attachments)
	{
		sim_put_int(one, "id", id++);
		sim_blocks_fill(cJSON_GetObjectItemCaseSensitive(one, "blocks"));
		if (sim_get(one, "fallback") == NULL)
			sim_put(one, "fallback", "[no preview available]");
	}
}

static void problems_tell(cJSON *problems, cJSON **messages)
{
	const cJSON *item;

	*messages = cJSON_CreateArray();
	cJSON_ArrayForEach(item, problems)
	{
		char *text = xasprintf("[ERROR] %s", item->valuestring);

		cJSON_AddItemToArray(*messages, cJSON_CreateString(text));
		free(text);
	}
}

static const char *content_check(struct sim *sim, const cJSON *blocks, const cJSON *attachments,
    const cJSON *metadata, cJSON **messages)
{
	cJSON *problems = cJSON_CreateArray();
	const char *error = NULL;
	size_t characters = 0;

	if (blocks != NULL && !cJSON_IsArray(blocks))
		error = "invalid_blocks_format";
	else if (blocks != NULL)
		sim_blocks_check(blocks, SIM_MESSAGE, "/blocks", problems, &characters);
	if (error == NULL && attachments != NULL)
		attachments_check(attachments, problems, &error, &characters);
	if (cJSON_GetArraySize(problems) > 0) {
		error = "invalid_blocks";
		problems_tell(problems, messages);
	}
	if (error == NULL && (int64_t)characters > sim->text_total_max)
		error = "msg_blocks_too_long";
	if (error == NULL && metadata != NULL)
		error = metadata_check(metadata);
	cJSON_Delete(problems);
	return error;
}

/* Puts what ARGS say into MESSAGE. IS_UPDATE: what is left out stays, but for blocks when there is
 * text. */
static bool content_put(struct sim *sim, const cJSON *args, size_t text_max, bool is_update,
    cJSON *message, const char **error, cJSON **messages)
{
	bool no_blocks, no_attachments, no_metadata;
	cJSON *blocks = arg_json(args, "blocks", &no_blocks);
	cJSON *attachments = arg_json(args, "attachments", &no_attachments);
	cJSON *metadata = arg_json(args, "metadata", &no_metadata);
	const char *text = sim_text(args, "text"), *markdown = sim_text(args, "markdown_text");
	bool has_text;

	*error = NULL;
	*messages = NULL;
	if (text == NULL)
		text = markdown;
	else if (markdown != NULL)
		*error = "markdown_text_conflict";
	has_text = !text_is_empty(text);
	if (no_blocks)
		*error = "invalid_blocks_format";
	else if (no_attachments)
		*error = "invalid_attachments";
	else if (no_metadata)
		*error = "invalid_metadata_format";
	else if (*error == NULL)
		*error = content_check(sim, blocks, attachments, metadata, messages);
	if (*error == NULL && has_text && utf16_length(text, strlen(text)) > text_max)
		*error = "msg_too_long";
	if (*error == NULL && !has_text && cJSON_GetArraySize(blocks) == 0 &&
	    cJSON_GetArraySize(attachments) == 0 &&
	    !(is_update && (attachments != NULL || metadata != NULL)))
		*error = "no_text";
	if (*error != NULL) {
		cJSON_Delete(blocks);
		cJSON_Delete(attachments);
		cJSON_Delete(metadata);
		return false;
	}
	if (!is_update || text != NULL)
		sim_put(message, "text", text != NULL ? text : "");
	if (blocks != NULL && cJSON_GetArraySize(blocks) > 0) {
		sim_blocks_fill(blocks);
		sim_set(message, "blocks", blocks);
	} else {
		/* docs.slack.dev/reference/methods/chat.update: text without blocks takes the old
		 * blocks away. */
		if (blocks != NULL || has_text)
			cJSON_DeleteItemFromObjectCaseSensitive(message, "blocks");
		cJSON_Delete(blocks);
	}
	if (attachments != NULL && cJSON_GetArraySize(attachments) > 0) {
		attachments_fill(attachments);
		sim_set(message, "attachments", attachments);
	} else {
		if (attachments != NULL)
			cJSON_DeleteItemFromObjectCaseSensitive(message, "attachments");
		cJSON_Delete(attachments);
	}
	if (metadata != NULL && metadata->child != NULL) {
		sim_set(message, "metadata", metadata);
	} else {
		if (metadata != NULL)
			cJSON_DeleteItemFromObjectCaseSensitive(message, "metadata");
		cJSON_Delete(metadata);
	}
	return true;
}

bool sim_content(struct sim *sim, const cJSON *args, size_t text_max, cJSON *message,
    const char **error, cJSON **messages)
{
	return content_put(sim, args, text_max, false, message, error, messages);
}

bool sim_content_update(
    struct sim *sim, const cJSON *args, cJSON *message, const char **error, cJSON **messages)
{
	return content_put(sim, args, UPDATE_TEXT_MAX, true, message, error, messages);
}

static cJSON *bot_message(void)
{
	cJSON *message = cJSON_CreateObject(), *profile;

	sim_put(message, "type", "message");
	sim_put(message, "user", SIM_BOT_USER);
	sim_put(message, "bot_id", SIM_BOT);
	sim_put(message, "app_id", SIM_APP);
	sim_put(message, "team", SIM_TEAM);
	profile = cJSON_AddObjectToObject(message, "bot_profile");
	sim_put(profile, "id", SIM_BOT);
	sim_put_bool(profile, "deleted", false);
	sim_put(profile, "name", SIM_BOT_NAME);
	sim_put_int(profile, "updated", 1700000000);
	sim_put(profile, "app_id", SIM_APP);
	sim_put(profile, "team_id", SIM_TEAM);
	return message;
}

/* ---- methods: chat --------------------------------------------------------------------------- */

/* A channel that the bot may write to or read; NULL after refusing. */
static struct sim_channel *channel_usable(
    struct api *api, const char *name, bool by_name, bool to_write)
{
	struct sim_channel *channel =
	    by_name ? sim_channel_named(api->sim, name) : sim_channel(api->sim, name);

	if (channel == NULL || (channel->is_private && !channel->is_member)) {
		refuse(api, "channel_not_found");
		return NULL;
	}
	if (!channel->is_im && !channel->is_member) {
		refuse(api, "not_in_channel");
		return NULL;
	}
	if (to_write && channel->is_archived) {
		refuse(api, "is_archived");
		return NULL;
	}
	return channel;
}

/* One post a second and channel, when that knob is set: docs.slack.dev/apis/web-api/rate-limits. */
static bool is_post_limited(struct api *api, struct sim_channel *channel)
{
	double rate = api->sim->posts_per_second,
	       burst = (double)(api->sim->post_burst > 0 ? api->sim->post_burst : 1);
	int64_t now = sim_mono_ms();

	if (rate <= 0)
		return false;
	if (channel->tokens_ms == 0)
		channel->tokens = burst;
	else
		channel->tokens += (double)(now - channel->tokens_ms) * rate / 1000.0;
	channel->tokens_ms = now;
	if (channel->tokens > burst)
		channel->tokens = burst;
	/* A thousandth is forgiven: a client that waits exactly long enough is not late. */
	if (channel->tokens < 0.999) {
		api->status = 429;
		api->retry_after = 1;
		refuse(api, "ratelimited");
		return true;
	}
	channel->tokens -= 1.0;
	return false;
}

static const struct sim_message *thread_root(
    struct api *api, struct sim_channel *channel, const char *ts)
{
	const struct sim_message *parent = sim_message(channel, ts);

	if (parent != NULL && parent->thread_ts[0] != '\0')
		parent = sim_message(channel, parent->thread_ts);
	if (parent == NULL || parent->is_deleted) {
		refuse(api, "cannot_reply_to_message");
		return NULL;
	}
	return parent;
}

static void chat_postMessage(struct api *api)
{
	const char *name = arg(api, "channel"), *thread_ts = arg(api, "thread_ts");
	struct sim_channel *channel = channel_usable(api, name, true, true);
	const struct sim_message *parent = NULL;
	struct sim_message *message;
	cJSON *json;

	if (channel == NULL || is_post_limited(api, channel))
		return;
	if (sim_has(api->args, "thread_ts") && cJSON_IsNumber(sim_get(api->args, "thread_ts"))) {
		refuse(api, "invalid_arguments"); /* a ts is text */
		return;
	}
	if (thread_ts != NULL) {
		parent = thread_root(api, channel, thread_ts);
		if (parent == NULL)
			return;
	}
	json = bot_message();
	if (!sim_content(api->sim, api->args, POST_TEXT_MAX, json, &api->error, &api->messages)) {
		cJSON_Delete(json);
		return;
	}
	message = sim_message_add(api->sim, channel, SIM_BOT_USER,
	    parent != NULL ? parent->ts : NULL, sim_true(api->args, "reply_broadcast"), json);
	sim_put(api->answer, "channel", channel->id);
	sim_put(api->answer, "ts", message->ts);
	sim_set(api->answer, "message", sim_message_view(message, true));
}

static struct sim_message *message_wanted(
    struct api *api, struct sim_channel *channel, const char *name, const char *error)
{
	const char *ts = arg_wanted(api, name);
	struct sim_message *message = ts != NULL ? sim_message(channel, ts) : NULL;

	if (message == NULL || message->is_deleted) {
		refuse(api, error);
		return NULL;
	}
	return message;
}

static void chat_update(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, true);
	struct sim_message *message;

	if (channel == NULL)
		return;
	message = message_wanted(api, channel, "ts", "message_not_found");
	if (message == NULL)
		return;
	if (strcmp(message->user, SIM_BOT_USER) != 0) {
		refuse(api, "cant_update_message");
		return;
	}
	if (!sim_content_update(api->sim, api->args, message->json, &api->error, &api->messages))
		return;
	message->edits++;
	sim_put(api->answer, "channel", channel->id);
	sim_put(api->answer, "ts", message->ts);
	sim_put(api->answer, "text", sim_text(message->json, "text"));
	sim_set(api->answer, "message", sim_message_view(message, true));
}

static void chat_delete(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, true);
	struct sim_message *message;

	if (channel == NULL)
		return;
	message = message_wanted(api, channel, "ts", "message_not_found");
	if (message == NULL)
		return;
	if (strcmp(message->user, SIM_BOT_USER) != 0) {
		refuse(api, "cant_delete_message");
		return;
	}
	sim_message_delete(channel, message);
	sim_put(api->answer, "channel", channel->id);
	sim_put(api->answer, "ts", message->ts);
}

static void chat_postEphemeral(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg(api, "channel"), true, true);
	const char *user = arg_wanted(api, "user");
	struct sim_ephemeral *ephemeral;
	cJSON *json;

	if (channel == NULL || user == NULL)
		return;
	if (sim_user(api->sim, user) == NULL || !sim_channel_has(channel, user)) {
		refuse(api, "user_not_in_channel");
		return;
	}
	if (is_post_limited(api, channel))
		return;
	json = bot_message();
	if (!sim_content(
		api->sim, api->args, EPHEMERAL_TEXT_MAX, json, &api->error, &api->messages)) {
		cJSON_Delete(json);
		return;
	}
	ephemeral = sim_ephemeral_add(
	    api->sim, channel->id, user, arg(api, "thread_ts"), "chat.postEphemeral", json);
	sim_put(api->answer, "message_ts", ephemeral->ts);
}

static void chat_getPermalink(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, false);
	const struct sim_message *message;
	char *link;

	if (channel == NULL)
		return;
	message = message_wanted(api, channel, "message_ts", "message_not_found");
	if (message == NULL)
		return;
	link = xasprintf("https://" SIM_DOMAIN ".slack.com/archives/%s/p%.10s%s", channel->id,
	    message->ts, message->ts + 11);
	if (message->thread_ts[0] != '\0') {
		char *longer =
		    xasprintf("%s?thread_ts=%s&cid=%s", link, message->thread_ts, channel->id);

		free(link);
		link = longer;
	}
	sim_put(api->answer, "channel", channel->id);
	sim_put(api->answer, "permalink", link);
	free(link);
}

/* ---- methods: conversations ------------------------------------------------------------------ */

/* LIMIT and the place where the last page ended: a cursor is "next:<place>" in hexadecimal of
 * itself, opaque enough. */
static bool page(struct api *api, int64_t *limit, int64_t *from)
{
	const char *cursor = arg(api, "cursor");
	long long place;

	*limit = sim_int(api->args, "limit", PAGE_DEFAULT);
	*from = 0;
	if (*limit < 1 || *limit > PAGE_MAX) {
		refuse(api, "invalid_limit");
		return false;
	}
	if (cursor == NULL)
		return true;
	if (sscanf(cursor, "bmV4dDo%llx=", &place) != 1 || place < 0) {
		refuse(api, "invalid_cursor");
		return false;
	}
	*from = place;
	return true;
}

static void page_end(struct api *api, int64_t next, bool more)
{
	char cursor[40] = "";

	if (more)
		snprintf(cursor, sizeof(cursor), "bmV4dDo%llx=", (long long)next);
	sim_put(cJSON_AddObjectToObject(api->answer, "response_metadata"), "next_cursor", cursor);
}

static bool within(struct api *api, const char *ts)
{
	const char *oldest = arg(api, "oldest"), *latest = arg(api, "latest");
	bool inclusive = sim_true(api->args, "inclusive");
	double at = strtod(ts, NULL);

	if (oldest != NULL && strcmp(oldest, "0") != 0 &&
	    (strcmp(ts, oldest) == 0 ? !inclusive : at < strtod(oldest, NULL)))
		return false;
	if (latest != NULL && strcmp(latest, "now") != 0 &&
	    (strcmp(ts, latest) == 0 ? !inclusive : at > strtod(latest, NULL)))
		return false;
	return true;
}

static void conversations_history(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, false);
	cJSON *messages = cJSON_AddArrayToObject(api->answer, "messages");
	int64_t limit, from, place = 0, taken = 0;
	bool more = false;
	size_t i;

	if (channel == NULL || !page(api, &limit, &from))
		return;
	for (i = channel->message_count; i-- > 0;) {
		const struct sim_message *message = channel->messages[i];

		if (message->is_deleted ||
		    (message->thread_ts[0] != '\0' && !message->is_broadcast) ||
		    !within(api, message->ts))
			continue;
		if (place++ < from)
			continue;
		if (taken == limit) {
			more = true;
			break;
		}
		cJSON_AddItemToArray(messages,
		    sim_message_view(message, sim_true(api->args, "include_all_metadata")));
		taken++;
	}
	sim_put_bool(api->answer, "has_more", more);
	sim_put_int(api->answer, "pin_count", 0);
	page_end(api, from + taken, more);
}

static void conversations_replies(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, false);
	const char *ts = arg_wanted(api, "ts");
	cJSON *messages = cJSON_AddArrayToObject(api->answer, "messages");
	int64_t limit, from, place = 0, taken = 0;
	const struct sim_message *parent;
	bool more = false;
	size_t i;

	if (channel == NULL || ts == NULL || !page(api, &limit, &from))
		return;
	parent = sim_message(channel, ts);
	if (parent != NULL && parent->thread_ts[0] != '\0')
		parent = sim_message(channel, parent->thread_ts);
	if (parent == NULL || parent->is_deleted) {
		refuse(api, "thread_not_found");
		return;
	}
	/* The parent leads, whatever the bounds are. */
	for (i = 0; i < channel->message_count; i++) {
		const struct sim_message *message = channel->messages[i];

		if (message->is_deleted)
			continue;
		if (message != parent &&
		    (strcmp(message->thread_ts, parent->ts) != 0 || !within(api, message->ts)))
			continue;
		if (place++ < from)
			continue;
		if (taken == limit) {
			more = true;
			break;
		}
		cJSON_AddItemToArray(messages,
		    sim_message_view(message, sim_true(api->args, "include_all_metadata")));
		taken++;
	}
	sim_put_bool(api->answer, "has_more", more);
	page_end(api, from + taken, more);
}

static void conversations_info(struct api *api)
{
	struct sim_channel *channel = sim_channel(api->sim, arg_wanted(api, "channel"));

	if (channel == NULL || (channel->is_private && !channel->is_member)) {
		refuse(api, "channel_not_found");
		return;
	}
	sim_set(api->answer, "channel", sim_channel_json(channel));
	if (sim_true(api->args, "include_num_members"))
		sim_put_int(cJSON_GetObjectItemCaseSensitive(api->answer, "channel"), "num_members",
		    (int64_t)channel->member_count);
}

static void conversations_list(struct api *api)
{
	const char *types = arg(api, "types");
	cJSON *channels = cJSON_AddArrayToObject(api->answer, "channels");
	int64_t limit, from, place = 0, taken = 0;
	bool more = false;
	size_t i;

	if (!page(api, &limit, &from))
		return;
	if (types == NULL)
		types = "public_channel";
	for (i = 0; i < api->sim->channel_count; i++) {
		const struct sim_channel *channel = api->sim->channels[i];
		const char *type = channel->is_im        ? "im"
				   : channel->is_private ? "private_channel"
							 : "public_channel";
		const char *found = strstr(types, type);

		/* "im" is the end of "mpim" too. */
		if (found != NULL && channel->is_im && found > types && found[-1] == 'p')
			found = strstr(found + 2, type);
		if (found == NULL || (channel->is_private && !channel->is_member) ||
		    (channel->is_archived && sim_true(api->args, "exclude_archived")))
			continue;
		if (place++ < from)
			continue;
		if (taken == limit) {
			more = true;
			break;
		}
		cJSON_AddItemToArray(channels, sim_channel_json(channel));
		taken++;
	}
	page_end(api, from + taken, more);
}

static void conversations_join(struct api *api)
{
	struct sim_channel *channel = sim_channel(api->sim, arg_wanted(api, "channel"));

	if (channel == NULL || channel->is_private) {
		refuse(api, "channel_not_found");
	} else if (channel->is_im) {
		refuse(api, "method_not_supported_for_channel_type");
	} else if (channel->is_archived) {
		refuse(api, "is_archived");
	} else {
		if (channel->is_member)
			api->warning = "already_in_channel";
		sim_channel_join(channel, SIM_BOT_USER);
		sim_set(api->answer, "channel", sim_channel_json(channel));
	}
}

static void conversations_open(struct api *api)
{
	const char *users = arg(api, "users"), *id = arg(api, "channel");
	struct sim_channel *channel = id != NULL ? sim_channel(api->sim, id) : NULL;
	const struct sim_user *user;

	if (id == NULL && users == NULL) {
		refuse(api, "users_list_not_supplied");
		return;
	}
	if (users != NULL) {
		user = sim_user(api->sim, users);
		if (user == NULL || user->id[0] != users[0] ||
		    strcmp(user->id, SIM_BOT_USER) == 0) {
			refuse(api, "user_not_found");
			return;
		}
		channel = sim_im(api->sim, user->id);
	}
	if (channel == NULL || !channel->is_im) {
		refuse(api, channel == NULL ? "channel_not_found"
					    : "method_not_supported_for_channel_type");
		return;
	}
	if (sim_true(api->args, "return_im")) {
		sim_put_bool(api->answer, "no_op", true);
		sim_put_bool(api->answer, "already_open", true);
		sim_set(api->answer, "channel", sim_channel_json(channel));
	} else {
		sim_put(cJSON_AddObjectToObject(api->answer, "channel"), "id", channel->id);
	}
}

static void conversations_members(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, false);
	cJSON *members = cJSON_AddArrayToObject(api->answer, "members");
	int64_t limit, from, i;

	if (channel == NULL || !page(api, &limit, &from))
		return;
	for (i = from; i < (int64_t)channel->member_count && i < from + limit; i++)
		cJSON_AddItemToArray(members, cJSON_CreateString(channel->members[i]));
	page_end(api, i, i < (int64_t)channel->member_count);
}

/* ---- methods: people ------------------------------------------------------------------------- */

static void auth_test(struct api *api)
{
	sim_put(api->answer, "url", "https://" SIM_DOMAIN ".slack.com/");
	sim_put(api->answer, "team", "Simulated");
	sim_put(api->answer, "user", SIM_BOT_NAME);
	sim_put(api->answer, "team_id", SIM_TEAM);
	sim_put(api->answer, "user_id", SIM_BOT_USER);
	sim_put(api->answer, "bot_id", SIM_BOT);
	sim_put_bool(api->answer, "is_enterprise_install", false);
}

static void users_info(struct api *api)
{
	const char *id = arg_wanted(api, "user");
	const struct sim_user *user = sim_user(api->sim, id);

	if (user == NULL || strcmp(user->id, id) != 0) {
		refuse(api, "user_not_found");
		return;
	}
	sim_set(api->answer, "user", sim_user_json(user, true));
}

static void users_lookupByEmail(struct api *api)
{
	const char *email = arg_wanted(api, "email");
	const struct sim_user *user = sim_user(api->sim, email);

	if (user == NULL || !text_equal(user->email, email)) {
		refuse(api, "users_not_found");
		return;
	}
	sim_set(api->answer, "user", sim_user_json(user, true));
}

static void users_list(struct api *api)
{
	cJSON *members = cJSON_AddArrayToObject(api->answer, "members");
	int64_t limit, from, i;

	if (!page(api, &limit, &from))
		return;
	for (i = from; i < (int64_t)api->sim->user_count && i < from + limit; i++)
		cJSON_AddItemToArray(members, sim_user_json(&api->sim->users[i], true));
	sim_put_int(api->answer, "cache_ts", sim_now_ms() / 1000);
	page_end(api, i, i < (int64_t)api->sim->user_count);
}

static void usergroups_users_list(struct api *api)
{
	const char *id = arg_wanted(api, "usergroup");
	size_t i, j;

	for (i = 0; id != NULL && i < api->sim->group_count; i++) {
		const struct sim_group *group = &api->sim->groups[i];

		if (strcmp(group->id, id) == 0) {
			cJSON *users = cJSON_AddArrayToObject(api->answer, "users");

			for (j = 0; j < group->user_count; j++)
				cJSON_AddItemToArray(users, cJSON_CreateString(group->users[j]));
			return;
		}
	}
	refuse(api, "no_such_subteam");
}

static void usergroups_list(struct api *api)
{
	cJSON *groups = cJSON_AddArrayToObject(api->answer, "usergroups"), *one, *users;
	size_t i, j;

	for (i = 0; i < api->sim->group_count; i++) {
		one = cJSON_CreateObject();
		sim_put(one, "id", api->sim->groups[i].id);
		sim_put(one, "handle", api->sim->groups[i].handle);
		sim_put(one, "name", api->sim->groups[i].handle);
		sim_put_int(one, "date_delete", 0);
		sim_put_int(one, "user_count", (int64_t)api->sim->groups[i].user_count);
		users = cJSON_AddArrayToObject(one, "users");
		for (j = 0; j < api->sim->groups[i].user_count; j++)
			cJSON_AddItemToArray(
			    users, cJSON_CreateString(api->sim->groups[i].users[j]));
		cJSON_AddItemToArray(groups, one);
	}
}

static void reactions_add(struct api *api)
{
	struct sim_channel *channel = channel_usable(api, arg_wanted(api, "channel"), false, true);
	const char *name = arg_wanted(api, "name");
	struct sim_message *message;
	cJSON *reactions, *one;

	if (channel == NULL || name == NULL)
		return;
	message = message_wanted(api, channel, "timestamp", "message_not_found");
	if (message == NULL)
		return;
	if (strchr(name, ' ') != NULL || name[0] == ':') {
		refuse(api, "invalid_name");
		return;
	}
	reactions = cJSON_GetObjectItemCaseSensitive(message->json, "reactions");
	if (reactions == NULL)
		reactions = cJSON_AddArrayToObject(message->json, "reactions");
	cJSON_ArrayForEach(one, reactions)
	{
		if (text_equal(sim_text(one, "name"), name)) {
			refuse(api, "already_reacted");
			return;
		}
	}
	one = cJSON_CreateObject();
	sim_put(one, "name", name);
	cJSON_AddItemToArray(
	    cJSON_AddArrayToObject(one, "users"), cJSON_CreateString(SIM_BOT_USER));
	sim_put_int(one, "count", 1);
	cJSON_AddItemToArray(reactions, one);
}

/* ---- methods: views -------------------------------------------------------------------------- */

/* The view to be shown, checked; NULL after refusing. The caller frees. */
static cJSON *view_arg(struct api *api, bool is_home)
{
	bool is_broken;
	cJSON *view = arg_json(api->args, "view", &is_broken), *problems;
	char *text;
	bool is_large;

	if (view == NULL || is_broken) {
		refuse(api, "invalid_arguments");
		explain(api, is_broken ? "failed to parse view [json-pointer:/view]"
				       : "missing required field: view");
		return NULL;
	}
	text = sim_write(view);
	is_large = strlen(text) > VIEW_MAX;
	free(text);
	if (is_large) {
		cJSON_Delete(view);
		refuse(api, "view_too_large");
		return NULL;
	}
	problems = cJSON_CreateArray();
	sim_view_check(view, is_home, problems);
	if (cJSON_GetArraySize(problems) > 0) {
		refuse(api, "invalid_arguments");
		problems_tell(problems, &api->messages);
		cJSON_Delete(view);
		view = NULL;
	}
	cJSON_Delete(problems);
	return view;
}

static struct sim_trigger *trigger_use(struct api *api)
{
	const char *id = arg_wanted(api, "trigger_id");
	size_t i;

	for (i = 0; id != NULL && i < api->sim->trigger_count; i++) {
		struct sim_trigger *trigger = &api->sim->triggers[i];

		if (strcmp(trigger->id, id) != 0)
			continue;
		if (sim_mono_ms() - trigger->issued_ms > api->sim->trigger_life_ms) {
			refuse(api, "expired_trigger_id");
			return NULL;
		}
		if (trigger->is_used) {
			refuse(api, "exchanged_trigger_id");
			return NULL;
		}
		trigger->is_used = true;
		return trigger;
	}
	refuse(api, "invalid_trigger_id");
	return NULL;
}

static void view_answer(struct api *api, const struct sim_view *view)
{
	sim_set(api->answer, "view", cJSON_Duplicate(view->json, true));
}

static bool external_id_free(struct api *api, const cJSON *view)
{
	const char *id = sim_text(view, "external_id");

	if (text_is_empty(id) || sim_view(api->sim, NULL, id) == NULL)
		return true;
	refuse(api, "duplicate_external_id");
	return false;
}

static void views_open(struct api *api)
{
	cJSON *view = view_arg(api, false);
	struct sim_trigger *trigger;

	if (view == NULL)
		return;
	trigger = external_id_free(api, view) ? trigger_use(api) : NULL;
	if (trigger != NULL)
		view_answer(api, sim_view_add(api->sim, trigger->user, NULL, view));
	cJSON_Delete(view);
}

static void views_push(struct api *api)
{
	cJSON *view = view_arg(api, false);
	struct sim_trigger *trigger;
	struct sim_view *below, *at;
	int depth = 1;

	if (view == NULL)
		return;
	trigger = external_id_free(api, view) ? trigger_use(api) : NULL;
	below = trigger != NULL ? sim_view(api->sim, trigger->view, NULL) : NULL;
	for (at = below; at != NULL && at->previous[0] != '\0';
	     at = sim_view(api->sim, at->previous, NULL))
		depth++;
	if (trigger != NULL && (below == NULL || !below->is_open || below->is_home))
		refuse(api, "not_found");
	else if (trigger != NULL && depth >= 3)
		refuse(api, "push_limit_reached");
	else if (trigger != NULL)
		view_answer(api, sim_view_add(api->sim, trigger->user, below, view));
	cJSON_Delete(view);
}

static bool hash_fits(struct api *api, const struct sim_view *view)
{
	const char *hash = arg(api, "hash");

	if (hash == NULL || text_equal(hash, sim_text(view->json, "hash")))
		return true;
	refuse(api, "hash_conflict");
	return false;
}

static void views_update(struct api *api)
{
	struct sim_view *view = sim_view(api->sim, arg(api, "view_id"), arg(api, "external_id"));
	cJSON *json = view_arg(api, view != NULL && view->is_home);

	if (json == NULL)
		return;
	if (view == NULL || !view->is_open) {
		refuse(api, "not_found");
	} else if (hash_fits(api, view)) {
		sim_view_put(api->sim, view, json);
		view_answer(api, view);
	}
	cJSON_Delete(json);
}

static void views_publish(struct api *api)
{
	const char *user = arg_wanted(api, "user_id");
	cJSON *json = view_arg(api, true);
	struct sim_view *home = NULL;
	size_t i;

	if (json == NULL || user == NULL) {
		cJSON_Delete(json);
		return;
	}
	if (sim_user(api->sim, user) == NULL) {
		refuse(api, "user_not_found");
		cJSON_Delete(json);
		return;
	}
	for (i = 0; i < api->sim->view_count; i++) {
		if (api->sim->views[i]->is_home && strcmp(api->sim->views[i]->user, user) == 0)
			home = api->sim->views[i];
	}
	if (home == NULL) {
		view_answer(api, sim_view_add(api->sim, user, NULL, json));
	} else if (hash_fits(api, home)) {
		sim_view_put(api->sim, home, json);
		view_answer(api, home);
	}
	cJSON_Delete(json);
}

/* ---- methods: the socket --------------------------------------------------------------------- */

static void apps_connections_open(struct api *api)
{
	char ticket[48];
	char *url;

	sim_ticket_new(api->sim, ticket);
	url = xasprintf("%s/link/?ticket=%s&app_id=" SIM_APP, api->sim->ws_base, ticket);
	sim_put(api->answer, "url", url);
	free(url);
}

static const struct method methods[] = {
    {"apps.connections.open", false, TOKEN_APP, apps_connections_open},
    {"auth.test", false, TOKEN_BOT, auth_test},
    {"chat.postMessage", false, TOKEN_BOT, chat_postMessage},
    {"chat.update", false, TOKEN_BOT, chat_update},
    {"chat.delete", false, TOKEN_BOT, chat_delete},
    {"chat.postEphemeral", false, TOKEN_BOT, chat_postEphemeral},
    {"chat.getPermalink", true, TOKEN_BOT, chat_getPermalink},
    {"conversations.history", true, TOKEN_BOT, conversations_history},
    {"conversations.replies", true, TOKEN_BOT, conversations_replies},
    {"conversations.info", true, TOKEN_BOT, conversations_info},
    {"conversations.list", true, TOKEN_BOT, conversations_list},
    {"conversations.join", false, TOKEN_BOT, conversations_join},
    {"conversations.open", false, TOKEN_BOT, conversations_open},
    {"conversations.members", true, TOKEN_BOT, conversations_members},
    {"users.info", true, TOKEN_BOT, users_info},
    {"users.lookupByEmail", true, TOKEN_BOT, users_lookupByEmail},
    {"users.list", true, TOKEN_BOT, users_list},
    {"usergroups.list", true, TOKEN_BOT, usergroups_list},
    {"usergroups.users.list", true, TOKEN_BOT, usergroups_users_list},
    {"reactions.add", false, TOKEN_BOT, reactions_add},
    {"views.open", false, TOKEN_BOT, views_open},
    {"views.push", false, TOKEN_BOT, views_push},
    {"views.update", false, TOKEN_BOT, views_update},
    {"views.publish", false, TOKEN_BOT, views_publish},
};

/* ---- what a request says: token, content type, arguments ------------------------------------- */

static void url_decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		unsigned value;

		if (*text == '+') {
			*to++ = ' ';
		} else if (*text == '%' && sscanf(text + 1, "%2x", &value) == 1 &&
			   strlen(text) > 2 && value != 0) {
			*to++ = (char)value;
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void form_parse(const char *body, cJSON *args)
{
	char *copy = xstrdup(body), *at = copy, *pair;

	while ((pair = strsep(&at, "&")) != NULL) {
		char *value = strchr(pair, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		url_decode(pair);
		url_decode(value);
		if (pair[0] != '\0')
			sim_put(args, pair, value);
	}
	free(copy);
}

/* Parts with a name, as clients of the Web API send them: no nesting, no transfer encoding. */
static void multipart_parse(struct sim_request *request, cJSON *args)
{
	const char *boundary = strstr(request->content_type, "boundary="),
		   *at = buf_text(&request->body);
	char *mark, *name, *value;

	if (boundary == NULL)
		return;
	boundary += strlen("boundary=") + (boundary[strlen("boundary=")] == '"');
	mark = xasprintf("--%.*s", (int)strcspn(boundary, "\";"), boundary);
	while ((at = strstr(at, mark)) != NULL) {
		const char *head = at + strlen(mark), *body = strstr(head, "\r\n\r\n"),
			   *key = strstr(head, "name=\"");
		const char *end = body != NULL ? strstr(body, mark) : NULL;

		at = head;
		if (end == NULL || key == NULL || key > body || end < body + 6)
			continue;
		key += strlen("name=\"");
		name = xstrndup(key, strcspn(key, "\""));
		value = xstrndup(body + 4, (size_t)(end - 2 - (body + 4)));
		sim_put(args, name, value);
		free(name);
		free(value);
		at = end;
	}
	free(mark);
}

/* Fills api->args; refuses what Slack would. */
static void args_read(struct api *api, const struct method *method)
{
	struct sim_request *request = api->request;
	const char *type = request->content_type;
	cJSON *json;

	sim_query_each(request, api->args);
	if (request->body.len == 0)
		return; /* also with a content type of JSON: the Python client does that */
	if (type == NULL) {
		refuse(api, "missing_post_type");
	} else if (text_prefix(type, "application/x-www-form-urlencoded")) {
		if (strchr(type, ';') != NULL)
			api->warning = "superfluous_charset";
		form_parse(buf_text(&request->body), api->args);
	} else if (text_prefix(type, "multipart/form-data")) {
		multipart_parse(request, api->args);
	} else if (text_prefix(type, "application/json")) {
		if (strstr(type, "charset") == NULL)
			api->warning = "missing_charset";
		if (method->is_read)
			return; /* these read forms only: docs.slack.dev/apis/web-api */
		json = sim_parse(buf_text(&request->body), request->body.len);
		if (!cJSON_IsObject(json)) {
			cJSON_Delete(json);
			refuse(api, "invalid_json");
			return;
		}
		cJSON_Delete(api->args);
		api->args = json;
	} else {
		refuse(api, "invalid_post_type");
	}
}

static enum token token_kind(const struct sim *sim, const char *token)
{
	if (text_is_empty(token))
		return TOKEN_NONE;
	if (text_prefix(token, "xoxb-") &&
	    (sim->bot_token == NULL || strcmp(token, sim->bot_token) == 0))
		return TOKEN_BOT;
	if (text_prefix(token, "xapp-") &&
	    (sim->app_token == NULL || strcmp(token, sim->app_token) == 0))
		return TOKEN_APP;
	return TOKEN_OTHER;
}

static void token_check(struct api *api, const struct method *method)
{
	static const char *const names[] = {"none", "bot", "app", "other"};
	const char *header = api->request->authorization, *token = NULL;
	enum token kind;

	if (header != NULL)
		token = strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : "";
	else if (api->request->content_type == NULL ||
		 !text_prefix(api->request->content_type, "application/json"))
		token = arg(api, "token");
	kind = token_kind(api->sim, token);
	api->request->call->token = names[kind];
	if (kind == method->token)
		return;
	if (kind == TOKEN_NONE)
		refuse(api, header != NULL ? "invalid_auth" : "not_authed");
	else
		refuse(api, kind == TOKEN_OTHER ? "invalid_auth" : "not_allowed_token_type");
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *answer_write(struct api *api, const struct sim_fault *fault, char **out)
{
	cJSON *answer = cJSON_CreateObject(), *item, *next, *metadata, *errors;
	const char *error = fault != NULL && fault->error != NULL ? fault->error : api->error;

	if (fault != NULL && fault->status == 429)
		error = "ratelimited";
	else if (fault != NULL && fault->status >= 400 && fault->error == NULL)
		error = "internal_error";
	sim_put_bool(answer, "ok", error == NULL);
	if (error != NULL) {
		sim_put(answer, "error", error);
	} else {
		for (item = api->answer->child; item != NULL; item = next) {
			next = item->next;
			sim_set(answer, item->string, cJSON_Duplicate(item, true));
		}
	}
	if (api->warning != NULL && error == NULL)
		sim_put(answer, "warning", api->warning);
	if (error != NULL && api->messages != NULL) {
		metadata = cJSON_AddObjectToObject(answer, "response_metadata");
		errors = cJSON_AddArrayToObject(answer, "errors");
		sim_set(metadata, "messages", cJSON_Duplicate(api->messages, true));
		cJSON_ArrayForEach(item, api->messages) cJSON_AddItemToArray(
		    errors, cJSON_CreateString(item->valuestring + strlen("[ERROR] ")));
	} else if (error != NULL && strcmp(error, "missing_scope") == 0) {
		sim_put(answer, "needed", "chat:write");
		sim_put(answer, "provided", "users:read");
	}
	if (fault != NULL) {
		cJSON_ArrayForEach(item, fault->extra)
		    sim_set(answer, item->string, cJSON_Duplicate(item, true));
	}
	*out = sim_write_slashed(answer);
	cJSON_Delete(answer);
	return error;
}

static void api_finish(struct api *api, const struct sim_fault *fault)
{
	char *text;
	const char *error = answer_write(api, fault, &text);

	api->request->call->error = xstrdup(error);
	if (api->retry_after >= 0)
		api->request->retry_after = api->retry_after;
	sim_fault_reply(api->request, fault, api->status, "application/json; charset=utf-8", text);
	cJSON_Delete(api->args);
	cJSON_Delete(api->answer);
	cJSON_Delete(api->messages);
}

void sim_api(struct sim_request *request, const char *name)
{
	struct api api = {
	    .sim = request->sim, .request = request, .status = 200, .retry_after = -1};
	const struct method *method = NULL;
	const struct sim_channel *channel;
	struct sim_fault *fault = NULL;
	size_t i;

	sim_call_record(request, name);
	api.args = cJSON_CreateObject();
	api.answer = cJSON_CreateObject();
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) == 0)
			method = &methods[i];
	}
	if (method == NULL) {
		refuse(&api, "unknown_method");
		api_finish(&api, NULL);
		return;
	}
	if (strcmp(request->method, "POST") != 0 && strcmp(request->method, "GET") != 0)
		refuse(&api, "invalid_post_type");
	args_read(&api, method);
	token_check(&api, method);
	channel = sim_channel_named(request->sim, arg(&api, "channel"));
	fault = sim_fault_hit(
	    request->sim, name, channel != NULL ? channel->id : arg(&api, "channel"), NULL);
	if (api.error == NULL && sim_fault_applies(fault)) {
		method->run(&api);
		request->call->is_applied = api.error == NULL;
	}
	api_finish(&api, fault);
}

/* ---- response URLs --------------------------------------------------------------------------- */

static void response_apply(
    struct sim *sim, struct sim_response_url *url, const cJSON *args, const char **error)
{
	struct sim_channel *channel = sim_channel(sim, url->channel);
	struct sim_message *message =
	    channel != NULL && !url->is_ephemeral ? sim_message(channel, url->ts) : NULL;
	struct sim_ephemeral *ephemeral = url->is_ephemeral ? sim_ephemeral(sim, url->ts) : NULL;
	bool in_channel = text_equal(sim_text(args, "response_type"), "in_channel");
	cJSON *json, *messages = NULL;

	if (sim_true(args, "delete_original")) {
		if (message != NULL && strcmp(message->user, SIM_BOT_USER) == 0)
			sim_message_delete(channel, message);
		if (ephemeral != NULL)
			ephemeral->is_deleted = true;
		return;
	}
	if (sim_true(args, "replace_original") && (message != NULL || ephemeral != NULL)) {
		json = message != NULL ? message->json : ephemeral->json;
		if (sim_content_update(sim, args, json, error, &messages)) {
			if (message != NULL)
				message->edits++;
			else
				ephemeral->edits++;
		}
		cJSON_Delete(messages);
		return;
	}
	json = bot_message();
	cJSON_DeleteItemFromObjectCaseSensitive(json, "user");
	sim_put(json, "subtype", "bot_message");
	if (!sim_content(sim, args, POST_TEXT_MAX, json, error, &messages)) {
		cJSON_Delete(json);
		cJSON_Delete(messages);
		return;
	}
	if (in_channel && channel != NULL)
		sim_message_add(
		    sim, channel, SIM_BOT_USER, sim_text(args, "thread_ts"), false, json);
	else
		sim_ephemeral_add(sim, url->channel, url->user, sim_text(args, "thread_ts"),
		    "response_url", json);
}

void sim_response_url_post(struct sim_request *request)
{
	struct sim *sim = request->sim;
	struct sim_response_url *url = NULL;
	struct sim_fault *fault;
	const char *error = NULL;
	cJSON *args, *record;
	int status = 200;
	size_t i;

	sim_call_record(request, "response_url");
	for (i = 0; i < sim->response_url_count; i++) {
		if (strcmp(sim->response_urls[i].path, request->path) == 0)
			url = &sim->response_urls[i];
	}
	args = sim_parse(buf_text(&request->body), request->body.len);
	fault = sim_fault_hit(sim, "response_url", url != NULL ? url->channel : NULL, NULL);
	if (url == NULL || sim_mono_ms() - url->issued_ms > SIM_RESPONSE_LIFE_MS) {
		status = 404;
		error = "expired_url";
	} else if (url->uses >= SIM_RESPONSE_USES_MAX) {
		status = 404;
		error = "used_url";
	} else if (!cJSON_IsObject(args) || strcmp(request->method, "POST") != 0) {
		status = 400;
		error = "invalid_payload";
	} else if (sim_fault_applies(fault)) {
		url->uses++;
		response_apply(sim, url, args, &error);
		if (error != NULL)
			status = 400;
		request->call->is_applied = error == NULL;
	} else if (fault != NULL && fault->error != NULL) {
		status = 404;
		error = fault->error;
	}
	record = cJSON_CreateObject();
	sim_put_int(record, "at_ms", sim_now_ms());
	sim_put_int(record, "status", fault != NULL && fault->status != 0 ? fault->status : status);
	sim_put(record, "error", error);
	sim_put(record, "user", url != NULL ? url->user : NULL);
	sim_put(record, "channel", url != NULL ? url->channel : NULL);
	sim_put_int(record, "uses", url != NULL ? (int64_t)url->uses : 0);
	sim_set(record, "body", args != NULL ? args : cJSON_CreateNull());
	cJSON_AddItemToArray(sim->responses, record);
	request->call->error = xstrdup(error);
	sim_fault_reply(request, fault, status, "text/html", xstrdup(error != NULL ? error : "ok"));
}
