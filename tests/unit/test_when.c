/* Durations, times and zones. The zones' values are those of IANA's own reference (zdump). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/base/zone.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static int64_t instant(const char *rfc3339)
{
	int64_t at = 0;

	if (!time_parse_rfc3339(rfc3339, &at))
		fail_msg("bad time in the test: %s", rfc3339);
	return at;
}

/* ---- durations ------------------------------------------------------------ */

static void duration__each_unit_once_larger_first__is_their_sum(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
	    {"90s", 90},
	    {"30m", 1800},
	    {"2h", 7200},
	    {"1h30m", 5400},
	    {"1d", 86400},
	    {"1d2h3m4s", 93784},
	    {"1h1s", 3601},
	    {"0s", 0},
	    {"0030m", 1800},
	    {"366d", 366 * 86400},
	    {"90d", 90 * 86400},
	};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (!duration_parse(cases[i].text, &seconds, NULL))
			fail_msg("%s was refused", cases[i].text);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void duration__anything_else__is_refused_with_the_nearest_form(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"30", "try 30m or 30h"},
	    {"", "try 30m or 1h30m"},
	    {"1m30h", "try"},
	    {"1h1h", "try"},
	    {"30min", "try 30m"},
	    {"1.5h", "try 1h30m"},
	    {"2 hours", "try 2h"},
	    {"2H", "try 2h"},
	    {"-5m", "try 30m"},
	    {"h", "try 30m"},
	    {"1h ", "try 30m"},
	    {" 1h", "try"},
	    {"1h30", "try"},
	    {"367d", "at most 366d"},
	    {"9000h", "at most 366d"},
	    {"99999999999999999999999s", "at most 366d"},
	    {"1w", "try"},
	    {"30m\xff", "try"},
	};
	struct error err;
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		error_clear(&err);
		if (duration_parse(cases[i].text, &seconds, &err))
			fail_msg("\"%s\" was taken", cases[i].text);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("\"%s\": %s", cases[i].text, err.text);
	}
}

static void duration__written__is_read_again(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
	    {0, "0s"},
	    {90, "1m30s"},
	    {5400, "1h30m"},
	    {86400, "1d"},
	    {14400, "4h"},
	    {93784, "1d2h3m4s"},
	    {1, "1s"},
	};
	char text[32];
	int64_t again;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		duration_write(cases[i].seconds, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
		assert_true(duration_parse(text, &again, NULL));
		assert_int_equal(again, cases[i].seconds);
	}
	duration_write(-60, text, sizeof(text));
	assert_string_equal(text, "-1m");
	duration_write(INT64_MIN, text, sizeof(text));
	assert_int_equal(text[0], '-');
}

/* ---- zones ------------------------------------------------------------ */

static void zone__at_an_instant__has_its_offset_and_name(void **state)
{
	static const struct {
		const char *zone, *at;
		int64_t offset;
		const char *name;
	} cases[] = {
	    {"Europe/Paris", "1890-01-01T00:00:00Z", 561, "LMT"},
	    {"Europe/Paris", "1943-07-01T00:00:00Z", 7200, "CEST"},
	    {"Europe/Paris", "2026-01-15T12:00:00Z", 3600, "CET"},
	    {"Europe/Paris", "2026-03-29T00:59:59Z", 3600, "CET"},
	    {"Europe/Paris", "2026-03-29T01:00:00Z", 7200, "CEST"},
	    {"Europe/Paris", "2026-10-25T00:59:59Z", 7200, "CEST"},
	    {"Europe/Paris", "2026-10-25T01:00:00Z", 3600, "CET"},
	    {"Europe/Paris", "2099-03-29T00:59:59Z", 3600,
		"CET"}, /* by the footer's rule from here */
	    {"Europe/Paris", "2099-03-29T01:00:00Z", 7200, "CEST"},
	    {"America/New_York", "2006-04-02T06:59:59Z", -18000, "EST"},
	    {"America/New_York", "2006-04-02T07:00:00Z", -14400, "EDT"},
	    {"America/New_York", "2026-03-08T06:59:59Z", -18000, "EST"},
	    {"America/New_York", "2026-03-08T07:00:00Z", -14400, "EDT"},
	    {"America/New_York", "2026-11-01T05:59:59Z", -14400, "EDT"},
	    {"America/New_York", "2026-11-01T06:00:00Z", -18000, "EST"},
	    {"America/New_York", "2500-07-01T00:00:00Z", -14400, "EDT"},
	    {"Australia/Lord_Howe", "2026-04-04T14:59:59Z", 39600, "+11"},
	    {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 37800, "+1030"},
	    {"Australia/Lord_Howe", "2026-10-03T15:29:59Z", 37800, "+1030"},
	    {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 39600, "+11"},
	    {"Australia/Lord_Howe", "2040-01-01T00:00:00Z", 39600, "+11"},
	    {"Australia/Lord_Howe", "2040-12-31T23:59:59Z", 39600, "+11"},
	    {"Asia/Kathmandu", "2026-01-15T12:00:00Z", 20700, "+0545"},
	    {"America/Nuuk", "2060-07-15T12:00:00Z", -3600, "-01"},
	    {"Asia/Gaza", "2026-07-15T12:00:00Z", 10800, "EEST"},
	    {"America/St_Johns", "2060-07-15T12:00:00Z", -9000, "NDT"},
	    {"Antarctica/Troll", "2060-07-15T12:00:00Z", 7200, "+02"},
	    {"Europe/Dublin", "2060-01-15T12:00:00Z", 0,
		"GMT"}, /* winter is its daylight-saving time, by an hour less */
	    {"America/Argentina/Buenos_Aires", "2026-01-15T12:00:00Z", -10800, "-03"},
	    {"Etc/GMT+5", "2026-01-15T12:00:00Z", -18000, "-05"},
	    {"UTC", "2026-01-15T12:00:00Z", 0, "UTC"},
	    {"Mars/Olympus_Mons", "2026-01-15T12:00:00Z", 0, "UTC"},
	};
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (zone_offset(cases[i].zone, instant(cases[i].at), name) != cases[i].offset ||
		    strcmp(name, cases[i].name) != 0)
			fail_msg("%s at %s: %ld %s", cases[i].zone, cases[i].at,
			    (long)zone_offset(cases[i].zone, instant(cases[i].at), NULL), name);
	}
	(void)zone_offset("Europe/Paris", TIME_NONE, name);
	(void)zone_offset("Europe/Paris", INT64_MAX, name);
}

static void zone_name__that_could_leave_its_folder__is_unknown(void **state)
{
	static const char *const names[] = {"", "/", "/etc/passwd", "../../../etc/passwd",
	    "Europe/../Europe/Paris", "Europe//Paris", "Europe/Paris/", "Europe", "./UTC",
	    "Europe/Paris\n", "right/UTC", "posix/UTC", "zone.tab", "tzdata.zi", "leapseconds",
	    "Europe/Par\xC3\xAEs", "%s%s%s", "Europe/Paris ",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (zone_known(names[i]))
			fail_msg("\"%s\" is known", names[i]);
	}
	assert_false(zone_known(NULL));
	assert_true(zone_known("Europe/Paris"));
	assert_true(zone_known("America/Argentina/ComodRivadavia"));
	assert_true(zone_known("Etc/GMT+5"));
}

static void local_time__in_a_gap_or_shown_twice__is_the_gaps_end_or_the_first(void **state)
{
	static const struct {
		const char *zone;
		int year, month, day, hour, minute;
		const char *at;
	} cases[] = {
	    {"Europe/Paris", 2026, 3, 29, 1, 59, "2026-03-29T00:59:00Z"},
	    {"Europe/Paris", 2026, 3, 29, 2, 0, "2026-03-29T01:00:00Z"}, /* gap 02:00-03:00 */
	    {"Europe/Paris", 2026, 3, 29, 2, 30, "2026-03-29T01:00:00Z"},
	    {"Europe/Paris", 2026, 3, 29, 3, 0, "2026-03-29T01:00:00Z"},
	    {"Europe/Paris", 2026, 10, 25, 2, 0, "2026-10-25T00:00:00Z"}, /* twice: 02:00-03:00 */
	    {"Europe/Paris", 2026, 10, 25, 2, 30, "2026-10-25T00:30:00Z"},
	    {"Europe/Paris", 2026, 10, 25, 3, 0, "2026-10-25T02:00:00Z"},
	    {"Europe/Paris", 2099, 3, 29, 2, 30, "2099-03-29T01:00:00Z"},
	    {"America/New_York", 2026, 3, 8, 2, 30, "2026-03-08T07:00:00Z"},
	    {"America/New_York", 2026, 11, 1, 1, 30, "2026-11-01T05:30:00Z"},
	    {"America/New_York", 2026, 11, 1, 2, 0, "2026-11-01T07:00:00Z"},
	    {"Australia/Lord_Howe", 2026, 10, 4, 2, 15,
		"2026-10-03T15:30:00Z"}, /* half an hour only */
	    {"Australia/Lord_Howe", 2026, 10, 4, 2, 30, "2026-10-03T15:30:00Z"},
	    {"Australia/Lord_Howe", 2026, 4, 5, 1, 45, "2026-04-04T14:45:00Z"},
	    {"Australia/Lord_Howe", 2026, 4, 5, 2, 0, "2026-04-04T15:30:00Z"},
	    {"Pacific/Apia", 2011, 12, 30, 12, 0,
		"2011-12-30T10:00:00Z"}, /* a day that Samoa did not have */
	    {"Asia/Kathmandu", 2026, 1, 1, 0, 0, "2025-12-31T18:15:00Z"},
	    {"Nowhere", 2026, 1, 1, 0, 0, "2026-01-01T00:00:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t at = zone_instant(cases[i].zone, cases[i].year, cases[i].month,
		    cases[i].day, cases[i].hour, cases[i].minute, 0);
		char text[32];

		time_write_rfc3339(at, text);
		if (strcmp(text, cases[i].at) != 0)
			fail_msg("case %zu, %s: %s", i, cases[i].zone, text);
	}
}

/* A file of two blocks without transitions, one type, and FOOTER. */
static size_t make_zone_file(unsigned char *out, unsigned char version, const char *footer)
{
	unsigned char header[44] = {'T', 'Z', 'i', 'f', version};
	static const unsigned char block[10] = {0, 0, 0, 0, 0, 0, 'U', 'T', 'C', 0};
	size_t len = 0;

	header[20 + 4 * 4 + 3] = 1; /* types */
	header[20 + 4 * 5 + 3] = 4; /* bytes of abbreviations */
	for (int i = 0; i < 2; i++) {
		memcpy(out + len, header, sizeof(header));
		memcpy(out + len + sizeof(header), block, sizeof(block));
		len += sizeof(header) + sizeof(block);
	}
	out[len++] = '\n';
	memcpy(out + len, footer, strlen(footer));
	len += strlen(footer);
	out[len++] = '\n';
	return len;
}

static void zone_file__with_a_footer__follows_its_rule(void **state)
{
	static const struct {
		const char *footer, *at;
		int64_t offset;
	} cases[] = {
	    {"", "2026-07-01T00:00:00Z", 0},
	    {"XXX3", "2026-07-01T00:00:00Z", -10800},
	    {"<+0330>-3:30", "2026-07-01T00:00:00Z", 12600},
	    {"EST5EDT,0/0,J365/25", "2026-01-01T05:00:00Z", -14400}, /* all the year */
	    {"EST5EDT,0/0,J365/25", "2027-01-01T04:59:59Z", -14400},
	    {"EST5EDT,0/0,J365/25", "2027-01-01T05:00:00Z", -14400},
	    {"AAA0BBB,J60,J61", "2024-03-01T01:59:59Z", 0}, /* J60 is 1 March, leap year or not */
	    {"AAA0BBB,J60,J61", "2024-03-01T02:00:00Z", 3600},
	    {"AAA0BBB,J60,J61", "2025-03-01T02:00:00Z", 3600},
	    {"AAA0BBB,59,61", "2024-02-29T02:00:00Z", 3600}, /* 59 counts 29 February */
	    {"AAA0BBB,59,61", "2025-03-01T02:00:00Z", 3600},
	    {"AAA0BBB,59,61", "2025-03-01T01:59:59Z", 0},
	    {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200}, /* on the eve */
	    {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600},
	    {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59Z", 7200},
	    {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 10800},
	};
	unsigned char file[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct zone *zone = zone_read(file, make_zone_file(file, '3', cases[i].footer));
		struct zone_span span;

		if (zone == NULL)
			fail_msg("%s was refused", cases[i].footer);
		zone_span_at(zone, instant(cases[i].at), &span);
		if (span.offset != cases[i].offset)
			fail_msg("%s at %s: %ld", cases[i].footer, cases[i].at, (long)span.offset);
		assert_true(span.until > instant(cases[i].at));
		zone_free(zone);
	}
}

static void zone_file__cut_or_spoilt__is_refused(void **state)
{
	static const char *const footers[] = {"X", "XX3", "XXX", "XXX99", "XXX3YYY",
	    "XXX3YYY,M13.1.0,M10.5.0", "XXX3YYY,M3.6.0,M10.5.0", "XXX3YYY,M3.5.7,M10.5.0",
	    "XXX3YYY,J0,J5", "XXX3YYY,366,5", "XXX3YYY,1/168,5", "XXX3YYY,1,5x", "<XXX3", "XXX3:60",
	    "ABCDEFGHIJKLMNOPQ3", "XXX999999999999999999999999"};
	unsigned char file[256], *copy;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(footers); i++) {
		if (zone_read(file, make_zone_file(file, '2', footers[i])) != NULL)
			fail_msg("%s was taken", footers[i]);
	}
	assert_null(zone_read(file, make_zone_file(file, '\0', "")));
	len = make_zone_file(file, '2', "CET-1CEST,M3.5.0,M10.5.0/3");
	for (size_t cut = 0; cut < len; cut++) {
		copy = xcalloc(cut, 1); /* of its exact size, so that a read beyond is seen */
		memcpy(copy, file, cut);
		assert_null(zone_read(copy, cut));
		free(copy);
	}
	for (size_t at = 20; at < 44; at++) {
		struct zone *zone;

		file[at] = (unsigned char)~file[at];
		zone = zone_read(file, len);
		file[at] = (unsigned char)~file[at];
		assert_null(zone);
	}
}

/* ---- times ------------------------------------------------------------ */

static void time__as_people_type_it__is_the_next_such_instant(void **state)
{
	static const struct {
		const char *text, *zone, *now, *at;
	} cases[] = {
	    {"14:00", "Europe/Paris", "2026-03-03T12:59:59Z", "2026-03-03T13:00:00Z"},
	    {"14:00", "Europe/Paris", "2026-03-03T13:00:00Z", "2026-03-04T13:00:00Z"},
	    {"9:30", "Europe/Paris", "2026-03-03T12:00:00Z", "2026-03-04T08:30:00Z"},
	    {"00:00", "Europe/Paris", "2026-03-03T23:30:00Z", "2026-03-04T23:00:00Z"},
	    {" 14:00:30 ", "UTC", "2026-03-03T14:00:00Z", "2026-03-03T14:00:30Z"},
	    {"02:30", "Europe/Paris", "2026-03-28T12:00:00Z",
		"2026-03-29T01:00:00Z"}, /* in the gap: its end */
	    {"14:00", "Europe/Paris", "2026-03-28T13:30:00Z",
		"2026-03-29T12:00:00Z"}, /* over the gap */
	    {"02:30", "Europe/Paris", "2026-10-25T00:00:00Z",
		"2026-10-25T00:30:00Z"}, /* shown twice: the first, */
	    {"02:30", "Europe/Paris", "2026-10-25T00:45:00Z",
		"2026-10-25T01:30:00Z"}, /* then the second, */
	    {"02:30", "Europe/Paris", "2026-10-25T01:45:00Z",
		"2026-10-26T01:30:00Z"}, /* then tomorrow's */
	    {"02:30", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"},
	    {"01:45", "Australia/Lord_Howe", "2026-04-04T14:50:00Z", "2026-04-04T15:15:00Z"},
	    {"12:00", "Pacific/Apia", "2011-12-29T23:00:00Z",
		"2011-12-30T10:00:00Z"}, /* 30 December is not there */
	    {"tomorrow 02:00", "Europe/Paris", "2026-03-03T12:00:00Z", "2026-03-04T01:00:00Z"},
	    {"Tomorrow  02:00", "Europe/Paris", "2026-03-03T23:30:00Z",
		"2026-03-05T01:00:00Z"}, /* it is the 4th there */
	    {"tomorrow 02:30", "Europe/Paris", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
	    {"today 14:00", "Europe/Paris", "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"},
	    {"today 14:00", "Europe/Paris", "2026-03-03T18:00:00Z",
		"2026-03-03T13:00:00Z"}, /* past: said as it is */
	    {"today 02:30", "Europe/Paris", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"},
	    {"2026-03-02T18:45:22Z", "Europe/Paris", "2026-03-03T12:00:00Z",
		"2026-03-02T18:45:22Z"},
	    {"2026-03-02T18:45:22+01:00", "UTC", "2026-03-03T12:00:00Z", "2026-03-02T17:45:22Z"},
	    {"14:00", "Nowhere", "2026-03-03T12:00:00Z", "2026-03-03T14:00:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err = {0};
		char text[32];
		int64_t at;

		if (!time_parse(cases[i].text, cases[i].zone, instant(cases[i].now), &at, &err))
			fail_msg("%s: %s", cases[i].text, err.text);
		time_write_rfc3339(at, text);
		if (strcmp(text, cases[i].at) != 0)
			fail_msg("case %zu, %s: %s", i, cases[i].text, text);
	}
}

static void time__that_is_none__is_refused_with_the_right_forms(void **state)
{
	static const char *const texts[] = {"", "14", "14h", "2pm", "24:00", "14:60", "14:0",
	    "14:00:60", "tomorrow", "tomorrow 25:00", "today", "yesterday 14:00", "14:00 tomorrow",
	    "2026-03-02", "2026-03-02T18:45:22", "2026-13-02T18:45:22Z", "14:00\xff",
	    "tomorrow                                                              14:00"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct error err = {0};
		int64_t at;

		if (time_parse(texts[i], "UTC", 0, &at, &err))
			fail_msg("\"%s\" was taken", texts[i]);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.text, "try 14:00, tomorrow 02:00 or "));
	}
}

static void rfc3339__strictly__is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t at; /* TIME_NONE: refused */
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2026-03-02T18:45:22Z", 1772477122},
	    {"2026-03-02t18:45:22z", 1772477122},
	    {"2026-03-02 18:45:22Z", 1772477122},
	    {"2026-03-02T18:45:22.999999999Z", 1772477122},
	    {"2026-03-02T19:45:22+01:00", 1772477122},
	    {"2026-03-02T15:15:22-03:30", 1772477122},
	    {"2016-12-31T23:59:60Z", 1483228800}, /* a leap second */
	    {"2024-02-29T00:00:00Z", 1709164800},
	    {"0001-01-01T00:00:00Z", -62135596800},
	    {"9999-12-31T23:59:59Z", 253402300799},
	    {"2025-02-29T00:00:00Z", TIME_NONE},
	    {"1900-02-29T00:00:00Z", TIME_NONE},
	    {"0000-00-00T00:00:00Z", TIME_NONE},
	    {"2026-03-02T24:00:00Z", TIME_NONE},
	    {"2026-03-02T18:45:22", TIME_NONE},
	    {"2026-03-02T18:45Z", TIME_NONE},
	    {"2026-03-02T18:45:22+0100", TIME_NONE},
	    {"2026-03-02T18:45:22+01", TIME_NONE},
	    {"2026-03-02T18:45:22+24:00", TIME_NONE},
	    {"2026-03-02T18:45:22.Z", TIME_NONE},
	    {"2026-03-02T18:45:22Z ", TIME_NONE},
	    {"2026-3-2T18:45:22Z", TIME_NONE},
	    {"+2026-03-02T18:45:22Z", TIME_NONE},
	    {"", TIME_NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t at = TIME_NONE;

		if (time_parse_rfc3339(cases[i].text, &at) != (cases[i].at != TIME_NONE) ||
		    at != cases[i].at)
			fail_msg("\"%s\": %lld", cases[i].text, (long long)at);
	}
}

static void date__as_tools_send_it__is_read_or_unreadable(void **state)
{
	static const struct {
		const char *text, *at; /* NULL: cannot be read, or unset */
	} cases[] = {
	    {"2015-07-17T08:42:58.315+0000", "2015-07-17T08:42:58Z"},
	    {"2025-01-09T10:44:45.948+0100", "2025-01-09T09:44:45Z"},
	    {"2023-08-31T09:08:50.994-0400", "2023-08-31T13:08:50Z"},
	    {"2018-03-07T06:33:21.873077559-05:00", "2018-03-07T11:33:21Z"},
	    {"2024-06-03T14:15:19.382075", "2024-06-03T14:15:19Z"},
	    {"2024-12-03 19:54:30.000000000", "2024-12-03T19:54:30Z"},
	    {"2021-03-24 18:19:49", "2021-03-24T18:19:49Z"},
	    {"2021-03-24T18:19:49+01", "2021-03-24T17:19:49Z"},
	    {"2021-03-24 18:19:49,123", "2021-03-24T18:19:49Z"},
	    {"2021-03-24 18:19:49 +0100", "2021-03-24T17:19:49Z"},
	    {"2021-03-24 18:19:49.1 +0100 CET", "2021-03-24T17:19:49Z"},
	    {"2021-03-24 18:19:49 UTC", "2021-03-24T18:19:49Z"},
	    {" 2021-03-24T18:19:49Z\n", "2021-03-24T18:19:49Z"},
	    {"1581543491", "2020-02-12T21:38:11Z"},
	    {"1581543491.5", "2020-02-12T21:38:11Z"},
	    {"1581543491123", "2020-02-12T21:38:11Z"},
	    {"1581543491123456", "2020-02-12T21:38:11Z"},
	    {"1581543491123456789", "2020-02-12T21:38:11Z"},
	    {"1391179102237", "2014-01-31T14:38:22Z"},
	    {"Wed Feb 12 21:38:11 2020 UTC", "2020-02-12T21:38:11Z"},
	    {"Wed Feb 12 21:38:11 2020", "2020-02-12T21:38:11Z"},
	    {"Wed Feb 12 21:38:11 UTC 2020", "2020-02-12T21:38:11Z"},
	    {"Wed Feb 12 21:38:11 +0100 2020", "2020-02-12T20:38:11Z"},
	    {"Mon Feb  3 21:38:11 2020", "2020-02-03T21:38:11Z"},
	    {"Tue Sep 30 17:37:30 2014", "2014-09-30T17:37:30Z"},
	    {"Wed, 12 Feb 2020 21:38:11 GMT", "2020-02-12T21:38:11Z"},
	    {"Wed, 12 Feb 2020 21:38:11 +0200", "2020-02-12T19:38:11Z"},
	    {"2001-01-01T01:10:00Z", "2001-01-01T01:10:00Z"},
	    {"0001-01-01T00:00:00Z", NULL},
	    {"1970-01-01T00:00:00Z", NULL},
	    {"1970-01-01 00:00:00.000000000", NULL},
	    {"0000-00-00T00:00:00Z", NULL},
	    {"2025-02-03T21:41:42.853014+01.00", NULL},
	    {"Dec  1 10:31:15", NULL},
	    {"Wed Feb 12 21:38:11 CST 2020", NULL},
	    {"0", NULL},
	    {"20200212", NULL},
	    {"99999999999999999999", NULL},
	    {"9999999999999999999", NULL},
	    {"-1581543491", NULL},
	    {"2020-02-12", NULL},
	    {"yesterday", NULL},
	    {"", NULL},
	    {"2021-03-24T18:19:49Zxyz", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t at = TIME_NONE;
		bool ok = time_parse_loose(cases[i].text, &at);

		if (ok != (cases[i].at != NULL) || (ok && at != instant(cases[i].at)))
			fail_msg("\"%s\": %lld", cases[i].text, (long long)at);
	}
}

static void since__a_duration_or_a_time__is_an_instant(void **state)
{
	struct error err;
	int64_t at;

	(void)state;
	assert_true(time_parse_since("24h", 1000000, &at, NULL));
	assert_int_equal(at, 1000000 - 86400);
	assert_true(time_parse_since("2026-03-02T18:45:22Z", 0, &at, NULL));
	assert_int_equal(at, 1772477122);
	assert_false(time_parse_since("2026-03-02", 0, &at, &err));
	assert_non_null(strstr(err.text, "try 2026-03-02T14:00:00Z or 24h"));
	assert_false(time_parse_since("24", 0, &at, &err));
	assert_non_null(strstr(err.text, "try 24m or 24h"));
}

static void time__written_for_people__names_the_day_only_when_it_is_another(void **state)
{
	static const struct {
		const char *zone, *at, *now, *text;
	} cases[] = {
	    {"Europe/Paris", "2026-03-03T13:00:00Z", "2026-03-03T08:00:00Z", "14:00 CET"},
	    {"Europe/Paris", "2026-03-03T13:00:00Z", "2026-03-02T22:59:59Z", "Tue 3 Mar 14:00 CET"},
	    {"Europe/Paris", "2026-03-03T13:00:00Z", "2026-03-02T23:00:00Z",
		"14:00 CET"}, /* midnight there */
	    {"Europe/Paris", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "02:30 CEST"},
	    {"Europe/Paris", "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z", "02:30 CET"},
	    {"Australia/Lord_Howe", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", "10:30 +1030"},
	    {"Nowhere", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z", "00:00 UTC"},
	    {"America/New_York", "2026-01-01T03:00:00Z", "2026-01-01T12:00:00Z",
		"Wed 31 Dec 22:00 EST"},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		time_write_local(
		    instant(cases[i].at), cases[i].zone, instant(cases[i].now), text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
	time_write_local(TIME_NONE, "Europe/Paris", INT64_MAX, text, sizeof(text));
	time_write_local(0, "UTC", 0, text, 4);
	assert_string_equal(text, "00:");
}

static void time_local__gives_the_day_and_minute_there(void **state)
{
	int weekday, minutes;

	(void)state;
	time_local(instant("2026-03-03T13:05:59Z"), "Europe/Paris", &weekday, &minutes);
	assert_int_equal(weekday, 2);
	assert_int_equal(minutes, 14 * 60 + 5);
	time_local(instant("2026-03-01T01:00:00Z"), "America/New_York", &weekday, &minutes);
	assert_int_equal(weekday, 6);
	assert_int_equal(minutes, 20 * 60);
	time_local(-1, "UTC", &weekday, &minutes);
	assert_int_equal(weekday, 3);
	assert_int_equal(minutes, 1439);
}

static void rfc3339__written__is_read_again(void **state)
{
	static const int64_t times[] = {
	    0, -1, 951782400, 1772477122, 4102444800, 253402300799, -62135596800};
	char text[32];
	int64_t again;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		time_write_rfc3339(times[i], text);
		assert_true(time_parse_rfc3339(text, &again));
		assert_int_equal(again, times[i]);
	}
	time_write_rfc3339(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	time_write_rfc3339(TIME_NONE, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(duration__each_unit_once_larger_first__is_their_sum),
	    cmocka_unit_test(duration__anything_else__is_refused_with_the_nearest_form),
	    cmocka_unit_test(duration__written__is_read_again),
	    cmocka_unit_test(zone__at_an_instant__has_its_offset_and_name),
	    cmocka_unit_test(zone_name__that_could_leave_its_folder__is_unknown),
	    cmocka_unit_test(local_time__in_a_gap_or_shown_twice__is_the_gaps_end_or_the_first),
	    cmocka_unit_test(zone_file__with_a_footer__follows_its_rule),
	    cmocka_unit_test(zone_file__cut_or_spoilt__is_refused),
	    cmocka_unit_test(time__as_people_type_it__is_the_next_such_instant),
	    cmocka_unit_test(time__that_is_none__is_refused_with_the_right_forms),
	    cmocka_unit_test(rfc3339__strictly__is_read_or_refused),
	    cmocka_unit_test(date__as_tools_send_it__is_read_or_unreadable),
	    cmocka_unit_test(since__a_duration_or_a_time__is_an_instant),
	    cmocka_unit_test(time__written_for_people__names_the_day_only_when_it_is_another),
	    cmocka_unit_test(time_local__gives_the_day_and_minute_there),
	    cmocka_unit_test(rfc3339__written__is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
