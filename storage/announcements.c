#include "storage/internal.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config/base/json.h"
#include "config/base/memory.h"

#define COLUMNS                                                                                \
	"id, author, via, match, created_at, idempotency_key, starts_at, ends_at, state, "     \
	"over_at, over_why, over_by, needs_approval, approved_by, approved_at, because, max, " \
	"matched, near_misses, channel, lease_until, version, approved_until, approval_from, " \
	"asked_at, edition, denied_by, reminded_for, retell, retell_before, retold, "           \
	"preview_alerts, preview_escalated, preview_rules, preview_hosts"
#define FROM_ANNOUNCEMENTS "SELECT " COLUMNS " FROM announcements "

void announcement_free(struct announcement *announcement)
{
	if (announcement == NULL)
		return;
	for (size_t i = 0; i < announcement->match_count; i++)
		free(announcement->match[i]);
	free(announcement->match);
	free(announcement->author);
	free(announcement->via);
	free(announcement->over_why);
	free(announcement->over_by);
	free(announcement->approved_by);
	free(announcement->because);
	free(announcement->channel);
	free(announcement->denied_by);
	free(announcement->idempotency_key);
	free(announcement);
}

/* ---- matches, kept as a JSON array ---------------------------------------------------------------------- */

static char *match_write(const struct announcement *announcement)
{
	cJSON *array = cJSON_CreateArray();
	char *text;

	for (size_t i = 0; i < announcement->match_count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(announcement->match[i]));
	text = json_write(array);
	cJSON_Delete(array);
	return text;
}

static void match_read(struct announcement *announcement, const char *text)
{
	cJSON *array = cJSON_Parse(text != NULL ? text : "[]"), *item;

	announcement->match =
	    xcalloc((size_t)cJSON_GetArraySize(array) + 1, sizeof(*announcement->match));
	cJSON_ArrayForEach(item, array)
	{
		if (cJSON_IsString(item))
			announcement->match[announcement->match_count++] =
			    xstrdup(item->valuestring);
	}
	cJSON_Delete(array);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put_changing(struct sql *sql, const struct announcement *announcement)
{
	sql_put_time(sql, announcement->starts_at);
	sql_put_time(sql, announcement->ends_at);
	sql_put_int(sql, announcement->state);
	sql_put_time(sql, announcement->over_at);
	sql_put_text(sql, announcement->over_why);
	sql_put_text(sql, announcement->over_by);
	sql_put_int(sql, announcement->needs_approval);
	sql_put_text(sql, announcement->approved_by);
	sql_put_time(sql, announcement->approved_at);
	sql_put_text(sql, announcement->because);
	sql_put_int(sql, announcement->max);
	sql_put_int(sql, announcement->matched);
	sql_put_int(sql, announcement->near_misses);
	sql_put_text(sql, announcement->channel);
	sql_put_time(sql, announcement->lease_until);
	sql_put_int(sql, announcement->version);
	sql_put_int(sql, announcement->approved_until);
	sql_put_int(sql, announcement->approval_from);
	sql_put_int(sql, announcement->asked_at);
	sql_put_int(sql, announcement->edition);
	sql_put_text(sql, announcement->denied_by);
	sql_put_int(sql, announcement->reminded_for);
	sql_put_int(sql, announcement->retell);
	sql_put_int(sql, announcement->retell_before);
	sql_put_int(sql, announcement->retold);
}

bool storage_add_announcement(
    struct storage *storage, struct announcement *announcement, struct error *err)
{
	struct sql sql;
	char *match = match_write(announcement);
	bool ok;

	sql_open(&sql, storage,
	    "INSERT INTO announcements (author, via, match, created_at, idempotency_key, "
	    "starts_at, ends_at, state, over_at, over_why, over_by, needs_approval, "
	    "approved_by, approved_at, because, max, matched, near_misses, channel, "
	    "lease_until, version, approved_until, approval_from, asked_at, edition, denied_by, "
	    "reminded_for, retell, retell_before, retold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    err);
	sql_put_text(&sql, announcement->author);
	sql_put_text(&sql, announcement->via);
	sql_put_text(&sql, match);
	sql_put_time(&sql, announcement->created_at);
	sql_put_text(&sql, announcement->idempotency_key);
	put_changing(&sql, announcement);
	ok = sql_run(&sql);
	announcement->id = ok ? sqlite3_last_insert_rowid(storage->db) : 0;
	free(match);
	return ok;
}

bool storage_put_announcement(
    struct storage *storage, const struct announcement *announcement, struct error *err)
{
	struct sql sql;
	char *match = match_write(announcement);
	bool ok;

	sql_open(&sql, storage,
	    "UPDATE announcements SET match = ?, starts_at = ?, ends_at = ?, state = ?, over_at = ?, "
	    "over_why = ?, over_by = ?, needs_approval = ?, approved_by = ?, approved_at = ?, "
	    "because = ?, max = ?, matched = ?, near_misses = ?, channel = ?, lease_until = ?, "
	    "version = ?, approved_until = ?, approval_from = ?, asked_at = ?, edition = ?, "
	    "denied_by = ?, reminded_for = ?, retell = ?, retell_before = ?, retold = ? WHERE id = ?",
	    err);
	sql_put_text(&sql, match);
	put_changing(&sql, announcement);
	sql_put_int(&sql, announcement->id);
	ok = sql_run(&sql);
	free(match);
	if (!ok)
		return false;
	return sql_changes(storage) > 0 ||
	       error_set(
		   err, ERROR_NOT_FOUND, "there is no announcement H%" PRId64, announcement->id);
}

bool storage_put_preview(
    struct storage *storage, int64_t id, const struct preview_counts *preview, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE announcements SET preview_alerts = ?, preview_escalated = ?, preview_rules = ?, "
	    "preview_hosts = ? WHERE id = ?",
	    err);
	sql_put_time(&sql, preview != NULL ? preview->alerts : TIME_NONE);
	sql_put_time(&sql, preview != NULL ? preview->escalated : TIME_NONE);
	sql_put_time(&sql, preview != NULL ? preview->rules : TIME_NONE);
	sql_put_time(&sql, preview != NULL ? preview->hosts : TIME_NONE);
	sql_put_int(&sql, id);
	if (!sql_run(&sql))
		return false;
	return sql_changes(storage) > 0 ||
	       error_set(err, ERROR_NOT_FOUND, "there is no announcement H%" PRId64, id);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void read_preview(struct sql *sql, struct announcement *announcement)
{
	int64_t alerts = sql_get_time(sql); /* TIME_NONE is NULL */

	announcement->has_preview = alerts != TIME_NONE;
	announcement->preview.alerts = announcement->has_preview ? alerts : 0;
	announcement->preview.escalated = sql_get_int(sql);
	announcement->preview.rules = sql_get_int(sql);
	announcement->preview.hosts = sql_get_int(sql);
}

static struct announcement *announcement_read(struct sql *sql)
{
	struct announcement *announcement = xcalloc(1, sizeof(*announcement));

	announcement->id = sql_get_int(sql);
	announcement->author = sql_get_text(sql);
	announcement->via = sql_get_text(sql);
	match_read(announcement, sql_peek_text(sql));
	announcement->created_at = sql_get_time(sql);
	announcement->idempotency_key = sql_get_text(sql);
	announcement->starts_at = sql_get_time(sql);
	announcement->ends_at = sql_get_time(sql);
	announcement->state = sql_get_enum(sql, ANNOUNCEMENT_CANCELLED);
	announcement->over_at = sql_get_time(sql);
	announcement->over_why = sql_get_text(sql);
	announcement->over_by = sql_get_text(sql);
	announcement->needs_approval = sql_get_int(sql) != 0;
	announcement->approved_by = sql_get_text(sql);
	announcement->approved_at = sql_get_time(sql);
	announcement->because = sql_get_text(sql);
	announcement->max = sql_get_int(sql);
	announcement->matched = sql_get_int(sql);
	announcement->near_misses = sql_get_int(sql);
	announcement->channel = sql_get_text(sql);
	announcement->lease_until = sql_get_time(sql);
	announcement->version = sql_get_int(sql);
	announcement->approved_until = sql_get_int(sql);
	announcement->approval_from = sql_get_int(sql);
	announcement->asked_at = sql_get_int(sql);
	announcement->edition = sql_get_int(sql);
	announcement->denied_by = sql_get_text(sql);
	announcement->reminded_for = sql_get_int(sql);
	announcement->retell = sql_get_enum(sql, RETELL_ALL);
	announcement->retell_before = sql_get_int(sql);
	announcement->retold = sql_get_int(sql);
	read_preview(sql, announcement);
	return announcement;
}

static struct announcement *first_announcement(struct sql *sql)
{
	struct announcement *announcement = sql_row(sql) ? announcement_read(sql) : NULL;

	if (sql_close(sql))
		return announcement;
	announcement_free(announcement);
	return NULL;
}

struct announcement *storage_announcement(struct storage *storage, int64_t id, struct error *err)
{
	struct sql sql;
	struct announcement *announcement;

	sql_open(&sql, storage, FROM_ANNOUNCEMENTS "WHERE id = ?", err);
	sql_put_int(&sql, id);
	announcement = first_announcement(&sql);
	if (announcement == NULL && !sql.failed)
		error_set(err, ERROR_NOT_FOUND, "there is no announcement H%" PRId64, id);
	return announcement;
}

struct announcement *storage_announcement_by_key(
    struct storage *storage, const char *author, const char *key)
{
	struct sql sql;

	if (author == NULL || key == NULL)
		return NULL;
	sql_open(&sql, storage,
	    FROM_ANNOUNCEMENTS
	    "WHERE author = ? AND idempotency_key = ? AND idempotency_key IS NOT NULL",
	    NULL);
	sql_put_text(&sql, author);
	sql_put_text(&sql, key);
	return first_announcement(&sql);
}

#define FILTERED                                                                               \
	"id < ?1 AND (?2 < 0 OR state = ?2) AND (?3 IS NULL OR author = ?3) ORDER BY id DESC " \
	"LIMIT ?4"

/* By the narrowest of what is asked for. */
static const char *way(const struct announcement_query *query)
{
	if (query->state == ANNOUNCEMENT_STANDS)
		return FROM_ANNOUNCEMENTS
		    "INDEXED BY announcements_standing WHERE state = 0 AND " FILTERED;
	if (query->author != NULL)
		return FROM_ANNOUNCEMENTS
		    "INDEXED BY announcements_author WHERE author = ?3 AND " FILTERED;
	return FROM_ANNOUNCEMENTS "NOT INDEXED WHERE " FILTERED;
}

bool storage_each_announcement(struct storage *storage, const struct announcement_query *query,
    bool (*each)(void *ctx, const struct announcement *announcement), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage, way(query), err);
	sql_put_int(&sql, query->before_id != 0 ? query->before_id : INT64_MAX);
	sql_put_int(&sql, query->state);
	sql_put_text(&sql, query->author);
	sql_put_int(&sql, query->limit < INT64_MAX ? (int64_t)query->limit : INT64_MAX);
	while (goes_on && sql_row(&sql)) {
		struct announcement *announcement = announcement_read(&sql);

		goes_on = each(ctx, announcement);
		announcement_free(announcement);
	}
	return sql_close(&sql);
}

bool storage_next_retelling(struct storage *storage, int64_t *id, struct error *err)
{
	struct sql sql;

	*id = 0;
	sql_open(&sql, storage,
	    "SELECT id FROM announcements INDEXED BY announcements_retelling WHERE retell <> 0 "
	    "ORDER BY id LIMIT 1",
	    err);
	if (sql_row(&sql))
		*id = sql_get_int(&sql);
	return sql_close(&sql);
}

/* ---- this one is real ----------------------------------------------------------------------------------- */

bool storage_add_real(
    struct storage *storage, const char *dedup_key, int64_t announcement, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT OR IGNORE INTO reals (dedup_key, announcement) VALUES (?, ?)", err);
	sql_put_text(&sql, dedup_key);
	sql_put_int(&sql, announcement);
	return sql_run(&sql);
}

size_t storage_reals(
    struct storage *storage, const char *dedup_key, int64_t *announcements, size_t limit)
{
	struct sql sql;
	size_t count = 0;

	if (dedup_key == NULL)
		return 0;
	sql_open(&sql, storage,
	    "SELECT announcement FROM reals WHERE dedup_key = ? ORDER BY announcement DESC", NULL);
	sql_put_text(&sql, dedup_key);
	while (count < limit && sql_row(&sql))
		announcements[count++] = sql_get_int(&sql);
	sql_close(&sql);
	return count;
}

bool storage_remove_reals(struct storage *storage, int64_t announcement, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM reals WHERE announcement = ?", err);
	sql_put_int(&sql, announcement);
	return sql_run(&sql);
}

/* ---- sources that report what is over ------------------------------------------------------------------- */

bool storage_put_resolving(struct storage *storage, const char *source, struct error *err)
{
	struct sql sql;

	if (source == NULL || storage_resolves(storage, source))
		return true;
	sql_open(&sql, storage,
	    "INSERT OR IGNORE INTO resolving_sources (source) SELECT ?1 WHERE (SELECT count(*) "
	    "FROM resolving_sources) < ?2",
	    err);
	sql_put_text(&sql, source);
	sql_put_int(&sql, RESOLVING_SOURCES_MAX);
	return sql_run(&sql);
}

bool storage_resolves(struct storage *storage, const char *source)
{
	struct sql sql;
	bool found;

	if (source == NULL)
		return false;
	sql_open(&sql, storage, "SELECT 1 FROM resolving_sources WHERE source = ?", NULL);
	sql_put_text(&sql, source);
	found = sql_row(&sql);
	return sql_close(&sql) && found;
}
