/*
 * headsup - say it before you do it.
 *
 * The whole story on one screen: a word on the command line names a command; the table says which function answers it.
 * `serve` is the daemon (bot/serve.c); what it hears goes through handlers/, is kept by storage/, and leaves through bot/courier.c.
 */
#include <stdio.h>
#include <string.h>

#include "bot/cmd.h"
#include "config/base/text.h"

#define NEAR 3 /* letters apart: what may have been meant */

struct command_line {
	const char *name, *usage, *help;
	int (*run)(int argc, char **argv);
};

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command_line commands[] = {
    {"serve",    "[--config FILE]",               "runs the daemon in the foreground",                 cmd_serve},
    {"check",    "[--config FILE] [--online]",    "says every mistake of the configuration; with --online tries its tokens", cmd_check},
    {"format",   "FORMAT SAMPLE",                 "shows what a source format makes of a payload",     cmd_format},
    {"audit",    "verify|export [--config FILE]", "proves that the audit log is whole; prints it",     cmd_audit},
    {"expect",   "MATCH... --because TEXT [--for 30m] [--max N] [--from TIME] [--until TIME] [--author WHO] [--key KEY] [--dry]",
     "announces, and prints H17",                                                                      cmd_expect},
    {"during",   "MATCH... --because TEXT [--for 2h] [--max N] [--author WHO] [--wait 10m] [--anyway] [--strict] -- COMMAND ...",
     "announces for as long as a command runs",                                                        cmd_during},
    {"end",      "H17 [--because TEXT]",          "ends an announcement",                              cmd_end},
    {"cancel",   "H17",                           "takes back one that has not begun",                 cmd_cancel},
    {"extend",   "H17 30m",                       "makes one last longer",                             cmd_extend},
    {"list",     "[--status active|scheduled|pending|ended|cancelled] [--limit N]",
     "lists announcements",                                                                            cmd_list},
    {"alerts",   "[MATCH...] [--status open|acked|resolved|expected|claimed] [--since 24h] [--limit N]",
     "lists alerts",                                                                                   cmd_alerts},
    {"show",     "A1042|H17",                     "shows one alert or announcement",                   cmd_show},
    {"ack",      "A1042... [NOTE]",               "tells everyone that you have it",                   cmd_act},
    {"resolve",  "A1042... [--because TEXT]",     "says that it is over",                              cmd_act},
    {"escalate", "A1042 [--to TEAM|@PERSON] [--because TEXT]", "pages, and after that the next level",  cmd_act},
    {"note",     "A1042 TEXT",                    "adds to the timeline, the thread and PagerDuty",    cmd_act},
    {"unack",    "A1042... [--because TEXT]",     "takes an ack back",                                 cmd_act},
    {"reopen",   "A1042... [--because TEXT]",     "takes a resolve back",                              cmd_act},
    {"assign",   "A1042... @PERSON [--because TEXT]", "says who has it",                               cmd_act},
    {"send",     "FILE|- [--source NAME], or --test [ROUTE] [MATCH...]",
     "sends alerts, or a test alert through a route",                                                  cmd_send},
    {"outbox",   "[retry|drop ID] [--status waiting]",
     "lists words that wait for a person; sends them again, or drops them",                            cmd_outbox},
    {"help",     "[COMMAND]",                     "this page; with a command: its own",                cmd_help},
    {"version",  "",                              "says which version this is",                        cmd_version},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command_line *find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* The command that NAME is nearest to; NULL when none is near. */
static const struct command_line *nearest(const char *name)
{
	const struct command_line *best = NULL;
	size_t distance = NEAR;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t d = text_distance(name, commands[i].name);

		if (d >= distance)
			continue;
		distance = d;
		best = &commands[i];
	}
	return best;
}

static int unknown(const char *name)
{
	const struct command_line *meant = nearest(name);

	fprintf(stderr, "headsup: there is no command \"%s\"", name);
	if (meant != NULL)
		fprintf(stderr, "; did you mean `headsup %s`?\n", meant->name);
	else
		fprintf(stderr, "; `headsup help` lists them\n");
	return 2;
}

static int overview(FILE *out, int status)
{
	fprintf(out, "headsup - say it before you do it: ChatOps for security alerts\n\nusage: headsup COMMAND ...\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n`headsup help COMMAND` shows its form.\n\n"
	             "serve, check and audit read --config FILE, else HEADSUP_CONFIG, else /etc/headsup/headsup.yaml.\n"
	             "From expect to outbox they ask the headsup at HEADSUP_URL (http://127.0.0.1:8080), with HEADSUP_TOKEN;\n"
	             "each takes --json, and --ca-file FILE for a certificate authority of your own.\n"
	             "Exit status: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 waits for approval.\n");
	return status;
}

static int cmd_help(int argc, char **argv)
{
	const struct command_line *command = argc > 1 ? find(argv[1]) : NULL;

	if (argc < 2)
		return overview(stdout, 0);
	if (command == NULL)
		return unknown(argv[1]);
	printf("usage: headsup %s %s\n\n%s\n", command->name, command->usage, command->help);
	return 0;
}

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("headsup %s\n", HEADSUP_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command_line *command;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (name == NULL)
		return overview(stderr, 2);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return overview(stdout, 0);
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return cmd_version(0, NULL);
	command = find(name);
	return command != NULL ? command->run(argc - 1, argv + 1) : unknown(name);
}
