/*
 * Numbers with units, as the configuration writes them.
 *
 * Owns: nothing. Runs in: every role. Pure.
 */
#ifndef ASSENT_DOMAIN_QUANTITY_H
#define ASSENT_DOMAIN_QUANTITY_H

#include <stdint.h>

/* `500ms 30s 5m 1h 2d`: a whole number and one unit; `0` needs none. Milliseconds. 0, -EINVAL, or
 * -ERANGE over ten years. */
int quantity_duration(const char *text, int64_t *ret_ms);

/* `512 64K 1M 2G`: a whole number and one binary unit or none. Bytes. 0, -EINVAL, or -ERANGE. */
int quantity_size(const char *text, uint64_t *ret_bytes);

/* `100/s 10/min 500/h`: so many, 1 to 1,000,000, in so many milliseconds. 0, -EINVAL, or -ERANGE. */
struct quantity_rate {
    unsigned count; /* 0: without a limit */
    int64_t period_ms;
};
int quantity_rate(const char *text, struct quantity_rate *ret_rate);

#endif
