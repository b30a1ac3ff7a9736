/*
 * HTTP calls, many at once: libcurl on the event loop. The only file that knows libcurl.
 *
 * A call is sent once, on a connection of its own, and never repeated here: its end says whether
 * anything of it can have arrived at the other side. Where a repeat does no harm, connections are
 * kept and shared, and libcurl repeats what a kept one lost, or what the other end would not take over
 * HTTP/2. Kept ones that nobody uses are closed after a while.
 *
 * Owns: the calls under way, their sockets. Runs in: the caller, in the thread of the loop; libcurl
 * looks names up in threads of its own. May call: libcurl, capture, sd-event.
 */
#ifndef ASSENT_CALLER_HTTP_CALL_H
#define ASSENT_CALLER_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/protocol.h"

struct http_engine;
struct http_call;

struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* `Name: value` */
    size_t header_count;
    const void *body; /* not copied: stays until the call ends. NULL: none */
    size_t body_length;
    const void *tls_ca; /* PEM; NULL: the system's */
    size_t tls_ca_length;
    unsigned redirects; /* that are followed at most; from https to https only */
    bool repeatable;    /* the other end can tell a repeat */
    bool repeat;        /* it is one: a kept connection may be what lost the call before */
    int64_t timeout_ms; /* for all of it */
    size_t output_limit;
};

enum http_outcome {
    HTTP_ANSWERED,  /* a whole header of an answer came */
    HTTP_NOT_SENT,  /* nothing of the request was sent */
    HTTP_NO_ANSWER, /* some or all of it was sent; what it did is not known */
};

struct http_end {
    enum http_outcome outcome;
    int status;         /* if answered */
    const char *phrase; /* behind the status, as sent; "" if there was none */
    bool timed_out;
    const char *cause; /* why it ended so, unless answered or timed out */
    struct protocol_output body;
    bool broken;            /* answered, but the connection ended within the body */
    bool cut;               /* the body was longer than what is read of one */
    bool redirected;        /* the answer is to a GET that a redirect made of another method */
    int64_t retry_after_ms; /* as the header Retry-After says; 0 if there was none */
    /* The beginning of the body, whatever output_limit is, if the status is 400 or more. */
    const void *refusal;
    size_t refusal_length;
};

/* Told once, from the loop; `end` and what it points to are valid during the call, and the
 * http_call is gone after it. */
typedef void (*http_done)(void *userdata, const struct http_end *end);

/* A kept connection is used again within `kept_s` seconds, and closed within twice that, or when it
 * is met by a call, whichever comes later. 0 or negative errno. */
int http_engine_new(sd_event *loop, unsigned kept_s, struct http_engine **ret_engine);

/* Begins a call. `done` is never called from within. 0 or -ENOMEM. */
int http_call_begin(struct http_engine *engine, const struct http_request *request, http_done done,
                    void *userdata, struct http_call **ret_call);

/* How it stands, as if it ended now; what it points to is valid until the loop goes on. */
void http_call_look(struct http_call *call, struct http_end *ret_end);

/* Ends it without a word. Takes NULL. */
void http_call_free(struct http_call *call);

/* All calls have ended or been freed before. Takes NULL. */
void http_engine_free(struct http_engine *engine);

#endif
