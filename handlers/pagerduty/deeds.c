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
#include "handlers/grammar.h"
#include "handlers/page.h"
#include "handlers/pagerduty/users.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"

#define CANDIDATE_BYTES_MAX 16384 /* of one incident that is kept while its alerts are asked for */
#define MERGES_MAX 8      /* from one incident to the next, and the next */
#define SEARCH_WAIT_MAX 4 /* searches are 1, 2, 4, 8, 16, 16 … s apart */
#define SEARCHES_MAX 12   /* of one deed, whatever the clock says */

/* ---- leaving ------------------------------------------------------------------------------------------------ */

/* What events can do of VERB. */
static bool leave_event(struct desk *desk, const struct alert *alert, const char *verb, struct error *err)
{
	const struct verb *found = deed_verb(verb);
	char subject[24];

	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	if (found != NULL && found->event != NULL)
		return say_page(desk, alert, found->event, err);
	if (strcmp(verb, "unack") == 0)
		return say_in_thread(desk, subject, alert->channel,
		    "PagerDuty still shows it as acknowledged: its events cannot take that back", false, err);
	return true;
}

/*
 * Is TO a person? WHO (the caller frees) is then whom users.h is asked about; NULL with true: a person of whom nobody knows here.
 * False: a team.
 */
static bool is_person(const struct desk *desk, const char *to, char **who)
{
	const size_t skip = strspn(to, "<@");
	const struct person_config *person;
	char *name = xstrndup(to + skip, strcspn(to + skip, ">|"));
	bool is_named = skip > 0;

	*who = NULL;
	person = config_person(desk->config, name);
	if (person != NULL)
		*who = xstrdup(!text_is_empty(person->slack) ? person->slack : name);
	else if (strchr(name, '@') != NULL || (is_named && to[0] == '<' && slack_is_user(name)))
		*who = xstrdup(name);
	free(name);
	return is_named || *who != NULL;
}

static bool begin(struct deed *deed, struct error *err);
static bool compare(struct deed *deed, struct error *err);

/* Once while it waits and nothing about it is another. What needs no call at all is done at once. */
static bool leave(struct desk *desk, const char *verb, int64_t id, cJSON *body, struct error *err)
{
	char *text = json_write(body), hash[65], coalesce[128];
	struct talk talk = {.desk = desk, .body = body, .not_before = TIME_NONE};
	struct deed deed = {.talk = &talk, .desk = desk, .body = body, .verb = deed_verb(verb)};
	bool ok;

	sha256_hex(text, strlen(text), hash);
	free(text);
	snprintf(deed.subject, sizeof(deed.subject), "A%" PRId64, id);
	deed.alert = storage_alert(desk->storage, id, err);
	ok = deed.alert != NULL && deed.verb != NULL;
	json_put_int(body, "at", desk->now);
	if (ok)
		snprintf(coalesce, sizeof(coalesce), "deed:%s:%s:%" PRId64 ":%.16s", verb, deed.subject, deed.alert->version, hash);
	ok = ok && begin(&deed, err);
	alert_free(deed.alert);
	if (!ok || !talk.goes_on) {
		cJSON_Delete(body);
		return ok;
	}
	return rest_leave(desk, WORD_DEED, deed.subject, coalesce, body, REST_FIRST_DEED, 0, err);
}

static cJSON *body_of(const char *verb, const char *who, const char *via, bool is_token)
{
	cJSON *body = cJSON_CreateObject();

	json_put(body, "verb", verb);
	json_put(body, "who", who);
	json_put(body, "via", via);
	if (is_token)
		cJSON_AddBoolToObject(body, "is_token", true);
	return body;
}

static bool tell_unknown(struct desk *desk, const struct alert *alert, const char *to, struct error *err)
{
	char subject[24];
	struct buf line;
	bool ok;

	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	buf_init(&line, DEED_LINE_MAX);
	buf_puts(&line, "Nobody is known here as ");
	buf_put_code(&line, to, DEED_TO_UNITS);
	buf_printf(&line, ", so PagerDuty was not told; try their e-mail: `escalate %s to alice@example.com`", subject);
	ok = say_in_thread(desk, subject, NULL, buf_text(&line), false, err);
	buf_fini(&line);
	return ok;
}

bool deed_leave(struct desk *desk, const struct actor *actor, const struct alert *alert, const char *verb, const char *note, const char *to,
    struct error *err)
{
	char *who = NULL;
	cJSON *body;
	bool ok = true;

	if (alert->page_status == NULL || strcmp(actor->via, "pagerduty") == 0)
		return true;
	/* A machine is no person who could have done it there: its events say the same of this alert alone. */
	if (!rest_is_on(desk) || strcmp(actor->via, "headsup") == 0)
		return leave_event(desk, alert, verb, err);
	body = body_of(verb, actor->who, actor->via, actor->is_token);
	if (!text_is_empty(note))
		json_put(body, "note", note);
	if (!text_is_empty(to))
		json_put(body, "to", to);
	/* Who has it here was made out already. */
	if (strcmp(verb, "assign") == 0)
		who = xstrdup(!text_is_empty(alert->assignee) ? alert->assignee : actor->who);
	else if (!text_is_empty(to) && is_person(desk, to, &who) && who == NULL)
		ok = false;
	if (who != NULL)
		json_put(body, "person", who);
	free(who);
	if (!ok) {
		cJSON_Delete(body);
		return tell_unknown(desk, alert, to, err);
	}
	return leave(desk, verb, alert->id, body, err);
}

/* Of no subject: what people do with the alert waits for no search, but looks for itself; and many searches hold up nobody's deed. */
bool deed_find_incident(struct desk *desk, int64_t alert, struct error *err)
{
	char coalesce[40];
	cJSON *body;

	if (!rest_is_on(desk))
		return true;
	snprintf(coalesce, sizeof(coalesce), "deed:find:A%" PRId64, alert);
	body = body_of("find", "headsup", "headsup", true);
	json_put_int(body, "alert", alert);
	json_put_int(body, "at", desk->now);
	json_put(body, "step", "find");
	return rest_leave(desk, WORD_DEED, "", coalesce, body, REST_FIRST_HOOK, 0, err);
}

bool deed_look(struct desk *desk, int64_t alert, struct error *err)
{
	char subject[24], coalesce[40];
	cJSON *body;

	if (!rest_is_on(desk))
		return true;
	snprintf(subject, sizeof(subject), "A%" PRId64, alert);
	snprintf(coalesce, sizeof(coalesce), "deed:look:%s", subject);
	/* It finds what is found already. */
	body = body_of("find", "headsup", "headsup", true);
	json_put_int(body, "at", desk->now);
	json_put(body, "step", "read");
	return rest_leave(desk, WORD_DEED, subject, coalesce, body, REST_FIRST_DEED, 0, err);
}

bool deed_again(struct desk *desk, const struct alert *alert, struct error *err)
{
	const char *who = alert->changed_by != NULL ? alert->changed_by : "headsup";
	const char *via = alert->changed_via != NULL ? alert->changed_via : "headsup";
	const bool is_machine = strcmp(via, "headsup") == 0 || (!slack_is_user(who) && config_person(desk->config, who) == NULL);
	char key[96];
	bool again = true;

	if (!rest_is_on(desk) || alert->page_status == NULL || alert->status == ALERT_EXPECTED)
		return true;
	for (int i = 0; again && i < DEED_AGAIN_MAX; i++) {
		snprintf(key, sizeof(key), "deed-again:A%" PRId64 ":%s:%" PRId64 ":%d", alert->id, alert_status_name(alert->status),
		    alert->changed_at == TIME_NONE ? 0 : alert->changed_at, i);
		if (!storage_see(desk->storage, key, desk->now, CHANGE_KEEP_S, &again, err))
			return false;
	}
	if (again) {
		log_debug("A%" PRId64 " stands otherwise in PagerDuty, and was told there often enough", alert->id);
		return true;
	}
	return leave(desk, "again", alert->id, body_of("again", who, via, is_machine), err);
}

/* ---- a deed under way --------------------------------------------------------------------------------------- */

void deed_set(struct deed *deed, const char *name, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, name);
	if (text != NULL)
		json_put(deed->body, name, text);
}

void deed_set_int(struct deed *deed, const char *name, int64_t value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, name);
	json_put_int(deed->body, name, value);
}

void deed_set_true(struct deed *deed, const char *name)
{
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, name);
	cJSON_AddBoolToObject(deed->body, name, true);
}

static int64_t number_of(const struct deed *deed, const char *name, int64_t otherwise)
{
	int64_t value;

	return json_int(deed->body, name, &value) ? value : otherwise;
}

bool deed_next(struct deed *deed, const char *name, struct error *err)
{
	char *text;
	bool ok;

	deed_set(deed, "step", name);
	if (!deed->is_rendering)
		return rest_go_on(deed->talk);
	/* What is heard next is read by the step on disk: that one is asked for first. */
	text = json_write(deed->body);
	ok = storage_go_on_word(deed->desk->storage, deed->talk->word->id, text, TIME_NONE, err) &&
	     rest_wait(deed->talk, deed->desk->now);
	free(text);
	return ok;
}

bool deed_over(struct deed *deed)
{
	return !deed->is_rendering || rest_nothing(deed->talk);
}

bool deed_look_first(struct deed *deed, const char *step, struct error *err)
{
	const int64_t tries = number_of(deed, "tries", 0);

	deed_set_int(deed, "tries", tries + 1);
	deed_set_true(deed, "is_asked");
	deed_set_true(deed, "is_again");
	return deed_next(deed, step, err) &&
	       rest_wait(deed->talk, deed->desk->now + ((int64_t)1 << (tries < DEED_RETRY_MAX ? tries : DEED_RETRY_MAX)));
}

bool deed_tell(struct deed *deed, const char *line, const char *what, const char *note, bool once, struct error *err)
{
	const struct event event = {.at = deed->desk->now, .who = "PagerDuty", .via = "pagerduty", .what = what, .note = note};
	bool again = false;

	if (once) {
		char *key = xasprintf("deed-told:%s:%s", deed->subject, line), hash[65];
		bool ok;

		sha256_hex(key, strlen(key), hash);
		free(key);
		ok = storage_see(deed->desk->storage, hash, deed->desk->now, DEED_TOLD_KEEP_S, &again, err);
		if (!ok || again)
			return ok;
	}
	return say_in_thread(deed->desk, deed->subject, NULL, line, false, err) &&
	       (what == NULL || storage_add_event(deed->desk->storage, deed->alert->id, &event, err));
}

/* ---- who does it -------------------------------------------------------------------------------------------- */

const cJSON *deed_person(const struct deed *deed, const char *role)
{
	return json_get(json_get(deed->body, "people"), role);
}

bool deed_is_theirs(const struct deed *deed)
{
	return json_text(deed_person(deed, "actor"), "email") != NULL && !json_true(deed->body, "as_from");
}

const char *deed_sender(const struct deed *deed)
{
	const char *from = deed->desk->config->pagerduty.from;

	if (deed_is_theirs(deed))
		return json_text(deed_person(deed, "actor"), "email");
	return text_is_empty(from) ? NULL : from;
}

const char *deed_sender_id(const struct deed *deed)
{
	return json_text(deed_person(deed, deed_is_theirs(deed) ? "actor" : "from"), "id");
}

char *deed_actor_name(const struct deed *deed)
{
	const char *who = json_text(deed->body, "who");
	char *name = person_name(deed->desk, who != NULL ? who : "somebody"), *at;

	if (json_true(deed->body, "is_token"))
		return name;
	at = xasprintf("@%s", name);
	free(name);
	return at;
}

/* Of whom PagerDuty is to know before anything is done there. */
static const struct role {
	const char *name;
	const char *(*who)(const struct deed *deed); /* NULL: nobody */
} roles[];

static const char *actor_of(const struct deed *deed)
{
	return json_true(deed->body, "is_token") ? NULL : json_text(deed->body, "who");
}

static const char *from_of(const struct deed *deed)
{
	const char *from = deed->desk->config->pagerduty.from;

	return deed_is_theirs(deed) || text_is_empty(from) ? NULL : from;
}

static const char *to_of(const struct deed *deed)
{
	return json_text(deed->body, "person");
}

static const struct role roles[] = {{"actor", actor_of}, {"from", from_of}, {"to", to_of}, {NULL, NULL}};

/* FOUND NULL: PagerDuty does not know them. */
static void settle_person(struct deed *deed, const char *role, const struct user_found *found)
{
	cJSON *people = cJSON_GetObjectItemCaseSensitive(deed->body, "people"), *person = cJSON_CreateObject();

	if (people == NULL)
		people = cJSON_AddObjectToObject(deed->body, "people");
	if (found != NULL && rest_is_id(found->id) && !text_is_empty(found->email)) {
		json_put(person, "id", found->id);
		json_put(person, "email", found->email);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(people, role);
	cJSON_AddItemToObject(people, role, person);
}

/* Everybody is made out, then it goes on with the incident. */
static bool meet(struct deed *deed, struct error *err)
{
	for (const struct role *role = roles; role->name != NULL; role++) {
		const char *who = role->who(deed);
		struct user_found found;
		bool is_settled;

		if (who == NULL || deed_person(deed, role->name) != NULL)
			continue;
		if (!user_find(deed->desk, who, &found, err))
			return false;
		is_settled = found.answer == USER_KNOWN || found.answer == USER_STRANGER;
		if (is_settled)
			settle_person(deed, role->name, found.answer == USER_KNOWN ? &found : NULL);
		user_found_fini(&found);
		if (is_settled)
			continue;
		deed_set(deed, "asking", role->name);
		deed_set_int(deed, "wait_until", deed->desk->now + DEED_USER_WAIT_MAX_S);
		return deed_next(deed, "who", err);
	}
	if (deed_sender(deed) == NULL)
		return deed_by_events(deed,
		    json_true(deed->body, "is_token") ? "pagerduty.from is not set, and a token is no person there"
						      : "it has no user with their e-mail, and pagerduty.from is not set",
		    err);
	return deed_next(deed, "read", err);
}

static const char *asked_of(const struct deed *deed, const char **who)
{
	const char *asking = json_text(deed->body, "asking");

	for (const struct role *role = roles; asking != NULL && role->name != NULL; role++) {
		*who = strcmp(role->name, asking) == 0 ? role->who(deed) : NULL;
		if (*who != NULL)
			return role->name;
	}
	return NULL;
}

static bool who_render(struct deed *deed, struct error *err)
{
	const int64_t left_s = number_of(deed, "wait_until", 0) - deed->desk->now; /* more than was begun with: the clock was set back */
	const char *who, *role = asked_of(deed, &who);
	struct user_found found;
	bool ok;

	if (role == NULL)
		return meet(deed, err);
	if (!user_find(deed->desk, who, &found, err))
		return false;
	if (found.answer == USER_ASK) {
		ok = users_ask(deed->talk, &found, err);
	} else if (found.answer == USER_WAIT && left_s > 0 && left_s <= DEED_USER_WAIT_MAX_S) {
		ok = rest_wait(deed->talk, deed->desk->now + DEED_USER_WAIT_S);
	} else {
		if (found.answer == USER_WAIT)
			settle_person(deed, role, NULL);
		ok = meet(deed, err);
	}
	user_found_fini(&found);
	return ok;
}

static bool who_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const char *who, *role = asked_of(deed, &who);
	struct user_found found;
	bool ok = true;
	int64_t asks;

	if (role == NULL)
		return meet(deed, err);
	if (!user_find(deed->desk, who, &found, err))
		return false;
	/* Told by another word in the meantime, it is no news. */
	if (found.answer == USER_ASK)
		ok = users_heard(deed->talk, &found, reply, err);
	user_found_fini(&found);
	if (!ok || deed->talk->goes_on)
		return ok;
	if (!user_find(deed->desk, who, &found, err))
		return false;
	asks = number_of(deed, "asks", 0);
	deed_set_int(deed, "asks", asks + 1);
	/* By their id, then by their address; what cannot be asked is not known. */
	if (found.answer != USER_ASK || asks >= DEED_ASKS_MAX)
		settle_person(deed, role, found.answer == USER_KNOWN ? &found : NULL);
	user_found_fini(&found);
	return meet(deed, err);
}

/* ---- finding its incident ----------------------------------------------------------------------------------- */

static bool is_finding(const struct deed *deed)
{
	return strcmp(deed->verb->name, "find") == 0;
}

/* The page that was to make the incident is still on its way. */
static bool page_is_leaving(const struct deed *deed)
{
	char *lane;
	bool is;

	if (!text_equal(deed->alert->page_status, "waiting") || text_is_empty(deed->alert->page_key))
		return false;
	lane = xasprintf("pagerduty:%s", deed->alert->page_key);
	is = storage_has_word(deed->desk->storage, lane, WORD_PAGE, deed->subject);
	free(lane);
	return is;
}

static bool found(struct deed *deed, const char *id, struct error *err)
{
	deed_set(deed, "incident", id);
	return is_finding(deed) ? deed_next(deed, "read", err) : meet(deed, err);
}

/* OBJECT is its incident, as the search told. */
static bool found_anew(struct deed *deed, const cJSON *object, struct error *err)
{
	const char *id = json_text(object, "id");

	if (!incident_link(deed->desk, deed->alert->id, object, err))
		return false;
	deed_set_true(deed, "is_settled");
	deed->last = object;
	return is_finding(deed) ? deed_over(deed) : found(deed, id, err);
}

/* The newest that is known; one from before the last page is another's. */
static bool is_known(const struct deed *deed, bool may_be_old, struct incident *incident)
{
	struct incident into;

	if (!storage_incident(deed->desk->storage, deed->alert->id, incident))
		return false;
	for (int i = 0; i < MERGES_MAX && incident->merged_into != NULL; i++) {
		if (!storage_incident_by_id(deed->desk->storage, deed->alert->id, incident->merged_into, &into))
			break;
		incident_fini(incident);
		*incident = into;
	}
	if (rest_is_id(incident->id) &&
	    (may_be_old || deed->alert->paged_at == TIME_NONE || incident->linked_at + DEED_LINK_SLACK_S >= deed->alert->paged_at))
		return true;
	incident_fini(incident);
	return false;
}

static bool give_up(struct deed *deed, struct error *err)
{
	struct incident incident;
	bool ok;

	if (is_finding(deed)) {
		log_warn("A%" PRId64 " has no incident in PagerDuty that can be found: what is done with it goes there by events",
		    deed->alert->id);
		return deed_over(deed);
	}
	if (!is_known(deed, true, &incident))
		return deed_by_events(deed, "no incident of it can be found there", err);
	deed_set_true(deed, "is_settled");
	ok = found(deed, incident.id, err);
	incident_fini(&incident);
	return ok;
}

static bool search_again(struct deed *deed, struct error *err)
{
	const int64_t looks = number_of(deed, "looks", 0);
	const int64_t since = deed->alert->paged_at != TIME_NONE ? deed->alert->paged_at : number_of(deed, "at", 0);

	if (deed->desk->now >= since + DEED_FIND_S || looks >= SEARCHES_MAX)
		return give_up(deed, err);
	deed_set_int(deed, "looks", looks + 1);
	deed_set(deed, "step", "find");
	return rest_go_on_at(deed->talk, deed->desk->now + ((int64_t)1 << (looks < SEARCH_WAIT_MAX ? looks : SEARCH_WAIT_MAX)));
}

static bool find_render(struct deed *deed, struct error *err)
{
	char key[PAGE_KEY_MAX + 1];
	struct incident incident;
	struct buf path;
	bool ok;

	if (page_is_leaving(deed)) {
		int64_t wait_s = (deed->desk->now - number_of(deed, "at", 0)) / 4;

		if (wait_s < DEED_PAGE_WAIT_S)
			wait_s = DEED_PAGE_WAIT_S;
		return rest_wait(deed->talk, deed->desk->now + (wait_s < DEED_PAGE_WAIT_MAX_S ? wait_s : DEED_PAGE_WAIT_MAX_S));
	}
	if (is_known(deed, false, &incident)) {
		ok = is_finding(deed) ? deed_over(deed) : found(deed, incident.id, err);
		incident_fini(&incident);
		return ok;
	}
	page_dedup_key(deed->desk, deed->alert->id, key);
	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/incidents");
	rest_put_query(&path, "incident_key", key);
	rest_put_query(&path, "date_range", "all");
	rest_put_query(&path, "sort_by", "created_at:desc");
	rest_put_query(&path, "limit", "100");
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* Where a deed begins: mostly its incident is known, and so is who did it. */
static bool begin(struct deed *deed, struct error *err)
{
	struct incident incident;
	bool ok;

	if (page_is_leaving(deed) || !is_known(deed, false, &incident))
		return deed_next(deed, "find", err);
	ok = found(deed, incident.id, err);
	incident_fini(&incident);
	return ok;
}

/* One that came before the page was left, or that is over and was this alert's before, is not what the page made. */
static bool may_be_ours(const struct deed *deed, const cJSON *object)
{
	const char *id = json_text(object, "id");
	const int64_t created_at = rest_time(json_text(object, "created_at"));
	struct incident before;
	bool is_old;

	if (!rest_is_id(id))
		return false;
	if (created_at != TIME_NONE && deed->alert->paged_at != TIME_NONE && created_at < deed->alert->paged_at - DEED_SKEW_S)
		return false;
	is_old = text_equal(json_text(object, "status"), "resolved") &&
		 storage_incident_by_id(deed->desk->storage, deed->alert->id, id, &before);
	if (is_old)
		incident_fini(&before);
	return !is_old;
}

/* What is told of an incident is much; this is what it takes to know it. */
static cJSON *extract(const cJSON *object)
{
	static const char *const names[] = {"id", "type", "incident_number", "html_url", "status", "service", "escalation_policy",
	    "created_at", "last_status_change_at", "last_status_change_by", "resolve_reason", "alert_counts", "title"};
	cJSON *kept = cJSON_CreateObject();
	char *text;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const cJSON *member = json_get(object, names[i]);

		if (member != NULL)
			cJSON_AddItemToObject(kept, names[i], cJSON_Duplicate(member, true));
	}
	text = json_write(kept);
	if (text == NULL || strlen(text) > CANDIDATE_BYTES_MAX) {
		cJSON_Delete(kept);
		kept = cJSON_CreateObject();
		json_put(kept, "id", json_text(object, "id"));
	}
	free(text);
	return kept;
}

static bool find_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	char key[PAGE_KEY_MAX + 1];
	const cJSON *object;
	cJSON *candidates;

	if (!reply->ok)
		return give_up(deed, err);
	page_dedup_key(deed->desk, deed->alert->id, key);
	cJSON_DeleteItemFromObjectCaseSensitive(deed->body, "candidates");
	candidates = cJSON_AddArrayToObject(deed->body, "candidates");
	cJSON_ArrayForEach(object, json_get(reply->body, "incidents")) {
		if (cJSON_GetArraySize(candidates) == DEED_CANDIDATES_MAX)
			break;
		if (!may_be_ours(deed, object))
			continue;
		/* Services without alerts: the incident itself has the key. */
		if (text_equal(json_text(object, "incident_key"), key))
			return found_anew(deed, object, err);
		cJSON_AddItemToArray(candidates, extract(object));
	}
	return cJSON_GetArraySize(candidates) > 0 ? deed_next(deed, "check", err) : search_again(deed, err);
}

static const cJSON *candidate_of(const struct deed *deed)
{
	const cJSON *object = cJSON_GetArrayItem(json_get(deed->body, "candidates"), 0);

	return rest_is_id(json_text(object, "id")) ? object : NULL;
}

/* The search tells incidents; which alerts they hold, they tell themselves. */
static bool check_render(struct deed *deed, struct error *err)
{
	const cJSON *candidate = candidate_of(deed);
	char key[PAGE_KEY_MAX + 1];
	struct buf path;
	bool ok;

	if (candidate == NULL)
		return deed_next(deed, "find", err);
	page_dedup_key(deed->desk, deed->alert->id, key);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s/alerts", json_text(candidate, "id"));
	rest_put_query(&path, "alert_key", key);
	rest_put_query(&path, "limit", "100");
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* Where its alerts may not be read, its title still ends as ours do: handlers/page.c */
static bool is_titled_as_ours(const struct deed *deed, const cJSON *object)
{
	const char *title = json_text(object, "title");
	char end[32];
	const int len = snprintf(end, sizeof(end), " (%s)", deed->subject);

	return title != NULL && strlen(title) > (size_t)len && strcmp(title + strlen(title) - (size_t)len, end) == 0;
}

static bool check_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	cJSON *candidates = cJSON_GetObjectItemCaseSensitive(deed->body, "candidates"), *first = cJSON_DetachItemFromArray(candidates, 0);
	char key[PAGE_KEY_MAX + 1];
	bool is_it = !reply->ok && is_titled_as_ours(deed, first), ok;
	const cJSON *alert;

	page_dedup_key(deed->desk, deed->alert->id, key);
	cJSON_ArrayForEach(alert, json_get(reply->ok ? reply->body : NULL, "alerts"))
		is_it = is_it || text_equal(json_text(alert, "alert_key"), key);
	if (is_it && rest_is_id(json_text(first, "id"))) {
		ok = found_anew(deed, first, err) && compare(deed, err);
		deed->last = NULL; /* it ends here */
	} else {
		ok = candidate_of(deed) != NULL ? deed_next(deed, "check", err) : search_again(deed, err);
	}
	cJSON_Delete(first);
	return ok;
}

/* ---- reading it --------------------------------------------------------------------------------------------- */

static bool get_incident(struct deed *deed, struct error *err)
{
	const char *id = json_text(deed->body, "incident");
	struct buf path;
	bool ok;

	if (!rest_is_id(id))
		return deed_next(deed, "find", err);
	buf_init(&path, REST_PATH_MAX);
	buf_printf(&path, "/incidents/%s", id);
	ok = rest_get(deed->talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* It may be another one since the deed was left: the page left anew, or the incident was merged. */
static bool read_render(struct deed *deed, struct error *err)
{
	const bool is_settled = json_true(deed->body, "is_settled");
	struct incident incident;

	if (!is_settled && (page_is_leaving(deed) || !is_known(deed, false, &incident)))
		return deed_next(deed, "find", err);
	if (!is_settled) {
		deed_set(deed, "incident", incident.id);
		incident_fini(&incident);
	}
	return get_incident(deed, err);
}

/* It is one incident with another now: the change comes in as if a webhook had told it. */
static bool merged(struct deed *deed, const cJSON *object, const char *into, struct error *err)
{
	const cJSON *by = json_get(object, "last_status_change_by");
	const char *type = json_text(by, "type");
	const struct change change = {.incident = json_text(object, "id"),
	    .did = DID_MERGE,
	    .at = rest_time(json_text(object, "last_status_change_at")),
	    .agent = type != NULL && text_prefix(type, "user") ? AGENT_PERSON : AGENT_NOBODY,
	    .agent_id = rest_ref(object, "last_status_change_by"),
	    .agent_name = json_text(by, "summary"),
	    .status = "resolved",
	    .into = into,
	    .until = TIME_NONE};

	if (!incident_changed(deed->desk, &change, err))
		return false;
	if (strcmp(deed->verb->name, "reopen") == 0)
		return deed_by_events(deed, "its incident was merged into another", err);
	deed_set(deed, "incident", into);
	deed_set_true(deed, "is_settled");
	return deed_decide_anew(deed, err);
}

/* Into what it was merged; NULL: it was not, or is open again since. */
static const char *merged_into(const cJSON *object)
{
	const cJSON *reason = json_get(object, "resolve_reason");
	const char *into = rest_ref(reason, "incident");
	const bool is_it = text_equal(json_text(object, "status"), "resolved") &&
			   text_equal(json_text(reason, "type"), "merge_resolve_reason") && !text_equal(into, json_text(object, "id"));

	return is_it ? into : NULL;
}

static bool read_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	const cJSON *object = json_get(reply->body, "incident");
	const char *id = json_text(object, "id"), *into = merged_into(object);

	if (!reply->ok && reply->status != 404)
		return deed_refused(deed, reply, err);
	if (!reply->ok || !rest_is_id(id))
		return is_finding(deed) ? deed_over(deed) : deed_by_events(deed, "its incident is gone there", err);
	if (into != NULL)
		return merged(deed, object, into, err);
	deed_set(deed, "incident", id);
	deed->last = object;
	return deed_decide(deed, object, err);
}

bool deed_decide_anew(struct deed *deed, struct error *err)
{
	const int64_t turns = number_of(deed, "turns", 0);

	if (turns >= DEED_TURNS_MAX) {
		log_warn("A%" PRId64 " changed in PagerDuty each time that \"%s\" was to be done there: left as it is", deed->alert->id,
		    deed->verb->name);
		return deed_over(deed);
	}
	deed_set_int(deed, "turns", turns + 1);
	return deed_next(deed, "read", err);
}

static bool compare_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	(void)err;
	deed->last = reply->ok ? json_get(reply->body, "incident") : NULL;
	return deed_over(deed);
}

/* ---- where PagerDuty says no -------------------------------------------------------------------------------- */

bool deed_send_as_other(struct deed *deed, struct error *err)
{
	if (deed_is_theirs(deed) && !text_is_empty(deed->desk->config->pagerduty.from)) {
		deed_set_true(deed, "as_from");
		return meet(deed, err);
	}
	return deed_by_events(deed,
	    deed_is_theirs(deed) ? "it does not know their e-mail, and pagerduty.from is not set"
				 : "it has no user with the e-mail of pagerduty.from",
	    err);
}

const char *deed_event(const struct deed *deed)
{
	const enum alert_status status = deed->alert->status;
	const bool is_over = alert_is_over(deed->alert);

	if (strcmp(deed->verb->name, "again") == 0)
		return is_over ? "resolve" : status == ALERT_ACKED ? "acknowledge" : json_true(deed->body, "reopens") ? "reopen" : NULL;
	if (deed->verb->event == NULL)
		return NULL;
	if (strcmp(deed->verb->event, "resolve") == 0)
		return is_over ? "resolve" : "";
	if (strcmp(deed->verb->event, "reopen") == 0)
		return is_over ? "" : "reopen";
	return status == ALERT_OPEN ? "" : deed->verb->event;
}

/* PagerDuty does not know WHAT was done here, because of WHY. */
static bool tell_untold(struct deed *deed, const char *what, const char *why, struct error *err)
{
	struct buf line;
	bool ok;

	buf_init(&line, DEED_LINE_MAX);
	buf_printf(&line, "PagerDuty was not told (%s): %s", what, why);
	ok = deed_tell(deed, buf_text(&line), NULL, NULL, true, err);
	buf_fini(&line);
	return ok;
}

bool deed_send_event(struct deed *deed, const char *event, struct error *err)
{
	/* It becomes a new incident: until then there is none. */
	const struct alert_turn turn = {.by = {.who = "PagerDuty", .via = "pagerduty"}, .status = -1, .page_status = "waiting", .at = TIME_NONE};

	if (strcmp(event, "reopen") == 0 && !alert_follow(deed->desk, deed->alert, &turn, err))
		return false;
	return say_page(deed->desk, deed->alert, event, err);
}

bool deed_by_events(struct deed *deed, const char *why, struct error *err)
{
	const char *event = deed_event(deed);

	log_info("A%" PRId64 " %s is %s why=%s", deed->alert->id, deed->verb->name,
	    text_is_empty(event) ? "not done in PagerDuty" : "done in PagerDuty by an event", why);
	deed->last = NULL; /* how it stood before the event tells nothing */
	if (event != NULL && event[0] == '\0')
		return deed_over(deed);
	if (event != NULL)
		return deed_send_event(deed, event, err) && deed_over(deed);
	if (strcmp(deed->verb->name, "again") == 0)
		return deed_over(deed);
	return tell_untold(deed, deed->verb->name, why, err) && deed_over(deed);
}

bool deed_refused(struct deed *deed, const struct reply *reply, struct error *err)
{
	char *why = rest_refusal(reply);
	struct buf line;
	bool ok;

	log_warn("A%" PRId64 " %s was refused status=%d code=%d why=%s", deed->alert->id, deed->verb->name, reply->status, rest_code(reply),
	    why);
	buf_init(&line, DEED_LINE_MAX);
	buf_printf(&line, "PagerDuty did not take it (%s). ", deed->verb->name);
	buf_put_mrkdwn(&line, why, DEED_NOTE_UNITS);
	ok = is_finding(deed) || strcmp(deed->verb->name, "again") == 0 || deed_tell(deed, buf_text(&line), NULL, NULL, true, err);
	buf_fini(&line);
	free(why);
	deed_set_true(deed, "compares");
	return ok && deed_finish(deed, err);
}

/* ---- the note ----------------------------------------------------------------------------------------------- */

static char *cut(const struct buf *text)
{
	const char *whole = buf_text(text);

	return xstrndup(whole, utf16_prefix(whole, strlen(whole), DEED_NOTE_UNITS));
}

/* What their note says there; NULL: there is none. The caller frees. */
static char *note_text(const struct deed *deed)
{
	const char *own = json_text(deed->body, "note");
	const bool is_note = strcmp(deed->verb->name, "note") == 0, is_theirs = deed_is_theirs(deed);
	/* What an event said for them was said in nobody's name. */
	const bool is_unnamed = json_true(deed->body, "is_written") ? !is_theirs : json_true(deed->body, "is_late");
	const bool is_told = is_unnamed && !is_note && deed->verb->done != NULL;
	char *name, *text = NULL;
	struct buf buf;

	if (text_is_empty(own) && !is_told)
		return NULL;
	buf_init(&buf, JSON_BYTES_MAX);
	name = deed_actor_name(deed);
	if (is_told)
		buf_printf(&buf, "%s by %s via headsup", deed->verb->done, name);
	else if (!is_theirs)
		buf_printf(&buf, "%s via headsup", name);
	if (!text_is_empty(own))
		buf_printf(&buf, "%s%s", buf.len > 0 ? ": " : "", own);
	text = cut(&buf);
	free(name);
	buf_fini(&buf);
	return text;
}

bool deed_finish(struct deed *deed, struct error *err)
{
	char *note = json_true(deed->body, "is_noted") ? NULL : note_text(deed);
	bool has_note = note != NULL;

	free(note);
	if (has_note)
		return deed_next(deed, "note", err);
	return json_true(deed->body, "compares") ? deed_next(deed, "compare", err) : deed_over(deed);
}

static bool put_notes_path(const struct deed *deed, struct buf *path)
{
	const char *id = json_text(deed->body, "incident");

	buf_init(path, REST_PATH_MAX);
	buf_printf(path, "/incidents/%s/notes", rest_is_id(id) ? id : "");
	return rest_is_id(id);
}

static bool note_render(struct deed *deed, struct error *err)
{
	char *text = note_text(deed);
	struct buf path;
	bool ok;

	if (text == NULL)
		return deed_over(deed);
	/* Made before, it may stand there already. */
	if (deed->talk->word->is_unsure) {
		free(text);
		return deed_look_first(deed, "notes", err);
	}
	ok = put_notes_path(deed, &path) && deed_sender(deed) != NULL;
	if (!ok) {
		ok = deed_over(deed);
	} else {
		cJSON *root = cJSON_CreateObject(), *note = cJSON_AddObjectToObject(root, "note");

		json_put(note, "content", text);
		ok = deed_intend(deed, DID_NOTE, text, err);
		if (ok)
			ok = rest_send(deed->talk, "POST", &path, deed_sender(deed), root, err);
		else
			cJSON_Delete(root);
	}
	buf_fini(&path);
	free(text);
	return ok;
}

static bool note_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	char *text = note_text(deed);
	bool ok = reply->ok || text == NULL || deed_intend_not(deed, DID_NOTE, text, err);

	free(text);
	if (!ok)
		return false;
	if (!reply->ok && rest_code(reply) == 1008)
		return deed_send_as_other(deed, err);
	deed_set_true(deed, "is_noted");
	return reply->ok ? deed_finish(deed, err) : deed_refused(deed, reply, err);
}

static bool notes_render(struct deed *deed, struct error *err)
{
	struct buf path;
	bool ok = put_notes_path(deed, &path) ? rest_get(deed->talk, &path, err) : deed_over(deed);

	buf_fini(&path);
	return ok;
}

/* Written within this deed's time, by whom it was to name? */
static bool is_our_note(const struct deed *deed, const cJSON *note, const char *text)
{
	const int64_t at = rest_time(json_text(note, "created_at"));
	const char *by = rest_ref(note, "user"), *sender = deed_sender_id(deed);

	return text_equal(json_text(note, "content"), text) && (at == TIME_NONE || at >= number_of(deed, "at", 0) - DEED_SKEW_S) &&
	       (by == NULL || sender == NULL || strcmp(by, sender) == 0);
}

static bool notes_heard(struct deed *deed, const struct reply *reply, struct error *err)
{
	char *text = note_text(deed);
	const cJSON *note;
	bool stands = text == NULL;

	cJSON_ArrayForEach(note, json_get(reply->ok ? reply->body : NULL, "notes"))
		stands = stands || is_our_note(deed, note, text);
	free(text);
	if (!stands)
		return deed_next(deed, "note", err);
	deed_set_true(deed, "is_noted");
	return deed_finish(deed, err);
}

/* ---- the conversation --------------------------------------------------------------------------------------- */

static const struct step find_step = {"find", find_render, find_heard}, check_step = {"check", check_render, check_heard},
			 who_step = {"who", who_render, who_heard}, read_step = {"read", read_render, read_heard},
			 compare_step = {"compare", get_incident, compare_heard}, note_step = {"note", note_render, note_heard},
			 notes_step = {"notes", notes_render, notes_heard};
static const struct step *const steps[] = {&find_step, &check_step, &who_step, &read_step, &deed_alerts_step, &deed_policy_step,
    &deed_levels_step, &deed_teams_step, &deed_team_step, &deed_policies_step, &deed_write_step, &compare_step, &note_step, &notes_step};

static const struct step *step_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i]->name, name) == 0)
			return steps[i];
	}
	return NULL;
}

bool deed_init(struct deed *deed, struct talk *talk, bool is_rendering)
{
	int64_t id;

	*deed = (struct deed){.talk = talk,
	    .desk = talk->desk,
	    .body = talk->body,
	    .verb = deed_verb(json_text(talk->body, "verb")),
	    .is_rendering = is_rendering};
	if (deed->verb == NULL || (!id_parse(talk->word->subject, 'A', &id) && !json_int(talk->body, "alert", &id)))
		return false;
	snprintf(deed->subject, sizeof(deed->subject), "A%" PRId64, id);
	deed->alert = storage_alert(deed->desk->storage, id, NULL);
	return deed->alert != NULL;
}

static bool render(struct talk *talk, struct error *err)
{
	const struct step *step = step_find(json_text(talk->body, "step"));
	struct deed deed;
	bool ok;

	if (!deed_init(&deed, talk, true) || step == NULL)
		ok = rest_nothing(talk);
	else
		ok = step->render(&deed, err);
	alert_free(deed.alert);
	return ok;
}

static bool agrees(const struct alert *alert, const char *status)
{
	switch (alert->status) {
	case ALERT_OPEN:
		return text_equal(status, "triggered");
	case ALERT_ACKED:
		return text_equal(status, "acknowledged");
	case ALERT_RESOLVED:
	case ALERT_CLAIMED:
		return text_equal(status, "resolved");
	case ALERT_EXPECTED:
		break;
	}
	return true;
}

/* Somebody may have done something else meanwhile: when it is over both sides are compared, and this deed is in the way of nothing then. */
static bool compare(struct deed *deed, struct error *err)
{
	if (!rest_is_id(json_text(deed->last, "id")))
		return true;
	if (!deed->talk->goes_on)
		return storage_remove_word(deed->desk->storage, deed->talk->word->id, err) &&
		       incident_read(deed->desk, deed->last, err);
	if (text_equal(json_text(deed->body, "step"), "note") && !agrees(deed->alert, json_text(deed->last, "status")))
		deed_set_true(deed, "compares");
	return true;
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	const struct step *step = step_find(json_text(talk->body, "step"));
	struct deed deed;
	bool ok = true;

	if (deed_init(&deed, talk, false) && step != NULL)
		ok = step->heard(&deed, reply, err) && compare(&deed, err);
	alert_free(deed.alert);
	return ok;
}

static bool leave_unsaid(struct deed *deed, const char *why, struct error *err)
{
	char *note;
	bool ok;

	if (is_finding(deed))
		return true; /* the poll looks for it */
	if (!json_true(deed->body, "is_written"))
		return deed_by_events(deed, why, err);
	note = json_true(deed->body, "is_noted") ? NULL : note_text(deed);
	ok = note == NULL || tell_untold(deed, "note", why, err);
	free(note);
	return ok;
}

/* There is no token any more, or it is refused: nothing waits for a person while people are called, events say what they can. */
static bool failed(struct talk *talk, const struct reply *reply, bool is_final, struct error *err)
{
	const char *why = !rest_is_on(talk->desk)  ? "there is no pagerduty.api_token any more"
			  : reply->status == 401 ? "it refuses pagerduty.api_token"
						 : "its REST API cannot be asked";
	struct deed deed;
	bool ok = true;

	(void)is_final;
	if (deed_init(&deed, talk, false))
		ok = leave_unsaid(&deed, why, err);
	alert_free(deed.alert);
	return ok && storage_remove_word(talk->desk->storage, talk->word->id, err);
}

const struct conversation deed_conversation = {.kind = WORD_DEED, .render = render, .heard = heard, .failed = failed};
