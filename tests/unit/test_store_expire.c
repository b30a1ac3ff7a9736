/*
 * Retention and the order of events: what is old goes, in steps, and leaves its tombstone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

#define OLD (FIXTURE_NOW - 1000)

static int take_event(void *userdata, const struct store_event *event)
{
    struct fixture_numbers *taken = userdata;
    taken->numbers[taken->count++] = event->sequence;
    return 0;
}

static void add_event(int64_t request, int64_t at)
{
    struct store_event event = {.at = at, .kind = "request.test", .request = request};
    ck_assert_int_eq(store_event_add(store, &event), 0);
}

static struct fixture_numbers events_of(int64_t request)
{
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_event_list(store, request, 64, take_event, &taken), 0);
    return taken;
}

static int expire(int limit)
{
    int removed = -1;
    ck_assert_int_eq(store_expire(store, FIXTURE_NOW, limit, &removed), 0);
    return removed;
}

/* A decided request with all that can belong to one. */
static int64_t add_whole(const char *id, enum request_state state, enum job_state job_state)
{
    int64_t request = fixture_add_id(id);
    int64_t job = fixture_job(request, "tell-team", job_state);
    struct store_delivery first = fixture_delivery("evt_1", id, request);
    struct store_delivery second = fixture_delivery("evt_2", id, request);
    struct protocol_output output = {.head = "hello", .head_length = 5};
    struct store_attempt attempt = {
        .job = job, .item = PROTOCOL_NO_ITEM, .n = 1, .ended_at = OLD, .ending = ENDING_SUCCEEDED};
    ck_assert_int_eq(store_delivery_add(store, &first), 0);
    ck_assert_int_eq(store_delivery_add(store, &second), 0);
    add_event(request, OLD);
    fixture_attempt(job, 1, STORE_EXECUTOR_RUNNER, OLD);
    ck_assert_int_eq(store_attempt_end(store, &attempt, &output, NULL), 0);
    fixture_decide(request, state, OLD);
    return request;
}

static int refuse(void *userdata, const struct protocol_output *standard_output,
                  const struct protocol_output *standard_error)
{
    return -ECANCELED;
}

START_TEST(what_happened_to_a_request_is_told_in_order)
{
    add_event(1, OLD);
    add_event(2, OLD);
    add_event(0, OLD);
    fixture_reopen();
    add_event(1, OLD);
    struct fixture_numbers taken = events_of(1);
    fixture_assert_numbers(&taken, 2, 1, 4);
    taken = events_of(9);
    fixture_assert_numbers(&taken, 0);
}
END_TEST

static int compare_event(void *userdata, const struct store_event *event)
{
    const struct store_event *expected = userdata;
    ck_assert_int_eq(event->at, expected->at);
    ck_assert_str_eq(event->kind, expected->kind);
    ck_assert_int_eq(event->request, expected->request);
    ck_assert_int_eq(event->job, expected->job);
    ck_assert_pstr_eq(event->details, expected->details);
    return 0;
}

START_TEST(every_field_of_an_event_comes_back_as_it_was)
{
    struct store_event event = {.at = FIXTURE_NOW,
                                .kind = "job.started",
                                .request = 3,
                                .job = 4,
                                .details = "{\"attempt\":1}"};
    ck_assert_int_eq(store_event_add(store, &event), 0);
    ck_assert_int_eq(store_event_list(store, 3, 1, compare_event, &event), 0);
    event.details = NULL;
    event.request = 5;
    ck_assert_int_eq(store_event_add(store, &event), 0);
    ck_assert_int_eq(store_event_list(store, 5, 1, compare_event, &event), 0);
}
END_TEST

START_TEST(an_old_request_goes_with_all_that_belongs_to_it_and_leaves_its_tombstone)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];
    struct store_request request;
    struct store_attempt attempt;
    struct store_job job;
    enum request_state state = REQUEST_PENDING;
    char *context = NULL;
    int64_t number = add_whole("req_1", REQUEST_DENIED, JOB_SUCCEEDED);
    ck_assert_int_eq(store_tombstone_find(store, "daimon", "req_1", &state), -ENOENT);

    ck_assert_int_eq(expire(10), 1);
    fixture_reopen();
    ck_assert_int_eq(store_request_find(store, "daimon", "req_1", &request), -ENOENT);
    ck_assert_int_eq(store_request_get(store, number, &request), -ENOENT);
    ck_assert_int_eq(store_request_context(store, number, &context), -ENOENT);
    ck_assert_int_eq(store_job_get(store, 1, &job), -ENOENT);
    ck_assert_int_eq(store_attempt_get(store, 1, PROTOCOL_NO_ITEM, 1, &attempt), -ENOENT);
    ck_assert_int_eq(store_output_get(store, 1, PROTOCOL_NO_ITEM, 1, refuse, NULL), -ENOENT);
    ck_assert_int_eq(events_of(number).count, 0);
    ck_assert_int_eq(store_count(store, requests, jobs), 0);
    ck_assert_int_eq(requests[REQUEST_DENIED], 0);
    ck_assert_int_eq(jobs[JOB_SUCCEEDED], 0);
    ck_assert_int_eq(store_tombstone_find(store, "daimon", "req_1", &state), 0);
    ck_assert_int_eq(state, REQUEST_DENIED);
    ck_assert_int_eq(store_tombstone_find(store, "other", "req_1", &state), -ENOENT);
    ck_assert_int_eq(store_tombstone_find(store, "daimon", "req_2", &state), -ENOENT);
}
END_TEST

START_TEST(counts_follow_what_goes)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];
    (void)add_whole("req_1", REQUEST_DENIED, JOB_SUCCEEDED);
    (void)fixture_add_id("req_2");
    ck_assert_int_eq(expire(10), 1);
    ck_assert_int_eq(store_count(store, requests, jobs), 0);
    ck_assert_int_eq(requests[REQUEST_DENIED], 0);
    ck_assert_int_eq(requests[REQUEST_PENDING], 1);
    ck_assert_int_eq(jobs[JOB_SUCCEEDED], 0);
}
END_TEST

START_TEST(what_is_not_over_or_not_old_stays)
{
    static const enum job_state open[] = {JOB_QUEUED, JOB_RUNNING, JOB_INTERRUPTED};
    struct store_request request;
    for (size_t i = 0; i < 3; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "open_%zu", i);
        (void)add_whole(id, REQUEST_APPROVED, open[i]);
    }
    (void)fixture_add_id("pending");
    fixture_decide(fixture_add_id("fresh"), REQUEST_APPROVED, FIXTURE_NOW);
    ck_assert_int_eq(expire(10), 0);
    ck_assert_int_eq(store_request_find(store, "daimon", "open_0", &request), 0);
    store_request_free(&request);
    ck_assert_int_eq(store_request_find(store, "daimon", "fresh", &request), 0);
    store_request_free(&request);
}
END_TEST

START_TEST(retention_goes_in_steps_oldest_first)
{
    struct store_request request;
    for (int i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "req_%d", i);
        fixture_decide(fixture_add_id(id), REQUEST_EXPIRED, OLD - i);
    }
    ck_assert_int_eq(expire(2), 2);
    ck_assert_int_eq(store_request_find(store, "daimon", "req_4", &request), -ENOENT);
    ck_assert_int_eq(store_request_find(store, "daimon", "req_2", &request), 0);
    store_request_free(&request);
    ck_assert_int_eq(expire(2), 2);
    ck_assert_int_eq(expire(2), 1);
    ck_assert_int_eq(expire(2), 0);
}
END_TEST

START_TEST(numbers_of_what_is_gone_are_not_given_again)
{
    int64_t number = add_whole("req_1", REQUEST_APPROVED, JOB_SUCCEEDED);
    ck_assert_int_eq(expire(10), 1);
    fixture_reopen();
    ck_assert_int_eq(fixture_add_id("req_2"), number + 1);
    ck_assert_int_eq(fixture_job(number + 1, "tell-team", JOB_QUEUED), 2);
    add_event(number + 1, OLD);
    struct fixture_numbers taken = events_of(number + 1);
    fixture_assert_numbers(&taken, 1, 2);
}
END_TEST

START_TEST(an_id_that_was_registered_again_is_buried_again)
{
    enum request_state state = REQUEST_PENDING;
    fixture_decide(fixture_add_id("req_1"), REQUEST_APPROVED, OLD);
    ck_assert_int_eq(expire(10), 1);
    fixture_decide(fixture_add_id("req_1"), REQUEST_CANCELED, OLD);
    ck_assert_int_eq(expire(10), 1);
    ck_assert_int_eq(store_tombstone_find(store, "daimon", "req_1", &state), 0);
    ck_assert_int_eq(state, REQUEST_CANCELED);
}
END_TEST

/* What was captured of the buried one would decide the other. */
START_TEST(no_request_takes_the_id_of_one_that_is_buried)
{
    struct store_request request;
    fixture_decide(fixture_add_id("req_1"), REQUEST_APPROVED, OLD);
    ck_assert_int_eq(expire(10), 1);
    int64_t number = fixture_add_id("local");
    ck_assert_int_eq(store_request_get(store, number, &request), 0);
    free(request.id);
    request.id = strdup("req_1");
    ck_assert_int_eq(store_request_advance(store, &request), -EEXIST);
    free(request.id);
    request.id = strdup("req_2");
    ck_assert_int_eq(store_request_advance(store, &request), 0);
    store_request_free(&request);
}
END_TEST

START_TEST(deliveries_and_events_that_belong_to_none_go_by_their_age)
{
    struct store_delivery old = fixture_delivery("old", "", 0);
    struct store_delivery fresh = fixture_delivery("fresh", "", 0);
    old.received_at = OLD;
    ck_assert_int_eq(store_delivery_add(store, &old), 0);
    ck_assert_int_eq(store_delivery_add(store, &fresh), 0);
    for (int i = 0; i < 3; i++) {
        add_event(0, OLD);
    }
    add_event(0, FIXTURE_NOW);
    ck_assert_int_eq(expire(2), 2);
    ck_assert_int_eq(expire(2), 1);
    ck_assert_int_eq(expire(2), 0);
    struct fixture_numbers taken = events_of(0);
    fixture_assert_numbers(&taken, 1, 4);
    ck_assert_int_eq(store_delivery_add(store, &old), 0);
    ck_assert_int_eq(store_delivery_add(store, &fresh), -EEXIST);
}
END_TEST

/* --- all events, in order --------------------------------------------------------------------- */

static struct fixture_numbers events_after(int64_t after, const char *owner, int limit,
                                           int64_t *ret_reached)
{
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_event_after(store, after, owner, limit, take_event, &taken, ret_reached),
                     0);
    return taken;
}

static int64_t add_owned(const char *id, const char *owner)
{
    struct store_request request = fixture_request(id);
    request.owner = (char *)(uintptr_t)owner;
    return fixture_add(&request);
}

START_TEST(pages_of_events_go_on_where_the_last_one_ended)
{
    int64_t reached = -1;
    struct fixture_numbers taken = events_after(0, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 0);
    ck_assert_int_eq(reached, 0);
    for (int i = 0; i < 5; i++) {
        add_event(0, OLD);
    }
    taken = events_after(0, NULL, 2, &reached);
    fixture_assert_numbers(&taken, 2, 1, 2);
    ck_assert_int_eq(reached, 2);
    fixture_reopen();
    add_event(0, OLD);
    taken = events_after(reached, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 4, 3, 4, 5, 6);
    ck_assert_int_eq(reached, 6);
    taken = events_after(reached, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 0);
    ck_assert_int_eq(reached, 6);
    taken = events_after(99, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 0);
    ck_assert_int_eq(reached, 6);
}
END_TEST

START_TEST(a_cursor_stays_right_over_retention)
{
    int64_t reached = -1;
    for (int i = 0; i < 6; i++) {
        add_event(0, i < 4 ? OLD : FIXTURE_NOW);
    }
    ck_assert_int_eq(expire(10), 4);
    struct fixture_numbers taken = events_after(2, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 2, 5, 6);
    ck_assert_int_eq(expire(10), 0);
    int removed = -1;
    ck_assert_int_eq(store_expire(store, FIXTURE_NOW + 1, 10, &removed), 0);
    ck_assert_int_eq(removed, 2);
    fixture_reopen();
    ck_assert_int_eq(store_event_newest(store), 6);
    add_event(0, FIXTURE_NOW);
    taken = events_after(reached, NULL, 10, &reached);
    fixture_assert_numbers(&taken, 1, 7);
}
END_TEST

START_TEST(an_owner_is_told_of_own_requests_only_and_comes_past_the_others)
{
    int64_t alice = add_owned("req_a", "agent uid:1");
    int64_t bob = add_owned("req_b", "agent uid:2");
    int64_t reached = 0;
    add_event(alice, OLD);
    for (int i = 0; i < STORE_EVENT_LOOKS + 10; i++) {
        add_event(i % 2 ? bob : 0, OLD);
    }
    add_event(alice, OLD);
    struct fixture_numbers taken = events_after(0, "agent uid:1", 10, &reached);
    fixture_assert_numbers(&taken, 1, 1);
    ck_assert_int_eq(reached, STORE_EVENT_LOOKS);
    taken = events_after(reached, "agent uid:1", 10, &reached);
    fixture_assert_numbers(&taken, 1, STORE_EVENT_LOOKS + 12);
    ck_assert_int_eq(reached, STORE_EVENT_LOOKS + 12);
    taken = events_after(0, "agent uid:1", 1, &reached);
    ck_assert_int_eq(reached, 1);
    taken = events_after(reached, "agent uid:3", 10, &reached);
    fixture_assert_numbers(&taken, 0);
    ck_assert_int_eq(reached, 1 + STORE_EVENT_LOOKS);
}
END_TEST

static int take_request_of(void *userdata, const struct store_event *event)
{
    const char **id = userdata;
    ck_assert_pstr_eq(event->service, id[0] ? "daimon" : NULL);
    ck_assert_pstr_eq(event->request_id, id[0]);
    return 1;
}

START_TEST(an_event_says_whose_it_is_and_its_reader_may_have_enough)
{
    const char *id = "req_a";
    int64_t reached = 0;
    add_event(fixture_add_id(id), OLD);
    add_event(0, OLD);
    ck_assert_int_eq(store_event_after(store, 0, NULL, 10, take_request_of, &id, &reached), 0);
    ck_assert_int_eq(reached, 1);
    id = NULL;
    ck_assert_int_eq(store_event_after(store, 1, NULL, 10, take_request_of, &id, &reached), 0);
    ck_assert_int_eq(reached, 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("expire");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, what_happened_to_a_request_is_told_in_order);
    tcase_add_test(tests, every_field_of_an_event_comes_back_as_it_was);
    tcase_add_test(tests, an_old_request_goes_with_all_that_belongs_to_it_and_leaves_its_tombstone);
    tcase_add_test(tests, counts_follow_what_goes);
    tcase_add_test(tests, what_is_not_over_or_not_old_stays);
    tcase_add_test(tests, retention_goes_in_steps_oldest_first);
    tcase_add_test(tests, numbers_of_what_is_gone_are_not_given_again);
    tcase_add_test(tests, an_id_that_was_registered_again_is_buried_again);
    tcase_add_test(tests, no_request_takes_the_id_of_one_that_is_buried);
    tcase_add_test(tests, deliveries_and_events_that_belong_to_none_go_by_their_age);
    tcase_add_test(tests, pages_of_events_go_on_where_the_last_one_ended);
    tcase_add_test(tests, a_cursor_stays_right_over_retention);
    tcase_add_test(tests, an_owner_is_told_of_own_requests_only_and_comes_past_the_others);
    tcase_add_test(tests, an_event_says_whose_it_is_and_its_reader_may_have_enough);
    return fixture_run(tests, "store_expire");
}
