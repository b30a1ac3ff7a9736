/*
 * The state machine of a request: every pair of state and event, stated once more by hand.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/decision.h"
#include "support/suite.h"

/* One line for each pair: state, event, state after it, outcome. */
static const char *const expectations[][4] = {
    {"held", "granted", "held", "early"},
    {"held", "denied", "held", "early"},
    {"held", "expired", "held", "early"},
    {"held", "timeout", "expired", "matched"},
    {"held", "cancel", "canceled", "matched"},
    {"held", "refused", "held", "late"},
    {"held", "taken", "held", "late"},

    {"submitting", "granted", "approved", "matched"},
    {"submitting", "denied", "denied", "matched"},
    {"submitting", "expired", "expired", "matched"},
    {"submitting", "timeout", "expired", "matched"},
    {"submitting", "cancel", "canceled", "matched"},
    {"submitting", "refused", "failed", "matched"},
    {"submitting", "taken", "delivered", "matched"},

    {"pending", "granted", "approved", "matched"},
    {"pending", "denied", "denied", "matched"},
    {"pending", "expired", "expired", "matched"},
    {"pending", "timeout", "expired", "matched"},
    {"pending", "cancel", "canceled", "matched"},
    {"pending", "refused", "pending", "late"},
    {"pending", "taken", "pending", "late"},

    {"approved", "granted", "approved", "late"},
    {"approved", "denied", "approved", "conflict"},
    {"approved", "expired", "approved", "conflict"},
    {"approved", "timeout", "approved", "late"},
    {"approved", "cancel", "approved", "late"},
    {"approved", "refused", "approved", "late"},
    {"approved", "taken", "approved", "late"},

    {"denied", "granted", "denied", "conflict"},
    {"denied", "denied", "denied", "late"},
    {"denied", "expired", "denied", "conflict"},
    {"denied", "timeout", "denied", "late"},
    {"denied", "cancel", "denied", "late"},
    {"denied", "refused", "denied", "late"},
    {"denied", "taken", "denied", "late"},

    {"expired", "granted", "expired", "late"},
    {"expired", "denied", "expired", "late"},
    {"expired", "expired", "expired", "late"},
    {"expired", "timeout", "expired", "late"},
    {"expired", "cancel", "expired", "late"},
    {"expired", "refused", "expired", "late"},
    {"expired", "taken", "expired", "late"},

    {"canceled", "granted", "canceled", "late"},
    {"canceled", "denied", "canceled", "late"},
    {"canceled", "expired", "canceled", "late"},
    {"canceled", "timeout", "canceled", "late"},
    {"canceled", "cancel", "canceled", "late"},
    {"canceled", "refused", "canceled", "late"},
    {"canceled", "taken", "canceled", "late"},

    {"failed", "granted", "failed", "late"},
    {"failed", "denied", "failed", "late"},
    {"failed", "expired", "failed", "late"},
    {"failed", "timeout", "failed", "late"},
    {"failed", "cancel", "failed", "late"},
    {"failed", "refused", "failed", "late"},
    {"failed", "taken", "failed", "late"},

    {"delivered", "granted", "delivered", "late"},
    {"delivered", "denied", "delivered", "late"},
    {"delivered", "expired", "delivered", "late"},
    {"delivered", "timeout", "delivered", "late"},
    {"delivered", "cancel", "delivered", "late"},
    {"delivered", "refused", "delivered", "late"},
    {"delivered", "taken", "delivered", "late"},
};

static enum decision decision_from_name(const char *name)
{
    enum decision decision = DECISION_GRANTED;

    while (decision < DECISION_COUNT && strcmp(decision_name(decision), name) != 0) {
        decision++;
    }
    return decision;
}

START_TEST(every_pair_of_state_and_event_does_what_is_stated)
{
    bool stated[REQUEST_STATE_COUNT][DECISION_COUNT] = {{false}};
    const size_t count = sizeof expectations / sizeof expectations[0];

    ck_assert_uint_eq(count, REQUEST_STATE_COUNT * DECISION_COUNT);
    for (size_t i = 0; i < count; i++) {
        const char *const *expected = expectations[i];
        enum request_state state = request_state_from_name(expected[0]);
        enum decision decision = decision_from_name(expected[1]);

        ck_assert_int_ne(state, REQUEST_STATE_COUNT);
        ck_assert_int_ne(decision, DECISION_COUNT);
        ck_assert_msg(!stated[state][decision], "%s, %s is stated twice", expected[0], expected[1]);
        stated[state][decision] = true;

        struct decision_step step = decision_apply(state, decision);

        ck_assert_msg(strcmp(request_state_name(step.state), expected[2]) == 0 &&
                          strcmp(outcome_name(step.outcome), expected[3]) == 0,
                      "%s, %s: %s and %s, expected %s and %s", expected[0], expected[1],
                      request_state_name(step.state), outcome_name(step.outcome), expected[2],
                      expected[3]);
    }
}
END_TEST

START_TEST(a_final_state_never_changes_by_any_two_events)
{
    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        if (!request_state_final((enum request_state)state)) {
            continue;
        }
        for (int first = 0; first < DECISION_COUNT; first++) {
            for (int second = 0; second < DECISION_COUNT; second++) {
                struct decision_step step =
                    decision_apply((enum request_state)state, (enum decision)first);

                step = decision_apply(step.state, (enum decision)second);
                ck_assert_int_eq(step.state, state);
                ck_assert_int_ne(step.outcome, OUTCOME_MATCHED);
            }
        }
    }
}
END_TEST

START_TEST(matched_is_what_leads_to_a_final_state_and_nothing_else_is)
{
    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        for (int decision = 0; decision < DECISION_COUNT; decision++) {
            struct decision_step step =
                decision_apply((enum request_state)state, (enum decision)decision);
            bool ended =
                !request_state_final((enum request_state)state) && request_state_final(step.state);

            ck_assert_int_eq(step.outcome == OUTCOME_MATCHED, ended);
            ck_assert_int_eq((int)step.state != state, ended);
        }
    }
}
END_TEST

START_TEST(only_a_grant_of_an_open_request_approves)
{
    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        for (int decision = 0; decision < DECISION_COUNT; decision++) {
            struct decision_step step =
                decision_apply((enum request_state)state, (enum decision)decision);
            bool may = decision == DECISION_GRANTED &&
                       (state == REQUEST_PENDING || state == REQUEST_SUBMITTING);

            ck_assert_int_eq(step.state == REQUEST_APPROVED && state != REQUEST_APPROVED, may);
        }
    }
}
END_TEST

START_TEST(the_final_states_are_the_five)
{
    ck_assert(!request_state_final(REQUEST_HELD));
    ck_assert(!request_state_final(REQUEST_SUBMITTING));
    ck_assert(!request_state_final(REQUEST_PENDING));
    ck_assert(request_state_final(REQUEST_APPROVED));
    ck_assert(request_state_final(REQUEST_DENIED));
    ck_assert(request_state_final(REQUEST_EXPIRED));
    ck_assert(request_state_final(REQUEST_CANCELED));
    ck_assert(request_state_final(REQUEST_FAILED));
}
END_TEST

START_TEST(every_state_is_found_by_its_name_and_no_other_name_is)
{
    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        const char *name = request_state_name((enum request_state)state);

        ck_assert_ptr_nonnull(name);
        ck_assert_int_eq(request_state_from_name(name), state);
    }
    ck_assert_int_eq(request_state_from_name(""), REQUEST_STATE_COUNT);
    ck_assert_int_eq(request_state_from_name("Approved"), REQUEST_STATE_COUNT);
    ck_assert_int_eq(request_state_from_name("approved "), REQUEST_STATE_COUNT);
}
END_TEST

START_TEST(the_numbers_that_are_stored_stay_what_they_are)
{
    static const char *const states[] = {"held",   "submitting", "pending",  "approved",
                                         "denied", "expired",    "canceled", "failed"};
    static const char *const decisions[] = {"granted", "denied", "expired"};
    static const char *const outcomes[] = {"matched",   "late",  "conflict",
                                           "duplicate", "early", "ignored"};

    for (int i = 0; i < 8; i++) {
        ck_assert_str_eq(request_state_name((enum request_state)i), states[i]);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(decision_name((enum decision)i), decisions[i]);
    }
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(outcome_name((enum outcome)i), outcomes[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decision");
    TCase *tests = tcase_create("decision");

    tcase_add_test(tests, every_pair_of_state_and_event_does_what_is_stated);
    tcase_add_test(tests, a_final_state_never_changes_by_any_two_events);
    tcase_add_test(tests, matched_is_what_leads_to_a_final_state_and_nothing_else_is);
    tcase_add_test(tests, only_a_grant_of_an_open_request_approves);
    tcase_add_test(tests, the_final_states_are_the_five);
    tcase_add_test(tests, every_state_is_found_by_its_name_and_no_other_name_is);
    tcase_add_test(tests, the_numbers_that_are_stored_stay_what_they_are);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
