#include "assent/core/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/jail.h"
#include "assent/base/log.h"

/* What SQLite uses, and the look at how full the disk is. */
static const char *const allowed[] = {
    "access",   "faccessat", "fallocate", "fchmod",     "fchown",     "fdatasync", "fstatfs",
    "fsync",    "ftruncate", "getcwd",    "lstat",      "newfstatat", "open",      "openat",
    "pwrite64", "pwritev",   "readlink",  "readlinkat", "rename",     "renameat",  "renameat2",
    "stat",     "statfs",    "truncate",  "umask",      "unlink",     "unlinkat",  NULL};

static const char *const killed[] = {"accept",  "accept4",   "bind",    "connect", "link",
                                     "linkat",  "mknod",     "mknodat", "socket",  "socketpair",
                                     "symlink", "symlinkat", NULL};

/* The store starts a thread, which is in this jail then. */
static const struct jail_rule rules[] = {
    {"clone", JAIL_ALLOW, 0, {JAIL_BITS(0, CLONE_THREAD, CLONE_THREAD)}},
    {"clone", JAIL_KILL, 0, {JAIL_BITS(0, CLONE_THREAD, 0)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_GETLK)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_SETLK)}},
    {0}};

static int enter(const char *directory, struct problem *ret_problem)
{
    const struct jail_path paths[] = {{directory, JAIL_CHANGE}};
    const struct jail jail = {
        .allowed = allowed,
        .killed = killed,
        .rules = rules,
        .paths = paths,
        .path_count = 1,
        .writes_files = true,
        /* Root may have been given a state directory that is another user's. */
        .capabilities = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER,
    };

    return jail_enter(&jail, ret_problem);
}

int core_jail_enter(const char *store_path)
{
    struct problem problem = {.text = "the jail can't be put on: no path of the state directory"};
    char *path = realpath(store_path, NULL);
    int r = path ? enter(dirname(path), &problem) : -errno;

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, NULL);
    }
    free(path);
    return r;
}
