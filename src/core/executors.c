#include "assent/core/executors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/core/endings.h"
#include "assent/core/lanes.h"
#include "assent/core/lookups.h"
#include "assent/core/peeks.h"
#include "assent/core/submission.h"
#include "assent/core/work.h"

/* The pause before a run that was refused is offered again; it doubles with every refusal of what was
 * started after the one before. */
#define REFUSAL_PAUSE_MS  50
#define REFUSAL_DOUBLINGS 13
/* What is told of an executor with other hooks, at most so often in that time. */
#define DIFFERENCES_TOLD    3
#define DIFFERENCES_SPAN_MS 10000

enum store_executor executors_kind(const struct link *link)
{
    return link->role == ROLE_CALLER ? STORE_EXECUTOR_CALLER : STORE_EXECUTOR_RUNNER;
}

struct link *executors_link(struct core *core, enum store_executor executor)
{
    return &core->links[executor == STORE_EXECUTOR_CALLER ? ROLE_CALLER : ROLE_RUNNER];
}

/* --- digests ---------------------------------------------------------------------------------- */

static const struct protocol_digest *digest_at(const struct link *link, const char *hook)
{
    for (size_t i = 0; i < link->digests.count; i++) {
        if (strcmp(link->digests.digests[i].hook, hook) == 0) {
            return &link->digests.digests[i];
        }
    }
    return NULL;
}

bool executors_have(const struct link *link, const struct config_hook *hook)
{
    const struct protocol_digest *digest = digest_at(link, hook->name);

    return digest && memcmp(digest->digest, hook->digest, sizeof hook->digest) == 0;
}

static void drop_digests(struct link *link)
{
    for (size_t i = 0; i < link->digests.count; i++) {
        free((char *)(uintptr_t)link->digests.digests[i].hook);
    }
    protocol_digests_free(&link->digests);
}

static bool is_different(const struct link *link, const struct config_hook *hook)
{
    return core_executor(link->core, hook->kind) == link && !executors_have(link, hook);
}

static bool has_difference(const struct link *link)
{
    const struct config *config = link->core->config;
    bool found = false;

    for (size_t i = 0; i < config->hook_count && !found; i++) {
        found = is_different(link, &config->hooks[i]);
    }
    return found;
}

/* An executor may say other digests as often as it likes: only the first times are told. */
static bool may_tell(struct link *link)
{
    int64_t now = clock_monotonic_ms();

    if (link->differences_told == 0 || now - link->differences_since > DIFFERENCES_SPAN_MS) {
        link->differences_since = now;
        link->differences_told = 0;
    }
    if (link->differences_told == DIFFERENCES_TOLD) {
        return false;
    }
    link->differences_told++;
    return true;
}

static void warn_of_difference(struct link *link)
{
    const struct config *config = link->core->config;

    if (!has_difference(link) || !may_tell(link)) {
        return;
    }
    for (size_t i = 0; i < config->hook_count; i++) {
        const struct config_hook *hook = &config->hooks[i];

        if (is_different(link, hook)) {
            log_event(LOG_LEVEL_WARNING,
                      "a hook is not started while its executor has another version of it", "hook",
                      hook->name, "executor", role_name(link->role), NULL);
        }
    }
}

/* Keeps the list, whose texts are views into a frame. */
static void keep_digests(struct link *link, struct protocol_digests *digests)
{
    drop_digests(link);
    link->digests = *digests;
    *digests = (struct protocol_digests){0};
    for (size_t i = 0; i < link->digests.count; i++) {
        link->digests.digests[i].hook = task_copy_text(link->digests.digests[i].hook);
    }
    lanes_want_all(link->core);
    warn_of_difference(link);
}

static int take_digests(struct link *link, const struct frame *frame)
{
    struct protocol_digests digests;
    int r = protocol_decode_digests(frame, &digests);

    if (r == 0) {
        keep_digests(link, &digests);
    }
    return r;
}

/* --- single attempts -------------------------------------------------------------------------- */

static void send_named(struct link *link, enum protocol_frame type,
                       const struct protocol_attempt *attempt)
{
    struct buffer frame = {0};

    core_must(protocol_encode_attempt(&frame, attempt), "frame");
    if (stream_send(link->stream, type, frame.data, frame.length) == -ENOMEM) {
        core_abandon("frame");
    }
    buffer_free(&frame);
}

void executors_send(struct link *link, enum protocol_frame type, const struct store_job *job,
                    int64_t item, uint32_t n)
{
    const struct protocol_attempt attempt = {.key = job->key, .item = item, .n = n};

    if (core_executor_ready(link)) {
        send_named(link, type, &attempt);
    }
}

/* Finds the task and attempt that an executor speaks of. 0, -ENOENT if we don't know it, -EPROTO if
 * it was given to another. On 0 both are to be freed. */
static int find_attempt(struct link *link, const struct protocol_attempt *named,
                        struct task *ret_task, struct store_attempt *ret_attempt)
{
    struct core *core = link->core;
    struct store_job job;
    int r = store_job_find(core->store, named->key, &job);

    if (r == -ENOENT) {
        return r;
    }
    core_must(r, "job");
    r = store_attempt_get(core->store, job.number, named->item, named->n, ret_attempt);
    if (r == -ENOENT) {
        store_job_free(&job);
        return r;
    }
    core_must(r, "attempt");
    if (ret_attempt->executor != executors_kind(link) ||
        memcmp(ret_attempt->incarnation, link->incarnation, sizeof link->incarnation) != 0) {
        store_attempt_free(ret_attempt);
        store_job_free(&job);
        return -EPROTO;
    }
    core_must(task_load_of(core, &job, named->item, ret_task), "job");
    return 0;
}

/* The result of an attempt that has ended on disk, or that we never knew, changes nothing; it is
 * acknowledged so that the executor forgets it. */
static int take_result(struct link *link, const struct frame *frame)
{
    struct protocol_result result;
    struct task task;
    struct store_attempt attempt;
    int r = protocol_decode_result(frame, &result);

    if (r < 0) {
        return r;
    }
    r = find_attempt(link, &result.attempt, &task, &attempt);
    if (r == -EPROTO) {
        return r;
    }
    if (r == 0) {
        if (attempt.ended_at == 0) {
            endings_take(link->core, &task, &attempt, &result);
            lanes_count(link, task.job.hook, -1);
            link->refusals = 0;
            peeks_settle(link->core, attempt.job, attempt.item, attempt.n);
        }
        store_attempt_free(&attempt);
        task_free(&task);
    }
    send_named(link, FRAME_ACK, &result.attempt);
    return 0;
}

#define OTHER_VERSION "hook was not started: its executor has another version"

/* It was never started: as if the START had never been. */
static void unstart(struct core *core, struct task *task, const struct store_attempt *attempt,
                    int64_t pause, const char *why)
{
    core_must(store_attempt_forget(core->store, attempt->job, attempt->item, attempt->n),
              "attempt");
    peeks_settle(core, attempt->job, attempt->item, attempt->n);
    if (job_apply(task->state, JOB_EVENT_REFUSED, &task->state) < 0) {
        return;
    }
    task->attempt = attempt->n - 1;
    task->not_before = clock_now_ms() + pause;
    task_save(core, task);
    if (task->job.canceling || submission_is_in_vain(core, task)) {
        work_end_canceled(core, task);
        return;
    }
    task_note(core, task, task_is_item(task) ? "item.refused" : "job.refused", NULL);
    task_log(core, LOG_LEVEL_WARNING, why, task);
    lanes_want(core, task->job.hook);
    /* The reload that took its hook away has failed only what was queued by then. */
    work_drop_if_unknown(core, task->job.hook);
}

/* One that refuses what it says it has would be asked again at once, for ever. But what was on its way
 * together, as at a reload, is refused once: what comes last of many is not to wait for minutes. */
static int64_t refusal_pause(struct link *link, const struct store_attempt *attempt)
{
    if (attempt->started_at > link->refused_at) {
        link->refused_at = clock_now_ms();
        link->refusals += link->refusals < REFUSAL_DOUBLINGS;
    }
    return (int64_t)REFUSAL_PAUSE_MS << link->refusals;
}

static int take_refusal(struct link *link, const struct frame *frame)
{
    struct protocol_attempt named;
    struct task task;
    struct store_attempt attempt;
    int r = protocol_decode_attempt(frame, &named);

    if (r == 0) {
        r = find_attempt(link, &named, &task, &attempt);
    }
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    if (attempt.ended_at == 0) {
        unstart(link->core, &task, &attempt, refusal_pause(link, &attempt), OTHER_VERSION);
        lanes_count(link, task.job.hook, -1);
    }
    store_attempt_free(&attempt);
    task_free(&task);
    return 0;
}

static int take_peeked(struct link *link, const struct frame *frame)
{
    struct protocol_peeked peeked;
    struct task task;
    struct store_attempt attempt;
    int r = protocol_decode_peeked(frame, &peeked);

    if (r == 0) {
        r = find_attempt(link, &peeked.attempt, &task, &attempt);
    }
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    peeks_answer(link->core, &task, attempt.n, &peeked);
    store_attempt_free(&attempt);
    task_free(&task);
    return 0;
}

/* --- HELLO ------------------------------------------------------------------------------------ */

struct hello_review {
    struct link *link;
    const struct protocol_hello *hello;
};

static bool is_listed(const struct protocol_hello *hello, const struct store_job *job,
                      const struct store_attempt *attempt)
{
    for (size_t i = 0; i < hello->attempt_count; i++) {
        const struct protocol_attempt *listed = &hello->attempts[i];

        if (listed->item == attempt->item && listed->n == attempt->n &&
            strcmp(listed->key, job->key) == 0) {
            return true;
        }
    }
    return false;
}

static void send_again(struct link *link, struct task *task, const struct store_attempt *attempt)
{
    const struct config_hook *hook = config_hook(link->core->config, task->job.hook);

    if (lanes_paused(link->core, task->job.hook)) {
        unstart(link->core, task, attempt, 0, "hook was not started: it is paused by now");
    } else if (hook && !task->job.canceling && core_executor(link->core, hook->kind) == link &&
               executors_have(link, hook)) {
        work_send_start(link->core, link, hook, task);
        lanes_count(link, task->job.hook, 1);
    } else {
        unstart(link->core, task, attempt, 0, OTHER_VERSION);
    }
}

static void lose(struct link *link, struct task *task, const struct store_attempt *attempt)
{
    const struct protocol_result result = {
        .ending = ENDING_INTERRUPTED,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .error = link->role == ROLE_CALLER ? "the caller ended while the call was under way"
                                           : "the runner ended while the program ran",
    };
    struct store_attempt lost = *attempt;

    lost.error = NULL;
    endings_take(link->core, task, &lost, &result);
    peeks_settle(link->core, attempt->job, attempt->item, attempt->n);
    free(lost.error);
}

/* What becomes of an attempt that is on disk as started, now that its executor said HELLO. */
static int review_attempt(void *userdata, const struct store_attempt *attempt)
{
    const struct hello_review *review = userdata;
    struct link *link = review->link;
    struct task task;

    core_must(task_load(link->core, attempt->job, attempt->item, &task), "job");
    if (memcmp(attempt->incarnation, link->incarnation, sizeof link->incarnation) != 0) {
        lose(link, &task, attempt);
    } else if (is_listed(review->hello, &task.job, attempt)) {
        lanes_count(link, task.job.hook, 1);
        if (task.job.canceling) {
            executors_send(link, FRAME_CANCEL, &task.job, attempt->item, attempt->n);
        }
    } else {
        send_again(link, &task, attempt);
    }
    task_free(&task);
    return 0;
}

static int take_hello(struct link *link, const struct frame *frame)
{
    struct protocol_hello hello;
    struct hello_review review = {.link = link, .hello = &hello};
    int r = protocol_decode_hello(frame, &hello);

    if (r < 0) {
        return r;
    }
    link->said_hello = true;
    memcpy(link->incarnation, hello.incarnation, sizeof link->incarnation);
    keep_digests(link, &hello.digests);
    lanes_count_anew(link);
    core_must(
        store_attempt_running(link->core->store, executors_kind(link), review_attempt, &review),
        "attempts");
    protocol_hello_free(&hello);
    return 0;
}

int executors_frame(struct link *link, const struct frame *frame)
{
    if ((frame->type == FRAME_HELLO) == link->said_hello) {
        return -EPROTO;
    }
    switch (frame->type) {
    case FRAME_HELLO:
        return take_hello(link, frame);
    case FRAME_DIGESTS:
        return take_digests(link, frame);
    case FRAME_RESULT:
        return take_result(link, frame);
    case FRAME_REFUSED:
        return take_refusal(link, frame);
    case FRAME_PEEKED:
        return take_peeked(link, frame);
    case FRAME_LOOKED_UP:
        return link->role == ROLE_CALLER ? lookups_take(link, frame) : -EPROTO;
    default:
        return -EPROTO;
    }
}

void executors_disconnected(struct link *link)
{
    link->said_hello = false;
    link->refusals = 0;
    drop_digests(link);
    peeks_drop(link->core, link);
    if (link->role == ROLE_CALLER) {
        lookups_drop(link->core);
        lookups_await_caller(link->core);
    }
}
