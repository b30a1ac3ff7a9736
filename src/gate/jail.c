#include "assent/gate/jail.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "assent/base/jail.h"
#include "assent/base/log.h"

static const char *const allowed[] = {"accept4", "sendfile", NULL};

static const char *const killed[] = {
    "bind",       "connect", "creat",    "link",      "linkat",   "mkdir",     "mkdirat",
    "mknod",      "mknodat", "rename",   "rmdir",     "renameat", "renameat2", "socket",
    "socketpair", "symlink", "truncate", "symlinkat", "unlinkat", "unlink",    NULL};

static const struct jail_rule rules[] = {
    {"clone", JAIL_ALLOW, 0, {JAIL_BITS(0, CLONE_THREAD, CLONE_THREAD)}},
    {"clone", JAIL_KILL, 0, {JAIL_BITS(0, CLONE_THREAD, 0)}},
    JAIL_KILL_WRITING("open", 1),
    JAIL_KILL_WRITING("openat", 2),
    {0}};

int gate_jail_enter(void)
{
    static const struct jail jail = {.allowed = allowed, .killed = killed, .rules = rules};
    struct problem problem;
    int r = jail_enter(&jail, &problem);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, NULL);
    }
    return r;
}
