/*
 * api - the HTTP interface's meaning: who may ask, what is asked, what is answered. No socket is touched here.
 */
#ifndef HANDLERS_API_H
#define HANDLERS_API_H

#include "config/base/buf.h"
#include "handlers/desk.h"

struct api_param {
	const char *name, *value; /* decoded */
};
struct api_request {
	const char *method; /* GET POST … */
	const char *path;   /* decoded, without the query */
	const struct api_param *query;
	size_t query_count;
	const struct api_param *headers; /* names in any case */
	size_t header_count;
	const char *body;
	size_t body_len;
	const char *remote; /* address, for the audit log */
};
struct api_answer {
	int status;
	const char *content_type; /* static */
	struct buf body;
	int64_t retry_after_s;    /* 0: none */
	bool asks_basic;          /* a 401: WWW-Authenticate */
	const char *allowed_origin; /* WebHook-Allowed-Origin; good as long as the request; NULL: none */
	const char *allow;        /* a 405: what the path takes; NULL: not said */
};
#define API_ANSWER_MAX (16 << 20) /* bytes */

/* The tokens and sources of CONFIG, as credentials are compared. */
struct credentials;
struct credentials *credentials_new(const struct config *config);
void credentials_free(struct credentials *credentials);

void api_answer_init(struct api_answer *answer);
void api_answer_fini(struct api_answer *answer);
/* application/problem+json; STATUS's own title, DETAIL for people. Drops what the body held. */
void api_problem(struct api_answer *answer, int status, const char *detail);
/*
 * Is it worth reading the body? Checked when the headers are in: fills ANSWER and says false for a wrong method, path or credentials.
 * *LIMIT gets the most bytes that the endpoint takes.
 */
bool api_admit(struct desk *desk, const struct api_request *request, size_t *limit, struct api_answer *answer);
/*
 * Answers. False: nothing of it may be kept (the caller ends the savepoint accordingly); ANSWER is filled in any case.
 */
bool api_handle(struct desk *desk, const struct api_request *request, struct api_answer *answer);

#endif
