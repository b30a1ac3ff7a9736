#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/base/text.h"
#include "assent/core/api.h"
#include "assent/core/decide.h"
#include "assent/core/lookups.h"
#include "assent/core/record.h"
#include "assent/core/registration.h"
#include "assent/core/service_words.h"
#include "assent/core/submission.h"
#include "assent/core/waiters.h"

static const char wait_step[] = "Wait for the decision: GET /v1/approvals/ID?wait=55";

/* By the URL at which its decision comes somebody could decide, so agents do not see it. */
static void add_callback(const struct api_call *call, const struct store_request *request,
                         json_t *record)
{
    const struct config_service *service = config_service(call->core->config, request->service);
    struct store_ask ask;
    char *url;

    if (call->access.agent || request->kind != KIND_ASKED) {
        return;
    }
    core_must(store_ask_get(call->core->store, request->number, &ask), "request");
    url = submission_callback(service, ask.token);
    (void)json_object_set_new(record, "callbackUrl", url ? json_string(url) : json_null());
    free(url);
    store_ask_free(&ask);
}

static void answer_request(const struct api_call *call, unsigned status,
                           const struct store_request *request)
{
    json_t *record = record_request(call->core, request);

    add_callback(call, request, record);
    service_words_add(record, call->asker.link->role, request);
    answer_result(&call->asker, status, record,
                  request_state_final(request->state) ? NULL : wait_step);
}

static void note_registered(struct core *core, const struct store_request *request)
{
    json_t *details = json_pack("{s:s*}", "by", request->owner);
    char *text = json_text(details);
    const struct store_event event = {
        .at = request->created_at,
        .kind = "request.registered",
        .request = request->number,
        .details = text,
    };
    char span[TEXT_SPAN_SIZE];

    core_must(store_event_add(core->store, &event), "event");
    free(text);
    json_decref(details);
    text_from_span(request->expires_at - request->created_at, span);
    log_event(LOG_LEVEL_INFO, "registered", "request", request->id, "service", request->service,
              "action", request->action, "urgency", record_urgency(request->urgency), "by",
              request->owner, "expires_in", span, NULL);
}

static void add_request(const struct api_call *call, struct registration *registration)
{
    struct store_request *request = &registration->request;

    core_must(
        store_request_add(call->core->store, request, registration->context, &request->number),
        "request");
    note_registered(call->core, request);
    lookups_begin(call->core, request);
    decide_early(call->core, request, request->id);
    answer_request(call, 201, request);
}

/* To an agent the same whether it was there just now or long ago, so that it learns nothing of what
 * became of it. */
static void answer_taken(const struct api_call *call, const char *id)
{
    answer_error(&call->asker, 409, "conflict", "Register the id of a request of your own.",
                 "request %s is another's, or was", id);
}

/* The same words again are the same request; other words under its name are refused. */
static void answer_known(const struct api_call *call, const struct registration *registration,
                         const struct store_request *known)
{
    if (!access_may_see(&call->access, known)) {
        answer_taken(call, known->id);
        return;
    }
    if (memcmp(known->body_digest, registration->request.body_digest, sizeof known->body_digest) ==
        0) {
        answer_request(call, 200, known);
        return;
    }
    answer_error(&call->asker, 409, "conflict", "Use another id, or send the same body.",
                 "request %s is registered already, with another body", known->id);
}

/* Returns true if an answer was given. */
static bool answer_if_known(const struct api_call *call, const struct registration *registration)
{
    const struct store_request *wanted = &registration->request;
    struct store *store = call->core->store;
    struct store_request known;
    enum request_state buried;
    int r = store_request_find(store, wanted->service, wanted->id, &known);

    if (r == -ENOENT && wanted->client_id) {
        r = store_request_find_by_client_id(store, wanted->owner, wanted->client_id, &known);
    }
    if (r == 0) {
        answer_known(call, registration, &known);
        store_request_free(&known);
        return true;
    }
    if (r == -ENOENT) {
        r = store_tombstone_find(store, wanted->service, wanted->id, &buried);
    }
    if (r == 0 && call->access.agent) {
        answer_taken(call, wanted->id);
        return true;
    }
    if (r == 0) {
        answer_error(&call->asker, 409, "conflict", NULL, "request %s was %s long ago", wanted->id,
                     request_state_name(buried));
        return true;
    }
    if (r != -ENOENT) {
        core_abandon("request");
    }
    return false;
}

/* An agent could have a harmless thing approved and register another under its id: what may come so
 * is for the configuration to say. Answers and returns false if it may not. */
static bool may_register(const struct api_call *call, const struct store_request *request)
{
    const struct config *config = call->core->config;
    unsigned ways = config_ways(config, request->action, config_service(config, request->service));

    if (!call->access.agent || (ways & WAY_REGISTER) != 0) {
        return true;
    }
    answer_error(&call->asker, 403, "forbidden",
                 "Ask an operator to register it, or for accept = register on that action.",
                 "action %s takes no requests that agents register themselves", request->action);
    return false;
}

void api_register(const struct api_call *call)
{
    struct problem problem;
    struct registration registration;
    int r = registration_parse(call->core->config, call->request->body, call->request->body_length,
                               call->access.who, clock_now_ms(), &registration, &problem);

    if (r < 0) {
        answer_error(&call->asker, r == -EMSGSIZE ? 413 : 400,
                     r == -EMSGSIZE ? "body_too_large" : "invalid_request", NULL, "%s",
                     problem.text);
        return;
    }
    if (may_register(call, &registration.request) && !answer_if_known(call, &registration)) {
        if (core_has_room(call->core)) {
            add_request(call, &registration);
        } else {
            answer_unavailable(&call->asker, 30, "the store has no room at the moment");
        }
    }
    registration_free(&registration);
}

struct listing {
    json_t *rows;
    enum role reader;
    int64_t last;
};

static int add_row(void *userdata, const struct store_request *request)
{
    struct listing *listing = userdata;

    json_t *row = record_request_row(request);

    service_words_add(row, listing->reader, request);
    listing->last = request->number;
    return json_array_append_new(listing->rows, row);
}

void api_list_requests(const struct api_call *call)
{
    struct store_request_filter filter = {.state = REQUEST_STATE_COUNT,
                                          .owner = access_owner(&call->access)};
    struct listing listing = {.rows = json_array(), .reader = call->asker.link->role};
    char *state = api_query(call, "state");
    char *action = api_query(call, "action");
    struct api_page page;
    json_t *cursor;

    filter.action = action;
    if (state) {
        filter.state = request_state_from_name(state);
    }
    if (state && filter.state == REQUEST_STATE_COUNT) {
        answer_error(
            &call->asker, 400, "invalid_request", NULL,
            "state: expected held, submitting, delivered, pending, approved, denied, expired, "
            "canceled or failed");
        json_decref(listing.rows);
    } else if (!api_page(call, &page)) {
        json_decref(listing.rows);
    } else {
        filter.before = page.cursor;
        core_must(store_request_list(call->core->store, &filter, page.limit, add_row, &listing),
                  "list");
        cursor = json_array_size(listing.rows) == (size_t)page.limit
                     ? json_sprintf("%lld", (long long)listing.last)
                     : json_null();
        answer_result(&call->asker, 200,
                      json_pack("{s:o, s:o}", "requests", listing.rows, "cursor", cursor), NULL);
    }
    free(state);
    free(action);
}

/* Returns false and answers if ?wait= is malformed. */
static bool wanted_wait(const struct api_call *call, int64_t *ret_seconds)
{
    char *wait = api_query(call, "wait");
    bool valid =
        !wait || (text_to_number(wait, ret_seconds) == 0 && *ret_seconds <= WAIT_LONGEST_SECONDS);

    free(wait);
    if (!valid) {
        answer_error(&call->asker, 400, "invalid_request", NULL,
                     "wait: expected a number of seconds from 0 to %d", WAIT_LONGEST_SECONDS);
    }
    return valid;
}

void api_show_request(const struct api_call *call)
{
    struct store_request request;
    int64_t seconds = 0;

    if (!wanted_wait(call, &seconds) || !api_find_request(call, &request)) {
        return;
    }
    if (seconds > 0 && !request_state_final(request.state) && !call->core->quiescing) {
        waiters_add(call->core, &call->asker, request.number, seconds);
    } else {
        answer_request(call, 200, &request);
    }
    store_request_free(&request);
}

void api_cancel_request(const struct api_call *call)
{
    const struct decision_made made = {
        .decision = DECISION_CANCEL,
        .by = call->access.who,
    };
    struct store_request request;

    if (!api_find_request(call, &request)) {
        return;
    }
    if (request.state == REQUEST_CANCELED) {
        answer_request(call, 200, &request);
    } else if (request_state_final(request.state)) {
        answer_error(&call->asker, 409, "conflict", NULL, "request %s is %s already", request.id,
                     request_state_name(request.state));
    } else {
        (void)decide(call->core, &request, &made);
        answer_request(call, 200, &request);
    }
    store_request_free(&request);
}
