/*
 * http - the server side of HTTP: libmicrohttpd on the loop. Requests are read within bounds, handed to handlers/api.h, and answered
 * when the iteration's transaction is on disk.
 */
#ifndef BOT_HTTP_H
#define BOT_HTTP_H

#include "bot/loop.h"
#include "handlers/api.h"

#define HTTP_CONNECTIONS_MAX 1024
#define HTTP_CONNECTIONS_PER_ADDRESS_MAX 256
#define HTTP_IDLE_S 30          /* between bytes, and between requests */
#define HTTP_REQUEST_DEADLINE_S 60 /* for one request, from its first line to its last byte */
#define HTTP_LATER_S 5          /* how long an answer is held back for a job that makes it better */
#define HTTP_ANSWER_DEADLINE_S 300 /* for taking one answer */
#define HTTP_DRAIN_MAX (8 << 20) /* of a refused body this much is read and dropped */
#define HTTP_HEADERS_MAX 32768   /* bytes of one request's first line and headers; MHD clears as much for each request */
#define HTTP_HEADER_COUNT_MAX 128
#define HTTP_HELD_MAX (256 << 20) /* bytes of bodies and answers, over all connections; past it 503 */
#define HTTP_LINGERS_MAX 64      /* connections closed early whose rest is still dropped */
#define HTTP_LINGER_S 5

struct http; /* opaque */
/* What the process itself answers (/metrics, /healthz, /readyz): false when the path is not its own. */
typedef bool (*http_own)(void *ctx, const struct api_request *request, struct api_answer *answer);

/* Listens as CONFIG says (port 0: any), logs `listening on http://127.0.0.1:8080`. NULL with ERROR_IO or ERROR_USAGE. */
struct http *http_start(struct loop *loop, const struct config *config, http_own own, void *ctx, struct error *err);
int http_port(const struct http *http);
/* After SIGHUP: the certificate and its key are read again; new connections get them. False: the old ones stay (ERROR_IO, ERROR_USAGE). */
bool http_reload(struct http *http, const struct config *config, struct error *err);
/* No new connection is taken; requests under way are answered until http_stop(). */
void http_quiesce(struct http *http);
/* Requests begun and not yet answered to the last byte. */
size_t http_under_way(const struct http *http);
/* Ends every connection. What it holds on the loop is freed in the next turns of uv_run(). */
void http_stop(struct http *http);
void http_metrics(const struct http *http, struct buf *out); /* Prometheus text */

#endif
