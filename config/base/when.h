/*
 * when - durations, times of day, dates and zones, read and written.
 *
 * Times are seconds since 1970, UTC. A zone is an IANA name ("Europe/Paris"), read from the system's
 * zone files (TZif), never through TZ and tzset, which are shared with libraries' threads.
 */
#ifndef CONFIG_BASE_WHEN_H
#define CONFIG_BASE_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/error.h"

#define TIME_NONE INT64_MIN
#define DURATION_MAX_S (366LL * 86400) /* no duration that people type is longer */

/* `90s 30m 2h 1h30m 1d` and sums of these, each unit once, larger units first. A bare number is refused. */
bool duration_parse(const char *text, int64_t *seconds, struct error *err);
/* "1h30m", "90s" as "1m30s", "0s". */
void duration_write(int64_t seconds, char *out, size_t size);

/* True when ZONE is a name that this machine knows. */
bool zone_known(const char *zone);
/* Seconds east of UTC in ZONE at AT; an unknown zone is UTC. ABBREVIATION (may be NULL, 16 bytes) gets "CET". */
int64_t zone_offset(const char *zone, int64_t at, char *abbreviation);
/* The instant at which ZONE's clocks show this local time. In a gap: the instant the gap ends; shown twice: the first. */
int64_t zone_instant(const char *zone, int year, int month, int day, int hour, int minute, int second);

/*
 * What people type, asked at NOW in ZONE: `14:00` (the next such time), `tomorrow 02:00`, `today 14:00`, RFC 3339.
 */
bool time_parse(const char *text, const char *zone, int64_t now, int64_t *at, struct error *err);
/* RFC 3339 only ("2026-03-02T18:45:22Z", with offset, fractions dropped). */
bool time_parse_rfc3339(const char *text, int64_t *at);
/*
 * Dates as tools send them: RFC 3339 with or without colon in the offset, with fractions, a space for T, epoch in
 * s, ms, us or ns (digits), asctime. False for what cannot be read and for "unset" (0001-01-01, 1970-01-01T00:00:00Z).
 */
bool time_parse_loose(const char *text, int64_t *at);
/* `since=`: RFC 3339, or a duration back from NOW. */
bool time_parse_since(const char *text, int64_t now, int64_t *at, struct error *err);

void time_write_rfc3339(int64_t at, char out[32]); /* "2026-03-02T18:45:22Z" */
/* "14:00 CET" on the same local day as NOW, else "Tue 3 Mar 14:00 CET". */
void time_write_local(int64_t at, const char *zone, int64_t now, char *out, size_t size);
/* Local day of week (0 is Sunday) and minutes since local midnight. */
void time_local(int64_t at, const char *zone, int *weekday, int *minutes);

#endif
