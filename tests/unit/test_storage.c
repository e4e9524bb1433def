#include "config/base/log.h"
#include "tests/unit/storage_world.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define HOSTILE "'; DROP TABLE alerts; -- \" \\ %s ?1 :a \n\t\x01 \xF0\x9F\x94\xA5 \xE2\x80\xAE"

/* ---- opening -------------------------------------------------------------------------------------------- */

static void open__new_database__is_its_owners_alone(void **state)
{
	struct world *w = *state;
	struct stat st;
	char wal[160];

	world_alert(w, "k", ALERT_OPEN, NOON);
	world_commits(w);
	snprintf(wal, sizeof(wal), "%s-wal", w->path);

	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* How many migrations there are: the version of a database that is up to date. */
static int newest_version(void)
{
	int count = 0;

	while (embedded_migrations[count].name != NULL)
		count++;
	return count;
}

static void open__settings__are_those_that_durability_needs(void **state)
{
	struct world *w = *state;

	assert_int_equal(
	    world_number(w, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(world_number(w, "PRAGMA synchronous"), 2);
	assert_int_equal(world_number(w, "PRAGMA foreign_keys"), 1);
	assert_int_equal(world_number(w, "PRAGMA mmap_size"), 0);
	assert_int_equal(world_number(w, "PRAGMA user_version"), newest_version());
	assert_int_equal(
	    world_number(w, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' "
			    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND NOT strict"),
	    0);
}

static void open__second_daemon__is_refused_and_told_by_whom(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char pid[32], link_url[200], link_path[160];

	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	snprintf(link_path, sizeof(link_path), "%s/other-name", w->folder);
	snprintf(link_url, sizeof(link_url), "sqlite://%s", link_path);
	assert_int_equal(symlink(w->path, link_path), 0);

	assert_null(storage_open(w->url, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.text, "another headsup"));
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, w->path));
	assert_null(storage_open(link_url, &err));
	assert_non_null(strstr(err.text, "another headsup"));

	unlink(link_path);
	world_reopen(w); /* once the first is gone, the next may */
}

static void open__wrong_places__are_refused_in_words(void **state)
{
	static const struct {
		const char *url, *says;
	} cases[] = {
	    {"postgresql://headsup:hunter2@db/headsup", "sqlite:///"},
	    {"sqlite://relative.db", "sqlite:///"},
	    {"", "sqlite:///"},
	    {"sqlite:///nowhere/at/all/headsup.db", "/nowhere/at/all"},
	    {"sqlite:///tmp", "/tmp"},
	    {"sqlite:///proc/version", "/proc/version"},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		error_clear(&err);
		assert_null(storage_open(cases[i].url, &err));
		assert_int_equal(err.kind, ERROR_IO);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(strstr(err.text, "hunter2"));
		error_clear(&err);
		assert_null(storage_open_reader(cases[i].url, &err));
		assert_int_equal(err.kind, ERROR_IO);
	}
}

static void open__database_of_a_later_version__is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char back[64];

	storage_close(w->storage);
	world_tampers(w, "PRAGMA user_version = 99");

	w->storage = storage_open(w->url, &err);
	assert_null(w->storage);
	assert_int_equal(err.kind, ERROR_NEWER);
	assert_non_null(strstr(err.text, "99"));
	error_clear(&err);
	assert_null(storage_open_reader(w->url, &err));
	assert_int_equal(err.kind, ERROR_NEWER);

	snprintf(back, sizeof(back), "PRAGMA user_version = %d", newest_version());
	world_tampers(w, back);
	world_open(w);
}

static void open__another_programs_file__is_refused(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	FILE *file;

	storage_close(w->storage);
	unlink(w->path);
	world_tampers(w, "CREATE TABLE recipes (name)");
	w->storage = storage_open(w->url, &err);
	assert_null(w->storage);
	assert_non_null(strstr(err.text, "another program"));

	world_tampers(w, "PRAGMA user_version = 1");
	assert_null(storage_open(w->url, &err));
	assert_non_null(strstr(err.text, "another program"));

	unlink(w->path);
	file = fopen(w->path, "w");
	assert_non_null(file);
	fputs("This is no database at all, only a file with some words that go on for a while.\n",
	    file);
	fclose(file);
	assert_null(storage_open(w->url, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.text, w->path));
}

static void migrate__a_step_that_fails__leaves_the_version_before_it(void **state)
{
	struct embedded table[64] = {{0}}, mended[64] = {{0}};
	const int there = newest_version(); /* these are passed over */
	struct world *w = *state;
	struct error err = {0};

	assert_in_range(there, 1, 60);
	for (int i = 0; i < there; i++)
		table[i] = mended[i] = (struct embedded){"there_already", "CREATE NONSENSE;"};
	table[there] = mended[there] = (struct embedded){"fine", "CREATE TABLE fine (a INTEGER) STRICT;"};
	table[there + 1] = (struct embedded){"broken", "CREATE TABLE half (a INTEGER) STRICT; CREATE NONSENSE;"};
	mended[there + 1] = (struct embedded){"mended", "CREATE TABLE half (a INTEGER) STRICT;"};

	assert_false(storage_migrate(w->storage, table, &err));
	assert_non_null(strstr(err.text, "broken"));
	assert_int_equal(world_number(w, "PRAGMA user_version"), there + 1);
	assert_int_equal(
	    world_number(w, "SELECT count(*) FROM sqlite_schema WHERE name = 'fine'"), 1);
	assert_int_equal(
	    world_number(w, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);

	assert_ok(storage_migrate(w->storage, mended, &err), err);
	assert_int_equal(world_number(w, "PRAGMA user_version"), there + 2);
}

static void reader__while_the_daemon_writes__sees_what_is_committed(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct storage *reader = storage_open_reader(w->url, &err);
	struct alert *alert;
	int64_t id;

	assert_non_null(reader);
	world_begins(w);
	id = world_alert(w, "k", ALERT_OPEN, NOON);
	world_ends(w, true);
	assert_null(storage_alert(reader, id, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	world_commits(w);

	alert = storage_alert(reader, id, &err);
	assert_non_null(alert);
	assert_false(storage_put_alert(reader, alert, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_false(storage_begin(reader, &err));
	alert_free(alert);
	storage_close(reader);
}

/* ---- transactions --------------------------------------------------------------------------------------- */

static int64_t count_open(struct world *world)
{
	struct error err = {0};
	int64_t counts[5];

	assert_ok(storage_count_alerts(world->storage, counts, &err), err);
	return counts[ALERT_OPEN];
}

static void event__that_is_undone__takes_only_its_own_with_it(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	int64_t first, second, third;

	world_begins(w);
	first = world_alert(w, "first", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_begins(w);
	second = world_alert(w, "second", ALERT_OPEN, NOON);
	assert_int_equal(count_open(w), 2);
	world_ends(w, false);
	world_begins(w);
	third = world_alert(w, "third", ALERT_OPEN, NOON);
	world_ends(w, true);
	assert_true(storage_is_dirty(w->storage));
	world_commits(w);
	assert_false(storage_is_dirty(w->storage));
	world_reopen(w);

	assert_int_equal(count_open(w), 2);
	assert_int_equal(second, third); /* what was undone never was */
	assert_int_not_equal(first, third);
	assert_null(storage_alert_by_key(w->storage, "second", false));
	assert_false(storage_end(w->storage, true, &err));
}

static void event__within_an_event__is_undone_alone(void **state)
{
	struct world *w = *state;

	world_begins(w);
	world_alert(w, "outer", ALERT_OPEN, NOON);
	world_begins(w);
	world_alert(w, "inner", ALERT_OPEN, NOON);
	world_ends(w, false);
	world_begins(w);
	world_alert(w, "inner", ALERT_OPEN, NOON);
	world_ends(w, true);
	assert_int_equal(count_open(w), 2);
	world_ends(w, false);
	assert_int_equal(count_open(w), 0);
	world_commits(w);
	assert_int_equal(count_open(w), 0);
}

static void event__not_closed_at_the_commit__is_undone(void **state)
{
	struct world *w = *state;

	world_begins(w);
	world_alert(w, "kept", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_begins(w);
	world_alert(w, "open", ALERT_OPEN, NOON);
	world_commits(w);
	world_reopen(w);

	assert_int_equal(count_open(w), 1);
}

static void event__opened_too_deep__is_refused(void **state)
{
	struct world *w = *state;
	struct error err = {0};

	for (int i = 0; i < EVENT_DEPTH_MAX; i++)
		world_begins(w);
	assert_false(storage_begin(w->storage, &err));
	world_commits(w);
	world_begins(w);
	world_ends(w, true);
}

static void event__in_which_a_silent_read_failed__cannot_be_kept(void **state)
{
	struct world *w = *state;
	struct error err = {0};

	world_begins(w);
	world_alert(w, "kept", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_begins(w);
	world_alert(w, "blind", ALERT_OPEN, NOON);
	sqlite3_limit(
	    w->storage->db, SQLITE_LIMIT_LENGTH, 2); /* the key is too long to be asked for */
	assert_null(storage_alert_by_key(w->storage, "blind", true));
	sqlite3_limit(w->storage->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	assert_false(storage_end(w->storage, true, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_false(storage_is_broken(w->storage));
	world_commits(w);

	assert_int_equal(count_open(w), 1);
	world_begins(w);
	world_ends(w, true);
}

static void writing__outside_of_an_event__joins_the_iterations_transaction(void **state)
{
	struct world *w = *state;

	world_alert(w, "k", ALERT_OPEN, NOON);
	assert_true(storage_is_dirty(w->storage));
	world_reopen(w); /* never committed */
	assert_int_equal(count_open(w), 0);

	world_alert(w, "k", ALERT_OPEN, NOON);
	world_commits(w);
	world_reopen(w);
	assert_int_equal(count_open(w), 1);
}

static void commit__when_nothing_ran__is_true(void **state)
{
	struct world *w = *state;

	world_commits(w);
	assert_false(storage_is_dirty(w->storage));
	assert_int_equal(storage_losses(w->storage), 0);
}

/* What everything says once the transaction is gone, and how it comes back. */
static void assert_lost_then_well_again(struct world *w, uint64_t losses)
{
	struct error err = {0};
	struct alert *alert = alert_new();

	assert_true(storage_is_broken(w->storage));
	assert_true(storage_is_dirty(w->storage));
	assert_int_equal(storage_losses(w->storage), losses + 1);
	assert_false(storage_add_alert(w->storage, alert, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(alert->id, 0);
	assert_false(storage_end(w->storage, true, &err));
	assert_false(storage_begin(w->storage, &err));
	assert_null(storage_alert_by_key(w->storage, "before", false));
	error_clear(&err);
	assert_false(storage_commit(w->storage, &err));
	assert_int_equal(err.kind, ERROR_IO);
	assert_false(storage_is_broken(w->storage));
	assert_false(storage_is_dirty(w->storage));
	assert_int_equal(storage_losses(w->storage), losses + 1);
	assert_ok(storage_commit(w->storage, &err), err);
	alert_free(alert);
}

static void disk_full__while_writing__loses_the_iteration_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char text[128];
	bool ok = true;
	int i;

	world_begins(w);
	world_alert(w, "before", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_commits(w);
	snprintf(text, sizeof(text), "PRAGMA max_page_count = %lld",
	    (long long)world_number(w, "PRAGMA page_count") + 4);
	sqlite3_exec(w->storage->db, text, NULL, NULL, NULL);

	world_begins(w);
	for (i = 0; ok && i < 10000; i++) {
		struct profile profile = {
		    .slack = xasprintf("U%d", i), .name = HOSTILE HOSTILE HOSTILE};

		ok = storage_put_profile(w->storage, &profile, &err);
		free(profile.slack);
	}
	assert_false(ok);
	assert_true(i > 1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.text, "full"));
	assert_lost_then_well_again(w, 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM profiles"), 0);

	sqlite3_exec(w->storage->db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL);
	world_begins(w);
	world_alert(w, "after", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_commits(w);
	world_reopen(w);
	assert_int_equal(count_open(w), 2);
}

/* An insert with a trigger has a journal of its own: SQLite undoes just that, and the transaction lives on. */
static void disk_full__where_only_a_statement_is_undone__the_other_events_stay(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert *big = alert_new();
	char text[128];

	world_begins(w);
	world_alert(w, "small", ALERT_OPEN, NOON);
	world_ends(w, true);
	snprintf(text, sizeof(text), "PRAGMA max_page_count = %lld",
	    (long long)world_number(w, "PRAGMA page_count"));
	sqlite3_exec(w->storage->db, text, NULL, NULL, NULL);

	world_begins(w);
	big->description = xcalloc(1, 200001);
	memset(big->description, 'x', 200000);
	assert_false(storage_add_alert(w->storage, big, &err));
	assert_int_equal(big->id, 0);
	assert_non_null(strstr(err.text, "full"));
	assert_false(storage_is_broken(w->storage));
	world_ends(w, false);
	world_commits(w);
	alert_free(big);
	world_reopen(w);

	assert_int_equal(count_open(w), 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM alerts"), 1);
}

static void disk_full__at_the_commit__tells_so_and_recovers(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct rlimit limit, small;
	struct stat st;
	char wal[160];
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);

	world_begins(w);
	world_alert(w, "before", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_commits(w);
	snprintf(wal, sizeof(wal), "%s-wal", w->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)st.st_size + 100;

	world_begins(w);
	world_alert(w, "lost", ALERT_OPEN, NOON);
	world_ends(w, true);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_false(storage_commit(w->storage, &err));
	assert_false(storage_probe(w->storage, &err));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);

	assert_int_equal(err.kind, ERROR_IO);
	assert_false(storage_is_broken(w->storage));
	assert_false(storage_is_dirty(w->storage));
	assert_int_equal(storage_losses(w->storage), 2);
	assert_int_equal(count_open(w), 1);
	assert_ok(storage_probe(w->storage, &err), err);
	world_begins(w);
	world_alert(w, "after", ALERT_OPEN, NOON);
	world_ends(w, true);
	world_commits(w);
	world_reopen(w);
	assert_int_equal(count_open(w), 2);
	assert_null(storage_alert_by_key(w->storage, "lost", false));
	signal(SIGXFSZ, old);
}

static void probe__in_a_running_transaction__leaves_it_running(void **state)
{
	struct world *w = *state;
	struct error err = {0};

	world_begins(w);
	world_alert(w, "k", ALERT_OPEN, NOON);
	assert_ok(storage_probe(w->storage, &err), err);
	assert_true(storage_is_dirty(w->storage));
	world_ends(w, false);
	world_commits(w);
	assert_int_equal(count_open(w), 0);
}

/* ---- alerts --------------------------------------------------------------------------------------------- */

static struct alert *full_alert(void)
{
	struct alert *alert = alert_new();
	char **texts[] = {&alert->source, &alert->rule, &alert->title, &alert->description,
	    &alert->actor, &alert->host, &alert->ip, &alert->process, &alert->service, &alert->env,
	    &alert->account, &alert->region, &alert->url, &alert->dedup_key, &alert->notes,
	    &alert->mark, &alert->nearest_why, &alert->channel, &alert->page_key,
	    &alert->page_status, &alert->assignee, &alert->changed_by, &alert->changed_via};
	int64_t *numbers[] = {&alert->occurred_at, &alert->received_at, &alert->last_seen,
	    &alert->count, &alert->announcement, &alert->previous, &alert->nearest, &alert->route,
	    &alert->paged_at, &alert->changed_at, &alert->version};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		*texts[i] = xasprintf("%zu %s", i, HOSTILE);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		*numbers[i] = INT64_C(1000000000000) + (int64_t)i;
	alert->severity = SEVERITY_CRITICAL;
	alert->status = ALERT_ACKED;
	alert_add_label(alert, "team",
	    "s\xC3\xA9"
	    "curit\xC3\xA9 \"quoted\" \\ \n");
	alert_add_label(alert, "z", "1");
	alert_add_label(alert, "a'; --", "2");
	return alert;
}

static void assert_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same_alert(const struct alert *a, const struct alert *b)
{
	assert_int_equal(a->id, b->id);
	assert_text(a->source, b->source);
	assert_text(a->rule, b->rule);
	assert_text(a->title, b->title);
	assert_text(a->description, b->description);
	assert_text(a->actor, b->actor);
	assert_text(a->host, b->host);
	assert_text(a->ip, b->ip);
	assert_text(a->process, b->process);
	assert_text(a->service, b->service);
	assert_text(a->env, b->env);
	assert_text(a->account, b->account);
	assert_text(a->region, b->region);
	assert_text(a->url, b->url);
	assert_text(a->dedup_key, b->dedup_key);
	assert_text(a->notes, b->notes);
	assert_text(a->mark, b->mark);
	assert_text(a->nearest_why, b->nearest_why);
	assert_text(a->channel, b->channel);
	assert_text(a->page_key, b->page_key);
	assert_text(a->page_status, b->page_status);
	assert_text(a->assignee, b->assignee);
	assert_text(a->changed_by, b->changed_by);
	assert_text(a->changed_via, b->changed_via);
	assert_int_equal(a->severity, b->severity);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->occurred_at, b->occurred_at);
	assert_int_equal(a->received_at, b->received_at);
	assert_int_equal(a->last_seen, b->last_seen);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->announcement, b->announcement);
	assert_int_equal(a->previous, b->previous);
	assert_int_equal(a->nearest, b->nearest);
	assert_int_equal(a->route, b->route);
	assert_int_equal(a->paged_at, b->paged_at);
	assert_int_equal(a->changed_at, b->changed_at);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->label_count, b->label_count);
	for (size_t i = 0; i < a->label_count; i++) {
		assert_text(a->labels[i].name, b->labels[i].name);
		assert_text(a->labels[i].value, b->labels[i].value);
	}
}

static void assert_comes_back(struct world *w, const struct alert *alert)
{
	struct error err = {0};
	struct alert *back;

	world_commits(w);
	world_reopen(w);
	back = storage_alert(w->storage, alert->id, &err);
	assert_non_null(back);
	assert_same_alert(alert, back);
	alert_free(back);
}

static void alert__every_field__comes_back(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert *alert = full_alert();
	char *body;

	alert->body = xstrdup("{\"raw\": \"\xFF\xFE '; --\"}");
	assert_ok(storage_add_alert(w->storage, alert, &err), err);
	assert_int_equal(alert->id, 1);
	assert_comes_back(w, alert);
	body = storage_alert_body(w->storage, alert->id);
	assert_string_equal(body, alert->body);
	free(body);
	alert_free(alert);
}

static void alert__with_nothing_set__comes_back_with_nothing(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert *alert = alert_new();

	assert_ok(storage_add_alert(w->storage, alert, &err), err);
	assert_comes_back(w, alert);
	assert_null(storage_alert_body(w->storage, alert->id));
	alert_free(alert);
}

static void alert__put_again__changes_what_may_change_and_no_more(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert *alert = full_alert(), *back;
	int64_t counts[5];

	assert_ok(storage_add_alert(w->storage, alert, &err), err);
	alert->severity = SEVERITY_LOW;
	alert->status = ALERT_RESOLVED;
	alert->count = 17;
	alert->last_seen = alert->paged_at = TIME_NONE;
	alert->announcement = alert->previous = alert->nearest = alert->route = 0;
	replace_text(&alert->assignee, NULL);
	replace_text(&alert->mark, "more than announced (H17)");
	replace_text(&alert->page_status, NULL);
	alert->version++;
	assert_ok(storage_put_alert(w->storage, alert, &err), err);
	assert_comes_back(w, alert);
	assert_ok(storage_count_alerts(w->storage, counts, &err), err);
	assert_int_equal(counts[ALERT_ACKED], 0);
	assert_int_equal(counts[ALERT_RESOLVED], 1);

	replace_text(&alert->title, "another title");
	assert_ok(storage_put_alert(w->storage, alert, &err), err);
	back = storage_alert(w->storage, alert->id, &err);
	assert_string_not_equal(back->title, "another title");
	alert_free(back);

	alert->id = 999;
	assert_false(storage_put_alert(w->storage, alert, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	alert_free(alert);
}

static void alert__removed_and_added__never_gets_an_old_id(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	size_t removed;
	int64_t id = world_alert(w, "k", ALERT_RESOLVED, NOON);

	assert_ok(storage_sweep(w->storage, NOON + 1, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 1);
	world_commits(w);
	world_reopen(w);

	assert_int_equal(world_alert(w, "k", ALERT_OPEN, NOON), id + 1);
}

static int64_t id_by_key(struct world *w, const char *key, bool unresolved)
{
	struct alert *alert = storage_alert_by_key(w->storage, key, unresolved);
	int64_t id = alert != NULL ? alert->id : 0;

	alert_free(alert);
	return id;
}

static void alert_by_key__of_several__is_the_newest_that_fits(void **state)
{
	struct world *w = *state;
	int64_t expected, resolved, claimed, open;

	expected = world_alert(w, "k", ALERT_EXPECTED, NOON);
	assert_int_equal(id_by_key(w, "k", true), expected);
	resolved = world_alert(w, "k", ALERT_RESOLVED, NOON);
	assert_int_equal(id_by_key(w, "k", true), expected);
	assert_int_equal(id_by_key(w, "k", false), resolved);
	claimed = world_alert(w, "k", ALERT_CLAIMED, NOON);
	assert_int_equal(id_by_key(w, "k", false), claimed);
	open = world_alert(w, "k", ALERT_OPEN, NOON);
	assert_int_equal(id_by_key(w, "k", true), open);
	world_alert(w, "K", ALERT_OPEN, NOON);
	world_alert(w, "k ", ALERT_OPEN, NOON);
	assert_int_equal(id_by_key(w, "k", true), open);
	assert_int_equal(id_by_key(w, "another", false), 0);
	assert_int_equal(id_by_key(w, "k' OR '1'='1", false), 0);
	assert_null(storage_alert_by_key(w->storage, NULL, false));
}

static bool collect(void *ctx, const struct alert *alert)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%lld ", (long long)alert->id);
	return true;
}

static bool collect_two(void *ctx, const struct alert *alert)
{
	collect(ctx, alert);
	return strchr(strchr(ctx, ' ') + 1, ' ') == NULL;
}

static void each_alert__asked_in_many_ways__gives_those_newest_first(void **state)
{
	static const struct {
		struct alert_query query;
		const char *ids;
	} cases[] = {
	    {{.status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = 100},
		"8 7 6 5 4 3 2 1 "},
	    {{.status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = 3}, "8 7 6 "},
	    {{.status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = 0}, ""},
	    {{.status = -1, .since = TIME_NONE, .until = TIME_NONE, .before_id = 4, .limit = 2},
		"3 2 "},
	    {{.status = ALERT_OPEN, .since = TIME_NONE, .until = TIME_NONE, .limit = 100},
		"7 4 1 "},
	    {{.status = ALERT_OPEN,
		 .since = TIME_NONE,
		 .until = TIME_NONE,
		 .before_id = 7,
		 .limit = 100},
		"4 1 "},
	    {{.status = ALERT_RESOLVED, .since = TIME_NONE, .until = TIME_NONE, .limit = 100},
		"6 3 "},
	    {{.status = ALERT_CLAIMED, .since = TIME_NONE, .until = TIME_NONE, .limit = 100}, ""},
	    {{.status = -1, .since = NOON + 3 * 1800, .until = TIME_NONE, .limit = 100},
		"7 6 5 4 3 "},
	    {{.status = -1, .since = TIME_NONE, .until = NOON + 3 * 1800, .limit = 100}, "8 2 1 "},
	    {{.status = -1, .since = NOON + 1800, .until = NOON + 3 * 1800 + 1, .limit = 100},
		"3 2 1 "},
	    {{.status = ALERT_OPEN, .since = NOON + 1801, .until = TIME_NONE, .limit = 100},
		"7 4 "},
	    {{.status = -1, .since = NOON + 9000000, .until = TIME_NONE, .limit = 100}, ""},
	    {{.status = -1, .since = TIME_NONE, .until = NOON - 9000000, .limit = 100}, ""},
	    {{.status = -1, .since = -5, .until = TIME_NONE, .limit = 100}, "8 7 6 5 4 3 2 1 "},
	};
	struct world *w = *state;
	struct error err = {0};

	for (int i = 1; i <= 7; i++)
		world_alert(w, "k",
		    i % 3 == 1   ? ALERT_OPEN
		    : i % 3 == 2 ? ALERT_ACKED
				 : ALERT_RESOLVED,
		    NOON + i * 1800);
	world_alert(w, "k", ALERT_ACKED, NOON - 7200); /* the clock was set back */
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char ids[200] = "";

		assert_ok(storage_each_alert(w->storage, &cases[i].query, collect, ids, &err), err);
		assert_string_equal(ids, cases[i].ids);
	}
}

static void each_alert__by_announcement_and_assignee__and_until_told_to_stop(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert_query query = {
	    .status = -1, .since = TIME_NONE, .until = TIME_NONE, .limit = 100};
	char ids[200] = "";

	for (int i = 1; i <= 6; i++) {
		struct alert *alert = alert_new();

		alert->announcement = i % 2 ? 17 : 18;
		alert->assignee = i > 2 ? xstrdup("U0ALICE") : NULL;
		assert_ok(storage_add_alert(w->storage, alert, &err), err);
		alert_free(alert);
	}
	query.announcement = 17;
	assert_ok(storage_each_alert(w->storage, &query, collect, ids, &err), err);
	assert_string_equal(ids, "5 3 1 ");
	query.assignee = "U0ALICE";
	ids[0] = '\0';
	assert_ok(storage_each_alert(w->storage, &query, collect, ids, &err), err);
	assert_string_equal(ids, "5 3 ");
	query.announcement = 0;
	ids[0] = '\0';
	assert_ok(storage_each_alert(w->storage, &query, collect_two, ids, &err), err);
	assert_string_equal(ids, "6 5 ");
	query.assignee = "U0' OR 1=1 --";
	ids[0] = '\0';
	assert_ok(storage_each_alert(w->storage, &query, collect, ids, &err), err);
	assert_string_equal(ids, "");
}

struct walk {
	struct world *world;
	int depth;
	int rows;
};

static bool walk_within(void *ctx, const struct alert *alert)
{
	struct alert_query query = {
	    .status = ALERT_OPEN, .since = TIME_NONE, .until = TIME_NONE, .limit = 10};
	struct walk *walk = ctx;
	struct error err = {0};

	(void)alert;
	walk->rows++;
	if (walk->depth == 2)
		return true;
	walk->depth++;
	assert_ok(storage_each_alert(walk->world->storage, &query, walk_within, walk, &err), err);
	walk->depth--;
	return true;
}

static void each_alert__within_itself__runs_both(void **state)
{
	struct world *w = *state;
	struct walk walk = {.world = w};
	struct alert_query query = {
	    .status = ALERT_OPEN, .since = TIME_NONE, .until = TIME_NONE, .limit = 10};
	struct error err = {0};

	for (int i = 0; i < 3; i++)
		world_alert(w, "k", ALERT_OPEN, NOON);
	assert_ok(storage_each_alert(w->storage, &query, walk_within, &walk, &err), err);

	assert_int_equal(walk.rows, 3 + 9 + 27);
}

static bool join_event(void *ctx, const struct event *event)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 400 - len, "%lld %s %s %s %s|", (long long)event->at, event->who,
	    event->via, event->what, event->note != NULL ? event->note : "-");
	return true;
}

static void timeline__of_one_alert__is_told_oldest_first(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct event fired = {NOON, "headsup", "api", "fired", NULL};
	struct event acked = {NOON, "U0ALICE", "slack", "acked", "'; --"};
	struct event noted = {NOON - 10, "U0BOB", "slack", "noted", "\xE2\x9C\x93"};
	int64_t a = world_alert(w, "a", ALERT_OPEN, NOON),
		b = world_alert(w, "b", ALERT_OPEN, NOON);
	char text[400] = "";

	assert_ok(storage_add_event(w->storage, a, &fired, &err), err);
	assert_ok(storage_add_event(w->storage, b, &fired, &err), err);
	assert_ok(storage_add_event(w->storage, a, &acked, &err), err);
	assert_ok(storage_add_event(w->storage, a, &noted, &err), err);
	world_commits(w);
	assert_ok(storage_each_event(w->storage, a, join_event, text, &err), err);

	assert_string_equal(text,
	    "1772452800 headsup api fired -|1772452800 U0ALICE slack acked '; --|"
	    "1772452790 U0BOB slack noted \xE2\x9C\x93|");
	assert_false(storage_add_event(w->storage, 999, &fired, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

/* ---- announcements -------------------------------------------------------------------------------------- */

static struct announcement *full_announcement(const char *author, const char *key)
{
	struct announcement *ann = xcalloc(1, sizeof(*ann));

	ann->author = xstrdup(author);
	ann->via = xstrdup("slack");
	ann->match_count = 2;
	ann->match = xcalloc(2, sizeof(*ann->match));
	ann->match[0] = xstrdup("host=\"web-*\"");
	ann->match[1] = xstrdup(HOSTILE);
	ann->created_at = NOON;
	ann->starts_at = NOON + 1;
	ann->ends_at = NOON + 1800;
	ann->over_at = ann->approved_at = ann->lease_until = TIME_NONE;
	ann->because = xstrdup(HOSTILE);
	ann->max = 50;
	ann->idempotency_key = xstrdup(key);
	return ann;
}

static void assert_same_announcement(const struct announcement *a, const struct announcement *b)
{
	assert_int_equal(a->id, b->id);
	assert_text(a->author, b->author);
	assert_text(a->via, b->via);
	assert_int_equal(a->match_count, b->match_count);
	for (size_t i = 0; i < a->match_count; i++)
		assert_text(a->match[i], b->match[i]);
	assert_int_equal(a->created_at, b->created_at);
	assert_int_equal(a->starts_at, b->starts_at);
	assert_int_equal(a->ends_at, b->ends_at);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->over_at, b->over_at);
	assert_text(a->over_why, b->over_why);
	assert_text(a->over_by, b->over_by);
	assert_int_equal(a->needs_approval, b->needs_approval);
	assert_text(a->approved_by, b->approved_by);
	assert_int_equal(a->approved_at, b->approved_at);
	assert_text(a->because, b->because);
	assert_int_equal(a->max, b->max);
	assert_int_equal(a->matched, b->matched);
	assert_int_equal(a->near_misses, b->near_misses);
	assert_text(a->channel, b->channel);
	assert_text(a->idempotency_key, b->idempotency_key);
	assert_int_equal(a->lease_until, b->lease_until);
	assert_int_equal(a->version, b->version);
}

static void announcement__every_field__comes_back_new_and_changed(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct announcement *ann = full_announcement("ci", "key-1"), *back;

	assert_ok(storage_add_announcement(w->storage, ann, &err), err);
	world_commits(w);
	world_reopen(w);
	back = storage_announcement(w->storage, ann->id, &err);
	assert_same_announcement(ann, back);
	announcement_free(back);

	ann->state = ANNOUNCEMENT_CANCELLED;
	ann->over_at = NOON + 60;
	ann->over_why = xstrdup("cancelled");
	ann->over_by = xstrdup("U0BOB");
	ann->needs_approval = true;
	ann->approved_by = xstrdup("U0CAROL");
	ann->approved_at = NOON + 30;
	ann->channel = xstrdup("#ops");
	ann->ends_at = NOON + 60;
	ann->matched = 3;
	ann->near_misses = 1;
	ann->max = 51;
	ann->lease_until = NOON + 90;
	ann->version = 7;
	assert_ok(storage_put_announcement(w->storage, ann, &err), err);
	back = storage_announcement_by_key(w->storage, "ci", "key-1");
	assert_same_announcement(ann, back);
	announcement_free(back);

	ann->id = 99;
	assert_false(storage_put_announcement(w->storage, ann, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_null(storage_announcement(w->storage, 99, &err));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	announcement_free(ann);
}

static void announcement__same_idempotency_key__is_one_per_maker(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct announcement *ann = full_announcement("ci", "k"),
			    *again = full_announcement("ci", "k"),
			    *other = full_announcement("ops", "k"),
			    *none = full_announcement("ci", NULL);

	assert_ok(storage_add_announcement(w->storage, ann, &err), err);
	assert_false(storage_add_announcement(w->storage, again, &err));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(again->id, 0);
	assert_ok(storage_add_announcement(w->storage, other, &err), err);
	assert_ok(storage_add_announcement(w->storage, none, &err), err);
	assert_ok(storage_add_announcement(w->storage, none, &err), err);
	assert_null(storage_announcement_by_key(w->storage, "ci", "another"));
	assert_null(storage_announcement_by_key(w->storage, "ci", NULL));
	announcement_free(ann);
	announcement_free(again);
	announcement_free(other);
	announcement_free(none);
}

static bool collect_announcement(void *ctx, const struct announcement *ann)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%lld ", (long long)ann->id);
	return true;
}

static void each_announcement__asked_in_many_ways__gives_those_newest_first(void **state)
{
	static const struct {
		struct announcement_query query;
		const char *ids;
	} cases[] = {
	    {{.state = -1, .limit = 100}, "6 5 4 3 2 1 "},
	    {{.state = -1, .before_id = 5, .limit = 2}, "4 3 "},
	    {{.state = ANNOUNCEMENT_STANDS, .limit = 100}, "6 3 "},
	    {{.state = ANNOUNCEMENT_STANDS, .before_id = 6, .limit = 100}, "3 "},
	    {{.state = ANNOUNCEMENT_ENDED, .limit = 100}, "4 1 "},
	    {{.state = -1, .author = "bob", .limit = 100}, "5 3 1 "},
	    {{.state = ANNOUNCEMENT_STANDS, .author = "bob", .limit = 100}, "3 "},
	    {{.state = ANNOUNCEMENT_CANCELLED, .author = "bob", .limit = 100}, "5 "},
	    {{.state = -1, .author = "' OR ''='", .limit = 100}, ""},
	};
	struct world *w = *state;
	struct error err = {0};

	for (int i = 1; i <= 6; i++) {
		struct announcement *ann = full_announcement(i % 2 ? "bob" : "alice", NULL);

		ann->state = i % 3;
		assert_ok(storage_add_announcement(w->storage, ann, &err), err);
		announcement_free(ann);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char ids[200] = "";

		assert_ok(storage_each_announcement(
			      w->storage, &cases[i].query, collect_announcement, ids, &err),
		    err);
		assert_string_equal(ids, cases[i].ids);
	}
}

/* ---- messages in Slack ---------------------------------------------------------------------------------- */

static bool collect_post(void *ctx, const struct post *post)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 400 - len, "%s %s %s %s %lld|", post->subject, post->channel,
	    post->channel_id != NULL ? post->channel_id : "-", post->ts != NULL ? post->ts : "-",
	    (long long)post->copy);
	return true;
}

static void post__added_again__takes_the_place_of_the_first(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct post posts[] = {
	    {"A1", "#b", "C0B", "1.2", 1},
	    {"A1", "#a", "C0A", "1.1", 0},
	    {"A11", "#a", "C0A", "1.3", 0},
	    {"A1", "#b", "C0B2", "1.4", 1},
	    {"H1", "#c", NULL, NULL, 0},
	};
	struct post post;
	char text[400] = "", id[16];

	for (size_t i = 0; i < sizeof(posts) / sizeof(*posts); i++)
		assert_ok(storage_add_post(w->storage, &posts[i], &err), err);
	world_commits(w);
	world_reopen(w);
	assert_ok(storage_each_post(w->storage, "A1", collect_post, text, &err), err);
	assert_string_equal(text, "A1 #a C0A 1.1 0|A1 #b C0B2 1.4 1|");

	assert_true(storage_post(w->storage, "H1", "#c", &post));
	assert_null(post.ts);
	assert_null(post.channel_id);
	post_fini(&post);
	assert_false(storage_post(w->storage, "H1", "#a", &post));
	assert_null(post.subject);
	post_fini(&post);
	assert_true(storage_post_by_ts(w->storage, "C0A", "1.3", &post));
	assert_string_equal(post.subject, "A11");
	post_fini(&post);
	assert_false(storage_post_by_ts(w->storage, "C0B", "1.2", &post));
	assert_false(storage_post_by_ts(w->storage, "C0A", "1.2", &post));

	assert_true(storage_channel_id(w->storage, "#b", id, sizeof(id)));
	assert_string_equal(id, "C0B2");
	assert_false(storage_channel_id(w->storage, "#c", id, sizeof(id)));
	assert_false(storage_channel_id(w->storage, "#b", id, 4)); /* does not fit */
}

/* ---- what was seen, and who people are ------------------------------------------------------------------ */

static bool seen(struct world *w, const char *key, int64_t now, int64_t keep_s)
{
	struct error err = {0};
	bool again = false;

	assert_ok(storage_see(w->storage, key, now, keep_s, &again, &err), err);
	return again;
}

static void see__a_second_time__is_again_until_its_time_is_past(void **state)
{
	struct world *w = *state;

	assert_false(seen(w, "event:Ev1", NOON, 600));
	assert_true(seen(w, "event:Ev1", NOON, 600));
	assert_false(seen(w, "event:Ev2", NOON, 600));
	world_commits(w);
	world_reopen(w);
	assert_true(seen(
	    w, "event:Ev1", NOON + 599, 600)); /* being seen again does not make it last longer */
	assert_false(seen(w, "event:Ev1", NOON + 600, 600));
	assert_true(seen(w, "event:Ev1", NOON + 1199, 600));
	assert_false(seen(w, "for ever", NOON, INT64_MAX));
	assert_true(seen(w, "for ever", INT64_MAX - 1, 1));
}

static void profile__put_twice__is_the_latter(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct profile alice = {"U0ALICE", "Alice \xF0\x9F\xA6\x8A", "alice@example.com",
	    "Europe/Paris", true, false, true, NOON};
	struct profile back;

	assert_false(storage_profile(w->storage, "U0ALICE", &back));
	assert_ok(storage_put_profile(w->storage, &alice, &err), err);
	world_commits(w);
	world_reopen(w);
	assert_true(storage_profile(w->storage, "U0ALICE", &back));
	assert_string_equal(back.name, alice.name);
	assert_string_equal(back.email, alice.email);
	assert_string_equal(back.timezone, alice.timezone);
	assert_true(back.is_guest);
	assert_false(back.is_bot);
	assert_true(back.is_deleted);
	assert_int_equal(back.fetched_at, NOON);
	profile_fini(&back);

	alice.email = alice.timezone = NULL;
	alice.is_guest = false;
	alice.is_bot = true;
	assert_ok(storage_put_profile(w->storage, &alice, &err), err);
	assert_true(storage_profile(w->storage, "U0ALICE", &back));
	assert_null(back.email);
	assert_null(back.timezone);
	assert_false(back.is_guest);
	assert_true(back.is_bot);
	profile_fini(&back);
}

/* ---- housekeeping --------------------------------------------------------------------------------------- */

static void sweep__removes_what_is_old_and_over__and_what_hangs_on_it(void **state)
{
	static const enum alert_status over[] = {ALERT_RESOLVED, ALERT_EXPECTED, ALERT_CLAIMED};
	struct world *w = *state;
	struct error err = {0};
	struct event event = {NOON, "headsup", "api", "fired", NULL};
	struct audit audit = {
	    .at = NOON, .who = "ci", .via = "api", .what = "sent", .subject = "A1"};
	size_t removed, total = 0;
	int steps = 0;

	for (int i = 0; i < 9; i++) {
		struct post post = {.subject = xasprintf("A%d", i + 1),
		    .channel = "#a",
		    .channel_id = "C0A",
		    .ts = "1.1"};
		struct alert *alert = alert_new();

		alert->status = over[i % 3];
		alert->received_at = alert->last_seen = NOON + i;
		alert->body = xstrdup("{}");
		assert_ok(storage_add_alert(w->storage, alert, &err), err);
		assert_ok(storage_add_event(w->storage, alert->id, &event, &err), err);
		assert_ok(storage_add_post(w->storage, &post, &err), err);
		alert_free(alert);
		free(post.subject);
	}
	world_alert(w, "open", ALERT_OPEN, NOON);
	world_alert(w, "acked", ALERT_ACKED, NOON);
	world_alert(w, "young", ALERT_RESOLVED, NOON + 86400);
	assert_ok(storage_add_audit(w->storage, &audit, &err), err);
	assert_false(seen(w, "old", NOON, 10));
	assert_false(seen(w, "young", NOON, 10000));

	do {
		assert_ok(
		    storage_sweep(w->storage, NOON + 100, NOON + 100, 4, &removed, &err), err);
		assert_true(removed <= 8);
		total += removed;
		steps++;
	} while (removed > 0);
	world_commits(w);

	assert_int_equal(total, 9 + 1);
	assert_true(steps > 2);
	assert_int_equal(world_number(w, "SELECT count(*) FROM alerts"), 3);
	assert_int_equal(world_number(w, "SELECT count(*) FROM timeline"), 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM bodies"), 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM posts"), 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM seen"), 1);
	assert_int_equal(world_number(w, "SELECT sum(n) FROM alert_counts"), 3);
	assert_int_equal(count_open(w), 1);
}

static void sweep__received_long_ago_but_seen_lately__stays(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct alert *alert = alert_new();
	size_t removed;

	alert->status = ALERT_RESOLVED;
	alert->received_at = NOON;
	alert->last_seen = NOON + 5000;
	assert_ok(storage_add_alert(w->storage, alert, &err), err);
	alert_free(alert);

	assert_ok(storage_sweep(w->storage, NOON + 5000, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 0);
	assert_ok(storage_sweep(w->storage, NOON + 5001, NOON, 10, &removed, &err), err);
	assert_int_equal(removed, 1);
}

/* ---- the plans ------------------------------------------------------------------------------------------ */

/* No statement that has run walks through a whole table or sorts one, but for those that are meant to. */
static bool is_meant(const char *text)
{
	return strstr(text, "alert_counts") != NULL || strstr(text, "alert_runs") != NULL ||
	       strstr(text, "NOT INDEXED") != NULL || strstr(text, "UPDATE probe") != NULL ||
	       strstr(text, "count(*)") != NULL ||
	       strstr(text, "ORDER BY seq DESC LIMIT 1") != NULL;
}

static void assert_plan_is_narrow(struct world *w, const char *text)
{
	char *explain = xasprintf("EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(w->storage->db, explain, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(stmt, 3);

		if (strncmp(detail, "SCAN", 4) == 0 && strstr(detail, "(subquery") == NULL &&
		    strstr(detail, "SCAN lanes") == NULL && strstr(detail, "SCAN due") == NULL &&
		    strstr(detail, "CONSTANT ROW") == NULL &&
		    strstr(detail, "LIST SUBQUERY") == NULL)
			fail_msg("%s: %s", text, detail);
	}
	sqlite3_finalize(stmt);
	free(explain);
}

static bool no_word(void *ctx, const struct word *word)
{
	(void)ctx;
	(void)word;
	return true;
}

static bool no_lane(void *ctx, const char *lane)
{
	(void)ctx;
	(void)lane;
	return true;
}

static void statements__as_they_are_planned__read_no_more_than_they_need(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	struct word word = {
	    .lane = "slack:#a", .kind = "card", .subject = "A1", .coalesce = "card A1"};
	struct post post = {"A1", "#a", "C0A", "1.1", 0};
	struct profile profile = {.slack = "U0"};
	struct audit audit = {.at = NOON};
	struct alert *alert = full_alert();
	struct announcement *ann = full_announcement("ci", "k");
	struct event event = {NOON, "a", "b", "c", NULL};
	char text[400] = "", id[8];
	size_t removed;
	int checked = 0;

	storage_add_alert(w->storage, alert, &err);
	storage_put_alert(w->storage, alert, &err);
	alert_free(storage_alert(w->storage, 1, &err));
	id_by_key(w, "k", true);
	id_by_key(w, "k", false);
	free(storage_alert_body(w->storage, 1));
	storage_add_event(w->storage, 1, &event, &err);
	storage_each_event(w->storage, 1, join_event, text, &err);
	storage_each_alert(w->storage,
	    &(struct alert_query){.status = 0, .since = 1, .until = 2, .limit = 1}, collect, text,
	    &err);
	storage_each_alert(w->storage,
	    &(struct alert_query){.status = 0, .announcement = 1, .limit = 1}, collect, text, &err);
	storage_each_alert(w->storage,
	    &(struct alert_query){.status = -1, .assignee = "U0", .limit = 1}, collect, text, &err);
	storage_add_announcement(w->storage, ann, &err);
	storage_put_announcement(w->storage, ann, &err);
	announcement_free(storage_announcement(w->storage, 1, &err));
	announcement_free(storage_announcement_by_key(w->storage, "ci", "k"));
	storage_each_announcement(w->storage, &(struct announcement_query){.state = 0, .limit = 1},
	    collect_announcement, text, &err);
	storage_each_announcement(w->storage,
	    &(struct announcement_query){.state = -1, .author = "ci", .limit = 1},
	    collect_announcement, text, &err);
	storage_add_post(w->storage, &post, &err);
	if (storage_post(w->storage, "A1", "#a", &post))
		post_fini(&post);
	if (storage_post_by_ts(w->storage, "C0A", "1.1", &post))
		post_fini(&post);
	storage_each_post(w->storage, "A1", collect_post, text, &err);
	storage_channel_id(w->storage, "#a", id, sizeof(id));
	storage_add_word(w->storage, &word, &err);
	storage_add_word(w->storage, &word, &err);
	storage_each_lane(w->storage, no_lane, NULL, &err);
	storage_each_due_word(w->storage, "slack:#a", NOON, 10, no_word, NULL, &err);
	storage_lane_due_at(w->storage, "slack:#a");
	storage_each_word(w->storage, WORD_STUCK, 0, 10, no_word, NULL, &err);
	word.id = 1;
	storage_put_word(w->storage, &word, &err);
	storage_remove_word(w->storage, 1, &err);
	storage_recover_words(w->storage, NULL, &err);
	seen(w, "k", NOON, 1);
	storage_put_profile(w->storage, &profile, &err);
	if (storage_profile(w->storage, "U0", &profile))
		profile_fini(&profile);
	storage_add_audit(w->storage, &audit, &err);
	storage_sweep(w->storage, NOON, NOON, 10, &removed, &err);

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		const char *run = w->storage->statements[i].text;

		if (run == NULL || is_meant(run) || strncmp(run, "BEGIN", 5) == 0)
			continue;
		assert_plan_is_narrow(w, run);
		checked++;
	}
	assert_true(checked > 40);
	alert_free(alert);
	announcement_free(ann);
}

/* Errors only: each test opens a new database, which is told at level info. */
static int quiet(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* More pages than undoing an event takes in memory, and then some. */
#define MANY_ALERTS 3000

/* Gives all of MANY_ALERTS another version. */
static void changes_all(struct world *world, int64_t version)
{
	struct error err = {0};

	for (int64_t id = 1; id <= MANY_ALERTS; id++) {
		struct alert *alert = storage_alert(world->storage, id, &err);

		assert_non_null(alert);
		alert->version = version;
		assert_ok(storage_put_alert(world->storage, alert, &err), err);
		alert_free(alert);
	}
}

static int64_t versions(struct world *world)
{
	return world_number(world, "SELECT sum(version) FROM alerts");
}

static void event__that_changes_very_much__is_kept_or_undone_whole(void **state)
{
	struct world *world = *state;
	struct error err = {0};

	world_begins(world);
	for (int i = 0; i < MANY_ALERTS; i++) {
		struct alert *alert = alert_new();

		alert->title = xstrdup("it happened");
		alert->description = xasprintf("%01000d", i);
		alert->dedup_key = xasprintf("%d", i * 7919);
		alert->received_at = alert->last_seen = NOON;
		assert_ok(storage_add_alert(world->storage, alert, &err), err);
		alert_free(alert);
	}
	world_ends(world, true);
	world_commits(world);
	world_begins(world);
	changes_all(world, 2);
	world_ends(world, true);
	world_commits(world);
	assert_int_equal(versions(world), 2 * MANY_ALERTS);

	world_begins(world);
	changes_all(world, 3);
	world_ends(world, false);
	world_commits(world);
	assert_int_equal(versions(world), 2 * MANY_ALERTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(open__new_database__is_its_owners_alone),
	    TEST(open__settings__are_those_that_durability_needs),
	    TEST(open__second_daemon__is_refused_and_told_by_whom),
	    TEST(open__wrong_places__are_refused_in_words),
	    TEST(open__database_of_a_later_version__is_refused_and_left_alone),
	    TEST(open__another_programs_file__is_refused),
	    TEST(migrate__a_step_that_fails__leaves_the_version_before_it),
	    TEST(reader__while_the_daemon_writes__sees_what_is_committed),
	    TEST(event__that_is_undone__takes_only_its_own_with_it),
	    TEST(event__within_an_event__is_undone_alone),
	    TEST(event__not_closed_at_the_commit__is_undone),
	    TEST(event__opened_too_deep__is_refused),
	    TEST(event__in_which_a_silent_read_failed__cannot_be_kept),
	    TEST(writing__outside_of_an_event__joins_the_iterations_transaction),
	    TEST(commit__when_nothing_ran__is_true),
	    TEST(disk_full__while_writing__loses_the_iteration_and_nothing_else),
	    TEST(disk_full__where_only_a_statement_is_undone__the_other_events_stay),
	    TEST(disk_full__at_the_commit__tells_so_and_recovers),
	    TEST(probe__in_a_running_transaction__leaves_it_running),
	    TEST(alert__every_field__comes_back),
	    TEST(alert__with_nothing_set__comes_back_with_nothing),
	    TEST(alert__put_again__changes_what_may_change_and_no_more),
	    TEST(alert__removed_and_added__never_gets_an_old_id),
	    TEST(alert_by_key__of_several__is_the_newest_that_fits),
	    TEST(each_alert__asked_in_many_ways__gives_those_newest_first),
	    TEST(each_alert__by_announcement_and_assignee__and_until_told_to_stop),
	    TEST(each_alert__within_itself__runs_both),
	    TEST(timeline__of_one_alert__is_told_oldest_first),
	    TEST(announcement__every_field__comes_back_new_and_changed),
	    TEST(announcement__same_idempotency_key__is_one_per_maker),
	    TEST(each_announcement__asked_in_many_ways__gives_those_newest_first),
	    TEST(post__added_again__takes_the_place_of_the_first),
	    TEST(see__a_second_time__is_again_until_its_time_is_past),
	    TEST(profile__put_twice__is_the_latter),
	    TEST(sweep__removes_what_is_old_and_over__and_what_hangs_on_it),
	    TEST(sweep__received_long_ago_but_seen_lately__stays),
	    TEST(statements__as_they_are_planned__read_no_more_than_they_need),
	    TEST(event__that_changes_very_much__is_kept_or_undone_whole),
	};

	return cmocka_run_group_tests_name("storage", tests, quiet, NULL);
}
