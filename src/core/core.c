#include "assent/core/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/base/member.h"
#include "assent/core/backup.h"
#include "assent/core/fanout.h"
#include "assent/core/followers.h"
#include "assent/core/internal.h"
#include "assent/core/jail.h"
#include "assent/core/lanes.h"
#include "assent/core/links.h"
#include "assent/core/lookups.h"
#include "assent/core/metrics.h"
#include "assent/core/peeks.h"
#include "assent/core/steps.h"
#include "assent/core/submission.h"
#include "assent/core/timers.h"
#include "assent/core/waiters.h"
#include "assent/core/work.h"

/* Under endless load the loop would never come to the commit by itself. */
#define BATCH_LIMIT 512
/* Of fewer the sync is waited for: to wake a thread, and to be woken by it, costs more than it brings. */
#define BATCH_APART 8
/* That many make a commit worth its price where the disk is free. Larger ones come when all who could
 * send something wait for an answer, and then the other processors have nothing to do. */
#define BATCH_WORTH 24
/* Between two lines that the disk has no room. */
#define ROOM_TOLD_EVERY_MS 10000
/* After everything that reads frames. */
#define COMMIT_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

_Noreturn void core_abandon(const char *what)
{
    log_discard();
    log_event(LOG_LEVEL_ERROR, "ending, to start again from what is on disk", "failed", what, NULL);
    _exit(EX_IOERR);
}

void core_must(int r, const char *what)
{
    if (r < 0) {
        core_abandon(what);
    }
}

static void begin_store_batch(struct core *core, unsigned frames)
{
    core->commit_counts = store_has_changed(core->store);
    core->commit_began_at = clock_monotonic_us();
    core_must(frames < BATCH_APART ? store_commit(core->store) : store_begin_commit(core->store),
              "commit");
}

/* The batch before this one is on disk. */
static void await_batch(struct core *core)
{
    core_must(store_await_sync(core->store), "sync of a commit");
    if (core->commit_counts) {
        metrics_commit(core->metrics, clock_monotonic_us() - core->commit_began_at);
        core->commit_counts = false;
    }
}

/* What the call that asked for it has changed is to be in it, and its answer to be sent. */
static void begin_backup(struct core *core)
{
    backup_begin(core);
    core_begin(core);
}

/* What is started may end at once, as a fan-out of nothing does: what that brings on starts in the same
 * commit, since nothing else would come to see to it, and no other commit knows of it. */
static void start_all(struct core *core)
{
    do {
        steps_go_on(core);
        work_start_queued(core);
    } while (steps_wait(core) || (core->work_wanted && !core->quiescing));
}

/* The batch that was marked is on disk, and may be seen; without another transaction so may all else. */
static void let_out(struct core *core)
{
    await_batch(core);
    if (store_in_transaction(core->store)) {
        log_release_marked();
        (void)sd_event_source_set_enabled(core->commit_source, SD_EVENT_ONESHOT);
    } else {
        log_release();
        links_mark(core);
    }
    links_flush_marked(core);
    if (waiters_can_answer(core) || followers_can_tell(core)) {
        core_begin(core);
    }
}

/* One commit for all that came. Only once it is on disk may anything of it be seen: log lines, answers,
 * STARTs. The next batch begins while the disk still works at this one. */
static void commit(struct core *core)
{
    unsigned frames = core->frames_in_batch;

    core->frames_in_batch = 0;
    if (store_is_syncing(core->store)) {
        let_out(core);
    }
    (void)sd_event_source_set_enabled(core->commit_source, SD_EVENT_OFF);
    if (store_in_transaction(core->store)) {
        fanout_grow(core);
        start_all(core);
        waiters_answer(core);
        followers_tell(core);
        begin_store_batch(core, frames);
        log_mark();
        links_mark(core);
    }
    timers_set(core);
    if (core->growths && !core->room_awaited) {
        (void)sd_event_source_set_enabled(core->growth_source, SD_EVENT_ONESHOT);
    }
    if (backup_is_wanted(core)) {
        begin_backup(core);
    }
    if (!store_is_syncing(core->store)) {
        let_out(core);
    }
}

/* One chunk in each commit, and in between all else that has come. */
static int on_growth(sd_event_source *source, void *userdata)
{
    (void)source;
    core_begin(userdata);
    return 0;
}

/* While the disk works the batch grows. */
static int on_commit(sd_event_source *source, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    if (!store_is_syncing(core->store)) {
        commit(core);
    }
    return 0;
}

static int on_synced(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)fd;
    (void)revents;
    let_out(core);
    return 0;
}

void core_begin(struct core *core)
{
    if (store_has_synced(core->store)) {
        let_out(core);
    }
    if (++core->frames_in_batch > (store_is_syncing(core->store) ? BATCH_LIMIT : BATCH_WORTH)) {
        commit(core);
    }
    if (!store_in_transaction(core->store)) {
        core_must(store_begin(core->store), "begin");
        log_hold();
        (void)sd_event_source_set_enabled(core->commit_source, SD_EVENT_ONESHOT);
    }
}

static void tell_that_there_is_none(struct core *core)
{
    const char *suffix = store_misplaced(core->store);

    if (suffix) {
        core->room_back = "the files of the store are where they belong again";
        log_event(LOG_LEVEL_ERROR,
                  "a file of the store was moved, removed or replaced: what comes is put off, and "
                  "nothing is started, until the one that assentd has open is there again",
                  "store", core->config->store_path, "suffix", suffix, NULL);
    } else {
        core->room_back = "the disk of the store has room again";
        log_event(LOG_LEVEL_ERROR,
                  "the disk of the store is almost full: what comes is put off, and nothing is "
                  "started",
                  "store", core->config->store_path, NULL);
    }
}

/* Where it comes and goes, what is told is not much. */
static void tell_of_room(struct core *core, bool there)
{
    int64_t now = clock_monotonic_ms();

    if (there && core->room_back) {
        log_event(LOG_LEVEL_INFO, core->room_back, NULL);
        core->room_back = NULL;
    } else if (!there && !core->room_back &&
               (core->room_told_at == 0 || now - core->room_told_at >= ROOM_TOLD_EVERY_MS)) {
        core->room_told_at = now;
        tell_that_there_is_none(core);
    }
}

bool core_has_room(struct core *core)
{
    bool there = store_has_room(core->store);

    if (!there) {
        timers_await_room(core);
    }
    tell_of_room(core, there);
    return there;
}

struct link *core_executor(struct core *core, enum hook_kind kind)
{
    return &core->links[kind == HOOK_HTTP ? ROLE_CALLER : ROLE_RUNNER];
}

bool core_executor_ready(const struct link *link)
{
    return link->stream && link->said_hello;
}

static int on_config(void *userdata, const void *bytes, size_t length)
{
    struct core *core = userdata;
    struct config *former = core->config;
    struct config *config;
    int r = config_unpack(bytes, length, &config);

    if (r < 0) {
        return r;
    }
    core->config = config;
    log_set_level(config->log_level);
    lookups_await_caller(core);
    if (core->store) {
        core_begin(core);
        work_drop_unknown(core);
        lookups_plan(core, former);
        followers_review(core);
        lanes_want_all(core);
    }
    config_free(former);
    return 0;
}

static int on_stream(void *userdata, int fd, enum role other)
{
    /* Without it that role could only wait. */
    core_must(links_take(userdata, fd, other), "stream");
    return 0;
}

/* The supervisor of a later run finds by this what hooks of this store it must end. */
static void note_identity(const struct core *core)
{
    const char *identity = store_identity(core->store);

    if (pwrite(CHANNEL_LOCK_FD, identity, strlen(identity), 0) < 0) {
        log_event(LOG_LEVEL_WARNING, "can't note the store's identity in its lock file", "error",
                  strerror(errno), NULL);
    }
}

static int on_start(void *userdata)
{
    struct core *core = userdata;

    note_identity(core);
    if (store_is_new(core->store)) {
        log_event(LOG_LEVEL_INFO, "there was no database, so an empty one was made", "store",
                  core->config->store_path, NULL);
    }
    if (store_is_restored(core->store)) {
        log_event(LOG_LEVEL_WARNING,
                  "this store is a backup: nothing is started until an operator has looked and "
                  "says assentctl resume",
                  NULL);
    }
    core_begin(core);
    core->work_wanted = true;
    work_drop_unknown(core);
    lookups_plan(core, NULL);
    return 0;
}

static void on_quiesce(void *userdata)
{
    struct core *core = userdata;

    core->quiescing = true;
}

static void on_stop(void *userdata)
{
    struct core *core = userdata;

    commit(core);
    let_out(core);
    (void)sd_event_exit(core->loop, EXIT_SUCCESS);
}

/* An attempt that ended now would make place for one that is cut off at once. */
static void on_orphaned(void *userdata)
{
    on_quiesce(userdata);
    on_stop(userdata);
}

static int add_defer(struct core *core, sd_event_source **ret_source, sd_event_handler_t handler,
                     int64_t priority)
{
    int r = sd_event_add_defer(core->loop, ret_source, handler, core);

    if (r >= 0) {
        r = sd_event_source_set_enabled(*ret_source, SD_EVENT_OFF);
    }
    return r < 0 ? r : sd_event_source_set_priority(*ret_source, priority);
}

static int sync_apart(struct core *core)
{
    int fd = -1;
    int r = store_sync_apart(core->store, &fd);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't start the thread that syncs the store", "error",
                  strerror(-r), NULL);
        return r;
    }
    return sd_event_add_io(core->loop, &core->synced_source, fd, EPOLLIN, on_synced, core);
}

/* The first thing that arrives is the configuration: the store is opened then, since streams and
 * everything else need it. */
static int on_first_config(void *userdata, const void *bytes, size_t length)
{
    struct core *core = userdata;
    struct problem problem = {.text = "no memory"};
    bool first = !core->config;
    int r = on_config(core, bytes, length);

    if (r < 0 || !first) {
        return r;
    }
    r = store_open(core->config->store_path, &core->store, &problem);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, "store", core->config->store_path, NULL);
        (void)sd_event_exit(core->loop, r == -EINVAL ? EX_CONFIG : EX_IOERR);
        return 0;
    }
    /* An executor that outlived the last core may be there before we are told to begin. */
    lanes_open(core);
    r = add_defer(core, &core->commit_source, on_commit, COMMIT_PRIORITY);
    if (r >= 0) {
        r = add_defer(core, &core->growth_source, on_growth, SD_EVENT_PRIORITY_NORMAL);
    }
    if (r >= 0) {
        r = timers_open(core);
    }
    if (r >= 0) {
        r = waiters_open(core);
    }
    if (r >= 0) {
        r = followers_open(core);
    }
    if (r >= 0) {
        r = metrics_new(&core->metrics);
    }
    if (r == 0 && core->config->jail) {
        r = core_jail_enter(core->config->store_path);
    }
    return r < 0 ? r : sync_apart(core);
}

int core_main(void)
{
    static const struct member_handlers handlers = {
        .on_config = on_first_config,
        .on_stream = on_stream,
        .on_start = on_start,
        .on_quiesce = on_quiesce,
        .on_stop = on_stop,
        .on_orphaned = on_orphaned,
    };
    struct core core = {0};
    int status;

    links_prepare(&core);
    status = member_run(ROLE_CORE, &handlers, &core, &core.loop);
    waiters_free(&core);
    followers_free(&core);
    backup_free(&core);
    metrics_free(core.metrics);
    links_close(&core);
    timers_close(&core);
    sd_event_source_disable_unref(core.commit_source);
    sd_event_source_disable_unref(core.synced_source);
    sd_event_source_disable_unref(core.growth_source);
    fanout_close(&core);
    peeks_free(&core);
    submission_free(&core);
    lookups_drop(&core);
    lanes_close(&core);
    store_free(core.store);
    config_free(core.config);
    return status;
}
