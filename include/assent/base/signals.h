/*
 * Signals as a new program expects them.
 *
 * Owns: nothing. Runs in: a process between fork and exec, or that forks. May call: rt_sigaction,
 * sigprocmask.
 */
#ifndef ASSENT_BASE_SIGNALS_H
#define ASSENT_BASE_SIGNALS_H

/* Gives every signal its default action and blocks none, whatever this process was started with. */
void signals_reset(void);

/* The first half of it: what is blocked stays so. */
void signals_set_default(void);

#endif
