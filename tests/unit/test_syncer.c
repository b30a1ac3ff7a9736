/*
 * One sync at a time, by another thread: its end is told and awaited, its failure is returned.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "assent/core/syncer.h"
#include "support/suite.h"

#define WAIT_MS 60000

static struct syncer *syncer;

static void sync_file(void)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(syncer_new(fileno(file), &syncer), 0);
    (void)fclose(file);
}

static void free_syncer(void)
{
    syncer_free(syncer);
}

static int await_descriptor(int wait_ms)
{
    struct pollfd ended = {.fd = syncer_fd(syncer), .events = POLLIN};

    return poll(&ended, 1, wait_ms);
}

START_TEST(a_sync_is_told_when_it_has_ended_and_then_awaited)
{
    sync_file();
    for (int i = 0; i < 3; i++) {
        ck_assert(!syncer_is_busy(syncer));
        ck_assert(!syncer_has_ended(syncer));
        ck_assert_int_eq(await_descriptor(0), 0);
        ck_assert_int_eq(syncer_begin(syncer), 0);
        ck_assert(syncer_is_busy(syncer));
        ck_assert_int_eq(await_descriptor(WAIT_MS), 1);
        ck_assert(syncer_has_ended(syncer));
        ck_assert(syncer_is_busy(syncer));
        ck_assert_int_eq(syncer_await(syncer), 0);
    }
}
END_TEST

START_TEST(awaiting_waits_for_one_that_is_under_way_and_for_nothing_else)
{
    sync_file();
    ck_assert_int_eq(syncer_await(syncer), 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(syncer_begin(syncer), 0);
        ck_assert_int_eq(syncer_await(syncer), 0);
        ck_assert(!syncer_is_busy(syncer));
        ck_assert_int_eq(await_descriptor(0), 0);
    }
}
END_TEST

START_TEST(a_failure_is_returned)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(syncer_new(ends[1], &syncer), 0);
    ck_assert_int_eq(syncer_begin(syncer), 0);
    ck_assert_int_eq(syncer_await(syncer), -EINVAL);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(one_that_is_under_way_may_be_left_behind)
{
    sync_file();
    ck_assert_int_eq(syncer_begin(syncer), 0);
    syncer_free(NULL);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    ck_assert_int_eq(syncer_new(-1, &syncer), -EBADF);
    ck_assert_ptr_null(syncer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("syncer");
    TCase *tests = tcase_create("syncer");

    tcase_add_checked_fixture(tests, NULL, free_syncer);
    tcase_add_test(tests, a_sync_is_told_when_it_has_ended_and_then_awaited);
    tcase_add_test(tests, awaiting_waits_for_one_that_is_under_way_and_for_nothing_else);
    tcase_add_test(tests, a_failure_is_returned);
    tcase_add_test(tests, one_that_is_under_way_may_be_left_behind);
    tcase_add_test(tests, what_is_no_file_is_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
