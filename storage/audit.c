#include "storage/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/text.h"

#define BEGINNING \
	"0000000000000000000000000000000000000000000000000000000000000000" /* before the first row */
#define FROM_AUDIT "SELECT seq, at, who, via, origin, what, subject, detail, hash FROM audit "

/* ---- one row's hash ------------------------------------------------------------------------------------- */

/* A field in the canonical form: its length, so that no two rows are written alike; "-" is none at
 * all. */
static void put_field(struct buf *out, const char *text, size_t len)
{
	if (text == NULL) {
		buf_puts(out, "-,");
		return;
	}
	buf_printf(out, "%zu:", len);
	buf_put(out, text, len);
	buf_putc(out, ',');
}

static void put_text(struct buf *out, const char *text)
{
	put_field(out, text, text != NULL ? strlen(text) : 0);
}

static void put_number(struct buf *out, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	put_text(out, text);
}

/* The canonical form: "headsup audit 1", a line end, then the hash before, seq, at, who, via, from,
 * what, subject, detail. */
static void canonical_begin(struct buf *out, const char *before, int64_t seq, int64_t at)
{
	buf_puts(out, "headsup audit 1\n");
	put_text(out, before);
	put_number(out, seq);
	put_number(out, at);
}

static bool hash_audit(
    const struct audit *audit, int64_t seq, const char *before, char hash[65], struct error *err)
{
	struct buf out;
	bool ok;

	buf_init(&out, AUDIT_ROW_MAX);
	canonical_begin(&out, before, seq, audit->at);
	put_text(&out, audit->who);
	put_text(&out, audit->via);
	put_text(&out, audit->from);
	put_text(&out, audit->what);
	put_text(&out, audit->subject);
	put_text(&out, audit->detail);
	ok = buf_ok(&out);
	if (ok)
		sha256_hex(buf_text(&out), out.len, hash);
	else
		error_set(
		    err, ERROR_TOO_LONG, "an audit entry holds at most %d bytes", AUDIT_ROW_MAX);
	buf_fini(&out);
	return ok;
}

/* ---- adding --------------------------------------------------------------------------------------------- */

static bool read_head(struct storage *storage, int64_t *seq, char hash[65], struct error *err)
{
	struct sql sql;

	*seq = 0;
	snprintf(hash, 65, "%s", BEGINNING);
	sql_open(&sql, storage, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", err);
	if (sql_row(&sql)) {
		*seq = sql_get_int(&sql);
		snprintf(hash, 65, "%s", sql_peek_text(&sql));
	}
	return sql_close(&sql);
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

bool storage_add_audit(struct storage *storage, const struct audit *audit, struct error *err)
{
	struct audit row = *audit;
	struct sql sql;
	char before[65], hash[65];
	int64_t seq;

	row.who = or_nothing(audit->who);
	row.via = or_nothing(audit->via);
	row.what = or_nothing(audit->what);
	row.subject = or_nothing(audit->subject);
	if (!read_head(storage, &seq, before, err) || !hash_audit(&row, seq + 1, before, hash, err))
		return false;
	sql_open(&sql, storage,
	    "INSERT INTO audit (seq, at, who, via, origin, what, subject, detail, hash) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    err);
	sql_put_int(&sql, seq + 1);
	sql_put_int(&sql, row.at);
	sql_put_text(&sql, row.who);
	sql_put_text(&sql, row.via);
	sql_put_text(&sql, row.from);
	sql_put_text(&sql, row.what);
	sql_put_text(&sql, row.subject);
	sql_put_text(&sql, row.detail);
	sql_put_text(&sql, hash);
	return sql_run(&sql);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* The lowest seq at SINCE or later that lies past AFTER_SEQ. Where AFTER_SEQ itself is in the span,
 * the walk just goes on. */
static bool audit_floor(
    struct storage *storage, int64_t since, int64_t after_seq, int64_t *seq, struct error *err)
{
	struct sql sql;

	*seq = after_seq + (after_seq < INT64_MAX);
	if (since == TIME_NONE)
		return true;
	sql_open(&sql, storage,
	    "SELECT CASE WHEN (SELECT at FROM audit WHERE seq = ?1) >= ?2 THEN ?3 "
	    "ELSE (SELECT coalesce(min(seq), 9223372036854775807) FROM audit "
	    "INDEXED BY audit_at WHERE at >= ?2 AND seq > ?1) END",
	    err);
	sql_put_int(&sql, after_seq);
	sql_put_int(&sql, since);
	sql_put_int(&sql, *seq);
	if (sql_row(&sql))
		*seq = sql_get_int(&sql);
	return sql_close(&sql);
}

static struct audit audit_read(struct sql *sql)
{
	struct audit audit = {.seq = sql_get_int(sql)};

	audit.at = sql_get_int(sql);
	audit.who = sql_peek_text(sql);
	audit.via = sql_peek_text(sql);
	audit.from = sql_peek_text(sql);
	audit.what = sql_peek_text(sql);
	audit.subject = sql_peek_text(sql);
	audit.detail = sql_peek_text(sql);
	audit.hash = sql_peek_text(sql);
	return audit;
}

bool storage_each_audit(struct storage *storage, int64_t since, int64_t after_seq, size_t limit,
    bool (*each)(void *ctx, const struct audit *audit), void *ctx, struct error *err)
{
	struct sql sql;
	int64_t first;
	bool goes_on = true;

	if (!audit_floor(storage, since, after_seq, &first, err))
		return false;
	sql_open(&sql, storage,
	    FROM_AUDIT
	    "NOT INDEXED WHERE seq >= ?1 AND (?2 IS NULL OR at >= ?2) ORDER BY seq LIMIT ?3",
	    err);
	sql_put_int(&sql, first);
	sql_put_time(&sql, since);
	sql_put_int(&sql, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	while (goes_on && sql_row(&sql)) {
		struct audit audit = audit_read(&sql);

		goes_on = each(ctx, &audit);
	}
	return sql_close(&sql);
}

bool storage_each_audit_back(struct storage *storage, const struct audit_query *query,
    bool (*each)(void *ctx, const struct audit *audit), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage,
	    FROM_AUDIT
	    "NOT INDEXED WHERE seq > (SELECT coalesce(max(seq), 0) FROM audit) - ?1 AND (?2 IS NULL "
	    "OR at >= ?2) AND (?3 IS NULL OR who = ?3) AND (?4 IS NULL OR subject = ?4) ORDER BY "
	    "seq DESC LIMIT ?5",
	    err);
	sql_put_int(&sql, AUDIT_LOOK_MAX);
	sql_put_time(&sql, query->since);
	sql_put_text(&sql, query->who);
	sql_put_text(&sql, query->subject);
	sql_put_int(&sql, query->limit < INT64_MAX ? (int64_t)query->limit : INT64_MAX);
	while (goes_on && sql_row(&sql)) {
		struct audit audit = audit_read(&sql);

		goes_on = each(ctx, &audit);
	}
	return sql_close(&sql);
}

/* ---- proving -------------------------------------------------------------------------------------------- */

/* The row's hash from what stands in the table, to the byte: a NUL that somebody put in does not
 * hide what follows it. */
static bool rehash(struct sql *sql, const char *before, int64_t seq, char hash[65])
{
	struct buf out;
	bool ok;

	buf_init(&out, AUDIT_ROW_MAX);
	canonical_begin(&out, before, seq, sqlite3_column_int64(sql->stmt, 1));
	for (int column = 2; column <= 7; column++) {
		const char *text = (const char *)sqlite3_column_text(sql->stmt, column);

		put_field(&out, text, (size_t)sqlite3_column_bytes(sql->stmt, column));
	}
	ok = buf_ok(&out);
	if (ok)
		sha256_hex(buf_text(&out), out.len, hash);
	buf_fini(&out);
	return ok;
}

/* Looks at the row that is to be number EXPECTED; BEFORE becomes its hash. */
static bool check_row(struct sql *sql, int64_t expected, char before[65], struct error *err)
{
	int64_t seq = sqlite3_column_int64(sql->stmt, 0);
	const char *hash = (const char *)sqlite3_column_text(sql->stmt, 8);
	char right[65];

	if (seq > expected)
		return error_set(err, ERROR_REFUSED,
		    "entry %" PRId64 " is missing: after %" PRId64 " comes %" PRId64, expected,
		    expected - 1, seq);
	if (seq < expected)
		return error_set(err, ERROR_REFUSED,
		    "entry %" PRId64 " was put in: no entry has such a number", seq);
	if (!rehash(sql, before, seq, right) || hash == NULL || strcmp(hash, right) != 0)
		return error_set(err, ERROR_REFUSED,
		    "entry %" PRId64 " does not fit its hash: it was changed, or put in, or moved",
		    seq);
	memcpy(before, right, sizeof(right));
	return true;
}

/* The highest number that was ever given: AUTOINCREMENT remembers. sqlite.org/autoinc.html */
static bool read_highest(struct storage *storage, int64_t *seq, struct error *err)
{
	struct sql sql;

	*seq = 0;
	sql_open(&sql, storage, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'", err);
	if (sql_row(&sql))
		*seq = sql_get_int(&sql);
	return sql_close(&sql);
}

bool storage_verify_audit(struct storage *storage, int64_t *count, char head[65], struct error *err)
{
	struct sql sql;
	int64_t highest;
	bool ok = true;

	*count = 0;
	snprintf(head, 65, "%s", BEGINNING);
	/* Before the walk: while the daemon writes, the walk may see more, never less. */
	if (!read_highest(storage, &highest, err))
		return false;
	sql_open(&sql, storage, FROM_AUDIT "NOT INDEXED ORDER BY seq", err);
	while (ok && sql_row(&sql)) {
		ok = check_row(&sql, *count + 1, head, err);
		*count += ok;
	}
	if (!sql_close(&sql) || !ok)
		return false;
	if (*count < highest)
		return error_set(err, ERROR_REFUSED,
		    "entry %" PRId64 " is missing: there were %" PRId64 " of them", *count + 1,
		    highest);
	return true;
}

bool storage_audit_head(struct storage *storage, int64_t *count, char head[65])
{
	return read_head(storage, count, head, NULL);
}
