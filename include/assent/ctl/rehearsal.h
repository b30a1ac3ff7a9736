/*
 * A run that does not take place: the record that a hook would get for a request, as core would
 * build it for a job that there is not.
 *
 * Owns: a struct rehearsal owns its texts. Runs in: assentctl. Pure. May call: hook_record, items,
 * json.
 */
#ifndef ASSENT_CTL_REHEARSAL_H
#define ASSENT_CTL_REHEARSAL_H

#include <jansson.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/config/config.h"
#include "assent/domain/decision.h"

struct rehearsal_setup {
    const struct config *config;
    const struct config_hook *hook;
    const json_t
        *request;       /* a registration's body, a request as the daemon shows it, or a record */
    const char *status; /* one of REHEARSAL_STATUSES; NULL: the request's own, or as the hook is
                              configured to be started */
    const char *by;     /* who decides; NULL: as in the request */
    const char *reason; /* why it is denied, alike */
    int64_t item;       /* of a fan-out */
    int64_t now;
};

#define REHEARSAL_STATUSES "approved|denied|expired"

/* Empty is all zeros. */
struct rehearsal {
    const char *request_id; /* a view of the request, as is the next */
    const char *action;
    enum request_state status;
    bool failed;        /* it is started because another hook has given up */
    bool started;       /* the configuration starts the hook for that action and status */
    int64_t items;      /* of a fan-out */
    struct buffer text; /* the record, as JSON */
    json_t *record;     /* the same as a value */
};

/* Returns 0 (rehearsal_clear, also after a failure), or -EINVAL with a problem: the request is none,
 * or has no such item. */
int rehearsal_make(const struct rehearsal_setup *setup, struct rehearsal *rehearsal,
                   struct problem *ret_problem);

void rehearsal_clear(struct rehearsal *rehearsal);

#endif
