/*
 * Complete requests on their way from the pool threads to the main thread.
 *
 * Many are taken at once: a thread wakes the main thread only when it puts the first one into an
 * empty box. Under load even that were a wake for nearly each request, so what comes right behind
 * one that was taken is held: it wakes only as the OUTBOX_HELD-th, and the main thread comes for it
 * by itself.
 *
 * Owns: the eventfd; requests stay their connection's. Runs in: gate; push in any thread, the rest
 * in the main thread. May call: eventfd.
 */
#ifndef ASSENT_GATE_OUTBOX_H
#define ASSENT_GATE_OUTBOX_H

#include <stddef.h>

#include "assent/gate/request.h"

/* Bytes that may wait for core, here and in its stream, before new requests are refused. */
#define OUTBOX_LIMIT ((size_t)64 << 20)

/* Held requests that are worth a wake. */
#define OUTBOX_HELD 64

struct outbox;

int outbox_new(struct outbox **ret_outbox);

/* Readable (edge-triggered) when there is something to take that is not held, or after outbox_wake. */
int outbox_fd(const struct outbox *outbox);

/* Any thread. The request's connection is suspended already. 0, -ENOBUFS if too much waits for
 * core, -EPIPE after outbox_close. */
int outbox_push(struct outbox *outbox, struct request *request);
/* Any thread. */
void outbox_wake(struct outbox *outbox);

/* All requests in the order they came, linked by `next`, or NULL. What is pushed next is held if
 * there was something: then the caller takes again within a moment. */
struct request *outbox_take(struct outbox *outbox);
/* The bytes that wait in the stream to core, once what was taken is in it. */
void outbox_set_backlog(struct outbox *outbox, size_t bytes);
/* As outbox_take, and nothing can be pushed from here on. */
struct request *outbox_close(struct outbox *outbox);

/* Takes NULL. */
void outbox_free(struct outbox *outbox);

#endif
