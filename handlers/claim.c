#include "handlers/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/announcements_internal.h"
#include "handlers/people.h"
#include "handlers/preview.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define LINE_BYTES_MAX 2000
#define EXPLAIN_MAX 300

/* ---- who may, and what ------------------------------------------------------------------------------------- */

static bool is_live(const struct alert *alert)
{
	return alert->status == ALERT_OPEN || alert->status == ALERT_ACKED;
}

/* Compared as announcements compare an actor: what cannot be compared is somebody else's. */
static bool did(const struct desk *desk, const char *who, const struct alert *alert)
{
	const struct person_config *person = config_person(desk->config, who);
	struct match *match;
	bool holds;

	if (person == NULL || person->login_count == 0)
		return false;
	match = match_actor(person->logins, person->login_count);
	holds = match != NULL && match_holds(match, alert, NULL);
	match_free(match);
	return holds;
}

bool claim_is_own(const struct desk *desk, const char *who, const struct alert *alert)
{
	return !alert_has_actor(alert) || did(desk, who, alert);
}

bool claim_needs_approval(const struct desk *desk, const char *who, const struct alert *alert)
{
	return alert->severity >= CLAIM_ALONE_BELOW || !claim_is_own(desk, who, alert) ||
	       alert_is_never_suppressed(desk, alert);
}

bool claim_possible(const struct desk *desk, const struct alert *alert, struct error *err)
{
	struct claim claim;
	struct buf text;
	char *name;

	if (!is_live(alert)) {
		buf_init(&text, 512);
		alert_state_sentence(desk, alert, &text);
		error_set(err, ERROR_CONFLICT, "A%" PRId64 " is %s", alert->id, buf_text(&text));
		buf_fini(&text);
		return false;
	}
	if (!storage_claim(desk->storage, alert->id, &claim))
		return true;
	name = person_name(desk, claim.who);
	error_set(err, ERROR_CONFLICT,
	    "%.100s has claimed A%" PRId64 " already; that waits for somebody else to approve H%" PRId64, name, alert->id,
	    claim.announcement);
	free(name);
	claim_fini(&claim);
	return false;
}

/* Does ANNOUNCEMENT say what ALERT is? */
static bool covers(const struct desk *desk, const struct announcement *announcement, const struct alert *alert,
    struct error *err)
{
	char why[EXPLAIN_MAX];
	struct indexed item;
	struct fit fit;
	bool ok = announcement_compile(desk, announcement, &item, err);

	if (!ok)
		return false;
	indexed_fit(&item, alert, MATCH_MAX + 1, &fit);
	if (fit.failed > 0) {
		match_explain(fit.missed, alert, why, sizeof(why));
		ok = error_set(err, ERROR_REFUSED, "that does not cover A%" PRId64 " (%s), and a claim has to", alert->id, why);
	} else if (!fit.actor_holds) {
		ok = error_set(err, ERROR_REFUSED,
		    "that covers only your own logins, and A%" PRId64 " was done by %.100s; try actor=%.100s", alert->id,
		    alert->actor, alert->actor);
	}
	indexed_fini(&item);
	return ok;
}

/* ---- claiming ---------------------------------------------------------------------------------------------- */

/* "alice claimed what mallory did": for all to see. */
static void mark_other(const struct desk *desk, const char *who, struct alert *alert)
{
	char *name, *mark;

	if (claim_is_own(desk, who, alert))
		return;
	name = person_name(desk, who);
	mark = xasprintf("%.100s claimed what %.100s did", name, alert->actor);
	alert_set_mark(alert, mark);
	free(mark);
	free(name);
}

/* Nothing is changed yet but what its card says. */
static bool wait_for_approval(struct desk *desk, const struct actor *actor, struct alert *alert, int64_t announcement,
    struct error *err)
{
	const struct claim claim = {
	    .alert = alert->id, .announcement = announcement, .who = (char *)actor->who, .at = desk->now};
	char subject[24], note[96];
	struct buf line;
	bool ok;

	snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
	snprintf(note, sizeof(note), "that was me: waits for somebody else to approve H%" PRId64, announcement);
	alert->version++;
	buf_init(&line, LINE_BYTES_MAX);
	buf_put_person(&line, desk->config, actor->who);
	buf_printf(&line,
	    " says: that was me. It stays as it is until somebody else approves H%" PRId64 " (`approve H%" PRId64 "`).",
	    announcement, announcement);
	ok = storage_put_claim(desk->storage, &claim, err) &&
	     storage_add_event(desk->storage, alert->id,
		 &(struct event){.at = desk->now, .who = actor->who, .via = actor->via, .what = "noted", .note = note}, err) &&
	     desk_audit(desk, actor, "claim_asked", subject, note, err) && storage_put_alert(desk->storage, alert, err) &&
	     say_card(desk, alert, err) && say_in_thread(desk, subject, alert->channel, buf_text(&line), false, err);
	buf_fini(&line);
	return ok;
}

/* What would be announced covers ALERT. With a wish, REQUEST is a dry run itself, and *MADE is kept. */
static bool try_claim(struct desk *desk, const struct actor *actor, const struct alert *alert,
    const struct announce_request *request, struct announcement **made, struct error *err)
{
	enum announce_part part, *wrong = request->wrong != NULL ? request->wrong : &part;
	struct announce_request dry = *request;
	bool is_again;

	dry.is_dry = true;
	dry.asks_approval = claim_needs_approval(desk, actor->who, alert);
	dry.wrong = wrong;
	if (!request->is_dry)
		dry.preview = NULL;
	if (!announce(desk, actor, &dry, made, &is_again, err))
		return false;
	*wrong = ANNOUNCE_MATCH;
	if (covers(desk, *made, alert, err))
		return true;
	announcement_free(*made);
	*made = NULL;
	return false;
}

static bool claim_it(struct desk *desk, const struct actor *actor, struct alert *alert, const struct announce_request *request,
    struct announcement **made, bool *is_again, struct error *err)
{
	struct announce_request real = *request;

	if (!try_claim(desk, actor, alert, request, made, err))
		return false;
	if (request->is_dry)
		return true;
	announcement_free(*made);
	real.asks_approval = claim_needs_approval(desk, actor->who, alert);
	if (!announce(desk, actor, &real, made, is_again, err) || *is_again)
		return *made != NULL;
	mark_other(desk, actor->who, alert);
	return real.asks_approval ? wait_for_approval(desk, actor, alert, (*made)->id, err)
				  : alert_close_claimed(desk, actor, alert, (*made)->id, NULL, err);
}

bool alert_claim(struct desk *desk, const struct actor *actor, int64_t id, const struct announce_request *request,
    struct announcement **made, bool *is_again, struct error *err)
{
	struct alert *alert;
	bool ok;

	*is_again = false;
	*made = request->is_dry ? NULL : announcement_made_before(desk, actor, request);
	if (*made != NULL) {
		*is_again = true;
		preview_wish_free(request->preview);
		return true;
	}
	alert = storage_alert(desk->storage, id, err);
	if (alert == NULL || !claim_possible(desk, alert, err)) {
		if (request->wrong != NULL)
			*request->wrong = ANNOUNCE_MATCH;
		preview_wish_free(request->preview);
		alert_free(alert);
		return false;
	}
	ok = claim_it(desk, actor, alert, request, made, is_again, err);
	if (!ok) {
		announcement_free(*made);
		*made = NULL;
	}
	alert_free(alert);
	return ok;
}

/* ---- what becomes of it ------------------------------------------------------------------------------------ */

bool claim_waits_under(const struct desk *desk, int64_t announcement)
{
	struct claim claim;
	bool waits = storage_claim_under(desk->storage, announcement, &claim);

	claim_fini(&claim);
	return waits;
}

bool claim_may_approve(
    const struct desk *desk, const struct actor *actor, const struct announcement *announcement, struct error *err)
{
	struct claim claim;
	struct alert *alert;
	bool is_theirs;

	if (!storage_claim_under(desk->storage, announcement->id, &claim))
		return true;
	alert = storage_alert(desk->storage, claim.alert, NULL);
	is_theirs = alert != NULL && did(desk, actor->who, alert);
	alert_free(alert);
	if (is_theirs)
		error_set(err, ERROR_FORBIDDEN, "A%" PRId64 " was done by one of your own logins; somebody else has to look at it",
		    claim.alert);
	claim_fini(&claim);
	return !is_theirs;
}

/* Says in the alert's thread, and on its card, that CLAIM does not wait any more: WHY. */
static bool say_dropped(struct desk *desk, const struct claim *claim, const char *why, struct error *err)
{
	struct alert *alert = storage_alert(desk->storage, claim->alert, NULL);
	char subject[24], *line;
	bool ok = true;

	if (alert != NULL && is_live(alert)) {
		snprintf(subject, sizeof(subject), "A%" PRId64, alert->id);
		line = xasprintf("H%" PRId64 " %s: %s stays %s.", claim->announcement, why, subject, alert_status_name(alert->status));
		alert->version++;
		ok = storage_put_alert(desk->storage, alert, err) && say_card(desk, alert, err) &&
		     say_in_thread(desk, subject, alert->channel, line, false, err);
		free(line);
	}
	alert_free(alert);
	return ok;
}

bool claim_drop(struct desk *desk, const struct announcement *announcement, struct error *err)
{
	struct claim claim;
	bool ok;

	if (!storage_claim_under(desk->storage, announcement->id, &claim))
		return true;
	ok = storage_remove_claim(desk->storage, claim.alert, err) &&
	     say_dropped(desk, &claim, "was not approved", err);
	claim_fini(&claim);
	return ok;
}

bool claim_complete(
    struct desk *desk, const struct actor *actor, const struct announcement *announcement, struct error *err)
{
	struct error why = {0};
	struct alert *alert;
	struct claim claim;
	bool ok;

	if (!storage_claim_under(desk->storage, announcement->id, &claim))
		return true;
	ok = storage_remove_claim(desk->storage, claim.alert, err);
	alert = ok ? storage_alert(desk->storage, claim.alert, NULL) : NULL;
	if (alert != NULL && is_live(alert)) {
		const struct actor claimer = {.who = claim.who, .via = "slack", .from = actor->from};

		/* It may have been edited since. */
		ok = covers(desk, announcement, alert, &why)
			 ? alert_close_claimed(desk, &claimer, alert, announcement->id, actor->who, err)
			 : say_dropped(desk, &claim, "does not cover it any more", err);
	}
	alert_free(alert);
	claim_fini(&claim);
	return ok;
}
