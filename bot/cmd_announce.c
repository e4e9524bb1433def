/* headsup expect, end, cancel, extend, list: announcements, from a shell or a pipeline. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/cmd.h"
#include "bot/form.h"
#include "bot/shell.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/grammar.h"

#define KEY_SIZE 33 /* of an idempotency key of our own: 32 hex digits */

/* ---- expect ------------------------------------------------------------------------------------------------ */

static void say_preview(const cJSON *announcement)
{
	const cJSON *preview = json_get(announcement, "preview");

	if (preview == NULL || cJSON_IsNull(preview))
		return;
	if (shell_number(preview, "alerts") == 0)
		shell_note("in the last %" PRId64 " days it would have matched nothing",
		    shell_number(preview, "days"));
	else
		shell_note("in the last %" PRId64 " days it would have matched %" PRId64
			   " alerts, of which %" PRId64 " were escalated",
		    shell_number(preview, "days"), shell_number(preview, "alerts"),
		    shell_number(preview, "escalated"));
}

/* People read stderr; stdout has the id alone, so that `id=$(headsup expect …)` works. */
static int say_announced(const struct shell *shell, const cJSON *announcement)
{
	const char *id = shell_text(announcement, "id"),
		   *status = shell_text(announcement, "status");
	char *matches = shell_matches(announcement), at[64];
	const bool is_dry = options_has(&shell->options, OPTION_DRY);
	int result = STATUS_DONE;

	if (shell_is_json(shell))
		shell_print_json(announcement);
	else if (!is_dry)
		shell_print("%s", id);
	if (strcmp(status, "pending") == 0) {
		shell_note(
		    "%s waits for somebody else's approval: %s", is_dry ? "it" : id, matches);
		result = is_dry ? STATUS_DONE : STATUS_WAITS;
	} else if (strcmp(status, "ended") == 0 || strcmp(status, "cancelled") == 0) {
		shell_note("%s was announced with this key before, and is over (%s)", id,
		    shell_text(announcement, "over_why"));
		result = STATUS_FAILED;
	} else {
		shell_note("%s %s %s until %s: %s", is_dry ? "it" : id, is_dry ? "would be" : "is",
		    status, shell_time(shell, announcement, "ends_at", at), matches);
	}
	say_preview(announcement);
	if (json_text(announcement, "warning") != NULL)
		shell_note("%s", json_text(announcement, "warning"));
	free(matches);
	return result;
}

static int expect(struct shell *shell)
{
	const char *key = shell->options.value[OPTION_KEY];
	struct client_request request = {
	    .method = "POST", .path = "/v1/announcements", .is_repeatable = true};
	struct client_answer answer = {0};
	struct error err = {0};
	char own_key[KEY_SIZE];
	cJSON *body = cJSON_CreateObject();
	int status;

	/* With a key, what was lost on its way is asked for again without announcing twice. */
	random_hex(own_key, sizeof(own_key));
	request.key = key != NULL ? key : own_key;
	request.body = body;
	if (key != NULL && (key[0] == '\0' || text_has_invisible(key)))
		error_set(&err, ERROR_USAGE, "--key is a text of one line");
	if (err.kind != ERROR_NONE || !shell_put_announcement(shell, body, &err))
		status = shell_complain(shell, &err);
	else if (client_call(shell->client, &request, &answer))
		status = say_announced(shell, answer.json);
	else
		status = shell_refused(shell, &answer);
	client_answer_fini(&answer);
	cJSON_Delete(body);
	return status;
}

int cmd_expect(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "expect",
	    .options = OPTION(FOR) | OPTION(BECAUSE) | OPTION(MAX) | OPTION(FROM) | OPTION(UNTIL) |
		       OPTION(AUTHOR) | OPTION(DRY) | OPTION(KEY) | OPTION(MATCH),
	    .words_max = OPTIONS_WORDS_MAX,
	    .wants = "say what to expect; try host=web-*",
	    .run = expect,
	};

	return shell_run(&command, argc, argv);
}

/* ---- end, cancel, extend ------------------------------------------------------------------------------------ */

static void print_announcement(const struct shell *shell, const cJSON *announcement)
{
	const char *status = shell_text(announcement, "status");
	const bool is_over = strcmp(status, "ended") == 0 || strcmp(status, "cancelled") == 0;
	char *matches = shell_matches(announcement), at[64];

	shell_print("%s  %-9s  %s %s  %s: %s because %s  seen %" PRId64 " of %" PRId64,
	    shell_text(announcement, "id"), status,
	    is_over                            ? "at"
	    : strcmp(status, "scheduled") == 0 ? "from"
					       : "until",
	    shell_time(shell, announcement,
		is_over                            ? "over_at"
		: strcmp(status, "scheduled") == 0 ? "starts_at"
						   : "ends_at",
		at),
	    shell_text(announcement, "author"), matches, shell_text(announcement, "because"),
	    shell_number(announcement, "matched"), shell_number(announcement, "max"));
	free(matches);
}

/* POSTs BODY to the verb of the announcement that the first word names. */
static int act(struct shell *shell, const char *verb, const cJSON *body)
{
	struct error err;
	char path[80];
	cJSON *json;
	int64_t id;
	int status;

	if (!id_parse(shell->options.word[0], 'H', &id)) {
		error_set(&err, ERROR_USAGE, "\"%.60s\" is no announcement; one looks like H17",
		    shell->options.word[0]);
		return shell_complain(shell, &err);
	}
	snprintf(path, sizeof(path), "/v1/announcements/H%" PRId64 "/%s", id, verb);
	json = shell_post(shell, path, body, &status);
	if (json == NULL)
		return status;
	if (shell_is_json(shell))
		shell_print_json(json);
	else
		print_announcement(shell, json);
	cJSON_Delete(json);
	return status;
}

static int end(struct shell *shell)
{
	cJSON *body = cJSON_CreateObject();
	int status;

	if (options_has(&shell->options, OPTION_BECAUSE))
		json_put(body, "note", shell->options.value[OPTION_BECAUSE]);
	status = act(shell, "end", body);
	cJSON_Delete(body);
	return status;
}

int cmd_end(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "end",
	    .options = OPTION(BECAUSE),
	    .words_min = 1,
	    .words_max = 1,
	    .wants = "say which announcement; try H17",
	    .run = end,
	};

	return shell_run(&command, argc, argv);
}

static int cancel(struct shell *shell)
{
	return act(shell, "cancel", NULL);
}

int cmd_cancel(int argc, char **argv)
{
	static const struct shell_command command = {.name = "cancel",
	    .words_min = 1,
	    .words_max = 1,
	    .wants = "say which announcement; try H17",
	    .run = cancel};

	return shell_run(&command, argc, argv);
}

static int extend(struct shell *shell)
{
	cJSON *body = cJSON_CreateObject();
	struct error err;
	int status;

	if (shell_put_duration(body, "for", shell->options.word[1], &err))
		status = act(shell, "extend", body);
	else
		status = shell_complain(shell, &err);
	cJSON_Delete(body);
	return status;
}

int cmd_extend(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "extend",
	    .words_min = 2,
	    .words_max = 2,
	    .wants = "say which announcement, and by how long; try H17 30m",
	    .run = extend,
	};

	return shell_run(&command, argc, argv);
}

/* ---- list --------------------------------------------------------------------------------------------------- */

static int list(struct shell *shell)
{
	struct buf query;
	int status;

	buf_init(&query, SHELL_QUERY_MAX);
	if (options_has(&shell->options, OPTION_STATUS))
		form_put(&query, "status", shell->options.value[OPTION_STATUS]);
	status =
	    shell_list(shell, "/v1/announcements", &query, "announcements", print_announcement);
	buf_fini(&query);
	return status;
}

int cmd_list(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "list",
	    .options = OPTION(STATUS) | OPTION(LIMIT),
	    .wants = "takes no words; try --status active",
	    .run = list,
	};

	return shell_run(&command, argc, argv);
}
