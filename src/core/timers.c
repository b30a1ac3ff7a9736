#include "assent/core/timers.h"

#include <errno.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/core/decide.h"
#include "assent/core/lanes.h"
#include "assent/core/lookups.h"
#include "assent/core/work.h"

#define ACCURACY_US  20000u
#define EXPIRY_BATCH 256
#define UPKEEP_BATCH 200
/* Between two rounds of upkeep; a round that found a full batch goes on at once. */
#define UPKEEP_INTERVAL_US (60u * 1000000u)
/* Approvals by policy count for so long. */
#define POLICY_WINDOW_MS (INT64_C(24) * 3600 * 1000)
#define UPKEEP_SOON_US   50000u
/* Between two looks for room on a disk that had none. */
#define ROOM_PAUSE_US 500000u

static void expire(struct core *core, int64_t number)
{
    const struct decision_made made = {.decision = DECISION_TIMEOUT, .by = NULL};
    struct store_request request;

    core_must(store_request_get(core->store, number, &request), "expire");
    if (!lookups_last(core, &request)) {
        (void)decide(core, &request, &made);
    }
    store_request_free(&request);
}

/* More than one batch may be due: the timer is set again after the commit, and fires at once. */
static int on_deadline(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;
    int64_t numbers[EXPIRY_BATCH];
    int count = 0;

    (void)source;
    (void)time;
    core_begin(core);
    core_must(store_request_due(core->store, clock_now_ms(), numbers, EXPIRY_BATCH, &count),
              "expire");
    for (int i = 0; i < count; i++) {
        expire(core, numbers[i]);
    }
    return 0;
}

static int on_start_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)time;
    core_begin(core);
    core->due_until = clock_now_ms();
    lanes_want_all(core);
    return 0;
}

/* What has waited is wanted anew; and where there still is no room, that is found anew. */
static int on_room_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)time;
    core_begin(core);
    core->room_awaited = false;
    (void)core_has_room(core);
    lanes_want_all(core);
    return 0;
}

void timers_await_room(struct core *core)
{
    if (core->room_awaited) {
        return;
    }
    core->room_awaited = true;
    (void)sd_event_source_set_time_relative(core->room_source, ROOM_PAUSE_US);
    (void)sd_event_source_set_enabled(core->room_source, SD_EVENT_ONESHOT);
}

static int on_poll_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)time;
    core_begin(core);
    lookups_go_on(core);
    return 0;
}

static int on_upkeep(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;
    int64_t now = clock_now_ms();
    int removed = 0;
    int dropped = 0;
    uint64_t pause;

    (void)time;
    core_begin(core);
    core_must(store_expire(core->store, now - core->config->retention_ms, UPKEEP_BATCH, &removed),
              "retention");
    core_must(
        store_early_expire(core->store, now - core->config->keep_early_ms, UPKEEP_BATCH, &dropped),
        "early");
    core_must(store_policy_approval_expire(core->store, now - POLICY_WINDOW_MS), "policy");
    /* The clock may have been set back, and what a rate allows soon has a timer that is far off then. */
    lanes_want_all(core);
    pause =
        removed >= UPKEEP_BATCH || dropped >= UPKEEP_BATCH ? UPKEEP_SOON_US : UPKEEP_INTERVAL_US;
    (void)sd_event_source_set_time_relative(source, pause);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int timers_open(struct core *core)
{
    int r = sd_event_add_time(core->loop, &core->deadline_source, CLOCK_REALTIME, 0, ACCURACY_US,
                              on_deadline, core);

    if (r >= 0) {
        r = sd_event_source_set_enabled(core->deadline_source, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_time(core->loop, &core->start_source, CLOCK_REALTIME, 0, ACCURACY_US,
                              on_start_time, core);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(core->start_source, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_time(core->loop, &core->poll_source, CLOCK_REALTIME, 0, ACCURACY_US,
                              on_poll_time, core);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(core->poll_source, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_time_relative(core->loop, &core->room_source, CLOCK_MONOTONIC,
                                       ROOM_PAUSE_US, ACCURACY_US, on_room_time, core);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(core->room_source, SD_EVENT_OFF);
    }
    if (r >= 0) {
        r = sd_event_add_time_relative(core->loop, &core->upkeep_source, CLOCK_MONOTONIC,
                                       UPKEEP_SOON_US, ACCURACY_US, on_upkeep, core);
    }
    return r < 0 ? r : 0;
}

/* `r` and `time` are the store's answer to "when next?". */
static void set(sd_event_source *source, int r, int64_t time)
{
    if (r == -ENOENT) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return;
    }
    core_must(r, "timer");
    (void)sd_event_source_set_time(source, time > 0 ? (uint64_t)time * 1000 : 0);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Not from now on: what became due during the commit would be forgotten. */
static void set_start_time(struct core *core)
{
    int64_t now = clock_now_ms();
    int64_t time = 0;
    int r;

    if (core->quiescing) {
        (void)sd_event_source_set_enabled(core->start_source, SD_EVENT_OFF);
        return;
    }
    /* The clock may have been set back. */
    core->due_until = core->due_until < now ? core->due_until : now;
    r = store_job_next_start(core->store, core->due_until, &time);
    if (core->rate_wakes_at > 0 && (r == -ENOENT || core->rate_wakes_at < time)) {
        r = 0;
        time = core->rate_wakes_at;
    }
    set(core->start_source, r, time);
}

void timers_set(struct core *core)
{
    int64_t time = 0;
    int r = store_request_next_deadline(core->store, &time);

    set(core->deadline_source, r, time);
    r = lookups_next(core, &time);
    set(core->poll_source, r, time);
    set_start_time(core);
}

void timers_close(struct core *core)
{
    core->deadline_source = sd_event_source_disable_unref(core->deadline_source);
    core->start_source = sd_event_source_disable_unref(core->start_source);
    core->poll_source = sd_event_source_disable_unref(core->poll_source);
    core->room_source = sd_event_source_disable_unref(core->room_source);
    core->upkeep_source = sd_event_source_disable_unref(core->upkeep_source);
}
