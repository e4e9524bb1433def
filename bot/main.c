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
    {"serve",   "[--config FILE]",                "runs the daemon in the foreground",                   cmd_serve},
    {"check",   "[--config FILE]",                "says every mistake of the configuration",             cmd_check},
    {"format",  "FORMAT SAMPLE",                  "shows what a source format makes of a payload",       cmd_format},
    {"audit",   "verify|export [--config FILE]",  "proves that the audit log is whole; prints it",       cmd_audit},
    {"help",    "[COMMAND]",                      "this page; with a command: its own",                  cmd_help},
    {"version", "",                               "says which version this is",                          cmd_version},
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
		fprintf(out, "  %-8s%-32s%s\n", commands[i].name, commands[i].usage, commands[i].help);
	fprintf(out, "\nThe configuration is --config FILE, else HEADSUP_CONFIG, else /etc/headsup/headsup.yaml.\n"
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
