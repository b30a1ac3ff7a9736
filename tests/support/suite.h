/*
 * The end of every test program's main.
 *
 * Owns: nothing. Runs in: the test's process. May call: Check.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <check.h>

/* Runs the suite, frees it, and returns the exit status. CK_VERBOSITY says how much it tells. */
int suite_run(Suite *suite);

#endif
