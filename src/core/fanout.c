#include "assent/core/fanout.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/core/endings.h"
#include "assent/core/lanes.h"
#include "assent/domain/items.h"

/* Items that one commit adds: some ms, in which nobody is answered. */
#define CHUNK 2000
/* Bytes. */
#define LONG_CONTEXT (1 << 20)

struct growth {
    struct growth *next;
    int64_t job;
    char *hook;
    char *context;
    struct items items;
    int64_t added;
    int64_t total;
};

/* --- growing ---------------------------------------------------------------------------------- */

/* A long context may have come from among what is free of the heap, which malloc would keep. */
static void growth_free(struct growth *growth)
{
    bool is_long = growth->items.end - growth->context > LONG_CONTEXT;

    free(growth->hook);
    free(growth->context);
    free(growth);
    if (is_long) {
        (void)malloc_trim(0);
    }
}

/* Takes the context over. */
static void growth_add(struct core *core, const struct store_job *job, char *context,
                       const struct items *items, int64_t added)
{
    struct growth **place = &core->growths;
    struct growth *growth = malloc(sizeof *growth);

    if (!growth) {
        core_abandon("fan-out");
    }
    *growth = (struct growth){
        .job = job->number,
        .hook = task_copy_text(job->hook),
        .context = context,
        .items = *items,
        .added = added,
        .total = job->items,
    };
    while (*place) {
        place = &(*place)->next;
    }
    *place = growth;
    core->work_wanted = true;
}

static bool is_growing(const struct core *core, int64_t job)
{
    const struct growth *growth = core->growths;

    while (growth && growth->job != job) {
        growth = growth->next;
    }
    return growth != NULL;
}

static int64_t add_chunk(struct core *core, struct growth *growth)
{
    int64_t count = 0;
    const char *element;
    size_t length;

    while (count < CHUNK && growth->added < growth->total &&
           items_next(&growth->items, &element, &length)) {
        core_must(store_item_add(core->store, growth->job, growth->added++, element, length),
                  "item");
        count++;
    }
    return count;
}

void fanout_grow(struct core *core)
{
    struct growth *growth = core->growths;
    int64_t count;

    if (!growth) {
        return;
    }
    /* The chunk before this one may have taken the last of it. */
    store_ask_room_anew(core->store);
    if (!core_has_room(core)) {
        return;
    }
    count = add_chunk(core, growth);
    if (count > 0) {
        core_must(store_fanout_grow(core->store, growth->job, count), "fan-out");
    }
    lanes_want(core, growth->hook);
    if (count < CHUNK || growth->added == growth->total) {
        core->growths = growth->next;
        growth_free(growth);
    }
}

void fanout_stop(struct core *core, int64_t job)
{
    struct growth **place = &core->growths;

    while (*place && (*place)->job != job) {
        place = &(*place)->next;
    }
    if (*place) {
        struct growth *growth = *place;

        *place = growth->next;
        growth_free(growth);
    }
}

void fanout_close(struct core *core)
{
    while (core->growths) {
        struct growth *growth = core->growths;

        core->growths = growth->next;
        growth_free(growth);
    }
}

/* --- beginning -------------------------------------------------------------------------------- */

/* Counts from where the copy of `items` stands. */
static int64_t count_items(struct items items)
{
    const char *element;
    size_t length;
    int64_t count = 0;

    while (count <= FANOUT_LIMIT && items_next(&items, &element, &length)) {
        count++;
    }
    return count;
}

static void store_rest(struct core *core, const struct store_job *job, const char *context,
                       const struct items *items)
{
    struct buffer rest = {0};

    core_must(items_append_rest(context, items, &rest), "fan-out");
    core_must(buffer_text(&rest) ? 0 : -ENOMEM, "fan-out");
    core_must(store_fanout_begin(core->store, job->number, job->items, buffer_text(&rest)),
              "fan-out");
    buffer_free(&rest);
}

/* Finds the array: 0 with the job's count of items, or -EINVAL with a problem. */
static int find_items(struct store_job *job, const struct config_hook *hook, const char *context,
                      struct items *ret_items, struct problem *ret_problem)
{
    int r = items_find(context, hook->for_each, ret_items, ret_problem);

    if (r == -EINVAL) {
        return r;
    }
    core_must(r, "fan-out");
    job->items = count_items(*ret_items);
    if (job->items > FANOUT_LIMIT) {
        job->items = 0;
        problem_set(ret_problem, "context.%.200s has more than %d items", hook->for_each,
                    FANOUT_LIMIT);
        return -EINVAL;
    }
    return 0;
}

static void set_running(struct core *core, struct task *task)
{
    char message[64];

    if (job_apply(task->state, JOB_EVENT_STARTED, &task->state) < 0) {
        return;
    }
    task->started_at = task->started_at ? task->started_at : clock_now_ms();
    task->ended_at = 0;
    task_set_error(task, NULL);
    task_save(core, task);
    (void)snprintf(message, sizeof message, "hook started for %" PRId64 " items", task->job.items);
    task_note(core, task, "job.started", NULL);
    task_log(core, LOG_LEVEL_INFO, message, task);
}

void fanout_begin(struct core *core, struct task *task, const struct config_hook *hook)
{
    struct problem problem = {.text = ""};
    struct items items;
    char *context = NULL;
    int r;

    if (task->job.items > 0) {
        set_running(core, task);
        return;
    }
    core_must(store_request_long_context(core->store, task->job.request, &context), "context");
    r = find_items(&task->job, hook, context, &items, &problem);
    set_running(core, task);
    if (r < 0 || task->job.items == 0) {
        endings_finish(core, task, r < 0 ? JOB_EVENT_FAILED : JOB_EVENT_SUCCEEDED,
                       r < 0 ? problem.text : NULL);
        free(context);
        return;
    }
    store_rest(core, &task->job, context, &items);
    growth_add(core, &task->job, context, &items, 0);
}

#define OTHER_ARRAY "the hook's for_each names another array than when this was begun"

/* Finds the array that the fan-out began with: what is around it is as it was then. */
static bool find_again(struct core *core, const struct store_job *job, const char *for_each,
                       const char *context, struct items *ret_items)
{
    struct problem problem;
    struct buffer rest = {0};
    char *around = NULL;
    bool same;

    if (!for_each || items_find(context, for_each, ret_items, &problem) < 0) {
        return false;
    }
    core_must(items_append_rest(context, ret_items, &rest), "fan-out");
    core_must(buffer_text(&rest) ? 0 : -ENOMEM, "fan-out");
    core_must(store_fanout_context(core->store, job->number, &around), "fan-out");
    same = strcmp(buffer_text(&rest), around) == 0;
    free(around);
    buffer_free(&rest);
    return same;
}

void fanout_resume(struct core *core, const struct store_job *job)
{
    const struct config_hook *hook = config_hook(core->config, job->hook);
    struct store_fanout fanout;
    struct items items;
    char *context = NULL;
    const char *element;
    size_t length;

    core_must(store_fanout_get(core->store, job->number, &fanout), "fan-out");
    if (fanout.added == fanout.total || is_growing(core, job->number) || !hook) {
        return;
    }
    core_must(store_request_long_context(core->store, job->request, &context), "context");
    if (!find_again(core, job, hook->for_each, context, &items)) {
        free(context);
        core_must(store_item_fail_queued(core->store, job->number, OTHER_ARRAY), "item");
        fanout_settle(core, job->number);
        return;
    }
    for (int64_t i = 0; i < fanout.added && items_next(&items, &element, &length); i++) {
    }
    growth_add(core, job, context, &items, fanout.added);
}

/* --- ending ----------------------------------------------------------------------------------- */

/* What the whole is, now that none of its items is queued or running. */
static enum job_event whole_of(const struct store_fanout *fanout)
{
    if (fanout->interrupted > 0) {
        return JOB_EVENT_INTERRUPTED;
    }
    return fanout->failed > 0 ? JOB_EVENT_FAILED : JOB_EVENT_SUCCEEDED;
}

static void describe(const struct store_fanout *fanout, struct problem *ret_text)
{
    if (fanout->interrupted > 0) {
        problem_set(ret_text, "%" PRId64 " of %" PRId64 " items interrupted, %" PRId64 " failed",
                    fanout->interrupted, fanout->total, fanout->failed);
    } else {
        problem_set(ret_text, "%" PRId64 " of %" PRId64 " items failed", fanout->failed,
                    fanout->total);
    }
}

void fanout_settle(struct core *core, int64_t job)
{
    struct store_fanout fanout;
    struct problem text = {.text = ""};
    struct task task;
    int64_t ended;

    core_must(store_fanout_get(core->store, job, &fanout), "fan-out");
    ended = fanout.succeeded + fanout.failed + fanout.interrupted;
    core_must(task_load(core, job, PROTOCOL_NO_ITEM, &task), "job");
    /* The last ones that the cancel cut off are as little a reason to hold the whole as the first. */
    if (task.job.canceling && fanout.running == 0 &&
        (ended < fanout.total || fanout.interrupted > 0)) {
        problem_set(&text, "canceled after %" PRId64 " of %" PRId64 " items", ended, fanout.total);
        endings_finish(core, &task, JOB_EVENT_CANCELED, text.text);
    } else if (ended == fanout.total) {
        describe(&fanout, &text);
        endings_finish(core, &task, whole_of(&fanout),
                       fanout.succeeded == fanout.total ? NULL : text.text);
    }
    task_free(&task);
}
