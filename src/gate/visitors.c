#include "assent/gate/visitors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS_AT_FIRST 256

struct visitor {
    struct address address;
    unsigned connections;
    int64_t paid_until_us; /* requests that were let through count up to then */
    struct visitor *next;
};

struct visitors {
    struct visitor **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    uint64_t seed;         /* so that nobody can choose addresses of one bucket */
    struct visitor others; /* for whom there is no entry */
};

int visitors_new(struct visitors **ret_visitors)
{
    struct visitors *visitors = calloc(1, sizeof *visitors);

    if (!visitors) {
        return -ENOMEM;
    }
    visitors->buckets = calloc(BUCKETS_AT_FIRST, sizeof *visitors->buckets);
    if (!visitors->buckets) {
        free(visitors);
        return -ENOMEM;
    }
    visitors->bucket_count = BUCKETS_AT_FIRST;
    (void)!getrandom(&visitors->seed, sizeof visitors->seed, 0);
    *ret_visitors = visitors;
    return 0;
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 31;
    value *= UINT64_C(0x9fb21c651e98df25);
    return value ^ value >> 28;
}

static struct visitor **bucket_of(const struct visitors *visitors, const struct address *address)
{
    uint64_t halves[2];

    memcpy(halves, address->bytes, sizeof halves);
    uint64_t hash = mix(mix(halves[0] ^ visitors->seed) + halves[1]);

    return &visitors->buckets[hash & (visitors->bucket_count - 1)];
}

static struct visitor *find(const struct visitors *visitors, const struct address *address)
{
    struct visitor *visitor = *bucket_of(visitors, address);

    while (visitor && !address_equal(&visitor->address, address)) {
        visitor = visitor->next;
    }
    return visitor;
}

static void insert(struct visitors *visitors, struct visitor *visitor)
{
    struct visitor **place = bucket_of(visitors, &visitor->address);

    visitor->next = *place;
    *place = visitor;
}

/* Takes all entries out, linked by `next`. */
static struct visitor *take_all(struct visitors *visitors)
{
    struct visitor *all = NULL;

    for (size_t i = 0; i < visitors->bucket_count; i++) {
        for (struct visitor *visitor = visitors->buckets[i]; visitor;) {
            struct visitor *next = visitor->next;

            visitor->next = all;
            all = visitor;
            visitor = next;
        }
        visitors->buckets[i] = NULL;
    }
    return all;
}

/* Without memory for more buckets they stay as they are, only longer. */
static void grow(struct visitors *visitors)
{
    struct visitor **buckets = calloc(visitors->bucket_count * 2, sizeof(struct visitor *));

    if (buckets) {
        free(visitors->buckets);
        visitors->buckets = buckets;
        visitors->bucket_count *= 2;
    }
}

/* Forgets whom nothing is known of any more, and makes room for as many again as are left. */
static void tidy(struct visitors *visitors, int64_t now_us)
{
    struct visitor *visitor = take_all(visitors);
    struct visitor *kept = NULL;

    visitors->count = 0;
    while (visitor) {
        struct visitor *next = visitor->next;

        if (visitor->connections == 0 && visitor->paid_until_us <= now_us) {
            free(visitor);
        } else {
            visitor->next = kept;
            kept = visitor;
            visitors->count++;
        }
        visitor = next;
    }
    if (visitors->count > visitors->bucket_count / 2 && visitors->count < VISITORS_LIMIT) {
        grow(visitors);
    }
    while (kept) {
        struct visitor *next = kept->next;

        insert(visitors, kept);
        kept = next;
    }
}

static struct visitor *find_or_add(struct visitors *visitors, const struct address *address,
                                   int64_t now_us)
{
    struct visitor *visitor = find(visitors, address);

    if (visitor) {
        return visitor;
    }
    if (visitors->count >= visitors->bucket_count) {
        tidy(visitors, now_us);
    }
    visitor = visitors->count < VISITORS_LIMIT ? calloc(1, sizeof *visitor) : NULL;
    if (!visitor) {
        return &visitors->others;
    }
    visitor->address = *address;
    insert(visitors, visitor);
    visitors->count++;
    return visitor;
}

bool visitors_enter(struct visitors *visitors, const struct address *address, unsigned limit,
                    int64_t now_ms)
{
    struct visitor *visitor = find_or_add(visitors, address, now_ms * 1000);

    if (visitor == &visitors->others) {
        return true;
    }
    if (visitor->connections >= limit) {
        return false;
    }
    visitor->connections++;
    return true;
}

void visitors_leave(struct visitors *visitors, const struct address *address)
{
    struct visitor *visitor = find(visitors, address);

    if (visitor && visitor->connections > 0) {
        visitor->connections--;
    }
}

unsigned visitors_request(struct visitors *visitors, const struct address *address,
                          const struct quantity_rate *rate, int64_t now_ms)
{
    int64_t now_us = now_ms * 1000;
    int64_t period_us = rate->period_ms * 1000;
    struct visitor *visitor = find_or_add(visitors, address, now_us);
    int64_t from = visitor->paid_until_us > now_us ? visitor->paid_until_us : now_us;
    int64_t until = from + period_us / rate->count;
    int64_t early_us = until - now_us - period_us;

    if (early_us > 0) {
        return (unsigned)((early_us + 999999) / 1000000);
    }
    visitor->paid_until_us = until;
    return 0;
}

void visitors_free(struct visitors *visitors)
{
    if (!visitors) {
        return;
    }
    for (struct visitor *visitor = take_all(visitors); visitor;) {
        struct visitor *next = visitor->next;

        free(visitor);
        visitor = next;
    }
    free(visitors->buckets);
    free(visitors);
}
