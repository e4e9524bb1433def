/*
 * Whatever PagerDuty answers to what is done there: no crash, an end, paths that stay where they are, and lines that mention and link
 * nothing of its own. The first two bytes choose what is done; each line after them is an answer, with '!' before it a refusal.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/words.h"

#define CALLS_MAX 100 /* no deed takes more, whatever is answered */
#define ROWS_MAX 1000
#define NOON 1772452800
#define KEY "dddddddddddddddddddddddddddddddd"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "pagerduty: {routing_key: \"" KEY "\", api_token: pd-token-0000000000, from: headsup@example.com}\n"
    "routes:\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n"
    "  - {slack: U0BOB, email: bob@example.com, logins: [bob]}\n";

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
	desk = config != NULL && storage != NULL ? desk_new(config, storage, NOON, &err) : NULL;
	if (desk == NULL)
		abort();
}

/* Mentions are of people whom we know, times are ours. */
static void check_line(const char *body)
{
	cJSON *json = json_parse(body, strlen(body), NULL);
	const char *text = json_text(json, "text");

	if (text == NULL || text[0] == '\0')
		abort();
	for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
		if (strncmp(at, "<@U0ALICE>", 10) != 0 && strncmp(at, "<@U0BOB>", 8) != 0 && strncmp(at, "<!date^", 7) != 0)
			abort();
	}
	cJSON_Delete(json);
}

struct found {
	int64_t deed, page;
};

static bool look(void *ctx, const struct word *word)
{
	struct found *found = ctx;

	if (strcmp(word->kind, WORD_THREAD) == 0)
		check_line(word->body);
	if (strcmp(word->kind, WORD_DEED) == 0 && found->deed == 0)
		found->deed = word->id;
	if (strcmp(word->kind, WORD_PAGE) == 0)
		found->page = word->id;
	return true;
}

/* Pages are taken at once: deeds wait for them. */
static struct word *next_deed(void)
{
	struct found found = {0};
	struct error err = {0};

	if (!storage_each_word(storage, -1, 0, ROWS_MAX, look, &found, &err))
		abort();
	if (found.page != 0 && !storage_remove_word(storage, found.page, &err))
		abort();
	return found.deed != 0 ? storage_word(storage, found.deed) : NULL;
}

static void check_call(const struct spoken *spoken)
{
	if (spoken->peer != PEER_PAGERDUTY_API || spoken->method == NULL || spoken->method[0] != '/' || strlen(spoken->method) > REST_PATH_MAX)
		abort();
	for (const char *c = spoken->method; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~')
			abort();
	}
	if (strstr(spoken->method, "..") != NULL || strstr(spoken->method, "//") != NULL)
		abort();
	if (spoken->from != NULL && strpbrk(spoken->from, "\r\n") != NULL)
		abort();
}

/* The courier's part: true when an answer was taken, or the word was over or waits. */
static void turn(struct word *word, const char *says, size_t len)
{
	const bool ok = len == 0 || says[0] != '!';
	cJSON *body = json_parse(says + !ok, len - !ok, NULL);
	const struct reply reply = {.ok = ok, .status = ok ? 200 : 400, .body = body};
	struct word_next next = {0};
	struct spoken spoken;
	struct error err = {0};
	char *text;

	if (!word_render(desk, word, &spoken, &err))
		abort();
	if (spoken.is_nothing) {
		if (!storage_remove_word(storage, word->id, &err))
			abort();
	} else if (spoken.waits_until > 0) {
		desk->now = spoken.waits_until;
	} else {
		check_call(&spoken);
		if (!word_delivered(desk, word, &reply, &next, &err))
			abort();
		text = next.body != NULL ? json_write(next.body) : NULL;
		if (text != NULL && next.not_before > desk->now)
			desk->now = next.not_before;
		if (!(text != NULL ? storage_go_on_word(storage, word->id, text, TIME_NONE, &err) : storage_remove_word(storage, word->id, &err)))
			abort();
		free(text);
	}
	word_next_fini(&next);
	spoken_fini(&spoken);
	cJSON_Delete(body);
}

static void press(uint8_t what, uint8_t how)
{
	static const char *const verbs[] = {"ack", "unack", "resolve", "reopen", "escalate", "assign", "note"};
	static const char *const targets[] = {NULL, "network", "<@U0BOB>", "PNET123"};
	const struct actor alice = {.who = "U0ALICE", .via = "slack"};
	struct alert *alert = alert_new();
	struct error err = {0};
	char key[13];

	key_fingerprint(KEY, key);
	alert->source = xstrdup("falco");
	alert->title = xstrdup("sshd started");
	alert->dedup_key = xstrdup("sshd");
	alert->channel = xstrdup("#security-alerts");
	alert->page_key = xstrdup(key);
	alert->page_status = xstrdup("triggered");
	alert->assignee = xstrdup("U0BOB");
	alert->received_at = alert->last_seen = alert->changed_at = alert->paged_at = NOON - 600;
	alert->status = how % 3 == 0 ? ALERT_OPEN : how % 3 == 1 ? ALERT_ACKED : ALERT_RESOLVED;
	if (!storage_add_alert(storage, alert, &err) || !storage_put_alert(storage, alert, &err))
		abort();
	if (((how / 3) & 1) != 0 &&
	    !storage_put_incident(storage,
		&(struct incident){.alert = alert->id, .id = (char *)"Q1", .status = (char *)"triggered", .status_at = TIME_NONE, .linked_at = NOON}, &err))
		abort();
	if (what == 7 ? !deed_again(desk, alert, &err)
		      : !deed_leave(desk, &alice, alert, verbs[what], (how & 64) != 0 ? "why" : NULL, targets[(how / 6) % 4], &err))
		abort();
	alert_free(alert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *answers = (const char *)data + 2, *end = (const char *)data + size, *at = answers;
	struct error err = {0};
	struct word *word;
	int calls = 0;

	if (size < 2)
		return 0;
	if (desk == NULL)
		set_up();
	desk->now = NOON;
	if (!storage_begin(storage, &err))
		abort();
	press(data[0] % 8, data[1]);
	while ((word = next_deed()) != NULL) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t len = line != NULL ? (size_t)(line - at) : (size_t)(end - at);

		turn(word, at, len);
		word_free(word);
		if (++calls > CALLS_MAX)
			abort();
		at = line != NULL && line + 1 < end ? line + 1 : answers;
	}
	if (!storage_end(storage, false, &err) || !storage_commit(storage, &err))
		abort();
	return 0;
}
