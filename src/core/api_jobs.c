#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/core/api.h"
#include "assent/core/peeks.h"
#include "assent/core/record.h"
#include "assent/core/work.h"

#define JOB_STATES "queued, running, succeeded, failed, interrupted or canceled"

struct listing {
    struct core *core;
    json_t *rows;
    int64_t last;
};

static int add_row(void *userdata, const struct store_job *job)
{
    struct listing *listing = userdata;
    struct store_request request;

    core_must(store_request_get(listing->core->store, job->request, &request), "request");
    listing->last = job->number;
    (void)json_array_append_new(listing->rows, record_job_row(listing->core, job, &request));
    store_request_free(&request);
    return 0;
}

bool api_wanted_jobs(struct api_call *call, struct store_job_filter *filter, char **ret_hook)
{
    char *state = api_query(call, "state");
    char *request_id = api_query(call, "request");
    struct store_request request;
    bool valid = true;

    *filter = (struct store_job_filter){.state = JOB_STATE_COUNT};
    if (state && (filter->state = job_state_from_name(state)) == JOB_STATE_COUNT) {
        answer_error(&call->asker, 400, "invalid_request", NULL, "state: expected " JOB_STATES);
        valid = false;
    }
    if (valid && request_id) {
        call->subject = request_id;
        valid = api_find_request(call, &request);
        call->subject = NULL;
    }
    if (valid && request_id) {
        filter->request = request.number;
        store_request_free(&request);
    } else {
        filter->owner = access_owner(&call->access);
    }
    free(state);
    free(request_id);
    if (valid) {
        *ret_hook = api_query(call, "hook");
        filter->hook = *ret_hook;
    }
    return valid;
}

void api_list_jobs(const struct api_call *call)
{
    struct api_call own = *call;
    struct listing listing = {.core = call->core};
    struct store_job_filter filter;
    struct api_page page;
    char *hook = NULL;
    json_t *cursor;

    if (!api_page(call, &page) || !api_wanted_jobs(&own, &filter, &hook)) {
        return;
    }
    listing.rows = json_array();
    filter.before = page.cursor;
    core_must(store_job_list(call->core->store, &filter, page.limit, add_row, &listing), "list");
    cursor = json_array_size(listing.rows) == (size_t)page.limit
                 ? json_sprintf("%lld", (long long)listing.last)
                 : json_null();
    answer_result(&call->asker, 200,
                  json_pack("{s:o, s:o}", "jobs", listing.rows, "cursor", cursor), NULL);
    free(hook);
}

static void answer_no_job(const struct api_call *call)
{
    answer_error(&call->asker, 404, "not_found", "GET /v1/jobs lists them.",
                 "there is no job %.40s", call->subject);
}

/* What a service answered to a submission may hold the URL at which it decides: not for agents. */
static bool may_see_job(const struct api_call *call, const struct store_job *job)
{
    struct store_request request;
    bool may;

    if (call->access.agent && strchr(job->hook, ' ')) {
        return false;
    }
    core_must(store_request_get(call->core->store, job->request, &request), "request");
    may = access_may_see(&call->access, &request);
    store_request_free(&request);
    return may;
}

/* Finds the job that the path names; answers 404 and returns false if there is none. */
static bool find_job(const struct api_call *call, struct task *ret_task)
{
    int64_t number = 0;
    int r = text_to_number(call->subject, &number);

    if (r == 0) {
        r = task_load(call->core, number, PROTOCOL_NO_ITEM, ret_task);
    }
    if (r < 0) {
        answer_no_job(call);
        return false;
    }
    if (!may_see_job(call, &ret_task->job)) {
        task_free(ret_task);
        answer_no_job(call);
        return false;
    }
    return true;
}

/* As it is on disk now. */
static void answer_job(const struct api_call *call, int64_t number)
{
    struct store_request request;
    struct store_job job;

    core_must(store_job_get(call->core->store, number, &job), "job");
    core_must(store_request_get(call->core->store, job.request, &request), "request");
    answer_result(&call->asker, 200, record_job(call->core, &job, &request), NULL);
    store_request_free(&request);
    store_job_free(&job);
}

void api_show_job(const struct api_call *call)
{
    struct task task;

    if (find_job(call, &task)) {
        answer_job(call, task.job.number);
        task_free(&task);
    }
}

/* --- items ------------------------------------------------------------------------------------ */

struct item_listing {
    const struct store_job *job;
    json_t *rows;
    int64_t last;
};

static int add_item_row(void *userdata, const struct store_item *item)
{
    struct item_listing *listing = userdata;

    listing->last = item->number;
    return json_array_append_new(listing->rows, record_item_row(listing->job, item));
}

static bool wanted_state(const struct api_call *call, enum job_state *ret_state)
{
    char *name = api_query(call, "state");
    enum job_state state = name ? job_state_from_name(name) : JOB_STATE_COUNT;
    bool valid = !name || state != JOB_STATE_COUNT;

    free(name);
    if (!valid) {
        answer_error(&call->asker, 400, "invalid_request", NULL, "state: expected " JOB_STATES);
        return false;
    }
    *ret_state = state;
    return true;
}

static void list_items(const struct api_call *call, const struct store_job *job,
                       const struct api_page *page, enum job_state state)
{
    struct item_listing listing = {.job = job, .rows = json_array()};
    json_t *cursor;

    core_must(store_item_list(call->core->store, job->number, state,
                              page->cursor > 0 ? page->cursor - 1 : -1, page->limit, add_item_row,
                              &listing),
              "items");
    cursor = json_array_size(listing.rows) == (size_t)page->limit
                 ? json_sprintf("%lld", (long long)listing.last + 1)
                 : json_null();
    answer_result(&call->asker, 200,
                  json_pack("{s:o, s:o}", "items", listing.rows, "cursor", cursor), NULL);
}

/* In the order of the array; a cursor is one more than the index that it goes on behind. */
void api_list_items(const struct api_call *call)
{
    struct api_page page;
    enum job_state state;
    struct task task;

    if (api_page(call, &page) && wanted_state(call, &state) && find_job(call, &task)) {
        list_items(call, &task.job, &page, state);
        task_free(&task);
    }
}

/* --- output ----------------------------------------------------------------------------------- */

/* The task that ?item= names, or the job itself, in place of the job. */
static bool wanted_item(const struct api_call *call, struct task *task)
{
    char *text = api_query(call, "item");
    int64_t number = PROTOCOL_NO_ITEM;
    struct task item;
    bool valid = !text || text_to_number(text, &number) == 0;

    free(text);
    if (valid && number == PROTOCOL_NO_ITEM && task->job.items == 0) {
        return true;
    }
    if (!valid || number < 0 || task_load(call->core, task->job.number, number, &item) < 0) {
        answer_error(&call->asker, 400, "invalid_request", "GET /v1/jobs/{n}/items lists them.",
                     "item: expected the index of an item of job %lld",
                     (long long)task->job.number);
        return false;
    }
    task_free(task);
    *task = item;
    return true;
}

/* The attempt of ?attempt=, else the newest. */
static bool wanted_attempt(const struct api_call *call, const struct task *task,
                           uint32_t *ret_attempt)
{
    char *text = api_query(call, "attempt");
    int64_t number = task->attempt;
    bool valid = !text || (text_to_number(text, &number) == 0 && number >= 1 &&
                           number <= (int64_t)task->attempt);

    free(text);
    if (!valid) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "attempt: expected a number from 1 to %u", task->attempt);
        return false;
    }
    *ret_attempt = (uint32_t)number;
    return true;
}

void api_show_output(const struct api_call *call)
{
    struct task task;
    uint32_t attempt;

    if (!find_job(call, &task)) {
        return;
    }
    if (wanted_item(call, &task) && wanted_attempt(call, &task, &attempt)) {
        const struct output_subject subject = {task.job.number, task.item.number, attempt};

        if (task.state == JOB_RUNNING && attempt == task.attempt) {
            peeks_add(call->core, &call->asker, &task);
        } else {
            output_answer_stored(call->core, &call->asker, &subject);
        }
    }
    task_free(&task);
}

/* --- changes ---------------------------------------------------------------------------------- */

void api_retry_job(const struct api_call *call)
{
    struct task task;
    int r;

    if (!find_job(call, &task)) {
        return;
    }
    r = work_retry(call->core, &task, call->access.who);
    if (r == -EALREADY) {
        answer_error(&call->asker, 409, "conflict", NULL,
                     "job %lld submits a request that is over: a decision about it would change "
                     "nothing",
                     (long long)task.job.number);
    } else if (r == -ENOENT) {
        answer_error(&call->asker, 409, "conflict", "assentd --dump shows the hooks.",
                     "job %lld can't be run again: its hook %.100s is not in the configuration any "
                     "more",
                     (long long)task.job.number, task.job.hook);
    } else if (r < 0) {
        answer_error(&call->asker, 409, "conflict", NULL,
                     "job %lld is %s; only failed and interrupted ones can be retried",
                     (long long)task.job.number, job_state_name(task.state));
    } else {
        answer_job(call, task.job.number);
    }
    task_free(&task);
}

void api_cancel_job(const struct api_call *call)
{
    struct task task;

    if (!find_job(call, &task)) {
        return;
    }
    if (work_cancel(call->core, &task, call->access.who) < 0) {
        answer_error(&call->asker, 409, "conflict", NULL,
                     "job %lld is %s; only queued and running ones can be canceled",
                     (long long)task.job.number, job_state_name(task.state));
    } else {
        answer_job(call, task.job.number);
    }
    task_free(&task);
}
