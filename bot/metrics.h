/* metrics - Prometheus text (exposition format 0.0.4), written piece by piece. */
#ifndef BOT_METRICS_H
#define BOT_METRICS_H

#include "bot/courier.h"
#include "bot/http.h"
#include "bot/jobs.h"
#include "bot/loop.h"
#include "bot/slack.h"
#include "config/base/buf.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* HELP and TYPE of NAME; TYPE is counter or gauge, HELP one line. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
/* The same and its one value. Whole numbers are written whole. */
void metrics_value(struct buf *out, const char *name, const char *type, const char *help, double value);
/* TEXT as a label's value, quotes around it. */
void metrics_label(struct buf *out, const char *text);

/* What /metrics tells of; any may be NULL. */
struct metrics {
	const struct loop *loop;
	const struct http *http;
	const struct slack *slack;
	const struct courier *courier;
	const struct jobs *jobs;
	int64_t started_at;
	uint64_t reloads, reload_failures;
};
void metrics_write(const struct metrics *metrics, struct buf *out);

#endif
