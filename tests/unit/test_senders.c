/* How senders prove themselves, how often they are heard, and what comes to us as if we were somebody else. */
#include "tests/unit/desk_world.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/api.h"
#include "handlers/proof.h"
#include "handlers/sns.h"

#define OPS "ops-secret-0000000"
#define CI "ci-secret-00000000"
#define TOPIC "arn:aws:sns:us-west-2:123456789012:MyTopic"
#define CERTIFICATE "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ec.pem"

static const char config[] =
    "sources:\n"
    "  - {name: github, format: github, secret: \"It's a Secret to Everybody\"}\n"
    "  - {name: both, format: headsup, secret: \"It's a Secret to Everybody\", token: both-secret-000000}\n"
    "  - {name: snyk, format: snyk, secret: \"It's a Secret to Everybody\"}\n"
    "  - {name: grafana, format: grafana, secret: \"It's a Secret to Everybody\"}\n"
    "  - name: timed\n"
    "    format: grafana\n"
    "    secret: \"It's a Secret to Everybody\"\n"
    "    signature: {header: X-Sign, timestamp_header: X-Time}\n"
    "  - name: other\n"
    "    format: headsup\n"
    "    secret: \"It's a Secret to Everybody\"\n"
    "    signature: {header: X-Other, prefix: \"v1=\", algorithm: sha512}\n"
    "  - {name: aws, format: sns, topics: [\"" TOPIC "\"]}\n"
    "  - {name: okta, format: okta, token: okta-secret-000000}\n"
    "  - {name: slow, format: headsup, token: slow-secret-000000, rate: 0.5, burst: 2}\n"
    "  - {name: prom, format: alertmanager, token: prom-secret-000000}\n"
    "  - {name: pd, format: pagerduty, token: pd-secret-000000000000000000000}\n"
    "  - {name: hook, format: slack-webhook, token: hook-secret-000000}\n"
    "tokens:\n"
    "  - {name: ci, token: " CI ", may: [announce]}\n"
    "  - {name: ops, token: " OPS ", may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\"], channel: \"#urgent\", page: {routing_key: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n"
    "  - {channel: \"#alerts\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: alice@example.com, logins: [alice]}\n";

static int setup(void **state)
{
	*state = desk_world_new(config);
	return 0;
}

static int teardown(void **state)
{
	desk_world_free(*state);
	return 0;
}

struct asked {
	int status;
	int64_t retry_after_s;
	char *text;
	cJSON *json;
};

static void forget(struct asked *asked)
{
	free(asked->text);
	cJSON_Delete(asked->json);
}

/* HEADERS are "Name: value" lines up to NULL. PATH may have one query parameter. */
static struct asked asks(struct desk_world *w, const char *method, const char *path, const char *body, const char *const *headers)
{
	char plain[512], names[8][64];
	struct api_param list[8], query[1];
	struct api_request request = {.method = method, .path = plain, .headers = list, .query = query, .body = body != NULL ? body : "",
	    .body_len = body != NULL ? strlen(body) : 0, .remote = "127.0.0.1"};
	struct api_answer answer;
	struct asked asked;
	size_t limit;
	char *mark;
	bool keep;

	snprintf(plain, sizeof(plain), "%s", path);
	mark = strchr(plain, '?');
	if (mark != NULL) {
		*mark++ = '\0';
		query[0] = (struct api_param){mark, strchr(mark, '=') + 1};
		*strchr(mark, '=') = '\0';
		request.query_count = 1;
	}
	for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
		snprintf(names[i], sizeof(names[i]), "%.*s", (int)strcspn(headers[i], ":"), headers[i]);
		list[i] = (struct api_param){names[i], headers[i] + strcspn(headers[i], ":") + 2};
		request.header_count++;
	}
	api_answer_init(&answer);
	desk_world_begin(w);
	keep = !api_admit(w->desk, &request, &limit, &answer) || api_handle(w->desk, &request, &answer);
	desk_world_end(w, keep);
	asked = (struct asked){answer.status, answer.retry_after_s, xstrdup(buf_text(&answer.body)), NULL};
	asked.json = cJSON_Parse(asked.text);
	api_answer_fini(&answer);
	return asked;
}

static struct asked asks_as(struct desk_world *w, const char *method, const char *path, const char *token, const char *body)
{
	char line[256];
	const char *const headers[] = {line, NULL};

	snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
	return asks(w, method, path, body, token != NULL ? headers : NULL);
}

static void wants(struct asked asked, int status)
{
	if (asked.status != status)
		fail_msg("%d is not %d: %s", asked.status, status, asked.text);
	forget(&asked);
}

/* ---- signatures ------------------------------------------------------------------------------------------ */

static const struct source_config *source(const struct desk_world *w, const char *name)
{
	for (size_t i = 0; i < w->config->source_count; i++) {
		if (strcmp(w->config->sources[i].name, name) == 0)
			return &w->config->sources[i];
	}
	fail_msg("no source %s", name);
	return NULL;
}

/* The first is the one that GitHub publishes; the others were made with `openssl dgst -hmac`. */
#define RIGHT "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define RIGHT_64 "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="
#define TIMED "b43fea075027d3dcef748d14fe34053f5ebde9e4f9591c4b45b9f8ecb8b3466c"
#define LONGER "11ed355a617e98134e842012a7944ccf59c10256cb182357bd7e3a42013ff07c" \
	"376f8c14cf5cc1923da20b51d64256b2fb8ebbf100aa67a61326f61fea8111bc"
static void signature__of_a_body__holds_only_when_it_is_right(void **state)
{
	static const struct {
		const char *source, *header, *value, *more, *body;
		bool holds;
	} cases[] = {
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "Hello, World!", true},
	    {"github", "x-hub-signature-256", "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17", NULL, "Hello, World!", true},
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "Hello, World?", false},
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "", false},
	    {"github", "X-Hub-Signature-256", RIGHT, NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha1=" RIGHT, NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=757107", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT "00", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=z57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=857107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18", NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT, "X-Hub-Signature-256: sha256=" RIGHT, "Hello, World!", false},
	    {"github", "X-Hub-Signature", "sha256=" RIGHT, NULL, "Hello, World!", false},
	    {"github", "X-Hub-Signature-256", "sha256=" RIGHT_64, NULL, "Hello, World!", true},
	    {"both", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "Hello, World!", true},
	    {"snyk", "X-Hub-Signature", "sha256=" RIGHT, NULL, "Hello, World!", true},
	    {"snyk", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "Hello, World!", false},
	    {"grafana", "X-Grafana-Alerting-Signature", RIGHT, NULL, "Hello, World!", true},
	    {"grafana", "X-Grafana-Alerting-Signature", "sha256=" RIGHT, NULL, "Hello, World!", false},
	    /* 1772452800:Hello, World! */
	    {"timed", "X-Sign", TIMED, "X-Time: 1772452800", "Hello, World!", true},
	    {"timed", "X-Sign", TIMED, "X-Time: 1772452801", "Hello, World!", false},
	    {"timed", "X-Sign", TIMED, NULL, "Hello, World!", false},
	    {"timed", "X-Sign", TIMED, "X-Time: now", "Hello, World!", false},
	    {"timed", "X-Sign", RIGHT, "X-Time: 1772452800", "Hello, World!", false},
	    {"other", "X-Other", "v1=" LONGER, NULL, "Hello, World!", true},
	    {"other", "X-Other", "v1=" RIGHT, NULL, "Hello, World!", false},
	    {"okta", "X-Hub-Signature-256", "sha256=" RIGHT, NULL, "Hello, World!", false},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[64];
		struct api_param headers[2];
		struct api_request request = {.headers = headers, .header_count = 1, .body = cases[i].body, .body_len = strlen(cases[i].body)};
		bool holds;

		headers[0] = (struct api_param){cases[i].header, cases[i].value};
		if (cases[i].more != NULL) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(cases[i].more, ":"), cases[i].more);
			headers[request.header_count++] = (struct api_param){name, cases[i].more + strcspn(cases[i].more, ":") + 2};
		}
		holds = proof_holds(source(w, cases[i].source), &request, NOON, NULL);
		if (holds != cases[i].holds)
			fail_msg("case %zu: %s %s", i, cases[i].source, cases[i].value);
	}
}

static void signature__of_another_time__does_not_hold(void **state)
{
	static const int64_t nows[] = {NOON - PROOF_AGE_MAX_S - 1, NOON + PROOF_AGE_MAX_S + 1};
	const struct api_param headers[] = {{"X-Sign", TIMED}, {"X-Time", "1772452800"}};
	const struct api_request request = {.headers = headers, .header_count = 2, .body = "Hello, World!", .body_len = 13};
	struct desk_world *w = *state;

	for (size_t i = 0; i < 2; i++)
		assert_false(proof_holds(source(w, "timed"), &request, nows[i], NULL));
	assert_true(proof_holds(source(w, "timed"), &request, NOON + PROOF_AGE_MAX_S, NULL));
}

/* {"title":"t"} under the secret above. */
#define TITLE_SIGNED "X-Hub-Signature-256: sha256=3af34551d68dc9349987517eb711bae8bc0cf147bb47c8012e17fdf7422d2185"
static void sender__by_what_it_brings__is_let_in_or_told_why_not(void **state)
{
	static const struct {
		const char *path, *headers[3], *body;
		int status;
	} cases[] = {
	    {"/v1/alerts/both", {NULL}, "{\"title\":\"t\"}", 403},
	    {"/v1/alerts/both", {TITLE_SIGNED}, "{\"title\":\"t\"}", 202},
	    {"/v1/alerts/both", {TITLE_SIGNED}, "{\"title\":\"u\"}", 403},
	    {"/v1/alerts/both", {"X-Hub-Signature-256: nonsense"}, "{\"title\":\"t\"}", 403},
	    {"/v1/alerts/both", {"Authorization: Bearer both-secret-000000"}, "{\"title\":\"t\"}", 202},
	    {"/v1/alerts/both", {"Authorization: Bearer both-secret-000000", "X-Hub-Signature-256: nonsense"}, "{\"title\":\"t\"}", 202},
	    {"/v1/alerts/both", {"Authorization: Bearer wrong", TITLE_SIGNED}, "{\"title\":\"t\"}", 202},
	    {"/v1/alerts/both", {"Authorization: Bearer wrong"}, "{\"title\":\"t\"}", 401},
	    {"/v1/alerts/both?token=both-secret-000000", {NULL}, "{\"title\":\"t\"}", 202},
	    {"/v1/alerts/github", {NULL}, "{}", 403},
	    {"/v1/alerts/github", {"Authorization: Bearer wrong"}, "{}", 403},
	    {"/v1/alerts/github", {"Authorization: Bearer slow-secret-000000", TITLE_SIGNED}, "{}", 403},
	    {"/v1/alerts/other", {TITLE_SIGNED}, "{\"title\":\"t\"}", 403},
	    {"/v1/alerts/okta", {NULL}, "{}", 401},
	    {"/v1/alerts/okta", {TITLE_SIGNED}, "{\"title\":\"t\"}", 401},
	    {"/v1/alerts/nobody", {TITLE_SIGNED}, "{\"title\":\"t\"}", 401},
	    {"/v1/alerts", {TITLE_SIGNED}, "{\"title\":\"t\"}", 401},
	};
	struct desk_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asked asked = asks(w, "POST", cases[i].path, cases[i].body, cases[i].headers);

		if (asked.status != cases[i].status)
			fail_msg("case %zu: %d is not %d: %s", i, asked.status, cases[i].status, asked.text);
		forget(&asked);
	}
}

/* ---- Okta ------------------------------------------------------------------------------------------------- */

static void okta__asking_who_we_are__is_answered_when_it_proves_itself(void **state)
{
	static const char *const right[] = {"Authorization: okta-secret-000000", "X-Okta-Verification-Challenge: abc\"1", NULL};
	static const char *const wrong[] = {"Authorization: other-secret", "X-Okta-Verification-Challenge: abc", NULL};
	static const char *const none[] = {"X-Okta-Verification-Challenge: abc", NULL};
	struct desk_world *w = *state;
	struct asked asked = asks(w, "GET", "/v1/alerts/okta", NULL, right);

	assert_int_equal(asked.status, 200);
	assert_string_equal(json_text(asked.json, "verification"), "abc\"1");
	forget(&asked);
	wants(asks(w, "GET", "/v1/alerts/okta", NULL, wrong), 401);
	wants(asks(w, "GET", "/v1/alerts/okta", NULL, none), 401);
	wants(asks(w, "GET", "/v1/alerts/prom", NULL, right), 403);
	wants(asks_as(w, "GET", "/v1/alerts/A1", OPS, NULL), 404); /* without the challenge it is an alert's id */
}

/* ---- SNS -------------------------------------------------------------------------------------------------- */

static void sns_address__of_another_host__is_never_called(void **state)
{
	static const struct {
		const char *url;
		bool certificate, subscribe;
	} cases[] = {
	    {CERTIFICATE, true, false},
	    {"https://sns.cn-north-1.amazonaws.com.cn/a.pem", true, false},
	    {"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=b", false, true},
	    {"http://sns.us-west-2.amazonaws.com/a.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com.evil.com/a.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com@evil.com/a.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com:8443/a.pem", false, false},
	    {"https://evil.com/sns.us-west-2.amazonaws.com/a.pem", false, false},
	    {"https://evil.com#https://sns.us-west-2.amazonaws.com/a.pem", false, false},
	    {"https://sns.a.b.amazonaws.com/a.pem", false, false},
	    {"https://sns.x.amazonaws.com/a.pem", false, false},
	    {"https://sns..amazonaws.com/a.pem", false, false},
	    {"https://s3.amazonaws.com/a.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com/a.pem?x", false, false},
	    {"https://sns.us-west-2.amazonaws.com/?x=.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com/.pem", false, false},
	    {"https://sns.us-west-2.amazonaws.com/?Action=Subscribe&Endpoint=x", false, false},
	    {"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&a b", false, false},
	    {"", false, false},
	    {NULL, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (sns_certificate_url(cases[i].url) != cases[i].certificate || sns_subscribe_url(cases[i].url) != cases[i].subscribe)
			fail_msg("%s", cases[i].url);
	}
}

/* A key pair and its certificate, as Amazon would have them. */
struct amazon {
	EVP_PKEY *key;
	char *pem;
};

static struct amazon amazon_new(int64_t from, int64_t until)
{
	struct amazon amazon = {.key = EVP_RSA_gen(2048)};
	X509 *x509 = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	ASN1_TIME_set(X509_getm_notBefore(x509), from);
	ASN1_TIME_set(X509_getm_notAfter(x509), until);
	X509_set_pubkey(x509, amazon.key);
	X509_sign(x509, amazon.key, EVP_sha256());
	PEM_write_bio_X509(bio, x509);
	len = BIO_get_mem_data(bio, &data);
	amazon.pem = xstrndup(data, (size_t)len);
	BIO_free(bio);
	X509_free(x509);
	return amazon;
}

static void amazon_fini(struct amazon *amazon)
{
	EVP_PKEY_free(amazon->key);
	free(amazon->pem);
}

/* A message of TYPE, signed as its VERSION wants; the caller frees. */
static char *sns_message(const struct amazon *amazon, const char *type, const char *version, const char *topic, const char *text)
{
	const bool is_note = strcmp(type, "Notification") == 0;
	char signed_text[2048], signature[1024];
	unsigned char raw[512];
	size_t len = sizeof(raw);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	cJSON *json = cJSON_CreateObject();
	char *body;

	if (is_note)
		snprintf(signed_text, sizeof(signed_text), "Message\n%s\nMessageId\nm-1\nSubject\nNews\nTimestamp\n2026-03-02T12:00:00Z\nTopicArn\n%s\nType\n%s\n",
		    text, topic, type);
	else
		snprintf(signed_text, sizeof(signed_text),
		    "Message\n%s\nMessageId\nm-1\nSubscribeURL\nhttps://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=tok\nTimestamp\n"
		    "2026-03-02T12:00:00Z\nToken\ntok\nTopicArn\n%s\nType\n%s\n",
		    text, topic, type);
	EVP_DigestSignInit(context, NULL, strcmp(version, "2") == 0 ? EVP_sha256() : EVP_sha1(), NULL, amazon->key);
	assert_int_equal(EVP_DigestSign(context, raw, &len, (const unsigned char *)signed_text, strlen(signed_text)), 1);
	EVP_MD_CTX_free(context);
	EVP_EncodeBlock((unsigned char *)signature, raw, (int)len);
	json_put(json, "Type", type);
	json_put(json, "MessageId", "m-1");
	json_put(json, "TopicArn", topic);
	if (is_note)
		json_put(json, "Subject", "News");
	json_put(json, "Message", text);
	json_put(json, "Timestamp", "2026-03-02T12:00:00Z");
	if (!is_note) {
		json_put(json, "Token", "tok");
		json_put(json, "SubscribeURL", "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=tok");
	}
	json_put(json, "SignatureVersion", version);
	json_put(json, "Signature", signature);
	json_put(json, "SigningCertURL", CERTIFICATE);
	body = json_write(json);
	cJSON_Delete(json);
	return body;
}

static int posts_sns(struct desk_world *w, const char *type, char *body)
{
	char line[96];
	const char *const headers[] = {line, NULL};
	struct asked asked;
	int status;

	snprintf(line, sizeof(line), "x-amz-sns-message-type: %s", type);
	asked = asks(w, "POST", "/v1/alerts/aws", body, headers);
	status = asked.status;
	forget(&asked);
	free(body);
	return status;
}

static void sns__signed_by_amazon__is_taken_once_the_certificate_is_here(void **state)
{
	struct desk_world *w = *state;
	struct amazon amazon = amazon_new(NOON - 86400, NOON + 86400), mallory = amazon_new(NOON - 86400, NOON + 86400);
	const char *note = "Notification", *confirm = "SubscriptionConfirmation";
	const char *url;

	/* The certificate is not here: it is asked for, once, and Amazon sends the message again. */
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "1", TOPIC, "hello")), 503);
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "1", TOPIC, "hello")), 503);
	url = sns_next(w->desk->sns, NOON);
	assert_string_equal(url, CERTIFICATE);
	assert_null(sns_next(w->desk->sns, NOON));
	sns_fetched(w->desk->sns, url, NOON, 200, amazon.pem, strlen(amazon.pem));

	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "1", TOPIC, "hello")), 202);
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "2", TOPIC, "hello")), 202);
	assert_int_equal(posts_sns(w, note, sns_message(&mallory, note, "1", TOPIC, "hello")), 403);
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "3", TOPIC, "hello")), 403);
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "1", "arn:aws:sns:us-west-2:666:Evil", "hello")), 403);
	assert_int_equal(posts_sns(w, note, xstrdup("{}")), 403);
	assert_int_equal(posts_sns(w, note, xstrdup("nonsense")), 403);
	/* A subscription is confirmed, only what is signed. */
	assert_int_equal(posts_sns(w, confirm, sns_message(&mallory, confirm, "1", TOPIC, "visit us")), 403);
	assert_null(sns_next(w->desk->sns, NOON));
	assert_int_equal(posts_sns(w, confirm, sns_message(&amazon, confirm, "1", TOPIC, "visit us")), 202);
	url = sns_next(w->desk->sns, NOON);
	assert_string_equal(url, "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=tok");
	sns_fetched(w->desk->sns, url, NOON, 500, NULL, 0);
	assert_null(sns_next(w->desk->sns, NOON));
	assert_non_null(sns_next(w->desk->sns, NOON + SNS_AGAIN_S));
	/* Calling its address would subscribe again. */
	sns_fetched(w->desk->sns, url, NOON, 200, "", 0);
	assert_int_equal(posts_sns(w, "UnsubscribeConfirmation", sns_message(&amazon, "UnsubscribeConfirmation", "1", TOPIC, "bye")), 202);
	assert_null(sns_next(w->desk->sns, NOON + 3600));
	/* Its time is over. */
	w->desk->now = NOON + 2 * 86400;
	assert_int_equal(posts_sns(w, note, sns_message(&amazon, note, "1", TOPIC, "hello")), 403);
	amazon_fini(&amazon);
	amazon_fini(&mallory);
}

/* ---- rates ------------------------------------------------------------------------------------------------ */

static void source__that_sends_more_than_its_rate__is_told_when_to_come_back(void **state)
{
	struct desk_world *w = *state;
	struct asked asked;

	wants(asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}"), 202);
	wants(asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}"), 202);
	asked = asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}");
	assert_int_equal(asked.status, 429);
	assert_int_equal(asked.retry_after_s, 2);
	forget(&asked);
	/* Others are not held up. */
	wants(asks_as(w, "POST", "/v1/alerts/both", "both-secret-000000", "{\"title\":\"t\"}"), 202);
	w->desk->now -= 3600; /* a clock that is set back gives nothing */
	wants(asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}"), 429);
	w->desk->now += 2;
	wants(asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}"), 202);
	wants(asks_as(w, "POST", "/v1/alerts/slow", "slow-secret-000000", "{\"title\":\"t\"}"), 429);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(signature__of_a_body__holds_only_when_it_is_right, setup, teardown),
	    cmocka_unit_test_setup_teardown(signature__of_another_time__does_not_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(sender__by_what_it_brings__is_let_in_or_told_why_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(okta__asking_who_we_are__is_answered_when_it_proves_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(sns_address__of_another_host__is_never_called, setup, teardown),
	    cmocka_unit_test_setup_teardown(sns__signed_by_amazon__is_taken_once_the_certificate_is_here, setup, teardown),
	    cmocka_unit_test_setup_teardown(source__that_sends_more_than_its_rate__is_told_when_to_come_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
