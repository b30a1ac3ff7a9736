/*
 * What the main of every test program is made of.
 *
 * Owns: nothing. Runs in: the test's process. May call: Check.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdbool.h>

/* A test case of the suite, whose tests run between these two (NULL: nothing) and have a minute each. */
TCase *suite_case(Suite *suite, const char *name, void (*before)(void), void (*after)(void));
/* The program's arguments name the test case, or nothing at all. */
bool suite_wants(const char *name, int argc, char *const *argv);
/* Runs the suite, frees it, and returns the exit status. CK_VERBOSITY says how much it tells. */
int suite_run(Suite *suite);

#endif
