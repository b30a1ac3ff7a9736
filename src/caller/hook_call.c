#include "assent/caller/hook_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/caller/call_plan.h"
#include "assent/caller/http_call.h"

struct hook_call {
    struct hook_calls *calls;
    struct hook_call *previous;
    struct hook_call *next;
    char *key;
    struct protocol_attempt attempt; /* its key is `key` */
    int64_t started_at;
    struct config_status_range *expect;
    size_t expect_count;
    struct call_plan *plan;
    struct http_call *http;
};

struct hook_calls {
    struct executor *executor;
    struct http_engine *engine;
    struct hook_call *first;
};

/* --- results ---------------------------------------------------------------------------------- */

static void finish(struct hook_calls *calls, const struct protocol_result *result)
{
    struct protocol_result told = *result;
    struct buffer error = {0};
    int r;

    /* What others said may be in it. */
    if (result->error && text_append_escaped(&error, result->error, strlen(result->error)) == 0) {
        told.error = buffer_text(&error);
    }
    r = executor_finish(calls->executor, &told);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't tell how a call ended", "key", result->attempt.key,
                  "error", strerror(-r), NULL);
    }
    buffer_free(&error);
}

static void finish_unsent(struct hook_calls *calls, const struct protocol_attempt *attempt,
                          const char *error)
{
    finish(calls, &(struct protocol_result){.attempt = *attempt,
                                            .ending = ENDING_FAILED,
                                            .ended_at = clock_now_ms(),
                                            .exit_code = -1,
                                            .error = error});
}

static bool is_expected(const struct hook_call *call, int status)
{
    for (size_t i = 0; i < call->expect_count; i++) {
        if ((unsigned)status >= call->expect[i].first && (unsigned)status <= call->expect[i].last) {
            return true;
        }
    }
    return false;
}

/* `200-299, 404` */
static int append_expected(struct buffer *out, const struct hook_call *call)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < call->expect_count; i++) {
        const struct config_status_range *range = &call->expect[i];

        r = buffer_append_format(out, "%s%u", i > 0 ? ", " : "", range->first);
        if (r == 0 && range->last != range->first) {
            r = buffer_append_format(out, "-%u", range->last);
        }
    }
    return r;
}

static int say_why(struct buffer *out, const struct hook_call *call, const struct http_end *end)
{
    char timeout[TEXT_SPAN_SIZE];
    int r;

    text_from_span(call->plan->request.timeout_ms, timeout);
    switch (end->outcome) {
    case HTTP_ANSWERED:
        r = buffer_append_format(out, "HTTP %d%s%s, expected ", end->status,
                                 end->phrase[0] ? " " : "", end->phrase);
        return r < 0 ? r : append_expected(out, call);
    case HTTP_NOT_SENT:
        return end->timed_out
                   ? buffer_append_format(out, "not sent: no connection within %s", timeout)
                   : buffer_append_format(out, "not sent: %s", end->cause);
    default:
        return end->timed_out
                   ? buffer_append_format(out, "no answer within %s; it may have been done",
                                          timeout)
                   : buffer_append_format(out, "no answer: %s; it may have been done", end->cause);
    }
}

static enum protocol_ending ending_of(const struct hook_call *call, const struct http_end *end)
{
    if (end->outcome == HTTP_NO_ANSWER) {
        return ENDING_INTERRUPTED;
    }
    return end->outcome == HTTP_ANSWERED && is_expected(call, end->status) ? ENDING_SUCCEEDED
                                                                           : ENDING_FAILED;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void unlink_call(struct hook_call *call)
{
    if (call->previous) {
        call->previous->next = call->next;
    } else {
        call->calls->first = call->next;
    }
    if (call->next) {
        call->next->previous = call->previous;
    }
}

static void hook_call_free(struct hook_call *call)
{
    if (!call) {
        return;
    }
    call_plan_free(call->plan);
    free(call->expect);
    free(call->key);
    free(call);
}

static void on_done(void *userdata, const struct http_end *end)
{
    struct hook_call *call = userdata;
    struct protocol_result result = {
        .attempt = call->attempt,
        .ending = ending_of(call, end),
        .started_at = call->started_at,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .http_status = end->status,
        .standard_output = end->body,
    };
    struct buffer why = {0};

    if (result.ending != ENDING_SUCCEEDED) {
        result.error = say_why(&why, call, end) == 0 ? buffer_text(&why) : "out of memory";
    }
    finish(call->calls, &result);
    buffer_free(&why);
    unlink_call(call);
    hook_call_free(call);
}

static struct hook_call *hook_call_new(struct hook_calls *calls, const struct config_hook *hook,
                                       const struct protocol_attempt *attempt)
{
    struct hook_call *call = calloc(1, sizeof *call);

    if (!call) {
        return NULL;
    }
    *call = (struct hook_call){.calls = calls, .attempt = *attempt, .started_at = clock_now_ms()};
    call->key = strdup(attempt->key);
    call->expect = calloc(hook->expect_count ? hook->expect_count : 1, sizeof *call->expect);
    if (!call->key || !call->expect) {
        hook_call_free(call);
        return NULL;
    }
    call->attempt.key = call->key;
    call->expect_count = hook->expect_count;
    if (hook->expect_count > 0) {
        memcpy(call->expect, hook->expect, hook->expect_count * sizeof *call->expect);
    }
    return call;
}

static int begin(struct hook_calls *calls, const struct config_hook *hook,
                 const struct protocol_start *start, struct problem *ret_problem)
{
    struct hook_call *call = hook_call_new(calls, hook, &start->attempt);
    int r =
        call ? call_plan_make(hook, start->record, start->record_length, &call->plan, ret_problem)
             : -ENOMEM;

    if (r == 0) {
        r = http_call_begin(calls->engine, &call->plan->request, on_done, call, &call->http);
    }
    if (r < 0) {
        hook_call_free(call);
        return r;
    }
    call->next = calls->first;
    if (call->next) {
        call->next->previous = call;
    }
    calls->first = call;
    return 0;
}

void hook_call_begin(struct hook_calls *calls, const struct config_hook *hook,
                     const struct protocol_start *start)
{
    struct problem problem = {"out of memory"};
    struct problem told;
    int r;

    if (!hook || hook->kind != HOOK_HTTP) {
        finish_unsent(calls, &start->attempt, "not sent: there is no such http hook here");
        return;
    }
    r = begin(calls, hook, start, &problem);
    if (r < 0) {
        problem_set(&told, "not sent: %s", problem.text);
        finish_unsent(calls, &start->attempt, told.text);
    }
}

static void cut_off(struct hook_call *call, const char *reason)
{
    finish(call->calls, &(struct protocol_result){.attempt = call->attempt,
                                                  .ending = ENDING_INTERRUPTED,
                                                  .started_at = call->started_at,
                                                  .ended_at = clock_now_ms(),
                                                  .exit_code = -1,
                                                  .error = reason});
    unlink_call(call);
    http_call_free(call->http);
    hook_call_free(call);
}

static struct hook_call *find_call(const struct hook_calls *calls,
                                   const struct protocol_attempt *attempt)
{
    struct hook_call *call = calls->first;

    while (call && !(call->attempt.n == attempt->n && call->attempt.item == attempt->item &&
                     strcmp(call->key, attempt->key) == 0)) {
        call = call->next;
    }
    return call;
}

void hook_call_cancel(struct hook_calls *calls, const struct protocol_attempt *attempt)
{
    struct hook_call *call = find_call(calls, attempt);

    if (call) {
        cut_off(call, "canceled; it may have been done");
    }
}

bool hook_call_peek(struct hook_calls *calls, struct protocol_peeked *peeked)
{
    struct hook_call *call = find_call(calls, &peeked->attempt);

    if (call) {
        http_call_peek(call->http, &peeked->standard_output);
    }
    return call != NULL;
}

void hook_calls_cut_off(struct hook_calls *calls, const char *reason)
{
    while (calls->first) {
        cut_off(calls->first, reason);
    }
}

int hook_calls_new(sd_event *loop, struct executor *executor, struct hook_calls **ret_calls)
{
    struct hook_calls *calls = calloc(1, sizeof *calls);
    int r;

    if (!calls) {
        return -ENOMEM;
    }
    calls->executor = executor;
    r = http_engine_new(loop, &calls->engine);
    if (r < 0) {
        free(calls);
        return r;
    }
    *ret_calls = calls;
    return 0;
}

void hook_calls_free(struct hook_calls *calls)
{
    if (!calls) {
        return;
    }
    while (calls->first) {
        struct hook_call *call = calls->first;

        unlink_call(call);
        http_call_free(call->http);
        hook_call_free(call);
    }
    http_engine_free(calls->engine);
    free(calls);
}
