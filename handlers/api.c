#include "handlers/api.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/api_internal.h"
#include "handlers/grammar.h"
#include "handlers/pagerduty/hook.h"
#include "handlers/proof.h"
#include "handlers/sns.h"

#define TOKEN_MAX 4096 /* bytes of a credential that are looked at */

/* ---- answers -------------------------------------------------------------------------------------------- */

static const struct {
	int status;
	const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

void api_answer_init(struct api_answer *answer)
{
	*answer = (struct api_answer){.status = 200, .content_type = "application/json"};
	buf_init(&answer->body, API_ANSWER_MAX);
}

void api_answer_fini(struct api_answer *answer)
{
	buf_fini(&answer->body);
}

void api_json(struct api_answer *answer, int status, cJSON *json)
{
	char *text = json_write(json);

	answer->status = status;
	answer->content_type = status >= 400 ? "application/problem+json" : "application/json";
	buf_reset(&answer->body);
	buf_puts(&answer->body, text);
	buf_putc(&answer->body, '\n');
	free(text);
	cJSON_Delete(json);
	if (!buf_ok(&answer->body))
		api_problem(answer, 500, "the answer is too long; ask for fewer with limit=");
}

static cJSON *problem_json(int status, const char *detail)
{
	cJSON *json = cJSON_CreateObject();
	const char *title = "Error";

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (titles[i].status == status)
			title = titles[i].title;
	}
	json_put(json, "type", "about:blank");
	json_put(json, "title", title);
	json_put_int(json, "status", status);
	json_put(json, "detail", detail);
	return json;
}

void api_problem(struct api_answer *answer, int status, const char *detail)
{
	api_json(answer, status, problem_json(status, detail));
	answer->asks_basic = status == 401;
	if ((status == 429 || status == 503) && answer->retry_after_s == 0)
		answer->retry_after_s = 1;
}

static int status_of(enum error_kind kind)
{
	switch (kind) {
	case ERROR_USAGE:
		return 400;
	case ERROR_FORBIDDEN:
		return 403;
	case ERROR_NOT_FOUND:
		return 404;
	case ERROR_REFUSED:
	case ERROR_CONFLICT:
		return 409;
	case ERROR_TOO_LONG:
		return 413;
	case ERROR_IO:
	case ERROR_NEWER:
	case ERROR_WAIT:
		return 503;
	case ERROR_NONE:
		break;
	}
	return 500;
}

char *api_plain_sentence(const struct config *config, const char *text)
{
	static const struct {
		const char *entity, *plain;
	} entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
	struct buf out;
	char space[64], id[64];

	buf_init(&out, 4 * sizeof(((struct error *)0)->text));
	while (*text != '\0') {
		size_t len = 1;

		if (strncmp(text, "<@", 2) == 0 && strcspn(text + 2, ">") < sizeof(id) && text[2 + strcspn(text + 2, ">")] == '>') {
			size_t id_len = strcspn(text + 2, ">");

			snprintf(id, sizeof(id), "%.*s", (int)id_len, text + 2);
			buf_puts(&out, config_person_name(config, id, space));
			text += id_len + 3;
			continue;
		}
		for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
			if (!text_prefix(text, entities[i].entity))
				continue;
			buf_puts(&out, entities[i].plain);
			len = 0;
			text += strlen(entities[i].entity);
			break;
		}
		if (len == 1)
			buf_putc(&out, *text++);
	}
	return buf_take(&out);
}

void api_refuse_with(struct call *call, const struct error *err, const char *name, cJSON *member)
{
	int status = status_of(err->kind);
	char *detail = api_plain_sentence(call->desk->config, err->text);
	cJSON *json = problem_json(status, status == 503 && err->kind != ERROR_WAIT ? "could not be stored; try again" : detail);

	/* Both are 409; a pipeline must know which: what policy refuses is not asked for again. */
	if (err->kind == ERROR_REFUSED || err->kind == ERROR_CONFLICT)
		json_put(json, "reason", err->kind == ERROR_REFUSED ? "policy" : "conflict");
	if (member != NULL)
		cJSON_AddItemToObject(json, name, member);
	api_json(call->answer, status, json);
	if (status == 503)
		call->answer->retry_after_s = 1;
	if (err->kind == ERROR_IO)
		call->is_stored = false;
	free(detail);
}

void api_refuse(struct call *call, const struct error *err)
{
	api_refuse_with(call, err, NULL, NULL);
}

/* ---- questions ------------------------------------------------------------------------------------------ */

const char *api_query(const struct api_request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++) {
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	}
	return NULL;
}

const char *api_header(const struct api_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

cJSON *api_object(struct call *call)
{
	const struct api_request *request = call->request;
	struct error err;
	cJSON *json;

	if (request->body_len == 0)
		return cJSON_CreateObject();
	json = json_parse(request->body, request->body_len, &err);
	if (json != NULL && cJSON_IsObject(json))
		return json;
	if (json != NULL)
		error_set(&err, ERROR_USAGE, "the body must be a JSON object");
	cJSON_Delete(json);
	api_refuse(call, &err);
	return NULL;
}

static bool digits(const char *text, int64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 18)
		return false;
	*value = strtoll(text, &end, 10);
	return *end == '\0';
}

size_t api_limit(struct call *call)
{
	const char *text = api_query(call->request, "limit");
	int64_t limit;

	if (text == NULL)
		return API_LIST_DEFAULT;
	if (!digits(text, &limit) || limit < 1) {
		api_problem(call->answer, 400, "limit must be a number from 1; try limit=100");
		return 0;
	}
	return limit > API_LIST_MAX ? API_LIST_MAX : (size_t)limit;
}

bool api_cursor(struct call *call, int64_t *before_id)
{
	const char *text = api_query(call->request, "cursor");

	*before_id = 0;
	if (text_is_empty(text))
		return true;
	if (digits(text, before_id) && *before_id > 0)
		return true;
	api_problem(call->answer, 400, "that cursor is none of ours; begin without cursor=");
	return false;
}

/* ---- who asks ------------------------------------------------------------------------------------------- */

/* The password of `Basic dXNlcjpwYXNzd29yZA==` is the token. */
static bool basic_password(const char *encoded, char *out, size_t size)
{
	unsigned char plain[TOKEN_MAX];
	size_t len = strlen(encoded);
	const char *colon;
	int got;

	if (len == 0 || len % 4 != 0 || len > TOKEN_MAX)
		return false;
	got = EVP_DecodeBlock(plain, (const unsigned char *)encoded, (int)len);
	if (got < 0 || (size_t)got >= sizeof(plain))
		return false;
	plain[got] = '\0';
	colon = strchr((const char *)plain, ':');
	if (colon == NULL)
		return false;
	snprintf(out, size, "%s", colon + 1);
	OPENSSL_cleanse(plain, sizeof(plain));
	return true;
}

/* ?access_token= is what CloudEvents' senders say: github.com/cloudevents/spec http-webhook.md, 3.2. */
static const char *token_in_query(const struct api_request *request)
{
	const char *token = api_query(request, "token");

	return token != NULL ? token : api_query(request, "access_token");
}

/* What the request proves itself with; false when it brings nothing. Okta and others send `Authorization: TOKEN`, without a scheme. */
static bool credential(const struct api_request *request, char *out, size_t size)
{
	const char *header = api_header(request, "Authorization");
	const char *query = token_in_query(request);

	if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0) {
		snprintf(out, size, "%s", header + 7 + strspn(header + 7, " "));
		return true;
	}
	if (header != NULL && strncasecmp(header, "Basic ", 6) == 0)
		return basic_password(header + 6 + strspn(header + 6, " "), out, size);
	if (query == NULL && text_is_empty(header))
		return false;
	snprintf(out, size, "%s", query != NULL ? query : header);
	return true;
}

/* How often a source may be heard. */
struct allowance {
	double tokens;
	int64_t at; /* when TOKENS was counted; TIME_NONE: never */
};
struct credentials {
	struct secret *tokens, *sources; /* in the order of the configuration */
	struct allowance *allowances;    /* of the sources */
};

struct credentials *credentials_new(const struct config *config)
{
	struct credentials *credentials = xcalloc(1, sizeof(*credentials));

	credentials->tokens = xcalloc(config->token_count, sizeof(*credentials->tokens));
	credentials->sources = xcalloc(config->source_count, sizeof(*credentials->sources));
	credentials->allowances = xcalloc(config->source_count, sizeof(*credentials->allowances));
	for (size_t i = 0; i < config->token_count; i++)
		secret_set(&credentials->tokens[i], config->tokens[i].token);
	for (size_t i = 0; i < config->source_count; i++) {
		secret_set(&credentials->sources[i], config->sources[i].token);
		credentials->allowances[i].at = TIME_NONE;
	}
	return credentials;
}

void credentials_free(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	free(credentials->tokens);
	free(credentials->sources);
	free(credentials->allowances);
	free(credentials);
}

const struct source_config *api_source_of(const struct desk *desk, const char *token)
{
	const struct source_config *found = NULL;
	struct secret secret;

	secret_set(&secret, token);
	for (size_t i = 0; i < desk->config->source_count; i++) {
		if (secret_equal(&secret, &desk->credentials->sources[i]))
			found = &desk->config->sources[i];
	}
	return found;
}

bool api_source_may(struct desk *desk, const struct source_config *source, int64_t *retry_after_s)
{
	struct allowance *allowance = &desk->credentials->allowances[source - desk->config->sources];
	const double most = source->burst > 1 ? (double)source->burst : 1;

	if (source->rate <= 0)
		return true;
	/* A clock that was set back neither gives nor takes. */
	if (allowance->at == TIME_NONE)
		allowance->tokens = most;
	else if (desk->now > allowance->at)
		allowance->tokens += (double)(desk->now - allowance->at) * source->rate;
	if (allowance->tokens > most)
		allowance->tokens = most;
	allowance->at = desk->now;
	if (allowance->tokens >= 1) {
		allowance->tokens -= 1;
		return true;
	}
	*retry_after_s = (int64_t)ceil((1 - allowance->tokens) / source->rate);
	return false;
}

/* Every secret is compared, the right one or not: how long it takes tells nothing. */
static bool identify(const struct desk *desk, const struct api_request *request, struct caller *caller)
{
	const struct config *config = desk->config;
	struct secret secret;
	char given[TOKEN_MAX];

	if (!credential(request, given, sizeof(given)))
		return false;
	secret_set(&secret, given);
	OPENSSL_cleanse(given, strlen(given));
	for (size_t i = 0; i < config->token_count; i++) {
		if (secret_equal(&secret, &desk->credentials->tokens[i]))
			caller->token = &config->tokens[i];
	}
	for (size_t i = 0; i < config->source_count; i++) {
		if (secret_equal(&secret, &desk->credentials->sources[i]))
			caller->source = &config->sources[i];
	}
	if (caller->token != NULL) {
		caller->actor.who = caller->token->name;
		caller->actor.may = caller->token->may;
	} else if (caller->source != NULL) {
		caller->actor.who = caller->source->name;
	}
	return caller->token != NULL || caller->source != NULL;
}

/* ---- what is asked -------------------------------------------------------------------------------------- */

static void pagerduty_hook(struct call *call)
{
	call->is_stored = hook_handle(call->desk, call->request, call->answer);
}

static const struct endpoint {
	const char *method, *path; /* {} stands for one part; a last {} of three is the verb */
	unsigned may;              /* a token needs one of these; 0: what proves its sender is in the body */
	bool source_may;           /* or it is the source that the path names, or any where it names none */
	size_t limit;              /* bytes of body */
	void (*answer)(struct call *call);
} endpoints[] = {
    {"POST", "/v1/alerts",             MAY_SEND,     false, API_ALERTS_BODY_MAX, api_alerts_post},
    {"GET",  "/v1/alerts",             MAY_READ,     false, API_BODY_MAX,        api_alerts_list},
    {"GET",  "/v1/alerts/{}",          MAY_SEND,     true,  API_BODY_MAX,        api_okta_challenge},
    {"GET",  "/v1/alerts/{}",          MAY_READ,     false, API_BODY_MAX,        api_alerts_get},
    {"POST", "/v1/alerts/{}",          MAY_SEND,     true,  API_ALERTS_BODY_MAX, api_alerts_post_source},
    {"OPTIONS", "/v1/alerts/{}",       MAY_SEND,     true,  API_BODY_MAX,        api_cloudevents_handshake},
    {"POST", "/v1/alerts/{}/{}",       MAY_ACT,      false, API_BODY_MAX,        api_alerts_act},
    {"POST", "/v1/announcements",      MAY_ANNOUNCE, false, API_BODY_MAX,        api_announcements_post},
    {"GET",  "/v1/announcements",      MAY_READ | MAY_ANNOUNCE, false, API_BODY_MAX, api_announcements_list},
    {"GET",  "/v1/announcements/{}",   MAY_READ | MAY_ANNOUNCE, false, API_BODY_MAX, api_announcements_get},
    {"POST", "/v1/announcements/{}/{}", MAY_ANNOUNCE, false, API_BODY_MAX,       api_announcements_act},
    {"GET",  "/v1/audit",              MAY_READ,     false, API_BODY_MAX,        api_audit},
    {"GET",  "/v1/outbox",             MAY_READ,     false, API_BODY_MAX,        api_outbox_list},
    {"POST", "/v1/outbox/{}/{}",       MAY_ACT,      false, API_BODY_MAX,        api_outbox_act},
    {"POST", "/v1/test",               MAY_SEND,     false, API_BODY_MAX,        api_test},
    {"POST", "/v2/enqueue",            0,            false, API_EVENT_MAX,       api_events_enqueue},
    {"POST", "/v2/change/enqueue",     0,            false, API_EVENT_MAX,       api_events_change},
    {"POST", "/webhooks/pagerduty",    0,            false, HOOK_BODY_MAX,       pagerduty_hook},
    {"POST", "/api/v2/alerts",         MAY_SEND,     true,  API_ALERTS_BODY_MAX, api_am_alerts_post},
    {"GET",  "/api/v2/alerts",         MAY_READ,     false, API_BODY_MAX,        api_am_alerts_get},
    {"GET",  "/api/v2/silences",       MAY_READ,     false, API_BODY_MAX,        api_am_silences_get},
    {"POST", "/api/v2/silences",       MAY_ANNOUNCE, false, API_BODY_MAX,        api_am_silences_post},
    {"GET",  "/api/v2/silence/{}",     MAY_READ,     false, API_BODY_MAX,        api_am_silence_get},
    {"DELETE", "/api/v2/silence/{}",   MAY_ANNOUNCE, false, API_BODY_MAX,        api_am_silence_delete},
    {"GET",  "/api/v2/receivers",      MAY_READ,     false, API_BODY_MAX,        api_am_receivers},
    {"GET",  "/api/v2/status",         MAY_READ,     false, API_BODY_MAX,        api_am_status},
};

#define PART_MAX 128 /* bytes of one part of a path */

/* Does PATH fit PATTERN? Fills the parts at {}. */
static bool path_fits(const char *pattern, const char *path, char parts[2][PART_MAX])
{
	size_t part = 0;

	while (*pattern != '\0') {
		size_t len;

		if (strncmp(pattern, "{}", 2) != 0) {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		len = strcspn(path, "/");
		if (len == 0 || len >= PART_MAX)
			return false;
		memcpy(parts[part], path, len);
		parts[part++][len] = '\0';
		path += len;
		pattern += 2;
	}
	return *path == '\0';
}

/* A HEAD is answered as its GET; the server leaves the body out. */
static bool same_method(const char *asked, const char *ours)
{
	return strcmp(strcmp(asked, "HEAD") == 0 ? "GET" : asked, ours) == 0;
}

/* For the Allow header, by the bits below. */
static const char *const allows[] = {
    NULL, "GET, HEAD", "POST", "GET, HEAD, POST", "DELETE", "GET, HEAD, DELETE", "DELETE, POST", "GET, HEAD, DELETE, POST"};

static unsigned allow_bit(const char *method)
{
	static const char *const methods[] = {"GET", "POST", "DELETE"};

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(method, methods[i]) == 0)
			return 1U << i;
	}
	return 0; /* OPTIONS is asked by nobody who reads Allow */
}

/* *ALLOW: the methods that the path takes; NULL when there is no such path. */
static const struct endpoint *endpoint_find(const struct api_request *request, char parts[2][PART_MAX], const char **allow)
{
	unsigned bits = 0;

	*allow = NULL;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		if (!path_fits(endpoints[i].path, request->path, parts))
			continue;
		bits |= allow_bit(endpoints[i].method);
		if (same_method(request->method, endpoints[i].method) &&
		    (endpoints[i].answer != api_okta_challenge || api_header(request, API_OKTA_CHALLENGE) != NULL))
			return &endpoints[i];
	}
	*allow = allows[bits];
	return NULL;
}

static const struct source_config *source_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->source_count; i++) {
		if (strcmp(config->sources[i].name, name) == 0)
			return &config->sources[i];
	}
	return NULL;
}

static bool may_ask(const struct caller *caller, const struct endpoint *endpoint, const char *part)
{
	if (caller->token != NULL && (caller->token->may & endpoint->may) != 0)
		return true;
	return endpoint->source_may && caller->source != NULL && (part[0] == '\0' || strcmp(caller->source->name, part) == 0);
}

static bool brings_credential(const struct api_request *request)
{
	return api_header(request, "Authorization") != NULL || token_in_query(request) != NULL;
}

/* Does REQUEST bring a signature, and has SOURCE what it could be checked with? */
static bool may_sign(const struct source_config *source, const struct api_request *request)
{
	return (source->secret != NULL && api_header(request, proof_header(source)) != NULL) ||
	       (source->topics != NULL && sns_is_message(request));
}

/* The signature of what was admitted without a token. */
static bool prove(struct desk *desk, const struct api_request *request, const struct source_config *source, struct error *err)
{
	const bool is_sns = source->topics != NULL && sns_is_message(request);

	if (is_sns && source->secret != NULL && proof_holds(source, request, desk->now, NULL))
		return true;
	return is_sns ? sns_holds(desk, source, request, err) : proof_holds(source, request, desk->now, err);
}

/* Finds the endpoint and who asks; NULL when ANSWER holds the refusal. */
static const struct endpoint *admit(struct desk *desk, const struct api_request *request, struct caller *caller,
    char parts[2][PART_MAX], struct api_answer *answer)
{
	const char *allow;
	const struct endpoint *endpoint = endpoint_find(request, parts, &allow);
	const struct source_config *source;
	bool is_known;

	*caller = (struct caller){.actor = {.via = "api", .from = request->remote, .is_token = true}};
	if (endpoint == NULL && allow == NULL) {
		api_problem(answer, 404, "there is no such endpoint");
		return NULL;
	}
	if (endpoint == NULL) {
		api_problem(answer, 405, "this endpoint takes another method");
		answer->allow = allow;
		return NULL;
	}
	if (endpoint->answer == pagerduty_hook && !hook_admits(desk, request, answer))
		return NULL;
	if (endpoint->may == 0)
		return endpoint;
	is_known = identify(desk, request, caller);
	source = endpoint->source_may ? source_find(desk->config, parts[0]) : NULL;
	if (is_known && may_ask(caller, endpoint, parts[0]) && (source != NULL || !endpoint->source_may || parts[0][0] == '\0'))
		return endpoint;
	if (source != NULL && may_sign(source, request)) {
		/* The body has to be there before this is known. */
		*caller = (struct caller){.unproven = source,
		    .actor = {.who = source->name, .via = "api", .from = request->remote, .is_token = true}};
		return endpoint;
	}
	if (is_known && endpoint->source_may && source == NULL && parts[0][0] != '\0') {
		api_problem(answer, 404, "no source of that name is configured (sources: in the configuration)");
		return NULL;
	}
	desk->counts.refused++;
	if (source != NULL && source->secret != NULL && (source->token == NULL || !brings_credential(request)))
		api_problem(answer, 403, "the signature is missing, and there is no token (Authorization: Bearer TOKEN, or ?token=)");
	else if (!is_known)
		api_problem(answer, 401,
		    "the request needs a known token: Authorization: Bearer TOKEN, HTTP basic with the token as the password, or ?token=");
	else
		api_problem(answer, 403, "this token may not do that (its `may:` in the configuration)");
	return NULL;
}

/* Is the body as it was written? Inflating a stranger's is not done: a small one could become any size. */
static bool is_plain(const struct api_request *request, struct api_answer *answer)
{
	const char *coding = api_header(request, "content-encoding");

	if (coding == NULL || coding[0] == '\0' || strcasecmp(coding, "identity") == 0)
		return true;
	api_problem(answer, 415, "the body is compressed (Content-Encoding), and is taken only as it is: configure the sender not to");
	return false;
}

bool api_admit(struct desk *desk, const struct api_request *request, size_t *limit, struct api_answer *answer)
{
	char parts[2][PART_MAX] = {{0}};
	struct caller caller;
	const struct endpoint *endpoint = admit(desk, request, &caller, parts, answer);

	*limit = endpoint != NULL ? endpoint->limit : 0;
	return endpoint != NULL && is_plain(request, answer);
}

bool api_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	char parts[2][PART_MAX] = {{0}};
	struct call call = {.desk = desk, .request = request, .answer = answer, .is_stored = true};
	const struct endpoint *endpoint = admit(desk, request, &call.caller, parts, answer);
	struct error err;

	if (endpoint == NULL || !is_plain(request, answer))
		return true;
	if (request->body_len > endpoint->limit) {
		api_problem(answer, 413, "the body is too large");
		return true;
	}
	if (call.caller.unproven != NULL && !prove(desk, request, call.caller.unproven, &err)) {
		desk->counts.refused += err.kind == ERROR_FORBIDDEN;
		api_refuse(&call, &err);
		return true;
	}
	if (call.caller.unproven != NULL)
		call.caller.source = call.caller.unproven;
	call.part = parts[0];
	call.verb = parts[1][0] != '\0' ? parts[1] : NULL;
	endpoint->answer(&call);
	return call.is_stored;
}
