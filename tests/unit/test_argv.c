/*
 * Command lines: words are split as systemd splits them, and nothing else is done to them.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/argv.h"
#include "support/suite.h"

/* Fails unless `text` splits into exactly these words, ended by NULL. */
static void expect_words(const char *text, const char *const *expected)
{
    struct problem problem = {.text = ""};
    char **words = NULL;
    size_t count = 0;
    ck_assert_msg(argv_split(text, &words, &count, &problem) == 0, "%s: %s", text, problem.text);
    size_t expected_count = 0;
    while (expected[expected_count]) {
        expected_count++;
    }
    ck_assert_uint_eq(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(words[i], expected[i]);
    }
    ck_assert_ptr_null(words[count]);
    argv_free(words);
}

#define EXPECT(text, ...) expect_words(text, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refusal(const char *text, const char *part_of_problem)
{
    struct problem problem = {.text = ""};
    char *untouched = NULL;
    char **words = &untouched;
    size_t count = 77;
    ck_assert_msg(argv_split(text, &words, &count, &problem) == -EINVAL, "%s", text);
    ck_assert_msg(strstr(problem.text, part_of_problem) != NULL, "%s: %s", text, problem.text);
    ck_assert_ptr_eq(words, &untouched);
    ck_assert_uint_eq(count, 77);
}

START_TEST(words_are_separated_by_white_space)
{
    EXPECT("/bin/true", "/bin/true");
    EXPECT("  a\tb \n c  ", "a", "b", "c");
}
END_TEST

START_TEST(quotes_keep_together_what_stands_between_them)
{
    EXPECT("'a b' \"c d\"", "a b", "c d");
    EXPECT("--name='a b'c\"d e\"", "--name=a bcd e");
    EXPECT("'\"' \"'\"", "\"", "'");
}
END_TEST

START_TEST(empty_quotes_are_a_word)
{
    EXPECT("a '' \"\"", "a", "", "");
    EXPECT("a''", "a");
}
END_TEST

START_TEST(a_backslash_takes_what_systemd_takes)
{
    EXPECT("\\a\\b\\f\\n\\r\\t\\v", "\a\b\f\n\r\t\v");
    EXPECT("\\\\ \\\" \\'", "\\", "\"", "'");
    EXPECT("a\\sb", "a b");
    EXPECT("\\x41\\x6a\\x6A \\101\\377", "Ajj", "A\377");
    EXPECT("'\\x41' \"\\n\"", "A", "\n");
}
END_TEST

START_TEST(nothing_else_is_special)
{
    EXPECT("$HOME ${X} * ~ | ; # & `id` $(id) {request_id}", "$HOME", "${X}", "*", "~", "|", ";",
           "#", "&", "`id`", "$(id)", "{request_id}");
}
END_TEST

START_TEST(many_words_are_kept)
{
    char text[2001] = "";
    for (size_t i = 0; i < 1000; i++) {
        memcpy(text + 2 * i, "x ", 3);
    }
    char **words = NULL;
    size_t count = 0;
    ck_assert_int_eq(argv_split(text, &words, &count, NULL), 0);
    ck_assert_uint_eq(count, 1000);
    argv_free(words);
}
END_TEST

START_TEST(no_word_at_all_is_refused)
{
    expect_refusal("", "no word");
    expect_refusal(" \t\n", "no word");
}
END_TEST

START_TEST(an_open_quote_is_refused)
{
    expect_refusal("a 'b", "never closed");
    expect_refusal("a \"b'", "never closed");
    expect_refusal("'\\'", "never closed");
}
END_TEST

START_TEST(other_escapes_are_refused)
{
    expect_refusal("\\q", "a backslash takes");
    expect_refusal("a\\", "a backslash takes");
    expect_refusal("a\\ b", "a backslash takes");
    expect_refusal("\\x4", "two hexadecimal digits");
    expect_refusal("\\xg1", "two hexadecimal digits");
    expect_refusal("\\8", "three octal digits");
    expect_refusal("\\18", "three octal digits");
    expect_refusal("\\400", "three octal digits");
}
END_TEST

START_TEST(a_nul_is_refused)
{
    expect_refusal("a\\x00b", "of 1 to ff");
    expect_refusal("a\\000", "of 1 to 377");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("argv");
    TCase *split = tcase_create("split");
    tcase_add_test(split, words_are_separated_by_white_space);
    tcase_add_test(split, quotes_keep_together_what_stands_between_them);
    tcase_add_test(split, empty_quotes_are_a_word);
    tcase_add_test(split, a_backslash_takes_what_systemd_takes);
    tcase_add_test(split, nothing_else_is_special);
    tcase_add_test(split, many_words_are_kept);
    tcase_add_test(split, no_word_at_all_is_refused);
    tcase_add_test(split, an_open_quote_is_refused);
    tcase_add_test(split, other_escapes_are_refused);
    tcase_add_test(split, a_nul_is_refused);
    suite_add_tcase(suite, split);
    return suite_run(suite);
}
