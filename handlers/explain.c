/* explain - what stood when an alert came, and what kept it from matching: the words of `why`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements_internal.h"
#include "handlers/slack_text.h"

#define SCAN_MAX 200 /* newest announcements that are compared, besides what the index finds */
#define RECENT_S 86400
#define WHY_UNITS 300   /* of one line, in UTF-16 units */
#define FAILED_ALL 1000 /* ranks behind every number of failed matches */

struct finding {
	int64_t id;
	size_t rank; /* 0 fits; then by how many matches failed */
	size_t said; /* of equal rank, more matches are nearer */
	char text[512];
};
struct explaining {
	const struct desk *desk;
	const struct alert *alert;
	int64_t at; /* when the alert was last seen */
	struct finding list[ANNOUNCEMENTS_EXPLAINED];
	size_t count, considered;
};

static bool is_nearer(const struct finding *a, const struct finding *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->said != b->said ? a->said > b->said : a->id > b->id;
}

static void keep(struct explaining *explaining, const struct finding *finding)
{
	struct finding *list = explaining->list;
	size_t at = 0;

	for (size_t i = 0; i < explaining->count; i++) {
		if (list[i].id == finding->id)
			return;
	}
	explaining->considered++;
	while (at < explaining->count && !is_nearer(finding, &list[at]))
		at++;
	if (at == ANNOUNCEMENTS_EXPLAINED)
		return;
	if (explaining->count < ANNOUNCEMENTS_EXPLAINED)
		explaining->count++;
	memmove(list + at + 1, list + at, (explaining->count - at - 1) * sizeof(*list));
	list[at] = *finding;
}

/* It fits in all that it says: what stood against it, if anything did. */
static void explain_whole(const struct explaining *explaining,
    const struct announcement *announcement, bool actor_holds, struct finding *finding)
{
	const struct alert *alert = explaining->alert;
	const int64_t at = explaining->at;
	const size_t size = sizeof(finding->text);
	char other[450], space[64];

	if (alert->announcement == announcement->id)
		snprintf(finding->text, size, "covers it");
	else if (announcement->created_at > at)
		snprintf(finding->text, size, "matches, but was announced only afterwards");
	else if (announcement->starts_at > at)
		snprintf(finding->text, size, "matches, but had not begun");
	else if (announcement->over_at != TIME_NONE && announcement->over_at <= at)
		snprintf(finding->text, size, "matches, but was over (%.60s)",
		    announcement->over_why != NULL ? announcement->over_why : "ended");
	else if (announcement_ends_at(announcement) <= at)
		snprintf(finding->text, size, "matches, but its window was over");
	else if (announcement_is_pending(announcement, at))
		snprintf(finding->text, size, "matches, but waits for approval");
	else if (!actor_holds) {
		announcement_other_actor(
		    config_person_name(explaining->desk->config, announcement->author, space),
		    alert, other, sizeof(other));
		snprintf(finding->text, size, "matched all but its author: %s", other);
	} else if (announcement_lacks_approval(explaining->desk, announcement, alert, at))
		snprintf(finding->text, size, "matches, but %s needs an approval",
		    severity_name(alert->severity));
	else if (alert_is_never_suppressed(explaining->desk, alert))
		snprintf(finding->text, size, "matches, but policy never suppresses such alerts");
	else if (announcement->matched >= announcement->max)
		snprintf(finding->text, size, "matches, but its budget of %" PRId64 " was used up",
		    announcement->max);
	else
		snprintf(finding->text, size, "matches");
}

static bool stood(const struct announcement *announcement, int64_t at)
{
	return announcement->created_at <= at && announcement->starts_at <= at &&
	       at < announcement_ends_at(announcement) &&
	       (announcement->over_at == TIME_NONE || at < announcement->over_at);
}

/* Of what did not stand then, only what stood within a day of it is worth a line. */
static bool is_recent(const struct announcement *announcement, int64_t at)
{
	const int64_t end = announcement->over_at != TIME_NONE ? announcement->over_at
							       : announcement_ends_at(announcement);

	return end > at - RECENT_S && announcement->starts_at < at + RECENT_S;
}

static void consider(struct explaining *explaining, const struct announcement *announcement,
    const struct indexed *item)
{
	struct finding finding = {.id = announcement->id, .said = item->said.count};
	char why[400];
	struct fit fit;

	indexed_fit(item, explaining->alert, FAILED_ALL, &fit);
	if (fit.failed == 0) {
		if (!is_recent(announcement, explaining->at))
			return;
		finding.rank = alert_has_actor(explaining->alert) && !fit.actor_holds ? 1 : 0;
		explain_whole(explaining, announcement, fit.actor_holds, &finding);
		keep(explaining, &finding);
		return;
	}
	if (!stood(announcement, explaining->at))
		return;
	match_explain(fit.missed, explaining->alert, why, sizeof(why));
	finding.rank = fit.failed + (fit.actor_holds ? 0 : 1);
	if (fit.failed == 1 && finding.said > 1)
		snprintf(finding.text, sizeof(finding.text), "matched all but %s%s", why,
		    fit.actor_holds ? "" : ", and the actor");
	else if (fit.failed == 1)
		snprintf(finding.text, sizeof(finding.text), "did not match: %s", why);
	else
		snprintf(finding.text, sizeof(finding.text), "missed %zu of %zu: %s, …", fit.failed,
		    finding.said, why);
	keep(explaining, &finding);
}

static bool consider_indexed(void *ctx, struct indexed *item, bool is_near)
{
	(void)is_near;
	consider(ctx, ((const struct standing *)item->owner)->said, item);
	return true;
}

static bool consider_row(void *ctx, const struct announcement *announcement)
{
	struct explaining *explaining = ctx;
	struct indexed item;

	if (announcement->state == ANNOUNCEMENT_CANCELLED ||
	    !is_recent(announcement, explaining->at))
		return true;
	if (announcement_compile(explaining->desk, announcement, &item, NULL))
		consider(explaining, announcement, &item);
	indexed_fini(&item);
	return true;
}

void announcements_explain(const struct desk *desk, const struct alert *alert, struct buf *out)
{
	const struct announcement_query query = {.state = -1, .limit = SCAN_MAX};
	struct explaining explaining = {.desk = desk, .alert = alert};

	explaining.at = alert->last_seen != TIME_NONE ? alert->last_seen : desk->now;
	index_walk(desk->announcements->index, alert, consider_indexed, &explaining);
	storage_each_announcement(desk->storage, &query, consider_row, &explaining, NULL);
	if (explaining.count == 0)
		buf_puts(out, "No announcement stood.\n");
	for (size_t i = 0; i < explaining.count; i++) {
		buf_printf(out, "H%" PRId64 " ", explaining.list[i].id);
		buf_put_mrkdwn(out, explaining.list[i].text, WHY_UNITS);
		buf_putc(out, '\n');
	}
	if (explaining.considered > explaining.count)
		buf_printf(out, "… and %zu that were further off.\n",
		    explaining.considered - explaining.count);
}
