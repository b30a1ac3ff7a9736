#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/harness.h"
#include "integration/runner_rig.h"
#include "support/jail_setting.h"
#include "support/suite.h"
#include "support/tool.h"

enum { LINE = 128 };

static struct runner_rig rig;
static struct protocol_result result;
static char line[LINE];

static void set_up(void)
{
    runner_rig_open(&rig);
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

/* --- how a program ends ----------------------------------------------------------------------- */

START_TEST(a_program_that_ends_well_has_succeeded)
{
    run_one("[hook h]\nexec = /bin/echo done\n");
    runner_rig_expect_success(&result, "done\n");
    ck_assert_str_eq(result.attempt.key, "k1");
    ck_assert_int_eq(result.exit_code, 0);
    ck_assert_int_eq(result.signal, 0);
    ck_assert_int_gt(result.started_at, 0);
    ck_assert_int_ge(result.ended_at, result.started_at);
    ck_assert_uint_eq(result.standard_error.head_length, 0);
}
END_TEST

START_TEST(an_exit_status_is_a_failure_and_both_outputs_are_kept)
{
    run_one("[hook h]\nshell = echo out; echo err >&2; exit 3\n");
    runner_rig_expect_failure(&result, "exit status 3");
    runner_rig_expect_output(&result, "out\n");
    runner_rig_expect(&result.standard_error, "err\n");
    ck_assert_int_eq(result.exit_code, 3);
    ck_assert_int_eq(result.again, AGAIN_COUNTED);
    ck_assert_int_gt(result.started_at, 0);
}
END_TEST

START_TEST(a_signal_is_a_failure_with_its_name)
{
    run_one("[hook h]\nshell = kill -SEGV $$\n");
    runner_rig_expect_failure(&result, "killed by SIGSEGV");
    ck_assert_int_eq(result.signal, SIGSEGV);
    ck_assert_int_eq(result.again, AGAIN_COUNTED);
    ck_assert_int_eq(result.exit_code, -1);
}
END_TEST

START_TEST(a_program_may_ask_for_another_try)
{
    run_one("[hook h]\nexec = sh -c 'exit 75'\n"); /* EX_TEMPFAIL of sysexits.h */
    runner_rig_expect_failure(&result, "exit status 75");
    ck_assert_int_eq(result.again, AGAIN_FREE);
}
END_TEST

/* A program for `exec = @/p`, as it is when the configuration is read. */
static void write_program(const char *text)
{
    FILE *file = fopen(runner_rig_path(&rig, "p"), "we");

    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(runner_rig_path(&rig, "p"), 0700), 0);
}

static void expect_not_started(const char *what, const char *name, const char *why)
{
    char expected[256];

    (void)snprintf(expected, sizeof expected, "%s %s/%s: %s", what, rig.directory, name, why);
    runner_rig_expect_failure(&result, expected);
    ck_assert_int_eq(result.again, AGAIN_COUNTED);
    ck_assert_int_eq(result.started_at, 0);
    ck_assert_int_eq(result.exit_code, -1);
    ck_assert_uint_eq(result.standard_error.head_length, 0);
}

START_TEST(a_program_that_has_gone_was_never_started)
{
    write_program("#!/bin/sh\n");
    runner_rig_start(&rig, "[hook h]\nexec = @/p\n");
    ck_assert_int_eq(unlink(runner_rig_path(&rig, "p")), 0);
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    expect_not_started("can't run", "p", "No such file or directory");
}
END_TEST

START_TEST(a_script_without_an_interpreter_gets_no_shell)
{
    write_program("echo hello\n");
    run_one("[hook h]\nexec = @/p\n");
    expect_not_started("can't run", "p", "Exec format error");
}
END_TEST

START_TEST(a_directory_that_has_gone_fails_the_run)
{
    ck_assert_int_eq(mkdir(runner_rig_path(&rig, "place"), 0700), 0);
    runner_rig_start(&rig, "[hook h]\nexec = true\nworkdir = @/place\n");
    ck_assert_int_eq(rmdir(runner_rig_path(&rig, "place")), 0);
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    expect_not_started("can't enter", "place", "No such file or directory");
}
END_TEST

START_TEST(an_argument_that_the_kernel_would_refuse_fails_the_run)
{
    struct buffer record = {0};

    ck_assert_int_eq(buffer_append_text(&record, "{\"context\":{\"big\":\""), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(buffer_append_format(&record, "%01024d", 0), 0);
    }
    ck_assert_int_eq(buffer_append_text(&record, "\"}}"), 0);
    runner_rig_start(&rig, "[hook h]\nexec = /bin/echo -- {context.big}\n");
    runner_rig_run_with(&rig, "h", "k1", (const char *)record.data, record.length);
    buffer_free(&record);
    result = runner_rig_result(&rig);
    runner_rig_expect_failure(&result,
                              "an argument would be 204800 bytes long and can be 131071 at most; "
                              "standard input has all of the record");
    ck_assert_int_eq(result.started_at, 0);
    ck_assert_int_eq(result.again, AGAIN_NEVER);
}
END_TEST

START_TEST(arguments_that_are_too_long_together_fail_the_run_for_good)
{
    enum { WORDS = 60 }; /* 120 KiB each, of which the kernel takes no more than 6 MiB together */
    struct buffer hook = {0};
    struct buffer record = {0};

    ck_assert_int_eq(buffer_append_text(&hook, "[hook h]\nexec = true --"), 0);
    for (int i = 0; i < WORDS; i++) {
        ck_assert_int_eq(buffer_append_text(&hook, " {context.big}"), 0);
    }
    ck_assert_int_eq(buffer_append(&hook, "\n", 2), 0);
    ck_assert_int_eq(buffer_append_format(&record, "{\"context\":{\"big\":\"%0122880d\"}}", 0), 0);
    runner_rig_start(&rig, (const char *)hook.data);
    runner_rig_run_with(&rig, "h", "k1", (const char *)record.data, record.length);
    buffer_free(&record);
    buffer_free(&hook);
    result = runner_rig_result(&rig);
    runner_rig_expect_failure(&result, "can't run true: Argument list too long");
    ck_assert_int_eq(result.started_at, 0);
    ck_assert_int_eq(result.again, AGAIN_NEVER);
}
END_TEST

START_TEST(a_placeholder_without_a_value_fails_the_run)
{
    run_one("[hook h]\nexec = /bin/echo -- {denial_reason}\n");
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_ptr_nonnull(strstr(result.error, "denial_reason"));
    ck_assert_int_eq(result.started_at, 0);
    ck_assert_int_eq(result.again, AGAIN_NEVER);
}
END_TEST

START_TEST(a_record_that_is_no_json_fails_the_run)
{
    runner_rig_start(&rig, "[hook h]\nexec = true\n");
    runner_rig_run_with(&rig, "h", "k1", "{", 1);
    result = runner_rig_result(&rig);
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_int_eq(result.again, AGAIN_NEVER);
    ck_assert_int_eq(result.started_at, 0);
}
END_TEST

/* --- what a program gets ---------------------------------------------------------------------- */

START_TEST(placeholders_stay_inside_their_word)
{
    run_one("[hook h]\nexec = printf '<%s>' --id={request_id} -- {context.subject} {job.key}\n");
    runner_rig_expect_success(&result, "<--id=req_1><--><it's; $(here)><k1>");
}
END_TEST

START_TEST(the_record_is_standard_input)
{
    static const char record[] = "{\"request_id\": \"req_1\",\n \"context\": {\"a\": [1, 2]}}";

    runner_rig_start(&rig, "[hook h]\nexec = cat\n");
    runner_rig_run_with(&rig, "h", "k1", record, strlen(record));
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, record);
}
END_TEST

START_TEST(a_record_of_16_mib_reaches_the_program)
{
    enum { SIZE = 16 << 20 };
    struct buffer record = {0};

    ck_assert_int_eq(buffer_append_text(&record, "{\"context\":{\"big\":\""), 0);
    ck_assert_int_eq(buffer_reserve(&record, SIZE), 0);
    memset(record.data + record.length, 'x', SIZE);
    record.length += SIZE;
    ck_assert_int_eq(buffer_append_text(&record, "\"}}"), 0);
    runner_rig_start(&rig, "[hook h]\nexec = wc -c\n");
    runner_rig_run_with(&rig, "h", "k1", (const char *)record.data, record.length);
    buffer_free(&record);
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "16777238\n");
}
END_TEST

START_TEST(the_environment_is_this_and_nothing_else)
{
    char *expected;

    run_one("[hook h]\nshell = env | sort\nenv = EXTRA=a b\nenv = HOME=/elsewhere\n");
    ck_assert_int_gt(asprintf(&expected,
                              "ASSENT_ACTION=bulk_send\n"
                              "ASSENT_ATTEMPT=1\n"
                              "ASSENT_CONTEXT_RECIPIENT_COUNT=500\n"
                              "ASSENT_CONTEXT_SUBJECT=it's; $(here)\n"
                              "ASSENT_DECIDED_AT=2026-03-16T10:30:45.123Z\n"
                              "ASSENT_DECIDED_BY=ops@example.com\n"
                              "ASSENT_EVENT=approval.granted\n"
                              "ASSENT_JOB=17\n"
                              "ASSENT_JOB_KEY=k1\n"
                              "ASSENT_REASON=a campaign\n"
                              "ASSENT_REQUEST_ID=req_1\n"
                              "ASSENT_STATUS=approved\n"
                              "ASSENT_URGENCY=medium\n"
                              "EXTRA=a b\n"
                              "HOME=/elsewhere\n"
                              "LANG=de_DE.UTF-8\n"
                              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                              "PWD=%s/runner\n",
                              rig.directory),
                     0);
    runner_rig_expect_success(&result, expected);
    free(expected);
}
END_TEST

START_TEST(nothing_is_open_but_the_three_streams)
{
    run_one("[hook h]\nexec = /bin/ls /proc/self/fd\n");
    runner_rig_expect_success(&result,
                              "0\n1\n2\n3\n"); /* the last is the directory that ls reads */
}
END_TEST

START_TEST(signals_session_umask_and_place_are_as_new)
{
    char *expected;

    run_one("[hook h]\nshell = grep -E '^Sig(Blk|Ign)' /proc/self/status; umask; pwd;"
            " cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo leads its session\n");
    ck_assert_int_gt(asprintf(&expected,
                              "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0077\n"
                              "%s/runner\nleads its session\n",
                              rig.directory),
                     0);
    runner_rig_expect_success(&result, expected);
    free(expected);
}
END_TEST

/* --- side by side ----------------------------------------------------------------------------- */

START_TEST(runs_go_on_side_by_side)
{
    runner_rig_start(&rig, "[hook h]\nshell = exec 9>@/alive; mkfifo @/back; echo up >&9;"
                           " cat @/back\n"
                           "[hook i]\nshell = echo hello > @/back\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_run(&rig, "i", "k2");
    for (int i = 0; i < 2; i++) {
        result = runner_rig_result(&rig);
        runner_rig_expect_success(&result, strcmp(result.attempt.key, "k1") == 0 ? "hello\n" : "");
    }
}
END_TEST

static size_t children_of_runner(void)
{
    char path[64];
    FILE *file;
    size_t count = 0;
    int c;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)rig.pid, (int)rig.pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while ((c = fgetc(file)) != EOF) {
        count += c == ' ';
    }
    (void)fclose(file);
    return count;
}

static void run_many(char series)
{
    enum { MANY = 12 };
    char key[16];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof key, "%c%d", series, i);
        runner_rig_run(&rig, "h", key);
    }
    for (int i = 0; i < MANY; i++) {
        result = runner_rig_result(&rig);
        runner_rig_expect_success(&result, result.attempt.key);
    }
    runner_rig_settle(&rig);
}

/* But keepers, for the next runs: one process and one descriptor of the runner's each. */
START_TEST(many_runs_leave_no_descriptor_and_no_process_behind)
{
    size_t descriptors;

    jail_allow_looking_inside();
    runner_rig_start(&rig, "[hook h]\nexec = /usr/bin/printf -- %s {job.key}\n");
    descriptors = process_descriptors(rig.pid);
    for (char series = 'a'; series < 'e'; series++) {
        run_many(series);
    }
    ck_assert_uint_ge(children_of_runner(), 1);
    ck_assert_uint_le(children_of_runner(), 12);
    ck_assert_uint_eq(process_descriptors(rig.pid), descriptors + children_of_runner());
}
END_TEST

/* --- the protocol with real programs ---------------------------------------------------------- */

START_TEST(a_repeated_start_runs_once)
{
    run_one("[hook h]\nshell = echo x >> @/count; exec cat @/count\n");
    runner_rig_expect_success(&result, "x\n");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "x\n");
    runner_rig_settle(&rig);
    runner_rig_run(&rig, "h", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "x\nx\n");
}
END_TEST

START_TEST(a_run_goes_on_while_core_is_away)
{
    struct protocol_hello hello;

    runner_rig_start(&rig, "[hook h]\nshell = exec 9>@/alive; echo up >&9; sleep 0.2; echo done\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    runner_rig_new_core(&rig);
    ck_assert_int_eq(protocol_decode_hello(runner_rig_next(&rig), &hello), 0);
    ck_assert_uint_eq(hello.attempt_count, 1);
    ck_assert_str_eq(hello.attempts[0].key, "k1");
    protocol_hello_free(&hello);
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "done\n");
}
END_TEST

START_TEST(a_reload_brings_new_hooks_and_a_broken_one_changes_nothing)
{
    struct protocol_digests digests;

    run_one("[hook h]\nexec = echo old\n");
    runner_rig_expect_success(&result, "old\n");
    ck_assert_uint_ne(runner_rig_reload_bytes(&rig, "nonsense", 8), 0);
    runner_rig_run(&rig, "h", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "old\n");
    ck_assert_uint_eq(runner_rig_reload(&rig, "[hook h]\nexec = echo new\n"), 0);
    ck_assert_int_eq(protocol_decode_digests(runner_rig_next(&rig), &digests), 0);
    ck_assert_uint_eq(digests.count, 1);
    protocol_digests_free(&digests);
    runner_rig_run(&rig, "h", "k3");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "new\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runner");
    TCase *tests = suite_case(suite, "runner", set_up, tear_down);

    tcase_add_test(tests, a_program_that_ends_well_has_succeeded);
    tcase_add_test(tests, an_exit_status_is_a_failure_and_both_outputs_are_kept);
    tcase_add_test(tests, a_signal_is_a_failure_with_its_name);
    tcase_add_test(tests, a_program_may_ask_for_another_try);
    tcase_add_test(tests, a_program_that_has_gone_was_never_started);
    tcase_add_test(tests, a_script_without_an_interpreter_gets_no_shell);
    tcase_add_test(tests, a_directory_that_has_gone_fails_the_run);
    tcase_add_test(tests, an_argument_that_the_kernel_would_refuse_fails_the_run);
    tcase_add_test(tests, a_record_that_is_no_json_fails_the_run);
    /* valgrind ends a process whose exec fails. */
    if (!under_wrapper()) {
        tcase_add_test(tests, arguments_that_are_too_long_together_fail_the_run_for_good);
    }
    tcase_add_test(tests, a_placeholder_without_a_value_fails_the_run);
    tcase_add_test(tests, placeholders_stay_inside_their_word);
    tcase_add_test(tests, the_record_is_standard_input);
    tcase_add_test(tests, a_record_of_16_mib_reaches_the_program);
    tcase_add_test(tests, the_environment_is_this_and_nothing_else);
    tcase_add_test(tests, nothing_is_open_but_the_three_streams);
    tcase_add_test(tests, signals_session_umask_and_place_are_as_new);
    tcase_add_test(tests, runs_go_on_side_by_side);
    tcase_add_test(tests, many_runs_leave_no_descriptor_and_no_process_behind);
    tcase_add_test(tests, a_repeated_start_runs_once);
    tcase_add_test(tests, a_run_goes_on_while_core_is_away);
    tcase_add_test(tests, a_reload_brings_new_hooks_and_a_broken_one_changes_nothing);
    return suite_run(suite);
}
