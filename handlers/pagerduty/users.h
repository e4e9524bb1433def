/*
 * users - who people are on both sides: a Slack user, an e-mail, a user of PagerDuty.
 *
 * From here to there by e-mail: the configuration's people first, else the profile in Slack; a `pagerduty:` of people (a user's id) goes
 * before any e-mail. From there to here the same way back. What PagerDuty said is remembered; strangers too, for a while. Of whom PagerDuty
 * tells and Slack has not, Slack is asked by their e-mail, so that they are mentioned from then on.
 */
#ifndef HANDLERS_PAGERDUTY_USERS_H
#define HANDLERS_PAGERDUTY_USERS_H

#include "handlers/pagerduty/rest.h"

#define USER_FRESH_S 86400   /* what PagerDuty said of a user holds so long */
#define STRANGER_FRESH_S 600 /* that nobody there has an e-mail */
#define USER_PAGES_MAX 10    /* of a search, each of REST_PAGE rows */
#define USER_EMAIL_MAX 254   /* bytes of an address; longer ones are nobody's */

/* How PagerDuty is to hear of WHO. */
enum user_answer {
	USER_KNOWN,    /* ID and EMAIL are theirs */
	USER_STRANGER, /* they have no account there, or no e-mail is known */
	USER_ASK,      /* PagerDuty is to be asked first: users_ask() is the step */
	USER_WAIT,     /* Slack was asked for their e-mail just now, and has not answered */
};
struct user_found {
	enum user_answer answer;
	char id[REST_ID_MAX + 1]; /* USER_KNOWN */
	char *email;              /* USER_KNOWN, or by which to ask (USER_ASK); NULL: ask by ID */
};
void user_found_fini(struct user_found *found);
/* WHO: a Slack id, an e-mail, a login, a name of the people. May ask Slack for a profile (leaves a word). */
bool user_find(struct desk *desk, const char *who, struct user_found *found, struct error *err);
/*
 * For render(): asks PagerDuty for who FOUND (USER_ASK) is; for heard(): remembers what it said, also that there is nobody. A search that has
 * more pages makes users_heard() go on (talk->goes_on): the same step is to come again, with the body as it is. Otherwise user_find() tells
 * what came of it; it may be USER_ASK once more, by e-mail where the configuration's id is nobody's.
 */
bool users_ask(struct talk *talk, const struct user_found *found, struct error *err);
bool users_heard(struct talk *talk, const struct user_found *found, const struct reply *reply, struct error *err);

/*
 * Who PagerDuty's user ID (named NAME there; may be NULL) is here, as alert->changed_by has it: a Slack id where one is known, else NAME,
 * else "somebody". The caller frees.
 */
char *user_here(struct desk *desk, const char *id, const char *name);
/* Is enough known of ID that user_here() need not ask first? True also without REST API. */
bool user_is_known(struct desk *desk, const char *id);
/* Leaves a word that asks who ID is, once while it waits. */
bool user_learn(struct desk *desk, const char *id, struct error *err);
/* After the start and now and then: learns the configuration's people beforehand. */
bool users_tick(struct desk *desk, struct error *err);

extern const struct conversation user_conversation;

#endif
