/* approval - the second pair of eyes: who may be one, and what their yes or no does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements_internal.h"
#include "handlers/claim.h"
#include "handlers/pagerduty/changes.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define LINE_BYTES_MAX 8000
#define WHY_UNITS 300

/* ---- who may ----------------------------------------------------------------------------------------------- */

static bool is_another(struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, struct error *err)
{
	if (text_equal(announcement->author, actor->who))
		return error_set(err, ERROR_FORBIDDEN,
		    "you announced H%" PRId64 " yourself; somebody else has to look at it",
		    announcement->id);
	if (person_is_same(desk, announcement->author, actor->who))
		return error_set(err, ERROR_FORBIDDEN,
		    "H%" PRId64 " was announced by another account of yours; somebody else has to "
		    "look at it",
		    announcement->id);
	return true;
}

/* In the order in which nothing is asked of Slack that need not be. */
static bool may_approve(struct desk *desk, const struct actor *actor,
    const struct announcement *announcement, struct error *err)
{
	if (actor->is_token)
		return error_set(err, ERROR_FORBIDDEN,
		    "a token is no second pair of eyes: a person approves or denies H%" PRId64
		    " in Slack",
		    announcement->id);
	if (!is_another(desk, actor, announcement, err))
		return false;
	if (!desk_allows(desk, desk->config->policy.approvers, actor))
		return error_set(err, ERROR_FORBIDDEN,
		    "only approvers may approve (policy.approvers); ask one of them");
	if (!person_may_decide(desk, actor, true, err) ||
	    !person_known(desk, announcement->author, PROFILE_STALE_S, err))
		return false;
	/* Their e-mails are known now. */
	return is_another(desk, actor, announcement, err) &&
	       claim_may_approve(desk, actor, announcement, err);
}

/* Reads H<id> for ACTOR's yes or no; NULL otherwise. The caller frees. */
static struct announcement *open_for(
    struct desk *desk, const struct actor *actor, int64_t id, struct error *err)
{
	struct announcement *announcement = announcement_standing(desk, id, true, err);

	if (announcement == NULL || may_approve(desk, actor, announcement, err))
		return announcement;
	announcement_refused(desk, actor, id, err);
	announcement_free(announcement);
	return NULL;
}

/* ---- yes --------------------------------------------------------------------------------------------------- */

static bool can_be_approved(
    const struct desk *desk, const struct actor *actor, const struct announcement *announcement,
    int64_t edition, struct error *err)
{
	char *name;

	if (edition != 0 && edition != announcement->edition)
		return error_set(err, ERROR_CONFLICT,
		    "H%" PRId64 " was changed since you saw it; look at it again", announcement->id);
	if (announcement_is_approved(announcement) && announcement->approved_until == 0) {
		name = person_name(desk, announcement->approved_by);
		error_set(err, ERROR_CONFLICT, "H%" PRId64 " is approved already, by %.100s",
		    announcement->id, name);
		free(name);
		return false;
	}
	if (announcement->denied_by != NULL && !text_equal(announcement->denied_by, actor->who)) {
		name = person_name(desk, announcement->denied_by);
		error_set(err, ERROR_CONFLICT,
		    "%.100s has denied H%" PRId64 "; only they can change their mind, or its author "
		    "edits it",
		    name, announcement->id);
		free(name);
		return false;
	}
	return true;
}

static bool say_line(struct desk *desk, const struct announcement *announcement,
    const struct actor *actor, const char *did, const char *rest, struct error *err)
{
	char subject[24];
	struct buf line;
	bool ok;

	announcement_subject(announcement->id, subject);
	buf_init(&line, LINE_BYTES_MAX);
	buf_printf(&line, "%s by ", did);
	buf_put_person(&line, desk->config, actor->who);
	if (!text_is_empty(rest)) {
		buf_puts(&line, ": ");
		buf_put_mrkdwn(&line, rest, WHY_UNITS);
	}
	ok = say_in_thread(desk, subject, announcement->channel, buf_text(&line), false, err);
	buf_fini(&line);
	return ok;
}

static bool approve(struct desk *desk, const struct actor *actor, struct announcement *announcement,
    struct error *err)
{
	char subject[24], *detail = announcement_detail(announcement);
	bool ok;

	announcement_subject(announcement->id, subject);
	replace_text(&announcement->approved_by, actor->who);
	replace_text(&announcement->denied_by, NULL);
	announcement->approved_at = desk->now;
	announcement->approved_until = 0;
	ok = desk_audit(desk, actor, "approved", subject, detail, err) &&
	     announcement_write(desk, announcement, err) &&
	     say_line(desk, announcement, actor, "Approved", NULL, err) &&
	     claim_complete(desk, actor, announcement, err) &&
	     change_say(desk, announcement, err);
	free(detail);
	if (ok)
		log_info("%s approved by=%s via=%s", subject, actor->who, actor->via);
	return ok;
}

bool announcement_approve(struct desk *desk, const struct actor *actor, int64_t id, int64_t edition,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement = open_for(desk, actor, id, err);

	*now = NULL;
	return announcement != NULL &&
	       announcement_give(announcement,
		   can_be_approved(desk, actor, announcement, edition, err) &&
		       approve(desk, actor, announcement, err),
		   now);
}

/* ---- no ---------------------------------------------------------------------------------------------------- */

/* It counted for nothing, and never will. */
static bool deny_whole(struct desk *desk, const struct actor *actor,
    struct announcement *announcement, const char *why, struct error *err)
{
	char *reason = text_is_empty(why) ? xstrdup("denied") : xasprintf("denied: %s", why);
	bool ok = announcement_over(desk, actor, announcement, ANNOUNCEMENT_ENDED, reason, err);

	free(reason);
	return ok;
}

/* What it covers without an approval it goes on covering. */
static bool deny_part(struct desk *desk, const struct actor *actor,
    struct announcement *announcement, const char *why, struct error *err)
{
	replace_text(&announcement->denied_by, actor->who);
	replace_text(&announcement->approved_by, NULL);
	announcement->approved_at = TIME_NONE;
	announcement->approved_until = 0;
	return announcement_write(desk, announcement, err) &&
	       say_line(desk, announcement, actor, "Approval denied", why, err) &&
	       claim_drop(desk, announcement, err);
}

bool announcement_deny(struct desk *desk, const struct actor *actor, int64_t id, const char *why,
    struct announcement **now, struct error *err)
{
	struct announcement *announcement = open_for(desk, actor, id, err);
	char subject[24];
	bool ok, is_whole;

	*now = NULL;
	if (announcement == NULL)
		return false;
	announcement_subject(id, subject);
	is_whole = announcement->needs_approval && desk->now >= announcement->approval_from;
	ok = desk_audit(desk, actor, "denied", subject, why, err) &&
	     (is_whole ? deny_whole(desk, actor, announcement, why, err)
		       : deny_part(desk, actor, announcement, why, err));
	if (ok)
		log_info("%s denied by=%s via=%s", subject, actor->who, actor->via);
	return announcement_give(announcement, ok, now);
}
