/*
 * Runs assentctl against the assentd of a test.
 *
 *   CTL("show", "req_1");
 *   assert_exit(0);
 *   assert_says("Request       req_1");
 */
#ifndef ASSENT_TESTS_CTL_RIG_H
#define ASSENT_TESTS_CTL_RIG_H

#include <sys/types.h>

#include "integration/harness.h"

struct said {
    int exit;
    char *out;
    char *err;
};

/* Runs it to its end with those words, up to a NULL. It finds the daemon and its configuration by
 * its environment. */
struct said ctl(const struct house *house, ...) __attribute__((sentinel));

/* The same, but on a terminal: `out` is all that it wrote there. `no_colour` is NO_COLOR's value, or
 * NULL. */
struct said ctl_on_terminal(const struct house *house, const char *no_colour, ...)
    __attribute__((sentinel));

/* Starts it, to be awaited with ctl_finish. */
pid_t ctl_start(const struct house *house, ...) __attribute__((sentinel));
struct said ctl_finish(const struct house *house, pid_t pid);
/* Waits until it has said so many lines on standard error. */
void ctl_await_errors(const struct house *house, pid_t pid, int lines);

/* Starts it on a terminal of that size, whose other end belongs to the caller. */
pid_t ctl_start_on_terminal(const struct house *house, unsigned short columns, unsigned short rows,
                            int *ret_terminal, ...) __attribute__((sentinel));

void said_clear(struct said *old);

/* What was said last, and what is asked of it. */
extern struct said said;
/* Runs it against the test's `house` and keeps what it said. */
#define CTL(...) (said_clear(&said), said = ctl(house, __VA_ARGS__, NULL))

void assert_exit(int status);
void assert_says(const char *text);
/* To standard error, and nothing to standard output. */
void assert_complains(const char *text);

#endif
