/*
 * slack_machine - the connection's states, what happens to it, and the table of both; walked by
 * slack_on() in slack.c.
 */
#ifndef BOT_SLACK_MACHINE_H
#define BOT_SLACK_MACHINE_H

#include <stddef.h>

struct slack;

enum slack_state {
	SLACK_IDLE,     /* not started, or no slack: in the configuration */
	SLACK_PROVING,  /* auth.test: who are we there? */
	SLACK_ASKING,   /* apps.connections.open: where to connect? */
	SLACK_DIALLING, /* until hello */
	SLACK_READY,
	SLACK_WAITING, /* it failed, and will be tried again */
	SLACK_REFUSED, /* a person must act; tried again slowly */
	SLACK_STOPPED,
	SLACK_STATE_COUNT
};

enum slack_event {
	SLACK_START,
	SLACK_PROVED, /* we know who we are */
	SLACK_GOT_URL,
	SLACK_HELLO,
	SLACK_RENEW,   /* this connection will end soon: have the next one ready */
	SLACK_CLOSED,  /* the newest connection is gone */
	SLACK_FAILED,  /* a call came to nothing, or the connection does not last */
	SLACK_DENIED,  /* the token, the scopes, Socket Mode itself */
	SLACK_CROWDED, /* too_many_websockets */
	SLACK_DUE,     /* the time to wait is over */
	SLACK_LATE,    /* no hello in time */
	SLACK_RELOAD,  /* other tokens, or another address */
	SLACK_STOP,
	SLACK_EVENT_COUNT
};

struct slack_transition {
	enum slack_state in;
	enum slack_event on;
	enum slack_state to;
	void (*act)(struct slack *slack);
};
extern const struct slack_transition slack_transitions[];
extern const size_t slack_transition_count;

/* The pairs that cannot be: raising one is a bug, which is logged and changes nothing. ON_MASK
 * has a bit for each event. */
struct slack_impossible {
	enum slack_state in;
	unsigned on_mask;
};
extern const struct slack_impossible slack_impossible[];
extern const size_t slack_impossible_count;

#endif
