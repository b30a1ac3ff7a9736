/*
 * The jail that a role puts on itself: when it has all that it needs, before the first byte that
 * was made outside.
 *
 *   seccomp    which system calls, with which arguments; the one part that is never missing
 *   Landlock   which files and, in newer kernels, ports; no signals to others, no abstract sockets.
 *              Where the kernel has none, only file permissions are left
 *   the rest   no_new_privs, limits, capabilities; not dumpable: no core file, and no other process
 *              of the same user reads its memory
 *
 * What is not listed fails with EPERM. What no library does by itself, so that someone else must
 * have taken over the role, ends the process with SIGSYS, which the supervisor tells. Calls that
 * libc tries for newer kernels' sake fail with ENOSYS, so that it falls back to what is listed.
 *
 * The parts of seccomp are named as in its manual: a call by its name, so that one that this
 * processor doesn't have is passed over.
 *
 * Owns: nothing; a jail can't be left. Runs in: every role, in the main thread, before there are
 * others. May call: seccomp, landlock, prctl, setrlimit, capset.
 */
#ifndef ASSENT_BASE_JAIL_H
#define ASSENT_BASE_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"

enum jail_access {
    JAIL_READ,  /* may be missing */
    JAIL_CHANGE /* a directory: its files are made, read, written, renamed and removed */
};

struct jail_path {
    const char *path;
    enum jail_access access;
};

enum jail_verdict { JAIL_ALLOW, JAIL_REFUSE, JAIL_KILL };

/* Holds where `argument & mask == value`; a mask of 0 is no condition. Arguments count from 0. */
struct jail_condition {
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

#define JAIL_ARGUMENT(number, expected)                               \
    {                                                                 \
        .argument = (number), .mask = 0xffffffff, .value = (expected) \
    }
#define JAIL_BITS(number, bits, expected)                         \
    {                                                             \
        .argument = (number), .mask = (bits), .value = (expected) \
    }

/* A call with certain arguments. Rules of one call may not contradict each other. */
struct jail_rule {
    const char *call;
    enum jail_verdict verdict;
    int error; /* of JAIL_REFUSE */
    struct jail_condition conditions[2];
};

/* Rules against opening files in any other way than to read them. */
#define JAIL_KILL_WRITING(call, flags)                                   \
    {(call), JAIL_KILL, 0, {JAIL_BITS((flags), O_ACCMODE, O_WRONLY)}},   \
        {(call), JAIL_KILL, 0, {JAIL_BITS((flags), O_ACCMODE, O_RDWR)}}, \
    {                                                                    \
        (call), JAIL_KILL, 0,                                            \
        {                                                                \
            JAIL_BITS((flags), O_ACCMODE | O_CREAT, O_CREAT)             \
        }                                                                \
    }

/* Lists of names end with NULL, lists of rules with a call of NULL; NULL is an empty list. What
 * every role needs stands in jail.c and is not listed again. */
struct jail {
    const char *const *allowed;
    const char *const *killed;
    const struct jail_rule *rules;
    const struct jail_path *paths;
    size_t path_count;
    uint64_t capabilities; /* kept if there are any: bits of 1 << CAP_X */
    bool connects;         /* out over TCP */
    bool writes_files;     /* of any size; else only what standard error may be */
};

/* 0 if the kernel has what a jail can't be without, else -ENOSYS with a problem that says how to
 * start without jails. */
int jail_check(struct problem *ret_problem);
/* Whether the kernel can confine files too. */
bool jail_confines_files(void);

/* Puts the jail on, for good. 0, or negative errno with a problem. */
int jail_enter(const struct jail *jail, struct problem *ret_problem);

/* For a process whose programs inherit what it puts on: all calls but these, and no way into the
 * memory of processes that are not of its own making. 0, or negative errno with a problem. */
int jail_restrain(const char *const *refused, struct problem *ret_problem);

/* For a process without a jail: no other of the same user may read its memory. */
void jail_hide_memory(void);

#endif
