#include "handlers/sns.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/api_internal.h"

#define SIGNED_MAX (5 << 20) /* bytes of the text that is signed */
#define SIGNATURE_MAX 1024   /* bytes, decoded: an RSA key of 8192 bits */
#define FAILED_AGAIN_S \
	60 /* a certificate that could not be fetched is asked for again after this */

enum fetch_state { FETCH_FREE, FETCH_WANTED, FETCH_UNDER_WAY, FETCH_HELD, FETCH_FAILED };

struct fetch {
	enum fetch_state state;
	bool is_certificate;
	char *url;
	EVP_PKEY *key;                 /* FETCH_HELD */
	int64_t not_before, not_after; /* of the certificate */
	int64_t due_at;  /* FETCH_WANTED: not before; FETCH_FAILED: may be tried again */
	int64_t used_at; /* the longest unused makes room */
	int tries;
};

struct sns {
	struct fetch fetches[SNS_FETCHES_MAX];
};

struct sns *sns_new(void)
{
	return xcalloc(1, sizeof(struct sns));
}

static void fetch_clear(struct fetch *fetch)
{
	free(fetch->url);
	EVP_PKEY_free(fetch->key);
	*fetch = (struct fetch){0};
}

void sns_free(struct sns *sns)
{
	for (size_t i = 0; sns != NULL && i < SNS_FETCHES_MAX; i++)
		fetch_clear(&sns->fetches[i]);
	free(sns);
}

/* ---- addresses ------------------------------------------------------------------------------------------- */

/* What follows https://sns.REGION.amazonaws.com(.cn) of URL, from its slash on; NULL when it is another host, or a port or user is named. */
static const char *after_host(const char *url)
{
	static const char begin[] = "https://sns.", domain[] = ".amazonaws.com";
	size_t len;

	if (url == NULL || strlen(url) > SNS_URL_MAX || !text_prefix(url, begin))
		return NULL;
	for (const char *c = url; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~' || *c == '\\')
			return NULL;
	}
	url += strlen(begin);
	len = strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
	if (len < 3 || !text_prefix(url + len, domain))
		return NULL;
	url += len + strlen(domain);
	if (text_prefix(url, ".cn"))
		url += strlen(".cn");
	return *url == '/' ? url : NULL;
}

bool sns_certificate_url(const char *url)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
	const char *path = after_host(url);
	size_t len = path != NULL ? strlen(path) : 0;

	return len > strlen("/.pem") && path[strspn(path, plain)] == '\0' &&
	       strcmp(path + len - 4, ".pem") == 0;
}

bool sns_subscribe_url(const char *url)
{
	const char *path = after_host(url);

	return path != NULL && text_prefix(path, "/?Action=ConfirmSubscription&") &&
	       strchr(path, '#') == NULL;
}

/* ---- fetching -------------------------------------------------------------------------------------------- */

static struct fetch *fetch_find(struct sns *sns, const char *url)
{
	for (size_t i = 0; i < SNS_FETCHES_MAX; i++) {
		if (sns->fetches[i].url != NULL && strcmp(sns->fetches[i].url, url) == 0)
			return &sns->fetches[i];
	}
	return NULL;
}

/* A free place, or that of what was used the longest ago; what is wanted or under way stays. NULL: none. */
static struct fetch *fetch_place(struct sns *sns)
{
	struct fetch *oldest = NULL;

	for (size_t i = 0; i < SNS_FETCHES_MAX; i++) {
		struct fetch *fetch = &sns->fetches[i];

		if (fetch->state == FETCH_FREE)
			return fetch;
		if ((fetch->state == FETCH_HELD || fetch->state == FETCH_FAILED) &&
		    (oldest == NULL || fetch->used_at < oldest->used_at))
			oldest = fetch;
	}
	return oldest;
}

/* Has URL fetched, unless it was or is to be. */
static struct fetch *fetch_want(struct sns *sns, const char *url, bool is_certificate, int64_t now)
{
	struct fetch *fetch = fetch_find(sns, url);

	if (fetch == NULL) {
		fetch = fetch_place(sns);
		if (fetch == NULL)
			return NULL;
		fetch_clear(fetch);
		fetch->url = xstrdup(url);
		fetch->is_certificate = is_certificate;
		fetch->state = FETCH_WANTED;
		fetch->due_at = now;
	}
	if (fetch->state == FETCH_FAILED && fetch->due_at <= now) {
		fetch->state = FETCH_WANTED;
		fetch->tries = 0;
	}
	fetch->used_at = now;
	return fetch;
}

const char *sns_next(struct sns *sns, int64_t now)
{
	for (size_t i = 0; i < SNS_FETCHES_MAX; i++) {
		struct fetch *fetch = &sns->fetches[i];

		if (fetch->state != FETCH_WANTED || fetch->due_at > now)
			continue;
		fetch->state = FETCH_UNDER_WAY;
		fetch->tries++;
		return fetch->url;
	}
	return NULL;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *at)
{
	struct tm tm;

	if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*at = timegm(&tm);
	return true;
}

static bool take_certificate(struct fetch *fetch, const char *body, size_t len)
{
	BIO *bio = len > 0 && len <= SNS_CERTIFICATE_MAX ? BIO_new_mem_buf(body, (int)len) : NULL;
	X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool ok = certificate != NULL &&
		  seconds_of(X509_get0_notBefore(certificate), &fetch->not_before) &&
		  seconds_of(X509_get0_notAfter(certificate), &fetch->not_after);

	if (ok)
		fetch->key = X509_get_pubkey(certificate);
	X509_free(certificate);
	BIO_free(bio);
	return ok && fetch->key != NULL;
}

void sns_fetched(
    struct sns *sns, const char *url, int64_t now, int status, const char *body, size_t len)
{
	struct fetch *fetch = fetch_find(sns, url);

	if (fetch == NULL || fetch->state != FETCH_UNDER_WAY)
		return;
	fetch->used_at = now;
	if (status == 200 && (!fetch->is_certificate || take_certificate(fetch, body, len))) {
		log_info("sns %s",
		    fetch->is_certificate ? "certificate fetched" : "subscription confirmed");
		fetch->state = FETCH_HELD;
		return;
	}
	if (fetch->tries < SNS_TRIES_MAX) {
		fetch->state = FETCH_WANTED;
		fetch->due_at = now + ((int64_t)SNS_AGAIN_S << (fetch->tries - 1));
		log_warn("sns %s not fetched, it will be tried again status=%d",
		    fetch->is_certificate ? "certificate" : "confirmation", status);
		return;
	}
	fetch->state = FETCH_FAILED;
	fetch->due_at = now + FAILED_AGAIN_S;
	log_error("sns %s could not be fetched status=%d",
	    fetch->is_certificate ? "certificate" : "confirmation", status);
}

/* ---- messages -------------------------------------------------------------------------------------------- */

bool sns_is_message(const struct api_request *request)
{
	return api_header(request, "x-amz-sns-message-type") != NULL;
}

static bool is_configured(const struct source_config *source, const char *topic)
{
	for (size_t i = 0; source->topics != NULL && topic != NULL && source->topics[i] != NULL;
	     i++) {
		if (strcmp(source->topics[i], topic) == 0)
			return true;
	}
	return false;
}

/* What Amazon signs: these members, in this order, where they are there. */
static bool signed_text(const cJSON *message, struct buf *out)
{
	static const char *const notification[] = {
	    "Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", NULL};
	static const char *const other[] = {
	    "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type", NULL};
	const char *const *names =
	    text_equal(json_text(message, "Type"), "Notification") ? notification : other;

	for (; *names != NULL; names++) {
		const cJSON *member = json_get(message, *names);

		if (member == NULL || cJSON_IsNull(member))
			continue;
		if (!cJSON_IsString(member))
			return false;
		buf_puts(out, *names);
		buf_putc(out, '\n');
		buf_puts(out, member->valuestring);
		buf_putc(out, '\n');
	}
	return buf_ok(out);
}

static bool decode_signature(const char *text, unsigned char *out, size_t *len)
{
	size_t size = text != NULL ? strlen(text) : 0;
	int got;

	if (size == 0 || size % 4 != 0 || size / 4 * 3 > SIGNATURE_MAX)
		return false;
	got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)size);
	if (got < 2)
		return false;
	*len = (size_t)got - (text[size - 1] == '=') - (text[size - 2] == '=');
	return true;
}

static bool is_signed_by(EVP_PKEY *key, const cJSON *message)
{
	const char *version = json_text(message, "SignatureVersion");
	const EVP_MD *algorithm = text_equal(version, "2")   ? EVP_sha256()
				  : text_equal(version, "1") ? EVP_sha1()
							     : NULL;
	unsigned char signature[SIGNATURE_MAX + 4];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct buf text;
	size_t len = 0;
	bool ok;

	buf_init(&text, SIGNED_MAX);
	ok = context != NULL && algorithm != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
	     decode_signature(json_text(message, "Signature"), signature, &len) &&
	     signed_text(message, &text) &&
	     EVP_DigestVerifyInit(context, NULL, algorithm, NULL, key) == 1 &&
	     EVP_DigestVerify(
		 context, signature, len, (const unsigned char *)buf_text(&text), text.len) == 1;
	EVP_MD_CTX_free(context);
	buf_fini(&text);
	return ok;
}

static bool message_holds(
    struct desk *desk, const struct source_config *source, const cJSON *message, struct error *err)
{
	const char *url = json_text(message, "SigningCertURL");
	struct fetch *certificate;

	if (!is_configured(source, json_text(message, "TopicArn")))
		return error_set(err, ERROR_FORBIDDEN,
		    "that SNS topic is none of this source's (topics: in the configuration)");
	if (!sns_certificate_url(url))
		return error_set(err, ERROR_FORBIDDEN,
		    "the SNS message's certificate is not at one of Amazon's own addresses");
	certificate = fetch_want(desk->sns, url, true, desk->now);
	if (certificate == NULL || certificate->state != FETCH_HELD)
		return error_set(
		    err, ERROR_WAIT, "Amazon's certificate is being fetched; send it again");
	if (desk->now < certificate->not_before || desk->now > certificate->not_after)
		return error_set(
		    err, ERROR_FORBIDDEN, "the certificate of the SNS message is not valid now");
	if (!is_signed_by(certificate->key, message))
		return error_set(err, ERROR_FORBIDDEN,
		    "the SNS message's signature is missing, malformed or wrong");
	return true;
}

bool sns_holds(struct desk *desk, const struct source_config *source,
    const struct api_request *request, struct error *err)
{
	cJSON *message = json_parse(request->body, request->body_len, NULL);
	bool ok = message_holds(desk, source, message, err);

	cJSON_Delete(message);
	return ok;
}

bool sns_confirm(struct desk *desk, const struct source_config *source,
    const struct api_request *request, struct error *err)
{
	cJSON *message = json_parse(request->body, request->body_len, NULL);
	const char *url = json_text(message, "SubscribeURL"),
		   *topic = json_text(message, "TopicArn");
	bool ok = true;

	/* An UnsubscribeConfirmation has such an address too: calling it would subscribe again. */
	if (!text_equal(json_text(message, "Type"), "SubscriptionConfirmation"))
		goto out;
	if (source->topics == NULL) {
		log_warn("source=%s sns topic=%s asks to be confirmed; name it under the source's "
			 "topics, or confirm it in AWS",
		    source->name, topic != NULL ? topic : "?");
		goto out;
	}
	ok = message_holds(desk, source, message, err);
	if (ok && !sns_subscribe_url(url))
		ok = error_set(err, ERROR_FORBIDDEN,
		    "the SNS subscription is not to be confirmed at one of Amazon's own addresses");
	if (ok && fetch_want(desk->sns, url, false, desk->now) == NULL)
		ok = error_set(
		    err, ERROR_WAIT, "too many subscriptions are being confirmed; send it again");
out:
	cJSON_Delete(message);
	return ok;
}
