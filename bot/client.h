/*
 * client - headsup as its own caller: the commands of the shell speak HTTP to a headsup that runs.
 *
 * HEADSUP_URL says where (http://127.0.0.1:8080 unless told), HEADSUP_TOKEN who asks. The token goes to that address alone,
 * over TLS except on loopback; no redirect is followed, and no sentence holds it. One request at a time, each within a bound.
 */
#ifndef BOT_CLIENT_H
#define BOT_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/base/buf.h"
#include "config/base/error.h"

#define CLIENT_URL_DEFAULT "http://127.0.0.1:8080"
#define CLIENT_CONNECT_MS 5000 /* until the connection stands */
#define CLIENT_CALL_MS 30000   /* for one request, from its first byte to its answer's last */
#define CLIENT_TRIES 3         /* of a request that may be sent again */
#define CLIENT_ANSWER_MAX (16u << 20) /* bytes of an answer */

/* What the status of the process says. */
enum { STATUS_DONE, STATUS_FAILED, STATUS_USAGE, STATUS_REFUSED, STATUS_WAITS };

struct client; /* opaque */

struct client_request {
	const char *method; /* GET, POST */
	const char *path;   /* "/v1/alerts?status=open", encoded */
	const cJSON *body;  /* NULL: none */
	const char *raw;    /* instead of BODY: RAW_LEN bytes as they are */
	size_t raw_len;
	const char *key;    /* Idempotency-Key; NULL: none */
	bool is_repeatable; /* sent twice it does no harm: a GET, or what has a key */
	int64_t timeout_ms; /* 0: CLIENT_CALL_MS */
};
struct client_answer {
	int status;  /* 0: there was none */
	cJSON *json; /* NULL: the body is none */
	char *text;  /* the body; NULL without an answer */
	/* No answer, or one that says "not now" (429, 502, 503, 504): another time it may work. */
	bool is_out_of_reach;
	bool was_sent;         /* it may have been done, though no answer came */
	int64_t retry_after_s; /* 0: not said */
	struct error error;    /* what went wrong, for people; its kind is ERROR_NONE for 2xx */
};
void client_answer_fini(struct client_answer *answer);

/*
 * CA_FILE (NULL: HEADSUP_CA_FILE, else SSL_CERT_FILE, else only the system's) is trusted besides the system's. NULL with
 * ERROR_USAGE for an address that is none, that holds a secret, or that is plain http:// beyond loopback; for a token that
 * no header can hold.
 */
struct client *client_new(const char *ca_file, struct error *err);
void client_free(struct client *client);
/* The address, without a slash at the end. Borrowed. */
const char *client_url(const struct client *client);

/*
 * Asks, and waits for the answer (client_answer_fini() it in any case). While headsup is out of reach, what is
 * repeatable is sent up to CLIENT_TRIES times, anything else only when it cannot have been done. True for 2xx.
 */
bool client_call(
    struct client *client, const struct client_request *request, struct client_answer *answer);

/* The same in steps, once and without trying again, for who has more to wait for. */
void client_begin(struct client *client, const struct client_request *request);
/* Waits until there is something to do for the request that was begun, FD (-1: none) can be read, or TIMEOUT_MS have passed. */
void client_wait(struct client *client, int fd, int64_t timeout_ms);
bool client_is_busy(const struct client *client); /* begun, and not ended yet */
/* What came of it, once client_is_busy() says no. */
bool client_end(struct client *client, struct client_answer *answer);

/* How the process ends after ANSWER: 0, 1, 2 (the words cannot be understood) or 3 (policy says no). */
int client_status(const struct client_answer *answer);

#endif
