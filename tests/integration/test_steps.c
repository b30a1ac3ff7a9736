/*
 * Steps: a request that is asked for `after` others goes to the service when those are approved and
 * all that they started has succeeded, and not before; it is canceled when that can't come any more. That
 * nothing comes after itself needs no check: an id is given when a request is made, and `after` takes
 * only what is there. (One that is unknown: test_ask.c.)
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "integration/harness.h"
#include "integration/service_rig.h"
#include "support/suite.h"

#define CHAIN 10

static struct house *house;
static struct service_rig *service;

static const char sections[] =
    "[action work]\n"
    "on_granted = work\n"
    "[action held-up]\n"
    "on_granted = wait\n"
    "[action break]\n"
    "on_granted = work, break\n"
    "[action cut]\n"
    "on_granted = cut\n"
    "[action each]\n"
    "on_granted = each\n"
    "[hook work]\n"
    "shell = echo $ASSENT_REQUEST_ID >>%DIR%/works\n"
    "[hook wait]\n"
    "shell = mkfifo %DIR%/gate; echo >%DIR%/waits; read line <%DIR%/gate\n"
    "[hook break]\n"
    "shell = exit 3\n"
    "[hook each]\n"
    "for_each = context.to\n"
    "shell = true\n"
    "[hook cut]\n"
    "shell = test -e %DIR%/cut || { echo >%DIR%/cut; sleep 600; }\n";

static void set_up(void)
{
    house = house_new();
    service = service_start();
    service_configure(service, house, sections);
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
    service_free(service);
}

/* Asks with these members beside the action, each behind a comma. The id; free(). */
static char *asked(const char *action, const char *members, int status)
{
    char *body = house_format(house, "{\"action\":\"%s\"%s}", action, members);
    json_t *answer = answer_take(house_control(house, "POST", "/v1/notify-operator", body), status);
    char *id = strdup(text_at(answer, "/requestId"));

    json_decref(answer);
    free(body);
    return id;
}

/* `after` is JSON text: an id, or a list of them. */
static char *asked_after_all(const char *action, const char *after)
{
    char *members = house_format(house, ",\"after\":%s", after);
    char *id = asked(action, members, 202);

    free(members);
    return id;
}

static char *asked_after(const char *action, const char *id)
{
    char *after = house_format(house, "\"%s\"", id);
    char *next = asked_after_all(action, after);

    free(after);
    return next;
}

/* It goes to the service, is approved there, and its jobs end. */
static void approve(const char *id)
{
    json_t *request;

    house_await_status(house, id, "pending");
    request = house_show(house, id);
    service_decide_as(service, text_at(request, "/requestId"), "approved", "matched");
    json_decref(request);
}

static void expect_status(const char *id, const char *status)
{
    json_t *request = house_show(house, id);

    ck_assert_str_eq(text_at(request, "/status"), status);
    json_decref(request);
}

START_TEST(a_chain_goes_one_by_one)
{
    char *ids[CHAIN];

    ids[0] = asked("work", "", 200);
    for (int i = 1; i < CHAIN; i++) {
        ids[i] = asked_after("work", ids[i - 1]);
    }
    for (int i = 0; i < CHAIN; i++) {
        if (i + 1 < CHAIN) {
            expect_status(ids[i + 1], "held");
        }
        ck_assert_uint_eq(service_asked_count(service), (size_t)i + 1);
        approve(ids[i]);
        house_await_jobs(house, ids[i], 2, "succeeded");
        if (i + 1 < CHAIN) {
            house_await_status(house, ids[i + 1], "pending");
        }
    }
    house_await_lines(house, "works", CHAIN);
    for (int i = 0; i < CHAIN; i++) {
        free(ids[i]);
    }
}
END_TEST

START_TEST(a_chain_of_any_length_falls_with_its_first)
{
    char *ids[CHAIN];
    json_t *request;

    ids[0] = asked("work", "", 200);
    for (int i = 1; i < CHAIN; i++) {
        ids[i] = asked_after("work", ids[i - 1]);
    }
    request = house_show(house, ids[0]);
    service_decide_as(service, text_at(request, "/requestId"), "denied", "matched");
    json_decref(request);
    for (int i = 1; i < CHAIN; i++) {
        house_expect_over(house, ids[i], "canceled", i == 1 ? "is denied" : "is canceled");
    }
    ck_assert_uint_eq(service_asked_count(service), 1);
    for (int i = 0; i < CHAIN; i++) {
        free(ids[i]);
    }
}
END_TEST

START_TEST(one_after_several_waits_for_all_of_them)
{
    char *first = asked("work", "", 200);
    char *second = asked("work", "", 200);
    char *third = asked("held-up", "", 200);
    char *after = house_format(house, "[\"%s\",\"%s\",\"%s\"]", first, second, third);
    char *held = asked_after_all("work", after);

    approve(second);
    house_await_jobs(house, second, 2, "succeeded");
    expect_status(held, "held");
    approve(third);
    house_await_lines(house, "waits", 1);
    approve(first);
    house_await_jobs(house, first, 2, "succeeded");
    expect_status(held, "held");
    ck_assert_uint_eq(service_asked_count(service), 3);
    house_write(house, "gate", "go\n");
    house_await_status(house, held, "pending");
    ck_assert_uint_eq(service_asked_count(service), 4);
    free(held);
    free(after);
    free(third);
    free(second);
    free(first);
}
END_TEST

START_TEST(it_is_canceled_when_what_was_started_fails)
{
    char *first = asked("break", "", 200);
    char *held = asked_after("work", first);
    char *behind = asked_after("work", held);

    approve(first);
    house_expect_over(house, held, "canceled", "failed");
    house_expect_over(house, behind, "canceled", "is canceled");
    ck_assert_uint_eq(service_asked_count(service), 1);
    free(behind);
    free(held);
    free(first);
}
END_TEST

/* Held until a person has decided about the run that was cut off, over the death of core too. */
START_TEST(it_waits_while_what_was_started_is_interrupted)
{
    char *first = asked("cut", "", 200);
    char *held = asked_after("work", first);
    json_t *jobs;
    char *path;
    pid_t core;

    approve(first);
    house_await_lines(house, "cut", 1);
    house_kill(house);
    house_start(house);
    house_await_settled(house, first, 2);
    jobs = house_get(house, "/v1/jobs?hook=cut");
    ck_assert_str_eq(text_at(jobs, "/jobs/0/state"), "interrupted");
    expect_status(held, "held");
    core = house_kill_role(house, "assentd: core");
    (void)house_next_role(house, "assentd: core", core);
    house_await_ready(house);
    expect_status(held, "held");
    path = house_format(house, "/v1/jobs/%d/retry", (int)number_at(jobs, "/jobs/0/job"));
    json_decref(answer_take(house_control(house, "POST", path, NULL), 200));
    house_await_status(house, held, "pending");
    json_decref(jobs);
    free(path);
    free(held);
    free(first);
}
END_TEST

START_TEST(after_what_is_over_it_is_over_at_once)
{
    char *first = asked("work", "", 200);
    char *after = house_format(house, "\"%s\"", first);
    char *body = house_format(house, "{\"action\":\"work\",\"after\":%s}", after);
    json_t *answer;

    json_decref(answer_take(house_cancel(house, first), 200));
    answer = answer_take(house_control(house, "POST", "/v1/notify-operator", body), 200);
    ck_assert_str_eq(text_at(answer, "/status"), "canceled");
    json_decref(answer);
    ck_assert_uint_eq(service_asked_count(service), 1);
    free(body);
    free(after);
    free(first);
}
END_TEST

/* What ends as soon as its turn comes does so in the commit that approves: nothing else comes that
 * could bring the next step on, and a kill leaves nothing that remembers it. */
START_TEST(after_a_fan_out_of_nothing_it_goes_on_in_the_same_commit)
{
    bool fails = _i == 1;
    char *first = asked("each", fails ? ",\"context\":{}" : ",\"context\":{\"to\":[]}", 200);
    char *held = asked_after("work", first);

    approve(first);
    house_kill(house);
    house_start(house);
    if (fails) {
        house_expect_over(house, held, "canceled", "failed");
    } else {
        house_await_status(house, held, "pending");
    }
    free(held);
    free(first);
}
END_TEST

/* A person would else be asked for what by now is never to be accepted. */
START_TEST(what_policy_has_come_to_refuse_is_submitted_no_more)
{
    char *first = asked("work", "", 200);
    char *second = asked_after("late", first);

    service_configure(service, house,
                      "[action work]\non_granted = work\n"
                      "[action late]\nrefuse_if = true\n"
                      "[hook work]\nshell = echo $ASSENT_REQUEST_ID >>%DIR%/works\n");
    house_reload(house);
    approve(first);
    house_await_jobs(house, first, 2, "succeeded");
    house_await_status(house, second, "failed");
    house_expect_over(house, second, "failed", "refuse_if = true");
    ck_assert_uint_eq(service_asked_count(service), 1);
    free(second);
    free(first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("steps");
    TCase *tests = house_scenarios(suite, "steps", set_up, tear_down);

    tcase_add_test(tests, a_chain_goes_one_by_one);
    tcase_add_test(tests, a_chain_of_any_length_falls_with_its_first);
    tcase_add_test(tests, one_after_several_waits_for_all_of_them);
    tcase_add_test(tests, it_is_canceled_when_what_was_started_fails);
    tcase_add_test(tests, it_waits_while_what_was_started_is_interrupted);
    tcase_add_test(tests, after_what_is_over_it_is_over_at_once);
    tcase_add_test(tests, what_policy_has_come_to_refuse_is_submitted_no_more);
    tcase_add_loop_test(tests, after_a_fan_out_of_nothing_it_goes_on_in_the_same_commit, 0, 2);
    return suite_run(suite);
}
