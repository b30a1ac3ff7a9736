/*
 * A control group of its own for a test: below the one that the test is in, where it is allowed to
 * make some, as root is.
 */
#ifndef ASSENT_TESTS_CGROUP_SCRATCH_H
#define ASSENT_TESTS_CGROUP_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Makes one and writes its path. False where that can't be. */
bool cgroup_scratch_make(char *ret_path, size_t size);
/* No group can be made in it from now on. */
void cgroup_scratch_seal(const char *path);
/* Moves this process there. False if it can't be. For a child of a test: asserts nothing. */
bool cgroup_scratch_enter(const char *path);
/* How many groups are directly in it. */
size_t cgroup_scratch_count(const char *path);
/* Waits for the end of what lives there, for a while, and removes it with all in it. */
void cgroup_scratch_remove(const char *path);

#endif
