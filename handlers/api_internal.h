/* api_internal - what the files of the HTTP interface share: handlers/api*.c alone. */
#ifndef HANDLERS_API_INTERNAL_H
#define HANDLERS_API_INTERNAL_H

#include "config/base/json.h"
#include "handlers/api.h"

#define API_ALERTS_BODY_MAX (4 << 20) /* bytes of POST /v1/alerts… */
#define API_BODY_MAX (64 << 10)       /* bytes of any other body */
#define API_LIST_DEFAULT 100
#define API_LIST_MAX 500
#define API_SCAN_MAX 1000 /* rows that one listing looks at: a sparse filter gives short pages, with a cursor to go on */

/* Whose credentials came with the request. */
struct caller {
	const struct token_config *token;   /* NULL: none of ours */
	const struct source_config *source; /* NULL: no source's */
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

/* api_alerts.c */
void api_alerts_post(struct call *call);
void api_alerts_post_source(struct call *call);
void api_alerts_list(struct call *call);
void api_alerts_get(struct call *call);
void api_alerts_act(struct call *call);
cJSON *api_alert_json(const struct desk *desk, const struct alert *alert, bool is_whole);
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
