#include "handlers/pagerduty/deeds_internal.h"

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
#include "handlers/page.h"
#include "handlers/pagerduty/users.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"

#define ASSIGNEES_MAX 20       /* of an incident, that are looked at */
#define OUR_ALERTS_MAX 100     /* of one key in one incident: a page of them */
#define POLICY_NAME_UNITS 100
#define ASK_UNITS 500          /* of what a person is asked to help with */

static bool is_status(const cJSON *incident, const char *status)
{
	return text_equal(json_text(incident, "status"), status);
}

static int64_t body_int(const struct deed *deed, const char *name)
{
	int64_t value;

	return json_int(deed->body, name, &value) ? value : 0;
}

/* ---- how it stands there ------------------------------------------------------------------------------------ */

/* The incident has STATUS (NULL: as it was) since AT; LEVEL -1: as it was. */
static bool stand(struct deed *deed, const char *status, int64_t at, int64_t level, struct error *err)
{
	static const char *const known[] = {"triggered", "acknowledged", "resolved"};
	const struct alert_turn turn = {
	    .by = {.who = "PagerDuty", .via = "pagerduty"}, .status = -1, .page_status = status, .at = TIME_NONE};
	const char *id = json_text(deed->body, "incident");
	struct incident incident;
	bool ok = true, is_known = false;

	for (size_t i = 0; status != NULL && i < sizeof(known) / sizeof(known[0]); i++)
		is_known = is_known || strcmp(known[i], status) == 0;
	if (id != NULL && storage_incident_by_id(deed->desk->storage, deed->alert->id, id, &incident)) {
		if (is_known)
			replace_text(&incident.status, status);
		if (is_known && at != TIME_NONE)
			incident.status_at = at;
		if (level >= 0)
			incident.level = level;
		ok = storage_put_incident(deed->desk->storage, &incident, err);
		incident_fini(&incident);
	}
	if (!ok || !is_known || text_equal(deed->alert->page_status, status))
		return ok;
	return alert_follow(deed->desk, deed->alert, &turn, err);
}

static bool stand_as(struct deed *deed, const cJSON *incident, int64_t level, struct error *err)
{
	deed->last = incident;
	return stand(deed, json_text(incident, "status"), rest_time(json_text(incident, "last_status_change_at")), level, err);
}

/* The alert follows what its incident tells of itself. */
static bool follow_resolved(struct deed *deed, const cJSON *incident, struct error *err)
{
	const cJSON *by = json_get(incident, "last_status_change_by");
	const char *type = json_text(by, "type"), *id = rest_ref(incident, "last_status_change_by");
	const bool is_by_person = type != NULL && text_prefix(type, "user") && id != NULL;
	char *who = is_by_person ? user_here(deed->desk, id, json_text(by, "summary")) : xstrdup("PagerDuty");
	struct buf line;
	bool ok;

	buf_init(&line, DEED_LINE_MAX);
	buf_puts(&line, "Resolved ");
	if (is_by_person) {
		buf_puts(&line, "by ");
		buf_put_person(&line, deed->desk->config, who);
		buf_putc(&line, ' ');
	}
	buf_printf(&line, "in PagerDuty already; if it goes on, try: `reopen %s`", deed->subject);
	ok = stand_as(deed, incident, -1, err) && alert_follow(deed->desk, deed->alert,
						       &(struct alert_turn){.by = {.who = who, .via = "pagerduty"},
							   .what = "resolved",
							   .status = ALERT_RESOLVED,
							   .page_status = "resolved",
							   .line = buf_text(&line),
							   .at = TIME_NONE},
						       err);
	buf_fini(&line);
	free(who);
	return ok;
}

struct opening {
	int64_t since;
	bool is_opened;
};

static bool see_opening(void *ctx, const struct event *event)
{
	struct opening *opening = ctx;

	if (event->at > opening->since && strcmp(event->via, "pagerduty") != 0 &&
	    (strcmp(event->what, "reopened") == 0 || strcmp(event->what, "fired") == 0))
		opening->is_opened = true;
	return true;
}

static bool write_next(struct deed *deed, const char *name, struct error *err);

/* What was resolved there before this came is not opened by it: the alert follows, unless it was opened here after that. */
static bool stays_resolved(struct deed *deed, const cJSON *incident, struct error *err)
{
	struct opening opening = {.since = rest_time(json_text(incident, "last_status_change_at"))};
	struct alert *alert;

	if (alert_is_over(deed->alert))
		return stand_as(deed, incident, -1, err) && deed_finish(deed, err);
	if (!incident_read(deed->desk, incident, err))
		return false;
	alert = storage_alert(deed->desk->storage, deed->alert->id, err);
	if (alert == NULL)
		return false;
	alert_free(deed->alert);
	deed->alert = alert;
	if (alert_is_over(alert))
		return deed_finish(deed, err);
	if (opening.since != TIME_NONE && !storage_each_event(deed->desk->storage, alert->id, see_opening, &opening, err))
		return false;
	if (!opening.is_opened)
		return follow_resolved(deed, incident, err) && deed_finish(deed, err);
	deed_set_true(deed, "goes_on");
	return write_next(deed, "reopen", err);
}

/* ---- whom it calls ------------------------------------------------------------------------------------------ */

static const cJSON *assignee_at(const cJSON *incident, int i)
{
	return json_get(cJSON_GetArrayItem(json_get(incident, "assignments"), i), "assignee");
}

static int assignee_count(const cJSON *incident)
{
	const int count = cJSON_GetArraySize(json_get(incident, "assignments"));

	return count < ASSIGNEES_MAX ? count : ASSIGNEES_MAX;
}

/* "Alice, Bob" as Slack shows them (LINE) and as plain text (NOTE); how many. */
static int put_called(const struct deed *deed, const cJSON *incident, struct buf *line, struct buf *note)
{
	const int count = assignee_count(incident);

	for (int i = 0; i < count; i++) {
		const char *id = json_text(assignee_at(incident, i), "id"), *name = json_text(assignee_at(incident, i), "summary");
		char *here, *plain;

		if (i > 0) {
			buf_puts(line, ", ");
			buf_puts(note, ", ");
		}
		if (i == DEED_CALLED_MAX) {
			buf_printf(line, "%d more", count - i);
			buf_printf(note, "%d more", count - i);
			break;
		}
		here = user_here(deed->desk, id, name);
		plain = person_name(deed->desk, here);
		buf_put_person(line, deed->desk->config, here);
		buf_put_plain(note, text_is_empty(name) ? plain : name, DEED_TO_UNITS);
		free(plain);
		free(here);
	}
	return count;
}

/* BEGUN ("Escalated to level 2 in PagerDuty") and who is called; the timeline has NOTE and their names. */
static bool tell_called(struct deed *deed, const cJSON *incident, const char *begun, const char *note_begun, struct error *err)
{
	struct buf line, note, line_names, note_names;
	int count;
	bool ok;

	buf_init(&line, DEED_LINE_MAX);
	buf_init(&note, DEED_LINE_MAX);
	buf_init(&line_names, DEED_LINE_MAX / 2);
	buf_init(&note_names, DEED_LINE_MAX / 2);
	count = put_called(deed, incident, &line_names, &note_names);
	buf_puts(&line, begun);
	buf_puts(&note, note_begun);
	if (count > 0) {
		buf_printf(&line, ": %s %s called", buf_text(&line_names), count == 1 ? "is" : "are");
		buf_printf(&note, ": %s", buf_text(&note_names));
	}
	ok = deed_tell(deed, buf_text(&line), "escalated", buf_text(&note), false, err);
	buf_fini(&line);
	buf_fini(&note);
	buf_fini(&line_names);
	buf_fini(&note_names);
	return ok;
}

/* To who did it first: they are the one to do something about it. */
static void put_asker(const struct deed *deed, struct buf *line)
{
	if (json_true(deed->body, "is_token"))
		return;
	buf_put_person(line, deed->desk->config, json_text(deed->body, "who"));
	buf_puts(line, ": ");
}

static bool tell_asker(struct deed *deed, struct buf *line, struct error *err)
{
	bool ok = deed_tell(deed, buf_text(line), NULL, NULL, false, err);

	buf_fini(line);
	return ok && deed_finish(deed, err);
}

static void put_ways_out(const struct deed *deed, struct buf *line)
{
	buf_printf(line, "; try: `escalate %s to TEAM` or `escalate %s to @person`", deed->subject, deed->subject);
}

/* Nobody else is called by itself: WHY begins the sentence. */
static bool tell_no_further(struct deed *deed, const char *why, struct error *err)
{
	const char *policy = json_text(deed->body, "policy_name");
	struct buf line;

	buf_init(&line, DEED_LINE_MAX);
	put_asker(deed, &line);
	buf_printf(&line, "PagerDuty did not escalate %s: %s", deed->subject, why);
	if (!text_is_empty(policy)) {
		buf_puts(&line, " (policy ");
		buf_put_code(&line, policy, POLICY_NAME_UNITS);
		buf_putc(&line, ')');
	}
	put_ways_out(deed, &line);
	return tell_asker(deed, &line, err);
}

static void put_wanted(const struct deed *deed, struct buf *line)
{
	const char *person = json_text(deed->body, "person"), *to = json_text(deed->body, "to");

	if (person != NULL)
		buf_put_person(line, deed->desk->config, person);
	else
		buf_put_code(line, to != NULL ? to : "?", DEED_TO_UNITS);
}

static bool tell_stranger(struct deed *deed, struct error *err)
{
	struct buf line;

	buf_init(&line, DEED_LINE_MAX);
	buf_puts(&line, "PagerDuty has no user with the e-mail of ");
	put_wanted(deed, &line);
	buf_puts(&line, ": there it stays with whom it was");
	return tell_asker(deed, &line, err);
}

/* ---- what is written ---------------------------------------------------------------------------------------- */

struct write {
	const char *name;
	enum did did;
	const char *verb, *tail;
	const char *status; /* of the incident, when nothing else is put */
	void (*put)(const struct deed *deed, cJSON *root);
	/* INCIDENT is as it stands then; NULL: the answer does not tell. */
	bool (*done)(struct deed *deed, const cJSON *incident, struct error *err);
	/* Does INCIDENT, read after it may have been done, show that it was? NULL: its status does. */
	bool (*stands)(const struct deed *deed, const cJSON *incident);
};

static bool write_next(struct deed *deed, const char *name, struct error *err)
{
	deed_set(deed, "write", name);
	return deed_next(deed, "write", err);
}

static cJSON *put_incident(cJSON *root)
{
	cJSON *incident = cJSON_AddObjectToObject(root, "incident");

	json_put(incident, "type", "incident_reference");
	return incident;
}

static void put_reference(cJSON *object, const char *name, const char *id, const char *type)
{
	cJSON *reference = cJSON_AddObjectToObject(object, name);

	json_put(reference, "id", id);
	json_put(reference, "type", type);
}

static void put_alerts(const struct deed *deed, cJSON *root)
{
	cJSON *alerts = cJSON_AddArrayToObject(root, "alerts");
	const cJSON *id;

	cJSON_ArrayForEach(id, json_get(deed->body, "alerts")) {
		cJSON *alert = cJSON_CreateObject();

		json_put(alert, "id", cJSON_GetStringValue(id));
		json_put(alert, "type", "alert");
		json_put(alert, "status", "resolved");
		cJSON_AddItemToArray(alerts, alert);
	}
}

static void put_level(const struct deed *deed, cJSON *root)
{
	json_put_int(put_incident(root), "escalation_level", body_int(deed, "level"));
}

static void put_policy(const struct deed *deed, cJSON *root)
{
	put_reference(put_incident(root), "escalation_policy", json_text(deed->body, "policy"), "escalation_policy_reference");
}

static void put_assignment(const struct deed *deed, cJSON *root)
{
	cJSON *assignments = cJSON_AddArrayToObject(put_incident(root), "assignments"), *one = cJSON_CreateObject();

	put_reference(one, "assignee", json_text(deed_person(deed, "to"), "id"), "user_reference");
	cJSON_AddItemToArray(assignments, one);
}

static void put_request(const struct deed *deed, cJSON *root)
{
	const char *note = json_text(deed->body, "note");
	cJSON *targets, *one = cJSON_CreateObject();
	char *name = deed_actor_name(deed);
	struct buf message, plain;

	buf_init(&message, JSON_BYTES_MAX);
	buf_init(&plain, ASK_UNITS * 4);
	buf_printf(&message, "%s asks for your help with %s: ", name, deed->subject);
	card_title(deed->alert, false, ASK_UNITS / 2, &message);
	if (!text_is_empty(note))
		buf_printf(&message, " (%s)", note);
	buf_put_plain(&plain, buf_text(&message), ASK_UNITS);
	json_put(root, "requester_id", deed_sender_id(deed));
	json_put(root, "message", buf_text(&plain));
	targets = cJSON_AddArrayToObject(root, "responder_request_targets");
	put_reference(one, "responder_request_target", json_text(deed_person(deed, "to"), "id"), "user_reference");
	cJSON_AddItemToArray(targets, one);
	buf_fini(&plain);
	buf_fini(&message);
	free(name);
}

static bool done_status(struct deed *deed, const cJSON *incident, struct error *err)
{
	const bool goes_on = json_true(deed->body, "goes_on");

	deed_set(deed, "goes_on", NULL);
	return stand_as(deed, incident, -1, err) && (goes_on ? deed_decide_anew(deed, err) : deed_finish(deed, err));
}

/* The incident stands as it did, for other alerts; of this one it is resolved. */
static bool is_alone_resolved(struct deed *deed, struct error *err)
{
	const struct alert_turn turn = {
	    .by = {.who = "PagerDuty", .via = "pagerduty"}, .status = -1, .page_status = "resolved", .at = TIME_NONE};

	return (text_equal(deed->alert->page_status, "resolved") || alert_follow(deed->desk, deed->alert, &turn, err)) &&
	       deed_finish(deed, err);
}

static bool done_alerts(struct deed *deed, const cJSON *incident, struct error *err)
{
	(void)incident;
	return is_alone_resolved(deed, err);
}

/* It is open here: the acknowledgement of who had it before does not hold any more, and stops the ladder there. */
static bool done_escalating(struct deed *deed, const cJSON *incident, struct error *err)
{
	if (is_status(incident, "acknowledged") && deed->alert->status == ALERT_OPEN)
		return write_next(deed, "unack", err);
	return deed_finish(deed, err);
}

static bool done_level(struct deed *deed, const cJSON *incident, struct error *err)
{
	const int64_t level = body_int(deed, "level");
	char line[64], note[32];

	snprintf(line, sizeof(line), "Escalated to level %" PRId64 " in PagerDuty", level);
	snprintf(note, sizeof(note), "level %" PRId64, level);
	return stand_as(deed, incident, level, err) && tell_called(deed, incident, line, note, err) &&
	       done_escalating(deed, incident, err);
}

static bool done_policy(struct deed *deed, const cJSON *incident, struct error *err)
{
	const char *name = json_text(deed->body, "policy_name");
	struct buf line, note;
	bool ok;

	buf_init(&line, DEED_LINE_MAX);
	buf_init(&note, DEED_LINE_MAX);
	buf_puts(&line, "Given to the policy ");
	buf_put_code(&line, name != NULL ? name : "?", POLICY_NAME_UNITS);
	buf_puts(&line, " in PagerDuty");
	buf_puts(&note, "policy ");
	buf_put_plain(&note, name != NULL ? name : "?", POLICY_NAME_UNITS);
	ok = stand_as(deed, incident, 1, err) && tell_called(deed, incident, buf_text(&line), buf_text(&note), err) &&
	     done_escalating(deed, incident, err);
	buf_fini(&line);
	buf_fini(&note);
	return ok;
}

/* It calls somebody who has not taken it yet: open, until they do. Whom it was given to is told already. */
static bool becomes_theirs(struct deed *deed, struct error *err)
{
	const char *who = json_text(deed->body, "who");

	return alert_follow(deed->desk, deed->alert,
		   &(struct alert_turn){.by = {.who = who != NULL ? who : "PagerDuty", .via = "pagerduty"},
		       .what = "unacked",
		       .status = ALERT_OPEN,
		       .page_status = "triggered",
		       .note = "PagerDuty calls whom it was assigned to",
		       .at = TIME_NONE},
		   err) &&
	       deed_finish(deed, err);
}

static bool done_assign(struct deed *deed, const cJSON *incident, struct error *err)
{
	const char *to = json_text(deed_person(deed, "to"), "id"), *actor = json_text(deed_person(deed, "actor"), "id");
	struct buf line;
	bool ok;

	if (!stand_as(deed, incident, 0, err))
		return false;
	if (strcmp(deed->verb->name, "escalate") == 0) {
		buf_init(&line, DEED_LINE_MAX);
		buf_puts(&line, "Given to ");
		put_wanted(deed, &line);
		buf_puts(&line, " in PagerDuty, and to nobody else: its escalation policy calls nobody any more for this incident");
		ok = deed_tell(deed, buf_text(&line), "escalated", "given to one person: the policy calls nobody else", false, err);
		buf_fini(&line);
		return ok && done_escalating(deed, incident, err);
	}
	if (deed->alert->status != ALERT_ACKED || !is_status(incident, "triggered"))
		return deed_finish(deed, err);
	/* Who has it in hand, and takes it there as well, has it in hand there. */
	if (text_equal(to, actor) && deed_is_theirs(deed))
		return write_next(deed, "ack", err);
	return becomes_theirs(deed, err);
}

static bool done_request(struct deed *deed, const cJSON *incident, struct error *err)
{
	struct buf line;
	bool ok;

	(void)incident;
	buf_init(&line, DEED_LINE_MAX);
	buf_puts(&line, "PagerDuty asks ");
	put_wanted(deed, &line);
	buf_puts(&line, " to help; who has it keeps it");
	ok = deed_tell(deed, buf_text(&line), "escalated", "asked for help", false, err);
	buf_fini(&line);
	return ok && deed_finish(deed, err);
}

static bool is_among(const cJSON *list, const char *member, const char *id)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, list) {
		if (id != NULL && text_equal(rest_ref(one, member), id))
			return true;
	}
	return false;
}

static bool has_it_alone(const struct deed *deed, const cJSON *incident)
{
	const char *to = json_text(deed_person(deed, "to"), "id");

	return to != NULL && assignee_count(incident) == 1 && text_equal(json_text(assignee_at(incident, 0), "id"), to);
}

static bool is_acked_by_sender(const struct deed *deed, const cJSON *incident)
{
	return is_status(incident, "acknowledged") &&
	       is_among(json_get(incident, "acknowledgements"), "acknowledger", deed_sender_id(deed));
}

/* Never by how it stands: the step before asks for the alerts in any case. */
static bool are_alerts_resolved(const struct deed *deed, const cJSON *incident)
{
	(void)deed;
	(void)incident;
	return false;
}

/* Others have it now than before. */
static bool is_moved(const struct deed *deed, const cJSON *incident)
{
	const cJSON *before = json_get(deed->body, "assignees"), *id;
	const int count = assignee_count(incident);

	if (count == 0)
		return false;
	if (count != cJSON_GetArraySize(before))
		return true;
	cJSON_ArrayForEach(id, before) {
		if (!is_among(json_get(incident, "assignments"), "assignee", cJSON_GetStringValue(id)))
			return true;
	}
	return false;
}

static bool is_given(const struct deed *deed, const cJSON *incident)
{
	const char *policy = rest_ref(incident, "escalation_policy");

	return text_equal(policy, json_text(deed->body, "policy")) && !text_equal(policy, json_text(deed->body, "policy_before"));
}

static bool is_requested(const struct deed *deed, const cJSON *incident)
{
	return is_among(json_get(incident, "incidents_responders"), "user", json_text(deed_person(deed, "to"), "id"));
}

static const struct write writes[] = {
    {"ack", DID_ACK, "PUT", "", "acknowledged", NULL, done_status, is_acked_by_sender},
    {"unack", DID_UNACK, "PUT", "", "triggered", NULL, done_status, NULL},
    {"resolve", DID_RESOLVE, "PUT", "", "resolved", NULL, done_status, NULL},
    {"reopen", DID_REOPEN, "PUT", "", "triggered", NULL, done_status, NULL},
    {"alerts", DID_RESOLVE, "PUT", "/alerts", NULL, put_alerts, done_alerts, are_alerts_resolved},
    {"level", DID_ESCALATE, "PUT", "", NULL, put_level, done_level, is_moved},
    {"policy", DID_DELEGATE, "PUT", "", NULL, put_policy, done_policy, is_given},
    {"assign", DID_REASSIGN, "PUT", "", NULL, put_assignment, done_assign, has_it_alone},
    {"request", DID_RESPONDER, "POST", "/responder_requests", NULL, put_request, done_request, is_requested},
};

static const struct write *write_of(const struct deed *deed)
{
	const char *name = json_text(deed->body, "write");

	for (size_t i = 0; name != NULL && i < sizeof(writes) / sizeof(writes[0]); i++) {
		if (strcmp(writes[i].name, name) == 0)
			return &writes[i];
	}
	return NULL;
}

static bool forget_intent(struct deed *deed, const char *what, struct error *err)
{
	const char *id = json_text(deed->body, "incident");
	bool taken;

	return id == NULL || storage_take_intent(deed->desk->storage, id, what, deed_sender_id(deed),
				 deed->desk->now - INTENT_KEEP_S, &taken, err);
}

bool deed_intend(struct deed *deed, enum did did, const char *note, struct error *err)
{
	const char *id = json_text(deed->body, "incident");
	char what[32];

	change_name(did, note, what);
	/* Of a step that is made again there is one already. */
	if ((deed->talk->word->attempts > 0 || json_true(deed->body, "is_again")) && !forget_intent(deed, what, err))
		return false;
	return id == NULL ||
	       storage_add_intent(deed->desk->storage, id, what, deed_sender_id(deed), deed->desk->now, err);
}

bool deed_intend_not(struct deed *deed, enum did did, const char *note, struct error *err)
{
	char what[32];

	change_name(did, note, what);
	return forget_intent(deed, what, err);
}

/* A reason given with a resolve may come back as a note of its own, as one given in the browser does. */
static bool intend_resolution(struct deed *deed, const char *note, struct error *err)
{
	char *text = xasprintf("Resolution Note: %s", note);
	bool ok = deed_intend(deed, DID_NOTE, text, err);

	free(text);
	return ok;
}

static bool write_render(struct deed *deed, struct error *err)
{
	const struct write *write = write_of(deed);
	const char *id = json_text(deed->body, "incident"), *note = json_text(deed->body, "note");
	const bool has_reason = write != NULL && strcmp(write->name, "resolve") == 0 && !text_is_empty(note);
	struct buf path;
	cJSON *root;
	bool ok;

	if (write == NULL || !rest_is_id(id) || deed_sender(deed) == NULL)
		return deed_over(deed);
	/* Made twice it may call people twice. */
	if (deed->talk->word->is_unsure)
		return deed_look_first(deed, "read", err);
	if (!deed_intend(deed, write->did, NULL, err) || (has_reason && !intend_resolution(deed, note, err)))
		return false;
	root = cJSON_CreateObject();
	if (write->put != NULL)
		write->put(deed, root);
	else
		json_put(put_incident(root), "status", write->status);
	if (has_reason) {
		char *cut = xstrndup(note, utf16_prefix(note, strlen(note), DEED_NOTE_UNITS));

		json_put(cJSON_GetObjectItemCaseSensitive(root, "incident"), "resolution", cut);
		free(cut);
	}
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s%s", id, write->tail);
	ok = rest_send(deed->talk, write->verb, &path, deed_sender(deed), root, err);
	buf_fini(&path);
	return ok;
}

/* ---- where PagerDuty says no -------------------------------------------------------------------------------- */

static bool is_gone(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return deed_by_events(deed, "its incident is gone there", err);
}

static bool was_acknowledged(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return stand(deed, "acknowledged", TIME_NONE, -1, err) && deed_finish(deed, err);
}

static bool was_resolved(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return stand(deed, "resolved", TIME_NONE, -1, err) && deed_finish(deed, err);
}

static bool cannot_reopen(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return deed_by_events(deed, "it does not open that incident again", err);
}

static bool changed_meanwhile(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return deed_decide_anew(deed, err);
}

static bool is_unknown_sender(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return deed_send_as_other(deed, err);
}

static bool cannot_ask(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return write_next(deed, "assign", err);
}

static bool cannot_climb(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return tell_no_further(deed, "it cannot climb any further", err);
}

static bool has_nobody(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)reply;
	return tell_no_further(deed, "nobody is on call there", err);
}

/* developer.pagerduty.com/docs/errors; the first row that fits. */
static const struct refusal {
	const char *write;   /* NULL: any */
	int status, code;    /* 0: any */
	bool (*take)(struct deed *deed, const struct reply *reply, struct error *err);
} refusals[] = {
    {NULL, 0, 1008, is_unknown_sender},
    {NULL, 0, 1005, changed_meanwhile},
    {"resolve", 0, 1001, was_resolved},
    {"alerts", 0, 1001, was_resolved},
    {"reopen", 0, 1001, cannot_reopen},
    {NULL, 0, 1001, changed_meanwhile},
    {"ack", 0, 1002, was_acknowledged},
    {"request", 402, 0, cannot_ask},
    {"request", 404, 0, cannot_ask},
    {"level", 0, 1006, cannot_climb},
    {"level", 0, 1015, has_nobody},
    {"policy", 0, 1015, has_nobody},
    {NULL, 404, 0, is_gone},
};

static bool write_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const struct write *write = write_of(deed);
	const int code = reply->ok ? 0 : rest_code(reply);

	if (write == NULL)
		return true;
	if (reply->ok) {
		deed_set_true(deed, "is_written");
		return write->done(deed, json_get(reply->body, "incident"), err);
	}
	if (!deed_intend_not(deed, write->did, NULL, err))
		return false;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];

		if ((refusal->write == NULL || strcmp(refusal->write, write->name) == 0) &&
		    (refusal->status == 0 || refusal->status == reply->status) && (refusal->code == 0 || refusal->code == code))
			return refusal->take(deed, reply, err);
	}
	return deed_refused(deed, reply, err);
}

const struct step deed_write_step = {"write", write_render, write_heard};

/* ---- resolve: this alert alone, where the incident has others ------------------------------------------------- */

static bool get_alerts(struct deed *deed, struct error *err)
{
	char key[PAGE_KEY_MAX + 1];
	struct buf path;
	bool ok;

	page_dedup_key(deed->desk, deed->alert->id, key);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s/alerts", json_text(deed->body, "incident"));
	rest_put_query(&path, "alert_key", key);
	rest_put_query(&path, "limit", "100");
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

static bool alerts_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	cJSON *ours = cJSON_CreateArray();
	char key[PAGE_KEY_MAX + 1];
	const cJSON *alert;
	int64_t count;

	page_dedup_key(deed->desk, deed->alert->id, key);
	cJSON_ArrayForEach(alert, json_get(reply->ok ? reply->body : NULL, "alerts")) {
		const char *id = json_text(alert, "id");

		if (rest_is_id(id) && text_equal(json_text(alert, "alert_key"), key) && is_status(alert, "triggered") &&
		    cJSON_GetArraySize(ours) < OUR_ALERTS_MAX)
			cJSON_AddItemToArray(ours, cJSON_CreateString(id));
	}
	count = cJSON_GetArraySize(ours);
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, "alerts");
	cJSON_AddItemToObject(deed->body, "alerts", ours);
	if (!reply->ok)
		return deed_refused(deed, reply, err);
	if (body_int(deed, "open") <= count)
		return write_next(deed, "resolve", err);
	/* Others are open in it: it goes on without this one. */
	return count > 0 ? write_next(deed, "alerts", err) : is_alone_resolved(deed, err);
}

const struct step deed_alerts_step = {"alerts", get_alerts, alerts_heard};

/* ---- escalate: the next level --------------------------------------------------------------------------------- */

static bool get_policy(struct deed *deed, struct error *err)
{
	const char *id = json_text(deed->body, "policy");
	struct buf path;
	bool ok;

	if (!rest_is_id(id))
		return deed_over(deed);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/escalation_policies/%s", id);
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

static void know_policy(struct deed *deed, const cJSON *policy)
{
	const char *name = json_text(policy, "name"), *id = json_text(policy, "id");

	if (rest_is_id(id))
		deed_set(deed, "policy", id);
	deed_set(deed, "policy_name", name != NULL ? name : json_text(policy, "summary"));
}

static bool policy_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const cJSON *policy = json_get(reply->body, "escalation_policy");

	if (!reply->ok)
		return deed_refused(deed, reply, err);
	know_policy(deed, policy);
	deed_set_int(deed, "levels", cJSON_GetArraySize(json_get(policy, "escalation_rules")));
	if (body_int(deed, "levels") < 1)
		return tell_no_further(deed, "its escalation policy has no levels", err);
	if (!json_true(deed->body, "is_direct"))
		return deed_next(deed, "levels", err);
	/* One person has it, by no level: the ladder begins. */
	deed_set_int(deed, "level", 1);
	return write_next(deed, "level", err);
}

const struct step deed_policy_step = {"policy", get_policy, policy_heard};

/* Which level it is on, it does not tell: the one on which who has it is on call. */
static bool get_levels(struct deed *deed, struct error *err)
{
	const char *id = json_text(deed->body, "policy");
	struct buf path;
	bool ok;

	if (!rest_is_id(id))
		return deed_over(deed);
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/oncalls");
	rest_put_query(&path, "escalation_policy_ids[]", id);
	rest_put_query(&path, "limit", "100");
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

static bool has_it(const struct deed *deed, const char *user)
{
	const cJSON *id;

	cJSON_ArrayForEach(id, json_get(deed->body, "assignees")) {
		if (user != NULL && text_equal(cJSON_GetStringValue(id), user))
			return true;
	}
	return false;
}

static int64_t level_remembered(const struct deed *deed)
{
	const char *id = json_text(deed->body, "incident");
	struct incident incident;
	int64_t level = 0;

	if (id != NULL && storage_incident_by_id(deed->desk->storage, deed->alert->id, id, &incident)) {
		level = incident.level;
		incident_fini(&incident);
	}
	return level;
}

/* The highest on which somebody has it; who is on call on several: the one that was heard of last. 1: nobody knows. */
static int64_t level_now(const struct deed *deed, const cJSON *oncalls)
{
	const char *policy = json_text(deed->body, "policy");
	const int64_t remembered = level_remembered(deed);
	int64_t highest = 0, level;
	const cJSON *oncall;

	cJSON_ArrayForEach(oncall, oncalls) {
		const char *of = rest_ref(oncall, "escalation_policy");

		if ((of != NULL && !text_equal(of, policy)) || !has_it(deed, rest_ref(oncall, "user")) ||
		    !json_int(oncall, "escalation_level", &level))
			continue;
		if (level == remembered)
			return remembered;
		if (level > highest && level < INT32_MAX)
			highest = level;
	}
	if (highest > 0)
		return highest;
	return remembered > 0 ? remembered : 1;
}

static bool levels_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const int64_t levels = body_int(deed, "levels");
	char why[96];
	int64_t level;

	if (!reply->ok)
		return deed_refused(deed, reply, err);
	level = level_now(deed, json_get(reply->body, "oncalls"));
	if (level < levels) {
		deed_set_int(deed, "level", level + 1);
		return write_next(deed, "level", err);
	}
	snprintf(why, sizeof(why), "level %" PRId64 " of %" PRId64 " is the last", level < levels ? level : levels, levels);
	return tell_no_further(deed, why, err);
}

const struct step deed_levels_step = {"levels", get_levels, levels_heard};

/* ---- escalate: to a team -------------------------------------------------------------------------------------- */

static bool get_teams(struct deed *deed, struct error *err)
{
	const char *to = json_text(deed->body, "to");
	struct buf path;
	bool ok;

	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/escalation_policies");
	rest_put_query(&path, "query", to != NULL ? to : "");
	rest_put_query(&path, "limit", "100");
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

static const char *policy_name_of(const cJSON *policy)
{
	const char *name = json_text(policy, "name");

	return name != NULL ? name : json_text(policy, "summary");
}

/* POLICIES fit what was asked for; with IS_ALL none did, and these are there. */
static bool tell_policies(struct deed *deed, const cJSON *policies, bool is_all, bool has_more, struct error *err)
{
	const int count = cJSON_GetArraySize(policies);
	struct buf line;

	buf_init(&line, DEED_LINE_MAX);
	put_asker(deed, &line);
	buf_puts(&line, is_all ? "PagerDuty has no escalation policy named " : "PagerDuty has several escalation policies that fit ");
	put_wanted(deed, &line);
	buf_puts(&line, ", so nobody else was called");
	for (int i = 0; i < count && i < DEED_NAMES_MAX; i++) {
		const char *name = policy_name_of(cJSON_GetArrayItem(policies, i));

		buf_puts(&line, i > 0 ? ", " : is_all ? "; it has " : ": ");
		buf_put_code(&line, name != NULL ? name : "?", POLICY_NAME_UNITS);
	}
	buf_puts(&line, count > DEED_NAMES_MAX || (count > 0 && has_more) ? " and others" : "");
	buf_puts(&line, is_all ? "; a person is written @name" : "");
	return tell_asker(deed, &line, err);
}

/* Ids are of capital letters and digits; who types one may not care. */
static char *id_of_team(const struct deed *deed)
{
	const char *to = json_text(deed->body, "to");
	char *id;

	if (!rest_is_id(to) || strlen(to) < 7 || strchr("PpQqRr", to[0]) == NULL || strpbrk(to, "-_") != NULL)
		return NULL;
	id = xstrdup(to);
	for (char *c = id; *c != '\0'; c++)
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	return id;
}

static bool teams_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const cJSON *policies = json_get(reply->body, "escalation_policies"), *policy, *is = NULL;
	const char *to = json_text(deed->body, "to");
	const bool has_more = json_true(reply->body, "more");
	char *id;

	if (!reply->ok)
		return deed_refused(deed, reply, err);
	cJSON_ArrayForEach(policy, policies) {
		const char *name = policy_name_of(policy), *policy_id = json_text(policy, "id");

		if (is == NULL && to != NULL && rest_is_id(policy_id) &&
		    ((name != NULL && strcasecmp(name, to) == 0) || strcasecmp(policy_id, to) == 0))
			is = policy;
	}
	if (is == NULL && cJSON_GetArraySize(policies) == 1 && !has_more)
		is = cJSON_GetArrayItem(policies, 0);
	if (is != NULL && rest_is_id(json_text(is, "id"))) {
		know_policy(deed, is);
		return write_next(deed, "policy", err);
	}
	id = cJSON_GetArraySize(policies) == 0 ? id_of_team(deed) : NULL;
	if (id == NULL && cJSON_GetArraySize(policies) == 0)
		return deed_next(deed, "policies", err);
	if (id == NULL)
		return tell_policies(deed, policies, false, has_more, err);
	deed_set(deed, "policy", id);
	free(id);
	return deed_next(deed, "team", err);
}

const struct step deed_teams_step = {"teams", get_teams, teams_heard};

/* What was no name may be an id. */
static bool team_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	if (!reply->ok)
		return deed_next(deed, "policies", err);
	know_policy(deed, json_get(reply->body, "escalation_policy"));
	return write_next(deed, "policy", err);
}

const struct step deed_team_step = {"team", get_policy, team_heard};

/* Those that there are, for who asked for another. */
static bool get_policies(struct deed *deed, struct error *err)
{
	char limit[16];
	struct buf path;
	bool ok;

	snprintf(limit, sizeof(limit), "%d", DEED_NAMES_MAX);
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/escalation_policies");
	rest_put_query(&path, "limit", limit);
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

static bool policies_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const cJSON *body = reply->ok ? reply->body : NULL;

	return tell_policies(deed, json_get(body, "escalation_policies"), true, json_true(body, "more"), err);
}

const struct step deed_policies_step = {"policies", get_policies, policies_heard};

/* ---- what is to be done ----------------------------------------------------------------------------------------- */

/* Something newer stands here, or it is so already: the change is left out, their words are not. */
static bool leave_out(struct deed *deed, struct error *err)
{
	return deed_finish(deed, err);
}

/* It was what was looked for. */
static bool decide_find(struct deed *deed, const cJSON *incident, struct error *err)
{
	(void)incident;
	(void)err;
	return deed_over(deed);
}

static bool decide_ack(struct deed *deed, const cJSON *incident, struct error *err)
{
	if (is_status(incident, "resolved"))
		return stays_resolved(deed, incident, err);
	if (deed->alert->status == ALERT_OPEN)
		return leave_out(deed, err);
	if (is_acked_by_sender(deed, incident))
		return stand_as(deed, incident, -1, err) && leave_out(deed, err);
	return write_next(deed, "ack", err);
}

static bool decide_unack(struct deed *deed, const cJSON *incident, struct error *err)
{
	if (deed->alert->status == ALERT_OPEN && is_status(incident, "resolved"))
		return stays_resolved(deed, incident, err);
	if (deed->alert->status != ALERT_OPEN || !is_status(incident, "acknowledged"))
		return leave_out(deed, err);
	return write_next(deed, "unack", err);
}

static bool resolve(struct deed *deed, const cJSON *incident, struct error *err)
{
	const cJSON *counts = json_get(incident, "alert_counts");
	int64_t all, open;

	/* Services without alerts count none. */
	if (!json_int(counts, "all", &all) || all <= 1)
		return write_next(deed, "resolve", err);
	deed_set_int(deed, "open", json_int(counts, "triggered", &open) ? open : all);
	return deed_next(deed, "alerts", err);
}

static bool decide_resolve(struct deed *deed, const cJSON *incident, struct error *err)
{
	if (is_status(incident, "resolved"))
		return stand_as(deed, incident, -1, err) && leave_out(deed, err);
	return alert_is_over(deed->alert) ? resolve(deed, incident, err) : leave_out(deed, err);
}

static bool decide_reopen(struct deed *deed, const cJSON *incident, struct error *err)
{
	int64_t all;

	if (alert_is_over(deed->alert))
		return leave_out(deed, err);
	/* The others in it stay as they are: what fires again of this one is told as an event of its own. */
	if (json_int(json_get(incident, "alert_counts"), "all", &all) && all > 1)
		return deed_by_events(deed, "its incident holds other alerts", err);
	if (!is_status(incident, "resolved"))
		return stand_as(deed, incident, -1, err) && leave_out(deed, err);
	return write_next(deed, "reopen", err);
}

static void know_assignees(struct deed *deed, const cJSON *incident)
{
	cJSON *ids = cJSON_CreateArray();

	for (int i = 0; i < assignee_count(incident); i++) {
		const char *id = json_text(assignee_at(incident, i), "id");

		if (rest_is_id(id))
			cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	}
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, "assignees");
	cJSON_AddItemToObject(deed->body, "assignees", ids);
	if (text_equal(json_text(incident, "assigned_via"), "direct_assignment"))
		deed_set_true(deed, "is_direct");
	else
		deed_set(deed, "is_direct", NULL);
}

static bool escalate_to_person(struct deed *deed, struct error *err)
{
	const char *to = json_text(deed_person(deed, "to"), "id");

	if (to == NULL)
		return tell_stranger(deed, err);
	/* Who asks has to be named by their id. */
	return write_next(deed, deed_sender_id(deed) != NULL ? "request" : "assign", err);
}

static bool decide_escalate(struct deed *deed, const cJSON *incident, struct error *err)
{
	const char *policy = rest_ref(incident, "escalation_policy");

	if (alert_is_over(deed->alert))
		return leave_out(deed, err);
	if (is_status(incident, "resolved"))
		return stays_resolved(deed, incident, err);
	if (json_text(deed->body, "person") != NULL)
		return escalate_to_person(deed, err);
	if (json_text(deed->body, "to") != NULL) {
		deed_set(deed, "policy_before", policy);
		return deed_next(deed, "teams", err);
	}
	if (text_equal(json_text(incident, "urgency"), "low"))
		return tell_no_further(deed, "incidents of low urgency climb no ladder", err);
	if (policy == NULL)
		return tell_no_further(deed, "its incident has no escalation policy", err);
	know_assignees(deed, incident);
	deed_set(deed, "policy", policy);
	return deed_next(deed, "policy", err);
}

static bool decide_assign(struct deed *deed, const cJSON *incident, struct error *err)
{
	const char *to = json_text(deed_person(deed, "to"), "id");

	if (alert_is_over(deed->alert))
		return leave_out(deed, err);
	if (is_status(incident, "resolved"))
		return stays_resolved(deed, incident, err);
	if (to == NULL)
		return tell_stranger(deed, err);
	if (has_it_alone(deed, incident))
		return leave_out(deed, err);
	return write_next(deed, "assign", err);
}

static bool decide_note(struct deed *deed, const cJSON *incident, struct error *err)
{
	(void)incident;
	return deed_finish(deed, err);
}

/* As the alert stands now. An ack alone is no wish to open again what was resolved there. */
static bool decide_again(struct deed *deed, const cJSON *incident, struct error *err)
{
	const bool is_resolved = is_status(incident, "resolved"), is_acked = is_status(incident, "acknowledged");

	switch (deed->alert->status) {
	case ALERT_OPEN:
		if (is_resolved) {
			deed_set_true(deed, "reopens");
			return decide_reopen(deed, incident, err);
		}
		return is_acked ? write_next(deed, "unack", err) : leave_out(deed, err);
	case ALERT_ACKED:
		if (is_resolved)
			return stays_resolved(deed, incident, err);
		return is_acked ? leave_out(deed, err) : write_next(deed, "ack", err);
	case ALERT_RESOLVED:
	case ALERT_CLAIMED:
		return is_resolved ? leave_out(deed, err) : resolve(deed, incident, err);
	case ALERT_EXPECTED:
		break;
	}
	return deed_over(deed);
}

static const struct verb verbs[] = {
    {"find", NULL, NULL, decide_find},
    {"ack", "Acked", "acknowledge", decide_ack},
    {"unack", "Un-acked", NULL, decide_unack},
    {"resolve", "Resolved", "resolve", decide_resolve},
    {"reopen", "Reopened", "reopen", decide_reopen},
    {"escalate", "Escalated", NULL, decide_escalate},
    {"assign", "Assigned", NULL, decide_assign},
    {"note", NULL, NULL, decide_note},
    {"again", NULL, NULL, decide_again},
};

const struct verb *deed_verb(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* The deed's WRITE may have been made, and INCIDENT was read after that. *IS_TAKEN false: it is to be decided as before. */
static bool take_up(struct deed *deed, const struct write *write, const cJSON *incident, bool *is_taken, struct error *err)
{
	const bool is_second = write->status != NULL && strcmp(write->name, deed->verb->name) != 0 &&
			       strcmp(deed->verb->name, "again") != 0 && !json_true(deed->body, "goes_on");

	*is_taken = true;
	if (write->stands != NULL ? write->stands(deed, incident) : is_status(incident, write->status)) {
		deed_set_true(deed, "is_written");
		return write->done(deed, incident, err);
	}
	/* What came after the deed itself: an ack of what was assigned, an un-ack of what was escalated. */
	if (is_second)
		return is_status(incident, "resolved") ? deed_finish(deed, err) : write_next(deed, write->name, err);
	*is_taken = false;
	return true;
}

bool deed_decide(struct deed *deed, const cJSON *incident, struct error *err)
{
	const struct write *write = json_true(deed->body, "is_asked") ? write_of(deed) : NULL;
	bool is_taken = false;

	deed_set(deed, "is_asked", NULL);
	if (write != NULL && !take_up(deed, write, incident, &is_taken, err))
		return false;
	return is_taken || deed->verb->decide(deed, incident, err);
}
