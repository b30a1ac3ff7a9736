#include "assent/caller/renewal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "assent/base/log.h"
#include "assent/caller/jail.h"

#define DIRECTORY "/etc"
/* Longer than any START is on its way. */
#define PAUSE_US    2000000
#define ACCURACY_US 10000

struct renewal {
    sd_event *loop;
    struct executor *executor;
    sd_event_source *watch;
    sd_event_source *pause; /* NULL: nothing was replaced */
    bool due;
};

bool renewal_begun(const struct renewal *renewal)
{
    return renewal && renewal->pause;
}

void renewal_continue(struct renewal *renewal)
{
    if (renewal && renewal->due && executor_held(renewal->executor) == 0) {
        (void)sd_event_exit(renewal->loop, EXIT_SUCCESS);
    }
}

static int on_pause_over(sd_event_source *source, uint64_t time, void *userdata)
{
    struct renewal *renewal = userdata;

    (void)source;
    (void)time;
    renewal->due = true;
    renewal_continue(renewal);
    return 0;
}

static int begin(struct renewal *renewal)
{
    const struct protocol_digests none = {0};
    int r = sd_event_add_time_relative(renewal->loop, &renewal->pause, CLOCK_MONOTONIC, PAUSE_US,
                                       ACCURACY_US, on_pause_over, renewal);

    return r < 0 ? r : executor_set_digests(renewal->executor, &none);
}

static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    struct renewal *renewal = userdata;
    int r;

    (void)source;
    if (renewal->pause || event->len == 0 || !caller_jail_sees(event->name)) {
        return 0;
    }
    log_event(LOG_LEVEL_INFO, "a file that is used to look names up was replaced: starting anew",
              "file", event->name, NULL);
    r = begin(renewal);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't start anew, names may not be found any more", "error",
                  strerror(-r), NULL);
    }
    return 0;
}

int renewal_new(sd_event *loop, struct executor *executor, struct renewal **ret_renewal)
{
    struct renewal *renewal = calloc(1, sizeof *renewal);
    int r;

    if (!renewal) {
        return -ENOMEM;
    }
    renewal->loop = loop;
    renewal->executor = executor;
    r = sd_event_add_inotify(loop, &renewal->watch, DIRECTORY, IN_MOVED_TO | IN_CREATE, on_change,
                             renewal);
    if (r < 0) {
        renewal_free(renewal);
        return r;
    }
    *ret_renewal = renewal;
    return 0;
}

void renewal_free(struct renewal *renewal)
{
    if (!renewal) {
        return;
    }
    (void)sd_event_source_disable_unref(renewal->watch);
    (void)sd_event_source_disable_unref(renewal->pause);
    free(renewal);
}
