/*
 * The executor's half of the protocol between core and those who act: runner and caller share it.
 *
 *           START                     begin()
 *   core ───────────▶ executor ────────────────▶ runner or caller
 *        ◀───────────          ◀────────────────
 *           RESULT                executor_finish()
 *        ───────────▶ forgets the attempt
 *            ACK
 *
 * CANCEL ends an attempt that runs, and PEEK asks what it has written so far.
 *
 * It keeps every attempt from its START to its ACK. A START for an attempt that it knows starts
 * nothing: a finished one's RESULT is sent again. A START whose hook or digest is not its own is
 * REFUSED, which alone means "never started". When the stream to core ends, the old one has been
 * read to its end by then; on the next one it says HELLO with its incarnation, its digests and all
 * attempts, and sends every RESULT that has no ACK.
 *
 * Owns: the stream to core, the attempts, the encoded results. Runs in: runner and caller, in the
 * thread of the loop. May call: stream, protocol, log, digest.
 */
#ifndef ASSENT_BASE_EXECUTOR_H
#define ASSENT_BASE_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "assent/base/protocol.h"

struct executor;

struct executor_setup {
    sd_event *loop;
    /* Begins the attempt and returns at once; executor_finish is called for it exactly once, from
     * inside begin or later. `start` is valid during the call only. */
    void (*begin)(void *userdata, const struct protocol_start *start);
    /* Ends an attempt that runs, as soon as it can; executor_finish tells how. */
    void (*cancel)(void *userdata, const struct protocol_attempt *attempt);
    /* Fills in what an attempt that runs has written so far, as views; false if there is none. */
    bool (*peek)(void *userdata, struct protocol_peeked *peeked);
    /* Takes a frame that is none of those above; 0, or negative errno to break the stream. NULL: there
     * are no such frames. */
    int (*frame)(void *userdata, const struct frame *frame);
    /* The stream has ended: what was asked on it by such frames is not answered any more. May be
     * NULL. */
    void (*on_lost)(void *userdata);
    /* The stream ended by an error of this side, or the next one could not be begun: another is needed,
     * and nobody else knows. May be NULL. */
    void (*on_broken)(void *userdata);
    /* Called whenever the last attempt without ACK has gone. May be NULL. */
    void (*on_empty)(void *userdata);
    void *userdata;
};

/* Draws the incarnation. 0 or negative errno. */
int executor_new(const struct executor_setup *setup, struct executor **ret_executor);

/* The hooks that can be run from now on; copied. Tells core if there is a stream. 0 or -ENOMEM. */
int executor_set_digests(struct executor *executor, const struct protocol_digests *digests);

/* A new stream to core, taken over. If the old one has not been read to its end yet, this one
 * waits until it has. 0 or negative errno. */
int executor_take_stream(struct executor *executor, int fd);

/* From now on every attempt that is not held already is REFUSED: the end of this process is near. */
void executor_quiesce(struct executor *executor);

/* Core hears nothing more: an ending that it took now would make it start another attempt, for an
 * executor that is going. What runs, and what has no ACK, is lost to core as by a crash. */
void executor_leave(struct executor *executor);

/* The attempt ended so. The result is copied, sent, together with others that come in the same turn
 * of the loop, and kept until core's ACK. 0, -ENOENT for an attempt that is not running here, or
 * -ENOMEM (the attempt then stays as if running; core learns of it when this process ends). */
int executor_finish(struct executor *executor, const struct protocol_result *result);

/* Sends a frame on the present stream, if there is one. 0 or -ENOMEM. */
int executor_send(struct executor *executor, uint16_t type, const struct buffer *payload);

/* Attempts that are held: running, or finished without ACK. */
size_t executor_held(const struct executor *executor);

/* Closes the stream and forgets everything. Takes NULL. */
void executor_free(struct executor *executor);

#endif
