/*
 * Those who want to see what a running attempt has written: asked of its executor, answered when
 * that answers or the attempt ends.
 *
 * Owns: the list of them. Runs in: core, inside a transaction. May call: store, output, executors.
 */
#ifndef ASSENT_CORE_PEEKS_H
#define ASSENT_CORE_PEEKS_H

#include "assent/core/output.h"

/* Asks the executor of the running task; answers from the store if it is not there. */
void peeks_add(struct core *core, const struct asker *asker, const struct task *task);

/* The executor has answered about an attempt. */
void peeks_answer(struct core *core, const struct task *task, uint32_t n,
                  const struct protocol_peeked *peeked);
/* The attempt has ended, or was never started. */
void peeks_settle(struct core *core, int64_t job, int64_t item, uint32_t n);
/* The executor has gone. */
void peeks_drop(struct core *core, const struct link *executor);

/* The client, or its gate, has gone. */
void peeks_forget(struct core *core, const struct asker *asker);
void peeks_forget_all(struct core *core, const struct link *gate);
/* The gate stops: answers all of its askers as things stand. */
void peeks_answer_all(struct core *core, const struct link *gate);
void peeks_free(struct core *core);

#endif
