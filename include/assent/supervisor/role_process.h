/*
 * One role's process: starting it as this same program under its role's title.
 *
 * Owns: nothing. Runs in: the supervisor. May call: fork, execve, socketpair.
 */
#ifndef ASSENT_SUPERVISOR_ROLE_PROCESS_H
#define ASSENT_SUPERVISOR_ROLE_PROCESS_H

#include <limits.h>
#include <sys/types.h>

#include "assent/base/role.h"

/* This program's own file, kept open so that roles started later are the same program even after
 * an upgrade. */
struct role_program {
    char path[PATH_MAX];
    int fd;
};

/* Finds and opens it. 0 or negative errno. */
int role_program_open(struct role_program *ret_program);

/* Starts the role with a channel as CHANNEL_FD and `lock_fd` as CHANNEL_LOCK_FD. Gives the process
 * and the supervisor's end of the channel (non-blocking, close-on-exec). 0 or negative errno. */
int role_process_start(enum role role, const struct role_program *program, int lock_fd,
                       pid_t *ret_pid, int *ret_channel);

#endif
