/* headsup outbox: words that wait for a person, and what to do with them. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/cmd.h"
#include "bot/form.h"
#include "bot/shell.h"
#include "config/base/json.h"

static void print_word(const struct shell *shell, const cJSON *word)
{
	char at[64];

	shell_print("%" PRId64 "  %-8s %s  %s  %s %s  %s", shell_number(word, "id"),
	    shell_text(word, "state"), shell_time(shell, word, "created_at", at),
	    shell_text(word, "lane"), shell_text(word, "kind"), shell_text(word, "subject"),
	    shell_text(word, "problem"));
}

static int act(struct shell *shell, const char *verb, const char *word)
{
	struct error err;
	char path[80];
	cJSON *json;
	int status;

	if (word[strspn(word, "0123456789")] != '\0' || strlen(word) > 18 || word[0] == '\0') {
		error_set(&err, ERROR_USAGE,
		    "\"%.60s\" is no number of a word; `headsup outbox` lists them", word);
		return shell_complain(shell, &err);
	}
	snprintf(path, sizeof(path), "/v1/outbox/%s/%s", word, verb);
	json = shell_post(shell, path, NULL, &status);
	if (json == NULL)
		return status;
	if (shell_is_json(shell))
		shell_print_json(json);
	else
		shell_print("%s  %s", word, shell_text(json, "state"));
	cJSON_Delete(json);
	return status;
}

static int outbox(struct shell *shell)
{
	const struct options *options = &shell->options;
	const char *verb = options->word_count > 0 ? options->word[0] : NULL;
	struct buf query;
	struct error err;
	int status;

	if (verb != NULL && (strcmp(verb, "retry") == 0 || strcmp(verb, "drop") == 0) &&
	    options->word_count == 2)
		return act(shell, verb, options->word[1]);
	if (verb != NULL) {
		error_set(&err, ERROR_USAGE, "alone it lists; else try retry 12 or drop 12");
		return shell_complain(shell, &err);
	}
	buf_init(&query, SHELL_QUERY_MAX);
	if (options_has(options, OPTION_STATUS))
		form_put(&query, "state", options->value[OPTION_STATUS]);
	status = shell_list(shell, "/v1/outbox", &query, "words", print_word);
	buf_fini(&query);
	return status;
}

int cmd_outbox(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "outbox",
	    .options = OPTION(STATUS) | OPTION(LIMIT),
	    .words_max = 2,
	    .wants = "alone it lists; else try retry 12 or drop 12",
	    .run = outbox,
	};

	return shell_run(&command, argc, argv);
}
