/*
 * words - what headsup has to say: rows of the outbox, and how each is put when its turn comes.
 *
 * A word is written as a fact ("the card of A1042 in #security"); its text is made when it is sent, from the facts as they are
 * then. The courier asks word_render(), carries the result out, and tells word_delivered() or word_failed() what came of it.
 */
#ifndef HANDLERS_WORDS_H
#define HANDLERS_WORDS_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

enum word_peer { PEER_SLACK, PEER_RESPONSE_URL, PEER_PAGERDUTY_EVENTS, PEER_PAGERDUTY_API };
#define WORD_PEERS 4

/* A word as it goes over the wire. */
struct spoken {
	bool is_nothing;  /* nothing to say any more: the word is done */
	int64_t waits_until; /* above 0: nothing to say before then, the word waits */
	enum word_peer peer;
	char *method;     /* PEER_SLACK: "chat.postMessage"; PEER_RESPONSE_URL: the URL, a secret; PAGERDUTY: "/v2/enqueue", "/incidents/Q1" with its query */
	const char *verb; /* PEER_PAGERDUTY_API: GET POST PUT, static; all else is POST */
	char *from;       /* PEER_PAGERDUTY_API: as whom, an e-mail; NULL: as nobody in particular */
	bool is_form;     /* PEER_SLACK: arguments go as a form (reading methods), otherwise as JSON */
	cJSON *body;      /* owned */
	char *channel;    /* PEER_SLACK: whose rate limit it counts against (lane or id); NULL: the method's only */
	/* For a word that may have been said before: where to look, or NULL when saying it again does no harm. */
	char *look_channel, *look_thread;
};
void spoken_fini(struct spoken *spoken);

/*
 * Kinds of words, their lanes, and what is in their bodies:
 *   card          slack:<channel>          {"channel","copy","anew"}  the alert's card there: posted, or edited where it stands
 *   announcement  slack:<channel>          {"channel","anew"}         the same of an announcement's message
 *   storm         slack:<channel>          {"channel"}                the one card of many alerts: handlers/storms.h
 *   thread        slack:<channel>          {"channel","text","broadcast","buttons"} a line under the card; nothing where there is no card
 *   notice        slack:<fallback channel> {"channel","text"}         what is stuck elsewhere
 *   reply         answer:<channel id>      {"channel","thread_ts","text"} an answer that everybody there sees
 *   ephemeral     answer:<user>            {"response_url","channel","user","thread_ts","text"} an answer to one person
 *   page          pagerduty:<fingerprint>  {"action","anew","unseen","meanwhile"} trigger, acknowledge or resolve, for the alert
 *   form          views:<user>             {"user","trigger_id","response_url","thread_ts",…} a modal: handlers/form.h; at once or not at all
 *   view          views:<user>             {"external_id","view"}     a modal that stands, drawn anew
 *   home          home:<user>              {"user","channel","workspace"} the app's home tab: handlers/home.h
 *   profile       slack-users              {"user","command"}         users.info, and the command that waits for it
 *   group         slack-users              {"group"}                  usergroups.users.list
 *   change        pagerduty:<fingerprint>  {"key"}                    an announcement, as a change event: handlers/pagerduty/changes.h
 * Conversations with PagerDuty's REST API (handlers/pagerduty/rest.h), all in PAGERDUTY_LANE:
 *   deed          what somebody did here with an alert, done there as them: handlers/pagerduty/deeds.h
 *   hook          an event of a webhook about which something is to be asked first: handlers/pagerduty/hook.h
 *   poll          what happened there, and how our incidents stand: handlers/pagerduty/poll.h
 *   user          who somebody is there; and, in the lane slack-users, who in Slack has an address: handlers/pagerduty/users.h
 *   oncall        who is on call: handlers/pagerduty/oncall.h
 * A configured channel names its lane as it is written in the configuration. Subjects are A1042 and H17; answers have none.
 */
#define WORD_CARD "card"
#define WORD_ANNOUNCEMENT "announcement"
#define WORD_STORM "storm"
#define WORD_THREAD "thread"
#define WORD_NOTICE "notice"
#define WORD_REPLY "reply"
#define WORD_EPHEMERAL "ephemeral"
#define WORD_PAGE "page"
#define WORD_FORM "form"
#define WORD_VIEW "view"
#define WORD_HOME "home"
#define WORD_PROFILE "profile"
#define WORD_GROUP "group"
#define WORD_CHANGE "change"
#define WORD_DEED "deed"
#define WORD_HOOK "hook"
#define WORD_POLL "poll"
#define WORD_USER "user"
#define WORD_ONCALL "oncall"
#define PAGERDUTY_LANE "pagerduty-api"

#define WORD_ANSWER_S 600        /* an answer to a person that is later than this is not said any more */
#define WORD_VIEW_S 120          /* what stands in a modal, or at home, is not drawn anew later than this */
#define WORD_COPIES_MAX 16       /* channels in which one alert is shown */
#define WORD_PAGE_MAX (500 << 10) /* bytes of an event to PagerDuty, which takes 512 KB */

/* What came back. */
struct reply {
	bool ok;
	int status;          /* HTTP; 0: not known */
	const char *error;   /* Slack's error, or a sentence */
	const char *channel; /* Slack: the real id of the channel */
	const char *ts;      /* Slack: of the message */
	const cJSON *body;   /* the whole answer; may be NULL */
};

/* Puts WORD into words. False with an error when that cannot be done at all (then the word waits for a person). Metadata with
 * the word's id is added to every chat.postMessage here (event_type "headsup_word", event_payload {"word": id}). */
bool word_render(struct desk *desk, const struct word *word, struct spoken *spoken, struct error *err);
/* What becomes of a word when its answer was read: it is over, or has one more step. */
struct word_next {
	cJSON *body;        /* of that step, owned; NULL: the word is over */
	int64_t not_before; /* TIME_NONE: at once */
};
void word_next_fini(struct word_next *next);
/*
 * It was said (REPLY->ok), or found to have been said: keeps where it stands, writes the timeline; what follows is put into the outbox.
 * A conversation also hears here what was refused for good (REPLY->ok false, 4xx but 401, 408 and 429). *NEXT is filled in any case.
 */
bool word_delivered(struct desk *desk, const struct word *word, const struct reply *reply, struct word_next *next, struct error *err);
/*
 * It will not be said by itself: it waits for a person (IS_FINAL false) or is dead (true). Tells so in the fallback channel,
 * once per lane and reason; an answer to a person takes another way (a response_url that is gone: chat.postEphemeral).
 */
bool word_failed(struct desk *desk, const struct word *word, const struct reply *reply, bool is_final, struct error *err);

/* ---- leaving words (for the other handlers) ------------------------------------------------------------ */

/* The alert's card wherever it stands, or is to stand: posts it or edits it. */
bool say_card(struct desk *desk, const struct alert *alert, struct error *err);
/* The card of storm ID. */
bool say_storm(struct desk *desk, int64_t id, const char *channel, struct error *err);
/* The announcement's public message. */
bool say_announcement(struct desk *desk, const struct announcement *announcement, struct error *err);
/* TEXT (mrkdwn, already escaped) as a line in SUBJECT's thread in CHANNEL (NULL: where its first message stands, or is to); BROADCAST shows it in the channel too. */
bool say_in_thread(struct desk *desk, const char *subject, const char *channel, const char *text, bool broadcast, struct error *err);
/* The same with BUTTONS under it, a list of {"action","label","value","style"} (taken; NULL: none); not said any more LASTS_S from now (0: always). */
bool say_in_thread_with(struct desk *desk, const char *subject, const char *channel, const char *text, bool broadcast, cJSON *buttons,
    int64_t lasts_s, struct error *err);
/* TEXT (mrkdwn, escaped) to one person: by RESPONSE_URL where it is ours to use, else chat.postEphemeral in CHANNEL. */
bool say_to_person(struct desk *desk, const char *response_url, const char *channel, const char *user, const char *thread_ts,
    const char *text, struct error *err);
/* TEXT as a reply in a channel (thread_ts may be NULL) or a direct message. */
bool say_reply(struct desk *desk, const char *channel, const char *thread_ts, const char *text, struct error *err);
/*
 * ACTION about the alert to PagerDuty, through the key that alert->page_key names: trigger, acknowledge, resolve (each once while it waits
 * and the alert stays as it is), reopen (a trigger of what was resolved, which makes a new incident), unseen (a trigger with the text that Slack
 * should have shown).
 */
bool say_page(struct desk *desk, const struct alert *alert, const char *action, struct error *err);
/* The same, only as long as PagerDuty's REST API, which would say it better, cannot be asked (desk->rest_away_since). */
bool say_page_meanwhile(struct desk *desk, const struct alert *alert, const char *action, struct error *err);
/* OPENED (taken) has a form opened for USER: form_open() alone makes it. */
bool say_form(struct desk *desk, const char *user, cJSON *opened, struct error *err);
/* VIEW (taken) takes the place of the modal that USER sees under EXTERNAL_ID. */
bool say_view(struct desk *desk, const char *user, const char *external_id, cJSON *view, struct error *err);
/* USER's home is drawn; CHANNEL is their direct messages with us, WORKSPACE its URL. */
bool say_home(struct desk *desk, const char *user, const char *channel, const char *workspace, struct error *err);
/* Asks Slack for USER's profile; COMMAND (JSON, may be NULL) is run when it came: handlers/commands.h. */
bool say_ask_profile(struct desk *desk, const char *user, const cJSON *command, struct error *err);
/* Asks Slack who is in a user group; storage keeps what it says. */
bool say_ask_group(struct desk *desk, const char *group, struct error *err);

#endif
