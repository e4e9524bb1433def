/* config - the sections of the file, one table each, and what must hold between them. */
#include "config/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/base/buf.h"
#include "config/base/memory.h"
#include "config/base/text.h"
#include "config/base/when.h"
#include "config/check.h"

#define CONFIG_DEFAULT_PATH "/etc/headsup/headsup.yaml"
#define NAME_MAX_LEN 64 /* characters of a source's or token's name */
#define COUNT_MAX 1000000000
#define AT(type, field) .offset = offsetof(struct type, field)

/* Room for one more in an array of the configuration; the new one is all zero. */
#define GROW(array, count)                                                \
	((array) = xreallocarray((array), (count) + 1, sizeof(*(array))), \
	    memset(&(array)[(count)], 0, sizeof(*(array))), &(array)[(count)++])

/* ---- words ---------------------------------------------------------------------------------------------- */

static const char *const severity_words[] = {"info", "low", "medium", "high", "critical", NULL};

/* A name that stands in URLs and logs. */
static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

/* U0ALICE, S0TEAM, C0SEC: one of the letters KINDS, then capitals and digits. */
static bool slack_id_is_good(const char *id, const char *kinds)
{
	size_t len = strlen(id);

	if (len < 2 || len > 32 || !strchr(kinds, id[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isupper((unsigned char)id[i]) && !isdigit((unsigned char)id[i]))
			return false;
	return true;
}

static bool email_is_good(const char *email)
{
	const char *at = strchr(email, '@');

	return at != NULL && at != email && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
	       strpbrk(email, " \t\r\n<>,;\"") == NULL;
}

/* Reads a name into *INTO, when it is a good one. */
static void read_name(struct check *check, const struct yaml_node *node, char **into)
{
	char *text = check_text(check, node, "name");

	if (text != NULL && name_is_good(text)) {
		free(*into);
		*into = text;
		return;
	}
	if (text != NULL)
		yaml_mistake(check->yaml, node,
		    "a name is letters, digits, dashes, dots and underscores, at most %d",
		    NAME_MAX_LEN);
	free(text);
}

static void read_email(
    struct check *check, const struct yaml_node *node, const char *what, char **into)
{
	char *text = check_text(check, node, what);

	if (text != NULL && email_is_good(text)) {
		free(*into);
		*into = text;
		return;
	}
	if (text != NULL)
		yaml_mistake(
		    check->yaml, node, "%s is an e-mail address, like headsup@example.com", what);
	free(text);
}

static void read_slash(char **url, bool wants)
{
	size_t len;

	if (*url == NULL)
		return;
	len = strlen(*url);
	while (len > 0 && (*url)[len - 1] == '/')
		(*url)[--len] = '\0';
	if (wants) {
		char *with = xasprintf("%s/", *url);

		free(*url);
		*url = with;
	}
}

/* ---- listen, store, tls, log ---------------------------------------------------------------------------- */

static bool split_listen(const char *text, char **host, int *port)
{
	const char *colon = strrchr(text, ':');
	char *name;
	unsigned char space[16];
	long number = 0;

	if (colon == NULL || colon == text || colon[1] == '\0' || strlen(colon + 1) > 5)
		return false;
	for (const char *c = colon + 1; *c != '\0'; c++) {
		if (!isdigit((unsigned char)*c))
			return false;
		number = number * 10 + *c - '0';
	}
	if (number > 65535)
		return false;
	if (text[0] == '[' && colon[-1] == ']') {
		name = xstrndup(text + 1, (size_t)(colon - text - 2));
		if (inet_pton(AF_INET6, name, space) != 1) {
			free(name);
			return false;
		}
	} else {
		name = xstrndup(text, (size_t)(colon - text));
		if (strcmp(name, "localhost") == 0)
			replace_text(&name, "127.0.0.1");
		if (inet_pton(AF_INET, name, space) != 1) {
			free(name);
			return false;
		}
	}
	free(*host);
	*host = name;
	*port = (int)number;
	return true;
}

static void read_listen(struct check *check, const struct yaml_node *node, void *into)
{
	struct config *config = into;
	char *text = check_text(check, node, "listen");

	if (text != NULL && !split_listen(text, &config->listen_host, &config->listen_port))
		yaml_mistake(check->yaml, node,
		    "listen is ADDRESS:PORT, like 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080");
	free(text);
}

static void read_store(struct check *check, const struct yaml_node *node, void *into)
{
	struct config *config = into;
	char *text = check_text(check, node, "store");

	if (text == NULL)
		return;
	if (text_prefix(text, "postgresql:") || text_prefix(text, "postgres:"))
		yaml_mistake(check->yaml, node,
		    "store: this version of headsup keeps its data in SQLite: "
		    "sqlite:///var/lib/headsup/headsup.db");
	else if (strcmp(text, "sqlite::memory:") != 0 &&
		 (!text_prefix(text, "sqlite:///") || text[10] == '\0'))
		yaml_mistake(check->yaml, node,
		    "store is sqlite:// and an absolute path, like "
		    "sqlite:///var/lib/headsup/headsup.db");
	else
		replace_text(&config->store, text);
	free(text);
}

static void warn_of_readable(struct check *check, const struct yaml_node *node, const char *path)
{
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		yaml_warning(check->yaml, node,
		    "key_file can be read by others (mode %04o); chmod 600 it",
		    (unsigned)(st.st_mode & 07777));
}

static void read_tls(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"cert_file", KEY_FILE, AT(config, tls_cert_file), .is_required = true},
	    {"key_file", KEY_FILE, AT(config, tls_key_file), .is_required = true},
	    {0},
	};
	struct config *config = into;

	if (yaml_is_null(node))
		return;
	if (check_section(check, node, "tls", keys, config))
		warn_of_readable(check, yaml_get(node, "key_file"), config->tls_key_file);
}

/* A proxy is spoken to in the clear on the way to TLS (CONNECT), so http:// is taken anywhere here. */
static void read_proxy(struct check *check, const struct yaml_node *node, void *into)
{
	struct config *config = into;
	char *text = check_text(check, node, "proxy"), why[256], *with_s, *bare;
	const char *host, *at;

	if (text == NULL)
		return;
	/* A user and password may stand before the @: hidden from excerpts by their looks, and checked without. */
	host = strstr(text, "://");
	at = host ? memchr(host, '@', strcspn(host + 3, "/?#") + 3) : NULL;
	bare =
	    at != NULL ? xasprintf("%.*s%s", (int)(host + 3 - text), text, at + 1) : xstrdup(text);
	with_s = text_prefix(bare, "http://") ? xasprintf("https%s", bare + 4) : xstrdup(bare);
	if (!url_is_taken(with_s, "https", why, sizeof(why)))
		yaml_mistake(check->yaml, node, "proxy is like http://proxy.example.com:3128");
	else
		replace_text(&config->proxy, text);
	free(with_s);
	free(bare);
	free(text);
}

static void read_log_level(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"error", "warn", "info", "debug", NULL};
	struct config *config = into;
	int word = check_word(check, node, "level", words);

	if (word >= 0)
		config->log_level = (enum log_level)word;
}

static void read_log_format(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"text", "json", NULL};
	struct config *config = into;
	int word = check_word(check, node, "format", words);

	if (word >= 0)
		config->log_json = word == 1;
}

static void read_log(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"level", KEY_NODE, .read = read_log_level},
	    {"format", KEY_NODE, .read = read_log_format},
	    {0},
	};

	if (!yaml_is_null(node))
		check_section(check, node, "log", keys, into);
}

/* ---- slack, pagerduty ----------------------------------------------------------------------------------- */

static void read_slack_mode(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"socket", "rtm", NULL};
	struct slack_config *slack = into;
	int word = check_word(check, node, "mode", words);

	if (word >= 0)
		slack->is_rtm = word == 1;
}

static void read_slack_command(struct check *check, const struct yaml_node *node, void *into)
{
	struct slack_config *slack = into;
	char *text = check_text(check, node, "command");
	size_t len = text ? strlen(text) : 0;

	/* api.slack.com/interactivity/slash-commands: a slash, no blanks, 32 characters at most */
	if (text != NULL && (text[0] != '/' || len < 2 || len > 32 ||
				strpbrk(text + 1, "/ \t\r\n") != NULL || text_has_invisible(text)))
		yaml_mistake(check->yaml, node, "command is a slash and a word, like /headsup");
	else if (text != NULL)
		replace_text(&slack->command, text);
	free(text);
}

static void read_slack(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"mode", KEY_NODE, .read = read_slack_mode},
	    {"app_token", KEY_SECRET, AT(slack_config, app_token)},
	    {"bot_token", KEY_SECRET, AT(slack_config, bot_token), .is_required = true},
	    {"api_url", KEY_URL, AT(slack_config, api_url)},
	    {"command", KEY_NODE, .read = read_slack_command},
	    {"fallback_after", KEY_DURATION, AT(slack_config, fallback_after_s)},
	    {"posts_per_second", KEY_RATE, AT(slack_config, posts_per_second)},
	    {"storm_after", KEY_COUNT, AT(slack_config, storm_after), .min = 1, .max = COUNT_MAX},
	    {0},
	};
	struct slack_config *slack = &((struct config *)into)->slack;

	if (yaml_is_null(node))
		return;
	slack->is_enabled = true;
	if (!check_section(check, node, "slack", keys, slack))
		return;
	read_slash(&slack->api_url, true);
	if (!slack->is_rtm && yaml_get(node, "app_token") == NULL &&
	    yaml_get(node, "app_token_file") == NULL)
		yaml_mistake(check->yaml, node,
		    "slack lacks app_token, which mode: socket needs (it begins with xapp-)");
	if (slack->app_token != NULL && text_prefix(slack->app_token, "xoxb-"))
		yaml_mistake(check->yaml,
		    yaml_get(node, "app_token") ? yaml_get(node, "app_token") : node,
		    "app_token is a bot's token; the app's begins with xapp-");
	if (slack->bot_token != NULL && text_prefix(slack->bot_token, "xapp-"))
		yaml_mistake(check->yaml,
		    yaml_get(node, "bot_token") ? yaml_get(node, "bot_token") : node,
		    "bot_token is an app's token; the bot's begins with xoxb-");
}

static void warn_of_key(struct check *check, const struct yaml_node *map, const char *key)
{
	/* developer.pagerduty.com/docs/events-api-v2/trigger-events: an integration key has 32 characters */
	if (key != NULL && strlen(key) != 32)
		yaml_warning(check->yaml,
		    yaml_get(map, "routing_key") ? yaml_get(map, "routing_key") : map,
		    "routing_key is not 32 characters long, as PagerDuty's are");
}

static void read_from(struct check *check, const struct yaml_node *node, void *into)
{
	read_email(check, node, "from", &((struct pagerduty_config *)into)->from);
}

static void read_dedup_prefix(struct check *check, const struct yaml_node *node, void *into)
{
	struct pagerduty_config *pagerduty = into;
	char *text = check_text(check, node, "dedup_prefix");

	if (text != NULL && name_is_good(text))
		replace_text(&pagerduty->dedup_prefix, text);
	else if (text != NULL)
		yaml_mistake(check->yaml, node,
		    "dedup_prefix is a word of letters, digits, dashes, dots and underscores");
	free(text);
}

static void read_pagerduty(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"events_url", KEY_URL, AT(pagerduty_config, events_url)},
	    {"api_url", KEY_URL, AT(pagerduty_config, api_url)},
	    {"api_token", KEY_SECRET, AT(pagerduty_config, api_token)},
	    {"from", KEY_NODE, .read = read_from},
	    {"webhook_secret", KEY_SECRETS, AT(pagerduty_config, webhook_secrets)},
	    {"poll_interval", KEY_DURATION, AT(pagerduty_config, poll_interval_s)},
	    {"events_per_minute", KEY_RATE, AT(pagerduty_config, events_per_minute)},
	    {"routing_key", KEY_SECRET, AT(pagerduty_config, routing_key)},
	    {"dedup_prefix", KEY_NODE, .read = read_dedup_prefix},
	    {0},
	};
	struct pagerduty_config *pagerduty = &((struct config *)into)->pagerduty;

	if (yaml_is_null(node))
		return;
	pagerduty->is_enabled = true;
	if (!check_section(check, node, "pagerduty", keys, pagerduty))
		return;
	read_slash(&pagerduty->events_url, false);
	read_slash(&pagerduty->api_url, false);
	warn_of_key(check, node, pagerduty->routing_key);
	if (pagerduty->api_token != NULL && pagerduty->from == NULL)
		yaml_warning(check->yaml, node,
		    "pagerduty has no from: what people do who have no e-mail in people cannot be "
		    "done in PagerDuty");
}

/* ---- sources, tokens ------------------------------------------------------------------------------------ */

static void read_source_name(struct check *check, const struct yaml_node *node, void *into)
{
	read_name(check, node, &((struct source_config *)into)->name);
}

static void read_source_format(struct check *check, const struct yaml_node *node, void *into)
{
	struct source_config *source = into;
	char *text = check_text(check, node, "format");
	struct error err = {0};

	if (text == NULL)
		return;
	format_free(source->format);
	source->format = format_open(text, check->directory, &err);
	if (source->format == NULL)
		yaml_mistake(check->yaml, node, "format: %s", err.text);
	free(text);
}

static void read_algorithm(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {"sha256", "sha512", NULL};
	int word = check_word(check, node, "algorithm", words);

	if (word >= 0)
		((struct signature_config *)into)->algorithm = (enum signature_algorithm)word;
}

static void read_source_signature(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"header", KEY_TEXT, AT(signature_config, header), .is_required = true},
	    {"prefix", KEY_TEXT, AT(signature_config, prefix)},
	    {"timestamp_header", KEY_TEXT, AT(signature_config, timestamp_header)},
	    {"algorithm", KEY_NODE, .read = read_algorithm},
	    {0},
	};

	check_section(check, node, "a signature", keys, &((struct source_config *)into)->signature);
}

static void read_topic(struct check *check, const struct yaml_node *node, void *into)
{
	char ***list = into;
	char *text = check_text(check, node, "topics");
	size_t count = 0;

	if (text == NULL)
		return;
	if (strncmp(text, "arn:", 4) != 0) {
		yaml_mistake(check->yaml, node, "topics: \"%s\" is no topic; try arn:aws:sns:eu-west-1:123456789012:alerts", text);
		free(text);
		return;
	}
	while (*list != NULL && (*list)[count] != NULL)
		count++;
	*list = xreallocarray(*list, count + 2, sizeof(**list));
	(*list)[count] = text;
	(*list)[count + 1] = NULL;
}

static void read_source_topics(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "topics", read_topic, &((struct source_config *)into)->topics);
}

static void read_source(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"name", KEY_NODE, .read = read_source_name, .is_required = true},
	    {"format", KEY_NODE, .read = read_source_format, .is_required = true},
	    {"token", KEY_OWN_SECRET, AT(source_config, token)},
	    {"secret", KEY_SIGNING_SECRET, AT(source_config, secret)},
	    {"signature", KEY_NODE, .read = read_source_signature},
	    {"topics", KEY_NODE, .read = read_source_topics},
	    {"rate", KEY_RATE, AT(source_config, rate)},
	    {"burst", KEY_COUNT, AT(source_config, burst), .min = 1, .max = COUNT_MAX},
	    {0},
	};
	struct config *config = into;
	struct source_config *source = GROW(config->sources, config->source_count);

	if (!check_section(check, node, "a source", keys, source))
		return;
	if (yaml_get(node, "token") == NULL && yaml_get(node, "token_file") == NULL &&
	    yaml_get(node, "secret") == NULL && yaml_get(node, "secret_file") == NULL && source->topics == NULL)
		yaml_mistake(check->yaml, node,
		    "a source proves itself by a token or by the secret of its signature: give "
		    "one");
	if (source->signature.header != NULL && yaml_get(node, "secret") == NULL && yaml_get(node, "secret_file") == NULL)
		yaml_mistake(check->yaml, yaml_key(node, "signature"), "a signature needs the secret that it is made with: give secret as well");
	if (source->burst > 0 && source->rate <= 0 && yaml_get(node, "rate") == NULL)
		yaml_warning(
		    check->yaml, yaml_key(node, "burst"), "burst does nothing without rate");
	if (source->burst == 0 && source->rate > 0)
		source->burst = source->rate < COUNT_MAX ? (int64_t)ceil(source->rate) : COUNT_MAX;
}

static void read_sources(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "sources", read_source, into);
}

static void read_token_name(struct check *check, const struct yaml_node *node, void *into)
{
	read_name(check, node, &((struct token_config *)into)->name);
}

static void read_may_word(struct check *check, const struct yaml_node *node, void *into)
{
	static const char *const words[] = {
	    "send", "read", "act", "announce", "announce_for", NULL};
	struct token_config *token = into;
	int word = check_word(check, node, "may", words);

	if (word >= 0)
		token->may |= 1u << word;
}

static void read_may(struct check *check, const struct yaml_node *node, void *into)
{
	if (node->kind == YAML_TEXT && !yaml_is_null(node))
		read_may_word(check, node, into);
	else
		check_list(check, node, "may", read_may_word, into);
}

static void read_token(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"name", KEY_NODE, .read = read_token_name, .is_required = true},
	    {"token", KEY_OWN_SECRET, AT(token_config, token), .is_required = true},
	    {"may", KEY_NODE, .read = read_may, .is_required = true},
	    {0},
	};
	struct config *config = into;
	struct token_config *token = GROW(config->tokens, config->token_count);
	const struct yaml_node *may;

	if (!check_section(check, node, "a token", keys, token))
		return;
	may = yaml_get(node, "may");
	if (may != NULL && (yaml_is_null(may) || (may->kind == YAML_LIST && may->count == 0)))
		yaml_warning(check->yaml, yaml_key(node, "may"), "this token may do nothing");
	/* Naming an author is part of announcing. */
	if (token->may & MAY_ANNOUNCE_FOR)
		token->may |= MAY_ANNOUNCE;
}

static void read_tokens(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "tokens", read_token, into);
}

/* ---- routes --------------------------------------------------------------------------------------------- */

/* Adds the MATCH at NODE to the list INTO. */
static void read_match(struct check *check, const struct yaml_node *node, void *into)
{
	struct matches *matches = into;
	char *text = check_text(check, node, "match");
	struct error err = {0};
	struct match *match;

	if (text == NULL)
		return;
	match = match_parse(text, &err);
	free(text);
	if (match == NULL) {
		yaml_mistake(check->yaml, node, "%s", err.text);
		return;
	}
	if (matches->count >= MATCH_MAX) {
		yaml_mistake(check->yaml, node, "at most %d matches are joined by and", MATCH_MAX);
		match_free(match);
		return;
	}
	matches->list = xreallocarray(matches->list, matches->count + 1, sizeof(struct match *));
	matches->list[matches->count++] = match;
}

static void read_route_match(struct check *check, const struct yaml_node *node, void *into)
{
	struct route_config *route = into;

	if (node->kind == YAML_TEXT && !yaml_is_null(node))
		read_match(check, node, &route->matches);
	else
		check_list(check, node, "match", read_match, &route->matches);
}

static void read_route_channel(struct check *check, const struct yaml_node *node, void *into)
{
	struct route_config *route = into;
	char *text;

	if (yaml_is_null(node)) {
		yaml_mistake(check->yaml, node,
		    "channel has no value: a # begins a comment, so quote it: "
		    "\"#security-alerts\"");
		return;
	}
	text = check_text(check, node, "channel");
	if (text == NULL)
		return;
	if (text[0] == '#'
		? strlen(text) >= 2 && strlen(text) <= 81 &&
		      strpbrk(text + 1, " \t\r\n#@,<>") == NULL && !text_has_invisible(text)
		: slack_id_is_good(text, "CGD")) {
		free(route->channel);
		free(route->name);
		route->channel = text;
		route->name = xstrdup(text[0] == '#' ? text + 1 : text);
		return;
	}
	yaml_mistake(check->yaml, node,
	    "channel is a name like \"#security-alerts\" or an id like C0123ABCD");
	free(text);
}

static void read_from_severity(struct check *check, const struct yaml_node *node, void *into)
{
	struct route_config *route = into;
	int word = check_word(check, node, "from_severity", severity_words);

	if (word >= 0)
		route->from_severity = word;
}

static void read_page(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"routing_key", KEY_SECRET, AT(route_config, routing_key)},
	    {"escalation_policy", KEY_TEXT, AT(route_config, escalation_policy)},
	    {"from_severity", KEY_NODE, .read = read_from_severity},
	    {0},
	};
	struct route_config *route = into;

	route->pages = true;
	if (yaml_is_null(node))
		yaml_mistake(check->yaml, node,
		    "page has no value; page: {} pages with pagerduty.routing_key");
	else if (check_section(check, node, "page", keys, route))
		warn_of_key(check, node, route->routing_key);
}

static void read_route(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"match", KEY_NODE, .read = read_route_match},
	    {"channel", KEY_NODE, .read = read_route_channel, .is_required = true},
	    {"mention", KEY_TEXT, AT(route_config, mention)},
	    {"continue", KEY_FLAG, AT(route_config, goes_on)},
	    {"page", KEY_NODE, .read = read_page},
	    {0},
	};
	struct config *config = into;
	struct route_config *route = GROW(config->routes, config->route_count);

	route->from_severity = SEVERITY_NONE;
	check_section(check, node, "a route", keys, route);
}

/* What a route's match: says, whether or not it could be read. */
static bool route_has_match(const struct yaml_node *node)
{
	const struct yaml_node *match = yaml_get(node, "match");

	return match != NULL && !yaml_is_null(match) &&
	       !(match->kind == YAML_LIST && match->count == 0);
}

static void read_routes(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "routes", read_route, into);
	if (node->kind != YAML_LIST || node->count == 0)
		return;
	for (size_t i = 0; i + 1 < node->count; i++) {
		const struct yaml_node *route = node->items[i],
				       *goes_on = yaml_get(route, "continue");

		if (route->kind == YAML_MAP && !route_has_match(route) &&
		    (goes_on == NULL || goes_on->kind != YAML_TEXT ||
			strcmp(goes_on->text, "true") != 0))
			yaml_mistake(check->yaml, route,
			    "a route without match takes everything, so those after it are never "
			    "reached; it comes last");
	}
	if (route_has_match(node->items[node->count - 1]))
		yaml_mistake(check->yaml, node->items[node->count - 1],
		    "the last route has no match: it takes everything else, so that no alert is "
		    "lost; add - {channel: \"#security-alerts\"}");
}

/* ---- people, hours, policy ------------------------------------------------------------------------------ */

static void read_person_slack(struct check *check, const struct yaml_node *node, void *into)
{
	struct person_config *person = into;
	char *text = check_text(check, node, "slack");

	if (text != NULL && slack_id_is_good(text, "UW"))
		replace_text(&person->slack, text);
	else if (text != NULL)
		yaml_mistake(check->yaml, node,
		    "slack is a user's id, like U0123ABCD (in Slack: profile, …, Copy member ID)");
	free(text);
}

static void read_person_email(struct check *check, const struct yaml_node *node, void *into)
{
	read_email(check, node, "email", &((struct person_config *)into)->email);
}

static void read_login(struct check *check, const struct yaml_node *node, void *into)
{
	struct person_config *person = into;
	char *text = check_text(check, node, "logins");

	if (text == NULL)
		return;
	if (text_has_invisible(text) || strpbrk(text, "*?") != NULL) {
		yaml_mistake(
		    check->yaml, node, "a login is a name as hosts write it, without * and ?");
		free(text);
		return;
	}
	person->logins = xreallocarray(person->logins, person->login_count + 1, sizeof(char *));
	person->logins[person->login_count++] = text;
}

static void read_logins(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "logins", read_login, into);
}

static void read_person(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"slack", KEY_NODE, .read = read_person_slack, .is_required = true},
	    {"email", KEY_NODE, .read = read_person_email},
	    {"pagerduty", KEY_TEXT, AT(person_config, pagerduty)},
	    {"logins", KEY_NODE, .read = read_logins},
	    {0},
	};
	struct config *config = into;

	check_section(check, node, "a person", keys, GROW(config->people, config->person_count));
}

static void read_people(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "people", read_person, into);
}

static const char *const day_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int day_parse(const char *text, size_t len)
{
	static const char *const long_words[] = {
	    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

	for (int i = 0; i < 7; i++)
		if ((len == 3 && strncasecmp(text, day_words[i], 3) == 0) ||
		    (len == strlen(long_words[i]) && strncasecmp(text, long_words[i], len) == 0))
			return i;
	return -1;
}

/* "mon-fri", "mon,wed", "sat-mon". */
static bool days_parse(const char *text, bool days[7])
{
	for (const char *at = text;;) {
		size_t len;
		int from, to;

		at += strspn(at, " ");
		len = strcspn(at, "-, ");
		from = to = day_parse(at, len);
		at += len + strspn(at + len, " ");
		if (*at == '-') {
			at += 1 + strspn(at + 1, " ");
			len = strcspn(at, "-, ");
			to = day_parse(at, len);
			at += len + strspn(at + len, " ");
		}
		if (from < 0 || to < 0)
			return false;
		for (int day = from;; day = (day + 1) % 7) {
			days[day] = true;
			if (day == to)
				break;
		}
		if (*at == '\0')
			return true;
		if (*at++ != ',')
			return false;
	}
}

static void read_day(struct check *check, const struct yaml_node *node, void *into)
{
	struct working_hours *hours = into;
	char *text = check_text(check, node, "days");

	if (text != NULL && !days_parse(text, hours->days))
		yaml_mistake(check->yaml, node, "days are like mon-fri or mon,wed,sat");
	free(text);
}

static void read_days(struct check *check, const struct yaml_node *node, void *into)
{
	if (node->kind == YAML_LIST)
		check_list(check, node, "days", read_day, into);
	else
		read_day(check, node, into);
}

static void read_minute(
    struct check *check, const struct yaml_node *node, const char *what, int *into)
{
	char *text = check_text(check, node, what);
	int hour, minute;

	if (text == NULL)
		return;
	if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5 ||
	    strchr(text + 3, ':') != NULL) {
		yaml_mistake(check->yaml, node, "%s is a time of day, like \"08:00\"", what);
		free(text);
		return;
	}
	hour = (text[0] - '0') * 10 + text[1] - '0';
	minute = (text[3] - '0') * 10 + text[4] - '0';
	free(text);
	if (minute > 59 || hour > 24 || (hour == 24 && minute > 0))
		yaml_mistake(check->yaml, node, "%s is from \"00:00\" to \"24:00\"", what);
	else
		*into = hour * 60 + minute;
}

static void read_hours_from(struct check *check, const struct yaml_node *node, void *into)
{
	read_minute(check, node, "from", &((struct working_hours *)into)->from_minute);
}

static void read_hours_to(struct check *check, const struct yaml_node *node, void *into)
{
	read_minute(check, node, "to", &((struct working_hours *)into)->to_minute);
}

static void read_timezone(struct check *check, const struct yaml_node *node, void *into)
{
	struct working_hours *hours = into;
	char *text = check_text(check, node, "timezone");

	if (text != NULL && zone_known(text))
		replace_text(&hours->timezone, text);
	else if (text != NULL)
		yaml_mistake(check->yaml, node,
		    "this machine knows no such time zone; they are named like Europe/Paris");
	free(text);
}

static void read_hours(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"days", KEY_NODE, .read = read_days, .is_required = true},
	    {"from", KEY_NODE, .read = read_hours_from, .is_required = true},
	    {"to", KEY_NODE, .read = read_hours_to, .is_required = true},
	    {"timezone", KEY_NODE, .read = read_timezone, .is_required = true},
	    {0},
	};
	struct working_hours *hours = &((struct config *)into)->hours;

	if (yaml_is_null(node))
		return;
	hours->is_set = true;
	hours->from_minute = hours->to_minute = -1;
	if (check_section(check, node, "working_hours", keys, hours) && hours->from_minute >= 0 &&
	    hours->from_minute == hours->to_minute)
		yaml_mistake(check->yaml, yaml_get(node, "to"),
		    "working hours that end when they begin; every hour: leave working_hours out");
}

static void read_approval_from(struct check *check, const struct yaml_node *node, void *into)
{
	int word = check_word(check, node, "approval_from", severity_words);

	if (word >= 0)
		((struct policy *)into)->approval_from = (enum severity)word;
}

static void read_never(struct check *check, const struct yaml_node *node, void *into)
{
	struct policy *policy = into;

	if (node->kind != YAML_LIST || node->count == 0) {
		yaml_mistake(check->yaml, node,
		    "each of never_suppress is itself a list of matches: [[\"rule=canary-*\"], "
		    "[\"rule=iam-*\", \"env=prod\"]]");
		return;
	}
	check_list(check, node, "never_suppress", read_match,
	    GROW(policy->never_suppress, policy->never_suppress_count));
}

static void read_never_suppress(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "never_suppress", read_never, into);
}

/* A NULL-terminated list of ids that grows. */
static void read_id(struct check *check, const struct yaml_node *node, void *into)
{
	char ***list = into, *text = check_text(check, node, "an id");
	size_t count = 0;

	if (text == NULL)
		return;
	if (!slack_id_is_good(text, "UWS")) {
		yaml_mistake(check->yaml, node,
		    "these are ids of Slack users or user groups, like U0123ABCD or S0123ABCD");
		free(text);
		return;
	}
	while (*list != NULL && (*list)[count] != NULL)
		count++;
	*list = xreallocarray(*list, count + 2, sizeof(char *));
	(*list)[count] = text;
	(*list)[count + 1] = NULL;
}

static void read_announcers(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "announcers", read_id, &((struct policy *)into)->announcers);
}

static void read_responders(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "responders", read_id, &((struct policy *)into)->responders);
}

static void read_approvers(struct check *check, const struct yaml_node *node, void *into)
{
	check_list(check, node, "approvers", read_id, &((struct policy *)into)->approvers);
}

static void read_policy(struct check *check, const struct yaml_node *node, void *into)
{
	static const struct key keys[] = {
	    {"max_duration", KEY_DURATION, AT(policy, max_duration_s)},
	    {"min_matchers", KEY_COUNT, AT(policy, min_matchers), .min = 1, .max = MATCH_MAX},
	    {"default_budget", KEY_COUNT, AT(policy, default_budget), .min = 1, .max = COUNT_MAX},
	    {"approval_from", KEY_NODE, .read = read_approval_from},
	    {"never_suppress", KEY_NODE, .read = read_never_suppress},
	    {"announcers", KEY_NODE, .read = read_announcers},
	    {"responders", KEY_NODE, .read = read_responders},
	    {"approvers", KEY_NODE, .read = read_approvers},
	    {0},
	};

	if (!yaml_is_null(node))
		check_section(check, node, "policy", keys, &((struct config *)into)->policy);
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static const struct key config_keys[] = {
    {"listen", KEY_NODE, .read = read_listen},
    {"store", KEY_NODE, .read = read_store},
    {"public_url", KEY_URL, AT(config, public_url)},
    {"tls", KEY_NODE, .read = read_tls},
    {"ca_file", KEY_FILE, AT(config, ca_file)},
    {"proxy", KEY_NODE, .read = read_proxy},
    {"retention", KEY_DURATION, AT(config, retention_s)},
    {"remind_after", KEY_DURATION, AT(config, remind_after_s)},
    {"log", KEY_NODE, .read = read_log},
    {"slack", KEY_NODE, .read = read_slack},
    {"pagerduty", KEY_NODE, .read = read_pagerduty},
    {"sources", KEY_NODE, .read = read_sources},
    {"tokens", KEY_NODE, .read = read_tokens},
    {"routes", KEY_NODE, .read = read_routes},
    {"people", KEY_NODE, .read = read_people},
    {"working_hours", KEY_NODE, .read = read_hours},
    {"policy", KEY_NODE, .read = read_policy},
    {0},
};

static struct config *config_new(const char *path)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->path = xstrdup(path);
	config->listen_host = xstrdup("127.0.0.1");
	config->listen_port = 8080;
	config->store = xstrdup("sqlite:///var/lib/headsup/headsup.db");
	config->retention_s = 90 * 86400;
	config->remind_after_s = 600;
	config->log_level = LOG_INFO;
	config->slack.api_url = xstrdup("https://slack.com/api/");
	config->slack.command = xstrdup("/headsup");
	config->slack.fallback_after_s = 60;
	config->slack.posts_per_second = 1;
	config->slack.storm_after = 10;
	config->pagerduty.events_url = xstrdup("https://events.pagerduty.com");
	config->pagerduty.api_url = xstrdup("https://api.pagerduty.com");
	config->pagerduty.dedup_prefix = xstrdup("headsup");
	config->pagerduty.poll_interval_s = 15;
	config->pagerduty.events_per_minute = 120;
	config->policy.max_duration_s = 4 * 3600;
	config->policy.min_matchers = 1;
	config->policy.default_budget = 50;
	config->policy.approval_from = SEVERITY_CRITICAL;
	config->policy.announcers = xcalloc(1, sizeof(char *));
	config->policy.responders = xcalloc(1, sizeof(char *));
	config->policy.approvers = xcalloc(1, sizeof(char *));
	return config;
}

/* One value that may be there once in a list of maps, and where it stands. */
struct unique {
	const char *value;
	const struct yaml_node *node;
};

static int unique_order(const void *a, const void *b)
{
	const struct unique *x = a, *y = b;
	int order = strcmp(x->value, y->value);

	if (order != 0)
		return order;
	return x->node->at < y->node->at ? -1 : x->node->at > y->node->at;
}

/* Tells of values that are there twice. VALUES is sorted and freed. */
static void tell_doubles(
    struct check *check, struct unique *values, size_t count, const char *what, bool is_mistake)
{
	if (count > 0)
		qsort(values, count, sizeof(*values), unique_order);
	for (size_t i = 1; i < count; i++) {
		size_t line;

		if (strcmp(values[i].value, values[i - 1].value) != 0)
			continue;
		line = yaml_line(check->yaml, values[i - 1].node);
		if (is_mistake)
			yaml_mistake(check->yaml, values[i].node,
			    "%s twice; the other is on line %zu", what, line);
		else
			yaml_warning(check->yaml, values[i].node,
			    "%s twice; the other is on line %zu", what, line);
	}
	free(values);
}

static const struct yaml_node *item(const struct yaml_node *root, const char *list, size_t index)
{
	const struct yaml_node *node = yaml_get(root, list);

	return node != NULL && node->kind == YAML_LIST && index < node->count ? node->items[index]
									      : NULL;
}

static void unique_add(struct unique **values, size_t *count, const char *value,
    const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	if (value == NULL || map == NULL)
		return;
	*values = xreallocarray(*values, *count + 1, sizeof(**values));
	(*values)[(*count)++] = (struct unique){value, node ? node : map};
}

static bool is_source_token(const struct config *config, const char *token)
{
	for (size_t i = 0; token != NULL && i < config->source_count; i++)
		if (text_equal(token, config->sources[i].token))
			return true;
	return false;
}

static void check_doubles(
    struct check *check, const struct yaml_node *root, const struct config *config)
{
	struct unique *names = NULL, *tokens = NULL, *slacks = NULL, *logins = NULL;
	size_t name_count = 0, token_count = 0, slack_count = 0, login_count = 0;

	for (size_t i = 0; i < config->source_count; i++) {
		unique_add(
		    &names, &name_count, config->sources[i].name, item(root, "sources", i), "name");
		unique_add(&tokens, &token_count, config->sources[i].token,
		    item(root, "sources", i), "token");
	}
	tell_doubles(check, names, name_count, "this source is there", true);
	tell_doubles(check, tokens, token_count, "the same token is there", true);
	names = tokens = NULL;
	name_count = token_count = 0;
	for (size_t i = 0; i < config->token_count; i++) {
		unique_add(
		    &names, &name_count, config->tokens[i].name, item(root, "tokens", i), "name");
		unique_add(&tokens, &token_count, config->tokens[i].token, item(root, "tokens", i),
		    "token");
	}
	tell_doubles(check, names, name_count, "this token's name is there", true);
	tell_doubles(check, tokens, token_count, "the same token is there", true);
	for (size_t i = 0; i < config->token_count; i++)
		if (is_source_token(config, config->tokens[i].token))
			yaml_warning(check->yaml, item(root, "tokens", i),
			    "this token is a source's as well; give each its own");
	for (size_t i = 0; i < config->person_count; i++) {
		unique_add(&slacks, &slack_count, config->people[i].slack, item(root, "people", i),
		    "slack");
		for (size_t k = 0; k < config->people[i].login_count; k++)
			unique_add(&logins, &login_count, config->people[i].logins[k],
			    item(root, "people", i), "logins");
	}
	tell_doubles(check, slacks, slack_count, "this person is there", true);
	tell_doubles(check, logins, login_count, "a login of this person is there", false);
}

static void check_pages(struct check *check, const struct yaml_node *root, struct config *config)
{
	for (size_t i = 0; i < config->route_count; i++) {
		struct route_config *route = &config->routes[i];
		const struct yaml_node *node = item(root, "routes", i),
				       *page = yaml_get(node, "page");

		if (!route->pages || page == NULL || page->kind != YAML_MAP)
			continue;
		config->pagerduty.is_enabled = true;
		if (yaml_get(page, "routing_key") != NULL ||
		    yaml_get(page, "routing_key_file") != NULL)
			continue;
		if (config->pagerduty.routing_key == NULL)
			yaml_mistake(check->yaml, page,
			    "page lacks routing_key, and there is no pagerduty.routing_key either");
		else
			replace_text(&route->routing_key, config->pagerduty.routing_key);
	}
}

static void check_whole(struct check *check, const struct yaml_node *root, struct config *config)
{
	const struct yaml_node *routes = yaml_get(root, "routes");
	struct stat st;

	read_slash(&config->public_url, false);
	check_doubles(check, root, config);
	check_pages(check, root, config);
	if (yaml_is_null(routes) || (routes->kind == YAML_LIST && routes->count == 0)) {
		static const char text[] = "there are no routes, so no alert is posted; at least: "
					   "routes: [{channel: \"#security-alerts\"}]";

		if (config->slack.is_enabled)
			yaml_mistake(check->yaml, routes ? routes : root, "%s", text);
		else
			yaml_warning(check->yaml, routes, "%s", text);
	}
	if (!config->slack.is_enabled && config->route_count > 0)
		yaml_warning(check->yaml, NULL, "there is no slack section, so no alert is posted");
	if (config->tls_cert_file == NULL && !host_is_loopback(config->listen_host))
		yaml_warning(check->yaml, yaml_get(root, "listen"),
		    "plain HTTP beyond loopback: tokens can be read on the way, unless a proxy "
		    "with TLS stands before it");
	if (check->has_literal_secret && stat(config->path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 077) != 0)
		yaml_warning(check->yaml, NULL,
		    "it holds secrets and can be read by others (mode %04o); chmod 600 it",
		    (unsigned)(st.st_mode & 07777));
}

const char *config_path(const char *option)
{
	const char *environment = getenv("HEADSUP_CONFIG");

	if (!text_is_empty(option))
		return option;
	return text_is_empty(environment) ? CONFIG_DEFAULT_PATH : environment;
}

/* The folder that PATH is in: "" for one without a slash. The caller frees. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup("");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

struct config *config_load(const char *path, int *warnings, struct error *err)
{
	struct config *config;
	struct check check = {0};
	size_t len, mistakes;
	char *text = read_file(path, CONFIG_FILE_MAX, &len, err), *folder;

	if (warnings != NULL)
		*warnings = 0;
	if (text == NULL)
		return NULL;
	folder = folder_of(path);
	config = config_new(path);
	check.yaml = yaml_parse(path, text, len);
	check.directory = folder;
	explicit_bzero(text, len);
	free(text);
	if (yaml_root(check.yaml) != NULL &&
	    check_section(&check, yaml_root(check.yaml), "the configuration", config_keys, config))
		check_whole(&check, yaml_root(check.yaml), config);
	yaml_report(check.yaml, stderr);
	mistakes = yaml_mistakes(check.yaml);
	if (warnings != NULL)
		*warnings = (int)yaml_warnings(check.yaml);
	yaml_free(check.yaml);
	free(folder);
	if (mistakes > 0) {
		config_free(config);
		error_set(err, ERROR_USAGE, "%s: %zu %s", path, mistakes,
		    mistakes == 1 ? "mistake" : "mistakes");
		return NULL;
	}
	return config;
}

/* ---- the end of it -------------------------------------------------------------------------------------- */

static void secret_free(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void secrets_free(char **secrets)
{
	for (size_t i = 0; secrets != NULL && secrets[i] != NULL; i++)
		secret_free(secrets[i]);
	free(secrets);
}

static void list_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static void routes_free(struct config *config)
{
	for (size_t i = 0; i < config->route_count; i++) {
		struct route_config *route = &config->routes[i];

		matches_fini(&route->matches);
		free(route->channel);
		free(route->name);
		free(route->mention);
		secret_free(route->routing_key);
		free(route->escalation_policy);
	}
	free(config->routes);
}

static void people_free(struct config *config)
{
	for (size_t i = 0; i < config->person_count; i++) {
		struct person_config *person = &config->people[i];

		free(person->slack);
		free(person->email);
		free(person->pagerduty);
		for (size_t k = 0; k < person->login_count; k++)
			free(person->logins[k]);
		free(person->logins);
	}
	free(config->people);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	free(config->path);
	free(config->listen_host);
	free(config->store);
	free(config->public_url);
	free(config->tls_cert_file);
	free(config->tls_key_file);
	free(config->ca_file);
	secret_free(config->proxy);
	secret_free(config->slack.app_token);
	secret_free(config->slack.bot_token);
	free(config->slack.api_url);
	free(config->slack.command);
	free(config->pagerduty.events_url);
	free(config->pagerduty.api_url);
	secret_free(config->pagerduty.api_token);
	free(config->pagerduty.from);
	secrets_free(config->pagerduty.webhook_secrets);
	secret_free(config->pagerduty.routing_key);
	free(config->pagerduty.dedup_prefix);
	for (size_t i = 0; i < config->source_count; i++) {
		free(config->sources[i].name);
		format_free(config->sources[i].format);
		secret_free(config->sources[i].token);
		secret_free(config->sources[i].secret);
		free(config->sources[i].signature.header);
		free(config->sources[i].signature.prefix);
		free(config->sources[i].signature.timestamp_header);
		list_free(config->sources[i].topics);
	}
	free(config->sources);
	for (size_t i = 0; i < config->token_count; i++) {
		free(config->tokens[i].name);
		secret_free(config->tokens[i].token);
	}
	free(config->tokens);
	routes_free(config);
	people_free(config);
	free(config->hours.timezone);
	for (size_t i = 0; i < config->policy.never_suppress_count; i++)
		matches_fini(&config->policy.never_suppress[i]);
	free(config->policy.never_suppress);
	list_free(config->policy.announcers);
	list_free(config->policy.responders);
	list_free(config->policy.approvers);
	free(config);
}
