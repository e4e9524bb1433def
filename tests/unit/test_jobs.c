/* Jobs on a real loop: in a thread of their own, after the disk, stopped in time; and the answers that HTTP holds back for them. */
#include "tests/unit/bot_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "bot/http.h"
#include "bot/jobs.h"
#include "config/base/text.h"
#include "handlers/announcements.h"

#define PATIENCE_S 20
#define ALERTS 3000 /* so many that a walk through them is looked at several times */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- a clock that is moved ------------------------------------------------------------------------------ */

static atomic_llong moved_s;

/* libuv asks here: what the program defines goes before the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	long status = syscall(SYS_clock_gettime, clock, now);

	if (status == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
		now->tv_sec += (time_t)moved_s;
	return (int)status;
}

static int64_t real_s(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- a world with jobs ---------------------------------------------------------------------------------- */

struct jobs_world {
	struct bot_world *bot;
	struct jobs *jobs;
	struct http *http;
};

static bool own(void *ctx, const struct api_request *request, struct api_answer *answer)
{
	(void)ctx;
	(void)request;
	(void)answer;
	return false;
}

static int setup(void **state)
{
	struct jobs_world *world = xcalloc(1, sizeof(*world));
	struct error err = {0};

	moved_s = 0;
	world->bot = bot_world_new();
	world->jobs = jobs_new(&world->bot->loop, world->bot->config->store);
	world->http = http_start(&world->bot->loop, world->bot->config, own, world, &err);
	assert_non_null(world->http);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct jobs_world *world = *state;

	bot_world_disk_fails(false);
	jobs_stop(world->jobs);
	http_stop(world->http);
	jobs_free(world->jobs);
	bot_world_free(world->bot);
	free(world);
	return 0;
}

#define turns_until(world, condition)                                     \
	do {                                                              \
		int64_t until_ = real_s() + PATIENCE_S;                   \
		while (!(condition)) {                                    \
			uv_run(&(world)->bot->uv, UV_RUN_NOWAIT);         \
			if (real_s() > until_)                            \
				fail_msg("never became so: " #condition); \
		}                                                         \
	} while (0)

static void begins(struct jobs_world *world)
{
	struct error err = {0};

	assert_true(loop_event(&world->bot->loop, &err));
}

static void ends(struct jobs_world *world)
{
	struct error err = {0};

	assert_true(loop_event_end(&world->bot->loop, true, &err));
}

static void alerts_come(struct jobs_world *world)
{
	struct error err = {0};

	begins(world);
	for (int i = 0; i < ALERTS; i++) {
		struct alert *alert = alert_new();

		alert->title = xstrdup("it happened");
		alert->host = xasprintf("web-%d", i);
		alert->received_at = alert->last_seen = world->bot->desk->now;
		assert_true(storage_add_alert(world->bot->storage, alert, &err));
		alert_free(alert);
	}
	ends(world);
	turns_until(world, !storage_is_dirty(world->bot->storage));
}

/* ---- jobs that tell what happens to them ------------------------------------------------------------------ */

struct probe {
	struct job job;
	atomic_bool has_begun, may_end;
	pthread_t thread;
	int64_t seen;     /* alerts */
	bool has_written; /* the reader let it */
	int done, freed;
	bool was_read;
};

static bool see(void *ctx, const struct past_alert *past)
{
	struct probe *probe = ctx;

	(void)past;
	probe->seen++;
	return true;
}

static bool walk(struct probe *probe, struct storage *reader, struct error *err)
{
	struct matches none = {.count = 0};
	const struct past_query query = {.since = 0, .matches = &none};

	return storage_each_past_alert(reader, &query, see, probe, err);
}

static bool read_once(struct job *job, struct storage *reader, struct error *err)
{
	struct probe *probe = (struct probe *)job;
	struct error refused = {0};

	probe->has_begun = true;
	probe->thread = pthread_self();
	probe->has_written = storage_begin(reader, &refused);
	return walk(probe, reader, err);
}

static bool read_until_told(struct job *job, struct storage *reader, struct error *err)
{
	struct probe *probe = (struct probe *)job;

	probe->has_begun = true;
	while (!probe->may_end)
		;
	return walk(probe, reader, err);
}

static bool read_for_ever(struct job *job, struct storage *reader, struct error *err)
{
	struct probe *probe = (struct probe *)job;

	probe->has_begun = true;
	while (walk(probe, reader, err))
		;
	return false;
}

static bool probe_done(struct desk *desk, struct job *job, struct error *err)
{
	struct probe *probe = (struct probe *)job;
	bool again;

	probe->done++;
	probe->was_read = job->is_read;
	return storage_see(desk->storage, "done", desk->now, 60, &again, err);
}

static void probe_free(struct job *job)
{
	struct probe *probe = (struct probe *)job;

	probe->freed++;
}

static void probe_init(
    struct probe *probe, bool (*read)(struct job *, struct storage *, struct error *))
{
	memset(probe, 0, sizeof(*probe));
	probe->job = (struct job){.read = read, .done = probe_done, .free = probe_free};
}

static void asks(struct jobs_world *world, struct probe *probe)
{
	struct error err = {0};

	begins(world);
	assert_true(job_start(world->bot->desk, &probe->job, &err));
	ends(world);
}

/* ---- jobs ----------------------------------------------------------------------------------------------- */

static void job__asked_for__is_read_in_a_thread_after_the_disk_and_done_on_the_loop(void **state)
{
	struct jobs_world *world = *state;
	struct probe probe;

	alerts_come(world);
	probe_init(&probe, read_once);
	asks(world, &probe);
	assert_false(probe.has_begun);
	turns_until(world, probe.freed == 1);

	assert_int_equal(probe.done, 1);
	assert_true(probe.was_read);
	assert_int_equal(probe.seen, ALERTS);
	assert_false(pthread_equal(probe.thread, pthread_self()));
	assert_false(probe.has_written);
}

static void job__of_an_event_that_is_not_on_disk__is_freed_unread(void **state)
{
	struct jobs_world *world = *state;
	struct error err = {0};
	struct probe probe;
	bool again;

	probe_init(&probe, read_once);
	bot_world_disk_fails(true);
	begins(world);
	storage_see(world->bot->storage, "asked", world->bot->desk->now, 60, &again, &err);
	assert_true(job_start(world->bot->desk, &probe.job, &err));
	loop_event_end(&world->bot->loop, true, &err);
	turns_until(world, probe.freed == 1);
	bot_world_disk_fails(false);

	assert_false(probe.has_begun);
	assert_int_equal(probe.done, 0);
}

static void loop__while_a_job_runs__goes_on(void **state)
{
	struct jobs_world *world = *state;
	struct probe probe;
	uint64_t commits;

	probe_init(&probe, read_until_told);
	asks(world, &probe);
	turns_until(world, probe.has_begun);
	commits = world->bot->loop.commits;
	alerts_come(world);
	assert_true(world->bot->loop.commits > commits);
	assert_int_equal(probe.done, 0);
	probe.may_end = true;
	turns_until(world, probe.freed == 1);

	assert_int_equal(
	    probe.seen, ALERTS); /* what came meanwhile: the read had not begun to look */
	assert_true(probe.was_read);
}

static void job__past_its_deadline__is_stopped_and_the_next_one_works(void **state)
{
	struct jobs_world *world = *state;
	struct probe slow, next;

	alerts_come(world);
	probe_init(&slow, read_for_ever);
	asks(world, &slow);
	turns_until(world, slow.has_begun);
	moved_s += JOB_DEADLINE_MS / 1000 + 1;
	turns_until(world, slow.freed == 1);

	assert_int_equal(slow.done, 1);
	assert_false(slow.was_read);
	probe_init(&next, read_once);
	asks(world, &next);
	turns_until(world, next.freed == 1);
	assert_true(next.was_read);
	assert_int_equal(next.seen, ALERTS);
}

static void jobs__more_than_may_wait__are_done_unread_at_once(void **state)
{
	static struct probe probes[JOBS_WAITING_MAX + 1];
	struct jobs_world *world = *state;

	for (size_t i = 0; i < JOBS_WAITING_MAX; i++) {
		probe_init(&probes[i], read_once);
		asks(world, &probes[i]);
		assert_int_equal(probes[i].freed, 0);
	}
	probe_init(&probes[JOBS_WAITING_MAX], read_once);
	asks(world, &probes[JOBS_WAITING_MAX]);

	assert_int_equal(probes[JOBS_WAITING_MAX].done, 1);
	assert_false(probes[JOBS_WAITING_MAX].was_read);
	assert_int_equal(probes[JOBS_WAITING_MAX].freed, 1);
	for (size_t i = 0; i < JOBS_WAITING_MAX; i++) {
		turns_until(world, probes[i].freed == 1);
		assert_true(probes[i].was_read);
	}
}

static void jobs__few_at_once__are_run_in_turn(void **state)
{
	static struct probe probes[JOBS_RUNNING_MAX + 1];
	struct jobs_world *world = *state;

	for (size_t i = 0; i <= JOBS_RUNNING_MAX; i++) {
		probe_init(&probes[i], read_until_told);
		asks(world, &probes[i]);
	}
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		turns_until(world, probes[i].has_begun);
	for (int i = 0; i < TURNS_MAX; i++)
		uv_run(&world->bot->uv, UV_RUN_NOWAIT);
	assert_false(probes[JOBS_RUNNING_MAX].has_begun);
	probes[0].may_end = true;
	turns_until(world, probes[JOBS_RUNNING_MAX].has_begun);
	for (size_t i = 0; i <= JOBS_RUNNING_MAX; i++)
		probes[i].may_end = true;
	for (size_t i = 0; i <= JOBS_RUNNING_MAX; i++)
		turns_until(world, probes[i].freed == 1);
}

static void end__while_jobs_run_and_wait__stops_and_frees_them(void **state)
{
	static struct probe probes[JOBS_RUNNING_MAX + 3];
	struct jobs_world *world = *state;
	const size_t count = sizeof(probes) / sizeof(probes[0]);

	alerts_come(world);
	for (size_t i = 0; i < count; i++) {
		probe_init(&probes[i], read_for_ever);
		asks(world, &probes[i]);
	}
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		turns_until(world, probes[i].has_begun);
	jobs_stop(world->jobs);

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(probes[i].freed, 1);
		assert_int_equal(probes[i].done, 0);
	}
	probe_init(&probes[0], read_once);
	asks(world, &probes[0]);
	assert_int_equal(probes[0].done, 1); /* at once, unread: nothing is begun any more */
	assert_false(probes[0].was_read);
}

/* ---- HTTP ------------------------------------------------------------------------------------------------- */

#define BODY "{\"match\":[\"host=web-*\"],\"because\":\"deploy\"}"

struct client {
	int fd;
	char got[65536];
	size_t len;
};

static void client_posts(struct client *client, const struct jobs_world *world)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)http_port(world->http))};
	char text[512];
	int len = snprintf(text, sizeof(text),
	    "POST /v1/announcements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
	    "ci-secret-00000000\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(BODY), BODY);

	memset(client, 0, sizeof(*client));
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(client->fd, text, (size_t)len, 0), len);
	assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
}

/* True when a whole answer is in. */
static bool is_answered(struct client *client)
{
	ssize_t got =
	    recv(client->fd, client->got + client->len, sizeof(client->got) - 1 - client->len, 0);

	client->len += got > 0 ? (size_t)got : 0;
	client->got[client->len] = '\0';
	return strstr(client->got, "\"preview\"") != NULL && client->got[client->len - 1] == '\n';
}

/* Keeps all threads busy, so that a preview waits. */
static void hold_threads(struct jobs_world *world, struct probe probes[JOBS_RUNNING_MAX])
{
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++) {
		probe_init(&probes[i], read_until_told);
		asks(world, &probes[i]);
		turns_until(world, probes[i].has_begun);
	}
}

static void let_threads_go(struct jobs_world *world, struct probe probes[JOBS_RUNNING_MAX])
{
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		probes[i].may_end = true;
	for (size_t i = 0; i < JOBS_RUNNING_MAX; i++)
		turns_until(world, probes[i].freed == 1);
}

static size_t announcements_of(const struct jobs_world *world)
{
	return announcements_count(world->bot->desk->announcements);
}

static void announcement__posted__is_answered_with_its_preview(void **state)
{
	struct jobs_world *world = *state;
	struct client client;

	alerts_come(world);
	client_posts(&client, world);
	turns_until(world, is_answered(&client));

	assert_true(text_prefix(client.got, "HTTP/1.1 201 "));
	assert_non_null(strstr(client.got, "\"days\":30,\"alerts\":3000,\"escalated\":0"));
	close(client.fd);
}

static void announcement__posted_while_previews_wait__is_answered_without_in_time(void **state)
{
	struct jobs_world *world = *state;
	struct probe probes[JOBS_RUNNING_MAX];
	struct announcement *kept;
	struct client client;

	hold_threads(world, probes);
	client_posts(&client, world);
	turns_until(world, announcements_of(world) == 1);
	for (int i = 0; i < TURNS_MAX; i++)
		uv_run(&world->bot->uv, UV_RUN_NOWAIT);
	assert_false(is_answered(&client));
	moved_s += HTTP_LATER_S + 1;
	turns_until(world, is_answered(&client));
	assert_true(text_prefix(client.got, "HTTP/1.1 201 "));
	assert_non_null(strstr(client.got, "\"id\":\"H1\""));
	assert_non_null(strstr(client.got, "\"preview\":null"));

	/* And it is counted all the same. */
	let_threads_go(world, probes);
	kept = NULL;
	turns_until(world, (announcement_free(kept), (kept = storage_announcement(
							  world->bot->storage, 1, NULL)) != NULL) &&
			       kept->has_preview);
	announcement_free(kept);
	close(client.fd);
}

static void announcement__whose_sender_is_gone__is_counted_and_nobody_told(void **state)
{
	struct jobs_world *world = *state;
	struct probe probes[JOBS_RUNNING_MAX];
	struct client client, next;

	hold_threads(world, probes);
	client_posts(&client, world);
	turns_until(world, announcements_of(world) == 1);
	close(client.fd);
	let_threads_go(world, probes);
	turns_until(world, http_under_way(world->http) == 0);
	client_posts(&next, world);
	turns_until(world, is_answered(&next));
	assert_non_null(strstr(next.got, "\"id\":\"H2\""));
	close(next.fd);
}

static void announcement__that_waits_at_the_end__is_answered_with_what_there_is(void **state)
{
	struct jobs_world *world = *state;
	struct probe probes[JOBS_RUNNING_MAX];
	struct client client;

	hold_threads(world, probes);
	client_posts(&client, world);
	turns_until(world, announcements_of(world) == 1);
	http_quiesce(world->http);
	turns_until(world, is_answered(&client));
	assert_true(text_prefix(client.got, "HTTP/1.1 201 "));
	assert_non_null(strstr(client.got, "\"preview\":null"));
	let_threads_go(world, probes);
	close(client.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(job__asked_for__is_read_in_a_thread_after_the_disk_and_done_on_the_loop),
	    TEST(job__of_an_event_that_is_not_on_disk__is_freed_unread),
	    TEST(loop__while_a_job_runs__goes_on),
	    TEST(job__past_its_deadline__is_stopped_and_the_next_one_works),
	    TEST(jobs__more_than_may_wait__are_done_unread_at_once),
	    TEST(jobs__few_at_once__are_run_in_turn),
	    TEST(end__while_jobs_run_and_wait__stops_and_frees_them),
	    TEST(announcement__posted__is_answered_with_its_preview),
	    TEST(announcement__posted_while_previews_wait__is_answered_without_in_time),
	    TEST(announcement__whose_sender_is_gone__is_counted_and_nobody_told),
	    TEST(announcement__that_waits_at_the_end__is_answered_with_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
