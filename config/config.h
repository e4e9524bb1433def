/*
 * config - the YAML file of an installation, checked once, never written to.
 *
 * A reload makes a new one. Secrets are resolved from ${ENV} and *_file here, and stay here.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/alert.h"
#include "config/base/error.h"
#include "config/base/log.h"
#include "config/format.h"
#include "config/match.h"

#define CONFIG_FILE_MAX (1 << 20) /* bytes */

enum may { MAY_SEND = 1, MAY_READ = 2, MAY_ACT = 4, MAY_ANNOUNCE = 8, MAY_ANNOUNCE_FOR = 16 };

struct slack_config {
	bool is_enabled; /* a slack: section is there */
	bool is_rtm;
	char *app_token, *bot_token;
	char *api_url; /* ends in a slash */
	char *command; /* with its slash */
	int64_t fallback_after_s;
	double posts_per_second;
	int64_t storm_after;
};
struct pagerduty_config {
	bool is_enabled;
	char *events_url, *api_url; /* no slash at the end */
	char *api_token, *from, *routing_key, *dedup_prefix;
	char **webhook_secrets; /* each subscription has its own; NULL-terminated, or NULL for none */
	int64_t poll_interval_s;
	double events_per_minute;
};
/* How a sender signs: HMAC with its secret over the body as sent, hex or base64, in a header. */
struct signature_config {
	char *header;           /* NULL: as senders of its format do */
	char *prefix;           /* before the digest: "sha256="; NULL: none */
	char *timestamp_header; /* seconds since 1970; TIMESTAMP:BODY is signed; NULL: the body alone */
	enum signature_algorithm { SIGNATURE_SHA256, SIGNATURE_SHA512 } algorithm;
};
struct source_config {
	char *name;
	struct format *format;
	char *token;  /* NULL: proves itself by its signature */
	char *secret; /* of its signature */
	struct signature_config signature;
	char **topics; /* of Amazon SNS: what comes of these may prove itself by Amazon's signature; NULL-terminated, or NULL for none */
	double rate;  /* requests a second; 0: no limit of its own */
	int64_t burst;
};
struct token_config {
	char *name, *token;
	unsigned may; /* enum may, or-ed */
};
struct route_config {
	struct matches matches;
	char *channel; /* "#name" or an id */
	char *name;    /* the channel without its # */
	char *mention;
	bool goes_on;                 /* continue: true */
	bool pages;                   /* has a page: */
	char *routing_key;
	char *escalation_policy;
	int from_severity;            /* enum severity, SEVERITY_NONE: everything on the route pages */
};
struct person_config {
	char *slack, *email, *pagerduty;
	char **logins;
	size_t login_count;
};
struct working_hours {
	bool is_set; /* absent: every hour is a working hour */
	bool days[7]; /* 0 is Sunday */
	int from_minute, to_minute;
	char *timezone;
};
struct policy {
	int64_t max_duration_s;
	int64_t min_matchers, default_budget;
	enum severity approval_from;
	struct matches *never_suppress; /* lists of matches, each joined by and */
	size_t never_suppress_count;
	char **announcers, **responders, **approvers; /* Slack ids of users or user groups; NULL-terminated; empty: everyone */
};

struct config {
	char *path;
	char *listen_host;
	int listen_port;
	char *store;
	char *public_url; /* NULL or without a slash at the end */
	char *tls_cert_file, *tls_key_file;
	char *ca_file, *proxy;
	int64_t retention_s;
	int64_t remind_after_s; /* 10m; a critical or high alert that nobody acked */
	enum log_level log_level;
	bool log_json;
	struct slack_config slack;
	struct pagerduty_config pagerduty;
	struct source_config *sources;
	size_t source_count;
	struct token_config *tokens;
	size_t token_count;
	struct route_config *routes;
	size_t route_count;
	struct person_config *people;
	size_t person_count;
	struct working_hours hours;
	struct policy policy;
};

/* --config, else HEADSUP_CONFIG, else /etc/headsup/headsup.yaml. */
const char *config_path(const char *option);
/*
 * Reads and checks PATH. Every mistake goes to stderr as file:line:col with the excerpt, all in one run; warnings likewise
 * (*WARNINGS counts them; may be NULL). NULL with ERROR_USAGE (how many mistakes) or ERROR_IO.
 */
struct config *config_load(const char *path, int *warnings, struct error *err);
void config_free(struct config *config);

/* People: by Slack id, e-mail (any case) or login; NULL when unknown. */
const struct person_config *config_person(const struct config *config, const char *name);
/* "alice" for a person of the list (the first login, else the e-mail's local part), else NAME itself. Borrowed from CONFIG or NAME;
 * SPACE (64 bytes) may be used. */
const char *config_person_name(const struct config *config, const char *name, char space[64]);
/* The routing key with that fingerprint (routes, then pagerduty.routing_key); NULL when the configuration has it no more. */
const char *config_routing_key(const struct config *config, const char *fingerprint);
bool config_working_hour(const struct config *config, int64_t at);
/* The same for somebody whose clock is ZONE's. */
bool config_working_hour_in(const struct config *config, const char *zone, int64_t at);

#endif
