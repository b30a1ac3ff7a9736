#include "assent/gate/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct outbox {
    int fd;
    pthread_mutex_t lock; /* of what follows */
    struct request *first;
    struct request **end;
    size_t bytes;
    size_t count;
    bool held;      /* the main thread takes again soon by itself */
    size_t backlog; /* what was taken counts here until the main thread has counted it itself */
    bool closed;
};

int outbox_new(struct outbox **ret_outbox)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox) {
        return -ENOMEM;
    }
    outbox->end = &outbox->first;
    outbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (outbox->fd < 0) {
        int r = -errno;
        free(outbox);
        return r;
    }
    pthread_mutex_init(&outbox->lock, NULL);
    *ret_outbox = outbox;
    return 0;
}

int outbox_fd(const struct outbox *outbox)
{
    return outbox->fd;
}

void outbox_wake(struct outbox *outbox)
{
    /* Nobody reads the counter: each write is an edge. It cannot fill up in 2^64 of them. */
    eventfd_write(outbox->fd, 1);
}

static int append(struct outbox *outbox, struct request *request)
{
    if (outbox->closed) {
        return -EPIPE;
    }
    /* What goes on, or is over, is never too much. */
    if (request->frame.length > 0 &&
        outbox->bytes + outbox->backlog + request->frame.length > OUTBOX_LIMIT) {
        return -ENOBUFS;
    }
    request->next = NULL;
    *outbox->end = request;
    outbox->end = &request->next;
    outbox->bytes += request->frame.length;
    outbox->count++;
    return 0;
}

int outbox_push(struct outbox *outbox, struct request *request)
{
    pthread_mutex_lock(&outbox->lock);
    int r = append(outbox, request);
    bool is_due = r == 0 && outbox->count == (outbox->held ? OUTBOX_HELD : 1);
    pthread_mutex_unlock(&outbox->lock);
    /* Refused for the backlog: the main thread shall look whether that still is as it was. */
    if (is_due || r == -ENOBUFS) {
        outbox_wake(outbox);
    }
    return r;
}

static struct request *take(struct outbox *outbox)
{
    struct request *first = outbox->first;
    outbox->first = NULL;
    outbox->end = &outbox->first;
    outbox->backlog += outbox->bytes;
    outbox->bytes = 0;
    outbox->count = 0;
    return first;
}

struct request *outbox_take(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    struct request *first = take(outbox);
    outbox->held = first != NULL;
    pthread_mutex_unlock(&outbox->lock);
    return first;
}

void outbox_set_backlog(struct outbox *outbox, size_t bytes)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->backlog = bytes;
    pthread_mutex_unlock(&outbox->lock);
}

struct request *outbox_close(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->closed = true;
    struct request *first = take(outbox);
    pthread_mutex_unlock(&outbox->lock);
    return first;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox) {
        return;
    }
    close(outbox->fd);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}
