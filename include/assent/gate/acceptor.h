/*
 * A listening socket: accepts connections and hands them on.
 *
 * The HTTP library could do this, but its threads and whoever tells them to stop then race for the
 * socket's place in their epoll sets, and the library ends the process when one of them comes second.
 *
 * Owns: the listening socket; connections belong to who takes them. Runs in: gate, main thread.
 * May call: accept4, descriptors, sd-event, log.
 */
#ifndef ASSENT_GATE_ACCEPTOR_H
#define ASSENT_GATE_ACCEPTOR_H

#include <sys/socket.h>
#include <systemd/sd-event.h>

struct acceptor;

/* Takes a connection over, which does not block. */
typedef void acceptor_take(void *userdata, int fd, const struct sockaddr *address,
                           socklen_t length);

/* Leaves the last descriptors alone, which are for what the supervisor passes: whoever comes then waits.
 * Takes `fd` over, also on failure, and accepts from now on. 0 or negative errno. */
int acceptor_new(sd_event *loop, int fd, acceptor_take *take, void *userdata,
                 struct acceptor **ret_acceptor);

/* Accepts no more: who comes now waits for the next process that has the socket. */
void acceptor_quiesce(struct acceptor *acceptor);

/* Takes NULL. */
void acceptor_free(struct acceptor *acceptor);

#endif
