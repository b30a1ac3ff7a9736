#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/core/api.h"
#include "assent/core/record.h"
#include "assent/core/registration.h"
#include "assent/core/steps.h"
#include "assent/core/submission.h"
#include "assent/domain/url_token.h"

#define ID_PREFIX      "assent-"
#define ID_RANDOM_SIZE 12

static void draw(void *ret_bytes, size_t length)
{
    core_must(digest_random(ret_bytes, length), "random");
}

/* Our own name for it until the service gives it one. */
static char *draw_id(void)
{
    unsigned char random[ID_RANDOM_SIZE];
    char digits[2 * ID_RANDOM_SIZE + 1];
    struct buffer id = {0};
    char *text;

    draw(random, sizeof random);
    text_to_hex(random, sizeof random, digits);
    core_must(buffer_append_format(&id, ID_PREFIX "%s", digits), "id");
    text = buffer_take_text(&id);
    core_must(text ? 0 : -ENOMEM, "id");
    return text;
}

static void draw_token(char ret_token[URL_TOKEN_LENGTH + 1])
{
    static const char alphabet[] = URL_TOKEN_CHARACTERS;
    unsigned char random[URL_TOKEN_LENGTH];

    draw(random, sizeof random);
    for (size_t i = 0; i < URL_TOKEN_LENGTH; i++) {
        ret_token[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    }
    ret_token[URL_TOKEN_LENGTH] = '\0';
}

/* --- what is refused -------------------------------------------------------------------------- */

/* Answers and returns false if the body can't be taken. */
static bool parse_ask(const struct api_call *call, struct registration *ret_registration)
{
    struct problem problem;
    int r =
        registration_parse_ask(call->core->config, call->request->body, call->request->body_length,
                               call->access.who, clock_now_ms(), ret_registration, &problem);

    if (r < 0) {
        answer_error(&call->asker, r == -EMSGSIZE ? 413 : 400,
                     r == -EMSGSIZE ? "body_too_large" : "invalid_request", NULL, "%s",
                     problem.text);
    }
    return r == 0;
}

static bool may_ask(const struct api_call *call, const struct store_request *request)
{
    const struct config *config = call->core->config;
    unsigned ways = config_ways(config, request->action, config_service(config, request->service));

    if (!call->access.agent || request->kind == KIND_NOTICE || (ways & WAY_ASK) != 0) {
        return true;
    }
    answer_error(&call->asker, 403, "forbidden",
                 "Ask the service itself and register the request, or see to accept = ask.",
                 "action %s takes no requests that agents ask for here", request->action);
    return false;
}

/* The same client id again is the same request, with the same words. */
static bool answer_if_asked(const struct api_call *call, const struct store_request *wanted)
{
    struct store_request known;
    int r = wanted->client_id ? store_request_find_by_client_id(call->core->store, wanted->owner,
                                                                wanted->client_id, &known)
                              : -ENOENT;

    if (r == -ENOENT) {
        return false;
    }
    core_must(r, "request");
    if (known.kind == KIND_REGISTERED ||
        memcmp(known.body_digest, wanted->body_digest, sizeof known.body_digest) != 0) {
        answer_error(&call->asker, 409, "conflict", "Use another clientId, or send the same body.",
                     "clientId %s is that of request %s, which had another body", wanted->client_id,
                     known.id);
    } else if (known.state == REQUEST_SUBMITTING) {
        submission_await(call->core, &call->asker, known.number);
    } else {
        submission_answer(call->core, &call->asker, &known);
    }
    store_request_free(&known);
    return true;
}

static bool refused_by_policy(const struct api_call *call, const struct registration *registration)
{
    const struct store_request *request = &registration->request;
    struct policy_verdict verdict;

    if (request->kind == KIND_NOTICE) {
        return false;
    }
    submission_judge(call->core, request, registration->context, &verdict);
    if (verdict.decision != POLICY_REFUSE) {
        return false;
    }
    log_event(LOG_LEVEL_WARNING, "refused by policy", "service", request->service, "action",
              request->action, "by", request->owner, "reason", verdict.reason.text, NULL);
    answer_error(&call->asker, 403, "refused_by_policy", "Ask for something else.",
                 "action %s is refused: %s: refuse_if = %s", request->action, verdict.reason.text,
                 verdict.rule ? verdict.rule : "");
    return true;
}

/* --- steps ------------------------------------------------------------------------------------ */

struct predecessors {
    int64_t numbers[REGISTRATION_AFTER_LIMIT];
    size_t count;
};

/* Answers and returns false if one of them is not there. */
static bool find_predecessors(const struct api_call *call, const struct registration *registration,
                              struct predecessors *ret_found)
{
    ret_found->count = 0;
    for (size_t i = 0; i < registration->after_count; i++) {
        int64_t number = 0;
        int count = 0;

        core_must(store_request_count_id(call->core->store, registration->after[i],
                                         access_owner(&call->access), &count, &number),
                  "steps");
        if (count != 1) {
            answer_error(&call->asker, count == 0 ? 400 : 409,
                         count == 0 ? "invalid_request" : "ambiguous", NULL,
                         count == 0 ? "after: there is no request %s"
                                    : "after: several services have a request %s",
                         registration->after[i]);
            return false;
        }
        ret_found->numbers[ret_found->count++] = number;
    }
    return true;
}

/* --- what is taken ---------------------------------------------------------------------------- */

static void note_asked(struct core *core, const struct store_request *request, size_t after)
{
    json_t *details = json_pack("{s:s*, s:I}", "by", request->owner, "after", (json_int_t)after);
    char *text = details ? json_text(details) : NULL;
    const struct store_event event = {
        .at = request->created_at,
        .kind = request->kind == KIND_NOTICE ? "notice.asked" : "request.asked",
        .request = request->number,
        .details = text,
    };

    core_must(text ? store_event_add(core->store, &event) : -ENOMEM, "event");
    free(text);
    json_decref(details);
    log_event(LOG_LEVEL_INFO, request->kind == KIND_NOTICE ? "notice taken" : "asked", "request",
              request->id, "service", request->service, "action", request->action, "urgency",
              record_urgency(request->urgency), "by", request->owner, "state",
              request_state_name(request->state), NULL);
}

static void store_asked(const struct api_call *call, struct registration *registration,
                        const struct predecessors *predecessors)
{
    struct store *store = call->core->store;
    struct store_request *request = &registration->request;
    char token[URL_TOKEN_LENGTH + 1];
    struct store_ask ask = {
        .token = token,
        .expires_in_ms = registration->expires_in_ms,
        .extra = registration->extra,
        .callback = registration->callback,
    };

    request->id = draw_id();
    /* Nobody decides a notice, and what is held has its time when it is submitted. */
    if (predecessors->count > 0) {
        request->state = REQUEST_HELD;
    }
    if (predecessors->count > 0 || request->kind == KIND_NOTICE) {
        request->deadline = 0;
    }
    core_must(store_request_add(store, request, registration->context, &request->number),
              "request");
    draw_token(token);
    ask.request = request->number;
    core_must(store_ask_add(store, &ask), "request");
    digest_wipe(token, sizeof token);
    for (size_t i = 0; i < predecessors->count; i++) {
        core_must(store_step_add(store, request->number, predecessors->numbers[i]), "steps");
    }
    note_asked(call->core, request, predecessors->count);
}

static void take_asked(const struct api_call *call, struct registration *registration,
                       const struct predecessors *predecessors)
{
    struct store_request *request = &registration->request;

    store_asked(call, registration, predecessors);
    if (request->state == REQUEST_HELD) {
        steps_review(call->core, request);
    } else {
        submission_release(call->core, request);
    }
    if (request->state == REQUEST_SUBMITTING) {
        submission_await(call->core, &call->asker, request->number);
    } else {
        submission_answer(call->core, &call->asker, request);
    }
}

void api_ask(const struct api_call *call)
{
    struct registration registration;
    struct predecessors predecessors;

    if (!parse_ask(call, &registration)) {
        return;
    }
    if (may_ask(call, &registration.request) && !answer_if_asked(call, &registration.request) &&
        !refused_by_policy(call, &registration) &&
        find_predecessors(call, &registration, &predecessors)) {
        if (core_has_room(call->core)) {
            take_asked(call, &registration, &predecessors);
        } else {
            answer_unavailable(&call->asker, 30, "the store has no room at the moment");
        }
    }
    registration_free(&registration);
}

/* --- explain ---------------------------------------------------------------------------------- */

static json_t *explanation(const struct store_request *request,
                           const struct policy_verdict *verdict)
{
    static const char *const verdicts[] = {
        [POLICY_REFUSE] = "refused",
        [POLICY_APPROVE] = "approved by policy",
        [POLICY_REQUIRE_APPROVAL] = "approval required",
    };

    return json_pack("{s:s, s:s, s:s, s:s, s:s?}", "verdict", verdicts[verdict->decision], "action",
                     request->action, "service", request->service, "reason", verdict->reason.text,
                     "rule", verdict->rule);
}

void api_explain(const struct api_call *call)
{
    struct registration registration;
    struct policy_verdict verdict;

    if (!parse_ask(call, &registration)) {
        return;
    }
    if (registration.request.kind == KIND_NOTICE) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "issue: a notice is passed on whatever it says; expected an approval request");
    } else if (may_ask(call, &registration.request)) {
        submission_judge(call->core, &registration.request, registration.context, &verdict);
        answer_result(&call->asker, 200, explanation(&registration.request, &verdict), NULL);
    }
    registration_free(&registration);
}
