#include "storage/internal.h"

#include <stdlib.h>

bool storage_put_claim(struct storage *storage, const struct claim *claim, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT OR REPLACE INTO claims (alert, announcement, who, at) VALUES (?, ?, ?, ?)", err);
	sql_put_int(&sql, claim->alert);
	sql_put_int(&sql, claim->announcement);
	sql_put_text(&sql, claim->who);
	sql_put_int(&sql, claim->at);
	return sql_run(&sql);
}

void claim_fini(struct claim *claim)
{
	free(claim->who);
	*claim = (struct claim){0};
}

static bool take(struct sql *sql, struct claim *claim)
{
	bool found = sql_row(sql);

	if (found) {
		claim->alert = sql_get_int(sql);
		claim->announcement = sql_get_int(sql);
		claim->who = sql_get_text(sql);
		claim->at = sql_get_int(sql);
	}
	return sql_close(sql) && found;
}

bool storage_claim(struct storage *storage, int64_t alert, struct claim *claim)
{
	struct sql sql;

	*claim = (struct claim){0};
	sql_open(&sql, storage, "SELECT alert, announcement, who, at FROM claims WHERE alert = ?", NULL);
	sql_put_int(&sql, alert);
	return take(&sql, claim);
}

bool storage_claim_under(struct storage *storage, int64_t announcement, struct claim *claim)
{
	struct sql sql;

	*claim = (struct claim){0};
	sql_open(&sql, storage,
	    "SELECT alert, announcement, who, at FROM claims WHERE announcement = ? ORDER BY alert LIMIT 1", NULL);
	sql_put_int(&sql, announcement);
	return take(&sql, claim);
}

bool storage_remove_claim(struct storage *storage, int64_t alert, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM claims WHERE alert = ?", err);
	sql_put_int(&sql, alert);
	return sql_run(&sql);
}
