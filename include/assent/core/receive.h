/*
 * Webhooks: from the public gate's frame to the answer.
 *
 * Owns: nothing. Runs in: core. May call: signature, event, decide, store, answer.
 */
#ifndef ASSENT_CORE_RECEIVE_H
#define ASSENT_CORE_RECEIVE_H

#include "assent/core/internal.h"
#include "assent/domain/event.h"

/* Early events that are kept for one service; more are answered 503. */
#define RECEIVE_EARLY_LIMIT 10000

/* Takes one request of the public gate. */
void receive_request(struct link *link, const struct protocol_request *request);

/* Takes a decision that the service told when it was asked about the request of that number. */
void receive_event(struct core *core, const struct config_service *service,
                   const struct event *event, int64_t request);

#endif
