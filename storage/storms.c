/* storms - alerts that are still to be posted, and those of one rule that share a card. */
#include <stdlib.h>

#include "storage/internal.h"

#define FROM_STORMS                                                                          \
	"SELECT id, channel, rule, began_at, last_at, version, doing, doing_by, doing_via, " \
	"done_to FROM storms "

void storm_fini(struct storm *storm)
{
	free(storm->channel);
	free(storm->rule);
	free(storm->doing);
	free(storm->doing_by);
	free(storm->doing_via);
	*storm = (struct storm){0};
}

static int64_t first_number(struct sql *sql, int64_t otherwise)
{
	int64_t number = sql_row(sql) ? sql_get_int(sql) : otherwise;

	return sql_close(sql) ? number : otherwise;
}

bool storage_unposted(struct storage *storage, int64_t alert, const char *channel, const char *rule,
    int64_t storm, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT INTO unposted (alert, channel, rule, storm) VALUES (?, ?, ?, ?) ON CONFLICT "
	    "(alert, channel) DO NOTHING",
	    err);
	sql_put_int(&sql, alert);
	sql_put_text(&sql, channel);
	sql_put_text(&sql, rule);
	sql_put_int(&sql, storm);
	return sql_run(&sql);
}

bool storage_posted(struct storage *storage, int64_t alert, const char *channel, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM unposted WHERE alert = ? AND channel = ?", err);
	sql_put_int(&sql, alert);
	sql_put_text(&sql, channel);
	return sql_run(&sql);
}

int64_t storage_storm_of(struct storage *storage, int64_t alert, const char *channel)
{
	struct sql sql;

	sql_open(&sql, storage, "SELECT storm FROM unposted WHERE alert = ? AND channel = ?", NULL);
	sql_put_int(&sql, alert);
	sql_put_text(&sql, channel);
	return first_number(&sql, 0);
}

size_t storage_count_unposted(
    struct storage *storage, const char *channel, const char *rule, size_t limit)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT count(*) FROM (SELECT 1 FROM unposted WHERE channel = ? AND rule = ? AND storm "
	    "= 0 LIMIT ?)",
	    NULL);
	sql_put_text(&sql, channel);
	sql_put_text(&sql, rule);
	sql_put_int(&sql, (int64_t)limit);
	return (size_t)first_number(&sql, 0);
}

int64_t storage_running_storm(
    struct storage *storage, const char *channel, const char *rule, int64_t since)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT id FROM storms WHERE channel = ? AND rule = ? AND last_at >= ? ORDER BY "
	    "last_at DESC LIMIT 1",
	    NULL);
	sql_put_text(&sql, channel);
	sql_put_text(&sql, rule);
	sql_put_int(&sql, since);
	return first_number(&sql, 0);
}

bool storage_begin_storm(struct storage *storage, const char *channel, const char *rule,
    int64_t now, int64_t *id, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT INTO storms (channel, rule, began_at, last_at, version, done_to) VALUES (?1, "
	    "?2, ?3, ?3, 1, 0)",
	    err);
	sql_put_text(&sql, channel);
	sql_put_text(&sql, rule);
	sql_put_int(&sql, now);
	if (!sql_run(&sql))
		return false;
	*id = sqlite3_last_insert_rowid(storage->db);
	sql_open(&sql, storage,
	    "UPDATE unposted SET storm = ? WHERE channel = ? AND rule = ? AND storm = 0", err);
	sql_put_int(&sql, *id);
	sql_put_text(&sql, channel);
	sql_put_text(&sql, rule);
	return sql_run(&sql);
}

static void storm_read(struct sql *sql, struct storm *storm)
{
	storm->id = sql_get_int(sql);
	storm->channel = sql_get_text(sql);
	storm->rule = sql_get_text(sql);
	storm->began_at = sql_get_int(sql);
	storm->last_at = sql_get_int(sql);
	storm->version = sql_get_int(sql);
	storm->doing = sql_get_text(sql);
	storm->doing_by = sql_get_text(sql);
	storm->doing_via = sql_get_text(sql);
	storm->done_to = sql_get_int(sql);
}

/* The first row; false when there is none. */
static bool first_storm(struct sql *sql, struct storm *storm)
{
	bool found = sql_row(sql);

	*storm = (struct storm){0};
	if (found)
		storm_read(sql, storm);
	if (sql_close(sql))
		return found;
	storm_fini(storm);
	return false;
}

bool storage_storm(struct storage *storage, int64_t id, struct storm *storm)
{
	struct sql sql;

	sql_open(&sql, storage, FROM_STORMS "WHERE id = ?", NULL);
	sql_put_int(&sql, id);
	return first_storm(&sql, storm);
}

bool storage_storm_in_work(struct storage *storage, struct storm *storm)
{
	struct sql sql;

	sql_open(&sql, storage, FROM_STORMS "WHERE doing IS NOT NULL ORDER BY id LIMIT 1", NULL);
	return first_storm(&sql, storm);
}

bool storage_put_storm(struct storage *storage, const struct storm *storm, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE storms SET last_at = ?, version = ?, doing = ?, doing_by = ?, doing_via = ?, "
	    "done_to = ? WHERE id = ?",
	    err);
	sql_put_int(&sql, storm->last_at);
	sql_put_int(&sql, storm->version);
	sql_put_text(&sql, storm->doing);
	sql_put_text(&sql, storm->doing_by);
	sql_put_text(&sql, storm->doing_via);
	sql_put_int(&sql, storm->done_to);
	sql_put_int(&sql, storm->id);
	return sql_run(&sql);
}

bool storage_touch_storm(struct storage *storage, int64_t id, int64_t now, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE storms SET last_at = ?, version = version + 1 WHERE id = ? AND last_at < ?1",
	    err);
	sql_put_int(&sql, now);
	sql_put_int(&sql, id);
	return sql_run(&sql);
}

#define MEMBERS "FROM unposted JOIN alerts ON alerts.id = unposted.alert WHERE unposted.storm = ?1 "

static bool count_states(
    struct storage *storage, int64_t id, struct storm_facts *facts, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT status, severity, count(*), min(occurred_at), max(last_seen) " MEMBERS
	    "GROUP BY status, severity",
	    err);
	sql_put_int(&sql, id);
	while (sql_row(&sql)) {
		int status = sql_get_enum(&sql, ALERT_CLAIMED);
		enum severity severity = (enum severity)sql_get_enum(&sql, SEVERITY_CRITICAL);
		int64_t count = sql_get_int(&sql), first = sql_get_time(&sql),
			last = sql_get_time(&sql);

		facts->states[status] += count;
		facts->total += count;
		if (severity > facts->severity)
			facts->severity = severity;
		if (facts->first_at == TIME_NONE || first < facts->first_at)
			facts->first_at = first;
		if (last > facts->last_at)
			facts->last_at = last;
	}
	return sql_close(&sql);
}

/* TEXT is a literal that gives values, those that come most often first, and how many different ones there are. */
static bool name_most(struct storage *storage, const char *text, int64_t id,
    char *names[STORM_NAMES_MAX], int64_t *count, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, text, err);
	sql_put_int(&sql, id);
	for (size_t i = 0; i < STORM_NAMES_MAX && sql_row(&sql); i++) {
		names[i] = sql_get_text(&sql);
		*count = sql_get_int(&sql);
	}
	return sql_close(&sql);
}

bool storage_storm_facts(
    struct storage *storage, int64_t id, struct storm_facts *facts, struct error *err)
{
	*facts = (struct storm_facts){.first_at = TIME_NONE, .last_at = TIME_NONE};
	if (count_states(storage, id, facts, err) &&
	    name_most(storage,
		"SELECT host, count(*) OVER () " MEMBERS
		"AND host IS NOT NULL GROUP BY host ORDER BY count(*) DESC, host LIMIT 5",
		id, facts->hosts, &facts->host_count, err) &&
	    name_most(storage,
		"SELECT actor, count(*) OVER () " MEMBERS
		"AND actor IS NOT NULL GROUP BY actor ORDER BY count(*) DESC, actor LIMIT 5",
		id, facts->actors, &facts->actor_count, err))
		return true;
	storm_facts_fini(facts);
	return false;
}

void storm_facts_fini(struct storm_facts *facts)
{
	for (size_t i = 0; i < STORM_NAMES_MAX; i++) {
		free(facts->hosts[i]);
		free(facts->actors[i]);
	}
	*facts = (struct storm_facts){0};
}

size_t storage_storm_alerts(
    struct storage *storage, int64_t id, int64_t after, int64_t *alerts, size_t limit)
{
	struct sql sql;
	size_t count = 0;

	sql_open(&sql, storage,
	    "SELECT alert FROM unposted WHERE storm = ? AND alert > ? ORDER BY alert LIMIT ?",
	    NULL);
	sql_put_int(&sql, id);
	sql_put_int(&sql, after);
	sql_put_int(&sql, (int64_t)limit);
	while (count < limit && sql_row(&sql))
		alerts[count++] = sql_get_int(&sql);
	return sql_close(&sql) ? count : 0;
}
