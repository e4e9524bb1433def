/* api_records - GET /v1/audit, and /v1/outbox: what was done, and what still waits to be said. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/api_internal.h"

#define AUDIT_LINES_MAX 1000 /* rows in one answer; the last one's seq goes on with after= */

static bool add_audit(void *ctx, const struct audit *audit)
{
	struct buf *out = ctx;
	cJSON *json = cJSON_CreateObject();
	char *text;

	json_put_int(json, "seq", audit->seq);
	json_put_time(json, "at", audit->at);
	json_put(json, "who", audit->who);
	json_put(json, "via", audit->via);
	json_put(json, "from", audit->from);
	json_put(json, "what", audit->what);
	json_put(json, "subject", audit->subject);
	json_put(json, "detail", audit->detail);
	json_put(json, "hash", audit->hash);
	text = json_write(json);
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
	cJSON_Delete(json);
	return true;
}

void api_audit(struct call *call)
{
	const char *since = api_query(call->request, "since"), *after = api_query(call->request, "after");
	int64_t since_at = 0, after_seq = 0;
	struct error err;

	if (after != NULL)
		after_seq = strtoll(after, NULL, 10);
	if (since != NULL && !time_parse_since(since, call->desk->now, &since_at, &err)) {
		api_refuse(call, &err);
		return;
	}
	buf_reset(&call->answer->body);
	if (!storage_each_audit(call->desk->storage, since_at, after_seq, AUDIT_LINES_MAX, add_audit, &call->answer->body, &err)) {
		api_refuse(call, &err);
		return;
	}
	call->answer->status = 200;
	call->answer->content_type = "application/x-ndjson";
}

static const char *word_state_name(enum word_state state)
{
	static const char *const names[] = {"waiting", "sending", "stuck", "dead"};

	return names[state];
}

static bool add_word(void *ctx, const struct word *word)
{
	cJSON *json = cJSON_CreateObject();

	json_put_int(json, "id", word->id);
	json_put(json, "state", word_state_name(word->state));
	json_put(json, "lane", word->lane);
	json_put(json, "kind", word->kind);
	json_put(json, "subject", word->subject);
	json_put_time(json, "created_at", word->created_at);
	json_put_int(json, "attempts", word->attempts);
	json_put(json, "problem", word->problem);
	cJSON_AddItemToArray(ctx, json);
	return true;
}

/* What waits for a person: stuck and dead words; with state=waiting what is on its way. */
void api_outbox_list(struct call *call)
{
	const char *state = api_query(call->request, "state");
	size_t limit = api_limit(call);
	struct error err;
	cJSON *json, *list;
	bool ok;

	if (limit == 0)
		return;
	json = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(json, "words");
	if (state != NULL && strcmp(state, "waiting") == 0)
		ok = storage_each_word(call->desk->storage, WORD_WAITING, 0, limit, add_word, list, &err);
	else
		ok = storage_each_word(call->desk->storage, WORD_STUCK, 0, limit, add_word, list, &err) &&
		     storage_each_word(call->desk->storage, WORD_DEAD, 0, limit, add_word, list, &err);
	if (ok) {
		api_json(call->answer, 200, json);
		return;
	}
	cJSON_Delete(json);
	api_refuse(call, &err);
}

static bool act(struct call *call, struct word *word, struct error *err)
{
	struct storage *storage = call->desk->storage;
	char detail[64];

	snprintf(detail, sizeof(detail), "word %" PRId64, word->id);
	if (strcmp(call->verb, "drop") == 0)
		return desk_audit(call->desk, &call->caller.actor, "dropped", word->subject, detail, err) &&
		       storage_remove_word(storage, word->id, err);
	if (strcmp(call->verb, "retry") != 0)
		return error_set(err, ERROR_NOT_FOUND, "a word can be retried or dropped: …/retry, …/drop");
	if (word->state != WORD_STUCK && word->state != WORD_DEAD)
		return error_set(err, ERROR_CONFLICT, "it is on its way already");
	word->state = WORD_WAITING;
	word->not_before = TIME_NONE;
	word->attempts = 0;
	return desk_audit(call->desk, &call->caller.actor, "retried", word->subject, detail, err) &&
	       storage_put_word(storage, word, err);
}

void api_outbox_act(struct call *call)
{
	int64_t id = strtoll(call->part, NULL, 10);
	struct word *word = storage_word(call->desk->storage, id);
	struct error err;
	cJSON *json;

	if (word == NULL) {
		api_problem(call->answer, 404, "no such word is in the outbox");
		return;
	}
	if (act(call, word, &err)) {
		json = cJSON_CreateObject();
		json_put_int(json, "id", id);
		json_put(json, "state", strcmp(call->verb, "drop") == 0 ? "dropped" : "waiting");
		api_json(call->answer, 200, json);
	} else {
		api_refuse(call, &err);
		call->is_stored = false;
	}
	word_free(word);
}
