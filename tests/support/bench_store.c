#include "support/bench_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"

#define PER_COMMIT 1000
#define DAY_MS     INT64_C(86400000)

const char bench_context[] = "{\"recipient_count\":500,\"subject\":\"Spring campaign\","
                             "\"preview\":\"Dear reader, this spring we have something\"}";

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(EXIT_FAILURE);
}

void bench_must(int r, const char *what)
{
    if (r < 0) {
        fail(what, strerror(-r));
    }
}

struct store *bench_store_open(const char *path)
{
    struct store *store = NULL;
    struct problem problem = {""};

    if (store_open(path, &store, &problem) < 0) {
        fail(path, problem.text);
    }
    return store;
}

void bench_store_fill(const char *path, int64_t count,
                      void (*add)(struct store *store, int64_t number, void *userdata),
                      void *userdata)
{
    struct store *store = bench_store_open(path);

    for (int64_t number = 0; number < count;) {
        bench_must(store_begin(store), "begin");
        for (int i = 0; i < PER_COMMIT && number < count; i++) {
            add(store, number++, userdata);
        }
        bench_must(store_commit(store), "commit");
    }
    store_free(store);
}

struct store_request bench_request(char *id)
{
    int64_t now = clock_now_ms();

    return (struct store_request){
        .service = (char *)(uintptr_t) "daimon",
        .id = id,
        .owner = (char *)(uintptr_t) "uid:1000",
        .action = (char *)(uintptr_t) "bulk_send",
        .reason = (char *)(uintptr_t) "The spring campaign is ready to go out",
        .urgency = URGENCY_MEDIUM,
        .state = REQUEST_PENDING,
        .created_at = now,
        .expires_at = now + DAY_MS,
        .deadline = now + DAY_MS,
    };
}
