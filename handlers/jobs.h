/*
 * jobs - reads that take long: in a thread of their own, with a connection of their own, while the loop goes on.
 *
 * A job is made, handed to job_start(), and is its runner's from then on. It begins when what the running event wrote is on disk.
 * READ runs in a thread and touches nothing but the job and the reader that it is given; DONE runs on the loop, inside an event; FREE
 * runs once in any case, on the loop. Where the process runs no jobs (tests) all of it happens at once, within the running event.
 */
#ifndef HANDLERS_JOBS_H
#define HANDLERS_JOBS_H

#include "handlers/desk.h"

struct job {
	/* False with an error when it failed, or was stopped because it took too long; DONE is called all the same. */
	bool (*read)(struct job *job, struct storage *reader, struct error *err);
	/* False: storage failed, and nothing of this event is kept. */
	bool (*done)(struct desk *desk, struct job *job, struct error *err);
	/* Without DONE before it where the event that asked was not stored, storage is out of order, or the process ends. */
	void (*free)(struct job *job);
	bool is_read;     /* READ said true */
	struct error why; /* when it did not */
};

/*
 * Starts JOB, which is the runner's from here on. Too many wait already: DONE is called at once, with is_read false. False: DONE was
 * called at once, and storage failed (ERR).
 */
bool job_start(struct desk *desk, struct job *job, struct error *err);

#endif
