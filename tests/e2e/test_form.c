/* The announcement form, "That was me" and App Home: the real program, views as Slack checks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "tests/e2e/harness.h"

#define ALERTS "#security-alerts"
#define URGENT "#security-urgent"
#define DEPLOY "{\"match\":\"host=web-* rule=ssh-login\",\"for\":\"1h\",\"max\":\"4\",\"because\":\"deploy 7\"}"

static const char paging_routes[] =
    "  - {channel: \"#security-alerts\", page: {routing_key: \"${PD_KEY}\"}}\n";

static const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

/* The newest modal that USER (an id) has open; NULL: none. */
static const cJSON *modal(struct world *w, const char *user)
{
	const cJSON *view, *found = NULL;

	cJSON_ArrayForEach(view, json_get(world_sim(w, "views", NULL), "views"))
	{
		if (strcmp(text(view, "user"), user) == 0 && strcmp(text(view, "type"), "modal") == 0 && json_true(view, "open"))
			found = view;
	}
	return found;
}

static const cJSON *home(struct world *w, const char *user)
{
	const cJSON *view;

	cJSON_ArrayForEach(view, json_get(world_sim(w, "views", NULL), "views"))
	{
		if (strcmp(text(view, "user"), user) == 0 && strcmp(text(view, "type"), "home") == 0)
			return view;
	}
	return NULL;
}

static bool view_says(struct world *w, const cJSON *view, const char *words)
{
	return view != NULL && strstr(world_words(w, view), words) != NULL;
}

static bool form_is_open(struct world *w, const char *user)
{
	return strcmp(text(modal(w, user), "callback_id"), "announce") == 0;
}

/* What a field is filled with. */
static const char *initial(const cJSON *view, const char *id)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, json_get(view, "blocks"))
	{
		if (strcmp(text(block, "block_id"), id) == 0)
			return text(json_get(block, "element"), "initial_value");
	}
	return "";
}

static cJSON *submit(struct world *w, const char *user, const char *values)
{
	cJSON *answer = world_submit(w, user, values);

	if (!json_true(answer, "acked") || json_get(answer, "problem") != NULL)
		fail_msg("%s", cJSON_PrintUnformatted(answer));
	return answer;
}

/* Sends the form that USER sees, wants it to be taken, and gives the view that is shown next. */
static const cJSON *goes_on(struct world *w, const char *user, const char *id, const char *values)
{
	cJSON *answer = submit(w, user, values);

	assert_string_equal(text(json_get(answer, "payload"), "response_action"), "push");
	assert_string_equal(text(modal(w, id), "callback_id"), "announce_confirm");
	return modal(w, id);
}

static void confirms(struct world *w, const char *user, const char *id)
{
	cJSON *answer = submit(w, user, "{}");

	assert_string_equal(text(json_get(answer, "payload"), "response_action"), "clear");
	assert_null(modal(w, id));
}

static cJSON *announcement(struct world *w, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/announcements/%s", id);
	return world_http(w, "GET", path, WORLD_OPS, NULL, NULL)->json;
}

static int announced(struct world *w)
{
	return cJSON_GetArraySize(json_get(world_http(w, "GET", "/v1/announcements", WORLD_OPS, NULL, NULL)->json, "announcements"));
}

static const char *fires(struct world *w, const char *host, const char *actor, const char *severity)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"title\":\"sshd: login on %s\",\"rule\":\"ssh-login\",\"host\":\"%s\",\"actor\":\"%s\",\"severity\":\"%s\",\"source\":\"test\"}",
	    host, host, actor, severity);
	return world_send_one(w, NULL, body);
}

/* USER says that the alert whose card shows ID in CHANNEL was them. */
static void says_that_was_me(struct world *w, const char *user, const char *who, const char *channel, const char *id)
{
	world_until(w, world_find(w, channel, id) != NULL);
	world_press(w, user, channel, world_ts(world_find(w, channel, id)), "alert_claim", NULL);
	world_until(w, form_is_open(w, who));
}

/* ---- opening it -------------------------------------------------------------------------------------------- */

static void form__opened_by_the_command_alone__announces_what_was_confirmed(void **state)
{
	struct world *w = *state;
	const cJSON *confirm;

	assert_string_equal(world_says(w, "alice", ALERTS, ""), "");
	world_until(w, form_is_open(w, "U0ALICE"));
	assert_string_equal(initial(modal(w, "U0ALICE"), "max"), "50");
	confirm = goes_on(w, "alice", "U0ALICE", DEPLOY);
	assert_true(view_says(w, confirm, "host=web-*"));
	assert_true(view_says(w, confirm, "(1h), at most 4 alerts, because deploy 7"));
	assert_true(view_says(w, confirm, "CET"));
	assert_true(view_says(w, confirm, "critical still fire"));
	world_until(w, view_says(w, modal(w, "U0ALICE"), "In the last 30 days it would have covered no alert"));
	assert_int_equal(announced(w), 0);

	confirms(w, "alice", "U0ALICE");
	assert_string_equal(text(announcement(w, "H1"), "status"), "active");
	assert_string_equal(text(announcement(w, "H1"), "author"), "alice");
	assert_string_equal(text(announcement(w, "H1"), "because"), "deploy 7");
	world_until(w, world_find(w, ALERTS, "H1") != NULL);
	world_until(w, world_find_ephemeral(w, "U0ALICE", "H1") != NULL);
	fires(w, "web-3", "alice", "medium");
	assert_string_equal(world_status(w, "A1"), "expected");
}

static void form__opened_by_the_shortcut__posts_where_its_matches_route(void **state)
{
	struct world *w = *state;

	world_sim(w, "shortcut", "{\"user\":\"bob\",\"callback_id\":\"announce\"}");
	world_until(w, form_is_open(w, "U0BOB"));
	/* Bob is one of the configuration's people: nothing has to be asked first. */
	goes_on(w, "bob", "U0BOB", "{\"match\":\"service=payments\",\"for\":\"15m\",\"because\":\"card test\"}");
	confirms(w, "bob", "U0BOB");
	world_until(w, world_find(w, "#payments-sec", "card test") != NULL);
}

static void form__opened_at_home__answers_in_direct_messages(void **state)
{
	struct world *w = *state;
	char *press = NULL;

	world_sim(w, "home", "{\"user\":\"alice\"}");
	world_until(w, home(w, "U0ALICE") != NULL);
	assert_true(asprintf(&press, "{\"user\":\"alice\",\"view_id\":\"%s\",\"action_id\":\"announce_form\"}",
			text(home(w, "U0ALICE"), "id")) > 0);
	world_sim(w, "press", press);
	free(press);
	world_until(w, form_is_open(w, "U0ALICE"));
	goes_on(w, "alice", "U0ALICE", DEPLOY);
	confirms(w, "alice", "U0ALICE");
	world_until(w, world_find(w, ALERTS, "H1") != NULL);
	assert_null(world_find_ephemeral(w, "U0ALICE", "H1"));
}

static void form__of_who_may_not_announce__is_a_sentence(void **state)
{
	struct world *w = *state;

	assert_non_null(strstr(world_says(w, "mallory", ALERTS, ""), "only announcers may announce"));
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "views.open")), 0);
}

static void form__whose_trigger_expired__tells_what_to_type(void **state)
{
	struct world *w = *state;

	world_knob(w, "{\"trigger_life_ms\":-1}");
	assert_string_equal(world_says(w, "alice", ALERTS, ""), "");
	world_until(w, world_find_ephemeral(w, "U0ALICE", "/headsup expect host=web-* for 30m") != NULL);
	assert_null(modal(w, "U0ALICE"));
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "views.open")), 1);
	assert_int_equal(cJSON_GetArraySize(json_get(world_ready(w), "degraded")), 0);
}

static void form__refused_by_slack__tells_what_to_type_and_waits_for_nobody(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"views.open\",\"error\":\"invalid_arguments\",\"times\":2}");
	world_says(w, "alice", ALERTS, "");
	world_until(w, world_find_ephemeral(w, "U0ALICE", "/headsup expect host=web-* for 30m") != NULL);
	assert_int_equal(cJSON_GetArraySize(json_get(world_ready(w), "degraded")), 0);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------- */

static void form__with_mistakes__shows_each_at_its_field(void **state)
{
	static const struct {
		const char *values, *field, *says;
	} cases[] = {
	    {"{\"match\":\"web-3\",\"for\":\"30m\",\"because\":\"x\"}", "match", "field=value"},
	    {"{\"match\":\"host=*\",\"for\":\"30m\",\"because\":\"x\"}", "match", "not * alone"},
	    {"{\"match\":\"host~(\",\"for\":\"30m\",\"because\":\"x\"}", "match", "host"},
	    {"{\"match\":\"rule=\\\"SSH\",\"for\":\"30m\",\"because\":\"x\"}", "match", "never closed"},
	    {"{\"match\":\"@carol\",\"for\":\"30m\",\"because\":\"x\"}", "match", "not known"},
	    {"{\"match\":\"host=web-1\",\"for\":\"30m\",\"max\":\"many\",\"because\":\"x\"}", "max", "from 1 to"},
	    {"{\"match\":\"host=web-1\",\"for\":\"30m\",\"max\":\"99999\",\"because\":\"x\"}", "max", "from 1 to"},
	    {"{\"match\":\"host=web-1\",\"for\":\"30m\",\"because\":\"   \"}", "because", "reason"},
	};
	struct world *w = *state;
	const cJSON *payload;

	world_says(w, "alice", ALERTS, "");
	world_until(w, form_is_open(w, "U0ALICE"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		payload = json_get(submit(w, "alice", cases[i].values), "payload");
		assert_string_equal(text(payload, "response_action"), "errors");
		if (strstr(text(json_get(payload, "errors"), cases[i].field), cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].values, cJSON_PrintUnformatted(payload));
	}
	payload = json_get(submit(w, "alice", "{\"match\":\"web-3\",\"for\":\"30m\",\"max\":\"x\",\"because\":\" \"}"), "payload");
	assert_int_equal(cJSON_GetArraySize(json_get(payload, "errors")), 3);
	assert_int_equal(announced(w), 0);
	goes_on(w, "alice", "U0ALICE", "{\"match\":\"host=web-1\",\"for\":\"30m\",\"because\":\"x\"}");
}

static void form__whose_policy_changed_before_it_was_confirmed__is_looked_at_again(void **state)
{
	struct world *w = *state;
	struct world_options options = {.policy = "policy: {announcers: [U0BOB]}\n"};

	world_says(w, "alice", ALERTS, "");
	world_until(w, form_is_open(w, "U0ALICE"));
	goes_on(w, "alice", "U0ALICE", DEPLOY);
	world_config(w, &options);
	world_hup(w);
	world_until(w, strstr(world_log(w), "config reloaded") != NULL);
	assert_string_equal(text(json_get(submit(w, "alice", "{}"), "payload"), "response_action"), "update");
	assert_true(view_says(w, modal(w, "U0ALICE"), "only announcers may announce"));
	assert_int_equal(announced(w), 0);
}

static void confirm__sent_twice__announces_once(void **state)
{
	struct world *w = *state;
	cJSON *answer, *view, *envelope, *payload, *user;
	char *json;

	world_says(w, "alice", ALERTS, "");
	world_until(w, form_is_open(w, "U0ALICE"));
	view = cJSON_Duplicate(goes_on(w, "alice", "U0ALICE", DEPLOY), true);
	confirms(w, "alice", "U0ALICE");

	/* The same again, as two clicks are. */
	envelope = cJSON_CreateObject();
	json_put(envelope, "type", "interactive");
	payload = cJSON_AddObjectToObject(envelope, "payload");
	json_put(payload, "type", "view_submission");
	user = cJSON_AddObjectToObject(payload, "user");
	json_put(user, "id", "U0ALICE");
	json_put(payload, "trigger_id", "1.2.3");
	cJSON_AddItemToObject(payload, "view", view);
	json = json_write(envelope);
	answer = world_sim(w, "envelope", json);
	assert_true(json_true(answer, "acked"));
	assert_string_equal(text(json_get(answer, "payload"), "response_action"), "clear");
	assert_int_equal(announced(w), 1);
	free(json);
	cJSON_Delete(envelope);
}

/* ---- that was me ------------------------------------------------------------------------------------------- */

static void claim__of_a_medium_alert_of_ones_own__closes_it_everywhere(void **state)
{
	struct world *w = *state;
	char *timeline;
	const char *card;

	fires(w, "web-3", "alice", "medium");
	world_until(w, world_incident(w, "headsup-A1") != NULL);
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	assert_string_equal(initial(modal(w, "U0ALICE"), "match"), "rule=ssh-login host=web-3 actor=alice");
	assert_true(view_says(w, modal(w, "U0ALICE"), "closes A1 as *claimed* (late)"));
	assert_true(view_says(w, goes_on(w, "alice", "U0ALICE", "{\"because\":\"deploy 7\"}"), "A1 is closed as claimed"));
	assert_string_equal(world_status(w, "A1"), "open");
	confirms(w, "alice", "U0ALICE");

	assert_string_equal(world_status(w, "A1"), "claimed");
	assert_string_equal(text(world_alert(w, "A1"), "announcement"), "H1");
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "resolved") == 0);
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "Claimed (late)") != NULL);
	card = world_words(w, world_find(w, ALERTS, "A1"));
	assert_non_null(strstr(card, "under H1"));
	assert_false(world_has_button(world_find(w, ALERTS, "A1"), "alert_claim"));
	assert_non_null(strstr(world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body, "headsup_alerts_claimed_total 1\n"));
	timeline = cJSON_PrintUnformatted(json_get(world_alert(w, "A1"), "timeline"));
	assert_non_null(strstr(timeline, "\"what\":\"claimed\""));
	free(timeline);
	/* The rest of the work is announced. */
	fires(w, "web-3", "alice", "medium");
	assert_string_equal(world_status(w, "A2"), "expected");
	assert_non_null(strstr(world_says(w, "bob", ALERTS, "stats"), "1 claimed late"));
}

static void claim__that_does_not_cover_its_alert__is_refused_at_the_field(void **state)
{
	struct world *w = *state;
	const cJSON *payload;

	fires(w, "web-3", "alice", "medium");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	payload = json_get(submit(w, "alice", "{\"match\":\"host=db-1\",\"because\":\"x\"}"), "payload");
	assert_non_null(strstr(text(json_get(payload, "errors"), "match"), "does not cover A1 (host: web-3 is not db-1)"));
	assert_string_equal(world_status(w, "A1"), "open");
}

static void claim__of_a_high_alert__waits_for_somebody_else(void **state)
{
	struct world *w = *state;

	fires(w, "web-3", "alice", "high");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	assert_true(view_says(w, goes_on(w, "alice", "U0ALICE", "{\"because\":\"deploy 7\"}"), "A1 stays open until somebody else"));
	confirms(w, "alice", "U0ALICE");
	assert_string_equal(world_status(w, "A1"), "open");
	assert_string_equal(text(announcement(w, "H1"), "status"), "pending");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "waits for somebody else to approve H1") != NULL);
	world_until(w, world_find_reply(w, ALERTS, world_ts(world_find(w, ALERTS, "A1")), "that was me") != NULL);
	/* Nobody claims it a second time meanwhile, and its author cannot approve it. */
	world_press(w, "bob", ALERTS, world_ts(world_find(w, ALERTS, "A1")), "alert_claim", NULL);
	world_until(w, world_find_ephemeral(w, "U0BOB", "has claimed A1 already") != NULL);
	world_says(w, "alice", ALERTS, "approve H1");
	assert_string_equal(world_status(w, "A1"), "open");

	world_says(w, "bob", ALERTS, "approve H1");
	world_until(w, strcmp(world_status(w, "A1"), "claimed") == 0);
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "resolved") == 0);
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "Claimed (late)") != NULL);
	assert_string_equal(text(announcement(w, "H1"), "status"), "active");
}

static void claim__denied__leaves_the_alert_open(void **state)
{
	struct world *w = *state;

	fires(w, "web-3", "alice", "critical");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	goes_on(w, "alice", "U0ALICE", "{\"because\":\"deploy 7\"}");
	confirms(w, "alice", "U0ALICE");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "waits for somebody else") != NULL);
	world_says(w, "bob", ALERTS, "deny H1");
	world_until(w, strcmp(text(announcement(w, "H1"), "status"), "ended") == 0);
	assert_string_equal(world_status(w, "A1"), "open");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "waits for somebody else") == NULL);
	world_until(w, world_find_reply(w, ALERTS, world_ts(world_find(w, ALERTS, "A1")), "was not approved") != NULL);
	assert_string_not_equal(text(world_incident(w, "headsup-A1"), "status"), "resolved");
}

static void claim__of_what_somebody_else_did__is_visible_and_waits_at_any_severity(void **state)
{
	struct world *w = *state;

	fires(w, "web-3", "bob", "medium");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	assert_true(view_says(w, modal(w, "U0ALICE"), "none of your logins"));
	goes_on(w, "alice", "U0ALICE", "{\"because\":\"deploy 7\"}");
	confirms(w, "alice", "U0ALICE");
	assert_string_equal(world_status(w, "A1"), "open");
	world_until(w, strstr(world_words(w, world_find(w, ALERTS, "A1")), "claimed what bob did") != NULL);
	/* Who did it is no second pair of eyes. */
	world_says(w, "bob", ALERTS, "approve H1");
	world_until(w, world_find_ephemeral(w, "U0BOB", "one of your own logins") != NULL);
	assert_string_equal(world_status(w, "A1"), "open");
	world_says(w, "carol", ALERTS, "approve H1");
	world_until(w, strcmp(world_status(w, "A1"), "claimed") == 0);
}

static void claim__and_somebody_says_not_me__is_open_again_and_paged_anew(void **state)
{
	struct world *w = *state;

	fires(w, "web-3", "alice", "medium");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	goes_on(w, "alice", "U0ALICE", "{\"because\":\"deploy 7\"}");
	confirms(w, "alice", "U0ALICE");
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "resolved") == 0);
	world_until(w, world_find(w, ALERTS, "H1 · heads-up") != NULL);
	world_press(w, "alice", ALERTS, world_ts(world_find(w, ALERTS, "H1 · heads-up")), "announcement_not_me", NULL);
	world_until(w, strcmp(world_status(w, "A1"), "open") == 0);
	world_until(w, strcmp(text(world_incident(w, "headsup-A1"), "status"), "triggered") == 0);
}

static void claim__of_what_is_over__is_told(void **state)
{
	struct world *w = *state;
	const char *ts;

	fires(w, "web-3", "alice", "medium");
	world_until(w, world_find(w, ALERTS, "A1") != NULL);
	ts = world_ts(world_find(w, ALERTS, "A1"));
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	world_act(w, "A1", "resolve", NULL);
	assert_string_equal(text(json_get(submit(w, "alice", "{\"because\":\"x\"}"), "payload"), "response_action"), "errors");
	world_press_forced(w, "bob", ALERTS, ts, "alert_claim", "A1:1");
	world_until(w, world_find_ephemeral(w, "U0BOB", "already resolved") != NULL);
}

/* ---- home -------------------------------------------------------------------------------------------------- */

static void home__opened__shows_alerts_announcements_and_what_waits(void **state)
{
	struct world *w = *state;
	const char *words;

	fires(w, "web-3", "alice", "medium");
	fires(w, "db-1", "mallory", "critical");
	world_until(w, world_find(w, ALERTS, "A1") != NULL);
	world_until(w, world_find(w, ALERTS, "A2") != NULL);
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A2");
	goes_on(w, "alice", "U0ALICE", "{\"because\":\"drill\"}");
	confirms(w, "alice", "U0ALICE");
	world_says(w, "bob", ALERTS, "ack A1");
	world_sim(w, "home", "{\"user\":\"bob\"}");
	world_until(w, home(w, "U0BOB") != NULL);
	words = world_words(w, home(w, "U0BOB"));
	assert_non_null(strstr(words, "Open alerts: 1"));
	assert_non_null(strstr(words, "CRITICAL"));
	assert_non_null(strstr(words, "Announcements: 1"));
	assert_non_null(strstr(words, "left"));
	/* The approval, and the alert that Bob has. */
	assert_true(strstr(words, "Approve") < strstr(words, "Open alerts"));
	assert_non_null(strstr(words, "*A1* acked"));
	world_sim(w, "home", "{\"user\":\"alice\"}");
	world_until(w, home(w, "U0ALICE") != NULL);
	assert_null(strstr(world_words(w, home(w, "U0ALICE")), "Approve"));
}

static void home__approve_pressed_there__approves_and_draws_it_anew(void **state)
{
	struct world *w = *state;
	const cJSON *block, *element;
	char *press = NULL;

	fires(w, "db-1", "alice", "high");
	says_that_was_me(w, "alice", "U0ALICE", ALERTS, "A1");
	goes_on(w, "alice", "U0ALICE", "{\"because\":\"drill\"}");
	confirms(w, "alice", "U0ALICE");
	world_sim(w, "home", "{\"user\":\"bob\"}");
	world_until(w, view_says(w, home(w, "U0BOB"), "Approve"));
	cJSON_ArrayForEach(block, json_get(home(w, "U0BOB"), "blocks"))
	{
		cJSON_ArrayForEach(element, json_get(block, "elements"))
		{
			if (strcmp(text(element, "action_id"), "announcement_approve") == 0)
				assert_true(asprintf(&press,
						"{\"user\":\"bob\",\"view_id\":\"%s\",\"action_id\":\"announcement_approve\",\"value\":\"%s\"}",
						text(home(w, "U0BOB"), "id"), text(element, "value")) > 0);
		}
	}
	assert_non_null(press);
	world_sim(w, "press", press);
	free(press);
	world_until(w, strcmp(world_status(w, "A1"), "claimed") == 0);
	world_until(w, !view_says(w, home(w, "U0BOB"), "Approve"));
	assert_string_equal(text(announcement(w, "H1"), "status"), "active");
}

/* ---- worlds ------------------------------------------------------------------------------------------------ */

static int paging_setup(void **state)
{
	struct world_options options = {.routes = paging_routes};

	*state = world_start(&options);
	return 0;
}

static int announcers_setup(void **state)
{
	struct world_options options = {.policy = "policy: {announcers: [U0ALICE]}\n"};

	*state = world_start(&options);
	return 0;
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define PAGING(test) cmocka_unit_test_setup_teardown(test, paging_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAIN(form__opened_by_the_command_alone__announces_what_was_confirmed),
	    PLAIN(form__opened_by_the_shortcut__posts_where_its_matches_route),
	    PLAIN(form__opened_at_home__answers_in_direct_messages),
	    cmocka_unit_test_setup_teardown(form__of_who_may_not_announce__is_a_sentence, announcers_setup, world_teardown),
	    PLAIN(form__whose_trigger_expired__tells_what_to_type),
	    PLAIN(form__refused_by_slack__tells_what_to_type_and_waits_for_nobody),
	    PLAIN(form__with_mistakes__shows_each_at_its_field),
	    PLAIN(form__whose_policy_changed_before_it_was_confirmed__is_looked_at_again),
	    PLAIN(confirm__sent_twice__announces_once),
	    PAGING(claim__of_a_medium_alert_of_ones_own__closes_it_everywhere),
	    PAGING(claim__that_does_not_cover_its_alert__is_refused_at_the_field),
	    PAGING(claim__of_a_high_alert__waits_for_somebody_else),
	    PAGING(claim__denied__leaves_the_alert_open),
	    PAGING(claim__of_what_somebody_else_did__is_visible_and_waits_at_any_severity),
	    PAGING(claim__and_somebody_says_not_me__is_open_again_and_paged_anew),
	    PAGING(claim__of_what_is_over__is_told),
	    PAGING(home__opened__shows_alerts_announcements_and_what_waits),
	    PAGING(home__approve_pressed_there__approves_and_draws_it_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
