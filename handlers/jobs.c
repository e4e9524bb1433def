#include "handlers/jobs.h"

/* Runs what is left of JOB within the running event. */
static bool finish(struct desk *desk, struct job *job, struct error *err)
{
	bool ok = job->done(desk, job, err);

	job->free(job);
	return ok;
}

bool job_start(struct desk *desk, struct job *job, struct error *err)
{
	if (desk->run_job == NULL) {
		job->is_read = job->read(job, desk->storage, &job->why);
		return finish(desk, job, err);
	}
	if (desk->run_job(desk->jobs, job))
		return true;
	error_set(&job->why, ERROR_IO, "too many wait already");
	return finish(desk, job, err);
}
