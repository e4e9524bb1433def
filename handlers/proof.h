/*
 * proof - a sender's own signature: HMAC with the source's secret over the body as it was sent.
 *
 * How it is put is a matter of the sender: GitHub, Snyk and Grafana have headers of their own, others do mostly as GitHub does, and a
 * source's `signature:` in the configuration says it where they do not.
 */
#ifndef HANDLERS_PROOF_H
#define HANDLERS_PROOF_H

#include "handlers/api.h"

#define PROOF_AGE_MAX_S 900 /* a signed time may be so far from ours, either way */

/* The header that carries the signature of SOURCE. */
const char *proof_header(const struct source_config *source);
/*
 * Is REQUEST signed with SOURCE's secret? One signature only, decoded before it is compared, in a time that tells nothing of where it
 * differs. False with ERROR_FORBIDDEN when it is missing, malformed, wrong, or of another time than NOW.
 */
bool proof_holds(const struct source_config *source, const struct api_request *request, int64_t now, struct error *err);

#endif
