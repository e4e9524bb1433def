/* limits - token buckets: how often Slack and PagerDuty may be spoken to, by key. Times are
 * milliseconds, as uv_now(). */
#ifndef BOT_LIMITS_H
#define BOT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define LIMITS_BUCKETS_MAX 4096 /* keys; what comes later shares one bucket */
#define LIMITS_WINDOW_MAX 1000  /* moments remembered */
#define LIMITS_WINDOW_MS 61000  /* a minute, and what clocks and wires may differ by */

struct limits; /* opaque */
struct bucket;

struct limits *limits_new(void);
void limits_free(struct limits *limits);
/* The bucket of KEY, made full when it is new: PER_MINUTE tokens, at most BURST at once. It
 * lives as long as LIMITS. */
struct bucket *limits_bucket(
    struct limits *limits, const char *key, double per_minute, double burst, uint64_t now);
/*
 * The same by a window: at most MAX in any minute, all of them at once if need be. Pages want no
 * spreading out. Past LIMITS_WINDOW_MAX it is a plain bucket.
 */
struct bucket *limits_window(struct limits *limits, const char *key, double max, uint64_t now);

/* When a token may be taken: NOW, or later. */
uint64_t bucket_ready_at(struct bucket *bucket, uint64_t now);
void bucket_take(struct bucket *bucket, uint64_t now);
/* No token before UNTIL: the peer said so. */
void bucket_pause(struct bucket *bucket, uint64_t until);

#endif
