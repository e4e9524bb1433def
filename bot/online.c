#include "bot/online.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bot/form.h"
#include "bot/loop.h"
#include "bot/web.h"
#include "config/base/json.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "handlers/pagerduty/rest.h"

#define BODY_MAX 65536
#define CLOSE_TURNS 100 /* turns of the loop in which handles may close */
#define TEXT_MAX 80     /* bytes of a name that a peer told */

/* What the manifest of deploy/ asks for, and what each is needed for. */
static const struct scope {
	const char *name, *why;
} scopes[] = {
    {"app_mentions:read", "mentions"},
    {"channels:history", "looking whether something was said already"},
    {"channels:read", "finding channels"},
    {"chat:write", "posting"},
    {"commands", "the slash command"},
    {"im:history", "direct messages"},
    {"users:read", "names and time zones"},
    {"users:read.email", "knowing people in PagerDuty"},
};

struct tried {
	const struct config *config;
	FILE *out;
	uv_loop_t uv;
	struct loop loop;
	struct web *web;
	bool all_hold;
	bool posts_anywhere; /* chat:write.public: channels that are public need no invitation */
	/* Of the call that was made last. */
	bool is_over;
	int status;
	cJSON *body;
	char *problem, *scopes;
};

static void say(struct tried *tried, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct tried *tried, bool holds, const char *format, ...)
{
	va_list args;

	fputs(holds ? "ok    " : "FAIL  ", tried->out);
	va_start(args, format);
	vfprintf(tried->out, format, args);
	va_end(args);
	fputc('\n', tried->out);
	if (!holds)
		tried->all_hold = false;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static void forget(struct tried *tried)
{
	cJSON_Delete(tried->body);
	free(tried->problem);
	free(tried->scopes);
	tried->body = NULL;
	tried->problem = tried->scopes = NULL;
	tried->status = 0;
	tried->is_over = false;
}

static void on_answer(void *ctx, const struct web_answer *answer)
{
	struct tried *tried = ctx;

	tried->is_over = true;
	tried->status = answer->status;
	tried->problem = xstrdup(answer->problem);
	tried->scopes = xstrdup(web_header(answer, "x-oauth-scopes"));
	if (answer->status != 0)
		tried->body = json_parse(answer->body, answer->body_len, NULL);
}

static void call(struct tried *tried, const struct web_request *request)
{
	forget(tried);
	web_begin(tried->web, request, on_answer, tried);
	while (!tried->is_over)
		uv_run(&tried->uv, UV_RUN_ONCE);
}

/* Why it does not hold: no answer, Slack's or PagerDuty's own word, or the status. Borrowed until the next call. */
static const char *reason(struct tried *tried)
{
	const cJSON *error = json_get(tried->body, "error");
	const char *told = cJSON_IsString(error) ? error->valuestring : json_text(error, "message");

	if (tried->problem == NULL)
		tried->problem = told != NULL && strlen(told) < TEXT_MAX && !text_has_invisible(told)
				     ? xstrdup(told)
				     : xasprintf("status %d", tried->status);
	return tried->problem;
}

/* A text that the peer told, fit for a terminal; "?" when it is not. */
static const char *told(const cJSON *object, const char *name)
{
	const char *text = json_text(object, name);

	return text_is_empty(text) || strlen(text) > TEXT_MAX || text_has_invisible(text) ? "?" : text;
}

/* ---- Slack ----------------------------------------------------------------------------------- */

static bool ask_slack(struct tried *tried, const char *method, const char *token, const struct buf *form)
{
	char *url = xasprintf("%s%s", tried->config->slack.api_url, method);
	const struct web_request request = {.method = "POST", .url = url, .bearer = token, .content_type = FORM_TYPE,
	    .body = form != NULL ? buf_text(form) : "", .body_len = form != NULL ? form->len : 0,
	    .timeout_ms = ONLINE_CALL_MS};

	call(tried, &request);
	free(url);
	return tried->status == 200 && cJSON_IsTrue(json_get(tried->body, "ok"));
}

static bool has_scope(const char *list, const char *name)
{
	const size_t len = strlen(name);

	while (*list != '\0') {
		list += strspn(list, ", ");
		if (strncmp(list, name, len) == 0 && strchr(", ", list[len]) != NULL)
			return true; /* the end counts: strchr finds NUL */
		list += strcspn(list, ", ");
	}
	return false;
}

static void try_scopes(struct tried *tried, const char *list)
{
	tried->posts_anywhere = has_scope(list, "chat:write.public");
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (!has_scope(list, scopes[i].name))
			say(tried, false, "slack scope %s is missing (%s); add it to the app and install it anew", scopes[i].name,
			    scopes[i].why);
	}
}

static bool try_bot_token(struct tried *tried)
{
	if (!ask_slack(tried, "auth.test", tried->config->slack.bot_token, NULL)) {
		say(tried, false, "slack.bot_token: %s", reason(tried));
		return false;
	}
	say(tried, true, "slack.bot_token: @%s of %s", told(tried->body, "user"), told(tried->body, "team"));
	if (tried->scopes != NULL)
		try_scopes(tried, tried->scopes);
	return true;
}

static void try_app_token(struct tried *tried)
{
	if (tried->config->slack.is_rtm)
		return;
	/* The address that it gives is good for one socket, and is left unused. */
	if (ask_slack(tried, "apps.connections.open", tried->config->slack.app_token, NULL))
		say(tried, true, "slack.app_token: Socket Mode");
	else
		say(tried, false, "slack.app_token: %s", reason(tried));
}

static bool is_same_channel(const struct route_config *a, const struct route_config *b)
{
	return strcmp(a->channel, b->channel) == 0;
}

/* Of the routes' channels, each is told about once. */
static bool is_first(const struct config *config, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (is_same_channel(&config->routes[i], &config->routes[at]))
			return false;
	}
	return true;
}

static void say_channel(struct tried *tried, const char *name, const cJSON *channel)
{
	if (json_true(channel, "is_archived"))
		say(tried, false, "channel %s is archived", name);
	else if (!json_true(channel, "is_member") && json_true(channel, "is_private"))
		say(tried, false, "channel %s is private, and headsup is not in it; try: /invite @headsup there", name);
	else if (!json_true(channel, "is_member"))
		say(tried, tried->posts_anywhere, "channel %s: headsup is not in it; try: /invite @headsup there", name);
	else
		say(tried, true, "channel %s", name);
}

/* One page of the list; *CURSOR is replaced, NULL at the end. False: Slack refused. */
static bool look_through(struct tried *tried, bool *is_found, char **cursor)
{
	const struct config *config = tried->config;
	const cJSON *channel;
	const char *next;
	struct buf form;
	bool ok;

	buf_init(&form, BODY_MAX);
	form_put(&form, "types", "public_channel,private_channel");
	form_put(&form, "limit", "1000");
	if (*cursor != NULL)
		form_put(&form, "cursor", *cursor);
	ok = ask_slack(tried, "conversations.list", config->slack.bot_token, &form);
	buf_fini(&form);
	if (!ok)
		return false;
	cJSON_ArrayForEach(channel, json_get(tried->body, "channels"))
	{
		for (size_t i = 0; i < config->route_count; i++) {
			const char *name = config->routes[i].channel;

			if (is_found[i] || (!text_equal(json_text(channel, "id"), name) &&
					       (name[0] != '#' || !text_equal(json_text(channel, "name"), name + 1))))
				continue;
			is_found[i] = true;
			if (is_first(config, i))
				say_channel(tried, name, channel);
		}
	}
	next = json_text(json_get(tried->body, "response_metadata"), "next_cursor");
	replace_text(cursor, text_is_empty(next) ? NULL : next);
	return true;
}

static void try_channels(struct tried *tried)
{
	const struct config *config = tried->config;
	bool *is_found = xcalloc(config->route_count + 1, sizeof(*is_found));
	char *cursor = NULL;

	for (int page = 0; page < ONLINE_PAGES_MAX; page++) {
		if (!look_through(tried, is_found, &cursor)) {
			say(tried, false, "slack's list of channels: %s", reason(tried));
			goto out;
		}
		if (cursor == NULL)
			break;
	}
	for (size_t i = 0; i < config->route_count; i++) {
		if (!is_found[i] && is_first(config, i))
			say(tried, false, "channel %s is not there, or is private and headsup is not in it; try: /invite @headsup there",
			    config->routes[i].channel);
	}
out:
	free(cursor);
	free(is_found);
}

/* ---- PagerDuty ------------------------------------------------------------------------------- */

static bool ask_pagerduty(struct tried *tried, const char *path)
{
	char *url = xasprintf("%s%s", tried->config->pagerduty.api_url, path);
	const struct web_request request = {.method = "GET", .url = url, .token = tried->config->pagerduty.api_token,
	    .accept = "application/vnd.pagerduty+json;version=2", .timeout_ms = ONLINE_CALL_MS};

	call(tried, &request);
	free(url);
	return tried->status == 200;
}

/*
 * The user with that e-mail; NULL: there is none, or *REFUSED. `query` finds parts of names: the e-mail is compared whole.
 * developer.pagerduty.com/api-reference, List users
 */
static const cJSON *user_mailed(struct tried *tried, const char *wanted, bool *refused)
{
	const cJSON *user;

	*refused = false;
	for (int page = 0; page < ONLINE_PAGES_MAX; page++) {
		struct buf query;
		char *path;

		buf_init(&query, BODY_MAX);
		form_put(&query, "query", wanted);
		form_put(&query, "limit", "100");
		buf_printf(&query, "&offset=%d", page * 100);
		path = xasprintf("/users?%s", buf_text(&query));
		buf_fini(&query);
		*refused = !ask_pagerduty(tried, path);
		free(path);
		if (*refused)
			return NULL;
		cJSON_ArrayForEach(user, json_get(tried->body, "users"))
		{
			const char *email = json_text(user, "email");

			if (email != NULL && strcasecmp(email, wanted) == 0)
				return user;
		}
		if (!json_true(tried->body, "more"))
			return NULL;
	}
	return NULL;
}

static void try_from(struct tried *tried)
{
	const char *from = tried->config->pagerduty.from;
	bool refused;
	const cJSON *user = user_mailed(tried, from, &refused);

	if (user != NULL)
		say(tried, true, "pagerduty.from: %s", told(user, "name"));
	else if (refused)
		say(tried, false, "pagerduty.from: %s", reason(tried));
	else
		say(tried, false, "pagerduty.from: nobody in PagerDuty has the e-mail %s; name a user there", from);
}

/* Is there something with that id? WHAT names it in the configuration, FOLDER in PagerDuty. */
static void try_id(struct tried *tried, const char *what, const char *folder, const char *id)
{
	char *path = rest_is_id(id) ? xasprintf("/%s/%s", folder, id) : NULL;

	if (path != NULL && ask_pagerduty(tried, path))
		say(tried, true, "%s: %s", what, id);
	else
		say(tried, false, "%s: %s: %s", what, id, path != NULL ? reason(tried) : "that is no id of PagerDuty's");
	free(path);
}

/* Who has no user there acts as `from`, and a note names them: no mistake, but worth knowing. */
static void try_people(struct tried *tried)
{
	const struct config *config = tried->config;

	for (size_t i = 0; i < config->person_count && i < ONLINE_PEOPLE_MAX; i++) {
		const struct person_config *person = &config->people[i];
		bool refused;

		if (!text_is_empty(person->pagerduty))
			try_id(tried, "people: pagerduty", "users", person->pagerduty);
		else if (!text_is_empty(person->email) && user_mailed(tried, person->email, &refused) == NULL)
			fprintf(tried->out, "      people: %s has no user in PagerDuty, and acts there as pagerduty.from\n", person->email);
	}
}

static void try_policies(struct tried *tried)
{
	const struct config *config = tried->config;

	for (size_t i = 0; i < config->route_count; i++) {
		const char *policy = config->routes[i].escalation_policy;
		bool is_known = policy == NULL;

		for (size_t j = 0; j < i; j++)
			is_known = is_known || text_equal(config->routes[j].escalation_policy, policy);
		if (!is_known)
			try_id(tried, "escalation_policy", "escalation_policies", policy);
	}
}

static void try_pagerduty(struct tried *tried)
{
	const struct pagerduty_config *pagerduty = &tried->config->pagerduty;

	if (pagerduty->api_token == NULL)
		return;
	/* Every token may ask this one: developer.pagerduty.com/api-reference, List abilities */
	if (!ask_pagerduty(tried, "/abilities")) {
		say(tried, false, "pagerduty.api_token: %s%s", reason(tried),
		    tried->status == 401
			? "; make a key under Integrations, API Access Keys; an account in the EU has an api_url of its own"
			: "");
		return;
	}
	say(tried, true, "pagerduty.api_token");
	if (pagerduty->from != NULL)
		try_from(tried);
	try_people(tried);
	try_policies(tried);
}

bool online_check(const struct config *config, FILE *out)
{
	struct tried tried = {.config = config, .out = out, .all_hold = true};
	struct error err = {0};

	uv_loop_init(&tried.uv);
	tried.loop.uv = &tried.uv;
	tried.web = web_new(&tried.loop, config, &err);
	if (tried.web == NULL) {
		say(&tried, false, "%s", err.text);
	} else {
		if (config->slack.is_enabled && try_bot_token(&tried))
			try_channels(&tried);
		if (config->slack.is_enabled)
			try_app_token(&tried);
		if (config->pagerduty.is_enabled)
			try_pagerduty(&tried);
		if (config->pagerduty.is_enabled)
			fputs("      routing keys are not tried: that would page somebody\n", out);
	}
	forget(&tried);
	web_free(tried.web);
	for (int i = 0; i < CLOSE_TURNS && uv_loop_alive(&tried.uv); i++)
		uv_run(&tried.uv, UV_RUN_NOWAIT);
	uv_loop_close(&tried.uv);
	return tried.all_hold;
}
