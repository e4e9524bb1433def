#include "handlers/pagerduty/users.h"

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
#include "handlers/people.h"
#include "handlers/slack_text.h"

#define NAME_UNITS 80            /* UTF-16 units of a name that PagerDuty tells */
#define NAME_BYTES (NAME_UNITS * 3 + 16)
#define LEARNING_S 3600          /* a word that asks who somebody is; later it is left anew where it matters */
#define PROFILE_WANTED_S 60      /* Slack is asked for one profile so often */
#define LOOKUP_EVERY_S 86400     /* Slack is asked who has an address */
#define ROUND_S 86400            /* the configuration's people are learnt */
#define ROUND_AHEAD_S 7200       /* before what is known of them is old */
#define ROUND_STEP_S 10          /* so long apart, */
#define ROUND_STEP_PEOPLE 5      /* so many at a time */
#define ROUND_MARK "pagerduty.people"
#define PAGES "user_pages"       /* of a conversation's body: how far a search went */

/* ---- what an address and a name may be ------------------------------------------------------------------------- */

/* An address that may stand in a header, and that two sides can mean the same by. */
static bool is_address(const char *text)
{
	size_t len = text != NULL ? strnlen(text, USER_EMAIL_MAX + 1) : 0;
	const char *at = len > 0 ? strchr(text, '@') : NULL;

	if (len > USER_EMAIL_MAX || at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || strchr("<>,;:\"()\\", text[i]) != NULL)
			return false;
	}
	return true;
}

static bool same_address(const char *a, const char *b)
{
	return is_address(a) && b != NULL && strcasecmp(a, b) == 0;
}

/* NAME as it may be kept and shown: on one line, without what is not seen; NULL when nothing is left. The caller frees. */
static char *clean_name(const char *name)
{
	struct buf out;
	size_t len, size;
	bool blank = false;
	char *taken;

	if (text_shows_nothing(name))
		return NULL;
	buf_init(&out, NAME_BYTES);
	len = utf16_prefix(name, strlen(name), NAME_UNITS);
	for (size_t i = 0; i < len; i += size) {
		uint32_t code = utf8_decode(name + i, len - i, &size);

		if (code == ' ' || code == '\n' || code == '\r' || code == '\t') {
			blank = out.len > 0;
		} else if (!codepoint_is_invisible(code)) {
			if (blank)
				buf_putc(&out, ' ');
			blank = false;
			buf_put_utf8(&out, code);
		}
	}
	taken = text_shows_nothing(buf_text(&out)) ? NULL : xstrdup(buf_text(&out));
	buf_fini(&out);
	return taken;
}

/* ---- the configuration's people -------------------------------------------------------------------------------- */

static const struct person_config *person_by_id(const struct config *config, const char *id)
{
	for (size_t i = 0; i < config->person_count; i++) {
		if (text_equal(config->people[i].pagerduty, id))
			return &config->people[i];
	}
	return NULL;
}

static const struct person_config *person_by_email(const struct config *config, const char *email)
{
	for (size_t i = 0; i < config->person_count; i++) {
		if (same_address(config->people[i].email, email))
			return &config->people[i];
	}
	return NULL;
}

static bool is_token(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->token_count; i++) {
		if (text_equal(config->tokens[i].name, name))
			return true;
	}
	return false;
}

/* ---- from here to there ---------------------------------------------------------------------------------------- */

void user_found_fini(struct user_found *found)
{
	free(found->email);
	found->email = NULL;
}

/* Who is looked for, and for when: what will be old by then is asked for anew. */
struct search {
	struct desk *desk;
	int64_t at;
	struct user_found *found;
};

static bool is_fresh(const struct search *search, int64_t fetched_at, int64_t fresh_s)
{
	return fetched_at <= search->desk->now && fetched_at > search->at - fresh_s;
}

/* True where the search is over. */
static bool answer(const struct search *search, enum user_answer what, const char *id, const char *email)
{
	struct user_found *found = search->found;

	found->answer = what;
	snprintf(found->id, sizeof(found->id), "%s", id != NULL ? id : "");
	free(found->email);
	found->email = email != NULL ? xstrdup(email) : NULL;
	return what != USER_STRANGER;
}

static bool answer_ask(const struct search *search, const char *id, const char *email)
{
	/* Where nobody can be asked, what is not known is not known. */
	return rest_is_on(search->desk) ? answer(search, USER_ASK, id, email) : answer(search, USER_STRANGER, NULL, NULL);
}

/* EMAIL is what the configuration says of them, for a user whose own PagerDuty did not tell; may be NULL. */
static bool find_by_id(const struct search *search, const char *id, const char *email)
{
	struct pagerduty_user user;
	bool is_over;

	if (!rest_is_id(id))
		return false;
	if (!storage_pagerduty_user(search->desk->storage, id, &user))
		return answer_ask(search, id, NULL);
	if (user.email == NULL && is_address(email) && user.name != NULL)
		user.email = xstrdup(email);
	if (!is_fresh(search, user.fetched_at, user.email != NULL ? USER_FRESH_S : STRANGER_FRESH_S))
		is_over = answer_ask(search, id, NULL);
	else if (user.email == NULL)
		is_over = answer(search, USER_STRANGER, NULL, NULL);
	else
		is_over = answer(search, USER_KNOWN, id, user.email);
	pagerduty_user_fini(&user);
	return is_over;
}

static bool find_by_email(const struct search *search, const char *email)
{
	struct pagerduty_user user;
	bool is_over;

	if (!is_address(email))
		return false;
	if (!storage_pagerduty_user_mailed(search->desk->storage, email, &user))
		return answer_ask(search, NULL, email);
	if (!is_fresh(search, user.fetched_at, user.id != NULL ? USER_FRESH_S : STRANGER_FRESH_S))
		is_over = answer_ask(search, NULL, email);
	else if (user.id == NULL)
		is_over = answer(search, USER_STRANGER, NULL, NULL);
	else
		is_over = answer(search, USER_KNOWN, user.id, user.email);
	pagerduty_user_fini(&user);
	return is_over;
}

/* Slack is asked once; until it has answered there is nothing to go by. */
static bool ask_slack(const struct search *search, const char *slack, struct error *err)
{
	struct desk *desk = search->desk;
	char *key = xasprintf("profile for pagerduty:%s", slack);
	bool again = false, ok;

	ok = storage_see(desk->storage, key, desk->now, PROFILE_WANTED_S, &again, err) &&
	     (again || say_ask_profile(desk, slack, NULL, err));
	free(key);
	if (ok)
		answer(search, USER_WAIT, NULL, NULL);
	return ok;
}

/* HAS_OTHER: another address of theirs is known, and nobody's there; Slack is not asked for one more. */
static bool find_by_profile(const struct search *search, const char *slack, bool has_other, struct error *err)
{
	struct desk *desk = search->desk;
	struct profile profile = {0};
	bool is_known, is_old, ok = true;

	if (!slack_is_user(slack))
		return true;
	is_known = storage_profile(desk->storage, slack, &profile);
	is_old = !is_known || profile.fetched_at == TIME_NONE || profile.fetched_at > desk->now ||
		 profile.fetched_at <= desk->now - PROFILE_STALE_S;
	if (is_known && profile.is_bot)
		answer(search, USER_STRANGER, NULL, NULL);
	else if (profile.email != NULL)
		find_by_email(search, profile.email);
	else if (is_old && !has_other && rest_is_on(desk) && desk->config->slack.is_enabled)
		ok = ask_slack(search, slack, err);
	profile_fini(&profile);
	return ok;
}

static bool find(const struct search *search, const char *who, struct error *err)
{
	const struct config *config = search->desk->config;
	const struct person_config *person;
	const char *email, *slack;

	answer(search, USER_STRANGER, NULL, NULL);
	if (text_is_empty(who) || is_token(config, who))
		return true;
	person = config_person(config, who);
	email = person != NULL && person->email != NULL ? person->email : who;
	slack = slack_is_user(who) ? who : person != NULL ? person->slack : NULL;
	if (person != NULL && find_by_id(search, person->pagerduty, person->email))
		return true;
	if (find_by_email(search, email))
		return true;
	return find_by_profile(search, slack, is_address(email), err);
}

bool user_find(struct desk *desk, const char *who, struct user_found *found, struct error *err)
{
	const struct search search = {.desk = desk, .at = desk->now, .found = found};

	*found = (struct user_found){.answer = USER_STRANGER};
	if (find(&search, who, err))
		return true;
	user_found_fini(found);
	return false;
}

/* ---- who has an address in Slack ------------------------------------------------------------------------------ */

/* The account in Slack that has EMAIL; NULL: none is known. */
static char *slack_of(struct desk *desk, const char *email)
{
	struct profile profile;
	char *slack = NULL;

	if (!is_address(email) || !storage_profile_mailed(desk->storage, email, &profile))
		return NULL;
	if (slack_is_user(profile.slack))
		slack = xstrdup(profile.slack);
	profile_fini(&profile);
	return slack;
}

static char *here_of_email(struct desk *desk, const char *email)
{
	const struct person_config *person = email != NULL ? person_by_email(desk->config, email) : NULL;

	return person != NULL && person->slack != NULL ? xstrdup(person->slack) : slack_of(desk, email);
}

/* PagerDuty tells of somebody of whom Slack has not: it is asked, and until then they are here by their name. */
static bool leave_lookup(struct desk *desk, const char *email, struct error *err)
{
	char *known = here_of_email(desk, email), *lower, *key;
	struct word word = {.lane = "slack-users",
	    .kind = WORD_USER,
	    .subject = "",
	    .priority = REST_FIRST_ASK,
	    .not_before = TIME_NONE,
	    .deadline = desk->now + LEARNING_S,
	    .created_at = desk->now};
	bool again = known != NULL, ok = true;
	cJSON *body;

	free(known);
	if (again || !is_address(email) || !desk->config->slack.is_enabled)
		return true;
	lower = text_lower(email);
	key = xasprintf("slack for pagerduty:%s", lower);
	ok = storage_see(desk->storage, key, desk->now, LOOKUP_EVERY_S, &again, err);
	if (ok && !again) {
		body = cJSON_CreateObject();
		json_put(body, "slack", lower);
		word.body = json_write(body);
		cJSON_Delete(body);
		ok = storage_add_word(desk->storage, &word, err);
		free(word.body);
	}
	free(key);
	free(lower);
	return ok;
}

static bool render_lookup(struct talk *talk, const char *email)
{
	char *known = here_of_email(talk->desk, email);
	bool is_needless = known != NULL;

	free(known);
	if (is_needless)
		return rest_nothing(talk);
	talk->spoken->peer = PEER_SLACK;
	talk->spoken->method = xstrdup("users.lookupByEmail");
	talk->spoken->is_form = true;
	talk->spoken->body = cJSON_CreateObject();
	json_put(talk->spoken->body, "email", email);
	return true;
}

/* docs.slack.dev/reference/methods/users.lookupByEmail */
static bool heard_lookup(struct talk *talk, const char *email, const struct reply *reply, struct error *err)
{
	const cJSON *user = json_get(reply->body, "user");
	const char *id = json_text(user, "id");
	struct profile profile = {.slack = (char *)id, .fetched_at = talk->desk->now};

	if (!reply->ok || !slack_is_user(id))
		return true;
	profile_read(user, &profile);
	profile.email = (char *)email; /* by which they were found, told or not */
	return storage_put_profile(talk->desk->storage, &profile, err);
}

/* ---- asking PagerDuty ------------------------------------------------------------------------------------------ */

/* How many rows of the search for FOUND were looked at, and in how many pages: kept in the body under the address, for it may be another's turn. */
static int64_t pages_looked(const struct talk *talk, const struct user_found *found, int64_t *rows)
{
	const cJSON *pages = json_get(talk->body, PAGES);
	int64_t looked;

	*rows = 0;
	if (!text_equal(json_text(pages, "email"), found->email) || !json_int(pages, "looked", &looked) || looked < 0 ||
	    looked > USER_PAGES_MAX || !json_int(pages, "rows", rows) || *rows < 0 || *rows > USER_PAGES_MAX * REST_PAGE) {
		*rows = 0;
		return 0;
	}
	return looked;
}

static void pages_forget(struct talk *talk)
{
	cJSON_DeleteItemFromObjectCaseSensitive(talk->body, PAGES);
}

bool users_ask(struct talk *talk, const struct user_found *found, struct error *err)
{
	char number[24];
	struct buf path;
	int64_t rows;
	bool ok;

	if (found->email == NULL && !rest_is_id(found->id))
		return rest_nothing(talk);
	buf_init(&path, REST_PATH_MAX);
	if (found->email == NULL) {
		buf_printf(&path, "/users/%s", found->id);
	} else {
		buf_puts(&path, "/users");
		rest_put_query(&path, "query", found->email);
		snprintf(number, sizeof(number), "%d", REST_PAGE);
		rest_put_query(&path, "limit", number);
		pages_looked(talk, found, &rows);
		snprintf(number, sizeof(number), "%" PRId64, rows);
		if (rows > 0)
			rest_put_query(&path, "offset", number);
	}
	ok = rest_get(talk, &path, err);
	buf_fini(&path);
	return ok;
}

/* USER as PagerDuty's API tells; it has an id. */
static bool remember(struct desk *desk, const cJSON *user, struct error *err)
{
	const char *email = json_text(user, "email");
	char *name = clean_name(json_text(user, "name"));
	const struct pagerduty_user known = {
	    .id = (char *)json_text(user, "id"),
	    .email = (char *)(is_address(email) ? email : NULL),
	    .name = name,
	    .fetched_at = desk->now,
	};
	bool ok = storage_put_pagerduty_user(desk->storage, &known, err) && (known.email == NULL || leave_lookup(desk, known.email, err));

	free(name);
	return ok;
}

/* There is nobody: an address without a user, or an id without anything. */
static bool remember_nobody(struct desk *desk, const struct user_found *found, struct error *err)
{
	const struct pagerduty_user nobody = {
	    .id = (char *)(found->email == NULL ? found->id : NULL), .email = found->email, .fetched_at = desk->now};

	return storage_put_pagerduty_user(desk->storage, &nobody, err);
}

/* It would not say. Who was known stays so for a while, and is asked about again. */
static bool remember_refusal(struct desk *desk, const struct user_found *found, const struct reply *reply, struct error *err)
{
	struct pagerduty_user user;
	char *why = rest_refusal(reply);
	bool is_known, ok;

	log_warn("who PagerDuty's users are cannot be asked: %s", why);
	free(why);
	is_known = found->email != NULL ? storage_pagerduty_user_mailed(desk->storage, found->email, &user)
					: storage_pagerduty_user(desk->storage, found->id, &user);
	if (!is_known)
		return remember_nobody(desk, found, err);
	user.fetched_at = desk->now;
	if (user.id != NULL && user.email != NULL)
		user.fetched_at -= USER_FRESH_S - STRANGER_FRESH_S;
	ok = storage_put_pagerduty_user(desk->storage, &user, err);
	pagerduty_user_fini(&user);
	return ok;
}

/* The search is by parts of names and addresses: only the whole address will do. */
static const cJSON *find_in_page(const cJSON *users, const char *email)
{
	const cJSON *user;

	cJSON_ArrayForEach(user, users)
	{
		if (rest_is_id(json_text(user, "id")) && same_address(email, json_text(user, "email")))
			return user;
	}
	return NULL;
}

static bool heard_page(struct talk *talk, const struct user_found *found, const struct reply *reply, struct error *err)
{
	const cJSON *users = json_get(reply->body, "users"), *user = find_in_page(users, found->email);
	int64_t rows, looked = pages_looked(talk, found, &rows) + 1;
	int count = cJSON_IsArray(users) ? cJSON_GetArraySize(users) : 0;
	cJSON *pages;

	pages_forget(talk);
	if (user != NULL)
		return remember(talk->desk, user, err);
	if (!json_true(reply->body, "more") || count == 0 || count > REST_PAGE || looked >= USER_PAGES_MAX)
		return remember_nobody(talk->desk, found, err);
	pages = cJSON_CreateObject();
	json_put(pages, "email", found->email);
	json_put_int(pages, "looked", looked);
	json_put_int(pages, "rows", rows + count);
	cJSON_AddItemToObject(talk->body, PAGES, pages);
	return rest_go_on(talk);
}

bool users_heard(struct talk *talk, const struct user_found *found, const struct reply *reply, struct error *err)
{
	const cJSON *user = json_get(reply->body, "user");

	if (found->email == NULL && !rest_is_id(found->id))
		return true;
	if (!reply->ok && reply->status != 404) {
		pages_forget(talk);
		return remember_refusal(talk->desk, found, reply, err);
	}
	if (found->email != NULL)
		return heard_page(talk, found, reply, err);
	if (reply->ok && text_equal(json_text(user, "id"), found->id))
		return remember(talk->desk, user, err);
	return remember_nobody(talk->desk, found, err);
}

/* ---- from there to here ---------------------------------------------------------------------------------------- */

/* Names are what their owners made them. One that stands for somebody else here must not be taken for them. */
static bool is_misleading(struct desk *desk, const char *name)
{
	return slack_is_user(name) || slack_is_group(name) || strchr(name, '@') != NULL || config_person(desk->config, name) != NULL ||
	       is_token(desk->config, name) || strcasecmp(name, "headsup") == 0 || strcasecmp(name, "pagerduty") == 0;
}

static char *here_of_name(struct desk *desk, const char *name)
{
	char *clean = clean_name(name), *here;

	if (clean == NULL)
		return NULL;
	here = is_misleading(desk, clean) ? xasprintf("%s (PagerDuty)", clean) : xstrdup(clean);
	free(clean);
	return here;
}

char *user_here(struct desk *desk, const char *id, const char *name)
{
	const struct person_config *person = rest_is_id(id) ? person_by_id(desk->config, id) : NULL;
	struct pagerduty_user user = {0};
	char *here = person != NULL && person->slack != NULL ? xstrdup(person->slack) : NULL;

	if (here == NULL && rest_is_id(id) && storage_pagerduty_user(desk->storage, id, &user))
		here = here_of_email(desk, user.email);
	if (here == NULL)
		here = here_of_name(desk, name);
	if (here == NULL)
		here = here_of_name(desk, user.name);
	pagerduty_user_fini(&user);
	return here != NULL ? here : xstrdup("somebody");
}

bool user_is_known(struct desk *desk, const char *id)
{
	const struct person_config *person;
	struct pagerduty_user user;
	bool is_known;

	if (!rest_is_on(desk) || !rest_is_id(id))
		return true;
	person = person_by_id(desk->config, id);
	if (person != NULL && person->slack != NULL)
		return true;
	if (!storage_pagerduty_user(desk->storage, id, &user))
		return false;
	/* An id stays with its person, and an address mostly: who was known once is known well enough to be named. */
	is_known = user.email != NULL || (user.fetched_at <= desk->now && user.fetched_at > desk->now - STRANGER_FRESH_S);
	pagerduty_user_fini(&user);
	return is_known;
}

/* ---- learning, without being in the way of anything ------------------------------------------------------------ */

static bool leave(struct desk *desk, const struct user_found *found, struct error *err)
{
	cJSON *body = cJSON_CreateObject();
	char *what = text_lower(found->email), *coalesce = xasprintf("user:%s", what != NULL ? what : found->id);
	bool ok;

	json_put(body, found->email != NULL ? "email" : "id", found->email != NULL ? found->email : found->id);
	ok = rest_leave(desk, WORD_USER, "", coalesce, body, REST_FIRST_ASK, LEARNING_S, err);
	free(what);
	free(coalesce);
	return ok;
}

bool user_learn(struct desk *desk, const char *id, struct error *err)
{
	struct user_found found = {.answer = USER_ASK};

	if (user_is_known(desk, id))
		return true;
	snprintf(found.id, sizeof(found.id), "%s", id);
	return leave(desk, &found, err);
}

/* What a word of ours asks; borrowed from its body. */
static struct user_found asked_by(const struct talk *talk)
{
	const char *id = json_text(talk->body, "id"), *email = json_text(talk->body, "email");
	struct user_found found = {.answer = USER_ASK, .email = (char *)(is_address(email) ? email : NULL)};

	snprintf(found.id, sizeof(found.id), "%s", rest_is_id(id) ? id : "");
	return found;
}

/* The address whose account in Slack is asked for; NULL: it is PagerDuty that is asked. */
static const char *lookup_of(const struct talk *talk)
{
	const char *email = json_text(talk->body, "slack");

	return is_address(email) ? email : NULL;
}

static bool render(struct talk *talk, struct error *err)
{
	const struct user_found found = asked_by(talk);

	if (lookup_of(talk) != NULL)
		return render_lookup(talk, lookup_of(talk));
	return users_ask(talk, &found, err);
}

static bool heard(struct talk *talk, const struct reply *reply, struct error *err)
{
	const struct user_found found = asked_by(talk);

	if (lookup_of(talk) != NULL)
		return heard_lookup(talk, lookup_of(talk), reply, err);
	return users_heard(talk, &found, reply, err);
}

const struct conversation user_conversation = {.kind = WORD_USER, .render = render, .heard = heard};

/* How far the configuration's people were learnt, as the mark has it. */
struct round {
	int64_t begun_at, index, due_at;
};

static bool round_read(struct desk *desk, struct round *round)
{
	int64_t *const numbers[] = {&round->begun_at, &round->index, &round->due_at};
	char *text = storage_mark(desk->storage, ROUND_MARK), *at = text, *end;
	bool ok = text != NULL;

	for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(*numbers); i++, at = end) {
		*numbers[i] = strtoll(at, &end, 10);
		ok = end != at && *numbers[i] >= 0;
	}
	free(text);
	return ok;
}

static bool round_write(struct desk *desk, const struct round *round, struct error *err)
{
	char text[80];

	snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64, round->begun_at, round->index, round->due_at);
	return storage_put_mark(desk->storage, ROUND_MARK, text, err);
}

static bool learn_person(struct desk *desk, const struct person_config *person, struct error *err)
{
	struct user_found found = {.answer = USER_STRANGER};
	const struct search search = {.desk = desk, .at = desk->now + ROUND_AHEAD_S, .found = &found};
	bool ok;

	ok = find(&search, person->slack, err);
	if (ok && found.answer == USER_ASK)
		ok = leave(desk, &found, err);
	user_found_fini(&found);
	return ok;
}

bool users_tick(struct desk *desk, struct error *err)
{
	const struct config *config = desk->config;
	struct round round = {0};

	if (!rest_is_on(desk) || config->person_count == 0)
		return true;
	if (!round_read(desk, &round) || round.begun_at < desk->started_at || round.begun_at > desk->now ||
	    round.begun_at <= desk->now - ROUND_S)
		round = (struct round){.begun_at = desk->now, .due_at = desk->now};
	if ((uint64_t)round.index >= config->person_count || (round.due_at > desk->now && round.due_at <= desk->now + ROUND_STEP_S))
		return true;
	for (size_t i = 0; i < ROUND_STEP_PEOPLE && (uint64_t)round.index < config->person_count; i++) {
		if (!learn_person(desk, &config->people[round.index++], err))
			return false;
	}
	round.due_at = desk->now + ROUND_STEP_S;
	return round_write(desk, &round, err);
}
