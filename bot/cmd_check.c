/* headsup check - says every mistake of the configuration, in one run. */
#include <stdio.h>
#include <string.h>

#include "bot/cmd.h"
#include "config/config.h"

static int usage(void)
{
	fputs("usage: headsup check [--config FILE]\n", stderr);
	return 2;
}

int cmd_check(int argc, char **argv)
{
	const char *option = NULL, *path;
	struct error err = {0};
	struct config *config;
	int warnings = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			option = argv[++i];
		else if (strncmp(argv[i], "--config=", 9) == 0 && argv[i][9] != '\0')
			option = argv[i] + 9;
		else
			return usage();
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
	config_free(config);
	return 0;
}
