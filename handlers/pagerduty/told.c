#include "handlers/pagerduty/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/pagerduty/rest.h"
#include "handlers/pagerduty/rules.h"

#define NOTE_HASH_MAX 1000 /* bytes by which a note is recognised: PagerDuty cuts long ones in webhooks */
#define NOTE_TWICE_S 600   /* the same words by the same person within this are one note */

/* Two ways tell one note: with other blanks, cut, or as what was said of the resolution. */
static void put_note(struct buf *out, const char *note)
{
	static const char resolution[] = "Resolution Note:";

	note += strspn(note, " \t\r\n");
	if (strncmp(note, resolution, strlen(resolution)) == 0)
		note += strlen(resolution);
	for (const char *c = note; *c != '\0' && out->len < NOTE_HASH_MAX; c++) {
		if (strchr(" \t\r\n", *c) == NULL)
			buf_putc(out, *c);
	}
}

void change_name(enum did did, const char *note, char out[32])
{
	struct buf text;
	char hash[65];

	if (did != DID_NOTE) {
		snprintf(out, 32, "%s", did_facts[did].name);
		return;
	}
	buf_init(&text, NOTE_HASH_MAX);
	put_note(&text, note != NULL ? note : "");
	sha256_hex(buf_text(&text), text.len, hash);
	buf_fini(&text);
	snprintf(out, 32, "note:%.16s", hash);
}

/* Was KEY told about AT, or within CHANGE_SLACK_S of it? Remembers it where not, unless it is only LOOKED for. */
static bool is_told(struct desk *desk, const char *key, int64_t at, bool is_look, bool *again, struct error *err)
{
	/* Without the API there are webhooks alone. */
	const int64_t slack_s = rest_is_on(desk) ? CHANGE_SLACK_S : 0;
	bool ok = true;
	char *full;

	*again = false;
	/* What is kept for no time is not kept: a look. */
	for (int64_t d = -slack_s; ok && !*again && d <= slack_s; d++) {
		full = xasprintf("%s:%" PRId64, key, at + d);
		ok = storage_see(desk->storage, full, desk->now, 0, again, err);
		free(full);
	}
	if (!ok || *again || is_look)
		return ok;
	full = xasprintf("%s:%" PRId64, key, at);
	ok = storage_see(desk->storage, full, desk->now, CHANGE_KEEP_S, again, err);
	free(full);
	return ok;
}

/* What two ways tell of one moment; also of whom it was given to, which only one of them may say, or in another order. */
static bool is_given_before(struct desk *desk, const char *key, const struct change *change, int64_t at, bool *again, struct error *err)
{
	const bool is_clear = rest_is_id(change->to_id) && (change->to_name == NULL || strstr(change->to_name, ", ") == NULL);
	char *vague = xasprintf("%s>-", key), *clear = xasprintf("%s>%s", key, is_clear ? change->to_id : "-");
	bool ok = is_told(desk, key, at, false, again, err);

	if (ok && !*again) {
		ok = is_told(desk, clear, at, false, again, err);
		*again = false;
	} else if (ok && is_clear) {
		ok = is_told(desk, vague, at, true, again, err) && (*again || is_told(desk, clear, at, false, again, err));
	}
	free(vague);
	free(clear);
	return ok;
}

/* The words themselves, for as long as two ways may be apart. */
static bool is_written_before(struct desk *desk, const struct change *change, const char *key, bool *again, struct error *err)
{
	char name[32], *full;
	bool ok;

	change_name(DID_NOTE, change->note, name);
	full = xasprintf("%s|%s", key, name);
	ok = storage_see(desk->storage, full, desk->now, NOTE_TWICE_S, again, err);
	free(full);
	return ok;
}

/* Who: machines are told of in one way so and in another way so. The caller frees. */
static char *key_of(const struct change *change, enum did did)
{
	const char *agent = change->agent != AGENT_PERSON  ? "machine"
			    : rest_is_id(change->agent_id) ? change->agent_id
							   : "person";
	char name[32];

	change_name(did, change->note, name);
	return xasprintf("pagerduty:%s:%s:%s", change->incident, name, agent);
}

/* By PagerDuty's own clock, whatever it says: both ways say the same. */
static int64_t second_of(const struct desk *desk, const struct change *change)
{
	const bool is_usable = change->at > INT64_MIN / 2 && change->at < INT64_MAX / 2;

	return is_usable ? change->at : desk->now;
}

bool change_told(struct desk *desk, const struct change *change, bool *again, struct error *err)
{
	const int64_t at = second_of(desk, change);
	const bool is_given = change->did == DID_ESCALATE || change->did == DID_DELEGATE || change->did == DID_REASSIGN ||
			      change->did == DID_RESPONDER;
	char *key = key_of(change, change->did), *also;
	bool ok, twice = false;

	ok = is_given ? is_given_before(desk, key, change, at, again, err) : is_told(desk, key, at, false, again, err);
	if (ok && change->did == DID_NOTE) {
		ok = is_written_before(desk, change, key, &twice, err);
		*again = *again || twice;
	}
	if (ok && !*again && change->did == DID_MERGE) {
		/* The log may tell it as a mere resolving. */
		also = key_of(change, DID_RESOLVE);
		ok = is_told(desk, also, at, false, &twice, err);
		free(also);
	}
	free(key);
	return ok;
}

bool change_note_told(struct desk *desk, const struct change *change, bool *again, struct error *err)
{
	char *key;
	bool ok;

	*again = false;
	if (change->did != DID_RESOLVE || text_shows_nothing(change->note))
		return true;
	key = key_of(change, DID_NOTE);
	ok = is_written_before(desk, change, key, again, err);
	free(key);
	return ok;
}

bool change_is_ours(struct desk *desk, const struct change *change, bool *taken, struct error *err)
{
	const int64_t at = second_of(desk, change), oldest = desk->now - CHANGE_KEEP_S;
	/* What was done just before we were down for a while is told late: it is as old as PagerDuty says. */
	const int64_t since = at > desk->now ? desk->now : at < oldest ? oldest : at;
	char name[32];

	*taken = false;
	if (change->agent != AGENT_PERSON)
		return true;
	change_name(change->did, change->note, name);
	return storage_take_intent(desk->storage, change->incident, name, rest_is_id(change->agent_id) ? change->agent_id : NULL,
	    since - INTENT_KEEP_S, taken, err);
}
