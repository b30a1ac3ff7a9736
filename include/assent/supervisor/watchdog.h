/*
 * The beat by which the service manager sees that we live, and we that the roles do.
 *
 * systemd gives a span to a service (WatchdogSec=, sd_watchdog_enabled(3)) in which it wants to hear of
 * it. In each quarter of that span it is told, and the supervisor looks after the roles.
 *
 * Owns: a timer of the event loop. Runs in: the supervisor. May call: sd_notify, sd-event.
 */
#ifndef ASSENT_SUPERVISOR_WATCHDOG_H
#define ASSENT_SUPERVISOR_WATCHDOG_H

#include <systemd/sd-event.h>

/* Beats in the span. A role that leaves so many pings unanswered hangs: those are counted and not the
 * time, since we may have been stopped ourselves. */
#define WATCHDOG_BEATS 4

struct watchdog;

/* Calls `on_beat` in each quarter of the span; never where the service manager gave none, and NULL is
 * the watchdog then. Roles that are started afterwards don't find the span in their environment. 0 or
 * negative errno; watchdog_free. */
int watchdog_new(sd_event *loop, void (*on_beat)(void *userdata), void *userdata,
                 struct watchdog **ret_watchdog);
void watchdog_free(struct watchdog *watchdog);

#endif
