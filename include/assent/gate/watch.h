/*
 * Sees clients leave while their requests wait: a suspended connection does not notice it itself.
 *
 * Owns: an epoll instance; the descriptors stay their connections'. Runs in: gate, main thread only.
 * May call: epoll.
 */
#ifndef ASSENT_GATE_WATCH_H
#define ASSENT_GATE_WATCH_H

#include <stdint.h>

#include "assent/gate/request.h"

struct watch;

int watch_new(struct watch **ret_watch);

/* Readable when watch_next has something. */
int watch_fd(const struct watch *watch);

/* 0 or negative errno. */
int watch_add(struct watch *watch, const struct request *request);
void watch_remove(struct watch *watch, const struct request *request);

/* 1 and the id of a request whose client left, or 0. The caller removes it. */
int watch_next(struct watch *watch, uint64_t *ret_id);

/* Takes NULL. */
void watch_free(struct watch *watch);

#endif
