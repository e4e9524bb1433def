/* config - every key is read, every mistake is told where it stands, no secret is ever shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/memory.h"
#include "config/base/when.h"
#include "config/check.h"
#include "config/config.h"

#define STORE "store: sqlite:///tmp/x.db\n"
#define SAID_MAX 65536

/* A folder of its own for each test. */
struct place {
	char folder[64];
	char path[128];      /* the configuration */
	char said[SAID_MAX]; /* what config_load() wrote to stderr */
	int warnings;
	struct error err;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	snprintf(place->folder, sizeof(place->folder), "/tmp/headsup-config-XXXXXX");
	if (mkdtemp(place->folder) == NULL)
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/headsup.yaml", place->folder);
	unsetenv("HEADSUP_TEST_UNSET");
	setenv("HEADSUP_TEST_TOKEN", "0123456789abcdef0123456789", 1);
	setenv("HEADSUP_TEST_OTHER", "fedcba98765432100123456789", 1);
	setenv("HEADSUP_TEST_EMPTY", "", 1);
	setenv("HEADSUP_TEST_WORD", "hidden-word", 1);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	static const char *const names[] = {
	    "headsup.yaml", "secret", "ca.pem", "mine.yaml", "formats/own.yaml"};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->folder, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/formats", place->folder);
	rmdir(path);
	rmdir(place->folder);
	free(place);
	return 0;
}

/* Loads TEXT from a file, keeping what is said. */
static struct config *load_mode(struct place *place, const char *text, mode_t mode)
{
	int kept = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	struct config *config;
	size_t n;

	assert_non_null(file);
	write_file(place->path, text, mode);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	place->err = (struct error){0};
	config = config_load(place->path, &place->warnings, &place->err);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	n = fread(place->said, 1, SAID_MAX - 1, file);
	place->said[n] = '\0';
	fclose(file);
	return config;
}

static struct config *load(struct place *place, const char *text)
{
	return load_mode(place, text, 0600);
}

static bool says(const struct place *place, const char *where, const char *what)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s:%s: %s", place->path, where, what);
	return strstr(place->said, line) != NULL;
}

/* ---- every key ------------------------------------------------------------------------------------------ */

/* clang-format off */
static const char whole[] =
    "listen: 0.0.0.0:0\n"
    "store: sqlite:///srv/headsup.db\n"
    "public_url: https://headsup.example.com/\n"
    "tls: {cert_file: ca.pem, key_file: secret}\n"
    "ca_file: ca.pem\n"
    "proxy: http://proxy.example.com:3128\n"
    "retention: 30d\n"
    "remind_after: 5m\n"
    "log: {level: debug, format: json}\n"
    "slack:\n"
    "  mode: rtm\n"
    "  app_token: xapp-${HEADSUP_TEST_WORD}\n"
    "  bot_token: xoxb-1\n"
    "  api_url: http://127.0.0.1:9/api\n"
    "  command: /hu\n"
    "  fallback_after: 30s\n"
    "  posts_per_second: 2.5\n"
    "  storm_after: 20\n"
    "pagerduty:\n"
    "  events_url: http://localhost:1/\n"
    "  api_url: http://[::1]:2\n"
    "  api_token: pd-token\n"
    "  from: headsup@example.com\n"
    "  webhook_secret_file: secret\n"
    "  poll_interval: 1m\n"
    "  events_per_minute: 60\n"
    "  routing_key: R0000000000000000000000000000000\n"
    "  dedup_prefix: hu\n"
    "sources:\n"
    "  - {name: falco, format: falco, token: \"${HEADSUP_TEST_TOKEN}\", rate: 2.5, burst: 7}\n"
    "  - {name: own, format: ./formats/own.yaml, secret: 0123456789abcdef0123, rate: 3.5}\n"
    "tokens:\n"
    "  - {name: ci, token_file: secret, may: [announce]}\n"
    "  - {name: ops, token: \"${HEADSUP_TEST_OTHER}\", may: [send, read, act, announce, announce_for]}\n"
    "routes:\n"
    "  - {match: [\"severity=critical\", \"host=web-*\"], channel: \"#urgent\", mention: \"@oncall\", continue: true,\n"
    "     page: {routing_key: R1111111111111111111111111111111, escalation_policy: P1, from_severity: high}}\n"
    "  - {match: service=payments, channel: C0PAY, page: {}}\n"
    "  - {channel: \"#all\"}\n"
    "people:\n"
    "  - {slack: U0ALICE, email: Alice@example.com, pagerduty: PALICE, logins: [alice, aliced]}\n"
    "  - {slack: W0BOB, email: bob@example.com}\n"
    "working_hours: {days: \"mon-wed,fri\", from: \"08:00\", to: \"19:30\", timezone: Europe/Paris}\n"
    "policy: {max_duration: 2h, min_matchers: 2, default_budget: 10, approval_from: high,\n"
    "         never_suppress: [[\"rule=canary-*\"], [\"rule=iam-*\", env=prod]],\n"
    "         announcers: [U0ALICE], responders: [S0TEAM, W0BOB], approvers: []}\n";
/* clang-format on */

static void give_files(struct place *place)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/secret", place->folder);
	write_file(path, "from-a-file-0123456789\n", 0600);
	snprintf(path, sizeof(path), "%s/ca.pem", place->folder);
	write_file(path, "none\n", 0644);
	snprintf(path, sizeof(path), "%s/formats", place->folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/formats/own.yaml", place->folder);
	write_file(path, "fields: {title: /what, severity: {text: low}}\n", 0600);
}

static void config__with_every_key__is_read(void **state)
{
	struct place *place = *state;
	struct config *c;
	char path[128];

	give_files(place);
	c = load(place, whole);

	assert_string_equal(place->err.text, "");
	assert_non_null(c);
	assert_string_equal(c->listen_host, "0.0.0.0");
	assert_int_equal(c->listen_port, 0);
	assert_string_equal(c->store, "sqlite:///srv/headsup.db");
	assert_string_equal(c->public_url, "https://headsup.example.com");
	snprintf(path, sizeof(path), "%s/ca.pem", place->folder);
	assert_string_equal(c->tls_cert_file, path);
	assert_string_equal(c->ca_file, path);
	snprintf(path, sizeof(path), "%s/secret", place->folder);
	assert_string_equal(c->tls_key_file, path);
	assert_string_equal(c->proxy, "http://proxy.example.com:3128");
	assert_int_equal(c->retention_s, 30 * 86400);
	assert_int_equal(c->remind_after_s, 300);
	assert_int_equal(c->log_level, LOG_DEBUG);
	assert_true(c->log_json);

	assert_true(c->slack.is_enabled);
	assert_true(c->slack.is_rtm);
	assert_string_equal(c->slack.app_token, "xapp-hidden-word");
	assert_string_equal(c->slack.bot_token, "xoxb-1");
	assert_string_equal(c->slack.api_url, "http://127.0.0.1:9/api/");
	assert_string_equal(c->slack.command, "/hu");
	assert_int_equal(c->slack.fallback_after_s, 30);
	assert_true(c->slack.posts_per_second > 2.4 && c->slack.posts_per_second < 2.6);
	assert_int_equal(c->slack.storm_after, 20);

	assert_true(c->pagerduty.is_enabled);
	assert_string_equal(c->pagerduty.events_url, "http://localhost:1");
	assert_string_equal(c->pagerduty.api_url, "http://[::1]:2");
	assert_string_equal(c->pagerduty.api_token, "pd-token");
	assert_string_equal(c->pagerduty.from, "headsup@example.com");
	assert_non_null(c->pagerduty.webhook_secrets);
	assert_string_equal(c->pagerduty.webhook_secrets[0], "from-a-file-0123456789");
	assert_null(c->pagerduty.webhook_secrets[1]);
	assert_int_equal(c->pagerduty.poll_interval_s, 60);
	assert_true(c->pagerduty.events_per_minute > 59 && c->pagerduty.events_per_minute < 61);
	assert_string_equal(c->pagerduty.routing_key, "R0000000000000000000000000000000");
	assert_string_equal(c->pagerduty.dedup_prefix, "hu");

	assert_int_equal(c->source_count, 2);
	assert_string_equal(c->sources[0].name, "falco");
	assert_string_equal(format_name(c->sources[0].format), "falco");
	assert_string_equal(c->sources[0].token, "0123456789abcdef0123456789");
	assert_null(c->sources[0].secret);
	assert_true(c->sources[0].rate > 2.4 && c->sources[0].rate < 2.6);
	assert_int_equal(c->sources[0].burst, 7);
	assert_string_equal(format_name(c->sources[1].format), "own");
	assert_string_equal(c->sources[1].secret, "0123456789abcdef0123");
	assert_null(c->sources[1].token);
	assert_int_equal(c->sources[1].burst, 4);

	assert_int_equal(c->token_count, 2);
	assert_string_equal(c->tokens[0].token, "from-a-file-0123456789");
	assert_int_equal(c->tokens[0].may, MAY_ANNOUNCE);
	assert_string_equal(c->tokens[1].name, "ops");
	assert_int_equal(
	    c->tokens[1].may, MAY_SEND | MAY_READ | MAY_ACT | MAY_ANNOUNCE | MAY_ANNOUNCE_FOR);
	config_free(c);
}

static void config__with_routes_people_and_policy__is_read(void **state)
{
	struct place *place = *state;
	struct config *c;

	give_files(place);
	c = load(place, whole);

	assert_non_null(c);
	assert_int_equal(c->route_count, 3);
	assert_int_equal(c->routes[0].matches.count, 2);
	assert_string_equal(c->routes[0].channel, "#urgent");
	assert_string_equal(c->routes[0].name, "urgent");
	assert_string_equal(c->routes[0].mention, "@oncall");
	assert_true(c->routes[0].goes_on);
	assert_true(c->routes[0].pages);
	assert_string_equal(c->routes[0].routing_key, "R1111111111111111111111111111111");
	assert_string_equal(c->routes[0].escalation_policy, "P1");
	assert_int_equal(c->routes[0].from_severity, SEVERITY_HIGH);
	assert_int_equal(c->routes[1].matches.count, 1);
	assert_string_equal(c->routes[1].name, "C0PAY");
	assert_true(c->routes[1].pages);
	assert_string_equal(c->routes[1].routing_key, "R0000000000000000000000000000000");
	assert_int_equal(c->routes[1].from_severity, SEVERITY_NONE);
	assert_false(c->routes[2].pages);
	assert_int_equal(c->routes[2].matches.count, 0);

	assert_int_equal(c->person_count, 2);
	assert_string_equal(c->people[0].slack, "U0ALICE");
	assert_string_equal(c->people[0].pagerduty, "PALICE");
	assert_int_equal(c->people[0].login_count, 2);

	assert_true(c->hours.is_set);
	for (int day = 0; day < 7; day++)
		assert_int_equal(c->hours.days[day], day >= 1 && day <= 5 && day != 4);
	assert_int_equal(c->hours.from_minute, 480);
	assert_int_equal(c->hours.to_minute, 1170);
	assert_string_equal(c->hours.timezone, "Europe/Paris");

	assert_int_equal(c->policy.max_duration_s, 7200);
	assert_int_equal(c->policy.min_matchers, 2);
	assert_int_equal(c->policy.default_budget, 10);
	assert_int_equal(c->policy.approval_from, SEVERITY_HIGH);
	assert_int_equal(c->policy.never_suppress_count, 2);
	assert_int_equal(c->policy.never_suppress[1].count, 2);
	assert_string_equal(c->policy.announcers[0], "U0ALICE");
	assert_null(c->policy.announcers[1]);
	assert_string_equal(c->policy.responders[1], "W0BOB");
	assert_null(c->policy.approvers[0]);
	config_free(c);
}

static void config__with_nothing_but_a_store__has_defaults(void **state)
{
	struct place *place = *state;
	struct config *c = load(place, STORE);

	assert_non_null(c);
	assert_string_equal(c->listen_host, "127.0.0.1");
	assert_int_equal(c->listen_port, 8080);
	assert_int_equal(c->retention_s, 90 * 86400);
	assert_int_equal(c->remind_after_s, 600);
	assert_false(c->slack.is_enabled);
	assert_string_equal(c->slack.api_url, "https://slack.com/api/");
	assert_string_equal(c->slack.command, "/headsup");
	assert_int_equal(c->slack.fallback_after_s, 60);
	assert_int_equal(c->slack.storm_after, 10);
	assert_false(c->pagerduty.is_enabled);
	assert_string_equal(c->pagerduty.events_url, "https://events.pagerduty.com");
	assert_int_equal(c->pagerduty.poll_interval_s, 15);
	assert_string_equal(c->pagerduty.dedup_prefix, "headsup");
	assert_int_equal(c->policy.max_duration_s, 4 * 3600);
	assert_int_equal(c->policy.default_budget, 50);
	assert_int_equal(c->policy.approval_from, SEVERITY_CRITICAL);
	assert_null(c->policy.announcers[0]);
	assert_true(config_working_hour(c, 0));
	config_free(c);
}

/* ---- mistakes ------------------------------------------------------------------------------------------- */

#define SOURCE(rest) STORE "sources: [{name: f, format: falco, " rest "}]\n"
#define TOKEN(rest) STORE "tokens: [{" rest "}]\n"
#define ROUTE(rest) STORE "routes: [{" rest "}, {channel: \"#all\"}]\n"
#define HOURS(rest) STORE "working_hours: {" rest "}\n"
#define SLACK(rest)                                                                                \
	STORE "routes: [{channel: \"#all\"}]\nslack: {app_token: xapp-1, bot_token: xoxb-1, " rest \
	      "}\n"
#define GOOD "token: \"${HEADSUP_TEST_TOKEN}\""

/* clang-format off */
static const struct {
	const char *text, *where, *what;
	int more; /* mistakes that follow from it */
} mistakes[] = {
    /* the file */
    {"", "1:1", "there is nothing in it", 0},
    {"- a\n", "1:1", "the configuration is a map", 0},
    {"a: [1\n", "2:1", "", 0},
    {"\tstore: x\n", "1:1", "invalid tab", 0},
    {"store: \"sqlite:///x\n", "1:9", "double-quoted scalar without closing quote", 0},
    {"store: &a sqlite:///x\n", "1:11", "anchors and aliases are not taken", 0},
    {"store: !!str sqlite:///x\n", "1:14", "tags (!…) are not taken", 0},
    {STORE "---\nlisten: x\n", "2:1", "a second document", 0},
    {STORE "log: {level: \xff}\n", "2:14", "this is not UTF-8", 0},
    {STORE "log: {level: \x01}\n", "2:14", "a control character (0x01)", 0},
    {STORE "log: {level: \"a\\0b\"}\n", "2:14", "a value may not hold a NUL character", 1},
    {STORE "? [a]\n: b\n", "2:3", "a key must be a word", 0},
    {STORE "listn: 127.0.0.1:8080\n", "2:1", "the configuration has no \"listn\"; did you mean listen?", 0},
    {STORE "zzzzzzzz: 1\n", "2:1", "the configuration has no \"zzzzzzzz\"; it has listen store", 0},
    {STORE STORE, "2:1", "\"store\" is there twice; the first is on line 1", 0},
    {STORE "log: {level: info, level: warn}\n", "2:20", "\"level\" is there twice; the first is on line 2", 0},
    /* values */
    {STORE "retention:\n", "2:1", "retention has no value", 0},
    {STORE "retention: \"\"\n", "2:12", "retention is empty", 0},
    {STORE "retention: [1d]\n", "2:12", "retention is one value, not a list", 0},
    {STORE "retention: {a: b}\n", "2:12", "retention is one value, not a map", 0},
    {STORE "retention: ${HEADSUP_TEST_UNSET}\n", "2:12", "the environment has no HEADSUP_TEST_UNSET", 0},
    {STORE "retention: ${HEADSUP_TEST_EMPTY}\n", "2:12", "retention is empty: so is ${HEADSUP_TEST_EMPTY}", 0},
    {STORE "retention: ${HEADSUP_TEST_WORD}\n", "2:12", "retention: what the environment holds is no duration", 0},
    {STORE "retention: ${9}\n", "2:12", "\"${\" begins a variable of the environment", 0},
    {STORE "retention: ${HEADSUP\n", "2:12", "\"${\" begins a variable of the environment", 0},
    {STORE "retention: 90\n", "2:12", "retention: ", 0},
    {STORE "retention: 0s\n", "2:12", "retention is longer than \"0s\"", 0},
    {STORE "remind_after: soon\n", "2:15", "remind_after: ", 0},
    {STORE "listen: 8080\n", "2:9", "listen is ADDRESS:PORT", 0},
    {STORE "listen: example.com:80\n", "2:9", "listen is ADDRESS:PORT", 0},
    {STORE "listen: 127.0.0.1:65536\n", "2:9", "listen is ADDRESS:PORT", 0},
    {STORE "listen: 127.0.0.1:-1\n", "2:9", "listen is ADDRESS:PORT", 0},
    {STORE "listen: ::1:80\n", "2:9", "listen is ADDRESS:PORT", 0},
    {"store: /var/lib/headsup.db\n", "1:8", "store is sqlite:// and an absolute path", 0},
    {"store: sqlite://rel.db\n", "1:8", "store is sqlite:// and an absolute path", 0},
    {"store: sqlite:///\n", "1:8", "store is sqlite:// and an absolute path", 0},
    {"store: postgresql://db/headsup\n", "1:8", "store: this version of headsup keeps its data in SQLite", 0},
    /* addresses */
    {STORE "public_url: http://headsup.example.com\n", "2:13", "public_url: without TLS only on loopback", 0},
    {STORE "public_url: http://127.0.0.1.example.com\n", "2:13", "public_url: without TLS only on loopback", 0},
    {STORE "public_url: http://localhost.example.com\n", "2:13", "public_url: without TLS only on loopback", 0},
    {STORE "public_url: http://128.0.0.1\n", "2:13", "public_url: without TLS only on loopback", 0},
    {STORE "public_url: http://[::2]/\n", "2:13", "public_url: without TLS only on loopback", 0},
    {STORE "public_url: ftp://127.0.0.1\n", "2:13", "public_url: it begins with one of: https http", 0},
    {STORE "public_url: headsup.example.com\n", "2:13", "public_url: it begins with one of: https http", 0},
    {STORE "public_url: https://\n", "2:13", "public_url: it names no host", 0},
    {STORE "public_url: https://a:99999\n", "2:13", "public_url: its port is from 1 to 65535", 0},
    {STORE "public_url: https://a:b@c\n", "2:13", "public_url: it may not hold a user or password", 0},
    {STORE "public_url: \"https://a b\"\n", "2:13", "public_url: it holds a character", 0},
    {STORE "public_url: https://a/?x=1\n", "2:13", "public_url is an address without ? and #", 0},
    {STORE "proxy: socks5://a:1\n", "2:8", "proxy is like http://proxy.example.com:3128", 0},
    {STORE "ca_file: nowhere.pem\n", "2:10", "ca_file cannot be read: No such file", 0},
    {STORE "tls: {cert_file: /dev/null}\n", "2:6", "tls lacks key_file", 0},
    {STORE "tls: yes\n", "2:6", "tls is a map", 0},
    {STORE "log: {level: loud}\n", "2:14", "level cannot be \"loud\"; it is one of error, warn, info, debug", 0},
    {STORE "log: {format: xml}\n", "2:15", "format cannot be \"xml\"", 0},
    {STORE "log: {levle: info}\n", "2:7", "log has no \"levle\"; did you mean level?", 0},
    /* slack and pagerduty */
    {STORE "routes: [{channel: \"#a\"}]\nslack: {app_token: xapp-1}\n", "3:8", "slack lacks bot_token", 0},
    {STORE "routes: [{channel: \"#a\"}]\nslack: {bot_token: xoxb-1}\n", "3:8", "slack lacks app_token", 0},
    {STORE "routes: [{channel: \"#a\"}]\nslack: {app_token: xoxb-2, bot_token: xoxb-1}\n", "3:20", "app_token is a bot's token", 0},
    {STORE "routes: [{channel: \"#a\"}]\nslack: {app_token: xapp-2, bot_token: xapp-1}\n", "3:39", "bot_token is an app's token", 0},
    {STORE "slack: {app_token: xapp-1, bot_token: xoxb-1}\n", "1:1", "there are no routes", 0},
    {SLACK("mode: push"), "3:53", "mode cannot be \"push\"; it is one of socket, rtm", 0},
    {SLACK("api_url: http://slack.example/"), "3:56", "api_url: without TLS only on loopback", 0},
    {SLACK("command: headsup"), "3:56", "command is a slash and a word", 0},
    {SLACK("command: /a b"), "3:56", "command is a slash and a word", 0},
    {SLACK("posts_per_second: 0"), "3:65", "posts_per_second is a number above 0, not \"0\"", 0},
    {SLACK("posts_per_second: nan"), "3:65", "posts_per_second is a number above 0, not \"nan\"", 0},
    {SLACK("storm_after: 0"), "3:60", "storm_after is from 1 to", 0},
    {SLACK("storm_after: 1.5"), "3:60", "storm_after is a whole number, not \"1.5\"", 0},
    {SLACK("storm_after: 99999999999999999999"), "3:60", "storm_after is a whole number", 0},
    {SLACK("bot_token_file: /dev/null"), "3:47", "either bot_token or bot_token_file, not both", 1},
    {STORE "pagerduty: {from: me}\n", "2:19", "from is an e-mail address", 0},
    {STORE "pagerduty: {dedup_prefix: a/b}\n", "2:27", "dedup_prefix is a word", 0},
    {STORE "pagerduty: {events_per_minute: -1}\n", "2:32", "events_per_minute is a number above 0", 0},
    {STORE "pagerduty: {poll_intervall: 1m}\n", "2:13", "pagerduty has no \"poll_intervall\"; did you mean poll_interval?", 0},
    {STORE "pagerduty: {webhook_secret_file: nowhere}\n", "2:34", "webhook_secret_file cannot be read", 0},
    {STORE "pagerduty: {webhook_secret_file: /dev/null}\n", "2:34", "webhook_secret_file: there is nothing in it", 0},
    {STORE "pagerduty: {webhook_secret: []}\n", "2:29", "webhook_secret has from 1 to 32 entries", 0},
    {STORE "pagerduty: {webhook_secret: [\"a b\"]}\n", "2:30", "webhook_secret holds a blank or a control character", 0},
    {STORE "pagerduty: {webhook_secret_file: [nowhere, /dev/null]}\n", "2:35", "webhook_secret_file cannot be read", 1},
    {STORE "pagerduty: {webhook_secret: a, webhook_secret_file: /dev/null}\n", "2:32", "either webhook_secret or webhook_secret_file, not both", 1},
    /* sources and tokens */
    {STORE "sources: {name: f}\n", "2:10", "sources is a list", 0},
    {STORE "sources: [f]\n", "2:11", "a source is a map", 0},
    {SOURCE("rate: 1"), "2:11", "a source proves itself by a token or by the secret of its signature", 0},
    {SOURCE(GOOD ", rate: 0"), "2:74", "rate is a number above 0", 0},
    {SOURCE(GOOD ", burst: 0, rate: 1"), "2:75", "burst is from 1 to", 0},
    {SOURCE("token: \"a b\""), "2:43", "token holds a blank or a control character", 0},
    {SOURCE("tokne: abc, " GOOD), "2:36", "a source has no \"tokne\"; did you mean token?", 0},
    {STORE "sources: [{name: f, " GOOD "}]\n", "2:11", "a source lacks format", 0},
    {STORE "sources: [{format: falco, " GOOD "}]\n", "2:11", "a source lacks name", 0},
    {STORE "sources: [{name: a/b, format: falco, " GOOD "}]\n", "2:18", "a name is letters, digits", 0},
    {STORE "sources: [{name: f, format: falko, " GOOD "}]\n", "2:29", "format: there is no format \"falko\"; did you mean falco?", 0},
    {STORE "sources: [{name: f, format: ./no.yaml, " GOOD "}]\n", "2:29", "format: ", 0},
    {STORE "sources: [{name: f, format: falco, " GOOD "},\n  {name: f, format: falco, token: \"${HEADSUP_TEST_OTHER}\"}]\n", "3:10", "this source is there twice; the other is on line 2", 0},
    {STORE "sources: [{name: f, format: falco, " GOOD "},\n  {name: g, format: falco, " GOOD "}]\n", "3:35", "the same token is there twice; the other is on line 2", 0},
    {TOKEN("name: a, may: [read]"), "2:10", "a token lacks token", 0},
    {TOKEN("name: a, " GOOD), "2:10", "a token lacks may", 0},
    {TOKEN("name: a, " GOOD ", may: [fly]"), "2:58", "may cannot be \"fly\"; it is one of send, read, act, announce, announce_for", 0},
    {STORE "tokens: [{name: a, may: read, " GOOD "},\n  {name: a, may: read, token: \"${HEADSUP_TEST_OTHER}\"}]\n", "3:10", "this token's name is there twice", 0},
    {STORE "tokens: [{name: a, may: read, " GOOD "},\n  {name: b, may: read, " GOOD "}]\n", "3:31", "the same token is there twice", 0},
    /* routes */
    {ROUTE("match: [severity=critical]"), "2:10", "a route lacks channel", 0},
    {ROUTE("match: [\"host\"], channel: \"#a\""), "2:19", "", 0},
    {ROUTE("match: [\"host~(\"], channel: \"#a\""), "2:19", "\"host~(\" is no regular expression", 0},
    {ROUTE("match: [host=a], channel: security"), "2:37", "channel is a name like \"#security-alerts\" or an id", 0},
    {STORE "routes:\n  - match: [host=a]\n    channel: #a\n  - {channel: \"#all\"}\n", "4:5", "channel has no value: a # begins a comment", 0},
    {ROUTE("match: [host=a], channel: \"#a\", continue: maybe"), "2:53", "continue cannot be \"maybe\"; it is one of false, true", 0},
    {ROUTE("match: [host=a], channel: \"#a\", page: {}"), "2:49", "page lacks routing_key, and there is no pagerduty.routing_key either", 0},
    {ROUTE("match: [host=a], channel: \"#a\", page: {routing_key: k, from_severity: bad}"), "2:81", "from_severity cannot be \"bad\"", 0},
    {ROUTE("match: [host=a], channel: \"#a\", page: {routing_kye: k, routing_key: k}"), "2:50", "page has no \"routing_kye\"", 0},
    {ROUTE("channel: \"#a\""), "2:10", "a route without match takes everything", 0},
    {STORE "routes: [{match: [host=a], channel: \"#a\"}]\n", "2:10", "the last route has no match", 0},
    /* people, hours, policy */
    {STORE "people: [{slack: alice}]\n", "2:18", "slack is a user's id", 0},
    {STORE "people: [{email: a@b}]\n", "2:10", "a person lacks slack", 0},
    {STORE "people: [{slack: U1, email: bob}]\n", "2:29", "email is an e-mail address", 0},
    {STORE "people: [{slack: U1, logins: [\"al*\"]}]\n", "2:31", "a login is a name as hosts write it", 0},
    {STORE "people: [{slack: U1},\n  {slack: U1}]\n", "3:11", "this person is there twice; the other is on line 2", 0},
    {HOURS("days: mon-fry, from: \"08:00\", to: \"19:00\", timezone: UTC"), "2:23", "days are like mon-fri", 0},
    {HOURS("days: mon, from: 8, to: \"19:00\", timezone: UTC"), "2:34", "from is a time of day", 0},
    {HOURS("days: mon, from: \"08:60\", to: \"19:00\", timezone: UTC"), "2:34", "from is from \"00:00\" to \"24:00\"", 0},
    {HOURS("days: mon, from: \"08:00\", to: \"24:01\", timezone: UTC"), "2:47", "to is from \"00:00\" to \"24:00\"", 0},
    {HOURS("days: mon, from: \"08:00\", to: \"08:00\", timezone: UTC"), "2:47", "working hours that end when they begin", 0},
    {HOURS("days: mon, from: \"08:00\", to: \"09:00\", timezone: Mars/Base"), "2:66", "this machine knows no such time zone", 0},
    {HOURS("days: mon, from: \"08:00\", to: \"09:00\""), "2:16", "working_hours lacks timezone", 0},
    {STORE "policy: {min_matchers: 33}\n", "2:24", "min_matchers is from 1 to 32", 0},
    {STORE "policy: {max_duration: 4}\n", "2:24", "max_duration: ", 0},
    {STORE "policy: {approval_from: never}\n", "2:25", "approval_from cannot be \"never\"", 0},
    {STORE "policy: {never_suppress: [\"rule=x\"]}\n", "2:27", "each of never_suppress is itself a list", 0},
    {STORE "policy: {never_suppress: [[\"rule\"]]}\n", "2:28", "", 0},
    {STORE "policy: {approvers: [\"@bob\"]}\n", "2:22", "these are ids of Slack users or user groups", 0},
};
/* clang-format on */

static void config__with_a_mistake__says_where_and_what(void **state)
{
	struct place *place = *state;
	int failed = 0;

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct config *c = load(place, mistakes[i].text);
		char count[32];

		snprintf(count, sizeof(count), ": %d mistake", 1 + mistakes[i].more);
		if (c != NULL || !says(place, mistakes[i].where, mistakes[i].what) ||
		    strstr(place->err.text, count) == NULL)
			failed++, print_error("case %zu:\n%swants %s: %s\nsays %s\n%s\n", i,
				      mistakes[i].text, mistakes[i].where, mistakes[i].what,
				      place->said, place->err.text);
		assert_true(c != NULL || place->err.kind == ERROR_USAGE);
		config_free(c);
	}
	assert_int_equal(failed, 0);
}

static void config__with_many_mistakes__says_all_in_one_run_in_order(void **state)
{
	struct place *place = *state;
	struct config *c = load(place,
	    "listen: x\nstore: y\nretention: z\npolicy: {min_matchers: 0}\nlog: {level: a}\n");
	const char *at = place->said;
	static const char *const where[] = {":1:9: ", ":2:8: ", ":3:12: ", ":4:24: ", ":5:14: "};

	assert_null(c);
	for (size_t i = 0; i < 5; i++) {
		at = strstr(at, where[i]);
		assert_non_null(at);
	}
	assert_non_null(strstr(place->err.text, ": 5 mistakes"));
	assert_non_null(strstr(place->said, "     1 | listen: x\n       |         ^\n"));
}

static void config__that_is_too_large_or_no_file__is_an_error(void **state)
{
	struct place *place = *state;
	char *large = xcalloc(CONFIG_FILE_MAX + 2, 1);

	memset(large, '#', CONFIG_FILE_MAX + 1);
	assert_null(load(place, large));
	assert_int_equal(place->err.kind, ERROR_TOO_LONG);
	free(large);
	assert_null(config_load(place->folder, NULL, &place->err));
	assert_int_equal(place->err.kind, ERROR_IO);
	assert_null(config_load("/nonexistent/headsup.yaml", NULL, NULL));
}

/* ---- secrets -------------------------------------------------------------------------------------------- */

static void secrets__near_any_mistake__are_never_shown(void **state)
{
	struct place *place = *state;
	/* each holds the word sesame as a secret, and a mistake on its line or in it */
	static const char *const texts[] = {
	    STORE "slack: {bot_token: sesame, zzz: 1}\n",
	    STORE "slack: {bot_tokne: sesame}\n",
	    STORE "slack: {bot_token: [sesame]}\n",
	    STORE "slack: {bot_token: {sesame: sesame}}\n",
	    STORE "slack: sesame\n",
	    STORE "slack: {bot_token: \"se${HEADSUP_TEST_UNSET}sesame\"}\n",
	    STORE "slack: {bot_token: \"sesame and blank\"}\n",
	    STORE "slack:\n  bot_token: |\n    sesame\n    sesame\n",
	    STORE "slack:\n  bot_token: \"sesame\n  x: y\n",
	    STORE "slack: {bot_token: sesame\n",
	    STORE "slack:\n  bot_token: sesame: x\n",
	    STORE "slack:\n  - bot_token: |\n   sesame\n     sesame\n",
	    STORE "pagerduty: {routing_key: sesame, api_token: sesame, webhook_secret: sesame, "
		  "from: x}\n",
	    STORE "pagerduty: {webhook_secret: [sesame, {sesame: sesame}, \"sesame and blank\"]}\n",
	    STORE "pagerduty: {webhook_secret: {sesame: sesame}}\n",
	    STORE "pagerduty: {\"routing_key\": 'sesame', from: x}\n",
	    STORE "sources: [{name: f, format: falco, token: sesame, rate: x}]\n",
	    STORE "sources: [{name: f, format: falco, secret: sesame, rate: x}]\n",
	    STORE "tokens: [{name: f, token: sesame}, {name: g, token: sesame}]\n",
	    STORE "routes: [{channel: x, page: {routing_key: sesame}}]\n",
	    STORE "proxy: http://me:sesame@\n",
	    STORE "public_url: https://me:sesame@host\n",
	    STORE "listen: xoxb-sesame\n",
	    STORE "retention: ${HEADSUP_TEST_SESAME}\n",
	    STORE "log: {level: \"${HEADSUP_TEST_SESAME}\"}\n",
	};

	setenv("HEADSUP_TEST_SESAME", "sesame", 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *c = load(place, texts[i]);

		if (c != NULL || place->said[0] == '\0' || strstr(place->said, "sesame") != NULL)
			fail_msg("case %zu:\n%ssays\n%s", i, texts[i], place->said);
	}
	unsetenv("HEADSUP_TEST_SESAME");
}

static void secrets__that_others_can_read_or_guess__are_warned_of(void **state)
{
	struct place *place = *state;
	char path[128];
	struct config *c;

	c = load_mode(
	    place, STORE "tokens: [{name: a, may: read, token: 0123456789abcdef0123}]\n", 0644);
	assert_non_null(c);
	assert_true(
	    says(place, "1:1", "warning: it holds secrets and can be read by others (mode 0644)"));
	config_free(c);

	c = load_mode(place,
	    STORE "tokens: [{name: a, may: read, token: \"${HEADSUP_TEST_TOKEN}\"}]\n", 0644);
	assert_non_null(c);
	assert_null(strstr(place->said, "can be read by others"));
	config_free(c);

	c = load(place, STORE "tokens: [{name: a, may: read, token: t0}]\n");
	assert_non_null(c);
	assert_true(says(place, "2:38", "warning: token is weak"));
	assert_int_equal(place->warnings, 2); /* and there are no routes */
	config_free(c);

	snprintf(path, sizeof(path), "%s/secret", place->folder);
	write_file(path, "from-a-file-0123456789\n", 0640);
	c = load(place, STORE "tokens: [{name: a, may: read, token_file: secret}]\n");
	assert_non_null(c);
	assert_string_equal(c->tokens[0].token, "from-a-file-0123456789");
	assert_true(says(place, "2:43", "warning: token_file can be read by others (mode 0640)"));
	config_free(c);
}

static void webhook_secrets__one_or_several__are_all_kept(void **state)
{
	struct place *place = *state;
	/* clang-format off */
	static const struct {
		const char *text, *secrets[4];
		int warnings; /* besides that there are no routes */
	} cases[] = {
	    {"webhook_secret: \"${HEADSUP_TEST_TOKEN}\"", {"0123456789abcdef0123456789"}, 0},
	    {"webhook_secret: [\"${HEADSUP_TEST_TOKEN}\"]", {"0123456789abcdef0123456789"}, 0},
	    {"webhook_secret: [\"${HEADSUP_TEST_TOKEN}\", fedcba9876543210+/XYZ, short]",
		{"0123456789abcdef0123456789", "fedcba9876543210+/XYZ", "short"}, 1},
	    {"webhook_secret_file: secret", {"from-a-file-0123456789"}, 0},
	    {"webhook_secret_file: [secret, secret]", {"from-a-file-0123456789", "from-a-file-0123456789"}, 0},
	    {"dedup_prefix: none", {NULL}, 0},
	};
	/* clang-format on */

	give_files(place);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = xasprintf(STORE "pagerduty: {%s}\n", cases[i].text);
		struct config *c = load(place, text);
		char **secrets;
		size_t k;

		assert_non_null(c);
		secrets = c->pagerduty.webhook_secrets;
		for (k = 0; cases[i].secrets[k] != NULL; k++)
			assert_string_equal(secrets[k], cases[i].secrets[k]);
		assert_true(k == 0 ? secrets == NULL : secrets[k] == NULL);
		if (place->warnings != 1 + cases[i].warnings)
			fail_msg("%s: %s", cases[i].text, place->said);
		config_free(c);
		free(text);
	}
}

static void value__with_two_dollars__is_no_variable(void **state)
{
	struct place *place = *state;
	struct config *c = load(place,
	    STORE "routes: [{channel: \"#all\", mention: \"$${x} $5 ${HEADSUP_TEST_WORD}\"}]\n");

	assert_non_null(c);
	assert_string_equal(c->routes[0].mention, "${x} $5 hidden-word");
	config_free(c);
}

/* ---- questions ------------------------------------------------------------------------------------------ */

static void person__by_id_mail_or_login__is_found(void **state)
{
	struct place *place = *state;
	struct config *c;
	char space[64];

	give_files(place);
	c = load(place, whole);
	assert_non_null(c);
	assert_ptr_equal(config_person(c, "U0ALICE"), &c->people[0]);
	assert_ptr_equal(config_person(c, "alice@EXAMPLE.com"), &c->people[0]);
	assert_ptr_equal(config_person(c, "aliced"), &c->people[0]);
	assert_null(config_person(c, "Alice"));
	assert_null(config_person(c, "u0alice"));
	assert_null(config_person(c, ""));
	assert_null(config_person(c, NULL));
	assert_string_equal(config_person_name(c, "U0ALICE", space), "alice");
	assert_string_equal(config_person_name(c, "W0BOB", space), "bob");
	assert_string_equal(config_person_name(c, "ci", space), "ci");
	config_free(c);
}

static void routing_key__by_fingerprint__is_found_while_configured(void **state)
{
	struct place *place = *state;
	struct config *c;
	char print[13];

	give_files(place);
	c = load(place, whole);
	assert_non_null(c);
	key_fingerprint("R1111111111111111111111111111111", print);
	assert_string_equal(config_routing_key(c, print), "R1111111111111111111111111111111");
	key_fingerprint("R0000000000000000000000000000000", print);
	assert_string_equal(config_routing_key(c, print), "R0000000000000000000000000000000");
	key_fingerprint("R2222222222222222222222222222222", print);
	assert_null(config_routing_key(c, print));
	assert_null(config_routing_key(c, NULL));
	config_free(c);
}

static int64_t at(const char *when)
{
	int64_t seconds;

	assert_true(time_parse_rfc3339(when, &seconds));
	return seconds;
}

static void working_hour__by_local_time__is_known(void **state)
{
	struct place *place = *state;
	struct config *c;

	c = load(
	    place, HOURS("days: mon-fri, from: \"08:00\", to: \"19:00\", timezone: Europe/Paris"));
	assert_non_null(c);
	assert_true(config_working_hour(c, at("2026-03-02T07:00:00Z"))); /* Monday 08:00 */
	assert_false(config_working_hour(c, at("2026-03-02T06:59:59Z")));
	assert_false(config_working_hour(c, at("2026-03-02T18:00:00Z"))); /* 19:00 */
	assert_true(config_working_hour(c, at("2026-07-06T06:30:00Z")));  /* summer time */
	assert_false(config_working_hour(c, at("2026-03-01T10:00:00Z"))); /* Sunday */
	config_free(c);

	c = load(place, HOURS("days: [fri, sat], from: \"22:00\", to: \"06:00\", timezone: UTC"));
	assert_non_null(c);
	assert_true(config_working_hour(c, at("2026-03-06T23:00:00Z"))); /* Friday night */
	assert_true(
	    config_working_hour(c, at("2026-03-07T05:59:00Z"))); /* and Saturday's small hours */
	assert_true(
	    config_working_hour(c, at("2026-03-08T05:00:00Z"))); /* Saturday's night into Sunday */
	assert_false(config_working_hour(c, at("2026-03-08T22:30:00Z"))); /* Sunday */
	assert_false(config_working_hour(c, at("2026-03-06T05:00:00Z"))); /* Thursday's night */
	config_free(c);

	c = load(place, HOURS("days: sat-mon, from: \"00:00\", to: \"24:00\", timezone: UTC"));
	assert_non_null(c);
	assert_true(config_working_hour(c, at("2026-03-01T23:59:59Z")));
	assert_true(config_working_hour(c, at("2026-03-02T23:59:59Z")));
	assert_false(config_working_hour(c, at("2026-03-03T00:00:00Z")));
	config_free(c);
}

static void path__by_option_environment_or_default__is_chosen(void **state)
{
	(void)state;
	setenv("HEADSUP_CONFIG", "/from/env.yaml", 1);
	assert_string_equal(config_path("/from/option.yaml"), "/from/option.yaml");
	assert_string_equal(config_path(NULL), "/from/env.yaml");
	unsetenv("HEADSUP_CONFIG");
	assert_string_equal(config_path(NULL), "/etc/headsup/headsup.yaml");
}

static void address__without_tls__is_taken_on_loopback_only(void **state)
{
	static const struct {
		const char *url;
		bool taken;
	} cases[] = {
	    {"https://a", true},
	    {"wss://a.example/x?y", true},
	    {"http://127.0.0.1", true},
	    {"http://127.9.9.9:80/", true},
	    {"ws://localhost:1/x", true},
	    {"ws://LOCALHOST", true},
	    {"http://[::1]:8080", true},
	    {"HTTP://127.0.0.1", true},
	    {"http://0.0.0.0", false},
	    {"http://127.1", false},
	    {"http://2130706433", false},
	    {"http://[::ffff:127.0.0.1]", false},
	    {"http://[::1", false},
	    {"ws://a", false},
	    {"http://127.0.0.1@evil", false},
	    {"http://evil#@127.0.0.1", false},
	    {"http://evil\\@127.0.0.1", false},
	    {"http://localhost.", false},
	    {"//a", false},
	    {"", false},
	    {"http://", false},
	    {"https://a:0", false},
	    {"https://a:", false},
	    {"https://a:1x", false},
	    {"file:///etc/passwd", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (url_is_taken(cases[i].url, "https http wss ws", NULL, 0) != cases[i].taken)
			fail_msg("%s", cases[i].url);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(config__with_every_key__is_read),
	    TEST(config__with_routes_people_and_policy__is_read),
	    TEST(config__with_nothing_but_a_store__has_defaults),
	    TEST(config__with_a_mistake__says_where_and_what),
	    TEST(config__with_many_mistakes__says_all_in_one_run_in_order),
	    TEST(config__that_is_too_large_or_no_file__is_an_error),
	    TEST(secrets__near_any_mistake__are_never_shown),
	    TEST(secrets__that_others_can_read_or_guess__are_warned_of),
	    TEST(webhook_secrets__one_or_several__are_all_kept),
	    TEST(value__with_two_dollars__is_no_variable),
	    TEST(person__by_id_mail_or_login__is_found),
	    TEST(routing_key__by_fingerprint__is_found_while_configured),
	    TEST(working_hour__by_local_time__is_known),
	    TEST(path__by_option_environment_or_default__is_chosen),
	    TEST(address__without_tls__is_taken_on_loopback_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
