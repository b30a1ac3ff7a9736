/*
 * What became of a request, as the control interface tells it: one request with all that happened,
 * lists, waiting for a decision, canceling, decisions that came before their request, and what is
 * still known when a request has been removed.
 */
#include <check.h>
#include <curl/curl.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/harness.h"

#define MEBIBYTE    ((size_t)1 << 20)
#define EARLY_LIMIT 10000 /* for each service */
#define SENDERS     8

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "[requests]\n"
                           "expiry_grace = 0s\n"
                           "[action note]\n"
                           "on_granted = note\n"
                           "on_denied = note\n"
                           "[action twice]\n"
                           "on_granted = note, again\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS\" >>%DIR%/notes\n"
                           "[hook again]\n"
                           "shell = exit 3\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

static json_t *get(const char *path)
{
    return answer_take(house_control(house, "GET", path, NULL), 200);
}

static void register_as(const char *id, const char *action)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"%s\"}", id, action);

    house_register(house, body);
    free(body);
}

static void decide(const char *id, const char *status, const char *outcome)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"%s\"}", id, status);

    house_decide(house, body, outcome);
    free(body);
}

static struct answer cancel(const char *id)
{
    char *path = house_format(house, "/v1/requests/%s/cancel", id);
    struct answer answer = house_control(house, "POST", path, NULL);

    free(path);
    return answer;
}

/* --- one request ------------------------------------------------------------------------------ */

/* The kinds of its events, in order, with spaces between them; to be freed. */
static char *kinds_of(const json_t *request)
{
    const json_t *events = json_object_get(request, "events");
    char *kinds = calloc(1, json_array_size(events) * 40 + 1);
    int64_t last = 0;

    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);

        ck_assert_int_gt(number_at(event, "/sequence"), last);
        last = number_at(event, "/sequence");
        (void)strcat(strcat(kinds, i ? " " : ""), text_at(event, "/kind"));
    }
    return kinds;
}

static void expect_kinds(const char *id, const char *expected)
{
    json_t *request = house_show(house, id);
    char *kinds = kinds_of(request);

    ck_assert_str_eq(kinds, expected);
    free(kinds);
    json_decref(request);
}

START_TEST(a_request_is_shown_with_all_that_happened)
{
    json_t *request;

    register_as("req_1", "twice");
    house_decide(house,
                 "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
                 "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
                 "matched");
    house_await_settled(house, "req_1", 2);
    request = get("/v1/requests/req_1");
    ck_assert_str_eq(text_at(request, "/status"), "approved");
    ck_assert_str_eq(text_at(request, "/decidedBy"), "ops@example.com");
    ck_assert_str_eq(text_at(request, "/decidedAt"), "2026-03-16T10:30:45.123Z");
    ck_assert_str_eq(text_at(request, "/jobs/0/hook"), "note");
    ck_assert_str_eq(text_at(request, "/jobs/0/state"), "succeeded");
    ck_assert_str_eq(text_at(request, "/jobs/1/hook"), "again");
    ck_assert_str_eq(text_at(request, "/jobs/1/state"), "failed");
    ck_assert_str_eq(text_at(request, "/jobs/1/error"), "exit status 3");
    ck_assert_str_eq(text_at(request, "/events/0/kind"), "request.registered");
    ck_assert_str_eq(text_at(request, "/events/1/kind"), "request.approved");
    ck_assert_str_eq(text_at(request, "/events/1/details/decidedBy"), "ops@example.com");
    ck_assert_uint_eq(json_array_size(json_object_get(request, "events")), 8);
    free(kinds_of(request));
    json_decref(request);
}
END_TEST

START_TEST(events_stand_in_the_order_in_which_they_happened)
{
    register_as("req_1", "note");
    decide("req_1", "approved", "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_decide(house, "{\"event_id\":\"2\",\"requestId\":\"req_1\",\"status\":\"approved\"}",
                 "late");
    decide("req_1", "denied", "conflict");
    expect_kinds("req_1", "request.registered request.approved job.queued job.started "
                          "job.succeeded decision.late decision.conflict");
}
END_TEST

START_TEST(an_id_may_be_percent_encoded)
{
    json_t *request;

    register_as("team:req.1_a-b", "note");
    request = get("/v1/approvals/team%3Areq%2e1_a-b");
    ck_assert_str_eq(text_at(request, "/requestId"), "team:req.1_a-b");
    json_decref(request);
    json_decref(get("/v1/approvals/team:req.1_a-b"));
    json_decref(answer_take(
        house_control(house, "POST", "/v1/requests/team%3areq.1_a-b/cancel", NULL), 200));
    json_decref(get("/v1/jobs?request=team%3Areq.1_a-b"));
    answer_expect_error(house_control(house, "GET", "/v1/approvals/team%2Freq", NULL), 404,
                        "not_found", "team/req");
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

/* The requests of a page as `a b c`, and its cursor, "" if it is the last page. */
static char *page(const char *path, char ret_cursor[32])
{
    json_t *answer = get(path);
    const json_t *rows = json_object_get(answer, "requests");
    char *ids = calloc(1, json_array_size(rows) * 208 + 1);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        (void)strcat(strcat(ids, i ? " " : ""), text_at(row, "/requestId"));
        ck_assert_ptr_null(json_object_get(row, "context"));
    }
    (void)snprintf(ret_cursor, 32, "%s", text_at(answer, "/cursor"));
    json_decref(answer);
    return ids;
}

static void expect_page(const char *path, const char *expected)
{
    char cursor[32];
    char *ids = page(path, cursor);

    ck_assert_str_eq(ids, expected);
    ck_assert_str_eq(cursor, "");
    free(ids);
}

START_TEST(lists_are_newest_first_and_filtered)
{
    register_as("a", "note");
    register_as("b", "pay all");
    register_as("c", "note");
    register_as("d", "pay all");
    decide("a", "approved", "matched");
    decide("b", "denied", "matched");
    json_decref(answer_take(cancel("d"), 200));
    expect_page("/v1/requests", "d c b a");
    expect_page("/v1/requests?state=pending", "c");
    expect_page("/v1/requests?state=approved", "a");
    expect_page("/v1/requests?state=canceled", "d");
    expect_page("/v1/requests?state=expired", "");
    expect_page("/v1/requests?action=note", "c a");
    expect_page("/v1/requests?action=pay%20all", "d b");
    expect_page("/v1/requests?action=pay", "");
    expect_page("/v1/requests?state=denied&action=pay%20all", "b");
    expect_page("/v1/requests?action=note&state=denied", "");
}
END_TEST

START_TEST(pages_stay_right_while_rows_are_added)
{
    char cursor[32];
    char *path;
    char *ids;

    for (char id[] = "a"; id[0] <= 'g'; id[0]++) {
        register_as(id, "note");
    }
    ids = page("/v1/requests?limit=3", cursor);
    ck_assert_str_eq(ids, "g f e");
    free(ids);
    register_as("h", "note");
    decide("e", "denied", "matched");
    decide("d", "denied", "matched");
    path = house_format(house, "/v1/requests?limit=3&cursor=%s", cursor);
    ids = page(path, cursor);
    ck_assert_str_eq(ids, "d c b");
    free(ids);
    free(path);
    register_as("i", "note");
    path = house_format(house, "/v1/requests?cursor=%s&limit=3", cursor);
    expect_page(path, "a");
    free(path);
}
END_TEST

START_TEST(filters_hold_on_every_page)
{
    char cursor[32];
    char *path;
    char *ids;

    for (char id[] = "a"; id[0] <= 'f'; id[0]++) {
        register_as(id, id[0] % 2 ? "note" : "other");
    }
    ids = page("/v1/requests?action=note&state=pending&limit=2", cursor);
    ck_assert_str_eq(ids, "e c");
    free(ids);
    path = house_format(house, "/v1/requests?action=note&state=pending&limit=2&cursor=%s", cursor);
    expect_page(path, "a");
    free(path);
}
END_TEST

/* The hooks of the listed jobs as `a b c`. */
static void expect_jobs(const char *path, const char *expected, const char *cursor)
{
    json_t *answer = get(path);
    const json_t *rows = json_object_get(answer, "jobs");
    char hooks[512] = "";

    for (size_t i = 0; i < json_array_size(rows); i++) {
        (void)strcat(strcat(hooks, i ? " " : ""), text_at(json_array_get(rows, i), "/hook"));
    }
    ck_assert_str_eq(hooks, expected);
    ck_assert_str_eq(text_at(answer, "/cursor"), cursor);
    json_decref(answer);
}

START_TEST(jobs_are_listed_newest_first_and_filtered)
{
    register_as("req_1", "twice");
    register_as("req_2", "note");
    decide("req_1", "approved", "matched");
    decide("req_2", "approved", "matched");
    house_await_settled(house, "req_1", 2);
    house_await_settled(house, "req_2", 1);
    expect_jobs("/v1/jobs", "note again note", "");
    expect_jobs("/v1/jobs?request=req_1", "again note", "");
    expect_jobs("/v1/jobs?hook=note", "note note", "");
    expect_jobs("/v1/jobs?state=failed", "again", "");
    expect_jobs("/v1/jobs?state=failed&hook=note", "", "");
    expect_jobs("/v1/jobs?limit=2", "note again", "2");
    expect_jobs("/v1/jobs?limit=2&cursor=2", "note", "");
}
END_TEST

START_TEST(a_job_is_shown_with_its_attempts_and_output)
{
    json_t *job;
    json_t *output;

    register_as("req_1", "twice");
    decide("req_1", "approved", "matched");
    house_await_settled(house, "req_1", 2);
    job = get("/v1/jobs/2");
    ck_assert_str_eq(text_at(job, "/requestId"), "req_1");
    ck_assert_str_eq(text_at(job, "/hook"), "again");
    ck_assert_uint_eq(json_array_size(json_object_get(job, "attempts")), 1);
    ck_assert_str_eq(text_at(job, "/attempts/0/executor"), "runner");
    ck_assert_str_eq(text_at(job, "/attempts/0/state"), "failed");
    ck_assert_int_eq(number_at(job, "/attempts/0/exitCode"), 3);
    json_decref(job);
    output = get("/v1/jobs/2/output?attempt=1");
    ck_assert_int_eq(number_at(output, "/attempt"), 1);
    ck_assert_str_eq(text_at(output, "/stdout/head"), "");
    json_decref(output);
    answer_expect_error(house_control(house, "GET", "/v1/jobs/2/output?attempt=2", NULL), 400,
                        "invalid_request", "attempt: expected");
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        "job 1 is succeeded");
}
END_TEST

/* --- waiting ---------------------------------------------------------------------------------- */

static struct exchange *begin_wait(const char *id)
{
    char *path = house_format(house, "/v1/approvals/%s?wait=55", id);
    struct exchange *exchange = house_begin_control(house, "GET", path, NULL);

    free(path);
    return exchange;
}

static void expect_end(struct exchange *exchange, const char *status)
{
    json_t *request = answer_take(exchange_end(exchange), 200);

    ck_assert_str_eq(text_at(request, "/status"), status);
    json_decref(request);
}

START_TEST(a_wait_ends_with_the_decision)
{
    struct exchange *waits[3];

    register_as("req_1", "note");
    register_as("req_2", "note");
    waits[0] = begin_wait("req_1");
    waits[1] = begin_wait("req_1");
    waits[2] = begin_wait("req_2");
    ck_assert(!exchange_answered(waits[0], 200));
    decide("req_1", "approved", "matched");
    expect_end(waits[0], "approved");
    expect_end(waits[1], "approved");
    ck_assert(!exchange_answered(waits[2], 100));
    json_decref(answer_take(cancel("req_2"), 200));
    expect_end(waits[2], "canceled");
}
END_TEST

START_TEST(a_wait_ends_with_the_expiry)
{
    int64_t start = house_now_ms();

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\",\"expiresIn\":1}");
    expect_end(begin_wait("req_1"), "expired");
    ck_assert_int_ge(house_now_ms() - start, 900);
}
END_TEST

START_TEST(a_wait_has_an_end_of_its_own)
{
    int64_t start = house_now_ms();
    struct answer answer;

    register_as("req_1", "note");
    answer = house_control(house, "GET", "/v1/approvals/req_1?wait=1", NULL);
    ck_assert_int_ge(house_now_ms() - start, 1000);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(text_at(answer.json, "/result/status"), "pending");
    ck_assert_ptr_nonnull(strstr(text_at(answer.json, "/next_steps/0"), "?wait="));
    answer_clear(&answer);
}
END_TEST

START_TEST(nobody_waits_for_what_is_over)
{
    json_t *request;
    int64_t start;

    register_as("req_1", "other");
    decide("req_1", "denied", "matched");
    start = house_now_ms();
    request = get("/v1/approvals/req_1?wait=55");
    ck_assert_str_eq(text_at(request, "/status"), "denied");
    json_decref(request);
    register_as("req_2", "other");
    request = get("/v1/approvals/req_2?wait=0");
    ck_assert_str_eq(text_at(request, "/status"), "pending");
    json_decref(request);
    ck_assert_int_lt(house_now_ms() - start, 30000);
}
END_TEST

START_TEST(hundreds_may_wait_for_one_request)
{
    struct exchange *waits[200];

    register_as("req_1", "note");
    for (size_t i = 0; i < 200; i++) {
        waits[i] = begin_wait("req_1");
    }
    decide("req_1", "approved", "matched");
    for (size_t i = 0; i < 200; i++) {
        expect_end(waits[i], "approved");
    }
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

static int open_files(pid_t pid)
{
    char path[64];
    int count = 0;
    DIR *directory;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    while (directory && readdir(directory)) {
        count++;
    }
    if (directory) {
        (void)closedir(directory);
    }
    return count;
}

static void await_open_files(pid_t pid, int count, bool more)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (more ? open_files(pid) < count : open_files(pid) > count) {
        ck_assert_msg(house_now_ms() < deadline, "%d files stay open", open_files(pid));
        (void)poll(NULL, 0, 10);
    }
}

/* Processor time that the process has used, in ticks. */
static long ticks_of(pid_t pid)
{
    char *text = process_read(pid, "stat");
    long user = 0;
    long kernel = 0;

    (void)sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                 &user, &kernel);
    free(text);
    return user + kernel;
}

static void register_large(const char *id, size_t size)
{
    char *context = malloc(size + 1);
    char *body;

    memset(context, 'x', size);
    context[size] = '\0';
    body = house_format(house,
                        "{\"requestId\":\"%s\",\"action\":\"other\",\"context\":{\"a\":\"%s\"}}",
                        id, context);
    house_register(house, body);
    free(body);
    free(context);
}

/* To answer one who waits costs core the writing of a mebibyte; that it spends nearly nothing shows
 * that nobody is remembered. */
START_TEST(who_leaves_is_forgotten)
{
    pid_t gate = house_role(house, "assentd: gate control");
    pid_t core = house_role(house, "assentd: core");
    struct exchange *waits[100];
    int files;
    long ten_answers;
    long ticks;

    register_large("req_1", MEBIBYTE);
    ticks = ticks_of(core);
    for (int i = 0; i < 10; i++) {
        json_decref(house_show(house, "req_1"));
    }
    ten_answers = ticks_of(core) - ticks;
    files = open_files(gate);
    for (size_t i = 0; i < 100; i++) {
        waits[i] = begin_wait("req_1");
    }
    await_open_files(gate, files + 100, true);
    ck_assert(!exchange_answered(waits[99], 100));
    for (size_t i = 0; i < 100; i++) {
        exchange_leave(waits[i]);
    }
    await_open_files(gate, files, false);
    house_await_ready(house);
    ticks = ticks_of(core);
    decide("req_1", "approved", "matched");
    house_await_ready(house);
    ck_assert_int_le(ticks_of(core) - ticks, ten_answers + 10);
}
END_TEST

START_TEST(who_waits_is_answered_at_the_stop)
{
    struct exchange *wait;
    int64_t start;

    register_as("req_1", "note");
    wait = begin_wait("req_1");
    ck_assert(!exchange_answered(wait, 200));
    start = house_now_ms();
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - start, 5000);
    expect_end(wait, "pending");
}
END_TEST

START_TEST(who_waits_while_core_dies_is_told_to_come_again)
{
    struct exchange *wait;
    struct answer answer;

    register_as("req_1", "note");
    wait = begin_wait("req_1");
    ck_assert(!exchange_answered(wait, 200));
    (void)house_kill_role(house, "assentd: core");
    answer = exchange_end(wait);
    ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
    answer_expect_error(answer, 503, "unavailable", NULL);
    house_await_ready(house);
    wait = begin_wait("req_1");
    decide("req_1", "approved", "matched");
    expect_end(wait, "approved");
}
END_TEST

/* --- canceling -------------------------------------------------------------------------------- */

START_TEST(a_cancel_ends_what_is_pending)
{
    char owner[32];
    json_t *request;

    (void)snprintf(owner, sizeof owner, "uid:%d", (int)geteuid());
    register_as("req_1", "note");
    request = answer_take(cancel("req_1"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    ck_assert_str_eq(text_at(request, "/decidedBy"), owner);
    json_decref(request);
    request = answer_take(cancel("req_1"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    json_decref(request);
    decide("req_1", "approved", "late");
    expect_kinds("req_1", "request.registered request.canceled decision.late");
    answer_expect_error(cancel("req_2"), 404, "not_found", "req_2");
}
END_TEST

START_TEST(a_cancel_after_the_decision_is_409)
{
    register_as("req_1", "note");
    decide("req_1", "approved", "matched");
    answer_expect_error(cancel("req_1"), 409, "conflict", "req_1 is approved already");
    house_await_status(house, "req_1", "approved");
    register_as("req_2", "note");
    decide("req_2", "denied", "matched");
    answer_expect_error(cancel("req_2"), 409, "conflict", "req_2 is denied already");
    house_await_lines(house, "notes", 2);
}
END_TEST

/* --- early decisions -------------------------------------------------------------------------- */

START_TEST(early_decisions_are_applied_in_their_order)
{
    decide("req_1", "denied", "early");
    decide("req_1", "approved", "early");
    house_decide(house, "{\"event_id\":\"3\",\"requestId\":\"req_1\",\"status\":\"denied\"}",
                 "early");
    decide("req_2", "approved", "early");
    house_kill(house);
    house_start(house);
    register_as("req_1", "note");
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_kinds("req_1", "request.registered request.denied job.queued decision.conflict "
                          "decision.late job.started job.succeeded");
    decide("req_1", "denied", "duplicate");
    decide("req_1", "approved", "duplicate");
    register_as("req_2", "note");
    house_await_jobs(house, "req_2", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 2);
}
END_TEST

struct sender {
    pthread_t thread;
    int first;
    int refused;
};

static size_t drop(char *bytes, size_t size, size_t count, void *userdata)
{
    (void)bytes;
    (void)userdata;
    return size * count;
}

/* One after another on one connection; without assertions, which are for the test's own thread. */
static void *send_early(void *userdata)
{
    struct sender *sender = userdata;
    CURL *curl = curl_easy_init();
    char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/webhook/approval", house_port(house));
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    for (int i = 0; i < EARLY_LIMIT / SENDERS; i++) {
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        char signature[128];
        char body[128];
        long status = 0;

        (void)snprintf(body, sizeof body, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}",
                       sender->first + i);
        house_sign(body, strlen(body), signature);
        headers = curl_slist_append(headers, signature);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        sender->refused += status != 200;
        curl_slist_free_all(headers);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

START_TEST(so_many_early_decisions_are_kept_and_none_is_pushed_out)
{
    struct sender senders[SENDERS] = {0};
    struct answer answer;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < SENDERS; i++) {
        senders[i].first = i * (EARLY_LIMIT / SENDERS);
        ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_early, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
        ck_assert_int_eq(senders[i].refused, 0);
    }
    answer = house_webhook(house, "{\"requestId\":\"one_more\",\"status\":\"approved\"}");
    ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
    answer_expect_error(answer, 503, "unavailable", NULL);
    register_as("known", "other");
    decide("known", "approved", "matched");
    register_as("req_0", "note");
    house_await_jobs(house, "req_0", 1, "succeeded");
    decide("one_more", "approved", "early");
}
END_TEST

/* --- tombstones ------------------------------------------------------------------------------- */

static void configure_with(const char *retention)
{
    char *all = house_format(house,
                             "[server]\n"
                             "listen = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                             "[control]\n"
                             "socket = %%DIR%%/control.sock\n"
                             "[store]\n"
                             "path = %%DIR%%/state/assentd.db\n"
                             "retention = %s\n"
                             "[service daimon]\n"
                             "path = /webhook/approval\n"
                             "scheme = daimon\n"
                             "secret_file = secret\n"
                             "[action note]\n"
                             "on_granted = note\n"
                             "on_denied = note\n"
                             "[action long]\n"
                             "on_granted = long\n"
                             "[hook note]\n"
                             "shell = echo \"$ASSENT_REQUEST_ID\" >>%%DIR%%/notes\n"
                             "[hook long]\n"
                             "shell = sleep 60\n",
                             retention);

    house_configure_all(house, all);
    free(all);
}

static void set_up_forgetful(void)
{
    house = house_new();
    configure_with("1d");
    house_start(house);
}

static void await_removal(const char *id)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    char *path = house_format(house, "/v1/approvals/%s", id);
    bool gone = false;

    while (!gone) {
        struct answer answer = house_control(house, "GET", path, NULL);

        gone = answer.status == 404;
        ck_assert_msg(gone || house_now_ms() < deadline, "%s stays", id);
        answer_clear(&answer);
    }
    free(path);
}

/* Removing comes soon after a start, and then every minute. */
static void forget(void)
{
    configure_with("1ms");
    house_reload(house);
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
}

START_TEST(what_was_removed_stays_decided)
{
    register_as("granted", "note");
    register_as("denied", "note");
    register_as("canceled", "note");
    decide("granted", "approved", "matched");
    decide("denied", "denied", "matched");
    json_decref(answer_take(cancel("canceled"), 200));
    house_await_jobs(house, "granted", 1, "succeeded");
    house_await_jobs(house, "denied", 1, "succeeded");
    forget();
    await_removal("granted");
    await_removal("denied");
    await_removal("canceled");
    decide("granted", "approved", "late");
    decide("granted", "denied", "conflict");
    decide("denied", "denied", "late");
    decide("denied", "approved", "conflict");
    decide("canceled", "approved", "late");
    decide("granted", "approved", "duplicate");
    answer_expect_error(house_control(house, "POST", "/v1/requests",
                                      "{\"requestId\":\"denied\",\"action\":\"note\"}"),
                        409, "conflict", "denied was denied long ago");
    answer_expect_error(house_control(house, "POST", "/v1/requests",
                                      "{\"requestId\":\"granted\",\"action\":\"note\"}"),
                        409, "conflict", "granted was approved long ago");
    ck_assert_int_eq(house_count_lines(house, "notes"), 2);
}
END_TEST

START_TEST(what_is_not_over_is_not_removed)
{
    register_as("pending", "note");
    register_as("running", "long");
    register_as("over", "other");
    decide("running", "approved", "matched");
    decide("over", "approved", "matched");
    decide("unknown", "approved", "early");
    house_await_jobs(house, "running", 1, "running");
    forget();
    await_removal("over");
    house_await_status(house, "pending", "pending");
    house_await_jobs(house, "running", 1, "running");
    (void)house_kill_role(house, "assentd: runner");
    house_await_jobs(house, "running", 1, "interrupted");
    configure_with("1d");
    house_reload(house);
    register_as("over_too", "other");
    decide("over_too", "approved", "matched");
    forget();
    await_removal("over_too");
    house_await_jobs(house, "running", 1, "interrupted");
    register_as("unknown", "note");
    house_await_lines(house, "notes", 1);
}
END_TEST

static TCase *scenarios(Suite *suite, const char *name, void (*before)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, before, tear_down);
    tcase_set_timeout(tests, 180);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_reading(TCase *tests)
{
    tcase_add_test(tests, a_request_is_shown_with_all_that_happened);
    tcase_add_test(tests, events_stand_in_the_order_in_which_they_happened);
    tcase_add_test(tests, an_id_may_be_percent_encoded);
    tcase_add_test(tests, lists_are_newest_first_and_filtered);
    tcase_add_test(tests, pages_stay_right_while_rows_are_added);
    tcase_add_test(tests, filters_hold_on_every_page);
    tcase_add_test(tests, jobs_are_listed_newest_first_and_filtered);
    tcase_add_test(tests, a_job_is_shown_with_its_attempts_and_output);
}

static void add_waiting(TCase *tests)
{
    tcase_add_test(tests, a_wait_ends_with_the_decision);
    tcase_add_test(tests, a_wait_ends_with_the_expiry);
    tcase_add_test(tests, a_wait_has_an_end_of_its_own);
    tcase_add_test(tests, nobody_waits_for_what_is_over);
    tcase_add_test(tests, hundreds_may_wait_for_one_request);
    tcase_add_test(tests, who_leaves_is_forgotten);
    tcase_add_test(tests, who_waits_is_answered_at_the_stop);
    tcase_add_test(tests, who_waits_while_core_dies_is_told_to_come_again);
}

int main(void)
{
    Suite *suite = suite_create("control follow");
    TCase *early = scenarios(suite, "early", set_up);
    TCase *canceling = scenarios(suite, "canceling", set_up);
    TCase *tombstones = scenarios(suite, "tombstones", set_up_forgetful);
    SRunner *runner;
    int failed;

    add_reading(scenarios(suite, "reading", set_up));
    add_waiting(scenarios(suite, "waiting", set_up));
    tcase_add_test(canceling, a_cancel_ends_what_is_pending);
    tcase_add_test(canceling, a_cancel_after_the_decision_is_409);
    tcase_add_test(early, early_decisions_are_applied_in_their_order);
    tcase_add_test(early, so_many_early_decisions_are_kept_and_none_is_pushed_out);
    tcase_add_test(tombstones, what_was_removed_stays_decided);
    tcase_add_test(tombstones, what_is_not_over_is_not_removed);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
