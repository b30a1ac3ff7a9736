/*
 * Requests: added once, found, decided once, listed, and due.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

START_TEST(every_field_comes_back_as_it_was)
{
    struct store_request request = fixture_request("req:1.a_b-c");
    struct store_request found;
    request.client_id = (char *)"client-7";
    request.owner = (char *)"uid:1000";
    request.reason = (char *)"Zwölf Boxkämpfer";
    request.urgency = URGENCY_HIGH;
    memset(request.body_digest, 0xd1, sizeof request.body_digest);
    int64_t number = fixture_add(&request);

    ck_assert_int_eq(store_request_find(store, "daimon", "req:1.a_b-c", &found), 0);
    ck_assert_int_eq(found.number, number);
    ck_assert_str_eq(found.service, "daimon");
    ck_assert_str_eq(found.id, "req:1.a_b-c");
    ck_assert_str_eq(found.client_id, "client-7");
    ck_assert_str_eq(found.owner, "uid:1000");
    ck_assert_str_eq(found.action, "bulk_send");
    ck_assert_str_eq(found.reason, "Zwölf Boxkämpfer");
    ck_assert_int_eq(found.urgency, URGENCY_HIGH);
    ck_assert_mem_eq(found.body_digest, request.body_digest, sizeof found.body_digest);
    ck_assert_int_eq(found.state, REQUEST_PENDING);
    ck_assert_int_eq(found.created_at, request.created_at);
    ck_assert_int_eq(found.expires_at, request.expires_at);
    ck_assert_int_eq(found.deadline, request.deadline);
    ck_assert_int_eq(found.final_at, 0);
    ck_assert_ptr_null(found.decided_by);
    ck_assert_int_eq(found.decided_at, 0);
    ck_assert_ptr_null(found.denial_reason);
    store_request_free(&found);
    store_request_free(NULL);
}
END_TEST

START_TEST(the_same_id_of_the_same_service_is_there_already)
{
    struct store_request request = fixture_request("req_1");
    int64_t number = fixture_add(&request);
    int64_t second = -1;
    ck_assert_int_eq(store_request_add(store, &request, "{}", &second), -EEXIST);
    ck_assert_int_eq(second, -1);
    ck_assert_int_eq(fixture_add_id("req_2"), number + 1);
}
END_TEST

START_TEST(two_services_may_use_the_same_id)
{
    struct store_request request = fixture_request("req_1");
    struct store_request found;
    int count = 0;
    int64_t first = 0;
    int64_t number = fixture_add(&request);
    request.service = (char *)"other";
    int64_t other = fixture_add(&request);

    ck_assert_int_eq(store_request_find(store, "other", "req_1", &found), 0);
    ck_assert_int_eq(found.number, other);
    ck_assert_str_eq(found.service, "other");
    store_request_free(&found);
    ck_assert_int_eq(store_request_count_id(store, "req_1", NULL, &count, &first), 0);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(first, number);
    ck_assert_int_eq(store_request_count_id(store, "req_2", NULL, &count, &first), 0);
    ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(services_keep_their_names_across_a_restart)
{
    struct store_request request = fixture_request("req_1");
    struct store_request found;
    (void)fixture_add(&request);
    request.service = (char *)"other";
    (void)fixture_add(&request);
    fixture_reopen();
    request.service = (char *)"third";
    (void)fixture_add(&request);
    ck_assert_int_eq(store_request_find(store, "other", "req_1", &found), 0);
    ck_assert_str_eq(found.service, "other");
    store_request_free(&found);
    ck_assert_int_eq(store_request_find(store, "third", "req_1", &found), 0);
    ck_assert_str_eq(found.service, "third");
    store_request_free(&found);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
    struct store_request found;
    char *context = NULL;
    (void)fixture_add_id("req_1");
    ck_assert_int_eq(store_request_find(store, "daimon", "req_2", &found), -ENOENT);
    ck_assert_int_eq(store_request_find(store, "unheard-of", "req_1", &found), -ENOENT);
    ck_assert_int_eq(store_request_find(store, "daimon", "REQ_1", &found), -ENOENT);
    ck_assert_int_eq(store_request_get(store, 99, &found), -ENOENT);
    ck_assert_int_eq(store_request_context(store, 99, &context), -ENOENT);
    ck_assert_int_eq(store_request_find_by_client_id(store, "uid:1", "c", &found), -ENOENT);
}
END_TEST

START_TEST(a_client_id_belongs_to_its_owner)
{
    struct store_request request = fixture_request("req_1");
    struct store_request found;
    int64_t number = 0;
    request.owner = (char *)"uid:1000";
    request.client_id = (char *)"c-1";
    (void)fixture_add(&request);
    request.id = (char *)"req_2";
    ck_assert_int_eq(store_request_add(store, &request, "{}", &number), -EEXIST);
    request.owner = (char *)"uid:1001";
    int64_t other = fixture_add(&request);
    ck_assert_int_eq(store_request_find_by_client_id(store, "uid:1001", "c-1", &found), 0);
    ck_assert_int_eq(found.number, other);
    store_request_free(&found);
}
END_TEST

START_TEST(a_context_of_16_mib_comes_back_as_it_was)
{
    size_t length = 16u << 20;
    struct store_request request = fixture_request("req_1");
    char *context = malloc(length + 1);
    char *found = NULL;
    int64_t number = 0;
    ck_assert_ptr_nonnull(context);
    for (size_t i = 0; i < length; i++) {
        context[i] = (char)('a' + i % 23);
    }
    context[length] = '\0';
    ck_assert_int_eq(store_request_add(store, &request, context, &number), 0);
    fixture_reopen();
    ck_assert_int_eq(store_request_context(store, number, &found), 0);
    ck_assert_int_eq(strcmp(found, context), 0);
    free(found);
    ck_assert_int_eq(store_request_long_context(store, number, &found), 0);
    ck_assert_int_eq(strcmp(found, context), 0);
    free(found);
    free(context);
}
END_TEST

START_TEST(a_decision_is_written_once)
{
    int64_t number = fixture_add_id("req_1");
    struct store_request request;
    ck_assert_int_eq(store_request_get(store, number, &request), 0);
    request.state = REQUEST_DENIED;
    request.final_at = FIXTURE_NOW + 7;
    request.decided_at = FIXTURE_NOW + 5;
    request.decided_by = strdup("ops@example.com");
    request.denial_reason = strdup("too many recipients");
    ck_assert_int_eq(store_request_decide(store, &request), 0);
    request.state = REQUEST_APPROVED;
    ck_assert_int_eq(store_request_decide(store, &request), -EEXIST);
    store_request_free(&request);

    fixture_reopen();
    ck_assert_int_eq(store_request_get(store, number, &request), 0);
    ck_assert_int_eq(request.state, REQUEST_DENIED);
    ck_assert_int_eq(request.final_at, FIXTURE_NOW + 7);
    ck_assert_int_eq(request.decided_at, FIXTURE_NOW + 5);
    ck_assert_str_eq(request.decided_by, "ops@example.com");
    ck_assert_str_eq(request.denial_reason, "too many recipients");
    ck_assert_str_eq(request.action, "bulk_send");
    store_request_free(&request);
}
END_TEST

START_TEST(what_is_not_there_can_not_be_decided)
{
    struct store_request request = fixture_request("req_1");
    request.number = 12;
    request.state = REQUEST_APPROVED;
    ck_assert_int_eq(store_request_decide(store, &request), -ENOENT);
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

static struct fixture_numbers list(enum request_state state, const char *action, int64_t before,
                                   int limit)
{
    struct store_request_filter filter = {.state = state, .action = action, .before = before};
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_request_list(store, &filter, limit, fixture_take_request, &taken), 0);
    return taken;
}

/* 1 to 6: every second one upgrades an account, the last two are approved. */
static void add_six(void)
{
    for (int i = 1; i <= 6; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "req_%d", i);
        struct store_request request = fixture_request(id);
        request.action = (char *)(i % 2 == 0 ? "account_upgrade" : "bulk_send");
        ck_assert_int_eq(fixture_add(&request), i);
    }
    fixture_decide(5, REQUEST_APPROVED, FIXTURE_NOW);
    fixture_decide(6, REQUEST_APPROVED, FIXTURE_NOW);
}

START_TEST(a_list_is_newest_first_in_pages)
{
    add_six();
    struct fixture_numbers page = list(REQUEST_STATE_COUNT, NULL, 0, 4);
    fixture_assert_numbers(&page, 4, 6, 5, 4, 3);
    page = list(REQUEST_STATE_COUNT, NULL, 3, 4);
    fixture_assert_numbers(&page, 2, 2, 1);
}
END_TEST

START_TEST(a_list_is_filtered_by_state_and_action)
{
    add_six();
    struct fixture_numbers page = list(REQUEST_PENDING, NULL, 0, 10);
    fixture_assert_numbers(&page, 4, 4, 3, 2, 1);
    page = list(REQUEST_APPROVED, NULL, 6, 10);
    fixture_assert_numbers(&page, 1, 5);
    page = list(REQUEST_STATE_COUNT, "account_upgrade", 0, 10);
    fixture_assert_numbers(&page, 3, 6, 4, 2);
    page = list(REQUEST_PENDING, "account_upgrade", 0, 10);
    fixture_assert_numbers(&page, 2, 4, 2);
    page = list(REQUEST_EXPIRED, "account_upgrade", 0, 10);
    fixture_assert_numbers(&page, 0);
}
END_TEST

START_TEST(filters_hold_where_a_state_is_common)
{
    struct store_request request = fixture_request("rare");
    request.action = (char *)"account_upgrade";
    int rare = (int)fixture_add(&request);
    for (int i = 0; i < 2500; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "req_%d", i);
        fixture_decide(fixture_add_id(id), i % 2 == 0 ? REQUEST_APPROVED : REQUEST_EXPIRED,
                       FIXTURE_NOW);
        (void)snprintf(id, sizeof id, "pending_%d", i);
        (void)fixture_add_id(id);
    }
    struct fixture_numbers page = list(REQUEST_PENDING, "account_upgrade", 0, 10);
    fixture_assert_numbers(&page, 1, rare);
    page = list(REQUEST_PENDING, NULL, 7, 2);
    fixture_assert_numbers(&page, 2, 5, 3);
    page = list(REQUEST_APPROVED, NULL, 7, 2);
    fixture_assert_numbers(&page, 2, 6, 2);
    page = list(REQUEST_EXPIRED, "bulk_send", 9, 2);
    fixture_assert_numbers(&page, 2, 8, 4);
}
END_TEST

static struct fixture_numbers list_of(const char *owner, enum request_state state,
                                      const char *action, int64_t before, int limit)
{
    struct store_request_filter filter = {
        .state = state, .action = action, .owner = owner, .before = before};
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_request_list(store, &filter, limit, fixture_take_request, &taken), 0);
    return taken;
}

/* 1 to 6: the first agent's are 1, 3 and 5; the last two are approved. */
static void add_six_of_two(void)
{
    for (int i = 1; i <= 6; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "req_%d", i);
        struct store_request request = fixture_request(id);
        request.owner = (char *)(i % 2 == 0 ? "agent uid:2" : "agent uid:1");
        request.action = (char *)(i < 4 ? "account_upgrade" : "bulk_send");
        ck_assert_int_eq(fixture_add(&request), i);
    }
    fixture_decide(5, REQUEST_APPROVED, FIXTURE_NOW);
    fixture_decide(6, REQUEST_APPROVED, FIXTURE_NOW);
}

START_TEST(a_list_of_one_owner_has_nothing_of_another)
{
    add_six_of_two();
    struct fixture_numbers page = list_of("agent uid:1", REQUEST_STATE_COUNT, NULL, 0, 2);
    fixture_assert_numbers(&page, 2, 5, 3);
    page = list_of("agent uid:1", REQUEST_STATE_COUNT, NULL, 3, 2);
    fixture_assert_numbers(&page, 1, 1);
    page = list_of("agent uid:2", REQUEST_PENDING, NULL, 0, 9);
    fixture_assert_numbers(&page, 2, 4, 2);
    page = list_of("agent uid:2", REQUEST_APPROVED, "bulk_send", 0, 9);
    fixture_assert_numbers(&page, 1, 6);
    page = list_of("agent uid:1", REQUEST_PENDING, "account_upgrade", 0, 9);
    fixture_assert_numbers(&page, 2, 3, 1);
    page = list_of("uid:1", REQUEST_STATE_COUNT, NULL, 0, 9);
    fixture_assert_numbers(&page, 0);
}
END_TEST

START_TEST(an_id_is_counted_among_the_requests_of_one_owner)
{
    int count = 0;
    int64_t first = 0;
    add_six_of_two();
    ck_assert_int_eq(store_request_count_id(store, "req_3", "agent uid:1", &count, &first), 0);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(first, 3);
    ck_assert_int_eq(store_request_count_id(store, "req_3", "agent uid:2", &count, &first), 0);
    ck_assert_int_eq(count, 0);
}
END_TEST

static int refuse_second(void *userdata, const struct store_request *request)
{
    int *count = userdata;
    return ++*count == 2 ? -ECANCELED : 0;
}

START_TEST(a_callback_ends_the_list)
{
    struct store_request_filter filter = {.state = REQUEST_STATE_COUNT};
    int count = 0;
    add_six();
    ck_assert_int_eq(store_request_list(store, &filter, 10, refuse_second, &count), -ECANCELED);
    ck_assert_int_eq(count, 2);
}
END_TEST

static int list_inside(void *userdata, const struct store_request *request)
{
    struct fixture_numbers *all = userdata;
    struct fixture_numbers inner = list(REQUEST_STATE_COUNT, NULL, request->number, 1);
    return fixture_take_request(all, request) != 0 || inner.count > 1 ? -1 : 0;
}

START_TEST(a_callback_may_read_the_same_list)
{
    struct store_request_filter filter = {.state = REQUEST_STATE_COUNT};
    struct fixture_numbers all = {.count = 0};
    add_six();
    ck_assert_int_eq(store_request_list(store, &filter, 10, list_inside, &all), 0);
    fixture_assert_numbers(&all, 6, 6, 5, 4, 3, 2, 1);
}
END_TEST

/* --- deadlines -------------------------------------------------------------------------------- */

static int64_t add_due(const char *id, int64_t deadline)
{
    struct store_request request = fixture_request(id);
    request.deadline = deadline;
    return fixture_add(&request);
}

/* When the store wants to be asked again; after everything that is decided has been passed over. */
static void assert_next_deadline(int expected, int64_t deadline)
{
    int64_t next = -1;
    ck_assert_int_eq(store_request_next_deadline(store, &next), expected);
    ck_assert_int_eq(next, deadline);
}

START_TEST(requests_are_due_in_the_order_of_their_deadlines)
{
    int64_t numbers[8];
    int count = -1;
    assert_next_deadline(-ENOENT, -1);
    int64_t late = add_due("late", FIXTURE_NOW + 300);
    int64_t soon = add_due("soon", FIXTURE_NOW + 100);
    int64_t between = add_due("between", FIXTURE_NOW + 200);
    (void)add_due("never", 0);

    assert_next_deadline(0, FIXTURE_NOW + 100);
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 99, numbers, 8, &count), 0);
    ck_assert_int_eq(count, 0);
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 200, numbers, 8, &count), 0);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(numbers[0], soon);
    ck_assert_int_eq(numbers[1], between);
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 999, numbers, 2, &count), 0);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 999, numbers, 8, &count), 0);
    ck_assert_int_eq(count, 3);
    ck_assert_int_eq(numbers[2], late);
}
END_TEST

START_TEST(a_decided_request_is_never_due)
{
    int64_t numbers[8];
    int count = -1;
    int64_t decided = add_due("decided", FIXTURE_NOW + 100);
    int64_t open = add_due("open", FIXTURE_NOW + 200);
    fixture_decide(decided, REQUEST_APPROVED, FIXTURE_NOW);
    fixture_reopen();
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 999, numbers, 8, &count), 0);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(numbers[0], open);
    assert_next_deadline(0, FIXTURE_NOW + 200);
    fixture_decide(open, REQUEST_EXPIRED, FIXTURE_NOW + 200);
    ck_assert_int_eq(store_request_due(store, FIXTURE_NOW + 999, numbers, 8, &count), 0);
    ck_assert_int_eq(count, 0);
    assert_next_deadline(-ENOENT, -1);
}
END_TEST

/* --- counts ----------------------------------------------------------------------------------- */

START_TEST(counts_are_right_and_stay_right_across_a_restart)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];
    struct store_request held = fixture_request("held");
    add_six();
    held.state = REQUEST_HELD;
    (void)fixture_add(&held);
    (void)fixture_job(5, "tell-team", JOB_QUEUED);
    (void)fixture_job(5, "tell-team", JOB_SUCCEEDED);
    (void)fixture_job(6, "tell-team", JOB_SUCCEEDED);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(store_count(store, requests, jobs), 0);
        ck_assert_int_eq(requests[REQUEST_HELD], 1);
        ck_assert_int_eq(requests[REQUEST_PENDING], 4);
        ck_assert_int_eq(requests[REQUEST_APPROVED], 2);
        ck_assert_int_eq(requests[REQUEST_DENIED], 0);
        ck_assert_int_eq(jobs[JOB_QUEUED], 1);
        ck_assert_int_eq(jobs[JOB_SUCCEEDED], 2);
        ck_assert_int_eq(jobs[JOB_FAILED], 0);
        fixture_reopen();
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("request");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, every_field_comes_back_as_it_was);
    tcase_add_test(tests, the_same_id_of_the_same_service_is_there_already);
    tcase_add_test(tests, two_services_may_use_the_same_id);
    tcase_add_test(tests, services_keep_their_names_across_a_restart);
    tcase_add_test(tests, what_is_not_there_is_not_found);
    tcase_add_test(tests, a_client_id_belongs_to_its_owner);
    tcase_add_test(tests, a_context_of_16_mib_comes_back_as_it_was);
    tcase_add_test(tests, a_decision_is_written_once);
    tcase_add_test(tests, what_is_not_there_can_not_be_decided);
    tcase_add_test(tests, a_list_is_newest_first_in_pages);
    tcase_add_test(tests, a_list_is_filtered_by_state_and_action);
    tcase_add_test(tests, filters_hold_where_a_state_is_common);
    tcase_add_test(tests, a_list_of_one_owner_has_nothing_of_another);
    tcase_add_test(tests, an_id_is_counted_among_the_requests_of_one_owner);
    tcase_add_test(tests, a_callback_ends_the_list);
    tcase_add_test(tests, a_callback_may_read_the_same_list);
    tcase_add_test(tests, requests_are_due_in_the_order_of_their_deadlines);
    tcase_add_test(tests, a_decided_request_is_never_due);
    tcase_add_test(tests, counts_are_right_and_stay_right_across_a_restart);
    return fixture_run(tests, "store_request");
}
