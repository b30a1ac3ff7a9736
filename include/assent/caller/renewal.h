/*
 * The caller's end for the sake of a new one, when a file that its jail lets in was replaced.
 *
 * The jail knows files, not names: of /etc/resolv.conf that was replaced, as DHCP clients do, the
 * new one stays outside, and no name would be found any more. So the caller tells core that it can
 * run nothing, finishes what it runs, and ends; the supervisor starts another one.
 *
 *   replaced ─▶ no digests ─▶ a pause, in which STARTs that were on their way are refused, so that
 *   core knows that they never began ─▶ nothing held any more ─▶ exit
 *
 * Owns: the watch of /etc. Runs in: the caller. May call: executor, sd-event, log.
 */
#ifndef ASSENT_CALLER_RENEWAL_H
#define ASSENT_CALLER_RENEWAL_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "assent/base/executor.h"

struct renewal;

/* Watches from now on; before the jail, which forbids to begin that. 0 or negative errno. */
int renewal_new(sd_event *loop, struct executor *executor, struct renewal **ret_renewal);

/* Whether the end is near, so that core may not be told of hooks that can be run. Takes NULL. */
bool renewal_begun(const struct renewal *renewal);
/* Nothing is held any more: exits if this was waited for. Takes NULL. */
void renewal_continue(struct renewal *renewal);

/* Takes NULL. */
void renewal_free(struct renewal *renewal);

#endif
