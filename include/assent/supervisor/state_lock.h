/*
 * The lock of the state directory: at most one assentd at a time, down to the last of its
 * processes.
 *
 * The lock belongs to the open file, which every role and every keeper of a hook inherits, hooks
 * do not. So a new supervisor gets it only when nothing of an old one lives that could still act.
 * The file holds the identity of the store beside it, written by core: the keys of its jobs begin
 * with it, by which hooks of an old run are recognised.
 *
 * Owns: nothing; the descriptor belongs to the caller. Runs in: the supervisor; core writes the
 * identity. May call: open, flock.
 */
#ifndef ASSENT_SUPERVISOR_STATE_LOCK_H
#define ASSENT_SUPERVISOR_STATE_LOCK_H

#include "assent/base/problem.h"

#define STATE_LOCK_IDENTITY_LIMIT 64

/* Makes the directory of `store_path` if it is missing, and takes the lock beside the store, waiting
 * as long as somebody has it. Gives the descriptor and the identity ("" if none was written yet).
 * 0, or negative errno with a problem. */
int state_lock_take(const char *store_path, int *ret_fd,
                    char ret_identity[STATE_LOCK_IDENTITY_LIMIT + 1], struct problem *ret_problem);

#endif
