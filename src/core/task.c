#include "assent/core/task.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"

char *task_copy_text(const char *text)
{
    char *copy = strdup(text);

    if (!copy) {
        core_abandon("work");
    }
    return copy;
}

bool task_is_item(const struct task *task)
{
    return task->item.number != PROTOCOL_NO_ITEM;
}

bool task_is_builtin(const struct task *task)
{
    return strchr(task->job.hook, ' ') != NULL;
}

static void take_job(struct task *task)
{
    const struct store_job *job = &task->job;

    task->state = job->state;
    task->attempt = job->attempt;
    task->tries = job->tries;
    task->retries = job->retries;
    task->not_before = job->not_before;
    task->started_at = job->started_at;
    task->ended_at = job->ended_at;
    task->error = job->error ? task_copy_text(job->error) : NULL;
}

static void take_item(struct task *task)
{
    const struct store_item *item = &task->item;

    task->state = item->state;
    task->attempt = item->attempt;
    task->tries = item->tries;
    task->retries = item->retries;
    task->not_before = item->not_before;
    task->started_at = item->started_at;
    task->ended_at = item->ended_at;
    task->error = item->error ? task_copy_text(item->error) : NULL;
}

void task_take(struct task *task, struct store_job *job, struct store_item *item)
{
    *task = (struct task){.job = *job, .item = {.number = PROTOCOL_NO_ITEM}};
    *job = (struct store_job){0};
    if (item) {
        task->item = *item;
        *item = (struct store_item){0};
        take_item(task);
    } else {
        take_job(task);
    }
}

int task_load(struct core *core, int64_t job_number, int64_t item_number, struct task *ret_task)
{
    struct store_job job;
    struct store_item item;
    bool is_item = item_number != PROTOCOL_NO_ITEM;
    int r = store_job_get(core->store, job_number, &job);

    if (r == 0 && is_item) {
        r = store_item_get(core->store, job_number, item_number, &item);
        if (r < 0) {
            store_job_free(&job);
        }
    }
    if (r == 0) {
        task_take(ret_task, &job, is_item ? &item : NULL);
    } else if (r != -ENOENT) {
        core_must(r, "job");
    }
    return r;
}

void task_save(struct core *core, const struct task *task)
{
    if (task_is_item(task)) {
        const struct store_item item = {
            .job = task->job.number,
            .number = task->item.number,
            .state = task->state,
            .attempt = task->attempt,
            .tries = task->tries,
            .retries = task->retries,
            .not_before = task->not_before,
            .started_at = task->started_at,
            .ended_at = task->ended_at,
            .error = task->error,
        };

        core_must(store_item_update(core->store, &item), "item");
    } else {
        struct store_job job = task->job;

        job.state = task->state;
        job.attempt = task->attempt;
        job.tries = task->tries;
        job.retries = task->retries;
        job.not_before = task->not_before;
        job.started_at = task->started_at;
        job.ended_at = task->ended_at;
        job.error = task->error;
        core_must(store_job_update(core->store, &job), "job");
    }
}

void task_free(struct task *task)
{
    store_job_free(&task->job);
    store_item_free(&task->item);
    free(task->error);
    task->error = NULL;
}

void task_set_error(struct task *task, const char *error)
{
    char *copy = error ? task_copy_text(error) : NULL;

    free(task->error);
    task->error = copy;
}

void task_key(const struct store_job *job, int64_t item, char ret_key[TASK_KEY_SIZE])
{
    if (item == PROTOCOL_NO_ITEM) {
        (void)snprintf(ret_key, TASK_KEY_SIZE, "%s", job->key);
    } else {
        (void)snprintf(ret_key, TASK_KEY_SIZE, "%s-%" PRId64, job->key, item);
    }
}

void task_note(struct core *core, const struct task *task, const char *kind, const char *by)
{
    json_t *details = json_pack("{s:s, s:i, s:s*, s:s*}", "hook", task->job.hook, "attempt",
                                (int)task->attempt, "error", task->error, "by", by);
    struct store_event event = {
        .at = clock_now_ms(),
        .kind = kind,
        .request = task->job.request,
        .job = task->job.number,
    };
    char *text = NULL;

    if (details && task_is_item(task)) {
        (void)json_object_set_new(details, "item", json_integer(task->item.number));
    }
    text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    event.details = text;
    core_must(text ? store_event_add(core->store, &event) : -ENOMEM, "event");
    free(text);
    json_decref(details);
}

void task_log(struct core *core, enum log_level level, const char *message, const struct task *task)
{
    struct store_request request;
    char number[32];
    char item[32];
    char attempt[16];

    if (!log_enabled(level)) {
        return;
    }
    core_must(store_request_get(core->store, task->job.request, &request), "request");
    (void)snprintf(number, sizeof number, "%" PRId64, task->job.number);
    (void)snprintf(item, sizeof item, "%" PRId64, task->item.number);
    (void)snprintf(attempt, sizeof attempt, "%u", task->attempt);
    log_event(level, message, "request", request.id, "service", request.service, "action",
              request.action, "hook", task->job.hook, "job", number, "item",
              task_is_item(task) ? item : NULL, "attempt", attempt, "error", task->error, NULL);
    store_request_free(&request);
}
