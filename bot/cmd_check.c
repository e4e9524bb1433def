/* headsup check - says every mistake of the configuration, in one run; with --online whether what it names answers. */
#include <stdio.h>
#include <string.h>

#include "bot/cmd.h"
#include "bot/online.h"
#include "config/base/log.h"
#include "config/config.h"

static int usage(FILE *out, int status)
{
	fputs("usage: headsup check [--config FILE] [--online]\n"
	      "\n"
	      "Says every mistake of the configuration as file:line:column. --online also asks Slack and PagerDuty whether\n"
	      "its tokens, scopes and channels hold; nothing is posted, nobody is paged. Exit status: 0 fine, 1 not.\n",
	    out);
	return status;
}

int cmd_check(int argc, char **argv)
{
	const char *option = NULL, *path;
	struct error err = {0};
	struct config *config;
	bool is_online = false, holds = true;
	int warnings = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			option = argv[++i];
		else if (strncmp(argv[i], "--config=", 9) == 0 && argv[i][9] != '\0')
			option = argv[i] + 9;
		else if (strcmp(argv[i], "--online") == 0)
			is_online = true;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return usage(stdout, 0);
		else
			return usage(stderr, 2);
	}
	path = config_path(option);
	config = config_load(path, &warnings, &err);
	if (config == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (warnings > 0)
		printf(
		    "%s: ok, with %d %s\n", path, warnings, warnings == 1 ? "warning" : "warnings");
	else
		printf("%s: ok\n", path);
	if (is_online) {
		log_setup(config->log_level, config->log_json);
		holds = online_check(config, stdout);
	}
	config_free(config);
	return holds ? 0 : 1;
}
