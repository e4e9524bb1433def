/* Whatever PagerDuty says of who is on call: no crash, a bounded answer in a channel that mentions and links nothing, and nothing told twice. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "handlers/pagerduty/oncall.h"

#define STEPS_MAX 8
#define ROWS_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {api_token: pd-token-0000000000, from: headsup@example.com}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, pagerduty: PALICE, logins: [alice]}\n";

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
	log_setup(LOG_ERROR, false);
	config = config_load(path, NULL, &err);
	unlink(path);
	storage = storage_open("sqlite::memory:", &err);
	desk = config != NULL && storage != NULL ? desk_new(config, storage, 1772452800, &err) : NULL;
	if (desk == NULL)
		abort();
}

static bool look(void *ctx, const struct word *word)
{
	int64_t *asking = ctx;
	cJSON *body;
	const char *text;

	if (strcmp(word->kind, WORD_ONCALL) == 0 && strcmp(word->lane, PAGERDUTY_LANE) == 0)
		*asking = word->id;
	if (strcmp(word->kind, WORD_REPLY) != 0)
		return true;
	body = json_parse(word->body, strlen(word->body), NULL);
	text = json_text(body, "text");
	if (text == NULL || text[0] == '\0' || strchr(text, '<') != NULL || strlen(text) > (64 << 10))
		abort();
	cJSON_Delete(body);
	return true;
}

/* One answer of PagerDuty's; false: the word is over. */
static bool answer(int64_t id, const cJSON *body)
{
	struct word *word = storage_word(storage, id);
	const struct reply reply = {.ok = true, .status = 200, .body = body};
	struct word_next next;
	struct error err = {0};
	bool goes_on;
	char *text;

	if (word == NULL || !word_delivered(desk, word, &reply, &next, &err))
		abort();
	goes_on = next.body != NULL;
	text = goes_on ? json_write(next.body) : NULL;
	if (!(goes_on ? storage_go_on_word(storage, id, text, next.not_before, &err) : storage_remove_word(storage, id, &err)))
		abort();
	free(text);
	word_next_fini(&next);
	word_free(word);
	return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct asked asked = {.actor = {.who = "U0ALICE", .via = "slack", .from = "C1"}, .channel = "C1"};
	struct error err = {0};
	int64_t asking = 0;
	cJSON *body;

	if (desk == NULL)
		set_up();
	body = json_parse((const char *)data, size, NULL);
	if (!storage_begin(storage, &err) || !oncall_tell(desk, &asked, size % 2 == 0 ? "sec" : NULL, &err) ||
	    !storage_each_word(storage, -1, 0, ROWS_MAX, look, &asking, &err))
		abort();
	for (int i = 0; i < STEPS_MAX && answer(asking, body); i++)
		continue;
	asking = 0;
	if (!storage_each_word(storage, -1, 0, ROWS_MAX, look, &asking, &err))
		abort();
	oncall_has(desk, "U0ALICE");
	cJSON_Delete(body);
	if (!storage_end(storage, false, &err) || !storage_commit(storage, &err))
		abort();
	return 0;
}
