#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bot/target.h"
#include "config/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *raw = xstrndup((const char *)data, size);
	struct target target;
	struct error err = {0};
	size_t total;

	if (target_parse(raw, &target, &err)) {
		/* Decoding never grows, and every string ends inside of the space it was given. */
		total = strlen(target.path);
		for (size_t i = 0; i < target.query_count; i++)
			total += strlen(target.query[i].name) + strlen(target.query[i].value);
		if (total > size + 1 || strchr(target.path, '\n') != NULL)
			abort();
	} else if (err.kind == ERROR_NONE || target.path != NULL) {
		abort();
	}
	target_fini(&target);
	free(raw);
	return 0;
}
