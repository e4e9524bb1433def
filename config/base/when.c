#include "config/base/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/text.h"
#include "config/base/zone.h"

#define DAY_S INT64_C(86400)
#define SHOWN_MAX 60          /* UTF-16 units of what was typed that an error repeats */
#define TYPED_MAX 64          /* bytes of a time that anyone types or sends */
#define EPOCH_LEAST 100000000 /* 1973; digits below are a counter, or a date without dashes */
#define YEAR_9999_END INT64_C(253402300799)
#define YEAR_0_BEGIN INT64_C(-62167219200)

static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* How much of TEXT an error repeats: for "%.*s". */
static int shown(const char *text)
{
	return (int)utf16_prefix(text, strlen(text), SHOWN_MAX);
}

/* ---- durations ------------------------------------------------------------ */

static const struct {
	char letter;
	int64_t seconds;
	const char *spellings; /* how people write it when they do not know the letter */
} units[] = {
    {'d', 86400, " d day days "},
    {'h', 3600, " h hr hrs hour hours "},
    {'m', 60, " m min mins minute minutes "},
    {'s', 1, " s sec secs second seconds "},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

/* "30min", "2 hours" and "1.5h" are no durations, but what is meant is plain: the error says it. */
static bool duration_guess(const char *text, char *out, size_t size)
{
	char unit[12], word[16], *end;
	double number = strtod(text, &end);
	size_t i;

	if (end == text || !(number > 0) || number * 86400 > (double)DURATION_MAX_S)
		return false;
	while (*end == ' ')
		end++;
	if (*end == '\0' || strlen(end) >= sizeof(unit) || strchr(end, ' ') != NULL)
		return false;
	snprintf(unit, sizeof(unit), "%s", end);
	for (i = 0; unit[i] != '\0'; i++)
		unit[i] = (char)(unit[i] >= 'A' && unit[i] <= 'Z' ? unit[i] + 32 : unit[i]);
	snprintf(word, sizeof(word), " %s ", unit);
	for (i = 0; i < UNITS; i++) {
		if (strstr(units[i].spellings, word) != NULL) {
			duration_write((int64_t)(number * (double)units[i].seconds), out, size);
			return true;
		}
	}
	return false;
}

static bool duration_refuse(const char *text, struct error *err)
{
	char guess[32];
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits <= 5 && text[digits] == '\0')
		return error_set(
		    err, ERROR_USAGE, "\"%s\" has no unit; try %sm or %sh", text, text, text);
	if (duration_guess(text, guess, sizeof(guess)))
		return error_set(
		    err, ERROR_USAGE, "\"%.*s\" is no duration; try %s", shown(text), text, guess);
	return error_set(
	    err, ERROR_USAGE, "\"%.*s\" is no duration; try 30m or 1h30m", shown(text), text);
}

bool duration_parse(const char *text, int64_t *seconds, struct error *err)
{
	const char *at = text;
	int64_t sum = 0, number;
	size_t unit = 0;

	if (text[0] == '\0')
		return duration_refuse(text, err);
	while (*at != '\0') {
		if (*at < '0' || *at > '9')
			return duration_refuse(text, err);
		for (number = 0; *at >= '0' && *at <= '9'; at++)
			if (number <= DURATION_MAX_S)
				number = number * 10 + (*at - '0');
		/* Each unit once, larger ones first: so the search goes on where it ended. */
		while (unit < UNITS && units[unit].letter != *at)
			unit++;
		if (unit == UNITS || *at == '\0')
			return duration_refuse(text, err);
		if (number > DURATION_MAX_S ||
		    (sum += number * units[unit].seconds) > DURATION_MAX_S)
			return error_set(err, ERROR_USAGE,
			    "\"%.*s\" is longer than any duration may be; at most %lldd",
			    shown(text), text, DURATION_MAX_S / 86400);
		unit++;
		at++;
	}
	*seconds = sum;
	return true;
}

void duration_write(int64_t seconds, char *out, size_t size)
{
	char text[64];
	size_t len = 0, i;
	uint64_t rest = seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds;

	if (seconds < 0)
		text[len++] = '-';
	for (i = 0; i < UNITS; i++) {
		uint64_t count = rest / (uint64_t)units[i].seconds;

		rest %= (uint64_t)units[i].seconds;
		if (count > 0 || (seconds == 0 && units[i].letter == 's'))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%" PRIu64 "%c",
			    count, units[i].letter);
	}
	text[len] = '\0';
	snprintf(out, size, "%s", text);
}

/* ---- pieces of dates ------------------------------------------------------------ */

struct clock {
	int64_t year;
	int month, day, hour, minute, second;
};

/* Exactly COUNT digits, or, where COUNT is negative, one to -COUNT of them. */
static bool take_digits(const char **at, int count, int *value)
{
	int least = count < 0 ? 1 : count, most = count < 0 ? -count : count, got = 0, number = 0;

	while (got < most && **at >= '0' && **at <= '9') {
		number = number * 10 + (**at - '0');
		(*at)++;
		got++;
	}
	*value = number;
	return got >= least;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool clock_is_real(const struct clock *clock)
{
	static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t year = clock->year;

	if (clock->month < 1 || clock->month > 12 || clock->day < 1 ||
	    clock->day > lengths[clock->month - 1])
		return false;
	if (clock->month == 2 && clock->day == 29 &&
	    !(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
		return false;
	/* 60 is a leap second: the one after 59, for want of another number */
	return clock->hour <= 23 && clock->minute <= 59 && clock->second <= 60;
}

static int64_t clock_seconds(const struct clock *clock)
{
	return days_from_date(clock->year, clock->month, clock->day) * DAY_S +
	       clock->hour * INT64_C(3600) + clock->minute * INT64_C(60) + clock->second;
}

/* hh:mm:ss */
static bool take_clock(const char **at, struct clock *clock)
{
	return take_digits(at, 2, &clock->hour) && take_char(at, ':') &&
	       take_digits(at, 2, &clock->minute) && take_char(at, ':') &&
	       take_digits(at, 2, &clock->second);
}

/* yyyy-mm-dd, one of BETWEEN, hh:mm:ss, and a fraction, which is dropped. */
static bool take_date_and_clock(
    const char **at, const char *between, const char *points, struct clock *clock)
{
	int year;

	if (!take_digits(at, 4, &year) || !take_char(at, '-') ||
	    !take_digits(at, 2, &clock->month) || !take_char(at, '-') ||
	    !take_digits(at, 2, &clock->day) || **at == '\0' || strchr(between, **at) == NULL)
		return false;
	(*at)++;
	clock->year = year;
	if (!take_clock(at, clock))
		return false;
	if (**at != '\0' && strchr(points, **at) != NULL) {
		(*at)++;
		if (**at < '0' || **at > '9')
			return false;
		*at += strspn(*at, "0123456789");
	}
	return clock_is_real(clock);
}

/* Z, +01:00; where LOOSE +0100 and +01 too. */
static bool take_offset(const char **at, bool loose, int64_t *offset)
{
	int hours, minutes = 0, sign = **at == '-' ? -1 : 1;

	*offset = 0;
	if (take_char(at, 'Z') || take_char(at, 'z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_digits(at, 2, &hours))
		return false;
	if (take_char(at, ':') || !loose || (**at >= '0' && **at <= '9')) {
		if (((*at)[-1] != ':' && !loose) || !take_digits(at, 2, &minutes))
			return false;
	}
	*offset = sign * (hours * INT64_C(3600) + minutes * INT64_C(60));
	return hours <= 23 && minutes <= 59;
}

/* ---- as people type it ------------------------------------------------------------ */

bool time_parse_rfc3339(const char *text, int64_t *at)
{
	struct clock clock;
	int64_t offset;

	if (!take_date_and_clock(&text, "Tt ", ".", &clock) ||
	    !take_offset(&text, false, &offset) || *text != '\0')
		return false;
	*at = clock_seconds(&clock) - offset;
	return true;
}

/* 9:30, 14:00, 14:00:30 */
static bool clock_parse(const char *text, int64_t *seconds)
{
	int hour, minute, second = 0;

	if (!take_digits(&text, -2, &hour) || !take_char(&text, ':') ||
	    !take_digits(&text, 2, &minute))
		return false;
	if (*text == ':' && (!take_char(&text, ':') || !take_digits(&text, 2, &second)))
		return false;
	*seconds = hour * INT64_C(3600) + minute * INT64_C(60) + second;
	return *text == '\0' && hour <= 23 && minute <= 59 && second <= 59;
}

static int64_t floor_days(int64_t seconds)
{
	return seconds >= 0 ? seconds / DAY_S : -((-seconds + DAY_S - 1) / DAY_S);
}

/* The first instant after AFTER at which ZONE shows LOCAL; false when there is none. */
static bool shown_after(const char *zone, int64_t local, int64_t after, int64_t *at)
{
	const struct zone *known = zone_named(zone);

	if (known != NULL)
		return zone_first_after(known, local, after, at);
	*at = local;
	return local > after;
}

/* Skips WORD (any case) and the blanks after it. */
static bool skip_word(const char **text, const char *word)
{
	size_t len = strlen(word);

	if (strncasecmp(*text, word, len) != 0 || (*text)[len] != ' ')
		return false;
	*text += len;
	*text += strspn(*text, " ");
	return true;
}

static bool time_refuse(const char *text, struct error *err)
{
	return error_set(err, ERROR_USAGE,
	    "\"%.*s\" is no time; try 14:00, tomorrow 02:00 or 2026-03-02T14:00:00Z", shown(text),
	    text);
}

bool time_parse(const char *text, const char *zone, int64_t now, int64_t *at, struct error *err)
{
	char typed[TYPED_MAX + 1];
	const char *rest = typed;
	int64_t today, seconds;
	size_t len;

	text += strspn(text, " ");
	len = strlen(text);
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len > TYPED_MAX)
		return time_refuse(text, err);
	memcpy(typed, text, len);
	typed[len] = '\0';
	if (time_parse_rfc3339(typed, at))
		return true;
	today = floor_days(now + zone_offset(zone, now, NULL)) * DAY_S;
	if (skip_word(&rest, "tomorrow")) {
		if (!clock_parse(rest, &seconds))
			return time_refuse(typed, err);
		return shown_after(zone, today + DAY_S + seconds, INT64_MIN, at) ||
		       time_refuse(typed, err);
	}
	if (skip_word(&rest, "today")) {
		if (!clock_parse(rest, &seconds))
			return time_refuse(typed, err);
		/* What is shown twice and was shown once already: the second. */
		return shown_after(zone, today + seconds, now, at) ||
		       shown_after(zone, today + seconds, INT64_MIN, at) || time_refuse(typed, err);
	}
	if (!clock_parse(rest, &seconds))
		return time_refuse(typed, err);
	/* The third day is for zones that skip a whole one when they change sides of the
	 * date line. */
	return shown_after(zone, today + seconds, now, at) ||
	       shown_after(zone, today + DAY_S + seconds, now, at) ||
	       shown_after(zone, today + 2 * DAY_S + seconds, now, at) || time_refuse(typed, err);
}

bool time_parse_since(const char *text, int64_t now, int64_t *at, struct error *err)
{
	int64_t back;

	if (time_parse_rfc3339(text, at))
		return true;
	if (strchr(text, ':') != NULL || strchr(text, '-') != NULL)
		return error_set(err, ERROR_USAGE,
		    "\"%.*s\" is no time; try 2026-03-02T14:00:00Z or 24h", shown(text), text);
	if (!duration_parse(text, &back, err))
		return false;
	*at = now - back;
	return true;
}

/* ---- as tools send it ------------------------------------------------------------ */

/* Seconds, ms, us or ns since 1970: the magnitude tells. A fraction is dropped. */
static bool epoch_parse(const char *text, int64_t *at)
{
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	int64_t value;

	if (digits == 0 || digits > 19)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest != '\0')
		return false;
	value = (int64_t)strtoull(text, NULL, 10);
	if (value < EPOCH_LEAST)
		return false;                  /* or more than an int64_t */
	while (value >= INT64_C(100000000000)) /* the year 5138, in seconds */
		value /= 1000;
	*at = value;
	return true;
}

static bool take_name(const char **at, const char *const *names, int count, int *index)
{
	int i;

	for (i = 0; i < count; i++) {
		if (strncasecmp(*at, names[i], 3) == 0) {
			*at += 3;
			*index = i;
			return true;
		}
	}
	return false;
}

static void skip_spaces(const char **at)
{
	*at += strspn(*at, " ");
}

/* UTC, GMT or an offset, or nothing, which is taken for UTC. Other names say little: CST is five
 * zones. */
static bool take_zone(const char **at, int64_t *offset)
{
	skip_spaces(at);
	*offset = 0;
	if (strncmp(*at, "UTC", 3) == 0 || strncmp(*at, "GMT", 3) == 0) {
		*at += 3;
		return true;
	}
	return **at == '\0' || (**at >= '0' && **at <= '9') || take_offset(at, true, offset);
}

/* Wed Feb 12 21:38:11 2020, and with a zone before or after the year; Wed, 12 Feb 2020 21:38:11
 * GMT. */
static bool asctime_parse(const char *text, int64_t *at)
{
	struct clock clock;
	int64_t offset = 0, again = 0;
	int weekday, month, year;
	bool is_mail;

	if (!take_name(&text, weekdays, 7, &weekday))
		return false;
	is_mail = take_char(&text, ',');
	skip_spaces(&text);
	if (is_mail) {
		if (!take_digits(&text, -2, &clock.day) || !take_char(&text, ' ') ||
		    !take_name(&text, months, 12, &month) || !take_char(&text, ' ') ||
		    !take_digits(&text, 4, &year) || !take_char(&text, ' ') ||
		    !take_clock(&text, &clock))
			return false;
	} else {
		if (!take_name(&text, months, 12, &month) || *text != ' ')
			return false;
		skip_spaces(&text);
		if (!take_digits(&text, -2, &clock.day) || !take_char(&text, ' ') ||
		    !take_clock(&text, &clock) || !take_zone(&text, &offset))
			return false;
		skip_spaces(&text);
		if (!take_digits(&text, 4, &year))
			return false;
	}
	clock.month = month + 1;
	clock.year = year;
	if (!take_zone(&text, &again) || *text != '\0' || !clock_is_real(&clock))
		return false;
	*at = clock_seconds(&clock) - offset - again;
	return true;
}

/* RFC 3339 and its cousins: a space for T, a comma for the point, an offset without colon, after a
 * blank, or none. */
static bool iso_parse(const char *text, int64_t *at)
{
	struct clock clock;
	int64_t offset;
	size_t name;

	if (!take_date_and_clock(&text, "Tt ", ".,", &clock) || !take_zone(&text, &offset))
		return false;
	if (*text == ' ') {
		/* "+0100 CET", as Go prints its times */
		name = strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (name >= 3 && name <= 5)
			text += 1 + name;
	}
	if (*text != '\0')
		return false;
	*at = clock_seconds(&clock) - offset;
	return true;
}

bool time_parse_loose(const char *text, int64_t *at)
{
	char sent[TYPED_MAX + 1];
	size_t len;
	int64_t read_at;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	if (len > TYPED_MAX)
		return false;
	memcpy(sent, text, len);
	sent[len] = '\0';
	if (!epoch_parse(sent, &read_at) && !iso_parse(sent, &read_at) &&
	    !asctime_parse(sent, &read_at))
		return false;
	if (read_at <= 0)
		return false; /* tools write the year 1 or the begin of 1970 for "unset" */
	*at = read_at;
	return true;
}

/* ---- written ------------------------------------------------------------ */

static void clock_at(int64_t seconds, struct clock *clock)
{
	int64_t days, rest;

	if (seconds > YEAR_9999_END)
		seconds = YEAR_9999_END;
	if (seconds < YEAR_0_BEGIN)
		seconds = YEAR_0_BEGIN;
	days = floor_days(seconds);
	rest = seconds - days * DAY_S;
	date_from_days(days, &clock->year, &clock->month, &clock->day);
	clock->hour = (int)(rest / 3600);
	clock->minute = (int)(rest / 60 % 60);
	clock->second = (int)(rest % 60);
}

void time_write_rfc3339(int64_t at, char out[32])
{
	struct clock clock;

	clock_at(at, &clock);
	snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)clock.year, clock.month, clock.day,
	    clock.hour, clock.minute, clock.second);
}

/* AT as ZONE's clocks show it, within the years that can be written. */
static int64_t local_seconds(int64_t at, const char *zone, char *abbreviation)
{
	if (at > YEAR_9999_END)
		at = YEAR_9999_END;
	if (at < YEAR_0_BEGIN)
		at = YEAR_0_BEGIN;
	return at + zone_offset(zone, at, abbreviation);
}

void time_write_local(int64_t at, const char *zone, int64_t now, char *out, size_t size)
{
	char abbreviation[ZONE_ABBREVIATION_SIZE];
	int64_t local = local_seconds(at, zone, abbreviation);
	struct clock clock;

	clock_at(local, &clock);
	if (floor_days(local) == floor_days(local_seconds(now, zone, NULL)))
		snprintf(out, size, "%02d:%02d %s", clock.hour, clock.minute, abbreviation);
	else
		snprintf(out, size, "%s %d %s %02d:%02d %s",
		    weekdays[((floor_days(local) + 4) % 7 + 7) % 7], clock.day,
		    months[clock.month - 1], clock.hour, clock.minute, abbreviation);
}

void time_local(int64_t at, const char *zone, int *weekday, int *minutes)
{
	int64_t local = local_seconds(at, zone, NULL), days = floor_days(local);

	*weekday = (int)(((days + 4) % 7 + 7) % 7);
	*minutes = (int)((local - days * DAY_S) / 60);
}
