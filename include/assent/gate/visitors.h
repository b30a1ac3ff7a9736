/*
 * What each address has here: its connections, and how many requests it may still send.
 *
 * Owns: its entries. Runs in: gate, under the lock of connections. May call: the allocator,
 * getrandom (at its start).
 */
#ifndef ASSENT_GATE_VISITORS_H
#define ASSENT_GATE_VISITORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/address.h"
#include "assent/domain/quantity.h"

/* Beyond so many addresses at once, the requests of all further ones count as one's, and their
 * connections are not counted. */
#define VISITORS_LIMIT ((size_t)1 << 17)

struct visitors;

int visitors_new(struct visitors **ret_visitors);

/* Counts a connection in, unless the address has `limit` of them. */
bool visitors_enter(struct visitors *visitors, const struct address *address, unsigned limit,
                    int64_t now_ms);
void visitors_leave(struct visitors *visitors, const struct address *address);

/* Counts a request. 0, or the seconds to wait before the next one. */
unsigned visitors_request(struct visitors *visitors, const struct address *address,
                          const struct quantity_rate *rate, int64_t now_ms);

/* Takes NULL. */
void visitors_free(struct visitors *visitors);

#endif
