#include "assent/gate/pending.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_AT_FIRST 256

/* Ids are counted up, so their low bits alone spread them evenly. */
struct pending {
    struct request **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct request *oldest;
    struct request *newest;
    struct request *oldest_unwatched; /* every older one is watched */
};

int pending_new(struct pending **ret_pending)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    if (!pending) {
        return -ENOMEM;
    }
    pending->buckets = calloc(BUCKETS_AT_FIRST, sizeof(struct request *));
    if (!pending->buckets) {
        free(pending);
        return -ENOMEM;
    }
    pending->bucket_count = BUCKETS_AT_FIRST;
    *ret_pending = pending;
    return 0;
}

static struct request **bucket(const struct pending *pending, uint64_t id)
{
    return &pending->buckets[id & (pending->bucket_count - 1)];
}

static void insert(struct pending *pending, struct request *request)
{
    struct request **place = bucket(pending, request->id);
    request->next = *place;
    *place = request;
}

/* Without memory for more buckets it stays as it is, only slower. */
static void grow(struct pending *pending)
{
    struct request **buckets = calloc(pending->bucket_count * 2, sizeof(struct request *));
    if (!buckets) {
        return;
    }
    free(pending->buckets);
    pending->buckets = buckets;
    pending->bucket_count *= 2;
    for (struct request *request = pending->oldest; request; request = request->newer) {
        insert(pending, request);
    }
}

void pending_add(struct pending *pending, struct request *request)
{
    if (pending->count == pending->bucket_count) {
        grow(pending);
    }
    insert(pending, request);
    request->watched = false;
    request->newer = NULL;
    request->older = pending->newest;
    *(pending->newest ? &pending->newest->newer : &pending->oldest) = request;
    pending->newest = request;
    if (!pending->oldest_unwatched) {
        pending->oldest_unwatched = request;
    }
    pending->count++;
}

static void unlink_from_order(struct pending *pending, struct request *request)
{
    *(request->older ? &request->older->newer : &pending->oldest) = request->newer;
    *(request->newer ? &request->newer->older : &pending->newest) = request->older;
    if (pending->oldest_unwatched == request) {
        pending->oldest_unwatched = request->newer;
    }
}

struct request *pending_take(struct pending *pending, uint64_t id)
{
    struct request **place = bucket(pending, id);
    while (*place && (*place)->id != id) {
        place = &(*place)->next;
    }
    struct request *request = *place;
    if (!request) {
        return NULL;
    }
    *place = request->next;
    unlink_from_order(pending, request);
    pending->count--;
    return request;
}

struct request *pending_oldest(const struct pending *pending)
{
    return pending->oldest;
}

struct request *pending_watch_next(struct pending *pending, int64_t before)
{
    struct request *request = pending->oldest_unwatched;
    if (!request || request->since > before) {
        return NULL;
    }
    request->watched = true;
    pending->oldest_unwatched = request->newer;
    return request;
}

bool pending_has_unwatched(const struct pending *pending)
{
    return pending->oldest_unwatched;
}

size_t pending_count(const struct pending *pending)
{
    return pending->count;
}

void pending_free(struct pending *pending)
{
    if (!pending) {
        return;
    }
    free(pending->buckets);
    free(pending);
}
