/*
 * The body of a registration to a typed request: the edge where an agent's JSON ends.
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

struct registration {
    struct store_request request; /* pending, complete but for its number */
    char *context;                /* compact JSON text of an object */
};

/* Reads a body. `owner` is who sent it, `now` the time in ms. Every field is taken in camelCase and
 * in snake_case; unknown ones are refused, so that a misspelled one is noticed. Returns 0
 * (registration_free), -EBADMSG with a problem that names the field, -EMSGSIZE with a problem, or
 * -ENOMEM. */
int registration_parse(const struct config *config, const void *body, size_t length,
                       const char *owner, int64_t now, struct registration *ret_registration,
                       struct problem *ret_problem);

/* Takes NULL. */
void registration_free(struct registration *registration);

#endif
