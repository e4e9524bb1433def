/*
 * commands - the words people type, from one table and one grammar.
 *
 * A command is a file in handlers/commands/ that ends in one constant; commands.c lists them, and dispatch, help, "did you mean"
 * and the test that each has an example all read that list.
 */
#ifndef HANDLERS_COMMANDS_H
#define HANDLERS_COMMANDS_H

#include "handlers/desk.h"
#include "handlers/grammar.h"

enum role { ROLE_ANYONE, ROLE_ANNOUNCER, ROLE_RESPONDER, ROLE_APPROVER };

/* Where the words came from. */
struct asked {
	struct actor actor;
	const char *channel;      /* id where it was typed; the public message of an announcement goes there */
	bool is_direct;           /* a direct message */
	const char *thread_ts;    /* typed in this thread; NULL: none */
	int64_t alert;            /* the alert whose thread it is, 0: none */
	const char *response_url; /* NULL: none */
	const char *zone;         /* the asker's time zone; NULL: not known yet */
	int64_t waits;            /* how often it has waited for a profile */
};

struct command {
	const char *name;
	const char *alias;   /* NULL: none */
	const char *usage;   /* "ack A1042... [NOTE]" */
	const char *help;    /* one line */
	const char *example; /* "ack A1042 looking" ; parses and runs in a test */
	enum role needs;
	bool is_later;       /* it may answer nothing at once: what it has to say is left in the outbox when it is known */
	/* Answers in mrkdwn into ANSWER. False: ERR's sentence is the answer. ERROR_WAIT: the zone is needed first (commands_run asks for it). */
	bool (*run)(struct desk *desk, const struct asked *asked, struct words *words, struct buf *answer, struct error *err);
};
extern const struct command *const commands[]; /* in the order of help; NULL ends it */

/*
 * Runs TEXT (as Slack sent it). ANSWER gets the reply in mrkdwn, never empty unless *IS_LATER: then it comes through the asker's response_url
 * (or a reply) when the profile is known, or what is asked for. Never fails for what people type; false only when storage fails.
 */
bool commands_run(struct desk *desk, const struct asked *asked, const char *text, struct buf *answer, bool *is_later, struct error *err);
/* The profile that a command waited for has come (or will not): runs it and leaves the answer in the outbox. */
bool commands_resume(struct desk *desk, const cJSON *command, struct error *err);

#endif
