#include "assent/runner/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "assent/base/clock.h"
#include "assent/base/descriptors.h"
#include "assent/base/executor.h"
#include "assent/base/log.h"
#include "assent/base/member.h"
#include "assent/config/config.h"
#include "assent/runner/jail.h"
#include "assent/runner/keepers.h"
#include "assent/runner/run.h"
#include "assent/runner/surroundings.h"

/* How long programs have after SIGTERM when assentd stops, and how long the whole stop may take;
 * the supervisor allows a little more. */
#define STOP_GRACE_MS    2000
#define STOP_LIMIT_US    (4000 * 1000ULL)
#define STOP_ACCURACY_US (50 * 1000ULL)

struct entry {
    struct entry *next;
    struct run *run;
};

struct runner {
    sd_event *loop;
    sd_event_source *stop_source;
    struct executor *executor;
    struct keepers *keepers;
    struct config *config;
    struct surroundings surroundings;
    struct entry *runs;
    bool stopping; /* until all results are acknowledged */
    bool orphaned; /* until all runs have ended */
};

/* --- the runs --------------------------------------------------------------------------------- */

static void exit_if_done(struct runner *runner)
{
    if ((runner->orphaned && !runner->runs) ||
        (runner->stopping && executor_held(runner->executor) == 0)) {
        (void)sd_event_exit(runner->loop, EXIT_SUCCESS);
    }
}

static void on_broken(void *userdata)
{
    (void)userdata;
    member_ask_for_stream();
}

static void on_empty(void *userdata)
{
    exit_if_done(userdata);
}

static void remove_run(struct runner *runner, struct run *run)
{
    struct entry **place = &runner->runs;
    struct entry *entry;

    while ((*place)->run != run) {
        place = &(*place)->next;
    }
    entry = *place;
    *place = entry->next;
    run_free(run);
    free(entry);
}

static void on_run_end(void *userdata, void *run, const struct keeper_report *report)
{
    struct runner *runner = userdata;
    int r = run_finish(run, report, runner->executor);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't keep the result of a hook", "error", strerror(-r), NULL);
    }
    remove_run(runner, run);
    exit_if_done(runner);
}

static void finish_not_started(struct runner *runner, const struct protocol_start *start,
                               enum protocol_again again, const char *why)
{
    const struct protocol_result result = {
        .attempt = start->attempt,
        .ending = ENDING_FAILED,
        .again = again,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .error = why,
    };
    int r = executor_finish(runner->executor, &result);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't keep the result of a hook", "error", strerror(-r), NULL);
    }
}

static void begin(void *userdata, const struct protocol_start *start)
{
    struct runner *runner = userdata;
    const struct config_hook *hook = config_hook(runner->config, start->hook);
    struct entry *entry = calloc(1, sizeof *entry);
    const struct run_setup setup = {
        .loop = runner->loop,
        .keepers = runner->keepers,
        .surroundings = &runner->surroundings,
    };
    struct problem problem = {0};
    enum protocol_again again;

    if (!hook || !entry) {
        finish_not_started(runner, start, hook ? AGAIN_COUNTED : AGAIN_NEVER,
                           hook ? "out of memory" : "the hook is not configured");
        free(entry);
        return;
    }
    if (run_start(&setup, hook, start, &entry->run, &again, &problem) < 0) {
        finish_not_started(runner, start, again, problem.text);
        free(entry);
        return;
    }
    entry->next = runner->runs;
    runner->runs = entry;
}

static struct run *find_run(const struct runner *runner, const struct protocol_attempt *attempt)
{
    struct entry *entry = runner->runs;

    while (entry && !run_is(entry->run, attempt)) {
        entry = entry->next;
    }
    return entry ? entry->run : NULL;
}

static void cancel(void *userdata, const struct protocol_attempt *attempt)
{
    struct run *run = find_run(userdata, attempt);

    if (run) {
        run_cancel(run);
    }
}

static bool peek(void *userdata, struct protocol_peeked *peeked)
{
    struct run *run = find_run(userdata, &peeked->attempt);

    if (run) {
        run_peek(run, peeked);
    }
    return run != NULL;
}

/* --- the role --------------------------------------------------------------------------------- */

static int find_surroundings(struct runner *runner, const struct config *config)
{
    int r = surroundings_find(config->store_path, &runner->surroundings);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't make the directory in which hooks run", "store",
                  config->store_path, "error", strerror(-r), NULL);
    }
    return r;
}

/* With the first configuration comes all that streams and runs need. */
static int set_up(struct runner *runner, const struct config *config)
{
    const struct executor_setup setup = {
        .loop = runner->loop,
        .begin = begin,
        .cancel = cancel,
        .peek = peek,
        .on_broken = on_broken,
        .on_empty = on_empty,
        .userdata = runner,
    };
    struct keepers_setup keepers = {
        .loop = runner->loop,
        .on_end = on_run_end,
        .userdata = runner,
    };
    int r = find_surroundings(runner, config);

    if (r == 0) {
        keepers.directory = runner->surroundings.workdir;
        r = keepers_new(&keepers, &runner->keepers);
    }
    if (r == 0) {
        r = executor_new(&setup, &runner->executor);
    }
    return r == 0 && config->jail ? runner_jail_enter() : r;
}

static int on_config(void *userdata, const void *bytes, size_t length)
{
    struct runner *runner = userdata;
    struct protocol_digests digests = {0};
    struct config *config = NULL;
    int r = config_unpack(bytes, length, &config);

    if (r == 0 && !runner->executor) {
        r = set_up(runner, config);
    }
    if (r == 0) {
        r = config_digests(config, ROLE_RUNNER, &digests);
    }
    if (r == 0) {
        r = executor_set_digests(runner->executor, &digests);
    }
    protocol_digests_free(&digests);
    if (r < 0) {
        config_free(config);
        return r;
    }
    config_free(runner->config);
    runner->config = config;
    log_set_level(config->log_level);
    return 0;
}

static int on_stream(void *userdata, int fd, enum role other)
{
    struct runner *runner = userdata;

    (void)other; /* only core is ever connected */
    return executor_take_stream(runner->executor, fd);
}

static void stop_runs(struct runner *runner, int64_t grace_ms)
{
    executor_quiesce(runner->executor);
    for (struct entry *entry = runner->runs; entry; entry = entry->next) {
        run_stop(entry->run, grace_ms);
    }
}

static int on_stop_limit(sd_event_source *source, uint64_t time, void *userdata)
{
    struct runner *runner = userdata;

    (void)source;
    (void)time;
    return sd_event_exit(runner->loop, EXIT_SUCCESS);
}

static void on_stop(void *userdata)
{
    struct runner *runner = userdata;

    runner->stopping = true;
    (void)sd_event_add_time_relative(runner->loop, &runner->stop_source, CLOCK_MONOTONIC,
                                     STOP_LIMIT_US, STOP_ACCURACY_US, on_stop_limit, runner);
    stop_runs(runner, STOP_GRACE_MS);
    exit_if_done(runner);
}

static void on_orphaned(void *userdata)
{
    struct runner *runner = userdata;

    runner->orphaned = true;
    if (runner->executor) {
        executor_leave(runner->executor);
        stop_runs(runner, 0);
    }
    exit_if_done(runner);
}

static void clear(struct runner *runner)
{
    while (runner->runs) {
        remove_run(runner, runner->runs->run);
    }
    keepers_free(runner->keepers);
    executor_free(runner->executor);
    (void)sd_event_source_disable_unref(runner->stop_source);
    surroundings_clear(&runner->surroundings);
    config_free(runner->config);
}

int runner_main(void)
{
    static const struct member_handlers handlers = {
        .on_config = on_config,
        .on_stream = on_stream,
        .on_stop = on_stop,
        .on_orphaned = on_orphaned,
    };
    struct runner runner = {0};
    sigset_t child;
    int status;

    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
        return EXIT_FAILURE;
    }
    descriptors_raise_limit();
    status = member_run(ROLE_RUNNER, &handlers, &runner, &runner.loop);
    clear(&runner);
    return status;
}
