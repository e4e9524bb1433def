/*
 * bench_intake - what reading, matching and storing one alert takes without HTTP and without the commit: the real sample of Falco, each
 * from another container, into a database on disk. Commits are made between the batches, off the clock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/config.h"
#include "config/format.h"
#include "handlers/alerts.h"
#include "handlers/desk.h"

#define ROUNDS 7
#define BATCHES 80
#define BATCH 100 /* alerts in one transaction */
#define SAMPLE "tests/data/alerts/falco/terminal-shell-in-container.json"
#define SAMPLE_MAX 65536
#define NOW 1772452800

static const char config_text[] =
    "slack: {app_token: xapp-1-bench-000000, bot_token: xoxb-bench-000000}\n"
    "sources: [{name: falco, format: falco, token: falco-secret-0000}]\n"
    "routes: [{channel: \"#security-alerts\"}]\n";

static void die(const char *what, const struct error *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1000;
}

/* The sample with another container, so that it is a new alert. */
static char *body_of(const cJSON *sample, size_t n)
{
	cJSON *json = cJSON_Duplicate(sample, true);
	char id[32], *text;

	snprintf(id, sizeof(id), "%012zx", n);
	cJSON_ReplaceItemInObjectCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(json, "output_fields"), "container.id",
	    cJSON_CreateString(id));
	text = json_write(json);
	cJSON_Delete(json);
	return text;
}

static void take(struct desk *desk, const struct format *format, const char *body)
{
	struct format_result result;
	struct error err = {0};

	if (!storage_begin(desk->storage, &err) ||
	    !format_read(format, body, strlen(body), "falco", false, desk->now, &result, &err))
		die("read", &err);
	if (result.count != 1 || result.items[0].alert == NULL ||
	    !intake(desk, result.items[0].alert, &err) || result.items[0].alert->count != 1)
		die("stored", &err);
	format_result_fini(&result);
	if (!storage_end(desk->storage, true, &err))
		die("kept", &err);
}

static void read_only(const struct format *format, const char *body)
{
	struct format_result result;
	struct error err = {0};

	if (!format_read(format, body, strlen(body), "falco", false, NOW, &result, &err))
		die("read", &err);
	format_result_fini(&result);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_row(const char *name, double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(double), by_value);
	printf(
	    "  %-56s %9.1f %9.1f %9.1f\n", name, values[ROUNDS / 2], values[0], values[ROUNDS - 1]);
}

static char *write_file(const char *folder, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		die(path, &(struct error){.text = "cannot be written"});
	return path;
}

static void remove_database(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *name = xasprintf("%s%s", path, ends[i]);

		unlink(name);
		free(name);
	}
}

int main(void)
{
	char folder[] = "/tmp/headsup-bench-XXXXXX", sample_text[SAMPLE_MAX], *path, *store;
	double reading[ROUNDS] = {0}, all[ROUNDS] = {0};
	struct error err = {0};
	struct config *config;
	struct desk *desk;
	cJSON *sample;
	size_t n = 0;
	FILE *file = fopen(SAMPLE, "r");

	umask(077);
	log_setup(LOG_WARN, false);
	sample = file != NULL ? json_parse(sample_text,
				    fread(sample_text, 1, sizeof(sample_text), file), &err)
			      : NULL;
	if (sample == NULL || mkdtemp(folder) == NULL)
		die(SAMPLE, &err);
	fclose(file);
	path = write_file(folder, "headsup.yaml", config_text);
	store = xasprintf("sqlite://%s/headsup.db", folder);
	config = config_load(path, NULL, &err);
	if (config == NULL)
		die("config", &err);
	desk = desk_new(config, storage_open(store, &err), NOW, &err);
	if (desk == NULL)
		die("desk", &err);
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t batch = 0; batch < BATCHES; batch++) {
			char *bodies[BATCH];
			double begin, middle;

			for (size_t i = 0; i < BATCH; i++)
				bodies[i] = body_of(sample, n++);
			begin = now_us();
			for (size_t i = 0; i < BATCH; i++)
				read_only(config->sources[0].format, bodies[i]);
			middle = now_us();
			for (size_t i = 0; i < BATCH; i++)
				take(desk, config->sources[0].format, bodies[i]);
			all[round] += (now_us() - middle) / (BATCHES * BATCH);
			reading[round] += (middle - begin) / (BATCHES * BATCH);
			if (!storage_commit(desk->storage, &err))
				die("commit", &err);
			for (size_t i = 0; i < BATCH; i++)
				free(bodies[i]);
		}
	}
	printf("%-58s %9s %9s %9s\n", "One Falco alert in process, without HTTP and commit: us",
	    "median", "min", "max");
	print_row("reading, matching, storing, its card in the outbox", all);
	print_row("of that reading", reading);
	cJSON_Delete(sample);
	{
		struct storage *storage = desk->storage;

		desk_free(desk);
		storage_close(storage);
	}
	config_free(config);
	remove_database(store + strlen("sqlite://"));
	unlink(path);
	rmdir(folder);
	free(path);
	free(store);
	return 0;
}
