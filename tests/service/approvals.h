/*
 * Requests for approval and plain notices: asking, showing, deciding, expiring. All are called with
 * the service's lock held.
 */
#ifndef TESTS_SERVICE_APPROVALS_H
#define TESTS_SERVICE_APPROVALS_H

#include <jansson.h>

#include "service.h"
#include "webhook.h"

/* `POST /v1/notify-operator`, validated as documented. */
struct reply approvals_ask(struct service *service, json_t *body);
/* `GET /v1/approvals/{id}`. */
struct reply approvals_show(struct service *service, const char *id);
void approvals_note_poll(struct service *service, const char *id);

/* Writes the decision down; false if there is no such request. */
bool approvals_decide(struct service *service, const struct decision *decision);
/* Puts what came of a webhook into the request's record, if there is one. */
void approvals_note_delivery(struct service *service, const char *id, json_t *delivery);

/* A thread: lets requests expire as the setting `expiry` says, until the service stops. */
void *approvals_run_clock(void *service);

#endif
