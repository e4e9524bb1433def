/*
 * later - an answer that gets better when a job is through.
 *
 * A handler that answers at once, but not with all it could, puts one into desk->later and keeps a hold of it for its job. Who carries
 * the answer (HTTP, Slack's acknowledgement) takes it out, and may hold back what was answered until OVER is called; or it lets go
 * at once. All of it happens on the loop.
 */
#ifndef HANDLERS_LATER_H
#define HANDLERS_LATER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct later {
	void (*over)(void *ctx); /* of who waits, called once, when IS_OVER has become true; NULL: nobody waits */
	void *ctx;
	bool is_over;
	bool was_told; /* the first answer was said: what comes now is a second one */
	cJSON *answer; /* the better one, whole; NULL: the first one stands */
	int holders;
};

struct later *later_new(void); /* held once, by the caller */
struct later *later_hold(struct later *later);
void later_drop(struct later *later); /* NULL is nothing; the last one frees */
bool later_is_awaited(const struct later *later);
/* Nobody waits any more; SAID: the first answer went out. */
void later_leave(struct later *later, bool said);
/* The job is through. ANSWER is taken; NULL: none. Only the first call counts. */
void later_end(struct later *later, cJSON *answer);

#endif
