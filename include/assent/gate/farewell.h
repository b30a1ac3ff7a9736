/*
 * Connections that were answered before all of their request had come.
 *
 * If they were closed at once, what the client still sends would be answered with a reset, and the
 * reset may reach it before it has read its answer. So the end is said, and what still comes is read
 * and dropped, for a moment.
 *
 * Owns: an epoll instance, and the descriptors that it keeps. Runs in: gate; farewell_add in any
 * thread, the rest in the main thread. May call: epoll, dup.
 */
#ifndef ASSENT_GATE_FAREWELL_H
#define ASSENT_GATE_FAREWELL_H

struct farewell;

int farewell_new(struct farewell **ret_farewell);

/* Readable when farewell_read has something to do. */
int farewell_fd(const struct farewell *farewell);

/* Keeps a descriptor of its own for the connection of `fd`, whose last answer was written. Where too
 * many are kept already it does nothing. */
void farewell_add(struct farewell *farewell, int fd);

/* Drops what came, and closes what is at its end. */
void farewell_read(struct farewell *farewell);
/* Closes what was kept for long enough. */
void farewell_expire(struct farewell *farewell);

/* Takes NULL. */
void farewell_free(struct farewell *farewell);

#endif
