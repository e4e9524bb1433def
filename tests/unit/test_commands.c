/* What people type, what comes of it, and what they are answered. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/commands.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))
#define ANSWER_MAX 60000

static const char roles_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "policy: {announcers: [U0ALICE], responders: [U0BOB]}\n";

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

struct typing {
	const char *who, *zone, *channel;
	int64_t alert;
	bool is_direct;
};
static const struct typing alice_types = {
    .who = "U0ALICE", .zone = "Europe/Paris", .channel = "C0SEC"};

/* What WHO types; the answer, which the caller frees. */
static char *types_as(struct desk_world *w, struct typing typing, const char *text, bool *is_later)
{
	const struct asked asked = {
	    .actor = {.who = typing.who, .via = "slack", .from = typing.channel},
	    .channel = typing.channel,
	    .is_direct = typing.is_direct,
	    .alert = typing.alert,
	    .response_url = "https://hooks.slack.com/commands/T/1/x",
	    .zone = typing.zone,
	};
	struct error err = {0};
	struct buf answer;

	buf_init(&answer, ANSWER_MAX);
	desk_world_begin(w);
	if (!commands_run(w->desk, &asked, text, &answer, is_later, &err))
		fail_msg("%s: %s", text, err.text);
	desk_world_end(w, true);
	assert_true(*is_later || answer.len > 0);
	return buf_take(&answer);
}

static char *types(struct desk_world *w, const char *text)
{
	bool is_later;
	char *answer = types_as(w, alice_types, text, &is_later);

	assert_false(is_later);
	return answer;
}

static void assert_answer(struct desk_world *w, const char *text, const char *wanted)
{
	char *answer = types(w, text);

	if (strcmp(answer, wanted) != 0)
		fail_msg("%s\n got: %s\n not: %s", text, answer, wanted);
	free(answer);
}

static void assert_answer_has(struct desk_world *w, const char *text, const char *part)
{
	char *answer = types(w, text);

	if (strstr(answer, part) == NULL)
		fail_msg("%s\n got: %s\n has not: %s", text, answer, part);
	free(answer);
}

static int64_t fires(struct desk_world *w, const char *host, const char *rule, const char *actor,
    enum severity severity)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->source = xstrdup("test");
	alert->title = xasprintf("%s on %s", rule, host);
	alert->host = xstrdup(host);
	alert->rule = xstrdup(rule);
	alert->actor = xstrdup(actor);
	alert->severity = severity;
	alert->body = xstrdup("{}");
	desk_world_begin(w);
	assert_true(intake(w->desk, alert, &err));
	desk_world_end(w, true);
	id = alert->id;
	alert_free(alert);
	return id;
}

static void assert_alert(struct desk_world *w, int64_t id, enum alert_status status)
{
	struct error err = {0};
	struct alert *alert = storage_alert(w->storage, id, &err);

	assert_non_null(alert);
	assert_int_equal(alert->status, status);
	alert_free(alert);
}

static struct announcement *announced(struct desk_world *w, int64_t id)
{
	struct error err = {0};
	struct announcement *announcement = storage_announcement(w->storage, id, &err);

	assert_non_null(announcement);
	return announcement;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

/* A world in which A1042 and H17 are there: what the examples name. */
static void make_examples(struct desk_world *w)
{
	char text[64];

	for (int i = 1; i <= 1042; i++) {
		snprintf(text, sizeof(text), "web-%d", i);
		assert_int_equal(fires(w, text, "sshd", "mallory", SEVERITY_HIGH), i);
	}
	for (int i = 1; i <= 17; i++) {
		snprintf(text, sizeof(text), "expect host=h-%d %s because work", i,
		    i == 17 ? "from tomorrow 10:00" : "");
		free(types(w, text));
	}
}

static void example__of_each_command__is_understood_and_done(void **state)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct command *command = commands[i];
		struct desk_world *w = desk_world_new(NULL);
		char *answer;

		make_examples(w);
		/* H17 must have begun to be ended. */
		w->desk->now = strcmp(command->name, "end") == 0 ? NOON + 22 * 3600 + 60 : NOON;
		answer = types(w, command->example);
		if (strstr(answer, "try") != NULL || strstr(answer, "Try") != NULL ||
		    strstr(answer, "no command") != NULL)
			fail_msg("%s: %s", command->example, answer);
		assert_true(text_prefix(command->example, command->name));
		assert_true(text_prefix(command->usage, command->name));
		assert_false(text_is_empty(command->help));
		free(answer);
		desk_world_free(w);
	}
	(void)state;
}

static void help__of_each_command__has_its_grammar_and_an_example(void **state)
{
	struct desk_world *w = *state;
	char text[64];

	for (size_t i = 0; commands[i] != NULL; i++) {
		snprintf(text, sizeof(text), "help %s", commands[i]->name);
		assert_answer_has(w, text, commands[i]->usage);
		assert_answer_has(w, text, commands[i]->example);
		assert_answer_has(w, "help", commands[i]->usage);
	}
	assert_answer_has(w, "help akc", "`ack A1042");
	assert_answer_has(w, "?", "MATCH is");
}

static void nonsense__of_every_kind__gets_one_short_answer(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {
	    {"", "*Say it before you do it.* Try `expect host=web-* for 30m max 4 because deploy "
		 "1.2.3`; `help` lists all commands."},
	    {"  \t ", "*Say it before you do it.* Try `expect host=web-* for 30m max 4 because "
		      "deploy 1.2.3`; `help` lists all commands."},
	    {"akc A1042", "`akc` is no command. Did you mean `ack`? Try `ack A1042 looking`."},
	    {"EXPCT host=web-1", "`EXPCT` is no command. Did you mean `expect`? Try `expect "
				 "host=web-* for 30m max 4 because deploy 1.2.3`."},
	    {"frobnicate", "`frobnicate` is no command. `help` lists them all."},
	    {"x", "`x` is no command. `help` lists them all."},
	    {"<!channel> hello", "`@channel` is no command. `help` lists them all."},
	    {"A1042", "What about A1042? Try `show A1042` or `ack A1042`."},
	    {"h17", "What about H17? Try `extend H17 30m` or `end H17`."},
	    {"host=web-1 because deploy",
		"That is a match, and no command says what to do with it. Try `expect host=web-* "
		"for 30m max 4 because deploy 1.2.3`."},
	    {"alerts rule=\"SSH", "a quote is opened and never closed: rule=\"SSH"},
	    {"expect rule=\"SSH because x", "a quote is opened and never closed: rule=\"SSH because x"},
	    {"acknowledge A1042", "`acknowledge` is no command. Did you mean `ack`? Try `ack A1042 looking`."},
	    {"esc A1042", "`esc` is no command. Did you mean `escalate`? Try `escalate A1042 because the key is not ours`."},
	    {"ack A99!", "There is no A99; `alerts` lists those there are.\n"},
	    {"/headsup ack! A99.", "There is no A99; `alerts` lists those there are.\n"},
	    {"headsup ack A99,A98: both", "There is no A99; `alerts` lists those there are.\nThere is no A98; `alerts` lists those there are.\n"},
	    {"alerts @nobody", "the login names of @nobody are not known here; try `actor=LOGIN`"},
	    {"expect actor=@nobody because x", "the login names of @nobody are not known here; try `actor=LOGIN`"},
	    {"ack", "which alert? try: `ack A1042 looking`"},
	    {"ack 1042", "\"1042\" is no alert's id; try: `ack A1042`"},
	    {"ack H17", "H17 is an announcement, and ack is for alerts; try: `ack A1042 looking`"},
	    {"ack web-1", "\"web-1\" is no alert's id; try: `ack A1042 looking`"},
	    {"ack A99", "There is no A99; `alerts` lists those there are.\n"},
	    {"ack mine", "no alert that is yours is there to ack; alerts lists those there are"},
	    {"show", "which alert? try: `show A1042`"},
	    {"show A99 now", "\"now\" is more than show takes; try: `show A1042`"},
	    {"show A1 A2", "one alert at a time; try: `show A1042`"},
	    {"why A1,A2", "one alert at a time; try: `why A1042`"},
	    {"note A1042", "a note needs words; try: `note A1042 seen the same on web-4`"},
	    {"escalate A1 to", "to whom? try: `escalate A1042 because the key is not ours`"},
	    {"extend", "which announcement? list shows them; try: `extend H17 30m`"},
	    {"extend A1 30m",
		"\"A1\" is no announcement's id; list shows them; try: `extend H17 30m`"},
	    {"extend H17", "for how long? try: `extend H17 30m`"},
	    {"extend H17 30m now", "\"now\" is more than extend takes; try: `extend H17 30m`"},
	    {"extend H17 30m", "there is no H17; list shows those that stand"},
	    {"end H17", "there is no H17; list shows those that stand"},
	    {"cancel H17", "there is no H17; list shows those that stand"},
	    {"cancel H17 because", "\"because\" is more than cancel takes; try: `cancel H17`"},
	    {"list some", "list shows mine, all or ended ones; try `list mine`"},
	    {"list mine too", "\"too\" is more than list takes; try: `list mine`"},
	    {"alerts some", "alerts takes a status, mine, matches and last 24h; try: `alerts open "
			    "host=web-* last 24h`"},
	    {"alerts last", "for how long? try: `alerts open host=web-* last 24h`"},
	    {"expect",
		"say what to expect: at least one MATCH; try: `expect host=web-* because deploy`"},
	    {"expect host=web-1",
		"an announcement needs a reason; try: `expect host=web-1 because deploy`"},
	    {"expect web-1 because x",
		"\"web-1\" is no MATCH, which is field=value; try `host=web-1`"},
	    {"expect host=web-1 becuase x", "\"becuase\" is not understood; try `because deploy`"},
	    {"expect host=web-1 untill 14:00 because x",
		"\"untill\" is not understood; try `until 14:00`"},
	    {"expect host=web-1 30m because x", "\"30m\" alone says little; try `for 30m`"},
	    {"expect host=web-1 for because x", NULL},
	    {"expect host=web-1 for 30 because x", NULL},
	    {"expect host=web-1 for 0s because x", NULL},
	    {"expect host=web-1 for", "for how long? try `for 30m`"},
	    {"expect host=web-1 max 0 because x",
		"max is a number of alerts from 1 to 10000; try `max 4`"},
	    {"expect host=web-1 max -1 because x",
		"max is a number of alerts from 1 to 10000; try `max 4`"},
	    {"expect host=web-1 max 4.5 because x",
		"max is a number of alerts from 1 to 10000; try `max 4`"},
	    {"expect host=web-1 max 99999999999999999999 because x",
		"max is a number of alerts from 1 to 10000; try `max 4`"},
	    {"expect host=web-1 max", "max is a number of alerts from 1 to 10000; try `max 4`"},
	    {"expect host=web-1 max 20000 because x",
		"max is a number of alerts from 1 to 10000; try: `expect host=web-1 max 10000 "
		"because x`"},
	    {"expect host=web-1 for=30m because x",
		"\"for=30m\" would be a label of that name; try `for 30m`"},
	    {"expect host=web-1 max=4 because x",
		"\"max=4\" would be a label of that name; try `max 4`"},
	    {"expect @mallory because x",
		"the login names of @mallory are not known here; try `actor=LOGIN`"},
	    {"expect <@U0MALLORY|m> because x",
		"the login names of &lt;@U0MALLORY&gt; are not known here; try `actor=LOGIN`"},
	    {"expect host=web-1 until because x", NULL},
	    {"expect host=web-1 until",
		"a time is missing; try `14:00, tomorrow 02:00` or `2026-03-02T18:45:00Z`"},
	    {"expect host=web-1 for 5h because x",
		"at most 4h at a time; try: `expect host=web-1 for 4h because x`"},
	    {"expect host=* because x", "an announcement needs at least one match that says what "
					"it is about and is not * alone; try: "
					"`expect host=web-* because deploy`"},
	    {"expect host~( because x", NULL},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *answer = types(w, cases[i].text);

		if (cases[i].answer == NULL) {
			if (strstr(answer, "try") == NULL)
				fail_msg("%s: %s", cases[i].text, answer);
		} else if (strcmp(answer, cases[i].answer) != 0) {
			fail_msg("%s\n got: %s\n not: %s", cases[i].text, answer, cases[i].answer);
		}
		free(answer);
	}
	assert_int_equal(announcements_count(w->desk->announcements), 0);
}

/* ---- announcing ------------------------------------------------------------------------------------------ */

static void expect__in_every_form__announces_what_it_says(void **state)
{
	static const struct {
		const char *text;
		const char *match[3];
		int64_t starts_at, ends_at, max;
		const char *because;
	} cases[] = {
	    {"expect host=web-1 because deploy", {"host=web-1"}, NOON, NOON + 1800, 50, "deploy"},
	    {"announce host=web-1 because deploy", {"host=web-1"}, NOON, NOON + 1800, 50, "deploy"},
	    {"EXPECT host=web-1 FOR 1h30m MAX 4 BECAUSE Deploy", {"host=web-1"}, NOON, NOON + 5400,
		4, "Deploy"},
	    {"expect because deploy because it is", {NULL}, 0, 0, 0, NULL},
	    {"expect max 4 for 1h host=web-1 rule=sshd because deploy", {"host=web-1", "rule=sshd"},
		NOON, NOON + 3600, 4, "deploy"},
	    {"expect host=web-1,web-2 because deploy", {"host=web-1,web-2"}, NOON, NOON + 1800, 50,
		"deploy"},
	    {"expect rule=“SSH login” because it’s “planned”", {"rule=\"SSH login\""}, NOON,
		NOON + 1800, 50, "it's \"planned\""},
	    {"expect rule=\"a, b\" because x", {"rule=\"a, b\""}, NOON, NOON + 1800, 50, "x"},
	    {"expect host=web-1 for \"30m\" because \"deploy 7\"", {"host=web-1"}, NOON,
		NOON + 1800, 50, "deploy 7"},
	    {"expect host=web-1 @alice because x", {"host=web-1", "actor=alice,aliced"}, NOON,
		NOON + 1800, 50, "x"},
	    {"expect <@U0BOB|bob> because x", {"actor=bob"}, NOON, NOON + 1800, 50, "x"},
	    {"expect <mailto:alice@example.com|alice@example.com> because x",
		{"actor=alice,aliced"}, NOON, NOON + 1800, 50, "x"},
	    {"expect host=<http://web-3|web-3> because a &amp; b", {"host=web-3"}, NOON,
		NOON + 1800, 50, "a & b"},
	    {"expect instance=web-3 alertname~ssh.* because x", {"host=web-3", "rule~ssh.*"}, NOON,
		NOON + 1800, 50, "x"},
	    {"expect actor=root@corp because x", {"actor=root@corp"}, NOON, NOON + 1800, 50, "x"},
	    /* NOON is 13:00 in Paris. */
	    {"expect host=web-1 until 14:00 because x", {"host=web-1"}, NOON, NOON + 3600, 50, "x"},
	    {"expect host=web-1 from 14:00 until 15:00 because x", {"host=web-1"}, NOON + 3600,
		NOON + 7200, 50, "x"},
	    {"expect host=web-1 from tomorrow 02:00 for 1h because x", {"host=web-1"},
		NOON + 13 * 3600, NOON + 14 * 3600, 50, "x"},
	    {"expect host=web-1 from Tomorrow 02:00 because x", {"host=web-1"}, NOON + 13 * 3600,
		NOON + 13 * 3600 + 1800, 50, "x"},
	    {"expect host=web-1 until 2026-03-02T12:10:00Z because x", {"host=web-1"}, NOON,
		NOON + 600, 50, "x"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct desk_world *w = desk_world_new(NULL);
		char *answer = types(w, cases[i].text);
		struct announcement *made;

		if (cases[i].match[0] == NULL) {
			assert_int_equal(announcements_count(w->desk->announcements), 0);
			free(answer);
			desk_world_free(w);
			continue;
		}
		if (!text_prefix(answer, "*H1* is "))
			fail_msg("%s: %s", cases[i].text, answer);
		made = announced(w, 1);
		for (size_t j = 0; j < made->match_count; j++)
			assert_string_equal(made->match[j], cases[i].match[j]);
		assert_true(made->match_count == 3 || cases[i].match[made->match_count] == NULL);
		assert_int_equal(made->starts_at, cases[i].starts_at);
		assert_int_equal(made->ends_at, cases[i].ends_at);
		assert_int_equal(made->max, cases[i].max);
		assert_string_equal(made->because, cases[i].because);
		assert_string_equal(made->author, "U0ALICE");
		assert_string_equal(made->channel, "C0SEC");
		announcement_free(made);
		free(answer);
		desk_world_free(w);
	}
}

static void expect__answers__with_the_absolute_end_and_whom_it_covers(void **state)
{
	struct desk_world *w = *state;
	bool is_later;
	char *answer;

	assert_answer(w, "expect host=web-* for 30m max 4 because deploy",
	    "*H1* is active: `host=web-*`, until 13:30 CET (30m), at most 4 alerts, because "
	    "deploy.\n"
	    "Alerts of severity critical still fire, unless somebody else approves it.\n"
	    "It covers only your own logins (alice, aliced) and alerts that have no actor.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_answer(w, "expect host=web-* @bob from tomorrow 02:00 max 1 because deploy",
	    "*H2* is scheduled: `host=web-*` `actor=bob` from Tue 3 Mar 02:00 CET until Tue 3 Mar "
	    "02:30 CET (30m), at most 1 alert, "
	    "because deploy.\n"
	    "Alerts of severity critical still fire, unless somebody else approves it.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_answer(w, "expect severity=critical host=x @bob because deploy",
	    "*H3* is pending: `severity=critical` `host=x` `actor=bob`, until 13:30 CET (30m), at "
	    "most 50 alerts, because deploy.\n"
	    "It covers nothing until somebody else approves it.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_answer(w, "expect host=web-* actor=x dry because deploy",
	    "Dry run, nothing is announced. It would be active: `host=web-*` `actor=x`, until "
	    "13:30 CET (30m), at most 50 alerts, "
	    "because deploy.\n"
	    "Alerts of severity critical still fire, unless somebody else approves it.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_answer(w, "expect host=web-* actor=x because deploy dry",
	    "Dry run, nothing is announced. It would be active: `host=web-*` `actor=x`, until "
	    "13:30 CET (30m), at most 50 alerts, "
	    "because deploy.\n"
	    "Alerts of severity critical still fire, unless somebody else approves it.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_answer(w, "expect host=web-* actor=x dry because \"deploy dry\"",
	    "Dry run, nothing is announced. It would be active: `host=web-*` `actor=x`, until "
	    "13:30 CET (30m), at most 50 alerts, "
	    "because deploy dry.\n"
	    "Alerts of severity critical still fire, unless somebody else approves it.\n"
	    "In the last 30 days it would have covered no alert.");
	assert_int_equal(announcements_count(w->desk->announcements), 3);

	desk_world_knows(w, "U0EVE", NULL, NULL, false);
	answer = types_as(w, (struct typing){.who = "U0EVE", .channel = "D0EVE", .is_direct = true},
	    "expect host=web-1 because x", &is_later);
	assert_non_null(strstr(answer, "until 12:30 UTC"));
	assert_non_null(strstr(answer, "Your login names are not known here"));
	free(answer);
	w->desk->now = NOON;
	{
		struct announcement *made = announced(w, 4);

		assert_string_equal(made->channel, "#security-alerts");
		announcement_free(made);
	}
}

static void announcements__listed_extended_and_ended__are_named(void **state)
{
	struct desk_world *w = *state;
	bool is_later;
	char *answer;

	assert_answer(w, "list", "No announcement stands.");
	assert_answer(w, "list all", "Nothing was announced yet.");
	assert_answer(w, "list ended", "No announcement is over yet.");
	free(types(w, "expect host=web-1 because deploy"));
	free(types(w, "expect host=web-2 from 15:00 because later"));
	free(types_as(w, (struct typing){.who = "U0BOB", .channel = "C1", .zone = "UTC"},
	    "expect host=web-3 because bobs", &is_later));
	fires(w, "web-1", "sshd", "alice", SEVERITY_LOW);

	assert_answer(w, "list mine",
	    "*H2* scheduled · <@U0ALICE>: `host=web-2` from 15:00 CET for 30m, until 15:30 CET, "
	    "because later, seen 0 of 50\n"
	    "*H1* active · <@U0ALICE>: `host=web-1` for 30m, until 13:30 CET, because deploy, seen "
	    "1 of 50\n");
	assert_answer_has(w, "list", "*H3* active · <@U0BOB>: `host=web-3`");
	assert_answer(w, "extend h1 30m", "*H1* now lasts until 14:00 CET.");
	assert_answer(w, "extend H1 by 30m", "*H1* now lasts until 14:30 CET.");
	assert_answer(w, "extend H1 4h", "at most 4h at a time; try: `extend H1 2h30m`");
	assert_answer(w, "end H2", "H2 has not begun; try: `cancel H2`");
	assert_answer(w, "cancel H1", "H1 has begun; try: `end H1`");
	assert_answer(w, "cancel H2", "*H2* is cancelled; it had not begun.");
	assert_answer(
	    w, "end H1 because it is deployed", "*H1* is over: matched 1 of 50, 0 near misses.");
	assert_answer(w, "end H1", "H1 is over already (ended: it is deployed)");
	answer = types(w, "list ended");
	assert_non_null(strstr(answer, "*H2* cancelled"));
	assert_non_null(strstr(answer, "*H1* ended"));
	assert_null(strstr(answer, "*H3*"));
	free(answer);
	for (int i = 0; i < 30; i++)
		free(types(w, "expect host=web-9 because many"));
	assert_answer_has(w, "list", "… and older ones.");
}

/* ---- alerts ------------------------------------------------------------------------------------------------ */

static void ack_and_resolve__of_many__answer_for_each(void **state)
{
	struct desk_world *w = *state;
	bool is_later;
	char *answer;

	for (int i = 1; i <= 6; i++) {
		char host[16];

		snprintf(host, sizeof(host), "web-%d", i);
		assert_int_equal(fires(w, host, "sshd", "mallory", SEVERITY_HIGH), i);
	}
	assert_answer(w, "ack A1 a2, A3 A1 looking", "Acked A1, A2, A3.\n");
	assert_alert(w, 2, ALERT_ACKED);
	assert_answer(w, "ack A1,A4,A99",
	    "Acked A4.\nA1 is already acked by <@U0ALICE> just now.\nThere is no A99; `alerts` "
	    "lists those there are.\n");
	assert_answer(w, "resolve mine because chef run, as planned", "Resolved A4, A3, A2, A1.\n");
	assert_alert(w, 3, ALERT_RESOLVED);
	assert_answer(w, "resolve A1", "A1 is already resolved by <@U0ALICE> just now.\n");

	/* In an alert's thread no id is needed, and all that is said is the note. */
	answer =
	    types_as(w, (struct typing){.who = "U0BOB", .channel = "C1", .zone = "UTC", .alert = 5},
		"resolve chef run, as planned", &is_later);
	assert_string_equal(answer, "Resolved A5.\n");
	free(answer);
	assert_alert(w, 5, ALERT_RESOLVED);
	answer =
	    types_as(w, (struct typing){.who = "U0BOB", .channel = "C1", .zone = "UTC", .alert = 5},
		"show", &is_later);
	assert_non_null(strstr(answer, "resolved by <@U0BOB> (slack): chef run, as planned"));
	free(answer);
	assert_answer(w, "note A6 it's 5\" off", "Noted on A6.\n");
	assert_answer_has(w, "show A6", "noted by <@U0ALICE> (slack): it's 5\" off");
	assert_answer(w, "escalate A6 because the key is not ours", "Escalated A6.\n");
	assert_answer_has(w, "escalate A6", "A6 was paged already");
}

static void alerts__are_listed__by_status_match_and_age(void **state)
{
	struct desk_world *w = *state;
	char host[16];

	assert_answer(w, "alerts", "No such alert.\n");
	fires(w, "web-1", "sshd", "mallory", SEVERITY_HIGH);
	w->desk->now = NOON + 3600;
	fires(w, "db-1", "chef", NULL, SEVERITY_LOW);
	free(types(w, "ack A1"));

	assert_answer(w, "alerts",
	    "2 alerts: 1 open, 1 acked\n"
	    "*A2* LOW open · chef on db-1 · db-1 · 14:00 CET\n"
	    "*A1* HIGH acked · sshd on web-1 · web-1 · mallory · 13:00 CET\n");
	assert_answer(
	    w, "alerts open", "1 alert: 1 open\n*A2* LOW open · chef on db-1 · db-1 · 14:00 CET\n");
	assert_answer(w, "alerts host=web-* actor=mallory",
	    "1 alert: 1 acked\n*A1* HIGH acked · sshd on web-1 · web-1 · mallory · 13:00 CET\n");
	assert_answer(w, "alerts last 30m",
	    "1 alert: 1 open\n*A2* LOW open · chef on db-1 · db-1 · 14:00 CET\n");
	assert_answer(w, "alerts resolved", "No such alert.\n");
	for (int i = 0; i < 30; i++) {
		snprintf(host, sizeof(host), "h-%d", i);
		fires(w, host, "sshd", "mallory", SEVERITY_LOW);
	}
	assert_answer_has(w, "alerts", "32 alerts: 31 open, 1 acked\n");
	assert_answer_has(w, "alerts", "… and 12 older ones.");
}

static void hostile_text__of_an_alert__stays_text(void **state)
{
	static const char *const commands_that_show[] = {"alerts", "show A1", "why A1", "ack A1"};
	struct desk_world *w = *state;

	free(types(w, "expect host=x rule=sshd because <!here>"));
	fires(w, "<!channel> *`x", "sshd", "<@U0BOB>", SEVERITY_HIGH);
	for (size_t i = 0; i < LENGTH(commands_that_show); i++) {
		char *answer = types(w, commands_that_show[i]);

		assert_null(strstr(answer, "<!"));
		assert_null(strstr(answer, "<@U0BOB>"));
		free(answer);
	}
}

static void why__of_an_alert__says_route_and_nearest_announcement(void **state)
{
	struct desk_world *w = *state;

	free(types(w, "expect host=web-3 rule=sshd because deploy"));
	fires(w, "web-3b", "sshd", "alice", SEVERITY_MEDIUM);
	fires(w, "web-3", "sshd", "alice", SEVERITY_MEDIUM);
	fires(w, "web-3", "sshd", "mallory", SEVERITY_HIGH);

	assert_answer(w, "why A1",
	    "*A1* took route 2 to #security-alerts, which takes everything that no other takes.\n"
	    "H1 matched all but host: web-3b is not web-3\n");
	assert_answer(w, "why A2",
	    "*A2* took route 2 to #security-alerts, which takes everything that no other takes.\n"
	    "It disturbed nobody: H1 announced it.\n"
	    "H1 covers it\n");
	assert_answer(w, "why A3",
	    "*A3* took route 1 to #security-urgent, because of `severity=critical`; it pages.\n"
	    "It stands out: alice announced this, mallory did it.\n"
	    "H1 matched all but its author: alice announced this, mallory did it\n");
}

/* ---- who may, and what waits -------------------------------------------------------------------------------- */

static void roles__are_asked_for__by_each_command(void **state)
{
	static const struct {
		const char *who, *text;
		bool may;
	} cases[] = {
	    {"U0ALICE", "expect host=web-1 because x", true},
	    {"U0BOB", "expect host=web-1 because x", false},
	    {"U0BOB", "ack A1", true},
	    {"U0ALICE", "ack A1", false},
	    {"U0EVE", "resolve A1", false},
	    {"U0EVE", "escalate A1", false},
	    {"U0EVE", "note A1 x", false},
	    {"U0EVE", "extend H1 30m", false},
	    {"U0EVE", "end H1", false},
	    {"U0EVE", "show A1", true},
	    {"U0EVE", "why A1", true},
	    {"U0EVE", "alerts", true},
	    {"U0EVE", "list", true},
	    {"U0EVE", "help", true},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct desk_world *w = desk_world_new(roles_config);
		bool is_later;
		char *answer;

		free(types(w, "expect host=web-9 because first"));
		fires(w, "web-1", "sshd", "mallory", SEVERITY_HIGH);
		answer = types_as(w,
		    (struct typing){.who = cases[i].who, .channel = "C1", .zone = "UTC"},
		    cases[i].text, &is_later);
		if ((strstr(answer, "(policy.") == NULL) != cases[i].may)
			fail_msg("%s: %s", cases[i].text, answer);
		free(answer);
		desk_world_free(w);
	}
}

struct kept {
	char *kind, *body;
	size_t count;
};

static bool keep_word(void *ctx, const struct word *word)
{
	struct kept *kept = ctx;

	if (strcmp(word->kind, kept->kind) == 0) {
		replace_text(&kept->body, word->body);
		kept->count++;
	}
	return true;
}

static struct kept words_of(struct desk_world *w, const char *kind)
{
	struct kept kept = {.kind = (char *)kind};

	assert_true(storage_each_word(w->storage, -1, 0, 1000, keep_word, &kept, NULL));
	return kept;
}

static void clock_time__of_an_unknown_zone__waits_for_the_profile(void **state)
{
	const struct profile profile = {
	    .slack = "U0EVE", .name = "eve", .timezone = "America/New_York", .fetched_at = NOON};
	const struct typing eve = {.who = "U0EVE", .channel = "C1"};
	struct desk_world *w = *state;
	struct announcement *made;
	struct kept asked, answered;
	struct error err = {0};
	bool is_later;
	cJSON *body;

	free(types_as(w, eve, "expect host=web-1 until 9:00 because x", &is_later));
	assert_true(is_later);
	assert_int_equal(announcements_count(w->desk->announcements), 0);
	asked = words_of(w, "profile");
	assert_int_equal(asked.count, 1);
	body = json_parse(asked.body, strlen(asked.body), &err);

	desk_world_begin(w);
	assert_true(storage_put_profile(w->storage, &profile, &err));
	assert_true(commands_resume(w->desk, json_get(body, "command"), &err));
	desk_world_end(w, true);
	made = announced(w, 1);
	assert_int_equal(made->ends_at, NOON + 2 * 3600); /* 9:00 in New York is 14:00 UTC */
	answered = words_of(w, "ephemeral");
	assert_int_equal(answered.count, 1);
	assert_non_null(strstr(answered.body, "until 09:00 EST"));
	announcement_free(made);
	cJSON_Delete(body);
	free(asked.body);
	free(answered.body);
}

static void clock_time__when_no_profile_comes__is_taken_as_utc(void **state)
{
	struct desk_world *w = *state;
	struct announcement *made;
	struct kept answered;
	struct error err = {0};
	cJSON *command = cJSON_CreateObject();

	json_put(command, "who", "U0BOB");
	json_put(command, "via", "slack");
	json_put(command, "channel", "C1");
	json_put(command, "text", "expect host=web-1 until 14:00 because x");
	desk_world_begin(w);
	assert_true(commands_resume(w->desk, command, &err));
	desk_world_end(w, true);
	made = announced(w, 1);
	assert_int_equal(made->ends_at, NOON + 2 * 3600);
	answered = words_of(w, "reply"); /* it was no slash command: the answer goes where it was typed */
	assert_int_equal(answered.count, 1);
	assert_non_null(strstr(answered.body, "until 14:00 UTC"));
	free(answered.body);
	announcement_free(made);
	cJSON_Delete(command);
}

static void command_that_waited__and_cannot_be_read__does_nothing(void **state)
{
	static const char *const cases[] = {"{}", "[]", "null", "{\"who\":\"U1\"}",
	    "{\"who\":1,\"via\":\"slack\",\"text\":\"list\"}"};
	struct desk_world *w = *state;
	struct error err = {0};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		cJSON *command = json_parse(cases[i], strlen(cases[i]), &err);

		desk_world_begin(w);
		assert_true(commands_resume(w->desk, command, &err));
		desk_world_end(w, true);
		cJSON_Delete(command);
	}
	assert_int_equal(words_of(w, "ephemeral").count, 0);
}

/* What needs no clock needs no profile either. */
static void rfc3339_time__of_an_unknown_zone__is_answered_at_once(void **state)
{
	struct desk_world *w = *state;
	bool is_later;
	char *answer;

	desk_world_knows(w, "U0EVE", NULL, NULL, false);
	answer = types_as(w, (struct typing){.who = "U0EVE", .channel = "C1"},
	    "expect host=web-1 until 2026-03-02T13:00:00Z because x", &is_later);

	assert_false(is_later);
	assert_non_null(strstr(answer, "until 13:00 UTC"));
	free(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(example__of_each_command__is_understood_and_done),
	    TEST(help__of_each_command__has_its_grammar_and_an_example),
	    TEST(nonsense__of_every_kind__gets_one_short_answer),
	    cmocka_unit_test(expect__in_every_form__announces_what_it_says),
	    TEST(expect__answers__with_the_absolute_end_and_whom_it_covers),
	    TEST(announcements__listed_extended_and_ended__are_named),
	    TEST(ack_and_resolve__of_many__answer_for_each),
	    TEST(alerts__are_listed__by_status_match_and_age),
	    TEST(hostile_text__of_an_alert__stays_text),
	    TEST(why__of_an_alert__says_route_and_nearest_announcement),
	    cmocka_unit_test(roles__are_asked_for__by_each_command),
	    TEST(clock_time__of_an_unknown_zone__waits_for_the_profile),
	    TEST(clock_time__when_no_profile_comes__is_taken_as_utc),
	    TEST(command_that_waited__and_cannot_be_read__does_nothing),
	    TEST(rfc3339_time__of_an_unknown_zone__is_answered_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
