#include "storage/internal.h"

#include <stdlib.h>

#include "config/base/memory.h"

/* ---- what was seen -------------------------------------------------------------------------------------- */

bool storage_see(struct storage *storage, const char *key, int64_t now, int64_t keep_s, bool *again,
    struct error *err)
{
	struct sql sql;
	int64_t until;

	if (__builtin_add_overflow(now, keep_s, &until))
		until = INT64_MAX;
	/* One statement for both: it writes nothing where the key is still known. */
	sql_open(&sql, storage,
	    "INSERT INTO seen (key, until) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE "
	    "SET until = excluded.until WHERE until <= ?3",
	    err);
	sql_put_text(&sql, key);
	sql_put_int(&sql, until);
	sql_put_int(&sql, now);
	if (!sql_run(&sql))
		return false;
	*again = sql_changes(storage) == 0;
	return true;
}

/* ---- who people are ------------------------------------------------------------------------------------- */

void profile_fini(struct profile *profile)
{
	free(profile->slack);
	free(profile->name);
	free(profile->email);
	free(profile->timezone);
	*profile = (struct profile){0};
}

bool storage_put_profile(struct storage *storage, const struct profile *profile, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT OR REPLACE INTO profiles (slack, name, email, timezone, is_guest, is_bot, "
	    "is_deleted, fetched_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    err);
	sql_put_text(&sql, profile->slack);
	sql_put_text(&sql, profile->name);
	sql_put_text(&sql, profile->email);
	sql_put_text(&sql, profile->timezone);
	sql_put_int(&sql, profile->is_guest);
	sql_put_int(&sql, profile->is_bot);
	sql_put_int(&sql, profile->is_deleted);
	sql_put_time(&sql, profile->fetched_at);
	return sql_run(&sql);
}

#define FROM_PROFILES "SELECT slack, name, email, timezone, is_guest, is_bot, is_deleted, fetched_at FROM profiles "

static bool take_profile(struct sql *sql, struct profile *profile)
{
	bool found = sql_row(sql);

	if (found) {
		profile->slack = sql_get_text(sql);
		profile->name = sql_get_text(sql);
		profile->email = sql_get_text(sql);
		profile->timezone = sql_get_text(sql);
		profile->is_guest = sql_get_int(sql) != 0;
		profile->is_bot = sql_get_int(sql) != 0;
		profile->is_deleted = sql_get_int(sql) != 0;
		profile->fetched_at = sql_get_time(sql);
	}
	return sql_close(sql) && found;
}

bool storage_profile(struct storage *storage, const char *slack, struct profile *profile)
{
	struct sql sql;

	*profile = (struct profile){0};
	sql_open(&sql, storage, FROM_PROFILES "WHERE slack = ?", NULL);
	sql_put_text(&sql, slack);
	return take_profile(&sql, profile);
}

bool storage_profile_mailed(struct storage *storage, const char *email, struct profile *profile)
{
	struct sql sql;

	*profile = (struct profile){0};
	/* An address has one account in a workspace; of two that were told at different times the later one has it. */
	sql_open(&sql, storage,
	    FROM_PROFILES "INDEXED BY profiles_email WHERE lower(email) = lower(?) AND email IS NOT NULL AND is_bot = 0 "
			  "AND is_deleted = 0 ORDER BY fetched_at DESC, slack LIMIT 1",
	    NULL);
	sql_put_text(&sql, email);
	return take_profile(&sql, profile);
}

/* ---- user groups ---------------------------------------------------------------------------------------- */

bool storage_put_group(struct storage *storage, const char *group, char *const *users, size_t count,
    int64_t fetched_at, struct error *err)
{
	struct sql sql;

	/* What hangs on the old row goes with it. */
	sql_open(&sql, storage, "DELETE FROM user_groups WHERE id = ?", err);
	sql_put_text(&sql, group);
	if (!sql_run(&sql))
		return false;
	sql_open(&sql, storage, "INSERT INTO user_groups (id, fetched_at) VALUES (?, ?)", err);
	sql_put_text(&sql, group);
	sql_put_int(&sql, fetched_at);
	if (!sql_run(&sql))
		return false;
	for (size_t i = 0; i < count; i++) {
		sql_open(&sql, storage,
		    "INSERT OR IGNORE INTO user_group_members (id, user) VALUES (?, ?)", err);
		sql_put_text(&sql, group);
		sql_put_text(&sql, users[i]);
		if (!sql_run(&sql))
			return false;
	}
	return true;
}

bool storage_in_group(
    struct storage *storage, const char *group, const char *user, int64_t not_before)
{
	struct sql sql;
	bool found;

	sql_open(&sql, storage,
	    "SELECT 1 FROM user_group_members m JOIN user_groups g ON g.id = m.id WHERE m.id = ? "
	    "AND m.user = ? AND g.fetched_at >= ?",
	    NULL);
	sql_put_text(&sql, group);
	sql_put_text(&sql, user);
	sql_put_int(&sql, not_before);
	found = sql_row(&sql);
	return sql_close(&sql) && found;
}
