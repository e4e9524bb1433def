/* fuzz_answer - what Slack, a response_url or PagerDuty may answer: a status, then a body of any
 * bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bot/form.h"
#include "bot/outcome.h"
#include "config/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {0, 200, 202, 302, 400, 404, 408, 429, 500, 503};
	static const char *const methods[] = {
	    "chat.postMessage", "chat.update", "views.open", "users.info"};
	struct spoken spoken = {0};
	struct web_answer answer = {.retry_after_s = -1};
	struct outcome outcome;
	struct buf form;
	char *body;

	if (size < 2)
		return 0;
	body = xstrndup((const char *)data + 2, size - 2);
	spoken.peer = (enum word_peer)(data[0] % 3);
	spoken.method = (char *)methods[(data[0] >> 2) % 4];
	answer.status = statuses[data[1] % 10];
	answer.problem = answer.status == 0 ? "no answer" : NULL;
	answer.body = body;
	answer.body_len = strlen(body);
	outcome_init(&outcome, &spoken, &answer);
	if (memchr(outcome.problem, '\0', sizeof(outcome.problem)) == NULL)
		abort();
	if ((outcome.fate == FATE_SAID) != (outcome.problem[0] == '\0'))
		abort();
	buf_init(&form, 1 << 16);
	form_put_object(&form, outcome.body);
	buf_fini(&form);
	outcome_fini(&outcome);
	free(body);
	return 0;
}
