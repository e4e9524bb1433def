/*
 * Any body of a webhook, signed as PagerDuty signs; the same bytes as a signature, and as what the REST API answers to the questions that follow.
 * Once with the REST API and once without. No crash, and only the answers that PagerDuty may get.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/api.h"
#include "handlers/pagerduty/hook.h"
#include "handlers/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOON 1772452800
#define ROUNDS_MAX 1000 /* then a new storage: what is kept makes the next one slower */
#define STEPS_MAX 8
#define SECRET "not-so-secret-0123456789"
#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const config_texts[] = {
    "pagerduty: {webhook_secret: [other-secret-0123456789, " SECRET "], routing_key: " KEY "}\n"
    "routes: [{channel: \"#security-alerts\", page: {routing_key: " KEY "}}]\n",
    "pagerduty: {webhook_secret: " SECRET ", routing_key: " KEY ", api_token: token, from: headsup@example.com}\n"
    "routes: [{channel: \"#security-alerts\", page: {routing_key: " KEY "}}]\n"
    "people: [{slack: U0BLAIR, email: blair@example.com, pagerduty: PTUXL6G}]\n"};

static struct config *configs[2];
static struct storage *storage;
static struct desk *desk;
static int rounds;

static struct config *config_new(const char *text)
{
	char path[] = "/tmp/headsup-fuzz-XXXXXX";
	int file = mkstemp(path);
	struct error err = {0};
	struct config *config;

	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(file);
	config = config_load(path, NULL, &err);
	unlink(path);
	if (config == NULL)
		abort();
	return config;
}

static void begin(void)
{
	struct error err = {0};

	if (!storage_begin(storage, &err) || !desk_fresh(desk, &err))
		abort();
}

static void end(bool keep)
{
	struct error err = {0};

	if (!keep)
		desk_undone(desk);
	if (!storage_end(storage, keep, &err) || !storage_commit(storage, &err))
		abort();
}

/* A1 has the incident of the samples, A2 waits for one. */
static void set_up(void)
{
	struct error err = {0};
	const struct incident incident = {.alert = 1, .id = (char *)"PGR0VU2", .number = 2, .status = (char *)"triggered",
	    .status_at = NOON, .linked_at = NOON};

	desk_free(desk);
	storage_close(storage);
	for (size_t i = 0; i < 2 && configs[i] == NULL; i++)
		configs[i] = config_new(config_texts[i]);
	storage = storage_open("sqlite::memory:", &err);
	desk = storage != NULL ? desk_new(configs[1], storage, NOON, &err) : NULL;
	if (desk == NULL)
		abort();
	begin();
	for (int i = 1; i <= 2; i++) {
		struct alert alert;

		alert_init(&alert);
		alert.source = strdup("falco");
		alert.title = strdup("a shell in a container");
		alert.dedup_key = strdup(i == 1 ? "one" : "two");
		if (!intake(desk, &alert, &err))
			abort();
		replace_text(&alert.page_status, "triggered");
		alert.paged_at = NOON;
		if (!storage_put_alert(storage, &alert, &err))
			abort();
		alert_fini(&alert);
	}
	if (!storage_put_incident(storage, &incident, &err))
		abort();
	end(true);
	rounds = 0;
}

static void sign(const char *body, size_t len, char out[80])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	if (HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)body, len, digest, &digest_len) == NULL)
		abort();
	snprintf(out, 80, "v1=");
	for (size_t i = 0; i < digest_len; i++)
		snprintf(out + 3 + 2 * i, 3, "%02x", digest[i]);
}

static void post(const char *body, size_t len)
{
	char signature[80];
	const struct api_param headers[] = {{"X-PagerDuty-Signature", signature}};
	struct api_request request = {.method = "POST", .path = "/webhooks/pagerduty", .headers = headers, .header_count = 1, .body = body,
	    .body_len = len, .remote = "127.0.0.1"};
	struct api_answer answer;
	bool keep;

	sign(body, len, signature);
	api_answer_init(&answer);
	begin();
	keep = api_handle(desk, &request, &answer);
	end(keep);
	if (answer.status != (len > HOOK_BODY_MAX ? 413 : 202))
		abort();
	api_answer_fini(&answer);
}

static bool finds_hook(void *ctx, const struct word *word)
{
	int64_t *id = ctx;

	if (strcmp(word->kind, WORD_HOOK) != 0)
		return true;
	*id = word->id;
	return false;
}

/* What was asked is answered: with JSON that may be anything, or refused. */
static void answer_with(const cJSON *json, bool ok)
{
	struct reply reply = {.ok = ok, .status = ok ? 200 : 404, .body = json};
	struct error err = {0};

	for (int i = 0; i < STEPS_MAX; i++) {
		struct word_next next = {0};
		struct spoken spoken = {0};
		struct word *word;
		int64_t id = 0;

		begin();
		if (!storage_each_due_word(storage, PAGERDUTY_LANE, desk->now, 100, finds_hook, &id, &err) || id == 0) {
			end(true);
			return;
		}
		word = storage_word(storage, id);
		if (!word_render(desk, word, &spoken, &err))
			abort();
		if (!spoken.is_nothing && (!word_delivered(desk, word, &reply, &next, &err)))
			abort();
		if (next.body != NULL) {
			char *body = json_write(next.body);

			if (!storage_go_on_word(storage, id, body, TIME_NONE, &err))
				abort();
			free(body);
		} else if (!storage_remove_word(storage, id, &err)) {
			abort();
		}
		end(true);
		word_next_fini(&next);
		spoken_fini(&spoken);
		word_free(word);
	}
}

static void read_one(const cJSON *json)
{
	struct change change;
	struct buf space;

	buf_init(&space, 256);
	if (hook_read(json_get(json, "event"), &change, &space)) {
		if (!rest_is_id(change.incident) || (change.did == DID_MERGE && !rest_is_id(change.into)) ||
		    (change.did == DID_NOTE && change.note == NULL))
			abort();
		if ((change.agent_id != NULL && !rest_is_id(change.agent_id)) || (change.to_id != NULL && !rest_is_id(change.to_id)))
			abort();
	}
	buf_fini(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = calloc(size + 1, 1); /* ends in NUL, as bodies and headers do */
	char *const secrets[] = {(char *)SECRET, NULL};
	struct error err = {0};
	cJSON *json;

	memcpy(body, data, size);
	if (desk == NULL || rounds++ > ROUNDS_MAX)
		set_up();
	if (hook_proves(secrets, body, body, size))
		abort();
	json = json_parse(body, size, &err);
	read_one(json);
	for (size_t i = 0; i < 2; i++) {
		if (!desk_reload(desk, configs[i], &err))
			abort();
		desk->now++;
		post(body, size);
	}
	answer_with(json, size % 2 == 0);
	cJSON_Delete(json);
	free(body);
	return 0;
}
