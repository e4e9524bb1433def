/* shell - what the client commands share. */
#include "bot/shell.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bot/form.h"
#include "bot/loop.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/match.h"

#define LINE_MAX_BYTES (256u << 10)
#define PATH_MAX_BYTES 256
#define ZONES "/zoneinfo/"

/* ---- lines ------------------------------------------------------------------------------------------------- */

/* As it is shown: a line break is a blank, and what a terminal would obey, or nobody would see, is U+FFFD. */
static void put_shown(struct buf *out, const char *text)
{
	size_t left = strlen(text), size;

	for (; left > 0; text += size, left -= size) {
		const uint32_t c = utf8_decode(text, left, &size);

		if (c == '\n' || c == '\t' || c == '\r')
			buf_putc(out, ' ');
		else
			buf_put_utf8(out, codepoint_is_invisible(c) ? CODEPOINT_REPLACEMENT : c);
	}
}

static void __attribute__((format(printf, 3, 0)))
print_line(FILE *file, const char *before, const char *format, va_list args)
{
	struct buf line, shown;

	buf_init(&line, LINE_MAX_BYTES);
	buf_init(&shown, 3 * LINE_MAX_BYTES);
	buf_vprintf(&line, format, args);
	put_shown(&shown,
	    buf_ok(&line) ? buf_text(&line) : "(a line that is too long to show; see --json)");
	fprintf(file, "%s%s\n", before, buf_text(&shown));
	buf_fini(&line);
	buf_fini(&shown);
}

void shell_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(stdout, "", format, args);
	va_end(args);
}

void shell_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(stderr, "headsup: ", format, args);
	va_end(args);
}

void shell_print_json(const cJSON *json)
{
	char *text = json_write(json);

	puts(text);
	free(text);
}

bool shell_is_json(const struct shell *shell)
{
	return options_has(&shell->options, OPTION_JSON);
}

int shell_complain(const struct shell *shell, const struct error *err)
{
	if (err->kind == ERROR_USAGE) {
		shell_note("%s: %s (`headsup help %s` shows the form)", shell->name, err->text,
		    shell->name);
		return STATUS_USAGE;
	}
	shell_note("%s: %s", shell->name, err->text);
	return err->kind == ERROR_REFUSED ? STATUS_REFUSED : STATUS_FAILED;
}

int shell_refused(const struct shell *shell, const struct client_answer *answer)
{
	if (shell_is_json(shell) && answer->json != NULL)
		shell_print_json(answer->json);
	shell_note("%s: %s", shell->name, answer->error.text);
	return client_status(answer);
}

/* ---- a command --------------------------------------------------------------------------------------------- */

/* The zone of who types: TZ, else what /etc/localtime points to, else UTC. */
static void find_zone(char *zone, size_t size)
{
	const char *tz = getenv("TZ"), *name = tz != NULL && tz[0] == ':' ? tz + 1 : tz;
	char target[PATH_MAX_BYTES];
	ssize_t len;

	if (text_is_empty(name)) {
		len = readlink("/etc/localtime", target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		name = strstr(target, ZONES);
		name = name != NULL ? name + strlen(ZONES) : NULL;
	}
	snprintf(zone, size, "%s",
	    name != NULL && strlen(name) < size && zone_known(name) ? name : "UTC");
}

bool shell_open(
    struct shell *shell, const struct shell_command *command, int argc, char **argv, int *status)
{
	struct error err = {0};

	*shell = (struct shell){.name = command->name};
	find_zone(shell->zone, sizeof(shell->zone));
	if (!options_read(argc, argv, command->options | OPTION(JSON) | OPTION(CA_FILE),
		&shell->options, &err))
		goto fail;
	if (shell->options.word_count < command->words_min ||
	    shell->options.word_count > command->words_max) {
		error_set(&err, ERROR_USAGE, "%s", command->wants);
		goto fail;
	}
	shell->client = client_new(shell->options.value[OPTION_CA_FILE], &err);
	if (shell->client != NULL)
		return true;
fail:
	*status = shell_complain(shell, &err);
	return false;
}

int shell_close(struct shell *shell, int status)
{
	client_free(shell->client);
	shell->client = NULL;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	shell_note("%s: what was to be printed could not be written", shell->name);
	return status != STATUS_DONE ? status : STATUS_FAILED;
}

int shell_run(const struct shell_command *command, int argc, char **argv)
{
	struct shell shell;
	int status;

	if (!shell_open(&shell, command, argc, argv, &status))
		return status;
	status = command->run(&shell);
	return shell_close(&shell, status);
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static cJSON *ask(struct shell *shell, const struct client_request *request, int *status)
{
	struct client_answer answer;
	cJSON *json = NULL;

	if (client_call(shell->client, request, &answer)) {
		json = answer.json;
		answer.json = NULL;
		*status = STATUS_DONE;
	} else {
		*status = shell_refused(shell, &answer);
	}
	client_answer_fini(&answer);
	return json;
}

cJSON *shell_get(struct shell *shell, const char *path, int *status)
{
	return ask(shell,
	    &(struct client_request){.method = "GET", .path = path, .is_repeatable = true}, status);
}

cJSON *shell_post(struct shell *shell, const char *path, const cJSON *body, int *status)
{
	return ask(
	    shell, &(struct client_request){.method = "POST", .path = path, .body = body}, status);
}

/* ---- lists ------------------------------------------------------------------------------------------------- */

static bool read_limit(const struct shell *shell, int64_t *limit, struct error *err)
{
	cJSON *number = cJSON_CreateObject();
	bool ok = shell_put_number(number, "limit", shell->options.value[OPTION_LIMIT], err);

	if (!json_int(number, "limit", limit))
		*limit = SHELL_LIST_DEFAULT;
	cJSON_Delete(number);
	if (ok && *limit > SHELL_LIST_MAX)
		return error_set(err, ERROR_USAGE, "--limit is at most %d", SHELL_LIST_MAX);
	return ok;
}

/* One page: COUNT things from CURSOR on. */
static cJSON *get_page(struct shell *shell, const char *path, const struct buf *query,
    int64_t count, const char *cursor, int *status)
{
	struct buf asked;
	struct error err;
	cJSON *page = NULL;

	buf_init(&asked, SHELL_QUERY_MAX);
	buf_printf(&asked, "%s?%s%slimit=%" PRId64, path, buf_text(query),
	    query->len > 0 ? "&" : "", count);
	if (cursor[0] != '\0')
		form_put(&asked, "cursor", cursor);
	if (buf_ok(query) && buf_ok(&asked)) {
		page = shell_get(shell, buf_text(&asked), status);
	} else {
		error_set(&err, ERROR_USAGE, "that is too long to ask; leave some of it out");
		*status = shell_complain(shell, &err);
	}
	buf_fini(&asked);
	return page;
}

/* Moves what PAGE lists as NAME to the end of ALL. */
static void take_items(cJSON *all, cJSON *page, const char *name)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(page, name), *item;

	while (cJSON_IsArray(items) && (item = cJSON_DetachItemFromArray(items, 0)) != NULL)
		cJSON_AddItemToArray(all, item);
}

static void print_list(const struct shell *shell, cJSON *list, const char *name, const char *cursor,
    void (*print)(const struct shell *shell, const cJSON *item))
{
	cJSON *answer, *item;

	if (!shell_is_json(shell)) {
		cJSON_ArrayForEach(item, list) print(shell, item);
		if (cursor[0] != '\0')
			shell_note("there are more; --limit %d shows up to that many",
			    10 * cJSON_GetArraySize(list));
		return;
	}
	answer = cJSON_CreateObject();
	cJSON_AddItemReferenceToObject(answer, name, list);
	json_put(answer, "next_cursor", cursor[0] != '\0' ? cursor : NULL);
	shell_print_json(answer);
	cJSON_Delete(answer);
}

int shell_list(struct shell *shell, const char *path, const struct buf *query, const char *name,
    void (*print)(const struct shell *shell, const cJSON *item))
{
	cJSON *list = cJSON_CreateArray(), *page;
	char *cursor = xstrdup("");
	struct error err;
	int64_t limit;
	int status = STATUS_DONE;

	if (!read_limit(shell, &limit, &err)) {
		status = shell_complain(shell, &err);
		goto out;
	}
	do {
		page =
		    get_page(shell, path, query, limit - cJSON_GetArraySize(list), cursor, &status);
		if (page == NULL)
			goto out;
		take_items(list, page, name);
		replace_text(&cursor, shell_text(page, "next_cursor"));
		cJSON_Delete(page);
	} while (cursor[0] != '\0' && cJSON_GetArraySize(list) < limit);
	print_list(shell, list, name, cursor, print);
out:
	free(cursor);
	cJSON_Delete(list);
	return status;
}

/* ---- what is put into a request ---------------------------------------------------------------------------- */

bool shell_put_duration(cJSON *body, const char *name, const char *text, struct error *err)
{
	int64_t seconds;

	if (text == NULL)
		return true;
	if (!duration_parse(text, &seconds, err))
		return false;
	json_put(body, name, text);
	return true;
}

bool shell_put_time(
    const struct shell *shell, cJSON *body, const char *name, const char *text, struct error *err)
{
	int64_t at;

	if (text == NULL)
		return true;
	if (!time_parse(text, shell->zone, clock_now(), &at, err))
		return false;
	json_put_time(body, name, at);
	return true;
}

bool shell_put_number(cJSON *body, const char *name, const char *text, struct error *err)
{
	char *end = NULL;
	int64_t value;

	if (text == NULL)
		return true;
	value = isdigit((unsigned char)text[0]) && strlen(text) <= 18 ? strtoll(text, &end, 10) : 0;
	if (value < 1 || *end != '\0')
		return error_set(
		    err, ERROR_USAGE, "--%s is a whole number from 1, not \"%.60s\"", name, text);
	json_put_int(body, name, value);
	return true;
}

static bool add_match(cJSON *list, const char *text, struct error *err)
{
	struct match *match = NULL;

	/* A bare @alice is written out by headsup, which knows the people. */
	if (text[0] != '@' && (match = match_parse(text, err)) == NULL)
		return false;
	match_free(match);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
	return true;
}

bool shell_put_matches(const struct shell *shell, cJSON *body, struct error *err)
{
	const struct options *options = &shell->options;
	cJSON *list = cJSON_AddArrayToObject(body, "match");

	for (size_t i = 0; i < options->word_count; i++) {
		if (!add_match(list, options->word[i], err))
			return false;
	}
	for (size_t i = 0; i < options->match_count; i++) {
		if (!add_match(list, options->match[i], err))
			return false;
	}
	return cJSON_GetArraySize(list) > 0 ||
	       error_set(err, ERROR_USAGE, "say what to expect; try host=web-*");
}

bool shell_put_announcement(const struct shell *shell, cJSON *body, struct error *err)
{
	const char *const *value = shell->options.value;

	if (!shell_put_matches(shell, body, err) ||
	    !shell_put_duration(body, "for", value[OPTION_FOR], err) ||
	    !shell_put_time(shell, body, "from", value[OPTION_FROM], err) ||
	    !shell_put_time(shell, body, "until", value[OPTION_UNTIL], err) ||
	    !shell_put_number(body, "max", value[OPTION_MAX], err))
		return false;
	json_put(body, "because", value[OPTION_BECAUSE]);
	if (value[OPTION_AUTHOR] != NULL)
		json_put(body, "author", value[OPTION_AUTHOR]);
	if (value[OPTION_DRY] != NULL)
		cJSON_AddTrueToObject(body, "dry");
	return true;
}

/* ---- what is read from an answer --------------------------------------------------------------------------- */

const char *shell_text(const cJSON *json, const char *name)
{
	const char *text = json_text(json, name);

	return text != NULL ? text : "";
}

int64_t shell_number(const cJSON *json, const char *name)
{
	int64_t value;

	return json_int(json, name, &value) ? value : 0;
}

const char *shell_time(const struct shell *shell, const cJSON *json, const char *name, char out[64])
{
	int64_t at;

	if (time_parse_rfc3339(shell_text(json, name), &at))
		time_write_local(at, shell->zone, clock_now(), out, 64);
	else
		snprintf(out, 64, "?");
	return out;
}

char *shell_matches(const cJSON *announcement)
{
	const cJSON *item;
	struct buf text;
	char *taken;

	buf_init(&text, LINE_MAX_BYTES);
	cJSON_ArrayForEach(item, json_get(announcement, "match"))
	{
		if (!cJSON_IsString(item))
			continue;
		if (text.len > 0)
			buf_putc(&text, ' ');
		buf_puts(&text, item->valuestring);
	}
	taken = buf_ok(&text) ? buf_take(&text) : NULL;
	buf_fini(&text);
	return taken != NULL ? taken : xstrdup("");
}
