/*
 * How many descriptors a process may have: as many as it is allowed, but for its programs; and that the
 * first three are its standard streams.
 *
 * The usual limit is as old as select. A role that has a descriptor for each connection or run needs more,
 * while the programs that it starts get what it found. And a few are for what the supervisor passes: a
 * role that has none left loses its configuration or its stream to core.
 *
 *   0 ... what others ask for ... limit - spare │ ... spare ... │ limit
 *
 * Owns: nothing. Runs in: gate, runner, caller, keepers; the standard streams in all. May call: open,
 * getrlimit and setrlimit, before the jail.
 */
#ifndef ASSENT_BASE_DESCRIPTORS_H
#define ASSENT_BASE_DESCRIPTORS_H

#include <stdbool.h>

/* Opens those standard streams that are closed, so that nothing else gets their numbers, and with them
 * what is told the user. Reading and writing them fails as before. Before anything else is opened. */
void descriptors_keep_standard_streams(void);

/* Once, before there is a second thread. */
void descriptors_raise_limit(void);

/* As it was before: for a process that becomes a program. */
void descriptors_restore_limit(void);

/* True if a new descriptor of that number is one to be kept for the supervisor: the kernel gives the
 * lowest that is free, so all others are taken. False while the limit was not raised. */
bool descriptors_is_spare(int fd);

/* True if a new descriptor would not be spare. `fd` is any that is open. */
bool descriptors_are_left(int fd);

#endif
