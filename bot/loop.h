/*
 * loop - one thread, one libuv loop, one transaction an iteration.
 *
 * Events of an iteration write into one transaction. At its end (uv_check): the courier adds what it is about to send, the
 * transaction is committed, the answers held back are released, the courier sends. No event, no transaction.
 */
#ifndef BOT_LOOP_H
#define BOT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "handlers/desk.h"

struct loop {
	uv_loop_t *uv;
	struct desk *desk;
	struct storage *storage;
	/* The rest is loop.c's. */
	uv_check_t check;
	uv_idle_t idle;           /* while anything is uncommitted: the loop must not sleep on it */
	struct release *releases; /* answers held back */
	size_t release_count, release_cap;
	void (*plan)(void *ctx);               /* before the commit: the courier marks what it will send */
	void (*go)(void *ctx, bool stored);    /* after it: the courier sends, or does not */
	void *courier;
	uint64_t commits, failures;
	bool is_failing; /* the last commit failed: the courier sends nothing */
	bool has_work;   /* an event was opened in this iteration */
	uint64_t complained_at; /* uv_now() when a failure was last logged; 0: it was not */
};

/* The wall clock in seconds since 1970: the one place that asks it. */
int64_t clock_now(void);
void loop_init(struct loop *loop, uv_loop_t *uv, struct desk *desk);
/* Its handles close in the next turn of uv_run(). What is still held back is forgotten. */
void loop_fini(struct loop *loop);
/* Opens an event: sets desk->now, a savepoint, fresh caches. False: storage is out of order, ERR says how. */
bool loop_event(struct loop *loop, struct error *err);
/* Closes it; KEEP false undoes what it wrote. */
bool loop_event_end(struct loop *loop, bool keep, struct error *err);
/* RELEASE runs once, after this iteration's commit; STORED says whether it is on disk. */
void loop_after_commit(struct loop *loop, void (*release)(void *ctx, bool stored), void *ctx);
/* Forgets what CTX waits for (its connection is gone); its release is not called. */
void loop_forget(struct loop *loop, void *ctx);

#endif
