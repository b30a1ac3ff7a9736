/*
 * The output of a run while it grows.
 *
 * The daemon is asked again and again, some times a second, for what there is of the newest attempt;
 * what is new is written at once. An attempt is over when the job, asked before its output, says so:
 * then the output that comes next is all of it. Once the daemon has answered, a restart of it is
 * waited out.
 *
 * Owns: nothing. Runs in: assentctl. May call: ask, ctl, kept_output, the clock.
 */
#ifndef ASSENT_CTL_OUTPUT_FOLLOW_H
#define ASSENT_CTL_OUTPUT_FOLLOW_H

#include "assent/ctl/ctl.h"

struct output_wanted {
    const char *job;
    const char *item;    /* of a fan-out; NULL: the job is none */
    const char *attempt; /* NULL: the newest, and with output_follow those after it */
    bool standard_output;
    bool standard_error;
    bool error_to_output; /* what it wrote to standard error goes to standard output here */
};

/* Writes what there is. Returns the exit status. */
int output_show(struct ctl *ctl, const struct output_wanted *wanted);

/* Writes what there is and what comes, until the run has ended, and then says how. Returns the exit
 * status, CTL_OK however the run ended. */
int output_follow(struct ctl *ctl, const struct output_wanted *wanted);

#endif
