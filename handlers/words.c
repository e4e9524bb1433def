#include "handlers/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/card.h"
#include "handlers/commands.h"
#include "handlers/form.h"
#include "handlers/grammar.h"
#include "handlers/home.h"
#include "handlers/page.h"
#include "handlers/pagerduty/changes.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/rest.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"
#include "handlers/storms.h"

#define TOLD_KEEP_S 86400           /* a lane that is stuck for one reason is told of once a day */
#define RESUMED_KEEP_S (30 * 86400) /* a command that waited for a profile runs once */
#define REASON_UNITS 200
#define URL_MAX 2048

/* Lower goes first within a lane: answers, what is stuck, new cards by severity, edits, lines of threads. */
enum { FIRST_ANSWER = 0, FIRST_PAGE = 10, FIRST_NOTICE = 15, FIRST_CARD = 20, FIRST_EDIT = 30, FIRST_THREAD = 45 };

static int64_t by_severity(int64_t first, enum severity severity)
{
	return first + (SEVERITY_CRITICAL - (int64_t)severity);
}

void spoken_fini(struct spoken *spoken)
{
	free(spoken->method);
	free(spoken->from);
	cJSON_Delete(spoken->body);
	free(spoken->channel);
	free(spoken->look_channel);
	free(spoken->look_thread);
	*spoken = (struct spoken){.is_nothing = true};
}

/* ---- leaving words ----------------------------------------------------------------------------------------- */

/* A word about to be left; what is not said is absent. */
struct leaving {
	const char *kind, *lane, *subject, *coalesce;
	cJSON *body;      /* taken */
	const char *text; /* the body instead, as JSON already */
	int64_t priority, lasts_s;
};

static bool leave(struct desk *desk, const struct leaving *leaving, struct error *err)
{
	char *body = leaving->body != NULL ? json_write(leaving->body) : NULL;
	struct word word = {
	    .lane = (char *)leaving->lane,
	    .kind = (char *)leaving->kind,
	    .subject = (char *)(leaving->subject != NULL ? leaving->subject : ""),
	    .coalesce = (char *)leaving->coalesce,
	    .body = body != NULL ? body : (char *)leaving->text,
	    .priority = leaving->priority,
	    .not_before = TIME_NONE,
	    .deadline = leaving->lasts_s > 0 ? desk->now + leaving->lasts_s : TIME_NONE,
	    .created_at = desk->now,
	    .state = WORD_WAITING,
	};
	bool ok = storage_add_word(desk->storage, &word, err);

	free(body);
	cJSON_Delete(leaving->body);
	return ok;
}

static const char *fallback_channel(const struct desk *desk)
{
	const struct config *config = desk->config;

	return config->route_count > 0 ? config->routes[config->route_count - 1].channel : NULL;
}

/* The channels in which an alert's card stands, or is to stand; borrowed texts are copied. */
struct places {
	char *channel[WORD_COPIES_MAX];
	int64_t copy[WORD_COPIES_MAX];
	bool is_posted[WORD_COPIES_MAX];
	size_t count;
	int64_t next_copy;
};

static bool places_have(const struct places *places, const char *channel)
{
	for (size_t i = 0; i < places->count; i++) {
		if (strcmp(places->channel[i], channel) == 0)
			return true;
	}
	return false;
}

static void places_add(struct places *places, const char *channel, int64_t copy, bool is_posted)
{
	if (text_is_empty(channel) || places->count == WORD_COPIES_MAX || places_have(places, channel))
		return;
	places->channel[places->count] = xstrdup(channel);
	places->is_posted[places->count] = is_posted;
	places->copy[places->count++] = copy;
	if (copy >= places->next_copy)
		places->next_copy = copy + 1;
}

static bool places_add_post(void *ctx, const struct post *post)
{
	places_add(ctx, post->channel, post->copy, true);
	return true;
}

static void places_fini(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->channel[i]);
}

/* From the route that was taken when it came: a reload of the configuration moves no card that stands. */
static void places_add_routes(struct places *places, const struct config *config, const struct alert *alert)
{
	size_t from = 0;

	if (alert->channel != NULL) {
		places_add(places, alert->channel, places->next_copy, false);
		if (alert->route <= 0 || (size_t)alert->route > config->route_count ||
		    !text_equal(config->routes[alert->route - 1].channel, alert->channel))
			return;
		from = (size_t)alert->route - 1;
	}
	for (size_t i = from; i < config->route_count; i++) {
		if (!matches_hold(&config->routes[i].matches, alert))
			continue;
		places_add(places, config->routes[i].channel, places->next_copy, false);
		if (!config->routes[i].goes_on)
			break;
	}
}

static bool leave_card(struct desk *desk, const char *kind, const char *subject, const char *channel, int64_t copy, bool anew,
    int64_t priority, struct error *err)
{
	char *lane = xasprintf("slack:%s", channel);
	char *coalesce = xasprintf("%s:%s:%s", kind, subject, channel);
	struct buf body;
	bool ok;

	buf_init(&body, 64 + 6 * strlen(channel)); /* bytes: each may become \u0001 */
	buf_puts(&body, "{\"channel\":");
	buf_put_json(&body, channel);
	buf_printf(&body, ",\"copy\":%" PRId64 "%s}", copy, anew ? ",\"anew\":true" : "");
	ok = leave(desk,
	    &(struct leaving){.kind = kind,
		.lane = lane,
		.subject = subject,
		.coalesce = anew ? NULL : coalesce,
		.text = buf_text(&body),
		.priority = priority},
	    err);
	buf_fini(&body);
	free(lane);
	free(coalesce);
	return ok;
}

bool say_card(struct desk *desk, const struct alert *alert, struct error *err)
{
	struct places places = {0};
	char subject[24];
	bool ok;

	if (!desk->config->slack.is_enabled)
		return true;
	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	ok = storage_each_post(desk->storage, subject, places_add_post, &places, err);
	/* What somebody has in hand, or is over, goes nowhere new; what fires does: it may have been routed anew. */
	if (places.count == 0 || alert->status == ALERT_OPEN)
		places_add_routes(&places, desk->config, alert);
	if (places.count == 0)
		places_add(&places, fallback_channel(desk), 0, false);
	for (size_t i = 0; ok && i < places.count; i++) {
		int64_t first = places.is_posted[i] ? FIRST_EDIT : FIRST_CARD, storm = 0;

		ok = places.is_posted[i] || storm_take(desk, alert, places.channel[i], &storm, err);
		if (ok && storm != 0)
			ok = say_storm(desk, storm, places.channel[i], err);
		else if (ok)
			ok = leave_card(desk, WORD_CARD, subject, places.channel[i], places.copy[i], false,
			    by_severity(first, alert->severity), err);
	}
	places_fini(&places);
	return ok;
}

bool say_announcement(struct desk *desk, const struct announcement *announcement, struct error *err)
{
	const char *channel = announcement->channel != NULL ? announcement->channel : fallback_channel(desk);
	char subject[24];

	if (!desk->config->slack.is_enabled || text_is_empty(channel))
		return true;
	snprintf(subject, sizeof(subject), "H%" PRId64, announcement->id);
	return leave_card(desk, WORD_ANNOUNCEMENT, subject, channel, 0, false, FIRST_EDIT, err);
}

bool say_storm(struct desk *desk, int64_t id, const char *channel, struct error *err)
{
	char subject[24];

	if (!desk->config->slack.is_enabled)
		return true;
	snprintf(subject, sizeof(subject), "S%" PRId64, id);
	return leave_card(desk, WORD_STORM, subject, channel, 0, false, FIRST_CARD, err);
}

/* Where SUBJECT's first message stands, or is to stand; the caller frees. NULL: nowhere. */
static char *subject_channel(struct desk *desk, const char *subject)
{
	struct places places = {0};
	struct announcement *announcement = NULL;
	struct alert *alert = NULL;
	char *channel = NULL;
	int64_t id;

	if (!storage_each_post(desk->storage, subject, places_add_post, &places, NULL))
		log_debug("%s: where it stands could not be read", subject);
	if (places.count > 0)
		channel = xstrdup(places.channel[0]);
	else if (id_parse(subject, 'A', &id) && (alert = storage_alert(desk->storage, id, NULL)) != NULL)
		channel = xstrdup(alert->channel);
	else if (id_parse(subject, 'H', &id) && (announcement = storage_announcement(desk->storage, id, NULL)) != NULL)
		channel = xstrdup(announcement->channel);
	if (channel == NULL)
		channel = xstrdup(fallback_channel(desk));
	alert_free(alert);
	announcement_free(announcement);
	places_fini(&places);
	return channel;
}

bool say_in_thread(struct desk *desk, const char *subject, const char *channel, const char *text, bool broadcast,
    struct error *err)
{
	return say_in_thread_with(desk, subject, channel, text, broadcast, NULL, 0, err);
}

bool say_in_thread_with(struct desk *desk, const char *subject, const char *channel, const char *text, bool broadcast, cJSON *buttons,
    int64_t lasts_s, struct error *err)
{
	char *where = NULL, *lane;
	cJSON *body;
	bool ok;

	if (desk->config->slack.is_enabled && !text_is_empty(text))
		where = text_is_empty(channel) ? subject_channel(desk, subject) : xstrdup(channel);
	if (where == NULL) {
		cJSON_Delete(buttons);
		return true;
	}
	lane = xasprintf("slack:%s", where);
	body = cJSON_CreateObject();
	json_put(body, "channel", where);
	json_put(body, "text", text);
	if (broadcast)
		cJSON_AddBoolToObject(body, "broadcast", true);
	if (buttons != NULL)
		cJSON_AddItemToObject(body, "buttons", buttons);
	ok = leave(desk,
	    &(struct leaving){.kind = WORD_THREAD,
		.lane = lane,
		.subject = subject,
		.body = body,
		.lasts_s = lasts_s,
		.priority = broadcast ? FIRST_CARD : FIRST_THREAD},
	    err);
	free(lane);
	free(where);
	return ok;
}

/* A URL's scheme and authority. */
struct origin {
	size_t scheme_len;
	const char *authority;
	size_t authority_len;
};

static bool origin_parse(const char *url, struct origin *origin)
{
	if (url == NULL || strnlen(url, URL_MAX + 1) > URL_MAX)
		return false;
	for (const unsigned char *at = (const unsigned char *)url; *at != '\0'; at++) {
		if (*at <= ' ' || *at >= 0x7F || *at == '\\')
			return false;
	}
	if (strncasecmp(url, "https://", 8) == 0)
		origin->scheme_len = 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		origin->scheme_len = 7;
	else
		return false;
	origin->authority = url + origin->scheme_len;
	origin->authority_len = strcspn(origin->authority, "/?#");
	return origin->authority_len > 0 && memchr(origin->authority, '@', origin->authority_len) == NULL;
}

static bool authority_is(const struct origin *origin, const char *name)
{
	return origin->authority_len == strlen(name) && strncasecmp(origin->authority, name, origin->authority_len) == 0;
}

/* 127.0.0.1, ::1 or localhost, with any port. */
static bool is_loopback(const struct origin *origin)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *at = origin->authority;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (origin->authority_len >= len && strncasecmp(at, names[i], len) == 0 &&
		    (origin->authority_len == len || at[len] == ':'))
			return true;
	}
	return false;
}

/* A response_url comes from outside, and we post to it: only where Slack's own are, or where our Slack is. */
static bool is_ours(const struct desk *desk, const char *url)
{
	struct origin there, api;

	if (!origin_parse(url, &there) || !origin_parse(desk->config->slack.api_url, &api))
		return false;
	/* Where our Slack is another one than slack.com, Slack's own hooks are none of its. */
	if (authority_is(&api, "slack.com"))
		return there.scheme_len == 8 && authority_is(&there, "hooks.slack.com");
	if (is_loopback(&api))
		return is_loopback(&there);
	return there.scheme_len == api.scheme_len && there.authority_len == api.authority_len &&
	       strncasecmp(there.authority, api.authority, api.authority_len) == 0;
}

static bool leave_ephemeral(struct desk *desk, cJSON *body, const char *who, struct error *err)
{
	char *lane = xasprintf("answer:%s", who);
	bool ok;

	ok = leave(desk,
	    &(struct leaving){
		.kind = WORD_EPHEMERAL, .lane = lane, .body = body, .priority = FIRST_ANSWER, .lasts_s = WORD_ANSWER_S},
	    err);
	free(lane);
	return ok;
}

bool say_to_person(struct desk *desk, const char *response_url, const char *channel, const char *user, const char *thread_ts,
    const char *text, struct error *err)
{
	bool by_url = response_url != NULL && is_ours(desk, response_url);
	cJSON *body;

	if (!desk->config->slack.is_enabled || text_is_empty(text))
		return true;
	if (!by_url && (text_is_empty(channel) || text_is_empty(user))) {
		log_warn("an answer has nobody to go to");
		return true;
	}
	body = cJSON_CreateObject();
	if (by_url)
		json_put(body, "response_url", response_url);
	if (!text_is_empty(channel))
		json_put(body, "channel", channel);
	if (!text_is_empty(user))
		json_put(body, "user", user);
	if (!text_is_empty(thread_ts))
		json_put(body, "thread_ts", thread_ts);
	json_put(body, "text", text);
	return leave_ephemeral(desk, body, text_is_empty(user) ? "somebody" : user, err);
}

bool say_reply(struct desk *desk, const char *channel, const char *thread_ts, const char *text, struct error *err)
{
	char *lane;
	cJSON *body;
	bool ok;

	if (!desk->config->slack.is_enabled || text_is_empty(channel) || text_is_empty(text))
		return true;
	lane = xasprintf("answer:%s", channel);
	body = cJSON_CreateObject();
	json_put(body, "channel", channel);
	if (!text_is_empty(thread_ts))
		json_put(body, "thread_ts", thread_ts);
	json_put(body, "text", text);
	ok = leave(desk, &(struct leaving){.kind = WORD_REPLY, .lane = lane, .body = body, .priority = FIRST_ANSWER}, err);
	free(lane);
	return ok;
}

static bool leave_page(struct desk *desk, const struct alert *alert, const char *action, bool is_meanwhile, struct error *err)
{
	char subject[24], coalesce[80];
	bool ok, is_anew, is_unseen;
	char *lane;
	cJSON *body;

	if (text_is_empty(alert->page_key))
		return true;
	lane = xasprintf("pagerduty:%s", alert->page_key);
	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	/* What comes and goes, or is opened again, is triggered anew after its resolve, which may be waiting too. */
	snprintf(coalesce, sizeof(coalesce), "page:%s%s:%s:%" PRId64, is_meanwhile ? "meanwhile:" : "", action, subject, alert->version);
	is_anew = strcmp(action, "reopen") == 0;
	is_unseen = strcmp(action, "unseen") == 0;
	body = cJSON_CreateObject();
	json_put(body, "action", is_anew || is_unseen ? "trigger" : action);
	if (is_anew)
		cJSON_AddBoolToObject(body, "anew", true);
	if (is_unseen)
		cJSON_AddBoolToObject(body, "unseen", true);
	if (is_meanwhile)
		cJSON_AddBoolToObject(body, "meanwhile", true);
	json_put_int(body, "round", alert->flaps);
	ok = leave(desk,
	    &(struct leaving){.kind = WORD_PAGE,
		.lane = lane,
		.subject = subject,
		.coalesce = coalesce,
		.body = body,
		.priority = by_severity(FIRST_PAGE, alert->severity)},
	    err);
	free(lane);
	return ok;
}

bool say_page(struct desk *desk, const struct alert *alert, const char *action, struct error *err)
{
	return leave_page(desk, alert, action, false, err);
}

bool say_page_meanwhile(struct desk *desk, const struct alert *alert, const char *action, struct error *err)
{
	return leave_page(desk, alert, action, true, err);
}

static bool leave_view(struct desk *desk, const char *kind, const char *user, cJSON *body, int64_t lasts_s, struct error *err)
{
	char *lane = xasprintf("views:%s", user);
	bool ok;

	if (!desk->config->slack.is_enabled) {
		cJSON_Delete(body);
		free(lane);
		return true;
	}
	ok = leave(desk,
	    &(struct leaving){.kind = kind, .lane = lane, .body = body, .priority = FIRST_ANSWER, .lasts_s = lasts_s}, err);
	free(lane);
	return ok;
}

bool say_form(struct desk *desk, const char *user, cJSON *opened, struct error *err)
{
	return leave_view(desk, WORD_FORM, user, opened, FORM_LASTS_S, err);
}

bool say_view(struct desk *desk, const char *user, const char *external_id, cJSON *view, struct error *err)
{
	cJSON *body = cJSON_CreateObject();

	json_put(body, "external_id", external_id);
	cJSON_AddItemToObject(body, "view", view);
	return leave_view(desk, WORD_VIEW, user, body, WORD_VIEW_S, err);
}

bool say_home(struct desk *desk, const char *user, const char *channel, const char *workspace, struct error *err)
{
	char *lane, *coalesce;
	cJSON *body;
	bool ok;

	if (!desk->config->slack.is_enabled || !slack_is_user(user))
		return true;
	lane = xasprintf("home:%s", user);
	coalesce = xasprintf("home:%s", user);
	body = cJSON_CreateObject();
	json_put(body, "user", user);
	if (channel != NULL)
		json_put(body, "channel", channel);
	if (workspace != NULL)
		json_put(body, "workspace", workspace);
	ok = leave(desk,
	    &(struct leaving){.kind = WORD_HOME,
		.lane = lane,
		.coalesce = coalesce,
		.body = body,
		.priority = FIRST_ANSWER,
		.lasts_s = WORD_VIEW_S},
	    err);
	free(lane);
	free(coalesce);
	return ok;
}

bool say_ask_profile(struct desk *desk, const char *user, const cJSON *command, struct error *err)
{
	char *coalesce;
	cJSON *body;
	bool ok;

	if (!desk->config->slack.is_enabled || !slack_is_user(user))
		return true;
	coalesce = xasprintf("profile:%s", user);
	body = cJSON_CreateObject();
	json_put(body, "user", user);
	if (command != NULL)
		cJSON_AddItemToObject(body, "command", cJSON_Duplicate(command, true));
	/* One that carries a command is never another one's: its command would be lost. */
	ok = leave(desk,
	    &(struct leaving){.kind = WORD_PROFILE,
		.lane = "slack-users",
		.coalesce = command == NULL ? coalesce : NULL,
		.body = body,
		.priority = command == NULL ? FIRST_EDIT : FIRST_ANSWER},
	    err);
	free(coalesce);
	return ok;
}

bool say_ask_group(struct desk *desk, const char *group, struct error *err)
{
	char *coalesce;
	cJSON *body;
	bool ok;

	if (!desk->config->slack.is_enabled || !slack_is_group(group))
		return true;
	coalesce = xasprintf("group:%s", group);
	body = cJSON_CreateObject();
	json_put(body, "group", group);
	ok = leave(desk,
	    &(struct leaving){.kind = WORD_GROUP,
		.lane = "slack-users",
		.coalesce = coalesce,
		.body = body,
		.priority = FIRST_EDIT,
		.lasts_s = GROUP_ASK_S},
	    err);
	free(coalesce);
	return ok;
}

/* ---- putting words into words ------------------------------------------------------------------------------ */

/* What rendering works on. */
struct rendering {
	struct desk *desk;
	const struct word *word;
	const cJSON *body; /* the word's */
	struct spoken *spoken;
	struct word_next *next; /* of what was delivered: it may go on */
};

static void method(struct rendering *r, const char *name)
{
	r->spoken->method = xstrdup(name);
	r->spoken->body = cJSON_CreateObject();
}

/* By its id, once Slack has told it: a name and its id are one channel, and have one limit. */
static char *channel_key(struct desk *desk, const char *channel)
{
	char id[32];

	if (slack_is_channel_id(channel))
		return xstrdup(channel);
	if (storage_channel_id(desk->storage, channel, id, sizeof(id)))
		return xstrdup(id);
	return NULL;
}

/* chat.postMessage to CHANNEL, in THREAD (NULL: none). Its word's number goes with it, so that it can be found again. */
static void post_message(struct rendering *r, const char *channel, const char *thread)
{
	cJSON *metadata, *payload;

	method(r, "chat.postMessage");
	json_put(r->spoken->body, "channel", channel);
	if (thread != NULL)
		json_put(r->spoken->body, "thread_ts", thread);
	cJSON_AddBoolToObject(r->spoken->body, "unfurl_links", false);
	cJSON_AddBoolToObject(r->spoken->body, "unfurl_media", false);
	json_put(r->spoken->body, "parse", "none");
	metadata = cJSON_AddObjectToObject(r->spoken->body, "metadata");
	cJSON_AddStringToObject(metadata, "event_type", "headsup_word");
	payload = cJSON_AddObjectToObject(metadata, "event_payload");
	json_put_int(payload, "word", r->word->id);
	r->spoken->look_channel = channel_key(r->desk, channel);
	r->spoken->look_thread = xstrdup(thread);
	r->spoken->channel = r->spoken->look_channel != NULL ? xstrdup(r->spoken->look_channel) : xstrdup(channel);
}

/* chat.update of POST: said twice it does no harm, and its limit is the method's. */
static void update_message(struct rendering *r, const struct post *post)
{
	method(r, "chat.update");
	json_put(r->spoken->body, "channel", post->channel_id);
	json_put(r->spoken->body, "ts", post->ts);
	json_put(r->spoken->body, "parse", "none");
}

/* Begins the message of the word's subject: posted where it does not stand yet, else edited. NULL body channel: malformed. */
static bool begin_card(struct rendering *r, struct error *err)
{
	const char *channel = json_text(r->body, "channel");
	struct post post;

	if (channel == NULL)
		return error_set(err, ERROR_USAGE, "word %" PRId64 " names no channel", r->word->id);
	if (!json_true(r->body, "anew") && storage_post(r->desk->storage, r->word->subject, channel, &post)) {
		update_message(r, &post);
		post_fini(&post);
	} else {
		post_message(r, channel, NULL);
		cJSON_AddBoolToObject(r->spoken->body, "mrkdwn", false);
	}
	return true;
}

static bool is_posted(const struct rendering *r)
{
	const char *channel = json_text(r->body, "channel");
	struct post post;

	if (channel == NULL || !storage_post(r->desk->storage, r->word->subject, channel, &post))
		return false;
	post_fini(&post);
	return true;
}

static bool is_in_storm(const struct rendering *r, const struct alert *alert)
{
	const char *channel = json_text(r->body, "channel");

	return channel != NULL && storm_has(r->desk, alert, channel);
}

static bool render_card(struct rendering *r, struct error *err)
{
	struct alert *alert;
	int64_t id;
	bool ok = true;

	if (!id_parse(r->word->subject, 'A', &id))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is about no alert", r->word->id);
	alert = storage_alert(r->desk->storage, id, NULL);
	/* What is expected disturbs nobody: only a card that stands already is kept right. What shares a storm's has none. */
	if (alert == NULL || (!is_posted(r) && (alert->status == ALERT_EXPECTED || is_in_storm(r, alert))))
		r->spoken->is_nothing = true;
	else if ((ok = begin_card(r, err)))
		card_put_alert(r->desk, alert, r->word->is_plain, r->spoken->body);
	alert_free(alert);
	return ok;
}

static bool render_storm(struct rendering *r, struct error *err)
{
	int64_t id;

	if (!id_parse(r->word->subject, 'S', &id))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is about no storm", r->word->id);
	return begin_card(r, err) && card_put_storm(r->desk, id, r->word->is_plain, r->spoken->body, err);
}

static bool render_announcement(struct rendering *r, struct error *err)
{
	struct announcement *announcement;
	int64_t id;
	bool ok = true;

	if (!id_parse(r->word->subject, 'H', &id))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is about no announcement", r->word->id);
	announcement = storage_announcement(r->desk->storage, id, NULL);
	if (announcement == NULL)
		r->spoken->is_nothing = true;
	else if ((ok = begin_card(r, err)))
		card_put_announcement(r->desk, announcement, r->word->is_plain, r->spoken->body);
	announcement_free(announcement);
	return ok;
}

static bool render_thread(struct rendering *r, struct error *err)
{
	const char *channel = json_text(r->body, "channel"), *text = json_text(r->body, "text");
	struct post post;

	if (channel == NULL || text == NULL)
		return error_set(err, ERROR_USAGE, "word %" PRId64 " has no text or no channel", r->word->id);
	if (!storage_post(r->desk->storage, r->word->subject, channel, &post)) {
		r->spoken->is_nothing = true; /* the card went first, or never will: there is no thread */
		return true;
	}
	post_message(r, post.channel_id, post.ts);
	if (json_true(r->body, "broadcast"))
		cJSON_AddBoolToObject(r->spoken->body, "reply_broadcast", true);
	card_put_answer(text, r->word->is_plain, r->spoken->body);
	if (!r->word->is_plain)
		card_put_buttons(text, json_get(r->body, "buttons"), r->spoken->body);
	post_fini(&post);
	return true;
}

/* A reply or a notice: to a channel, with a thread or without. */
static bool render_reply(struct rendering *r, struct error *err)
{
	const char *channel = json_text(r->body, "channel"), *text = json_text(r->body, "text");

	if (channel == NULL || text == NULL)
		return error_set(err, ERROR_USAGE, "word %" PRId64 " has no text or no channel", r->word->id);
	post_message(r, channel, json_text(r->body, "thread_ts"));
	card_put_answer(text, r->word->is_plain, r->spoken->body);
	return true;
}

static bool render_ephemeral(struct rendering *r, struct error *err)
{
	const char *url = json_text(r->body, "response_url"), *text = json_text(r->body, "text");
	const char *channel = json_text(r->body, "channel"), *user = json_text(r->body, "user");
	const char *thread = json_text(r->body, "thread_ts");

	if (text == NULL)
		return error_set(err, ERROR_USAGE, "word %" PRId64 " has no text", r->word->id);
	/* Checked again: the configuration may have changed since. */
	if (url != NULL && is_ours(r->desk, url)) {
		method(r, url);
		r->spoken->peer = PEER_RESPONSE_URL;
		json_put(r->spoken->body, "response_type", "ephemeral");
		cJSON_AddBoolToObject(r->spoken->body, "replace_original", false);
	} else if (channel != NULL && user != NULL) {
		method(r, "chat.postEphemeral");
		json_put(r->spoken->body, "channel", channel);
		json_put(r->spoken->body, "user", user);
		if (thread != NULL)
			json_put(r->spoken->body, "thread_ts", thread);
		json_put(r->spoken->body, "parse", "none");
		r->spoken->channel = channel_key(r->desk, channel);
	} else {
		r->spoken->is_nothing = true;
		return true;
	}
	card_put_answer(text, r->word->is_plain, r->spoken->body);
	return true;
}

#define PAGE_LOOKS_MAX 2      /* after these it is sent: twice is better than never */
#define PAGE_LOOK_MARGIN_S 300 /* PagerDuty's clock and ours may differ by this much */

/*
 * A trigger that may have been taken, and perhaps resolved since: sent again it would open a new incident. With a REST token PagerDuty
 * is asked first.
 */
static bool page_looks(const struct rendering *r, int64_t attempts)
{
	return r->word->is_unsure && attempts < PAGE_LOOKS_MAX && text_equal(json_text(r->body, "action"), "trigger") &&
	       rest_is_on(r->desk);
}

static bool render_page_look(struct rendering *r, int64_t alert, struct error *err)
{
	struct talk talk = {.desk = r->desk, .word = r->word, .spoken = r->spoken};
	char key[PAGE_KEY_MAX + 1];
	struct buf path;
	bool ok;

	page_dedup_key(r->desk, alert, key);
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/incidents");
	rest_put_query(&path, "incident_key", key);
	rest_put_query(&path, "date_range", "all");
	rest_put_query(&path, "sort_by", "created_at:desc");
	ok = rest_get(&talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* Known by the answer too: there may be no token any more since it was asked for. Events are never refused to a handler. */
static bool is_look_answer(const struct rendering *r, const struct reply *reply)
{
	return page_looks(r, r->word->attempts - 1) || !reply->ok || json_get(reply->body, "incidents") != NULL;
}

/* Did PagerDuty make an incident of it since the word was left? */
static bool page_was_taken(const struct rendering *r, const struct reply *reply)
{
	const cJSON *incident;

	cJSON_ArrayForEach(incident, json_get(reply->body, "incidents"))
	{
		int64_t at = rest_time(json_text(incident, "created_at"));

		if (at == TIME_NONE || at >= r->word->created_at - PAGE_LOOK_MARGIN_S)
			return true;
	}
	return false;
}

/*
 * What ended, or was acked, and was opened again here before the event could leave: the REST API, which goes another way, may have told of
 * that already, and the event would undo it. Of an earlier round of what comes and goes each end is told.
 */
static bool is_taken_back(const struct rendering *r, const struct alert *alert, const char *action)
{
	const bool is_over = alert_is_over(alert);
	int64_t round;

	if (!rest_is_on(r->desk) || (json_int(r->body, "round", &round) && round != alert->flaps))
		return false;
	if (strcmp(action, "resolve") == 0)
		return !is_over;
	return strcmp(action, "acknowledge") == 0 && alert->status == ALERT_OPEN;
}

/* It was to be said while the REST API could not be asked. Now that says it, and by whom. */
static bool is_needless(const struct rendering *r)
{
	return json_true(r->body, "meanwhile") && r->desk->rest_away_since == TIME_NONE;
}

static bool render_page(struct rendering *r, struct error *err)
{
	const char *action = json_text(r->body, "action");
	struct alert *alert;
	int64_t id;
	bool ok = true;

	if (action == NULL || !id_parse(r->word->subject, 'A', &id))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is no page", r->word->id);
	alert = storage_alert(r->desk->storage, id, NULL);
	if (alert == NULL || is_taken_back(r, alert, action) || is_needless(r)) {
		alert_free(alert);
		r->spoken->is_nothing = true;
		return true;
	}
	if (page_looks(r, r->word->attempts)) {
		alert_free(alert);
		return render_page_look(r, id, err);
	}
	r->spoken->peer = PEER_PAGERDUTY_EVENTS;
	r->spoken->method = xstrdup("/v2/enqueue");
	r->spoken->body = page_event(r->desk, alert, action, err);
	ok = r->spoken->body != NULL;
	if (ok && json_true(r->body, "unseen"))
		page_put_unseen(r->desk, alert, r->spoken->body);
	alert_free(alert);
	return ok;
}

static bool render_change(struct rendering *r, struct error *err)
{
	const char *key = json_text(r->body, "key");
	struct announcement *announcement;
	int64_t id;

	if (key == NULL || !id_parse(r->word->subject, 'H', &id))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is no change", r->word->id);
	announcement = storage_announcement(r->desk->storage, id, NULL);
	if (announcement == NULL || config_routing_key(r->desk->config, key) == NULL) {
		announcement_free(announcement);
		r->spoken->is_nothing = true; /* nobody needs it for that service any more */
		return true;
	}
	r->spoken->peer = PEER_PAGERDUTY_EVENTS;
	r->spoken->method = xstrdup("/v2/change/enqueue");
	r->spoken->body = change_event(r->desk, announcement, key, err);
	announcement_free(announcement);
	return r->spoken->body != NULL;
}

static bool render_form(struct rendering *r, struct error *err)
{
	const char *trigger = json_text(r->body, "trigger_id");
	cJSON *view = form_view(r->desk, r->body, r->word->is_plain);

	if (trigger == NULL || view == NULL) {
		cJSON_Delete(view);
		return error_set(err, ERROR_USAGE, "word %" PRId64 " opens no form", r->word->id);
	}
	method(r, "views.open");
	json_put(r->spoken->body, "trigger_id", trigger);
	cJSON_AddItemToObject(r->spoken->body, "view", view);
	return true;
}

static bool render_view(struct rendering *r, struct error *err)
{
	const char *external_id = json_text(r->body, "external_id");
	const cJSON *view = json_get(r->body, "view");

	if (external_id == NULL || !cJSON_IsObject(view))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " draws no view", r->word->id);
	r->spoken->is_nothing = r->word->is_plain; /* what stands there stays */
	if (r->spoken->is_nothing)
		return true;
	method(r, "views.update");
	json_put(r->spoken->body, "external_id", external_id);
	cJSON_AddItemToObject(r->spoken->body, "view", cJSON_Duplicate(view, true));
	return true;
}

static bool render_home(struct rendering *r, struct error *err)
{
	const char *user = json_text(r->body, "user");

	if (!slack_is_user(user))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " is nobody's home", r->word->id);
	method(r, "views.publish");
	json_put(r->spoken->body, "user_id", user);
	cJSON_AddItemToObject(r->spoken->body, "view",
	    home_view(r->desk, user, json_text(r->body, "channel"), json_text(r->body, "workspace"), r->word->is_plain));
	return true;
}

static bool render_profile(struct rendering *r, struct error *err)
{
	const char *user = json_text(r->body, "user");

	if (!slack_is_user(user))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " asks for nobody", r->word->id);
	method(r, "users.info");
	r->spoken->is_form = true;
	json_put(r->spoken->body, "user", user);
	return true;
}

static bool render_group(struct rendering *r, struct error *err)
{
	const char *group = json_text(r->body, "group");

	if (!slack_is_group(group))
		return error_set(err, ERROR_USAGE, "word %" PRId64 " asks for no group", r->word->id);
	method(r, "usergroups.users.list");
	r->spoken->is_form = true;
	json_put(r->spoken->body, "usergroup", group);
	return true;
}

static bool delivered_card(struct rendering *r, const struct reply *reply, struct error *err);
static bool delivered_group(struct rendering *r, const struct reply *reply, struct error *err);
static bool failed_group(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);
static bool delivered_page(struct rendering *r, const struct reply *reply, struct error *err);
static bool delivered_profile(struct rendering *r, const struct reply *reply, struct error *err);
static bool failed_card(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);
static bool failed_ephemeral(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);
static bool failed_form(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);
static bool failed_profile(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);
static bool tell_stuck(struct rendering *r, const struct reply *reply, bool is_final, struct error *err);

static const struct kind {
	const char *name;
	bool (*render)(struct rendering *r, struct error *err);
	bool (*delivered)(struct rendering *r, const struct reply *reply, struct error *err);               /* NULL: no more to do */
	bool (*failed)(struct rendering *r, const struct reply *reply, bool is_final, struct error *err); /* NULL: the log has it */
} kinds[] = {
    {WORD_CARD, render_card, delivered_card, failed_card},
    {WORD_STORM, render_storm, delivered_card, failed_card},
    {WORD_ANNOUNCEMENT, render_announcement, delivered_card, failed_card},
    {WORD_THREAD, render_thread, NULL, tell_stuck},
    {WORD_NOTICE, render_reply, NULL, NULL},
    {WORD_REPLY, render_reply, NULL, NULL},
    {WORD_EPHEMERAL, render_ephemeral, NULL, failed_ephemeral},
    {WORD_PAGE, render_page, delivered_page, tell_stuck},
    {WORD_FORM, render_form, NULL, failed_form},
    {WORD_VIEW, render_view, NULL, NULL},
    {WORD_HOME, render_home, NULL, NULL},
    {WORD_PROFILE, render_profile, delivered_profile, failed_profile},
    {WORD_GROUP, render_group, delivered_group, failed_group},
    {WORD_CHANGE, render_change, NULL, NULL},
};

/* ---- conversations with PagerDuty ----------------------------------------------------------------------------- */

static const struct conversation *conversation_find(const struct word *word)
{
	for (size_t i = 0; word->kind != NULL && conversations[i] != NULL; i++) {
		if (strcmp(conversations[i]->kind, word->kind) == 0)
			return conversations[i];
	}
	return NULL;
}

static cJSON *word_body(const struct word *word);

static void talk_init(struct talk *talk, struct desk *desk, const struct word *word)
{
	*talk = (struct talk){.desk = desk, .word = word, .body = word_body(word), .not_before = TIME_NONE};
	if (!cJSON_IsObject(talk->body)) {
		cJSON_Delete(talk->body);
		talk->body = cJSON_CreateObject();
	}
}

static bool talk_render(const struct conversation *conversation, struct desk *desk, const struct word *word, struct spoken *spoken,
    struct error *err)
{
	struct talk talk;
	bool ok = true;

	talk_init(&talk, desk, word);
	talk.spoken = spoken;
	if (rest_is_on(desk)) {
		ok = conversation->render(&talk, err);
	} else {
		spoken->is_nothing = true; /* the configuration has no token any more */
		ok = conversation->failed == NULL || conversation->failed(&talk, &(struct reply){.error = "no api_token"}, true, err);
	}
	cJSON_Delete(talk.body);
	return ok;
}

static bool talk_heard(const struct conversation *conversation, struct desk *desk, const struct word *word, const struct reply *reply,
    struct word_next *next, struct error *err)
{
	struct talk talk;
	bool ok;

	talk_init(&talk, desk, word);
	ok = conversation->heard(&talk, reply, err);
	if (ok && talk.goes_on) {
		next->body = talk.body;
		next->not_before = talk.not_before;
	} else {
		cJSON_Delete(talk.body);
	}
	return ok;
}

static bool talk_failed(const struct conversation *conversation, struct desk *desk, const struct word *word, const struct reply *reply,
    bool is_final, struct error *err)
{
	struct talk talk;
	bool ok;

	if (conversation->failed == NULL)
		return true;
	talk_init(&talk, desk, word);
	ok = conversation->failed(&talk, reply, is_final, err);
	cJSON_Delete(talk.body);
	return ok;
}

void word_next_fini(struct word_next *next)
{
	cJSON_Delete(next->body);
	next->body = NULL;
}

static const struct kind *kind_find(const struct word *word, struct error *err)
{
	for (size_t i = 0; word->kind != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, word->kind) == 0)
			return &kinds[i];
	}
	error_set(err, ERROR_USAGE, "word %" PRId64 " is of a kind that is not known: %s", word->id,
	    word->kind != NULL ? word->kind : "none");
	return NULL;
}

static cJSON *word_body(const struct word *word)
{
	return word->body != NULL ? json_parse(word->body, strlen(word->body), NULL) : NULL;
}

bool word_render(struct desk *desk, const struct word *word, struct spoken *spoken, struct error *err)
{
	const struct conversation *conversation = conversation_find(word);
	const struct kind *kind = conversation == NULL ? kind_find(word, err) : NULL;
	cJSON *body;
	bool ok;

	*spoken = (struct spoken){.peer = PEER_SLACK};
	if (conversation != NULL) {
		ok = talk_render(conversation, desk, word, spoken, err);
		if (!ok)
			spoken_fini(spoken);
		return ok;
	}
	if (kind == NULL)
		return false;
	body = word_body(word);
	ok = kind->render(&(struct rendering){.desk = desk, .word = word, .body = body, .spoken = spoken}, err);
	cJSON_Delete(body);
	if (!ok)
		spoken_fini(spoken);
	return ok;
}

/* ---- what came of it --------------------------------------------------------------------------------------- */

static bool add_event(struct desk *desk, int64_t alert, const char *what, const char *note, struct error *err)
{
	return storage_add_event(desk->storage, alert,
	    &(struct event){.at = desk->now, .who = "headsup", .via = "headsup", .what = what, .note = note}, err);
}

/* Is this what storage has of it already, told by an edit? */
static bool is_known(const struct rendering *r, const char *channel, const char *ts)
{
	struct post post;
	bool same;

	if (!storage_post(r->desk->storage, r->word->subject, channel, &post))
		return false;
	same = !json_true(r->body, "anew") || text_equal(post.ts, ts);
	post_fini(&post);
	return same;
}

static bool delivered_card(struct rendering *r, const struct reply *reply, struct error *err)
{
	const char *channel = json_text(r->body, "channel");
	struct post post;
	int64_t id;

	if (channel == NULL || is_known(r, channel, reply->ts))
		return true;
	if (id_parse(r->word->subject, 'A', &id) && !storage_posted(r->desk->storage, id, channel, err))
		return false;
	if (text_is_empty(reply->ts) || text_is_empty(reply->channel)) {
		log_error("%s was posted, and Slack did not say where: it cannot be edited", r->word->subject);
		return true;
	}
	post = (struct post){.subject = r->word->subject,
	    .channel = (char *)channel,
	    .channel_id = (char *)reply->channel,
	    .ts = (char *)reply->ts};
	if (!json_int(r->body, "copy", &post.copy))
		post.copy = 0;
	if (!storage_add_post(r->desk->storage, &post, err))
		return false;
	return !id_parse(r->word->subject, 'A', &id) || add_event(r->desk, id, "posted", channel, err);
}

/* How far an incident is: what PagerDuty was told never goes backwards by an answer that is late. */
static int page_step(const char *status)
{
	static const char *const steps[] = {"waiting", "triggered", "acknowledged", "resolved"};

	for (int i = 0; status != NULL && i < (int)(sizeof(steps) / sizeof(steps[0])); i++) {
		if (strcmp(steps[i], status) == 0)
			return i;
	}
	return -1;
}

static const char *page_status_after(const char *action)
{
	if (strcmp(action, "trigger") == 0)
		return "triggered";
	if (strcmp(action, "acknowledge") == 0)
		return "acknowledged";
	return strcmp(action, "resolve") == 0 ? "resolved" : NULL;
}

static bool delivered_page(struct rendering *r, const struct reply *reply, struct error *err)
{
	const char *action = json_text(r->body, "action");
	const char *status = action != NULL ? page_status_after(action) : NULL;
	struct alert *alert;
	int64_t id, round;
	bool ok;

	if (status == NULL || !id_parse(r->word->subject, 'A', &id))
		return true;
	if (is_look_answer(r, reply) && !page_was_taken(r, reply)) {
		r->next->body = cJSON_Duplicate(r->body, true); /* sure now, so it is sent */
		return true;
	}
	alert = storage_alert(r->desk->storage, id, NULL);
	if (alert == NULL)
		return true;
	if (json_int(r->body, "round", &round) && round != alert->flaps) {
		alert_free(alert); /* it was over, and fires again since: what follows in the lane tells how it stands */
		return true;
	}
	if (page_step(status) > page_step(alert->page_status) || json_true(r->body, "anew"))
		replace_text(&alert->page_status, status);
	alert->version++;
	ok = true;
	if (strcmp(action, "trigger") == 0) {
		if (alert->paged_at == TIME_NONE || json_true(r->body, "anew"))
			alert->paged_at = r->desk->now;
		ok = add_event(r->desk, id, "paged", NULL, err) && (!rest_is_on(r->desk) || deed_find_incident(r->desk, id, err));
	}
	ok = ok && storage_put_alert(r->desk->storage, alert, err) && say_card(r->desk, alert, err);
	alert_free(alert);
	return ok;
}

/* The command that waited for the profile, once. */
static bool resume(struct rendering *r, struct error *err)
{
	const cJSON *command = json_get(r->body, "command");
	char key[48];
	bool again = false;

	if (!cJSON_IsObject(command))
		return true;
	snprintf(key, sizeof(key), "resumed:%" PRId64, r->word->id);
	if (!storage_see(r->desk->storage, key, r->desk->now, RESUMED_KEEP_S, &again, err))
		return false;
	return again || commands_resume(r->desk, command, err);
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text_is_empty(text) ? otherwise : text;
}

static bool delivered_profile(struct rendering *r, const struct reply *reply, struct error *err)
{
	const cJSON *user = json_get(reply->body, "user");
	struct profile profile = {.slack = (char *)json_text(r->body, "user"), .fetched_at = r->desk->now};

	if (profile.slack != NULL && cJSON_IsObject(user)) {
		profile_read(user, &profile);
		if (!storage_put_profile(r->desk->storage, &profile, err))
			return false;
	}
	return resume(r, err);
}

static bool delivered_group(struct rendering *r, const struct reply *reply, struct error *err)
{
	const char *group = json_text(r->body, "group");
	const cJSON *users = json_get(reply->body, "users"), *user;
	char **list;
	size_t count = 0;
	bool ok;

	if (group == NULL || !cJSON_IsArray(users))
		return true;
	list = xcalloc((size_t)cJSON_GetArraySize(users) + 1, sizeof(*list));
	cJSON_ArrayForEach(user, users)
	{
		if (cJSON_IsString(user) && slack_is_user(user->valuestring) && count < GROUP_MEMBERS_MAX)
			list[count++] = user->valuestring;
	}
	ok = storage_put_group(r->desk->storage, group, list, count, r->desk->now, err);
	free(list);
	return ok;
}

/* A group that is no more has no members; of one that cannot be read now, those stay who were told a while ago. */
static bool failed_group(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	const char *group = json_text(r->body, "group");

	(void)is_final;
	log_warn("the members of the user group %s cannot be read: %s", text_or(group, "?"), text_or(reply->error, "refused"));
	if (group == NULL || !text_equal(reply->error, "no_such_subteam"))
		return true;
	return storage_put_group(r->desk->storage, group, NULL, 0, r->desk->now, err);
}

bool word_delivered(struct desk *desk, const struct word *word, const struct reply *reply, struct word_next *next, struct error *err)
{
	const struct conversation *conversation = conversation_find(word);
	const struct kind *kind = conversation == NULL ? kind_find(word, err) : NULL;
	cJSON *body;
	bool ok;

	*next = (struct word_next){.not_before = TIME_NONE};
	if (conversation != NULL)
		return talk_heard(conversation, desk, word, reply, next, err);
	if (kind == NULL)
		return false;
	if (kind->delivered == NULL)
		return true;
	body = word_body(word);
	ok = kind->delivered(&(struct rendering){.desk = desk, .word = word, .body = body, .next = next}, reply, err);
	cJSON_Delete(body);
	return ok;
}

/* When the token itself is refused nothing can be said in Slack, not even that: the log and /readyz tell. */
static bool is_about_token(const struct word *word, const char *error)
{
	static const char *const errors[] = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
	    "not_allowed_token_type", "missing_scope", "no_permission", "org_login_required", "ekm_access_denied",
	    "two_factor_setup_required", "access_denied", "accesslimited", "team_access_not_granted"};

	if (!text_prefix(word->lane, "slack:"))
		return false;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i], error) == 0)
			return true;
	}
	return false;
}

static void put_stuck(struct buf *text, const struct word *word, const char *reason, bool is_final)
{
	bool is_page = text_prefix(word->lane, "pagerduty:");

	buf_printf(text, ":warning: %s ", text_is_empty(word->subject) ? "Something" : word->subject);
	if (is_page) {
		buf_puts(text, "did not reach PagerDuty (routing key ");
		buf_put_code(text, word->lane + strlen("pagerduty:"), 40);
		buf_putc(text, ')');
	} else {
		buf_puts(text, "could not be said in ");
		buf_put_code(text, text_prefix(word->lane, "slack:") ? word->lane + strlen("slack:") : word->lane, 100);
	}
	buf_puts(text, ": ");
	buf_put_code(text, reason, REASON_UNITS);
	buf_puts(text, is_final ? ". It will not be tried again." :
				  ". It waits for a person, and so does what follows it there: see `headsup outbox`.");
}

/* In the fallback channel, once a lane and reason; what is stuck there itself has nowhere else to be told. */
static bool tell_stuck(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	const char *reason = text_or(reply->error, "refused"), *channel = fallback_channel(r->desk);
	char hash[65], *key, *lane;
	bool again = false, ok;
	struct buf text;
	cJSON *body;

	if (!r->desk->config->slack.is_enabled || channel == NULL || is_about_token(r->word, reason))
		return true;
	lane = xasprintf("slack:%s", channel);
	key = xasprintf("stuck:%s:%s", r->word->lane, reason);
	sha256_hex(key, strlen(key), hash);
	ok = storage_see(r->desk->storage, hash, r->desk->now, TOLD_KEEP_S, &again, err);
	if (ok && !again && !text_equal(lane, r->word->lane)) {
		buf_init(&text, 4096);
		put_stuck(&text, r->word, reason, is_final);
		body = cJSON_CreateObject();
		json_put(body, "channel", channel);
		json_put(body, "text", buf_text(&text));
		ok = leave(r->desk,
		    &(struct leaving){.kind = WORD_NOTICE, .lane = lane, .body = body, .priority = FIRST_NOTICE}, err);
		buf_fini(&text);
	}
	free(lane);
	free(key);
	return ok;
}

/* The message that was to be edited is gone, or may not be edited any more: it is posted anew, so that its alert is seen. */
static bool failed_card(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	static const char *const gone[] = {"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"};
	const char *channel = json_text(r->body, "channel");
	int64_t copy = 0, id;

	if (is_final && channel != NULL && id_parse(r->word->subject, 'A', &id) && !storage_posted(r->desk->storage, id, channel, err))
		return false;
	for (size_t i = 0; channel != NULL && reply->error != NULL && i < sizeof(gone) / sizeof(gone[0]); i++) {
		if (strcmp(gone[i], reply->error) != 0 || json_true(r->body, "anew"))
			continue;
		if (!json_int(r->body, "copy", &copy))
			copy = 0;
		return leave_card(r->desk, r->word->kind, r->word->subject, channel, copy, true, FIRST_EDIT, err);
	}
	return tell_stuck(r, reply, is_final, err);
}

/* A response_url lives for half an hour and five uses: after it chat.postEphemeral, once. */
static bool failed_ephemeral(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	const char *user = json_text(r->body, "user"), *channel = json_text(r->body, "channel");
	cJSON *body;

	(void)reply;
	(void)is_final;
	if (json_text(r->body, "response_url") == NULL || user == NULL || channel == NULL)
		return true;
	if (r->word->deadline != TIME_NONE && r->word->deadline <= r->desk->now)
		return true;
	body = cJSON_Duplicate(r->body, true);
	cJSON_DeleteItemFromObjectCaseSensitive(body, "response_url");
	return leave_ephemeral(r->desk, body, user, err);
}

/* The form did not open: who wanted it is told what to type instead. */
static bool failed_form(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	const char *user = json_text(r->body, "user"), *channel = json_text(r->body, "channel");
	const char *url = json_text(r->body, "response_url");
	struct buf text;
	bool ok;

	(void)is_final;
	/* Tried again after an answer that was lost: it stands there. */
	if (r->word->attempts > 1 && reply->error != NULL &&
	    (strcmp(reply->error, "exchanged_trigger_id") == 0 || strcmp(reply->error, "trigger_exchanged") == 0))
		return true;
	buf_init(&text, 16384);
	form_put_typed(r->desk, r->body, &text);
	if (url != NULL || (channel != NULL && channel[0] != 'D'))
		ok = say_to_person(r->desk, url, channel, user, json_text(r->body, "thread_ts"), buf_text(&text), err);
	else
		ok = say_reply(r->desk, channel != NULL ? channel : user, NULL, buf_text(&text), err);
	buf_fini(&text);
	return ok;
}

static bool failed_profile(struct rendering *r, const struct reply *reply, bool is_final, struct error *err)
{
	(void)reply;
	(void)is_final;
	return resume(r, err);
}

bool word_failed(struct desk *desk, const struct word *word, const struct reply *reply, bool is_final, struct error *err)
{
	const struct conversation *conversation = conversation_find(word);
	const struct kind *kind = conversation == NULL ? kind_find(word, err) : NULL;
	cJSON *body;
	bool ok;

	if (conversation != NULL)
		return talk_failed(conversation, desk, word, reply, is_final, err);
	if (kind == NULL)
		return false;
	if (kind->failed == NULL)
		return true;
	body = word_body(word);
	ok = kind->failed(&(struct rendering){.desk = desk, .word = word, .body = body}, reply, is_final, err);
	cJSON_Delete(body);
	return ok;
}
