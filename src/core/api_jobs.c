#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/core/api.h"
#include "assent/core/record.h"
#include "assent/core/work.h"

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
    (void)json_array_append_new(listing->rows, record_job_row(job, &request));
    store_request_free(&request);
    return 0;
}

/* The filter of the query. Answers itself and returns false if it is malformed or fits nothing.
 * `hook` is the text behind filter.hook, to be freed. */
static bool wanted_jobs(struct api_call *call, struct store_job_filter *filter, char **ret_hook)
{
    char *state = api_query(call, "state");
    char *request_id = api_query(call, "request");
    struct store_request request;
    bool valid = true;

    *filter = (struct store_job_filter){.state = JOB_STATE_COUNT};
    if (state && (filter->state = job_state_from_name(state)) == JOB_STATE_COUNT) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "state: expected queued, running, succeeded, failed, interrupted or canceled");
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

    if (!api_page(call, &page) || !wanted_jobs(&own, &filter, &hook)) {
        return;
    }
    listing.rows = json_array();
    filter.before = page.before;
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

static bool may_see_job(const struct api_call *call, const struct store_job *job)
{
    struct store_request request;
    bool may;

    core_must(store_request_get(call->core->store, job->request, &request), "request");
    may = access_may_see(&call->access, &request);
    store_request_free(&request);
    return may;
}

/* Finds the job that the path names; answers 404 and returns false if there is none. */
static bool find_job(const struct api_call *call, struct store_job *ret_job)
{
    int64_t number = 0;
    int r = text_to_number(call->subject, &number);

    if (r == 0) {
        r = store_job_get(call->core->store, number, ret_job);
    }
    if (r == -ENOENT || number == 0) {
        answer_no_job(call);
        return false;
    }
    core_must(r, "job");
    if (!may_see_job(call, ret_job)) {
        store_job_free(ret_job);
        answer_no_job(call);
        return false;
    }
    return true;
}

static void answer_job(const struct api_call *call, const struct store_job *job)
{
    struct store_request request;

    core_must(store_request_get(call->core->store, job->request, &request), "request");
    answer_result(&call->asker, 200, record_job(call->core, job, &request), NULL);
    store_request_free(&request);
}

void api_show_job(const struct api_call *call)
{
    struct store_job job;

    if (find_job(call, &job)) {
        answer_job(call, &job);
        store_job_free(&job);
    }
}

struct output_answer {
    const struct api_call *call;
    const struct store_job *job;
    uint32_t attempt;
};

static int answer_output(void *userdata, const struct protocol_output *standard_output,
                         const struct protocol_output *standard_error)
{
    const struct output_answer *answer = userdata;

    answer_result(
        &answer->call->asker, 200,
        json_pack("{s:I, s:i, s:s, s:o, s:o}", "job", (json_int_t)answer->job->number, "attempt",
                  (int)answer->attempt, "state", job_state_name(answer->job->state), "stdout",
                  record_output(standard_output), "stderr", record_output(standard_error)),
        NULL);
    return 0;
}

/* The attempt of ?attempt=, else the newest. */
static bool wanted_attempt(const struct api_call *call, const struct store_job *job,
                           uint32_t *ret_attempt)
{
    char *text = api_query(call, "attempt");
    int64_t number = job->attempt;
    bool valid = !text || (text_to_number(text, &number) == 0 && number >= 1 &&
                           number <= (int64_t)job->attempt);

    free(text);
    if (!valid) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "attempt: expected a number from 1 to %u", job->attempt);
        return false;
    }
    *ret_attempt = (uint32_t)number;
    return true;
}

void api_show_output(const struct api_call *call)
{
    struct store_job job;
    struct output_answer answer = {.call = call, .job = &job};
    int r;

    if (!find_job(call, &job)) {
        return;
    }
    if (wanted_attempt(call, &job, &answer.attempt)) {
        r = store_output_get(call->core->store, job.number, PROTOCOL_NO_ITEM, answer.attempt,
                             answer_output, &answer);
        if (r == -ENOENT) {
            answer_error(&call->asker, 404, "not_found", NULL,
                         "job %lld has no output yet: it is %s", (long long)job.number,
                         job_state_name(job.state));
        } else {
            core_must(r, "output");
        }
    }
    store_job_free(&job);
}

void api_retry_job(const struct api_call *call)
{
    struct store_job job;

    if (!find_job(call, &job)) {
        return;
    }
    if (work_retry(call->core, &job, call->access.who) < 0) {
        answer_error(&call->asker, 409, "conflict", NULL,
                     "job %lld is %s; only failed and interrupted ones can be retried",
                     (long long)job.number, job_state_name(job.state));
    } else {
        answer_job(call, &job);
    }
    store_job_free(&job);
}
