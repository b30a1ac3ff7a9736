/*
 * The syntax of configuration files: what is read, and that every error is told with its line.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/ini.h"
#include "support/suite.h"

static struct ini ini;
static char told[4096]; /* LINE|SECTION|KEY|WHAT and a newline for each error */

static void start(void)
{
    ini = (struct ini){0};
    told[0] = '\0';
}

static void finish(void)
{
    ini_free(&ini);
}

static void tell(void *userdata, const char *file, unsigned line, const char *section,
                 const char *key, const char *what)
{
    size_t length = strlen(told);
    ck_assert_ptr_eq(userdata, told);
    ck_assert_str_eq(file, "test.conf");
    (void)snprintf(told + length, sizeof told - length, "%u|%s|%s|%s\n", line,
                   section ? section : "-", key ? key : "-", what);
}

static int parse_bytes(const char *text, size_t length)
{
    return ini_parse(&ini, "test.conf", text, length, tell, told);
}

/* Reads a text that has no error. */
static void parse(const char *text)
{
    int r = parse_bytes(text, strlen(text));
    ck_assert_msg(r == 0, "%d: %s", r, told);
    ck_assert_str_eq(told, "");
}

/* Reads a text whose one error is in that line and says so. */
static void expect_error(const char *text, const char *where, const char *what)
{
    ck_assert_int_eq(parse_bytes(text, strlen(text)), -EINVAL);
    ck_assert_msg(strncmp(told, where, strlen(where)) == 0, "%s", told);
    ck_assert_msg(strstr(told, what) != NULL, "%s", told);
    ck_assert_msg(strchr(told, '\n')[1] == '\0', "more than one error: %s", told);
}

static const struct ini_entry *entry(size_t section, size_t index)
{
    ck_assert_uint_lt(section, ini.section_count);
    ck_assert_uint_lt(index, ini.sections[section].entry_count);
    return &ini.sections[section].entries[index];
}

#define VALUE(section, index) (entry(section, index)->value)

START_TEST(sections_have_a_kind_and_perhaps_a_name)
{
    parse("[server]\n[ service   daimon ]\t\n[action a b]\n[action *]\n");
    ck_assert_uint_eq(ini.section_count, 4);
    ck_assert_str_eq(ini.sections[0].file, "test.conf");
    ck_assert_str_eq(ini.sections[0].kind, "server");
    ck_assert_ptr_null(ini.sections[0].name);
    ck_assert_str_eq(ini.sections[1].kind, "service");
    ck_assert_str_eq(ini.sections[1].name, "daimon");
    ck_assert_uint_eq(ini.sections[1].line, 2);
    ck_assert_str_eq(ini.sections[2].name, "a b");
    ck_assert_str_eq(ini.sections[3].name, "*");
}
END_TEST

START_TEST(a_value_runs_to_the_end_of_its_line_as_it_stands)
{
    parse("[hook x]\n"
          "shell =\techo \"a b\" 'c' \\n $X ; echo {y} # no comment = here  \n"
          "Key=MiXeD\n"
          "empty =\n");
    ck_assert_str_eq(entry(0, 0)->key, "shell");
    ck_assert_str_eq(VALUE(0, 0), "echo \"a b\" 'c' \\n $X ; echo {y} # no comment = here");
    ck_assert_uint_eq(entry(0, 0)->line, 2);
    ck_assert_str_eq(entry(0, 1)->key, "Key");
    ck_assert_str_eq(VALUE(0, 1), "MiXeD");
    ck_assert_str_eq(VALUE(0, 2), "");
}
END_TEST

START_TEST(comments_and_blank_lines_are_left_out)
{
    parse("# one\n; two = 2\n\n \t\n[server]\n#a = 1\n;b = 2\nc = 3\n");
    ck_assert_uint_eq(ini.sections[0].entry_count, 1);
    ck_assert_str_eq(VALUE(0, 0), "3");
    ck_assert_uint_eq(entry(0, 0)->line, 8);
}
END_TEST

START_TEST(repeated_keys_and_sections_are_all_kept)
{
    parse("[server]\nlisten = a\nlisten = b\n[server]\nlisten = c\n");
    ck_assert_uint_eq(ini.section_count, 2);
    ck_assert_str_eq(VALUE(0, 0), "a");
    ck_assert_str_eq(VALUE(0, 1), "b");
    ck_assert_str_eq(VALUE(1, 0), "c");
}
END_TEST

START_TEST(an_indented_line_continues_the_value_above_it)
{
    parse("[hook x]\nshell = one\n  two\n  three\nnext = 4\n");
    ck_assert_str_eq(VALUE(0, 0), "one\ntwo\nthree");
    ck_assert_uint_eq(entry(0, 0)->line, 2);
    ck_assert_str_eq(VALUE(0, 1), "4");
}
END_TEST

START_TEST(the_first_indentation_is_taken_off_each_line)
{
    parse("[hook x]\nshell =\n    if true\n    then\n        echo\n  fi\n");
    ck_assert_str_eq(VALUE(0, 0), "if true\nthen\n    echo\nfi");
}
END_TEST

START_TEST(tabs_and_spaces_are_not_mixed_up)
{
    parse("[hook x]\nshell = a\n\tb\n    c\n\t\td\n");
    ck_assert_str_eq(VALUE(0, 0), "a\nb\n    c\n\td");
}
END_TEST

START_TEST(what_looks_special_is_text_in_a_continuation)
{
    parse("[hook x]\nshell =\n # comment of the shell\n [ -e x ] && y=1\n");
    ck_assert_str_eq(VALUE(0, 0), "# comment of the shell\n[ -e x ] && y=1");
}
END_TEST

START_TEST(white_space_inside_a_value_is_kept)
{
    parse("[hook x]\nshell = a  \n  b\t\n  c  \n");
    ck_assert_str_eq(VALUE(0, 0), "a  \nb\t\nc");
}
END_TEST

START_TEST(a_carriage_return_before_a_newline_is_dropped)
{
    parse("[server]\r\na = 1\r\n  2\r\n\r\nb = 3\r\n");
    ck_assert_str_eq(VALUE(0, 0), "1\n2");
    ck_assert_str_eq(VALUE(0, 1), "3");
}
END_TEST

START_TEST(the_last_line_needs_no_newline)
{
    parse("[server]\na = 1\n b");
    ck_assert_str_eq(VALUE(0, 0), "1\nb");
}
END_TEST

START_TEST(several_files_follow_each_other)
{
    parse("[server]\na = 1\n");
    parse("");
    parse("[store]\nb = 2\n");
    ck_assert_uint_eq(ini.section_count, 2);
    ck_assert_str_eq(VALUE(1, 0), "2");
    ck_assert_uint_eq(entry(1, 0)->line, 2);
}
END_TEST

START_TEST(utf_8_is_kept)
{
    parse("[action caf\xc3\xa9]\nk = \xe2\x82\xac\n");
    ck_assert_str_eq(ini.sections[0].name, "caf\xc3\xa9");
    ck_assert_str_eq(VALUE(0, 0), "\xe2\x82\xac");
}
END_TEST

START_TEST(a_setting_before_the_first_section_is_an_error)
{
    expect_error("a = 1\n[server]\n", "1|-|-|", "before the first section");
    ck_assert_uint_eq(ini.section_count, 1);
}
END_TEST

START_TEST(a_line_without_equals_is_an_error)
{
    expect_error("[server]\nlisten\n", "2|server|-|", "expected `key = value`");
}
END_TEST

START_TEST(a_line_without_a_key_is_an_error)
{
    expect_error("[service x]\n= 1\n", "2|service x|-|", "no key");
}
END_TEST

START_TEST(an_indented_line_without_a_value_above_is_an_error)
{
    expect_error("[server]\n  a = 1\n  b = 2\nc = 3\n", "2|server|-|", "none");
    ck_assert_uint_eq(ini.sections[0].entry_count, 1);
}
END_TEST

START_TEST(a_blank_line_ends_a_value)
{
    expect_error("[hook x]\nshell = a\n  b\n\n  c\n", "5|hook x|-|", "a blank line");
    ck_assert_str_eq(VALUE(0, 0), "a\nb");
}
END_TEST

START_TEST(a_comment_ends_a_value)
{
    expect_error("[hook x]\nshell = a\n# b\n  c\n", "4|hook x|-|", "a comment");
    ck_assert_str_eq(VALUE(0, 0), "a");
}
END_TEST

static const char *const no_sections[] = {"[",          "[]",    "[ ]", "[server",
                                          "[server] x", "[a[b]", "[a]]"};

START_TEST(what_is_no_section_is_an_error_and_hides_its_settings)
{
    char text[100];
    (void)snprintf(text, sizeof text, "%s\na = 1\n  2\n[store]\nb = 2\n", no_sections[_i]);
    expect_error(text, "1|-|-|", "no section");
    ck_assert_uint_eq(ini.section_count, 1);
    ck_assert_uint_eq(ini.sections[0].entry_count, 1);
    ck_assert_str_eq(VALUE(0, 0), "2");
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *what;
} bad_bytes[] = {
    {"a\0b", 3, "control character"},
    {"a\x01", 2, "control character"},
    {"\x7f", 1, "control character"},
    {"a\rb", 3, "control character"},
    {"\xc2\x85", 2, "control character"},
    {"\xff", 1, "UTF-8"},
    {"\xc0\x80", 2, "UTF-8"},
    {"\xed\xa0\x80", 3, "UTF-8"},
};

START_TEST(bytes_that_are_no_text_are_an_error)
{
    char text[100] = "[server]\nkey = ";
    size_t length = strlen(text);
    memcpy(text + length, bad_bytes[_i].bytes, bad_bytes[_i].length);
    length += bad_bytes[_i].length;
    memcpy(text + length, "\nb = 2\n", 8);
    ck_assert_int_eq(parse_bytes(text, length + 7), -EINVAL);
    ck_assert_msg(strncmp(told, "2|server|-|", 11) == 0, "%s", told);
    ck_assert_msg(strstr(told, bad_bytes[_i].what) != NULL, "%s", told);
    ck_assert_uint_eq(ini.sections[0].entry_count, 1);
}
END_TEST

START_TEST(a_line_has_at_most_64_kib)
{
    size_t length = strlen("[a]\nk=") + INI_LINE_LIMIT - 2;
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', length + 1);
    memcpy(text, "[a]\nk=", 6);
    ck_assert_int_eq(parse_bytes(text, length), 0);
    ck_assert_uint_eq(strlen(VALUE(0, 0)), INI_LINE_LIMIT - 2);
    ck_assert_int_eq(parse_bytes(text, length + 1), -EINVAL);
    ck_assert_msg(strstr(told, "2|a|-|the line is too long") == told, "%s", told);
    free(text);
}
END_TEST

START_TEST(a_file_has_at_most_4_mib)
{
    char *text = malloc(INI_FILE_LIMIT + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '\n', INI_FILE_LIMIT + 1);
    ck_assert_int_eq(parse_bytes(text, INI_FILE_LIMIT), 0);
    ck_assert_int_eq(parse_bytes(text, INI_FILE_LIMIT + 1), -EINVAL);
    ck_assert_msg(strstr(told, "too large") != NULL, "%s", told);
    free(text);
}
END_TEST

START_TEST(all_errors_are_told_and_the_rest_is_read)
{
    const char *text = "x\n[server]\n= 1\na = 1\n[\nb = 2\nc\n[store]\nd = 4\n e\n\n f\n";
    ck_assert_int_eq(parse_bytes(text, strlen(text)), -EINVAL);
    ck_assert_msg(strncmp(told, "1|-|-|", 6) == 0, "%s", told);
    ck_assert_ptr_nonnull(strstr(told, "\n3|server|-|"));
    ck_assert_ptr_nonnull(strstr(told, "\n5|-|-|"));
    ck_assert_ptr_nonnull(strstr(told, "\n7|-|-|"));
    ck_assert_ptr_nonnull(strstr(told, "\n12|store|-|"));
    ck_assert_uint_eq(ini.section_count, 2);
    ck_assert_str_eq(VALUE(0, 0), "1");
    ck_assert_str_eq(VALUE(1, 0), "4\ne");
}
END_TEST

#define COUNT(array) (int)(sizeof array / sizeof array[0])

static TCase *reading(void)
{
    TCase *tests = tcase_create("reading");
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, sections_have_a_kind_and_perhaps_a_name);
    tcase_add_test(tests, a_value_runs_to_the_end_of_its_line_as_it_stands);
    tcase_add_test(tests, comments_and_blank_lines_are_left_out);
    tcase_add_test(tests, repeated_keys_and_sections_are_all_kept);
    tcase_add_test(tests, an_indented_line_continues_the_value_above_it);
    tcase_add_test(tests, the_first_indentation_is_taken_off_each_line);
    tcase_add_test(tests, tabs_and_spaces_are_not_mixed_up);
    tcase_add_test(tests, what_looks_special_is_text_in_a_continuation);
    tcase_add_test(tests, white_space_inside_a_value_is_kept);
    tcase_add_test(tests, a_carriage_return_before_a_newline_is_dropped);
    tcase_add_test(tests, the_last_line_needs_no_newline);
    tcase_add_test(tests, several_files_follow_each_other);
    tcase_add_test(tests, utf_8_is_kept);
    return tests;
}

static TCase *refusing(void)
{
    TCase *tests = tcase_create("refusing");
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_setting_before_the_first_section_is_an_error);
    tcase_add_test(tests, a_line_without_equals_is_an_error);
    tcase_add_test(tests, a_line_without_a_key_is_an_error);
    tcase_add_test(tests, an_indented_line_without_a_value_above_is_an_error);
    tcase_add_test(tests, a_blank_line_ends_a_value);
    tcase_add_test(tests, a_comment_ends_a_value);
    tcase_add_loop_test(tests, what_is_no_section_is_an_error_and_hides_its_settings, 0,
                        COUNT(no_sections));
    tcase_add_loop_test(tests, bytes_that_are_no_text_are_an_error, 0, COUNT(bad_bytes));
    tcase_add_test(tests, a_line_has_at_most_64_kib);
    tcase_add_test(tests, a_file_has_at_most_4_mib);
    tcase_add_test(tests, all_errors_are_told_and_the_rest_is_read);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("ini");
    suite_add_tcase(suite, reading());
    suite_add_tcase(suite, refusing());
    return suite_run(suite);
}
