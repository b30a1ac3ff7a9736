/*
 * The benchmark of those who wait: WAITERS clients, half of which wait for one decision and half follow
 * all that happens, looked at for IDLE_SECONDS. A Check program for the sake of its harness.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "integration/harness.h"
#include "support/audience.h"
#include "support/suite.h"

#define GOAL_KB (100L << 10)
/* For the measuring itself, and the comment that each stream is sent every 15 s. */
#define GOAL_PERCENT 1.0
/* Waits end by themselves after 55 s. */
#define IDLE_MOST 40

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);
    int number = text ? (int)strtol(text, NULL, 10) : otherwise;

    return number > 0 ? number : otherwise;
}

static const char *missed(bool is)
{
    return is ? "  MISSED" : "";
}

static void tell_idle(const struct audience *audience)
{
    int seconds = number_of("IDLE_SECONDS", 30);

    seconds = seconds < IDLE_MOST ? seconds : IDLE_MOST;
    int64_t before = audience_processor_us(audience);

    (void)poll(NULL, 0, seconds * 1000);
    int64_t spent = audience_processor_us(audience) - before;
    double percent = (double)spent / (seconds * 1e4);

    (void)printf("    idle for %d s: %.0f ms of processor time, %.2f %% of one%s\n", seconds,
                 (double)spent / 1000, percent, missed(percent > GOAL_PERCENT));
}

static void tell_cost(const struct audience *audience)
{
    struct audience_cost cost = audience_cost(audience);

    (void)printf("    core grew by %.1f MiB, the gate by %.1f MiB; the goal is less than %ld in "
                 "all%s\n",
                 (double)cost.core_kb / 1024, (double)cost.gate_kb / 1024, GOAL_KB / 1024,
                 missed(cost.core_kb + cost.gate_kb >= GOAL_KB));
}

START_TEST(those_who_wait)
{
    int count = number_of("WAITERS", 5000);
    bool used = _i != 0;
    struct house *house = house_new();

    ck_assert_msg(audience_fits(count), "this needs %d descriptors (ulimit -n)", count);
    house_configure(house, "");
    house_start(house);
    house_await_ready(house);
    struct audience *audience = audience_open(house, count, used);

    (void)printf("  connections that %s\n", used ? "had an answer before" : "are new");
    tell_cost(audience);
    tell_idle(audience);
    audience_close(audience);
    int64_t since = house_now_ms();

    audience_await_none(house);
    (void)printf("    gone from core %lld ms after they had left\n",
                 (long long)(house_now_ms() - since));
    (void)fflush(stdout);
    house_free(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiters");
    TCase *tests = house_scenarios(suite, "those who wait", NULL, NULL);

    tcase_add_loop_test(tests, those_who_wait, 0, 2);
    return suite_run(suite);
}
