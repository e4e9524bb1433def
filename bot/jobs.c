#include "bot/jobs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "bot/metrics.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"

/* A job from its start to its end. */
struct task {
	struct jobs *jobs;
	struct job *job;
	STAILQ_ENTRY(task) link;
};

/* One thread's worth of work. The reader is kept from job to job: opening it takes longer than most of them. */
struct worker {
	struct jobs *jobs;
	uv_work_t work;
	uv_timer_t timer;
	struct task *task;      /* that runs; NULL: idle */
	struct storage *reader; /* the thread's while a task runs; NULL: not open */
	atomic_bool stop;
	uint64_t began_at; /* uv_now() */
};

struct jobs {
	struct loop *loop;
	char *url;
	struct worker workers[JOBS_RUNNING_MAX];
	STAILQ_HEAD(, task) queue;
	size_t waiting; /* those not on disk yet and those in the queue */
	size_t running;
	int handles;
	bool is_stopping;
	uint64_t ended, failed, refused;
	double seconds; /* that those which ended took */
};

static void run_next(struct jobs *jobs);

static void task_free(struct task *task)
{
	task->job->free(task->job);
	free(task);
}

/* ---- in the thread ---------------------------------------------------------------------------------------- */

static void on_work(uv_work_t *work)
{
	struct worker *worker = work->data;
	struct job *job = worker->task->job;

	if (worker->reader == NULL) {
		worker->reader = storage_open_reader(worker->jobs->url, &job->why);
		if (worker->reader == NULL)
			return;
		storage_stop_when(worker->reader, &worker->stop);
	}
	job->is_read = job->read(job, worker->reader, &job->why);
}

/* ---- on the loop ------------------------------------------------------------------------------------------ */

/* Soon after, what runs in the thread fails. */
static void on_deadline(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	log_warn("a read took longer than %d ms and is stopped", JOB_DEADLINE_MS);
	atomic_store(&worker->stop, true);
}

static void finish(struct jobs *jobs, struct job *job)
{
	struct error err = {0};
	bool ok;

	if (!loop_event(jobs->loop, &err)) {
		log_warn("what a read found is lost why=%s", err.text);
		return;
	}
	ok = job->done(jobs->loop->desk, job, &err);
	ok = loop_event_end(jobs->loop, ok, ok ? &err : NULL) && ok;
	if (!ok)
		log_warn("what a read found is lost why=%s", err.text);
}

static void on_worked(uv_work_t *work, int status)
{
	struct worker *worker = work->data;
	struct jobs *jobs = worker->jobs;
	struct task *task = worker->task;

	uv_timer_stop(&worker->timer);
	if (status != 0)
		error_set(&task->job->why, ERROR_IO, "it was not begun");
	/* What failed may have failed for the connection's sake. */
	if (!task->job->is_read && worker->reader != NULL) {
		storage_close(worker->reader);
		worker->reader = NULL;
	}
	worker->task = NULL;
	jobs->running--;
	jobs->ended++;
	jobs->failed += task->job->is_read ? 0 : 1;
	jobs->seconds += (double)(uv_now(jobs->loop->uv) - worker->began_at) / 1000;
	if (!jobs->is_stopping)
		finish(jobs, task->job);
	task_free(task);
	run_next(jobs);
}

static struct worker *idle_worker(struct jobs *jobs)
{
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++) {
		if (jobs->workers[i].task == NULL)
			return &jobs->workers[i];
	}
	return NULL;
}

static void run_next(struct jobs *jobs)
{
	struct worker *worker = idle_worker(jobs);
	struct task *task = STAILQ_FIRST(&jobs->queue);

	if (worker == NULL || task == NULL || jobs->is_stopping)
		return;
	STAILQ_REMOVE_HEAD(&jobs->queue, link);
	jobs->waiting--;
	jobs->running++;
	worker->task = task;
	atomic_store(&worker->stop, false);
	uv_update_time(jobs->loop->uv);
	worker->began_at = uv_now(jobs->loop->uv);
	uv_timer_start(&worker->timer, on_deadline, JOB_DEADLINE_MS, 0);
	uv_queue_work(
	    jobs->loop->uv, &worker->work, on_work, on_worked); /* fails only without a callback */
}

/* What asked for it is on disk, or is not: then nobody wants it. */
static void on_commit(void *ctx, bool stored)
{
	struct task *task = ctx;
	struct jobs *jobs = task->jobs;

	if (!stored || jobs->is_stopping) {
		jobs->waiting--;
		task_free(task);
		return;
	}
	STAILQ_INSERT_TAIL(&jobs->queue, task, link);
	run_next(jobs);
}

static bool run_job(void *ctx, struct job *job)
{
	struct jobs *jobs = ctx;
	struct task *task;

	if (jobs->is_stopping || jobs->waiting == JOBS_WAITING_MAX) {
		jobs->refused++;
		return false;
	}
	task = xcalloc(1, sizeof(*task));
	task->jobs = jobs;
	task->job = job;
	jobs->waiting++;
	loop_after_commit(jobs->loop, on_commit, task);
	return true;
}

/* ---- what bot/ calls -------------------------------------------------------------------------------------- */

struct jobs *jobs_new(struct loop *loop, const char *url)
{
	struct jobs *jobs = xcalloc(1, sizeof(*jobs));

	jobs->loop = loop;
	jobs->url = xstrdup(url);
	STAILQ_INIT(&jobs->queue);
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++) {
		struct worker *worker = &jobs->workers[i];

		worker->jobs = jobs;
		worker->work.data = worker->timer.data = worker;
		uv_timer_init(loop->uv, &worker->timer);
		jobs->handles++;
	}
	/* What is in memory is one connection's alone: its jobs run there, on the loop. */
	if (!text_prefix(url, "sqlite::memory:")) {
		loop->desk->run_job = run_job;
		loop->desk->jobs = jobs;
	}
	return jobs;
}

static void on_closed(uv_handle_t *handle)
{
	struct worker *worker = handle->data;
	struct jobs *jobs = worker->jobs;

	storage_close(worker->reader);
	worker->reader = NULL;
	if (--jobs->handles > 0)
		return;
	free(jobs->url);
	free(jobs);
}

void jobs_stop(struct jobs *jobs)
{
	struct task *task;

	if (jobs == NULL)
		return;
	jobs->is_stopping = true;
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		atomic_store(&jobs->workers[i].stop, true);
	while ((task = STAILQ_FIRST(&jobs->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&jobs->queue, link);
		jobs->waiting--;
		task_free(task);
	}
	/* A thread that reads a page from a slow disk is waited for: it works in our memory. */
	while (jobs->running > 0 || jobs->waiting > 0)
		uv_run(jobs->loop->uv, UV_RUN_ONCE);
}

void jobs_free(struct jobs *jobs)
{
	if (jobs == NULL)
		return;
	jobs->loop->desk->run_job = NULL;
	jobs->loop->desk->jobs = NULL;
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		uv_close((uv_handle_t *)&jobs->workers[i].timer, on_closed);
}

void jobs_metrics(const struct jobs *jobs, struct buf *out)
{
	metrics_value(out, "headsup_reads_waiting", "gauge", "Long reads that wait for their turn.",
	    (double)jobs->waiting);
	metrics_value(
	    out, "headsup_reads_running", "gauge", "Long reads that run.", (double)jobs->running);
	metrics_value(
	    out, "headsup_reads_total", "counter", "Long reads that ended.", (double)jobs->ended);
	metrics_value(out, "headsup_reads_failed_total", "counter",
	    "Long reads that failed or were stopped.", (double)jobs->failed);
	metrics_value(out, "headsup_reads_refused_total", "counter",
	    "Long reads not begun because too many waited.", (double)jobs->refused);
	metrics_value(out, "headsup_reads_seconds_total", "counter",
	    "Seconds that long reads took.", jobs->seconds);
}
