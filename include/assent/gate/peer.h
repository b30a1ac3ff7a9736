/*
 * Who is at the other end of a connection, as core is told.
 *
 * Owns: nothing. Runs in: gate, any thread. May call: getsockopt.
 */
#ifndef ASSENT_GATE_PEER_H
#define ASSENT_GATE_PEER_H

#include <stdbool.h>
#include <sys/socket.h>

#define PEER_TEXT_SIZE 64

/* `203.0.113.9` or `2001:db8::1`, without port or zone; `uid:1000` on a Unix socket; `unknown` where
 * the system does not say. */
void peer_text(const struct sockaddr *address, int fd, char ret_text[PEER_TEXT_SIZE]);

/* True for a Unix socket, listening or not. */
bool peer_is_unix(int fd);

#endif
