/* fault - what goes wrong because a test asked for it. */
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "tests/simulator/pd.h"

static void fault_free(struct sim_fault *fault)
{
	free(fault->method);
	free(fault->channel);
	free(fault->key);
	free(fault->error);
	free(fault->body);
	cJSON_Delete(fault->extra);
	free(fault);
}

/* "*" is every method of Slack's; "pagerduty" is all of PagerDuty's, "pagerduty.rest" its REST API.
 */
static bool method_fits(const char *pattern, const char *method)
{
	if (strcmp(pattern, "*") == 0)
		return !text_prefix(method, "pagerduty");
	if (strcmp(pattern, "pagerduty") == 0 || strcmp(pattern, "pagerduty.rest") == 0)
		return text_prefix(method, pattern);
	return strcmp(pattern, method) == 0;
}

struct sim_fault *sim_fault_hit(
    struct sim *sim, const char *method, const char *channel, const char *key)
{
	struct sim_fault *fault;

	for (fault = sim->faults; fault != NULL; fault = fault->next) {
		if (fault->times == 0 || !method_fits(fault->method, method))
			continue;
		if (fault->channel != NULL && !text_equal(fault->channel, channel))
			continue;
		if (fault->key != NULL && !text_equal(fault->key, key))
			continue;
		if (fault->after > 0) {
			fault->after--;
			continue;
		}
		if (fault->times > 0)
			fault->times--;
		return fault;
	}
	return NULL;
}

bool sim_fault_applies(const struct sim_fault *fault)
{
	if (fault == NULL)
		return true;
	if (fault->apply >= 0)
		return fault->apply != 0;
	if (fault->cut || fault->truncate)
		return true;
	/* A slow answer is a late answer: what was asked is done at once. */
	return fault->delay_ms > 0 && fault->status == 0 && fault->error == NULL && !fault->hang;
}

static bool add_ws(struct sim *sim, const char *what, const cJSON *json, const char **problem)
{
	struct sim_ws_faults *faults = &sim->ws_faults;
	int64_t times = sim_int(json, "times", 1);

	if (strcmp(what, "disconnect") == 0) {
		const char *reason = sim_text(json, "reason");

		sim_socket_disconnect(sim, reason != NULL ? reason : "warning");
	} else if (strcmp(what, "drop") == 0) {
		sim_socket_drop(sim);
	} else if (strcmp(what, "silent") == 0) {
		sim_socket_silence(sim, true);
	} else if (strcmp(what, "no_hello") == 0) {
		faults->no_hello = times;
	} else if (strcmp(what, "hello_delay") == 0) {
		faults->hello_delay_ms = sim_int(json, "delay_ms", 1000);
	} else if (strcmp(what, "refuse") == 0) {
		faults->refuse = times;
	} else if (strcmp(what, "duplicate") == 0) {
		faults->duplicate = times;
		faults->same_id = sim_true(json, "same_envelope_id");
	} else if (strcmp(what, "lose") == 0) {
		faults->lose = times;
	} else if (strcmp(what, "late") == 0) {
		faults->late = times;
		faults->late_ms = sim_int(json, "delay_ms", 500);
	} else if (strcmp(what, "fragment") == 0) {
		faults->fragment = true;
	} else if (strcmp(what, "pad") == 0) {
		faults->pad_bytes = sim_int(json, "bytes", 100000);
	} else {
		*problem = "ws: one of disconnect drop silent no_hello hello_delay refuse "
			   "duplicate lose late fragment pad";
		return false;
	}
	return true;
}

bool sim_fault_add(struct sim *sim, const cJSON *json, const char **problem)
{
	const char *method = sim_text(json, "method"), *ws = sim_text(json, "ws"),
		   *channel = sim_text(json, "channel");
	struct sim_fault *fault, **end;

	if (sim_true(json, "clear")) {
		sim_faults_clear(sim);
		return true;
	}
	if (ws != NULL)
		return add_ws(sim, ws, json, problem);
	if (sim_text(json, "webhook") != NULL)
		return pd_hook_fault_add(sim, json, problem);
	if (method == NULL) {
		*problem = "method, ws, webhook or clear is wanted";
		return false;
	}
	fault = xcalloc(1, sizeof(*fault));
	fault->method = xstrdup(method);
	if (channel != NULL) {
		const struct sim_channel *known = sim_channel_named(sim, channel);

		fault->channel = xstrdup(known != NULL ? known->id : channel);
	}
	fault->key = xstrdup(sim_text(json, "routing_key"));
	fault->after = sim_int(json, "after", 0);
	fault->times = sim_int(json, "times", 1);
	fault->status = sim_int(json, "status", 0);
	fault->retry_after = sim_int(json, "retry_after", -1);
	fault->delay_ms = sim_int(json, "delay_ms", 0);
	fault->error = xstrdup(sim_text(json, "error"));
	fault->body = xstrdup(sim_text(json, "body"));
	fault->extra = cJSON_Duplicate(sim_get(json, "extra"), true);
	fault->hang = sim_true(json, "hang");
	fault->cut = sim_true(json, "cut");
	fault->truncate = sim_true(json, "truncate");
	fault->bare = sim_true(json, "bare");
	fault->apply = sim_has(json, "apply") ? sim_true(json, "apply") : -1;
	for (end = &sim->faults; *end != NULL; end = &(*end)->next)
		continue;
	*end = fault;
	return true;
}

void sim_faults_clear(struct sim *sim)
{
	struct sim_request *request, *next;

	while (sim->faults != NULL) {
		struct sim_fault *fault = sim->faults;

		sim->faults = fault->next;
		fault_free(fault);
	}
	memset(&sim->ws_faults, 0, sizeof(sim->ws_faults));
	pd_hook_faults_clear(sim);
	sim_socket_silence(sim, false);
	/* What hangs is let go. */
	for (request = sim->requests; request != NULL; request = next) {
		next = request->next;
		if (request->is_suspended && request->waiting == NULL && request->timer == NULL)
			sim_reply_drop(request);
	}
}

static void on_late(void *ctx)
{
	struct sim_request *request = ctx;
	char *answer = request->answer;
	size_t len = request->answer_len;

	request->timer = NULL;
	request->answer = NULL;
	if (request->is_dropped)
		sim_reply_drop(request);
	else
		sim_reply(request, request->status, request->answer_type, answer, len);
}

void sim_fault_reply(struct sim_request *request, const struct sim_fault *fault, int status,
    const char *type, char *answer)
{
	size_t len = strlen(answer);

	if (fault != NULL && fault->hang) {
		free(answer);
		return;
	}
	if (fault != NULL && fault->cut) {
		free(answer);
		sim_reply_drop(request);
		return;
	}
	if (fault != NULL && fault->status != 0)
		status = (int)fault->status;
	if (fault != NULL && fault->retry_after >= 0)
		request->retry_after = fault->retry_after;
	if (fault != NULL && fault->body != NULL) {
		free(answer);
		answer = xstrdup(fault->body);
		len = strlen(answer);
	}
	if (fault != NULL && fault->truncate)
		len /= 2;
	if (fault == NULL || fault->delay_ms <= 0) {
		sim_reply(request, status, type, answer, len);
		return;
	}
	request->status = status;
	request->answer_type = type;
	request->answer = answer;
	request->answer_len = len;
	request->timer = sim_after(request->sim, fault->delay_ms, on_late, request);
}
