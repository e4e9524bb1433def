/*
 * shell - what the client commands share: reading what was typed, asking headsup, and lines for people.
 *
 * A line for people holds one thing and no character that a terminal would obey: titles, hosts and reasons may be an attacker's.
 * With --json the answer itself is printed, refusals too.
 */
#ifndef BOT_SHELL_H
#define BOT_SHELL_H

#include "bot/client.h"
#include "bot/options.h"

/* One command as it was typed. */
struct shell {
	const char *name; /* of the command, for sentences */
	struct options options;
	struct client *client;
	char zone[64]; /* of who typed it: IANA name */
};

struct shell_command {
	const char *name;
	unsigned options; /* beside --json and --ca-file */
	size_t words_min, words_max;
	const char *
	    wants; /* "wants one announcement, as H17": what is said of too few or too many words */
	int (*run)(struct shell *shell);
};

/* Reads ARGV, opens the client, runs COMMAND; its exit status, or 2 for what was not understood. */
int shell_run(const struct shell_command *command, int argc, char **argv);
/* The same up to running it: false when it is to end with *STATUS; shell_close() undoes. */
bool shell_open(
    struct shell *shell, const struct shell_command *command, int argc, char **argv, int *status);
/* Says when what was printed did not arrive; STATUS, or 1. */
int shell_close(struct shell *shell, int status);

/* "headsup NAME: what is wrong" on stderr; 2 for ERROR_USAGE (with a pointer to the help), 3 for ERROR_REFUSED, else 1. */
int shell_complain(const struct shell *shell, const struct error *err);
/* The same of an answer that is a refusal; with --json the problem goes to stdout as well. */
int shell_refused(const struct shell *shell, const struct client_answer *answer);
bool shell_is_json(const struct shell *shell);
void shell_print_json(const cJSON *json); /* one line on stdout */
/* One line, with what a terminal would obey taken out. */
void shell_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same on stderr, after "headsup: ". */
void shell_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* GET PATH, POST PATH with BODY (may be NULL). Refusals are said; *STATUS. NULL then; the caller deletes what comes back. */
cJSON *shell_get(struct shell *shell, const char *path, int *status);
cJSON *shell_post(struct shell *shell, const char *path, const cJSON *body, int *status);

#define SHELL_LIST_DEFAULT 100 /* things that a list shows, unless --limit says otherwise */
#define SHELL_LIST_MAX 100000
#define SHELL_QUERY_MAX (16u << 10) /* bytes of a query: TARGET_MAX of bot/target.h */
/* GET PATH?QUERY, page after page up to --limit, and PRINT of each of its NAME; with --json all of them as one answer. The status. */
int shell_list(struct shell *shell, const char *path, const struct buf *query, const char *name,
    void (*print)(const struct shell *shell, const cJSON *item));

/* ---- what is put into a request -------------------------------------------------------------------------- */

/* BODY.NAME from an option, checked: a duration, a time (RFC 3339, 14:00, tomorrow 02:00), a whole number from 1. */
bool shell_put_duration(cJSON *body, const char *name, const char *text, struct error *err);
bool shell_put_time(
    const struct shell *shell, cJSON *body, const char *name, const char *text, struct error *err);
bool shell_put_number(cJSON *body, const char *name, const char *text, struct error *err);
/* BODY.match from the words and --match, each checked. */
bool shell_put_matches(const struct shell *shell, cJSON *body, struct error *err);
/* match, for, from, until, max, because, author, dry: an announcement as the options say. */
bool shell_put_announcement(const struct shell *shell, cJSON *body, struct error *err);

/* ---- what is read from an answer ------------------------------------------------------------------------- */

/* A member's text, "" for none. */
const char *shell_text(const cJSON *json, const char *name);
int64_t shell_number(const cJSON *json, const char *name);
/* "14:30 CET" of an RFC 3339 member; "?" for none. */
const char *shell_time(
    const struct shell *shell, const cJSON *json, const char *name, char out[64]);
/* "host=web-* actor=deploy" of an announcement. The caller frees. */
char *shell_matches(const cJSON *announcement);

#endif
