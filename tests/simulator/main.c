/* main - headsup-sim: options, the loop, its beginning and its end. */
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "config/base/memory.h"
#include "tests/simulator/sim.h"

static const char usage[] = "usage: headsup-sim [--port N] [--ws-port N] [--tls CERT KEY] "
			    "[--app-token T] [--bot-token T] [--pd-token T] [--quiet]\n"
			    "A Slack and a PagerDuty on loopback. Port 0 (the default) is any free "
			    "one. One line on stdout tells where it listens.\n";

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

static bool port_parse(const char *text, int *port)
{
	char *end;
	long value;

	if (text == NULL)
		return false;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || value < 0 || value > 65535)
		return false;
	*port = (int)value;
	return true;
}

/* False: the usage is to be shown. */
static bool options_parse(struct sim *sim, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--quiet") == 0) {
			sim->is_quiet = true;
		} else if (strcmp(argv[i], "--port") == 0 && port_parse(value, &sim->port)) {
			i++;
		} else if (strcmp(argv[i], "--ws-port") == 0 && port_parse(value, &sim->ws_port)) {
			i++;
		} else if (strcmp(argv[i], "--app-token") == 0 && value != NULL) {
			sim->app_token = argv[++i];
		} else if (strcmp(argv[i], "--bot-token") == 0 && value != NULL) {
			sim->bot_token = argv[++i];
		} else if (strcmp(argv[i], "--pd-token") == 0 && value != NULL) {
			sim->pd_token = argv[++i];
		} else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
			sim->cert_file = argv[i + 1];
			sim->key_file = argv[i + 2];
			i += 2;
		} else {
			return false;
		}
	}
	return true;
}

static void on_close_all(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

int main(int argc, char **argv)
{
	struct sim *sim = xcalloc(1, sizeof(*sim));
	uv_signal_t term, interrupt;
	int i;

	if (!options_parse(sim, argc, argv)) {
		fputs(usage, stderr);
		free(sim);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&sim->loop);
	sim_timers_init(sim);
	sim_world_init(sim);
	if (!sim_socket_start(sim) || !sim_http_start(sim))
		return 1;
	uv_signal_init(&sim->loop, &term);
	uv_signal_start(&term, on_signal, SIGTERM);
	uv_signal_init(&sim->loop, &interrupt);
	uv_signal_start(&interrupt, on_signal, SIGINT);
	printf("listening api=%s/api/ ws=%s pagerduty=%s control=%s/sim/\n", sim->base,
	    sim->ws_base, sim->base, sim->base);
	fflush(stdout);

	uv_run(&sim->loop, UV_RUN_DEFAULT);

	sim_http_stop(sim);
	sim_socket_stop(sim);
	sim_world_fini(sim);
	sim_timers_fini(sim);
	/* libwebsockets closes its handles over several turns of the loop: give it a bounded
	 * number. */
	uv_close((uv_handle_t *)&term, NULL);
	uv_close((uv_handle_t *)&interrupt, NULL);
	for (i = 0; i < 100 && uv_run(&sim->loop, UV_RUN_NOWAIT) != 0; i++)
		continue;
	lws_context_destroy(sim->lws);
	uv_walk(&sim->loop, on_close_all, NULL);
	for (i = 0; i < 100 && uv_run(&sim->loop, UV_RUN_NOWAIT) != 0; i++)
		continue;
	uv_loop_close(&sim->loop);
	free(sim);
	return 0;
}
