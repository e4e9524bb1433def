/* outcome - what an answer means for the word that was sent: sent, again, plainer, a person, or
 * dead. */
#ifndef BOT_OUTCOME_H
#define BOT_OUTCOME_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "bot/web.h"
#include "handlers/words.h"

enum fate {
	FATE_SAID,    /* or, in a conversation, refused for good: it hears of both */
	FATE_AGAIN,   /* network, 5xx, over a limit */
	FATE_PLAINER, /* its form was refused */
	FATE_PERSON,  /* it waits for a person */
	FATE_TOKEN,   /* the token is refused: everything there waits for a person */
	FATE_DEAD,
};

struct outcome {
	enum fate fate;
	int status;            /* HTTP; 0: no answer came */
	bool is_refused;       /* FATE_SAID: it was heard, and refused for good */
	bool is_unfit;         /* it never left, and never can: refused as well */
	bool is_outage;        /* the peer as a whole is in trouble */
	bool is_limited;       /* too many requests */
	bool is_unsure;        /* it may have been said */
	int64_t retry_after_s; /* -1: none given */
	char problem[512];     /* Slack's error, or a sentence; "" when said */
	cJSON *body;           /* the answer, when it was JSON; owned */
};

/* Judges ANSWER to SPOKEN, whose peer it came from. */
void outcome_init(
    struct outcome *outcome, const struct spoken *spoken, const struct web_answer *answer);
void outcome_fini(struct outcome *outcome);

#endif
