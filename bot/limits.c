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
		for (struct bucket *bucket = limits->chains[i], *next; bucket != NULL; bucket = next) {
			next = bucket->next;
			free(bucket->key);
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

struct bucket *limits_bucket(struct limits *limits, const char *key, double per_minute, double burst, uint64_t now)
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

uint64_t bucket_ready_at(struct bucket *bucket, uint64_t now)
{
	uint64_t at = now;

	fill(bucket, now);
	if (bucket->tokens < 1)
		at = now + (uint64_t)ceil((1 - bucket->tokens) / bucket->per_ms);
	return at > bucket->paused_until ? at : bucket->paused_until;
}

void bucket_take(struct bucket *bucket, uint64_t now)
{
	fill(bucket, now);
	bucket->tokens -= 1;
}

void bucket_pause(struct bucket *bucket, uint64_t until)
{
	if (until > bucket->paused_until)
		bucket->paused_until = until;
}
