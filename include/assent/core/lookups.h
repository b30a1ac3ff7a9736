/*
 * Look-ups: asking a service what has become of a request, for webhooks that never arrive, and once
 * more before the time of a request is over.
 *
 * They are spread over the interval and few at once, and nothing of one is kept but when the next one
 * is due. A decision that is found goes the same way as one that came.
 *
 * Owns: the list of those under way. Runs in: core, inside a transaction. May call: store, decide,
 * receive, stream.
 */
#ifndef ASSENT_CORE_LOOKUPS_H
#define ASSENT_CORE_LOOKUPS_H

#include "assent/core/internal.h"

/* The request is pending: plans its first look-up, where its service is polled. */
void lookups_begin(struct core *core, const struct store_request *request);

/* The configuration is another than `former`, or may be where that is NULL: plans the next look-up of
 * what was pending before its service was polled, or polled so often. */
void lookups_plan(struct core *core, const struct config *former);

/* Begins those that are due. */
void lookups_go_on(struct core *core);

/* When the next one is due, in ms since 1970; -ENOENT if none is. */
int lookups_next(struct core *core, int64_t *ret_time);

/* The time of the request is over. It is asked about once more before that counts, where its service
 * can be asked: then, or if it has to wait for that, its deadline is later now, and true is returned. */
bool lookups_last(struct core *core, struct store_request *request);

/* LOOKED_UP from the caller. 0 or negative errno for a frame that is none. */
int lookups_take(struct link *link, const struct frame *frame);

/* The caller is about to come, or to have another configuration: what is over waits for it a while. */
void lookups_await_caller(struct core *core);

/* The caller has gone, and with it all answers. */
void lookups_drop(struct core *core);

#endif
