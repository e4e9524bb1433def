/* commands_common - what several commands need. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define SHOWN_UNITS 60     /* of what was typed, in a refusal */
#define REFUSAL_UNITS 1000 /* of a refusal's sentence */
#define TITLE_UNITS 120    /* of an alert's title in a list */
#define FIELD_UNITS 60

int command_shown(const char *text)
{
	return (int)utf16_prefix(text, strlen(text), SHOWN_UNITS);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static bool add_id(struct alert_ids *ids, int64_t id, struct error *err)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->list[i] == id)
			return true;
	}
	if (ids->count == COMMAND_IDS_MAX)
		return error_set(err, ERROR_USAGE, "at most %d alerts at a time", COMMAND_IDS_MAX);
	ids->list[ids->count++] = id;
	return true;
}

/* "A1." and "A1!": how a sentence ends is no part of an id. */
static size_t id_length(const char *word, size_t len)
{
	while (len > 0 && strchr(".;:!?", word[len - 1]) != NULL)
		len--;
	return len;
}

/* A1, or A1,A2, with a comma at the end or without. IS_IDS: WORD is nothing else. */
static bool read_ids(const char *word, struct alert_ids *ids, bool *is_ids, struct error *err)
{
	const struct alert_ids before = *ids;
	char part[32];
	int64_t id;

	*is_ids = false;
	while (*word != '\0') {
		const size_t len = strcspn(word, ",");

		snprintf(part, sizeof(part), "%.*s",
		    len < sizeof(part) ? (int)id_length(word, len) : 0, word);
		if (!id_parse(part, 'A', &id)) {
			*ids = before;
			*is_ids = false;
			return true;
		}
		if (!add_id(ids, id, err))
			return false;
		*is_ids = true;
		word += len + (word[len] == ',' ? 1 : 0);
	}
	return true;
}

static bool refuse_ids(const char *word, const struct command *command, struct error *err)
{
	int64_t id;

	if (word == NULL)
		return error_set(err, ERROR_USAGE, "which alert? try: %s", command->example);
	if (id_parse(word, 'H', &id))
		return error_set(err, ERROR_USAGE,
		    "H%" PRId64 " is an announcement, and %s is for alerts; try: %s", id,
		    command->name, command->example);
	if (isdigit((unsigned char)word[0]) && strspn(word, "0123456789,") == strlen(word))
		return error_set(err, ERROR_USAGE, "\"%.*s\" is no alert's id; try: %s A%.*s",
		    command_shown(word), word, command->name, command_shown(word), word);
	return error_set(err, ERROR_USAGE, "\"%.*s\" is no alert's id; try: %s",
	    command_shown(word), word, command->example);
}

bool command_ids(const struct asked *asked, struct words *words, const struct command *command,
    struct alert_ids *ids, struct error *err)
{
	const char *word;
	bool is_ids = true;

	while ((word = words_peek(words)) != NULL && is_ids) {
		if (!read_ids(word, ids, &is_ids, err))
			return false;
		if (is_ids)
			words_next(words);
	}
	if (ids->count > 0)
		return true;
	if (asked->alert != 0)
		return add_id(ids, asked->alert, err);
	return refuse_ids(word, command, err);
}

bool command_announcement(
    struct words *words, const struct command *command, int64_t *id, struct error *err)
{
	const char *word = words_next(words);

	if (id_parse(word, 'H', id))
		return true;
	if (word == NULL)
		return error_set(err, ERROR_USAGE, "which announcement? list shows them; try: %s",
		    command->example);
	return error_set(err, ERROR_USAGE,
	    "\"%.*s\" is no announcement's id; list shows them; try: %s", command_shown(word), word,
	    command->example);
}

bool command_is_over(struct words *words, const struct command *command, struct error *err)
{
	const char *word = words_peek(words);

	if (word == NULL)
		return true;
	return error_set(err, ERROR_USAGE, "\"%.*s\" is more than %s takes; try: %s",
	    command_shown(word), word, command->name, command->example);
}

const char *command_reason(struct words *words)
{
	const char *rest;
	size_t len;

	words_take(words, "because");
	rest = words_rest(words);
	len = strlen(rest);
	if (len < 2 || rest[0] != '"' || strchr(rest + 1, '"') != rest + len - 1)
		return rest;
	/* REST is the end of words->text: its last quote may go. */
	words->text[(size_t)(rest - words->text) + len - 1] = '\0';
	return rest + 1;
}

static bool has_operator(const char *word)
{
	return strpbrk(word, "=~") != NULL;
}

bool command_is_match(const char *word)
{
	return has_operator(word) || strchr(word, '@') != NULL;
}

/* The logins of a person: @alice, <@U0ALICE>, alice@example.com. */
static char *person_match(const struct desk *desk, const char *word, struct error *err)
{
	const size_t skip = strspn(word, "<@");
	char *name = xstrndup(word + skip, strcspn(word + skip, ">|"));
	const struct person_config *person = config_person(desk->config, name);
	struct match *match = NULL;
	char *text = NULL;

	if (person != NULL && person->login_count > 0)
		match = match_actor(person->logins, person->login_count);
	if (match != NULL)
		text = xstrdup(match->source);
	else
		error_set(err, ERROR_USAGE,
		    "the login names of %.*s are not known here; try actor=LOGIN",
		    command_shown(word), word);
	match_free(match);
	free(name);
	return text;
}

char *command_match(
    const struct desk *desk, const struct words *words, size_t index, struct error *err)
{
	static const char actor[] = "actor=";
	const char *word = words->word[index];

	if (!has_operator(word))
		return person_match(desk, word, err);
	/* No login begins with an @: whoever writes one means the person. */
	if (strncasecmp(word, actor, sizeof(actor) - 1) == 0) {
		const char *value = word + sizeof(actor) - 1;

		if ((value[0] == '@' || strncmp(value, "<@", 2) == 0) && strchr(value, ',') == NULL)
			return person_match(desk, value, err);
	}
	return words_match(words, index);
}

const char *command_zone(const struct asked *asked)
{
	return asked->zone != NULL ? asked->zone : "UTC";
}

static bool is_day(const char *word)
{
	return word != NULL &&
	       (strcasecmp(word, "tomorrow") == 0 || strcasecmp(word, "today") == 0);
}

bool command_time(const struct desk *desk, const struct asked *asked, struct words *words,
    int64_t *at, struct error *err)
{
	const char *first = words_next(words), *second = is_day(first) ? words_next(words) : NULL;
	char *text;
	bool ok;

	if (first == NULL)
		return error_set(err, ERROR_USAGE,
		    "a time is missing; try 14:00, tomorrow 02:00 or 2026-03-02T18:45:00Z");
	text = second != NULL ? xasprintf("%s %s", first, second) : xstrdup(first);
	ok = time_parse_rfc3339(text, at);
	if (!ok) {
		ok = time_parse(text, command_zone(asked), desk->now, at, err);
		if (ok && asked->zone == NULL)
			ok = error_set(err, ERROR_WAIT, "your time zone is being asked for");
	}
	free(text);
	return ok;
}

bool command_duration(
    struct words *words, const struct command *command, int64_t *seconds, struct error *err)
{
	const char *word = words_next(words);

	if (word == NULL)
		return error_set(err, ERROR_USAGE, "for how long? try: %s", command->example);
	return duration_parse(word, seconds, err);
}

/* ---- acting ----------------------------------------------------------------------------------------------- */

static void put_failure(const struct desk *desk, int64_t id, const struct alert *now,
    const struct error *err, struct buf *out)
{
	/* What is in the way is the alert's state: its sentence mentions people, and is made of our own words. */
	if (err->kind == ERROR_CONFLICT && now != NULL && strstr(err->text, "<@") != NULL) {
		buf_printf(out, "A%" PRId64 " is ", id);
		alert_state_sentence(desk, now, out);
	} else if (err->kind == ERROR_NOT_FOUND) {
		buf_printf(out, "There is no A%" PRId64 "; `alerts` lists those there are", id);
	} else {
		command_put_refusal(err, out);
	}
	buf_puts(out, ".\n");
}

bool command_act(struct desk *desk, const struct asked *asked, const struct alert_ids *ids,
    const char *verb, const char *done, const char *note, const char *to, struct buf *answer,
    struct error *err)
{
	struct error own;
	struct buf failures;
	size_t count = 0;
	bool ok = true;

	buf_init(&failures, COMMAND_IDS_MAX * 512);
	for (size_t i = 0; i < ids->count && ok; i++) {
		struct alert *now = NULL;

		error_clear(&own);
		if (alert_act(desk, &asked->actor, ids->list[i], verb,
			text_is_empty(note) ? NULL : note, to, &now, &own))
			buf_printf(answer, "%s A%" PRId64, count++ == 0 ? done : ",", ids->list[i]);
		else if (own.kind == ERROR_IO)
			ok = false;
		else
			put_failure(desk, ids->list[i], now, &own, &failures);
		alert_free(now);
	}
	if (count > 0)
		buf_puts(answer, ".\n");
	buf_puts(answer, buf_text(&failures));
	buf_fini(&failures);
	if (!ok && err != NULL)
		*err = own;
	return ok;
}

static bool take_mine(void *ctx, const struct alert *alert)
{
	return add_id(ctx, alert->id, NULL);
}

static bool find_mine(struct desk *desk, const struct asked *asked, enum alert_status status,
    struct alert_ids *ids, struct error *err)
{
	const struct alert_query query = {.status = (int)status,
	    .since = TIME_NONE,
	    .until = TIME_NONE,
	    .assignee = asked->actor.who,
	    .limit = COMMAND_IDS_MAX};

	return storage_each_alert(desk->storage, &query, take_mine, ids, err);
}

bool command_act_on(struct desk *desk, const struct asked *asked, struct words *words,
    const struct command *command, const char *done, bool take_acked, struct buf *answer,
    struct error *err)
{
	struct alert_ids ids = {.count = 0};

	if (words_take(words, "mine")) {
		if (!find_mine(desk, asked, ALERT_OPEN, &ids, err) ||
		    (take_acked && !find_mine(desk, asked, ALERT_ACKED, &ids, err)))
			return false;
		if (ids.count == 0)
			return error_set(err, ERROR_NOT_FOUND,
			    "no alert that is yours is there to %s; alerts lists those there are",
			    command->name);
	} else if (!command_ids(asked, words, command, &ids, err)) {
		return false;
	}
	return command_act(
	    desk, asked, &ids, command->name, done, command_reason(words), NULL, answer, err);
}

/* ---- putting ---------------------------------------------------------------------------------------------- */

void command_put_alert(
    const struct desk *desk, const struct alert *alert, const char *zone, struct buf *out)
{
	char severity[16];
	size_t i = 0;

	for (const char *c = severity_name(alert->severity); *c != '\0' && i + 1 < sizeof(severity);
	     c++)
		severity[i++] = (char)toupper((unsigned char)*c);
	severity[i] = '\0';
	buf_printf(
	    out, "*A%" PRId64 "* %s %s · ", alert->id, severity, alert_status_name(alert->status));
	buf_put_mrkdwn(out, alert->title, TITLE_UNITS);
	if (alert->host != NULL) {
		buf_puts(out, " · ");
		buf_put_mrkdwn(out, alert->host, FIELD_UNITS);
	}
	if (alert->actor != NULL) {
		buf_puts(out, " · ");
		buf_put_mrkdwn(out, alert->actor, FIELD_UNITS);
	}
	if (alert->count > 1)
		buf_printf(out, " · %" PRId64 " times", alert->count);
	command_put_time(desk, " · ", alert->received_at, zone, out);
}

void command_put_time(
    const struct desk *desk, const char *label, int64_t at, const char *zone, struct buf *out)
{
	char text[64];

	if (at == TIME_NONE)
		return;
	time_write_local(at, zone, desk->now, text, sizeof(text));
	buf_printf(out, "%s%s", label, text);
}

/* What is suggested, to be copied: `30m` or `1h30m`. */
static void put_forms(const char *forms, struct buf *out)
{
	const char * or ;
	char form[sizeof(((struct error *)NULL)->text)];

	for (; (or = strstr(forms, " or ")) != NULL; forms = or +strlen(" or ")) {
		snprintf(form, sizeof(form), "%.*s", (int)(or -forms), forms);
		buf_put_code(out, form, REFUSAL_UNITS);
		buf_puts(out, " or ");
	}
	buf_put_code(out, forms, REFUSAL_UNITS);
}

void command_put_refusal(const struct error *err, struct buf *out)
{
	const char *form = strstr(err->text, "try ");
	const char *whole = strstr(err->text, "try: ");
	char sentence[sizeof(err->text)];

	if (whole != NULL)
		form = whole + strlen("try: ");
	else if (form != NULL)
		form += strlen("try ");
	if (form == NULL || *form == '\0') {
		buf_put_mrkdwn(out, err->text, REFUSAL_UNITS);
		return;
	}
	snprintf(sentence, sizeof(sentence), "%.*s", (int)(form - err->text - 1), err->text);
	buf_put_mrkdwn(out, sentence, REFUSAL_UNITS);
	buf_putc(out, ' ');
	if (whole != NULL)
		buf_put_code(out, form, REFUSAL_UNITS);
	else
		put_forms(form, out);
}

void command_put_usage(const struct command *command, struct buf *out)
{
	buf_printf(out, "`%s` %s", command->usage, command->help);
}
