#include "handlers/pagerduty/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/hook.h"
#include "handlers/pagerduty/oncall.h"
#include "handlers/pagerduty/poll.h"
#include "handlers/pagerduty/users.h"
#include "handlers/slack_text.h"

#define BODY_MAX (1 << 20) /* bytes that a conversation may remember */
#define REFUSAL_UNITS 200

const struct conversation *const conversations[] = {
    &deed_conversation, &hook_conversation, &poll_conversation, &user_conversation, &oncall_conversation, NULL};

bool rest_is_on(const struct desk *desk)
{
	return desk->config->pagerduty.is_enabled && !text_is_empty(desk->config->pagerduty.api_token);
}

bool rest_is_id(const char *id)
{
	size_t len = id != NULL ? strnlen(id, REST_ID_MAX + 1) : 0;

	if (len == 0 || len > REST_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = id[i];

		if ((c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_')
			return false;
	}
	return true;
}

bool rest_leave(struct desk *desk, const char *kind, const char *subject, const char *coalesce, cJSON *body, int64_t priority,
    int64_t lasts_s, struct error *err)
{
	char *text = body != NULL ? json_write(body) : NULL;
	struct word word = {
	    .lane = PAGERDUTY_LANE,
	    .kind = (char *)kind,
	    .subject = (char *)(subject != NULL ? subject : ""),
	    .coalesce = (char *)coalesce,
	    .body = text,
	    .priority = priority,
	    .not_before = TIME_NONE,
	    .deadline = lasts_s > 0 ? desk->now + lasts_s : TIME_NONE,
	    .created_at = desk->now,
	    .state = WORD_WAITING,
	};
	bool ok;

	cJSON_Delete(body);
	if (text != NULL && strlen(text) > BODY_MAX)
		ok = error_set(err, ERROR_TOO_LONG, "a word to PagerDuty holds at most %d bytes", BODY_MAX);
	else
		ok = storage_add_word(desk->storage, &word, err);
	free(text);
	return ok;
}

bool rest_send(struct talk *talk, const char *verb, const struct buf *path, const char *from, cJSON *body, struct error *err)
{
	talk->spoken->peer = PEER_PAGERDUTY_API;
	talk->spoken->verb = verb;
	talk->spoken->body = body;
	if (!buf_ok(path))
		return error_set(err, ERROR_TOO_LONG, "a path of PagerDuty's API holds at most %d bytes", REST_PATH_MAX);
	talk->spoken->method = xstrdup(buf_text(path));
	talk->spoken->from = from != NULL ? xstrdup(from) : NULL;
	return true;
}

bool rest_get(struct talk *talk, const struct buf *path, struct error *err)
{
	return rest_send(talk, "GET", path, NULL, NULL, err);
}

static void put_encoded(struct buf *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if ((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
		    strchr("-._~", *at) != NULL)
			buf_putc(out, (char)*at);
		else
			buf_printf(out, "%%%02X", *at);
	}
}

void rest_put_query(struct buf *path, const char *name, const char *value)
{
	buf_putc(path, strchr(buf_text(path), '?') == NULL ? '?' : '&');
	put_encoded(path, name);
	buf_putc(path, '=');
	put_encoded(path, value);
}

int64_t rest_rows(const struct talk *talk)
{
	const int64_t wanted = talk->word->attempts > 6 ? 5 : talk->word->attempts > 3 ? 25 : REST_PAGE;
	int64_t kept;

	return json_int(talk->body, "rows", &kept) && kept > 0 && kept < wanted ? kept : wanted;
}

void rest_keep_rows(struct talk *talk, int64_t rows)
{
	cJSON_DeleteItemFromObjectCaseSensitive(talk->body, "rows");
	json_put_int(talk->body, "rows", rows);
}

bool rest_nothing(struct talk *talk)
{
	talk->spoken->is_nothing = true;
	return true;
}

bool rest_wait(struct talk *talk, int64_t at)
{
	talk->spoken->waits_until = at > talk->desk->now ? at : talk->desk->now + 1;
	return true;
}

bool rest_go_on(struct talk *talk)
{
	return rest_go_on_at(talk, TIME_NONE);
}

bool rest_go_on_at(struct talk *talk, int64_t at)
{
	talk->goes_on = true;
	talk->not_before = at;
	return true;
}

int rest_code(const struct reply *reply)
{
	int64_t code;

	return json_int(json_get(reply->body, "error"), "code", &code) && code > 0 && code < 100000 ? (int)code : 0;
}

/* developer.pagerduty.com/docs/errors: `errors` may be absent, a list, or (of old endpoints) a text; `error` too. */
char *rest_refusal(const struct reply *reply)
{
	const cJSON *error = json_get(reply->body, "error"), *errors = json_get(error, "errors");
	const char *message = cJSON_IsString(error) ? error->valuestring : json_text(error, "message");
	const char *first = cJSON_IsArray(errors) ? cJSON_GetStringValue(cJSON_GetArrayItem(errors, 0)) : cJSON_GetStringValue(errors);
	struct buf text;
	char *taken;

	buf_init(&text, REFUSAL_UNITS * 16);
	if (text_is_empty(message) && text_is_empty(first)) {
		buf_printf(&text, "PagerDuty refused it (status %d)", reply->status);
	} else {
		buf_puts(&text, "PagerDuty says: ");
		buf_put_plain(&text, text_is_empty(message) ? first : message, REFUSAL_UNITS);
		if (!text_is_empty(first) && !text_is_empty(message) && strcmp(first, message) != 0) {
			buf_puts(&text, ": ");
			buf_put_plain(&text, first, REFUSAL_UNITS);
		}
	}
	taken = buf_take(&text);
	buf_fini(&text);
	return taken;
}

const char *rest_ref(const cJSON *object, const char *name)
{
	const char *id = json_text(json_get(object, name), "id");

	return rest_is_id(id) ? id : NULL;
}

int64_t rest_time(const char *text)
{
	int64_t at;

	return text != NULL && time_parse_rfc3339(text, &at) ? at : TIME_NONE;
}
