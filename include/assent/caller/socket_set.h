/*
 * The sockets that libcurl works on, in an epoll of their own.
 *
 * libcurl forgets the socket of a kept connection after each call, and asks for it again with the next: so it
 * stays in the epoll in between, and rests. What the kernel still tells of a socket whose number was
 * given to another one meanwhile is void.
 *
 * Owns: the epoll; no socket. Runs in: the caller, in the thread of the loop. May call: epoll.
 */
#ifndef ASSENT_CALLER_SOCKET_SET_H
#define ASSENT_CALLER_SOCKET_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct socket_set;

/* So many that are ready are told at once at most. */
#define SOCKET_SET_READY 64

int socket_set_new(struct socket_set **ret_set);
/* Readable when a socket is ready. */
int socket_set_fd(const struct socket_set *set);

/* It was opened by us, who say when it is closed. 0 or -ENOMEM. */
int socket_set_opened(struct socket_set *set, int fd);
/* It is going to be closed. */
void socket_set_closed(struct socket_set *set, int fd);

/* Is told from now on when it is ready for these events: EPOLLIN, EPOLLOUT, or 0. 0 or negative errno. */
int socket_set_want(struct socket_set *set, int fd, uint32_t events);
/* It is not wanted any more. One that was not opened by us, as those of libcurl's resolver, may be closed
 * without a word: nothing of it is left. 0 or -ENOMEM. */
int socket_set_rest(struct socket_set *set, int fd);

/* From now on what comes while it rests is nothing unusual. */
void socket_set_may_speak(struct socket_set *set, int fd);

/* What is ready now: how many of them, 0 also on failure. What something came on while it rested, though
 * it may not speak, is shut down: it can't be used any more. */
int socket_set_ready(struct socket_set *set, struct epoll_event ret_ready[SOCKET_SET_READY]);
/* True with the socket and its events, unless that is void by now, or it rests. */
bool socket_set_take(struct socket_set *set, const struct epoll_event *ready, int *ret_fd,
                     uint32_t *ret_events);

/* Takes NULL. */
void socket_set_free(struct socket_set *set);

#endif
