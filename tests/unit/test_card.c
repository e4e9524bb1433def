#include "tests/unit/desk_world.h"

#include <inttypes.h>

#include "config/base/text.h"
#include "handlers/card.h"

/* Block Kit's limits, in UTF-16 units: docs.slack.dev/reference/block-kit */
#define TOTAL_MAX 10000

static bool has_people; /* may the message mention somebody? */

static int setup(void **state)
{
	*state = desk_world_new(NULL);
	desk_world_begin(*state);
	has_people = false;
	return 0;
}

static int teardown(void **state)
{
	desk_world_end(*state, true);
	desk_world_free(*state);
	return 0;
}

/* An alert as a source sent it, open since NOON. */
static void fill(struct alert *alert)
{
	alert_init(alert);
	alert->id = 1042;
	alert->version = 7;
	alert->severity = SEVERITY_CRITICAL;
	alert->title = xstrdup("sshd: key added for root");
	alert->rule = xstrdup("ssh_key_added");
	alert->host = xstrdup("web-3");
	alert->actor = xstrdup("mallory");
	alert->process = xstrdup("vi /root/.ssh/authorized_keys");
	alert->source = xstrdup("falco");
	alert->service = xstrdup("payments");
	alert->occurred_at = alert->received_at = alert->last_seen = NOON;
	alert->route = 1;
	alert->channel = xstrdup("#security-urgent");
}

/* ---- what holds of every message -------------------------------------------------------------------------- */

struct sums {
	size_t units;
};

static size_t units(const char *text)
{
	return utf16_length(text, strlen(text));
}

/* `<…>` may stand only around what we write ourselves. */
static void check_controls(const char *text)
{
	for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
		const char *end = strchr(at, '>');

		assert_non_null(end);
		if (has_people && (text_prefix(at, "<@U0") || text_prefix(at, "<!subteam^S0")))
			continue;
		if (strspn(at, "<!date^0123456789") < 15 || !text_prefix(strchr(at + 7, '^'), "^{date_short_pretty} {time_secs}|"))
			fail_msg("live in a message: %s", at);
	}
}

static void check_text(const cJSON *object, size_t most, struct sums *sums)
{
	const char *text = json_text(object, "text"), *type = json_text(object, "type");

	assert_non_null(text);
	assert_non_null(type);
	assert_in_range(units(text), 1, most);
	if (strcmp(type, "mrkdwn") == 0) {
		assert_true(cJSON_IsTrue(json_get(object, "verbatim")));
		check_controls(text);
	} else {
		assert_string_equal(type, "plain_text");
		assert_false(text_has_invisible(text));
	}
	sums->units += units(text);
}

static void check_texts(const cJSON *list, size_t count, size_t most, struct sums *sums)
{
	const cJSON *item;

	assert_true(cJSON_IsArray(list));
	assert_in_range(cJSON_GetArraySize(list), 1, count);
	cJSON_ArrayForEach(item, list)
		check_text(item, most, sums);
}

static void check_element(const cJSON *element, struct sums *sums)
{
	const cJSON *option;

	assert_in_range(strlen(json_text(element, "action_id")), 1, 255);
	if (strcmp(json_text(element, "type"), "button") == 0) {
		check_text(json_get(element, "text"), 75, sums);
		assert_in_range(strlen(json_text(element, "value")), 1, 2000);
		return;
	}
	assert_string_equal(json_text(element, "type"), "overflow");
	assert_in_range(cJSON_GetArraySize(json_get(element, "options")), 1, 5);
	cJSON_ArrayForEach(option, json_get(element, "options")) {
		check_text(json_get(option, "text"), 75, sums);
		assert_in_range(strlen(json_text(option, "value")), 1, 75);
	}
}

static void check_block(const cJSON *block, struct sums *sums)
{
	const char *type = json_text(block, "type");
	const cJSON *element;

	if (strcmp(type, "header") == 0) {
		check_text(json_get(block, "text"), 150, sums);
	} else if (strcmp(type, "section") == 0 && json_get(block, "fields") != NULL) {
		check_texts(json_get(block, "fields"), 6, 2000, sums);
	} else if (strcmp(type, "section") == 0) {
		check_text(json_get(block, "text"), 3000, sums);
	} else if (strcmp(type, "context") == 0) {
		check_texts(json_get(block, "elements"), 1, 3000, sums);
	} else {
		assert_string_equal(type, "actions");
		assert_in_range(cJSON_GetArraySize(json_get(block, "elements")), 1, 5);
		cJSON_ArrayForEach(element, json_get(block, "elements"))
			check_element(element, sums);
	}
}

static void check_message(const cJSON *body)
{
	const cJSON *blocks = json_get(body, "blocks"), *block;
	const char *text = json_text(body, "text");
	struct sums sums = {0};

	assert_non_null(text);
	assert_in_range(units(text), 1, CARD_TEXT_MAX);
	check_controls(text);
	assert_in_range(cJSON_GetArraySize(blocks), 1, CARD_BLOCKS_MAX);
	cJSON_ArrayForEach(block, blocks)
		check_block(block, &sums);
	assert_in_range(sums.units, 1, TOTAL_MAX);
	/* what was written can be read */
	char *written = json_write(body);
	cJSON *again = json_parse(written, strlen(written), NULL);

	assert_non_null(again);
	cJSON_Delete(again);
	free(written);
}

/* ---- looking at one ---------------------------------------------------------------------------------------- */

static cJSON *render(struct desk_world *world, const struct alert *alert)
{
	cJSON *body = cJSON_CreateObject();

	card_put_alert(world->desk, alert, false, body);
	check_message(body);
	return body;
}

static const cJSON *block_of(const cJSON *body, const char *id)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, json_get(body, "blocks")) {
		if (text_equal(json_text(block, "block_id"), id))
			return block;
	}
	return NULL;
}

static const char *block_text(const cJSON *body, const char *id)
{
	const cJSON *block = block_of(body, id);
	const char *text = json_text(json_get(block, "text"), "text");

	return text != NULL ? text : json_text(json_at(block, "/elements/0"), "text");
}

static void assert_has(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text != NULL ? text : "(nothing)");
}

/* The labels of its buttons, joined by blanks. */
static char *buttons(const cJSON *body)
{
	const cJSON *element;
	struct buf out;

	buf_init(&out, 1000);
	cJSON_ArrayForEach(element, json_get(block_of(body, "actions"), "elements")) {
		if (out.len > 0)
			buf_putc(&out, ' ');
		buf_puts(&out, strcmp(json_text(element, "type"), "overflow") == 0 ?
				   "…" :
				   json_text(json_get(element, "text"), "text"));
	}
	return buf_take(&out);
}

/* What stands under …, joined. */
static char *menu(const cJSON *body)
{
	const cJSON *element, *option;
	struct buf out;

	buf_init(&out, 1000);
	cJSON_ArrayForEach(element, json_get(block_of(body, "actions"), "elements")) {
		cJSON_ArrayForEach(option, json_get(element, "options"))
			buf_printf(&out, "%s%s", out.len > 0 ? ", " : "", json_text(json_get(option, "text"), "text"));
	}
	return buf_take(&out);
}

/* ---- an alert ---------------------------------------------------------------------------------------------- */

static void alert__as_it_comes__is_told_in_five_blocks(void **state)
{
	struct alert alert;
	cJSON *body;

	fill(&alert);
	body = render(*state, &alert);

	assert_string_equal(json_text(body, "text"), ":red_circle: CRITICAL · sshd: key added for root · web-3");
	assert_string_equal(block_text(body, "title"), json_text(body, "text"));
	assert_string_equal(block_text(body, "why"), "A1042 · route security-urgent · from falco");
	assert_string_equal(block_text(body, "status"), ":large_red_square: Open: nobody has it yet");
	assert_int_equal(cJSON_GetArraySize(json_get(body, "blocks")), 5);
	assert_int_equal(cJSON_GetArraySize(json_get(block_of(body, "facts"), "fields")), 6);
	assert_string_equal(json_text(json_at(block_of(body, "facts"), "/fields/0"), "text"), "*Rule*\n`ssh_key_added`");
	cJSON_Delete(body);
	alert_fini(&alert);
}

static void alert__in_each_state__has_only_buttons_that_apply(void **state)
{
	static const struct {
		enum alert_status status;
		const char *buttons, *word, *menu;
	} cases[] = {
	    {ALERT_OPEN, "Ack Resolve That was me Escalate …", "Open", "Assign to me, Why?"},
	    {ALERT_ACKED, "Resolve That was me Escalate …", "Acked by <@U0ALICE> in Slack, 2 min after it fired", "Assign to me, Un-ack, Why?"},
	    {ALERT_RESOLVED, "…", "Resolved by <@U0ALICE> in Slack, 2 min after it fired", "Reopen, Why?"},
	    {ALERT_EXPECTED, "…", "Expected", "Why?"},
	    {ALERT_CLAIMED, "…", "Claimed (late) by <@U0ALICE> in Slack", "Reopen, Why?"},
	};

	has_people = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
			struct alert alert;
			cJSON *body;
			char *labels;

			fill(&alert);
			alert.severity = (enum severity)severity;
			alert.status = cases[i].status;
			if (alert.status != ALERT_OPEN && alert.status != ALERT_EXPECTED) {
				alert.changed_by = xstrdup("U0ALICE");
				alert.changed_via = xstrdup("slack");
				alert.changed_at = NOON + 130;
			}
			body = render(*state, &alert);
			labels = buttons(body);

			assert_string_equal(labels, cases[i].buttons);
			assert_has(block_text(body, "status"), cases[i].word);
			free(labels);
			labels = menu(body);
			assert_string_equal(labels, cases[i].menu);
			assert_string_equal(
			    json_text(json_at(block_of(body, "actions"), "/elements/0"),
				cases[i].status == ALERT_OPEN || cases[i].status == ALERT_ACKED ? "value" : "action_id"),
			    cases[i].status == ALERT_OPEN || cases[i].status == ALERT_ACKED ? "A1042:7" : "alert_more");
			free(labels);
			cJSON_Delete(body);
			alert_fini(&alert);
		}
	}
}

static void alert__changed_elsewhere__says_where(void **state)
{
	static const struct {
		const char *by, *via, *want;
	} cases[] = {
	    {"bob@example.com", "pagerduty", "Acked by bob in PagerDuty, 1 min after it fired"},
	    {"ci", "api", "Acked by ci by API, 1 min after it fired"},
	    {"falco", "headsup", "Acked by falco, 1 min after it fired"},
	    {"<!channel>", "slack", "Acked by &lt;!channel&gt; in Slack, 1 min after it fired"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert alert;
		cJSON *body;

		fill(&alert);
		alert.status = ALERT_ACKED;
		alert.changed_by = xstrdup(cases[i].by);
		alert.changed_via = xstrdup(cases[i].via);
		alert.changed_at = NOON + 60;
		body = render(*state, &alert);

		assert_has(block_text(body, "status"), cases[i].want);
		cJSON_Delete(body);
		alert_fini(&alert);
	}
}

static void alert__escalated__says_who_did_it(void **state)
{
	struct desk_world *world = *state;
	struct error err = {0};
	struct alert alert;
	cJSON *body;

	has_people = true;
	fill(&alert);
	alert.id = 0;
	alert.dedup_key = xstrdup("k");
	alert.changed_by = xstrdup("U0BOB");
	alert.changed_via = xstrdup("slack");
	alert.changed_at = NOON + 5;
	assert_true(storage_add_alert(world->storage, &alert, &err));
	assert_true(storage_add_event(world->storage, alert.id,
	    &(struct event){.at = NOON, .who = "headsup", .via = "headsup", .what = "fired"}, &err));
	assert_true(storage_add_event(world->storage, alert.id,
	    &(struct event){.at = NOON + 5, .who = "U0BOB", .via = "slack", .what = "escalated"}, &err));
	body = render(world, &alert);

	assert_has(block_text(body, "status"), "Escalated by <@U0BOB> in Slack, 5 s after it fired");
	cJSON_Delete(body);
	alert_fini(&alert);
}

static void alert__with_a_history__says_why_it_is_here(void **state)
{
	struct alert alert;
	cJSON *body;

	has_people = true;
	fill(&alert);
	alert.nearest = 17;
	alert.nearest_why = xstrdup("host: web-3b is not web-3");
	alert.mark = xstrdup("more than announced (H12)");
	alert.previous = 1030;
	alert.page_status = xstrdup("triggered");
	alert.notes = xstrdup("severity \"9\" is not known: medium");
	alert.count = 12;
	alert.last_seen = NOON + 600;
	alert.assignee = xstrdup("U0BOB");
	body = render(*state, &alert);

	assert_string_equal(block_text(body, "why"),
	    "A1042 · route security-urgent · from falco · *more than announced (H12)* · nearest announcement H17 differs in host "
	    "(web-3b is not web-3) · follows A1030 · PagerDuty: paged · severity \"9\" is not known: medium");
	assert_has(json_text(json_at(block_of(body, "facts"), "/fields/4"), "text"), "12 times since <!date^1772452800^");
	assert_has(json_text(json_at(block_of(body, "facts"), "/fields/4"), "text"), "last <!date^1772453400^");
	assert_has(block_text(body, "status"), "has it: <@U0BOB>");
	cJSON_Delete(body);
	alert_fini(&alert);
}

static void alert__with_nothing_but_a_title__is_told(void **state)
{
	struct alert alert;
	cJSON *body;

	alert_init(&alert);
	alert.id = 1;
	alert.title = xstrdup("\xe2\x80\x8b"); /* nothing that is seen */
	body = render(*state, &alert);

	assert_has(json_text(body, "text"), ":large_yellow_circle: MEDIUM · ");
	assert_has(block_text(body, "why"), "A1");
	cJSON_Delete(body);
	alert_fini(&alert);
}

static void alert__that_may_mention_someone__does_while_it_is_open(void **state)
{
	static const struct {
		const char *mention, *want;
	} cases[] = {
	    {"S0SECOPS", "<!subteam^S0SECOPS>"},
	    {"<!subteam^S0SECOPS>", "<!subteam^S0SECOPS>"},
	    {"U0BOB", "<@U0BOB>"},
	    {"@oncall-sec", "@oncall-sec"},
	};
	struct desk_world *world = *state;
	char *before = world->config->routes[0].mention;

	has_people = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert alert;
		cJSON *body;

		world->config->routes[0].mention = (char *)cases[i].mention;
		fill(&alert);
		body = render(world, &alert);
		assert_has(block_text(body, "status"), cases[i].want);
		cJSON_Delete(body);

		/* An edit of what stands calls nobody. */
		body = cJSON_CreateObject();
		cJSON_AddStringToObject(body, "ts", "1.1");
		card_put_alert(world->desk, &alert, false, body);
		assert_null(strstr(block_text(body, "status"), cases[i].want));
		assert_null(strstr(json_text(body, "text"), cases[i].want));
		cJSON_Delete(body);

		alert.severity = SEVERITY_MEDIUM;
		body = render(world, &alert);
		assert_null(strstr(block_text(body, "status"), cases[i].want));
		cJSON_Delete(body);

		alert.severity = SEVERITY_CRITICAL;
		alert.status = ALERT_ACKED;
		body = render(world, &alert);
		assert_null(strstr(block_text(body, "status"), cases[i].want));
		cJSON_Delete(body);
		alert_fini(&alert);
	}
	world->config->routes[0].mention = before;
}

static char *repeated(const char *piece, size_t bytes)
{
	struct buf out;

	buf_init(&out, bytes + strlen(piece));
	while (out.len < bytes)
		buf_puts(&out, piece);
	return buf_take(&out);
}

static void fill_all(struct alert *alert, const char *text)
{
	char **fields[] = {&alert->source, &alert->rule, &alert->title, &alert->description, &alert->actor, &alert->host,
	    &alert->ip, &alert->process, &alert->service, &alert->env, &alert->account, &alert->region, &alert->url,
	    &alert->mark, &alert->nearest_why, &alert->notes, &alert->changed_by, &alert->assignee, &alert->page_status};

	alert_init(alert);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		replace_text(fields[i], text);
	alert->id = INT64_MAX;
	alert->version = INT64_MAX;
	alert->nearest = INT64_MAX;
	alert->previous = INT64_MAX;
	alert->announcement = INT64_MAX;
	alert->route = 1;
	alert->count = INT64_MAX;
	alert->occurred_at = alert->received_at = alert->last_seen = NOON;
	alert->changed_at = INT64_MAX - 1;
	alert_add_label(alert, "owner", text);
	alert_add_label(alert, "team", text);
}

static void alert__of_hostile_text__mentions_links_and_breaks_nothing(void **state)
{
	static const char *const hostile[] = {"<!channel>", "<!here> <!everyone>", "<@U0ALICE>", "<!subteam^S0SECOPS>",
	    "<https://evil.example|https://intranet.example/login>", "<#C123>", "<!date^1^x^https://evil.example|y>",
	    "https://evil.example", "@channel @here #general", "*bold* _it_ ~s~ `code` ```block```", "> quote",
	    ":skull: :white_check_mark:", "a\nb\r\nc\xe2\x80\xa8-d", "exe\xe2\x80\xaetxt\xe2\x80\x8b", "\x01\x02\x7f",
	    "\xff\xfe\xc0\x80", "&lt;!channel&gt; &amp;", "\\\"}]}", "%s%n%x", "host: `<!channel>`: x"};

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		static const enum alert_status statuses[] = {ALERT_OPEN, ALERT_ACKED, ALERT_RESOLVED};

		for (size_t s = 0; s < 3; s++) {
			struct alert alert;
			cJSON *body;

			fill_all(&alert, hostile[i]);
			alert.status = statuses[s];
			body = render(*state, &alert);
			cJSON_Delete(body);
			alert_fini(&alert);
		}
	}
}

static void alert__of_the_longest_text__stays_within_slacks_limits(void **state)
{
	static const char *const pieces[] = {"&", "<", "x", "日", "\xf0\x9f\x94\xa5", "`", "*", "https://a.b.c.d ", "host: ", " ", "\xff"};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = repeated(pieces[i], 1024);
		struct alert alert;
		cJSON *body;

		fill_all(&alert, text);
		body = render(*state, &alert);
		cJSON_Delete(body);
		alert_fini(&alert);
		free(text);
	}
}

static void alert__whose_form_was_refused__is_a_short_plain_text(void **state)
{
	char *text = repeated("&<!channel>", 1024);
	struct alert alert;
	cJSON *body = cJSON_CreateObject();

	fill_all(&alert, text);
	card_put_alert(((struct desk_world *)*state)->desk, &alert, true, body);

	assert_null(json_get(body, "blocks"));
	assert_in_range(units(json_text(body, "text")), 20, 3000);
	check_controls(json_text(body, "text"));
	assert_has(json_text(body, "text"), "A9223372036854775807");
	cJSON_Delete(body);
	alert_fini(&alert);
	free(text);
}

/* ---- an announcement --------------------------------------------------------------------------------------- */

static void fill_announcement(struct announcement *announcement, char **match)
{
	*announcement = (struct announcement){.id = 17,
	    .author = "U0ALICE",
	    .via = "slack",
	    .match = match,
	    .match_count = 2,
	    .created_at = NOON,
	    .starts_at = NOON,
	    .ends_at = NOON + 1800,
	    .over_at = TIME_NONE,
	    .approved_at = TIME_NONE,
	    .lease_until = TIME_NONE,
	    .because = "deploy 7",
	    .max = 4,
	    .matched = 2,
	    .near_misses = 1,
	    .version = 3};
}

static void announcement__in_each_state__says_it(void **state)
{
	static char *match[] = {"host=web-*", "rule=sshd-*"};
	static const struct {
		enum announcement_state state;
		int64_t starts_at;
		bool needs_approval;
		const char *over_by, *over_why, *status, *buttons;
	} cases[] = {
	    {ANNOUNCEMENT_STANDS, NOON, false, NULL, NULL, "Active", "Done +30 min Not me Approve for critical Deny"},
	    {ANNOUNCEMENT_STANDS, NOON + 600, false, NULL, NULL, "Scheduled", "Cancel +30 min Not me Approve for critical Deny"},
	    {ANNOUNCEMENT_STANDS, NOON, true, NULL, NULL, "Pending", "Done +30 min Not me Approve Deny"},
	    {ANNOUNCEMENT_ENDED, NOON, false, "U0ALICE", "done", "Ended by <@U0ALICE> (done)", ""},
	    {ANNOUNCEMENT_CANCELLED, NOON, false, "U0BOB", NULL, "Cancelled by <@U0BOB>", ""},
	};
	struct desk_world *world = *state;

	has_people = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct announcement announcement;
		cJSON *body = cJSON_CreateObject();
		char *labels;

		fill_announcement(&announcement, match);
		announcement.state = cases[i].state;
		announcement.starts_at = cases[i].starts_at;
		announcement.needs_approval = cases[i].needs_approval;
		announcement.over_by = (char *)cases[i].over_by;
		announcement.over_why = (char *)cases[i].over_why;
		card_put_announcement(world->desk, &announcement, false, body);
		check_message(body);
		labels = buttons(body);

		assert_string_equal(labels, cases[i].buttons);
		assert_has(block_text(body, "status"), cases[i].status);
		assert_has(json_text(body, "text"), "H17 · <@U0ALICE> announced host=web-* rule=sshd-*");
		assert_has(json_text(body, "text"), "until 12:30 UTC because deploy 7 · seen 2 of 4 · 1 near miss");
		assert_has(json_text(json_at(block_of(body, "facts"), "/fields/1"), "text"), "`host=web-*` `rule=sshd-*`");
		if (cases[i].buttons[0] != '\0')
			assert_string_equal(json_text(json_at(block_of(body, "actions"), "/elements/0"), "value"), "H17:3");
		free(labels);
		cJSON_Delete(body);
	}
}

static void announcement__of_one_whose_zone_is_known__ends_on_their_clock(void **state)
{
	static char *match[] = {"host=web-*", "rule=sshd-*"};
	const struct profile profile = {.slack = "U0ALICE", .name = "alice", .timezone = "Europe/Paris", .fetched_at = NOON};
	struct desk_world *world = *state;
	struct announcement announcement;
	struct error err = {0};
	cJSON *body = cJSON_CreateObject();

	has_people = true;
	assert_true(storage_put_profile(world->storage, &profile, &err));
	fill_announcement(&announcement, match);
	card_put_announcement(world->desk, &announcement, false, body);
	check_message(body);

	assert_has(json_text(body, "text"), "until 13:30 CET");
	cJSON_Delete(body);
}

static void announcement__of_hostile_and_long_text__stays_within_bounds(void **state)
{
	static const char *const pieces[] = {"<!channel>", "&", "`*_~", "日", "\xff\n", "<@U012>"};
	struct desk_world *world = *state;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = repeated(pieces[i], 2000), *match[32];
		struct announcement announcement;
		cJSON *body = cJSON_CreateObject();

		for (size_t m = 0; m < 32; m++)
			match[m] = text;
		fill_announcement(&announcement, match);
		announcement.match_count = 32;
		announcement.because = announcement.author = text;
		card_put_announcement(world->desk, &announcement, false, body);
		check_message(body);
		assert_null(strstr(json_text(body, "text"), "<!channel>"));
		cJSON_Delete(body);
		body = cJSON_CreateObject();
		card_put_announcement(world->desk, &announcement, true, body);
		assert_null(json_get(body, "blocks"));
		assert_in_range(units(json_text(body, "text")), 1, CARD_TEXT_MAX);
		cJSON_Delete(body);
		free(text);
	}
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

static void answer__that_fits__is_one_text(void **state)
{
	cJSON *body = cJSON_CreateObject();

	(void)state;
	card_put_answer("acked A1", false, body);
	assert_string_equal(json_text(body, "text"), "acked A1");
	assert_null(json_get(body, "blocks"));
	cJSON_Delete(body);
}

static void answer__that_is_long__is_cut_at_its_lines(void **state)
{
	char *text = repeated("A1 <@U0ALICE> &amp; a line of some words\n", 7000);
	cJSON *body = cJSON_CreateObject();
	const cJSON *block;
	size_t seen = 0;

	(void)state;
	card_put_answer(text, false, body);
	assert_in_range(units(json_text(body, "text")), 1, 3001);
	cJSON_ArrayForEach(block, json_get(body, "blocks")) {
		const char *part = json_text(json_get(block, "text"), "text");

		assert_memory_equal(part, text + seen, strlen(part));
		assert_in_range(units(part), 1, 3000);
		assert_int_equal(part[strlen(part) - 1], '\n');
		seen += strlen(part);
	}
	assert_int_equal(seen, strlen(text));
	cJSON_Delete(body);
	free(text);
}

static void answer__past_every_bound__says_that_it_was_cut(void **state)
{
	static const char *const pieces[] = {"line of words\n", "nobreak", "日", "&lt;", "<@U0ALICE>", " "};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = repeated(pieces[i], 60000);
		cJSON *body = cJSON_CreateObject(), *blocks;
		struct sums sums = {0};
		const cJSON *block;

		has_people = true;
		card_put_answer(text, false, body);
		blocks = cJSON_GetObjectItemCaseSensitive(body, "blocks");
		assert_in_range(cJSON_GetArraySize(blocks), 1, 10);
		cJSON_ArrayForEach(block, blocks)
			check_block(block, &sums);
		assert_in_range(sums.units, 1, TOTAL_MAX);
		assert_has(json_text(json_at(blocks, "/0/text"), "text") != NULL ?
			       json_text(json_at(cJSON_GetArrayItem(blocks, cJSON_GetArraySize(blocks) - 1), "/elements/0"), "text") :
			       "left out",
		    "left out");
		cJSON_Delete(body);
		body = cJSON_CreateObject();
		card_put_answer(text, true, body);
		assert_null(json_get(body, "blocks"));
		assert_in_range(units(json_text(body, "text")), 1, CARD_PLAIN_MAX + 1);
		cJSON_Delete(body);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(alert__as_it_comes__is_told_in_five_blocks, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__in_each_state__has_only_buttons_that_apply, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__changed_elsewhere__says_where, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__escalated__says_who_did_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__with_a_history__says_why_it_is_here, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__with_nothing_but_a_title__is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__that_may_mention_someone__does_while_it_is_open, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__of_hostile_text__mentions_links_and_breaks_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__of_the_longest_text__stays_within_slacks_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(alert__whose_form_was_refused__is_a_short_plain_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(announcement__in_each_state__says_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(announcement__of_one_whose_zone_is_known__ends_on_their_clock, setup, teardown),
	    cmocka_unit_test_setup_teardown(announcement__of_hostile_and_long_text__stays_within_bounds, setup, teardown),
	    cmocka_unit_test(answer__that_fits__is_one_text),
	    cmocka_unit_test(answer__that_is_long__is_cut_at_its_lines),
	    cmocka_unit_test(answer__past_every_bound__says_that_it_was_cut),
	};

	return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
