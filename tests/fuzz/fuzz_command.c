/*
 * What somebody types: never more than an answer. The first byte says who asks and where, the rest is the command. Whatever it
 * does is undone, so that every input meets the same desk.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/announcements.h"
#include "handlers/commands.h"

#define NOON 1772452800
#define TEXT_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "slack: {app_token: xapp-1-test-000000, bot_token: xoxb-test-000000}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#urgent\", page: {routing_key: "
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n"
    "  - {channel: \"#security-alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice, aliced]}\n"
    "policy: {announcers: [U0ALICE], never_suppress: [[\"rule=canary-*\"]]}\n";

static void must(bool ok, const struct error *err)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

static struct config *make_config(void)
{
	char path[] = "/tmp/headsup-fuzz-XXXXXX";
	const int file = mkstemp(path);
	struct config *config;
	struct error err = {0};

	must(file >= 0 && write(file, config_text, sizeof(config_text) - 1) ==
			      (ssize_t)(sizeof(config_text) - 1),
	    &err);
	close(file);
	config = config_load(path, NULL, &err);
	must(config != NULL, &err);
	unlink(path);
	return config;
}

/* Runs TEXT within the running event; true when nothing is wrong with the answer. */
static void run(struct desk *desk, const struct asked *asked, const char *text)
{
	struct error err = {0};
	struct buf answer;
	bool is_later;

	buf_init(&answer, 64 << 10);
	must(commands_run(desk, asked, text, &answer, &is_later, &err), &err);
	if (!is_later && answer.len == 0)
		abort();
	if (strstr(buf_text(&answer), "<!") != NULL)
		abort(); /* a mention of everybody */
	buf_fini(&answer);
}

static struct desk *make_desk(void)
{
	const struct asked alice = {.actor = {.who = "U0ALICE", .via = "slack", .from = "C1"},
	    .channel = "C1",
	    .zone = "UTC"};
	struct error err = {0};
	struct config *config = make_config();
	struct storage *storage = storage_open("sqlite::memory:", &err);
	struct alert *alert = alert_new();
	struct desk *desk;

	log_setup(LOG_ERROR, false);
	must(storage != NULL, &err);
	desk = desk_new(config, storage, NOON, &err);
	must(desk != NULL, &err);
	must(storage_begin(storage, &err), &err);
	alert->title = xstrdup("sshd: <!channel> key added");
	alert->host = xstrdup("web-3");
	alert->rule = xstrdup("sshd");
	alert->actor = xstrdup("mallory");
	alert->body = xstrdup("{}");
	must(intake(desk, alert, &err), &err);
	alert_free(alert);
	run(desk, &alice, "expect host=web-* rule=chef because <!channel>");
	must(storage_end(storage, true, &err) && storage_commit(storage, &err), &err);
	return desk;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct desk *desk;
	const uint8_t flags = size > 0 ? data[0] : 0;
	const struct asked asked = {
	    .actor = {.who = (flags & 1) != 0 ? "U0EVE" : "U0ALICE", .via = "slack", .from = "C1"},
	    .channel = "C1",
	    .is_direct = (flags & 2) != 0,
	    .alert = (flags & 4) != 0 ? 1 : 0,
	    .zone = (flags & 8) != 0 ? NULL : "Europe/Paris",
	    .response_url = (flags & 16) != 0 ? "https://hooks.slack.com/commands/T/1/x" : NULL,
	};
	struct error err = {0};
	char *text;

	if (size > TEXT_MAX)
		return 0;
	if (desk == NULL)
		desk = make_desk();
	text = xstrndup(size > 0 ? (const char *)data + 1 : "", size > 0 ? size - 1 : 0);
	must(storage_begin(desk->storage, &err) && desk_fresh(desk, &err), &err);
	run(desk, &asked, text);
	desk_undone(desk);
	must(storage_end(desk->storage, false, &err) && storage_commit(desk->storage, &err), &err);
	free(text);
	return 0;
}
