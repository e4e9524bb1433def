#include "handlers/pagerduty/hook.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/base/json.h"
#include "config/base/log.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "handlers/api.h"
#include "handlers/pagerduty/hook_internal.h"

#define SIGNATURE_HEADER "X-PagerDuty-Signature"
#define DELIVERY_HEADER "X-Webhook-Id"
#define DIGEST 32 /* bytes, of SHA-256 */

#define SEEN_KEEP_S (CHANGE_KEEP_S + 86400) /* longer than an event is taken at all, whatever the clocks say */
#define LEGACY_TOLD_S 86400
#define REFUSED_TOLD_S 60

/* ---- signatures ----------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_digest(const char *text, size_t len, unsigned char out[DIGEST])
{
	if (len != (size_t)2 * DIGEST)
		return false;
	for (size_t i = 0; i < DIGEST; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/*
 * The v1 values of HEADER that could be right; 0: it has none, or more than anybody sends. While a secret is replaced there are two:
 * developer.pagerduty.com/docs/webhook-signatures
 */
static size_t read_signatures(const char *header, unsigned char given[HOOK_SIGNATURES_MAX][DIGEST])
{
	size_t seen = 0, count = 0;

	while (*header != '\0') {
		const char *at = header + strspn(header, " \t");
		const char *comma = header + strcspn(header, ",");
		size_t len = at < comma ? (size_t)(comma - at) : 0;

		while (len > 0 && strchr(" \t", at[len - 1]) != NULL)
			len--;
		if (len >= 3 && strncmp(at, "v1=", 3) == 0) {
			if (++seen > HOOK_SIGNATURES_MAX)
				return 0;
			count += read_digest(at + 3, len - 3, given[count]);
		}
		header = *comma != '\0' ? comma + 1 : comma;
	}
	return count;
}

/* Each secret is tried and each value compared, the right one or not: how long it takes tells nothing of them. */
bool hook_proves(char *const *secrets, const char *header, const char *body, size_t len)
{
	unsigned char given[HOOK_SIGNATURES_MAX][DIGEST], right[EVP_MAX_MD_SIZE];
	const size_t count = header != NULL ? read_signatures(header, given) : 0;
	unsigned right_len;
	bool holds = false;

	if (count == 0)
		return false;
	for (; secrets != NULL && *secrets != NULL; secrets++) {
		if (**secrets == '\0')
			continue;
		right_len = 0;
		if (HMAC(EVP_sha256(), *secrets, (int)strlen(*secrets), (const unsigned char *)body, len, right, &right_len) == NULL ||
		    right_len != DIGEST)
			continue;
		for (size_t i = 0; i < count; i++)
			holds |= CRYPTO_memcmp(given[i], right, DIGEST) == 0;
	}
	OPENSSL_cleanse(right, sizeof(right));
	return holds;
}

/* NULL: it is not there, or there twice, and which of them would be meant is anybody's guess. */
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

/* PagerDuty disables a subscription after three of these: somebody has to hear of it, but not as often as a stranger likes. */
static void refuse(struct desk *desk, const struct api_request *request, struct api_answer *answer, const char *why)
{
	static int64_t told_at = TIME_NONE; /* of the process, as its log is */

	desk->counts.refused++;
	api_problem(answer, 403, why);
	if (told_at != TIME_NONE && desk->now >= told_at && desk->now - told_at < REFUSED_TOLD_S)
		return;
	told_at = desk->now;
	log_warn("webhook refused from=%s: %s", request->remote != NULL ? request->remote : "somewhere", why);
}

bool hook_admits(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	const char *header = only_header(request, SIGNATURE_HEADER);
	unsigned char given[HOOK_SIGNATURES_MAX][DIGEST];

	if (desk->config->pagerduty.webhook_secrets == NULL)
		refuse(desk, request, answer, "webhooks are not taken: there is no webhook_secret (pagerduty: in the configuration)");
	else if (header == NULL)
		refuse(desk, request, answer, "the signature is missing: one " SIGNATURE_HEADER " header is wanted");
	else if (read_signatures(header, given) == 0)
		refuse(desk, request, answer, "the signature in " SIGNATURE_HEADER " is malformed: it is v1= and 64 hex digits");
	else
		return true;
	return false;
}

/* ---- taking them in ------------------------------------------------------------------------------------- */

/* Was it taken before: this delivery, or the same event by another subscription? */
static bool is_told_before(struct desk *desk, const struct api_request *request, const cJSON *event, bool *again, struct error *err)
{
	const struct {
		const char *what, *id;
	} ids[] = {{"event", json_text(event, "id")}, {"delivery", only_header(request, DELIVERY_HEADER)}};
	bool is_again;

	*again = false;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char hash[65], key[96];

		if (text_is_empty(ids[i].id))
			continue;
		sha256_hex(ids[i].id, strlen(ids[i].id), hash);
		snprintf(key, sizeof(key), "pagerduty.%s:%s", ids[i].what, hash);
		if (!storage_see(desk->storage, key, desk->now, SEEN_KEEP_S, &is_again, err))
			return false;
		*again |= is_again;
	}
	return true;
}

static bool take_event(struct desk *desk, const struct api_request *request, const cJSON *event, struct error *err)
{
	const int64_t at = rest_time(json_text(event, "occurred_at"));
	const char *type = json_text(event, "event_type");
	struct change change;
	struct buf space;
	char now[24];
	cJSON *small;
	bool again, ok = true;

	if (!is_told_before(desk, request, event, &again, err))
		return false;
	if (again)
		return true;
	/* Older than it is remembered: somebody plays it again, PagerDuty tries for 48 h. */
	if (at != TIME_NONE && at < desk->now - CHANGE_KEEP_S) {
		log_warn("webhook: an event from %" PRId64 " s ago is not taken any more", desk->now - at);
		return true;
	}
	snprintf(now, sizeof(now), "%" PRId64, desk->now);
	if (!storage_put_mark(desk->storage, HOOK_MARK, now, err))
		return false;
	small = hook_compact(event);
	buf_init(&space, NAMES_BYTES_MAX);
	if (hook_read(small, &change, &space))
		ok = hook_take(desk, small, &change, err);
	else if (text_equal(type, "pagey.ping"))
		log_info("webhook: PagerDuty's test event has arrived, and its signature is right");
	else
		log_debug("webhook: %.60s is nothing to us", type != NULL ? type : "what has no event_type");
	buf_fini(&space);
	cJSON_Delete(small);
	return ok;
}

/* Version 2, which extensions from before 2022 still send, is not signed; whoever signs it all the same hears of it once. */
static bool take_odd(struct desk *desk, const cJSON *body, const char *why, struct error *err)
{
	bool again = false;

	if (!cJSON_IsArray(json_get(body, "messages"))) {
		log_warn("webhook: nothing can be read of it: %s", why);
		return true;
	}
	if (!storage_see(desk->storage, "pagerduty.webhook-v2", desk->now, LEGACY_TOLD_S, &again, err))
		return false;
	if (!again)
		log_warn("webhook: version 2 is not taken; make a version 3 subscription (Integrations, Generic Webhooks)");
	return true;
}

static void answer_taken(struct api_answer *answer)
{
	answer->status = 202;
	answer->content_type = "application/json";
	buf_reset(&answer->body);
	buf_puts(&answer->body, "{}\n");
}

bool hook_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer)
{
	struct error err = {0};
	const cJSON *event;
	cJSON *body;
	bool ok;

	if (!hook_admits(desk, request, answer))
		return true;
	if (!hook_proves(desk->config->pagerduty.webhook_secrets, only_header(request, SIGNATURE_HEADER), request->body,
		request->body_len)) {
		refuse(desk, request, answer,
		    "the signature in " SIGNATURE_HEADER " is wrong, or made with a secret that webhook_secret does not hold");
		return true;
	}
	body = json_parse(request->body, request->body_len, &err);
	event = json_get(body, "event");
	if (cJSON_IsObject(event))
		ok = take_event(desk, request, event, &err);
	else
		ok = take_odd(desk, body, body != NULL ? "it has no event" : err.text, &err);
	cJSON_Delete(body);
	if (ok || err.kind != ERROR_IO)
		answer_taken(answer);
	else
		api_problem(answer, 503, "this could not be stored; try again");
	/* PagerDuty would send it again for two days, and hold back what follows: only where that may help. */
	if (!ok)
		log_error("webhook: %s", err.text);
	return ok;
}
