/* What people, machines and timers do in PagerDuty, in whatever state: what the alert is then, and what is told of it. */
#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/incidents.h"
#include "handlers/pagerduty/rules.h"
#include "handlers/words.h"

#define BEFORE (NOON - 100) /* what stands was done then, on both sides */
#define THEN (NOON - 10)    /* and this now */
#define NOTE_KEPT 700       /* seconds after which the same words are another note */

static const char config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\", api_token: pd-token-00000000, from: bot@example.com}\n"
    "sources:\n"
    "  - {name: homegrown, format: headsup, token: homegrown-secret-0}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\", page: {}}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "  - {slack: U0CAROL, email: carol@example.com, logins: [carol]}\n";

static void knows_user(struct desk_world *w, const char *id, const char *email, const char *name)
{
	const struct pagerduty_user user = {
	    .id = (char *)id, .email = (char *)email, .name = (char *)name, .fetched_at = w->desk->now};

	desk_world_begin(w);
	assert_true(storage_put_pagerduty_user(w->storage, &user, NULL));
	desk_world_end(w, true);
}

static struct desk_world *world_of(const char *text)
{
	struct desk_world *w = desk_world_new(text);

	knows_user(w, "PALICE1", "alice@example.com", "Alice Example");
	knows_user(w, "PBOB123", "bob@example.com", "Bob Example");
	knows_user(w, "PCAROL1", "carol@example.com", "Carol Example");
	return w;
}

static int setup(void **state)
{
	*state = world_of(config);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- given ------------------------------------------------------------------------------------------------------ */

/* An alert that stands so here, and its incident. */
struct given {
	enum alert_status status;
	const char *page_status; /* of the alert */
	const char *known;       /* of the incident; NULL: it has none */
	int64_t known_at;
	const char *via;         /* by U0ALICE (source where "headsup"), at changed_at; NULL: nobody did anything yet */
	int64_t changed_at;
	const char *key;         /* NULL: its own */
	const char *incident;    /* NULL: its own */
};

struct stage {
	int64_t alert;
	char incident[32], subject[24];
	int64_t words; /* the last there was */
	size_t events;
};

static bool last_word(void *ctx, const struct word *word)
{
	*(int64_t *)ctx = word->id;
	return true;
}

static int64_t words_so_far(struct desk_world *w, int64_t after)
{
	int64_t last = after;

	assert_true(storage_each_word(w->storage, -1, after, 100000, last_word, &last, NULL));
	return last;
}

static bool count_event(void *ctx, const struct event *event)
{
	(void)event;
	++*(size_t *)ctx;
	return true;
}

static size_t events_of(struct desk_world *w, int64_t alert)
{
	size_t count = 0;

	assert_true(storage_each_event(w->storage, alert, count_event, &count, NULL));
	return count;
}

static void puts_incident(struct desk_world *w, int64_t alert, const char *id, const char *status, int64_t at)
{
	const struct incident incident = {.alert = alert,
	    .id = (char *)id,
	    .number = 7,
	    .url = "https://sim.pagerduty.com/incidents/Q1",
	    .status = (char *)status,
	    .status_at = at,
	    .linked_at = NOON - 200};

	assert_true(storage_put_incident(w->storage, &incident, NULL));
}

static int64_t stage_words; /* where the next stage's begin: all of a world are numbered */

static struct stage stages(struct desk_world *w, const struct given *given)
{
	static int number;
	struct alert *alert = alert_new();
	struct stage stage = {0};

	number++;
	alert->title = xstrdup("sshd started");
	alert->source = xstrdup("homegrown");
	alert->dedup_key = given->key != NULL ? xstrdup(given->key) : xasprintf("key-%d", number);
	alert->channel = xstrdup("#security-alerts");
	alert->page_key = xstrdup("0123456789ab");
	alert->received_at = alert->last_seen = alert->occurred_at = NOON - 300;
	alert->paged_at = NOON - 300;
	/* What fired anew was paged anew. */
	if (text_equal(given->via, "headsup") && given->status == ALERT_OPEN && text_equal(given->known, "resolved"))
		alert->paged_at = given->changed_at;
	alert->status = given->status;
	alert->page_status = xstrdup(given->page_status);
	alert->assignee = xstrdup("U0ALICE");
	alert->announcement = given->status == ALERT_EXPECTED || given->status == ALERT_CLAIMED ? 17 : 0;
	if (given->via != NULL) {
		alert->changed_by = xstrdup(strcmp(given->via, "headsup") == 0 ? "homegrown" : "U0ALICE");
		alert->changed_via = xstrdup(given->via);
		alert->changed_at = given->changed_at;
	}
	snprintf(stage.incident, sizeof(stage.incident), "Q%06d", number);
	desk_world_begin(w);
	assert_true(storage_add_alert(w->storage, alert, NULL));
	if (given->known != NULL)
		puts_incident(w, alert->id, given->incident != NULL ? given->incident : stage.incident, given->known, given->known_at);
	desk_world_end(w, true);
	if (given->incident != NULL)
		snprintf(stage.incident, sizeof(stage.incident), "%s", given->incident);
	stage.alert = alert->id;
	snprintf(stage.subject, sizeof(stage.subject), "A%" PRId64, alert->id);
	alert_free(alert);
	stage.words = stage_words = words_so_far(w, stage_words);
	stage.events = events_of(w, stage.alert);
	return stage;
}

static int setup_words(void **state)
{
	stage_words = 0;
	return setup(state);
}

static void happens(struct desk_world *w, const struct change *change)
{
	struct error err = {0};

	desk_world_begin(w);
	if (!incident_changed(w->desk, change, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
}

static void reads(struct desk_world *w, const char *json)
{
	cJSON *object = cJSON_Parse(json);
	struct error err = {0};

	assert_non_null(object);
	desk_world_begin(w);
	if (!incident_read(w->desk, object, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	cJSON_Delete(object);
}

/* ---- then ------------------------------------------------------------------------------------------------------- */

/* What was said of SUBJECT since. */
struct said {
	const char *subject;
	size_t lines, loud, cards, deeds, again, looks;
	char *line; /* the last */
};

static bool hear(void *ctx, const struct word *word)
{
	struct said *said = ctx;
	cJSON *body;

	if (strcmp(word->subject, said->subject) != 0)
		return true;
	body = word->body != NULL ? cJSON_Parse(word->body) : NULL;
	said->cards += strcmp(word->kind, WORD_CARD) == 0;
	if (strcmp(word->kind, WORD_THREAD) == 0) {
		said->lines++;
		said->loud += json_true(body, "broadcast");
		replace_text(&said->line, json_text(body, "text"));
	}
	if (strcmp(word->kind, WORD_DEED) == 0) {
		said->deeds++;
		said->again += text_equal(json_text(body, "verb"), "again");
		said->looks += text_equal(json_text(body, "verb"), "find");
	}
	cJSON_Delete(body);
	return true;
}

static struct said said_of(struct desk_world *w, const struct stage *stage)
{
	struct said said = {.subject = stage->subject};

	assert_true(storage_each_word(w->storage, -1, stage->words, 100000, hear, &said, NULL));
	return said;
}

/* The same, in numbers alone. */
static struct said heard(struct desk_world *w, const struct stage *stage)
{
	struct said said = said_of(w, stage);

	free(said.line);
	said.line = NULL;
	return said;
}

struct last_event {
	size_t skip, count;
	char *what, *note, *who;
};

static bool last_event(void *ctx, const struct event *event)
{
	struct last_event *last = ctx;

	if (last->count++ < last->skip)
		return true;
	replace_text(&last->what, event->what);
	replace_text(&last->note, event->note);
	replace_text(&last->who, event->who);
	assert_string_equal(event->via, "pagerduty");
	return true;
}

/* What the timeline has since. */
static struct last_event since(struct desk_world *w, const struct stage *stage)
{
	struct last_event last = {.skip = stage->events};

	assert_true(storage_each_event(w->storage, stage->alert, last_event, &last, NULL));
	return last;
}

static void last_event_fini(struct last_event *last)
{
	free(last->what);
	free(last->note);
	free(last->who);
}

static char *known_now(struct desk_world *w, const struct stage *stage)
{
	struct incident incident;
	char *status;

	assert_true(storage_incident_by_id(w->storage, stage->alert, stage->incident, &incident));
	status = xstrdup(incident.status);
	incident_fini(&incident);
	return status;
}

static struct alert *now_of(struct desk_world *w, const struct stage *stage)
{
	struct alert *alert = storage_alert(w->storage, stage->alert, NULL);

	assert_non_null(alert);
	return alert;
}

static void assert_status(struct desk_world *w, const struct stage *stage, enum alert_status status)
{
	struct alert *alert = now_of(w, stage);

	assert_string_equal(alert_status_name(alert->status), alert_status_name(status));
	alert_free(alert);
}

static void assert_line(struct desk_world *w, const struct stage *stage, const char *part)
{
	struct said said = said_of(w, stage);

	if (part == NULL && said.lines != 0)
		fail_msg("said: %s", said.line);
	if (part != NULL && (said.lines != 1 || strstr(said.line, part) == NULL))
		fail_msg("%zu lines, the last: %s; not: %s", said.lines, said.line != NULL ? said.line : "-", part);
	free(said.line);
}

/* All that could be changed by being told twice. */
struct print {
	enum alert_status status;
	int64_t version, words;
	size_t events;
	char *page, *known, *assignee;
};

static struct print print_of(struct desk_world *w, const struct stage *stage)
{
	struct alert *alert = now_of(w, stage);
	struct print print = {alert->status, alert->version, words_so_far(w, stage->words), events_of(w, stage->alert),
	    xstrdup(alert->page_status), known_now(w, stage), xstrdup(alert->assignee)};

	alert_free(alert);
	return print;
}

static bool print_equal(const struct print *a, const struct print *b)
{
	return a->status == b->status && a->version == b->version && a->words == b->words && a->events == b->events &&
	       text_equal(a->page, b->page) && text_equal(a->known, b->known) && text_equal(a->assignee, b->assignee);
}

static void print_fini(struct print *print)
{
	free(print->page);
	free(print->known);
	free(print->assignee);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

/*
 * Of letters: P person, I integration, N nobody; o open, a acked, r resolved, e expected, c claimed; known there as L live, O over, A our
 * alert alone over (only of r and c). Then: the status; of page and incident t triggered, k acknowledged, r resolved; "=" as it was.
 */
struct row {
	enum did did;
	const char *agents, *here, *known;
	char becomes, page, there;
	const char *assignee; /* "=": as it was (U0ALICE); NULL: nobody */
	const char *what, *line;
	const char *more; /* ! loud, g PagerDuty is told again, l it is asked; "" */
};
#define PIN "PIN"
static const struct row table[] = {
    {DID_TRIGGER, PIN, "oarec", "LOA", '=', '=', '=', "=", NULL, NULL, ""},

    {DID_ACK, "P", "o", "LO", 'a', 'k', 'k', "U0BOB", "acked", "Acked by <@U0BOB> in PagerDuty", ""},
    {DID_ACK, "I", "o", "LO", 'a', 'k', 'k', "=", "acked", "Acked in PagerDuty by an integration", ""},
    {DID_ACK, "N", "o", "LO", 'a', 'k', 'k', "=", "acked", "Acked in PagerDuty", ""},
    {DID_ACK, "P", "a", "LO", '=', 'k', 'k', "=", "acked", NULL, ""},
    {DID_ACK, "IN", "a", "LO", '=', 'k', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "P", "r", "O", 'a', 'k', 'k', "U0BOB", "reopened", "Reopened and acked by <@U0BOB> in PagerDuty", ""},
    {DID_ACK, "P", "r", "L", '=', 'k', 'k', "=", "acked", "<@U0BOB> acked it in PagerDuty meanwhile; it stays resolved", "g"},
    {DID_ACK, "P", "rc", "A", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_ACK, "IN", "r", "L", '=', 'k', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "IN", "r", "A", '=', '=', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "IN", "r", "O", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_ACK, "P", "e", "LO", '=', 'k', 'k', "=", "acked", NULL, ""},
    {DID_ACK, "IN", "e", "LO", '=', 'k', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "P", "c", "L", '=', 'k', 'k', "=", "acked", "<@U0BOB> acked it in PagerDuty meanwhile; it stays claimed", "g"},
    {DID_ACK, "P", "c", "O", '=', 'k', 'k', "=", "acked", "here it stays claimed; try: `reopen A", ""},
    {DID_ACK, "IN", "c", "L", '=', 'k', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "IN", "c", "A", '=', '=', 'k', "=", NULL, NULL, ""},
    {DID_ACK, "IN", "c", "O", '=', '=', '=', "=", NULL, NULL, "l"},

    {DID_UNACK, PIN, "o", "LO", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_UNACK, "P", "a", "LO", 'o', 't', 't', NULL, "unacked", "Un-acked by <@U0BOB> in PagerDuty", ""},
    {DID_UNACK, "I", "a", "LO", 'o', 't', 't', NULL, "unacked", "Un-acked in PagerDuty by an integration", ""},
    {DID_UNACK, "N", "a", "LO", 'o', 't', 't', NULL, "unacked", "The acknowledgement ran out in PagerDuty: people are paged again", "!"},
    {DID_UNACK, PIN, "rc", "L", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_UNACK, PIN, "rc", "A", '=', '=', 't', "=", NULL, NULL, ""},
    {DID_UNACK, PIN, "rc", "O", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_UNACK, PIN, "e", "LO", '=', 't', 't', "=", NULL, NULL, ""},

    {DID_RESOLVE, "P", "oa", "LO", 'r', 'r', 'r', "=", "resolved", "Resolved by <@U0BOB> in PagerDuty", ""},
    {DID_RESOLVE, "I", "oa", "LO", 'r', 'r', 'r', "=", "resolved", "Resolved in PagerDuty by an integration", ""},
    {DID_RESOLVE, "N", "oa", "LO", 'r', 'r', 'r', "=", "resolved", "PagerDuty resolved it by itself (auto-resolve)", ""},
    {DID_RESOLVE, PIN, "rc", "LOA", '=', 'r', 'r', "=", NULL, NULL, ""},
    {DID_RESOLVE, PIN, "e", "LO", 'r', 'r', 'r', "=", "resolved", NULL, ""},

    {DID_REOPEN, PIN, "o", "LO", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_REOPEN, "P", "a", "LO", 'o', 't', 't', NULL, "reopened", "Reopened by <@U0BOB> in PagerDuty", ""},
    {DID_REOPEN, "IN", "a", "LO", 'o', 't', 't', NULL, "reopened", "Reopened in PagerDuty", ""},
    {DID_REOPEN, "P", "r", "LOA", 'o', 't', 't', NULL, "reopened", "Reopened by <@U0BOB> in PagerDuty", ""},
    {DID_REOPEN, "I", "r", "LOA", 'o', 't', 't', NULL, "reopened", "Reopened in PagerDuty by an integration", ""},
    {DID_REOPEN, "N", "r", "LOA", 'o', 't', 't', NULL, "reopened", "Reopened in PagerDuty", ""},
    {DID_REOPEN, "P", "c", "LO", '=', 't', 't', "=", "reopened", "<@U0BOB> reopened it in PagerDuty; here it stays claimed", ""},
    {DID_REOPEN, "P", "c", "A", '=', '=', 't', "=", "reopened", "<@U0BOB> reopened it in PagerDuty; here it stays claimed", ""},
    {DID_REOPEN, "IN", "c", "LO", '=', 't', 't', "=", NULL, "Reopened in PagerDuty; here it stays claimed", ""},
    {DID_REOPEN, "IN", "c", "A", '=', '=', 't', "=", NULL, "Reopened in PagerDuty; here it stays claimed", ""},
    {DID_REOPEN, PIN, "e", "LO", '=', 't', 't', "=", NULL, NULL, ""},

    {DID_ESCALATE, "P", "o", "LO", '=', 't', 't', "=", "escalated", "Escalated to <@U0CAROL> by <@U0BOB> in PagerDuty", "!"},
    {DID_ESCALATE, "P", "a", "LO", 'o', 't', 't', NULL, "escalated", "Escalated to <@U0CAROL> by <@U0BOB> in PagerDuty", "!"},
    {DID_ESCALATE, "I", "o", "LO", '=', 't', 't', "=", "escalated", "Escalated to <@U0CAROL> in PagerDuty by an integration", ""},
    {DID_ESCALATE, "I", "a", "LO", 'o', 't', 't', NULL, "escalated", "Escalated to <@U0CAROL> in PagerDuty by an integration", ""},
    {DID_ESCALATE, "N", "o", "LO", '=', 't', 't', "=", "escalated", "PagerDuty called the next: <@U0CAROL>", ""},
    {DID_ESCALATE, "N", "a", "LO", 'o', 't', 't', NULL, "escalated", "PagerDuty called the next: <@U0CAROL>", ""},
    {DID_ESCALATE, PIN, "rc", "L", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_ESCALATE, PIN, "rc", "A", '=', '=', 't', "=", NULL, NULL, ""},
    {DID_ESCALATE, PIN, "rc", "O", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_ESCALATE, PIN, "e", "LO", '=', 't', 't', "=", NULL, NULL, ""},

    {DID_DELEGATE, "P", "o", "LO", '=', 't', 't', "=", "escalated", "Given to the policy Carol Example by <@U0BOB> in PagerDuty", ""},
    {DID_DELEGATE, "P", "a", "LO", 'o', 't', 't', NULL, "escalated", "Given to the policy Carol Example by <@U0BOB> in PagerDuty", ""},
    {DID_DELEGATE, "IN", "o", "LO", '=', 't', 't', "=", "escalated", "Given to the policy Carol Example in PagerDuty", ""},
    {DID_DELEGATE, "IN", "a", "LO", 'o', 't', 't', NULL, "escalated", "Given to the policy Carol Example in PagerDuty", ""},
    {DID_DELEGATE, PIN, "rc", "L", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_DELEGATE, PIN, "rc", "A", '=', '=', 't', "=", NULL, NULL, ""},
    {DID_DELEGATE, PIN, "rc", "O", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_DELEGATE, PIN, "e", "LO", '=', 't', 't', "=", NULL, NULL, ""},

    {DID_REASSIGN, "P", "o", "LO", '=', 't', 't', "U0CAROL", "assigned", "Reassigned to <@U0CAROL> by <@U0BOB> in PagerDuty", ""},
    {DID_REASSIGN, "P", "a", "LO", 'o', 't', 't', "U0CAROL", "assigned", "Reassigned to <@U0CAROL> by <@U0BOB> in PagerDuty", ""},
    {DID_REASSIGN, "IN", "o", "LO", '=', 't', 't', "U0CAROL", "assigned", "Reassigned to <@U0CAROL> in PagerDuty", ""},
    {DID_REASSIGN, "IN", "a", "LO", 'o', 't', 't', "U0CAROL", "assigned", "Reassigned to <@U0CAROL> in PagerDuty", ""},
    {DID_REASSIGN, PIN, "rc", "L", '=', 't', 't', "=", NULL, NULL, ""},
    {DID_REASSIGN, PIN, "rc", "A", '=', '=', 't', "=", NULL, NULL, ""},
    {DID_REASSIGN, PIN, "rc", "O", '=', '=', '=', "=", NULL, NULL, "l"},
    {DID_REASSIGN, PIN, "e", "LO", '=', 't', 't', "=", NULL, NULL, ""},

    {DID_NOTE, "P", "oarec", "LOA", '=', '=', '=', "=", "noted", "Note by <@U0BOB> in PagerDuty: looked at it", ""},
    {DID_NOTE, "I", "oarec", "LOA", '=', '=', '=', "=", "noted", "Note in PagerDuty by an integration: looked at it", ""},
    {DID_NOTE, "N", "oarec", "LOA", '=', '=', '=', "=", "noted", "Note in PagerDuty: looked at it", ""},

    {DID_SNOOZE, "P", "oa", "LO", '=', '=', '=', "=", NULL, "Snoozed by <@U0BOB> in PagerDuty until <!date^", ""},
    {DID_SNOOZE, "IN", "oa", "LO", '=', '=', '=', "=", NULL, "Snoozed in PagerDuty until <!date^", ""},
    {DID_SNOOZE, PIN, "rec", "LOA", '=', '=', '=', "=", NULL, NULL, ""},

    {DID_RESPONDER, "P", "oa", "LO", '=', '=', '=', "=", NULL, "<@U0BOB> asked <@U0CAROL> to help, in PagerDuty", ""},
    {DID_RESPONDER, "IN", "oa", "LO", '=', '=', '=', "=", NULL, "PagerDuty asked <@U0CAROL> to help", ""},
    {DID_RESPONDER, PIN, "rec", "LOA", '=', '=', '=', "=", NULL, NULL, ""},

    {DID_OTHER, PIN, "oarec", "LOA", '=', '=', '=', "=", NULL, NULL, ""},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static const char agent_letters[] = "PIN", here_letters[] = "oarec", known_letters[] = "LOA";

/* One of all there are. */
struct pair {
	enum did did;
	char agent, here, known;
	const struct row *row;
};

static bool has(const char *letters, char letter)
{
	return strchr(letters, letter) != NULL;
}

static const struct row *row_of(enum did did, char agent, char here, char known)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < ROWS; i++) {
		if (table[i].did != did || !has(table[i].agents, agent) || !has(table[i].here, here) || !has(table[i].known, known))
			continue;
		if (found != NULL)
			fail_msg("%s %c %c %c is there twice", did_facts[did].name, agent, here, known);
		found = &table[i];
	}
	if (found == NULL)
		fail_msg("%s %c %c %c is missing", did_facts[did].name, agent, here, known);
	return found;
}

static void each_pair(struct desk_world *w, void (*check)(struct desk_world *w, const struct pair *pair))
{
	for (int did = DID_TRIGGER; did <= DID_OTHER; did++) {
		for (int n = 0; n < 3 * 5 * 3; n++) {
			struct pair pair = {(enum did)did, agent_letters[n / 15], here_letters[n / 3 % 5], known_letters[n % 3], NULL};

			if (did == DID_MERGE || (pair.known == 'A' && !has("rc", pair.here)))
				continue;
			pair.row = row_of(pair.did, pair.agent, pair.here, pair.known);
			check(w, &pair);
		}
	}
}

static enum alert_status status_of(char here)
{
	static const enum alert_status all[] = {ALERT_OPEN, ALERT_ACKED, ALERT_RESOLVED, ALERT_EXPECTED, ALERT_CLAIMED};

	return all[strchr(here_letters, here) - here_letters];
}

static const char *there_of(char letter)
{
	return letter == 't' ? "triggered" : letter == 'k' ? "acknowledged" : "resolved";
}

static struct given given_of(const struct pair *pair)
{
	const char *live = pair->here == 'a' ? "acknowledged" : "triggered";

	return (struct given){.status = status_of(pair->here),
	    .page_status = pair->known == 'L' ? live : "resolved",
	    .known = pair->known == 'O' ? "resolved" : live,
	    .known_at = BEFORE,
	    .via = "slack",
	    .changed_at = BEFORE};
}

static struct change change_of(const struct stage *stage, enum did did, char agent, int64_t at)
{
	const bool is_mover = did == DID_ESCALATE || did == DID_DELEGATE || did == DID_REASSIGN;

	return (struct change){.incident = stage->incident,
	    .did = did,
	    .at = at,
	    .agent = agent == 'P' ? AGENT_PERSON : agent == 'I' ? AGENT_INTEGRATION : AGENT_NOBODY,
	    .agent_id = agent == 'P' ? "PBOB123" : agent == 'I' ? "PINTEG1" : NULL,
	    .agent_name = agent == 'P' ? "Bob Example" : agent == 'I' ? "Events API" : NULL,
	    .status = is_mover || did == DID_REOPEN ? "triggered" : NULL,
	    .to_id = is_mover || did == DID_RESPONDER ? "PCAROL1" : NULL,
	    .to_name = is_mover || did == DID_RESPONDER ? "Carol Example" : NULL,
	    .note = did == DID_NOTE ? "looked at it" : NULL,
	    .until = did == DID_SNOOZE ? NOON + 3600 : TIME_NONE};
}

#define fails(pair, form, ...)                                                                                                            \
	fail_msg("%s by %c while %c, known %c: " form, did_facts[(pair)->did].name, (pair)->agent, (pair)->here, (pair)->known, __VA_ARGS__)

static void check_pair(struct desk_world *w, const struct pair *pair)
{
	const struct row *row = pair->row;
	const struct given given = given_of(pair);
	const struct stage stage = stages(w, &given);
	const struct change change = change_of(&stage, pair->did, pair->agent, THEN);
	const char *page = row->page == '=' ? given.page_status : there_of(row->page);
	const char *there = row->there == '=' ? given.known : there_of(row->there);
	const enum alert_status status = row->becomes == '=' ? given.status : status_of(row->becomes);
	const char *assignee = text_equal(row->assignee, "=") ? "U0ALICE" : row->assignee;
	struct last_event last;
	struct alert *alert;
	struct said said;
	char *known;

	happens(w, &change);
	alert = now_of(w, &stage);
	said = said_of(w, &stage);
	last = since(w, &stage);
	known = known_now(w, &stage);
	if (alert->status != status)
		fails(pair, "it is %s", alert_status_name(alert->status));
	if (!text_equal(alert->page_status, page))
		fails(pair, "its page is %s", alert->page_status);
	if (!text_equal(known, there))
		fails(pair, "its incident is %s", known);
	if (!text_equal(alert->assignee, assignee))
		fails(pair, "it is %s's", alert->assignee);
	if (!text_equal(last.what, row->what) || last.count - last.skip != (row->what != NULL))
		fails(pair, "its timeline says %s", last.what);
	if (said.lines != (row->line != NULL) || (row->line != NULL && strstr(said.line, row->line) == NULL))
		fails(pair, "its thread says %s", said.line);
	if (said.loud != has(row->more, '!') || said.again != has(row->more, 'g') || said.looks != has(row->more, 'l'))
		fails(pair, "%zu loud, %zu again, %zu looks", said.loud, said.again, said.looks);
	if (last.what != NULL && strcmp(last.who, pair->agent == 'P' ? "U0BOB" : "PagerDuty") != 0)
		fails(pair, "it was %s", last.who);
	if (status != given.status && (!text_equal(alert->changed_via, "pagerduty") || alert->changed_at != THEN))
		fails(pair, "changed via %s", alert->changed_via);
	free(known);
	free(said.line);
	last_event_fini(&last);
	alert_free(alert);
}

static void change__of_each_kind_in_each_state__is_followed_as_the_table_says(void **state)
{
	each_pair(*state, check_pair);
}

static void check_twice(struct desk_world *w, const struct pair *pair)
{
	static const int64_t later[] = {0, 1, -1, 2, -2};
	const struct given given = given_of(pair);
	const struct stage stage = stages(w, &given);
	struct change change = change_of(&stage, pair->did, pair->agent, THEN);
	struct print once, twice;

	happens(w, &change);
	once = print_of(w, &stage);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		change.at = THEN + later[i];
		/* The other way names machines otherwise. */
		if (pair->agent != 'P') {
			change.agent = change.agent == AGENT_NOBODY ? AGENT_INTEGRATION : AGENT_NOBODY;
			change.agent_id = change.agent == AGENT_NOBODY ? "PSVCSEC" : NULL;
		}
		happens(w, &change);
		twice = print_of(w, &stage);
		if (!print_equal(&once, &twice))
			fails(pair, "told again %d s later, something happens", (int)later[i]);
		print_fini(&twice);
	}
	print_fini(&once);
}

static void change__told_twice_or_by_the_other_way__happens_once(void **state)
{
	each_pair(*state, check_twice);
}

static bool is_state(enum did did)
{
	return did == DID_TRIGGER || did == DID_ACK || did == DID_UNACK || did == DID_RESOLVE || did == DID_REOPEN;
}

/* PagerDuty itself is further already. */
static void check_past(struct desk_world *w, const struct pair *pair)
{
	const struct given given = given_of(pair);
	const struct stage stage = stages(w, &given);
	const struct change change = change_of(&stage, pair->did, pair->agent, BEFORE - 50);
	struct print before = print_of(w, &stage), after;

	happens(w, &change);
	after = print_of(w, &stage);
	if (is_state(pair->did) && !print_equal(&before, &after))
		fails(pair, "%s", "it was told late, and something happened");
	if (before.status != after.status || !text_equal(before.known, after.known))
		fails(pair, "%s", "it was told late, and the state changed");
	print_fini(&before);
	print_fini(&after);
}

static void change__older_than_what_pagerduty_shows__changes_nothing(void **state)
{
	each_pair(*state, check_past);
}

/* Alice did something here after it, and PagerDuty has not heard yet. */
static void check_late(struct desk_world *w, const struct pair *pair)
{
	const enum alert_status would = pair->row->becomes == '=' ? status_of(pair->here) : status_of(pair->row->becomes);
	struct given given = given_of(pair);
	struct stage stage;
	struct change change;
	struct alert *alert;
	struct said said;
	bool stands;

	given.known_at = TIME_NONE;
	stage = stages(w, &given);
	change = change_of(&stage, pair->did, pair->agent, BEFORE - 50);
	happens(w, &change);
	alert = now_of(w, &stage);
	said = said_of(w, &stage);
	/* Resolved is resolved, though somebody did not know. */
	stands = pair->did != DID_RESOLVE && would != given.status;
	if (alert->status != (stands ? given.status : would))
		fails(pair, "it is %s", alert_status_name(alert->status));
	if (stands && said.again != 1)
		fails(pair, "%s", "PagerDuty is not told what stands");
	if (stands && is_state(pair->did) && pair->agent == 'P' &&
	    (said.lines != 1 || strstr(said.line, "which stands") == NULL))
		fails(pair, "its thread says %s", said.line);
	if (alert->changed_at < BEFORE)
		fails(pair, "%s", "time runs backwards");
	free(said.line);
	alert_free(alert);
}

static void change__older_than_what_was_done_here__does_not_undo_it(void **state)
{
	each_pair(*state, check_late);
}

/* We did it ourselves. */
static void check_echo(struct desk_world *w, const struct pair *pair)
{
	const struct given given = given_of(pair);
	const struct stage stage = stages(w, &given);
	struct change change = change_of(&stage, pair->did, 'P', THEN);
	struct said said;
	char name[32];

	if (pair->agent != 'P' || pair->row->becomes != '=')
		return; /* what changes the state of it is another alert's deed */
	change_name(pair->did, change.note, name);
	desk_world_begin(w);
	assert_true(storage_add_intent(w->storage, stage.incident, name, "PBOB123", NOON - 12, NULL));
	desk_world_end(w, true);
	happens(w, &change);
	said = said_of(w, &stage);
	if (said.lines != 0 || events_of(w, stage.alert) != stage.events)
		fails(pair, "our own doing is told: %s", said.line);
	assert_status(w, &stage, given.status);
	free(said.line);
}

static void change__that_we_made_ourselves__is_not_told(void **state)
{
	each_pair(*state, check_echo);
}

static void check_newer(struct desk_world *w, const struct pair *pair)
{
	struct given given = given_of(pair);
	struct stage stage, newer;
	struct change change;
	struct alert *alert;
	char key[64];

	snprintf(key, sizeof(key), "newer-%d-%c%c%c", (int)pair->did, pair->agent, pair->here, pair->known);
	given.key = key;
	stage = stages(w, &given);
	newer = stages(w, &(struct given){.status = ALERT_OPEN, .page_status = "triggered", .key = key});
	change = change_of(&stage, pair->did, pair->agent, THEN);
	happens(w, &change);
	alert = now_of(w, &stage);
	if ((given.status == ALERT_RESOLVED || given.status == ALERT_CLAIMED) && alert->status != given.status)
		fails(pair, "it is %s beside the newer one", alert_status_name(alert->status));
	if (heard(w, &stage).again != 0 && pair->row->becomes != '=')
		fails(pair, "%s", "PagerDuty is told to resolve what somebody reopened there");
	if (given.status == ALERT_RESOLVED && pair->row->becomes != '=')
		assert_line(w, &stage, "came after it and is the same again");
	alert_free(alert);
	assert_status(w, &newer, ALERT_OPEN);
}

static void change__of_what_fired_again_since__reopens_nothing(void **state)
{
	each_pair(*state, check_newer);
}

/* ---- in which order ---------------------------------------------------------------------------------------------- */

/* First and second as they were done; the second is told first. */
static void changes__told_in_the_wrong_order__end_as_the_last(void **state)
{
	static const struct {
		char here, known;
		enum did first, second;
		enum alert_status end;
	} cases[] = {
	    {'o', 'L', DID_ACK, DID_RESOLVE, ALERT_RESOLVED},
	    {'o', 'L', DID_ACK, DID_UNACK, ALERT_OPEN},
	    {'o', 'L', DID_RESOLVE, DID_REOPEN, ALERT_OPEN},
	    {'o', 'L', DID_TRIGGER, DID_ACK, ALERT_ACKED},
	    {'o', 'L', DID_TRIGGER, DID_NOTE, ALERT_OPEN},
	    {'o', 'L', DID_ESCALATE, DID_ACK, ALERT_ACKED},
	    {'o', 'L', DID_ESCALATE, DID_RESOLVE, ALERT_RESOLVED},
	    {'o', 'L', DID_REASSIGN, DID_ACK, ALERT_ACKED},
	    {'a', 'L', DID_UNACK, DID_ACK, ALERT_ACKED},
	    {'a', 'L', DID_UNACK, DID_RESOLVE, ALERT_RESOLVED},
	    {'a', 'L', DID_ESCALATE, DID_RESOLVE, ALERT_RESOLVED},
	    {'a', 'L', DID_RESOLVE, DID_REOPEN, ALERT_OPEN},
	    {'r', 'O', DID_REOPEN, DID_ACK, ALERT_ACKED},
	    {'r', 'O', DID_REOPEN, DID_RESOLVE, ALERT_RESOLVED},
	    {'r', 'O', DID_NOTE, DID_REOPEN, ALERT_OPEN},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pair pair = {cases[i].second, 'P', cases[i].here, cases[i].known, NULL};
		const struct given given = given_of(&pair);
		const struct stage stage = stages(w, &given);
		struct change change = change_of(&stage, cases[i].second, 'P', THEN);

		happens(w, &change);
		change = change_of(&stage, cases[i].first, 'P', THEN - 5);
		happens(w, &change);
		assert_status(w, &stage, cases[i].end);
	}
}

/* Nobody can tell: PagerDuty is asked. */
static void changes__of_one_second_in_the_wrong_order__are_asked_for(void **state)
{
	static const struct {
		char here, known;
		enum did first, second;
	} cases[] = {
	    {'o', 'L', DID_ACK, DID_RESOLVE},
	    {'o', 'L', DID_ACK, DID_UNACK},
	    {'o', 'L', DID_RESOLVE, DID_REOPEN},
	    {'a', 'L', DID_UNACK, DID_RESOLVE},
	    {'r', 'O', DID_REOPEN, DID_ACK},
	    {'r', 'O', DID_REOPEN, DID_RESOLVE},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pair pair = {cases[i].second, 'P', cases[i].here, cases[i].known, NULL};
		const struct given given = given_of(&pair);
		const struct stage stage = stages(w, &given);
		struct change change = change_of(&stage, cases[i].second, 'P', THEN);

		happens(w, &change);
		change = change_of(&stage, cases[i].first, 'P', THEN);
		happens(w, &change);
		assert_int_equal(heard(w, &stage).looks, 1);
	}
}

static void drops_deeds(struct desk_world *w, const struct stage *stage);

/* The log is read with an overlap: as long as it tells them, PagerDuty would be asked at every poll. */
static void changes__of_one_second_told_again_and_again__are_asked_for_once(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", THEN - 60, "headsup", THEN - 60, NULL, NULL});
	const struct change ack = change_of(&stage, DID_ACK, 'P', THEN), unack = change_of(&stage, DID_UNACK, 'N', THEN);
	size_t looks = 0;

	for (int poll = 0; poll < 10; poll++) {
		happens(w, &ack);
		happens(w, &unack);
		looks = heard(w, &stage).looks;
		drops_deeds(w, &stage); /* it was looked */
	}

	assert_int_equal(looks, 0);
}

/* An ack of the second in which it was resolved is no reopening. */
static void ack__of_the_second_of_the_resolving__reopens_nothing(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_RESOLVED, "resolved", "resolved", THEN, "pagerduty", THEN, NULL, NULL});
	const struct change ack = change_of(&stage, DID_ACK, 'P', THEN);

	happens(w, &ack);
	assert_status(w, &stage, ALERT_RESOLVED);
	assert_line(w, &stage, NULL);
	assert_int_equal(heard(w, &stage).looks, 1);
}

static bool acts(struct desk_world *w, const struct stage *stage, const char *verb)
{
	const struct actor actor = {.who = "U0ALICE", .via = "slack"};
	struct alert *now = NULL;
	struct error err = {0};
	bool ok;

	desk_world_begin(w);
	ok = alert_act(w->desk, &actor, stage->alert, verb, NULL, NULL, &now, &err);
	desk_world_end(w, ok);
	alert_free(now);
	return ok;
}

/* Alice resolved it, reopened it, and PagerDuty tells only now that Bob had resolved it in between. */
static void resolve__told_after_a_reopening_here__does_not_undo_it(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	const struct change resolve = change_of(&stage, DID_RESOLVE, 'P', THEN);
	struct said said;

	assert_true(acts(w, &stage, "resolve"));
	assert_true(acts(w, &stage, "reopen"));
	happens(w, &resolve);
	assert_status(w, &stage, ALERT_OPEN);
	said = said_of(w, &stage);
	assert_non_null(strstr(said.line, "<@U0BOB> resolved it in PagerDuty <!date^"));
	assert_non_null(strstr(said.line, "; <@U0ALICE> reopened it here after that, which stands"));
	free(said.line);
}

/* Her ack did not know of it, and reopens nothing. */
static void resolve__told_after_a_later_ack_here__holds(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	const struct change resolve = change_of(&stage, DID_RESOLVE, 'P', THEN);
	struct alert *alert;

	assert_true(acts(w, &stage, "ack"));
	happens(w, &resolve);
	assert_status(w, &stage, ALERT_RESOLVED);
	alert = now_of(w, &stage);
	assert_int_equal(alert->changed_at, NOON);
	alert_free(alert);
}

/* It fired anew, and its page is on its way: what becomes of the old incident is not its business. */
static void change__of_the_incident_before__leaves_what_fired_anew(void **state)
{
	static const char *const pages[] = {"waiting", "triggered", "acknowledged"};
	struct desk_world *w = *state;

	for (size_t p = 0; p < 3; p++) {
		for (int did = DID_TRIGGER; did <= DID_REASSIGN; did++) {
			const struct stage stage =
			    stages(w, &(struct given){ALERT_OPEN, pages[p], "resolved", BEFORE, "headsup", BEFORE, NULL, NULL});
			const struct change change = change_of(&stage, (enum did)did, 'P', THEN);
			struct alert *alert;

			happens(w, &change);
			alert = now_of(w, &stage);
			assert_int_equal(alert->status, ALERT_OPEN);
			assert_string_equal(alert->page_status, pages[p]);
			assert_line(w, &stage, NULL);
			alert_free(alert);
		}
	}
}

/* A row that is not the newest: another incident is the alert's now. */
static void change__of_an_older_incident__is_kept_and_its_notes_told(void **state)
{
	struct desk_world *w = *state;
	struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "resolved", BEFORE, NULL, 0, NULL, NULL});
	struct change change = change_of(&stage, DID_ACK, 'P', THEN);
	char *known;

	desk_world_begin(w);
	puts_incident(w, stage.alert, "QNEWER", "triggered", BEFORE);
	desk_world_end(w, true);
	happens(w, &change);
	assert_status(w, &stage, ALERT_OPEN);
	assert_line(w, &stage, NULL);
	known = known_now(w, &stage);
	assert_string_equal(known, "acknowledged");
	free(known);
	change = change_of(&stage, DID_NOTE, 'P', THEN);
	happens(w, &change);
	assert_line(w, &stage, "Note by <@U0BOB> in PagerDuty: looked at it");
}

/* ---- our own doing ------------------------------------------------------------------------------------------------ */

/* Three alerts in one incident: Alice acked the first here. */
static void ack__of_ours__is_followed_by_the_others_of_its_incident(void **state)
{
	struct desk_world *w = *state;
	const struct stage ours = stages(w, &(struct given){ALERT_ACKED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, "QGROUP"});
	const struct stage second = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, "QGROUP"});
	const struct stage third = stages(w, &(struct given){ALERT_RESOLVED, "resolved", "triggered", BEFORE, "slack", BEFORE, NULL, "QGROUP"});
	struct change ack = change_of(&ours, DID_ACK, 'P', THEN);
	struct alert *alert;

	ack.agent_id = "PALICE1";
	ack.agent_name = "Alice Example";
	desk_world_begin(w);
	assert_true(storage_add_intent(w->storage, "QGROUP", "ack", "PALICE1", NOON - 12, NULL));
	desk_world_end(w, true);
	happens(w, &ack);
	assert_line(w, &ours, NULL);
	alert = now_of(w, &ours);
	assert_string_equal(alert->page_status, "acknowledged");
	alert_free(alert);
	assert_status(w, &second, ALERT_ACKED);
	assert_line(w, &second, "Acked by <@U0ALICE> in PagerDuty");
	assert_status(w, &third, ALERT_RESOLVED);
	assert_line(w, &third, NULL);
}

/* What is still on its way says more than what comes back. */
static void echo__of_an_ack_that_was_taken_back_since__changes_nothing(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change ack = change_of(&stage, DID_ACK, 'P', NOON);

	assert_true(acts(w, &stage, "ack"));
	assert_true(acts(w, &stage, "unack"));
	desk_world_begin(w);
	assert_true(storage_add_intent(w->storage, stage.incident, "ack", "PALICE1", NOON, NULL));
	desk_world_end(w, true);
	ack.agent_id = "PALICE1";
	happens(w, &ack);
	assert_status(w, &stage, ALERT_OPEN);
}

static void intent__of_somebody_else_or_used_up_or_old__is_no_echo(void **state)
{
	static const struct {
		const char *by;
		int64_t at;
		bool is_echo;
		int64_t late_s; /* it is told so long after it was done */
	} cases[] = {
	    {"PBOB123", NOON - 12, true, 0},
	    {NULL, NOON - 12, true, 0},
	    {"PALICE1", NOON - 12, false, 0},
	    {"PBOB123", THEN - INTENT_KEEP_S - 1, false, 0},
	    {"PBOB123", NOON - 12, true, 2 * INTENT_KEEP_S},
	    {"PBOB123", NOON - 12, true, 2 * 86400},
	    {"PALICE1", NOON - 12, false, 2 * INTENT_KEEP_S},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		struct change note = change_of(&stage, DID_NOTE, 'P', THEN);
		char name[32];

		change_name(DID_NOTE, "looked at it", name);
		desk_world_begin(w);
		assert_true(storage_add_intent(w->storage, stage.incident, name, cases[i].by, cases[i].at, NULL));
		desk_world_end(w, true);
		w->desk->now += cases[i].late_s;
		happens(w, &note);
		assert_line(w, &stage, cases[i].is_echo ? NULL : "Note by <@U0BOB>");
		/* Taken once: the next is news, if it is not of the same words at once. */
		w->desk->now += NOTE_KEPT;
		note.at = w->desk->now;
		happens(w, &note);
		w->desk->now -= NOTE_KEPT + cases[i].late_s;
		assert_int_equal(heard(w, &stage).lines, cases[i].is_echo ? 1 : 2);
	}
}

/* ---- merging ------------------------------------------------------------------------------------------------------- */

static struct change merge_of(const struct stage *stage, const char *into)
{
	struct change change = change_of(stage, DID_MERGE, 'P', THEN);

	change.into = into;
	change.into_number = 123;
	change.status = "resolved";
	return change;
}

static char *newest_of(struct desk_world *w, const struct stage *stage)
{
	struct incident incident;
	char *id;

	assert_true(storage_incident(w->storage, stage->alert, &incident));
	id = xstrdup(incident.id);
	incident_fini(&incident);
	return id;
}

static void merge__in_each_state__is_told_and_repoints(void **state)
{
	struct desk_world *w = *state;

	for (size_t i = 0; i < 5; i++) {
		const struct pair pair = {DID_MERGE, 'P', here_letters[i], 'L', NULL};
		const struct given given = given_of(&pair);
		const struct stage stage = stages(w, &given);
		const struct change merge = merge_of(&stage, "QINTO01");
		struct last_event last;
		char *newest, *known;

		happens(w, &merge);
		assert_status(w, &stage, given.status);
		assert_line(w, &stage, "Merged into #123 by <@U0BOB> in PagerDuty");
		last = since(w, &stage);
		assert_string_equal(last.what, "noted");
		assert_string_equal(last.note, "merged into #123");
		last_event_fini(&last);
		newest = newest_of(w, &stage);
		assert_string_equal(newest, "QINTO01");
		known = known_now(w, &stage);
		assert_string_equal(known, "resolved");
		free(newest);
		free(known);
		/* Told again, also as a mere resolving, also by the other way. */
		for (int d = 0; d < 2; d++) {
			struct change again = merge;
			struct print before = print_of(w, &stage), after;

			again.at += d;
			happens(w, &again);
			again.did = DID_RESOLVE;
			happens(w, &again);
			after = print_of(w, &stage);
			assert_true(print_equal(&before, &after));
			print_fini(&before);
			print_fini(&after);
		}
		/* What follows is the other's. */
		struct change ack = change_of(&stage, DID_NOTE, 'P', NOON - 5);

		ack.incident = "QINTO01";
		ack.note = i == 0 ? "to the first" : i == 1 ? "to the second" : NULL;
		happens(w, &ack);
		assert_status(w, &stage, given.status);
	}
}

/* The log did not know that it was a merging. */
static void merge__told_as_a_resolving_before__opens_it_again(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change change = change_of(&stage, DID_RESOLVE, 'P', THEN);
	struct alert *alert;
	char *newest;

	happens(w, &change);
	assert_status(w, &stage, ALERT_RESOLVED);
	change = merge_of(&stage, "QINTO02");
	change.at = THEN + 1;
	happens(w, &change);
	alert = now_of(w, &stage);
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_string_equal(alert->page_status, "triggered");
	alert_free(alert);
	newest = newest_of(w, &stage);
	assert_string_equal(newest, "QINTO02");
	free(newest);
}

static void merge__into_nothing_or_itself__is_asked_for(void **state)
{
	static const char *const bad[] = {NULL, "", "../users", "Q1 2", "self"};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		const struct change merge = merge_of(&stage, text_equal(bad[i], "self") ? stage.incident : bad[i]);
		char *newest;

		happens(w, &merge);
		assert_status(w, &stage, ALERT_OPEN);
		assert_line(w, &stage, NULL);
		assert_int_equal(heard(w, &stage).looks, 1);
		newest = newest_of(w, &stage);
		assert_string_equal(newest, stage.incident);
		free(newest);
	}
}

/* Merged there, the target is reopened and merged back: no end of it, and no loop. */
static void merge__to_and_fro__ends_with_the_last(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change merge = merge_of(&stage, "QBACK01");
	struct change ack = change_of(&stage, DID_ACK, 'P', NOON - 2);
	char *url;

	happens(w, &merge);
	merge.incident = "QBACK01";
	merge.into = stage.incident;
	merge.at = THEN + 5;
	happens(w, &merge);
	happens(w, &ack);
	assert_status(w, &stage, ALERT_ACKED);
	url = incident_url(w->desk, stage.alert);
	assert_string_equal(url, "https://sim.pagerduty.com/incidents/Q1");
	free(url);
}

/* ---- as it stands there -------------------------------------------------------------------------------------------- */

struct object {
	const char *id, *status, *since; /* SINCE: last_status_change_at; NULL: not told */
	const char *by;                  /* JSON of last_status_change_by */
	int count;                       /* alerts in it; 0: not told */
	const char *more;                /* members more */
};
#define BY_BOB "{\"id\":\"PBOB123\",\"type\":\"user_reference\",\"summary\":\"Bob Example\"}"
#define BY_SERVICE "{\"id\":\"PSVCSEC\",\"type\":\"service_reference\",\"summary\":\"Security\"}"
#define BY_EVENT "{\"id\":\"PINTEG1\",\"type\":\"inbound_integration_reference\",\"summary\":\"Events\"}"

static void reads_object(struct desk_world *w, const struct object *object)
{
	char *since = object->since != NULL ? xasprintf(",\"last_status_change_at\":\"%s\"", object->since) : xstrdup("");
	char *by = object->by != NULL ? xasprintf(",\"last_status_change_by\":%s", object->by) : xstrdup("");
	char *count = object->count > 0 ? xasprintf(",\"alert_counts\":{\"all\":%d}", object->count) : xstrdup("");
	char *json = xasprintf("{\"id\":\"%s\",\"type\":\"incident\",\"incident_number\":42,\"html_url\":\"https://x.pagerduty.com/i/42\","
			       "\"service\":{\"id\":\"PSVCSEC\",\"type\":\"service_reference\"},\"status\":\"%s\"%s%s%s%s}",
	    object->id, object->status, since, by, count, object->more != NULL ? object->more : "");

	reads(w, json);
	free(json);
	free(count);
	free(by);
	free(since);
}

#define AT_11_58_20 "2026-03-02T11:58:20Z" /* BEFORE */
#define AT_11_58_00 "2026-03-02T11:58:00Z"
#define AT_11_59_50 "2026-03-02T11:59:50Z" /* THEN */

static void reading__in_each_state__is_followed_or_told_again(void **state)
{
	static const struct {
		const char *name;
		struct given given;
		const char *status, *since, *by;
		int count;
		enum alert_status end;
		const char *line;
		size_t again;
	} cases[] = {
	    {"agrees, open", {ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "triggered", AT_11_59_50, BY_BOB, 1,
		ALERT_OPEN, NULL, 0},
	    {"agrees, acked", {ALERT_ACKED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "acknowledged", AT_11_59_50,
		BY_BOB, 1, ALERT_ACKED, NULL, 0},
	    {"agrees, resolved", {ALERT_RESOLVED, "resolved", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "resolved", AT_11_59_50,
		BY_BOB, 1, ALERT_RESOLVED, NULL, 0},
	    {"agrees, claimed", {ALERT_CLAIMED, "resolved", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "resolved", AT_11_59_50,
		BY_BOB, 1, ALERT_CLAIMED, NULL, 0},
	    {"acked there, unheard", {ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "acknowledged", AT_11_59_50, BY_BOB,
		1, ALERT_ACKED, "Acked by <@U0BOB> in PagerDuty", 0},
	    {"acked there since", {ALERT_OPEN, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "acknowledged", AT_11_59_50,
		BY_BOB, 1, ALERT_ACKED, "Acked by <@U0BOB> in PagerDuty", 0},
	    {"acked there before", {ALERT_OPEN, "triggered", "triggered", TIME_NONE, "slack", BEFORE, NULL, NULL}, "acknowledged",
		AT_11_58_00, BY_BOB, 1, ALERT_OPEN, NULL, 1},
	    {"ran out", {ALERT_ACKED, "acknowledged", "acknowledged", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered", AT_11_59_50,
		BY_SERVICE, 1, ALERT_OPEN, "The acknowledgement ran out", 0},
	    {"unacked there", {ALERT_ACKED, "acknowledged", "acknowledged", BEFORE, "pagerduty", BEFORE, NULL, NULL}, "triggered",
		AT_11_59_50, BY_BOB, 1, ALERT_OPEN, "Un-acked by <@U0BOB> in PagerDuty", 0},
	    {"acked here since", {ALERT_ACKED, "triggered", "triggered", TIME_NONE, "api", BEFORE, NULL, NULL}, "triggered", AT_11_58_00,
		BY_SERVICE, 1, ALERT_ACKED, NULL, 1},
	    {"resolved there", {ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "resolved", AT_11_59_50, BY_BOB, 1,
		ALERT_RESOLVED, "Resolved by <@U0BOB> in PagerDuty", 0},
	    {"resolved there by an event", {ALERT_ACKED, "acknowledged", "acknowledged", BEFORE, NULL, 0, NULL, NULL}, "resolved",
		AT_11_59_50, BY_EVENT, 1, ALERT_RESOLVED, "Resolved in PagerDuty by an integration", 0},
	    {"resolved by itself", {ALERT_ACKED, "acknowledged", "acknowledged", BEFORE, NULL, 0, NULL, NULL}, "resolved", AT_11_59_50,
		NULL, 1, ALERT_RESOLVED, "PagerDuty resolved it by itself", 0},
	    {"resolved there, acked here later", {ALERT_ACKED, "triggered", "triggered", TIME_NONE, "slack", BEFORE, NULL, NULL}, "resolved",
		AT_11_58_00, BY_BOB, 1, ALERT_RESOLVED, "Resolved by <@U0BOB> in PagerDuty", 0},
	    {"reopened there", {ALERT_RESOLVED, "resolved", "resolved", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered", AT_11_59_50,
		BY_BOB, 1, ALERT_OPEN, "Reopened by <@U0BOB> in PagerDuty", 0},
	    {"reopened and acked there", {ALERT_RESOLVED, "resolved", "resolved", BEFORE, "slack", BEFORE, NULL, NULL}, "acknowledged",
		AT_11_59_50, BY_BOB, 1, ALERT_ACKED, "Reopened and acked by <@U0BOB>", 0},
	    {"our resolve is lost", {ALERT_RESOLVED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered",
		AT_11_58_20, BY_SERVICE, 1, ALERT_RESOLVED, NULL, 1},
	    {"our resolve is lost, and acked there", {ALERT_RESOLVED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL},
		"acknowledged", AT_11_59_50, BY_BOB, 1, ALERT_RESOLVED, NULL, 1},
	    {"its source's end is lost", {ALERT_RESOLVED, "triggered", "triggered", BEFORE, "headsup", BEFORE, NULL, NULL}, "triggered",
		AT_11_58_20, BY_SERVICE, 1, ALERT_RESOLVED, NULL, 1},
	    {"the others of its incident go on", {ALERT_RESOLVED, "resolved", "triggered", BEFORE, "slack", BEFORE, NULL, NULL},
		"acknowledged", AT_11_59_50, BY_BOB, 3, ALERT_RESOLVED, NULL, 0},
	    {"resolved by an event, reopened", {ALERT_RESOLVED, "resolved", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered",
		AT_11_59_50, BY_BOB, 1, ALERT_OPEN, "Reopened by <@U0BOB> in PagerDuty", 0},
	    {"ended there unheard, and taken out of hand here", {ALERT_OPEN, "acknowledged", "resolved", THEN, "slack", THEN, NULL, NULL},
		"resolved", AT_11_59_50, BY_BOB, 1, ALERT_RESOLVED, "Resolved by <@U0BOB> in PagerDuty", 0},
	    {"ended there, reopened unheard", {ALERT_RESOLVED, "triggered", "triggered", BEFORE, "pagerduty", BEFORE, NULL, NULL}, "triggered",
		AT_11_59_50, BY_BOB, 1, ALERT_OPEN, "Reopened by <@U0BOB> in PagerDuty", 0},
	    {"ended there, reopened and acked unheard", {ALERT_RESOLVED, "acknowledged", "acknowledged", BEFORE, "pagerduty", BEFORE, NULL, NULL},
		"acknowledged", AT_11_59_50, BY_BOB, 1, ALERT_ACKED, "Reopened and acked by <@U0BOB>", 0},
	    {"claimed, our resolve is lost", {ALERT_CLAIMED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered",
		AT_11_58_20, BY_SERVICE, 1, ALERT_CLAIMED, NULL, 1},
	    {"claimed, reopened", {ALERT_CLAIMED, "resolved", "resolved", BEFORE, "slack", BEFORE, NULL, NULL}, "triggered", AT_11_59_50,
		BY_BOB, 1, ALERT_CLAIMED, "here it stays claimed", 0},
	    {"expected, resolved there", {ALERT_EXPECTED, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "resolved", AT_11_59_50,
		BY_BOB, 1, ALERT_RESOLVED, NULL, 0},
	    {"expected, acked there", {ALERT_EXPECTED, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "acknowledged", AT_11_59_50,
		BY_BOB, 1, ALERT_EXPECTED, NULL, 0},
	    {"fired anew", {ALERT_OPEN, "triggered", "resolved", BEFORE, "headsup", BEFORE, NULL, NULL}, "resolved", AT_11_58_20, BY_EVENT,
		1, ALERT_OPEN, NULL, 0},
	    {"fired anew, its end unheard", {ALERT_OPEN, "triggered", "triggered", TIME_NONE, "headsup", BEFORE, NULL, NULL}, "acknowledged",
		AT_11_58_00, BY_EVENT, 1, ALERT_OPEN, NULL, 0},
	    {"read before what is known, in its second", {ALERT_RESOLVED, "resolved", "resolved", THEN, "slack", THEN, NULL, NULL}, "triggered",
		AT_11_59_50, BY_EVENT, 1, ALERT_RESOLVED, NULL, 0},
	    {"read before what is known", {ALERT_RESOLVED, "resolved", "resolved", THEN, "pagerduty", THEN, NULL, NULL}, "triggered",
		AT_11_58_20, BY_BOB, 1, ALERT_RESOLVED, NULL, 0},
	    {"since when is not told", {ALERT_OPEN, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "acknowledged", NULL,
		BY_BOB, 1, ALERT_OPEN, NULL, 0},
	    {"of the far future", {ALERT_OPEN, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL}, "acknowledged",
		"9999-12-31T23:59:59Z", BY_BOB, 1, ALERT_ACKED, "Acked by <@U0BOB>", 0},
	    {"no status", {ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL}, "exploded", AT_11_59_50, BY_BOB, 1, ALERT_OPEN,
		NULL, 0},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stage stage = stages(w, &cases[i].given);
		const struct object object = {stage.incident, cases[i].status, cases[i].since, cases[i].by, cases[i].count, NULL};
		struct print once, twice;
		struct alert *alert;
		struct said said;

		reads_object(w, &object);
		alert = now_of(w, &stage);
		said = said_of(w, &stage);
		if (alert->status != cases[i].end)
			fail_msg("%s: it is %s", cases[i].name, alert_status_name(alert->status));
		if (said.lines != (cases[i].line != NULL) || (cases[i].line != NULL && strstr(said.line, cases[i].line) == NULL))
			fail_msg("%s: its thread says %s", cases[i].name, said.line);
		if (said.again != cases[i].again)
			fail_msg("%s: PagerDuty is told %zu times", cases[i].name, said.again);
		once = print_of(w, &stage);
		reads_object(w, &object);
		twice = print_of(w, &stage);
		if (!print_equal(&once, &twice))
			fail_msg("%s: read again, something happens", cases[i].name);
		print_fini(&once);
		print_fini(&twice);
		free(said.line);
		alert_free(alert);
	}
}

static void drops_deeds(struct desk_world *w, const struct stage *stage)
{
	struct said said;

	do {
		int64_t id = stage->words;

		desk_world_begin(w);
		while (id < words_so_far(w, stage->words)) {
			struct word *word = storage_word(w->storage, ++id);

			if (word != NULL && strcmp(word->kind, WORD_DEED) == 0)
				assert_true(storage_remove_word(w->storage, id, NULL));
			word_free(word);
		}
		desk_world_end(w, true);
		said = said_of(w, stage);
		free(said.line);
	} while (said.deeds > 0);
}

/* PagerDuty does not take it, whatever we say: that ends. */
static void reading__that_never_agrees__is_told_again_a_few_times(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_RESOLVED, "triggered", "triggered", BEFORE, "slack", BEFORE, NULL, NULL});
	const struct object object = {stage.incident, "triggered", AT_11_58_20, BY_SERVICE, 1, NULL};
	size_t told = 0;

	for (int i = 0; i < 10; i++) {
		struct said said;

		reads_object(w, &object);
		said = said_of(w, &stage);
		told += said.again;
		free(said.line);
		drops_deeds(w, &stage);
	}
	assert_int_equal(told, DEED_AGAIN_MAX);
	assert_status(w, &stage, ALERT_RESOLVED);
	assert_line(w, &stage, NULL);
}

/* What was done here is still on its way. */
static void reading__while_a_deed_is_under_way__changes_nothing(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	const struct object object = {stage.incident, "triggered", "2026-03-02T12:00:00Z", BY_BOB, 1, NULL};

	assert_true(acts(w, &stage, "ack"));
	reads_object(w, &object);
	assert_status(w, &stage, ALERT_ACKED);
	assert_int_equal(heard(w, &stage).again, 0);
}

static void reading__of_what_was_merged__repoints_once(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_ACKED, "acknowledged", "acknowledged", BEFORE, "slack", BEFORE, NULL, NULL});
	const struct object object = {stage.incident, "resolved", AT_11_59_50, BY_BOB, 1,
	    ",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"QINTO03\",\"type\":\"incident_reference\"}}"};
	char *newest;

	for (int i = 0; i < 3; i++)
		reads_object(w, &object);
	assert_status(w, &stage, ALERT_ACKED);
	assert_line(w, &stage, "Merged into another incident by <@U0BOB> in PagerDuty");
	newest = newest_of(w, &stage);
	assert_string_equal(newest, "QINTO03");
	free(newest);
}

static void reading__tells_what_it_is__and_is_kept(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct incident incident;

	reads_object(w, &(struct object){stage.incident, "triggered", AT_11_59_50, BY_SERVICE, 1,
				",\"escalation_policy\":{\"id\":\"PPOLICY\",\"type\":\"escalation_policy_reference\"}"});
	assert_true(storage_incident(w->storage, stage.alert, &incident));
	assert_int_equal(incident.number, 42);
	assert_string_equal(incident.url, "https://x.pagerduty.com/i/42");
	assert_string_equal(incident.service, "PSVCSEC");
	assert_string_equal(incident.policy, "PPOLICY");
	assert_int_equal(incident.status_at, THEN);
	incident_fini(&incident);
}

static void reading__of_anything__does_no_harm(void **state)
{
	static const char *const objects[] = {"{}", "[]", "null", "1", "\"x\"", "{\"id\":null}", "{\"id\":\"../x\"}", "{\"id\":\"QNOBODYS\"}",
	    "{\"id\":\"QNOBODYS\",\"status\":1,\"alert_counts\":[],\"last_status_change_by\":\"x\"}",
	    "{\"id\":\"QKNOWN1\",\"status\":{},\"alert_counts\":{\"all\":-5},\"resolve_reason\":7,\"service\":{\"id\":\"a b\"},\"html_url\":[]}",
	    ("{\"id\":\"QKNOWN1\",\"status\":\"resolved\",\"last_status_change_at\":7,\"last_status_change_by\":{\"type\":4},"
	     "\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"QKNOWN1\"}}}")};
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, "QKNOWN1"});
	struct incident incident;

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		reads(w, objects[i]);
	assert_true(storage_incident(w->storage, stage.alert, &incident));
	assert_null(incident.service);
	assert_string_equal(incident.id, "QKNOWN1");
	incident_fini(&incident);
	assert_status(w, &stage, ALERT_RESOLVED);
}

/* ---- hostile --------------------------------------------------------------------------------------------------------- */

static void note__with_hostile_words__is_inert_and_bounded(void **state)
{
	static const struct {
		const char *note, *line; /* LINE NULL: nothing dangerous in it */
	} cases[] = {
	    {"<!channel> help", "&lt;!channel&gt; help"},
	    {"<@U0ALICE> & <https://evil.example|ok>", "&amp;"},
	    {"two\nlines\r\nhere", NULL},
	    {"bell \a, escape \033[31m, bidi \xe2\x80\xae!", NULL},
	    {"broken \xff\xfe utf-8", NULL},
	    {"\xe2\x80\x8b", NULL},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		struct change note = change_of(&stage, DID_NOTE, 'P', THEN);
		struct said said;

		note.note = cases[i].note;
		happens(w, &note);
		said = said_of(w, &stage);
		assert_int_equal(said.lines, 1);
		assert_null(strstr(said.line, "<!channel"));
		assert_null(strstr(said.line, "<@U0ALICE"));
		assert_null(strstr(said.line, "<https"));
		assert_false(text_has_invisible(said.line));
		if (cases[i].line != NULL)
			assert_non_null(strstr(said.line, cases[i].line));
		free(said.line);
	}
}

static void note__of_100_kilobytes__is_cut_everywhere(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change note = change_of(&stage, DID_NOTE, 'P', THEN);
	char *text = xcalloc(100001, 1);
	struct last_event last;
	struct said said;

	memset(text, '&', 100000);
	note.note = text;
	note.agent_name = text;
	note.agent_id = NULL;
	happens(w, &note);
	said = said_of(w, &stage);
	assert_int_equal(said.lines, 1);
	assert_true(strlen(said.line) < 64 << 10);
	last = since(w, &stage);
	assert_true(strlen(last.note) < 8192);
	assert_true(strlen(last.who) < 1024);
	last_event_fini(&last);
	free(said.line);
	free(text);
}

static void names__of_100_kilobytes__are_cut_where_they_are_kept(void **state)
{
	struct desk_world *w = *state;
	char *text = xcalloc(100001, 1);

	memset(text, 'x', 100000);
	for (int did = DID_TRIGGER; did <= DID_OTHER; did++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		struct change change = change_of(&stage, (enum did)did, 'P', THEN);
		struct alert *alert;

		change.agent_name = change.to_name = change.note = change.status = change.into = text;
		change.agent_id = change.to_id = text;
		happens(w, &change);
		alert = now_of(w, &stage);
		assert_true(alert->assignee == NULL || strlen(alert->assignee) < 1024);
		assert_true(alert->changed_by == NULL || strlen(alert->changed_by) < 1024);
		alert_free(alert);
	}
	free(text);
}

static void change__of_no_incident_or_nobodys__is_no_error(void **state)
{
	static const char *const ids[] = {NULL, "", "QNOTHERE", "../incidents", "Q1?x=y", "Q1/merge", "Q 1", "\n",
	    "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"};
	struct desk_world *w = *state;
	const int64_t before = words_so_far(w, 0);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct stage stage = {0};
		struct change change = change_of(&stage, DID_RESOLVE, 'P', THEN);

		change.incident = ids[i];
		happens(w, &change);
	}
	assert_int_equal(words_so_far(w, 0), before);
}

static void change__of_an_unknown_kind__is_nothing(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change change = change_of(&stage, DID_RESOLVE, 'P', THEN);

	change.did = (enum did)99;
	happens(w, &change);
	change.did = DID_RESOLVE;
	change.agent = (enum agent)7;
	happens(w, &change);
	assert_status(w, &stage, ALERT_OPEN);
}

static void change__of_any_time__is_never_later_than_now(void **state)
{
	static const int64_t times[] = {TIME_NONE, 0, NOON + 86400, NOON + 1, INT64_MAX, INT64_MAX - 1, INT64_MIN + 1, 253402300799};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", TIME_NONE, NULL, 0, NULL, NULL});
		const struct change ack = change_of(&stage, DID_ACK, 'P', times[i]);
		struct print once, twice;
		struct incident incident;
		struct alert *alert;

		happens(w, &ack);
		alert = now_of(w, &stage);
		assert_int_equal(alert->status, ALERT_ACKED);
		assert_true(alert->changed_at <= NOON);
		assert_true(storage_incident(w->storage, stage.alert, &incident));
		assert_true(incident.status_at <= NOON + 600);
		once = print_of(w, &stage);
		happens(w, &ack);
		twice = print_of(w, &stage);
		assert_true(print_equal(&once, &twice));
		print_fini(&once);
		print_fini(&twice);
		incident_fini(&incident);
		alert_free(alert);
	}
}

/* ---- notes ----------------------------------------------------------------------------------------------------------- */

static void change_name__of_notes__is_of_their_words_alone(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
	    {"looked at it", "looked at it", true},
	    {"looked at it", "  looked at\r\nit \n", true},
	    {"was a drill", "Resolution Note: was a drill", true},
	    {"looked at it", "looked at them", false},
	    {"", NULL, true},
	    {"a", "", false},
	};
	char a[32], b[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		change_name(DID_NOTE, cases[i].a, a);
		change_name(DID_NOTE, cases[i].b, b);
		assert_int_equal(strlen(a), 21);
		assert_int_equal(strcmp(a, b) == 0, cases[i].same);
	}
	change_name(DID_ACK, "whatever", a);
	assert_string_equal(a, "ack");
	change_name(DID_REASSIGN, NULL, a);
	assert_string_equal(a, "reassign");
}

/* PagerDuty's pages make a note of why it was resolved, before or after. */
static void resolve__with_a_note_that_comes_as_a_note_too__tells_it_once(void **state)
{
	struct desk_world *w = *state;

	for (int i = 0; i < 2; i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		struct change resolve = change_of(&stage, DID_RESOLVE, 'P', THEN), note = change_of(&stage, DID_NOTE, 'P', THEN + 1);
		struct said said;

		resolve.note = "was a drill";
		note.note = "Resolution Note: was a drill";
		happens(w, i == 0 ? &resolve : &note);
		said = said_of(w, &stage);
		assert_non_null(strstr(said.line, "was a drill"));
		free(said.line);
		happens(w, i == 0 ? &note : &resolve);
		said = said_of(w, &stage);
		assert_int_equal(said.lines, i == 0 ? 1 : 2);
		assert_int_equal(strstr(said.line, "was a drill") != NULL, i == 0);
		free(said.line);
		assert_status(w, &stage, ALERT_RESOLVED);
	}
}

static void notes__of_two_people_or_other_words__are_all_told(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change note = change_of(&stage, DID_NOTE, 'P', THEN);
	struct said said;

	happens(w, &note);
	note.note = "and at that";
	happens(w, &note);
	note.agent_id = "PALICE1";
	happens(w, &note);
	said = said_of(w, &stage);
	assert_int_equal(said.lines, 3);
	free(said.line);
}

/* ---- to whom --------------------------------------------------------------------------------------------------------- */

static void reassign__to_two_within_a_second__tells_both(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change give = change_of(&stage, DID_REASSIGN, 'P', THEN);
	struct alert *alert;

	happens(w, &give);
	give.to_id = "PALICE1";
	give.to_name = "Alice Example";
	happens(w, &give);
	happens(w, &give);
	/* The other way does not say to whom. */
	give.to_id = give.to_name = NULL;
	happens(w, &give);
	alert = now_of(w, &stage);
	assert_string_equal(alert->assignee, "U0ALICE");
	assert_int_equal(heard(w, &stage).lines, 2);
	alert_free(alert);
}

static void reassign__told_late__does_not_take_it_from_the_next(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change give = change_of(&stage, DID_REASSIGN, 'P', THEN);
	struct alert *alert;

	happens(w, &give);
	give.at = THEN - 5;
	give.to_id = "PALICE1";
	give.to_name = "Alice Example";
	happens(w, &give);
	alert = now_of(w, &stage);
	assert_string_equal(alert->assignee, "U0CAROL");
	alert_free(alert);
}

/* Many incidents are given to somebody: what is remembered of it stays small. */
static void reassign__of_many__keeps_little(void **state)
{
	struct desk_world *w = *state;
	char *mark;

	for (int i = 0; i < 100; i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
		const struct change give = change_of(&stage, DID_REASSIGN, 'P', THEN);

		happens(w, &give);
	}
	mark = storage_mark(w->storage, "pagerduty.assigned");
	assert_non_null(mark);
	assert_true(strlen(mark) < 64 * 100);
	free(mark);
}

static void escalate__to_several__names_them(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change up = change_of(&stage, DID_ESCALATE, 'N', THEN);
	struct incident incident;

	up.to_name = "Carol Example, <!here>";
	up.level = 3;
	happens(w, &up);
	assert_line(w, &stage, "PagerDuty called the next: Carol Example, &lt;!here&gt;");
	assert_true(storage_incident(w->storage, stage.alert, &incident));
	assert_int_equal(incident.level, 3);
	incident_fini(&incident);
	/* In another order by the other way. */
	up.to_id = "PHERE01";
	up.to_name = "<!here>, Carol Example";
	happens(w, &up);
	assert_line(w, &stage, "PagerDuty called the next: Carol Example, &lt;!here&gt;");
}

static void stranger__who_acks_there__has_it_by_name(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	struct change ack = change_of(&stage, DID_ACK, 'P', THEN);
	struct alert *alert;

	ack.agent_id = "PDAVE99";
	ack.agent_name = "Dave *Example*";
	happens(w, &ack);
	alert = now_of(w, &stage);
	assert_string_equal(alert->assignee, "Dave *Example*");
	assert_string_equal(alert->changed_by, "Dave *Example*");
	alert_free(alert);
	assert_line(w, &stage, "Acked by Dave ");
}

/* ---- which incident -------------------------------------------------------------------------------------------------- */

static void links(struct desk_world *w, int64_t alert, const char *json)
{
	cJSON *object = cJSON_Parse(json);
	struct error err = {0};

	assert_non_null(object);
	desk_world_begin(w);
	if (!incident_link(w->desk, alert, object, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	cJSON_Delete(object);
}

static void link__of_an_incident__is_shown_once(void **state)
{
	struct desk_world *w = *state;
	struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", NULL, 0, NULL, 0, NULL, NULL});
	struct incident incident;
	struct print once, twice;
	struct alert *alert;
	char *url;

	links(w, stage.alert, "{\"id\":\"QLINK01\",\"number\":5,\"html_url\":\"https://x.pagerduty.com/i/5\",\"status\":\"acknowledged\","
			      "\"service\":{\"id\":\"PSVCSEC\"},\"escalation_policy\":{\"id\":\"PPOLICY\"}}");
	assert_true(storage_incident(w->storage, stage.alert, &incident));
	assert_string_equal(incident.id, "QLINK01");
	assert_int_equal(incident.number, 5);
	assert_string_equal(incident.status, "acknowledged");
	assert_string_equal(incident.service, "PSVCSEC");
	assert_string_equal(incident.policy, "PPOLICY");
	assert_int_equal(incident.linked_at, NOON);
	incident_fini(&incident);
	url = incident_url(w->desk, stage.alert);
	assert_string_equal(url, "https://x.pagerduty.com/i/5");
	free(url);
	assert_int_equal(heard(w, &stage).cards, 1);
	/* That somebody acked it is told by who tells changes. */
	alert = now_of(w, &stage);
	assert_int_equal(alert->status, ALERT_OPEN);
	assert_string_equal(alert->page_status, "acknowledged");
	alert_free(alert);
	snprintf(stage.incident, sizeof(stage.incident), "QLINK01");
	once = print_of(w, &stage);
	links(w, stage.alert, "{\"id\":\"QLINK01\",\"number\":5,\"status\":\"resolved\"}");
	twice = print_of(w, &stage);
	assert_true(print_equal(&once, &twice));
	print_fini(&once);
	print_fini(&twice);
	/* A reopening by an event made the next. */
	links(w, stage.alert, "{\"id\":\"QLINK02\",\"incident_number\":6,\"status\":\"triggered\"}");
	assert_true(storage_incident(w->storage, stage.alert, &incident));
	assert_string_equal(incident.id, "QLINK02");
	incident_fini(&incident);
	assert_null(incident_url(w->desk, stage.alert));
}

static void link__of_nonsense__is_nothing(void **state)
{
	static const char *const objects[] = {
	    "{}", "[]", "{\"id\":7}", "{\"id\":\"\"}", "{\"id\":\"../users\"}", "{\"id\":\"Q 1\"}", "null"};
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", NULL, 0, NULL, 0, NULL, NULL});
	struct incident incident;

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		links(w, stage.alert, objects[i]);
	links(w, 4242, "{\"id\":\"QLINK03\",\"status\":\"triggered\"}");
	assert_false(storage_incident(w->storage, stage.alert, &incident));
	assert_null(incident_url(w->desk, stage.alert));
	assert_null(incident_url(w->desk, 4242));
}

static void url__of_an_incident__is_https_or_nothing(void **state)
{
	static const struct {
		const char *url;
		bool is_shown;
	} cases[] = {
	    {"https://x.pagerduty.com/incidents/Q1", true},
	    {"http://x.pagerduty.com/incidents/Q1", false},
	    {"https://", false},
	    {"javascript:alert(1)", false},
	    {"https://x.example/a b", false},
	    {"https://x.example/a\nb", false},
	    {"https://x.example/|label>", false},
	    {"https://x.example/\xe2\x80\xae", false},
	    {"HTTPS://x.example/", false},
	    {"", false},
	    {NULL, false},
	};
	struct desk_world *w = *state;
	char *longest = xcalloc(5000, 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", NULL, 0, NULL, 0, NULL, NULL});
		const struct incident incident = {.alert = stage.alert, .id = "QURL001", .status = "triggered", .url = (char *)cases[i].url};
		char *url;

		desk_world_begin(w);
		assert_true(storage_put_incident(w->storage, &incident, NULL));
		desk_world_end(w, true);
		url = incident_url(w->desk, stage.alert);
		assert_int_equal(url != NULL, cases[i].is_shown);
		free(url);
	}
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", NULL, 0, NULL, 0, NULL, NULL});
	const struct incident incident = {.alert = stage.alert, .id = "QURL001", .status = "triggered", .url = longest};

	memset(longest, 'x', 4999);
	memcpy(longest, "https://", 8);
	desk_world_begin(w);
	assert_true(storage_put_incident(w->storage, &incident, NULL));
	desk_world_end(w, true);
	assert_null(incident_url(w->desk, stage.alert));
	free(longest);
}

/* ---- without REST API -------------------------------------------------------------------------------------------------- */

static void world_without_token__follows_webhooks_and_asks_nothing(void **state)
{
	struct desk_world *w;
	struct stage stage;
	struct change change;
	struct said said;
	char *text = xstrdup(config), *token = strstr(text, "api_token");

	desk_world_free(*state);
	memmove(token, strstr(token, "from:"), strlen(strstr(token, "from:")) + 1);
	*state = w = world_of(text);
	free(text);
	stage_words = 0;
	stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	change = change_of(&stage, DID_ACK, 'P', THEN - 20);
	happens(w, &change);
	assert_status(w, &stage, ALERT_ACKED);
	/* Its un-acking was lost; what comes next shows it. */
	change = change_of(&stage, DID_OTHER, 'P', THEN);
	change.status = "triggered";
	happens(w, &change);
	assert_status(w, &stage, ALERT_OPEN);
	change = change_of(&stage, DID_OTHER, 'P', THEN + 5);
	change.status = "resolved";
	happens(w, &change);
	assert_status(w, &stage, ALERT_RESOLVED);
	said = said_of(w, &stage);
	assert_non_null(strstr(said.line, "Resolved by somebody in PagerDuty"));
	assert_int_equal(said.deeds, 0);
	free(said.line);
}

/* ---- clocks ----------------------------------------------------------------------------------------------------------- */

/* PagerDuty has heard of what was done here: what it tells to be later is later, whatever our clock says. */
static void change__by_a_clock_that_differs__is_followed_in_its_order(void **state)
{
	static const int64_t skews[] = {30, -30, 300, -300};
	static const struct {
		enum alert_status here, end;
		const char *there;
		enum did did;
	} cases[] = {
	    {ALERT_ACKED, ALERT_OPEN, "acknowledged", DID_UNACK},
	    {ALERT_RESOLVED, ALERT_OPEN, "resolved", DID_REOPEN},
	    {ALERT_OPEN, ALERT_ACKED, "triggered", DID_ACK},
	    {ALERT_OPEN, ALERT_RESOLVED, "triggered", DID_RESOLVE},
	    {ALERT_ACKED, ALERT_OPEN, "acknowledged", DID_ESCALATE},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
			/* Done here at NOON by our clock, there at NOON + skew by theirs; a second later this. */
			const struct stage stage = stages(
			    w, &(struct given){cases[j].here, cases[j].there, cases[j].there, NOON + skews[i], "slack", NOON, NULL, NULL});
			const struct change change = change_of(&stage, cases[j].did, 'P', NOON + skews[i] + 1);

			happens(w, &change);
			assert_status(w, &stage, cases[j].end);
			assert_int_equal(heard(w, &stage).deeds, 0);
		}
	}
}

/* Faster than webhook and log may differ: what is taken for a repetition, and is none, is asked for. */
static void change__undone_and_done_again_at_once__is_asked_for(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, NULL});
	const enum did dids[] = {DID_RESOLVE, DID_REOPEN, DID_RESOLVE};
	struct change change;

	for (int i = 0; i < 3; i++) {
		change = change_of(&stage, dids[i], 'P', THEN + i);
		happens(w, &change);
		assert_int_equal(heard(w, &stage).looks, i == 2);
	}
	/* A mere repetition is not. */
	drops_deeds(w, &stage);
	change = change_of(&stage, DID_RESOLVE, 'P', THEN);
	happens(w, &change);
	assert_int_equal(heard(w, &stage).looks, 0);
	assert_status(w, &stage, ALERT_OPEN);
}

/* The look is a word that reads the incident. */
static void look__when_its_turn_comes__reads_the_incident(void **state)
{
	struct desk_world *w = *state;
	const struct stage stage = stages(w, &(struct given){ALERT_RESOLVED, "resolved", "resolved", THEN, "pagerduty", THEN, NULL, NULL});
	const struct change ack = change_of(&stage, DID_ACK, 'P', THEN);
	struct spoken spoken = {0};
	struct error err = {0};
	struct word *word;
	char *path;

	happens(w, &ack);
	word = storage_word(w->storage, words_so_far(w, stage.words));
	assert_non_null(word);
	desk_world_begin(w);
	assert_true(word_render(w->desk, word, &spoken, &err));
	desk_world_end(w, true);
	path = xasprintf("/incidents/%s", stage.incident);
	assert_string_equal(spoken.verb, "GET");
	assert_string_equal(spoken.method, path);
	free(path);
	spoken_fini(&spoken);
	word_free(word);
}

/* One incident of three alerts: one person's act is all of theirs, told in each thread once. */
static void changes__of_a_group__are_followed_by_each(void **state)
{
	static const struct {
		enum did did;
		enum alert_status end;
		const char *line;
	} cases[] = {
	    {DID_ACK, ALERT_ACKED, "Acked by <@U0BOB>"},
	    {DID_RESOLVE, ALERT_RESOLVED, "Resolved by <@U0BOB>"},
	    {DID_NOTE, ALERT_OPEN, "looked at it"},
	    {DID_MERGE, ALERT_OPEN, "Merged into #123"},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[16];
		struct stage all[3];
		struct change change;

		snprintf(id, sizeof(id), "QGROUP%zu", i);
		for (int j = 0; j < 3; j++)
			all[j] = stages(w, &(struct given){ALERT_OPEN, "triggered", "triggered", BEFORE, NULL, 0, NULL, id});
		for (int twice = 0; twice < 2; twice++) {
			change = cases[i].did == DID_MERGE ? merge_of(&all[0], "QINTO09") : change_of(&all[0], cases[i].did, 'P', THEN);
			happens(w, &change);
		}
		for (int j = 0; j < 3; j++) {
			assert_status(w, &all[j], cases[i].end);
			assert_line(w, &all[j], cases[i].line);
		}
	}
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup_words, teardown)
	const struct CMUnitTest tests[] = {
	    T(change__of_each_kind_in_each_state__is_followed_as_the_table_says),
	    T(change__told_twice_or_by_the_other_way__happens_once),
	    T(change__older_than_what_pagerduty_shows__changes_nothing),
	    T(change__older_than_what_was_done_here__does_not_undo_it),
	    T(change__that_we_made_ourselves__is_not_told),
	    T(change__of_what_fired_again_since__reopens_nothing),
	    T(changes__told_in_the_wrong_order__end_as_the_last),
	    T(changes__of_one_second_in_the_wrong_order__are_asked_for),
	    T(changes__of_one_second_told_again_and_again__are_asked_for_once),
	    T(ack__of_the_second_of_the_resolving__reopens_nothing),
	    T(resolve__told_after_a_reopening_here__does_not_undo_it),
	    T(resolve__told_after_a_later_ack_here__holds),
	    T(change__of_the_incident_before__leaves_what_fired_anew),
	    T(change__of_an_older_incident__is_kept_and_its_notes_told),
	    T(ack__of_ours__is_followed_by_the_others_of_its_incident),
	    T(echo__of_an_ack_that_was_taken_back_since__changes_nothing),
	    T(intent__of_somebody_else_or_used_up_or_old__is_no_echo),
	    T(merge__in_each_state__is_told_and_repoints),
	    T(merge__told_as_a_resolving_before__opens_it_again),
	    T(merge__into_nothing_or_itself__is_asked_for),
	    T(merge__to_and_fro__ends_with_the_last),
	    T(reading__in_each_state__is_followed_or_told_again),
	    T(reading__that_never_agrees__is_told_again_a_few_times),
	    T(reading__while_a_deed_is_under_way__changes_nothing),
	    T(reading__of_what_was_merged__repoints_once),
	    T(reading__tells_what_it_is__and_is_kept),
	    T(reading__of_anything__does_no_harm),
	    T(note__with_hostile_words__is_inert_and_bounded),
	    T(note__of_100_kilobytes__is_cut_everywhere),
	    T(names__of_100_kilobytes__are_cut_where_they_are_kept),
	    T(change__of_no_incident_or_nobodys__is_no_error),
	    T(change__of_an_unknown_kind__is_nothing),
	    T(change__of_any_time__is_never_later_than_now),
	    T(change_name__of_notes__is_of_their_words_alone),
	    T(resolve__with_a_note_that_comes_as_a_note_too__tells_it_once),
	    T(notes__of_two_people_or_other_words__are_all_told),
	    T(reassign__to_two_within_a_second__tells_both),
	    T(reassign__told_late__does_not_take_it_from_the_next),
	    T(reassign__of_many__keeps_little),
	    T(escalate__to_several__names_them),
	    T(stranger__who_acks_there__has_it_by_name),
	    T(link__of_an_incident__is_shown_once),
	    T(link__of_nonsense__is_nothing),
	    T(url__of_an_incident__is_https_or_nothing),
	    T(world_without_token__follows_webhooks_and_asks_nothing),
	    T(change__by_a_clock_that_differs__is_followed_in_its_order),
	    T(change__undone_and_done_again_at_once__is_asked_for),
	    T(look__when_its_turn_comes__reads_the_incident),
	    T(changes__of_a_group__are_followed_by_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
