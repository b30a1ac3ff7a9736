/*
 * The gate: hears HTTP, knows nothing, decides nothing.
 *
 * A request that arrived whole becomes one frame to core; its connection is suspended until core's
 * answer comes. What HTTP itself settles is answered here: what could be read in two ways (400), an
 * unknown path (404), a method that the path does not have (405), a body that is too large (413) or of
 * another type than JSON (415), a head that is too large (431), who comes too often or has too many
 * connections (429), and 503 with Retry-After while core is away or all places are taken.
 *
 *   supervisor ──channel──▶ main thread (sd-event) ◀──stream──▶ core
 *                              │  pending table  │ ◀──accept── clients
 *                    pool threads of libmicrohttpd ◀──HTTP──▶ clients
 *
 * Owns: its listening sockets, the connections, the requests that wait. Runs in: a process for each
 * of gate public, gate control and gate agent. May call: libmicrohttpd, GnuTLS; it opens no file and
 * no connection.
 */
#ifndef ASSENT_GATE_GATE_H
#define ASSENT_GATE_GATE_H

#include "assent/base/role.h"

/* The whole life of a gate process whose channel to the supervisor is CHANNEL_FD. `role` is
 * one of the gates. Returns the exit status. */
int gate_main(enum role role);

#endif
