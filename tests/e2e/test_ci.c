/* deploy/ci/: the shell parts, as CI systems run them, with curl alone and with headsup. */
#include <libfyaml.h>
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

#define SCRIPT "deploy/ci/headsup.sh"
#define VARIABLES_MAX 8

/* A shell command in an environment. */
struct shell_job {
	const char *command;                  /* run by sh -c, in our directory */
	const char *variables[VARIABLES_MAX]; /* NAME=VALUE, NULL-ended */
	const char *token;                    /* NULL: WORLD_CI */
	bool has_headsup;                     /* in its PATH */
};

static void become(struct world *w, const struct shell_job *job)
{
	char *path = xasprintf("%s%s/usr/local/bin:/usr/bin:/bin", job->has_headsup ? w->build : "",
	    job->has_headsup ? ":" : "");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < VARIABLES_MAX && job->variables[i] != NULL; i++)
		putenv(xstrdup(job->variables[i]));
	setenv("PATH", path, 1);
	setenv("HEADSUP_URL", w->url, 1);
	setenv("HEADSUP_TOKEN", job->token != NULL ? job->token : WORLD_CI, 1);
	setenv("W", w->dir, 1);
	if (freopen(world_path(w, "out"), "w", stdout) == NULL ||
	    freopen(world_path(w, "err"), "w", stderr) == NULL)
		_exit(98);
	execl("/bin/sh", "sh", "-c", job->command, (char *)NULL);
	_exit(99);
}

static pid_t start(struct world *w, const struct shell_job *job)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		become(w, job);
	return pid;
}

static int ended(struct world *w, pid_t pid)
{
	int status = 0;

	world_until(w, waitpid(pid, &status, WNOHANG) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *content(struct world *w, const char *name)
{
	static char text[8192];
	FILE *file = fopen(world_path(w, name), "r");
	size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[len] = '\0';
	if (file != NULL)
		fclose(file);
	return text;
}

static void wants(struct world *w, const struct shell_job *job, int status)
{
	int got = ended(w, start(w, job));

	if (got != status)
		fail_msg("%s: exit %d is not %d\n%s%s", job->command, got, status,
		    content(w, "err"), content(w, "out"));
	assert_null(strstr(content(w, "err"), WORLD_CI));
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

/* Runs the test with curl alone, then with headsup in the PATH: it must make no difference. */
static const bool ways[] = {false, true};

static void script__expect_and_end__announce_and_end(void **state)
{
	struct world *w = *state;
	char id[16], command[256];

	for (size_t i = 0; i < 2; i++) {
		snprintf(id, sizeof(id), "H%zu", i + 1);
		wants(w,
		    &(struct shell_job){.command =
					    "sh " SCRIPT
					    " expect 'host=web-*' 'rule=say \"hi\" \\ there' "
					    "--because \"it's \\\"deploy\\\" 7\" --max 4 --for 1h",
			.has_headsup = ways[i]},
		    0);
		assert_int_equal(strncmp(content(w, "out"), id, strlen(id)), 0);
		assert_true(is(w, id, "because", "it's \"deploy\" 7"));
		assert_string_equal(
		    cJSON_GetArrayItem(json_get(announcement(w, id), "match"), 0)->valuestring,
		    "host=web-*");
		snprintf(command, sizeof(command), "sh " SCRIPT " end %s", id);
		wants(w, &(struct shell_job){.command = command, .has_headsup = ways[i]}, 0);
		assert_true(is(w, id, "status", "ended"));
		wants(w, &(struct shell_job){.command = command, .has_headsup = ways[i]}, 1);
	}
}

static void script__by_its_exit_status__says_what_headsup_said(void **state)
{
	static const struct {
		const char *args, *token;
		int status;
	} cases[] = {
	    {"expect 'host=*' --because x", NULL, 3},
	    {"expect host=a --because x --for 5h", NULL, 3},
	    {"expect host=a --because ''", NULL, 3},
	    {"expect severity=critical --because x", NULL, 4},
	    {"expect nonsense --because x", NULL, 2},
	    {"expect --because x", NULL, 2},
	    {"expect host=a --because", NULL, 2},
	    {"expect host=a --max many --because x", NULL, 2},
	    {"expect host=a --because x", "nobody", 1},
	    {"during 'host=*' --because x -- touch \"$W/ran\"", NULL, 3},
	    {"during severity=critical --because x -- touch \"$W/ran\"", NULL, 4},
	    {"during host=a --because x -- touch \"$W/ran\"", "nobody", 1},
	    {"during host=a --because x --", NULL, 2},
	    {"end 17", NULL, 2},
	    {"end H999", NULL, 1},
	    {"launch", NULL, 2},
	};
	struct world *w = *state;

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		char *command = xasprintf("sh " SCRIPT " %s", cases[i / 2].args);

		wants(w,
		    &(struct shell_job){.command = command,
			.token = cases[i / 2].token,
			.has_headsup = ways[i % 2]},
		    cases[i / 2].status);
		assert_int_not_equal(access(world_path(w, "ran"), F_OK), 0);
		free(command);
	}
}

static void script__during__announces_while_the_command_runs(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		struct shell_job job = {
		    .command =
			"sh " SCRIPT " during 'host=web-*' --because 'deploy 7' -- sh -c 'echo > "
				     "$W/up; while [ ! -e $W/go ]; do sleep 0.05; done; exit 7'",
		    .has_headsup = ways[i]};
		pid_t pid = start(w, &job);
		char id[16];

		snprintf(id, sizeof(id), "H%zu", i + 1);
		world_until(w, access(world_path(w, "up"), F_OK) == 0);
		assert_true(is(w, id, "status", "active"));
		world_write(w, "go", "");
		assert_int_equal(ended(w, pid), 7);
		assert_true(is(w, id, "over_why", "exit 7"));
		unlink(world_path(w, "up"));
		unlink(world_path(w, "go"));
	}
}

static void script__during__hands_a_signal_on_and_keeps_the_input(void **state)
{
	struct world *w = *state;
	struct shell_job job = {
	    .command = "exec sh " SCRIPT " during host=web-1 --because x -- sh -c 'trap \"exit 5\" "
					 "TERM; echo > $W/up; while :; do sleep 0.05; done'"};
	pid_t pid = start(w, &job);

	world_until(w, access(world_path(w, "up"), F_OK) == 0);
	kill(pid, SIGTERM);
	assert_int_equal(ended(w, pid), 5);
	assert_true(is(w, "H1", "status", "ended"));
	wants(w,
	    &(struct shell_job){
		.command = "echo typed | sh " SCRIPT " during host=web-1 --because x -- cat"},
	    0);
	assert_string_equal(content(w, "out"), "typed\n");
}

static void script__during_killed_with_kill_9__lets_the_lease_run_out(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});
	struct shell_job job = {
	    .command = "exec sh " SCRIPT " during host=web-1 --because x -- sh -c 'echo > $W/up; "
					 "while [ ! -e $W/go ]; do sleep 0.05; done'"};
	pid_t pid = start(w, &job);

	(void)state;
	world_until(w, access(world_path(w, "up"), F_OK) == 0);
	kill(pid, SIGKILL);
	assert_int_equal(ended(w, pid), 137);
	world_clock_advance(w, 30);
	world_until(w, is(w, "H1", "over_why", "lease"));
	world_write(w, "go", "");
	world_stop(w);
}

static void script__without_headsup_in_reach__runs_the_command(void **state)
{
	struct world *w = *state;
	char *kept = w->url;

	w->url = xstrdup("http://127.0.0.1:1");
	for (size_t i = 0; i < 2; i++) {
		wants(w,
		    &(struct shell_job){
			.command = "sh " SCRIPT
				   " during host=web-1 --because x -- sh -c 'echo ran; exit 7'",
			.has_headsup = ways[i]},
		    7);
		assert_string_equal(content(w, "out"), "ran\n");
		assert_non_null(strstr(content(w, "err"), "UNANNOUNCED"));
		wants(w,
		    &(struct shell_job){.command = "sh " SCRIPT " expect host=web-1 --because x",
			.has_headsup = ways[i]},
		    1);
	}
	free(w->url);
	w->url = xstrdup("http://headsup.example.com");
	wants(w, &(struct shell_job){.command = "sh " SCRIPT " expect host=web-1 --because x"}, 2);
	free(w->url);
	w->url = kept;
}

/* The text at PATH of a YAML file; the caller frees. */
static char *yaml_text(const char *file, const char *path)
{
	struct fy_document *document = fy_document_build_from_file(NULL, file);
	struct fy_node *node;
	const char *text;
	char *copy;
	size_t len;

	assert_non_null(document);
	node = fy_node_by_path(fy_document_root(document), path, FY_NT, FYNWF_DONT_FOLLOW);
	assert_non_null(node);
	text = fy_node_get_scalar(node, &len);
	assert_non_null(text);
	copy = xstrndup(text, len);
	fy_document_destroy(document);
	return copy;
}

static void github__the_actions_step__runs_the_script_announced(void **state)
{
	struct world *w = *state;
	char *step = yaml_text("deploy/ci/github/action.yml", "/runs/steps/0/run");

	for (size_t i = 0; i < 2; i++) {
		char id[16];

		wants(w,
		    &(struct shell_job){.command = step,
			.variables = {"GITHUB_ACTION_PATH=deploy/ci/github",
			    "HEADSUP_MATCH=host=web-*\nactor=deploy; $(id)\n",
			    "HEADSUP_BECAUSE=it's `id` 7", "HEADSUP_MAX=5", "HEADSUP_FOR=",
			    "HEADSUP_RUN=echo \"token: ${HEADSUP_TOKEN-none}\"\nfalse\necho not "
			    "reached"},
			.has_headsup = ways[i]},
		    1);
		assert_string_equal(content(w, "out"), "token: none\n");
		snprintf(id, sizeof(id), "H%zu", i + 1);
		assert_true(is(w, id, "because", "it's `id` 7"));
		assert_string_equal(
		    cJSON_GetArrayItem(json_get(announcement(w, id), "match"), ways[i] ? 0 : 1)
			->valuestring,
		    "actor=\"deploy; $(id)\"");
		assert_true(is(w, id, "over_why", "exit 1"));
	}
	free(step);
}

static void gitlab__before_and_after__announce_and_end(void **state)
{
	struct world *w = *state;
	char *before = yaml_text("deploy/ci/gitlab/headsup.yml", "/.headsup/before_script/0");
	char *after = yaml_text("deploy/ci/gitlab/headsup.yml", "/.headsup/after_script/0");
	char *begin =
	    xasprintf("set -e; HEADSUP_SH=$PWD/" SCRIPT "; cd \"$W\"; %s\necho began", before);
	char *finish = xasprintf("set -e; HEADSUP_SH=$PWD/" SCRIPT "; cd \"$W\"; %s", after);
	char *kept = w->url;

	wants(w,
	    &(struct shell_job){.command = begin,
		.variables = {"HEADSUP_MATCH=actor=deploy", "HEADSUP_BECAUSE=job 7",
		    "HEADSUP_FOR=1h"}},
	    0);
	assert_string_equal(content(w, ".headsup-id"), "H1\n");
	assert_true(is(w, "H1", "status", "active"));
	wants(w, &(struct shell_job){.command = finish}, 0);
	assert_true(is(w, "H1", "status", "ended"));
	wants(w,
	    &(struct shell_job){
		.command = begin, .variables = {"HEADSUP_MATCH=actor=*", "HEADSUP_BECAUSE=job 7"}},
	    1);
	w->url = xstrdup("http://127.0.0.1:1");
	wants(w,
	    &(struct shell_job){.command = begin,
		.variables = {"HEADSUP_MATCH=actor=deploy", "HEADSUP_BECAUSE=job 7"}},
	    0);
	wants(w, &(struct shell_job){.command = finish}, 0);
	free(w->url);
	w->url = kept;
	free(before);
	free(after);
	free(begin);
	free(finish);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(script__expect_and_end__announce_and_end),
	    T(script__by_its_exit_status__says_what_headsup_said),
	    T(script__during__announces_while_the_command_runs),
	    T(script__during__hands_a_signal_on_and_keeps_the_input),
	    cmocka_unit_test(script__during_killed_with_kill_9__lets_the_lease_run_out),
	    T(script__without_headsup_in_reach__runs_the_command),
	    T(github__the_actions_step__runs_the_script_announced),
	    T(gitlab__before_and_after__announce_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
