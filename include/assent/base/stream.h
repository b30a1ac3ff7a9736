/*
 * Frames on a stream socket: how the roles talk.
 *
 * A frame is a 32-bit little-endian length of what follows, a 16-bit type, and the payload. A
 * stream reads whole frames and hands each to a handler; it writes without blocking and keeps what
 * the socket does not take yet. When the other end closes, everything it wrote before is handled
 * first, then the end is told once; a frame that was cut short was never received.
 *
 * Where every frame is answered, one who asks and does not listen would fill the memory: beyond
 * queue_limit no more frames are handled until the other end has taken some of what is queued. Only
 * one of two that talk to each other may have such a limit.
 *
 * Owns: the socket, its event source, both buffers. Runs in: every role, in the thread of its event
 * loop. May call: sd-event, recv and send.
 */
#ifndef ASSENT_BASE_STREAM_H
#define ASSENT_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/buffer.h"

struct stream;

struct frame {
    uint16_t type;
    const unsigned char *payload; /* valid until the handler returns */
    size_t length;
};

/* Called for each frame in order. A negative return ends the stream with that reason. The handler
 * must not free the stream. */
typedef int (*stream_frame_handler)(struct stream *stream, const struct frame *frame,
                                    void *userdata);

/* Called once, last: `reason` is 0 for an orderly end, else negative (-EMSGSIZE: a frame over the
 * limit; -EBADMSG: a malformed one; what the frame handler returned; the socket's error). The
 * handler may free the stream. */
typedef void (*stream_end_handler)(struct stream *stream, int reason, void *userdata);

/* Called when the other end has taken some of what was queued, and queue_limit is kept. The handler
 * must not free the stream. */
typedef void (*stream_room_handler)(struct stream *stream, void *userdata);

struct stream_setup {
    size_t frame_limit; /* of a received frame's payload */
    size_t queue_limit; /* while more than that is queued, nothing is read; 0 for none */
    stream_frame_handler on_frame;
    stream_end_handler on_end;
    stream_room_handler on_room; /* may be NULL */
    void *userdata;
};

/* Takes `fd` over (also on failure), makes it non-blocking and watches it. 0 or negative errno. */
int stream_open(sd_event *loop, int fd, const struct stream_setup *setup,
                struct stream **ret_stream);

/* Queues one frame; written as soon as the loop comes to it. 0, -ENOMEM, or -EPIPE after the end.
 * The payload is copied. */
int stream_send(struct stream *stream, uint16_t type, const void *payload, size_t length);

/* A corked stream keeps everything that is sent; uncorking writes it at once as far as the socket
 * takes it. What was let out before is still written while corked. Core corks its streams so that
 * nothing leaves before the commit. */
void stream_cork(struct stream *stream, bool corked);

/* Of a corked stream: remembers what is queued by now; lets out what was queued then. */
void stream_mark(struct stream *stream);
void stream_release_marked(struct stream *stream);

/* What the other end has written by now is all that it ever says: after that comes the orderly end,
 * also if somebody keeps the other end open. */
void stream_finish(struct stream *stream);

/* Bytes that are queued and not yet taken by the socket. */
size_t stream_queued(const struct stream *stream);

/* Closes the socket. Takes NULL; what was queued is lost. */
void stream_free(struct stream *stream);

#endif
