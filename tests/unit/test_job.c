/*
 * The state machine of a job: every pair of state and event, and that the rest can't happen.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "assent/domain/job.h"
#include "support/suite.h"

#define NO (-1)

/* Rows are states and columns events, in the order of their enums. */
static const int expectations[6][8] = {
    /*              STARTED      REFUSED     SUCCEEDED      FAILED      INTERRUPTED      RESTART
                    RETRY        CANCELED */
    /* queued */ {JOB_RUNNING, NO, NO, NO, NO, NO, NO, JOB_CANCELED},
    /* running */
    {NO, JOB_QUEUED, JOB_SUCCEEDED, JOB_FAILED, JOB_INTERRUPTED, JOB_QUEUED, NO, JOB_CANCELED},
    /* succeeded */ {NO, NO, NO, NO, NO, NO, NO, NO},
    /* failed */ {NO, NO, NO, NO, NO, NO, JOB_QUEUED, NO},
    /* interrupted */ {NO, NO, NO, NO, NO, NO, JOB_QUEUED, NO},
    /* canceled */ {NO, NO, NO, NO, NO, NO, NO, NO},
};

START_TEST(every_pair_of_state_and_event_does_what_is_stated)
{
    ck_assert_int_eq(JOB_STATE_COUNT, 6);
    ck_assert_int_eq(JOB_EVENT_COUNT, 8);
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        for (int event = 0; event < JOB_EVENT_COUNT; event++) {
            int expected = expectations[state][event];
            enum job_state next = JOB_STATE_COUNT;
            int r = job_apply((enum job_state)state, (enum job_event)event, &next);

            ck_assert_msg(r == (expected == NO ? -EINVAL : 0), "%s, event %d: %d",
                          job_state_name((enum job_state)state), event, r);
            ck_assert_msg((int)next == (expected == NO ? (int)JOB_STATE_COUNT : expected),
                          "%s, event %d: to %d", job_state_name((enum job_state)state), event,
                          (int)next);
        }
    }
}
END_TEST

START_TEST(a_job_that_runs_is_never_started_again)
{
    enum job_state state = JOB_QUEUED;

    ck_assert_int_eq(job_apply(state, JOB_EVENT_STARTED, &state), 0);
    ck_assert_int_eq(job_apply(state, JOB_EVENT_STARTED, &state), -EINVAL);
    ck_assert_int_eq(state, JOB_RUNNING);
}
END_TEST

START_TEST(a_result_is_taken_once)
{
    static const enum job_event results[] = {JOB_EVENT_SUCCEEDED, JOB_EVENT_FAILED,
                                             JOB_EVENT_INTERRUPTED};

    for (size_t first = 0; first < 3; first++) {
        for (size_t second = 0; second < 3; second++) {
            enum job_state state = JOB_RUNNING;

            ck_assert_int_eq(job_apply(state, results[first], &state), 0);
            ck_assert_int_eq(job_apply(state, results[second], &state), -EINVAL);
        }
    }
}
END_TEST

START_TEST(what_is_no_state_and_no_event_is_refused)
{
    enum job_state state = JOB_QUEUED;

    ck_assert_int_eq(job_apply(JOB_STATE_COUNT, JOB_EVENT_STARTED, &state), -EINVAL);
    ck_assert_int_eq(job_apply(JOB_QUEUED, JOB_EVENT_COUNT, &state), -EINVAL);
    ck_assert_int_eq(job_apply((enum job_state)77, (enum job_event)77, &state), -EINVAL);
}
END_TEST

START_TEST(every_state_is_found_by_its_name_and_no_other_name_is)
{
    static const char *const names[] = {"queued", "running",     "succeeded",
                                        "failed", "interrupted", "canceled"};

    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        ck_assert_str_eq(job_state_name((enum job_state)state), names[state]);
        ck_assert_int_eq(job_state_from_name(names[state]), state);
    }
    ck_assert_int_eq(job_state_from_name(""), JOB_STATE_COUNT);
    ck_assert_int_eq(job_state_from_name("Queued"), JOB_STATE_COUNT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job");
    TCase *tests = tcase_create("job");

    tcase_add_test(tests, every_pair_of_state_and_event_does_what_is_stated);
    tcase_add_test(tests, a_job_that_runs_is_never_started_again);
    tcase_add_test(tests, a_result_is_taken_once);
    tcase_add_test(tests, what_is_no_state_and_no_event_is_refused);
    tcase_add_test(tests, every_state_is_found_by_its_name_and_no_other_name_is);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
