#include "bot/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "handlers/sns.h"

#define TIMEOUT_MS 10000

struct slot {
	struct fetcher *fetcher;
	struct web_call *call; /* NULL: free */
	char *url;
};
struct fetcher {
	struct loop *loop;
	struct web *web;
	struct slot slots[FETCH_AT_ONCE_MAX];
};

struct fetcher *fetcher_new(struct loop *loop, struct web *web)
{
	struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

	fetcher->loop = loop;
	fetcher->web = web;
	for (size_t i = 0; i < FETCH_AT_ONCE_MAX; i++)
		fetcher->slots[i].fetcher = fetcher;
	return fetcher;
}

void fetcher_free(struct fetcher *fetcher)
{
	for (size_t i = 0; fetcher != NULL && i < FETCH_AT_ONCE_MAX; i++) {
		if (fetcher->slots[i].call != NULL)
			web_cancel(fetcher->slots[i].call);
		free(fetcher->slots[i].url);
	}
	free(fetcher);
}

static void on_fetched(void *ctx, const struct web_answer *answer)
{
	struct slot *slot = ctx;
	struct desk *desk = slot->fetcher->loop->desk;

	/* Kept in memory alone: this is no event. */
	sns_fetched(
	    desk->sns, slot->url, desk->now, answer->status, answer->body, answer->body_len);
	slot->call = NULL;
	free(slot->url);
	slot->url = NULL;
}

void fetcher_tick(struct fetcher *fetcher)
{
	struct desk *desk = fetcher->loop->desk;

	for (size_t i = 0; i < FETCH_AT_ONCE_MAX; i++) {
		struct slot *slot = &fetcher->slots[i];
		const char *url = slot->call == NULL ? sns_next(desk->sns, desk->now) : NULL;
		const struct web_request request = {
		    .method = "GET", .url = url, .timeout_ms = TIMEOUT_MS};

		if (url == NULL)
			continue;
		slot->url = xstrdup(url);
		slot->call = web_begin(fetcher->web, &request, on_fetched, slot);
	}
}
