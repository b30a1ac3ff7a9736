/*
 * Bytes to base64 and back: the vectors of RFC 4648, section 10, and what is refused.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/base64.h"
#include "support/suite.h"

static void assert_encoded(const void *bytes, size_t length, const char *expected)
{
    struct buffer out = {0};

    ck_assert_int_eq(base64_encode(bytes, length, &out), 0);
    ck_assert_str_eq(buffer_text(&out), expected);
    buffer_free(&out);
}

START_TEST(the_vectors_of_the_rfc_hold_both_ways)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct buffer out = {0};

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const char *text = vectors[i][1];

        assert_encoded(vectors[i][0], strlen(vectors[i][0]), text);
        out.length = 0;
        ck_assert_int_eq(base64_decode(text, strlen(text), &out), 0);
        ck_assert_str_eq(buffer_text(&out), vectors[i][0]);
    }
    buffer_free(&out);
}
END_TEST

START_TEST(every_byte_comes_back)
{
    unsigned char bytes[256];
    struct buffer text = {0};
    struct buffer back = {0};

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    for (size_t length = 0; length <= sizeof bytes; length++) {
        text.length = 0;
        back.length = 0;
        ck_assert_int_eq(base64_encode(bytes, length, &text), 0);
        ck_assert_int_eq(base64_decode((char *)text.data, text.length, &back), 0);
        ck_assert_uint_eq(back.length, length);
        ck_assert(length == 0 || memcmp(back.data, bytes, length) == 0);
    }
    buffer_free(&text);
    buffer_free(&back);
}
END_TEST

START_TEST(what_is_no_base64_is_refused_and_leaves_nothing)
{
    static const char *const wrong[] = {"Z",         "Zg",   "Zg=",   "Zg==Zg==", "Zm8",
                                        "Zh==",      "Zm9=", "Z=g=",  "====",     "Zm 9v",
                                        "Zm9v\nZm9", "Zm-_", "Zg==\n"};
    struct buffer out = {0};

    ck_assert_int_eq(buffer_append_text(&out, "before"), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(base64_decode(wrong[i], strlen(wrong[i]), &out) == -EINVAL, "%s", wrong[i]);
        ck_assert_str_eq(buffer_text(&out), "before");
    }
    ck_assert_int_eq(base64_decode("Zm\0v", 4, &out), -EINVAL);
    buffer_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");

    tcase_add_test(tests, the_vectors_of_the_rfc_hold_both_ways);
    tcase_add_test(tests, every_byte_comes_back);
    tcase_add_test(tests, what_is_no_base64_is_refused_and_leaves_nothing);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
