#include "store_fixture.h"
#include "support/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store *store;

static char directory[] = "/tmp/assent-store-XXXXXX";

const char *fixture_path(const char *suffix)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/assentd.db%s", directory, suffix);
    return path;
}

static void open_store(void)
{
    struct problem problem = {""};
    int r = store_open(fixture_path(""), &store, &problem);
    ck_assert_msg(r == 0, "store_open: %d, %s", r, problem.text);
    ck_assert_int_eq(store_begin(store), 0);
}

void fixture_open(void)
{
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    open_store();
}

void fixture_close(void)
{
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm", ".new", ".new-wal"};
    store_free(store);
    store = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)unlink(fixture_path(suffixes[i]));
    }
    ck_assert_msg(rmdir(directory) == 0, "%s is not empty", directory);
}

void fixture_reopen(void)
{
    ck_assert_int_eq(store_commit(store), 0);
    store_free(store);
    store = NULL;
    open_store();
}

struct store_request fixture_request(const char *id)
{
    return (struct store_request){
        .service = (char *)"daimon",
        .id = (char *)id,
        .action = (char *)"bulk_send",
        .urgency = URGENCY_MEDIUM,
        .state = REQUEST_PENDING,
        .created_at = FIXTURE_NOW,
        .expires_at = FIXTURE_NOW + 3600000,
        .deadline = FIXTURE_NOW + 3630000,
    };
}

int64_t fixture_add(const struct store_request *request)
{
    int64_t number = 0;
    ck_assert_int_eq(store_request_add(store, request, "{\"recipients\":[]}", &number), 0);
    ck_assert_int_gt(number, 0);
    return number;
}

int64_t fixture_add_id(const char *id)
{
    struct store_request request = fixture_request(id);
    return fixture_add(&request);
}

void fixture_decide(int64_t number, enum request_state state, int64_t final_at)
{
    struct store_request request = fixture_request("");
    request.number = number;
    request.state = state;
    request.final_at = final_at;
    request.decided_at = final_at;
    request.decided_by = (char *)"ops@example.com";
    ck_assert_int_eq(store_request_decide(store, &request), 0);
}

int64_t fixture_job(int64_t request, const char *hook, enum job_state state)
{
    struct store_job job = {.request = request,
                            .hook = (char *)hook,
                            .cause = DECISION_GRANTED,
                            .state = state,
                            .created_at = FIXTURE_NOW};
    int64_t number = 0;
    ck_assert_int_eq(store_job_add(store, &job, &number), 0);
    return number;
}

void fixture_attempt(int64_t job, uint32_t n, enum store_executor executor, int64_t started_at)
{
    struct store_attempt attempt = {.job = job,
                                    .item = PROTOCOL_NO_ITEM,
                                    .n = n,
                                    .executor = executor,
                                    .incarnation = "incarnation-16b",
                                    .started_at = started_at};
    ck_assert_int_eq(store_attempt_start(store, &attempt), 0);
}

struct store_delivery fixture_delivery(const char *delivery_id, const char *request_id,
                                       int64_t request)
{
    return (struct store_delivery){.service = "daimon",
                                   .delivery_id = delivery_id,
                                   .request_id = request_id,
                                   .request = request,
                                   .decision = DECISION_GRANTED,
                                   .outcome = OUTCOME_MATCHED,
                                   .received_at = FIXTURE_NOW};
}

static void take(struct fixture_numbers *numbers, int64_t number)
{
    ck_assert_int_lt(numbers->count, 64);
    numbers->numbers[numbers->count++] = number;
}

int fixture_take_request(void *numbers, const struct store_request *request)
{
    take(numbers, request->number);
    return 0;
}

int fixture_take_job(void *numbers, const struct store_job *job)
{
    take(numbers, job->number);
    return 0;
}

void fixture_assert_numbers(const struct fixture_numbers *taken, int count, ...)
{
    va_list expected;
    va_start(expected, count);
    ck_assert_int_eq(taken->count, count);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(taken->numbers[i], va_arg(expected, int));
    }
    va_end(expected);
}

int fixture_name_hook(void *names, const char *hook)
{
    (void)strncat(names, hook, 32);
    (void)strncat(names, " ", 2);
    return 0;
}

int fixture_run(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
