/*
 * What people are shown: 80 columns, and nothing that could deceive them.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "assent/ctl/screen.h"
#include "assent/ctl/table.h"
#include "support/suite.h"

#define ELLIPSIS "\xe2\x80\xa6"

static struct screen screen;

static void begin(void)
{
    screen = (struct screen){0};
}

static const char *shown(void)
{
    return buffer_text(&screen.text);
}

static void end(void)
{
    screen_free(&screen);
}

/* The columns of the widest line. */
static size_t widest_line(void)
{
    char *copy = strdup(shown());
    char *rest = copy;
    char *line;
    size_t widest = 0;

    while ((line = strsep(&rest, "\n"))) {
        size_t columns = screen_columns(line);

        widest = columns > widest ? columns : widest;
    }
    free(copy);
    return widest;
}

/* --- texts ------------------------------------------------------------------------------------ */

START_TEST(columns_are_counted_as_a_terminal_does)
{
    ck_assert_uint_eq(screen_columns(""), 0);
    ck_assert_uint_eq(screen_columns("abc"), 3);
    ck_assert_uint_eq(screen_columns("\xc3\xa4"), 1);
    ck_assert_uint_eq(screen_columns("a\xcc\x88"), 1);
    ck_assert_uint_eq(screen_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    ck_assert_uint_eq(screen_bytes_within("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
    ck_assert_uint_eq(screen_bytes_within("a\xcc\x88x", 1), 3);
}
END_TEST

START_TEST(what_a_terminal_would_obey_is_escaped)
{
    screen_outside(&screen, COLOUR_GOOD, "a\033[31mb\n\xc2\x9b\xe2\x80\xae\xff");
    ck_assert_str_eq(shown(), "a\\x1b[31mb\\n\\u{009b}\\u{202e}\\xff");
}
END_TEST

START_TEST(colour_is_there_only_if_wanted_and_always_ends)
{
    screen.coloured = true;
    screen_outside(&screen, COLOUR_BAD, "denied");
    screen_outside(&screen, COLOUR_PLAIN, " x");
    ck_assert_str_eq(shown(), "\033[31mdenied\033[0m x");
}
END_TEST

START_TEST(long_texts_are_broken_at_spaces_and_go_on_below_their_beginning)
{
    screen_text(&screen, "Label: ");
    screen_wrapped(&screen, 7,
                   "one two three four five six seven eight nine ten eleven twelve thirteen "
                   "fourteen fifteen sixteen");
    ck_assert_str_eq(shown(), "Label: one two three four five six seven eight nine ten eleven "
                              "twelve thirteen\n"
                              "       fourteen fifteen sixteen\n");
}
END_TEST

START_TEST(a_word_longer_than_a_line_is_broken_inside)
{
    char word[201];

    memset(word, 'x', 200);
    word[200] = '\0';
    screen_wrapped(&screen, 14, word);
    ck_assert_uint_eq(widest_line(), 80 - 14 + 14);
    ck_assert_int_eq(strncmp(shown(), word, 66), 0);
    ck_assert_int_eq(strncmp(shown() + 66, "\n              xxx", 18), 0);
}
END_TEST

START_TEST(a_text_that_fits_exactly_takes_one_line)
{
    char text[81];

    memset(text, 'y', 80);
    text[80] = '\0';
    screen_wrapped(&screen, 0, text);
    ck_assert_uint_eq(strlen(shown()), 81);
    ck_assert_ptr_eq(strchr(shown(), '\n'), shown() + 80);
}
END_TEST

START_TEST(wide_characters_do_not_pass_the_edge)
{
    screen_wrapped(&screen, 1,
                   "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6"
                   "\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
                   "\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
                   "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6"
                   "\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
                   "\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
                   "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5");
    ck_assert_uint_eq(widest_line(), 78);
    ck_assert_ptr_nonnull(strchr(shown(), '\n'));
}
END_TEST

START_TEST(a_field_without_a_value_is_left_out)
{
    screen_field(&screen, "Reason", NULL);
    screen_field(&screen, "Reason", "");
    ck_assert_uint_eq(screen.text.length, 0);
    screen_field(&screen, "Reason", "why");
    ck_assert_str_eq(shown(), "Reason        why\n");
}
END_TEST

START_TEST(times_are_utc_and_say_so)
{
    screen_time(&screen, 1773657045123);
    ck_assert_str_eq(shown(), "2026-03-16 10:30:45Z");
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------- */

START_TEST(json_is_one_line_or_indented)
{
    json_t *json =
        json_loads("{\"a\":[1,{}],\"b\":{\"c\":\"x, y: [z]\"},\"d\":[],\"e\":-1.5e+300}", 0, NULL);

    screen_json(&screen, json, false);
    screen_text(&screen, "\n");
    screen_json(&screen, json, true);
    ck_assert_str_eq(shown(), "{\"a\":[1,{}],\"b\":{\"c\":\"x, y: [z]\"},\"d\":[],\"e\":-1.5e300}\n"
                              "{\n"
                              "  \"a\": [\n"
                              "    1,\n"
                              "    {}\n"
                              "  ],\n"
                              "  \"b\": {\n"
                              "    \"c\": \"x, y: [z]\"\n"
                              "  },\n"
                              "  \"d\": [],\n"
                              "  \"e\": -1.5e300\n"
                              "}");
    json_decref(json);
}
END_TEST

START_TEST(json_keeps_its_meaning_and_hides_nothing)
{
    static const char value[] = "\"\\\033\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\xc3\xa4";
    json_t *json = json_pack("{s:s}", value, value);
    json_t *read;

    screen_json(&screen, json, true);
    ck_assert_ptr_nonnull(
        strstr(shown(), ": \"\\\"\\\\\\u001B\\u007F\\u009B\\u202E\\uDB40\\uDC41\xc3\xa4\""));
    read = json_loads(shown(), 0, NULL);
    ck_assert(json_equal(json, read));
    json_decref(read);
    json_decref(json);
}
END_TEST

/* --- tables ----------------------------------------------------------------------------------- */

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const struct table_column columns[] = {
        {.heading = "JOB", .right = true}, {.heading = "HOOK"}, {.heading = "STATE"}};
    struct table *table = table_new(columns, 3);

    table_cell_format(table, "%d", 7);
    table_cell(table, COLOUR_PLAIN, "send-mail");
    table_cell(table, COLOUR_PLAIN, "failed");
    table_cell_format(table, "%d", 12345);
    table_cell(table, COLOUR_PLAIN, NULL);
    table_cell(table, COLOUR_PLAIN, "queued");
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "  JOB  HOOK       STATE\n"
                              "    7  send-mail  failed\n"
                              "12345             queued\n");
    table_free(table);
}
END_TEST

START_TEST(lines_end_without_spaces)
{
    static const struct table_column columns[] = {{.heading = "A"}, {.heading = "B"}};
    struct table *table = table_new(columns, 2);

    table_cell(table, COLOUR_PLAIN, "a");
    table_cell(table, COLOUR_PLAIN, NULL);
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "A  B\na\n");
    table_free(table);
}
END_TEST

START_TEST(a_table_that_is_too_wide_is_narrowed_dear_columns_last)
{
    static const struct table_column columns[] = {
        {.heading = "DEAR", .least = 20, .dear = true},
        {.heading = "CHEAP", .least = 10},
        {.heading = "FIXED"},
    };
    struct table *table = table_new(columns, 3);
    char text[61];

    memset(text, 'd', 60);
    text[60] = '\0';
    table_cell(table, COLOUR_PLAIN, text + 10);
    table_cell(table, COLOUR_PLAIN, text);
    table_cell(table, COLOUR_PLAIN, "fixed");
    table_show(table, &screen);
    ck_assert_uint_eq(widest_line(), 80);
    ck_assert_ptr_nonnull(
        strstr(shown(), "\ndddddddddddddddddddddddddddddddddddddddddddddddddd  dddddddddddddddddd"
                        "dd" ELLIPSIS "  fixed\n"));
    table_free(table);
}
END_TEST

START_TEST(no_text_makes_a_table_too_wide)
{
    static const struct table_column columns[] = {{.heading = "ONE", .least = 20, .dear = true},
                                                  {.heading = "TWO", .least = 10}};
    struct table *table = table_new(columns, 2);
    char *wide = calloc(1, 5001);

    memset(wide, '\033', 5000);
    table_cell(table, COLOUR_PLAIN, wide);
    table_cell(table, COLOUR_PLAIN,
               "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
               "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5");
    table_show(table, &screen);
    ck_assert_uint_le(widest_line(), 80);
    ck_assert_ptr_nonnull(strstr(shown(), ELLIPSIS));
    ck_assert_ptr_null(strchr(shown(), '\033'));
    free(wide);
    table_free(table);
}
END_TEST

START_TEST(later_rows_keep_to_the_first_widths_and_have_no_heading)
{
    static const struct table_column columns[] = {{.heading = "A", .least = 3}, {.heading = "B"}};
    struct table *table = table_new(columns, 2);

    table_cell(table, COLOUR_PLAIN, "one");
    table_cell(table, COLOUR_PLAIN, "x");
    table_show(table, &screen);
    table_cell(table, COLOUR_PLAIN, "three");
    table_cell(table, COLOUR_PLAIN, "y");
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "A    B\none  x\nth" ELLIPSIS "  y\n");
    table_free(table);
}
END_TEST

static TCase *text_tests(void)
{
    TCase *tests = tcase_create("texts");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, columns_are_counted_as_a_terminal_does);
    tcase_add_test(tests, what_a_terminal_would_obey_is_escaped);
    tcase_add_test(tests, colour_is_there_only_if_wanted_and_always_ends);
    tcase_add_test(tests, long_texts_are_broken_at_spaces_and_go_on_below_their_beginning);
    tcase_add_test(tests, a_word_longer_than_a_line_is_broken_inside);
    tcase_add_test(tests, a_text_that_fits_exactly_takes_one_line);
    tcase_add_test(tests, wide_characters_do_not_pass_the_edge);
    tcase_add_test(tests, a_field_without_a_value_is_left_out);
    tcase_add_test(tests, times_are_utc_and_say_so);
    tcase_add_test(tests, json_is_one_line_or_indented);
    tcase_add_test(tests, json_keeps_its_meaning_and_hides_nothing);
    return tests;
}

static TCase *table_tests(void)
{
    TCase *tests = tcase_create("tables");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, columns_are_as_wide_as_their_widest_cell);
    tcase_add_test(tests, lines_end_without_spaces);
    tcase_add_test(tests, a_table_that_is_too_wide_is_narrowed_dear_columns_last);
    tcase_add_test(tests, no_text_makes_a_table_too_wide);
    tcase_add_test(tests, later_rows_keep_to_the_first_widths_and_have_no_heading);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("ctl screen");

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    suite_add_tcase(suite, text_tests());
    suite_add_tcase(suite, table_tests());
    return suite_run(suite);
}
