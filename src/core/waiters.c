#include "assent/core/waiters.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/core/record.h"

#define TIMER_ACCURACY_US 50000u

struct waiter {
    struct waiter *next;
    struct asker asker;
    int64_t request;
    int64_t until; /* monotonic ms */
};

static void answer_with(struct core *core, const struct asker *asker,
                        const struct store_request *request)
{
    answer_result(asker, 200, record_request(core, request),
                  request_state_final(request->state) ? NULL
                                                      : "Ask again with ?wait= until it is final.");
}

static void answer_as_it_is(struct core *core, const struct waiter *waiter)
{
    struct store_request request;
    int r = store_request_get(core->store, waiter->request, &request);

    if (r == -ENOENT) {
        answer_error(&waiter->asker, 404, "not_found", NULL, "the request is gone");
        return;
    }
    core_must(r, "wait");
    answer_with(core, &waiter->asker, &request);
    store_request_free(&request);
}

/* Takes out of the list every waiter that `chosen` chooses, answering it as things stand if
 * `answered`. */
static void remove_where(struct core *core, bool (*chosen)(const struct waiter *, const void *),
                         const void *what, bool answered)
{
    struct waiter **place = &core->waiters;

    while (*place) {
        struct waiter *waiter = *place;

        if (!chosen(waiter, what)) {
            place = &waiter->next;
            continue;
        }
        *place = waiter->next;
        if (answered) {
            answer_as_it_is(core, waiter);
        }
        free(waiter);
    }
}

static bool is_over(const struct waiter *waiter, const void *now)
{
    return waiter->until <= *(const int64_t *)now;
}

static bool is_of_asker(const struct waiter *waiter, const void *what)
{
    const struct asker *asker = what;

    return waiter->asker.link == asker->link && waiter->asker.id == asker->id;
}

static bool is_of_link(const struct waiter *waiter, const void *link)
{
    return waiter->asker.link == link;
}

static bool is_for_request(const struct waiter *waiter, const void *number)
{
    return waiter->request == *(const int64_t *)number;
}

static bool is_any(const struct waiter *waiter, const void *what)
{
    (void)waiter;
    (void)what;
    return true;
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata);

static void set_timer(struct core *core)
{
    int64_t first = INT64_MAX;

    for (const struct waiter *waiter = core->waiters; waiter; waiter = waiter->next) {
        first = waiter->until < first ? waiter->until : first;
    }
    core->waiter_source = sd_event_source_disable_unref(core->waiter_source);
    if (first < INT64_MAX) {
        (void)sd_event_add_time(core->loop, &core->waiter_source, CLOCK_MONOTONIC,
                                (uint64_t)first * 1000, TIMER_ACCURACY_US, on_time, core);
    }
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;
    int64_t now = clock_monotonic_ms();

    (void)source;
    (void)time;
    core_begin(core);
    remove_where(core, is_over, &now, true);
    set_timer(core);
    return 0;
}

void waiters_add(struct core *core, const struct asker *asker, int64_t request, int64_t seconds)
{
    struct waiter *waiter = malloc(sizeof *waiter);

    if (!waiter) {
        core_abandon("wait");
    }
    *waiter = (struct waiter){
        .next = core->waiters,
        .asker = *asker,
        .request = request,
        .until = clock_monotonic_ms() + seconds * 1000,
    };
    core->waiters = waiter;
    set_timer(core);
}

void waiters_tell(struct core *core, const struct store_request *request)
{
    remove_where(core, is_for_request, &request->number, true);
}

void waiters_forget(struct core *core, const struct asker *asker)
{
    remove_where(core, is_of_asker, asker, false);
}

void waiters_forget_all(struct core *core, const struct link *link)
{
    remove_where(core, is_of_link, link, false);
}

void waiters_answer_all(struct core *core, const struct link *link)
{
    remove_where(core, is_of_link, link, true);
}

void waiters_free(struct core *core)
{
    remove_where(core, is_any, NULL, false);
    core->waiter_source = sd_event_source_disable_unref(core->waiter_source);
}
