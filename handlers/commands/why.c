#include <inttypes.h>

#include "config/base/text.h"
#include "handlers/announcements.h"
#include "handlers/commands_internal.h"
#include "handlers/slack_text.h"

#define MATCH_UNITS 200
#define MARK_UNITS 400

static void put_route(const struct desk *desk, const struct alert *alert, struct buf *out)
{
	const struct config *config = desk->config;
	const struct matches *matches;

	buf_printf(out, "*A%" PRId64 "* ", alert->id);
	if (alert->route < 1 || (size_t)alert->route > config->route_count) {
		buf_puts(out, "took no route that is still configured.\n");
		return;
	}
	buf_printf(out, "took route %" PRId64 " to ", alert->route);
	buf_put_mrkdwn(out, alert->channel, MATCH_UNITS);
	matches = &config->routes[alert->route - 1].matches;
	buf_puts(out,
	    matches->count > 0 ? ", because of" : ", which takes everything that no other takes");
	for (size_t i = 0; i < matches->count; i++) {
		buf_putc(out, ' ');
		buf_put_code(out, matches->list[i]->source, MATCH_UNITS);
	}
	buf_puts(out, alert->page_key != NULL ? "; it pages.\n" : ".\n");
}

static bool why_run(struct desk *desk, const struct asked *asked, struct words *words,
    struct buf *answer, struct error *err)
{
	struct alert_ids ids = {.count = 0};
	struct alert *alert;

	if (!command_ids(asked, words, &why_command, &ids, err) ||
	    !command_is_over(words, &why_command, err))
		return false;
	if (ids.count > 1)
		return error_set(
		    err, ERROR_USAGE, "one alert at a time; try: %s", why_command.example);
	alert = storage_alert(desk->storage, ids.list[0], err);
	if (alert == NULL)
		return false;
	put_route(desk, alert, answer);
	if (alert->status == ALERT_EXPECTED)
		buf_printf(answer, "It disturbed nobody: H%" PRId64 " announced it.\n",
		    alert->announcement);
	if (alert->mark != NULL) {
		buf_puts(answer, "It stands out: ");
		buf_put_mrkdwn(answer, alert->mark, MARK_UNITS);
		buf_puts(answer, ".\n");
	}
	announcements_explain(desk, alert, answer);
	alert_free(alert);
	return true;
}

const struct command why_command = {
    .name = "why",
    .usage = "why A1042",
    .help = "its route and why; which announcements were considered, and what kept the nearest "
	    "from matching",
    .example = "why A1042",
    .needs = ROLE_ANYONE,
    .run = why_run,
};
