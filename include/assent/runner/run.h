/*
 * One run: an attempt, its program under a keeper, and what the program writes.
 *
 * Each of the program's two streams is kept up to the hook's output_limit, and up to what fits into
 * a RESULT.
 *
 * Owns: its texts, both outputs. Runs in: the runner, in the thread of its loop.
 * May call: program, keepers, output, executor.
 */
#ifndef ASSENT_RUNNER_RUN_H
#define ASSENT_RUNNER_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/executor.h"
#include "assent/base/problem.h"
#include "assent/config/config.h"
#include "assent/runner/keepers.h"
#include "assent/runner/surroundings.h"

struct run;

/* What all runs have in common. */
struct run_setup {
    sd_event *loop;
    struct keepers *keepers; /* their on_end gets the run */
    const struct surroundings *surroundings;
};

/* Starts the hook's program for the attempt. 0, or negative errno with a problem and whether another
 * try makes sense: then nothing was started. */
int run_start(const struct run_setup *setup, const struct config_hook *hook,
              const struct protocol_start *start, struct run **ret_run,
              enum protocol_again *ret_again, struct problem *ret_problem);

/* Sends SIGTERM to everything of the run and, `grace_ms` later, SIGKILL. */
void run_stop(const struct run *run, int64_t grace_ms);

/* Whether it is the run of that attempt. */
bool run_is(const struct run *run, const struct protocol_attempt *attempt);

/* As run_stop, with the grace that the hook gives, at the word of a person. */
void run_cancel(struct run *run);

/* What the program has written so far; valid until the loop goes on. */
void run_peek(struct run *run, struct protocol_peeked *peeked);

/* Tells the executor how it ended, now that nothing of the run lives any more. `report` is NULL if
 * its keeper was killed. As executor_finish. */
int run_finish(struct run *run, const struct keeper_report *report, struct executor *executor);

/* Takes NULL. */
void run_free(struct run *run);

#endif
