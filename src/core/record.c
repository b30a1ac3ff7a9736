#include "assent/core/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/base64.h"
#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/core/relay.h"
#include "assent/core/submission.h"
#include "assent/domain/hook_record.h"

/* Events and jobs of one request that are shown with it. */
#define SHOWN_EVENTS 500
#define SHOWN_JOBS   500
#define REPLACEMENT  "\xef\xbf\xbd"

const char *record_urgency(enum urgency urgency)
{
    static const char *const names[] = {"low", "medium", "high"};

    return names[urgency];
}

json_t *record_time(int64_t time_ms)
{
    char text[TEXT_TIME_SIZE];

    if (time_ms == 0) {
        return json_null();
    }
    text_from_time(time_ms, text);
    return json_string(text);
}

/* The run that has given up, for whoever is told. */
static json_t *failed_job(struct core *core, int64_t number)
{
    struct store_job job;
    json_t *record;
    int r = store_job_get(core->store, number, &job);

    if (r == -ENOENT) {
        return json_null();
    }
    core_must(r, "job");
    record = json_pack("{s:I, s:s, s:i, s:s?}", "job", (json_int_t)job.number, "hook", job.hook,
                       "attempt", (int)job.attempt, "error", job.error);
    store_job_free(&job);
    return record;
}

static char *context_for(struct core *core, const struct task *task)
{
    char *context = NULL;

    if (task_is_item(task)) {
        core_must(store_fanout_context(core->store, task->job.number, &context), "context");
    } else {
        core_must(store_request_context(core->store, task->job.request, &context), "context");
    }
    return context;
}

/* The item of a built-in hook that submits is what the service is asked. */
static char *submission_item(struct core *core, const struct store_request *request,
                             const struct task *task)
{
    char key[TASK_KEY_SIZE];
    struct buffer item = {0};
    char *text;

    task_key(&task->job, PROTOCOL_NO_ITEM, key);
    submission_append_body(core, request, key, &item);
    text = buffer_take_text(&item);
    core_must(text ? 0 : -ENOMEM, "record");
    return text;
}

/* What a built-in hook gets is made for it: the rest of the record is not for a service's eyes.
 * Returns it, to be freed. */
static char *set_builtin(struct core *core, const struct store_request *request,
                         const struct task *task, struct hook_record *record)
{
    bool submits = submission_is(task->job.hook);
    char *value =
        submits ? submission_item(core, request, task) : relay_item(core, request, &task->job);

    record->context = "{}";
    record->index = 0;
    record->item = submits ? value : NULL;
    record->relay = submits ? NULL : value;
    return value;
}

/* Returns the context, to be freed. */
static char *set_ordinary(struct core *core, const struct task *task, struct hook_record *record)
{
    char *context = context_for(core, task);

    record->context = context;
    record->index = task->item.number;
    record->item = task_is_item(task) ? task->item.value : NULL;
    return context;
}

void record_for_hook(struct core *core, const struct task *task, struct buffer *ret_record)
{
    struct store_request request;
    char key[TASK_KEY_SIZE];
    json_t *failed = task->job.origin != 0 ? failed_job(core, task->job.origin) : NULL;
    char *made;

    core_must(store_request_get(core->store, task->job.request, &request), "request");
    task_key(&task->job, task->item.number, key);
    struct hook_record record = {
        .request_id = request.id,
        .service = request.service,
        .action = request.action,
        .status = request.state,
        .reason = request.reason,
        .urgency = record_urgency(request.urgency),
        .denial_reason = request.denial_reason,
        .decided_by = request.decided_by,
        .decided_at = request.decided_at,
        .created_at = request.created_at,
        .expires_at = request.expires_at,
        .job = task->job.number,
        .key = key,
        .hook = task->job.hook,
        .attempt = task->attempt,
        .failed = failed,
    };
    made = task_is_builtin(task) ? set_builtin(core, &request, task, &record)
                                 : set_ordinary(core, task, &record);
    core_must(hook_record_append(&record, ret_record), "record");
    free(made);
    json_decref(failed);
    store_request_free(&request);
}

json_t *record_request_row(const struct store_request *request)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:s?, s:s?}", "requestId",
        request->id, "request_id", request->id, "service", request->service, "action",
        request->action, "status", request_state_name(request->state), "urgency",
        record_urgency(request->urgency), "reason", request->reason, "createdAt",
        record_time(request->created_at), "expiresAt", record_time(request->expires_at), "finalAt",
        record_time(request->final_at), "decidedAt", record_time(request->decided_at), "decidedBy",
        request->decided_by, "denialReason", request->denial_reason);
}

static json_t *number_or_null(int64_t number, int64_t none)
{
    return number == none ? json_null() : json_integer(number);
}

/* When the last item may be done, by how long those took that are: null while there are none. */
static json_t *estimated_end(const struct store_job *job, const struct store_fanout *fanout)
{
    int64_t done = fanout->succeeded + fanout->failed + fanout->interrupted;
    int64_t now = clock_now_ms();
    double each = done > 0 ? (double)(now - job->started_at) / (double)done : 0;

    if (done == 0 || done == fanout->total || job->state != JOB_RUNNING || job->canceling) {
        return json_null();
    }
    return record_time(now + (int64_t)(each * (double)(fanout->total - done)));
}

static json_t *items_of(struct core *core, const struct store_job *job)
{
    struct store_fanout fanout;
    int64_t left;

    if (job->items == 0) {
        return json_null();
    }
    core_must(store_fanout_get(core->store, job->number, &fanout), "fan-out");
    left = fanout.total - fanout.running - fanout.succeeded - fanout.failed - fanout.interrupted;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "total", (json_int_t)fanout.total,
                     "queued", (json_int_t)(job->state == JOB_CANCELED ? 0 : left), "running",
                     (json_int_t)fanout.running, "succeeded", (json_int_t)fanout.succeeded,
                     "failed", (json_int_t)fanout.failed, "interrupted",
                     (json_int_t)fanout.interrupted, "canceled",
                     (json_int_t)(job->state == JOB_CANCELED ? left : 0), "estimatedEnd",
                     estimated_end(job, &fanout));
}

/* When it is tried again, or first, if that is not at once. */
static json_t *next_try(enum job_state state, int64_t not_before)
{
    return record_time(state == JOB_QUEUED && not_before > clock_now_ms() ? not_before : 0);
}

json_t *record_job_row(struct core *core, const struct store_job *job,
                       const struct store_request *request)
{
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:s?}",
        "job", (json_int_t)job->number, "requestId", request->id, "service", request->service,
        "action", request->action, "hook", job->hook, "state", job_state_name(job->state),
        "attempt", (int)job->attempt, "retries", (int)job->retries, "key", job->key, "createdAt",
        record_time(job->created_at), "startedAt", record_time(job->started_at), "endedAt",
        record_time(job->ended_at), "notBefore", next_try(job->state, job->not_before), "canceling",
        (int)(job->canceling && job->state == JOB_RUNNING), "failedJob",
        number_or_null(job->origin, 0), "items", items_of(core, job), "error", job->error);
}

json_t *record_item_row(const struct store_job *job, const struct store_item *item)
{
    enum job_state state =
        item->state == JOB_QUEUED && job->state == JOB_CANCELED ? JOB_CANCELED : item->state;
    char key[TASK_KEY_SIZE];
    json_t *value = NULL;

    task_key(job, item->number, key);
    core_must(json_parse(item->value, strlen(item->value), &value, NULL), "item");
    return json_pack("{s:I, s:s, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:s?}", "index",
                     (json_int_t)item->number, "state", job_state_name(state), "attempt",
                     (int)item->attempt, "retries", (int)item->retries, "key", key, "item", value,
                     "startedAt", record_time(item->started_at), "endedAt",
                     record_time(item->ended_at), "notBefore", next_try(state, item->not_before),
                     "error", item->error);
}

static const char *ending_name(const struct store_attempt *attempt)
{
    if (attempt->ended_at == 0) {
        return "running";
    }
    switch (attempt->ending) {
    case ENDING_SUCCEEDED:
        return "succeeded";
    case ENDING_FAILED:
        return "failed";
    case ENDING_INTERRUPTED:
        break;
    }
    return "interrupted";
}

static int add_attempt(void *userdata, const struct store_attempt *attempt)
{
    bool ran_program = attempt->executor == STORE_EXECUTOR_RUNNER && attempt->ended_at != 0 &&
                       attempt->ending != ENDING_INTERRUPTED && attempt->signal == 0;

    return json_array_append_new(
        userdata,
        json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s?}", "attempt", (int)attempt->n,
                  "executor", attempt->executor == STORE_EXECUTOR_RUNNER ? "runner" : "caller",
                  "state", ending_name(attempt), "startedAt", record_time(attempt->started_at),
                  "endedAt", record_time(attempt->ended_at), "exitCode",
                  ran_program ? number_or_null(attempt->exit_code, -1) : json_null(), "signal",
                  number_or_null(attempt->signal, 0), "httpStatus",
                  number_or_null(attempt->http_status, 0), "error", attempt->error));
}

json_t *record_job(struct core *core, const struct store_job *job,
                   const struct store_request *request)
{
    json_t *record = record_job_row(core, job, request);
    json_t *attempts = json_array();

    core_must(store_attempt_list(core->store, job->number, PROTOCOL_NO_ITEM, add_attempt, attempts),
              "attempts");
    (void)json_object_set_new(record, "attempts", attempts);
    return record;
}

struct job_rows {
    struct core *core;
    json_t *rows;
    const struct store_request *request;
};

static int add_job_row(void *userdata, const struct store_job *job)
{
    struct job_rows *rows = userdata;

    return json_array_insert_new(rows->rows, 0, record_job_row(rows->core, job, rows->request));
}

static json_t *jobs_of(struct core *core, const struct store_request *request)
{
    const struct store_job_filter filter = {.state = JOB_STATE_COUNT, .request = request->number};
    struct job_rows rows = {.core = core, .rows = json_array(), .request = request};

    core_must(store_job_list(core->store, &filter, SHOWN_JOBS, add_job_row, &rows), "jobs");
    return rows.rows;
}

static json_t *details_of(const struct store_event *event)
{
    json_t *details = event->details ? json_loads(event->details, 0, NULL) : NULL;

    return details ? details : json_null();
}

json_t *record_event(const struct store_event *event)
{
    return json_pack("{s:I, s:o, s:s, s:s?, s:s?, s:o, s:o}", "sequence",
                     (json_int_t)event->sequence, "at", record_time(event->at), "kind", event->kind,
                     "requestId", event->request_id, "service", event->service, "job",
                     number_or_null(event->job, 0), "details", details_of(event));
}

static int add_event(void *userdata, const struct store_event *event)
{
    return json_array_append_new(
        userdata, json_pack("{s:I, s:o, s:s, s:o, s:o}", "sequence", (json_int_t)event->sequence,
                            "at", record_time(event->at), "kind", event->kind, "job",
                            number_or_null(event->job, 0), "details", details_of(event)));
}

static json_t *events_of(struct core *core, const struct store_request *request)
{
    json_t *events = json_array();

    core_must(store_event_list(core->store, request->number, SHOWN_EVENTS, add_event, events),
              "events");
    return events;
}

static json_t *context_of(struct core *core, const struct store_request *request)
{
    char *text = NULL;
    json_t *context = NULL;

    core_must(store_request_context(core->store, request->number, &text), "context");
    core_must(json_parse(text, strlen(text), &context, NULL), "context");
    free(text);
    return context;
}

struct predecessors {
    struct core *core;
    json_t *ids;
};

static int add_predecessor(void *userdata, int64_t number)
{
    struct predecessors *predecessors = userdata;
    struct store_request request;
    int r = store_request_get(predecessors->core->store, number, &request);

    if (r == -ENOENT) {
        return 0;
    }
    core_must(r, "request");
    (void)json_array_append_new(predecessors->ids, json_string(request.id));
    store_request_free(&request);
    return 0;
}

static json_t *predecessors_of(struct core *core, const struct store_request *request)
{
    struct predecessors predecessors = {.core = core, .ids = json_array()};

    core_must(store_step_predecessors(core->store, request->number, add_predecessor, &predecessors),
              "steps");
    return predecessors.ids;
}

static int add_alias(void *userdata, const char *id)
{
    return json_array_append_new(userdata, json_string(id));
}

static void add_what_was_asked(struct core *core, const struct store_request *request,
                               json_t *record)
{
    json_t *aliases = json_array();

    core_must(store_alias_list(core->store, request->number, add_alias, aliases), "request");
    (void)json_object_set_new(record, "after", predecessors_of(core, request));
    (void)json_object_set_new(record, "aliases", aliases);
}

static const char *kind_name(enum request_kind kind)
{
    static const char *const names[] = {
        [KIND_REGISTERED] = "registered", [KIND_ASKED] = "asked", [KIND_NOTICE] = "notice"};

    return names[kind];
}

json_t *record_request(struct core *core, const struct store_request *request)
{
    json_t *record = record_request_row(request);

    (void)json_object_set_new(record, "kind", json_string(kind_name(request->kind)));
    if (request->kind != KIND_REGISTERED) {
        add_what_was_asked(core, request, record);
    }

    (void)json_object_set_new(record, "context", context_of(core, request));
    (void)json_object_set_new(record, "clientId",
                              request->client_id ? json_string(request->client_id) : json_null());
    (void)json_object_set_new(record, "registeredBy",
                              request->owner ? json_string(request->owner) : json_null());
    (void)json_object_set_new(record, "jobs", jobs_of(core, request));
    (void)json_object_set_new(record, "events", events_of(core, request));
    return record;
}

/* The length of the valid UTF-8 character at the front of the bytes, or 0. A NUL is none: JSON may
 * hold one, but many who read JSON can't. */
static size_t character(const unsigned char *bytes, size_t length)
{
    for (size_t size = 1; bytes[0] != 0 && size <= 4 && size <= length; size++) {
        if (text_is_utf8(bytes, size)) {
            return size;
        }
    }
    return 0;
}

static bool is_text(const void *bytes, size_t length)
{
    return length == 0 || (text_is_utf8(bytes, length) && !memchr(bytes, 0, length));
}

static json_t *replaced_text(const unsigned char *bytes, size_t length)
{
    struct buffer text = {0};
    json_t *json;

    if (is_text(bytes, length)) {
        return json_stringn(length > 0 ? (const char *)bytes : "", length);
    }
    for (size_t i = 0; i < length;) {
        size_t size = character(bytes + i, length - i);

        core_must(size > 0 ? buffer_append(&text, bytes + i, size)
                           : buffer_append_text(&text, REPLACEMENT),
                  "output");
        i += size > 0 ? size : 1;
    }
    json = json_stringn((const char *)text.data, text.length);
    buffer_free(&text);
    return json;
}

/* Sets `name` to the bytes themselves, where their text has something replaced. */
static void set_exact(json_t *record, const char *name, const void *bytes, size_t length)
{
    struct buffer text = {0};

    if (is_text(bytes, length)) {
        return;
    }
    core_must(base64_encode(bytes, length, &text), "output");
    core_must(json_object_set_new(record, name, json_stringn((const char *)text.data, text.length)),
              "output");
    buffer_free(&text);
}

json_t *record_output(const struct protocol_output *output)
{
    json_t *record = json_pack(
        "{s:o, s:o, s:I}", "head", replaced_text(output->head, output->head_length), "tail",
        replaced_text(output->tail, output->tail_length), "dropped", (json_int_t)output->dropped);

    core_must(record ? 0 : -ENOMEM, "output");
    set_exact(record, "headBase64", output->head, output->head_length);
    set_exact(record, "tailBase64", output->tail, output->tail_length);
    return record;
}
