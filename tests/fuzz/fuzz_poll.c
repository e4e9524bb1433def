/* An entry of PagerDuty's log with anything in it, or a page of them: read, made compact, and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/json.h"
#include "handlers/pagerduty/entry.h"
#include "handlers/pagerduty/poll.h"
#include "handlers/pagerduty/rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const char *text)
{
	return text != NULL ? strlen(text) : 0;
}

static bool is_id_or_none(const char *id)
{
	return id == NULL || rest_is_id(id);
}

static void read_one(const cJSON *entry)
{
	struct change change;
	struct buf space;
	enum did did;

	buf_init(&space, ENTRY_SPACE_MAX);
	if (poll_read(entry, &change, &space)) {
		if (!entry_did(entry, &did) || !rest_is_id(change.incident) || !is_id_or_none(change.agent_id) ||
		    !is_id_or_none(change.to_id) || !is_id_or_none(change.into))
			abort();
		if (change.did == DID_NOTE && change.note == NULL)
			abort();
		/* All of it can be read to its end. */
		if (touch(change.agent_name) + touch(change.status) + touch(change.to_name) + touch(change.note) > SIZE_MAX / 2)
			abort();
	}
	buf_fini(&space);
}

static void read_and_keep(const cJSON *entry)
{
	cJSON *kept = entry_compact(entry), *again = entry_compact(kept);

	read_one(entry);
	read_one(kept);
	/* What is compact is not made any smaller. */
	if (!cJSON_Compare(kept, again, true))
		abort();
	cJSON_Delete(again);
	cJSON_Delete(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *json = json_parse((const char *)data, size, NULL);
	const cJSON *entry;

	if (json == NULL)
		return 0;
	read_and_keep(json);
	cJSON_ArrayForEach(entry, json_get(json, "log_entries"))
	{
		read_and_keep(entry);
	}
	cJSON_Delete(json);
	return 0;
}
