/*
 * Landlock, by its system calls: which files a process may use, down to what the kernel knows of it.
 *
 * Owns: nothing; what is put on can't be taken off. Runs in: every role, by its jail, in the main
 * thread, before there are others. May call: open, prctl, landlock_*.
 */
#ifndef ASSENT_BASE_LANDLOCK_H
#define ASSENT_BASE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/jail.h"

/* Of the kernel's Landlock; 0 if it has none. */
int landlock_version(void);

/* Only these paths, no TCP but outgoing where `connects` says so, no signals to others, no abstract
 * sockets. The kernel must have Landlock; no_new_privs must be set. 0, or negative errno with a
 * problem. */
int landlock_confine(const struct jail_path *paths, size_t count, bool connects,
                     struct problem *ret_problem);

/* All files as before, but no tracing of processes that don't descend from this one. 0 also where
 * the kernel can't do this without forbidding more; else negative errno with a problem. */
int landlock_separate(struct problem *ret_problem);

#endif
