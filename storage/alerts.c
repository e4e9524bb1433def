#include "storage/internal.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define HOUR_S 3600
#define LABELS_MAX (ALERT_LABELS_MAX * 6 * (ALERT_LABEL_NAME_MAX + ALERT_FIELD_MAX + 2)) /* bytes: each may become \u0001 */
#define LABELS_USUAL 512 /* bytes; more make it grow */

/* In the order in which alert_read() reads them. */
#define REPORTED                                                                              \
	"source, rule, title, description, actor, host, ip, process, service, env, account, " \
	"region, url, dedup_key, occurred_at, received_at, labels, notes"
#define CHANGING                                                                               \
	"severity, status, last_seen, count, announcement, previous, mark, nearest, "          \
	"nearest_why, route, channel, page_key, page_status, paged_at, assignee, changed_by, " \
	"changed_via, changed_at, version, ends_at, flaps, reminded"
#define COLUMNS "id, " REPORTED ", " CHANGING
#define FROM_ALERTS "SELECT " COLUMNS " FROM alerts "

/* ---- labels, kept as a JSON object ---------------------------------------------------------------------- */

static char *labels_write(const struct alert *alert)
{
	struct buf text;

	if (alert->label_count == 0)
		return NULL;
	buf_init(&text, LABELS_MAX);
	buf_reserve(&text, LABELS_USUAL);
	for (size_t i = 0; i < alert->label_count; i++) {
		buf_putc(&text, i == 0 ? '{' : ',');
		buf_put_json(&text, alert->labels[i].name);
		buf_putc(&text, ':');
		buf_put_json(&text, alert->labels[i].value);
	}
	buf_putc(&text, '}');
	return buf_take(&text);
}

static void labels_read(struct alert *alert, const char *text)
{
	cJSON *object, *member;

	if (text == NULL)
		return;
	object = cJSON_Parse(text);
	cJSON_ArrayForEach(member, object)
	{
		if (cJSON_IsString(member))
			alert_add_label(alert, member->string, member->valuestring);
	}
	cJSON_Delete(object);
}

/* ---- dedup keys ----------------------------------------------------------------------------------------- */

#define HASH_DIGITS 12 /* of SHA-256 in hex: what is equal in these is compared as a whole */

static int64_t key_hash(const char *dedup_key)
{
	char hex[65];

	sha256_hex(dedup_key, strlen(dedup_key), hex);
	hex[HASH_DIGITS] = '\0';
	return strtoll(hex, NULL, 16);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* The hour of AT, rounded down before 1970 too. */
static int64_t hour_of(int64_t at)
{
	return at / HOUR_S - (at % HOUR_S < 0);
}

static void put_reported(struct sql *sql, const struct alert *alert, const char *labels)
{
	sql_put_text(sql, alert->source);
	sql_put_text(sql, alert->rule);
	sql_put_text(sql, alert->title);
	sql_put_text(sql, alert->description);
	sql_put_text(sql, alert->actor);
	sql_put_text(sql, alert->host);
	sql_put_text(sql, alert->ip);
	sql_put_text(sql, alert->process);
	sql_put_text(sql, alert->service);
	sql_put_text(sql, alert->env);
	sql_put_text(sql, alert->account);
	sql_put_text(sql, alert->region);
	sql_put_text(sql, alert->url);
	sql_put_text(sql, alert->dedup_key);
	sql_put_time(sql, alert->occurred_at);
	sql_put_time(sql, alert->received_at);
	sql_put_text(sql, labels);
	sql_put_text(sql, alert->notes);
}

/* What changes and is in no index; the rest of CHANGING is put_indexed()'s. */
static void put_changing(struct sql *sql, const struct alert *alert)
{
	sql_put_time(sql, alert->last_seen);
	sql_put_int(sql, alert->count);
	sql_put_int(sql, alert->previous);
	sql_put_text(sql, alert->mark);
	sql_put_int(sql, alert->nearest);
	sql_put_text(sql, alert->nearest_why);
	sql_put_int(sql, alert->route);
	sql_put_text(sql, alert->channel);
	sql_put_text(sql, alert->page_key);
	sql_put_time(sql, alert->paged_at);
	sql_put_text(sql, alert->changed_by);
	sql_put_text(sql, alert->changed_via);
	sql_put_time(sql, alert->changed_at);
	sql_put_int(sql, alert->version);
	sql_put_int(sql, alert->flaps);
}

static void put_indexed(struct sql *sql, const struct alert *alert)
{
	sql_put_int(sql, alert->status);
	sql_put_int(sql, alert->announcement);
	sql_put_text(sql, alert->assignee);
	sql_put_int(sql, alert->severity);
	sql_put_time(sql, alert->ends_at);
	sql_put_int(sql, alert->reminded);
	sql_put_text(sql, alert->page_status);
}

static bool add_row(struct storage *storage, struct alert *alert, struct error *err)
{
	struct sql sql;
	char *labels = labels_write(alert);
	bool ok;

	sql_open(&sql, storage,
	    "INSERT INTO alerts (" REPORTED
	    ", last_seen, count, previous, mark, nearest, nearest_why, route, "
	    "channel, page_key, paged_at, changed_by, changed_via, changed_at, "
	    "version, flaps, status, announcement, assignee, severity, ends_at, reminded, page_status, key_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    err);
	put_reported(&sql, alert, labels);
	put_changing(&sql, alert);
	put_indexed(&sql, alert);
	if (alert->dedup_key != NULL)
		sql_put_int(&sql, key_hash(alert->dedup_key));
	ok = sql_run(&sql);
	if (ok)
		alert->id = sqlite3_last_insert_rowid(storage->db);
	free(labels);
	return ok;
}

static bool add_body(struct storage *storage, const struct alert *alert, struct error *err)
{
	struct sql sql;

	if (alert->body == NULL)
		return true;
	sql_open(&sql, storage, "INSERT INTO bodies (alert, body) VALUES (?, ?)", err);
	sql_put_int(&sql, alert->id);
	sql_put_text(&sql, alert->body);
	return sql_run(&sql);
}

/* A new run begins when the hour is another than that of the alert before; it rarely is, so that is asked first. */
static bool add_run(struct storage *storage, const struct alert *alert, struct error *err)
{
	int64_t hour = hour_of(alert->received_at);
	bool is_same;
	struct sql sql;

	sql_open(&sql, storage, "SELECT hour FROM alert_runs ORDER BY first DESC LIMIT 1", err);
	is_same = sql_row(&sql) && sql_get_int(&sql) == hour;
	if (!sql_close(&sql))
		return false;
	if (is_same)
		return true;
	sql_open(&sql, storage, "INSERT INTO alert_runs (first, hour) VALUES (?, ?)", err);
	sql_put_int(&sql, alert->id);
	sql_put_int(&sql, hour);
	return sql_run(&sql);
}

bool storage_add_alert(struct storage *storage, struct alert *alert, struct error *err)
{
	if (add_row(storage, alert, err) && add_body(storage, alert, err) &&
	    add_run(storage, alert, err))
		return true;
	alert->id = 0;
	return false;
}

bool storage_put_alert(struct storage *storage, const struct alert *alert, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE alerts SET last_seen = ?, count = ?, previous = ?, mark = ?, "
	    "nearest = ?, nearest_why = ?, route = ?, channel = ?, page_key = ?, "
	    "paged_at = ?, changed_by = ?, changed_via = ?, changed_at = ?, "
	    "version = ?, flaps = ? WHERE id = ?",
	    err);
	put_changing(&sql, alert);
	sql_put_int(&sql, alert->id);
	if (!sql_run(&sql))
		return false;
	if (sql_changes(storage) == 0)
		return error_set(err, ERROR_NOT_FOUND, "there is no alert A%" PRId64, alert->id);
	/* Apart, because SQLite writes every index whose columns are set, changed or not; most
	 * often these are not. */
	sql_open(&sql, storage,
	    "UPDATE alerts SET status = ?1, announcement = ?2, assignee = ?3, severity = ?4, ends_at = ?5, "
	    "reminded = ?6, page_status = ?7 WHERE id = ?8 AND (status <> ?1 OR announcement <> ?2 OR assignee IS NOT ?3 OR "
	    "severity <> ?4 OR ends_at IS NOT ?5 OR reminded <> ?6 OR page_status IS NOT ?7)",
	    err);
	put_indexed(&sql, alert);
	sql_put_int(&sql, alert->id);
	return sql_run(&sql);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void read_reported(struct sql *sql, struct alert *alert)
{
	alert->source = sql_get_text(sql);
	alert->rule = sql_get_text(sql);
	alert->title = sql_get_text(sql);
	alert->description = sql_get_text(sql);
	alert->actor = sql_get_text(sql);
	alert->host = sql_get_text(sql);
	alert->ip = sql_get_text(sql);
	alert->process = sql_get_text(sql);
	alert->service = sql_get_text(sql);
	alert->env = sql_get_text(sql);
	alert->account = sql_get_text(sql);
	alert->region = sql_get_text(sql);
	alert->url = sql_get_text(sql);
	alert->dedup_key = sql_get_text(sql);
	alert->occurred_at = sql_get_time(sql);
	alert->received_at = sql_get_time(sql);
	labels_read(alert, sql_peek_text(sql));
	replace_text(&alert->notes, sql_peek_text(sql));
}

static void read_changing(struct sql *sql, struct alert *alert)
{
	alert->severity = sql_get_enum(sql, SEVERITY_CRITICAL);
	alert->status = sql_get_enum(sql, ALERT_CLAIMED);
	alert->last_seen = sql_get_time(sql);
	alert->count = sql_get_int(sql);
	alert->announcement = sql_get_int(sql);
	alert->previous = sql_get_int(sql);
	alert->mark = sql_get_text(sql);
	alert->nearest = sql_get_int(sql);
	alert->nearest_why = sql_get_text(sql);
	alert->route = sql_get_int(sql);
	alert->channel = sql_get_text(sql);
	alert->page_key = sql_get_text(sql);
	alert->page_status = sql_get_text(sql);
	alert->paged_at = sql_get_time(sql);
	alert->assignee = sql_get_text(sql);
	alert->changed_by = sql_get_text(sql);
	alert->changed_via = sql_get_text(sql);
	alert->changed_at = sql_get_time(sql);
	alert->version = sql_get_int(sql);
	alert->ends_at = sql_get_time(sql);
	alert->flaps = sql_get_int(sql);
	alert->reminded = sql_get_int(sql) != 0;
}

static struct alert *alert_read(struct sql *sql)
{
	struct alert *alert = alert_new();

	alert->id = sql_get_int(sql);
	read_reported(sql, alert);
	read_changing(sql, alert);
	return alert;
}

/* The first row, and the end of the query; NULL when there is none, or it failed. */
static struct alert *first_alert(struct sql *sql)
{
	struct alert *alert = sql_row(sql) ? alert_read(sql) : NULL;

	if (sql_close(sql))
		return alert;
	alert_free(alert);
	return NULL;
}

struct alert *storage_alert(struct storage *storage, int64_t id, struct error *err)
{
	struct sql sql;
	struct alert *alert;

	sql_open(&sql, storage, FROM_ALERTS "WHERE id = ?", err);
	sql_put_int(&sql, id);
	alert = first_alert(&sql);
	if (alert == NULL && !sql.failed)
		error_set(err, ERROR_NOT_FOUND, "there is no alert A%" PRId64, id);
	return alert;
}

/* Of the unresolved there are few; of the others any number: there each status is one seek in
 * alerts_key. */
#define NEWEST_UNRESOLVED \
	"WHERE id = (SELECT max(id) FROM alerts WHERE key_hash = ?2 AND status IN (0, 1, 3) AND " \
	"dedup_key = ?1)"
#define NEWEST_OF(status) \
	"coalesce((SELECT max(id) FROM alerts WHERE key_hash = ?2 AND status = " status \
	" AND dedup_key = ?1), 0)"
/* clang-format off */
/* Most alerts are the first of their key: one seek tells. */
#define NEWEST \
	"WHERE id = CASE WHEN EXISTS (SELECT 1 FROM alerts WHERE key_hash = ?2) THEN max(" \
	NEWEST_OF("0") ", " NEWEST_OF("1") ", " NEWEST_OF("2") ", " \
	NEWEST_OF("3") ", " NEWEST_OF("4") ") END"
/* clang-format on */

struct alert *storage_alert_by_key(struct storage *storage, const char *dedup_key, bool unresolved)
{
	struct sql sql;

	if (dedup_key == NULL)
		return NULL;
	sql_open(
	    &sql, storage, unresolved ? FROM_ALERTS NEWEST_UNRESOLVED : FROM_ALERTS NEWEST, NULL);
	sql_put_text(&sql, dedup_key);
	sql_put_int(&sql, key_hash(dedup_key));
	return first_alert(&sql);
}

bool storage_next_lapsed(struct storage *storage, int64_t after, int64_t until, struct alert **alert, struct error *err)
{
	struct sql sql;

	/* SQLite would rather sort all that is open, each second. */
	sql_open(&sql, storage,
	    FROM_ALERTS "INDEXED BY alerts_lapsing WHERE ends_at > ? AND ends_at <= ? AND "
			"ends_at IS NOT NULL AND status IN (0, 1, 3) ORDER BY ends_at LIMIT 1",
	    err);
	sql_put_int(&sql, after);
	sql_put_int(&sql, until);
	*alert = first_alert(&sql);
	return !sql.failed;
}

bool storage_next_unreminded(struct storage *storage, int64_t until, struct alert **alert, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    FROM_ALERTS "INDEXED BY alerts_unreminded WHERE status = 0 AND severity >= 3 AND reminded = 0 AND "
			"coalesce(changed_at, received_at) <= ? ORDER BY coalesce(changed_at, received_at) LIMIT 1",
	    err);
	sql_put_int(&sql, until);
	*alert = first_alert(&sql);
	return !sql.failed;
}

bool storage_each_unseen(struct storage *storage, int64_t *after, size_t rows, bool (*each)(void *ctx, int64_t id), void *ctx,
    struct error *err)
{
	struct sql sql;
	size_t count = 0;
	bool goes_on = true;

	sql_open(&sql, storage,
	    "SELECT id, page_status IS NULL AND NOT EXISTS (SELECT 1 FROM posts WHERE subject = 'A' || alerts.id) "
	    "AND NOT EXISTS (SELECT 1 FROM unposted JOIN posts ON subject = 'S' || storm "
	    "WHERE alert = alerts.id AND storm <> 0) "
	    "FROM alerts INDEXED BY alerts_urgent WHERE status = 0 AND severity >= 3 AND id > ? ORDER BY id LIMIT ?",
	    err);
	sql_put_int(&sql, *after);
	sql_put_int(&sql, (int64_t)rows);
	while (goes_on && sql_row(&sql)) {
		*after = sql_get_int(&sql);
		count++;
		if (sql_get_int(&sql) != 0)
			goes_on = each(ctx, *after);
	}
	if (goes_on && count < rows)
		*after = 0;
	return sql_close(&sql);
}

char *storage_alert_body(struct storage *storage, int64_t id)
{
	struct sql sql;
	char *body = NULL;

	sql_open(&sql, storage, "SELECT body FROM bodies WHERE alert = ?", NULL);
	sql_put_int(&sql, id);
	if (sql_row(&sql))
		body = sql_get_text(&sql);
	sql_close(&sql);
	return body;
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static bool one_number(struct sql *sql, int64_t *number)
{
	if (sql_row(sql))
		*number = sql_get_int(sql);
	return sql_close(sql);
}

/* The lowest id that may have been received at SINCE or later. */
static bool alerts_floor(struct storage *storage, int64_t since, int64_t *id, struct error *err)
{
	struct sql sql;

	*id = 0;
	if (since == TIME_NONE)
		return true;
	sql_open(&sql, storage,
	    "SELECT coalesce(min(first), 9223372036854775807) FROM alert_runs WHERE hour >= ?",
	    err);
	sql_put_int(&sql, hour_of(since));
	return one_number(&sql, id);
}

bool alerts_ceiling(struct storage *storage, int64_t until, int64_t *id, struct error *err)
{
	struct sql sql;

	*id = INT64_MAX;
	if (until == TIME_NONE)
		return true;
	*id = 0;
	sql_open(&sql, storage,
	    "SELECT coalesce((SELECT min(first) FROM alert_runs "
	    "WHERE first > r.first) - 1, 9223372036854775807) FROM alert_runs AS r "
	    "WHERE hour <= ? ORDER BY first DESC LIMIT 1",
	    err);
	sql_put_int(&sql, hour_of(until));
	return one_number(&sql, id);
}

/* The ways through the table: by the narrowest of what is asked for. */
#define FILTERED                                                                                \
	"id BETWEEN ?1 AND ?2 AND (?3 < 0 OR status = ?3) "                                     \
	"AND (?4 IS NULL OR received_at >= ?4) AND (?5 IS NULL OR received_at < ?5) "           \
	"AND (?6 = 0 OR announcement = ?6) AND (?7 IS NULL OR assignee = ?7) ORDER BY id DESC " \
	"LIMIT ?8"

static const char *way(const struct alert_query *query)
{
	if (query->announcement != 0)
		return FROM_ALERTS "INDEXED BY alerts_announcement "
				   "WHERE announcement = ?6 AND announcement <> 0 AND " FILTERED;
	if (query->status >= 0)
		return FROM_ALERTS "INDEXED BY alerts_status WHERE status = ?3 AND " FILTERED;
	if (query->assignee != NULL)
		return FROM_ALERTS "INDEXED BY alerts_assignee "
				   "WHERE assignee = ?7 AND assignee IS NOT NULL AND " FILTERED;
	return FROM_ALERTS "NOT INDEXED WHERE " FILTERED;
}

bool storage_each_alert(struct storage *storage, const struct alert_query *query,
    bool (*each)(void *ctx, const struct alert *alert), void *ctx, struct error *err)
{
	struct sql sql;
	int64_t first, last;
	bool goes_on = true;

	if (!alerts_floor(storage, query->since, &first, err) ||
	    !alerts_ceiling(storage, query->until, &last, err))
		return false;
	if (query->before_id != 0 && query->before_id - 1 < last)
		last = query->before_id - 1;
	sql_open(&sql, storage, way(query), err);
	sql_put_int(&sql, first);
	sql_put_int(&sql, last);
	sql_put_int(&sql, query->status);
	sql_put_time(&sql, query->since);
	sql_put_time(&sql, query->until);
	sql_put_int(&sql, query->announcement);
	sql_put_text(&sql, query->assignee);
	sql_put_int(&sql, query->limit < INT64_MAX ? (int64_t)query->limit : INT64_MAX);
	while (goes_on && sql_row(&sql)) {
		struct alert *alert = alert_read(&sql);

		goes_on = each(ctx, alert);
		alert_free(alert);
	}
	return sql_close(&sql);
}

bool storage_count_alerts(struct storage *storage, int64_t counts[5], struct error *err)
{
	struct sql sql;

	for (size_t i = 0; i < 5; i++)
		counts[i] = 0;
	sql_open(&sql, storage, "SELECT status, n FROM alert_counts", err);
	while (sql_row(&sql)) {
		int status = sql_get_enum(&sql, ALERT_CLAIMED);

		counts[status] = sql_get_int(&sql);
	}
	return sql_close(&sql);
}

/* ---- the timeline --------------------------------------------------------------------------------------- */

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

bool storage_add_event(
    struct storage *storage, int64_t alert, const struct event *event, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT INTO timeline (alert, n, at, who, via, what, note) "
	    "VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM timeline "
	    "WHERE alert = ?1), ?2, ?3, ?4, ?5, ?6)",
	    err);
	sql_put_int(&sql, alert);
	sql_put_time(&sql, event->at);
	sql_put_text(&sql, or_nothing(event->who));
	sql_put_text(&sql, or_nothing(event->via));
	sql_put_text(&sql, or_nothing(event->what));
	sql_put_text(&sql, event->note);
	return sql_run(&sql);
}

bool storage_each_event(struct storage *storage, int64_t alert,
    bool (*each)(void *ctx, const struct event *event), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage,
	    "SELECT at, who, via, what, note FROM timeline WHERE alert = ? ORDER BY n", err);
	sql_put_int(&sql, alert);
	while (goes_on && sql_row(&sql)) {
		struct event event = {.at = sql_get_time(&sql)};

		event.who = sql_peek_text(&sql);
		event.via = sql_peek_text(&sql);
		event.what = sql_peek_text(&sql);
		event.note = sql_peek_text(&sql);
		goes_on = each(ctx, &event);
	}
	return sql_close(&sql);
}
