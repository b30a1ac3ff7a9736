/*
 * Fan-outs: one job with an item for every element of an array of the context.
 *
 *   queued ── its turn ──▶ the array is found in the text of the context and counted; the job runs
 *       items become rows, a chunk in each commit ──▶ each is a task of its own
 *       none is queued or running any more ──▶ succeeded | failed | interrupted | canceled
 *
 * The text of the context is in memory once while items are added, and what is added is on disk
 * with the count of it: after a restart it goes on behind the last one.
 *
 * Owns: the texts of those that are being added. Runs in: core, inside a transaction. May call:
 * store, items, task.
 */
#ifndef ASSENT_CORE_FANOUT_H
#define ASSENT_CORE_FANOUT_H

#include "assent/core/task.h"

/* More items than this are no fan-out but a mistake. */
#define FANOUT_LIMIT 1000000

/* Begins a queued job whose hook is for_each, or one that has items already. What is wrong with its
 * array becomes its end. */
void fanout_begin(struct core *core, struct task *task, const struct config_hook *hook);

/* Adds some more items of those that are being added. */
void fanout_grow(struct core *core);

/* Sees to that a fan-out whose items are not all rows is being added to, as after a restart; what is left
 * of one whose hook is for another array by now fails. */
void fanout_resume(struct core *core, const struct store_job *job);

/* One of its items has ended, or it is canceled: ends the job if nothing of it is left. */
void fanout_settle(struct core *core, int64_t job);

/* The job has ended, or what is left of it has failed: nothing is added to it any more. A retry goes on
 * where that stopped. */
void fanout_stop(struct core *core, int64_t job);

/* Forgets all that is in memory. */
void fanout_close(struct core *core);

#endif
