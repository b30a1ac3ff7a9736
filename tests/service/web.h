/*
 * An HTTP server on a port of loopback, with a thread for each connection, so that whoever answers
 * may take time, wait, or break off. The only file that knows libmicrohttpd.
 *
 * It can be closed and opened again on its port, as a service that is down for a while: meanwhile
 * connections are refused, and nobody else gets the port.
 */
#ifndef TESTS_SERVICE_WEB_H
#define TESTS_SERVICE_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a request's body. */
#define WEB_BODY_LIMIT (20u << 20)

struct web;

/* A request that came in full. */
struct web_call {
    const char *method;
    const char *path;
    const char *body;
    size_t length;
    const void *origin; /* for the functions below */
};

/* NULL if there is none. */
const char *web_call_header(const struct web_call *call, const char *name);
/* Of `?name=NUMBER`; `otherwise` if it is not there or no number. */
int64_t web_call_number(const struct web_call *call, const char *name, int64_t otherwise);
const char *web_call_query(const struct web_call *call, const char *name);

/* Waits for `ms`, or without an end if that is negative. False if the client left, or the server is
 * being closed, before. */
bool web_pause(const struct web_call *call, int64_t ms);

enum web_manner {
    WEB_WHOLE,
    WEB_HALF, /* the header and half of the body; then the connection is closed */
    WEB_NONE, /* the connection is closed without an answer */
};

struct web_reply {
    unsigned status;
    char *text; /* malloc'ed, given away */
    enum web_manner manner;
    int64_t retry_after; /* seconds for Retry-After; negative: no such header */
};

/* Called by many threads at once. */
typedef struct web_reply (*web_handler)(void *userdata, const struct web_call *call);

/* Takes a free port; nothing is listened to yet. NULL if that fails. */
struct web *web_new(web_handler handler, void *userdata);
unsigned web_port(const struct web *web);
bool web_open(struct web *web);
/* Returns when no call is under way any more; not to be called from one of its own. */
void web_close(struct web *web);
bool web_is_open(const struct web *web);
/* Closes it too. Takes NULL. */
void web_free(struct web *web);

#endif
