/*
 * Values to text and back, and what happens to text that means harm.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "support/suite.h"

/* --- hexadecimal and decimal ------------------------------------------------------------------ */

START_TEST(bytes_become_lower_case_digits_and_come_back)
{
    unsigned char bytes[256];
    unsigned char back[256];
    char text[2 * sizeof bytes + 1];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    text_to_hex(bytes, sizeof bytes, text);
    ck_assert_uint_eq(strlen(text), 512);
    ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 512);
    ck_assert_int_eq(memcmp(text, "00010203", 8), 0);
    ck_assert_str_eq(text + 508, "feff");
    ck_assert_int_eq(text_from_hex(text, 512, back, sizeof back), 0);
    ck_assert_mem_eq(back, bytes, sizeof bytes);
}
END_TEST

START_TEST(digits_of_either_case_are_read)
{
    unsigned char bytes[3];

    ck_assert_int_eq(text_from_hex("aBCdEf", 6, bytes, 3), 0);
    ck_assert_mem_eq(bytes, "\xab\xcd\xef", 3);
}
END_TEST

START_TEST(what_is_not_exactly_so_many_digits_is_refused_and_writes_nothing)
{
    static const char *const texts[] = {"",     "0",    "012",  "01234", "012345", "0g",  "g012",
                                        "01 2", " 012", "0x12", "-012",  "01\n2",  "01+2"};
    unsigned char bytes[2] = {7, 7};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(text_from_hex(texts[i], strlen(texts[i]), bytes, 2) == -EINVAL, "%s",
                      texts[i]);
    }
    ck_assert_mem_eq(bytes, "\7\7", 2);
}
END_TEST

START_TEST(numbers_reach_from_zero_to_the_largest)
{
    int64_t number = -1;

    ck_assert_int_eq(text_to_number("0", &number), 0);
    ck_assert_int_eq(number, 0);
    ck_assert_int_eq(text_to_number("007", &number), 0);
    ck_assert_int_eq(number, 7);
    ck_assert_int_eq(text_to_number("9223372036854775807", &number), 0);
    ck_assert_int_eq(number, INT64_MAX);
}
END_TEST

START_TEST(what_is_no_number_is_told_from_one_that_is_too_large)
{
    static const char *const none[] = {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "1a"};
    int64_t number = 42;

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(text_to_number(none[i], &number) == -EINVAL, "%s", none[i]);
    }
    ck_assert_int_eq(text_to_number("9223372036854775808", &number), -ERANGE);
    ck_assert_int_eq(text_to_number("99999999999999999999999999", &number), -ERANGE);
    ck_assert_int_eq(text_to_number("99999999999999999999999999x", &number), -EINVAL);
    ck_assert_int_eq(number, 42);
}
END_TEST

/* --- UTF-8 ------------------------------------------------------------------------------------ */

START_TEST(utf8_of_every_length_is_valid)
{
    static const char *const texts[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "na\xc3\xafve \xf0\x9f\x98\x80",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(text_is_utf8(texts[i], strlen(texts[i])), "text %zu", i);
    }
    ck_assert(text_is_utf8("a\0b", 3));
}
END_TEST

START_TEST(what_only_looks_like_utf8_is_not)
{
    static const char *const texts[] = {
        "\x80",             /* begins in the middle */
        "\xbf",             /* the same */
        "\xc3",             /* cut short */
        "\xe2\x82",         /* the same */
        "\xf0\x9f\x98",     /* the same */
        "\xc3(",            /* another byte where one should follow */
        "\xe2\x82(",        /* the same */
        "\xc0\x80",         /* overlong NUL */
        "\xc0\xaf",         /* overlong slash */
        "\xc1\xbf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong slash */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong slash */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* above the last character */
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(!text_is_utf8(texts[i], strlen(texts[i])), "text %zu", i);
    }
}
END_TEST

/* --- escaping --------------------------------------------------------------------------------- */

static void assert_escaped(const char *bytes, size_t length, const char *expected)
{
    struct buffer out = {0};

    ck_assert_int_eq(text_append_escaped(&out, bytes, length), 0);
    ck_assert_str_eq(buffer_text(&out), expected);
    buffer_free(&out);
}

START_TEST(what_is_no_utf8_is_repaired_byte_by_byte)
{
    char cut[] = "caf\xc3";
    char overlong[] = "a\xc0\xaf"
                      "b";
    char surrogate[] = "\xed\xa0\x80x";
    char valid[] = "caf\xc3\xa9 \xf0\x9f\x8e\x89\n";

    text_repair(cut);
    ck_assert_str_eq(cut, "caf?");
    text_repair(overlong);
    ck_assert_str_eq(overlong, "a??b");
    text_repair(surrogate);
    ck_assert_str_eq(surrogate, "???x");
    text_repair(valid);
    ck_assert_str_eq(valid, "caf\xc3\xa9 \xf0\x9f\x8e\x89\n");
}
END_TEST

START_TEST(plain_text_of_any_language_stays_as_it_is)
{
    static const char *const texts[] = {
        "",
        "ops@example.com",
        "\"quotes\" and 'more' $HOME `x` %s",
        "Gr\xc3\xbcn, \xe6\x97\xa5\xe6\x9c\xac, \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d, \xf0\x9f\x98\x80",
        "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae\xd9\x88\xd8\xa7\xd9\x87\xd9\x85",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_escaped(texts[i], strlen(texts[i]), texts[i]);
    }
}
END_TEST

START_TEST(a_terminal_is_given_nothing_to_obey)
{
    assert_escaped("\x1b]0;title\x07", 10, "\\x1b]0;title\\x07");
    assert_escaped("\x1b[2J\x1b[31mred", 12, "\\x1b[2J\\x1b[31mred");
    assert_escaped("over\rwritten", 12, "over\\x0dwritten");
    assert_escaped("gone\b\b\b\x7f", 8, "gone\\x08\\x08\\x08\\x7f");
    assert_escaped("a\0b", 3, "a\\x00b");
    /* C1, as two bytes of UTF-8 and as a single byte. */
    assert_escaped("\xc2\x9b"
                   "2J",
                   4, "\\u{009b}2J");
    assert_escaped("\x9b"
                   "2J",
                   3, "\\x9b2J");
    assert_escaped("\xc2\x85", 2, "\\u{0085}");
}
END_TEST

START_TEST(a_line_stays_one_line)
{
    assert_escaped("a\nlevel=info msg=forged", 23, "a\\nlevel=info msg=forged");
    assert_escaped("a\tb\v\f", 5, "a\\tb\\x0b\\x0c");
    assert_escaped("a\xe2\x80\xa8"
                   "b\xe2\x80\xa9",
                   8, "a\\u{2028}b\\u{2029}");
}
END_TEST

START_TEST(an_escape_cannot_be_forged)
{
    assert_escaped("\\n", 2, "\\\\n");
    assert_escaped("\\x1b", 4, "\\\\x1b");
    assert_escaped("\\", 1, "\\\\");
    assert_escaped("\\\n", 2, "\\\\\\n");
}
END_TEST

START_TEST(text_cannot_be_reordered_or_hidden)
{
    static const struct {
        const char *bytes;
        const char *expected;
    } tricks[] = {
        {"\xe2\x80\xae", "\\u{202e}"},      /* right-to-left override */
        {"\xe2\x80\xaa", "\\u{202a}"},      /* left-to-right embedding */
        {"\xe2\x81\xa6", "\\u{2066}"},      /* left-to-right isolate */
        {"\xe2\x81\xa9", "\\u{2069}"},      /* pop isolate */
        {"\xe2\x80\x8e", "\\u{200e}"},      /* left-to-right mark */
        {"\xe2\x80\x8f", "\\u{200f}"},      /* right-to-left mark */
        {"\xd8\x9c", "\\u{061c}"},          /* Arabic letter mark */
        {"\xe2\x80\x8b", "\\u{200b}"},      /* zero width space */
        {"\xe2\x81\xa0", "\\u{2060}"},      /* word joiner */
        {"\xc2\xad", "\\u{00ad}"},          /* soft hyphen */
        {"\xef\xbb\xbf", "\\u{feff}"},      /* byte order mark */
        {"\xef\xbf\xb9", "\\u{fff9}"},      /* annotation */
        {"\xf3\xa0\x81\x81", "\\u{e0041}"}, /* tag */
    };

    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        assert_escaped(tricks[i].bytes, strlen(tricks[i].bytes), tricks[i].expected);
    }
    assert_escaped("approved by \xe2\x80\xae"
                   "moc.live@spo",
                   27, "approved by \\u{202e}moc.live@spo");
}
END_TEST

START_TEST(invalid_bytes_are_shown_one_by_one_and_what_follows_is_kept)
{
    assert_escaped("a\xff\xfe"
                   "b",
                   4, "a\\xff\\xfeb");
    assert_escaped("\xe2\x82", 2, "\\xe2\\x82");
    assert_escaped("\xe2\x1b[2J", 5, "\\xe2\\x1b[2J");
    assert_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
    assert_escaped("\xc0\x8a", 2, "\\xc0\\x8a");
    assert_escaped("\xc3\xc3\xbc", 3, "\\xc3\xc3\xbc");
}
END_TEST

START_TEST(whatever_goes_in_valid_utf8_without_controls_comes_out)
{
    for (unsigned pair = 0; pair < 65536; pair++) {
        const char bytes[2] = {(char)(pair >> 8), (char)(pair & 0xff)};
        struct buffer out = {0};

        bool safe = text_append_escaped(&out, bytes, 2) == 0 && text_is_utf8(out.data, out.length);

        for (size_t i = 0; i < out.length; i++) {
            safe = safe && out.data[i] >= ' ' && out.data[i] != 0x7f;
            safe = safe && (i == 0 || out.data[i - 1] != 0xc2 || out.data[i] > 0x9f);
        }
        ck_assert_msg(safe, "%04x", pair);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(the_escaped_text_is_appended_to_what_is_there)
{
    struct buffer out = {0};

    ck_assert_int_eq(buffer_append_text(&out, "by="), 0);
    ck_assert_int_eq(text_append_escaped(&out, "a\nb", 3), 0);
    ck_assert_int_eq(text_append_escaped(&out, "", 0), 0);
    ck_assert_str_eq(buffer_text(&out), "by=a\\nb");
    buffer_free(&out);
}
END_TEST

/* --- time ------------------------------------------------------------------------------------- */

static void assert_time(int64_t time, const char *expected)
{
    char text[TEXT_TIME_SIZE];

    text_from_time(time, text);
    ck_assert_str_eq(text, expected);
}

static void assert_reads(const char *text, int64_t expected)
{
    int64_t time = INT64_MIN;

    ck_assert_msg(text_to_time(text, &time) == 0, "%s", text);
    ck_assert_msg(time == expected, "%s: %lld", text, (long long)time);
}

START_TEST(times_are_written_in_utc_with_milliseconds)
{
    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(1773657045123, "2026-03-16T10:30:45.123Z");
    assert_time(951782400000, "2000-02-29T00:00:00.000Z");
    assert_time(4107542399999, "2100-02-28T23:59:59.999Z");
    assert_time(4107542400000, "2100-03-01T00:00:00.000Z");
    assert_time(-1, "1969-12-31T23:59:59.999Z");
    assert_time(253402300799999, "9999-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(even_impossible_times_fit_their_text)
{
    assert_time(INT64_MAX, "292278994-08-17T07:12:55.807Z");
    assert_time(INT64_MIN, "-292275055-05-16T16:47:04.192Z");
}
END_TEST

START_TEST(every_day_of_eight_centuries_comes_back_as_it_was)
{
    const int64_t day = 86400000;

    for (int64_t time = -400 * 366 * day + 1; time < 400 * 366 * day; time += day) {
        char text[TEXT_TIME_SIZE];

        int64_t back = INT64_MIN;

        text_from_time(time, text);
        if (text_to_time(text, &back) != 0 || back != time) {
            ck_abort_msg("%s: %lld", text, (long long)back);
        }
    }
}
END_TEST

START_TEST(every_form_of_rfc_3339_is_read)
{
    assert_reads("2026-03-16T10:30:45Z", 1773657045000);
    assert_reads("2026-03-16t10:30:45z", 1773657045000);
    assert_reads("2026-03-16 10:30:45Z", 1773657045000);
    assert_reads("2026-03-16T10:30:45.1Z", 1773657045100);
    assert_reads("2026-03-16T10:30:45.123456789123456789Z", 1773657045123);
    assert_reads("2026-03-16T10:30:45.999999Z", 1773657045999);
    assert_reads("2026-03-16T12:30:45+02:00", 1773657045000);
    assert_reads("2026-03-16T05:00:45.5-05:30", 1773657045500);
    assert_reads("2026-03-16T10:30:45-00:00", 1773657045000);
    assert_reads("2026-03-17T00:15:45+13:45", 1773657045000);
    assert_reads("2016-12-31T23:59:60Z", 1483228800000);
    assert_reads("2024-02-29T00:00:00Z", 1709164800000);
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const texts[] = {
        "",
        "now",
        "1773657045",
        "2026-03-16",
        "2026-03-16T10:30:45",
        "2026-03-16T10:30Z",
        "2026-03-16T10:30:45.Z",
        "2026-03-16T10:30:45,1Z",
        "2026-03-16T10:30:45ZZ",
        "2026-03-16T10:30:45Z ",
        " 2026-03-16T10:30:45Z",
        "2026-3-16T10:30:45Z",
        "26-03-16T10:30:45Z",
        "+2026-03-16T10:30:45Z",
        "2026-03-16X10:30:45Z",
        "2026-00-16T10:30:45Z",
        "2026-13-16T10:30:45Z",
        "2026-03-00T10:30:45Z",
        "2026-03-32T10:30:45Z",
        "2026-04-31T10:30:45Z",
        "2026-02-29T10:30:45Z",
        "2100-02-29T10:30:45Z",
        "2026-03-16T24:00:00Z",
        "2026-03-16T10:60:45Z",
        "2026-03-16T10:30:61Z",
        "2026-03-16T10:30:45+2:00",
        "2026-03-16T10:30:45+0200",
        "2026-03-16T10:30:45+24:00",
        "2026-03-16T10:30:45+02:60",
        "2026-03-16T10:30:45+02",
        "2026-03-16T-1:30:45Z",
    };
    int64_t time = 42;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(text_to_time(texts[i], &time) == -EINVAL, "%s", texts[i]);
    }
    ck_assert_int_eq(time, 42);
}
END_TEST

START_TEST(spans_are_written_in_their_two_largest_units)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } spans[] = {
        {0, "0ms"},          {1, "1ms"},           {340, "340ms"},
        {999, "999ms"},      {1000, "1s"},         {12999, "12s"},
        {59999, "59s"},      {60000, "1m"},        {252000, "4m12s"},
        {3599999, "59m59s"}, {3600000, "1h"},      {3659000, "1h"},
        {11100000, "3h5m"},  {86399999, "23h59m"}, {86400000, "1d"},
        {187200000, "2d4h"}, {7776000000, "90d"},  {INT64_MAX, "106751991167d7h"},
        {-1, "0ms"},         {INT64_MIN, "0ms"},
    };

    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        char text[TEXT_SPAN_SIZE];

        text_from_span(spans[i].ms, text);
        ck_assert_str_eq(text, spans[i].expected);
    }
}
END_TEST

static void add_numbers_and_utf8(TCase *tests)
{
    tcase_add_test(tests, bytes_become_lower_case_digits_and_come_back);
    tcase_add_test(tests, digits_of_either_case_are_read);
    tcase_add_test(tests, what_is_not_exactly_so_many_digits_is_refused_and_writes_nothing);
    tcase_add_test(tests, numbers_reach_from_zero_to_the_largest);
    tcase_add_test(tests, what_is_no_number_is_told_from_one_that_is_too_large);
    tcase_add_test(tests, utf8_of_every_length_is_valid);
    tcase_add_test(tests, what_only_looks_like_utf8_is_not);
    tcase_add_test(tests, what_is_no_utf8_is_repaired_byte_by_byte);
}

static void add_escaping(TCase *tests)
{
    tcase_add_test(tests, plain_text_of_any_language_stays_as_it_is);
    tcase_add_test(tests, a_terminal_is_given_nothing_to_obey);
    tcase_add_test(tests, a_line_stays_one_line);
    tcase_add_test(tests, an_escape_cannot_be_forged);
    tcase_add_test(tests, text_cannot_be_reordered_or_hidden);
    tcase_add_test(tests, invalid_bytes_are_shown_one_by_one_and_what_follows_is_kept);
    tcase_add_test(tests, whatever_goes_in_valid_utf8_without_controls_comes_out);
    tcase_add_test(tests, the_escaped_text_is_appended_to_what_is_there);
}

static void add_time(TCase *tests)
{
    tcase_add_test(tests, times_are_written_in_utc_with_milliseconds);
    tcase_add_test(tests, even_impossible_times_fit_their_text);
    tcase_add_test(tests, every_day_of_eight_centuries_comes_back_as_it_was);
    tcase_add_test(tests, every_form_of_rfc_3339_is_read);
    tcase_add_test(tests, what_is_no_time_is_refused);
    tcase_add_test(tests, spans_are_written_in_their_two_largest_units);
}

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");

    add_numbers_and_utf8(tests);
    add_escaping(tests);
    add_time(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
