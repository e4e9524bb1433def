#include "handlers/pagerduty/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/pagerduty/poll.h"

#define NOTE_MAX 25600 /* bytes kept of a text */
#define ACTIONS_MAX 20
#define FIRST_S 5      /* an incident's first entries come within this of it */
#define MERGE_S 60     /* its end, and the entry that tells of it */

/* ---- an entry of the log ---------------------------------------------------------------------------------------- */

static bool is_timer(const cJSON *entry)
{
	const char *channel = json_text(json_get(entry, "channel"), "type");

	return text_equal(channel, "auto") || text_equal(channel, "timeout");
}

/* Entries of real accounts have agents without a type, and none at all: then the rest of the entry tells. */
static enum agent agent_kind(const cJSON *entry)
{
	const cJSON *agent = json_get(entry, "agent");
	const char *type = json_text(agent, "type"), *self = json_text(agent, "self");
	const char *channel = json_text(json_get(entry, "channel"), "type");

	if (text_prefix(type != NULL ? type : "", "user"))
		return AGENT_PERSON;
	if (text_is_empty(type) && self != NULL && strstr(self, "/users/") != NULL)
		return AGENT_PERSON;
	if (is_timer(entry))
		return AGENT_NOBODY;
	if (!cJSON_IsObject(agent))
		return text_equal(channel, "api") ? AGENT_INTEGRATION : AGENT_NOBODY;
	if (text_is_empty(type) && text_is_empty(self) && !text_equal(channel, "api"))
		return AGENT_PERSON;
	return AGENT_INTEGRATION;
}

static void read_assignees(const cJSON *entry, struct change *change, struct buf *space)
{
	const cJSON *one;
	size_t count = 0;

	buf_reset(space);
	cJSON_ArrayForEach(one, json_get(entry, "assignees"))
	{
		const char *id = json_text(one, "id"), *name = json_text(one, "summary");

		if (count == ENTRY_PEOPLE_MAX)
			break;
		if (change->to_id == NULL && rest_is_id(id))
			change->to_id = id;
		if (text_shows_nothing(name))
			continue;
		buf_printf(space, "%s%s", count > 0 ? ", " : "", name);
		count++;
	}
	if (count > 0)
		change->to_name = buf_text(space);
}

/* How the incident stands now, as it came with the entry; while it is not resolved. */
static const char *live_status(const cJSON *incident)
{
	const char *status = json_text(incident, "status");

	return text_equal(status, "triggered") || text_equal(status, "acknowledged") ? status : NULL;
}

static bool is_near(int64_t a, int64_t b, int64_t within_s)
{
	return a != TIME_NONE && b != TIME_NONE && a - b <= within_s && b - a <= within_s;
}

/*
 * The log has no type for a reopening: it is one more trigger, as is every event that comes for an incident that is open. A person's
 * trigger that is not the first is a reopening.
 */
static bool read_trigger(const cJSON *entry, struct change *change, struct buf *space)
{
	const cJSON *incident = json_get(entry, "incident");
	const char *first = json_text(json_get(incident, "first_trigger_log_entry"), "id");
	bool is_first = first != NULL ? text_equal(first, json_text(entry, "id")) :
					is_near(rest_time(json_text(incident, "created_at")), change->at, FIRST_S);

	(void)space;
	if (is_first)
		change->status = "triggered";
	else if (first != NULL && change->agent == AGENT_PERSON)
		change->did = DID_REOPEN, change->status = "triggered";
	return true;
}

/* The text that somebody gave with it. */
static const char *given_note(const cJSON *entry)
{
	const char *channel = json_text(json_get(entry, "channel"), "summary"), *note = json_text(entry, "note");

	if (!text_shows_nothing(note))
		return note;
	/* The API names the way here where nobody wrote anything. */
	if (text_shows_nothing(channel) || text_equal(channel, "The PagerDuty website or APIs") ||
	    text_equal(channel, json_text(entry, "summary")))
		return NULL;
	return channel;
}

/* "[#1234] The server is on fire." */
static int64_t summary_number(const char *summary)
{
	long long number = 0;

	return summary != NULL && sscanf(summary, "[#%12lld]", &number) == 1 && number > 0 ? number : 0;
}

/* Merging resolves the sources: what became of them is in the incident, which may have been resolved before, and reopened. */
static bool read_resolve(const cJSON *entry, struct change *change, struct buf *space)
{
	const cJSON *incident = json_get(entry, "incident"), *reason = json_get(incident, "resolve_reason");
	const char *resolved = json_text(incident, "resolved_at");
	int64_t at = rest_time(resolved != NULL ? resolved : json_text(incident, "last_status_change_at"));

	(void)space;
	change->status = "resolved";
	change->note = given_note(entry);
	if (!text_equal(json_text(reason, "type"), "merge_resolve_reason"))
		return true;
	if (at != TIME_NONE && change->at != TIME_NONE && !is_near(at, change->at, MERGE_S))
		return true;
	/* Its alerts are elsewhere; where that is not told, they are looked for. */
	change->did = DID_MERGE;
	change->into = rest_ref(reason, "incident");
	change->into_number = summary_number(json_text(json_get(reason, "incident"), "summary"));
	change->note = NULL;
	return true;
}

static bool read_ack(const cJSON *entry, struct change *change, struct buf *space)
{
	(void)entry;
	(void)space;
	change->status = "acknowledged";
	return true;
}

static bool read_triggered(const cJSON *entry, struct change *change, struct buf *space)
{
	(void)entry;
	(void)space;
	change->status = "triggered";
	return true;
}

static bool read_escalate(const cJSON *entry, struct change *change, struct buf *space)
{
	read_assignees(entry, change, space);
	change->status = live_status(json_get(entry, "incident"));
	return true;
}

static bool read_assign(const cJSON *entry, struct change *change, struct buf *space)
{
	int64_t created = rest_time(json_text(json_get(entry, "incident"), "created_at"));

	/* The first ones to be called are no news: they are called. */
	if (change->agent != AGENT_PERSON && is_near(created, change->at, FIRST_S))
		return false;
	return read_escalate(entry, change, space);
}

/* The entry names no policy: it is the incident's, as it came with it. */
static bool read_delegate(const cJSON *entry, struct change *change, struct buf *space)
{
	const cJSON *incident = json_get(entry, "incident");

	(void)space;
	change->to_id = rest_ref(incident, "escalation_policy");
	change->to_name = json_text(json_get(incident, "escalation_policy"), "summary");
	change->status = live_status(incident);
	return true;
}

static bool read_annotate(const cJSON *entry, struct change *change, struct buf *space)
{
	const char *text = json_text(json_get(entry, "channel"), "summary");

	(void)space;
	change->note = !text_shows_nothing(text) ? text : json_text(entry, "note");
	return !text_shows_nothing(change->note);
}

static int64_t unacknowledge_at(const cJSON *actions)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, actions)
	{
		if (text_equal(json_text(one, "type"), "unacknowledge"))
			return rest_time(json_text(one, "at"));
	}
	return TIME_NONE;
}

static bool read_snooze(const cJSON *entry, struct change *change, struct buf *space)
{
	(void)space;
	change->until = unacknowledge_at(json_get(entry, "changed_actions"));
	if (change->until == TIME_NONE)
		change->until = unacknowledge_at(json_get(json_get(entry, "incident"), "pending_actions"));
	return true;
}

static bool read_responder(const cJSON *entry, struct change *change, struct buf *space)
{
	read_assignees(entry, change, space);
	if (change->to_id == NULL)
		change->to_id = rest_ref(entry, "user");
	if (change->to_name == NULL)
		change->to_name = json_text(json_get(entry, "user"), "summary");
	return true;
}

/* Types without "_log_entry" and what may follow it; all others tell nothing that concerns an alert. */
static const struct kind {
	const char *type;
	enum did did;
	bool (*read)(const cJSON *entry, struct change *change, struct buf *space);
} kinds[] = {
    {"trigger", DID_TRIGGER, read_trigger},
    {"acknowledge", DID_ACK, read_ack},
    {"acknowledgement", DID_ACK, read_ack}, /* as the schema has it, and no answer */
    {"unacknowledge", DID_UNACK, read_triggered},
    {"resolve", DID_RESOLVE, read_resolve},
    {"reopen", DID_REOPEN, read_triggered},
    {"escalate", DID_ESCALATE, read_escalate},
    {"delegate", DID_DELEGATE, read_delegate},
    {"assign", DID_REASSIGN, read_assign},
    {"reassign", DID_REASSIGN, read_assign},
    {"annotate", DID_NOTE, read_annotate},
    {"snooze", DID_SNOOZE, read_snooze},
    {"responder_request", DID_RESPONDER, read_responder},
    {"responder_request_for_user", DID_RESPONDER, read_responder},
    {"responder_request_for_escalation_policy", DID_RESPONDER, read_responder},
};

static const struct kind *kind_find(const char *type)
{
	static const char ending[] = "_log_entry";
	const char *end = type != NULL ? strstr(type, ending) : NULL;

	if (end == NULL || (end[sizeof(ending) - 1] != '\0' && strcmp(end + sizeof(ending) - 1, "_reference") != 0))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].type) == (size_t)(end - type) && strncmp(kinds[i].type, type, (size_t)(end - type)) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool entry_did(const cJSON *entry, enum did *did)
{
	const struct kind *kind = kind_find(json_text(entry, "type"));

	if (kind != NULL)
		*did = kind->did;
	return kind != NULL;
}

bool poll_read(const cJSON *entry, struct change *change, struct buf *space)
{
	const struct kind *kind = kind_find(json_text(entry, "type"));
	const char *id = rest_ref(entry, "incident"), *name;

	if (kind == NULL || id == NULL)
		return false;
	*change = (struct change){
	    .incident = id,
	    .did = kind->did,
	    .at = rest_time(json_text(entry, "created_at")),
	    .agent = agent_kind(entry),
	    .agent_id = rest_ref(entry, "agent"),
	    .until = TIME_NONE,
	};
	name = json_text(json_get(entry, "agent"), "summary");
	change->agent_name = text_shows_nothing(name) ? NULL : name;
	return kind->read(entry, change, space);
}

/* ---- what is kept of an entry ----------------------------------------------------------------------------------- */

static void keep_text(cJSON *to, const cJSON *from, const char *name, size_t max)
{
	const char *text = json_text(from, name);
	size_t len = text != NULL ? strlen(text) : 0;
	char *cut;

	if (text == NULL)
		return;
	if (len <= max) {
		cJSON_AddStringToObject(to, name, text);
		return;
	}
	while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
		max--;
	cut = xstrndup(text, max);
	cJSON_AddStringToObject(to, name, cut);
	free(cut);
}

static void keep_texts(cJSON *to, const cJSON *from, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		keep_text(to, from, names[i], ENTRY_NAME_MAX);
}

/* Of the object NAME of FROM: texts only. NULL when it has none. */
static cJSON *keep_object(cJSON *to, const cJSON *from, const char *name, const char *const *names)
{
	const cJSON *object = json_get(from, name);
	cJSON *kept;

	if (!cJSON_IsObject(object))
		return NULL;
	kept = cJSON_AddObjectToObject(to, name);
	keep_texts(kept, object, names);
	return kept;
}

static void keep_list(cJSON *to, const cJSON *from, const char *name, const char *const *names, size_t max)
{
	const cJSON *list = json_get(from, name), *one;
	cJSON *kept, *item;
	size_t count = 0;

	if (!cJSON_IsArray(list))
		return;
	kept = cJSON_AddArrayToObject(to, name);
	cJSON_ArrayForEach(one, list)
	{
		if (count++ == max)
			break;
		item = cJSON_CreateObject();
		keep_texts(item, one, names);
		cJSON_AddItemToArray(kept, item);
	}
}

static const char *const reference[] = {"id", "type", "summary", NULL};
static const char *const action[] = {"type", "at", NULL};

static void keep_incident(cJSON *to, const cJSON *entry)
{
	static const char *const names[] = {
	    "id", "status", "created_at", "resolved_at", "last_status_change_at", NULL};
	static const char *const type[] = {"type", NULL};
	const cJSON *incident = json_get(entry, "incident"), *reason = json_get(incident, "resolve_reason");
	cJSON *kept = keep_object(to, entry, "incident", names), *why;

	if (kept == NULL)
		return;
	keep_object(kept, incident, "first_trigger_log_entry", reference);
	keep_object(kept, incident, "escalation_policy", reference);
	keep_list(kept, incident, "pending_actions", action, ACTIONS_MAX);
	why = keep_object(kept, incident, "resolve_reason", type);
	if (why != NULL)
		keep_object(why, reason, "incident", reference);
}

cJSON *entry_compact(const cJSON *entry)
{
	static const char *const names[] = {"id", "type", "created_at", "summary", NULL};
	static const char *const agent[] = {"id", "type", "summary", "self", NULL};
	static const char *const type[] = {"type", NULL};
	cJSON *kept = cJSON_CreateObject(), *channel;

	keep_texts(kept, entry, names);
	keep_text(kept, entry, "note", NOTE_MAX);
	keep_object(kept, entry, "agent", agent);
	channel = keep_object(kept, entry, "channel", type);
	if (channel != NULL)
		keep_text(channel, json_get(entry, "channel"), "summary", NOTE_MAX);
	keep_object(kept, entry, "user", reference);
	keep_list(kept, entry, "assignees", reference, ENTRY_PEOPLE_MAX);
	keep_list(kept, entry, "changed_actions", action, ACTIONS_MAX);
	keep_incident(kept, entry);
	return kept;
}
