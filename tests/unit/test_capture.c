#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/capture.h"
#include "support/suite.h"

static struct capture *capture;
static struct protocol_output kept;

static void with_limit(size_t limit)
{
    ck_assert_int_eq(capture_new(limit, &capture), 0);
}

static void add(const char *text)
{
    ck_assert_int_eq(capture_add(capture, text, strlen(text)), 0);
}

static void expect(const char *head, const char *tail, uint64_t dropped)
{
    capture_view(capture, &kept);
    ck_assert_uint_eq(kept.head_length, strlen(head));
    ck_assert_uint_eq(kept.tail_length, strlen(tail));
    ck_assert(kept.head_length == 0 || memcmp(kept.head, head, kept.head_length) == 0);
    ck_assert(kept.tail_length == 0 || memcmp(kept.tail, tail, kept.tail_length) == 0);
    ck_assert_uint_eq(kept.dropped, dropped);
}

static void end(void)
{
    capture_free(capture);
    capture = NULL;
}

START_TEST(what_fits_is_kept_whole)
{
    with_limit(10);
    expect("", "", 0);
    add("abc");
    expect("abc", "", 0);
    add("defgh");
    expect("abcde", "fgh", 0);
    add("ij");
    expect("abcde", "fghij", 0);
}
END_TEST

START_TEST(the_middle_is_dropped_and_counted)
{
    with_limit(8);
    add("abcdefgh");
    add("i");
    expect("abcd", "fghi", 1);
    add("jk");
    expect("abcd", "hijk", 3);
    add("0123456789");
    expect("abcd", "6789", 13);
}
END_TEST

START_TEST(the_tail_stays_in_order_however_the_output_is_cut)
{
    static const char all[] = "abcdefghijklmnopqrstuvwxyz";

    for (size_t piece = 1; piece < sizeof all; piece++) {
        with_limit(7);
        for (size_t at = 0; at < sizeof all - 1; at += piece) {
            size_t left = sizeof all - 1 - at;
            ck_assert_int_eq(capture_add(capture, all + at, left < piece ? left : piece), 0);
        }
        expect("abcd", "xyz", 19);
        end();
    }
}
END_TEST

START_TEST(looking_does_not_change_what_comes_later)
{
    with_limit(6);
    add("abcdefg");
    expect("abc", "efg", 1);
    expect("abc", "efg", 1);
    add("hi");
    expect("abc", "ghi", 3);
}
END_TEST

START_TEST(a_limit_of_nothing_counts_everything)
{
    with_limit(0);
    add("abc");
    expect("", "", 3);
}
END_TEST

START_TEST(a_limit_of_one_keeps_the_first_byte)
{
    with_limit(1);
    add("abc");
    expect("a", "", 2);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_kept_as_they_are)
{
    with_limit(4);
    ck_assert_int_eq(capture_add(capture, "\0\xff\0\n", 4), 0);
    capture_view(capture, &kept);
    ck_assert_mem_eq(kept.head, "\0\xff", 2);
    ck_assert_mem_eq(kept.tail, "\0\n", 2);
}
END_TEST

START_TEST(much_output_keeps_a_large_head_and_tail)
{
    enum { LIMIT = 100000, PIECE = 777, PIECES = 1000 };
    unsigned char piece[PIECE];
    size_t total = 0;

    with_limit(LIMIT);
    for (int i = 0; i < PIECES; i++) {
        for (size_t j = 0; j < PIECE; j++) {
            piece[j] = (unsigned char)((total + j) % 251);
        }
        ck_assert_int_eq(capture_add(capture, piece, PIECE), 0);
        total += PIECE;
    }
    capture_view(capture, &kept);
    ck_assert_uint_eq(kept.head_length + kept.tail_length, LIMIT);
    ck_assert_uint_eq(kept.dropped, total - LIMIT);
    for (size_t i = 0; i < kept.head_length; i++) {
        ck_assert_uint_eq(((const unsigned char *)kept.head)[i], i % 251);
    }
    for (size_t i = 0; i < kept.tail_length; i++) {
        ck_assert_uint_eq(((const unsigned char *)kept.tail)[i],
                          (total - kept.tail_length + i) % 251);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capture");
    TCase *tests = tcase_create("capture");

    tcase_add_checked_fixture(tests, NULL, end);
    tcase_add_test(tests, what_fits_is_kept_whole);
    tcase_add_test(tests, the_middle_is_dropped_and_counted);
    tcase_add_test(tests, the_tail_stays_in_order_however_the_output_is_cut);
    tcase_add_test(tests, looking_does_not_change_what_comes_later);
    tcase_add_test(tests, a_limit_of_nothing_counts_everything);
    tcase_add_test(tests, a_limit_of_one_keeps_the_first_byte);
    tcase_add_test(tests, bytes_that_are_no_text_are_kept_as_they_are);
    tcase_add_test(tests, much_output_keeps_a_large_head_and_tail);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
