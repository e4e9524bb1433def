/*
 * form - announcing by a modal: what, for how long, how many, why; then what it will do; then it is done.
 *
 * docs.slack.dev/surfaces/modals. The form keeps what it is about in its private_metadata, which is bounded, holds no secret and is believed
 * no more than what people type. What the first view was sent with is looked at again when the second is confirmed.
 */
#ifndef HANDLERS_FORM_H
#define HANDLERS_FORM_H

#include <cjson/cJSON.h>

#include "handlers/desk.h"

#define FORM_ANNOUNCE "announce"         /* callback_id of the form, and of the shortcut that opens it */
#define FORM_CONFIRM "announce_confirm"  /* of what is shown before it is done */
#define ACTION_ANNOUNCE "announce_form"  /* the button that opens it, in App Home */

/* Its fields: block_id and action_id. */
#define FORM_MATCH "match"
#define FORM_FOR "for"
#define FORM_MAX "max"
#define FORM_BECAUSE "because"

#define FORM_MATCH_UNITS 1200     /* UTF-16 units that a field takes */
#define FORM_BECAUSE_UNITS 500
#define FORM_METADATA_UNITS 3000  /* Slack's limit of private_metadata */
#define FORM_TRIGGER_MAX 255      /* bytes of a trigger_id */
/* A trigger_id lives for 3 s from the press (docs.slack.dev/interactivity/handling-user-interaction); seconds are whole ones here. */
#define FORM_LASTS_S 2

/* Who wants it, and where they are told when it cannot be opened. What is not known is NULL. */
struct form_call {
	struct actor actor;
	const char *trigger_id, *channel, *response_url, *thread_ts;
	int64_t alert; /* "That was me", of this one; 0: none */
};
/*
 * Has the form opened. ERROR_FORBIDDEN: they may not announce, and get the sentence instead; ERROR_CONFLICT: the alert cannot be claimed (any
 * more).
 */
bool form_open(struct desk *desk, const struct form_call *call, struct error *err);
/* The view as OPENED (of the word that form_open() left) asks for, filled from the alert as it is now. IS_PLAIN: with nothing but its fields. */
cJSON *form_view(const struct desk *desk, const cJSON *opened, bool is_plain);
/* What to type instead, in mrkdwn. */
void form_put_typed(const struct desk *desk, const cJSON *opened, struct buf *out);

/* Is this VIEW one of ours? */
bool form_is_ours(const cJSON *view);
/*
 * ACTOR has sent VIEW of a view_submission; *ANSWER goes into its acknowledgement. Where desk->later is set, a better one comes: an object. False:
 * storage failed.
 */
bool form_submit(struct desk *desk, const struct actor *actor, const cJSON *view, const char *trigger_id, cJSON **answer, struct error *err);
/* What it is answered when the disk failed after all. */
cJSON *form_unstored(const cJSON *view);

#endif
