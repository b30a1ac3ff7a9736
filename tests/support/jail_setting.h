/*
 * Whether the daemon of a test runs in its jails: sanitizers, coverage and what wraps the daemon
 * (valgrind, strace) do what they forbid.
 */
#ifndef ASSENT_TESTS_JAIL_SETTING_H
#define ASSENT_TESTS_JAIL_SETTING_H

#include <stdbool.h>

bool jail_possible(void);
/* For behind the line `[server]`: a line, or nothing. */
const char *jail_setting(void);

#endif
