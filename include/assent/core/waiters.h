/*
 * Those who wait for a request to be decided (?wait=SECONDS).
 *
 * Many may wait for one request, and its context may have megabytes. So whoever is to be answered
 * is only noted; the answers are made at the commit, one for all who wait for the same, and no more
 * of them than the gate takes: the others follow when it has taken those.
 *
 *   add ─▶ waits ─▶ (tell, its time is over, answer_all) due ─▶ (commit, with room) answered
 *            └─ forget
 *
 * Owns: the list of them. Runs in: core. May call: answer, links, record, store, sd-event.
 */
#ifndef ASSENT_CORE_WAITERS_H
#define ASSENT_CORE_WAITERS_H

#include <stdbool.h>

#include "assent/core/answer.h"

#define WAIT_LONGEST_SECONDS 55

/* Before all else. 0 or negative errno. */
int waiters_open(struct core *core);

/* Answers `asker` with the request once it is final, or as it is after `seconds`. */
void waiters_add(struct core *core, const struct asker *asker, int64_t request, int64_t seconds);

/* The request is final: those who wait for it are due. */
void waiters_tell(struct core *core, const struct store_request *request);

/* The client has gone. */
void waiters_forget(struct core *core, const struct asker *asker);
/* The gate has gone. */
void waiters_forget_all(struct core *core, struct link *link);
/* The gate stops: all of its askers are due, as things stand. */
void waiters_answer_all(struct core *core, struct link *link);

/* Answers those who are due, as far as their gates have room. Inside a transaction. */
void waiters_answer(struct core *core);
/* True if waiters_answer would answer somebody. */
bool waiters_can_answer(const struct core *core);

size_t waiters_count(const struct core *core);

void waiters_free(struct core *core);

#endif
