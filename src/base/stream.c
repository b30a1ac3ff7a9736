#include "assent/base/stream.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

#define HEADER_SIZE 6
#define TYPE_SIZE   2
/* What one dispatch reads at most, so that one busy stream does not keep the loop. */
#define READ_SIZE (256u << 10)
/* A buffer that grew beyond this is given back once it is empty. */
#define IDLE_CAPACITY (1u << 20)

struct stream {
    int fd;
    sd_event_source *source;
    struct stream_setup setup;
    struct buffer in;
    struct buffer out;
    size_t out_written;  /* bytes at the front of `out` that the socket has taken */
    size_t out_released; /* bytes of `out` that may be written; beyond it they are corked */
    size_t out_marked;   /* bytes of `out` that the next stream_release_marked lets out */
    bool corked;
    bool broken; /* the other end takes nothing any more */
    bool paused; /* `in` may have whole frames, which wait for room in `out` */
    bool ended;
};

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* With a large frame goes what was made of it: JSON takes several times its length in small pieces,
 * which malloc would keep for ever. */
static void release_if_idle(struct buffer *buffer)
{
    if (buffer->length == 0 && buffer->capacity > IDLE_CAPACITY) {
        buffer_free(buffer);
        (void)malloc_trim(0);
    }
}

static bool is_full(const struct stream *stream)
{
    return !stream->broken && stream->setup.queue_limit > 0 &&
           stream_queued(stream) > stream->setup.queue_limit;
}

/* A paused stream that may go on is woken by its socket being writable, since that is what it waited
 * for; the socket may have nothing more to read. */
static void watch(struct stream *stream)
{
    bool full = is_full(stream);
    bool waiting = !stream->broken && stream->out_released > stream->out_written;
    bool going_on = stream->paused && !full;

    if (!stream->ended) {
        (void)sd_event_source_set_io_events(
            stream->source, (full ? 0 : EPOLLIN) | (waiting || going_on ? EPOLLOUT : 0));
    }
}

/* Errors are not told here: whoever broke the connection has also closed it, so the reading side
 * comes to the end, after what was still to be read. */
static void flush(struct stream *stream)
{
    while (!stream->broken && stream->out_released > stream->out_written) {
        ssize_t sent =
            send(stream->fd, stream->out.data + stream->out_written,
                 stream->out_released - stream->out_written, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            stream->broken = errno != EAGAIN;
            break;
        }
        stream->out_written += (size_t)sent;
    }
    if (stream->broken || stream_queued(stream) == 0) {
        stream->out.length = 0;
        stream->out_written = 0;
        stream->out_released = 0;
        stream->out_marked = 0;
        release_if_idle(&stream->out);
    } else if (stream->out_written > stream->out.length / 2) {
        buffer_consume(&stream->out, stream->out_written);
        stream->out_released -= stream->out_written;
        stream->out_marked -=
            stream->out_marked < stream->out_written ? stream->out_marked : stream->out_written;
        stream->out_written = 0;
    }
    watch(stream);
}

/* Lets out what is queued up to there. While the socket is full, the loop goes on with it. */
static void release(struct stream *stream, size_t end)
{
    bool waiting = stream->out_released > stream->out_written;

    stream->out_released = end > stream->out_released ? end : stream->out_released;
    if (!waiting) {
        flush(stream);
    }
}

static void end(struct stream *stream, int reason)
{
    stream->ended = true;
    stream->broken = true;
    (void)sd_event_source_set_enabled(stream->source, SD_EVENT_OFF);
    stream->setup.on_end(stream, reason, stream->setup.userdata);
}

/* Hands on every whole frame, as long as there is room for answers. Returns 0 or the reason to end. */
static int handle_frames(struct stream *stream)
{
    size_t offset = 0;
    int r = 0;

    stream->paused = false;
    while (r >= 0 && stream->in.length - offset >= HEADER_SIZE) {
        if (is_full(stream)) {
            stream->paused = true;
            break;
        }
        const unsigned char *header = stream->in.data + offset;
        uint32_t length = read_u32(header);
        struct frame frame;

        if (length < TYPE_SIZE) {
            return -EBADMSG;
        }
        if (length - TYPE_SIZE > stream->setup.frame_limit) {
            return -EMSGSIZE;
        }
        if (stream->in.length - offset - 4 < length) {
            break;
        }
        frame.type = (uint16_t)(header[4] | header[5] << 8);
        frame.payload = header + HEADER_SIZE;
        frame.length = length - TYPE_SIZE;
        offset += 4 + (size_t)length;
        r = stream->setup.on_frame(stream, &frame, stream->setup.userdata);
    }
    buffer_consume(&stream->in, offset);
    release_if_idle(&stream->in);
    return r < 0 ? r : 0;
}

/* Returns the bytes read, 0 at the end, or negative errno. */
static ssize_t fill(struct stream *stream)
{
    ssize_t count;

    if (buffer_reserve(&stream->in, READ_SIZE) < 0) {
        return -ENOMEM;
    }
    do {
        count = recv(stream->fd, stream->in.data + stream->in.length, READ_SIZE, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    stream->in.length += (size_t)count;
    return count;
}

/* Reads once. Returns 1 to go on, or what `end` is told. */
static int take_in(struct stream *stream)
{
    ssize_t count = fill(stream);
    int r;

    if (count == -EAGAIN) {
        return 1;
    }
    if (count <= 0) {
        return (int)count;
    }
    r = handle_frames(stream);
    return r < 0 ? r : 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct stream *stream = userdata;
    int r = 1;

    (void)source;
    (void)fd;
    /* Nobody is there to take what is queued, and to wait for. */
    stream->broken = stream->broken || (revents & (EPOLLHUP | EPOLLERR));
    if (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        flush(stream);
        if (stream->setup.on_room && !is_full(stream)) {
            stream->setup.on_room(stream, stream->setup.userdata);
        }
    }
    if (stream->paused) {
        r = handle_frames(stream);
        r = r < 0 ? r : 1;
    }
    if (r == 1 && !stream->paused && !is_full(stream)) {
        r = take_in(stream);
    }
    if (r <= 0) {
        end(stream, r);
    } else {
        watch(stream);
    }
    return 0;
}

int stream_open(sd_event *loop, int fd, const struct stream_setup *setup,
                struct stream **ret_stream)
{
    struct stream *stream = calloc(1, sizeof *stream);
    int r = stream ? 0 : -ENOMEM;

    if (r == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        r = -errno;
    }
    if (r == 0) {
        stream->fd = fd;
        stream->setup = *setup;
        r = sd_event_add_io(loop, &stream->source, fd, EPOLLIN, on_io, stream);
    }
    if (r < 0) {
        (void)close(fd);
        free(stream);
        return r;
    }
    *ret_stream = stream;
    return 0;
}

int stream_send(struct stream *stream, uint16_t type, const void *payload, size_t length)
{
    unsigned char header[HEADER_SIZE];
    uint32_t frame_length = (uint32_t)length + TYPE_SIZE;

    assert(length <= UINT32_MAX - TYPE_SIZE);
    if (stream->broken) {
        return -EPIPE;
    }
    if (buffer_reserve(&stream->out, HEADER_SIZE + length) < 0) {
        return -ENOMEM;
    }
    for (int i = 0; i < 4; i++) {
        header[i] = (unsigned char)(frame_length >> (8 * i));
    }
    header[4] = (unsigned char)type;
    header[5] = (unsigned char)(type >> 8);
    (void)buffer_append(&stream->out, header, sizeof header);
    (void)buffer_append(&stream->out, payload, length);
    if (!stream->corked) {
        release(stream, stream->out.length);
    }
    return 0;
}

void stream_cork(struct stream *stream, bool corked)
{
    stream->corked = corked;
    if (!corked) {
        release(stream, stream->out.length);
    }
}

void stream_mark(struct stream *stream)
{
    stream->out_marked = stream->out.length;
}

void stream_release_marked(struct stream *stream)
{
    release(stream, stream->out_marked);
}

void stream_finish(struct stream *stream)
{
    (void)shutdown(stream->fd, SHUT_RDWR);
}

size_t stream_queued(const struct stream *stream)
{
    return stream->out.length - stream->out_written;
}

void stream_free(struct stream *stream)
{
    if (!stream) {
        return;
    }
    sd_event_source_disable_unref(stream->source);
    (void)close(stream->fd);
    buffer_free(&stream->in);
    buffer_free(&stream->out);
    free(stream);
}
