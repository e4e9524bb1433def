/* The log of PagerDuty and its incidents, read: what an entry says, when what is asked, and what is not lost on the way. */
#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/log.h"
#include "config/base/text.h"
#include "handlers/pagerduty/entry.h"
#include "handlers/pagerduty/poll.h"
#include "handlers/words.h"

#define CONFIG(more)                                                                                             \
	"slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"                                   \
	"pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\", api_token: rest-token-00000000, " \
	"from: bot@example.com" more "}\n"                                                                           \
	"routes:\n"                                                                                              \
	"  - {channel: \"#security-alerts\"}\n"                                                                  \
	"people:\n"                                                                                              \
	"  - {slack: U0ALICE, email: alice@example.com, logins: [alice], pagerduty: PALICE1}\n"                  \
	"  - {slack: U0BOB, email: bob@example.com, logins: [bob], pagerduty: PBOB001}\n"

#define PERSON(id, name) "\"agent\":{\"id\":\"" id "\",\"type\":\"user_reference\",\"summary\":\"" name "\"}"
#define BOB PERSON("PBOB001", "Bob Example")
#define SERVICE "\"agent\":{\"id\":\"PSVC001\",\"type\":\"service_reference\",\"summary\":\"Security\"}"
#define VIA(channel) "\"channel\":{\"type\":\"" channel "\"}"
#define AT(time) "\"created_at\":\"" time "\""
#define OF(incident) "\"incident\":{\"id\":\"" incident "\",\"type\":\"incident_reference\"}"
#define ENTRY(id, type, at, more) "{\"id\":\"" id "\",\"type\":\"" type "_log_entry\"," AT(at) "," more "}"

static cJSON *parsed(const char *text)
{
	struct error err = {0};
	cJSON *json = json_parse(text, strlen(text), &err);

	if (json == NULL)
		fail_msg("%s: %s", err.text, text);
	return json;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

#define SECOND 1772452805 /* 2026-03-02T12:00:05Z */
#define ON "2026-03-02T12:00:05Z"

static const struct entry_case {
	const char *name, *entry;
	bool is_told;
	struct change change; /* UNTIL 0: none; AT 0: SECOND */
} entry_cases[] = {
    {"ack of a person", ENTRY("R1", "acknowledge", ON, BOB "," VIA("website") "," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "acknowledged"}},
    {"ack as the schema names it", ENTRY("R1", "acknowledgement", ON, BOB "," VIA("mobile") "," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "acknowledged"}},
    {"a reference of an entry", ENTRY("R1", "acknowledge_log_entry_reference", ON, BOB "," OF("Q1")), false, {0}},
    {"its type with _reference", "{\"id\":\"R1\",\"type\":\"acknowledge_log_entry_reference\"," AT(ON) "," BOB "," OF("Q1") "}", true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "acknowledged"}},
    {"ack by an event", ENTRY("R1", "acknowledge", ON, SERVICE "," VIA("api") "," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_INTEGRATION, .agent_id = "PSVC001", .agent_name = "Security", .status = "acknowledged"}},
    {"ack ran out", ENTRY("R1", "unacknowledge", ON, SERVICE "," VIA("timeout") "," OF("Q1")), true,
	{.did = DID_UNACK, .agent = AGENT_NOBODY, .agent_id = "PSVC001", .agent_name = "Security", .status = "triggered"}},
    {"unack of a person", ENTRY("R1", "unacknowledge", ON, BOB "," VIA("website") "," OF("Q1")), true,
	{.did = DID_UNACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "triggered"}},
    {"resolved by itself", ENTRY("R1", "resolve", ON, SERVICE "," VIA("auto") "," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_NOBODY, .agent_id = "PSVC001", .agent_name = "Security", .status = "resolved"}},
    {"resolved by nobody", ENTRY("R1", "resolve", ON, VIA("timeout") "," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_NOBODY, .status = "resolved"}},
    {"resolved by an event, without agent", ENTRY("R1", "resolve", ON, VIA("api") "," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_INTEGRATION, .status = "resolved"}},
    {"resolved with a reason", ENTRY("R1", "resolve", ON, BOB ",\"channel\":{\"type\":\"api\",\"summary\":\"fixed it\"}," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved", .note = "fixed it"}},
    {"resolved with a note of the entry", ENTRY("R1", "resolve", ON, BOB ",\"note\":\"mine\",\"channel\":{\"type\":\"api\",\"summary\":\"x\"}," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved", .note = "mine"}},
    {"resolved with words of PagerDuty's", ENTRY("R1", "resolve", ON, BOB ",\"channel\":{\"type\":\"api\",\"summary\":\"The PagerDuty website or APIs\"}," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved"}},
    {"agent without type, by its link", ENTRY("R1", "acknowledge", ON, "\"agent\":{\"id\":\"PBOB001\",\"self\":\"https://api.pagerduty.com/users/PBOB001\"}," VIA("phone") "," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .status = "acknowledged"}},
    {"agent without type, a service by its link", ENTRY("R1", "resolve", ON, "\"agent\":{\"id\":\"PSVC001\",\"self\":\"https://api.pagerduty.com/services/PSVC001\"}," VIA("api") "," OF("Q1")), true,
	{.did = DID_RESOLVE, .agent = AGENT_INTEGRATION, .agent_id = "PSVC001", .status = "resolved"}},
    {"agent without type nor link", ENTRY("R1", "acknowledge", ON, "\"agent\":{\"id\":\"PBOB001\",\"summary\":\"Bob\"}," VIA("sms") "," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob", .status = "acknowledged"}},
    {"agent whose id is none", ENTRY("R1", "acknowledge", ON, "\"agent\":{\"id\":\"../x\",\"type\":\"user_reference\",\"summary\":\"Bob\"}," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_name = "Bob", .status = "acknowledged"}},
    {"agent whose name shows nothing", ENTRY("R1", "acknowledge", ON, "\"agent\":{\"id\":\"PBOB001\",\"type\":\"user\",\"summary\":\" \\u200b\"}," OF("Q1")), true,
	{.did = DID_ACK, .agent = AGENT_PERSON, .agent_id = "PBOB001", .status = "acknowledged"}},
    {"the ladder went on", ENTRY("R1", "escalate", ON, SERVICE "," VIA("auto") ",\"assignees\":[{\"id\":\"PCAROL1\",\"summary\":\"Carol\"},{\"id\":\"PDAVE01\",\"summary\":\"Dave\"}],"
	"\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\"}"), true,
	{.did = DID_ESCALATE, .agent = AGENT_NOBODY, .agent_id = "PSVC001", .agent_name = "Security", .status = "triggered", .to_id = "PCAROL1", .to_name = "Carol, Dave"}},
    {"escalated by a person, resolved since", ENTRY("R1", "escalate", ON, BOB ",\"assignees\":[{\"id\":\"PCAROL1\"}],\"incident\":{\"id\":\"Q1\",\"status\":\"resolved\"}"), true,
	{.did = DID_ESCALATE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .to_id = "PCAROL1"}},
    {"reassigned", ENTRY("R1", "assign", ON, BOB ",\"assignees\":[7,{\"id\":\"a b\",\"summary\":\"Eve\"},{\"id\":\"PCAROL1\",\"summary\":\"Carol\"}]," OF("Q1")), true,
	{.did = DID_REASSIGN, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .to_id = "PCAROL1", .to_name = "Eve, Carol"}},
    {"the first to be called", ENTRY("R1", "assign", ON, SERVICE "," VIA("auto") ",\"assignees\":[{\"id\":\"PCAROL1\"}],\"incident\":{\"id\":\"Q1\",\"created_at\":\"2026-03-02T12:00:04Z\"}"), false, {0}},
    {"assigned by itself, later", ENTRY("R1", "assign", ON, SERVICE "," VIA("auto") ",\"assignees\":[{\"id\":\"PCAROL1\"}],\"incident\":{\"id\":\"Q1\",\"created_at\":\"2026-03-02T11:00:04Z\"}"), true,
	{.did = DID_REASSIGN, .agent = AGENT_NOBODY, .agent_id = "PSVC001", .agent_name = "Security", .to_id = "PCAROL1"}},
    {"given to a policy", ENTRY("R1", "delegate", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"status\":\"acknowledged\",\"escalation_policy\":{\"id\":\"PPOL001\",\"summary\":\"Database\"}}"), true,
	{.did = DID_DELEGATE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "acknowledged", .to_id = "PPOL001", .to_name = "Database"}},
    {"a note", ENTRY("R1", "annotate", ON, BOB ",\"channel\":{\"type\":\"note\",\"summary\":\"looking at it <!channel>\"}," OF("Q1")), true,
	{.did = DID_NOTE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .note = "looking at it <!channel>"}},
    {"a note without text", ENTRY("R1", "annotate", ON, BOB "," VIA("note") "," OF("Q1")), false, {0}},
    {"a note of blanks", ENTRY("R1", "annotate", ON, BOB ",\"channel\":{\"summary\":\" \\n\"}," OF("Q1")), false, {0}},
    {"snoozed", ENTRY("R1", "snooze", ON, BOB ",\"changed_actions\":[{\"type\":\"escalate\",\"at\":\"2026-03-02T13:00:05Z\"},{\"type\":\"unacknowledge\",\"at\":\"2026-03-02T14:00:05+02:00\"}]," OF("Q1")), true,
	{.did = DID_SNOOZE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .until = SECOND}},
    {"snoozed, as the incident tells", ENTRY("R1", "snooze", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"pending_actions\":[{\"type\":\"unacknowledge\",\"at\":\"2026-03-02T12:00:05Z\"}]}"), true,
	{.did = DID_SNOOZE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .until = SECOND}},
    {"snoozed, nobody knows for how long", ENTRY("R1", "snooze", ON, BOB "," OF("Q1")), true,
	{.did = DID_SNOOZE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example"}},
    {"opened", ENTRY("R1", "trigger", ON, SERVICE "," VIA("api") ",\"incident\":{\"id\":\"Q1\",\"first_trigger_log_entry\":{\"id\":\"R1\"}}"), true,
	{.did = DID_TRIGGER, .agent = AGENT_INTEGRATION, .agent_id = "PSVC001", .agent_name = "Security", .status = "triggered"}},
    {"opened by a person", ENTRY("R1", "trigger", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"first_trigger_log_entry\":{\"id\":\"R1\"}}"), true,
	{.did = DID_TRIGGER, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "triggered"}},
    {"opened, by its time", ENTRY("R1", "trigger", ON, SERVICE "," VIA("api") ",\"incident\":{\"id\":\"Q1\",\"created_at\":\"2026-03-02T12:00:05Z\"}"), true,
	{.did = DID_TRIGGER, .agent = AGENT_INTEGRATION, .agent_id = "PSVC001", .agent_name = "Security", .status = "triggered"}},
    {"one more event", ENTRY("R2", "trigger", ON, SERVICE "," VIA("api") ",\"incident\":{\"id\":\"Q1\",\"first_trigger_log_entry\":{\"id\":\"R1\"}}"), true,
	{.did = DID_TRIGGER, .agent = AGENT_INTEGRATION, .agent_id = "PSVC001", .agent_name = "Security"}},
    {"reopened by a person", ENTRY("R2", "trigger", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"first_trigger_log_entry\":{\"id\":\"R1\"}}"), true,
	{.did = DID_REOPEN, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "triggered"}},
    {"reopened, should it ever be called so", ENTRY("R2", "reopen", ON, BOB "," OF("Q1")), true,
	{.did = DID_REOPEN, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "triggered"}},
    {"merged", ENTRY("R1", "resolve", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"resolved_at\":\"2026-03-02T12:00:06Z\",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q2\",\"summary\":\"[#1234] The server\"}}}"), true,
	{.did = DID_MERGE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved", .into = "Q2", .into_number = 1234}},
    {"resolved before it was merged", ENTRY("R1", "resolve", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"resolved_at\":\"2026-03-02T13:00:06Z\",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q2\"}}}"), true,
	{.did = DID_RESOLVE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved"}},
    {"merged, nobody knows into what", ENTRY("R1", "resolve", ON, BOB ",\"incident\":{\"id\":\"Q1\",\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"/\"}}}"), true,
	{.did = DID_MERGE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "resolved"}},
    {"asked to help", ENTRY("R1", "responder_request_for_user", ON, BOB ",\"user\":{\"id\":\"PCAROL1\",\"summary\":\"Carol\"}," OF("Q1")), true,
	{.did = DID_RESPONDER, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .to_id = "PCAROL1", .to_name = "Carol"}},
    {"notified", ENTRY("R1", "notify", ON, "\"user\":{\"id\":\"PBOB001\"}," OF("Q1")), false, {0}},
    {"urgency", ENTRY("R1", "urgency_change", ON, BOB "," OF("Q1")), false, {0}},
    {"ladder at its end", ENTRY("R1", "exhaust_escalation_path", ON, SERVICE "," OF("Q1")), false, {0}},
    {"ladder again", ENTRY("R1", "repeat_escalation_path", ON, SERVICE "," OF("Q1")), false, {0}},
    {"trigger limit", ENTRY("R1", "reach_trigger_limit", ON, SERVICE "," OF("Q1")), false, {0}},
    {"ack limit", ENTRY("R1", "reach_ack_limit", ON, SERVICE "," OF("Q1")), false, {0}},
    {"field", ENTRY("R1", "field_value_change", ON, BOB "," OF("Q1")), false, {0}},
    {"custom field", ENTRY("R1", "custom_field_value_change", ON, BOB "," OF("Q1")), false, {0}},
    {"nothing that is known", ENTRY("R1", "dance", ON, BOB "," OF("Q1")), false, {0}},
    {"no ending", "{\"id\":\"R1\",\"type\":\"acknowledge\"," AT(ON) "," BOB "," OF("Q1") "}", false, {0}},
    {"no incident", ENTRY("R1", "acknowledge", ON, BOB), false, {0}},
    {"incident's id is a path", ENTRY("R1", "acknowledge", ON, BOB "," OF("../users")), false, {0}},
    {"no time", "{\"id\":\"R1\",\"type\":\"acknowledge_log_entry\"," BOB "," OF("Q1") "}", true,
	{.did = DID_ACK, .at = TIME_NONE, .agent = AGENT_PERSON, .agent_id = "PBOB001", .agent_name = "Bob Example", .status = "acknowledged"}},
    {"no object", "[1]", false, {0}},
    {"a text", "\"acknowledge_log_entry\"", false, {0}},
    {"nothing", "null", false, {0}},
};

static void assert_text(const char *name, const char *what, const char *is, const char *wanted)
{
	if (!text_equal(is, wanted))
		fail_msg("%s: %s is %s, not %s", name, what, is != NULL ? is : "NULL", wanted != NULL ? wanted : "NULL");
}

static void assert_number(const char *name, const char *what, int64_t is, int64_t wanted)
{
	if (is != wanted)
		fail_msg("%s: %s is %" PRId64 ", not %" PRId64, name, what, is, wanted);
}

static void assert_change(const char *name, const struct change *is, const struct change *wanted)
{
	assert_text(name, "incident", is->incident, "Q1");
	assert_number(name, "did", is->did, wanted->did);
	assert_number(name, "at", is->at, wanted->at != 0 ? wanted->at : SECOND);
	assert_number(name, "agent", is->agent, wanted->agent);
	assert_text(name, "agent_id", is->agent_id, wanted->agent_id);
	assert_text(name, "agent_name", is->agent_name, wanted->agent_name);
	assert_text(name, "status", is->status, wanted->status);
	assert_text(name, "to_id", is->to_id, wanted->to_id);
	assert_text(name, "to_name", is->to_name, wanted->to_name);
	assert_text(name, "note", is->note, wanted->note);
	assert_text(name, "into", is->into, wanted->into);
	assert_number(name, "into_number", is->into_number, wanted->into_number);
	assert_number(name, "until", is->until, wanted->until != 0 ? wanted->until : TIME_NONE);
	assert_number(name, "level", is->level, 0);
}

static void check_entry(const struct entry_case *one, const cJSON *entry)
{
	struct change change;
	struct buf space;
	bool is_told;

	buf_init(&space, ENTRY_SPACE_MAX);
	is_told = poll_read(entry, &change, &space);
	if (is_told != one->is_told)
		fail_msg("%s: %s", one->name, is_told ? "told" : "not told");
	if (is_told)
		assert_change(one->name, &change, &one->change);
	buf_fini(&space);
}

static void entry__of_any_kind__is_what_happened(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		cJSON *entry = parsed(entry_cases[i].entry);

		check_entry(&entry_cases[i], entry);
		cJSON_Delete(entry);
	}
}

/* What is kept on disk between two calls says the same. */
static void entry__made_compact__says_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		cJSON *entry = parsed(entry_cases[i].entry), *kept = entry_compact(entry);

		check_entry(&entry_cases[i], kept);
		cJSON_Delete(kept);
		cJSON_Delete(entry);
	}
}

static cJSON *sample(const char *name)
{
	static char text[65536];
	char path[256];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "tests/data/pagerduty/%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	return parsed(text);
}

static void entry__of_the_published_samples__is_what_happened(void **state)
{
	static const struct {
		const char *file;
		int index;
		enum did did;
		enum agent agent;
		const char *agent_id, *to_id, *to_name, *status;
		int64_t at;
	} cases[] = {
	    {"rest-log-entries-timeline-response.json", 0, DID_RESOLVE, AGENT_PERSON, "P553OPV", NULL, NULL, "resolved", 1506439089},
	    {"rest-log-entries-timeline-response.json", 1, DID_REASSIGN, AGENT_PERSON, "P553OPV", "PFBSJ2Z", "Indy Example", NULL, 1506438965},
	    {"rest-log-entries-timeline-response.json", 2, DID_ACK, AGENT_PERSON, "P553OPV", NULL, NULL, "acknowledged", 1506438917},
	    {"rest-log-entries-timeline-response.json", 3, DID_TRIGGER, AGENT_INTEGRATION, "PIJ90N7", NULL, NULL, NULL, 1506438876},
	    {"rest-log-entries-response.json", 0, DID_TRIGGER, AGENT_INTEGRATION, "PIJ90N7", NULL, NULL, NULL, 1446855260},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *body = sample(cases[i].file);
		struct change change;
		struct buf space;

		buf_init(&space, ENTRY_SPACE_MAX);
		assert_true(poll_read(cJSON_GetArrayItem(json_get(body, "log_entries"), cases[i].index), &change, &space));
		assert_text(cases[i].file, "incident", change.incident, "PT4KHLK");
		assert_number(cases[i].file, "did", change.did, cases[i].did);
		assert_number(cases[i].file, "agent", change.agent, cases[i].agent);
		assert_text(cases[i].file, "agent_id", change.agent_id, cases[i].agent_id);
		assert_text(cases[i].file, "to_id", change.to_id, cases[i].to_id);
		assert_text(cases[i].file, "to_name", change.to_name, cases[i].to_name);
		assert_text(cases[i].file, "status", change.status, cases[i].status);
		assert_number(cases[i].file, "at", change.at, cases[i].at);
		buf_fini(&space);
		cJSON_Delete(body);
	}
}

static cJSON *odd_value(int which)
{
	switch (which) {
	case 0:
		return cJSON_CreateNull();
	case 1:
		return cJSON_CreateNumber(-1e300);
	case 2:
		return cJSON_CreateString("");
	case 3:
		return cJSON_CreateArray();
	case 4:
		return cJSON_CreateObject();
	default:
		return cJSON_CreateTrue();
	}
}

#define ODD_VALUES 6

/* The member at INDEX, counted through all depths, becomes an odd one; false: there are not so many. */
static bool spoil(cJSON *node, int *index, int which)
{
	for (cJSON *one = node->child; one != NULL; one = one->next) {
		if ((*index)-- == 0) {
			cJSON *odd = odd_value(which);

			if (node->type == cJSON_Object)
				odd->string = xstrdup(one->string);
			cJSON_ReplaceItemViaPointer(node, one, odd);
			return true;
		}
		if (spoil(one, index, which))
			return true;
	}
	return false;
}

static void entry__with_a_member_of_another_type__harms_nothing(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		for (int member = 0, which = 0; member < 100; which = (which + 1) % ODD_VALUES, member += which == 0) {
			cJSON *entry = parsed(entry_cases[i].entry), *kept;
			int index = member;
			struct change change;
			struct buf space;
			bool goes_on = spoil(entry, &index, which);

			buf_init(&space, ENTRY_SPACE_MAX);
			if (goes_on && poll_read(entry, &change, &space)) {
				assert_true(rest_is_id(change.incident));
				assert_true(change.agent_id == NULL || rest_is_id(change.agent_id));
				assert_true(change.did != DID_NOTE || change.note != NULL);
				assert_true(change.into == NULL || rest_is_id(change.into));
				tried++;
			}
			kept = entry_compact(entry);
			assert_non_null(kept);
			cJSON_Delete(kept);
			buf_fini(&space);
			cJSON_Delete(entry);
			if (!goes_on)
				break;
		}
	}
	assert_true(tried > 1000);
}

static void entry__with_texts_without_end__is_kept_within_bounds(void **state)
{
	cJSON *entry = parsed(ENTRY("R1", "annotate", ON, BOB ",\"channel\":{\"type\":\"note\"}," OF("Q1"))), *kept, *people, *one;
	char *text, *long_text = xcalloc(1, 200001);
	const char *note;
	struct change change;
	struct buf space;

	(void)state;
	long_text[0] = 'x'; /* so that the bound falls into a character */
	for (size_t i = 1; i < 199999; i += 2)
		memcpy(long_text + i, "\xc3\xa9", 2);
	json_put((cJSON *)json_get(entry, "channel"), "summary", long_text);
	people = cJSON_AddArrayToObject(entry, "assignees");
	for (int i = 0; i < 1000; i++) {
		one = cJSON_CreateObject();
		json_put(one, "summary", long_text);
		cJSON_AddItemToArray(people, one);
	}

	kept = entry_compact(entry);
	text = json_write(kept);
	assert_true(strlen(text) < 64000);
	buf_init(&space, ENTRY_SPACE_MAX);
	assert_true(poll_read(kept, &change, &space));
	note = change.note;
	assert_true(strlen(note) > 25000 && strlen(note) <= 25600);
	assert_int_equal((unsigned char)note[strlen(note) - 1], 0xa9); /* no half of a character */
	buf_fini(&space);
	free(text);
	free(long_text);
	cJSON_Delete(kept);
	cJSON_Delete(entry);
}

/* ---- the conversation ------------------------------------------------------------------------------------------- */

static int setup(void **state)
{
	*state = desk_world_new(CONFIG(""));
	return 0;
}

static int setup_hooks(void **state)
{
	*state = desk_world_new(CONFIG(", webhook_secret: hook-secret-0000000000"));
	return 0;
}

static int setup_bare(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

/* An open alert that was paged a minute ago; its id. */
static int64_t paged(struct desk_world *w)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	desk_world_begin(w);
	alert->title = xstrdup("sshd started");
	alert->dedup_key = xasprintf("key-%p", (void *)alert);
	alert->channel = xstrdup("#security-alerts");
	alert->received_at = alert->last_seen = alert->changed_at = w->desk->now - 60;
	alert->changed_by = xstrdup("headsup");
	alert->changed_via = xstrdup("headsup");
	alert->page_key = xstrdup("0123456789ab");
	alert->page_status = xstrdup("triggered");
	alert->paged_at = w->desk->now - 60;
	assert_true(storage_add_alert(w->storage, alert, &err));
	assert_true(storage_put_alert(w->storage, alert, &err));
	id = alert->id;
	alert_free(alert);
	desk_world_end(w, true);
	return id;
}

static void link_to(struct desk_world *w, int64_t alert, const char *id, const char *status)
{
	const struct incident incident = {
	    .alert = alert, .id = (char *)id, .status = (char *)status, .status_at = w->desk->now - 60, .linked_at = w->desk->now - 50};
	struct error err = {0};

	desk_world_begin(w);
	assert_true(storage_put_incident(w->storage, &incident, &err));
	desk_world_end(w, true);
}

/* An alert whose page is the incident ID. */
static int64_t incident(struct desk_world *w, const char *id)
{
	int64_t alert = paged(w);

	link_to(w, alert, id, "triggered");
	return alert;
}

static void mark(struct desk_world *w, const char *name, const char *value)
{
	struct error err = {0};

	desk_world_begin(w);
	assert_true(storage_put_mark(w->storage, name, value, &err));
	desk_world_end(w, true);
}

static void mark_time(struct desk_world *w, const char *name, int64_t at)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, at);
	mark(w, name, text);
}

static int64_t marked(struct desk_world *w, const char *name)
{
	char *text = storage_mark(w->storage, name);
	int64_t at = text != NULL ? strtoll(text, NULL, 10) : -1;

	free(text);
	return at;
}

/* As it runs every day: everything was read a minute ago, the log a few seconds ago. */
static void every_day(struct desk_world *w)
{
	w->desk->started_at = w->desk->now - 7200;
	mark_time(w, "pagerduty.all", w->desk->now - 60);
	mark_time(w, "pagerduty.heard", w->desk->now - 15);
	mark_time(w, "pagerduty.log", w->desk->now - 20);
}

static void tick(struct desk_world *w)
{
	struct error err = {0};

	desk_world_begin(w);
	if (!poll_tick(w->desk, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
}

struct polls {
	int64_t id; /* of the oldest, 0: none */
	size_t count;
};

static bool count_poll(void *ctx, const struct word *word)
{
	struct polls *polls = ctx;

	if (strcmp(word->kind, WORD_POLL) != 0)
		return true;
	assert_string_equal(word->lane, PAGERDUTY_LANE);
	assert_string_equal(word->subject, "poll");
	if (polls->count++ == 0)
		polls->id = word->id;
	return true;
}

static struct polls polls(struct desk_world *w)
{
	struct polls found = {0};
	struct error err = {0};

	assert_true(storage_each_word(w->storage, -1, 0, 10000, count_poll, &found, &err));
	return found;
}

/* What the poll says next, "/log_entries?…"; NULL: it is over. The caller frees. */
static char *asks(struct desk_world *w)
{
	const int64_t id = polls(w).id;
	struct word *word = id != 0 ? storage_word(w->storage, id) : NULL;
	struct spoken spoken;
	struct error err = {0};
	char *said = NULL;

	if (word == NULL)
		return NULL;
	desk_world_begin(w);
	if (!word_render(w->desk, word, &spoken, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
	if (!spoken.is_nothing && spoken.waits_until == 0) {
		assert_int_equal(spoken.peer, PEER_PAGERDUTY_API);
		assert_string_equal(spoken.verb, "GET");
		assert_null(spoken.from);
		assert_null(spoken.body);
		said = xstrdup(spoken.method);
	}
	spoken_fini(&spoken);
	word_free(word);
	return said;
}

/* PagerDuty answers STATUS with BODY (taken; may be NULL). */
static void answers_json(struct desk_world *w, int status, cJSON *body)
{
	struct word *word = storage_word(w->storage, polls(w).id);
	const struct reply reply = {.ok = status / 100 == 2, .status = status, .body = body, .error = "refused"};
	struct word_next next;
	struct error err = {0};
	char *text;

	assert_non_null(word);
	desk_world_begin(w);
	if (!word_delivered(w->desk, word, &reply, &next, &err))
		fail_msg("%s", err.text);
	if (next.body != NULL) {
		text = json_write(next.body);
		assert_true(strlen(text) < 1 << 20);
		assert_true(storage_go_on_word(w->storage, word->id, text, next.not_before, &err));
		free(text);
	} else {
		assert_true(storage_remove_word(w->storage, word->id, &err));
	}
	desk_world_end(w, true);
	word_next_fini(&next);
	word_free(word);
	cJSON_Delete(body);
}

static void answers(struct desk_world *w, int status, const char *body)
{
	answers_json(w, status, body != NULL ? parsed(body) : NULL);
}

#define PAGE(entries, more) "{\"log_entries\":[" entries "],\"limit\":100,\"offset\":0,\"more\":" more ",\"total\":null}"
#define LIST(incidents, more) "{\"incidents\":[" incidents "],\"limit\":100,\"offset\":0,\"more\":" more "}"
#define INCIDENT(id, status)                                                                                            \
	"{\"id\":\"" id "\",\"type\":\"incident\",\"status\":\"" status "\",\"incident_number\":7,\"created_at\":\"2026-03-02T11:00:00Z\"," \
	"\"last_status_change_at\":\"2026-03-02T11:59:50Z\",\"last_status_change_by\":{\"id\":\"PBOB001\",\"type\":\"user_reference\",\"summary\":\"Bob\"}}"
#define NOT_FOUND "{\"error\":{\"message\":\"Not Found\",\"code\":2100}}"

/* The next call begins with START. */
static void assert_asks(struct desk_world *w, const char *start)
{
	char *said = asks(w);

	if (said == NULL || !text_prefix(said, start))
		fail_msg("it asks %s, not %s", said != NULL ? said : "nothing", start);
	free(said);
}

static void assert_asks_with(struct desk_world *w, const char *start, const char *part)
{
	char *said = asks(w);

	assert_asks(w, start);
	if (strstr(said, part) == NULL)
		fail_msg("%s is not in %s", part, said);
	free(said);
}

static void assert_over(struct desk_world *w)
{
	char *said = asks(w);

	if (said != NULL)
		fail_msg("it asks %s", said);
	assert_int_equal(polls(w).count, 0);
}

static enum alert_status status_of(struct desk_world *w, int64_t id)
{
	struct error err = {0};
	struct alert *alert = storage_alert(w->storage, id, &err);
	enum alert_status status;

	assert_non_null(alert);
	status = alert->status;
	alert_free(alert);
	return status;
}

static bool put_event(void *ctx, const struct event *event)
{
	buf_printf(ctx, "%s ", event->what);
	return true;
}

/* The alert's timeline from now on: "acked resolved ". Borrowed until the next call. */
static const char *timeline(struct desk_world *w, int64_t id)
{
	static char text[4096];
	struct error err = {0};
	struct buf buf;

	buf_init(&buf, sizeof(text) - 1);
	assert_true(storage_each_event(w->storage, id, put_event, &buf, &err));
	assert_true(buf_ok(&buf));
	snprintf(text, sizeof(text), "%s", buf_text(&buf));
	buf_fini(&buf);
	return text;
}

/* ---- when ------------------------------------------------------------------------------------------------------- */

static void tick__without_a_token__asks_nothing(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	tick(w);

	assert_int_equal(polls(w).count, 0);
}

static void tick__without_any_incident__asks_nothing(void **state)
{
	struct desk_world *w = *state;

	tick(w);

	assert_int_equal(polls(w).count, 0);
}

static void tick__with_a_page_nobody_knows_the_incident_of__asks(void **state)
{
	struct desk_world *w = *state;

	paged(w);
	tick(w);

	assert_int_equal(polls(w).count, 1);
}

static void tick__when_all_is_over__asks_for_what_is_reopened(void **state)
{
	struct desk_world *w = *state;

	every_day(w);
	tick(w);

	assert_int_equal(polls(w).count, 1);
}

static void tick__every_second__asks_every_interval(void **state)
{
	struct desk_world *w = *state;
	size_t asked = 0;

	incident(w, "Q1");
	every_day(w);
	for (int second = 0; second < 60; second++, w->desk->now++) {
		tick(w);
		if (polls(w).count == 0)
			continue;
		asked++;
		answers(w, 200, PAGE("", "false"));
		assert_over(w);
	}

	assert_int_equal(asked, 4); /* 0, 15, 30, 45 */
}

static void tick__beside_webhooks__asks_every_30_s(void **state)
{
	struct desk_world *w = *state;
	size_t asked = 0;

	incident(w, "Q1");
	every_day(w);
	for (int second = 0; second < 120; second++, w->desk->now++) {
		tick(w);
		if (polls(w).count == 0)
			continue;
		asked++;
		answers(w, 200, PAGE("", "false"));
	}

	assert_int_equal(asked, 4);
}

/* Seconds from one poll to the next. */
static int64_t pause_of(struct desk_world *w)
{
	int64_t begin;

	tick(w);
	answers(w, 200, PAGE("", "false"));
	begin = w->desk->now;
	while (polls(w).count == 0 && w->desk->now < begin + 1000) {
		w->desk->now++;
		tick(w);
	}
	answers(w, 200, PAGE("", "false"));
	return w->desk->now - begin;
}

static void tick__with_any_interval__keeps_it_or_a_minute_beside_webhooks(void **state)
{
	static const struct {
		int64_t interval, alone, beside;
	} cases[] = {{15, 15, 30}, {30, 30, 30}, {45, 45, 45}, {60, 60, 60}, {600, 600, 60}, {5, 5, 30}};
	static char secret[] = "hook-secret-0000000000";
	char *secrets[] = {secret, NULL}, **configured;
	struct desk_world *w = *state;

	incident(w, "Q1");
	configured = w->config->pagerduty.webhook_secrets;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int beside = 0; beside < 2; beside++) {
			w->config->pagerduty.poll_interval_s = cases[i].interval;
			w->config->pagerduty.webhook_secrets = beside ? secrets : configured;
			w->desk->now += 1000;
			every_day(w);
			assert_int_equal(pause_of(w), beside ? cases[i].beside : cases[i].alone);
		}
	}
	w->config->pagerduty.webhook_secrets = configured;
}

static void tick__with_a_shorter_interval_after_a_reload__does_not_wait_for_the_longer(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	w->config->pagerduty.poll_interval_s = 3600;
	tick(w);
	answers(w, 200, PAGE("", "false"));
	w->config->pagerduty.poll_interval_s = 15;
	w->desk->now++;
	tick(w);

	assert_int_equal(polls(w).count, 1);
}

static void tick__while_one_is_under_way__leaves_no_other(void **state)
{
	struct desk_world *w = *state;
	int64_t first;

	incident(w, "Q1");
	tick(w);
	first = polls(w).id;
	for (int second = 0; second < 100; second++, w->desk->now++)
		tick(w);

	assert_int_equal(polls(w).count, 1);
	assert_int_equal(polls(w).id, first);
}

static void tick__while_one_waits_is_said_or_stuck__leaves_no_other(void **state)
{
	static const enum word_state states[] = {WORD_WAITING, WORD_SENDING, WORD_STUCK};
	struct desk_world *w = *state;
	struct error err = {0};
	struct word *word;

	incident(w, "Q1");
	tick(w);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		word = storage_word(w->storage, polls(w).id);
		word->attempts = 1;
		word->state = states[i];
		word->not_before = NOON + 300; /* PagerDuty asked for patience */
		desk_world_begin(w);
		assert_true(storage_put_word(w->storage, word, &err));
		desk_world_end(w, true);
		word_free(word);
		w->desk->now += 15;
		tick(w);

		assert_int_equal(polls(w).count, 1);
		word = storage_word(w->storage, polls(w).id);
		assert_int_equal(word->not_before, NOON + 300);
		word_free(word);
	}
}

static void tick__after_the_clock_was_set_back__does_not_wait_for_it(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	answers(w, 200, PAGE(ENTRY("R1", "annotate", "2026-03-02T12:00:00Z", BOB "," OF("Q1")), "false"));
	w->desk->now -= 86400;
	tick(w);

	assert_int_equal(polls(w).count, 1);
	assert_asks_with(w, "/log_entries?", "since=2026-03-01T11%3A58%3A00Z");
}

static void tick__after_a_rest_of_more_than_a_day__reads_no_further_back(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	w->desk->now += 10 * 86400;
	tick(w);

	assert_asks_with(w, "/log_entries?", "since=2026-03-11T12%3A00%3A00Z");
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

static void log__asked_for__is_asked_with_what_it_needs(void **state)
{
	struct desk_world *w = *state;
	char *said;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	said = asks(w);

	assert_string_equal(said,
	    "/log_entries?since=2026-03-02T11%3A57%3A40Z&include%5B%5D=incidents&include%5B%5D=channels&limit=100&offset=0");
	free(said);
}

static void log__with_news__is_told_oldest_first(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R3", "resolve", "2026-03-02T11:59:58Z", BOB "," VIA("website") "," OF("Q1")) "," ENTRY(
		     "R2", "acknowledge", "2026-03-02T11:59:57Z", BOB "," VIA("website") "," OF("Q1")),
		"false"));

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_RESOLVED);
	assert_string_equal(timeline(w, alert), "acked resolved ");
	assert_int_equal(marked(w, "pagerduty.log"), NOON - 2);
	assert_int_equal(marked(w, "pagerduty.heard"), NOON);
}

static void log__of_two_pages_with_an_entry_on_both__is_told_once_and_in_order(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R4", "resolve", "2026-03-02T11:59:58Z", BOB "," OF("Q1")) "," ENTRY(
		     "R3", "unacknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")) "," ENTRY("R2", "annotate", "2026-03-02T11:59:56Z",
		     BOB ",\"channel\":{\"summary\":\"mine\"}," OF("Q1")),
		"true"));
	assert_asks_with(w, "/log_entries?since=2026-03-02T11%3A57%3A40Z", "&offset=3");
	assert_int_equal(status_of(w, alert), ALERT_OPEN); /* nothing yet */
	answers(w, 200,
	    PAGE(ENTRY("R2", "annotate", "2026-03-02T11:59:56Z", BOB ",\"channel\":{\"summary\":\"mine\"}," OF("Q1")) "," ENTRY(
		     "R1", "acknowledge", "2026-03-02T11:59:50Z", BOB "," OF("Q1")),
		"false"));

	assert_over(w);
	assert_string_equal(timeline(w, alert), "acked noted unacked resolved ");
}

static int occurrences(const char *text, const char *part)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

static void log__on_its_way__keeps_what_is_ours_once(void **state)
{
	struct desk_world *w = *state;
	struct word *word;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R3", "resolve", "2026-03-02T11:59:58Z", BOB "," OF("QOTHER1")) "," ENTRY(
		     "R2", "acknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")),
		"true"));
	answers(w, 200, PAGE(ENTRY("R2", "acknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")), "true"));

	word = storage_word(w->storage, polls(w).id);
	assert_int_equal(occurrences(word->body, "\"R2\""), 1);
	assert_int_equal(occurrences(word->body, "QOTHER1"), 0);
	word_free(word);
}

static void log__of_one_second__is_told_in_its_order(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R3", "unacknowledge", "2026-03-02T11:59:58Z", BOB "," OF("Q1")) "," ENTRY(
		     "R2", "acknowledge", "2026-03-02T11:59:58Z", BOB "," OF("Q1")),
		"false"));

	assert_over(w);
	assert_string_equal(timeline(w, alert), "acked unacked ");
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
}

static void log__read_again_by_the_next_poll__is_told_once(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	for (int round = 0; round < 3; round++, w->desk->now += 15) {
		tick(w);
		answers(w, 200,
		    PAGE(ENTRY("R2", "annotate", "2026-03-02T11:59:58Z", BOB ",\"channel\":{\"summary\":\"mine\"}," OF("Q1")) "," ENTRY(
			     "R1", "acknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")),
			"false"));
		assert_over(w);
	}

	assert_string_equal(timeline(w, alert), "acked noted ");
}

static void log__of_others__is_passed_over(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R3", "resolve", "2026-03-02T11:59:58Z", BOB "," OF("Q2")) "," ENTRY("R2", "trigger", "2026-03-02T11:59:57Z",
		     SERVICE ",\"channel\":{\"type\":\"api\",\"incident_key\":\"other-A1\"}," OF("Q2")),
		"false"));

	assert_over(w);
	assert_string_equal(timeline(w, alert), "");
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
	assert_int_equal(marked(w, "pagerduty.log"), NOON - 2);
}

static void log__with_the_key_of_a_page__links_the_incident_and_tells_what_came_before_it(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = paged(w), alerts[2];

	every_day(w);
	tick(w);
	assert_int_equal(alert, 1);
	answers(w, 200,
	    PAGE(ENTRY("R2", "acknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")) "," ENTRY("R1", "trigger", "2026-03-02T11:59:01Z",
		     SERVICE ",\"channel\":{\"type\":\"api\",\"incident_key\":\"headsup-A1\"},\"incident\":" INCIDENT("Q1", "acknowledged")),
		"false"));

	assert_over(w);
	assert_int_equal(storage_incident_alerts(w->storage, "Q1", true, alerts, 2), 1);
	assert_int_equal(status_of(w, alert), ALERT_ACKED);
}

static void log__with_the_key_on_a_later_page__is_read_once_more(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = paged(w);

	every_day(w);
	tick(w);
	for (int round = 0; round < 2; round++) {
		assert_asks_with(w, "/log_entries?", "&offset=0");
		answers(w, 200, PAGE(ENTRY("R2", "acknowledge", "2026-03-02T11:59:57Z", BOB "," OF("Q1")), "true"));
		assert_asks_with(w, "/log_entries?", "&offset=1");
		answers(w, 200,
		    PAGE(ENTRY("R1", "trigger", "2026-03-02T11:59:01Z",
			     SERVICE ",\"channel\":{\"type\":\"api\",\"incident_key\":\"headsup-A1\"},\"incident\":" INCIDENT("Q1", "acknowledged")),
			"false"));
	}

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_ACKED);
}

static void log__with_new_keys_on_later_pages__is_not_read_for_ever(void **state)
{
	static const char *const incidents[] = {"QONE", "QTWO"};
	struct desk_world *w = *state;
	char *page;

	paged(w);
	paged(w);
	every_day(w);
	tick(w);
	for (int round = 0; round < 2; round++) {
		assert_asks_with(w, "/log_entries?", "&offset=0");
		answers(w, 200, PAGE(ENTRY("R2", "notify", "2026-03-02T11:59:57Z", OF("Q1")), "true"));
		page = xasprintf("{\"log_entries\":[{\"id\":\"R%d\",\"type\":\"trigger_log_entry\"," AT("2026-03-02T11:59:01Z") "," SERVICE
				 ",\"channel\":{\"incident_key\":\"headsup-A%d\"},\"incident\":{\"id\":\"%s\"}}],\"more\":false}",
		    round + 10, round + 1, incidents[round]);
		answers(w, 200, page);
		free(page);
	}

	assert_over(w);
}

static void log__with_a_key_that_is_not_this_alert_s__links_nothing(void **state)
{
	static const char *const entries[] = {
	    /* another headsup's alert 1, before ours was paged */
	    ENTRY("R1", "trigger", "2026-03-02T11:50:00Z", SERVICE ",\"channel\":{\"incident_key\":\"headsup-A1\"}," OF("Q1")),
	    ENTRY("R1", "trigger", "2026-03-02T11:59:01Z", SERVICE ",\"channel\":{\"incident_key\":\"headsup-A7\"}," OF("Q1")),
	    ENTRY("R1", "trigger", "2026-03-02T11:59:01Z", SERVICE ",\"channel\":{\"incident_key\":\"headsup-A1x\"}," OF("Q1")),
	    ENTRY("R1", "trigger", "2026-03-02T11:59:01Z", SERVICE ",\"channel\":{\"incident_key\":1}," OF("Q1")),
	    ENTRY("R1", "trigger", "2026-03-02T11:59:01Z", SERVICE ",\"channel\":{\"incident_key\":\"headsup-A1\"}," OF("../Q1")),
	    ENTRY("R1", "annotate", "2026-03-02T11:59:01Z", BOB ",\"channel\":{\"incident_key\":\"headsup-A1\",\"summary\":\"x\"}," OF("Q1")),
	};
	struct desk_world *w = *state;
	int64_t alert = paged(w), alerts[2];

	every_day(w);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++, w->desk->now += 15) {
		char *page = xasprintf(PAGE("%s", "false"), entries[i]);

		tick(w);
		answers(w, 200, page);
		assert_over(w);
		if (storage_incident_alerts(w->storage, "Q1", false, alerts, 2) != 0)
			fail_msg("%s", page);
		free(page);
	}
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
}

static void log__with_an_older_incident_of_the_alert__leaves_the_newer_the_newest(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q2");
	struct incident newest;

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R1", "trigger", "2026-03-02T11:59:01Z", SERVICE ",\"channel\":{\"incident_key\":\"headsup-A1\"}," OF("Q1")), "false"));

	assert_over(w);
	assert_true(storage_incident(w->storage, alert, &newest));
	assert_string_equal(newest.id, "Q2");
	incident_fini(&newest);
}

static void log__with_a_trigger_of_what_was_resolved__reopens_it(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200, PAGE(ENTRY("R2", "resolve", "2026-03-02T11:59:50Z", BOB "," OF("Q1")), "false"));
	assert_int_equal(status_of(w, alert), ALERT_RESOLVED);
	w->desk->now += 15;
	tick(w);
	answers(w, 200, PAGE(ENTRY("R3", "trigger", "2026-03-02T12:00:10Z", SERVICE "," VIA("web") "," OF("Q1")), "false"));

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
}

/* The incident comes with each entry as it is now. */
#define NOW_TRIGGERED "\"incident\":{\"id\":\"Q1\",\"status\":\"triggered\",\"created_at\":\"2026-03-02T11:00:00Z\"}"
#define TO_CAROL "\"assignees\":[{\"id\":\"PCAROL1\",\"summary\":\"Carol\"}]"

static void log__with_an_escalation_last__takes_the_ack_away(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R2", "escalate", "2026-03-02T11:59:57Z", BOB "," TO_CAROL "," NOW_TRIGGERED) "," ENTRY(
		     "R1", "acknowledge", "2026-03-02T11:59:50Z", BOB "," NOW_TRIGGERED),
		"false"));

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
}

static void log__with_an_escalation_before_an_unack__leaves_it_to_the_unack(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R3", "unacknowledge", "2026-03-02T11:59:58Z", BOB "," NOW_TRIGGERED) "," ENTRY("R2", "escalate", "2026-03-02T11:59:57Z",
		     BOB "," TO_CAROL "," NOW_TRIGGERED) "," ENTRY("R1", "acknowledge", "2026-03-02T11:59:50Z", BOB "," NOW_TRIGGERED),
		"false"));

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
	assert_string_equal(timeline(w, alert), "acked escalated unacked ");
}

static void log__with_a_merge__follows_the_alert_to_the_other_incident(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");
	struct incident newest;

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R1", "resolve", "2026-03-02T11:59:57Z",
		     BOB ",\"incident\":{\"id\":\"Q1\",\"status\":\"resolved\",\"resolved_at\":\"2026-03-02T11:59:57Z\",\"resolve_reason\":{\"type\":"
			 "\"merge_resolve_reason\",\"incident\":{\"id\":\"Q2\",\"summary\":\"[#8] x\"}}}"),
		"false"));

	assert_over(w);
	assert_true(storage_incident(w->storage, alert, &newest));
	assert_string_equal(newest.id, "Q2");
	assert_int_equal(newest.number, 8);
	assert_int_equal(status_of(w, alert), ALERT_OPEN); /* it is not over with the incident it left */
	incident_fini(&newest);
}

static void log__of_somebody_unknown__asks_first_who_that_is(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R2", "acknowledge", "2026-03-02T11:59:58Z", PERSON("PNEW001", "Nina") "," OF("Q1")) "," ENTRY("R1", "annotate",
		     "2026-03-02T11:59:57Z", PERSON("PNEW001", "Nina") ",\"channel\":{\"summary\":\"x\"}," OF("Q1")),
		"false"));
	assert_asks(w, "/users/PNEW001");
	assert_int_equal(status_of(w, alert), ALERT_OPEN);
	answers(w, 404, NOT_FOUND);

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_ACKED);
}

static void log__longer_than_is_read_at_once__is_made_up_for_by_reading_everything(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");
	int pages = 0;

	every_day(w);
	tick(w);
	for (;; pages++) {
		char *said = asks(w), *page;

		assert_non_null(said);
		if (!text_prefix(said, "/log_entries?")) {
			free(said);
			break;
		}
		page = xasprintf("{\"log_entries\":[{\"id\":\"R%d\",\"type\":\"annotate_log_entry\"," BOB
				 ",\"created_at\":\"2026-03-02T11:59:%02dZ\",\"channel\":{\"summary\":\"note %d\"}," OF("Q1") "}],\"more\":true}",
		    pages, 59 - pages, pages);
		answers(w, 200, page);
		free(page);
		free(said);
	}

	assert_int_equal(pages, POLL_PAGES_MAX);
	assert_asks(w, "/incidents?");
	assert_string_equal(timeline(w, alert),
	    "noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted noted ");
}

static void log__with_more_than_can_be_kept__is_made_up_for_by_reading_everything(void **state)
{
	struct desk_world *w = *state;
	cJSON *body = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(body, "log_entries");
	char *text = xcalloc(1, 20001);

	incident(w, "Q1");
	every_day(w);
	tick(w);
	memset(text, 'x', 20000);
	for (int i = 0; i < 100; i++) {
		char *entry_text = xasprintf("{\"id\":\"R%d\",\"type\":\"annotate_log_entry\"," AT("2026-03-02T11:59:58Z") "," BOB
					     ",\"channel\":{\"summary\":\"%d %s\"}," OF("Q1") "}", i, i, text);

		cJSON_AddItemToArray(list, parsed(entry_text));
		free(entry_text);
	}
	cJSON_AddTrueToObject(body, "more");
	answers_json(w, 200, body);

	assert_asks(w, "/incidents?");
	free(text);
}

static void log__in_vain_several_times__is_asked_for_in_smaller_pages(void **state)
{
	static const struct {
		int64_t attempts;
		const char *rows;
	} cases[] = {{1, "&limit=100&"}, {3, "&limit=100&"}, {4, "&limit=25&"}, {6, "&limit=25&"}, {7, "&limit=5&"}, {1000, "&limit=5&"}};
	struct desk_world *w = *state;
	struct error err = {0};
	struct word *word;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		word = storage_word(w->storage, polls(w).id);
		word->attempts = cases[i].attempts;
		desk_world_begin(w);
		assert_true(storage_put_word(w->storage, word, &err));
		desk_world_end(w, true);
		word_free(word);
		assert_asks_with(w, "/log_entries?", cases[i].rows);
	}
	answers(w, 200, PAGE(ENTRY("R1", "dance", "2026-03-02T11:59:58Z", OF("Q1")), "true"));

	assert_asks_with(w, "/log_entries?", "&limit=5&offset=1"); /* the next is no smaller */
}

static void log__refused__leaves_the_incidents_to_be_read(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	every_day(w);
	mark_time(w, "pagerduty.all", NOON - 301);
	tick(w);
	answers(w, 403, "{\"error\":{\"message\":\"Access Denied\",\"code\":2010}}");
	assert_true(w->desk->poll.is_log_refused);
	assert_asks(w, "/incidents?");
	answers(w, 200, LIST(INCIDENT("Q1", "acknowledged"), "false"));

	assert_over(w);
	assert_int_equal(status_of(w, alert), ALERT_ACKED);
	assert_int_equal(marked(w, "pagerduty.log"), NOON - 20); /* the log is read from there, once it can be */
	assert_int_equal(marked(w, "pagerduty.all"), NOON);
}

static void log__with_the_far_future_in_it__is_not_read_on_from_there(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	answers(w, 200,
	    PAGE(ENTRY("R1", "annotate", "2126-03-02T11:59:58Z", BOB ",\"channel\":{\"summary\":\"x\"}," OF("Q1")), "false"));
	assert_int_equal(marked(w, "pagerduty.log"), NOON - 20);
	w->desk->now += 15;
	tick(w);
	answers(w, 200, /* a clock that is a little ahead */
	    PAGE(ENTRY("R1", "annotate", "2026-03-02T12:00:40Z", BOB ",\"channel\":{\"summary\":\"x\"}," OF("Q1")), "false"));

	assert_int_equal(marked(w, "pagerduty.log"), NOON + 15);
}

static void log__with_anything_in_it__comes_to_an_end(void **state)
{
	static const char *const bodies[] = {
	    "null", "[]", "7", "{}", "{\"log_entries\":null}", "{\"log_entries\":{}}", "{\"log_entries\":\"x\",\"more\":true}",
	    "{\"log_entries\":[],\"more\":true}", "{\"log_entries\":[null,1,\"x\",[],{}],\"more\":false}",
	    "{\"log_entries\":[{\"id\":1,\"type\":2,\"incident\":3,\"agent\":4,\"channel\":5}],\"more\":\"false\"}",
	    "{\"log_entries\":[{\"id\":\"R1\",\"type\":\"trigger_log_entry\",\"created_at\":\"2026-03-02T11:59:58Z\",\"channel\":{\"incident_key\":\"headsup-A1\"},\"incident\":{\"id\":\"Q9\",\"status\":\"odd\",\"incident_number\":\"x\",\"html_url\":7,\"service\":[]}}]}",
	    "{\"log_entries\":[{\"id\":\"R1\",\"type\":\"acknowledge_log_entry\",\"created_at\":\"yesterday\",\"incident\":{\"id\":\"Q1\",\"status\":\"odd\"}}]}",
	};
	struct desk_world *w = *state;

	incident(w, "Q1");
	paged(w);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++, w->desk->now += 15) {
		every_day(w);
		mark(w, "pagerduty.gap", NULL);
		tick(w);
		assert_int_equal(polls(w).count, 1);
		answers(w, 200, bodies[i]);
		if (polls(w).count != 0)
			fail_msg("%s", bodies[i]);
	}
}

/* ---- everything ------------------------------------------------------------------------------------------------- */

static void start__with_incidents__reads_them_all(void **state)
{
	struct desk_world *w = *state;
	int64_t one = incident(w, "Q1"), other = incident(w, "Q2"), third = incident(w, "Q3");
	char *said;

	tick(w);
	assert_asks(w, "/log_entries?since=2026-03-02T10%3A58%3A00Z");
	answers(w, 200, PAGE("", "false"));
	said = asks(w);
	assert_string_equal(said,
	    "/incidents?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&sort_by=created_at%3Adesc&limit=100&offset=0");
	free(said);
	answers(w, 200, LIST(INCIDENT("Q1", "acknowledged") "," INCIDENT("QOTHER1", "triggered"), "true"));
	assert_asks_with(w, "/incidents?", "&offset=2");
	answers(w, 200, LIST(INCIDENT("Q3", "triggered"), "false"));
	assert_asks(w, "/incidents/Q2");
	answers(w, 200, "{\"incident\":" INCIDENT("Q2", "resolved") "}");

	assert_over(w);
	assert_int_equal(status_of(w, one), ALERT_ACKED);
	assert_int_equal(status_of(w, other), ALERT_RESOLVED);
	assert_int_equal(status_of(w, third), ALERT_OPEN);
	assert_int_equal(marked(w, "pagerduty.all"), NOON);
	assert_int_equal(marked(w, "pagerduty.log"), NOON - 3600); /* nothing was told: no time of its own yet */
}

static void everything__read_a_while_ago__is_read_again_when_it_is_time(void **state)
{
	static const struct {
		const char *mark;
		int64_t back;
		bool is_read;
	} cases[] = {
	    {"pagerduty.all", 3500, false},
	    {"pagerduty.all", 3601, true},
	    {"pagerduty.all", -5, true}, /* the clock was set back */
	    {"pagerduty.heard", 290, false},
	    {"pagerduty.heard", 301, true},
	};
	struct desk_world *w = *state;

	incident(w, "Q1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++, w->desk->now += 15) {
		every_day(w);
		mark_time(w, cases[i].mark, w->desk->now - cases[i].back);
		tick(w);
		answers(w, 200, PAGE("", "false"));
		if (!cases[i].is_read) {
			assert_over(w);
			continue;
		}
		assert_asks(w, "/incidents?");
		answers(w, 200, LIST(INCIDENT("Q1", "triggered"), "false"));
		assert_over(w);
	}
}

static void everything__read_before_the_start__is_read_again(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	w->desk->started_at = w->desk->now - 30;
	tick(w);
	answers(w, 200, PAGE("", "false"));

	assert_asks(w, "/incidents?");
}

static void everything__asked_for_by_a_gap__is_read_once(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	mark(w, "pagerduty.gap", "1");
	tick(w);
	answers(w, 200, PAGE("", "false"));
	answers(w, 200, LIST(INCIDENT("Q1", "triggered"), "false"));
	assert_over(w);
	w->desk->now += 15;
	tick(w);
	answers(w, 200, PAGE("", "false"));

	assert_over(w);
}

static void everything__refused__is_read_by_the_next_poll(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	mark(w, "pagerduty.gap", "1");
	tick(w);
	answers(w, 200, PAGE("", "false"));
	answers(w, 400, NULL);
	assert_over(w);
	assert_int_equal(marked(w, "pagerduty.all"), NOON - 60);
	w->desk->now += 15;
	tick(w);
	answers(w, 200, PAGE("", "false"));

	assert_asks(w, "/incidents?");
}

static void everything__dead_on_its_way__is_read_by_the_next_poll(void **state)
{
	struct desk_world *w = *state;
	struct error err = {0};
	struct word *word;

	incident(w, "Q1");
	every_day(w);
	mark(w, "pagerduty.gap", "1");
	tick(w);
	answers(w, 200, PAGE("", "false"));
	assert_int_equal(marked(w, "pagerduty.gap"), -1);
	word = storage_word(w->storage, polls(w).id);
	desk_world_begin(w);
	assert_true(word_failed(w->desk, word, &(struct reply){.status = 500}, true, &err));
	desk_world_end(w, true);

	assert_int_equal(marked(w, "pagerduty.gap"), 1);
	word_free(word);
}

static void incident__that_is_gone__is_kept_and_left_alone_for_an_hour(void **state)
{
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	for (int round = 0; round < 3; round++, w->desk->now += 1900) {
		every_day(w);
		mark(w, "pagerduty.gap", "1");
		tick(w);
		answers(w, 200, PAGE("", "false"));
		answers(w, 200, LIST("", "false"));
		if (round != 1) { /* 0 s, not 1900 s, 3800 s */
			assert_asks(w, "/incidents/Q1");
			answers(w, 404, NOT_FOUND);
		}
		assert_over(w);
	}

	assert_int_equal(status_of(w, alert), ALERT_OPEN);
}

static void incident__answered_with_another__is_not_taken_for_it(void **state)
{
	struct desk_world *w = *state;
	int64_t one = incident(w, "Q1"), other = incident(w, "Q2");

	every_day(w);
	mark(w, "pagerduty.gap", "1");
	tick(w);
	answers(w, 200, PAGE("", "false"));
	answers(w, 200, LIST(INCIDENT("Q2", "triggered"), "false"));
	assert_asks(w, "/incidents/Q1");
	answers(w, 200, "{\"incident\":" INCIDENT("Q2", "resolved") "}");

	assert_over(w);
	assert_int_equal(status_of(w, one), ALERT_OPEN);
	assert_int_equal(status_of(w, other), ALERT_OPEN);
}

static void incidents__of_which_alerts_share_one__are_asked_for_once(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	incident(w, "Q1");
	every_day(w);
	mark(w, "pagerduty.gap", "1");
	tick(w);
	answers(w, 200, PAGE("", "false"));
	answers(w, 200, LIST("", "false"));
	assert_asks(w, "/incidents/Q1");
	answers(w, 404, NOT_FOUND);

	assert_over(w);
}

static void incidents__more_than_a_round_takes__are_asked_for_by_the_next_polls(void **state)
{
	struct desk_world *w = *state;
	int asked = 0;
	char id[16];

	for (int i = 0; i < 250; i++) {
		snprintf(id, sizeof(id), "Q%d", i + 1);
		incident(w, id);
	}
	every_day(w);
	mark(w, "pagerduty.gap", "1");
	for (int round = 0; round < 2; round++, w->desk->now += 15) {
		tick(w);
		answers(w, 200, PAGE("", "false"));
		answers(w, 200, LIST("", "false"));
		for (; polls(w).count > 0; asked++) {
			snprintf(id, sizeof(id), "Q%d", asked + 1);
			assert_asks(w, "/incidents/");
			assert_asks_with(w, "/incidents/", id);
			answers(w, 404, NOT_FOUND);
		}
		assert_int_equal(asked, round == 0 ? 200 : 250);
	}
	assert_int_equal(marked(w, "pagerduty.gap"), -1);
}

static void list__with_anything_in_it__comes_to_an_end(void **state)
{
	static const char *const bodies[] = {
	    "null", "[]", "{}", "{\"incidents\":7}", "{\"incidents\":[],\"more\":true}", "{\"incidents\":[null,1,\"x\",[],{}]}",
	    "{\"incidents\":[{\"id\":\"Q1\"}]}", "{\"incidents\":[{\"id\":\"Q1\",\"status\":\"odd\"}]}",
	    "{\"incidents\":[{\"id\":\"Q1\",\"status\":7,\"incident_number\":\"1e99\",\"service\":{\"id\":\"/\"},\"last_status_change_at\":{}}]}",
	    "{\"incidents\":[{\"id\":\"../Q1\",\"status\":\"resolved\"}]}",
	};
	struct desk_world *w = *state;
	int64_t alert = incident(w, "Q1");

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++, w->desk->now += 15) {
		int calls = 0;

		every_day(w);
		mark(w, "pagerduty.gap", "1");
		mark(w, "pagerduty.gone", NULL);
		tick(w);
		answers(w, 200, PAGE("", "false"));
		for (; polls(w).count > 0 && calls < 5; calls++)
			answers(w, 200, bodies[i]);
		if (calls == 5)
			fail_msg("%s", bodies[i]);
		assert_int_equal(status_of(w, alert), ALERT_OPEN);
	}
}

/* ---- silence ---------------------------------------------------------------------------------------------------- */

static void silence__of_five_minutes__is_logged_once_until_it_ends(void **state)
{
	struct desk_world *w = *state;

	incident(w, "Q1");
	every_day(w);
	tick(w);
	w->desk->now += POLL_GAP_S;
	tick(w);
	assert_false(w->desk->poll.is_silent);
	w->desk->now++;
	tick(w);
	assert_true(w->desk->poll.is_silent);
	answers(w, 200, PAGE("", "false"));

	assert_false(w->desk->poll.is_silent);
	assert_int_equal(w->desk->poll.waits_since, 0);
	assert_asks(w, "/incidents?");
}

static void silence__with_nothing_asked__is_none(void **state)
{
	struct desk_world *w = *state;

	for (int i = 0; i < 100; i++, w->desk->now += 15)
		tick(w);

	assert_false(w->desk->poll.is_silent);
}

static void word__of_another_version__is_over(void **state)
{
	static const char *const bodies[] = {"{}", "{\"step\":\"dance\"}", "{\"step\":7}", "{\"step\":\"each\"}", "{\"step\":\"each\",\"incident\":\"../x\"}",
	    "{\"step\":\"users\"}", "{\"step\":\"users\",\"users\":[\"/\"]}", "{\"step\":\"users\",\"users\":{\"a\":1}}"};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct word word = {.id = 1, .lane = PAGERDUTY_LANE, .kind = WORD_POLL, .subject = "poll", .body = (char *)bodies[i]};
		struct spoken spoken;
		struct word_next next;
		struct error err = {0};

		desk_world_begin(w);
		assert_true(word_render(w->desk, &word, &spoken, &err));
		if (!spoken.is_nothing)
			fail_msg("%s", bodies[i]);
		assert_true(word_delivered(w->desk, &word, &(struct reply){.ok = true, .status = 200}, &next, &err));
		word_next_fini(&next);
		spoken_fini(&spoken);
		desk_world_end(w, true);
	}
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entry__of_any_kind__is_what_happened),
	    cmocka_unit_test(entry__made_compact__says_the_same),
	    cmocka_unit_test(entry__of_the_published_samples__is_what_happened),
	    cmocka_unit_test(entry__with_a_member_of_another_type__harms_nothing),
	    cmocka_unit_test(entry__with_texts_without_end__is_kept_within_bounds),
	    TEST(tick__without_a_token__asks_nothing, setup_bare),
	    TEST(tick__without_any_incident__asks_nothing, setup),
	    TEST(tick__with_a_page_nobody_knows_the_incident_of__asks, setup),
	    TEST(tick__when_all_is_over__asks_for_what_is_reopened, setup),
	    TEST(tick__every_second__asks_every_interval, setup),
	    TEST(tick__beside_webhooks__asks_every_30_s, setup_hooks),
	    TEST(tick__with_any_interval__keeps_it_or_a_minute_beside_webhooks, setup),
	    TEST(tick__with_a_shorter_interval_after_a_reload__does_not_wait_for_the_longer, setup),
	    TEST(tick__while_one_is_under_way__leaves_no_other, setup),
	    TEST(tick__while_one_waits_is_said_or_stuck__leaves_no_other, setup),
	    TEST(tick__after_the_clock_was_set_back__does_not_wait_for_it, setup),
	    TEST(tick__after_a_rest_of_more_than_a_day__reads_no_further_back, setup),
	    TEST(log__asked_for__is_asked_with_what_it_needs, setup),
	    TEST(log__with_news__is_told_oldest_first, setup),
	    TEST(log__of_two_pages_with_an_entry_on_both__is_told_once_and_in_order, setup),
	    TEST(log__on_its_way__keeps_what_is_ours_once, setup),
	    TEST(log__of_one_second__is_told_in_its_order, setup),
	    TEST(log__read_again_by_the_next_poll__is_told_once, setup),
	    TEST(log__of_others__is_passed_over, setup),
	    TEST(log__with_the_key_of_a_page__links_the_incident_and_tells_what_came_before_it, setup),
	    TEST(log__with_the_key_on_a_later_page__is_read_once_more, setup),
	    TEST(log__with_new_keys_on_later_pages__is_not_read_for_ever, setup),
	    TEST(log__with_a_key_that_is_not_this_alert_s__links_nothing, setup),
	    TEST(log__with_an_older_incident_of_the_alert__leaves_the_newer_the_newest, setup),
	    TEST(log__with_a_trigger_of_what_was_resolved__reopens_it, setup),
	    TEST(log__with_an_escalation_last__takes_the_ack_away, setup),
	    TEST(log__with_an_escalation_before_an_unack__leaves_it_to_the_unack, setup),
	    TEST(log__with_a_merge__follows_the_alert_to_the_other_incident, setup),
	    TEST(log__of_somebody_unknown__asks_first_who_that_is, setup),
	    TEST(log__longer_than_is_read_at_once__is_made_up_for_by_reading_everything, setup),
	    TEST(log__with_more_than_can_be_kept__is_made_up_for_by_reading_everything, setup),
	    TEST(log__in_vain_several_times__is_asked_for_in_smaller_pages, setup),
	    TEST(log__refused__leaves_the_incidents_to_be_read, setup),
	    TEST(log__with_the_far_future_in_it__is_not_read_on_from_there, setup),
	    TEST(log__with_anything_in_it__comes_to_an_end, setup),
	    TEST(start__with_incidents__reads_them_all, setup),
	    TEST(everything__read_a_while_ago__is_read_again_when_it_is_time, setup),
	    TEST(everything__read_before_the_start__is_read_again, setup),
	    TEST(everything__asked_for_by_a_gap__is_read_once, setup),
	    TEST(everything__refused__is_read_by_the_next_poll, setup),
	    TEST(everything__dead_on_its_way__is_read_by_the_next_poll, setup),
	    TEST(incident__that_is_gone__is_kept_and_left_alone_for_an_hour, setup),
	    TEST(incident__answered_with_another__is_not_taken_for_it, setup),
	    TEST(incidents__of_which_alerts_share_one__are_asked_for_once, setup),
	    TEST(incidents__more_than_a_round_takes__are_asked_for_by_the_next_polls, setup),
	    TEST(list__with_anything_in_it__comes_to_an_end, setup),
	    TEST(silence__of_five_minutes__is_logged_once_until_it_ends, setup),
	    TEST(silence__with_nothing_asked__is_none, setup),
	    TEST(word__of_another_version__is_over, setup),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
