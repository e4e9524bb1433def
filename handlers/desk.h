/*
 * desk - what a handler has before it when something comes in.
 *
 * Handlers decide: they read and write facts (alerts, announcements, people, audit) and leave words in the outbox. They
 * open no socket, wait for nothing and ask no clock: the time is in desk->now, set before each call by who calls.
 * Every call into handlers/ runs between storage_begin() and storage_end(), which the caller does.
 */
#ifndef HANDLERS_DESK_H
#define HANDLERS_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "config/alert.h"
#include "config/base/buf.h"
#include "config/base/error.h"
#include "config/config.h"
#include "storage/storage.h"

struct job;           /* a read in a thread of its own: handlers/jobs.h */
struct later;         /* an answer that gets better: handlers/later.h */
struct announcements; /* the announcements that stand, and the matcher's index: handlers/announcements.h */

struct desk {
	const struct config *config; /* borrowed; replaced by desk_reload() */
	struct storage *storage;     /* borrowed */
	struct announcements *announcements;
	struct credentials *credentials; /* of config, made for comparing: handlers/api.h */
	struct format *native;       /* the format of normalised alerts, of POST /v1/alerts */
	struct format *alertmanager, *pagerduty; /* of what comes to us as if we were these */
	struct sns *sns;             /* Amazon's certificates: handlers/sns.h */
	int64_t started_at;
	uint64_t losses;             /* storage_losses() when the caches were last right */
	bool caches_changed;         /* by the running event: undoing it makes them wrong */
	/* Takes a job over and runs it once the iteration is on disk; false: too many wait. NULL: there are none, they run at once. */
	bool (*run_job)(void *jobs, struct job *job);
	void *jobs;
	struct later *later; /* of the running event: what it answers gets better; who carries the answer takes it out */
	int64_t now;     /* seconds since 1970 */
	int64_t people_due_at;   /* when Slack is asked next who people are: handlers/people.h */
	bool has_storm_work;     /* something may be being done with all alerts of a storm */
	int64_t slack_away_since; /* TIME_NONE: it is in reach; set by who carries words, before desk_tick() */
	/* While it is not: handlers/unseen.h. */
	struct {
		int64_t after, told; /* alerts that were looked at, and logged */
		size_t unpaged, unpaged_before;
	} unseen;
	/* Of PagerDuty's log: handlers/pagerduty/poll.h. */
	struct {
		int64_t due_at;      /* when it is to be read next; 0: at once */
		int64_t waits_since; /* since when it is asked for without an answer; 0: it is not */
		bool is_silent, is_log_refused, is_list_refused; /* that was logged */
	} poll;
	int64_t rest_away_since; /* since when PagerDuty's REST API cannot be asked, TIME_NONE: it can; set as slack_away_since is */
	struct {
		int64_t after, due_at; /* words that were looked at, and when to begin again: deeds_tick() */
	} late;
	bool has_retelling;      /* an announcement that is over may have alerts to tell anew */
	char wanted_profile[64]; /* whose profile ERROR_WAIT is about; "": the asker's */
	/* Counters for /metrics since the start; kept here because handlers know what they mean. */
	struct {
		uint64_t accepted, suppressed, near_misses, repeated, resolved, claimed, refused, commands, presses;
	} counts;
};

struct desk *desk_new(const struct config *config, struct storage *storage, int64_t now, struct error *err);
void desk_free(struct desk *desk);
/* After SIGHUP: the new configuration takes the place of the old. */
bool desk_reload(struct desk *desk, const struct config *config, struct error *err);
/* Reads caches anew when a transaction was lost; called at the start of each event. */
bool desk_fresh(struct desk *desk, struct error *err);
/* What the running event wrote was undone: caches that it changed are read anew at the next. */
void desk_undone(struct desk *desk);
/* Moves desk->later out; the caller drops it. NULL: none. */
struct later *desk_take_later(struct desk *desk);
/* What is due: windows that begin or end, leases that ran out, reminders. Called about once a second; cheap when nothing is. */
bool desk_tick(struct desk *desk, struct error *err);

/* Who does something, and from where. */
struct actor {
	const char *who;  /* Slack user id, or token name */
	const char *via;  /* slack, api, headsup */
	const char *from; /* channel id or address, for the audit log; may be NULL */
	bool is_token;    /* WHO names a token, not a person */
	unsigned may;     /* of a token */
};
bool desk_audit(struct desk *desk, const struct actor *actor, const char *what, const char *subject, const char *detail,
    struct error *err);
/* May this Slack user do what LIST (policy.announcers …) says: users, and user groups of which they are a member as far as Slack has
 * told; empty: everyone. Tokens are judged by their `may`. */
bool desk_allows(const struct desk *desk, char *const *list, const struct actor *actor);

#endif
