/*
 * Whether a tool looks over the shoulder of what is tested: what it can't do is not tested there.
 */
#ifndef ASSENT_TESTS_TOOL_H
#define ASSENT_TESTS_TOOL_H

#include <stdbool.h>

/* AddressSanitizer or ThreadSanitizer is built in. */
bool under_sanitizer(void);
/* The processes run under another program, as valgrind: ASSENT_TEST_WRAPPER names it. */
bool under_wrapper(void);
/* False where either needs memory of its own and keeps what was freed. */
bool memory_counts(void);

#endif
