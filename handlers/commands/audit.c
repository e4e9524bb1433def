#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define AUDIT_DEFAULT_S 86400
#define DETAIL_UNITS 160
#define WHO_MAX 128 /* bytes of a name */

struct listing {
	const struct desk *desk;
	const char *zone;
	struct buf *answer;
	size_t shown;
	bool has_more;
};

static bool list_one(void *ctx, const struct audit *audit)
{
	struct listing *listing = ctx;

	if (listing->shown == COMMAND_ROWS_MAX) {
		listing->has_more = true;
		return false;
	}
	listing->shown++;
	command_put_time(listing->desk, "", audit->at, listing->zone, listing->answer);
	buf_puts(listing->answer, " ");
	buf_put_person(listing->answer, listing->desk->config, audit->who);
	buf_puts(listing->answer, " ");
	buf_put_mrkdwn(listing->answer, audit->what, DETAIL_UNITS);
	if (!text_is_empty(audit->subject)) {
		buf_puts(listing->answer, " ");
		buf_put_mrkdwn(listing->answer, audit->subject, DETAIL_UNITS);
	}
	buf_puts(listing->answer, " (");
	buf_put_mrkdwn(listing->answer, audit->via, DETAIL_UNITS);
	buf_puts(listing->answer, ")");
	if (!text_is_empty(audit->detail)) {
		buf_puts(listing->answer, ": ");
		buf_put_mrkdwn(listing->answer, audit->detail, DETAIL_UNITS);
	}
	buf_putc(listing->answer, '\n');
	return true;
}

/* @alice, <@U0ALICE>, alice@example.com: their Slack id, as the log has it; otherwise the name itself (a token's). */
static bool read_who(
    const struct desk *desk, const char *word, char who[WHO_MAX], struct error *err)
{
	const size_t skip = strspn(word, "<@"), len = strcspn(word + skip, ">|");
	const struct person_config *person;

	if (len == 0 || len >= WHO_MAX)
		return error_set(err, ERROR_USAGE, "audit of whom? try: %s", audit_command.example);
	snprintf(who, WHO_MAX, "%.*s", (int)len, word + skip);
	person = config_person(desk->config, who);
	if (person != NULL && person->slack != NULL)
		snprintf(who, WHO_MAX, "%s", person->slack);
	return true;
}

/* Reads one word of what is asked for. */
static bool read_word(const struct desk *desk, const char *word, struct audit_query *query,
    char who[WHO_MAX], char subject[24], struct error *err)
{
	int64_t id, seconds;

	if (id_parse(word, 'H', &id) || id_parse(word, 'A', &id)) {
		snprintf(subject, 24, "%c%" PRId64, id_parse(word, 'H', &id) ? 'H' : 'A', id);
		query->subject = subject;
		return true;
	}
	if (duration_parse(word, &seconds, NULL)) {
		query->since = desk->now - seconds;
		return true;
	}
	if (word[0] >= '0' && word[0] <= '9')
		return duration_parse(word, &seconds, err);
	query->who = who;
	return read_who(desk, word, who, err);
}

static bool audit_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct listing listing = {.desk = desk, .zone = command_zone(asked), .answer = answer};
	struct audit_query query = {
	    .since = desk->now - AUDIT_DEFAULT_S, .limit = COMMAND_ROWS_MAX + 1};
	char who[WHO_MAX], subject[24];
	const char *word;

	while ((word = words_next(words)) != NULL) {
		if (strcmp(word, "last") != 0 &&
		    !read_word(desk, word, &query, who, subject, err))
			return false;
	}
	if (!storage_each_audit_back(desk->storage, &query, list_one, &listing, err))
		return false;
	if (listing.shown == 0)
		buf_puts(answer, "Nothing of that is in the audit log.");
	if (listing.has_more)
		buf_puts(answer, "… and older ones; `headsup audit export` has all of it.");
	return true;
}

const struct command audit_command = {
    .name = "audit",
    .usage = "audit [@person|H17|A1042] [24h]",
    .help = "who did what and when, newest first",
    .example = "audit H17 24h",
    .needs = ROLE_ANYONE,
    .run = audit_run,
};
