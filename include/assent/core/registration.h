/*
 * The body of a registration, or of what is asked for, to a typed request: the edge where an agent's
 * JSON ends.
 *
 * Owns: a struct registration owns its texts. Runs in: core. May call: json, config, digest, text.
 */
#ifndef ASSENT_CORE_REGISTRATION_H
#define ASSENT_CORE_REGISTRATION_H

#include "assent/base/problem.h"
#include "assent/config/config.h"
#include "assent/core/store.h"

/* Of the context's JSON text. */
#define REGISTRATION_CONTEXT_LIMIT (16u << 20)

/* Requests that one can come after. */
#define REGISTRATION_AFTER_LIMIT 100

struct registration {
    struct store_request request; /* complete but for its number and, if it is asked for, its id */
    char *context;                /* compact JSON text of an object */

    /* of what is asked for */
    int64_t expires_in_ms;
    char *extra;    /* fields that are the service's matter, a JSON object; NULL: none */
    char *callback; /* where the agent wants the decision; NULL: nowhere */
    char *after[REGISTRATION_AFTER_LIMIT];
    size_t after_count;
};

/* Reads a body. `owner` is who sent it, `now` the time in ms. Every field is taken in camelCase and
 * in snake_case; unknown ones are refused, so that a misspelled one is noticed. Returns 0
 * (registration_free), -EBADMSG with a problem that names the field, -EMSGSIZE with a problem, or
 * -ENOMEM. */
int registration_parse(const struct config *config, const void *body, size_t length,
                       const char *owner, int64_t now, struct registration *ret_registration,
                       struct problem *ret_problem);

/* Reads the body of POST /v1/notify-operator: an approval request, or a notice, which has `issue`. Fields
 * that are not known here are kept for the service, which may know more than we do. Returns as
 * registration_parse. */
int registration_parse_ask(const struct config *config, const void *body, size_t length,
                           const char *owner, int64_t now, struct registration *ret_registration,
                           struct problem *ret_problem);

/* Takes NULL. */
void registration_free(struct registration *registration);

#endif
