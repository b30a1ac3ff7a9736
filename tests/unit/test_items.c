/*
 * Arrays in the text of a context: found, taken apart, left out.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/items.h"
#include "support/suite.h"

static struct items found(const char *text, const char *path)
{
    struct items items;
    struct problem problem = {""};

    ck_assert_msg(items_find(text, path, &items, &problem) == 0, "%s", problem.text);
    return items;
}

static void assert_not_found(const char *text, const char *path, const char *told)
{
    struct items items;
    struct problem problem = {""};

    ck_assert_int_eq(items_find(text, path, &items, &problem), -EINVAL);
    ck_assert_str_eq(problem.text, told);
}

static void assert_rest(const char *text, const char *path, const char *expected)
{
    struct items items = found(text, path);
    struct buffer rest = {0};

    ck_assert_int_eq(items_append_rest(text, &items, &rest), 0);
    ck_assert_str_eq(buffer_text(&rest), expected);
    buffer_free(&rest);
}

/* The elements with a bar behind each. */
static void assert_elements(const char *text, const char *path, const char *expected)
{
    struct items items = found(text, path);
    struct buffer all = {0};
    const char *element;
    size_t length;

    while (items_next(&items, &element, &length)) {
        ck_assert_int_eq(buffer_append(&all, element, length), 0);
        ck_assert_int_eq(buffer_append_text(&all, "|"), 0);
    }
    ck_assert_str_eq(all.length > 0 ? buffer_text(&all) : "", expected);
    buffer_free(&all);
}

START_TEST(elements_of_every_kind_come_in_their_order)
{
    assert_elements("{\"a\":[1,-2.5e3,true,null,\"x\",[],{},[1,[2]],{\"k\":[\"]\"]}]}", "a",
                    "1|-2.5e3|true|null|\"x\"|[]|{}|[1,[2]]|{\"k\":[\"]\"]}|");
    assert_elements("{\"a\":[\"one\"]}", "a", "\"one\"|");
    assert_elements("{\"a\":[]}", "a", "");
    assert_elements("{\"a\":[\"],\\\"\",\"\\\\\",\"}\"]}", "a", "\"],\\\"\"|\"\\\\\"|\"}\"|");
}
END_TEST

START_TEST(a_path_is_walked_through_objects)
{
    static const char text[] = "{\"x\":{\"b\":[9]},\"a\":{\"c\":1,\"b\":[1,2]},\"b\":[3]}";

    assert_elements(text, "a.b", "1|2|");
    assert_elements(text, "x.b", "9|");
    assert_elements(text, "b", "3|");
    assert_elements("{\"caf\xc3\xa9\":[1],\"q\\\"\":[2]}", "caf\xc3\xa9", "1|");
    assert_elements("{\"caf\xc3\xa9\":[1],\"q\\\"\":[2]}", "q\"", "2|");
}
END_TEST

START_TEST(what_is_not_there_or_no_array_is_told)
{
    assert_not_found("{}", "a", "context.a is missing");
    assert_not_found("{\"a\":{\"c\":[1]}}", "a.b", "context.a.b is missing");
    assert_not_found("{\"a\":{\"c\":[1]}}", "b.c", "context.b is missing");
    assert_not_found("{\"a\":[1]}", "a.0", "context.a.0 is missing");
    assert_not_found("{\"a\":\"[1]\"}", "a", "context.a is no array");
    assert_not_found("{\"a\":{\"b\":1}}", "a", "context.a is no array");
    assert_not_found("{\"ab\":[1]}", "a", "context.a is missing");
}
END_TEST

START_TEST(the_rest_is_without_the_array_and_one_comma)
{
    assert_rest("{\"a\":[1],\"b\":2}", "a", "{\"b\":2}");
    assert_rest("{\"b\":2,\"a\":[1]}", "a", "{\"b\":2}");
    assert_rest("{\"c\":3,\"a\":[1,{\"a\":[]}],\"b\":2}", "a", "{\"c\":3,\"b\":2}");
    assert_rest("{\"a\":[1]}", "a", "{}");
    assert_rest("{\"x\":{\"a\":[1]},\"y\":0}", "x.a", "{\"x\":{},\"y\":0}");
}
END_TEST

/* Whatever jansson writes, this reads as jansson does. */
START_TEST(it_agrees_with_a_parser_about_any_array)
{
    srandom((unsigned)_i);
    for (int round = 0; round < 200; round++) {
        json_t *array = json_array();
        json_t *context = json_pack("{s:s, s:o, s:[i]}", "left", "a\"]", "items", array, "r", 1);

        for (long left = random() % 8; left > 0; left--) {
            char text[8] = {0};

            for (size_t i = 0; i < sizeof text - 1; i++) {
                text[i] = "\"\\[]{},:x"[random() % 9];
            }
            ck_assert_int_eq(json_array_append_new(array, random() % 2
                                                              ? json_string(text)
                                                              : json_pack("{s:[s]}", text, text)),
                             0);
        }
        char *text = json_text(context);
        struct items items = found(text, "items");
        const char *element;
        size_t length;
        size_t count = 0;

        while (items_next(&items, &element, &length)) {
            json_t *value = json_loadb(element, length, JSON_DECODE_ANY, NULL);

            ck_assert_msg(json_equal(value, json_array_get(array, count)), "%s", text);
            json_decref(value);
            count++;
        }
        ck_assert_uint_eq(count, json_array_size(array));
        free(text);
        json_decref(context);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("items");
    TCase *tests = tcase_create("items");

    tcase_add_test(tests, elements_of_every_kind_come_in_their_order);
    tcase_add_test(tests, a_path_is_walked_through_objects);
    tcase_add_test(tests, what_is_not_there_or_no_array_is_told);
    tcase_add_test(tests, the_rest_is_without_the_array_and_one_comma);
    tcase_add_loop_test(tests, it_agrees_with_a_parser_about_any_array, 0, 10);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
