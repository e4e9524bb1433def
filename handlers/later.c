#include "handlers/later.h"

#include <stdlib.h>

#include "config/base/memory.h"

struct later *later_new(void)
{
	struct later *later = xcalloc(1, sizeof(*later));

	later->holders = 1;
	return later;
}

struct later *later_hold(struct later *later)
{
	later->holders++;
	return later;
}

void later_drop(struct later *later)
{
	if (later == NULL || --later->holders > 0)
		return;
	cJSON_Delete(later->answer);
	free(later);
}

bool later_is_awaited(const struct later *later)
{
	return later->over != NULL;
}

void later_leave(struct later *later, bool said)
{
	later->over = NULL;
	later->was_told = said;
}

void later_end(struct later *later, cJSON *answer)
{
	void (*over)(void *ctx) = later->over;

	if (later->is_over) {
		cJSON_Delete(answer);
		return;
	}
	later->is_over = true;
	later->answer = answer;
	later->over = NULL;
	if (over != NULL)
		over(later->ctx);
}
