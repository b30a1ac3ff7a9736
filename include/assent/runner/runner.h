/*
 * The runner: runs programs. It is given a hook's name and a record, never a command line.
 *
 * Each run has a keeper (keeper.h), forked for it or left free by the run before, which is the
 * subreaper of all that the hook starts; the runner itself watches pipes and timers in one event loop.
 *
 * Owns: the keepers, the captured output. Runs in: a process of its own, one thread.
 * May call: fork and exec, executor; no database, no connection of its own.
 */
#ifndef ASSENT_RUNNER_RUNNER_H
#define ASSENT_RUNNER_RUNNER_H

/* The whole life of the runner process whose channel to the supervisor is CHANNEL_FD. Returns the
 * exit status. */
int runner_main(void);

#endif
