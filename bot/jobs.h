/*
 * jobs - runs handlers' jobs (handlers/jobs.h) in libuv's threads, a few at once, each with a connection of its own that only reads.
 */
#ifndef BOT_JOBS_H
#define BOT_JOBS_H

#include "bot/loop.h"
#include "handlers/jobs.h"

#define JOBS_RUNNING_MAX 2    /* at once: the loop and what it waits for come first */
#define JOBS_WAITING_MAX 64   /* those past it are not begun at all */
#define JOB_DEADLINE_MS 10000 /* of one that runs; then it is stopped */

struct jobs; /* opaque */
/* Takes the desk's jobs from here on. URL is the store's (copied); where it can have no second connection, jobs run in the loop. */
struct jobs *jobs_new(struct loop *loop, const char *url);
/*
 * Stops what runs, turns the loop until it has stopped (milliseconds), and forgets what waits: of all these DONE is not called. No other
 * is begun from here on. To be called while all that the loop serves is still there.
 */
void jobs_stop(struct jobs *jobs);
/* After jobs_stop(); its handles close in the next turns of uv_run(). NULL is nothing. */
void jobs_free(struct jobs *jobs);
void jobs_metrics(const struct jobs *jobs, struct buf *out); /* Prometheus text */

#endif
