/*
 * One run: an attempt, the keeper of its program, and what the program writes.
 *
 * Each of the program's two streams is kept up to the hook's output_limit, and up to what fits into
 * a RESULT.
 *
 * Owns: its texts, the keeper, both outputs. Runs in: the runner, in the thread of its loop.
 * May call: program, keeper, output, executor.
 */
#ifndef ASSENT_RUNNER_RUN_H
#define ASSENT_RUNNER_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/executor.h"
#include "assent/base/problem.h"
#include "assent/config/config.h"
#include "assent/runner/surroundings.h"

struct run;

/* Starts the hook's program for the attempt. 0, or negative errno with a problem and whether another
 * try makes sense: then nothing was started. */
int run_start(sd_event *loop, const struct config_hook *hook,
              const struct surroundings *surroundings, const struct protocol_start *start,
              struct run **ret_run, enum protocol_again *ret_again, struct problem *ret_problem);

/* The process of the keeper. */
pid_t run_keeper(const struct run *run);

/* To be asked when a child has ended. True once the keeper has, which then is reaped. */
bool run_keeper_ended(struct run *run);

/* True if the keeper ended and left no report: what it kept is the runner's now. */
bool run_lost(const struct run *run);

/* Sends SIGTERM to everything of the run and, `grace_ms` later, SIGKILL. */
void run_stop(const struct run *run, int64_t grace_ms);

/* Whether it is the run of that attempt. */
bool run_is(const struct run *run, const struct protocol_attempt *attempt);

/* As run_stop, with the grace that the hook gives, at the word of a person. */
void run_cancel(struct run *run);

/* What the program has written so far; valid until the loop goes on. */
void run_peek(struct run *run, struct protocol_peeked *peeked);

/* Tells the executor how it ended, once nothing of the run lives any more. As executor_finish. */
int run_finish(struct run *run, struct executor *executor);

/* Takes NULL. */
void run_free(struct run *run);

#endif
