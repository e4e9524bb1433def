/* Any payload of any type, into a desk with a storage in memory: no crash, and it is taken or refused, never half. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/json.h"
#include "handlers/desk.h"
#include "handlers/slack_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000, command: /test}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n";

static struct desk *desk;
static struct storage *storage;

static void set_up(void)
{
	char path[] = "/tmp/headsup-fuzz-XXXXXX";
	int file = mkstemp(path);
	struct error err = {0};
	struct config *config;

	if (file < 0 || write(file, config_text, sizeof(config_text) - 1) != (ssize_t)sizeof(config_text) - 1)
		abort();
	close(file);
	config = config_load(path, NULL, &err);
	unlink(path);
	storage = storage_open("sqlite::memory:", &err);
	desk = config != NULL && storage != NULL ? desk_new(config, storage, 1772452800, &err) : NULL;
	if (desk == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {"events_api", "slash_commands", "interactive", "else"};
	static const struct slack_self self = {.user_id = "U0BOT", .bot_id = "B0BOT"};
	cJSON *payload, *answer = NULL;
	struct error err = {0};

	if (desk == NULL)
		set_up();
	payload = json_parse((const char *)data, size, &err);
	for (size_t i = 0; payload != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
		/* Envelopes of the corpus hold their payload one step down. */
		const cJSON *inner = json_get(payload, "payload");
		bool ok;

		if (!storage_begin(storage, &err) || !desk_fresh(desk, &err))
			abort();
		ok = slack_in(desk, &self, types[i], cJSON_IsObject(inner) ? inner : payload, &answer, &err);
		cJSON_Delete(answer);
		answer = NULL;
		/* Nothing is kept: each input meets the same desk. */
		desk_undone(desk);
		if (!storage_end(storage, false, &err) || !ok)
			abort();
	}
	cJSON_Delete(payload);
	return 0;
}
