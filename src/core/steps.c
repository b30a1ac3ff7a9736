#include "assent/core/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/problem.h"
#include "assent/core/decide.h"
#include "assent/core/submission.h"

/* Jobs of one request that are looked at. */
#define JOBS_SEEN 10000

enum standing { STANDING_THROUGH, STANDING_WAITS, STANDING_OVER };

struct review {
    struct core *core;
    enum standing standing;
    struct problem reason; /* why it is over */
    const struct store_request *predecessor;
};

static int review_job(void *userdata, const struct store_job *job)
{
    struct review *review = userdata;
    bool follows = job->cause == DECISION_GRANTED && job->origin == 0 && !strchr(job->hook, ' ');

    if (!follows || job->state == JOB_SUCCEEDED || review->standing == STANDING_OVER) {
        return 0;
    }
    if (job->state == JOB_FAILED || job->state == JOB_CANCELED) {
        review->standing = STANDING_OVER;
        problem_set(&review->reason, "job %lld of request %s %s", (long long)job->number,
                    review->predecessor->id, job->state == JOB_FAILED ? "failed" : "was canceled");
    } else {
        review->standing = STANDING_WAITS;
    }
    return 0;
}

static void review_request(struct review *review, const struct store_request *request)
{
    const struct store_job_filter filter = {.state = JOB_STATE_COUNT, .request = request->number};

    if (!request_state_final(request->state)) {
        review->standing = STANDING_WAITS;
    } else if (request->state == REQUEST_APPROVED) {
        review->predecessor = request;
        core_must(store_job_list(review->core->store, &filter, JOBS_SEEN, review_job, review),
                  "steps");
    } else if (request->state != REQUEST_DELIVERED) {
        review->standing = STANDING_OVER;
        problem_set(&review->reason, "request %s %s %s", request->id,
                    request->state == REQUEST_FAILED ? "has" : "is",
                    request_state_name(request->state));
    }
}

/* One that is over decides, whatever the others do. */
static int review_predecessor(void *userdata, int64_t number)
{
    struct review *whole = userdata;
    struct review review = {.core = whole->core};
    struct store_request request;
    int r = store_request_get(whole->core->store, number, &request);

    if (r == -ENOENT) {
        return 0;
    }
    core_must(r, "steps");
    review_request(&review, &request);
    store_request_free(&request);
    if (review.standing > whole->standing) {
        whole->standing = review.standing;
        whole->reason = review.reason;
    }
    return 0;
}

/* Its time begins when it is submitted. */
static void release(struct core *core, struct store_request *request)
{
    struct store_ask ask;

    core_must(store_ask_get(core->store, request->number, &ask), "steps");
    request->state = REQUEST_SUBMITTING;
    request->expires_at = clock_now_ms() + ask.expires_in_ms;
    if (request->kind != KIND_NOTICE) {
        request->deadline = request->expires_at + core->config->expiry_grace_ms;
    }
    core_must(store_request_advance(core->store, request), "steps");
    store_ask_free(&ask);
    submission_release(core, request);
}

void steps_review(struct core *core, struct store_request *request)
{
    struct review review = {.core = core};

    core_must(store_step_predecessors(core->store, request->number, review_predecessor, &review),
              "steps");
    if (review.standing == STANDING_OVER) {
        const struct decision_made made = {
            .decision = DECISION_CANCEL, .by = "assentd", .reason = review.reason.text};

        (void)decide(core, request, &made);
    } else if (review.standing == STANDING_THROUGH) {
        release(core, request);
    }
}

static int review_follower(void *userdata, int64_t number)
{
    struct core *core = userdata;
    struct store_request request;

    core_must(store_request_get(core->store, number, &request), "steps");
    if (request.state == REQUEST_HELD) {
        steps_review(core, &request);
    }
    store_request_free(&request);
    return 0;
}

static bool is_any_held(struct core *core)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];

    core_must(store_count(core->store, requests, jobs), "steps");
    return requests[REQUEST_HELD] > 0;
}

void steps_note(struct core *core, int64_t request)
{
    int64_t *reviews;

    if (!is_any_held(core)) {
        return;
    }
    reviews = reallocarray(core->reviews, core->review_count + 1, sizeof *reviews);
    core_must(reviews ? 0 : -ENOMEM, "steps");
    core->reviews = reviews;
    reviews[core->review_count++] = request;
}

bool steps_wait(const struct core *core)
{
    return core->review_count > 0;
}

void steps_go_on(struct core *core)
{
    while (core->review_count > 0) {
        int64_t request = core->reviews[--core->review_count];

        core_must(store_step_followers(core->store, request, review_follower, core), "steps");
    }
    free(core->reviews);
    core->reviews = NULL;
}
