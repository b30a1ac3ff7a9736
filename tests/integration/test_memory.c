/*
 * No memory: a role that gets none any more loses nothing, blames nobody, and comes back by itself.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/jail_setting.h"
#include "support/suite.h"
#include "support/tool.h"

/* More than a role has at hand without asking for it. */
#define LARGE (4 << 20)

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, HOUSE_NOTE);
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* Sanitizers and tools take memory for themselves, in ways that no limit fits. */
static bool memory_can_be_limited(void)
{
    bool can = !under_wrapper() && jail_possible();

    if (!can) {
        (void)fputs("skipped: memory can't be limited here\n", stderr);
    }
    return can;
}

/* What it has now, and hardly any more. */
static void take_memory_away(const char *title)
{
    struct rlimit limit;
    pid_t role = house_role(house, title);

    ck_assert_int_eq(prlimit(role, RLIMIT_DATA, NULL, &limit), 0);
    limit.rlim_cur = (rlim_t)house_status(house, title, "VmData:") * 1024 + LARGE / 4;
    ck_assert_int_eq(prlimit(role, RLIMIT_DATA, &limit, NULL), 0);
}

static char *large_registration(const char *id)
{
    char *filler = malloc(LARGE + 1);
    char *body;

    ck_assert_ptr_nonnull(filler);
    memset(filler, 'x', LARGE);
    filler[LARGE] = '\0';
    body = house_format(
        house, "{\"requestId\":\"%s\",\"action\":\"note\",\"context\":{\"filler\":\"%s\"}}", id,
        filler);
    free(filler);
    return body;
}

START_TEST(core_that_has_no_memory_ends_nobody_else)
{
    char *body = large_registration("req_2");
    pid_t gate;
    pid_t core;

    if (!memory_can_be_limited()) {
        free(body);
        return;
    }
    house_register_as(house, "req_1", "note");
    gate = house_role(house, "assentd: gate control");
    core = house_role(house, "assentd: core");
    take_memory_away("assentd: core");
    answer_expect_error(house_control(house, "POST", "/v1/requests", body), 503, "unavailable",
                        NULL);
    (void)house_next_role(house, "assentd: core", core);
    house_await_ready(house);
    ck_assert_int_eq(house_role(house, "assentd: gate control"), gate);
    house_register(house, body);
    house_approve(house, "req_1");
    house_approve(house, "req_2");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_await_jobs(house, "req_2", 1, "succeeded");
    free(body);
}
END_TEST

static void give_memory_back(const char *title)
{
    struct rlimit limit;
    pid_t role = house_role(house, title);

    ck_assert_int_eq(prlimit(role, RLIMIT_DATA, NULL, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(prlimit(role, RLIMIT_DATA, &limit, NULL), 0);
}

/* The record of a run that it has no memory for. It has not begun, and is begun when there is memory. */
START_TEST(a_runner_that_could_not_hear_core_hears_it_again)
{
    char *body = large_registration("req_1");
    pid_t runner;

    if (!memory_can_be_limited()) {
        free(body);
        return;
    }
    house_register(house, body);
    runner = house_role(house, "assentd: runner");
    take_memory_away("assentd: runner");
    house_approve(house, "req_1");
    house_await_log(house, "the stream to core broke");
    give_memory_back("assentd: runner");
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
    ck_assert_int_eq(house_role(house, "assentd: runner"), runner);
    free(body);
}
END_TEST

/* An answer that it has no memory for. */
START_TEST(a_gate_that_could_not_hear_core_hears_it_again)
{
    char *body = large_registration("req_1");
    struct answer answer;
    pid_t gate;

    if (!memory_can_be_limited()) {
        free(body);
        return;
    }
    house_register(house, body);
    gate = house_role(house, "assentd: gate control");
    take_memory_away("assentd: gate control");
    answer = house_control(house, "GET", "/v1/approvals/req_1", NULL);
    ck_assert_int_ne(answer.status, 200);
    answer_clear(&answer);
    give_memory_back("assentd: gate control");
    house_await_ready(house);
    house_approve(house, "req_1");
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_role(house, "assentd: gate control"), gate);
    free(body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = house_scenarios(suite, "memory", set_up, tear_down);

    tcase_add_test(tests, core_that_has_no_memory_ends_nobody_else);
    tcase_add_test(tests, a_runner_that_could_not_hear_core_hears_it_again);
    tcase_add_test(tests, a_gate_that_could_not_hear_core_hears_it_again);
    return suite_run(suite);
}
