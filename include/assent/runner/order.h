/*
 * What the runner says to a keeper: run this program, stop that run.
 *
 * A message each on a SOCK_SEQPACKET pair whose ends are both this program, so numbers and structs
 * go as they are. A START carries the program's three streams; its texts come in the message or,
 * where they are many, in a memory file beside the streams. Runs are numbered, so that a STOP that
 * was sent too late stops nothing.
 *
 * Owns: an order owns its texts and descriptors. Runs in: the runner (send), a keeper (receive).
 * May call: channel, buffer, sendmsg, recvmsg.
 */
#ifndef ASSENT_RUNNER_ORDER_H
#define ASSENT_RUNNER_ORDER_H

#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/runner/program.h"

struct keeper_limits {
    int64_t timeout_ms; /* 0: none */
    int64_t kill_after_ms;
};

enum order_kind { ORDER_START = 1, ORDER_STOP };

struct order {
    enum order_kind kind;
    uint64_t run;
    struct keeper_limits limits; /* of a START */
    int64_t grace_ms;            /* of a STOP */
    struct program program;      /* of a START; its texts are views into `texts` */
    struct buffer texts;
};

/* Neither waits. 0, or negative errno: then nothing was said. */
int order_send_start(int control, uint64_t run, const struct keeper_limits *limits,
                     const struct program *program);
int order_send_stop(int control, uint64_t run, int64_t grace_ms);

/* `flags` as of recvmsg. 1 with an order (order_clear), 0 if the runner is gone, or negative errno:
 * -EAGAIN if MSG_DONTWAIT and there is none. */
int order_receive(int control, int flags, struct order *ret_order);

/* Frees and closes what it holds. */
void order_clear(struct order *order);

#endif
