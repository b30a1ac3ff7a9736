/*
 * What a decision does: the final state, the jobs that it starts, what is logged, who is told.
 *
 * Owns: nothing. Runs in: core, inside a transaction. May call: store, decision, waiters, work.
 */
#ifndef ASSENT_CORE_DECIDE_H
#define ASSENT_CORE_DECIDE_H

#include "assent/core/internal.h"

struct decision_made {
    enum decision decision;
    const char *by;     /* NULL if not known */
    int64_t decided_at; /* as the one who decided says; 0 if not said */
    const char *reason; /* NULL if none */
};

/* Applies the decision to the request, which must be as it is stored, and updates both. Returns the
 * outcome. */
enum outcome decide(struct core *core, struct store_request *request,
                    const struct decision_made *made);

/* Applies what came early for that id, which is the request's by now, in the order it came. What came
 * when the request's time was over already comes too late, as it would have if it had been there. */
void decide_early(struct core *core, struct store_request *request, const char *id);

#endif
