#include "support/audience.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/listener.h"

#define CORE  "assentd: core"
#define GATE  "assentd: gate control"
#define SPARE 200 /* other descriptors */

struct audience {
    const struct house *house;
    int count;
    long core_kb;
    long gate_kb;
    struct listener *waits;
    struct listener *listeners;
};

bool audience_fits(int count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < (rlim_t)count + SPARE) {
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int64_t processor_of(const struct house *house, const char *title)
{
    char *stat = process_read(house_role(house, title), "stat");
    const char *rest = strrchr(stat, ')');
    long long user = 0;
    long long system = 0;

    ck_assert_ptr_nonnull(rest);
    ck_assert_int_eq(
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user, &system),
        2);
    free(stat);
    return (user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

int audience_waiting(const struct house *house, const char *kind)
{
    struct answer answer = house_control(house, "GET", "/metrics", NULL);
    char series[64];
    int count = -1;

    (void)snprintf(series, sizeof series, "\nassentd_waiting_clients{kind=\"%s\"} ", kind);
    const char *found = answer.body ? strstr(answer.body, series) : NULL;

    if (found) {
        count = (int)strtol(found + strlen(series), NULL, 10);
    }
    answer_clear(&answer);
    return count;
}

static void await_counts(const struct house *house, int waits, int streams)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (audience_waiting(house, "wait") != waits ||
           audience_waiting(house, "stream") != streams) {
        ck_assert_msg(house_now_ms() < deadline, "not %d wait and %d follow", waits, streams);
        (void)poll(NULL, 0, 20);
    }
}

void audience_await_none(const struct house *house)
{
    await_counts(house, 0, 0);
}

static void ask(const struct house *house, struct listener *listener, const char *path, bool used)
{
    listener_connect(listener, house_socket(house));
    if (used && !listener_warm(listener)) {
        listener_close(listener);
        listener_connect(listener, house_socket(house));
    }
    listener_ask(listener, path, "");
}

struct audience *audience_open(const struct house *house, int count, bool used)
{
    struct audience *audience = calloc(1, sizeof *audience);

    ck_assert_ptr_nonnull(audience);
    audience->house = house;
    audience->count = count / 2;
    audience->waits = calloc((size_t)audience->count, sizeof *audience->waits);
    audience->listeners = calloc((size_t)audience->count, sizeof *audience->listeners);
    ck_assert(audience->waits && audience->listeners);
    house_register_as(house, "req_audience", "other");
    audience->core_kb = house_status(house, CORE, "VmRSS:");
    audience->gate_kb = house_status(house, GATE, "VmRSS:");
    for (int i = 0; i < audience->count; i++) {
        ask(house, &audience->waits[i], "/v1/approvals/req_audience?wait=55", used);
        ask(house, &audience->listeners[i], "/v1/stream", used);
    }
    for (int i = 0; i < audience->count; i++) {
        ck_assert_int_eq(listener_status(&audience->listeners[i]), 200);
    }
    await_counts(house, audience->count, audience->count);
    return audience;
}

void audience_close(struct audience *audience)
{
    for (int i = 0; i < audience->count; i++) {
        listener_close(&audience->waits[i]);
        listener_close(&audience->listeners[i]);
    }
    free(audience->waits);
    free(audience->listeners);
    free(audience);
}

void audience_expect_event(struct audience *audience, const char *text)
{
    char event[1024];

    for (int i = 0; i < audience->count; i++) {
        ck_assert_int_gt(listener_next(&audience->listeners[i], event, sizeof event), 0);
        ck_assert_msg(strstr(event, text) != NULL, "not %s: %s", text, event);
    }
}

struct audience_cost audience_cost(const struct audience *audience)
{
    return (struct audience_cost){
        .core_kb = house_status(audience->house, CORE, "VmRSS:") - audience->core_kb,
        .gate_kb = house_status(audience->house, GATE, "VmRSS:") - audience->gate_kb,
    };
}

int64_t audience_processor_us(const struct audience *audience)
{
    return processor_of(audience->house, CORE) + processor_of(audience->house, GATE);
}
