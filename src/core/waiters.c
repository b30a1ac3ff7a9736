#include "assent/core/waiters.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/core/links.h"
#include "assent/core/record.h"
#include "assent/core/service_words.h"

#define TIMER_ACCURACY_US 50000u
/* A power of two; numbers and ids are counted up, so their low bits alone spread them evenly. */
#define BUCKETS 1024

enum chain { BY_REQUEST, BY_ASKER, CHAINS };

struct waiter {
    struct waiter *next[CHAINS];
    struct waiter **place[CHAINS]; /* what points to it */
    struct asker asker;
    int64_t request;
    int64_t until; /* monotonic ms */
};

/* To be answered, in this order, linked as BY_REQUEST. */
struct due {
    struct waiter *first;
    struct waiter **end;
};

struct waiters {
    struct waiter *buckets[CHAINS][BUCKETS];
    struct due due[ROLE_COUNT];
    sd_event_source *timer;
    size_t count;     /* who is in chains */
    int64_t timer_at; /* INT64_MAX if it is not set; may be earlier than anybody's time */
};

/* --- chains ----------------------------------------------------------------------------------- */

static struct waiter **bucket(struct waiters *waiters, enum chain chain, uint64_t key)
{
    return &waiters->buckets[chain][key % BUCKETS];
}

static void chain_insert(struct waiter **place, struct waiter *waiter, enum chain chain)
{
    waiter->next[chain] = *place;
    waiter->place[chain] = place;
    if (*place) {
        (*place)->place[chain] = &waiter->next[chain];
    }
    *place = waiter;
}

static void chain_remove(struct waiter *waiter, enum chain chain)
{
    *waiter->place[chain] = waiter->next[chain];
    if (waiter->next[chain]) {
        waiter->next[chain]->place[chain] = waiter->place[chain];
    }
}

static void remove_waiter(struct waiters *waiters, struct waiter *waiter)
{
    waiters->count--;
    chain_remove(waiter, BY_REQUEST);
    chain_remove(waiter, BY_ASKER);
}

/* Those who wait for one request stand side by side. */
static struct waiter **place_of(struct waiters *waiters, int64_t request)
{
    struct waiter **first = bucket(waiters, BY_REQUEST, (uint64_t)request);
    struct waiter **place = first;

    while (*place && (*place)->request != request) {
        place = &(*place)->next[BY_REQUEST];
    }
    return *place ? place : first;
}

static void make_due(struct waiters *waiters, struct waiter *waiter)
{
    struct due *due = &waiters->due[waiter->asker.link->role];

    remove_waiter(waiters, waiter);
    waiter->next[BY_REQUEST] = NULL;
    *due->end = waiter;
    due->end = &waiter->next[BY_REQUEST];
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_as_it_is(struct core *core, struct link *link, int64_t number,
                            const struct answer_ids *ids)
{
    struct store_request request;
    json_t *record;
    int r = store_request_get(core->store, number, &request);

    if (r == -ENOENT) {
        for (size_t i = 0; i < ids->count; i++) {
            const struct asker asker = {.link = link, .id = ids->ids[i]};

            answer_error(&asker, 404, "not_found", NULL, "the request is gone");
        }
        return;
    }
    core_must(r, "wait");
    record = record_request(core, &request);
    service_words_add(record, link->role, &request);
    answer_result_to_all(
        link, ids, 200, record,
        request_state_final(request.state) ? NULL : "Ask again with ?wait= until it is final.");
    store_request_free(&request);
}

/* The first one, and with it those behind it who wait for the same. */
static void answer_first(struct core *core, struct link *link, struct due *due)
{
    int64_t request = due->first->request;
    struct answer_ids ids = {0};
    size_t i = 0;

    for (const struct waiter *waiter = due->first; waiter && waiter->request == request;
         waiter = waiter->next[BY_REQUEST]) {
        ids.count++;
    }
    ids.ids = calloc(ids.count, sizeof *ids.ids);
    if (!ids.ids) {
        core_abandon("wait");
    }
    while (i < ids.count) {
        struct waiter *waiter = due->first;

        due->first = waiter->next[BY_REQUEST];
        ids.ids[i++] = waiter->asker.id;
        free(waiter);
    }
    if (!due->first) {
        due->end = &due->first;
    }
    answer_as_it_is(core, link, request, &ids);
    free(ids.ids);
}

void waiters_answer(struct core *core)
{
    for (int role = 0; core->waiters && role < ROLE_COUNT; role++) {
        struct due *due = &core->waiters->due[role];

        while (due->first && links_has_room(&core->links[role])) {
            answer_first(core, &core->links[role], due);
        }
    }
}

bool waiters_can_answer(const struct core *core)
{
    for (int role = 0; core->waiters && role < ROLE_COUNT; role++) {
        if (core->waiters->due[role].first && links_has_room(&core->links[role])) {
            return true;
        }
    }
    return false;
}

/* --- time ------------------------------------------------------------------------------------- */

static void set_timer(struct waiters *waiters, int64_t at)
{
    waiters->timer_at = at;
    if (at < INT64_MAX) {
        (void)sd_event_source_set_time(waiters->timer, (uint64_t)at * 1000);
        (void)sd_event_source_set_enabled(waiters->timer, SD_EVENT_ONESHOT);
    }
}

/* Calls for everybody; `visit` may take the waiter out. */
static void visit_all(struct waiters *waiters,
                      void (*visit)(struct waiters *, struct waiter *, void *), void *userdata)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct waiter *waiter = waiters->buckets[BY_REQUEST][i];

        while (waiter) {
            struct waiter *next = waiter->next[BY_REQUEST];

            visit(waiters, waiter, userdata);
            waiter = next;
        }
    }
}

struct look {
    int64_t now;
    int64_t first;
};

static void look_at_time(struct waiters *waiters, struct waiter *waiter, void *userdata)
{
    struct look *look = userdata;

    if (waiter->until <= look->now) {
        make_due(waiters, waiter);
    } else if (waiter->until < look->first) {
        look->first = waiter->until;
    }
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;
    struct look look = {.now = clock_monotonic_ms(), .first = INT64_MAX};

    (void)source;
    (void)time;
    core_begin(core);
    visit_all(core->waiters, look_at_time, &look);
    set_timer(core->waiters, look.first);
    return 0;
}

/* --- coming and going ------------------------------------------------------------------------- */

void waiters_add(struct core *core, const struct asker *asker, int64_t request, int64_t seconds)
{
    struct waiters *waiters = core->waiters;
    struct waiter *waiter = malloc(sizeof *waiter);

    if (!waiter) {
        core_abandon("wait");
    }
    *waiter = (struct waiter){
        .asker = *asker,
        .request = request,
        .until = clock_monotonic_ms() + seconds * 1000,
    };
    chain_insert(place_of(waiters, request), waiter, BY_REQUEST);
    chain_insert(bucket(waiters, BY_ASKER, asker->id), waiter, BY_ASKER);
    waiters->count++;
    if (waiter->until < waiters->timer_at) {
        set_timer(waiters, waiter->until);
    }
}

size_t waiters_count(const struct core *core)
{
    return core->waiters->count;
}

void waiters_tell(struct core *core, const struct store_request *request)
{
    struct waiter *waiter = *place_of(core->waiters, request->number);

    while (waiter && waiter->request == request->number) {
        struct waiter *next = waiter->next[BY_REQUEST];

        make_due(core->waiters, waiter);
        waiter = next;
    }
}

void waiters_forget(struct core *core, const struct asker *asker)
{
    struct waiter *waiter = *bucket(core->waiters, BY_ASKER, asker->id);

    while (waiter && (waiter->asker.id != asker->id || waiter->asker.link != asker->link)) {
        waiter = waiter->next[BY_ASKER];
    }
    if (waiter) {
        remove_waiter(core->waiters, waiter);
        free(waiter);
    }
}

static void make_due_of(struct waiters *waiters, struct waiter *waiter, void *link)
{
    if (!link || waiter->asker.link == link) {
        make_due(waiters, waiter);
    }
}

static void forget_due(struct due *due)
{
    while (due->first) {
        struct waiter *waiter = due->first;

        due->first = waiter->next[BY_REQUEST];
        free(waiter);
    }
    due->end = &due->first;
}

void waiters_forget_all(struct core *core, struct link *link)
{
    waiters_answer_all(core, link);
    forget_due(&core->waiters->due[link->role]);
}

void waiters_answer_all(struct core *core, struct link *link)
{
    visit_all(core->waiters, make_due_of, link);
}

int waiters_open(struct core *core)
{
    struct waiters *waiters = calloc(1, sizeof *waiters);

    if (!waiters) {
        return -ENOMEM;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        waiters->due[role].end = &waiters->due[role].first;
    }
    waiters->timer_at = INT64_MAX;
    int r = sd_event_add_time(core->loop, &waiters->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US,
                              on_time, core);

    if (r >= 0) {
        r = sd_event_source_set_enabled(waiters->timer, SD_EVENT_OFF);
    }
    core->waiters = waiters;
    return r < 0 ? r : 0;
}

void waiters_free(struct core *core)
{
    struct waiters *waiters = core->waiters;

    if (!waiters) {
        return;
    }
    visit_all(waiters, make_due_of, NULL);
    for (int role = 0; role < ROLE_COUNT; role++) {
        forget_due(&waiters->due[role]);
    }
    sd_event_source_disable_unref(waiters->timer);
    free(waiters);
    core->waiters = NULL;
}
