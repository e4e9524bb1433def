/*
 * cmd - the subcommands of `headsup`: each takes its own argc and argv (argv[0] is its name) and returns the exit status.
 *
 * 0 done, 1 failed, 2 usage, 3 refused by policy, 4 waits for approval.
 */
#ifndef BOT_CMD_H
#define BOT_CMD_H

int cmd_serve(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_format(int argc, char **argv);
int cmd_audit(int argc, char **argv);

#endif
