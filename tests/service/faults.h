/*
 * The ways in which the service can be told to fail.
 *
 * Faults stand in a list for each place. A call takes the first one that applies: one with a chance
 * applies if the dice say so, and the next is asked otherwise. The dice are seeded.
 */
#ifndef TESTS_SERVICE_FAULTS_H
#define TESTS_SERVICE_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"
#include "web.h"

#define FAULT_LIMIT 64

enum fault_place {
    FAULT_AT_NOTIFY,    /* `notify` */
    FAULT_AT_APPROVALS, /* `approvals` */
    FAULT_AT_EMAILS,    /* `emails` */
    FAULT_PLACES,
};

enum fault_kind {
    FAULT_STATUS,   /* an error with that status */
    FAULT_CLOSE,    /* `close`: the connection ends without an answer, and nothing was done */
    FAULT_TAKE,     /* `take`: the same, but it was done */
    FAULT_CUT,      /* `cut`: done, and the connection ends in the middle of the answer */
    FAULT_SILENT,   /* `silent`: no answer until the client leaves; nothing was done */
    FAULT_SLOW,     /* `slow`: done and answered after `ms` */
    FAULT_NONSENSE, /* `nonsense`: done, and answered with 200 and no JSON */
    FAULT_NO_ID,    /* `no_id`: done, and the answer has no id */
    FAULT_HUGE,     /* `huge`: done, and `bytes` stand in the answer beside what belongs there */
    FAULT_KINDS,
};

struct fault {
    enum fault_place place;
    enum fault_kind kind;
    unsigned status;
    int64_t times;
    double chance;
    bool done;
    bool header;         /* Retry-After too */
    int64_t retry_after; /* seconds; negative: none */
    int64_t delay_ms;
    size_t bytes;
    char message[200];
};

struct faults {
    struct fault list[FAULT_LIMIT];
    size_t count;
    uint64_t dice;
};

struct reply;

/* Reads one as the operator writes it, and puts it behind the others; `what` = `none` empties the
 * list of its place. 0, or -EINVAL with a problem. */
int faults_add(struct faults *faults, const json_t *fault, struct problem *ret_problem);
/* The fault for a call; false if there is none. */
bool faults_take(struct faults *faults, enum fault_place place, struct fault *ret_fault);
/* The answer as the fault makes it; `reply` is empty if nothing was done. Drops its body. */
struct web_reply fault_answer(const struct fault *fault, struct reply *reply);

#endif
