#include "assent/core/endings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/core/fanout.h"
#include "assent/core/lanes.h"
#include "assent/core/steps.h"
#include "assent/core/submission.h"
#include "assent/core/work.h"
#include "assent/domain/schedule.h"

/* Bytes of what an executor says of a failure. */
#define ERROR_LIMIT 1000
/* What another end may make us wait, whatever it says. */
#define AGAIN_AFTER_LIMIT_MS (INT64_C(24) * 3600 * 1000)

/* --- the end ---------------------------------------------------------------------------------- */

static void tell_end(struct core *core, const struct task *task)
{
    bool succeeded = task->state == JOB_SUCCEEDED;
    bool item = task_is_item(task);
    char message[64];
    char span[TEXT_SPAN_SIZE];

    /* A fan-out has too many items to note each that went well. */
    if (!item || !succeeded) {
        (void)snprintf(message, sizeof message, "%s.%s", item ? "item" : "job",
                       job_state_name(task->state));
        task_note(core, task, message, NULL);
    }
    text_from_span(task->started_at > 0 ? task->ended_at - task->started_at : 0, span);
    (void)snprintf(message, sizeof message, "hook %s after %s", job_state_name(task->state), span);
    task_log(core,
             !succeeded ? LOG_LEVEL_WARNING
             : item     ? LOG_LEVEL_DEBUG
                        : LOG_LEVEL_INFO,
             message, task);
}

/* What a job that has given up starts. What that starts itself does not start more. */
static void give_up(struct core *core, const struct task *task)
{
    const struct config_action *action;
    struct store_request request;

    if (task->state != JOB_FAILED || task_is_item(task) || task->job.origin != 0 ||
        task_is_builtin(task)) {
        return;
    }
    core_must(store_request_get(core->store, task->job.request, &request), "request");
    action = config_action(core->config, request.action);
    for (size_t i = 0; action && i < action->on_failed.count; i++) {
        work_add_after(core, &request, action->on_failed.items[i], &task->job);
    }
    store_request_free(&request);
}

void endings_finish(struct core *core, struct task *task, enum job_event event, const char *error)
{
    if (job_apply(task->state, event, &task->state) < 0) {
        return;
    }
    task->ended_at = clock_now_ms();
    task_set_error(task, error);
    task_save(core, task);
    tell_end(core, task);
    lanes_find(core, task->job.hook)->ended[task->state] += !task_is_item(task);
    lanes_want(core, task->job.hook);
    give_up(core, task);
    if (task_is_item(task)) {
        fanout_settle(core, task->job.number);
    } else {
        fanout_stop(core, task->job.number);
        steps_note(core, task->job.request);
    }
}

/* --- another try ------------------------------------------------------------------------------ */

static int64_t pause_before(const struct config_hook *hook, const struct task *task,
                            int64_t again_after)
{
    uint64_t chance = 0;
    int64_t pause;

    core_must(digest_random(&chance, sizeof chance), "chance");
    pause = schedule_backoff(hook->backoff_ms, hook->backoff_max_ms, task->tries, chance);
    again_after = again_after < AGAIN_AFTER_LIMIT_MS ? again_after : AGAIN_AFTER_LIMIT_MS;
    return pause > again_after ? pause : again_after;
}

static void try_again(struct core *core, struct task *task, const struct config_hook *hook,
                      const struct protocol_result *result, bool counted)
{
    char message[96];
    char span[TEXT_SPAN_SIZE];
    int64_t pause;

    if (job_apply(task->state, JOB_EVENT_RESTART, &task->state) < 0) {
        return;
    }
    task->tries++;
    task->retries += counted;
    pause = pause_before(hook, task, result->again_after_ms);
    task->ended_at = clock_now_ms();
    /* One that waits comes before those that have no time yet, so it needs one. */
    task->not_before = task->ended_at + (pause > 0 ? pause : 1);
    task_save(core, task);
    task_note(core, task, task_is_item(task) ? "item.restarted" : "job.restarted", NULL);
    text_from_span(pause, span);
    (void)snprintf(message, sizeof message, "hook %s and will be started again in %s",
                   result->ending == ENDING_INTERRUPTED ? "was cut off" : "failed", span);
    task_log(core, LOG_LEVEL_WARNING, message, task);
    lanes_want(core, task->job.hook);
}

static bool may_retry(const struct task *task, const struct config_hook *hook, unsigned least)
{
    return hook && task->retries < (hook->retries > least ? hook->retries : least);
}

static void after_failure(struct core *core, struct task *task,
                          const struct protocol_result *result)
{
    const struct config_hook *hook = config_hook(core->config, task->job.hook);
    bool counted = result->again == AGAIN_COUNTED;

    if (!task->job.canceling && hook && result->again != AGAIN_NEVER &&
        (!counted || may_retry(task, hook, 0))) {
        try_again(core, task, hook, result, counted);
    } else {
        endings_finish(core, task, JOB_EVENT_FAILED, task->error);
    }
}

/* A run was cut off, and what it has done is not known: its hook says what follows. */
static void after_interruption(struct core *core, struct task *task,
                               const struct protocol_result *result)
{
    const struct config_hook *hook = config_hook(core->config, task->job.hook);

    if (task->job.canceling && !task_is_item(task)) {
        endings_finish(core, task, JOB_EVENT_CANCELED, task->error);
    } else if (!task->job.canceling && hook && hook->on_interrupt == ON_INTERRUPT_RETRY &&
               may_retry(task, hook, 1)) {
        try_again(core, task, hook, result, true);
    } else if (!hook && task_is_builtin(task)) {
        /* A repeat of it would do no harm: there is nothing that a person could decide. */
        endings_finish(core, task, JOB_EVENT_FAILED, task->error);
    } else {
        endings_finish(core, task, JOB_EVENT_INTERRUPTED, task->error);
    }
}

/* --- an attempt ------------------------------------------------------------------------------- */

/* The executor's word for people: text, and not without end, whatever it sent. */
static char *copy_error(const char *error)
{
    char *copy = strndup(error, ERROR_LIMIT);

    if (!copy) {
        core_abandon("work");
    }
    text_repair(copy);
    return copy;
}

static bool is_empty(const struct protocol_output *output)
{
    return output->head_length == 0 && output->tail_length == 0 && output->dropped == 0;
}

static void store_end(struct core *core, struct store_attempt *attempt,
                      const struct protocol_result *result)
{
    bool silent = is_empty(&result->standard_output) && is_empty(&result->standard_error);

    attempt->ended_at = result->ended_at ? result->ended_at : clock_now_ms();
    attempt->ending = result->ending;
    attempt->exit_code = result->exit_code;
    attempt->signal = result->signal;
    attempt->http_status = result->http_status;
    free(attempt->error);
    attempt->error = result->error ? copy_error(result->error) : NULL;
    core_must(store_attempt_end(core->store, attempt, silent ? NULL : &result->standard_output,
                                silent ? NULL : &result->standard_error),
              "attempt");
}

void endings_take(struct core *core, struct task *task, struct store_attempt *attempt,
                  const struct protocol_result *result)
{
    store_end(core, attempt, result);
    task_set_error(task, attempt->error);
    switch (result->ending) {
    case ENDING_SUCCEEDED:
        endings_finish(core, task, JOB_EVENT_SUCCEEDED, NULL);
        break;
    case ENDING_FAILED:
        after_failure(core, task, result);
        break;
    case ENDING_INTERRUPTED:
        after_interruption(core, task, result);
        break;
    }
    if (submission_is(task->job.hook)) {
        submission_ended(core, task, result);
    }
}
