/*
 * From LOOKUP to LOOKED_UP: what has become of a request, asked of its service.
 *
 *   begin ─▶ call_plan ─▶ http_call ─▶ verdict ─▶ executor_send
 *
 * A look-up is no attempt: nobody keeps it, and it ends without an answer when the stream that it
 * came on does.
 *
 * Owns: the look-ups under way. Runs in: the caller, in the thread of the loop.
 * May call: call_plan, http_call, verdict, executor, log.
 */
#ifndef ASSENT_CALLER_LOOKUP_CALL_H
#define ASSENT_CALLER_LOOKUP_CALL_H

#include "assent/base/executor.h"
#include "assent/caller/http_call.h"
#include "assent/config/config.h"

/* Look-ups under way at once; more are answered that there are too many. */
#define LOOKUP_CALL_LIMIT 64

struct lookup_calls;

/* Neither is owned, and both outlive it. 0 or -ENOMEM. */
int lookup_calls_new(struct executor *executor, struct http_engine *engine,
                     struct lookup_calls **ret_calls);

/* Begins it; what keeps it from beginning is its answer. The configuration is not needed any more
 * afterwards. */
void lookup_call_begin(struct lookup_calls *calls, const struct config *config,
                       const struct protocol_lookup *lookup);

/* Ends all of them without a word. Takes NULL. */
void lookup_calls_drop(struct lookup_calls *calls);

/* The same, for good. Takes NULL. */
void lookup_calls_free(struct lookup_calls *calls);

#endif
