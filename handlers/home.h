/*
 * home - the app's home tab: open alerts, active announcements, what waits for whoever opened it, and a button to announce.
 *
 * It is drawn when they open it, and after what they press there. docs.slack.dev/surfaces/app-home
 */
#ifndef HANDLERS_HOME_H
#define HANDLERS_HOME_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define HOME_CALLBACK "home"
#define HOME_ALERTS_MAX 20        /* open alerts that are shown */
#define HOME_ANNOUNCEMENTS_MAX 15 /* that stand */
#define HOME_WAITING_MAX 5        /* approvals, and as many reminders, */
#define HOME_MINE_MAX 10          /* and alerts of whom it is */

/*
 * WHO's home. CHANNEL is their direct messages with us, where they are answered; WORKSPACE its URL, for links (both may be NULL). IS_PLAIN: the
 * shortest there is.
 */
cJSON *home_view(struct desk *desk, const char *who, const char *channel, const char *workspace, bool is_plain);

#endif
