/*
 * headsup audit verify | export - the audit log, read from the database itself, whether the daemon
 * runs or not.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/cmd.h"
#include "bot/loop.h"
#include "config/base/json.h"
#include "config/base/when.h"
#include "config/config.h"
#include "storage/storage.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: headsup audit verify [--config FILE | --store URL]\n"
    "       headsup audit export [--since TIME] [--config FILE | --store URL]\n"
    "TIME is RFC 3339 or a duration back: 24h\n";

struct audit_options {
	const char *config, *store;
	const char *since; /* NULL: from the first entry */
};

/* ---- what is done --------------------------------------------------------------------------------------- */

static int complain(const struct error *err)
{
	fprintf(stderr, "headsup audit: %s\n", err->text);
	return EXIT_FAILED;
}

static int verify(struct storage *storage, const struct audit_options *options, struct error *err)
{
	int64_t count;
	char head[65];

	(void)options;
	if (!storage_verify_audit(storage, &count, head, err))
		return complain(err);
	printf("%" PRId64 " entries, none changed, removed or put in; the last hash is %s\n", count,
	    head);
	return EXIT_DONE;
}

static bool print_audit(void *ctx, const struct audit *audit)
{
	cJSON *line = cJSON_CreateObject();
	char *text;

	(void)ctx;
	json_put_int(line, "seq", audit->seq);
	json_put_time(line, "at", audit->at);
	json_put(line, "who", audit->who);
	json_put(line, "via", audit->via);
	json_put(line, "from", audit->from);
	json_put(line, "what", audit->what);
	json_put(line, "subject", audit->subject);
	json_put(line, "detail", audit->detail);
	json_put(line, "hash", audit->hash);
	text = json_write(line);
	puts(text);
	free(text);
	cJSON_Delete(line);
	return !ferror(stdout);
}

static int export(struct storage *storage, const struct audit_options *options, struct error *err)
{
	int64_t since = TIME_NONE;

	if (options->since != NULL && !time_parse_since(options->since, clock_now(), &since, err)) {
		complain(err);
		return EXIT_USAGE;
	}
	if (!storage_each_audit(storage, since, 0, SIZE_MAX, print_audit, NULL, err))
		return complain(err);
	return EXIT_DONE;
}

/* ---- what was typed ------------------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	bool takes_since;
	int (*run)(struct storage *storage, const struct audit_options *options, struct error *err);
} verbs[] = {
    {"verify", false, verify},
    {"export", true, export},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* False when it is to end with *STATUS. */
static bool read_options(int argc, char **argv, struct audit_options *options, int *status)
{
	static const struct option names[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"store", required_argument, NULL, 's'},
	    {"since", required_argument, NULL, 't'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 0; /* glibc: read from the start, whatever was read before */
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'c')
			options->config = optarg;
		else if (c == 's')
			options->store = optarg;
		else if (c == 't')
			options->since = optarg;
		else {
			*status = c == 'h' ? EXIT_DONE : EXIT_USAGE;
			fputs(usage, c == 'h' ? stdout : stderr);
			return false;
		}
	}
	return true;
}

static struct storage *open_store(const struct audit_options *options, struct error *err)
{
	struct storage *storage = NULL;
	struct config *config;

	if (options->store != NULL)
		return storage_open_reader(options->store, err);
	config = config_load(config_path(options->config), NULL, err);
	if (config != NULL)
		storage = storage_open_reader(config->store, err);
	config_free(config);
	return storage;
}

int cmd_audit(int argc, char **argv)
{
	struct audit_options options = {0};
	const struct verb *verb;
	struct storage *storage;
	struct error err = {0};
	int status = EXIT_USAGE;

	if (!read_options(argc, argv, &options, &status))
		return status;
	verb = optind == argc - 1 ? find_verb(argv[optind]) : NULL;
	if (verb == NULL || (options.since != NULL && !verb->takes_since)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	storage = open_store(&options, &err);
	if (storage == NULL)
		return complain(&err);
	status = verb->run(storage, &options, &err);
	storage_close(storage);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("headsup audit: the answer could not be written\n", stderr);
		return EXIT_FAILED;
	}
	return status;
}
