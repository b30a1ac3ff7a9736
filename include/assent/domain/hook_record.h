/*
 * The record of a run: what a hook gets on its standard input, and its placeholders are filled from.
 *
 * Owns: nothing. Runs in: core, assentctl (to show what a hook would get). Pure. May call: json,
 * text.
 */
#ifndef ASSENT_DOMAIN_HOOK_RECORD_H
#define ASSENT_DOMAIN_HOOK_RECORD_H

#include <jansson.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/domain/decision.h"

/* Texts may be NULL and times 0 where there is no value, but for the id, the service, the action and
 * what is the job's. */
struct hook_record {
    const char *request_id;
    const char *service;
    const char *action;
    enum request_state status;
    const char *reason;
    const char *urgency;
    const char *denial_reason;
    const char *decided_by;
    int64_t decided_at;
    int64_t created_at;
    int64_t expires_at;
    int64_t job;
    const char *key;
    const char *hook;
    uint32_t attempt;
    const json_t *failed; /* of a run because another has given up: that one; else NULL */

    const char *context; /* JSON text, of a fan-out without its array */
    int64_t index;       /* of the item */
    const char *item;    /* JSON text; NULL: the run is not of an item */
    const char *relay;   /* JSON text, in its place, for the hook that relays; else NULL */
};

/* What the approval service would call a decision: `approval.granted`, ... */
const char *hook_record_event(enum request_state state);

/* Appends it as JSON. 0 or -ENOMEM. */
int hook_record_append(const struct hook_record *record, struct buffer *out);

#endif
