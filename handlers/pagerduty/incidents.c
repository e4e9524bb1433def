#include "handlers/pagerduty/incidents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/pagerduty/deeds.h"
#include "handlers/pagerduty/rules.h"
#include "handlers/pagerduty/told.h"
#include "handlers/pagerduty/users.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define NOTE_UNITS 2000        /* UTF-16 units of a note that are shown and kept */
#define NAME_UNITS 100         /* UTF-16 units of a name */
#define SKEW_MAX_S 600         /* their clock may be so far ahead of ours; what is later than this is told wrongly */
#define LINE_MAX_BYTES (64 << 10)
#define URL_MAX 2000           /* bytes of an incident's address */
#define LINK_SLACK_S 5         /* so much before its page is known to be taken */
#define MERGES_MAX 8           /* from one incident to the next, and the next */
#define ASSIGNED_MAX 64        /* incidents of which is remembered when they were last given to somebody */
#define ASSIGNED_MARK "pagerduty.assigned"

/* A change, made ready for those that it is about. */
struct news {
	struct desk *desk;
	const struct change *change;
	const struct did_facts *did;
	char *who;          /* as alert->changed_by has it */
	char *to;           /* whom it was given to first, in the same way; NULL: nobody */
	char *to_name;      /* of all of them, or of the policy; NULL: not told */
	char *note;         /* plain, cut; NULL: none */
	const char *status; /* of the incident from then on; NULL: as it was */
	int64_t at;         /* by our clock: never later than now */
	int64_t there_at;   /* by PagerDuty's, to be compared with what else it told */
	bool is_echo;       /* our own doing */
	bool is_read;       /* read off the incident, and judged already: how it stands now */
	bool has_assigned;  /* nothing that was told before gave it to somebody else later */
};

static bool is_live(const struct alert *alert)
{
	return alert->status == ALERT_OPEN || alert->status == ALERT_ACKED;
}

static const char *known_status(const char *status)
{
	static const char *const known[] = {"triggered", "acknowledged", "resolved"};

	for (size_t i = 0; status != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i], status) == 0)
			return known[i];
	}
	return NULL;
}

static bool is_resolved(const char *status)
{
	return status != NULL && strcmp(status, "resolved") == 0;
}

/* What is told of the future is told wrongly: as good as now. */
static int64_t no_later(const struct desk *desk, int64_t at)
{
	return at == TIME_NONE || at > desk->now ? desk->now : at;
}

static int64_t by_their_clock(const struct desk *desk, int64_t at)
{
	return at == TIME_NONE || at > desk->now + SKEW_MAX_S ? desk->now : at;
}

/* ---- news --------------------------------------------------------------------------------------------------- */

static char *plain(const char *text, size_t units)
{
	struct buf buf;
	char *taken;

	if (text_shows_nothing(text))
		return NULL;
	buf_init(&buf, units * 4 + 16);
	buf_put_plain(&buf, text, units);
	taken = buf_take(&buf);
	buf_fini(&buf);
	return taken;
}

/* Names come from outside: an alert keeps a bounded one. */
static char *here(struct desk *desk, const char *id, const char *name)
{
	char *known = user_here(desk, id, text_shows_nothing(name) ? NULL : name), *cut;

	if (slack_is_user(known))
		return known;
	cut = plain(known, NAME_UNITS);
	free(known);
	return cut != NULL ? cut : xstrdup("somebody");
}

/* Of what moves it on, only that it is called anew is news; what else differs was missed. */
static const char *status_after(const struct change *change, const struct did_facts *did)
{
	const char *told = known_status(change->status);

	if (did->status != NULL)
		return did->status;
	if (change->did == DID_REOPEN)
		return told != NULL && !is_resolved(told) ? told : "triggered";
	if (change->did == DID_ESCALATE || change->did == DID_DELEGATE || change->did == DID_REASSIGN)
		return told != NULL && strcmp(told, "triggered") == 0 ? told : NULL;
	return NULL;
}

static void news_init(struct news *news, struct desk *desk, const struct change *change)
{
	const bool has_user = change->did != DID_DELEGATE && rest_is_id(change->to_id);

	*news = (struct news){.desk = desk, .change = change, .did = &did_facts[change->did], .has_assigned = true};
	news->who = change->agent == AGENT_PERSON ? here(desk, rest_is_id(change->agent_id) ? change->agent_id : NULL, change->agent_name)
						  : xstrdup("PagerDuty");
	if (has_user || (change->did == DID_REASSIGN && !text_shows_nothing(change->to_name)))
		news->to = here(desk, has_user ? change->to_id : NULL, change->to_name);
	news->to_name = plain(change->to_name, NAME_UNITS * 4);
	news->note = plain(change->note, NOTE_UNITS);
	news->status = status_after(change, news->did);
	news->there_at = by_their_clock(desk, change->at);
	news->at = no_later(desk, change->at);
}

static void news_fini(struct news *news)
{
	free(news->who);
	free(news->to);
	free(news->to_name);
	free(news->note);
	*news = (struct news){0};
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

static const char *state_word(const struct alert *alert)
{
	return alert->status == ALERT_OPEN ? "open" : alert_status_name(alert->status);
}

static void put_who(const struct news *news, struct buf *out)
{
	if (news->change->agent == AGENT_PERSON)
		buf_put_person(out, news->desk->config, news->who);
	else
		buf_puts(out, news->change->agent == AGENT_INTEGRATION ? "An integration" : "PagerDuty");
}

/* One person as they are here; several, and policies, by their names. */
static void put_to(const struct news *news, struct buf *out)
{
	const bool is_several = news->to_name != NULL && strstr(news->to_name, ", ") != NULL;

	if (news->to != NULL && !is_several)
		buf_put_person(out, news->desk->config, news->to);
	else if (news->to_name != NULL)
		buf_put_mrkdwn(out, news->to_name, NAME_UNITS * 4);
	else
		buf_puts(out, news->change->did == DID_DELEGATE ? "of others" : "others");
}

static void put_into(const struct news *news, struct buf *out)
{
	if (news->change->into_number > 0)
		buf_printf(out, "#%" PRId64, news->change->into_number);
	else
		buf_puts(out, "another incident");
}

static void put_part(const struct news *news, const struct alert *alert, char part, struct buf *out)
{
	switch (part) {
	case 'w':
		put_who(news, out);
		break;
	case 't':
		put_to(news, out);
		break;
	case 'n':
		if (news->note != NULL) {
			buf_puts(out, ": ");
			buf_put_mrkdwn(out, news->note, NOTE_UNITS);
		}
		break;
	case 'u':
		if (news->change->until > 0) {
			buf_puts(out, " until ");
			buf_put_when(out, news->change->until);
		}
		break;
	case 'i':
		put_into(news, out);
		break;
	case 's':
		buf_puts(out, state_word(alert));
		break;
	case 'a':
		buf_printf(out, "A%" PRId64, alert->id);
		break;
	default:
		break;
	}
}

static void put_line(const struct news *news, const struct alert *alert, const char *form, struct buf *out)
{
	for (; *form != '\0'; form++) {
		if (form[0] == '%' && form[1] != '\0')
			put_part(news, alert, *++form, out);
		else
			buf_putc(out, *form);
	}
}

/* What the timeline keeps of it, plain; NULL: no more than what was done. The caller frees. */
static char *timeline_note(const struct news *news)
{
	const char *to = news->to_name != NULL ? news->to_name : "somebody";

	switch (news->change->did) {
	case DID_ESCALATE:
	case DID_DELEGATE:
		return xasprintf("to %s", to);
	case DID_REASSIGN:
		return xstrdup(to);
	case DID_MERGE:
		return news->change->into_number > 0 ? xasprintf("merged into #%" PRId64, news->change->into_number)
						     : xstrdup("merged into another incident");
	default:
		return xstrdup(news->note);
	}
}

/* ---- what stands here ---------------------------------------------------------------------------------------- */

static void subject_of(int64_t alert, char out[24])
{
	snprintf(out, 24, "A%" PRId64, alert);
}

/* Is what was done here with ALERT still on its way to PagerDuty? */
static bool is_under_way(struct desk *desk, const struct alert *alert)
{
	char subject[24], *lane = NULL;
	bool is;

	subject_of(alert->id, subject);
	is = storage_has_word(desk->storage, PAGERDUTY_LANE, WORD_DEED, subject);
	if (!is && alert->page_key != NULL) {
		lane = xasprintf("pagerduty:%s", alert->page_key);
		is = storage_has_word(desk->storage, lane, WORD_PAGE, subject);
	}
	free(lane);
	return is;
}

/* Came another one of its key after it? One of a key is live at the most. */
static bool is_followed(struct desk *desk, const struct alert *alert, int64_t *newest_id)
{
	struct alert *newest = storage_alert_by_key(desk->storage, alert->dedup_key, false);

	*newest_id = newest != NULL ? newest->id : 0;
	alert_free(newest);
	return *newest_id > alert->id;
}

/* The last event of its timeline here, not in PagerDuty, that is one of WORDS. */
struct last {
	const char *const *words;
	const char *what; /* one of WORDS; NULL: none */
	int64_t at;
};

static bool see_event(void *ctx, const struct event *event)
{
	struct last *last = ctx;

	for (size_t i = 0; last->words[i] != NULL; i++) {
		if (strcmp(event->what, last->words[i]) == 0 && strcmp(event->via, "pagerduty") != 0) {
			last->what = last->words[i];
			last->at = event->at;
		}
	}
	return true;
}

static bool find_last(struct desk *desk, const struct alert *alert, const char *const *words, struct last *last, struct error *err)
{
	*last = (struct last){.words = words, .at = TIME_NONE};
	return storage_each_event(desk->storage, alert->id, see_event, last, err);
}

/* Was ALERT opened here after AT, by somebody or because it fired again? */
static bool opened_since(struct desk *desk, const struct alert *alert, int64_t at, bool *opened, struct error *err)
{
	static const char *const words[] = {"reopened", "fired", NULL};
	struct last last;

	if (!find_last(desk, alert, words, &last, err))
		return false;
	*opened = last.what != NULL && last.at > at;
	return true;
}

/* Did somebody here take it, or give it to somebody, after AT? */
static bool assigned_since(struct desk *desk, const struct alert *alert, int64_t at, bool *assigned, struct error *err)
{
	static const char *const words[] = {"assigned", "acked", NULL};
	struct last last;

	if (!find_last(desk, alert, words, &last, err))
		return false;
	*assigned = last.what != NULL && last.at > at;
	return true;
}

static bool agrees(const struct alert *alert, const char *status)
{
	switch (alert->status) {
	case ALERT_OPEN:
		return strcmp(status, "triggered") == 0;
	case ALERT_ACKED:
		return strcmp(status, "acknowledged") == 0;
	case ALERT_EXPECTED:
		return !is_resolved(status);
	case ALERT_RESOLVED:
	case ALERT_CLAIMED:
		break;
	}
	return is_resolved(status);
}

/* Does AT, by PagerDuty's clock, come after it showed what stands here, which is on its way no more? */
static bool is_after(struct desk *desk, const struct alert *alert, const struct incident *incident, int64_t at)
{
	return incident->status_at != TIME_NONE && at >= incident->status_at && agrees(alert, incident->status) &&
	       !is_under_way(desk, alert);
}

/* Did the alert's page leave again since INCIDENT was linked with it? A webhook may link it before the answer to its own page was read. */
static bool is_paged_since(const struct alert *alert, const struct incident *incident)
{
	return text_equal(alert->page_status, "waiting") || alert->paged_at == TIME_NONE || alert->paged_at > incident->linked_at + LINK_SLACK_S;
}

/* The alert's page left anew, or is leaving; INCIDENT is the one of before, and the next is not known yet. */
static bool is_superseded(const struct alert *alert, const struct incident *incident)
{
	return is_live(alert) && is_resolved(incident->status) && alert->page_status != NULL && !is_resolved(alert->page_status) &&
	       is_paged_since(alert, incident);
}

static enum known known_of(const struct alert *alert, const struct incident *incident)
{
	if (is_resolved(incident->status))
		return KNOWN_OVER;
	return alert_is_over(alert) && is_resolved(alert->page_status) ? KNOWN_ALONE : KNOWN_LIVE;
}

/* ---- incidents of alerts -------------------------------------------------------------------------------------- */

/* ALERT's incident: the newest, or into what that was merged. */
static bool current_incident(const struct desk *desk, int64_t alert, struct incident *incident)
{
	struct incident next;

	if (!storage_incident(desk->storage, alert, incident))
		return false;
	for (int i = 0; i < MERGES_MAX && incident->merged_into != NULL; i++) {
		if (!storage_incident_by_id(desk->storage, alert, incident->merged_into, &next))
			break;
		incident_fini(incident);
		*incident = next;
	}
	return true;
}

static bool is_current(const struct desk *desk, const struct incident *incident)
{
	struct incident current;
	bool is;

	if (!current_incident(desk, incident->alert, &current))
		return false;
	is = text_equal(current.id, incident->id);
	incident_fini(&current);
	return is;
}

static void set_status(struct incident *incident, const char *status, int64_t at)
{
	replace_text(&incident->status, status);
	if (at != TIME_NONE)
		incident->status_at = at;
	/* What was merged away and is open again stands for itself. */
	if (!is_resolved(status))
		replace_text(&incident->merged_into, NULL);
}

/* NULL and true: it is gone since. */
static bool read_alert(struct desk *desk, int64_t id, struct alert **alert, struct error *err)
{
	struct error why = {0};

	*alert = storage_alert(desk->storage, id, &why);
	if (*alert != NULL || why.kind == ERROR_NOT_FOUND)
		return true;
	return error_set(err, why.kind, "%s", why.text);
}

/* ALERT is shown as PagerDuty shows it, where that is new: the page alone. */
static bool show_page(struct desk *desk, struct alert *alert, const struct incident *incident, struct error *err)
{
	const struct alert_turn turn = {.by = {.who = "PagerDuty", .via = "pagerduty"},
	    .status = -1,
	    .page_status = incident->status,
	    .at = TIME_NONE};

	if (text_equal(alert->page_status, incident->status) || text_equal(alert->page_status, "waiting") ||
	    is_superseded(alert, incident) || known_of(alert, incident) == KNOWN_ALONE)
		return true;
	return alert_follow(desk, alert, &turn, err);
}

/* What PagerDuty shows is remembered; the alert stays as it is. */
static bool keep_facts(struct desk *desk, struct alert *alert, struct incident *incident, const char *status, int64_t at,
    struct error *err)
{
	const bool was_superseded = is_superseded(alert, incident), was_alone = known_of(alert, incident) == KNOWN_ALONE;

	if (status != NULL)
		set_status(incident, status, at);
	return storage_put_incident(desk->storage, incident, err) &&
	       (was_superseded || was_alone || show_page(desk, alert, incident, err));
}

/* ---- what follows --------------------------------------------------------------------------------------------- */

enum verdict {
	HOLDS,
	FACTS, /* no more than what PagerDuty shows is remembered */
	PAST,  /* something newer from there is known */
	ASKS,  /* it cannot be told what came first */
	STANDS, /* what was done here after it */
	TAKEN, /* another alert of the same key is in the way */
};

static enum alert_status becomes(const struct rule *rule, const struct news *news, const struct alert *alert)
{
	const bool is_acked = text_equal(news->status, "acknowledged");

	switch (rule->becomes) {
	case OPENS:
		return ALERT_OPEN;
	case ACKS:
		return ALERT_ACKED;
	case RESOLVES:
		return ALERT_RESOLVED;
	case AS_TOLD:
		return is_acked ? ALERT_ACKED : ALERT_OPEN;
	case IF_TRIGGERED:
		return alert->status == ALERT_ACKED && text_equal(news->status, "triggered") ? ALERT_OPEN : alert->status;
	case STAYS:
		break;
	}
	return alert->status;
}

static bool is_past(const struct news *news, const struct incident *incident)
{
	if (news->is_read || incident->status_at == TIME_NONE)
		return false;
	return news->there_at < incident->status_at;
}

/*
 * Clocks differ. Where PagerDuty has heard of what was done here, its own tells what came after; else theirs and ours have to do,
 * and what was done here last, if it came later, is not undone.
 */
static bool is_late(const struct news *news, const struct alert *alert, const struct incident *incident)
{
	return !news->is_read && alert->changed_at != TIME_NONE && news->at < alert->changed_at &&
	       !is_after(news->desk, alert, incident, news->there_at);
}

static bool judge(const struct news *news, const struct rule *rule, const struct alert *alert, const struct incident *incident,
    enum verdict *verdict, int64_t *newest, struct error *err)
{
	struct desk *desk = news->desk;
	const bool is_mover = rule->becomes == IF_TRIGGERED;
	const enum alert_status status = becomes(rule, news, alert);
	const bool changes = status != alert->status, reopens = alert_is_over(alert) && (status == ALERT_OPEN || status == ALERT_ACKED);
	bool opened;

	*verdict = HOLDS;
	*newest = 0;
	if (is_past(news, incident) && news->did->is_state) {
		*verdict = PAST;
	} else if (is_superseded(alert, incident) && (news->did->is_state || is_mover)) {
		*verdict = FACTS;
	} else if ((rule->flags & RULE_LOOK) != 0 ||
		   ((rule->flags & RULE_AFTER) != 0 && !news->is_read && incident->status_at != TIME_NONE &&
		       news->there_at <= incident->status_at)) {
		*verdict = ASKS;
	} else if (news->is_echo && news->status != NULL && news->there_at == incident->status_at &&
		   !text_equal(news->status, incident->status)) {
		/* PagerDuty's answer to the next thing that we did may have been first. */
		*verdict = ASKS;
	} else if (news->is_echo && (!changes || is_late(news, alert, incident) || is_under_way(desk, alert))) {
		*verdict = FACTS;
	} else if (reopens && is_followed(desk, alert, newest)) {
		*verdict = TAKEN;
	} else if (changes && (is_late(news, alert, incident) || (is_mover && is_past(news, incident)))) {
		if (!opened_since(desk, alert, news->at, &opened, err))
			return false;
		if ((rule->flags & RULE_LATE) == 0 || opened)
			*verdict = STANDS;
	}
	return true;
}

/* Only once for each alert: nothing changes by it, so nothing shows that it was told. */
static bool is_first(const struct news *news, const struct alert *alert, bool *first, struct error *err)
{
	char *key = xasprintf("pagerduty:stays:A%" PRId64 ":%s:%s:%" PRId64, alert->id, news->change->incident, news->did->name,
	    news->change->at);
	bool again = false, ok = storage_see(news->desk->storage, key, news->desk->now, CHANGE_KEEP_S, &again, err);

	*first = !again;
	free(key);
	return ok;
}

static const char *assignee_after(const struct news *news, const struct rule *rule, enum alert_status before, enum alert_status after)
{
	switch (rule->whose) {
	case NOBODYS:
		return before != after ? "" : NULL;
	case THEIRS:
		return news->change->agent == AGENT_PERSON ? news->who : NULL;
	case GIVEN:
		return news->has_assigned ? news->to : NULL;
	case IF_ACKED:
		if (before == after)
			return NULL;
		return after == ALERT_ACKED && news->change->agent == AGENT_PERSON ? news->who : "";
	case SAME:
		break;
	}
	return NULL;
}

/* "Bob resolved it in PagerDuty …; @alice reopened it here after that, which stands". Nothing where no person is contradicted. */
static bool put_conflict(const struct news *news, const struct alert *alert, struct buf *out, struct error *err)
{
	static const char *const words[] = {"acked", "unacked", "resolved", "reopened", "escalated", "claimed", "fired", NULL};
	static const char *const said[] = {"acked", "un-acked", "resolved", "reopened", "escalated", "claimed", "changed", NULL};
	const bool is_ours = text_equal(alert->changed_via, "headsup");
	struct last last;
	size_t i = 0;

	if (news->change->agent != AGENT_PERSON || news->is_echo || text_equal(alert->changed_via, "pagerduty"))
		return true;
	if (!find_last(news->desk, alert, words, &last, err))
		return false;
	while (words[i] != NULL && words[i] != last.what)
		i++;
	put_who(news, out);
	buf_printf(out, " %s in PagerDuty ", news->did->past);
	buf_put_when(out, news->at);
	if (is_ours) {
		buf_puts(out, alert_is_over(alert) ? "; it ended by itself after that, which stands" : "; it fired again after that, which stands");
		return true;
	}
	buf_puts(out, "; ");
	buf_put_person(out, news->desk->config, alert->changed_by);
	buf_printf(out, " %s it here after that, which stands", said[i] != NULL ? said[i] : "changed");
	return true;
}

/* What was done here last is a person's or a tool's, which PagerDuty is to show. */
static bool is_done_here(const struct alert *alert)
{
	return text_equal(alert->changed_via, "slack") || text_equal(alert->changed_via, "api");
}

/* The incident's status by NEWS; NULL: as it was. What triggers again triggers nothing. */
static const char *status_by(const struct news *news, const struct incident *incident)
{
	if (is_past(news, incident) || (news->change->did == DID_TRIGGER && incident->status_at != TIME_NONE))
		return NULL;
	return news->status;
}

/* Whom it calls. */
static void learn_place(const struct news *news, struct incident *incident)
{
	const struct change *change = news->change;
	const bool moves = change->did == DID_ESCALATE || change->did == DID_DELEGATE || change->did == DID_REASSIGN;

	if (change->did == DID_DELEGATE && rest_is_id(change->to_id))
		replace_text(&incident->policy, change->to_id);
	/* Where it was is no longer known; of what we did ourselves it is. */
	if (moves && (change->level > 0 || !news->is_echo))
		incident->level = change->did == DID_ESCALATE && change->level > 0 ? change->level : 0;
}

/* Nothing of it changes here, but for what PagerDuty shows; what is to be told is told. */
static bool stays(const struct news *news, struct alert *alert, struct incident *incident, const char *line, struct error *err)
{
	char subject[24];

	subject_of(alert->id, subject);
	learn_place(news, incident);
	return keep_facts(news->desk, alert, incident, status_by(news, incident), news->there_at, err) &&
	       (text_is_empty(line) || say_in_thread(news->desk, subject, alert->channel, line, false, err));
}

/* Something newer was done here. What moves the incident on there is told all the same. */
static bool stands(const struct news *news, const struct rule *rule, struct alert *alert, struct incident *incident, struct error *err)
{
	const bool is_past_there = is_past(news, incident);
	struct buf line;
	bool ok;

	buf_init(&line, LINE_MAX_BYTES);
	if (rule->becomes == IF_TRIGGERED)
		put_line(news, alert, rule->line, &line);
	ok = rule->becomes == IF_TRIGGERED || put_conflict(news, alert, &line, err);
	ok = ok && stays(news, alert, incident, buf_text(&line), err);
	buf_fini(&line);
	if (!ok || is_past_there || !is_done_here(alert) || is_under_way(news->desk, alert))
		return ok;
	return deed_again(news->desk, alert, err);
}

static bool is_taken(const struct news *news, struct alert *alert, struct incident *incident, int64_t newest, struct error *err)
{
	bool first, ok;
	struct buf line;

	if (!is_first(news, alert, &first, err))
		return false;
	buf_init(&line, LINE_MAX_BYTES);
	if (first && !news->is_echo) {
		put_who(news, &line);
		buf_printf(&line, " %s in PagerDuty; A%" PRId64 " came after it and is the same again, so A%" PRId64 " stays %s",
		    news->did->past, newest, alert->id, state_word(alert));
	}
	ok = stays(news, alert, incident, buf_text(&line), err);
	buf_fini(&line);
	return ok;
}

/* Whether it was told may hang on whether anything comes of it. */
static bool is_worth_telling(const struct news *news, const struct rule *rule, const struct alert *alert, bool changes, bool *worth,
    struct error *err)
{
	*worth = true;
	if ((rule->flags & RULE_ONCE) != 0)
		return is_first(news, alert, worth, err);
	if ((rule->flags & RULE_CHANGES) != 0)
		*worth = changes;
	if ((rule->flags & RULE_OTHERS) != 0)
		*worth = !text_equal(alert->assignee, news->who) && !text_equal(alert->changed_by, news->who);
	return true;
}

static bool is_turn(const struct alert *alert, const struct alert_turn *turn)
{
	const char *assignee = turn->assignee != NULL && turn->assignee[0] == '\0' ? NULL : turn->assignee;

	return turn->what != NULL || turn->line != NULL || (turn->status >= 0 && turn->status != (int)alert->status) ||
	       (turn->assignee != NULL && !text_equal(assignee, alert->assignee)) ||
	       (turn->page_status != NULL && !text_equal(turn->page_status, alert->page_status));
}

/* It is as the rule says. */
static bool holds(const struct news *news, const struct rule *rule, struct alert *alert, struct incident *incident, struct error *err)
{
	const enum alert_status before = alert->status, after = becomes(rule, news, alert);
	const bool keeps_page = text_equal(alert->page_status, "waiting") || is_superseded(alert, incident) ||
				(known_of(alert, incident) == KNOWN_ALONE && before == after);
	struct alert_turn turn = {.by = {.who = news->who, .via = "pagerduty"}, .status = after != before ? (int)after : -1};
	char *note = NULL;
	struct buf line;
	bool ok, worth, taken = false;

	if (!is_worth_telling(news, rule, alert, before != after, &worth, err))
		return false;
	if (rule->whose == GIVEN && !assigned_since(news->desk, alert, news->at, &taken, err))
		return false;
	learn_place(news, incident);
	if (status_by(news, incident) != NULL)
		set_status(incident, status_by(news, incident), news->there_at);
	turn.at = alert->changed_at != TIME_NONE && news->at < alert->changed_at ? alert->changed_at : news->at;
	turn.assignee = taken ? NULL : assignee_after(news, rule, before, after);
	turn.page_status = keeps_page || news->status == NULL ? NULL : incident->status;
	buf_init(&line, LINE_MAX_BYTES);
	if (worth && rule->line != NULL) {
		put_line(news, alert, rule->line, &line);
		turn.line = buf_text(&line);
	}
	if (worth && rule->what != NULL) {
		turn.what = rule->what;
		turn.note = note = timeline_note(news);
	}
	turn.is_loud = (rule->flags & RULE_LOUD) != 0;
	ok = storage_put_incident(news->desk->storage, incident, err) &&
	     (!is_turn(alert, &turn) || alert_follow(news->desk, alert, &turn, err));
	buf_fini(&line);
	free(note);
	if (!ok || !worth || (rule->flags & RULE_AGAIN) == 0 || is_under_way(news->desk, alert))
		return ok;
	return deed_again(news->desk, alert, err);
}

/* May what came first be told wrongly: of one second, or crossing what was done here? Then PagerDuty is asked how it stands. */
static bool is_doubtful(const struct news *news, const struct rule *rule, const struct alert *alert, const struct incident *incident,
    enum verdict verdict)
{
	if (news->is_read || verdict == PAST)
		return false;
	if (verdict == ASKS)
		return true;
	if (news->status != NULL && news->change->did != DID_TRIGGER && incident->status_at == news->there_at &&
	    !text_equal(incident->status, news->status))
		return true;
	if (becomes(rule, news, alert) == alert->status)
		return false;
	return (news->is_echo && verdict == FACTS) ||
	       (is_done_here(alert) &&
		   ((news->at == alert->changed_at && !is_after(news->desk, alert, incident, news->there_at)) ||
		       is_under_way(news->desk, alert)));
}

/* ALERT follows NEWS of its INCIDENT, where it is to. */
static bool follow(const struct news *news, struct alert *alert, struct incident *incident, enum known known, struct error *err)
{
	const struct rule *rule = rule_of(news->change->did, alert->status, known, news->change->agent);
	enum verdict verdict;
	int64_t newest;

	if (!judge(news, rule, alert, incident, &verdict, &newest, err))
		return false;
	if (is_doubtful(news, rule, alert, incident, verdict) && !deed_look(news->desk, alert->id, err))
		return false;
	switch (verdict) {
	case HOLDS:
		return holds(news, rule, alert, incident, err);
	case FACTS:
		return stays(news, alert, incident, NULL, err);
	case STANDS:
		return stands(news, rule, alert, incident, err);
	case TAKEN:
		return is_taken(news, alert, incident, newest, err);
	case PAST:
	case ASKS:
		break;
	}
	return true;
}

/* ---- merging --------------------------------------------------------------------------------------------------- */

/* What is known of incident ID, by any alert of which it is one. */
static void know_incident(struct desk *desk, const char *id, struct incident *into)
{
	struct incident other;
	int64_t alert;

	if (storage_incident_alerts(desk->storage, id, false, &alert, 1) == 0 ||
	    !storage_incident_by_id(desk->storage, alert, id, &other))
		return;
	into->number = other.number;
	replace_text(&into->url, other.url);
	replace_text(&into->service, other.service);
	replace_text(&into->policy, other.policy);
	replace_text(&into->status, other.status);
	into->status_at = other.status_at;
	into->level = other.level;
	incident_fini(&other);
}

/* The log may have told it as a resolving, just before: that is undone. */
static bool was_mistaken(const struct news *news, const struct alert *alert)
{
	int64_t newest;

	return alert->status == ALERT_RESOLVED && text_equal(alert->changed_via, "pagerduty") && alert->changed_at != TIME_NONE &&
	       news->at - alert->changed_at <= CHANGE_SLACK_S && alert->changed_at - news->at <= CHANGE_SLACK_S &&
	       !is_followed(news->desk, alert, &newest);
}

/* ALERT's incident is another from now on. */
static bool link_into(const struct news *news, const struct alert *alert, const struct incident *from, struct incident *into,
    struct error *err)
{
	const char *id = news->change->into;

	*into = (struct incident){0};
	if (!storage_incident_by_id(news->desk->storage, alert->id, id, into)) {
		*into = (struct incident){.alert = alert->id,
		    .id = xstrdup(id),
		    .number = news->change->into_number,
		    .service = xstrdup(from->service),
		    .status = xstrdup("triggered"),
		    .status_at = TIME_NONE,
		    .linked_at = news->desk->now};
		know_incident(news->desk, id, into);
	}
	if (news->change->into_number > 0)
		into->number = news->change->into_number;
	replace_text(&into->merged_into, NULL);
	return storage_put_incident(news->desk->storage, into, err);
}

static bool merge(const struct news *news, struct alert *alert, struct incident *incident, struct error *err)
{
	const struct rule *rule = rule_of(DID_MERGE, alert->status, KNOWN_LIVE, news->change->agent);
	const bool has_into = rest_is_id(news->change->into) && strcmp(news->change->into, incident->id) != 0;
	struct alert_turn turn = {.by = {.who = news->who, .via = "pagerduty"}, .status = -1, .what = rule->what, .at = news->at};
	struct incident into = {0};
	struct buf line;
	char *note;
	bool ok;

	/* Without knowing where its alerts are, nothing of them is over: the next look tells. */
	if (!has_into || text_equal(incident->merged_into, news->change->into))
		return deed_look(news->desk, alert->id, err);
	set_status(incident, "resolved", news->there_at);
	replace_text(&incident->merged_into, news->change->into);
	ok = storage_put_incident(news->desk->storage, incident, err) && link_into(news, alert, incident, &into, err) &&
	     deed_look(news->desk, alert->id, err);
	if (ok && was_mistaken(news, alert))
		turn.status = text_equal(into.status, "acknowledged") ? ALERT_ACKED : ALERT_OPEN;
	if (ok && (turn.status >= 0 || !alert_is_over(alert)) && !text_equal(alert->page_status, "waiting"))
		turn.page_status = into.status;
	buf_init(&line, LINE_MAX_BYTES);
	put_line(news, alert, rule->line, &line);
	turn.line = buf_text(&line);
	turn.note = note = timeline_note(news);
	ok = ok && alert_follow(news->desk, alert, &turn, err);
	free(note);
	buf_fini(&line);
	incident_fini(&into);
	return ok;
}

/* ---- to whom it was given last ------------------------------------------------------------------------------------ */

/*
 * Nothing of an incident says since when it is whose, and one giving may be told after the next. "Q1=1772452800 Q2=…", the newest first,
 * of a few: who hears late hears it soon after.
 */
static bool note_assigned(struct desk *desk, const struct change *change, int64_t at, bool *is_newest, struct error *err)
{
	char *mark = storage_mark(desk->storage, ASSIGNED_MARK), *rest = mark, *entry;
	struct buf kept;
	size_t count = 1;
	bool ok;

	*is_newest = true;
	buf_init(&kept, ASSIGNED_MAX * (REST_ID_MAX + 32));
	buf_printf(&kept, "%s=%" PRId64, change->incident, at);
	while (rest != NULL && (entry = strsep(&rest, " ")) != NULL) {
		const char *equals = strchr(entry, '=');

		if (equals == NULL)
			continue;
		if ((size_t)(equals - entry) == strlen(change->incident) && strncmp(entry, change->incident, (size_t)(equals - entry)) == 0) {
			*is_newest = strtoll(equals + 1, NULL, 10) <= at;
			continue;
		}
		if (count++ < ASSIGNED_MAX)
			buf_printf(&kept, " %s", entry);
	}
	ok = !*is_newest || storage_put_mark(desk->storage, ASSIGNED_MARK, buf_text(&kept), err);
	buf_fini(&kept);
	free(mark);
	return ok;
}

/* ---- how an incident stands ------------------------------------------------------------------------------------- */

struct reading {
	const char *id, *status; /* STATUS NULL: not told */
	int64_t at;              /* since when; TIME_NONE: not told */
	enum agent agent;
	const char *agent_id, *agent_name;
	int64_t alert_count;     /* 0: not told */
	const char *into;        /* it was merged */
	int64_t into_number;
};

static enum agent agent_of(const cJSON *by)
{
	const char *type = json_text(by, "type");

	if (type == NULL || text_prefix(type, "service"))
		return AGENT_NOBODY;
	return text_prefix(type, "user") ? AGENT_PERSON : AGENT_INTEGRATION;
}

static void read_incident(const cJSON *object, struct reading *reading)
{
	const cJSON *by = json_get(object, "last_status_change_by"), *reason = json_get(object, "resolve_reason");

	*reading = (struct reading){.id = json_text(object, "id"),
	    .status = known_status(json_text(object, "status")),
	    .at = rest_time(json_text(object, "last_status_change_at")),
	    .agent = agent_of(by),
	    .agent_id = rest_ref(object, "last_status_change_by"),
	    .agent_name = json_text(by, "summary")};
	if (!json_int(json_get(object, "alert_counts"), "all", &reading->alert_count) || reading->alert_count < 0)
		reading->alert_count = 0;
	if (is_resolved(reading->status) && text_equal(json_text(reason, "type"), "merge_resolve_reason"))
		reading->into = rest_ref(reason, "incident");
	if (!rest_is_id(reading->id))
		reading->id = NULL;
}

/* As it was read, it is a change that nobody told. */
static struct change change_of(const struct reading *reading, enum did did)
{
	return (struct change){.incident = reading->id,
	    .did = did,
	    .at = reading->at,
	    .agent = reading->agent,
	    .agent_id = reading->agent_id,
	    .agent_name = reading->agent_name,
	    .status = reading->status,
	    .into = reading->into,
	    .until = TIME_NONE};
}

static enum did did_of(const struct alert *alert, const char *status)
{
	if (is_resolved(status))
		return DID_RESOLVE;
	if (strcmp(status, "acknowledged") == 0)
		return DID_ACK;
	return alert->status == ALERT_ACKED ? DID_UNACK : DID_REOPEN;
}

/* Has what ended here not come there yet? Then how it stands there is no reopening. */
static bool is_end_unheard(const struct reading *reading, const struct alert *alert, enum known known)
{
	const bool is_since = reading->at != TIME_NONE && alert->changed_at != TIME_NONE && reading->at >= alert->changed_at;

	if (!alert_is_over(alert) || is_resolved(reading->status) || known == KNOWN_OVER)
		return false;
	/* What is claimed stays so when it is reopened there, and so does that. */
	if (alert->status == ALERT_CLAIMED && is_since && reading->at > alert->changed_at)
		return false;
	/* An event that resolves was taken; since then it was reopened, and nobody told. */
	return known == KNOWN_LIVE || !is_since;
}

static bool told_again(struct desk *desk, const struct alert *alert, struct error *err)
{
	int64_t newest;

	/* What is the same again has an incident of its own; what fired anew gets one. */
	if (is_under_way(desk, alert) || is_followed(desk, alert, &newest) || text_equal(alert->changed_via, "pagerduty") ||
	    (text_equal(alert->changed_via, "headsup") && !alert_is_over(alert)))
		return true;
	return deed_again(desk, alert, err);
}

static bool follow_reading(struct desk *desk, const struct reading *reading, struct alert *alert, struct incident *incident,
    enum known known, struct error *err)
{
	const struct change change = change_of(reading, did_of(alert, reading->status));
	struct news news;
	bool ok;

	news_init(&news, desk, &change);
	news.is_read = true;
	ok = follow(&news, alert, incident, known == KNOWN_ALONE ? KNOWN_OVER : known, err);
	news_fini(&news);
	return ok;
}

/* What ended there ended before their eyes: whoever goes on with it since knew that it had, though we may have missed how it went on. */
static enum known known_before(const struct alert *alert, const struct incident *incident)
{
	const enum known known = known_of(alert, incident);

	return known == KNOWN_LIVE && alert->status == ALERT_RESOLVED && text_equal(alert->changed_via, "pagerduty") ? KNOWN_OVER : known;
}

/* INCIDENT is ALERT's, and stands as READING says. */
static bool stand(struct desk *desk, const struct reading *reading, struct alert *alert, struct incident *incident, struct error *err)
{
	const enum known known = known_before(alert, incident);
	const int64_t at = reading->at == TIME_NONE ? TIME_NONE : by_their_clock(desk, reading->at);
	const bool is_heard_after = at != TIME_NONE && is_after(desk, alert, incident, at);
	const bool is_gone_alone = known == KNOWN_ALONE && !is_resolved(reading->status) && reading->alert_count != 1;
	bool opened, is_newer, is_pending, is_end;

	/* Read before what is known since; within a second, too, where a machine cannot have opened again what was resolved. */
	if (at != TIME_NONE && incident->status_at != TIME_NONE &&
	    (at < incident->status_at || (at == incident->status_at && is_resolved(incident->status) && !is_resolved(reading->status) &&
					     reading->agent == AGENT_INTEGRATION)))
		return storage_put_incident(desk->storage, incident, err);
	if (agrees(alert, reading->status) || is_gone_alone || is_superseded(alert, incident))
		return keep_facts(desk, alert, incident, reading->status, at, err);
	if (is_end_unheard(reading, alert, known))
		return keep_facts(desk, alert, incident, reading->status, at, err) && told_again(desk, alert, err);
	is_pending = alert->changed_at != TIME_NONE && !text_equal(alert->changed_via, "pagerduty") && is_under_way(desk, alert);
	if (is_pending)
		return keep_facts(desk, alert, incident, reading->status, at, err);
	if (!opened_since(desk, alert, at, &opened, err))
		return false;
	is_newer = alert->changed_at == TIME_NONE || text_equal(alert->changed_via, "pagerduty") || is_heard_after ||
		   (at != TIME_NONE && at >= alert->changed_at);
	/* What is resolved there stays so, unless somebody here opened it anew. */
	is_end = is_resolved(reading->status) && at != TIME_NONE && !opened;
	if (is_end || is_newer)
		return follow_reading(desk, reading, alert, incident, known, err);
	return keep_facts(desk, alert, incident, reading->status, at, err) && (at == TIME_NONE || told_again(desk, alert, err));
}

/* ---- the doors -------------------------------------------------------------------------------------------------- */

/* An incident that is not the alert's any more; words are told all the same. */
static bool follow_old(const struct news *news, struct alert *alert, struct incident *incident, struct error *err)
{
	const struct rule *rule = rule_of(news->change->did, alert->status, KNOWN_LIVE, news->change->agent);

	if (news->change->did == DID_NOTE)
		return news->is_echo || holds(news, rule, alert, incident, err);
	learn_place(news, incident);
	if (status_by(news, incident) != NULL)
		set_status(incident, status_by(news, incident), news->there_at);
	return storage_put_incident(news->desk->storage, incident, err);
}

/* What is no change of its own may still tell that one was missed. */
static bool look_closer(const struct news *news, struct alert *alert, struct incident *incident, struct error *err)
{
	const struct change *change = news->change;
	const struct reading reading = {.id = change->incident,
	    .status = known_status(change->status),
	    .at = news->there_at,
	    .agent = AGENT_PERSON}; /* somebody, it is not said who */

	if (news->did->is_state || reading.status == NULL || text_equal(reading.status, incident->status) || is_past(news, incident))
		return true;
	/* Polling reads who did it, and when. */
	return rest_is_on(news->desk) ? deed_look(news->desk, alert->id, err) : stand(news->desk, &reading, alert, incident, err);
}

static bool follow_one(const struct news *news, int64_t id, struct error *err)
{
	struct desk *desk = news->desk;
	struct incident incident;
	struct alert *alert;
	bool ok;

	if (!storage_incident_by_id(desk->storage, id, news->change->incident, &incident))
		return true;
	ok = read_alert(desk, id, &alert, err);
	if (!ok || alert == NULL)
		goto out;
	if (!is_current(desk, &incident))
		ok = follow_old(news, alert, &incident, err);
	else if (news->change->did == DID_MERGE)
		ok = merge(news, alert, &incident, err);
	else
		ok = follow(news, alert, &incident, known_of(alert, &incident), err) && look_closer(news, alert, &incident, err);
	alert_free(alert);
out:
	incident_fini(&incident);
	return ok;
}

static bool is_change(const struct change *change)
{
	return rest_is_id(change->incident) && (unsigned)change->did <= DID_OTHER && (unsigned)change->agent <= AGENT_NOBODY;
}

/* Polling tells it again for as long as it looks back: it is asked about once. */
static bool is_doubted_before(const struct news *news, bool *again, struct error *err)
{
	const struct change *change = news->change;
	char *key = xasprintf("pagerduty:doubt:%s:%s:%" PRId64, change->incident, news->did->name, change->at);
	bool ok = storage_see(news->desk->storage, key, news->desk->now, CHANGE_KEEP_S, again, err);

	free(key);
	return ok;
}

/* Somebody may do, undo and do it again faster than two ways of telling can be apart. */
static bool doubt_one(const struct news *news, int64_t id, struct error *err)
{
	struct incident incident;
	struct alert *alert;
	bool ok = true, again = true;

	if (!storage_incident_by_id(news->desk->storage, id, news->change->incident, &incident))
		return true;
	if (status_by(news, &incident) != NULL && !text_equal(news->status, incident.status) && is_current(news->desk, &incident))
		ok = is_doubted_before(news, &again, err);
	if (ok && !again) {
		ok = read_alert(news->desk, id, &alert, err) && (alert == NULL || deed_look(news->desk, alert->id, err));
		alert_free(alert);
	}
	incident_fini(&incident);
	return ok;
}

static bool follow_all(const struct news *news, const int64_t *alerts, size_t count, bool is_told, struct error *err)
{
	bool ok = true;

	if (is_told && (!news->did->is_state || news->change->did == DID_MERGE))
		return true;
	for (size_t i = 0; ok && i < count; i++)
		ok = is_told ? doubt_one(news, alerts[i], err) : follow_one(news, alerts[i], err);
	return ok;
}

bool incident_changed(struct desk *desk, const struct change *change, struct error *err)
{
	bool ok, again = false, is_note_known = false;
	int64_t *alerts;
	struct news news;
	size_t count;

	if (!is_change(change))
		return true;
	alerts = xcalloc(INCIDENT_ALERTS_MAX, sizeof(*alerts));
	count = storage_incident_alerts(desk->storage, change->incident, false, alerts, INCIDENT_ALERTS_MAX);
	if (count == 0) {
		free(alerts);
		return true;
	}
	news_init(&news, desk, change);
	ok = change_told(desk, change, &again, err);
	if (ok && !again)
		ok = change_is_ours(desk, change, &news.is_echo, err) && change_note_told(desk, change, &is_note_known, err);
	if (is_note_known)
		replace_text(&news.note, NULL);
	if (ok && !again && change->did == DID_REASSIGN)
		ok = note_assigned(desk, change, news.there_at, &news.has_assigned, err);
	ok = ok && follow_all(&news, alerts, count, again, err);
	log_debug("PagerDuty %s: %s by=%s%s%s", change->incident, news.did->name, news.who, again ? ", told before" : "",
	    news.is_echo ? ", as we asked" : "");
	news_fini(&news);
	free(alerts);
	return ok;
}

/* An address to show people and nothing else. */
static bool is_url(const char *url)
{
	const size_t len = url != NULL ? strnlen(url, URL_MAX + 1) : 0;

	if (len <= strlen("https://") || len > URL_MAX || !text_prefix(url, "https://") || text_has_invisible(url))
		return false;
	for (const unsigned char *c = (const unsigned char *)url; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 0x7F || strchr("\"<>\\|`", *c) != NULL)
			return false;
	}
	return true;
}

/* What OBJECT tells of INCIDENT besides how it stands; of webhooks too. */
static void learn_object(const cJSON *object, struct incident *incident)
{
	const char *url = json_text(object, "html_url"), *service = rest_ref(object, "service"),
		   *policy = rest_ref(object, "escalation_policy");
	int64_t number;

	if ((json_int(object, "incident_number", &number) || json_int(object, "number", &number)) && number > 0)
		incident->number = number;
	if (is_url(url))
		replace_text(&incident->url, url);
	if (service != NULL)
		replace_text(&incident->service, service);
	if (policy != NULL)
		replace_text(&incident->policy, policy);
}

static bool read_merged(struct desk *desk, const struct reading *reading, struct alert *alert, struct incident *incident,
    struct error *err)
{
	const struct change change = change_of(reading, DID_MERGE);
	struct news news;
	bool ok;

	if (text_equal(incident->merged_into, reading->into))
		return storage_put_incident(desk->storage, incident, err);
	news_init(&news, desk, &change);
	ok = merge(&news, alert, incident, err);
	news_fini(&news);
	return ok;
}

static bool read_one(struct desk *desk, const struct reading *reading, const cJSON *object, int64_t id, struct error *err)
{
	struct incident incident;
	struct alert *alert;
	bool ok;

	if (!storage_incident_by_id(desk->storage, id, reading->id, &incident))
		return true;
	learn_object(object, &incident);
	ok = read_alert(desk, id, &alert, err);
	if (!ok || alert == NULL)
		goto out;
	if (reading->status == NULL) {
		ok = storage_put_incident(desk->storage, &incident, err);
	} else if (!is_current(desk, &incident)) {
		set_status(&incident, reading->status, reading->at == TIME_NONE ? TIME_NONE : by_their_clock(desk, reading->at));
		ok = storage_put_incident(desk->storage, &incident, err);
	} else if (reading->into != NULL && strcmp(reading->into, reading->id) != 0) {
		ok = read_merged(desk, reading, alert, &incident, err);
	} else {
		ok = stand(desk, reading, alert, &incident, err);
	}
	alert_free(alert);
out:
	incident_fini(&incident);
	return ok;
}

bool incident_read(struct desk *desk, const cJSON *object, struct error *err)
{
	struct reading reading;
	int64_t *alerts;
	size_t count;
	bool ok = true;

	read_incident(object, &reading);
	if (reading.id == NULL)
		return true;
	alerts = xcalloc(INCIDENT_ALERTS_MAX, sizeof(*alerts));
	count = storage_incident_alerts(desk->storage, reading.id, false, alerts, INCIDENT_ALERTS_MAX);
	for (size_t i = 0; ok && i < count; i++)
		ok = read_one(desk, &reading, object, alerts[i], err);
	free(alerts);
	return ok;
}

bool incident_link(struct desk *desk, int64_t alert, const cJSON *object, struct error *err)
{
	const char *id = json_text(object, "id"), *status = known_status(json_text(object, "status"));
	struct alert_turn turn = {.by = {.who = "PagerDuty", .via = "pagerduty"}, .status = -1, .at = TIME_NONE};
	struct incident incident;
	struct alert *linked;
	bool ok, is_new;

	if (!rest_is_id(id))
		return true;
	if (!read_alert(desk, alert, &linked, err))
		return false;
	if (linked == NULL)
		return true;
	is_new = !storage_incident_by_id(desk->storage, alert, id, &incident);
	if (is_new) {
		/* Since when it stands so is left open: what led there may be told yet, in its order. */
		incident = (struct incident){.alert = alert,
		    .id = xstrdup(id),
		    .status = xstrdup(status != NULL ? status : "triggered"),
		    .status_at = TIME_NONE,
		    .linked_at = desk->now};
	}
	learn_object(object, &incident);
	if (is_new && !text_equal(linked->page_status, "waiting") && !(alert_is_over(linked) && is_resolved(linked->page_status)))
		turn.page_status = incident.status;
	ok = storage_put_incident(desk->storage, &incident, err) && (!is_new || alert_follow(desk, linked, &turn, err));
	if (ok && is_new)
		log_info("A%" PRId64 " is incident %s in PagerDuty", alert, id);
	incident_fini(&incident);
	alert_free(linked);
	return ok;
}

char *incident_url(const struct desk *desk, int64_t alert)
{
	struct incident incident;
	char *url = NULL;

	if (!current_incident(desk, alert, &incident))
		return NULL;
	if (is_url(incident.url))
		url = xstrdup(incident.url);
	incident_fini(&incident);
	return url;
}
