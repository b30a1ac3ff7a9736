/*
 * Makes another process make a system call, as an attacker who owns it would.
 *
 * The process is stopped with ptrace, its registers are set to the call at a system call instruction
 * that it has mapped, that one instruction is executed, and all is put back as it was.
 */
#ifndef ASSENT_TESTS_INJECTOR_H
#define ASSENT_TESTS_INJECTOR_H

#include <stdbool.h>
#include <sys/types.h>

/* Texts for the arguments stand one after the other in the target's memory; this is the place of
 * the one at that offset. */
#define INJECTED_TEXT(offset) (-0x70000000l + (offset))

struct injected {
    int signal;  /* that the call ended the process with, or 0 */
    long result; /* of the call: as the kernel gives it, negative errno */
};

/* Whether this is permitted and known here; says why not. */
bool injection_possible(void);

/* `thread` is a process or one of its threads. Arguments that are INJECTED_TEXT become addresses in
 * `text`, which may be NULL. */
struct injected inject(pid_t thread, long call, const long arguments[6], const char *text,
                       size_t text_length);

#endif
