/* limits - token buckets: how often Slack and PagerDuty may be spoken to, by key. Times are milliseconds, as uv_now(). */
#ifndef BOT_LIMITS_H
#define BOT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define LIMITS_BUCKETS_MAX 4096 /* keys; what comes later shares one bucket */

struct limits; /* opaque */
struct bucket;

struct limits *limits_new(void);
void limits_free(struct limits *limits);
/* The bucket of KEY, made full when it is new: PER_MINUTE tokens, at most BURST at once. It lives as long as LIMITS. */
struct bucket *limits_bucket(struct limits *limits, const char *key, double per_minute, double burst, uint64_t now);

/* When a token may be taken: NOW, or later. */
uint64_t bucket_ready_at(struct bucket *bucket, uint64_t now);
void bucket_take(struct bucket *bucket, uint64_t now);
/* No token before UNTIL: the peer said so. */
void bucket_pause(struct bucket *bucket, uint64_t until);

#endif
