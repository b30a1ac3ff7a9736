/*
 * A hook of kind http and a record make one call: everything rendered, nothing sent yet.
 *
 * Owns: what its request points to; secrets are wiped when it is freed. Runs in: the caller.
 * May call: hook_request, relay_request, json.
 */
#ifndef ASSENT_CALLER_CALL_PLAN_H
#define ASSENT_CALLER_CALL_PLAN_H

#include "assent/base/problem.h"
#include "assent/caller/http_call.h"
#include "assent/config/config.h"
#include "assent/config/hook_request.h"

struct call_plan {
    struct http_request request; /* views into what follows */
    struct hook_request made;
    struct buffer tls_ca;
};

/* Fills the hook's templates from the record (JSON), or of a relay takes what stands there. Keeps no
 * pointer to any of them. 0 (call_plan_free), -EINVAL with a problem where the call can't be made of it, or -ENOMEM. */
int call_plan_make(const struct config *config, const struct config_hook *hook, const void *record,
                   size_t record_length, struct call_plan **ret_plan, struct problem *ret_problem);

/* Takes NULL. */
void call_plan_free(struct call_plan *plan);

#endif
