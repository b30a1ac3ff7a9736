/*
 * The log's lines elsewhere than in the journal: their form, and that held lines are told late,
 * in order, or never.
 */
#include <check.h>
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
    suite_add_tcase(suite, lines);
    return suite_run(suite);
}
