#include "bot/cmd.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/text.h"
#include "tests/unit/storage_world.h"

#include <fcntl.h>
#include <inttypes.h>

#define LIFT \
	"DROP TRIGGER audit_no_change; DROP TRIGGER audit_no_removal; DROP TRIGGER audit_no_gap; "
#define NOWHERE "0000000000000000000000000000000000000000000000000000000000000000"

static void add(struct world *w, int64_t at, const char *what, const char *subject)
{
	struct audit audit = {.at = at,
	    .who = "U0ALICE",
	    .via = "slack",
	    .from = "C0SEC",
	    .what = what,
	    .subject = subject,
	    .detail = "{\"note\": \"it's \xF0\x9F\x94\xA5\"}"};
	struct error err = {0};

	assert_ok(storage_add_audit(w->storage, &audit, &err), err);
}

/* Five entries on disk. */
static int five_setup(void **state)
{
	struct world *w;

	world_setup(state);
	w = *state;
	for (int i = 1; i <= 5; i++)
		add(w, NOON + i * 60, i % 2 ? "acked" : "announced", i % 2 ? "A1" : "H1");
	world_commits(w);
	return 0;
}

static bool verify(struct world *w, int64_t *count, char head[65], struct error *err)
{
	struct storage *reader = storage_open_reader(w->url, err);
	bool ok;

	assert_non_null(reader);
	ok = storage_verify_audit(reader, count, head, err);
	storage_close(reader);
	return ok;
}

/* ---- a chain that is whole ------------------------------------------------------------------------------ */

static void verify__untouched__holds_and_names_the_head(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char head[65], now[65];
	int64_t count, entries;

	assert_ok(verify(w, &count, head, &err), err);
	assert_int_equal(count, 5);
	assert_true(storage_audit_head(w->storage, &entries, now));
	assert_int_equal(entries, 5);
	assert_string_equal(head, now);
	assert_int_equal(strlen(head), 64);
	assert_int_equal(strspn(head, "0123456789abcdef"), 64);
	add(w, NOON + 999, "ended", "H1");
	assert_ok(storage_verify_audit(w->storage, &count, head, &err), err);
	assert_int_equal(count, 6);
	assert_string_not_equal(head, now);
}

static void verify__while_no_daemon_runs__holds_as_well(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char head[65];
	int64_t count;

	storage_close(w->storage);
	w->storage = NULL;
	assert_ok(verify(w, &count, head, &err), err);
	assert_int_equal(count, 5);
	world_open(w); /* what the reader left beside the database is in nobody's way */
}

static void verify__empty__holds(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char head[65];
	int64_t count = 99;

	assert_ok(verify(w, &count, head, &err), err);
	assert_int_equal(count, 0);
	assert_string_equal(head, NOWHERE);
}

static bool first_hash(void *ctx, const struct audit *audit)
{
	snprintf(ctx, 65, "%s", audit->hash);
	return false;
}

/* The canonical form is a promise: who checks the log with a program of their own relies on it. */
static void hash__of_an_entry__is_over_its_canonical_form(void **state)
{
	static const char canonical[] =
	    "headsup audit 1\n"
	    "64:" NOWHERE ",1:1,10:1772452800,7:U0ALICE,3:api,-,5:acked,2:A1,9:it is \xC3\xA9!,";
	struct world *w = *state;
	struct audit audit = {.at = NOON,
	    .who = "U0ALICE",
	    .via = "api",
	    .what = "acked",
	    .subject = "A1",
	    .detail = "it is \xC3\xA9!"};
	struct error err = {0};
	char expected[65], hash[65];

	assert_ok(storage_add_audit(w->storage, &audit, &err), err);
	assert_ok(storage_each_audit(w->storage, TIME_NONE, 0, 1, first_hash, hash, &err), err);
	sha256_hex(canonical, sizeof(canonical) - 1, expected);
	assert_string_equal(hash, expected);
}

static void seq__after_an_event_was_undone__has_no_gap(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char head[65];
	int64_t count;

	world_begins(w);
	add(w, NOON, "refused", "");
	world_ends(w, false);
	add(w, NOON, "acked", "A9");
	world_commits(w);
	world_reopen(w);
	assert_ok(verify(w, &count, head, &err), err);
	assert_int_equal(count, 6);
}

static void add__with_nothing_but_the_time__is_kept(void **state)
{
	struct world *w = *state;
	struct audit audit = {.at = -5};
	struct error err = {0};
	char head[65];
	int64_t count;

	assert_ok(storage_add_audit(w->storage, &audit, &err), err);
	assert_ok(storage_verify_audit(w->storage, &count, head, &err), err);
	assert_int_equal(count, 6);
}

static void add__longer_than_an_entry_may_be__is_refused(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char *detail = xcalloc(1, AUDIT_ROW_MAX + 1), head[65];
	struct audit audit = {.at = NOON, .detail = detail};
	int64_t count;

	memset(detail, 'x', AUDIT_ROW_MAX);
	assert_false(storage_add_audit(w->storage, &audit, &err));
	assert_int_equal(err.kind, ERROR_TOO_LONG);
	assert_ok(storage_verify_audit(w->storage, &count, head, &err), err);
	assert_int_equal(count, 5);
	free(detail);
}

/* ---- a chain that somebody had his hands on -------------------------------------------------------------- */

static void tamper__without_lifting_the_triggers__is_refused_by_the_database(void **state)
{
	static const char *const cases[] = {
	    "UPDATE audit SET who = 'mallory' WHERE seq = 3",
	    "DELETE FROM audit WHERE seq = 3",
	    "DELETE FROM audit",
	    "INSERT OR REPLACE INTO audit SELECT seq, at, 'mallory', via, origin, what, subject, "
	    "detail, hash FROM audit WHERE seq = 3",
	    "INSERT INTO audit SELECT 9, at, who, via, origin, what, subject, detail, hash FROM "
	    "audit WHERE seq = 3",
	    "INSERT INTO audit SELECT -1, at, who, via, origin, what, subject, detail, hash FROM "
	    "audit WHERE seq = 3",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (sqlite3_exec(w->storage->db, cases[i], NULL, NULL, NULL) !=
		    SQLITE_CONSTRAINT_TRIGGER)
			fail_msg("went through: %s", cases[i]);
		assert_non_null(strstr(sqlite3_errmsg(w->storage->db), "the audit log"));
	}
	assert_int_equal(world_number(w, "SELECT count(*) FROM audit"), 5);
}

static void tamper__with_whatever__is_found_and_named(void **state)
{
	static const struct {
		const char *how, *says;
		int64_t good;
	} cases[] = {
	    {"UPDATE audit SET at = at + 1 WHERE seq = 3", "entry 3 does not fit", 2},
	    {"UPDATE audit SET who = 'mallory' WHERE seq = 1", "entry 1 does not fit", 0},
	    {"UPDATE audit SET via = 'api' WHERE seq = 2", "entry 2 does not fit", 1},
	    {"UPDATE audit SET origin = NULL WHERE seq = 4", "entry 4 does not fit", 3},
	    {"UPDATE audit SET origin = '' WHERE seq = 4", "entry 4 does not fit", 3},
	    {"UPDATE audit SET what = 'resolved' WHERE seq = 5", "entry 5 does not fit", 4},
	    {"UPDATE audit SET subject = 'A2' WHERE seq = 5", "entry 5 does not fit", 4},
	    {"UPDATE audit SET detail = detail || ' ' WHERE seq = 3", "entry 3 does not fit", 2},
	    {"UPDATE audit SET detail = detail || char(0) || 'more' WHERE seq = 3",
		"entry 3 does not fit", 2},
	    {"UPDATE audit SET hash = replace(hash, 'a', 'b') || '' WHERE seq = 3",
		"entry 3 does not fit", 2},
	    {"UPDATE audit SET who = who || 'slac', via = 'k' WHERE seq = 2",
		"entry 2 does not fit", 1},
	    {"DELETE FROM audit WHERE seq = 3", "entry 3 is missing", 2},
	    {"DELETE FROM audit WHERE seq = 1", "entry 1 is missing", 0},
	    {"DELETE FROM audit WHERE seq = 5", "entry 5 is missing", 4},
	    {"DELETE FROM audit WHERE seq > 2", "entry 3 is missing", 2},
	    {"DELETE FROM audit", "entry 1 is missing", 0},
	    {"DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE "
	     "audit SET seq = 4 WHERE seq = 5",
		"entry 3 does not fit", 2},
	    {"UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; "
	     "UPDATE audit SET seq = 3 WHERE seq = 99",
		"entry 2 does not fit", 1},
	    {"UPDATE audit SET seq = seq + 10 WHERE seq > 2; UPDATE audit SET seq = seq - 9 WHERE "
	     "seq > 10; "
	     "INSERT INTO audit SELECT 3, at, who, via, origin, what, subject, detail, hash FROM "
	     "audit WHERE seq = 2",
		"entry 3 does not fit", 2},
	    {"INSERT INTO audit SELECT 6, at, who, via, origin, what, subject, detail, hash FROM "
	     "audit WHERE seq = 5",
		"entry 6 does not fit", 5},
	    {"INSERT INTO audit SELECT 8, at, who, via, origin, what, subject, detail, hash FROM "
	     "audit WHERE seq = 5",
		"entry 6 is missing", 5},
	    {"INSERT INTO audit SELECT 0, at, who, via, origin, what, subject, detail, hash FROM "
	     "audit WHERE seq = 5",
		"entry 0 was put in", 0},
	    {"INSERT INTO audit SELECT -7, at, who, via, origin, what, subject, detail, hash FROM "
	     "audit WHERE seq = 5",
		"entry -7 was put in", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		void *state_of_case = NULL;
		struct error err = {0};
		char *text = xasprintf(LIFT "%s", cases[i].how), head[65];
		int64_t count;

		five_setup(&state_of_case);
		world_tampers(state_of_case, text);
		if (verify(state_of_case, &count, head, &err))
			fail_msg("not found: %s", cases[i].how);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].how, err.text);
		assert_int_equal(err.kind, ERROR_REFUSED);
		assert_int_equal(count, cases[i].good);
		world_teardown(&state_of_case);
		free(text);
	}
	(void)state;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static bool collect(void *ctx, const struct audit *audit)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%" PRId64 " ", audit->seq);
	return true;
}

static bool is_whole(void *ctx, const struct audit *audit)
{
	int *rows = ctx;

	(*rows)++;
	assert_int_equal(audit->at, NOON + 60);
	assert_string_equal(audit->who, "U0ALICE");
	assert_string_equal(audit->via, "slack");
	assert_string_equal(audit->from, "C0SEC");
	assert_string_equal(audit->what, "acked");
	assert_string_equal(audit->subject, "A1");
	assert_string_equal(audit->detail, "{\"note\": \"it's \xF0\x9F\x94\xA5\"}");
	assert_int_equal(strlen(audit->hash), 64);
	return false;
}

static void each_audit__asked_in_many_ways__gives_those_oldest_first(void **state)
{
	static const struct {
		int64_t since, after;
		size_t limit;
		const char *seqs;
	} cases[] = {
	    {TIME_NONE, 0, 100, "1 2 3 4 5 6 "},
	    {TIME_NONE, 2, 2, "3 4 "},
	    {TIME_NONE, 6, 100, ""},
	    {TIME_NONE, 0, SIZE_MAX, "1 2 3 4 5 6 "},
	    {NOON + 120, 0, 100, "2 3 4 5 "}, /* the sixth came while the clock was wrong */
	    {NOON + 121, 0, 100, "3 4 5 "},
	    {NOON + 121, 3, 1, "4 "},
	    {NOON + 121, 1, 100, "3 4 5 "},
	    {NOON + 9999, 0, 100, ""},
	    {NOON - 500, 0, 100, "1 2 3 4 5 6 "},
	    {TIME_NONE, INT64_MAX, 100, ""},
	};
	struct world *w = *state;
	struct error err = {0};
	int rows = 0;

	add(w, NOON - 400, "acked", "A1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[200] = "";

		assert_ok(storage_each_audit(w->storage, cases[i].since, cases[i].after,
			      cases[i].limit, collect, text, &err),
		    err);
		assert_string_equal(text, cases[i].seqs);
	}
	assert_ok(storage_each_audit(w->storage, TIME_NONE, 0, 100, is_whole, &rows, &err), err);
	assert_int_equal(rows, 1);
}

/* ---- from a shell --------------------------------------------------------------------------------------- */

/* Runs `headsup ARGS` with its words caught; the exit status. */
static int shell(struct world *w, char *out, size_t size, const char *const *args)
{
	char *argv[10], path[160];
	int argc = 0, kept[2], file, status;
	ssize_t len;

	snprintf(path, sizeof(path), "%s.txt", w->path);
	for (; args[argc] != NULL; argc++)
		argv[argc] = xstrdup(args[argc]);
	argv[argc] = NULL;
	fflush(NULL);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(file >= 0);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		dup2(file, i + 1);
	}
	status = cmd_audit(argc, argv);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], i + 1);
		close(kept[i]);
	}
	len = pread(file, out, size - 1, 0);
	out[len > 0 ? len : 0] = '\0';
	close(file);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return status;
}

static void cmd_verify__while_the_daemon_runs__says_how_it_is(void **state)
{
	struct world *w = *state;
	const char *args[] = {"audit", "verify", "--store", w->url, NULL};
	char out[1000];

	assert_int_equal(shell(w, out, sizeof(out), args), 0);
	assert_non_null(strstr(out, "5 entries"));

	world_tampers(w, LIFT "UPDATE audit SET who = 'mallory' WHERE seq = 4");
	assert_int_equal(shell(w, out, sizeof(out), args), 1);
	assert_non_null(strstr(out, "entry 4"));
}

static void cmd_export__since_some_time__is_json_lines(void **state)
{
	struct world *w = *state;
	const char *args[] = {
	    "audit", "export", "--since", "2026-03-02T12:04:00Z", "--store", w->url, NULL};
	struct error err = {0};
	char out[4000], *second;
	cJSON *line;

	assert_int_equal(shell(w, out, sizeof(out), args), 0);
	second = strchr(out, '\n');
	assert_non_null(second);
	assert_null(strchr(strchr(second + 1, '\n') + 1, '\n'));
	line = json_parse(out, (size_t)(second - out), &err);
	assert_non_null(line);
	assert_string_equal(json_text(line, "at"), "2026-03-02T12:04:00Z");
	assert_string_equal(json_text(line, "who"), "U0ALICE");
	assert_string_equal(json_text(line, "from"), "C0SEC");
	assert_string_equal(json_text(line, "what"), "announced");
	assert_string_equal(json_text(line, "subject"), "H1");
	assert_string_equal(json_text(line, "detail"), "{\"note\": \"it's \xF0\x9F\x94\xA5\"}");
	assert_int_equal(strlen(json_text(line, "hash")), 64);
	cJSON_Delete(line);
}

static void cmd__typed_wrongly__is_told_how(void **state)
{
	static const struct {
		const char *args[8];
		int status;
		const char *says;
	} cases[] = {
	    {{"audit"}, 2, "usage: headsup audit"},
	    {{"audit", "destroy"}, 2, "usage: headsup audit"},
	    {{"audit", "verify", "export"}, 2, "usage: headsup audit"},
	    {{"audit", "verify", "--since", "24h"}, 2, "usage: headsup audit"},
	    {{"audit", "verify", "--loudly"}, 2, "usage: headsup audit"},
	    {{"audit", "--help"}, 0, "usage: headsup audit"},
	    {{"audit", "verify", "--store", "sqlite:///nowhere/headsup.db"}, 1,
		"/nowhere/headsup.db"},
	    {{"audit", "verify", "--store", "sqlite::memory:"}, 1, "memory"},
	    {{"audit", "verify", "--config", "/nowhere/headsup.yaml"}, 1, "/nowhere/headsup.yaml"},
	};
	struct world *w = *state;
	const char *since[] = {
	    "audit", "export", "--since", "yesterday-ish", "--store", w->url, NULL};
	char out[4000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(shell(w, out, sizeof(out), cases[i].args), cases[i].status);
		assert_non_null(strstr(out, cases[i].says));
	}
	assert_int_equal(shell(w, out, sizeof(out), since), 2);
	assert_non_null(strstr(out, "yesterday-ish"));
}

static int quiet(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, five_setup, world_teardown)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(verify__untouched__holds_and_names_the_head),
	    TEST(verify__while_no_daemon_runs__holds_as_well),
	    EMPTY(verify__empty__holds),
	    EMPTY(hash__of_an_entry__is_over_its_canonical_form),
	    TEST(seq__after_an_event_was_undone__has_no_gap),
	    TEST(add__with_nothing_but_the_time__is_kept),
	    TEST(add__longer_than_an_entry_may_be__is_refused),
	    TEST(tamper__without_lifting_the_triggers__is_refused_by_the_database),
	    cmocka_unit_test(tamper__with_whatever__is_found_and_named),
	    TEST(each_audit__asked_in_many_ways__gives_those_oldest_first),
	    TEST(cmd_verify__while_the_daemon_runs__says_how_it_is),
	    TEST(cmd_export__since_some_time__is_json_lines),
	    TEST(cmd__typed_wrongly__is_told_how),
	};

	return cmocka_run_group_tests_name("audit", tests, quiet, NULL);
}
