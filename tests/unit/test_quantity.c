/*
 * Quantities: durations and sizes as the configuration writes them.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "assent/domain/quantity.h"
#include "support/suite.h"

static const struct {
    const char *text;
    int64_t ms;
} durations[] = {
    {"0", 0},
    {"0s", 0},
    {"500ms", 500},
    {"30s", 30000},
    {"5m", 300000},
    {"1h", 3600000},
    {"2d", 172800000},
    {"0090d", INT64_C(7776000000)},
    {"3653d", INT64_C(315619200000)},
};

START_TEST(durations_are_read)
{
    int64_t ms = -1;
    ck_assert_int_eq(quantity_duration(durations[_i].text, &ms), 0);
    ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

static const char *const no_quantities[] = {
    "", "s", "-1s", "+1s", "1.5h", "1 h", " 1h", "1h ", "1h30m", "1H", "0x10s", "ms", "one",
};

START_TEST(what_is_no_quantity_is_refused)
{
    int64_t ms = 7;
    uint64_t bytes = 7;
    ck_assert_int_eq(quantity_duration(no_quantities[_i], &ms), -EINVAL);
    ck_assert_int_eq(quantity_size(no_quantities[_i], &bytes), -EINVAL);
    ck_assert_int_eq(ms, 7);
    ck_assert_uint_eq(bytes, 7);
}
END_TEST

START_TEST(a_duration_needs_its_unit)
{
    int64_t ms = 7;
    ck_assert_int_eq(quantity_duration("30", &ms), -EINVAL);
    ck_assert_int_eq(quantity_duration("1y", &ms), -EINVAL);
    ck_assert_int_eq(ms, 7);
}
END_TEST

START_TEST(more_than_ten_years_is_out_of_range)
{
    int64_t ms = 7;
    ck_assert_int_eq(quantity_duration("3654d", &ms), -ERANGE);
    ck_assert_int_eq(quantity_duration("18446744073709551616ms", &ms), -ERANGE);
    ck_assert_int_eq(quantity_duration("213503982334d", &ms), -ERANGE);
    ck_assert_int_eq(quantity_duration("99999999999999999999999999999999d", &ms), -ERANGE);
    ck_assert_int_eq(ms, 7);
}
END_TEST

static const struct {
    const char *text;
    uint64_t bytes;
} sizes[] = {
    {"0", 0},
    {"512", 512},
    {"64K", 65536},
    {"1M", 1048576},
    {"2G", UINT64_C(2147483648)},
    {"18446744073709551615", UINT64_MAX},
    {"17179869183G", UINT64_C(18446744072635809792)},
};

START_TEST(sizes_are_read)
{
    uint64_t bytes = 7;
    ck_assert_int_eq(quantity_size(sizes[_i].text, &bytes), 0);
    ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(a_size_that_does_not_fit_is_out_of_range)
{
    uint64_t bytes = 7;
    ck_assert_int_eq(quantity_size("18446744073709551616", &bytes), -ERANGE);
    ck_assert_int_eq(quantity_size("17179869184G", &bytes), -ERANGE);
    ck_assert_int_eq(quantity_size("184467440737095516160", &bytes), -ERANGE);
    ck_assert_uint_eq(bytes, 7);
}
END_TEST

START_TEST(sizes_have_no_units_of_time)
{
    uint64_t bytes = 7;
    ck_assert_int_eq(quantity_size("1k", &bytes), -EINVAL);
    ck_assert_int_eq(quantity_size("1KB", &bytes), -EINVAL);
    ck_assert_int_eq(quantity_size("5m", &bytes), -EINVAL);
    ck_assert_uint_eq(bytes, 7);
}
END_TEST

#define COUNT(array) (int)(sizeof array / sizeof array[0])

START_TEST(rates_are_so_many_in_a_second_minute_or_hour)
{
    struct quantity_rate rate = {0};
    ck_assert_int_eq(quantity_rate("100/s", &rate), 0);
    ck_assert_uint_eq(rate.count, 100);
    ck_assert_int_eq(rate.period_ms, 1000);
    ck_assert_int_eq(quantity_rate("1/min", &rate), 0);
    ck_assert_int_eq(rate.period_ms, 60 * 1000);
    ck_assert_int_eq(quantity_rate("1000000/h", &rate), 0);
    ck_assert_uint_eq(rate.count, 1000000);
    ck_assert_int_eq(rate.period_ms, 3600 * 1000);
}
END_TEST

START_TEST(what_is_no_rate_is_refused)
{
    static const char *const texts[] = {"", "10", "/s", "10/m", "10 /s", "1.5/s", "-1/s", "10/s "};
    struct quantity_rate rate = {7, 7};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(quantity_rate(texts[i], &rate) == -EINVAL, "%s", texts[i]);
    }
    ck_assert_int_eq(quantity_rate("0/s", &rate), -ERANGE);
    ck_assert_int_eq(quantity_rate("1000001/s", &rate), -ERANGE);
    ck_assert_int_eq(quantity_rate("99999999999999999999/s", &rate), -ERANGE);
    ck_assert_uint_eq(rate.count, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quantity");
    TCase *quantities = tcase_create("quantities");
    tcase_add_loop_test(quantities, durations_are_read, 0, COUNT(durations));
    tcase_add_loop_test(quantities, what_is_no_quantity_is_refused, 0, COUNT(no_quantities));
    tcase_add_test(quantities, a_duration_needs_its_unit);
    tcase_add_test(quantities, more_than_ten_years_is_out_of_range);
    tcase_add_test(quantities, rates_are_so_many_in_a_second_minute_or_hour);
    tcase_add_test(quantities, what_is_no_rate_is_refused);
    tcase_add_loop_test(quantities, sizes_are_read, 0, COUNT(sizes));
    tcase_add_test(quantities, a_size_that_does_not_fit_is_out_of_range);
    tcase_add_test(quantities, sizes_have_no_units_of_time);
    suite_add_tcase(suite, quantities);
    return suite_run(suite);
}
