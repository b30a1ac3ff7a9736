#include "assent/gate/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct watch {
    int fd;
};

int watch_new(struct watch **ret_watch)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return -ENOMEM;
    }
    watch->fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->fd < 0) {
        int r = -errno;
        free(watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

int watch_add(struct watch *watch, const struct request *request)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.u64 = request->id};
    return epoll_ctl(watch->fd, EPOLL_CTL_ADD, request->fd, &event) ? -errno : 0;
}

void watch_remove(struct watch *watch, const struct request *request)
{
    epoll_ctl(watch->fd, EPOLL_CTL_DEL, request->fd, NULL);
}

int watch_next(struct watch *watch, uint64_t *ret_id)
{
    struct epoll_event event;
    if (epoll_wait(watch->fd, &event, 1, 0) != 1) {
        return 0;
    }
    *ret_id = event.data.u64;
    return 1;
}

void watch_free(struct watch *watch)
{
    if (!watch) {
        return;
    }
    close(watch->fd);
    free(watch);
}
