/*
 * storage_world - a database in a folder of its own, for the tests of storage/; and a second way into it, past the door.
 */
#ifndef TESTS_UNIT_STORAGE_WORLD_H
#define TESTS_UNIT_STORAGE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "storage/internal.h"
#include "storage/storage.h"

#define NOON 1772452800 /* 2026-03-02T12:00:00Z */

struct world {
	struct storage *storage;
	char folder[64], path[128], url[160];
};

static inline void world_open(struct world *world)
{
	struct error err = {0};

	world->storage = storage_open(world->url, &err);
	if (world->storage == NULL)
		fail_msg("%s", err.text);
}

static inline void world_reopen(struct world *world)
{
	storage_close(world->storage);
	world_open(world);
}

static inline int world_setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	snprintf(world->folder, sizeof(world->folder), "/tmp/headsup-storage-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->path, sizeof(world->path), "%s/headsup.db", world->folder);
	snprintf(world->url, sizeof(world->url), "sqlite://%s", world->path);
	world_open(world);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".txt"};
	struct world *world = *state;
	char path[160];

	storage_close(world->storage);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		snprintf(path, sizeof(path), "%s%s", world->path, endings[i]);
		unlink(path);
	}
	rmdir(world->folder);
	free(world);
	return 0;
}

/* Runs TEXT on a connection of its own, as somebody with the file in hand could. */
static inline void world_tampers(struct world *world, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* The first column of TEXT's first row, asked past the door on the storage's own connection. */
static inline int64_t world_number(struct world *world, const char *text)
{
	sqlite3_stmt *stmt = NULL;
	int64_t number;

	assert_int_equal(sqlite3_prepare_v2(world->storage->db, text, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

/* True as it should be; else the error's words fail the test. */
#define assert_ok(call, err)                                \
	do {                                                \
		if (!(call))                                \
			fail_msg(#call ": %s", (err).text); \
	} while (0)

static inline void world_begins(struct world *world)
{
	struct error err = {0};

	assert_ok(storage_begin(world->storage, &err), err);
}

static inline void world_ends(struct world *world, bool keep)
{
	struct error err = {0};

	assert_ok(storage_end(world->storage, keep, &err), err);
}

static inline void world_commits(struct world *world)
{
	struct error err = {0};

	assert_ok(storage_commit(world->storage, &err), err);
}

/* A plain alert, stored; its id. */
static inline int64_t world_alert(
    struct world *world, const char *key, enum alert_status status, int64_t at)
{
	struct alert *alert = alert_new();
	struct error err = {0};
	int64_t id;

	alert->title = xstrdup("sshd started");
	alert->dedup_key = xstrdup(key);
	alert->status = status;
	alert->received_at = alert->last_seen = at;
	assert_ok(storage_add_alert(world->storage, alert, &err), err);
	id = alert->id;
	alert_free(alert);
	return id;
}

#endif
