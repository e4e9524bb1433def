/*
 * bot_world - a desk with a real storage on disk, on a real loop, whose disk can be made to fail and whose clock can be moved.
 */
#ifndef TESTS_UNIT_BOT_WORLD_H
#define TESTS_UNIT_BOT_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bot/loop.h"
#include "config/base/memory.h"
#include "config/config.h"

#define TURNS_MAX 200 /* of the loop, for its handles to close */

struct bot_world {
	char directory[64];
	struct config *config;
	struct storage *storage;
	struct desk *desk;
	uv_loop_t uv;
	struct loop loop;
};

static const char bot_world_config[] =
    "listen: 127.0.0.1:0\n"
    "store: sqlite://%s/headsup.db\n"
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "sources:\n"
    "  - {name: homegrown, format: headsup, token: homegrown-secret-0}\n"
    "tokens:\n"
    "  - {name: ci, token: ci-secret-00000000, may: [announce]}\n"
    "  - {name: ops, token: ops-secret-0000000, may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n";

static inline void bot_world_path(const struct bot_world *world, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", world->directory, name);
}

static inline struct bot_world *bot_world_new(void)
{
	struct bot_world *world = xcalloc(1, sizeof(*world));
	struct error err = {0};
	char path[128];
	FILE *file;

	log_setup(LOG_ERROR, false);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	snprintf(world->directory, sizeof(world->directory), "/tmp/headsup-test-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	bot_world_path(world, "headsup.yaml", path, sizeof(path));
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, bot_world_config, world->directory);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
	world->config = config_load(path, NULL, &err);
	assert_non_null(world->config);
	world->storage = storage_open(world->config->store, &err);
	assert_non_null(world->storage);
	world->desk = desk_new(world->config, world->storage, clock_now(), &err);
	assert_non_null(world->desk);
	assert_true(storage_commit(world->storage, &err));
	assert_int_equal(uv_loop_init(&world->uv), 0);
	loop_init(&world->loop, &world->uv, world->desk);
	return world;
}

static inline void bot_world_free(struct bot_world *world)
{
	static const char *const files[] = {"headsup.yaml", "headsup.db", "headsup.db-wal", "headsup.db-shm", "headsup.db.lock"};
	char path[128];

	loop_fini(&world->loop);
	for (int i = 0; i < TURNS_MAX && uv_loop_alive(&world->uv); i++)
		uv_run(&world->uv, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&world->uv), 0);
	desk_free(world->desk);
	storage_close(world->storage);
	config_free(world->config);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bot_world_path(world, files[i], path, sizeof(path));
		unlink(path);
	}
	rmdir(world->directory);
	free(world);
}

/* While the disk fails no file of this process can grow: what SQLite meets is EFBIG. */
static inline void bot_world_disk_fails(bool fails)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = fails ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
