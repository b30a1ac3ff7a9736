#include "assent/gate/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/descriptors.h"
#include "assent/base/log.h"
#include "assent/base/member.h"
#include "assent/base/protocol.h"
#include "assent/base/stream.h"
#include "assent/config/config.h"
#include "assent/gate/answer.h"
#include "assent/gate/http.h"
#include "assent/gate/jail.h"
#include "assent/gate/outbox.h"
#include "assent/gate/pending.h"
#include "assent/gate/rules.h"
#include "assent/gate/watch.h"

/* Most requests are answered within this time; only the others' connections are watched. */
#define WATCH_AFTER_MS 500
#define WATCH_EVERY_US 250000
/* How long a request is held at most, while others may come that are sent with it. Most don't wait so
 * long: they leave when core has answered those before them, which is when it has time for more. */
#define HOLD_US          1000
#define HOLD_ACCURACY_US 100
/* How long core may take to answer what waits when the gate stops, and then the answers to leave. */
#define DRAIN_US        2500000
#define LAST_ANSWERS_US 250000

struct gate {
    enum role role;
    sd_event *loop;
    struct rules *rules;
    struct outbox *outbox;
    struct pending *pending;
    struct watch *watch;
    struct connections *connections;
    struct farewell *farewell;
    struct tls *tls;
    struct http *http;
    struct stream *stream; /* NULL while core is away */
    bool stopping;
    bool jailed;
    sd_event_source *outbox_source;
    sd_event_source *held_timer;
    sd_event_source *answered_source;
    sd_event_source *watch_source;
    sd_event_source *watch_timer;
    sd_event_source *stop_timer;
    sd_event_source *farewell_source;
    sd_event_source *reap_timer;
};

/* --- answers ---------------------------------------------------------------------------------- */

static struct request *take_pending(struct gate *gate, uint64_t id)
{
    struct request *request = pending_take(gate->pending, id);

    if (request && request->watched) {
        watch_remove(gate->watch, request);
    }
    return request;
}

/* One whose answer streams is ended: its client comes again and says how far it was. */
static void refuse(struct request *request)
{
    if (request->stage == REQUEST_GONE) {
        free(request);
    } else if (request->streams) {
        http_stream_end(request);
    } else {
        http_answer(request, answer_response(ANSWER_UNAVAILABLE));
    }
}

static void refuse_list(struct gate *gate, struct request *first)
{
    while (first) {
        struct request *next = first->next;

        refuse(first);
        first = next;
    }
    http_resume(gate->http);
}

static void refuse_pending(struct gate *gate)
{
    struct request *request;

    while ((request = pending_oldest(gate->pending))) {
        refuse(take_pending(gate, request->id));
    }
    http_resume(gate->http);
}

/* --- the stream to core ----------------------------------------------------------------------- */

/* Webhooks are answered at once. */
static bool may_stream(const struct gate *gate)
{
    return gate->role != ROLE_GATE_PUBLIC;
}

static void tell_core(struct gate *gate, enum protocol_frame type, uint64_t id)
{
    struct buffer payload = {0};

    if (gate->stream && protocol_encode_gone(&payload, id) == 0) {
        (void)stream_send(gate->stream, type, payload.data, payload.length);
    }
    buffer_free(&payload);
}

/* One whose client left meanwhile is not there any more. */
static int take_response(struct gate *gate, const struct frame *frame)
{
    struct protocol_response response;
    int r = protocol_decode_response(frame, &response);
    struct request *request;

    if (r < 0 || (response.streams && !may_stream(gate))) {
        return r < 0 ? r : -EPROTO;
    }
    request = take_pending(gate, response.id);
    if (request && !response.streams) {
        http_answer(request, &response);
    } else if (request && !http_stream(request, &response)) {
        tell_core(gate, FRAME_GONE, response.id);
    }
    return 0;
}

/* Those that are not pending have left. */
static int take_stream(struct gate *gate, const struct frame *frame)
{
    struct protocol_stream more;
    struct protocol_response response = {0};
    int r = protocol_decode_stream(frame, &more);

    if (r < 0 || !may_stream(gate)) {
        return r < 0 ? r : -EPROTO;
    }
    response.body = more.bytes;
    response.body_length = more.length;

    struct http_shared *piece = more.length > 0 ? http_share(gate->http, &response) : NULL;

    for (size_t i = 0; i < more.count; i++) {
        struct request *request = take_pending(gate, protocol_stream_id(&more, i));

        if (request && more.length > 0) {
            http_stream_piece(request, piece);
        } else if (request) {
            http_stream_end(request);
        }
    }
    http_shared_release(piece);
    return 0;
}

static int take_shared_response(struct gate *gate, const struct frame *frame)
{
    struct protocol_shared_response answer;
    int r = protocol_decode_shared_response(frame, &answer);

    if (r < 0) {
        return r;
    }

    struct http_shared *shared = http_share(gate->http, &answer.response);

    for (size_t i = 0; i < answer.count; i++) {
        struct request *request = take_pending(gate, protocol_shared_id(&answer, i));

        if (request) {
            http_answer_shared(request, shared);
        }
    }
    http_shared_release(shared);
    return 0;
}

static int on_frame(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct gate *gate = userdata;

    (void)stream;
    (void)sd_event_source_set_enabled(gate->answered_source, SD_EVENT_ONESHOT);
    switch (frame->type) {
    case FRAME_RESPONSE:
        return take_response(gate, frame);
    case FRAME_SHARED_RESPONSE:
        return take_shared_response(gate, frame);
    case FRAME_STREAM:
        return take_stream(gate, frame);
    default:
        return -EPROTO;
    }
}

static void lose_core(struct gate *gate)
{
    http_set_available(gate->http, false);
    stream_free(gate->stream);
    gate->stream = NULL;
    refuse_pending(gate);
}

static void on_stream_end(struct stream *stream, int reason, void *userdata)
{
    struct gate *gate = userdata;

    (void)stream;
    log_event(LOG_LEVEL_INFO, "core is away, requests are answered with 503", "reason",
              reason < 0 ? strerror(-reason) : NULL, NULL);
    lose_core(gate);
    if (reason < 0) {
        member_ask_for_stream();
    }
}

static int on_stream(void *userdata, int fd, enum role other)
{
    struct gate *gate = userdata;
    struct stream_setup setup = {
        .frame_limit = PROTOCOL_RECORD_LIMIT,
        .on_frame = on_frame,
        .on_end = on_stream_end,
        .userdata = gate,
    };

    (void)other;
    lose_core(gate);
    int r = stream_open(gate->loop, fd, &setup, &gate->stream);

    if (r == 0) {
        http_set_available(gate->http, true);
    }
    return r;
}

/* --- from the pool threads to core ------------------------------------------------------------ */

static void send_request(struct gate *gate, struct request *request)
{
    int r = gate->stream ? stream_send(gate->stream, FRAME_REQUEST, request->frame.data,
                                       request->frame.length)
                         : -EPIPE;

    buffer_free(&request->frame);
    if (r < 0) {
        refuse(request);
    } else {
        pending_add(gate->pending, request);
    }
}

static void send_taken(struct gate *gate, struct request *request)
{
    if (!gate->stream) {
        refuse(request);
        return;
    }
    pending_add(gate->pending, request);
    tell_core(gate, FRAME_TAKEN, request->id);
}

static void pass_on(struct gate *gate, struct request *request, int64_t now)
{
    request->since = now;
    switch (request->stage) {
    case REQUEST_WHOLE:
        send_request(gate, request);
        break;
    case REQUEST_TAKEN:
        send_taken(gate, request);
        break;
    case REQUEST_GONE:
        tell_core(gate, FRAME_GONE, request->id);
        free(request);
        break;
    }
}

static void tell_backlog(struct gate *gate)
{
    outbox_set_backlog(gate->outbox, gate->stream ? stream_queued(gate->stream) : 0);
}

/* A drained core answers what waits; what is sent behind the DRAIN needs another one. */
static void send_requests(struct gate *gate, struct request *first)
{
    int64_t now = clock_monotonic_ms();

    if (gate->stream) {
        stream_cork(gate->stream, true);
    }
    while (first) {
        struct request *next = first->next;

        pass_on(gate, first, now);
        first = next;
    }
    if (gate->stream) {
        if (gate->stopping) {
            (void)stream_send(gate->stream, FRAME_DRAIN, NULL, 0);
        }
        stream_cork(gate->stream, false);
    }
    (void)sd_event_source_set_time_relative(gate->held_timer, HOLD_US);
    (void)sd_event_source_set_enabled(gate->held_timer, SD_EVENT_ONESHOT);
    tell_backlog(gate);
    http_resume(gate->http);
}

static void start_watch_timer(struct gate *gate)
{
    int enabled = SD_EVENT_OFF;

    (void)sd_event_source_get_enabled(gate->watch_timer, &enabled);
    if (enabled == SD_EVENT_OFF && pending_has_unwatched(gate->pending)) {
        (void)sd_event_source_set_time_relative(gate->watch_timer, WATCH_EVERY_US);
        (void)sd_event_source_set_enabled(gate->watch_timer, SD_EVENT_ONESHOT);
    }
}

static void end_if_idle(struct gate *gate)
{
    if (gate->stopping && http_busy(gate->http) == 0) {
        (void)sd_event_exit(gate->loop, EXIT_SUCCESS);
    }
}

static void flush_outbox(struct gate *gate)
{
    struct request *first = outbox_take(gate->outbox);

    if (first) {
        send_requests(gate, first);
        start_watch_timer(gate);
    } else {
        tell_backlog(gate);
    }
}

static int on_outbox(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct gate *gate = userdata;

    (void)source;
    (void)fd;
    (void)revents;
    flush_outbox(gate);
    end_if_idle(gate);
    return 0;
}

static int on_held_timer(sd_event_source *source, uint64_t time, void *userdata)
{
    (void)source;
    (void)time;
    flush_outbox(userdata);
    return 0;
}

/* All that core has answered is taken. Core gets its next work first, since that takes longest. */
static int on_answered(sd_event_source *source, void *userdata)
{
    struct gate *gate = userdata;

    (void)source;
    flush_outbox(gate);
    http_resume(gate->http);
    return 0;
}

/* --- clients that leave ----------------------------------------------------------------------- */

static int on_watch_timer(sd_event_source *source, uint64_t time, void *userdata)
{
    struct gate *gate = userdata;
    int64_t before = clock_monotonic_ms() - WATCH_AFTER_MS;
    struct request *request;

    (void)source;
    (void)time;
    while ((request = pending_watch_next(gate->pending, before))) {
        int r = watch_add(gate->watch, request);

        if (r < 0) {
            log_event(LOG_LEVEL_WARNING, "can't watch a waiting client", "error", strerror(-r),
                      NULL);
        }
    }
    start_watch_timer(gate);
    return 0;
}

static int on_watch(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct gate *gate = userdata;
    uint64_t id;

    (void)source;
    (void)fd;
    (void)revents;
    while (watch_next(gate->watch, &id)) {
        struct request *request = take_pending(gate, id);

        if (request) {
            tell_core(gate, FRAME_GONE, id);
            http_abandon(request);
        }
    }
    return 0;
}

/* --- clients that take too long --------------------------------------------------------------- */

static int on_farewell(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void)source;
    (void)fd;
    (void)revents;
    farewell_read(((struct gate *)userdata)->farewell);
    return 0;
}

static int on_reap_timer(sd_event_source *source, uint64_t time, void *userdata)
{
    struct gate *gate = userdata;
    uint64_t pause_us = (uint64_t)connections_reap(gate->connections) * 1000;

    (void)time;
    farewell_expire(gate->farewell);
    (void)sd_event_source_set_time_relative(source, pause_us);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- life ------------------------------------------------------------------------------------- */

static int on_config(void *userdata, const void *bytes, size_t length)
{
    struct gate *gate = userdata;
    struct config *config = NULL;
    int r = config_unpack(bytes, length, &config);

    r = r < 0 ? r : tls_configure(gate->tls, config);
    r = r < 0 ? r : connections_configure(gate->connections, config);
    r = r < 0 ? r : rules_configure(gate->rules, config);
    if (r == 0) {
        log_set_level(config->log_level);
    }
    if (r == 0 && config->jail && !gate->jailed) {
        r = gate_jail_enter();
        gate->jailed = r == 0;
    }
    config_free(config);
    return r;
}

static int on_listen(void *userdata, int fd)
{
    struct gate *gate = userdata;

    return http_listen(gate->http, gate->loop, fd);
}

static int on_start(void *userdata)
{
    struct gate *gate = userdata;
    int r = sd_event_add_io(gate->loop, &gate->outbox_source, outbox_fd(gate->outbox),
                            EPOLLIN | EPOLLET, on_outbox, gate);

    r = r < 0 ? r
              : sd_event_add_time_relative(gate->loop, &gate->held_timer, CLOCK_MONOTONIC, 0,
                                           HOLD_ACCURACY_US, on_held_timer, gate);
    r = r < 0 ? r : sd_event_add_defer(gate->loop, &gate->answered_source, on_answered, gate);
    r = r < 0 ? r
              : sd_event_add_io(gate->loop, &gate->watch_source, watch_fd(gate->watch), EPOLLIN,
                                on_watch, gate);
    r = r < 0 ? r
              : sd_event_add_time_relative(gate->loop, &gate->watch_timer, CLOCK_MONOTONIC, 0, 0,
                                           on_watch_timer, gate);
    r = r < 0 ? r
              : sd_event_add_io(gate->loop, &gate->farewell_source, farewell_fd(gate->farewell),
                                EPOLLIN, on_farewell, gate);
    r = r < 0 ? r
              : sd_event_add_time_relative(gate->loop, &gate->reap_timer, CLOCK_MONOTONIC, 0, 0,
                                           on_reap_timer, gate);
    return r < 0 ? r : 0;
}

/* Nothing waits for core any more, and nothing can. */
static void refuse_all(struct gate *gate)
{
    http_set_available(gate->http, false);
    refuse_list(gate, outbox_close(gate->outbox));
    refuse_pending(gate);
}

static int on_last_answers_due(sd_event_source *source, uint64_t time, void *userdata)
{
    struct gate *gate = userdata;

    (void)source;
    (void)time;
    return sd_event_exit(gate->loop, EXIT_SUCCESS);
}

static int set_stop_timer(struct gate *gate, uint64_t delay, sd_event_time_handler_t handler)
{
    gate->stop_timer = sd_event_source_disable_unref(gate->stop_timer);
    return sd_event_add_time_relative(gate->loop, &gate->stop_timer, CLOCK_MONOTONIC, delay, 0,
                                      handler, gate);
}

static int on_drain_due(sd_event_source *source, uint64_t time, void *userdata)
{
    struct gate *gate = userdata;

    (void)source;
    (void)time;
    refuse_all(gate);
    if (set_stop_timer(gate, LAST_ANSWERS_US, on_last_answers_due) < 0) {
        (void)sd_event_exit(gate->loop, EXIT_SUCCESS);
    }
    return 0;
}

static void on_stop(void *userdata)
{
    struct gate *gate = userdata;

    if (gate->stopping) {
        return;
    }
    gate->stopping = true;
    http_quiesce(gate->http);
    send_requests(gate, outbox_take(gate->outbox));
    if (set_stop_timer(gate, DRAIN_US, on_drain_due) < 0) {
        (void)sd_event_exit(gate->loop, EXIT_SUCCESS);
    }
    end_if_idle(gate);
}

static int gate_begin(struct gate *gate)
{
    int r = rules_new(gate->role, &gate->rules);

    r = r < 0 ? r : outbox_new(&gate->outbox);
    r = r < 0 ? r : pending_new(&gate->pending);
    r = r < 0 ? r : watch_new(&gate->watch);
    r = r < 0 ? r : connections_new(gate->role, &gate->connections);
    r = r < 0 ? r : farewell_new(&gate->farewell);
    r = r < 0 ? r : tls_new(&gate->tls);
    if (r < 0) {
        return r;
    }
    const struct http_parts parts = {
        .judges = {gate->role, gate->connections, gate->rules},
        .outbox = gate->outbox,
        .farewell = gate->farewell,
        .tls = gate->tls,
    };

    return http_new(&parts, &gate->http);
}

static void gate_end(struct gate *gate)
{
    if (gate->http) {
        refuse_all(gate);
    }
    http_free(gate->http);
    stream_free(gate->stream);
    sd_event_source_disable_unref(gate->outbox_source);
    sd_event_source_disable_unref(gate->held_timer);
    sd_event_source_disable_unref(gate->answered_source);
    sd_event_source_disable_unref(gate->watch_source);
    sd_event_source_disable_unref(gate->watch_timer);
    sd_event_source_disable_unref(gate->stop_timer);
    sd_event_source_disable_unref(gate->farewell_source);
    sd_event_source_disable_unref(gate->reap_timer);
    farewell_free(gate->farewell);
    connections_free(gate->connections);
    tls_free(gate->tls);
    watch_free(gate->watch);
    pending_free(gate->pending);
    outbox_free(gate->outbox);
    rules_free(gate->rules);
}

int gate_main(enum role role)
{
    static const struct member_handlers handlers = {
        .on_config = on_config,
        .on_listen = on_listen,
        .on_stream = on_stream,
        .on_start = on_start,
        .on_stop = on_stop,
    };
    struct gate gate = {.role = role};
    int status = EXIT_FAILURE;
    descriptors_raise_limit();
    int r = gate_begin(&gate);

    if (r == 0) {
        status = member_run(role, &handlers, &gate, &gate.loop);
    } else {
        log_event(LOG_LEVEL_ERROR, "the gate can't start", "error", strerror(-r), NULL);
    }
    gate_end(&gate);
    return status;
}
