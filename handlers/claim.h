/*
 * claim - "That was me", said of an alert that is live: it announces the rest of the work, and closes the alert as claimed, late and visibly.
 *
 * Where it takes somebody else's word too, nothing changes until the announcement is approved; the claim waits in storage, and the card says so.
 */
#ifndef HANDLERS_CLAIM_H
#define HANDLERS_CLAIM_H

#include "handlers/announcements.h"
#include "handlers/desk.h"

#define CLAIM_ALONE_BELOW SEVERITY_HIGH /* from here on somebody else has to approve */

/* Is it said to be done by nobody, or by one of WHO's logins? */
bool claim_is_own(const struct desk *desk, const char *who, const struct alert *alert);
/* Does it take somebody else's word: it is high or critical, somebody else did it, or policy never suppresses it? */
bool claim_needs_approval(const struct desk *desk, const char *who, const struct alert *alert);
/* Can it be claimed now? ERROR_CONFLICT: it is over, or a claim of it waits already. */
bool claim_possible(const struct desk *desk, const struct alert *alert, struct error *err);
/*
 * Claims A<id> by what REQUEST announces, which has to cover it; all guard rails of announce() hold. *MADE and IS_AGAIN as there; with is_dry
 * nothing is done. The alert is closed at once, or when *MADE was approved.
 */
bool alert_claim(struct desk *desk, const struct actor *actor, int64_t id, const struct announce_request *request,
    struct announcement **made, bool *is_again, struct error *err);

/* ---- for approvals and ends ------------------------------------------------------------------------------ */

bool claim_waits_under(const struct desk *desk, int64_t announcement);
/* Nobody approves a claim of what they did themselves. */
bool claim_may_approve(const struct desk *desk, const struct actor *actor, const struct announcement *announcement, struct error *err);
/* ACTOR has approved ANNOUNCEMENT: the alert that waits for it is closed, if it still is covered and live. */
bool claim_complete(struct desk *desk, const struct actor *actor, const struct announcement *announcement, struct error *err);
/* ANNOUNCEMENT is over, or was denied: the alert stays as it is, and its card says so. */
bool claim_drop(struct desk *desk, const struct announcement *announcement, struct error *err);

#endif
