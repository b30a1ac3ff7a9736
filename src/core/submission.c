#include "assent/core/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/core/decide.h"
#include "assent/core/lookups.h"
#include "assent/core/record.h"
#include "assent/core/work.h"
#include "assent/domain/event.h"
#include "assent/domain/request_id.h"

#define HOOK_PREFIX   "submit "
#define POLICY_WINDOW (INT64_C(24) * 3600 * 1000)

bool submission_is(const char *hook)
{
    return strncmp(hook, HOOK_PREFIX, strlen(HOOK_PREFIX)) == 0;
}

/* --- policy ----------------------------------------------------------------------------------- */

void submission_judge(struct core *core, const struct store_request *request, const char *context,
                      struct policy_verdict *ret_verdict)
{
    static const struct policy_rules none = {0};
    const struct config_action *action = config_action(core->config, request->action);
    json_t *parsed = NULL;
    json_t *record;
    int64_t approved = 0;

    core_must(json_parse(context, strlen(context), &parsed, NULL), "context");
    record =
        json_pack("{s:s, s:s?, s:s, s:o}", "action", request->action, "reason", request->reason,
                  "urgency", record_urgency(request->urgency), "context", parsed);
    core_must(record ? 0 : -ENOMEM, "policy");
    if (action && action->policy.max_per_day > 0) {
        core_must(store_policy_approval_count(core->store, request->action,
                                              clock_now_ms() - POLICY_WINDOW, &approved),
                  "policy");
    }
    policy_judge(action ? &action->policy : &none, record, (uint64_t)approved, ret_verdict);
    json_decref(record);
}

static void approve_by_policy(struct core *core, struct store_request *request)
{
    const struct decision_made made = {.decision = DECISION_GRANTED, .by = "policy"};

    core_must(
        store_policy_approval_add(core->store, request->action, clock_now_ms(), request->number),
        "policy");
    (void)decide(core, request, &made);
}

/* Of what was held: what is refused when it is asked for is never written down. */
static void refuse_by_policy(struct core *core, struct store_request *request,
                             const struct policy_verdict *verdict)
{
    struct problem reason;
    const struct decision_made made = {
        .decision = DECISION_REFUSED, .by = "policy", .reason = reason.text};

    problem_set(&reason, "%s: refuse_if = %s", verdict->reason.text,
                verdict->rule ? verdict->rule : "");
    (void)decide(core, request, &made);
}

static bool settle_by_policy(struct core *core, struct store_request *request)
{
    struct policy_verdict verdict;
    char *context = NULL;

    core_must(store_request_context(core->store, request->number, &context), "context");
    submission_judge(core, request, context, &verdict);
    free(context);
    if (verdict.decision == POLICY_APPROVE) {
        approve_by_policy(core, request);
    } else if (verdict.decision == POLICY_REFUSE) {
        refuse_by_policy(core, request, &verdict);
    }
    return verdict.decision != POLICY_REQUIRE_APPROVAL;
}

/* --- going out -------------------------------------------------------------------------------- */

void submission_release(struct core *core, struct store_request *request)
{
    const struct config_hook *hook = config_hook_of(core->config, PURPOSE_SUBMIT, request->service);
    const struct decision_made refused = {
        .decision = DECISION_REFUSED,
        .by = "assentd",
        .reason = "its service is not asked any more: it has no url in the configuration",
    };

    if (request->kind == KIND_ASKED && settle_by_policy(core, request)) {
        return;
    }
    if (hook) {
        work_add(core, request, hook->name, DECISION_CANCEL);
    } else {
        (void)decide(core, request, &refused);
    }
}

char *submission_callback(const struct config_service *service, const char *token)
{
    struct buffer url = {0};
    char *text;

    if (!service || !service->callback_url) {
        return NULL;
    }
    core_must(buffer_append_format(&url, "%s%s%s", service->callback_url,
                                   service->url_token ? "/" : "?request=", token),
              "callback");
    text = buffer_take_text(&url);
    core_must(text ? 0 : -ENOMEM, "callback");
    return text;
}

static void append_member(struct buffer *out, const char *name, const char *value)
{
    if (value) {
        core_must(buffer_append_format(out, ",\"%s\":", name), "submission");
        core_must(json_append_string(out, value), "submission");
    }
}

/* The service's clock begins now, ours began when it was asked for. */
static int64_t seconds_left(const struct store_request *request)
{
    int64_t left = (request->expires_at - clock_now_ms() + 999) / 1000;

    return left > 1 ? left : 1;
}

static void append_approval(struct core *core, const struct store_request *request,
                            const struct store_ask *ask, struct buffer *out)
{
    char *callback =
        submission_callback(config_service(core->config, request->service), ask->token);

    append_member(out, "type", "approval_request");
    append_member(out, "action", request->action);
    append_member(out, "reason", request->reason);
    append_member(out, "urgency", record_urgency(request->urgency));
    append_member(out, "callbackUrl", callback);
    core_must(buffer_append_format(out, ",\"expiresIn\":%" PRId64, seconds_left(request)),
              "submission");
    free(callback);
}

void submission_append_body(struct core *core, const struct store_request *request, const char *key,
                            struct buffer *out)
{
    struct store_ask ask;
    char *context = NULL;

    core_must(store_ask_get(core->store, request->number, &ask), "submission");
    core_must(store_request_context(core->store, request->number, &context), "context");
    core_must(buffer_append_text(out, "{\"context\":"), "submission");
    core_must(buffer_append_text(out, context), "submission");
    append_member(out, "client_id", key);
    if (request->kind == KIND_ASKED) {
        append_approval(core, request, &ask, out);
    }
    if (ask.extra) {
        core_must(buffer_append_text(out, ","), "submission");
        core_must(buffer_append(out, ask.extra + 1, strlen(ask.extra) - 2), "submission");
    }
    core_must(buffer_append_text(out, "}"), "submission");
    free(context);
    store_ask_free(&ask);
}

void submission_stop(struct core *core, const struct store_request *request)
{
    const struct store_job_filter filter = {.state = JOB_QUEUED, .request = request->number};

    if (request->kind != KIND_REGISTERED) {
        work_cancel_where(core, &filter, submission_is, "assentd: the request is over");
    }
}

bool submission_is_in_vain(struct core *core, const struct task *task)
{
    struct store_request request;
    bool over;

    if (!submission_is(task->job.hook)) {
        return false;
    }
    core_must(store_request_get(core->store, task->job.request, &request), "request");
    over = request_state_final(request.state);
    store_request_free(&request);
    return over;
}

/* --- coming back ------------------------------------------------------------------------------ */

/* The body of the answer; NULL if it is no JSON object, or was cut. */
static json_t *answer_of(const struct protocol_result *result)
{
    const struct protocol_output *output = &result->standard_output;
    struct buffer body = {0};
    json_t *json = NULL;

    if (output->dropped == 0) {
        core_must(buffer_append(&body, output->head, output->head_length), "submission");
        core_must(buffer_append(&body, output->tail, output->tail_length), "submission");
        if (body.length > 0 && json_parse(body.data, body.length, &json, NULL) < 0) {
            json = NULL;
        }
    }
    buffer_free(&body);
    if (json && !json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* The first of them that can be one: where a service has them all, those it does not use are null. */
static const char *id_in(const json_t *object, const char *const *names)
{
    const char *found = NULL;

    for (; !found && *names; names++) {
        const char *text = json_string_value(json_object_get(object, *names));

        found = text && request_id_valid(text) ? text : NULL;
    }
    return found;
}

/* At the top or inside `result`. A mere `id` at the top may be that of the answer. */
static const char *find_id(const json_t *answer)
{
    static const char *const names[] = {"requestId", "request_id", "approval_id", "approvalId",
                                        NULL};
    static const char *const others[] = {"id", NULL};
    const json_t *result = json_object_get(answer, "result");
    const char *id = id_in(answer, names);

    id = id ? id : id_in(result, names);
    id = id ? id : id_in(answer, others);
    return id ? id : id_in(result, others);
}

static void keep_answer(struct core *core, const struct store_request *request,
                        const json_t *answer)
{
    char *text = answer ? json_text(answer) : NULL;

    if (text) {
        core_must(store_ask_set_answer(core->store, request->number, text), "submission");
    }
    free(text);
}

static void refuse(struct core *core, struct store_request *request, const char *reason)
{
    const struct decision_made made = {
        .decision = DECISION_REFUSED, .by = request->service, .reason = reason};

    (void)decide(core, request, &made);
}

static void log_submitted(const struct store_request *request, const char *former)
{
    log_event(LOG_LEVEL_INFO, "submitted", "request", request->id, "service", request->service,
              "action", request->action, "asked_as", former, NULL);
}

static void become_pending(struct core *core, struct store_request *request, const char *id)
{
    char *former = request->id;
    int r;

    request->id = task_copy_text(id);
    request->state = REQUEST_PENDING;
    r = store_request_advance(core->store, request);
    if (r == -EEXIST) {
        free(request->id);
        request->id = former;
        request->state = REQUEST_SUBMITTING;
        refuse(core, request, "the service answered with the id of another request");
        return;
    }
    core_must(r, "submission");
    log_submitted(request, former);
    free(former);
    lookups_begin(core, request);
    decide_early(core, request, request->id);
    submission_tell(core, request);
}

/* It was decided, or is over, before the answer came: what comes about this id is about it. */
static void note_late_id(struct core *core, struct store_request *request, const char *id)
{
    int r = strcmp(request->id, id) == 0
                ? 0
                : store_alias_add(core->store, request->service, id, request->number);

    if (r != -EEXIST) {
        core_must(r, "submission");
        decide_early(core, request, id);
    }
    submission_tell(core, request);
}

static void take_answer(struct core *core, struct store_request *request, const json_t *answer)
{
    const struct decision_made taken = {.decision = DECISION_TAKEN, .by = request->service};
    const char *id = find_id(answer);

    keep_answer(core, request, answer);
    if (request->state != REQUEST_SUBMITTING) {
        if (id) {
            note_late_id(core, request, id);
        }
    } else if (request->kind == KIND_NOTICE) {
        (void)decide(core, request, &taken);
    } else if (id) {
        become_pending(core, request, id);
    } else {
        refuse(core, request,
               "the service's answer has no id of a request that decisions could come for");
    }
}

static bool tells_token(struct core *core, const struct store_request *request, const char *text)
{
    struct store_ask ask;
    bool tells;

    core_must(store_ask_get(core->store, request->number, &ask), "submission");
    tells = strstr(text, ask.token) != NULL;
    store_ask_free(&ask);
    return tells;
}

/* `error` is what the caller says; the service may say it better, but no longer than a webhook, and not
 * with the URL by which a decision comes: the reason is for the agent and for the log. */
static const char *reason_in(struct core *core, const struct store_request *request,
                             const json_t *answer, const char *error)
{
    const json_t *said = json_object_get(answer, "message");
    const char *message = json_string_value(said);
    size_t length = json_string_length(said);

    if (length > 0 && length <= EVENT_TEXT_LIMIT && !tells_token(core, request, message)) {
        return message;
    }
    return error ? error : "the service did not take it";
}

void submission_given_up(struct core *core, const struct task *task)
{
    const struct decision_made refused = {
        .decision = DECISION_REFUSED, .by = "assentd", .reason = task->error};
    struct store_request request;

    core_must(store_request_get(core->store, task->job.request, &request), "request");
    if (request.state == REQUEST_SUBMITTING) {
        (void)decide(core, &request, &refused);
    }
    store_request_free(&request);
}

void submission_ended(struct core *core, const struct task *task,
                      const struct protocol_result *result)
{
    struct store_request request;
    json_t *answer = answer_of(result);

    core_must(store_request_get(core->store, task->job.request, &request), "request");
    if (task->state == JOB_SUCCEEDED) {
        take_answer(core, &request, answer);
    } else if (task->state == JOB_QUEUED && request_state_final(request.state)) {
        submission_stop(core, &request);
    } else if (task->state == JOB_QUEUED) {
        submission_tell(core, &request);
    } else if (request.state == REQUEST_SUBMITTING) {
        keep_answer(core, &request, answer);
        refuse(core, &request, reason_in(core, &request, answer, task->error));
    }
    json_decref(answer);
    store_request_free(&request);
}
