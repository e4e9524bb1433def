/* headsup alerts, show, ack, resolve, escalate, note, send: alerts, from a shell. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bot/cmd.h"
#include "bot/form.h"
#include "bot/shell.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/grammar.h"

#define SEND_MAX (4u << 20) /* bytes of a body: what headsup takes */
#define NOTE_MAX_BYTES 8192 /* of a note */
#define NAME_WIDTH 13       /* columns of a field's name in show */
#define DEPTH_MAX 4         /* of objects in objects that show follows */

/* ---- alerts ------------------------------------------------------------------------------------------------- */

static void put_part(struct buf *line, const char *text)
{
	if (text[0] != '\0')
		buf_printf(line, " · %s", text);
}

static void print_alert(const struct shell *shell, const cJSON *alert)
{
	struct buf line;
	char at[64];

	buf_init(&line, SHELL_QUERY_MAX);
	buf_puts(&line, shell_text(alert, "title"));
	put_part(&line, shell_text(alert, "host"));
	put_part(&line, shell_text(alert, "actor"));
	if (shell_number(alert, "count") > 1)
		buf_printf(&line, " · %" PRId64 " times", shell_number(alert, "count"));
	put_part(&line, shell_text(alert, "announcement"));
	put_part(&line, shell_text(alert, "mark"));
	shell_print("%s  %-8s  %-8s  %s  %s", shell_text(alert, "id"), shell_text(alert, "status"),
	    shell_text(alert, "severity"), shell_time(shell, alert, "last_seen", at),
	    buf_text(&line));
	buf_fini(&line);
}

static int alerts(struct shell *shell)
{
	const struct options *options = &shell->options;
	struct buf query;
	int status;

	buf_init(&query, SHELL_QUERY_MAX);
	if (options_has(options, OPTION_STATUS))
		form_put(&query, "status", options->value[OPTION_STATUS]);
	if (options_has(options, OPTION_SINCE))
		form_put(&query, "since", options->value[OPTION_SINCE]);
	for (size_t i = 0; i < options->word_count; i++)
		form_put(&query, "match", options->word[i]);
	for (size_t i = 0; i < options->match_count; i++)
		form_put(&query, "match", options->match[i]);
	status = shell_list(shell, "/v1/alerts", &query, "alerts", print_alert);
	buf_fini(&query);
	return status;
}

int cmd_alerts(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "alerts",
	    .options = OPTION(STATUS) | OPTION(MATCH) | OPTION(SINCE) | OPTION(LIMIT),
	    .words_max = OPTIONS_MATCH_MAX,
	    .wants = "at most 32 matches",
	    .run = alerts,
	};

	return shell_run(&command, argc, argv);
}

/* ---- show --------------------------------------------------------------------------------------------------- */

static void print_event(const struct shell *shell, const cJSON *event)
{
	const char *note = shell_text(event, "note"), *via = shell_text(event, "via");
	const bool is_ours = strcmp(via, "headsup") == 0;
	char at[64];

	shell_print("%s  %s %s%s%s%s%s", shell_time(shell, event, "at", at),
	    shell_text(event, "who"), shell_text(event, "what"), is_ours ? "" : " in ",
	    is_ours ? "" : via, note[0] != '\0' ? ": " : "", note);
}

/* Every member that says something, one a line: "host  web-3", "pagerduty.status  acked". */
static void print_members(
    const struct shell *shell, const cJSON *json, const char *before, int depth)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, json)
	{
		char *name = xasprintf("%s%s%s", before,
		    before[0] != '\0' && member->string != NULL ? "." : "",
		    member->string != NULL ? member->string : "");
		char *text = json_scalar(member);

		if (text != NULL && text[0] != '\0' && strcmp(text, "false") != 0)
			shell_print("%-*s  %s", NAME_WIDTH, name, text);
		else if ((cJSON_IsObject(member) || cJSON_IsArray(member)) &&
			 strcmp(name, "timeline") != 0 && depth < DEPTH_MAX)
			print_members(shell, member, name, depth + 1);
		free(text);
		free(name);
	}
	if (depth > 0)
		return;
	cJSON_ArrayForEach(member, json_get(json, "timeline")) print_event(shell, member);
}

static int show(struct shell *shell)
{
	const char *word = shell->options.word[0];
	struct error err;
	char path[64];
	cJSON *json;
	int64_t id;
	int status;

	if (id_parse(word, 'A', &id)) {
		snprintf(path, sizeof(path), "/v1/alerts/A%" PRId64, id);
	} else if (id_parse(word, 'H', &id)) {
		snprintf(path, sizeof(path), "/v1/announcements/H%" PRId64, id);
	} else {
		error_set(&err, ERROR_USAGE,
		    "\"%.60s\" is neither an alert (A1042) nor an announcement (H17)", word);
		return shell_complain(shell, &err);
	}
	json = shell_get(shell, path, &status);
	if (json == NULL)
		return status;
	if (shell_is_json(shell))
		shell_print_json(json);
	else
		print_members(shell, json, "", 0);
	cJSON_Delete(json);
	return status;
}

int cmd_show(int argc, char **argv)
{
	static const struct shell_command command = {.name = "show",
	    .words_min = 1,
	    .words_max = 1,
	    .wants = "say what to show; try A1042 or H17",
	    .run = show};

	return shell_run(&command, argc, argv);
}

/* ---- ack, resolve, escalate, note … -------------------------------------------------------------------------- */

/* The words from FIRST on, as one text. */
static bool put_note(const struct shell *shell, size_t first, cJSON *body, struct error *err)
{
	struct buf note;
	bool ok;

	buf_init(&note, NOTE_MAX_BYTES);
	for (size_t i = first; i < shell->options.word_count; i++) {
		if (i > first)
			buf_putc(&note, ' ');
		buf_puts(&note, shell->options.word[i]);
	}
	if (options_has(&shell->options, OPTION_BECAUSE)) {
		if (note.len > 0)
			buf_putc(&note, ' ');
		buf_puts(&note, shell->options.value[OPTION_BECAUSE]);
	}
	ok = buf_ok(&note) ||
	     error_set(err, ERROR_USAGE, "a note has at most %d bytes", NOTE_MAX_BYTES);
	if (ok && note.len > 0)
		json_put(body, "note", buf_text(&note));
	buf_fini(&note);
	return ok;
}

static int act_on(struct shell *shell, const char *word, const cJSON *body)
{
	char path[80];
	cJSON *json;
	int64_t id = 0;
	int status;

	id_parse(word, 'A', &id);
	snprintf(path, sizeof(path), "/v1/alerts/A%" PRId64 "/%s", id, shell->name);
	json = shell_post(shell, path, body, &status);
	if (json == NULL)
		return status;
	if (shell_is_json(shell))
		shell_print_json(json);
	else
		print_alert(shell, json);
	cJSON_Delete(json);
	return status;
}

/* assign A1042 @alice: the word at AT is whom, and what follows is the note. */
static size_t put_person(const struct shell *shell, size_t at, cJSON *body)
{
	if (strcmp(shell->name, "assign") != 0 || at >= shell->options.word_count)
		return at;
	json_put(body, "to", shell->options.word[at]);
	return at + 1;
}

/* Several alerts, then what is to be noted. Each is asked for; the exit status is the first that is not 0. */
static int act(struct shell *shell)
{
	const struct options *options = &shell->options;
	cJSON *body = cJSON_CreateObject();
	struct error err = {0};
	size_t ids = 0, first;
	int64_t id;
	int status = STATUS_DONE;

	while (ids < options->word_count && id_parse(options->word[ids], 'A', &id))
		ids++;
	if (ids == 0)
		error_set(&err, ERROR_USAGE, "say which alert; try A1042");
	else if (strcmp(shell->name, "note") == 0 && ids == options->word_count &&
		 !options_has(options, OPTION_BECAUSE))
		error_set(&err, ERROR_USAGE, "say what to note; try note A1042 looking into it");
	first = put_person(shell, ids, body);
	if (err.kind == ERROR_NONE)
		put_note(shell, first, body, &err);
	if (options_has(options, OPTION_TO)) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, "to");
		json_put(body, "to", options->value[OPTION_TO]);
	}
	if (err.kind != ERROR_NONE)
		status = shell_complain(shell, &err);
	for (size_t i = 0; err.kind == ERROR_NONE && i < ids; i++) {
		const int one = act_on(shell, options->word[i], body);

		status = status != STATUS_DONE ? status : one;
	}
	cJSON_Delete(body);
	return status;
}

int cmd_act(int argc, char **argv)
{
	const struct shell_command command = {
	    .name = argv[0],
	    .options = OPTION(BECAUSE) | OPTION(TO),
	    .words_min = 1,
	    .words_max = OPTIONS_WORDS_MAX,
	    .wants = "say which alert; try A1042",
	    .run = act,
	};

	return shell_run(&command, argc, argv);
}

/* ---- send --------------------------------------------------------------------------------------------------- */

static bool read_body(const char *path, struct buf *body, struct error *err)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char part[16384];
	ssize_t len = fd < 0 ? -1 : 0;

	while (fd >= 0 && buf_ok(body) &&
	       ((len = read(fd, part, sizeof(part))) > 0 || (len < 0 && errno == EINTR))) {
		if (len > 0)
			buf_put(body, part, (size_t)len);
	}
	if (len < 0)
		error_set(
		    err, ERROR_IO, "%s: %s", is_stdin ? "standard input" : path, strerror(errno));
	else if (!buf_ok(body))
		error_set(err, ERROR_USAGE, "more than %u MiB; send it in parts", SEND_MAX >> 20);
	if (fd >= 0 && !is_stdin)
		close(fd);
	return len >= 0 && buf_ok(body);
}

/* What became of each alert; what was wrong with one goes to stderr. */
static int say_sent(const struct shell *shell, const cJSON *answer)
{
	const cJSON *item, *errors = json_get(answer, "errors");

	if (shell_is_json(shell))
		shell_print_json(answer);
	cJSON_ArrayForEach(item, json_get(answer, "alerts"))
	{
		const char *route = shell_text(item, "route");

		if (!shell_is_json(shell))
			shell_print("%s  %s%s%s%s", shell_text(item, "id"),
			    shell_text(item, "status"), route[0] != '\0' ? "  " : "", route,
			    json_true(item, "pages") ? "  pages" : "");
	}
	cJSON_ArrayForEach(item, errors) shell_note(
	    "send: item %" PRId64 ": %s", shell_number(item, "index"), shell_text(item, "detail"));
	return cJSON_GetArraySize(errors) > 0 ? STATUS_FAILED : STATUS_DONE;
}

static int send_request(struct shell *shell, const struct client_request *request)
{
	struct client_answer answer;
	int status;

	status = client_call(shell->client, request, &answer) ? say_sent(shell, answer.json)
							      : shell_refused(shell, &answer);
	client_answer_fini(&answer);
	return status;
}

static int send_file(struct shell *shell)
{
	const char *source = shell->options.value[OPTION_SOURCE];
	struct buf body, path;
	struct error err;
	int status;

	buf_init(&body, SEND_MAX);
	buf_init(&path, SHELL_QUERY_MAX);
	buf_puts(&path, "/v1/alerts");
	if (source != NULL)
		buf_putc(&path, '/');
	for (const char *c = source; c != NULL && *c != '\0'; c++) {
		if (strchr("/?#%", *c) == NULL && (unsigned char)*c > ' ' &&
		    (unsigned char)*c < 0x7F)
			buf_putc(&path, *c);
		else
			buf_printf(&path, "%%%02X", (unsigned char)*c);
	}
	if (!read_body(shell->options.word[0], &body, &err))
		status = shell_complain(shell, &err);
	else
		status = send_request(shell, &(struct client_request){.method = "POST",
						 .path = buf_text(&path),
						 .raw = buf_text(&body),
						 .raw_len = body.len});
	buf_fini(&path);
	buf_fini(&body);
	return status;
}

/* [ROUTE] [MATCH…]: the first word is a route's name unless it is a match. */
static int send_test(struct shell *shell)
{
	const struct options *options = &shell->options;
	const bool has_route = options->word_count > 0 && strpbrk(options->word[0], "=~") == NULL;
	cJSON *body = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(body, "match");
	int status;

	if (has_route)
		json_put(body, "route", options->word[0]);
	for (size_t i = has_route ? 1 : 0; i < options->word_count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(options->word[i]));
	status = send_request(
	    shell, &(struct client_request){.method = "POST", .path = "/v1/test", .body = body});
	cJSON_Delete(body);
	return status;
}

static int send_what(struct shell *shell)
{
	const struct options *options = &shell->options;
	struct error err = {0};

	if (options_has(options, OPTION_TEST) && options_has(options, OPTION_SOURCE))
		error_set(&err, ERROR_USAGE, "--test makes its own alert; leave out --source");
	else if (!options_has(options, OPTION_TEST) && options->word_count != 1)
		error_set(
		    &err, ERROR_USAGE, "say which file; try alert.json, or - for standard input");
	if (err.kind != ERROR_NONE)
		return shell_complain(shell, &err);
	return options_has(options, OPTION_TEST) ? send_test(shell) : send_file(shell);
}

int cmd_send(int argc, char **argv)
{
	static const struct shell_command command = {
	    .name = "send",
	    .options = OPTION(TEST) | OPTION(SOURCE),
	    .words_max = OPTIONS_MATCH_MAX,
	    .wants = "at most 32 matches",
	    .run = send_what,
	};

	return shell_run(&command, argc, argv);
}
