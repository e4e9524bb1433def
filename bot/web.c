#include "bot/web.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/buf.h"
#include "config/base/memory.h"

#define WEB_IDLE_CONNECTIONS_MAX 32 /* kept open for reuse */
#define WEB_HOST_MAX 256
#define WEB_PROBLEM_MAX 512
#define WEB_RESET_MAX_S 300 /* of ratelimit-reset: what resets does so within minutes */

struct web {
	struct loop *loop;
	CURLM *multi;
	uv_timer_t timer; /* curl's own */
	uv_timer_t stillborn_timer;
	char *proxy, *ca_file;
	struct web_call *calls;     /* under way */
	struct web_call *stillborn; /* could not even begin: told from the loop, as all others */
	int open_handles;           /* libuv's, of this struct */
};

struct web_call {
	struct web *web;
	struct web_call *next, **link;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t body_len, body_sent;
	struct buf answer;
	char host[WEB_HOST_MAX];
	char problem[WEB_PROBLEM_MAX];
	bool is_unfit;
	web_done done;
	void *ctx;
};

/* One of curl's sockets, watched by libuv. */
struct watch {
	uv_poll_t poll;
	struct web *web;
	curl_socket_t fd;
};

/* ---- addresses ------------------------------------------------------------------------------- */

static bool host_is_loopback(const char *host)
{
	struct in_addr ip4;
	struct in6_addr ip6;
	char bare[WEB_HOST_MAX];
	size_t len = strlen(host);

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &ip4) == 1)
		return (ntohl(ip4.s_addr) >> 24) == 127;
	if (len < 2 || len >= sizeof(bare) || host[0] != '[')
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)(len - 2), host + 1);
	return inet_pton(AF_INET6, bare, &ip6) == 1 && IN6_IS_ADDR_LOOPBACK(&ip6);
}

/* Scheme and host of URL as curl itself will read it, so that what is checked is what is called. */
static bool url_split(const char *url, char scheme[16], char host[WEB_HOST_MAX])
{
	CURLU *parsed = curl_url();
	char *part = NULL;
	bool ok = false;

	if (parsed == NULL ||
	    curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		goto out;
	if (curl_url_get(parsed, CURLUPART_SCHEME, &part, 0) != CURLUE_OK)
		goto out;
	snprintf(scheme, 16, "%s", part);
	curl_free(part);
	part = NULL;
	if (curl_url_get(parsed, CURLUPART_HOST, &part, 0) != CURLUE_OK ||
	    strlen(part) >= WEB_HOST_MAX)
		goto out;
	snprintf(host, WEB_HOST_MAX, "%s", part);
	ok = true;
out:
	curl_free(part);
	curl_url_cleanup(parsed);
	return ok;
}

bool web_url_is_loopback(const char *url)
{
	char scheme[16], host[WEB_HOST_MAX];

	return url_split(url, scheme, host) && host_is_loopback(host);
}

bool web_url_allowed(const char *url, const char *secure, const char *plain)
{
	char scheme[16], host[WEB_HOST_MAX];

	if (url == NULL || !url_split(url, scheme, host))
		return false;
	if (strcasecmp(scheme, secure) == 0)
		return true;
	return strcasecmp(scheme, plain) == 0 && host_is_loopback(host);
}

/* ---- what comes of a call -------------------------------------------------------------------- */

static void call_free(struct web_call *call)
{
	if (call->link != NULL) {
		*call->link = call->next;
		if (call->next != NULL)
			call->next->link = call->link;
	}
	if (call->easy != NULL)
		curl_easy_cleanup(call->easy);
	for (struct curl_slist *header = call->headers; header != NULL; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(call->headers);
	free(call->body);
	buf_fini(&call->answer);
	free(call);
}

static void link_call(struct web_call **list, struct web_call *call)
{
	call->next = *list;
	call->link = list;
	if (call->next != NULL)
		call->next->link = &call->next;
	*list = call;
}

static void unlink_call(struct web_call *call)
{
	*call->link = call->next;
	if (call->next != NULL)
		call->next->link = call->link;
	call->link = NULL;
	call->next = NULL;
}

/* Once the request line is out the peer may act on it, whatever becomes of the answer. */
static bool may_have_arrived(CURL *easy)
{
	long sent = 0;

	return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent > 0;
}

/* Seconds, as PagerDuty gives them with a 429: developer.pagerduty.com/docs/rest-api-rate-limits.
 * -1: there is no such header. */
static int64_t reset_s(CURL *easy)
{
	struct curl_header *header;
	int64_t s = 0;

	if (curl_easy_header(easy, "ratelimit-reset", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
	    header->value[0] == '\0')
		return -1;
	for (const char *at = header->value; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		s = s * 10 + (*at - '0');
		if (s > WEB_RESET_MAX_S)
			s = WEB_RESET_MAX_S;
	}
	return s > 0 ? s : 1;
}

const char *web_header(const struct web_answer *answer, const char *name)
{
	struct curl_header *header;

	if (answer->handle == NULL ||
	    curl_easy_header(answer->handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}

static void fill_answer(struct web_call *call, CURLcode code, struct web_answer *answer)
{
	curl_off_t retry_after = 0;
	long status = 0;

	*answer = (struct web_answer){
	    .retry_after_s = -1, .body = buf_text(&call->answer), .body_len = call->answer.len};
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status > 0) {
		answer->status = (int)status;
		answer->handle = call->easy;
		if (curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
		    retry_after > 0)
			answer->retry_after_s = retry_after;
		else if (status == 429)
			answer->retry_after_s = reset_s(call->easy);
		return;
	}
	answer->may_have_arrived = may_have_arrived(call->easy);
	answer->body = "";
	answer->body_len = 0;
	if (call->answer.failed)
		snprintf(call->problem, sizeof(call->problem),
		    "%s: the answer is larger than %d bytes", call->host, WEB_ANSWER_MAX);
	else if (code == CURLE_SEND_FAIL_REWIND) /* see on_rewind_wanted() */
		snprintf(call->problem, sizeof(call->problem),
		    "%s: the connection was closed before an answer came", call->host);
	else
		snprintf(call->problem, sizeof(call->problem), "%s: %s", call->host,
		    curl_easy_strerror(code));
	answer->problem = call->problem;
}

static void finish(struct web_call *call, CURLcode code)
{
	struct web_answer answer;

	unlink_call(call);
	curl_multi_remove_handle(call->web->multi, call->easy);
	fill_answer(call, code, &answer);
	call->done(call->ctx, &answer);
	call_free(call);
}

static void finish_all(struct web *web)
{
	struct web_call *call;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(web->multi, &left)) != NULL) {
		CURLcode code =
		    message->data.result; /* MESSAGE is gone once its handle is removed */

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		finish(call, code);
	}
}

static void on_stillborn(uv_timer_t *timer)
{
	struct web *web = timer->data;
	struct web_call *call;

	while ((call = web->stillborn) != NULL) {
		const struct web_answer answer = {.problem = call->problem,
		    .is_unfit = call->is_unfit,
		    .body = "",
		    .retry_after_s = -1};

		unlink_call(call);
		call->done(call->ctx, &answer);
		call_free(call);
	}
}

/* ---- curl's sockets and timer on libuv ------------------------------------------------------- */

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct web *web = watch->web;
	int flags = 0, running;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(web->multi, watch->fd, flags, &running);
	finish_all(web);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *fd_ctx)
{
	struct web *web = ctx;
	struct watch *watch = fd_ctx;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch != NULL) {
			uv_poll_stop(&watch->poll);
			uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
			curl_multi_assign(web->multi, fd, NULL);
		}
		return 0;
	}
	if (watch == NULL) {
		watch = xcalloc(1, sizeof(*watch));
		watch->web = web;
		watch->fd = fd;
		if (uv_poll_init_socket(web->loop->uv, &watch->poll, fd) != 0) {
			free(watch);
			return -1;
		}
		watch->poll.data = watch;
		curl_multi_assign(web->multi, fd, watch);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	uv_poll_start(&watch->poll, events, on_ready);
	return 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct web *web = timer->data;
	int running;

	curl_multi_socket_action(web->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_all(web);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
	struct web *web = ctx;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&web->timer);
	else
		uv_timer_start(&web->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
	struct web_call *call = ctx;

	buf_put(&call->answer, data, size * count);
	return buf_ok(&call->answer) ? size * count : 0;
}

static size_t on_body_wanted(char *space, size_t size, size_t count, void *ctx)
{
	struct web_call *call = ctx;
	size_t len = call->body_len - call->body_sent;

	if (len > size * count)
		len = size * count;
	memcpy(space, call->body + call->body_sent, len);
	call->body_sent += len;
	return len;
}

/*
 * curl sends a request again by itself when a kept connection closes before an answer. The peer may
 * have acted on the first: a message would be said twice. A body that cannot be read again makes
 * curl report the failure instead, and whoever called decides.
 */
static int on_rewind_wanted(void *ctx, curl_off_t offset, int origin)
{
	struct web_call *call = ctx;

	if (call->body_sent == 0 && offset == 0 && origin == SEEK_SET)
		return CURL_SEEKFUNC_OK;
	return CURL_SEEKFUNC_FAIL;
}

static void add_header(struct web_call *call, const char *name, const char *value)
{
	char *line = xasprintf("%s: %s", name, value);

	/* A line end in a value would be a header of its own. */
	if (strpbrk(line, "\r\n") == NULL)
		call->headers = curl_slist_append(call->headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
}

static void add_secret(struct web_call *call, const char *scheme, const char *secret)
{
	char *value = xasprintf("%s%s", scheme, secret);

	add_header(call, "Authorization", value);
	explicit_bzero(value, strlen(value));
	free(value);
}

static void set_body(struct web_call *call, const struct web_request *request)
{
	CURL *easy = call->easy;

	if (strcmp(request->method, "GET") == 0)
		return;
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	if (strcmp(request->method, "POST") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (request->body == NULL || request->body_len == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
		return;
	}
	call->body = xcalloc(1, request->body_len);
	memcpy(call->body, request->body, request->body_len);
	call->body_len = request->body_len;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body_wanted);
	curl_easy_setopt(easy, CURLOPT_READDATA, call);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind_wanted);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
}

static void set_headers(struct web_call *call, const struct web_request *request)
{
	call->headers =
	    curl_slist_append(call->headers, "Expect:"); /* bodies are small: no 100-continue */
	if (request->content_type != NULL)
		add_header(call, "Content-Type", request->content_type);
	else
		call->headers =
		    curl_slist_append(call->headers, "Content-Type:"); /* curl would say form */
	if (request->bearer != NULL)
		add_secret(call, "Bearer ", request->bearer);
	if (request->token != NULL)
		add_secret(call, "Token token=", request->token);
	if (request->accept != NULL)
		add_header(call, "Accept", request->accept);
	if (request->from != NULL)
		add_header(call, "From", request->from);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_trust(struct web_call *call, bool is_loopback)
{
	struct web *web = call->web;
	CURL *easy = call->easy;

	/* The environment's http_proxy is no configuration of ours: "" keeps curl from looking. */
	curl_easy_setopt(easy, CURLOPT_PROXY, is_loopback || web->proxy == NULL ? "" : web->proxy);
	/* The system's certificates stay trusted beside ca_file: they are in CAPATH too. */
	if (web->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, web->ca_file);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
}

static void set_bounds(struct web_call *call, const struct web_request *request)
{
	CURL *easy = call->easy;
	long total_ms = request->timeout_ms > 0 ? (long)request->timeout_ms : WEB_TOTAL_S * 1000L;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(
	    easy, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs does not hold up the end */
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(
	    easy, CURLOPT_PROTOCOLS_STR, "https,http"); /* http on loopback only: checked before */
	/* HTTP/2 was no quicker, and lost requests after some 2 000 streams to one server. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)WEB_CONNECT_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
}

static struct web_call *stillborn(struct web_call *call, const char *problem)
{
	snprintf(call->problem, sizeof(call->problem), "%s", problem);
	link_call(&call->web->stillborn, call);
	uv_timer_start(&call->web->stillborn_timer, on_stillborn, 0, 0);
	return call;
}

static struct web_call *unfit(struct web_call *call, const char *problem)
{
	call->is_unfit = true;
	return stillborn(call, problem);
}

/* Can VALUE (NULL: there is none) stand in a header? */
static bool value_is_fit(const char *value)
{
	for (const unsigned char *at = (const unsigned char *)value; at != NULL && *at != '\0';
	     at++) {
		if (*at < ' ' || *at == 0x7F)
			return false;
	}
	return true;
}

struct web_call *web_begin(
    struct web *web, const struct web_request *request, web_done done, void *ctx)
{
	struct web_call *call = xcalloc(1, sizeof(*call));
	char scheme[16];

	call->web = web;
	call->done = done;
	call->ctx = ctx;
	buf_init(&call->answer, WEB_ANSWER_MAX);
	if (!url_split(request->url, scheme, call->host))
		return unfit(call, "the address cannot be understood");
	if (!web_url_allowed(request->url, "https", "http"))
		return unfit(call, "only https:// is called, or http:// on loopback");
	if (!value_is_fit(request->token))
		return unfit(call, "the token holds control characters");
	if (!value_is_fit(request->accept) || !value_is_fit(request->from))
		return unfit(call, "a header cannot hold control characters");
	call->easy = curl_easy_init();
	if (call->easy == NULL)
		return stillborn(call, "curl cannot begin a call");
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(call->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "headsup/" HEADSUP_VERSION);
	set_bounds(call, request);
	set_trust(call, host_is_loopback(call->host));
	set_body(call, request);
	set_headers(call, request);
	if (curl_multi_add_handle(web->multi, call->easy) != CURLM_OK)
		return stillborn(call, "curl cannot begin a call");
	link_call(&web->calls, call);
	return call;
}

void web_cancel(struct web_call *call)
{
	if (call == NULL)
		return;
	if (call->easy != NULL)
		curl_multi_remove_handle(call->web->multi, call->easy);
	call_free(call);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void web_reload(struct web *web, const struct config *config)
{
	replace_text(&web->proxy, config->proxy);
	replace_text(&web->ca_file, config->ca_file);
}

struct web *web_new(struct loop *loop, const struct config *config, struct error *err)
{
	struct web *web = xcalloc(1, sizeof(*web));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (web->multi = curl_multi_init()) == NULL) {
		error_set(err, ERROR_IO, "libcurl cannot be initialised");
		free(web);
		return NULL;
	}
	web->loop = loop;
	web_reload(web, config);
	uv_timer_init(loop->uv, &web->timer);
	uv_timer_init(loop->uv, &web->stillborn_timer);
	web->timer.data = web->stillborn_timer.data = web;
	web->open_handles = 2;
	curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
	curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);
	curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, (long)WEB_IDLE_CONNECTIONS_MAX);
	return web;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct web *web = handle->data;

	if (--web->open_handles == 0)
		free(web);
}

void web_free(struct web *web)
{
	if (web == NULL)
		return;
	while (web->calls != NULL)
		web_cancel(web->calls);
	while (web->stillborn != NULL)
		call_free(web->stillborn);
	curl_multi_cleanup(web->multi);
	free(web->proxy);
	free(web->ca_file);
	uv_close((uv_handle_t *)&web->timer, on_handle_closed);
	uv_close((uv_handle_t *)&web->stillborn_timer, on_handle_closed);
}
