#include "assent/caller/lookup_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/caller/call_plan.h"
#include "assent/caller/verdict.h"

struct lookup_call {
    struct lookup_calls *calls;
    struct lookup_call *next;
    uint64_t id;
    struct config_status_range expect;
    struct call_plan *plan;
    struct http_call *http;
};

struct lookup_calls {
    struct executor *executor;
    struct http_engine *engine;
    struct lookup_call *first;
    size_t count;
};

/* --- answers ---------------------------------------------------------------------------------- */

static void answer(struct lookup_calls *calls, const struct protocol_looked_up *looked_up)
{
    struct protocol_looked_up told = *looked_up;
    struct buffer payload = {0};
    struct buffer error = {0};
    int r = 0;

    /* What others said may be in it. */
    if (looked_up->error) {
        r = text_append_escaped(&error, looked_up->error, strlen(looked_up->error));
        told.error = r == 0 ? buffer_text(&error) : NULL;
        told.error = told.error ? told.error : "out of memory";
    }
    r = protocol_encode_looked_up(&payload, &told);
    if (r == 0) {
        r = executor_send(calls->executor, FRAME_LOOKED_UP, &payload);
    }
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't tell what was looked up", "error", strerror(-r), NULL);
    }
    buffer_free(&payload);
    buffer_free(&error);
}

static void answer_unsent(struct lookup_calls *calls, uint64_t id, const char *why)
{
    struct problem error;

    problem_set(&error, "not sent: %s", why);
    answer(calls, &(struct protocol_looked_up){.id = id, .error = error.text});
}

/* The body in one piece, or what keeps it from being one. */
static const char *join_body(const struct http_end *end, struct buffer *out)
{
    if (end->cut || end->body.dropped > 0) {
        return "the answer is too long";
    }
    if (buffer_append(out, end->body.head, end->body.head_length) < 0 ||
        buffer_append(out, end->body.tail, end->body.tail_length) < 0) {
        return "out of memory";
    }
    return NULL;
}

static void answer_as_judged(struct lookup_call *call, const struct http_end *end)
{
    const struct verdict_rules rules = {.expect = &call->expect,
                                        .expect_count = 1,
                                        .sends_key = true,
                                        .timeout_ms = call->plan->request.timeout_ms};
    struct verdict verdict;
    struct buffer why = {0};
    struct buffer body = {0};
    int r = verdict_reach(&rules, end, &verdict, &why);
    struct protocol_looked_up looked_up = {
        .id = call->id,
        .http_status = end->status,
        .again_after_ms = verdict.again_after_ms,
        .error = join_body(end, &body),
    };

    if (verdict.ending != ENDING_SUCCEEDED) {
        looked_up.error = r == 0 ? buffer_text(&why) : "out of memory";
    }
    looked_up.body = body.data;
    looked_up.body_length = body.length;
    answer(call->calls, &looked_up);
    buffer_free(&body);
    buffer_free(&why);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void lookup_call_free(struct lookup_call *call)
{
    if (call) {
        call_plan_free(call->plan);
        free(call);
    }
}

static void on_done(void *userdata, const struct http_end *end)
{
    struct lookup_call *call = userdata;
    struct lookup_calls *calls = call->calls;
    struct lookup_call **place = &calls->first;

    answer_as_judged(call, end);
    while (*place != call) {
        place = &(*place)->next;
    }
    *place = call->next;
    calls->count--;
    lookup_call_free(call);
}

static int begin(struct lookup_calls *calls, const struct config *config,
                 const struct config_hook *hook, const struct protocol_lookup *lookup,
                 struct problem *ret_problem)
{
    struct lookup_call *call = calloc(1, sizeof *call);
    int r;

    if (!call) {
        return -ENOMEM;
    }
    *call = (struct lookup_call){.calls = calls, .id = lookup->id, .expect = hook->expect[0]};
    r = call_plan_make(config, hook, lookup->record, lookup->record_length, &call->plan,
                       ret_problem);
    if (r == 0) {
        r = http_call_begin(calls->engine, &call->plan->request, on_done, call, &call->http);
    }
    if (r < 0) {
        lookup_call_free(call);
        return r;
    }
    call->next = calls->first;
    calls->first = call;
    calls->count++;
    return 0;
}

void lookup_call_begin(struct lookup_calls *calls, const struct config *config,
                       const struct protocol_lookup *lookup)
{
    const struct config_hook *hook = config_hook(config, lookup->hook);
    struct problem problem = {"out of memory"};

    if (!hook || hook->purpose != PURPOSE_LOOKUP) {
        answer_unsent(calls, lookup->id, "there is no such look-up here");
    } else if (memcmp(hook->digest, lookup->digest, sizeof hook->digest) != 0) {
        answer_unsent(calls, lookup->id, "the configuration is another here");
    } else if (calls->count >= LOOKUP_CALL_LIMIT) {
        answer_unsent(calls, lookup->id, "too many look-ups at once");
    } else if (begin(calls, config, hook, lookup, &problem) < 0) {
        answer_unsent(calls, lookup->id, problem.text);
    }
}

int lookup_calls_new(struct executor *executor, struct http_engine *engine,
                     struct lookup_calls **ret_calls)
{
    struct lookup_calls *calls = calloc(1, sizeof *calls);

    if (!calls) {
        return -ENOMEM;
    }
    *calls = (struct lookup_calls){.executor = executor, .engine = engine};
    *ret_calls = calls;
    return 0;
}

void lookup_calls_drop(struct lookup_calls *calls)
{
    while (calls && calls->first) {
        struct lookup_call *call = calls->first;

        calls->first = call->next;
        http_call_free(call->http);
        lookup_call_free(call);
    }
    if (calls) {
        calls->count = 0;
    }
}

void lookup_calls_free(struct lookup_calls *calls)
{
    lookup_calls_drop(calls);
    free(calls);
}
