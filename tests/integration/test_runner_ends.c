#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/process_tree.h"
#include "integration/runner_rig.h"
#include "support/cgroup_scratch.h"
#include "support/suite.h"
#include "support/tool.h"

/* For what must be so already. */
enum { AT_ONCE_MS = 0, LINE = 128 };

static struct runner_rig rig;
static struct protocol_result result;
static char line[LINE];

static void set_up(void)
{
    runner_rig_open(&rig);
    (void)runner_rig_use_cgroup(&rig, false);
}

static void set_up_with_cgroups(void)
{
    runner_rig_open(&rig);
    ck_assert(runner_rig_use_cgroup(&rig, true));
}

static void tear_down(void)
{
    runner_rig_clear(&rig);
}

static void run_one(const char *hooks)
{
    runner_rig_start(&rig, hooks);
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
}

/* --- nothing of a run outlives it ------------------------------------------------------------- */

/* A child in a session of its own, left by its parent, that ignores SIGTERM and says its pid. */
#define ESCAPE         \
    "exec 9>@/alive\n" \
    "    (setsid sh -c 'trap \"\" TERM; echo $$ >&9; while :; do sleep 1; done' &)\n"

START_TEST(a_timeout_ends_what_left_the_session_and_ignores_term)
{
    run_one("[hook h]\ntimeout = 300ms\nkill_after = 200ms\nshell = " ESCAPE "    sleep 60\n");
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_failure(&result, "timed out after 300ms; killed");
    ck_assert_int_eq(result.again, AGAIN_COUNTED);
    ck_assert_int_ge(result.ended_at - result.started_at, 500);
}
END_TEST

START_TEST(a_timeout_lets_programs_end_by_themselves)
{
    run_one("[hook h]\ntimeout = 300ms\nshell = trap 'echo bye; exit 0' TERM; echo hello;"
            " while :; do sleep 0.05; done\n");
    runner_rig_expect_failure(&result, "timed out after 300ms; terminated");
    runner_rig_expect_output(&result, "hello\nbye\n");
    ck_assert_int_eq(result.exit_code, 0);
}
END_TEST

START_TEST(a_timeout_ends_a_stopped_program)
{
    run_one("[hook h]\ntimeout = 200ms\nshell = kill -STOP $$\n");
    runner_rig_expect_failure(&result, "timed out after 200ms; terminated");
    ck_assert_int_eq(result.signal, SIGTERM);
}
END_TEST

START_TEST(a_grandchild_that_holds_the_output_does_not_hold_the_job)
{
    run_one("[hook h]\nshell = exec 9>@/alive; setsid sleep 60 & sleep 60 & echo done\n");
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_success(&result, "done\n");
    ck_assert_int_lt(result.ended_at - result.started_at, 30000);
}
END_TEST

START_TEST(what_a_program_leaves_behind_is_ended)
{
    run_one("[hook h]\nshell = " ESCAPE "    exit 0\n");
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_success(&result, "");
}
END_TEST

/* It is gone before anyone who looks for it could end it, again and again (for a while: a test that
 * fails shall end too). */
START_TEST(a_program_that_always_forks_and_exits_is_ended)
{
    run_one("[hook h]\nshell = exec 9>@/alive\n"
            "    hop() { [ $1 -gt 50000 ] || hop $(($1 + 1)) & }; hop 0\n");
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_success(&result, "");
    ck_assert_int_lt(result.ended_at - result.started_at, patience_ms(3000));
}
END_TEST

/* The same in ever new sessions, and deaf to SIGTERM. */
START_TEST(a_chain_of_processes_that_leave_their_session_is_ended)
{
    char *hooks;

    ck_assert_int_gt(asprintf(&hooks,
                              "[hook h]\ntimeout = 200ms\nkill_after = 100ms\n"
                              "shell = exec 9>@/alive; %s/tests/programs/fork_chain 1000000;"
                              " sleep 60\n",
                              getenv("ASSENT_BUILD")),
                     0);
    run_one(hooks);
    free(hooks);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_failure(&result, "timed out after 200ms; killed");
    ck_assert_int_lt(result.ended_at - result.started_at, 20000);
}
END_TEST

START_TEST(when_the_runner_is_killed_everything_ends_before_the_lock_is_free)
{
    runner_rig_start(&rig, "[hook h]\nshell = trap '' TERM\n    " ESCAPE "    sleep 60\n"
                           "[hook i]\nexec = sleep 60\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_run(&rig, "h", "k2");
    runner_rig_run(&rig, "i", "k3");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_await_birth(&rig, line, sizeof line);
    ck_assert_int_eq(kill(rig.pid, SIGKILL), 0);
    (void)runner_rig_await_end(&rig);
    runner_rig_await_lock(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
}
END_TEST

START_TEST(when_the_supervisor_is_gone_everything_ends_and_then_the_runner)
{
    runner_rig_start(&rig, "[hook h]\nshell = trap '' TERM\n    " ESCAPE "    sleep 60\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    (void)close(rig.channel);
    rig.channel = -1;
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
}
END_TEST

START_TEST(when_a_keeper_is_killed_its_run_is_interrupted_and_all_of_it_ended)
{
    runner_rig_start(&rig, "[hook h]\nshell = echo partly\n    echo $PPID > @/keeper\n"
                           "    " ESCAPE "    sleep 60\n"
                           "[hook killer]\nshell = kill -KILL $(cat @/keeper); sleep 0.2\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_run(&rig, "killer", "k2");
    result = runner_rig_result(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    ck_assert_str_eq(result.attempt.key, "k1");
    runner_rig_expect_interrupted(&result, "the process that watched over it was killed");
    runner_rig_expect_output(&result, "partly\n");
    /* and the other run, which was under its own keeper, went on */
    result = runner_rig_result(&rig);
    ck_assert_str_eq(result.attempt.key, "k2");
    runner_rig_expect_success(&result, "");
}
END_TEST

/* And the next run gets another keeper. */
START_TEST(a_keeper_that_was_stopped_does_not_hold_the_job)
{
    runner_rig_start(&rig, "[hook h]\ntimeout = 100ms\nkill_after = 100ms\nshell = echo partly\n"
                           "    " ESCAPE "    kill -STOP $PPID; sleep 60\n"
                           "[hook i]\nexec = echo hello\n");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_expect_interrupted(&result, "the process that watched over it was killed");
    runner_rig_expect_output(&result, "partly\n");
    runner_rig_run(&rig, "i", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "hello\n");
}
END_TEST

static pid_t read_pid(const char *name)
{
    FILE *file = fopen(runner_rig_path(&rig, name), "re");
    int pid = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    return pid;
}

/* As when all of a service is frozen and thawed again: that this took longer than the run may says
 * nothing about the keeper. Time that has to pass, so there is nothing to wait for. */
START_TEST(a_keeper_is_not_late_while_its_runner_was_stopped_too)
{
    pid_t keeper;

    runner_rig_start(&rig, "[hook h]\ntimeout = 300ms\nkill_after = 500ms\n"
                           "shell = trap '' TERM; echo $PPID > @/keeper; echo up > @/alive\n"
                           "    while :; do sleep 0.05; done\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    keeper = read_pid("keeper");
    ck_assert_int_eq(kill(keeper, SIGSTOP), 0);
    ck_assert_int_eq(kill(rig.pid, SIGSTOP), 0);
    (void)poll(NULL, 0, 6500);
    ck_assert_int_eq(kill(rig.pid, SIGCONT), 0);
    ck_assert_int_eq(kill(keeper, SIGCONT), 0);
    result = runner_rig_result(&rig);
    runner_rig_expect_failure(&result, "timed out after 300ms; killed");
}
END_TEST

START_TEST(a_keeper_that_was_killed_while_it_waited_is_replaced)
{
    struct pollfd ended = {.events = POLLIN};
    pid_t keeper;

    run_one("[hook h]\nshell = echo $PPID > @/keeper\n");
    runner_rig_expect_success(&result, "");
    keeper = read_pid("keeper");
    ended.fd = process_open(keeper);
    ck_assert_int_ge(ended.fd, 0);
    ck_assert_int_eq(kill(keeper, SIGKILL), 0);
    ck_assert_int_eq(poll(&ended, 1, RUNNER_RIG_PATIENCE_MS), 1);
    (void)close(ended.fd);
    runner_rig_run(&rig, "h", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "");
    ck_assert_int_ne(read_pid("keeper"), keeper);
}
END_TEST

START_TEST(a_keeper_that_kept_nothing_else_takes_the_next_run)
{
    pid_t keeper;

    run_one("[hook h]\nshell = echo $PPID > @/keeper\n");
    runner_rig_expect_success(&result, "");
    keeper = read_pid("keeper");
    runner_rig_run(&rig, "h", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "");
    ck_assert_int_eq(read_pid("keeper"), keeper);
}
END_TEST

/* --- at the word of a person ------------------------------------------------------------------ */

START_TEST(a_cancel_ends_all_of_a_run_and_no_other)
{
    runner_rig_start(&rig, "[hook h]\nkill_after = 200ms\nshell = echo partly\n    " ESCAPE
                           "    sleep 60\n"
                           "[hook i]\nexec = cat @/back\n"
                           "[hook j]\nshell = echo hello > @/back\n");
    ck_assert_int_eq(mkfifo(runner_rig_path(&rig, "back"), 0600), 0);
    runner_rig_run(&rig, "i", "k2");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_cancel(&rig, "k1");
    result = runner_rig_result(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    ck_assert_str_eq(result.attempt.key, "k1");
    runner_rig_expect_interrupted(&result, "canceled");
    runner_rig_expect_output(&result, "partly\n");
    ck_assert_int_eq(result.signal, SIGTERM);
    runner_rig_run(&rig, "j", "k3");
    for (int i = 0; i < 2; i++) {
        result = runner_rig_result(&rig);
        runner_rig_expect_success(&result, strcmp(result.attempt.key, "k2") == 0 ? "hello\n" : "");
    }
}
END_TEST

START_TEST(a_cancel_gives_the_grace_of_the_hook)
{
    runner_rig_start(&rig, "[hook h]\nshell = trap 'echo bye; exit 0' TERM; exec 9>@/alive;"
                           " echo up >&9; while :; do sleep 0.05; done\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_cancel(&rig, "k1");
    runner_rig_cancel(&rig, "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_interrupted(&result, "canceled");
    runner_rig_expect_output(&result, "bye\n");
    ck_assert_int_eq(result.exit_code, 0);
}
END_TEST

START_TEST(a_cancel_after_the_end_changes_nothing)
{
    run_one("[hook h]\nexec = echo done\n");
    runner_rig_cancel(&rig, "k1");
    runner_rig_cancel(&rig, "no-such-run");
    runner_rig_settle(&rig);
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "done\n");
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

static void stop(void)
{
    ck_assert_int_eq(channel_send(rig.channel, CHANNEL_STOP, 0, -1), 0);
}

START_TEST(with_nothing_to_do_it_stops_at_once)
{
    run_one("[hook h]\nexec = true\n");
    runner_rig_acknowledge(&rig, "k1");
    runner_rig_settle(&rig);
    stop();
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
}
END_TEST

START_TEST(a_stop_interrupts_what_runs_whatever_its_exit)
{
    runner_rig_start(&rig, "[hook h]\nshell = trap 'exit 0' TERM; exec 9>@/alive; echo up >&9;"
                           " while :; do sleep 0.05; done\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    stop();
    result = runner_rig_result(&rig);
    runner_rig_expect_interrupted(&result, "stopped with assentd");
    ck_assert_int_eq(result.exit_code, 0);
    runner_rig_run(&rig, "h", "k2");
    ck_assert_uint_eq(runner_rig_next(&rig)->type, FRAME_REFUSED);
    runner_rig_acknowledge(&rig, "k1");
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
}
END_TEST

START_TEST(a_stop_ends_what_ignores_term_too)
{
    runner_rig_start(&rig, "[hook h]\nshell = trap '' TERM\n    " ESCAPE "    sleep 60\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    stop();
    result = runner_rig_result(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    ck_assert_int_eq(result.ending, ENDING_INTERRUPTED);
    ck_assert_int_eq(result.signal, SIGKILL);
    runner_rig_acknowledge(&rig, "k1");
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_ever_for_core)
{
    run_one("[hook h]\nexec = true\n");
    runner_rig_expect_success(&result, "");
    stop();
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_timeout_ends_what_left_the_session_and_ignores_term);
    tcase_add_test(tests, a_timeout_lets_programs_end_by_themselves);
    tcase_add_test(tests, a_timeout_ends_a_stopped_program);
    tcase_add_test(tests, a_grandchild_that_holds_the_output_does_not_hold_the_job);
    tcase_add_test(tests, what_a_program_leaves_behind_is_ended);
    tcase_add_test(tests, a_program_that_always_forks_and_exits_is_ended);
    /* Under valgrind a keeper is slower than the chain, and there is no pidfd_open. */
    if (!under_wrapper()) {
        tcase_add_test(tests, a_chain_of_processes_that_leave_their_session_is_ended);
    }
    tcase_add_test(tests, when_the_runner_is_killed_everything_ends_before_the_lock_is_free);
    tcase_add_test(tests, when_the_supervisor_is_gone_everything_ends_and_then_the_runner);
    tcase_add_test(tests, when_a_keeper_is_killed_its_run_is_interrupted_and_all_of_it_ended);
    tcase_add_test(tests, a_keeper_that_was_stopped_does_not_hold_the_job);
    tcase_add_test(tests, a_keeper_is_not_late_while_its_runner_was_stopped_too);
    if (!under_wrapper()) {
        tcase_add_test(tests, a_keeper_that_was_killed_while_it_waited_is_replaced);
    }
    tcase_add_test(tests, a_keeper_that_kept_nothing_else_takes_the_next_run);
    tcase_add_test(tests, a_cancel_ends_all_of_a_run_and_no_other);
    tcase_add_test(tests, a_cancel_gives_the_grace_of_the_hook);
    tcase_add_test(tests, a_cancel_after_the_end_changes_nothing);
    tcase_add_test(tests, with_nothing_to_do_it_stops_at_once);
    tcase_add_test(tests, a_stop_interrupts_what_runs_whatever_its_exit);
    tcase_add_test(tests, a_stop_ends_what_ignores_term_too);
    tcase_add_test(tests, a_stop_does_not_wait_for_ever_for_core);
    suite_add_tcase(suite, tests);
}

/* All of it without cgroups, and all of it with them. */
int main(void)
{
    Suite *suite = suite_create("runner_ends");
    char cgroup[128];

    add_tests(suite, "without cgroups", set_up);
    if (cgroup_scratch_make(cgroup, sizeof cgroup)) {
        cgroup_scratch_remove(cgroup);
        add_tests(suite, "with cgroups", set_up_with_cgroups);
    } else {
        (void)fprintf(stderr,
                      "skipped: ending runs with cgroups, of which none can be made here\n");
    }
    return suite_run(suite);
}
