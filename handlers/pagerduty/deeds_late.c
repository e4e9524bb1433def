#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/when.h"
#include "handlers/pagerduty/deeds_internal.h"
#include "handlers/words.h"

#define LATE_ROWS 500 /* words that wait, looked at in one go */
#define LATE_REST_S 10 /* between looks at all of them */

struct waiting {
	int64_t deeds[LATE_ROWS], last;
	size_t count, rows;
};

static bool collect(void *ctx, const struct word *word)
{
	struct waiting *waiting = ctx;

	waiting->rows++;
	waiting->last = word->id;
	if (strcmp(word->kind, WORD_DEED) == 0)
		waiting->deeds[waiting->count++] = word->id;
	return true;
}

/* What people read meanwhile. EVENT NULL: there is none that could say it. */
static bool tell_late(struct deed *deed, const char *event, struct error *err)
{
	struct buf line;
	bool ok;

	buf_init(&line, DEED_LINE_MAX);
	buf_puts(&line, "PagerDuty's REST API cannot be asked just now: ");
	if (event != NULL)
		buf_printf(&line, "%s there in the name of the integration, until it can", deed->verb->done);
	else
		buf_printf(&line, "PagerDuty was not told yet (%s), and will be", deed->verb->name);
	ok = deed_tell(deed, buf_text(&line), NULL, NULL, false, err);
	buf_fini(&line);
	return ok;
}

/* Who is called anew is called in any case. */
static bool send_meanwhile(struct deed *deed, const char *event, struct error *err)
{
	return strcmp(event, "reopen") == 0 ? deed_send_event(deed, event, err)
					    : say_page_meanwhile(deed->desk, deed->alert, event, err);
}

static bool be_late(struct deed *deed, struct error *err)
{
	const char *event = deed_event(deed);
	char *body;
	bool ok;

	if (deed->verb->done == NULL && strcmp(deed->verb->name, "note") != 0)
		return true; /* nobody waits for it */
	if (json_true(deed->body, "is_late") || json_true(deed->body, "is_written") || (event != NULL && event[0] == '\0'))
		return true;
	log_warn("%s %s is late, PagerDuty's REST API cannot be asked event=%s", deed->subject, deed->verb->name, event != NULL ? event : "none");
	deed_set_true(deed, "is_late");
	body = json_write(deed->body);
	ok = storage_put_word_body(deed->desk->storage, deed->talk->word->id, body, err) &&
	     (event == NULL || send_meanwhile(deed, event, err)) && tell_late(deed, event, err);
	free(body);
	return ok;
}

static bool look_at(struct desk *desk, int64_t id, struct error *err)
{
	struct word *word = storage_word(desk->storage, id);
	struct talk talk = {.desk = desk, .word = word, .not_before = TIME_NONE};
	struct deed deed = {.alert = NULL};
	bool ok = true;

	if (word == NULL || word->body == NULL)
		goto out;
	talk.body = json_parse(word->body, strlen(word->body), NULL);
	if (cJSON_IsObject(talk.body) && deed_init(&deed, &talk, false))
		ok = be_late(&deed, err);
out:
	alert_free(deed.alert);
	cJSON_Delete(talk.body);
	word_free(word);
	return ok;
}

bool deeds_tick(struct desk *desk, struct error *err)
{
	struct waiting *waiting;
	bool ok;

	if (!rest_is_on(desk) || desk->rest_away_since == TIME_NONE || desk->now - desk->rest_away_since < DEED_LATE_S) {
		desk->late.after = desk->late.due_at = 0;
		return true;
	}
	/* Further off than it can be: the clock was set back. */
	if (desk->late.due_at > desk->now && desk->late.due_at - desk->now <= LATE_REST_S)
		return true;
	waiting = xcalloc(1, sizeof(*waiting));
	ok = storage_each_word(desk->storage, WORD_WAITING, desk->late.after, LATE_ROWS, collect, waiting, err);
	for (size_t i = 0; ok && i < waiting->count; i++)
		ok = look_at(desk, waiting->deeds[i], err);
	if (ok && waiting->rows == LATE_ROWS) {
		desk->late.after = waiting->last;
	} else if (ok) {
		desk->late.after = 0;
		desk->late.due_at = desk->now + LATE_REST_S;
	}
	free(waiting);
	return ok;
}
