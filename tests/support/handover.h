/*
 * What a role gets from its supervisor on the channel, from a test in the supervisor's place.
 *
 * Owns: nothing. Runs in: the test's process. May call: Check's assertions, channel.
 */
#ifndef ASSENT_TESTS_HANDOVER_H
#define ASSENT_TESTS_HANDOVER_H

#include <stddef.h>

#include "assent/base/role.h"

/* The bytes of a packed configuration, or of what shall not be one. */
void handover_config(int channel, const void *bytes, size_t length);
/* A new stream to `peer`; returns the peer's end of it. */
int handover_stream(int channel, enum role peer);

#endif
