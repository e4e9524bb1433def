#include "bot/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"

#define CHAINS 256

struct bucket {
	struct bucket *next;
	char *key;
	double per_ms, burst, tokens;
	uint64_t filled_at, paused_until;
	uint64_t *taken_at; /* of a window: when each of the last COUNT was taken, 0: never */
	size_t count, at;
};

struct limits {
	struct bucket *chains[CHAINS];
	size_t count;
};

struct limits *limits_new(void)
{
	return xcalloc(1, sizeof(struct limits));
}

void limits_free(struct limits *limits)
{
	if (limits == NULL)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		for (struct bucket *bucket = limits->chains[i], *next; bucket != NULL;
		     bucket = next) {
			next = bucket->next;
			free(bucket->key);
			free(bucket->taken_at);
			free(bucket);
		}
	}
	free(limits);
}

static size_t chain_of(const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key != '\0'; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash % CHAINS;
}

static void fill(struct bucket *bucket, uint64_t now)
{
	if (now > bucket->filled_at) {
		bucket->tokens += (double)(now - bucket->filled_at) * bucket->per_ms;
		bucket->filled_at = now;
	}
	if (bucket->tokens > bucket->burst)
		bucket->tokens = bucket->burst;
}

struct bucket *limits_bucket(
    struct limits *limits, const char *key, double per_minute, double burst, uint64_t now)
{
	struct bucket *bucket;
	size_t chain;

	if (burst < 1)
		burst = 1;
	if (limits->count >= LIMITS_BUCKETS_MAX)
		key = "the rest";
	chain = chain_of(key);
	for (bucket = limits->chains[chain]; bucket != NULL; bucket = bucket->next) {
		if (strcmp(bucket->key, key) == 0)
			break;
	}
	if (bucket == NULL) {
		bucket = xcalloc(1, sizeof(*bucket));
		bucket->key = xstrdup(key);
		bucket->tokens = bucket->burst = burst;
		bucket->filled_at = now;
		bucket->next = limits->chains[chain];
		limits->chains[chain] = bucket;
		limits->count++;
	}
	/* Written anew each time: a reload may have changed them. */
	fill(bucket, now);
	bucket->per_ms = per_minute / 60000;
	bucket->burst = burst;
	return bucket;
}

struct bucket *limits_window(struct limits *limits, const char *key, double max, uint64_t now)
{
	struct bucket *bucket = limits_bucket(limits, key, max, max, now);
	size_t count = max < 1 ? 1 : (size_t)max;

	if (max > LIMITS_WINDOW_MAX)
		count = 0;
	if (bucket->count == count)
		return bucket;
	/* Its first time, or a reload changed it. */
	free(bucket->taken_at);
	bucket->taken_at = count > 0 ? xcalloc(count, sizeof(*bucket->taken_at)) : NULL;
	bucket->count = count;
	bucket->at = 0;
	return bucket;
}

/* The oldest of those remembered has to be a minute old. */
static uint64_t window_ready_at(const struct bucket *bucket, uint64_t now)
{
	uint64_t taken_at = bucket->taken_at[bucket->at];

	return taken_at == 0 || now >= taken_at + LIMITS_WINDOW_MS ? now
								   : taken_at + LIMITS_WINDOW_MS;
}

uint64_t bucket_ready_at(struct bucket *bucket, uint64_t now)
{
	uint64_t at = now;

	fill(bucket, now);
	if (bucket->taken_at != NULL)
		at = window_ready_at(bucket, now);
	else if (bucket->tokens < 1)
		at = now + (uint64_t)ceil((1 - bucket->tokens) / bucket->per_ms);
	return at > bucket->paused_until ? at : bucket->paused_until;
}

void bucket_take(struct bucket *bucket, uint64_t now)
{
	if (bucket->taken_at != NULL) {
		bucket->taken_at[bucket->at] = now != 0 ? now : 1;
		bucket->at = (bucket->at + 1) % bucket->count;
		return;
	}
	fill(bucket, now);
	bucket->tokens -= 1;
}

void bucket_pause(struct bucket *bucket, uint64_t until)
{
	if (until > bucket->paused_until)
		bucket->paused_until = until;
}
