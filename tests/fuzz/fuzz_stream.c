/*
 * Any bytes on a stream socket, in pieces of any size, to one who answers each frame with its payload
 * and hears no more while answers wait: however they were cut, the frames are those that a simple
 * reading finds, and the end is told once, for the right reason.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/stream.h"

#define HEADER      6
#define FRAME_LIMIT 200
#define QUEUE_LIMIT 300

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct reading {
    const uint8_t *at;
    size_t left;
    int ends;
    int reason;
};

/* What a simple reading finds next: 1 and a frame, 0 at the end, or why there can be no more. */
static int next(struct reading *reading, struct frame *ret_frame)
{
    uint32_t length;

    if (reading->left < HEADER) {
        return 0;
    }
    length = (uint32_t)reading->at[0] | (uint32_t)reading->at[1] << 8 |
             (uint32_t)reading->at[2] << 16 | (uint32_t)reading->at[3] << 24;
    if (length < 2 || length > 2048) {
        return -EBADMSG;
    }
    if (length - 2 > FRAME_LIMIT) {
        return -EMSGSIZE;
    }
    if (reading->left - 4 < length) {
        return 0;
    }
    *ret_frame = (struct frame){(uint16_t)(reading->at[4] | reading->at[5] << 8),
                                reading->at + HEADER, length - 2};
    reading->at += 4 + length;
    reading->left -= 4 + length;
    return 1;
}

static int on_frame(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct frame expected = {0};

    assert(next(userdata, &expected) == 1);
    assert(frame->type == expected.type && frame->length == expected.length);
    assert(memcmp(frame->payload, expected.payload, frame->length) == 0);
    (void)stream_send(stream, frame->type, frame->payload, frame->length);
    assert(stream_queued(stream) <= QUEUE_LIMIT + HEADER + FRAME_LIMIT);
    return 0;
}

static void on_end(struct stream *stream, int reason, void *userdata)
{
    struct reading *reading = userdata;
    struct frame frame = {0};

    (void)stream;
    assert(next(reading, &frame) == reason);
    reading->ends++;
    reading->reason = reason;
}

static void settle(sd_event *loop)
{
    while (sd_event_run(loop, 0) > 0) {
    }
}

static void listen_to(int fd)
{
    char drop[4096];

    while (recv(fd, drop, sizeof drop, MSG_DONTWAIT) > 0) {
    }
}

/* The first byte says how large the pieces are, and how often the answers are read. */
static void say(sd_event *loop, int fd, const uint8_t *bytes, size_t length, uint8_t how)
{
    size_t piece = 1 + (how & 63u);
    unsigned round = 0;

    for (size_t done = 0; done < length; done += piece) {
        size_t size = length - done < piece ? length - done : piece;

        if (send(fd, bytes + done, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            break;
        }
        settle(loop);
        if (round++ % (1 + (how >> 6)) == 0) {
            listen_to(fd);
            settle(loop);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct reading reading = {.at = bytes + 1, .left = length - 1};
    const struct stream_setup setup = {
        .frame_limit = FRAME_LIMIT,
        .queue_limit = QUEUE_LIMIT,
        .on_frame = on_frame,
        .on_end = on_end,
        .userdata = &reading,
    };
    static sd_event *loop;
    struct stream *stream;
    int ends[2];

    if (length < 2 || length > 2048) {
        return 0;
    }
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    assert(loop || sd_event_new(&loop) >= 0);
    assert(stream_open(loop, ends[0], &setup, &stream) == 0);
    stream_cork(stream, (bytes[0] & 1) != 0);
    say(loop, ends[1], bytes + 1, length - 1, bytes[0]);
    (void)close(ends[1]);
    settle(loop);
    assert(reading.ends == 1);
    stream_free(stream);
    return 0;
}
