/*
 * JSON: what is taken from outside, what is said about the rest, and that values keep what they are.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/json.h"
#include "support/suite.h"

static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    struct problem problem = {"no problem was told"};

    ck_assert_msg(json_parse(text, strlen(text), &json, &problem) == 0, "%s: %s", text,
                  problem.text);
    return json;
}

static void assert_refused_bytes(const char *text, size_t length, const char *expected)
{
    json_t *json = NULL;
    struct problem problem = {"no problem was told"};
    int r = json_parse(text, length, &json, &problem);

    ck_assert_msg(r == -EBADMSG, "%s: %d", text, r);
    ck_assert_ptr_null(json);
    ck_assert_str_eq(problem.text, expected);
}

static void assert_refused(const char *text, const char *expected)
{
    assert_refused_bytes(text, strlen(text), expected);
}

/* `depth` times `open`, the value, `depth` times `close`. */
static char *nested(const char *open, const char *value, const char *close, int depth)
{
    struct buffer text = {0};

    for (int i = 0; i < depth; i++) {
        ck_assert_int_eq(buffer_append_text(&text, open), 0);
    }
    ck_assert_int_eq(buffer_append_text(&text, value), 0);
    for (int i = 0; i < depth; i++) {
        ck_assert_int_eq(buffer_append_text(&text, close), 0);
    }
    return buffer_take_text(&text);
}

/* --- parsing ---------------------------------------------------------------------------------- */

START_TEST(any_value_may_stand_at_the_top)
{
    static const char *const texts[] = {
        "{}",    "[]",   "\"\"",   "0",           "-1.5e3",
        "false", "null", " true ", "\r\n\t[ ]\n", "\"\\ud83d\\ude00\""};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_decref(parsed(texts[i]));
    }
}
END_TEST

START_TEST(a_problem_says_where_and_what)
{
    assert_refused("{\"a\": tru}", "line 1, column 10: invalid token near 'tru'");
    assert_refused("{\n  \"a\" 1\n}", "line 2, column 8: ':' expected near '1'");
    assert_refused("[1 2]", "line 1, column 5: ']' expected near '2'");
    assert_refused("{} {}", "line 1, column 5: something follows the JSON value");
}
END_TEST

START_TEST(a_text_that_ends_too_early_says_so)
{
    static const char *const sentence = "the JSON text ends before its value is complete";
    static const char *const texts[] = {"", " ", "{", "[1,", "{\"a\":", "[[[]"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json;
        struct problem problem = {""};

        ck_assert_int_eq(json_parse(texts[i], strlen(texts[i]), &json, &problem), -EBADMSG);
        ck_assert_ptr_nonnull(strstr(problem.text, sentence));
    }
}
END_TEST

START_TEST(columns_count_characters_and_not_bytes)
{
    assert_refused("[\"\xc3\xbc\xe2\x82\xac\" 2]", "line 1, column 8: ']' expected near '2'");
}
END_TEST

START_TEST(a_key_given_twice_is_refused_by_name)
{
    assert_refused("{\"status\":1,\"status\":2}", "line 1, column 13: duplicate key \"status\"");
    assert_refused("[{\n\"a\":{\"b\":1,\n \"b\":1}}]", "line 3, column 2: duplicate key \"b\"");
    assert_refused("{\"a\":\"\\\"b\\\\\",\"a\":2}", "line 1, column 14: duplicate key \"a\"");
}
END_TEST

START_TEST(a_key_given_twice_in_two_spellings_is_refused_too)
{
    assert_refused("{\"status\":1,\"st\\u0061tus\":2}",
                   "line 1, column 13: duplicate key \"st\\\\u0061tus\"");
}
END_TEST

START_TEST(a_long_key_is_shown_cut_but_not_within_a_character)
{
    char *key = nested("\xc3\xbc", "", "", 100);
    char *shown = nested("\xc3\xbc", "", "", 31);
    struct buffer text = {0};
    struct buffer expected = {0};

    ck_assert_int_eq(buffer_append_format(&text, "{\"%s\":1,\"%s\":2}", key, key), 0);
    ck_assert_int_eq(
        buffer_append_format(&expected, "line 1, column 107: duplicate key \"%s...\"", shown), 0);
    assert_refused(buffer_text(&text), buffer_text(&expected));
    buffer_free(&text);
    buffer_free(&expected);
    free(key);
    free(shown);
}
END_TEST

START_TEST(a_problem_repeats_no_control_character)
{
    assert_refused("\x1b[2J", "line 1, column 2: invalid token near '\\x1b'");
    assert_refused("\"\x1b[2J\"", "line 1, column 2: control character 0x1b near '\"'");
    assert_refused("{\"\xe2\x80\xae\":1,\"\xe2\x80\xae\":2}",
                   "line 1, column 8: duplicate key \"\\u{202e}\"");
}
END_TEST

START_TEST(strings_with_nul_are_refused)
{
    assert_refused("\"a\\u0000b\"", "line 1, column 11: a string with \\u0000 is not accepted");
    assert_refused("{\"a\\u0000b\":1}", "line 1, column 12: a string with \\u0000 is not accepted");
}
END_TEST

START_TEST(a_nul_byte_ends_nothing)
{
    assert_refused_bytes("{}\0{}", 5, "line 1, column 4: something follows the JSON value");
    assert_refused_bytes("\"a\0b\"", 5, "line 1, column 3: control character 0x0 near '\"a'");
}
END_TEST

START_TEST(invalid_utf8_is_refused)
{
    static const char *const texts[] = {"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
                                        "{\"\x80\":1}"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json;
        struct problem problem = {""};

        ck_assert_int_eq(json_parse(texts[i], strlen(texts[i]), &json, &problem), -EBADMSG);
        ck_assert_ptr_nonnull(strstr(problem.text, "this is not valid UTF-8"));
    }
}
END_TEST

START_TEST(what_other_parsers_forgive_is_refused)
{
    static const char *const texts[] = {
        "{'a':1}", "{a:1}",          "[1,]",   "{\"a\":1,}", "[01]",       "[+1]",
        "[.5]",    "[1.]",           "[0x10]", "[NaN]",      "[Infinity]", "// c\n{}",
        "{}//",    "[1e999]",        "[-]",    "\"a\nb\"",   "\"\\x41\"",  "\"\\ud800\"",
        "TRUE",    "\xef\xbb\xbf{}", "[\v1]",  "[\xc2\xa0]", "undefined",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *json;

        ck_assert_msg(json_parse(texts[i], strlen(texts[i]), &json, NULL) == -EBADMSG, "%s",
                      texts[i]);
    }
}
END_TEST

START_TEST(numbers_that_do_not_fit_are_refused)
{
    assert_refused("9223372036854775808", "line 1, column 20: this number is too large");
    assert_refused("1e400", "line 1, column 6: this number is too large");
    json_decref(parsed("9223372036854775807"));
}
END_TEST

START_TEST(thirty_two_levels_are_taken_and_the_next_is_refused)
{
    char *arrays = nested("[", "1", "]", 32);
    char *objects = nested("{\"a\":", "1", "}", 32);
    char *more_arrays = nested("[", "1", "]", 33);
    char *more_objects = nested("{\"a\":", "1", "}", 33);

    json_decref(parsed(arrays));
    json_decref(parsed(objects));
    assert_refused(more_arrays, "line 1, column 33: arrays and objects nest deeper than 32");
    assert_refused(more_objects, "line 1, column 161: arrays and objects nest deeper than 32");
    free(arrays);
    free(objects);
    free(more_arrays);
    free(more_objects);
}
END_TEST

START_TEST(a_hundred_thousand_brackets_cost_nothing_but_an_answer)
{
    char *text = nested("[", "", "", 100000);

    assert_refused(text, "line 1, column 33: arrays and objects nest deeper than 32");
    free(text);
}
END_TEST

START_TEST(brackets_in_strings_and_side_by_side_do_not_nest)
{
    char *in_string = nested("[", "", "", 100);
    struct buffer text = {0};

    ck_assert_int_eq(
        buffer_append_format(&text, "[\"%s\",\"\\\"%s\",\"\\\\\"", in_string, in_string), 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(buffer_append_text(&text, ",[],{\"[\":\"{\"}"), 0);
    }
    ck_assert_int_eq(buffer_append_text(&text, "]"), 0);
    json_decref(parsed(buffer_text(&text)));
    buffer_free(&text);
    free(in_string);
}
END_TEST

/* --- writing ---------------------------------------------------------------------------------- */

static void assert_text(const char *text, const char *expected)
{
    json_t *json = parsed(text);
    char *written = json_text(json);

    ck_assert_str_eq(written, expected);
    free(written);
    json_decref(json);
}

START_TEST(text_is_compact_and_keeps_the_order)
{
    assert_text("{ \"b\" : [ 1 , true ] , \"a\" : null }", "{\"b\":[1,true],\"a\":null}");
    assert_text("\"\\u00fc\\n\"", "\"\xc3\xbc\\n\"");
    assert_text("9223372036854775807", "9223372036854775807");
}
END_TEST

START_TEST(reals_are_written_with_no_more_digits_than_they_need)
{
    assert_text("[0.1,2.5,100.0,1e20,1e-7]", "[0.1,2.5,100.0,1e20,1e-7]");
    assert_text("[0.1234567890123456]", "[0.1234567890123456]");
    assert_text("0.30000000000000004", "0.30000000000000004");
}
END_TEST

START_TEST(every_real_of_a_document_survives)
{
    static const char *const reals[] = {
        "0.1",    "0.30000000000000004",     "1.7976931348623157e308",
        "5e-324", "2.2250738585072014e-308", "123456789.12345679",
        "-0.0",   "9007199254740993.0",      "3.141592653589793"};

    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        for (size_t j = 0; j < sizeof reals / sizeof reals[0]; j++) {
            struct buffer text = {0};

            ck_assert_int_eq(
                buffer_append_format(&text, "{\"a\":[%s],\"b\":{\"c\":%s}}", reals[i], reals[j]),
                0);

            json_t *before = parsed(buffer_text(&text));
            char *written = json_text(before);
            json_t *after = parsed(written);

            ck_assert_msg(json_equal(before, after), "%s", written);
            json_decref(before);
            json_decref(after);
            free(written);
            buffer_free(&text);
        }
    }
}
END_TEST

START_TEST(equal_values_have_the_same_canonical_text)
{
    json_t *one = parsed("{\"b\":{\"y\":1,\"x\":[{\"d\":1,\"c\":2}]},\"a\":0.5}");
    json_t *other = parsed("{\"a\":0.50, \"b\":{\"x\":[{\"c\":2,\"d\":1}],\"y\":1}}");
    char *text_of_one = json_canonical_text(one);
    char *text_of_other = json_canonical_text(other);

    ck_assert_str_eq(text_of_one, "{\"a\":0.5,\"b\":{\"x\":[{\"c\":2,\"d\":1}],\"y\":1}}");
    ck_assert_str_eq(text_of_one, text_of_other);
    free(text_of_one);
    free(text_of_other);
    json_decref(one);
    json_decref(other);
}
END_TEST

START_TEST(scalars_have_a_plain_text)
{
    static const struct {
        const char *json;
        const char *plain;
    } values[] = {
        {"\"\"", ""},
        {"\"a \\\"b\\\"\\n\"", "a \"b\"\n"},
        {"17", "17"},
        {"-3", "-3"},
        {"12.5", "12.5"},
        {"0.1", "0.1"},
        {"true", "true"},
        {"false", "false"},
        {"null", "null"},
        {"[1, 2]", "[1,2]"},
        {"{\"a\": \"b\"}", "{\"a\":\"b\"}"},
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        json_t *json = parsed(values[i].json);
        char *plain = json_plain_text(json);

        ck_assert_str_eq(plain, values[i].plain);
        free(plain);
        json_decref(json);
    }
}
END_TEST

START_TEST(an_appended_string_reads_back_as_it_was)
{
    char every[129] = "";

    for (int character = 1; character < 128; character++) {
        every[character - 1] = (char)character;
    }
    const char *const texts[] = {"",   "plain", "\"", "\\\"\\", "a\nb\tc", "Zo\u00eb \U0001f600",
                                 every};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buffer text = {0};

        ck_assert_int_eq(json_append_string(&text, texts[i]), 0);
        json_t *json = parsed(buffer_text(&text));
        ck_assert_str_eq(json_string_value(json), texts[i]);
        json_decref(json);
        buffer_free(&text);
    }
}
END_TEST

/* --- looking up ------------------------------------------------------------------------------- */

START_TEST(the_first_of_several_keys_is_found_in_the_order_asked)
{
    static const char *const keys[] = {"requestId", "request_id", NULL};
    json_t *both = parsed("{\"request_id\":\"b\",\"requestId\":\"a\"}");
    json_t *second = parsed("{\"request_id\":\"b\"}");
    json_t *neither = parsed("{\"other\":1}");
    json_t *array = parsed("[1]");

    ck_assert_str_eq(json_string_value(json_first_of(both, keys)), "a");
    ck_assert_str_eq(json_string_value(json_first_of(second, keys)), "b");
    ck_assert_ptr_null(json_first_of(neither, keys));
    ck_assert_ptr_null(json_first_of(array, keys));
    json_decref(both);
    json_decref(second);
    json_decref(neither);
    json_decref(array);
}
END_TEST

START_TEST(pointers_lead_where_rfc_6901_says)
{
    static const struct {
        const char *pointer;
        const char *expected;
    } examples[] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/deep/0/list/1/x", "\"found\""},
        {"/~01", "9"},
    };
    json_t *root = parsed("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                          "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,"
                          "\"deep\":[{\"list\":[0,{\"x\":\"found\"}]}]}");

    ck_assert_ptr_eq(json_at_pointer(root, ""), root);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        char *text = json_text(json_at_pointer(root, examples[i].pointer));

        ck_assert_msg(text && strcmp(text, examples[i].expected) == 0, "%s: %s",
                      examples[i].pointer, text ? text : "nothing");
        free(text);
    }
    json_decref(root);
}
END_TEST

START_TEST(pointers_to_nothing_find_nothing)
{
    static const char *const pointers[] = {
        "/nothing",
        "/a/nothing",
        "/a/b/c",
        "/list/2",
        "/list/-",
        "/list/00",
        "/list/01",
        "/list/+1",
        "/list/1x",
        "/list/",
        "/list/99999999999999999999",
        "/a/",
        "/text/0",
        "/A",
        "a",
        "/a~2b",
        "/a~",
        "//",
    };
    json_t *root = parsed("{\"a\":{\"b\":1},\"list\":[0,1],\"text\":\"x\",\"a~2b\":1,\"a~\":1}");

    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        ck_assert_msg(!json_at_pointer(root, pointers[i]), "%s", pointers[i]);
    }
    json_decref(root);
}
END_TEST

START_TEST(malformed_pointers_are_told)
{
    ck_assert_int_eq(json_pointer_check(""), 0);
    ck_assert_int_eq(json_pointer_check("/"), 0);
    ck_assert_int_eq(json_pointer_check("/a/0/~0~1"), 0);
    ck_assert_int_eq(json_pointer_check("a"), -EINVAL);
    ck_assert_int_eq(json_pointer_check("#/a"), -EINVAL);
    ck_assert_int_eq(json_pointer_check("/~"), -EINVAL);
    ck_assert_int_eq(json_pointer_check("/~2"), -EINVAL);
    ck_assert_int_eq(json_pointer_check("/a~/b"), -EINVAL);
}
END_TEST

static void add_parsing(TCase *tests)
{
    tcase_add_test(tests, any_value_may_stand_at_the_top);
    tcase_add_test(tests, a_problem_says_where_and_what);
    tcase_add_test(tests, a_text_that_ends_too_early_says_so);
    tcase_add_test(tests, columns_count_characters_and_not_bytes);
    tcase_add_test(tests, a_key_given_twice_is_refused_by_name);
    tcase_add_test(tests, a_key_given_twice_in_two_spellings_is_refused_too);
    tcase_add_test(tests, a_long_key_is_shown_cut_but_not_within_a_character);
    tcase_add_test(tests, a_problem_repeats_no_control_character);
    tcase_add_test(tests, strings_with_nul_are_refused);
    tcase_add_test(tests, a_nul_byte_ends_nothing);
    tcase_add_test(tests, invalid_utf8_is_refused);
    tcase_add_test(tests, what_other_parsers_forgive_is_refused);
    tcase_add_test(tests, numbers_that_do_not_fit_are_refused);
    tcase_add_test(tests, thirty_two_levels_are_taken_and_the_next_is_refused);
    tcase_add_test(tests, a_hundred_thousand_brackets_cost_nothing_but_an_answer);
    tcase_add_test(tests, brackets_in_strings_and_side_by_side_do_not_nest);
}

/* Of ` a b.c ` all of `a`, and `c` of `b`. */
static enum json_interest is_wanted(const void *wanted, const char *path, size_t length)
{
    char spaced[64];

    (void)snprintf(spaced, sizeof spaced, " %.*s ", (int)length, path);
    if (strstr(wanted, spaced)) {
        return JSON_TAKE;
    }
    (void)snprintf(spaced, sizeof spaced, " %.*s.", (int)length, path);
    return strstr(wanted, spaced) ? JSON_LOOK_INTO : JSON_PASS_OVER;
}

static const struct {
    const char *text;
    const char *wanted;
    const char *got;
} picks[] = {
    {"{}", " a ", "{}"},
    {"{\"a\":1}", " b ", "{}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", " a c ", "{\"a\":1,\"c\":3}"},
    {"{\"a\":1,\"b\":2}", " b ", "{\"b\":2}"},
    {" { \"a\" : [ 1 , { \"b\" : 2 } ] , \"b\" : null } ", " b ", "{\"b\":null}"},
    {"{\"a\":{\"b\":[[],{}]},\"b\":\"x\"}", " a ", "{\"a\":{\"b\":[[],{}]}}"},
    {"{\"a\":{\"b\":1,\"c\":2},\"b\":3}", " a.c ", "{\"a\":{\"c\":2}}"},
    {" { \"a\" : { \"b\" : 1 , \"c\" : 2 } , \"b\" : 3 } ", " a.b b ", "{\"a\":{\"b\":1},\"b\":3}"},
    {"{\"a\":{\"b\":{\"c\":[1],\"d\":{}}},\"c\":0}", " a.b.c a.b.d ",
     "{\"a\":{\"b\":{\"c\":[1],\"d\":{}}}}"},
    {"{\"a\":{\"b\":1},\"c\":{}}", " a.x c.x ", "{\"a\":{},\"c\":{}}"},
    {"{\"a\":[{\"b\":1}],\"c\":\"{\",\"d\":7}", " a.b c.b d.b ",
     "{\"a\":[{\"b\":1}],\"c\":\"{\",\"d\":7}"},
    {"{\"a\":{\"b\":1,\"c\":2}}", " a.b a ", "{\"a\":{\"b\":1,\"c\":2}}"},
    {"{\"a\":\"},\\\"b\\\":1\",\"c\":\"\\\\\",\"b\":3}", " b c ", "{\"c\":\"\\\\\",\"b\":3}"},
};

START_TEST(members_that_are_wanted_are_picked)
{
    json_t *json = NULL;
    char *text;

    ck_assert_int_eq(json_parse_members(picks[_i].text, strlen(picks[_i].text), is_wanted,
                                        picks[_i].wanted, &json, NULL),
                     0);
    text = json_text(json);
    ck_assert_str_eq(text, picks[_i].got);
    free(text);
    json_decref(json);
}
END_TEST

static const char *const no_objects[] = {"", "no record", "[1]", "[{\"a\":1}]", "\"a\"", "7"};

static enum json_interest always_into(const void *userdata, const char *path, size_t length)
{
    (void)userdata;
    (void)path;
    (void)length;
    return JSON_LOOK_INTO;
}

START_TEST(who_looks_into_all_of_a_hundred_thousand_objects_gets_an_answer)
{
    static char text[500000];
    struct problem problem;
    json_t *json = NULL;

    for (size_t i = 0; i < sizeof text / 5; i++) {
        memcpy(text + 5 * i, "{\"a\":", 5);
    }
    ck_assert_int_eq(json_parse_members(text, sizeof text, always_into, NULL, &json, &problem),
                     -EBADMSG);
    ck_assert_int_eq(
        json_parse_members("{\"a\":{\"b\":{}}}", 14, always_into, NULL, &json, &problem), 0);
    json_decref(json);
}
END_TEST

START_TEST(members_of_what_is_no_whole_object_are_refused)
{
    const char text[] = "{\"a\":{\"b\":[\"\\\"\",{\"b\":2}]},\"c\":\"d\"}";

    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *cut = malloc(length + 1);
        json_t *json = NULL;
        struct problem problem;

        memcpy(cut, text, length);
        ck_assert_int_eq(json_parse_members(cut, length, is_wanted, " a.b c ", &json, &problem),
                         -EBADMSG);
        ck_assert_str_eq(problem.text, "it is no object, or one without an end");
        free(cut);
    }
    for (size_t i = 0; i < sizeof no_objects / sizeof no_objects[0]; i++) {
        json_t *json = NULL;
        struct problem problem;

        ck_assert_int_eq(json_parse_members(no_objects[i], strlen(no_objects[i]), is_wanted, " a ",
                                            &json, &problem),
                         -EBADMSG);
    }
}
END_TEST

static void add_the_rest(TCase *tests)
{
    tcase_add_loop_test(tests, members_that_are_wanted_are_picked, 0,
                        sizeof picks / sizeof picks[0]);
    tcase_add_test(tests, who_looks_into_all_of_a_hundred_thousand_objects_gets_an_answer);
    tcase_add_test(tests, members_of_what_is_no_whole_object_are_refused);
    tcase_add_test(tests, an_appended_string_reads_back_as_it_was);
    tcase_add_test(tests, text_is_compact_and_keeps_the_order);
    tcase_add_test(tests, reals_are_written_with_no_more_digits_than_they_need);
    tcase_add_test(tests, every_real_of_a_document_survives);
    tcase_add_test(tests, equal_values_have_the_same_canonical_text);
    tcase_add_test(tests, scalars_have_a_plain_text);
    tcase_add_test(tests, the_first_of_several_keys_is_found_in_the_order_asked);
    tcase_add_test(tests, pointers_lead_where_rfc_6901_says);
    tcase_add_test(tests, pointers_to_nothing_find_nothing);
    tcase_add_test(tests, malformed_pointers_are_told);
}

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");

    add_parsing(tests);
    add_the_rest(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
