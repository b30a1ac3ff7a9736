/*
 * Waiting for a decision on the control interface: who waits is answered when there is one, when
 * the time is over and when assentd stops, and is forgotten when gone.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/patience.h"
#include "support/suite.h"

#define MEBIBYTE ((size_t)1 << 20)

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "[requests]\n"
                           "expiry_grace = 0s\n"
                           "[action note]\n"
                           "on_granted = note\n"
                           "on_denied = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS\" >>%DIR%/notes\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct exchange *begin_wait(const char *id)
{
    char *path = house_format(house, "/v1/approvals/%s?wait=55", id);
    struct exchange *exchange = house_begin_control(house, "GET", path, NULL);

    free(path);
    return exchange;
}

static void expect_end(struct exchange *exchange, const char *status)
{
    json_t *request = answer_take(exchange_end(exchange), 200);

    ck_assert_str_eq(text_at(request, "/status"), status);
    json_decref(request);
}

START_TEST(a_wait_ends_with_the_decision)
{
    struct exchange *waits[3];

    house_register_as(house, "req_1", "note");
    house_register_as(house, "req_2", "note");
    waits[0] = begin_wait("req_1");
    waits[1] = begin_wait("req_1");
    waits[2] = begin_wait("req_2");
    ck_assert(!exchange_answered(waits[0], 200));
    house_approve(house, "req_1");
    expect_end(waits[0], "approved");
    expect_end(waits[1], "approved");
    ck_assert(!exchange_answered(waits[2], 100));
    json_decref(answer_take(house_cancel(house, "req_2"), 200));
    expect_end(waits[2], "canceled");
}
END_TEST

START_TEST(a_wait_ends_with_the_expiry)
{
    int64_t start = house_now_ms();

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\",\"expiresIn\":1}");
    expect_end(begin_wait("req_1"), "expired");
    ck_assert_int_ge(house_now_ms() - start, 900);
}
END_TEST

START_TEST(a_wait_has_an_end_of_its_own)
{
    int64_t start = house_now_ms();
    struct answer answer;

    house_register_as(house, "req_1", "note");
    answer = house_control(house, "GET", "/v1/approvals/req_1?wait=1", NULL);
    ck_assert_int_ge(house_now_ms() - start, 1000);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(text_at(answer.json, "/result/status"), "pending");
    ck_assert_ptr_nonnull(strstr(text_at(answer.json, "/next_steps/0"), "?wait="));
    answer_clear(&answer);
}
END_TEST

START_TEST(nobody_waits_for_what_is_over)
{
    json_t *request;
    int64_t start;

    house_register_as(house, "req_1", "other");
    house_decide_as(house, "req_1", "denied", "matched");
    start = house_now_ms();
    request = house_get(house, "/v1/approvals/req_1?wait=55");
    ck_assert_str_eq(text_at(request, "/status"), "denied");
    json_decref(request);
    house_register_as(house, "req_2", "other");
    request = house_get(house, "/v1/approvals/req_2?wait=0");
    ck_assert_str_eq(text_at(request, "/status"), "pending");
    json_decref(request);
    ck_assert_int_lt(house_now_ms() - start, 30000);
}
END_TEST

START_TEST(hundreds_may_wait_for_one_request)
{
    struct exchange *waits[200];

    house_register_as(house, "req_1", "note");
    for (size_t i = 0; i < 200; i++) {
        waits[i] = begin_wait("req_1");
    }
    house_approve(house, "req_1");
    for (size_t i = 0; i < 200; i++) {
        expect_end(waits[i], "approved");
    }
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

/* Processor time that the process has used, in ticks. */
static long ticks_of(pid_t pid)
{
    char *text = process_read(pid, "stat");
    long user = 0;
    long kernel = 0;

    (void)sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                 &user, &kernel);
    free(text);
    return user + kernel;
}

static void register_large(const char *id, size_t size)
{
    char *context = malloc(size + 1);
    char *body;

    memset(context, 'x', size);
    context[size] = '\0';
    body = house_format(house,
                        "{\"requestId\":\"%s\",\"action\":\"other\",\"context\":{\"a\":\"%s\"}}",
                        id, context);
    house_register(house, body);
    free(body);
    free(context);
}

/* To answer one who waits costs core the writing of a mebibyte; that it spends nearly nothing shows
 * that nobody is remembered. */
START_TEST(who_leaves_is_forgotten)
{
    pid_t core = house_role(house, "assentd: core");
    struct exchange *waits[100];
    long ten_answers;
    long ticks;

    register_large("req_1", MEBIBYTE);
    ticks = ticks_of(core);
    for (int i = 0; i < 10; i++) {
        json_decref(house_show(house, "req_1"));
    }
    ten_answers = ticks_of(core) - ticks;
    for (size_t i = 0; i < 100; i++) {
        waits[i] = begin_wait("req_1");
    }
    house_await_connections(house, 100);
    ck_assert(!exchange_answered(waits[99], 100));
    for (size_t i = 0; i < 100; i++) {
        exchange_leave(waits[i]);
    }
    house_await_connections(house, 0);
    house_await_ready(house);
    ticks = ticks_of(core);
    house_approve(house, "req_1");
    house_await_ready(house);
    ck_assert_int_le(ticks_of(core) - ticks, ten_answers + 10);
}
END_TEST

START_TEST(who_waits_is_answered_at_the_stop)
{
    struct exchange *wait;
    int64_t start;

    house_register_as(house, "req_1", "note");
    wait = begin_wait("req_1");
    ck_assert(!exchange_answered(wait, 200));
    start = house_now_ms();
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - start, patience_ms(5000));
    expect_end(wait, "pending");
}
END_TEST

START_TEST(who_waits_while_core_dies_is_told_to_come_again)
{
    struct exchange *wait;

    house_register_as(house, "req_1", "note");
    wait = begin_wait("req_1");
    ck_assert(!exchange_answered(wait, 200));
    (void)house_kill_role(house, "assentd: core");
    answer_expect_put_off(exchange_end(wait));
    house_await_ready(house);
    wait = begin_wait("req_1");
    house_approve(house, "req_1");
    expect_end(wait, "approved");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control wait");
    TCase *tests = house_scenarios(suite, "waiting", set_up, tear_down);

    tcase_add_test(tests, a_wait_ends_with_the_decision);
    tcase_add_test(tests, a_wait_ends_with_the_expiry);
    tcase_add_test(tests, a_wait_has_an_end_of_its_own);
    tcase_add_test(tests, nobody_waits_for_what_is_over);
    tcase_add_test(tests, hundreds_may_wait_for_one_request);
    tcase_add_test(tests, who_leaves_is_forgotten);
    tcase_add_test(tests, who_waits_is_answered_at_the_stop);
    tcase_add_test(tests, who_waits_while_core_dies_is_told_to_come_again);
    return suite_run(suite);
}
