/*
 * Deliveries, which are known again, and early events, which wait for their request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_fixture.h"

START_TEST(a_delivery_is_known_again)
{
    int64_t number = fixture_add_id("req_1");
    struct store_delivery delivery = fixture_delivery("evt_1", "req_1", number);
    ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
    ck_assert_int_eq(store_delivery_add(store, &delivery), -EEXIST);
    fixture_reopen();
    delivery.received_at++;
    delivery.outcome = OUTCOME_LATE;
    ck_assert_int_eq(store_delivery_add(store, &delivery), -EEXIST);
}
END_TEST

START_TEST(every_later_delivery_is_known_again_too)
{
    int64_t number = fixture_add_id("req_1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "evt_%d", i);
            struct store_delivery delivery = fixture_delivery(id, "req_1", number);
            ck_assert_int_eq(store_delivery_add(store, &delivery), round == 0 ? 0 : -EEXIST);
        }
    }
}
END_TEST

START_TEST(another_decision_request_or_service_is_another_delivery)
{
    int64_t first = fixture_add_id("req_1");
    int64_t second = fixture_add_id("req_2");
    struct store_request request = fixture_request("req_1");
    request.service = (char *)"other";
    int64_t third = fixture_add(&request);

    struct store_delivery delivery = fixture_delivery("evt_1", "req_1", first);
    ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
    delivery.decision = DECISION_DENIED;
    ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
    delivery = fixture_delivery("evt_1", "req_2", second);
    ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
    delivery = fixture_delivery("evt_1", "req_1", third);
    delivery.service = "other";
    ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
}
END_TEST

START_TEST(deliveries_about_unknown_requests_and_about_none_are_known_again)
{
    struct store_delivery unknown = fixture_delivery("evt_1", "req_1", 0);
    struct store_delivery ignored = fixture_delivery("evt_1", "", 0);
    ignored.decision = -1;
    ignored.outcome = OUTCOME_IGNORED;
    ck_assert_int_eq(store_delivery_add(store, &unknown), 0);
    ck_assert_int_eq(store_delivery_add(store, &ignored), 0);
    ck_assert_int_eq(store_delivery_add(store, &unknown), -EEXIST);
    ck_assert_int_eq(store_delivery_add(store, &ignored), -EEXIST);
    unknown.service = "other";
    ck_assert_int_eq(store_delivery_add(store, &unknown), 0);
}
END_TEST

START_TEST(a_delivery_that_came_early_is_known_again_after_the_registration)
{
    static const char *const ids[] = {"evt_1", "evt_2"};
    for (size_t i = 0; i < 2; i++) {
        struct store_delivery delivery = fixture_delivery(ids[i], "req_1", 0);
        ck_assert_int_eq(store_delivery_add(store, &delivery), 0);
    }
    struct store_delivery other = fixture_delivery("evt_1", "req_2", 0);
    ck_assert_int_eq(store_delivery_add(store, &other), 0);

    int64_t number = fixture_add_id("req_1");
    for (size_t i = 0; i < 2; i++) {
        struct store_delivery delivery = fixture_delivery(ids[i], "req_1", number);
        ck_assert_int_eq(store_delivery_add(store, &delivery), -EEXIST);
    }
    ck_assert_int_eq(store_delivery_add(store, &other), -EEXIST);
}
END_TEST

/* Asked twice, a service may tell of one event under both ids that it gave. */
START_TEST(one_delivery_under_two_ids_of_a_request_is_one)
{
    static const char *const ids[] = {"req_1", "req_2", "req_3"};
    for (size_t i = 0; i < 3; i++) {
        struct store_delivery early = fixture_delivery("evt_1", ids[i], 0);
        ck_assert_int_eq(store_delivery_add(store, &early), 0);
    }
    int64_t number = fixture_add_id("req_1");
    ck_assert_int_eq(store_alias_add(store, "daimon", "req_2", number), 0);
    ck_assert_int_eq(store_alias_add(store, "daimon", "req_3", number), 0);

    struct store_delivery again = fixture_delivery("evt_1", "req_3", number);
    ck_assert_int_eq(store_delivery_add(store, &again), -EEXIST);
    fixture_reopen();
    ck_assert_int_eq(store_delivery_add(store, &again), -EEXIST);
}
END_TEST

/* --- early events ----------------------------------------------------------------------------- */

static struct store_early early_event(const char *id, const char *by)
{
    return (struct store_early){.service = "daimon",
                                .request_id = id,
                                .decision = DECISION_DENIED,
                                .received_at = FIXTURE_NOW,
                                .decided_at = FIXTURE_NOW - 1000,
                                .decided_by = by,
                                .reason = NULL};
}

/* Who decided, in the order in which the events were given. */
struct taken {
    char by[256];
    int count;
};

static int take_early(void *userdata, const struct store_early *early)
{
    struct taken *taken = userdata;
    ck_assert_str_eq(early->service, "daimon");
    ck_assert_str_eq(early->request_id, "req_1");
    ck_assert_int_eq(early->decision, DECISION_DENIED);
    ck_assert_int_eq(early->received_at, FIXTURE_NOW);
    ck_assert_int_eq(early->decided_at, FIXTURE_NOW - 1000);
    ck_assert_ptr_null(early->reason);
    (void)strncat(taken->by, !early->decided_by ? "nobody" : early->decided_by, 32);
    (void)strncat(taken->by, " ", 2);
    taken->count++;
    return 0;
}

static struct taken take(const char *service, const char *id)
{
    struct taken taken = {.count = 0};
    ck_assert_int_eq(store_early_take(store, service, id, take_early, &taken), 0);
    return taken;
}

static int add_early(const char *id, const char *by, int limit)
{
    struct store_early early = early_event(id, by);
    return store_early_add(store, &early, limit);
}

START_TEST(early_events_are_taken_once_in_the_order_they_came)
{
    ck_assert_int_eq(take("daimon", "req_1").count, 0);
    ck_assert_int_eq(add_early("req_1", "ann", 10), 0);
    ck_assert_int_eq(add_early("req_2", "bob", 10), 0);
    ck_assert_int_eq(add_early("req_1", NULL, 10), 0);
    fixture_reopen();
    ck_assert_int_eq(take("other", "req_1").count, 0);
    struct taken taken = take("daimon", "req_1");
    ck_assert_int_eq(taken.count, 2);
    ck_assert_str_eq(taken.by, "ann nobody ");
    ck_assert_int_eq(take("daimon", "req_1").count, 0);
}
END_TEST

START_TEST(each_service_has_a_limit_of_its_own_that_a_restart_knows)
{
    struct store_early other = early_event("req_9", "eve");
    other.service = "other";
    ck_assert_int_eq(add_early("req_1", "ann", 2), 0);
    ck_assert_int_eq(add_early("req_2", "bob", 2), 0);
    ck_assert_int_eq(add_early("req_3", "cy", 2), -ENOSPC);
    ck_assert(store_early_full(store, "daimon", 2));
    ck_assert(!store_early_full(store, "other", 2));
    ck_assert_int_eq(store_early_add(store, &other, 2), 0);
    fixture_reopen();
    ck_assert_int_eq(add_early("req_3", "cy", 2), -ENOSPC);
    ck_assert_int_eq(take("daimon", "req_1").count, 1);
    ck_assert_int_eq(add_early("req_3", "cy", 2), 0);
    ck_assert_int_eq(add_early("req_4", "dee", 2), -ENOSPC);
}
END_TEST

START_TEST(old_early_events_are_dropped_in_steps)
{
    int dropped = -1;
    for (int i = 0; i < 5; i++) {
        struct store_early early = early_event("req_1", "ann");
        early.received_at += i < 3 ? -i : i;
        ck_assert_int_eq(store_early_add(store, &early, 5), 0);
    }
    ck_assert_int_eq(store_early_expire(store, FIXTURE_NOW + 1, 2, &dropped), 0);
    ck_assert_int_eq(dropped, 2);
    ck_assert_int_eq(store_early_expire(store, FIXTURE_NOW + 1, 2, &dropped), 0);
    ck_assert_int_eq(dropped, 1);
    ck_assert_int_eq(store_early_expire(store, FIXTURE_NOW + 1, 2, &dropped), 0);
    ck_assert_int_eq(dropped, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(add_early("req_2", "bob", 5), 0);
    }
    ck_assert_int_eq(add_early("req_2", "bob", 5), -ENOSPC);
}
END_TEST

static int register_it(void *userdata, const struct store_early *early)
{
    (void)fixture_add_id("req_of_callback");
    return add_early("req_1", "again", 10);
}

START_TEST(taking_may_write)
{
    struct taken taken = {.count = 0};
    ck_assert_int_eq(add_early("req_1", "ann", 10), 0);
    ck_assert_int_eq(store_early_take(store, "daimon", "req_1", register_it, NULL), 0);
    ck_assert_int_eq(store_early_take(store, "daimon", "req_1", take_early, &taken), 0);
    ck_assert_str_eq(taken.by, "again ");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("delivery");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, a_delivery_is_known_again);
    tcase_add_test(tests, every_later_delivery_is_known_again_too);
    tcase_add_test(tests, another_decision_request_or_service_is_another_delivery);
    tcase_add_test(tests, deliveries_about_unknown_requests_and_about_none_are_known_again);
    tcase_add_test(tests, a_delivery_that_came_early_is_known_again_after_the_registration);
    tcase_add_test(tests, one_delivery_under_two_ids_of_a_request_is_one);
    tcase_add_test(tests, early_events_are_taken_once_in_the_order_they_came);
    tcase_add_test(tests, each_service_has_a_limit_of_its_own_that_a_restart_knows);
    tcase_add_test(tests, old_early_events_are_dropped_in_steps);
    tcase_add_test(tests, taking_may_write);
    return fixture_run(tests, "store_delivery");
}
