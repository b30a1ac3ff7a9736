/*
 * Many connections to the control socket that wait: half for one decision, half for whatever happens;
 * and what they cost the daemon.
 *
 * Owns: the connections. Runs in: the test's process. May call: Check's assertions, listener.
 */
#ifndef TESTS_SUPPORT_AUDIENCE_H
#define TESTS_SUPPORT_AUDIENCE_H

#include <stdbool.h>

#include "integration/harness.h"

struct audience;

/* True if so many descriptors may be open here; raises the limit. */
bool audience_fits(int count);

/* Registers `req_audience` and opens them; each is there for core when this returns. Where they are
 * `used`, each connection has had an answer before that left it open. */
struct audience *audience_open(const struct house *house, int count, bool used);
/* Closes those of the first half that nobody has answered, and all streams. */
void audience_close(struct audience *audience);

/* The next event of each stream must have the text in it. */
void audience_expect_event(struct audience *audience, const char *text);

struct audience_cost {
    long core_kb; /* that core and the gate grew by */
    long gate_kb;
};
struct audience_cost audience_cost(const struct audience *audience);

/* Microseconds of processor time that core and the gate have used so far. */
int64_t audience_processor_us(const struct audience *audience);

/* So many wait, or follow, as core counts. */
int audience_waiting(const struct house *house, const char *kind);
/* Waits until core counts none. */
void audience_await_none(const struct house *house);

#endif
