#include "assent/core/lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/domain/schedule.h"

#define US_PER_MS 1000

static struct lane *add_lane(struct core *core, const char *hook)
{
    struct lane *lane = calloc(1, sizeof *lane);

    if (!lane || !(lane->hook = strdup(hook))) {
        core_abandon("lane");
    }
    core_must(store_pace_get(core->store, hook, &lane->bucket), "pace");
    lane->wanted = true;
    lane->next = core->lanes;
    core->lanes = lane;
    return lane;
}

struct lane *lanes_find(struct core *core, const char *hook)
{
    struct lane *lane = core->lanes;

    while (lane && strcmp(lane->hook, hook) != 0) {
        lane = lane->next;
    }
    return lane ? lane : add_lane(core, hook);
}

static void set_paused(struct core *core, const char *hook, bool paused)
{
    if (hook[0] == '\0') {
        core->paused = paused;
    } else {
        lanes_find(core, hook)->paused = paused;
    }
}

static int take_pause(void *userdata, const struct store_pause *pause)
{
    set_paused(userdata, pause->hook, true);
    return 0;
}

void lanes_open(struct core *core)
{
    core_must(store_pause_list(core->store, take_pause, core), "pause");
}

void lanes_close(struct core *core)
{
    while (core->lanes) {
        struct lane *lane = core->lanes;

        core->lanes = lane->next;
        free(lane->hook);
        free(lane);
    }
}

void lanes_want(struct core *core, const char *hook)
{
    lanes_find(core, hook)->wanted = true;
    core->work_wanted = true;
}

void lanes_want_all(struct core *core)
{
    for (struct lane *lane = core->lanes; lane; lane = lane->next) {
        lane->wanted = true;
    }
    core->work_wanted = true;
}

/* --- rates ------------------------------------------------------------------------------------ */

static bool rate_allows(struct core *core, struct lane *lane, const struct config_hook *hook)
{
    int64_t now = clock_now_ms();
    int64_t ready;

    if (hook->rate.count == 0) {
        return true;
    }
    lane->bucket = schedule_hold(&hook->rate, lane->bucket, now * US_PER_MS);
    ready = schedule_ready_at(&hook->rate, lane->bucket, now * US_PER_MS);
    if (ready <= now * US_PER_MS) {
        return true;
    }
    ready = (ready + US_PER_MS - 1) / US_PER_MS;
    if (core->rate_wakes_at == 0 || ready < core->rate_wakes_at) {
        core->rate_wakes_at = ready;
    }
    return false;
}

bool lanes_allow(struct core *core, struct lane *lane, const struct config_hook *hook)
{
    return lane->wanted && !lane->paused && !core->paused &&
           (hook->concurrency == 0 || lanes_running(lane) < (int)hook->concurrency) &&
           rate_allows(core, lane, hook);
}

void lanes_take(struct core *core, struct lane *lane, const struct config_hook *hook)
{
    if (hook->rate.count > 0) {
        lane->bucket = schedule_take(&hook->rate, lane->bucket, clock_now_ms() * US_PER_MS);
        core_must(store_pace_set(core->store, lane->hook, lane->bucket), "pace");
    }
}

int lanes_running(const struct lane *lane)
{
    return lane->running[ROLE_RUNNER] + lane->running[ROLE_CALLER];
}

bool lanes_paused(struct core *core, const char *hook)
{
    return core->paused || lanes_find(core, hook)->paused;
}

void lanes_count(struct link *executor, const char *hook, int by)
{
    struct lane *lane = lanes_find(executor->core, hook);

    executor->running += by;
    lane->running[executor->role] += by;
    /* Hooks that had no room may have some now. */
    executor->core->work_wanted = executor->core->work_wanted || by < 0;
}

void lanes_count_anew(struct link *executor)
{
    executor->running = 0;
    for (struct lane *lane = executor->core->lanes; lane; lane = lane->next) {
        lane->running[executor->role] = 0;
    }
}

/* --- the red button --------------------------------------------------------------------------- */

int lanes_pause(struct core *core, const char *hook, const char *who)
{
    const struct store_pause pause = {.hook = hook, .since = clock_now_ms(), .who = who};
    int r = store_pause_add(core->store, &pause);

    if (r == -EEXIST) {
        return r;
    }
    core_must(r, "pause");
    set_paused(core, hook, true);
    return 0;
}

int lanes_resume(struct core *core, const char *hook)
{
    int r = store_pause_remove(core->store, hook);

    if (r == -ENOENT) {
        return r;
    }
    core_must(r, "pause");
    set_paused(core, hook, false);
    lanes_want_all(core);
    return 0;
}
