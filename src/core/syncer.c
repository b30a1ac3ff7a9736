#include "assent/core/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct syncer {
    int file;
    int orders; /* to the thread: one is written for each sync, and one for its end */
    int ended;  /* from the thread: written when a sync has ended */
    bool busy;
    bool has_thread;
    pthread_t thread;
    _Atomic bool leaving;
    _Atomic bool has_ended; /* the sync that is under way */
    _Atomic int error;      /* of the last sync: 0 or negative errno */
};

/* --- the thread ------------------------------------------------------------------------------- */

static void await_order(const struct syncer *syncer)
{
    uint64_t count;

    while (read(syncer->orders, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

static void *run(void *userdata)
{
    struct syncer *syncer = userdata;

    for (;;) {
        const uint64_t one = 1;

        await_order(syncer);
        if (syncer->leaving) {
            return NULL;
        }
        syncer->error = fdatasync(syncer->file) < 0 ? -errno : 0;
        syncer->has_ended = true;
        (void)!write(syncer->ended, &one, sizeof one);
    }
}

/* --- core's side ------------------------------------------------------------------------------ */

static int order(struct syncer *syncer)
{
    const uint64_t one = 1;

    return write(syncer->orders, &one, sizeof one) < 0 ? -errno : 0;
}

/* Signals are for the thread that has the loop. */
static int start(struct syncer *syncer)
{
    sigset_t all;
    sigset_t before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&syncer->thread, NULL, run, syncer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    syncer->has_thread = r == 0;
    return -r;
}

int syncer_new(int fd, struct syncer **ret_syncer)
{
    struct syncer *syncer = calloc(1, sizeof *syncer);
    int r = 0;

    if (!syncer) {
        return -ENOMEM;
    }
    syncer->orders = eventfd(0, EFD_CLOEXEC);
    syncer->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    syncer->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (syncer->orders < 0 || syncer->ended < 0 || syncer->file < 0) {
        r = -errno;
    }
    if (r == 0) {
        r = start(syncer);
    }
    if (r < 0) {
        syncer_free(syncer);
        return r;
    }
    *ret_syncer = syncer;
    return 0;
}

int syncer_begin(struct syncer *syncer)
{
    int r;

    syncer->has_ended = false;
    r = order(syncer);
    syncer->busy = r == 0;
    return r;
}

bool syncer_is_busy(const struct syncer *syncer)
{
    return syncer->busy;
}

bool syncer_has_ended(const struct syncer *syncer)
{
    return syncer->busy && syncer->has_ended;
}

int syncer_fd(const struct syncer *syncer)
{
    return syncer->ended;
}

int syncer_await(struct syncer *syncer)
{
    struct pollfd ended = {.fd = syncer->ended, .events = POLLIN};
    uint64_t count;

    if (!syncer->busy) {
        return 0;
    }
    while (read(syncer->ended, &count, sizeof count) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        (void)poll(&ended, 1, -1);
    }
    syncer->busy = false;
    return syncer->error;
}

void syncer_free(struct syncer *syncer)
{
    if (!syncer) {
        return;
    }
    if (syncer->has_thread) {
        (void)syncer_await(syncer);
        syncer->leaving = true;
        (void)order(syncer);
        (void)pthread_join(syncer->thread, NULL);
    }
    if (syncer->file >= 0) {
        (void)close(syncer->file);
    }
    if (syncer->orders >= 0) {
        (void)close(syncer->orders);
    }
    if (syncer->ended >= 0) {
        (void)close(syncer->ended);
    }
    free(syncer);
}
