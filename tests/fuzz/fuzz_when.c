/* Times and durations as text, and zone files as bytes. The first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/base/zone.h"

#define NOW INT64_C(1772477122)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_zone(const uint8_t *data, size_t size)
{
	struct zone *zone = zone_read(data, size);
	int64_t at, local;

	if (zone == NULL)
		return;
	for (at = -INT64_C(5000000000); at < INT64_C(9000000000); at += 987654321) {
		struct zone_span span;

		zone_span_at(zone, at, &span);
		if (span.until <= at || strlen(span.abbreviation) > 4096)
			abort();
		if (zone_first_after(zone, at, INT64_MIN, &local) && local < at - 26 * 3600)
			abort();
	}
	zone_free(zone);
}

static void fuzz_text(const char *text)
{
	struct error err;
	char written[64];
	int64_t at, again;

	if (duration_parse(text, &at, &err)) {
		duration_write(at, written, sizeof(written));
		if (!duration_parse(written, &again, &err) || again != at)
			abort();
	}
	if (time_parse_rfc3339(text, &at)) {
		time_write_rfc3339(at, written);
		if (at >= 0 && at < INT64_C(253402300800) &&
		    (!time_parse_rfc3339(written, &again) || again != at))
			abort();
	}
	time_parse(text, "Europe/Paris", NOW, &at, &err);
	time_parse(text, "Australia/Lord_Howe", NOW, &at, &err);
	time_parse_since(text, NOW, &at, &err);
	if (time_parse_loose(text, &at)) {
		if (at <= 0)
			abort();
		time_write_local(at, "America/New_York", NOW, written, sizeof(written));
	}
	zone_known(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	if (data[0] == 'T') { /* TZif */
		fuzz_zone(data, size);
		return 0;
	}
	text = xstrndup((const char *)data, size);
	fuzz_text(text);
	free(text);
	return 0;
}
