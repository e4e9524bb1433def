#include "handlers/proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/base/text.h"
#include "config/format.h"

#define DIGEST_MAX 64    /* bytes, of SHA-512 */
#define TIMESTAMP_MAX 20 /* digits of seconds since 1970 */

/* Hex or base64: they differ in length for every digest. */
static const struct scheme {
	const char *format; /* NULL: all others */
	struct signature_config signature;
} schemes[] = {
    /* docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
    {"github", {.header = "X-Hub-Signature-256", .prefix = "sha256="}},
    /* docs.snyk.io/snyk-api/using-specific-snyk-apis/webhooks-apis/validating-payloads */
    {"snyk", {.header = "X-Hub-Signature", .prefix = "sha256="}},
    /* grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier */
    {"grafana", {.header = "X-Grafana-Alerting-Signature"}},
    {NULL, {.header = "X-Hub-Signature-256", .prefix = "sha256="}},
};

static const struct signature_config *signature_of(const struct source_config *source)
{
	size_t i = 0;

	if (source->signature.header != NULL)
		return &source->signature;
	while (schemes[i].format != NULL &&
	       strcmp(schemes[i].format, format_name(source->format)) != 0)
		i++;
	return &schemes[i].signature;
}

const char *proof_header(const struct source_config *source)
{
	return signature_of(source)->header;
}

/* The header's value; NULL when it is not there, or there twice: which of them would be meant is anybody's guess. */
static const char *only_header(const struct api_request *request, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		if (value != NULL)
			return NULL;
		value = request->headers[i].value;
	}
	return value;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_hex(const char *text, unsigned char *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool decode_base64(const char *text, unsigned char *out, size_t len)
{
	unsigned char space[DIGEST_MAX + 8];
	size_t size = strlen(text), padding = size > 0 && text[size - 1] == '=' ? 1 : 0;
	int got;

	if (padding == 1 && size > 1 && text[size - 2] == '=')
		padding = 2;
	got = EVP_DecodeBlock(space, (const unsigned char *)text, (int)size);
	if (got < 0 || (size_t)got - padding != len)
		return false;
	memcpy(out, space, len);
	return true;
}

/* LEN bytes of a digest from TEXT: hex, or base64. */
static bool decode(const char *text, unsigned char *out, size_t len)
{
	size_t size = strlen(text);

	if (size == 2 * len)
		return decode_hex(text, out, len);
	return size == (len + 2) / 3 * 4 && decode_base64(text, out, len);
}

static bool is_timely(const char *text, int64_t now)
{
	size_t digits = strspn(text, "0123456789");
	int64_t at;

	if (digits == 0 || digits > TIMESTAMP_MAX - 2 || text[digits] != '\0')
		return false;
	at = strtoll(text, NULL, 10);
	return at >= now - PROOF_AGE_MAX_S && at <= now + PROOF_AGE_MAX_S;
}

/* HMAC over TIMESTAMP:BODY, or BODY alone when there is no TIMESTAMP. */
static bool sign(const char *secret, const EVP_MD *algorithm, const char *timestamp,
    const struct api_request *request, unsigned char out[DIGEST_MAX], size_t *len)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_HMAC, NULL, (const unsigned char *)secret, strlen(secret));
	EVP_MD_CTX *hmac = EVP_MD_CTX_new();
	bool ok = key != NULL && hmac != NULL &&
		  EVP_DigestSignInit(hmac, NULL, algorithm, NULL, key) == 1;

	*len = DIGEST_MAX;
	if (ok && timestamp != NULL)
		ok = EVP_DigestSignUpdate(hmac, timestamp, strlen(timestamp)) == 1 &&
		     EVP_DigestSignUpdate(hmac, ":", 1) == 1;
	ok = ok && EVP_DigestSignUpdate(hmac, request->body, request->body_len) == 1 &&
	     EVP_DigestSignFinal(hmac, out, len) == 1;
	EVP_MD_CTX_free(hmac);
	EVP_PKEY_free(key);
	return ok;
}

bool proof_holds(const struct source_config *source, const struct api_request *request, int64_t now,
    struct error *err)
{
	const struct signature_config *signature = signature_of(source);
	const EVP_MD *algorithm =
	    signature->algorithm == SIGNATURE_SHA512 ? EVP_sha512() : EVP_sha256();
	const char *given = only_header(request, signature->header), *timestamp = NULL;
	unsigned char right[DIGEST_MAX], got[DIGEST_MAX];
	size_t len = 0;

	if (text_is_empty(source->secret))
		return error_set(err, ERROR_FORBIDDEN,
		    "this source has no secret for signatures (secret: in the configuration)");
	if (given == NULL)
		return error_set(err, ERROR_FORBIDDEN,
		    "the signature is missing: this source wants one %s header", signature->header);
	if (signature->timestamp_header != NULL) {
		timestamp = only_header(request, signature->timestamp_header);
		if (timestamp == NULL || !is_timely(timestamp, now))
			return error_set(err, ERROR_FORBIDDEN,
			    "the time that was signed (%s) is missing or too far from now",
			    signature->timestamp_header);
	}
	if (signature->prefix != NULL && !text_prefix(given, signature->prefix))
		return error_set(err, ERROR_FORBIDDEN, "the signature in %s does not begin with %s",
		    signature->header, signature->prefix);
	given += signature->prefix != NULL ? strlen(signature->prefix) : 0;
	if (!sign(source->secret, algorithm, timestamp, request, right, &len))
		return error_set(err, ERROR_IO, "the signature cannot be checked");
	if (decode(given, got, len) && CRYPTO_memcmp(got, right, len) == 0)
		return true;
	return error_set(
	    err, ERROR_FORBIDDEN, "the signature in %s is malformed or wrong", signature->header);
}
