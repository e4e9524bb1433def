#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/log.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/page.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/incidents.h"
#include "handlers/words.h"

#define STEPS_MAX 16
#define TEXTS_MAX 8
#define TEXT_MAX 4096

static const char with_from[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\", api_token: \"pd-test-token-000000\", from: bot@example.com}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\", page: {routing_key: \"dddddddddddddddddddddddddddddddd\"}}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n"
    "  - {slack: U0MALLORY, email: mallory@example.com, logins: [mallory]}\n";
static const char without_from[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\", api_token: \"pd-test-token-000000\"}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\", page: {routing_key: \"dddddddddddddddddddddddddddddddd\"}}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0MALLORY, email: mallory@example.com, logins: [mallory]}\n";
static const char without_rest[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\"}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\", page: {routing_key: \"dddddddddddddddddddddddddddddddd\"}}\n";

/* What PagerDuty is asked, and what it says. */
struct call {
	const char *what; /* "PUT /incidents/Q1"; NULL: the end */
	const char *from; /* NULL: nobody */
	const char *body; /* JSON; NULL: none */
	int status;       /* 0: 200 */
	const char *says;
};
struct scenario {
	const char *name;
	const char *config; /* NULL: with_from */
	enum alert_status stands; /* the alert here, when the deed's turn has come */
	const char *who, *verb, *note, *to;
	bool is_token, is_opened; /* the alert was reopened here a minute ago */
	struct call calls[STEPS_MAX];
	const char *intents[3];       /* "did by" */
	const char *lines[3];         /* each is part of a line of the thread */
	const char *events[3];        /* of the Events API */
	const char *page_status;      /* after; NULL: triggered */
	enum alert_status stands_after;
};

/* ---- what PagerDuty says ----------------------------------------------------------------------------------- */

#define REF(id, type, name) "{\"id\":\"" id "\",\"type\":\"" type "\",\"summary\":\"" name "\"}"
#define ALICE REF("PALICE", "user_reference", "Alice")
#define BOB REF("PBOB", "user_reference", "Bob")
#define INCIDENT(status, more)                                                                                      \
	"{\"incident\":{\"id\":\"Q1\",\"type\":\"incident\",\"incident_number\":7,\"status\":\"" status "\","         \
	"\"urgency\":\"high\",\"created_at\":\"2026-03-02T11:50:01Z\",\"last_status_change_at\":\"2026-03-02T11:55:00Z\"," \
	"\"last_status_change_by\":" BOB ",\"escalation_policy\":" REF("PEP", "escalation_policy_reference", "Ops") more "}}"
#define ONE_ALERT ",\"alert_counts\":{\"all\":1,\"triggered\":1,\"resolved\":0}"
#define TWO_ALERTS ",\"alert_counts\":{\"all\":2,\"triggered\":2,\"resolved\":0}"
#define ONE_OF_TWO ",\"alert_counts\":{\"all\":2,\"triggered\":1,\"resolved\":1}"
#define ASSIGNED(user) ",\"assigned_via\":\"escalation_policy\",\"assignments\":[{\"at\":\"2026-03-02T11:50:01Z\",\"assignee\":" user "}]"
#define DIRECT(user) ",\"assigned_via\":\"direct_assignment\",\"assignments\":[{\"at\":\"2026-03-02T11:50:01Z\",\"assignee\":" user "}]"
#define STATUS(status) "{\"incident\":{\"type\":\"incident_reference\",\"status\":\"" status "\"}}"
#define NOTE(text) "{\"note\":{\"content\":\"" text "\"}}"
#define NOTED "{\"note\":{\"id\":\"PN1\"}}"
#define CODE(message, code) "{\"error\":{\"message\":\"" message "\",\"code\":" code ",\"errors\":[]}}"
#define OUR_ALERT "{\"alerts\":[{\"id\":\"PA1\",\"status\":\"triggered\",\"alert_key\":\"headsup-A1\"}],\"more\":false}"
#define POLICY "{\"escalation_policy\":{\"id\":\"PEP\",\"name\":\"Ops\",\"escalation_rules\":[{\"id\":\"P1\"},{\"id\":\"P2\"}]}}"
#define ONCALL(user, level) \
	"{\"oncalls\":[{\"user\":" user ",\"escalation_policy\":{\"id\":\"PEP\"},\"escalation_level\":" level "}],\"more\":false}"
#define GET_INCIDENT {"GET /incidents/Q1", NULL, NULL}
#define READ(status, more) {"GET /incidents/Q1", NULL, NULL, 200, INCIDENT(status, more)}
#define OURS "GET /incidents/Q1/alerts?alert_key=headsup-A1&limit=100"
#define ONCALLS "GET /oncalls?escalation_policy_ids%5B%5D=PEP&limit=100"
#define ASSIGN(id) \
	"{\"incident\":{\"type\":\"incident_reference\",\"assignments\":[{\"assignee\":{\"id\":\"" id "\",\"type\":\"user_reference\"}}]}}"
#define GIVE(id) \
	"{\"incident\":{\"type\":\"incident_reference\",\"escalation_policy\":{\"id\":\"" id "\",\"type\":\"escalation_policy_reference\"}}}"
#define LEVEL(n) "{\"incident\":{\"type\":\"incident_reference\",\"escalation_level\":" n "}}"
#define ASK(requester, name)                                                                                         \
	"{\"requester_id\":\"" requester "\",\"message\":\"" name " asks for your help with A1: CRITICAL · sshd started\"," \
	"\"responder_request_targets\":[{\"responder_request_target\":{\"id\":\"PBOB\",\"type\":\"user_reference\"}}]}"
#define A "alice@example.com"
#define F "bot@example.com"

/* ---- the world ---------------------------------------------------------------------------------------------- */

static struct desk_world *world_new(const char *config)
{
	static const struct pagerduty_user users[] = {
	    {(char *)"PALICE", (char *)"alice@example.com", (char *)"Alice", NOON},
	    {(char *)"PBOB", (char *)"bob@example.com", (char *)"Bob", NOON},
	    {(char *)"PBOT", (char *)"bot@example.com", (char *)"Bot", NOON},
	    {NULL, (char *)"mallory@example.com", NULL, NOON},
	};
	struct desk_world *world = desk_world_new(config != NULL ? config : with_from);
	struct error err = {0};

	desk_world_begin(world);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		assert_true(storage_put_pagerduty_user(world->storage, &users[i], &err));
	return world;
}

static void world_free(struct desk_world *world)
{
	desk_world_end(world, true);
	desk_world_free(world);
}

/* A1, paged ten minutes ago. */
static struct alert *paged_alert(struct desk_world *world, enum alert_status status)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	char key[13];

	key_fingerprint("dddddddddddddddddddddddddddddddd", key);
	alert->source = xstrdup("falco");
	alert->title = xstrdup("sshd started");
	alert->dedup_key = xstrdup("sshd");
	alert->channel = xstrdup("#security-alerts");
	alert->page_key = xstrdup(key);
	alert->page_status = xstrdup("triggered");
	alert->received_at = alert->last_seen = alert->changed_at = NOON - 600;
	alert->paged_at = NOON - 600;
	alert->status = status;
	alert->severity = SEVERITY_CRITICAL;
	assert_true(storage_add_alert(world->storage, alert, &err));
	assert_true(storage_put_alert(world->storage, alert, &err));
	return alert;
}

static void linked(struct desk_world *world, const struct alert *alert, const char *id, int64_t at)
{
	struct error err = {0};

	assert_true(storage_put_incident(world->storage,
	    &(struct incident){.alert = alert->id, .id = (char *)id, .status = (char *)"triggered", .status_at = TIME_NONE, .linked_at = at},
	    &err));
}

struct seen {
	const char *kind, *lane;
	int64_t id;
	char texts[TEXTS_MAX][TEXT_MAX];
	size_t count;
};

static bool see(void *ctx, const struct word *word)
{
	struct seen *seen = ctx;

	if (strcmp(word->kind, seen->kind) != 0)
		return true;
	if (seen->id == 0)
		seen->id = word->id;
	assert_true(seen->count < TEXTS_MAX);
	snprintf(seen->texts[seen->count++], TEXT_MAX, "%s", word->body != NULL ? word->body : "");
	return true;
}

static struct seen *words_of(struct desk_world *world, const char *kind)
{
	struct seen *seen = xcalloc(1, sizeof(*seen));
	struct error err = {0};

	seen->kind = kind;
	assert_true(storage_each_word(world->storage, -1, 0, 1000, see, seen, &err));
	return seen;
}

static struct word *deed_word(struct desk_world *world)
{
	struct seen *seen = words_of(world, WORD_DEED);
	struct word *word = seen->id != 0 ? storage_word(world->storage, seen->id) : NULL;

	free(seen);
	return word;
}

/* PagerDuty was asked, and says this. */
static void hears(struct desk_world *world, const struct word *word, int status, const char *says)
{
	struct error err = {0};
	cJSON *body = says != NULL ? json_parse(says, strlen(says), &err) : NULL;
	const int is = status != 0 ? status : 200;
	const struct reply reply = {.ok = is / 100 == 2, .status = is, .body = body};
	struct word_next next;

	if (says != NULL && body == NULL)
		fail_msg("the test's answer cannot be read: %s", err.text);
	if (!word_delivered(world->desk, word, &reply, &next, &err))
		fail_msg("%s", err.text);
	if (next.body != NULL) {
		char *text = json_write(next.body);

		assert_true(storage_go_on_word(world->storage, word->id, text, next.not_before, &err));
		free(text);
	} else {
		assert_true(storage_remove_word(world->storage, word->id, &err));
	}
	word_next_fini(&next);
	cJSON_Delete(body);
}

/* The next call that is made, as the courier would; false: nothing more. Waits pass at once, up to the deadline of the test. */
static bool next_call(struct desk_world *world, struct word **word, struct spoken *spoken)
{
	struct error err = {0};

	for (int i = 0; i < 100; i++) {
		*word = deed_word(world);
		if (*word == NULL)
			return false;
		if ((*word)->not_before != TIME_NONE && (*word)->not_before > world->desk->now)
			world->desk->now = (*word)->not_before;
		if (!word_render(world->desk, *word, spoken, &err))
			fail_msg("%s", err.text);
		if (!spoken->is_nothing && spoken->waits_until == 0)
			return true;
		if (spoken->is_nothing)
			assert_true(storage_remove_word(world->storage, (*word)->id, &err));
		else
			world->desk->now = spoken->waits_until;
		spoken_fini(spoken);
		word_free(*word);
	}
	fail_msg("it waits for ever");
	return false;
}

static void assert_call(const char *name, const struct call *call, const struct spoken *spoken)
{
	char *what = xasprintf("%s %s", spoken->verb, spoken->method);
	char *body = spoken->body != NULL ? json_write(spoken->body) : NULL;
	cJSON *wanted = call->body != NULL ? json_parse(call->body, strlen(call->body), NULL) : NULL;

	assert_int_equal(spoken->peer, PEER_PAGERDUTY_API);
	if (call->what == NULL)
		fail_msg("%s: %s was not expected (%s)", name, what, body != NULL ? body : "");
	if (strcmp(what, call->what) != 0)
		fail_msg("%s: %s, not %s", name, what, call->what);
	if (!text_equal(spoken->from, call->from))
		fail_msg("%s: %s from %s, not %s", name, what, spoken->from != NULL ? spoken->from : "nobody",
		    call->from != NULL ? call->from : "nobody");
	if ((wanted == NULL) != (body == NULL) || (wanted != NULL && !cJSON_Compare(wanted, spoken->body, true)))
		fail_msg("%s: %s says %s, not %s", name, what, body != NULL ? body : "nothing", call->body != NULL ? call->body : "nothing");
	cJSON_Delete(wanted);
	free(body);
	free(what);
}

/* Plays the calls; nothing more is said after them. */
static void plays(struct desk_world *world, const char *name, const struct call *calls)
{
	struct spoken spoken;
	struct word *word;

	while (next_call(world, &word, &spoken)) {
		assert_call(name, calls, &spoken);
		spoken_fini(&spoken);
		hears(world, word, calls->status, calls->says);
		word_free(word);
		calls++;
	}
	if (calls->what != NULL)
		fail_msg("%s: %s was not asked", name, calls->what);
}

static void step(struct desk_world *world, const struct call *call)
{
	struct spoken spoken;
	struct word *word;

	assert_true(next_call(world, &word, &spoken));
	assert_call("step", call, &spoken);
	spoken_fini(&spoken);
	hears(world, word, call->status, call->says);
	word_free(word);
}

/* It may be looked at how WHAT stands; nothing else is asked, and nothing is done. */
static void looks(struct desk_world *world, const char *what, const char *says)
{
	const struct call call = {what, NULL, NULL, 200, says};
	struct spoken spoken;
	struct word *word;

	for (int i = 0; next_call(world, &word, &spoken); i++) {
		assert_call("a look", &call, &spoken);
		assert_in_range(i, 0, 2);
		spoken_fini(&spoken);
		hears(world, word, 200, says);
		word_free(word);
	}
}

static void assert_texts(struct desk_world *world, const char *name, const char *kind, const char *const wanted[3])
{
	struct seen *seen = words_of(world, kind);
	size_t count = 0;

	while (count < 3 && wanted[count] != NULL)
		count++;
	if (seen->count != count)
		fail_msg("%s: %zu words of kind %s, not %zu: %s", name, seen->count, kind, count, seen->texts[0]);
	for (size_t i = 0; i < count; i++) {
		if (strstr(seen->texts[i], wanted[i]) == NULL)
			fail_msg("%s: \"%s\" is not in %s", name, wanted[i], seen->texts[i]);
	}
	free(seen);
}

/* "ack PALICE": who is to be named is "-" where nobody is known. */
static void assert_intent(struct desk_world *world, const char *name, const char *wanted)
{
	static const struct {
		const char *name;
		enum did did;
	} dids[] = {{"ack", DID_ACK}, {"unack", DID_UNACK}, {"resolve", DID_RESOLVE}, {"reopen", DID_REOPEN}, {"escalate", DID_ESCALATE},
	    {"delegate", DID_DELEGATE}, {"reassign", DID_REASSIGN}, {"responder", DID_RESPONDER}};
	const char *by = strchr(wanted, ' ') + 1;
	struct error err = {0};
	bool taken = false;
	char what[32];

	for (size_t i = 0; i < sizeof(dids) / sizeof(dids[0]); i++) {
		if (strncmp(wanted, dids[i].name, strlen(dids[i].name)) != 0 || wanted[strlen(dids[i].name)] != ' ')
			continue;
		change_name(dids[i].did, NULL, what);
		assert_true(storage_take_intent(world->storage, "Q1", what, strcmp(by, "-") == 0 ? NULL : by, 0, &taken, &err));
	}
	if (!taken)
		fail_msg("%s: there is no intent \"%s\"", name, wanted);
}

static void run(const struct scenario *s)
{
	struct desk_world *world = world_new(s->config);
	struct alert *alert = paged_alert(world, s->stands), *after;
	const struct actor actor = {.who = s->who != NULL ? s->who : "U0ALICE", .via = s->is_token ? "api" : "slack", .is_token = s->is_token};
	struct error err = {0};

	if (strcmp(s->verb, "assign") == 0)
		replace_text(&alert->assignee, s->to);
	alert->changed_at = NOON;
	replace_text(&alert->changed_by, actor.who);
	replace_text(&alert->changed_via, actor.via);
	assert_true(storage_put_alert(world->storage, alert, &err));
	linked(world, alert, "Q1", NOON - 590);
	if (s->is_opened)
		assert_true(storage_add_event(world->storage, alert->id,
		    &(struct event){.at = NOON - 60, .who = "U0BOB", .via = "slack", .what = "reopened"}, &err));
	if (strcmp(s->verb, "again") == 0)
		assert_true(deed_again(world->desk, alert, &err));
	else
		assert_true(deed_leave(world->desk, &actor, alert, s->verb, s->note, s->to, &err));
	plays(world, s->name, s->calls);
	for (size_t i = 0; i < 3 && s->intents[i] != NULL; i++)
		assert_intent(world, s->name, s->intents[i]);
	assert_texts(world, s->name, WORD_THREAD, s->lines);
	assert_texts(world, s->name, WORD_PAGE, s->events);
	after = storage_alert(world->storage, alert->id, &err);
	assert_non_null(after);
	if (!text_equal(after->page_status, s->page_status != NULL ? s->page_status : "triggered"))
		fail_msg("%s: page_status is %s", s->name, after->page_status);
	if (after->status != s->stands_after)
		fail_msg("%s: the alert is %s", s->name, alert_status_name(after->status));
	alert_free(after);
	alert_free(alert);
	world_free(world);
}

#define RUN(table)                                                           \
	do {                                                                 \
		for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
			run(&(table)[i]);                                    \
	} while (0)

/* ---- ack, unack, resolve, reopen ---------------------------------------------------------------------------- */

static void deed__by_a_person__is_done_there_as_them(void **state)
{
	static const struct scenario table[] = {
	    {.name = "ack, triggered", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", ONE_ALERT)}},
		.intents = {"ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "ack with a note", .stands = ALERT_ACKED, .verb = "ack", .note = "looking",
		.calls = {READ("triggered", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", ONE_ALERT)},
		    {"POST /incidents/Q1/notes", A, NOTE("looking"), 200, NOTED}},
		.intents = {"ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "ack, acked by another", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("acknowledged", ",\"acknowledgements\":[{\"acknowledger\":" BOB "}]"),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}},
		.intents = {"ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "ack, acked by them", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("acknowledged", ",\"acknowledgements\":[{\"acknowledger\":" BOB "},{\"acknowledger\":" ALICE "}]")},
		.page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "ack, acked already", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 400, CODE("Incident Already Acknowledged", "1002")}},
		.page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "ack, resolved there", .stands = ALERT_ACKED, .verb = "ack", .calls = {READ("resolved", "")},
		.lines = {"Resolved by <@U0BOB> in PagerDuty"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "ack, resolved there and here", .stands = ALERT_RESOLVED, .verb = "ack", .calls = {READ("resolved", "")},
		.page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "ack, resolved there between two calls", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 400, CODE("Incident Already Resolved", "1001")},
		    READ("resolved", "")},
		.lines = {"Resolved by <@U0BOB> in PagerDuty"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "ack, un-acked here since", .stands = ALERT_OPEN, .verb = "ack", .calls = {READ("triggered", "")}, .stands_after = ALERT_OPEN},
	    /* What resolved it got lost here: it is made up for. */
	    {.name = "ack, resolved here since", .stands = ALERT_RESOLVED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")},
		    READ("acknowledged", ""), {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"ack PALICE", "resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "ack, resolved there and opened here since", .is_opened = true, .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("resolved", ""), {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")},
		    READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}},
		.intents = {"reopen PALICE", "ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "unack", .stands = ALERT_OPEN, .verb = "unack",
		.calls = {READ("acknowledged", ""), {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")}},
		.intents = {"unack PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "unack, not acked there", .stands = ALERT_OPEN, .verb = "unack", .calls = {READ("triggered", "")}, .stands_after = ALERT_OPEN},
	    {.name = "unack, acked again here", .stands = ALERT_ACKED, .verb = "unack", .calls = {READ("acknowledged", "")},
		.page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "resolve", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("acknowledged", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, of what was merged once and is open again", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("triggered", ",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q9\"}}"),
		    {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve with a note", .stands = ALERT_RESOLVED, .verb = "resolve", .note = "a test",
		.calls = {READ("triggered", ONE_ALERT),
		    {"PUT /incidents/Q1", A, "{\"incident\":{\"type\":\"incident_reference\",\"status\":\"resolved\",\"resolution\":\"a test\"}}", 200,
			INCIDENT("resolved", "")},
		    {"POST /incidents/Q1/notes", A, NOTE("a test"), 200, NOTED}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, claimed", .stands = ALERT_CLAIMED, .verb = "resolve",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_CLAIMED},
	    {.name = "resolve, resolved there", .stands = ALERT_RESOLVED, .verb = "resolve", .calls = {READ("resolved", "")},
		.page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, resolved between two calls", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("triggered", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("resolved"), 400, CODE("Incident Already Resolved", "1001")}},
		.page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, reopened here since", .stands = ALERT_OPEN, .verb = "resolve", .calls = {READ("triggered", ONE_ALERT)},
		.stands_after = ALERT_OPEN},
	    {.name = "resolve, others are open in it", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("triggered", TWO_ALERTS), {OURS, NULL, NULL, 200, OUR_ALERT},
		    {"PUT /incidents/Q1/alerts", A, "{\"alerts\":[{\"id\":\"PA1\",\"type\":\"alert\",\"status\":\"resolved\"}]}", 200,
			"{\"alerts\":[{\"id\":\"PA1\",\"status\":\"resolved\"}]}"}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, the others are over", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("triggered", ONE_OF_TWO), {OURS, NULL, NULL, 200, OUR_ALERT},
		    {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolve, only another is open in it", .stands = ALERT_RESOLVED, .verb = "resolve",
		.calls = {READ("triggered", ONE_OF_TWO),
		    {OURS, NULL, NULL, 200, "{\"alerts\":[{\"id\":\"PA1\",\"status\":\"resolved\",\"alert_key\":\"headsup-A1\"}]}"}},
		.page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "reopen", .stands = ALERT_OPEN, .verb = "reopen",
		.calls = {READ("resolved", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")}},
		.intents = {"reopen PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "reopen, open there", .stands = ALERT_OPEN, .verb = "reopen", .calls = {READ("triggered", ONE_ALERT)},
		.stands_after = ALERT_OPEN},
	    {.name = "reopen, resolved here since", .stands = ALERT_RESOLVED, .verb = "reopen", .calls = {READ("resolved", ONE_ALERT)},
		.page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "reopen, refused", .stands = ALERT_OPEN, .verb = "reopen",
		.calls = {READ("resolved", ONE_ALERT), {"PUT /incidents/Q1", A, STATUS("triggered"), 400, CODE("Incident Already Resolved", "1001")}},
		.events = {"\"anew\":true"}, .page_status = "waiting", .stands_after = ALERT_OPEN},
	    {.name = "reopen, it held others", .stands = ALERT_OPEN, .verb = "reopen", .calls = {READ("resolved", ONE_OF_TWO)},
		.events = {"\"anew\":true"}, .page_status = "waiting", .stands_after = ALERT_OPEN},
	    {.name = "reopen, it holds others that are open", .stands = ALERT_OPEN, .verb = "reopen", .calls = {READ("triggered", ONE_OF_TWO)},
		.events = {"\"anew\":true"}, .page_status = "waiting", .stands_after = ALERT_OPEN},
	    {.name = "reopen, the incident is gone", .stands = ALERT_OPEN, .verb = "reopen",
		.calls = {{"GET /incidents/Q1", NULL, NULL, 404, CODE("Not Found", "2100")}},
		.events = {"\"anew\":true"}, .page_status = "waiting", .stands_after = ALERT_OPEN},
	    {.name = "note", .stands = ALERT_OPEN, .verb = "note", .note = "harmless",
		.calls = {READ("triggered", ""), {"POST /incidents/Q1/notes", A, NOTE("harmless"), 200, NOTED}}, .stands_after = ALERT_OPEN},
	    {.name = "note, resolved there", .stands = ALERT_RESOLVED, .verb = "note", .note = "harmless",
		.calls = {READ("resolved", ""), {"POST /incidents/Q1/notes", A, NOTE("harmless"), 200, NOTED}}, .stands_after = ALERT_RESOLVED},
	};

	(void)state;
	RUN(table);
}

/* ---- who has no account there ------------------------------------------------------------------------------- */

static void deed__by_whom_pagerduty_does_not_know__is_done_as_the_configured_one_and_says_who(void **state)
{
	static const struct scenario table[] = {
	    {.name = "a stranger acks", .stands = ALERT_ACKED, .who = "U0MALLORY", .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", F, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")},
		    {"POST /incidents/Q1/notes", F, NOTE("Acked by @mallory via headsup"), 200, NOTED}},
		.intents = {"ack PBOT"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "a token resolves with a note", .stands = ALERT_RESOLVED, .who = "ci", .is_token = true, .verb = "resolve", .note = "deployed",
		.calls = {READ("triggered", ""),
		    {"PUT /incidents/Q1", F, "{\"incident\":{\"type\":\"incident_reference\",\"status\":\"resolved\",\"resolution\":\"deployed\"}}", 200,
			INCIDENT("resolved", "")},
		    {"POST /incidents/Q1/notes", F, NOTE("Resolved by ci via headsup: deployed"), 200, NOTED}},
		.intents = {"resolve PBOT"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "a stranger notes", .stands = ALERT_OPEN, .who = "U0MALLORY", .verb = "note", .note = "harmless",
		.calls = {READ("triggered", ""), {"POST /incidents/Q1/notes", F, NOTE("@mallory via headsup: harmless"), 200, NOTED}},
		.stands_after = ALERT_OPEN},
	    {.name = "their e-mail is refused", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 400, CODE("Requester User Not Found", "1008")},
		    READ("triggered", ""), {"PUT /incidents/Q1", F, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")},
		    {"POST /incidents/Q1/notes", F, NOTE("Acked by @alice via headsup"), 200, NOTED}},
		.intents = {"ack PBOT"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "both are refused", .stands = ALERT_ACKED, .who = "U0MALLORY", .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", F, STATUS("acknowledged"), 400, CODE("Requester User Not Found", "1008")}},
		.events = {"\"acknowledge\""}, .stands_after = ALERT_ACKED},
	    {.name = "nobody to do it as: ack", .config = without_from, .stands = ALERT_ACKED, .who = "U0MALLORY", .verb = "ack",
		.events = {"\"acknowledge\""}, .stands_after = ALERT_ACKED},
	    {.name = "nobody to do it as: resolve", .config = without_from, .stands = ALERT_RESOLVED, .who = "ci", .is_token = true, .verb = "resolve",
		.events = {"\"resolve\""}, .stands_after = ALERT_RESOLVED},
	    {.name = "nobody to do it as: reopen", .config = without_from, .stands = ALERT_OPEN, .who = "U0MALLORY", .verb = "reopen",
		.events = {"\"anew\":true"}, .page_status = "waiting", .stands_after = ALERT_OPEN},
	    {.name = "nobody to do it as: escalate", .config = without_from, .stands = ALERT_OPEN, .who = "U0MALLORY", .verb = "escalate",
		.lines = {"pagerduty.from is not set"}, .stands_after = ALERT_OPEN},
	    {.name = "nobody to do it as: note", .config = without_from, .stands = ALERT_OPEN, .who = "ci", .is_token = true, .verb = "note", .note = "x",
		.lines = {"pagerduty.from is not set"}, .stands_after = ALERT_OPEN},
	};

	(void)state;
	RUN(table);
}

/* ---- escalate, assign --------------------------------------------------------------------------------------- */

#define REQUEST "POST /incidents/Q1/responder_requests"
#define POLICIES(name) "GET /escalation_policies?query=" name "&limit=100"
#define NET "{\"id\":\"PNET\",\"name\":\"Network\"}"

static void escalate__climbs_gives_or_asks__and_tells_who_is_called(void **state)
{
	static const struct scenario table[] = {
	    {.name = "to the next level", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")},
		    {"PUT /incidents/Q1", A, LEVEL("2"), 200, INCIDENT("triggered", ASSIGNED(BOB))}},
		.intents = {"escalate PALICE"}, .lines = {"Escalated to level 2 in PagerDuty: <@U0BOB> is called"}, .stands_after = ALERT_OPEN},
	    {.name = "the last level", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("triggered", ASSIGNED(BOB)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(BOB, "2")}},
		.lines = {"level 2 of 2 is the last"}, .stands_after = ALERT_OPEN},
	    {.name = "had by one person directly", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("triggered", DIRECT(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {"PUT /incidents/Q1", A, LEVEL("1"), 200, INCIDENT("triggered", ASSIGNED(BOB))}},
		.intents = {"escalate PALICE"}, .lines = {"Escalated to level 1 in PagerDuty"}, .stands_after = ALERT_OPEN},
	    {.name = "cannot escalate", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")}, {"PUT /incidents/Q1", A, LEVEL("2"), 400, CODE("Cannot Escalate", "1006")}},
		.lines = {"or `escalate A1 to @person`"}, .stands_after = ALERT_OPEN},
	    {.name = "nobody on call", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")}, {"PUT /incidents/Q1", A, LEVEL("2"), 400, CODE("Has No User", "1015")}},
		.lines = {"nobody is on call there"}, .stands_after = ALERT_OPEN},
	    {.name = "low urgency", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {{"GET /incidents/Q1", NULL, NULL, 200, "{\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\",\"urgency\":\"low\"}}"}},
		.lines = {"low urgency"}, .stands_after = ALERT_OPEN},
	    {.name = "the acknowledgement stays", .stands = ALERT_OPEN, .verb = "escalate",
		.calls = {READ("acknowledged", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")},
		    {"PUT /incidents/Q1", A, LEVEL("2"), 200, INCIDENT("acknowledged", ASSIGNED(BOB))},
		    {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")}},
		.intents = {"escalate PALICE", "unack PALICE"}, .lines = {"<@U0BOB> is called"}, .stands_after = ALERT_OPEN},
	    {.name = "resolved there", .stands = ALERT_OPEN, .verb = "escalate", .calls = {READ("resolved", "")},
		.lines = {"Resolved by <@U0BOB> in PagerDuty"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "to a team by its name", .stands = ALERT_OPEN, .verb = "escalate", .to = "network",
		.calls = {READ("triggered", ""),
		    {POLICIES("network"), NULL, NULL, 200, "{\"escalation_policies\":[{\"id\":\"PX\",\"name\":\"Network nights\"}," NET "]}"},
		    {"PUT /incidents/Q1", A, GIVE("PNET"), 200, INCIDENT("triggered", ASSIGNED(BOB))}},
		.intents = {"delegate PALICE"}, .lines = {"Given to the policy `Network` in PagerDuty: <@U0BOB> is called"}, .stands_after = ALERT_OPEN},
	    {.name = "to the only one that fits", .stands = ALERT_OPEN, .verb = "escalate", .to = "net work",
		.calls = {READ("triggered", ""), {POLICIES("net%20work"), NULL, NULL, 200, "{\"escalation_policies\":[" NET "],\"more\":false}"},
		    {"PUT /incidents/Q1", A, GIVE("PNET"), 200, INCIDENT("triggered", "")}},
		.intents = {"delegate PALICE"}, .lines = {"Given to the policy `Network`"}, .stands_after = ALERT_OPEN},
	    {.name = "several fit", .stands = ALERT_OPEN, .verb = "escalate", .to = "net",
		.calls = {READ("triggered", ""),
		    {POLICIES("net"), NULL, NULL, 200, "{\"escalation_policies\":[{\"id\":\"PX\",\"name\":\"Network nights\"}," NET "]}"}},
		.lines = {"`Network nights`, `Network`"}, .stands_after = ALERT_OPEN},
	    {.name = "no such team", .stands = ALERT_OPEN, .verb = "escalate", .to = "nobody",
		.calls = {READ("triggered", ""), {POLICIES("nobody"), NULL, NULL, 200, "{\"escalation_policies\":[]}"},
		    {"GET /escalation_policies?limit=10", NULL, NULL, 200, "{\"escalation_policies\":[" NET "],\"more\":true}"}},
		.lines = {"<@U0ALICE>: PagerDuty has no escalation policy named `nobody`, so nobody else was called; it has `Network` and others; a person is written @name"}, .stands_after = ALERT_OPEN},
	    {.name = "to a team by its id", .stands = ALERT_OPEN, .verb = "escalate", .to = "pnet123",
		.calls = {READ("triggered", ""), {POLICIES("pnet123"), NULL, NULL, 200, "{\"escalation_policies\":[]}"},
		    {"GET /escalation_policies/PNET123", NULL, NULL, 200, "{\"escalation_policy\":{\"id\":\"PNET123\",\"name\":\"Network\"}}"},
		    {"PUT /incidents/Q1", A, GIVE("PNET123"), 200, INCIDENT("triggered", "")}},
		.intents = {"delegate PALICE"}, .lines = {"Given to the policy `Network`"}, .stands_after = ALERT_OPEN},
	    {.name = "no such id", .stands = ALERT_OPEN, .verb = "escalate", .to = "PNET123",
		.calls = {READ("triggered", ""), {POLICIES("PNET123"), NULL, NULL, 200, "{\"escalation_policies\":[]}"},
		    {"GET /escalation_policies/PNET123", NULL, NULL, 404, CODE("Not Found", "2100")},
		    {"GET /escalation_policies?limit=10", NULL, NULL, 200, "{\"escalation_policies\":[]}"}},
		.lines = {"no escalation policy named `PNET123`"}, .stands_after = ALERT_OPEN},
	    {.name = "to a team with nobody on call", .stands = ALERT_OPEN, .verb = "escalate", .to = "network",
		.calls = {READ("triggered", ""), {POLICIES("network"), NULL, NULL, 200, "{\"escalation_policies\":[" NET "]}"},
		    {"PUT /incidents/Q1", A, GIVE("PNET"), 400, CODE("Has No User", "1015")}},
		.lines = {"nobody is on call there (policy `Network`)"}, .stands_after = ALERT_OPEN},
	    {.name = "to a person", .stands = ALERT_OPEN, .verb = "escalate", .to = "<@U0BOB>",
		.calls = {READ("triggered", ""), {REQUEST, A, ASK("PALICE", "@alice"), 200, "{\"responder_request\":{}}"}},
		.intents = {"responder PALICE"}, .lines = {"PagerDuty asks <@U0BOB> to help"}, .stands_after = ALERT_OPEN},
	    {.name = "to a person, by a stranger", .stands = ALERT_OPEN, .who = "U0MALLORY", .verb = "escalate", .to = "@bob",
		.calls = {READ("triggered", ""), {REQUEST, F, ASK("PBOT", "@mallory"), 200, "{\"responder_request\":{}}"},
		    {"POST /incidents/Q1/notes", F, NOTE("Escalated by @mallory via headsup"), 200, NOTED}},
		.intents = {"responder PBOT"}, .lines = {"PagerDuty asks <@U0BOB> to help"}, .stands_after = ALERT_OPEN},
	    {.name = "to a person, the plan has no requests", .stands = ALERT_OPEN, .verb = "escalate", .to = "bob@example.com",
		.calls = {READ("triggered", ""), {REQUEST, A, ASK("PALICE", "@alice"), 402, CODE("Missing Account Ability", "2014")},
		    {"PUT /incidents/Q1", A, ASSIGN("PBOB"), 200, INCIDENT("triggered", DIRECT(BOB))}},
		.intents = {"reassign PALICE"}, .lines = {"calls nobody any more for this incident"}, .stands_after = ALERT_OPEN},
	    {.name = "to a person whom PagerDuty does not know", .stands = ALERT_OPEN, .verb = "escalate", .to = "mallory",
		.calls = {READ("triggered", "")}, .lines = {"no user with the e-mail of <@U0MALLORY>"}, .stands_after = ALERT_OPEN},
	    {.name = "to a person whom nobody knows", .stands = ALERT_OPEN, .verb = "escalate", .to = "@nobody",
		.lines = {"Nobody is known here as `@nobody`"}, .stands_after = ALERT_OPEN},
	};

	(void)state;
	RUN(table);
}

static void assign__is_done_there__and_whom_it_calls_has_to_ack(void **state)
{
	static const struct scenario table[] = {
	    {.name = "open, to another", .stands = ALERT_OPEN, .verb = "assign", .to = "U0BOB",
		.calls = {READ("triggered", ASSIGNED(ALICE)), {"PUT /incidents/Q1", A, ASSIGN("PBOB"), 200, INCIDENT("triggered", DIRECT(BOB))}},
		.intents = {"reassign PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "they have it", .stands = ALERT_OPEN, .verb = "assign", .to = "U0BOB", .calls = {READ("triggered", DIRECT(BOB))},
		.stands_after = ALERT_OPEN},
	    {.name = "acked, to oneself", .stands = ALERT_ACKED, .verb = "assign", .to = "U0ALICE",
		.calls = {READ("acknowledged", ASSIGNED(BOB)), {"PUT /incidents/Q1", A, ASSIGN("PALICE"), 200, INCIDENT("triggered", DIRECT(ALICE))},
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", DIRECT(ALICE))}},
		.intents = {"reassign PALICE", "ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "acked, to another", .stands = ALERT_ACKED, .verb = "assign", .to = "U0BOB",
		.calls = {READ("acknowledged", ASSIGNED(ALICE)), {"PUT /incidents/Q1", A, ASSIGN("PBOB"), 200, INCIDENT("triggered", DIRECT(BOB))}},
		.intents = {"reassign PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "to a stranger", .stands = ALERT_OPEN, .verb = "assign", .to = "U0MALLORY", .calls = {READ("triggered", ASSIGNED(ALICE))},
		.lines = {"no user with the e-mail of <@U0MALLORY>"}, .stands_after = ALERT_OPEN},
	};

	(void)state;
	RUN(table);
}

/* ---- refusals, and being told again ------------------------------------------------------------------------- */

#define MAY_NOT \
	READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 403, CODE("Access Denied", "2010")}, READ("triggered", "")

static void deed__refused_for_good__is_told_once_and_both_sides_are_compared(void **state)
{
	static const struct scenario table[] = {
	    {.name = "may not", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {MAY_NOT, MAY_NOT, MAY_NOT, MAY_NOT}, .lines = {"PagerDuty says: Access Denied"}, .stands_after = ALERT_ACKED},
	    {.name = "may not, the note may", .stands = ALERT_ACKED, .verb = "ack", .note = "mine",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 403, CODE("Access Denied", "2010")},
		    {"POST /incidents/Q1/notes", A, NOTE("mine"), 200, NOTED}, READ("triggered", ""), MAY_NOT, MAY_NOT, MAY_NOT},
		.lines = {"PagerDuty says: Access Denied"}, .stands_after = ALERT_ACKED},
	    {.name = "the note is refused", .stands = ALERT_OPEN, .verb = "note", .note = "x",
		.calls = {READ("triggered", ""), {"POST /incidents/Q1/notes", A, NOTE("x"), 400, CODE("Too many notes", "2001")}, READ("triggered", "")},
		.lines = {"Too many notes"}, .stands_after = ALERT_OPEN},
	    {.name = "gone meanwhile", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 404, CODE("Not Found", "2100")}},
		.events = {"\"acknowledge\""}, .stands_after = ALERT_ACKED},
	    {.name = "never twice the same", .stands = ALERT_ACKED, .verb = "ack",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 400, CODE("Data Updated", "1005")},
		    READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 400, CODE("Data Updated", "1005")}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}},
		.intents = {"ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	};

	(void)state;
	RUN(table);
}

static void again__tells_how_the_alert_stands(void **state)
{
	static const struct scenario table[] = {
	    {.name = "open, acked there", .stands = ALERT_OPEN, .verb = "again",
		.calls = {READ("acknowledged", ""), {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")}},
		.intents = {"unack PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "open, resolved there", .stands = ALERT_OPEN, .verb = "again",
		.calls = {READ("resolved", ""), {"PUT /incidents/Q1", A, STATUS("triggered"), 200, INCIDENT("triggered", "")}},
		.intents = {"reopen PALICE"}, .stands_after = ALERT_OPEN},
	    {.name = "acked, resolved there", .stands = ALERT_ACKED, .verb = "again", .calls = {READ("resolved", "")},
		.lines = {"Resolved by <@U0BOB> in PagerDuty"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "acked, triggered there", .stands = ALERT_ACKED, .verb = "again",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}},
		.intents = {"ack PALICE"}, .page_status = "acknowledged", .stands_after = ALERT_ACKED},
	    {.name = "resolved, triggered there", .stands = ALERT_RESOLVED, .verb = "again",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PALICE"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "resolved by a machine, triggered there", .stands = ALERT_RESOLVED, .who = "falco", .is_token = true, .verb = "again",
		.calls = {READ("triggered", ""), {"PUT /incidents/Q1", F, STATUS("resolved"), 200, INCIDENT("resolved", "")}},
		.intents = {"resolve PBOT"}, .page_status = "resolved", .stands_after = ALERT_RESOLVED},
	    {.name = "they agree", .stands = ALERT_ACKED, .verb = "again", .calls = {READ("acknowledged", "")}, .page_status = "acknowledged",
		.stands_after = ALERT_ACKED},
	    {.name = "expected", .stands = ALERT_EXPECTED, .verb = "again", .stands_after = ALERT_EXPECTED},
	    {.name = "nobody to do it as", .config = without_from, .stands = ALERT_RESOLVED, .who = "falco", .is_token = true, .verb = "again",
		.events = {"\"resolve\""}, .stands_after = ALERT_RESOLVED},
	};

	(void)state;
	RUN(table);
}

static void again__of_one_change__is_bounded(void **state)
{
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	const struct call refused[] = {{"GET /incidents/Q1", NULL, NULL, 200, INCIDENT("acknowledged", "")}, {0}}, none[] = {{0}};
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	for (int i = 0; i < DEED_AGAIN_MAX; i++) {
		assert_true(deed_again(world->desk, alert, &err));
		plays(world, "again", refused);
	}
	assert_true(deed_again(world->desk, alert, &err));
	plays(world, "too often", none);

	alert->changed_at++;
	assert_true(deed_again(world->desk, alert, &err));
	plays(world, "another change", refused);
	alert_free(alert);
	world_free(world);
}

/* ---- without REST, and machines ----------------------------------------------------------------------------- */

static void deed__without_rest_or_by_a_machine__is_what_events_can_do(void **state)
{
	static const struct {
		const char *config, *via, *verb, *event, *line;
	} table[] = {
	    {without_rest, "slack", "ack", "\"acknowledge\"", NULL},
	    {without_rest, "slack", "resolve", "\"resolve\"", NULL},
	    {without_rest, "slack", "reopen", "\"anew\":true", NULL},
	    {without_rest, "slack", "unack", NULL, "its events cannot take that back"},
	    {without_rest, "slack", "note", NULL, NULL},
	    {without_rest, "slack", "assign", NULL, NULL},
	    {without_rest, "slack", "escalate", NULL, NULL},
	    {without_rest, "pagerduty", "resolve", NULL, NULL},
	    {with_from, "headsup", "resolve", "\"resolve\"", NULL},
	    {with_from, "headsup", "ack", "\"acknowledge\"", NULL},
	    {with_from, "pagerduty", "ack", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(table[i].config);
		struct alert *alert = paged_alert(world, ALERT_ACKED);
		const char *const events[3] = {table[i].event}, *const lines[3] = {table[i].line}, *const none[3] = {NULL};
		struct error err = {0};

		assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = table[i].via}, alert, table[i].verb, "x", NULL, &err));

		assert_texts(world, table[i].verb, WORD_PAGE, events);
		assert_texts(world, table[i].verb, WORD_THREAD, lines);
		assert_texts(world, table[i].verb, WORD_DEED, none);
		alert_free(alert);
		world_free(world);
	}
}

/* TOKEN: "gone" from the configuration, or "refused". */
static void deed__whose_token_is_gone_or_refused__is_what_events_can_do(void **state)
{
	static const struct {
		const char *verb, *body, *event, *line, *page_status;
		enum alert_status stands;
	} table[] = {
	    {"ack", "\"step\":\"read\"", "\"acknowledge\"", NULL, "triggered", ALERT_ACKED},
	    {"ack", "\"step\":\"find\"", NULL, NULL, "triggered", ALERT_OPEN},
	    {"resolve", "\"step\":\"write\",\"write\":\"resolve\",\"incident\":\"Q1\"", "\"resolve\"", NULL, "triggered", ALERT_RESOLVED},
	    {"reopen", "\"step\":\"read\"", "\"anew\":true", NULL, "waiting", ALERT_OPEN},
	    {"again", "\"step\":\"read\"", "\"resolve\"", NULL, "triggered", ALERT_RESOLVED},
	    {"again", "\"step\":\"read\"", NULL, NULL, "triggered", ALERT_OPEN},
	    {"escalate", "\"step\":\"teams\",\"to\":\"ops\"", NULL, "PagerDuty was not told (escalate)", "triggered", ALERT_OPEN},
	    {"unack", "\"step\":\"read\"", NULL, "PagerDuty was not told (unack)", "triggered", ALERT_OPEN},
	    {"note", "\"step\":\"note\",\"note\":\"x\",\"incident\":\"Q1\"", NULL, "PagerDuty was not told (note)", "triggered", ALERT_OPEN},
	    {"resolve", "\"step\":\"note\",\"is_written\":true,\"note\":\"x\"", NULL, "PagerDuty was not told (note)", "triggered", ALERT_RESOLVED},
	    {"resolve", "\"step\":\"compare\",\"is_written\":true,\"is_noted\":true,\"note\":\"x\"", NULL, NULL, "triggered",
		ALERT_RESOLVED},
	    {"find", "\"step\":\"read\"", NULL, NULL, "triggered", ALERT_OPEN},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		const bool is_gone = i % 2 == 0;
		struct desk_world *world = world_new(NULL), *other = desk_world_new(without_rest);
		struct alert *alert = paged_alert(world, table[i / 2].stands), *now;
		char *text = xasprintf("{\"verb\":\"%s\",\"who\":\"U0ALICE\",\"via\":\"slack\",%s}", table[i / 2].verb, table[i / 2].body);
		const char *const events[3] = {table[i / 2].event}, *const lines[3] = {table[i / 2].line}, *const none[3] = {NULL};
		const struct reply refused = {.status = 401, .error = "status 401"};
		struct spoken spoken;
		struct error err = {0};
		struct word *word;

		assert_true(rest_leave(world->desk, WORD_DEED, "A1", NULL, json_parse(text, strlen(text), &err), REST_FIRST_DEED, 0, &err));
		word = deed_word(world);
		if (is_gone) {
			world->desk->config = other->config;
			assert_true(word_render(world->desk, word, &spoken, &err));
			assert_true(spoken.is_nothing);
			spoken_fini(&spoken);
		} else {
			assert_true(word_failed(world->desk, word, &refused, false, &err));
		}

		assert_texts(world, text, WORD_PAGE, events);
		assert_texts(world, text, WORD_THREAD, lines);
		assert_texts(world, text, WORD_DEED, none);
		now = storage_alert(world->storage, 1, &err);
		assert_string_equal(now->page_status, table[i / 2].page_status);
		world->desk->config = world->config;
		alert_free(now);
		alert_free(alert);
		word_free(word);
		free(text);
		desk_world_free(other);
		world_free(world);
	}
}

static void deed__while_the_clock_is_set_back__is_not_looked_for_for_ever(void **state)
{
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	const char *const events[3] = {"\"acknowledge\""};
	struct error err = {0};
	struct spoken spoken;
	struct word *word;
	int searches = 0;

	(void)state;
	world->desk->now = alert->paged_at - 86400;
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	while (next_call(world, &word, &spoken)) {
		assert_in_range(searches++, 0, 20);
		spoken_fini(&spoken);
		hears(world, word, 200, "{\"incidents\":[],\"more\":false}");
		word_free(word);
	}
	assert_in_range(world->desk->now, alert->paged_at - 86400, alert->paged_at - 86400 + 4 * DEED_FIND_S);
	assert_texts(world, "set back", WORD_PAGE, events);
	alert_free(alert);
	world_free(world);
}

static void deed__of_an_alert_without_a_page__is_nothing_there(void **state)
{
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	const char *const none[3] = {NULL};
	struct error err = {0};

	(void)state;
	replace_text(&alert->page_status, NULL);
	assert_true(storage_put_alert(world->storage, alert, &err));

	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	assert_true(deed_again(world->desk, alert, &err));

	assert_texts(world, "no page", WORD_PAGE, none);
	assert_texts(world, "no page", WORD_DEED, none);
	alert_free(alert);
	world_free(world);
}

static void deed__pressed_twice__is_left_once(void **state)
{
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	const struct actor alice = {.who = "U0ALICE", .via = "slack"};
	struct error err = {0};
	struct seen *seen;

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &alice, alert, "ack", NULL, NULL, &err));
	world->desk->now++;
	assert_true(deed_leave(world->desk, &alice, alert, "ack", NULL, NULL, &err));
	assert_true(deed_leave(world->desk, &alice, alert, "note", "one", NULL, &err));
	assert_true(deed_leave(world->desk, &alice, alert, "note", "another", NULL, &err));

	seen = words_of(world, WORD_DEED);
	assert_int_equal(seen->count, 3);
	free(seen);
	alert_free(alert);
	world_free(world);
}

/* ---- finding the incident ----------------------------------------------------------------------------------- */

#define SEARCH "GET /incidents?incident_key=headsup-A1&date_range=all&sort_by=created_at%3Adesc&limit=100"
#define ROW(id, status, key, at) "{\"id\":\"" id "\",\"status\":\"" status "\",\"incident_key\":" key ",\"created_at\":\"" at "\"}"
#define ROWS(rows) "{\"incidents\":[" rows "],\"more\":false}"
#define KEY_OF(id) "GET /incidents/" id "/alerts?alert_key=headsup-A1&limit=100"

struct search {
	const char *name;
	const char *known; /* an incident that was linked long before */
	int64_t paged_ago;
	struct call calls[STEPS_MAX];
	const char *event; /* of an ack; NULL: none */
};

static void find__of_what_was_paged__takes_the_incident_that_holds_its_key(void **state)
{
	static const struct search table[] = {
	    {.name = "the first", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS(ROW("Q1", "triggered", "null", "2026-03-02T12:00:00Z"))},
		    {KEY_OF("Q1"), NULL, NULL, 200, OUR_ALERT}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "it has the key itself", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS(ROW("Q1", "triggered", "\"headsup-A1\"", "2026-03-02T12:00:00Z"))}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "the second holds it", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200,
			      ROWS(ROW("Q9", "triggered", "null", "2026-03-02T12:00:00Z") "," ROW("Q1", "triggered", "null", "2026-03-02T12:00:00Z"))},
		    {KEY_OF("Q9"), NULL, NULL, 200, "{\"alerts\":[{\"id\":\"PA9\",\"alert_key\":\"headsup-A11\"}]}"},
		    {KEY_OF("Q1"), NULL, NULL, 200, OUR_ALERT}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "its alerts may not be read", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200,
			      ROWS("{\"id\":\"Q9\",\"status\":\"triggered\",\"title\":\"CRITICAL (A11)\",\"created_at\":\"2026-03-02T12:00:00Z\"},"
				   "{\"id\":\"Q1\",\"status\":\"triggered\",\"title\":\"CRITICAL (A1)\",\"created_at\":\"2026-03-02T12:00:00Z\"}")},
		    {KEY_OF("Q9"), NULL, NULL, 403, CODE("Access Denied", "2010")}, {KEY_OF("Q1"), NULL, NULL, 403, CODE("Access Denied", "2010")},
		    READ("triggered", ""), {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "it comes later", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS("")}, {SEARCH, NULL, NULL, 200, ROWS(ROW("Q8", "resolved", "null", "2026-03-02T10:00:00Z"))},
		    {SEARCH, NULL, NULL, 200, ROWS(ROW("Q1", "triggered", "null", "2026-03-02T12:00:00Z"))},
		    {KEY_OF("Q1"), NULL, NULL, 200, OUR_ALERT}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "it never comes", .paged_ago = 45,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS("")}, {SEARCH, NULL, NULL, 200, ROWS("")}, {SEARCH, NULL, NULL, 200, ROWS("")},
		    {SEARCH, NULL, NULL, 200, ROWS("")}, {SEARCH, NULL, NULL, 200, ROWS("")}},
		.event = "\"acknowledge\""},
	    {.name = "it may not be searched", .paged_ago = 5, .calls = {{SEARCH, NULL, NULL, 403, CODE("Access Denied", "2010")}},
		.event = "\"acknowledge\""},
	    {.name = "ids that are none", .paged_ago = 600,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS(ROW("../users", "triggered", "null", "2026-03-02T12:00:00Z") ",7,null")}},
		.event = "\"acknowledge\""},
	    {.name = "the one from before is over", .known = "Q8", .paged_ago = 5,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS(ROW("Q8", "resolved", "null", "2026-03-02T11:58:00Z"))},
		    {SEARCH, NULL, NULL, 200,
			ROWS(ROW("Q1", "triggered", "null", "2026-03-02T12:00:00Z") "," ROW("Q8", "resolved", "null", "2026-03-02T11:58:00Z"))},
		    {KEY_OF("Q1"), NULL, NULL, 200, OUR_ALERT}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	    {.name = "only the one from before is there", .known = "Q1", .paged_ago = 600,
		.calls = {{SEARCH, NULL, NULL, 200, ROWS(ROW("Q1", "resolved", "null", "2026-03-02T11:58:00Z"))}, READ("triggered", ""),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(NULL);
		struct alert *alert = paged_alert(world, ALERT_ACKED);
		const char *const events[3] = {table[i].event};
		struct error err = {0};

		alert->paged_at = NOON - table[i].paged_ago;
		assert_true(storage_put_alert(world->storage, alert, &err));
		if (table[i].known != NULL)
			linked(world, alert, table[i].known, NOON - 3600);
		assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));

		plays(world, table[i].name, table[i].calls);

		assert_texts(world, table[i].name, WORD_PAGE, events);
		alert_free(alert);
		world_free(world);
	}
}

/* Everything of a deed that waits while the REST API cannot be asked. */
static void deeds__that_wait_too_long__are_said_by_events_once(void **state)
{
	static const struct {
		const char *verb, *note;
		enum alert_status stands;
		bool is_token;
		const char *event, *line; /* NULL: none */
	} table[] = {
	    {"ack", NULL, ALERT_ACKED, false, "\"acknowledge\"", "Acked there in the name of the integration"},
	    {"resolve", "scanner", ALERT_RESOLVED, false, "\"resolve\"", "Resolved there in the name of the integration"},
	    {"resolve", NULL, ALERT_CLAIMED, false, "\"resolve\"", "Resolved there in the name of the integration"},
	    {"reopen", NULL, ALERT_OPEN, false, "\"trigger\"", "Reopened there in the name of the integration"},
	    {"ack", NULL, ALERT_ACKED, true, "\"acknowledge\"", "Acked there in the name of the integration"},
	    {"ack", NULL, ALERT_OPEN, false, NULL, NULL}, /* taken back since */
	    {"unack", NULL, ALERT_OPEN, false, NULL, "PagerDuty was not told yet (unack)"},
	    {"escalate", NULL, ALERT_OPEN, false, NULL, "PagerDuty was not told yet (escalate)"},
	    {"assign", NULL, ALERT_ACKED, false, NULL, "PagerDuty was not told yet (assign)"},
	    {"note", "seen it", ALERT_ACKED, false, NULL, "PagerDuty was not told yet (note)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(NULL);
		struct alert *alert = paged_alert(world, table[i].stands);
		const struct actor actor = {.who = table[i].is_token ? "ops" : "U0ALICE", .via = "slack", .is_token = table[i].is_token};
		const char *const none[3] = {NULL}, *const events[3] = {table[i].event}, *const lines[3] = {table[i].line};
		struct error err = {0};

		linked(world, alert, "Q1", NOON - 600);
		assert_true(deed_leave(world->desk, &actor, alert, table[i].verb, table[i].note, NULL, &err));
		world->desk->rest_away_since = NOON;
		world->desk->now = NOON + DEED_LATE_S - 1;
		assert_true(deeds_tick(world->desk, &err));
		assert_texts(world, table[i].verb, WORD_PAGE, none);
		assert_texts(world, table[i].verb, WORD_THREAD, none);
		for (int tick = 0; tick < 60; tick++) {
			world->desk->now++;
			assert_true(deeds_tick(world->desk, &err));
		}

		assert_texts(world, table[i].verb, WORD_PAGE, events);
		assert_texts(world, table[i].verb, WORD_THREAD, lines);
		alert_free(alert);
		world_free(world);
	}
}

/* Its end came there in nobody's name. */
static void deed__that_was_late__names_the_person_when_it_can(void **state)
{
	static const struct call calls[] = {READ("resolved", ""),
	    {"POST /incidents/Q1/notes", A, NOTE("Resolved by @alice via headsup: scanner"), 200, NOTED}, {0}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_RESOLVED);
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 600);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "resolve", "scanner", NULL, &err));
	world->desk->rest_away_since = NOON - DEED_LATE_S;
	assert_true(deeds_tick(world->desk, &err));
	world->desk->rest_away_since = TIME_NONE;

	plays(world, "late", calls);

	alert_free(alert);
	world_free(world);
}

static void find__by_itself__links_the_incident_and_says_nothing(void **state)
{
	static const struct call calls[] = {{SEARCH, NULL, NULL, 200, ROWS(ROW("Q1", "triggered", "null", "2026-03-02T12:00:00Z"))},
	    {KEY_OF("Q1"), NULL, NULL, 200, OUR_ALERT}, {0}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_OPEN);
	struct incident incident;
	const char *const none[3] = {NULL};
	struct error err = {0};
	struct seen *seen;

	(void)state;
	assert_true(deed_find_incident(world->desk, alert->id, &err));
	assert_true(deed_find_incident(world->desk, alert->id, &err));
	seen = words_of(world, WORD_DEED);
	assert_int_equal(seen->count, 1);
	free(seen);

	plays(world, "find", calls);

	assert_true(storage_incident(world->storage, alert->id, &incident));
	assert_string_equal(incident.id, "Q1");
	incident_fini(&incident);
	assert_texts(world, "find", WORD_THREAD, none);
	assert_texts(world, "find", WORD_PAGE, none);
	alert_free(alert);
	world_free(world);
}

static void deed__while_its_page_is_on_its_way__waits_for_it(void **state)
{
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct spoken spoken;
	struct word *word;
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	replace_text(&alert->page_status, "waiting");
	assert_true(storage_put_alert(world->storage, alert, &err));
	assert_true(say_page(world->desk, alert, "trigger", &err));
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	word = deed_word(world);
	assert_non_null(word);

	assert_true(word_render(world->desk, word, &spoken, &err));
	assert_int_equal(spoken.waits_until, NOON + DEED_PAGE_WAIT_S);
	spoken_fini(&spoken);

	world->desk->now += 3600;
	assert_true(word_render(world->desk, word, &spoken, &err));
	assert_int_equal(spoken.waits_until, NOON + 3600 + 60);
	spoken_fini(&spoken);
	word_free(word);
	alert_free(alert);
	world_free(world);
}

/* Acked here at noon; PagerDuty shows that it was escalated just then, and answers the ack in the same second. */
static void deed__overtaken_by_a_change__ends_as_pagerduty_stands(void **state)
{
	static const struct call read = READ("triggered", ""),
				 put = {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200,
				     "{\"incident\":{\"id\":\"Q1\",\"status\":\"acknowledged\",\"last_status_change_at\":\"2026-03-02T12:00:00Z\","
				     "\"last_status_change_by\":" ALICE "}}"};
	const struct change escalated = {.incident = "Q1", .did = DID_ESCALATE, .at = NOON, .agent = AGENT_PERSON, .agent_id = "PBOB",
	    .agent_name = "Bob", .status = "triggered", .until = TIME_NONE};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED), *after;
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	alert->changed_at = NOON;
	replace_text(&alert->changed_by, "U0ALICE");
	replace_text(&alert->changed_via, "slack");
	assert_true(storage_put_alert(world->storage, alert, &err));
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	step(world, &read);
	assert_true(incident_changed(world->desk, &escalated, &err));
	step(world, &put);

	looks(world, "GET /incidents/Q1", put.says);
	after = storage_alert(world->storage, alert->id, &err);
	assert_int_equal(after->status, ALERT_ACKED);
	assert_string_equal(after->page_status, "acknowledged");
	alert_free(after);
	alert_free(alert);
	world_free(world);
}

static void deed__merged_incident__is_done_to_the_one_it_became(void **state)
{
	static const struct call calls[] = {READ("resolved", ",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q2\"}}"),
	    {"GET /incidents/Q2", NULL, NULL, 200, "{\"incident\":{\"id\":\"Q2\",\"status\":\"triggered\"}}"},
	    {"PUT /incidents/Q2", A, STATUS("acknowledged"), 200, "{\"incident\":{\"id\":\"Q2\",\"status\":\"acknowledged\"}}"}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		step(world, &calls[i]);
	looks(world, "GET /incidents/Q2", calls[2].says);
	alert_free(alert);
	world_free(world);
}

/* ---- who is who, asked first -------------------------------------------------------------------------------- */

static void deed__by_whom_pagerduty_was_not_asked_about__asks_first(void **state)
{
	static const struct call calls[] = {
	    {"GET /users?query=carol%40example.com&limit=100", NULL, NULL, 200,
		"{\"users\":[{\"id\":\"PCAROL\",\"type\":\"user\",\"name\":\"Carol\",\"email\":\"carol@example.com\"}],\"more\":false}"},
	    READ("triggered", ""), {"PUT /incidents/Q1", "carol@example.com", STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}, {0}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct error err = {0};

	(void)state;
	desk_world_end(world, true);
	desk_world_knows(world, "U0CAROL", "carol@example.com", NULL, false);
	desk_world_begin(world);
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0CAROL", .via = "slack"}, alert, "ack", NULL, NULL, &err));

	plays(world, "asked", calls);
	alert_free(alert);
	world_free(world);
}

static void deed__by_whom_slack_does_not_tell__waits_and_then_goes_as_the_configured_one(void **state)
{
	static const struct call calls[] = {READ("triggered", ""),
	    {"PUT /incidents/Q1", F, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")},
	    {"POST /incidents/Q1/notes", F, NOTE("Acked by @U0DAVE via headsup"), 200, NOTED}, {0}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0DAVE", .via = "slack"}, alert, "ack", NULL, NULL, &err));

	plays(world, "waited", calls);
	assert_in_range(world->desk->now, NOON + 10, NOON + 15);
	alert_free(alert);
	world_free(world);
}

static void deed__that_waits_for_slack_while_the_clock_is_set_back__waits_no_longer(void **state)
{
	static const struct call calls[] = {READ("triggered", ""),
	    {"PUT /incidents/Q1", F, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")},
	    {"POST /incidents/Q1/notes", F, NOTE("Acked by @U0DAVE via headsup"), 200, NOTED}, {0}};
	static const struct pagerduty_user bot = {(char *)"PBOT", (char *)"bot@example.com", (char *)"Bot", NOON - 7200};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct error err = {0};

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(storage_put_pagerduty_user(world->storage, &bot, &err));
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0DAVE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	world->desk->now = NOON - 7200;

	plays(world, "set back", calls);
	assert_in_range(world->desk->now, NOON - 7200, NOON - 7200 + 15);
	alert_free(alert);
	world_free(world);
}

/* ---- made twice --------------------------------------------------------------------------------------------- */

/* The last call was made, and its answer was lost with the process. */
static void dies(struct desk_world *world)
{
	struct word *word = deed_word(world);
	struct error err = {0};

	word->attempts = 1;
	word->is_unsure = true;
	word->state = WORD_WAITING;
	assert_true(storage_put_word(world->storage, word, &err));
	word_free(word);
}

static void note__that_may_have_been_posted__is_looked_for_first(void **state)
{
	static const struct {
		const char *content, *user, *at;
		bool stands;
	} table[] = {
	    {"looking", "PALICE", "2026-03-02T12:00:05Z", true},
	    {"looking", "PBOB", "2026-03-02T12:00:05Z", false},
	    {"looking", "PALICE", "2026-03-02T10:00:00Z", false},
	    {"something else", "PALICE", "2026-03-02T12:00:05Z", false},
	};
	static const struct call read = READ("triggered", "");

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(NULL);
		struct alert *alert = paged_alert(world, ALERT_OPEN);
		char *notes = xasprintf("{\"notes\":[{\"id\":\"PN1\",\"user\":{\"id\":\"%s\"},\"content\":\"%s\",\"created_at\":\"%s\"}]}",
		    table[i].user, table[i].content, table[i].at);
		const struct call after[] = {{"GET /incidents/Q1/notes", NULL, NULL, 200, notes},
		    {table[i].stands ? NULL : "POST /incidents/Q1/notes", A, NOTE("looking"), 200, NOTED}, {0}};
		struct error err = {0};

		linked(world, alert, "Q1", NOON - 590);
		assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "note", "looking", NULL, &err));
		step(world, &read);
		dies(world);

		plays(world, table[i].content, after);
		free(notes);
		alert_free(alert);
		world_free(world);
	}
}

static void request__that_may_have_been_made__is_looked_for_first(void **state)
{
	static const struct call read = READ("triggered", "");
	static const struct {
		const char *user;
		bool stands;
	} table[] = {{"PBOB", true}, {"PALICE", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(NULL);
		struct alert *alert = paged_alert(world, ALERT_OPEN);
		char *now = xasprintf("{\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\",\"incidents_responders\":[{\"user\":{\"id\":\"%s\"}}]}}",
		    table[i].user);
		const struct call after[] = {{"GET /incidents/Q1", NULL, NULL, 200, now},
		    {table[i].stands ? NULL : REQUEST, A, ASK("PALICE", "@alice"), 200, "{\"responder_request\":{}}"}, {0}};
		const char *const lines[3] = {"asks <@U0BOB> to help"};
		struct error err = {0};

		linked(world, alert, "Q1", NOON - 590);
		assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "escalate", NULL, "@bob", &err));
		step(world, &read);
		dies(world);

		plays(world, table[i].user, after);
		assert_texts(world, table[i].user, WORD_THREAD, lines);
		free(now);
		alert_free(alert);
		world_free(world);
	}
}

static void write__whose_answer_was_lost__is_looked_for_and_not_made_twice(void **state)
{
	static const struct {
		const char *name, *verb, *to;
		enum alert_status stands;
		struct call before[4], after[4]; /* the write that was lost lies between */
		const char *line;
		const char *page_status;
	} table[] = {
	    {"ack", "ack", NULL, ALERT_ACKED, {READ("triggered", "")}, {READ("acknowledged", ",\"acknowledgements\":[{\"acknowledger\":" ALICE "}]")},
		NULL, "acknowledged"},
	    {"ack, by another", "ack", NULL, ALERT_ACKED, {READ("triggered", "")},
		{READ("acknowledged", ",\"acknowledgements\":[{\"acknowledger\":" BOB "}]"),
		    {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")}},
		NULL, "acknowledged"},
	    {"unack", "unack", NULL, ALERT_OPEN, {READ("acknowledged", "")}, {READ("triggered", "")}, NULL, "triggered"},
	    {"resolve", "resolve", NULL, ALERT_RESOLVED, {READ("triggered", "")}, {READ("resolved", "")}, NULL, "resolved"},
	    {"resolve of one of two", "resolve", NULL, ALERT_RESOLVED, {READ("triggered", TWO_ALERTS), {OURS, NULL, NULL, 200, OUR_ALERT}},
		{READ("triggered", ONE_OF_TWO),
		    {OURS, NULL, NULL, 200, "{\"alerts\":[{\"id\":\"PA1\",\"status\":\"resolved\",\"alert_key\":\"headsup-A1\"}]}"}},
		NULL, "resolved"},
	    {"reopen", "reopen", NULL, ALERT_OPEN, {READ("resolved", "")}, {READ("triggered", "")}, NULL, "triggered"},
	    {"escalate", "escalate", NULL, ALERT_OPEN,
		{READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")}},
		{READ("triggered", ASSIGNED(BOB))}, "Escalated to level 2 in PagerDuty: <@U0BOB> is called", "triggered"},
	    {"escalate, not done", "escalate", NULL, ALERT_OPEN,
		{READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")}},
		{READ("triggered", ASSIGNED(ALICE)), {"GET /escalation_policies/PEP", NULL, NULL, 200, POLICY},
		    {ONCALLS, NULL, NULL, 200, ONCALL(ALICE, "1")},
		    {"PUT /incidents/Q1", A, LEVEL("2"), 200, INCIDENT("triggered", ASSIGNED(BOB))}},
		"Escalated to level 2 in PagerDuty: <@U0BOB> is called", "triggered"},
	    {"to a team", "escalate", "network", ALERT_OPEN,
		{READ("triggered", ""), {POLICIES("network"), NULL, NULL, 200, "{\"escalation_policies\":[" NET "]}"}},
		{{"GET /incidents/Q1", NULL, NULL, 200,
		    "{\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\",\"escalation_policy\":{\"id\":\"PNET\"}}}"}},
		"Given to the policy `Network`", "triggered"},
	    {"assign", "assign", "U0BOB", ALERT_OPEN, {READ("triggered", ASSIGNED(ALICE))}, {READ("triggered", DIRECT(BOB))}, NULL, "triggered"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct desk_world *world = world_new(NULL);
		struct alert *alert = paged_alert(world, table[i].stands), *now;
		const char *const lines[3] = {table[i].line};
		struct call after[5] = {{0}};
		struct spoken spoken;
		struct word *word;
		struct error err = {0};

		memcpy(after, table[i].after, sizeof(table[i].after));
		alert->changed_at = NOON;
		replace_text(&alert->changed_by, "U0ALICE");
		replace_text(&alert->changed_via, "slack");
		if (strcmp(table[i].verb, "assign") == 0)
			replace_text(&alert->assignee, table[i].to);
		assert_true(storage_put_alert(world->storage, alert, &err));
		linked(world, alert, "Q1", NOON - 590);
		assert_true(
		    deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, table[i].verb, NULL, table[i].to, &err));
		for (size_t j = 0; j < 4 && table[i].before[j].what != NULL; j++)
			step(world, &table[i].before[j]);
		assert_true(next_call(world, &word, &spoken));
		if (strcmp(spoken.verb, "PUT") != 0)
			fail_msg("%s: %s %s", table[i].name, spoken.verb, spoken.method);
		spoken_fini(&spoken);
		word_free(word);
		dies(world);

		plays(world, table[i].name, after);
		assert_texts(world, table[i].name, WORD_THREAD, lines);
		now = storage_alert(world->storage, alert->id, &err);
		if (!text_equal(now->page_status, table[i].page_status))
			fail_msg("%s: page_status is %s", table[i].name, now->page_status);
		alert_free(now);
		alert_free(alert);
		world_free(world);
	}
}

static void write__made_again__leaves_one_intent(void **state)
{
	static const struct call read = READ("triggered", ""),
				 put = {"PUT /incidents/Q1", A, STATUS("acknowledged"), 200, INCIDENT("acknowledged", "")};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct spoken spoken;
	struct word *word;
	struct error err = {0};
	bool taken;
	char what[32];

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	step(world, &read);
	assert_true(next_call(world, &word, &spoken));
	spoken_fini(&spoken);
	word_free(word);
	dies(world);
	step(world, &read);
	step(world, &put);

	change_name(DID_ACK, NULL, what);
	assert_true(storage_take_intent(world->storage, "Q1", what, "PALICE", 0, &taken, &err));
	assert_true(taken);
	assert_true(storage_take_intent(world->storage, "Q1", what, "PALICE", 0, &taken, &err));
	assert_false(taken);
	alert_free(alert);
	world_free(world);
}

static void write__refused__leaves_no_intent(void **state)
{
	static const struct call calls[] = {MAY_NOT, {0}};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);
	struct error err = {0};
	bool taken = true;
	char what[32];

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "ack", NULL, NULL, &err));
	plays(world, "refused", calls);

	change_name(DID_ACK, NULL, what);
	assert_true(storage_take_intent(world->storage, "Q1", what, "PALICE", 0, &taken, &err));
	assert_false(taken);
	alert_free(alert);
	world_free(world);
}

/* ---- what is long or strange -------------------------------------------------------------------------------- */

static void note__that_is_too_long__is_cut_between_characters(void **state)
{
	static const struct call read = READ("triggered", "");
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_OPEN);
	struct spoken spoken;
	struct word *word;
	struct error err = {0};
	const char *content;
	struct buf note;

	(void)state;
	linked(world, alert, "Q1", NOON - 590);
	buf_init(&note, 20000);
	buf_putc(&note, 'x');
	for (int i = 0; i < 4000; i++)
		buf_puts(&note, "\xF0\x9F\x94\xA5");
	assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, "note", buf_text(&note), NULL, &err));
	step(world, &read);

	assert_true(next_call(world, &word, &spoken));
	content = json_text(json_get(spoken.body, "note"), "content");
	assert_non_null(content);
	assert_int_equal(strlen(content), 1 + 1999 * 4);
	spoken_fini(&spoken);
	word_free(word);
	buf_fini(&note);
	alert_free(alert);
	world_free(world);
}

static void deed__whose_body_makes_no_sense__is_over(void **state)
{
	static const char *const bodies[] = {"{}", "[]", "{\"verb\":\"ack\"}", "{\"verb\":\"steal\",\"step\":\"read\"}",
	    "{\"verb\":\"ack\",\"step\":\"write\"}", "{\"verb\":\"ack\",\"step\":\"write\",\"write\":\"ack\",\"incident\":\"../users\"}",
	    "{\"verb\":\"ack\",\"step\":\"note\"}", "{\"verb\":\"escalate\",\"step\":\"policy\",\"policy\":\"a/b\"}"};
	struct desk_world *world = world_new(NULL);
	struct alert *alert = paged_alert(world, ALERT_ACKED);

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct word word = {.id = 77, .lane = (char *)PAGERDUTY_LANE, .kind = (char *)WORD_DEED, .subject = (char *)"A1",
		    .body = (char *)bodies[i]};
		struct spoken spoken;
		struct error err = {0};

		assert_true(word_render(world->desk, &word, &spoken, &err));
		if (!spoken.is_nothing)
			fail_msg("%s says something", bodies[i]);
		spoken_fini(&spoken);
	}
	alert_free(alert);
	world_free(world);
}

static void answers__that_are_strange__end_no_process(void **state)
{
	static const char *const answers[] = {"null", "[]", "{}", "7", "{\"incident\":7}", "{\"incident\":{\"id\":\"../x\"}}",
	    "{\"incident\":{\"id\":\"Q1\"}}", "{\"incident\":{\"id\":\"Q1\",\"status\":\"strange\",\"assignments\":7,\"acknowledgements\":\"x\"}}",
	    "{\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\",\"escalation_policy\":[],\"assignments\":[null,{\"assignee\":3}]}}",
	    "{\"incidents\":[null,3,{\"id\":7}],\"alerts\":[null,{\"alert_key\":3}],\"oncalls\":[3],\"notes\":[3]}"};
	static const char *const verbs[] = {"ack", "unack", "resolve", "reopen", "escalate", "assign", "note"};

	(void)state;
	for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
			struct desk_world *world = world_new(NULL);
			struct alert *alert = paged_alert(world, ALERT_OPEN);
			struct spoken spoken;
			struct word *word;
			struct error err = {0};
			int calls = 0;

			replace_text(&alert->assignee, "U0BOB");
			assert_true(storage_put_alert(world->storage, alert, &err));
			linked(world, alert, "Q1", NOON - 590);
			assert_true(deed_leave(world->desk, &(struct actor){.who = "U0ALICE", .via = "slack"}, alert, verbs[v], "x",
			    strcmp(verbs[v], "escalate") == 0 && i % 2 == 0 ? "network" : NULL, &err));
			while (next_call(world, &word, &spoken)) {
				spoken_fini(&spoken);
				hears(world, word, 200, answers[i]);
				word_free(word);
				assert_true(++calls < 20);
			}
			alert_free(alert);
			world_free(world);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deed__by_a_person__is_done_there_as_them),
	    cmocka_unit_test(deed__by_whom_pagerduty_does_not_know__is_done_as_the_configured_one_and_says_who),
	    cmocka_unit_test(escalate__climbs_gives_or_asks__and_tells_who_is_called),
	    cmocka_unit_test(assign__is_done_there__and_whom_it_calls_has_to_ack),
	    cmocka_unit_test(deed__refused_for_good__is_told_once_and_both_sides_are_compared),
	    cmocka_unit_test(again__tells_how_the_alert_stands),
	    cmocka_unit_test(again__of_one_change__is_bounded),
	    cmocka_unit_test(deed__without_rest_or_by_a_machine__is_what_events_can_do),
	    cmocka_unit_test(deed__whose_token_is_gone_or_refused__is_what_events_can_do),
	    cmocka_unit_test(deed__while_the_clock_is_set_back__is_not_looked_for_for_ever),
	    cmocka_unit_test(deed__of_an_alert_without_a_page__is_nothing_there),
	    cmocka_unit_test(deed__pressed_twice__is_left_once),
	    cmocka_unit_test(find__of_what_was_paged__takes_the_incident_that_holds_its_key),
	    cmocka_unit_test(find__by_itself__links_the_incident_and_says_nothing),
	    cmocka_unit_test(deeds__that_wait_too_long__are_said_by_events_once),
	    cmocka_unit_test(deed__that_was_late__names_the_person_when_it_can),
	    cmocka_unit_test(deed__while_its_page_is_on_its_way__waits_for_it),
	    cmocka_unit_test(deed__overtaken_by_a_change__ends_as_pagerduty_stands),
	    cmocka_unit_test(deed__merged_incident__is_done_to_the_one_it_became),
	    cmocka_unit_test(deed__by_whom_pagerduty_was_not_asked_about__asks_first),
	    cmocka_unit_test(deed__by_whom_slack_does_not_tell__waits_and_then_goes_as_the_configured_one),
	    cmocka_unit_test(deed__that_waits_for_slack_while_the_clock_is_set_back__waits_no_longer),
	    cmocka_unit_test(note__that_may_have_been_posted__is_looked_for_first),
	    cmocka_unit_test(request__that_may_have_been_made__is_looked_for_first),
	    cmocka_unit_test(write__whose_answer_was_lost__is_looked_for_and_not_made_twice),
	    cmocka_unit_test(write__made_again__leaves_one_intent),
	    cmocka_unit_test(write__refused__leaves_no_intent),
	    cmocka_unit_test(note__that_is_too_long__is_cut_between_characters),
	    cmocka_unit_test(deed__whose_body_makes_no_sense__is_over),
	    cmocka_unit_test(answers__that_are_strange__end_no_process),
	};

	log_setup(getenv("TEST_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
