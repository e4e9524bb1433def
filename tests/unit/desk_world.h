/*
 * desk_world - a desk with a real storage in memory and a clock that is moved: given facts, when an event, then facts and words.
 */
#ifndef TESTS_UNIT_DESK_WORLD_H
#define TESTS_UNIT_DESK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/config.h"
#include "handlers/desk.h"

#define NOON 1772452800 /* 2026-03-02T12:00:00Z, a Monday */

struct desk_world {
	struct config *config;
	struct storage *storage;
	struct desk *desk;
	char path[64];
};

static const char desk_world_config[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"dddddddddddddddddddddddddddddddd\"}\n"
    "sources:\n"
    "  - {name: falco, format: falco, token: falco-secret-0000}\n"
    "  - {name: homegrown, format: headsup, token: homegrown-secret-0}\n"
    "tokens:\n"
    "  - {name: ci, token: ci-secret-00000000, may: [announce]}\n"
    "  - {name: ops, token: ops-secret-0000000, may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#security-urgent\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n";

/* A world with CONFIG (NULL: the one above). */
static inline struct desk_world *desk_world_new(const char *config)
{
	struct desk_world *world = xcalloc(1, sizeof(*world));
	struct error err = {0};
	int file;

	snprintf(world->path, sizeof(world->path), "/tmp/headsup-test-XXXXXX");
	file = mkstemp(world->path);
	assert_true(file >= 0);
	if (config == NULL)
		config = desk_world_config;
	assert_int_equal(write(file, config, strlen(config)), strlen(config));
	close(file);
	world->config = config_load(world->path, NULL, &err);
	assert_non_null(world->config);
	world->storage = storage_open("sqlite::memory:", &err);
	assert_non_null(world->storage);
	world->desk = desk_new(world->config, world->storage, NOON, &err);
	assert_non_null(world->desk);
	return world;
}

static inline void desk_world_free(struct desk_world *world)
{
	desk_free(world->desk);
	storage_close(world->storage);
	config_free(world->config);
	unlink(world->path);
	free(world);
}

static inline void desk_world_begin(struct desk_world *world)
{
	struct error err = {0};

	assert_true(storage_begin(world->storage, &err));
	assert_true(desk_fresh(world->desk, &err));
}

/* What Slack says of WHO; ZONE and EMAIL may be NULL. */
static inline void desk_world_knows(
    struct desk_world *world, const char *who, const char *email, const char *zone, bool is_guest)
{
	struct error err = {0};
	const struct profile profile = {.slack = (char *)who,
	    .name = (char *)who,
	    .email = (char *)email,
	    .timezone = (char *)zone,
	    .is_guest = is_guest,
	    .fetched_at = world->desk->now};

	desk_world_begin(world);
	assert_true(storage_put_profile(world->storage, &profile, &err));
	assert_true(storage_end(world->storage, true, &err));
	assert_true(storage_commit(world->storage, &err));
}

static inline void desk_world_end(struct desk_world *world, bool keep)
{
	struct error err = {0};

	if (!keep)
		desk_undone(world->desk);
	assert_true(storage_end(world->storage, keep, &err));
	assert_true(storage_commit(world->storage, &err));
}

#endif
