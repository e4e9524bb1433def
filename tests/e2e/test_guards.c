/* The guard rails on suppression: each attack or slip fails, and people read why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"
#define URGENT "#security-urgent"
#define HOUR 3600

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static int64_t number(const cJSON *json, const char *name)
{
	int64_t value = -1;

	assert_true(json_int(json, name, &value));
	return value;
}

static cJSON *announcement(struct world *w, const char *id)
{
	char *path = NULL;
	cJSON *json;

	assert_true(asprintf(&path, "/v1/announcements/%s", id) > 0);
	json = world_http(w, "GET", path, WORLD_OPS, NULL, NULL)->json;
	free(path);
	return json;
}

static bool status_is(struct world *w, const char *id, const char *status)
{
	return strcmp(text(announcement(w, id), "status"), status) == 0;
}

static const char *announcements(struct world *w)
{
	return world_http(w, "GET", "/v1/announcements", WORLD_OPS, NULL, NULL)->body;
}

/* USER types COMMAND and reads an answer that holds PART, at once or when Slack has said who they are. */
static void reads(struct world *w, const char *user, const char *id, const char *command, const char *part)
{
	const char *said = world_says(w, user, ALERTS, command);

	if (said[0] == '\0')
		world_until(w, world_find_ephemeral(w, id, part) != NULL);
	else if (strstr(said, part) == NULL)
		fail_msg("%s: %s\n reads: %s\n not: %s", user, command, said, part);
}

/* Alice types COMMAND, and reads a refusal that holds PART; nothing is announced. */
static void refused(struct world *w, const char *command, const char *part)
{
	reads(w, "alice", "U0ALICE", command, part);
	assert_null(strstr(announcements(w), "\"H1\""));
}

static const char *fires(struct world *w, const char *host, const char *actor, const char *severity)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"title\":\"sshd: login on %s\",\"rule\":\"ssh-login\",\"host\":\"%s\",\"actor\":\"%s\",\"severity\":\"%s\",\"source\":\"test\"}",
	    host, host, actor, severity);
	return world_send_one(w, NULL, body);
}

static void assert_status(struct world *w, const char *id, const char *status)
{
	assert_string_equal(world_status(w, id), status);
}

/* The card of an alert holds PART. */
static bool card_says(struct world *w, const char *channel, const char *id, const char *part)
{
	cJSON *message = world_find(w, channel, id);

	return message != NULL && strstr(world_words(w, message), part) != NULL;
}

/* The announcement's message, once it is there. */
static cJSON *message_of(struct world *w, const char *id)
{
	world_until(w, world_find(w, ALERTS, id) != NULL);
	return world_find(w, ALERTS, id);
}

static bool thread_says(struct world *w, const char *id, const char *part)
{
	cJSON *message = world_find(w, ALERTS, id);

	return message != NULL && world_find_reply(w, ALERTS, world_ts(message), part) != NULL;
}

static bool audited(struct world *w, const char *what, const char *part)
{
	const char *at = world_http(w, "GET", "/v1/audit", WORLD_OPS, NULL, NULL)->body;
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "\"what\":\"%s\"", what);
	for (; at != NULL && *at != '\0'; at = strchr(at, '\n') != NULL ? strchr(at, '\n') + 1 : NULL) {
		char *line = strndup(at, strcspn(at, "\n"));
		bool found = strstr(line, wanted) != NULL && strstr(line, part) != NULL;

		free(line);
		if (found)
			return true;
	}
	return false;
}

/* ---- what an announcement must say --------------------------------------------------------------------- */

static void announcement__without_a_reason_or_a_match__is_refused(void **state)
{
	struct world *w = *state;

	refused(w, "expect host=web-1 for 30m", "needs a reason");
	refused(w, "expect host=web-1 because", "needs a reason");
	/* One that nobody can see is none. */
	refused(w, "expect host=web-1 because \xE2\x80\x8B \xC2\xA0\xE2\x81\xA0", "needs a reason");
	refused(w, "expect because deploy", "at least one MATCH");
	refused(w, "expect host=* because deploy", "at least one match");
	refused(w, "expect host=* rule=** because deploy", "at least one match");
	refused(w, "expect host~.* because deploy", "at least one match");
	refused(w, "expect host!=db-1 because deploy", "at least one match");
	assert_true(audited(w, "refused", "needs a reason"));
	assert_status(w, fires(w, "web-1", "alice", "medium"), "open");
}

static void announcement__of_fewer_matches_than_policy_asks__is_refused(void **state)
{
	struct world *w = world_start(&(struct world_options){.policy = "policy: {min_matchers: 2}\n"});

	*state = w;
	refused(w, "expect host=web-1 because deploy", "policy asks for at least 2 matches");
	refused(w, "expect host=web-1 rule!=x because deploy", "policy asks for at least 2 matches");
	reads(w, "alice", "U0ALICE", "expect host=web-1 rule=ssh-login because deploy", "H1");
}

static void announcement__that_is_too_long__is_refused_and_never_shortened(void **state)
{
	struct world *w = *state;

	refused(w, "expect host=web-1 for 9h because deploy", "at most 4h at a time");
	refused(w, "expect host=web-1 max 100000 because deploy", "from 1 to 10000");
	refused(w, "expect host=web-1 for 30 because deploy", "30m");
	struct world_answer *answer = world_http(w, "POST", "/v1/announcements", WORLD_CI,
	    "{\"match\":[\"host=web-1\"],\"for\":\"9h\",\"because\":\"x\"}", NULL);
	assert_int_equal(answer->status, 409);
	assert_non_null(strstr(answer->body, "at most 4h"));
	/* Extended bit by bit it lasts no longer at a time either. */
	reads(w, "alice", "U0ALICE", "expect host=web-1 for 3h because deploy", "H1");
	reads(w, "alice", "U0ALICE", "extend H1 2h", "at most 4h at a time");
}

/* ---- whose alerts --------------------------------------------------------------------------------------- */

static void alert__of_somebody_else__is_raised_and_says_so(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-* for 30m because deploy", "It covers only your own logins");
	assert_status(w, fires(w, "web-1", "alice", "medium"), "expected");
	const char *id = fires(w, "web-2", "mallory", "medium");
	assert_status(w, id, "open");
	assert_string_equal(text(world_alert(w, id), "severity"), "high");
	world_until(w, card_says(w, ALERTS, id, "alice announced this, mallory did it"));
	/* Names that only look alike are others: a Cyrillic a, and one with a character that is not seen. */
	assert_status(w, fires(w, "web-3", "\xD0\xB0lice", "medium"), "open");
	assert_status(w, fires(w, "web-4", "alice\xE2\x80\x8B", "medium"), "open");
	world_until(w, number(announcement(w, "H1"), "near_misses") == 3);
}

static void alert__that_fits_all_but_one_match__is_a_near_miss(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-3 rule=ssh-login because deploy", "H1");
	const char *id = fires(w, "web-3b", "alice", "medium");
	assert_status(w, id, "open");
	reads(w, "bob", "U0BOB", "why A1", "H1 matched all but host: web-3b is not web-3");
	reads(w, "bob", "U0BOB", "stats", " 1 near miss.");
	assert_int_equal(number(announcement(w, "H1"), "near_misses"), 1);
}

static void alert__from_before_the_announcement__stays_open(void **state)
{
	struct world *w = *state;
	const char *id = fires(w, "web-1", "alice", "medium");

	reads(w, "alice", "U0ALICE", "expect host=web-1 because covering my tracks", "H1");
	assert_status(w, id, "open");
	fires(w, "web-1", "alice", "medium"); /* counts onto it */
	assert_status(w, id, "open");
	reads(w, "bob", "U0BOB", "show A1", "2 times");
}

/* ---- how many, how long ----------------------------------------------------------------------------------- */

static void budget__used_up__breaks_it_aloud(void **state)
{
	struct world *w = *state;
	char host[16];

	reads(w, "alice", "U0ALICE", "expect host=web-* max 2 because deploy", "at most 2 alerts");
	message_of(w, "H1");
	for (int i = 1; i <= 2; i++) {
		snprintf(host, sizeof(host), "web-%d", i);
		assert_status(w, fires(w, host, "alice", "medium"), "expected");
	}
	const char *id = fires(w, "web-3", "alice", "medium");
	assert_status(w, id, "open");
	world_until(w, card_says(w, ALERTS, id, "more than announced"));
	world_until(w, thread_says(w, "H1", "Broken:"));
	assert_true(status_is(w, "H1", "ended"));
	/* More than announced is no near miss. */
	reads(w, "bob", "U0BOB", "recap 1h", "; 0 near misses");
	reads(w, "bob", "U0BOB", "stats", " 0 near misses");
	/* Extending it does not fill it up again. */
	reads(w, "alice", "U0ALICE", "extend H1 30m", "is over already");
}

static void window__at_its_edges__covers_only_within(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	reads(w, "alice", "U0ALICE", "expect host=web-* for 10m because deploy", "H1");
	message_of(w, "H1");
	assert_status(w, fires(w, "web-1", "alice", "medium"), "expected");
	world_clock_advance(w, 601);
	assert_status(w, fires(w, "web-2", "alice", "medium"), "open");
	/* What the event says of its own time moves it into no window. */
	char body[256], at[32];
	time_t within = time(NULL) + 60;
	struct tm tm;

	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&within, &tm));
	snprintf(body, sizeof(body), "{\"title\":\"x\",\"host\":\"web-4\",\"actor\":\"alice\",\"occurred_at\":\"%s\"}", at);
	const char *dated = world_send_one(w, NULL, body);
	assert_string_equal(text(world_alert(w, dated), "occurred_at"), at);
	assert_status(w, dated, "open");
	/* A clock that is set back covers nothing more: its end is a fact. */
	world_until(w, thread_says(w, "H1", "Over: its time is up"));
	world_clock_advance(w, -500);
	assert_status(w, fires(w, "web-3", "alice", "medium"), "open");
}

static void extending__again_and_again__ends_with_max_duration(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	reads(w, "alice", "U0ALICE", "expect host=web-* for 3h because deploy", "H1");
	message_of(w, "H1");
	world_clock_advance(w, 2 * HOUR);
	reads(w, "alice", "U0ALICE", "extend H1 1h", "now lasts until");
	world_clock_advance(w, HOUR);
	reads(w, "alice", "U0ALICE", "extend H1 30m", "lasts that long already; announce anew");
	world_clock_advance(w, HOUR);
	assert_status(w, fires(w, "web-1", "alice", "medium"), "open");
}

static void window__that_ends__gives_a_receipt_and_tells_anew_what_still_fires(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	world_send_one(w, NULL, "{\"title\":\"disk\",\"host\":\"x\",\"source\":\"prometheus\",\"status\":\"resolved\"}");
	reads(w, "alice", "U0ALICE", "expect host=web-* for 10m because deploy", "H1");
	reads(w, "alice", "U0ALICE", "expect host=db-* for 10m because deploy", "H2");
	message_of(w, "H1");
	message_of(w, "H2");
	const char *single = fires(w, "web-1", "alice", "medium");
	const char *still = world_send_one(w, NULL, "{\"title\":\"load\",\"host\":\"web-2\",\"actor\":\"alice\",\"source\":\"prometheus\"}");
	const char *over = world_send_one(w, NULL, "{\"title\":\"cpu\",\"host\":\"web-3\",\"actor\":\"alice\",\"source\":\"prometheus\",\"dedup_key\":\"cpu\"}");
	assert_status(w, still, "expected");
	world_send_one(w, NULL, "{\"title\":\"cpu\",\"host\":\"web-3\",\"source\":\"prometheus\",\"dedup_key\":\"cpu\",\"status\":\"resolved\"}");
	world_clock_advance(w, 301);
	world_until(w, thread_says(w, "H1", "ends in")); /* the author is reminded */
	world_clock_advance(w, 300);
	world_until(w, thread_says(w, "H1", "Told anew: 1 alert that still fires"));
	world_until(w, thread_says(w, "H2", "Announced, never seen"));
	assert_status(w, single, "expected");
	assert_status(w, still, "open");
	assert_status(w, over, "resolved");
	world_until(w, card_says(w, ALERTS, still, "it still fires"));
	assert_null(world_find(w, ALERTS, "web-1"));
}

static void reminder__with_its_button__extends(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	cJSON *line;

	*state = w;
	reads(w, "alice", "U0ALICE", "expect host=web-* for 10m because deploy", "H1");
	const char *ts = world_ts(message_of(w, "H1"));
	world_clock_advance(w, 301);
	world_until(w, thread_says(w, "H1", "<@U0ALICE> H1 ends in"));
	line = world_find_reply(w, ALERTS, ts, "ends in");
	assert_true(world_has_button(line, "announcement_extend"));
	world_press(w, "alice", ALERTS, world_ts(line), "announcement_extend", NULL);
	world_clock_advance(w, 600);
	assert_status(w, fires(w, "web-1", "alice", "medium"), "expected");
}

/* ---- approval ---------------------------------------------------------------------------------------------- */

static void approval__by_oneself__is_refused(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-* because deploy", "Alerts of severity critical still fire");
	const char *ts = world_ts(message_of(w, "H1"));
	assert_status(w, fires(w, "web-1", "alice", "critical"), "open");
	reads(w, "alice", "U0ALICE", "approve H1", "you announced H1 yourself");
	world_press(w, "alice", ALERTS, ts, "announcement_approve", NULL);
	world_until(w, world_find_ephemeral(w, "U0ALICE", "you announced H1 yourself") != NULL);
	/* Through a second account, which Slack knows by the same e-mail. */
	world_sim(w, "user", "{\"id\":\"U0ALICE2\",\"name\":\"alice2\",\"email\":\"Alice@example.com\"}");
	world_press(w, "U0ALICE2", ALERTS, ts, "announcement_approve", NULL);
	world_until(w, world_find_ephemeral(w, "U0ALICE2", "another account of yours") != NULL);
	world_press(w, "guest", ALERTS, ts, "announcement_approve", NULL);
	world_until(w, world_find_ephemeral(w, "U0GUEST", "guests may not approve") != NULL);
	struct world_answer *answer = world_http(w, "POST", "/v1/announcements/H1/approve", WORLD_OPS, "{}", NULL);
	assert_int_equal(answer->status, 403);
	assert_non_null(strstr(answer->body, "a token is no second pair of eyes"));
	assert_int_equal(world_http(w, "POST", "/v1/announcements/H1/deny", WORLD_OPS, "{}", NULL)->status, 403);

	assert_true(cJSON_IsNull(json_get(announcement(w, "H1"), "approved_by")));
	assert_status(w, fires(w, "web-2", "alice", "critical"), "open");
	assert_true(audited(w, "refused", "another account"));
	assert_true(audited(w, "refused", "guests may not approve"));
}

static void approval__by_somebody_else__covers_the_critical_too(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-* because deploy", "H1");
	cJSON *message = message_of(w, "H1");
	assert_true(world_has_button(message, "Approve for critical"));
	world_press(w, "bob", ALERTS, world_ts(message), "announcement_approve", NULL);
	world_until(w, strcmp(text(announcement(w, "H1"), "approved_by"), "bob") == 0);
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "H1")), "approved by") != NULL);
	assert_false(world_has_button(world_find(w, ALERTS, "H1"), "announcement_approve"));
	assert_status(w, fires(w, "web-1", "alice", "critical"), "expected");
	assert_true(audited(w, "approved", "U0BOB"));
	/* Edited, it is to be approved anew; the button of the card as it was does nothing. */
	reads(w, "alice", "U0ALICE", "edit H1 host=w*", "H1");
	assert_status(w, fires(w, "web-2", "alice", "critical"), "open");
	world_press_forced(w, "bob", ALERTS, world_ts(message), "announcement_approve", "H1:1:1");
	world_until(w, world_find_ephemeral(w, "U0BOB", "was changed since you saw it") != NULL);
	assert_true(cJSON_IsNull(json_get(announcement(w, "H1"), "approved_by")));
	assert_true(audited(w, "edited", "host=web-*"));
	reads(w, "bob", "U0BOB", "edit H1 host=x", "somebody else");
}

static void approval__of_whom_policy_names__follows_the_user_group(void **state)
{
	struct world *w = world_start(&(struct world_options){.no_start = true, .policy = "policy: {approvers: [S0EYES]}\n"});

	*state = w;
	world_sim(w, "group", "{\"id\":\"S0EYES\",\"handle\":\"eyes\",\"users\":[\"U0CAROL\"]}");
	world_boot(w);
	world_until(w, cJSON_GetArraySize(world_calls(w, "usergroups.users.list")) > 0);
	reads(w, "alice", "U0ALICE", "expect severity=critical host=web-* because deploy", "H1");
	assert_true(status_is(w, "H1", "pending"));
	assert_status(w, fires(w, "web-1", "alice", "critical"), "open");
	reads(w, "bob", "U0BOB", "approve H1", "only approvers may approve");
	/* Her profile is asked for; the answer comes by itself. */
	world_until(w, (world_slash(w, "carol", ALERTS, "approve H1"), world_pause(), status_is(w, "H1", "active")));
	assert_status(w, fires(w, "web-2", "alice", "critical"), "expected");
}

static void odd_hours__without_approval__cover_nothing(void **state)
{
	static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
	char policy[160];
	time_t now = time(NULL);
	struct tm tm;
	struct world *w;

	gmtime_r(&now, &tm);
	/* The day after tomorrow is the only one on which people work. */
	snprintf(policy, sizeof(policy), "working_hours: {days: %s, from: \"08:00\", to: \"09:00\", timezone: UTC}\n", days[(tm.tm_wday + 2) % 7]);
	w = world_start(&(struct world_options){.policy = policy});
	*state = w;
	reads(w, "alice", "U0ALICE", "expect host=web-* because deploy", "It covers nothing until somebody else approves it");
	assert_true(status_is(w, "H1", "pending"));
	const char *id = fires(w, "web-1", "alice", "low");
	assert_status(w, id, "open");
	world_until(w, card_says(w, ALERTS, id, "odd hour"));
	reads(w, "bob", "U0BOB", "why A1", "waits for approval");
	reads(w, "bob", "U0BOB", "approve H1", "is approved");
	assert_status(w, fires(w, "web-2", "alice", "low"), "expected");
	reads(w, "alice", "U0ALICE", "expect host=db-* because deploy", "H2");
	reads(w, "bob", "U0BOB", "deny H2 because not at night", "is denied, and over");
	assert_true(status_is(w, "H2", "ended"));
}

static void pending__that_nobody_approves__is_over(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	reads(w, "alice", "U0ALICE", "expect severity=critical host=web-* for 4h because deploy", "H1");
	message_of(w, "H1");
	world_clock_advance(w, 4 * HOUR + 1);
	world_until(w, status_is(w, "H1", "ended"));
	world_until(w, thread_says(w, "H1", "it was never approved"));
	reads(w, "bob", "U0BOB", "approve H1", "is over already");
}

static void guest__announcing__is_refused(void **state)
{
	struct world *w = *state;

	world_slash(w, "guest", ALERTS, "expect host=web-* because deploy");
	world_until(w, world_find_ephemeral(w, "U0GUEST", "guests may not announce") != NULL);
	assert_null(strstr(announcements(w), "\"H1\""));
}

/* ---- what is never suppressed, and what people take out ---------------------------------------------------- */

static void never_suppress__though_announced_and_approved__fires(void **state)
{
	struct world *w =
	    world_start(&(struct world_options){.policy = "policy: {never_suppress: [[\"host=canary-*\"], [\"rule=iam-*\", \"env=prod\"]]}\n"});

	*state = w;
	reads(w, "alice", "U0ALICE", "expect host=canary-1,web-1 because deploy", "H1");
	reads(w, "bob", "U0BOB", "approve H1", "is approved");
	assert_status(w, fires(w, "web-1", "alice", "medium"), "expected");
	const char *id = fires(w, "canary-1", "alice", "medium");
	assert_status(w, id, "open");
	world_until(w, card_says(w, ALERTS, id, "announced, but never suppressed"));
}

static void not_me__said_by_anybody__ends_it_and_tells_all_anew(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-* because not really alice", "H1");
	const char *ts = world_ts(message_of(w, "H1"));
	world_press(w, "bob", ALERTS, ts, "announcement_approve", NULL);
	world_until(w, strcmp(text(announcement(w, "H1"), "approved_by"), "bob") == 0);
	const char *low = fires(w, "web-1", "alice", "low");
	const char *critical = fires(w, "web-2", "alice", "critical");
	const char *over = fires(w, "web-9", "alice", "medium");
	world_act(w, over, "resolve", NULL);
	assert_null(world_find(w, ALERTS, "web-9"));
	assert_status(w, low, "expected");
	assert_status(w, critical, "expected");
	assert_null(world_incident(w, "headsup-A2"));

	world_press(w, "alice", ALERTS, ts, "announcement_not_me", NULL);
	world_until(w, strcmp(world_status(w, low), "open") == 0);
	assert_status(w, critical, "open");
	world_until(w, world_find(w, ALERTS, low) != NULL);
	world_until(w, world_find(w, URGENT, critical) != NULL);
	/* What was made to look resolved is shown too. */
	world_until(w, card_says(w, ALERTS, over, "somebody said: not me"));
	assert_status(w, over, "resolved");
	world_until(w, world_incident(w, "headsup-A2") != NULL);
	world_until(w, thread_says(w, "H1", "Not me"));
	assert_true(status_is(w, "H1", "ended"));
	assert_true(audited(w, "not_me", "U0ALICE"));
	assert_status(w, fires(w, "web-3", "alice", "low"), "open");
}

static void this_one_is_real__of_a_suppressed_alert__takes_it_out(void **state)
{
	struct world *w = *state;
	cJSON *line;

	reads(w, "alice", "U0ALICE", "expect host=web-* because deploy", "H1");
	const char *ts = world_ts(message_of(w, "H1"));
	const char *id = fires(w, "web-1", "alice", "high");
	world_until(w, thread_says(w, "H1", "sshd: login on web-1"));
	line = world_find_reply(w, ALERTS, ts, "sshd: login on web-1");
	assert_true(world_has_button(line, "This one is real"));
	world_press(w, "bob", ALERTS, world_ts(line), "alert_real", NULL);
	world_until(w, strcmp(world_status(w, id), "open") == 0);
	world_until(w, card_says(w, ALERTS, id, "this one is real"));
	world_until(w, thread_says(w, "H1", "is real, says"));
	world_act(w, id, "resolve", NULL);
	const char *again = fires(w, "web-1", "alice", "high");
	assert_string_not_equal(again, id);
	assert_status(w, again, "open");
	assert_status(w, fires(w, "web-2", "alice", "high"), "expected");
	world_press(w, "carol", ALERTS, world_ts(line), "alert_real", NULL);
	world_until(w, world_find_ephemeral(w, "U0CAROL", "already resolved") != NULL);
	assert_true(audited(w, "real", "U0BOB"));
}

/* ---- the record --------------------------------------------------------------------------------------------- */

static void audit_log__of_all_this__is_read_in_slack_and_proven(void **state)
{
	struct world *w = *state;

	reads(w, "alice", "U0ALICE", "expect host=web-* because deploy", "H1");
	reads(w, "bob", "U0BOB", "approve H1", "is approved");
	fires(w, "web-1", "alice", "medium");
	reads(w, "alice", "U0ALICE", "end H1", "is over");
	reads(w, "carol", "U0CAROL", "audit H1", "approved H1");
	reads(w, "carol", "U0CAROL", "audit @alice 1h", "announced H1");
	reads(w, "carol", "U0CAROL", "audit A1", "suppressed A1");
	reads(w, "carol", "U0CAROL", "recap 1h", "Announcements that ended");
	reads(w, "carol", "U0CAROL", "stats", "1 suppressed");
	const char *const verify[] = {"audit", "verify", NULL};
	assert_int_equal(world_run(w, NULL, verify)->status, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define OWN(test) cmocka_unit_test_teardown(test, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(announcement__without_a_reason_or_a_match__is_refused),
	    OWN(announcement__of_fewer_matches_than_policy_asks__is_refused),
	    T(announcement__that_is_too_long__is_refused_and_never_shortened),
	    T(alert__of_somebody_else__is_raised_and_says_so),
	    T(alert__that_fits_all_but_one_match__is_a_near_miss),
	    T(alert__from_before_the_announcement__stays_open),
	    T(budget__used_up__breaks_it_aloud),
	    OWN(window__at_its_edges__covers_only_within),
	    OWN(extending__again_and_again__ends_with_max_duration),
	    OWN(window__that_ends__gives_a_receipt_and_tells_anew_what_still_fires),
	    OWN(reminder__with_its_button__extends),
	    T(approval__by_oneself__is_refused),
	    T(approval__by_somebody_else__covers_the_critical_too),
	    OWN(approval__of_whom_policy_names__follows_the_user_group),
	    OWN(odd_hours__without_approval__cover_nothing),
	    OWN(pending__that_nobody_approves__is_over),
	    T(guest__announcing__is_refused),
	    OWN(never_suppress__though_announced_and_approved__fires),
	    T(not_me__said_by_anybody__ends_it_and_tells_all_anew),
	    T(this_one_is_real__of_a_suppressed_alert__takes_it_out),
	    T(audit_log__of_all_this__is_read_in_slack_and_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
