#include "bot/metrics.h"

#include <inttypes.h>
#include <math.h>

#include "config/base/text.h"
#include "config/base/when.h"

#ifndef HEADSUP_VERSION
#define HEADSUP_VERSION "unknown"
#endif

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_number(struct buf *out, double value)
{
	if (fabs(value) < 9e15 && value == floor(value))
		buf_printf(out, "%" PRId64, (int64_t)value);
	else
		buf_printf(out, "%.9g", value);
}

void metrics_value(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	metrics_head(out, name, type, help);
	buf_printf(out, "%s ", name);
	put_number(out, value);
	buf_putc(out, '\n');
}

void metrics_label(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '\n')
			buf_puts(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_putc(out, *text);
	}
	buf_putc(out, '"');
}

static void write_build(const struct metrics *metrics, struct buf *out)
{
	metrics_head(out, "headsup_build_info", "gauge", "The version that runs; always 1.");
	buf_puts(out, "headsup_build_info{version=");
	metrics_label(out, HEADSUP_VERSION);
	buf_puts(out, "} 1\n");
	metrics_value(out, "headsup_start_time_seconds", "gauge", "When it was started, in seconds since 1970.",
	    (double)metrics->started_at);
	metrics_value(out, "headsup_reloads_total", "counter", "Configurations that SIGHUP put in place.",
	    (double)metrics->reloads);
	metrics_value(out, "headsup_reload_failures_total", "counter",
	    "Configurations that SIGHUP read and refused; the old one stayed.", (double)metrics->reload_failures);
}

static void write_desk(const struct desk *desk, struct buf *out)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} counts[] = {
	    {"headsup_alerts_accepted_total", "Alerts accepted.", desk->counts.accepted},
	    {"headsup_alerts_suppressed_total", "Alerts that an announcement covered.", desk->counts.suppressed},
	    {"headsup_alerts_near_misses_total", "Alerts that missed an announcement by one match.", desk->counts.near_misses},
	    {"headsup_alerts_repeated_total", "Alerts counted onto one that was there.", desk->counts.repeated},
	    {"headsup_alerts_resolved_total", "Alerts resolved.", desk->counts.resolved},
	    {"headsup_alerts_claimed_total", "Alerts closed late by who said that it was them.", desk->counts.claimed},
	    {"headsup_refused_total", "Requests and announcements refused.", desk->counts.refused},
	    {"headsup_commands_total", "Commands typed in Slack.", desk->counts.commands},
	    {"headsup_presses_total", "Buttons pressed and forms sent in Slack.", desk->counts.presses},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		metrics_value(out, counts[i].name, "counter", counts[i].help, (double)counts[i].value);
}

static void write_alerts(struct storage *storage, struct buf *out)
{
	int64_t counts[5] = {0};

	if (!storage_count_alerts(storage, counts, NULL))
		return;
	metrics_head(out, "headsup_alerts", "gauge", "Alerts kept, by status.");
	for (int i = 0; i < 5; i++)
		buf_printf(out, "headsup_alerts{status=\"%s\"} %" PRId64 "\n",
		    alert_status_name((enum alert_status)i), counts[i]);
}

static void write_words(struct storage *storage, int64_t now, struct buf *out)
{
	static const char *const states[4] = {"waiting", "sending", "stuck", "dead"};
	int64_t counts[4] = {0}, oldest_at = TIME_NONE;

	if (!storage_count_words(storage, counts, &oldest_at, NULL))
		return;
	metrics_head(out, "headsup_outbox_words", "gauge", "Words on their way out, by state; stuck ones wait for a person.");
	for (int i = 0; i < 4; i++)
		buf_printf(out, "headsup_outbox_words{state=\"%s\"} %" PRId64 "\n", states[i], counts[i]);
	metrics_value(out, "headsup_outbox_oldest_seconds", "gauge", "Age of the oldest word on its way; 0 for none.",
	    oldest_at == TIME_NONE || oldest_at > now ? 0 : (double)(now - oldest_at));
}

static void write_storage(const struct loop *loop, struct buf *out)
{
	int64_t count = 0;
	char head[65] = "";

	metrics_value(out, "headsup_commits_total", "counter", "Transactions committed.", (double)loop->commits);
	metrics_value(out, "headsup_storage_failures_total", "counter", "Transactions that did not reach the disk.",
	    (double)loop->failures);
	metrics_value(out, "headsup_storage_failing", "gauge", "1 while the last commit failed.", loop->is_failing);
	if (!storage_audit_head(loop->storage, &count, head))
		return;
	metrics_head(out, "headsup_audit_head", "gauge", "Number of the last audit entry; its hash as a label.");
	buf_puts(out, "headsup_audit_head{hash=");
	metrics_label(out, head);
	buf_printf(out, "} %" PRId64 "\n", count);
}

static void write_slack(const struct slack *slack, struct buf *out)
{
	static const char *const states[] = {"connected", "connecting", "waiting", "refused", "off"};

	metrics_head(out, "headsup_slack_state", "gauge", "1 for the state that the connection to Slack is in.");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		buf_printf(out, "headsup_slack_state{state=\"%s\"} %d\n", states[i],
		    text_equal(states[i], slack_status(slack)));
	metrics_value(out, "headsup_slack_away_seconds", "gauge", "For how long Slack has been out of reach.",
	    (double)slack_away_s(slack));
	slack_metrics(slack, out);
}

void metrics_write(const struct metrics *metrics, struct buf *out)
{
	write_build(metrics, out);
	if (metrics->loop != NULL) {
		write_desk(metrics->loop->desk, out);
		write_alerts(metrics->loop->storage, out);
		write_words(metrics->loop->storage, clock_now(), out);
		write_storage(metrics->loop, out);
	}
	if (metrics->http != NULL)
		http_metrics(metrics->http, out);
	if (metrics->slack != NULL)
		write_slack(metrics->slack, out);
	if (metrics->courier != NULL)
		courier_metrics(metrics->courier, out);
	if (metrics->jobs != NULL)
		jobs_metrics(metrics->jobs, out);
}
