/*
 * Any body behind any of the HTTP doors that read one. The first byte chooses the door, the rest is the body; a storage in memory takes what it
 * says. No crash, and an answer with a status.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/api.h"
#include "handlers/desk.h"
#include "handlers/sns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "Bearer ops-secret-0000000"
#define ROUNDS_MAX 2000 /* then a new storage: what is kept makes the next one slower */

static const char config_text[] =
    "sources:\n"
    "  - {name: aws, format: sns, topics: [\"arn:aws:sns:us-west-2:123456789012:MyTopic\"]}\n"
    "  - {name: pd, format: pagerduty, token: pd-secret-000000000}\n"
    "  - {name: hook, format: slack-webhook, token: hook-secret-000000}\n"
    "  - {name: signed, format: github, secret: signed-secret-0000}\n"
    "tokens:\n"
    "  - {name: ops, token: ops-secret-0000000, may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n";

static const struct door {
	const char *method, *path;
	struct api_param header;
} doors[] = {
    {"POST", "/api/v2/alerts", {"Authorization", TOKEN}},
    {"POST", "/api/v2/silences", {"Authorization", TOKEN}}, {"POST", "/v2/enqueue", {"X-None", ""}},
    {"POST", "/v2/change/enqueue", {"X-None", ""}},
    {"POST", "/v1/alerts/hook", {"Authorization", TOKEN}},
    {"POST", "/v1/alerts/aws", {"x-amz-sns-message-type", "Notification"}},
    {"POST", "/v1/alerts/signed", {"X-Hub-Signature-256", "sha256=00"}},
    {"POST", "/v1/alerts", {"Authorization", TOKEN}},
    {"POST", "/v1/announcements", {"Authorization", TOKEN}},
    {"GET", "/api/v2/alerts", {"Authorization", TOKEN}},   /* the body is its filter= */
    {"GET", "/api/v2/silences", {"Authorization", TOKEN}}, /* likewise */
};

static struct config *config;
static struct storage *storage;
static struct desk *desk;
static int rounds;

static void set_up(void)
{
	char path[] = "/tmp/headsup-fuzz-XXXXXX";
	int file;
	struct error err = {0};

	desk_free(desk);
	storage_close(storage);
	if (config == NULL) {
		file = mkstemp(path);
		if (file < 0 || write(file, config_text, sizeof(config_text) - 1) !=
				    (ssize_t)sizeof(config_text) - 1)
			abort();
		close(file);
		config = config_load(path, NULL, &err);
		unlink(path);
	}
	storage = storage_open("sqlite::memory:", &err);
	desk =
	    config != NULL && storage != NULL ? desk_new(config, storage, 1772452800, &err) : NULL;
	if (desk == NULL)
		abort();
	rounds = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct door *door;
	struct api_request request = {.header_count = 1, .remote = "127.0.0.1"};
	struct api_param query;
	struct api_answer answer;
	struct error err = {0};
	size_t limit;
	char *body;
	bool keep;

	if (size < 1)
		return 0;
	if (desk == NULL || rounds++ > ROUNDS_MAX)
		set_up();
	door = &doors[data[0] % (sizeof(doors) / sizeof(doors[0]))];
	body = calloc(size, 1); /* ends in NUL, as bodies do */
	memcpy(body, data + 1, size - 1);
	request.method = door->method;
	request.path = door->path;
	request.headers = &door->header;
	if (strcmp(door->method, "GET") == 0) {
		query = (struct api_param){"filter", body};
		request.query = &query;
		request.query_count = 1;
		request.body = "";
	} else {
		request.body = body;
		request.body_len = size - 1;
	}
	api_answer_init(&answer);
	if (!storage_begin(storage, &err) || !desk_fresh(desk, &err))
		abort();
	keep = !api_admit(desk, &request, &limit, &answer) || api_handle(desk, &request, &answer);
	if (!keep)
		desk_undone(desk);
	if (!storage_end(storage, keep, &err) || !storage_commit(storage, &err))
		abort();
	if (answer.status < 200 || answer.status > 599 || !buf_ok(&answer.body))
		abort();
	api_answer_fini(&answer);
	free(body);
	return 0;
}
