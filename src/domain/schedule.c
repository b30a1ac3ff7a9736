#include "assent/domain/schedule.h"

#define US_PER_MS 1000

static int64_t lesser(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

int64_t schedule_backoff(int64_t base, int64_t longest, unsigned tries, uint64_t chance)
{
    int64_t most = base;

    for (unsigned i = 1; i < tries && most < longest; i++) {
        most = most > INT64_MAX / 2 ? longest : most * 2;
    }
    most = lesser(most, longest);
    return (int64_t)(chance % ((uint64_t)most + 1));
}

/* Between two tokens; rounded up, so that no period ever has one more. */
static int64_t interval_of(const struct quantity_rate *rate)
{
    return (rate->period_ms * US_PER_MS + rate->count - 1) / rate->count;
}

/* By how much a bucket may be behind full and still have a token. */
static int64_t tolerance_of(const struct quantity_rate *rate)
{
    int64_t tokens = SCHEDULE_BURST_MS * (int64_t)rate->count / rate->period_ms;

    return tokens > 1 ? (tokens - 1) * interval_of(rate) : 0;
}

int64_t schedule_hold(const struct quantity_rate *rate, int64_t bucket, int64_t now_us)
{
    return lesser(bucket, now_us + tolerance_of(rate) + interval_of(rate));
}

int64_t schedule_ready_at(const struct quantity_rate *rate, int64_t bucket, int64_t now_us)
{
    return schedule_hold(rate, bucket, now_us) - tolerance_of(rate);
}

int64_t schedule_take(const struct quantity_rate *rate, int64_t bucket, int64_t now_us)
{
    int64_t full_at = schedule_hold(rate, bucket, now_us);

    return (full_at > now_us ? full_at : now_us) + interval_of(rate);
}
