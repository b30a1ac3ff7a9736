#include "assent/core/decide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/core/relay.h"
#include "assent/core/steps.h"
#include "assent/core/submission.h"
#include "assent/core/waiters.h"
#include "assent/core/work.h"

static const struct config_texts *hooks_for(const struct core *core,
                                            const struct store_request *request,
                                            enum request_state state)
{
    const struct config_action *action = config_action(core->config, request->action);
    static const struct config_texts none = {0};

    switch (action && request->kind != KIND_NOTICE ? state : REQUEST_STATE_COUNT) {
    case REQUEST_APPROVED:
        return &action->on_granted;
    case REQUEST_DENIED:
        return &action->on_denied;
    case REQUEST_EXPIRED:
        return &action->on_expired;
    default:
        return &none;
    }
}

static void replace_text(char **text, const char *with)
{
    char *copy = with ? strdup(with) : NULL;

    if (with && !copy) {
        core_abandon("decide");
    }
    free(*text);
    *text = copy;
}

static void append_member(struct buffer *object, const char *name, const char *value)
{
    if (value) {
        core_must(buffer_append_text(object, object->length == 0 ? "{\"" : ",\""), "event");
        core_must(buffer_append_text(object, name), "event");
        core_must(buffer_append_text(object, "\":"), "event");
        core_must(json_append_string(object, value), "event");
    }
}

static void store_event_of(struct core *core, const struct store_request *request, const char *kind,
                           const struct decision_made *made)
{
    struct buffer details = {0};
    struct store_event event = {
        .at = clock_now_ms(),
        .kind = kind,
        .request = request->number,
    };

    append_member(&details, "decision", decision_name(made->decision));
    append_member(&details, "decidedBy", made->by);
    append_member(&details, "reason", made->reason);
    core_must(buffer_append_text(&details, "}"), "event");
    event.details = buffer_text(&details);
    core_must(event.details ? 0 : -ENOMEM, "event");
    core_must(store_event_add(core->store, &event), "event");
    buffer_free(&details);
}

/* `approved after 4m12s by ops@example.com`, and what follows from it. */
static void log_final(const struct store_request *request, const struct decision_made *made,
                      const struct config_texts *hooks)
{
    char span[TEXT_SPAN_SIZE];
    char count[32];
    struct buffer message = {0};

    text_from_span(request->final_at - request->created_at, span);
    (void)buffer_append_text(&message, request_state_name(request->state));
    (void)buffer_append_text(&message, " after ");
    (void)buffer_append_text(&message, span);
    if (made->decision == DECISION_TIMEOUT) {
        (void)buffer_append_text(&message, " without a decision");
    } else if (made->by) {
        (void)buffer_append_text(&message, " by ");
        (void)buffer_append_text(&message, made->by);
    }
    (void)snprintf(count, sizeof count, "%zu", hooks->count);
    log_event(LOG_LEVEL_INFO, buffer_text(&message), "request", request->id, "service",
              request->service, "action", request->action, "reason", made->reason, "hooks", count,
              NULL);
    buffer_free(&message);
}

static void log_without_effect(const struct store_request *request,
                               const struct decision_made *made, enum outcome outcome)
{
    log_event(outcome == OUTCOME_CONFLICT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              outcome == OUTCOME_CONFLICT
                  ? "a decision that contradicts an earlier one: the first one stands"
                  : "a decision came too late: nothing is done",
              "request", request->id, "service", request->service, "action", request->action,
              "state", request_state_name(request->state), "decision",
              decision_name(made->decision), "by", made->by, NULL);
}

static void reach_final(struct core *core, struct store_request *request, enum request_state state,
                        const struct decision_made *made)
{
    const struct config_texts *hooks = hooks_for(core, request, state);
    char kind[64];

    request->state = state;
    request->final_at = clock_now_ms();
    request->decided_at = made->decided_at ? made->decided_at : request->final_at;
    replace_text(&request->decided_by, made->by);
    replace_text(&request->denial_reason, made->reason);
    core_must(store_request_decide(core->store, request), "decide");
    (void)snprintf(kind, sizeof kind, "request.%s", request_state_name(state));
    store_event_of(core, request, kind, made);
    log_final(request, made, hooks);
    for (size_t i = 0; i < hooks->count; i++) {
        work_add(core, request, hooks->items[i], made->decision);
    }
    if (request->kind != KIND_REGISTERED) {
        submission_stop(core, request);
        relay_add(core, request);
        submission_tell(core, request);
    }
    steps_note(core, request->number);
    waiters_tell(core, request);
}

enum outcome decide(struct core *core, struct store_request *request,
                    const struct decision_made *made)
{
    struct decision_step step = decision_apply(request->state, made->decision);
    char kind[64];

    if (step.outcome == OUTCOME_MATCHED) {
        reach_final(core, request, step.state, made);
    } else {
        (void)snprintf(kind, sizeof kind, "decision.%s", outcome_name(step.outcome));
        store_event_of(core, request, kind, made);
        log_without_effect(request, made, step.outcome);
    }
    return step.outcome;
}

struct early_application {
    struct core *core;
    struct store_request *request;
};

/* Had the request been there, our own clock would have ended it before that came. */
static bool came_too_late(const struct store_request *request, const struct store_early *early)
{
    return !request_state_final(request->state) && request->deadline > 0 &&
           early->received_at >= request->deadline;
}

static int apply_early(void *userdata, const struct store_early *early)
{
    static const struct decision_made timeout = {.decision = DECISION_TIMEOUT};
    struct early_application *application = userdata;
    const struct decision_made made = {
        .decision = early->decision,
        .by = early->decided_by,
        .decided_at = early->decided_at,
        .reason = early->reason,
    };

    if (came_too_late(application->request, early)) {
        (void)decide(application->core, application->request, &timeout);
    }
    (void)decide(application->core, application->request, &made);
    return 0;
}

void decide_early(struct core *core, struct store_request *request, const char *id)
{
    struct early_application application = {.core = core, .request = request};

    core_must(store_early_take(core->store, request->service, id, apply_early, &application),
              "early");
}
