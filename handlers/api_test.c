/* api_test - POST /v1/test: an alert that says of itself that it is a test, made so that the route named takes it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/alerts.h"
#include "handlers/api_internal.h"

#define PREFIX "TEST: "
#define RULE "headsup-test"
#define LABEL "test"
#define DESCRIPTION "Somebody tries how alerts are told. Nothing happened."
#define KEY_SIZE 33 /* of what makes its dedup key unlike any other: 32 hex digits */
#define SHOWN 100   /* bytes of a name in a refusal */

/* ALERT as ROUTE (NULL: none in particular) and WITH want it, marked as the test that it is. */
static void make(const struct call *call, const struct route_config *route,
    const struct matches *with, struct alert *alert)
{
	char key[KEY_SIZE], *title;

	alert_init(alert);
	alert->severity = SEVERITY_INFO;
	alert->source = xstrdup(call->caller.actor.who);
	alert->rule = xstrdup(RULE);
	alert->title = xasprintf("a test alert, sent by %s", call->caller.actor.who);
	if (route != NULL)
		alert_imagine(&route->matches, alert);
	alert_imagine(with, alert);
	title = xasprintf(PREFIX "%s", alert->title != NULL ? alert->title : "");
	alert_set_text(alert, field_find("title"), title);
	replace_text(&alert->description, DESCRIPTION);
	alert_add_label(alert, LABEL, "true");
	random_hex(key, sizeof(key));
	free(alert->dedup_key);
	alert->dedup_key = xasprintf(RULE "-%s", key);
	free(title);
}

/* Does ALERT come to the route at AT? What is before it, and says no `continue: true`, keeps it. */
static bool reaches(
    const struct config *config, const struct alert *alert, size_t at, struct error *err)
{
	const struct matches *matches = &config->routes[at].matches;
	char why[256];

	for (size_t i = 0; i < matches->count; i++) {
		if (match_holds(matches->list[i], alert, NULL))
			continue;
		match_explain(matches->list[i], alert, why, sizeof(why));
		return error_set(err, ERROR_CONFLICT,
		    "no test alert for the route %.*s can be made up (%s); say what it is to be "
		    "like, as in host=web-1",
		    SHOWN, config->routes[at].name, why);
	}
	for (size_t i = 0; i < at; i++) {
		if (matches_hold(&config->routes[i].matches, alert) && !config->routes[i].goes_on)
			return error_set(err, ERROR_CONFLICT,
			    "such an alert does not come to the route %.*s: %.*s, which is before "
			    "it, takes it",
			    SHOWN, config->routes[at].name, SHOWN, config->routes[i].name);
	}
	return true;
}

static bool is_named(const struct route_config *route, const char *name)
{
	return text_equal(route->name, name) || text_equal(route->channel, name);
}

/* Makes ALERT (which is initialised) anew for the first of the routes of that name which takes it. */
static bool make_for(const struct call *call, const char *name, const struct matches *with,
    struct alert *alert, struct error *err)
{
	const struct config *config = call->desk->config;
	bool is_known = false;

	if (name == NULL) {
		alert_fini(alert);
		make(call, NULL, with, alert);
		return true;
	}
	for (size_t i = 0; i < config->route_count; i++) {
		if (!is_named(&config->routes[i], name))
			continue;
		is_known = true;
		alert_fini(alert);
		make(call, &config->routes[i], with, alert);
		if (reaches(config, alert, i, err))
			return true;
	}
	if (!is_known)
		error_set(err, ERROR_NOT_FOUND,
		    "there is no route %.*s; a route is named as its channel, without the #", SHOWN,
		    name);
	return false;
}

/* "match": ["severity=critical", …]: each says one thing that the alert is to be. */
static bool read_matches(const cJSON *json, struct matches *with, struct error *err)
{
	const cJSON *list = json_get(json, "match"), *item;
	char *texts[MATCH_MAX];
	size_t count = 0;

	if (list != NULL && !cJSON_IsNull(list) && !cJSON_IsArray(list))
		return error_set(
		    err, ERROR_USAGE, "\"match\" must be a list; try [\"severity=critical\"]");
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item) || count == MATCH_MAX)
			return error_set(err, ERROR_USAGE,
			    "\"match\" has at most %d strings; try [\"severity=critical\"]",
			    MATCH_MAX);
		texts[count++] = item->valuestring;
	}
	if (!matches_parse(texts, count, with, err))
		return false;
	for (size_t i = 0; i < with->count; i++) {
		const struct match *match = with->list[i];

		if (match->op != MATCH_EQUAL || match->value_count != 1 || match->values[0].is_glob)
			return error_set(err, ERROR_USAGE,
			    "a test alert is made of field=value, without * or lists; try "
			    "severity=critical");
	}
	return true;
}

static void answer(struct call *call, const struct alert *alert)
{
	const struct config *config = call->desk->config;
	cJSON *json = cJSON_CreateObject(), *entry = cJSON_CreateObject();
	char id[24];

	snprintf(id, sizeof(id), "A%" PRId64, alert->id);
	json_put(entry, "id", id);
	json_put(entry, "status", alert_status_name(alert->status));
	json_put(entry, "route", alert->route > 0 ? config->routes[alert->route - 1].name : NULL);
	json_put(entry, "channel", alert->channel);
	cJSON_AddBoolToObject(entry, "pages", alert->page_status != NULL);
	json_put_int(json, "accepted", 1);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "alerts"), entry);
	cJSON_AddArrayToObject(json, "errors");
	api_json(call->answer, 202, json);
}

void api_test(struct call *call)
{
	cJSON *json = api_object(call);
	const cJSON *route = json_get(json, "route");
	struct matches with = {0};
	struct alert alert;
	struct error err;
	bool ok;

	if (json == NULL)
		return;
	alert_init(&alert);
	if (route != NULL && !cJSON_IsNull(route) && !cJSON_IsString(route))
		ok = error_set(&err, ERROR_USAGE, "\"route\" must be a string: a channel's name");
	else
		ok = read_matches(json, &with, &err) &&
		     make_for(call, json_text(json, "route"), &with, &alert, &err) &&
		     intake(call->desk, &alert, &err);
	if (ok)
		answer(call, &alert);
	else
		api_refuse(call, &err);
	call->is_stored = ok;
	alert_fini(&alert);
	matches_fini(&with);
	cJSON_Delete(json);
}
