#include "storage/internal.h"

#define INTENT_OLD_S (4 * 86400) /* longer than PagerDuty tries to tell of it */
#define USER_OLD_S (30 * 86400)

/* Alerts that are over and old. SQLite sorts nothing here: alerts_status is in the order of ids,
 * and the ceiling keeps it from looking at what is too young to go. */
#define OLD(status)                                                                            \
	"SELECT * FROM (SELECT id FROM alerts INDEXED BY alerts_status WHERE status = " status \
	" AND id <= ?1 AND coalesce(last_seen, received_at, 0) < ?2 ORDER BY id LIMIT ?3)"

static bool find_old(struct storage *storage, int64_t before, int64_t *ids, size_t max,
    size_t *count, struct error *err)
{
	struct sql sql;
	int64_t last;

	*count = 0;
	if (!alerts_ceiling(storage, before, &last, err))
		return false;
	sql_open(
	    &sql, storage, OLD("2") " UNION ALL " OLD("3") " UNION ALL " OLD("4") " LIMIT ?3", err);
	sql_put_int(&sql, last);
	sql_put_int(&sql, before);
	sql_put_int(&sql, (int64_t)max);
	while (*count < max && sql_row(&sql))
		ids[(*count)++] = sql_get_int(&sql);
	return sql_close(&sql);
}

/* Its body, timeline, and incidents go with it. */
static bool remove_alert(struct storage *storage, int64_t id, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM posts WHERE subject = 'A' || ?", err);
	sql_put_int(&sql, id);
	if (!sql_run(&sql))
		return false;
	sql_open(&sql, storage, "DELETE FROM alerts WHERE id = ?", err);
	sql_put_int(&sql, id);
	return sql_run(&sql);
}

static bool remove_seen(
    struct storage *storage, int64_t now, size_t max, size_t *removed, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE until <= ? "
	    "ORDER BY until LIMIT ?)",
	    err);
	sql_put_int(&sql, now);
	sql_put_int(&sql, (int64_t)max);
	if (!sql_run(&sql))
		return false;
	*removed += (size_t)sql_changes(storage);
	return true;
}

/* Dead words are kept as long as alerts, for people to see. Only the oldest are looked at. */
static bool remove_dead(
    struct storage *storage, int64_t before, size_t max, size_t *removed, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, created_at FROM outbox "
	    "INDEXED BY outbox_state WHERE state = 3 AND state <> 0 ORDER BY id LIMIT ?) "
	    "WHERE created_at < ?)",
	    err);
	sql_put_int(&sql, (int64_t)max);
	sql_put_int(&sql, before);
	if (!sql_run(&sql))
		return false;
	*removed += (size_t)sql_changes(storage);
	return true;
}

/* What we were about to do in PagerDuty has come back by then, or never will. */
static bool remove_intents(struct storage *storage, int64_t now, size_t max, size_t *removed, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM intents WHERE n IN (SELECT n FROM intents WHERE at < ? ORDER BY at LIMIT ?)", err);
	sql_put_int(&sql, now - INTENT_OLD_S);
	sql_put_int(&sql, (int64_t)max);
	if (!sql_run(&sql))
		return false;
	*removed += (size_t)sql_changes(storage);
	return true;
}

/* People of PagerDuty's are asked about anew long before; these nobody needed since. */
static bool remove_users(struct storage *storage, int64_t now, size_t max, size_t *removed, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "DELETE FROM pagerduty_users WHERE key IN (SELECT key FROM pagerduty_users WHERE fetched_at < ? "
	    "ORDER BY fetched_at LIMIT ?)",
	    err);
	sql_put_int(&sql, now - USER_OLD_S);
	sql_put_int(&sql, (int64_t)max);
	if (!sql_run(&sql))
		return false;
	*removed += (size_t)sql_changes(storage);
	return true;
}

/* Runs that lie before the oldest alert that is left tell nothing. */
static bool remove_runs(struct storage *storage, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "DELETE FROM alert_runs WHERE first < (SELECT max(first) FROM alert_runs "
	    "WHERE first <= (SELECT min(id) FROM alerts))",
	    err);
	return sql_run(&sql);
}

bool storage_sweep(struct storage *storage, int64_t before, int64_t now, size_t limit,
    size_t *removed, struct error *err)
{
	int64_t ids[SWEEP_MAX];
	size_t max = limit < SWEEP_MAX ? limit : SWEEP_MAX, count;

	*removed = 0;
	if (!find_old(storage, before, ids, max, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!remove_alert(storage, ids[i], err))
			return false;
	}
	*removed = count;
	if (count > 0 && !remove_runs(storage, err))
		return false;
	return remove_seen(storage, now, max, removed, err) &&
	       remove_dead(storage, before, max, removed, err) &&
	       remove_intents(storage, now, max, removed, err) &&
	       remove_users(storage, now, max, removed, err);
}
