/*
 * A program that is ready to be executed: its words, environment, record and place.
 *
 * The record becomes standard input as a sealed memory file: nobody has to feed a pipe, and a
 * program that does not read it holds nothing up.
 *
 * Owns: its texts and descriptors. Runs in: the runner (prepare), a child of a keeper (execute).
 * May call: hook_words, environment, json, memfd_create, execve.
 */
#ifndef ASSENT_RUNNER_PROGRAM_H
#define ASSENT_RUNNER_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

#include "assent/base/problem.h"
#include "assent/config/config.h"
#include "assent/runner/surroundings.h"

struct program {
    char **words;       /* NULL-terminated */
    char **environment; /* NULL-terminated */
    char *workdir;
    mode_t umask;
    int input;
    int output; /* taken from the caller, closed with the program; so is the next */
    int error;
};

/* Fills the hook's words and environment from the record. `output` and `error` are -1 in the result
 * until the caller puts descriptors there. 0 (program_clear), or negative errno with a problem. */
int program_prepare(const struct config_hook *hook, const struct surroundings *surroundings,
                    const void *record, size_t record_length, struct program *ret_program,
                    struct problem *ret_problem);

struct program_failure {
    int error; /* errno; 0 if there was none */
    struct problem problem;
};

/* Becomes the program, in a session of its own, with nothing open but its three streams and no signal
 * blocked; the actions of signals are the default ones already. Where that fails, says so in
 * `ret_failure`, which its parent can read, and exits. For a child by vfork: allocates nothing and
 * writes to no other memory. */
_Noreturn void program_execute(const struct program *program, struct program_failure *ret_failure);

/* Frees and closes what it holds. Takes NULL. */
void program_clear(struct program *program);

#endif
