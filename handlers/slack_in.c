#include "handlers/slack_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/card.h"
#include "handlers/commands.h"
#include "handlers/form.h"
#include "handlers/grammar.h"
#include "handlers/home.h"
#include "handlers/later.h"
#include "handlers/slack_text.h"
#include "handlers/storms.h"
#include "handlers/words.h"

#define SEEN_KEEP_S 86400      /* Slack repeats for five minutes, and for a day where Delayed Events is on */
#define ID_BYTES_MAX 64        /* of a user's, a channel's or a team's id */
#define TS_BYTES_MAX 32
#define ACTIONS_MAX 5          /* presses in one payload; it is one as a rule */
#define ANSWER_BYTES_MAX 65536
#define EXTEND_S 1800          /* the button +30 min */
#define HOME_METADATA_MAX 3000 /* bytes of what our home carries with it */

/* ---- looking at what came ---------------------------------------------------------------------------------- */

/* The text of NAME where it is one, and short: an id. */
static const char *get_id(const cJSON *object, const char *name)
{
	const char *id = json_text(object, name);

	if (text_is_empty(id) || strnlen(id, ID_BYTES_MAX + 1) > ID_BYTES_MAX || text_has_invisible(id))
		return NULL;
	return id;
}

/* `"user": {"id": "U1"}`, and `"user": "U1"` as well. */
static const char *get_id_within(const cJSON *object, const char *name)
{
	const cJSON *member = json_get(object, name);

	return cJSON_IsObject(member) ? get_id(member, "id") : get_id(object, name);
}

static const char *get_ts(const cJSON *object, const char *name)
{
	const char *ts = json_text(object, name);
	size_t len = ts != NULL ? strnlen(ts, TS_BYTES_MAX + 1) : 0;

	return len > 0 && len <= TS_BYTES_MAX && strspn(ts, "0123456789.") == len ? ts : NULL;
}

static bool is_text(const cJSON *object, const char *name, const char *text)
{
	const char *value = json_text(object, name);

	return value != NULL && strcmp(value, text) == 0;
}

/* Does one app serve many workspaces, as on Enterprise Grid? Then ours is only one of them. */
static bool is_of_organisation(const cJSON *payload)
{
	return json_true(payload, "is_enterprise_install") || cJSON_IsObject(json_get(payload, "enterprise")) ||
	       get_id(payload, "enterprise_id") != NULL;
}

/*
 * Is who did it, of TEAM, a guest of a shared channel, who belongs to another workspace? The payload's own team_id tells nothing:
 * in a shared channel it may be any of those that share it. Where either side does not say, they are ours.
 */
static bool is_outsider(const struct slack_self *self, const cJSON *payload, const char *team)
{
	if (team == NULL || team[0] != 'T' || self->team_id[0] != 'T' || is_of_organisation(payload) ||
	    strcmp(self->team_id, team) == 0)
		return false;
	log_info("slack: what somebody of another workspace did is ignored team=%s", team);
	return true;
}

/* Did this come before? KIND and PARTS (NULL parts are nothing) are the key. Nothing known of it: never. */
static bool seen(struct desk *desk, const char *kind, const char *one, const char *two, bool *again, struct error *err)
{
	char *key, hash[65];

	*again = false;
	if (one == NULL)
		return true;
	key = xasprintf("%s:%s:%s", kind, one, two != NULL ? two : "");
	sha256_hex(key, strlen(key), hash);
	free(key);
	return storage_see(desk->storage, hash, desk->now, SEEN_KEEP_S, again, err);
}

/* ---- commands ---------------------------------------------------------------------------------------------- */

/* Runs TEXT; the answer is in ANSWER, empty when it comes later. The asker's zone is looked up here. */
static bool run(struct desk *desk, struct asked *asked, const char *text, struct buf *answer, struct error *err)
{
	struct profile profile;
	bool is_known = storage_profile(desk->storage, asked->actor.who, &profile), is_later = false, ok;

	asked->zone = is_known ? profile.timezone : NULL;
	ok = commands_run(desk, asked, text, answer, &is_later, err);
	if (ok && is_later)
		buf_reset(answer);
	if (is_known)
		profile_fini(&profile);
	return ok;
}

cJSON *slack_in_ephemeral(const char *text)
{
	cJSON *message = cJSON_CreateObject();

	json_put(message, "response_type", "ephemeral");
	card_put_answer(text, false, message);
	return message;
}

/* The form, for a command without words. What stands in its way is the answer. */
static bool open_form(struct desk *desk, const struct form_call *call, struct buf *said, struct error *err)
{
	struct error why = {0};

	if (form_open(desk, call, &why))
		return true;
	if (why.kind == ERROR_IO || why.kind == ERROR_NEWER) {
		if (err != NULL)
			*err = why;
		return false;
	}
	buf_put_mrkdwn(said, why.text[0] != '\0' ? why.text : "that cannot be done now", sizeof(why.text));
	return true;
}

static bool is_blank(const char *text)
{
	return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

static bool on_slash_command(struct desk *desk, const cJSON *payload, cJSON **answer, struct error *err)
{
	const char *user = get_id(payload, "user_id"), *channel = get_id(payload, "channel_id");
	const char *text = json_text(payload, "text"), *trigger = json_text(payload, "trigger_id");
	struct asked asked = {
	    .actor = {.who = user, .via = "slack", .from = channel},
	    .channel = channel,
	    .is_direct = is_text(payload, "channel_name", "directmessage") || (channel != NULL && channel[0] == 'D'),
	    .response_url = json_text(payload, "response_url"),
	};
	bool again, ok;
	struct buf said;

	/* Who belongs to another workspace has that one's commands, not ours: no outsider gets here. */
	if (user == NULL || !is_text(payload, "command", desk->config->slack.command))
		return true;
	if (!seen(desk, "command", trigger != NULL ? trigger : asked.response_url, NULL, &again, err))
		return false;
	if (again)
		return true;
	buf_init(&said, ANSWER_BYTES_MAX);
	if (is_blank(text)) {
		const struct form_call call = {
		    .actor = asked.actor, .trigger_id = trigger, .channel = channel, .response_url = asked.response_url};

		desk->counts.commands++;
		ok = open_form(desk, &call, &said, err);
	} else {
		ok = run(desk, &asked, text, &said, err);
	}
	if (ok && said.len > 0)
		*answer = slack_in_ephemeral(buf_text(&said));
	buf_fini(&said);
	return ok;
}

/* ---- mentions and direct messages -------------------------------------------------------------------------- */

/* Blanks, and what people put after a name. */
static const char *skip_after_mention(const char *text)
{
	return text + strspn(text, " \t\r\n,:");
}

/* What follows our mention in TEXT; NULL when we are not mentioned. With no id of our own known yet, a mention at the start is ours. */
static const char *after_mention(const struct slack_self *self, const char *text)
{
	const char *at = text + strspn(text, " \t\r\n");

	if (self->user_id[0] == '\0')
		return text_prefix(at, "<@") && strchr(at, '>') != NULL ? skip_after_mention(strchr(at, '>') + 1) : NULL;
	for (at = strstr(text, "<@"); at != NULL; at = strstr(at + 2, "<@")) {
		size_t len = strlen(self->user_id);
		const char *end;

		if (strncmp(at + 2, self->user_id, len) != 0 || (at[2 + len] != '>' && at[2 + len] != '|'))
			continue;
		end = strchr(at, '>');
		return end != NULL ? skip_after_mention(end + 1) : NULL;
	}
	return NULL;
}

/* The alert in whose thread it was typed; 0: none. */
static int64_t alert_of_thread(struct desk *desk, const char *channel, const char *thread_ts)
{
	struct post post;
	int64_t id = 0;

	if (thread_ts == NULL || !storage_post_by_ts(desk->storage, channel, thread_ts, &post))
		return 0;
	if (!id_parse(post.subject, 'A', &id))
		id = 0;
	post_fini(&post);
	return id;
}

/* EVENT holds words for us: TEXT. The answer goes where they were typed. */
static bool on_words(struct desk *desk, const cJSON *event, const char *text, bool is_direct, struct error *err)
{
	const char *user = get_id(event, "user"), *channel = get_id(event, "channel");
	const char *ts = get_ts(event, "ts"), *thread = get_ts(event, "thread_ts");
	struct asked asked = {
	    .actor = {.who = user, .via = "slack", .from = channel},
	    .channel = channel,
	    .is_direct = is_direct,
	    /* In a channel the answer makes a thread of its question; a direct message is a conversation already. */
	    .thread_ts = thread != NULL || is_direct ? thread : ts,
	};
	bool again, ok;
	struct buf said;

	/* One message may come under several event ids, and as both app_mention and message. */
	if (!seen(desk, "message", ts != NULL ? channel : NULL, ts, &again, err))
		return false;
	if (again)
		return true;
	asked.alert = alert_of_thread(desk, channel, thread);
	buf_init(&said, ANSWER_BYTES_MAX);
	ok = run(desk, &asked, text, &said, err);
	/* What gets better is said when it has. */
	if (ok && said.len > 0 && desk->later == NULL)
		ok = say_reply(desk, channel, asked.thread_ts, buf_text(&said), err);
	later_drop(desk_take_later(desk));
	buf_fini(&said);
	return ok;
}

/* Typed by a person, as far as it says: bots' posts carry a bot_id, ours our own user, edits and deletions are hidden. */
static bool is_typed(const struct slack_self *self, const cJSON *event)
{
	const char *user = get_id(event, "user"), *subtype = json_text(event, "subtype");

	if (user == NULL || get_id(event, "channel") == NULL || json_true(event, "hidden"))
		return false;
	if (!text_is_empty(json_text(event, "bot_id")) || cJSON_IsObject(json_get(event, "bot_profile")))
		return false;
	if (self->user_id[0] != '\0' && strcmp(user, self->user_id) == 0)
		return false;
	return subtype == NULL || strcmp(subtype, "thread_broadcast") == 0 || strcmp(subtype, "file_share") == 0;
}

static bool is_direct_message(const cJSON *event)
{
	const char *type = json_text(event, "channel_type"), *channel = get_id(event, "channel");

	return type != NULL ? strcmp(type, "im") == 0 : channel != NULL && channel[0] == 'D';
}

/* EVENT says that somebody looks at our home. */
static bool on_home(struct desk *desk, const struct slack_self *self, const cJSON *payload, const cJSON *event, struct error *err)
{
	const char *user = get_id(event, "user"), *tab = json_text(event, "tab");
	bool again;

	if (!slack_is_user(user) || (tab != NULL && strcmp(tab, "home") != 0) ||
	    is_outsider(self, payload, get_id(event, "user_team")))
		return true;
	if (!seen(desk, "event", get_id(payload, "event_id"), NULL, &again, err))
		return false;
	return again || say_home(desk, user, get_id(event, "channel"), self->url[0] != '\0' ? self->url : NULL, err);
}

static bool on_event(struct desk *desk, const struct slack_self *self, const cJSON *payload, struct error *err)
{
	const cJSON *event = json_get(payload, "event");
	const char *text, *words;
	bool is_direct, is_mention, again;

	if (!cJSON_IsObject(event) && is_text(payload, "type", "message"))
		event = payload; /* RTM knows no envelope */
	if (is_text(event, "type", "app_home_opened"))
		return on_home(desk, self, payload, event, err);
	text = json_text(event, "text");
	if (text == NULL || !is_typed(self, event) || is_outsider(self, payload, get_id(event, "user_team")))
		return true;
	is_direct = is_direct_message(event);
	words = after_mention(self, text);
	/* In a channel both app_mention and message come of a mention: the first is taken, but RTM has only the second. */
	is_mention = is_text(event, "type", "app_mention") ||
		     (desk->config->slack.is_rtm && is_text(event, "type", "message") && words != NULL);
	if (!is_mention && !(is_direct && is_text(event, "type", "message")))
		return true;
	if (!seen(desk, "event", get_id(payload, "event_id"), NULL, &again, err))
		return false;
	if (again)
		return true;
	return on_words(desk, event, words != NULL ? words : text, is_direct, err);
}

/* ---- presses ----------------------------------------------------------------------------------------------- */

struct press {
	struct actor actor;
	const char *response_url, *channel, *thread_ts, *trigger_id;
	const char *workspace; /* of our home: its URL */
	bool is_home;          /* pressed there: CHANNEL is their direct messages with us */
	int64_t id;          /* of the value: A1042:7 */
	const char *what;    /* what was chosen under …; "" for a button */
};

/* "A1042:7" or "A1042:7:why". */
static bool parse_value(const char *value, char letter, struct press *press)
{
	const char *colon = value != NULL ? strchr(value, ':') : NULL;
	const char *end;
	char *name;
	bool ok;

	if (colon == NULL || colon - value > 24 || colon[1] < '0' || colon[1] > '9')
		return false;
	name = xstrndup(value, (size_t)(colon - value));
	ok = id_parse(name, letter, &press->id);
	free(name);
	/* The version that the button was drawn for does not decide: the alert's state does, and says why it is too late. */
	end = colon + 1 + strspn(colon + 1, "0123456789");
	press->what = *end == ':' ? end + 1 : "";
	return ok && (*end == '\0' || *end == ':');
}

static bool say_to_presser(struct desk *desk, const struct press *press, const char *mrkdwn, struct error *err)
{
	if (press->is_home)
		return say_reply(desk, press->channel != NULL ? press->channel : press->actor.who, NULL, mrkdwn, err);
	return say_to_person(
	    desk, press->response_url, press->channel, press->actor.who, press->thread_ts, mrkdwn, err);
}

/* A refusal is an answer to who pressed; what storage could not do is for the caller. */
static bool say_refusal(struct desk *desk, const struct press *press, const struct error *why, struct error *err)
{
	struct buf text;
	bool ok;

	if (why->kind == ERROR_IO || why->kind == ERROR_NEWER) {
		if (err != NULL)
			*err = *why;
		return false;
	}
	buf_init(&text, 8 * sizeof(why->text));
	buf_put_mrkdwn(&text, why->text[0] != '\0' ? why->text : "that cannot be done now", sizeof(why->text));
	ok = say_to_presser(desk, press, buf_text(&text), err);
	buf_fini(&text);
	return ok;
}

/* The card that was pressed showed a state that is no more: "A1042 is already acked by @alice 2 min ago". */
static bool say_late(struct desk *desk, const struct press *press, const struct alert *alert, struct error *err)
{
	struct buf text;
	bool ok;

	buf_init(&text, 1024);
	buf_printf(&text, "A%" PRId64 " is ", alert->id);
	alert_state_sentence(desk, alert, &text);
	ok = say_to_presser(desk, press, buf_text(&text), err);
	buf_fini(&text);
	return ok;
}

static bool on_alert_press(struct desk *desk, const struct press *press, const char *verb, struct error *err)
{
	struct error why = {0};
	struct alert *alert = NULL;
	bool ok = alert_act(desk, &press->actor, press->id, verb, NULL, NULL, &alert, &why);

	/* Its state is in the way, and who made it so; that sentence calls people by their names. */
	if (!ok && why.kind == ERROR_CONFLICT && alert != NULL && strstr(why.text, "<@") != NULL)
		ok = say_late(desk, press, alert, err);
	else if (!ok)
		ok = say_refusal(desk, press, &why, err);
	alert_free(alert);
	return ok;
}

static bool press_ack(struct desk *desk, const struct press *press, struct error *err)
{
	return on_alert_press(desk, press, "ack", err);
}

static bool press_resolve(struct desk *desk, const struct press *press, struct error *err)
{
	return on_alert_press(desk, press, "resolve", err);
}

static bool press_escalate(struct desk *desk, const struct press *press, struct error *err)
{
	return on_alert_press(desk, press, "escalate", err);
}

static bool press_more(struct desk *desk, const struct press *press, struct error *err)
{
	struct asked asked = {.actor = press->actor,
	    .channel = press->channel,
	    .thread_ts = press->thread_ts,
	    .alert = press->id,
	    .response_url = press->response_url};
	static const char *const verbs[] = {"assign", "unack", "reopen"};
	struct buf said;
	char text[32];
	bool ok;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(press->what, verbs[i]) == 0)
			return on_alert_press(desk, press, verbs[i], err);
	}
	if (strcmp(press->what, "why") != 0)
		return true; /* of a card that a later version drew */
	snprintf(text, sizeof(text), "why A%" PRId64, press->id);
	buf_init(&said, ANSWER_BYTES_MAX);
	ok = run(desk, &asked, text, &said, err);
	if (ok && said.len > 0)
		ok = say_to_presser(desk, press, buf_text(&said), err);
	buf_fini(&said);
	return ok;
}

/* Done, or Cancel where it has not begun. */
static bool press_end(struct desk *desk, const struct press *press, struct error *err)
{
	const struct announcement *announcement = announcements_find(desk, press->id);
	struct announcement *now = NULL;
	struct error why = {0};
	bool ok;

	if (announcement != NULL && announcement->starts_at > desk->now)
		ok = announcement_cancel(desk, &press->actor, press->id, &now, &why);
	else
		ok = announcement_end(desk, &press->actor, press->id, "done", &now, &why);
	announcement_free(now);
	return ok || say_refusal(desk, press, &why, err);
}

static bool press_extend(struct desk *desk, const struct press *press, struct error *err)
{
	struct announcement *now = NULL;
	struct error why = {0};
	bool ok = announcement_extend(desk, &press->actor, press->id, EXTEND_S, &now, &why);

	announcement_free(now);
	return ok || say_refusal(desk, press, &why, err);
}

static bool press_not_me(struct desk *desk, const struct press *press, struct error *err)
{
	struct announcement *now = NULL;
	struct error why = {0};
	bool ok = announcement_not_me(desk, &press->actor, press->id, &now, &why);

	announcement_free(now);
	return ok || say_refusal(desk, press, &why, err);
}

/* Runs the command that says the same: it knows how to wait for who it is that pressed. */
static bool press_command(struct desk *desk, const struct press *press, const char *text, struct error *err)
{
	struct asked asked = {.actor = press->actor,
	    .channel = press->channel,
	    .thread_ts = press->thread_ts,
	    .response_url = press->response_url};
	struct buf said;
	bool ok;

	buf_init(&said, ANSWER_BYTES_MAX);
	ok = run(desk, &asked, text, &said, err);
	if (ok && said.len > 0)
		ok = say_to_presser(desk, press, buf_text(&said), err);
	buf_fini(&said);
	return ok;
}

/* Of what was drawn: the third part of the value is its edition. */
static bool press_approve(struct desk *desk, const struct press *press, struct error *err)
{
	const size_t digits = strspn(press->what, "0123456789");
	char text[64];

	if (digits == 0 || digits > 18 || press->what[digits] != '\0')
		return true;
	snprintf(text, sizeof(text), "approve H%" PRId64 " v%s", press->id, press->what);
	return press_command(desk, press, text, err);
}

static bool press_deny(struct desk *desk, const struct press *press, struct error *err)
{
	char text[64];

	snprintf(text, sizeof(text), "deny H%" PRId64, press->id);
	return press_command(desk, press, text, err);
}

static bool press_real(struct desk *desk, const struct press *press, struct error *err)
{
	struct alert *alert = NULL;
	struct error why = {0};
	int64_t announcement;
	bool ok;

	if (!id_parse(press->what, 'H', &announcement))
		return true;
	ok = announcement_real(desk, &press->actor, announcement, press->id, &alert, &why);
	if (!ok && why.kind == ERROR_CONFLICT && alert != NULL)
		ok = say_late(desk, press, alert, err);
	else if (!ok)
		ok = say_refusal(desk, press, &why, err);
	alert_free(alert);
	return ok;
}

/* "That was me" of an alert, or the button at home: the form. */
static bool press_form(struct desk *desk, const struct press *press, struct error *err)
{
	const struct form_call call = {.actor = press->actor,
	    .trigger_id = press->trigger_id,
	    .channel = press->channel,
	    .response_url = press->response_url,
	    .thread_ts = press->thread_ts,
	    .alert = press->id};
	struct buf said;
	bool ok;

	buf_init(&said, ANSWER_BYTES_MAX);
	ok = open_form(desk, &call, &said, err);
	if (ok && said.len > 0)
		ok = say_to_presser(desk, press, buf_text(&said), err);
	buf_fini(&said);
	return ok;
}

/* Ack or resolve all of a storm. */
static bool press_storm(struct desk *desk, const struct press *press, const char *verb, struct error *err)
{
	struct error why = {0};
	struct buf said;
	bool ok;

	buf_init(&said, ANSWER_BYTES_MAX);
	ok = storm_act(desk, &press->actor, press->id, verb, &said, &why);
	ok = ok ? say_to_presser(desk, press, buf_text(&said), err) : say_refusal(desk, press, &why, err);
	buf_fini(&said);
	return ok;
}

static bool press_storm_ack(struct desk *desk, const struct press *press, struct error *err)
{
	return press_storm(desk, press, "ack", err);
}

static bool press_storm_resolve(struct desk *desk, const struct press *press, struct error *err)
{
	return press_storm(desk, press, "resolve", err);
}

static const struct button {
	const char *action;
	char letter; /* of the id in its value; 0: it is about nothing */
	bool (*press)(struct desk *desk, const struct press *press, struct error *err);
} buttons[] = {
    {ACTION_ACK, 'A', press_ack},
    {ACTION_RESOLVE, 'A', press_resolve},
    {ACTION_ESCALATE, 'A', press_escalate},
    {ACTION_MORE, 'A', press_more},
    {ACTION_END, 'H', press_end},
    {ACTION_EXTEND, 'H', press_extend},
    {ACTION_NOT_ME, 'H', press_not_me},
    {ACTION_APPROVE, 'H', press_approve},
    {ACTION_DENY, 'H', press_deny},
    {ACTION_REAL, 'A', press_real},
    {ACTION_STORM_ACK, 'S', press_storm_ack},
    {ACTION_STORM_RESOLVE, 'S', press_storm_resolve},
    {ACTION_CLAIM, 'A', press_form},
    {ACTION_ANNOUNCE, 0, press_form},
};

static const struct button *button_find(const cJSON *action)
{
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		if (is_text(action, "action_id", buttons[i].action))
			return &buttons[i];
	}
	return NULL;
}

/* What the pressed message is about; for a press that does not say it itself. */
static bool find_subject(struct desk *desk, const cJSON *payload, char letter, struct press *press)
{
	const char *ts = get_ts(json_get(payload, "container"), "message_ts");
	struct post post;
	bool ok;

	if (ts == NULL)
		ts = get_ts(json_get(payload, "message"), "ts");
	if (ts == NULL || press->channel == NULL || !storage_post_by_ts(desk->storage, press->channel, ts, &post))
		return false;
	press->what = "";
	ok = id_parse(post.subject, letter, &press->id);
	post_fini(&post);
	return ok;
}

static bool on_action(struct desk *desk, const cJSON *payload, const cJSON *action, struct press *press, struct error *err)
{
	const struct button *button = button_find(action);
	const cJSON *chosen = json_get(action, "selected_option");
	const char *value = json_text(cJSON_IsObject(chosen) ? chosen : action, "value");
	const char *trigger = json_text(payload, "trigger_id"), *at = get_ts(action, "action_ts");
	bool again;

	if (button != NULL && button->letter == 0)
		press->id = 0;
	else if (button == NULL || (value != NULL ? !parse_value(value, button->letter, press) :
						   !find_subject(desk, payload, button->letter, press)))
		return true;
	/* One trigger is one press; where there is none, a moment is. */
	if (!seen(desk, "press", trigger != NULL ? trigger : at, trigger != NULL ? button->action : press->actor.who, &again, err))
		return false;
	if (again)
		return true;
	desk->counts.presses++;
	return button->press(desk, press, err) &&
	       (!press->is_home || say_home(desk, press->actor.who, press->channel, press->workspace, err));
}

/* Our home keeps where they are answered; what came back is looked at as all that comes. The caller frees. */
static cJSON *read_home(const cJSON *payload, struct press *press)
{
	const cJSON *view = json_get(payload, "view");
	const char *text = json_text(view, "private_metadata");
	const size_t len = text != NULL ? strnlen(text, HOME_METADATA_MAX + 1) : 0;
	cJSON *metadata;

	press->is_home = is_text(view, "type", "home");
	if (!press->is_home || len > HOME_METADATA_MAX)
		return NULL;
	metadata = json_parse(text != NULL ? text : "", len, NULL);
	press->channel = get_id(metadata, "channel");
	if (!slack_is_channel_id(press->channel))
		press->channel = NULL;
	press->workspace = json_text(metadata, "workspace");
	return metadata;
}

static bool on_shortcut(struct desk *desk, const cJSON *payload, struct error *err)
{
	struct press press = {
	    .actor = {.who = get_id_within(payload, "user"), .via = "slack"},
	    .trigger_id = json_text(payload, "trigger_id"),
	    .is_home = true, /* there is no channel to answer in */
	};
	bool again;

	if (!is_text(payload, "callback_id", FORM_ANNOUNCE))
		return true;
	if (!seen(desk, "shortcut", press.trigger_id, NULL, &again, err))
		return false;
	if (again)
		return true;
	desk->counts.presses++;
	return press_form(desk, &press, err);
}

static bool on_submission(struct desk *desk, const cJSON *payload, cJSON **answer, struct error *err)
{
	const struct actor actor = {.who = get_id_within(payload, "user"), .via = "slack"};
	const cJSON *view = json_get(payload, "view");

	return !form_is_ours(view) || form_submit(desk, &actor, view, json_text(payload, "trigger_id"), answer, err);
}

static bool on_presses(struct desk *desk, const cJSON *payload, struct error *err)
{
	const cJSON *container = json_get(payload, "container"), *actions = json_get(payload, "actions");
	const cJSON *message = json_get(payload, "message"), *action;
	const char *channel = get_id_within(payload, "channel");
	struct press press = {
	    .actor = {.who = get_id_within(payload, "user"), .via = "slack"},
	    .response_url = json_text(payload, "response_url"),
	    .channel = channel != NULL ? channel : get_id(container, "channel_id"),
	    .thread_ts = get_ts(container, "thread_ts"),
	};
	size_t count = 0;
	cJSON *home;
	bool ok = true;

	if (!cJSON_IsArray(actions))
		return true;
	home = read_home(payload, &press);
	press.trigger_id = json_text(payload, "trigger_id");
	if (press.thread_ts == NULL)
		press.thread_ts = get_ts(message, "thread_ts");
	press.actor.from = press.channel;
	cJSON_ArrayForEach(action, actions) {
		if (!ok || count++ == ACTIONS_MAX)
			break;
		ok = on_action(desk, payload, action, &press, err);
	}
	cJSON_Delete(home);
	return ok;
}

static bool on_interaction(
    struct desk *desk, const struct slack_self *self, const cJSON *payload, cJSON **answer, struct error *err)
{
	if (get_id_within(payload, "user") == NULL || is_outsider(self, payload, get_id(json_get(payload, "user"), "team_id")))
		return true;
	if (is_text(payload, "type", "block_actions"))
		return on_presses(desk, payload, err);
	if (is_text(payload, "type", "shortcut"))
		return on_shortcut(desk, payload, err);
	if (is_text(payload, "type", "view_submission"))
		return on_submission(desk, payload, answer, err);
	return true;
}

/* ---- the door ---------------------------------------------------------------------------------------------- */

bool slack_in(struct desk *desk, const struct slack_self *self, const char *type, const cJSON *payload, cJSON **answer,
    struct error *err)
{
	*answer = NULL;
	if (type == NULL || !cJSON_IsObject(payload))
		return true;
	if (strcmp(type, "events_api") == 0)
		return on_event(desk, self, payload, err);
	if (strcmp(type, "slash_commands") == 0)
		return on_slash_command(desk, payload, answer, err);
	if (strcmp(type, "interactive") == 0)
		return on_interaction(desk, self, payload, answer, err);
	return true;
}

cJSON *slack_in_unstored(const char *type, const cJSON *payload)
{
	if (text_equal(type, "interactive") && is_text(payload, "type", "view_submission"))
		return form_is_ours(json_get(payload, "view")) ? form_unstored(json_get(payload, "view")) : NULL;
	if (type == NULL || (strcmp(type, "slash_commands") != 0 && strcmp(type, "interactive") != 0))
		return NULL;
	return slack_in_ephemeral(":warning: headsup's storage is out of order: that could not be stored, nothing was done, try again");
}
