#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/alerts.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define STATS_DEFAULT_S (7 * 86400)
#define STATS_SCAN_MAX 5000 /* newest alerts of the time that are looked at */
#define STATS_RULES_MAX 500 /* rules that are counted apart */
#define STATS_RULES_SHOWN 5
#define RULE_UNITS 60

struct rule_count {
	char *rule;
	int64_t count;
};
struct stats {
	struct desk *desk;
	size_t seen;
	int64_t occurrences, suppressed, claimed, near_misses;
	struct rule_count rules[STATS_RULES_MAX];
	size_t rule_count;
	int64_t ids[STATS_SCAN_MAX];
	int64_t fired_at[STATS_SCAN_MAX];
	size_t id_count;
	int64_t *acks, *resolves; /* seconds after it fired */
	size_t ack_count, resolve_count;
};

static void count_rule(struct stats *stats, const char *rule, int64_t count)
{
	if (text_is_empty(rule))
		return;
	for (size_t i = 0; i < stats->rule_count; i++) {
		if (strcmp(stats->rules[i].rule, rule) == 0) {
			stats->rules[i].count += count;
			return;
		}
	}
	if (stats->rule_count < STATS_RULES_MAX)
		stats->rules[stats->rule_count++] =
		    (struct rule_count){.rule = xstrdup(rule), .count = count};
}

static bool count_one(void *ctx, const struct alert *alert)
{
	struct stats *stats = ctx;

	stats->seen++;
	stats->occurrences += alert->count;
	count_rule(stats, alert->rule, alert->count);
	if (alert->status == ALERT_EXPECTED) {
		stats->suppressed++;
		return true;
	}
	stats->near_misses += alert_is_near_miss(alert) ? 1 : 0;
	stats->claimed += alert->status == ALERT_CLAIMED ? 1 : 0;
	if (alert->status == ALERT_ACKED || alert->status == ALERT_RESOLVED) {
		stats->ids[stats->id_count] = alert->id;
		stats->fired_at[stats->id_count++] = alert->received_at;
	}
	return true;
}

/* The first ack and the last resolve of one alert. */
struct reaction {
	int64_t acked_at, resolved_at;
};

static bool see_event(void *ctx, const struct event *event)
{
	struct reaction *reaction = ctx;

	if (strcmp(event->what, "acked") == 0 && reaction->acked_at == TIME_NONE)
		reaction->acked_at = event->at;
	if (strcmp(event->what, "resolved") == 0)
		reaction->resolved_at = event->at;
	return true;
}

static bool time_reactions(struct stats *stats, struct error *err)
{
	for (size_t i = 0; i < stats->id_count; i++) {
		struct reaction reaction = {TIME_NONE, TIME_NONE};

		if (!storage_each_event(
			stats->desk->storage, stats->ids[i], see_event, &reaction, err))
			return false;
		if (reaction.acked_at != TIME_NONE)
			stats->acks[stats->ack_count++] = reaction.acked_at - stats->fired_at[i];
		if (reaction.resolved_at != TIME_NONE)
			stats->resolves[stats->resolve_count++] =
			    reaction.resolved_at - stats->fired_at[i];
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static int by_count(const void *a, const void *b)
{
	const struct rule_count *left = a, *right = b;

	return (left->count < right->count) - (left->count > right->count);
}

static void put_times(const char *what, int64_t *seconds, size_t count, struct buf *answer)
{
	char half[32], most[32];

	if (count == 0) {
		buf_printf(answer, "%s: none was.\n", what);
		return;
	}
	qsort(seconds, count, sizeof(*seconds), by_number);
	duration_write(seconds[count / 2], half, sizeof(half));
	duration_write(seconds[count * 9 / 10], most, sizeof(most));
	buf_printf(answer, "%s: half within %s, nine in ten within %s (%zu alert%s).\n", what, half,
	    most, count, count == 1 ? "" : "s");
}

static void put_stats(struct stats *stats, const char *span, struct buf *answer)
{
	buf_printf(answer,
	    "*The last %s*%s: %zu alert%s (%" PRId64 " with repeats), %" PRId64
	    " suppressed, %" PRId64 " claimed late, %" PRId64 " near miss%s.\n",
	    span, stats->seen == STATS_SCAN_MAX ? ", its newest part" : "", stats->seen,
	    stats->seen == 1 ? "" : "s", stats->occurrences, stats->suppressed, stats->claimed,
	    stats->near_misses, stats->near_misses == 1 ? "" : "es");
	put_times("Time to ack", stats->acks, stats->ack_count, answer);
	put_times("Time to resolve", stats->resolves, stats->resolve_count, answer);
	qsort(stats->rules, stats->rule_count, sizeof(stats->rules[0]), by_count);
	if (stats->rule_count > 0)
		buf_puts(answer, "Noisiest rules:");
	for (size_t i = 0; i < stats->rule_count && i < STATS_RULES_SHOWN; i++) {
		buf_puts(answer, i > 0 ? ", " : " ");
		buf_put_code(answer, stats->rules[i].rule, RULE_UNITS);
		buf_printf(answer, " %" PRId64, stats->rules[i].count);
	}
}

static bool stats_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_query query = {.status = -1, .until = TIME_NONE, .limit = STATS_SCAN_MAX};
	int64_t seconds = STATS_DEFAULT_S;
	struct stats *stats;
	char span[32];
	bool ok;

	(void)asked;
	words_take(words, "last");
	if (words_peek(words) != NULL && !command_duration(words, &stats_command, &seconds, err))
		return false;
	if (!command_is_over(words, &stats_command, err))
		return false;
	stats = xcalloc(1, sizeof(*stats));
	stats->desk = desk;
	stats->acks = xcalloc(STATS_SCAN_MAX, sizeof(*stats->acks));
	stats->resolves = xcalloc(STATS_SCAN_MAX, sizeof(*stats->resolves));
	query.since = desk->now - seconds;
	duration_write(seconds, span, sizeof(span));
	ok = storage_each_alert(desk->storage, &query, count_one, stats, err) &&
	     time_reactions(stats, err);
	if (ok)
		put_stats(stats, span, answer);
	for (size_t i = 0; i < stats->rule_count; i++)
		free(stats->rules[i].rule);
	free(stats->acks);
	free(stats->resolves);
	free(stats);
	return ok;
}

const struct command stats_command = {
    .name = "stats",
    .usage = "stats [7d]",
    .help = "alerts in, suppressed, near misses, time to ack and to resolve, noisiest rules",
    .example = "stats 7d",
    .needs = ROLE_ANYONE,
    .run = stats_run,
};
