/*
 * What time it is. The one place that asks.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: clock_gettime.
 */
#ifndef ASSENT_BASE_CLOCK_H
#define ASSENT_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, UTC: for what is stored and shown. It can jump. */
int64_t clock_now_ms(void);

/* Milliseconds since some start: for spans within one process. It never goes back. */
int64_t clock_monotonic_ms(void);
/* The same in microseconds. */
int64_t clock_monotonic_us(void);

#endif
