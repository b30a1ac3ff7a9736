/*
 * A keeper: a process between the runner and a program, and the subreaper of all that the program
 * starts. It keeps one run at a time, and if that left nothing to be ended, the next.
 *
 *   runner ──START──▶ keeper ──fork──▶ program ──▶ what it starts
 *      ◀── report ──    │
 *      ─── STOP ─────▶  │ ends everything below it, however it left its session or parent
 *
 * It ends everything that is left when the program has ended, so that no run outlives its result;
 * when the time is over (SIGTERM, later SIGKILL); when the runner says so; and at once when the
 * runner is gone, which closes their socket. It reports when nothing of the run lives any more, and
 * holds the lock of the state directory (CHANNEL_LOCK_FD) until its end; programs do not hold it.
 * Where there are cgroups, all that it keeps is in one of them, and ended by cgroup.kill.
 *
 * Owns: the program and all below it. Runs in: a process of its own. May call: order, cgroup, fork,
 * program_execute, process_tree, reap.
 */
#ifndef ASSENT_RUNNER_KEEPER_H
#define ASSENT_RUNNER_KEEPER_H

#include <stdbool.h>

#include "assent/base/problem.h"
#include "assent/runner/cgroup.h"

enum keeper_cause {
    KEEPER_ENDED,       /* the program ended by itself */
    KEEPER_NOT_STARTED, /* there is no program; `problem` says why */
    KEEPER_TIMED_OUT,
    KEEPER_STOPPED, /* by order */
};

struct keeper_report {
    enum keeper_cause cause;
    int error;   /* errno, of KEEPER_NOT_STARTED */
    bool killed; /* SIGTERM was not enough */
    bool clean;  /* nothing was left to be ended or removed: it can take the next run */
    int status;  /* of the program, as waitpid tells it */
    struct problem problem;
};

/* Takes orders from `control` and answers each START there with one struct keeper_report, until it
 * was not `clean` or the runner is gone. `group` is empty where there are no cgroups. To be called in a
 * new process. */
_Noreturn void keeper_main(int control, const struct cgroup *group);

#endif
