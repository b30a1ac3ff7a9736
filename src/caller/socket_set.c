#include "assent/caller/socket_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* By how much the table grows at least. */
#define MORE 64

struct entry {
    uint32_t events;     /* in the epoll; 0: it is not there */
    uint32_t generation; /* one more with every socket of this number */
    bool ours;           /* opened by us */
    bool wanted;
    bool may_speak; /* while it rests */
};

struct socket_set {
    int epoll;
    struct entry *entries; /* by descriptor */
    size_t count;
};

int socket_set_new(struct socket_set **ret_set)
{
    struct socket_set *set = calloc(1, sizeof *set);

    if (!set) {
        return -ENOMEM;
    }
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (set->epoll < 0) {
        int r = -errno;

        free(set);
        return r;
    }
    *ret_set = set;
    return 0;
}

int socket_set_fd(const struct socket_set *set)
{
    return set->epoll;
}

/* NULL without memory. */
static struct entry *entry_at(struct socket_set *set, int fd)
{
    size_t index = (size_t)fd;
    struct entry *grown;

    if (index < set->count) {
        return &set->entries[index];
    }
    grown = reallocarray(set->entries, index + MORE, sizeof *grown);
    if (!grown) {
        return NULL;
    }
    memset(grown + set->count, 0, (index + MORE - set->count) * sizeof *grown);
    set->entries = grown;
    set->count = index + MORE;
    return &grown[index];
}

static void take_out(struct socket_set *set, struct entry *entry, int fd)
{
    if (entry->events != 0) {
        (void)epoll_ctl(set->epoll, EPOLL_CTL_DEL, fd, NULL);
        entry->events = 0;
    }
}

static void forget(struct socket_set *set, struct entry *entry, int fd)
{
    take_out(set, entry, fd);
    *entry = (struct entry){.generation = entry->generation + 1};
}

int socket_set_opened(struct socket_set *set, int fd)
{
    struct entry *entry = entry_at(set, fd);

    if (!entry) {
        return -ENOMEM;
    }
    forget(set, entry, fd);
    entry->ours = true;
    return 0;
}

void socket_set_closed(struct socket_set *set, int fd)
{
    if ((size_t)fd < set->count) {
        forget(set, &set->entries[fd], fd);
    }
}

static int put_in(struct socket_set *set, struct entry *entry, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)entry->generation << 32 | (uint32_t)fd};

    if (epoll_ctl(set->epoll, entry->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0) {
        return -errno;
    }
    entry->events = events;
    return 0;
}

int socket_set_want(struct socket_set *set, int fd, uint32_t events)
{
    struct entry *entry = entry_at(set, fd);

    if (!entry) {
        return -ENOMEM;
    }
    entry->wanted = events != 0;
    if (entry->events == events) {
        return 0;
    }
    if (events == 0) {
        take_out(set, entry, fd);
        return 0;
    }
    return put_in(set, entry, fd, events);
}

int socket_set_rest(struct socket_set *set, int fd)
{
    struct entry *entry = entry_at(set, fd);

    if (!entry) {
        return -ENOMEM;
    }
    entry->wanted = false;
    if (!entry->ours) {
        forget(set, entry, fd);
        return 0;
    }
    /* libcurl closes some that are not connected yet before it says so. */
    if (entry->events != EPOLLIN && put_in(set, entry, fd, EPOLLIN) < 0) {
        forget(set, entry, fd);
    }
    return 0;
}

void socket_set_may_speak(struct socket_set *set, int fd)
{
    if (fd >= 0 && (size_t)fd < set->count) {
        set->entries[fd].may_speak = true;
    }
}

static struct entry *entry_of(struct socket_set *set, const struct epoll_event *ready, int *ret_fd)
{
    int fd = (int)(uint32_t)ready->data.u64;
    struct entry *entry = &set->entries[fd];

    *ret_fd = fd;
    return entry->generation == (uint32_t)(ready->data.u64 >> 32) ? entry : NULL;
}

/* The other end closed a kept connection, or says on it what nobody asked for, which would be taken
 * as the answer to what is asked next. libcurl only sees that it was closed. */
static void settle(struct socket_set *set, const struct epoll_event *ready)
{
    int fd;
    struct entry *entry = entry_of(set, ready, &fd);

    if (!entry || entry->wanted) {
        return;
    }
    take_out(set, entry, fd);
    if (!entry->may_speak) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

int socket_set_ready(struct socket_set *set, struct epoll_event ret_ready[SOCKET_SET_READY])
{
    int count = epoll_wait(set->epoll, ret_ready, SOCKET_SET_READY, 0);

    for (int i = 0; i < count; i++) {
        settle(set, &ret_ready[i]);
    }
    return count < 0 ? 0 : count;
}

bool socket_set_take(struct socket_set *set, const struct epoll_event *ready, int *ret_fd,
                     uint32_t *ret_events)
{
    struct entry *entry = entry_of(set, ready, ret_fd);

    if (!entry || !entry->wanted) {
        return false;
    }
    *ret_events = ready->events;
    return true;
}

void socket_set_free(struct socket_set *set)
{
    if (!set) {
        return;
    }
    (void)close(set->epoll);
    free(set->entries);
    free(set);
}
