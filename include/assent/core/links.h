/*
 * Core's streams to the other roles.
 *
 * A role that was started again comes with a new stream; it is taken only when the old one has been
 * read to its end, so that what the dead one said last is known before the new one's HELLO. A role
 * that sends what it may not loses its stream, and the supervisor is told to end it.
 *
 * Owns: the streams. Runs in: core. May call: stream, receive, api, work, waiters, channel.
 */
#ifndef ASSENT_CORE_LINKS_H
#define ASSENT_CORE_LINKS_H

#include "assent/core/internal.h"

void links_prepare(struct core *core);

/* Takes a stream over. 0 or negative errno. */
int links_take(struct core *core, int fd, enum role role);

/* Remembers what was sent by now, after a commit was begun; lets out what was sent then, once it is on
 * disk. */
void links_mark(struct core *core);
void links_flush_marked(struct core *core);

/* True while the other end takes what is sent to it, so that more may be. */
bool links_has_room(const struct link *link);

void links_close(struct core *core);

#endif
