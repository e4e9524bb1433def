/* A form sent with anything in it, its metadata included: answered as Slack takes it, and what is pushed can be confirmed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/form.h"
#include "handlers/later.h"

#define PARTS 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000, command: /test}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n";

static struct desk *desk;
static struct storage *storage;

static void set_up(void)
{
	char path[] = "/tmp/headsup-fuzz-XXXXXX";
	int file = mkstemp(path);
	struct alert *alert = alert_new();
	struct error err = {0};
	struct config *config;

	if (file < 0 || write(file, config_text, sizeof(config_text) - 1) != (ssize_t)sizeof(config_text) - 1)
		abort();
	close(file);
	log_setup(LOG_ERROR, false);
	config = config_load(path, NULL, &err);
	unlink(path);
	storage = storage_open("sqlite::memory:", &err);
	desk = config != NULL && storage != NULL ? desk_new(config, storage, 1772452800, &err) : NULL;
	if (desk == NULL || !storage_begin(storage, &err))
		abort();
	alert->title = xstrdup("login");
	alert->host = xstrdup("web-3");
	alert->actor = xstrdup("alice");
	if (!intake(desk, alert, &err) || !storage_end(storage, true, &err) || !storage_commit(storage, &err))
		abort();
	alert_free(alert);
}

static void put_state(cJSON *values, const char *id, const char *text)
{
	cJSON *state = cJSON_AddObjectToObject(cJSON_AddObjectToObject(values, id), id);

	json_put(state, "value", text);
}

/* VIEW (taken) as it comes over the wire, where broken text is mended. */
static cJSON *as_received(cJSON *view)
{
	char *text = json_write(view);
	cJSON *received = json_parse(text, strlen(text), NULL);

	cJSON_Delete(view);
	free(text);
	if (received == NULL)
		abort();
	return received;
}

/* What is pushed has to fit into Slack, and to carry what was sent. */
static void check(const cJSON *answer)
{
	const cJSON *view = json_get(answer, "view"), *block;
	const char *metadata = json_text(view, "private_metadata");

	if (json_text(answer, "response_action") == NULL)
		abort();
	if (strcmp(json_text(answer, "response_action"), "errors") == 0 && cJSON_GetArraySize(json_get(answer, "errors")) == 0)
		abort();
	if (metadata != NULL && utf16_length(metadata, strlen(metadata)) > FORM_METADATA_UNITS)
		abort();
	cJSON_ArrayForEach(block, json_get(view, "blocks"))
	{
		const char *text = json_text(json_get(block, "text"), "text");

		if (text == NULL || *text == '\0' || utf16_length(text, strlen(text)) > 3000)
			abort();
	}
}

/* Sends VIEW; the answer. */
static cJSON *submit(const cJSON *view)
{
	const struct actor actor = {.who = "U0ALICE", .via = "slack"};
	struct error err = {0};
	cJSON *answer = NULL;

	if (!form_submit(desk, &actor, view, "1.2.3", &answer, &err))
		abort();
	later_drop(desk_take_later(desk));
	check(answer);
	return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *parts[PARTS] = {0}, *rest = text;
	cJSON *view = cJSON_CreateObject(), *values, *answer, *confirmed;
	struct error err = {0};

	if (desk == NULL)
		set_up();
	for (size_t i = 0; i < PARTS; i++) {
		parts[i] = rest != NULL ? strsep(&rest, "\n") : NULL;
		parts[i] = parts[i] != NULL ? parts[i] : "";
	}
	json_put(view, "callback_id", FORM_ANNOUNCE);
	json_put(view, "private_metadata", parts[0]);
	values = cJSON_AddObjectToObject(cJSON_AddObjectToObject(view, "state"), "values");
	put_state(values, FORM_MATCH, parts[1]);
	put_state(values, FORM_FOR, parts[2]);
	put_state(values, FORM_MAX, parts[3]);
	put_state(values, FORM_BECAUSE, parts[4]);
	view = as_received(view);
	if (!storage_begin(storage, &err) || !desk_fresh(desk, &err))
		abort();
	answer = submit(view);
	if (strcmp(json_text(answer, "response_action"), "push") == 0) {
		confirmed = submit(json_get(answer, "view"));
		/* Nothing stood between the two. */
		if (strcmp(json_text(confirmed, "response_action"), "clear") != 0)
			abort();
		cJSON_Delete(confirmed);
	}
	cJSON_Delete(answer);
	cJSON_Delete(view);
	free(text);
	/* Nothing is kept: each input meets the same desk. */
	desk_undone(desk);
	if (!storage_end(storage, false, &err))
		abort();
	return 0;
}
