#include "assent/base/executor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/digest.h"
#include "assent/base/log.h"

enum attempt_state {
    ATTEMPT_RUNNING,
    ATTEMPT_FINISHED, /* the result waits for a stream */
    ATTEMPT_SENT,     /* and for core's ACK */
};

/* As many as are ever run at once, for one look at each of them. */
#define BUCKETS 1024
/* So many results leave together at most; fewer where no more of them are at hand. */
#define BATCH 16

struct attempt {
    struct attempt *next; /* in its bucket */
    char *key;
    int64_t item;
    uint32_t n;
    enum attempt_state state;
    struct buffer result; /* encoded; empty while running */
};

struct executor {
    struct executor_setup setup;
    unsigned char incarnation[PROTOCOL_INCARNATION_SIZE];
    struct protocol_digests digests;
    struct attempt *buckets[BUCKETS];
    size_t held;
    size_t waiting; /* finished, and not sent */
    bool quiesced;
    struct stream *stream;
    sd_event_source *letting_go; /* of the results that the stream holds back */
    size_t held_back;
    int waiting_fd; /* the next stream, while the present one is read to its end; or -1 */
};

/* --- attempts --------------------------------------------------------------------------------- */

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static size_t bucket_of(const struct protocol_attempt *id)
{
    uint32_t hash = UINT32_C(2166136261);

    for (const char *at = id->key; *at; at++) {
        hash = (hash ^ (unsigned char)*at) * UINT32_C(16777619);
    }
    hash = (hash ^ (uint32_t)id->item) * UINT32_C(16777619);
    return (hash ^ id->n) % BUCKETS;
}

static struct attempt **attempt_find(struct executor *executor, const struct protocol_attempt *id)
{
    struct attempt **place = &executor->buckets[bucket_of(id)];
    while (*place && !((*place)->n == id->n && (*place)->item == id->item &&
                       strcmp((*place)->key, id->key) == 0)) {
        place = &(*place)->next;
    }
    return place;
}

/* The attempt behind `attempt`, in any order; the first one behind NULL. */
static struct attempt *attempt_next(const struct executor *executor, const struct attempt *attempt)
{
    size_t bucket = 0;
    if (attempt) {
        if (attempt->next) {
            return attempt->next;
        }
        const struct protocol_attempt id = {
            .key = attempt->key, .item = attempt->item, .n = attempt->n};
        bucket = bucket_of(&id) + 1;
    }
    while (bucket < BUCKETS && !executor->buckets[bucket]) {
        bucket++;
    }
    return bucket < BUCKETS ? executor->buckets[bucket] : NULL;
}

static struct protocol_attempt attempt_id(const struct attempt *attempt)
{
    return (struct protocol_attempt){.key = attempt->key, .item = attempt->item, .n = attempt->n};
}

static int attempt_add(struct executor *executor, const struct protocol_attempt *id)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt) {
        return -ENOMEM;
    }
    attempt->key = strdup(id->key);
    if (!attempt->key) {
        free(attempt);
        return -ENOMEM;
    }
    attempt->item = id->item;
    attempt->n = id->n;
    struct attempt **bucket = &executor->buckets[bucket_of(id)];
    attempt->next = *bucket;
    *bucket = attempt;
    executor->held++;
    return 0;
}

static void attempt_remove(struct executor *executor, struct attempt **place)
{
    struct attempt *attempt = *place;
    *place = attempt->next;
    executor->waiting -= attempt->state == ATTEMPT_FINISHED;
    buffer_free(&attempt->result);
    free(attempt->key);
    free(attempt);
    executor->held--;
}

static void attempt_finished(struct executor *executor, struct attempt *attempt)
{
    executor->waiting += attempt->state != ATTEMPT_FINISHED;
    attempt->state = ATTEMPT_FINISHED;
}

static void let_go(struct executor *executor)
{
    executor->held_back = 0;
    (void)sd_event_source_set_enabled(executor->letting_go, SD_EVENT_OFF);
    if (executor->stream) {
        stream_cork(executor->stream, false);
    }
}

static int on_turn_over(sd_event_source *source, void *userdata)
{
    (void)source;
    let_go(userdata);
    return 0;
}

/* Results that come together leave together: to write and to read each by itself costs more than
 * all else that is done with it here. */
static int result_send(struct executor *executor, struct attempt *attempt)
{
    if (sd_event_source_set_enabled(executor->letting_go, SD_EVENT_ONESHOT) >= 0) {
        stream_cork(executor->stream, true);
    }
    int r =
        stream_send(executor->stream, FRAME_RESULT, attempt->result.data, attempt->result.length);
    if (r < 0) {
        return r;
    }
    attempt->state = ATTEMPT_SENT;
    executor->waiting--;
    if (++executor->held_back >= BATCH) {
        let_go(executor);
    }
    return 0;
}

/* Sends every result that waits. What can't be queued waits for the next occasion. */
static void results_send(struct executor *executor)
{
    struct attempt *attempt = NULL;
    while (executor->waiting > 0 && executor->stream &&
           (attempt = attempt_next(executor, attempt))) {
        if (attempt->state == ATTEMPT_FINISHED && result_send(executor, attempt) < 0) {
            return;
        }
    }
}

/* --- what core says --------------------------------------------------------------------------- */

static bool can_run(const struct executor *executor, const struct protocol_start *start)
{
    for (size_t i = 0; i < executor->digests.count; i++) {
        const struct protocol_digest *own = &executor->digests.digests[i];
        if (strcmp(own->hook, start->hook) == 0) {
            return memcmp(own->digest, start->digest, sizeof own->digest) == 0;
        }
    }
    return false;
}

static int refuse(struct executor *executor, const struct protocol_attempt *id)
{
    struct buffer payload = {0};
    int r = protocol_encode_attempt(&payload, id);
    if (r == 0) {
        r = stream_send(executor->stream, FRAME_REFUSED, payload.data, payload.length);
    }
    buffer_free(&payload);
    return r == -EPIPE ? 0 : r; /* what core wrote before it went is still worth reading */
}

/* An attempt that is known is never refused, whatever its digest: it was started. */
static int take_start(struct executor *executor, const struct frame *frame)
{
    struct protocol_start start;
    int r = protocol_decode_start(frame, &start);
    if (r < 0) {
        return r;
    }
    struct attempt *known = *attempt_find(executor, &start.attempt);
    if (known) {
        if (known->state == ATTEMPT_SENT) {
            attempt_finished(executor, known);
        }
        return 0;
    }
    if (executor->quiesced || !can_run(executor, &start)) {
        return refuse(executor, &start.attempt);
    }
    r = attempt_add(executor, &start.attempt);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "no memory to start a hook", "hook", start.hook, "job_key",
                  start.attempt.key, NULL);
        return refuse(executor, &start.attempt);
    }
    executor->setup.begin(executor->setup.userdata, &start);
    return 0;
}

static int take_ack(struct executor *executor, const struct frame *frame)
{
    struct protocol_attempt id;
    int r = protocol_decode_attempt(frame, &id);
    if (r < 0) {
        return r;
    }
    struct attempt **place = attempt_find(executor, &id);
    if (!*place) {
        return 0;
    }
    if ((*place)->state == ATTEMPT_RUNNING) {
        log_event(LOG_LEVEL_ERROR, "core acknowledged a result that it can't have", "job_key",
                  id.key, NULL);
        return -EBADMSG;
    }
    attempt_remove(executor, place);
    if (executor->held == 0 && executor->setup.on_empty) {
        executor->setup.on_empty(executor->setup.userdata);
    }
    return 0;
}

static bool is_running(struct executor *executor, const struct protocol_attempt *id)
{
    const struct attempt *attempt = *attempt_find(executor, id);

    return attempt && attempt->state == ATTEMPT_RUNNING;
}

/* One that has ended already says so by its RESULT. */
static int take_cancel(struct executor *executor, const struct frame *frame)
{
    struct protocol_attempt id;
    int r = protocol_decode_attempt(frame, &id);
    if (r == 0 && is_running(executor, &id)) {
        executor->setup.cancel(executor->setup.userdata, &id);
    }
    return r;
}

static int take_peek(struct executor *executor, const struct frame *frame)
{
    struct protocol_peeked peeked = {0};
    struct buffer payload = {0};
    int r = protocol_decode_attempt(frame, &peeked.attempt);
    if (r < 0 || !is_running(executor, &peeked.attempt) ||
        !executor->setup.peek(executor->setup.userdata, &peeked)) {
        return r;
    }
    r = protocol_encode_peeked(&payload, &peeked);
    if (r == 0) {
        r = executor_send(executor, FRAME_PEEKED, &payload);
    }
    buffer_free(&payload);
    return r;
}

static int take_frame(struct executor *executor, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_START:
        return take_start(executor, frame);
    case FRAME_ACK:
        return take_ack(executor, frame);
    case FRAME_CANCEL:
        return take_cancel(executor, frame);
    case FRAME_PEEK:
        return take_peek(executor, frame);
    default:
        return executor->setup.frame ? executor->setup.frame(executor->setup.userdata, frame)
                                     : -EBADMSG;
    }
}

static int on_frame(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct executor *executor = userdata;
    int r = take_frame(executor, frame);

    (void)stream;
    if (r == 0) {
        results_send(executor);
    }
    return r;
}

/* --- the stream ------------------------------------------------------------------------------- */

static int say_hello(struct executor *executor)
{
    struct protocol_hello hello = {.digests = executor->digests};
    struct buffer payload = {0};
    int r = -ENOMEM;
    memcpy(hello.incarnation, executor->incarnation, sizeof hello.incarnation);
    if (executor->held > 0) {
        hello.attempts = calloc(executor->held, sizeof *hello.attempts);
        if (!hello.attempts) {
            goto out;
        }
    }
    for (const struct attempt *attempt = NULL; (attempt = attempt_next(executor, attempt));) {
        hello.attempts[hello.attempt_count++] = attempt_id(attempt);
    }
    r = protocol_encode_hello(&payload, &hello);
    if (r == 0) {
        r = stream_send(executor->stream, FRAME_HELLO, payload.data, payload.length);
    }
out:
    free(hello.attempts);
    buffer_free(&payload);
    return r;
}

static void on_end(struct stream *stream, int reason, void *userdata);

static int open_stream(struct executor *executor, int fd)
{
    const struct stream_setup setup = {
        .frame_limit = PROTOCOL_RECORD_LIMIT,
        .on_frame = on_frame,
        .on_end = on_end,
        .userdata = executor,
    };
    int r = stream_open(executor->setup.loop, fd, &setup, &executor->stream);
    if (r < 0) {
        return r;
    }
    r = say_hello(executor);
    if (r < 0) {
        stream_free(executor->stream);
        executor->stream = NULL;
        return r;
    }
    for (struct attempt *attempt = NULL; (attempt = attempt_next(executor, attempt));) {
        if (attempt->state == ATTEMPT_SENT) {
            attempt_finished(executor, attempt);
        }
    }
    results_send(executor);
    return 0;
}

static void on_end(struct stream *stream, int reason, void *userdata)
{
    struct executor *executor = userdata;
    if (reason < 0) {
        log_event(LOG_LEVEL_ERROR, "the stream to core broke", "error", strerror(-reason), NULL);
    }
    stream_free(stream);
    executor->stream = NULL;
    if (executor->setup.on_lost) {
        executor->setup.on_lost(executor->setup.userdata);
    }
    int r = reason;
    if (executor->waiting_fd >= 0) {
        int fd = executor->waiting_fd;
        executor->waiting_fd = -1;
        r = open_stream(executor, fd);
        if (r < 0) {
            log_event(LOG_LEVEL_ERROR, "can't talk to core", "error", strerror(-r), NULL);
        }
    }
    if (r < 0 && executor->setup.on_broken) {
        executor->setup.on_broken(executor->setup.userdata);
    }
}

int executor_take_stream(struct executor *executor, int fd)
{
    if (!executor->stream) {
        return open_stream(executor, fd);
    }
    /* One that waited already was never spoken on, so core has sent nothing on it. */
    if (executor->waiting_fd >= 0) {
        close(executor->waiting_fd);
    }
    executor->waiting_fd = fd;
    return 0;
}

/* --- the executor ----------------------------------------------------------------------------- */

int executor_new(const struct executor_setup *setup, struct executor **ret_executor)
{
    struct executor *executor = calloc(1, sizeof *executor);
    if (!executor) {
        return -ENOMEM;
    }
    executor->setup = *setup;
    executor->waiting_fd = -1;
    int r = digest_random(executor->incarnation, sizeof executor->incarnation);
    if (r == 0) {
        r = sd_event_add_defer(setup->loop, &executor->letting_go, on_turn_over, executor);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(executor->letting_go, SD_EVENT_OFF);
    }
    if (r < 0) {
        executor_free(executor);
        return r;
    }
    *ret_executor = executor;
    return 0;
}

/* Copied lists own their names, which decoded ones do not. */
static void digests_clear(struct protocol_digests *digests)
{
    for (size_t i = 0; i < digests->count; i++) {
        free((char *)digests->digests[i].hook);
    }
    free(digests->digests);
    *digests = (struct protocol_digests){0};
}

static int digests_copy(const struct protocol_digests *digests, struct protocol_digests *ret_copy)
{
    struct protocol_digests copy = {0};
    if (digests->count > 0) {
        copy.digests = calloc(digests->count, sizeof *copy.digests);
        if (!copy.digests) {
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < digests->count; i++) {
        copy.digests[i] = digests->digests[i];
        copy.digests[i].hook = strdup(digests->digests[i].hook);
        copy.count = i + 1;
        if (!copy.digests[i].hook) {
            digests_clear(&copy);
            return -ENOMEM;
        }
    }
    *ret_copy = copy;
    return 0;
}

static int digests_send(struct executor *executor, const struct protocol_digests *digests)
{
    struct buffer payload = {0};
    int r = protocol_encode_digests(&payload, digests);
    if (r == 0) {
        r = executor_send(executor, FRAME_DIGESTS, &payload);
    }
    buffer_free(&payload);
    return r;
}

int executor_set_digests(struct executor *executor, const struct protocol_digests *digests)
{
    struct protocol_digests copy;
    int r = digests_copy(digests, &copy);
    if (r < 0) {
        return r;
    }
    r = digests_send(executor, &copy);
    if (r < 0) {
        digests_clear(&copy);
        return r;
    }
    digests_clear(&executor->digests);
    executor->digests = copy;
    return 0;
}

void executor_quiesce(struct executor *executor)
{
    executor->quiesced = true;
}

int executor_finish(struct executor *executor, const struct protocol_result *result)
{
    struct attempt *attempt = *attempt_find(executor, &result->attempt);
    if (!attempt || attempt->state != ATTEMPT_RUNNING) {
        return -ENOENT;
    }
    struct buffer encoded = {0};
    int r = protocol_encode_result(&encoded, result);
    if (r < 0) {
        buffer_free(&encoded);
        return r;
    }
    attempt->result = encoded;
    attempt_finished(executor, attempt);
    if (executor->stream) {
        (void)result_send(executor, attempt); /* else it waits */
    }
    return 0;
}

int executor_send(struct executor *executor, uint16_t type, const struct buffer *payload)
{
    int r =
        executor->stream ? stream_send(executor->stream, type, payload->data, payload->length) : 0;

    return r == -EPIPE ? 0 : r;
}

size_t executor_held(const struct executor *executor)
{
    return executor->held;
}

void executor_leave(struct executor *executor)
{
    stream_free(executor->stream);
    executor->stream = NULL;
    if (executor->waiting_fd >= 0) {
        close(executor->waiting_fd);
        executor->waiting_fd = -1;
    }
}

void executor_free(struct executor *executor)
{
    if (!executor) {
        return;
    }
    (void)sd_event_source_disable_unref(executor->letting_go);
    executor_leave(executor);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (executor->buckets[i]) {
            attempt_remove(executor, &executor->buckets[i]);
        }
    }
    digests_clear(&executor->digests);
    free(executor);
}
