#include "storage/internal.h"

#include <stdio.h>

#include "config/base/log.h"
#include "config/base/memory.h"

/* SQLite may have undone everything (disk full, I/O); only it knows.
 * sqlite.org/lang_transaction.html */
static void look_for_loss(struct storage *storage)
{
	if (!storage->is_running || !sqlite3_get_autocommit(storage->db))
		return;
	storage->is_running = false;
	storage->is_broken = true;
	storage->depth = 0;
	storage->losses++;
	snprintf(storage->loss, sizeof(storage->loss), "%s", sqlite3_errmsg(storage->db));
}

static enum error_kind kind_of(int code)
{
	if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
		return ERROR_NOT_FOUND;
	if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
		return ERROR_CONFLICT;
	return ERROR_IO;
}

bool sql_failed(struct storage *storage, struct error *err)
{
	error_set(err, kind_of(sqlite3_extended_errcode(storage->db)), "the database says: %s",
	    sqlite3_errmsg(storage->db));
	look_for_loss(storage);
	return false;
}

/* Where nobody can be told, the event that relied on the statement is not to be kept. */
static void spoil(struct sql *sql)
{
	sql->failed = true;
	if (sql->err == NULL)
		sql->storage->is_sour = true;
}

static void fail(struct sql *sql)
{
	struct error own = {0};

	spoil(sql);
	sql_failed(sql->storage, sql->err != NULL ? sql->err : &own);
	if (sql->err == NULL)
		log_error("storage failed why=%s", own.text);
}

static void refuse(struct sql *sql, const char *why)
{
	spoil(sql);
	error_set(sql->err, ERROR_IO, "%s", why);
}

static struct statement *slot_of(struct storage *storage, const char *text)
{
	uint64_t hash = (uint64_t)(uintptr_t)text * UINT64_C(0x9E3779B97F4A7C15);
	size_t at = (size_t)(hash >> 56) & (STATEMENTS_MAX - 1);

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *slot = &storage->statements[(at + i) & (STATEMENTS_MAX - 1)];

		if (slot->text == text || slot->text == NULL)
			return slot;
	}
	return NULL;
}

/* IS_KEPT: TEXT is a literal, and its statement worth keeping. */
static void prepare(struct sql *sql, const char *text, bool is_kept)
{
	struct storage *storage = sql->storage;
	struct statement *slot = is_kept ? slot_of(storage, text) : NULL;
	bool is_cached = slot != NULL && !slot->is_taken;

	if (is_cached && slot->stmt != NULL) {
		sql->stmt = slot->stmt;
	} else if (sqlite3_prepare_v3(storage->db, text, -1,
		       is_cached ? SQLITE_PREPARE_PERSISTENT : 0, &sql->stmt, NULL) != SQLITE_OK) {
		fail(sql);
		return;
	}
	if (!is_cached)
		return;
	*slot = (struct statement){.text = text, .stmt = sql->stmt, .is_taken = true};
	sql->statement = slot;
}

bool sql_control(struct storage *storage, const char *text, struct error *err)
{
	struct error own = {0};
	struct sql sql = {.storage = storage, .err = err != NULL ? err : &own};

	prepare(&sql, text, true);
	return sql_run(&sql);
}

/* What is written outside of an event belongs to the iteration's transaction as well. */
static bool ensure_transaction(struct sql *sql)
{
	if (!sql->storage->is_running)
		sql->storage->is_running = sql_control(sql->storage, "BEGIN IMMEDIATE", sql->err);
	return sql->storage->is_running;
}

static void ready(struct sql *sql, struct storage *storage, const char *text, bool is_kept, struct error *err)
{
	*sql = (struct sql){.storage = storage, .err = err};
	if (storage->is_broken) {
		refuse(sql, storage->loss);
		return;
	}
	prepare(sql, text, is_kept);
	if (sql->failed || sqlite3_stmt_readonly(sql->stmt))
		return;
	if (storage->is_reader)
		refuse(sql, "the database is open for reading only");
	else if (!ensure_transaction(sql))
		spoil(sql);
}

void sql_open(struct sql *sql, struct storage *storage, const char *text, struct error *err)
{
	ready(sql, storage, text, true, err);
}

void sql_open_made(struct sql *sql, struct storage *storage, const char *text, struct error *err)
{
	ready(sql, storage, text, false, err);
}

static void bound(struct sql *sql, int rc)
{
	if (rc != SQLITE_OK)
		fail(sql);
}

void sql_put_int(struct sql *sql, int64_t value)
{
	sql->param++;
	if (!sql->failed)
		bound(sql, sqlite3_bind_int64(sql->stmt, sql->param, value));
}

void sql_put_time(struct sql *sql, int64_t at)
{
	sql->param++;
	if (!sql->failed && at != TIME_NONE)
		bound(sql, sqlite3_bind_int64(sql->stmt, sql->param, at));
}

void sql_put_text(struct sql *sql, const char *text)
{
	sql->param++;
	if (!sql->failed && text != NULL)
		bound(sql, sqlite3_bind_text(sql->stmt, sql->param, text, -1, SQLITE_STATIC));
}

bool sql_row(struct sql *sql)
{
	int rc;

	if (sql->failed)
		return false;
	rc = sqlite3_step(sql->stmt);
	sql->column = 0;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		fail(sql);
	return rc == SQLITE_ROW;
}

int64_t sql_get_int(struct sql *sql)
{
	return sqlite3_column_int64(sql->stmt, sql->column++);
}

int64_t sql_get_time(struct sql *sql)
{
	int column = sql->column++;

	if (sqlite3_column_type(sql->stmt, column) == SQLITE_NULL)
		return TIME_NONE;
	return sqlite3_column_int64(sql->stmt, column);
}

int sql_get_enum(struct sql *sql, int last)
{
	int64_t value = sql_get_int(sql);

	return value >= 0 && value <= last ? (int)value : 0;
}

const char *sql_peek_text(struct sql *sql)
{
	return (const char *)sqlite3_column_text(sql->stmt, sql->column++);
}

char *sql_get_text(struct sql *sql)
{
	return xstrdup(sql_peek_text(sql));
}

bool sql_close(struct sql *sql)
{
	if (sql->statement != NULL) {
		sqlite3_reset(sql->stmt);
		sqlite3_clear_bindings(sql->stmt);
		sql->statement->is_taken = false;
	} else {
		sqlite3_finalize(sql->stmt);
	}
	sql->stmt = NULL;
	sql->statement = NULL;
	return !sql->failed;
}

bool sql_run(struct sql *sql)
{
	while (sql_row(sql))
		;
	return sql_close(sql);
}

int64_t sql_changes(const struct storage *storage)
{
	return sqlite3_changes64(storage->db);
}
