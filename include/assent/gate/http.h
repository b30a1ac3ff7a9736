/*
 * HTTP: the one place that knows libmicrohttpd.
 *
 * For each listening socket there is one of the library's daemons, with a pool of two threads, to which
 * the main thread gives the connections that it accepts. A request that arrived whole and that the
 * rules admit is encoded, its connection suspended, and it goes to the outbox; the main thread answers
 * it later. What the rules object to is answered at once.
 *
 * Owns: the listening sockets, the connections, their requests. Runs in: gate; everything declared
 * here in the main thread, the rest in the pool's threads. May call: libmicrohttpd, acceptor, rules,
 * outbox.
 */
#ifndef ASSENT_GATE_HTTP_H
#define ASSENT_GATE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/gate/farewell.h"
#include "assent/gate/intake.h"
#include "assent/gate/outbox.h"
#include "assent/gate/request.h"
#include "assent/gate/tls.h"

struct http;

/* All borrowed. */
struct http_parts {
    struct judges judges;
    struct outbox *outbox;
    struct farewell *farewell;
    struct tls *tls;
};

/* 0 or -ENOMEM. */
int http_new(const struct http_parts *parts, struct http **ret_http);

/* Takes the listening socket over (also on failure) and serves it at once. 0 or negative errno. */
int http_listen(struct http *http, sd_event *loop, int fd);

/* While core is away every request is answered with 503 at once. It is away at first. */
void http_set_available(struct http *http, bool available);

/* Answers a request that was in the outbox; its connection goes on with the next http_resume. The body
 * is copied. One that is large while clients have not taken many large ones yet is not kept: 503. */
void http_answer(struct request *request, const struct protocol_response *response);

/* The same answer for several requests; its body is kept once. */
struct http_shared;
/* NULL without memory, or if it is too much as above: then http_answer_shared answers with 503. */
struct http_shared *http_share(struct http *http, const struct protocol_response *response);
void http_answer_shared(struct request *request, struct http_shared *shared);
/* When all requests were answered. Takes NULL. */
void http_shared_release(struct http_shared *shared);

/* Begins an answer that streams: what is in the response, then each piece that follows. When a piece
 * was written, the request is in the outbox again. False if it can't be: it was answered with 503. */
bool http_stream(struct request *request, const struct protocol_response *response);
/* One more piece, which is released by the caller also; with NULL it breaks off. */
void http_stream_piece(struct request *request, struct http_shared *piece);
void http_stream_end(struct request *request);

/* Lets all connections go on whose requests were answered. */
void http_resume(struct http *http);
/* Closes the connection of such a request, whose client left, as core was told. */
void http_abandon(struct request *request);

/* Accepts no more connections, and closes each that is there after its next answer. From now on the
 * outbox is woken when the last request was answered. */
void http_quiesce(struct http *http);
/* Requests whose head was read and whose answer is not written yet. */
size_t http_busy(const struct http *http);

/* Stops the threads and closes everything. No request may wait any more: the outbox is closed and
 * each that was in it was answered or abandoned. Takes NULL. */
void http_free(struct http *http);

#endif
