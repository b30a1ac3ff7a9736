/*
 * What core counts for /metrics, and nobody else keeps: webhooks by what became of them, and how long
 * commits take. Counted in memory: a new core begins at 0, which those who read counters expect.
 *
 * Owns: its counters. Runs in: core. May call: the allocator.
 */
#ifndef ASSENT_CORE_METRICS_H
#define ASSENT_CORE_METRICS_H

#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/domain/decision.h"

struct metrics;

/* 0 or -ENOMEM. */
int metrics_new(struct metrics **ret_metrics);
/* Takes NULL. */
void metrics_free(struct metrics *metrics);

/* What became of a webhook: an enum outcome, or one of these. */
enum metrics_webhook {
    WEBHOOK_REFUSED = OUTCOME_COUNT, /* 401 */
    WEBHOOK_INVALID,                 /* 400 */
    WEBHOOK_PUT_OFF,                 /* 503 */
    WEBHOOK_COUNT,
};

/* When it was made: ms since 1970. */
int64_t metrics_started_at(const struct metrics *metrics);

/* One more. Without memory for a service that is new it is not counted. */
void metrics_webhook(struct metrics *metrics, const char *service, int what);
uint64_t metrics_webhook_count(const struct metrics *metrics, const char *service, int what);
/* `matched`, ..., `refused`, `invalid`, `put_off`. */
const char *metrics_webhook_name(int what);

/* A commit that changed something took so long. */
void metrics_commit(struct metrics *metrics, int64_t us);

#define METRICS_COMMIT_BUCKETS 12
struct metrics_commits {
    uint64_t buckets[METRICS_COMMIT_BUCKETS]; /* at most so long, longer than the one before */
    uint64_t count;
    uint64_t us; /* of all */
};
extern const int64_t metrics_commit_bounds_us[METRICS_COMMIT_BUCKETS];
const struct metrics_commits *metrics_commits(const struct metrics *metrics);

#endif
