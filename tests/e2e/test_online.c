/* `headsup check --online`: what the configuration names is asked for, nothing is said and nobody is paged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/e2e/harness.h"

static struct world_output *check(struct world *w)
{
	struct world_output *output = world_run(w, NULL, (const char *const[]){"check", "--online", NULL});

	assert_null(strstr(output->out, WORLD_BOT_TOKEN));
	assert_null(strstr(output->out, WORLD_PD_TOKEN));
	assert_null(strstr(output->out, WORLD_APP_TOKEN));
	return output;
}

static void has(const struct world_output *output, const char *text)
{
	if (strstr(output->out, text) == NULL)
		fail_msg("no \"%s\" in:\n%s%s", text, output->out, output->err);
}

static void everything__that_holds__is_told_and_nothing_is_done(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_api = true});
	struct world_output *output;
	int posts;

	(void)state;
	posts = cJSON_GetArraySize(world_calls(w, "chat.postMessage"));
	output = check(w);

	has(output, "ok    slack.bot_token: @headsup");
	has(output, "ok    slack.app_token: Socket Mode");
	has(output, "ok    channel #security-urgent");
	has(output, "ok    pagerduty.api_token");
	has(output, "ok    pagerduty.from");
	assert_null(strstr(output->out, "FAIL"));
	assert_int_equal(output->status, 0);
	assert_int_equal(cJSON_GetArraySize(world_calls(w, "chat.postMessage")), posts);
	world_stop(w);
}

static void what__does_not_hold__is_named_each_and_exits_1(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_api = true,
	    .routes = "  - {match: [\"severity=critical\"], channel: \"#no-such-channel\"}\n"
		      "  - {channel: \"#security-alerts\"}\n"});
	struct world_output *output;

	(void)state;
	world_pd_config(w, "{\"token\":\"another\"}");
	world_fault(w, "{\"method\":\"apps.connections.open\",\"error\":\"invalid_auth\",\"times\":5}");
	output = check(w);

	has(output, "FAIL  channel #no-such-channel is not there");
	has(output, "FAIL  slack.app_token: invalid_auth");
	has(output, "FAIL  pagerduty.api_token: ");
	has(output, "ok    channel #security-alerts");
	assert_int_equal(output->status, 1);
	world_stop(w);
}

static void people_and_policies__that_are_not_there__are_named(void **state)
{
	struct world *w = world_start(&(struct world_options){.pd_api = true,
	    .routes = "  - {match: [\"severity=critical\"], channel: \"#security-urgent\", page: {routing_key: \"" WORLD_KEY
		      "\", escalation_policy: PNOSUCH}}\n"
		      "  - {match: [\"severity=high\"], channel: \"#security-urgent\", page: {routing_key: \"" WORLD_KEY
		      "\", escalation_policy: PSEC123}}\n"
		      "  - {channel: \"#security-alerts\"}\n",
	    /* more of the default people */
	    .extra = "  - {slack: U0DAVE, email: dave@example.com, pagerduty: PNOBODY}\n"
		     "  - {slack: U0CAROL, email: nobody@example.com}\n"});
	struct world_output *output;

	(void)state;
	output = check(w);

	has(output, "FAIL  people: pagerduty: PNOBODY: ");
	has(output, "      people: nobody@example.com has no user in PagerDuty");
	has(output, "FAIL  escalation_policy: PNOSUCH: ");
	has(output, "ok    escalation_policy: PSEC123");
	assert_null(strstr(output->out, "people: alice"));
	assert_int_equal(output->status, 1);
	world_stop(w);
}

static void peers__that_are_not_there__are_named(void **state)
{
	struct world *w = world_start(&(struct world_options){
	    .no_start = true, .no_slack_wait = true, .pagerduty = "  api_url: http://127.0.0.1:1\n  api_token: 0123456789abcdef0123\n"});
	struct world_output *output;

	(void)state;
	output = check(w);

	has(output, "FAIL  pagerduty.api_token: 127.0.0.1: ");
	assert_int_equal(output->status, 1);
	world_stop(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything__that_holds__is_told_and_nothing_is_done),
	    cmocka_unit_test(what__does_not_hold__is_named_each_and_exits_1),
	    cmocka_unit_test(people_and_policies__that_are_not_there__are_named),
	    cmocka_unit_test(peers__that_are_not_there__are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
