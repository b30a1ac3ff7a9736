/*
 * Control groups of runs, where the kernel and whoever runs assentd give us some: so that all of a
 * run can be ended at one blow (cgroup.kill), however fast it forks, and also when everything that
 * watched over it is gone.
 *
 *   own cgroup          the runner, and whatever else is in it
 *   └── assentd-ID      nothing; ID is of the runner's directory, so that two daemons keep apart
 *       ├── 1           a keeper and what it keeps, run after run
 *       └── 2
 *
 * A process is born into its parent's group, so only keepers are put into theirs. Before a keeper
 * kills its group it leaves it.
 *
 * Needed are version 2 of cgroups with cgroup.kill (Linux 5.14), and the right to make groups below
 * our own: in a unit with `Delegate=yes` and without `ProtectControlGroups=yes`, or as root in a
 * container. No controller is enabled in them, so processes may stay in the group above.
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst of Linux.
 *
 * Owns: the groups. Runs in: the runner; a keeper uses its own group.
 * May call: /proc, the cgroup file system, clone3.
 */
#ifndef ASSENT_RUNNER_CGROUP_H
#define ASSENT_RUNNER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "assent/base/problem.h"

struct cgroup {
    char *path; /* NULL: there are none */
};

/* Finds the place for all runs of the runner that has this directory, ends every process that an
 * earlier runner left in it, and sees that groups can be made and used. 0, or negative errno with a
 * problem: there are no cgroups for us. -EIO: what was left can't be ended. */
int cgroup_open_all(const char *directory, struct cgroup *ret_all, struct problem *ret_problem);

/* Makes a group in it. 0 or negative errno. */
int cgroup_make(const struct cgroup *all, unsigned number, struct cgroup *ret_group);

/* As fork, and the child is born into the group, where there is one. */
pid_t cgroup_fork(const struct cgroup *group);

/* Takes this process out of it, back to where the runner is. 0 or negative errno. */
int cgroup_leave(const struct cgroup *group);

/* Sends SIGKILL to every process in it, and to those that are just being forked. cgroup_fork is of no
 * use after that: Linux (6.18 at least) then compares the number of its kills with that of the
 * caller's own group, and kills the new process too. */
void cgroup_kill(const struct cgroup *group);

/* Whether a program has made groups in it. */
bool cgroup_is_branched(const struct cgroup *group);

/* Removes it and what groups were made in it, if nothing lives there, and the one above, if it is the
 * last. */
void cgroup_remove(const struct cgroup *group);

/* Frees what it holds, the group stays. Takes an empty one. */
void cgroup_clear(struct cgroup *group);

#endif
