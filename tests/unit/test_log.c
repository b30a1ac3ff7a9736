/*
 * The log's lines elsewhere than in the journal: their form, that held lines are told late, in order,
 * or never, and that a reader who does not read stops nobody.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/log.h"
#include "support/suite.h"

/* What stands on standard error while the test's lines are written; then the old one. */
static int pipe_fds[2];
static int standard_error;

static void catch_standard_error(void)
{
    ck_assert_int_eq(pipe(pipe_fds), 0);
    standard_error = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
    (void)close(pipe_fds[1]);
    (void)unsetenv("JOURNAL_STREAM");
    log_open("tester");
    log_set_level(LOG_LEVEL_INFO);
}

/* What was written, without the times; to be freed. */
static char *caught(void)
{
    static const char time[] = "time=2026-03-16T10:30:45.123Z ";
    char *text = calloc(1, 65536);
    char *out = text;
    size_t length = 0;
    ssize_t count;

    ck_assert_int_eq(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
    (void)close(standard_error);
    while ((count = read(pipe_fds[0], text + length, 65535 - length)) > 0) {
        length += (size_t)count;
    }
    (void)close(pipe_fds[0]);
    for (const char *line = text; *line != '\0';) {
        size_t rest = strcspn(line, "\n") + 1 - strlen(time);

        ck_assert_int_eq(strncmp(line, "time=", 5), 0);
        memmove(out, line + strlen(time), rest);
        out += rest;
        line += strlen(time) + rest;
    }
    *out = '\0';
    return text;
}

static void expect(const char *expected)
{
    char *text = caught();

    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(a_line_has_its_level_and_the_fields_that_have_values)
{
    log_event(LOG_LEVEL_WARNING, "hook failed", "request", "req_1", "error", NULL, "attempt", "2",
              NULL);
    expect("level=warning role=tester msg=\"hook failed\" request=req_1 attempt=2\n");
}
END_TEST

START_TEST(values_are_quoted_and_escaped_where_they_must_be)
{
    log_event(LOG_LEVEL_INFO, "ready", "a", "", "b", "say \"no\"", "c", "x=y", "d", "one\ntwo", "e",
              "\xff\"", "f", "\"", NULL);
    expect("level=info role=tester msg=ready a=\"\" b=\"say \\\"no\\\"\" c=\"x=y\" d=\"one\\ntwo\" "
           "e=\"\\xff\\\"\" f=\"\\\"\"\n");
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
    log_set_level(LOG_LEVEL_WARNING);
    log_event(LOG_LEVEL_INFO, "hook started", NULL);
    log_event(LOG_LEVEL_ERROR, "ending", NULL);
    expect("level=error role=tester msg=ending\n");
}
END_TEST

START_TEST(held_lines_are_told_when_they_are_released)
{
    log_hold();
    log_event(LOG_LEVEL_INFO, "first", "n", "1", NULL);
    log_event(LOG_LEVEL_INFO, "second", NULL);
    ck_assert_int_eq(write(STDERR_FILENO, "time=2026-03-16T10:30:45.123Z between\n", 38), 38);
    log_release();
    log_event(LOG_LEVEL_INFO, "third", NULL);
    expect("between\nlevel=info role=tester msg=first n=1\nlevel=info role=tester msg=second\n"
           "level=info role=tester msg=third\n");
}
END_TEST

START_TEST(lines_held_after_the_mark_stay_held)
{
    log_hold();
    log_event(LOG_LEVEL_INFO, "first", NULL);
    log_mark();
    log_event(LOG_LEVEL_INFO, "second", NULL);
    log_release_marked();
    log_event(LOG_LEVEL_INFO, "third", NULL);
    log_release_marked();
    ck_assert_int_eq(write(STDERR_FILENO, "time=2026-03-16T10:30:45.123Z between\n", 38), 38);
    log_release();
    log_event(LOG_LEVEL_INFO, "fourth", NULL);
    expect("level=info role=tester msg=first\nbetween\nlevel=info role=tester msg=second\n"
           "level=info role=tester msg=third\nlevel=info role=tester msg=fourth\n");
}
END_TEST

START_TEST(discarded_lines_are_never_told)
{
    log_hold();
    log_event(LOG_LEVEL_INFO, "denied", NULL);
    log_mark();
    log_event(LOG_LEVEL_INFO, "approved", NULL);
    log_discard();
    log_event(LOG_LEVEL_ERROR, "ending", NULL);
    log_hold();
    log_release();
    expect("level=error role=tester msg=ending\n");
}
END_TEST

/* --- a reader that does not read -------------------------------------------------------------- */

#define FLOOD 2000

static void flood(int count)
{
    for (int i = 0; i < count; i++) {
        log_event(LOG_LEVEL_INFO, "one of many lines that fill a pipe soon", NULL);
    }
}

static int count_of(const char *text, const char *searched)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, searched)); at++) {
        count++;
    }
    return count;
}

/* What is in the pipe now; to be freed. */
static char *drain(void)
{
    char *text = calloc(1, 1 << 20);
    struct pollfd more = {.fd = pipe_fds[0], .events = POLLIN};
    size_t length = 0;

    ck_assert_ptr_nonnull(text);
    while (poll(&more, 1, 0) > 0) {
        ssize_t count = read(pipe_fds[0], text + length, (1 << 20) - 1 - length);

        ck_assert_int_gt(count, 0);
        length += (size_t)count;
    }
    return text;
}

START_TEST(lines_that_nobody_reads_are_dropped_and_counted)
{
    char *before;
    char *after;
    char told[64];

    flood(FLOOD);
    before = drain();
    log_event(LOG_LEVEL_INFO, "read again", NULL);
    log_event(LOG_LEVEL_INFO, "and again", NULL);
    after = caught();
    ck_assert_int_gt(count_of(before, "\n"), 0);
    ck_assert_int_lt(count_of(before, "\n"), FLOOD);
    ck_assert_int_eq(before[strlen(before) - 1], '\n');
    (void)snprintf(told, sizeof told, " lines=%d\n", FLOOD - count_of(before, "\n"));
    ck_assert_msg(strncmp(after, "level=warning ", 14) == 0 && strstr(after, told), "%s", after);
    ck_assert_int_eq(count_of(after, "were lost"), 1);
    ck_assert_int_eq(count_of(after, "\n"), 3);
    free(before);
    free(after);
}
END_TEST

/* Where standard error can't be made one that lets nobody wait, as that of another user. */
START_TEST(so_they_are_where_writes_would_wait)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK), 0);
    flood(FLOOD);
    free(caught());
}
END_TEST

START_TEST(others_who_have_standard_error_may_still_wait_at_it)
{
    int given[2];

    ck_assert_int_eq(pipe(given), 0);
    ck_assert_int_eq(dup2(given[1], STDERR_FILENO), STDERR_FILENO);
    log_open("tester");
    ck_assert_int_ne(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(given[1], F_GETFL) & O_NONBLOCK, 0);
    (void)close(given[0]);
    (void)close(given[1]);
    free(caught());
}
END_TEST

/* It is longer than what the pipe holds. */
START_TEST(a_line_that_was_cut_off_does_not_run_into_the_next)
{
    static char value[1 << 17];
    char *before;
    char *after;

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_event(LOG_LEVEL_INFO, "long", "value", value, NULL);
    before = drain();
    log_event(LOG_LEVEL_INFO, "next", NULL);
    after = drain();
    ck_assert_int_eq(count_of(before, "\n"), 0);
    ck_assert_int_eq(after[0], '\n');
    ck_assert_ptr_nonnull(strstr(after, " lines=1\ntime="));
    free(before);
    free(after);
    free(caught());
}
END_TEST

/* It reads a little at a time, and is always behind. */
static void *read_slowly(void *userdata)
{
    int *lines = userdata;
    char piece[512];
    ssize_t length;

    while ((length = read(pipe_fds[0], piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            *lines += piece[i] == '\n';
        }
    }
    return NULL;
}

START_TEST(no_line_is_lost_to_a_reader_that_is_slow)
{
    pthread_t reader;
    int lines = 0;

    ck_assert_int_eq(pthread_create(&reader, NULL, read_slowly, &lines), 0);
    flood(20 * FLOOD);
    ck_assert_int_eq(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_int_eq(lines, 20 * FLOOD);
    (void)close(pipe_fds[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *lines = tcase_create("lines");

    tcase_add_checked_fixture(lines, catch_standard_error, NULL);
    tcase_add_test(lines, a_line_has_its_level_and_the_fields_that_have_values);
    tcase_add_test(lines, values_are_quoted_and_escaped_where_they_must_be);
    tcase_add_test(lines, lines_above_the_level_are_dropped);
    tcase_add_test(lines, held_lines_are_told_when_they_are_released);
    tcase_add_test(lines, lines_held_after_the_mark_stay_held);
    tcase_add_test(lines, discarded_lines_are_never_told);
    tcase_add_test(lines, lines_that_nobody_reads_are_dropped_and_counted);
    tcase_add_test(lines, so_they_are_where_writes_would_wait);
    tcase_add_test(lines, others_who_have_standard_error_may_still_wait_at_it);
    tcase_add_test(lines, a_line_that_was_cut_off_does_not_run_into_the_next);
    tcase_add_test(lines, no_line_is_lost_to_a_reader_that_is_slow);
    suite_add_tcase(suite, lines);
    return suite_run(suite);
}
