/*
 * The listening sockets: bound by the supervisor, or passed to it by systemd.
 *
 * Owns: nothing; descriptors belong to the caller. Runs in: the supervisor.
 * May call: socket, bind, listen, sd_listen_fds.
 */
#ifndef ASSENT_SUPERVISOR_SOCKETS_H
#define ASSENT_SUPERVISOR_SOCKETS_H

#include <stddef.h>

#include "assent/base/problem.h"
#include "assent/config/config.h"

#define SOCKETS_LIMIT (CONFIG_LISTEN_LIMIT + 1)

struct sockets {
    int fds[SOCKETS_LIMIT];
    size_t count;
};

/* Listens on every [server] listen address, or takes the sockets that systemd passed under the name
 * `public` (or without a name). 0, or negative errno with a problem that names the address. */
int sockets_open_public(const struct config *config, struct sockets *ret_sockets,
                        struct problem *ret_problem);

/* Listens on the socket of [control] or [agent] with its mode and group, replacing a socket file
 * that nobody listens on any more, and on every listen address; or takes the sockets that systemd
 * passed under the section's name. As above. */
int sockets_open_interface(const char *name, const struct config_interface *interface,
                           struct sockets *ret_sockets, struct problem *ret_problem);

void sockets_close(struct sockets *sockets);

#endif
