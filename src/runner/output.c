#include "assent/runner/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "assent/base/capture.h"

#define READ_SIZE (64u << 10)
/* A pipe holds less; more comes only from somebody who writes still, and nobody waits for that. */
#define DRAIN_LIMIT (4u << 20)

struct output {
    int fd;
    sd_event_source *source;
    struct capture *capture;
};

/* Returns the bytes read, 0 at the end, or negative errno. What there was no memory for is counted
 * by the capture, so that is no failure here. */
static ssize_t read_some(struct output *output)
{
    unsigned char bytes[READ_SIZE];
    ssize_t count;

    do {
        count = read(output->fd, bytes, sizeof bytes);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    (void)capture_add(output->capture, bytes, (size_t)count);
    return count;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    ssize_t count = read_some(userdata);

    (void)fd;
    (void)revents;
    if (count <= 0 && count != -EAGAIN) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    return 0;
}

int output_open(sd_event *loop, size_t limit, int *ret_write_fd, struct output **ret_output)
{
    struct output *output = calloc(1, sizeof *output);
    int ends[2] = {-1, -1};
    int r;

    if (!output) {
        return -ENOMEM;
    }
    output->fd = -1;
    r = capture_new(limit, &output->capture);
    if (r == 0 && pipe2(ends, O_CLOEXEC) < 0) {
        r = -errno;
    }
    if (r == 0) {
        output->fd = ends[0];
        r = fcntl(output->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    }
    if (r == 0) {
        r = sd_event_add_io(loop, &output->source, output->fd, EPOLLIN, on_readable, output);
    }
    if (r < 0) {
        if (ends[1] >= 0) {
            (void)close(ends[1]);
        }
        output_free(output);
        return r;
    }
    *ret_write_fd = ends[1];
    *ret_output = output;
    return 0;
}

void output_drain(struct output *output)
{
    size_t total = 0;

    while (output->fd >= 0 && total < DRAIN_LIMIT) {
        ssize_t count = read_some(output);
        if (count <= 0) {
            break;
        }
        total += (size_t)count;
    }
    output->source = sd_event_source_disable_unref(output->source);
    if (output->fd >= 0) {
        (void)close(output->fd);
        output->fd = -1;
    }
}

void output_view(struct output *output, struct protocol_output *ret_view)
{
    if (output->fd >= 0) {
        (void)read_some(output);
    }
    capture_view(output->capture, ret_view);
}

void output_free(struct output *output)
{
    if (!output) {
        return;
    }
    (void)sd_event_source_disable_unref(output->source);
    if (output->fd >= 0) {
        (void)close(output->fd);
    }
    capture_free(output->capture);
    free(output);
}
