/* client - headsup as its own caller. */
#include "bot/client.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bot/web.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"

#define URL_MAX 2048        /* bytes of HEADSUP_URL */
#define TOKEN_MAX 4096      /* bytes of HEADSUP_TOKEN */
#define FIRST_PAUSE_MS 250  /* before the second try; the third waits four times as long */
#define RETRY_AFTER_MAX_S 5 /* a longer Retry-After is not waited for */

struct client {
	char *url, *ca_file;
	char *bearer; /* "Authorization: Bearer …"; NULL: no token */
	bool is_loopback;
	CURLM *multi;
	CURL *call; /* the request that was begun */
	struct curl_slist *headers;
	struct buf answer;
	char *sent; /* its body */
	bool is_busy;
	CURLcode code;
};

/* ---- where, and who ---------------------------------------------------------------------------------------- */

/* The refusals do not repeat the address: what is wrong with it may be that it holds a secret. */
static bool check_url(const char *url, struct error *err)
{
	static const CURLUPart none[] = {
	    CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
	CURLU *parts = curl_url();
	char *text = NULL;
	bool ok = strlen(url) <= URL_MAX && !text_has_invisible(url) &&
		  curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

	if (!ok)
		error_set(
		    err, ERROR_USAGE, "HEADSUP_URL is no address; try https://headsup.example.com");
	for (size_t i = 0; ok && i < sizeof(none) / sizeof(none[0]); i++) {
		if (curl_url_get(parts, none[i], &text, 0) != CURLUE_OK)
			continue;
		curl_free(text);
		ok = error_set(err, ERROR_USAGE,
		    "HEADSUP_URL is an address alone, without a user, a password, ? or #; the "
		    "token belongs into HEADSUP_TOKEN");
	}
	curl_url_cleanup(parts);
	if (ok && !web_url_allowed(url, "https", "http"))
		return error_set(err, ERROR_USAGE,
		    "HEADSUP_URL begins with https://, or on loopback with http://: the token must "
		    "not be read on its way");
	return ok;
}

static bool set_token(struct client *client, const char *token, struct error *err)
{
	if (text_is_empty(token))
		return true;
	if (strlen(token) > TOKEN_MAX || text_has_invisible(token))
		return error_set(err, ERROR_USAGE,
		    "HEADSUP_TOKEN is too long, or holds a line break or another character that a "
		    "token cannot have");
	client->bearer = xasprintf("Authorization: Bearer %s", token);
	return true;
}

static const char *first_set(const char *a, const char *b, const char *c)
{
	return !text_is_empty(a) ? a : !text_is_empty(b) ? b : c;
}

struct client *client_new(const char *ca_file, struct error *err)
{
	const char *url = first_set(getenv("HEADSUP_URL"), NULL, CLIENT_URL_DEFAULT);
	struct client *client = xcalloc(1, sizeof(*client));
	size_t len = strlen(url);

	buf_init(&client->answer, CLIENT_ANSWER_MAX);
	if (!check_url(url, err) || !set_token(client, getenv("HEADSUP_TOKEN"), err))
		goto fail;
	while (len > 0 && url[len - 1] == '/')
		len--;
	client->url = xstrndup(url, len);
	client->is_loopback = web_url_is_loopback(url);
	client->ca_file =
	    xstrdup(first_set(ca_file, getenv("HEADSUP_CA_FILE"), getenv("SSL_CERT_FILE")));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK &&
	    (client->multi = curl_multi_init()) != NULL)
		return client;
	error_set(err, ERROR_IO, "libcurl does not start");
fail:
	client_free(client);
	return NULL;
}

static void forget_call(struct client *client)
{
	if (client->call != NULL) {
		curl_multi_remove_handle(client->multi, client->call);
		curl_easy_cleanup(client->call);
	}
	client->call = NULL;
	curl_slist_free_all(client->headers);
	client->headers = NULL;
	free(client->sent);
	client->sent = NULL;
	client->is_busy = false;
}

void client_free(struct client *client)
{
	if (client == NULL)
		return;
	forget_call(client);
	if (client->multi != NULL)
		curl_multi_cleanup(client->multi);
	buf_fini(&client->answer);
	free(client->url);
	free(client->ca_file);
	free(client->bearer);
	free(client);
}

const char *client_url(const struct client *client)
{
	return client->url;
}

/* ---- one request ------------------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct buf *answer = ctx;

	buf_put(answer, data, size * count);
	return buf_ok(answer) ? size * count : 0;
}

static void put_header(struct client *client, const char *line)
{
	struct curl_slist *more = curl_slist_append(client->headers, line);

	if (more == NULL)
		abort(); /* out of memory, as in xcalloc() */
	client->headers = more;
}

static void set_headers(struct client *client, const struct client_request *request)
{
	char *key;

	put_header(client, "Accept: application/json");
	put_header(client, "Content-Type: application/json");
	put_header(client, "Expect:");
	if (client->bearer != NULL)
		put_header(client, client->bearer);
	if (request->key == NULL)
		return;
	key = xasprintf("Idempotency-Key: %s", request->key);
	put_header(client, key);
	free(key);
}

static void set_body(struct client *client, const struct client_request *request)
{
	const size_t len = request->raw != NULL ? request->raw_len : 0;

	if (strcmp(request->method, "POST") != 0)
		return;
	/* A body of our own: the request may end after the call that began it. */
	if (request->raw != NULL) {
		client->sent = xcalloc(len + 1, 1);
		memcpy(client->sent, request->raw, len);
	} else {
		client->sent = request->body != NULL ? json_write(request->body) : xstrdup("");
	}
	curl_easy_setopt(client->call, CURLOPT_POST, 1L);
	curl_easy_setopt(client->call, CURLOPT_POSTFIELDS, client->sent);
	curl_easy_setopt(client->call, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)(request->raw != NULL ? len : strlen(client->sent)));
}

void client_begin(struct client *client, const struct client_request *request)
{
	const int64_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : CLIENT_CALL_MS;
	const int64_t connect_ms = timeout_ms < CLIENT_CONNECT_MS ? timeout_ms : CLIENT_CONNECT_MS;
	char *url = xasprintf("%s%s", client->url, request->path);

	forget_call(client);
	buf_reset(&client->answer);
	client->call = curl_easy_init();
	if (client->call == NULL)
		abort(); /* out of memory, as in xcalloc() */
	set_headers(client, request);
	curl_easy_setopt(client->call, CURLOPT_URL, url);
	curl_easy_setopt(client->call, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(client->call, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(client->call, CURLOPT_HTTPHEADER, client->headers);
	curl_easy_setopt(client->call, CURLOPT_USERAGENT, "headsup/" HEADSUP_VERSION);
	curl_easy_setopt(client->call, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(client->call, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(client->call, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(client->call, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(client->call, CURLOPT_WRITEDATA, &client->answer);
	if (client->is_loopback)
		curl_easy_setopt(client->call, CURLOPT_PROXY, "");
	if (client->ca_file != NULL)
		curl_easy_setopt(client->call, CURLOPT_CAINFO, client->ca_file);
	set_body(client, request);
	free(url);
	client->code = CURLE_OK;
	client->is_busy = curl_multi_add_handle(client->multi, client->call) == CURLM_OK;
	if (!client->is_busy)
		client->code = CURLE_FAILED_INIT;
}

static void step(struct client *client)
{
	CURLMsg *message;
	int left;

	if (!client->is_busy)
		return;
	if (curl_multi_perform(client->multi, &left) != CURLM_OK) {
		client->code = CURLE_FAILED_INIT;
		client->is_busy = false;
	}
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		client->code = message->data.result;
		client->is_busy = false;
	}
}

void client_wait(struct client *client, int fd, int64_t timeout_ms)
{
	struct curl_waitfd besides = {.fd = fd, .events = CURL_WAIT_POLLIN};

	step(client);
	if (client->call != NULL && !client->is_busy)
		timeout_ms = 0;
	curl_multi_poll(
	    client->multi, fd >= 0 ? &besides : NULL, fd >= 0 ? 1 : 0, (int)timeout_ms, NULL);
	step(client);
}

bool client_is_busy(const struct client *client)
{
	return client->is_busy;
}

/* ---- what came of it ---------------------------------------------------------------------------------------- */

static bool is_for_now(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static void read_problem(const struct client *client, struct client_answer *answer)
{
	const char *detail = json_text(answer->json, "detail"),
		   *reason = json_text(answer->json, "reason");
	enum error_kind kind = ERROR_CONFLICT;

	if (answer->status == 400)
		kind = ERROR_USAGE;
	else if (answer->status == 401 || answer->status == 403)
		kind = ERROR_FORBIDDEN;
	else if (answer->status == 404)
		kind = ERROR_NOT_FOUND;
	else if (answer->status == 409 && text_equal(reason, "policy"))
		kind = ERROR_REFUSED;
	else if (answer->status != 409)
		kind = ERROR_IO;
	if (answer->status == 401)
		error_set(&answer->error, kind, "%s",
		    client->bearer != NULL ? "headsup does not know the token in HEADSUP_TOKEN"
					   : "HEADSUP_TOKEN is not set");
	else if (detail != NULL)
		error_set(&answer->error, kind, "%s", detail);
	else
		error_set(&answer->error, ERROR_IO,
		    "%s answered %d and no more; is HEADSUP_URL right?", client->url,
		    answer->status);
}

static void read_failure(const struct client *client, struct client_answer *answer)
{
	curl_off_t sent_at = 0;

	curl_easy_getinfo(client->call, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
	answer->was_sent = sent_at > 0;
	answer->is_out_of_reach = client->code != CURLE_WRITE_ERROR;
	error_set(&answer->error, ERROR_IO, "headsup at %s cannot be reached: %s", client->url,
	    curl_easy_strerror(client->code));
	if (client->code == CURLE_WRITE_ERROR)
		error_set(&answer->error, ERROR_IO,
		    "the answer is longer than %u bytes; ask for less", CLIENT_ANSWER_MAX);
	else if (client->code == CURLE_SSL_CACERT_BADFILE)
		error_set(
		    &answer->error, ERROR_IO, "the CA file %s cannot be read", client->ca_file);
}

bool client_end(struct client *client, struct client_answer *answer)
{
	curl_off_t retry_after_s = 0;
	long status = 0;

	*answer = (struct client_answer){.was_sent = true};
	if (client->code != CURLE_OK) {
		read_failure(client, answer);
		forget_call(client);
		return false;
	}
	curl_easy_getinfo(client->call, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(client->call, CURLINFO_RETRY_AFTER, &retry_after_s);
	forget_call(client);
	answer->status = (int)status;
	answer->retry_after_s = (int64_t)retry_after_s;
	answer->is_out_of_reach = is_for_now(answer->status);
	answer->json = json_parse(buf_text(&client->answer), client->answer.len, NULL);
	answer->text = xstrdup(buf_text(&client->answer));
	if (answer->status >= 200 && answer->status < 300 && answer->json != NULL)
		return true;
	read_problem(client, answer);
	return false;
}

void client_answer_fini(struct client_answer *answer)
{
	cJSON_Delete(answer->json);
	free(answer->text);
	*answer = (struct client_answer){0};
}

/* May the same be asked once more? 429 and 503 say that nothing was done. */
static bool may_repeat(const struct client_request *request, const struct client_answer *answer)
{
	if (!answer->is_out_of_reach || answer->retry_after_s > RETRY_AFTER_MAX_S)
		return false;
	return request->is_repeatable || !answer->was_sent || answer->status == 429 ||
	       answer->status == 503;
}

bool client_call(
    struct client *client, const struct client_request *request, struct client_answer *answer)
{
	int64_t pause_ms = FIRST_PAUSE_MS;

	for (int i = 1;; i++, pause_ms *= 4) {
		client_begin(client, request);
		while (client_is_busy(client))
			client_wait(client, -1, CLIENT_CALL_MS);
		if (client_end(client, answer))
			return true;
		if (i == CLIENT_TRIES || !may_repeat(request, answer))
			return false;
		poll(NULL, 0,
		    (int)(answer->retry_after_s > 0 ? answer->retry_after_s * 1000 : pause_ms));
		client_answer_fini(answer);
	}
}

int client_status(const struct client_answer *answer)
{
	switch (answer->error.kind) {
	case ERROR_NONE:
		return STATUS_DONE;
	case ERROR_USAGE:
		return STATUS_USAGE;
	case ERROR_REFUSED:
		return STATUS_REFUSED;
	default:
		return STATUS_FAILED;
	}
}
