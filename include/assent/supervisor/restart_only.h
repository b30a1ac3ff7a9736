/*
 * What a reload can't change: the sockets, the store and the jails are those of the start.
 *
 * Owns: nothing. Runs in: the supervisor. May call: log.
 */
#ifndef ASSENT_SUPERVISOR_RESTART_ONLY_H
#define ASSENT_SUPERVISOR_RESTART_ONLY_H

#include "assent/config/config.h"

/* Logs a warning for each key that `config` has otherwise than `old`, and that counts only after a
 * restart. */
void restart_only_warn(const struct config *old, const struct config *config);

#endif
