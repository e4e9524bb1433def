#include "handlers/announcements.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/announcements_internal.h"

#define LOAD_PAGE 1000       /* rows a query */
#define BROKEN_SCAN_MAX 2000 /* newest ended ones that are looked at for broken budgets */
#define REALS_MAX 16         /* announcements under which one alert was said to be real, that are looked at */
#define DUE_BATCH_MAX 500    /* begun or ended in one tick; the rest in the next */

/* ---- one announcement ----------------------------------------------------------------------------------- */

struct announcement *announcement_copy(const struct announcement *announcement)
{
	struct announcement *copy = xcalloc(1, sizeof(*copy));

	*copy = *announcement;
	copy->author = xstrdup(announcement->author);
	copy->via = xstrdup(announcement->via);
	copy->match = xcalloc(announcement->match_count + 1, sizeof(*copy->match));
	for (size_t i = 0; i < announcement->match_count; i++)
		copy->match[i] = xstrdup(announcement->match[i]);
	copy->over_why = xstrdup(announcement->over_why);
	copy->over_by = xstrdup(announcement->over_by);
	copy->approved_by = xstrdup(announcement->approved_by);
	copy->because = xstrdup(announcement->because);
	copy->channel = xstrdup(announcement->channel);
	copy->idempotency_key = xstrdup(announcement->idempotency_key);
	copy->denied_by = xstrdup(announcement->denied_by);
	return copy;
}

bool announcement_is_approved(const struct announcement *announcement)
{
	return announcement->approved_by != NULL &&
	       !text_equal(announcement->approved_by, announcement->author);
}

bool announcement_is_approved_at(const struct announcement *announcement, int64_t now)
{
	return announcement_is_approved(announcement) && announcement->approved_at <= now &&
	       (announcement->approved_until == 0 || now < announcement->approved_until);
}

bool announcement_is_pending(const struct announcement *announcement, int64_t now)
{
	return announcement->needs_approval && now >= announcement->approval_from &&
	       !announcement_is_approved_at(announcement, now);
}

int64_t announcement_asked_until(const struct announcement *announcement)
{
	const int64_t asked_at =
	    announcement->asked_at != 0 ? announcement->asked_at : announcement->created_at;

	if (!announcement->needs_approval || announcement->approval_from != 0 ||
	    announcement_is_approved(announcement))
		return TIME_NONE;
	return asked_at + APPROVAL_WAIT_S < announcement->ends_at ? asked_at + APPROVAL_WAIT_S
								   : announcement->ends_at;
}

int64_t announcement_ends_at(const struct announcement *announcement)
{
	if (announcement->lease_until != TIME_NONE &&
	    announcement->lease_until < announcement->ends_at)
		return announcement->lease_until;
	return announcement->ends_at;
}

const char *announcement_status(const struct announcement *announcement, int64_t now)
{
	if (announcement->state == ANNOUNCEMENT_CANCELLED)
		return "cancelled";
	if (announcement->state == ANNOUNCEMENT_ENDED || now >= announcement_ends_at(announcement))
		return "ended";
	if (announcement_asked_until(announcement) != TIME_NONE &&
	    now >= announcement_asked_until(announcement))
		return "ended";
	if (announcement_is_pending(announcement, now))
		return "pending";
	return now < announcement->starts_at ? "scheduled" : "active";
}

const char *announcement_over_why(const struct announcement *announcement, int64_t now)
{
	if (announcement->state != ANNOUNCEMENT_STANDS)
		return announcement->over_why != NULL ? announcement->over_why : "time";
	if (announcement_asked_until(announcement) != TIME_NONE &&
	    now >= announcement_asked_until(announcement))
		return OVER_NEVER_APPROVED;
	if (now < announcement_ends_at(announcement))
		return NULL;
	return announcement_ends_at(announcement) < announcement->ends_at ? "lease" : "time";
}

bool announcement_is_broken(const struct announcement *announcement)
{
	return announcement->state == ANNOUNCEMENT_ENDED &&
	       text_equal(announcement->over_why, "budget") &&
	       text_equal(announcement->over_by, "headsup");
}

/* The author among the people of the configuration: by Slack id or e-mail only, since a token may be named like somebody's login. */
static const struct person_config *author_person(const struct config *config, const char *author)
{
	for (size_t i = 0; i < config->person_count; i++) {
		const struct person_config *person = &config->people[i];

		if (text_equal(person->slack, author) ||
		    (person->email != NULL && author != NULL &&
			strcasecmp(person->email, author) == 0))
			return person;
	}
	return NULL;
}

static bool names_actor(const struct matches *matches)
{
	for (size_t i = 0; i < matches->count; i++) {
		if (strcmp(matches->list[i]->name, "actor") == 0 &&
		    match_is_specific(matches->list[i]))
			return true;
	}
	return false;
}

bool announcement_compile(const struct desk *desk, const struct announcement *announcement,
    struct indexed *item, struct error *err)
{
	const struct person_config *person = author_person(desk->config, announcement->author);

	memset(item, 0, sizeof(*item));
	if (!matches_parse(announcement->match, announcement->match_count, &item->said, err))
		return false;
	item->is_bound = !names_actor(&item->said);
	if (item->is_bound && person != NULL && person->login_count > 0)
		item->actor = match_actor(person->logins, person->login_count);
	indexed_order(item);
	return true;
}

bool announcement_is_bound(const struct desk *desk, const struct announcement *announcement,
    const struct person_config **person)
{
	struct matches matches;
	bool is_bound = true;

	if (person != NULL)
		*person = author_person(desk->config, announcement->author);
	if (matches_parse(announcement->match, announcement->match_count, &matches, NULL)) {
		is_bound = !names_actor(&matches);
		matches_fini(&matches);
	}
	return is_bound;
}

bool announcement_lacks_approval(const struct desk *desk, const struct announcement *announcement,
    const struct alert *alert, int64_t at)
{
	return alert->severity >= desk->config->policy.approval_from &&
	       !announcement_is_approved_at(announcement, at);
}

void announcement_other_actor(const char *author, const struct alert *alert, char *out, size_t size)
{
	snprintf(out, size, "%.200s announced this, %.200s did it", author, alert->actor);
}

bool alert_is_never_suppressed(const struct desk *desk, const struct alert *alert)
{
	const struct policy *policy = &desk->config->policy;

	for (size_t i = 0; i < policy->never_suppress_count; i++) {
		if (matches_may_hold(&policy->never_suppress[i], alert))
			return true;
	}
	return false;
}

/* ---- what is due ---------------------------------------------------------------------------------------- */

static void swap(struct due *a, struct due *b)
{
	const struct due kept = *a;

	*a = *b;
	*b = kept;
}

static void heap_push(struct announcements *all, int64_t at, int64_t id)
{
	size_t i = all->heap_count++;

	if (i == all->heap_room) {
		all->heap_room = all->heap_room == 0 ? 64 : all->heap_room * 2;
		all->heap = xreallocarray(all->heap, all->heap_room, sizeof(*all->heap));
	}
	all->heap[i] = (struct due){.at = at, .id = id};
	for (; i > 0 && all->heap[i].at < all->heap[(i - 1) / 2].at; i = (i - 1) / 2)
		swap(&all->heap[i], &all->heap[(i - 1) / 2]);
}

static struct due heap_pop(struct announcements *all)
{
	const struct due top = all->heap[0];
	size_t i = 0, child;

	all->heap[0] = all->heap[--all->heap_count];
	while ((child = 2 * i + 1) < all->heap_count) {
		if (child + 1 < all->heap_count && all->heap[child + 1].at < all->heap[child].at)
			child++;
		if (all->heap[i].at <= all->heap[child].at)
			break;
		swap(&all->heap[i], &all->heap[child]);
		i = child;
	}
	return top;
}

/* ---- the cache ------------------------------------------------------------------------------------------- */

static size_t place(const struct announcements *all, int64_t id)
{
	size_t low = 0, high = all->count;

	if (high > 0 && all->list[high - 1]->said->id < id)
		return high;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (all->list[middle]->said->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct standing *standing_find(const struct announcements *all, int64_t id)
{
	const size_t at = place(all, id);

	return at < all->count && all->list[at]->said->id == id ? all->list[at] : NULL;
}

static bool is_stale(const struct announcements *all, const struct due *due)
{
	const struct standing *standing = standing_find(all, due->id);

	return standing == NULL || standing->due_at != due->at;
}

static void heap_settle(struct announcements *all)
{
	while (all->heap_count > 0 && is_stale(all, &all->heap[0]))
		heap_pop(all);
}

/* The earlier of DUE and AT, where AT is still to come. */
static int64_t earlier(int64_t due, int64_t at, int64_t now)
{
	return at > now && at < due ? at : due;
}

/* Its next begin or end, reminder, or end of what was approved. What is past and was not acted on comes up no more. */
static int64_t next_due(const struct standing *standing, int64_t now)
{
	const struct announcement *said = standing->said;
	int64_t due = announcement_ends_at(said), remind_at = announcement_remind_at(said);

	if (announcement_is_broken(said))
		return due;
	if (!standing->has_begun && said->starts_at < due)
		due = said->starts_at;
	if (announcement_asked_until(said) != TIME_NONE && announcement_asked_until(said) < due)
		due = announcement_asked_until(said);
	if (said->needs_approval)
		due = earlier(due, said->approval_from, now);
	if (announcement_is_approved(said))
		due = earlier(due, said->approved_until, now);
	if (remind_at != TIME_NONE && remind_at < due)
		due = remind_at;
	return due;
}

static void set_due(struct announcements *all, struct standing *standing, int64_t now)
{
	const int64_t before = standing->due_at;

	standing->due_at = next_due(standing, now);
	if (standing->due_at != before)
		heap_push(all, standing->due_at, standing->said->id);
}

static void standing_free(struct announcements *all, struct standing *standing)
{
	if (standing->is_filed)
		index_remove(all->index, &standing->item);
	if (announcement_is_broken(standing->said))
		all->broken_count--;
	indexed_fini(&standing->item);
	announcement_free(standing->said);
	free(standing->author);
	free(standing);
}

static void take_out(struct announcements *all, int64_t id)
{
	const size_t at = place(all, id);

	if (at == all->count || all->list[at]->said->id != id)
		return;
	standing_free(all, all->list[at]);
	all->count--;
	memmove(all->list + at, all->list + at + 1, (all->count - at) * sizeof(struct standing *));
}

static void put_in(struct announcements *all, struct standing *standing)
{
	const size_t at = place(all, standing->said->id);

	if (all->count == all->room) {
		all->room = all->room == 0 ? 64 : all->room * 2;
		all->list = xreallocarray(all->list, all->room, sizeof(struct standing *));
	}
	memmove(all->list + at + 1, all->list + at, (all->count - at) * sizeof(struct standing *));
	all->list[at] = standing;
	all->count++;
}

static bool covers_the_same(const struct announcement *a, const struct announcement *b)
{
	if (a->match_count != b->match_count || !text_equal(a->author, b->author))
		return false;
	for (size_t i = 0; i < a->match_count; i++) {
		if (!text_equal(a->match[i], b->match[i]))
			return false;
	}
	return true;
}

static void add(struct desk *desk, const struct announcement *announcement)
{
	struct announcements *all = desk->announcements;
	struct standing *standing = xcalloc(1, sizeof(*standing));
	char space[64];
	struct error err;

	standing->said = announcement_copy(announcement);
	standing->is_filed = announcement_compile(desk, announcement, &standing->item, &err);
	standing->item.owner = standing;
	standing->author = xstrdup(config_person_name(desk->config, announcement->author, space));
	standing->due_at = TIME_NONE;
	/* What was to begin later may have begun while nobody looked: telling it twice does no harm. */
	standing->has_begun = announcement->starts_at <= announcement->created_at ||
			      announcement_is_broken(announcement);
	if (standing->is_filed)
		index_add(all->index, &standing->item);
	else
		log_error("H%" PRId64 " covers nothing: %s", announcement->id, err.text);
	if (announcement_is_broken(announcement))
		all->broken_count++;
	put_in(all, standing);
	set_due(all, standing, desk->now);
}

static void replace(struct announcements *all, struct standing *standing,
    const struct announcement *announcement, int64_t now)
{
	all->broken_count += announcement_is_broken(announcement) ? 1 : 0;
	all->broken_count -= announcement_is_broken(standing->said) ? 1 : 0;
	announcement_free(standing->said);
	standing->said = announcement_copy(announcement);
	if (announcement_is_broken(announcement) ||
	    announcement->starts_at <= announcement->created_at)
		standing->has_begun = true;
	set_due(all, standing, now);
}

static bool is_kept(const struct announcement *announcement, int64_t now)
{
	return announcement->state == ANNOUNCEMENT_STANDS ||
	       (announcement_is_broken(announcement) && now < announcement->ends_at);
}

bool announcements_put(
    struct desk *desk, const struct announcement *announcement, struct error *err)
{
	struct announcements *all = desk->announcements;
	struct standing *standing = standing_find(all, announcement->id);

	(void)err;
	desk->caches_changed = true;
	if (standing != NULL && is_kept(announcement, desk->now) &&
	    covers_the_same(standing->said, announcement)) {
		replace(all, standing, announcement, desk->now);
	} else {
		take_out(all, announcement->id);
		if (is_kept(announcement, desk->now))
			add(desk, announcement);
	}
	heap_settle(all);
	return true;
}

struct announcements *announcements_new(void)
{
	struct announcements *all = xcalloc(1, sizeof(*all));

	all->index = index_new();
	return all;
}

static void empty(struct announcements *all)
{
	while (all->count > 0)
		standing_free(all, all->list[--all->count]);
	all->heap_count = 0;
}

void announcements_free(struct announcements *announcements)
{
	if (announcements == NULL)
		return;
	empty(announcements);
	index_free(announcements->index);
	free(announcements->list);
	free(announcements->heap);
	free(announcements);
}

struct loading {
	struct announcement **list;
	size_t count, room, seen;
	int64_t now, last_id;
};

static bool keep_row(void *ctx, const struct announcement *announcement)
{
	struct loading *loading = ctx;

	loading->seen++;
	loading->last_id = announcement->id;
	if (!is_kept(announcement, loading->now))
		return true;
	if (loading->count == loading->room) {
		loading->room = loading->room == 0 ? 64 : loading->room * 2;
		loading->list =
		    xreallocarray(loading->list, loading->room, sizeof(struct announcement *));
	}
	loading->list[loading->count++] = announcement_copy(announcement);
	return true;
}

/* Reads at most MAX rows of STATE, a page at a time. */
static bool load_state(struct desk *desk, enum announcement_state state, size_t max,
    struct loading *loading, struct error *err)
{
	struct announcement_query query = {.state = (int)state, .limit = LOAD_PAGE};
	size_t before;

	loading->seen = 0;
	do {
		before = loading->seen;
		if (!storage_each_announcement(desk->storage, &query, keep_row, loading, err))
			return false;
		query.before_id = loading->last_id;
	} while (loading->seen == before + LOAD_PAGE && loading->seen < max);
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct announcement *const *left = a, *const *right = b;

	return ((*left)->id > (*right)->id) - ((*left)->id < (*right)->id);
}

bool announcements_load(struct desk *desk, struct error *err)
{
	struct loading loading = {.now = desk->now};
	bool ok = load_state(desk, ANNOUNCEMENT_STANDS, SIZE_MAX, &loading, err) &&
		  load_state(desk, ANNOUNCEMENT_ENDED, BROKEN_SCAN_MAX, &loading, err);

	if (ok) {
		empty(desk->announcements);
		if (loading.count > 1)
			qsort(loading.list, loading.count, sizeof(struct announcement *), by_id);
		for (size_t i = 0; i < loading.count; i++)
			add(desk, loading.list[i]);
		heap_settle(desk->announcements);
	}
	for (size_t i = 0; i < loading.count; i++)
		announcement_free(loading.list[i]);
	free(loading.list);
	return ok;
}

size_t announcements_count(const struct announcements *announcements)
{
	return announcements->count - announcements->broken_count;
}

const struct announcement *announcements_find(const struct desk *desk, int64_t id)
{
	const struct standing *standing = standing_find(desk->announcements, id);

	return standing != NULL && !announcement_is_broken(standing->said) ? standing->said : NULL;
}

int64_t announcements_due_at(const struct announcements *announcements)
{
	return announcements->heap_count > 0 ? announcements->heap[0].at : TIME_NONE;
}

bool announcements_each_due(struct desk *desk,
    bool (*each)(struct desk *desk, int64_t id, struct error *err), struct error *err)
{
	struct announcements *all = desk->announcements;
	int64_t due[DUE_BATCH_MAX];
	size_t count = 0;

	while (count < DUE_BATCH_MAX && all->heap_count > 0 && all->heap[0].at <= desk->now) {
		due[count++] = heap_pop(all).id;
		heap_settle(all);
	}
	for (size_t i = 0; i < count; i++) {
		struct standing *standing = standing_find(all, due[i]);

		if (standing == NULL)
			continue;
		desk->caches_changed = true;
		if (announcement_is_broken(standing->said)) {
			take_out(all, due[i]);
			continue;
		}
		if (desk->now >= standing->said->starts_at)
			standing->has_begun = true;
		standing->due_at = TIME_NONE;
		if (!each(desk, due[i], err))
			return false;
		standing = standing_find(all, due[i]);
		if (standing != NULL && standing->due_at == TIME_NONE)
			set_due(all, standing, desk->now);
	}
	heap_settle(all);
	return true;
}

/* ---- judging -------------------------------------------------------------------------------------------- */

struct judging {
	const struct desk *desk;
	const struct alert *alert;
	struct verdict *verdict;
	const struct announcement *cover, *used_up, *unapproved, *other, *near;
	const char *other_author;   /* the name of OTHER's */
	const struct match *missed; /* what kept NEAR from matching */
	size_t near_size;           /* how many matches NEAR has: the more, the nearer */
};

static void add_near(struct judging *judging, int64_t id)
{
	struct verdict *verdict = judging->verdict;

	if (verdict->near_count < sizeof(verdict->near) / sizeof(verdict->near[0]))
		verdict->near[verdict->near_count++] = id;
}

static bool is_full(const struct verdict *verdict)
{
	return verdict->near_count == sizeof(verdict->near) / sizeof(verdict->near[0]);
}

static bool is_within(const struct announcement *announcement, int64_t now)
{
	return now >= announcement->created_at && now >= announcement->starts_at &&
	       now < announcement_ends_at(announcement);
}

/* Fits wholly: it covers the alert, or something stands against it. */
static void judge_whole(struct judging *judging, const struct announcement *announcement)
{
	if (announcement_is_broken(announcement) || announcement->matched >= announcement->max)
		judging->used_up = announcement;
	else if (announcement_lacks_approval(
		     judging->desk, announcement, judging->alert, judging->desk->now))
		judging->unapproved = announcement;
	else
		judging->cover = announcement;
}

static bool judge_one(void *ctx, struct indexed *item, bool is_near)
{
	struct judging *judging = ctx;
	const struct standing *standing = item->owner;
	const struct announcement *announcement = standing->said;
	struct fit fit;

	if (judging->cover != NULL || (is_near && is_full(judging->verdict)))
		return false;
	if (!is_within(announcement, judging->desk->now) ||
	    announcement_is_pending(announcement, judging->desk->now))
		return true;
	indexed_fit(item, judging->alert, 2, &fit);
	if (fit.failed == 0 && fit.actor_holds) {
		judge_whole(judging, announcement);
		return judging->cover == NULL;
	}
	if (announcement_is_broken(announcement))
		return true;
	if (fit.failed == 0) {
		add_near(judging, announcement->id);
		judging->other = announcement;
		judging->other_author = standing->author;
	} else if (fit.failed == 1 && fit.actor_holds && item->said.count >= 2) {
		add_near(judging, announcement->id);
		if (item->said.count > judging->near_size) {
			judging->near = announcement;
			judging->missed = fit.missed;
			judging->near_size = item->said.count;
		}
	}
	return true;
}

static void say_why(const struct judging *judging)
{
	const struct alert *alert = judging->alert;
	struct verdict *verdict = judging->verdict;
	const struct announcement *nearest = judging->used_up;

	if (judging->used_up != NULL) {
		snprintf(verdict->why, sizeof(verdict->why), "more than announced (H%" PRId64 ")",
		    nearest->id);
	} else if (judging->unapproved != NULL) {
		nearest = judging->unapproved;
		snprintf(verdict->why, sizeof(verdict->why),
		    "announced (H%" PRId64 "), but %s needs an approval", nearest->id,
		    severity_name(alert->severity));
	} else if (judging->other != NULL) {
		nearest = judging->other;
		verdict->kind = VERDICT_OTHER_ACTOR;
		announcement_other_actor(
		    judging->other_author, alert, verdict->why, sizeof(verdict->why));
	} else if (judging->near != NULL) {
		nearest = judging->near;
		verdict->kind = VERDICT_NEAR_MISS;
		match_explain(judging->missed, alert, verdict->why, sizeof(verdict->why));
	}
	verdict->announcement = nearest != NULL ? nearest->id : 0;
}

/* Somebody said of an alert of this key that it is real, under an announcement that still stands; 0: nobody did. */
static int64_t real_under(const struct desk *desk, const struct alert *alert)
{
	int64_t said[REALS_MAX];
	const size_t count = storage_reals(desk->storage, alert->dedup_key, said, REALS_MAX);

	for (size_t i = 0; i < count; i++) {
		if (announcements_find(desk, said[i]) != NULL)
			return said[i];
	}
	return 0;
}

void announcements_judge(
    const struct desk *desk, const struct alert *alert, struct verdict *verdict)
{
	struct judging judging = {.desk = desk, .alert = alert, .verdict = verdict};
	int64_t real;

	verdict->kind = VERDICT_UNEXPECTED;
	verdict->announcement = verdict->used_up = 0;
	verdict->why[0] = '\0';
	verdict->near_count = 0;
	index_walk(desk->announcements->index, alert, judge_one, &judging);
	if (judging.cover == NULL) {
		say_why(&judging);
		if (judging.used_up != NULL && !announcement_is_broken(judging.used_up))
			verdict->used_up = judging.used_up->id;
		return;
	}
	verdict->near_count = 0; /* what is expected is nobody's near miss */
	verdict->announcement = judging.cover->id;
	verdict->kind = VERDICT_EXPECTED;
	if (alert_is_never_suppressed(desk, alert)) {
		verdict->kind = VERDICT_NEVER;
		snprintf(verdict->why, sizeof(verdict->why), "announced, but never suppressed");
		return;
	}
	real = real_under(desk, alert);
	if (real != 0) {
		verdict->kind = VERDICT_NEVER;
		verdict->announcement = real;
		snprintf(verdict->why, sizeof(verdict->why),
		    "announced (H%" PRId64 "), but this one is real", real);
	}
}
