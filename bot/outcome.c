#include "bot/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/slack_error.h"
#include "config/base/json.h"
#include "config/base/text.h"

static void set_problem(struct outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_problem(struct outcome *outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(outcome->problem, sizeof(outcome->problem), format, args);
	va_end(args);
}

/* Too many requests, the peer's own trouble, or no peer: alike for all peers. False: the answer
 * is about the word. */
static bool judge_peer(struct outcome *outcome, const struct web_answer *answer)
{
	outcome->fate = FATE_AGAIN;
	if (answer->status == 0) {
		outcome->is_outage = true;
		outcome->is_unsure = answer->may_have_arrived;
		set_problem(outcome, "%s", answer->problem);
		return true;
	}
	if (answer->status == 429) {
		outcome->is_limited = true;
		set_problem(outcome, "ratelimited");
		return true;
	}
	if (answer->status >= 500) {
		outcome->is_outage = true;
		outcome->is_unsure = true;
		set_problem(outcome, "status %d", answer->status);
		return true;
	}
	return false;
}

static void judge_slack(
    struct outcome *outcome, const char *method, const struct web_answer *answer)
{
	static const enum fate fates[] = {
	    [CURE_NONE] = FATE_SAID,
	    [CURE_WAIT] = FATE_AGAIN,
	    [CURE_RETRY] = FATE_AGAIN,
	    [CURE_PLAINER] = FATE_PLAINER,
	    [CURE_TARGET] = FATE_PERSON,
	    [CURE_TOKEN] = FATE_TOKEN,
	    [CURE_PERSON] = FATE_PERSON,
	    [CURE_DEAD] = FATE_DEAD,
	};
	const char *error = json_text(outcome->body, "error");
	enum slack_cure cure;

	if (answer->status == 200 && cJSON_IsTrue(json_get(outcome->body, "ok"))) {
		outcome->fate = FATE_SAID;
		return;
	}
	if (text_is_empty(error)) {
		/* Not Slack's way of answering: something stands in between. */
		outcome->fate = FATE_AGAIN;
		outcome->is_outage = true;
		outcome->is_unsure = answer->status == 200;
		set_problem(
		    outcome, "status %d without an answer that can be read", answer->status);
		return;
	}
	cure = slack_cure(method, error);
	outcome->fate = fates[cure];
	outcome->is_limited = cure == CURE_WAIT;
	outcome->is_unsure = cure == CURE_RETRY;
	if (outcome->fate != FATE_SAID)
		set_problem(outcome, "%s", error);
}

/* A response_url: any 2xx is success; docs.slack.dev/interactivity/handling-user-interaction */
static void judge_response_url(struct outcome *outcome, const struct web_answer *answer)
{
	if (answer->status >= 200 && answer->status < 300) {
		outcome->fate = FATE_SAID;
		return;
	}
	outcome->fate = FATE_DEAD;
	set_problem(outcome, "the response_url is gone (status %d)", answer->status);
}

/* developer.pagerduty.com/docs/events-api-v2: 202 is taken; 4xx will never be. */
static void judge_pagerduty(
    struct outcome *outcome, const struct spoken *spoken, const struct web_answer *answer)
{
	const char *key = json_text(spoken->body, "routing_key");
	const cJSON *errors = json_get(outcome->body, "errors");
	const char *reason =
	    cJSON_IsArray(errors) ? cJSON_GetStringValue(cJSON_GetArrayItem(errors, 0)) : NULL;

	if (answer->status >= 200 && answer->status < 300) {
		outcome->fate = FATE_SAID;
		return;
	}
	if (answer->status == 408) {
		outcome->fate = FATE_AGAIN;
		set_problem(outcome, "status 408");
		return;
	}
	outcome->fate = answer->status == 400 || answer->status == 403 || answer->status == 413
			    ? FATE_DEAD
			    : FATE_PERSON;
	if (reason == NULL)
		reason = json_text(outcome->body, "message");
	/* The key is a secret: an answer that repeats it is not kept. */
	if (reason == NULL || (!text_is_empty(key) && strstr(reason, key) != NULL))
		set_problem(outcome, "PagerDuty refused it (status %d)", answer->status);
	else
		set_problem(
		    outcome, "PagerDuty refused it (status %d): %.200s", answer->status, reason);
}

/* An answer that says nothing about the word: PagerDuty is not there, or something stands in
 * between. */
static void judge_silence(struct outcome *outcome, int status, const char *what)
{
	outcome->fate = FATE_AGAIN;
	outcome->is_outage = true;
	outcome->is_unsure = true;
	set_problem(outcome, "status %d%s", status, what);
}

/*
 * developer.pagerduty.com/docs/errors: a conversation makes of a refusal what it can. Nothing of
 * the answer's text is in the problem: that goes into the log.
 */
static void judge_rest(
    struct outcome *outcome, const struct spoken *spoken, const struct web_answer *answer)
{
	const int status = answer->status;
	int64_t code;

	if (status >= 200 && status < 300) {
		if (spoken->verb != NULL && strcmp(spoken->verb, "GET") == 0 &&
		    !cJSON_IsObject(outcome->body))
			judge_silence(outcome, status, " without an answer that can be read");
		else
			outcome->fate = FATE_SAID;
		return;
	}
	if (status < 400 || status == 408) {
		judge_silence(outcome, status, "");
		return;
	}
	if (status == 401) {
		outcome->fate = FATE_TOKEN;
		set_problem(outcome, "status 401");
		return;
	}
	outcome->fate = FATE_SAID;
	outcome->is_refused = true;
	if (json_int(json_get(outcome->body, "error"), "code", &code))
		set_problem(outcome, "status %d, code %" PRId64, status, code);
	else
		set_problem(outcome, "status %d", status);
}

void outcome_init(
    struct outcome *outcome, const struct spoken *spoken, const struct web_answer *answer)
{
	*outcome = (struct outcome){
	    .retry_after_s = answer->retry_after_s, .status = answer->status};
	if (answer->status != 0)
		outcome->body = json_parse(answer->body, answer->body_len, NULL);
	if (answer->is_unfit && spoken->peer == PEER_PAGERDUTY_API) {
		/* As PagerDuty itself would say to it. */
		outcome->status = 400;
		outcome->is_unfit = outcome->is_refused = true;
		outcome->fate = FATE_SAID;
		set_problem(outcome, "%s", answer->problem);
		return;
	}
	if (judge_peer(outcome, answer))
		return;
	switch (spoken->peer) {
	case PEER_SLACK:
		judge_slack(outcome, spoken->method, answer);
		return;
	case PEER_RESPONSE_URL:
		judge_response_url(outcome, answer);
		return;
	case PEER_PAGERDUTY_EVENTS:
		judge_pagerduty(outcome, spoken, answer);
		return;
	case PEER_PAGERDUTY_API:
		judge_rest(outcome, spoken, answer);
		return;
	}
}

void outcome_fini(struct outcome *outcome)
{
	cJSON_Delete(outcome->body);
	outcome->body = NULL;
}
