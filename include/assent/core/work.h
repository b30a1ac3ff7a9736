/*
 * The queue: which job is started where and when, and what people may change about that.
 *
 * Hooks take turns, so that one with a long queue does not hold up another. Within one, what has
 * waited for its time (after a failure, say) comes first, then the oldest.
 *
 * Owns: nothing. Runs in: core, inside a transaction.
 * May call: store, task, lanes, fanout, endings, executors, record, stream.
 */
#ifndef ASSENT_CORE_WORK_H
#define ASSENT_CORE_WORK_H

#include "assent/core/task.h"

/* Queues a run of `hook` for the request. */
void work_add(struct core *core, const struct store_request *request, const char *hook,
              enum decision cause);
/* The same because a job of it has given up. */
void work_add_after(struct core *core, const struct store_request *request, const char *hook,
                    const struct store_job *origin);

/* Starts what is queued, as far as executors are there and have room. Nothing while quiescing. */
void work_start_queued(struct core *core);

/* Fails the queued jobs whose hooks are no longer configured. */
void work_drop_unknown(struct core *core);
/* The same for those of one hook. */
void work_drop_if_unknown(struct core *core, const char *hook);

/* Queues a failed or interrupted job again, at the word of `by`; of a fan-out, the items that failed
 * or were interrupted. 0, -EINVAL in another state, -ENOENT if its hook is no longer configured, or
 * -EALREADY for a submission whose request is over. */
int work_retry(struct core *core, struct task *task, const char *by);

/* Ends a queued or running job, at the word of `by`: at once if nothing of it runs, else once that
 * has ended. 0 or -EINVAL in another state. */
int work_cancel(struct core *core, struct task *task, const char *by);

/* Cancels the jobs under the filter whose hooks are chosen; at most as many as a request has. */
void work_cancel_where(struct core *core, const struct store_job_filter *filter,
                       bool (*chosen)(const char *hook), const char *by);

/* What of a job that is to end was never started: ends it, if nothing else of it runs. */
void work_end_canceled(struct core *core, struct task *task);

/* Sends START for what is on disk as started. */
void work_send_start(struct core *core, struct link *link, const struct config_hook *hook,
                     const struct task *task);

#endif
