/* What an announcement would have covered: counted as a look at each alert would, told in every answer, kept, and never in the way. */
#include "tests/unit/desk_world.h"

#include "config/base/text.h"
#include "handlers/announcements.h"
#include "handlers/api.h"
#include "handlers/card.h"
#include "handlers/commands.h"
#include "handlers/jobs.h"
#include "handlers/later.h"
#include "handlers/preview.h"
#include "handlers/slack_in.h"

#define ALERTS 2000
#define ROUNDS 150
#define DAY 86400
#define CI "ci-secret-00000000"
#define OPS "ops-secret-0000000"
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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

/* ---- what came ------------------------------------------------------------------------------------------ */

static uint32_t seed = 17;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static void came(struct desk_world *w, const char *host, const char *rule, const char *actor,
    int64_t at, bool paged)
{
	struct alert *alert = alert_new();
	struct error err = {0};

	alert_set_text(alert, field_find("title"), "it happened");
	alert_set_text(alert, field_find("host"), host);
	alert_set_text(alert, field_find("rule"), rule);
	alert_set_text(alert, field_find("actor"), actor);
	alert_add_label(alert, "ns", dice(2) == 0 ? "prod" : "dev");
	alert->received_at = alert->last_seen = at;
	alert->status = ALERT_RESOLVED;
	if (paged)
		alert->page_status = xstrdup("resolved");
	assert_true(storage_add_alert(w->storage, alert, &err));
	alert_free(alert);
}

static void many_came(struct desk_world *w)
{
	static const char *const actors[] = {"alice", "aliced", "bob", "mallory", NULL, NULL};
	char host[32], rule[32];

	desk_world_begin(w);
	for (int i = 0; i < ALERTS; i++) {
		snprintf(host, sizeof(host), dice(3) == 0 ? "WEB-%u" : "web-%u", dice(120));
		snprintf(rule, sizeof(rule), "rule %u", dice(40));
		came(w, dice(10) == 0 ? NULL : host, dice(10) == 0 ? NULL : rule, actors[dice(6)],
		    NOON - 31 * DAY + (int64_t)dice(31 * DAY), dice(9) == 0);
	}
	desk_world_end(w, true);
}

/* ---- counted by looking at each ------------------------------------------------------------------------- */

struct look {
	const struct matches *matches;
	const struct match *actor;
	bool is_bound;
	struct preview_counts counts;
	char *rules[ALERTS], *hosts[ALERTS];
	size_t rule_count, host_count;
};

/* TEXT (taken) joins LIST, where it is new. */
static void join(char **list, size_t *count, char *text)
{
	for (size_t i = 0; text != NULL && i < *count; i++) {
		if (strcmp(list[i], text) == 0) {
			free(text);
			return;
		}
	}
	if (text != NULL)
		list[(*count)++] = text;
}

static bool look(void *ctx, const struct alert *alert)
{
	struct look *look = ctx;

	if (alert->received_at < NOON - PREVIEW_DAYS * DAY || !matches_hold(look->matches, alert))
		return true;
	if (look->is_bound && alert->actor != NULL &&
	    (look->actor == NULL || !match_holds(look->actor, alert, NULL)))
		return true;
	look->counts.alerts++;
	look->counts.escalated += alert->page_status != NULL ? 1 : 0;
	join(look->rules, &look->rule_count, xstrdup(alert->rule));
	join(look->hosts, &look->host_count, text_lower(alert->host));
	return true;
}

static struct preview_counts looked(
    struct desk_world *w, const struct matches *matches, const char *author)
{
	static char *const logins[] = {(char *)"alice", (char *)"aliced"};
	const struct alert_query all = {
	    .status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = SIZE_MAX};
	struct match *actor = strcmp(author, "U0ALICE") == 0 ? match_actor(logins, 2) : NULL;
	struct look *each = xcalloc(1, sizeof(*each));
	struct preview_counts counts;
	struct error err = {0};

	each->matches = matches;
	each->actor = actor;
	each->is_bound = true;
	for (size_t i = 0; i < matches->count; i++)
		each->is_bound = each->is_bound && (strcmp(matches->list[i]->name, "actor") != 0 ||
						       !match_is_positive(matches->list[i]));
	assert_true(storage_each_alert(w->storage, &all, look, each, &err));
	counts = each->counts;
	counts.rules = (int64_t)each->rule_count;
	counts.hosts = (int64_t)each->host_count;
	for (size_t i = 0; i < each->rule_count; i++)
		free(each->rules[i]);
	for (size_t i = 0; i < each->host_count; i++)
		free(each->hosts[i]);
	free(each);
	match_free(actor);
	return counts;
}

/* ---- asking --------------------------------------------------------------------------------------------- */

struct asking {
	struct preview preview; /* names are not kept */
	struct buf text;
	int done, freed;
};

static bool on_done(struct desk *desk, void *ctx, const struct announcement *announcement,
    const struct preview *preview, struct error *err)
{
	struct asking *asking = ctx;

	(void)desk;
	(void)err;
	asking->preview = *preview;
	assert_true(announcement->has_preview == preview->is_known);
	buf_reset(&asking->text);
	preview_put(preview, &asking->text);
	asking->done++;
	return true;
}

static void on_free(void *ctx)
{
	struct asking *asking = ctx;

	asking->freed++;
}

static void asking_init(struct asking *asking)
{
	*asking = (struct asking){.done = 0};
	buf_init(&asking->text, 65536);
}

static void asks(
    struct desk_world *w, struct asking *asking, const char *author, char **match, size_t count)
{
	const struct announcement announcement = {
	    .author = (char *)author, .match = match, .match_count = count};
	const struct preview_wish wish = {.done = on_done, .free = on_free, .ctx = asking};
	struct error err = {0};

	desk_world_begin(w);
	if (!preview_start(w->desk, &announcement, &wish, &err))
		fail_msg("%s", err.text);
	desk_world_end(w, true);
}

#define ASKS(w, asking, author, ...)                                                 \
	do {                                                                         \
		char *match_[] = {__VA_ARGS__};                                      \
		asks(w, asking, author, match_, sizeof(match_) / sizeof(match_[0])); \
	} while (0)

/* ---- counting ------------------------------------------------------------------------------------------- */

static void preview__of_random_matches__is_what_a_look_at_each_alert_gives(void **state)
{
	static char *const some[] = {(char *)"host=web-1*", (char *)"host=WEB-7",
	    (char *)"host=web-3,web-4,web-5", (char *)"host!=web-1", (char *)"host~web-[0-9]",
	    (char *)"rule=\"rule 3\"", (char *)"rule=\"rule 1*\"", (char *)"rule!~\"rule 2.*\"",
	    (char *)"actor=mallory", (char *)"actor!=bob", (char *)"ns=prod", (char *)"ns!=prod",
	    (char *)"title=\"it happened\"", (char *)"status=resolved"};
	static const char *const authors[] = {"U0ALICE", "ci"};
	struct desk_world *w = *state;

	many_came(w);
	for (int round = 0; round < ROUNDS; round++) {
		char *match[3];
		size_t count = 1 + dice(3);
		const char *author = authors[dice(2)];
		struct preview_counts wanted;
		struct matches matches;
		struct asking asking;

		for (size_t i = 0; i < count; i++)
			match[i] = some[dice(sizeof(some) / sizeof(some[0]))];
		assert_true(matches_parse(match, count, &matches, NULL));
		wanted = looked(w, &matches, author);
		asking_init(&asking);
		asks(w, &asking, author, match, count);

		assert_int_equal(asking.done, 1);
		assert_int_equal(asking.freed, 1);
		assert_true(asking.preview.is_known);
		if (memcmp(&asking.preview.counts, &wanted, sizeof(wanted)) != 0)
			fail_msg("round %d, %s by %s: %lld alerts, %lld rules, %lld hosts; wanted "
				 "%lld, %lld, %lld",
			    round, match[0], author, (long long)asking.preview.counts.alerts,
			    (long long)asking.preview.counts.rules,
			    (long long)asking.preview.counts.hosts, (long long)wanted.alerts,
			    (long long)wanted.rules, (long long)wanted.hosts);
		buf_fini(&asking.text);
		matches_fini(&matches);
	}
}

static void preview__in_words__names_what_comes_most(void **state)
{
	struct desk_world *w = *state;
	struct asking asking;

	desk_world_begin(w);
	for (int i = 0; i < 9; i++)
		came(w,
		    i < 5   ? "web-1"
		    : i < 8 ? "WEB-2."
			    : "web-3`x",
		    i < 6 ? "ssh <login>" : "cron", "alice", NOON - i * DAY, i == 2);
	came(w, "web-1", "ssh", "mallory", NOON, true);       /* somebody else */
	came(w, "web-1", "ssh", NULL, NOON - 31 * DAY, true); /* too long ago */
	came(w, "db-1", "ssh", NULL, NOON, false);            /* another host */
	desk_world_end(w, true);
	asking_init(&asking);

	ASKS(w, &asking, "U0ALICE", (char *)"host=web-*");
	assert_string_equal(buf_text(&asking.text),
	    "In the last 30 days it would have covered *9 alerts*, 1 of them escalated: `ssh "
	    "&lt;login&gt;` (6) and `cron` (3); "
	    "on `web-1` (5), `web-2` (3) and `web-3ˋx` (1).\n"
	    ":warning: 1 of these was escalated: be sure that what comes now is yours.");
	ASKS(w, &asking, "U0ALICE", (char *)"host=nowhere");
	assert_string_equal(
	    buf_text(&asking.text), "In the last 30 days it would have covered no alert.");
	buf_fini(&asking.text);
}

static void preview__that_is_broad__is_warned_of(void **state)
{
	static const struct {
		struct preview_counts counts;
		bool is_broad;
	} cases[] = {
	    {{.alerts = PREVIEW_BROAD_ALERTS,
		 .hosts = PREVIEW_BROAD_HOSTS,
		 .rules = PREVIEW_BROAD_RULES},
		false},
	    {{.alerts = PREVIEW_BROAD_ALERTS + 1, .hosts = 1, .rules = 1}, true},
	    {{.alerts = 100, .hosts = PREVIEW_BROAD_HOSTS + 1, .rules = 1}, true},
	    {{.alerts = 100, .hosts = 1, .rules = PREVIEW_BROAD_RULES + 1}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct preview preview = {.is_known = true, .counts = cases[i].counts};
		struct buf text, brief;

		buf_init(&text, 4096);
		buf_init(&brief, 4096);
		preview_put(&preview, &text);
		preview_put_short(&preview.counts, &brief);
		assert_int_equal(
		    strstr(buf_text(&text), "That is broad") != NULL, cases[i].is_broad);
		assert_int_equal(strstr(buf_text(&brief), "broad") != NULL, cases[i].is_broad);
		buf_fini(&text);
		buf_fini(&brief);
	}
}

/* An attacker names hosts as they like, and as many as they like. */
static void preview__of_very_many_hosts__stays_in_bounds(void **state)
{
	struct desk_world *w = *state;
	struct asking asking;
	char host[32];

	desk_world_begin(w);
	for (int i = 0; i < PREVIEW_DISTINCT_MAX + 500; i++) {
		snprintf(host, sizeof(host), "h-%d", i);
		came(w, i % 4 == 0 ? "h-common" : host, "scan", NULL, NOON, false);
	}
	desk_world_end(w, true);
	asking_init(&asking);
	ASKS(w, &asking, "ci", (char *)"rule=scan");

	assert_int_equal(asking.preview.counts.alerts, PREVIEW_DISTINCT_MAX + 500);
	assert_true(asking.preview.counts.hosts <= PREVIEW_DISTINCT_MAX + 1);
	assert_true(asking.preview.counts.hosts > PREVIEW_BROAD_HOSTS);
	assert_non_null(strstr(buf_text(&asking.text), "`h-common` (2625)"));
	buf_fini(&asking.text);
}

/* ---- commands ------------------------------------------------------------------------------------------- */

static char *types(struct desk_world *w, const char *text)
{
	const struct asked asked = {
	    .actor = {.who = "U0ALICE", .via = "slack", .from = "C0SEC"},
	    .channel = "C0SEC",
	    .response_url = "https://hooks.slack.com/commands/T/1/x",
	    .zone = "Europe/Paris",
	};
	struct error err = {0};
	struct buf answer;
	bool is_later;

	buf_init(&answer, 65536);
	desk_world_begin(w);
	if (!commands_run(w->desk, &asked, text, &answer, &is_later, &err))
		fail_msg("%s: %s", text, err.text);
	desk_world_end(w, true);
	return buf_take(&answer);
}

static int64_t words_waiting(struct desk_world *w)
{
	struct error err = {0};
	int64_t counts[4];

	assert_true(storage_count_words(w->storage, counts, NULL, &err));
	return counts[WORD_WAITING];
}

static int64_t audited(struct desk_world *w)
{
	char head[65];
	int64_t count = 0;

	assert_true(storage_audit_head(w->storage, &count, head));
	return count;
}

static void some_came(struct desk_world *w)
{
	desk_world_begin(w);
	for (int i = 0; i < 4; i++)
		came(w, i < 3 ? "web-1" : "web-2", "ssh", NULL, NOON - DAY, i == 0);
	desk_world_end(w, true);
}

static void expect_dry__of_what_is_allowed__says_what_it_would_do_and_does_nothing(void **state)
{
	struct desk_world *w = *state;
	char *answer;

	some_came(w);
	answer = types(w, "expect host=web-1 for 1h dry because deploy");

	assert_non_null(strstr(answer, "Dry run, nothing is announced. It would be active: "
				       "`host=web-1`, until 14:00 CET (1h)"));
	assert_non_null(strstr(answer, "It covers only your own logins"));
	assert_non_null(strstr(answer, "it would have covered *3 alerts*, 1 of them escalated"));
	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_null(storage_announcement(w->storage, 1, NULL));
	assert_int_equal(words_waiting(w), 0);
	assert_int_equal(audited(w), 0);
	free(answer);
}

static void expect__answered__has_the_preview_and_keeps_it(void **state)
{
	struct desk_world *w = *state;
	char *answer, *card;
	struct announcement *kept;
	cJSON *body = cJSON_CreateObject();

	some_came(w);
	answer = types(w, "expect host=web-* because deploy");
	kept = storage_announcement(w->storage, 1, NULL);
	card_put_announcement(w->desk, kept, false, body);
	card = json_write(body);

	assert_non_null(strstr(answer, "*H1* is active"));
	assert_non_null(strstr(answer, "it would have covered *4 alerts*, 1 of them escalated: "
				       "`ssh` (4); on `web-1` (3) and `web-2` (1)."));
	assert_true(kept->has_preview);
	assert_int_equal(kept->preview.alerts, 4);
	assert_int_equal(kept->preview.escalated, 1);
	assert_int_equal(kept->preview.hosts, 2);
	assert_non_null(strstr(card, "Last 30 days"));
	assert_non_null(strstr(card, "4 alerts on 2 hosts, 1 escalated"));
	free(card);
	cJSON_Delete(body);
	announcement_free(kept);
	free(answer);
}

static void edit__of_its_matches__counts_anew(void **state)
{
	struct desk_world *w = *state;
	struct announcement *kept;
	char *answer;

	some_came(w);
	free(types(w, "expect host=web-* because deploy"));
	answer = types(w, "edit H1 host=web-2");
	kept = storage_announcement(w->storage, 1, NULL);

	assert_non_null(strstr(answer, "it would have covered *1 alert*, 0 of them escalated"));
	assert_int_equal(kept->preview.alerts, 1);
	announcement_free(kept);
	free(answer);
}

/* ---- a runner that takes its time ----------------------------------------------------------------------- */

struct runner {
	struct job *job;
	bool is_full;
	int asked;
};

static bool take_job(void *ctx, struct job *job)
{
	struct runner *runner = ctx;

	runner->asked++;
	if (runner->is_full)
		return false;
	assert_null(runner->job);
	runner->job = job;
	return true;
}

static void runner_init(struct runner *runner, struct desk_world *w)
{
	*runner = (struct runner){.job = NULL};
	w->desk->run_job = take_job;
	w->desk->jobs = runner;
}

static void runs(struct runner *runner, struct desk_world *w)
{
	struct job *job = runner->job;
	struct error err = {0};

	runner->job = NULL;
	job->is_read = job->read(job, w->storage, &job->why);
	desk_world_begin(w);
	assert_true(job->done(w->desk, job, &err));
	desk_world_end(w, true);
	job->free(job);
}

static void runs_out_of_time(struct runner *runner, struct desk_world *w)
{
	struct job *job = runner->job;
	struct error err = {0};

	runner->job = NULL;
	error_set(&job->why, ERROR_IO, "interrupted");
	desk_world_begin(w);
	assert_true(job->done(w->desk, job, &err));
	desk_world_end(w, true);
	job->free(job);
}

static bool take_text(void *ctx, const struct word *word)
{
	char **text = ctx;
	cJSON *body = cJSON_Parse(word->body != NULL ? word->body : "{}");

	if (json_text(body, "text") != NULL && strcmp(word->kind, "thread") != 0)
		replace_text(text, json_text(body, "text"));
	cJSON_Delete(body);
	return true;
}

/* The text of the newest answer in the outbox; NULL: none. The caller frees. */
static char *answer_waiting(struct desk_world *w)
{
	struct error err = {0};
	char *text = NULL;

	assert_true(storage_each_word(w->storage, WORD_WAITING, 0, 100, take_text, &text, &err));
	return text;
}

static int over_count;

static void on_over(void *ctx)
{
	(void)ctx;
	over_count++;
}

static void slash_command__while_its_preview_is_counted__is_answered_better_when_it_is_through(
    void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct later *later;
	char *first;

	some_came(w);
	runner_init(&runner, w);
	first = types(w, "expect host=web-* because deploy");
	later = desk_take_later(w->desk);
	assert_non_null(strstr(first, "*H1* is active"));
	assert_null(strstr(first, "30 days"));
	assert_non_null(later);
	over_count = 0;
	later->over = on_over;
	runs(&runner, w);

	assert_int_equal(over_count, 1);
	assert_non_null(strstr(later->answer->valuestring, "*H1* is active"));
	assert_non_null(strstr(later->answer->valuestring, "*4 alerts*"));
	assert_null(answer_waiting(w));
	later_drop(later);
	free(first);
}

static void slash_command__answered_before_its_preview__hears_the_rest_apart(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct later *later;
	char *said;

	some_came(w);
	runner_init(&runner, w);
	free(types(w, "expect host=web-* because deploy"));
	later = desk_take_later(w->desk);
	later_leave(later, true);
	later_drop(later);
	runs(&runner, w);
	said = answer_waiting(w);

	assert_non_null(said);
	assert_true(
	    text_prefix(said, "*H1*: In the last 30 days it would have covered *4 alerts*"));
	free(said);
}

static void direct_message__while_its_preview_is_counted__is_answered_when_it_is_through(
    void **state)
{
	static const char message[] =
	    "{\"event_id\":\"Ev1\",\"event\":{\"type\":\"message\",\"channel_type\":\"im\","
	    "\"channel\":\"D0ALICE\","
	    "\"user\":\"U0ALICE\",\"ts\":\"1.1\",\"text\":\"expect host=web-* because deploy\"}}";
	const struct slack_self self = {.user_id = "U0BOT"};
	struct desk_world *w = *state;
	cJSON *payload = cJSON_Parse(message), *answer = NULL;
	struct error err = {0};
	struct runner runner;
	char *said;

	some_came(w);
	runner_init(&runner, w);
	desk_world_begin(w);
	assert_true(slack_in(w->desk, &self, "events_api", payload, &answer, &err));
	desk_world_end(w, true);
	assert_null(w->desk->later);
	assert_null(answer_waiting(w));
	runs(&runner, w);
	said = answer_waiting(w);

	assert_non_null(said);
	assert_non_null(strstr(said, "*H1* is active"));
	assert_non_null(strstr(said, "*4 alerts*"));
	free(said);
	cJSON_Delete(payload);
	cJSON_Delete(answer);
}

static void preview__out_of_time__says_so_and_the_announcement_stands(void **state)
{
	struct desk_world *w = *state;
	struct announcement *kept;
	struct runner runner;
	struct later *later;

	runner_init(&runner, w);
	free(types(w, "expect host=web-* because deploy"));
	later = desk_take_later(w->desk);
	later->over = on_over;
	runs_out_of_time(&runner, w);
	kept = storage_announcement(w->storage, 1, NULL);

	assert_non_null(strstr(later->answer->valuestring, "could not be counted in time"));
	assert_false(kept->has_preview);
	assert_int_equal(announcements_count(w->desk->announcements), 1);
	announcement_free(kept);
	later_drop(later);
}

static void preview__while_too_many_wait__is_done_without(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	char *answer;

	runner_init(&runner, w);
	runner.is_full = true;
	answer = types(w, "expect host=web-* because deploy");

	assert_null(w->desk->later);
	assert_non_null(strstr(answer, "*H1* is active"));
	assert_non_null(strstr(answer, "could not be counted in time"));
	free(answer);
}

static void preview__of_what_was_not_stored__is_only_freed(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct later *later;

	runner_init(&runner, w);
	free(types(w, "expect host=web-* because deploy"));
	later = desk_take_later(w->desk);
	over_count = 0;
	later->over = on_over;
	runner.job->free(runner.job);

	assert_int_equal(over_count, 1);
	assert_true(later->is_over);
	assert_null(later->answer);
	assert_null(answer_waiting(w));
	later_drop(later);
}

/* Two counts at once: the one for matches that are no more must not be kept. */
static void preview__of_matches_that_were_edited_meanwhile__is_not_kept(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct announcement *kept;
	struct job *first;

	some_came(w);
	runner_init(&runner, w);
	free(types(w, "expect host=web-* because deploy"));
	first = runner.job;
	runner.job = NULL;
	free(types(w, "edit H1 host=web-2"));
	runs(&runner, w);
	runner.job = first;
	runs(&runner, w);
	kept = storage_announcement(w->storage, 1, NULL);

	assert_int_equal(kept->preview.alerts, 1);
	announcement_free(kept);
}

static void preview__of_what_ended_meanwhile__is_kept_and_not_told(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct announcement *kept;
	int64_t before;

	runner_init(&runner, w);
	free(types(w, "expect host=web-* because deploy"));
	later_drop(desk_take_later(w->desk));
	free(types(w, "end H1"));
	before = words_waiting(w);
	runs(&runner, w);
	kept = storage_announcement(w->storage, 1, NULL);

	assert_true(kept->has_preview);
	assert_int_equal(words_waiting(w), before + 1); /* the answer alone */
	announcement_free(kept);
}

/* ---- the API -------------------------------------------------------------------------------------------- */

struct called {
	int status;
	cJSON *json;
};

static struct called calls(struct desk_world *w, const char *method, const char *path,
    const char *token, const char *key, const char *body)
{
	char authorization[64];
	struct api_param headers[2] = {{"Authorization", authorization}, {"Idempotency-Key", key}};
	const struct api_request request = {.method = method,
	    .path = path,
	    .headers = headers,
	    .header_count = key != NULL ? 2 : 1,
	    .body = body,
	    .body_len = strlen(body),
	    .remote = "127.0.0.1"};
	struct api_answer answer;
	struct called called;
	bool keep;

	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	api_answer_init(&answer);
	desk_world_begin(w);
	keep = api_handle(w->desk, &request, &answer);
	desk_world_end(w, keep);
	called.status = answer.status;
	called.json = cJSON_Parse(buf_text(&answer.body));
	api_answer_fini(&answer);
	return called;
}

static void assert_preview(const cJSON *json, int64_t alerts, int64_t escalated)
{
	const cJSON *preview = json_get(json, "preview");
	int64_t value;

	assert_true(cJSON_IsObject(preview));
	assert_true(json_int(preview, "days", &value) && value == 30);
	assert_true(json_int(preview, "alerts", &value) && value == alerts);
	assert_true(json_int(preview, "escalated", &value) && value == escalated);
}

#define POSTED "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"because\":\"deploy\"}"

static void api__announcement__has_its_preview_in_201_and_get(void **state)
{
	struct desk_world *w = *state;
	struct called posted, again, got;

	desk_world_begin(w);
	came(w, "web-1", "ssh", "deploy", NOON, true);
	came(w, "web-2", "ssh", "deploy", NOON, false);
	came(w, "web-2", "ssh", NULL, NOON, false);
	desk_world_end(w, true);
	posted = calls(w, "POST", "/v1/announcements", CI, "key-1", POSTED);
	again = calls(w, "POST", "/v1/announcements", CI, "key-1", POSTED);
	got = calls(w, "GET", "/v1/announcements/H1", OPS, NULL, "");

	assert_int_equal(posted.status, 201);
	assert_preview(posted.json, 2, 1);
	assert_string_equal(json_text(posted.json, "warning"),
	    "1 of these was escalated: be sure that what comes now is yours.");
	assert_preview(again.json, 2, 1);
	assert_preview(got.json, 2, 1);
	cJSON_Delete(posted.json);
	cJSON_Delete(again.json);
	cJSON_Delete(got.json);
}

static void api__dry__answers_200_and_announces_nothing(void **state)
{
	struct desk_world *w = *state;
	struct called called;

	desk_world_begin(w);
	came(w, "web-1", "ssh", "deploy", NOON, false);
	desk_world_end(w, true);
	called = calls(w, "POST", "/v1/announcements", CI, NULL,
	    "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"because\":\"deploy\",\"dry\":true}");

	assert_int_equal(called.status, 200);
	assert_true(cJSON_IsNull(json_get(called.json, "id")));
	assert_preview(called.json, 1, 0);
	assert_true(cJSON_IsNull(json_get(called.json, "warning")));
	assert_int_equal(announcements_count(w->desk->announcements), 0);
	assert_int_equal(words_waiting(w), 0);
	cJSON_Delete(called.json);
}

static void api__while_its_preview_is_counted__holds_a_whole_answer_for_later(void **state)
{
	struct desk_world *w = *state;
	struct runner runner;
	struct later *later;
	struct called posted;

	runner_init(&runner, w);
	posted = calls(w, "POST", "/v1/announcements", CI, NULL, POSTED);
	later = desk_take_later(w->desk);
	assert_int_equal(posted.status, 201);
	assert_string_equal(json_text(posted.json, "id"), "H1");
	assert_true(cJSON_IsNull(json_get(posted.json, "preview")));
	assert_non_null(later);
	over_count = 0;
	later->over = on_over;
	runs(&runner, w);

	assert_int_equal(over_count, 1);
	assert_string_equal(json_text(later->answer, "id"), "H1");
	assert_preview(later->answer, 0, 0);
	assert_null(answer_waiting(w));
	later_drop(later);
	cJSON_Delete(posted.json);
}

static void api__refused__counts_nothing(void **state)
{
	static const char *const bodies[] = {"{\"match\":[\"host=*\"],\"because\":\"x\"}",
	    "{\"match\":7,\"because\":\"x\"}", "{\"match\":[\"host=web-1\"]}", "[]", "{"};
	struct desk_world *w = *state;
	struct runner runner;

	runner_init(&runner, w);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct called called = calls(w, "POST", "/v1/announcements", CI, NULL, bodies[i]);

		assert_true(called.status >= 400);
		cJSON_Delete(called.json);
	}
	assert_int_equal(runner.asked, 0);
	assert_null(w->desk->later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(preview__of_random_matches__is_what_a_look_at_each_alert_gives),
	    TEST(preview__in_words__names_what_comes_most),
	    TEST(preview__that_is_broad__is_warned_of),
	    TEST(preview__of_very_many_hosts__stays_in_bounds),
	    TEST(expect_dry__of_what_is_allowed__says_what_it_would_do_and_does_nothing),
	    TEST(expect__answered__has_the_preview_and_keeps_it),
	    TEST(edit__of_its_matches__counts_anew),
	    TEST(
		slash_command__while_its_preview_is_counted__is_answered_better_when_it_is_through),
	    TEST(slash_command__answered_before_its_preview__hears_the_rest_apart),
	    TEST(direct_message__while_its_preview_is_counted__is_answered_when_it_is_through),
	    TEST(preview__out_of_time__says_so_and_the_announcement_stands),
	    TEST(preview__while_too_many_wait__is_done_without),
	    TEST(preview__of_what_was_not_stored__is_only_freed),
	    TEST(preview__of_matches_that_were_edited_meanwhile__is_not_kept),
	    TEST(preview__of_what_ended_meanwhile__is_kept_and_not_told),
	    TEST(api__announcement__has_its_preview_in_201_and_get),
	    TEST(api__dry__answers_200_and_announces_nothing),
	    TEST(api__while_its_preview_is_counted__holds_a_whole_answer_for_later),
	    TEST(api__refused__counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
