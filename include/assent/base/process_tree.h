/*
 * The processes below this one, as /proc shows them.
 *
 * A process that leaves its session, its group or its parent still stays below the nearest
 * subreaper (PR_SET_CHILD_SUBREAPER), which is how it is found here.
 *
 * Owns: a tree owns its list. Runs in: the supervisor, the runner and its keepers.
 * May call: /proc, pidfd_open, pidfd_send_signal.
 */
#ifndef ASSENT_BASE_PROCESS_TREE_H
#define ASSENT_BASE_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    pid_t parent;
    unsigned long long started; /* in ticks since boot: with the pid, the name of one process */
};

/* Every process that is below this one at the time of the call; empty is all zeros. */
struct process_tree {
    struct process *items;
    size_t count;
};

/* Reads the tree, without the `keep_count` children in `keep` and what is below them. One that
 * comes while it is being read may be missed; a child that was there before is not. Zombies are
 * listed too. 0 (process_tree_free) or negative errno. */
int process_tree_read(const pid_t *keep, size_t keep_count, struct process_tree *ret_tree);

/* The same tree, without keeping any, by the kernel's lists of children (proc_pid_task_children(5)):
 * it takes as long as the tree is large, where process_tree_read looks at all processes there are. But a
 * child may be missed while another one ends. 0 (process_tree_free) or negative errno: -ENOENT where
 * the kernel has no such lists. */
int process_tree_list(struct process_tree *ret_tree);

/* A pidfd of the process, or negative errno: -ENOSYS where there are none, as under valgrind. */
int process_open(pid_t pid);
/* Signals the process by its pidfd, or by its pid where `fd` is negative. 0 or negative errno. */
int process_signal(pid_t pid, int fd, int signal);

/* Sends the signal to each of them that is still the same process. */
void process_tree_signal(const struct process_tree *tree, int signal);

/* Frees what it holds. Takes NULL. */
void process_tree_free(struct process_tree *tree);

#endif
