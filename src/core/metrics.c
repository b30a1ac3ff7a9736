#include "assent/core/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"

struct service {
    struct service *next;
    char *name;
    uint64_t counts[WEBHOOK_COUNT];
};

struct metrics {
    int64_t started_at;
    struct service *services;
    struct metrics_commits commits;
};

const int64_t metrics_commit_bounds_us[METRICS_COMMIT_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000};

int metrics_new(struct metrics **ret_metrics)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (!metrics) {
        return -ENOMEM;
    }
    metrics->started_at = clock_now_ms();
    *ret_metrics = metrics;
    return 0;
}

int64_t metrics_started_at(const struct metrics *metrics)
{
    return metrics->started_at;
}

void metrics_free(struct metrics *metrics)
{
    while (metrics && metrics->services) {
        struct service *service = metrics->services;

        metrics->services = service->next;
        free(service->name);
        free(service);
    }
    free(metrics);
}

static struct service *find_service(const struct metrics *metrics, const char *name)
{
    struct service *service = metrics->services;

    while (service && strcmp(service->name, name) != 0) {
        service = service->next;
    }
    return service;
}

static struct service *add_service(struct metrics *metrics, const char *name)
{
    struct service *service = calloc(1, sizeof *service);

    if (!service || !(service->name = strdup(name))) {
        free(service);
        return NULL;
    }
    service->next = metrics->services;
    metrics->services = service;
    return service;
}

void metrics_webhook(struct metrics *metrics, const char *service, int what)
{
    struct service *counted = find_service(metrics, service);

    if (!counted) {
        counted = add_service(metrics, service);
    }
    if (counted) {
        counted->counts[what]++;
    }
}

uint64_t metrics_webhook_count(const struct metrics *metrics, const char *service, int what)
{
    const struct service *counted = find_service(metrics, service);

    return counted ? counted->counts[what] : 0;
}

const char *metrics_webhook_name(int what)
{
    switch (what) {
    case WEBHOOK_REFUSED:
        return "refused";
    case WEBHOOK_INVALID:
        return "invalid";
    case WEBHOOK_PUT_OFF:
        return "put_off";
    default:
        return outcome_name((enum outcome)what);
    }
}

void metrics_commit(struct metrics *metrics, int64_t us)
{
    struct metrics_commits *commits = &metrics->commits;
    size_t i = 0;

    while (i < METRICS_COMMIT_BUCKETS && us > metrics_commit_bounds_us[i]) {
        i++;
    }
    if (i < METRICS_COMMIT_BUCKETS) {
        commits->buckets[i]++;
    }
    commits->count++;
    commits->us += us > 0 ? (uint64_t)us : 0;
}

const struct metrics_commits *metrics_commits(const struct metrics *metrics)
{
    return &metrics->commits;
}
