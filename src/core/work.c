#include "assent/core/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/core/record.h"

/* The pause before a run that was cut off is started again. */
#define RESTART_PAUSE_MS 2000
/* The pause before a run that was refused is offered again; it doubles with every refusal. */
#define REFUSAL_PAUSE_MS  100
#define REFUSAL_DOUBLINGS 12
/* What is told of an executor with other hooks, at most so often in that time. */
#define DIFFERENCES_TOLD    3
#define DIFFERENCES_SPAN_MS 10000
/* Bytes of what an executor says of a failure. */
#define ERROR_LIMIT     1000
#define KEY_RANDOM_SIZE 16

static enum store_executor executor_of(const struct link *link)
{
    return link->role == ROLE_CALLER ? STORE_EXECUTOR_CALLER : STORE_EXECUTOR_RUNNER;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    if (!copy) {
        core_abandon("work");
    }
    return copy;
}

static void set_error(struct store_job *job, const char *error)
{
    free(job->error);
    job->error = error ? copy_text(error) : NULL;
}

/* `by` is at whose word it happened; NULL if at nobody's. */
static void note_event_by(struct core *core, const struct store_job *job, const char *kind,
                          const char *by)
{
    json_t *details = json_pack("{s:s, s:i, s:s*, s:s*}", "hook", job->hook, "attempt",
                                (int)job->attempt, "error", job->error, "by", by);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    const struct store_event event = {
        .at = clock_now_ms(),
        .kind = kind,
        .request = job->request,
        .job = job->number,
        .details = text,
    };

    core_must(store_event_add(core->store, &event), "event");
    free(text);
    json_decref(details);
}

static void note_event(struct core *core, const struct store_job *job, const char *kind)
{
    note_event_by(core, job, kind, NULL);
}

/* One line about a job, with the id of its request. */
static void log_job(struct core *core, enum log_level level, const char *message,
                    const struct store_job *job)
{
    struct store_request request;
    char number[32];
    char attempt[16];

    core_must(store_request_get(core->store, job->request, &request), "request");
    (void)snprintf(number, sizeof number, "%lld", (long long)job->number);
    (void)snprintf(attempt, sizeof attempt, "%u", job->attempt);
    log_event(level, message, "request", request.id, "service", request.service, "action",
              request.action, "hook", job->hook, "job", number, "attempt", attempt, "error",
              job->error, NULL);
    store_request_free(&request);
}

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

void work_add(struct core *core, const struct store_request *request, const char *hook,
              enum decision cause)
{
    char key[PROTOCOL_KEY_LIMIT + 1];
    struct store_job job = {
        .request = request->number,
        .hook = (char *)(uintptr_t)hook,
        .key = key,
        .cause = cause,
        .state = JOB_QUEUED,
        .created_at = clock_now_ms(),
    };

    new_key(core, key);
    core_must(store_job_add(core->store, &job, &job.number), "job");
    note_event(core, &job, "job.queued");
    core->work_wanted = true;
}

/* --- starting --------------------------------------------------------------------------------- */

static const struct protocol_digest *digest_at(const struct link *link, const char *hook)
{
    for (size_t i = 0; i < link->digests.count; i++) {
        if (strcmp(link->digests.digests[i].hook, hook) == 0) {
            return &link->digests.digests[i];
        }
    }
    return NULL;
}

/* True if the executor has the hook exactly as core knows it. */
static bool same_hook(const struct link *link, const struct config_hook *hook)
{
    const struct protocol_digest *digest = digest_at(link, hook->name);

    return digest && memcmp(digest->digest, hook->digest, sizeof hook->digest) == 0;
}

static void send_start(struct core *core, struct link *link, const struct config_hook *hook,
                       const struct store_job *job)
{
    struct protocol_start start = {
        .attempt = {.key = job->key, .item = PROTOCOL_NO_ITEM, .n = job->attempt},
        .job = job->number,
        .hook = hook->name,
    };
    struct store_request request;
    struct buffer record = {0};
    struct buffer frame = {0};

    core_must(store_request_get(core->store, job->request, &request), "request");
    record_for_hook(core, &request, job, job->attempt, &record);
    memcpy(start.digest, hook->digest, sizeof start.digest);
    start.record = record.data;
    start.record_length = record.length;
    core_must(protocol_encode_start(&frame, &start), "start");
    if (stream_send(link->stream, FRAME_START, frame.data, frame.length) == -ENOMEM) {
        core_abandon("start");
    }
    buffer_free(&frame);
    buffer_free(&record);
    store_request_free(&request);
}

/* The attempt is on disk as started in the same commit that lets the START out. */
static void start_job(struct core *core, struct link *link, const struct config_hook *hook,
                      struct store_job *job)
{
    struct store_attempt attempt = {
        .job = job->number,
        .item = PROTOCOL_NO_ITEM,
        .n = job->attempt + 1,
        .executor = executor_of(link),
        .started_at = clock_now_ms(),
    };

    if (job_apply(job->state, JOB_EVENT_STARTED, &job->state) < 0) {
        return;
    }
    memcpy(attempt.incarnation, link->incarnation, sizeof attempt.incarnation);
    core_must(store_attempt_start(core->store, &attempt), "attempt");
    job->attempt = attempt.n;
    job->started_at = attempt.started_at;
    job->ended_at = 0;
    set_error(job, NULL);
    core_must(store_job_update(core->store, job), "job");
    note_event(core, job, "job.started");
    log_job(core, LOG_LEVEL_INFO, "hook started", job);
    send_start(core, link, hook, job);
    link->running++;
}

static void start_jobs_of(struct core *core, struct link *link, const struct config_hook *hook)
{
    struct store_job jobs[WORK_CONCURRENCY];
    int room = WORK_CONCURRENCY - link->running;
    int count = 0;

    if (room <= 0) {
        return;
    }
    core_must(store_job_startable(core->store, hook->name, clock_now_ms(), jobs, room, &count),
              "queue");
    for (int i = 0; i < count; i++) {
        start_job(core, link, hook, &jobs[i]);
        store_job_free(&jobs[i]);
    }
}

void work_start_queued(struct core *core)
{
    if (!core->work_wanted || core->quiescing) {
        return;
    }
    core->work_wanted = false;
    for (size_t i = 0; i < core->config->hook_count; i++) {
        const struct config_hook *hook = &core->config->hooks[i];
        struct link *link = core_executor(core, hook->kind);

        if (core_executor_ready(link) && same_hook(link, hook)) {
            start_jobs_of(core, link, hook);
        }
    }
}

/* --- endings ---------------------------------------------------------------------------------- */

static void finish_job(struct core *core, struct store_job *job, enum job_event event,
                       const char *error)
{
    char message[64];
    char span[TEXT_SPAN_SIZE];

    if (job_apply(job->state, event, &job->state) < 0) {
        return;
    }
    job->ended_at = clock_now_ms();
    set_error(job, error);
    core_must(store_job_update(core->store, job), "job");
    (void)snprintf(message, sizeof message, "job.%s", job_state_name(job->state));
    note_event(core, job, message);
    text_from_span(job->ended_at - job->started_at, span);
    (void)snprintf(message, sizeof message, "hook %s after %s", job_state_name(job->state), span);
    log_job(core, job->state == JOB_SUCCEEDED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, message, job);
    core->work_wanted = true;
}

static void restart_job(struct core *core, struct store_job *job, const char *error)
{
    if (job_apply(job->state, JOB_EVENT_RESTART, &job->state) < 0) {
        return;
    }
    job->restarts++;
    job->not_before = clock_now_ms() + RESTART_PAUSE_MS;
    job->ended_at = clock_now_ms();
    set_error(job, error);
    core_must(store_job_update(core->store, job), "job");
    note_event(core, job, "job.restarted");
    log_job(core, LOG_LEVEL_WARNING, "hook was cut off and will be started again", job);
    core->work_wanted = true;
}

/* A run was cut off, and what it has done is not known: its hook says what follows. */
static void interrupt_job(struct core *core, struct store_job *job, const char *error)
{
    const struct config_hook *hook = config_hook(core->config, job->hook);

    if (hook && hook->on_interrupt == ON_INTERRUPT_RETRY &&
        job->restarts < (hook->retries > 0 ? hook->retries : 1)) {
        restart_job(core, job, error);
    } else {
        finish_job(core, job, JOB_EVENT_INTERRUPTED, error);
    }
}

static void fail_queued_of(struct core *core, const char *hook)
{
    struct store_job jobs[WORK_CONCURRENCY];
    int count;

    do {
        core_must(store_job_startable(core->store, hook, INT64_MAX, jobs, WORK_CONCURRENCY, &count),
                  "queue");
        for (int i = 0; i < count; i++) {
            /* A job goes to failed through running; this one has no attempt. */
            if (job_apply(jobs[i].state, JOB_EVENT_STARTED, &jobs[i].state) == 0) {
                jobs[i].started_at = clock_now_ms();
                finish_job(core, &jobs[i], JOB_EVENT_FAILED,
                           "its hook is not in the configuration any more");
            }
            store_job_free(&jobs[i]);
        }
    } while (count > 0);
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
    unknown->names[unknown->count++] = copy_text(hook);
    return 0;
}

void work_drop_unknown(struct core *core)
{
    struct unknown_hooks unknown = {.config = core->config};

    core_must(store_job_queued_hooks(core->store, collect_unknown, &unknown), "queue");
    for (size_t i = 0; i < unknown.count; i++) {
        fail_queued_of(core, unknown.names[i]);
        free(unknown.names[i]);
    }
    free(unknown.names);
}

int work_retry(struct core *core, struct store_job *job, const char *by)
{
    char message[128];
    int r = job_apply(job->state, JOB_EVENT_RETRY, &job->state);

    if (r < 0) {
        return r;
    }
    job->restarts = 0;
    job->not_before = 0;
    core_must(store_job_update(core->store, job), "job");
    note_event_by(core, job, "job.retried", by);
    (void)snprintf(message, sizeof message, "hook will be run again at the word of %s", by);
    log_job(core, LOG_LEVEL_INFO, message, job);
    core->work_wanted = true;
    return 0;
}

/* --- frames of executors ---------------------------------------------------------------------- */

static void send_ack(struct link *link, const struct protocol_attempt *attempt)
{
    struct buffer frame = {0};

    core_must(protocol_encode_attempt(&frame, attempt), "ack");
    if (stream_send(link->stream, FRAME_ACK, frame.data, frame.length) == -ENOMEM) {
        core_abandon("ack");
    }
    buffer_free(&frame);
}

/* Finds the job and attempt that an executor speaks of. 0, -ENOENT if we don't know it, -EPROTO if
 * it was given to another. On 0 both are to be freed. */
static int find_attempt(struct link *link, const struct protocol_attempt *named,
                        struct store_job *ret_job, struct store_attempt *ret_attempt)
{
    struct core *core = link->core;
    int r = store_job_find(core->store, named->key, ret_job);

    if (r == -ENOENT) {
        return r;
    }
    core_must(r, "job");
    r = store_attempt_get(core->store, ret_job->number, named->item, named->n, ret_attempt);
    if (r == 0 &&
        (ret_attempt->executor != executor_of(link) ||
         memcmp(ret_attempt->incarnation, link->incarnation, sizeof link->incarnation) != 0)) {
        store_attempt_free(ret_attempt);
        r = -EPROTO;
    }
    if (r < 0) {
        store_job_free(ret_job);
    }
    if (r != -ENOENT && r != -EPROTO) {
        core_must(r, "attempt");
    }
    return r;
}

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

static void end_attempt(struct core *core, struct store_attempt *attempt, struct store_job *job,
                        const struct protocol_result *result)
{
    attempt->ended_at = result->ended_at ? result->ended_at : clock_now_ms();
    attempt->ending = result->ending;
    attempt->exit_code = result->exit_code;
    attempt->signal = result->signal;
    attempt->http_status = result->http_status;
    attempt->error = result->error ? copy_error(result->error) : NULL;
    core_must(
        store_attempt_end(core->store, attempt, &result->standard_output, &result->standard_error),
        "attempt");
    switch (result->ending) {
    case ENDING_SUCCEEDED:
        finish_job(core, job, JOB_EVENT_SUCCEEDED, NULL);
        break;
    case ENDING_FAILED:
        finish_job(core, job, JOB_EVENT_FAILED, attempt->error);
        break;
    case ENDING_INTERRUPTED:
        interrupt_job(core, job, attempt->error);
        break;
    }
}

/* The result of an attempt that has ended on disk, or that we never knew, changes nothing; it is
 * acknowledged so that the executor forgets it. */
static int take_result(struct link *link, const struct frame *frame)
{
    struct protocol_result result;
    struct store_job job;
    struct store_attempt attempt;
    int r = protocol_decode_result(frame, &result);

    if (r < 0) {
        return r;
    }
    r = find_attempt(link, &result.attempt, &job, &attempt);
    if (r == -EPROTO) {
        return r;
    }
    if (r == 0) {
        if (attempt.ended_at == 0) {
            end_attempt(link->core, &attempt, &job, &result);
            link->running--;
            link->refusals = 0;
        }
        store_attempt_free(&attempt);
        store_job_free(&job);
    }
    send_ack(link, &result.attempt);
    return 0;
}

/* It was never started: as if the START had never been. */
static void unstart(struct core *core, struct store_job *job, const struct store_attempt *attempt,
                    int64_t pause)
{
    core_must(store_attempt_forget(core->store, attempt->job, attempt->item, attempt->n),
              "attempt");
    if (job_apply(job->state, JOB_EVENT_REFUSED, &job->state) < 0) {
        return;
    }
    job->attempt = attempt->n - 1;
    job->not_before = clock_now_ms() + pause;
    core_must(store_job_update(core->store, job), "job");
    note_event(core, job, "job.refused");
    log_job(core, LOG_LEVEL_WARNING, "hook was not started: its executor has another version", job);
    core->work_wanted = true;
}

/* One that refuses what it says it has would be asked again at once, for ever. */
static int64_t refusal_pause(struct link *link)
{
    int64_t pause = (int64_t)REFUSAL_PAUSE_MS << link->refusals;

    if (link->refusals < REFUSAL_DOUBLINGS) {
        link->refusals++;
    }
    return pause;
}

static int take_refusal(struct link *link, const struct frame *frame)
{
    struct protocol_attempt named;
    struct store_job job;
    struct store_attempt attempt;
    int r = protocol_decode_attempt(frame, &named);

    if (r == 0) {
        r = find_attempt(link, &named, &job, &attempt);
    }
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    if (attempt.ended_at == 0) {
        unstart(link->core, &job, &attempt, refusal_pause(link));
        link->running--;
    }
    store_attempt_free(&attempt);
    store_job_free(&job);
    return 0;
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
    return core_executor(link->core, hook->kind) == link && !same_hook(link, hook);
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
        link->digests.digests[i].hook = copy_text(link->digests.digests[i].hook);
    }
    link->core->work_wanted = true;
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

static void send_again(struct link *link, struct store_job *job,
                       const struct store_attempt *attempt)
{
    const struct config_hook *hook = config_hook(link->core->config, job->hook);

    if (hook && core_executor(link->core, hook->kind) == link && same_hook(link, hook)) {
        send_start(link->core, link, hook, job);
        link->running++;
    } else {
        unstart(link->core, job, attempt, 0);
    }
}

static void lose(struct link *link, struct store_job *job, const struct store_attempt *attempt)
{
    struct protocol_result result = {
        .ending = ENDING_INTERRUPTED,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .error = link->role == ROLE_CALLER ? "the caller ended while the call was under way"
                                           : "the runner ended while the program ran",
    };
    struct store_attempt lost = *attempt;

    end_attempt(link->core, &lost, job, &result);
    free(lost.error);
}

/* What becomes of an attempt that is on disk as started, now that its executor said HELLO. */
static int review_attempt(void *userdata, const struct store_attempt *attempt)
{
    const struct hello_review *review = userdata;
    struct link *link = review->link;
    struct store_job job;

    core_must(store_job_get(link->core->store, attempt->job, &job), "job");
    if (memcmp(attempt->incarnation, link->incarnation, sizeof link->incarnation) != 0) {
        lose(link, &job, attempt);
    } else if (is_listed(review->hello, &job, attempt)) {
        link->running++;
    } else {
        send_again(link, &job, attempt);
    }
    store_job_free(&job);
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
    link->running = 0;
    core_must(store_attempt_running(link->core->store, executor_of(link), review_attempt, &review),
              "attempts");
    protocol_hello_free(&hello);
    return 0;
}

int work_frame(struct link *link, const struct frame *frame)
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
    default:
        return -EPROTO;
    }
}

void work_disconnected(struct link *link)
{
    link->said_hello = false;
    link->refusals = 0;
    drop_digests(link);
}
