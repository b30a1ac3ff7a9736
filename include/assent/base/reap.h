/*
 * Ending what is left over, down to the last process.
 *
 * Owns: nothing. Runs in: the supervisor, the runner and its keepers. May call: process_tree, /proc,
 * pidfd_open, pidfd_send_signal, waitpid.
 */
#ifndef ASSENT_BASE_REAP_H
#define ASSENT_BASE_REAP_H

#include <stddef.h>
#include <sys/types.h>

/* Sends SIGKILL to everything below this process but the `keep_count` children in `keep` and what
 * is below them, and reaps those of its children that have ended. Returns how many of its children
 * are left to end (each tells by SIGCHLD when it has), or negative errno. */
int reap_once(const pid_t *keep, size_t keep_count);

/* As reap_once, again and again until nothing is left. Where this process is a subreaper, nothing
 * that a child ever started escapes: what loses its parent comes here. 0 or negative errno. */
int reap_orphans(const pid_t *keep, size_t keep_count);

/* Ends, with SIGKILL, every process of this one's user whose environment has an ASSENT_JOB_KEY that
 * begins with `prefix`, until a search finds none. For the hooks of an assentd of which nothing else
 * is left. 0 or negative errno. */
int reap_marked(const char *prefix);

#endif
