/*
 * Steps: requests that are held until others are approved and all that followed from that has
 * succeeded. If one of those ends otherwise, the held one is canceled.
 *
 * Owns: the list of requests after which something may go on. Runs in: core, inside a transaction.
 * May call: store, submission, decide.
 */
#ifndef ASSENT_CORE_STEPS_H
#define ASSENT_CORE_STEPS_H

#include "assent/core/internal.h"

/* The request, or a job of it, has ended. */
void steps_note(struct core *core, int64_t request);

/* Looks at what waited for those that were noted; chains of any length are gone through. */
void steps_go_on(struct core *core);

/* True if there is something to look at. */
bool steps_wait(const struct core *core);

/* A held request has just been made: it may be through, or over, already. */
void steps_review(struct core *core, struct store_request *request);

#endif
