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
/* Clients of a headsup that runs; see bot/shell.h. */
int cmd_expect(int argc, char **argv);
int cmd_during(int argc, char **argv);
int cmd_end(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_extend(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_alerts(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_act(int argc, char **argv); /* ack, resolve, escalate, note: argv[0] says which */
int cmd_send(int argc, char **argv);
int cmd_outbox(int argc, char **argv);

#endif
