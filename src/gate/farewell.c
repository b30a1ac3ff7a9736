#include "assent/gate/farewell.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/descriptors.h"

#define KEPT_LIMIT  256
#define KEPT_FOR_MS 2000
#define BYTES_LIMIT ((size_t)4 << 20)
#define BATCH       32

struct kept {
    int fd;
    int64_t since;
    size_t bytes;
    struct kept *older;
    struct kept *newer;
};

struct farewell {
    int fd;
    pthread_mutex_t lock; /* of what follows */
    struct kept *oldest;
    struct kept *newest;
    unsigned count;
};

int farewell_new(struct farewell **ret_farewell)
{
    struct farewell *farewell = calloc(1, sizeof *farewell);

    if (!farewell) {
        return -ENOMEM;
    }
    farewell->fd = epoll_create1(EPOLL_CLOEXEC);
    if (farewell->fd < 0) {
        int r = -errno;

        free(farewell);
        return r;
    }
    pthread_mutex_init(&farewell->lock, NULL);
    *ret_farewell = farewell;
    return 0;
}

int farewell_fd(const struct farewell *farewell)
{
    return farewell->fd;
}

static void append(struct farewell *farewell, struct kept *kept)
{
    kept->older = farewell->newest;
    *(farewell->newest ? &farewell->newest->newer : &farewell->oldest) = kept;
    farewell->newest = kept;
    farewell->count++;
}

static int keep(struct farewell *farewell, struct kept *kept)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = kept};

    if (farewell->count >= KEPT_LIMIT ||
        epoll_ctl(farewell->fd, EPOLL_CTL_ADD, kept->fd, &event) < 0) {
        return -1;
    }
    append(farewell, kept);
    return 0;
}

void farewell_add(struct farewell *farewell, int fd)
{
    struct kept *kept = calloc(1, sizeof *kept);

    if (!kept) {
        return;
    }
    kept->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    kept->since = clock_monotonic_ms();
    int own = kept->fd;
    int r = own < 0 || descriptors_is_spare(own) ? -1 : shutdown(own, SHUT_WR);

    /* As soon as it is kept the main thread may end it. */
    pthread_mutex_lock(&farewell->lock);
    r = r < 0 ? r : keep(farewell, kept);
    pthread_mutex_unlock(&farewell->lock);
    if (r < 0) {
        if (own >= 0) {
            (void)close(own);
        }
        free(kept);
    }
}

static void end(struct farewell *farewell, struct kept *kept)
{
    pthread_mutex_lock(&farewell->lock);
    *(kept->older ? &kept->older->newer : &farewell->oldest) = kept->newer;
    *(kept->newer ? &kept->newer->older : &farewell->newest) = kept->older;
    farewell->count--;
    pthread_mutex_unlock(&farewell->lock);
    /* The library may have its descriptor of the connection still, so closing ours removes nothing. */
    (void)epoll_ctl(farewell->fd, EPOLL_CTL_DEL, kept->fd, NULL);
    (void)close(kept->fd);
    free(kept);
}

void farewell_read(struct farewell *farewell)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(farewell->fd, events, BATCH, 0);
    char dropped[65536];

    for (int i = 0; i < count; i++) {
        struct kept *kept = events[i].data.ptr;
        ssize_t length = recv(kept->fd, dropped, sizeof dropped, MSG_DONTWAIT);

        if (length > 0) {
            kept->bytes += (size_t)length;
        }
        if (length == 0 || kept->bytes > BYTES_LIMIT ||
            (length < 0 && errno != EAGAIN && errno != EINTR)) {
            end(farewell, kept);
        }
    }
}

static struct kept *oldest_before(struct farewell *farewell, int64_t before)
{
    pthread_mutex_lock(&farewell->lock);
    struct kept *kept = farewell->oldest;
    pthread_mutex_unlock(&farewell->lock);
    return kept && kept->since <= before ? kept : NULL;
}

void farewell_expire(struct farewell *farewell)
{
    int64_t before = clock_monotonic_ms() - KEPT_FOR_MS;
    struct kept *kept;

    while ((kept = oldest_before(farewell, before))) {
        end(farewell, kept);
    }
}

void farewell_free(struct farewell *farewell)
{
    if (!farewell) {
        return;
    }
    while (farewell->oldest) {
        end(farewell, farewell->oldest);
    }
    (void)close(farewell->fd);
    pthread_mutex_destroy(&farewell->lock);
    free(farewell);
}
