/*
 * Core's half of the protocol with those who act: which job is started where and when, and what
 * becomes of it.
 *
 * Owns: nothing beside the executors' fields of a link. Runs in: core, inside a transaction.
 * May call: store, job, record, stream.
 */
#ifndef ASSENT_CORE_WORK_H
#define ASSENT_CORE_WORK_H

#include "assent/core/internal.h"

/* Runs of one executor at once. */
#define WORK_CONCURRENCY 16

/* Queues a run of `hook` for the request. */
void work_add(struct core *core, const struct store_request *request, const char *hook,
              enum decision cause);

/* Starts what is queued, as far as executors are there and have room. Nothing while quiescing. */
void work_start_queued(struct core *core);

/* Fails the queued jobs whose hooks are no longer configured. */
void work_drop_unknown(struct core *core);

/* Queues a failed or interrupted job again, at the word of `by`. 0 or -EINVAL in another state. */
int work_retry(struct core *core, struct store_job *job, const char *by);

/* A frame from an executor. 0, or negative errno for one that it may not send. */
int work_frame(struct link *link, const struct frame *frame);

/* The stream of the executor has ended. */
void work_disconnected(struct link *link);

#endif
