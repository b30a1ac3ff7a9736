/*
 * Command lines: what is read from them, and what is refused.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "assent/ctl/arguments.h"
#include "support/suite.h"

static const struct option_spec own[] = {
    {"state", 's', "STATE", "help"},
    {"all", 'a', NULL, "help"},
    {0},
};

static const struct option_spec common[] = {
    {"json", 'j', NULL, "help"},
    {"socket", 0, "PATH", "help"},
    {0},
};

static struct arguments arguments;
static struct problem problem;

/* Reads words up to a NULL. */
static int parse(bool only_leading, const char *const *words)
{
    int count = 0;

    while (words[count]) {
        count++;
    }
    arguments = (struct arguments){0};
    problem = (struct problem){.text = ""};
    return arguments_parse(&arguments, count, words, own, common, only_leading, &problem);
}

#define PARSE(...)       parse(false, (const char *const[]){__VA_ARGS__, NULL})
#define PARSE_FRONT(...) parse(true, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(an_option_takes_its_value_in_each_of_the_usual_forms)
{
    ck_assert_int_eq(PARSE("--state", "pending"), 2);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "pending");
    ck_assert_int_eq(PARSE("--state=pending"), 1);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "pending");
    ck_assert_int_eq(PARSE("-s", "pending"), 2);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "pending");
    ck_assert_int_eq(PARSE("-spending"), 1);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "pending");
    ck_assert_int_eq(PARSE("--state="), 1);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "");
}
END_TEST

START_TEST(a_value_may_look_like_an_option)
{
    ck_assert_int_eq(PARSE("--state", "--all"), 2);
    ck_assert_str_eq(arguments_value(&arguments, "state"), "--all");
    ck_assert(!arguments_has(&arguments, "all"));
}
END_TEST

START_TEST(options_and_operands_stand_in_any_order)
{
    ck_assert_int_eq(PARSE("req_1", "--json", "-a", "-", "--socket=/x"), 5);
    ck_assert_uint_eq(arguments.operand_count, 2);
    ck_assert_str_eq(arguments.operands[0], "req_1");
    ck_assert_str_eq(arguments.operands[1], "-");
    ck_assert(arguments_has(&arguments, "json"));
    ck_assert(arguments_has(&arguments, "all"));
    ck_assert_str_eq(arguments_value(&arguments, "socket"), "/x");
}
END_TEST

START_TEST(letters_without_values_stand_together)
{
    ck_assert_int_eq(PARSE("-ajs", "pending"), 2);
    ck_assert(arguments_has(&arguments, "all"));
    ck_assert(arguments_has(&arguments, "json"));
    ck_assert_str_eq(arguments_value(&arguments, "state"), "pending");
}
END_TEST

START_TEST(behind_two_dashes_everything_is_an_operand)
{
    ck_assert_int_eq(PARSE("--", "--json", "--"), 3);
    ck_assert(!arguments_has(&arguments, "json"));
    ck_assert_uint_eq(arguments.operand_count, 2);
    ck_assert_str_eq(arguments.operands[0], "--json");
    ck_assert_str_eq(arguments.operands[1], "--");
}
END_TEST

START_TEST(reading_can_stop_before_the_command)
{
    ck_assert_int_eq(PARSE_FRONT("--socket", "/x", "list", "--all"), 2);
    ck_assert_uint_eq(arguments.operand_count, 0);
    ck_assert(!arguments_has(&arguments, "all"));
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    ck_assert_int_eq(PARSE("--stat", "x"), -EINVAL);
    ck_assert_str_eq(problem.text, "unknown option --stat");
    ck_assert_int_eq(PARSE("--statement=x"), -EINVAL);
    ck_assert_str_eq(problem.text, "unknown option --statement");
    ck_assert_int_eq(PARSE("-ax"), -EINVAL);
    ck_assert_str_eq(problem.text, "unknown option -x");
    ck_assert_int_eq(PARSE("--state"), -EINVAL);
    ck_assert_str_eq(problem.text, "--state: expected STATE behind it");
    ck_assert_int_eq(PARSE("--all=yes"), -EINVAL);
    ck_assert_str_eq(problem.text, "--all takes no value");
    ck_assert_int_eq(PARSE("--state=a", "-s", "b"), -EINVAL);
    ck_assert_str_eq(problem.text, "--state is given twice");
    ck_assert_int_eq(PARSE("one", "two", "three"), -EINVAL);
    ck_assert_str_eq(problem.text, "unexpected argument 'three'");
}
END_TEST

START_TEST(numbers_are_whole_and_not_too_small)
{
    static const char *const wrong[] = {"--state=0", "--state=-1", "--state=", "--state=1x",
                                        "--state=99999999999999999999"};
    int64_t number = 50;

    (void)PARSE("--all");
    ck_assert_int_eq(arguments_number(&arguments, "state", 1, &number, &problem), 0);
    ck_assert_int_eq(number, 50);
    (void)PARSE("--state=7");
    ck_assert_int_eq(arguments_number(&arguments, "state", 1, &number, &problem), 0);
    ck_assert_int_eq(number, 7);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const words[] = {wrong[i], NULL};

        ck_assert_int_eq(parse(false, words), 1);
        ck_assert_int_eq(arguments_number(&arguments, "state", 1, &number, &problem), -EINVAL);
        ck_assert_int_eq(number, 7);
    }
}
END_TEST

START_TEST(durations_have_units)
{
    int64_t ms = -1;

    (void)PARSE("--state=10m");
    ck_assert_int_eq(arguments_duration(&arguments, "state", &ms, &problem), 0);
    ck_assert_int_eq(ms, 600000);
    (void)PARSE("--state=10");
    ck_assert_int_eq(arguments_duration(&arguments, "state", &ms, &problem), -EINVAL);
    ck_assert_str_eq(problem.text,
                     "--state: expected a duration such as 30s, 10m, 1h or 2d, not '10'");
}
END_TEST

START_TEST(a_choice_is_one_of_its_words_and_no_part_of_one)
{
    (void)PARSE("--all");
    ck_assert_int_eq(arguments_choice(&arguments, "state", "low|high", &problem), 0);
    (void)PARSE("--state=high");
    ck_assert_int_eq(arguments_choice(&arguments, "state", "low|high", &problem), 0);
    (void)PARSE("--state=hig");
    ck_assert_int_eq(arguments_choice(&arguments, "state", "low|high", &problem), -EINVAL);
    ck_assert_str_eq(problem.text, "--state: expected low|high, not 'hig'");
    (void)PARSE("--state=low|high");
    ck_assert_int_eq(arguments_choice(&arguments, "state", "low|high", &problem), -EINVAL);
    (void)PARSE("--state=");
    ck_assert_int_eq(arguments_choice(&arguments, "state", "low|high", &problem), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl arguments");
    TCase *tests = tcase_create("arguments");

    tcase_add_test(tests, an_option_takes_its_value_in_each_of_the_usual_forms);
    tcase_add_test(tests, a_value_may_look_like_an_option);
    tcase_add_test(tests, options_and_operands_stand_in_any_order);
    tcase_add_test(tests, letters_without_values_stand_together);
    tcase_add_test(tests, behind_two_dashes_everything_is_an_operand);
    tcase_add_test(tests, reading_can_stop_before_the_command);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_test(tests, numbers_are_whole_and_not_too_small);
    tcase_add_test(tests, durations_have_units);
    tcase_add_test(tests, a_choice_is_one_of_its_words_and_no_part_of_one);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
