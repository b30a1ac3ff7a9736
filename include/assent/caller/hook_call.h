/*
 * From START to RESULT: the runs of http hooks.
 *
 *   begin ─▶ call_plan ─▶ http_call ─▶ verdict ─▶ executor_finish
 *               └─ can't be made ────────────────────┘
 *
 * Owns: the calls under way. Runs in: the caller, in the thread of the loop.
 * May call: call_plan, http_call, verdict, executor, clock, log.
 */
#ifndef ASSENT_CALLER_HOOK_CALL_H
#define ASSENT_CALLER_HOOK_CALL_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "assent/base/executor.h"
#include "assent/config/config.h"

struct hook_calls;

/* The executor is told of every end; it is not owned. 0 or negative errno. */
int hook_calls_new(sd_event *loop, struct executor *executor, struct hook_calls **ret_calls);

/* Begins the attempt; what keeps it from beginning becomes its result. The configuration is not needed
 * any more afterwards. */
void hook_call_begin(struct hook_calls *calls, const struct config *config,
                     const struct protocol_start *start);

/* Ends the attempt's call as interrupted, and says whether it can have done anything by then; one
 * that has been answered with success by then succeeds. */
void hook_call_cancel(struct hook_calls *calls, const struct protocol_attempt *attempt);

/* What has come of the answer so far; valid until the loop goes on. False if there is no such call. */
bool hook_call_peek(struct hook_calls *calls, struct protocol_peeked *peeked);

/* Ends all calls under way, for that reason: by their status if they have one by then, those of
 * which nothing was sent as failed, the others as interrupted. */
void hook_calls_cut_off(struct hook_calls *calls, const char *reason);

/* By which they are made, lent for other calls that end before it. */
struct http_engine *hook_calls_engine(struct hook_calls *calls);

/* Ends them without a word. Takes NULL. */
void hook_calls_free(struct hook_calls *calls);

#endif
