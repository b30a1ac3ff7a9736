#include "assent/core/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/core/endings.h"
#include "assent/core/executors.h"
#include "assent/core/fanout.h"
#include "assent/core/lanes.h"
#include "assent/core/record.h"
#include "assent/core/submission.h"

#define KEY_RANDOM_SIZE 16

/* --- adding ----------------------------------------------------------------------------------- */

static void new_key(struct core *core, char ret_key[PROTOCOL_KEY_LIMIT + 1])
{
    unsigned char random[KEY_RANDOM_SIZE];
    char hex[2 * KEY_RANDOM_SIZE + 1];

    core_must(digest_random(random, sizeof random), "key");
    text_to_hex(random, sizeof random, hex);
    /* The time keeps keys that are made together together in the store's index. */
    (void)snprintf(ret_key, PROTOCOL_KEY_LIMIT + 1, "%s.%012llx.%s", store_identity(core->store),
                   (unsigned long long)clock_now_ms(), hex);
}

static void add(struct core *core, struct store_job *job)
{
    const struct config_hook *hook = config_hook(core->config, job->hook);
    char key[PROTOCOL_KEY_LIMIT + 1];
    struct task task = {.item = {.number = PROTOCOL_NO_ITEM}};

    new_key(core, key);
    job->key = key;
    job->state = JOB_QUEUED;
    job->created_at = clock_now_ms();
    job->not_before = hook && hook->delay_ms > 0 ? job->created_at + hook->delay_ms : 0;
    core_must(store_job_add(core->store, job, &job->number), "job");
    task.job = *job;
    task_note(core, &task, "job.queued", NULL);
    lanes_want(core, job->hook);
}

void work_add(struct core *core, const struct store_request *request, const char *hook,
              enum decision cause)
{
    struct store_job job = {
        .request = request->number,
        .hook = (char *)(uintptr_t)hook,
        .cause = cause,
    };

    add(core, &job);
}

void work_add_after(struct core *core, const struct store_request *request, const char *hook,
                    const struct store_job *origin)
{
    struct store_job job = {
        .request = request->number,
        .hook = (char *)(uintptr_t)hook,
        .cause = origin->cause,
        .origin = origin->number,
    };

    add(core, &job);
}

/* --- starting --------------------------------------------------------------------------------- */

void work_send_start(struct core *core, struct link *link, const struct config_hook *hook,
                     const struct task *task)
{
    struct protocol_start start = {
        .attempt = {.key = task->job.key, .item = task->item.number, .n = task->attempt},
        .job = task->job.number,
        .hook = hook->name,
    };
    struct buffer record = {0};
    struct buffer frame = {0};

    record_for_hook(core, task, &record);
    memcpy(start.digest, hook->digest, sizeof start.digest);
    start.record = record.data;
    start.record_length = record.length;
    core_must(protocol_encode_start(&frame, &start), "start");
    if (stream_send(link->stream, FRAME_START, frame.data, frame.length) == -ENOMEM) {
        core_abandon("start");
    }
    buffer_free(&frame);
    buffer_free(&record);
}

/* The attempt is on disk as started in the same commit that lets the START out. */
static void start_task(struct core *core, struct link *link, const struct config_hook *hook,
                       struct task *task)
{
    struct store_attempt attempt = {
        .job = task->job.number,
        .item = task->item.number,
        .n = task->attempt + 1,
        .executor = executors_kind(link),
        .started_at = clock_now_ms(),
    };

    if (job_apply(task->state, JOB_EVENT_STARTED, &task->state) < 0) {
        return;
    }
    memcpy(attempt.incarnation, link->incarnation, sizeof attempt.incarnation);
    core_must(store_attempt_start(core->store, &attempt), "attempt");
    task->attempt = attempt.n;
    lanes_find(core, task->job.hook)->attempts++;
    task->started_at = attempt.started_at;
    task->ended_at = 0;
    task_set_error(task, NULL);
    task_save(core, task);
    if (!task_is_item(task)) {
        task_note(core, task, "job.started", NULL);
    }
    task_log(core, task_is_item(task) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "hook started", task);
    work_send_start(core, link, hook, task);
    lanes_count(link, hook->name, 1);
}

/* The next item of a running fan-out of that hook: the oldest one's that has any. */
static bool next_item(struct core *core, const struct config_hook *hook, struct task *ret_task)
{
    struct store_job job;
    struct store_item item;

    for (int64_t after = 0; store_job_next_fanout(core->store, hook->name, after, &job) == 0;) {
        int r = job.canceling ? -ENOENT
                              : store_item_next(core->store, job.number, clock_now_ms(), &item);

        if (r == 0) {
            task_take(ret_task, &job, &item);
            return true;
        }
        if (r != -ENOENT) {
            core_must(r, "item");
        }
        fanout_resume(core, &job);
        after = job.number;
        store_job_free(&job);
    }
    return false;
}

static bool next_job(struct core *core, const struct config_hook *hook, struct task *ret_task)
{
    struct store_job job;
    int r = store_job_next(core->store, hook->name, clock_now_ms(), &job);

    if (r == -ENOENT) {
        return false;
    }
    core_must(r, "queue");
    task_take(ret_task, &job, NULL);
    return true;
}

/* What of that hook is started next. A fan-out whose turn it is begins, and its items follow. */
static bool next_task(struct core *core, const struct config_hook *hook, struct task *ret_task)
{
    while (!next_item(core, hook, ret_task)) {
        if (!next_job(core, hook, ret_task)) {
            return false;
        }
        if (!hook->for_each && ret_task->job.items == 0) {
            return true;
        }
        fanout_begin(core, ret_task, hook);
        task_free(ret_task);
        fanout_grow(core);
    }
    return true;
}

static bool start_one_of(struct core *core, const struct config_hook *hook)
{
    struct link *link = core_executor(core, hook->kind);
    struct lane *lane = lanes_find(core, hook->name);
    struct task task;

    if (!core_executor_ready(link) || link->running >= (int)core->config->concurrency ||
        !executors_have(link, hook) || !lanes_allow(core, lane, hook)) {
        return false;
    }
    if (!next_task(core, hook, &task)) {
        lane->wanted = false;
        return false;
    }
    lanes_take(core, lane, hook);
    start_task(core, link, hook, &task);
    task_free(&task);
    return true;
}

void work_start_queued(struct core *core)
{
    size_t count = core->config->hook_count;
    size_t idle = 0;

    if (!core->work_wanted || core->quiescing) {
        return;
    }
    core->work_wanted = false;
    if (!core_has_room(core)) {
        return;
    }
    core->rate_wakes_at = 0;
    while (idle < count) {
        core->next_hook = (core->next_hook + 1) % count;
        idle = start_one_of(core, &core->config->hooks[core->next_hook]) ? 0 : idle + 1;
    }
}

/* The job ends without an attempt whose result would tell what follows. */
static void finish_unstarted(struct core *core, struct task *task, enum job_event event,
                             const char *error)
{
    endings_finish(core, task, event, error);
    if (submission_is(task->job.hook)) {
        submission_given_up(core, task);
    }
}

/* --- hooks that are gone ---------------------------------------------------------------------- */

#define GONE "its hook is not in the configuration any more"

static void fail_queued_of(struct core *core, const char *hook)
{
    const struct config_hook gone = {.name = (char *)(uintptr_t)hook};
    struct store_job job;
    struct task task;

    while (store_job_next(core->store, hook, INT64_MAX, &job) == 0) {
        task_take(&task, &job, NULL);
        /* A job goes to failed through running; this one has no attempt. */
        if (task.job.items > 0) {
            fanout_begin(core, &task, &gone);
        } else if (job_apply(task.state, JOB_EVENT_STARTED, &task.state) == 0) {
            task.started_at = clock_now_ms();
            finish_unstarted(core, &task, JOB_EVENT_FAILED, GONE);
        }
        task_free(&task);
    }
    for (int64_t after = 0; store_job_next_fanout(core->store, hook, after, &job) == 0;) {
        after = job.number;
        store_job_free(&job);
        fanout_stop(core, after);
        core_must(store_item_fail_queued(core->store, after, GONE), "item");
        fanout_settle(core, after);
    }
}

struct unknown_hooks {
    const struct config *config;
    char **names;
    size_t count;
};

static int collect_unknown(void *userdata, const char *hook)
{
    struct unknown_hooks *unknown = userdata;
    char **names;

    if (config_hook(unknown->config, hook)) {
        return 0;
    }
    names = realloc(unknown->names, (unknown->count + 1) * sizeof *names);
    if (!names) {
        return -ENOMEM;
    }
    unknown->names = names;
    unknown->names[unknown->count++] = task_copy_text(hook);
    return 0;
}

void work_drop_unknown(struct core *core)
{
    struct unknown_hooks unknown = {.config = core->config};

    core_must(store_job_waiting_hooks(core->store, collect_unknown, &unknown), "queue");
    for (size_t i = 0; i < unknown.count; i++) {
        fail_queued_of(core, unknown.names[i]);
        free(unknown.names[i]);
    }
    free(unknown.names);
}

void work_drop_if_unknown(struct core *core, const char *hook)
{
    if (!config_hook(core->config, hook)) {
        fail_queued_of(core, hook);
    }
}

/* --- at the word of a person ------------------------------------------------------------------ */

int work_retry(struct core *core, struct task *task, const char *by)
{
    char message[128];
    enum job_state state;
    int r = job_apply(task->state, JOB_EVENT_RETRY, &state);

    if (r == 0 && !config_hook(core->config, task->job.hook)) {
        r = -ENOENT;
    } else if (r == 0 && submission_is_in_vain(core, task)) {
        r = -EALREADY;
    }
    if (r < 0) {
        return r;
    }
    task->state = state;
    task->tries = 0;
    task->retries = 0;
    task->not_before = 0;
    task->job.canceling = false;
    task_save(core, task);
    if (task->job.items > 0) {
        core_must(store_item_retry(core->store, task->job.number), "item");
    }
    task_note(core, task, "job.retried", by);
    (void)snprintf(message, sizeof message, "hook will be run again at the word of %s", by);
    task_log(core, LOG_LEVEL_INFO, message, task);
    lanes_want(core, task->job.hook);
    return 0;
}

struct cancellation {
    struct core *core;
    struct link *link;
    const struct store_job *job;
    bool runs;
};

static int cancel_attempt(void *userdata, const struct store_attempt *attempt)
{
    struct cancellation *cancellation = userdata;

    if (attempt->job == cancellation->job->number) {
        executors_send(cancellation->link, FRAME_CANCEL, cancellation->job, attempt->item,
                       attempt->n);
        cancellation->runs = true;
    }
    return 0;
}

/* Sends CANCEL for every attempt of the job that runs; true if there is one. */
static bool cancel_attempts(struct core *core, const struct store_job *job)
{
    struct cancellation cancellation = {.core = core, .job = job};

    for (enum store_executor executor = 0; executor < STORE_EXECUTOR_COUNT; executor++) {
        cancellation.link = executors_link(core, executor);
        core_must(store_attempt_running(core->store, executor, cancel_attempt, &cancellation),
                  "attempts");
    }
    return cancellation.runs;
}

void work_end_canceled(struct core *core, struct task *task)
{
    if (task_is_item(task)) {
        fanout_settle(core, task->job.number);
    } else {
        finish_unstarted(core, task, JOB_EVENT_CANCELED, "canceled before it was started");
    }
}

int work_cancel(struct core *core, struct task *task, const char *by)
{
    char message[128];
    enum job_state ignored;
    int r = job_apply(task->state, JOB_EVENT_CANCELED, &ignored);

    if (r < 0) {
        return r;
    }
    (void)snprintf(message, sizeof message, "canceled at the word of %s", by);
    task_note(core, task, "job.cancel", by);
    task->job.canceling = true;
    task_save(core, task);
    if (!cancel_attempts(core, &task->job)) {
        finish_unstarted(core, task, JOB_EVENT_CANCELED, message);
    } else {
        task_log(core, LOG_LEVEL_INFO, message, task);
    }
    return 0;
}

/* Jobs of one request of the kinds that are canceled so. */
#define CHOSEN_LIMIT 16

struct chosen_jobs {
    bool (*chosen)(const char *hook);
    int64_t numbers[CHOSEN_LIMIT];
    int count;
};

static int choose(void *userdata, const struct store_job *job)
{
    struct chosen_jobs *jobs = userdata;

    if (jobs->count < CHOSEN_LIMIT && jobs->chosen(job->hook)) {
        jobs->numbers[jobs->count++] = job->number;
    }
    return 0;
}

void work_cancel_where(struct core *core, const struct store_job_filter *filter,
                       bool (*chosen)(const char *hook), const char *by)
{
    struct chosen_jobs jobs = {.chosen = chosen};

    core_must(store_job_list(core->store, filter, 1000, choose, &jobs), "jobs");
    for (int i = 0; i < jobs.count; i++) {
        struct task task;

        if (task_load(core, jobs.numbers[i], PROTOCOL_NO_ITEM, &task) == 0) {
            (void)work_cancel(core, &task, by);
            task_free(&task);
        }
    }
}
