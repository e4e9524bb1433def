/* What was answered 202 is never lost: kill -9 while alerts stream in, lost answers, an audit log that was changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define KILLS 8
#define SENDERS 4
#define SENT_MAX 20000

/* One sender: posts alerts of its own over one connection until it is told to stop. */
struct sender {
	pthread_t thread;
	const char *url;
	int number;
	atomic_bool *stop;
	int sent;           /* how many titles were used */
	bool *accepted;     /* by number of the title */
};

static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

static void *send_all(void *ctx)
{
	struct sender *sender = ctx;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer " WORLD_OPS);
	char url[256], body[256];

	snprintf(url, sizeof(url), "%s/v1/alerts", sender->url);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
	while (!atomic_load(sender->stop) && sender->sent < SENT_MAX) {
		int n = sender->sent++;
		long status = 0;

		snprintf(body, sizeof(body), "{\"title\":\"stream s%dn%d.\",\"dedup_key\":\"s%dn%d\",\"severity\":\"low\"}", sender->number, n,
		    sender->number, n);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		if (curl_easy_perform(curl) != CURLE_OK)
			break;
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		sender->accepted[n] = status == 202;
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return NULL;
}

/* How often the first words of each streamed title stand in the channel. */
static void count_titles(struct world *w, int said[SENDERS][SENT_MAX])
{
	cJSON *messages = world_messages(w, "#security-alerts"), *message;

	memset(said, 0, sizeof(int) * SENDERS * SENT_MAX);
	cJSON_ArrayForEach(message, messages)
	{
		const char *text = json_text(message, "text"), *at = text != NULL ? strstr(text, "stream s") : NULL;
		int sender, n;

		if (at != NULL && json_text(message, "thread_ts") == NULL && sscanf(at, "stream s%dn%d.", &sender, &n) == 2 && sender < SENDERS &&
		    n < SENT_MAX)
			said[sender][n]++;
	}
}

static int missing(struct world *w, const struct sender *senders, int said[SENDERS][SENT_MAX])
{
	int count = 0;

	count_titles(w, said);
	for (int s = 0; s < SENDERS; s++) {
		for (int n = 0; n < senders[s].sent; n++)
			count += senders[s].accepted[n] && said[s][n] == 0;
	}
	return count;
}

static void kill_9__while_alerts_stream_in__loses_nothing_and_says_nothing_twice(void **state)
{
	struct world *w = *state;
	struct sender senders[SENDERS] = {0};
	int(*said)[SENT_MAX] = xcalloc(SENDERS, sizeof(*said));
	unsigned seed = (unsigned)time(NULL);
	int accepted = 0, twice = 0;

	printf("seed %u\n", seed);
	srandom(seed);
	/* Slack answers late, so that a kill finds words on their way. */
	world_fault(w, "{\"method\":\"chat.postMessage\",\"delay_ms\":20,\"times\":-1}");
	assert_int_equal(world_http(w, "POST", "/v1/announcements", WORLD_CI,
	    "{\"match\":[\"host=web-*\",\"actor=deploy\"],\"for\":\"1h\",\"max\":1000,\"because\":\"deploy\"}", NULL)->status, 201);
	for (int s = 0; s < SENDERS; s++)
		senders[s].accepted = xcalloc(SENT_MAX, sizeof(bool));
	for (int k = 0; k < KILLS; k++) {
		atomic_bool stop = false;
		int64_t until = world_ms() + 30 + random() % 250;

		for (int s = 0; s < SENDERS; s++) {
			senders[s].url = w->url;
			senders[s].number = s;
			senders[s].stop = &stop;
			pthread_create(&senders[s].thread, NULL, send_all, &senders[s]);
		}
		while (world_ms() < until)
			world_pause();
		world_kill9(w);
		atomic_store(&stop, true);
		for (int s = 0; s < SENDERS; s++)
			pthread_join(senders[s].thread, NULL);
		world_boot(w);
	}
	world_fault(w, "{\"clear\":true}");
	world_until_ms(w, missing(w, senders, said) == 0, 120000);
	/* What is on its way still may come: the outbox is empty first. */
	world_until_ms(w, cJSON_GetArraySize(json_get(world_http(w, "GET", "/v1/outbox?state=waiting", WORLD_OPS, NULL, NULL)->json, "words")) == 0, 120000);
	count_titles(w, said);
	for (int s = 0; s < SENDERS; s++) {
		for (int n = 0; n < senders[s].sent; n++) {
			accepted += senders[s].accepted[n];
			twice += said[s][n] > 1 ? said[s][n] - 1 : 0;
		}
		free(senders[s].accepted);
	}
	printf("%d accepted over %d kills, %d said twice\n", accepted, KILLS, twice);
	assert_true(accepted > 0);
	assert_true(twice <= KILLS);
	free(said);
	/* The announcement holds. */
	assert_string_equal(world_status(w, world_send_one(w, NULL, "{\"title\":\"t\",\"host\":\"web-1\",\"actor\":\"deploy\"}")), "expected");
	const char *args[] = {"audit", "verify", NULL};
	assert_int_equal(world_run(w, NULL, args)->status, 0);
}

static void answer__lost_on_the_way__is_looked_for_before_it_is_said_again(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"chat.postMessage\",\"times\":1,\"cut\":true}");
	world_send_one(w, NULL, "{\"title\":\"said once\",\"host\":\"h\"}");
	world_until(w, json_text(json_get(world_alert(w, "A1"), "slack"), "ts") != NULL);
	assert_int_equal(world_count(w, "#security-alerts", "said once"), 1);
}

static void sigterm__while_alerts_wait__exits_0_and_says_them_after_the_start(void **state)
{
	struct world *w = *state;

	world_fault(w, "{\"method\":\"chat.postMessage\",\"status\":503,\"times\":1000}");
	for (int i = 0; i < 20; i++) {
		char body[64];

		snprintf(body, sizeof(body), "{\"title\":\"waits %d.\"}", i);
		world_send_one(w, NULL, body);
	}
	int64_t began = world_ms();
	assert_int_equal(world_term(w), 0);
	assert_true(world_ms() - began < 5000);
	world_fault(w, "{\"clear\":true}");
	world_boot(w);
	for (int i = 0; i < 20; i++) {
		char title[32];

		snprintf(title, sizeof(title), "waits %d.", i);
		world_until(w, world_count(w, "#security-alerts", title) == 1);
	}
}

static void audit_log__with_a_changed_row__is_found_out(void **state)
{
	static const char *const wrongs[] = {
	    "UPDATE audit SET who = 'nobody' WHERE seq = 2",
	    "DELETE FROM audit WHERE seq = 2",
	    "UPDATE audit SET at = at + 1 WHERE seq = 1",
	};
	struct world *w = *state;
	const char *verify[] = {"audit", "verify", NULL};
	char *path = world_path(w, "headsup.db"), copy[256], command[600];

	world_says(w, "alice", "#security-alerts", "expect host=web-1 for 10m because one");
	world_says(w, "alice", "#security-alerts", "expect host=web-2 for 10m because two");
	world_says(w, "alice", "#security-alerts", "end H1");
	assert_int_equal(world_run(w, NULL, verify)->status, 0);
	assert_int_equal(world_term(w), 0);
	snprintf(copy, sizeof(copy), "%s.copy", path);
	snprintf(command, sizeof(command), "cp '%s' '%s'", path, copy);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		sqlite3 *db;
		sqlite3_stmt *triggers;

		snprintf(command, sizeof(command), "cp '%s' '%s'; rm -f '%s-wal' '%s-shm'", copy, path, path, path);
		assert_int_equal(system(command), 0);
		assert_int_equal(world_run(w, NULL, verify)->status, 0);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		/* Who can write the file can drop what guards it. */
		assert_int_equal(sqlite3_prepare_v2(db,
				     "SELECT group_concat('DROP TRIGGER ' || name || ';', ' ') FROM sqlite_master "
				     "WHERE type = 'trigger' AND tbl_name = 'audit'",
				     -1, &triggers, NULL),
		    SQLITE_OK);
		if (sqlite3_step(triggers) == SQLITE_ROW && sqlite3_column_text(triggers, 0) != NULL) {
			char *drops = xstrdup((const char *)sqlite3_column_text(triggers, 0));

			sqlite3_reset(triggers);
			assert_int_equal(sqlite3_exec(db, drops, NULL, NULL, NULL), SQLITE_OK);
			free(drops);
		}
		sqlite3_finalize(triggers);
		assert_int_equal(sqlite3_exec(db, wrongs[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_changes(db), 1);
		sqlite3_close(db);
		if (world_run(w, NULL, verify)->status != 1)
			fail_msg("not found: %s", wrongs[i]);
	}
	snprintf(command, sizeof(command), "cp '%s' '%s'; rm -f '%s-wal' '%s-shm'", copy, path, path, path);
	assert_int_equal(system(command), 0);
	world_boot(w);
}

/* The head of the audit log, as /metrics tells it, stands in the log as well. */
static bool log_has_head(struct world *w)
{
	const char *metrics = world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body;
	const char *at = strstr(metrics, "headsup_audit_head{hash=\"");
	char line[160];
	long seq;

	assert_non_null(at);
	at += strlen("headsup_audit_head{hash=\"");
	seq = strtol(at + strcspn(at, " "), NULL, 10);
	snprintf(line, sizeof(line), "audit head seq=%ld hash=%.64s", seq, at);
	return strstr(world_log(w), line) != NULL;
}

static void audit_head__at_the_start_and_every_day__is_logged(void **state)
{
	struct world *w = world_start(&(struct world_options){.clock = true});

	*state = w;
	world_says(w, "alice", "#security-alerts", "expect host=web-1 for 10m because one");
	world_restart(w);
	world_until(w, strstr(world_log(w), "audit head seq=") != NULL);
	world_says(w, "alice", "#security-alerts", "expect host=web-2 for 10m because two");
	assert_false(log_has_head(w));
	world_clock_advance(w, 86401);
	world_until(w, log_has_head(w));
	/* Rows cut off leave a chain that holds; its head is not the one in the log. */
	const char *log = strstr(world_log(w), "audit head seq="), *last = log;
	while ((log = strstr(log + 1, "audit head seq=")) != NULL)
		last = log;
	char *hash = xstrndup(strstr(last, "hash=") + 5, 64);
	const char *verify[] = {"audit", "verify", NULL};
	assert_non_null(strstr(world_run(w, NULL, verify)->out, hash));
	assert_int_equal(world_term(w), 0);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(world_path(w, "headsup.db"), &db), SQLITE_OK);
	sqlite3_stmt *triggers;
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT group_concat('DROP TRIGGER ' || name || ';', ' ') FROM sqlite_master "
			     "WHERE type = 'trigger' AND tbl_name = 'audit'",
			     -1, &triggers, NULL),
	    SQLITE_OK);
	if (sqlite3_step(triggers) == SQLITE_ROW && sqlite3_column_text(triggers, 0) != NULL) {
		char *drops = xstrdup((const char *)sqlite3_column_text(triggers, 0));

		sqlite3_reset(triggers);
		assert_int_equal(sqlite3_exec(db, drops, NULL, NULL, NULL), SQLITE_OK);
		free(drops);
	}
	sqlite3_finalize(triggers);
	assert_int_equal(
	    sqlite3_exec(db, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	struct world_output *cut = world_run(w, NULL, verify);
	assert_true(cut->status == 1 || strstr(cut->out, hash) == NULL);
	free(hash);
	world_boot(w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    T(kill_9__while_alerts_stream_in__loses_nothing_and_says_nothing_twice),
	    T(answer__lost_on_the_way__is_looked_for_before_it_is_said_again),
	    T(sigterm__while_alerts_wait__exits_0_and_says_them_after_the_start),
	    T(audit_log__with_a_changed_row__is_found_out),
	    cmocka_unit_test_teardown(audit_head__at_the_start_and_every_day__is_logged, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
