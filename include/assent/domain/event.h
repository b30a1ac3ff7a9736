/*
 * A webhook's body to a typed event: the edge where untrusted JSON ends.
 *
 * The shapes of the service and of its two client libraries are all taken: camelCase and
 * snake_case, flat or inside `data`. A service may say instead by JSON Pointers where its fields
 * are; a field with a pointer is looked for there only. Where the decision has one, no event is
 * ignored: its name is what is found there.
 *
 * Whatever a body says more than once must be the same each time, or it is refused: a granted
 * decision never comes from a body that could also be read another way.
 *
 * Owns: a struct event owns its JSON; its texts point into it. Runs in: core. Pure.
 * May call: json, digest, text.
 */
#ifndef ASSENT_DOMAIN_EVENT_H
#define ASSENT_DOMAIN_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"
#include "assent/domain/decision.h"
#include "assent/domain/request_id.h"

/* Longer texts (who decided, why) are refused, so that one line of a log stays one. */
#define EVENT_TEXT_LIMIT        4096
#define EVENT_DELIVERY_ID_LIMIT 256

/* Where a service says its fields are; NULL for the usual places. */
struct event_pointers {
    const char *request_id;
    const char *decision;
    const char *decided_by;
    const char *decided_at;
    const char *reason;
    const char *event_id;
};

struct event {
    bool ignored;     /* signed, but no approval event: only name, delivery_id and json are set */
    const char *name; /* what the sender calls it, for the log; NULL if it says nothing */
    char delivery_id[EVENT_DELIVERY_ID_LIMIT + 1]; /* or the hexadecimal SHA-256 of the body */
    char request_id[REQUEST_ID_LIMIT + 1];
    enum decision decision; /* DECISION_GRANTED, _DENIED or _EXPIRED */
    const char *decided_by; /* NULL if not said */
    int64_t decided_at;     /* ms since 1970; 0 if not said or not readable */
    const char *reason;     /* of a denial; NULL if not said */
    json_t *json;           /* what the texts point into */
};

/* Reads a body. Returns 0 (event_free), -EBADMSG with a problem that may be shown to the sender, or
 * -ENOMEM or -EIO. `pointers` may be NULL. */
int event_parse(const void *body, size_t length, const struct event_pointers *pointers,
                struct event *ret_event, struct problem *ret_problem);

/* True for each word that a body may say its decision with. */
bool event_word_decides(const char *word);

/* Takes NULL. */
void event_free(struct event *event);

#endif
