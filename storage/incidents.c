#include "storage/internal.h"

#include <stdlib.h>

#include "config/base/memory.h"
#include "config/base/text.h"

#define LIVE_MAX 1000    /* incidents read in one go, whatever the caller asks */

/* ---- incidents ------------------------------------------------------------------------------------------ */

#define COLUMNS "i.alert, i.id, i.number, i.url, i.service, i.policy, i.status, i.status_at, i.level, i.merged_into, i.linked_at"
/* Of alert A, through the index whose rows of one alert are in the order of their seq. */
#define NEWEST_OF(a) "(SELECT max(n.seq) FROM incidents AS n INDEXED BY incidents_alert WHERE n.alert = " a ")"

void incident_fini(struct incident *incident)
{
	free(incident->id);
	free(incident->url);
	free(incident->service);
	free(incident->policy);
	free(incident->status);
	free(incident->merged_into);
	*incident = (struct incident){0};
}

bool storage_put_incident(struct storage *storage, const struct incident *incident, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT INTO incidents (alert, id, number, url, service, policy, status, status_at, level, merged_into, linked_at) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (alert, id) DO UPDATE SET number = excluded.number, "
	    "url = excluded.url, service = excluded.service, policy = excluded.policy, status = excluded.status, "
	    "status_at = excluded.status_at, level = excluded.level, merged_into = excluded.merged_into",
	    err);
	sql_put_int(&sql, incident->alert);
	sql_put_text(&sql, incident->id);
	sql_put_int(&sql, incident->number);
	sql_put_text(&sql, incident->url);
	sql_put_text(&sql, incident->service);
	sql_put_text(&sql, incident->policy);
	sql_put_text(&sql, incident->status);
	sql_put_time(&sql, incident->status_at);
	sql_put_int(&sql, incident->level);
	sql_put_text(&sql, incident->merged_into);
	sql_put_int(&sql, incident->linked_at);
	return sql_run(&sql);
}

static void incident_from(struct sql *sql, struct incident *incident)
{
	incident->alert = sql_get_int(sql);
	incident->id = sql_get_text(sql);
	incident->number = sql_get_int(sql);
	incident->url = sql_get_text(sql);
	incident->service = sql_get_text(sql);
	incident->policy = sql_get_text(sql);
	incident->status = sql_get_text(sql);
	incident->status_at = sql_get_time(sql);
	incident->level = sql_get_int(sql);
	incident->merged_into = sql_get_text(sql);
	incident->linked_at = sql_get_int(sql);
}

/* The first row, and the end of the query. */
static bool first_incident(struct sql *sql, struct incident *incident)
{
	bool found = sql_row(sql);

	if (found)
		incident_from(sql, incident);
	if (sql_close(sql) && found)
		return true;
	incident_fini(incident);
	return false;
}

bool storage_incident(struct storage *storage, int64_t alert, struct incident *incident)
{
	struct sql sql;

	*incident = (struct incident){0};
	sql_open(&sql, storage, "SELECT " COLUMNS " FROM incidents AS i WHERE i.seq = " NEWEST_OF("?"), NULL);
	sql_put_int(&sql, alert);
	return first_incident(&sql, incident);
}

bool storage_incident_by_id(struct storage *storage, int64_t alert, const char *id, struct incident *incident)
{
	struct sql sql;

	*incident = (struct incident){0};
	sql_open(&sql, storage, "SELECT " COLUMNS " FROM incidents AS i WHERE i.alert = ? AND i.id = ?", NULL);
	sql_put_int(&sql, alert);
	sql_put_text(&sql, id);
	return first_incident(&sql, incident);
}

static size_t take_ids(struct sql *sql, int64_t *ids, size_t limit)
{
	size_t count = 0;

	while (count < limit && sql_row(sql))
		ids[count++] = sql_get_int(sql);
	return sql_close(sql) ? count : 0;
}

size_t storage_incident_alerts(struct storage *storage, const char *id, bool is_newest, int64_t *alerts, size_t limit)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT i.alert FROM incidents AS i INDEXED BY incidents_id WHERE i.id = ?1 AND (?2 = 0 OR i.seq = " NEWEST_OF(
		"i.alert") ") ORDER BY i.alert LIMIT ?3",
	    NULL);
	sql_put_text(&sql, id);
	sql_put_int(&sql, is_newest);
	sql_put_int(&sql, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	return take_ids(&sql, alerts, limit);
}

/* ---- what is live --------------------------------------------------------------------------------------- */

/* Two short indexes, each read in its order and no further than needed: what is over in both is in neither. */
#define NOT_RESOLVED_THERE                                                                                    \
	"SELECT * FROM (SELECT o.alert FROM incidents AS o INDEXED BY incidents_open WHERE o.status <> 'resolved' " \
	"AND o.alert > ?1 AND o.seq = " NEWEST_OF("o.alert") " ORDER BY o.alert LIMIT ?2)"
#define PAGED_AND_LIVE "alerts AS a INDEXED BY alerts_paged_live WHERE a.page_status IS NOT NULL AND a.status IN (0, 1) AND a.id > ?1"
#define NOT_RESOLVED_HERE                                                               \
	"SELECT * FROM (SELECT a.id FROM " PAGED_AND_LIVE " AND EXISTS (SELECT 1 FROM " \
	"incidents AS n INDEXED BY incidents_alert WHERE n.alert = a.id) ORDER BY a.id LIMIT ?2)"

bool storage_each_live_incident(struct storage *storage, int64_t after, size_t limit,
    bool (*each)(void *ctx, const struct incident *incident), void *ctx, struct error *err)
{
	size_t max = limit < LIVE_MAX ? limit : LIVE_MAX, count = 0;
	struct incident *incidents = xcalloc(max + 1, sizeof(*incidents));
	struct sql sql;
	bool ok;

	sql_open(&sql, storage,
	    "SELECT " COLUMNS " FROM (" NOT_RESOLVED_THERE " UNION " NOT_RESOLVED_HERE ") AS live CROSS JOIN incidents AS i "
	    "ON i.seq = " NEWEST_OF("live.alert") " ORDER BY live.alert LIMIT ?2",
	    err);
	sql_put_int(&sql, after);
	sql_put_int(&sql, (int64_t)max);
	while (count < max && sql_row(&sql))
		incident_from(&sql, &incidents[count++]);
	ok = sql_close(&sql);
	/* As they are at this moment: what EACH changes must not change which ones it is shown. */
	for (size_t i = 0; ok && i < count; i++) {
		if (!each(ctx, &incidents[i]))
			break;
	}
	for (size_t i = 0; i < count; i++)
		incident_fini(&incidents[i]);
	free(incidents);
	return ok;
}

size_t storage_unlinked_alerts(struct storage *storage, int64_t after, int64_t *alerts, size_t limit)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "SELECT a.id FROM " PAGED_AND_LIVE " AND a.page_status IN ('triggered', 'acknowledged') AND NOT EXISTS "
	    "(SELECT 1 FROM incidents AS n INDEXED BY incidents_alert WHERE n.alert = a.id) ORDER BY a.id LIMIT ?2",
	    NULL);
	sql_put_int(&sql, after);
	sql_put_int(&sql, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	return take_ids(&sql, alerts, limit);
}

/* ---- who people are there ------------------------------------------------------------------------------- */

void pagerduty_user_fini(struct pagerduty_user *user)
{
	free(user->id);
	free(user->email);
	free(user->name);
	*user = (struct pagerduty_user){0};
}

/* "email:alice@example.com"; NULL for NULL. The caller frees. */
static char *user_key(const char *kind, const char *text)
{
	char *lower = text_lower(text), *key = lower != NULL ? xasprintf("%s:%s", kind, lower) : NULL;

	free(lower);
	return key;
}

/* PagerDuty's ids are told apart by their case, addresses are not. */
static char *id_key(const char *id)
{
	return id != NULL ? xasprintf("id:%s", id) : NULL;
}

static bool put_user(struct storage *storage, const char *key, const struct pagerduty_user *user, struct error *err)
{
	struct sql sql;

	if (key == NULL)
		return true;
	sql_open(&sql, storage,
	    "INSERT OR REPLACE INTO pagerduty_users (key, id, email, name, fetched_at) VALUES (?, ?, ?, ?, ?)", err);
	sql_put_text(&sql, key);
	sql_put_text(&sql, user->id);
	sql_put_text(&sql, user->email);
	sql_put_text(&sql, user->name);
	sql_put_int(&sql, user->fetched_at);
	return sql_run(&sql);
}

/* An address that was theirs before names them no more. */
static bool forget_addresses(struct storage *storage, const char *id, struct error *err)
{
	struct sql sql;

	if (id == NULL)
		return true;
	sql_open(&sql, storage, "DELETE FROM pagerduty_users WHERE id = ?", err);
	sql_put_text(&sql, id);
	return sql_run(&sql);
}

bool storage_put_pagerduty_user(struct storage *storage, const struct pagerduty_user *user, struct error *err)
{
	char *by_id = id_key(user->id), *by_email = user_key("email", user->email);
	bool ok;

	ok = forget_addresses(storage, user->id, err) && put_user(storage, by_id, user, err) && put_user(storage, by_email, user, err);
	free(by_id);
	free(by_email);
	return ok;
}

/* KEY is taken. */
static bool user_by_key(struct storage *storage, char *key, struct pagerduty_user *user)
{
	struct sql sql;
	bool found = false;

	*user = (struct pagerduty_user){0};
	if (key == NULL)
		return false;
	sql_open(&sql, storage, "SELECT id, email, name, fetched_at FROM pagerduty_users WHERE key = ?", NULL);
	sql_put_text(&sql, key);
	if (sql_row(&sql)) {
		user->id = sql_get_text(&sql);
		user->email = sql_get_text(&sql);
		user->name = sql_get_text(&sql);
		user->fetched_at = sql_get_int(&sql);
		found = true;
	}
	found = sql_close(&sql) && found;
	free(key);
	if (!found)
		pagerduty_user_fini(user);
	return found;
}

bool storage_pagerduty_user(struct storage *storage, const char *id, struct pagerduty_user *user)
{
	return user_by_key(storage, id_key(id), user);
}

bool storage_pagerduty_user_mailed(struct storage *storage, const char *email, struct pagerduty_user *user)
{
	return user_by_key(storage, user_key("email", email), user);
}

/* ---- what we are about to do ---------------------------------------------------------------------------- */

bool storage_add_intent(
    struct storage *storage, const char *incident, const char *what, const char *by, int64_t now, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "INSERT INTO intents (incident, what, by, at) VALUES (?, ?, ?, ?)", err);
	sql_put_text(&sql, incident);
	sql_put_text(&sql, what);
	sql_put_text(&sql, by);
	sql_put_int(&sql, now);
	return sql_run(&sql);
}

bool storage_take_intent(struct storage *storage, const char *incident, const char *what, const char *by, int64_t since,
    bool *taken, struct error *err)
{
	struct sql sql;

	*taken = false;
	sql_open(&sql, storage,
	    "DELETE FROM intents WHERE n = (SELECT n FROM intents INDEXED BY intents_of WHERE incident = ?1 AND what = ?2 "
	    "AND at >= ?4 AND (?3 IS NULL OR by IS NULL OR by = ?3) ORDER BY n LIMIT 1)",
	    err);
	sql_put_text(&sql, incident);
	sql_put_text(&sql, what);
	sql_put_text(&sql, by);
	sql_put_int(&sql, since);
	if (!sql_run(&sql))
		return false;
	*taken = sql_changes(storage) > 0;
	return true;
}

/* ---- who is on call ------------------------------------------------------------------------------------- */

static bool add_oncall(struct storage *storage, const struct oncall *oncall, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT INTO oncalls (policy, policy_name, level, user, user_name, ends_at) VALUES (?, ?, ?, ?, ?, ?)", err);
	sql_put_text(&sql, oncall->policy);
	sql_put_text(&sql, oncall->policy_name);
	sql_put_int(&sql, oncall->level);
	sql_put_text(&sql, oncall->user);
	sql_put_text(&sql, oncall->user_name);
	sql_put_time(&sql, oncall->ends_at);
	return sql_run(&sql);
}

bool storage_put_oncalls(struct storage *storage, const struct oncall *oncalls, size_t count, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM oncalls", err);
	if (!sql_run(&sql))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!add_oncall(storage, &oncalls[i], err))
			return false;
	}
	return true;
}

bool storage_each_oncall(
    struct storage *storage, bool (*each)(void *ctx, const struct oncall *oncall), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage,
	    "SELECT policy, policy_name, level, user, user_name, ends_at FROM oncalls "
	    "ORDER BY lower(coalesce(policy_name, policy)), policy, level, rowid",
	    err);
	while (goes_on && sql_row(&sql)) {
		struct oncall oncall = {0};

		oncall.policy = sql_get_text(&sql);
		oncall.policy_name = sql_get_text(&sql);
		oncall.level = sql_get_int(&sql);
		oncall.user = sql_get_text(&sql);
		oncall.user_name = sql_get_text(&sql);
		oncall.ends_at = sql_get_time(&sql);
		goes_on = each(ctx, &oncall);
		free(oncall.policy);
		free(oncall.policy_name);
		free(oncall.user);
		free(oncall.user_name);
	}
	return sql_close(&sql);
}

/* ---- marks ---------------------------------------------------------------------------------------------- */

bool storage_put_mark(struct storage *storage, const char *name, const char *value, struct error *err)
{
	struct sql sql;

	/* Said again and again, as that all is well: only what is new is written. */
	sql_open(&sql, storage,
	    value != NULL ? "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE "
			    "SET value = excluded.value WHERE value <> excluded.value"
			  : "DELETE FROM marks WHERE name = ?1",
	    err);
	sql_put_text(&sql, name);
	if (value != NULL)
		sql_put_text(&sql, value);
	return sql_run(&sql);
}

char *storage_mark(struct storage *storage, const char *name)
{
	struct sql sql;
	char *value = NULL;

	sql_open(&sql, storage, "SELECT value FROM marks WHERE name = ?", NULL);
	sql_put_text(&sql, name);
	if (sql_row(&sql))
		value = sql_get_text(&sql);
	if (sql_close(&sql))
		return value;
	free(value);
	return NULL;
}
