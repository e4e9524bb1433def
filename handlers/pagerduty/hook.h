/*
 * hook - PagerDuty's webhooks, version 3: POST /webhooks/pagerduty. developer.pagerduty.com/docs/webhooks-overview
 *
 * Proven by its signature alone, read, and answered 202 as soon as it is on disk. What needs nothing else is applied at once; where the
 * incident or the person is not known yet, PagerDuty is asked first (a conversation), in order for each incident.
 */
#ifndef HANDLERS_PAGERDUTY_HOOK_H
#define HANDLERS_PAGERDUTY_HOOK_H

#include "handlers/pagerduty/incidents.h"
#include "handlers/pagerduty/rest.h"

#define HOOK_BODY_MAX (512 << 10) /* bytes; PagerDuty drops what has more than 256 KiB */
#define HOOK_SIGNATURES_MAX 16    /* v1= values that one header may hold; with more it is malformed */
#define HOOK_MARK "pagerduty.hook_at" /* storage_mark(): when the last one came, in seconds since 1970 */

/*
 * Is BODY signed with one of SECRETS (NULL-terminated)? HEADER is X-PagerDuty-Signature: "v1=<hex>[,v1=<hex>…]"; other versions are skipped,
 * any one that holds is enough. HMAC-SHA256 with the secret as it is written, over the body as it was sent.
 */
bool hook_proves(char *const *secrets, const char *header, const char *body, size_t len);
/* What EVENT (the member of the envelope) tells; false: nothing that is an incident's. SPACE keeps what CHANGE points to besides EVENT. */
bool hook_read(const cJSON *event, struct change *change, struct buf *space);

struct api_answer;
struct api_request;
/* Is the body of REQUEST worth reading? False: ANSWER has the refusal, for want of a secret of ours or a signature that could be right. */
bool hook_admits(struct desk *desk, const struct api_request *request, struct api_answer *answer);
/* The whole request; false: nothing of it is kept (503 or a refusal). */
bool hook_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer);

extern const struct conversation hook_conversation;

#endif
