/* commands_internal - what the files of handlers/commands/ share: reading ids and times, putting answers. */
#ifndef HANDLERS_COMMANDS_INTERNAL_H
#define HANDLERS_COMMANDS_INTERNAL_H

#include "handlers/commands.h"

#define COMMAND_IDS_MAX 100  /* alerts that one command acts on */
#define COMMAND_ROWS_MAX 20  /* lines of a list */
#define COMMAND_SCAN_MAX 500 /* rows that one list looks at */

extern const struct command assign_command, reopen_command, unack_command;
extern const struct command approve_command, audit_command, deny_command, edit_command, recap_command,
    stats_command;
extern const struct command alerts_command, ack_command, cancel_command, end_command,
    escalate_command, expect_command, extend_command, help_command, list_command, note_command,
    oncall_command, resolve_command, show_command, why_command;

/* How much of a typed TEXT a refusal repeats: for "%.*s". */
int command_shown(const char *text);
/* By name or other name, in any case; NULL: none. */
const struct command *command_find(const char *name);
/* The command whose name is nearest to NAME, NULL when none is near. */
const struct command *command_near(const char *name);

/* Alerts that a command names: ids, lists of ids (A1,A2), or the alert in whose thread it was typed. */
struct alert_ids {
	int64_t list[COMMAND_IDS_MAX];
	size_t count;
};
/* Reads ids as far as they go. ERROR_USAGE with COMMAND's nearest right form when there is none. */
bool command_ids(const struct asked *asked, struct words *words, const struct command *command,
    struct alert_ids *ids, struct error *err);
/* One announcement's id. */
bool command_announcement(
    struct words *words, const struct command *command, int64_t *id, struct error *err);
/* Nothing may be left to read. */
bool command_is_over(struct words *words, const struct command *command, struct error *err);
/* The rest of the line, without a leading `because` and quotes around the whole; "" for none. Borrowed from WORDS. */
const char *command_reason(struct words *words);
/* Is WORD a MATCH by its looks: field=value and such, or a bare person? */
bool command_is_match(const char *word);
/*
 * The word at INDEX as match_parse() wants it. A bare person (@alice, <@U0ALICE>, alice@example.com) and actor=@alice mean any of
 * their logins. NULL, ERROR_USAGE: nobody is known by that name, or has logins. The caller frees.
 */
char *command_match(const struct desk *desk, const struct words *words, size_t index, struct error *err);
/* One or two words that are a time in the asker's zone. ERROR_WAIT: the zone is not known, and the time needs one. */
bool command_time(const struct desk *desk, const struct asked *asked, struct words *words,
    int64_t *at, struct error *err);
bool command_duration(
    struct words *words, const struct command *command, int64_t *seconds, struct error *err);
const char *command_zone(const struct asked *asked); /* never NULL: UTC when it is not known */

/* VERB on each alert of IDS; DONE ("Acked") begins the sentence that names those it was done to. False only when storage fails. */
bool command_act(struct desk *desk, const struct asked *asked, const struct alert_ids *ids,
    const char *verb, const char *done, const char *note, const char *to, struct buf *answer,
    struct error *err);
/* ack, resolve and their like: ids, `mine` (open ones of the asker; with TAKE_ACKED acked ones too), and what is said about it. */
bool command_act_on(struct desk *desk, const struct asked *asked, struct words *words,
    const struct command *command, const char *done, bool take_acked, struct buf *answer,
    struct error *err);

/* The next word as a MATCH, which the caller frees, into MATCH (MATCH_MAX of them); *COUNT grows. ERROR_USAGE as expect has it. */
bool command_read_match(const struct desk *desk, struct words *words, char **match, size_t *count, struct error *err);
/* "active: `host=web-*`, until 14:30 CET (30m), at most 50 alerts, because …", and whom and what it covers: of MADE, with an id or without. */
void command_put_terms(const struct desk *desk, const struct announcement *made, const char *zone, struct buf *answer);

/* "*A1042* HIGH open · sshd: key added · web-3 · alice · 14:02 CET" */
void command_put_alert(
    const struct desk *desk, const struct alert *alert, const char *zone, struct buf *out);
void command_put_time(
    const struct desk *desk, const char *label, int64_t at, const char *zone, struct buf *out);
/* A refusal: its sentence, and what it suggests after "try: " as code, to be copied. */
void command_put_refusal(const struct error *err, struct buf *out);
/* "`usage` help" of one command. */
void command_put_usage(const struct command *command, struct buf *out);

/* ---- what an announcement would have covered (commands_preview.c) --------------------------------------- */

/*
 * The answer of a command that makes or changes an announcement: PUT writes what was done, the preview is added, at once or when it is
 * known. Where who asked waits no more by then, it is said apart.
 */
typedef void (*command_put)(
    const struct desk *desk, const struct asked *asked, const struct announcement *announcement, struct buf *answer);
struct preview_wish;
struct later;
/* Fills WISH, to be handed to announce() or preview_start() (which free it); the returned one to command_answer() or later_drop(). */
struct later *command_wish(const struct asked *asked, command_put put, struct preview_wish *wish);
/* After that call: ANSWER gets what there is by now. LATER is taken. */
void command_answer(struct desk *desk, const struct asked *asked, command_put put, const struct announcement *announcement,
    const struct preview_wish *wish, struct later *later, struct buf *answer);
/* Says TEXT (mrkdwn) to who asked: a slash command's answer to them alone, other words' where they were typed. */
bool command_deliver(struct desk *desk, const struct asked *asked, const char *text, struct error *err);

#endif
