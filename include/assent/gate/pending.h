/*
 * The requests that wait for core's answer: by id, and in the order they came.
 *
 * Owns: its buckets; requests stay their connection's. Runs in: gate, main thread only.
 * May call: the allocator.
 */
#ifndef ASSENT_GATE_PENDING_H
#define ASSENT_GATE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/gate/request.h"

struct pending;

int pending_new(struct pending **ret_pending);

/* Adds the newest request; its `since` is not before that of the one added last. */
void pending_add(struct pending *pending, struct request *request);

/* Removes and returns the request of that id, or NULL. */
struct request *pending_take(struct pending *pending, uint64_t id);
/* The oldest one, or NULL. */
struct request *pending_oldest(const struct pending *pending);

/* The oldest one that is not watched and waits since `before` or longer, or NULL. Once returned, it
 * counts as watched. */
struct request *pending_watch_next(struct pending *pending, int64_t before);

bool pending_has_unwatched(const struct pending *pending);

size_t pending_count(const struct pending *pending);

/* Takes NULL. */
void pending_free(struct pending *pending);

#endif
