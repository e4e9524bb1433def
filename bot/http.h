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
#define HTTP_DRAIN_MAX (8 << 20) /* of a refused body this much is read and dropped */

struct http; /* opaque */
/* What the process itself answers (/metrics, /healthz, /readyz): false when the path is not its own. */
typedef bool (*http_own)(void *ctx, const struct api_request *request, struct api_answer *answer);

/* Listens as CONFIG says (port 0: any), logs `listening on http://127.0.0.1:8080`. NULL with ERROR_IO or ERROR_USAGE. */
struct http *http_start(struct loop *loop, const struct config *config, http_own own, void *ctx, struct error *err);
int http_port(const struct http *http);
/* No new connection is taken; requests under way are answered until http_stop(). */
void http_quiesce(struct http *http);
void http_stop(struct http *http);
void http_metrics(const struct http *http, struct buf *out); /* Prometheus text */

#endif
