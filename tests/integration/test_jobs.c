/*
 * The queue of hooks' runs through the real daemon: tries again, giving up, how many at once, in
 * which order and at which rate, pauses and cancels, and what of all this a kill -9 leaves.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/suite.h"

static struct house *house;

static void set_up(void)
{
    house = house_new();
}

static void tear_down(void)
{
    house_free(house);
}

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

static void restart_after_kill(void)
{
    house_kill(house);
    house_start(house);
}

static void go_as(const char *id, const char *action)
{
    house_register_as(house, id, action);
    house_approve(house, id);
}

/* The same with `PREFIX_N` for N from `first`. */
static void go_many(const char *prefix, const char *action, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char *id = house_format(house, "%s_%d", prefix, i);

        go_as(id, action);
        free(id);
    }
}

static void await_many(const char *prefix, int count, const char *state)
{
    for (int i = 0; i < count; i++) {
        char *id = house_format(house, "%s_%d", prefix, i);

        house_await_jobs(house, id, 1, state);
        free(id);
    }
}

/* POST without a body; the result is to be json_decref'ed. */
static json_t *post(const char *path)
{
    return answer_take(house_control(house, "POST", path, NULL), 200);
}

static void post_for_job(const char *id, const char *what)
{
    json_t *job = house_job(house, id);
    char *path = house_format(house, "/v1/jobs/%d/%s", (int)number_at(job, "/job"), what);

    json_decref(post(path));
    json_decref(job);
    free(path);
}

static int count_jobs(const char *hook, const char *state)
{
    char *path = house_format(house, "/v1/jobs?limit=500&hook=%s&state=%s", hook, state);
    json_t *result = house_get(house, path);
    int count = (int)json_array_size(json_object_get(result, "jobs"));

    json_decref(result);
    free(path);
    return count;
}

/* A time as it is told, in milliseconds since 1970. */
static int64_t time_ms(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    ck_assert_msg(rest != NULL && rest[0] == '.', "not a time: %s", text);
    return timegm(&tm) * INT64_C(1000) + strtol(rest + 1, NULL, 10);
}

/* --- tries again ------------------------------------------------------------------------------ */

START_TEST(what_fails_is_tried_again_as_often_as_its_hook_says)
{
    json_t *job;
    json_t *attempt;
    size_t i;

    start("[action go]\non_granted = bad\n"
          "[hook bad]\n"
          "shell = echo \"$ASSENT_ATTEMPT $ASSENT_JOB_KEY\" >>%DIR%/tries; exit 3\n"
          "retries = 3\nbackoff = 1ms\nbackoff_max = 5ms\n");
    go_as("req_1", "go");
    house_await_jobs(house, "req_1", 1, "failed");
    job = house_job(house, "req_1");
    ck_assert_int_eq(number_at(job, "/attempt"), 4);
    ck_assert_int_eq(number_at(job, "/retries"), 3);
    ck_assert(json_is_null(json_object_get(job, "notBefore")));
    ck_assert_int_eq(json_array_size(json_object_get(job, "attempts")), 4);
    json_array_foreach(json_object_get(job, "attempts"), i, attempt) {
        ck_assert_int_eq(number_at(attempt, "/attempt"), (int64_t)i + 1);
        ck_assert_int_eq(number_at(attempt, "/exitCode"), 3);
        ck_assert_str_eq(text_at(attempt, "/state"), "failed");
    }
    {
        const char *key = text_at(job, "/key");
        char *expected = house_format(house, "1 %s\n2 %s\n3 %s\n4 %s\n", key, key, key, key);

        house_expect_file(house, "tries", expected);
        free(expected);
    }
    json_decref(job);
}
END_TEST

/* The pause is random from 0: so long a one is as good as never less than this test takes. */
START_TEST(the_time_of_the_next_try_is_shown_and_survives_a_kill)
{
    json_t *before;
    json_t *after;

    start("[action go]\non_granted = bad\n[action other]\non_granted = good\n"
          "[hook good]\nshell = true\n"
          "[hook bad]\nshell = echo >>%DIR%/tries; exit 3\n"
          "retries = 3\nbackoff = 1000h\nbackoff_max = 1000h\n");
    go_as("req_1", "go");
    house_await_lines(house, "tries", 1);
    house_await_jobs(house, "req_1", 1, "queued");
    before = house_job(house, "req_1");
    ck_assert_str_ne(text_at(before, "/notBefore"), "");
    ck_assert_str_gt(text_at(before, "/notBefore"), text_at(before, "/attempts/0/endedAt"));
    ck_assert_str_ne(text_at(before, "/error"), "");
    restart_after_kill();
    go_as("req_2", "other");
    house_await_jobs(house, "req_2", 1, "succeeded");
    after = house_job(house, "req_1");
    ck_assert_msg(json_equal(before, after), "the job has changed over a restart");
    ck_assert_int_eq(number_at(after, "/attempt"), 1);
    ck_assert_int_eq(number_at(after, "/retries"), 1);
    ck_assert_int_eq(house_count_lines(house, "tries"), 1);
    json_decref(before);
    json_decref(after);
}
END_TEST

START_TEST(a_temporary_failure_is_not_counted)
{
    json_t *job;

    start("[action go]\non_granted = later\n"
          "[hook later]\n"
          "shell = echo >>%DIR%/tries; [ $(wc -l <%DIR%/tries) -gt 5 ] || exit 75\n"
          "backoff = 1ms\nbackoff_max = 5ms\n");
    go_as("req_1", "go");
    house_await_jobs(house, "req_1", 1, "succeeded");
    job = house_job(house, "req_1");
    ck_assert_int_eq(number_at(job, "/attempt"), 6);
    ck_assert_int_eq(number_at(job, "/retries"), 0);
    json_decref(job);
}
END_TEST

/* When a call that was answered so is tried again, which a kill does not change, and when it ended. */
static void be_answered(const char *headers, const char *body, int64_t *ret_not_before,
                        int64_t *ret_ended_at)
{
    struct http_server *server = http_server_start();
    char *sections = house_format(house,
                                  "[action go]\non_granted = call\n"
                                  "[hook call]\nhttp = POST http://127.0.0.1:%d/busy\n"
                                  "body = {}\nretries = 5\nbackoff = 1ms\nbackoff_max = 5ms\n",
                                  http_server_port(server));
    json_t *job;

    http_server_script(server,
                       &(struct http_server_script){
                           .path = "/busy", .status = 429, .headers = headers, .body = body});
    start(sections);
    go_as("req_1", "go");
    (void)http_server_wait(server, 1);
    house_await_jobs(house, "req_1", 1, "queued");
    job = house_job(house, "req_1");
    ck_assert_int_eq(number_at(job, "/attempts/0/httpStatus"), 429);
    *ret_not_before = time_ms(text_at(job, "/notBefore"));
    *ret_ended_at = time_ms(text_at(job, "/attempts/0/endedAt"));
    json_decref(job);
    restart_after_kill();
    job = house_job(house, "req_1");
    ck_assert_int_eq(time_ms(text_at(job, "/notBefore")), *ret_not_before);
    ck_assert_int_eq(http_server_wait(server, 1), 1);
    json_decref(job);
    free(sections);
    http_server_stop(server);
}

static const struct {
    const char *headers;
    const char *body;
    int64_t pause_ms;
} advices[] = {
    {"Retry-After: 7200\r\n", NULL, 7200000},
    {NULL, "{\"retry_after\": 7200.5}", 7200500},
    {"Retry-After: 60\r\n", "{\"error\": \"rate_limited\", \"retry_after\": 7200}", 7200000},
};

START_TEST(the_other_end_says_how_long_the_next_try_waits)
{
    int64_t pause = advices[_i].pause_ms;
    int64_t not_before;
    int64_t ended_at;

    be_answered(advices[_i].headers, advices[_i].body, &not_before, &ended_at);
    ck_assert_int_ge(not_before - ended_at, pause);
    ck_assert_int_le(not_before - ended_at, pause + HOUSE_PATIENCE_MS);
}
END_TEST

/* Never before it; and hardly after, whenever the answer came. */
START_TEST(the_other_end_says_when_the_next_try_is_due)
{
    time_t then = time(NULL) + 7200;
    char date[64];
    struct tm parts;
    int64_t not_before;
    int64_t ended_at;

    ck_assert_uint_gt(strftime(date, sizeof date, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
                               gmtime_r(&then, &parts)),
                      0);
    be_answered(date, NULL, &not_before, &ended_at);
    ck_assert_int_ge(not_before, then * INT64_C(1000));
    ck_assert_int_le(not_before, then * INT64_C(1000) + HOUSE_PATIENCE_MS);
    ck_assert_int_lt(ended_at, not_before);
}
END_TEST

START_TEST(what_gives_up_runs_its_on_failed_once_and_that_no_other)
{
    char *text;
    json_t *record;

    start("[action go]\non_granted = bad\non_failed = tell\n"
          "[hook bad]\nshell = echo >>%DIR%/tries; echo broken >&2; exit 3\n"
          "retries = 2\nbackoff = 1ms\nbackoff_max = 5ms\n"
          "[hook tell]\nshell = cat >%DIR%/record; echo >>%DIR%/told; exit 1\n");
    go_as("req_1", "go");
    house_await_jobs(house, "req_1", 2, "failed");
    text = house_read(house, "record");
    record = json_loads(text, 0, NULL);
    ck_assert_msg(record != NULL, "no JSON: %s", text);
    ck_assert_str_eq(text_at(record, "/event"), "job.failed");
    ck_assert_str_eq(text_at(record, "/failed/hook"), "bad");
    ck_assert_int_eq(number_at(record, "/failed/attempt"), 3);
    ck_assert_str_ne(text_at(record, "/failed/error"), "");
    ck_assert_str_eq(text_at(record, "/job/hook"), "tell");
    restart_after_kill();
    go_as("req_2", "go");
    house_await_jobs(house, "req_2", 2, "failed");
    house_await_jobs(house, "req_1", 2, "failed");
    ck_assert_int_eq(house_count_lines(house, "told"), 2);
    ck_assert_int_eq(house_count_lines(house, "tries"), 6);
    json_decref(record);
    free(text);
}
END_TEST

/* --- at once, and in which order -------------------------------------------------------------- */

START_TEST(no_more_run_at_once_than_their_hook_allows)
{
    start("[action go]\non_granted = some\n[action other]\non_granted = free\n"
          "[hook some]\n"
          "shell = echo >>%DIR%/starts; until [ -e %DIR%/enough ]; do sleep 0.05; done; "
          "mkdir %DIR%/now/$ASSENT_JOB; ls %DIR%/now | wc -l >>%DIR%/counts; sleep 0.02; "
          "rmdir %DIR%/now/$ASSENT_JOB\n"
          "concurrency = 3\n"
          "[hook free]\nshell = true\n");
    {
        char *now = house_file(house, "now");

        ck_assert_int_eq(mkdir(now, 0700), 0);
        free(now);
    }
    go_many("some", "go", 0, 20);
    house_await_lines(house, "starts", 3);
    go_as("other_1", "other");
    house_await_jobs(house, "other_1", 1, "succeeded");
    ck_assert_int_eq(count_jobs("some", "running"), 3);
    ck_assert_int_eq(count_jobs("some", "queued"), 17);
    /* Those that go on are counted by a new core too. */
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    go_as("other_2", "other");
    house_await_jobs(house, "other_2", 1, "succeeded");
    ck_assert_int_eq(count_jobs("some", "running"), 3);
    ck_assert_int_eq(house_count_lines(house, "starts"), 3);
    house_write(house, "enough", "");
    await_many("some", 20, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "counts"), 20);
    {
        char *counts = house_read(house, "counts");

        for (char *rest = counts, *line; (line = strtok_r(rest, "\n", &rest));) {
            ck_assert_int_le(strtol(line, NULL, 10), 3);
        }
        free(counts);
    }
}
END_TEST

/* The place of the start of the request's one job among all events. */
static int64_t started_at(const char *id)
{
    json_t *request = house_show(house, id);
    int64_t sequence = -1;
    json_t *event;
    size_t i;

    json_array_foreach(json_object_get(request, "events"), i, event) {
        if (strcmp(text_at(event, "/kind"), "job.started") == 0) {
            sequence = number_at(event, "/sequence");
        }
    }
    json_decref(request);
    ck_assert_msg(sequence >= 0, "%s was not started", id);
    return sequence;
}

#define SLOW 200

START_TEST(many_runs_of_one_hook_do_not_hold_up_another)
{
    int before = 0;
    int64_t other;

    start("[runner]\nconcurrency = 4\n"
          "[action go]\non_granted = slow\n[action other]\non_granted = quick\n"
          "[hook slow]\n"
          "shell = echo >>%DIR%/starts; until [ -e %DIR%/enough ]; do sleep 0.05; done\n"
          "[hook quick]\nshell = true\n");
    go_many("slow", "go", 0, SLOW);
    house_await_lines(house, "starts", 4);
    go_as("other", "other");
    house_await_jobs(house, "other", 1, "queued");
    house_write(house, "enough", "");
    house_await_jobs(house, "other", 1, "succeeded");
    await_many("slow", SLOW, "succeeded");
    other = started_at("other");
    for (int i = 0; i < SLOW; i++) {
        char *id = house_format(house, "slow_%d", i);

        before += started_at(id) < other;
        free(id);
    }
    /* The first place that came free was for one of them at most. */
    ck_assert_int_le(before, 4 + 1);
}
END_TEST

START_TEST(runs_of_one_hook_start_in_order)
{
    start("[action go]\non_granted = note\n"
          "[hook note]\nshell = echo $ASSENT_REQUEST_ID >>%DIR%/notes\nconcurrency = 1\n");
    json_decref(post("/v1/pause"));
    go_many("req", "go", 0, 5);
    restart_after_kill();
    go_many("req", "go", 5, 5);
    json_decref(post("/v1/resume"));
    await_many("req", 10, "succeeded");
    house_expect_file(house, "notes",
                      "req_0\nreq_1\nreq_2\nreq_3\nreq_4\nreq_5\nreq_6\nreq_7\nreq_8\nreq_9\n");
}
END_TEST

/* --- rates ------------------------------------------------------------------------------------ */

START_TEST(no_second_has_more_starts_than_the_rate)
{
    enum { COUNT = 12, RATE = 5 };
    int64_t times[COUNT];

    start("[action go]\non_granted = note\n"
          "[hook note]\nshell = echo >>%DIR%/notes\nrate = 5/s\n");
    go_many("req", "go", 0, COUNT);
    await_many("req", COUNT, "succeeded");
    for (int i = 0; i < COUNT; i++) {
        char *id = house_format(house, "req_%d", i);
        json_t *job = house_job(house, id);

        times[i] = time_ms(text_at(job, "/startedAt"));
        free(id);
        json_decref(job);
    }
    for (int i = RATE; i < COUNT; i++) {
        /* Written down in whole milliseconds. */
        ck_assert_int_ge(times[i] - times[i - RATE], 1000 - 1);
    }
    ck_assert_int_eq(house_count_lines(house, "notes"), COUNT);
}
END_TEST

START_TEST(a_rate_is_kept_across_a_kill_and_holds_up_no_other_hook)
{
    start("[action go]\non_granted = rare\n[action other]\non_granted = free\n"
          "[hook rare]\nshell = echo >>%DIR%/notes\nrate = 1/h\n"
          "[hook free]\nshell = true\n");
    go_many("rare", "go", 0, 3);
    house_await_jobs(house, "rare_0", 1, "succeeded");
    go_as("other_1", "other");
    house_await_jobs(house, "other_1", 1, "succeeded");
    ck_assert_int_eq(count_jobs("rare", "queued"), 2);
    restart_after_kill();
    go_as("other_2", "other");
    house_await_jobs(house, "other_2", 1, "succeeded");
    ck_assert_int_eq(count_jobs("rare", "queued"), 2);
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

/* --- pauses ----------------------------------------------------------------------------------- */

#define TWO_HOOKS                                          \
    "[action go]\non_granted = one\n"                      \
    "[action other]\non_granted = two\n"                   \
    "[hook one]\nshell = echo >>%DIR%/ones\nretries = 0\n" \
    "[hook two]\nshell = echo >>%DIR%/twos\n"

START_TEST(a_pause_of_one_hook_survives_a_kill_and_ends_with_its_resume)
{
    json_t *paused;

    start(TWO_HOOKS);
    json_decref(post("/v1/pause?hook=one"));
    go_as("one_1", "go");
    house_await_status(house, "one_1", "approved");
    go_as("two_1", "other");
    house_await_jobs(house, "two_1", 1, "succeeded");
    restart_after_kill();
    go_as("two_2", "other");
    house_await_jobs(house, "two_2", 1, "succeeded");
    house_await_jobs(house, "one_1", 1, "queued");
    ck_assert_int_eq(house_count_lines(house, "ones"), 0);
    paused = post("/v1/resume?hook=one");
    ck_assert_int_eq(json_array_size(json_object_get(paused, "paused")), 0);
    json_decref(paused);
    house_await_jobs(house, "one_1", 1, "succeeded");
}
END_TEST

START_TEST(a_pause_of_all_takes_decisions_and_starts_nothing)
{
    json_t *paused;

    start(TWO_HOOKS);
    json_decref(post("/v1/pause"));
    go_as("one_1", "go");
    go_as("two_1", "other");
    restart_after_kill();
    go_as("one_2", "go");
    paused = post("/v1/pause?hook=two");
    ck_assert_int_eq(json_array_size(json_object_get(paused, "paused")), 2);
    json_decref(paused);
    ck_assert_int_eq(count_jobs("one", "queued"), 2);
    ck_assert_int_eq(count_jobs("two", "queued"), 1);
    json_decref(post("/v1/resume"));
    house_await_jobs(house, "one_1", 1, "succeeded");
    house_await_jobs(house, "one_2", 1, "succeeded");
    house_await_jobs(house, "two_1", 1, "queued");
    json_decref(post("/v1/resume?hook=two"));
    house_await_jobs(house, "two_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "twos"), 1);
    answer_expect_error(house_control(house, "POST", "/v1/pause?hook=none", NULL), 404, "not_found",
                        "none");
}
END_TEST

/* --- cancels ---------------------------------------------------------------------------------- */

START_TEST(what_is_canceled_in_its_delay_never_runs)
{
    json_t *job;

    start("[action go]\non_granted = late\non_failed = tell\n"
          "[hook late]\nshell = echo >>%DIR%/notes\ndelay = 1h\n"
          "[hook tell]\nshell = echo >>%DIR%/notes\n");
    go_as("req_1", "go");
    job = house_job(house, "req_1");
    ck_assert_str_eq(text_at(job, "/state"), "queued");
    ck_assert_str_gt(text_at(job, "/notBefore"), text_at(job, "/createdAt"));
    json_decref(job);
    post_for_job("req_1", "cancel");
    restart_after_kill();
    house_await_jobs(house, "req_1", 1, "canceled");
    job = house_job(house, "req_1");
    ck_assert_int_eq(number_at(job, "/attempt"), 0);
    ck_assert(json_is_null(json_object_get(job, "notBefore")));
    json_decref(job);
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/cancel", NULL), 409, "conflict",
                        "canceled");
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        "canceled");
}
END_TEST

START_TEST(a_cancel_ends_all_that_a_run_has_started)
{
    pid_t grandchild;

    start("[action go]\non_granted = run\n"
          "[hook run]\n"
          "shell = setsid sh -c 'echo $$ >%DIR%/pid; exec sleep 1000' & wait\n"
          "retries = 5\nkill_after = 1s\n");
    go_as("req_1", "go");
    grandchild = house_pid_in(house, "pid");
    post_for_job("req_1", "cancel");
    process_await_end(grandchild);
    house_await_jobs(house, "req_1", 1, "canceled");
}
END_TEST

START_TEST(a_cancel_is_not_lost_when_core_dies)
{
    pid_t grandchild;

    start("[action go]\non_granted = run\n"
          "[hook run]\n"
          "shell = setsid sh -c 'echo $$ >%DIR%/pid; exec sleep 1000' & wait\n"
          "on_interrupt = retry\nretries = 5\nkill_after = 1s\n");
    go_as("req_1", "go");
    grandchild = house_pid_in(house, "pid");
    post_for_job("req_1", "cancel");
    (void)house_kill_role(house, "assentd: core");
    process_await_end(grandchild);
    house_await_ready(house);
    house_await_jobs(house, "req_1", 1, "canceled");
    ck_assert_int_eq(count_jobs("run", "canceled"), 1);
}
END_TEST

START_TEST(what_ends_badly_as_it_is_canceled_is_canceled_and_not_tried_again)
{
    start("[action go]\non_granted = run\non_failed = tell\n"
          "[hook run]\n"
          "shell = trap 'exit 3' TERM; echo >>%DIR%/runs; while :; do sleep 0.05; done\n"
          "retries = 5\nbackoff = 1ms\n"
          "[hook tell]\nshell = echo >>%DIR%/told\n");
    go_as("req_1", "go");
    house_await_lines(house, "runs", 1);
    post_for_job("req_1", "cancel");
    house_await_settled(house, "req_1", 1);
    house_await_jobs(house, "req_1", 1, "canceled");
    restart_after_kill();
    house_await_jobs(house, "req_1", 1, "canceled");
    ck_assert_int_eq(house_count_lines(house, "runs"), 1);
    ck_assert_int_eq(house_count_lines(house, "told"), 0);
}
END_TEST

START_TEST(many_are_canceled_and_retried_at_once)
{
    json_t *result;

    start("[action go]\non_granted = run\n[action bad]\non_granted = fail\n"
          "[hook run]\nshell = echo >>%DIR%/runs; sleep 1000\nconcurrency = 2\nkill_after = 1s\n"
          "[hook fail]\nshell = echo >>%DIR%/fails; test -e %DIR%/mended\n");
    go_many("run", "go", 0, 10);
    house_await_lines(house, "runs", 2);
    result = post("/v1/jobs/cancel?state=queued&hook=run");
    ck_assert_int_eq(number_at(result, "/changed"), 8);
    json_decref(result);
    result = post("/v1/jobs/cancel?state=running&hook=run");
    ck_assert_int_eq(number_at(result, "/changed"), 2);
    json_decref(result);
    await_many("run", 10, "canceled");
    ck_assert_int_eq(house_count_lines(house, "runs"), 2);
    go_many("bad", "bad", 0, 10);
    await_many("bad", 10, "failed");
    house_write(house, "mended", "");
    result = post("/v1/jobs/retry?state=failed&hook=fail");
    ck_assert_int_eq(number_at(result, "/changed"), 10);
    ck_assert(json_is_null(json_object_get(result, "cursor")));
    json_decref(result);
    await_many("bad", 10, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "fails"), 20);
    answer_expect_error(house_control(house, "POST", "/v1/jobs/retry", NULL), 400,
                        "invalid_request", "state");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tries = house_scenarios(suite, "tries", set_up, tear_down);
    TCase *order = house_scenarios(suite, "order", set_up, tear_down);
    TCase *rates = house_scenarios(suite, "rates", set_up, tear_down);
    TCase *pauses = house_scenarios(suite, "pauses", set_up, tear_down);
    TCase *cancels = house_scenarios(suite, "cancels", set_up, tear_down);

    tcase_add_test(tries, what_fails_is_tried_again_as_often_as_its_hook_says);
    tcase_add_test(tries, the_time_of_the_next_try_is_shown_and_survives_a_kill);
    tcase_add_test(tries, a_temporary_failure_is_not_counted);
    tcase_add_loop_test(tries, the_other_end_says_how_long_the_next_try_waits, 0,
                        (int)(sizeof advices / sizeof advices[0]));
    tcase_add_test(tries, the_other_end_says_when_the_next_try_is_due);
    tcase_add_test(tries, what_gives_up_runs_its_on_failed_once_and_that_no_other);
    tcase_add_test(order, no_more_run_at_once_than_their_hook_allows);
    tcase_add_test(order, many_runs_of_one_hook_do_not_hold_up_another);
    tcase_add_test(order, runs_of_one_hook_start_in_order);
    tcase_add_test(rates, no_second_has_more_starts_than_the_rate);
    tcase_add_test(rates, a_rate_is_kept_across_a_kill_and_holds_up_no_other_hook);
    tcase_add_test(pauses, a_pause_of_one_hook_survives_a_kill_and_ends_with_its_resume);
    tcase_add_test(pauses, a_pause_of_all_takes_decisions_and_starts_nothing);
    tcase_add_test(cancels, what_is_canceled_in_its_delay_never_runs);
    tcase_add_test(cancels, a_cancel_ends_all_that_a_run_has_started);
    tcase_add_test(cancels, a_cancel_is_not_lost_when_core_dies);
    tcase_add_test(cancels, what_ends_badly_as_it_is_canceled_is_canceled_and_not_tried_again);
    tcase_add_test(cancels, many_are_canceled_and_retried_at_once);
    return suite_run(suite);
}
