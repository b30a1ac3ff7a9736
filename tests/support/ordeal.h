/*
 * One run of the torture: a real assentd with a crowd of requests, struck again and again while they
 * are registered, decided and run; then left alone, and its work held against what was answered.
 *
 *   struct ordeal *ordeal = ordeal_new("core");
 *   house_start(ordeal->house);
 *   ordeal_strike(ordeal, kill_core);
 *   ordeal_settle(ordeal);
 *   ordeal_free(ordeal);              prints the line of the run
 *
 * A test that fails leaves its directory, with the log in it; ordeal_tell_failure, in the process
 * that forked the test, says where.
 *
 * Environment: SECONDS_EACH (10), how long a run is struck; STRIKE_EVERY_MS (1000), how often, give
 * or take two fifths.
 *
 * Owns: a house, a server for calls, a crowd. Runs in: the test's process. May call: Check's
 * assertions.
 */
#ifndef TESTS_SUPPORT_ORDEAL_H
#define TESTS_SUPPORT_ORDEAL_H

#include "support/crowd.h"
#include "support/tally.h"

struct ordeal {
    const char *name;
    struct house *house;
    struct http_server *server;
    struct crowd *crowd;
    int strikes;
    int64_t began_at;
    int64_t next_strike;
    int64_t struck_at;
    struct tally tally;
};

/* To be called once before tests are forked. */
void ordeal_prepare(void);
/* A configured house that is not started. */
struct ordeal *ordeal_new(const char *name);
/* Rounds of 500 approvals while the time lasts. `strike` is called between them and in their midst;
 * it returns once it has struck, and the house may be anything then. Ends with all answered. */
void ordeal_strike(struct ordeal *ordeal, void (*strike)(struct ordeal *ordeal));
/* Waits until no job is queued or running, and takes the tally. */
void ordeal_settle(struct ordeal *ordeal);
void ordeal_free(struct ordeal *ordeal);
/* The same without a word: what it should show can't be shown here. */
void ordeal_drop(struct ordeal *ordeal);
/* Prints the line of a run that has not come to its end. */
void ordeal_tell_failure(void);

/* The seconds after which a run must have failed. */
int ordeal_limit_seconds(void);

#endif
