#include "assent/runner/keeper.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/clock.h"
#include "assent/base/descriptors.h"
#include "assent/base/process_tree.h"
#include "assent/base/reap.h"
#include "assent/base/signals.h"
#include "assent/runner/order.h"

/* What stays as it is from run to run. */
struct keeper_tools {
    int control;  /* to the runner */
    int children; /* tells of SIGCHLD */
    const struct cgroup *group;
    struct program_failure *failure; /* shared with the program until it is executed */
};

/* One run. */
struct watch {
    const struct keeper_tools *tools;
    uint64_t number;
    pid_t program;
    bool ended; /* the program, and has been reaped */
    bool alone; /* nothing is left below this process */
    int64_t timeout_at;
    int64_t kill_after_ms;
    int64_t kill_at; /* once anything but KEEPER_ENDED is the cause */
    struct keeper_report report;
};

/* --- what the program and its kind do --------------------------------------------------------- */

/* The program's process group can't outrun this one signal, however fast it forks; its number is
 * the program's, which is not given away before the program is reaped. */
static void kill_group(const struct watch *watch)
{
    (void)kill(-watch->program, SIGKILL);
}

static void reap_program(struct watch *watch)
{
    if (watch->report.cause == KEEPER_ENDED) {
        kill_group(watch);
    }
    (void)waitpid(watch->program, &watch->report.status, 0);
    watch->ended = true;
}

static void reap_ended(struct watch *watch)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
            watch->alone = errno == ECHILD;
            return;
        }
        if (info.si_pid == 0) {
            return;
        }
        if (info.si_pid == watch->program) {
            reap_program(watch);
        } else {
            (void)waitpid(info.si_pid, NULL, 0);
        }
    }
}

/* A stopped process would not notice SIGTERM, so it is continued. When all programs are to end, each of
 * their keepers comes here, so none looks at all processes if it can help it: who is missed for that is
 * killed with the rest. */
static void terminate(const struct watch *watch)
{
    struct process_tree tree;

    if (process_tree_list(&tree) < 0 && process_tree_read(NULL, 0, &tree) < 0) {
        if (!watch->ended) {
            (void)kill(watch->program, SIGTERM);
        }
        return;
    }
    process_tree_signal(&tree, SIGTERM);
    process_tree_signal(&tree, SIGCONT);
    process_tree_free(&tree);
}

/* Returns 0 once nothing is left, or negative errno. */
static int end_everything(struct watch *watch)
{
    if (!watch->ended) {
        kill_group(watch);
        (void)kill(watch->program, SIGKILL);
        reap_program(watch);
    }
    if (watch->alone) {
        watch->report.clean = !cgroup_is_branched(watch->tools->group);
        return 0;
    }
    if (cgroup_leave(watch->tools->group) == 0) {
        cgroup_kill(watch->tools->group);
    }
    return reap_orphans(NULL, 0);
}

/* --- until the end ---------------------------------------------------------------------------- */

static int64_t later(int64_t now, int64_t span)
{
    int64_t sum;

    return __builtin_add_overflow(now, span, &sum) ? INT64_MAX : sum;
}

/* The first reason to end is the one that is reported; a later one can only shorten the grace. */
static void begin_end(struct watch *watch, enum keeper_cause cause, int64_t grace_ms)
{
    int64_t kill_at = later(clock_monotonic_ms(), grace_ms);

    if (watch->report.cause != KEEPER_ENDED) {
        watch->kill_at = kill_at < watch->kill_at ? kill_at : watch->kill_at;
        return;
    }
    watch->report.cause = cause;
    watch->kill_at = kill_at;
    if (grace_ms > 0) {
        terminate(watch);
    }
}

/* The socket ends with the runner. A stop of an earlier run came too late for it. */
static void hear_runner(struct watch *watch)
{
    struct order order;
    int r = order_receive(watch->tools->control, MSG_DONTWAIT, &order);

    if (r > 0) {
        if (order.kind == ORDER_STOP && order.run == watch->number) {
            begin_end(watch, KEEPER_STOPPED, order.grace_ms);
        }
        order_clear(&order);
    } else if (r != -EAGAIN && r != -ENOMEM) {
        begin_end(watch, KEEPER_STOPPED, 0);
    }
}

static void await_something(struct watch *watch, int64_t until)
{
    struct pollfd sources[] = {
        {.fd = watch->tools->control, .events = POLLIN},
        {.fd = watch->tools->children, .events = POLLIN},
    };
    int64_t left = until - clock_monotonic_ms();
    struct signalfd_siginfo info;

    left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
    if (poll(sources, 2, until == INT64_MAX ? -1 : (int)left) <= 0) {
        return;
    }
    if (sources[1].revents) {
        (void)!read(watch->tools->children, &info, sizeof info);
    }
    if (sources[0].revents) {
        hear_runner(watch);
    }
}

/* What the program left behind gets no grace; when everything is ended, all of it has the same. */
static void watch_over(struct watch *watch)
{
    for (;;) {
        bool ending = watch->report.cause != KEEPER_ENDED;
        reap_ended(watch);
        if (watch->alone || (watch->ended && !ending)) {
            return;
        }
        if (!ending && clock_monotonic_ms() >= watch->timeout_at) {
            begin_end(watch, KEEPER_TIMED_OUT, watch->kill_after_ms);
            ending = true;
        }
        if (ending && clock_monotonic_ms() >= watch->kill_at) {
            watch->report.killed = true;
            return;
        }
        await_something(watch, ending ? watch->kill_at : watch->timeout_at);
    }
}

/* --- one run ---------------------------------------------------------------------------------- */

/* By vfork, since to copy this process's memory, for a child that drops it at once, takes as long as
 * all else. The child has signals, descriptors, directory and session of its own; the memory it only
 * reads, but for its stack, which is above this one's until it is gone. */
static pid_t fork_program(const struct program *program, struct program_failure *failure)
{
    pid_t pid = vfork();

    if (pid == 0) {
        program_execute(program, failure);
    }
    return pid;
}

static void start_program(struct watch *watch, const struct program *program)
{
    watch->tools->failure->error = 0;
    watch->program = fork_program(program, watch->tools->failure);
    if (watch->program < 0) {
        watch->report.cause = KEEPER_NOT_STARTED;
        watch->report.error = errno;
        problem_set(&watch->report.problem, "can't start a process: %s", strerror(errno));
    }
}

static int await_program(struct watch *watch)
{
    const struct program_failure *failure = watch->tools->failure;
    int r;

    watch_over(watch);
    r = end_everything(watch);
    if (failure->error != 0) {
        watch->report.cause = KEEPER_NOT_STARTED;
        watch->report.error = failure->error;
        watch->report.problem = failure->problem;
    }
    return r;
}

/* Reports only when nothing is left; else that goes to the runner, with this process's end. Returns
 * whether it can take the next run. */
static bool keep(const struct keeper_tools *tools, struct order *order)
{
    struct watch watch = {
        .tools = tools,
        .number = order->run,
        .timeout_at = order->limits.timeout_ms > 0
                          ? later(clock_monotonic_ms(), order->limits.timeout_ms)
                          : INT64_MAX,
        .kill_after_ms = order->limits.kill_after_ms,
        .report = {.cause = KEEPER_ENDED},
    };
    int r = 0;

    start_program(&watch, &order->program);
    order_clear(order);
    if (watch.program > 0) {
        r = await_program(&watch);
    } else {
        watch.report.clean = true;
    }
    if (r == 0) {
        (void)send(tools->control, &watch.report, sizeof watch.report, MSG_NOSIGNAL);
    }
    return r == 0 && watch.report.clean;
}

/* --- run after run ---------------------------------------------------------------------------- */

static int by_number(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Above all the runner's channel, streams and sockets to other keepers, which must end with the
 * runner. */
static void close_what_is_not_needed(const struct keeper_tools *tools)
{
    int needed[] = {CHANNEL_LOCK_FD, tools->control};
    size_t count = sizeof needed / sizeof needed[0];
    int next = STDERR_FILENO + 1;

    qsort(needed, count, sizeof needed[0], by_number);
    for (size_t i = 0; i < count; i++) {
        if (needed[i] > next) {
            (void)close_range((unsigned)next, (unsigned)needed[i] - 1, 0);
        }
        next = needed[i] >= next ? needed[i] + 1 : next;
    }
    (void)close_range((unsigned)next, ~0U, 0);
}

/* All signals are blocked: what is sent to the group is not for the keeper. Their actions are as a
 * program wants them. */
static int watch_children(void)
{
    sigset_t all;
    sigset_t child;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    signals_set_default();
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In a session of its own, so that who kills the daemon's group does not kill those who would end what
 * it has started. */
static int set_up(struct keeper_tools *tools)
{
    close_what_is_not_needed(tools);
    (void)prctl(PR_SET_NAME, "assentd: keeper");
    (void)setsid();
    descriptors_restore_limit();
    tools->children = watch_children();
    if (tools->children < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    tools->failure = mmap(NULL, sizeof *tools->failure, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return tools->failure == MAP_FAILED ? -errno : 0;
}

static void refuse(const struct keeper_tools *tools, int error)
{
    struct keeper_report report = {.cause = KEEPER_NOT_STARTED, .error = -error, .clean = true};

    problem_set(&report.problem, "can't watch over a process: %s", strerror(-error));
    (void)send(tools->control, &report, sizeof report, MSG_NOSIGNAL);
}

_Noreturn void keeper_main(int control, const struct cgroup *group)
{
    struct keeper_tools tools = {.control = control, .group = group};
    int broken = set_up(&tools);
    struct order order;
    bool clean = true;

    while (clean && order_receive(control, 0, &order) > 0) {
        if (order.kind == ORDER_START && broken < 0) {
            refuse(&tools, broken);
        } else if (order.kind == ORDER_START) {
            clean = keep(&tools, &order);
        }
        order_clear(&order);
    }
    if (cgroup_leave(group) == 0) {
        cgroup_remove(group);
    }
    _exit(EXIT_SUCCESS);
}
