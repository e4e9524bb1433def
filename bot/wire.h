/*
 * wire - one WebSocket to somewhere: libwebsockets' client on the loop.
 *
 * Names are resolved off the loop's thread, each address is tried in turn, certificates are checked
 * against the name in the URL. A peer that does not answer pings is given up. No compression is
 * offered.
 */
#ifndef BOT_WIRE_H
#define BOT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "bot/loop.h"
#include "config/config.h"

#define WIRE_CONNECT_MS 5000 /* for each address: TCP, TLS and the upgrade */
#define WIRE_ADDRESSES_MAX 8
#define WIRE_FRAME_MAX (4 << 20) /* bytes of one message; a larger one is dropped */
#define WIRE_QUEUE_MAX \
	(8 << 20)          /* bytes that wait to be written; beyond, the peer is taken for dead */
#define WIRE_PING_S 5      /* of silence, then a ping */
#define WIRE_DEAD_S 20     /* of silence, then it is given up */
#define WIRE_CLOSE_MS 1000 /* for the closing handshake */

struct wires; /* opaque: what all wires share */
struct wire;

/* All are called from the loop, later than wire_dial(). After CLOSED, or wire_close(), none is
 * called. */
struct wire_events {
	void (*opened)(void *ctx);
	void (*frame)(void *ctx, const char *text,
	    size_t len); /* a whole text message; NUL-terminated, borrowed */
	void (*closed)(void *ctx, const char *why); /* WHY: no secret; the wire is gone */
};

struct wires *wires_new(struct loop *loop, const struct config *config, struct error *err);
/* Wires dialled from now on use CONFIG's proxy and ca_file. False: the ca_file cannot be read,
 * and nothing changed. */
bool wires_reload(struct wires *wires, const struct config *config, struct error *err);
/* Drops all wires; their CLOSED is not called. The loop has to be run once more, until its
 * handles are closed. */
void wires_free(struct wires *wires);

/* URL is wss://, or ws:// on loopback: who calls has checked that. Path and query are sent as
 * they are. */
struct wire *wire_dial(
    struct wires *wires, const char *url, const struct wire_events *events, void *ctx);
/* Queues TEXT as one message. */
void wire_send(struct wire *wire, const char *text);
/* Writes what is queued, says goodbye (1000), and lets go; the caller forgets WIRE now. */
void wire_close(struct wire *wire);

#endif
