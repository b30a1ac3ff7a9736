/*
 * Runs that do not simply end: those that take too long, that a crash cuts off, that are run again,
 * whose hook changes while they wait, and very many at once.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"

#define CONCURRENCY 16 /* runs of one executor at a time */

static struct house *house;
static struct http_server *server;

static void set_up(void)
{
    house = house_new();
}

static void tear_down(void)
{
    house_free(house);
    http_server_stop(server);
    server = NULL;
}

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

/* Starts with a hook `tell` that calls a server, with these keys. */
static void start_calling(const char *keys)
{
    char *sections;

    server = http_server_start();
    sections = house_format(house,
                            "[action go]\non_granted = tell\n"
                            "[hook tell]\nhttp = POST http://127.0.0.1:%d/\n%s",
                            http_server_port(server), keys);
    start(sections);
    free(sections);
}

static void register_as(const char *id)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"go\"}", id);

    house_register(house, body);
    free(body);
}

static void approve(const char *id)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", id);

    house_decide(house, body, "matched");
    free(body);
}

static void go(const char *id)
{
    register_as(id);
    approve(id);
}

/* The first job of the request with its attempts; json_decref. */
static json_t *job_of(const char *id)
{
    json_t *request = house_show(house, id);
    char *path = house_format(house, "/v1/jobs/%d", (int)number_at(request, "/jobs/0/job"));
    json_t *job = answer_take(house_control(house, "GET", path, NULL), 200);

    json_decref(request);
    free(path);
    return job;
}

static json_t *retry(const char *id)
{
    json_t *request = house_show(house, id);
    char *path = house_format(house, "/v1/jobs/%d/retry", (int)number_at(request, "/jobs/0/job"));
    json_t *job = answer_take(house_control(house, "POST", path, NULL), 200);

    json_decref(request);
    free(path);
    return job;
}

static void expect_error(const char *id, const char *error)
{
    json_t *job = job_of(id);

    ck_assert_str_eq(text_at(job, "/error"), error);
    json_decref(job);
}

static pid_t pid_in(const char *name)
{
    char *text;
    pid_t pid;

    house_await_lines(house, name, 1);
    text = house_read(house, name);
    pid = (pid_t)strtol(text, NULL, 10);
    ck_assert_int_gt(pid, 1);
    free(text);
    return pid;
}

static void expect_text(const char *name, const char *expected)
{
    char *text = house_read(house, name);

    ck_assert_str_eq(text, expected);
    free(text);
}

/* --- timeouts --------------------------------------------------------------------------------- */

START_TEST(after_its_time_a_program_is_asked_to_end)
{
    start("[action go]\n"
          "on_granted = slow\n"
          "[hook slow]\n"
          "timeout = 300ms\n"
          "shell = trap 'echo ended; exit 0' TERM; echo $$ >%DIR%/pid; while :; do sleep 0.05; "
          "done\n");
    go("req_1");
    house_await_jobs(house, "req_1", 1, "failed");
    expect_error("req_1", "timed out after 300ms; terminated");
    {
        json_t *output = house_output(house, "req_1");

        ck_assert_str_eq(text_at(output, "/stdout/head"), "ended\n");
        json_decref(output);
    }
    process_await_end(pid_in("pid"));
}
END_TEST

START_TEST(after_its_grace_everything_it_started_is_killed)
{
    json_t *job;
    int64_t begin;

    start("[action go]\n"
          "on_granted = deaf\n"
          "[hook deaf]\n"
          "timeout = 300ms\n"
          "kill_after = 200ms\n"
          "shell =\n"
          "  trap '' TERM\n"
          "  setsid sh -c 'trap \"\" TERM; (echo $$ >%DIR%/pid); while :; do sleep 1; done' &\n"
          "  while :; do sleep 1; done\n");
    begin = house_now_ms();
    go("req_1");
    house_await_jobs(house, "req_1", 1, "failed");
    ck_assert_int_ge(house_now_ms() - begin, 500);
    job = job_of("req_1");
    ck_assert_str_eq(text_at(job, "/error"), "timed out after 300ms; killed");
    ck_assert_int_eq(number_at(job, "/attempts/0/signal"), SIGKILL);
    json_decref(job);
    ck_assert(!process_lives(pid_in("pid")));
}
END_TEST

START_TEST(what_a_program_leaves_behind_ends_with_it)
{
    start("[action go]\n"
          "on_granted = leave\n"
          "[hook leave]\n"
          "shell =\n"
          "  setsid sleep 60 &\n"
          "  echo $! >%DIR%/pid\n");
    go("req_1");
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert(!process_lives(pid_in("pid")));
}
END_TEST

START_TEST(a_call_has_its_time_too)
{
    start_calling("timeout = 300ms\n");
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    go("req_1");
    house_await_jobs(house, "req_1", 1, "interrupted");
    expect_error("req_1", "no answer within 300ms; it may have been done");
}
END_TEST

/* --- cut off ---------------------------------------------------------------------------------- */

/* Each run notes its attempt and key; only the first one stays. */
#define NOTING                                      \
    "  echo \"$ASSENT_ATTEMPT\" >>%DIR%/attempts\n" \
    "  echo \"$ASSENT_JOB_KEY\" >>%DIR%/keys\n"     \
    "  echo $$ >>%DIR%/pid\n"                       \
    "  [ \"$ASSENT_ATTEMPT\" != 1 ] || sleep 60\n"

static void expect_two_attempts_with_one_key(void)
{
    json_t *job = job_of("req_1");
    char *keys = house_format(house, "%s\n%s\n", text_at(job, "/key"), text_at(job, "/key"));

    ck_assert_int_eq(number_at(job, "/attempt"), 2);
    ck_assert_str_eq(text_at(job, "/attempts/0/state"), "interrupted");
    ck_assert_str_eq(text_at(job, "/attempts/1/state"), "succeeded");
    expect_text("attempts", "1\n2\n");
    expect_text("keys", keys);
    json_decref(job);
    free(keys);
}

START_TEST(a_run_that_the_runners_death_cuts_off_is_held)
{
    pid_t program;

    start("[action go]\n"
          "on_granted = work\n"
          "[hook work]\n"
          "shell =\n" NOTING);
    go("req_1");
    program = pid_in("pid");
    (void)house_kill_role(house, "assentd: runner");
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert(!process_lives(program));
    expect_error("req_1", "the runner ended while the program ran");
    expect_text("attempts", "1\n");
    json_decref(retry("req_1"));
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_two_attempts_with_one_key();
}
END_TEST

START_TEST(a_run_that_the_runners_death_cuts_off_is_run_again_where_its_hook_says_so)
{
    pid_t program;

    start("[action go]\n"
          "on_granted = work\n"
          "[hook work]\n"
          "on_interrupt = retry\n"
          "shell =\n" NOTING);
    go("req_1");
    program = pid_in("pid");
    (void)house_kill_role(house, "assentd: runner");
    house_await_lines(house, "attempts", 2);
    ck_assert(!process_lives(program));
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_two_attempts_with_one_key();
}
END_TEST

START_TEST(a_call_that_the_callers_death_cuts_off_is_held)
{
    start_calling("");
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    go("req_1");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    (void)house_kill_role(house, "assentd: caller");
    house_await_jobs(house, "req_1", 1, "interrupted");
    expect_error("req_1", "the caller ended while the call was under way");
    ck_assert_uint_eq(http_server_connections(server), 1);
    http_server_script(server, &(struct http_server_script){.path = "/"});
    json_decref(retry("req_1"));
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_uint_eq(http_server_connections(server), 2);
}
END_TEST

START_TEST(a_call_with_a_key_is_made_again)
{
    char first[128];
    char second[128];

    start_calling("header = Idempotency-Key: {job.key}\n");
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    go("req_1");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    http_server_script(server, &(struct http_server_script){.path = "/"});
    (void)house_kill_role(house, "assentd: caller");
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_uint_eq(http_server_connections(server), 2);
    (void)http_server_header(http_server_request(server, 0), "Idempotency-Key", first,
                             sizeof first);
    (void)http_server_header(http_server_request(server, 1), "Idempotency-Key", second,
                             sizeof second);
    ck_assert_str_eq(first, second);
}
END_TEST

START_TEST(a_run_goes_on_without_core)
{
    start(
        "[action go]\n"
        "on_granted = work\n"
        "[hook work]\n"
        "shell = echo $$ >>%DIR%/pid; until [ -e %DIR%/enough ]; do sleep 0.02; done; echo done\n");
    go("req_1");
    (void)pid_in("pid");
    (void)house_kill_role(house, "assentd: core");
    house_write(house, "enough", "");
    house_await_ready(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "pid"), 1);
    {
        json_t *output = house_output(house, "req_1");

        ck_assert_str_eq(text_at(output, "/stdout/head"), "done\n");
        json_decref(output);
    }
}
END_TEST

START_TEST(a_failed_run_can_be_run_again)
{
    char *keys;
    json_t *job;

    start("[action go]\n"
          "on_granted = work\n"
          "[hook work]\n"
          "shell =\n"
          "  echo \"$ASSENT_JOB_KEY\" >>%DIR%/keys\n"
          "  echo \"attempt $ASSENT_ATTEMPT\"\n"
          "  [ \"$ASSENT_ATTEMPT\" != 1 ]\n");
    go("req_1");
    house_await_jobs(house, "req_1", 1, "failed");
    job = retry("req_1");
    ck_assert_str_eq(text_at(job, "/requestId"), "req_1");
    json_decref(job);
    house_await_jobs(house, "req_1", 1, "succeeded");
    job = job_of("req_1");
    keys = house_format(house, "%s\n%s\n", text_at(job, "/key"), text_at(job, "/key"));
    expect_text("keys", keys);
    ck_assert_str_eq(text_at(job, "/attempts/0/state"), "failed");
    ck_assert_str_eq(text_at(job, "/attempts/1/state"), "succeeded");
    ck_assert_str_eq(text_at(job, "/error"), "");
    json_decref(job);
    free(keys);
    {
        json_t *output = answer_take(house_control(house, "GET", "/v1/jobs/1/output", NULL), 200);

        ck_assert_str_eq(text_at(output, "/stdout/head"), "attempt 2\n");
        json_decref(output);
        output = answer_take(house_control(house, "GET", "/v1/jobs/1/output?attempt=1", NULL), 200);
        ck_assert_str_eq(text_at(output, "/stdout/head"), "attempt 1\n");
        json_decref(output);
    }
}
END_TEST

/* --- hooks that change ------------------------------------------------------------------------ */

#define BLOCKING           \
    "[action block]\n"     \
    "on_granted = block\n" \
    "[hook block]\n"       \
    "shell = echo >>%DIR%/blocks; until [ -e %DIR%/enough ]; do sleep 0.02; done\n"

/* Takes every place of the runner until there is a file `enough`. */
static void block_runner(void)
{
    for (int i = 0; i < CONCURRENCY; i++) {
        char *body = house_format(house, "{\"requestId\":\"block_%d\",\"action\":\"block\"}", i);
        char *decision =
            house_format(house, "{\"requestId\":\"block_%d\",\"status\":\"approved\"}", i);

        house_register(house, body);
        house_decide(house, decision, "matched");
        free(body);
        free(decision);
    }
    house_await_lines(house, "blocks", CONCURRENCY);
}

START_TEST(a_hook_that_is_gone_fails_what_waited_for_it)
{
    start(BLOCKING "[action go]\n"
                   "on_granted = note\n"
                   "[hook note]\n"
                   "shell = echo >>%DIR%/notes\n");
    block_runner();
    go("req_1");
    house_await_jobs(house, "req_1", 1, "queued");
    house_configure(house, BLOCKING);
    house_reload(house);
    house_await_jobs(house, "req_1", 1, "failed");
    expect_error("req_1", "its hook is not in the configuration any more");
    house_write(house, "enough", "");
    house_await_jobs(house, "block_0", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
}
END_TEST

START_TEST(a_hook_that_went_while_assentd_was_down_fails_what_waited_for_it)
{
    start(BLOCKING "[action go]\n"
                   "on_granted = note\n"
                   "[hook note]\n"
                   "shell = echo >>%DIR%/notes\n");
    block_runner();
    go("req_1");
    house_kill(house);
    house_configure(house, "");
    house_start(house);
    house_await_jobs(house, "req_1", 1, "failed");
    expect_error("req_1", "its hook is not in the configuration any more");
    house_await_jobs(house, "block_0", 1, "interrupted");
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
}
END_TEST

START_TEST(what_waits_runs_its_hook_as_it_is_then)
{
    start(BLOCKING "[action go]\n"
                   "on_granted = note\n"
                   "[hook note]\n"
                   "shell = echo old >>%DIR%/notes\n");
    block_runner();
    go("req_1");
    house_await_jobs(house, "req_1", 1, "queued");
    house_configure(house, BLOCKING "[action go]\n"
                                    "on_granted = note\n"
                                    "[hook note]\n"
                                    "shell = echo new >>%DIR%/notes\n");
    house_reload(house);
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_text("notes", "new\n");
}
END_TEST

START_TEST(what_runs_already_is_not_changed)
{
    start(BLOCKING);
    block_runner();
    house_configure(house, "[action block]\n"
                           "on_granted = block\n"
                           "[hook block]\n"
                           "shell = exit 1\n");
    house_reload(house);
    house_write(house, "enough", "");
    for (int i = 0; i < CONCURRENCY; i++) {
        char *id = house_format(house, "block_%d", i);

        house_await_jobs(house, id, 1, "succeeded");
        free(id);
    }
    ck_assert_int_eq(house_count_lines(house, "blocks"), CONCURRENCY);
}
END_TEST

/* --- expiry ----------------------------------------------------------------------------------- */

#define EXPIRING             \
    "[requests]\n"           \
    "expiry_grace = 200ms\n" \
    "[action go]\n"          \
    "on_granted = note\n"    \
    "on_expired = note\n"    \
    "[hook note]\n"          \
    "shell = echo \"$ASSENT_EVENT $ASSENT_STATUS $ASSENT_DECIDED_BY\" >>%DIR%/notes\n"

START_TEST(a_request_without_a_decision_expires_by_our_own_clock)
{
    int64_t begin;

    start(EXPIRING);
    begin = house_now_ms();
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"go\",\"expiresIn\":1}");
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_ge(house_now_ms() - begin, 1200);
    expect_text("notes", "approval.expired expired \n");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "late");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_await_log(house, "without a decision");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

START_TEST(a_deadline_that_passed_while_assentd_was_down_is_noticed)
{
    start(EXPIRING);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"go\",\"expiresIn\":1}");
    house_register(house, "{\"requestId\":\"req_2\",\"action\":\"go\",\"expiresIn\":100}");
    ck_assert_int_eq(house_stop(house), 0);
    expect_text("notes", "");
    (void)usleep(1300 * 1000);
    house_start(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_text("notes", "approval.expired expired \n");
    house_await_status(house, "req_2", "pending");
}
END_TEST

/* --- many ------------------------------------------------------------------------------------- */

#define MANY 50

START_TEST(many_at_once_run_once_each_and_so_many_at_a_time)
{
    struct exchange *exchanges[MANY];
    char *counts;
    int most = 0;

    start("[action go]\n"
          "on_granted = work\n"
          "[hook work]\n"
          "shell =\n"
          "  mkdir %DIR%/now/$ASSENT_REQUEST_ID\n"
          "  ls %DIR%/now | wc -l >>%DIR%/counts\n"
          "  sleep 0.1\n"
          "  rmdir %DIR%/now/$ASSENT_REQUEST_ID\n"
          "  echo $ASSENT_REQUEST_ID >>%DIR%/notes\n");
    {
        char *now = house_file(house, "now");

        ck_assert_int_eq(mkdir(now, 0700), 0);
        free(now);
    }
    for (int i = 0; i < MANY; i++) {
        char *id = house_format(house, "req_%d", i);

        register_as(id);
        free(id);
    }
    for (int i = 0; i < MANY; i++) {
        char *body = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}", i);

        exchanges[i] = house_begin_webhook(house, body);
        free(body);
    }
    for (int i = 0; i < MANY; i++) {
        struct answer answer = exchange_end(exchanges[i]);

        ck_assert_str_eq(text_at(answer.json, "/result/outcome"), "matched");
        answer_clear(&answer);
    }
    for (int i = 0; i < MANY; i++) {
        char *id = house_format(house, "req_%d", i);

        house_await_jobs(house, id, 1, "succeeded");
        free(id);
    }
    ck_assert_int_eq(house_count_lines(house, "notes"), MANY);
    ck_assert_int_eq(house_count_lines(house, "counts"), MANY);
    counts = house_read(house, "counts");
    for (char *line = strtok(counts, "\n"); line; line = strtok(NULL, "\n")) {
        int count = (int)strtol(line, NULL, 10);

        most = count > most ? count : most;
    }
    ck_assert_int_gt(most, 1);
    ck_assert_int_le(most, CONCURRENCY);
    free(counts);
}
END_TEST

static TCase *scenarios(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 180);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_cut_off(TCase *tests)
{
    tcase_add_test(tests, a_run_that_the_runners_death_cuts_off_is_held);
    tcase_add_test(tests,
                   a_run_that_the_runners_death_cuts_off_is_run_again_where_its_hook_says_so);
    tcase_add_test(tests, a_call_that_the_callers_death_cuts_off_is_held);
    tcase_add_test(tests, a_call_with_a_key_is_made_again);
    tcase_add_test(tests, a_run_goes_on_without_core);
    tcase_add_test(tests, a_failed_run_can_be_run_again);
}

static void add_changes(TCase *tests)
{
    tcase_add_test(tests, a_hook_that_is_gone_fails_what_waited_for_it);
    tcase_add_test(tests, a_hook_that_went_while_assentd_was_down_fails_what_waited_for_it);
    tcase_add_test(tests, what_waits_runs_its_hook_as_it_is_then);
    tcase_add_test(tests, what_runs_already_is_not_changed);
}

int main(void)
{
    Suite *suite = suite_create("run cut off");
    TCase *timeouts = scenarios(suite, "timeouts");
    TCase *expiry = scenarios(suite, "expiry");
    SRunner *runner;
    int failed;

    tcase_add_test(timeouts, after_its_time_a_program_is_asked_to_end);
    tcase_add_test(timeouts, after_its_grace_everything_it_started_is_killed);
    tcase_add_test(timeouts, what_a_program_leaves_behind_ends_with_it);
    tcase_add_test(timeouts, a_call_has_its_time_too);
    add_cut_off(scenarios(suite, "cut off"));
    add_changes(scenarios(suite, "changes"));
    tcase_add_test(expiry, a_request_without_a_decision_expires_by_our_own_clock);
    tcase_add_test(expiry, a_deadline_that_passed_while_assentd_was_down_is_noticed);
    tcase_add_test(scenarios(suite, "many"), many_at_once_run_once_each_and_so_many_at_a_time);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
