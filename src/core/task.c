#include "assent/core/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/clock.h"
#include "assent/base/json.h"

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

int task_load_of(struct core *core, struct store_job *job, int64_t item_number,
                 struct task *ret_task)
{
    struct store_item item;
    int r;

    if (item_number == PROTOCOL_NO_ITEM) {
        task_take(ret_task, job, NULL);
        return 0;
    }
    r = store_item_get(core->store, job->number, item_number, &item);
    if (r == -ENOENT) {
        store_job_free(job);
        return r;
    }
    core_must(r, "item");
    task_take(ret_task, job, &item);
    return 0;
}

int task_load(struct core *core, int64_t job_number, int64_t item_number, struct task *ret_task)
{
    struct store_job job;
    int r = store_job_get(core->store, job_number, &job);

    if (r == -ENOENT) {
        return r;
    }
    core_must(r, "job");
    return task_load_of(core, &job, item_number, ret_task);
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

/* `begins` is a comma, the name, and a colon. */
static int append_detail(struct buffer *out, const char *begins, const char *text)
{
    int r = text ? buffer_append_text(out, begins) : 0;

    return r == 0 && text ? json_append_string(out, text) : r;
}

static int append_details(struct buffer *out, const struct task *task, const char *by)
{
    int r = buffer_append_format(out, "{\"attempt\":%" PRIu32, task->attempt);

    if (r == 0) {
        r = append_detail(out, ",\"hook\":", task->job.hook);
    }
    if (r == 0) {
        r = append_detail(out, ",\"error\":", task->error);
    }
    if (r == 0) {
        r = append_detail(out, ",\"by\":", by);
    }
    if (r == 0 && task_is_item(task)) {
        r = buffer_append_format(out, ",\"item\":%" PRId64, task->item.number);
    }
    return r == 0 ? buffer_append_text(out, "}") : r;
}

void task_note(struct core *core, const struct task *task, const char *kind, const char *by)
{
    struct buffer details = {0};
    struct store_event event = {
        .at = clock_now_ms(),
        .kind = kind,
        .request = task->job.request,
        .job = task->job.number,
    };

    core_must(append_details(&details, task, by), "event");
    event.details = buffer_text(&details);
    core_must(event.details ? store_event_add(core->store, &event) : -ENOMEM, "event");
    buffer_free(&details);
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
