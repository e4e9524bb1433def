#include "config/base/zone.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/memory.h"
#include "config/base/when.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo/"
#define ZONE_BUCKETS 64
#define DAY_S INT64_C(86400)
#define INSTANT_MAX INT64_C(100000000000000000) /* far beyond any date, far from overflow */
#define OFFSET_MAX_S (26 * 3600)     /* RFC 8536: more than 25 hours west, less than 26 east */
#define RULE_TIME_MAX_S (167 * 3600) /* RFC 8536, 3.3.1 */

struct zone_type {
	int64_t offset;
	const char *abbreviation; /* in zone->abbreviations */
};

/* A day of the year on which clocks change, as POSIX writes it: M10.5.0/3, J60, 59. */
struct change {
	enum { CHANGE_WEEKDAY, CHANGE_JULIAN, CHANGE_DAY } kind;
	int month, week, weekday; /* CHANGE_WEEKDAY */
	int day;                  /* of the year: from 1 without 29 February, or from 0 with it */
	int64_t time; /* seconds since that day's local midnight; may lie on another day */
};

/* The footer: what holds after the last transition. */
struct rule {
	bool is_set, has_dst;
	struct zone_type standard, dst;
	char standard_name[ZONE_ABBREVIATION_SIZE], dst_name[ZONE_ABBREVIATION_SIZE];
	struct change to_dst, to_standard;
};

struct zone {
	char *name; /* of those in the cache */
	struct zone *next;
	int64_t *transitions;
	unsigned char *kinds; /* the type that begins at each transition */
	size_t transition_count;
	struct zone_type *types;
	char *abbreviations;
	struct rule rule;
};

int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	year += (month - 1) / 12;
	month = (month - 1) % 12 + 1;
	if (month < 1) {
		month += 12;
		year--;
	}
	/* Years that begin in March put the leap day last; eras of 400 years are all alike. */
	if (month <= 2)
		year--;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t era, of_era, year_of_era, of_year, march;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	march = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * march + 2) / 5 + 1);
	*month = (int)(march < 10 ? march + 3 : march - 9);
	*year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

/* ---- the file ------------------------------------------------------------ */

struct bytes {
	const unsigned char *at;
	size_t len;
};

static bool take_bytes(struct bytes *bytes, size_t count, const unsigned char **taken)
{
	if (bytes->len < count)
		return false;
	*taken = bytes->at;
	bytes->at += count;
	bytes->len -= count;
	return true;
}

static uint32_t big_endian_32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t big_endian_64(const unsigned char *at)
{
	return (int64_t)((uint64_t)big_endian_32(at) << 32 | big_endian_32(at + 4));
}

/* The counts of a header, in the order of the file. */
struct counts {
	uint32_t is_ut, is_std, leap, time, type, chars;
	unsigned char version;
};

static bool take_header(struct bytes *bytes, struct counts *counts)
{
	const unsigned char *header;
	uint32_t *const slots[] = {&counts->is_ut, &counts->is_std, &counts->leap, &counts->time,
	    &counts->type, &counts->chars};
	size_t i;

	if (!take_bytes(bytes, 44, &header) || memcmp(header, "TZif", 4) != 0)
		return false;
	counts->version = header[4];
	for (i = 0; i < 6; i++) {
		*slots[i] = big_endian_32(header + 20 + 4 * i);
		if (*slots[i] > ZONE_FILE_MAX)
			return false;
	}
	return true;
}

static bool take_transitions(struct bytes *bytes, const struct counts *counts, struct zone *zone)
{
	const unsigned char *times, *kinds;
	size_t i;

	if (!take_bytes(bytes, (size_t)counts->time * 8, &times) ||
	    !take_bytes(bytes, counts->time, &kinds))
		return false;
	zone->transition_count = counts->time;
	zone->transitions = xcalloc(counts->time + 1, sizeof(zone->transitions[0]));
	zone->kinds = xcalloc(counts->time + 1, 1);
	for (i = 0; i < counts->time; i++) {
		zone->transitions[i] = big_endian_64(times + 8 * i);
		zone->kinds[i] = kinds[i];
		if (kinds[i] >= counts->type)
			return false;
		if (i > 0 && zone->transitions[i] <= zone->transitions[i - 1])
			return false;
	}
	return true;
}

static bool take_types(struct bytes *bytes, const struct counts *counts, struct zone *zone)
{
	const unsigned char *types, *chars;
	size_t i;

	if (!take_bytes(bytes, (size_t)counts->type * 6, &types) ||
	    !take_bytes(bytes, counts->chars, &chars))
		return false;
	if (counts->chars == 0 || chars[counts->chars - 1] != '\0')
		return false;
	zone->types = xcalloc(counts->type, sizeof(zone->types[0]));
	zone->abbreviations = xcalloc(counts->chars, 1);
	memcpy(zone->abbreviations, chars, counts->chars);
	for (i = 0; i < counts->type; i++) {
		const unsigned char *type = types + 6 * i;

		zone->types[i].offset = (int32_t)big_endian_32(type);
		if (llabs(zone->types[i].offset) > OFFSET_MAX_S || type[5] >= counts->chars)
			return false;
		zone->types[i].abbreviation = zone->abbreviations + type[5];
	}
	return true;
}

/* ---- the footer ------------------------------------------------------------ */

static bool take_number(const char **at, int64_t max, int64_t *value)
{
	int64_t number = 0;

	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		number = number * 10 + (**at - '0');
		if (number > max)
			return false;
	}
	*value = number;
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(const char **at, int64_t *seconds)
{
	int64_t hours, minutes = 0, rest = 0, sign = 1;

	if (take_char(at, '-'))
		sign = -1;
	else
		take_char(at, '+');
	if (!take_number(at, RULE_TIME_MAX_S / 3600, &hours))
		return false;
	if (take_char(at, ':')) {
		if (!take_number(at, 59, &minutes))
			return false;
		if (take_char(at, ':') && !take_number(at, 59, &rest))
			return false;
	}
	*seconds = sign * (hours * 3600 + minutes * 60 + rest);
	return true;
}

/* CET, or <+0330>. */
static bool take_abbreviation(const char **at, char out[ZONE_ABBREVIATION_SIZE])
{
	bool is_quoted = take_char(at, '<');
	const char *start = *at;
	size_t len;

	while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z') ||
	       (is_quoted && ((**at >= '0' && **at <= '9') || **at == '+' || **at == '-')))
		(*at)++;
	len = (size_t)(*at - start);
	if (len < 3 || len >= ZONE_ABBREVIATION_SIZE)
		return false;
	memcpy(out, start, len);
	out[len] = '\0';
	return !is_quoted || take_char(at, '>');
}

static bool take_change(const char **at, struct change *change)
{
	int64_t month, week, weekday, day;

	if (take_char(at, 'M')) {
		change->kind = CHANGE_WEEKDAY;
		if (!take_number(at, 12, &month) || month < 1 || !take_char(at, '.') ||
		    !take_number(at, 5, &week) || week < 1 || !take_char(at, '.') ||
		    !take_number(at, 6, &weekday))
			return false;
		change->month = (int)month;
		change->week = (int)week;
		change->weekday = (int)weekday;
	} else {
		change->kind = take_char(at, 'J') ? CHANGE_JULIAN : CHANGE_DAY;
		if (!take_number(at, 365, &day) || (change->kind == CHANGE_JULIAN && day < 1))
			return false;
		change->day = (int)day;
	}
	change->time = 2 * 3600;
	return !take_char(at, '/') || take_time(at, &change->time);
}

/* POSIX writes offsets west of Greenwich: CET-1CEST,M3.5.0,M10.5.0/3. */
static bool rule_read(const char *text, struct rule *rule)
{
	int64_t west;

	if (text[0] == '\0')
		return true;
	if (!take_abbreviation(&text, rule->standard_name) || !take_time(&text, &west) ||
	    llabs(west) > OFFSET_MAX_S)
		return false;
	rule->standard = (struct zone_type){-west, rule->standard_name};
	rule->is_set = true;
	if (*text == '\0')
		return true;
	if (!take_abbreviation(&text, rule->dst_name))
		return false;
	west -= 3600;
	if (*text != ',' && (!take_time(&text, &west) || llabs(west) > OFFSET_MAX_S))
		return false;
	rule->dst = (struct zone_type){-west, rule->dst_name};
	rule->has_dst = true;
	return take_char(&text, ',') && take_change(&text, &rule->to_dst) &&
	       take_char(&text, ',') && take_change(&text, &rule->to_standard) && *text == '\0';
}

static bool take_footer(struct bytes *bytes, struct rule *rule)
{
	const unsigned char *start, *end;
	char text[128];
	size_t len;

	if (!take_bytes(bytes, 1, &start) || *start != '\n')
		return false;
	end = memchr(bytes->at, '\n', bytes->len);
	len = end != NULL ? (size_t)(end - bytes->at) : sizeof(text);
	if (len >= sizeof(text) || memchr(bytes->at, '\0', len) != NULL)
		return false;
	memcpy(text, bytes->at, len);
	text[len] = '\0';
	return rule_read(text, rule);
}

struct zone *zone_read(const void *data, size_t len)
{
	struct bytes bytes = {data, len};
	struct zone *zone = xcalloc(1, sizeof(*zone));
	struct counts counts;
	const unsigned char *skipped;

	/* The first block holds 32-bit times for readers of long ago; its twin with 64 bits
	 * follows. */
	if (len > ZONE_FILE_MAX || !take_header(&bytes, &counts) || counts.version < '2' ||
	    !take_bytes(&bytes,
		(size_t)counts.time * 5 + (size_t)counts.type * 6 + counts.chars +
		    (size_t)counts.leap * 8 + counts.is_std + counts.is_ut,
		&skipped))
		goto fail;
	if (!take_header(&bytes, &counts) || counts.version < '2' || counts.leap != 0 ||
	    counts.type == 0 || counts.type > ZONE_TYPES_MAX || counts.time > ZONE_TRANSITIONS_MAX)
		goto fail;
	if (!take_transitions(&bytes, &counts, zone) || !take_types(&bytes, &counts, zone) ||
	    !take_bytes(&bytes, (size_t)counts.is_std + counts.is_ut, &skipped) ||
	    !take_footer(&bytes, &zone->rule))
		goto fail;
	return zone;
fail:
	zone_free(zone);
	return NULL;
}

void zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	free(zone->name);
	free(zone->transitions);
	free(zone->kinds);
	free(zone->types);
	free(zone->abbreviations);
	free(zone);
}

/* ---- what the clocks show ------------------------------------------------------------ */

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The local time (as if UTC) at which the change falls in YEAR. */
static int64_t change_local(const struct change *change, int64_t year)
{
	int64_t day, weekday;

	if (change->kind == CHANGE_DAY) {
		day = days_from_date(year, 1, 1) + change->day;
	} else if (change->kind == CHANGE_JULIAN) {
		day = days_from_date(year, 1, 1) + change->day - 1 +
		      (is_leap(year) && change->day >= 60 ? 1 : 0);
	} else {
		day = days_from_date(year, change->month, 1);
		weekday = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
		day += (change->weekday - weekday + 7) % 7 + 7 * (change->week - 1);
		while (day >= days_from_date(year, change->month + 1, 1))
			day -= 7; /* week 5 is the last, be it the fourth */
	}
	return day * DAY_S + change->time;
}

static void rule_span_at(const struct rule *rule, int64_t at, struct zone_span *span)
{
	int64_t year, before = INT64_MIN;
	const struct zone_type *type = &rule->standard;
	int month, day;

	span->until = INT64_MAX;
	if (rule->has_dst) {
		date_from_days((at + rule->standard.offset) / DAY_S, &year, &month, &day);
		/* The changes round the turn of the year may lie in the next one, or in the one
		 * before. */
		for (int64_t y = year - 1; y <= year + 1; y++) {
			const struct {
				int64_t at;
				const struct zone_type *type;
			} changes[] = {
			    {change_local(&rule->to_standard, y) - rule->dst.offset,
				&rule->standard},
			    {change_local(&rule->to_dst, y) - rule->standard.offset, &rule->dst},
			};

			for (int i = 0; i < 2; i++) {
				if (changes[i].at <= at && changes[i].at >= before) {
					before = changes[i].at;
					type = changes[i].type;
				} else if (changes[i].at > at && changes[i].at < span->until) {
					span->until = changes[i].at;
				}
			}
		}
	}
	span->offset = type->offset;
	span->abbreviation = type->abbreviation;
}

void zone_span_at(const struct zone *zone, int64_t at, struct zone_span *span)
{
	size_t low = 0, high = zone->transition_count;
	const struct zone_type *type;

	if (at > INSTANT_MAX || at < -INSTANT_MAX)
		at = at > 0 ? INSTANT_MAX : -INSTANT_MAX;
	/* low: how many transitions lie at or before AT */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->transitions[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->transition_count && zone->rule.is_set) {
		rule_span_at(&zone->rule, at, span);
		return;
	}
	type = &zone->types[low > 0 ? zone->kinds[low - 1] : 0];
	span->offset = type->offset;
	span->abbreviation = type->abbreviation;
	span->until = low < zone->transition_count ? zone->transitions[low] : INT64_MAX;
}

bool zone_first_after(const struct zone *zone, int64_t local, int64_t after, int64_t *at)
{
	int64_t begin = local - OFFSET_MAX_S; /* no clock shows LOCAL yet */
	int64_t shown =
	    INT64_MIN; /* what the clocks were about to show when the span before ended */
	struct zone_span span;
	int64_t found;

	/* Span by span: in one the clocks run evenly, so that it shows LOCAL once, or not. */
	for (;;) {
		zone_span_at(zone, begin, &span);
		found = local - span.offset;
		if (found < begin && shown <= local)
			found = begin; /* a gap has swallowed it, and ends here */
		if (found >= begin && found < span.until && found > after) {
			*at = found;
			return true;
		}
		if (span.until == INT64_MAX || span.until > local + OFFSET_MAX_S)
			return false;
		shown = span.until + span.offset;
		begin = span.until;
	}
}

/* ---- by name ------------------------------------------------------------ */

/* Area/Location of letters, digits, _ + -: no dot, so no way out of the directory; and nothing of
 * the twins with leap seconds. */
static bool name_is_sane(const char *name)
{
	size_t i, part = 0;

	if (strncmp(name, "right/", 6) == 0 || strncmp(name, "posix/", 6) == 0)
		return false;
	for (i = 0; name[i] != '\0'; i++) {
		char c = name[i];

		if (i == ZONE_NAME_MAX)
			return false;
		if (c == '/') {
			if (part == 0)
				return false;
			part = 0;
			continue;
		}
		part++;
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '_' || c == '+' || c == '-'))
			return false;
	}
	return part > 0;
}

static struct zone *zone_open(const char *name)
{
	char path[sizeof(ZONE_DIRECTORY) + ZONE_NAME_MAX];
	struct zone *zone = NULL;
	unsigned char *data;
	struct stat status;
	ssize_t got;
	int fd;

	memcpy(path, ZONE_DIRECTORY, sizeof(ZONE_DIRECTORY) - 1);
	memcpy(path + sizeof(ZONE_DIRECTORY) - 1, name, strlen(name) + 1);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
	    status.st_size <= ZONE_FILE_MAX) {
		data = xcalloc((size_t)status.st_size, 1);
		got = read(fd, data, (size_t)status.st_size);
		if (got > 0)
			zone = zone_read(data, (size_t)got);
		free(data);
	}
	close(fd);
	if (zone != NULL)
		zone->name = xstrdup(name);
	return zone;
}

/*
 * Zones that were asked for stay: they are few (no more than the machine has files), small, and
 * whoever holds one need not ask whether it is still there. Names that are not known are not kept,
 * so that nobody fills this with them.
 */
const struct zone *zone_named(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct zone *cache[ZONE_BUCKETS];
	struct zone *zone;
	size_t bucket = 0, i;

	if (name == NULL || !name_is_sane(name))
		return NULL;
	for (i = 0; name[i] != '\0'; i++)
		bucket = bucket * 31 + (unsigned char)name[i];
	bucket %= ZONE_BUCKETS;
	pthread_mutex_lock(&lock);
	for (zone = cache[bucket]; zone != NULL; zone = zone->next) {
		if (strcmp(zone->name, name) == 0)
			break;
	}
	if (zone == NULL) {
		zone = zone_open(name);
		if (zone != NULL) {
			zone->next = cache[bucket];
			cache[bucket] = zone;
		}
	}
	pthread_mutex_unlock(&lock);
	return zone;
}

bool zone_known(const char *zone)
{
	return zone_named(zone) != NULL;
}

int64_t zone_offset(const char *zone, int64_t at, char *abbreviation)
{
	const struct zone *known = zone_named(zone);
	struct zone_span span = {.abbreviation = "UTC"};
	size_t len;

	if (known != NULL)
		zone_span_at(known, at, &span);
	if (abbreviation != NULL) {
		len = strnlen(span.abbreviation, ZONE_ABBREVIATION_SIZE - 1);
		memcpy(abbreviation, span.abbreviation, len);
		abbreviation[len] = '\0';
	}
	return span.offset;
}

int64_t zone_instant(
    const char *zone, int year, int month, int day, int hour, int minute, int second)
{
	const struct zone *known = zone_named(zone);
	int64_t local = days_from_date(year, month, 1) * DAY_S + (day - INT64_C(1)) * DAY_S +
			hour * INT64_C(3600) + minute * INT64_C(60) + second;
	int64_t at;

	if (known == NULL || !zone_first_after(known, local, INT64_MIN, &at))
		return local;
	return at;
}
