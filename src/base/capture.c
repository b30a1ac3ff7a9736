#include "assent/base/capture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 1024

/* Bytes that may grow up to a limit. */
struct store {
    unsigned char *bytes;
    size_t length;
    size_t room;
    size_t limit;
};

struct capture {
    struct store head;
    struct store tail;
    size_t oldest; /* where the tail begins, once it is full and turns round */
    uint64_t dropped;
};

int capture_new(size_t limit, struct capture **ret_capture)
{
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture) {
        return -ENOMEM;
    }
    capture->tail.limit = limit / 2;
    capture->head.limit = limit - capture->tail.limit;
    *ret_capture = capture;
    return 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int store_grow(struct store *store, size_t wanted)
{
    if (wanted <= store->room) {
        return 0;
    }
    size_t room = store->room ? store->room : FIRST_ROOM;
    while (room < wanted && room <= store->limit / 2) {
        room *= 2;
    }
    if (room < wanted || room > store->limit) {
        room = store->limit;
    }
    unsigned char *bytes = realloc(store->bytes, room);
    if (!bytes) {
        /* What lies behind a gap must not look as if it followed: the store is full from now on. */
        store->limit = store->length;
        return -ENOMEM;
    }
    store->bytes = bytes;
    store->room = room;
    return 0;
}

/* Takes as many of the bytes as the limit leaves room for; returns how many. */
static size_t store_fill(struct store *store, const unsigned char *bytes, size_t length, int *error)
{
    size_t taken = smaller(length, store->limit - store->length);
    if (taken == 0) {
        return 0;
    }
    int r = store_grow(store, store->length + taken);
    if (r < 0) {
        *error = r;
        return 0;
    }
    memcpy(store->bytes + store->length, bytes, taken);
    store->length += taken;
    return taken;
}

/* The full tail takes the bytes in place of its oldest ones. */
static void tail_turn(struct capture *capture, const unsigned char *bytes, size_t length)
{
    struct store *tail = &capture->tail;
    capture->dropped += length;
    if (tail->length == 0) {
        return;
    }
    if (length > tail->length) {
        bytes += length - tail->length;
        length = tail->length;
    }
    size_t first = smaller(length, tail->length - capture->oldest);
    memcpy(tail->bytes + capture->oldest, bytes, first);
    memcpy(tail->bytes, bytes + first, length - first);
    capture->oldest = (capture->oldest + length) % tail->length;
}

int capture_add(struct capture *capture, const void *bytes, size_t length)
{
    const unsigned char *next = bytes;
    int r = 0;
    size_t taken = store_fill(&capture->head, next, length, &r);
    next += taken;
    length -= taken;
    taken = store_fill(&capture->tail, next, length, &r);
    next += taken;
    length -= taken;
    if (length > 0) {
        tail_turn(capture, next, length);
    }
    return r;
}

static void reverse(unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length / 2; i++) {
        unsigned char other = bytes[length - 1 - i];
        bytes[length - 1 - i] = bytes[i];
        bytes[i] = other;
    }
}

void capture_view(struct capture *capture, struct protocol_output *ret_output)
{
    struct store *tail = &capture->tail;
    if (capture->oldest > 0) {
        reverse(tail->bytes, capture->oldest);
        reverse(tail->bytes + capture->oldest, tail->length - capture->oldest);
        reverse(tail->bytes, tail->length);
        capture->oldest = 0;
    }
    *ret_output = (struct protocol_output){
        .head = capture->head.bytes,
        .head_length = capture->head.length,
        .tail = tail->bytes,
        .tail_length = tail->length,
        .dropped = capture->dropped,
    };
}

void capture_free(struct capture *capture)
{
    if (!capture) {
        return;
    }
    free(capture->head.bytes);
    free(capture->tail.bytes);
    free(capture);
}
