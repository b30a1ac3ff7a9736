/*
 * How attempts end, and what follows: the end of the task, another try by itself, on_failed.
 *
 * Owns: nothing. Runs in: core, inside a transaction. May call: store, task, lanes, fanout, schedule,
 * work.
 */
#ifndef ASSENT_CORE_ENDINGS_H
#define ASSENT_CORE_ENDINGS_H

#include "assent/core/task.h"

/* The attempt has ended so: stores that and what follows from it. Once for each attempt. */
void endings_take(struct core *core, struct task *task, struct store_attempt *attempt,
                  const struct protocol_result *result);

/* The task is over by that event, with an error for people or NULL. */
void endings_finish(struct core *core, struct task *task, enum job_event event, const char *error);

#endif
