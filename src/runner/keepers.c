#include "assent/runner/keepers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/base/reap.h"

/* More are not kept for later. */
#define FREE_LIMIT       16
#define LOOK_EVERY_US    (1000 * 1000ULL)
#define LOOK_ACCURACY_US (500 * 1000ULL)
/* How often a keeper may be found to end what it keeps still, once that has had its time. Looks are
 * counted, not time: this process may have been stopped itself, and its keepers with it. */
#define LATE_LIMIT 5

struct keeper {
    struct keeper *next;
    struct keepers *all;
    struct cgroup group;
    pid_t pid;
    int control; /* -1: it is to end */
    sd_event_source *source;
    uint64_t number; /* of its run */
    void *run;       /* NULL: it is free */
    int64_t due_at;  /* from then on it ends what it keeps, at the latest */
    unsigned late;   /* looks that have found it at that */
    bool ended;      /* has been reaped */
};

struct keepers {
    struct keepers_setup setup;
    sd_event_source *children;
    sd_event_source *look; /* for overdue ones, while there are runs */
    struct cgroup groups;
    unsigned groups_made;
    struct keeper *first;
    size_t count;
    size_t free_count;
    uint64_t runs;
};

/* --- one keeper ------------------------------------------------------------------------------- */

static void let_go(struct keeper *keeper)
{
    keeper->source = sd_event_source_disable_unref(keeper->source);
    if (keeper->control >= 0) {
        (void)close(keeper->control);
        keeper->control = -1;
    }
}

static void remove_keeper(struct keepers *keepers, struct keeper *keeper)
{
    struct keeper **place = &keepers->first;

    while (*place != keeper) {
        place = &(*place)->next;
    }
    *place = keeper->next;
    keepers->count--;
    if (!keeper->run && keeper->control >= 0) {
        keepers->free_count--;
    }
    let_go(keeper);
    cgroup_remove(&keeper->group);
    cgroup_clear(&keeper->group);
    free(keeper);
}

/* Its report, if there is one: then it is free, or ends. */
static bool take_report(struct keeper *keeper)
{
    struct keeper_report report;
    struct keepers *keepers = keeper->all;
    void *run = keeper->run;

    if (!run ||
        recv(keeper->control, &report, sizeof report, MSG_DONTWAIT) != (ssize_t)sizeof report) {
        return false;
    }
    keeper->run = NULL;
    if (report.clean && keepers->free_count < FREE_LIMIT) {
        keepers->free_count++;
    } else {
        let_go(keeper);
    }
    keepers->setup.on_end(keepers->setup.userdata, run, &report);
    return true;
}

/* The socket of one that has ended stays readable; what follows is said by SIGCHLD. */
static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void)fd;
    (void)revents;
    if (!take_report(userdata)) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    return 0;
}

static int fork_keeper(struct keeper *keeper)
{
    int control[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
        return -errno;
    }
    keeper->pid = cgroup_fork(&keeper->group);
    if (keeper->pid == 0) {
        keeper_main(control[1], &keeper->group);
    }
    if (keeper->pid < 0) {
        int r = errno;
        (void)close(control[0]);
        (void)close(control[1]);
        return -r;
    }
    (void)close(control[1]);
    keeper->control = control[0];
    return 0;
}

static int add_keeper(struct keepers *keepers, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    int r = 0;

    if (!keeper) {
        return -ENOMEM;
    }
    keeper->all = keepers;
    keeper->control = -1;
    if (keepers->groups.path) {
        r = cgroup_make(&keepers->groups, ++keepers->groups_made, &keeper->group);
    }
    if (r == 0) {
        r = fork_keeper(keeper);
    }
    if (r < 0) {
        cgroup_remove(&keeper->group);
        cgroup_clear(&keeper->group);
        free(keeper);
        return r;
    }
    keeper->next = keepers->first;
    keepers->first = keeper;
    keepers->count++;
    keepers->free_count++;
    r = sd_event_add_io(keepers->setup.loop, &keeper->source, keeper->control, EPOLLIN, on_control,
                        keeper);
    if (r < 0) {
        keepers->free_count--;
        let_go(keeper);
        return r;
    }
    *ret_keeper = keeper;
    return 0;
}

/* --- ends ------------------------------------------------------------------------------------- */

static bool is_lost(const struct keeper *keeper)
{
    return keeper->ended && keeper->run;
}

/* Returns how many have ended and left something. */
static size_t reap_keepers(struct keepers *keepers)
{
    struct keeper *next;
    size_t lost = 0;

    for (struct keeper *keeper = keepers->first; keeper; keeper = next) {
        next = keeper->next;
        if (!keeper->ended && waitpid(keeper->pid, NULL, WNOHANG) != 0) {
            keeper->ended = true;
            (void)take_report(keeper);
        }
        if (is_lost(keeper)) {
            cgroup_kill(&keeper->group);
            lost++;
        } else if (keeper->ended) {
            remove_keeper(keepers, keeper);
        }
    }
    return lost;
}

/* What lost keepers kept is below this process now, beside the other keepers. Returns how many
 * processes are left to end, or negative errno. */
static int end_lost(struct keepers *keepers)
{
    pid_t *others = calloc(keepers->count, sizeof *others);
    size_t count = 0;
    int left;

    if (!others) {
        return -ENOMEM;
    }
    for (struct keeper *keeper = keepers->first; keeper; keeper = keeper->next) {
        if (!keeper->ended) {
            others[count++] = keeper->pid;
        }
    }
    left = reap_once(others, count);
    free(others);
    return left;
}

static void report_lost(struct keepers *keepers)
{
    struct keeper *next;

    for (struct keeper *keeper = keepers->first; keeper; keeper = next) {
        next = keeper->next;
        if (is_lost(keeper)) {
            void *run = keeper->run;
            remove_keeper(keepers, keeper);
            keepers->setup.on_end(keepers->setup.userdata, run, NULL);
        }
    }
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct keepers *keepers = userdata;
    int left;

    (void)source;
    (void)info;
    if (reap_keepers(keepers) == 0) {
        return 0;
    }
    left = end_lost(keepers);
    if (left == 0) {
        report_lost(keepers);
    } else if (left < 0) {
        /* Whoever starts the next runner makes sure that nothing is left. */
        log_event(LOG_LEVEL_ERROR, "can't end what a hook left behind", "error", strerror(-left),
                  NULL);
        (void)sd_event_exit(keepers->setup.loop, EXIT_FAILURE);
    }
    return 0;
}

/* --- those that don't report ------------------------------------------------------------------ */

static int64_t later(int64_t now, int64_t span)
{
    int64_t sum;

    return __builtin_add_overflow(now, span, &sum) ? INT64_MAX : sum;
}

static void expect_report(struct keeper *keeper, int64_t span_ms)
{
    int64_t due_at = later(clock_monotonic_ms(), span_ms);

    keeper->due_at = due_at < keeper->due_at ? due_at : keeper->due_at;
}

static int on_look(sd_event_source *source, uint64_t time, void *userdata)
{
    struct keepers *keepers = userdata;
    int64_t now = clock_monotonic_ms();
    bool any = false;

    (void)time;
    for (struct keeper *keeper = keepers->first; keeper; keeper = keeper->next) {
        any = any || keeper->run;
        if (keeper->run && !keeper->ended && now >= keeper->due_at && ++keeper->late > LATE_LIMIT) {
            (void)kill(keeper->pid, SIGKILL);
        }
    }
    if (any) {
        (void)sd_event_source_set_time_relative(source, LOOK_EVERY_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

/* Again and again until there are no runs, so that this costs nothing for each of them. */
static int look_later(struct keepers *keepers)
{
    int enabled = SD_EVENT_OFF;
    int r = sd_event_source_get_enabled(keepers->look, &enabled);

    if (r >= 0 && enabled == SD_EVENT_OFF) {
        r = sd_event_source_set_time_relative(keepers->look, LOOK_EVERY_US);
        r = r < 0 ? r : sd_event_source_set_enabled(keepers->look, SD_EVENT_ONESHOT);
    }
    return r < 0 ? r : 0;
}

/* Off until there is a run. */
static int add_look(struct keepers *keepers)
{
    int r = sd_event_add_time_relative(keepers->setup.loop, &keepers->look, CLOCK_MONOTONIC,
                                       LOOK_EVERY_US, LOOK_ACCURACY_US, on_look, keepers);

    return r < 0 ? r : sd_event_source_set_enabled(keepers->look, SD_EVENT_OFF);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int find_groups(struct keepers *keepers)
{
    struct problem problem = {0};
    int r = cgroup_open_all(keepers->setup.directory, &keepers->groups, &problem);

    if (r == -EIO) {
        log_event(LOG_LEVEL_ERROR, "can't end what an earlier runner left", "error", problem.text,
                  NULL);
        return r;
    }
    if (r < 0) {
        log_event(LOG_LEVEL_INFO, "hooks are ended by looking for all that they started", "cgroup",
                  problem.text, NULL);
    } else {
        log_event(LOG_LEVEL_INFO, "hooks are ended by cgroup.kill", "cgroup", keepers->groups.path,
                  NULL);
    }
    return 0;
}

int keepers_new(const struct keepers_setup *setup, struct keepers **ret_keepers)
{
    struct keepers *keepers = calloc(1, sizeof *keepers);
    int r;

    if (!keepers) {
        return -ENOMEM;
    }
    keepers->setup = *setup;
    r = find_groups(keepers);
    if (r == 0) {
        r = sd_event_add_signal(setup->loop, &keepers->children, SIGCHLD, on_child, keepers);
    }
    if (r >= 0) {
        r = add_look(keepers);
    }
    if (r < 0) {
        keepers_free(keepers);
        return r;
    }
    *ret_keepers = keepers;
    return 0;
}

static struct keeper *find_free(const struct keepers *keepers)
{
    struct keeper *keeper = keepers->first;

    while (keeper && (keeper->run || keeper->control < 0)) {
        keeper = keeper->next;
    }
    return keeper;
}

/* One that somebody killed does not hear; its end has not been noticed yet. */
static int start_in(struct keeper *keeper, const struct program *program,
                    const struct keeper_limits *limits, void *run)
{
    struct keepers *keepers = keeper->all;
    int r = order_send_start(keeper->control, keepers->runs + 1, limits, program);

    if (r < 0) {
        if (r == -EPIPE) {
            keepers->free_count--;
            let_go(keeper);
        }
        return r;
    }
    keeper->number = ++keepers->runs;
    keeper->run = run;
    keeper->due_at = INT64_MAX;
    keeper->late = 0;
    if (limits->timeout_ms > 0) {
        expect_report(keeper, later(limits->timeout_ms, limits->kill_after_ms));
    }
    keepers->free_count--;
    return 0;
}

int keepers_start(struct keepers *keepers, const struct program *program,
                  const struct keeper_limits *limits, void *run, struct keeper **ret_keeper)
{
    struct keeper *keeper;
    int r = look_later(keepers);

    if (r < 0) {
        return r;
    }
    do {
        keeper = find_free(keepers);
        r = keeper ? 0 : add_keeper(keepers, &keeper);
        if (r == 0) {
            r = start_in(keeper, program, limits, run);
        }
    } while (r == -EPIPE);
    if (r == 0) {
        *ret_keeper = keeper;
    }
    return r;
}

void keeper_stop(struct keeper *keeper, int64_t grace_ms)
{
    expect_report(keeper, grace_ms);
    (void)order_send_stop(keeper->control, keeper->number, grace_ms);
}

void keepers_free(struct keepers *keepers)
{
    if (!keepers) {
        return;
    }
    while (keepers->first) {
        struct keeper *keeper = keepers->first;
        if (!keeper->run && !keeper->ended) {
            (void)kill(keeper->pid, SIGKILL);
            (void)waitpid(keeper->pid, NULL, 0);
        }
        remove_keeper(keepers, keeper);
    }
    (void)sd_event_source_disable_unref(keepers->children);
    (void)sd_event_source_disable_unref(keepers->look);
    cgroup_clear(&keepers->groups);
    free(keepers);
}
