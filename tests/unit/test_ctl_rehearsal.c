/*
 * The record of a run that does not take place.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/ctl/rehearsal.h"
#include "support/suite.h"
#include "unit/config_scratch.h"

#define NOW INT64_C(1773657045000) /* 2026-03-16 10:30:45Z */

static struct config *config;
static struct rehearsal rehearsal;
static struct problem problem;
static json_t *request;

static void begin(void)
{
    scratch_make();
    config = scratch_load(SERVER SERVICE "[action pay]\n"
                                         "on_granted = each\n"
                                         "on_denied = tell\n"
                                         "on_failed = mourn\n"
                                         "[hook each]\n"
                                         "shell = true\n"
                                         "for_each = context.list.of\n"
                                         "[hook tell]\n"
                                         "shell = true\n"
                                         "[hook mourn]\n"
                                         "shell = true\n");
    rehearsal = (struct rehearsal){0};
    problem = (struct problem){.text = ""};
    request = NULL;
}

static void end(void)
{
    rehearsal_clear(&rehearsal);
    json_decref(request);
    config_free(config);
    scratch_remove();
}

static int rehearse(const char *hook, const char *text, struct rehearsal_setup setup)
{
    rehearsal_clear(&rehearsal);
    json_decref(request);
    request = json_loads(text, 0, NULL);
    ck_assert_msg(request != NULL, "%s", text);
    setup.config = config;
    setup.hook = config_hook(config, hook);
    setup.request = request;
    setup.now = NOW;
    ck_assert_ptr_nonnull(setup.hook);
    return rehearsal_make(&setup, &rehearsal, &problem);
}

static void assert_text(const char *name, const char *expected)
{
    const json_t *value = json_object_get(rehearsal.record, name);

    ck_assert_msg(value != NULL, "no %s", name);
    if (expected) {
        ck_assert_str_eq(json_string_value(value), expected);
    } else {
        ck_assert_msg(json_is_null(value), "%s is not null", name);
    }
}

START_TEST(a_registration_counts_as_decided_so_that_the_hook_runs)
{
    ck_assert_int_eq(
        rehearse("tell", "{\"requestId\":\"r1\",\"action\":\"pay\"}", (struct rehearsal_setup){0}),
        0);
    ck_assert(rehearsal.started && !rehearsal.failed);
    assert_text("event", "approval.denied");
    assert_text("status", "denied");
    assert_text("request_id", "r1");
    assert_text("urgency", "medium");
    assert_text("decided_by", NULL);
    assert_text("decided_at", "2026-03-16T10:30:45.000Z");
    assert_text("expires_at", "2026-03-16T11:30:45.000Z");
}
END_TEST

START_TEST(what_is_said_counts_before_what_was_and_that_before_what_may_be)
{
    static const char decided[] =
        "{\"request_id\":\"r1\",\"action\":\"pay\",\"status\":\"approved\",\"decidedBy\":\"ops\","
        "\"decidedAt\":\"2026-03-16T10:00:00Z\",\"createdAt\":\"2026-03-16T09:00:00Z\","
        "\"expiresAt\":\"2026-03-16T12:00:00Z\",\"urgency\":\"high\",\"reason\":\"rent\"}";

    ck_assert_int_eq(rehearse("tell", decided, (struct rehearsal_setup){0}), 0);
    ck_assert(!rehearsal.started);
    assert_text("status", "approved");
    assert_text("decided_by", "ops");
    assert_text("decided_at", "2026-03-16T10:00:00.000Z");
    assert_text("created_at", "2026-03-16T09:00:00.000Z");
    assert_text("expires_at", "2026-03-16T12:00:00.000Z");
    assert_text("urgency", "high");
    assert_text("reason", "rent");
    ck_assert_int_eq(
        rehearse("tell", decided,
                 (struct rehearsal_setup){.status = "denied", .by = "me", .reason = "too much"}),
        0);
    ck_assert(rehearsal.started);
    assert_text("event", "approval.denied");
    assert_text("decided_by", "me");
    assert_text("denial_reason", "too much");
}
END_TEST

START_TEST(a_record_that_a_hook_got_is_taken_as_well)
{
    ck_assert_int_eq(
        rehearse("tell",
                 "{\"request_id\":\"r1\",\"action\":\"pay\",\"status\":\"denied\","
                 "\"denial_reason\":\"no\",\"decided_by\":\"ops\",\"context\":{\"a\":1}}",
                 (struct rehearsal_setup){0}),
        0);
    assert_text("denial_reason", "no");
    assert_text("decided_by", "ops");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(rehearsal.record, "context"), "a")), 1);
}
END_TEST

START_TEST(a_fan_out_gets_an_item_in_place_of_the_array)
{
    static const char list[] =
        "{\"action\":\"pay\",\"context\":{\"list\":{\"of\":[\"a\",{\"b\":2}],"
        "\"more\":1}}}";

    ck_assert_int_eq(rehearse("each", list, (struct rehearsal_setup){.item = 1}), 0);
    ck_assert_int_eq(rehearsal.items, 2);
    ck_assert_ptr_nonnull(strstr(buffer_text(&rehearsal.text),
                                 "\"context\":{\"list\":{\"more\":1}},\"index\":1,"
                                 "\"item\":{\"b\":2}}"));
    ck_assert_int_eq(rehearse("each", list, (struct rehearsal_setup){.item = 2}), -EINVAL);
    ck_assert_str_eq(problem.text, "context.list.of has no item 2: it has 2, and the first is 0");
    ck_assert_int_eq(rehearse("each", "{\"action\":\"pay\"}", (struct rehearsal_setup){0}),
                     -EINVAL);
}
END_TEST

START_TEST(a_hook_for_failures_is_told_of_one)
{
    ck_assert_int_eq(rehearse("mourn", "{\"action\":\"pay\"}", (struct rehearsal_setup){0}), 0);
    ck_assert(rehearsal.started && rehearsal.failed);
    assert_text("event", "job.failed");
    ck_assert_ptr_nonnull(json_object_get(json_object_get(rehearsal.record, "failed"), "error"));
}
END_TEST

START_TEST(what_is_no_request_is_refused)
{
    static const char *const wrong[] = {"[]", "{}", "{\"action\":5}",
                                        "{\"action\":\"pay\",\"context\":[1]}"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(rehearse("tell", wrong[i], (struct rehearsal_setup){0}), -EINVAL);
        ck_assert_str_ne(problem.text, "");
    }
    ck_assert_int_eq(rehearse("tell", "{\"action\":\"unknown\",\"expiresIn\":1e3,\"status\":[]}",
                              (struct rehearsal_setup){0}),
                     0);
    ck_assert(!rehearsal.started);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl rehearsal");
    TCase *tests = tcase_create("rehearsal");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_registration_counts_as_decided_so_that_the_hook_runs);
    tcase_add_test(tests, what_is_said_counts_before_what_was_and_that_before_what_may_be);
    tcase_add_test(tests, a_record_that_a_hook_got_is_taken_as_well);
    tcase_add_test(tests, a_fan_out_gets_an_item_in_place_of_the_array);
    tcase_add_test(tests, a_hook_for_failures_is_told_of_one);
    tcase_add_test(tests, what_is_no_request_is_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
