/*
 * An HTTP request on its way through the gate.
 *
 *   pool thread                      main thread                            pool thread
 *   complete ─▶ suspend, outbox_push ─▶ outbox_take, pending_add, send ─▶
 *                                       answer or loss ─▶ http_answer, resume ─▶ queue the answer
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

struct request {
    uint64_t id;
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
