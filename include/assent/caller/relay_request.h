/*
 * What is sent to pass a decision on to the URL that its request brought along.
 *
 * The URL came from an agent. Core has looked whether [relay] allows it; here it is looked at again, so
 * that not even core can have the caller post decisions anywhere else.
 *
 * Owns: nothing. Runs in: the caller. May call: hook_request, url, signature, standard_webhooks,
 * clock.
 */
#ifndef ASSENT_CALLER_RELAY_REQUEST_H
#define ASSENT_CALLER_RELAY_REQUEST_H

#include "assent/config/hook_request.h"

/* Makes a request of the record's `relay`: {"url", "event_id", "body"}, signed as of now. `request` is
 * empty before. 0 (hook_request_clear, also after a failure), -EINVAL with a problem where it can't
 * be made or may not be, -ENOMEM or -EIO. */
int relay_request_make(const struct config *config, const struct config_hook *hook,
                       const json_t *record, struct hook_request *request,
                       struct problem *ret_problem);

#endif
