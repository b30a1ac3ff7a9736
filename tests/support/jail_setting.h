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
/* For tests that look at what a role has open (/proc/PID/fd): jails hide that from all but root, so
 * for anybody else jail_setting() puts none on from now on. */
void jail_allow_looking_inside(void);

#endif
