/*
 * assentctl asks for approval, explains what policy would do, and shows what happened.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/ctl_rig.h"
#include "integration/service_rig.h"
#include "support/suite.h"

static struct house *house;
static struct service_rig *service;

static void set_up(void)
{
    house = house_new();
    service = service_start();
    service_configure(service, house,
                      "[action pay]\nrequire_approval_if = context.cost > 100\n"
                      "refuse_if = context.cost > 1000\non_granted = note\n"
                      "[hook note]\nshell = cat\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
    service_free(service);
    said_clear(&said);
}

START_TEST(a_script_waits_for_what_it_asked_for)
{
    json_t *asked;
    pid_t pid = ctl_start(house, "request", "--action=pay", "--context={\"cost\": 500}",
                          "--client-id=c1", "--wait", NULL);

    service_await_asked(service, 1);
    asked = service_asked(service, 0);
    service_decide_as(service, text_at(asked, "/id"), "approved", "matched");
    said = ctl_finish(house, pid);
    assert_exit(0);
    assert_says("approved");
    json_decref(asked);
    pid = ctl_start(house, "request", "--action=pay", "--context={\"cost\": 501}", "--wait", NULL);
    service_await_asked(service, 2);
    asked = service_asked(service, 1);
    service_decide_as(service, text_at(asked, "/id"), "denied", "matched");
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(1);
    json_decref(asked);
}
END_TEST

START_TEST(what_is_refused_or_wrong_is_no_denial)
{
    CTL("request", "--action=pay", "--context={\"cost\": 5000}", "--wait");
    assert_exit(6);
    assert_complains("refuse_if");
    CTL("request", "--context={}");
    assert_exit(64);
    assert_complains("expected --action NAME");
    CTL("request", "--action=pay", "--context={\"cost\": 5}", "--after=nobody");
    assert_exit(1);
    assert_complains("there is no request nobody");
}
END_TEST

START_TEST(explain_names_the_rule)
{
    CTL("explain", "--action=pay", "--context={\"cost\": 500}");
    assert_exit(0);
    assert_says("approval required");
    assert_says("context.cost > 100");
    CTL("explain", "--action=pay", "--context={}");
    assert_says("refused");
    assert_says("context.cost is missing");
    ck_assert_uint_eq(service_asked_count(service), 0);
}
END_TEST

START_TEST(events_are_all_that_happened)
{
    CTL("request", "--action=pay", "--context={\"cost\": 5}");
    assert_exit(0);
    assert_says("approved");
    CTL("events");
    assert_exit(0);
    assert_says("request.asked");
    assert_says("request.approved");
    assert_says("job.queued");
    CTL("events", "--cursor=999999");
    ck_assert_str_eq(said.out, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_ask");
    TCase *tests = suite_case(suite, "ctl_ask", set_up, tear_down);

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_script_waits_for_what_it_asked_for);
    tcase_add_test(tests, what_is_refused_or_wrong_is_no_denial);
    tcase_add_test(tests, explain_names_the_rule);
    tcase_add_test(tests, events_are_all_that_happened);
    return suite_run(suite);
}
