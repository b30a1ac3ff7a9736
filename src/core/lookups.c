#include "assent/core/lookups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/log.h"
#include "assent/core/decide.h"
#include "assent/core/executors.h"
#include "assent/core/receive.h"
#include "assent/core/task.h"
#include "assent/domain/approval_status.h"

/* Look-ups under way at once because their time has come, and because that of their requests is over. */
#define POLLS_AT_ONCE 8
#define LAST_AT_ONCE  64
/* Rows that one round takes off the plan, since their requests are decided. */
#define ROUND_LIMIT 500
/* How long an answer is waited for before a request expires without it: the caller gives up sooner. If
 * nothing came, not even that, it had ended or core had, and there is another look, but not for ever. */
#define LAST_LOOK_MS 12000
#define LAST_LOOKS   2
/* How long the caller is waited for: it starts when we do, and soon again when it has ended. */
#define CALLER_PATIENCE_MS 12000
/* For so long a request waits for room to be asked about, and a little longer for each that waits already:
 * however many they are, we are not kept busy by looking whether there is room. */
#define ROOM_WAIT_MS        1000
#define WAITING_FOR_EACH_MS 2
/* Between two look-ups of one request that fail, at most. */
#define LONGEST_PAUSE_MS (INT64_C(3600) * 1000)
#define DOUBLINGS        10

struct lookup {
    struct lookup *next;
    uint64_t id;
    int64_t request;
    char *service; /* NULL unless it is the last */
};

static struct link *caller_of(struct core *core)
{
    return &core->links[ROLE_CALLER];
}

/* Somewhere between half of the span and one and a half. */
static int64_t spread(int64_t span)
{
    uint64_t chance = 0;

    core_must(digest_random(&chance, sizeof chance), "chance");
    return span / 2 + (int64_t)(chance % (uint64_t)(span + 1));
}

void lookups_begin(struct core *core, const struct store_request *request)
{
    const struct config_service *service = config_service(core->config, request->service);
    struct store_poll poll = {.request = request->number};

    if (service && service->poll_interval_ms > 0) {
        poll.next_at = clock_now_ms() + spread(service->poll_interval_ms);
        core_must(store_poll_set(core->store, &poll), "poll");
    }
}

static int64_t interval_in(const struct config *config, const char *service)
{
    const struct config_service *found = config ? config_service(config, service) : NULL;

    return found ? found->poll_interval_ms : 0;
}

void lookups_plan(struct core *core, const struct config *former)
{
    for (size_t i = 0; i < core->config->service_count; i++) {
        const struct config_service *service = &core->config->services[i];
        int64_t interval = service->poll_interval_ms;
        int64_t was = interval_in(former, service->name);

        if (interval > 0 && (was == 0 || interval < was)) {
            core_must(store_poll_plan(core->store, service->name, clock_now_ms() + interval / 2,
                                      interval),
                      "poll");
        }
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static void send_lookup(struct core *core, const struct config_hook *hook,
                        const struct store_request *request, uint64_t id)
{
    json_t *record = json_pack("{s:s, s:s, s:s}", "request_id", request->id, "action",
                               request->action, "status", request_state_name(request->state));
    char *text = record ? json_text(record) : NULL;
    struct protocol_lookup lookup = {.id = id, .hook = hook->name, .record = text};
    struct buffer frame = {0};

    core_must(text ? 0 : -ENOMEM, "look-up");
    lookup.record_length = strlen(text);
    memcpy(lookup.digest, hook->digest, sizeof lookup.digest);
    core_must(protocol_encode_lookup(&frame, &lookup), "look-up");
    if (stream_send(caller_of(core)->stream, FRAME_LOOKUP, frame.data, frame.length) == -ENOMEM) {
        core_abandon("look-up");
    }
    buffer_free(&frame);
    free(text);
    json_decref(record);
}

static void begin(struct core *core, const struct config_hook *hook,
                  const struct store_request *request, bool last)
{
    struct lookup *lookup = malloc(sizeof *lookup);

    core_must(lookup ? 0 : -ENOMEM, "look-up");
    *lookup = (struct lookup){
        .next = core->lookups,
        .id = ++core->last_lookup,
        .request = request->number,
        .service = last ? task_copy_text(request->service) : NULL,
    };
    core->lookups = lookup;
    core->lookup_count++;
    send_lookup(core, hook, request, lookup->id);
}

static const struct config_hook *hook_for(struct core *core, const struct store_request *request)
{
    return config_hook_of(core->config, PURPOSE_LOOKUP, request->service);
}

/* One request that is due. */
static void look_at(struct core *core, struct store_poll *poll)
{
    const struct config_service *service;
    const struct config_hook *hook;
    struct store_request request;
    int r = store_request_get(core->store, poll->request, &request);

    if (r == 0 && request.state == REQUEST_PENDING && poll->last > 0) {
        poll->next_at = clock_now_ms() + LAST_LOOK_MS;
        core_must(store_poll_set(core->store, poll), "poll");
        store_request_free(&request);
        return;
    }
    if (r != 0 || request.state != REQUEST_PENDING) {
        core_must(store_poll_remove(core->store, poll->request), "poll");
        if (r == 0) {
            store_request_free(&request);
        }
        return;
    }
    service = config_service(core->config, request.service);
    hook = hook_for(core, &request);
    if (!hook || service->poll_interval_ms == 0) {
        core_must(store_poll_remove(core->store, poll->request), "poll");
    } else {
        poll->next_at = clock_now_ms() + spread(service->poll_interval_ms);
        core_must(store_poll_set(core->store, poll), "poll");
        begin(core, hook, &request, false);
    }
    store_request_free(&request);
}

static bool may_poll(const struct core *core)
{
    return core_executor_ready(&core->links[ROLE_CALLER]) && core->lookup_count < POLLS_AT_ONCE &&
           !core->quiescing;
}

void lookups_go_on(struct core *core)
{
    struct store_poll poll;

    for (int i = 0; i < ROUND_LIMIT && may_poll(core); i++) {
        int r = store_poll_next(core->store, &poll);

        if (r == -ENOENT) {
            return;
        }
        core_must(r, "poll");
        if (poll.next_at > clock_now_ms()) {
            return;
        }
        look_at(core, &poll);
    }
}

int lookups_next(struct core *core, int64_t *ret_time)
{
    struct store_poll poll;
    int r = may_poll(core) ? store_poll_next(core->store, &poll) : -ENOENT;

    if (r == 0) {
        *ret_time = poll.next_at;
    }
    return r;
}

/* --- the last look ---------------------------------------------------------------------------- */

void lookups_await_caller(struct core *core)
{
    int64_t now = clock_monotonic_ms();

    /* One that ends again and again is not waited for without end. */
    if (now >= core->caller_awaited_until) {
        core->caller_awaited_until = now + CALLER_PATIENCE_MS;
    }
}

/* One that has another configuration would refuse to ask. */
static bool can_ask(struct core *core, const struct config_hook *hook)
{
    return core_executor_ready(caller_of(core)) && executors_have(caller_of(core), hook);
}

static size_t last_under_way(const struct core *core, const char *service)
{
    size_t count = 0;

    for (const struct lookup *lookup = core->lookups; lookup; lookup = lookup->next) {
        count += lookup->service && strcmp(lookup->service, service) == 0;
    }
    return count;
}

/* A service that does not answer leaves room for the others. */
static bool has_room(struct core *core, const char *service)
{
    size_t services = 0;

    for (size_t i = 0; i < core->config->service_count; i++) {
        const char *name = core->config->services[i].name;

        services += config_hook_of(core->config, PURPOSE_LOOKUP, name) != NULL;
    }
    return core->lookup_count < LAST_AT_ONCE &&
           last_under_way(core, service) < (LAST_AT_ONCE + services - 1) / services;
}

/* Out of the way of those that need not wait. */
static void put_off(struct core *core, struct store_request *request)
{
    int64_t pause = ROOM_WAIT_MS + (int64_t)core->last_looks_waiting++ * WAITING_FOR_EACH_MS;

    request->deadline = clock_now_ms() + spread(pause);
    core_must(store_request_advance(core->store, request), "look-up");
}

static void begin_last(struct core *core, const struct config_hook *hook,
                       struct store_request *request, struct store_poll *poll)
{
    request->deadline = clock_now_ms() + LAST_LOOK_MS;
    core_must(store_request_advance(core->store, request), "look-up");
    poll->last++;
    poll->next_at = request->deadline;
    core_must(store_poll_set(core->store, poll), "poll");
    begin(core, hook, request, true);
    core->last_looks_waiting = 0;
}

bool lookups_last(struct core *core, struct store_request *request)
{
    const struct config_hook *hook = hook_for(core, request);
    struct store_poll poll = {.request = request->number};
    int r = hook ? store_poll_get(core->store, request->number, &poll) : -ENOENT;

    if (r != -ENOENT) {
        core_must(r, "poll");
    }
    if (!hook || request->state != REQUEST_PENDING || poll.last >= LAST_LOOKS) {
        return false;
    }
    if (!can_ask(core, hook)) {
        if (clock_monotonic_ms() >= core->caller_awaited_until) {
            return false;
        }
        put_off(core, request);
    } else if (!has_room(core, request->service)) {
        put_off(core, request);
    } else {
        begin_last(core, hook, request, &poll);
    }
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool take_out(struct core *core, uint64_t id, struct lookup *ret_lookup)
{
    struct lookup **place = &core->lookups;
    struct lookup *found;

    while (*place && (*place)->id != id) {
        place = &(*place)->next;
    }
    found = *place;
    if (!found) {
        return false;
    }
    *place = found->next;
    *ret_lookup = *found;
    free(found);
    core->lookup_count--;
    return true;
}

static void plan_after_failure(struct core *core, const struct store_request *request,
                               int64_t again_after)
{
    const struct config_service *service = config_service(core->config, request->service);
    struct store_poll poll;
    int64_t pause;

    if (!service || store_poll_get(core->store, request->number, &poll) != 0 || poll.last > 0) {
        return;
    }
    poll.failures++;
    pause = service->poll_interval_ms
            << (poll.failures < DOUBLINGS ? (unsigned)poll.failures : DOUBLINGS);
    pause = pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
    pause = pause > service->poll_interval_ms ? pause : service->poll_interval_ms;
    poll.next_at = clock_now_ms() + (again_after > pause ? again_after : spread(pause));
    core_must(store_poll_set(core->store, &poll), "poll");
}

static void note_failure(struct core *core, const struct store_request *request,
                         const struct protocol_looked_up *answer, const char *error)
{
    log_event(LOG_LEVEL_WARNING, "can't look up a request at its service", "request", request->id,
              "service", request->service, "error", error, NULL);
    plan_after_failure(core, request, answer->again_after_ms);
}

static void plan_after_success(struct core *core, const struct store_request *request)
{
    struct store_poll poll;

    if (store_poll_get(core->store, request->number, &poll) == 0 && poll.failures > 0) {
        poll.failures = 0;
        core_must(store_poll_set(core->store, &poll), "poll");
    }
}

static void take_answer(struct core *core, const struct store_request *request,
                        const struct protocol_looked_up *answer)
{
    const struct config_service *service = config_service(core->config, request->service);
    struct problem problem = {.text = ""};
    struct event event;
    int r = 0;

    if (!service) {
        return;
    }
    if (!answer->error) {
        r = approval_status_parse(answer->body, answer->body_length, request->id,
                                  &service->pointers, &event, &problem);
    }
    if (r == 1) {
        receive_event(core, service, &event, request->number);
        event_free(&event);
    } else if (answer->error || r < 0) {
        note_failure(core, request, answer, answer->error ? answer->error : problem.text);
    } else {
        plan_after_success(core, request);
    }
}

static void expire_if_pending(struct core *core, int64_t number)
{
    const struct decision_made made = {.decision = DECISION_TIMEOUT};
    struct store_request request;

    core_must(store_request_get(core->store, number, &request), "expire");
    if (request.state == REQUEST_PENDING) {
        (void)decide(core, &request, &made);
    }
    store_request_free(&request);
}

int lookups_take(struct link *link, const struct frame *frame)
{
    struct core *core = link->core;
    struct protocol_looked_up answer;
    struct store_request request;
    struct lookup lookup;
    int r = protocol_decode_looked_up(frame, &answer);

    if (r < 0) {
        return r;
    }
    if (!take_out(core, answer.id, &lookup)) {
        return -EPROTO;
    }
    r = store_request_get(core->store, lookup.request, &request);
    if (r == 0) {
        if (request.state == REQUEST_PENDING) {
            take_answer(core, &request, &answer);
        }
        if (lookup.service) {
            expire_if_pending(core, request.number);
        }
        store_request_free(&request);
    }
    free(lookup.service);
    lookups_go_on(core);
    return 0;
}

void lookups_drop(struct core *core)
{
    while (core->lookups) {
        struct lookup *lookup = core->lookups;

        core->lookups = lookup->next;
        free(lookup->service);
        free(lookup);
    }
    core->lookup_count = 0;
}
