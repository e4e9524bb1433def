/*
 * zone - one time zone as its TZif file (RFC 8536) describes it: transitions, then a rule for all
 * time after.
 *
 * when.h has what others use; this is for reading a zone from bytes.
 */
#ifndef CONFIG_BASE_ZONE_H
#define CONFIG_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_NAME_MAX 64          /* bytes of "America/Argentina/ComodRivadavia" and its like */
#define ZONE_FILE_MAX (256 << 10) /* bytes of a zone file; the largest there are have 4 KiB */
#define ZONE_TRANSITIONS_MAX 4096
#define ZONE_TYPES_MAX 256
#define ZONE_ABBREVIATION_SIZE 16 /* with the NUL */

struct zone; /* opaque */

/* Reads a TZif file's bytes, version 2 or later, without leap seconds; NULL when they are anything
 * else. */
struct zone *zone_read(const void *data, size_t len);
void zone_free(struct zone *zone);

/* What a zone's clocks do around an instant. */
struct zone_span {
	int64_t offset;           /* seconds east of UTC */
	const char *abbreviation; /* "CET"; borrowed from the zone */
	int64_t until;            /* the instant at which that ends; INT64_MAX for never */
};
void zone_span_at(const struct zone *zone, int64_t at, struct zone_span *span);
/*
 * The first instant later than AFTER at which the clocks show LOCAL (seconds since 1970 as if they
 * were UTC), or at which the gap ends that swallowed it. False when there is none after AFTER.
 */
bool zone_first_after(const struct zone *zone, int64_t local, int64_t after, int64_t *at);

/* The zone of that name on this machine, kept for the life of the process; NULL when there is none.
 * Any thread. */
const struct zone *zone_named(const char *name);

/* Days from 1970-01-01 to a date of the Gregorian calendar; months beyond 1..12 carry into the
 * year. */
int64_t days_from_date(int64_t year, int64_t month, int64_t day);
/* The date of an instant (UTC). */
void date_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
