#include "assent/caller/caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/descriptors.h"
#include "assent/base/executor.h"
#include "assent/base/jail.h"
#include "assent/base/log.h"
#include "assent/base/member.h"
#include "assent/caller/hook_call.h"
#include "assent/caller/jail.h"
#include "assent/caller/lookup_call.h"
#include "assent/caller/renewal.h"
#include "assent/config/config.h"

/* From the order to stop: how long calls under way may take, and how long core may take to note how
 * they ended. */
#define STOP_GRACE_MS    3000
#define STOP_DEADLINE_MS 4000
#define STOP_ACCURACY    10000 /* microseconds */

struct caller {
    sd_event *loop;
    struct config *config;
    struct executor *executor;
    struct hook_calls *calls;
    struct lookup_calls *lookups;
    struct renewal *renewal; /* NULL without a jail that knows files */
    sd_event_source *grace;
    sd_event_source *deadline;
    bool stopping;
};

static void on_begin(void *userdata, const struct protocol_start *start)
{
    struct caller *caller = userdata;

    hook_call_begin(caller->calls, caller->config, start);
}

static void on_cancel(void *userdata, const struct protocol_attempt *attempt)
{
    struct caller *caller = userdata;

    hook_call_cancel(caller->calls, attempt);
}

static bool on_peek(void *userdata, struct protocol_peeked *peeked)
{
    struct caller *caller = userdata;

    return hook_call_peek(caller->calls, peeked);
}

static int on_frame(void *userdata, const struct frame *frame)
{
    struct caller *caller = userdata;
    struct protocol_lookup lookup;
    int r = frame->type == FRAME_LOOKUP ? protocol_decode_lookup(frame, &lookup) : -EBADMSG;

    if (r == 0) {
        lookup_call_begin(caller->lookups, caller->config, &lookup);
    }
    return r;
}

static void on_broken(void *userdata)
{
    (void)userdata;
    member_ask_for_stream();
}

static void on_lost(void *userdata)
{
    struct caller *caller = userdata;

    lookup_calls_drop(caller->lookups);
}

static void on_empty(void *userdata)
{
    struct caller *caller = userdata;

    if (caller->stopping) {
        (void)sd_event_exit(caller->loop, EXIT_SUCCESS);
    }
    renewal_continue(caller->renewal);
}

static int enter_jail(struct caller *caller)
{
    int r =
        jail_confines_files() ? renewal_new(caller->loop, caller->executor, &caller->renewal) : 0;

    if (r < 0) {
        log_event(LOG_LEVEL_WARNING,
                  "can't watch /etc, names may not be found once a file there is replaced", "error",
                  strerror(-r), NULL);
    }
    return caller_jail_enter();
}

/* The first configuration comes before anything else. */
static int prepare(struct caller *caller)
{
    const struct executor_setup setup = {
        .loop = caller->loop,
        .begin = on_begin,
        .cancel = on_cancel,
        .peek = on_peek,
        .frame = on_frame,
        .on_lost = on_lost,
        .on_broken = on_broken,
        .on_empty = on_empty,
        .userdata = caller,
    };
    int r = caller->executor ? 0 : executor_new(&setup, &caller->executor);

    if (r < 0 || caller->calls) {
        return r;
    }
    descriptors_raise_limit();
    r = hook_calls_new(caller->loop, caller->executor, &caller->calls);
    return r < 0 ? r
                 : lookup_calls_new(caller->executor, hook_calls_engine(caller->calls),
                                    &caller->lookups);
}

static int on_config(void *userdata, const void *bytes, size_t length)
{
    struct caller *caller = userdata;
    struct protocol_digests digests = {0};
    struct config *config = NULL;
    int r = prepare(caller);

    if (r == 0) {
        r = config_unpack(bytes, length, &config);
    }
    if (r == 0) {
        r = config_digests(config, ROLE_CALLER, &digests);
    }
    if (r == 0 && !renewal_begun(caller->renewal)) {
        r = executor_set_digests(caller->executor, &digests);
    }
    protocol_digests_free(&digests);
    if (r < 0) {
        config_free(config);
        return r;
    }
    log_set_level(config->log_level);
    r = config->jail && !caller->config ? enter_jail(caller) : 0;
    config_free(caller->config);
    caller->config = config;
    return r;
}

static int on_stream(void *userdata, int fd, enum role other)
{
    struct caller *caller = userdata;

    (void)other;
    return executor_take_stream(caller->executor, fd);
}

static int on_grace_over(sd_event_source *source, uint64_t now, void *userdata)
{
    struct caller *caller = userdata;

    (void)source;
    (void)now;
    hook_calls_cut_off(caller->calls, "cut off by the stop");
    return 0;
}

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
    struct caller *caller = userdata;

    (void)source;
    (void)now;
    log_event(LOG_LEVEL_WARNING, "core did not note how the last calls ended", NULL);
    return sd_event_exit(caller->loop, EXIT_SUCCESS);
}

static int add_timer(struct caller *caller, sd_event_source **timer, uint64_t delay_ms,
                     sd_event_time_handler_t handler)
{
    return sd_event_add_time_relative(caller->loop, timer, CLOCK_MONOTONIC, delay_ms * 1000,
                                      STOP_ACCURACY, handler, caller);
}

static void on_stop(void *userdata)
{
    struct caller *caller = userdata;

    if (caller->stopping) {
        return;
    }
    caller->stopping = true;
    if (caller->executor) {
        executor_quiesce(caller->executor);
    }
    if (!caller->executor || executor_held(caller->executor) == 0 ||
        add_timer(caller, &caller->grace, STOP_GRACE_MS, on_grace_over) < 0 ||
        add_timer(caller, &caller->deadline, STOP_DEADLINE_MS, on_deadline) < 0) {
        (void)sd_event_exit(caller->loop, EXIT_SUCCESS);
    }
}

int caller_main(void)
{
    static const struct member_handlers handlers = {
        .on_config = on_config,
        .on_stream = on_stream,
        .on_stop = on_stop,
    };
    struct caller caller = {0};
    int status = member_run(ROLE_CALLER, &handlers, &caller, &caller.loop);

    sd_event_source_disable_unref(caller.grace);
    sd_event_source_disable_unref(caller.deadline);
    renewal_free(caller.renewal);
    lookup_calls_free(caller.lookups);
    hook_calls_free(caller.calls);
    executor_free(caller.executor);
    config_free(caller.config);
    return status;
}
