/*
 * sns - Amazon SNS in front of a source: messages are signed by Amazon, and a subscription wants to be confirmed.
 *
 * Only for sources with topics: in the configuration. Certificates and confirmations are fetched from Amazon's own hosts alone (by
 * bot/fetch.h, on its own time): what needs a certificate that is not here yet is answered with 503, and Amazon sends it again.
 * docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
#ifndef HANDLERS_SNS_H
#define HANDLERS_SNS_H

#include <cjson/cJSON.h>

#include "handlers/api.h"

#define SNS_FETCHES_MAX 16              /* certificates that are kept, and confirmations under way */
#define SNS_URL_MAX 2048                /* bytes */
#define SNS_CERTIFICATE_MAX (64 << 10)  /* bytes of one file */
#define SNS_TRIES_MAX 5                 /* for one confirmation */
#define SNS_AGAIN_S 10                  /* between tries; doubled each time */

struct sns; /* opaque: what was fetched and what is to be; lives in the desk */
struct sns *sns_new(void);
void sns_free(struct sns *sns);

/* Does REQUEST say that it comes from SNS? */
bool sns_is_message(const struct api_request *request);
/*
 * Is REQUEST a message of one of SOURCE's topics, signed by Amazon? False with ERROR_FORBIDDEN, or with ERROR_WAIT when its
 * certificate has to be fetched first.
 */
bool sns_holds(struct desk *desk, const struct source_config *source, const struct api_request *request, struct error *err);
/* A subscription that asks to be confirmed is, when it is one of SOURCE's topics' and signed. False with ERROR_WAIT as above. */
bool sns_confirm(struct desk *desk, const struct source_config *source, const struct api_request *request, struct error *err);

/* ---- for who fetches ------------------------------------------------------------------------------------- */

/* What is to be fetched at NOW (borrowed until sns_fetched()); NULL for nothing. It is under way from here on. */
const char *sns_next(struct sns *sns, int64_t now);
/* It was (STATUS 200), or was not. */
void sns_fetched(struct sns *sns, const char *url, int64_t now, int status, const char *body, size_t len);

/* https://sns.REGION.amazonaws.com/….pem, or amazonaws.com.cn: nothing else is a certificate's address. */
bool sns_certificate_url(const char *url);
/* The same host, and the confirmation of a subscription. */
bool sns_subscribe_url(const char *url);

#endif
