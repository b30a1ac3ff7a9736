/*
 * One request on its way in: what is let through of its head, its body as it grows, and the frame
 * that both become.
 *
 * Owns: the body and the frame; path and query belong to its caller. Runs in: gate, the thread that
 * has the connection. May call: rules, connections, message.
 */
#ifndef ASSENT_GATE_INTAKE_H
#define ASSENT_GATE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/gate/connections.h"
#include "assent/gate/head.h"
#include "assent/gate/peer.h"
#include "assent/gate/request.h"
#include "assent/gate/rules.h"

struct intake {
    struct request request; /* first: from it one gets to the whole */
    const char *path;
    const char *query;
    char peer[PEER_TEXT_SIZE]; /* of the connection, or as a trusted proxy says */
    struct buffer body;
    uint64_t body_limit;
    size_t discarded;
    bool has_body;
    bool is_chunked;
    bool is_too_large;
};

/* Who is asked about a head, in this order. */
struct judges {
    enum role role; /* of the gate */
    struct connections *connections;
    struct rules *rules;
};

/* Begins with a head; cuts `target` in place. `peer` is the connection's. Returns ANSWER_NONE, or the
 * objection and the seconds to wait, 0 for what the objection says itself. */
enum answer intake_begin(struct intake *intake, const struct judges *judges,
                         const struct connection *connection, const char *peer,
                         const struct head *head, char *target, unsigned *ret_retry_after);

/* Adds to the body. What is too much is dropped, because in the middle of a body nothing can be
 * answered. 0, -ENOMEM, or -EFBIG where even that is too much. */
int intake_take_body(struct intake *intake, const char *bytes, size_t length);

/* Makes the frame for core, and forgets the body. 0, -ENOMEM or -ENOBUFS. */
int intake_encode(struct intake *intake, enum role role, const struct head *head);

/* Frees what it holds. */
void intake_end(struct intake *intake);

#endif
