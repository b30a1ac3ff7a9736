/*
 * How many webhooks a second the store alone takes, 64 to a commit.
 *
 *   store_hot_path [DIRECTORY]
 *
 * On a DIRECTORY in memory (the default, /dev/shm) the cost of the disk's syncs is left out. Every
 * webhook finds its request, remembers the delivery, decides, adds a job and an event, as core does.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "assent/core/store.h"

#define PER_COMMIT 64
#define NOW        INT64_C(1773657045123)

struct bench {
    struct store *store;
    int64_t requests; /* made so far */
    int64_t pending;  /* of these, in the middle of the measuring */
    int64_t decided;
    bool shuffled;
};

static void must(int error)
{
    if (error != 0) {
        (void)fprintf(stderr, "store_hot_path: %s\n", strerror(-error));
        exit(1);
    }
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double resident_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1) {
        pages = 0;
    }
    if (file) {
        (void)fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Ids as services make them: in no order. */
static void id_of(int64_t number, char ret_id[32])
{
    uint64_t mixed = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
    (void)snprintf(ret_id, 32, "req_%016" PRIx64, mixed ^ mixed >> 29);
}

static void register_requests(struct bench *bench, int64_t count)
{
    static const char context[] =
        "{\"subject\":\"Spring campaign\",\"recipient_count\":500,\"inbox_id\":\"inb_0123456789\","
        "\"preview\":\"Dear reader, this spring we have something for you\",\"cost\":12.5}";
    must(store_begin(bench->store));
    for (int64_t i = 0; i < count; i++) {
        char id[32];
        id_of(++bench->requests, id);
        struct store_request request = {
            .service = (char *)"daimon",
            .id = id,
            .owner = (char *)"uid:1000",
            .action = (char *)"bulk_send",
            .reason = (char *)"The spring campaign is ready to go out",
            .urgency = URGENCY_MEDIUM,
            .state = REQUEST_PENDING,
            .created_at = NOW + bench->requests,
            .expires_at = NOW + 3600000 + bench->requests,
            .deadline = NOW + 3630000 + bench->requests,
        };
        int64_t number = 0;
        must(store_request_add(bench->store, &request, context, &number));
        assert(number == bench->requests);
    }
    must(store_commit(bench->store));
}

static void take_webhook(struct bench *bench, int64_t n)
{
    char id[32];
    char delivery_id[72];
    struct store_request request;
    int64_t number = 0;
    id_of(n, id);
    (void)snprintf(delivery_id, sizeof delivery_id, "%016" PRIx64 "%048" PRIx64,
                   (uint64_t)n * UINT64_C(0xd1342543de82ef95), (uint64_t)n);

    must(store_request_find(bench->store, "daimon", id, &request));
    struct store_delivery delivery = {.service = request.service,
                                      .delivery_id = delivery_id,
                                      .request_id = request.id,
                                      .request = request.number,
                                      .decision = DECISION_GRANTED,
                                      .outcome = OUTCOME_MATCHED,
                                      .received_at = NOW + n};
    must(store_delivery_add(bench->store, &delivery));
    request.state = REQUEST_APPROVED;
    request.final_at = NOW + bench->decided;
    request.decided_at = NOW + bench->decided;
    request.decided_by = strdup("ops@example.com");
    must(store_request_decide(bench->store, &request));
    struct store_job job = {.request = request.number,
                            .hook = (char *)"send-campaign",
                            .cause = DECISION_GRANTED,
                            .state = JOB_QUEUED,
                            .created_at = NOW + bench->decided};
    must(store_job_add(bench->store, &job, &number));
    struct store_event event = {.at = NOW + bench->decided,
                                .kind = "request.approved",
                                .request = request.number,
                                .details = "{\"decided_by\":\"ops@example.com\"}"};
    must(store_event_add(bench->store, &event));
    store_request_free(&request);
}

/* The next request to decide: one after the other, or anywhere among the pending ones. */
static int64_t choose(const struct bench *bench, int64_t i)
{
    if (!bench->shuffled) {
        return bench->decided + 1;
    }
    return (int64_t)((uint64_t)i * UINT64_C(7368787) % (uint64_t)bench->pending) + 1;
}

/* Returns the seconds that the webhooks took; that new requests replace them is not counted. */
static double take_webhooks(struct bench *bench, int64_t count)
{
    double spent = 0;
    for (int64_t done = 0; done < count; done += PER_COMMIT) {
        double start = seconds();
        must(store_begin(bench->store));
        for (int i = 0; i < PER_COMMIT; i++) {
            take_webhook(bench, choose(bench, done + i));
            bench->decided++;
        }
        must(store_commit(bench->store));
        spent += seconds() - start;
        if (bench->requests - bench->decided < bench->pending / 2) {
            register_requests(bench, bench->pending / 2);
        }
    }
    return spent;
}

static void measure(const char *path, int64_t pending, int64_t webhooks, bool shuffled)
{
    struct problem problem = {""};
    struct bench bench = {.pending = pending, .shuffled = shuffled};
    double resident = resident_mib();
    if (store_open(path, &bench.store, &problem) != 0) {
        (void)fprintf(stderr, "store_hot_path: %s: %s\n", path, problem.text);
        exit(1);
    }
    double start = seconds();
    while (bench.requests < pending) {
        register_requests(&bench,
                          pending - bench.requests < 1000 ? pending - bench.requests : 1000);
    }
    double registered = (double)bench.requests / (seconds() - start);
    double spent = take_webhooks(&bench, webhooks);
    (void)printf("%8" PRId64 " pending, webhooks %s: %8.0f webhooks/s (%7.0f registered/s, memory "
                 "+%.1f MiB)\n",
                 pending, shuffled ? "in any order     " : "in their order   ",
                 (double)webhooks / spent, registered, resident_mib() - resident);
    (void)fflush(stdout);
    store_free(bench.store);
    (void)unlink(path);
}

int main(int argc, char **argv)
{
    char directory[4096];
    char path[4096 + 16];
    (void)snprintf(directory, sizeof directory, "%s/assent-store-XXXXXX",
                   argc > 1 ? argv[1] : "/dev/shm");
    if (!mkdtemp(directory)) {
        perror(directory);
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/assentd.db", directory);
    measure(path, 1000, 128000, false);
    measure(path, 1000000, 256000, false);
    measure(path, 1000000, 256000, true);
    (void)rmdir(directory);
    return 0;
}
