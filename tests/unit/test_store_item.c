/*
 * Fan-outs and their items, what rates have left, and what is paused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

/* A running fan-out with so many items, the first `added` of which are rows. */
static int64_t add_fanout(int64_t total, int64_t added)
{
    int64_t number = fixture_job(1, "send", JOB_RUNNING);
    struct store_job job;
    ck_assert_int_eq(store_job_get(store, number, &job), 0);
    job.items = total;
    ck_assert_int_eq(store_job_update(store, &job), 0);
    store_job_free(&job);
    ck_assert_int_eq(store_fanout_begin(store, number, total, "{\"rest\":1}"), 0);
    for (int64_t i = 0; i < added; i++) {
        ck_assert_int_eq(store_item_add(store, number, i, "\"a@example.com\" and more", 15), 0);
    }
    ck_assert_int_eq(store_fanout_grow(store, number, added), 0);
    return number;
}

static void set_item(int64_t job, int64_t number, enum job_state state, int64_t not_before)
{
    struct store_item item;
    ck_assert_int_eq(store_item_get(store, job, number, &item), 0);
    item.state = state;
    item.not_before = not_before;
    ck_assert_int_eq(store_item_update(store, &item), 0);
    store_item_free(&item);
}

static void assert_counts(int64_t job, int64_t running, int64_t succeeded, int64_t failed,
                          int64_t interrupted)
{
    struct store_fanout fanout;
    ck_assert_int_eq(store_fanout_get(store, job, &fanout), 0);
    ck_assert_int_eq(fanout.running, running);
    ck_assert_int_eq(fanout.succeeded, succeeded);
    ck_assert_int_eq(fanout.failed, failed);
    ck_assert_int_eq(fanout.interrupted, interrupted);
}

START_TEST(every_field_of_an_item_comes_back_as_it_was)
{
    int64_t job = add_fanout(3, 2);
    struct store_item item = {.job = job,
                              .number = 1,
                              .state = JOB_FAILED,
                              .attempt = 4,
                              .tries = 3,
                              .retries = 2,
                              .not_before = FIXTURE_NOW,
                              .started_at = FIXTURE_NOW + 1,
                              .ended_at = FIXTURE_NOW + 2,
                              .error = (char *)"HTTP 400"};
    ck_assert_int_eq(store_item_update(store, &item), 0);
    fixture_reopen();
    struct store_item found;
    ck_assert_int_eq(store_item_get(store, job, 1, &found), 0);
    ck_assert_int_eq(found.job, job);
    ck_assert_int_eq(found.number, 1);
    ck_assert_int_eq(found.state, JOB_FAILED);
    ck_assert_int_eq(found.attempt, 4);
    ck_assert_int_eq(found.tries, 3);
    ck_assert_int_eq(found.retries, 2);
    ck_assert_int_eq(found.not_before, FIXTURE_NOW);
    ck_assert_int_eq(found.started_at, FIXTURE_NOW + 1);
    ck_assert_int_eq(found.ended_at, FIXTURE_NOW + 2);
    ck_assert_str_eq(found.error, "HTTP 400");
    ck_assert_str_eq(found.value, "\"a@example.com\"");
    store_item_free(&found);
    store_item_free(NULL);
    ck_assert_int_eq(store_item_get(store, job, 2, &found), -ENOENT);
    ck_assert_int_eq(store_item_get(store, job + 1, 0, &found), -ENOENT);
}
END_TEST

START_TEST(a_fan_out_counts_its_items)
{
    int64_t job = add_fanout(5, 4);
    struct store_fanout fanout;
    set_item(job, 0, JOB_RUNNING, 0);
    set_item(job, 1, JOB_RUNNING, 0);
    set_item(job, 2, JOB_FAILED, 0);
    set_item(job, 3, JOB_INTERRUPTED, 0);
    assert_counts(job, 2, 0, 1, 1);
    set_item(job, 0, JOB_SUCCEEDED, 0);
    set_item(job, 1, JOB_QUEUED, FIXTURE_NOW);
    set_item(job, 1, JOB_QUEUED, FIXTURE_NOW + 1);
    fixture_reopen();
    assert_counts(job, 0, 1, 1, 1);
    ck_assert_int_eq(store_fanout_get(store, job, &fanout), 0);
    ck_assert_int_eq(fanout.total, 5);
    ck_assert_int_eq(fanout.added, 4);
    char *context = NULL;
    ck_assert_int_eq(store_fanout_context(store, job, &context), 0);
    ck_assert_str_eq(context, "{\"rest\":1}");
    free(context);
    ck_assert_int_eq(store_fanout_get(store, job + 1, &fanout), -ENOENT);
}
END_TEST

START_TEST(items_that_waited_for_their_time_come_before_the_rest_in_order)
{
    int64_t job = add_fanout(5, 5);
    static const int64_t expected[] = {4, 3, 0, 1};
    struct store_item item;
    int64_t time = 0;
    set_item(job, 2, JOB_QUEUED, FIXTURE_NOW + 5);
    set_item(job, 3, JOB_QUEUED, FIXTURE_NOW - 1);
    set_item(job, 4, JOB_QUEUED, FIXTURE_NOW - 2);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ck_assert_int_eq(store_item_next(store, job, FIXTURE_NOW, &item), 0);
        ck_assert_int_eq(item.number, expected[i]);
        store_item_free(&item);
        set_item(job, expected[i], JOB_RUNNING, 0);
    }
    ck_assert_int_eq(store_item_next(store, job, FIXTURE_NOW, &item), -ENOENT);
    ck_assert_int_eq(store_job_next_start(store, FIXTURE_NOW, &time), 0);
    ck_assert_int_eq(time, FIXTURE_NOW + 5);
}
END_TEST

START_TEST(running_fan_outs_of_a_hook_are_found_in_order)
{
    int64_t first = add_fanout(1, 1);
    (void)fixture_job(1, "send", JOB_RUNNING);
    int64_t second = add_fanout(1, 1);
    struct store_job job;
    ck_assert_int_eq(store_job_next_fanout(store, "send", 0, &job), 0);
    ck_assert_int_eq(job.number, first);
    store_job_free(&job);
    ck_assert_int_eq(store_job_next_fanout(store, "send", first, &job), 0);
    ck_assert_int_eq(job.number, second);
    store_job_free(&job);
    ck_assert_int_eq(store_job_next_fanout(store, "send", second, &job), -ENOENT);
    ck_assert_int_eq(store_job_next_fanout(store, "other", 0, &job), -ENOENT);
}
END_TEST

static int take_item(void *userdata, const struct store_item *item)
{
    struct fixture_numbers *taken = userdata;
    taken->numbers[taken->count++] = item->number;
    return 0;
}

static struct fixture_numbers listed(int64_t job, enum job_state state, int64_t after, int limit)
{
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_item_list(store, job, state, after, limit, take_item, &taken), 0);
    return taken;
}

START_TEST(items_are_listed_in_pages_by_their_state)
{
    int64_t job = add_fanout(6, 6);
    set_item(job, 1, JOB_FAILED, 0);
    set_item(job, 2, JOB_SUCCEEDED, 0);
    set_item(job, 4, JOB_FAILED, 0);
    set_item(job, 5, JOB_FAILED, 0);
    struct fixture_numbers taken = listed(job, JOB_STATE_COUNT, -1, 4);
    fixture_assert_numbers(&taken, 4, 0, 1, 2, 3);
    taken = listed(job, JOB_STATE_COUNT, 3, 4);
    fixture_assert_numbers(&taken, 2, 4, 5);
    taken = listed(job, JOB_FAILED, -1, 2);
    fixture_assert_numbers(&taken, 2, 1, 4);
    taken = listed(job, JOB_FAILED, 4, 2);
    fixture_assert_numbers(&taken, 1, 5);
    taken = listed(job, JOB_SUCCEEDED, -1, 4);
    fixture_assert_numbers(&taken, 1, 2);
    taken = listed(job, JOB_QUEUED, -1, 4);
    fixture_assert_numbers(&taken, 2, 0, 3);
}
END_TEST

START_TEST(a_retry_queues_what_failed_or_was_interrupted_and_nothing_else)
{
    int64_t job = add_fanout(4, 4);
    set_item(job, 0, JOB_SUCCEEDED, 0);
    set_item(job, 1, JOB_FAILED, FIXTURE_NOW);
    set_item(job, 2, JOB_INTERRUPTED, 0);
    ck_assert_int_eq(store_item_retry(store, job), 0);
    assert_counts(job, 0, 1, 0, 0);
    struct fixture_numbers taken = listed(job, JOB_QUEUED, -1, 9);
    fixture_assert_numbers(&taken, 3, 1, 2, 3);
}
END_TEST

START_TEST(all_that_is_queued_can_be_failed_rows_or_not)
{
    int64_t job = add_fanout(6, 4);
    set_item(job, 0, JOB_SUCCEEDED, 0);
    set_item(job, 1, JOB_RUNNING, 0);
    ck_assert_int_eq(store_item_fail_queued(store, job, "no such hook"), 0);
    assert_counts(job, 1, 1, 4, 0);
    struct fixture_numbers taken = listed(job, JOB_FAILED, -1, 9);
    fixture_assert_numbers(&taken, 2, 2, 3);
    struct store_fanout fanout;
    ck_assert_int_eq(store_fanout_get(store, job, &fanout), 0);
    ck_assert_int_eq(fanout.added, 6);
    ck_assert_int_eq(store_item_retry(store, job), 0);
    ck_assert_int_eq(store_fanout_get(store, job, &fanout), 0);
    ck_assert_int_eq(fanout.added, 4);
}
END_TEST

START_TEST(hooks_with_running_fan_outs_are_named_too)
{
    (void)add_fanout(1, 1);
    char names[64] = "";
    ck_assert_int_eq(store_job_waiting_hooks(store, fixture_name_hook, names), 0);
    ck_assert_str_eq(names, "send ");
}
END_TEST

START_TEST(what_a_rate_has_left_is_kept)
{
    int64_t bucket = 5;
    ck_assert_int_eq(store_pace_get(store, "send", &bucket), 0);
    ck_assert_int_eq(bucket, 0);
    ck_assert_int_eq(store_pace_set(store, "send", 17), 0);
    ck_assert_int_eq(store_pace_set(store, "send", 18), 0);
    fixture_reopen();
    ck_assert_int_eq(store_pace_get(store, "send", &bucket), 0);
    ck_assert_int_eq(bucket, 18);
}
END_TEST

static int take_pause(void *userdata, const struct store_pause *pause)
{
    (void)strncat(userdata, pause->hook, 32);
    (void)strncat(userdata, pause->who, 32);
    return 0;
}

START_TEST(a_pause_is_kept_until_it_is_taken_back)
{
    const struct store_pause all = {.hook = "", .since = FIXTURE_NOW, .who = "[uid:0]"};
    const struct store_pause one = {.hook = "send", .since = FIXTURE_NOW, .who = "[uid:1]"};
    char text[128] = "";
    ck_assert_int_eq(store_pause_add(store, &all), 0);
    ck_assert_int_eq(store_pause_add(store, &one), 0);
    ck_assert_int_eq(store_pause_add(store, &one), -EEXIST);
    fixture_reopen();
    ck_assert_int_eq(store_pause_list(store, take_pause, text), 0);
    ck_assert_str_eq(text, "[uid:0]send[uid:1]");
    ck_assert_int_eq(store_pause_remove(store, "send"), 0);
    ck_assert_int_eq(store_pause_remove(store, "send"), -ENOENT);
    text[0] = '\0';
    ck_assert_int_eq(store_pause_list(store, take_pause, text), 0);
    ck_assert_str_eq(text, "[uid:0]");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("items");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, every_field_of_an_item_comes_back_as_it_was);
    tcase_add_test(tests, a_fan_out_counts_its_items);
    tcase_add_test(tests, items_that_waited_for_their_time_come_before_the_rest_in_order);
    tcase_add_test(tests, running_fan_outs_of_a_hook_are_found_in_order);
    tcase_add_test(tests, items_are_listed_in_pages_by_their_state);
    tcase_add_test(tests, a_retry_queues_what_failed_or_was_interrupted_and_nothing_else);
    tcase_add_test(tests, all_that_is_queued_can_be_failed_rows_or_not);
    tcase_add_test(tests, hooks_with_running_fan_outs_are_named_too);
    tcase_add_test(tests, what_a_rate_has_left_is_kept);
    tcase_add_test(tests, a_pause_is_kept_until_it_is_taken_back);
    return fixture_run(tests, "store_item");
}
