/*
 * Output as assentctl writes it: once, and while it grows.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/base64.h"
#include "assent/base/capture.h"
#include "assent/ctl/kept_output.h"
#include "support/suite.h"

static struct kept_place place;
static struct buffer out;

static void begin(void)
{
    place = (struct kept_place){0};
    out = (struct buffer){0};
}

static void end(void)
{
    buffer_free(&out);
}

/* From the beginning of the stream. */
static void again(void)
{
    end();
    begin();
}

/* What is written of that answer now. */
static const char *written(const char *text, bool escaped, bool last)
{
    json_t *json = json_loads(text, 0, NULL);
    struct kept_output kept;

    ck_assert_msg(json != NULL, "%s", text);
    out.length = 0;
    ck_assert_int_eq(kept_output_read(json, &kept), 0);
    ck_assert_int_eq(kept_output_append(&kept, &place, escaped, last, &out), 0);
    kept_output_free(&kept);
    json_decref(json);
    return buffer_text(&out);
}

START_TEST(output_into_a_file_is_as_it_was)
{
    ck_assert_str_eq(
        written("{\"head\":\"a\\u001b\\n\\\\b\",\"tail\":\"c\",\"dropped\":0}", false, true),
        "a\033\n\\bc");
    again();
    ck_assert_str_eq(written("{\"head\":\"\",\"tail\":\"\",\"dropped\":0}", false, true), "");
}
END_TEST

START_TEST(output_on_a_terminal_is_escaped_but_keeps_its_lines)
{
    ck_assert_str_eq(
        written("{\"head\":\"a\\u001b[31m\\n\\tb\\u009b\",\"tail\":\"\",\"dropped\":0}", true,
                true),
        "a\\x1b[31m\n\tb\\u{009b}\n");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_exact_in_a_file_and_escaped_on_a_terminal)
{
    static const char answer[] = "{\"head\":\"\\ufffd\\ufffdz\",\"headBase64\":\"/wB6\",\"tail\":"
                                 "\"\\ufffd\",\"tailBase64\":\"gA==\",\"dropped\":3}";

    (void)written(answer, false, true);
    ck_assert_uint_eq(out.length, 3 + strlen("\n[... 3 bytes dropped ...]\n") + 1);
    ck_assert_mem_eq(out.data, "\xff\0z\n[... 3 bytes dropped ...]\n\x80", out.length);
    again();
    ck_assert_str_eq(written(answer, true, true),
                     "\\xff\\x00z\n[... 3 bytes dropped ...]\n\\x80\n");
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_is_survived)
{
    ck_assert_str_eq(written("{\"head\":5,\"headBase64\":\"!\",\"dropped\":-1}", false, true), "");
    ck_assert_str_eq(written("[]", false, true), "");
    ck_assert_str_eq(written("{\"head\":\"x\",\"headBase64\":\"!\"}", false, true), "x");
}
END_TEST

START_TEST(only_what_is_new_is_written)
{
    ck_assert_str_eq(written("{\"head\":\"one\\ntw\",\"tail\":\"\",\"dropped\":0}", false, false),
                     "one\ntw");
    ck_assert_str_eq(written("{\"head\":\"one\\ntw\",\"tail\":\"\",\"dropped\":0}", false, false),
                     "");
    ck_assert_str_eq(
        written("{\"head\":\"one\\ntwo\\n\",\"tail\":\"th\",\"dropped\":0}", false, false),
        "o\nth");
    /* 10 bytes were seen, of which those that were dropped are 2. */
    ck_assert_str_eq(
        written("{\"head\":\"one\\ntwo\\n\",\"tail\":\"ree\\n\",\"dropped\":2}", false, false),
        "ree\n");
    ck_assert_str_eq(
        written("{\"head\":\"one\\ntwo\\n\",\"tail\":\"four\",\"dropped\":6}", false, true),
        "four");
}
END_TEST

START_TEST(what_came_too_fast_is_counted_on_a_line_of_its_own)
{
    ck_assert_str_eq(written("{\"head\":\"abc\",\"tail\":\"\",\"dropped\":0}", false, false),
                     "abc");
    ck_assert_str_eq(written("{\"head\":\"abcd\",\"tail\":\"yz\",\"dropped\":100}", false, false),
                     "d\n[... 100 bytes dropped ...]\nyz");
    ck_assert_str_eq(written("{\"head\":\"abcd\",\"tail\":\"12\",\"dropped\":150}", false, true),
                     "\n[... 48 bytes dropped ...]\n12");
}
END_TEST

START_TEST(a_character_is_not_torn_on_a_terminal)
{
    /* e2 82 ac is one character, and ff is none. */
    ck_assert_str_eq(written("{\"head\":\"\",\"headBase64\":\"YeKC\"}", true, false), "a");
    ck_assert_str_eq(written("{\"head\":\"\",\"headBase64\":\"YeKCrP8=\"}", true, false),
                     "\xe2\x82\xac\\xff");
    ck_assert_str_eq(written("{\"head\":\"\",\"headBase64\":\"YeKCrP/iggo=\"}", true, false),
                     "\\xe2\\x82\n");
    again();
    ck_assert_str_eq(written("{\"head\":\"\",\"headBase64\":\"YeKC\"}", true, true),
                     "a\\xe2\\x82\n");
}
END_TEST

START_TEST(a_character_may_stand_half_in_the_head_and_half_in_the_tail)
{
    ck_assert_str_eq(written("{\"head\":\"\",\"headBase64\":\"YeKC\",\"tail\":\"\",\"tailBase64\":"
                             "\"rGI=\",\"dropped\":0}",
                             true, false),
                     "a\xe2\x82\xac"
                     "b");
}
END_TEST

/* --- against what really keeps it ------------------------------------------------------------- */

static void set_part(json_t *answer, const char *name, const void *bytes, size_t length)
{
    struct buffer text = {0};

    ck_assert_int_eq(base64_encode(length > 0 ? bytes : "", length, &text), 0);
    (void)json_object_set_new(answer, name, json_string(buffer_text(&text)));
    buffer_free(&text);
}

/* What comes of looking at a growing output after each of the pieces. */
static void look(struct capture *capture, bool last)
{
    struct protocol_output view;
    json_t *answer = json_object();
    char *text;

    capture_view(capture, &view);
    set_part(answer, "headBase64", view.head, view.head_length);
    set_part(answer, "tailBase64", view.tail, view.tail_length);
    (void)json_object_set_new(answer, "dropped", json_integer((json_int_t)view.dropped));
    text = json_dumps(answer, 0);
    (void)written(text, false, last);
    free(text);
    json_decref(answer);
}

START_TEST(a_growing_output_is_written_whole_or_what_is_missing_is_counted)
{
    struct capture *capture;
    unsigned long total = 0;
    unsigned long told = 0;

    ck_assert_int_eq(capture_new(64, &capture), 0);
    srand((unsigned)_i);
    for (int round = 0; round < 300; round++) {
        unsigned char piece[80];
        size_t length = (size_t)(rand() % (round % 10 == 0 ? 80 : 20));
        char *at;

        for (size_t i = 0; i < length; i++) {
            piece[i] = (unsigned char)('a' + (total + i) % 26);
        }
        ck_assert_int_eq(capture_add(capture, piece, length), 0);
        total += length;
        look(capture, round == 299);
        /* Every byte that is written is the one that stands there, and gaps are as long as they
         * say. */
        at = (char *)(uintptr_t)buffer_text(&out);
        while (*at) {
            unsigned long gap;
            int used = 0;

            at += *at == '\n';
            if (sscanf(at, "[... %lu bytes dropped ...]%n", &gap, &used) == 1 && used > 0) {
                told += gap;
                at += used + 1;
            } else if (*at) {
                ck_assert_int_eq(*at++, (int)('a' + told++ % 26));
            }
        }
        ck_assert_uint_eq(told, total);
    }
    capture_free(capture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl output");
    TCase *tests = tcase_create("output");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, output_into_a_file_is_as_it_was);
    tcase_add_test(tests, output_on_a_terminal_is_escaped_but_keeps_its_lines);
    tcase_add_test(tests, bytes_that_are_no_text_are_exact_in_a_file_and_escaped_on_a_terminal);
    tcase_add_test(tests, an_answer_that_makes_no_sense_is_survived);
    tcase_add_test(tests, only_what_is_new_is_written);
    tcase_add_test(tests, what_came_too_fast_is_counted_on_a_line_of_its_own);
    tcase_add_test(tests, a_character_is_not_torn_on_a_terminal);
    tcase_add_test(tests, a_character_may_stand_half_in_the_head_and_half_in_the_tail);
    tcase_add_loop_test(tests, a_growing_output_is_written_whole_or_what_is_missing_is_counted, 0,
                        20);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
