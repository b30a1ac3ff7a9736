/*
 * What became of a crowd: every run that programs and calls left a mark of, held against the
 * requests and jobs as the control interface tells them.
 *
 * A program writes `begin ID KEY ATTEMPT` and `end ID KEY ATTEMPT` to the file `runs`, each by one
 * write; a call sends {"id": ..., "key": ..., "attempt": ...}.
 *
 * Owns: nothing between calls. Runs in: the test's process. May call: Check's assertions.
 */
#ifndef TESTS_SUPPORT_TALLY_H
#define TESTS_SUPPORT_TALLY_H

#include "support/crowd.h"
#include "support/http_server.h"

/* The configuration's part that the crowd's actions need; to be freed. */
char *tally_sections(const struct house *house, const struct http_server *server);

struct tally {
    int approvals;   /* answered with 200 */
    int runs;        /* begun */
    int interrupted; /* jobs */
    int restarted;   /* attempts beyond the first */
};

/* Jobs that are queued or running, at most 500 of each; -1 if nobody answers. */
int tally_unfinished(const struct house *house);

/* Counts, and fails the test if an approval that was answered has not exactly one job that has
 * ended; a succeeded job not exactly one run, or a held one that was interrupted more than one; any
 * attempt more than one; if two attempts of one job were alive at once; or if anything ran that was
 * not approved. */
void tally_take(const struct house *house, struct http_server *server, const struct crowd *crowd,
                struct tally *ret_tally);

#endif
