/* hook_ask - whose incident an event is about, what PagerDuty is asked before it is applied, and in which order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/page.h"
#include "handlers/pagerduty/hook_internal.h"
#include "handlers/pagerduty/users.h"

#define FOREIGN_S 600      /* an incident that held nothing of ours is not asked about again for so long */
#define LASTS_S 86400      /* a question about an event is not asked for longer; the poll has told by then */
#define NAMELESS_S 60      /* nor is one about a person: they are called as the event calls them */
#define EMPTY_WAIT_S 2     /* an incident that has no alert yet is looked at again, */
#define EMPTY_MAX 3        /* so often */
#define PAGED_BEFORE_S 300 /* clocks differ, and a page is sent for a while before it is known to be taken */
#define PAGED_AFTER_S 3600 /* what opens later than this after a page is not the page's */
#define STUCK_LOOK_MAX 500

/* ---- whose incident it is ------------------------------------------------------------------------------- */

static bool is_ours(struct desk *desk, const struct change *change)
{
	int64_t alert;

	return storage_incident_alerts(desk->storage, change->incident, false, &alert, 1) > 0;
}

/* The alert with that ID, if there is one that was paged; *ALERT is NULL otherwise, the caller frees. False: it cannot be read. */
static bool paged_alert(struct desk *desk, int64_t id, struct alert **alert, struct error *err)
{
	struct error why = {0};

	*alert = storage_alert(desk->storage, id, &why);
	if (*alert == NULL && why.kind == ERROR_IO)
		return error_set(err, ERROR_IO, "%s", why.text);
	if (*alert != NULL && (*alert)->page_status == NULL) {
		alert_free(*alert);
		*alert = NULL;
	}
	return true;
}

/* As written by page_dedup_key(), byte for byte. */
static bool key_is_ours(const struct desk *desk, const char *key, int64_t *alert)
{
	char ours[PAGE_KEY_MAX + 1];

	if (!page_key_alert(desk, key, alert))
		return false;
	page_dedup_key(desk, *alert, ours);
	return strcmp(key, ours) == 0;
}

/* Has ALERT an incident other than CHANGE's? *IS_LIVE: it is not resolved there. */
static bool has_other(struct desk *desk, int64_t alert, const struct change *change, bool *is_live, int64_t *linked_at)
{
	struct incident other;
	bool has = storage_incident(desk->storage, alert, &other);

	*is_live = false;
	if (!has)
		return false;
	has = !text_equal(other.id, change->incident);
	*is_live = has && !text_equal(other.status, "resolved");
	*linked_at = other.linked_at;
	incident_fini(&other);
	return has;
}

/* "… (A1042)", as the titles of our pages end. */
static bool title_alert(const char *title, int64_t *alert)
{
	const char *open = title != NULL ? strrchr(title, '(') : NULL;
	size_t digits = open != NULL && open[1] == 'A' ? strspn(open + 2, "0123456789") : 0;

	if (digits == 0 || digits > 18 || open[2] == '0' || strcmp(open + 2 + digits, ")") != 0)
		return false;
	*alert = strtoll(open + 2, NULL, 10);
	return true;
}

static bool is_from_us(const cJSON *event)
{
	return text_equal(json_text(json_get(event, "client"), "name"), "headsup");
}

/*
 * Finds out without asking whose incident EVENT is about: by its key, which services without alerts have of ours; and, where nobody could be
 * asked (BY_TITLE), by what our pages look like. That others could write as well, so it is believed only of an alert that was paged just
 * before, and has no incident that stands.
 */
static bool link_by_looks(struct desk *desk, const cJSON *event, const struct change *change, bool by_title, struct error *err)
{
	const cJSON *incident = hook_incident(event);
	const int64_t at = rest_time(json_text(incident, "created_at"));
	int64_t id, linked_at = TIME_NONE;
	struct alert *alert;
	bool is_live, fits, ok = true;

	if (!key_is_ours(desk, json_text(incident, "incident_key"), &id) &&
	    (!by_title || change->did != DID_TRIGGER || !is_from_us(event) || !title_alert(json_text(incident, "title"), &id)))
		return true;
	if (!paged_alert(desk, id, &alert, err))
		return false;
	if (alert == NULL)
		return true;
	has_other(desk, id, change, &is_live, &linked_at);
	fits = !is_live && at != TIME_NONE &&
	       (alert->paged_at == TIME_NONE || (at >= alert->paged_at - PAGED_BEFORE_S && at <= alert->paged_at + PAGED_AFTER_S));
	if (fits)
		ok = incident_link(desk, id, incident, err);
	alert_free(alert);
	return ok;
}

/* ROW is one of the incident's alerts. What is over, and from before the alert's page or its newest incident, is an old story. */
static bool link_row(struct desk *desk, const cJSON *event, const struct change *change, const cJSON *row, struct error *err)
{
	const int64_t at = rest_time(json_text(row, "created_at"));
	int64_t id, linked_at = TIME_NONE;
	struct alert *alert;
	bool is_live, is_newer, ok = true;

	if (!key_is_ours(desk, json_text(row, "alert_key"), &id))
		return true;
	if (!paged_alert(desk, id, &alert, err))
		return false;
	if (alert == NULL)
		return true;
	if (has_other(desk, id, change, &is_live, &linked_at))
		is_newer = at != TIME_NONE && at > linked_at;
	else
		is_newer = at == TIME_NONE || alert->paged_at == TIME_NONE || at >= alert->paged_at - PAGED_BEFORE_S;
	if (is_newer || !text_equal(json_text(row, "status"), "resolved"))
		ok = incident_link(desk, id, hook_incident(event), err);
	alert_free(alert);
	return ok;
}

/* ---- what is asked first -------------------------------------------------------------------------------- */

static bool is_stranger(struct desk *desk, const char *id)
{
	return id != NULL && !user_is_known(desk, id);
}

static bool wants_alerts(struct desk *desk, const struct change *change)
{
	return !is_ours(desk, change);
}

static bool wants_agent(struct desk *desk, const struct change *change)
{
	return change->agent == AGENT_PERSON && change->did != DID_TRIGGER && change->did != DID_OTHER &&
	       is_stranger(desk, change->agent_id);
}

static bool wants_assignee(struct desk *desk, const struct change *change)
{
	return change->did == DID_REASSIGN && is_stranger(desk, change->to_id);
}

/* The event that a word is about. */
struct story {
	const cJSON *event; /* in the word's body */
	struct change change;
	struct buf space;
};

static bool story_init(struct story *story, const struct talk *talk)
{
	story->event = json_get(talk->body, "event");
	buf_init(&story->space, NAMES_BYTES_MAX);
	return hook_read(story->event, &story->change, &story->space);
}

static void story_fini(struct story *story)
{
	buf_fini(&story->space);
}

static bool ask_alerts(struct talk *talk, const struct story *story, struct error *err)
{
	struct buf path;
	char number[24];
	int64_t offset = 0;
	bool ok;

	json_int(talk->body, "offset", &offset);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s/alerts", story->change.incident);
	snprintf(number, sizeof(number), "%" PRId64, rest_rows(talk));
	rest_put_query(&path, "limit", number);
	snprintf(number, sizeof(number), "%" PRId64, offset);
	rest_put_query(&path, "offset", number);
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* There is more of the same to ask, though one answer may have been enough to know whose it is. */
static void put_midway(cJSON *body, const char *name, int64_t number)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	json_put_int(body, name, number);
	cJSON_DeleteItemFromObjectCaseSensitive(body, "midway");
	cJSON_AddTrueToObject(body, "midway");
}

static bool heard_alerts(struct talk *talk, const struct story *story, const struct reply *reply, struct error *err)
{
	const cJSON *rows = json_get(reply->body, "alerts"), *row;
	int64_t offset = 0, tries = 0;

	/* 404, or it may not be seen: what is known has to do. */
	if (!reply->ok)
		return link_by_looks(talk->desk, story->event, &story->change, true, err);
	if (cJSON_IsArray(rows)) {
		cJSON_ArrayForEach(row, rows)
		{
			if (!link_row(talk->desk, story->event, &story->change, row, err))
				return false;
		}
	}
	json_int(talk->body, "offset", &offset);
	json_int(talk->body, "tries", &tries);
	rest_keep_rows(talk, rest_rows(talk));
	offset += rest_rows(talk);
	if (json_true(reply->body, "more") && offset < INCIDENT_ALERTS_MAX) {
		put_midway(talk->body, "offset", offset);
		return rest_go_on(talk);
	}
	if (cJSON_GetArraySize(rows) == 0 && story->change.did == DID_TRIGGER && is_from_us(story->event) && tries < EMPTY_MAX) {
		put_midway(talk->body, "tries", tries + 1);
		return rest_go_on_at(talk, talk->desk->now + EMPTY_WAIT_S);
	}
	return true;
}

static void by_id(struct user_found *found, const char *id)
{
	*found = (struct user_found){.answer = USER_ASK};
	snprintf(found->id, sizeof(found->id), "%s", id);
}

static bool ask_user(struct talk *talk, const char *id, struct error *err)
{
	struct user_found found;

	by_id(&found, id);
	return users_ask(talk, &found, err);
}

static bool heard_user(struct talk *talk, const char *id, const struct reply *reply, struct error *err)
{
	struct user_found found;

	by_id(&found, id);
	return users_heard(talk, &found, reply, err);
}

static bool ask_agent(struct talk *talk, const struct story *story, struct error *err)
{
	return ask_user(talk, story->change.agent_id, err);
}

static bool heard_agent(struct talk *talk, const struct story *story, const struct reply *reply, struct error *err)
{
	return heard_user(talk, story->change.agent_id, reply, err);
}

static bool ask_assignee(struct talk *talk, const struct story *story, struct error *err)
{
	return ask_user(talk, story->change.to_id, err);
}

static bool heard_assignee(struct talk *talk, const struct story *story, const struct reply *reply, struct error *err)
{
	return heard_user(talk, story->change.to_id, reply, err);
}

/* In this order; what is not wanted when its turn comes is left out. */
static const struct step {
	const char *name;
	bool is_of_people; /* the event can do without */
	bool (*is_wanted)(struct desk *desk, const struct change *change);
	bool (*ask)(struct talk *talk, const struct story *story, struct error *err);
	/* What came of it is kept; the talk goes on where there is more of the same to ask. */
	bool (*heard)(struct talk *talk, const struct story *story, const struct reply *reply, struct error *err);
} steps[] = {
    {"alerts", false, wants_alerts, ask_alerts, heard_alerts},
    {"agent", true, wants_agent, ask_agent, heard_agent},
    {"assignee", true, wants_assignee, ask_assignee, heard_assignee},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* Where the talk stands. */
static size_t step_of(const struct talk *talk)
{
	const char *name = json_text(talk->body, "step");

	for (size_t i = 0; name != NULL && i < STEPS; i++) {
		if (strcmp(steps[i].name, name) == 0)
			return i;
	}
	return 0;
}

static void put_step(cJSON *body, size_t step)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, "step");
	if (step < STEPS)
		json_put(body, "step", steps[step].name);
}

/* The first that is wanted, from FIRST on; STEPS: none. */
static size_t step_from(struct desk *desk, const struct change *change, size_t first, bool with_people)
{
	while (first < STEPS && ((steps[first].is_of_people && !with_people) || !steps[first].is_wanted(desk, change)))
		first++;
	return first;
}

/* People know incidents by their numbers, which a webhook tells of the incident itself alone. 0: not known. */
static int64_t number_of(struct desk *desk, const char *id)
{
	struct incident incident;
	int64_t alert, number = 0;

	if (storage_incident_alerts(desk->storage, id, false, &alert, 1) == 0)
		return 0;
	if (storage_incident_by_id(desk->storage, alert, id, &incident)) {
		number = incident.number;
		incident_fini(&incident);
	}
	return number;
}

/* Nothing is to be asked any more. An incident that is nobody's is no news. */
static bool apply(struct desk *desk, const struct change *change, struct error *err)
{
	struct change whole = *change;
	int64_t number = change->did == DID_MERGE ? number_of(desk, change->into) : 0;

	if (number > 0)
		whole.into_number = number;
	if (is_ours(desk, change))
		return incident_changed(desk, &whole, err);
	log_debug("webhook: incident %s is none of ours", change->incident);
	return true;
}

/* Who still has no name after a while is called as the event calls them. */
static bool render(struct talk *talk, struct error *err)
{
	const bool with_people = talk->desk->now - talk->word->created_at < NAMELESS_S;
	const size_t step = step_of(talk);
	struct story story;
	bool ok;

	/* What became known meanwhile is asked once more where something else is still to come: heard() goes by the body alone. */
	if (!story_init(&story, talk))
		ok = rest_nothing(talk);
	else if (json_true(talk->body, "midway") || step_from(talk->desk, &story.change, step, with_people) < STEPS)
		ok = steps[step].ask(talk, &story, err);
	else
		ok = apply(talk->desk, &story.change, err) && rest_nothing(talk);
	story_fini(&story);
	return ok;
}

static bool go_on(struct talk *talk, const struct story *story, size_t step, struct error *err)
{
	step = step_from(talk->desk, &story->change, step, true);
	/* Where nobody knows of the incident there is nothing else to learn. */
	if (step == STEPS || !is_ours(talk->desk, &story->change))
		return apply(talk->desk, &story->change, err);
	put_step(talk->body, step);
	cJSON_DeleteItemFromObjectCaseSensitive(talk->body, "midway");
	return rest_go_on(talk);
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	const size_t step = step_of(talk);
	struct story story;
	bool ok = true;

	if (story_init(&story, talk))
		ok = steps[step].heard(talk, &story, reply, err) && (talk->goes_on || go_on(talk, &story, step + 1, err));
	story_fini(&story);
	return ok;
}

/*
 * PagerDuty does not answer us (the token is refused …): what is known has to do. Where the word waits for a person, it tells the same
 * again afterwards, which is recognised.
 */
static bool failed(struct talk *talk, const struct reply *reply, bool is_final, struct error *err)
{
	struct story story;
	bool ok = true;

	(void)reply;
	(void)is_final;
	if (story_init(&story, talk)) {
		if (!is_ours(talk->desk, &story.change))
			ok = link_by_looks(talk->desk, story.event, &story.change, true, err);
		ok = ok && apply(talk->desk, &story.change, err);
	}
	story_fini(&story);
	return ok;
}

const struct conversation hook_conversation = {.kind = WORD_HOOK, .render = render, .heard = heard, .failed = failed};

/* ---- what is applied at once ------------------------------------------------------------------------------ */

static bool finds_subject(void *ctx, const struct word *word)
{
	const char **subject = ctx;

	if (!text_equal(word->kind, WORD_HOOK) || !text_equal(word->subject, *subject))
		return true;
	*subject = NULL;
	return false;
}

/* Does a person have to see to what waits about SUBJECT? Nothing queues behind that. */
static bool is_stuck(struct desk *desk, const char *subject)
{
	return storage_each_word(desk->storage, WORD_STUCK, 0, STUCK_LOOK_MAX, finds_subject, &subject, NULL) && subject == NULL;
}

/* EVENT is asked about before it is applied. */
static bool leave(struct desk *desk, const char *subject, const cJSON *event, const struct change *change, struct error *err)
{
	/* What is ours waits for a name alone, and not for long: while PagerDuty is away deeds would take every turn before it. */
	const int64_t priority = is_ours(desk, change) ? REST_FIRST_NAME : REST_FIRST_HOOK;
	cJSON *body = cJSON_CreateObject();

	put_step(body, step_from(desk, change, 0, true));
	cJSON_AddItemToObject(body, "event", cJSON_Duplicate(event, true));
	return rest_leave(desk, WORD_HOOK, subject, NULL, body, priority, LASTS_S, err);
}

bool hook_take(struct desk *desk, const cJSON *event, const struct change *change, struct error *err)
{
	const bool may_ask = rest_is_on(desk);
	char subject[REST_ID_MAX + 8], key[REST_ID_MAX + 32];
	bool waits, again = false;

	if (!is_ours(desk, change) && !link_by_looks(desk, event, change, !may_ask, err))
		return false;
	if (!may_ask)
		return apply(desk, change, err);
	snprintf(subject, sizeof(subject), "hook:%s", change->incident);
	waits = storage_has_word(desk->storage, PAGERDUTY_LANE, WORD_HOOK, subject);
	if (is_ours(desk, change)) {
		/* In their order, but not behind what will not be answered. */
		if (waits ? is_stuck(desk, subject) : step_from(desk, change, 0, true) == STEPS)
			return apply(desk, change, err);
		return leave(desk, subject, event, change, err);
	}
	if (change->did == DID_OTHER)
		return true;
	/* Most incidents of an account are none of ours: each is asked about once, not with each of its events. */
	snprintf(key, sizeof(key), "pagerduty.asked:%s", change->incident);
	if (!waits && !storage_see(desk->storage, key, desk->now, FOREIGN_S, &again, err))
		return false;
	return again || leave(desk, subject, event, change, err);
}
