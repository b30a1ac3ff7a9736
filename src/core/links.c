#include "assent/core/links.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/log.h"
#include "assent/core/api.h"
#include "assent/core/backup.h"
#include "assent/core/executors.h"
#include "assent/core/followers.h"
#include "assent/core/peeks.h"
#include "assent/core/receive.h"
#include "assent/core/submission.h"
#include "assent/core/waiters.h"

/* Answers that a gate, or ACKs that an executor, does not take; then it is not heard until it does. An
 * honest one always takes them, however much it has asked for. */
#define QUEUE_LIMIT (8u << 20)

static int gate_frame(struct link *link, const struct frame *frame)
{
    struct asker asker = {.link = link};
    struct protocol_request request;
    int r;

    switch (frame->type) {
    case FRAME_REQUEST:
        r = protocol_decode_request(frame, &request);
        if (r == 0 && link->role == ROLE_GATE_PUBLIC) {
            receive_request(link, &request);
        } else if (r == 0) {
            api_request(link, &request);
        }
        return r;
    case FRAME_GONE:
        r = protocol_decode_gone(frame, &asker.id);
        if (r == 0) {
            followers_forget(link->core, &asker);
            backup_forget(link->core, &asker);
            waiters_forget(link->core, &asker);
            peeks_forget(link->core, &asker);
            submission_forget(link->core, &asker);
        }
        return r;
    case FRAME_TAKEN:
        r = link->role == ROLE_GATE_PUBLIC ? -EPROTO : protocol_decode_gone(frame, &asker.id);
        if (r == 0 && !backup_taken(link->core, &asker)) {
            followers_taken(link->core, &asker);
        }
        return r;
    case FRAME_DRAIN:
        followers_end_all(link->core, link);
        backup_end_all(link->core, link);
        waiters_answer_all(link->core, link);
        peeks_answer_all(link->core, link);
        submission_answer_all(link->core, link);
        return 0;
    default:
        return -EPROTO;
    }
}

static int on_frame(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct link *link = userdata;

    (void)stream;
    core_begin(link->core);
    return role_is_gate(link->role) ? gate_frame(link, frame) : executors_frame(link, frame);
}

/* Who was to be answered and could not be, is answered at the commit. */
static void on_room(struct stream *stream, void *userdata)
{
    struct link *link = userdata;

    (void)stream;
    followers_have_room(link->core);
    if (waiters_can_answer(link->core)) {
        core_begin(link->core);
    }
}

static int attach(struct link *link, int fd);

static void on_end(struct stream *stream, int reason, void *userdata)
{
    struct link *link = userdata;
    int next_fd = link->next_fd;

    /* That is nobody's fault who sent something. */
    core_must(reason == -ENOMEM ? reason : 0, "frame");
    if (reason < 0) {
        log_event(LOG_LEVEL_ERROR, "a role broke the rules between roles", "name",
                  role_name(link->role), "error", strerror(-reason), NULL);
        (void)channel_send(CHANNEL_FD, CHANNEL_BROKEN, link->role, -1);
    }
    stream_free(stream);
    link->stream = NULL;
    link->next_fd = -1;
    if (role_is_gate(link->role)) {
        followers_forget_all(link->core, link);
        backup_forget_all(link->core, link);
        waiters_forget_all(link->core, link);
        peeks_forget_all(link->core, link);
        submission_forget_all(link->core, link);
    } else {
        /* Who waited for what it would say is answered. */
        core_begin(link->core);
        executors_disconnected(link);
    }
    if (next_fd >= 0) {
        core_must(attach(link, next_fd), "stream");
    }
}

static size_t frame_limit(const struct link *link)
{
    switch (link->role) {
    case ROLE_GATE_PUBLIC:
        return PROTOCOL_HEAD_LIMIT + link->core->config->max_body;
    case ROLE_GATE_CONTROL:
    case ROLE_GATE_AGENT:
        return PROTOCOL_HEAD_LIMIT + PROTOCOL_CONTROL_BODY_LIMIT;
    default:
        return PROTOCOL_RESULT_LIMIT;
    }
}

static int attach(struct link *link, int fd)
{
    const struct stream_setup setup = {
        .frame_limit = frame_limit(link),
        .queue_limit = QUEUE_LIMIT,
        .on_frame = on_frame,
        .on_end = on_end,
        .on_room = on_room,
        .userdata = link,
    };
    int r = stream_open(link->core->loop, fd, &setup, &link->stream);

    if (r == 0) {
        stream_cork(link->stream, true);
        link->connected++;
    }
    return r;
}

void links_prepare(struct core *core)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        core->links[role] = (struct link){.core = core, .role = (enum role)role, .next_fd = -1};
    }
}

int links_take(struct core *core, int fd, enum role role)
{
    struct link *link = &core->links[role];

    if (!link->stream) {
        return attach(link, fd);
    }
    if (link->next_fd >= 0) {
        (void)close(link->next_fd);
    }
    link->next_fd = fd;
    stream_finish(link->stream);
    return 0;
}

void links_mark(struct core *core)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (core->links[role].stream) {
            stream_mark(core->links[role].stream);
        }
    }
}

void links_flush_marked(struct core *core)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (core->links[role].stream) {
            stream_release_marked(core->links[role].stream);
        }
    }
}

bool links_has_room(const struct link *link)
{
    return link->stream && stream_queued(link->stream) <= QUEUE_LIMIT;
}

void links_close(struct core *core)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct link *link = &core->links[role];

        stream_free(link->stream);
        link->stream = NULL;
        if (link->next_fd >= 0) {
            (void)close(link->next_fd);
        }
        executors_disconnected(link);
    }
}
