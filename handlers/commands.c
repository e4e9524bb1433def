#include "handlers/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/commands_internal.h"
#include "handlers/later.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define NEAR_MAX 2                  /* slips of the finger in a command's name */
#define PREFIX_MIN 3                /* letters by which a name is known though more, or fewer, follow */
#define SHOWN_UNITS 40              /* of a word that is no command */
#define WAITS_MAX 3                 /* profiles that one command waits for: the asker's, and another's */
#define LATER_ANSWER_MAX (64 << 10) /* bytes */

const struct command *const commands[] = {
    &expect_command,
    &list_command,
    &extend_command,
    &end_command,
    &cancel_command,
    &edit_command,
    &approve_command,
    &deny_command,
    &alerts_command,
    &show_command,
    &why_command,
    &ack_command,
    &resolve_command,
    &escalate_command,
    &note_command,
    &assign_command,
    &unack_command,
    &reopen_command,
    &oncall_command,
    &recap_command,
    &audit_command,
    &stats_command,
    &help_command,
    NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcasecmp(commands[i]->name, name) == 0 ||
		    (commands[i]->alias != NULL && strcasecmp(commands[i]->alias, name) == 0))
			return commands[i];
	}
	return NULL;
}

const struct command *command_near(const char *name)
{
	const struct command *near = NULL;
	size_t least = NEAR_MAX + 1;
	char *lower = text_lower(name);

	for (size_t i = 0; commands[i] != NULL; i++) {
		const char *const names[] = {commands[i]->name, commands[i]->alias};

		for (size_t j = 0; j < 2; j++) {
			size_t distance =
			    names[j] != NULL ? text_distance(lower, names[j]) : SIZE_MAX;

			/* acknowledge and esc: one begins with the other */
			if (names[j] != NULL && distance > 1 && strlen(lower) >= PREFIX_MIN &&
			    (text_prefix(lower, names[j]) || text_prefix(names[j], lower)))
				distance = 1;

			if (distance < least && distance < strlen(names[j])) {
				near = commands[i];
				least = distance;
			}
		}
	}
	free(lower);
	return near;
}

/* ---- what is not understood -------------------------------------------------------------------------------- */

static void put_unknown(const char *word, struct buf *answer)
{
	const struct command *near = command_near(word);
	int64_t id;

	if (id_parse(word, 'A', &id)) {
		buf_printf(answer,
		    "What about A%" PRId64 "? Try `show A%" PRId64 "` or `ack A%" PRId64 "`.", id,
		    id, id);
	} else if (id_parse(word, 'H', &id)) {
		buf_printf(answer,
		    "What about H%" PRId64 "? Try `extend H%" PRId64 " 30m` or `end H%" PRId64 "`.",
		    id, id, id);
	} else if (strpbrk(word, "=~") != NULL) {
		buf_printf(answer,
		    "That is a match, and no command says what to do with it. Try `%s`.",
		    expect_command.example);
	} else {
		buf_put_code(answer, word, SHOWN_UNITS);
		buf_puts(answer, " is no command.");
		if (near != NULL)
			buf_printf(
			    answer, " Did you mean `%s`? Try `%s`.", near->name, near->example);
		else
			buf_puts(answer, " `help` lists them all.");
	}
}

static void put_hello(struct buf *answer)
{
	buf_printf(answer, "*Say it before you do it.* Try `%s`; `help` lists all commands.",
	    expect_command.example);
}

/* ---- who may ------------------------------------------------------------------------------------------------ */

static bool check_role(const struct desk *desk, const struct asked *asked,
    const struct command *command, struct error *err)
{
	static const char *const names[] = {"", "announcers", "responders", "approvers"};
	const struct policy *policy = &desk->config->policy;
	char *const *const lists[] = {
	    NULL, policy->announcers, policy->responders, policy->approvers};

	if (command->needs == ROLE_ANYONE ||
	    desk_allows(desk, lists[command->needs], &asked->actor))
		return true;
	return error_set(err, ERROR_FORBIDDEN, "%s is for %s (policy.%s); ask one of them",
	    command->name, names[command->needs], names[command->needs]);
}

/* ---- later --------------------------------------------------------------------------------------------------- */

/* What is needed to run the command when the asker's profile has come. */
static bool wait_for_profile(
    struct desk *desk, const struct asked *asked, const char *text, struct error *err)
{
	cJSON *json = cJSON_CreateObject();
	bool ok;

	json_put(json, "text", text);
	json_put(json, "who", asked->actor.who);
	json_put(json, "via", asked->actor.via);
	json_put(json, "from", asked->actor.from);
	json_put(json, "channel", asked->channel);
	cJSON_AddBoolToObject(json, "is_direct", asked->is_direct);
	json_put(json, "thread_ts", asked->thread_ts);
	json_put_int(json, "alert", asked->alert);
	json_put(json, "response_url", asked->response_url);
	json_put_int(json, "waits", asked->waits + 1);
	ok = say_ask_profile(desk,
	    desk->wanted_profile[0] != '\0' ? desk->wanted_profile : asked->actor.who, json, err);
	cJSON_Delete(json);
	return ok;
}

/* ---- running -------------------------------------------------------------------------------------------------- */

/* True when ERR is for the asker; then ANSWER has it. */
static bool answer_refusal(const struct error *err, struct buf *answer)
{
	if (err->kind == ERROR_IO || err->kind == ERROR_NEWER)
		return false;
	buf_reset(answer);
	command_put_refusal(err, answer);
	return true;
}

/* NAME without what ends a sentence: "ack!". The caller frees. */
static char *without_stop(const char *name)
{
	size_t len = strlen(name);

	while (len > 1 && strchr(".,;:!?", name[len - 1]) != NULL)
		len--;
	return xstrndup(name, len);
}

/* "/headsup ack" and "headsup ack" where "ack" is enough. */
static bool is_our_name(const struct desk *desk, const char *word)
{
	const char *own = desk->config->slack.command;

	return own != NULL && (strcasecmp(word, own) == 0 || strcasecmp(word, own + 1) == 0);
}

static bool run_words(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, bool *is_later, struct error *err)
{
	const char *word = words_next(words);
	const struct command *command;
	char *name;

	if (word != NULL && is_our_name(desk, word))
		word = words_next(words);
	if (word == NULL) {
		put_hello(answer);
		return true;
	}
	name = without_stop(word);
	command = command_find(name);
	if (command == NULL)
		put_unknown(name, answer);
	free(name);
	if (command == NULL)
		return true;
	if (!check_role(desk, asked, command, err) ||
	    !command->run(desk, asked, words, answer, err))
		return false;
	*is_later = command->is_later && answer->len == 0;
	return true;
}

static bool run_plain(struct desk *desk, const struct asked *asked, const char *plain,
    struct buf *answer, bool *is_later, struct error *err)
{
	struct words words;
	bool ok;

	if (!words_split(plain, &words, err))
		return false;
	ok = run_words(desk, asked, &words, answer, is_later, err);
	words_fini(&words);
	return ok;
}

bool commands_run(struct desk *desk, const struct asked *asked, const char *text,
    struct buf *answer, bool *is_later, struct error *err)
{
	struct error own;
	char *plain;
	bool ok;

	*is_later = false;
	err = err != NULL ? err : &own;
	error_clear(err);
	desk->counts.commands++;
	desk->wanted_profile[0] = '\0';
	/* One byte more than is taken, so that what is too long is refused and not cut. */
	plain = slack_plain(text != NULL ? text : "", COMMAND_TEXT_MAX + 1);
	ok = run_plain(desk, asked, plain, answer, is_later, err);
	if (!ok && err->kind == ERROR_WAIT && asked->waits < WAITS_MAX &&
	    (asked->zone == NULL || desk->wanted_profile[0] != '\0')) {
		*is_later = true;
		ok = wait_for_profile(desk, asked, text, err);
	} else if (!ok) {
		ok = answer_refusal(err, answer);
	}
	free(plain);
	if (ok && !*is_later && (!buf_ok(answer) || answer->len == 0)) {
		buf_reset(answer);
		buf_puts(answer, "Done; there is too much to show it all here.");
	}
	return ok;
}

bool command_deliver(
    struct desk *desk, const struct asked *asked, const char *text, struct error *err)
{
	if (asked->response_url == NULL)
		return say_reply(desk, asked->channel, asked->thread_ts, text, err);
	return say_to_person(desk, asked->response_url, asked->channel, asked->actor.who,
	    asked->thread_ts, text, err);
}

bool commands_resume(struct desk *desk, const cJSON *command, struct error *err)
{
	struct asked asked = {
	    .actor = {.who = json_text(command, "who"),
		.via = json_text(command, "via"),
		.from = json_text(command, "from")},
	    .channel = json_text(command, "channel"),
	    .is_direct = json_true(command, "is_direct"),
	    .thread_ts = json_text(command, "thread_ts"),
	    .response_url = json_text(command, "response_url"),
	    .zone = "UTC",
	};
	struct profile profile = {.slack = NULL};
	struct buf answer;
	bool is_later, ok;

	if (asked.actor.who == NULL || asked.actor.via == NULL ||
	    json_text(command, "text") == NULL) {
		log_warn("a command that waited cannot be read any more");
		return true;
	}
	if (!json_int(command, "alert", &asked.alert))
		asked.alert = 0;
	if (!json_int(command, "waits", &asked.waits))
		asked.waits = WAITS_MAX;
	if (storage_profile(desk->storage, asked.actor.who, &profile) && profile.timezone != NULL)
		asked.zone = profile.timezone;
	buf_init(&answer, LATER_ANSWER_MAX);
	ok = commands_run(desk, &asked, json_text(command, "text"), &answer, &is_later, err);
	/* Where it gets better, it is said when it has. */
	if (ok && desk->later == NULL)
		ok = command_deliver(desk, &asked, buf_text(&answer), err);
	later_drop(desk_take_later(desk));
	buf_fini(&answer);
	profile_fini(&profile);
	return ok;
}
