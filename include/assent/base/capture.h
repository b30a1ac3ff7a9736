/*
 * Output that may be endless, kept in bounded memory: its head, its tail, and how much was dropped
 * between them.
 *
 * The first half of the limit keeps the head; the second half is a ring that keeps the tail.
 *
 * Owns: its memory, at most `limit` bytes, allocated as output comes. Runs in: runner and caller,
 * in the thread of the loop. May call: the allocator.
 */
#ifndef ASSENT_BASE_CAPTURE_H
#define ASSENT_BASE_CAPTURE_H

#include <stddef.h>

#include "assent/base/protocol.h"

struct capture;

/* Keeps at most `limit` bytes (0: none, all are counted as dropped). 0 or -ENOMEM. */
int capture_new(size_t limit, struct capture **ret_capture);

/* Takes more output. 0 or -ENOMEM: less than the limit is kept from now on, and still counted. */
int capture_add(struct capture *capture, const void *bytes, size_t length);

/* What is kept, as views into the capture, valid until it is touched again. The tail is put in
 * order in place. Where nothing was dropped, head and tail follow each other directly. */
void capture_view(struct capture *capture, struct protocol_output *ret_output);

/* Takes NULL. */
void capture_free(struct capture *capture);

#endif
