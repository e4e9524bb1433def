/*
 * control - /sim/: the people of the simulated workspace, and the eyes and hands of a test.
 *
 * What a person does goes out as an envelope; the call is answered when the bot has acknowledged
 * it, or will not.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

#define LIST_MAX 10000 /* messages or calls in one answer, the newest */

static void bad(struct sim_request *request, int status, const char *what)
{
	cJSON *json = cJSON_CreateObject();

	sim_put_bool(json, "ok", false);
	sim_put(json, "error", what);
	sim_reply_json(request, status, json);
}

/* ---- waiting for an acknowledgement ---------------------------------------------------------- */

/* What an acknowledgement is to be shown as, and the answer that it completes. */
struct wait {
	struct sim_request *request; /* NULL: it ended before */
	struct sim *sim;
	struct sim_envelope *envelope;
	cJSON *answer;
	char channel[SIM_ID_MAX], user[SIM_ID_MAX], view[SIM_ID_MAX];
	bool is_slash, is_submit;
};

static void wait_end(struct wait *wait)
{
	if (wait->request != NULL) {
		struct sim_request *request = wait->request;

		request->waiting = NULL;
		request->forget = NULL;
		sim_cancel(wait->sim, request->timer);
		request->timer = NULL;
		sim_reply_json(request, 200, wait->answer);
		wait->answer = NULL;
	}
	cJSON_Delete(wait->answer);
	free(wait);
}

/* An acknowledgement may be a message: docs.slack.dev/interactivity/implementing-slash-commands. */
static void show_slash_answer(struct wait *wait, const cJSON *payload)
{
	cJSON *message = cJSON_CreateObject(), *messages = NULL;
	struct sim_channel *channel = sim_channel(wait->sim, wait->channel);
	const char *error = NULL;

	sim_put(message, "type", "message");
	sim_put(message, "subtype", "bot_message");
	sim_put(message, "bot_id", SIM_BOT);
	if (!sim_content(wait->sim, payload, 40000, message, &error, &messages)) {
		sim_put(wait->answer, "problem", error);
		if (messages != NULL)
			sim_set(wait->answer, "problems", messages);
		cJSON_Delete(message);
		return;
	}
	if (text_equal(sim_text(payload, "response_type"), "in_channel") && channel != NULL)
		sim_message_add(wait->sim, channel, SIM_BOT_USER, NULL, false, message);
	else
		sim_ephemeral_add(wait->sim, wait->channel, wait->user, NULL, "ack", message);
}

/* Closes VIEW and what lies above or, for clear, below it. */
static void view_close(struct sim *sim, const struct sim_view *view, bool whole_stack)
{
	size_t i;

	for (i = 0; i < sim->view_count; i++) {
		struct sim_view *other = sim->views[i];

		if (!other->is_home &&
		    (other == view || (whole_stack && strcmp(other->root, view->root) == 0)))
			other->is_open = false;
	}
}

static const cJSON *input_block(const struct sim_view *view, const char *block_id)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, sim_get(view->json, "blocks"))
	{
		if (text_equal(sim_text(block, "type"), "input") &&
		    text_equal(sim_text(block, "block_id"), block_id))
			return block;
	}
	return NULL;
}

/* docs.slack.dev/surfaces/modals: errors, update, push, clear, or nothing. */
static void follow_submit_answer(struct wait *wait, const cJSON *payload)
{
	struct sim_view *view = sim_view(wait->sim, wait->view, NULL), *shown = NULL;
	const char *action = sim_text(payload, "response_action");
	const cJSON *json = sim_get(payload, "view"), *item;
	cJSON *problems;

	if (view == NULL)
		return;
	if (action == NULL) {
		view_close(wait->sim, view, false);
	} else if (strcmp(action, "clear") == 0) {
		view_close(wait->sim, view, true);
	} else if (strcmp(action, "errors") == 0) {
		cJSON_ArrayForEach(item, sim_get(payload, "errors"))
		{
			if (input_block(view, item->string) == NULL || !cJSON_IsString(item))
				sim_put(wait->answer, "problem",
				    "errors name a block that is no input block");
		}
		if (cJSON_GetArraySize(sim_get(payload, "errors")) == 0)
			sim_put(wait->answer, "problem", "errors are empty");
	} else if (strcmp(action, "update") == 0 || strcmp(action, "push") == 0) {
		problems = cJSON_CreateArray();
		sim_view_check(json, false, problems);
		if (cJSON_GetArraySize(problems) > 0) {
			sim_put(wait->answer, "problem", "invalid view");
			sim_set(wait->answer, "problems", problems);
			return;
		}
		cJSON_Delete(problems);
		if (strcmp(action, "update") == 0) {
			sim_view_put(wait->sim, view, json);
			shown = view;
		} else {
			shown = sim_view_add(wait->sim, wait->user, view, json);
		}
		sim_put(wait->answer, "view_id", shown->id);
	} else {
		sim_put(wait->answer, "problem", "unknown response_action");
	}
}

static void on_acked(void *ctx, bool acked, const cJSON *payload, int64_t ms, const char *why)
{
	struct wait *wait = ctx;
	bool has_payload = cJSON_IsObject(payload) && payload->child != NULL;

	sim_put_bool(wait->answer, "acked", acked);
	sim_put_int(wait->answer, "ms", ms);
	sim_set(wait->answer, "payload",
	    payload != NULL ? cJSON_Duplicate(payload, true) : cJSON_CreateNull());
	if (!acked)
		sim_put(wait->answer, "error", why);
	if (acked && wait->is_slash && has_payload)
		show_slash_answer(wait, payload);
	if (acked && wait->is_submit)
		follow_submit_answer(wait, payload);
	wait_end(wait);
}

/* The person has waited long enough; redelivery goes on without them. */
static void on_wait_over(void *ctx)
{
	struct sim_request *request = ctx;
	struct wait *wait = request->waiting;

	request->timer = NULL;
	sim_put_bool(wait->answer, "acked", false);
	sim_put(wait->answer, "error", "timeout");
	sim_envelope_forget(wait->envelope);
	wait_end(wait);
}

static void on_request_gone(struct sim_request *request)
{
	struct wait *wait = request->waiting;

	request->waiting = NULL;
	wait->request = NULL;
}

static struct wait *wait_new(struct sim_request *request, const char *channel, const char *user)
{
	struct wait *wait = xcalloc(1, sizeof(*wait));

	wait->request = request;
	wait->sim = request->sim;
	wait->answer = cJSON_CreateObject();
	sim_put_bool(wait->answer, "ok", true);
	snprintf(wait->channel, sizeof(wait->channel), "%s", channel != NULL ? channel : "");
	snprintf(wait->user, sizeof(wait->user), "%s", user != NULL ? user : "");
	request->waiting = wait;
	request->forget = on_request_gone;
	return wait;
}

/* Sends PAYLOAD (taken); WAIT is answered when it is acknowledged, or after the time that Slack
 * gives. */
static void wait_send(struct wait *wait, const char *type, cJSON *payload, bool is_patient)
{
	struct sim_request *request = wait->request;
	struct sim *sim = wait->sim;
	struct sim_envelope *envelope;

	if (!is_patient) {
		sim_envelope_send(sim, type, payload, NULL, NULL);
		wait_end(wait);
		return;
	}
	/* For what is not repeated on_acked() may run inside this call and free WAIT, hence the
	 * timer first. */
	if (strcmp(type, "events_api") == 0)
		request->timer = sim_after(sim, sim->ack_timeout_ms, on_wait_over, request);
	envelope = sim_envelope_send(sim, type, payload, on_acked, wait);
	if (request->waiting == wait)
		wait->envelope = envelope;
}

/* ---- what people do -------------------------------------------------------------------------- */

static void put_user(cJSON *payload, const struct sim_user *user)
{
	cJSON *json = cJSON_AddObjectToObject(payload, "user");

	sim_put(json, "id", user->id);
	sim_put(json, "username", user->name);
	sim_put(json, "name", user->name);
	sim_put(json, "team_id", SIM_TEAM);
}

static void put_common(cJSON *payload)
{
	cJSON *team = cJSON_AddObjectToObject(payload, "team");

	sim_put(team, "id", SIM_TEAM);
	sim_put(team, "domain", SIM_DOMAIN);
	sim_put(payload, "enterprise", NULL);
	sim_put_bool(payload, "is_enterprise_install", false);
	sim_put(payload, "api_app_id", SIM_APP);
	sim_put(payload, "token", "verification-token");
}

static struct sim_user *user_wanted(struct sim_request *request, const cJSON *body)
{
	struct sim_user *user = sim_user(request->sim, sim_text(body, "user"));

	if (user == NULL)
		bad(request, 400, "no such user");
	return user;
}

static struct sim_channel *channel_wanted(struct sim_request *request, const cJSON *body)
{
	struct sim_channel *channel = sim_channel_named(request->sim, sim_text(body, "channel"));

	if (channel == NULL)
		bad(request, 400, "no such channel");
	return channel;
}

static void do_slash(struct sim_request *request, const cJSON *body)
{
	struct sim *sim = request->sim;
	struct sim_user *user = user_wanted(request, body);
	struct sim_channel *channel = user != NULL ? channel_wanted(request, body) : NULL;
	const char *command = sim_text(body, "command"), *text = sim_text(body, "text");
	const char *name;
	cJSON *payload;
	struct wait *wait;
	char *url;

	if (channel == NULL)
		return;
	name = channel->is_im                               ? "directmessage"
	       : channel->is_private && !channel->is_member ? "privategroup"
							    : channel->name;
	payload = cJSON_CreateObject();
	sim_put(payload, "token", "verification-token");
	sim_put(payload, "team_id", SIM_TEAM);
	sim_put(payload, "team_domain", SIM_DOMAIN);
	sim_put(payload, "channel_id", channel->id);
	sim_put(payload, "channel_name", name);
	sim_put(payload, "user_id", user->id);
	sim_put(payload, "user_name", user->name);
	sim_put(payload, "command", command != NULL ? command : "/headsup");
	sim_put(payload, "text", text != NULL ? text : "");
	sim_put(payload, "api_app_id", SIM_APP);
	sim_put(payload, "is_enterprise_install", "false");
	wait = wait_new(request, channel->id, user->id);
	wait->is_slash = true;
	sim_put(payload, "trigger_id", sim_trigger_new(sim, user->id, "")->id);
	url = xasprintf("%s%s", sim->base,
	    sim_response_url_new(sim, "commands", channel->id, user->id, "", false)->path);
	sim_put(payload, "response_url", url);
	sim_put(wait->answer, "trigger_id", sim_text(payload, "trigger_id"));
	sim_put(wait->answer, "response_url", url);
	free(url);
	wait_send(wait, "slash_commands", payload, true);
}

static cJSON *event_outer(struct sim *sim, cJSON *event)
{
	cJSON *outer = cJSON_CreateObject(), *one = cJSON_CreateObject();
	char id[32];

	snprintf(id, sizeof(id), "Ev0SIM%llu", (unsigned long long)++sim->serial);
	sim_put(outer, "token", "verification-token");
	sim_put(outer, "team_id", SIM_TEAM);
	sim_put(outer, "api_app_id", SIM_APP);
	sim_set(outer, "event", event);
	sim_put(outer, "type", "event_callback");
	sim_put(outer, "event_id", id);
	sim_put_int(outer, "event_time", sim_now_ms() / 1000);
	sim_put(one, "enterprise_id", NULL);
	sim_put(one, "team_id", SIM_TEAM);
	sim_put(one, "user_id", SIM_BOT_USER);
	sim_put_bool(one, "is_bot", true);
	sim_put_bool(one, "is_enterprise_install", false);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(outer, "authorizations"), one);
	sim_put_bool(outer, "is_ext_shared_channel", false);
	sim_put(outer, "event_context", id);
	return outer;
}

/* The event of a message that stands in CHANNEL. */
static cJSON *message_event(
    const struct sim_channel *channel, const struct sim_message *message, const char *type)
{
	cJSON *event = cJSON_Duplicate(message->json, true);

	sim_put(event, "type", type);
	sim_put(event, "channel", channel->id);
	sim_put(event, "event_ts", message->ts);
	if (strcmp(type, "message") == 0)
		sim_put(event, "channel_type",
		    channel->is_im        ? "im"
		    : channel->is_private ? "group"
					  : "channel");
	return event;
}

static struct sim_message *say(struct sim *sim, struct sim_channel *channel,
    const struct sim_user *user, const char *text, const char *thread_ts)
{
	cJSON *json = cJSON_CreateObject(), *block, *section, *inner, *one;
	char id[37];

	sim_random(id, sizeof(id), "0123456789abcdef");
	sim_put(json, "client_msg_id", id);
	sim_put(json, "type", "message");
	sim_put(json, "text", text);
	sim_put(json, "user", user->id);
	sim_put(json, "team", SIM_TEAM);
	block = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "blocks"), block);
	sim_put(block, "type", "rich_text");
	section = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(block, "elements"), section);
	sim_put(section, "type", "rich_text_section");
	inner = cJSON_AddArrayToObject(section, "elements");
	one = cJSON_CreateObject();
	sim_put(one, "type", "text");
	sim_put(one, "text", text);
	cJSON_AddItemToArray(inner, one);
	sim_blocks_fill(cJSON_GetObjectItemCaseSensitive(json, "blocks"));
	return sim_message_add(sim, channel, user->id, thread_ts, false, json);
}

static void do_mention(struct sim_request *request, const cJSON *body)
{
	struct sim_user *user = user_wanted(request, body);
	struct sim_channel *channel = user != NULL ? channel_wanted(request, body) : NULL;
	const char *text = sim_text(body, "text"), *thread_ts = sim_text(body, "thread_ts");
	struct sim_message *message;
	struct wait *wait;
	cJSON *mention, *twin;
	char *said;

	if (channel == NULL)
		return;
	text = text != NULL ? text : "";
	said = strstr(text, "<@" SIM_BOT_USER) != NULL ? xstrdup(text)
						       : xasprintf("<@" SIM_BOT_USER "> %s", text);
	message =
	    say(request->sim, channel, user, said, text_is_empty(thread_ts) ? NULL : thread_ts);
	free(said);
	wait = wait_new(request, channel->id, user->id);
	sim_put(wait->answer, "ts", message->ts);
	sim_put(wait->answer, "channel", channel->id);
	mention = event_outer(request->sim, message_event(channel, message, "app_mention"));
	twin = event_outer(request->sim, message_event(channel, message, "message"));
	/* Slack tells a mention twice, in either order:
	 * docs.slack.dev/reference/events/app_mention. */
	if (!sim_true(body, "only_mention") && rand() % 2 == 0) {
		sim_envelope_send(request->sim, "events_api", twin, NULL, NULL);
		twin = NULL;
	}
	wait_send(wait, "events_api", mention, !sim_has(body, "wait") || sim_true(body, "wait"));
	if (twin != NULL && !sim_true(body, "only_mention"))
		sim_envelope_send(request->sim, "events_api", twin, NULL, NULL);
	else
		cJSON_Delete(twin);
}

/* A message: in the bot's direct messages, or in a channel without a mention. */
static void do_say(struct sim_request *request, const cJSON *body, bool is_direct)
{
	struct sim_user *user = user_wanted(request, body);
	struct sim_channel *channel;
	const char *text = sim_text(body, "text"), *thread_ts = sim_text(body, "thread_ts");
	struct sim_message *message;
	struct wait *wait;

	if (user == NULL)
		return;
	channel = is_direct ? sim_im(request->sim, user->id) : channel_wanted(request, body);
	if (channel == NULL)
		return;
	message = say(request->sim, channel, user, text != NULL ? text : "",
	    text_is_empty(thread_ts) ? NULL : thread_ts);
	wait = wait_new(request, channel->id, user->id);
	sim_put(wait->answer, "ts", message->ts);
	sim_put(wait->answer, "channel", channel->id);
	wait_send(wait, "events_api",
	    event_outer(request->sim, message_event(channel, message, "message")),
	    !sim_has(body, "wait") || sim_true(body, "wait"));
}

static void do_home(struct sim_request *request, const cJSON *body)
{
	struct sim_user *user = user_wanted(request, body);
	struct sim *sim = request->sim;
	char ts[SIM_TS_MAX];
	struct wait *wait;
	cJSON *event;
	size_t i;

	if (user == NULL)
		return;
	event = cJSON_CreateObject();
	sim_next_ts(sim, ts);
	sim_put(event, "type", "app_home_opened");
	sim_put(event, "user", user->id);
	sim_put(event, "channel", sim_im(sim, user->id)->id);
	sim_put(event, "tab", "home");
	sim_put(event, "event_ts", ts);
	for (i = 0; i < sim->view_count; i++) {
		if (sim->views[i]->is_home && strcmp(sim->views[i]->user, user->id) == 0)
			sim_set(event, "view", cJSON_Duplicate(sim->views[i]->json, true));
	}
	wait = wait_new(request, NULL, user->id);
	wait_send(wait, "events_api", event_outer(sim, event), true);
}

/* A global shortcut: docs.slack.dev/interactivity/implementing-shortcuts. It has no channel, and no response_url. */
static void do_shortcut(struct sim_request *request, const cJSON *body)
{
	struct sim_user *user = user_wanted(request, body);
	const char *callback_id = sim_text(body, "callback_id");
	char ts[SIM_TS_MAX];
	struct wait *wait;
	cJSON *payload;

	if (user == NULL)
		return;
	payload = cJSON_CreateObject();
	sim_next_ts(request->sim, ts);
	sim_put(payload, "type", "shortcut");
	put_user(payload, user);
	put_common(payload);
	sim_put(payload, "callback_id", callback_id != NULL ? callback_id : "announce");
	sim_put(payload, "action_ts", ts);
	sim_put(payload, "trigger_id", sim_trigger_new(request->sim, user->id, "")->id);
	wait = wait_new(request, NULL, user->id);
	sim_put(wait->answer, "trigger_id", sim_text(payload, "trigger_id"));
	wait_send(wait, "interactive", payload, true);
}

/* ---- pressing -------------------------------------------------------------------------------- */

struct press {
	const char *action_id, *value, *label;
	const cJSON *element, *block, *option;
	int64_t attachment; /* its id, 0: none */
	bool has_action;    /* the action_id is there, though not with that value */
};

static bool label_fits(const char *label, const cJSON *object)
{
	return label == NULL || text_equal(sim_text(sim_get(object, "text"), "text"), label);
}

/* Does the element, or one of its options, answer to what was asked for? */
static bool press_fits(struct press *press, const cJSON *element)
{
	const char *type = sim_text(element, "type");
	bool same_action = press->action_id == NULL ||
			   text_equal(sim_text(element, "action_id"), press->action_id);
	const cJSON *option;

	if (type == NULL ||
	    (press->action_id == NULL && press->label == NULL && press->value == NULL))
		return false;
	if (same_action && press->action_id != NULL)
		press->has_action = true;
	if (strcmp(type, "button") == 0)
		return same_action && label_fits(press->label, element) &&
		       (press->value == NULL ||
			   text_equal(sim_text(element, "value"), press->value));
	cJSON_ArrayForEach(option, sim_get(element, "options"))
	{
		const char *value = sim_text(option, "value");

		/* An option goes by its own value or label; the overflow menu's action_id may be
		 * left out. */
		if (press->value == NULL && press->label == NULL
			? text_equal(value, press->action_id)
			: same_action && label_fits(press->label, option) &&
			      (press->value == NULL || text_equal(value, press->value))) {
			press->option = option;
			return true;
		}
	}
	return same_action && press->action_id != NULL && strstr(type, "users_select") != NULL &&
	       press->value != NULL;
}

static bool press_find(struct press *press, const cJSON *blocks)
{
	const cJSON *block, *element;

	cJSON_ArrayForEach(block, blocks)
	{
		press->block = block;
		cJSON_ArrayForEach(element, sim_get(block, "elements"))
		{
			press->element = element;
			if (press_fits(press, element))
				return true;
		}
		press->element = sim_get(block, "accessory");
		if (press->element != NULL && press_fits(press, press->element))
			return true;
	}
	return false;
}

/* What is named may be an action_id or, as people see it, a label. */
static bool press_find_either(struct press *press, const cJSON *blocks)
{
	struct press by_label = *press;

	if (press_find(press, blocks))
		return true;
	if (press->has_action || press->label != NULL || press->action_id == NULL)
		return false;
	by_label.label = press->action_id;
	by_label.action_id = NULL;
	if (!press_find(&by_label, blocks))
		return false;
	*press = by_label;
	return true;
}

static bool press_find_in_message(struct press *press, const cJSON *message)
{
	const cJSON *attachment;

	if (press_find_either(press, sim_get(message, "blocks")))
		return true;
	cJSON_ArrayForEach(attachment, sim_get(message, "attachments"))
	{
		press->attachment = sim_int(attachment, "id", 1);
		if (press_find_either(press, sim_get(attachment, "blocks")))
			return true;
	}
	return false;
}

static void put_action(struct sim *sim, cJSON *payload, const struct press *press)
{
	cJSON *actions = cJSON_AddArrayToObject(payload, "actions"), *action = cJSON_CreateObject();
	const char *type = sim_text(press->element, "type");
	char ts[SIM_TS_MAX];

	cJSON_AddItemToArray(actions, action);
	sim_next_ts(sim, ts);
	if (press->element == NULL) { /* forced: the button of an older card */
		sim_put(action, "action_id", press->action_id);
		sim_put(action, "block_id", "old");
		if (press->value != NULL)
			sim_put(action, "value", press->value);
		sim_put(action, "type", "button");
	} else {
		sim_put(action, "action_id", sim_text(press->element, "action_id"));
		sim_put(action, "block_id", sim_text(press->block, "block_id"));
		sim_put(action, "type", type);
		if (press->option != NULL) {
			sim_set(action, "selected_option", cJSON_Duplicate(press->option, true));
		} else if (strstr(type, "users_select") != NULL) {
			sim_put(action, "selected_user", press->value);
		} else {
			sim_set(
			    action, "text", cJSON_Duplicate(sim_get(press->element, "text"), true));
			if (sim_text(press->element, "value") != NULL)
				sim_put(action, "value", sim_text(press->element, "value"));
			if (sim_text(press->element, "style") != NULL)
				sim_put(action, "style", sim_text(press->element, "style"));
		}
	}
	sim_put(action, "action_ts", ts);
}

static void press_message(struct sim_request *request, struct press *press,
    const struct sim_user *user, struct sim_channel *channel, const char *ts, bool force)
{
	struct sim *sim = request->sim;
	struct sim_message *message = sim_message(channel, ts);
	struct sim_ephemeral *ephemeral = message == NULL ? sim_ephemeral(sim, ts) : NULL;
	const cJSON *json = message != NULL     ? message->json
			    : ephemeral != NULL ? ephemeral->json
						: NULL;
	cJSON *payload, *container, *place;
	struct wait *wait;
	char *url;

	if (json == NULL || (message != NULL && message->is_deleted) ||
	    (ephemeral != NULL && ephemeral->is_deleted)) {
		bad(request, 404, "no such message");
		return;
	}
	if (force && press->action_id != NULL && press->value != NULL) {
		press->element = NULL;
	} else if (!press_find_in_message(press, json)) {
		bad(request, 404,
		    press->has_action ? "the button is there, with another value"
				      : "no such button");
		return;
	}
	payload = cJSON_CreateObject();
	sim_put(payload, "type", "block_actions");
	put_user(payload, user);
	put_common(payload);
	container = cJSON_AddObjectToObject(payload, "container");
	sim_put(container, "type", press->attachment > 0 ? "message_attachment" : "message");
	sim_put(container, "message_ts", ts);
	if (press->attachment > 0)
		sim_put_int(container, "attachment_id", press->attachment);
	sim_put(container, "channel_id", channel->id);
	sim_put_bool(container, "is_ephemeral", ephemeral != NULL);
	if (message != NULL && message->thread_ts[0] != '\0')
		sim_put(container, "thread_ts", message->thread_ts);
	sim_put(payload, "trigger_id", sim_trigger_new(sim, user->id, "")->id);
	place = cJSON_AddObjectToObject(payload, "channel");
	sim_put(place, "id", channel->id);
	sim_put(place, "name",
	    channel->is_im        ? "directmessage"
	    : channel->is_private ? "privategroup"
				  : channel->name);
	if (message != NULL)
		sim_set(payload, "message", sim_message_view(message, true));
	cJSON_AddObjectToObject(cJSON_AddObjectToObject(payload, "state"), "values");
	url = xasprintf("%s%s", sim->base,
	    sim_response_url_new(sim, "actions", channel->id, user->id, ts, ephemeral != NULL)
		->path);
	sim_put(payload, "response_url", url);
	put_action(sim, payload, press);
	wait = wait_new(request, channel->id, user->id);
	sim_put(wait->answer, "trigger_id", sim_text(payload, "trigger_id"));
	sim_put(wait->answer, "response_url", url);
	free(url);
	wait_send(wait, "interactive", payload, true);
}

static void press_view(struct sim_request *request, struct press *press,
    const struct sim_user *user, struct sim_view *view)
{
	struct sim *sim = request->sim;
	cJSON *payload, *container;
	struct wait *wait;

	if (!view->is_open || !press_find_either(press, sim_get(view->json, "blocks"))) {
		bad(request, 404, view->is_open ? "no such button" : "the view is closed");
		return;
	}
	payload = cJSON_CreateObject();
	sim_put(payload, "type", "block_actions");
	put_user(payload, user);
	put_common(payload);
	container = cJSON_AddObjectToObject(payload, "container");
	sim_put(container, "type", "view");
	sim_put(container, "view_id", view->id);
	sim_put(payload, "trigger_id",
	    sim_trigger_new(sim, user->id, view->is_home ? "" : view->id)->id);
	sim_set(payload, "view", cJSON_Duplicate(view->json, true));
	put_action(sim, payload, press);
	wait = wait_new(request, NULL, user->id);
	sim_put(wait->answer, "trigger_id", sim_text(payload, "trigger_id"));
	wait_send(wait, "interactive", payload, true);
}

static void do_press(struct sim_request *request, const cJSON *body)
{
	struct sim_user *user = user_wanted(request, body);
	struct press press = {.action_id = sim_text(body, "action_id"),
	    .value = sim_text(body, "value"),
	    .label = sim_text(body, "label")};
	const char *view_id = sim_text(body, "view_id");
	struct sim_channel *channel;
	struct sim_view *view;

	if (user == NULL)
		return;
	if (view_id != NULL) {
		view = sim_view(request->sim, view_id, NULL);
		if (view == NULL)
			bad(request, 404, "no such view");
		else
			press_view(request, &press, user, view);
		return;
	}
	channel = channel_wanted(request, body);
	if (channel != NULL)
		press_message(
		    request, &press, user, channel, sim_text(body, "ts"), sim_true(body, "force"));
}

/* ---- modals ---------------------------------------------------------------------------------- */

/* What is given for an input: by block_id or action_id, as text, a list of values, or the state
 * itself. */
static const cJSON *given_value(const cJSON *values, const char *block_id, const char *action_id)
{
	const cJSON *item = sim_get(values, block_id);

	if (cJSON_IsObject(item) && sim_get(item, action_id) != NULL)
		return sim_get(item, action_id);
	return item != NULL ? item : sim_get(values, action_id);
}

static cJSON *option_of(const cJSON *element, const char *value)
{
	const cJSON *option, *group;

	cJSON_ArrayForEach(option, sim_get(element, "options"))
	{
		if (text_equal(sim_text(option, "value"), value) ||
		    text_equal(sim_text(sim_get(option, "text"), "text"), value))
			return cJSON_Duplicate(option, true);
	}
	cJSON_ArrayForEach(group, sim_get(element, "option_groups"))
	{
		cJSON_ArrayForEach(option, sim_get(group, "options"))
		{
			if (text_equal(sim_text(option, "value"), value))
				return cJSON_Duplicate(option, true);
		}
	}
	return NULL;
}

static cJSON *options_of(const cJSON *element, const cJSON *given)
{
	cJSON *list = cJSON_CreateArray(), *option;
	const cJSON *item;

	if (cJSON_IsString(given)) {
		option = option_of(element, given->valuestring);
		if (option != NULL)
			cJSON_AddItemToArray(list, option);
	}
	if (cJSON_IsArray(given)) {
		cJSON_ArrayForEach(item, given)
		{
			option = option_of(element, cJSON_GetStringValue(item));
			if (option != NULL)
				cJSON_AddItemToArray(list, option);
		}
	}
	return list;
}

/* One element's entry in state.values; *IS_EMPTY when nothing is filled in. Slack's table of where
 * the value is carried. */
static cJSON *state_of(const cJSON *element, const cJSON *given, bool *is_empty)
{
	const char *type = sim_text(element, "type");
	static const struct {
		const char *type, *key, *initial;
	} plain[] = {
	    {"users_select", "selected_user", "initial_user"},
	    {"conversations_select", "selected_conversation", "initial_conversation"},
	    {"channels_select", "selected_channel", "initial_channel"},
	    {"datepicker", "selected_date", "initial_date"},
	    {"timepicker", "selected_time", "initial_time"},
	};
	cJSON *state = cJSON_CreateObject(), *picked;
	const char *text = cJSON_GetStringValue(given);
	size_t i;

	sim_put(state, "type", type);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(type, plain[i].type) != 0)
			continue;
		text = given != NULL ? text : sim_text(element, plain[i].initial);
		sim_put(state, plain[i].key, text);
		*is_empty = text == NULL;
		return state;
	}
	if (strcmp(type, "datetimepicker") == 0) {
		int64_t at = cJSON_IsNumber(given) ? (int64_t)given->valuedouble
						   : sim_int(element, "initial_date_time", 0);

		sim_set(state, "selected_date_time",
		    at != 0 ? cJSON_CreateNumber((double)at) : cJSON_CreateNull());
		*is_empty = at == 0;
	} else if (strcmp(type, "checkboxes") == 0 || strcmp(type, "multi_static_select") == 0) {
		picked = given != NULL ? options_of(element, given)
				       : cJSON_Duplicate(sim_get(element, "initial_options"), true);
		if (picked == NULL)
			picked = cJSON_CreateArray();
		*is_empty = cJSON_GetArraySize(picked) == 0;
		sim_set(state, "selected_options", picked);
	} else if (strcmp(type, "static_select") == 0 || strcmp(type, "radio_buttons") == 0) {
		picked = given != NULL ? option_of(element, text)
				       : cJSON_Duplicate(sim_get(element, "initial_option"), true);
		*is_empty = picked == NULL;
		sim_set(state, "selected_option", picked != NULL ? picked : cJSON_CreateNull());
	} else {
		text = given != NULL ? text : sim_text(element, "initial_value");
		*is_empty = text_is_empty(text);
		sim_put(state, "value", *is_empty ? NULL : text);
	}
	return state;
}

/* What Slack's own client refuses before anything is sent: an empty field that is wanted, a text
 * too short or too long. */
static const char *state_problem(
    const cJSON *block, const cJSON *element, const cJSON *state, bool is_empty)
{
	const char *text = sim_text(state, "value");
	size_t length = text != NULL ? utf16_length(text, strlen(text)) : 0;

	if (is_empty)
		return sim_true(block, "optional") ? NULL : "a field that is wanted is empty";
	if (text != NULL && sim_has(element, "max_length") &&
	    (int64_t)length > sim_int(element, "max_length", 3000))
		return "a text is too long";
	if (text != NULL && sim_has(element, "min_length") &&
	    (int64_t)length < sim_int(element, "min_length", 0))
		return "a text is too short";
	return length > 3000 ? "a text is too long" : NULL;
}

static cJSON *state_values(const struct sim_view *view, const cJSON *given, const char **problem)
{
	cJSON *values = cJSON_CreateObject();
	const cJSON *block, *element, *inner;

	cJSON_ArrayForEach(block, sim_get(view->json, "blocks"))
	{
		const char *block_id = sim_text(block, "block_id"), *type = sim_text(block, "type");
		bool is_input = text_equal(type, "input"), is_empty = false;
		cJSON *here, *state;

		element = is_input ? sim_get(block, "element") : sim_get(block, "accessory");
		if (element == NULL && text_equal(type, "actions"))
			element = sim_get(block, "elements");
		inner = cJSON_IsArray(element) ? element->child : element;
		here = NULL;
		for (; inner != NULL; inner = cJSON_IsArray(element) ? inner->next : NULL) {
			const char *action_id = sim_text(inner, "action_id"),
				   *kind = sim_text(inner, "type");

			if (action_id == NULL || text_equal(kind, "button") ||
			    text_equal(kind, "overflow"))
				continue;
			if (here == NULL) {
				here = cJSON_CreateObject();
				sim_set(values, block_id, here);
			}
			state = state_of(inner, given_value(given, block_id, action_id), &is_empty);
			if (is_input && *problem == NULL)
				*problem = state_problem(block, inner, state, is_empty);
			sim_set(here, action_id, state);
		}
	}
	return values;
}

static struct sim_view *view_wanted(
    struct sim_request *request, const cJSON *body, const struct sim_user *user)
{
	const char *id = sim_text(body, "view_id"), *callback_id = sim_text(body, "callback_id");
	struct sim *sim = request->sim;
	size_t i;

	/* Without an id: the topmost modal of that person. */
	for (i = sim->view_count; i-- > 0;) {
		struct sim_view *view = sim->views[i];

		if (id != NULL
			? strcmp(view->id, id) == 0
			: view->is_open && !view->is_home && strcmp(view->user, user->id) == 0 &&
			      (callback_id == NULL ||
				  text_equal(sim_text(view->json, "callback_id"), callback_id)))
			return view;
	}
	return NULL;
}

static void do_submit(struct sim_request *request, const cJSON *body, bool is_close)
{
	struct sim_user *user = user_wanted(request, body);
	struct sim_view *view = user != NULL ? view_wanted(request, body, user) : NULL;
	const char *problem = NULL;
	cJSON *payload, *json, *values;
	struct wait *wait;

	if (user == NULL)
		return;
	if (view == NULL || !view->is_open || view->is_home) {
		bad(request, 404, "no such modal is open");
		return;
	}
	values = state_values(view, sim_get(body, "values"), &problem);
	if (problem != NULL && !is_close) {
		cJSON_Delete(values);
		bad(request, 409, problem);
		return;
	}
	wait = wait_new(request, NULL, user->id);
	sim_put(wait->answer, "view_id", view->id);
	snprintf(wait->view, sizeof(wait->view), "%s", view->id);
	if (is_close && !sim_true(view->json, "notify_on_close")) {
		cJSON_Delete(values);
		view_close(request->sim, view, true);
		wait_end(wait);
		return;
	}
	payload = cJSON_CreateObject();
	sim_put(payload, "type", is_close ? "view_closed" : "view_submission");
	put_user(payload, user);
	put_common(payload);
	json = cJSON_Duplicate(view->json, true);
	if (is_close) {
		cJSON_Delete(values);
		sim_put_bool(payload, "is_cleared", true);
	} else {
		sim_set(cJSON_GetObjectItemCaseSensitive(json, "state"), "values", values);
		sim_put(
		    payload, "trigger_id", sim_trigger_new(request->sim, user->id, view->id)->id);
		cJSON_AddArrayToObject(payload, "response_urls");
	}
	sim_set(payload, "view", json);
	wait->is_submit = !is_close;
	if (is_close)
		view_close(request->sim, view, true);
	wait_send(wait, "interactive", payload, true);
}

/* ---- raw frames, new things, knobs ----------------------------------------------------------- */

static void done(struct sim_request *request)
{
	cJSON *json = cJSON_CreateObject();

	sim_put_bool(json, "ok", true);
	sim_reply_json(request, 200, json);
}

/* {"type","payload"}: an envelope that is waited for; {"raw": text or object}: a frame as it is. */
static void do_envelope(struct sim_request *request, const cJSON *body)
{
	const char *type = sim_text(body, "type");
	const cJSON *raw = sim_get(body, "raw");
	char *text;

	if (raw != NULL) {
		text = cJSON_IsString(raw) ? xstrdup(raw->valuestring) : sim_write(raw);
		sim_frame_send(request->sim, text, strlen(text));
		free(text);
		done(request);
		return;
	}
	if (type == NULL || !sim_has(body, "payload")) {
		bad(request, 400, "raw, or type and payload are wanted");
		return;
	}
	wait_send(wait_new(request, sim_text(body, "channel"), sim_text(body, "user")), type,
	    cJSON_Duplicate(sim_get(body, "payload"), true), true);
}

static void do_channel(struct sim_request *request, const cJSON *body)
{
	struct sim *sim = request->sim;
	const char *name = sim_text(body, "name"), *id = sim_text(body, "id");
	struct sim_channel *channel;
	char made[SIM_ID_MAX];
	size_t i;

	if (name != NULL && name[0] == '#')
		name++;
	if (text_is_empty(name)) {
		bad(request, 400, "a name is wanted");
		return;
	}
	channel = sim_channel_named(sim, id != NULL ? id : name);
	if (channel == NULL) {
		snprintf(made, sizeof(made), "C0SIM%llu", (unsigned long long)++sim->serial);
		channel = sim_channel_add(sim, id != NULL ? id : made, name);
		for (i = 0; i < sim->user_count; i++) {
			if (strcmp(sim->users[i].id, SIM_BOT_USER) != 0)
				sim_channel_join(channel, sim->users[i].id);
		}
		if (!sim_has(body, "member") || sim_true(body, "member"))
			sim_channel_join(channel, SIM_BOT_USER);
	}
	if (sim_has(body, "member"))
		channel->is_member = sim_true(body, "member");
	if (sim_has(body, "private"))
		channel->is_private = sim_true(body, "private");
	if (sim_has(body, "archived"))
		channel->is_archived = sim_true(body, "archived");
	sim_reply_json(request, 200, sim_channel_json(channel));
}

static void do_user(struct sim_request *request, const cJSON *body)
{
	const char *id = sim_text(body, "id"), *name = sim_text(body, "name"),
		   *tz = sim_text(body, "tz");
	struct sim_user *user;
	size_t i;

	if (text_is_empty(id) || text_is_empty(name) || (id[0] != 'U' && id[0] != 'W')) {
		bad(request, 400, "an id (U…) and a name are wanted");
		return;
	}
	user = sim_user(request->sim, id);
	if (user == NULL) {
		user = sim_user_add(request->sim, id, name, name, sim_text(body, "email"),
		    tz != NULL ? tz : "Etc/UTC", (int)sim_int(body, "tz_offset", 0));
		for (i = 0; i < request->sim->channel_count; i++) {
			if (!request->sim->channels[i]->is_im)
				sim_channel_join(request->sim->channels[i], id);
		}
	}
	user->is_guest = sim_true(body, "guest");
	user->is_deleted = sim_true(body, "deleted");
	sim_reply_json(request, 200, sim_user_json(user, true));
}

static void do_group(struct sim_request *request, const cJSON *body)
{
	if (text_is_empty(sim_text(body, "id")) || text_is_empty(sim_text(body, "handle"))) {
		bad(request, 400, "an id (S…) and a handle are wanted");
		return;
	}
	sim_group_add(
	    request->sim, sim_text(body, "id"), sim_text(body, "handle"), sim_get(body, "users"));
	done(request);
}

static void do_config(struct sim_request *request, const cJSON *body)
{
	struct sim *sim = request->sim;
	const cJSON *item;

	cJSON_ArrayForEach(item, body)
	{
		if (!cJSON_IsNumber(item)) {
			bad(request, 400, "every knob is a number");
			return;
		}
		if (strcmp(item->string, "retry_scale") == 0)
			sim->retry_scale = item->valuedouble;
		else if (strcmp(item->string, "ack_timeout_ms") == 0)
			sim->ack_timeout_ms = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "trigger_life_ms") == 0)
			sim->trigger_life_ms = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "ticket_life_ms") == 0)
			sim->ticket_life_ms = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "ping_ms") == 0)
			sim->ping_ms = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "posts_per_second") == 0)
			sim->posts_per_second = item->valuedouble;
		else if (strcmp(item->string, "post_burst") == 0)
			sim->post_burst = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "pagerduty_per_minute") == 0)
			sim->pagerduty_per_minute = (int64_t)item->valuedouble;
		else if (strcmp(item->string, "text_total_max") == 0)
			sim->text_total_max = (int64_t)item->valuedouble;
		else {
			bad(request, 400, "unknown knob");
			return;
		}
	}
	done(request);
}

static void do_fault(struct sim_request *request, const cJSON *body)
{
	const char *problem = NULL;

	if (!sim_fault_add(request->sim, body, &problem))
		bad(request, 400, problem);
	else
		done(request);
}

static void do_reset(struct sim_request *request)
{
	struct sim *sim = request->sim;

	sim_socket_reset(sim);
	sim_world_fini(sim);
	sim_world_init(sim);
	done(request);
}

/* ---- what can be seen ------------------------------------------------------------------------ */

static void see_messages(struct sim_request *request)
{
	const char *name = sim_query(request, "channel"), *thread = sim_query(request, "thread");
	struct sim_channel *channel = sim_channel_named(request->sim, name);
	cJSON *json, *list, *one;
	size_t i, from;

	if (channel == NULL) {
		bad(request, 404, "no such channel");
		return;
	}
	json = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(json, "messages");
	from = channel->message_count > LIST_MAX ? channel->message_count - LIST_MAX : 0;
	for (i = from; i < channel->message_count; i++) {
		const struct sim_message *message = channel->messages[i];

		if (message->is_deleted)
			continue;
		if (thread != NULL && strcmp(message->ts, thread) != 0 &&
		    strcmp(message->thread_ts, thread) != 0)
			continue;
		one = sim_message_view(message, true);
		sim_put_int(one, "edits", message->edits);
		sim_put_bool(one, "reply_broadcast", message->is_broadcast);
		/* A parent's own thread_ts would make it look like a reply. */
		if (message->thread_ts[0] == '\0')
			cJSON_DeleteItemFromObjectCaseSensitive(one, "thread_ts");
		cJSON_AddItemToArray(list, one);
	}
	sim_put(json, "channel", channel->id);
	sim_reply_json(request, 200, json);
}

static void see_ephemerals(struct sim_request *request)
{
	struct sim *sim = request->sim;
	const char *user = sim_query(request, "user");
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "ephemerals"),
	      *one;
	size_t i;

	for (i = 0; i < sim->ephemeral_count; i++) {
		const struct sim_ephemeral *ephemeral = sim->ephemerals[i];

		if (ephemeral->is_deleted || (user != NULL && !text_equal(user, ephemeral->user)))
			continue;
		one = cJSON_Duplicate(ephemeral->json, true);
		sim_put(one, "ts", ephemeral->ts);
		sim_put(one, "channel", ephemeral->channel);
		sim_put(one, "to", ephemeral->user);
		sim_put(one, "thread_ts", ephemeral->thread_ts);
		sim_put(one, "source", ephemeral->source);
		sim_put_int(one, "edits", ephemeral->edits);
		cJSON_AddItemToArray(list, one);
	}
	sim_reply_json(request, 200, json);
}

static void see_views(struct sim_request *request)
{
	struct sim *sim = request->sim;
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "views"), *one;
	size_t i;

	for (i = 0; i < sim->view_count; i++) {
		one = cJSON_Duplicate(sim->views[i]->json, true);
		sim_put(one, "user", sim->views[i]->user);
		sim_put_bool(one, "open", sim->views[i]->is_open);
		sim_put_int(one, "updates", sim->views[i]->updates);
		cJSON_AddItemToArray(list, one);
	}
	sim_reply_json(request, 200, json);
}

/* "pagerduty.rest" is all of that API. */
static bool call_fits(const struct sim_call *call, const char *method)
{
	if (method == NULL || strcmp(method, "pagerduty.rest") != 0)
		return method == NULL || strcmp(call->method, method) == 0;
	return text_prefix(call->method, "pagerduty.rest.");
}

static void see_calls(struct sim_request *request)
{
	const char *method = sim_query(request, "method");
	cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "calls"), *one;
	const struct sim_call *call;
	size_t skip = 0, count = 0;

	for (call = request->sim->calls; call != NULL; call = call->next)
		count += call_fits(call, method);
	skip = count > LIST_MAX ? count - LIST_MAX : 0;
	for (call = request->sim->calls; call != NULL; call = call->next) {
		if (!call_fits(call, method) || (skip > 0 && skip--))
			continue;
		one = cJSON_CreateObject();
		sim_put_int(one, "number", (int64_t)call->number);
		sim_put(one, "method", call->method);
		sim_put_int(one, "at_ms", call->at_ms);
		sim_put_int(one, "took_ms", call->took_ms);
		sim_put_int(one, "status", call->status);
		sim_put(one, "error", call->error);
		sim_put_bool(one, "applied", call->is_applied);
		sim_put(one, "token", call->token);
		sim_put(one, "content_type", call->content_type);
		sim_put(one, "body", call->body);
		if (call->query != NULL)
			sim_put(one, "query", call->query);
		if (call->from != NULL)
			sim_put(one, "from", call->from);
		cJSON_AddItemToArray(list, one);
	}
	sim_put_int(json, "count", (int64_t)count);
	sim_reply_json(request, 200, json);
}

static void see_list(struct sim_request *request, const char *name, cJSON *list)
{
	cJSON *json = cJSON_CreateObject();

	sim_set(json, name, list);
	sim_reply_json(request, 200, json);
}

static void see_channels(struct sim_request *request)
{
	cJSON *list = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < request->sim->channel_count; i++)
		cJSON_AddItemToArray(list, sim_channel_json(request->sim->channels[i]));
	see_list(request, "channels", list);
}

static void see_render(struct sim_request *request)
{
	const char *color = sim_query(request, "color"),
		   *pagerduty = sim_query(request, "pagerduty");
	struct buf out;
	size_t len;

	buf_init(&out, 16u << 20);
	sim_render(request->sim, sim_query(request, "channel"), text_equal(color, "1"),
	    text_equal(pagerduty, "1"), &out);
	len = out.len;
	sim_reply(request, 200, "text/plain; charset=utf-8", buf_take(&out), len);
}

static bool see(struct sim_request *request, const char *what)
{
	struct sim *sim = request->sim;

	if (strcmp(what, "messages") == 0)
		see_messages(request);
	else if (strcmp(what, "ephemerals") == 0)
		see_ephemerals(request);
	else if (strcmp(what, "responses") == 0)
		see_list(request, "responses", cJSON_Duplicate(sim->responses, true));
	else if (strcmp(what, "views") == 0)
		see_views(request);
	else if (strcmp(what, "calls") == 0)
		see_calls(request);
	else if (strcmp(what, "acks") == 0)
		see_list(request, "acks", cJSON_Duplicate(sim->acks, true));
	else if (strcmp(what, "connections") == 0)
		see_list(request, "connections", sim_connections_json(sim));
	else if (strcmp(what, "pagerduty") == 0)
		sim_reply_json(
		    request, 200, sim_pagerduty_json(sim, sim_query(request, "dedup_key")));
	else if (strcmp(what, "channels") == 0)
		see_channels(request);
	else if (strcmp(what, "render") == 0)
		see_render(request);
	else
		return false;
	return true;
}

static bool act(struct sim_request *request, const char *what, const cJSON *body)
{
	if (strcmp(what, "slash") == 0)
		do_slash(request, body);
	else if (strcmp(what, "mention") == 0)
		do_mention(request, body);
	else if (strcmp(what, "dm") == 0)
		do_say(request, body, true);
	else if (strcmp(what, "say") == 0)
		do_say(request, body, false);
	else if (strcmp(what, "press") == 0)
		do_press(request, body);
	else if (strcmp(what, "submit") == 0)
		do_submit(request, body, false);
	else if (strcmp(what, "close") == 0)
		do_submit(request, body, true);
	else if (strcmp(what, "shortcut") == 0)
		do_shortcut(request, body);
	else if (strcmp(what, "home") == 0)
		do_home(request, body);
	else if (strcmp(what, "envelope") == 0)
		do_envelope(request, body);
	else if (strcmp(what, "channel") == 0)
		do_channel(request, body);
	else if (strcmp(what, "user") == 0)
		do_user(request, body);
	else if (strcmp(what, "group") == 0)
		do_group(request, body);
	else if (strcmp(what, "config") == 0)
		do_config(request, body);
	else if (strcmp(what, "fault") == 0)
		do_fault(request, body);
	else if (strcmp(what, "reset") == 0)
		do_reset(request);
	else
		return false;
	return true;
}

void sim_control(struct sim_request *request)
{
	const char *what = request->path + strlen("/sim/");
	cJSON *body;
	bool known;

	if (strcmp(request->method, "GET") == 0) {
		if (!pd_control_see(request, what) && !see(request, what))
			bad(request, 404, "no such thing to see");
		return;
	}
	body = request->body.len > 0 ? sim_parse(buf_text(&request->body), request->body.len)
				     : cJSON_CreateObject();
	if (!cJSON_IsObject(body)) {
		cJSON_Delete(body);
		bad(request, 400, "the body is to be a JSON object");
		return;
	}
	known = strcmp(request->method, "POST") == 0 &&
		(pd_control_do(request, what, body) || act(request, what, body));
	cJSON_Delete(body);
	if (!known)
		bad(request, 404, "no such thing to do");
}
