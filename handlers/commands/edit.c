#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/announcements.h"
#include "handlers/commands_internal.h"
#include "handlers/later.h"
#include "handlers/preview.h"
#include "handlers/slack_text.h"

#define MATCH_UNITS 200

/* MATCH gets texts that the caller frees. */
static bool read_matches(const struct desk *desk, struct words *words, char **match, size_t *count,
    struct error *err)
{
	const char *word;

	while ((word = words_peek(words)) != NULL) {
		if (*count == MATCH_MAX)
			return error_set(err, ERROR_USAGE,
			    "at most %d matches in one announcement", MATCH_MAX);
		if (!command_is_match(word))
			return error_set(err, ERROR_USAGE,
			    "edit takes matches alone, and \"%.*s\" is none; try: %s",
			    command_shown(word), word, edit_command.example);
		match[*count] = command_match(desk, words, words->at, err);
		if (match[*count] == NULL)
			return false;
		(*count)++;
		words_next(words);
	}
	return true;
}

static void put_edited(const struct desk *desk, const struct asked *asked,
    const struct announcement *now, struct buf *answer)
{
	const char *status = announcement_status(now, desk->now);

	buf_printf(answer, "*H%" PRId64 "* now says:", now->id);
	for (size_t i = 0; i < now->match_count; i++) {
		buf_putc(answer, ' ');
		buf_put_code(answer, now->match[i], MATCH_UNITS);
	}
	command_put_time(desk, ", until ", now->ends_at, command_zone(asked), answer);
	buf_printf(answer, "; it is %s. ", status);
	buf_puts(answer, strcmp(status, "pending") == 0
			     ? "It covers nothing until somebody else approves it."
			     : "What was approved before is to be approved anew.");
}

/* Puts NOW's answer, with what it would have covered. */
static bool answer_edited(struct desk *desk, const struct asked *asked, const struct announcement *now,
    struct buf *answer, struct error *err)
{
	struct preview_wish wish;
	struct later *later = command_wish(asked, put_edited, &wish);

	if (!preview_start(desk, now, &wish, err)) {
		later_drop(later);
		return false;
	}
	command_answer(desk, asked, put_edited, now, &wish, later, answer);
	return true;
}

static bool edit_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct announcement *now = NULL;
	char *match[MATCH_MAX];
	size_t count = 0;
	int64_t id;
	bool ok;

	if (!command_announcement(words, &edit_command, &id, err))
		return false;
	ok = read_matches(desk, words, match, &count, err) &&
	     announcement_edit(desk, &asked->actor, id, match, count, &now, err) &&
	     answer_edited(desk, asked, now, answer, err);
	announcement_free(now);
	for (size_t i = 0; i < count; i++)
		free(match[i]);
	return ok;
}

const struct command edit_command = {
    .name = "edit",
    .usage = "edit H17 MATCH…",
    .help = "replaces the matches of an announcement of yours",
    .example = "edit H17 host=web-1,web-2",
    .needs = ROLE_ANNOUNCER,
    .run = edit_run,
};
