/* PagerDuty's webhooks: who may say it, what is read of it, and what follows. */
#include "tests/unit/desk_world.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "config/base/text.h"
#include "config/yaml.h"
#include "handlers/alerts.h"
#include "handlers/api.h"
#include "handlers/pagerduty/hook.h"
#include "handlers/words.h"
#include "storage/internal.h"

#define SAMPLES "tests/data/pagerduty/"
#define SECRET "c2FtcGxlLXNpZ25pbmctc2VjcmV0LWZvci10ZXN0cy1vbmx5LWRvLW5vdC11c2Uh"
#define OLD_SECRET "the-secret-of-another-subscription-0123456789"
#define ROUTES                                                          \
	"slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n" \
	"routes: [{channel: \"#security-alerts\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}]\n"
#define HOOKS "webhook_secret: [" OLD_SECRET ", " SECRET "]"
#define WITH_REST "pagerduty: {" HOOKS ", api_token: pd-token, from: headsup@example.com}\n" ROUTES
#define WITHOUT_REST "pagerduty: {" HOOKS "}\n" ROUTES

static int setup(void **state)
{
	*state = desk_world_new(WITH_REST);
	return 0;
}

static int setup_without_rest(void **state)
{
	*state = desk_world_new(WITHOUT_REST);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* ---- helpers -------------------------------------------------------------------------------------------- */

static cJSON *sample(const char *name)
{
	char path[256];
	size_t len;
	char *text;
	cJSON *json;

	snprintf(path, sizeof(path), "%s%s", SAMPLES, name);
	text = read_file(path, 1 << 20, &len, NULL);
	if (text == NULL)
		fail_msg("%s cannot be read", path);
	json = json_parse(text, len, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static void sign(const char *secret, const char *body, size_t len, char out[80])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body, len, digest, &digest_len));
	snprintf(out, 80, "v1=");
	for (size_t i = 0; i < digest_len; i++)
		snprintf(out + 3 + 2 * i, 3, "%02x", digest[i]);
}

/* Posts BODY with HEADERS; the answer's status, its text in TEXT (may be NULL, 256 bytes). */
static int posts(struct desk_world *w, const struct api_param *headers, size_t count, const char *body, size_t len, char *text)
{
	struct api_request request = {.method = "POST", .path = "/webhooks/pagerduty", .headers = headers, .header_count = count,
	    .body = body, .body_len = len, .remote = "203.0.113.7"};
	struct api_answer answer;
	bool keep;
	int status;

	api_answer_init(&answer);
	desk_world_begin(w);
	keep = api_handle(w->desk, &request, &answer);
	desk_world_end(w, keep);
	status = answer.status;
	if (text != NULL)
		snprintf(text, 256, "%s", buf_text(&answer.body));
	assert_string_equal(answer.content_type, status >= 400 ? "application/problem+json" : "application/json");
	api_answer_fini(&answer);
	return status;
}

/* BODY as PagerDuty would deliver it under the id DELIVERY (NULL: none). */
static int delivers(struct desk_world *w, const char *body, const char *delivery)
{
	char signature[80];
	const struct api_param headers[] = {{"x-pagerduty-signature", signature}, {"x-webhook-id", delivery}};

	sign(SECRET, body, strlen(body), signature);
	return posts(w, headers, delivery != NULL ? 2 : 1, body, strlen(body), NULL);
}

/* An event of TYPE about INCIDENT by AGENT (NULL: nobody), with MORE members of data, at NOON + SECOND. */
static int happens(struct desk_world *w, const char *type, const char *incident, const char *agent, int second, const char *more)
{
	static int number;
	char *by = agent != NULL ? xasprintf("{\"id\":\"%s\",\"type\":\"user_reference\",\"summary\":\"Bob Example\"}", agent) : xstrdup("null");
	char *body = xasprintf("{\"event\":{\"id\":\"01HTEST%06d\",\"event_type\":\"incident.%s\",\"resource_type\":\"incident\","
			       "\"occurred_at\":\"2026-03-02T12:%02d:%02d.000Z\",\"agent\":%s,\"client\":null,"
			       "\"data\":{\"type\":\"incident\",\"id\":\"%s\",\"number\":7,\"created_at\":\"2026-03-02T12:00:02Z\"%s%s}}}",
	    number++, type, second / 60, second % 60, by, incident, more != NULL ? "," : "", more != NULL ? more : "");
	int status = delivers(w, body, NULL);

	free(body);
	free(by);
	return status;
}

/* An alert that was paged at NOON; its id. */
static int64_t pages(struct desk_world *w, const char *key)
{
	struct error err = {0};
	struct alert alert;
	int64_t id;

	alert_init(&alert);
	alert.source = xstrdup("falco");
	alert.title = xstrdup("a shell in a container");
	alert.dedup_key = xstrdup(key);
	alert.severity = SEVERITY_HIGH;
	desk_world_begin(w);
	assert_true(intake(w->desk, &alert, &err));
	replace_text(&alert.page_status, "triggered");
	alert.paged_at = NOON;
	assert_true(storage_put_alert(w->storage, &alert, &err));
	desk_world_end(w, true);
	id = alert.id;
	alert_fini(&alert);
	return id;
}

static void links(struct desk_world *w, int64_t alert, const char *id, const char *status)
{
	struct error err = {0};
	const struct incident incident = {.alert = alert, .id = (char *)id, .status = (char *)status, .status_at = NOON, .linked_at = NOON + 1};

	desk_world_begin(w);
	assert_true(storage_put_incident(w->storage, &incident, &err));
	desk_world_end(w, true);
}

static void knows(struct desk_world *w, const char *id, const char *email)
{
	struct error err = {0};
	const struct pagerduty_user user = {.id = (char *)id, .email = (char *)email, .name = (char *)"Bob Example", .fetched_at = NOON};

	desk_world_begin(w);
	assert_true(storage_put_pagerduty_user(w->storage, &user, &err));
	desk_world_end(w, true);
}

static bool is_linked(struct desk_world *w, int64_t alert, const char *id)
{
	struct incident incident;
	bool is = storage_incident(w->storage, alert, &incident) && text_equal(incident.id, id);

	incident_fini(&incident);
	return is;
}

static enum alert_status status_of(struct desk_world *w, int64_t id)
{
	struct alert *alert = storage_alert(w->storage, id, NULL);
	enum alert_status status;

	assert_non_null(alert);
	status = alert->status;
	alert_free(alert);
	return status;
}

struct hooks {
	int64_t ids[16];
	size_t count;
};

static bool note_hook(void *ctx, const struct word *word)
{
	struct hooks *hooks = ctx;

	if (strcmp(word->kind, WORD_HOOK) == 0 && hooks->count < 16)
		hooks->ids[hooks->count++] = word->id;
	return true;
}

static size_t hooks_waiting(struct desk_world *w, struct hooks *hooks)
{
	hooks->count = 0;
	assert_true(storage_each_word(w->storage, -1, 0, 1000, note_hook, hooks, NULL));
	return hooks->count;
}

/* The oldest question, as the courier puts it ("GET /incidents/…"; "" when there is nothing to ask any more, and it is over). */
static char *asks(struct desk_world *w, int64_t *id)
{
	struct spoken spoken = {0};
	struct error err = {0};
	struct hooks hooks;
	struct word *word;
	char *path;

	assert_true(hooks_waiting(w, &hooks) > 0);
	*id = hooks.ids[0];
	word = storage_word(w->storage, *id);
	desk_world_begin(w);
	if (!word_render(w->desk, word, &spoken, &err))
		fail_msg("%s", err.text);
	path = spoken.is_nothing ? xstrdup("") : xasprintf("%s %s", spoken.verb, spoken.method);
	if (spoken.is_nothing)
		assert_true(storage_remove_word(w->storage, *id, &err));
	desk_world_end(w, true);
	spoken_fini(&spoken);
	word_free(word);
	return path;
}

/* It is asked for PATH, and answered with STATUS and TEXT. *NOT_BEFORE (may be NULL): when the next step is due. */
static void answers(struct desk_world *w, const char *path, int status, const char *text, int64_t *not_before)
{
	cJSON *json = json_parse(text, strlen(text), NULL);
	struct reply reply = {.ok = status / 100 == 2, .status = status, .body = json};
	struct word_next next = {0};
	struct error err = {0};
	struct word *word;
	int64_t id;
	char *asked = asks(w, &id);

	assert_string_equal(asked, path);
	free(asked);
	word = storage_word(w->storage, id);
	desk_world_begin(w);
	if (!word_delivered(w->desk, word, &reply, &next, &err))
		fail_msg("%s", err.text);
	if (next.body != NULL) {
		char *body = json_write(next.body);

		assert_true(storage_go_on_word(w->storage, id, body, TIME_NONE, &err));
		free(body);
	} else {
		assert_true(storage_remove_word(w->storage, id, &err));
	}
	if (not_before != NULL)
		*not_before = next.body != NULL ? next.not_before : TIME_NONE;
	desk_world_end(w, true);
	word_next_fini(&next);
	word_free(word);
	cJSON_Delete(json);
}

/* ---- signatures ----------------------------------------------------------------------------------------- */

static void signature__of_a_sample__holds_only_where_it_is_valid(void **state)
{
	static const char *const names[] = {"signature-01-ping.json", "signature-02-acknowledged.json", "signature-03-tampered.json"};
	int valid = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cJSON *json = sample(names[i]);
		char *const secrets[] = {(char *)OLD_SECRET, (char *)json_text(json, "secret"), NULL};
		char *const wrong[] = {(char *)OLD_SECRET, NULL};
		const char *body = json_text(json, "body"), *header = json_text(json, "x_pagerduty_signature");
		const bool is_valid = json_true(json, "valid");

		assert_int_equal(hook_proves(secrets, header, body, strlen(body)), is_valid);
		assert_false(hook_proves(wrong, header, body, strlen(body)));
		assert_false(hook_proves(secrets, header, body, strlen(body) - 1));
		valid += is_valid;
		cJSON_Delete(json);
	}
	assert_int_equal(valid, 2);
}

#define GOOD "89bde9359b69c047502ce365493ef666b705746b14614989268179f4dceacbda"
#define GOOD_UPPER "89BDE9359B69C047502CE365493EF666B705746B14614989268179F4DCEACBDA"
#define BAD "00bde9359b69c047502ce365493ef666b705746b14614989268179f4dceacbda"
#define BAD5 "v1=" BAD ",v1=" BAD ",v1=" BAD ",v1=" BAD ",v1=" BAD ","

static void signature__in_whatever_form__holds_when_one_value_is_right(void **state)
{
	static const struct {
		const char *header;
		bool holds;
	} cases[] = {
	    {"v1=" GOOD, true},
	    {"v1=" GOOD_UPPER, true},
	    {" \tv1=" GOOD " \t", true},
	    {"v1=" BAD ",v1=" GOOD, true},
	    {"v1=" GOOD ", v1=" BAD, true},
	    {"v2=" BAD ",v1=" GOOD, true},
	    {"v1=,v1=zz,v1=" GOOD, true},
	    {",,v1=" GOOD ",,", true},
	    {BAD5 BAD5 BAD5 "v1=" GOOD, true},
	    {BAD5 BAD5 BAD5 "v1=" GOOD ",v1=" BAD, false},
	    {"v1=" GOOD "," BAD5 BAD5 BAD5 "v1=" BAD, false},
	    {"v1=" GOOD ",v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=,v1=", false},
	    {"v1=" GOOD ",v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=,v2=", true},
	    {"v1=" BAD, false},
	    {"v1=" BAD ",v1=" BAD, false},
	    {"", false},
	    {",", false},
	    {"v1=", false},
	    {"v1", false},
	    {GOOD, false},
	    {"v2=" GOOD, false},
	    {"v0=" GOOD, false},
	    {"V1=" GOOD, false},
	    {"v11=" GOOD, false},
	    {"v1 =" GOOD, false},
	    {"v1= " GOOD, false},
	    {"v1=" GOOD "0", false},
	    {"v1=" GOOD "00", false},
	    {"v1=8", false},
	    {"v1=9bde9359b69c047502ce365493ef666b705746b14614989268179f4dceacbda", false},
	    {"v1=" GOOD ";v1=" GOOD, false},
	    {"v1=\"" GOOD "\"", false},
	    {"v1=g9bde9359b69c047502ce365493ef666b705746b14614989268179f4dceacbda", false},
	    {"sha256=" GOOD, false},
	};
	cJSON *json = sample("signature-01-ping.json");
	const char *body = json_text(json, "body");
	char *const secrets[] = {(char *)SECRET, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (hook_proves(secrets, cases[i].header, body, strlen(body)) != cases[i].holds)
			fail_msg("\"%s\" should%s hold", cases[i].header, cases[i].holds ? "" : " not");
	}
	assert_false(hook_proves(secrets, NULL, body, strlen(body)));
	cJSON_Delete(json);
}

static void signature__by_any_of_the_secrets__holds_and_by_none_other(void **state)
{
	static const char *const lists[][4] = {
	    {SECRET}, {OLD_SECRET, SECRET}, {SECRET, OLD_SECRET}, {"", OLD_SECRET, SECRET}, /* hold */
	    {NULL}, {""}, {OLD_SECRET}, {SECRET "="}, {"sample-signing-secret-for-tests-only-do-not-use!"} /* it looks like base64, and is not */
	};
	cJSON *json = sample("signature-02-acknowledged.json");
	const char *body = json_text(json, "body"), *header = json_text(json, "x_pagerduty_signature");
	char empty[80];

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_int_equal(hook_proves((char *const *)lists[i], header, body, strlen(body)), i < 4);
	assert_false(hook_proves(NULL, header, body, strlen(body)));
	/* What an empty secret would sign is signed by nobody. */
	sign("", body, strlen(body), empty);
	assert_false(hook_proves((char *const *)lists[5], empty, body, strlen(body)));
	cJSON_Delete(json);
}

/* ---- what is read --------------------------------------------------------------------------------------- */

#define PERSON AGENT_PERSON, "PLH1HKV", "Alex Example"
#define INTEGRATION AGENT_INTEGRATION, "PQ12345", "Events API V2"
#define NOBODY AGENT_NOBODY, NULL, NULL

static const struct told {
	const char *name;
	const char *incident; /* NULL: nothing is told */
	enum did did;
	enum agent agent;
	const char *agent_id, *agent_name, *status, *to_id, *to_name, *note;
} told[] = {
    {"webhook-incident-triggered-by-event.json", "PGR0VU2", DID_TRIGGER, INTEGRATION, "triggered", NULL, NULL, NULL},
    {"webhook-incident-triggered-by-person.json", "Q2SAMPLEAB12CD", DID_TRIGGER, PERSON, "triggered", NULL, NULL, NULL},
    {"webhook-incident-acknowledged.json", "PGR0VU2", DID_ACK, PERSON, "acknowledged", NULL, NULL, NULL},
    {"webhook-incident-unacknowledged.json", "PGR0VU2", DID_UNACK, NOBODY, "triggered", NULL, NULL, NULL},
    {"webhook-incident-resolved.json", "PGR0VU2", DID_RESOLVE, PERSON, "resolved", NULL, NULL, NULL},
    {"webhook-incident-resolved-by-event.json", "PGR0VU2", DID_RESOLVE, INTEGRATION, "resolved", NULL, NULL, NULL},
    {"webhook-incident-escalated.json", "PGR0VU2", DID_ESCALATE, PERSON, "triggered", "PTUXL6G", "Blair Example", NULL},
    {"webhook-incident-delegated.json", "PGR0VU2", DID_DELEGATE, PERSON, "triggered", "PJFWPEP", "Security", NULL},
    {"webhook-incident-reassigned.json", "PGR0VU2", DID_REASSIGN, PERSON, "triggered", "PTUXL6G", "Blair Example", NULL},
    {"webhook-incident-annotated.json", "PGR0VU2", DID_NOTE, PERSON, NULL, NULL, NULL, "I sure am glad we are using PagerDuty!"},
    {"webhook-incident-responder-added.json", "PGR0VU2", DID_RESPONDER, PERSON, NULL, "PVMGSML", "Jules Example", NULL},
    {"webhook-incident-responder-replied.json", "PGR0VU2", DID_OTHER, PERSON, NULL, NULL, NULL, NULL},
    {"webhook-incident-priority-updated.json", "PGR0VU2", DID_OTHER, PERSON, "triggered", NULL, NULL, NULL},
    {"webhook-incident-status-update-published.json", "PGR0VU2", DID_OTHER, PERSON, NULL, NULL, NULL, NULL},
    {"webhook-incident-conference-bridge-updated.json", "PGR0VU2", DID_OTHER, PERSON, NULL, NULL, NULL, NULL},
    {"webhook-pagey-ping.json", NULL, DID_OTHER, NOBODY, NULL, NULL, NULL, NULL},
    {"webhook-delivery-headers.json", NULL, DID_OTHER, NOBODY, NULL, NULL, NULL, NULL},
};

static void same(const struct told *expected, const char *what, const char *is, const char *should)
{
	if (!text_equal(is, should))
		fail_msg("%s: %s is %s, not %s", expected->name, what, is != NULL ? is : "NULL", should != NULL ? should : "NULL");
}

static void event__of_a_sample__is_read_as_what_it_tells(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		cJSON *json = sample(told[i].name);
		struct change change;
		struct buf space;
		int64_t at;
		bool is_told;

		buf_init(&space, 4096);
		is_told = hook_read(json_get(json, "event"), &change, &space);
		if (is_told != (told[i].incident != NULL))
			fail_msg("%s: told %d", told[i].name, is_told);
		if (is_told) {
			assert_true(time_parse_rfc3339(json_text(json_get(json, "event"), "occurred_at"), &at));
			assert_int_equal(change.at, at);
			if (change.did != told[i].did || change.agent != told[i].agent)
				fail_msg("%s: did %d by %d", told[i].name, (int)change.did, (int)change.agent);
			same(&told[i], "incident", change.incident, told[i].incident);
			same(&told[i], "agent_id", change.agent_id, told[i].agent_id);
			same(&told[i], "agent_name", change.agent_name, told[i].agent_name);
			same(&told[i], "status", change.status, told[i].status);
			same(&told[i], "to_id", change.to_id, told[i].to_id);
			same(&told[i], "to_name", change.to_name, told[i].to_name);
			same(&told[i], "note", change.note, told[i].note);
			assert_null(change.into);
			assert_int_equal(change.level, 0);
			assert_int_equal(change.until, TIME_NONE);
		}
		buf_fini(&space);
		cJSON_Delete(json);
	}
}

#define EVENT(type, rest) "{\"event_type\":\"" type "\"," rest "}"
#define I "\"type\":\"incident\",\"id\":\"Q1\""
#define DATA(rest) "\"data\":{" rest "}"
#define REASON(rest) DATA(I ",\"resolve_reason\":" rest)

static void event__that_is_odd__is_read_as_far_as_it_can(void **state)
{
	static const struct {
		const char *event;
		const char *incident; /* NULL: nothing is told */
		enum did did;
		enum agent agent;
		const char *status, *to_id, *to_name, *into;
		int64_t number;
	} cases[] = {
	    {EVENT("incident.acknowledged", DATA(I)), "Q1", DID_ACK, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA(I ",\"status\":\"odd\"")), "Q1", DID_ACK, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA(I ",\"status\":7")), "Q1", DID_ACK, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.reopened", DATA(I ",\"status\":\"acknowledged\"")), "Q1", DID_REOPEN, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.reopened", DATA(I)), "Q1", DID_REOPEN, AGENT_NOBODY, "triggered", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"occurred_at\":3,\"agent\":[],\"client\":\"x\"," DATA(I)), "Q1", DID_ACK, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"agent\":{\"type\":\"user_reference\",\"id\":\"../x\"}," DATA(I)), "Q1", DID_ACK, AGENT_PERSON, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"agent\":{\"type\":\"service_reference\",\"id\":\"P1\"}," DATA(I)), "Q1", DID_ACK, AGENT_NOBODY, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"agent\":{\"type\":\"robot_reference\",\"id\":\"P1\"}," DATA(I)), "Q1", DID_ACK, AGENT_INTEGRATION, "acknowledged", NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"agent\":{\"id\":\"P1\"}," DATA(I)), "Q1", DID_ACK, AGENT_INTEGRATION, "acknowledged", NULL, NULL, NULL, 0},
	    /* given to several, to nobody, to what is no list */
	    {EVENT("incident.reassigned", DATA(I ",\"assignees\":[{\"id\":\"P1\",\"summary\":\"Ann\"},{\"id\":\"P2\",\"summary\":\"Ben\"}]")), "Q1", DID_REASSIGN, AGENT_NOBODY, NULL, "P1", "Ann, Ben", NULL, 0},
	    {EVENT("incident.reassigned", DATA(I ",\"assignees\":[null,7,{\"id\":\"a/b\",\"summary\":\"Ann\"},{\"id\":\"P2\"}]")), "Q1", DID_REASSIGN, AGENT_NOBODY, NULL, "P2", "Ann, P2", NULL, 0},
	    {EVENT("incident.escalated", DATA(I ",\"assignees\":[{\"id\":\"A\"},{\"id\":\"B\"},{\"id\":\"C\"},{\"id\":\"D\"},{\"id\":\"E\"},{\"id\":\"F\"},{\"id\":\"G\"}]")), "Q1", DID_ESCALATE, AGENT_NOBODY, NULL, "A", "A, B, C, D, E and 2 more", NULL, 0},
	    {EVENT("incident.escalated", DATA(I ",\"assignees\":[]")), "Q1", DID_ESCALATE, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.escalated", DATA(I ",\"assignees\":{\"id\":\"P1\"}")), "Q1", DID_ESCALATE, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.delegated", DATA(I ",\"escalation_policy\":null")), "Q1", DID_DELEGATE, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.responder.added", DATA("\"type\":\"incident_responder\",\"incident\":{\"id\":\"Q1\"},\"user\":null,\"escalation_policy\":{\"id\":\"P5\",\"summary\":\"Ops\"}")), "Q1", DID_RESPONDER, AGENT_NOBODY, NULL, "P5", "Ops", NULL, 0},
	    {EVENT("incident.responder.added", DATA("\"type\":\"incident_responder\",\"incident\":{\"id\":\"Q1\"}")), "Q1", DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    /* merged */
	    {EVENT("incident.resolved", REASON("{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q9\",\"summary\":\"[#77] other\"}}")), "Q1", DID_MERGE, AGENT_NOBODY, "resolved", NULL, NULL, "Q9", 77},
	    {EVENT("incident.resolved", REASON("{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q9\",\"number\":78,\"summary\":\"[#77] other\"}}")), "Q1", DID_MERGE, AGENT_NOBODY, "resolved", NULL, NULL, "Q9", 78},
	    {EVENT("incident.resolved", REASON("{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q9\",\"number\":-1,\"summary\":\"[#x]\"}}")), "Q1", DID_MERGE, AGENT_NOBODY, "resolved", NULL, NULL, "Q9", 0},
	    {EVENT("incident.resolved", REASON("{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q/9\"}}")), "Q1", DID_OTHER, AGENT_NOBODY, "resolved", NULL, NULL, NULL, 0},
	    {EVENT("incident.resolved", REASON("{\"type\":\"merge_resolve_reason\"}")), "Q1", DID_OTHER, AGENT_NOBODY, "resolved", NULL, NULL, NULL, 0},
	    {EVENT("incident.resolved", REASON("\"merged\"")), "Q1", DID_OTHER, AGENT_NOBODY, "resolved", NULL, NULL, NULL, 0},
	    {EVENT("incident.resolved", REASON("{\"type\":\"resolve_reason\"}")), "Q1", DID_RESOLVE, AGENT_NOBODY, "resolved", NULL, NULL, NULL, 0},
	    {EVENT("incident.resolved", REASON("7")), "Q1", DID_RESOLVE, AGENT_NOBODY, "resolved", NULL, NULL, NULL, 0},
	    /* notes without words, types to come, what is no incident's */
	    {EVENT("incident.annotated", DATA("\"type\":\"incident_note\",\"id\":\"N1\",\"incident\":{\"id\":\"Q1\"}")), "Q1", DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.annotated", DATA("\"type\":\"incident_note\",\"id\":\"N1\",\"content\":\"\",\"incident\":{\"id\":\"Q1\"}")), "Q1", DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.annotated", DATA("\"type\":\"incident_note\",\"id\":\"N1\",\"content\":\"x\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.painted.blue", DATA(I ",\"status\":\"triggered\"")), "Q1", DID_OTHER, AGENT_NOBODY, "triggered", NULL, NULL, NULL, 0},
	    {EVENT("service.updated", DATA("\"type\":\"service\",\"id\":\"P1\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("service.updated", DATA(I)), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA("\"type\":\"service\",\"id\":\"P1\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA("\"id\":\"Q1\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA("\"type\":\"incident\",\"id\":7")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA("\"type\":\"incident\",\"id\":\"\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", DATA("\"type\":\"incident\",\"id\":\"Q1/../../users\"")), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {EVENT("incident.acknowledged", "\"data\":[]"), NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {"{\"event_type\":7," DATA(I) "}", NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {"{}", NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	    {"[]", NULL, DID_OTHER, AGENT_NOBODY, NULL, NULL, NULL, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct told expected = {.name = cases[i].event};
		cJSON *json = json_parse(cases[i].event, strlen(cases[i].event), NULL);
		struct change change;
		struct buf space;

		assert_non_null(json);
		buf_init(&space, 4096);
		if (hook_read(json, &change, &space) != (cases[i].incident != NULL))
			fail_msg("%s", cases[i].event);
		if (cases[i].incident != NULL) {
			same(&expected, "incident", change.incident, cases[i].incident);
			same(&expected, "status", change.status, cases[i].status);
			same(&expected, "to_id", change.to_id, cases[i].to_id);
			same(&expected, "to_name", change.to_name, cases[i].to_name);
			same(&expected, "into", change.into, cases[i].into);
			if (change.did != cases[i].did || change.agent != cases[i].agent || change.into_number != cases[i].number)
				fail_msg("%s: did %d by %d, number %" PRId64, cases[i].event, (int)change.did, (int)change.agent,
				    change.into_number);
			assert_int_equal(change.at, TIME_NONE);
		}
		buf_fini(&space);
		cJSON_Delete(json);
	}
}

/* ---- who may say it ------------------------------------------------------------------------------------- */

static void webhook__by_its_signature__is_taken_or_refused(void **state)
{
	struct desk_world *w = *state;
	cJSON *json = sample("signature-01-ping.json");
	const char *ping = json_text(json, "body"), *right = json_text(json, "x_pagerduty_signature");
	char old[80];
	const struct {
		struct api_param headers[3];
		size_t count;
		const char *body;
		int status;
	} cases[] = {
	    {{{"X-PagerDuty-Signature", right}}, 1, ping, 202},
	    {{{"x-pagerduty-signature", right}}, 1, ping, 202},
	    {{{"x-pagerduty-signature", old}}, 1, ping, 202},
	    {{{"X-None", right}}, 1, ping, 403},
	    {{{"X-PagerDuty-Signature", right}, {"x-pagerduty-signature", right}}, 2, ping, 403},
	    {{{"X-PagerDuty-Signature", ""}}, 1, ping, 403},
	    {{{"X-PagerDuty-Signature", "v1=" BAD}}, 1, ping, 403},
	    {{{"X-PagerDuty-Signature", "v2=" GOOD}}, 1, ping, 403},
	    {{{"X-PagerDuty-Signature", right}}, 1, "", 403},
	    {{{"X-PagerDuty-Signature", right}}, 1, "{\"event\":{}}", 403},
	    {{{"Authorization", "Bearer " SECRET}}, 1, ping, 403},
	    {{{"X-PagerDuty-Signature", right}, {"Content-Encoding", "gzip"}}, 2, ping, 415},
	};
	char text[256];

	sign(OLD_SECRET, ping, strlen(ping), old);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t refused = w->desk->counts.refused;
		int status = posts(w, cases[i].headers, cases[i].count, cases[i].body, strlen(cases[i].body), text);

		if (status != cases[i].status)
			fail_msg("case %zu: %d %s", i, status, text);
		assert_int_equal(w->desk->counts.refused - refused, status == 403);
		if (status == 202)
			assert_string_equal(text, "{}\n");
		assert_null(strstr(text, SECRET));
	}
	cJSON_Delete(json);
}

static void webhook__without_a_secret_of_ours__is_refused(void **state)
{
	struct desk_world *w = desk_world_new(NULL);
	char signature[80];
	const struct api_param headers[] = {{"X-PagerDuty-Signature", signature}};

	(void)state;
	sign("", "{}", 2, signature);
	assert_int_equal(posts(w, headers, 1, "{}", 2, NULL), 403);
	sign(SECRET, "{}", 2, signature);
	assert_int_equal(posts(w, headers, 1, "{}", 2, NULL), 403);
	desk_world_free(w);
}

static void body__of_what_cannot_be_right__is_not_even_read(void **state)
{
	struct desk_world *w = *state;
	const struct {
		const char *method, *header;
		bool is_admitted;
		int status;
	} cases[] = {
	    {"POST", "v1=" BAD, true, 200},
	    {"POST", NULL, false, 403},
	    {"POST", "v1=00", false, 403},
	    {"POST", "v2=" GOOD, false, 403},
	    {"GET", "v1=" GOOD, false, 405},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct api_param headers[] = {{"X-PagerDuty-Signature", cases[i].header}};
		const struct api_request request = {.method = cases[i].method, .path = "/webhooks/pagerduty", .headers = headers,
		    .header_count = cases[i].header != NULL, .body = "", .remote = "203.0.113.7"};
		struct api_answer answer;
		size_t limit = 1;

		api_answer_init(&answer);
		assert_int_equal(api_admit(w->desk, &request, &limit, &answer), cases[i].is_admitted);
		assert_int_equal(limit, cases[i].is_admitted ? HOOK_BODY_MAX : 0);
		assert_int_equal(answer.status, cases[i].status);
		api_answer_fini(&answer);
	}
}

static void body__that_is_signed_and_odd__is_taken_and_changes_nothing(void **state)
{
	static const char *const bodies[] = {
	    "",
	    "{",
	    "null",
	    "[]",
	    "7",
	    "{}",
	    "{\"event\":null}",
	    "{\"event\":[]}",
	    "{\"event\":{}}",
	    "{\"event\":{\"id\":7,\"event_type\":[],\"data\":\"x\"}}",
	    "{\"messages\":[{\"event\":\"incident.acknowledge\",\"incident\":{\"id\":\"Q1\",\"alerts\":[{\"alert_key\":\"headsup-A1\"}]}}]}",
	    "{\"messages\":[{\"event\":\"incident.resolve\",\"incident\":{\"id\":\"Q1\"}}]}",
	    "{\"event\":{\"id\":\"e1\",\"event_type\":\"service.updated\",\"data\":{\"type\":\"service\",\"id\":\"Q1\"}}}",
	    "{\"event\":{\"id\":\"e2\",\"event_type\":\"incident.painted\",\"data\":{\"type\":\"incident\",\"id\":\"Q1\"}}}",
	    "{\"event\":{\"id\":\"e3\",\"event_type\":\"incident.role.assigned\",\"data\":{\"type\":\"x\",\"incident_role_assignments\":[]}}}",
	};
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct hooks hooks;
	struct buf deep;

	links(w, id, "Q1", "triggered");
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (delivers(w, bodies[i], NULL) != 202)
			fail_msg("%s", bodies[i]);
	}
	buf_init(&deep, 1 << 20);
	buf_puts(&deep, "{\"event\":{\"event_type\":\"incident.resolved\",\"data\":");
	for (int i = 0; i < 10000; i++)
		buf_puts(&deep, "[");
	assert_int_equal(delivers(w, buf_text(&deep), NULL), 202);
	buf_fini(&deep);

	assert_int_equal(status_of(w, id), ALERT_OPEN);
	assert_int_equal(hooks_waiting(w, &hooks), 0);
}

static void webhook__while_nothing_can_be_stored__is_to_come_again(void **state)
{
	struct desk_world *w = *state;
	char signature[80];
	const struct api_param headers[] = {{"X-PagerDuty-Signature", signature}};
	const char *body = "{\"event\":{\"id\":\"e1\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:09Z\","
			   "\"data\":{\"type\":\"incident\",\"id\":\"Q7\"}}}";
	const struct api_request request = {.method = "POST", .path = "/webhooks/pagerduty", .headers = headers, .header_count = 1,
	    .body = body, .body_len = strlen(body), .remote = "203.0.113.7"};
	struct api_answer answer;
	struct hooks hooks;

	sign(SECRET, body, strlen(body), signature);
	api_answer_init(&answer);
	desk_world_begin(w);
	assert_int_equal(sqlite3_exec(w->storage->db, "PRAGMA query_only = ON", NULL, NULL, NULL), SQLITE_OK);
	assert_false(api_handle(w->desk, &request, &answer));
	assert_int_equal(sqlite3_exec(w->storage->db, "PRAGMA query_only = OFF", NULL, NULL, NULL), SQLITE_OK);
	desk_world_end(w, false);
	assert_int_equal(answer.status, 503);
	assert_int_equal(answer.retry_after_s, 1);
	api_answer_fini(&answer);
	assert_int_equal(hooks_waiting(w, &hooks), 0);

	assert_int_equal(posts(w, headers, 1, body, strlen(body), NULL), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
}

/* ---- what follows --------------------------------------------------------------------------------------- */

static void ping__every_day__is_remembered_as_having_been_heard(void **state)
{
	struct desk_world *w = *state;
	cJSON *json = sample("signature-01-ping.json");
	char *mark;

	assert_null(storage_mark(w->storage, HOOK_MARK));
	w->desk->now = 1743994860; /* just after it was sent */
	assert_int_equal(delivers(w, json_text(json, "body"), "d1"), 202);
	mark = storage_mark(w->storage, HOOK_MARK);
	assert_string_equal(mark, "1743994860");
	free(mark);

	/* Played again it proves nothing. */
	w->desk->now += 60;
	assert_int_equal(delivers(w, json_text(json, "body"), "d2"), 202);
	mark = storage_mark(w->storage, HOOK_MARK);
	assert_string_equal(mark, "1743994860");
	free(mark);
	cJSON_Delete(json);
}

static void event__of_a_known_incident_and_person__is_applied_at_once(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct hooks hooks;

	links(w, id, "Q1", "triggered");
	knows(w, "PBOB", "bob@example.com");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);

	assert_int_equal(hooks_waiting(w, &hooks), 0);
	assert_int_equal(status_of(w, id), ALERT_ACKED);
}

static void event__delivered_again__is_taken_once(void **state)
{
	static const char body[] = "{\"event\":{\"id\":\"%s\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:09Z\","
				   "\"data\":{\"type\":\"incident\",\"id\":\"%s\"}}}";
	static const struct {
		const char *event, *delivery, *incident;
		size_t words; /* that wait afterwards */
	} cases[] = {
	    {"e1", "d1", "Q1", 1},
	    {"e1", "d1", "Q1", 1},
	    {"e1", "d2", "Q2", 1}, /* by another subscription */
	    {"e2", "d1", "Q3", 1}, /* the delivery is known */
	    {"e3", "d3", "Q4", 2},
	};
	struct desk_world *w = *state;
	struct hooks hooks;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = xasprintf(body, cases[i].event, cases[i].incident);

		assert_int_equal(delivers(w, text, cases[i].delivery), 202);
		if (hooks_waiting(w, &hooks) != cases[i].words)
			fail_msg("case %zu: %zu", i, hooks.count);
		free(text);
	}
}

static void event__of_long_ago__is_not_taken(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");

	links(w, id, "Q1", "triggered");
	w->desk->now = NOON + CHANGE_KEEP_S + 60;
	assert_int_equal(happens(w, "resolved", "Q1", NULL, 10, "\"status\":\"resolved\""), 202);
	assert_int_equal(status_of(w, id), ALERT_OPEN);

	w->desk->now = NOON + CHANGE_KEEP_S - 60;
	assert_int_equal(happens(w, "resolved", "Q1", NULL, 10, "\"status\":\"resolved\""), 202);
	assert_int_equal(status_of(w, id), ALERT_RESOLVED);
}

/* ---- what is asked first -------------------------------------------------------------------------------- */

#define ALERTS_OF(incident) "GET /incidents/" incident "/alerts?limit=100&offset=0"
#define ROW(key, status) "{\"id\":\"QA\",\"alert_key\":\"" key "\",\"status\":\"" status "\",\"created_at\":\"2026-03-02T12:00:02Z\"}"

static void incident__not_known__is_asked_for_and_linked(void **state)
{
	struct desk_world *w = *state;
	int64_t one = pages(w, "one"), two = pages(w, "two"), three = pages(w, "three");
	struct hooks hooks;

	assert_int_equal(happens(w, "resolved", "Q1", NULL, 10, "\"status\":\"resolved\",\"title\":\"not ours (A9)\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	answers(w, ALERTS_OF("Q1"), 200,
	    "{\"alerts\":[" ROW("headsup-A1", "resolved") "," ROW("headsup-a3", "resolved") "," ROW("headsup-A03", "resolved") ","
	    ROW("other-A3", "resolved") "," ROW("headsup-A99", "resolved") ",7,null,{\"alert_key\":7}],\"more\":true}", NULL);
	answers(w, "GET /incidents/Q1/alerts?limit=100&offset=100", 200, "{\"alerts\":[" ROW("headsup-A2", "triggered") "],\"more\":false}", NULL);

	assert_int_equal(hooks_waiting(w, &hooks), 0);
	assert_true(is_linked(w, one, "Q1"));
	assert_true(is_linked(w, two, "Q1"));
	assert_false(is_linked(w, three, "Q1"));
	assert_int_equal(status_of(w, one), ALERT_RESOLVED);
	assert_int_equal(status_of(w, three), ALERT_OPEN);
}

static void incident__of_somebody_else__is_asked_for_once_in_a_while(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct hooks hooks;

	assert_int_equal(happens(w, "triggered", "Q1", NULL, 5, NULL), 202);
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, NULL), 202);
	assert_int_equal(happens(w, "priority_updated", "Q1", "PBOB", 11, NULL), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 2); /* in their order; what changes nothing is not asked about */
	answers(w, ALERTS_OF("Q1"), 200, "{\"alerts\":[" ROW("other", "triggered") "]}", NULL);
	answers(w, ALERTS_OF("Q1"), 200, "{\"alerts\":[]}", NULL);

	assert_int_equal(happens(w, "resolved", "Q1", "PBOB", 20, NULL), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 0);
	w->desk->now += 1000;
	assert_int_equal(happens(w, "reopened", "Q1", "PBOB", 30, NULL), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	assert_false(is_linked(w, id, "Q1"));
}

static void incident__without_its_alert_yet__is_looked_at_again(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one"), due;
	const char *body = "{\"event\":{\"id\":\"e1\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:02Z\","
			   "\"client\":{\"name\":\"headsup\"},\"data\":{\"type\":\"incident\",\"id\":\"Q1\",\"status\":\"triggered\"}}}";
	struct hooks hooks;

	assert_int_equal(delivers(w, body, NULL), 202);
	answers(w, ALERTS_OF("Q1"), 200, "{\"alerts\":[]}", &due);
	assert_true(due > w->desk->now && due < w->desk->now + 10);
	answers(w, ALERTS_OF("Q1"), 200, "{\"alerts\":[" ROW("headsup-A1", "triggered") "]}", &due);
	assert_true(is_linked(w, id, "Q1"));
	assert_int_equal(hooks_waiting(w, &hooks), 0);

	body = "{\"event\":{\"id\":\"e2\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:02Z\","
	       "\"client\":{\"name\":\"headsup\"},\"data\":{\"type\":\"incident\",\"id\":\"Q2\",\"status\":\"triggered\"}}}";
	assert_int_equal(delivers(w, body, NULL), 202);
	for (int i = 0; i < 4; i++)
		answers(w, ALERTS_OF("Q2"), 200, "{\"alerts\":[]}", NULL);
	assert_int_equal(hooks_waiting(w, &hooks), 0);
}

static void question__that_is_refused__leaves_what_is_known(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	const char *body = "{\"event\":{\"id\":\"e1\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:02Z\","
			   "\"client\":{\"name\":\"headsup\"},\"data\":{\"type\":\"incident\",\"id\":\"Q1\",\"status\":\"triggered\","
			   "\"created_at\":\"2026-03-02T12:00:02Z\",\"title\":\"a shell (A1)\"}}}";
	struct hooks hooks;

	assert_int_equal(happens(w, "acknowledged", "Q7", "PBOB", 10, NULL), 202);
	answers(w, ALERTS_OF("Q7"), 404, "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}", NULL);
	assert_int_equal(hooks_waiting(w, &hooks), 0);
	assert_int_equal(status_of(w, id), ALERT_OPEN);

	assert_int_equal(delivers(w, body, NULL), 202);
	answers(w, ALERTS_OF("Q1"), 403, "{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}", NULL);
	assert_true(is_linked(w, id, "Q1"));
	assert_int_equal(hooks_waiting(w, &hooks), 0);
}

static void page__of_before__is_not_taken_for_the_one_that_stands(void **state)
{
	static const struct {
		const char *newest, *status; /* the alert's incident before; NULL: none */
		const char *row_status, *row_at;
		bool is_linked;
	} cases[] = {
	    {NULL, NULL, "triggered", "2026-03-01T12:00:00Z", true}, /* our trigger joined what was open */
	    {NULL, NULL, "resolved", "2026-03-01T12:00:00Z", false},
	    {NULL, NULL, "resolved", "2026-03-02T12:00:02Z", true},
	    {NULL, NULL, "resolved", "2026-03-02T11:57:00Z", true}, /* clocks differ */
	    {"Q0", "resolved", "triggered", "2026-03-02T12:10:00Z", true},
	    {"Q0", "resolved", "resolved", "2026-03-02T12:10:00Z", true},
	    {"Q0", "resolved", "resolved", "2026-03-02T11:59:00Z", false},
	    {"Q0", "triggered", "triggered", "2026-03-02T11:59:00Z", true}, /* merged, and not told yet */
	    {"Q0", "triggered", "resolved", "2026-03-02T11:59:00Z", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct desk_world *w = desk_world_new(WITH_REST);
		int64_t id = pages(w, "one");
		char *rows = xasprintf("{\"alerts\":[{\"alert_key\":\"headsup-A1\",\"status\":\"%s\",\"created_at\":\"%s\"}]}",
		    cases[i].row_status, cases[i].row_at);

		if (cases[i].newest != NULL)
			links(w, id, cases[i].newest, cases[i].status);
		assert_int_equal(happens(w, "triggered", "Q1", NULL, 5, NULL), 202);
		answers(w, ALERTS_OF("Q1"), 200, rows, NULL);
		if (is_linked(w, id, "Q1") != cases[i].is_linked)
			fail_msg("case %zu", i);
		free(rows);
		desk_world_free(w);
	}
}

static void person__not_known__is_asked_for_and_named(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct alert *alert;
	struct hooks hooks;

	desk_world_knows(w, "U0BOB", "bob@example.com", NULL, false);
	links(w, id, "Q1", "triggered");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	assert_int_equal(happens(w, "resolved", "Q1", "PBOB", 20, "\"status\":\"resolved\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 2);
	assert_int_equal(status_of(w, id), ALERT_OPEN);
	answers(w, "GET /users/PBOB", 200, "{\"user\":{\"id\":\"PBOB\",\"email\":\"Bob@example.com\",\"name\":\"Bob Example\"}}", NULL);

	alert = storage_alert(w->storage, id, NULL);
	assert_int_equal(alert->status, ALERT_ACKED);
	assert_string_equal(alert->assignee, "U0BOB");
	alert_free(alert);
	/* The second is told without a question. */
	{
		int64_t word;
		char *asked = asks(w, &word);

		assert_string_equal(asked, "");
		free(asked);
	}
	assert_int_equal(hooks_waiting(w, &hooks), 0);
	assert_int_equal(status_of(w, id), ALERT_RESOLVED);
}

static void assignee__not_known__is_asked_for_after_who_assigned(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct alert *alert;
	struct hooks hooks;

	desk_world_knows(w, "U0CAROL", "carol@example.com", NULL, false);
	assert_int_equal(happens(w, "reassigned", "Q1", "PBOB", 10,
			     "\"status\":\"triggered\",\"assignees\":[{\"id\":\"PCAROL\",\"type\":\"user_reference\",\"summary\":\"Carol Example\"}]"),
	    202);
	answers(w, ALERTS_OF("Q1"), 200, "{\"alerts\":[" ROW("headsup-A1", "triggered") "]}", NULL);
	answers(w, "GET /users/PBOB", 404, "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}", NULL);
	answers(w, "GET /users/PCAROL", 200, "{\"user\":{\"id\":\"PCAROL\",\"email\":\"carol@example.com\",\"name\":\"Carol Example\"}}", NULL);

	assert_int_equal(hooks_waiting(w, &hooks), 0);
	alert = storage_alert(w->storage, id, NULL);
	assert_string_equal(alert->assignee, "U0CAROL");
	alert_free(alert);
}

static void person__of_whom_nothing_is_heard__is_called_as_the_event_does(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one"), word;
	struct alert *alert;
	char *asked;

	links(w, id, "Q1", "triggered");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	w->desk->now += 120;
	asked = asks(w, &word);

	assert_string_equal(asked, "");
	alert = storage_alert(w->storage, id, NULL);
	assert_int_equal(alert->status, ALERT_ACKED);
	assert_string_equal(alert->assignee, "Bob Example");
	alert_free(alert);
	free(asked);
}

static void question__that_nobody_answers__holds_nothing_up(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct reply reply = {.ok = false, .status = 401, .error = "Unauthorized"};
	struct error err = {0};
	struct hooks hooks;
	struct word *word;

	links(w, id, "Q1", "triggered");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	word = storage_word(w->storage, hooks.ids[0]);
	word->state = WORD_STUCK;
	desk_world_begin(w);
	assert_true(storage_put_word(w->storage, word, &err));
	assert_true(word_failed(w->desk, word, &reply, false, &err));
	desk_world_end(w, true);
	word_free(word);
	assert_int_equal(status_of(w, id), ALERT_ACKED);

	assert_int_equal(happens(w, "resolved", "Q1", "PBOB", 20, "\"status\":\"resolved\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	assert_int_equal(status_of(w, id), ALERT_RESOLVED);
}

/* An answer larger than is read is none: alerts come with their events. */
static void question__whose_answers_are_too_large__is_asked_in_smaller_pages(void **state)
{
	static const struct {
		int64_t attempts;
		const char *path;
	} table[] = {
	    {0, "GET /incidents/Q1/alerts?limit=100&offset=0"},
	    {4, "GET /incidents/Q1/alerts?limit=25&offset=0"},
	    {7, "GET /incidents/Q1/alerts?limit=5&offset=0"},
	};
	struct desk_world *w = *state;
	struct error err = {0};
	struct hooks hooks;
	struct word *word;
	char *asked;
	int64_t id;

	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		word = storage_word(w->storage, hooks.ids[0]);
		word->attempts = table[i].attempts;
		desk_world_begin(w);
		assert_true(storage_put_word(w->storage, word, &err));
		desk_world_end(w, true);
		word_free(word);
		asked = asks(w, &id);
		assert_string_equal(asked, table[i].path);
		free(asked);
	}
	answers(w, table[2].path, 200, "{\"alerts\":[],\"more\":true}", NULL);
	asked = asks(w, &id);
	assert_string_equal(asked, "GET /incidents/Q1/alerts?limit=5&offset=5");
	free(asked);
}

static void question__about_a_name_alone__is_before_deeds(void **state)
{
	struct desk_world *w = *state;
	struct hooks hooks;
	struct word *word;

	links(w, pages(w, "one"), "Q1", "triggered");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	assert_int_equal(happens(w, "acknowledged", "Q2", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 2);
	word = storage_word(w->storage, hooks.ids[0]);
	assert_true(word->priority < REST_FIRST_DEED);
	word_free(word);
	word = storage_word(w->storage, hooks.ids[1]);
	assert_true(word->priority > REST_FIRST_DEED);
	word_free(word);
}

static void question__whose_token_is_gone__is_told_as_it_is(void **state)
{
	struct desk_world *w = *state;
	struct config without = *w->config;
	int64_t id = pages(w, "one");
	struct error err = {0};
	struct spoken spoken;
	struct hooks hooks;
	struct word *word;

	links(w, id, "Q1", "triggered");
	assert_int_equal(happens(w, "resolved", "Q1", "PBOB", 10, "\"status\":\"resolved\""), 202);
	assert_int_equal(hooks_waiting(w, &hooks), 1);
	word = storage_word(w->storage, hooks.ids[0]);
	without.pagerduty.api_token = NULL;
	w->desk->config = &without;
	desk_world_begin(w);
	assert_true(word_render(w->desk, word, &spoken, &err));
	desk_world_end(w, true);
	w->desk->config = w->config;
	assert_true(spoken.is_nothing);
	assert_int_equal(status_of(w, id), ALERT_RESOLVED);
	spoken_fini(&spoken);
	word_free(word);
}

static void event__that_is_large__is_kept_small_while_something_is_asked(void **state)
{
	struct desk_world *w = *state;
	struct buf more;
	struct hooks hooks;
	struct word *word;

	buf_init(&more, HOOK_BODY_MAX);
	buf_puts(&more, "\"title\":\"");
	for (int i = 0; i < 20000; i++)
		buf_puts(&more, "xyz");
	buf_puts(&more, "\",\"teams\":[");
	for (int i = 0; i < 2000; i++)
		buf_printf(&more, "%s{\"id\":\"P%d\"}", i > 0 ? "," : "", i);
	buf_puts(&more, "],\"assignees\":[");
	for (int i = 0; i < 2000; i++)
		buf_printf(&more, "%s{\"id\":\"P%d\"}", i > 0 ? "," : "", i);
	buf_puts(&more, "]");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, buf_text(&more)), 202);
	buf_fini(&more);

	assert_int_equal(hooks_waiting(w, &hooks), 1);
	word = storage_word(w->storage, hooks.ids[0]);
	assert_true(strlen(word->body) < 4096);
	assert_null(strstr(word->body, "teams"));
	word_free(word);
}

/* ---- without the REST API ------------------------------------------------------------------------------- */

#define CLIENT "\"client\":{\"name\":\"headsup\"},"
#define OPENED(client, title, key, at)                                                                                          \
	"{\"event\":{\"id\":\"e1\",\"event_type\":\"incident.triggered\",\"occurred_at\":\"2026-03-02T12:00:09Z\"," client    \
	"\"data\":{\"type\":\"incident\",\"id\":\"Q1\",\"number\":5,\"status\":\"triggered\",\"title\":\"" title               \
	"\",\"incident_key\":" key ",\"created_at\":" at "}}}"
#define SOON "\"2026-03-02T12:00:02Z\""

static void incident__without_rest__is_linked_by_what_our_pages_look_like(void **state)
{
	static const struct {
		const char *body;
		bool is_linked;
	} cases[] = {
	    {OPENED(CLIENT, "a shell (A1)", "null", SOON), true},
	    {OPENED(CLIENT, "(A9) a (x) (A1)", "null", SOON), true},
	    {OPENED("", "a shell", "\"headsup-A1\"", SOON), true},
	    {OPENED("", "a shell (A1)", "null", SOON), false},
	    {OPENED("\"client\":{\"name\":\"Example\"},", "a shell (A1)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A1) ", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A01)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A2)", "null", SOON), false}, /* it was never paged */
	    {OPENED(CLIENT, "a shell (A99)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A1", "null", SOON), false},
	    {OPENED(CLIENT, "a shell A1)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A99999999999999999999)", "null", SOON), false},
	    {OPENED(CLIENT, "a shell (A1)", "null", "\"2026-03-01T12:00:00Z\""), false},
	    {OPENED(CLIENT, "a shell (A1)", "null", "\"2026-03-02T16:00:00Z\""), false},
	    {OPENED(CLIENT, "a shell (A1)", "null", "null"), false},
	    {OPENED("", "a shell", "\"other-A1\"", SOON), false},
	    {OPENED("", "a shell", "\"headsup-A1x\"", SOON), false},
	    {OPENED("", "a shell", "\"headsup-a1\"", SOON), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct desk_world *w = desk_world_new(WITHOUT_REST);
		int64_t id = pages(w, "one"), other = pages(w, "two");
		struct alert *alert = storage_alert(w->storage, other, NULL);
		struct hooks hooks;

		desk_world_begin(w);
		replace_text(&alert->page_status, NULL);
		assert_true(storage_put_alert(w->storage, alert, NULL));
		desk_world_end(w, true);
		alert_free(alert);
		assert_int_equal(delivers(w, cases[i].body, NULL), 202);
		if (is_linked(w, id, "Q1") != cases[i].is_linked)
			fail_msg("%s", cases[i].body);
		assert_false(is_linked(w, other, "Q1"));
		assert_int_equal(hooks_waiting(w, &hooks), 0);
		desk_world_free(w);
	}
}

static void incident__that_stands__is_not_taken_from_its_alert_by_looks(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");

	links(w, id, "Q0", "acknowledged");
	assert_int_equal(delivers(w, OPENED(CLIENT, "a shell (A1)", "null", SOON), NULL), 202);
	assert_true(is_linked(w, id, "Q0"));
	assert_int_equal(happens(w, "resolved", "Q1", NULL, 20, "\"status\":\"resolved\""), 202);
	assert_int_equal(status_of(w, id), ALERT_OPEN);
}

static void event__without_rest__is_applied_with_the_name_it_has(void **state)
{
	struct desk_world *w = *state;
	int64_t id = pages(w, "one");
	struct alert *alert;

	links(w, id, "Q1", "triggered");
	assert_int_equal(happens(w, "acknowledged", "Q1", "PBOB", 10, "\"status\":\"acknowledged\""), 202);
	alert = storage_alert(w->storage, id, NULL);
	assert_int_equal(alert->status, ALERT_ACKED);
	assert_string_equal(alert->assignee, "Bob Example");
	alert_free(alert);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_WITHOUT_REST(name) cmocka_unit_test_setup_teardown(name, setup_without_rest, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signature__of_a_sample__holds_only_where_it_is_valid),
	    cmocka_unit_test(signature__in_whatever_form__holds_when_one_value_is_right),
	    cmocka_unit_test(signature__by_any_of_the_secrets__holds_and_by_none_other),
	    cmocka_unit_test(event__of_a_sample__is_read_as_what_it_tells),
	    cmocka_unit_test(event__that_is_odd__is_read_as_far_as_it_can),
	    TEST(webhook__by_its_signature__is_taken_or_refused),
	    cmocka_unit_test(webhook__without_a_secret_of_ours__is_refused),
	    TEST(body__of_what_cannot_be_right__is_not_even_read),
	    TEST(body__that_is_signed_and_odd__is_taken_and_changes_nothing),
	    TEST(webhook__while_nothing_can_be_stored__is_to_come_again),
	    TEST(ping__every_day__is_remembered_as_having_been_heard),
	    TEST(event__of_a_known_incident_and_person__is_applied_at_once),
	    TEST(event__delivered_again__is_taken_once),
	    TEST(event__of_long_ago__is_not_taken),
	    TEST(incident__not_known__is_asked_for_and_linked),
	    TEST(incident__of_somebody_else__is_asked_for_once_in_a_while),
	    TEST(incident__without_its_alert_yet__is_looked_at_again),
	    TEST(question__that_is_refused__leaves_what_is_known),
	    cmocka_unit_test(page__of_before__is_not_taken_for_the_one_that_stands),
	    TEST(person__not_known__is_asked_for_and_named),
	    TEST(assignee__not_known__is_asked_for_after_who_assigned),
	    TEST(person__of_whom_nothing_is_heard__is_called_as_the_event_does),
	    TEST(question__that_nobody_answers__holds_nothing_up),
	    TEST(question__whose_token_is_gone__is_told_as_it_is),
	    TEST(question__about_a_name_alone__is_before_deeds),
	    TEST(question__whose_answers_are_too_large__is_asked_in_smaller_pages),
	    TEST(event__that_is_large__is_kept_small_while_something_is_asked),
	    cmocka_unit_test(incident__without_rest__is_linked_by_what_our_pages_look_like),
	    TEST_WITHOUT_REST(incident__that_stands__is_not_taken_from_its_alert_by_looks),
	    TEST_WITHOUT_REST(event__without_rest__is_applied_with_the_name_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
