#include "storage/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define URL_FILE "sqlite://"
#define URL_MEMORY "sqlite::memory:"

/* ---- where it is ---------------------------------------------------------------------------------------- */

/* The path of URL, or ":memory:"; NULL with an error. The URL is not repeated: those of other
 * databases hold passwords. */
static char *path_of(const char *url, struct error *err)
{
	if (strcmp(url, URL_MEMORY) == 0)
		return xstrdup(":memory:");
	if (text_prefix(url, URL_FILE "/") && strlen(url) < PATH_MAX)
		return xstrdup(url + strlen(URL_FILE));
	error_set(err, ERROR_IO,
	    "the store's URL is none that can be opened; try sqlite:///var/lib/headsup/headsup.db");
	return NULL;
}

/* Two names of one file must give one lock: links are followed first. The caller frees. */
static char *real_path_of(const char *path, struct error *err)
{
	char *real = realpath(path, NULL), *folder, *slash, *answer;

	if (real != NULL)
		return real;
	if (errno != ENOENT) {
		error_set(err, ERROR_IO, "%s cannot be opened: %s", path, strerror(errno));
		return NULL;
	}
	folder = xstrdup(path);
	slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	real = realpath(folder, NULL);
	if (real == NULL)
		error_set(err, ERROR_IO, "%s cannot be opened: the folder %s: %s", path, folder,
		    strerror(errno));
	answer = real == NULL ? NULL
			      : xasprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real,
				    strrchr(path, '/') + 1);
	free(folder);
	free(real);
	return answer;
}

/* ---- one daemon at a time ------------------------------------------------------------------------------- */

/* Says who has it, as far as the lock file tells. */
static bool is_locked(int fd, const char *path, const char *lock_path, struct error *err)
{
	char pid[16] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[len > 0 ? len : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return error_set(err, ERROR_IO, "another headsup (process %s) has %s open: it holds %s",
	    pid[0] != '\0' ? pid : "unknown", path, lock_path);
}

/*
 * The lock is on a file of its own: SQLite's POSIX locks on the database are lost when any
 * descriptor of it is closed (sqlite.org/howtocorrupt.html). flock() is the kernel's: it goes with
 * the process, however that ends.
 */
static bool lock_database(struct storage *storage, const char *path, struct error *err)
{
	char *lock_path = xasprintf("%s.lock", path);
	bool ok = false;
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		error_set(err, ERROR_IO, "%s cannot be opened: %s", lock_path, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			is_locked(fd, path, lock_path, err);
		else
			error_set(
			    err, ERROR_IO, "%s cannot be locked: %s", lock_path, strerror(errno));
		close(fd);
	} else {
		storage->lock = fd;
		/* For the message above only: a full disk must not keep us from starting. */
		if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
			log_debug("storage lock file without process id file=%s", lock_path);
		ok = true;
	}
	free(lock_path);
	return ok;
}

/* Makes the file, so that it is ours alone from its first byte: SQLite gives its log and index the
 * same mode. */
static bool create_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return error_set(err, ERROR_IO, "%s cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		log_warn("storage others than its owner may open the database file=%s mode=%04o",
		    path, (unsigned)st.st_mode & 07777);
	close(fd);
	return true;
}

/* ---- versions ------------------------------------------------------------------------------------------- */

/* The first column of TEXT's first row; -1 when it cannot be had. */
static int64_t ask_number(struct storage *storage, const char *text, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(storage->db, text, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	else
		sql_failed(storage, err);
	sqlite3_finalize(stmt);
	return value;
}

static bool exec(struct storage *storage, const char *text, struct error *err)
{
	return sqlite3_exec(storage->db, text, NULL, NULL, NULL) == SQLITE_OK ||
	       sql_failed(storage, err);
}

static bool apply(
    struct storage *storage, const struct embedded *migration, int64_t version, struct error *err)
{
	char text[64];
	struct error why = {0};

	snprintf(text, sizeof(text), "PRAGMA user_version = %" PRId64 "; COMMIT", version);
	if (exec(storage, "BEGIN IMMEDIATE", &why) && exec(storage, migration->text, &why) &&
	    exec(storage, text, &why))
		return true;
	if (!sqlite3_get_autocommit(storage->db))
		exec(storage, "ROLLBACK", NULL);
	return error_set(
	    err, ERROR_IO, "the database cannot be upgraded (%s): %s", migration->name, why.text);
}

/* True when the file is new, or headsup's and not of a later version; *VERSION is what it is at. */
static bool is_ours(struct storage *storage, int64_t last, int64_t *version, struct error *err)
{
	int64_t application;

	*version = ask_number(storage, "PRAGMA user_version", err);
	if (*version < 0)
		return false;
	if (*version == 0) {
		int64_t tables = ask_number(storage, "SELECT count(*) FROM sqlite_schema", err);

		if (tables > 0)
			error_set(err, ERROR_IO, "the database is another program's");
		return tables == 0;
	}
	application = ask_number(storage, "PRAGMA application_id", err);
	if (application < 0)
		return false;
	if (application != APPLICATION_ID)
		return error_set(err, ERROR_IO, "the database is another program's");
	if (*version > last)
		return error_set(err, ERROR_NEWER,
		    "the database is of a later headsup: its version is %" PRId64
		    ", ours is %" PRId64 "; start the later one",
		    *version, last);
	return true;
}

static int64_t length_of(const struct embedded *table)
{
	int64_t n = 0;

	while (table[n].name != NULL)
		n++;
	return n;
}

bool storage_migrate(struct storage *storage, const struct embedded *table, struct error *err)
{
	int64_t version, last = length_of(table);

	if (!is_ours(storage, last, &version, err))
		return false;
	for (; version < last; version++) {
		if (!apply(storage, &table[version], version + 1, err))
			return false;
		log_info("storage upgraded to=%s", table[version].name);
	}
	return true;
}

/* ---- opening and closing -------------------------------------------------------------------------------- */

static bool set_up(struct storage *storage, bool is_memory, struct error *err)
{
	static const char settings[] =
	    "PRAGMA foreign_keys = ON;"
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA mmap_size = 0;"        /* an I/O error must be an error, not a SIGBUS */
	    "PRAGMA secure_delete = FAST;" /* what is removed is wiped where that costs no write */
	    "PRAGMA synchronous = FULL;";
	char sizes[160];

	snprintf(sizes, sizeof(sizes),
	    "PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = "
	    "%d;",
	    CACHE_KIB, CHECKPOINT_PAGES, WAL_KEPT_MAX);
	if (!exec(storage, settings, err) || !exec(storage, sizes, err))
		return false;
	if (storage->is_reader || is_memory)
		return true;
	if (!exec(storage, "PRAGMA journal_mode = WAL", err))
		return false;
	/* Where WAL cannot be had (a network's file system) SQLite stays as it was and says nothing. */
	if (ask_number(storage, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", err) != 1)
		return error_set(err, ERROR_IO,
		    "the database's file system cannot hold it (no WAL); use a local disk");
	return true;
}

static bool open_handle(struct storage *storage, const char *path, int flags, struct error *err)
{
	int rc = sqlite3_open_v2(
	    path, &storage->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc != SQLITE_OK)
		return error_set(err, ERROR_IO, "%s cannot be opened: %s", path,
		    storage->db != NULL ? sqlite3_errmsg(storage->db) : sqlite3_errstr(rc));
	sqlite3_busy_timeout(storage->db, BUSY_OPEN_MS);
	sqlite3_limit(storage->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(storage->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(storage->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(storage->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(storage->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	return past_setup(storage) || sql_failed(storage, err);
}

/*
 * For the whole process, before SQLite is first used. What a savepoint would restore is kept in
 * memory; with temp_store = MEMORY SQLite does that in pieces of 1 KiB, which took a fifth of the
 * time of storing an alert, so that is left at its default and the piece is made large instead: one
 * alert's event fits into it. An event that changes more (an array of alerts) goes on in a file
 * under /var/tmp, into which the piece is written whole; and what SQLite writes at a time must be
 * less than 128 KiB (seekAndWriteFd() in its os_unix.c cuts the length to 17 bits): a larger one
 * fails as a full disk does.
 */
static void configure(void)
{
	/* Nobody asks how much is in use, and counting is a lock for each piece of memory. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, UNDO_BYTES);
}

static struct storage *storage_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct storage *storage = xcalloc(1, sizeof(*storage));

	pthread_once(&once, configure);
	storage->lock = -1;
	return storage;
}

/* An error that does not name the file yet is of no help to whoever started us. */
static void name_file(struct error *err, const char *path)
{
	char text[sizeof(err->text)];

	if (err == NULL || strstr(err->text, path) != NULL)
		return;
	snprintf(text, sizeof(text), "%s", err->text);
	error_set(err, err->kind, "%.400s: %.500s", path, text);
}

static bool open_writer(
    struct storage *storage, const char *path, bool is_memory, struct error *err)
{
	if (!is_memory && (!lock_database(storage, path, err) || !create_file(path, err)))
		return false;
	if (!open_handle(
		storage, path, SQLITE_OPEN_READWRITE | (is_memory ? SQLITE_OPEN_CREATE : 0), err))
		return false;
	/* The version first: a later headsup's database is left as it is. */
	if (!is_ours(storage, length_of(embedded_migrations), &(int64_t){0}, err) ||
	    !set_up(storage, is_memory, err) || !storage_migrate(storage, embedded_migrations, err))
		return false;
	sqlite3_busy_timeout(storage->db, BUSY_MS);
	return true;
}

struct storage *storage_open(const char *url, struct error *err)
{
	struct storage *storage = storage_new();
	char *path = path_of(url, err), *real = NULL;
	bool is_memory = path != NULL && strcmp(path, ":memory:") == 0;

	if (path == NULL)
		goto fail;
	real = is_memory ? xstrdup(path) : real_path_of(path, err);
	if (real == NULL)
		goto fail;
	if (!open_writer(storage, real, is_memory, err)) {
		name_file(err, real);
		goto fail;
	}
	free(path);
	free(real);
	return storage;
fail:
	free(path);
	free(real);
	storage_close(storage);
	return NULL;
}

static bool open_reader(struct storage *storage, const char *path, struct error *err)
{
	int64_t version;

	if (!open_handle(storage, path, SQLITE_OPEN_READONLY, err) ||
	    !set_up(storage, false, err) ||
	    !is_ours(storage, length_of(embedded_migrations), &version, err))
		return false;
	if (version == 0)
		return error_set(err, ERROR_IO, "the database is empty");
	return true;
}

struct storage *storage_open_reader(const char *url, struct error *err)
{
	struct storage *storage = storage_new();
	char *path = path_of(url, err);

	storage->is_reader = true;
	if (path == NULL)
		goto fail;
	if (strcmp(path, ":memory:") == 0) {
		error_set(err, ERROR_IO, "a database in memory is its own process's alone");
		goto fail;
	}
	if (!open_reader(storage, path, err)) {
		name_file(err, path);
		goto fail;
	}
	free(path);
	return storage;
fail:
	free(path);
	storage_close(storage);
	return NULL;
}

void storage_close(struct storage *storage)
{
	if (storage == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		sqlite3_finalize(storage->statements[i].stmt);
	if (storage->is_running && !sqlite3_get_autocommit(storage->db))
		exec(storage, "ROLLBACK", NULL);
	sqlite3_close(storage->db);
	if (storage->lock >= 0)
		close(storage->lock);
	free(storage);
}

/* ---- one transaction an iteration ----------------------------------------------------------------------- */

bool storage_begin(struct storage *storage, struct error *err)
{
	if (storage->is_broken)
		return error_set(err, ERROR_IO, "what was to be stored is lost: %s", storage->loss);
	if (storage->is_reader)
		return error_set(err, ERROR_IO, "the database is open for reading only");
	if (storage->depth >= EVENT_DEPTH_MAX)
		return error_set(err, ERROR_IO, "too many events within events");
	if (!storage->is_running && !sql_control(storage, "BEGIN IMMEDIATE", err))
		return false;
	storage->is_running = true;
	if (storage->depth == 0)
		storage->is_sour = false;
	if (!sql_control(storage, "SAVEPOINT event", err))
		return false;
	storage->depth++;
	return true;
}

static bool undo(struct storage *storage, struct error *err)
{
	return sql_control(storage, "ROLLBACK TO event", err) &&
	       sql_control(storage, "RELEASE event", err);
}

/* The event's reads or its end went wrong: it is undone, and that is what ERR (filled already) is
 * about. */
static bool spoilt(struct storage *storage)
{
	struct error why = {0};

	if (!storage->is_broken && !undo(storage, &why))
		log_error("storage cannot undo an event why=%s", why.text);
	return false;
}

bool storage_end(struct storage *storage, bool keep, struct error *err)
{
	bool is_sour = storage->is_sour;

	if (storage->is_broken)
		return error_set(err, ERROR_IO, "what was to be stored is lost: %s", storage->loss);
	if (storage->depth == 0)
		return error_set(err, ERROR_IO, "no event is open");
	storage->depth--;
	storage->is_sour = false;
	if (!keep)
		return undo(storage, err);
	if (is_sour) {
		error_set(err, ERROR_IO, "the database could not be read");
		return spoilt(storage);
	}
	return sql_control(storage, "RELEASE event", err) || spoilt(storage);
}

bool storage_is_dirty(const struct storage *storage)
{
	return storage->is_running || storage->is_broken;
}

bool storage_is_broken(const struct storage *storage)
{
	return storage->is_broken;
}

uint64_t storage_losses(const struct storage *storage)
{
	return storage->losses;
}

/* The iteration is over, and nothing of it is kept. */
static bool commit_failed(struct storage *storage, const struct error *why, struct error *err)
{
	if (!sqlite3_get_autocommit(storage->db))
		sql_control(storage, "ROLLBACK", NULL);
	if (!storage->is_broken)
		storage->losses++;
	storage->is_running = storage->is_broken = storage->is_sour = false;
	storage->depth = 0;
	return error_set(err, ERROR_IO, "%s", why->text);
}

bool storage_commit(struct storage *storage, struct error *err)
{
	struct error why = {0};

	if (storage->is_broken) {
		error_set(&why, ERROR_IO, "what was to be stored is lost: %s", storage->loss);
		return commit_failed(storage, &why, err);
	}
	if (!storage->is_running)
		return true;
	/* An event that nobody closed was not kept. */
	for (; storage->depth > 0; storage->depth--) {
		if (!undo(storage, &why))
			return commit_failed(storage, &why, err);
	}
	if (!sql_control(storage, "COMMIT", &why))
		return commit_failed(storage, &why, err);
	storage->is_running = storage->is_sour = false;
	return true;
}

bool storage_probe(struct storage *storage, struct error *err)
{
	bool is_own = !storage->is_running;
	struct sql sql;

	sql_open(&sql, storage, "UPDATE probe SET n = n + 1", err);
	if (!sql_run(&sql)) {
		if (is_own)
			storage_commit(storage, NULL);
		return false;
	}
	/* In a running transaction the iteration's commit tells. */
	return !is_own || storage_commit(storage, err);
}
