/*
 * What the supervisor and a role say to each other, with the descriptors it hands over.
 *
 * A SOCK_SEQPACKET pair: one message is one packet, so a message arrives whole or not at all.
 *
 * Owns: nothing; descriptors that arrive belong to the receiver. Runs in: the supervisor and every
 * role, in the thread of the event loop. May call: sendmsg, recvmsg, memfd_create.
 */
#ifndef ASSENT_BASE_CHANNEL_H
#define ASSENT_BASE_CHANNEL_H

#include <stdint.h>

#include "assent/base/buffer.h"

/* The descriptor on which a role finds its channel when it starts. */
#define CHANNEL_FD 3
/* The descriptor that holds the lock of the state directory; the last role to go releases it. */
#define CHANNEL_LOCK_FD 4

enum channel_message {
    /* supervisor to role */
    CHANNEL_CONFIG = 1, /* fd: a sealed memfd with the role's configuration; at start and reload */
    CHANNEL_LISTEN,     /* fd: a listening socket (gates) */
    CHANNEL_STREAM,  /* fd: one end of a stream; argument (to core): enum role of the other end */
    CHANNEL_START,   /* all of the above has been sent: begin */
    CHANNEL_QUIESCE, /* (core) start nothing new: the end is near */
    CHANNEL_STOP,    /* finish what must be finished and exit */
    CHANNEL_PING,    /* say PONG: the supervisor wants to know that the event loop turns */
    /* role to supervisor */
    CHANNEL_READY,    /* the role works */
    CHANNEL_PONG,     /* one for each PING */
    CHANNEL_RELOADED, /* argument: 0, or the errno-like code for which the old configuration stays */
    CHANNEL_BROKEN,   /* (core) argument: the enum role that sent what it may not: end it */
    CHANNEL_LOST, /* (not core) its stream to core is of no use any more: it is to get another */
};

struct channel_packet {
    enum channel_message message;
    uint32_t argument;
    int fd; /* -1 if none came */
};

/* Sends one message, with a duplicate of `fd` unless it is -1. 0 or negative errno (-EAGAIN when
 * the other end does not read, -EPIPE when it is gone). */
int channel_send(int channel, enum channel_message message, uint32_t argument, int fd);

/* Receives one message; blocks if the socket does. 1 with a message, 0 when the other end is gone,
 * -EAGAIN, -EBADMSG for a packet that channel_send does not make, or negative errno. The received
 * descriptor is close-on-exec. */
int channel_receive(int channel, struct channel_packet *ret_packet);

/* The bytes as a sealed, read-only memory file. Returns the descriptor or negative errno. */
int channel_memory_file(const char *name, const void *bytes, size_t length);

/* Reads a whole memory file from its beginning and closes it. 0 or negative errno. */
int channel_read_memory_file(int fd, struct buffer *ret_bytes);

#endif
