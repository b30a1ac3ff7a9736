/*
 * The supervisor: starts the roles, hands them what they may have, and ends them.
 *
 * It binds the sockets, takes the lock of the state directory, makes the streams between roles, and
 * gives each role its own part of the configuration. A role that dies is started again, after a
 * pause that grows; every role that talked to it gets a new stream. It ends all when it ends; the
 * roles also end when it dies, because their channel closes.
 *
 * Owns: the listening sockets, the lock, the role processes and whatever they leave behind (it is
 * their subreaper). Runs in: the first process. May call: fork, exec, bind, config_load.
 */
#ifndef ASSENT_SUPERVISOR_SUPERVISOR_H
#define ASSENT_SUPERVISOR_SUPERVISOR_H

#include "assent/config/config.h"

/* Runs the whole system until SIGTERM or SIGINT. `path` is the configuration file that `config` was
 * loaded from, for reloads; `config` is taken over. Returns the exit status. */
int supervisor_run(const char *path, struct config *config);

#endif
