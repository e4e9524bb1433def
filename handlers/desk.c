#include "handlers/desk.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/api.h"
#include "handlers/later.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/oncall.h"
#include "handlers/pagerduty/poll.h"
#include "handlers/pagerduty/users.h"
#include "handlers/people.h"
#include "handlers/slack_text.h"
#include "handlers/sns.h"
#include "handlers/storms.h"
#include "handlers/unseen.h"

struct desk *desk_new(const struct config *config, struct storage *storage, int64_t now, struct error *err)
{
	struct desk *desk = xcalloc(1, sizeof(*desk));

	desk->config = config;
	desk->storage = storage;
	desk->now = now;
	desk->losses = storage_losses(storage);
	desk->people_due_at = TIME_NONE;
	desk->slack_away_since = desk->rest_away_since = TIME_NONE;
	desk->has_retelling = true;
	desk->has_storm_work = true;
	desk->credentials = credentials_new(config);
	desk->announcements = announcements_new();
	desk->sns = sns_new();
	desk->started_at = now;
	desk->native = format_open("headsup", NULL, err);
	desk->alertmanager = format_open("alertmanager-api", NULL, err);
	desk->pagerduty = format_open("pagerduty", NULL, err);
	if (desk->native == NULL || desk->alertmanager == NULL || desk->pagerduty == NULL || !announcements_load(desk, err))
		goto fail;
	return desk;
fail:
	desk_free(desk);
	return NULL;
}

void desk_free(struct desk *desk)
{
	if (desk == NULL)
		return;
	later_drop(desk->later);
	announcements_free(desk->announcements);
	credentials_free(desk->credentials);
	format_free(desk->native);
	format_free(desk->alertmanager);
	format_free(desk->pagerduty);
	sns_free(desk->sns);
	free(desk);
}

bool desk_reload(struct desk *desk, const struct config *config, struct error *err)
{
	desk->config = config;
	desk->people_due_at = TIME_NONE; /* the lists may name others now */
	credentials_free(desk->credentials);
	desk->credentials = credentials_new(config);
	/* Logins and policies may have changed: what announcements cover is worked out anew. */
	return announcements_load(desk, err);
}

struct later *desk_take_later(struct desk *desk)
{
	struct later *later = desk->later;

	desk->later = NULL;
	return later;
}

#define LOSSES_UNKNOWN UINT64_MAX /* no count of losses: the caches are wrong */

bool desk_fresh(struct desk *desk, struct error *err)
{
	later_drop(desk_take_later(desk)); /* of an event before, whose answer nobody carried */
	desk->caches_changed = false;
	if (desk->losses == storage_losses(desk->storage))
		return true;
	if (!announcements_load(desk, err))
		return false;
	desk->losses = storage_losses(desk->storage);
	desk->caches_changed = false;
	return true;
}

void desk_undone(struct desk *desk)
{
	if (desk->caches_changed)
		desk->losses = LOSSES_UNKNOWN;
	/* What was to be asked or told may be among what was undone. */
	desk->people_due_at = TIME_NONE;
	desk->has_retelling = true;
	desk->has_storm_work = true;
}

bool desk_tick(struct desk *desk, struct error *err)
{
	return alerts_tick(desk, err) && storms_tick(desk, err) && announcements_tick(desk, err) &&
	       announcements_retell(desk, err) && unseen_tick(desk, err) && people_tick(desk, err) &&
	       users_tick(desk, err) && poll_tick(desk, err) && oncall_tick(desk, err) && deeds_tick(desk, err);
}

bool desk_audit(struct desk *desk, const struct actor *actor, const char *what, const char *subject, const char *detail,
    struct error *err)
{
	const struct audit audit = {
	    .at = desk->now,
	    .who = actor->who,
	    .via = actor->via,
	    .from = actor->from,
	    .what = what,
	    .subject = subject,
	    .detail = detail,
	};

	return storage_add_audit(desk->storage, &audit, err);
}

bool desk_allows(const struct desk *desk, char *const *list, const struct actor *actor)
{
	if (actor->is_token || list == NULL || list[0] == NULL)
		return true;
	for (size_t i = 0; list[i] != NULL; i++) {
		if (strcmp(list[i], actor->who) == 0)
			return true;
		if (slack_is_group(list[i]) &&
		    storage_in_group(desk->storage, list[i], actor->who, desk->now - GROUP_STALE_S))
			return true;
	}
	return false;
}
