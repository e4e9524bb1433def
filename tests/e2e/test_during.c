/* headsup during: a command runs under a lease; what ends the command, the lease, headsup or us, and what is then suppressed. */
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define ARGS_MAX 24
#define ALERT                \
	"{\"title\":\"sshd " \
	"started\",\"host\":\"web-3\",\"actor\":\"deploy\",\"dedup_key\":\"%s\"}"
#define MATCHES "host=web-*", "actor=deploy"
#define DURING(w, ...)         \
	world_run(w, WORLD_CI, \
	    (const char *const[]){"during", MATCHES, "--because", "deploy 7", __VA_ARGS__, NULL})

static void wants(const struct world_output *output, int status)
{
	if (output->status != status)
		fail_msg(
		    "exit %d is not %d\n%s%s", output->status, status, output->out, output->err);
}

static cJSON *announcement(struct world *w, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/announcements/%s", id);
	return world_http(w, "GET", path, WORLD_OPS, NULL, NULL)->json;
}

static bool is(struct world *w, const char *id, const char *name, const char *value)
{
	const char *text = json_text(announcement(w, id), name);

	return text != NULL && strcmp(text, value) == 0;
}

/* What becomes of an alert that fits, with a key of its own. */
static const char *fires(struct world *w, const char *key)
{
	char *body = xasprintf(ALERT, key);
	const char *id = world_send_one(w, NULL, body);

	free(body);
	return world_status(w, id);
}

/* ---- headsup during, while we look on --------------------------------------------------------------------- */

struct job {
	pid_t pid;
	int terminal; /* -1: none */
	char *err;    /* file of its stderr */
};

static bool has_file(struct world *w, const char *name)
{
	return access(world_path(w, name), F_OK) == 0;
}

static const char *content(struct world *w, const char *name)
{
	static char text[4096];
	FILE *file = fopen(world_path(w, name), "r");
	size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[len] = '\0';
	if (file != NULL)
		fclose(file);
	return text;
}

static void become(struct world *w, const char *const *args)
{
	char *argv[ARGS_MAX] = {xasprintf("%s/headsup", w->build)};
	size_t count = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; args[i] != NULL && count + 1 < ARGS_MAX; i++)
		argv[count++] = xstrdup(args[i]);
	setenv("HEADSUP_URL", w->url, 1);
	setenv("HEADSUP_TOKEN", WORLD_CI, 1);
	setenv("W", w->dir, 1);
	execv(argv[0], argv);
	_exit(99);
}

/* Starts headsup ARGS…, in a terminal of its own where WITH_TERMINAL; its commands find the world's directory in $W. */
static struct job start(struct world *w, bool with_terminal, const char *const *args)
{
	struct job job = {.terminal = -1};

	job.pid = with_terminal ? forkpty(&job.terminal, NULL, NULL, NULL) : fork();
	assert_true(job.pid >= 0);
	if (job.pid == 0) {
		if (!with_terminal && freopen(world_path(w, "job.err"), "w", stderr) == NULL)
			_exit(98);
		become(w, args);
	}
	return job;
}
#define START(w, ...)   \
	start(w, false, \
	    (const char *const[]){"during", MATCHES, "--because", "deploy 7", __VA_ARGS__, NULL})

/* Its exit status, 128 + signal; fails when it does not end. */
static int ended(struct world *w, struct job *job)
{
	int status = 0;

	world_until(w, waitpid(job->pid, &status, WNOHANG) == job->pid);
	if (job->terminal >= 0)
		close(job->terminal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- how it ends ------------------------------------------------------------------------------------------------ */

static void command__that_exits__hands_its_status_on_and_ends_the_announcement(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *why;
	} cases[] = {{"exit 7", 7, "exit 7"}, {"true", 0, "done"}, {"exit 255", 255, "exit 255"},
	    {"kill -9 $$", 137, "signal 9"}, {"kill -TERM $$", 143, "signal 15"}};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[16];

		wants(DURING(w, "--", "sh", "-c", cases[i].script), cases[i].status);
		snprintf(id, sizeof(id), "H%zu", i + 1);
		assert_true(is(w, id, "status", "ended"));
		assert_true(is(w, id, "over_why", cases[i].why));
		assert_string_equal(fires(w, id), "open");
	}
}

static void command__while_it_runs__is_announced(void **state)
{
	struct world *w = *state;
	struct job job = START(w, "--max", "4", "--", "sh", "-c",
	    "echo $HEADSUP_ANNOUNCEMENT > $W/id; while [ ! -e $W/go ]; do sleep 0.05; done");

	world_until(w, strcmp(content(w, "id"), "H1\n") == 0);
	assert_true(is(w, "H1", "status", "active"));
	assert_string_equal(fires(w, "a"), "expected");
	world_write(w, "go", "");
	assert_int_equal(ended(w, &job), 0);
	assert_true(is(w, "H1", "over_why", "done"));
	assert_non_null(strstr(content(w, "job.err"), "H1 ended: seen 1 of 4"));
	assert_null(strstr(content(w, "job.err"), WORLD_CI));
	world_until(w, world_find(w, "#security-alerts", "while its job runs") != NULL);
}

static void command__that_outlives_its_lease__is_kept_announced_by_the_heartbeat(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	struct job job =
	    START(w, "--", "sh", "-c", "echo > $W/id; while [ ! -e $W/go ]; do sleep 0.05; done");
	char *lease;

	(void)state;
	world_until(w, has_file(w, "id"));
	lease = xstrdup(json_text(announcement(w, "H1"), "lease_until"));
	world_clock_advance(w, 12);
	assert_string_equal(fires(w, "a"), "expected");
	world_until(w, !is(w, "H1", "lease_until",
			   lease)); /* the heartbeat is every 5 s of a clock that is not moved */
	world_clock_advance(w, 12);
	assert_string_equal(fires(w, "b"), "expected");
	world_write(w, "go", "");
	assert_int_equal(ended(w, &job), 0);
	free(lease);
	world_stop(w);
}

static void job__killed_with_kill_9__suppresses_nothing_30_s_later(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	struct job job = START(w, "--", "sh", "-c",
	    "echo $$ > $W/id; while [ ! -e $W/go ]; do sleep 0.05; done; echo > $W/gone");

	(void)state;
	world_until(w, content(w, "id")[0] != '\0');
	assert_string_equal(fires(w, "a"), "expected");
	kill(job.pid, SIGKILL);
	assert_int_equal(ended(w, &job), 137);
	world_clock_advance(w, 30);

	assert_string_equal(fires(w, "b"), "open");
	world_until(w, is(w, "H1", "over_why", "lease"));
	world_until(w, world_count(w, "#security-alerts", "went silent") == 1);
	world_write(w, "go", ""); /* the command itself was not killed */
	world_until(w, has_file(w, "gone"));
	world_stop(w);
}

static void signal__to_us__goes_to_the_command(void **state)
{
	static const struct {
		int number, status;
	} cases[] = {{SIGTERM, 21}, {SIGINT, 22}, {SIGHUP, 23}, {SIGQUIT, 24}};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job job = START(w, "--", "sh", "-c",
		    "trap 'exit 21' TERM; trap 'exit 22' INT; trap 'exit 23' HUP; trap 'exit 24' "
		    "QUIT; echo > $W/up; while :; do sleep 0.05; done");

		world_until(w, has_file(w, "up"));
		kill(job.pid, cases[i].number);
		assert_int_equal(ended(w, &job), cases[i].status);
		unlink(world_path(w, "up"));
	}
	assert_true(is(w, "H4", "status", "ended"));
}

static void command__started_by_us__has_no_signal_blocked_or_descriptor_more(void **state)
{
	struct world *w = *state;
	struct world_output *ours;
	const char *script = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l";
	FILE *pipe;
	char text[512];
	size_t len;

	ours = DURING(w, "--", "sh", "-c", script);
	wants(ours, 0);
	setenv("SCRIPT", script, 1);
	pipe = popen("exec sh -c \"$SCRIPT\" 2>/dev/null", "r");
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = '\0';
	pclose(pipe);
	assert_non_null(strstr(ours->out, "SigBlk:\t0000000000000000"));
	/* The same as without us; popen's shell and ours have the three usual ones and what ls opens. */
	assert_string_equal(ours->out, text);
}

static void ctrl_c__in_a_terminal__reaches_the_command_once(void **state)
{
	struct world *w = *state;
	struct job job = start(w, true,
	    (const char *const[]){"during", MATCHES, "--because", "x", "--", "sh", "-c",
		"n=0; trap 'n=$((n+1)); echo > $W/hit' INT; echo > $W/up; i=0; while [ $i -lt 40 "
		"]; do sleep 0.02; "
		"[ $n = 0 ] || i=$((i+1)); done; exit $n",
		NULL});

	world_until(w, has_file(w, "up"));
	assert_int_equal(write(job.terminal, "\003", 1), 1);
	assert_int_equal(ended(w, &job), 1);
	assert_true(is(w, "H1", "over_why", "exit 1"));
}

static void command__in_a_terminal__reads_what_is_typed(void **state)
{
	struct world *w = *state;
	struct job job = start(w, true,
	    (const char *const[]){"during", MATCHES, "--because", "x", "--", "sh", "-c",
		"echo > $W/up; read line; [ \"$line\" = yes ]", NULL});

	world_until(w, has_file(w, "up"));
	assert_int_equal(write(job.terminal, "yes\n", 4), 4);
	assert_int_equal(ended(w, &job), 0);
}

static void arguments__of_the_command__are_not_read_by_a_shell(void **state)
{
	struct world *w = *state;
	struct world_output *output =
	    DURING(w, "--", "printf", "%s|", "a b", "$HOME", "`id`", "; exit 3", "--because", "--");

	wants(output, 0);
	assert_string_equal(output->out, "a b|$HOME|`id`|; exit 3|--because|--|");
	wants(DURING(w, "--", "/nowhere/at all"), 127);
	wants(DURING(w, "--", "/"), 126);
	assert_true(is(w, "H3", "status", "ended"));
}

/* ---- when headsup says no, or nothing ----------------------------------------------------------------------------- */

static void announcement__refused_by_policy__keeps_the_command_from_running(void **state)
{
	struct world *w = *state;
	struct world_output *output = world_run(w, WORLD_CI,
	    (const char *const[]){"during", "host=*", "--because", "x", "--", "echo", "ran", NULL});

	wants(output, 3);
	assert_string_equal(output->out, "");
	assert_non_null(strstr(output->err, "was not run"));
	output = DURING(w, "--for", "5h", "--", "echo", "ran");
	wants(output, 3);
	assert_string_equal(output->out, "");
	output = DURING(w, "--for", "5h", "--anyway", "--", "echo", "ran");
	wants(output, 0);
	assert_string_equal(output->out, "ran\n");
	assert_non_null(strstr(output->err, "UNANNOUNCED"));
	output = world_run(w, "nobody-token",
	    (const char *const[]){"during", "host=a", "--because", "x", "--", "echo", "ran", NULL});
	wants(output, 1);
	assert_string_equal(output->out, "");
}

static void announcement__that_needs_approval__keeps_the_command_from_running(void **state)
{
	const char *const args[] = {"during", "severity=critical", "host=db-1", "--because",
	    "drill", "--", "echo", "ran", NULL};
	const char *const anyway[] = {"during", "severity=critical", "host=db-1", "--because",
	    "drill", "--anyway", "--", "echo", "ran", NULL};
	struct world *w = *state;
	struct world_output *output = world_run(w, WORLD_CI, args);

	wants(output, 4);
	assert_string_equal(output->out, "");
	assert_true(is(w, "H1", "status", "ended"));
	output = world_run(w, WORLD_CI, anyway);
	wants(output, 0);
	assert_string_equal(output->out, "ran\n");
}

static void waiting_for_approval__that_comes__runs_the_command(void **state)
{
	struct world *w = *state;
	struct job job = start(w, false,
	    (const char *const[]){"during", "severity=critical", "host=db-1", "--because", "drill",
		"--wait", "10m", "--", "sh", "-c", "exit 7", NULL});

	world_until(w, strstr(content(w, "job.err"), "waits for") != NULL);
	world_says(w, "bob", "#security-alerts", "approve H1");
	assert_int_equal(ended(w, &job), 7);
	assert_non_null(strstr(content(w, "job.err"), "H1 is approved"));
	assert_true(is(w, "H1", "over_why", "exit 7"));
}

static void waiting_for_approval__that_is_denied__does_not_run_it(void **state)
{
	struct world *w = *state;
	struct job job = start(w, false,
	    (const char *const[]){"during", "severity=critical", "host=db-1", "--because", "drill",
		"--wait", "10m", "--", "touch", "ran", NULL});

	world_until(w, strstr(content(w, "job.err"), "waits for") != NULL);
	world_says(w, "bob", "#security-alerts", "deny H1");
	assert_int_equal(ended(w, &job), 4);
	assert_non_null(strstr(content(w, "job.err"), "was not run"));
	assert_int_not_equal(access("ran", F_OK), 0);
}

static void waiting_for_approval__interrupted__ends_it(void **state)
{
	struct world *w = *state;
	struct job job = start(w, false,
	    (const char *const[]){"during", "severity=critical", "host=db-1", "--because", "drill",
		"--wait", "10m", "--", "echo", "ran", NULL});

	world_until(w, json_text(announcement(w, "H1"), "status") != NULL);
	world_until(w, strstr(content(w, "job.err"), "waits for") != NULL);
	world_until(w, (kill(job.pid, SIGTERM), is(w, "H1", "status", "ended")));
	assert_int_equal(ended(w, &job), 128 + SIGTERM);
	assert_null(strstr(content(w, "job.err"), "UNANNOUNCED"));
}

static void headsup__out_of_reach__does_not_keep_the_command_from_running(void **state)
{
	struct world *w = *state;
	char *kept = w->url;
	struct world_output *output;

	w->url = xstrdup("http://127.0.0.1:1");
	output = DURING(w, "--", "sh", "-c", "echo ran; exit 7");
	wants(output, 7);
	assert_string_equal(output->out, "ran\n");
	assert_non_null(strstr(output->err, "UNANNOUNCED"));
	output = DURING(w, "--strict", "--", "sh", "-c", "echo ran; exit 7");
	wants(output, 1);
	assert_string_equal(output->out, "");
	free(w->url);
	w->url = kept;
}

static void headsup__that_ends_it__lets_the_command_run_on(void **state)
{
	struct world *w = *state;
	struct job job = START(w, "--max", "1", "--", "sh", "-c",
	    "echo > $W/up; while [ ! -e $W/go ]; do sleep 0.05; done; exit 5");

	world_until(w, has_file(w, "up"));
	assert_int_equal(world_http(w, "POST", "/v1/announcements/H1/end", WORLD_OPS,
			     "{\"note\":\"not me\"}", NULL)
			     ->status,
	    200);
	world_until(w, strstr(content(w, "job.err"), "is over already") != NULL);
	assert_string_equal(fires(w, "a"), "open");
	world_write(w, "go", "");
	assert_int_equal(ended(w, &job), 5);
	assert_true(is(w, "H1", "over_why", "not me"));
	assert_int_equal(
	    world_http(w, "GET", "/v1/announcements/H2", WORLD_OPS, NULL, NULL)->status, 404);
}

static void lease__that_ran_out_while_headsup_was_away__is_taken_anew(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	struct job job =
	    START(w, "--", "sh", "-c", "echo > $W/up; while [ ! -e $W/go ]; do sleep 0.05; done");

	(void)state;
	world_until(w, has_file(w, "up"));
	world_clock_advance(w, 60);
	world_until(w, is(w, "H1", "over_why", "lease"));
	world_until(w, is(w, "H2", "status", "active"));
	assert_string_equal(fires(w, "a"), "expected");
	world_write(w, "go", "");
	assert_int_equal(ended(w, &job), 0);
	assert_true(is(w, "H2", "over_why", "done"));
	world_stop(w);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(command__that_exits__hands_its_status_on_and_ends_the_announcement),
	    T(command__while_it_runs__is_announced),
	    cmocka_unit_test(command__that_outlives_its_lease__is_kept_announced_by_the_heartbeat),
	    cmocka_unit_test(job__killed_with_kill_9__suppresses_nothing_30_s_later),
	    T(signal__to_us__goes_to_the_command),
	    T(command__started_by_us__has_no_signal_blocked_or_descriptor_more),
	    T(ctrl_c__in_a_terminal__reaches_the_command_once),
	    T(command__in_a_terminal__reads_what_is_typed),
	    T(arguments__of_the_command__are_not_read_by_a_shell),
	    T(announcement__refused_by_policy__keeps_the_command_from_running),
	    T(announcement__that_needs_approval__keeps_the_command_from_running),
	    T(waiting_for_approval__that_comes__runs_the_command),
	    T(waiting_for_approval__that_is_denied__does_not_run_it),
	    T(waiting_for_approval__interrupted__ends_it),
	    T(headsup__out_of_reach__does_not_keep_the_command_from_running),
	    T(headsup__that_ends_it__lets_the_command_run_on),
	    cmocka_unit_test(lease__that_ran_out_while_headsup_was_away__is_taken_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
