/*
 * The keeper of one run: a process between the runner and the program, and the subreaper of all
 * that the program starts.
 *
 *   runner ──fork──▶ keeper ──fork──▶ program ──▶ what it starts
 *      ◀── report ──    │
 *      ─── stop ─────▶  │ ends everything below it, however it left its session or parent
 *
 * It ends everything that is left when the program has ended, so that no run outlives its result;
 * when the time is over (SIGTERM, later SIGKILL); when the runner says so; and at once when the
 * runner is gone, which closes their socket. It reports as its last act, when nothing of the run
 * lives any more, and holds the lock of the state directory (CHANNEL_LOCK_FD) until then; programs
 * do not hold it. Where a keeper ends without a report, what it kept comes to the runner.
 *
 * Owns: (the process) the program and all below it. Runs in: the runner (start, stop, report) and
 * in a process of its own. May call: fork, program_execute, process_tree, reap.
 */
#ifndef ASSENT_RUNNER_KEEPER_H
#define ASSENT_RUNNER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "assent/base/problem.h"
#include "assent/runner/program.h"

enum keeper_cause {
    KEEPER_ENDED,       /* the program ended by itself */
    KEEPER_NOT_STARTED, /* there is no program; `problem` says why */
    KEEPER_TIMED_OUT,
    KEEPER_STOPPED, /* by keeper_stop */
};

struct keeper_report {
    enum keeper_cause cause;
    int error;   /* errno, of KEEPER_NOT_STARTED */
    bool killed; /* SIGTERM was not enough */
    int status;  /* of the program, as waitpid tells it */
    struct problem problem;
};

struct keeper_limits {
    int64_t timeout_ms; /* 0: none */
    int64_t kill_after_ms;
};

struct keeper {
    pid_t pid;
    int control;
};

/* Forks the keeper, which starts the program. 0 or negative errno. */
int keeper_start(const struct program *program, const struct keeper_limits *limits,
                 struct keeper *ret_keeper);

/* Sends SIGTERM to everything that it keeps and, `grace_ms` later, SIGKILL. */
void keeper_stop(const struct keeper *keeper, int64_t grace_ms);

/* To be asked once the keeper has been reaped, once: true with its report, or false if it ended
 * without one. Closes `control`. */
bool keeper_take_report(struct keeper *keeper, struct keeper_report *ret_report);

#endif
