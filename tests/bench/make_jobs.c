/*
 * A queue of jobs for the benchmark of hooks, made beforehand.
 *
 *   make_jobs STORE COUNT HOOK
 *
 * Puts COUNT approved requests into a store that no daemon has open, each with one queued job.
 *
 *   make_jobs STORE
 *
 * Prints how many jobs have succeeded, how many have not, and how many ms passed from the first
 * start to the last end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/core/store.h"

#define PER_COMMIT 1000
#define DAY_MS     INT64_C(86400000)
#define ALL        1000000

struct summary {
    int64_t succeeded;
    int64_t others;
    int64_t first_start;
    int64_t last_end;
};

static void must(int r, const char *what)
{
    if (r < 0) {
        (void)fprintf(stderr, "make_jobs: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
    }
}

static struct store *open_store(const char *path)
{
    struct store *store = NULL;
    struct problem problem = {""};

    if (store_open(path, &store, &problem) < 0) {
        (void)fprintf(stderr, "make_jobs: %s: %s\n", path, problem.text);
        exit(EXIT_FAILURE);
    }
    return store;
}

static void add_job(struct store *store, int64_t number, char *hook, int64_t now)
{
    static const char context[] = "{\"recipient_count\":500,\"subject\":\"Spring campaign\","
                                  "\"preview\":\"Dear reader, this spring we have something\"}";
    char id[32];
    char key[64];
    struct store_request request = {
        .service = (char *)(uintptr_t) "daimon",
        .id = id,
        .owner = (char *)(uintptr_t) "uid:1000",
        .action = (char *)(uintptr_t) "bulk_send",
        .reason = (char *)(uintptr_t) "The spring campaign is ready to go out",
        .urgency = URGENCY_MEDIUM,
        .state = REQUEST_APPROVED,
        .created_at = now,
        .expires_at = now + DAY_MS,
        .deadline = now + DAY_MS,
        .decided_at = now,
        .decided_by = (char *)(uintptr_t) "ops@example.com",
    };
    struct store_job job = {
        .hook = hook,
        .key = key,
        .cause = DECISION_GRANTED,
        .state = JOB_QUEUED,
        .created_at = now,
    };

    (void)snprintf(id, sizeof id, "req_%08" PRId64, number);
    (void)snprintf(key, sizeof key, "%s.%08" PRId64, store_identity(store), number);
    must(store_request_add(store, &request, context, &job.request), "request");
    must(store_job_add(store, &job, &job.number), "job");
}

static void fill_store(const char *path, int64_t count, char *hook)
{
    struct store *store = open_store(path);
    int64_t now = clock_now_ms();

    for (int64_t number = 0; number < count;) {
        must(store_begin(store), "begin");
        for (int i = 0; i < PER_COMMIT && number < count; i++) {
            add_job(store, number++, hook, now);
        }
        must(store_commit(store), "commit");
    }
    store_free(store);
}

static int sum_up(void *userdata, const struct store_job *job)
{
    struct summary *summary = userdata;

    if (job->state != JOB_SUCCEEDED) {
        summary->others++;
        return 0;
    }
    summary->succeeded++;
    if (summary->first_start == 0 || job->started_at < summary->first_start) {
        summary->first_start = job->started_at;
    }
    if (job->ended_at > summary->last_end) {
        summary->last_end = job->ended_at;
    }
    return 0;
}

static void print_summary(const char *path)
{
    struct store *store = open_store(path);
    const struct store_job_filter filter = {.state = JOB_STATE_COUNT};
    struct summary summary = {0};

    must(store_begin(store), "begin");
    must(store_job_list(store, &filter, ALL, sum_up, &summary), "jobs");
    store_free(store);
    (void)printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", summary.succeeded, summary.others,
                 summary.last_end - summary.first_start);
}

int main(int argc, char **argv)
{
    int64_t count = argc == 4 ? strtoll(argv[2], NULL, 10) : 0;

    if (argc == 2) {
        print_summary(argv[1]);
    } else if (count > 0) {
        fill_store(argv[1], count, argv[3]);
    } else {
        (void)fprintf(stderr, "usage: make_jobs STORE [COUNT HOOK]\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
