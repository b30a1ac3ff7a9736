/*
 * What the tests of the store share: a store in a directory of its own, and rows to put in.
 *
 * Runs in: tests. May call: store.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <check.h>
#include <stdint.h>

#include "assent/core/store.h"

/* Some time in 2026, in ms. */
#define FIXTURE_NOW INT64_C(1773657045123)

/* An open store with a transaction in which everything happens; fixture_reopen commits. */
extern struct store *store;

/* For tcase_add_checked_fixture. */
void fixture_open(void);
void fixture_close(void);

/* Commits, closes, opens, begins. */
void fixture_reopen(void);

/* The path of the database, or of a file beside it; in a ring of four buffers. */
const char *fixture_path(const char *suffix);

/* A pending request of the service `daimon` and the action `bulk_send`; its texts are not its
 * own. */
struct store_request fixture_request(const char *id);
/* Adds it with a context; gives its number. */
int64_t fixture_add(const struct store_request *request);
int64_t fixture_add_id(const char *id);
/* Brings a request to its final state. */
void fixture_decide(int64_t number, enum request_state state, int64_t final_at);

/* Adds a job for a request in a state; gives its number. */
int64_t fixture_job(int64_t request, const char *hook, enum job_state state);
/* Starts attempt n of a job. */
void fixture_attempt(int64_t job, uint32_t n, enum store_executor executor, int64_t started_at);

/* A granted delivery about a request that is known by that number, or not known (0). */
struct store_delivery fixture_delivery(const char *delivery_id, const char *request_id,
                                       int64_t request);

/* Numbers that a callback was given, in order. */
struct fixture_numbers {
    int64_t numbers[64];
    int count;
};
int fixture_take_request(void *numbers, const struct store_request *request);
int fixture_take_job(void *numbers, const struct store_job *job);
void fixture_assert_numbers(const struct fixture_numbers *taken, int count, ...);

/* Appends the name and a space to a text of 64 bytes or more. */
int fixture_name_hook(void *names, const char *hook);

/* Runs the test case's suite; what main returns. */
int fixture_run(TCase *tests, const char *name);

#endif
