#include "handlers/preview.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/announcements_internal.h"
#include "handlers/jobs.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define SLOTS \
	(2 *  \
	    16384) /* of a tally's table: a power of two, half of it empty at PREVIEW_DISTINCT_MAX */
#define WARNING_MAX 512 /* bytes */
#define NAME_UNITS 80   /* of a rule or host in a sentence */

/* ---- how often each name came ----------------------------------------------------------------------------- */

struct tally {
	struct preview_top *names; /* SLOTS of them */
	size_t count;
	uint64_t seed; /* an attacker chooses the names */
	bool is_full;  /* some were not told apart */
};

static void tally_init(struct tally *tally)
{
	char seed[17];

	random_hex(seed, sizeof(seed));
	*tally = (struct tally){
	    .names = xcalloc(SLOTS, sizeof(*tally->names)), .seed = strtoull(seed, NULL, 16)};
}

static void tally_fini(struct tally *tally)
{
	for (size_t i = 0; i < SLOTS; i++)
		free(tally->names[i].name);
	free(tally->names);
}

static void tally_add(struct tally *tally, const char *name)
{
	uint64_t hash = tally->seed;
	size_t at;

	if (text_is_empty(name))
		return;
	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
	at = (size_t)(hash >> 33) & (SLOTS - 1);
	while (tally->names[at].name != NULL && strcmp(tally->names[at].name, name) != 0)
		at = (at + 1) & (SLOTS - 1);
	if (tally->names[at].name == NULL && tally->count == PREVIEW_DISTINCT_MAX) {
		tally->is_full = true;
		return;
	}
	if (tally->names[at].name == NULL) {
		tally->names[at].name = xstrdup(name);
		tally->count++;
	}
	tally->names[at].alerts++;
}

static bool is_before(const struct preview_top *a, const struct preview_top *b)
{
	if (a->name == NULL || b->name == NULL)
		return a->name != NULL;
	return a->alerts != b->alerts ? a->alerts > b->alerts : strcmp(a->name, b->name) < 0;
}

/* The names that came most, moved into TOP; how many different ones there are. */
static int64_t tally_take(struct tally *tally, struct preview_top top[PREVIEW_TOP])
{
	for (size_t n = 0; n < PREVIEW_TOP; n++) {
		struct preview_top *best = &tally->names[0];

		for (size_t i = 1; i < SLOTS; i++) {
			if (is_before(&tally->names[i], best))
				best = &tally->names[i];
		}
		top[n] = *best;
		best->name =
		    NULL; /* the chain of its slot is broken: nothing is looked up any more */
	}
	return (int64_t)tally->count + (tally->is_full ? 1 : 0);
}

/* ---- counting, in a thread -------------------------------------------------------------------------------- */

struct counting {
	struct job job; /* first: a job is its counting */
	struct announcement *announcement;
	struct indexed item; /* its matches and binding, this counting's own */
	int64_t since;
	struct tally rules, hosts; /* there while it is read: those that wait take no memory */
	struct preview preview;
	struct preview_wish wish;
};

static bool count(void *ctx, const struct past_alert *past)
{
	struct counting *counting = ctx;
	char host[ALERT_FIELD_MAX + 1];

	counting->preview.counts.alerts++;
	counting->preview.counts.escalated += past->is_escalated ? 1 : 0;
	tally_add(&counting->rules, past->rule);
	if (past->host != NULL)
		tally_add(&counting->hosts,
		    match_normalise(field_find("host"), past->host, host, sizeof(host))
			? host
			: past->host);
	return true;
}

static bool counting_read(struct job *job, struct storage *reader, struct error *err)
{
	struct counting *counting = (struct counting *)job;
	struct preview *preview = &counting->preview;
	const struct past_query query = {.since = counting->since,
	    .matches = &counting->item.said,
	    .is_bound = counting->item.is_bound,
	    .actor = counting->item.actor};

	tally_init(&counting->rules);
	tally_init(&counting->hosts);
	preview->is_known = storage_each_past_alert(reader, &query, count, counting, err);
	if (preview->is_known) {
		preview->counts.rules = tally_take(&counting->rules, preview->rules);
		preview->counts.hosts = tally_take(&counting->hosts, preview->hosts);
	}
	tally_fini(&counting->rules);
	tally_fini(&counting->hosts);
	return preview->is_known;
}

/* ---- what comes of it, on the loop ------------------------------------------------------------------------ */

static bool says_the_same(const struct announcement *a, const struct announcement *b)
{
	if (a->match_count != b->match_count)
		return false;
	for (size_t i = 0; i < a->match_count; i++) {
		if (!text_equal(a->match[i], b->match[i]))
			return false;
	}
	return true;
}

/* Keeps what came of it with the announcement and shows it, where that still says what was counted for. */
static bool keep(struct desk *desk, const struct counting *counting, struct error *err)
{
	const struct preview *preview = &counting->preview;
	struct announcement *now;
	struct error why = {0};
	bool ok = true;

	if (counting->announcement->id == 0)
		return true;
	now = storage_announcement(desk->storage, counting->announcement->id, &why);
	if (now == NULL) {
		if (err != NULL)
			*err = why;
		return why.kind == ERROR_NOT_FOUND;
	}
	if (says_the_same(now, counting->announcement) && (preview->is_known || now->has_preview))
		ok = storage_put_preview(desk->storage, now->id,
			 preview->is_known ? &preview->counts : NULL, err) &&
		     (now->state != ANNOUNCEMENT_STANDS || say_announcement(desk, now, err));
	announcement_free(now);
	return ok;
}

static bool counting_done(struct desk *desk, struct job *job, struct error *err)
{
	struct counting *counting = (struct counting *)job;
	struct announcement *announcement = counting->announcement;
	const struct preview_wish *wish = &counting->wish;

	if (!job->is_read)
		log_warn("H%" PRId64 " has no preview why=%s", announcement->id, job->why.text);
	if (!keep(desk, counting, err))
		return false;
	announcement->has_preview = counting->preview.is_known;
	announcement->preview = counting->preview.counts;
	return wish->done == NULL ||
	       wish->done(desk, wish->ctx, announcement, &counting->preview, err);
}

void preview_wish_free(const struct preview_wish *wish)
{
	if (wish != NULL && wish->free != NULL)
		wish->free(wish->ctx);
}

static void counting_free(struct job *job)
{
	struct counting *counting = (struct counting *)job;

	preview_wish_free(&counting->wish);
	for (size_t i = 0; i < PREVIEW_TOP; i++) {
		free(counting->preview.rules[i].name);
		free(counting->preview.hosts[i].name);
	}
	indexed_fini(&counting->item);
	announcement_free(counting->announcement);
	free(counting);
}

bool preview_start(struct desk *desk, const struct announcement *announcement,
    const struct preview_wish *wish, struct error *err)
{
	struct counting *counting;

	if (announcement->id == 0 && wish == NULL)
		return true; /* nobody would hear of it */
	counting = xcalloc(1, sizeof(*counting));
	counting->job =
	    (struct job){.read = counting_read, .done = counting_done, .free = counting_free};
	counting->announcement = announcement_copy(announcement);
	counting->since = desk->now - PREVIEW_DAYS * INT64_C(86400);
	if (wish != NULL)
		counting->wish = *wish;
	if (announcement_compile(desk, announcement, &counting->item, err))
		return job_start(desk, &counting->job, err);
	counting_free(&counting->job);
	return false;
}

/* ---- told ------------------------------------------------------------------------------------------------- */

bool preview_is_broad(const struct preview_counts *counts)
{
	return counts->alerts > PREVIEW_BROAD_ALERTS || counts->hosts > PREVIEW_BROAD_HOSTS ||
	       counts->rules > PREVIEW_BROAD_RULES;
}

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

/* "`ssh login` (30), `cron` (8) and 2 other rules" */
static void put_top(
    const struct preview_top top[PREVIEW_TOP], int64_t count, const char *what, struct buf *out)
{
	int64_t shown = 0;

	while (shown < PREVIEW_TOP && top[shown].name != NULL)
		shown++;
	for (int64_t i = 0; i < shown; i++) {
		if (i > 0)
			buf_puts(out, i + 1 == shown && count == shown ? " and " : ", ");
		buf_put_code(out, top[i].name, NAME_UNITS);
		buf_printf(out, " (%" PRId64 ")", top[i].alerts);
	}
	if (count > shown)
		buf_printf(
		    out, " and %" PRId64 " other %s%s", count - shown, what, plural(count - shown));
}

void preview_put_warning(const struct preview_counts *counts, struct buf *out)
{
	if (preview_is_broad(counts))
		buf_printf(out,
		    "That is broad: %" PRId64 " alert%s, %" PRId64 " rule%s, %" PRId64
		    " host%s. Narrow it where you can, with host= or rule=.",
		    counts->alerts, plural(counts->alerts), counts->rules, plural(counts->rules),
		    counts->hosts, plural(counts->hosts));
	if (counts->escalated > 0)
		buf_printf(out,
		    "%s%" PRId64 " of these %s escalated: be sure that what comes now is yours.",
		    preview_is_broad(counts) ? "\n" : "", counts->escalated,
		    counts->escalated == 1 ? "was" : "were");
}

static void put_warnings(const struct preview_counts *counts, struct buf *out)
{
	struct buf text;

	buf_init(&text, WARNING_MAX);
	preview_put_warning(counts, &text);
	for (const char *line = buf_text(&text); *line != '\0';) {
		const size_t len = strcspn(line, "\n");

		buf_puts(out, "\n:warning: ");
		buf_put(out, line, len);
		line += len + (line[len] != '\0');
	}
	buf_fini(&text);
}

void preview_put(const struct preview *preview, struct buf *out)
{
	const struct preview_counts *counts = &preview->counts;

	if (!preview->is_known) {
		buf_printf(out,
		    "What it would have covered in the last %d days could not be counted in time.",
		    PREVIEW_DAYS);
		return;
	}
	if (counts->alerts == 0) {
		buf_printf(
		    out, "In the last %d days it would have covered no alert.", PREVIEW_DAYS);
		return;
	}
	buf_printf(out, "In the last %d days it would have covered *%" PRId64 " alert%s*",
	    PREVIEW_DAYS, counts->alerts, plural(counts->alerts));
	buf_printf(out, ", %" PRId64 " of them escalated", counts->escalated);
	if (counts->rules > 0)
		buf_puts(out, ": ");
	put_top(preview->rules, counts->rules, "rule", out);
	if (counts->hosts > 0)
		buf_puts(out, counts->rules > 0 ? "; on " : ", on ");
	put_top(preview->hosts, counts->hosts, "host", out);
	buf_putc(out, '.');
	put_warnings(counts, out);
}

void preview_put_short(const struct preview_counts *counts, struct buf *out)
{
	if (counts->alerts == 0) {
		buf_puts(out, "no alert");
		return;
	}
	buf_printf(out, "%" PRId64 " alert%s", counts->alerts, plural(counts->alerts));
	if (counts->hosts > 0)
		buf_printf(out, " on %" PRId64 " host%s", counts->hosts, plural(counts->hosts));
	buf_printf(out, ", %" PRId64 " escalated", counts->escalated);
	if (preview_is_broad(counts))
		buf_puts(out, " :warning: broad");
}

cJSON *preview_json(const struct preview_counts *counts)
{
	cJSON *json;

	if (counts == NULL)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	json_put_int(json, "days", PREVIEW_DAYS);
	json_put_int(json, "alerts", counts->alerts);
	json_put_int(json, "escalated", counts->escalated);
	json_put_int(json, "rules", counts->rules);
	json_put_int(json, "hosts", counts->hosts);
	cJSON_AddBoolToObject(json, "is_broad", preview_is_broad(counts));
	return json;
}
