/*
 * Runs that take too long, that a crash cuts off, and that are run again.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/run_rig.h"
#include "support/suite.h"

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
    process_await_end(house_pid_in(house, "pid"));
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
    job = house_job(house, "req_1");
    ck_assert_str_eq(text_at(job, "/error"), "timed out after 300ms; killed");
    ck_assert_int_eq(number_at(job, "/attempts/0/signal"), SIGKILL);
    json_decref(job);
    ck_assert(!process_lives(house_pid_in(house, "pid")));
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
    ck_assert(!process_lives(house_pid_in(house, "pid")));
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
    json_t *job = house_job(house, "req_1");
    char *keys = house_format(house, "%s\n%s\n", text_at(job, "/key"), text_at(job, "/key"));

    ck_assert_int_eq(number_at(job, "/attempt"), 2);
    ck_assert_str_eq(text_at(job, "/attempts/0/state"), "interrupted");
    ck_assert_str_eq(text_at(job, "/attempts/1/state"), "succeeded");
    house_expect_file(house, "attempts", "1\n2\n");
    house_expect_file(house, "keys", keys);
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
    program = house_pid_in(house, "pid");
    (void)house_kill_role(house, "assentd: runner");
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert(!process_lives(program));
    expect_error("req_1", "the runner ended while the program ran");
    house_expect_file(house, "attempts", "1\n");
    json_decref(house_retry(house, "req_1"));
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
    program = house_pid_in(house, "pid");
    (void)house_kill_role(house, "assentd: runner");
    house_await_lines(house, "attempts", 2);
    ck_assert(!process_lives(program));
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_two_attempts_with_one_key();
}
END_TEST

/* One that a reload has made a call of is counted at both executors, and no place is lost with one. */
START_TEST(a_run_that_is_cut_off_gives_its_place_to_the_next_of_any_kind)
{
    char *calls;

    server = http_server_start();
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    start("[action go]\non_granted = work\n"
          "[hook work]\nconcurrency = 2\nshell = echo >>%DIR%/runs; sleep 1000\n");
    go("req_1");
    house_await_lines(house, "runs", 1);
    calls = house_format(house,
                         "[action go]\non_granted = work\n"
                         "[hook work]\nconcurrency = 2\ntimeout = 1h\n"
                         "http = POST http://127.0.0.1:%d/\n",
                         http_server_port(server));
    house_configure(house, calls);
    house_reload(house);
    go("req_2");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    go("req_3");
    (void)house_kill_role(house, "assentd: runner");
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert_uint_eq(http_server_wait(server, 2), 2);
    free(calls);
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
    json_decref(house_retry(house, "req_1"));
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
    (void)house_pid_in(house, "pid");
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
    job = house_retry(house, "req_1");
    ck_assert_str_eq(text_at(job, "/requestId"), "req_1");
    json_decref(job);
    house_await_jobs(house, "req_1", 1, "succeeded");
    job = house_job(house, "req_1");
    keys = house_format(house, "%s\n%s\n", text_at(job, "/key"), text_at(job, "/key"));
    house_expect_file(house, "keys", keys);
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

int main(void)
{
    Suite *suite = suite_create("run cut off");
    TCase *timeouts = house_scenarios(suite, "timeouts", set_up, tear_down);
    TCase *cut_off = house_scenarios(suite, "cut off", set_up, tear_down);

    tcase_add_test(timeouts, after_its_time_a_program_is_asked_to_end);
    tcase_add_test(timeouts, after_its_grace_everything_it_started_is_killed);
    tcase_add_test(timeouts, what_a_program_leaves_behind_ends_with_it);
    tcase_add_test(timeouts, a_call_has_its_time_too);
    tcase_add_test(cut_off, a_run_that_the_runners_death_cuts_off_is_held);
    tcase_add_test(cut_off,
                   a_run_that_the_runners_death_cuts_off_is_run_again_where_its_hook_says_so);
    tcase_add_test(cut_off, a_run_that_is_cut_off_gives_its_place_to_the_next_of_any_kind);
    tcase_add_test(cut_off, a_call_that_the_callers_death_cuts_off_is_held);
    tcase_add_test(cut_off, a_call_with_a_key_is_made_again);
    tcase_add_test(cut_off, a_run_goes_on_without_core);
    tcase_add_test(cut_off, a_failed_run_can_be_run_again);
    return suite_run(suite);
}
