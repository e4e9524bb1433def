#include "handlers/pagerduty/hook.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/api.h"
#include "handlers/page.h"
#include "handlers/pagerduty/users.h"

#define SIGNATURE_HEADER "X-PagerDuty-Signature"
#define DELIVERY_HEADER "X-Webhook-Id"
#define DIGEST 32 /* bytes, of SHA-256 */

#define SEEN_KEEP_S (CHANGE_KEEP_S + 86400) /* longer than an event is taken at all, whatever the clocks say */
#define FOREIGN_S 600   /* an incident that held nothing of ours is not asked about again for so long */
#define LASTS_S 86400   /* a question about an event is not asked for longer; the poll has told by then */
#define NAMELESS_S 60   /* nor is one about a person: they are called as the event calls them */
#define EMPTY_WAIT_S 2  /* an incident that has no alert yet is looked at again, */
#define EMPTY_MAX 3     /* so often */
#define PAGED_BEFORE_S 300 /* clocks differ, and a page is sent for a while before it is known to be taken */
#define PAGED_AFTER_S 3600 /* what opens later than this after a page is not the page's */
#define LEGACY_TOLD_S 86400
#define REFUSED_TOLD_S 60

/* Of an event, what is kept while something is asked. */
#define KEPT_DEPTH_MAX 8
#define KEPT_ROWS_MAX 20
#define KEPT_UNITS 1024
#define NOTE_UNITS 32768
#define NAMES_MAX 5 /* that are written out */
#define NAMES_BYTES_MAX (KEPT_UNITS * 4 * (NAMES_MAX + 1))
#define STUCK_LOOK_MAX 500

/* ---- signatures ----------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_digest(const char *text, size_t len, unsigned char out[DIGEST])
{
	if (len != (size_t)2 * DIGEST)
		return false;
	for (size_t i = 0; i < DIGEST; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/*
 * The v1 values of HEADER that could be right; 0: it has none, or more than anybody sends. While a secret is replaced there are two:
 * developer.pagerduty.com/docs/webhook-signatures
 */
static size_t read_signatures(const char *header, unsigned char given[HOOK_SIGNATURES_MAX][DIGEST])
{
	size_t seen = 0, count = 0;

	while (*header != '\0') {
		const char *at = header + strspn(header, " \t");
		const char *comma = header + strcspn(header, ",");
		size_t len = at < comma ? (size_t)(comma - at) : 0;

		while (len > 0 && strchr(" \t", at[len - 1]) != NULL)
			len--;
		if (len >= 3 && strncmp(at, "v1=", 3) == 0) {
			if (++seen > HOOK_SIGNATURES_MAX)
				return 0;
			count += read_digest(at + 3, len - 3, given[count]);
		}
		header = *comma != '\0' ? comma + 1 : comma;
	}
	return count;
}

/* Each secret is tried and each value compared, the right one or not: how long it takes tells nothing of them. */
bool hook_proves(char *const *secrets, const char *header, const char *body, size_t len)
{
	unsigned char given[HOOK_SIGNATURES_MAX][DIGEST], right[EVP_MAX_MD_SIZE];
	const size_t count = header != NULL ? read_signatures(header, given) : 0;
	unsigned right_len;
	bool holds = false;

	if (count == 0)
		return false;
	for (; secrets != NULL && *secrets != NULL; secrets++) {
		if (**secrets == '\0')
			continue;
		right_len = 0;
		if (HMAC(EVP_sha256(), *secrets, (int)strlen(*secrets), (const unsigned char *)body, len, right, &right_len) == NULL ||
		    right_len != DIGEST)
			continue;
		for (size_t i = 0; i < count; i++)
			holds |= CRYPTO_memcmp(given[i], right, DIGEST) == 0;
	}
	OPENSSL_cleanse(right, sizeof(right));
	return holds;
}

/* NULL: it is not there, or there twice, and which of them would be meant is anybody's guess. */
static const char *only_header(const struct api_request *request, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		if (value != NULL)
			return NULL;
		value = request->headers[i].value;
	}
	return value;
}

/* PagerDuty disables a subscription after three of these: somebody has to hear of it, but not as often as a stranger likes. */
static void refuse(struct desk *desk, const struct api_request *request, struct api_answer *answer, const char *why)
{
	static int64_t told_at = TIME_NONE; /* of the process, as its log is */

	desk->counts.refused++;
	api_problem(answer, 403, why);
	if (told_at != TIME_NONE && desk->now >= told_at && desk->now - told_at < REFUSED_TOLD_S)
		return;
	told_at = desk->now;
	log_warn("webhook refused from=%s: %s", request->remote != NULL ? request->remote : "somewhere", why);
}

bool hook_admits(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	const char *header = only_header(request, SIGNATURE_HEADER);
	unsigned char given[HOOK_SIGNATURES_MAX][DIGEST];

	if (desk->config->pagerduty.webhook_secrets == NULL)
		refuse(desk, request, answer, "webhooks are not taken: there is no webhook_secret (pagerduty: in the configuration)");
	else if (header == NULL)
		refuse(desk, request, answer, "the signature is missing: one " SIGNATURE_HEADER " header is wanted");
	else if (read_signatures(header, given) == 0)
		refuse(desk, request, answer, "the signature in " SIGNATURE_HEADER " is malformed: it is v1= and 64 hex digits");
	else
		return true;
	return false;
}

/* ---- what an event tells -------------------------------------------------------------------------------- */

/* The incident that EVENT is about, or a reference to it. data.id is one of a note, a service … elsewhere. */
static const cJSON *incident_of(const cJSON *event)
{
	const cJSON *data = json_get(event, "data");
	const char *type = json_text(data, "type");

	if (type != NULL && (strcmp(type, "incident") == 0 || strcmp(type, "incident_reference") == 0))
		return data;
	return json_get(data, "incident");
}

static const char *some_text(const cJSON *object, const char *name)
{
	const char *text = json_text(object, name);

	return text_is_empty(text) ? NULL : text;
}

static void read_reference(const cJSON *object, const char *name, struct change *change)
{
	change->to_id = rest_ref(object, name);
	change->to_name = some_text(json_get(object, name), "summary");
}

/* Everybody it is given to now. */
static void read_assignees(const cJSON *data, struct change *change, struct buf *space)
{
	const cJSON *list = json_get(data, "assignees"), *one;
	size_t count = 0, begin = space->len;
	const char *first = NULL;

	if (!cJSON_IsArray(list))
		return;
	cJSON_ArrayForEach(one, list)
	{
		const char *id = json_text(one, "id"), *name = some_text(one, "summary");

		if (change->to_id == NULL && rest_is_id(id))
			change->to_id = id;
		name = name != NULL ? name : some_text(one, "id");
		if (name == NULL)
			continue;
		if (first == NULL)
			first = name;
		if (++count <= NAMES_MAX)
			buf_printf(space, "%s%s", count > 1 ? ", " : "", name);
	}
	if (count > NAMES_MAX)
		buf_printf(space, " and %zu more", count - NAMES_MAX);
	if (count > 0)
		change->to_name = buf_ok(space) ? buf_text(space) + begin : first;
}

static void read_policy(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	read_reference(data, "escalation_policy", change);
}

static void read_responder(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	read_reference(data, "user", change);
	if (change->to_id == NULL && change->to_name == NULL)
		read_reference(data, "escalation_policy", change);
	if (change->to_id == NULL && change->to_name == NULL)
		change->did = DID_OTHER;
}

static void read_note(const cJSON *data, struct change *change, struct buf *space)
{
	(void)space;
	change->note = some_text(data, "content");
	if (change->note == NULL)
		change->did = DID_OTHER;
}

/* "[#1234] title" */
static int64_t number_in(const char *summary)
{
	size_t digits = summary != NULL && text_prefix(summary, "[#") ? strspn(summary + 2, "0123456789") : 0;

	return digits > 0 && digits < 18 && summary[2 + digits] == ']' ? strtoll(summary + 2, NULL, 10) : 0;
}

/* Of a merge PagerDuty tells that the source was resolved, by whoever merged. */
static void read_resolution(const cJSON *data, struct change *change, struct buf *space)
{
	const cJSON *reason = json_get(data, "resolve_reason"), *into = json_get(reason, "incident");
	const char *type = cJSON_IsString(reason) ? reason->valuestring : json_text(reason, "type");

	(void)space;
	if (type == NULL || (strcmp(type, "merge_resolve_reason") != 0 && strcmp(type, "merged") != 0))
		return;
	change->into = rest_ref(reason, "incident");
	/* Into what is not told: the incident is read when it is polled next. */
	change->did = change->into != NULL ? DID_MERGE : DID_OTHER;
	if (!json_int(into, "number", &change->into_number) && !json_int(into, "incident_number", &change->into_number))
		change->into_number = number_in(json_text(into, "summary"));
	if (change->into_number < 0)
		change->into_number = 0;
}

/* developer.pagerduty.com/docs/webhooks-overview: the types that change something here; of all others about incidents, the status. */
static const struct type {
	const char *name;
	enum did did;
	const char *status; /* where the event does not tell it */
	void (*read)(const cJSON *data, struct change *change, struct buf *space);
} types[] = {
    {"incident.triggered", DID_TRIGGER, "triggered", NULL},
    {"incident.acknowledged", DID_ACK, "acknowledged", NULL},
    {"incident.unacknowledged", DID_UNACK, "triggered", NULL},
    {"incident.resolved", DID_RESOLVE, "resolved", read_resolution},
    {"incident.reopened", DID_REOPEN, "triggered", NULL},
    {"incident.escalated", DID_ESCALATE, NULL, read_assignees},
    {"incident.delegated", DID_DELEGATE, NULL, read_policy},
    {"incident.reassigned", DID_REASSIGN, NULL, read_assignees},
    {"incident.annotated", DID_NOTE, NULL, read_note},
    {"incident.responder.added", DID_RESPONDER, NULL, read_responder},
    {"incident.", DID_OTHER, NULL, NULL},
};

static const struct type *type_find(const char *name)
{
	const size_t last = sizeof(types) / sizeof(types[0]) - 1;

	for (size_t i = 0; name != NULL && i < last; i++) {
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return name != NULL && text_prefix(name, types[last].name) ? &types[last] : NULL;
}

static const char *status_of(const cJSON *incident)
{
	static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};
	const char *status = json_text(incident, "status");

	for (size_t i = 0; status != NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(statuses[i], status) == 0)
			return statuses[i];
	}
	return NULL;
}

/* Timers are nobody, or the service whose timer it is. */
static void read_agent(const cJSON *agent, struct change *change)
{
	const char *type = json_text(agent, "type"), *id = json_text(agent, "id");

	change->agent_id = rest_is_id(id) ? id : NULL;
	change->agent_name = some_text(agent, "summary");
	if (type != NULL && (strcmp(type, "user_reference") == 0 || strcmp(type, "user") == 0))
		change->agent = AGENT_PERSON;
	else if (!cJSON_IsObject(agent) || (type != NULL && (strcmp(type, "service_reference") == 0 || strcmp(type, "service") == 0)))
		change->agent = AGENT_NOBODY;
	else
		change->agent = AGENT_INTEGRATION;
}

bool hook_read(const cJSON *event, struct change *change, struct buf *space)
{
	const cJSON *incident = incident_of(event), *data = json_get(event, "data");
	const struct type *type = type_find(json_text(event, "event_type"));
	const char *id = json_text(incident, "id");

	*change = (struct change){.did = DID_OTHER, .at = TIME_NONE, .until = TIME_NONE};
	if (type == NULL || !rest_is_id(id))
		return false;
	change->incident = id;
	change->did = type->did;
	change->at = rest_time(json_text(event, "occurred_at"));
	read_agent(json_get(event, "agent"), change);
	change->status = incident == data ? status_of(incident) : NULL;
	if (change->status == NULL)
		change->status = type->status;
	if (type->read != NULL)
		type->read(data, change, space);
	return true;
}

/* What is read of EVENT, here and by incident_link(), and no more of it. NULL: nothing. The caller frees. */
static cJSON *compact(const cJSON *node, const char *name, size_t depth)
{
	static const char *const kept[] = {"id", "event_type", "occurred_at", "agent", "client", "name", "data", "type", "summary",
	    "html_url", "number", "incident_number", "status", "incident_key", "created_at", "title", "service", "escalation_policy",
	    "assignees", "resolve_reason", "incident", "content", "user"};
	const cJSON *child;
	cJSON *copy;

	if (cJSON_IsString(node)) {
		const char *text = node->valuestring;
		const size_t units = name != NULL && strcmp(name, "content") == 0 ? NOTE_UNITS : KEPT_UNITS;
		struct buf cut;

		buf_init(&cut, units * 4);
		buf_put(&cut, text, utf16_prefix(text, strlen(text), units));
		copy = cJSON_CreateString(buf_text(&cut));
		buf_fini(&cut);
		return copy;
	}
	if (cJSON_IsNumber(node))
		return cJSON_Duplicate(node, false);
	if (depth > KEPT_DEPTH_MAX || (!cJSON_IsObject(node) && !cJSON_IsArray(node)))
		return NULL;
	copy = cJSON_IsArray(node) ? cJSON_CreateArray() : cJSON_CreateObject();
	cJSON_ArrayForEach(child, node)
	{
		cJSON *small;
		bool is_kept = false;

		if (cJSON_IsArray(node)) {
			if (cJSON_GetArraySize(copy) >= KEPT_ROWS_MAX)
				break;
			small = compact(child, NULL, depth + 1);
			if (small != NULL)
				cJSON_AddItemToArray(copy, small);
			continue;
		}
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !is_kept; i++)
			is_kept = strcmp(kept[i], child->string) == 0;
		if (!is_kept || json_get(copy, child->string) != NULL)
			continue;
		small = compact(child, child->string, depth + 1);
		if (small != NULL)
			cJSON_AddItemToObject(copy, child->string, small);
	}
	return copy;
}

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
	const cJSON *incident = incident_of(event);
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
		ok = incident_link(desk, id, incident_of(event), err);
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
	snprintf(number, sizeof(number), "%d", REST_PAGE);
	rest_put_query(&path, "limit", number);
	snprintf(number, sizeof(number), "%" PRId64, offset);
	rest_put_query(&path, "offset", number);
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

static void put_number(cJSON *body, const char *name, int64_t number)
{
	cJSON_DeleteItemFromObjectCaseSensitive(body, name);
	json_put_int(body, name, number);
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
	offset += REST_PAGE;
	if (json_true(reply->body, "more") && offset < INCIDENT_ALERTS_MAX) {
		put_number(talk->body, "offset", offset);
		return rest_go_on(talk);
	}
	if (cJSON_GetArraySize(rows) == 0 && story->change.did == DID_TRIGGER && is_from_us(story->event) && tries < EMPTY_MAX) {
		put_number(talk->body, "tries", tries + 1);
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

/* Nothing is to be asked any more. An incident that is nobody's is no news. */
static bool apply(struct desk *desk, const struct change *change, struct error *err)
{
	if (is_ours(desk, change))
		return incident_changed(desk, change, err);
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
	else if (step_from(talk->desk, &story.change, step, with_people) < STEPS)
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

/* ---- taking them in ------------------------------------------------------------------------------------- */

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
	cJSON *body = cJSON_CreateObject();

	put_step(body, step_from(desk, change, 0, true));
	cJSON_AddItemToObject(body, "event", cJSON_Duplicate(event, true));
	return rest_leave(desk, WORD_HOOK, subject, NULL, body, REST_FIRST_HOOK, LASTS_S, err);
}

static bool take_change(struct desk *desk, const cJSON *event, const struct change *change, struct error *err)
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

/* Was it taken before: this delivery, or the same event by another subscription? */
static bool is_told_before(struct desk *desk, const struct api_request *request, const cJSON *event, bool *again, struct error *err)
{
	const struct {
		const char *what, *id;
	} ids[] = {{"event", json_text(event, "id")}, {"delivery", only_header(request, DELIVERY_HEADER)}};
	bool is_again;

	*again = false;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char hash[65], key[96];

		if (text_is_empty(ids[i].id))
			continue;
		sha256_hex(ids[i].id, strlen(ids[i].id), hash);
		snprintf(key, sizeof(key), "pagerduty.%s:%s", ids[i].what, hash);
		if (!storage_see(desk->storage, key, desk->now, SEEN_KEEP_S, &is_again, err))
			return false;
		*again |= is_again;
	}
	return true;
}

static bool take_event(struct desk *desk, const struct api_request *request, const cJSON *event, struct error *err)
{
	const int64_t at = rest_time(json_text(event, "occurred_at"));
	const char *type = json_text(event, "event_type");
	struct change change;
	struct buf space;
	char now[24];
	cJSON *small;
	bool again, ok = true;

	if (!is_told_before(desk, request, event, &again, err))
		return false;
	if (again)
		return true;
	/* Older than it is remembered: somebody plays it again, PagerDuty tries for 48 h. */
	if (at != TIME_NONE && at < desk->now - CHANGE_KEEP_S) {
		log_warn("webhook: an event from %" PRId64 " s ago is not taken any more", desk->now - at);
		return true;
	}
	snprintf(now, sizeof(now), "%" PRId64, desk->now);
	if (!storage_put_mark(desk->storage, HOOK_MARK, now, err))
		return false;
	small = compact(event, NULL, 0);
	buf_init(&space, NAMES_BYTES_MAX);
	if (hook_read(small, &change, &space))
		ok = take_change(desk, small, &change, err);
	else
		log_debug("webhook: %.60s is nothing to us", type != NULL ? type : "what has no event_type");
	buf_fini(&space);
	cJSON_Delete(small);
	return ok;
}

/* Version 2, which extensions from before 2022 still send, is not signed; whoever signs it all the same hears of it once. */
static bool take_odd(struct desk *desk, const cJSON *body, const char *why, struct error *err)
{
	bool again = false;

	if (!cJSON_IsArray(json_get(body, "messages"))) {
		log_warn("webhook: nothing can be read of it: %s", why);
		return true;
	}
	if (!storage_see(desk->storage, "pagerduty.webhook-v2", desk->now, LEGACY_TOLD_S, &again, err))
		return false;
	if (!again)
		log_warn("webhook: version 2 is not taken; make a version 3 subscription (Integrations, Generic Webhooks)");
	return true;
}

static void answer_taken(struct api_answer *answer)
{
	answer->status = 202;
	answer->content_type = "application/json";
	buf_reset(&answer->body);
	buf_puts(&answer->body, "{}\n");
}

bool hook_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	struct error err = {0};
	const cJSON *event;
	cJSON *body;
	bool ok;

	if (!hook_admits(desk, request, answer))
		return true;
	if (!hook_proves(desk->config->pagerduty.webhook_secrets, only_header(request, SIGNATURE_HEADER), request->body,
		request->body_len)) {
		refuse(desk, request, answer,
		    "the signature in " SIGNATURE_HEADER " is wrong, or made with a secret that webhook_secret does not hold");
		return true;
	}
	body = json_parse(request->body, request->body_len, &err);
	event = json_get(body, "event");
	if (cJSON_IsObject(event))
		ok = take_event(desk, request, event, &err);
	else
		ok = take_odd(desk, body, body != NULL ? "it has no event" : err.text, &err);
	cJSON_Delete(body);
	if (ok || err.kind != ERROR_IO)
		answer_taken(answer);
	else
		api_problem(answer, 503, "this could not be stored; try again");
	/* PagerDuty would send it again for two days, and hold back what follows: only where that may help. */
	if (!ok)
		log_error("webhook: %s", err.text);
	return ok;
}
