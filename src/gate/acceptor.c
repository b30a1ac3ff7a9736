#include "assent/gate/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "assent/base/descriptors.h"
#include "assent/base/log.h"

/* So many at a time, then the connections that are there have their turn. */
#define BATCH 32
/* After an error that does not go away at once, as when no descriptor is left. */
#define PAUSE_US    (100 * 1000ULL)
#define ACCURACY_US (10 * 1000ULL)

struct acceptor {
    int fd;
    acceptor_take *take;
    void *userdata;
    sd_event_source *source;
    sd_event_source *pause;
    bool has_failed; /* and said so; until all who wait were accepted */
};

static void fail(struct acceptor *acceptor, int error)
{
    if (!acceptor->has_failed) {
        log_event(LOG_LEVEL_WARNING, "can't accept connections, trying again", "error",
                  strerror(error), NULL);
    }
    acceptor->has_failed = true;
    (void)sd_event_source_set_enabled(acceptor->source, SD_EVENT_OFF);
    (void)sd_event_source_set_time_relative(acceptor->pause, PAUSE_US);
    (void)sd_event_source_set_enabled(acceptor->pause, SD_EVENT_ONESHOT);
}

static int on_pause_over(sd_event_source *source, uint64_t time, void *userdata)
{
    struct acceptor *acceptor = userdata;

    (void)source;
    (void)time;
    return sd_event_source_set_enabled(acceptor->source, SD_EVENT_ON);
}

/* 0, or the error after which no other connection is to be had now. */
static int accept_one(struct acceptor *acceptor)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    if (!descriptors_are_left(acceptor->fd)) {
        return EMFILE;
    }

    int fd =
        accept4(acceptor->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return errno == EINTR || errno == ECONNABORTED ? 0 : errno;
    }
    acceptor->take(acceptor->userdata, fd, (struct sockaddr *)&address, length);
    return 0;
}

static int on_connections(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct acceptor *acceptor = userdata;
    int r = 0;

    (void)source;
    (void)fd;
    (void)revents;
    for (int i = 0; i < BATCH && r == 0; i++) {
        r = accept_one(acceptor);
    }
    if (r == EAGAIN) {
        acceptor->has_failed = false;
    } else if (r != 0) {
        fail(acceptor, r);
    }
    return 0;
}

static int watch(struct acceptor *acceptor, sd_event *loop)
{
    int r =
        sd_event_add_io(loop, &acceptor->source, acceptor->fd, EPOLLIN, on_connections, acceptor);

    if (r >= 0) {
        r = sd_event_add_time_relative(loop, &acceptor->pause, CLOCK_MONOTONIC, PAUSE_US,
                                       ACCURACY_US, on_pause_over, acceptor);
    }
    return r < 0 ? r : sd_event_source_set_enabled(acceptor->pause, SD_EVENT_OFF);
}

int acceptor_new(sd_event *loop, int fd, acceptor_take *take, void *userdata,
                 struct acceptor **ret_acceptor)
{
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);

    if (!acceptor) {
        (void)close(fd);
        return -ENOMEM;
    }
    *acceptor = (struct acceptor){.fd = fd, .take = take, .userdata = userdata};

    /* Another process may have the socket too and be faster; then accepting must not block. */
    int r = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;

    r = r < 0 ? r : watch(acceptor, loop);
    if (r < 0) {
        acceptor_free(acceptor);
        return r;
    }
    *ret_acceptor = acceptor;
    return 0;
}

void acceptor_quiesce(struct acceptor *acceptor)
{
    acceptor->source = sd_event_source_disable_unref(acceptor->source);
    acceptor->pause = sd_event_source_disable_unref(acceptor->pause);
}

void acceptor_free(struct acceptor *acceptor)
{
    if (!acceptor) {
        return;
    }
    acceptor_quiesce(acceptor);
    (void)close(acceptor->fd);
    free(acceptor);
}
