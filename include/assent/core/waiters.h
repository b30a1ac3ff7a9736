/*
 * Those who wait for a request to be decided (?wait=SECONDS).
 *
 * Owns: the list of them. Runs in: core. May call: answer, record, store, sd-event.
 */
#ifndef ASSENT_CORE_WAITERS_H
#define ASSENT_CORE_WAITERS_H

#include "assent/core/answer.h"

#define WAIT_LONGEST_SECONDS 55

/* Answers `asker` with the request once it is final, or as it is after `seconds`. */
void waiters_add(struct core *core, const struct asker *asker, int64_t request, int64_t seconds);

/* The request is final: answers those who wait for it. */
void waiters_tell(struct core *core, const struct store_request *request);

/* The client has gone. */
void waiters_forget(struct core *core, const struct asker *asker);
/* The gate has gone. */
void waiters_forget_all(struct core *core, const struct link *link);
/* The gate stops: answers all of its askers as things stand. */
void waiters_answer_all(struct core *core, const struct link *link);

void waiters_free(struct core *core);

#endif
