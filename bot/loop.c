#include "bot/loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/log.h"
#include "config/base/memory.h"

#define COMPLAIN_EVERY_MS 10000 /* a full disk fails many times a second; the log hears of it this often */

struct release {
	void (*run)(void *ctx, bool stored); /* NULL: forgotten */
	void *ctx;
};

int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* While this runs libuv polls without waiting: what a timer or a release wrote is committed in the same turn. */
static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

static void commit_failed(struct loop *loop, const struct error *err)
{
	uint64_t now = uv_now(loop->uv);

	loop->failures++;
	loop->is_failing = true;
	if (loop->complained_at != 0 && now - loop->complained_at < COMPLAIN_EVERY_MS)
		return;
	loop->complained_at = now != 0 ? now : 1;
	log_error("storage commit failed, nothing of it is kept failures=%llu why=%s",
	    (unsigned long long)loop->failures, err->text);
}

/* A transaction that only read commits on a full disk too: it takes a write to prove that the failure is over. */
static void commit_worked(struct loop *loop)
{
	loop->commits++;
	if (!loop->is_failing || !storage_probe(loop->storage, NULL))
		return;
	log_info("storage commits again failures=%llu", (unsigned long long)loop->failures);
	loop->is_failing = false;
}

/* Releases what waits at this moment. A release may hold back new answers (those wait for the next commit), and may forget any. */
static void release_all(struct loop *loop, bool stored)
{
	size_t count = loop->release_count;

	for (size_t i = 0; i < count; i++) {
		struct release release = loop->releases[i];

		loop->releases[i].run = NULL;
		if (release.run != NULL)
			release.run(release.ctx, stored);
	}
	loop->release_count -= count;
	if (loop->release_count > 0)
		memmove(loop->releases, loop->releases + count,
		    loop->release_count * sizeof(*loop->releases));
}

/* The end of an iteration. First the disk, then the word. */
static void on_check(uv_check_t *check)
{
	struct loop *loop = check->data;
	struct error err = {0};
	bool stored;

	if (!loop->has_work && loop->release_count == 0)
		return;
	if (loop->plan != NULL)
		loop->plan(loop->courier);
	/* From here on an event belongs to the next iteration. */
	loop->has_work = false;
	uv_idle_stop(&loop->idle);
	stored = storage_commit(loop->storage, &err);
	if (stored)
		commit_worked(loop);
	else
		commit_failed(loop, &err);
	release_all(loop, stored);
	if (loop->go != NULL)
		loop->go(loop->courier, stored);
}

void loop_init(struct loop *loop, uv_loop_t *uv, struct desk *desk)
{
	*loop = (struct loop){.uv = uv, .desk = desk, .storage = desk->storage};
	uv_check_init(uv, &loop->check);
	loop->check.data = loop;
	uv_check_start(&loop->check, on_check);
	uv_unref((uv_handle_t *)&loop->check);
	uv_idle_init(uv, &loop->idle);
	loop->idle.data = loop;
}

void loop_fini(struct loop *loop)
{
	if (loop->uv == NULL)
		return;
	uv_close((uv_handle_t *)&loop->check, NULL);
	uv_close((uv_handle_t *)&loop->idle, NULL);
	free(loop->releases);
	loop->releases = NULL;
	loop->release_count = loop->release_cap = 0;
}

static void has_work(struct loop *loop)
{
	loop->has_work = true;
	uv_idle_start(&loop->idle, on_idle);
}

bool loop_event(struct loop *loop, struct error *err)
{
	loop->desk->now = clock_now();
	has_work(loop);
	if (!storage_begin(loop->storage, err))
		return false;
	if (desk_fresh(loop->desk, err))
		return true;
	storage_end(loop->storage, false, NULL);
	return false;
}

bool loop_event_end(struct loop *loop, bool keep, struct error *err)
{
	if (!keep)
		desk_undone(loop->desk);
	return storage_end(loop->storage, keep, err);
}

void loop_after_commit(struct loop *loop, void (*release)(void *ctx, bool stored), void *ctx)
{
	if (loop->release_count == loop->release_cap) {
		loop->release_cap = loop->release_cap > 0 ? loop->release_cap * 2 : 64;
		loop->releases =
		    xreallocarray(loop->releases, loop->release_cap, sizeof(*loop->releases));
	}
	loop->releases[loop->release_count++] = (struct release){.run = release, .ctx = ctx};
	has_work(loop);
}

void loop_forget(struct loop *loop, void *ctx)
{
	for (size_t i = 0; i < loop->release_count; i++) {
		if (loop->releases[i].ctx == ctx)
			loop->releases[i].run = NULL;
	}
}
