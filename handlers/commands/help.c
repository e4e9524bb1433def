#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

static void put_all(struct buf *answer)
{
	buf_puts(answer, "*Say it before you do it*, and answer what fires.\n");
	for (size_t i = 0; commands[i] != NULL; i++) {
		command_put_usage(commands[i], answer);
		buf_putc(answer, '\n');
	}
	buf_puts(answer, "MATCH is `field=value`, `field!=value`, `field~regex` or `field!~regex`; "
			 "values may hold `*` and `?`, lists are "
			 "`host=web-1,web-2`, and `@alice` means that the actor is one of Alice's "
			 "logins. In an alert's thread no id is needed.");
}

static bool help_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	const char *name = words_next(words);
	const struct command *command = name != NULL ? command_find(name) : NULL;

	(void)desk;
	(void)asked;
	(void)err;
	if (name != NULL && command == NULL)
		command = command_near(name);
	if (command == NULL) {
		put_all(answer);
		return true;
	}
	command_put_usage(command, answer);
	if (command->alias != NULL)
		buf_printf(answer, "\nAlso: `%s`", command->alias);
	buf_printf(answer, "\nFor example: `%s`", command->example);
	return true;
}

const struct command help_command = {
    .name = "help",
    .alias = "?",
    .usage = "help [COMMAND]",
    .help = "shows this, or one command's grammar and an example",
    .example = "help expect",
    .needs = ROLE_ANYONE,
    .run = help_run,
};
