/*
 * What became of a request, as the control interface tells it: one request with all that happened,
 * lists in pages, jobs; and canceling one.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/suite.h"

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "[action note]\n"
                           "on_granted = note\n"
                           "on_denied = note\n"
                           "[action twice]\n"
                           "on_granted = note, again\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS\" >>%DIR%/notes\n"
                           "[hook again]\n"
                           "shell = exit 3\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* --- one request ------------------------------------------------------------------------------ */

START_TEST(a_request_is_shown_with_all_that_happened)
{
    json_t *request;

    house_register_as(house, "req_1", "twice");
    house_decide(house,
                 "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
                 "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
                 "matched");
    house_await_settled(house, "req_1", 2);
    request = house_get(house, "/v1/requests/req_1");
    ck_assert_str_eq(text_at(request, "/status"), "approved");
    ck_assert_str_eq(text_at(request, "/decidedBy"), "ops@example.com");
    ck_assert_str_eq(text_at(request, "/decidedAt"), "2026-03-16T10:30:45.123Z");
    ck_assert_str_eq(text_at(request, "/jobs/0/hook"), "note");
    ck_assert_str_eq(text_at(request, "/jobs/0/state"), "succeeded");
    ck_assert_str_eq(text_at(request, "/jobs/1/hook"), "again");
    ck_assert_str_eq(text_at(request, "/jobs/1/state"), "failed");
    ck_assert_str_eq(text_at(request, "/jobs/1/error"), "exit status 3");
    ck_assert_str_eq(text_at(request, "/events/0/kind"), "request.registered");
    ck_assert_str_eq(text_at(request, "/events/1/kind"), "request.approved");
    ck_assert_str_eq(text_at(request, "/events/1/details/decidedBy"), "ops@example.com");
    ck_assert_uint_eq(json_array_size(json_object_get(request, "events")), 8);
    free(event_kinds(request));
    json_decref(request);
}
END_TEST

START_TEST(events_stand_in_the_order_in_which_they_happened)
{
    house_register_as(house, "req_1", "note");
    house_approve(house, "req_1");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_decide(house, "{\"event_id\":\"2\",\"requestId\":\"req_1\",\"status\":\"approved\"}",
                 "late");
    house_decide_as(house, "req_1", "denied", "conflict");
    house_expect_events(house, "req_1",
                        "request.registered request.approved job.queued job.started "
                        "job.succeeded decision.late decision.conflict");
}
END_TEST

START_TEST(an_id_may_be_percent_encoded)
{
    json_t *request;

    house_register_as(house, "team:req.1_a-b", "note");
    request = house_get(house, "/v1/approvals/team%3Areq%2e1_a-b");
    ck_assert_str_eq(text_at(request, "/requestId"), "team:req.1_a-b");
    json_decref(request);
    json_decref(house_get(house, "/v1/approvals/team:req.1_a-b"));
    json_decref(answer_take(
        house_control(house, "POST", "/v1/requests/team%3areq.1_a-b/cancel", NULL), 200));
    json_decref(house_get(house, "/v1/jobs?request=team%3Areq.1_a-b"));
    answer_expect_error(house_control(house, "GET", "/v1/approvals/team%2Freq", NULL), 404,
                        "not_found", "team/req");
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

/* The requests of a page as `a b c`, and its cursor, "" if it is the last page. */
static char *page(const char *path, char ret_cursor[32])
{
    json_t *answer = house_get(house, path);
    const json_t *rows = json_object_get(answer, "requests");
    char *ids = calloc(1, json_array_size(rows) * 208 + 1);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        (void)strcat(strcat(ids, i ? " " : ""), text_at(row, "/requestId"));
        ck_assert_ptr_null(json_object_get(row, "context"));
    }
    (void)snprintf(ret_cursor, 32, "%s", text_at(answer, "/cursor"));
    json_decref(answer);
    return ids;
}

static void expect_page(const char *path, const char *expected)
{
    char cursor[32];
    char *ids = page(path, cursor);

    ck_assert_str_eq(ids, expected);
    ck_assert_str_eq(cursor, "");
    free(ids);
}

START_TEST(lists_are_newest_first_and_filtered)
{
    house_register_as(house, "a", "note");
    house_register_as(house, "b", "pay all");
    house_register_as(house, "c", "note");
    house_register_as(house, "d", "pay all");
    house_approve(house, "a");
    house_decide_as(house, "b", "denied", "matched");
    json_decref(answer_take(house_cancel(house, "d"), 200));
    expect_page("/v1/requests", "d c b a");
    expect_page("/v1/requests?state=pending", "c");
    expect_page("/v1/requests?state=approved", "a");
    expect_page("/v1/requests?state=canceled", "d");
    expect_page("/v1/requests?state=expired", "");
    expect_page("/v1/requests?action=note", "c a");
    expect_page("/v1/requests?action=pay%20all", "d b");
    expect_page("/v1/requests?action=pay", "");
    expect_page("/v1/requests?state=denied&action=pay%20all", "b");
    expect_page("/v1/requests?action=note&state=denied", "");
}
END_TEST

START_TEST(pages_stay_right_while_rows_are_added)
{
    char cursor[32];
    char *path;
    char *ids;

    for (char id[] = "a"; id[0] <= 'g'; id[0]++) {
        house_register_as(house, id, "note");
    }
    ids = page("/v1/requests?limit=3", cursor);
    ck_assert_str_eq(ids, "g f e");
    free(ids);
    house_register_as(house, "h", "note");
    house_decide_as(house, "e", "denied", "matched");
    house_decide_as(house, "d", "denied", "matched");
    path = house_format(house, "/v1/requests?limit=3&cursor=%s", cursor);
    ids = page(path, cursor);
    ck_assert_str_eq(ids, "d c b");
    free(ids);
    free(path);
    house_register_as(house, "i", "note");
    path = house_format(house, "/v1/requests?cursor=%s&limit=3", cursor);
    expect_page(path, "a");
    free(path);
}
END_TEST

START_TEST(filters_hold_on_every_page)
{
    char cursor[32];
    char *path;
    char *ids;

    for (char id[] = "a"; id[0] <= 'f'; id[0]++) {
        house_register_as(house, id, id[0] % 2 ? "note" : "other");
    }
    ids = page("/v1/requests?action=note&state=pending&limit=2", cursor);
    ck_assert_str_eq(ids, "e c");
    free(ids);
    path = house_format(house, "/v1/requests?action=note&state=pending&limit=2&cursor=%s", cursor);
    expect_page(path, "a");
    free(path);
}
END_TEST

/* The hooks of the listed jobs as `a b c`. */
static void expect_jobs(const char *path, const char *expected, const char *cursor)
{
    json_t *answer = house_get(house, path);
    const json_t *rows = json_object_get(answer, "jobs");
    char hooks[512] = "";

    for (size_t i = 0; i < json_array_size(rows); i++) {
        (void)strcat(strcat(hooks, i ? " " : ""), text_at(json_array_get(rows, i), "/hook"));
    }
    ck_assert_str_eq(hooks, expected);
    ck_assert_str_eq(text_at(answer, "/cursor"), cursor);
    json_decref(answer);
}

START_TEST(jobs_are_listed_newest_first_and_filtered)
{
    house_register_as(house, "req_1", "twice");
    house_register_as(house, "req_2", "note");
    house_approve(house, "req_1");
    house_approve(house, "req_2");
    house_await_settled(house, "req_1", 2);
    house_await_settled(house, "req_2", 1);
    expect_jobs("/v1/jobs", "note again note", "");
    expect_jobs("/v1/jobs?request=req_1", "again note", "");
    expect_jobs("/v1/jobs?hook=note", "note note", "");
    expect_jobs("/v1/jobs?state=failed", "again", "");
    expect_jobs("/v1/jobs?state=failed&hook=note", "", "");
    expect_jobs("/v1/jobs?limit=2", "note again", "2");
    expect_jobs("/v1/jobs?limit=2&cursor=2", "note", "");
}
END_TEST

START_TEST(a_job_is_shown_with_its_attempts_and_output)
{
    json_t *job;
    json_t *output;

    house_register_as(house, "req_1", "twice");
    house_approve(house, "req_1");
    house_await_settled(house, "req_1", 2);
    job = house_get(house, "/v1/jobs/2");
    ck_assert_str_eq(text_at(job, "/requestId"), "req_1");
    ck_assert_str_eq(text_at(job, "/hook"), "again");
    ck_assert_uint_eq(json_array_size(json_object_get(job, "attempts")), 1);
    ck_assert_str_eq(text_at(job, "/attempts/0/executor"), "runner");
    ck_assert_str_eq(text_at(job, "/attempts/0/state"), "failed");
    ck_assert_int_eq(number_at(job, "/attempts/0/exitCode"), 3);
    json_decref(job);
    output = house_get(house, "/v1/jobs/2/output?attempt=1");
    ck_assert_int_eq(number_at(output, "/attempt"), 1);
    ck_assert_str_eq(text_at(output, "/stdout/head"), "");
    json_decref(output);
    answer_expect_error(house_control(house, "GET", "/v1/jobs/2/output?attempt=2", NULL), 400,
                        "invalid_request", "attempt: expected");
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        "job 1 is succeeded");
}
END_TEST

/* --- canceling -------------------------------------------------------------------------------- */

START_TEST(a_cancel_ends_what_is_pending)
{
    char owner[32];
    json_t *request;

    (void)snprintf(owner, sizeof owner, "uid:%d", (int)geteuid());
    house_register_as(house, "req_1", "note");
    request = answer_take(house_cancel(house, "req_1"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    ck_assert_str_eq(text_at(request, "/decidedBy"), owner);
    json_decref(request);
    request = answer_take(house_cancel(house, "req_1"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    json_decref(request);
    house_decide_as(house, "req_1", "approved", "late");
    house_expect_events(house, "req_1", "request.registered request.canceled decision.late");
    answer_expect_error(house_cancel(house, "req_2"), 404, "not_found", "req_2");
}
END_TEST

START_TEST(a_cancel_after_the_decision_is_409)
{
    house_register_as(house, "req_1", "note");
    house_approve(house, "req_1");
    answer_expect_error(house_cancel(house, "req_1"), 409, "conflict", "req_1 is approved already");
    house_await_status(house, "req_1", "approved");
    house_register_as(house, "req_2", "note");
    house_decide_as(house, "req_2", "denied", "matched");
    answer_expect_error(house_cancel(house, "req_2"), 409, "conflict", "req_2 is denied already");
    house_await_lines(house, "notes", 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control show");
    TCase *showing = house_scenarios(suite, "showing", set_up, tear_down);
    TCase *canceling = house_scenarios(suite, "canceling", set_up, tear_down);

    tcase_add_test(showing, a_request_is_shown_with_all_that_happened);
    tcase_add_test(showing, events_stand_in_the_order_in_which_they_happened);
    tcase_add_test(showing, an_id_may_be_percent_encoded);
    tcase_add_test(showing, lists_are_newest_first_and_filtered);
    tcase_add_test(showing, pages_stay_right_while_rows_are_added);
    tcase_add_test(showing, filters_hold_on_every_page);
    tcase_add_test(showing, jobs_are_listed_newest_first_and_filtered);
    tcase_add_test(showing, a_job_is_shown_with_its_attempts_and_output);
    tcase_add_test(canceling, a_cancel_ends_what_is_pending);
    tcase_add_test(canceling, a_cancel_after_the_decision_is_409);
    return suite_run(suite);
}
