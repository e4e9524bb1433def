/*
 * alert - one security event as a source reported it, normalised; and the table of its fields.
 *
 * Matchers, formats, the API, `show` and storage all read the table, so that a field is added in one place.
 */
#ifndef CONFIG_ALERT_H
#define CONFIG_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
#define SEVERITY_NONE (-1) /* of thresholds: not set */

enum alert_status { ALERT_OPEN, ALERT_ACKED, ALERT_RESOLVED, ALERT_EXPECTED, ALERT_CLAIMED };

/* Bounds of what is kept of one alert, in bytes; what is longer is cut on a character boundary, and noted. */
#define ALERT_FIELD_MAX 1024
#define ALERT_TITLE_MAX 1024
#define ALERT_DESCRIPTION_MAX 16384
#define ALERT_LABELS_MAX 64
#define ALERT_LABEL_NAME_MAX 128

struct label {
	char *name, *value;
};

struct alert {
	int64_t id; /* 0 until stored */
	char *source, *rule, *title, *description, *actor, *host, *ip, *process, *service, *env, *account, *region,
	    *url, *dedup_key;
	enum severity severity;
	enum alert_status status;
	int64_t occurred_at; /* as the source says; the receipt when it cannot be read */
	int64_t received_at, last_seen;
	int64_t count;
	struct label *labels;
	size_t label_count;
	char *body;      /* the original, untouched; NULL when read back from storage (storage_alert_body) */
	char *notes;     /* what could not be read, one a line; NULL for none */
	bool is_resolve; /* this report says that it is over; never stored */

	/* What headsup knows of it besides; set by handlers. */
	int64_t announcement;   /* that covers it, 0 for none */
	int64_t previous;       /* the resolved alert it follows on, 0 for none */
	char *mark;             /* why it stands out: "more than announced (H17)", "alice announced this, mallory did it" */
	int64_t nearest;        /* the announcement it missed by one matcher, 0 for none */
	char *nearest_why;      /* "host: web-3b is not web-3" */
	int64_t route;          /* 1-based index of the first route taken, 0 for none */
	char *channel;          /* that route's channel, as configured */
	char *page_key;         /* fingerprint (key_fingerprint) of the routing key it pages; NULL: does not page */
	char *page_status;      /* NULL, "triggered", "acknowledged", "resolved": what PagerDuty was last told */
	int64_t paged_at;       /* TIME_NONE while it was not */
	char *assignee;         /* person, NULL for nobody */
	char *changed_by;       /* who made the last change of state, how and when: the card's status line */
	char *changed_via;      /* slack pagerduty api headsup */
	int64_t changed_at;
	int64_t version;        /* grows with each change of what the card shows */
	int64_t ends_at;        /* over by then, unless its source reports it again; TIME_NONE: it is not over by itself */
	int64_t flaps;          /* how often it fired again soon after its source had resolved it */
	bool reminded;          /* it was told again because nobody had acked it, once */
};

enum field_kind { FIELD_TEXT, FIELD_HOST, FIELD_IP, FIELD_SEVERITY, FIELD_STATUS, FIELD_TIME, FIELD_NUMBER };

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	bool is_settable; /* a sender or a format may set it */
	size_t max;       /* bytes kept of FIELD_TEXT and its like */
};
extern const struct field alert_fields[];
extern const size_t alert_field_count;

/* The field of that name or other name (alertname is rule, instance is host); NULL when a label is meant. */
const struct field *field_find(const char *name);
/* The text of a FIELD_TEXT, FIELD_HOST or FIELD_IP field; NULL when absent. Borrowed. */
const char *alert_text(const struct alert *alert, const struct field *field);
/* A field's or label's value as text, whatever its kind; NULL when absent. Borrowed from ALERT or from SPACE. */
const char *alert_value(const struct alert *alert, const char *name, char space[32]);
const char *alert_label(const struct alert *alert, const char *name); /* NULL when absent */
/* Sets a field of text, mended (UTF-8) and cut to its bound, which is noted; NULL or "" makes it absent. */
void alert_set_text(struct alert *alert, const struct field *field, const char *text);
/* Adds a label, cut to its bounds; the first of a name wins; past ALERT_LABELS_MAX it is noted and dropped. */
void alert_add_label(struct alert *alert, const char *name, const char *value);
void alert_note(struct alert *alert, const char *format, ...) __attribute__((format(printf, 2, 3)));

void alert_init(struct alert *alert); /* severity medium, status open, count 1, times TIME_NONE */
void alert_fini(struct alert *alert);
struct alert *alert_new(void);
void alert_free(struct alert *alert);

const char *severity_name(enum severity severity);
bool severity_parse(const char *name, enum severity *severity); /* any case; exactly our five words */
const char *alert_status_name(enum alert_status status);
bool alert_status_parse(const char *name, enum alert_status *status);
/* Fills dedup_key from source, rule, actor and host when absent: parts are length-prefixed, so a|b + c is not a + b|c. */
void alert_derive_dedup_key(struct alert *alert);

/* A name for a secret that may be stored and logged: the first 12 hex digits of its SHA-256. */
void key_fingerprint(const char *key, char out[13]);

#endif
