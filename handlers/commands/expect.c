#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements.h"
#include "handlers/commands_internal.h"
#include "handlers/later.h"
#include "handlers/preview.h"
#include "handlers/slack_text.h"

#define LOGIN_UNITS 60
#define REASON_UNITS 300
#define MATCH_UNITS 200

/* What was typed, while it is read. */
struct reading {
	const struct desk *desk;
	const struct asked *asked;
	struct words *words;
	struct announce_request request;
	char *match[MATCH_MAX];
};

/* ---- the words that say when, how many and why ---------------------------------------------------------- */

static bool read_for(struct reading *reading, struct error *err)
{
	const char *word = words_next(reading->words);

	if (word == NULL)
		return error_set(err, ERROR_USAGE, "for how long? try for 30m");
	return duration_parse(word, &reading->request.for_s, err) &&
	       (reading->request.for_s > 0 ||
		   error_set(err, ERROR_USAGE, "for no time at all? try for 30m"));
}

static bool read_from(struct reading *reading, struct error *err)
{
	return command_time(
	    reading->desk, reading->asked, reading->words, &reading->request.from, err);
}

static bool read_until(struct reading *reading, struct error *err)
{
	return command_time(
	    reading->desk, reading->asked, reading->words, &reading->request.until, err);
}

static bool read_max(struct reading *reading, struct error *err)
{
	const char *word = words_next(reading->words);
	const size_t digits = word != NULL ? strspn(word, "0123456789") : 0;

	if (digits > 0 && digits <= 9 && word[digits] == '\0')
		reading->request.max = strtoll(word, NULL, 10);
	if (reading->request.max > 0)
		return true;
	return error_set(err, ERROR_USAGE, "max is a number of alerts from 1 to %d; try max 4",
	    ANNOUNCE_BUDGET_MAX);
}

static bool read_dry(struct reading *reading, struct error *err)
{
	(void)err;
	reading->request.is_dry = true;
	return true;
}

/* "… because deploy dry": who puts it last means it just as well. A reason in quotes may end as it likes. */
static bool read_because(struct reading *reading, struct error *err)
{
	static const char dry[] = " dry";
	const char *because = command_reason(reading->words);
	const size_t len = strlen(because), size = sizeof(dry) - 1;
	size_t at;

	(void)err;
	reading->request.because = because;
	/* A shorter one may be no part of the text at all: nothing was left of it. */
	if (len <= size || strcasecmp(because + len - size, dry) != 0)
		return true;
	at = (size_t)(because - reading->words->text);
	if (at > 0 && reading->words->text[at - 1] == '"')
		return true;
	reading->words->text[at + len - size] = '\0';
	reading->request.is_dry = true;
	return true;
}

static const struct keyword {
	const char *name, *example;
	bool (*read)(struct reading *reading, struct error *err);
} keywords[] = {
    {"for",     "for 30m",        read_for},
    {"from",    "from 14:00",     read_from},
    {"until",   "until 14:00",    read_until},
    {"max",     "max 4",          read_max},
    {"dry",     "dry",            read_dry},
    {"because", "because deploy", read_because},
};
#define KEYWORD_COUNT (sizeof(keywords) / sizeof(keywords[0]))

static const struct keyword *keyword_find(const char *word)
{
	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (strcasecmp(word, keywords[i].name) == 0)
			return &keywords[i];
	}
	return NULL;
}

/* ---- matches -------------------------------------------------------------------------------------------- */

static bool refuse_word(const char *word, struct error *err)
{
	int64_t seconds;

	if (duration_parse(word, &seconds, NULL))
		return error_set(err, ERROR_USAGE, "\"%.*s\" alone says little; try for %.*s",
		    command_shown(word), word, command_shown(word), word);
	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (strlen(word) > 2 && text_distance(word, keywords[i].name) <= 2)
			return error_set(err, ERROR_USAGE, "\"%.*s\" is not understood; try %s",
			    command_shown(word), word, keywords[i].example);
	}
	return error_set(err, ERROR_USAGE,
	    "\"%.*s\" is no MATCH, which is field=value; try host=%.*s", command_shown(word), word,
	    command_shown(word), word);
}

/* for=30m would be a label that no alert has. */
static const struct keyword *keyword_as_label(const char *word)
{
	char name[16];
	const size_t len = strcspn(word, "=!~");

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, word, len);
	name[len] = '\0';
	return keyword_find(name);
}

bool command_read_match(const struct desk *desk, struct words *words, char **match, size_t *count,
    struct error *err)
{
	const size_t at = words->at;
	const char *word = words_next(words);
	const struct keyword *keyword = keyword_as_label(word);
	char *text;

	if (*count == MATCH_MAX)
		return error_set(
		    err, ERROR_USAGE, "at most %d matches in one announcement", MATCH_MAX);
	if (!command_is_match(word))
		return refuse_word(word, err);
	if (keyword != NULL)
		return error_set(err, ERROR_USAGE, "\"%.*s\" would be a label of that name; try %s",
		    command_shown(word), word, keyword->example);
	text = command_match(desk, words, at, err);
	if (text == NULL)
		return false;
	match[(*count)++] = text;
	return true;
}

static bool read_all(struct reading *reading, struct error *err)
{
	const char *word;

	while ((word = words_peek(reading->words)) != NULL) {
		const struct keyword *keyword = keyword_find(word);

		if (keyword != NULL)
			words_next(reading->words);
		if (keyword != NULL ? !keyword->read(reading, err)
				    : !command_read_match(reading->desk, reading->words,
					  reading->match, &reading->request.match_count, err))
			return false;
	}
	return true;
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

static void put_logins(const struct person_config *person, struct buf *answer)
{
	for (size_t i = 0; i < person->login_count; i++) {
		buf_puts(answer, i > 0 ? ", " : "");
		buf_put_mrkdwn(answer, person->logins[i], LOGIN_UNITS);
	}
}

/* Whose alerts it covers, where it does not say so itself. */
static void put_binding(
    const struct desk *desk, const struct announcement *made, struct buf *answer)
{
	const struct person_config *person;

	if (!announcement_is_bound(desk, made, &person))
		return;
	if (person == NULL || person->login_count == 0) {
		buf_puts(answer,
		    "\nYour login names are not known here, so it covers only alerts that have no "
		    "actor. Name one with "
		    "`actor=LOGIN`, or have yours added to the configuration's people.");
		return;
	}
	buf_puts(answer, "\nIt covers only your own logins (");
	put_logins(person, answer);
	buf_puts(answer, ") and alerts that have no actor.");
}

void command_put_terms(const struct desk *desk, const struct announcement *made, const char *zone,
    struct buf *answer)
{
	const char *status = announcement_status(made, desk->now);
	char duration[32];

	duration_write(made->ends_at - made->starts_at, duration, sizeof(duration));
	buf_printf(answer, "%s:", status);
	for (size_t i = 0; i < made->match_count; i++) {
		buf_putc(answer, ' ');
		buf_put_code(answer, made->match[i], MATCH_UNITS);
	}
	command_put_time(desk, made->starts_at > desk->now ? " from " : ", until ",
	    made->starts_at > desk->now ? made->starts_at : made->ends_at, zone, answer);
	if (made->starts_at > desk->now)
		command_put_time(desk, " until ", made->ends_at, zone, answer);
	buf_printf(answer, " (%s), at most %" PRId64 " alert%s, because ", duration, made->max,
	    made->max == 1 ? "" : "s");
	buf_put_mrkdwn(answer, made->because, REASON_UNITS);
	buf_putc(answer, '.');
	if (strcmp(status, "pending") == 0)
		buf_puts(answer, "\nIt covers nothing until somebody else approves it.");
	else
		buf_printf(answer,
		    "\nAlerts of severity %s%s still fire, unless somebody else approves it.",
		    severity_name(desk->config->policy.approval_from),
		    desk->config->policy.approval_from < SEVERITY_CRITICAL ? " and above" : "");
	put_binding(desk, made, answer);
}

static void put_made(const struct desk *desk, const struct asked *asked,
    const struct announcement *made, struct buf *answer)
{
	if (made->id == 0)
		buf_puts(answer, "Dry run, nothing is announced. It would be ");
	else
		buf_printf(answer, "*H%" PRId64 "* is ", made->id);
	command_put_terms(desk, made, command_zone(asked), answer);
}

static bool announce_it(
    struct desk *desk, struct reading *reading, struct buf *answer, struct error *err)
{
	struct announcement *made;
	struct preview_wish wish;
	struct later *later = command_wish(reading->asked, put_made, &wish);
	bool is_again;

	reading->request.match = reading->match;
	reading->request.preview = &wish;
	if (!announce(desk, &reading->asked->actor, &reading->request, &made, &is_again, err)) {
		later_drop(later);
		return false;
	}
	command_answer(desk, reading->asked, put_made, made, &wish, later, answer);
	announcement_free(made);
	return true;
}

static bool expect_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct reading reading = {
	    .desk = desk,
	    .asked = asked,
	    .words = words,
	    .request = {.from = TIME_NONE, .until = TIME_NONE, .author = asked->actor.who},
	};
	bool ok;

	reading.request.channel = asked->is_direct ? NULL : asked->channel;
	ok = words_closed(words, err) && read_all(&reading, err) && announce_it(desk, &reading, answer, err);
	for (size_t i = 0; i < reading.request.match_count; i++)
		free(reading.match[i]);
	return ok;
}

const struct command expect_command = {
    .name = "expect",
    .alias = "announce",
    .usage = "expect MATCH… [for 30m] [from TIME] [until TIME] [max N] [dry] because REASON",
    .help = "announces what you are about to do, so that its alerts disturb nobody",
    .example = "expect host=web-* for 30m max 4 because deploy 1.2.3",
    .needs = ROLE_ANNOUNCER,
    .run = expect_run,
};
