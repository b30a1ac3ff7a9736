/*
 * When something is tried again, and how fast a hook may go.
 *
 * Owns: nothing. Runs in: core. Pure: time and chance are given.
 */
#ifndef ASSENT_DOMAIN_SCHEDULE_H
#define ASSENT_DOMAIN_SCHEDULE_H

#include <stdint.h>

#include "assent/domain/quantity.h"

/* How long to wait before the try that comes after `tries` others, which is at least one:
 *
 *     random between 0 and min(longest, base * 2^(tries - 1))
 *
 * Exponential backoff with full jitter, as in Marc Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015: of the ways to add chance it spreads those that failed together the
 * furthest. All in ms; `chance` is any number, uniformly drawn. */
int64_t schedule_backoff(int64_t base, int64_t longest, unsigned tries, uint64_t chance);

/* A rate as a token bucket that holds what comes in SCHEDULE_BURST_MS, and at least one token: runs
 * are spread evenly, and where many a second are allowed, timers need not be exact to the
 * millisecond. It is kept as one time, at which the bucket would be full again: the theoretical
 * arrival time of the generic cell rate algorithm (ITU-T I.371), in us since 1970. 0 is a full
 * bucket. */
#define SCHEDULE_BURST_MS 100

/* The bucket as it counts at `now_us`: one from a clock that went ahead of that is empty, no emptier. Who
 * waits for a token keeps this in its place, or it would be as empty whenever it is asked again. */
int64_t schedule_hold(const struct quantity_rate *rate, int64_t bucket, int64_t now_us);

/* When the next token is there, in us since 1970; at or before `now_us` if one is there now. */
int64_t schedule_ready_at(const struct quantity_rate *rate, int64_t bucket, int64_t now_us);

/* The bucket after one token was taken from it. */
int64_t schedule_take(const struct quantity_rate *rate, int64_t bucket, int64_t now_us);

#endif
