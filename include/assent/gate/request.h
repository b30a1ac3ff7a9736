/*
 * An HTTP request on its way through the gate.
 *
 *   pool thread                      main thread                            pool thread
 *   complete ─▶ suspend, outbox_push ─▶ outbox_take, pending_add, send ─▶
 *                                       answer or loss ─▶ http_answer, resume ─▶ queue the answer
 *
 * An answer that streams goes the same way with each piece:
 *
 *   all written ─▶ suspend, outbox_push ─▶ outbox_take, pending_add, TAKEN ─▶
 *                                       piece, end or loss ─▶ http_stream_*, resume ─▶ write it
 *
 * While its connection is suspended nobody but the main thread touches it, and only the main thread
 * resumes it: that is why it needs no lock of its own and cannot go away under the main thread.
 *
 * Owned by: its connection (http). Runs in: gate.
 */
#ifndef ASSENT_GATE_REQUEST_H
#define ASSENT_GATE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "assent/base/buffer.h"

/* What the main thread is to do with what it finds in the outbox. */
enum request_stage {
    REQUEST_WHOLE, /* to core */
    REQUEST_TAKEN, /* all that came of its stream was written: ask core for more */
    REQUEST_GONE, /* no request but the word that one which streamed is over: tell core, and free it */
};

struct request {
    uint64_t id;
    enum request_stage stage;
    bool streams;        /* its answer has begun */
    int fd;              /* of the connection, to see the client leave */
    struct buffer frame; /* for core; empty once it was sent */

    struct request *next; /* in the outbox, then in its bucket of the pending table */

    /* for the main thread, while it waits */
    struct request *older;
    struct request *newer;
    int64_t since; /* monotonic ms */
    bool watched;
};

#endif
