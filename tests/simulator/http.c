/*
 * http - libmicrohttpd on the loop. A request is read whole, handed on, and answered at once or
 * later: until then its connection is suspended.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "tests/simulator/pd.h"

#define CONNECTIONS_MAX 2048
#define CONNECTION_MEMORY (256 * 1024)

static void http_pump(struct sim *sim);

static void on_http_timer(uv_timer_t *handle)
{
	http_pump(handle->data);
}

/* libmicrohttpd says when it wants to run again; zero means that it stopped in the middle of
 * something. */
static void http_pump(struct sim *sim)
{
	MHD_UNSIGNED_LONG_LONG wait;

	if (sim->daemon == NULL)
		return;
	/* A handler may wake another connection: that one is looked at in the next round. */
	do {
		sim->http_woken = false;
		MHD_run(sim->daemon);
	} while (sim->http_woken);
	if (MHD_get_timeout(sim->daemon, &wait) == MHD_YES)
		uv_timer_start(&sim->http_timer, on_http_timer, wait, 0);
	else
		uv_timer_stop(&sim->http_timer);
}

static void on_http_readable(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	http_pump(handle->data);
}

/* ---- a request's life ------------------------------------------------------------------------ */

static struct sim_request *request_new(
    struct sim *sim, struct MHD_Connection *connection, const char *path, const char *method)
{
	struct sim_request *request = xcalloc(1, sizeof(*request));

	request->sim = sim;
	request->connection = connection;
	request->method = xstrdup(method);
	request->path = xstrdup(path);
	request->content_type = xstrdup(
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE));
	request->authorization = xstrdup(MHD_lookup_connection_value(
	    connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION));
	buf_init(&request->body, SIM_BODY_MAX);
	request->retry_after = -1;
	request->begun_ms = sim_mono_ms();
	request->next = sim->requests;
	sim->requests = request;
	return request;
}

static void request_free(struct sim_request *request)
{
	struct sim_request **at;

	if (request->forget != NULL)
		request->forget(request);
	sim_cancel(request->sim, request->timer);
	for (at = &request->sim->requests; *at != NULL; at = &(*at)->next) {
		if (*at == request) {
			*at = request->next;
			break;
		}
	}
	buf_fini(&request->body);
	free(request->method);
	free(request->path);
	free(request->content_type);
	free(request->authorization);
	free(request->answer);
	free(request);
}

const char *sim_query(const struct sim_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *sim_header(const struct sim_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct query_all {
	const char *name;
	cJSON *values;
};

static enum MHD_Result query_same(
    void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct query_all *all = ctx;

	(void)kind;
	if (strcmp(key, all->name) == 0)
		cJSON_AddItemToArray(
		    all->values, cJSON_CreateString(value != NULL ? value : ""));
	return MHD_YES;
}

cJSON *sim_query_all(const struct sim_request *request, const char *name)
{
	struct query_all all = {name, cJSON_CreateArray()};

	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_same, &all);
	return all.values;
}

static enum MHD_Result query_one(
    void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	sim_put(ctx, key, value != NULL ? value : "");
	return MHD_YES;
}

void sim_query_each(const struct sim_request *request, cJSON *into)
{
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_one, into);
}

static void request_finish(struct sim_request *request)
{
	request->is_done = true;
	request->forget = NULL;
	if (request->call != NULL) {
		request->call->took_ms = sim_mono_ms() - request->begun_ms;
		request->call->status = request->is_dropped ? 0 : request->status;
	}
	if (request->is_suspended) {
		request->is_suspended = false;
		request->sim->http_woken = true;
		MHD_resume_connection(request->connection);
		uv_timer_start(&request->sim->http_timer, on_http_timer, 0, 0);
	}
}

void sim_reply(struct sim_request *request, int status, const char *type, char *text, size_t len)
{
	if (request->is_done) {
		free(text);
		return;
	}
	request->status = status;
	request->answer_type = type;
	request->answer = text;
	request->answer_len = len;
	request_finish(request);
}

void sim_reply_json(struct sim_request *request, int status, cJSON *json)
{
	char *text = sim_write(json);

	cJSON_Delete(json);
	sim_reply(request, status, "application/json; charset=utf-8", text, strlen(text));
}

void sim_reply_drop(struct sim_request *request)
{
	if (request->is_done)
		return;
	request->is_dropped = true;
	request_finish(request);
}

static enum MHD_Result request_answer(struct sim_request *request)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	char number[24];

	if (request->is_dropped)
		return MHD_NO;
	response = MHD_create_response_from_buffer(
	    request->answer_len, request->answer, MHD_RESPMEM_MUST_COPY);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->answer_type);
	if (request->retry_after >= 0) {
		snprintf(number, sizeof(number), "%lld", (long long)request->retry_after);
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
	}
	if (request->is_rest) {
		static const char *const names[] = {
		    "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"};
		size_t i;

		for (i = 0; i < 3; i++) {
			snprintf(number, sizeof(number), "%lld", (long long)request->rate[i]);
			MHD_add_response_header(response, names[i], number);
		}
	}
	if (request->is_slack) {
		snprintf(number, sizeof(number), "req-%llu",
		    (unsigned long long)(request->call != NULL ? request->call->number : 0));
		MHD_add_response_header(response, "X-Slack-Req-Id", number);
		MHD_add_response_header(response, "X-OAuth-Scopes",
		    "app_mentions:read,channels:history,channels:join,channels:read,chat:write,"
		    "commands,groups:history,groups:read,"
		    "im:history,im:read,im:write,reactions:write,usergroups:read,users:read,users:"
		    "read.email");
		MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
		    "private, no-cache, no-store, must-revalidate");
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
	}
	result = MHD_queue_response(request->connection, (unsigned)request->status, response);
	MHD_destroy_response(response);
	return result;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void request_route(struct sim_request *request)
{
	const char *path = request->path;

	if (!buf_ok(&request->body)) {
		sim_reply(request, 413, "text/plain", xstrdup("too large"), 9);
	} else if (begins(path, "/sim/")) {
		sim_control(request);
	} else if (begins(path, "/api/")) {
		request->is_slack = true;
		sim_api(request, path + 5);
	} else if (begins(path, "/commands/") || begins(path, "/actions/") ||
		   begins(path, "/app/")) {
		sim_response_url_post(request);
	} else if (pd_rest_owns(path)) {
		pd_rest(request);
	} else if (strcmp(path, "/v2/enqueue") == 0 || strcmp(path, "/v2/change/enqueue") == 0) {
		sim_pagerduty(request);
	} else {
		sim_reply(request, 404, "text/plain", xstrdup("not found"), 9);
	}
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct sim_request *request = *slot;

	(void)version;
	if (request == NULL) {
		*slot = request_new(ctx, connection, url, method);
		return MHD_YES;
	}
	if (*len > 0) {
		buf_put(&request->body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (!request->is_handled) {
		request->is_handled = true;
		request_route(request);
	}
	if (request->is_done)
		return request_answer(request);
	request->is_suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void on_request_over(
    void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)connection;
	(void)why;
	if (*slot != NULL)
		request_free(*slot);
	*slot = NULL;
}

/* ---- what was asked of us -------------------------------------------------------------------- */

static void call_drop_oldest(struct sim *sim)
{
	struct sim_call *call = sim->calls;
	struct sim_request *request;

	for (request = sim->requests; request != NULL; request = request->next) {
		if (request->call == call)
			request->call = NULL;
	}
	sim->calls = call->next;
	if (sim->calls == NULL)
		sim->calls_end = &sim->calls;
	sim->call_count--;
	sim->call_bytes -= call->size;
	free(call->method);
	free(call->body);
	free(call->content_type);
	free(call->error);
	free(call->query);
	free(call->from);
	free(call);
}

struct sim_call *sim_call_record(struct sim_request *request, const char *method)
{
	struct sim *sim = request->sim;
	struct sim_call *call = xcalloc(1, sizeof(*call));

	call->method = xstrdup(method);
	call->body = xstrndup(buf_text(&request->body), request->body.len);
	call->content_type = xstrdup(request->content_type);
	call->token = "none";
	call->size = request->body.len + 128;
	call->at_ms = sim_now_ms();
	call->number = ++sim->call_number;
	if (sim->calls == NULL)
		sim->calls_end = &sim->calls;
	*sim->calls_end = call;
	sim->calls_end = &call->next;
	sim->call_count++;
	sim->call_bytes += call->size;
	request->call = call;
	while (sim->call_count > SIM_CALLS_MAX ||
	       (sim->call_bytes > SIM_CALLS_BYTES_MAX && sim->calls != call))
		call_drop_oldest(sim);
	return call;
}

void sim_calls_clear(struct sim *sim)
{
	while (sim->calls != NULL)
		call_drop_oldest(sim);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text;
	size_t len;

	if (file == NULL)
		return NULL;
	text = xcalloc(1, 65536);
	len = fread(text, 1, 65535, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

bool sim_http_start(struct sim *sim)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)sim->port)};
	const union MHD_DaemonInfo *info;
	char *cert = NULL, *key = NULL;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (sim->cert_file != NULL) {
		cert = file_read(sim->cert_file);
		key = file_read(sim->key_file);
		if (cert == NULL || key == NULL) {
			fprintf(stderr, "headsup-sim: cannot read %s or %s\n", sim->cert_file,
			    sim->key_file);
			free(cert);
			free(key);
			return false;
		}
		flags |= MHD_USE_TLS;
	}
	sim->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, sim, MHD_OPTION_SOCK_ADDR,
	    (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, on_request_over, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	    MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
	    cert != NULL ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, cert,
	    MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
	free(cert);
	free(key);
	if (sim->daemon == NULL) {
		fprintf(stderr, "headsup-sim: cannot listen on 127.0.0.1:%d\n", sim->port);
		return false;
	}
	info = MHD_get_daemon_info(sim->daemon, MHD_DAEMON_INFO_BIND_PORT);
	sim->port = info->port;
	snprintf(sim->base, sizeof(sim->base), "%s://127.0.0.1:%d",
	    sim->cert_file != NULL ? "https" : "http", sim->port);
	info = MHD_get_daemon_info(sim->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	uv_poll_init(&sim->loop, &sim->http_poll, info->epoll_fd);
	sim->http_poll.data = sim;
	uv_timer_init(&sim->loop, &sim->http_timer);
	sim->http_timer.data = sim;
	uv_poll_start(&sim->http_poll, UV_READABLE, on_http_readable);
	return true;
}

void sim_http_stop(struct sim *sim)
{
	struct sim_request *request;

	/* A daemon with suspended connections does not stop. */
	for (request = sim->requests; request != NULL; request = request->next)
		sim_reply_drop(request);
	MHD_run(sim->daemon);
	uv_poll_stop(&sim->http_poll);
	uv_close((uv_handle_t *)&sim->http_poll, NULL);
	uv_timer_stop(&sim->http_timer);
	uv_close((uv_handle_t *)&sim->http_timer, NULL);
	MHD_stop_daemon(sim->daemon);
	sim->daemon = NULL;
}
