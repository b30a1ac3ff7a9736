/*
 * Backoff and rates, as numbers.
 */
#include <check.h>
#include <stdlib.h>

#include "assent/domain/schedule.h"
#include "support/suite.h"

#define NOW INT64_C(1800000000000000) /* us */

/* --- backoff ---------------------------------------------------------------------------------- */

/* The chance that gives the longest pause. */
static int64_t longest_pause(int64_t base, int64_t longest, unsigned tries)
{
    int64_t most = 0;

    for (uint64_t chance = 0; chance <= (uint64_t)longest; chance++) {
        int64_t pause = schedule_backoff(base, longest, tries, chance);

        ck_assert_int_ge(pause, 0);
        most = pause > most ? pause : most;
    }
    return most;
}

START_TEST(pauses_double_up_to_the_longest)
{
    static const int64_t expected[] = {0, 20, 40, 80, 160, 320, 500, 500, 500};

    for (unsigned tries = 1; tries < sizeof expected / sizeof *expected; tries++) {
        ck_assert_int_eq(longest_pause(20, 500, tries), expected[tries]);
    }
    ck_assert_int_eq(longest_pause(20, 500, 4000000000u), 500);
}
END_TEST

START_TEST(every_pause_down_to_none_is_as_likely)
{
    unsigned seen[41] = {0};

    for (uint64_t chance = 0; chance < UINT64_C(410); chance++) {
        seen[schedule_backoff(20, 500, 2, chance)]++;
    }
    for (size_t i = 0; i < 41; i++) {
        ck_assert_uint_eq(seen[i], 10);
    }
}
END_TEST

START_TEST(nothing_overflows)
{
    ck_assert_int_ge(schedule_backoff(INT64_MAX / 2 + 1, INT64_MAX, 60, UINT64_MAX), 0);
    ck_assert_int_ge(schedule_backoff(INT64_MAX, INT64_MAX, 2, UINT64_MAX), 0);
    ck_assert_int_eq(schedule_backoff(600, 100, 1, 100), 100);
}
END_TEST

/* --- rates ------------------------------------------------------------------------------------ */

/* Takes every token as soon as it is there, from a full bucket at NOW, until `span` us later. */
static unsigned taken_within(const struct quantity_rate *rate, int64_t *bucket, int64_t from,
                             int64_t span)
{
    unsigned taken = 0;
    int64_t now = from;

    for (;;) {
        int64_t ready = schedule_ready_at(rate, *bucket, now);

        now = ready > now ? ready : now;
        if (now >= from + span) {
            return taken;
        }
        *bucket = schedule_take(rate, *bucket, now);
        taken++;
    }
}

START_TEST(no_minute_has_more_than_ten)
{
    const struct quantity_rate rate = {10, 60 * 1000};
    int64_t bucket = 0;

    for (int minute = 0; minute < 100; minute++) {
        ck_assert_uint_eq(taken_within(&rate, &bucket, NOW + minute * INT64_C(60000000), 60000000),
                          10);
    }
}
END_TEST

START_TEST(a_pause_saves_up_no_more_than_a_burst)
{
    const struct quantity_rate slow = {10, 60 * 1000};
    const struct quantity_rate fast = {1000, 1000};
    int64_t bucket = schedule_take(&slow, 0, NOW);

    ck_assert_uint_eq(taken_within(&slow, &bucket, NOW + INT64_C(3600000000), 60000000), 10);
    bucket = schedule_take(&fast, 0, NOW);
    ck_assert_uint_eq(taken_within(&fast, &bucket, NOW + INT64_C(3600000000), 1000), 100);
    ck_assert_uint_eq(taken_within(&fast, &bucket, NOW + INT64_C(3600001000), 1000000), 1000);
}
END_TEST

START_TEST(a_clock_that_is_set_back_costs_one_interval_at_most)
{
    const struct quantity_rate rate = {10, 60 * 1000};
    int64_t bucket = schedule_take(&rate, 0, NOW);
    int64_t earlier = NOW - INT64_C(86400000000);

    ck_assert_int_eq(schedule_ready_at(&rate, bucket, earlier), earlier + 6000000);
    for (int64_t now = earlier; now <= earlier + 6000000; now += 500000) {
        bucket = schedule_hold(&rate, bucket, now);
        ck_assert_int_eq(schedule_ready_at(&rate, bucket, now), earlier + 6000000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *backoff = tcase_create("backoff");
    TCase *rates = tcase_create("rates");

    tcase_add_test(backoff, pauses_double_up_to_the_longest);
    tcase_add_test(backoff, every_pause_down_to_none_is_as_likely);
    tcase_add_test(backoff, nothing_overflows);
    suite_add_tcase(suite, backoff);
    tcase_add_test(rates, no_minute_has_more_than_ten);
    tcase_add_test(rates, a_pause_saves_up_no_more_than_a_burst);
    tcase_add_test(rates, a_clock_that_is_set_back_costs_one_interval_at_most);
    suite_add_tcase(suite, rates);
    return suite_run(suite);
}
