#include "storage/internal.h"

#include <stdlib.h>

#include "config/base/memory.h"

#define COLUMNS                                                                           \
	"w.id, w.lane, w.kind, w.subject, w.coalesce, w.body, w.priority, w.not_before, " \
	"w.deadline, w.created_at, w.attempts, w.state, w.is_unsure, w.is_plain, w.problem"
#define FROM_OUTBOX "SELECT " COLUMNS " FROM outbox AS w "

static void word_fini(struct word *word)
{
	free(word->lane);
	free(word->kind);
	free(word->subject);
	free(word->coalesce);
	free(word->body);
	free(word->problem);
}

void word_free(struct word *word)
{
	if (word == NULL)
		return;
	word_fini(word);
	free(word);
}

static void word_read(struct sql *sql, struct word *word)
{
	word->id = sql_get_int(sql);
	word->lane = sql_get_text(sql);
	word->kind = sql_get_text(sql);
	word->subject = sql_get_text(sql);
	word->coalesce = sql_get_text(sql);
	word->body = sql_get_text(sql);
	word->priority = sql_get_int(sql);
	word->not_before = sql_get_time(sql);
	word->deadline = sql_get_time(sql);
	word->created_at = sql_get_time(sql);
	word->attempts = sql_get_int(sql);
	word->state = sql_get_enum(sql, WORD_DEAD);
	word->is_unsure = sql_get_int(sql) != 0;
	word->is_plain = sql_get_int(sql) != 0;
	word->problem = sql_get_text(sql);
}

/* ---- adding --------------------------------------------------------------------------------------------- */

/* One says the same as WORD already: it goes as early, and as far in front, as WORD would have. Not
 * earlier when it was tried before: then it waits because its peer asked for that. */
static bool hurry(
    struct storage *storage, int64_t waiting, const struct word *word, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE outbox SET priority = min(priority, ?2), not_before = "
	    "CASE WHEN attempts > 0 THEN not_before WHEN ?3 IS NULL THEN NULL "
	    "ELSE min(not_before, ?3) END WHERE id = ?1 AND (priority > ?2 OR (attempts = 0 "
	    "AND not_before IS NOT NULL AND (?3 IS NULL OR not_before > ?3)))",
	    err);
	sql_put_int(&sql, waiting);
	sql_put_int(&sql, word->priority);
	sql_put_time(&sql, word->not_before);
	return sql_run(&sql);
}

static bool find_same(
    struct storage *storage, const struct word *word, int64_t *waiting, struct error *err)
{
	struct sql sql;

	*waiting = 0;
	if (word->coalesce == NULL)
		return true;
	sql_open(&sql, storage,
	    "SELECT id FROM outbox INDEXED BY outbox_coalesce WHERE coalesce = ? "
	    "AND coalesce IS NOT NULL AND state = 0 LIMIT 1",
	    err);
	sql_put_text(&sql, word->coalesce);
	if (sql_row(&sql))
		*waiting = sql_get_int(&sql);
	return sql_close(&sql);
}

bool storage_add_word(struct storage *storage, struct word *word, struct error *err)
{
	struct sql sql;
	int64_t waiting;

	word->id = 0;
	if (!find_same(storage, word, &waiting, err))
		return false;
	if (waiting != 0)
		return hurry(storage, waiting, word, err);
	sql_open(&sql, storage,
	    "INSERT INTO outbox (lane, kind, subject, coalesce, body, priority, not_before, "
	    "deadline, created_at, attempts, state, is_unsure, is_plain, problem, is_next) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
	    "NOT EXISTS (SELECT 1 FROM outbox INDEXED BY outbox_order WHERE lane = ?1 "
	    "AND subject = ?3 AND subject <> '' AND state <> 3))",
	    err);
	sql_put_text(&sql, word->lane);
	sql_put_text(&sql, word->kind != NULL ? word->kind : "");
	sql_put_text(&sql, word->subject != NULL ? word->subject : "");
	sql_put_text(&sql, word->coalesce);
	sql_put_text(&sql, word->body);
	sql_put_int(&sql, word->priority);
	sql_put_time(&sql, word->not_before);
	sql_put_time(&sql, word->deadline);
	sql_put_time(&sql, word->created_at);
	sql_put_int(&sql, word->attempts);
	sql_put_int(&sql, word->state);
	sql_put_int(&sql, word->is_unsure);
	sql_put_int(&sql, word->is_plain);
	sql_put_text(&sql, word->problem);
	if (!sql_run(&sql))
		return false;
	word->id = sqlite3_last_insert_rowid(storage->db);
	return true;
}

/* ---- changing ------------------------------------------------------------------------------------------- */

bool storage_put_word(struct storage *storage, const struct word *word, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE outbox SET state = ?, attempts = ?, not_before = ?, is_unsure = ?, "
	    "is_plain = ?, problem = ? WHERE id = ?",
	    err);
	sql_put_int(&sql, word->state);
	sql_put_int(&sql, word->attempts);
	sql_put_time(&sql, word->not_before);
	sql_put_int(&sql, word->is_unsure);
	sql_put_int(&sql, word->is_plain);
	sql_put_text(&sql, word->problem);
	sql_put_int(&sql, word->id);
	if (!sql_run(&sql))
		return false;
	return sql_changes(storage) > 0 ||
	       error_set(err, ERROR_NOT_FOUND, "this word is not in the outbox any more");
}

bool storage_go_on_word(struct storage *storage, int64_t id, const char *body, int64_t not_before, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE outbox SET state = 0, attempts = 0, is_unsure = 0, is_plain = 0, problem = NULL, body = ?, not_before = ? "
	    "WHERE id = ?",
	    err);
	sql_put_text(&sql, body);
	sql_put_time(&sql, not_before);
	sql_put_int(&sql, id);
	return sql_run(&sql);
}

bool storage_put_word_body(struct storage *storage, int64_t id, const char *body, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "UPDATE outbox SET body = ? WHERE id = ?", err);
	sql_put_text(&sql, body);
	sql_put_int(&sql, id);
	return sql_run(&sql);
}

bool storage_has_word(struct storage *storage, const char *lane, const char *kind, const char *subject)
{
	struct sql sql;
	bool has;

	sql_open(&sql, storage,
	    "SELECT 1 FROM outbox INDEXED BY outbox_order WHERE lane = ?1 AND subject = ?2 AND subject <> '' AND state <> 3 "
	    "AND (?3 IS NULL OR kind = ?3) LIMIT 1",
	    NULL);
	sql_put_text(&sql, lane);
	sql_put_text(&sql, subject);
	sql_put_text(&sql, kind);
	has = sql_row(&sql);
	return sql_close(&sql) && has;
}

bool storage_remove_word(struct storage *storage, int64_t id, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "DELETE FROM outbox WHERE id = ?", err);
	sql_put_int(&sql, id);
	return sql_run(&sql);
}

bool storage_recover_words(struct storage *storage, size_t *count, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "UPDATE outbox SET state = 0, is_unsure = 1 WHERE state = 1 AND state <> 0", err);
	if (!sql_run(&sql))
		return false;
	if (count != NULL)
		*count = (size_t)sql_changes(storage);
	return true;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

struct word *storage_word(struct storage *storage, int64_t id)
{
	struct sql sql;
	struct word *word = NULL;

	sql_open(&sql, storage, FROM_OUTBOX "WHERE id = ?", NULL);
	sql_put_int(&sql, id);
	if (sql_row(&sql)) {
		word = xcalloc(1, sizeof(*word));
		word_read(&sql, word);
	}
	sql_close(&sql);
	return word;
}

/* From one lane's name to the next, past whatever waits in it: a backlog of one lane costs nothing. */
#define FIRST_LANE \
	"SELECT min(lane) FROM outbox INDEXED BY outbox_turn WHERE state = 0 AND is_next = 1"
#define EACH_LANE                                                  \
	"WITH RECURSIVE lanes (lane) AS (SELECT (" FIRST_LANE ") " \
	"UNION ALL SELECT (" FIRST_LANE " AND lane > lanes.lane) " \
	"FROM lanes WHERE lanes.lane IS NOT NULL) "                \
	"SELECT lane FROM lanes WHERE lane IS NOT NULL"

bool storage_each_lane(struct storage *storage, bool (*each)(void *ctx, const char *lane),
    void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage, EACH_LANE, err);
	while (goes_on && sql_row(&sql))
		goes_on = each(ctx, sql_peek_text(&sql));
	return sql_close(&sql);
}

/* Words as they are at this moment: what EACH changes must not change which ones it is shown. */
struct batch {
	struct word *words;
	size_t count, cap;
};

static void batch_add(struct batch *batch, struct sql *sql)
{
	if (batch->count == batch->cap) {
		batch->cap = batch->cap > 0 ? batch->cap * 2 : 16;
		batch->words = xreallocarray(batch->words, batch->cap, sizeof(*batch->words));
	}
	batch->words[batch->count] = (struct word){0};
	word_read(sql, &batch->words[batch->count++]);
}

static void batch_tell(
    const struct batch *batch, bool (*each)(void *ctx, const struct word *word), void *ctx)
{
	bool goes_on = true;

	for (size_t i = 0; goes_on && i < batch->count; i++)
		goes_on = each(ctx, &batch->words[i]);
}

static void batch_fini(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		word_fini(&batch->words[i]);
	free(batch->words);
}

/* The best of those whose turn it is, for one half of outbox_turn: each is read in its order and no
 * further than needed. */
#define TURN(when)                                                               \
	"SELECT * FROM (SELECT id, priority FROM outbox INDEXED BY outbox_turn " \
	"WHERE lane = ?1 AND state = 0 AND is_next = 1 AND not_before " when " " \
	"ORDER BY priority, id LIMIT ?3)"
/* clang-format off */
#define DUE \
	"SELECT " COLUMNS " FROM (" TURN("IS NULL") " UNION ALL " TURN("<= ?2") ") AS due " \
	"CROSS JOIN outbox AS w ON w.id = due.id ORDER BY due.priority, due.id LIMIT ?3"
/* clang-format on */

bool storage_each_due_word(struct storage *storage, const char *lane, int64_t now, size_t limit,
    bool (*each)(void *ctx, const struct word *word), void *ctx, struct error *err)
{
	struct sql sql;
	struct batch batch = {0};
	bool ok;

	sql_open(&sql, storage, DUE, err);
	sql_put_text(&sql, lane);
	sql_put_int(&sql, now);
	sql_put_int(&sql, limit < DUE_MAX ? (int64_t)limit : DUE_MAX);
	while (sql_row(&sql))
		batch_add(&batch, &sql);
	ok = sql_close(&sql);
	if (ok)
		batch_tell(&batch, each, ctx);
	batch_fini(&batch);
	return ok;
}

int64_t storage_lane_due_at(struct storage *storage, const char *lane)
{
	struct sql sql;
	int64_t at = TIME_NONE;

	sql_open(&sql, storage,
	    "SELECT coalesce(not_before, 0) FROM outbox INDEXED BY outbox_turn WHERE lane = ? "
	    "AND state = 0 AND is_next = 1 ORDER BY not_before LIMIT 1",
	    NULL);
	sql_put_text(&sql, lane);
	if (sql_row(&sql))
		at = sql_get_int(&sql);
	return sql_close(&sql) ? at : TIME_NONE;
}

#define IN_STATE "WHERE state = ?1 AND state <> 0 "
#define IN_ANY_STATE "WHERE (?1 < 0 OR state = ?1) "
#define OLDEST "AND id > ?2 ORDER BY id LIMIT ?3"

bool storage_each_word(struct storage *storage, int state, int64_t after_id, size_t limit,
    bool (*each)(void *ctx, const struct word *word), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage,
	    state > WORD_WAITING ? FROM_OUTBOX "INDEXED BY outbox_state " IN_STATE OLDEST
				 : FROM_OUTBOX "NOT INDEXED " IN_ANY_STATE OLDEST,
	    err);
	sql_put_int(&sql, state);
	sql_put_int(&sql, after_id);
	sql_put_int(&sql, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	while (goes_on && sql_row(&sql)) {
		struct word word = {0};

		word_read(&sql, &word);
		goes_on = each(ctx, &word);
		word_fini(&word);
	}
	return sql_close(&sql);
}

/* All, and those that do not wait: the many that wait are not walked through, only counted by the
 * page. */
static bool count_all(struct storage *storage, int64_t counts[4], struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage, "SELECT count(*) FROM outbox", err);
	if (sql_row(&sql))
		counts[WORD_WAITING] = sql_get_int(&sql);
	if (!sql_close(&sql))
		return false;
	sql_open(&sql, storage,
	    "SELECT state, count(*) FROM outbox INDEXED BY outbox_state WHERE state <> 0 "
	    "GROUP BY state",
	    err);
	while (sql_row(&sql)) {
		int state = sql_get_enum(&sql, WORD_DEAD);

		counts[state] = sql_get_int(&sql);
		counts[WORD_WAITING] -= counts[state];
	}
	return sql_close(&sql);
}

bool storage_count_words(
    struct storage *storage, int64_t counts[4], int64_t *oldest_at, struct error *err)
{
	struct sql sql;

	for (size_t i = 0; i < 4; i++)
		counts[i] = 0;
	if (!count_all(storage, counts, err))
		return false;
	if (oldest_at == NULL)
		return true;
	*oldest_at = TIME_NONE;
	sql_open(&sql, storage,
	    "SELECT created_at FROM outbox NOT INDEXED WHERE state <= 1 ORDER BY id LIMIT 1", err);
	if (sql_row(&sql))
		*oldest_at = sql_get_time(&sql);
	return sql_close(&sql);
}
