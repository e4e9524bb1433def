/*
 * headsup during MATCH… --because TEXT -- COMMAND …: announces for as long as a command runs.
 *
 * The announcement is a lease, renewed by a heartbeat: it ends with the command, and when this process or the network dies, it ends by
 * itself. The command matters more than the announcement: when headsup is out of reach it runs all the same, with a warning, and is
 * announced as soon as headsup is back. Only what headsup understood and refused, or wants approved, keeps it from running.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bot/cmd.h"
#include "bot/shell.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"

#define LEASE "20s"       /* how long it may go on suppressing after our death */
#define BEAT_MS 5000      /* between renewals: three may fail */
#define BEAT_CALL_MS 4000 /* for one renewal */
#define ANNOUNCE_CALL_MS \
	5000 /* for announcing, tried CLIENT_TRIES times: so long the command waits at the most */
#define END_CALL_MS \
	4000        /* for ending it: a CI system that stops a job waits some 10 s before SIGKILL */
#define KEY_SIZE 33 /* of an idempotency key: 32 hex digits */
#define EXIT_NOT_RUNNABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_BY_SIGNAL 128

enum holding {
	HOLDS_NOTHING, /* headsup was out of reach: asked again at the next beat */
	HOLDS_LEASE,
	HOLDS_NO_MORE, /* it was refused, or ended by somebody: not asked again */
};

struct during {
	struct shell shell;
	char *const *command; /* argv of it, ends in NULL */
	cJSON *body;          /* the announcement as it is asked for */
	enum holding holding;
	char id[32];     /* H17, of the lease that is held */
	bool is_pending; /* nobody has approved it yet */
	bool is_away;    /* headsup is out of reach, and that was said */
	bool is_asking;  /* the request under way announces; otherwise it renews */
	int64_t next_at; /* of the steady clock, ms */
	int signals;     /* signalfd */
	sigset_t old_mask;
	struct sigaction old_child; /* what was done on SIGCHLD before us */
	pid_t child;                /* 0: does not run */
	int ended_by;               /* signal that ended us while we waited for an approval */
	int result;                 /* of waitpid() */
};

static int64_t steady_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what headsup says --------------------------------------------------------------------------------------- */

static bool is_status(const cJSON *announcement, const char *status)
{
	return strcmp(shell_text(announcement, "status"), status) == 0;
}

static void holds(struct during *during, const cJSON *announcement)
{
	char *matches = shell_matches(announcement), at[64];

	during->holding = HOLDS_LEASE;
	during->is_away = false;
	during->is_pending = is_status(announcement, "pending");
	during->next_at = steady_ms() + BEAT_MS;
	snprintf(during->id, sizeof(during->id), "%s", shell_text(announcement, "id"));
	if (during->is_pending)
		shell_note("%s waits for somebody else's approval: %s", during->id, matches);
	else
		shell_note("%s announced while the command runs, at most until %s: %s", during->id,
		    shell_time(&during->shell, announcement, "ends_at", at), matches);
	free(matches);
}

static void is_away(struct during *during, const struct client_answer *answer)
{
	if (during->is_away)
		return;
	during->is_away = true;
	if (during->holding == HOLDS_LEASE)
		shell_note(
		    "%s; if it stays so, %s ends within " LEASE, answer->error.text, during->id);
	else
		shell_note("%s; the command runs UNANNOUNCED until it can be", answer->error.text);
}

static void on_announced(struct during *during, const struct client_answer *answer, bool ok)
{
	if (ok) {
		holds(during, answer->json);
	} else if (answer->is_out_of_reach) {
		is_away(during, answer);
	} else {
		shell_note("%s; the command goes on UNANNOUNCED", answer->error.text);
		during->holding = HOLDS_NO_MORE;
	}
}

static void on_renewed(struct during *during, const struct client_answer *answer, bool ok)
{
	const char *why = shell_text(json_get(answer->json, "announcement"), "over_why");

	if (ok) {
		if (during->is_away)
			shell_note("headsup is back, and %s goes on", during->id);
		if (during->is_pending && is_status(answer->json, "active"))
			shell_note("%s is approved", during->id);
		during->is_pending = is_status(answer->json, "pending");
		during->is_away = false;
	} else if (answer->is_out_of_reach) {
		is_away(during, answer);
	} else if (strcmp(why, "lease") == 0) {
		/* The network, or headsup, was away for longer than the lease; the command still runs. */
		shell_note(
		    "%s ran out while headsup was out of reach; announcing anew", during->id);
		during->holding = HOLDS_NOTHING;
		during->next_at = steady_ms();
	} else {
		shell_note("%s: what fires now is told", answer->error.text);
		during->holding = HOLDS_NO_MORE;
	}
}

/* ---- the heartbeat ------------------------------------------------------------------------------------------- */

static void begin_announcing(struct during *during)
{
	char key[KEY_SIZE];

	/* A new key each time: what an earlier request made without our knowing is not ours to renew, and ends by itself. */
	random_hex(key, sizeof(key));
	during->is_asking = true;
	client_begin(during->shell.client, &(struct client_request){.method = "POST",
					       .path = "/v1/announcements",
					       .body = during->body,
					       .key = key,
					       .timeout_ms = BEAT_CALL_MS});
}

static void begin_renewing(struct during *during)
{
	cJSON *body = cJSON_CreateObject();
	char path[80];

	json_put(body, "lease", LEASE);
	snprintf(path, sizeof(path), "/v1/announcements/%s/renew", during->id);
	during->is_asking = false;
	client_begin(during->shell.client,
	    &(struct client_request){
		.method = "POST", .path = path, .body = body, .timeout_ms = BEAT_CALL_MS});
	cJSON_Delete(body);
}

/* The next is counted from the beginning of this one, however long its answer takes: three fit into a lease. */
static void begin(struct during *during, int64_t now)
{
	during->next_at = now + BEAT_MS;
	if (during->holding == HOLDS_LEASE)
		begin_renewing(during);
	else
		begin_announcing(during);
}

/* Asks, or renews, where it is time to, and hears what was answered. Waits for signals and answers for at most UNTIL (steady ms). */
static void beat(struct during *during, int64_t until)
{
	struct client *client = during->shell.client;
	struct client_answer answer;
	int64_t now = steady_ms(), wake = until;
	bool was_busy, ok;

	if (!client_is_busy(client) && during->holding != HOLDS_NO_MORE) {
		if (now < during->next_at)
			wake = during->next_at < until ? during->next_at : until;
		else
			begin(during, now);
	}
	was_busy = client_is_busy(client);
	client_wait(client, during->signals, wake > now ? wake - now : 0);
	if (!was_busy || client_is_busy(client))
		return;
	ok = client_end(client, &answer);
	if (during->is_asking)
		on_announced(during, &answer, ok);
	else
		on_renewed(during, &answer, ok);
	client_answer_fini(&answer);
}

/* Ends what is held; WHY is in its receipt. */
static void end(struct during *during, const char *why)
{
	struct client_request request = {.method = "POST", .timeout_ms = END_CALL_MS};
	struct client_answer answer;
	cJSON *body = cJSON_CreateObject();
	char path[80];

	if (during->holding == HOLDS_LEASE) {
		snprintf(path, sizeof(path), "/v1/announcements/%s/end", during->id);
		json_put(body, "note", why);
		request.path = path;
		request.body = body;
		client_begin(during->shell.client, &request);
		while (client_is_busy(during->shell.client))
			client_wait(during->shell.client, -1, END_CALL_MS);
		if (client_end(during->shell.client, &answer))
			shell_note("%s ended: seen %" PRId64 " of %" PRId64, during->id,
			    shell_number(answer.json, "matched"), shell_number(answer.json, "max"));
		else if (answer.is_out_of_reach)
			shell_note("%s; %s ends within " LEASE " by itself", answer.error.text,
			    during->id);
		else
			shell_note("%s", answer.error.text);
		client_answer_fini(&answer);
	}
	during->holding = HOLDS_NO_MORE;
	cJSON_Delete(body);
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

static bool catch_signals(struct during *during, struct error *err)
{
	const struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t mask;

	/* Whoever ignores SIGCHLD hands that on, and then nobody learns how the command ended. */
	sigaction(SIGCHLD, &usual, &during->old_child);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&mask, forwarded[i]);
	sigprocmask(SIG_BLOCK, &mask, &during->old_mask);
	during->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return during->signals >= 0 ||
	       error_set(err, ERROR_IO, "signals cannot be read: %s", strerror(errno));
}

static void hear_signals(struct during *during)
{
	struct signalfd_siginfo info;

	while (read(during->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		const int number = (int)info.ssi_signo;

		if (number == SIGCHLD)
			continue;
		if (during->child == 0)
			during->ended_by = number;
		else if (
		    info.ssi_code !=
		    SI_KERNEL) /* the terminal's own went to the command as well: it is in our process group */
			kill(during->child, number);
	}
	if (during->child != 0 && waitpid(during->child, &during->result, WNOHANG) == during->child)
		during->child = 0;
}

/* In the child: as we were started, and no shell in between. */
static void become(const struct during *during, int tell)
{
	int problem;
	ssize_t written;

	sigaction(SIGCHLD, &during->old_child, NULL);
	sigprocmask(SIG_SETMASK, &during->old_mask, NULL);
	execvp(during->command[0], during->command);
	problem = errno;
	written = write(tell, &problem, sizeof(problem));
	(void)written; /* nobody is left to be told */
	_exit(EXIT_NOT_FOUND);
}

/* Starts the command. 0, or why it did not start. */
static int spawn(struct during *during)
{
	int tell[2], problem = 0;
	pid_t child;
	ssize_t len;

	if (pipe2(tell, O_CLOEXEC) != 0)
		return errno;
	fflush(NULL);
	child = fork();
	if (child == 0)
		become(during, tell[1]);
	close(tell[1]);
	if (child < 0) {
		problem = errno;
	} else {
		do {
			len = read(tell[0], &problem,
			    sizeof(
				problem)); /* ends when the command has taken the child's place */
		} while (len < 0 && errno == EINTR);
		if (len != (ssize_t)sizeof(problem))
			problem = 0;
		during->child = child;
	}
	close(tell[0]);
	if (problem != 0 && child > 0) {
		waitpid(child, NULL, 0);
		during->child = 0;
	}
	return problem;
}

static int status_of(int result)
{
	return WIFSIGNALED(result) ? EXIT_BY_SIGNAL + WTERMSIG(result) : WEXITSTATUS(result);
}

static int run(struct during *during)
{
	char why[32] = "done";
	int problem, status;

	/* Its connections are not the command's business: the client is closed while the command is started. */
	client_free(during->shell.client);
	if (during->holding == HOLDS_LEASE)
		setenv("HEADSUP_ANNOUNCEMENT", during->id, 1);
	problem = spawn(during);
	during->shell.client = client_new(during->shell.options.value[OPTION_CA_FILE], NULL);
	if (during->shell.client == NULL)
		abort(); /* the same could be opened before */
	if (problem != 0) {
		shell_note("during: %s: %s", during->command[0], strerror(problem));
		end(during, "the command could not be started");
		return problem == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
	}
	while (during->child != 0) {
		beat(during, steady_ms() + BEAT_MS);
		hear_signals(during);
	}
	status = status_of(during->result);
	if (WIFSIGNALED(during->result))
		snprintf(why, sizeof(why), "signal %d", WTERMSIG(during->result));
	else if (status != 0)
		snprintf(why, sizeof(why), "exit %d", status);
	end(during, why);
	return status;
}

/* ---- before it runs ------------------------------------------------------------------------------------------ */

/* Keeps the announcement alive until it is approved, is over, time is up, or a signal ends us. */
static void await_approval(struct during *during, int64_t for_s)
{
	const int64_t until = steady_ms() + for_s * 1000;

	while (during->is_pending && during->holding == HOLDS_LEASE && during->ended_by == 0 &&
	       steady_ms() < until) {
		beat(during, until);
		hear_signals(during);
	}
}

/* Asks for the first time. False: the command is not to run, *STATUS. */
static bool announce(struct during *during, int *status)
{
	const char *const *option = during->shell.options.value;
	struct client_answer answer;
	char key[KEY_SIZE];
	bool ok, goes_on = option[OPTION_ANYWAY] != NULL;

	random_hex(key, sizeof(key));
	ok = client_call(during->shell.client,
	    &(struct client_request){.method = "POST",
		.path = "/v1/announcements",
		.body = during->body,
		.key = key,
		.is_repeatable = true,
		.timeout_ms = ANNOUNCE_CALL_MS},
	    &answer);
	if (ok) {
		holds(during, answer.json);
		goes_on = true;
	} else if (answer.is_out_of_reach && option[OPTION_STRICT] == NULL) {
		is_away(during, &answer);
		goes_on = true;
	} else {
		*status = shell_refused(&during->shell, &answer);
		during->holding = HOLDS_NO_MORE;
		shell_note(goes_on ? "the command runs UNANNOUNCED (--anyway)"
				   : "the command was not run");
	}
	client_answer_fini(&answer);
	return goes_on;
}

static int announce_and_run(struct during *during, int64_t wait_s)
{
	struct error err;
	int status = STATUS_FAILED;

	/* Until here a signal ends us as it ends any command; what may have been announced is a lease. */
	if (!announce(during, &status))
		return status;
	if (!catch_signals(during, &err)) {
		end(during, "the command could not be started");
		return shell_complain(&during->shell, &err);
	}
	if (during->is_pending && wait_s > 0)
		await_approval(during, wait_s);
	if (during->ended_by != 0) {
		end(during, "cancelled");
		return EXIT_BY_SIGNAL + during->ended_by;
	}
	if (wait_s > 0 && during->is_pending && during->holding != HOLDS_LEASE) {
		shell_note("the command was not run");
		return STATUS_WAITS;
	}
	if (during->is_pending && !options_has(&during->shell.options, OPTION_ANYWAY)) {
		end(during, "nobody approved it in time");
		shell_note("the command was not run; --wait 10m waits for the approval, --anyway "
			   "runs it without");
		return STATUS_WAITS;
	}
	return run(during);
}

static bool read_request(struct during *during, int64_t *wait_s, struct error *err)
{
	const char *wait = during->shell.options.value[OPTION_WAIT];

	*wait_s = 0;
	during->body = cJSON_CreateObject();
	json_put(during->body, "lease", LEASE);
	return shell_put_announcement(&during->shell, during->body, err) &&
	       (wait == NULL || duration_parse(wait, wait_s, err));
}

static const struct shell_command command = {
    .name = "during",
    .options = OPTION(FOR) | OPTION(BECAUSE) | OPTION(MAX) | OPTION(UNTIL) | OPTION(AUTHOR) |
	       OPTION(MATCH) | OPTION(ANYWAY) | OPTION(STRICT) | OPTION(WAIT),
    .words_max = OPTIONS_WORDS_MAX,
    .wants = "say what to expect; try host=web-*",
};

int cmd_during(int argc, char **argv)
{
	struct during during = {.signals = -1};
	struct error err = {0};
	int64_t wait_s;
	int status, ours = 1;

	while (ours < argc && strcmp(argv[ours], "--") != 0)
		ours++;
	during.command = argv + ours + 1;
	if (!shell_open(&during.shell, &command, ours, argv, &status))
		return status;
	if (ours + 1 >= argc) {
		error_set(&err, ERROR_USAGE, "say what to run after --; try -- make deploy");
		status = shell_complain(&during.shell, &err);
	} else if (!read_request(&during, &wait_s, &err)) {
		status = shell_complain(&during.shell, &err);
	} else {
		status = announce_and_run(&during, wait_s);
	}
	cJSON_Delete(during.body);
	if (during.signals >= 0)
		close(during.signals);
	return shell_close(&during.shell, status);
}
