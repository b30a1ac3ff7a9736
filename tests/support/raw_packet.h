/*
 * A packet on a channel between supervisor and role as channel_send would never make it.
 *
 * Owns: nothing. Runs in: the test's process, a hostile role, a fuzzer. May call: nothing.
 */
#ifndef ASSENT_TESTS_RAW_PACKET_H
#define ASSENT_TESTS_RAW_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_PACKET_DESCRIPTORS 8 /* at the most */

/* With so many copies of standard input. It does not wait; false if the packet was not taken. */
bool raw_packet_send(int channel, const void *bytes, size_t length, size_t descriptors);

#endif
