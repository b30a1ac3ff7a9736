#include "assent/caller/hook_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/caller/call_plan.h"
#include "assent/caller/http_call.h"
#include "assent/caller/verdict.h"

/* For so long a connection is kept: other ends, and what lies between, seldom forget it sooner than
 * after a minute. */
#define KEPT_S 30

struct hook_call {
    struct hook_calls *calls;
    struct hook_call *previous;
    struct hook_call *next;
    char *key;
    struct protocol_attempt attempt; /* its key is `key` */
    int64_t started_at;
    struct verdict_rules rules; /* its ranges are `expect` */
    struct config_status_range *expect;
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
                          enum protocol_again again, const char *error)
{
    finish(calls, &(struct protocol_result){.attempt = *attempt,
                                            .ending = ENDING_FAILED,
                                            .again = again,
                                            .ended_at = clock_now_ms(),
                                            .exit_code = -1,
                                            .error = error});
}

/* Beside the body, for people: that there was more of it. */
static void say_cut(const struct http_end *end, struct protocol_output *ret_note)
{
    static const char note[] = "assentd: the answer was longer, and not read to its end\n";

    if (end->cut) {
        *ret_note = (struct protocol_output){.head = note, .head_length = sizeof note - 1};
    }
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

static void end_as_judged(struct hook_call *call, const struct http_end *end)
{
    struct verdict verdict;
    struct buffer why = {0};
    int r = verdict_reach(&call->rules, end, &verdict, &why);
    struct protocol_result result = {
        .attempt = call->attempt,
        .ending = verdict.ending,
        .again = verdict.again,
        .again_after_ms = verdict.again_after_ms,
        .started_at = call->started_at,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .http_status = end->status,
        .standard_output = end->body,
    };

    if (verdict.ending != ENDING_SUCCEEDED) {
        result.error = r == 0 ? buffer_text(&why) : "out of memory";
    }
    say_cut(end, &result.standard_error);
    finish(call->calls, &result);
    buffer_free(&why);
}

static void on_done(void *userdata, const struct http_end *end)
{
    struct hook_call *call = userdata;

    end_as_judged(call, end);
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
    if (hook->expect_count > 0) {
        memcpy(call->expect, hook->expect, hook->expect_count * sizeof *call->expect);
    }
    call->rules = (struct verdict_rules){.expect = call->expect,
                                         .expect_count = hook->expect_count,
                                         .sends_key = hook->sends_key,
                                         .needs_answer = hook->purpose == PURPOSE_SUBMIT,
                                         .timeout_ms = hook->timeout_ms};
    return call;
}

static int begin(struct hook_calls *calls, const struct config *config,
                 const struct config_hook *hook, const struct protocol_start *start,
                 struct problem *ret_problem)
{
    struct hook_call *call = hook_call_new(calls, hook, &start->attempt);
    int r = call ? call_plan_make(config, hook, start->record, start->record_length, &call->plan,
                                  ret_problem)
                 : -ENOMEM;

    if (r == 0) {
        call->plan->request.repeat = start->attempt.n > 1;
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

void hook_call_begin(struct hook_calls *calls, const struct config *config,
                     const struct protocol_start *start)
{
    const struct config_hook *hook = config_hook(config, start->hook);
    struct problem problem = {"out of memory"};
    struct problem told;
    int r;

    if (!hook || hook->kind != HOOK_HTTP) {
        finish_unsent(calls, &start->attempt, AGAIN_NEVER,
                      "not sent: there is no such http hook here");
        return;
    }
    r = begin(calls, config, hook, start, &problem);
    if (r < 0) {
        problem_set(&told, "not sent: %s", problem.text);
        finish_unsent(calls, &start->attempt, r == -ENOMEM ? AGAIN_COUNTED : AGAIN_NEVER,
                      told.text);
    }
}

/* What had come by then is kept. One of which nothing was sent fails, and may be made again, if
 * `again`. */
static void end_as_cut_off(struct hook_call *call, const struct http_end *end, const char *reason,
                           bool again)
{
    bool unsent = end->outcome == HTTP_NOT_SENT;
    bool failed = unsent && again;
    struct problem why;

    problem_set(&why, "%s; %s", reason,
                unsent ? "nothing of it was sent" : "it may have been done");
    finish(call->calls,
           &(struct protocol_result){.attempt = call->attempt,
                                     .ending = failed ? ENDING_FAILED : ENDING_INTERRUPTED,
                                     .again = failed ? AGAIN_COUNTED : AGAIN_NEVER,
                                     .started_at = call->started_at,
                                     .ended_at = clock_now_ms(),
                                     .exit_code = -1,
                                     .http_status = end->status,
                                     .error = why.text,
                                     .standard_output = end->body});
}

static void drop_call(struct hook_call *call)
{
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
    struct http_end end;

    if (!call) {
        return;
    }
    http_call_look(call->http, &end);
    if (verdict_succeeds(&call->rules, &end)) {
        end_as_judged(call, &end);
    } else {
        end_as_cut_off(call, &end, "canceled", false);
    }
    drop_call(call);
}

bool hook_call_peek(struct hook_calls *calls, struct protocol_peeked *peeked)
{
    struct hook_call *call = find_call(calls, &peeked->attempt);
    struct http_end end;

    if (call) {
        http_call_look(call->http, &end);
        peeked->standard_output = end.body;
    }
    return call != NULL;
}

void hook_calls_cut_off(struct hook_calls *calls, const char *reason)
{
    while (calls->first) {
        struct hook_call *call = calls->first;
        struct http_end end;

        http_call_look(call->http, &end);
        if (end.outcome == HTTP_ANSWERED) {
            end_as_judged(call, &end);
        } else {
            end_as_cut_off(call, &end, reason, true);
        }
        drop_call(call);
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
    r = http_engine_new(loop, KEPT_S, &calls->engine);
    if (r < 0) {
        free(calls);
        return r;
    }
    *ret_calls = calls;
    return 0;
}

struct http_engine *hook_calls_engine(struct hook_calls *calls)
{
    return calls->engine;
}

void hook_calls_free(struct hook_calls *calls)
{
    if (!calls) {
        return;
    }
    while (calls->first) {
        drop_call(calls->first);
    }
    http_engine_free(calls->engine);
    free(calls);
}
