/*
 * Policies: the truth table, precedence, what each operator takes, that numbers are compared as
 * they are, and every error with its place.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/policy.h"
#include "support/suite.h"

#define COUNT(array) (int)(sizeof array / sizeof array[0])

static const char record_text[] =
    "{\"action\":\"bulk_send\",\"reason\":\"spring\",\"urgency\":\"high\",\"context\":{"
    "\"yes\":true,\"no\":false,\"nothing\":null,\"count\":500,\"cost\":12.5,\"whole\":3.0,"
    "\"negative\":-2.5,\"text\":\"abc\",\"empty\":\"\",\"word\":"
    "\"gr\xc3\xb6\xc3\x9f\x65 \xf0\x9f\x90\x8b\","
    "\"quote\":\"it's \\\"it\\\"\",\"digits\":\"500\",\"list\":[1,\"two\",{\"deep\":3},null],"
    "\"same\":[1,\"two\",{\"deep\":3},null],\"none\":[],\"object\":{\"a\":{\"b\":7},\"b\":2},"
    "\"a b\":1,\"a.b\":2,\"it's\":3,\"\":4,\"0\":5,"
    "\"gr\xc3\xb6\xc3\x9f\x65\":6,\"and\":7,\"len\":8,"
    "\"zero\":-0.0,"
    "\"p53\":9007199254740992,\"p53_1\":9007199254740993,\"p53_real\":9007199254740992.0,"
    "\"max\":9223372036854775807,\"min\":-9223372036854775808,\"p63\":9223372036854775808.0,"
    "\"minus_p63\":-9223372036854775808.0,\"huge\":1e300,\"tiny\":1e-300,"
    "\"tenth\":0.1}}";

static json_t *record;

static void make_record(void)
{
    struct problem problem = {""};
    ck_assert_msg(json_parse(record_text, strlen(record_text), &record, &problem) == 0, "%s",
                  problem.text);
}

static void free_record(void)
{
    json_decref(record);
    record = NULL;
}

static struct policy_result evaluated(const char *text)
{
    struct policy *policy = NULL;
    struct problem problem = {"no problem was told"};
    struct policy_result result;
    ck_assert_msg(policy_compile(text, &policy, &problem) == 0, "%s: %s", text, problem.text);
    ck_assert_str_eq(policy_text(policy), text);
    policy_evaluate(policy, record, &result);
    policy_free(policy);
    return result;
}

static const char *const truths[] = {"false", "true", "error"};

static void assert_truth(const char *text, enum policy_truth expected)
{
    struct policy_result result = evaluated(text);
    ck_assert_msg(result.truth == expected, "%s: %s, not %s (%s)", text, truths[result.truth],
                  truths[expected], result.why.text);
}

/* --- logic ------------------------------------------------------------------------------------ */

#define T POLICY_TRUE
#define F POLICY_FALSE
#define E POLICY_ERROR

/* By what stands left and right: false, true, error. */
static const enum policy_truth or_table[3][3] = {{F, T, E}, {T, T, T}, {E, T, E}};
static const enum policy_truth and_table[3][3] = {{F, F, F}, {F, T, E}, {F, E, E}};
static const enum policy_truth not_table[3] = {T, F, E};

/* Each truth in all the ways that it comes about. */
static const char *const ways[3][4] = {
    {"false", "context.no", "context.count < 5", "(1 == 2)"},
    {"true", "context.yes", "context.count > 5", "has(context.count)"},
    {"context.missing", "context.text", "context.text > 5", "context.count == 'x'"},
};

START_TEST(logic_has_three_values)
{
    char text[256];
    int left = _i / 12, way = _i % 12 / 3, right = _i % 3;
    for (int other = 0; other < 4; other++) {
        const char *a = ways[left][way], *b = ways[right][other];
        (void)snprintf(text, sizeof text, "%s or %s", a, b);
        assert_truth(text, or_table[left][right]);
        (void)snprintf(text, sizeof text, "%s and %s", a, b);
        assert_truth(text, and_table[left][right]);
    }
    (void)snprintf(text, sizeof text, "not %s", ways[left][way]);
    assert_truth(text, not_table[left]);
    assert_truth(ways[left][way], (enum policy_truth)left);
}
END_TEST

static const struct {
    const char *text;
    enum policy_truth truth;
} evaluations[] = {
    /* and before or, not before both, comparisons before not */
    {"true or false and false", T},
    {"(true or false) and false", F},
    {"false and false or true", T},
    {"false and (false or true)", F},
    {"not false and false", F},
    {"not (false and false)", T},
    {"not true or true", T},
    {"not (true or true)", F},
    {"not 1 == 2", T},
    {"not not true", T},
    {"not not not true", F},
    {"true and not false", T},
    {"1 < 2 and 2 < 3 or false", T},
    {"true==(1<2)", T},
    {"(1 < 2) == (2 < 1)", F},
    {" \t\n true\n", T},
    {"((((true))))", T},
    {"not(context.no)and(context.yes)", T},

    /* any use of an error but these two is one */
    {"(context.missing == 1) == true", E},
    {"true == (context.missing == 1)", E},
    {"(true or context.missing) and context.missing", E},
    {"(false and context.missing) or context.no", F},
    {"len(context.missing) > 5", E},
    {"5 > len(context.missing)", E},

    /* names */
    {"action == \"bulk_send\" and reason == 'spring' and urgency == 'high'", T},
    {"context.object.a.b == 7", T},
    {"context.\"a b\" == 1", T},
    {"context.'a b' == 1", T},
    {"context.\"a.b\" == 2", T},
    {"context.'it\\'s' == 3 and context.\"it's\" == 3", T},
    {"context.\"\" == 4", T},
    {"context.0 == 5", T},
    {"context.\"gr\xc3\xb6\xc3\x9f\x65\" == 6", T},
    {"context.\"gr\\u00f6\\u00dfe\" == 6", T},
    {"context.and == 7 and context.len == 8", T},
    {"context.\"object\".\"a\".b == 7", T},
    {"context.list.0 == 1", T},
    {"context.list.1 == 'two'", T},
    {"context.list.2.deep == 3", T},
    {"context.list.3 == null", T},
    {"context.list.4 == null", E},
    {"context.list.00 == 1", E},
    {"context.list.99999999999999999999999999 == 1", E},
    {"context.list.deep == 1", E},
    {"context.object.missing == 1", E},
    {"context.text.length == 3", E},
    {"context.nothing.at == 1", E},
    {"context.count.0 == 1", E},

    /* strings */
    {"context.text == \"abc\"", T},
    {"context.text == 'abc'", T},
    {"context.text != 'abd'", T},
    {"context.text == 'ab'", F},
    {"context.empty == ''", T},
    {"context.quote == 'it\\'s \"it\"'", T},
    {"context.quote == \"it's \\\"it\\\"\"", T},
    {"context.quote == 'it\\'s \\\"it\\\"'", T},
    {"'\\u0061\\/\\\\' == \"a/\\\\\"", T},
    {"context.word == 'gr\\u00f6\\u00dfe \\ud83d\\udc0b'", T},
    {"context.text == 'ABC'", F},
    {"context.digits == '500'", T},
    {"context.digits == 500", E},
    {"context.count == '500'", E},

    /* == and != */
    {"context.yes == true", T},
    {"context.yes != context.no", T},
    {"context.yes == 1", E},
    {"context.yes != 'true'", E},
    {"context.nothing == null", T},
    {"null == context.nothing", T},
    {"context.nothing != null", F},
    {"context.count == null", F},
    {"context.list != null", T},
    {"context != null", T},
    {"null == null", T},
    {"context.missing == null", E},
    {"context.missing != null", E},
    {"context.nothing == 0", E},
    {"context.nothing == false", E},
    {"context.nothing != ''", E},
    {"context.nothing == context.nothing", E},
    {"context.list == context.same", E},
    {"context.list != context.none", E},
    {"context.object == context.object", E},
    {"context.text == context.count", E},
    {"context.list == 1", E},

    /* order is of numbers only */
    {"context.count < 501", T},
    {"context.count <= 500", T},
    {"context.count > 500", F},
    {"context.count >= 500", T},
    {"500 < context.count", F},
    {"context.text < context.word", E},
    {"context.no < context.yes", E},
    {"context.nothing < 1", E},
    {"context.list > 1", E},
    {"context.object >= 1", E},

    /* numbers, exactly */
    {"context.cost == 12.5", T},
    {"context.whole == 3", T},
    {"3 == context.whole", T},
    {"context.whole <= 3 and context.whole >= 3", T},
    {"context.count == 5e2", T},
    {"context.negative < -2", T},
    {"-2 > context.negative", T},
    {"context.negative > -3", T},
    {"-3 < context.negative", T},
    {"context.negative == -2.5", T},
    {"context.zero == 0", T},
    {"0 == context.zero and 0.0 == context.zero", T},
    {"context.tenth == 0.1", T},
    {"context.tiny > 0 and 0 < context.tiny", T},
    {"context.tiny == 0", F},
    {"context.p53 < context.p53_1", T},
    {"context.p53 == context.p53_1", F},
    {"context.p53_1 > context.p53_real", T},
    {"context.p53_1 == context.p53_real", F},
    {"context.p53_real < context.p53_1", T},
    {"context.p53 == context.p53_real", T},
    {"context.p53_1 == 9007199254740993", T},
    {"context.p53_1 == 9007199254740992", F},
    {"context.max == 9223372036854775807", T},
    {"context.max > 9223372036854775806", T},
    {"context.max < context.p63", T},
    {"context.max == context.p63", F},
    {"context.p63 > context.max", T},
    {"context.min == context.minus_p63", T},
    {"context.minus_p63 == context.min", T},
    {"context.min < -9223372036854775807", T},
    {"context.max < context.huge and context.huge > context.max", T},
    {"context.min > -1e300 and -1e300 < context.min", T},

    /* len */
    {"len(context.list) == 4", T},
    {"len(context.none) == 0", T},
    {"len(context.object) == 2", T},
    {"len(context) > 20", T},
    {"len(context.text) == 3", T},
    {"len(context.empty) == 0", T},
    {"len(context.word) == 7", T},
    {"len(urgency) == 4", T},
    {"len ( context.list.2 ) == 1", T},
    {"len(context.count) > 0", E},
    {"len(context.yes) > 0", E},
    {"len(context.nothing) == 0", E},

    /* has */
    {"has(context)", T},
    {"has(urgency) and has(action) and has(reason)", T},
    {"has(context.count)", T},
    {"has(context.no)", T},
    {"has(context.empty)", T},
    {"has(context.none)", T},
    {"has(context.\"\")", T},
    {"has(context.list.0)", T},
    {"has(context.list.4)", F},
    {"has(context.list.3)", F},
    {"has(context.missing)", F},
    {"has(context.missing.below)", F},
    {"has(context.text.below)", F},
    {"has(context.nothing)", F},
    {"has(context.nothing.below)", F},
    {"has(context.list) and len(context.list) > 3", T},
    {"has(context.missing) and len(context.missing) > 3", F},
    {"not has(context.missing) or context.missing > 3", T},
};

START_TEST(values_are_taken_as_they_are)
{
    assert_truth(evaluations[_i].text, evaluations[_i].truth);
}
END_TEST

/* What can't be evaluated is told; of what was not needed too, if it was met. */
static const struct {
    const char *text;
    const char *why;
} explanations[] = {
    {"context.yes", ""},
    {"context.no and context.missing", ""},
    {"context.missing and context.no", "context.missing is missing"},
    {"context.missing or context.yes", "context.missing is missing"},
    {"context.a or context.b", "context.a is missing"},
    {"len(context.recipients) > 100", "context.recipients is missing"},
    {"context.object.'b c'.d > 1", "context.object.'b c'.d is missing"},
    {"context.digits > 100", "context.digits is a string, not a number"},
    {"100 < context.yes", "context.yes is a boolean, not a number"},
    {"context.count == '500'", "context.count is a number, not a string"},
    {"'500' == context.count", "context.count is a number, not a string"},
    {"context.count == context.text", "context.count is a number, not a string"},
    {"context.nothing == 0", "context.nothing is null, not a number"},
    {"context.list == 1", "context.list is an array, not a number"},
    {"context.object == context.object",
     "context.object is an object, not a boolean, a number or a string"},
    {"context.nothing == context.nothing",
     "context.nothing is null, not a boolean, a number or a string"},
    {"not context.count", "context.count is a number, not a boolean"},
    {"context.text", "context.text is a string, not a boolean"},
    {"context.yes and context.list", "context.list is an array, not a boolean"},
    {"len(context.count) > 1", "context.count is a number, not an array, an object or a string"},
    {"(1 <\n2) == context.count", "1 < is a boolean, not a number"},
};

START_TEST(what_could_not_be_evaluated_is_told)
{
    ck_assert_str_eq(evaluated(explanations[_i].text).why.text, explanations[_i].why);
}
END_TEST

START_TEST(a_record_without_its_members_is_an_error)
{
    json_decref(record);
    record = json_pack("{s:n, s:i}", "reason", "urgency", 1);
    ck_assert_str_eq(evaluated("reason == 'a'").why.text, "reason is null, not a string");
    ck_assert_str_eq(evaluated("urgency == 'low'").why.text, "urgency is a number, not a string");
    ck_assert_str_eq(evaluated("action == 'a'").why.text, "action is missing");
    ck_assert_str_eq(evaluated("context.a == 'a'").why.text, "context.a is missing");
    assert_truth("has(reason) or has(action) or has(context)", F);
}
END_TEST

/* --- errors ----------------------------------------------------------------------------------- */

static void assert_refused(const char *text, const char *told)
{
    struct policy *policy = NULL;
    struct problem problem = {""};
    ck_assert_msg(policy_compile(text, &policy, &problem) == -EINVAL, "%.200s", text);
    ck_assert_ptr_null(policy);
    ck_assert_msg(strncmp(problem.text, told, strlen(told)) == 0, "%.200s\n%s\n%s", text,
                  problem.text, told);
}

static const struct {
    const char *text;
    const char *told;
} refused[] = {
    /* what is missing */
    {"", "column 1: the expression ends, but a value belongs here, such as context.name, 100, "
         "\"text\" or len(context.list)"},
    {"  \n ", "line 2, column 2: the expression ends, but a value belongs here"},
    {"context.a >", "column 12: the expression ends, but a value belongs here"},
    {"true and", "column 9: the expression ends, but a value belongs here"},
    {"not", "column 4: the expression ends, but a value belongs here"},
    {"or true", "column 1: a value belongs here, such as context.name, 100, \"text\" or "
                "len(context.list), not or"},
    {"true and or true", "column 10: a value belongs here"},
    {"< 5", "column 1: a value belongs here"},
    {"()", "column 2: a value belongs here"},
    {"(true", "column 1: the ( here is not closed; ) belongs behind what it holds"},
    {"true and (true or (false)", "column 10: the ( here is not closed"},
    {"(true 5)", "column 7: and, or, a comparison or ) belongs here, not 5"},
    {"true)", "column 5: and, or or a comparison belongs here, not )"},
    {"true false", "column 6: and, or or a comparison belongs here, not false"},
    {"true not false", "column 6: and, or or a comparison belongs here, not not"},
    {"5 -3 > 1", "column 3: and, or or a comparison belongs here, not -3"},
    {"1 == not true", "column 6: a value belongs here, such as context.name, 100, \"text\" or "
                      "len(context.list); not (...) needs parentheses"},

    /* comparisons */
    {"1 < 2 < 3", "column 7: comparisons can't be chained; and or or belongs between two, as in "
                  "a < b and b < c"},
    {"context.a == context.b == context.c", "column 24: comparisons can't be chained"},
    {"true == false != true", "column 15: comparisons can't be chained"},
    {"urgency > 'low'", "column 1: urgency is a string; < <= > and >= compare numbers only"},
    {"1 < 'low'", "column 5: 'low' is a string; < <="},
    {"context.a <= true", "column 14: true is a boolean; < <="},
    {"null >= 1", "column 1: null is null; < <="},
    {"context > 1", "column 1: context is an object; < <="},
    {"has(context.a) > 1", "column 1: has(context.a) is a boolean; < <="},
    {"context == context.a",
     "column 1: context is an object; == and != compare booleans, numbers and strings"},
    {"context.a != context", "column 14: context is an object; =="},
    {"1 == '1'", "column 6: '1' is a string; a number belongs here, because that is what stands "
                 "on the left"},
    {"urgency != 1", "column 12: 1 is a number; a string belongs here"},
    {"len(context.a) == 'x'", "column 19: 'x' is a string; a number belongs here"},
    {"has(context.a) == 1", "column 19: 1 is a number; a boolean belongs here"},
    {"urgency == 'urgent'", "column 12: there is no such urgency; \"low\", \"medium\" or \"high\" "
                            "belongs here"},
    {"'High' == urgency", "column 1: there is no such urgency"},

    /* conditions */
    {"1", "column 1: 1 is a number; a condition belongs here, such as context.count > 100"},
    {"len(context.a)", "column 1: len(context.a) is a number; a condition"},
    {"'x'", "column 1: 'x' is a string; a condition"},
    {"null", "column 1: null is null; a condition"},
    {"urgency", "column 1: urgency is a string; a condition"},
    {"context", "column 1: context is an object; a condition"},
    {"urgency == 'low' or 'high'", "column 21: 'high' is a string; a condition"},
    {"1 or true", "column 1: 1 is a number; a condition"},
    {"true and true and 5", "column 19: 5 is a number; a condition"},
    {"not 5", "column 5: 5 is a number; a condition"},
    {"not not reason", "column 9: reason is a string; a condition"},
    {"(5)", "column 2: 5 is a number; a condition"},

    /* names */
    {"context.a > cost", "column 13: there is no cost; there are context.NAME, urgency, action and "
                         "reason, and a string stands in quotes: \"cost\""},
    {"urgency == high", "column 12: there is no high"},
    {"True", "column 1: there is no True"},
    {"true AND false", "column 6: there is no AND"},
    {"contexts.a", "column 1: there is no contexts"},
    {"gr\xc3\xb6\xc3\x9f\x65 > 1", "column 1: there is no gr\xc3\xb6\xc3\x9f\x65"},
    {"context.", "column 9: a name belongs behind the dot, such as context.count, or in quotes"},
    {"context..a", "column 9: a name belongs behind the dot"},
    {"context. a", "column 9: a name belongs behind the dot"},
    {"context .a", "column 9: .a is no number"},
    {"context.a-b > 1", "column 9: a name with other characters than letters, digits and _ stands "
                        "in quotes: context.\"a-b\"; there is no arithmetic"},
    {"true or context.gr\xc3\xb6\xc3\x9f\x65", "column 17: a name with other characters"},
    {"context.list[0] == 1", "column 13: [ can't stand here; an element is context.list.0, and a "
                             "name with any characters context.\"a b\""},
    {"context[\"a b\"]", "column 8: [ can't stand here"},
    {"urgency.a == 1", "column 8: urgency is a string, and there is nothing below it"},
    {"action.'a' == 1", "column 7: action is a string"},
    {"context.\"a", "column 9: the string that begins here is not closed"},

    /* functions */
    {"len", "column 4: the expression ends, but ( belongs behind len and has"},
    {"len context.a > 1", "column 5: ( belongs behind len and has, not context.a"},
    {"len()", "column 5: a name such as context.recipients belongs here, not )"},
    {"len('abc') > 1", "column 5: a name such as context.recipients belongs here, not 'abc'"},
    {"len(len(context.a)) > 1",
     "column 5: a name such as context.recipients belongs here, not len"},
    {"has(5)", "column 5: a name such as"},
    {"has(context.a or context.b)", "column 15: ) belongs here, not or"},
    {"has(context.a", "column 14: the expression ends, but ) belongs here"},

    /* what other languages write */
    {"true && false", "column 6: && is written as and here"},
    {"true || false", "column 6: || is written as or here"},
    {"!true", "column 1: ! is written as not here"},
    {"context.a = 1", "column 11: = is written as == here"},
    {"context.a === 1", "column 13: = is written as == here"},
    {"context.a <> 1", "column 12: a value belongs here"},
    {"context.a + 1 > 2", "column 11: + is no number; one is written as in JSON, such as 100, -5 "
                          "or 2.5e3, whole ones have 64 bits, and there is no arithmetic"},
    {"context.a * 2", "column 11: * can't stand here; operators are < <= > >= == != and or not"},
    {"true # why", "column 6: # can't stand here"},

    /* numbers */
    {"context.a > 1.", "column 13: 1. is no number"},
    {"context.a > .5", "column 13: .5 is no number"},
    {"context.a > +5", "column 13: +5 is no number"},
    {"context.a > 05", "column 13: 05 is no number"},
    {"context.a > -", "column 13: - is no number"},
    {"context.a > 100k", "column 13: 100k is no number"},
    {"context.a > 1_000", "column 13: 1_000 is no number"},
    {"context.a > 0x10", "column 13: 0x10 is no number"},
    {"context.a > 1e", "column 13: 1e is no number"},
    {"context.a > 1e999", "column 13: 1e999 is no number"},
    {"context.a > 9223372036854775808", "column 13: 9223372036854775808 is no number"},
    {"context.a > -9223372036854775809", "column 13: -9223372036854775809 is no number"},

    /* strings */
    {"reason == 'a", "column 11: the string that begins here is not closed; ' belongs behind it"},
    {"reason == \"a'", "column 11: the string that begins here is not closed; \" belongs"},
    {"reason == 'a\\'", "column 11: the string that begins here is not closed"},
    {"reason == 'a\\", "column 11: the string that begins here is not closed"},
    {"reason == '\\x41'", "column 11: the string that begins here is none of JSON's: escapes are"},
    {"reason == \"\\'\"", "column 11: the string that begins here is none of JSON's"},
    {"reason == '\\u0000'", "column 11: the string that begins here is none of JSON's"},
    {"reason == '\\ud83d'", "column 11: the string that begins here is none of JSON's"},
    {"reason == 'a\nb'", "column 11: the string that begins here is none of JSON's"},

    /* columns are characters, also behind those of several bytes and on other lines */
    {"reason == '\xc3\xb6\xf0\x9f\x90\x8b' or 5", "column 19: 5 is a number"},
    {"reason == 'a'\nor\n  5 > 'x'", "line 3, column 7: 'x' is a string"},

    /* bytes */
    {"reason == '\xff'", "column 1: this is not valid UTF-8"},
    {"reason == '\x01'", "column 12: a control character can't stand here; in a string it is "
                         "written as \\u0001"},
    {"true \x7f", "column 6: a control character can't stand here"},
};

START_TEST(an_error_says_where_it_is_and_what_belongs_there)
{
    assert_refused(refused[_i].text, refused[_i].told);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

/* `count` times `before`, then `middle`, then `count` times `after`; one buffer. */
static const char *repeated(const char *before, const char *middle, const char *after, int count)
{
    static char text[POLICY_TEXT_LIMIT * 2];
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s", before);
    }
    length += (size_t)snprintf(text + length, sizeof text - length, "%s", middle);
    for (int i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s", after);
    }
    ck_assert_uint_lt(length, sizeof text);
    return text;
}

START_TEST(nesting_is_bounded)
{
    assert_truth(repeated("(", "true", ")", 32), T);
    assert_truth(repeated("not ", "true", "", 32), T);
    assert_truth(repeated("(not ", "true", ")", 16), T);
    assert_truth(repeated("", "(true)", " and (true)", 100), T);
    assert_refused(repeated("(", "true", ")", 33),
                   "column 33: parentheses and not are nested too deep; there may be 32 levels");
    assert_refused(repeated("not ", "true", "", 33), "column 129: parentheses and not are nested");
    assert_refused(repeated("(", "", "", 4096), "column 33: parentheses and not are nested");
    assert_refused(repeated("1<(", "1", "", 1000), "column 99: parentheses and not are nested");
}
END_TEST

START_TEST(size_is_bounded)
{
    assert_truth(repeated("", "true", " and true", 249), T);
    assert_refused(repeated("", "true", " and true", 250),
                   "column 1: the expression is too large; there may be 500 values and operators");
    assert_truth(repeated(" ", "true", "", POLICY_TEXT_LIMIT - 4), T);
    assert_refused(repeated(" ", "true", "", POLICY_TEXT_LIMIT - 3),
                   "column 1: an expression of 4097 bytes is too long; there may be 4096");
}
END_TEST

START_TEST(a_context_as_deep_as_json_may_be_is_reached)
{
    char text[512];
    struct problem problem = {""};
    json_decref(record);
    (void)snprintf(text, sizeof text, "%s", repeated("{\"context\":", "1", "}", JSON_DEPTH_LIMIT));
    ck_assert_msg(json_parse(text, strlen(text), &record, &problem) == 0, "%s", problem.text);
    (void)snprintf(text, sizeof text, "context%s == 1",
                   repeated(".context", "", "", JSON_DEPTH_LIMIT - 1));
    assert_truth(text, T);
    (void)snprintf(text, sizeof text, "context%s == 1",
                   repeated(".context", "", "", JSON_DEPTH_LIMIT));
    assert_truth(text, E);
}
END_TEST

START_TEST(what_was_told_of_a_long_name_fits)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "context.'%s' > 1", repeated("\xc3\xb6", "", "", 400));
    struct policy_result result = evaluated(text);
    ck_assert_int_eq(result.truth, POLICY_ERROR);
    ck_assert_ptr_nonnull(strstr(result.why.text, " is missing"));
    ck_assert_uint_lt(strlen(result.why.text), 120);
}
END_TEST

START_TEST(nothing_is_freed_of_nothing)
{
    policy_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");
    tcase_add_checked_fixture(tests, make_record, free_record);
    tcase_add_loop_test(tests, logic_has_three_values, 0, 36);
    tcase_add_loop_test(tests, values_are_taken_as_they_are, 0, COUNT(evaluations));
    tcase_add_loop_test(tests, what_could_not_be_evaluated_is_told, 0, COUNT(explanations));
    tcase_add_test(tests, a_record_without_its_members_is_an_error);
    tcase_add_loop_test(tests, an_error_says_where_it_is_and_what_belongs_there, 0, COUNT(refused));
    tcase_add_test(tests, nesting_is_bounded);
    tcase_add_test(tests, size_is_bounded);
    tcase_add_test(tests, a_context_as_deep_as_json_may_be_is_reached);
    tcase_add_test(tests, what_was_told_of_a_long_name_fits);
    tcase_add_test(tests, nothing_is_freed_of_nothing);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
