/*
 * people - who somebody is, as far as suppression depends on it: guests, members of user groups, two accounts of one person.
 *
 * What Slack has not told yet is asked for, and until then counts against: who is not known decides nothing.
 */
#ifndef HANDLERS_PEOPLE_H
#define HANDLERS_PEOPLE_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define PROFILE_FRESH_S 3600   /* who approves is asked about anew after this */
#define PROFILE_STALE_S 86400  /* and everybody else after this */
#define GROUP_ASK_S 600        /* how often the members of user groups are asked for */
#define GROUP_STALE_S 86400    /* nobody is a member of a group that was not told for so long */
#define GROUP_MEMBERS_MAX 5000 /* of one group; more are not looked at */

/*
 * May this person in Slack announce, or (IS_APPROVER) approve? Guests, bots and accounts that are gone may not: ERROR_FORBIDDEN. ERROR_WAIT:
 * Slack is to say first who WHO is; desk->wanted_profile names them, and the caller asks (say_ask_profile) and tries again.
 * A token is no person: nothing is asked about it here.
 */
bool person_may_decide(struct desk *desk, const struct actor *actor, bool is_approver, struct error *err);
/* The profile of WHO is needed: ERROR_WAIT when it is not known, or is older than FRESH_S. True for what is no Slack user. */
bool person_known(struct desk *desk, const char *who, int64_t fresh_s, struct error *err);
/* What Slack tells of USER (users.info, users.lookupByEmail), put into PROFILE, which borrows from it; the id and the time are the caller's. */
void profile_read(const cJSON *user, struct profile *profile);
/* Are A and B (Slack ids, e-mails, logins, tokens' names) one person: by the configuration's people, or by their e-mails in Slack? */
bool person_is_same(const struct desk *desk, const char *a, const char *b);
/* "@alice": a Slack id's profile name, a person's name of the configuration, else WHO. The caller frees. */
char *person_name(const struct desk *desk, const char *who);
/* The time zone of who has this login, as Slack tells it; NULL: not known. The caller frees. */
char *person_zone_of_login(const struct desk *desk, const char *login);

/* Asks for what is due: members of the policy's user groups, and profiles of the configuration's people. */
bool people_tick(struct desk *desk, struct error *err);

#endif
