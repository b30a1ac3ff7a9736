/*
 * How assentd lives: its processes, what happens when one of them dies, and what is left of it when
 * it is killed.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/suite.h"
#include "support/tool.h"
#include "support/tracer.h"

#define ROLES 5

static const char *const titles[ROLES] = {
    "assentd: gate public", "assentd: gate control", "assentd: core",
    "assentd: runner",      "assentd: caller",
};

static struct house *house;

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
}

/* --- the processes ---------------------------------------------------------------------------- */

START_TEST(each_process_says_in_ps_what_it_is)
{
    struct process_tree all;

    start(HOUSE_NOTE);
    all = house_processes(house);
    ck_assert_uint_eq(all.count, 1 + ROLES);
    for (int i = 0; i < ROLES; i++) {
        char *line = process_read(house_role(house, titles[i]), "cmdline");
        char *expected = house_format(house, "%s\n", titles[i]);

        /* Under a wrapper something stands before it. */
        ck_assert_msg(under_wrapper() || strcmp(line, expected) == 0, "%s", line);
        free(expected);
        free(line);
    }
    process_tree_free(&all);
}
END_TEST

START_TEST(a_role_that_dies_is_replaced)
{
    pid_t old;

    start(HOUSE_NOTE);
    house_expect_note(house, "before");
    old = house_kill_role(house, titles[_i]);
    ck_assert_int_ne(house_next_role(house, titles[_i], old), old);
    house_await_ready(house);
    house_await_health(house, 200);
    house_expect_note(house, "after");
    house_await_log(house, "a role ended and is started again");
}
END_TEST

START_TEST(all_roles_may_die_at_once)
{
    pid_t old[ROLES];

    start(HOUSE_NOTE);
    house_register_as(house, "req_1", "note");
    for (int i = 0; i < ROLES; i++) {
        old[i] = house_role(house, titles[i]);
    }
    for (int i = 0; i < ROLES; i++) {
        (void)kill(old[i], SIGKILL);
    }
    for (int i = 0; i < ROLES; i++) {
        (void)house_next_role(house, titles[i], old[i]);
    }
    house_await_ready(house);
    house_await_health(house, 200);
    house_approve(house, "req_1");
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

START_TEST(only_the_supervisor_listens_to_signals)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    start(HOUSE_NOTE);
    for (int i = 0; i < ROLES; i++) {
        for (size_t j = 0; j < sizeof signals / sizeof signals[0]; j++) {
            (void)kill(house_role(house, titles[i]), signals[j]);
        }
    }
    house_expect_note(house, "req_1");
    {
        char *log = house_log(house);

        ck_assert_ptr_null(strstr(log, "started again"));
        free(log);
    }
}
END_TEST

/* Kills it as soon as it is there, and returns how long it took to come again. */
static int64_t time_to_next(const char *title, pid_t *pid)
{
    pid_t old = *pid;
    int64_t begin = house_now_ms();

    (void)kill(old, SIGKILL);
    *pid = house_next_role(house, title, old);
    return house_now_ms() - begin;
}

START_TEST(a_role_that_dies_at_once_again_and_again_is_given_time)
{
    pid_t pid;
    int64_t pause = 0;

    start(HOUSE_NOTE);
    pid = house_role(house, "assentd: runner");
    /* One that lives long enough on a busy machine is forgiven, so it may take more than five. */
    for (int i = 0; i < 20 && pause < 750; i++) {
        pause = time_to_next("assentd: runner", &pid);
    }
    ck_assert_int_ge(pause, 750);
    house_await_ready(house);
    house_expect_note(house, "req_1");
}
END_TEST

/* Makes core stay away for some time, by having died several times. */
static void send_core_away(void)
{
    pid_t pid = house_role(house, "assentd: core");

    for (int i = 0; i < 4; i++) {
        (void)time_to_next("assentd: core", &pid);
    }
    (void)kill(pid, SIGKILL);
    process_await_end(pid);
}

START_TEST(while_core_is_away_everyone_is_asked_to_come_again)
{
    static const char approval[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";

    start(HOUSE_NOTE);
    house_register_as(house, "req_1", "note");
    send_core_away();
    answer_expect_put_off(house_webhook(house, approval));
    answer_expect_put_off(house_control(house, "GET", "/v1/approvals/req_1", NULL));
    answer_expect_put_off(house_public(house, "GET", "/healthz", NULL, NULL));
    house_await_ready(house);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

/* --- being killed ----------------------------------------------------------------------------- */

#define WORK              \
    "[action work]\n"     \
    "on_granted = work\n" \
    "[hook work]\n"       \
    "shell =\n"

START_TEST(nothing_outlives_a_supervisor_that_is_killed)
{
    start(HOUSE_NOTE WORK
          "  trap '' TERM\n"
          "  setsid sh -c 'trap \"\" TERM; echo $$ >%DIR%/child; while :; do sleep 1; done' &\n"
          "  echo $$ >>%DIR%/pid\n"
          "  while :; do sleep 1; done\n");
    house_register_as(house, "req_1", "work");
    house_register_as(house, "req_2", "note");
    house_approve(house, "req_1");
    (void)house_pid_in(house, "child");
    (void)house_pid_in(house, "pid");
    house_kill(house);
    ck_assert(!process_lives(house_pid_in(house, "child")));
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    house_approve(house, "req_2");
    house_await_jobs(house, "req_2", 1, "succeeded");
}
END_TEST

START_TEST(one_that_starts_at_once_waits_for_what_is_left)
{
    start(HOUSE_NOTE WORK "  echo $$ >>%DIR%/pid\n"
                          "  echo \"$ASSENT_ATTEMPT\" >>%DIR%/attempts\n"
                          "  [ \"$ASSENT_ATTEMPT\" != 1 ] || sleep 60\n"
                          "on_interrupt = retry\n");
    house_register_as(house, "req_1", "work");
    house_approve(house, "req_1");
    {
        pid_t program = house_pid_in(house, "pid");

        (void)kill(house_pid(house), SIGKILL);
        (void)house_wait(house);
        house_start(house);
        ck_assert(!process_lives(program));
    }
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "attempts"), 2);
    house_expect_note(house, "req_2");
}
END_TEST

/* Nobody of the old daemon is alive to end what its hook has started, not even its keeper. */
START_TEST(what_only_bears_the_mark_of_the_store_is_ended_too)
{
    struct process_tree processes;
    pid_t program;

    start(HOUSE_NOTE WORK "  echo $$ >>%DIR%/pid\n"
                          "  exec sleep 60\n");
    house_register_as(house, "req_1", "work");
    house_approve(house, "req_1");
    program = house_pid_in(house, "pid");
    processes = house_processes(house);
    for (size_t i = 0; i < processes.count; i++) {
        if (processes.items[i].pid != program) {
            (void)kill(processes.items[i].pid, SIGSTOP);
        }
    }
    for (size_t i = 0; i < processes.count; i++) {
        if (processes.items[i].pid != program) {
            (void)kill(processes.items[i].pid, SIGKILL);
        }
    }
    process_tree_free(&processes);
    (void)house_wait(house);
    ck_assert(process_lives(program));
    house_start(house);
    ck_assert(!process_lives(program));
    house_await_jobs(house, "req_1", 1, "interrupted");
}
END_TEST

/* --- the watchdog ----------------------------------------------------------------------------- */

/* What WatchdogSec= of a unit comes to. */
static void give_a_span(void *userdata)
{
    char span_us[32];

    (void)userdata;
    (void)snprintf(span_us, sizeof span_us, "%lld", 1000 * (long long)patience_ms(2000));
    (void)setenv("WATCHDOG_USEC", span_us, 1);
}

START_TEST(a_role_that_hangs_is_replaced)
{
    pid_t old;

    house_prepare(house, give_a_span, NULL);
    start(HOUSE_NOTE);
    house_expect_note(house, "before");
    old = house_role(house, titles[_i]);
    ck_assert_int_eq(kill(old, SIGSTOP), 0);
    house_await_log(house, "a role hangs and is ended");
    ck_assert_int_ne(house_next_role(house, titles[_i], old), old);
    house_await_ready(house);
    house_await_health(house, 200);
    house_expect_note(house, "after");
}
END_TEST

START_TEST(roles_that_do_not_hang_stay_and_the_service_manager_hears_of_us)
{
    pid_t roles[ROLES];

    house_prepare(house, give_a_span, NULL);
    start(HOUSE_NOTE);
    for (int i = 0; i < ROLES; i++) {
        roles[i] = house_role(house, titles[i]);
    }
    for (int i = 0; i < 8; i++) {
        house_await_notification(house, "WATCHDOG=1");
    }
    for (int i = 0; i < ROLES; i++) {
        ck_assert_int_eq(house_role(house, titles[i]), roles[i]);
    }
}
END_TEST

/* --- the supervisor ---------------------------------------------------------------------------- */

/* Of the socket pairs that it makes, five channels and four streams at the start, and then a channel, the
 * next one is a stream. */
static pid_t start_without_a_stream_after_it(void)
{
    static const char *const options[] = {"-qq",
                                          "-o",
                                          "/dev/null",
                                          "-e",
                                          "trace=socketpair",
                                          "-e",
                                          "inject=socketpair:error=EMFILE:when=11",
                                          NULL};
    pid_t strace;

    house_prepare(house, tracer_await, NULL);
    house_configure(house, HOUSE_NOTE);
    house_begin_start(house);
    strace = tracer_start(house_pid(house), options);
    ck_assert(house_await_start(house));
    return strace;
}

/* Nobody else would ever give it one. */
START_TEST(a_role_that_got_no_stream_is_started_again)
{
    static const char *const ended[] = {"assentd: core", "assentd: runner", "assentd: gate public"};
    pid_t strace;

    if (!tracer_possible() || under_wrapper()) {
        (void)fputs("skipped: strace is missing, or may not trace here\n", stderr);
        return;
    }
    strace = start_without_a_stream_after_it();
    (void)house_kill_role(house, ended[_i]);
    house_await_log(house, "can't start a role, trying again");
    house_await_ready(house);
    house_await_health(house, 200);
    house_expect_note(house, "req_1");
    /* It lets go then: a sanitizer can't look for leaks at the end of what is traced. */
    (void)kill(strace, SIGTERM);
    ck_assert_int_eq(waitpid(strace, NULL, 0), strace);
    ck_assert_int_eq(house_stop(house), 0);
}
END_TEST

/* --- the log ---------------------------------------------------------------------------------- */

static int log_pipe[2];

/* The least that a pipe can hold: less than what is said at the start. */
static void have_a_pipe_that_nobody_reads(void *userdata)
{
    (void)userdata;
    if (fcntl(log_pipe[1], F_SETPIPE_SZ, 4096) < 0 || dup2(log_pipe[1], STDERR_FILENO) < 0) {
        _exit(127);
    }
}

/* Reads on until it is told. */
static void await_told_of_lost_lines(void)
{
    char text[8193] = "";
    size_t length = 0;

    while (!strstr(text, "lines of the log were lost")) {
        ssize_t count;

        if (length > 4096) {
            memmove(text, text + length - 4096, 4096);
            length = 4096;
        }
        count = read(log_pipe[0], text + length, sizeof text - 1 - length);
        ck_assert_int_gt(count, 0);
        length += (size_t)count;
        text[length] = '\0';
    }
}

START_TEST(a_log_that_nobody_reads_stops_nothing)
{
    struct exchange *exchange;

    ck_assert_int_eq(pipe2(log_pipe, O_CLOEXEC), 0);
    house_prepare(house, have_a_pipe_that_nobody_reads, NULL);
    start(HOUSE_NOTE);
    for (int i = 0; i < 40; i++) {
        char *id = house_format(house, "req_%d", i);

        house_expect_note(house, id);
        free(id);
    }
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    house_expect_note(house, "req_after");
    exchange = house_begin_webhook(house, "{\"requestId\":\"req_1\",\"status\":\"denied\"}");
    await_told_of_lost_lines();
    answer_clear((struct answer[]){exchange_end(exchange)});
    ck_assert_int_eq(house_stop(house), 0);
    (void)close(log_pipe[0]);
    (void)close(log_pipe[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifecycle");
    TCase *dying = house_scenarios(suite, "dying", set_up, tear_down);
    TCase *killing = house_scenarios(suite, "killing", set_up, tear_down);
    TCase *watching = house_scenarios(suite, "the watchdog", set_up, tear_down);

    tcase_add_test(dying, each_process_says_in_ps_what_it_is);
    tcase_add_loop_test(dying, a_role_that_dies_is_replaced, 0, ROLES);
    tcase_add_test(dying, all_roles_may_die_at_once);
    tcase_add_test(dying, only_the_supervisor_listens_to_signals);
    tcase_add_test(dying, a_role_that_dies_at_once_again_and_again_is_given_time);
    tcase_add_loop_test(dying, a_role_that_got_no_stream_is_started_again, 0, 3);
    tcase_add_test(dying, while_core_is_away_everyone_is_asked_to_come_again);
    tcase_add_test(dying, a_log_that_nobody_reads_stops_nothing);
    tcase_add_test(killing, nothing_outlives_a_supervisor_that_is_killed);
    tcase_add_test(killing, one_that_starts_at_once_waits_for_what_is_left);
    tcase_add_test(killing, what_only_bears_the_mark_of_the_store_is_ended_too);
    tcase_add_loop_test(watching, a_role_that_hangs_is_replaced, 0, ROLES);
    tcase_add_test(watching, roles_that_do_not_hang_stay_and_the_service_manager_hears_of_us);
    return suite_run(suite);
}
