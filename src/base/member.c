#include "assent/base/member.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/channel.h"
#include "assent/base/log.h"

/* Memory of that size is the kernel's again as soon as it is freed. */
#define LARGE_MEMORY (1 << 20)

struct member {
    enum role role;
    const struct member_handlers *handlers;
    void *userdata;
    sd_event *loop;
    bool started;
};

static int take_config(struct member *member, int fd)
{
    struct buffer bytes = {0};
    int r = channel_read_memory_file(fd, &bytes);

    if (r == 0 && member->handlers->on_config) {
        r = member->handlers->on_config(member->userdata, bytes.data, bytes.length);
    }
    buffer_wipe(&bytes);
    if (member->started) {
        (void)channel_send(CHANNEL_FD, CHANNEL_RELOADED, (uint32_t)-r, -1);
        return 0;
    }
    return r;
}

static int start(struct member *member)
{
    int r = member->handlers->on_start ? member->handlers->on_start(member->userdata) : 0;

    if (r < 0) {
        return r;
    }
    member->started = true;
    return channel_send(CHANNEL_FD, CHANNEL_READY, 0, -1);
}

void member_ask_for_stream(void)
{
    (void)channel_send(CHANNEL_FD, CHANNEL_LOST, 0, -1);
}

static int take_stream(const struct member *member, const struct channel_packet *packet)
{
    int r = member->handlers->on_stream(member->userdata, packet->fd, (enum role)packet->argument);

    if (r < 0 && member->started) {
        member_ask_for_stream();
    }
    return r;
}

/* Handlers that take descriptors own them; one that nobody asked for is closed. */
static int dispatch(struct member *member, const struct channel_packet *packet)
{
    const struct member_handlers *handlers = member->handlers;

    switch (packet->message) {
    case CHANNEL_CONFIG:
        return take_config(member, packet->fd);
    case CHANNEL_LISTEN:
        if (handlers->on_listen) {
            return handlers->on_listen(member->userdata, packet->fd);
        }
        break;
    case CHANNEL_STREAM:
        if (handlers->on_stream && packet->argument < ROLE_COUNT) {
            return take_stream(member, packet);
        }
        break;
    case CHANNEL_START:
        return start(member);
    case CHANNEL_QUIESCE:
        if (handlers->on_quiesce) {
            handlers->on_quiesce(member->userdata);
        }
        return 0;
    case CHANNEL_STOP:
        if (handlers->on_stop) {
            handlers->on_stop(member->userdata);
            return 0;
        }
        return sd_event_exit(member->loop, 0);
    case CHANNEL_PING:
        return channel_send(CHANNEL_FD, CHANNEL_PONG, 0, -1);
    case CHANNEL_READY:
    case CHANNEL_PONG:
    case CHANNEL_RELOADED:
    case CHANNEL_BROKEN:
    case CHANNEL_LOST:
        break;
    }
    if (packet->fd >= 0) {
        (void)close(packet->fd);
    }
    return -EPROTO;
}

static void orphaned(struct member *member, sd_event_source *source)
{
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (member->handlers->on_orphaned) {
        member->handlers->on_orphaned(member->userdata);
    } else {
        (void)sd_event_exit(member->loop, EXIT_FAILURE);
    }
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct member *member = userdata;
    struct channel_packet packet;
    int r = channel_receive(fd, &packet);

    (void)revents;
    if (r == -EAGAIN) {
        return 0;
    }
    if (r <= 0) {
        orphaned(member, source);
        return 0;
    }
    r = dispatch(member, &packet);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't do what the supervisor asks", "error", strerror(-r),
                  NULL);
        if (!member->started) {
            (void)sd_event_exit(member->loop, EXIT_FAILURE);
        }
    }
    return 0;
}

/* A terminal or a service manager may signal the whole group; only the supervisor listens. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
}

/* Left to itself, malloc soon takes large memory from the heaps, one for each thread, and keeps it. */
static void give_large_memory_back(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_MEMORY);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_MEMORY);
}

int member_run(enum role role, const struct member_handlers *handlers, void *userdata,
               sd_event **loop)
{
    struct member member = {.role = role, .handlers = handlers, .userdata = userdata};
    int status = EXIT_FAILURE;
    int r;

    give_large_memory_back();
    log_open(role_name(role));
    ignore_signals();
    (void)prctl(PR_SET_NAME, "assentd");
    r = sd_event_new(&member.loop);
    if (r == 0) {
        *loop = member.loop;
        if (fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0 ||
            fcntl(CHANNEL_FD, F_SETFL, O_NONBLOCK) < 0) {
            r = -errno;
        }
    }
    if (r == 0) {
        r = sd_event_add_io(member.loop, NULL, CHANNEL_FD, EPOLLIN, on_channel, &member);
    }
    if (r >= 0) {
        r = sd_event_loop(member.loop);
        status = r < 0 ? EXIT_FAILURE : r;
    }
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "the event loop failed", "error", strerror(-r), NULL);
    }
    sd_event_unref(member.loop);
    return status;
}
