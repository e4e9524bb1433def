/* fetch - gets what handlers wait for from outside: Amazon's certificates, and the confirmation of subscriptions (handlers/sns.h). */
#ifndef BOT_FETCH_H
#define BOT_FETCH_H

#include "bot/loop.h"
#include "bot/web.h"

#define FETCH_AT_ONCE_MAX 4

struct fetcher; /* opaque */
struct fetcher *fetcher_new(struct loop *loop, struct web *web);
/* What is under way is dropped. */
void fetcher_free(struct fetcher *fetcher);
/* Begins what is due; called about once a second. */
void fetcher_tick(struct fetcher *fetcher);

#endif
