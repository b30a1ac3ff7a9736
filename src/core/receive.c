#include "assent/core/receive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/core/answer.h"
#include "assent/core/decide.h"
#include "assent/core/metrics.h"
#include "assent/domain/event.h"
#include "assent/domain/url_token.h"

#define RETRY_AFTER_FULL        30
#define REFUSED_LOG_INTERVAL_MS 10000
#define PEER_SHOWN              100
#define TOKEN_QUERY             "request="

static const char *find_header(const void *userdata, const char *name)
{
    return protocol_request_header(userdata, name);
}

/* By which service a webhook comes, and for which request its URL was made: 0 for none. */
struct arrival {
    const struct config_service *service;
    char token[URL_TOKEN_LENGTH + 1]; /* "" if there is none */
    int64_t request;
};

/* Takes the text if it is a token and nothing else. */
static void take_token(struct arrival *arrival, const char *text)
{
    if (url_token_formed(text)) {
        memcpy(arrival->token, text, URL_TOKEN_LENGTH);
    }
}

static bool arrives_at(const struct config_service *service, const struct protocol_request *request,
                       struct arrival *ret_arrival)
{
    size_t length = service->path ? strlen(service->path) : 0;

    if (length == 0 || strncmp(request->path, service->path, length) != 0) {
        return false;
    }
    *ret_arrival = (struct arrival){.service = service};
    if (request->path[length] == '\0') {
        if (!service->url_token && strncmp(request->query, TOKEN_QUERY, strlen(TOKEN_QUERY)) == 0) {
            take_token(ret_arrival, request->query + strlen(TOKEN_QUERY));
        }
        return true;
    }
    if (service->url_token && url_token_below(service->path, request->path)) {
        take_token(ret_arrival, request->path + length + 1);
        return true;
    }
    return false;
}

static bool find_arrival(const struct config *config, const struct protocol_request *request,
                         struct arrival *ret_arrival)
{
    for (size_t i = 0; i < config->service_count; i++) {
        if (arrives_at(&config->services[i], request, ret_arrival)) {
            return true;
        }
    }
    return false;
}

/* The request of the token, if it is one of that service. */
static void resolve_token(struct core *core, struct arrival *arrival)
{
    struct store_request request;
    int64_t number;
    int r = arrival->token[0] ? store_ask_find(core->store, arrival->token, &number) : -ENOENT;

    if (r == -ENOENT) {
        return;
    }
    core_must(r, "token");
    core_must(store_request_get(core->store, number, &request), "token");
    if (strcmp(request.service, arrival->service->name) == 0) {
        arrival->request = number;
    }
    store_request_free(&request);
}

static int verify_signature(const struct config_service *service,
                            const struct protocol_request *request)
{
    const struct signature_input input = {
        .scheme = service->scheme,
        .secrets = service->secrets,
        .secret_count = service->secret_count,
        .header = find_header,
        .userdata = request,
        .body = request->body,
        .body_length = request->body_length,
    };

    return signature_verify(&input);
}

/* Both must hold where the service has both. */
static int verify(const struct arrival *arrival, const struct protocol_request *request)
{
    const struct config_service *service = arrival->service;

    if (service->url_token && arrival->request == 0) {
        return -EACCES;
    }
    return service->url_token && service->scheme == SIGNATURE_NONE
               ? 0
               : verify_signature(service, request);
}

/* Who sent it, for the log. The gate says so, and a line shall stay a line whatever it says. */
struct peer_text {
    char text[PEER_SHOWN + 1];
};

static struct peer_text peer_of(const struct protocol_request *request)
{
    struct peer_text peer;

    (void)snprintf(peer.text, sizeof peer.text, "%s", request->peer);
    return peer;
}

/* A flood of forged webhooks is one line every ten seconds, with their number. */
static void log_refused(struct core *core, const struct config_service *service,
                        const struct protocol_request *request)
{
    int64_t now = clock_monotonic_ms();
    char count[32];

    core->refused_webhooks++;
    if (core->refused_logged_at && now - core->refused_logged_at < REFUSED_LOG_INTERVAL_MS) {
        return;
    }
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)core->refused_webhooks);
    log_event(LOG_LEVEL_WARNING, "webhook refused: no signature or a wrong one", "service",
              service->name, "peer", peer_of(request).text, "count", count, NULL);
    core->refused_webhooks = 0;
    core->refused_logged_at = now;
}

static void answer_outcome(const struct asker *asker, enum outcome outcome)
{
    char body[64];

    (void)snprintf(body, sizeof body, "{\"result\":{\"outcome\":\"%s\"}}", outcome_name(outcome));
    answer_text(asker, 200, body);
}

static void log_webhook(const struct config_service *service, const struct event *event,
                        const char *message)
{
    log_event(LOG_LEVEL_INFO, message, "request", event->request_id[0] ? event->request_id : NULL,
              "service", service->name, "event", event->name, "delivery", event->delivery_id, NULL);
}

/* `request` is its number, 0 where it is not known. Returns 0, -EEXIST for a delivery that came
 * before, or does not return. */
static int remember(struct core *core, const struct config_service *service,
                    const struct event *event, int64_t request, enum outcome outcome)
{
    const struct store_delivery delivery = {
        .service = service->name,
        .delivery_id = event->delivery_id,
        .request_id = event->ignored ? "" : event->request_id,
        .request = request,
        .decision = event->ignored ? -1 : (int)event->decision,
        .outcome = outcome,
        .received_at = clock_now_ms(),
    };
    int r = store_delivery_add(core->store, &delivery);

    if (r != -EEXIST) {
        core_must(r, "delivery");
    }
    return r;
}

static void note_event(struct core *core, const struct config_service *service,
                       const struct event *event, const char *kind)
{
    json_t *details = json_pack("{s:s, s:s*, s:s}", "service", service->name, "event", event->name,
                                event->ignored ? "deliveryId" : "requestId",
                                event->ignored ? event->delivery_id : event->request_id);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    const struct store_event row = {.at = clock_now_ms(), .kind = kind, .details = text};

    core_must(store_event_add(core->store, &row), "event");
    free(text);
    json_decref(details);
}

static enum outcome take_ignored(struct core *core, const struct config_service *service,
                                 const struct event *event)
{
    if (remember(core, service, event, 0, OUTCOME_IGNORED) == 0) {
        note_event(core, service, event, "webhook.ignored");
    }
    log_webhook(service, event, "webhook ignored: it is no approval event");
    return OUTCOME_IGNORED;
}

/* Returns 0 and the outcome, or -ENOSPC where no more early events are kept. */
static int take_early(struct core *core, const struct config_service *service,
                      const struct event *event, enum outcome *ret_outcome)
{
    const struct store_early early = {
        .service = service->name,
        .request_id = event->request_id,
        .decision = event->decision,
        .received_at = clock_now_ms(),
        .decided_at = event->decided_at,
        .decided_by = event->decided_by,
        .reason = event->reason,
    };
    int r;

    if (store_early_full(core->store, service->name, RECEIVE_EARLY_LIMIT)) {
        return -ENOSPC;
    }
    r = remember(core, service, event, 0, OUTCOME_EARLY);
    if (r == -EEXIST) {
        *ret_outcome = OUTCOME_DUPLICATE;
        return 0;
    }
    r = store_early_add(core->store, &early, RECEIVE_EARLY_LIMIT);
    if (r == -ENOSPC) {
        return r;
    }
    core_must(r, "early");
    note_event(core, service, event, "webhook.early");
    log_webhook(service, event, "decision for an unknown request: kept until it is registered");
    *ret_outcome = OUTCOME_EARLY;
    return 0;
}

/* Our own clock has ended it, though it has not come to that yet: it has much to do after a time in
 * which nobody was there. Where the service is asked once more before that, its word counts until then. */
static bool is_over(const struct core *core, const struct store_request *request)
{
    return !request_state_final(request->state) && request->deadline > 0 &&
           clock_now_ms() >= request->deadline &&
           !config_hook_of(core->config, PURPOSE_LOOKUP, request->service);
}

static enum outcome take_known(struct core *core, const struct config_service *service,
                               const struct event *event, struct store_request *request)
{
    const struct decision_made made = {
        .decision = event->decision,
        .by = event->decided_by,
        .decided_at = event->decided_at,
        .reason = event->reason,
    };
    static const struct decision_made timeout = {.decision = DECISION_TIMEOUT};
    struct decision_step step;

    if (is_over(core, request)) {
        (void)decide(core, request, &timeout);
    }
    step = decision_apply(request->state, event->decision);
    if (remember(core, service, event, request->number, step.outcome) == -EEXIST) {
        return OUTCOME_DUPLICATE;
    }
    return decide(core, request, &made);
}

/* A decision about a request that retention has removed: it was decided, so nothing can come of
 * it. */
static enum outcome take_buried(struct core *core, const struct config_service *service,
                                const struct event *event, enum request_state state)
{
    struct decision_step step = decision_apply(state, event->decision);

    if (remember(core, service, event, 0, step.outcome) == -EEXIST) {
        return OUTCOME_DUPLICATE;
    }
    log_webhook(service, event,
                "decision for a request that was decided long ago: nothing is done");
    return step.outcome;
}

/* The URL was made for one request, so what comes on it is about that, whatever the service calls it:
 * it may have been asked twice, and its first answer been lost. What came before about that name, on
 * the plain path, is about it too. */
static enum outcome take_by_token(struct core *core, const struct arrival *arrival,
                                  const struct event *event)
{
    struct store_request request;
    enum outcome outcome;

    core_must(store_request_get(core->store, arrival->request, &request), "request");
    core_must(store_alias_add(core->store, request.service, event->request_id, request.number),
              "alias");
    decide_early(core, &request, event->request_id);
    outcome = take_known(core, arrival->service, event, &request);
    store_request_free(&request);
    return outcome;
}

/* 0, -ENOSPC as take_early, or -EACCES for a decision that is not about the request of its URL. */
static int take_decision(struct core *core, const struct arrival *arrival,
                         const struct event *event, enum outcome *ret_outcome)
{
    const struct config_service *service = arrival->service;
    struct store_request request;
    enum request_state buried;
    int r = store_request_find(core->store, service->name, event->request_id, &request);

    if (r == 0) {
        bool strange = service->url_token && request.number != arrival->request;

        if (!strange) {
            *ret_outcome = take_known(core, service, event, &request);
        }
        store_request_free(&request);
        return strange ? -EACCES : 0;
    }
    if (r != -ENOENT) {
        core_abandon("request");
    }
    r = store_tombstone_find(core->store, service->name, event->request_id, &buried);
    if (r == 0) {
        *ret_outcome = take_buried(core, service, event, buried);
        return 0;
    }
    if (r != -ENOENT) {
        core_abandon("tombstone");
    }
    if (arrival->request != 0) {
        *ret_outcome = take_by_token(core, arrival, event);
        return 0;
    }
    return take_early(core, service, event, ret_outcome);
}

void receive_event(struct core *core, const struct config_service *service,
                   const struct event *event, int64_t request)
{
    const struct arrival arrival = {.service = service, .request = request};
    enum outcome outcome = OUTCOME_IGNORED;

    (void)take_decision(core, &arrival, event, &outcome);
}

static void answer_unauthorized(const struct asker *asker)
{
    answer_error(asker, 401, "unauthorized", NULL, "the signature is missing or wrong");
}

static void take_event(struct core *core, const struct asker *asker, const struct arrival *arrival,
                       const struct event *event)
{
    const struct config_service *service = arrival->service;
    enum outcome outcome = OUTCOME_IGNORED;
    int r = 0;

    if (!core_has_room(core)) {
        metrics_webhook(core->metrics, service->name, WEBHOOK_PUT_OFF);
        answer_unavailable(asker, RETRY_AFTER_FULL, "the store has no room at the moment");
        return;
    }
    if (event->ignored) {
        outcome = take_ignored(core, service, event);
    } else {
        r = take_decision(core, arrival, event, &outcome);
    }
    if (r == -EACCES) {
        metrics_webhook(core->metrics, service->name, WEBHOOK_REFUSED);
        log_webhook(service, event, "webhook refused: its URL was made for another request");
        answer_unauthorized(asker);
        return;
    }
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "webhook put off: too many decisions for unknown requests",
                  "service", service->name, NULL);
        metrics_webhook(core->metrics, service->name, WEBHOOK_PUT_OFF);
        answer_unavailable(asker, RETRY_AFTER_FULL,
                           "too many decisions about requests that are not registered");
        return;
    }
    metrics_webhook(core->metrics, service->name, (int)outcome);
    if (outcome == OUTCOME_DUPLICATE) {
        log_webhook(service, event, "webhook came again: nothing is done");
    }
    answer_outcome(asker, outcome);
}

static void take_webhook(struct core *core, const struct asker *asker, struct arrival *arrival,
                         const struct protocol_request *request)
{
    const struct config_service *service = arrival->service;
    struct problem problem;
    struct event event;
    int r;

    resolve_token(core, arrival);
    r = verify(arrival, request);

    if (r < 0) {
        metrics_webhook(core->metrics, service->name, WEBHOOK_REFUSED);
        log_refused(core, service, request);
        answer_unauthorized(asker);
        return;
    }
    r = event_parse(request->body, request->body_length, &service->pointers, &event, &problem);
    if (r < 0) {
        metrics_webhook(core->metrics, service->name, WEBHOOK_INVALID);
        log_event(LOG_LEVEL_WARNING, "webhook refused: its body is not understood", "service",
                  service->name, "peer", peer_of(request).text, "error",
                  r == -EBADMSG ? problem.text : strerror(-r), NULL);
        answer_error(asker, 400, "invalid_request", NULL, "%s",
                     r == -EBADMSG ? problem.text : "the body could not be read");
        return;
    }
    take_event(core, asker, arrival, &event);
    event_free(&event);
}

static void answer_health(struct core *core, const struct asker *asker)
{
    if (store_has_room(core->store)) {
        answer_text(asker, 200, "{\"result\":{\"status\":\"ok\"}}");
    } else {
        answer_unavailable(asker, RETRY_AFTER_FULL, "the store can't be written");
    }
}

void receive_request(struct link *link, const struct protocol_request *request)
{
    const struct asker asker = {.link = link, .id = request->id};
    struct arrival arrival;
    bool known = find_arrival(link->core->config, request, &arrival);
    bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

    if (strcmp(request->path, "/healthz") == 0 && reads) {
        answer_health(link->core, &asker);
    } else if (!known) {
        answer_error(&asker, 404, "not_found", NULL, "there is nothing at this path");
    } else if (strcmp(request->method, "POST") != 0) {
        answer_wrong_method(&asker, "POST");
    } else {
        take_webhook(link->core, &asker, &arrival, request);
    }
}
