/*
 * What the end of a call means: how its attempt ended, and whether it may be made again.
 *
 *   the end of the call                 sends {job.key}           does not
 *   nothing of it was sent              failed, again             failed, again
 *   a status that `expect` names        succeeded                 succeeded
 *   425, 429 or 503                     failed, again             failed, again
 *   another status of 500 and up        failed, again             interrupted
 *   any other status                    failed                    failed
 *   no answer                           interrupted               interrupted
 *   half of one that is needed          interrupted               interrupted
 *
 * A call without the key that was redirected to something to look at may have been done before that
 * was refused: it is interrupted by 425, 429 and 503 too.
 *
 * Owns: nothing. Runs in: the caller. Pure. May call: json, buffer, text.
 */
#ifndef ASSENT_CALLER_VERDICT_H
#define ASSENT_CALLER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/caller/http_call.h"
#include "assent/config/config.h"

/* No other end can put a call off for longer. */
#define VERDICT_PAUSE_LIMIT_MS (24 * INT64_C(3600000))

/* What the hook says. */
struct verdict_rules {
    const struct config_status_range *expect;
    size_t expect_count;
    bool sends_key;
    bool needs_answer; /* a status alone is none: the body says what has become of it */
    int64_t timeout_ms;
};

struct verdict {
    enum protocol_ending ending;
    enum protocol_again again;
    int64_t again_after_ms; /* as Retry-After and `retry_after` say, the longer of both */
};

/* True if it was answered as the hook expects. */
bool verdict_succeeds(const struct verdict_rules *rules, const struct http_end *end);

/* Judges the end, and appends to `why`, unless it succeeded, what was and what may have been done.
 * What the other end said may be in it. 0, or -ENOMEM: the verdict holds all the same. */
int verdict_reach(const struct verdict_rules *rules, const struct http_end *end,
                  struct verdict *ret_verdict, struct buffer *why);

#endif
