#include "storage/internal.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"

#define FROM_POSTS "SELECT subject, channel, channel_id, ts, copy FROM posts "

void post_fini(struct post *post)
{
	free(post->subject);
	free(post->channel);
	free(post->channel_id);
	free(post->ts);
	*post = (struct post){0};
}

/* What Slack calls a channel stays known when the posts themselves are long gone. */
static bool learn_channel(struct storage *storage, const struct post *post, struct error *err)
{
	struct sql sql;

	if (text_is_empty(post->channel_id))
		return true;
	sql_open(&sql, storage,
	    "INSERT INTO channels (channel, channel_id) VALUES (?, ?) "
	    "ON CONFLICT (channel) DO UPDATE SET channel_id = excluded.channel_id "
	    "WHERE channel_id <> excluded.channel_id",
	    err);
	sql_put_text(&sql, post->channel);
	sql_put_text(&sql, post->channel_id);
	return sql_run(&sql);
}

bool storage_add_post(struct storage *storage, const struct post *post, struct error *err)
{
	struct sql sql;

	sql_open(&sql, storage,
	    "INSERT OR REPLACE INTO posts (subject, channel, channel_id, ts, copy) "
	    "VALUES (?, ?, ?, ?, ?)",
	    err);
	sql_put_text(&sql, post->subject);
	sql_put_text(&sql, post->channel);
	sql_put_text(&sql, post->channel_id);
	sql_put_text(&sql, post->ts);
	sql_put_int(&sql, post->copy);
	return sql_run(&sql) && learn_channel(storage, post, err);
}

static struct post post_read(struct sql *sql)
{
	struct post post = {.subject = sql_get_text(sql)};

	post.channel = sql_get_text(sql);
	post.channel_id = sql_get_text(sql);
	post.ts = sql_get_text(sql);
	post.copy = sql_get_int(sql);
	return post;
}

static bool first_post(struct sql *sql, struct post *post)
{
	bool found = sql_row(sql);

	*post = found ? post_read(sql) : (struct post){0};
	if (sql_close(sql))
		return found;
	post_fini(post);
	return false;
}

bool storage_post(
    struct storage *storage, const char *subject, const char *channel, struct post *post)
{
	struct sql sql;

	sql_open(&sql, storage, FROM_POSTS "WHERE subject = ? AND channel = ?", NULL);
	sql_put_text(&sql, subject);
	sql_put_text(&sql, channel);
	return first_post(&sql, post);
}

bool storage_post_by_ts(
    struct storage *storage, const char *channel_id, const char *ts, struct post *post)
{
	struct sql sql;

	sql_open(&sql, storage, FROM_POSTS "WHERE channel_id = ? AND ts = ? LIMIT 1", NULL);
	sql_put_text(&sql, channel_id);
	sql_put_text(&sql, ts);
	return first_post(&sql, post);
}

bool storage_each_post(struct storage *storage, const char *subject,
    bool (*each)(void *ctx, const struct post *post), void *ctx, struct error *err)
{
	struct sql sql;
	bool goes_on = true;

	sql_open(&sql, storage, FROM_POSTS "WHERE subject = ? ORDER BY copy, channel", err);
	sql_put_text(&sql, subject);
	while (goes_on && sql_row(&sql)) {
		struct post post = post_read(&sql);

		goes_on = each(ctx, &post);
		post_fini(&post);
	}
	return sql_close(&sql);
}

bool storage_channel_id(struct storage *storage, const char *channel, char *out, size_t size)
{
	struct sql sql;
	bool fits = false;

	if (size > 0)
		out[0] = '\0';
	sql_open(&sql, storage, "SELECT channel_id FROM channels WHERE channel = ?", NULL);
	sql_put_text(&sql, channel);
	if (sql_row(&sql)) {
		const char *id = sql_peek_text(&sql);
		size_t len = strlen(id);

		fits = len < size;
		if (fits)
			memcpy(out, id, len + 1);
	}
	return sql_close(&sql) && fits;
}
