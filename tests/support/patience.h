/*
 * How long a test may wait, or say that something must not take longer.
 */
#ifndef ASSENT_TESTS_PATIENCE_H
#define ASSENT_TESTS_PATIENCE_H

#include <stdint.h>

/* So much time, or more if the machine has more to do than it has processors, or if a tool makes
 * everything slow, as CK_TIMEOUT_MULTIPLIER says. */
int64_t patience_ms(int64_t span);
/* Before one looks again for what has no event: 10 ms. */
void pause_a_little(void);

#endif
