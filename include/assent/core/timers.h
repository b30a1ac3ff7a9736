/*
 * What happens because time passes: requests expire, jobs become due, old things are removed.
 *
 * Owns: core's timers. Runs in: core. May call: store, decide, work, sd-event.
 */
#ifndef ASSENT_CORE_TIMERS_H
#define ASSENT_CORE_TIMERS_H

#include "assent/core/internal.h"

/* Makes the timers. 0 or negative errno. */
int timers_open(struct core *core);
/* Sets them to the next moments of which the store knows. After every commit. */
void timers_set(struct core *core);
/* Sees to it that room on disk is looked for again after a while, and then what waits is wanted anew. */
void timers_await_room(struct core *core);
void timers_close(struct core *core);

#endif
