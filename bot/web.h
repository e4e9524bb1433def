/*
 * web - the client side of HTTPS: libcurl's multi-socket interface on the loop. Connections are
 * reused, certificates checked, no redirect is followed, every call has a deadline and every answer
 * a bound.
 */
#ifndef BOT_WEB_H
#define BOT_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bot/loop.h"
#include "config/config.h"

#define WEB_CONNECT_S 5
#define WEB_TOTAL_S 20
#define WEB_ANSWER_MAX (4 << 20) /* bytes */

struct web; /* opaque */
struct web_call;

struct web_request {
	const char *method; /* POST GET PUT; a GET has no body */
	const char *url;
	const char *bearer;       /* Authorization: Bearer …; NULL: none */
	const char *token;        /* Authorization: Token token=…; NULL: none */
	const char *content_type; /* NULL: none */
	const char *accept;       /* NULL: whatever comes */
	const char *from;         /* an e-mail; NULL: no such header */
	const char *body;         /* copied; may be NULL */
	size_t body_len;
	int64_t timeout_ms; /* 0: WEB_TOTAL_S */
};
struct web_answer {
	int status;            /* 0: no answer came (see PROBLEM) */
	bool may_have_arrived; /* no answer, but the request may have reached its peer */
	bool is_unfit;         /* no answer: no such request can be made, now or later */
	const char *problem;   /* a sentence without secrets; NULL when an answer came */
	const char *body;      /* NUL-terminated; borrowed for the call */
	size_t body_len;
	int64_t retry_after_s; /* Retry-After, else ratelimit-reset of a 429; -1: none given */
	void *handle;          /* for web_header() */
};
/* The value of the answer's header NAME, in any case; NULL: none. Borrowed for the call. */
const char *web_header(const struct web_answer *answer, const char *name);
typedef void (*web_done)(void *ctx, const struct web_answer *answer);

struct web *web_new(struct loop *loop, const struct config *config, struct error *err);
/* Calls under way are dropped, their callbacks not called. The loop has to be run once more, to
 * let go of its handles. */
void web_free(struct web *web);
/* Calls begun from now on use CONFIG's proxy and ca_file. */
void web_reload(struct web *web, const struct config *config);
/* Begins a call. DONE runs once, later, from the loop; never after web_cancel(). A token, accept or
 * from with control characters in it is not sent: the call fails. */
struct web_call *web_begin(
    struct web *web, const struct web_request *request, web_done done, void *ctx);
void web_cancel(struct web_call *call);

/* May URL be called? It begins with SECURE ("https"), or with PLAIN ("http") on loopback, where
 * nobody listens in. */
bool web_url_allowed(const char *url, const char *secure, const char *plain);
bool web_url_is_loopback(const char *url);

#endif
