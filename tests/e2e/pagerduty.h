/*
 * pagerduty - what both sides show of one alert, and people who act on either: for tests of
 * PagerDuty both ways.
 */
#ifndef TESTS_E2E_PAGERDUTY_H
#define TESTS_E2E_PAGERDUTY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/json.h"
#include "config/base/memory.h"
#include "tests/e2e/harness.h"

#define URGENT "#security-urgent"
#define ALERTS "#security-alerts"
#define BOTH_WAYS .pd_api = true, .pd_webhooks = true
#define POLLED .pd_api = true, .pagerduty = "  poll_interval: 1s\n"

static inline const char *text(const cJSON *json, const char *name)
{
	const char *value = json_text(json, name);

	return value != NULL ? value : "";
}

static inline const char *key_of(struct world *w, const char *id)
{
	/* As long as any id: it is asked for often, and belongs to nobody. */
	static char keys[16][32];
	static size_t next;
	char *key = keys[next++ % 16];

	(void)w;
	snprintf(key, sizeof(keys[0]), "headsup-%s", id);
	return key;
}

/* ---- here ------------------------------------------------------------------------------------ */

static inline bool here(struct world *w, const char *id, const char *status)
{
	return strcmp(world_status(w, id), status) == 0;
}

static inline const char *assignee(struct world *w, const char *id)
{
	return text(world_alert(w, id), "assignee");
}

/* The page's status as far as headsup knows. */
static inline const char *page_status(struct world *w, const char *id)
{
	return text(json_get(world_alert(w, id), "pagerduty"), "status");
}

static inline bool is_linked(struct world *w, const char *id)
{
	const char *ours = text(json_get(world_alert(w, id), "pagerduty"), "incident_id"),
		   *theirs = text(world_pd_incident(w, key_of(w, id)), "id");

	return ours[0] != '\0' && strcmp(ours, theirs) == 0;
}

/* Events of the timeline: WHAT, by WHO (part of it; NULL: anybody), VIA (NULL: anything). */
static inline int events(
    struct world *w, const char *id, const char *what, const char *who, const char *via)
{
	const cJSON *event;
	int count = 0;

	cJSON_ArrayForEach(event, json_get(world_alert(w, id), "timeline"))
	{
		count += strcmp(text(event, "what"), what) == 0 &&
			 (who == NULL || strstr(text(event, "who"), who) != NULL ||
			     strcmp(text(event, "who_id"), who) == 0) &&
			 (via == NULL || strcmp(text(event, "via"), via) == 0);
	}
	return count;
}

static inline cJSON *thread_of(struct world *w, const char *id)
{
	const cJSON *slack = json_get(world_alert(w, id), "slack");

	if (text(slack, "ts")[0] == '\0')
		return NULL;
	return world_thread(w, text(slack, "channel"), text(slack, "ts"));
}

/* Lines under the card that hold PART; NULL: all. */
static inline int lines(struct world *w, const char *id, const char *part)
{
	const cJSON *message, *list = thread_of(w, id);
	int count = 0, at = 0;

	cJSON_ArrayForEach(message, list)
	{
		count +=
		    at++ > 0 && (part == NULL || strstr(world_words(w, message), part) != NULL);
	}
	return count;
}

/* Did such a line show in the channel too? */
static inline bool is_loud(struct world *w, const char *id, const char *part)
{
	const cJSON *message, *list = thread_of(w, id);

	cJSON_ArrayForEach(message, list)
	{
		if (strstr(world_words(w, message), part) != NULL &&
		    cJSON_IsTrue(json_get(message, "reply_broadcast")))
			return true;
	}
	return false;
}

/* Does the card hold all of WORDS? */
static inline bool card(struct world *w, const char *id, const char *words)
{
	const cJSON *list = thread_of(w, id);

	return list != NULL && strstr(world_words(w, cJSON_GetArrayItem(list, 0)), words) != NULL;
}

static inline bool is_degraded(struct world *w, const char *part)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, json_get(world_ready(w), "degraded"))
	{
		if (strstr(cJSON_GetStringValue(one), part) != NULL)
			return true;
	}
	return false;
}

/* ---- there ----------------------------------------------------------------------------------- */

static inline bool there(struct world *w, const char *id, const char *status)
{
	return strcmp(world_pd_status(w, key_of(w, id)), status) == 0;
}

static inline cJSON *incident_of(struct world *w, const char *id)
{
	return world_pd_incident(w, key_of(w, id));
}

/* Entries of the incident's log: TYPE ("acknowledge"), by NAME (NULL: anybody). */
static inline int entries(struct world *w, const char *id, const char *type, const char *name)
{
	const cJSON *entry;
	char full[64];
	int count = 0;

	snprintf(full, sizeof(full), "%s_log_entry", type);
	cJSON_ArrayForEach(entry, json_get(incident_of(w, id), "log_entries"))
	{
		count +=
		    strcmp(text(entry, "type"), full) == 0 &&
		    (name == NULL || strcmp(text(json_get(entry, "agent"), "summary"), name) == 0);
	}
	return count;
}

/* Notes of the incident that hold PART, by NAME (NULL: anybody). */
static inline int notes(struct world *w, const char *id, const char *part, const char *name)
{
	const cJSON *note;
	int count = 0;

	cJSON_ArrayForEach(note, json_get(incident_of(w, id), "notes"))
	{
		count +=
		    strstr(text(note, "content"), part) != NULL &&
		    (name == NULL || strcmp(text(json_get(note, "user"), "summary"), name) == 0);
	}
	return count;
}

static inline bool is_assigned(struct world *w, const char *id, const char *name)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, json_get(incident_of(w, id), "assignments"))
	{
		if (strcmp(text(json_get(one, "assignee"), "summary"), name) == 0)
			return true;
	}
	return false;
}

static inline int level(struct world *w, const char *id)
{
	const cJSON *value = json_get(incident_of(w, id), "escalation_level");

	return value != NULL ? value->valueint : -1;
}

/* How many incidents the alert had. */
static inline int incidents(struct world *w, const char *id)
{
	const cJSON *one;
	const char *key = key_of(w, id);
	int count = 0;

	cJSON_ArrayForEach(one, json_get(world_pagerduty(w), "incidents"))
	{
		count += strcmp(text(one, "dedup_key"), key) == 0;
	}
	return count;
}

/* Calls of the REST API whose method ("pagerduty.rest.put.incidents.id") holds PART. */
static inline int rest_calls(struct world *w, const char *part)
{
	const cJSON *call;
	int count = 0;

	cJSON_ArrayForEach(call, world_calls(w, "pagerduty.rest"))
	{
		count += strstr(text(call, "method"), part) != NULL;
	}
	return count;
}

/* All that changed something there, or tried to. */
static inline int writes(struct world *w)
{
	return rest_calls(w, ".put.") + rest_calls(w, ".post.") +
	       cJSON_GetArraySize(world_calls(w, "pagerduty.enqueue"));
}

static inline int posts(struct world *w)
{
	return cJSON_GetArraySize(world_calls(w, "chat.postMessage"));
}

/* ---- both ------------------------------------------------------------------------------------ */

static inline bool both(struct world *w, const char *id, const char *ours, const char *theirs)
{
	return here(w, id, ours) && there(w, id, theirs);
}

/* Nothing is on its way, in either direction. */
static inline bool is_quiet(struct world *w)
{
	const char *metrics = world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body;

	return metrics != NULL &&
	       strstr(metrics, "headsup_outbox_words{state=\"waiting\"} 0\n") != NULL &&
	       strstr(metrics, "headsup_outbox_words{state=\"sending\"} 0\n") != NULL &&
	       world_pd_hooks(w, NULL, "waiting") == 0 && world_pd_hooks(w, NULL, "sending") == 0 &&
	       strstr(world_http(w, "GET", "/metrics", NULL, NULL, NULL)->body,
		   "headsup_outbox_words{state=\"waiting\"} 0\n") != NULL;
}

/* A critical alert that pages, in Slack and in PagerDuty; its id. */
static inline const char *raised(struct world *w, const char *title)
{
	char body[512];
	const char *id;

	snprintf(body, sizeof(body),
	    "{\"title\":\"%s\",\"rule\":\"%s\",\"dedup_key\":\"%s\",\"host\":\"web-3\","
	    "\"severity\":\"critical\"}",
	    title, title, title);
	id = world_send_one(w, NULL, body);
	world_until(w, thread_of(w, id) != NULL && there(w, id, "triggered"));
	return id;
}

/* The same, once headsup knows which incident it is. */
static inline const char *raised_and_linked(struct world *w, const char *title)
{
	const char *id = raised(w, title);

	world_until(w, is_linked(w, id));
	return id;
}

/* USER types COMMAND, whose %s is the alert. Their answer. */
static inline const char *types(
    struct world *w, const char *user, const char *id, const char *command)
{
	char line[512], *at;

	snprintf(line, sizeof(line), "%s", command);
	at = strstr(line, "A#");
	if (at != NULL)
		snprintf(line + (at - line), sizeof(line) - (size_t)(at - line), "%s%s", id,
		    command + (at - line) + 2);
	return world_says(w, user, URGENT, line);
}

/* What is said of it: the alert's thread, for the one who reads why a test failed. */
static inline void show(struct world *w, const char *id)
{
	char *thread, *incident;
	const cJSON *message, *list = thread_of(w, id);

	cJSON_ArrayForEach(message, list)
	{
		fprintf(stderr, "  | %s\n", world_words(w, message));
	}
	thread = cJSON_PrintUnformatted(json_get(world_alert(w, id), "timeline"));
	incident = cJSON_PrintUnformatted(json_get(incident_of(w, id), "log_entries"));
	fprintf(stderr, "%s\n%s\n", thread, incident);
	free(thread);
	free(incident);
}

/* Time passes, fifty times as fast, until CONDITION is so. */
#define passing(w, condition)                                      \
	do {                                                       \
		for (int i_ = 0; i_ < 400 && !(condition); i_++) { \
			world_clock_advance(w, 5);                 \
			for (int j_ = 0; j_ < 10; j_++)            \
				world_pause();                     \
		}                                                  \
		world_until(w, condition);                         \
	} while (0)

/* The next second of the clock has begun: what PagerDuty dates to the second is told apart. */
static inline bool is_after(time_t second)
{
	return time(NULL) > second;
}

#endif
