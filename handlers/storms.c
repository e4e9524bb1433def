#include "handlers/storms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/blocks.h"
#include "handlers/card.h"
#include "handlers/slack_text.h"
#include "handlers/words.h"

#define RULE_UNITS 100 /* UTF-16 units of a rule, a host, a login that are shown */
#define NAME_UNITS 60
#define LINE_MAX_BYTES 8192

/* ---- who tells of it --------------------------------------------------------------------------------------- */

/* What its storm would be of. */
static const char *rule_of(const struct alert *alert)
{
	return !text_is_empty(alert->rule) ? alert->rule : alert->title != NULL ? alert->title : "";
}

bool storm_has(struct desk *desk, const struct alert *alert, const char *channel)
{
	return alert->severity < SEVERITY_CRITICAL &&
	       storage_storm_of(desk->storage, alert->id, channel) != 0;
}

bool storm_take(struct desk *desk, const struct alert *alert, const char *channel, int64_t *storm,
    struct error *err)
{
	const int64_t most = desk->config->slack.storm_after;
	const char *rule = rule_of(alert);

	*storm = 0;
	if (alert->severity >= SEVERITY_CRITICAL)
		return true;
	*storm = storage_storm_of(desk->storage, alert->id, channel);
	if (*storm != 0 || alert->status != ALERT_OPEN)
		return true;
	*storm = storage_running_storm(desk->storage, channel, rule, desk->now - STORM_QUIET_S);
	if (!storage_unposted(desk->storage, alert->id, channel, rule, *storm, err))
		return false;
	if (*storm != 0)
		return storage_touch_storm(desk->storage, *storm, desk->now, err);
	if (storage_count_unposted(desk->storage, channel, rule, (size_t)most + 1) <= (size_t)most)
		return true;
	if (!storage_begin_storm(desk->storage, channel, rule, desk->now, storm, err))
		return false;
	log_info("S%" PRId64 " begins: many alerts of one rule are one card channel=%s", *storm,
	    channel);
	return true;
}

/* ---- what is done with all of them ------------------------------------------------------------------------- */

static bool applies(const struct alert *alert, const char *verb)
{
	return alert->status == ALERT_OPEN ||
	       (strcmp(verb, "resolve") == 0 && alert->status == ALERT_ACKED);
}

static bool act_on(
    struct desk *desk, const struct actor *actor, int64_t id, const char *verb, struct error *err)
{
	struct alert *alert = storage_alert(desk->storage, id, NULL), *now = NULL;
	bool ok = true;

	if (alert != NULL && applies(alert, verb))
		ok = alert_act(desk, actor, id, verb, NULL, NULL, &now, err);
	alert_free(now);
	alert_free(alert);
	return ok;
}

/* One slice of STORM; DOING is over with the last. */
static bool go_on(struct desk *desk, struct storm *storm, struct error *err)
{
	const struct actor actor = {.who = storm->doing_by, .via = storm->doing_via};
	int64_t alerts[STORM_SLICE];
	size_t count =
	    storage_storm_alerts(desk->storage, storm->id, storm->done_to, alerts, STORM_SLICE);

	for (size_t i = 0; i < count; i++) {
		if (!act_on(desk, &actor, alerts[i], storm->doing, err))
			return false;
		storm->done_to = alerts[i];
	}
	storm->version++;
	if (count < STORM_SLICE) {
		replace_text(&storm->doing, NULL);
		storm->done_to = 0;
	}
	return storage_put_storm(desk->storage, storm, err) &&
	       say_storm(desk, storm->id, storm->channel, err);
}

static bool begin_doing(struct desk *desk, const struct actor *actor, struct storm *storm,
    const char *verb, struct buf *said, struct error *err)
{
	struct storm_facts facts;
	int64_t count;
	char subject[24];
	bool ok;

	if (!storage_storm_facts(desk->storage, storm->id, &facts, err))
		return false;
	count = facts.states[ALERT_OPEN] +
		(strcmp(verb, "resolve") == 0 ? facts.states[ALERT_ACKED] : 0);
	storm_facts_fini(&facts);
	if (count == 0 || storm->doing != NULL) {
		buf_printf(said, "S%" PRId64 ": %s", storm->id,
		    count == 0 ? "nothing of it is left to do that with"
			       : "somebody is at it already");
		return true;
	}
	snprintf(subject, sizeof(subject), "S%" PRId64, storm->id);
	replace_text(&storm->doing, verb);
	replace_text(&storm->doing_by, actor->who);
	replace_text(&storm->doing_via, actor->via);
	storm->done_to = 0;
	ok = desk_audit(desk, actor, strcmp(verb, "ack") == 0 ? "acked" : "resolved", subject, NULL,
		 err) &&
	     go_on(desk, storm, err);
	desk->has_storm_work = true;
	buf_printf(said, "%s %" PRId64 " alerts of ",
	    strcmp(verb, "ack") == 0 ? "Acking" : "Resolving", count);
	buf_put_mrkdwn(said, storm->rule, RULE_UNITS);
	return ok;
}

bool storm_act(struct desk *desk, const struct actor *actor, int64_t id, const char *verb,
    struct buf *said, struct error *err)
{
	struct storm storm;
	bool ok;

	if (!actor->is_token && !desk_allows(desk, desk->config->policy.responders, actor))
		return error_set(err, ERROR_FORBIDDEN,
		    "only responders may %s alerts (policy.responders)", verb);
	if (!storage_storm(desk->storage, id, &storm))
		return error_set(err, ERROR_NOT_FOUND, "there is no S%" PRId64, id);
	ok = begin_doing(desk, actor, &storm, verb, said, err);
	storm_fini(&storm);
	return ok;
}

bool storms_tick(struct desk *desk, struct error *err)
{
	struct storm storm;
	struct error why = {0};
	bool ok;

	if (!desk->has_storm_work)
		return true;
	if (!storage_storm_in_work(desk->storage, &storm)) {
		desk->has_storm_work = false;
		return true;
	}
	ok = go_on(desk, &storm, &why);
	if (!ok && (why.kind == ERROR_FORBIDDEN || why.kind == ERROR_REFUSED ||
		       why.kind == ERROR_NOT_FOUND)) {
		/* Whoever pressed may not any more: it ends here. */
		replace_text(&storm.doing, NULL);
		ok = storage_put_storm(desk->storage, &storm, err);
	} else if (!ok && err != NULL) {
		*err = why;
	}
	storm_fini(&storm);
	return ok;
}

/* ---- its card ---------------------------------------------------------------------------------------------- */

static void put_names(struct buf *out, const char *label, char *const *names, int64_t count)
{
	if (names[0] == NULL)
		return;
	buf_printf(out, "\n*%s:* ", label);
	for (size_t i = 0; i < STORM_NAMES_MAX && names[i] != NULL; i++) {
		buf_puts(out, i > 0 ? ", " : "");
		buf_put_mrkdwn(out, names[i], NAME_UNITS);
	}
	if (count > STORM_NAMES_MAX)
		buf_printf(out, " and %" PRId64 " more", count - STORM_NAMES_MAX);
}

static void put_states(struct buf *out, const struct desk *desk, const struct storm *storm,
    const struct storm_facts *facts)
{
	static const enum alert_status order[] = {
	    ALERT_OPEN, ALERT_ACKED, ALERT_RESOLVED, ALERT_EXPECTED, ALERT_CLAIMED};
	bool any = false;

	buf_puts(out, facts->states[ALERT_OPEN] > 0    ? ":large_red_square: "
		      : facts->states[ALERT_ACKED] > 0 ? ":large_yellow_square: "
						       : ":large_green_square: ");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (facts->states[order[i]] == 0)
			continue;
		buf_printf(out, "%s%" PRId64 " %s", any ? " · " : "", facts->states[order[i]],
		    alert_status_name(order[i]));
		any = true;
	}
	if (storm->doing_by != NULL) {
		buf_puts(out,
		    storm->doing != NULL ? " · being worked through by " : " · all at once by ");
		buf_put_person(out, desk->config, storm->doing_by);
	}
}

static void add_buttons(cJSON *blocks, const struct storm *storm, const struct storm_facts *facts)
{
	cJSON *elements;
	char value[64];

	if (facts->states[ALERT_OPEN] + facts->states[ALERT_ACKED] == 0 || storm->doing != NULL)
		return;
	snprintf(value, sizeof(value), "S%" PRId64 ":%" PRId64, storm->id, storm->version);
	elements = cJSON_AddArrayToObject(blocks_add(blocks, "actions", "actions"), "elements");
	if (facts->states[ALERT_OPEN] > 0)
		blocks_add_button(elements, ACTION_STORM_ACK, "Ack all", value, "primary");
	blocks_add_button(elements, ACTION_STORM_RESOLVE, "Resolve all", value, NULL);
}

/* "HIGH · 500 alerts of port-scan"; PUT makes the rule fit for where it stands. */
static void put_headline(struct buf *out, const struct storm *storm,
    const struct storm_facts *facts, void (*put)(struct buf *out, const char *text, size_t units))
{
	static const char *const words[] = {"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
	static const char *const emoji[] = {":white_circle:", ":large_blue_circle:",
	    ":large_yellow_circle:", ":large_orange_circle:", ":red_circle:"};

	buf_printf(out, "%s %s · %" PRId64 " alerts of ", emoji[facts->severity],
	    words[facts->severity], facts->total);
	put(out, storm->rule, RULE_UNITS);
}

static void put_card(const struct desk *desk, const struct storm *storm,
    const struct storm_facts *facts, bool is_plain, cJSON *body)
{
	cJSON *blocks;
	struct buf text;

	buf_init(&text, LINE_MAX_BYTES);
	put_headline(&text, storm, facts, buf_put_escaped);
	cJSON_AddStringToObject(body, "text", buf_text(&text));
	if (!is_plain) {
		blocks = cJSON_AddArrayToObject(body, "blocks");
		buf_reset(&text);
		put_headline(&text, storm, facts, buf_put_plain);
		cJSON_AddItemToObject(
		    blocks_add(blocks, "header", "title"), "text", blocks_plain(buf_text(&text)));
		buf_reset(&text);
		buf_puts(&text, "*First:* ");
		buf_put_when(&text, facts->first_at);
		buf_puts(&text, "   *Last:* ");
		buf_put_when(&text, facts->last_at);
		put_names(&text, facts->host_count == 1 ? "Host" : "Hosts", facts->hosts,
		    facts->host_count);
		put_names(&text, facts->actor_count == 1 ? "Who" : "Who, most often", facts->actors,
		    facts->actor_count);
		blocks_add_section(blocks, "facts", buf_text(&text));
		buf_reset(&text);
		buf_printf(&text,
		    "S%" PRId64 " · more of this rule than can be told one by one: they share this "
				"card, each is in `alerts`",
		    storm->id);
		blocks_add_context(blocks, "why", buf_text(&text));
		buf_reset(&text);
		put_states(&text, desk, storm, facts);
		blocks_add_section(blocks, "status", buf_text(&text));
		add_buttons(blocks, storm, facts);
	}
	buf_fini(&text);
}

bool card_put_storm(struct desk *desk, int64_t id, bool is_plain, cJSON *body, struct error *err)
{
	struct storm storm;
	struct storm_facts facts;
	bool ok;

	if (!storage_storm(desk->storage, id, &storm))
		return error_set(err, ERROR_NOT_FOUND, "there is no S%" PRId64, id);
	ok = storage_storm_facts(desk->storage, id, &facts, err);
	if (ok)
		put_card(desk, &storm, &facts, is_plain, body);
	if (ok)
		storm_facts_fini(&facts);
	storm_fini(&storm);
	return ok;
}
