/*
 * Changing many jobs at once.
 *
 * Owns: nothing. Runs in: assentctl. May call: ask, ctl.
 */
#ifndef ASSENT_CTL_BULK_H
#define ASSENT_CTL_BULK_H

#include "assent/ctl/ctl.h"

/* Which jobs; which of them there must be, the command says. */
#define BULK_OPTIONS                                                                           \
    {"hook", 0, "NAME", "of those, only runs of this hook"},                                   \
        {"request", 0, "ID", "of those, only those of this request"},                          \
    {                                                                                          \
        "service", 0, "NAME", "the service of that request, where several have one of that id" \
    }

struct bulk {
    const char *call;   /* `retry` */
    const char *states; /* one of which --state has to name: `failed|interrupted` */
    const char *done;   /* what they are then: `queued again` */
};

/* Makes the call for all jobs that the options choose, as often as it takes, and says how many there
 * were. Returns the exit status. */
int bulk_change(struct ctl *ctl, const struct arguments *arguments, const struct bulk *bulk);

/* Refuses the first of the options --state, --hook, --request and --service that was given: they say
 * nothing about what `subject` names. Returns CTL_OK or CTL_USAGE. */
int bulk_refuse_options(const struct ctl *ctl, const struct arguments *arguments,
                        const char *subject);

#endif
