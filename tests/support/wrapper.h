/*
 * Whether the processes of a test run under a tool, as valgrind: ASSENT_TEST_WRAPPER names it. What it
 * can't do is not tested there.
 */
#ifndef ASSENT_TESTS_WRAPPER_H
#define ASSENT_TESTS_WRAPPER_H

#include <stdbool.h>

bool under_wrapper(void);

#endif
