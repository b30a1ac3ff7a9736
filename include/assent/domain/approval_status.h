/*
 * What a service says of a request that it is asked about (GET /v1/approvals/ID) to a typed event.
 *
 * The fields stand at the top, inside `result` or inside `data`, under the names that webhooks have;
 * where the service has JSON Pointers, they hold here too.
 *
 * Owns: nothing. Runs in: core. Pure. May call: event, json.
 */
#ifndef ASSENT_DOMAIN_APPROVAL_STATUS_H
#define ASSENT_DOMAIN_APPROVAL_STATUS_H

#include "assent/domain/event.h"

/* Reads an answer about the request of that id. Returns 1 and an event (event_free) if it is decided,
 * 0 if it is not, -EBADMSG with a problem (no JSON, or about another request), or -ENOMEM or -EIO. */
int approval_status_parse(const void *body, size_t length, const char *request_id,
                          const struct event_pointers *pointers, struct event *ret_event,
                          struct problem *ret_problem);

#endif
