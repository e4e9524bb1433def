/*
 * internal - what the files of storage/ share: the database's handle, and statements run as `struct
 * sql`.  A statement is opened, given its parameters in order, stepped, and closed; a failure on
 * the way is kept, what follows does nothing, and the close tells. So each query asks once whether
 * it went well.
 */
#ifndef STORAGE_INTERNAL_H
#define STORAGE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/embedded.h"
#include "config/base/error.h"
#include "config/base/when.h"
#include "storage/storage.h"

#define STATEMENTS_MAX 256   /* slots of the cache, a power of two; there are about 80 statements */
#define EVENT_DEPTH_MAX 16   /* savepoints within savepoints */
#define VALUE_MAX (16 << 20) /* bytes of one row; bodies are 4 MiB at most before they come here */
#define CACHE_KIB 16384      /* of pages in memory */
#define CHECKPOINT_PAGES 4000     /* of 4 KiB: the log goes back into the database every 16 MiB; pages that come again go once */
#define WAL_KEPT_MAX (64 << 20)   /* bytes that the log's file keeps after a burst */
#define UNDO_BYTES (127 << 10)    /* what undoing one event may take in memory; see storage.c */
#define BUSY_MS 250               /* how long a foreign lock may hold the loop */
#define BUSY_OPEN_MS 5000         /* the same while opening: nobody waits for us yet */
#define APPLICATION_ID 0x48445355 /* as in 001_facts.sql: the file is headsup's */
#define AUDIT_ROW_MAX (1 << 20)   /* bytes of one audit row in its canonical form */
#define DUE_MAX 1000              /* words looked at in one go, whatever the caller asks */
#define SWEEP_MAX 200             /* alerts removed in one step, whatever the caller asks */
#define STOP_LOOK_OPS 1000        /* SQLite's own steps between looks at whether to stop */

struct statement {
	const char *text; /* its address is the key: statements are literals */
	sqlite3_stmt *stmt;
	bool is_taken; /* runs at this moment */
};

struct storage {
	sqlite3 *db;
	int lock; /* the lock file's descriptor; -1: none */
	bool is_reader;
	bool is_running; /* a transaction runs */
	bool is_broken;  /* it ran, and SQLite rolled it back */
	bool is_sour;    /* a read failed where there was no way to say so: not to be kept */
	int depth;       /* savepoints that are open */
	uint64_t losses;
	char loss[256]; /* what broke it */
	struct statement statements[STATEMENTS_MAX];
};

struct sql {
	struct storage *storage;
	struct statement *statement; /* NULL: a copy of its own, because the cached one runs */
	sqlite3_stmt *stmt;          /* NULL: failed */
	int param, column;           /* the last one bound, the next one read */
	bool failed;
	struct error *err;
};

/*
 * Readies TEXT, a literal. What writes starts the transaction when none runs. Always to be followed
 * by sql_close() or sql_run(), which tell of failures. With ERR NULL a failure is logged and the
 * running event cannot be kept.
 */
void sql_open(struct sql *sql, struct storage *storage, const char *text, struct error *err);
/* The same for a TEXT that was put together, and is used this once. */
void sql_open_made(struct sql *sql, struct storage *storage, const char *text, struct error *err);
/* The next parameter; texts are borrowed until the statement is closed. */
void sql_put_int(struct sql *sql, int64_t value);
void sql_put_time(struct sql *sql, int64_t at); /* TIME_NONE is NULL */
void sql_put_text(struct sql *sql, const char *text);
/* True when there is a row to read. */
bool sql_row(struct sql *sql);
/* The next column of the row. */
int64_t sql_get_int(struct sql *sql);
int64_t sql_get_time(struct sql *sql);
int sql_get_enum(struct sql *sql, int last); /* 0 … LAST; what is outside reads as 0 */
char *sql_get_text(struct sql *sql);         /* the caller frees */
const char *sql_peek_text(struct sql *sql);  /* borrowed until the next row or the close */
/* Resets it and gives it back; false when anything failed. */
bool sql_close(struct sql *sql);
/* Steps a statement without rows to its end and closes it. */
bool sql_run(struct sql *sql);
/* BEGIN, SAVEPOINT, COMMIT and their like, which start no transaction of their own. */
bool sql_control(struct storage *storage, const char *text, struct error *err);
/* Rows that the last statement wrote. */
int64_t sql_changes(const struct storage *storage);
/* What SQLite says, as an error; tells a lost transaction too. Returns false. */
bool sql_failed(struct storage *storage, struct error *err);

/* Brings the database to the last of TABLE; ERROR_NEWER when it is past that. */
bool storage_migrate(struct storage *storage, const struct embedded *table, struct error *err);

/* past.c: the function that its statements use; once for each connection. */
bool past_setup(struct storage *storage);
/* alerts.c: the highest id that may have been received before UNTIL (the hour of it counts);
 * INT64_MAX for TIME_NONE. */
bool alerts_ceiling(struct storage *storage, int64_t until, int64_t *id, struct error *err);

#endif
