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

#include "assent/core/store.h"
#include "support/bench_store.h"

#define ALL 1000000

struct summary {
    int64_t succeeded;
    int64_t others;
    int64_t first_start;
    int64_t last_end;
};

/* With a job of the hook. */
static void add_job(struct store *store, int64_t number, void *hook)
{
    char id[32];
    char key[64];
    struct store_request request = bench_request(id);
    struct store_job job = {
        .hook = hook,
        .key = key,
        .cause = DECISION_GRANTED,
        .state = JOB_QUEUED,
        .created_at = request.created_at,
    };

    request.state = REQUEST_APPROVED;
    request.decided_at = request.created_at;
    request.decided_by = (char *)(uintptr_t) "ops@example.com";
    (void)snprintf(id, sizeof id, "req_%08" PRId64, number);
    (void)snprintf(key, sizeof key, "%s.%08" PRId64, store_identity(store), number);
    bench_must(store_request_add(store, &request, bench_context, &job.request), "request");
    bench_must(store_job_add(store, &job, &job.number), "job");
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
    struct store *store = bench_store_open(path);
    const struct store_job_filter filter = {.state = JOB_STATE_COUNT};
    struct summary summary = {0};

    bench_must(store_begin(store), "begin");
    bench_must(store_job_list(store, &filter, ALL, sum_up, &summary), "jobs");
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
        bench_store_fill(argv[1], count, add_job, argv[3]);
    } else {
        (void)fprintf(stderr, "usage: make_jobs STORE [COUNT HOOK]\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
