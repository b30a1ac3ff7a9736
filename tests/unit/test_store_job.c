/*
 * Jobs and their attempts: queued, started in order, running, ended with their output.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

START_TEST(every_field_of_a_job_comes_back_as_it_was)
{
    struct store_job job = {.request = 7,
                            .hook = (char *)"tell-team",
                            .key = (char *)"a-key-of-its-own",
                            .cause = DECISION_EXPIRED,
                            .state = JOB_QUEUED,
                            .not_before = FIXTURE_NOW + 5,
                            .origin = 4,
                            .created_at = FIXTURE_NOW};
    struct store_job found;
    int64_t number = 0;
    ck_assert_int_eq(store_job_add(store, &job, &number), 0);
    job.number = number;
    job.state = JOB_FAILED;
    job.attempt = 3;
    job.tries = 3;
    job.retries = 2;
    job.canceling = true;
    job.items = 5;
    job.not_before = FIXTURE_NOW + 6;
    job.started_at = FIXTURE_NOW + 7;
    job.ended_at = FIXTURE_NOW + 8;
    job.error = (char *)"exit status 3";
    ck_assert_int_eq(store_job_update(store, &job), 0);

    fixture_reopen();
    ck_assert_int_eq(store_job_find(store, "a-key-of-its-own", &found), 0);
    ck_assert_int_eq(found.number, number);
    ck_assert_int_eq(found.request, 7);
    ck_assert_str_eq(found.hook, "tell-team");
    ck_assert_str_eq(found.key, "a-key-of-its-own");
    ck_assert_int_eq(found.cause, DECISION_EXPIRED);
    ck_assert_int_eq(found.state, JOB_FAILED);
    ck_assert_int_eq(found.attempt, 3);
    ck_assert_int_eq(found.tries, 3);
    ck_assert_int_eq(found.retries, 2);
    ck_assert(found.canceling);
    ck_assert_int_eq(found.origin, 4);
    ck_assert_int_eq(found.items, 5);
    ck_assert_int_eq(found.not_before, FIXTURE_NOW + 6);
    ck_assert_int_eq(found.created_at, FIXTURE_NOW);
    ck_assert_int_eq(found.started_at, FIXTURE_NOW + 7);
    ck_assert_int_eq(found.ended_at, FIXTURE_NOW + 8);
    ck_assert_str_eq(found.error, "exit status 3");
    store_job_free(&found);
    store_job_free(NULL);
}
END_TEST

START_TEST(a_key_that_the_store_draws_is_new_and_begins_with_its_identity)
{
    struct store_job first;
    struct store_job second;
    ck_assert_int_eq(store_job_get(store, fixture_job(1, "a", JOB_QUEUED), &first), 0);
    ck_assert_int_eq(store_job_get(store, fixture_job(1, "a", JOB_QUEUED), &second), 0);
    ck_assert_int_eq(strncmp(first.key, store_identity(store), 16), 0);
    ck_assert_int_lt(strcmp(first.key, second.key), 0);
    ck_assert_str_ne(strrchr(first.key, '-'), strrchr(second.key, '-'));
    ck_assert_int_le(strlen(first.key), PROTOCOL_KEY_LIMIT);
    store_job_free(&first);
    store_job_free(&second);
}
END_TEST

START_TEST(a_key_can_be_used_once)
{
    struct store_job job = {.request = 1, .hook = (char *)"a", .key = (char *)"k"};
    int64_t number = 0;
    ck_assert_int_eq(store_job_add(store, &job, &number), 0);
    ck_assert_int_eq(store_job_add(store, &job, &number), -EEXIST);
}
END_TEST

START_TEST(a_job_that_is_not_there_is_not_found)
{
    struct store_job job = {.number = 5};
    ck_assert_int_eq(store_job_get(store, 5, &job), -ENOENT);
    ck_assert_int_eq(store_job_find(store, "k", &job), -ENOENT);
    ck_assert_int_eq(store_job_update(store, &job), -ENOENT);
}
END_TEST

/* --- the queue -------------------------------------------------------------------------------- */

static void set_job(int64_t number, enum job_state state, int64_t not_before)
{
    struct store_job job;
    ck_assert_int_eq(store_job_get(store, number, &job), 0);
    job.state = state;
    job.not_before = not_before;
    ck_assert_int_eq(store_job_update(store, &job), 0);
    store_job_free(&job);
}

/* Takes the jobs of a hook one after the other, as they would be started. */
static struct fixture_numbers startable(const char *hook, int64_t now)
{
    struct fixture_numbers taken = {.count = 0};
    struct store_job job;
    while (store_job_next(store, hook, now, &job) == 0) {
        ck_assert_str_eq(job.hook, hook);
        taken.numbers[taken.count++] = job.number;
        set_job(job.number, JOB_RUNNING, 0);
        store_job_free(&job);
    }
    return taken;
}

START_TEST(queued_jobs_of_a_hook_start_in_their_order_when_their_time_has_come)
{
    for (int i = 1; i <= 8; i++) {
        ck_assert_int_eq(fixture_job(1, i == 2 ? "other" : "tell", JOB_QUEUED), i);
    }
    set_job(1, JOB_QUEUED, FIXTURE_NOW + 10);
    set_job(4, JOB_RUNNING, 0);
    set_job(7, JOB_QUEUED, FIXTURE_NOW - 1);
    set_job(8, JOB_QUEUED, FIXTURE_NOW - 2);
    struct fixture_numbers taken = startable("tell", FIXTURE_NOW);
    fixture_assert_numbers(&taken, 5, 8, 7, 3, 5, 6);
    taken = startable("tell", FIXTURE_NOW + 9);
    fixture_assert_numbers(&taken, 0);
    taken = startable("tell", FIXTURE_NOW + 10);
    fixture_assert_numbers(&taken, 1, 1);
    taken = startable("nobody", FIXTURE_NOW);
    fixture_assert_numbers(&taken, 0);
}
END_TEST

START_TEST(the_next_start_is_the_earliest_to_come_of_a_queued_job)
{
    int64_t time = -1;
    ck_assert_int_eq(store_job_next_start(store, FIXTURE_NOW, &time), -ENOENT);
    (void)fixture_job(1, "a", JOB_QUEUED);
    set_job(fixture_job(1, "a", JOB_QUEUED), JOB_QUEUED, FIXTURE_NOW + 30);
    set_job(fixture_job(1, "b", JOB_QUEUED), JOB_QUEUED, FIXTURE_NOW + 20);
    set_job(fixture_job(1, "b", JOB_QUEUED), JOB_CANCELED, FIXTURE_NOW + 10);
    set_job(fixture_job(1, "b", JOB_QUEUED), JOB_QUEUED, FIXTURE_NOW);
    ck_assert_int_eq(store_job_next_start(store, FIXTURE_NOW, &time), 0);
    ck_assert_int_eq(time, FIXTURE_NOW + 20);
    ck_assert_int_eq(store_job_next_start(store, FIXTURE_NOW + 20, &time), 0);
    ck_assert_int_eq(time, FIXTURE_NOW + 30);
}
END_TEST

static int start_all(void *userdata, const char *hook)
{
    (void)startable(hook, FIXTURE_NOW);
    return fixture_name_hook(userdata, hook);
}

START_TEST(hooks_with_queued_jobs_are_named_once_and_the_callback_may_start_them)
{
    char names[128] = "";
    for (int i = 0; i < 3; i++) {
        (void)fixture_job(1, "b", JOB_QUEUED);
        (void)fixture_job(1, "a", JOB_QUEUED);
        (void)fixture_job(1, "c", JOB_SUCCEEDED);
    }
    ck_assert_int_eq(store_job_waiting_hooks(store, start_all, names), 0);
    ck_assert_str_eq(names, "a b ");
    names[0] = '\0';
    ck_assert_int_eq(store_job_waiting_hooks(store, fixture_name_hook, names), 0);
    ck_assert_str_eq(names, "");
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

static struct fixture_numbers list(enum job_state state, const char *hook, int64_t request,
                                   int64_t before, int limit)
{
    struct store_job_filter filter = {
        .state = state, .hook = hook, .request = request, .before = before};
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_job_list(store, &filter, limit, fixture_take_job, &taken), 0);
    return taken;
}

START_TEST(a_list_of_jobs_is_newest_first_and_filtered)
{
    static const enum job_state states[] = {JOB_QUEUED,      JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED,
                                            JOB_INTERRUPTED, JOB_FAILED,  JOB_SUCCEEDED};
    for (int i = 0; i < 7; i++) {
        (void)fixture_job(1 + i % 2, i < 4 ? "a" : "b", states[i]);
    }

    struct fixture_numbers page = list(JOB_STATE_COUNT, NULL, 0, 0, 3);
    fixture_assert_numbers(&page, 3, 7, 6, 5);
    page = list(JOB_STATE_COUNT, NULL, 0, 3, 9);
    fixture_assert_numbers(&page, 2, 2, 1);
    page = list(JOB_FAILED, NULL, 0, 0, 9);
    fixture_assert_numbers(&page, 2, 6, 4);
    page = list(JOB_SUCCEEDED, NULL, 0, 0, 9);
    fixture_assert_numbers(&page, 2, 7, 3);
    page = list(JOB_QUEUED, NULL, 0, 0, 9);
    fixture_assert_numbers(&page, 1, 1);
    page = list(JOB_STATE_COUNT, "b", 0, 7, 9);
    fixture_assert_numbers(&page, 2, 6, 5);
    page = list(JOB_FAILED, "b", 0, 0, 9);
    fixture_assert_numbers(&page, 1, 6);
    page = list(JOB_STATE_COUNT, NULL, 2, 0, 9);
    fixture_assert_numbers(&page, 3, 6, 4, 2);
    page = list(JOB_STATE_COUNT, "a", 2, 0, 9);
    fixture_assert_numbers(&page, 2, 4, 2);
    page = list(JOB_QUEUED, "a", 1, 0, 9);
    fixture_assert_numbers(&page, 1, 1);
    page = list(JOB_QUEUED, "b", 1, 0, 9);
    fixture_assert_numbers(&page, 0);
}
END_TEST

static struct fixture_numbers list_of(const char *owner, enum job_state state, const char *hook,
                                      int64_t before, int limit)
{
    struct store_job_filter filter = {
        .state = state, .hook = hook, .owner = owner, .before = before};
    struct fixture_numbers taken = {.count = 0};
    ck_assert_int_eq(store_job_list(store, &filter, limit, fixture_take_job, &taken), 0);
    return taken;
}

START_TEST(a_list_of_jobs_of_one_owner_has_nothing_of_another)
{
    int64_t numbers[2];
    for (int i = 0; i < 2; i++) {
        struct store_request request = fixture_request(i == 0 ? "mine" : "other");
        request.owner = (char *)(i == 0 ? "agent uid:1" : "agent uid:2");
        numbers[i] = fixture_add(&request);
    }
    for (int i = 0; i < 6; i++) {
        (void)fixture_job(numbers[i % 2], i < 3 ? "a" : "b", i < 4 ? JOB_SUCCEEDED : JOB_FAILED);
    }

    struct fixture_numbers page = list_of("agent uid:1", JOB_STATE_COUNT, NULL, 0, 2);
    fixture_assert_numbers(&page, 2, 5, 3);
    page = list_of("agent uid:1", JOB_STATE_COUNT, NULL, 3, 2);
    fixture_assert_numbers(&page, 1, 1);
    page = list_of("agent uid:2", JOB_SUCCEEDED, NULL, 0, 9);
    fixture_assert_numbers(&page, 2, 4, 2);
    page = list_of("agent uid:2", JOB_SUCCEEDED, "b", 0, 9);
    fixture_assert_numbers(&page, 1, 4);
    page = list_of("uid:1", JOB_STATE_COUNT, NULL, 0, 9);
    fixture_assert_numbers(&page, 0);
}
END_TEST

/* --- attempts --------------------------------------------------------------------------------- */

static struct store_attempt ended(int64_t job, uint32_t n)
{
    return (struct store_attempt){.job = job,
                                  .item = PROTOCOL_NO_ITEM,
                                  .n = n,
                                  .started_at = FIXTURE_NOW,
                                  .ended_at = FIXTURE_NOW + 99,
                                  .ending = ENDING_FAILED,
                                  .exit_code = -1,
                                  .signal = 15,
                                  .http_status = 0,
                                  .error = (char *)"it took too long"};
}

START_TEST(an_attempt_is_started_once_and_ended)
{
    struct store_attempt attempt;
    fixture_attempt(4, 1, STORE_EXECUTOR_CALLER, FIXTURE_NOW);
    ck_assert_int_eq(store_attempt_get(store, 4, PROTOCOL_NO_ITEM, 1, &attempt), 0);
    ck_assert_int_eq(attempt.ended_at, 0);
    ck_assert_ptr_null(attempt.error);
    ck_assert_int_eq(store_attempt_start(store, &attempt), -EEXIST);

    attempt = ended(4, 1);
    ck_assert_int_eq(store_attempt_end(store, &attempt, NULL, NULL), 0);
    fixture_reopen();
    ck_assert_int_eq(store_attempt_get(store, 4, PROTOCOL_NO_ITEM, 1, &attempt), 0);
    ck_assert_int_eq(attempt.job, 4);
    ck_assert_int_eq(attempt.item, PROTOCOL_NO_ITEM);
    ck_assert_int_eq(attempt.n, 1);
    ck_assert_int_eq(attempt.executor, STORE_EXECUTOR_CALLER);
    ck_assert_mem_eq(attempt.incarnation, "incarnation-16b", 16);
    ck_assert_int_eq(attempt.started_at, FIXTURE_NOW);
    ck_assert_int_eq(attempt.ended_at, FIXTURE_NOW + 99);
    ck_assert_int_eq(attempt.ending, ENDING_FAILED);
    ck_assert_int_eq(attempt.exit_code, -1);
    ck_assert_int_eq(attempt.signal, 15);
    ck_assert_str_eq(attempt.error, "it took too long");
    store_attempt_free(&attempt);
    store_attempt_free(NULL);
}
END_TEST

START_TEST(a_forgotten_attempt_was_never_there)
{
    struct store_attempt attempt = ended(4, 1);
    fixture_attempt(4, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW);
    ck_assert_int_eq(store_attempt_forget(store, 4, PROTOCOL_NO_ITEM, 1), 0);
    ck_assert_int_eq(store_attempt_forget(store, 4, PROTOCOL_NO_ITEM, 1), -ENOENT);
    ck_assert_int_eq(store_attempt_end(store, &attempt, NULL, NULL), -ENOENT);
    ck_assert_int_eq(store_attempt_get(store, 4, PROTOCOL_NO_ITEM, 1, &attempt), -ENOENT);
    fixture_attempt(4, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW);
}
END_TEST

static int take_attempt(void *userdata, const struct store_attempt *attempt)
{
    struct fixture_numbers *taken = userdata;
    taken->numbers[taken->count++] = attempt->job * 10 + attempt->n;
    return 0;
}

static int end_attempt(void *userdata, const struct store_attempt *attempt)
{
    struct store_attempt end = ended(attempt->job, attempt->n);
    ck_assert_int_eq(store_attempt_end(store, &end, NULL, NULL), 0);
    fixture_attempt(attempt->job, attempt->n + 1, attempt->executor, FIXTURE_NOW + 50);
    return take_attempt(userdata, attempt);
}

START_TEST(running_attempts_are_told_oldest_first_and_the_callback_may_end_them)
{
    struct fixture_numbers taken = {.count = 0};
    fixture_attempt(1, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW + 9);
    fixture_attempt(2, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW);
    fixture_attempt(3, 1, STORE_EXECUTOR_CALLER, FIXTURE_NOW);
    ck_assert_int_eq(store_attempt_running(store, STORE_EXECUTOR_RUNNER, end_attempt, &taken), 0);
    fixture_assert_numbers(&taken, 2, 21, 11);
    taken.count = 0;
    ck_assert_int_eq(store_attempt_running(store, STORE_EXECUTOR_RUNNER, take_attempt, &taken), 0);
    fixture_assert_numbers(&taken, 2, 12, 22);
    taken.count = 0;
    ck_assert_int_eq(store_attempt_list(store, 2, PROTOCOL_NO_ITEM, take_attempt, &taken), 0);
    fixture_assert_numbers(&taken, 2, 21, 22);
}
END_TEST

START_TEST(many_running_attempts_are_all_told)
{
    struct fixture_numbers taken = {.count = 0};
    for (int i = 1; i <= 40; i++) {
        fixture_attempt(i, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW + i);
    }
    ck_assert_int_eq(store_attempt_running(store, STORE_EXECUTOR_RUNNER, take_attempt, &taken), 0);
    ck_assert_int_eq(taken.count, 40);
    ck_assert_int_eq(taken.numbers[39], 401);
}
END_TEST

/* --- output ----------------------------------------------------------------------------------- */

struct outputs {
    const struct protocol_output *standard_output;
    const struct protocol_output *standard_error;
};

static void assert_output(const struct protocol_output *found,
                          const struct protocol_output *expected)
{
    ck_assert_int_eq(found->head_length, expected->head_length);
    ck_assert_int_eq(found->tail_length, expected->tail_length);
    ck_assert_int_eq(found->dropped, expected->dropped);
    if (expected->head_length > 0) {
        ck_assert_mem_eq(found->head, expected->head, expected->head_length);
    }
    if (expected->tail_length > 0) {
        ck_assert_mem_eq(found->tail, expected->tail, expected->tail_length);
    }
}

static int compare_outputs(void *userdata, const struct protocol_output *standard_output,
                           const struct protocol_output *standard_error)
{
    const struct outputs *expected = userdata;
    assert_output(standard_output, expected->standard_output);
    assert_output(standard_error, expected->standard_error);
    return 17;
}

START_TEST(output_comes_back_byte_for_byte)
{
    static const char bytes[] = "one\0two\xff";
    struct protocol_output standard_output = {
        .head = bytes, .head_length = 8, .tail = bytes + 4, .tail_length = 4, .dropped = 1u << 30};
    struct protocol_output standard_error = {.head = NULL};
    struct outputs expected = {&standard_output, &standard_error};
    struct store_attempt attempt = ended(4, 1);
    fixture_attempt(4, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW);
    ck_assert_int_eq(store_output_get(store, 4, PROTOCOL_NO_ITEM, 1, compare_outputs, &expected),
                     -ENOENT);
    ck_assert_int_eq(store_attempt_end(store, &attempt, &standard_output, &standard_error), 0);
    fixture_reopen();
    ck_assert_int_eq(store_output_get(store, 4, PROTOCOL_NO_ITEM, 1, compare_outputs, &expected),
                     17);
}
END_TEST

START_TEST(a_lost_attempt_has_no_output)
{
    struct store_attempt attempt = ended(4, 1);
    fixture_attempt(4, 1, STORE_EXECUTOR_RUNNER, FIXTURE_NOW);
    ck_assert_int_eq(store_attempt_end(store, &attempt, NULL, NULL), 0);
    ck_assert_int_eq(store_output_get(store, 4, PROTOCOL_NO_ITEM, 1, compare_outputs, NULL),
                     -ENOENT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("job");
    tcase_add_checked_fixture(tests, fixture_open, fixture_close);
    tcase_add_test(tests, every_field_of_a_job_comes_back_as_it_was);
    tcase_add_test(tests, a_key_that_the_store_draws_is_new_and_begins_with_its_identity);
    tcase_add_test(tests, a_key_can_be_used_once);
    tcase_add_test(tests, a_job_that_is_not_there_is_not_found);
    tcase_add_test(tests, queued_jobs_of_a_hook_start_in_their_order_when_their_time_has_come);
    tcase_add_test(tests, the_next_start_is_the_earliest_to_come_of_a_queued_job);
    tcase_add_test(tests, hooks_with_queued_jobs_are_named_once_and_the_callback_may_start_them);
    tcase_add_test(tests, a_list_of_jobs_is_newest_first_and_filtered);
    tcase_add_test(tests, a_list_of_jobs_of_one_owner_has_nothing_of_another);
    tcase_add_test(tests, an_attempt_is_started_once_and_ended);
    tcase_add_test(tests, a_forgotten_attempt_was_never_there);
    tcase_add_test(tests, running_attempts_are_told_oldest_first_and_the_callback_may_end_them);
    tcase_add_test(tests, many_running_attempts_are_all_told);
    tcase_add_test(tests, output_comes_back_byte_for_byte);
    tcase_add_test(tests, a_lost_attempt_has_no_output);
    return fixture_run(tests, "store_job");
}
