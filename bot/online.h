/*
 * online - do the tokens, scopes and channels of a configuration hold? Asks Slack and PagerDuty; posts and pages nothing.
 */
#ifndef BOT_ONLINE_H
#define BOT_ONLINE_H

#include <stdio.h>

#include "config/config.h"

#define ONLINE_CALL_MS 10000 /* for each call */
#define ONLINE_PAGES_MAX 50  /* of the list of channels, or of users */

#define ONLINE_PEOPLE_MAX 200 /* of the configuration's people */

/* Writes a line for each thing that was tried to OUT, and says whether all of them hold. Blocks until it knows. */
bool online_check(const struct config *config, FILE *out);

#endif
