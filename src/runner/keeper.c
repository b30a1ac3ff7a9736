#include "assent/runner/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/clock.h"
#include "assent/base/process_tree.h"
#include "assent/base/reap.h"

/* The state of the keeper process. */
struct watch {
    int control;  /* to the runner */
    int children; /* tells of SIGCHLD */
    pid_t program;
    bool ended; /* the program, and has been reaped */
    bool alone; /* nothing is left below this process */
    int64_t timeout_at;
    int64_t kill_after_ms;
    int64_t kill_at; /* once anything but KEEPER_ENDED is the cause */
    struct keeper_report report;
};

/* --- in the runner ---------------------------------------------------------------------------- */

static _Noreturn void keep(const struct program *program, const struct keeper_limits *limits,
                           int control);

int keeper_start(const struct program *program, const struct keeper_limits *limits,
                 struct keeper *ret_keeper)
{
    int control[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        keep(program, limits, control[1]);
    }
    if (pid < 0) {
        int error = errno;
        (void)close(control[0]);
        (void)close(control[1]);
        return -error;
    }
    (void)close(control[1]);
    *ret_keeper = (struct keeper){.pid = pid, .control = control[0]};
    return 0;
}

void keeper_stop(const struct keeper *keeper, int64_t grace_ms)
{
    (void)send(keeper->control, &grace_ms, sizeof grace_ms, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool keeper_take_report(struct keeper *keeper, struct keeper_report *ret_report)
{
    struct keeper_report report;
    ssize_t length = recv(keeper->control, &report, sizeof report, MSG_DONTWAIT);

    (void)close(keeper->control);
    keeper->control = -1;
    if (length != sizeof report) {
        return false;
    }
    *ret_report = report;
    return true;
}

/* --- in the keeper: what the program and its kind do ------------------------------------------- */

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

/* A stopped process would not notice SIGTERM, so it is continued. */
static void terminate(const struct watch *watch)
{
    struct process_tree tree;

    if (process_tree_read(NULL, 0, &tree) < 0) {
        if (!watch->ended) {
            (void)kill(watch->program, SIGTERM);
        }
        return;
    }
    process_tree_signal(&tree, SIGTERM);
    process_tree_signal(&tree, SIGCONT);
    process_tree_free(&tree);
}

static void end_everything(struct watch *watch)
{
    if (!watch->ended) {
        kill_group(watch);
        (void)kill(watch->program, SIGKILL);
        reap_program(watch);
    }
    if (!watch->alone) {
        (void)reap_orphans(NULL, 0);
    }
}

/* --- in the keeper: until the end --------------------------------------------------------------- */

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

/* The socket ends with the runner. */
static void hear_runner(struct watch *watch)
{
    int64_t grace_ms;
    ssize_t length = recv(watch->control, &grace_ms, sizeof grace_ms, MSG_DONTWAIT);

    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    begin_end(watch, KEEPER_STOPPED, length == sizeof grace_ms ? grace_ms : 0);
}

static void await_something(struct watch *watch, int64_t until)
{
    struct pollfd sources[] = {
        {.fd = watch->control, .events = POLLIN},
        {.fd = watch->children, .events = POLLIN},
    };
    int64_t left = until - clock_monotonic_ms();
    struct signalfd_siginfo info;

    left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
    if (poll(sources, 2, until == INT64_MAX ? -1 : (int)left) <= 0) {
        return;
    }
    if (sources[1].revents) {
        (void)!read(watch->children, &info, sizeof info);
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

/* --- in the keeper: the beginning --------------------------------------------------------------- */

static int by_number(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Above all the runner's channel and streams, which must end with the runner. */
static void close_what_is_not_needed(const struct program *program, int control)
{
    int needed[] = {CHANNEL_LOCK_FD, program->input, program->output, program->error, control};
    size_t count = sizeof needed / sizeof needed[0];
    unsigned next = STDERR_FILENO + 1;

    qsort(needed, count, sizeof needed[0], by_number);
    for (size_t i = 0; i < count; i++) {
        unsigned number = (unsigned)needed[i];
        assert(needed[i] >= 0);
        if (number > next) {
            (void)close_range(next, number - 1, 0);
        }
        next = number >= next ? number + 1 : next;
    }
    (void)close_range(next, ~0U, 0);
}

/* All signals are blocked: what is sent to the group is not for the keeper. */
static int watch_children(void)
{
    sigset_t all;
    sigset_t child;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Forks the program. Returns where its failure to begin can be read, or negative errno. */
static int start_program(struct watch *watch, const struct program *program)
{
    int failure[2];

    if (pipe2(failure, O_CLOEXEC | O_NONBLOCK) < 0) {
        return -errno;
    }
    watch->program = fork();
    if (watch->program < 0) {
        return -errno;
    }
    if (watch->program == 0) {
        program_execute(program, failure[1]);
    }
    (void)close(failure[1]);
    (void)close(program->input);
    (void)close(program->output);
    (void)close(program->error);
    return failure[0];
}

static void keep_program(struct watch *watch, const struct program *program)
{
    struct program_failure why;
    int failure = start_program(watch, program);

    if (failure < 0) {
        watch->report.cause = KEEPER_NOT_STARTED;
        watch->report.error = -failure;
        problem_set(&watch->report.problem, "can't start a process: %s", strerror(-failure));
        return;
    }
    watch_over(watch);
    end_everything(watch);
    if (read(failure, &why, sizeof why) == sizeof why) {
        watch->report.cause = KEEPER_NOT_STARTED;
        watch->report.error = why.error;
        watch->report.problem = why.problem;
    }
}

static _Noreturn void keep(const struct program *program, const struct keeper_limits *limits,
                           int control)
{
    struct watch watch = {
        .control = control,
        .timeout_at =
            limits->timeout_ms > 0 ? later(clock_monotonic_ms(), limits->timeout_ms) : INT64_MAX,
        .kill_after_ms = limits->kill_after_ms,
        .report = {.cause = KEEPER_ENDED},
    };

    close_what_is_not_needed(program, control);
    (void)prctl(PR_SET_NAME, "assentd: keeper");
    watch.children = watch_children();
    if (watch.children < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        watch.report.cause = KEEPER_NOT_STARTED;
        watch.report.error = errno;
        problem_set(&watch.report.problem, "can't watch over a process: %s", strerror(errno));
    } else {
        keep_program(&watch, program);
    }
    (void)send(control, &watch.report, sizeof watch.report, MSG_NOSIGNAL);
    _exit(EXIT_SUCCESS);
}
