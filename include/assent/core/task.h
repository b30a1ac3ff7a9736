/*
 * A task: what an attempt is of. It is a job, or one item of a job that is a fan-out; both go
 * through the same states, and this is what they have in common.
 *
 * Owns: a task owns its rows. Runs in: core, inside a transaction. May call: store, log.
 */
#ifndef ASSENT_CORE_TASK_H
#define ASSENT_CORE_TASK_H

#include "assent/core/internal.h"

struct task {
    struct store_job job;   /* of an item: the fan-out that it belongs to */
    struct store_item item; /* its number is PROTOCOL_NO_ITEM if the task is the job */
    enum job_state state;
    uint32_t attempt;
    uint32_t tries;
    uint32_t retries;
    int64_t not_before;
    int64_t started_at;
    int64_t ended_at;
    char *error;
};

/* Takes the rows over; `item` is NULL if the task is the job itself. */
void task_take(struct task *task, struct store_job *job, struct store_item *item);
/* Reads it from the store: 0 or -ENOENT. */
int task_load(struct core *core, int64_t job, int64_t item, struct task *ret_task);
/* The same of a job that has been read, which is taken over. */
int task_load_of(struct core *core, struct store_job *job, int64_t item, struct task *ret_task);
/* Writes what has changed of it. */
void task_save(struct core *core, const struct task *task);
void task_free(struct task *task); /* what it holds, not the struct */

bool task_is_item(const struct task *task);
/* True if its hook is none of [hook NAME], but follows from a service or from [relay]. */
bool task_is_builtin(const struct task *task);
/* NULL: none any more. */
void task_set_error(struct task *task, const char *error);
/* The key by which the other end can tell a repeat: the job's, or the item's own. */
#define TASK_KEY_SIZE (PROTOCOL_KEY_LIMIT + 24)
void task_key(const struct store_job *job, int64_t item, char ret_key[TASK_KEY_SIZE]);

/* An event about the task in the order of all events; `by` is at whose word it happened, or NULL. */
void task_note(struct core *core, const struct task *task, const char *kind, const char *by);
/* One line about it, with the id of its request. */
void task_log(struct core *core, enum log_level level, const char *message,
              const struct task *task);

/* A copy of the text; core ends where there is no memory. */
char *task_copy_text(const char *text);

#endif
