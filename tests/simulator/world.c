/* world - people, channels and what was said in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/sim.h"

void sim_random(char *out, size_t size, const char *alphabet)
{
	size_t i, count = strlen(alphabet);
	unsigned char byte;

	for (i = 0; i + 1 < size; i++) {
		if (getrandom(&byte, 1, 0) != 1)
			abort();
		out[i] = alphabet[byte % count];
	}
	out[size - 1] = '\0';
}

static void copy_id(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text != NULL ? text : "");
}

/* ---- people ---------------------------------------------------------------------------------- */

struct sim_user *sim_user(struct sim *sim, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < sim->user_count; i++) {
		struct sim_user *user = &sim->users[i];

		if (text_equal(user->id, id) || text_equal(user->name, id) ||
		    text_equal(user->email, id))
			return user;
	}
	return NULL;
}

struct sim_user *sim_user_add(struct sim *sim, const char *id, const char *name,
    const char *real_name, const char *email, const char *tz, int tz_offset)
{
	struct sim_user *user;

	sim->users = xreallocarray(sim->users, sim->user_count + 1, sizeof(*sim->users));
	user = &sim->users[sim->user_count++];
	memset(user, 0, sizeof(*user));
	copy_id(user->id, sizeof(user->id), id);
	user->name = xstrdup(name);
	user->real_name = xstrdup(real_name);
	user->email = xstrdup(email);
	user->tz = xstrdup(tz);
	user->tz_offset = tz_offset;
	return user;
}

cJSON *sim_user_json(const struct sim_user *user, bool with_email)
{
	cJSON *json = cJSON_CreateObject(), *profile;

	sim_put(json, "id", user->id);
	sim_put(json, "team_id", SIM_TEAM);
	sim_put(json, "name", user->name);
	sim_put_bool(json, "deleted", user->is_deleted);
	if (!user->is_deleted) {
		sim_put(json, "color", "9f69e7");
		sim_put(json, "real_name", user->real_name);
		if (user->tz != NULL) {
			sim_put(json, "tz", user->tz);
			sim_put(json, "tz_label", user->tz);
			sim_put_int(json, "tz_offset", user->tz_offset);
		}
	}
	profile = cJSON_AddObjectToObject(json, "profile");
	sim_put(profile, "real_name", user->real_name);
	sim_put(profile, "display_name", user->name);
	sim_put(profile, "real_name_normalized", user->real_name);
	sim_put(profile, "display_name_normalized", user->name);
	sim_put(profile, "status_text", "");
	sim_put(profile, "fields", NULL);
	if (with_email && user->email != NULL)
		sim_put(profile, "email", user->email);
	sim_put(profile, "team", SIM_TEAM);
	sim_put_bool(json, "is_admin", false);
	sim_put_bool(json, "is_owner", false);
	sim_put_bool(json, "is_primary_owner", false);
	sim_put_bool(json, "is_restricted", user->is_guest);
	sim_put_bool(json, "is_ultra_restricted", false);
	sim_put_bool(json, "is_bot", user->is_bot);
	sim_put_bool(json, "is_app_user", false);
	sim_put_int(json, "updated", 1700000000);
	return json;
}

struct sim_group *sim_group_add(
    struct sim *sim, const char *id, const char *handle, const cJSON *users)
{
	struct sim_group *group;
	const cJSON *user;

	sim->groups = xreallocarray(sim->groups, sim->group_count + 1, sizeof(*sim->groups));
	group = &sim->groups[sim->group_count++];
	memset(group, 0, sizeof(*group));
	copy_id(group->id, sizeof(group->id), id);
	group->handle = xstrdup(handle);
	cJSON_ArrayForEach(user, users)
	{
		if (!cJSON_IsString(user))
			continue;
		group->users =
		    xreallocarray(group->users, group->user_count + 1, sizeof(*group->users));
		group->users[group->user_count++] = xstrdup(user->valuestring);
	}
	return group;
}

/* ---- channels -------------------------------------------------------------------------------- */

struct sim_channel *sim_channel(struct sim *sim, const char *id)
{
	size_t i;

	for (i = 0; id != NULL && i < sim->channel_count; i++) {
		if (strcmp(sim->channels[i]->id, id) == 0)
			return sim->channels[i];
	}
	return NULL;
}

struct sim_channel *sim_channel_named(struct sim *sim, const char *name)
{
	struct sim_channel *channel = sim_channel(sim, name);
	size_t i;

	if (channel != NULL || name == NULL)
		return channel;
	if (sim_user(sim, name) != NULL && (name[0] == 'U' || name[0] == 'W'))
		return sim_im(sim, name);
	if (name[0] == '#')
		name++;
	for (i = 0; i < sim->channel_count; i++) {
		if (sim->channels[i]->name != NULL && strcmp(sim->channels[i]->name, name) == 0)
			return sim->channels[i];
	}
	return NULL;
}

struct sim_channel *sim_channel_add(struct sim *sim, const char *id, const char *name)
{
	struct sim_channel *channel = xcalloc(1, sizeof(*channel));

	copy_id(channel->id, sizeof(channel->id), id);
	channel->name = xstrdup(name);
	sim->channels =
	    xreallocarray(sim->channels, sim->channel_count + 1, sizeof(*sim->channels));
	sim->channels[sim->channel_count++] = channel;
	return channel;
}

bool sim_channel_has(const struct sim_channel *channel, const char *user)
{
	size_t i;

	for (i = 0; i < channel->member_count; i++) {
		if (strcmp(channel->members[i], user) == 0)
			return true;
	}
	return false;
}

void sim_channel_join(struct sim_channel *channel, const char *user)
{
	if (sim_channel_has(channel, user))
		return;
	channel->members =
	    xreallocarray(channel->members, channel->member_count + 1, sizeof(*channel->members));
	channel->members[channel->member_count++] = xstrdup(user);
	if (strcmp(user, SIM_BOT_USER) == 0)
		channel->is_member = true;
}

struct sim_channel *sim_im(struct sim *sim, const char *user)
{
	struct sim_channel *channel;
	char id[SIM_ID_MAX];
	size_t i;

	for (i = 0; i < sim->channel_count; i++) {
		if (sim->channels[i]->is_im && strcmp(sim->channels[i]->user, user) == 0)
			return sim->channels[i];
	}
	/* U0ALICE talks in D0ALICE: tests can say it without asking. */
	snprintf(id, sizeof(id), "D%s", user + 1);
	channel = sim_channel_add(sim, id, NULL);
	channel->is_im = true;
	copy_id(channel->user, sizeof(channel->user), user);
	sim_channel_join(channel, user);
	sim_channel_join(channel, SIM_BOT_USER);
	return channel;
}

cJSON *sim_channel_json(const struct sim_channel *channel)
{
	cJSON *json = cJSON_CreateObject(), *topic;

	sim_put(json, "id", channel->id);
	if (channel->name != NULL) {
		sim_put(json, "name", channel->name);
		sim_put(json, "name_normalized", channel->name);
	}
	if (channel->is_im)
		sim_put(json, "user", channel->user);
	sim_put_bool(json, "is_channel", !channel->is_im);
	sim_put_bool(json, "is_group", false);
	sim_put_bool(json, "is_im", channel->is_im);
	sim_put_bool(json, "is_mpim", false);
	sim_put_bool(json, "is_private", channel->is_private || channel->is_im);
	sim_put_bool(json, "is_archived", channel->is_archived);
	sim_put_bool(
	    json, "is_general", channel->name != NULL && strcmp(channel->name, "general") == 0);
	sim_put_bool(json, "is_shared", false);
	sim_put_bool(json, "is_ext_shared", false);
	sim_put_bool(json, "is_org_shared", false);
	if (!channel->is_im)
		sim_put_bool(json, "is_member", channel->is_member);
	sim_put_int(json, "created", 1700000000);
	sim_put(json, "creator", "U0ALICE");
	topic = cJSON_AddObjectToObject(json, "topic");
	sim_put(topic, "value", "");
	sim_put(topic, "creator", "");
	sim_put_int(topic, "last_set", 0);
	sim_set(json, "purpose", cJSON_Duplicate(topic, true));
	cJSON_AddArrayToObject(json, "previous_names");
	return json;
}

/* ---- messages -------------------------------------------------------------------------------- */

void sim_next_ts(struct sim *sim, char out[SIM_TS_MAX])
{
	int64_t us = sim_now_ms() * 1000;

	/* Unique and rising over the whole workspace, which is more than Slack promises and no test
	 * can tell. */
	if (us <= sim->last_ts_us)
		us = sim->last_ts_us + 1;
	sim->last_ts_us = us;
	snprintf(out, SIM_TS_MAX, "%010lld.%06lld", (long long)(us / 1000000),
	    (long long)(us % 1000000));
}

struct sim_message *sim_message(struct sim_channel *channel, const char *ts)
{
	size_t low = 0, high = channel->message_count;

	while (ts != NULL && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(channel->messages[middle]->ts, ts);

		if (order == 0)
			return channel->messages[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct sim_message *sim_message_add(struct sim *sim, struct sim_channel *channel, const char *user,
    const char *thread_ts, bool broadcast, cJSON *json)
{
	struct sim_message *message = xcalloc(1, sizeof(*message));

	sim_next_ts(sim, message->ts);
	copy_id(message->thread_ts, sizeof(message->thread_ts), thread_ts);
	copy_id(message->user, sizeof(message->user), user);
	message->is_broadcast = broadcast && thread_ts != NULL;
	message->json = json;
	sim_put(json, "ts", message->ts);
	if (thread_ts != NULL) {
		struct sim_message *parent = sim_message(channel, thread_ts);

		sim_put(json, "thread_ts", thread_ts);
		if (parent != NULL) {
			sim_put(json, "parent_user_id", parent->user);
			parent->replies++;
			copy_id(parent->latest_reply, sizeof(parent->latest_reply), message->ts);
		}
		if (message->is_broadcast)
			sim_put(json, "subtype", "thread_broadcast");
	}
	if (channel->message_count == channel->message_cap) {
		channel->message_cap = channel->message_cap != 0 ? channel->message_cap * 2 : 16;
		channel->messages = xreallocarray(
		    channel->messages, channel->message_cap, sizeof(*channel->messages));
	}
	channel->messages[channel->message_count++] = message;
	return message;
}

cJSON *sim_message_view(const struct sim_message *message, bool with_metadata)
{
	cJSON *json = cJSON_Duplicate(message->json, true);

	if (!with_metadata)
		cJSON_DeleteItemFromObjectCaseSensitive(json, "metadata");
	if (message->replies > 0) {
		sim_put(json, "thread_ts", message->ts);
		sim_put_int(json, "reply_count", message->replies);
		sim_put(json, "latest_reply", message->latest_reply);
	}
	return json;
}

void sim_message_delete(struct sim_channel *channel, struct sim_message *message)
{
	struct sim_message *parent =
	    message->thread_ts[0] != '\0' ? sim_message(channel, message->thread_ts) : NULL;

	message->is_deleted = true;
	if (parent != NULL && parent->replies > 0)
		parent->replies--;
}

struct sim_ephemeral *sim_ephemeral_add(struct sim *sim, const char *channel, const char *user,
    const char *thread_ts, const char *source, cJSON *json)
{
	struct sim_ephemeral *ephemeral = xcalloc(1, sizeof(*ephemeral));

	sim_next_ts(sim, ephemeral->ts);
	ephemeral->channel = xstrdup(channel);
	ephemeral->user = xstrdup(user);
	ephemeral->thread_ts = xstrdup(thread_ts);
	ephemeral->source = source;
	ephemeral->json = json;
	sim->ephemerals = xreallocarray(
	    sim->ephemerals, sim->ephemeral_count + 1, sizeof(struct sim_ephemeral *));
	sim->ephemerals[sim->ephemeral_count++] = ephemeral;
	return ephemeral;
}

struct sim_ephemeral *sim_ephemeral(struct sim *sim, const char *ts)
{
	size_t i;

	for (i = 0; ts != NULL && i < sim->ephemeral_count; i++) {
		if (strcmp(sim->ephemerals[i]->ts, ts) == 0)
			return sim->ephemerals[i];
	}
	return NULL;
}

/* ---- views, triggers, response URLs ---------------------------------------------------------- */

struct sim_view *sim_view(struct sim *sim, const char *id, const char *external_id)
{
	size_t i;

	for (i = sim->view_count; i-- > 0;) {
		struct sim_view *view = sim->views[i];

		if (id != NULL && strcmp(view->id, id) == 0)
			return view;
		if (id == NULL && external_id != NULL && external_id[0] != '\0' && view->is_open &&
		    text_equal(sim_text(view->json, "external_id"), external_id))
			return view;
	}
	return NULL;
}

void sim_view_put(struct sim *sim, struct sim_view *view, const cJSON *json)
{
	static const char *const kept[] = {"title", "submit", "close", "blocks", "private_metadata",
	    "callback_id", "external_id", "clear_on_close", "notify_on_close"};
	cJSON *mine = cJSON_CreateObject();
	char hash[48];
	size_t i;

	sim_put(mine, "id", view->id);
	sim_put(mine, "team_id", SIM_TEAM);
	sim_put(mine, "type", view->is_home ? "home" : "modal");
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const cJSON *item = sim_get(json, kept[i]);

		if (item != NULL)
			sim_set(mine, kept[i], cJSON_Duplicate(item, true));
		else if (strstr(kept[i], "_on_close") != NULL)
			sim_put_bool(mine, kept[i], false);
		else if (strstr(kept[i], "_id") != NULL || strstr(kept[i], "metadata") != NULL)
			sim_put(mine, kept[i], "");
		else
			sim_put(mine, kept[i], NULL);
	}
	sim_blocks_fill(cJSON_GetObjectItemCaseSensitive(mine, "blocks"));
	cJSON_AddObjectToObject(cJSON_AddObjectToObject(mine, "state"), "values");
	snprintf(hash, sizeof(hash), "%lld.%08llx", (long long)(sim_now_ms() / 1000),
	    (unsigned long long)++sim->serial);
	sim_put(mine, "hash", hash);
	sim_put(mine, "root_view_id", view->root);
	sim_put(mine, "previous_view_id", view->previous[0] != '\0' ? view->previous : NULL);
	sim_put(mine, "app_id", SIM_APP);
	sim_put(mine, "bot_id", SIM_BOT);
	sim_put(mine, "app_installed_team_id", SIM_TEAM);
	cJSON_Delete(view->json);
	view->json = mine;
	view->updates++;
}

struct sim_view *sim_view_add(
    struct sim *sim, const char *user, const struct sim_view *below, const cJSON *json)
{
	struct sim_view *view = xcalloc(1, sizeof(*view));

	snprintf(view->id, sizeof(view->id), "V0SIM%llu", (unsigned long long)++sim->serial);
	copy_id(view->user, sizeof(view->user), user);
	copy_id(view->root, sizeof(view->root), below != NULL ? below->root : view->id);
	copy_id(view->previous, sizeof(view->previous), below != NULL ? below->id : "");
	view->is_home = text_equal(sim_text(json, "type"), "home");
	view->is_open = true;
	sim_view_put(sim, view, json);
	view->updates = 0;
	sim->views = xreallocarray(sim->views, sim->view_count + 1, sizeof(struct sim_view *));
	sim->views[sim->view_count++] = view;
	return view;
}

struct sim_trigger *sim_trigger_new(struct sim *sim, const char *user, const char *view)
{
	struct sim_trigger *trigger;
	char hex[33];

	sim_random(hex, sizeof(hex), "0123456789abcdef");
	sim->triggers =
	    xreallocarray(sim->triggers, sim->trigger_count + 1, sizeof(*sim->triggers));
	trigger = &sim->triggers[sim->trigger_count++];
	memset(trigger, 0, sizeof(*trigger));
	snprintf(trigger->id, sizeof(trigger->id), "%llu.%llu.%s",
	    (unsigned long long)++sim->serial + 4000000000ULL, (unsigned long long)3485157640ULL,
	    hex);
	copy_id(trigger->user, sizeof(trigger->user), user);
	copy_id(trigger->view, sizeof(trigger->view), view);
	trigger->issued_ms = sim_mono_ms();
	return trigger;
}

struct sim_response_url *sim_response_url_new(struct sim *sim, const char *kind,
    const char *channel, const char *user, const char *ts, bool is_ephemeral)
{
	struct sim_response_url *url;
	char secret[25];

	sim_random(secret, sizeof(secret),
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
	sim->response_urls = xreallocarray(
	    sim->response_urls, sim->response_url_count + 1, sizeof(*sim->response_urls));
	url = &sim->response_urls[sim->response_url_count++];
	memset(url, 0, sizeof(*url));
	snprintf(url->path, sizeof(url->path), "/%s/%s/%llu/%s", kind, SIM_TEAM,
	    (unsigned long long)++sim->serial + 5000000000ULL, secret);
	copy_id(url->channel, sizeof(url->channel), channel);
	copy_id(url->user, sizeof(url->user), user);
	copy_id(url->ts, sizeof(url->ts), ts);
	url->is_ephemeral = is_ephemeral;
	url->issued_ms = sim_mono_ms();
	return url;
}

/* ---- the preset ------------------------------------------------------------------------------ */

void sim_world_init(struct sim *sim)
{
	static const struct {
		const char *id, *name, *real_name, *email, *tz;
		int offset;
	} users[] = {
	    {SIM_BOT_USER, SIM_BOT_NAME, "headsup", NULL, "America/Los_Angeles", -28800},
	    {"U0ALICE", "alice", "Alice Example", "alice@example.com", "Europe/Paris", 3600},
	    {"U0BOB", "bob", "Bob Example", "bob@example.com", "America/New_York", -18000},
	    {"U0CAROL", "carol", "Carol Example", "carol@example.com", "Asia/Tokyo", 32400},
	    {"U0MALLORY", "mallory", "Mallory Example", "mallory@example.com", "Europe/London", 0},
	    {"U0GUEST", "guest", "Guest Example", "guest@example.org", "Europe/Paris", 3600},
	};
	static const char *const channels[][2] = {
	    {"C0URGENT", "security-urgent"},
	    {"C0ALERTS", "security-alerts"},
	    {"C0PAYSEC", "payments-sec"},
	    {"C0GENERAL", "general"},
	};
	struct sim_channel *channel;
	cJSON *oncall;
	size_t i, j;

	sim->retry_scale = 0.05;
	sim->ack_timeout_ms = 3000;
	sim->trigger_life_ms = 3000;
	sim->ticket_life_ms = 30000;
	sim->ping_ms = 10000;
	sim->posts_per_second = 0;
	sim->pagerduty_per_minute = 0;
	sim->post_burst = 1;
	sim->text_total_max = 12000;
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		sim_user_add(sim, users[i].id, users[i].name, users[i].real_name, users[i].email,
		    users[i].tz, users[i].offset);
	sim_user(sim, SIM_BOT_USER)->is_bot = true;
	sim_user(sim, "U0GUEST")->is_guest = true;
	for (i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
		channel = sim_channel_add(sim, channels[i][0], channels[i][1]);
		for (j = 0; j < sizeof(users) / sizeof(users[0]); j++)
			sim_channel_join(channel, users[j].id);
	}
	for (i = 1; i < sizeof(users) / sizeof(users[0]); i++)
		sim_im(sim, users[i].id);
	oncall = cJSON_Parse("[\"U0ALICE\",\"U0BOB\"]");
	sim_group_add(sim, "S0ONCALL", "oncall-sec", oncall);
	cJSON_Delete(oncall);
	sim->responses = cJSON_CreateArray();
	sim_pagerduty_clear(sim);
}

static void channel_free(struct sim_channel *channel)
{
	size_t i;

	for (i = 0; i < channel->message_count; i++) {
		cJSON_Delete(channel->messages[i]->json);
		free(channel->messages[i]);
	}
	for (i = 0; i < channel->member_count; i++)
		free(channel->members[i]);
	free(channel->members);
	free(channel->messages);
	free(channel->name);
	free(channel);
}

void sim_world_fini(struct sim *sim)
{
	size_t i, j;

	for (i = 0; i < sim->user_count; i++) {
		free(sim->users[i].name);
		free(sim->users[i].real_name);
		free(sim->users[i].email);
		free(sim->users[i].tz);
	}
	for (i = 0; i < sim->channel_count; i++)
		channel_free(sim->channels[i]);
	for (i = 0; i < sim->group_count; i++) {
		for (j = 0; j < sim->groups[i].user_count; j++)
			free(sim->groups[i].users[j]);
		free(sim->groups[i].users);
		free(sim->groups[i].handle);
	}
	for (i = 0; i < sim->ephemeral_count; i++) {
		free(sim->ephemerals[i]->channel);
		free(sim->ephemerals[i]->user);
		free(sim->ephemerals[i]->thread_ts);
		cJSON_Delete(sim->ephemerals[i]->json);
		free(sim->ephemerals[i]);
	}
	for (i = 0; i < sim->view_count; i++) {
		cJSON_Delete(sim->views[i]->json);
		free(sim->views[i]);
	}
	free(sim->users);
	free(sim->channels);
	free(sim->groups);
	free(sim->ephemerals);
	free(sim->views);
	free(sim->triggers);
	free(sim->response_urls);
	cJSON_Delete(sim->responses);
	sim->users = NULL;
	sim->channels = NULL;
	sim->groups = NULL;
	sim->ephemerals = NULL;
	sim->views = NULL;
	sim->triggers = NULL;
	sim->response_urls = NULL;
	sim->responses = NULL;
	sim->user_count = sim->channel_count = sim->group_count = 0;
	sim->ephemeral_count = sim->view_count = sim->trigger_count = sim->response_url_count = 0;
	sim_calls_clear(sim);
	sim_faults_clear(sim);
	sim_pagerduty_fini(sim);
}
