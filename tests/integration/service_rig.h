/*
 * The stand-in of the approval service (tests/service), in a process of its own, for a test.
 *
 *   struct service_rig *service = service_start();
 *   service_configure(service, house, "[action a]\n...");
 *   house_start(house);
 *   service_fail(service, "notify", "503", 2);           the next two calls fail
 *   ...the agent asks...
 *   service_await_asked(service, 3);
 *   json_t *asked = service_asked(service, 2);           text_at(asked, "/id"), /body/action, ...
 *   service_decide_as(service, text_at(asked, "/id"), "approved", "matched");
 *   service_free(service);
 *
 * All that can be scripted and looked at is listed at the top of tests/service/main.c. Whatever is
 * awaited comes before the patience of the harness is over, or the test fails. JSON that is
 * returned is a new reference: json_decref.
 */
#ifndef TESTS_INTEGRATION_SERVICE_RIG_H
#define TESTS_INTEGRATION_SERVICE_RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "integration/harness.h"

#define SERVICE_KEY "key_of-the-tests"

struct service_rig;

/* With SERVICE_KEY and the webhook secret of the harness, waiting until it listens. */
struct service_rig *service_start(void);
struct service_rig *service_start_with(const char *key, const char *secret);
/* Ends it; it must have run until then, and end well. Takes NULL. */
void service_free(struct service_rig *rig);
/* `http://127.0.0.1:PORT`, valid as long as the rig. */
const char *service_url(const struct service_rig *rig);
int service_port(const struct service_rig *rig);

/* The house asks this service; `sections` go on in [service daimon]. Not started yet. */
void service_configure(const struct service_rig *rig, struct house *house, const char *sections);

/* A call as an agent makes it, with the key; `body` may be NULL. The second goes to whatever speaks
 * as the service does. */
struct answer service_call(const struct service_rig *rig, const char *method, const char *path,
                           const char *body);
struct answer service_call_at(const char *base_url, const char *key, const char *method,
                              const char *path, const char *body);
/* A call of the operator's port. */
struct answer service_operate(const struct service_rig *rig, const char *method, const char *path,
                              const char *body);

/* --- scripting -------------------------------------------------------------------------------- */

/* Settings as JSON text: {"id_as": "request_id", "honour_client_id": false}. */
void service_set(const struct service_rig *rig, const char *settings);
/* `on`: notify, approvals, emails. `what`: a status, or close, take, cut, silent, nonsense, ... */
void service_fail(const struct service_rig *rig, const char *on, const char *what, int times);
/* The same with everything else that a fault may have, as JSON text. */
void service_fail_as(const struct service_rig *rig, const char *fault);
/* No fault is left there. */
void service_heal(const struct service_rig *rig, const char *on);
/* False: connections are refused until it listens again. Nothing is forgotten meanwhile. */
void service_listen(const struct service_rig *rig, bool listening);

/* Decides as JSON text says, posts the webhook, and returns {"id", "status", "deliveries"}. */
json_t *service_decide(const struct service_rig *rig, const char *decision);
/* The same with nothing but an id and a status, decided by ops@example.com, and assentd must answer
 * 200 with that outcome. */
void service_decide_as(const struct service_rig *rig, const char *id, const char *status,
                       const char *outcome);
/* Decides without a webhook: for those who poll. */
void service_decide_silently(const struct service_rig *rig, const char *id, const char *status);

/* --- looking ---------------------------------------------------------------------------------- */

/* Calls of notify-operator so far, of every outcome. */
size_t service_asked_count(const struct service_rig *rig);
/* Waits until there have been `count` of them. */
void service_await_asked(const struct service_rig *rig, size_t count);
/* One of them by its index, which must be there: {"at", "status", "outcome", "id", "body"}. */
json_t *service_asked(const struct service_rig *rig, size_t index);
/* Requests that exist. */
size_t service_request_count(const struct service_rig *rig);
/* One of them: {"id", "body", "status", "polls", "deliveries", ...}. */
json_t *service_request(const struct service_rig *rig, const char *id);
/* Waits until the request was asked for so often, or so many webhooks about it were answered (or
 * failed). */
void service_await_polls(const struct service_rig *rig, const char *id, int polls);
void service_await_deliveries(const struct service_rig *rig, const char *id, int deliveries);

/* What came of e-mails: counts, and with `full` all of them. */
json_t *service_emails(const struct service_rig *rig, bool full);
/* Waits until so many e-mails exist. */
void service_await_emails(const struct service_rig *rig, int created);

#endif
