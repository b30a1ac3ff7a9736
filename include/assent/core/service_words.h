/*
 * A request in the words of the approval service, for agents: who was written against the service
 * polls `while status is pending` and reads `approvedBy`, and knows nothing of a request that is held
 * until its steps are done. Operators see what is.
 *
 * Owns: nothing. Runs in: core. Pure.
 */
#ifndef ASSENT_CORE_SERVICE_WORDS_H
#define ASSENT_CORE_SERVICE_WORDS_H

#include <jansson.h>

#include "assent/base/role.h"
#include "assent/core/store.h"

/*
 * If this record of the request is for an agent's gate: `status` of one that is held or being
 * submitted becomes `pending`, `state` says what it is, and who decided it when, and why, is told
 * under the names that the service's webhooks have, in both spellings. Others are left as they are.
 */
void service_words_add(json_t *record, enum role reader, const struct store_request *request);

#endif
