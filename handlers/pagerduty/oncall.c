#include "handlers/pagerduty/oncall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/commands_internal.h"
#include "handlers/pagerduty/users.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"

#define HEARD_MARK "pagerduty.oncalls"       /* when PagerDuty told all of it; with a + after it where there was more than is read */
#define ASKED_MARK "pagerduty.oncalls.asked" /* when it was asked last because of working hours */
#define SILENCE_LANE "oncall-silence"
#define SILENCE_S 10      /* who asked is told after this that PagerDuty does not answer */
#define AHEAD_S 60        /* what begins later than this is not now: clocks differ */
#define LEVEL_MAX 100     /* no policy has more */
#define LEARN_MAX 100     /* users that are asked for at a time */
#define NAME_UNITS 100    /* of a policy's or a person's name */
#define TEAM_BYTES_MAX 200
#define POLICIES_MAX 30   /* that one answer shows */
#define PEOPLE_MAX 20     /* that it shows of one policy */
#define OTHERS_MAX 20     /* policies that are named where none fits */
#define ANSWER_MAX (64 << 10)

/* ---- when it was heard ------------------------------------------------------------------------------------- */

static int64_t mark_time(struct desk *desk, const char *name, bool *is_cut)
{
	char *value = storage_mark(desk->storage, name), *end = NULL;
	int64_t at = value != NULL ? (int64_t)strtoll(value, &end, 10) : 0;

	if (value == NULL || end == value || at <= 0)
		at = TIME_NONE;
	if (is_cut != NULL)
		*is_cut = at != TIME_NONE && *end == '+';
	free(value);
	return at;
}

static bool put_mark_time(struct desk *desk, const char *name, int64_t at, bool is_cut, struct error *err)
{
	char *value = xasprintf("%" PRId64 "%s", at, is_cut ? "+" : "");
	bool ok = storage_put_mark(desk->storage, name, value, err);

	free(value);
	return ok;
}

/* ---- what is known ------------------------------------------------------------------------------------------- */

struct known {
	struct oncall *rows;
	size_t count, room;
};

static bool add_known(void *ctx, const struct oncall *row)
{
	struct known *known = ctx;
	struct oncall *copy;

	if (known->count == known->room) {
		known->room = known->room == 0 ? 64 : known->room * 2;
		known->rows = xreallocarray(known->rows, known->room, sizeof(*known->rows));
	}
	copy = &known->rows[known->count++];
	*copy = *row;
	copy->policy = xstrdup(row->policy);
	copy->policy_name = xstrdup(text_shows_nothing(row->policy_name) ? row->policy : row->policy_name);
	copy->user = xstrdup(row->user);
	copy->user_name = xstrdup(text_shows_nothing(row->user_name) ? row->user : row->user_name);
	return known->count < ONCALL_ROWS_MAX;
}

static void known_fini(struct known *known)
{
	for (size_t i = 0; i < known->count; i++) {
		free(known->rows[i].policy);
		free(known->rows[i].policy_name);
		free(known->rows[i].user);
		free(known->rows[i].user_name);
	}
	free(known->rows);
	*known = (struct known){.rows = NULL};
}

/* Is this the first row of its policy? Rows of two policies that have one name may be mixed. */
static bool is_first_of_policy(const struct known *known, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(known->rows[i].policy, known->rows[at].policy) == 0)
			return false;
	}
	return true;
}

/* ---- which of them ------------------------------------------------------------------------------------------- */

enum fit { FIT_NOT, FIT_PART, FIT_WHOLE };

static enum fit team_fit(const struct oncall *row, const char *team)
{
	if (text_is_empty(team) || strcasecmp(row->policy, team) == 0 || strcasecmp(row->policy_name, team) == 0)
		return FIT_WHOLE;
	return strcasestr(row->policy_name, team) != NULL ? FIT_PART : FIT_NOT;
}

/* One that is called just so is meant alone. */
static enum fit best_fit(const struct known *known, const char *team)
{
	enum fit best = FIT_NOT;

	for (size_t i = 0; i < known->count && best != FIT_WHOLE; i++) {
		const enum fit fit = team_fit(&known->rows[i], team);

		best = fit > best ? fit : best;
	}
	return best;
}

struct other {
	const char *name;
	size_t distance;
};

static int by_distance(const void *a, const void *b)
{
	const struct other *left = a, *right = b;

	if (left->distance != right->distance)
		return left->distance < right->distance ? -1 : 1;
	return strcasecmp(left->name, right->name);
}

static void put_others(const struct known *known, const char *team, struct buf *out)
{
	struct other *others = xcalloc(known->count + 1, sizeof(*others));
	char *wanted = text_lower(team), *name;
	size_t count = 0, i;

	for (i = 0; i < known->count; i++) {
		if (!is_first_of_policy(known, i))
			continue;
		name = text_lower(known->rows[i].policy_name);
		others[count].name = known->rows[i].policy_name;
		others[count++].distance = text_distance(wanted, name);
		free(name);
	}
	qsort(others, count, sizeof(*others), by_distance);
	buf_puts(out, "No escalation policy with somebody on call is called ");
	buf_put_code(out, team, NAME_UNITS);
	buf_puts(out, ". There ");
	buf_puts(out, count == 1 ? "is " : "are ");
	for (i = 0; i < count && i < OTHERS_MAX; i++) {
		buf_puts(out, i > 0 ? ", " : "");
		buf_put_code(out, others[i].name, NAME_UNITS);
	}
	if (count > OTHERS_MAX)
		buf_printf(out, " and %zu more", count - OTHERS_MAX);
	buf_putc(out, '.');
	free(wanted);
	free(others);
}

/* ---- how it is put ------------------------------------------------------------------------------------------- */

/* Who waits for an answer, as the word's body has it. */
static struct asked asked_of(const cJSON *body)
{
	const cJSON *from = json_get(body, "asked");

	return (struct asked){
	    .actor = {.who = json_text(from, "who"), .via = "slack", .from = json_text(from, "channel")},
	    .channel = json_text(from, "channel"),
	    .thread_ts = json_text(from, "thread_ts"),
	    .response_url = json_text(from, "response_url"),
	    .zone = json_text(from, "zone"),
	};
}

/* Where others read it too, people are named and not mentioned: who is on call is not to be woken by being asked for. */
static void put_who(struct desk *desk, const struct asked *asked, const struct oncall *row, struct buf *out)
{
	char *here = user_here(desk, row->user, NULL), *name;

	if (!slack_is_user(here)) {
		buf_put_mrkdwn(out, row->user_name, NAME_UNITS);
	} else if (asked->response_url != NULL) {
		buf_put_person(out, desk->config, here);
	} else {
		name = person_name(desk, here);
		buf_puts(out, name[0] == '@' ? "" : "@");
		buf_put_mrkdwn(out, name, NAME_UNITS);
		free(name);
	}
	free(here);
}

/* "*Security* 1: @alice until 18:00 CET · 2: Bob": the policy of the row at FIRST. */
static void put_policy(struct desk *desk, const struct asked *asked, const struct known *known, size_t first, struct buf *out)
{
	int64_t level = 0;
	size_t shown = 0, left = 0;

	buf_putc(out, '*');
	buf_put_mrkdwn(out, known->rows[first].policy_name, NAME_UNITS);
	buf_putc(out, '*');
	for (size_t i = first; i < known->count; i++) {
		const struct oncall *row = &known->rows[i];

		if (strcmp(row->policy, known->rows[first].policy) != 0)
			continue;
		if (shown == PEOPLE_MAX) {
			left++;
			continue;
		}
		if (row->level != level)
			buf_printf(out, "%s%" PRId64 ": ", shown > 0 ? " · " : " ", row->level);
		else
			buf_puts(out, ", ");
		level = row->level;
		shown++;
		put_who(desk, asked, row, out);
		command_put_time(desk, " until ", row->ends_at, command_zone(asked), out);
	}
	if (left > 0)
		buf_printf(out, " … and %zu more", left);
	buf_putc(out, '\n');
}

/* Does a route name it (page.escalation_policy)? */
static bool is_of_routes(const struct desk *desk, const char *policy)
{
	for (size_t i = 0; i < desk->config->route_count; i++) {
		if (text_equal(desk->config->routes[i].escalation_policy, policy))
			return true;
	}
	return false;
}

/* Those that routes name come first: an account may have hundreds. */
static void put_policies(struct desk *desk, const struct asked *asked, const struct known *known, const char *team, struct buf *out)
{
	const enum fit wanted = best_fit(known, team);
	size_t shown = 0, left = 0;

	if (known->count == 0) {
		buf_puts(out, "Nobody is on call in PagerDuty.\n");
		return;
	}
	if (wanted == FIT_NOT) {
		put_others(known, team, out);
		return;
	}
	for (size_t n = 0; n < 2 * known->count; n++) {
		const size_t i = n % known->count;
		const bool is_wanted_now = is_of_routes(desk, known->rows[i].policy) == (n < known->count);

		if (!is_wanted_now || team_fit(&known->rows[i], team) != wanted || !is_first_of_policy(known, i))
			continue;
		if (shown == POLICIES_MAX) {
			left++;
			continue;
		}
		shown++;
		put_policy(desk, asked, known, i, out);
	}
	if (left > 0)
		buf_printf(out, "… and %zu more; name one: `oncall TEAM`\n", left);
}

/* TROUBLE (plain text) stands in the way of asking anew; NULL: none does. */
static void put_answer(struct desk *desk, const struct asked *asked, const char *team, const char *trouble, struct buf *out)
{
	struct known known = {.rows = NULL};
	struct error why = {0};
	bool is_cut;
	const int64_t heard_at = mark_time(desk, HEARD_MARK, &is_cut);
	char ago[32];

	if (trouble != NULL) {
		buf_put_mrkdwn(out, trouble, sizeof(why.text));
		if (heard_at == TIME_NONE) {
			buf_puts(out, ". Who is on call was not told before either.");
			return;
		}
		duration_write(desk->now > heard_at ? desk->now - heard_at : 0, ago, sizeof(ago));
		command_put_time(desk, ". As it was at ", heard_at, command_zone(asked), out);
		buf_printf(out, ", %s ago:\n", ago);
	}
	if (!storage_each_oncall(desk->storage, add_known, &known, &why))
		log_warn("who is on call cannot be read why=%s", why.text);
	put_policies(desk, asked, &known, team, out);
	if (is_cut)
		buf_printf(out, "PagerDuty has more than the %d that are read here.\n", ONCALL_ROWS_MAX);
	known_fini(&known);
}

static bool tell(struct desk *desk, const cJSON *body, const char *trouble, struct error *err)
{
	const struct asked asked = asked_of(body);
	struct buf text;
	bool ok;

	if (asked.actor.who == NULL)
		return true; /* nobody waits: it was asked because of working hours */
	buf_init(&text, ANSWER_MAX);
	put_answer(desk, &asked, json_text(body, "team"), trouble, &text);
	ok = command_deliver(desk, &asked, buf_text(&text), err);
	buf_fini(&text);
	return ok;
}

/* ---- silence --------------------------------------------------------------------------------------------------- */

/*
 * A word of its own, in a lane of its own: PagerDuty's may be held up, and who asked is told all the same. It goes away with the answer.
 */
static bool leave_silence(struct desk *desk, const cJSON *body, int64_t *id, struct error *err)
{
	cJSON *own = cJSON_Duplicate(body, true);
	struct word word = {
	    .lane = SILENCE_LANE,
	    .kind = WORD_ONCALL,
	    .subject = "",
	    .not_before = desk->now + SILENCE_S,
	    .deadline = desk->now + WORD_ANSWER_S,
	    .created_at = desk->now,
	    .state = WORD_WAITING,
	};
	bool ok;

	cJSON_AddBoolToObject(own, "silence", true);
	word.body = json_write(own);
	ok = storage_add_word(desk->storage, &word, err);
	*id = word.id;
	free(word.body);
	cJSON_Delete(own);
	return ok;
}

/* Who asked was told nothing yet (*WAS_SILENT), and needs no telling of silence any more. */
static bool end_silence(struct desk *desk, const cJSON *body, bool *was_silent, struct error *err)
{
	struct word *word = NULL;
	bool ok = true;
	int64_t id;

	if (json_int(body, "silence_word", &id))
		word = storage_word(desk->storage, id);
	*was_silent = word != NULL && text_equal(word->lane, SILENCE_LANE);
	if (*was_silent)
		ok = storage_remove_word(desk->storage, id, err);
	word_free(word);
	return ok;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

bool oncall_tell(struct desk *desk, const struct asked *asked, const char *team, struct error *err)
{
	cJSON *body, *from;
	int64_t silence = 0;

	if (!rest_is_on(desk))
		return error_set(err, ERROR_REFUSED,
		    "who is on call is told by PagerDuty's REST API: set pagerduty.api_token");
	if (team != NULL && strlen(team) > TEAM_BYTES_MAX)
		return error_set(err, ERROR_USAGE, "a team's name has at most %d bytes", TEAM_BYTES_MAX);
	body = cJSON_CreateObject();
	from = cJSON_AddObjectToObject(body, "asked");
	json_put(from, "who", asked->actor.who);
	json_put(from, "channel", asked->channel);
	json_put(from, "thread_ts", asked->thread_ts);
	json_put(from, "response_url", asked->response_url);
	json_put(from, "zone", asked->zone);
	json_put(body, "team", team);
	if (!leave_silence(desk, body, &silence, err)) {
		cJSON_Delete(body);
		return false;
	}
	json_put_int(body, "silence_word", silence);
	return rest_leave(desk, WORD_ONCALL, "", NULL, body, REST_FIRST_ASK, WORD_ANSWER_S, err);
}

bool oncall_tick(struct desk *desk, struct error *err)
{
	int64_t asked_at;

	if (!desk->config->hours.is_set || !rest_is_on(desk))
		return true;
	asked_at = mark_time(desk, ASKED_MARK, NULL);
	if (asked_at != TIME_NONE && asked_at <= desk->now && desk->now - asked_at < ONCALL_ASK_S)
		return true;
	return put_mark_time(desk, ASKED_MARK, desk->now, false, err) &&
	       rest_leave(desk, WORD_ONCALL, "", "oncalls", cJSON_CreateObject(), REST_FIRST_ASK, ONCALL_ASK_S, err);
}

/* Somebody else's question, later than this one, was answered: nothing is asked twice. */
static bool is_known_since(struct desk *desk, const struct word *word)
{
	const int64_t heard_at = mark_time(desk, HEARD_MARK, NULL);

	return heard_at != TIME_NONE && word->created_at != TIME_NONE && heard_at >= word->created_at && heard_at <= desk->now;
}

static bool ask(struct talk *talk, int64_t offset, struct error *err)
{
	char number[24];
	struct buf path;
	bool ok;

	buf_init(&path, REST_PATH_MAX);
	buf_puts(&path, "/oncalls");
	snprintf(number, sizeof(number), "%d", REST_PAGE);
	rest_put_query(&path, "limit", number);
	snprintf(number, sizeof(number), "%" PRId64, offset);
	rest_put_query(&path, "offset", number);
	rest_put_query(&path, "earliest", "true");
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

static bool render(struct talk *talk, struct error *err)
{
	int64_t offset;
	bool was_silent;

	if (json_true(talk->body, "silence"))
		return rest_nothing(talk) && tell(talk->desk, talk->body, "PagerDuty tells nothing just now, and is asked on", err);
	if (!json_int(talk->body, "offset", &offset))
		offset = 0;
	if (offset == 0 && is_known_since(talk->desk, talk->word))
		return rest_nothing(talk) && end_silence(talk->desk, talk->body, &was_silent, err) &&
		       tell(talk->desk, talk->body, NULL, err);
	return ask(talk, offset, err);
}

/* ---- hearing --------------------------------------------------------------------------------------------------- */

/* The member NAME of BODY, made when it is not there: {} or []. */
static cJSON *part(cJSON *body, const char *name, bool is_list)
{
	cJSON *found = cJSON_GetObjectItemCaseSensitive(body, name);

	if (found != NULL)
		return found;
	found = is_list ? cJSON_CreateArray() : cJSON_CreateObject();
	cJSON_AddItemToObject(body, name, found);
	return found;
}

/* NAMES gets what the reference NAME of ITEM is called; its id comes back, NULL when it has none. */
static const char *take_name(cJSON *names, const cJSON *item, const char *name)
{
	const char *id = rest_ref(item, name), *text = json_text(json_get(item, name), "summary");
	struct buf cut;

	if (id == NULL || json_get(names, id) != NULL)
		return id;
	if (text_is_empty(text))
		text = json_text(json_get(item, name), "name");
	buf_init(&cut, NAME_UNITS * 4);
	if (text != NULL)
		buf_put(&cut, text, utf16_prefix(text, strlen(text), NAME_UNITS));
	cJSON_AddStringToObject(names, id, buf_text(&cut));
	buf_fini(&cut);
	return id;
}

/* One row of the answer into BODY. What cannot be read is nobody: that somebody is on call lets things through. */
static void take_row(struct desk *desk, cJSON *body, const cJSON *item)
{
	const char *policy = take_name(part(body, "policies", false), item, "escalation_policy");
	const char *user = take_name(part(body, "users", false), item, "user");
	const char *start = json_text(item, "start"), *end = json_text(item, "end");
	const int64_t starts_at = rest_time(start), ends_at = rest_time(end);
	int64_t level;
	cJSON *row;

	if (policy == NULL || user == NULL || !json_int(item, "escalation_level", &level) || level < 1 || level > LEVEL_MAX)
		return;
	if ((end != NULL && (ends_at == TIME_NONE || ends_at <= desk->now)) ||
	    (start != NULL && (starts_at == TIME_NONE || starts_at > desk->now + AHEAD_S)))
		return;
	row = cJSON_CreateArray();
	cJSON_AddItemToArray(row, cJSON_CreateString(policy));
	cJSON_AddItemToArray(row, cJSON_CreateNumber((double)level));
	cJSON_AddItemToArray(row, cJSON_CreateString(user));
	if (end != NULL)
		cJSON_AddItemToArray(row, cJSON_CreateNumber((double)ends_at));
	cJSON_AddItemToArray(part(body, "rows", true), row);
}

static bool learn(struct desk *desk, const struct oncall *rows, size_t count, struct error *err)
{
	size_t asked = 0;

	/* Who is called first decides most, and is learnt first. */
	for (int later = 0; later < 2; later++) {
		for (size_t i = 0; i < count && asked < LEARN_MAX; i++) {
			if ((rows[i].level > 1) != (later == 1) || user_is_known(desk, rows[i].user))
				continue;
			if (!user_learn(desk, rows[i].user, err))
				return false;
			asked++;
		}
	}
	return true;
}

/* All of it was heard: it takes the place of what was known. */
static bool keep(struct desk *desk, const cJSON *body, bool is_cut, struct error *err)
{
	const cJSON *policies = json_get(body, "policies"), *users = json_get(body, "users"), *list = json_get(body, "rows"), *item;
	struct oncall *rows = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*rows));
	int64_t at;
	size_t count = 0;
	bool ok;

	cJSON_ArrayForEach(item, list)
	{
		struct oncall *row = &rows[count];
		const cJSON *level = cJSON_GetArrayItem(item, 1), *end = cJSON_GetArrayItem(item, 3);

		row->policy = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
		row->user = cJSON_GetStringValue(cJSON_GetArrayItem(item, 2));
		if (row->policy == NULL || row->user == NULL || !cJSON_IsNumber(level))
			continue;
		row->level = (int64_t)level->valuedouble;
		row->ends_at = cJSON_IsNumber(end) ? (int64_t)end->valuedouble : TIME_NONE;
		row->policy_name = (char *)json_text(policies, row->policy);
		row->user_name = (char *)json_text(users, row->user);
		count++;
	}
	if (!json_int(body, "at", &at))
		at = desk->now;
	ok = storage_put_oncalls(desk->storage, rows, count, err) && put_mark_time(desk, HEARD_MARK, at, is_cut, err) &&
	     learn(desk, rows, count, err);
	free(rows);
	return ok;
}

static bool refused(struct talk *talk, const char *why, struct error *err)
{
	bool was_silent;

	log_warn("who is on call was not told why=%s", why);
	return end_silence(talk->desk, talk->body, &was_silent, err) && tell(talk->desk, talk->body, why, err);
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	const cJSON *list = json_get(reply->body, "oncalls"), *item;
	const bool has_more = json_true(reply->body, "more");
	int64_t offset, at;
	char *why;
	bool ok, was_silent;
	int taken = 0;

	if (!reply->ok) {
		why = rest_refusal(reply);
		ok = refused(talk, why, err);
		free(why);
		return ok;
	}
	if (!cJSON_IsArray(list))
		return refused(talk, "PagerDuty's answer cannot be read", err);
	if (!json_int(talk->body, "offset", &offset))
		offset = 0;
	if (!json_int(talk->body, "at", &at))
		json_put_int(talk->body, "at", talk->desk->now);
	cJSON_ArrayForEach(item, list)
	{
		if (taken++ < REST_PAGE)
			take_row(talk->desk, talk->body, item);
	}
	offset += REST_PAGE;
	if (has_more && offset < ONCALL_ROWS_MAX) {
		cJSON_DeleteItemFromObjectCaseSensitive(talk->body, "offset");
		json_put_int(talk->body, "offset", offset);
		return rest_go_on(talk);
	}
	return keep(talk->desk, talk->body, has_more, err) && end_silence(talk->desk, talk->body, &was_silent, err) &&
	       tell(talk->desk, talk->body, NULL, err);
}

static bool failed(struct talk *talk, const struct reply *reply, bool is_final, struct error *err)
{
	const bool is_refused = reply->status >= 400 && reply->status < 500 && reply->status != 408 && reply->status != 429;
	bool was_silent, ok;
	char *why;

	(void)is_final;
	if (json_true(talk->body, "silence"))
		return true;
	why = is_refused ? rest_refusal(reply) : xstrdup("PagerDuty does not answer");
	log_warn("who is on call could not be asked why=%s", why);
	ok = end_silence(talk->desk, talk->body, &was_silent, err) &&
	     (!was_silent || tell(talk->desk, talk->body, why, err));
	free(why);
	return ok;
}

const struct conversation oncall_conversation = {.kind = WORD_ONCALL, .render = render, .heard = heard, .failed = failed};

/* ---- working hours --------------------------------------------------------------------------------------------- */

struct looking {
	struct desk *desk;
	const char *who;
	bool found;
};

static bool is_who(void *ctx, const struct oncall *row)
{
	struct looking *looking = ctx;
	char *here;

	if (row->level != 1 || (row->ends_at != TIME_NONE && row->ends_at <= looking->desk->now))
		return true;
	/* Without their name: what somebody is called there is no Slack id of theirs. */
	here = user_here(looking->desk, row->user, NULL);
	looking->found = text_equal(here, looking->who);
	free(here);
	return !looking->found;
}

bool oncall_has(struct desk *desk, const char *who)
{
	struct looking looking = {.desk = desk, .who = who};
	int64_t heard_at;

	if (!rest_is_on(desk) || !slack_is_user(who))
		return false;
	heard_at = mark_time(desk, HEARD_MARK, NULL);
	if (heard_at == TIME_NONE || heard_at > desk->now || desk->now - heard_at > ONCALL_FRESH_S)
		return false;
	return storage_each_oncall(desk->storage, is_who, &looking, NULL) && looking.found;
}
