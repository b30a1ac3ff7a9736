/*
 * What an attacker might say between the roles: frames of every type with odd values, spoilt frames,
 * and plain noise, all of it the same again for the same seed.
 */
#ifndef ASSENT_TESTS_NASTY_H
#define ASSENT_TESTS_NASTY_H

#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

struct nasty {
    uint64_t state;
    const char *const *texts; /* what it has learned: put in where a text is due; NULL-terminated */
};

/* From ASSENT_TEST_SEED, or this one. Prints it, so that a failure can be had again. */
struct nasty nasty_begin(const char *what, const char *const *texts);
/* How long to go on: ASSENT_TEST_FUZZ_SECONDS, or 5. */
int64_t nasty_duration_ms(void);

/* 0 to limit - 1. */
uint32_t nasty_below(struct nasty *nasty, uint32_t limit);
void nasty_noise(struct nasty *nasty, struct buffer *out, size_t length);
/* A payload as a frame of that type might have it. */
void nasty_payload(struct nasty *nasty, uint16_t type, struct buffer *out);
/* Changes, cuts or lengthens the bytes from `offset` on a little. */
void nasty_spoil(struct nasty *nasty, struct buffer *bytes, size_t offset);
/* A whole frame, of which anything may be wrong. */
void nasty_frame(struct nasty *nasty, struct buffer *out);
/* A frame of that type, of which only the values are odd. */
void nasty_frame_of(struct nasty *nasty, uint16_t type, struct buffer *out);

#endif
