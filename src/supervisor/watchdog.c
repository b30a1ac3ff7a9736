#include "assent/supervisor/watchdog.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define ACCURACY_US 10000u

struct watchdog {
    sd_event_source *timer;
    uint64_t beat_us;
    void (*on_beat)(void *userdata);
    void *userdata;
};

/* The next one counts from now: what was missed is not made up for. */
static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
    struct watchdog *watchdog = userdata;

    (void)time;
    (void)sd_notify(0, "WATCHDOG=1");
    watchdog->on_beat(watchdog->userdata);
    (void)sd_event_source_set_time_relative(source, watchdog->beat_us);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int watchdog_new(sd_event *loop, void (*on_beat)(void *userdata), void *userdata,
                 struct watchdog **ret_watchdog)
{
    struct watchdog *watchdog;
    uint64_t span_us = 0;
    int r = sd_watchdog_enabled(1, &span_us);

    if (r <= 0) {
        *ret_watchdog = NULL;
        return r;
    }
    watchdog = calloc(1, sizeof *watchdog);
    if (!watchdog) {
        return -ENOMEM;
    }
    *watchdog = (struct watchdog){
        .beat_us = span_us / WATCHDOG_BEATS, .on_beat = on_beat, .userdata = userdata};
    r = sd_event_add_time_relative(loop, &watchdog->timer, CLOCK_MONOTONIC, watchdog->beat_us,
                                   ACCURACY_US, on_time, watchdog);
    if (r < 0) {
        watchdog_free(watchdog);
        return r;
    }
    *ret_watchdog = watchdog;
    return 0;
}

void watchdog_free(struct watchdog *watchdog)
{
    if (!watchdog) {
        return;
    }
    sd_event_source_disable_unref(watchdog->timer);
    free(watchdog);
}
