#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "integration/runner_rig.h"
#include "support/suite.h"

enum { LINE = 128, KIB = 1 << 10, MIB = 1 << 20 };

#define GIB (UINT64_C(1) << 30)

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

/* The most memory that the runner has had, in bytes. */
static size_t peak_of_runner(void)
{
    char path[64];
    FILE *file;
    size_t kib = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)rig.pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (kib == 0 && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "VmHWM: %zu kB", &kib);
    }
    (void)fclose(file);
    ck_assert_uint_gt(kib, 0);
    return kib * KIB;
}

static struct protocol_peeked peek(const char *key)
{
    const struct frame *frame;
    struct protocol_peeked peeked;

    runner_rig_peek(&rig, key);
    frame = runner_rig_next(&rig);
    ck_assert_uint_eq(frame->type, FRAME_PEEKED);
    ck_assert_int_eq(protocol_decode_peeked(frame, &peeked), 0);
    ck_assert_str_eq(peeked.attempt.key, key);
    return peeked;
}

START_TEST(endless_output_is_kept_in_bounded_memory)
{
    size_t before;

    runner_rig_start(&rig, "[hook h]\nshell = echo begin; head -c 2147483648 /dev/zero; echo end\n"
                           "output_limit = 64K\n"
                           "[hook warm]\nexec = true\n");
    runner_rig_run(&rig, "warm", "k0");
    result = runner_rig_result(&rig);
    before = peak_of_runner();
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    ck_assert_uint_eq(result.standard_output.head_length, 32 * KIB);
    ck_assert_uint_eq(result.standard_output.tail_length, 32 * KIB);
    ck_assert_uint_eq(result.standard_output.dropped, 6 + 2 * GIB + 4 - 64 * KIB);
    ck_assert_mem_eq(result.standard_output.head, "begin\n\0\0", 8);
    ck_assert_mem_eq((const char *)result.standard_output.tail + 32 * KIB - 6, "\0\0end\n", 6);
    ck_assert_uint_lt(peak_of_runner() - before, 2 * MIB);
}
END_TEST

START_TEST(what_both_streams_write_at_once_is_all_counted)
{
    runner_rig_start(&rig, "[hook h]\nshell = head -c 104857600 /dev/zero >&2 &\n"
                           "    head -c 104857600 /dev/zero; wait\n"
                           "output_limit = 1000\n");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    ck_assert_uint_eq(result.standard_output.dropped, 100 * MIB - 1000);
    ck_assert_uint_eq(result.standard_error.dropped, 100 * MIB - 1000);
}
END_TEST

START_TEST(output_can_be_seen_while_the_program_runs)
{
    struct protocol_peeked peeked;

    runner_rig_start(&rig, "[hook h]\nshell = echo one; echo two >&2; exec 9>@/alive; echo up >&9;"
                           " exec cat @/back\n"
                           "[hook i]\nshell = echo three > @/back\n");
    ck_assert_int_eq(mkfifo(runner_rig_path(&rig, "back"), 0600), 0);
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    peeked = peek("k1");
    runner_rig_expect(&peeked.standard_output, "one\n");
    runner_rig_expect(&peeked.standard_error, "two\n");
    runner_rig_run(&rig, "i", "k2");
    for (int i = 0; i < 2; i++) {
        result = runner_rig_result(&rig);
        runner_rig_expect_success(&result,
                                  strcmp(result.attempt.key, "k1") == 0 ? "one\nthree\n" : "");
    }
}
END_TEST

START_TEST(a_flood_of_output_holds_nobody_up)
{
    struct protocol_peeked peeked;

    runner_rig_start(&rig, "[hook h]\nkill_after = 1s\nshell = head -c 1048576 /dev/zero\n"
                           "    exec 9>@/alive; echo up >&9; exec cat /dev/zero\n"
                           "[hook i]\nexec = echo hello\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    peeked = peek("k1");
    ck_assert_uint_gt(peeked.standard_output.dropped, 0);
    runner_rig_run(&rig, "i", "k2");
    result = runner_rig_result(&rig);
    ck_assert_str_eq(result.attempt.key, "k2");
    runner_rig_expect_success(&result, "hello\n");
    runner_rig_cancel(&rig, "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_interrupted(&result, "canceled");
    ck_assert_uint_gt(result.standard_output.dropped, peeked.standard_output.dropped);
}
END_TEST

START_TEST(nobody_is_answered_who_peeks_at_what_does_not_run)
{
    runner_rig_start(&rig, "[hook h]\nexec = true\n");
    runner_rig_peek(&rig, "no-such-run");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "");
    runner_rig_peek(&rig, "k1");
    runner_rig_settle(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runner_output");
    TCase *tests = suite_case(suite, "runner_output", set_up, tear_down);

    tcase_add_test(tests, endless_output_is_kept_in_bounded_memory);
    tcase_add_test(tests, what_both_streams_write_at_once_is_all_counted);
    tcase_add_test(tests, output_can_be_seen_while_the_program_runs);
    tcase_add_test(tests, a_flood_of_output_holds_nobody_up);
    tcase_add_test(tests, nobody_is_answered_who_peeks_at_what_does_not_run);
    return suite_run(suite);
}
