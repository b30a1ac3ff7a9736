/*
 * Whom a request comes from where a proxy brings it: X-Forwarded-For.
 *
 * Each proxy adds at the right whom it heard from, so what trusted proxies added is true, and all to
 * the left of it is anyone's word.
 *
 * Owns: nothing. Runs in: gate, any thread. Pure.
 */
#ifndef ASSENT_GATE_FORWARDED_H
#define ASSENT_GATE_FORWARDED_H

#include <stdbool.h>

#include "assent/config/config.h"
#include "assent/gate/head.h"

bool forwarded_is_trusted(const struct config_proxies *proxies, const struct address *address);

/* The rightmost address that is no trusted proxy's, or the leftmost one of these. False if a trusted
 * proxy named none; the head is one that such a proxy sent. */
bool forwarded_from(const struct head *head, const struct config_proxies *proxies,
                    struct address *ret_address);

#endif
