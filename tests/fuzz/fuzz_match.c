/* A MATCH, a line end, and the value that it is held against. What is parsed is canonical, and
 * matching always ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(const struct match *match, const char *value)
{
	struct match *list[] = {(struct match *)(uintptr_t)match};
	struct matches matches = {.list = list, .count = 1};
	struct alert alert;
	char why[64];
	bool broken = false, held;

	alert_init(&alert);
	if (match->field != NULL)
		alert_set_text(&alert, match->field, value);
	else
		alert_add_label(&alert, match->name, value);
	held = match_holds(match, &alert, &broken);
	if (held &&
	    (broken || !matches_hold(&matches, &alert) || !matches_may_hold(&matches, &alert)))
		abort();
	match_explain(match, &alert, why, sizeof(why));
	if (strlen(why) >= sizeof(why))
		abort();
	alert_fini(&alert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *value = strchr(text, '\n');
	struct match *match, *again;
	struct error err = {0};

	if (value != NULL)
		*value++ = '\0';
	else
		value = text;
	match = match_parse(text, &err);
	if (match == NULL) {
		if (err.kind != ERROR_USAGE || err.text[0] == '\0')
			abort();
		free(text);
		return 0;
	}
	if (strlen(match->source) <= MATCH_TEXT_MAX) {
		again = match_parse(match->source, &err);
		if (again == NULL || strcmp(again->source, match->source) != 0 ||
		    again->value_count != match->value_count)
			abort();
		match_free(again);
	}
	match_is_specific(match);
	hold(match, value);
	hold(match, "");
	hold(match, "web-1");
	glob_matches(text, value);
	match_free(match);
	free(text);
	return 0;
}
