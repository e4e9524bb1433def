/* api_internal - what the files of the HTTP interface share: handlers/api*.c alone. */
#ifndef HANDLERS_API_INTERNAL_H
#define HANDLERS_API_INTERNAL_H

#include "config/base/json.h"
#include "handlers/api.h"

#define API_ALERTS_BODY_MAX (4 << 20) /* bytes of POST /v1/alerts… */
#define API_BODY_MAX (64 << 10)       /* bytes of any other body */
#define API_EVENT_MAX (512 << 10)     /* bytes of an event as PagerDuty takes it */
#define API_LIST_DEFAULT 100
#define API_LIST_MAX 500
#define API_SCAN_MAX 1000 /* rows that one listing looks at: a sparse filter gives short pages, with a cursor to go on */

/* Whose credentials came with the request. */
struct caller {
	const struct token_config *token;   /* NULL: none of ours */
	const struct source_config *source; /* NULL: no source's */
	const struct source_config *unproven; /* the source that it says to be, by a signature over the body that is still to be checked */
	struct actor actor;
};

/* One request as an endpoint sees it. */
struct call {
	struct desk *desk;
	const struct api_request *request;
	struct api_answer *answer;
	struct caller caller;
	const char *part;  /* what stands at {} of the path: a source, A1042, H17 */
	const char *verb;  /* the last part: ack, extend … ; NULL: none */
	bool is_stored;    /* false: what it wrote is undone */
};

const char *api_query(const struct api_request *request, const char *name); /* NULL: not given */
const char *api_header(const struct api_request *request, const char *name);
/* Sends JSON (owned by this call). */
void api_json(struct api_answer *answer, int status, cJSON *json);
/* Sentences are made for Slack: <@U1> becomes the person's name, and &amp; what it stands for. The caller frees. */
char *api_plain_sentence(const struct config *config, const char *text);
/* A refusal: the status is chosen by the error's kind; people's ids become names. */
void api_refuse(struct call *call, const struct error *err);
/* The same with a member NAME: JSON (owned by this call). */
void api_refuse_with(struct call *call, const struct error *err, const char *name, cJSON *json);
/* The body as a JSON object; an empty body is {}. NULL: answered with 400. */
cJSON *api_object(struct call *call);
/* `limit=` within bounds; 0: answered with 400. */
size_t api_limit(struct call *call);
/* `cursor=`: ids below it; false: answered with 400. */
bool api_cursor(struct call *call, int64_t *before_id);

/* The source whose token that is; NULL: none. Every one is compared. */
const struct source_config *api_source_of(const struct desk *desk, const char *token);
/* May SOURCE be heard once more (its rate and burst)? False: not before *RETRY_AFTER_S seconds from now. */
bool api_source_may(struct desk *desk, const struct source_config *source, int64_t *retry_after_s);

/* What came of the alerts in a body. */
struct taken {
	cJSON *accepted, *bad; /* lists, as they are answered; owned by who asked */
	size_t count;          /* alerts accepted */
	struct error error;    /* the first that went wrong */
};
enum take { TAKE_DONE, TAKE_BAD /* the body, or each alert in it: TAKEN->error */, TAKE_NOT_STORED };
/* Reads the request's body by FORMAT and takes in its alerts. taken_fini() in any case. */
enum take api_take(struct call *call, const struct format *format, const char *source, bool may_name_source, struct taken *taken);
void taken_fini(struct taken *taken);

/* api_alerts.c */
#define API_OKTA_CHALLENGE "x-okta-verification-challenge"
void api_okta_challenge(struct call *call);
void api_cloudevents_handshake(struct call *call);
void api_alerts_post(struct call *call);
void api_alerts_post_source(struct call *call);
void api_alerts_list(struct call *call);
void api_alerts_get(struct call *call);
void api_alerts_act(struct call *call);
cJSON *api_alert_json(const struct desk *desk, const struct alert *alert, bool is_whole);
/* api_alertmanager.c */
void api_am_alerts_post(struct call *call);
void api_am_alerts_get(struct call *call);
void api_am_silences_get(struct call *call);
void api_am_silences_post(struct call *call);
void api_am_silence_get(struct call *call);
void api_am_silence_delete(struct call *call);
void api_am_receivers(struct call *call);
void api_am_status(struct call *call);
/* api_events.c */
void api_events_enqueue(struct call *call);
void api_events_change(struct call *call);
/* api_announcements.c */
void api_announcements_post(struct call *call);
void api_announcements_list(struct call *call);
void api_announcements_get(struct call *call);
void api_announcements_act(struct call *call);
/* api_records.c */
void api_audit(struct call *call);
void api_outbox_list(struct call *call);
void api_outbox_act(struct call *call);
/* api_test.c */
void api_test(struct call *call);

#endif
