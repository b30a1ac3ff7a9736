/*
 * Runs that begin some time after their cause: they wait in the queue while their hook changes or
 * goes, a request expires by our own clock, a delay passes, and very many are approved at once.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/run_rig.h"
#include "support/suite.h"

#define CONCURRENCY 16 /* runs of one executor at a time */

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
        char *id = house_format(house, "block_%d", i);

        house_register_as(house, id, "block");
        house_approve(house, id);
        free(id);
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

/* Nothing would ever start it, nor end it before the next reload. */
START_TEST(what_failed_is_not_retried_when_its_hook_is_gone)
{
    json_t *result;

    start("[action go]\n"
          "on_granted = note\n"
          "[hook note]\n"
          "shell = false\n");
    go("req_1");
    house_await_jobs(house, "req_1", 1, "failed");
    house_configure(house, "");
    house_reload(house);
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        "its hook note is not in the configuration any more");
    result = answer_take(house_control(house, "POST", "/v1/jobs/retry?state=failed", NULL), 200);
    ck_assert_int_eq(number_at(result, "/changed"), 0);
    json_decref(result);
    house_await_jobs(house, "req_1", 1, "failed");
    expect_error("req_1", "exit status 1");
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
    house_expect_file(house, "notes", "new\n");
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

/* The hook is gone, and the hook is a call by now: whom to ask is the matter of the attempt. */
static const char *const other_hooks[] = {
    "",
    "[action go]\non_granted = talk\n[hook talk]\nhttp = POST http://127.0.0.1:9/\n",
};

START_TEST(the_output_of_what_runs_is_seen_whatever_became_of_its_hook)
{
    json_t *output;

    start(
        "[action go]\n"
        "on_granted = talk\n"
        "[hook talk]\n"
        "shell = echo hello; echo >>%DIR%/said; until [ -e %DIR%/enough ]; do sleep 0.02; done\n");
    go("req_1");
    house_await_lines(house, "said", 1);
    house_configure(house, other_hooks[_i]);
    house_reload(house);
    output = house_output(house, "req_1");
    ck_assert_str_eq(text_at(output, "/stdout/head"), "hello\n");
    json_decref(output);
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
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
    house_expect_file(house, "notes", "approval.expired expired \n");
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
    house_expect_file(house, "notes", "");
    (void)usleep(1300 * 1000);
    house_start(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_expect_file(house, "notes", "approval.expired expired \n");
    house_await_status(house, "req_2", "pending");
}
END_TEST

/* --- delays ----------------------------------------------------------------------------------- */

/* Core has something to write without a pause until this process is killed. */
static pid_t keep_core_writing(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0;; i++) {
            char *body =
                house_format(house, "{\"requestId\":\"other_%d\",\"action\":\"other\"}", i);
            struct answer answer = house_control(house, "POST", "/v1/requests", body);

            answer_clear(&answer);
            free(body);
        }
    }
    return pid;
}

START_TEST(what_becomes_due_while_core_writes_is_not_forgotten)
{
    pid_t writer;

    start("[action go]\non_granted = note\n"
          "[hook note]\nshell = true\ndelay = 50ms\n");
    writer = keep_core_writing();
    for (int i = 0; i < 20; i++) {
        char *id = house_format(house, "req_%d", i);

        go(id);
        house_await_jobs(house, id, 1, "succeeded");
        free(id);
    }
    (void)kill(writer, SIGKILL);
    (void)waitpid(writer, NULL, 0);
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

        house_register_as(house, id, "go");
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

int main(void)
{
    Suite *suite = suite_create("run later");
    TCase *changes = house_scenarios(suite, "changes", set_up, tear_down);
    TCase *expiry = house_scenarios(suite, "expiry", set_up, tear_down);
    TCase *delays = house_scenarios(suite, "delays", set_up, tear_down);
    TCase *many = house_scenarios(suite, "many", set_up, tear_down);

    tcase_add_test(changes, a_hook_that_is_gone_fails_what_waited_for_it);
    tcase_add_test(changes, a_hook_that_went_while_assentd_was_down_fails_what_waited_for_it);
    tcase_add_test(changes, what_failed_is_not_retried_when_its_hook_is_gone);
    tcase_add_test(changes, what_waits_runs_its_hook_as_it_is_then);
    tcase_add_test(changes, what_runs_already_is_not_changed);
    tcase_add_loop_test(changes, the_output_of_what_runs_is_seen_whatever_became_of_its_hook, 0,
                        sizeof other_hooks / sizeof other_hooks[0]);
    tcase_add_test(expiry, a_request_without_a_decision_expires_by_our_own_clock);
    tcase_add_test(expiry, a_deadline_that_passed_while_assentd_was_down_is_noticed);
    tcase_add_test(delays, what_becomes_due_while_core_writes_is_not_forgotten);
    tcase_add_test(many, many_at_once_run_once_each_and_so_many_at_a_time);
    return suite_run(suite);
}
