/* slack_error - what to do about an error that Slack names: one table.
 * docs.slack.dev/apis/web-api */
#ifndef BOT_SLACK_ERROR_H
#define BOT_SLACK_ERROR_H

enum slack_cure {
	CURE_NONE,    /* no harm done: it was so already */
	CURE_WAIT,    /* over a limit */
	CURE_RETRY,   /* Slack's own trouble; part of it may have happened */
	CURE_PLAINER, /* its form was refused */
	CURE_TARGET,  /* this channel or person: a person must act */
	CURE_TOKEN,   /* the token, the workspace: until a person acts nothing else works */
	CURE_PERSON,  /* anything else that a person must look at: a scope, a mistake of ours */
	CURE_DEAD,    /* the moment has passed, the message is gone */
};

/* METHOD may be NULL. An error that nobody has heard of is CURE_PERSON. */
enum slack_cure slack_cure(const char *method, const char *error);

#endif
