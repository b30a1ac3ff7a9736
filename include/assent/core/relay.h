/*
 * Relays: a decision about a request that brought a callbackUrl of its own is posted on to it, where
 * [relay] allows that URL.
 *
 * It is a job of the built-in hook `relay decision`, so that it is tried again as any call is. The
 * caller signs it, and looks at the URL once more.
 *
 * Owns: nothing. Runs in: core, inside a transaction. May call: store, work, url.
 */
#ifndef ASSENT_CORE_RELAY_H
#define ASSENT_CORE_RELAY_H

#include "assent/core/internal.h"

/* The request is final: passes that on, if it is a decision and may be. */
void relay_add(struct core *core, const struct store_request *request);

/* What the caller needs for the job: {"url", "event_id", "body"}; free(). */
char *relay_item(struct core *core, const struct store_request *request,
                 const struct store_job *job);

#endif
