/*
 * How assentd stops: in time, with an answer for everyone, and without anything that goes on.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/patience.h"
#include "support/suite.h"

static struct house *house;
static struct http_server *server;

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

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

/* --- stopping --------------------------------------------------------------------------------- */

static void stop_in_time(void)
{
    int64_t begin = house_now_ms();
    int64_t took;
    char *log;

    ck_assert_int_eq(house_stop(house), 0);
    took = house_now_ms() - begin;
    log = house_log(house);
    ck_assert_msg(took < patience_ms(5000), "the stop took %d ms:\n%s", (int)took, log);
    free(log);
}

START_TEST(a_stop_takes_no_time_if_nothing_is_under_way)
{
    int64_t begin;

    start(HOUSE_NOTE);
    house_expect_note(house, "req_1");
    begin = house_now_ms();
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - begin, patience_ms(3000));
    house_await_log(house, "msg=stopped");
    ck_assert_int_ne(access(house_socket(house), X_OK), 0);
}
END_TEST

START_TEST(requests_under_way_are_answered_before_the_end)
{
    struct exchange *exchanges[40];
    bool taken[40];

    start(HOUSE_NOTE);
    for (int i = 0; i < 40; i++) {
        char *body = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}", i);

        exchanges[i] = house_begin_webhook(house, body);
        free(body);
    }
    ck_assert(exchange_answered(exchanges[0], HOUSE_PATIENCE_MS));
    stop_in_time();
    for (int i = 0; i < 40; i++) {
        struct answer answer = exchange_end(exchanges[i]);

        /* Whoever came too late knows. */
        ck_assert(answer.status == 200 || answer.status == 503 || answer.status == 0);
        taken[i] = answer.status == 200;
        answer_clear(&answer);
    }
    ck_assert(taken[0]);
    house_start(house);
    for (int i = 0; i < 40; i++) {
        char *body = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}", i);

        if (taken[i]) {
            house_decide(house, body, "duplicate");
        }
        free(body);
    }
}
END_TEST

#define WORK              \
    "[action work]\n"     \
    "on_granted = work\n" \
    "[hook work]\n"       \
    "shell =\n"

START_TEST(a_program_is_asked_to_end_and_its_run_is_interrupted)
{
    start(HOUSE_NOTE WORK "  trap 'echo ended >>%DIR%/ends; exit 0' TERM\n"
                          "  echo $$ >>%DIR%/pid\n"
                          "  while :; do sleep 0.02; done\n");
    house_register_as(house, "req_1", "work");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "pid");
    stop_in_time();
    ck_assert_int_eq(house_count_lines(house, "ends"), 1);
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert_int_eq(house_count_lines(house, "pid"), 1);
}
END_TEST

START_TEST(a_program_that_does_not_listen_is_killed)
{
    start(HOUSE_NOTE WORK
          "  trap '' TERM\n"
          "  setsid sh -c 'trap \"\" TERM; echo $$ >%DIR%/child; while :; do sleep 1; done' &\n"
          "  echo $$ >>%DIR%/pid\n"
          "  while :; do sleep 1; done\n");
    house_register_as(house, "req_1", "work");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "pid");
    (void)house_pid_in(house, "child");
    stop_in_time();
    ck_assert(!process_lives(house_pid_in(house, "child")));
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
}
END_TEST

/* A server that answers every call in this manner. */
static void start_with_call(enum http_server_manner manner, int delay_ms)
{
    char *sections;

    server = http_server_start();
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = manner, .delay_ms = delay_ms});
    sections = house_format(house,
                            "[action call]\non_granted = call\n"
                            "[hook call]\nhttp = POST http://127.0.0.1:%d/\n",
                            http_server_port(server));
    start(sections);
    free(sections);
    house_register_as(house, "req_1", "call");
    house_approve(house, "req_1");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
}

START_TEST(a_call_may_end_before_the_end)
{
    start_with_call(HTTP_SERVER_ANSWERS, 1000);
    stop_in_time();
    house_start(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(a_call_without_an_answer_is_interrupted_at_the_end)
{
    start_with_call(HTTP_SERVER_NEVER_ANSWERS, 0);
    stop_in_time();
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

/* What the signal overtook began before the stop, and was cut off by it. */
static void expect_run_or_cut_off(const char *id)
{
    json_t *request;
    const char *state;

    house_await_settled(house, id, 1);
    request = house_show(house, id);
    state = text_at(request, "/jobs/0/state");
    if (strcmp(state, "succeeded") != 0) {
        ck_assert_str_eq(state, "interrupted");
        ck_assert_str_eq(text_at(request, "/jobs/0/error"), "stopped with assentd");
    }
    json_decref(request);
}

START_TEST(nothing_new_is_started_during_the_stop)
{
    start(HOUSE_NOTE WORK "  trap '' TERM\n"
                          "  echo $$ >>%DIR%/pid\n"
                          "  while :; do sleep 1; done\n");
    house_register_as(house, "req_1", "work");
    house_register_as(house, "req_2", "note");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "pid");
    {
        static const char approval[] = "{\"requestId\":\"req_2\",\"status\":\"approved\"}";
        struct answer answer;

        (void)kill(house_pid(house), SIGTERM);
        answer = house_webhook(house, approval);
        ck_assert_int_eq(house_wait(house), 0);
        house_start(house);
        if (answer.status == 200) {
            expect_run_or_cut_off("req_2");
        } else {
            house_await_status(house, "req_2", "pending");
        }
        answer_clear(&answer);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifecycle stop");
    TCase *tests = house_scenarios(suite, "stopping", set_up, tear_down);

    tcase_add_test(tests, a_stop_takes_no_time_if_nothing_is_under_way);
    tcase_add_test(tests, requests_under_way_are_answered_before_the_end);
    tcase_add_test(tests, a_program_is_asked_to_end_and_its_run_is_interrupted);
    tcase_add_test(tests, a_program_that_does_not_listen_is_killed);
    tcase_add_test(tests, a_call_may_end_before_the_end);
    tcase_add_test(tests, a_call_without_an_answer_is_interrupted_at_the_end);
    tcase_add_test(tests, nothing_new_is_started_during_the_stop);
    return suite_run(suite);
}
